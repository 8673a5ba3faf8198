/*
 * Dockerfiles: from text to instructions, and the small languages inside them. As Docker's builder reads them
 * (docs.docker.com/reference/dockerfile), which `commit --change` and `import --change` use, too.
 *
 * Everything here comes from strangers: text and results are bounded. Here-documents, which belong to ADD, COPY and
 * RUN, are not read yet.
 */
#ifndef KIST_OCI_DOCKERFILE_H
#define KIST_OCI_DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define DOCKERFILE_MAX (1u << 20) /* bytes of the text */
#define DOCKERFILE_WORD_MAX (1u << 20) /* bytes that variables may expand a word to */

struct dockerfile_instruction {
	char *name; /* as written: "env" */
	char **flags; /* "--interval=5s", without quotes; NULL: none */
	char *rest; /* what follows, trimmed; continuation lines are joined */
	char *line; /* all of it */
	unsigned int number; /* of its first line, from 1 */
};

struct dockerfile {
	struct dockerfile_instruction *v;
	size_t count;
	char escape; /* '\\', or what "# escape=" says */
};

/** ERR_INVALID names the line. A text without instructions is none. */
int dockerfile_parse(struct dockerfile **out, const char *text, size_t n, struct err **err);
void dockerfile_free(struct dockerfile *d);
static inline void dockerfile_freep(struct dockerfile **d)
{
	dockerfile_free(*d);
	*d = 0;
}
#define auto_dockerfile __attribute__((cleanup(dockerfile_freep))) struct dockerfile

/** Splits at blanks outside of quotes; quotes and escapes stay. */
char **dockerfile_words(const char *text, char escape);
/**
 * ["a", "b"]: 1 and the strings (an empty vector for []). 0 if it is not JSON, and so the shell's. -1 if it is an
 * array with anything but strings in it.
 */
int dockerfile_json(const char *text, char ***out, struct err **err);

/**
 * Takes quotes and escapes away and puts in variables of @env ("K=V", NULL: none): $NAME, ${NAME}, ${NAME:-word},
 * ${NAME-word}, and the same with + and ?. Unset ones are empty. ERR_INVALID for what does not end, ERR_TOO_LARGE.
 */
int dockerfile_expand(
	const char *word, char *const *env, char escape, char **out, struct err **err);
/** The same, and splits at blanks that were not quoted; blanks that come out of variables count. Appends. */
int dockerfile_expand_words(
	const char *word, char *const *env, char escape, char ***out, struct err **err);

#endif
