/* What a taken-over kist-transfer could send to the store. */
#include <stdint.h>

#include "base/mem.h"
#include "store/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transfer_message m, again;
	if (transfer_decode(data, size, &m, NULL) < 0)
		return 0;
	auto_buf b = BUF_INIT;
	transfer_encode(&m, &b);
	if (transfer_decode(b.data, b.len, &again, NULL) < 0 || again.kind != m.kind)
		abort();
	return 0;
}
