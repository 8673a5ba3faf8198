/* systemd over D-Bus (org.freedesktop.systemd1(5)): the few calls that a container's unit needs. */
#ifndef KIST_SYSTEMD_BUS_H
#define KIST_SYSTEMD_BUS_H

#include "systemd_wire.h"

struct bus;

/** Connects to the machine's or the user's manager: straight, where it lets us (no bus daemon needed), else over the
 * bus. ERR_UNAVAILABLE says what was tried. @seconds: how long a call and a job of systemd's may take each. */
int bus_open(struct bus **out, bool user, int seconds, struct err **err);
/** Stops a unit that was made and not kept; also one that systemd was too slow to make, if it still does so within the
 * same time. */
void bus_close(struct bus *b);
/** Carries @r out. *text: the answer, owned, or NULL. */
int bus_carry_out(struct bus *b, const struct systemd_request *r, char **text, struct err **err);

#endif
