/* mountinfo and /proc/self/cgroup, split at the first NUL. The kernel writes them, but mount points and
 * cgroup names in them are other people's. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cgroup_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	size_t first = end ? (size_t)(end - data) : size;
	auto_free char *mountinfo = xstrndup((const char *)data, first);
	auto_free char *self =
		end ? xstrndup((const char *)end + 1, size - first - 1) : xstrdup("");
	struct cgroup_layout layout;
	if (cgroup_layout_parse(&layout, mountinfo, self, NULL) < 0)
		return 0;
	/* a path of somebody's document, at each mount */
	for (size_t i = 0; i < layout.count; i++)
		free(cgroup_path_in(&layout.v[i], self, NULL));
	cgroup_layout_clear(&layout);
	return 0;
}
