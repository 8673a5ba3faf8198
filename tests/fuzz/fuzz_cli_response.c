/* A daemon's HTTP response in two pieces, then the frames of its body. */
#include <stddef.h>
#include <stdint.h>

#include "relay.h"
#include "response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct response r;
	struct demux d = {0};
	if (size < 2)
		return 0;
	size_t split = data[0] % size;
	response_init(&r, data[1] & 1, data[1] & 2);
	const char *p = (const char *)data + 2;
	size -= 2;
	split = split < size ? split : size;
	auto_err *err = NULL;
	ssize_t used = response_feed(&r, p, split, &err);
	if (used >= 0 && !r.done)
		used = response_feed(&r, p + split, size - split, &err);
	if (used >= 0)
		(void)!response_end(&r, &err);
	(void)!demux_feed(&d, r.body.data ? r.body.data : p, r.body.len, -1, -1, &err);
	(void)!demux_end(&d, &err);
	response_free(&r);
	return 0;
}
