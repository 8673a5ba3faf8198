/*
 * The part of Go's text/template that people use with --format: fields, variables, pipelines, if,
 * range, with, comparison and text functions. Values are JSON.
 *
 * Templates come from the user, data from the daemon: both are bounded in nesting, nothing here can
 * write or run anything.
 */
#ifndef KIST_CLI_TEMPLATE_H
#define KIST_CLI_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct template;

/** NULL with ERR_INVALID "template: :1: unclosed action" and the like, in Go's words. */
struct template *template_parse(const char *text, struct err **err);

enum template_mode {
	/* fields that a formatter computed: one that does not exist is an error */
	TEMPLATE_ROW,
	/* raw JSON of inspect: a field that an object with fixed fields lacks is an error, a key that
	 * a map lacks is "<no value>" */
	TEMPLATE_RAW,
	/* makes a table's header: functions pass their argument through */
	TEMPLATE_HEADER,
};

/**
 * Appends the result of running @t on @data. Keys of @data that begin with '#' are not for printing;
 * "#labels" answers {{.Label "name"}}.
 */
int template_run(const struct template *t, json_t *data, enum template_mode mode, struct buf *out,
	struct err **err);
void template_free(struct template *t);
static inline void template_freep(struct template **t)
{
	template_free(*t);
}
#define auto_template __attribute__((cleanup(template_freep))) struct template

#endif
