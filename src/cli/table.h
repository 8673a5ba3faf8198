/*
 * Text in columns, as Go's text/tabwriter makes them with docker's settings: cells end with a tab, a
 * column is as wide as its widest cell in a run of adjacent lines that have it, at least 10, and three
 * spaces separate columns. A line's last cell is never padded.
 */
#ifndef KIST_CLI_TABLE_H
#define KIST_CLI_TABLE_H

#include "base/buf.h"

/** Aligns @text (lines of cells separated by tabs) into @out. */
void table_align(const char *text, size_t min_width, size_t padding, struct buf *out);
#define TABLE_MIN_WIDTH 10
#define TABLE_PADDING 3

#endif
