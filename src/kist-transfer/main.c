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

#include "base/mem.h"
#include "confine.h"
#include "follow.h"
#include "hash.h"
#include "load.h"
#include "pack.h"
#include "replay.h"
#include "report.h"
#include "verify.h"

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
	signal(SIGPIPE, SIG_IGN); /* a client that has left is an error like others */
	auto_fd int root = confine_reading(TRANSFER_FD_STAGING, err);
	if (root < 0)
		return -1;
	const struct pack_spec spec = {
		.upper = root,
		.lower = TRANSFER_FD_LOWER,
		.spool = TRANSFER_FD_SPOOL,
		.out = STDOUT_FILENO,
		.max_entries = request->max_entries,
		.max_bytes = request->max_bytes,
	};
	if (request->mode == TRANSFER_PACK_CHANGES)
		return pack_changes(&spec, err);
	return request->mode == TRANSFER_PACK_LAYER ? pack_layer(&spec, err)
						    : pack_whole(&spec, err);
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

static int run(struct err **err)
{
	struct transfer_message request;
	if (report_request(&request, err) < 0)
		return -1;
	if (request.mode >= TRANSFER_PACK_LAYER && request.mode <= TRANSFER_PACK_CHANGES)
		return run_pack(&request, err);
	if (request.mode == TRANSFER_WRITE_LAYERS)
		return run_replay(err);
	if (request.mode == TRANSFER_VERIFY)
		return run_verify(&request, err);
	auto_fd int root = confine(TRANSFER_FD_STAGING, err);
	if (root < 0)
		return -1;
	if (request.mode == TRANSFER_PULL)
		return follow_layers(root, &request, err);
	int r = request.mode == TRANSFER_IMPORT ? load_layer(root, &request, err)
						: load_archive(root, &request, err);
	if (r < 0)
		return -1;
	/* before the store gives any of it a name */
	if (syncfs(root) < 0)
		return err_sys(err, errno, "sync the unpacked layers");
	return 0;
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
