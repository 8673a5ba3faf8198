# Kubernetes' container runtime interface by CRI-O, whose program $KIST_CRIO names; pinns, which is built with it, lies beside it.
# docs/oci.md says how.

CRI_FAILED="container create failed"

cri_home() {
	peers_home "$KIST_CRIO" "$(dirname "$KIST_CRIO")/pinns" conmon skopeo cc
}

# A pod has a container of its own if its containers share their processes, or if all shall: CRI-O gives that one a score that
# nobody may set without CAP_SYS_RESOURCE.
cri_shares_processes() {
	(( 0x$(awk '$1 == "CapEff:" {print $2}' /proc/self/status) >> 24 & 1 ))
}

cri_config() {
	local drop=true
	! cri_shares_processes || drop=false
	mkdir -p "$PEERS/crio/conf.d"
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$PEERS/policy.json"
	cat >"$PEERS/crio.conf" <<-END
		[crio]
		root = "$PEERS/root"
		runroot = "$PEERS/run"
		storage_driver = "overlay"
		log_dir = "$PEERS/logs"
		version_file = "$PEERS/crio/version"
		version_file_persist = "$PEERS/crio/version.kept"
		clean_shutdown_file = "$PEERS/crio/clean"
		[crio.api]
		listen = "$PEERS/cri.sock"
		stream_port = "0"
		[crio.runtime]
		default_runtime = "kist"
		conmon_cgroup = "pod"
		cgroup_manager = "cgroupfs"
		drop_infra_ctr = $drop
		# 1.28's own 0 is none to it, and no second process by the specification
		pids_limit = -1
		container_exits_dir = "$PEERS/crio/exits"
		container_attach_socket_dir = "$PEERS/crio"
		namespaces_dir = "$PEERS/crio/ns"
		pinns_path = "$(dirname "$KIST_CRIO")/pinns"
		[crio.runtime.runtimes.kist]
		runtime_path = "$RUNTIME"
		runtime_type = "oci"
		runtime_root = "$PEERS/runc"
		monitor_path = "$(command -v conmon)"
		monitor_cgroup = "pod"
		[crio.image]
		pause_image = "$PAUSE_NAME"
		pause_command = "/pause"
		signature_policy = "$PEERS/policy.json"
		[crio.network]
		network_dir = "$PEERS/cni"
		plugin_dirs = ["/usr/lib/cni"]
	END
	printf '#!/bin/sh\nexec "%s" --config "%s" --config-dir "%s"\n' "$KIST_CRIO" "$PEERS/crio.conf" "$PEERS/crio/conf.d" >"$PEERS/daemon"
}

# where the runtime keeps its containers' state
cri_state() {
	echo "$PEERS/runc"
}

cri_image() { # ARCHIVE NAME
	nsenter --mount="/proc/$(cat "$PEERS/holder")/ns/mnt" timeout "$(patience 60)" \
		skopeo copy --insecure-policy "docker-archive:$1" "containers-storage:[overlay@$PEERS/root+$PEERS/run]$2" 3>&-
}

cri_pod_container() { # ID
	! cri_shares_processes || echo "$1"
}

cri_cgroup() { # ID
	echo "crio-$1"
}
