# Mounts, devices and the root of a container, to the letter of config.md and config-linux.md.
load lib/bundle

# mounted TABLE TYPE SOURCE: runs a container with one mount a line of TABLE and checks /proc/self/mountinfo in there.
# A line is "options | words that the mount has | words that it has not | words of the superblock"; a leading "!" on a
# superblock word: that it has not.
mounted() {
	printf '%s\n' "$1" >"$HOME_OCI/table"
	bundle table "
p['args'] = ['cat', '/proc/self/mountinfo']
for i, line in enumerate(open(os.environ['HOME_OCI'] + '/table')):
    options = line.split('|')[0].split()
    c['mounts'].append({'destination': '/tmp/m%d' % i, 'type': '$2', 'source': '$3', 'options': options})
c['mounts'].insert(0, {'destination': '/tmp', 'type': 'tmpfs', 'source': 'tmpfs'})"
	oci run -b "$BUNDLE" table >"$HOME_OCI/mountinfo"
	python3 - "$HOME_OCI/table" "$HOME_OCI/mountinfo" <<'PY'
import sys
found = {}
for line in open(sys.argv[2]):
    own, _, fs = line.partition(" - ")
    own, fs = own.split(), fs.split()
    found[own[4]] = (own[5].split(",") + own[6:], fs[2].split(","))
bad = 0
for i, line in enumerate(open(sys.argv[1])):
    options, has, lacks, superblock = (line.rstrip("\n") + "|||").split("|")[:4]
    mount, sb = found["/tmp/m%d" % i]
    wrong = [w for w in has.split() if not any(m.startswith(w) for m in mount)]
    wrong += ["no " + w for w in lacks.split() if any(m.startswith(w) for m in mount)]
    for w in superblock.split():
        if w.startswith("!") == (w.lstrip("!") in sb):
            wrong.append(w)
    if wrong:
        print("options '%s': %s, superblock %s; wrong: %s" % (options.strip(), mount, sb, wrong))
        bad = 1
sys.exit(bad)
PY
}

@test "every mount option has its effect on a new file system" {
	mounted "defaults | rw relatime | nosuid nodev noexec | rw
ro | ro | |
rw | rw | |
ro rw | rw | ro |
rw ro | ro | |
nosuid | nosuid | |
nosuid suid | | nosuid |
nodev | nodev | |
nodev dev | | nodev |
noexec | noexec | |
noexec exec | | noexec |
noatime | noatime | relatime |
noatime atime | relatime | noatime |
nodiratime | nodiratime | |
nodiratime diratime | | nodiratime |
relatime | relatime | |
noatime relatime | relatime | noatime |
norelatime | | relatime noatime |
strictatime | | relatime noatime |
strictatime nostrictatime | relatime | noatime |
nosymfollow | nosymfollow | |
nosymfollow symfollow | | nosymfollow |
sync | | | sync
sync async | | | !sync
dirsync | | | dirsync
lazytime | | | lazytime
lazytime nolazytime | | | !lazytime
iversion | rw | | !iversion
iversion noiversion | rw | | !iversion
mand | rw | |
mand nomand | rw | | !mand
silent | rw | | !silent
silent loud | rw | | !loud
private | | shared: master: |
rprivate | | shared: master: |
shared | shared: | |
rshared | shared: | |
slave | | shared: master: |
rslave | | shared: master: |
unbindable | unbindable | |
runbindable | unbindable | |
rro | ro | |
rro rrw | rw | ro |
rnosuid | nosuid | |
rnodev | nodev | |
rnoexec | noexec | |
rnoatime | noatime | |
size=1m mode=700 | | | size=1024k mode=700" tmpfs tmpfs
}

@test "every mount option has its effect on a bind mount" {
	mkdir -p "$HOME_OCI/src"
	mounted "bind | rw | |
rbind | rw | |
bind ro | ro | |
bind nosuid nodev noexec | nosuid nodev noexec | |
bind noatime | noatime | relatime |
bind nodiratime | nodiratime | |
bind strictatime | | relatime noatime |
bind nosymfollow | nosymfollow | |
bind private | | shared: master: |
bind rprivate | | shared: master: |
bind slave | | shared: |
bind rslave | | shared: |
bind unbindable | unbindable | |
bind runbindable | unbindable | |
bind defaults sync async dirsync lazytime nolazytime iversion noiversion mand nomand silent loud | rw | |" none "$HOME_OCI/src"
}

