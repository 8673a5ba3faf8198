/* The PORTS column of ps. */
#ifndef KIST_CLI_PORTS_H
#define KIST_CLI_PORTS_H

#include <jansson.h>

/** "0.0.0.0:80->80/tcp, 90-92/udp" from the Ports of a container summary; for free(). */
char *ports_text(const json_t *ports);

#endif
