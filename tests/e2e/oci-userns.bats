# User namespaces: new ones with mappings, joined ones, and mounts whose owners are mapped.
load lib/bundle

USERNS='
os.makedirs(os.environ["HOME_OCI"] + "/rootfs/proc", exist_ok=True)
for d in ("sys", "dev", "mnt"): os.makedirs(os.environ["HOME_OCI"] + "/rootfs/" + d, exist_ok=True)
c["linux"]["namespaces"].append({"type": "user"})
def maps(uids, gids=None):
    c["linux"]["uidMappings"] = [dict(zip(("containerID", "hostID", "size"), m)) for m in uids]
    c["linux"]["gidMappings"] = [dict(zip(("containerID", "hostID", "size"), m)) for m in gids or uids]
def bind(to, source, *options, **more):
    c["mounts"].append(dict({"destination": to, "type": "bind", "source": source, "options": ["rbind"] + list(options)}, **more))
def caps(*names):
    for s in ("bounding", "effective", "permitted"): p["capabilities"][s] += names
maps([(0, 100000, 65536)])
'

pid_of() {
	oci state "$1" | sed -n 's/.*"pid": \(.*\),/\1/p'
}

# vm: always
@test "a new user namespace: root in there is somebody else outside" {
	mkdir -p "$HOME_OCI/shared"
	chmod 777 "$HOME_OCI/shared"
	bundle new "$USERNS
bind('/mnt', '$HOME_OCI/shared')
p['args'] = ['sh', '-c', 'id -u; tr -s \" \" </proc/self/uid_map; touch /mnt/file; stat -c %u:%g /mnt/file /bin; cat /proc/self/setgroups']"
	run oci run -b "$BUNDLE" new
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = " 0 100000 65536" ]
	[ "${lines[2]}" = 0:0 ]
	[ "${lines[3]}" = 65534:65534 ]
	[ "${lines[4]}" = allow ]
	[ "$(stat -c %u:%g "$HOME_OCI/shared/file")" = 100000:100000 ]
}

@test "mappings of several extents, the identity, and users and groups apart" {
	bundle extents "$USERNS
maps([(0, 100000, 10), (10, 200000, 5), (1000, 1000, 1)], [(0, 300000, 2000)])
p['user'] = {'uid': 1000, 'gid': 12, 'additionalGids': [34, 56]}
p['args'] = ['sh', '-c', 'id -u; id -g; id -G; cat /proc/self/uid_map /proc/self/gid_map | tr -s \" \"']"
	run oci run -b "$BUNDLE" extents
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = 1000 ]
	[ "${lines[1]}" = 12 ]
	[ "${lines[2]}" = "12 34 56" ]
	[ "${lines[3]}" = " 0 100000 10" ]
	[ "${lines[4]}" = " 10 200000 5" ]
	[ "${lines[5]}" = " 1000 1000 1" ]
	[ "${lines[6]}" = " 0 300000 2000" ]
	bundle identity "$USERNS
maps([(0, 0, 4294967295)])
p['args'] = ['stat', '-c', '%u', '/bin']"
	[ "$(oci run -b "$BUNDLE" identity)" = 0 ]
}

@test "a user namespace without a user 0" {
	bundle noroot "$USERNS
maps([(1000, 100000, 10)])
p['user'] = {'uid': 1001, 'gid': 1002}
p['args'] = ['sh', '-c', 'id -u; id -g; stat -c %u /dev/shm; echo >/dev/null && echo ok']"
	run oci run -b "$BUNDLE" noroot
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = 1001 ]
	[ "${lines[1]}" = 1002 ]
	[ "${lines[3]}" = ok ]
}

@test "a user or group that is not mapped is refused by its name" {
	local user
	for user in '{"uid": 70000, "gid": 0}:process.user.uid' '{"uid": 0, "gid": 70000}:process.user.gid' \
		'{"uid": 0, "gid": 0, "additionalGids": [5, 70000]}:additionalGids[1]'; do
		bundle unmapped "$USERNS
p['user'] = ${user%:*}"
		run oci run -b "$BUNDLE" unmapped
		[ "$status" = 1 ]
		[[ "$output" == *"${user##*:}"*70000*"not mapped"* ]]
	done
}

