/* A manifest with a subject, and the list that it is added to: the input is both, with a NUL between them. */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "oci/reference.h"
#include "oci/referrer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_oci_referrer *r = NULL;
	auto_buf list = BUF_INIT;
	auto_buf again = BUF_INIT;
	const uint8_t *end = size ? memchr(data, 0, size) : NULL;
	size_t n = end ? (size_t)(end - data) : size;
	if (oci_referrer_parse(&r, OCI_TYPE_MANIFEST, data, n, NULL) <= 0)
		return 0;
	if (!reference_tag_valid(r->tag))
		abort();
	if (oci_referrers_add(end ? end + 1 : NULL, end ? size - n - 1 : 0, r, &list, NULL) <= 0)
		return 0;
	/* what was added is there */
	if (list.len > OCI_DOCUMENT_MAX ||
		oci_referrers_add(list.data, list.len, r, &again, NULL) > 0)
		abort();
	return 0;
}
