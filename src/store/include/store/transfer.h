/*
 * What the store and kist-transfer say to each other.
 *
 * kist-transfer is started with the input at descriptor 0, the staging folder at 3 and a
 * SOCK_SEQPACKET socket at 4. One message is one record (base/wire.h): a kind, then the fields that
 * the kind has, in the order of the struct. The store speaks first (REQUEST). The program puts what
 * it unpacks below the staging folder, as "layer.<index>/" with
 * "recipe.<index>/" and "doc.<index>", and describes it; what
 * it says is checked by the store before anything is moved into place. After DONE or ERROR it exits.
 *
 * In the mode TRANSFER_PULL there is no input at descriptor 0. The store sends BLOB, with one descriptor
 * (SCM_RIGHTS) of a file that may still grow, and from then on GROWN, or ABANDON; the program answers with LAYER
 * or BAD, once for each BLOB that was not abandoned, and with PROGRESS in between. One BLOB at a time; no index is
 * used twice. GROWN and ABANDON may cross with the answer: they are ignored then. The end of the socket is the end.
 */
#ifndef KIST_STORE_TRANSFER_H
#define KIST_STORE_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#define TRANSFER_FD_STAGING 3
#define TRANSFER_FD_CONTROL 4
/* PACK_*: the container's own files as a detached, read-only mount at 3; and besides */
#define TRANSFER_FD_SPOOL 5 /* an unnamed file to write to; the result goes to descriptor 1 */
#define TRANSFER_TREES_MAX 128
#define TRANSFER_MESSAGE_MAX 32768
#define TRANSFER_ITEMS_MAX 16384 /* docs, layers and links of one archive, together */
#define TRANSFER_LAYERS_MAX                                                                        \
	4096 /* of them layers, each of which is files and folders to make and to remove again */
#define TRANSFER_DOCS_BYTES_MAX (64u << 20)
#define TRANSFER_NAME_MAX 4096
#define TRANSFER_DAMAGES_MAX 100 /* DAMAGE records of one layer */

enum transfer_kind {
	/* store -> transfer */
	TRANSFER_REQUEST, /* mode, max_bytes, max_entries, max_ratio, known (PACK_*: the container's own files are all
			   * that it has) */
	TRANSFER_TREE, /* index: how many more follow; a descriptor. After a REQUEST for PACK_* and COPY, at least one:
			* what lies below, top first, each a detached, read-only mount */
	TRANSFER_ANSWER, /* known */
	TRANSFER_BLOB, /* index, blob, diff_id, blob_size, known (then it is only hashed); a descriptor */
	TRANSFER_GROWN, /* index, size: bytes from the start that are in the file; not less than before */
	TRANSFER_ABANDON, /* index: forget it; answer nothing */
	TRANSFER_WRITE, /* diff_id, size (of the tar), index (enum layer_packing); descriptors of the layer, of its
			 * recipe's folder, and of where to write (missing: only check). Answered by PROGRESS,
			 * then WRITTEN or ERROR */
	/* transfer -> store */
	TRANSFER_DOC, /* index, name, blob, size */
	TRANSFER_LAYER, /* index, name, blob, diff_id, size, blob_size, staged, opaque, tar_size,
			 * recipe_size, text, compression, kept */
	TRANSFER_LINK, /* name, text (what it points to, from the archive's root) */
	TRANSFER_QUERY, /* diff_id: does the store have it? Answered by ANSWER */
	TRANSFER_PROGRESS, /* name, size (bytes of this layer so far), blob_size (of; 0 unknown) */
	TRANSFER_BAD, /* index, damaged, verified, err_kind, sys, text: this blob is refused; others may follow */
	TRANSFER_WRITTEN, /* blob, size: of what was written */
	TRANSFER_DAMAGE, /* name (a path in the layer, "" the root; control characters as \xNN), text: what is wrong */
	TRANSFER_VERIFIED, /* size, opaque: of the layer as it should be; damages: how many there are, told or not */
	TRANSFER_ERROR, /* err_kind, sys, text */
	TRANSFER_DONE,
	TRANSFER_KIND_COUNT
};

enum transfer_mode {
	TRANSFER_LOAD, /* an archive that holds layers and documents */
	TRANSFER_IMPORT, /* the input itself is one layer */
	TRANSFER_PACK_LAYER, /* what a container changed, as a layer */
	TRANSFER_PACK_WHOLE, /* its whole root file system as a tar */
	TRANSFER_PACK_CHANGES, /* a list of what it changed, as JSON */
	TRANSFER_PACK_SIZE, /* how many bytes that is */
	TRANSFER_COPY, /* the trees, which are layers, merged into the folder "root", which is made */
	TRANSFER_PULL, /* blobs that are being downloaded */
	TRANSFER_WRITE_LAYERS, /* layers' tars, one for each WRITE, until the socket closes */
	TRANSFER_VERIFY, /* one layer against its recipe: one WRITE comes; answered by PROGRESS and DAMAGE, then
			  * VERIFIED */
};

/** All records in one struct; strings of a decoded message are borrowed from its bytes. */
struct transfer_message {
	enum transfer_kind kind;
	enum transfer_mode mode;
	uint64_t max_bytes; /* written to disk */
	uint64_t max_entries; /* files and folders made */
	uint32_t max_ratio; /* bytes that may come out for each byte that comes in */
	bool known;
	uint32_t index;
	const char *name; /* in the archive, cleaned: "blobs/sha256/..." */
	struct digest blob, diff_id; /* sha256 of the bytes as they came; of the tar inside */
	uint64_t size;
	uint64_t blob_size;
	bool staged; /* false: known already, or text says why it could not be unpacked */
	bool kept; /* LAYER: the bytes as they came are in "blob.<index>" */
	bool opaque; /* the layer hides everything below it */
	uint64_t tar_size; /* bytes of the layer's tar */
	uint64_t recipe_size; /* bytes on disk of what else is needed to write it again */
	uint64_t damages;
	const char *text;
	const char *compression; /* of a layer: "", "gzip", "zstd", "xz", "bzip2", "lzma" */
	bool damaged; /* the blob is not what its digest says: another download may help */
	bool verified; /* it is, and the fault is its own: none helps. Neither: its bytes may be anybody's, or the
			* trouble this machine's or a limit's of all layers together */
	uint8_t err_kind;
	int32_t sys;
};

void transfer_encode(const struct transfer_message *m, struct buf *out);
/** ERR_INVALID for a malformed record. Digests are well-formed afterwards. */
int transfer_decode(const void *p, size_t n, struct transfer_message *out, struct err **err);

#endif
