/* Which images this machine runs. */
#ifndef KIST_STORE_PLATFORM_H
#define KIST_STORE_PLATFORM_H

/** GOARCH name of this machine ("amd64"); its variant ("v7") or NULL. */
const char *platform_arch(void);
const char *platform_variant(void);
/** How well an image fits: -1 not at all, more is better. NULL or empty fields fit anything. */
int platform_score(const char *os, const char *arch, const char *variant);

#endif
