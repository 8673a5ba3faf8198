#include "puller.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"

static void by_program(const char *program, const struct buf *in, struct buf *out)
{
	char *argv[] = {(char *)program, (char *)"-c", NULL};
	auto_free char *path = xasprintf("/usr/bin/%s", program); /* /bin is a link to it */
	struct proc_spec spec = {.path = path, .argv = argv};
	auto_buf said = BUF_INIT;
	struct err *err = NULL;
	if (proc_run(&spec, in->data, in->len, 64u << 20, out, &said, &err) != 0)
		fail_msg("%s: %s%s", program, buf_str(&said), err ? err_msg(err) : "");
}

static void in_parts(const struct buf *tar, void (*pack)(const struct buf *, struct buf *),
	const void *between, size_t n, struct buf *out)
{
	size_t third = tar->len / 3;
	buf_add(out, between, n);
	for (size_t i = 0; i < 3; i++) {
		struct buf part = {
			.data = tar->data + i * third, .len = i < 2 ? third : tar->len - 2 * third};
		pack(&part, out);
		buf_add(out, between, n);
	}
}

static void pack_layer(const struct buf *tar, enum packing packing, struct buf *to)
{
	static const char zeroes[512];
	static const char skipped[] = "\x50\x2a\x4d\x18\x04\0\0\0kist";
	switch (packing) {
	case PACK_PLAIN:
		buf_add(to, tar->data, tar->len);
		break;
	case PACK_GZIP:
		gzip(tar, to);
		break;
	case PACK_ZSTD:
		zstd(tar, to);
		break;
	case PACK_XZ:
		by_program("xz", tar, to);
		break;
	case PACK_BZIP2:
		by_program("bzip2", tar, to);
		break;
	case PACK_GZIP_MEMBERS:
		in_parts(tar, gzip, "", 0, to);
		buf_add(to, zeroes, sizeof(zeroes));
		break;
	case PACK_ZSTD_FRAMES:
		in_parts(tar, zstd, skipped, sizeof(skipped) - 1, to);
		break;
	}
}

void served_layer(struct served *s, const struct buf *tar, enum packing packing)
{
	struct buf *to = &s->blobs[s->count];
	assert_true(s->count < SERVED_LAYERS_MAX);
	pack_layer(tar, packing, to);
	digest_of(tar->data, tar->len, &s->diff_ids[s->count]);
	digest_of(to->data, to->len, &s->digests[s->count]);
	s->count++;
}

void served_finish(struct served *s, const char *note)
{
	buf_addf(&s->config,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"%s\",\"rootfs\":"
		"{\"type\":\"layers\",\"diff_ids\":[",
		note ? note : "");
	for (size_t i = 0; i < s->count; i++)
		buf_addf(&s->config, "%s\"%s\"", i ? "," : "", s->diff_ids[i].str);
	buf_adds(&s->config, "]}}");
	digest_of(s->config.data, s->config.len, &s->config_digest);
	buf_addf(&s->manifest,
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST
		"\",\"config\":{\"mediaType\":\"" OCI_TYPE_CONFIG
		"\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
		s->config_digest.str, s->config.len);
	for (size_t i = 0; i < s->count; i++)
		buf_addf(&s->manifest,
			"%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\","
			"\"digest\":\"%s\",\"size\":%zu}",
			i ? "," : "", s->digests[i].str, s->blobs[i].len);
	buf_adds(&s->manifest, "]}");
	digest_of(s->manifest.data, s->manifest.len, &s->manifest_digest);
	buf_addf(&s->index,
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":["
		"{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}",
		s->manifest_digest.str, s->manifest.len);
	digest_of(s->index.data, s->index.len, &s->index_digest);
}

void served_free(struct served *s)
{
	for (size_t i = 0; i < s->count; i++)
		buf_free(&s->blobs[i]);
	buf_free(&s->config);
	buf_free(&s->manifest);
	buf_free(&s->index);
	*s = (struct served){0};
}

