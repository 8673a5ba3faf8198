/*
 * A tar stream unpacked as a layer into a fresh folder, with a file beside it that may not change; as load, import and
 * pull do it. What was unpacked is written again from its recipe, and has to be the same bytes.
 * Needs root for owners and devices; without, most inputs end early.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/digest.h"
#include "base/mem.h"
#include "replay.h"
#include "ring.h"
#include "store/transfer.h"
#include "unpack.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* set once, before the first input */
static char base[64];
static struct stat before;

static void remove_base(void)
{
	tree_remove(AT_FDCWD, base, NULL);
}

/* set once: the other end of the program's socket */
static int reports = -1;

static void open_reports(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	reports = fcntl(pair[0], F_DUPFD_CLOEXEC, 100);
	if (reports < 0 || dup2(pair[1], TRANSFER_FD_CONTROL) < 0)
		abort();
}

static void write_again(int root, int side, const uint8_t *data, size_t size, uint64_t tar_size)
{
	char told[512];
	struct replay_spec spec = {.layer = root, .side = side, .out = -1, .tar_size = tar_size};
	struct replay_result result;
	digest_of(data, size, &spec.diff_id);
	if (tar_size != size || replay_layer(&spec, &result, NULL) < 0)
		abort();
	while (recv(reports, told, sizeof(told), MSG_DONTWAIT) > 0)
		;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	open_reports();
	(void)argc, (void)argv;
	snprintf(base, sizeof(base), "/tmp/kist-fuzz-XXXXXX");
	if (!mkdtemp(base) || atexit(remove_base) != 0)
		abort();
	auto_fd int dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file_replace(dir, "victim", "safe", 4, 0600, false, NULL) < 0 ||
		fstatat(dir, "victim", &before, 0) < 0)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 4 * RING_SLOT_SIZE)
		return 0;
	auto_fd int dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(dir, "layer", 0755) < 0 || mkdirat(dir, "side", 0700) < 0)
		abort();
	auto_fd int side = openat(dir, "side", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int root = openat(dir, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ring *ring = ring_new();
	for (size_t at = 0; at < size;) {
		size_t n = size - at < RING_SLOT_SIZE ? size - at : RING_SLOT_SIZE;
		memcpy(ring_room(ring), data + at, n);
		ring_put(ring, n);
		at += n;
	}
	ring_end(ring, true);
	struct unpack_limits limits = {.max_bytes = 4 << 20, .max_entries = 1000};
	struct unpack_result result;
	const struct unpack_input input = {ring_take, ring};
	int r = unpack_layer(root, side, &input, UNPACK_KEEP, &limits, &result, NULL);
	ring_free(ring);
	if (r == 0)
		write_again(root, side, data, size, result.tar_size);
	struct stat after;
	if (fstatat(dir, "victim", &after, 0) < 0 || after.st_mode != before.st_mode ||
		after.st_nlink != 1 || after.st_uid != before.st_uid ||
		after.st_ctime != before.st_ctime || after.st_size != before.st_size)
		abort();
	if (tree_remove(dir, "layer", NULL) < 0 || tree_remove(dir, "side", NULL) < 0)
		abort();
	return 0;
}
