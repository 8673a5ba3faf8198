/*
 * The documents of a pull, and platforms. The input is index, manifest and configuration, and perhaps an index around the
 * first, separated by NUL; in all but the configuration "$D" and "$S" stand for the digest and the size of the next, so that
 * the checks behind those are reached.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pull_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Up to the next NUL; *data and *size move behind it. */
static void take(const uint8_t **data, size_t *size, struct buf *out)
{
	const uint8_t *end = *size ? memchr(*data, 0, *size) : NULL;
	size_t n = end ? (size_t)(end - *data) : *size;
	buf_add(out, *data, n);
	*data += end ? n + 1 : n;
	*size -= end ? n + 1 : n;
}

static void fill(const struct buf *in, const struct buf *next, struct buf *out)
{
	struct digest d;
	digest_of(next->data, next->len, &d);
	for (size_t i = 0; i < in->len; i++) {
		char c = i + 1 < in->len && in->data[i] == '$' ? in->data[i + 1] : 0;
		if (c == 'D')
			buf_adds(out, d.str);
		else if (c == 'S')
			buf_addf(out, "%zu", next->len);
		else
			buf_addc(out, in->data[i]);
		i += c == 'D' || c == 'S';
	}
}

static void platforms(const struct buf *index, const struct buf *text)
{
	auto_oci_index *x = NULL;
	struct oci_platform p;
	auto_free char *name = xstrndup(text->data ? text->data : "", text->len);
	if (oci_platform_parse(name, &p, NULL) == 0) {
		struct oci_platform again;
		auto_free char *out = oci_platform_format(&p);
		if (oci_platform_parse(out, &again, NULL) < 0 || strcmp(p.os, again.os) != 0)
			abort();
	}
	if (oci_index_parse(&x, index->data, index->len, NULL) == 0)
		free(oci_index_candidates(x, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf raw_outer = BUF_INIT, raw_index = BUF_INIT, raw_manifest = BUF_INIT;
	auto_buf outer = BUF_INIT, index = BUF_INIT, manifest = BUF_INIT, config = BUF_INIT;
	take(&data, &size, &raw_index);
	take(&data, &size, &raw_manifest);
	take(&data, &size, &config);
	take(&data, &size, &raw_outer);
	fill(&raw_manifest, &config, &manifest);
	fill(&raw_index, &manifest, &index);
	fill(&raw_outer, &index, &outer);
	platforms(&index, &raw_manifest);
	struct store_pull_spec spec = {
		.manifest = {manifest.data, manifest.len, NULL},
		.config = {config.data, config.len, NULL},
	};
	size_t n = 0;
	if (index.len && outer.len)
		spec.indexes[n++] = (struct store_document){outer.data, outer.len, NULL};
	if (index.len)
		spec.indexes[n] = (struct store_document){index.data, index.len, NULL};
	struct pull_docs docs = {0};
	if (pull_docs_read(&docs, &spec, NULL) == 0 &&
		docs.m->layer_count != docs.image->diff_id_count)
		abort();
	pull_docs_free(&docs);
	return 0;
}
