/* A create request's body: what is understood must survive being written and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct create_request c = {0}, again = {0};
	auto_buf one = BUF_INIT;
	auto_buf two = BUF_INIT;
	if (model_parse(&model_create_request, (const char *)data, size, &c, "", NULL) == 0) {
		(void)!model_check_built(&model_create_request, &c, "", NULL);
		model_write(&model_create_request, &c, 0, &one);
		if (model_parse(&model_create_request, one.data, one.len, &again, "", NULL) < 0)
			abort();
		model_write(&model_create_request, &again, 0, &two);
		if (strcmp(buf_str(&one), buf_str(&two)) != 0)
			abort();
	}
	create_request_clear(&c);
	create_request_clear(&again);
	return 0;
}
