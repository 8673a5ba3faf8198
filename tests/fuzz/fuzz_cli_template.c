/* --format templates: any text, run over a fixed document. */
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char document[] =
		"{\"A\":{\"B\":[1,\"x\",null,{\"c\":1.5}]},\"S\":\"text\",\"N\":3,\"T\":true}";
	auto_free char *text = xstrndup((const char *)data, size);
	auto_err *err = NULL;
	auto_buf out = BUF_INIT;
	auto_template *t = template_parse(text, &err);
	auto_json *j = json_parse(document, sizeof(document) - 1, "document", &err);
	for (int mode = TEMPLATE_ROW; t && mode <= TEMPLATE_HEADER; mode++)
		(void)!template_run(t, j, (enum template_mode)mode, &out, &err);
	return 0;
}
