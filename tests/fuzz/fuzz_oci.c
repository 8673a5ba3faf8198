/* config.json, process.json, resources and seccomp profiles from whoever writes bundles. The first byte
 * chooses the document. */
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "oci/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oci_config *config;
	struct oci_process *process;
	struct oci_resources *resources;
	struct oci_seccomp *seccomp;
	log_set_level(LOG_LEVEL_ERROR);
	if (!size)
		return 0;
	switch (data[0] % 4) {
	case 0:
		if (oci_config_parse(&config, data + 1, size - 1, NULL) == 0)
			oci_config_free(config);
		break;
	case 1:
		if (oci_process_parse(&process, data + 1, size - 1, NULL) == 0)
			oci_process_free(process);
		break;
	case 2:
		if (oci_resources_parse(&resources, data + 1, size - 1, NULL) == 0)
			oci_resources_free(resources);
		break;
	default:
		if (oci_seccomp_parse(&seccomp, data + 1, size - 1, ~0ull, NULL) == 0)
			oci_seccomp_free(seccomp);
	}
	return 0;
}
