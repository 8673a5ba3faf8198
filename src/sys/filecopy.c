#include "sys/filecopy.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "base/mem.h"

#define CHUNK (1u << 17)

static int ends_early(void)
{
	errno = EIO;
	return -1;
}

static int write_at(int to, const char *p, size_t n, off_t at)
{
	while (n) {
		ssize_t w = pwrite(to, p, n, at);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		n -= (size_t)w;
		at += w;
	}
	return 0;
}

/* Where the kernel does not copy between these two. */
static int copy_through(int from, int to, off_t at, off_t end)
{
	auto_free char *room = xmalloc(CHUNK);
	while (at < end) {
		size_t want = end - at < (off_t)CHUNK ? (size_t)(end - at) : CHUNK;
		ssize_t n = pread(from, room, want, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -1 : ends_early();
		if (write_at(to, room, (size_t)n, at) < 0)
			return -1;
		at += n;
	}
	return 0;
}

static int copy_range(int from, int to, off_t at, off_t end)
{
	off_t in = at, out = at;
	while (in < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
				     errno == EOPNOTSUPP))
			return copy_through(from, to, in, end);
		if (n <= 0)
			return n < 0 ? -1 : ends_early();
	}
	return 0;
}

static int copy_data(int from, int to, const struct stat *st)
{
	off_t size = st->st_size;
	if ((uint64_t)st->st_blocks * 512 >= (uint64_t)size)
		return copy_range(from, to, 0, size);
	for (off_t at = 0; at < size;) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO) /* a hole to its end, wherever that is by now */
			return lseek(from, 0, SEEK_END) < size ? ends_early() : 0;
		if (data < 0)
			return -1;
		off_t hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0 || copy_range(from, to, data, hole) < 0)
			return -1;
		at = hole;
	}
	return 0;
}

int filecopy_content(int from, int to, const struct stat *st)
{
	return copy_data(from, to, st) < 0 ? -1 : ftruncate(to, st->st_size);
}
