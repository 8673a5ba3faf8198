# The root of a container: propagation, read-only, --no-pivot, masks, and the devices that every /dev has.
load lib/bundle

# runs ID [FLAG...]: the bundle's container is run to a good end; what it says is in $output and $lines
runs() {
	run oci run "${@:2}" -b "$BUNDLE" "$1"
	echo "$output"
	[ "$status" = 0 ]
}

# The fields of the last mount at $1 in $output (mountinfo): "options optional-fields".
mount_at() {
	printf '%s\n' "$output" | awk -v at="$1" '$5 == at { l = $6; for (i = 7; $i != "-"; i++) l = l " " $i } END { print l }'
}

@test "rootfsPropagation: the root is private, shared, slave or unbindable, also recursively" {
	local way
	# a root that is a mount of its own, shared with the host's
	mkdir -p "$HOME_OCI/mnt"
	mount --bind "$HOME_OCI/rootfs" "$HOME_OCI/mnt"
	mount --make-shared "$HOME_OCI/mnt"
	for way in "" private rprivate slave rslave shared rshared unbindable runbindable; do
		bundle prop "c['root']['path'] = '$HOME_OCI/mnt'; p['args'] = ['cat', '/proc/self/mountinfo']
c['linux']['rootfsPropagation'] = '$way'
c['mounts'].append({'destination': '/tmp', 'type': 'tmpfs', 'source': 'tmpfs'})"
		run oci run -b "$BUNDLE" prop
		echo "$way: / $(mount_at /), /tmp $(mount_at /tmp)"
		[ "$status" = 0 ]
		case $way in
		"" | private | rprivate) [[ "$(mount_at /)" != *:* ]] ;;
		slave | rslave) [[ "$(mount_at /)" == *master:* && "$(mount_at /)" != *shared:* ]] ;;
		shared) [[ "$(mount_at /)" == *shared:* && "$(mount_at /tmp)" != *shared:* ]] ;;
		rshared) [[ "$(mount_at /)" == *shared:* && "$(mount_at /tmp)" == *shared:* ]] ;;
		unbindable) [[ "$(mount_at /)" == *unbindable* && "$(mount_at /tmp)" != *unbindable* ]] ;;
		runbindable) [[ "$(mount_at /)" == *unbindable* && "$(mount_at /tmp)" == *unbindable* ]] ;;
		esac
	done
	# whatever was asked for, the host's mounts are as they were
	grep -q " $HOME_OCI/mnt .* shared:" /proc/self/mountinfo
	[ "$(grep -c " $HOME_OCI/mnt" /proc/self/mountinfo)" = 1 ]
	umount "$HOME_OCI/mnt"
	bundle prop "c['linux']['rootfsPropagation'] = 'sideways'"
	run oci run -b "$BUNDLE" prop
	[ "$status" = 1 ]
	[[ "$output" == *rootfsPropagation*sideways* ]]
}

@test "a slave root hears of what the host mounts in it, a private one does not" {
	local way found
	mkdir -p "$HOME_OCI/mnt" "$HOME_OCI/rootfs/later"
	mount --bind "$HOME_OCI/rootfs" "$HOME_OCI/mnt"
	mount --make-shared "$HOME_OCI/mnt"
	for way in rslave rprivate; do
		bundle slave "c['root']['path'] = '$HOME_OCI/mnt'; c['linux']['rootfsPropagation'] = '$way'"
		oci run -d -b "$BUNDLE" slave </dev/null >/dev/null 2>&1 3>&-
		mount -t tmpfs later "$HOME_OCI/mnt/later"
		run oci exec slave cat /proc/self/mountinfo
		found=$(mount_at /later)
		oci delete --force slave
		umount "$HOME_OCI/mnt/later"
		case $way in
		rslave) [ -n "$found" ] ;;
		rprivate) [ -z "$found" ] ;;
		esac
	done
	umount "$HOME_OCI/mnt"
}