# tree FLAGS...: a tmpfs with another in it, both mounted with the flags; in $TREE.
tree() {
	TREE=$HOME_OCI/tree
	mkdir -p "$TREE"
	mount -t tmpfs -o "$1" tmpfs "$TREE"
	mkdir -p "$TREE/sub" 2>/dev/null || { mount -o remount,rw "$TREE"; mkdir "$TREE/sub"; mount -o "remount,bind,$1" "$TREE"; }
	mount -t tmpfs -o "$1" tmpfs "$TREE/sub"
	mount --make-rprivate "$TREE"
}

untree() {
	umount -R "$HOME_OCI/tree"
}

# words of the mount at $1 in the container's mountinfo, which is in $output
flags() {
	printf '%s\n' "$output" | awk -v at="$1" '$5 == at { print $6 }' | tail -1
}

# bound OPTIONS: $output is mountinfo of a container that has $TREE at /tmp
bound() {
	bundle tree "p['args'] = ['cat', '/proc/self/mountinfo']
c['mounts'].append({'destination': '/tmp', 'type': 'bind', 'source': '$TREE', 'options': '$1'.split()})"
	run oci run -b "$BUNDLE" tree
	[ "$status" = 0 ]
}

# vm: always
@test "recursive options reach the mounts below, others do not" {
	local word plain
	tree rw,relatime
	bound "bind"
	[ -z "$(flags /tmp/sub)" ]
	bound "rbind"
	[ -n "$(flags /tmp/sub)" ]
	for word in ro nosuid nodev noexec nosymfollow nodiratime noatime; do
		bound "rbind $word"
		[[ ,$(flags /tmp), == *,$word,* ]]
		[[ ,$(flags /tmp/sub), != *,$word,* ]]
		bound "rbind r$word"
		[[ ,$(flags /tmp), == *,$word,* ]]
		[[ ,$(flags /tmp/sub), == *,$word,* ]]
	done
	for word in rstrictatime rnorelatime; do
		bound "rbind $word"
		[[ $(flags /tmp/sub) != *atime* ]]
	done
	untree
}

@test "recursive options take flags away from the mounts below" {
	tree ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow
	bound "rbind"
	[[ $(flags /tmp/sub) == ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow ]]
	bound "rbind rrw rsuid rdev rexec ratime rdiratime rsymfollow"
	[ "$(flags /tmp)" = rw,relatime ]
	[ "$(flags /tmp/sub)" = rw,relatime ]
	for word in rrelatime rnostrictatime; do
		bound "rbind $word"
		[[ $(flags /tmp/sub) == *,relatime* ]]
		[[ $(flags /tmp/sub) != *,noatime* ]]
	done
	# without the r: the top alone
	bound "rbind rw suid dev exec atime diratime symfollow"
	[ "$(flags /tmp)" = rw,relatime ]
	[[ $(flags /tmp/sub) == ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow ]]
	untree
}

