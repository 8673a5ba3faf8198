/* The list of what refers to something, where the registry keeps none by itself. Private to the engine. */
#ifndef KIST_ENGINE_REFERRERS_H
#define KIST_ENGINE_REFERRERS_H

#include "oci/referrer.h"
#include "registry/registry.h"

/**
 * Adds @r, which was pushed, to the index that its tag names in the session's repository, unless it is listed there
 * (distribution-spec 1.1 "Pushing Manifests with Subject", steps 1 to 6). Where the registry gives an ETag and somebody
 * else was faster, the list is read again, a few times. ERR_INVALID if the tag names something else: that is left alone.
 */
int referrers_add(struct registry_session *s, const struct oci_referrer *r, struct err **err);

#endif
