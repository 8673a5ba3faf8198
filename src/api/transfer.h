/* What endpoints about registries share. Private to the layer. */
#ifndef KIST_API_TRANSFER_H
#define KIST_API_TRANSFER_H

#include "engine/transfer.h"
#include "request.h"

/** Credentials from the header X-Registry-Auth, or from a body; the strings are @json's. */
struct api_auth {
	json_t *json;
	struct registry_auth auth;
};
void api_auth_free(struct api_auth *a);
#define auto_api_auth __attribute__((cleanup(api_auth_free))) struct api_auth

/** No header, or "null" in it: nobody. ERR_INVALID if it cannot be read. */
int api_auth_header(const struct request *req, struct api_auth *out, struct err **err);
/** The header's text, base64 of JSON, as clients send it; likewise. */
int api_auth_text(const char *text, struct api_auth *out, struct err **err);
/** Takes @json (an object) over. */
int api_auth_json(json_t *json, struct api_auth *out, struct err **err);

/** "progress": the bar as text, for clients that print it as it is ("[=====>     ]  5.3MB/53MB", or "  5.3MB" where
 * the total is not known). */
void api_progress_bar(struct jsonw *w, int64_t current, int64_t total);
/** What a client that leaves gives up, and a registry that does not answer does not hold for ever. */
struct engine_question *api_question(struct request *req, struct err **err);

/** POST /images/create?fromImage=. */
int api_image_pull(struct request *req, struct err **err);

#endif
