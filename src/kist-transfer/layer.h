/* One layer, and what a run of the program keeps count of. */
#ifndef KIST_TRANSFER_LAYER_H
#define KIST_TRANSFER_LAYER_H

#include "base/digest.h"
#include "base/err.h"
#include "store/transfer.h"
#include "stream.h"
#include "unpack.h"

/** Of a file system: bytes and inodes. */
struct room {
	uint64_t bytes, files; /* files: UINT64_MAX where the file system has no bound */
};

/** What one run of the program shares between its layers. */
struct run {
	int root; /* the staging folder */
	struct room floor; /* what is to stay free, whatever a child says that it has used */
	struct unpack_limits limits;
	uint64_t in; /* bytes read from the input */
	uint64_t inner; /* bytes of all layers, decompressed */
	uint32_t max_ratio;
	uint32_t layers; /* of an archive, so far */
	uint32_t items; /* docs, layers and links so far: also the next index */
	uint64_t docs_bytes; /* of all docs so far */
};

/* A few zeroes compress well beyond any ratio: nothing below this is called a bomb. */
#define RATIO_FLOOR (1ull << 30)

struct layer {
	const char *name; /* for progress */
	uint32_t index; /* unpacked to layer.<index> */
	bool unpack; /* false: hash only */
	bool keep; /* the bytes as they come go to blob.<index>, if they are compressed */
	uint64_t total; /* bytes of the blob, 0 if not known */
	/* results */
	struct digest blob, diff_id;
	bool limited; /* it cannot be used because of a limit of its own, in which other layers have no share */
	enum compression how;
	uint64_t blob_size;
	struct unpack_result unpacked;
};

int run_init(struct run *run, int root, const struct transfer_message *request, struct err **err);
/** What @root's file system has free. */
int room_look(int root, struct room *out, struct err **err);
/** Tells the store how far it is. */
void layer_progress(const struct layer *layer);
/** Tells the store of a layer that was staged. */
void layer_report(const struct layer *layer);

#endif
