# What people do with the images they have: lists, sizes, removal, prunes, and what the disk is used for. With the
# docker command, and kist's output beside docker's on the same daemon. KIST_PEER=dockerd runs what is Docker's
# against dockerd itself.
load lib/engine
load lib/tiny

setup_file() {
	engine_start
}
teardown_file() {
	engine_stop
}
teardown() {
	nothing_here
	ids=$(docker volume ls -q)
	[ -z "$ids" ] || docker volume rm $ids >/dev/null
}

own() { # what is kist's own cannot be asked of dockerd
	[ "${KIST_PEER:-}" != dockerd ] || skip "not dockerd's"
}

get() { # PATH: an answer of the API
	curl -sf -g --unix-socket "$KIST_HOME/kist.sock" "http://localhost/v${API:-1.41}$1"
}

py() { # EXPRESSION over j, the document on standard input
	python3 -c "import json,sys; j=json.load(sys.stdin); print($1)"
}

# same ARGUMENTS...: kist and docker print the same. More than one try, as ages grow between the two.
same() {
	local k d i
	case $(docker --version) in
	*" version 20."* | *" version 23."*) skip "this docker prints what old ones did" ;;
	esac
	for i in 1 2 3 4 5; do
		k=$(kist "$@" 2>&1) && d=$(docker "$@" 2>&1) || return 1
		k=$(sed '/^Data root/,$d' <<<"$k")
		[ "$k" = "$d" ] && return 0
	done
	[ "$(ageless <<<"$k")" != "$(ageless <<<"$d")" ] || return 0
	printf 'kist:\n%s\ndocker:\n%s\n' "$k" "$d"
	return 1
}

@test "shared and unique bytes of images are told" {
	own
	base=$(layer_with common 1000)
	tiny_image one:1 "$base" "$(layer_with a 100)"
	tiny_image two:1 "$base" "$(layer_with b 20)"
	[ "$(API=1.51 get '/images/json?shared-size=1' | py 'sorted((i["RepoTags"][0],i["Size"],i["SharedSize"],i["Containers"]) for i in j)')" = \
		"[('one:1', 1100, 1000, 0), ('two:1', 1020, 1000, 0)]" ]
	[ "$(kist images one --format '{{.SharedSize}} {{.UniqueSize}}')" = "1kB 100B" ]
	[ "$(API=1.51 get '/images/json' | py 'sorted(i["SharedSize"] for i in j)')" = "[-1, -1]" ]
	docker create two:1 true
	[ "$(API=1.51 get '/images/json' | py 'sorted((i["RepoTags"][0],i["Containers"]) for i in j)')" = "[('one:1', 0), ('two:1', 1)]" ]
	docker rm -f "$(docker ps -aq)"
	docker rmi one:1
	[ "$(API=1.51 get '/images/json?shared-size=1' | py '[i["SharedSize"] for i in j]')" = "[0]" ]
}

@test "a layer is kept once whatever lies below it, until the last image that has it goes" {
	own
	local top below_a below_b
	top=$(layer_with top 100) below_a=$(layer_with a 10) below_b=$(layer_with b 10)
	kept() { ls "$KIST_HOME/data/layers" | grep -c -E '^[0-9a-f]{64}$' || true; }
	[ "$(kept)" = 0 ]
	tiny_image one:1 "$below_a" "$top"
	tiny_image two:1 "$below_b" "$top"
	tiny_image three:1 "$top"
	tiny_image four:1 "$top" "$below_a" "$top"
	[ "$(kept)" = 3 ]
	[ "$(kist images --format '{{.SharedSize}}' two | head -n 1)" = 100B ]
	docker rmi one:1 three:1 four:1
	[ "$(kept)" = 2 ]
	docker rmi two:1
	[ "$(kept)" = 0 ]
}

@test "what is loaded reaches the disk by syncfs(2), not file by file" {
	own
	[ -z "${KIST_ASAN:-}" ] || skip "LeakSanitizer cannot work beside strace"
	command -v strace >/dev/null || skip "strace is not installed"
	local dir tracer calls
	dir=$(layer_with f 1)
	(cd "$dir" && seq 500 | xargs touch)
	strace -qq -f -o "$BATS_TEST_TMPDIR/calls" -e trace=fsync,fdatasync,syncfs,sync,sync_file_range -p "$(engine_pid)" 3>&- &
	tracer=$!
	retry 10 grep -q "TracerPid:.[1-9]" "/proc/$(engine_pid)/status"
	tiny_image synced:1 "$dir" "$(layer_with g 1)"
	kill "$tracer"
	wait "$tracer" || true
	calls=$(grep -c 'syncfs(' "$BATS_TEST_TMPDIR/calls")
	[ "$calls" -ge 1 ]
	[ "$calls" -le 2 ]
	# what is left is the folders' names and the database's
	[ "$(grep -c -E ' (fsync|fdatasync)\(' "$BATS_TEST_TMPDIR/calls")" -lt 40 ]
}

