#include "status.h"

static const int table[] = {
	[ERR_SYSTEM] = 500,
	[ERR_INVALID] = 400,
	[ERR_UNAUTHORIZED] = 401,
	[ERR_FORBIDDEN] = 403,
	[ERR_NOT_FOUND] = 404,
	[ERR_CONFLICT] = 409,
	[ERR_NOT_MODIFIED] = 304,
	[ERR_TOO_LARGE] = 413,
	[ERR_UNAVAILABLE] = 503,
	[ERR_NOT_IMPLEMENTED] = 501,
	[ERR_CANCELLED] = 500,
	/* dockerd answers 400 when the container's program cannot be run; the client tells 126 from
	 * 127 by the words. */
	[ERR_NOT_EXECUTABLE] = 400,
	[ERR_NO_EXECUTABLE] = 400,
};
_Static_assert(sizeof(table) / sizeof(table[0]) == ERR_KIND_COUNT, "every kind has a status");

int status_of(enum err_kind kind)
{
	return kind < ERR_KIND_COUNT ? table[kind] : 500;
}
