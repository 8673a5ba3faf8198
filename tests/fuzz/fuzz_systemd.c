/* Values of org.systemd.property annotations, names of units, and requests to kist-systemd. */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "runtime/systemd.h"
#include "systemd_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	auto_free char *text = xstrndup((const char *)data + 1, size - 1);
	auto_systemd_props props = {0};
	struct systemd_unit unit;
	struct systemd_request request;
	switch (data[0] % 4) {
	case 0:
		systemd_prop_parse(&props, "Foo", text, NULL);
		break;
	case 1:
		systemd_prop_parse(&props, "FooSec", text, NULL);
		break;
	case 2:
		if (systemd_unit_parse(&unit, text, "id", false, NULL) == 0)
			systemd_unit_clear(&unit);
		break;
	default:
		if (systemd_request_decode(&request, data + 1, size - 1, NULL) == 0)
			systemd_props_clear(&request.props);
	}
	return 0;
}
