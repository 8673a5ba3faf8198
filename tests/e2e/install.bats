# make install: everything is where it belongs, and an installed tree works from wherever it was put.
load lib/engine

setup_file() {
	KIST_INSTALLED=$(mktemp -d /tmp/kist-install.XXXXXX)
	export KIST_INSTALLED
	DESTDIR=$KIST_INSTALLED meson install -C "$KIST_BUILD" --no-rebuild --strip --quiet
	BIN=$(prefix)/bin
	PATH=$BIN:$PATH
	engine_start --bridge none
	kist load -q -i "$(busybox_archive)"
}
teardown_file() {
	PATH=$(prefix)/bin:$PATH engine_stop
	rm -rf --one-file-system "$KIST_INSTALLED"
}
setup() {
	cd "$(prefix)" || return 1
	PATH=$PWD/bin:$PATH
}

# The build's prefix, below the folder that it was installed into.
prefix() {
	local bin
	bin=$(find "$KIST_INSTALLED" -path '*/bin/kistd')
	dirname "$(dirname "$bin")"
}

@test "programs, data, units, manual pages and completions are installed" {
	local file
	for file in bin/kist bin/kistd bin/kist-oci libexec/kist/kist-monitor libexec/kist/kist-init \
		libexec/kist/kist-transfer libexec/kist/kist-registry libexec/kist/kist-tls; do
		[ -x $file ] || { echo "$file is not there"; return 1; }
	done
	# where libsystemd was there to build it with
	[ -x libexec/kist/kist-systemd ] || [ ! -e "$KIST_BUILD/bin/kist-systemd" ]
	for file in share/kist/seccomp.json lib/systemd/system/kist.service lib/systemd/system/kist.socket \
		lib/tmpfiles.d/kist.conf lib/sysusers.d/kist.conf share/bash-completion/completions/kist \
		share/bash-completion/completions/kist-oci \
		share/zsh/site-functions/_kist share/fish/vendor_completions.d/kist.fish \
		share/zsh/site-functions/_kist-oci share/fish/vendor_completions.d/kist-oci.fish; do
		[ -s $file ] || { echo "$file is not there"; return 1; }
	done
	grep -q "^ExecStart=${PWD#"$KIST_INSTALLED"}/bin/kistd " lib/systemd/system/kist.service
	! grep -rn '@[a-z]*@' lib
}

@test "every page that kist knows is installed, and says what it is" {
	local page pages
	pages=$(kist man)
	[ "$(wc -l <<<"$pages")" -gt 30 ]
	for page in $pages; do
		grep -q '^\.SH NAME\|^\.so man1/' "share/man/man1/$page" || { echo "$page"; return 1; }
	done
	# every name under which the help lists a command
	local group name
	for group in "" $(kist --help | sed -n '/^Management/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		for name in $(kist $group --help | sed -n 's/^  \([a-z]\+\)  .*/\1/p'); do
			page=share/man/man1/kist-${group:+$group-}$name.1
			[ -s "$page" ] || { echo "no $page"; return 1; }
			# a page of another name leads to one that is there
			[ "$(head -c 4 "$page")" != ".so " ] || grep -q '^\.SH NAME' "share/man/$(cut -c 5- "$page")"
		done
	done
	[ "$(cat share/man/man1/kist-image-pull.1)" = ".so man1/kist-pull.1" ]
	grep -q kist-image-pull share/man/man1/kist-image.1
	for page in man8/kistd.8 man8/kist-oci.8 man5/kist-daemon.json.5; do
		for section in NAME SYNOPSIS DESCRIPTION OPTIONS ENVIRONMENT FILES SIGNALS "SEE ALSO"; do
			grep -q "^\.Sh $section\$" "share/man/$page" || { echo "$page: $section"; return 1; }
		done
	done
	# the tables came along
	grep -q '^\.It .*Fl -data-root' share/man/man8/kistd.8
	grep -q '^\.Ss update' share/man/man8/kist-oci.8
	grep -q '^\.It Cm hosts Pq list of strings' share/man/man5/kist-daemon.json.5
	grep -q '^\.It Cm registry-timeout Pq number of seconds' share/man/man5/kist-daemon.json.5
	grep -q '^\.It Cm max-concurrent-uploads Pq number$' share/man/man5/kist-daemon.json.5
	[ "$(grep -B 1 '^Keys with a dot' share/man/man5/kist-daemon.json.5 | head -n 1)" = .Pp ]
}

@test "programs are stripped and small: six megabytes together" {
	[ -z "${KIST_ASAN:-}" ] || skip "programs with a sanitizer are not small"
	local total
	total=$(cat bin/kist* libexec/kist/* | wc -c)
	echo "$total bytes"
	[ "$total" -lt 6000000 ]
}

@test "a container runs from the installed tree" {
	[ "$(readlink "/proc/$(engine_pid)/exe")" = "$PWD/bin/kistd" ]
	[ "$(kist run --rm --network none busybox echo from there)" = "from there" ]
	kist run --rm --init --network none busybox sh -c '[ $$ != 1 ]'
	# the profile came along: a system call that it does not let through
	[ "$(kist run --rm --network none busybox grep Seccomp: /proc/self/status | tr -d '\t ')" = Seccomp:2 ]
	[ -z "$(kist ps -aq)" ]
}
