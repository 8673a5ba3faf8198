#include "sys/overlay.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "sys/child.h"
#include "sys/newmount.h"
#include "sys/overlay_ways.h"

/* The folders of one mount, open. */
struct layers {
	int *lower;
	size_t count;
	int upper, work;
};

static void layers_close(struct layers *l)
{
	for (size_t i = 0; i < l->count; i++)
		fd_close(l->lower[i]);
	free(l->lower);
	fd_close(l->upper);
	fd_close(l->work);
}
#define auto_layers __attribute__((cleanup(layers_close))) struct layers

static int open_layer(const struct overlay_spec *spec, const char *path, struct err **err)
{
	int fd = openat(spec->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err_sysk(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
			"open overlay layer %s", path);
	return fd;
}

static int layers_open(struct layers *l, const struct overlay_spec *spec, struct err **err)
{
	size_t n = 0;
	while (spec->lower && spec->lower[n])
		n++;
	if (!n || n > OVERLAY_LOWER_MAX)
		return err_set(err, ERR_INVALID, "an overlay takes 1 to %d lower layers, not %zu",
			OVERLAY_LOWER_MAX, n);
	if (!spec->upper != !spec->work)
		return err_set(err, ERR_INVALID, "an overlay needs both upper and work folder");
	l->lower = xcalloc(n, sizeof(*l->lower));
	for (; l->count < n; l->count++) {
		l->lower[l->count] = open_layer(spec, spec->lower[l->count], err);
		if (l->lower[l->count] < 0)
			return -1;
	}
	if (!spec->upper)
		return 0;
	l->upper = open_layer(spec, spec->upper, err);
	if (l->upper < 0)
		return -1;
	l->work = open_layer(spec, spec->work, err);
	return l->work < 0 ? -1 : 0;
}

/* "the kernel does not know this way" as opposed to "this mount is wrong" */
static bool unknown_way(int errnum)
{
	return errnum == EINVAL || errnum == ENOSYS || errnum == EOPNOTSUPP || errnum == EBADF;
}

static int option_dir_string(int context, const char *key, const char *path, int fd)
{
	char number[40];
	if (path[0] == '/' && strlen(path) < 255 && !strpbrk(path, "\\:,"))
		return newmount_option(context, key, path);
	snprintf(number, sizeof(number), "/proc/self/fd/%d", fd);
	return newmount_option(context, key, number);
}

static int option_dir(int context, const char *key, const char *path, int fd, enum overlay_way way)
{
	if (way == OVERLAY_BY_FD)
		return newmount_option_fd(context, key, fd);
	return option_dir_string(context, key, path, fd);
}

static int set_layers(
	int context, const struct overlay_spec *spec, const struct layers *l, enum overlay_way way)
{
	for (size_t i = 0; i < l->count; i++)
		if (option_dir(context, "lowerdir+", spec->lower[i], l->lower[i], way) < 0)
			return -1;
	if (l->upper < 0)
		return 0;
	if (option_dir(context, "upperdir", spec->upper, l->upper, way) < 0)
		return -1;
	return option_dir(context, "workdir", spec->work, l->work, way);
}

static int set_options(int context, const struct overlay_spec *spec, const char **failed)
{
	static const char *const fixed[][2] = {
		{"index", "off"},
		{"metacopy", "off"},
		{"redirect_dir", "off"},
	};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		*failed = fixed[i][0];
		if (newmount_option(context, fixed[i][0], fixed[i][1]) < 0)
			return -1;
	}
	*failed = "volatile";
	if (spec->no_sync && spec->upper && newmount_option(context, "volatile", NULL) < 0)
		return -1;
	*failed = "context";
	if (spec->context && newmount_option(context, "context", spec->context) < 0)
		return -1;
	return 0;
}

static int fail(int context, struct err **err, int errnum, const char *what)
{
	char log[256] = "";
	if (context >= 0)
		newmount_log(context, log, sizeof(log));
	if (log[0])
		return err_sys(err, errnum, "mount overlay: %s (%s)", what, log);
	return err_sys(err, errnum, "mount overlay: %s", what);
}

/*
 * Before Linux 6.5 overlay takes its options as one text that is only looked at when the file system is made: any
 * option is accepted until then, and an unknown one is complained about in the kernel's log. So ask with an option
 * that nobody knows.
 */
static bool takes_anything(void)
{
	auto_fd int context = newmount_fsopen("overlay");
	return context >= 0 && newmount_option(context, "kist-no-such-option", "") == 0;
}

/* Returns the mount, -1 with *err, or -2 where the kernel does not know this way. */
static int mount_by_context(const struct overlay_spec *spec, const struct layers *l,
	enum overlay_way way, struct err **err)
{
	if (way == OVERLAY_BY_STRING && takes_anything())
		return -2;
	auto_fd int context = newmount_fsopen("overlay");
	if (context < 0)
		return errno == ENOSYS ? -2 : fail(-1, err, errno, "fsopen");
	if (newmount_option(context, "source", "overlay") < 0)
		return fail(context, err, errno, "source");
	if (set_layers(context, spec, l, way) < 0)
		return unknown_way(errno) ? -2 : fail(context, err, errno, "set the layers");
	const char *failed;
	if (set_options(context, spec, &failed) < 0)
		return fail(context, err, errno, failed);
	int mnt = newmount_make(context, spec->attr);
	return mnt >= 0 ? mnt : fail(context, err, errno, "create the file system");
}

