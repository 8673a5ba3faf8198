# Kubernetes' container runtime interface by containerd's plugin for it. What another one (cri_crio.bash) has to have, too, is
# all that is defined here.

# what is said before what the runtime says
CRI_FAILED="OCI runtime create failed"

cri_home() {
	peers_home containerd ctr cc
}

# writes what the daemon reads, and "$PEERS/daemon", a script that becomes the daemon
cri_config() {
	cat >"$PEERS/config.toml" <<-END
		version = 2
		root = "$PEERS/root"
		state = "$PEERS/state"
		[grpc]
		address = "$PEERS/cri.sock"
		[plugins."io.containerd.grpc.v1.cri"]
		sandbox_image = "$PAUSE_NAME"
		netns_mounts_under_state_dir = true
		# who lacks CAP_SYS_RESOURCE lowers no scores
		restrict_oom_score_adj = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		bin_dir = "/usr/lib/cni"
		conf_dir = "$PEERS/cni"
		[plugins."io.containerd.grpc.v1.cri".containerd]
		default_runtime_name = "kist"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kist]
		runtime_type = "io.containerd.runc.v2"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kist.options]
		BinaryName = "$RUNTIME"
		Root = "$PEERS/runc"
	END
	printf '#!/bin/sh\nexec containerd -c "%s"\n' "$PEERS/config.toml" >"$PEERS/daemon"
}

# where the runtime keeps its containers' state
cri_state() {
	echo "$PEERS/runc/k8s.io"
}

cri_image() { # ARCHIVE NAME: while the daemon runs
	timeout "$(patience 60)" ctr -a "$PEERS/cri.sock" -n k8s.io image import "$1" 3>&-
}

# what the runtime has of a pod without containers
cri_pod_container() { # ID
	echo "$1"
}

# of a container, below its pod's
cri_cgroup() { # ID
	echo "$1"
}

cri_shares_processes() {
	true
}