@test "mappings and user namespaces go together" {
	bundle nomaps "$USERNS
del c['linux']['uidMappings']"
	run oci run -b "$BUNDLE" nomaps
	[ "$status" = 1 ]
	[[ "$output" == *uidMappings* ]]
	bundle nons "$USERNS
c['linux']['namespaces'].pop()"
	run oci run -b "$BUNDLE" nons
	[ "$status" = 1 ]
	[[ "$output" == *uidMappings*"user namespace"* ]]
	bundle overlap "$USERNS
maps([(0, 100000, 10), (5, 200000, 10)])"
	run oci run -b "$BUNDLE" overlap
	[ "$status" = 1 ]
	[[ "$output" == *uid_map* || "$output" == *gid_map* || "$output" == *Mappings* ]]
}

@test "a user namespace is joined by path, and so are its mappings" {
	bundle first "$USERNS"
	oci run -d -b "$BUNDLE" first </dev/null >/dev/null 2>&1 3>&-
	local pid
	pid=$(pid_of first)
	bundle second "$USERNS
c['linux']['namespaces'][-1]['path'] = '/proc/$pid/ns/user'
del c['linux']['uidMappings'], c['linux']['gidMappings']
p['args'] = ['sh', '-c', 'readlink /proc/self/ns/user; id -u; tr -s \" \" </proc/self/uid_map']"
	run oci run -b "$BUNDLE" second
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = "$(readlink "/proc/$pid/ns/user")" ]
	[ "${lines[1]}" = 0 ]
	[ "${lines[2]}" = " 0 100000 65536" ]
	# with other namespaces of the first as well
	bundle third "$USERNS
c['linux']['namespaces'] = [{'type': t, 'path': '/proc/$pid/ns/' + f} for t, f in (('user', 'user'), ('pid', 'pid'), ('network', 'net'), ('ipc', 'ipc'), ('uts', 'uts'))] + [{'type': 'mount'}, {'type': 'cgroup'}]
del c['linux']['uidMappings'], c['linux']['gidMappings'], c['hostname']
p['args'] = ['sh', '-c', 'for n in user pid net ipc uts; do readlink /proc/self/ns/\$n; done']"
	run oci run -b "$BUNDLE" third
	echo "$output"
	[ "$status" = 0 ]
	local i=0 ns
	for ns in user pid net ipc uts; do
		[ "${lines[$i]}" = "$(readlink "/proc/$pid/ns/$ns")" ]
		i=$((i + 1))
	done
}

@test "exec in a user namespace: root and others, and it is the container's" {
	bundle exec "$USERNS"
	oci run -d -b "$BUNDLE" exec </dev/null >/dev/null 2>&1 3>&-
	run oci exec exec sh -c 'id -u; readlink /proc/self/ns/user'
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = "$(readlink "/proc/$(pid_of exec)/ns/user")" ]
	[ "$(oci exec -u 1000:5 exec id -u)" = 1000 ]
	run oci exec -u 70000 exec id -u
	[ "$status" = 255 ]
	[[ "$output" == *70000* ]]
}

