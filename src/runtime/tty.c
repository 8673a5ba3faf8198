#include "tty.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/newmount.h"
#include "sys/procfs.h"
#include "sys/rootpath.h"

/* The multiplexer of a devpts and nothing else: the container may have put anything in its place.
 */
static int open_ptmx(int devpts, int root)
{
	auto_fd int path = devpts >= 0 ? openat(devpts, "ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC)
				       : root_open(root, "/dev/pts/ptmx", O_PATH | O_NOFOLLOW, 0);
	struct statfs fs;
	struct stat st;
	if (path < 0 || fstatfs(path, &fs) < 0 || fstat(path, &st) < 0)
		return -1;
	if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) ||
		st.st_rdev != makedev(5, 2)) {
		errno = ENODEV;
		return -1;
	}
	if (devpts >= 0)
		return openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	int fd = root_open(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW, 0);
	struct stat again;
	if (fd >= 0 &&
		(fstat(fd, &again) < 0 || again.st_dev != st.st_dev || again.st_ino != st.st_ino)) {
		close(fd);
		errno = ENODEV;
		return -1;
	}
	return fd;
}

static void keep_newlines(int tty, struct reporter *r)
{
	struct termios mode;
	if (tcgetattr(tty, &mode) < 0)
		report_sys(r, "read the terminal's mode");
	mode.c_oflag &= ~(tcflag_t)ONLCR;
	if (tcsetattr(tty, TCSANOW, &mode) < 0)
		report_sys(r, "set the terminal's mode");
}

int tty_open(int devpts, int root, const struct plan_process *p, bool lf_only, struct reporter *r)
{
	auto_fd int master = open_ptmx(devpts, root);
	if (master < 0)
		report_sys(r, "open a terminal in /dev/pts");
	int unlock = 0;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		report_sys(r, "unlock the terminal");
	int tty = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0)
		report_sys(r, "open the terminal's other side");
	struct winsize size = {.ws_row = (unsigned short)p->console_height,
		.ws_col = (unsigned short)p->console_width};
	if (size.ws_row && size.ws_col && ioctl(tty, TIOCSWINSZ, &size) < 0)
		report_sys(r, "set the terminal's size");
	if (lf_only)
		keep_newlines(tty, r);
	report_send_fd(r, REPORT_TTY, master);
	return tty;
}

void tty_bind_console(int tty, int root, struct reporter *r)
{
	auto_fd int target = root_make_file(root, "/dev/console");
	/* a link of the image's or a volume's may lead there: mount_check_proc() */
	if (target >= 0 && procfs_is(target))
		report_fail(r, ERR_INVALID, 0,
			"\"/dev/console\" cannot be mounted because it is inside /proc");
	auto_fd int mnt = newmount_clone(tty, "", false);
	if (target < 0 || mnt < 0 || newmount_move(mnt, target) < 0)
		report_sys(r, "bind the terminal on /dev/console");
}

void tty_control(int tty, struct reporter *r)
{
	if (ioctl(tty, TIOCSCTTY, 0) < 0)
		report_sys(r, "make the terminal the controlling one");
}
