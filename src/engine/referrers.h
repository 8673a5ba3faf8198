/* The list of what refers to something, where the registry keeps none by itself. Private to the engine. */
#ifndef KIST_ENGINE_REFERRERS_H
#define KIST_ENGINE_REFERRERS_H

#include "oci/referrer.h"
#include "operation.h"
#include "registry/registry.h"

/**
 * Adds @r, which was pushed, to the index that its tag names in @repository (a full name), that of the operation's open
 * session, unless it is listed there (distribution-spec 1.1 "Pushing Manifests with Subject", steps 1 to 6). Waits while
 * another operation of the engine does the same to the same index, and returns ERR_CANCELLED if it is cancelled meanwhile.
 *
 * Where somebody else was faster (the registry says so: If-Match, If-None-Match; or the new index is gone at once, if the
 * registry had not given an ETag), all is done again after a short pause, a few times. ERR_INVALID if the tag names
 * something else: that is left alone.
 */
int referrers_add(struct operation *op, const char *repository, const struct oci_referrer *r,
	struct err **err);

#endif
