# A busybox bundle for kist-oci, and what the tests of its verbs ask all the time. A file that loads it gets
# $HOME_OCI (state folders, bundles and the root file system), $CGROUP and bats' own hooks:
#
#   load lib/bundle
#
KIST_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
KIST_BUILD=${KIST_BUILD:-$KIST_TOP/build}
. "$KIST_TOP/tests/e2e/lib/slow.bash"
. "$KIST_TOP/tests/e2e/lib/sanitizer.bash"

oci() {
	timeout 30 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" "$@"
}

setup_file() {
	HOME_OCI=$(mktemp -d /tmp/kist-test-oci.XXXXXX)
	export HOME_OCI CGROUP=/kist-test-oci-$$
	mkdir -p "$HOME_OCI/rootfs/bin" "$HOME_OCI/rootfs/etc" "$HOME_OCI/rootfs/tmp"
	cp "$(command -v busybox)" "$HOME_OCI/rootfs/bin/busybox"
	"$HOME_OCI/rootfs/bin/busybox" --install "$HOME_OCI/rootfs/bin"
}

teardown_file() {
	find /sys/fs/cgroup -depth -path "*$CGROUP*" -type d -exec rmdir {} \;
	rm -rf "$HOME_OCI"
}

teardown() {
	local id
	for id in $(oci list -q); do
		oci delete --force "$id"
	done
}

# bundle NAME 'PYTHON': runc's spec with the terminal off and a cgroup namespace on v1, too, changed by statements on c; its folder in $BUNDLE.
bundle() {
	BUNDLE=$HOME_OCI/bundle-$1
	mkdir -p "$BUNDLE"
	rm -f "$BUNDLE/config.json"
	oci spec --bundle "$BUNDLE"
	python3 - "$BUNDLE/config.json" "$1" "${2:-}" <<'PY'
import json, os, sys
path, name, change = sys.argv[1:]
c = json.load(open(path))
c["process"]["terminal"] = False
c["process"]["args"] = ["sleep", "1000"]
c["root"] = {"path": os.environ["HOME_OCI"] + "/rootfs", "readonly": True}
c["linux"]["cgroupsPath"] = os.environ["CGROUP"] + "/" + name
if not any(n["type"] == "cgroup" for n in c["linux"]["namespaces"]):
    c["linux"]["namespaces"].append({"type": "cgroup"})
p, r = c["process"], c["linux"]["resources"]
exec(change)
json.dump(c, open(path, "w"), indent=1)
PY
}

# The value of a limit: v1 file, v2 file.
limit() {
	local file
	for file in /sys/fs/cgroup/{"${3:-memory}","unified",.}"$CGROUP/$4"/{"$1","$2"}; do
		if [ -e "$file" ]; then
			cat "$file"
			return
		fi
	done
}

status_of() {
	oci state "$1" | sed -n 's/.*"status": "\(.*\)",/\1/p'
}

wait_for() { # COMMAND...: up to five seconds
	local i
	for i in $(seq $((100 * ${KIST_SLOW:-1}))); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}

is() {
	[ "$(status_of "$1")" = "$2" ]
}
