/*
 * kist-transfer: reads an archive of images, or the tar of a root file system, from descriptor 0 and
 * unpacks it into the folder at descriptor 3, confined to that folder. Started by the store
 * (store/transfer.h), never by people. Or the other way: reads a container's files from there and writes a tar of
 * them to descriptor 1, or writes again the tars of layers, or compares a layer with its tar. It opens nothing by name.
 */
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/asan.h"
#include "base/mem.h"
#include "confine.h"
#include "copytree.h"
#include "follow.h"
#include "hash.h"
#include "load.h"
#include "pipeline.h"
#include "pack.h"
#include "replay.h"
#include "report.h"
#include "verify.h"
#include "sys/tmpfile.h"

#if defined(__SANITIZE_ADDRESS__)
/* The leak check at the end stops this process from another one, which confinement forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* Reads a container's files; nothing is unpacked. */
static int run_pack(const struct transfer_message *request, struct err **err)
{
	int trees[TRANSFER_TREES_MAX];
	size_t count;
	signal(SIGPIPE, SIG_IGN); /* a client that has left is an error like others */
	if (report_trees(trees, &count, err) < 0)
		return -1;
	auto_fd int root = confine_reading(TRANSFER_FD_STAGING, err);
	if (root < 0)
		return -1;
	const struct pack_spec spec = {
		.upper = root,
		.whole = request->known,
		.below = trees,
		.below_count = count,
		.spool = TRANSFER_FD_SPOOL,
		.out = STDOUT_FILENO,
		.max_entries = request->max_entries,
		.max_bytes = request->max_bytes,
	};
	switch (request->mode) {
	case TRANSFER_PACK_CHANGES:
		return pack_changes(&spec, err);
	case TRANSFER_PACK_SIZE:
		return pack_size(&spec, err);
	case TRANSFER_PACK_LAYER:
		return pack_layer(&spec, err);
	default:
		return pack_whole(&spec, err);
	}
}

static int sync_root(int root, struct err **err)
{
	/* before the store gives any of it a name */
	return syncfs(root) < 0 ? err_sys(err, errno, "sync the unpacked layers") : 0;
}

/* Layers become the plain folder "root". */
static int run_copy(const struct transfer_message *request, struct err **err)
{
	int trees[TRANSFER_TREES_MAX];
	size_t count;
	if (report_trees(trees, &count, err) < 0)
		return -1;
	auto_fd int top = confine_copying(TRANSFER_FD_STAGING, err);
	if (top < 0)
		return -1;
	if (mkdirat(top, "root", 0755) < 0)
		return err_sys(err, errno, "make the folder of the copy");
	auto_fd int root = openat(top, "root", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_fd int spool = tmpfile_open(top, 0);
	if (root < 0 || spool < 0)
		return err_sys(err, errno, "open the folder of the copy");
	const struct copy_spec spec = {
		.to = root,
		.layers = trees,
		.count = count,
		.spool = spool,
		.max_entries = request->max_entries,
		.max_bytes = request->max_bytes,
	};
	return copy_layers(&spec, err) < 0 ? -1 : sync_root(top, err);
}

/* Writes layers' tars again; each comes as descriptors of its own, the root is an empty folder. */
static int run_replay(struct err **err)
{
	signal(SIGPIPE, SIG_IGN);
	auto_fd int root = confine_reading(TRANSFER_FD_STAGING, err);
	return root < 0 ? -1 : replay_serve(err);
}

/* Unpacks a layer once more, beside it, and compares. */
static int run_verify(const struct transfer_message *request, struct err **err)
{
	auto_fd int root = confine_verifying(TRANSFER_FD_STAGING, err);
	return root < 0 ? -1 : verify_serve(root, request, err);
}

static int supervise(enum transfer_mode mode, const struct pipeline_spec *spec, struct err **err)
{
	if (mode == TRANSFER_PULL)
		return follow_layers(spec, err);
	int r = mode == TRANSFER_IMPORT ? load_layer(spec, err) : load_archive(spec, err);
	return r < 0 ? -1 : sync_root(spec->run->root, err);
}

/* What strangers wrote becomes layers: this process parses none of it. */
static int run_supervisor(const struct transfer_message *request, struct err **err)
{
	signal(SIGPIPE, SIG_IGN); /* a child that has ended says why */
	struct confine_filters *filters = confine_filters_new(err);
	auto_fd int root = filters ? confine_supervising(TRANSFER_FD_STAGING, err) : -1;
	struct run run;
	const struct pipeline_spec spec = {
		.tools = &child_tools,
		.filters = filters,
		.run = &run,
		.progress = layer_progress,
		.stall_ms = PIPELINE_STALL_MS,
		.early = request->mode == TRANSFER_IMPORT,
	};
	int r = root < 0 ? -1 : run_init(&run, root, request, err);
	if (r == 0)
		r = supervise(request->mode, &spec, err);
	confine_filters_free(filters);
	return r;
}

static int run(struct err **err)
{
	struct transfer_message request;
	if (report_request(&request, err) < 0)
		return -1;
	if (request.mode >= TRANSFER_PACK_LAYER && request.mode <= TRANSFER_PACK_SIZE)
		return run_pack(&request, err);
	if (request.mode == TRANSFER_COPY)
		return run_copy(&request, err);
	if (request.mode == TRANSFER_WRITE_LAYERS)
		return run_replay(err);
	if (request.mode == TRANSFER_VERIFY)
		return run_verify(&request, err);
	return run_supervisor(&request, err);
}

int main(int argc, char **argv)
{
	if (argc != 1 || fcntl(TRANSFER_FD_CONTROL, F_GETFD) < 0) {
		fprintf(stderr, "%s is started by kistd, not by hand\n", argv[0]);
		return 2;
	}
	/* names in archives are UTF-8 or bytes; libarchive converts by locale */
	setlocale(LC_CTYPE, "C.UTF-8");
	/* each arena of malloc reserves 64 MiB of the address space that we bound */
	mallopt(M_ARENA_MAX, 1);
	hash_init();
	umask(0);
	auto_err *err = NULL;
	if (run(&err) < 0) {
		report_error(err);
		return 1;
	}
	struct transfer_message done = {.kind = TRANSFER_DONE};
	report_send(&done);
	return 0;
}
