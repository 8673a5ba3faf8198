#include "when.h"

#include <stdio.h>

#include "base/timefmt.h"

int url_add_when(struct buf *target, const char *name, const char *value, struct err **err)
{
	int64_t ns;
	char text[48];
	if (str_empty(value))
		return 0;
	if (time_parse_timestamp(value, time_now(), &ns) < 0)
		return err_set(err, ERR_INVALID,
			"invalid value for \"%s\": failed to parse value as time or duration: "
			"\"%s\"",
			name, value);
	snprintf(text, sizeof(text), "%lld.%09lld", (long long)(ns / TIME_NS_PER_SEC),
		(long long)(ns % TIME_NS_PER_SEC));
	url_add(target, name, text);
	return 0;
}
