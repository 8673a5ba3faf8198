/* hosts.toml: it is the administrator's, but nobody likes a daemon that a misplaced quote ends. */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "config.h"
#include "base/mem.h"
#include "toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_json *doc = toml_parse((const char *)data, size, "hosts.toml", NULL);
	/* names of files would be opened */
	if (!doc || memmem(data, size, "ca", 2) || memmem(data, size, "client", 6) ||
		memchr(data, '\\', size))
		return 0;
	auto_places places = {0};
	auto_places home = {0};
	hosts_parse((const char *)data, size, "hosts.toml", -1, "docker.io", &places, &home, NULL);
	for (size_t i = 0; i < places.count; i++)
		if (strpbrk(places.v[i].url, "\r\n @") || strncmp(places.v[i].url, "http", 4) != 0)
			abort();
	return 0;
}
