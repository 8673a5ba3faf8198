/* Talking to the store over the control socket. */
#ifndef KIST_TRANSFER_REPORT_H
#define KIST_TRANSFER_REPORT_H

#include "base/err.h"
#include "store/transfer.h"

/** Sends one record; the program ends if the store is gone. */
void report_send(const struct transfer_message *m);
/** The store's request. */
int report_request(struct transfer_message *out, struct err **err);
/** The trees that follow it. */
int report_trees(int fds[TRANSFER_TREES_MAX], size_t *count, struct err **err);
/** Asks whether the store has a layer. */
bool report_query(const struct digest *diff_id);
/** Sends ERROR. */
void report_error(const struct err *err);

#endif