@test "standard streams belong to the process's user, who can open them again" {
	bundle stdio "$USERNS
p['user'] = {'uid': 1000, 'gid': 1000}
p['args'] = ['sh', '-c', 'echo again >/proc/self/fd/1; cat /proc/self/fd/0']"
	[ "$(echo in | oci run -b "$BUNDLE" stdio | cat)" = "again
in" ]
}

@test "bind mounts: sources that the mapped root could not reach, files of the host's root are not its own" {
	mkdir -p "$HOME_OCI/private/deep"
	echo readable >"$HOME_OCI/private/deep/file"
	echo secret >"$HOME_OCI/private/deep/secret"
	chmod 700 "$HOME_OCI/private"
	chmod 600 "$HOME_OCI/private/deep/secret"
	bundle unreachable "$USERNS
bind('/mnt', '$HOME_OCI/private/deep')
caps('CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH')
p['args'] = ['sh', '-c', 'cat /mnt/file; cat /mnt/secret; touch /mnt/x']"
	run oci run -b "$BUNDLE" unreachable
	echo "$output"
	[ "${lines[0]}" = readable ]
	[[ "${lines[1]}" == *"Permission denied"* ]]
	[[ "${lines[2]}" == *"Permission denied"* ]]
}

@test "bind mounts keep the flags of their source" {
	mkdir -p "$HOME_OCI/flags"
	mount -t tmpfs -o nosuid,nodev,noexec,noatime tmpfs "$HOME_OCI/flags"
	bundle flags "$USERNS
bind('/mnt', '$HOME_OCI/flags', 'ro')
p['args'] = ['grep', ' /mnt ', '/proc/self/mountinfo']"
	run oci run -b "$BUNDLE" flags
	umount "$HOME_OCI/flags"
	[ "$status" = 0 ]
	[[ "$output" == *" /mnt ro,nosuid,nodev,noexec,noatime "* ]]
}

@test "devices are the host's, bound; a fifo is made; one that the host lacks is named" {
	bundle dev "$USERNS
c['linux']['devices'] = [{'path': '/dev/fifo', 'type': 'p'}]
p['args'] = ['sh', '-c', 'stat -c %t:%T:%u /dev/null; grep -c \" /dev/null \" /proc/self/mountinfo; stat -c %F /dev/fifo; echo x >/dev/null && echo ok']"
	run oci run -b "$BUNDLE" dev
	echo "$output"
	[ "${lines[0]}" = 1:3:65534 ]
	[ "${lines[1]}" = 1 ]
	[ "${lines[2]}" = fifo ]
	[ "${lines[3]}" = ok ]
	bundle dev "$USERNS
c['linux']['devices'] = [{'path': '/dev/nosuchdevice', 'type': 'c', 'major': 1, 'minor': 3}]"
	run oci run -b "$BUNDLE" dev
	[ "$status" = 1 ]
	[[ "$output" == *"/dev/nosuchdevice"* ]]
	bundle dev "$USERNS
c['linux']['devices'] = [{'path': '/dev/zero', 'type': 'c', 'major': 1, 'minor': 9}]"
	run oci run -b "$BUNDLE" dev
	[ "$status" = 1 ]
	[[ "$output" == *"/dev/zero"*"not device"* ]]
}

# vm: always
@test "the usual file systems work in a user namespace; terminals need no group 5" {
	bundle fs "$USERNS
maps([(0, 100000, 1)])
p['args'] = ['sh', '-c', 'cat /proc/self/mountinfo']"
	run oci run -b "$BUNDLE" fs
	echo "$output"
	[ "$status" = 0 ]
	for at in /proc:proc /sys:sysfs /dev:tmpfs /dev/mqueue:mqueue /dev/pts:devpts /dev/shm:tmpfs; do
		printf '%s\n' "$output" | grep -q " ${at%:*} .* - ${at#*:} "
	done
	printf '%s\n' "$output" | grep -q ' /sys/fs/cgroup.* - cgroup'
}

@test "sysfs without a network namespace is the host's, as read-only as the config says" {
	bundle sysfs "$USERNS
c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != 'network']
caps('CAP_SYS_ADMIN')
p['args'] = ['sh', '-c', 'ls /sys/class/net | wc -l; touch /sys/fs/cgroup/x /sys/x; for f in \$(find /sys/fs/cgroup/ -name cgroup.procs 2>/dev/null | head -3); do echo 1 >\$f; done']"
	run oci run -b "$BUNDLE" sysfs
	echo "$output"
	[ "$(printf '%s\n' "$output" | grep -c "Read-only file system")" -ge 2 ]
	[ "${lines[0]}" = "$(ls /sys/class/net | wc -l)" ]
}

# idmapped FOLDER: does this kernel map owners on that file system?
idmapped() {
	bundle probe "$USERNS
bind('/mnt', '$1', 'idmap')
p['args'] = ['true']"
	oci run -b "$BUNDLE" probe || skip "this kernel maps no owners on the file system of $1"
}

