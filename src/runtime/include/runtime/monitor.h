/*
 * The protocol between the daemon and a container's monitor, and the records the monitor leaves on disk.
 *
 * One SOCK_SEQPACKET unix socket per monitor, `monitor.sock` in the container's folder below exec-root (mode
 * 0600, in a folder of mode 0700; never abstract: CVE-2020-15257). The daemon connects; several connections
 * may exist (an old daemon's dying one, a new one's; one for requests and one for events): events go to those that
 * sent SUBSCRIBE. Each packet is a wire.h record:
 * u32 type, u32 serial, payload; descriptors ride along. A reply has the request's serial and type
 * MONITOR_REPLY: u8 ok; if not ok u8 err_kind, u32 errno, str message; if ok the payload named below.
 * A payload larger than MONITOR_PACKET_MAX travels in a sealed memfd that is the first descriptor; the type
 * then has the bit MONITOR_IN_MEMFD. Plans are always in a memfd of their own.
 *
 * The monitor is started by the daemon with its listening socket as descriptor 3, the container's folder on
 * disk as 4 (log, exit record), its folder in exec-root as 5, and argv: kist-monitor <id>. It makes itself
 * a session leader and child subreaper, writes `monitor.pid` ("pid start_ticks\n") into its exec-root folder, and serves.
 * If it has not been asked to start and the last daemon connection closes, it exits.
 *
 *   request            payload -> reply payload
 *   ADOPT              str id; descriptors: folder on disk, folder in exec-root: a parked monitor gets its container
 *   CONFIGURE          log settings, tty, stdin flags (struct monitor_config)
 *   ATTACH             struct monitor_attach + one descriptor (the client's connection) or more
 *   CREATE             u64 generation, u32 mask of enum oci_ns; descriptors: sealed memfd with the plan; then
 *                      a namespace for each bit of the mask, lowest first, for plan.ns_fd
 *                      -> u32 pid, u64 start_ticks; with a descriptor of the new network namespace if it has one
 *   START              (createRuntime hooks, opens the gate, poststart hooks) -> i64 started_at
 *   KILL               u32 signal (init only)
 *   RESIZE             str exec_id (NULL: init), u32 h, u32 w
 *   EXEC               str exec_id, struct monitor_config (tty, stdin flags), u8 has_attach, struct monitor_attach;
 *                      descriptors: sealed memfd with the plan_process, then the client's connection if has_attach
 *                      -> u32 pid. On failure the client's connection has not been written to.
 *   EXEC_KILL          str exec_id, u32 signal
 *   STATUS             -> u8 state, u32 pid, u64 start_ticks, i64 started_at, u64 generation
 *                      u32 attached clients
 *   SUBSCRIBE          -> as STATUS; from now on this connection gets events
 *   ROOT               -> (empty) with a descriptor of the root mount
 *   LOG_SYNC           -> (reply when everything read so far is in the log file)
 *   DETACH_ALL         closes attached clients
 *   QUIT               undoes what is created, exits; refused with ERR_CONFLICT while the container runs
 *
 *   event (serial 0)
 *   EXITED             struct monitor_exit; sent after the exit record is on disk
 *   EXEC_EXITED        str exec_id, i32 code
 *   OOM                (nothing) a process of the container was killed by the kernel for memory
 *   DETACHED           str exec_id (NULL: init): a client left by its detach keys; or it hung up while IDLE
 */
#ifndef KIST_RUNTIME_MONITOR_H
#define KIST_RUNTIME_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/wire.h"

#define MONITOR_PACKET_MAX 65536
#define MONITOR_FD_SOCKET 3
#define MONITOR_FD_DISK 4
#define MONITOR_FD_RUN 5
#define MONITOR_IN_MEMFD 0x80000000u
#define MONITOR_EXEC_ID_MAX 79

enum monitor_type {
	MONITOR_REPLY = 1,
	MONITOR_CONFIGURE,
	MONITOR_ATTACH,
	MONITOR_CREATE,
	MONITOR_START,
	MONITOR_KILL,
	MONITOR_RESIZE,
	MONITOR_EXEC,
	MONITOR_EXEC_KILL,
	MONITOR_STATUS,
	MONITOR_LOG_SYNC,
	MONITOR_DETACH_ALL,
	MONITOR_QUIT,
	MONITOR_SUBSCRIBE,
	MONITOR_ROOT,
	MONITOR_ADOPT,
	MONITOR_EXITED = 100,
	MONITOR_EXEC_EXITED,
	MONITOR_OOM,
	MONITOR_DETACHED,
};

struct monitor_config {
	bool tty;
	bool open_stdin;
	bool stdin_once; /* close stdin when the first attached client's stdin ends */
	bool log_enabled; /* false for driver "none" */
	const char *log_name; /* file in the disk folder: "<id>-json.log" */
	int64_t log_max_size; /* bytes; <= 0: no rotation */
	uint32_t log_max_file;
	const char *log_attrs; /* "attrs" JSON object text to add to each line, or NULL */
};
void monitor_config_encode(const struct monitor_config *c, struct buf *out);
int monitor_config_decode(struct monitor_config *c, struct wire *w, struct err **err);

/**
 * One client of the container's stdio. Descriptor 0 is the hijacked connection: what the client sends is
 * stdin, what it gets is the raw stream (tty) or Docker's multiplexed frames (1 byte stream, 3 zero, 4 length
 * big-endian; Engine API 1.51 ContainerAttach "Stream format").
 */
struct monitor_attach {
	const char *exec_id; /* NULL: the container's init */
	bool in, out, err;
	bool raw; /* no frames (tty) */
	const char *keys; /* detach key sequence as bytes; NULL or "": none */
	const void *early; /* bytes the client had sent behind its request's header */
	size_t early_len;
	const void *head; /* bytes to be sent to the client first (the HTTP answer), may be empty */
	size_t head_len;
};
void monitor_attach_encode(const struct monitor_attach *a, struct buf *out);
int monitor_attach_decode(struct monitor_attach *a, struct wire *w, struct err **err);

enum monitor_state { MONITOR_IDLE, MONITOR_CREATED, MONITOR_RUNNING, MONITOR_DEAD };

/** How a container ended. On disk as `exit` in the container's folder: one text line per field,
 * "generation N", "code N", "signal N", "oom 0|1", "started NS", "finished NS"; written
 * to a temporary name and renamed, so that a reader finds all of it or nothing. Not synced: after a power cut the
 * container has ended in any case; a record that such a cut emptied is ERR_INVALID. */
struct monitor_exit {
	uint64_t generation; /* as given at CREATE: which start this belongs to */
	int32_t code; /* as a shell would say: 128 + signal */
	int32_t signal; /* 0: exited by itself */
	bool oom;
	int64_t started_at, finished_at;
};
void monitor_exit_encode(const struct monitor_exit *e, struct buf *out);
int monitor_exit_decode(struct monitor_exit *e, struct wire *w, struct err **err);
int monitor_exit_write(int dir, const struct monitor_exit *e, struct err **err);
/** ERR_NOT_FOUND if there is none. */
int monitor_exit_read(int dir, struct monitor_exit *e, struct err **err);

#endif
