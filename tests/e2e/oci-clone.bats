# What a container's process does between clone and exec must be safe there: another thread may have held any lock when it
# was cloned, the allocator's too. gdb follows it and stops where memory is asked for or a lock is taken.
load lib/bundle

setup() {
	command -v gdb >/dev/null || skip "gdb is not installed"
	[ -z "${KIST_ASAN:-}" ] || skip "a sanitizer's allocator is another one"
	nm "$KIST_BUILD/bin/kist-oci" 2>/dev/null | grep -q ' creds_drop$' || skip "kist-oci has no symbols"
}

UNSAFE="malloc calloc realloc free _int_malloc _int_free pthread_mutex_lock __lll_lock_wait_private __vfprintf_internal opendir"

# followed END VERB...: from the first clone to END, "exec" or a function, in $HOME_OCI/followed
followed() {
	local name end=$1
	shift
	{
		printf 'set %s\n' 'pagination off' 'confirm off' 'startup-with-shell off' 'follow-fork-mode child' 'detach-on-fork on'
		# the program executes itself first, sealed
		printf '%s\n' 'break main' run 'catch fork' 'catch vfork' continue 'backtrace 4' delete
		for name in $UNSAFE; do
			printf 'break %s\ncommands\nbacktrace 9\ncontinue\nend\n' "$name"
		done
		# the witness that breakpoints work there
		printf 'break creds_drop\ncommands\ncontinue\nend\n'
		[ "$end" = exec ] && echo 'catch exec' || echo "break $end"
		printf '%s\n' continue kill
	} >"$HOME_OCI/script"
	LC_ALL=C DEBUGINFOD_URLS= timeout "$(patience 60)" gdb -q -batch -x "$HOME_OCI/script" --args "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" "$@" \
		</dev/null >"$HOME_OCI/followed" 2>&1 3>&- || true
	grep "^#\|Breakpoint [0-9]*, \|Catchpoint .*[fe][ox].*'*d" "$HOME_OCI/followed"
	grep -q 'Catchpoint .*forked' "$HOME_OCI/followed"
	grep -q 'Breakpoint [0-9]*, .*creds_drop' "$HOME_OCI/followed"
	grep -q "Catchpoint .*$end'd\|Breakpoint .*$end" "$HOME_OCI/followed"
	! grep 'Breakpoint [0-9]*, ' "$HOME_OCI/followed" | grep -v ", \(main\|creds_drop\|$end\) (" || false
}

EVERYTHING='
p["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}
p["args"] = ["echo", "ran"]
p["cwd"] = "/made/of/it"
p["oomScoreAdj"] = 300
c["root"]["readonly"] = False
c["domainname"] = "there"
c["mounts"] += [{"destination": "/m/a", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "ro"]},
    {"destination": "/m/b", "type": "bind", "source": "/etc", "options": ["rbind", "rro"]}]
c["linux"]["devices"] = [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600, "uid": 5}]
c["linux"]["maskedPaths"] += ["/m/b", "/etc"]
c["linux"]["sysctl"] = {"kernel.shmmax": "65536"}
c["linux"]["personality"] = {"domain": "LINUX32"}
c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}
r["memory"] = {"limit": 67108864}'

USERS='
c["linux"]["namespaces"].append({"type": "user"})
c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]'

@test "from clone to exec a container's first process asks for no memory and takes no lock" {
	bundle c1 "$EVERYTHING"
	followed exec run -b "$BUNDLE" c1
}

@test "nor does it in a user namespace, without pivot_root, or in another's namespaces" {
	chmod 711 "$HOME_OCI"
	mkdir -p "$HOME_OCI/rootfs/"{proc,sys,dev,m/a,m/b,made/of/it}
	bundle c2 "$EVERYTHING $USERS
del c['linux']['devices'], p['oomScoreAdj']"
	followed exec run -b "$BUNDLE" c2
	bundle c3 "$EVERYTHING"
	followed exec run --no-pivot -b "$BUNDLE" c3
	bundle c4
	oci run -d -b "$BUNDLE" c4 </dev/null >/dev/null 2>&1 3>&-
	local pid
	pid=$(oci state c4 | sed -n 's/.*"pid": \(.*\),/\1/p')
	bundle c5 "$EVERYTHING
del c['domainname'], c['hostname'], c['linux']['sysctl']
c['linux']['namespaces'] = [{'type': 'mount'}, {'type': 'cgroup'}] + [{'type': t, 'path': '/proc/$pid/ns/' + f} for t, f in (('network', 'net'), ('ipc', 'ipc'), ('uts', 'uts'))]"
	followed exec run -b "$BUNDLE" c5
}

