/*
 * A laboratory for tests with real interfaces: the test's own process moves into a fresh network
 * namespace, which plays the host; containers and an outside machine are further namespaces. Everything
 * vanishes with the test. Sockets stay in the namespace that they were made in, so one thread can
 * play all sides.
 */
#ifndef KIST_TEST_LAB_H
#define KIST_TEST_LAB_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/port.h"

#define LAB_OUTSIDE_HOST "198.51.100.1" /* the host on the wire to the outside machine */
#define LAB_OUTSIDE "198.51.100.2"

/** cmocka group set-up: skips (exit status 77) without root, then enters the namespace of the host. */
int lab_enter(void **state);

int lab_namespace(void);
/** Runs a command line in @ns (-1: the host): its exit status. */
int lab_run(int ns, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** A machine outside: wired to the host, with a route to the containers' @subnet. */
int lab_outside(const char *subnet);

/** Listens in @ns; SOCK_STREAM or SOCK_DGRAM. */
int lab_listen(int ns, int type, uint16_t port);
/**
 * Sends from @ns to @ip:@port and expects it at @server, which answers: true if the answer came back.
 * *peer, if not NULL, is who the server saw. False after 20 seconds, or at once when refused.
 */
bool lab_talk(int ns, int type, const char *ip, uint16_t port, int server, struct in_addr *peer);
/** The same, expected to fail: shorter. */
bool lab_silent(int ns, int type, const char *ip, uint16_t port, int server);

struct in_addr lab_ip(const char *text);

#endif
