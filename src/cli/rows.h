/* Rows of lists that more than one command prints. */
#ifndef KIST_CLI_ROWS_H
#define KIST_CLI_ROWS_H

#include "format.h"

/** Columns of `ps`, and a container of /containers/json as a row. */
extern const struct format_field container_fields[];
json_t *container_row(const struct format *f, const json_t *container, bool trunc);

/** Columns of `images`. */
extern const struct format_field image_fields[];
struct image_rows {
	const struct format *f;
	json_t *rows; /* an array, to be added to */
	bool trunc, digests;
};
/** An image of /images/json: a row for each of its names. */
void image_rows_add(struct image_rows *l, const json_t *image);

/** Columns of `volume ls`, and a volume of /volumes as a row. */
extern const struct format_field volume_fields[];
json_t *volume_row(const struct format *f, const json_t *volume);

#endif
