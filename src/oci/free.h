/* Frees what a part owns, not the part itself: for parts that lie inside the document. */
#ifndef KIST_OCI_FREE_H
#define KIST_OCI_FREE_H

#include "oci/config.h"

void oci_process_clear(struct oci_process *process);
void oci_resources_clear(struct oci_resources *resources);

#endif
