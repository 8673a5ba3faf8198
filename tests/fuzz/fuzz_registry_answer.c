/* What registries and token services say: challenges and tokens. The first byte chooses. */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "challenge.h"
#include "token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void challenge(const char *text)
{
	char *headers[] = {(char *)(uintptr_t)text, NULL};
	for (int scheme = CHALLENGE_BASIC; scheme <= CHALLENGE_BEARER; scheme++) {
		struct challenge c;
		if (challenge_find(headers, (enum challenge_scheme)scheme, &c) < 0)
			continue;
		if ((int)c.scheme != scheme || !c.realm || !c.service || !c.scope || !c.error)
			abort();
		challenge_free(&c);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token_reply t;
	if (!size)
		return 0;
	if (data[0] & 1) {
		auto_free char *text = xstrndup((const char *)data + 1, size - 1);
		challenge(text);
	} else if (token_parse(data + 1, size - 1, &t, NULL) == 0) {
		if (strpbrk(t.token, "\r\n ") || t.seconds < 60)
			abort();
		token_reply_free(&t);
	}
	return 0;
}
