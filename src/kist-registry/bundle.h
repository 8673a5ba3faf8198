/* The system's CA certificates, where Go's programs (and so dockerd) look for them: crypto/x509, root_unix.go. */
#ifndef KIST_REGISTRY_BUNDLE_H
#define KIST_REGISTRY_BUNDLE_H

#include "base/buf.h"

/** All texts together; what goes beyond is left out. */
enum { BUNDLE_MAX = 8 << 20 };

/**
 * Opens what holds the system's CA certificates by name, so it has to come before confinement. SSL_CERT_FILE is one file instead
 * of the known ones; SSL_CERT_DIR folders, with colons between them, instead of /etc/ssl/certs and /etc/pki/tls/certs. All files
 * of the folders count beside the file. What cannot be read is passed over.
 *
 * Returns the file, to be read when it is needed, or -1; @folders gets the texts of the folders' files, a NUL after each.
 */
int bundle_open(struct buf *folders);

#endif
