/* Reading JSON where it lies: what jansson takes is read to its end, and nothing reads beyond the text. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_value(struct jsonr *r)
{
	auto_buf text = BUF_INIT;
	int64_t n;
	switch (jsonr_peek(r)) {
	case '{':
		jsonr_enter(r, '{');
		while (jsonr_key(r, &text))
			read_value(r);
		return;
	case '[':
		jsonr_enter(r, '[');
		while (jsonr_more(r, ']'))
			read_value(r);
		return;
	case '"':
		jsonr_str(r, &text);
		return;
	case '1':
		jsonr_i64(r, &n);
		return;
	default:
		jsonr_skip(r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of its exact size, so that the sanitizer sees what is read beyond it */
	auto_free char *text = xmemdup(data, size);
	struct jsonr r = jsonr_from(text, size);
	read_value(&r);
	jsonr_end(&r, "text", NULL);
	r = jsonr_from(text, size);
	jsonr_skip(&r);
	bool skipped = jsonr_end(&r, "text", NULL) == 0;
	auto_json *tree = json_parse(text, size, "text", NULL);
	/* to jansson a NUL behind the value is the end */
	if (tree && !skipped && !memchr(text, 0, size))
		abort();
	return 0;
}
