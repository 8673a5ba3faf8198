/*
 * Docker puts a layer of its own between the image and what the container writes (moby, daemon/initlayer): whatever an image has
 * at the places of the generated files gives way there to an empty file, unless it is a folder. Through a link of the image the
 * mount would land elsewhere, or nowhere, and its mount point would be in the next commit.
 *
 * A plain file of the image stays here: the mount covers it. What is made is left out of diff and commit by kist-transfer
 * (pack_mounts.c).
 */
#include "setup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "sys/rootpath.h"

/* /etc itself gives way, too. */
static int open_etc(struct setup *s)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(s->root, "etc", flags);
	if (fd >= 0)
		return fd;
	if ((errno == ENOTDIR || errno == ELOOP) && unlinkat(s->root, "etc", 0) < 0)
		report_sys(&s->report, "replace /etc, which is no folder");
	if (mkdirat(s->root, "etc", 0755) < 0 && errno != EEXIST)
		report_sys(&s->report, "make /etc");
	fd = openat(s->root, "etc", flags);
	if (fd < 0)
		report_sys(&s->report, "open /etc");
	return fd;
}

/* Is there a place for something else? What may stay is a folder, or (@file) a plain file. */
static bool make_way(struct setup *s, int etc, const char *name, bool file)
{
	struct stat st;
	if (fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	if (S_ISDIR(st.st_mode) || (file && S_ISREG(st.st_mode)))
		return false;
	if (unlinkat(etc, name, 0) < 0)
		report_sys(&s->report, "replace /etc/%s", name);
	return true;
}

static void put_file(struct setup *s, int etc, const char *name)
{
	if (!make_way(s, etc, name, true))
		return;
	auto_fd int fd =
		openat(etc, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
	if (fd < 0 && errno != EEXIST)
		report_sys(&s->report, "make /etc/%s", name);
}

void etc_make(struct setup *s)
{
	if (!s->plan->etc)
		return;
	auto_fd int etc = open_etc(s);
	if (s->plan->etc & PLAN_ETC_FILES) {
		put_file(s, etc, "hostname");
		put_file(s, etc, "hosts");
		put_file(s, etc, "resolv.conf");
	}
	if ((s->plan->etc & PLAN_ETC_MTAB) && make_way(s, etc, "mtab", false) &&
		symlinkat("/proc/mounts", etc, "mtab") < 0 && errno != EEXIST)
		report_sys(&s->report, "make /etc/mtab");
}
