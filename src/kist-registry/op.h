/* What the library asked for and has not got yet: requests and transfers, each with its id. */
#ifndef KIST_REGISTRY_OP_H
#define KIST_REGISTRY_OP_H

#include "exchange.h"

/** The first member of each kind's struct. */
struct op {
	struct op *next;
	struct client *c;
	uint32_t id;
	struct exchange *x; /* under way; NULL: none */
	int poll_fd; /* wanted for reading; -1: none */
	void (*readable)(struct op *op);
	/** More of a document that is being sent; NULL: nothing is expected. */
	void (*more)(struct op *op, const void *p, size_t n);
	/** Nothing more comes at the moment; NULL: nothing is held back. */
	int (*settle)(struct op *op, struct err **err);
	void (*free)(struct op *op); /* what is beyond struct op, and the memory */
};

void op_add(struct op *op, struct client *c, uint32_t id);
struct op *op_find(struct client *c, uint32_t id);
/** Ends it: cancels its exchange, frees it. */
void op_end(struct op *op);
/** Sends ERROR, then op_end(). */
void op_fail(struct op *op, const struct err *err);

/** Before waiting: has all of them settle; one that cannot fails. */
void op_settle_all(struct client *c);

void document_start(struct client *c, const struct record *r);
void list_start(struct client *c, const struct record *r);
/** @fd passes. */
void download_start(struct client *c, const struct record *r, int fd);
void upload_start(struct client *c, const struct record *r, int fd);

/** The Accept header for a set of enum registry_accept. */
const char *accept_header(uint32_t accept);
/** Body of an answer up to @max bytes; ERR_INVALID for HTML. */
int collect(struct buf *to, size_t max, struct http *h, const char *p, size_t n, struct err **err);
int refuse_html(const struct http *h, struct err **err);
/** The target of 'Link: <...>; rel="next"', or NULL. New string. */
char *next_link(const struct http *h);

#endif
