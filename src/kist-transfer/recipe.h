/*
 * Recipes: how a layer's tar is put together again from the files that it became.
 *
 * A recipe is a folder beside the layer: the file "recipe", and files named by hex numbers, which are contents that
 * are not found in the layer. The file is RECIPE_MAGIC and one zstd frame of operations, each a byte and numbers of
 * seven bits a byte, lowest first:
 *
 *	LITERAL n, n bytes           these bytes
 *	FILE    id, shared, n, n bytes
 *	                             from now on contents come from the file ID of this folder if there is one, else
 *	                             from this path in the layer. The path begins with SHARED bytes of the last
 *	                             one's, the id is written as its zigzag difference from the last one's
 *	CONTENT offset, n, crc (4 bytes, CRC-32C, little-endian)
 *	                             n bytes from OFFSET of the file
 *	END     n                    the tar has n bytes; nothing follows
 *
 * Ids are the numbers of the inodes that the files had when they were made: as long as a layer is unpacked nothing
 * that has content is removed, so no two are the same. Once written they are mere names.
 */
#ifndef KIST_TRANSFER_RECIPE_H
#define KIST_TRANSFER_RECIPE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define RECIPE_FILE "recipe"
#define RECIPE_MAGIC "kistrcp1"
#define RECIPE_WINDOW_LOG 20
#define RECIPE_LITERAL_MAX (64u << 10) /* bytes of one operation */
#define RECIPE_ID_ROOM 17 /* a content's name in the folder, with its NUL */

enum recipe_kind { RECIPE_END, RECIPE_LITERAL, RECIPE_FROM, RECIPE_CONTENT, RECIPE_KIND_COUNT };

void recipe_id_name(uint64_t id, char out[RECIPE_ID_ROOM]);
/** Of the bytes so far and @n more; begins with 0. */
uint32_t recipe_crc(uint32_t crc, const void *p, size_t n);

struct recipe_op {
	enum recipe_kind kind;
	const char *bytes; /* LITERAL: until the next call */
	uint64_t n; /* LITERAL, CONTENT, END */
	uint64_t id; /* FROM */
	const char *path; /* FROM: clean, below the layer's root; until the next FROM */
	uint64_t offset; /* CONTENT */
	uint32_t crc;
};

struct recipe_reader;
/** Reads operations from @fd (borrowed), which is not trusted to be whole. */
struct recipe_reader *recipe_reader_new(int fd);
void recipe_reader_free(struct recipe_reader *r);
static inline void recipe_reader_freep(struct recipe_reader **r)
{
	recipe_reader_free(*r);
	*r = 0;
}
#define auto_recipe_reader __attribute__((cleanup(recipe_reader_freep))) struct recipe_reader
/** The next operation; END comes once, last. ERR_INVALID for a damaged recipe. */
int recipe_next(struct recipe_reader *r, struct recipe_op *op, struct err **err);

#endif