@test "nor does what makes a process in a container, up to that one's birth" {
	local users
	for users in "" "$USERS"; do
		bundle c6 "$users"
		oci run -d -b "$BUNDLE" c6 </dev/null >/dev/null 2>&1 3>&-
		followed creds_clone exec --user 7:8 --additional-gids 9 --cap CAP_KILL --cwd /tmp -e A=b c6 echo ran
		oci delete --force c6
	done
}

# attached VERB...: gdb does not follow how an exec's own process is born, as a child of its parent's parent. But where
# the parent has to give it a scheduler, it waits for that: one gdb holds the parent there, another one follows the
# process from then to exec, in $HOME_OCI/followed.
attached() {
	local name
	rm -f "$HOME_OCI/attached"
	{
		printf 'set %s\n' 'pagination off' 'confirm off'
		for name in $UNSAFE; do
			printf 'break %s\ncommands\nbacktrace 9\ncontinue\nend\n' "$name"
		done
		# the witness
		printf 'break program_exec\ncommands\ncontinue\nend\n'
		printf '%s\n' 'catch exec' "shell touch '$HOME_OCI/attached'" continue kill
	} >"$HOME_OCI/script"
	cat >"$HOME_OCI/attach" <<-END
		timeout $(patience 60) gdb -q -batch -x '$HOME_OCI/script' -p "\$1" '$KIST_BUILD/bin/kist-oci' </dev/null >'$HOME_OCI/followed' 2>&1 &
		until [ -e '$HOME_OCI/attached' ] || ! kill -0 \$! 2>/dev/null; do sleep 0.1; done
	END
	printf '%s\n' 'set pagination off' 'set confirm off' 'set startup-with-shell off' 'break main' run 'break limits_schedule' continue \
		"eval \"shell sh '$HOME_OCI/attach' %d\", pid" continue kill >"$HOME_OCI/parent"
	LC_ALL=C DEBUGINFOD_URLS= timeout "$(patience 60)" gdb -q -batch -x "$HOME_OCI/parent" --args "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" "$@" \
		</dev/null >"$HOME_OCI/held" 2>&1 3>&- || true
	retry 20 grep -q "^\[Inferior 1 .* killed\]" "$HOME_OCI/followed" || cat "$HOME_OCI/held" "$HOME_OCI/followed"
	grep "^#\|Breakpoint [0-9]*, \|Catchpoint .*[fe][ox].*'*d" "$HOME_OCI/followed"
	grep -q 'Breakpoint [0-9]*, .*program_exec' "$HOME_OCI/followed"
	grep -q "Catchpoint .*exec'd" "$HOME_OCI/followed"
	! grep 'Breakpoint [0-9]*, ' "$HOME_OCI/followed" | grep -v ', program_exec (' || false
}

filter() { # CALL: refused
	echo 'p["noNewPrivileges"] = False
c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["'"$1"'"], "action": "SCMP_ACT_ERRNO"}]}'
}

@test "nor does that process itself, from its birth to exec" {
	local change
	# with a filter that the stage installs, and with one that leaves no room for what the process still has to do
	for change in "" "$USERS" "$(filter mkdir)" "$(filter setsid)"; do
		chmod 711 "$HOME_OCI"
		bundle c7 "$change"
		oci run -d -b "$BUNDLE" c7 </dev/null >/dev/null 2>&1 3>&-
		/usr/bin/python3 - "$BUNDLE/config.json" >"$HOME_OCI/process" <<-'END'
			import json, sys
			p = json.load(open(sys.argv[1]))["process"]
			print(json.dumps({**p, "args": ["echo", "ran"], "user": {"uid": 7, "gid": 8}, "scheduler": {"policy": "SCHED_BATCH", "nice": 3}}))
		END
		attached exec --process "$HOME_OCI/process" c7
		oci delete --force c7
	done
}
