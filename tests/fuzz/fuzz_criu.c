/* What criu says, in its answers and its log, its place in the cgroups, and a checkpoint's descriptors.json: the first
 * byte chooses. */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "criu_private.h"

static void answer(const uint8_t *p, size_t n)
{
	Criu__Response *response = criu_response(p, n, NULL);
	if (!response)
		return;
	criu_type_name(response->type);
	criu__response__free_unpacked(response, NULL);
}

static void parse(uint8_t what, const uint8_t *p, size_t n)
{
	struct arena *arena = arena_new();
	struct criu_facts facts = {0};
	auto_free char *text = xstrndup((const char *)p, n);
	if (what == 0)
		answer(p, n);
	else if (what == 1)
		free(criu_log_errors(text));
	else if (what == 2)
		criu_cgroup_roots(&facts, text, arena);
	else
		criu_streams_parse(&facts, p, n, arena, NULL);
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		parse(data[0] & 3, data + 1, size - 1);
	return 0;
}
