/*
 * A layer's recipe: read operation by operation, then carried out over a small layer. The first byte says whether the rest
 * is the file as it is (the frame around the operations) or the operations, which are compressed here. Nothing may come
 * out of the files that lie outside the layer, whatever paths and ids the recipe has.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "name.h"
#include "recipe.h"
#include "replay.h"
#include "store/transfer.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TAR_SIZE 20000
#define SECRET_LEN 32

/* set once, before the first input */
static char base[64], secret[SECRET_LEN + 1];
static int reports = -1;

static void remove_base(void)
{
	tree_remove(AT_FDCWD, base, NULL);
}

static void put(int dir, const char *name, const char *text)
{
	if (file_replace(dir, name, text, strlen(text), 0600, false, NULL) < 0)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int pair[2];
	(void)argc, (void)argv;
	snprintf(base, sizeof(base), "/tmp/kist-fuzz-XXXXXX");
	if (!mkdtemp(base) || atexit(remove_base) != 0)
		abort();
	random_hex(secret, SECRET_LEN / 2);
	auto_fd int dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(dir, "layer", 0700) < 0 || mkdirat(dir, "side", 0700) < 0 ||
		mkdirat(dir, "layer/d", 0700) < 0 || symlinkat("..", dir, "layer/up") < 0 ||
		symlinkat("../victim", dir, "layer/link") < 0 ||
		symlinkat("../victim", dir, "side/3") < 0)
		abort();
	put(dir, "victim", secret);
	auto_fd int layer = openat(dir, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int side = openat(dir, "side", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int sub = openat(layer, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(layer, "a", "aaaaaaaaaa");
	put(sub, "b", "bbbbbbbbbb");
	put(side, "7", "cccccccccc");
	/* where the program's socket is */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	reports = fcntl(pair[0], F_DUPFD_CLOEXEC, 100);
	if (reports < 0 || dup2(pair[1], TRANSFER_FD_CONTROL) < 0)
		abort();
	return 0;
}

/* The recipe's file in side/, and a descriptor of it. */
static int write_recipe(int side, bool plain, const uint8_t *data, size_t size)
{
	auto_buf file = BUF_INIT;
	if (plain) {
		size_t room = ZSTD_compressBound(size);
		buf_adds(&file, RECIPE_MAGIC);
		size_t n = ZSTD_compress(buf_reserve(&file, room), room, data, size, 1);
		if (ZSTD_isError(n))
			abort();
		file.len += n;
	} else {
		buf_add(&file, data, size);
	}
	if (file_replace(
		    side, RECIPE_FILE, file.data ? file.data : "", file.len, 0600, false, NULL) < 0)
		abort();
	return openat(side, RECIPE_FILE, O_RDONLY | O_CLOEXEC);
}

static void read_all(int fd)
{
	auto_recipe_reader *r = recipe_reader_new(fd);
	struct recipe_op op = {.kind = RECIPE_LITERAL};
	char clean[NAME_ROOM];
	while (op.kind != RECIPE_END && recipe_next(r, &op, NULL) == 0) {
		if (op.kind >= RECIPE_KIND_COUNT ||
			(op.kind == RECIPE_LITERAL && op.n > RECIPE_LITERAL_MAX))
			abort();
		if (op.kind == RECIPE_FROM &&
			(name_clean(op.path, clean, NULL) < 0 || strcmp(op.path, clean) != 0))
			abort();
	}
}

static void carry_out(int dir, int side)
{
	static char got[2 * TAR_SIZE];
	auto_fd int layer = openat(dir, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int out = memfd_create("tar", MFD_CLOEXEC);
	struct replay_spec spec = {.layer = layer, .side = side, .out = out, .tar_size = TAR_SIZE};
	struct replay_result result;
	digest_of("", 0, &spec.diff_id);
	replay_layer(&spec, &result, NULL);
	ssize_t n = pread(out, got, sizeof(got), 0);
	if (n > 0 && memmem(got, (size_t)n, secret, SECRET_LEN))
		abort();
	while (recv(reports, got, sizeof(got), MSG_DONTWAIT) > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > (1 << 20))
		return 0;
	auto_fd int dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int side = openat(dir, "side", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int fd = write_recipe(side, data[0] & 1, data + 1, size - 1);
	read_all(fd);
	carry_out(dir, side);
	return 0;
}
