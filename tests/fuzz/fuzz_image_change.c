/* Dockerfile instructions of import --change. */
#include <stdint.h>

#include "base/mem.h"
#include "oci/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	struct oci_image_config config = {0};
	oci_image_config_change(&config, text, NULL);
	oci_image_config_change(&config, text, NULL);
	oci_image_config_clear(&config);
	return 0;
}
