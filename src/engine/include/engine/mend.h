/*
 * `system check`: the store verifies itself, and what is damaged is fetched again from where it came from.
 */
#ifndef KIST_ENGINE_MEND_H
#define KIST_ENGINE_MEND_H

#include "engine/transfer.h"

/** Borrowed during the call. */
struct engine_check {
	bool repair;
	/* who we are at which registry; server as registry_auth_key() has it */
	const struct engine_check_auth {
		const char *server;
		struct registry_auth auth;
	} * auths;
	size_t auth_count;
};
/**
 * Begins; the listener gets one message IMAGE_CHECKED with the result. Credentials go to the registry that they are given for
 * and to no other. NULL with ERR_UNAVAILABLE if the engine closes.
 */
struct image_watch *engine_check(struct engine *e, const struct engine_check *spec,
	const struct image_listener *l, struct err **err);

#endif
