/* The specification's rules, part by part; see oci_config_validate(). */
#ifndef KIST_OCI_VALIDATE_H
#define KIST_OCI_VALIDATE_H

#include "oci/config.h"

int oci_process_validate(const struct oci_process *process, struct err **err);
int oci_resources_validate(const struct oci_resources *resources, struct err **err);
int oci_seccomp_validate(const struct oci_seccomp *seccomp, struct err **err);
int oci_linux_validate(const struct oci_config *config, struct err **err);

#endif
