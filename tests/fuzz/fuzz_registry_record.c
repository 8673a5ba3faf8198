/* What a taken-over kist-registry could send to the daemon, and what the daemon says to it. */
#include <stdint.h>

#include "base/mem.h"
#include "registry/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_record r;
	auto_record again = {0};
	auto_buf b = BUF_INIT;
	if (record_decode(data, size, &r, NULL) < 0)
		return 0;
	record_encode(&r, &b);
	if (record_decode(b.data, b.len, &again, NULL) < 0 || again.kind != r.kind ||
		again.id != r.id)
		abort();
	return 0;
}
