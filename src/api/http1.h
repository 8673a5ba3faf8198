/* HTTP/1.1 as a protocol of connections. */
#ifndef KIST_API_HTTP1_H
#define KIST_API_HTTP1_H

#include "conn.h"

extern const struct protocol http1;

#endif