@test "mounts below the root come along, and go with the container" {
	mkdir -p "$HOME_OCI/rootfs/below"
	mount -t tmpfs tmpfs "$HOME_OCI/rootfs/below"
	touch "$HOME_OCI/rootfs/below/there"
	bundle below 'p["args"] = ["ls", "/below"]'
	run oci run -b "$BUNDLE" below
	umount "$HOME_OCI/rootfs/below"
	rmdir "$HOME_OCI/rootfs/below"
	[ "$output" = there ]
}

@test "root.path: relative to the bundle, unclean, through a link, missing" {
	bundle path 'c["root"]["path"] = "fs"; p["args"] = ["echo", "here"]'
	cp -a "$HOME_OCI/rootfs" "$BUNDLE/fs"
	[ "$(oci run -b "$BUNDLE" path)" = here ]
	bundle path 'c["root"]["path"] = "./nowhere/..//fs/."; p["args"] = ["echo", "here"]'
	[ "$(oci run -b "$BUNDLE" path)" = here ]
	ln -sfn fs "$BUNDLE/link"
	bundle path 'c["root"]["path"] = "link"; p["args"] = ["echo", "here"]'
	[ "$(oci run -b "$BUNDLE" path)" = here ]
	bundle path 'c["root"]["path"] = "missing"'
	run oci run -b "$BUNDLE" path
	[ "$status" = 1 ]
	[[ "$output" == *"$BUNDLE/missing"*"no such file"* ]]
}

@test "root.readonly is about the root alone, and the host's folder stays writable" {
	bundle ro 'p["args"] = ["sh", "-c", "touch /x; touch /dev/shm/y && echo ok"]'
	run oci run -b "$BUNDLE" ro
	[[ "${lines[0]}" == *"Read-only file system"* ]]
	[ "${lines[1]}" = ok ]
	touch "$HOME_OCI/rootfs/host"
	bundle rw 'c["root"]["readonly"] = False; p["args"] = ["rm", "/host"]'
	oci run -b "$BUNDLE" rw
	[ ! -e "$HOME_OCI/rootfs/host" ]
}

@test "the host's own root as a container's: nothing of the host changes" {
	# not in /tmp, which is a mount of its own on newer machines: what is read-only is the root's
	local new=/kist-test-$BATS_TEST_NUMBER.$$
	bundle host "c['root'] = {'path': '/', 'readonly': True}; p['args'] = ['sh', '-c', 'touch $new; ls $HOME_OCI; echo \$\$']"
	# in mounts of our own: other people's come and go meanwhile
	run unshare -m bash -c '
before=$(cat /proc/self/mountinfo)
"$@" || echo failed
[ "$(cat /proc/self/mountinfo)" = "$before" ] && echo same' - \
		timeout 30 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" host
	echo "$output"
	[ ! -e "$new" ] || { rm "$new"; false; }
	[[ "$output" == *"Read-only file system"*bundle-host* ]]
	[ "${lines[-2]} ${lines[-1]}" = "1 same" ]
}

@test "--no-pivot: the same container, and no whole procfs or sysfs of the host is left in it" {
	bundle nopivot 'p["args"] = ["sh", "-c", "ls /; cat /proc/self/mountinfo"]
for s in ("bounding", "effective", "permitted"): p["capabilities"][s].append("CAP_SYS_CHROOT")'
	runs nopivot --no-pivot
	[ "${lines[0]}" = bin ]
	# with a whole procfs in its mount namespace, the kernel would let root of a new user namespace have another
	# one, without the masks
	bundle nopivot 'p["args"] = ["unshare", "-Urmpf", "mount", "-t", "proc", "proc", "/proc"]
for s in ("bounding", "effective", "permitted"): p["capabilities"][s].append("CAP_SETFCAP")'
	run oci run --no-pivot -b "$BUNDLE" nopivot
	echo "$output"
	[ "$status" != 0 ]
	[[ "$output" == *"mount: permission denied"* ]]
	bundle nopivot 'c["linux"]["rootfsPropagation"] = "rprivate"'
	run oci run --no-pivot -b "$BUNDLE" nopivot2
	[ "$status" = 1 ]
	[[ "$output" == *"not safe without pivot_root"* ]]
}

