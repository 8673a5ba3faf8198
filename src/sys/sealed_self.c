#include "sys/sealed_self.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/newmount.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

bool sealed_self_is(void)
{
	struct statvfs fs;
	if (statvfs("/proc/self/exe", &fs) == 0 && (fs.f_flag & ST_RDONLY))
		return true;
	auto_fd int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & SEALS) == SEALS;
}

int sealed_self_mount(void)
{
	/* execveat(2): "/dev/fd/N" */
	const char *name = (const char *)getauxval(AT_EXECFN);
	const char *rest = name ? str_after(name, "/dev/fd/") : NULL;
	int fd;
	if (!rest || str_to_int(rest, &fd) < 0)
		return -1;
	/* what came through exec has no FD_CLOEXEC */
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || !(flags & O_PATH) || fcntl(fd, F_GETFD) != 0)
		return -1;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -1 : fd;
}

static int open_readonly_mount(const char *path)
{
	auto_fd int mnt = newmount_clone(AT_FDCWD, path, false);
	struct newmount_attr attr = {.set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
	if (mnt < 0 || newmount_setattr(mnt, false, &attr) < 0)
		return -1;
	return steal_fd(&mnt);
}

static int memory_file(void)
{
	/* kernels before 6.3 do not know MFD_EXEC, later ones may insist on it */
	int fd = (int)syscall(SYS_memfd_create, "kist", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd < 0 && errno == EINVAL)
		fd = (int)syscall(SYS_memfd_create, "kist", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

static int open_copy(const char *path)
{
	auto_fd int from = open(path, O_RDONLY | O_CLOEXEC);
	auto_fd int copy = memory_file();
	struct stat st;
	if (from < 0 || copy < 0 || fstat(from, &st) < 0)
		return -1;
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(copy, from, NULL, (size_t)left);
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return -1;
		left -= n;
	}
	if (fchmod(copy, 0755) < 0 || fcntl(copy, F_ADD_SEALS, SEALS) < 0)
		return -1;
	return steal_fd(&copy);
}

int sealed_self_open(const char *path, struct err **err)
{
	int fd = open_readonly_mount(path);
	if (fd < 0)
		fd = open_copy(path);
	return fd < 0 ? err_sys(err, errno, "seal the program %s", path) : fd;
}

int sealed_self_ensure(char *const *argv, struct err **err)
{
	if (sealed_self_is()) {
		/* executed by descriptor: kernels before 6.14 name the process by its number */
		const char *slash = strrchr(argv[0], '/');
		prctl(PR_SET_NAME, slash ? slash + 1 : argv[0], 0, 0, 0);
		return 0;
	}
	auto_fd int fd = sealed_self_open("/proc/self/exe", err);
	if (fd < 0)
		return -1;
	syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return err_sys(err, errno, "execute the sealed program");
}
