/* The keys that end a session without ending the container: ctrl-p,ctrl-q unless told otherwise. */
#ifndef KIST_CLI_DETACH_H
#define KIST_CLI_DETACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define DETACH_MAX_KEYS 32
#define DETACH_DEFAULT "ctrl-p,ctrl-q"

struct detach {
	unsigned char keys[DETACH_MAX_KEYS];
	size_t count;
	size_t matched; /* keys of the sequence seen so far and held back */
};

/** "a,ctrl-b,...": single characters and ctrl- with a letter or one of @ [ \ ] ^ _. */
int detach_parse(struct detach *d, const char *text, struct err **err);
/**
 * Passes typed bytes to @out, holding back what may be the beginning of the sequence. True when it is
 * complete; what follows is not passed on.
 */
bool detach_filter(struct detach *d, const char *p, size_t n, struct buf *out);

#endif
