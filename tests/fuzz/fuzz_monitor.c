/* The records of the monitor's protocol, decoded from anything. */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/monitor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct monitor_config config;
	struct monitor_attach attach;
	struct monitor_exit ended;
	if (!size)
		return 0;
	struct wire w = wire_from(data + 1, size - 1);
	auto_err *err = NULL;
	switch (data[0] % 3) {
	case 0:
		(void)!monitor_config_decode(&config, &w, &err);
		break;
	case 1:
		(void)!monitor_attach_decode(&attach, &w, &err);
		break;
	case 2:
		(void)!monitor_exit_decode(&ended, &w, &err);
		break;
	}
	return 0;
}
