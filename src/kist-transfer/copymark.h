/*
 * Marks on the folders of a container that were copied from its image.
 *
 * A folder without its mark was made by the container. Where the image has one of the same path, all that was in that
 * one is gone, although nothing else tells it: overlayfs would have made it opaque. The mark is the attribute
 * trusted.kist.copied, a hash of the folder's path, so that a folder that was moved, or copied with its attributes,
 * does not pass for the one that it replaced. Who can forge it (CAP_SYS_ADMIN on the host) changes the form of his own
 * layer, not its content.
 */
#ifndef KIST_TRANSFER_COPYMARK_H
#define KIST_TRANSFER_COPYMARK_H

/** Marks the open folder; @path is its path below the root, "" for that. File systems without such attributes: 0. */
int copymark_set(int folder, const char *path);
/** 1 or 0; -1 with errno. */
int copymark_is(int folder, const char *path);

#endif
