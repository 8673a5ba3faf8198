# The power fails: what is on the disk at a random moment, and nothing of what was only in memory, has to be a whole store.
#
# The data root lies on a journalled ext4 in a file on an XFS. A reflink of that file is atomic: it holds every write that the
# ext4 had sent to its disk and none that it still had in memory, which is what a power cut leaves.
load lib/engine
load lib/registry

bats_require_minimum_version 1.5.0

setup_file() {
	HOME_CUT=$(mktemp -d /tmp/kist-test-cut.XXXXXX)
	export HOME_CUT
	truncate -s 4G "$HOME_CUT/outer.img"
	mkfs.xfs -q -m reflink=1 "$HOME_CUT/outer.img"
	mkdir "$HOME_CUT/outer" "$HOME_CUT/disk" "$HOME_CUT/after"
	mount -o loop "$HOME_CUT/outer.img" "$HOME_CUT/outer"
	truncate -s 1500M "$HOME_CUT/outer/disk.img"
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$HOME_CUT/outer/disk.img"
	mount -o loop "$HOME_CUT/outer/disk.img" "$HOME_CUT/disk"
	net_make
	registry_there || return 0
	registry_start plain 5000
	# one that is never pulled to its end before the cut
	put_image cut/large 1 --layers 3 --bytes 8000000
}

# A mount namespace that somebody made meanwhile has these mounts, too, and keeps the loop devices busy.
held_elsewhere() {
	local mine info ns
	mine=$(readlink /proc/self/ns/mnt)
	for info in $(grep -ls " $HOME_CUT/" /proc/[0-9]*/mountinfo); do
		ns=$(readlink "${info%mountinfo}ns/mnt") || continue
		[ "$ns" = "$mine" ] || return 0
	done
	return 1
}

unmounted() { # FOLDER
	! mountpoint -q "$1" || retry 10 umount -R "$1" || { held_elsewhere && umount -R -l "$1"; }
}