# vm: always
@test "maskedPaths: a file reads empty, a folder is empty and read-only, what is missing does not matter" {
	mkdir -p "$HOME_OCI/rootfs/secret/deep"
	echo secret | tee "$HOME_OCI/rootfs/secret/file" >"$HOME_OCI/rootfs/token"
	ln -sfn token "$HOME_OCI/rootfs/alias"
	bundle mask 'c["linux"]["maskedPaths"] += ["/secret", "/token", "/alias", "/token", "/no/such/path", "/token/below"]
c["root"]["readonly"] = False
p["args"] = ["sh", "-c", "ls -A /secret | wc -l; cat /token /alias | wc -c; touch /secret/x; echo x >/token; cat /token"]'
	runs mask
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = 0 ]
	[[ "${lines[2]}" == *"Read-only file system"* ]]
	[ "${#lines[@]}" = 3 ]
	[ "$(cat "$HOME_OCI/rootfs/token")" = secret ]
	rm -rf "$HOME_OCI/rootfs/"{secret,token,alias}
}

@test "maskedPaths: folders share one file system, and what is named twice is masked once" {
	mkdir -p "$HOME_OCI/rootfs/"{one,two,three}
	touch "$HOME_OCI/rootfs/"{one,two,three}/secret "$HOME_OCI/rootfs/token"
	ln -sfn two "$HOME_OCI/rootfs/again"
	bundle masks 'c["linux"]["maskedPaths"] = ["/one", "/two", "/three/", "/token", "/two", "/again", "/token", "/one"]
c["root"]["readonly"] = False
p["args"] = ["sh", "-c", "stat -c %d one two three | uniq | wc -l; find one two three -mindepth 1; touch two/x three/x; grep -cE \" /(one|two|three|token) \" /proc/self/mountinfo"]'
	runs masks
	[ "${lines[0]}" = 1 ]
	[[ "${lines[1]}" == *"Read-only file system"* ]]
	[[ "${lines[2]}" == *"Read-only file system"* ]]
	[ "${lines[3]}" = 4 ]
	rm -rf "$HOME_OCI/rootfs/"{one,two,three,token,again}
}

# vm: always
@test "maskedPaths in a /proc and a /sys that are read-only as a whole are masked, in a user namespace too" {
	local users
	for users in "" 'c["linux"]["namespaces"].append({"type": "user"})
c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]'; do
		mkdir -p "$HOME_OCI/rootfs/"{proc,sys,dev}
		bundle whole "$users"'
c["linux"]["maskedPaths"] = ["/proc/kallsyms", "/proc/irq", "/sys/kernel"]
c["linux"]["readonlyPaths"] = ["/proc", "/sys", "/proc/irq"]
p["args"] = ["sh", "-c", "cat /proc/kallsyms | wc -c; ls /proc/irq /sys/kernel; echo x >/proc/self/comm"]'
		run oci run -b "$BUNDLE" whole
		echo "$output"
		[ "${lines[0]} ${lines[1]} ${lines[2]}" = "0 /proc/irq: /sys/kernel:" ]
		[[ "${lines[3]}" == *"Read-only file system"* ]]
	done
}

@test "readonlyPaths: files, folders and the mounts below them; what is missing does not matter" {
	mkdir -p "$HOME_OCI/rootfs/conf"
	touch "$HOME_OCI/rootfs/token"
	bundle ropath 'c["linux"]["readonlyPaths"] += ["/conf", "/token", "/no/such/path", "/dev/shm"]
c["root"]["readonly"] = False
c["mounts"] += [{"destination": "/conf/mnt", "type": "tmpfs", "source": "tmpfs"}]
p["args"] = ["sh", "-c", "for f in /conf/x /conf/mnt/x /token /dev/shm/x /proc/sys/x; do echo 2>&1 >$f; done; touch /fine; rm /fine && echo ok"]'
	run oci run -b "$BUNDLE" ropath
	echo "$output"
	[ "$(printf '%s\n' "$output" | grep -c "Read-only file system\|nonexistent\|Permission denied")" = 5 ]
	[ "${lines[-1]}" = ok ]
	rm -rf "$HOME_OCI/rootfs/"{conf,token}
}

