/* Images as an archive, as a stream (`docker save`). */
#ifndef KIST_ENGINE_ARCHIVE_H
#define KIST_ENGINE_ARCHIVE_H

#include "engine/engine.h"
#include "store/save.h"

/** What comes through a descriptor while a thread writes the archive. */
struct engine_archive;

/** store_save_new(), then begins to write. Event save for each image. */
struct engine_archive *engine_archive_open(struct engine *e, char *const *refs,
	enum store_save_form form, const struct oci_platform *platform, struct err **err);
/** Non-blocking; at its end engine_archive_result() says whether that was all. */
int engine_archive_fd(const struct engine_archive *a);
/** Blocks until there is something to read (true), or the end is. */
bool engine_archive_wait(const struct engine_archive *a);
/** After the end: 0; or -1 and why what has come is not whole. */
int engine_archive_result(struct engine_archive *a, struct err **err);
/** Ends it if it is under way, which takes a moment at most. Callable on the loop. */
void engine_archive_close(struct engine_archive *a);

#endif
