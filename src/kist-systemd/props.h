/* Properties of a unit as D-Bus has them. */
#ifndef KIST_SYSTEMD_PROPS_H
#define KIST_SYSTEMD_PROPS_H

#include <systemd/sd-bus.h>

#include "runtime/systemd.h"

/** Appends "a(sv)": those of @props that @version knows, and PIDs= with @pid unless that is 0. Negative errno. */
int props_append(
	sd_bus_message *m, const struct systemd_props *props, uint32_t pid, uint32_t version);

#endif
