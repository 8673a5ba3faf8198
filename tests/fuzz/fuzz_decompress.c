/* Decompressors, and names in archives. */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "name.h"
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clean_name(const uint8_t *data, size_t size)
{
	char out[NAME_ROOM], again[NAME_ROOM];
	auto_free char *name = xstrndup((const char *)data, size < 8192 ? size : 8192);
	if (name_clean(name, out, NULL) < 0)
		return;
	/* a clean name leads nowhere else, however it is looked at */
	if (out[0] == '/' || strstr(out, "//") || strcmp(out, "..") == 0 ||
		strncmp(out, "../", 3) == 0 || strstr(out, "/../"))
		abort();
	if (name_clean(out, again, NULL) < 0 || strcmp(out, again) != 0)
		abort();
	name_clean_from(out, name, again, NULL);
}

static ssize_t nothing(struct stream *s, void *p, size_t n, struct err **err)
{
	(void)s, (void)p, (void)n, (void)err;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct stream_ops end = {nothing, NULL};
	struct stream rest = {&end};
	auto_free char *chunk = xmalloc(65536);
	clean_name(data, size);
	auto_stream *in = stream_head(data, size, &rest);
	auto_stream *out = stream_decompress(in, stream_detect(data, size));
	for (int i = 0; i < 64 && stream_read(out, chunk, 65536, NULL) > 0; i++)
		;
	return 0;
}
