#!/bin/sh
# install.sh FILE FOLDER NAME: installs a generated file under another name than it was built with.
set -e
case $2 in
/*) folder=${DESTDIR}$2 ;;
*) folder=$MESON_INSTALL_DESTDIR_PREFIX/$2 ;;
esac
mkdir -p "$folder"
install -m 644 "$1" "$folder/$3"
