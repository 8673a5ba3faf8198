/* Image references and patterns: what parses must print and parse to itself again. */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 2048)
		return 0;
	auto_free char *text = xstrndup((const char *)data, size);
	auto_reference ref = {0}, again = {0};
	enum reference_kind kind;
	if (reference_parse_any(text, &ref, &kind, NULL) < 0 || kind != REFERENCE_NAMED)
		return 0;
	auto_free char *full = reference_string(&ref);
	auto_free char *familiar = reference_familiar_string(&ref);
	/* a familiar name of 64 hex digits would read as an id; the full one never does */
	if (reference_parse(full, &again, NULL) < 0)
		abort();
	auto_free char *same = reference_string(&again);
	if (!str_eq(full, same))
		abort();
	if (strlen(text) < 40)
		reference_match(text, &ref, NULL);
	(void)familiar;
	return 0;
}
