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
	local ids
	ids=$(docker ps -aq)
	[ -z "$ids" ] || docker rm -f -v $ids >/dev/null 2>&1
	ids=$(docker images -aq | sort -u)
	[ -z "$ids" ] || docker rmi -f $ids >/dev/null 2>&1
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

# same ARGUMENTS...: kist and docker print the same
same() {
	local k d
	case $(docker --version) in
	*" version 20."* | *" version 23."*) skip "this docker prints what old ones did" ;;
	esac
	k=$(kist "$@" 2>&1) && d=$(docker "$@" 2>&1) || return 1
	[ "$k" = "$d" ] || { printf 'kist:\n%s\ndocker:\n%s\n' "$k" "$d"; return 1; }
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
	docker tag app:1 localhost:5000/other:v1
	same images
	same images -a
	same images --digests
	same images --no-trunc
	same images -q
	same images --filter dangling=true
	same history app:1
	same image inspect app:1
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
	run docker image prune -f -a --filter label=nosuch
	[ "${lines[0]}" = "Total reclaimed space: 0B" ]
	run docker image prune -f -a
	[[ "$output" == *"untagged: app:1"*"deleted: sha256:"* ]]
	[ "$(docker images --format '{{.Repository}}')" = busybox ]
	fails_with 1 "nvalid filter 'nosuch'" docker image prune -f --filter nosuch=1
}

@test "the space that a prune frees is exactly what went" {
	own
	common=$(layer_with common 5000)
	tiny_image '' "$common" "$(layer_with f 700)"
	tiny_image keep:1 "$common"
	before=$(get '/system/df' | py 'j["LayersSize"]')
	documents=$(du -sb "$KIST_HOME/data/content" | cut -f1)
	freed=$(curl -sf -X POST --unix-socket "$KIST_HOME/kist.sock" http://localhost/v1.41/images/prune | py 'j["SpaceReclaimed"]')
	after=$(get '/system/df' | py 'j["LayersSize"]')
	documents=$((documents - $(du -sb "$KIST_HOME/data/content" | cut -f1)))
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
	kist system df -v >"$BATS_TEST_TMPDIR/k"
	docker system df -v >"$BATS_TEST_TMPDIR/d"
	sed '/^Data root/,$d' "$BATS_TEST_TMPDIR/k" | diff -B - "$BATS_TEST_TMPDIR/d"
	grep -q '^layers ' "$BATS_TEST_TMPDIR/k"
}

@test "every byte of the data root is accounted for" {
	own
	load_busybox
	docker run --name c1 -v v1:/x busybox sh -c 'echo x >/x/y; ln /x/y /x/z; echo z >/w; mkfifo /p'
	mkdir -p "$KIST_HOME/data/ingest" "$KIST_HOME/data/strange/folder"
	head -c 12345 /dev/zero >"$KIST_HOME/data/ingest/0123"
	disk=$(du -s --block-size=1 "$KIST_HOME/data" | cut -f1)
	get /kist/disk >"$BATS_TEST_TMPDIR/j"
	[ "$(py 'sum(p["Disk"] for p in j["Parts"])' <"$BATS_TEST_TMPDIR/j")" = "$disk" ]
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
	diff <(sed 's/^[0-9a-f]\{64\}$/ID/' "$BATS_TEST_TMPDIR/k") <(sed 's/^[0-9a-f]\{64\}$/ID/' "$BATS_TEST_TMPDIR/d")
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
