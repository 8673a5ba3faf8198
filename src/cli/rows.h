/* Rows of lists that more than one command prints. */
#ifndef KIST_CLI_ROWS_H
#define KIST_CLI_ROWS_H

#include "base/jsonr.h"
#include "format.h"

/** Columns of `ps`, and a container of /containers/json as a row. */
extern const struct format_field container_fields[];
/** @out: what will take the row, so that only what it looks at is made; NULL for all. */
json_t *container_row(
	const struct format *f, const struct format_out *out, const json_t *container, bool trunc);

/** Columns of `images`. */
extern const struct format_field image_fields[];
struct image_entry { /* an image of /images/json, what the columns need of it */
	struct buf id;
	char **tags, **digests;
	int64_t created; /* seconds since the epoch */
	int64_t size;
	int64_t shared, containers; /* -1: not known */
};
/** Reads the next value, in place of what @i held. False if it cannot be understood; jsonr_end() tells. */
bool image_entry_read(struct image_entry *i, struct jsonr *r);
void image_entry_free(struct image_entry *i);
#define auto_image_entry __attribute__((cleanup(image_entry_free))) struct image_entry
struct image_rows {
	const struct format *f;
	struct format_out *out;
	bool trunc, digests;
};
/** A row for each of the image's names. */
int image_rows_add(struct image_rows *l, const struct image_entry *image, struct err **err);

/** Columns of `volume ls`, and a volume of /volumes as a row. */
extern const struct format_field volume_fields[];
json_t *volume_row(const struct format *f, const json_t *volume);

#endif