@test "a bind mount hears of the host's mounts unless it is private, and tells the host only if the root is shared" {
	local way root
	TREE=$HOME_OCI/tree
	mkdir -p "$TREE"
	mount -t tmpfs tmpfs "$TREE"
	mount --make-shared "$TREE"
	mkdir "$TREE/host" "$TREE/own"
	for way in / rslave/ slave/ rprivate/ private/ rshared/ shared/ rshared/rslave shared/slave shared/private /rprivate shared/rprivate rshared/rshared shared/shared /shared /rshared private/shared slave/rshared; do
		root=${way#*/}
		bundle prop "c['mounts'].append({'destination': '/tmp', 'type': 'bind', 'source': '$TREE', 'options': 'rbind ${way%/*}'.split()})
if '$root': c['linux']['rootfsPropagation'] = '$root'
for s in ('bounding', 'effective', 'permitted'): p['capabilities'][s].append('CAP_SYS_ADMIN')"
		oci run -d -b "$BUNDLE" prop </dev/null >/dev/null 2>&1 3>&-
		mount -t tmpfs host "$TREE/host"
		oci exec prop mount -t tmpfs own /tmp/own
		run oci exec prop cat /proc/self/mountinfo
		case $way in
		rprivate/ | private/ | */rprivate | private/shared) [ -z "$(flags /tmp/host)" ] ;;
		*) [ -n "$(flags /tmp/host)" ] ;;
		esac
		case $way in
		*shared/rshared | *shared/shared | /shared | /rshared)
			grep -q " $TREE/own " /proc/self/mountinfo
			umount "$TREE/own"
			;;
		*) ! grep -q " $TREE/own " /proc/self/mountinfo || false ;;
		esac
		# what is mounted there in the container goes to others of its own
		case $way in
		*shared/*) [[ "$(echo "$output" | grep ' / /tmp ')" == *" shared:"* ]] ;;
		esac
		oci delete --force prop
		umount "$TREE/host"
	done
	umount "$TREE"
}

@test "several words of propagation take effect one after the other" {
	mounted "shared slave private | | shared master propagate unbindable |
private shared | shared: | master |
unbindable private | | unbindable |
shared unbindable | unbindable | shared |
shared | shared: | |" tmpfs tmpfs
	TREE=$HOME_OCI/tree
	mkdir -p "$TREE"
	mount -t tmpfs tmpfs "$TREE"
	mount --make-shared "$TREE"
	mounted "rbind slave shared | shared: master: | |
rbind rslave rshared | shared: master: | |
rbind shared slave | master: | shared |
rbind rslave private | | shared master |
rbind rprivate rslave rshared | shared: | master |
rbind private unbindable slave | | shared master |" bind "$TREE"
	umount "$TREE"
}

@test "remount: propagation is set as well" {
	bundle again "
p['args'] = ['cat', '/proc/self/mountinfo']
c['mounts'].append({'destination': '/tmp', 'type': 'tmpfs', 'source': 'tmpfs'})
c['mounts'].append({'destination': '/tmp', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['remount', 'shared']})"
	oci run -b "$BUNDLE" again | grep -q ' / /tmp .* shared:'
}

@test "a folder of cgroups has the propagation that it is given" {
	bundle again "
p['args'] = ['cat', '/proc/self/mountinfo']
for m in c['mounts']:
    if m['type'] == 'cgroup':
        m['options'].append('shared')"
	oci run -b "$BUNDLE" again | grep -q ' /sys/fs/cgroup .* shared:'
}

@test "mounts below a source are no peers of the host's unless shared is asked for" {
	local way
	TREE=$HOME_OCI/tree
	mkdir -p "$TREE"
	mount -t tmpfs tmpfs "$TREE"
	mkdir "$TREE/below"
	mount -t tmpfs below "$TREE/below"
	mount --make-rshared "$TREE"
	for way in "" private slave unbindable; do
		bundle below "
p['args'] = ['cat', '/proc/self/mountinfo']
c['mounts'].append({'destination': '/tmp', 'type': 'bind', 'source': '$TREE', 'options': 'rbind $way'.split()})"
		oci run -b "$BUNDLE" below >"$HOME_OCI/mountinfo"
		grep -q ' /tmp/below .* master:' "$HOME_OCI/mountinfo"
		! grep ' /tmp/below .* shared:' "$HOME_OCI/mountinfo" || false
	done
	umount -R "$TREE"
}

@test "an unknown option goes to the file system, which names it if it does not know it either" {
	bundle unknown 'c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["frobnicate=3"]})'
	run oci run -b "$BUNDLE" unknown
	[ "$status" = 1 ]
	[[ "$output" == *"/tmp"*frobnicate* ]]
	bundle unknown 'c["mounts"].append({"destination": "/tmp", "type": "nosuchfs", "source": "x"})'
	run oci run -b "$BUNDLE" unknown
	[ "$status" = 1 ]
	[[ "$output" == *nosuchfs* ]]
}

# vm: always
@test "file systems: tmpfs, proc, sysfs, mqueue, devpts, cgroup, overlay, ramfs" {
	mkdir -p "$HOME_OCI/ov/"{lower,upper,work}
	echo from-lower >"$HOME_OCI/ov/lower/file"
	bundle types 'o = os.environ["HOME_OCI"] + "/ov/"
c["mounts"] += [{"destination": "/tmp/r", "type": "ramfs", "source": "ramfs"}, {"destination": "/tmp/o", "type": "overlay", "source": "overlay", "options": ["lowerdir=%slower,upperdir=%supper" % (o, o), "workdir=%swork" % o]}]
c["mounts"].insert(0, {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
p["args"] = ["sh", "-c", "cat /tmp/o/file; echo new >/tmp/o/new; cat /proc/self/mountinfo"]'
	run oci run -b "$BUNDLE" types
	echo "$output"
	[ "${lines[0]}" = from-lower ]
	[ "$(cat "$HOME_OCI/ov/upper/new")" = new ]
	for at in /proc:proc /sys:sysfs /dev:tmpfs /dev/mqueue:mqueue /dev/pts:devpts /dev/shm:tmpfs /tmp/r:ramfs /tmp/o:overlay; do
		printf '%s\n' "$output" | grep -q " ${at%:*} .* - ${at#*:} "
	done
	printf '%s\n' "$output" | grep -q ' /sys/fs/cgroup.* - cgroup'
}

@test "a block device whose file system is mounted read-only is not written" {
	command -v mkfs.ext4 >/dev/null || skip "mkfs.ext4 is not installed"
	truncate -s 8M "$HOME_OCI/disk"
	mkfs.ext4 -q "$HOME_OCI/disk"
	local loop
	loop=$(losetup --show -r -f "$HOME_OCI/disk") || skip "no loop devices"
	bundle disk "c['mounts'].append({'destination': '/tmp', 'type': 'ext4', 'source': '$loop', 'options': ['ro', 'noload']}); p['args'] = ['ls', '/tmp']
r['devices'].append({'allow': True, 'type': 'b', 'major': 7, 'minor': -1, 'access': 'r'})"
	run oci run -b "$BUNDLE" disk
	losetup -d "$loop"
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *lost+found* ]]
}

@test "the same destination twice: the later mount covers the earlier; order is that of the list" {
	mkdir -p "$HOME_OCI/one" "$HOME_OCI/two"
	touch "$HOME_OCI/one/1" "$HOME_OCI/two/2"
	bundle twice 'h = os.environ["HOME_OCI"]
c["mounts"] += [{"destination": "/tmp", "type": "bind", "source": h + "/one", "options": ["bind"]}, {"destination": "/tmp", "type": "bind", "source": h + "/two", "options": ["bind"]}]
p["args"] = ["ls", "/tmp"]'
	[ "$(oci run -b "$BUNDLE" twice)" = 2 ]
}

@test "a source in the container's own root shows the mounts before it, and its links stay in the root" {
	local r=$HOME_OCI/rootfs s=$HOME_OCI/inside
	mkdir -p "$s/a/x" "$s/b/y" "$s/host" "$r/mnt" "$r/bare"
	touch "$s/a/x/fa" "$s/b/y/fb" "$s/host/secret" "$r/bare/own"
	ln -s /mnt "$r/link"
	ln -s "$s/host" "$r/out"
	ln -s "../../../../../../..$s/host" "$r/up"
	local dest
	for dest in /tmp/final "$r/tmp/final"; do # the second: as a path of the host's, which runc takes as well
		bundle inside "
def bind(s, d, *o): c['mounts'].append({'source': s, 'destination': d, 'type': 'bind', 'options': list(o) or ['rbind']})
c['mounts'].append({'destination': '/tmp', 'type': 'tmpfs', 'source': 'tmpfs'})
bind('$s/a', '/mnt')
bind('$s/b', '/mnt/x')
bind('$r/mnt', '$dest')
bind('$r/mnt', '/tmp/flat', 'bind', 'ro')
bind('$r/link/x/y', '/tmp/linked')
bind('$r/bare', '/tmp/bare')
bind('$r', '/tmp/whole', 'rbind')
p['args'] = ['sh', '-c', 'cd /tmp; find final flat linked bare whole/mnt -type f | sort; touch flat/no']"
		run oci run -b "$BUNDLE" inside
		echo "$output"
		[ "$(printf '%s ' "${lines[@]::5}")" = "bare/own final/x/y/fb flat/x/fa linked/fb whole/mnt/x/y/fb " ]
		[[ "${lines[5]}" == *"Read-only file system" ]]
	done
	for link in out up; do
		bundle inside "c['mounts'].append({'source': '$r/$link', 'destination': '/tmp', 'type': 'bind', 'options': ['bind']})
p['args'] = ['ls', '/tmp']"
		run oci run -b "$BUNDLE" inside
		echo "$output"
		[ "$status" = 1 ]
		[[ "$output" == *"$r/$link"*"/tmp"*"no such file or directory"* ]]
	done
	# ".." leads out of the root by name: the host's
	bundle inside "c['mounts'].append({'source': '$r/../inside/host', 'destination': '/tmp', 'type': 'bind', 'options': ['bind']})
p['args'] = ['ls', '/tmp']"
	[ "$(oci run -b "$BUNDLE" inside)" = secret ]
	bundle inside "c['mounts'].append({'source': '$r/bare', 'destination': '$r', 'type': 'bind', 'options': ['bind']})"
	run oci run -b "$BUNDLE" inside
	[ "$status" = 1 ]
	[[ "$output" == *"root file system's place"* ]]
	rm -r "$r/mnt" "$r/bare" "$r/link" "$r/out" "$r/up"
}

@test "destinations: relative, unclean, missing folders and files, a file over a file" {
	echo content >"$HOME_OCI/file"
	mkdir -p "$HOME_OCI/one"
	touch "$HOME_OCI/one/1"
	bundle dest 'h = os.environ["HOME_OCI"]
c["root"]["readonly"] = False
c["mounts"] += [{"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"},
 {"destination": "mnt/relative", "type": "bind", "source": h + "/one", "options": ["bind"]},
 {"destination": "//mnt/./x/../unclean//", "type": "bind", "source": h + "/one", "options": ["bind"]},
 {"destination": "/mnt/new/deep/file", "type": "bind", "source": h + "/file", "options": ["bind"]},
 {"destination": "/mnt/new/deep/file2", "type": "bind", "source": h + "/file", "options": ["bind"]}]
p["args"] = ["sh", "-c", "ls /mnt/relative /mnt/unclean; cat /mnt/new/deep/file; stat -c %a:%F /mnt/new/deep"]'
	run oci run -b "$BUNDLE" dest
	echo "$output"
	[ "$status" = 0 ]
	[ "$(printf '%s\n' "${lines[@]}" | grep -c '^1$')" = 2 ]
	[ "${lines[-2]}" = content ]
	[ "${lines[-1]}" = 755:directory ]
	rmdir "$HOME_OCI/rootfs/mnt"
}

@test "a source that is missing, or of another kind than the destination, is named" {
	bundle wrong 'c["mounts"].append({"destination": "/tmp", "type": "bind", "source": "/no/such/source", "options": ["bind"]})'
	run oci run -b "$BUNDLE" wrong
	[ "$status" = 1 ]
	[[ "$output" == *"/no/such/source"*"/tmp"*"no such file"* ]]
	bundle wrong 'c["mounts"].append({"destination": "/bin/busybox", "type": "bind", "source": "/etc", "options": ["bind"]})'
	run oci run -b "$BUNDLE" wrong
	[ "$status" = 1 ]
	[[ "$output" == *"/bin/busybox"*"not a directory: Are you trying to mount a directory onto a file"* ]]
	bundle wrong 'c["mounts"].append({"destination": "/tmp", "type": "bind", "source": "/etc/passwd", "options": ["bind"]})'
	run oci run -b "$BUNDLE" wrong
	[ "$status" = 1 ]
	[[ "$output" == *"/etc/passwd"*"/tmp"*"not a directory"* ]]
}

@test "symlinks in a destination stay inside the root; dangling ones are made good" {
	local r=$HOME_OCI/rootfs
	echo content >"$HOME_OCI/file"
	rm -rf "$r/var" "$r/run" "$r/out" "$HOME_OCI/outside"
	mkdir -p "$r/var" "$r/out" "$HOME_OCI/outside"
	ln -s ../run "$r/var/run"
	ln -s /run/lock "$r/var/lock"
	ln -s "../../../../../../../../../../$HOME_OCI/outside" "$r/out/there"
	bundle links 'h = os.environ["HOME_OCI"]
c["root"]["readonly"] = False
c["mounts"] += [{"destination": d, "type": "bind", "source": h + "/file", "options": ["bind"]} for d in ("/var/run/a/file", "/var/lock/file", "/out/there/file")]
p["args"] = ["cat", "/run/a/file", "/run/lock/file", "/out/there/file"]'
	run oci run -b "$BUNDLE" links
	echo "$output"
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 3 ]
	[ -z "$(ls "$HOME_OCI/outside")" ]
	ln -sfn loop2 "$r/var/loop1"
	ln -sfn loop1 "$r/var/loop2"
	bundle links 'c["root"]["readonly"] = False; c["mounts"].append({"destination": "/var/loop1/x", "type": "tmpfs", "source": "tmpfs"})'
	run oci run -b "$BUNDLE" links
	[ "$status" = 1 ]
	[[ "$output" == *"/var/loop1/x"* ]]
	rm -rf "$r/var" "$r/run" "$r/out" "$r/tmp/kist"*
}

@test "nothing is mounted inside /proc but what lxcfs provides; /sys may have mounts" {
	local at
	echo content >"$HOME_OCI/file"
	for at in /proc /proc/sys /proc/self/attr /./proc/1 /proc/../proc/sys/kernel; do
		bundle inproc "c['mounts'].append({'destination': '$at', 'type': 'tmpfs', 'source': 'tmpfs'})"
		run oci run -b "$BUNDLE" inproc
		[ "$status" = 1 ]
		[[ "$output" == *"inside /proc"* ]]
	done
	bundle inproc 'h = os.environ["HOME_OCI"]
c["mounts"] += [{"destination": "/proc/uptime", "type": "bind", "source": h + "/file", "options": ["bind"]}, {"destination": "/sys/kernel", "type": "tmpfs", "source": "tmpfs", "options": ["ro"]}]
p["args"] = ["sh", "-c", "cat /proc/uptime; ls /sys/kernel | wc -l"]'
	run oci run -b "$BUNDLE" inproc
	[ "${lines[0]}" = content ]
	[ "${lines[1]}" = 0 ]
	# the host's own procfs may stand in for a new one
	bundle inproc 'c["mounts"] = [{"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]} if m["destination"] == "/proc" else m for m in c["mounts"]]
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]
p["args"] = ["cat", "/proc/self/comm"]'
	[ "$(oci run -b "$BUNDLE" inproc)" = cat ]
}

@test "remount: a bind's flags, a file system's own options" {
	mkdir -p "$HOME_OCI/src"
	bundle remount 'c["mounts"] += [{"destination": "/tmp", "type": "bind", "source": os.environ["HOME_OCI"] + "/src", "options": ["bind"]},
 {"destination": "/tmp", "type": "bind", "options": ["bind", "remount", "ro", "nosuid"]},
 {"destination": "/dev/shm", "type": "tmpfs", "options": ["remount", "size=1m"]}]
p["args"] = ["sh", "-c", "touch /tmp/x; cat /proc/self/mountinfo"]'
	run oci run -b "$BUNDLE" remount
	echo "$output"
	[[ "${lines[0]}" == *"Read-only file system"* ]]
	[[ $(flags /tmp) == ro,nosuid* ]]
	printf '%s\n' "$output" | grep ' /dev/shm ' | grep -q size=1024k
	printf '%s\n' "$output" | grep ' /dev/shm ' | grep -q noexec
}

@test "a tmpfs takes the mode of the folder that it covers, unless it is given one" {
	mkdir -p "$HOME_OCI/rootfs/secret"
	chmod 2710 "$HOME_OCI/rootfs/secret"
	bundle mode 'c["mounts"] += [{"destination": "/secret", "type": "tmpfs", "source": "tmpfs"}]; p["args"] = ["stat", "-c", "%a", "/secret"]'
	[ "$(oci run -b "$BUNDLE" mode)" = 2710 ]
	bundle mode 'c["mounts"] += [{"destination": "/secret", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]}]; p["args"] = ["stat", "-c", "%a", "/secret"]'
	[ "$(oci run -b "$BUNDLE" mode)" = 1777 ]
	rmdir "$HOME_OCI/rootfs/secret"
}

@test "a read-only tmpfs is filled first: mounts and devices lie in it" {
	echo content >"$HOME_OCI/file"
	bundle late 'next(m for m in c["mounts"] if m["destination"] == "/dev")["options"].append("ro")
c["mounts"] += [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["ro"]}, {"destination": "/tmp/a/file", "type": "bind", "source": os.environ["HOME_OCI"] + "/file", "options": ["bind"]}]
p["args"] = ["sh", "-c", "cat /tmp/a/file; touch /tmp/x; touch /dev/x; echo >/dev/null && echo ok"]'
	run oci run -b "$BUNDLE" late
	echo "$output"
	[ "${lines[0]}" = content ]
	[[ "${lines[1]}" == *"Read-only file system"* ]]
	[[ "${lines[2]}" == *"Read-only file system"* ]]
	[ "${lines[3]}" = ok ]
}

@test "tmpcopyup: what the folder held is in the tmpfs, with owners, modes and links, and stays its own" {
	local d=$HOME_OCI/rootfs/data
	mkdir -p "$d/deep"
	echo hello >"$d/deep/file"
	ln -s deep/file "$d/link"
	chown 12:34 "$d/deep/file"
	chmod 4644 "$d/deep/file"
	bundle copyup 'c["mounts"].append({"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]})
p["args"] = ["sh", "-c", "cat /data/link; stat -c %u:%g:%a /data/deep/file; echo changed >/data/new"]'
	run oci run -b "$BUNDLE" copyup
	echo "$output"
	[ "${lines[0]}" = hello ]
	[ "${lines[1]}" = 12:34:4644 ]
	[ ! -e "$d/new" ]
	rm -rf "$d"
}

@test "crun's options: links are bound, covered or copied instead of followed" {
	local r=$HOME_OCI/rootfs s=$HOME_OCI/links
	mkdir -p "$s" "$r/l"
	echo content >"$s/file"
	ln -sfn file "$s/link"
	ln -sfn /etc/nowhere "$r/l/link"
	bundle crun "c['root']['readonly'] = False
c['mounts'] += [{'destination': '/l/copy', 'type': 'bind', 'source': '$s/link', 'options': ['bind', 'copy-symlink']},
 {'destination': '/l/link', 'type': 'bind', 'source': '$s/link', 'options': ['bind', 'src-nofollow', 'dest-nofollow']}]
p['args'] = ['sh', '-c', 'readlink /l/copy; readlink /l/link']"
	run oci run -b "$BUNDLE" crun
	echo "$output"
	[ "${lines[0]}" = file ]
	[ "${lines[1]}" = file ]
	rm -rf "$r/l"
}

@test "cgroup: not on /proc nor in it" {
	local place
	for place in /proc /proc/sys; do
		bundle overproc 'c["mounts"].append({"destination": "'$place'", "type": "cgroup", "source": "cgroup"})
p["args"] = ["true"]'
		run oci run -b "$BUNDLE" overproc
		echo "$output"
		[ "$status" = 1 ]
		[[ "$output" == *"$place"*"cannot be mounted because it is inside /proc"* ]]
	done
}

@test "cgroup: the recursive options hold for all that is mounted" {
	bundle rro 'c["mounts"] = [m for m in c["mounts"] if m["type"] != "cgroup"]
c["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rro", "rnosuid"]})
p["args"] = ["grep", " /sys/fs/cgroup", "/proc/self/mountinfo"]'
	run oci run -b "$BUNDLE" rro
	echo "$output"
	[ "$status" = 0 ]
	[ -n "$output" ]
	! grep -v " ro,nosuid" <<<"$output"
}

@test "overlay: noatime holds where its layers take more than fsconfig takes" {
	local long
	long=$HOME_OCI/$(printf 'x%.0s' {1..250})
	mkdir -p "$long" "$HOME_OCI/layer"
	bundle longlayers 'c["root"]["readonly"] = False
c["mounts"].append({"destination": "/mnt", "type": "overlay", "source": "overlay", "options": ["noatime", "lowerdir='"$long:$HOME_OCI/layer"'"]})
p["args"] = ["grep", " /mnt ", "/proc/self/mountinfo"]'
	run oci run -b "$BUNDLE" longlayers
	rm -rf "$long" "$HOME_OCI/layer" "$HOME_OCI/rootfs/mnt"
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *noatime*overlay* ]]
}
