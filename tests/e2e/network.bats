# The network with the stock docker command: addresses, ports from every side, generated files, modes,
# and what a restart of the daemon leaves alone. in_net is the engine's machine, in_outside another one.
load lib/engine

setup_file() {
	engine_start
	load_busybox
}
teardown_file() {
	engine_stop
}
teardown() {
	local ids
	ids=$(docker ps -aq)
	[ -z "$ids" ] || docker rm -f -v $ids >/dev/null 2>&1
}

address() {
	docker inspect -f '{{.NetworkSettings.IPAddress}}' "$1"
}

# web NAME TEXT [docker flags]: a server on port 80 that answers TEXT.
web() {
	local name=$1 text=$2
	shift 2
	docker run -d --name "$name" "$@" busybox \
		sh -c "mkdir -p /w && echo $text >/w/index.html && exec httpd -f -p 80 -h /w" >/dev/null
	retry 5 in_net curl -sf -m 1 "http://$(address "$name")/" >/dev/null
}

get() { # where url
	"$1" curl -s -f --noproxy '*' --connect-timeout "$(patience 3)" -m "$(patience 20)" "$2"
}

# What a page says, asked from inside a container. (busybox's static wget needs libc's name service.)
get_inside() { # host port run-or-exec-arguments...
	local host=$1 port=$2
	shift 2
	docker "$@" sh -c "printf 'GET / HTTP/1.0\r\n\r\n' | nc -w $(patience 10) $host $port | tail -n 1"
}

# echo_udp NAME [docker flags]: sends every datagram on port 53 back. Runs the host's socat.
echo_udp() {
	local name=$1
	shift
	docker run -d --name "$name" -v /:/host:ro "$@" busybox \
		chroot /host socat UDP-LISTEN:53,fork EXEC:cat >/dev/null
	retry 5 docker exec "$name" grep -q ':0035 ' /proc/net/udp
}
ask_udp() { # where host port
	"$1" timeout "$(patience 3)" bash -c 'exec 9<>"/dev/udp/$0/$1"; echo ping >&9; head -n 1 <&9' "$2" "$3"
}
# With retry: socat is deaf for a moment after every datagram.
pings() { # where host port
	[ "$(ask_udp "$@")" = ping ]
}

bridge() {
	docker network inspect -f '{{index .Options "com.docker.network.bridge.name"}}' bridge
}

@test "a container has an address of the bridge's subnet, a gateway and a MAC address" {
	docker run -d --name c1 busybox sleep 1000
	[[ "$(address c1)" == 10.88.0.* ]]
	[ "$(docker inspect -f '{{.NetworkSettings.Gateway}}' c1)" = 10.88.0.1 ]
	[ "$(docker inspect -f '{{.NetworkSettings.IPPrefixLen}}' c1)" = 24 ]
	[ "$(docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' c1)" = "$(address c1)" ]
	mac=$(docker inspect -f '{{.NetworkSettings.MacAddress}}' c1)
	[ "$(docker exec c1 cat /sys/class/net/eth0/address)" = "$mac" ]
	docker exec c1 ip -o addr show eth0 | grep -q "inet $(address c1)/24 brd 10.88.0.255 "
	[ "$(docker exec c1 ip route | head -n 1 | tr -s ' ' | sed 's/ $//')" = "default via 10.88.0.1 dev eth0" ]
	docker exec c1 ip link show lo | grep -q LOWER_UP
}

@test "IPv6 is not left half on: none on eth0 (CVE-2024-32473)" {
	docker run -d --name c1 busybox sleep 1000
	[ -z "$(docker exec c1 cat /proc/net/if_inet6 | grep eth0)" ]
	[ "$(docker exec c1 cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6)" = 1 ]
}

@test "--mac-address is kept" {
	[ "${KIST_PEER:-}" != dockerd ] || skip "docker 20.10 does not take it from this client"
	run docker run --rm --mac-address 02:00:00:00:be:ef busybox cat /sys/class/net/eth0/address
	[[ "$output" == *02:00:00:00:be:ef* ]]
}

@test "containers reach each other and the outside, which sees the host" {
	web c1 one
	[ "$(get_inside "$(address c1)" 80 run --rm busybox)" = one ]
	in_outside timeout "$(patience 20)" bash -c 'socat -T 5 TCP-LISTEN:7000,reuseaddr SYSTEM:"echo \$SOCAT_PEERADDR" &
		echo $! >'"$BATS_TEST_TMPDIR/pid"'; wait' 3>&- &
	retry 5 test -s "$BATS_TEST_TMPDIR/pid"
	retry 5 bash -c "nsenter --net=/run/netns/$KIST_NETNS-out ss -ltn | grep -q :7000"
	[ "$(docker run --rm busybox nc -w "$(patience 10)" 192.0.2.2 7000)" = 192.0.2.1 ]
	wait
}

