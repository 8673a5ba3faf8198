/* Dockerfiles and the words in them. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "oci/dockerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *const env[] = {(char *)"A=1", (char *)"B= x  y ", (char *)"C=", NULL};
	auto_dockerfile *d = NULL;
	if (dockerfile_parse(&d, (const char *)data, size, NULL) < 0)
		return 0;
	for (size_t i = 0; i < d->count; i++) {
		auto_strv words = dockerfile_words(d->v[i].rest, d->escape);
		auto_strv json = NULL;
		auto_strv expanded = NULL;
		auto_free char *text = NULL;
		dockerfile_json(d->v[i].rest, &json, NULL);
		dockerfile_expand(d->v[i].rest, env, d->escape, &text, NULL);
		dockerfile_expand_words(d->v[i].rest, env, d->escape, &expanded, NULL);
	}
	return 0;
}
