/*
 * The bare-kernel floor: what a container costs with no engine at all. Clones into new namespaces, makes the
 * mounts that runc's default bundle asks for below ROOTFS, pivots into it, and executes the command; no
 * cgroups, no JSON, no checks. Everything else that bench/run prints is a multiple of this.
 *
 *   floor ROOTFS COMMAND [ARGUMENT]...
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <linux/sched.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		_exit(125);
	}
}

static void node(const char *path, unsigned int minor)
{
	must(mknod(path, S_IFCHR | 0666, makedev(1, minor)) == 0 || errno == EEXIST, path);
}

static int container(char **argv)
{
	must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0, "slave");
	must(mount(argv[1], argv[1], NULL, MS_BIND | MS_REC, NULL) == 0, "bind root");
	must(chdir(argv[1]) == 0, "chdir");
	must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "proc");
	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k") == 0, "dev");
	mkdir("dev/pts", 0755);
	mkdir("dev/shm", 0755);
	mkdir("dev/mqueue", 0755);
	must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		     "newinstance,ptmxmode=0666,mode=0620") == 0,
		"devpts");
	must(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		     "mode=1777,size=65536k") == 0,
		"shm");
	must(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0,
		"mqueue");
	must(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) ==
			0,
		"sysfs");
	node("dev/null", 3);
	node("dev/zero", 5);
	node("dev/full", 7);
	node("dev/random", 8);
	node("dev/urandom", 9);
	must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
	must(umount2(".", MNT_DETACH) == 0, "umount");
	must(sethostname("floor", 5) == 0, "hostname");
	execvp(argv[2], argv + 2);
	must(0, argv[2]);
	return 125;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: floor ROOTFS COMMAND [ARGUMENT]...\n");
		return 2;
	}
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	must(pid >= 0, "clone3");
	if (pid == 0)
		return container(argv);
	int status;
	must(waitpid((pid_t)pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