@test "a published tcp port is reached from all sides" {
	web c1 hello -p 8080:80
	[ "$(get in_net http://127.0.0.1:8080/)" = hello ]
	[ "$(get in_net http://192.0.2.1:8080/)" = hello ]
	[ "$(get in_net http://10.88.0.1:8080/)" = hello ]
	[ "$(get in_outside http://192.0.2.1:8080/)" = hello ]
	[ "$(get_inside 10.88.0.1 8080 run --rm busybox)" = hello ]
	[ "$(get_inside 192.0.2.1 8080 run --rm busybox)" = hello ]
	[ "$(get_inside 192.0.2.1 8080 exec c1)" = hello ]
	[[ "$(docker port c1)" == *"80/tcp -> 0.0.0.0:8080"* ]]
	[[ "$(docker port c1 80)" == *0.0.0.0:8080* ]]
	[[ "$(docker ps --format '{{.Ports}}')" == *"0.0.0.0:8080->80/tcp"* ]]
}

@test "a published udp port is reached from all sides" {
	echo_udp c1 -p 5353:53/udp
	retry 10 pings in_net 127.0.0.1 5353
	retry 10 pings in_net 192.0.2.1 5353
	retry 10 pings in_net 10.88.0.1 5353
	retry 10 pings in_outside 192.0.2.1 5353
	docker rm -f c1
	run ask_udp in_outside 192.0.2.1 5353
	[ "$output" != ping ]
}

@test "a port published on 127.0.0.1 is out of reach for others (CVE-2025-54388)" {
	web c1 secret -p 127.0.0.1:8080:80
	[ "$(get in_net http://127.0.0.1:8080/)" = secret ]
	run get in_net http://192.0.2.1:8080/
	[ "$status" != 0 ]
	run get in_outside http://192.0.2.1:8080/
	[ "$status" != 0 ]
	# a neighbour that addresses 127.0.0.1 to the host's MAC address
	in_net sysctl -qw net.ipv4.conf.out0.route_localnet=1
	in_outside bash -c 'sysctl -qw net.ipv4.conf.all.route_localnet=1
		ip route del table local local 127.0.0.0/8 dev lo
		ip route del table local local 127.0.0.1 dev lo
		ip route add 127.0.0.1 via 192.0.2.1 src 192.0.2.2'
	run get in_outside http://127.0.0.1:8080/
	in_outside bash -c 'ip route del 127.0.0.1 via 192.0.2.1
		ip route add table local local 127.0.0.0/8 dev lo
		ip route add table local local 127.0.0.1 dev lo'
	in_net sysctl -qw net.ipv4.conf.out0.route_localnet=0
	[ "$status" != 0 ]
}

@test "containers do not reach the host's 127.0.0.1" {
	in_net timeout "$(patience 20)" socat -T 5 TCP-LISTEN:7001,bind=127.0.0.1,reuseaddr,fork SYSTEM:'echo private' 3>&- &
	pid=$!
	retry 5 bash -c "nsenter --net=/run/netns/$KIST_NETNS ss -ltn | grep -q :7001"
	run docker run --rm --cap-add NET_ADMIN --privileged busybox sh -c '
		sysctl -qw net.ipv4.conf.all.route_localnet=1
		ip route del table local local 127.0.0.0/8 dev lo
		ip route del table local local 127.0.0.1 dev lo
		ip route add 127.0.0.1 via 10.88.0.1 && nc -w 1 127.0.0.1 7001 </dev/null'
	kill $pid
	[[ "$output" != *private* ]]
}

@test "a port that is not published is out of reach from outside, with a route too" {
	[ "${KIST_PEER:-}" != dockerd ] || skip "docker does so from version 28 on"
	web c1 hello -p 8080:80
	in_outside ip route replace 10.88.0.0/24 via 192.0.2.1
	docker exec -d c1 httpd -f -p 81 -h /w
	retry 5 get in_net "http://$(address c1):81/"
	run get in_outside "http://$(address c1):81/"
	[ "$status" != 0 ]
	[ "$(get in_outside http://192.0.2.1:8080/)" = hello ]
	in_outside ip route del 10.88.0.0/24
}

