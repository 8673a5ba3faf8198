/* What pull, push and the questions to registries share. Private to the engine. */
#ifndef KIST_ENGINE_TRANSFER_PRIVATE_H
#define KIST_ENGINE_TRANSFER_PRIVATE_H

#include "engine/transfer.h"

struct operation;
struct store_pull;

/* ---- question.c ---- */

struct questions;
struct questions *questions_new(void);
void questions_free(struct questions *all);
struct engine *question_engine(const struct engine_question *q);
/** Readable once nobody waits for the answer any more. */
int question_cancel_fd(const struct engine_question *q);

#define AUTH_TEXTS 5 /* strings in a struct registry_auth */

/** Copies the credentials; @texts own what @to points to. */
void auth_copy(struct registry_auth *to, char *texts[AUTH_TEXTS], const struct registry_auth *from);
/** Wipes and frees. */
void auth_forget(char *texts[AUTH_TEXTS]);
/**
 * A reference from the API's two parameters: a tag or a digest in @tag (NULL or "": none) replaces the name's
 * own. ERR_INVALID in docker's words.
 */
int reference_with(struct reference *ref, const char *name, const char *tag, struct err **err);

/**
 * Downloads and unpacks every layer of @pull that is not here, at most @max at a time, and says so; until the
 * store has them all. Uses the operation's session, and opens another (@again) if the program dies.
 */
int fetch_layers(struct operation *op, const struct registry_session_spec *again,
	struct store_pull *pull, uint32_t max, struct err **err);

#endif