/*
 * The oldest way. The kernel wants the layers from mounts of the caller's namespace, so the child
 * opens them again in its own and puts them on the numbers that they have here. It hands the
 * detached copy of its mount back over a socket, and its namespace goes with it.
 */
struct legacy {
	const struct overlay_spec *spec;
	const struct layers *layers;
	const char *dir; /* of relative paths, or NULL */
	const char *data; /* descriptor numbers, relative to /proc/self/fd */
};

static int reopen(const char *path, int number)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	return dup3(fd, number, O_CLOEXEC) < 0 ? -1 : close(fd);
}

static int legacy_reopen(const struct legacy *way)
{
	const struct layers *l = way->layers;
	if (way->dir && chdir(way->dir) < 0)
		return -1;
	for (size_t i = 0; i < l->count; i++)
		if (reopen(way->spec->lower[i], l->lower[i]) < 0)
			return -1;
	if (l->upper < 0)
		return 0;
	return reopen(way->spec->upper, l->upper) < 0 || reopen(way->spec->work, l->work) < 0 ? -1
											      : 0;
}

static int legacy_child(const struct legacy *way)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || legacy_reopen(way) < 0)
		return -1;
	/* "/" certainly exists, and nobody misses it in this namespace */
	if (chdir("/proc/self/fd") < 0 || mount("overlay", "/", "overlay", 0, way->data) < 0)
		return -1;
	/* our root is still the one below: ".." of it is what was mounted on top */
	return newmount_clone(AT_FDCWD, "/..", false);
}

static void legacy_data(struct buf *data, const struct overlay_spec *spec, const struct layers *l)
{
	for (size_t i = 0; i < l->count; i++)
		buf_addf(data, "%s%d", i ? ":" : "lowerdir=", l->lower[i]);
	if (l->upper >= 0)
		buf_addf(data, ",upperdir=%d,workdir=%d", l->upper, l->work);
	buf_adds(data, ",index=off,metacopy=off,redirect_dir=off");
	if (spec->no_sync && spec->upper)
		buf_adds(data, ",volatile");
	if (spec->context)
		buf_addf(data, ",context=\"%s\"", spec->context);
}

static int receive_mount(int sock, uint64_t attr, struct err **err)
{
	int result = EPIPE, mnt = -1;
	size_t nfds = 1;
	if (fd_recv(sock, &result, sizeof(result), &mnt, &nfds) != sizeof(result) || nfds != 1)
		return err_sys(err, result ? result : EPIPE, "mount overlay");
	struct newmount_attr set = {.set = attr};
	if (newmount_setattr(mnt, false, &set) < 0) {
		int saved = errno;
		close(mnt);
		return err_sys(err, saved, "mount overlay: mount_setattr");
	}
	return mnt;
}

static int mount_by_child(const struct overlay_spec *spec, const struct layers *l, struct err **err)
{
	auto_buf data = BUF_INIT;
	legacy_data(&data, spec, l);
	char dir[PATH_MAX] = "";
	struct legacy way = {.spec = spec, .layers = l, .data = buf_str(&data)};
	if (spec->dir != AT_FDCWD) {
		char link[40];
		snprintf(link, sizeof(link), "/proc/self/fd/%d", spec->dir);
		if (readlink(link, dir, sizeof(dir) - 1) < 0)
			return err_sys(err, errno, "mount overlay: readlink %s", link);
		way.dir = dir;
	}
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "mount overlay: socketpair");
	auto_fd int ours = pair[0], theirs = pair[1];
	struct child_args args = {.flags = CLONE_NEWNS, .exit_signal = 0};
	pid_t pid = child_clone(&args);
	if (pid == 0) {
		int mnt = legacy_child(&way);
		int result = mnt < 0 ? errno : 0;
		_exit(fd_send(theirs, &result, sizeof(result), &mnt, mnt >= 0) < 0 ? 1 : 0);
	}
	if (pid < 0)
		return err_sys(err, errno, "mount overlay: clone");
	fd_close(steal_fd(&theirs));
	int mnt = receive_mount(ours, spec->attr, err);
	while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	return mnt;
}

/* One read-only layer needs no overlay (which refuses fewer than two). */
static int mount_single(const struct layers *l, uint64_t set, struct err **err)
{
	auto_fd int mnt = newmount_clone(l->lower[0], "", false);
	if (mnt < 0)
		return err_sys(err, errno, "mount overlay: open_tree");
	struct newmount_attr attr = {.set = set | MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
	if (newmount_setattr(mnt, false, &attr) < 0)
		return err_sys(err, errno, "mount overlay: mount_setattr");
	return steal_fd(&mnt);
}

int overlay_mount_by(const struct overlay_spec *spec, enum overlay_way first, struct err **err)
{
	auto_layers l = {.upper = -1, .work = -1};
	if (layers_open(&l, spec, err) < 0)
		return -1;
	if (l.count == 1 && l.upper < 0)
		return mount_single(&l, spec->attr, err);
	for (enum overlay_way way = first; way < OVERLAY_BY_CHILD; way++) {
		int mnt = mount_by_context(spec, &l, way, err);
		if (mnt != -2)
			return mnt;
	}
	return mount_by_child(spec, &l, err);
}

int overlay_mount(const struct overlay_spec *spec, struct err **err)
{
	return overlay_mount_by(spec, OVERLAY_BY_FD, err);
}
