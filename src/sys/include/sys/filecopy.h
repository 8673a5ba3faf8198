/* The content of a file, copied by the kernel where it can. */
#ifndef KIST_SYS_FILECOPY_H
#define KIST_SYS_FILECOPY_H

#include <sys/stat.h>

/**
 * Copies what @from (of which @st is) holds to the empty file @to, at the same places: holes stay holes, since a stranger's
 * file may claim to be enormous, and @to gets the same length. File positions do not count afterwards. Both are open
 * for reading and writing, respectively; system calls: copy_file_range, lseek, pread, pwrite, ftruncate.
 * -1 with errno, and @to holds a part; EIO if @from ended before @st says, for zeroes are not its content. Allocates 128 KiB where
 * the kernel does not copy between these two.
 */
int filecopy_content(int from, int to, const struct stat *st);

#endif
