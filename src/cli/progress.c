#include "progress.h"

#include "lines.h"

/* Messages that only count bytes come many times a second and are not shown. */
static int show(void *data, json_t *j, const char *text, size_t n, struct err **err)
{
	FILE *out = data;
	const char *error = json_string_value(json_object_get(j, "error"));
	const char *stream = json_string_value(json_object_get(j, "stream"));
	const char *status = json_string_value(json_object_get(j, "status"));
	const char *id = json_string_value(json_object_get(j, "id"));
	bool counts = json_object_size(json_object_get(j, "progressDetail")) > 0;
	if (error)
		return err_set(err, ERR_SYSTEM, "%s", error);
	if (!out || counts)
		return 0;
	if (stream)
		fputs(stream, out);
	else if (status)
		fprintf(out, "%s%s%s\n", id ? id : "", id ? ": " : "", status);
	return 0;
}

int progress_print(struct http *conn, FILE *out, struct err **err)
{
	return lines_read(conn, show, out, err);
}
