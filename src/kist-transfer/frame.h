/* What the child that reads an archive says to the supervisor: frames in a pipe, of which nothing is believed. */
#ifndef KIST_TRANSFER_FRAME_H
#define KIST_TRANSFER_FRAME_H

#include <stdint.h>

enum frame_kind {
	FRAME_LINK, /* a name and what it points to, from the archive's root */
	FRAME_DOC, /* a member that may be JSON; then DATA */
	FRAME_LAYER, /* one that may be a tar; then DATA */
	FRAME_DATA, /* @size bytes follow; 0: the member's end */
};

/** Written at once: less than PIPE_BUF, so it is in the pipe as a whole. Strings follow without a terminator. */
struct frame {
	uint32_t kind;
	uint32_t name, text; /* lengths of what follows; both less than NAME_ROOM */
	uint32_t plain; /* LAYER: does not look compressed */
	uint64_t size; /* LAYER: of the member; DATA */
	uint64_t in; /* bytes of the input read so far */
};

#endif