# vm: always
@test "default devices and links are in every /dev" {
	bundle dev 'p["args"] = ["sh", "-c", "stat -c \"%n %a %t:%T %F\" /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty; for l in fd stdin stdout stderr ptmx; do echo $l $(readlink /dev/$l); done; ls /dev/core; stat -L -c %t:%T /dev/ptmx; echo x >/dev/full"]'
	run oci run -b "$BUNDLE" dev
	echo "$output"
	[ "${lines[0]}" = "/dev/null 666 1:3 character special file" ]
	[ "${lines[1]}" = "/dev/zero 666 1:5 character special file" ]
	[ "${lines[2]}" = "/dev/full 666 1:7 character special file" ]
	[ "${lines[3]}" = "/dev/random 666 1:8 character special file" ]
	[ "${lines[4]}" = "/dev/urandom 666 1:9 character special file" ]
	[ "${lines[5]}" = "/dev/tty 666 5:0 character special file" ]
	[ "${lines[6]}" = "fd /proc/self/fd" ]
	[ "${lines[7]}" = "stdin /proc/self/fd/0" ]
	[ "${lines[8]}" = "stdout /proc/self/fd/1" ]
	[ "${lines[9]}" = "stderr /proc/self/fd/2" ]
	[ "${lines[10]}" = "ptmx pts/ptmx" ]
	[ "${lines[12]}" = 5:2 ]
	[[ "${lines[13]}" == *"No space left on device"* ]]
}

@test "linux.devices: nodes of every type with mode and owner, anywhere in the tree" {
	bundle nodes 'c["linux"]["devices"] = [
 {"path": "/dev/own", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 12, "gid": 34},
 {"path": "/dev/unbuffered", "type": "u", "major": 1, "minor": 5, "fileMode": 0o606},
 {"path": "/dev/sub/block", "type": "b", "major": 7, "minor": 200, "fileMode": 0o600},
 {"path": "/dev/fifo", "type": "p", "fileMode": 0o622},
 {"path": "/tmp/elsewhere", "type": "c", "major": 1, "minor": 7},
 {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o604}]
c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
p["args"] = ["stat", "-c", "%n %a %u:%g %t:%T %F"] + [d["path"] for d in c["linux"]["devices"]]'
	run oci run -b "$BUNDLE" nodes
	echo "$output"
	[ "${lines[0]}" = "/dev/own 640 12:34 1:3 character special file" ]
	[ "${lines[1]}" = "/dev/unbuffered 606 0:0 1:5 character special file" ]
	[ "${lines[2]}" = "/dev/sub/block 600 0:0 7:c8 block special file" ]
	[ "${lines[3]}" = "/dev/fifo 622 0:0 0:0 fifo" ]
	[ "${lines[4]}" = "/tmp/elsewhere 666 0:0 1:7 character special file" ]
	[ "${lines[5]}" = "/dev/null 604 0:0 1:3 character special file" ]
}

@test "linux.devices: what is there already must be that device" {
	rm -f "$HOME_OCI/rootfs/node"
	touch "$HOME_OCI/rootfs/node"
	bundle there 'c["root"]["readonly"] = False; p["args"] = ["stat", "-c", "%a", "/node"]
c["linux"]["devices"] = [{"path": "/node", "type": "c", "major": 1, "minor": 3}]'
	run oci run -b "$BUNDLE" there
	[ "$status" = 1 ]
	[[ "$output" == *"device /node"*"not this device"* ]]
	rm -f "$HOME_OCI/rootfs/node"
	mknod -m 611 "$HOME_OCI/rootfs/node" c 1 3
	[ "$(oci run -b "$BUNDLE" there)" = 611 ]
	rm -f "$HOME_OCI/rootfs/node"
	bundle there 'c["linux"]["devices"] = [{"path": "/dev/x", "type": "q", "major": 1, "minor": 3}]'
	run oci run -b "$BUNDLE" there
	[ "$status" = 1 ]
	[[ "$output" == *"devices"* ]]
}

