/* Image configurations, manifests, indexes; what parses is written and parses again. */
#include <stdint.h>

#include "base/mem.h"
#include "oci/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_oci_image *image = NULL;
	auto_oci_image *again = NULL;
	auto_oci_manifest *manifest = NULL;
	auto_oci_index *index = NULL;
	oci_manifest_parse(&manifest, data, size, NULL);
	oci_index_parse(&index, data, size, NULL);
	if (manifest && index)
		abort(); /* one document may not be both */
	if (oci_image_parse(&image, data, size, NULL) < 0)
		return 0;
	auto_buf out = BUF_INIT;
	oci_image_emit(image, &out);
	if (oci_image_parse(&again, out.data, out.len, NULL) < 0)
		abort();
	return 0;
}
