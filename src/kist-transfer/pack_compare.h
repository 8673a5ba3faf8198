/* Is a file of a container the one that its image has? By dockerd's rules, and more finely for a layer. */
#ifndef KIST_TRANSFER_PACK_COMPARE_H
#define KIST_TRANSFER_PACK_COMPARE_H

#include "treewalk.h"

/**
 * Mode, owner, device, capabilities; for what is no folder, time and size. @e is in both trees. 1 if one of them
 * differs, 0, -1.
 */
int compare_entry(const struct walk_entry *e, struct err **err);
/**
 * What a layer has to have: besides, a folder's time (a name in it came or went), all attributes that a layer can
 * hold, and a file that was given another name (so that both are in the layer). That the engine makes mount points
 * in /etc does not count.
 */
int compare_for_layer(const struct walk_entry *e, struct err **err);

/** The attributes that a layer can hold; of what is not in the lower tree: has it any? 1 if one differs, 0, -1. */
int compare_attributes(const struct walk_entry *e, struct err **err);

#endif
