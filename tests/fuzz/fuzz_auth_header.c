/* X-Registry-Auth, which any client of the API may send. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	auto_api_auth a = {0};
	auto_err *err = NULL;
	int rc = api_auth_text(text, &a, &err);
	if ((rc < 0) != (err != NULL) || (rc < 0 && a.json))
		abort();
	/* what is wrong with it is said without quoting it: it is a secret */
	if (err && strlen(text) > 40 && strstr(err->msg, text))
		abort();
	return 0;
}
