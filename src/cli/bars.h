/*
 * Progress of pull and push as a picture for a terminal: a line for each layer with a bar, how much of
 * how much, how fast and how long it will take, and a line for all. Pure: what came is told, the picture
 * is asked for; who owns the terminal draws it.
 */
#ifndef KIST_CLI_BARS_H
#define KIST_CLI_BARS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define BARS_MAX 4096 /* lines kept; images have fewer layers */

struct bars;

struct bars *bars_new(bool utf8);
void bars_free(struct bars *b);
/**
 * Takes a message of the stream. True if it belongs to a layer; false if it is for the user to read
 * as it is (bars_text), in which case the picture so far is complete.
 */
bool bars_take(struct bars *b, const json_t *message, int64_t now);
/** The line for a message that is not a layer's; "" if it says nothing. */
void bars_text(const json_t *message, struct buf *out);
/**
 * Appends the picture: the cursor is where it was left (the picture before, of the same size of
 * terminal, is replaced), and stands below it afterwards. At most @rows - 1 lines, none as long as
 * @columns. @last: as it shall stay, every layer, without the line for all.
 */
void bars_draw(
	struct bars *b, unsigned rows, unsigned columns, int64_t now, bool last, struct buf *out);
/** True if there is something to draw. */
bool bars_any(const struct bars *b);
/** Forgets all layers: the next picture begins below this one. */
void bars_clear(struct bars *b);

#endif
