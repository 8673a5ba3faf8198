/* The archive around images: plain ustar, with times, owners and modes that are always the same. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "save_private.h"
#include "store/layer_tar.h"

#define BLOCK 512
#define SIZE_AT 124
#define SIZE_LEN 12
#define OCTAL_MAX ((1ll << 33) - 1) /* eleven digits */

static int put(struct save_tar *t, const void *p, size_t n, struct err **err)
{
	return fd_write_all(t->out, p, n) < 0 ? err_sys(err, errno, "write the archive") : 0;
}

/* Sizes of 8 GiB and more are binary, as GNU tar, Go and libarchive write and read them. */
static void put_size(char *header, int64_t size)
{
	if (size <= OCTAL_MAX) {
		snprintf(header + SIZE_AT, SIZE_LEN, "%011llo", (unsigned long long)size);
		return;
	}
	for (int i = SIZE_LEN - 1; i > 0; i--, size >>= 8)
		header[SIZE_AT + i] = (char)size;
	header[SIZE_AT] = (char)0x80;
}

static int put_header(
	struct save_tar *t, const char *name, char type, int64_t size, struct err **err)
{
	char h[BLOCK] = {0};
	unsigned sum = 0;
	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", type == '5' ? 0755u : 0644u);
	snprintf(h + 108, 8, "%07o", 0u);
	snprintf(h + 116, 8, "%07o", 0u);
	put_size(h, size);
	snprintf(h + 136, 12, "%011o", 0u);
	memset(h + 148, ' ', 8);
	h[156] = type;
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): the version has no end */
	memcpy(h + 257,
		"ustar\0"
		"00",
		8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	return put(t, h, BLOCK, err);
}

static int put_padding(struct save_tar *t, int64_t size, struct err **err)
{
	static const char zeroes[BLOCK];
	return put(t, zeroes, (size_t)(-size & (BLOCK - 1)), err);
}

int save_tar_folder(struct save_tar *t, const char *name, struct err **err)
{
	return put_header(t, name, '5', 0, err);
}

int save_tar_file(struct save_tar *t, const char *name, const void *p, size_t n, struct err **err)
{
	if (put_header(t, name, '0', (int64_t)n, err) < 0 || put(t, p, n, err) < 0)
		return -1;
	return put_padding(t, (int64_t)n, err);
}

static int put_content(
	struct save_tar *t, struct store *store, const struct save_blob *b, struct err **err)
{
	int64_t size;
	auto_fd int fd = store_blob_open(store, &b->digest, &size, err);
	if (fd < 0)
		return -1;
	for (int64_t left = b->size; left;) {
		ssize_t n = sendfile(t->out, fd, NULL, left < (1 << 30) ? (size_t)left : 1u << 30);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "write the archive");
		if (n == 0)
			return err_set(err, ERR_SYSTEM,
				"blob %s is damaged: it has only %lld bytes", b->digest.str,
				(long long)(b->size - left));
		left -= n;
	}
	return 0;
}

static int put_layer(
	struct save_tar *t, struct store *store, const struct save_blob *b, struct err **err)
{
	if (!t->packer)
		t->packer = layer_packer_open(store, err);
	if (!t->packer)
		return -1;
	return layer_packer_write(
		t->packer, &b->digest, t->out, LAYER_TAR_PLAIN, NULL, NULL, NULL, err);
}

int save_tar_blob(
	struct save_tar *t, struct store *store, const struct save_blob *b, struct err **err)
{
	auto_free char *name = xasprintf("blobs/sha256/%s", digest_hex(&b->digest));
	if (b->kind == SAVE_BYTES)
		return save_tar_file(t, name, b->bytes.data, b->bytes.len, err);
	if (put_header(t, name, '0', b->size, err) < 0)
		return -1;
	int r = b->kind == SAVE_CONTENT ? put_content(t, store, b, err)
					: put_layer(t, store, b, err);
	return r < 0 ? -1 : put_padding(t, b->size, err);
}

int save_tar_end(struct save_tar *t, struct err **err)
{
	static const char zeroes[2 * BLOCK];
	return put(t, zeroes, sizeof(zeroes), err);
}
