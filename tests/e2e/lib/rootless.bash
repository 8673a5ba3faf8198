# An ordinary user for tests of containers without privileges, in $RL_USER with uid $RL_UID: the caller, if that is one,
# else a user made for the test, with subordinate ids ($RL_SUBID, 65536 of them). Everything of theirs is below
# $HOME_OCI, $XDG_RUNTIME_DIR too.
#
#   load lib/bundle
#   load lib/rootless

rootless_begin() {
	export RL_UID RL_GID RL_USER RL_SUBID
	if [ "$(id -u)" = 0 ]; then
		RL_USER=kist-rl-$$
		useradd -M -N -g nogroup -d "$HOME_OCI" -s /bin/sh "$RL_USER"
		groupadd "$RL_USER"
		usermod -g "$RL_USER" "$RL_USER"
		grep -q "^$RL_USER:" /etc/subuid || usermod --add-subuids 700000-765535 --add-subgids 700000-765535 "$RL_USER"
	else
		RL_USER=$(id -un)
	fi
	RL_UID=$(id -u "$RL_USER")
	RL_GID=$(id -g "$RL_USER")
	RL_SUBID=$(sed -n "s/^$RL_USER:\([0-9]*\):.*/\1/p" /etc/subuid)
	mkdir -p "$HOME_OCI/xdg" "$HOME_OCI/rootfs/"{proc,sys,dev,mnt}
	chmod 755 "$HOME_OCI"
	chmod 700 "$HOME_OCI/xdg"
	if [ "$(id -u)" = 0 ]; then
		chown -R "$RL_UID:$RL_GID" "$HOME_OCI"
	fi
}

rootless_end() {
	if [ "$(id -u)" = 0 ]; then
		userdel "$RL_USER"
		groupdel "$RL_USER" 2>/dev/null || true
	fi
}

# COMMAND... as that user, in an environment of their own
as_user() {
	local to=()
	[ "$(id -u)" != 0 ] || to=(setpriv --reuid "$RL_UID" --regid "$RL_GID" --clear-groups)
	"${to[@]}" env XDG_RUNTIME_DIR="$HOME_OCI/xdg" HOME="$HOME_OCI" USER="$RL_USER" "$@"
}

# The same in place of the shell, so that what is killed is the command: (exec_as_user COMMAND...) &
exec_as_user() {
	local to=()
	[ "$(id -u)" != 0 ] || to=(setpriv --reuid "$RL_UID" --regid "$RL_GID" --clear-groups)
	exec "${to[@]}" env XDG_RUNTIME_DIR="$HOME_OCI/xdg" HOME="$HOME_OCI" USER="$RL_USER" "$@"
}

rl() {
	as_user timeout 60 "$KIST_BUILD/bin/kist-oci" "$@"
}

# rootless NAME 'PYTHON': what `spec --rootless` gives that user, changed by statements on c; its folder in $BUNDLE.
rootless() {
	BUNDLE=$HOME_OCI/bundle-$1
	rm -rf "$BUNDLE"
	as_user mkdir -p "$BUNDLE"
	rl spec --rootless --bundle "$BUNDLE"
	as_user python3 - "$BUNDLE/config.json" "${2:-}" <<'PY'
import json, os, sys
path, change = sys.argv[1:]
c = json.load(open(path))
p, l = c["process"], c["linux"]
p["terminal"] = False
p["args"] = ["sleep", "1000"]
c["root"] = {"path": os.environ["HOME_OCI"] + "/rootfs", "readonly": True}
def subids(size=65536):
    host, sub = int(os.environ["RL_UID"]), int(os.environ["RL_SUBID"])
    for k, own in (("uidMappings", host), ("gidMappings", int(os.environ["RL_GID"]))):
        l[k] = [{"containerID": 0, "hostID": own, "size": 1}, {"containerID": 1, "hostID": sub, "size": size}]
exec(change)
json.dump(c, open(path, "w"), indent=1)
PY
}
