/*
 * Where "/" is a ramfs that pivot_root(2) refuses (a machine that runs from its initramfs), the new root is moved on
 * top of it and the old one stays, covered. So do its mounts, and with a whole procfs or sysfs among them the kernel
 * lets a user namespace's root mount another without the container's masks (mount_too_revealing() in
 * fs/namespace.c): those are taken off first.
 */
#include <fcntl.h>
#include <sys/mount.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "setup.h"

#define MOUNTINFO_MAX (64u << 20)

/* "\\040" and the like, in place */
static void unescape(char *s)
{
	char *out = s;
	for (; *s; s++) {
		unsigned int v = 0;
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			for (int i = 1; i <= 3; i++)
				v = v * 8 + (unsigned int)(s[i] - '0');
			*out++ = (char)v;
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = 0;
}

/* proc_pid_mountinfo(5): "36 35 98:0 / /mnt1 rw - proc proc rw" */
static void take_line(struct setup *s, char *line)
{
	auto_strv fields = strv_split(line, ' ');
	size_t n = strv_len(fields), dash = 6;
	while (dash < n && !str_eq(fields[dash], "-"))
		dash++;
	if (dash + 1 >= n || !str_eq(fields[3], "/"))
		return;
	if (!str_eq(fields[dash + 1], "proc") && !str_eq(fields[dash + 1], "sysfs"))
		return;
	unescape(fields[4]);
	const char *below = str_after(fields[4], s->plan->root_path);
	if (!below || (*below && *below != '/'))
		strv_add(&s->kernel_mounts, fields[4]);
}

int nopivot_prepare(struct setup *s, struct err **err)
{
	auto_buf text = BUF_INIT;
	if (!s->plan->no_pivot || root_is_shared(s))
		return 0;
	if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
		return -1;
	auto_strv lines = strv_split(buf_str(&text), '\n');
	for (size_t i = 0; lines[i]; i++)
		take_line(s, lines[i]);
	return 0;
}

void nopivot_free(struct setup *s)
{
	strv_free(s->kernel_mounts);
	s->kernel_mounts = NULL;
}

static void take_away(struct setup *s, const char *path)
{
	/* ENOENT: it lay in one that has gone */
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == ENOENT)
		return;
	/* locked in a user namespace: covered then */
	if ((errno == EINVAL || errno == EPERM) && mount("tmpfs", path, "tmpfs", 0, NULL) == 0)
		return;
	report_sys(&s->report, "take the host's %s away", path);
}

void nopivot_move(struct setup *s)
{
	for (size_t i = 0; s->kernel_mounts && s->kernel_mounts[i]; i++)
		take_away(s, s->kernel_mounts[i]);
	if (fchdir(s->root) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
		chdir("/") < 0)
		report_sys(&s->report, "move the root file system to /");
}