teardown_file() {
	local point pid
	registry_stop_all
	for pid in "$HOME_CUT"/*.pid; do
		[ -e "$pid" ] && kill "$(cat "$pid")" && retry 10 test ! -e "$pid"
	done
	for point in after disk outer; do
		unmounted "$HOME_CUT/$point"
	done
	keep_reports "$HOME_CUT"/*.log
	net_remove
	rm -rf --one-file-system "$HOME_CUT"
}

# daemon_on FOLDER NAME: kistd with its data root below FOLDER; sets DAEMON.
daemon_on() {
	export KIST_HOST=unix://$HOME_CUT/$2.sock DOCKER_HOST=unix://$HOME_CUT/$2.sock
	nsenter --net="/run/netns/$KIST_NETNS" -- "$BIN/kistd" --data-root "$1/data" --exec-root "$HOME_CUT/$2.run" --host "$KIST_HOST" \
		--pidfile "$HOME_CUT/$2.pid" --bridge none --cgroup-parent "/kist-test-cut-$2" --log-level debug \
		>>"$HOME_CUT/$2.log" 2>&1 </dev/null 3>&- &
	DAEMON=$!
	retry 20 kist version
}

daemon_end() {
	kill "$DAEMON"
	wait "$DAEMON" || true
}

put_image() {
	in_net python3 "$REGISTRY_LIB/push_image.py" http://127.0.0.1:5000 "$@" >/dev/null
}

# What was answered has to be there; nothing follows the pull that would bring it to the disk by the way.
pull() { # NUMBER
	local name=localhost:5000/cut/image:$1
	put_image cut/image "$1" --seed "$1" --layers 2 --bytes 400000 --compress "$([ $((RANDOM % 2)) = 0 ] && echo gzip || echo plain)"
	[ $((RANDOM % 3)) != 0 ] || timeout "0.$((RANDOM % 90 + 10))" kist pull -q "$name" >/dev/null || true
	kist pull -q "$name" >/dev/null && echo "$name"
}

# Every name that was answered for goes to the file of promises, before it is taken back again with a "-" in front. The first is
# pulled, and not taken back: no cut is without.
work() {
	local i=0 archive=$HOME_CUT/base.tar choices=9
	"$KIST_TOP/scripts/busybox-image" -l 12 -t layered:1 -o "$HOME_CUT/layered.tar"
	"$KIST_TOP/scripts/busybox-image" -t busybox:latest -o "$archive"
	while [ ! -e "$HOME_CUT/enough" ]; do
		i=$((i + 1))
		case $((i == 1 ? 4 : RANDOM % choices)) in
		0) kist load -q -i "$archive" >/dev/null && kist tag busybox:latest "loaded:$i" && echo "loaded:$i" ;;
		1) head -c $((RANDOM * 40)) /dev/urandom >"$HOME_CUT/content" &&
			tar -C "$HOME_CUT" -cf - content | kist import - "imported:$i" >/dev/null && echo "imported:$i" ;;
		2) kist load -q -i "$HOME_CUT/layered.tar" >/dev/null && kist tag layered:1 "layered:v$i" && echo "layered:v$i" ;;
		3) kist run --network none --name "c$i" busybox sh -c "echo $i >/f" && kist commit "c$i" "committed:$i" >/dev/null &&
			echo "committed:$i" && kist rm "c$i" >/dev/null ;;
		4 | 5) pull "$i" ;;
		6) timeout "0.$((RANDOM % 90 + 10))" kist pull -q localhost:5000/cut/large:1 >/dev/null ;;
		*) victim=$(sed 's/^-//' "$HOME_CUT/promises" | sort | uniq -u | grep -v ':1$' | shuf -n 1) &&
			[ -n "$victim" ] && echo "-$victim" >>"$HOME_CUT/promises" && kist rmi "$victim" >/dev/null ;;
		esac 2>>"$HOME_CUT/work.log" | { grep : || true; } >>"$HOME_CUT/promises"
	done
	return 0
}

nothing_half_done() {
	[ -z "$(ls "$HOME_CUT/after/data/staging")" ]
}

# promised COUNT: so many lines are in the file of promises
promised() {
	[ "$(wc -l <"$HOME_CUT/promises")" -ge "$1" ]
}

cuts() { # COUNT
	local n worker
	daemon_on "$HOME_CUT/disk" before
	: >"$HOME_CUT/promises"
	work 3>&- &
	worker=$!
	for n in $(seq "$1"); do
		retry 60 promised $((n * 2))
		sleep "$(patience "0.$((RANDOM % 90 + 10))")"
		# what is promised after this line may be on the disk or not
		cp "$HOME_CUT/promises" "$HOME_CUT/promises.$n"
		cp --reflink=always "$HOME_CUT/outer/disk.img" "$HOME_CUT/outer/cut.$n.img"
		cp "$HOME_CUT/promises" "$HOME_CUT/taken.$n"
	done
	touch "$HOME_CUT/enough"
	wait "$worker"
	daemon_end
}

@test "after a power cut at any moment under load, import, commit, pull and rmi the store is whole and holds what was answered for" {
	local n name missing=0 kept=0 pulled=0 count=${KIST_CUTS:-$(chances 12)}
	registry_there || skip "docker-registry is not installed"
	registry_client_config
	cuts "$count"
	for n in $(seq "$count"); do
		mount -o loop "$HOME_CUT/outer/cut.$n.img" "$HOME_CUT/after"
		daemon_on "$HOME_CUT/after" "after$n"
		run kist system check
		[ "$status" = 0 ] || { echo "cut $n: $output"; false; }
		# promised before the cut, and not taken back until after it
		while read -r name; do
			kept=$((kept + 1))
			[[ "$name" != localhost* ]] || pulled=$((pulled + 1))
			kist image inspect "$name" >/dev/null || { echo "cut $n: $name is lost"; missing=$((missing + 1)); }
		done < <(comm -23 <(grep -v ^- "$HOME_CUT/promises.$n" | sort) <(sed -n 's/^-//p' "$HOME_CUT/taken.$n" | sort))
		for name in $({ kist images -q busybox; kist images -q layered; kist images -q loaded; } | sort -u | head -n 3); do
			kist run --rm --network none "$name" true
		done
		# whatever is left of its download
		kist pull -q localhost:5000/cut/large:1 >/dev/null
		run kist system check
		[ "$status" = 0 ] || { echo "cut $n, after a pull: $output"; false; }
		retry 10 nothing_half_done
		daemon_end
		unmounted "$HOME_CUT/after"
	done
	echo "$kept names were answered for, $pulled of them pulls, $missing lost"
	[ "$missing" = 0 ]
	[ "$pulled" -gt 0 ]
	[ "$kept" -gt "$count" ]
}