struct store_pull_spec served_spec(const struct served *s, bool with_index)
{
	struct store_pull_spec spec = {
		.manifest = {s->manifest.data, s->manifest.len, OCI_TYPE_MANIFEST},
		.config = {s->config.data, s->config.len, NULL},
	};
	if (with_index)
		spec.indexes[0] =
			(struct store_document){s->index.data, s->index.len, OCI_TYPE_INDEX};
	return spec;
}

int try_feed_layer(
	struct store_pull *pull, const struct served *s, size_t i, int64_t upto, struct err **err)
{
	int64_t offset;
	auto_fd int fd = store_pull_open(pull, i, &offset, err);
	if (fd < 0)
		return -1;
	if (upto > offset)
		assert_int_equal(
			fd_write_all(fd, s->blobs[i].data + offset, (size_t)(upto - offset)), 0);
	return store_pull_grown(pull, i, upto, err);
}

void feed_layer(struct store_pull *pull, const struct served *s, size_t i, int64_t upto)
{
	auto_err *err = NULL;
	if (try_feed_layer(pull, s, i, upto, &err) < 0)
		fail_msg("%s", err_msg(err));
}

int next_event(struct store_pull *pull, struct store_pull_event *out, struct err **err)
{
	for (;;) {
		int r = store_pull_next(pull, out, err);
		if (r != 0)
			return r;
		struct pollfd p = {store_pull_fd(pull), POLLIN, 0};
		if (poll(&p, 1, 30000) == 0)
			fail_msg("a pull says nothing for 30 seconds");
	}
}

/* A piece more of every layer that is asked for: 1, 0 if there is none, -1. */
static int feed_some(struct store_pull *pull, const struct served *s, size_t chunk, int64_t *sent,
	struct err **err)
{
	int more = 0;
	for (size_t i = 0; i < s->count; i++) {
		const struct store_pull_layer *l = store_pull_layer(pull, i);
		if (l->state == STORE_PULL_NEEDED) {
			int64_t offset;
			auto_fd int fd = store_pull_open(pull, i, &offset, NULL);
			assert_true(fd >= 0);
			sent[i] = offset;
		}
		if (l->state != STORE_PULL_DOWNLOADING || sent[i] >= l->size)
			continue;
		int64_t upto = sent[i] + (int64_t)chunk;
		sent[i] = upto < l->size ? upto : l->size;
		if (try_feed_layer(pull, s, i, sent[i], err) < 0)
			return -1;
		more = 1;
	}
	return more;
}

int pull_to_ready(struct store_pull *pull, const struct served *s, size_t chunk, struct err **err)
{
	int64_t sent[SERVED_LAYERS_MAX] = {0};
	struct store_pull_event e;
	for (;;) {
		int more = feed_some(pull, s, chunk, sent, err);
		if (more < 0)
			return -1;
		int r = more ? store_pull_next(pull, &e, err) : next_event(pull, &e, err);
		if (r < 0)
			return -1;
		if (r == 1 && e.kind == STORE_PULL_EVENT_READY)
			return 0;
	}
}

int commit_as(
	struct store_pull *pull, const char *name, struct store_pull_result *out, struct err **err)
{
	auto_reference ref = {0};
	if (name)
		assert_int_equal(reference_parse(name, &ref, NULL), 0);
	return store_pull_commit(pull, name ? &ref : NULL, out, err);
}

int pull_served(struct fixture *f, const struct served *s, const char *name, size_t chunk,
	struct store_pull_result *out, struct err **err)
{
	struct store_pull_result result;
	struct store_pull_spec spec = served_spec(s, true);
	auto_store_pull *pull = store_pull_begin(f->store, &spec, err);
	if (!pull || pull_to_ready(pull, s, chunk, err) < 0)
		return -1;
	return commit_as(pull, name, out ? out : &result, err);
}
