/* The network's nftables table: chains, rules and empty maps. See docs/network.md. */
#ifndef KIST_NET_TABLE_H
#define KIST_NET_TABLE_H

#include "base/buf.h"
#include "net/net.h"

/** The script for nft(8) that makes the table, or renews its rules and leaves the maps' elements. Pure. */
void table_script(const struct net_info *info, struct buf *out);
/** Loads it. If what is there under our name does not fit (another version's), it is replaced. */
int table_load(const struct net_info *info, struct err **err);
int table_remove(const struct net_info *info, struct err **err);

#endif