@test "a /dev that is bound from the host gets no devices and no links" {
	mkdir -p "$HOME_OCI/dev"
	bundle bound 'c["mounts"] = [m for m in c["mounts"] if not m["destination"].startswith("/dev")] + [{"destination": "/dev/", "type": "bind", "source": os.environ["HOME_OCI"] + "/dev", "options": ["bind"]}]
p["args"] = ["true"]'
	run oci run -b "$BUNDLE" bound
	[ "$status" = 0 ]
	[ -z "$(ls -A "$HOME_OCI/dev")" ]
}

# One that is on its way to a /dev of the host's gives the container away, but must not change the host.
@test "a folder of the host's that an image leads /dev to is left as it is" {
	local way root=$HOME_OCI/leads before
	for way in dev host; do
		rm -rf "$root" "$HOME_OCI/theirs"
		cp -a "$HOME_OCI/rootfs" "$root"
		mkdir -p "$HOME_OCI/theirs/"{pts,shm,mqueue}
		echo theirs >"$HOME_OCI/theirs/ptmx"
		if [ $way = dev ]; then
			mkdir "$root/host"
			rm -rf "$root/dev"
			ln -s /host/dev "$root/dev"
		else
			ln -s / "$root/host"
		fi
		before=$(ls -lA "$HOME_OCI/theirs")
		bundle leads "
c['root']['path'] = '$root'
p['args'] = ['true']
c['mounts'].append({'destination': '/host/dev', 'type': 'bind', 'source': '$HOME_OCI/theirs', 'options': ['rbind']})"
		oci run -b "$BUNDLE" leads
		[ "$(ls -lA "$HOME_OCI/theirs")" = "$before" ]
		[ "$(cat "$HOME_OCI/theirs/ptmx")" = theirs ]
	done
	rm -rf "$root" "$HOME_OCI/theirs"
}

@test "a terminal is /dev/console too" {
	bundle console 'p["terminal"] = True; p["args"] = ["sh", "-c", "tty; stat -c %t:%T /dev/console /dev/pts/0; readlink /proc/self/fd/0; echo to-console >/dev/console"]'
	run python3 - "$KIST_BUILD/bin/kist-oci" "$HOME_OCI/state" "$BUNDLE" <<'PY'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "--root", sys.argv[2], "run", "-b", sys.argv[3], "console"])
out = b""
while True:
    try:
        b = os.read(fd, 1000)
    except OSError:
        break
    if not b:
        break
    out += b
print(out.decode().replace("\r", ""))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = /dev/pts/0 ]
	[ "${lines[1]}" = "${lines[2]}" ]
	[ "${lines[3]}" = /dev/pts/0 ]
	[ "${lines[4]}" = to-console ]
}

# As a test of the host's mount namespace would not be a good neighbour, it is one made for it.
without_mount_namespace() {
	unshare -m --propagation "${1:-private}" env -C "$HOME_OCI" KIST_OCI="$KIST_BUILD/bin/kist-oci" BUNDLE="$BUNDLE" bash -euc "
oci() { timeout 30 \"\$KIST_OCI\" --root '$HOME_OCI/state' \"\$@\"; }
$2"
}

NO_MOUNT_NS='c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "mount"]
c["linux"]["maskedPaths"] = c["linux"]["readonlyPaths"] = []
'

@test "without a mount namespace the container is in the caller's, in its own root, and nothing of it stays there" {
	bundle nons "$NO_MOUNT_NS"'
c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
p["args"] = ["sh", "-c", "readlink /proc/self/ns/mnt; ls /bin/busybox; touch /x; touch /tmp/x && echo ok; ls -d /etc/passwd"]'
	run without_mount_namespace private '
readlink /proc/self/ns/mnt
before=$(cat /proc/self/mountinfo)
oci run -b "$BUNDLE" nons || true
[ "$(cat /proc/self/mountinfo)" = "$before" ] && echo clean'
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = "${lines[1]}" ]
	[ "${lines[2]}" = /bin/busybox ]
	[[ "$output" == *"/x: Read-only file system"* ]]
	[[ "$output" == *ok* ]]
	[[ "$output" == *"/etc/passwd: No such file"* ]]
	[ "${lines[-1]}" = clean ]
}

