#include "streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/child.h"

/* The descriptor itself if it is at or above @floor, else a copy there. */
static int lift(int fd, int floor, struct reporter *r)
{
	if (fd >= floor)
		return fd;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, floor);
	if (high < 0)
		report_sys(r, "move descriptor %d", fd);
	return high;
}

static void place(int fd, int number, struct reporter *r)
{
	if (dup2(fd, number) < 0)
		report_sys(r, "place descriptor %d", number);
}

static void pick_standard(int std[3], const struct run_io *io, int tty, struct reporter *r)
{
	int null = -1;
	std[0] = io->in;
	std[1] = io->out;
	std[2] = io->err;
	for (int i = 0; i < 3; i++) {
		if (tty >= 0) {
			std[i] = tty;
		} else if (std[i] < 0) {
			if (null < 0)
				null = open("/dev/null", O_RDWR | O_CLOEXEC);
			if (null < 0)
				report_sys(r, "open /dev/null");
			std[i] = null;
		}
	}
}

/* Closes all from @from on but those at @keep and the socket. */
static void close_others(int from, int *const *keep, size_t n, struct reporter *r)
{
	for (;;) {
		int next = r->sock >= from ? r->sock : -1;
		for (size_t i = 0; i < n; i++)
			if (*keep[i] >= from && (next < 0 || *keep[i] < next))
				next = *keep[i];
		unsigned int last = next < 0 ? ~0U : (unsigned int)next - 1;
		if (next != from && child_close_range((unsigned int)from, last) < 0)
			report_sys(r, "close_range");
		if (next < 0)
			return;
		from = next + 1;
	}
}

void streams_arrange(
	const struct run_io *io, int tty, int *const *keep, size_t n, struct reporter *r)
{
	int preserve[STREAMS_PRESERVE_MAX], std[3];
	if (io->preserve_count > STREAMS_PRESERVE_MAX)
		report_fail(r, ERR_INVALID, 0, "too many descriptors to preserve");
	int floor = 3 + (int)io->preserve_count;
	pick_standard(std, io, tty, r);
	r->sock = lift(r->sock, floor, r);
	for (size_t i = 0; i < n; i++)
		if (*keep[i] >= 0)
			*keep[i] = lift(*keep[i], floor, r);
	/* a source that is another's place is lifted before that place is taken */
	for (int i = 0; i < 3; i++)
		if (std[i] != i)
			std[i] = lift(std[i], floor, r);
	for (size_t i = 0; i < io->preserve_count; i++)
		preserve[i] = lift(io->preserve[i], floor, r);
	for (int i = 0; i < 3; i++) {
		if (std[i] != i)
			place(std[i], i, r);
		else if (fcntl(i, F_SETFD, 0) < 0)
			report_sys(r, "place descriptor %d", i);
	}
	for (size_t i = 0; i < io->preserve_count; i++)
		place(preserve[i], 3 + (int)i, r);
	close_others(floor, keep, n, r);
	/* what is kept ends at exec at the latest, whoever opened it */
	if (child_close_from((unsigned int)floor, 1) < 0)
		report_sys(r, "close_range");
}

void streams_own(uint32_t uid, bool terminal)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;
		if (fstat(fd, &st) < 0 || st.st_uid == uid)
			continue;
		/* files and other people's terminals keep their owners; a failure only costs the
		 * opening of /dev/stdout by name */
		if (S_ISFIFO(st.st_mode) || (terminal && S_ISCHR(st.st_mode)))
			if (fchown(fd, uid, (gid_t)-1) < 0)
				continue;
	}
}