# vm: always
@test "idmap: a bind mount's own mappings" {
	mkdir -p "$HOME_OCI/ids"
	idmapped "$HOME_OCI/ids"
	touch "$HOME_OCI/ids/file"
	chown 1234:4321 "$HOME_OCI/ids/file"
	bundle own "bm = [{'containerID': 1234, 'hostID': 77, 'size': 1}]; gm = [{'containerID': 4321, 'hostID': 88, 'size': 1}]
for d, o in (('/tmp', ['bind', 'idmap']), ('/mnt', ['bind'])):
    c['mounts'].append({'destination': d, 'type': 'bind', 'source': '$HOME_OCI/ids', 'options': o, 'uidMappings': bm, 'gidMappings': gm})
p['args'] = ['stat', '-c', '%u:%g', '/tmp/file', '/mnt/file']"
	run oci run -b "$BUNDLE" own
	echo "$output"
	[ "${lines[0]}" = 77:88 ]
	[ "${lines[1]}" = 77:88 ]
}

@test "idmap without mappings: those of the container, new or joined" {
	mkdir -p "$HOME_OCI/ids/sub"
	idmapped "$HOME_OCI/ids"
	touch "$HOME_OCI/ids/file"
	chown 5:6 "$HOME_OCI/ids" "$HOME_OCI/ids/file"
	chmod 777 "$HOME_OCI/ids"
	bundle common "$USERNS
bind('/mnt', '$HOME_OCI/ids', 'idmap')
p['args'] = ['sh', '-c', 'stat -c %u:%g /mnt/file; touch /mnt/new']"
	run oci run -b "$BUNDLE" common
	[ "${lines[0]}" = 5:6 ]
	[ "$(stat -c %u:%g "$HOME_OCI/ids/new")" = 0:0 ]
	bundle first "$USERNS"
	oci run -d -b "$BUNDLE" first </dev/null >/dev/null 2>&1 3>&-
	bundle joined "$USERNS
bind('/mnt', '$HOME_OCI/ids', 'idmap')
c['linux']['namespaces'][-1]['path'] = '/proc/$(pid_of first)/ns/user'
del c['linux']['uidMappings'], c['linux']['gidMappings']
p['args'] = ['stat', '-c', '%u:%g', '/mnt/file']"
	run oci run -b "$BUNDLE" joined
	echo "$output"
	[ "${lines[0]}" = 5:6 ]
}

@test "idmap: a source in the container's own root is what earlier mounts have made of it" {
	local change source=$HOME_OCI/rootfs/tmp/inside
	mkdir -p "$HOME_OCI/ids"
	idmapped "$HOME_OCI/ids"
	touch "$HOME_OCI/ids/file"
	chown 1234:4321 "$HOME_OCI/ids/file"
	ln -sfn file "$HOME_OCI/ids/link"
	# without a mount of the cgroups the first process is not in them yet when it comes to these
	for change in "" "$USERNS" "c['mounts'] = [m for m in c['mounts'] if m['type'] != 'cgroup']"; do
		bundle inside "$change
c['mounts'].append({'destination': '/tmp', 'type': 'tmpfs', 'source': 'tmpfs'})
c['mounts'].append({'destination': '/tmp/inside', 'type': 'bind', 'source': '$HOME_OCI/ids', 'options': ['bind']})
bm = [{'containerID': 1234, 'hostID': 100077, 'size': 1}]; gm = [{'containerID': 4321, 'hostID': 100088, 'size': 1}]
c['mounts'].append({'destination': '/tmp/link', 'type': 'bind', 'source': '$source/link', 'options': ['bind', 'idmap', 'copy-symlink'], 'uidMappings': gm, 'gidMappings': bm})
c['mounts'] += [{'destination': '/tmp/' + d, 'type': 'bind', 'source': '$source', 'options': ['bind', 'idmap'], 'uidMappings': bm, 'gidMappings': gm} for d in 'ab']
p['args'] = ['sh', '-c', 'stat -c %u:%g /tmp/a/file /tmp/b/file; readlink /tmp/link']"
		run oci run -b "$BUNDLE" inside
		echo "$output"
		[ "$status" = 0 ]
		if [ "$change" = "$USERNS" ]; then
			[ "$output" = "77:88"$'\n'"77:88"$'\n'file ]
		else
			[ "$output" = "100077:100088"$'\n'"100077:100088"$'\n'file ]
		fi
	done
}