@test "without a mount namespace: create, start, exec in its root, delete; on shared mounts too; a killed create is cleared" {
	bundle nons "$NO_MOUNT_NS"
	local way
	for way in private shared; do
		run without_mount_namespace "$way" '
before=$(cut -d" " -f4- /proc/self/mountinfo)
oci create -b "$BUNDLE" nons </dev/null >/dev/null 2>&1
oci start nons
oci exec nons ls /
[ "$(oci exec nons readlink /proc/self/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ] && echo same
oci delete --force nons
for i in 1 2 3 4 5 6; do
	timeout -s KILL 0.0$((i * 2)) "$KIST_OCI" --root "'"$HOME_OCI/state"'" create -b "$BUNDLE" nons </dev/null >/dev/null 2>&1 || true
	oci delete --force nons
done
[ "$(cut -d" " -f4- /proc/self/mountinfo)" = "$before" ] && echo clean'
		echo "$output"
		[ "$status" = 0 ]
		[[ "$output" == bin*same*clean ]]
	done
}

@test "without a mount namespace there are no masks and no read-only paths" {
	bundle nons 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "mount"]'
	run oci run -b "$BUNDLE" nons
	[ "$status" = 1 ]
	[[ "$output" == *"needs a mount namespace"* ]]
}

@test "the host's own mount namespace is not joined by path, and keeps its root" {
	local path other
	for path in self 1; do
		other=
		[ $path = self ] || other="unshare -m"
		bundle ownns 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "mount"] + [{"type": "mount", "path": "/proc/'$path'/ns/mnt"}]
p["args"] = ["true"]'
		run unshare -m --fork --pid --mount-proc env -C "$HOME_OCI" bash -c '
readlink /proc/self/ns/mnt
"$@" || echo failed
[ -d "'"$HOME_OCI"'/rootfs" ] && readlink /proc/self/ns/mnt' - \
			timeout 30 $other "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" ownns
		echo "$output"
		[[ "$output" == *"mount namespace that is joined is the host's own"*failed* ]]
		[ "${lines[0]}" = "${lines[-1]}" ]
	done
}

@test "exec: in a container without any namespace of its own" {
	bundle nons "$NO_MOUNT_NS"'
c["linux"]["namespaces"] = []
c["mounts"] = []
del c["hostname"]'
	run without_mount_namespace private '
oci run -d -b "$BUNDLE" nons </dev/null >/dev/null 2>&1
oci exec nons ls / || true
oci delete --force nons'
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = bin ]
}

@test "--no-pivot: a procfs beside the root, in a folder whose name begins like the root's, is taken away too" {
	bundle nopivot 'p["args"] = ["unshare", "-Urmpf", "mount", "-t", "proc", "proc", "/proc"]
for s in ("bounding", "effective", "permitted"): p["capabilities"][s] += ["CAP_SETFCAP", "CAP_SYS_CHROOT"]'
	mkdir "$HOME_OCI/rootfs-2"
	run without_mount_namespace private '
mount -t proc proc "'"$HOME_OCI"'/rootfs-2"
oci run --no-pivot -b "$BUNDLE" nopivot || echo "failed"'
	rmdir "$HOME_OCI/rootfs-2"
	echo "$output"
	[[ "$output" == *"mount: permission denied"*failed ]]
}

@test "without a mount namespace: one container at a time has its mounts at a root" {
	bundle second "$NO_MOUNT_NS"
	bundle nons "$NO_MOUNT_NS"
	run without_mount_namespace private '
mount --bind rootfs rootfs
before=$(cat /proc/self/mountinfo)
oci run -d -b "$BUNDLE" nons </dev/null >/dev/null 2>&1
during=$(cat /proc/self/mountinfo)
oci create -b bundle-second second </dev/null 2>&1 | cat
[ "$(cat /proc/self/mountinfo)" = "$during" ] && echo kept
oci delete --force second
oci delete --force nons
[ "$(cat /proc/self/mountinfo)" = "$before" ] && echo clean'
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *"container nons has its mounts there"*kept*clean ]]
}