@test "ranges, and ports that the engine chooses" {
	docker run -d --name c1 -p 9000-9002:80-82 -p 81/udp busybox sleep 1000
	[[ "$(docker port c1 80)" == *:9000* ]]
	[[ "$(docker port c1 82)" == *:9002* ]]
	port=$(docker port c1 81/udp | head -n 1 | sed 's/.*://')
	[ "$port" -ge 32768 ]
	[ "$port" -le 65535 ]
	docker run -d --name c2 -p 9100-9101:80 busybox sleep 1000
	docker run -d --name c3 -p 9100-9101:80 busybox sleep 1000
	[[ "$(docker port c2 80)" == *:9100* ]]
	[[ "$(docker port c3 80)" == *:9101* ]]
	run docker run -d --name c4 -p 9100-9101:80 busybox sleep 1000
	[ "$status" = 125 ]
}

@test "-P publishes what is exposed" {
	web c1 hello --expose 80 --expose 90-91/udp -P
	port=$(docker port c1 80/tcp | head -n 1 | sed 's/.*://')
	[ "$(get in_net "http://127.0.0.1:$port/")" = hello ]
	docker port c1 90/udp
	docker port c1 91/udp
	[[ "$(docker ps --format '{{.Ports}}')" == *"->91/udp"* ]]
}

@test "port conflicts are errors in docker's words and leave nothing" {
	docker run -d --name c1 -p 8080:80 busybox sleep 1000
	fails_with 125 "Bind for 0.0.0.0:8080 failed: port is already allocated" \
		docker run -d --name c2 -p 8081:81 -p 8080:80 busybox sleep 1000
	[ "$(docker inspect -f '{{.State.Status}}' c2)" = created ]
	[ -z "$(docker inspect -f '{{.NetworkSettings.IPAddress}}' c2)" ]
	# 8081 was given back
	docker run -d --name c3 -p 8081:81 busybox sleep 1000
	docker rm -f c1
	docker start c2 || true
	docker rm -f c3
	docker start c2
	# a program of the host's
	in_net timeout "$(patience 20)" socat TCP-LISTEN:8090 /dev/null 3>&- &
	pid=$!
	retry 5 bash -c "nsenter --net=/run/netns/$KIST_NETNS ss -ltn | grep -q :8090"
	fails_with 125 "address already in use" docker run -d --name c4 -p 8090:80 busybox sleep 1000
	kill $pid
	fails_with 125 "assign requested address" \
		docker run -d --name c5 -p 203.0.113.9:8091:80 busybox sleep 1000
}

@test "no other program can take a published port" {
	docker run -d --name c1 -p 8080:80 busybox sleep 1000
	run in_net timeout "$(patience 10)" socat TCP-LISTEN:8080,reuseaddr /dev/null
	[[ "$output" == *"in use"* ]]
	docker rm -f c1
	run in_net timeout "$(patience 1)" socat TCP-LISTEN:8080,reuseaddr /dev/null
	[[ "$output" != *"in use"* ]]
}

@test "stop takes the port and the address back, start publishes again" {
	web c1 hello -p 8080:80
	docker stop -t 0 c1
	run get in_net http://127.0.0.1:8080/
	[ "$status" != 0 ]
	[ -z "$(address c1)" ]
	[ -z "$(docker port c1)" ]
	docker rm c1
	web c1 again -p 8080:80
	docker restart -t 0 c1
	retry 5 get in_net http://127.0.0.1:8080/
	[ "$(get in_outside http://192.0.2.1:8080/)" = again ]
}

@test "a container that ends by itself gives its port back" {
	docker run -d --name c1 -p 8080:80 busybox sleep 0.3
	retry 5 bash -c '[ "$(docker inspect -f "{{.State.Status}}" c1)" = exited ]'
	docker run -d --name c2 -p 8080:80 busybox sleep 1000
}

@test "addresses are used again and never twice" {
	for i in 1 2 3 4 5; do docker run -d --name "c$i" busybox sleep 1000; done
	[ "$(for i in 1 2 3 4 5; do address c$i; done | sort -u | wc -l)" = 5 ]
	docker rm -f c2 c4
	for i in 6 7; do docker run -d --name "c$i" busybox sleep 1000; done
	[ "$(for i in 1 3 5 6 7; do address c$i; done | sort -u | wc -l)" = 5 ]
}

@test "hosts, hostname and resolv.conf are generated" {
	docker run -d --name c1 --hostname web --domainname example.org --add-host db:10.1.1.1 \
		--add-host host:host-gateway --dns 192.0.2.53 --dns-search corp.example \
		--dns-opt ndots:3 busybox sleep 1000
	[ "$(docker exec c1 cat /etc/hostname)" = web ]
	[ "$(docker exec c1 hostname)" = web ]
	docker exec c1 cat /etc/hosts | grep -q "^$(address c1)	web.example.org web$"
	docker exec c1 cat /etc/hosts | grep -q "^10.1.1.1	db$"
	docker exec c1 cat /etc/hosts | grep -q "^10.88.0.1	host$"
	docker exec c1 cat /etc/hosts | grep -q "^127.0.0.1	localhost$"
	[ "$(docker exec c1 grep -v -e '^#' -e '^$' /etc/resolv.conf | sort)" = \
"nameserver 192.0.2.53
options ndots:3
search corp.example" ]
	fails_with 125 "" docker create --add-host nonsense busybox
}

@test "edits of the generated files stay until the next start, and belong to one container" {
	docker run -d --name c1 busybox sleep 1000
	docker exec c1 sh -c 'echo 10.9.9.9 mine >>/etc/hosts'
	docker exec c1 grep -q mine /etc/hosts
	run docker run --rm busybox grep mine /etc/hosts
	[ "$status" = 1 ]
}

@test "--network host is the host's, hosts file too" {
	run docker run --rm --network host busybox ip -o addr show out0
	[[ "$output" == *192.0.2.1/24* ]]
	docker run -d --name c1 --network host busybox sleep 1000
	[ "$(docker exec c1 readlink /proc/self/ns/net)" = "$(in_net readlink /proc/self/ns/net)" ]
	[ "$(docker inspect -f '{{.HostConfig.NetworkMode}}' c1)" = host ]
	docker exec c1 cat /etc/hosts | cmp - /etc/hosts
}

@test "--network none has only a loopback that works" {
	docker run -d --name c1 --network none busybox sleep 1000
	[ "$(docker exec c1 ls /sys/class/net | grep -vE '^(lo|tunl0|sit0|ip6tnl0|gre0|gretap0|erspan0|ip_vti0|ip6_vti0|ip6gre0|ifb[01])$')" = "" ]
	docker exec c1 ping -c 1 -W 1 127.0.0.1
	run docker exec c1 ping -c 1 -W 1 10.88.0.1
	[ "$status" != 0 ]
	docker network inspect none | grep -q "$(docker inspect -f '{{.Id}}' c1)"
}

@test "--network container:X shares everything of the network" {
	web c1 shared --hostname first
	[ "$(get_inside 127.0.0.1 80 run --rm --network container:c1 busybox)" = shared ]
	[ "$(docker run --rm --network container:c1 busybox hostname)" = first ]
	[ "$(docker run --rm --network container:c1 busybox cat /etc/hosts)" = "$(docker exec c1 cat /etc/hosts)" ]
	fails_with 125 "" docker run --rm --network container:c1 -p 8080:80 busybox true
	fails_with 125 "No such container" docker run --rm --network container:nobody busybox true
	docker stop -t 0 c1
	fails_with 125 "" docker run --rm --network container:c1 busybox true
}

@test "an unknown network is not found" {
	fails_with 125 "nowhere not found" docker run --rm --network nowhere busybox true
	fails_with 1 nowhere docker network inspect nowhere # the words are the command's, by its version
}

@test "network ls and inspect show bridge, host and none" {
	[ "$(docker network ls --format '{{.Name}} {{.Driver}} {{.Scope}}' | sort)" = \
"bridge bridge local
host host local
none null local" ]
	[ "$(docker network inspect -f '{{(index .IPAM.Config 0).Subnet}} {{(index .IPAM.Config 0).Gateway}}' bridge)" = \
		"10.88.0.0/24 10.88.0.1" ]
	docker run -d --name c1 busybox sleep 1000
	id=$(docker inspect -f '{{.Id}}' c1)
	[ "$(docker network inspect -f "{{(index .Containers \"$id\").IPv4Address}}" bridge)" = "$(address c1)/24" ]
	[ "$(docker network inspect -f "{{(index .Containers \"$id\").Name}}" bridge)" = c1 ]
	[ "$(docker network ls -q -f name=bridge --no-trunc)" = "$(docker network inspect -f '{{.Id}}' bridge)" ]
	docker rm -f c1
	[ "$(docker network inspect -f '{{len .Containers}}' bridge)" = 0 ]
}

@test "published ports work while the daemon is killed, and after it has come back" {
	web c1 stays -p 8080:80
	ip=$(address c1)
	[ "${KIST_PEER:-}" != dockerd ] || skip "docker's proxy for 127.0.0.1 dies with it"
	engine_end -KILL
	[ "$(get in_net http://127.0.0.1:8080/)" = stays ] # no program stands between
	[ "$(get in_outside http://192.0.2.1:8080/)" = stays ]
	engine_run
	[ "$(address c1)" = "$ip" ]
	[ "$(get in_outside http://192.0.2.1:8080/)" = stays ]
	fails_with 125 "port is already allocated" docker run -d --name c2 -p 8080:80 busybox sleep 1000
	docker rm -f c2
	docker run -d --name c3 busybox sleep 1000
	[ "$(address c3)" != "$ip" ]
}

@test "ports of containers that ended while the daemon was away are closed and free" {
	[ "${KIST_PEER:-}" != dockerd ] || skip "needs a docker whose containerd survives it"
	docker run -d --name c1 -p 8080:80 busybox sleep 1000
	pid=$(docker inspect -f '{{.State.Pid}}' c1)
	engine_end -KILL
	kill -9 "$pid"
	engine_run
	retry 5 bash -c '[ "$(docker inspect -f "{{.State.Status}}" c1)" = exited ]'
	web c2 new -p 8080:80
	[ "$(get in_outside http://192.0.2.1:8080/)" = new ]
}

@test "other tables of the packet filter are left alone" {
	[ "${KIST_PEER:-}" != dockerd ] || skip "docker writes into the filter and nat tables"
	in_net nft 'table inet mine { chain c { type filter hook forward priority 0; policy accept; tcp dport 9 drop; }; }
		table ip filter { chain FORWARD { type filter hook forward priority 0; policy accept; }; }'
	in_net nft list ruleset | sed '/^table ip kist-/,/^}/d' >"$BATS_TEST_TMPDIR/before"
	web c1 hello -p 8080:80
	engine_end
	engine_run
	docker rm -f c1
	in_net nft list ruleset | sed '/^table ip kist-/,/^}/d' >"$BATS_TEST_TMPDIR/after"
	cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	in_net nft 'delete table inet mine; delete table ip filter'
}

@test "a flushed ruleset is repaired with the next container" {
	[ "${KIST_PEER:-}" != dockerd ] || skip "docker needs a restart for it"
	web c1 hello -p 8080:80
	in_net nft flush ruleset
	docker run -d --name c2 -p 8081:80 busybox sleep 1000
	[ "$(get in_outside http://192.0.2.1:8080/)" = hello ]
}

@test "a hundred ports of one container" {
	docker run -d --name c1 -p 20000-20099:30000-30099 busybox sh -c 'exec httpd -f -p 30099 -h /etc'
	[ "$(docker port c1 | grep -c 0.0.0.0)" = 100 ]
	retry 5 get in_outside http://192.0.2.1:20099/hostname
}

@test "removed containers leave no interface and no element" {
	before=$(in_net ip -o link | grep -c -e veth -e ' kv' || true)
	for i in 1 2 3; do docker run --rm -p "808$i:80" busybox true; done
	retry 5 bash -c "[ \"\$(nsenter --net=/run/netns/$KIST_NETNS ip -o link | grep -c -e veth -e ' kv')\" = $before ]"
	[ "${KIST_PEER:-}" = dockerd ] || [ "$(in_net nft list map ip "kist-$(bridge)" any | grep -c ' : ')" = 1 ]
}

@test "with --bridge none a container has a loopback, ports are not published, and nothing fails" {
	[ "${KIST_PEER:-}" != dockerd ] || skip "its flags are its own"
	engine_end
	engine_run --bridge none
	kist run -d --name c1 -p 8080:80 --expose 90 busybox sleep 1000
	for network in default bridge; do
		[ "$(kist run --rm --network $network busybox ls /sys/class/net | grep -E '^(lo|eth)')" = lo ]
	done
	docker exec c1 ping -c 1 -W 1 127.0.0.1
	docker inspect c1 | jq -c '.[0].NetworkSettings | .Ports, (.Networks | keys), .Networks.bridge.NetworkID' >"$BATS_TEST_TMPDIR/shown"
	[ "$(xargs <"$BATS_TEST_TMPDIR/shown")" = "{} [bridge] " ]
	[ -z "$(docker port c1)" ]
	run get in_net http://127.0.0.1:8080/
	[ "$status" != 0 ]
	fails_with 1 "network bridge not found" docker network inspect bridge
	[ -z "$(docker events --since 1m --until 0s --filter type=network)" ]
	# and back: it runs on as it is, and a new one has an address again
	engine_end
	engine_run
	docker exec c1 true
	[ -n "$(docker run --rm busybox ip -4 addr show eth0)" ]
}