@test "ridmap reaches the mounts below, idmap does not" {
	mkdir -p "$HOME_OCI/ids/sub" "$HOME_OCI/below"
	idmapped "$HOME_OCI/ids"
	mount --bind "$HOME_OCI/below" "$HOME_OCI/ids/sub"
	touch "$HOME_OCI/ids/sub/file"
	chown 5:6 "$HOME_OCI/ids/sub/file"
	local way want
	for way in idmap:65534:65534 ridmap:5:6; do
		bundle rec "$USERNS
bind('/mnt', '$HOME_OCI/ids', '${way%%:*}')
p['args'] = ['stat', '-c', '%u:%g', '/mnt/sub/file']"
		run oci run -b "$BUNDLE" rec
		[ "$output" = "${way#*:}" ] || want="$output for $way"
	done
	umount "$HOME_OCI/ids/sub"
	[ -z "$want" ]
}

@test "idmap needs mappings or a user namespace, and a bind mount" {
	bundle bad "c['mounts'].append({'destination': '/tmp', 'type': 'bind', 'source': '/tmp', 'options': ['bind', 'idmap']})"
	run oci run -b "$BUNDLE" bad
	[ "$status" = 1 ]
	[[ "$output" == *"/tmp"*idmap*"user namespace"* ]]
	bundle bad "$USERNS
c['mounts'].append({'destination': '/tmp', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['ridmap']})"
	run oci run -b "$BUNDLE" bad
	[ "$status" = 1 ]
	[[ "$output" == *"bind"* ]]
	bundle bad "c['mounts'].append({'destination': '/tmp', 'type': 'bind', 'source': '/tmp', 'options': ['bind', 'idmap'], 'uidMappings': [{'containerID': 0, 'hostID': 1, 'size': 1}]})"
	run oci run -b "$BUNDLE" bad
	[ "$status" = 1 ]
	[[ "$output" == *gidMappings* ]]
}

# vm: always
@test "life in a user namespace: create, start, pause, update, kill, delete" {
	bundle life "$USERNS"
	oci create -b "$BUNDLE" life </dev/null >/dev/null 2>&1 3>&-
	[ "$(status_of life)" = created ]
	oci start life
	oci pause life
	[ "$(status_of life)" = paused ]
	oci resume life
	oci update --pids-limit 20 life
	[ "$(limit pids.max pids.max pids life)" = 20 ]
	oci kill life KILL
	wait_for is life stopped
	oci delete life
}

@test "tmpcopyup: a pipe whose owner is not mapped becomes root's" {
	mkdir -p "$HOME_OCI/rootfs/pipes"
	mkfifo "$HOME_OCI/rootfs/pipes/one"
	bundle pipes "$USERNS
maps([(0, 100000, 1000)])
c['mounts'].append({'destination': '/pipes', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['tmpcopyup']})
p['args'] = ['sh', '-c', 'test -p /pipes/one && stat -c %u:%g /pipes/one']"
	run oci run -b "$BUNDLE" pipes
	rm -r "$HOME_OCI/rootfs/pipes"
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = 0:0 ]
}

@test "mappings beside a user namespace that is joined must be that one's" {
	bundle first "$USERNS
maps([(0, 100000, 1000), (1000, 200000, 500)])"
	oci run -d -b "$BUNDLE" first </dev/null >/dev/null 2>&1 3>&-
	local pid joined
	pid=$(pid_of first)
	joined="$USERNS
c['linux']['namespaces'][-1]['path'] = '/proc/$pid/ns/user'
p['args'] = ['true']
"
	bundle same "$joined
maps([(1000, 200000, 500), (0, 100000, 1000)])"
	oci run -b "$BUNDLE" same
	local other
	for other in "[(0, 100000, 1000)]" "[(0, 100000, 1000), (1000, 200000, 501)]" "[(0, 100000, 1000)] * 2"; do
		bundle other "$joined
maps([(0, 100000, 1000), (1000, 200000, 500)], $other)"
		run oci run -b "$BUNDLE" other
		echo "$output"
		[ "$status" = 1 ]
		[[ "$output" == *"linux.gidMappings: the user namespace that is joined has other mappings"* ]]
	done
	# where it joins the pid namespace as well, it is made another way
	bundle other "$joined
c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != 'pid'] + [{'type': 'pid', 'path': '/proc/$pid/ns/pid'}]
maps([(0, 0, 1000)])"
	run oci run -b "$BUNDLE" other
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"linux.uidMappings: the user namespace that is joined has other mappings"* ]]
	[ "$(oci list -q)" = first ]
}
