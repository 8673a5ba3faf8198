/* Where the programs are that kist-oci starts. */
#ifndef KIST_OCI_HELPER_H
#define KIST_OCI_HELPER_H

#include "oci.h"

/**
 * The path of @name: beside kist-oci (the build tree), below the prefix that kist-oci lies in, or where it was to be
 * installed. Owned; NULL if it is nowhere. Where kist-oci lies is what its caller says (argv[0]): once sealed,
 * /proc/self/exe has no path any more.
 */
char *helper_find(const struct globals *g, const char *name);

#endif