@test "images are filtered by label, age, name and whether they have one" {
	old=$(tiny_image old:1 -c 2020-01-01T00:00:00Z -l team=a -l x=1 "$(layer_with f 1)")
	mid=$(tiny_image '' -c 2021-01-01T00:00:00Z -l team=b "$(layer_with f 2)")
	new=$(tiny_image new/app:2 -c 2022-01-01T00:00:00Z "$(layer_with f 3)")
	ids() { docker images -q --no-trunc "$@" | sed s/sha256:// | sort -u; }
	[ "$(ids --filter dangling=true)" = "$mid" ]
	[ "$(ids --filter dangling=false)" = "$(printf '%s\n' "$old" "$new" | sort)" ]
	[ "$(ids --filter label=team)" = "$(printf '%s\n' "$old" "$mid" | sort)" ]
	[ "$(ids --filter label=team=a --filter label=x)" = "$old" ]
	[ "$(ids --filter label=team=c)" = "" ]
	[ "$(ids --filter before=new/app:2 --filter since=old:1)" = "$mid" ]
	[ "$(ids --filter 'reference=*/app')" = "$new" ]
	[ "$(ids --filter 'reference=old*' --filter 'reference=new/*:2')" = "$(printf '%s\n' "$old" "$new" | sort)" ]
	[ "$(ids old)" = "$old" ]
	fails_with 1 "No such image" docker images --filter before=nosuch
	fails_with 1 "nvalid filter" docker images --filter nosuch=1
	fails_with 1 "invalid filter" docker images --filter dangling=maybe
	# in the order of their making
	[ "$(docker images --no-trunc -q | sed s/sha256://)" = "$(printf '%s\n' "$new" "$mid" "$old")" ]
}

@test "until and label!= filter images" {
	own
	old=$(tiny_image old:1 -c 2020-01-01T00:00:00Z -l team=a "$(layer_with f 1)")
	new=$(tiny_image new:1 -c 2022-01-01T00:00:00Z "$(layer_with f 2)")
	ids() { docker images -q --no-trunc "$@" | sed s/sha256:// | sort -u; }
	[ "$(ids --filter until=2021-01-01T00:00:00Z)" = "$old" ]
	[ "$(ids --filter 'label!=team')" = "$new" ]
}

@test "kist's lists, histories and removals read like docker's" {
	own
	tiny_image app:1 -l a=b "$(layer_with f 1000)" "$(layer_with g 20)"
	tiny_image '' "$(layer_with f 2)"
	same images
	same images -a
	same images --digests
	same images --no-trunc
	same images -q
	same images --filter dangling=true
	same history app:1
	same image inspect app:1
	docker tag app:1 localhost:5000/other:v1 # docker shows several names of one image in any order
	kist rmi app:1 >"$BATS_TEST_TMPDIR/k"
	docker tag localhost:5000/other:v1 app:1
	docker rmi app:1 >"$BATS_TEST_TMPDIR/d"
	cmp "$BATS_TEST_TMPDIR/k" "$BATS_TEST_TMPDIR/d"
}

@test "inspect tells folders, tags and layers" {
	id=$(tiny_image app:1 "$(layer_with f 1000)" "$(layer_with g 20)")
	[ "$(docker image inspect -f '{{.GraphDriver.Name}} {{len .RootFS.Layers}} {{.Size}}' app:1)" = "overlay2 2 1020" ]
	[ "$(cat "$(docker image inspect -f '{{.GraphDriver.Data.UpperDir}}' app:1)/g" | wc -c)" = 20 ]
	[ "$(cat "$(docker image inspect -f '{{.GraphDriver.Data.LowerDir}}' app:1)/f" | wc -c)" = 1000 ]
	[ "$(API=1.49 get "/images/app:1/json?platform=$(printf '{"os":"linux","architecture":"%s"}' "$(dpkg --print-architecture)" | jq -sRr @uri)" | py 'j["Id"]')" = "sha256:$id" ] || own
	own
	run curl -s -g --unix-socket "$KIST_HOME/kist.sock" 'http://localhost/v1.49/images/app:1/json?platform={"os":"linux","architecture":"s390x"}'
	[[ "$output" == *"app:1 was found but does not provide the specified platform (linux/s390x)"* ]]
}

@test "--platform finds an image of that platform alone" {
	own
	id=$(tiny_image app:1 "$(layer_with f 1)")
	here=linux/$(dpkg --print-architecture)
	[ "$(kist image inspect --platform "$here" -f '{{.Id}}' app:1)" = "sha256:$id" ]
	[ "$(kist history -q --no-trunc --platform "$here" app:1 | wc -l)" = 0 ] # it has no history
	fails_with 1 "does not provide the specified platform (linux/s390x)" kist image inspect --platform linux/s390x app:1
	fails_with 1 "does not provide the specified platform (linux/s390x)" kist history --platform s390x app:1
	fails_with 1 "does not provide the specified platform (linux/s390x)" kist rmi --platform linux/s390x app:1
	fails_with 1 "does not provide the specified platform (linux/s390x)" docker image inspect --platform linux/s390x app:1
	fails_with 1 "multiple platforms are not supported" kist rmi --platform linux/s390x --platform "$here" app:1
	fails_with 125 "is no platform" kist history --platform a//b app:1
	kist rmi --platform "$here" app:1
	[ -z "$(docker images -aq)" ]
}

@test "rmi by id wants force where several repositories have it" {
	id=$(tiny_image one:1 "$(layer_with f 1)")
	docker tag one:1 two:1
	fails_with 1 "(must be forced) - image is referenced in multiple repositories" docker rmi "$id"
	docker images -q | grep -q .
	run docker rmi -f "$id"
	[[ "$output" == *"Untagged: one:1"*"Deleted: sha256:$id"* ]]
	[[ "$output" == *"Untagged: two:1"* ]]
	[ -z "$(docker images -aq)" ]
}

@test "rmi of several images goes on after one that fails" {
	tiny_image one:1 "$(layer_with f 1)"
	tiny_image two:1 "$(layer_with f 2)"
	fails_with 1 "No such image: nosuch:1" docker rmi one:1 nosuch:1 two:1
	[ -z "$(docker images -aq)" ]
}

@test "rmi leaves what a container uses, unless it is forced and the container stands still" {
	load_busybox
	id=$(docker images -q busybox)
	docker create --name c1 busybox true
	fails_with 1 "unable to remove repository reference \"busybox\" (must force) - container" docker rmi busybox
	fails_with 1 "(must be forced) - image is being used by stopped container" docker rmi "$id"
	docker run -d --name c2 busybox sleep 100
	fails_with 1 "(cannot be forced) - image is being used by running container" docker rmi -f "$id"
	docker rm -f c2
	docker rmi -f "$id"
	[ -z "$(docker images -aq)" ]
}

@test "nameless images that others were made from are hidden, cannot be removed, and go with the last of those" {
	load_busybox
	busybox=$(docker images -q --no-trunc busybox)
	docker create --name c1 busybox true
	step=$(docker commit c1)
	docker create --name c2 "$step" true
	app=$(docker commit c2 app:1)
	docker rm c1 c2
	ids() { docker images -q --no-trunc "$@" | sort | xargs; }
	[ "$(ids)" = "$(printf '%s\n' "$busybox" "$app" | sort | xargs)" ]
	[ "$(ids -a)" = "$(printf '%s\n' "$busybox" "$step" "$app" | sort | xargs)" ]
	[ "$(docker history -q --no-trunc app:1 | head -n 3 | xargs)" = "$app $step $busybox" ]
	fails_with 1 "(cannot be forced) - image has dependent child images" docker rmi -f "$step"
	docker image prune -f
	[ "$(ids -a | wc -w)" = 3 ]
	run docker rmi app:1
	[[ "$output" == *"Untagged: app:1"*"Deleted: $app"*"Deleted: $step"* ]]
	[ "$(ids -a)" = "$busybox" ]
	docker create --name c1 busybox true
	docker commit c1 kept:1
	docker rm c1
	[ "$(docker rmi busybox)" = "Untagged: busybox:latest" ]
	[ "$(docker images -aq | wc -l)" = 2 ]
	docker rmi --no-prune kept:1
	[ "$(docker images -aq | wc -l)" = 1 ]
	docker image prune -f
	[ -z "$(docker images -aq)" ]
}

@test "image prune takes what has no name, and with -a what has no container" {
	load_busybox
	docker create --name c1 busybox true
	tiny_image '' "$(layer_with f 700)"
	tiny_image app:1 "$(layer_with f 30)"
	run docker image prune -f
	[[ "$output" == *"deleted: sha256:"* ]]
	[ "$(docker images -q | wc -l)" = 2 ]
	run docker image prune -f --filter until=2000-01-01T00:00:00Z -a
	[ "${lines[0]}" = "Total reclaimed space: 0B" ]
	fails_with 1 'failed to parse value as time or duration: "soon"' docker image prune -f --filter until=soon
	run docker image prune -f -a --filter label=nosuch
	[ "${lines[0]}" = "Total reclaimed space: 0B" ]
	run docker image prune -f -a
	[[ "$output" == *"untagged: app:1"*"deleted: sha256:"* ]]
	[ "$(docker images --format '{{.Repository}}')" = busybox ]
	fails_with 1 "nvalid filter 'nosuch'" docker image prune -f --filter nosuch=1
}

@test "image prune takes what fits until, label and label!=, all of them" {
	tiny_image old:1 -c 2020-01-01T00:00:00Z -l team=a "$(layer_with f 1)"
	tiny_image mid:1 -c 2021-01-01T00:00:00Z -l team=b "$(layer_with f 2)"
	tiny_image new:1 -c 2022-01-01T00:00:00Z "$(layer_with f 3)"
	left() { docker images --format '{{.Repository}}' | sort | xargs; }
	docker image prune -af --filter until=2020-06-01T00:00:00Z
	[ "$(left)" = "mid new" ]
	docker image prune -af --filter 'label!=team'
	[ "$(left)" = mid ]
	docker image prune -af --filter label=team=b --filter until=2020-06-01T00:00:00Z
	docker image prune -af --filter label=team=a
	docker image prune -f --filter label=team
	[ "$(left)" = mid ]
	docker image prune -af --filter label=team=b --filter until=2021-06-01T00:00:00Z
	[ "$(left)" = "" ]
}

@test "the space that a prune frees is exactly what went" {
	own
	common=$(layer_with common 5000)
	tiny_image '' "$common" "$(layer_with f 700)"
	tiny_image keep:1 "$common"
	before=$(get '/system/df' | py 'j["LayersSize"]')
	beside() { find "$KIST_HOME/data/content" "$KIST_HOME/data/recipes" -type f -printf '%s\n' | awk '{s += $1} END {print s}'; }
	documents=$(beside)
	freed=$(curl -sf -X POST --unix-socket "$KIST_HOME/kist.sock" http://localhost/v1.41/images/prune | py 'j["SpaceReclaimed"]')
	after=$(get '/system/df' | py 'j["LayersSize"]')
	documents=$((documents - $(beside)))
	[ "$documents" -gt 100 ]
	[ $((before - after)) = 700 ]
	[ "$freed" = $((700 + documents)) ]
}

@test "removals and prunes are events" {
	tiny_image '' "$(layer_with f 700)"
	id=$(tiny_image one:1 "$(layer_with f 1)")
	since=$(date +%s.%N)
	docker rmi one:1
	docker image prune -f
	run docker events --since "$since" --until "$(date +%s.%N)" --format '{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}'
	[ "${lines[0]}" = "image untag sha256:$id sha256:$id" ]
	[ "${lines[1]}" = "image delete sha256:$id sha256:$id" ]
	[[ "${lines[2]}" == "image delete sha256:"* ]]
	[[ "${lines[3]}" == "image prune "* ]]
}

@test "system df counts images, containers and volumes, and what could be freed" {
	common=$(layer_with common 5000)
	load_busybox
	busybox=$(docker image inspect -f '{{.Size}}' busybox)
	tiny_image one:1 "$common" "$(layer_with f 700)"
	tiny_image two:1 "$common"
	docker run -d --name c1 -v data:/data busybox sh -c 'head -c 3000 /dev/zero >/written; head -c 200 /dev/zero >/data/f; exec sleep 100'
	docker create --name c2 busybox true
	docker volume create unused
	retry 5 docker exec c1 test -s /data/f
	[ "$(get /system/df | py 'j["LayersSize"]')" = $((busybox + 5700)) ]
	[ "$(get /system/df | py 'sorted((i["RepoTags"][0],i["SharedSize"],i["Containers"]) for i in j["Images"])')" = \
		"[('busybox:latest', 0, 2), ('one:1', 5000, 0), ('two:1', 5000, 0)]" ]
	[ "$(get /system/df | py '[c.get("SizeRw",0) for c in j["Containers"] if c["Names"]==["/c1"]]')" = "[3000]" ]
	[ "$(get /system/df | py 'sorted((v["Name"],v["UsageData"]["Size"],v["UsageData"]["RefCount"]) for v in j["Volumes"])')" = \
		"[('data', 200, 1), ('unused', 0, 0)]" ]
	run docker system df
	[[ "${lines[1]}" =~ ^Images\ +3\ +1\ .*5.7kB\ \(0%\)$ ]]
	[[ "${lines[2]}" =~ ^Containers\ +2\ +1\ +3kB\ +0B\ \(0%\)$ ]]
	[[ "${lines[3]}" =~ ^Local\ Volumes\ +2\ +1\ +200B\ +0B\ \(0%\)$ ]]
	[[ "${lines[4]}" =~ ^Build\ Cache\ +0\ +0\ +0B\ +0B$ ]]
}

@test "system df says the types that it is asked for" {
	own
	export API=1.42
	[ "$(get '/system/df?type=image&type=volume' | py '[j[k] for k in ("Images","Containers","Volumes","BuildCache")]')" = "[[], None, [], None]" ]
	[ "$(get '/system/df' | py '[j[k] for k in ("Images","Containers","Volumes","BuildCache")]')" = "[[], [], [], []]" ]
	run curl -s --unix-socket "$KIST_HOME/kist.sock" 'http://localhost/v1.42/system/df?type=nosuch'
	[[ "$output" == *"unknown object type: nosuch"* ]]
}

@test "kist's system df reads like docker's, and its -v adds the data root" {
	own
	load_busybox
	docker create --name c1 -v v1:/x busybox true
	same system df
	same system df --format json
	same system df --format '{{.Type}} {{.Reclaimable}}'
	same system df -v
	kist system df -v | grep -q '^layers '
}

# With retry: the daemon may write between the two.
accounted() {
	local disk
	disk=$(du -s --block-size=1 "$KIST_HOME/data" | cut -f1)
	get /kist/disk >"$BATS_TEST_TMPDIR/j"
	[ "$(py 'sum(p["Disk"] for p in j["Parts"])' <"$BATS_TEST_TMPDIR/j")" = "$disk" ]
}

@test "every byte of the data root is accounted for" {
	own
	load_busybox
	docker run --name c1 -v v1:/x busybox sh -c 'echo x >/x/y; ln /x/y /x/z; echo z >/w; mkfifo /p'
	mkdir -p "$KIST_HOME/data/ingest" "$KIST_HOME/data/strange/folder"
	head -c 12345 /dev/zero >"$KIST_HOME/data/ingest/0123"
	retry 10 accounted
	[ "$(py '[p["Size"] for p in j["Parts"] if p["Name"]=="downloads"]' <"$BATS_TEST_TMPDIR/j")" = "[12345]" ]
	[ "$(py '[p["Size"] for p in j["Parts"] if p["Name"]=="volumes"]' <"$BATS_TEST_TMPDIR/j")" = "[2]" ]
	[ "$(py '[p["Size"] for p in j["Parts"] if p["Name"]=="layers"]' <"$BATS_TEST_TMPDIR/j")" = "[$(docker image inspect -f '{{.Size}}' busybox)]" ]
	rm -r "$KIST_HOME/data/ingest/0123" "$KIST_HOME/data/strange"
}

@test "container prune takes those that do not run, and says what they had written" {
	load_busybox
	docker run -d --name run busybox sleep 100
	docker run --name done busybox sh -c 'head -c 3000 /dev/zero >/f'
	docker create --name keep -l keep=yes busybox true
	run docker container prune -f --filter 'label!=keep'
	[[ "$output" == *"Total reclaimed space: 3kB"* ]]
	[ "$(docker ps -a --format '{{.Names}}' | sort | xargs)" = "keep run" ]
	docker container prune -f
	[ "$(docker ps -a --format '{{.Names}}')" = run ]
}

@test "volume prune takes those without a name, and with -a all that nobody uses" {
	load_busybox
	docker volume create named
	docker create --name c1 -v used:/u busybox true
	docker create --name c2 -v /anonymous busybox true
	docker rm c2
	[ "$(docker volume ls -q | wc -l)" = 3 ]
	docker volume prune -f
	[ "${KIST_PEER:-}" = dockerd ] || [ "$(docker volume ls -q | sort | xargs)" = "named used" ]
	docker volume prune -f --filter all=1 || own
	[ "$(docker volume ls -q)" = used ]
}

@test "system prune takes containers and nameless images; kist says what docker says" {
	own
	load_busybox
	docker run --name done busybox true
	tiny_image '' "$(layer_with f 700)"
	run kist system prune </dev/null
	[[ "$output" == *"all stopped containers"*"[y/N]"* ]]
	[ "$(docker ps -aq | wc -l)" = 1 ]
	docker system prune -f >"$BATS_TEST_TMPDIR/d"
	docker run --name done busybox true
	tiny_image '' "$(layer_with f 700)"
	kist system prune -f >"$BATS_TEST_TMPDIR/k"
	# the headers of the layer, its times among them, are kept compressed: some bytes more or less
	local same='s/^[0-9a-f]\{64\}$/ID/; s/^\(Total reclaimed space: 1\.0\)[0-9]*kB$/\1kB/'
	diff <(sed "$same" "$BATS_TEST_TMPDIR/k") <(sed "$same" "$BATS_TEST_TMPDIR/d")
	[ -z "$(docker ps -aq)" ]
	[ "$(docker images -aq | wc -l)" = 1 ]
}

@test "a list of 2,000 images is one answer, and right" {
	own
	python3 - "$KIST_HOME/data/kist.db" <<'PY'
import hashlib, sqlite3, sys
# the tables alone: a list opens nothing else
db = sqlite3.connect(sys.argv[1], timeout=30)
for i in range(2000):
    d = "sha256:" + hashlib.sha256(b"%d" % i).hexdigest()
    db.execute("INSERT INTO images(id, created, size, last_tagged, labels) VALUES(?, ?, 1, 0, ?)", (d, i * 10**9, '{"n":"%d"}' % i))
    db.execute("INSERT INTO tags(name, image) VALUES(?, ?)", ("docker.io/library/many:%d" % i, d))
db.commit()
PY
	[ "$(get /images/json | py 'len(j), j[0]["RepoTags"], j[1999]["Labels"]')" = "2000 ['many:1999'] {'n': '0'}" ]
	[ "$(kist images -q | wc -l)" = 2000 ]
	[ "$(get '/images/json?filters={"label":["n=77"]}' | py '[i["RepoTags"] for i in j]')" = "[['many:77']]" ]
	python3 -c "import sqlite3,sys; d=sqlite3.connect(sys.argv[1],timeout=30); d.execute('DELETE FROM tags'); d.execute('DELETE FROM images'); d.commit()" "$KIST_HOME/data/kist.db"
}

# An image with known waste: /big (3000 bytes) is replaced by 1000 bytes, /dir/gone (500) removed with its folder,
# /kept (10000) stays.
wasteful_image() { # NAME
	local one two three
	one=$(layer_with kept 10000 big 3000 dir/gone 500)
	two=$(layer_with big 1000)
	three=$(layer_with new 20)
	touch "$three/.wh.dir"
	tiny_image "$1" "$one" "$two" "$three"
}

@test "explore tells which layer brought, replaced and removed what, and what that wastes" {
	own
	id=$(wasteful_image waste:1)
	kist image explore --json waste:1 >"$BATS_TEST_TMPDIR/j"
	[ "$(py 'j["Image"], j["RepoTags"], j["Size"], j["Visible"], j["Wasted"], j["WastefulPaths"]' <"$BATS_TEST_TMPDIR/j")" = \
		"sha256:$id ['waste:1'] 14520 11020 3500 2" ]
	[ "$(py 'round(j["Efficiency"], 4)' <"$BATS_TEST_TMPDIR/j")" = 0.759 ]
	[ "$(py '[(l["Size"], l["Wasted"], l["Added"], l["Changed"], l["Removed"]) for l in j["Layers"]]' <"$BATS_TEST_TMPDIR/j")" = \
		"[(13500, 3500, 4, 0, 0), (1000, 0, 0, 1, 0), (20, 0, 1, 0, 2)]" ]
	[ "$(py '[(f["Path"], f["Bytes"], [(e["Layer"], e["Change"]) for e in f["Layers"]]) for f in j["Wasteful"]]' <"$BATS_TEST_TMPDIR/j")" = \
		"[('big', 3000, [(0, 'added'), (1, 'changed')]), ('dir/gone', 500, [(0, 'added'), (2, 'removed')])]" ]
	[ "$(py '[f["Path"] for f in j["Biggest"]]' <"$BATS_TEST_TMPDIR/j")" = "['kept', 'big', 'new']" ]
	run kist image explore waste:1
	[[ "$output" == *"14.52kB in 3 layers, of which a container sees 11.02kB"* ]]
	[[ "$output" == *"Efficiency:  75.9%"* ]]
	[ "$(kist image explore --top 1 --json waste:1 | py 'len(j["Biggest"])')" = 1 ]
	fails_with 1 "No such image: nosuch:latest" kist image explore nosuch
}

@test "explore's limits end with 2 where they do not hold" {
	own
	wasteful_image waste:1
	kist image explore --lowest-efficiency 75% --highest-wasted-bytes 3500 --highest-wasted-percent 25% waste:1
	fails_with 2 "an efficiency of 75.90% is lower than 0.8" kist image explore --lowest-efficiency 0.8 waste:1
	fails_with 2 "3.5kB wasted are more than 3kB" kist image explore --json --highest-wasted-bytes 3kB waste:1
	fails_with 2 "24.10% wasted are more than 24%" kist image explore --highest-wasted-percent 24% waste:1
	fails_with 125 "is no number of bytes" kist image explore --highest-wasted-bytes many waste:1
	fails_with 125 "is neither a percentage" kist image explore --lowest-efficiency 101% waste:1
}

@test "inspect shows when an image was made in the zone that its configuration has" {
	local at
	while read -r at want; do
		tiny_image at:1 -c "$at" "$(layer_with f 1)"
		[ "$(docker image inspect -f '{{.Created}}' at:1)" = "$want" ]
	done <<-EOF
		2024-01-01T01:00:00+01:00 2024-01-01T01:00:00+01:00
		2024-01-01T01:00:00.500000000-07:30 2024-01-01T01:00:00.5-07:30
		2024-01-01T01:00:00.000+05:00 2024-01-01T01:00:00+05:00
		2024-01-01T01:00:00.120Z 2024-01-01T01:00:00.12Z
		2024-01-01T01:00:00+00:00 2024-01-01T01:00:00Z
	EOF
}

@test "image files shows what a container sees, or what one layer did" {
	own
	wasteful_image waste:1
	[ "$(kist image files waste:1 | awk '{print $4, $5}')" = "$(printf '%s\n' '1 /big' '0 /kept' '2 /new')" ]
	[ "$(kist image files --layer 2 waste:1 | awk '{print $1, $NF}')" = "$(printf '%s\n' '- /dir' '- /dir/gone' '+ /new')" ]
	layer=$(docker image inspect -f '{{index .RootFS.Layers 1}}' waste:1)
	[ "$(kist image files --layer "$layer" waste:1 | awk '{print $1, $NF}')" = "~ /big" ]
	layer=${layer#sha256:}
	[ "$(kist image files --json --layer "${layer:0:12}" waste:1 | py 'j["Path"], j["Layer"], j["Change"], j["Size"], j["Mode"]')" = "big 1 changed 1000 420" ]
	fails_with 1 "no layer 3: the image has 0 to 2" kist image files --layer 3 waste:1
}

@test "image files --json says of a path what the API says, names that are no UTF-8 too" {
	own
	dir=$(layer_with plain 1)
	mkdir "$dir/d"
	echo 1 >"$dir/"$'d/\xff\xfe'
	ln "$dir/"$'d/\xff\xfe' "$dir/hard"
	echo 22 >"$dir/d/\\xff\\xfe"
	ln -s $'to\xff' "$dir/link"
	mkfifo "$dir/fifo"
	mknod "$dir/null" c 1 3
	chmod 4755 "$dir/plain"
	chown 12:34 "$dir/plain"
	tiny_image shape:1 "$dir"
	kist image files --json shape:1 >"$BATS_TEST_TMPDIR/cli"
	curl -sf --unix-socket "$KIST_HOME/kist.sock" http://x/kist/images/shape:1/files | tail -n +2 |
		jq -c 'del(.Events) + .Events[-1]' >"$BATS_TEST_TMPDIR/api"
	diff "$BATS_TEST_TMPDIR/api" <(jq -c . "$BATS_TEST_TMPDIR/cli")
	[ "$(wc -l <"$BATS_TEST_TMPDIR/cli")" = 8 ]
	[ "$(jq -r 'select(.PathHex == "642ffffe").Size' "$BATS_TEST_TMPDIR/cli")" = 2 ]
	[ "$(jq -r 'select(.Path == "d/\\xff\\xfe") | .Size, has("PathHex")' "$BATS_TEST_TMPDIR/cli" | xargs)" = "3 false" ]
	[ "$(jq -r 'select(.Path == "null") | .Type, .Major, .Minor' "$BATS_TEST_TMPDIR/cli" | xargs)" = "char 1 3" ]
	[ "$(kist image explore --json shape:1 | jq -r '.Biggest[] | select(.PathHex).PathHex')" = 642ffffe ]
}

@test "image diff compares contents, attributes and settings" {
	own
	a=$(layer_with same 10 changed 10 gone 5 mode 1)
	b=$(layer_with same 10 changed 12 new 7 mode 1)
	chmod 755 "$b/mode"
	echo 123456789 >"$a/text"
	echo 123456780 >"$b/text"
	ln -s one "$a/link"
	ln -s two "$b/link"
	tiny_image one:1 -l v=1 "$a"
	tiny_image two:1 -l v=2 "$b"
	run kist image diff one:1 two:1
	[ "$status" = 0 ]
	[ "${lines[0]}" = '~ Labels: {"v":"1"} -> {"v":"2"}' ]
	[ "$(printf '%s\n' "${lines[@]:1}" | awk '{print $1, $NF, $(NF-1)}' | head -n 6)" = "$(printf '%s\n' \
		'~ (content) /changed' '- /gone 5B' '~ (content) /link' '~ (mode) /mode' '+ /new 7B' '~ (content) /text')" ]
	[ "${lines[7]}" = "1 added, 4 changed, 1 removed; +4B" ]
	[ "$(kist image diff one:1 one:1)" = "0 added, 0 changed, 0 removed; +0B" ]
	[ "$(kist image diff --json one:1 two:1 | tail -n 1 | py 'j["Path"], j["Change"], j["Differs"], j["A"]["Size"]')" = "text changed ['content'] 10" ]
	fails_with 1 "No such image: nosuch:latest" kist image diff one:1 nosuch
}

@test "names that would steer a terminal are shown escaped" {
	own
	dir=$(layer_with plain 1)
	touch "$dir"/$'red\e[31m' "$dir"/$'two\nlines' "$dir"/$'no\xffutf8'
	tiny_image odd:1 "$dir"
	run kist image files odd:1
	[[ "$output" != *$'\e'* ]]
	[[ "$output" == *'/red\x1b[31m'* ]]
	[[ "$output" == *'/two\nlines'* ]]
	[[ "$output" == *'/no\xffutf8'* ]]
	[ "${#lines[@]}" = 4 ]
	kist image explore odd:1 | grep -q plain
	mkdir "$dir/x"
	tiny_image odder:1 "$dir"
	kist image diff odd:1 odder:1 | grep -q '^+ .*/x$'
}

@test "a listing that nobody reads costs the daemon nothing, and removing the image meanwhile does not break it" {
	own
	dir=$(layer_with plain 1)
	(cd "$dir" && seq 20000 | xargs touch)
	tiny_image many:1 "$dir"
	python3 - "$KIST_HOME/kist.sock" "$(engine_pid)" <<'PY'
import socket, subprocess, sys, time
def rss():
    return next(int(l.split()[1]) for l in open("/proc/%s/status" % sys.argv[2]) if l.startswith("VmRSS"))
def ask():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(b"GET /kist/images/many:1/files HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return s
def read(s):
    data = b""
    while True:
        piece = s.recv(1 << 20)
        if not piece:
            return data
        data += piece
assert read(ask()).count(b'"Path"') == 20001
before = rss()
lazy = [ask() for i in range(10)]
# those that are read later have to have begun
for s in lazy[:5]:
    assert s.recv(1, socket.MSG_PEEK)
time.sleep(1)
grown = rss() - before
# ten folders of 20,000 names on the way, and a piece each; the answers together are 30 MB
assert grown < 60000, grown
for s in lazy[5:]:
    s.close()
subprocess.run(["docker", "rmi", "many:1"], check=True, stdout=subprocess.DEVNULL)
for s in lazy[:5]:
    data = read(s)
    assert data.count(b'"Path"') == 20001 and b'"error"' not in data
PY
	retry 10 eval '[ "$(ls "$KIST_HOME/data/layers" | grep -c -E "^[0-9a-f]{64}$")" = 0 ]'
}

@test "explore on a terminal folds, searches, follows the window's size, and leaves the terminal as it was" {
	own
	wasteful_image waste:1
	python3 - "$BIN/kist" <<'PY'
import fcntl, os, pty, select, signal, struct, subprocess, sys, termios, time
fd, slave = pty.openpty()
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 90, 0, 0))
before = termios.tcgetattr(slave)
kist = subprocess.Popen([sys.argv[1], "image", "explore", "waste:1"], stdin=slave, stdout=slave, stderr=slave,
                        env=dict(os.environ, TERM="xterm"))
seen = b""
def until(text, then=b""):
    global seen
    end = time.time() + 30 * int(os.environ.get("KIST_SLOW", "1"))
    while text.encode() not in seen:
        assert time.time() < end, (text, seen[-3000:])
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 65536)
    seen = b""
    os.write(fd, then)
until("14.52kB, 3.5kB wasted, 75.9% efficient", b"[")
until("layer 1 of 0-2", b"[")
until("layer 0 of 0-2", b"/gon\r")
until("gone  [500B wasted]", b"s")
until("by size", b"\t")
until("what this layer did", b"\x1b[B")
until("v dir", b"")
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 80, 0, 0))
kist.send_signal(signal.SIGWINCH)
until("/ n search  * - all", b"")
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 8, 30, 0, 0))
kist.send_signal(signal.SIGWINCH)
until("layer 0 of 0-2  13.5kB, +4 ~0 \x1b", b"q")
until("\x1b[?1049l")
assert kist.wait() == 0
assert termios.tcgetattr(slave) == before
PY
}
