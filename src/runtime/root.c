#include "setup.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "sys/newmount.h"
#include "sys/overlay.h"
#include "sys/rootpath.h"

/*
 * A detached copy of the tree at the plan's root; -1 with errno. What is mounted below it hears of the
 * host's mounts, as all mounts of a container do; itself it does so only if that is asked for
 * (config-linux.md "Rootfs Mount Propagation", "slave").
 */
static int clone_root(const struct plan *plan)
{
	auto_fd int dir = open(plan->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd int mnt = dir < 0 ? -1 : newmount_clone(dir, "", true);
	struct newmount_attr slave = {.propagation = MS_SLAVE}, own = {.propagation = MS_PRIVATE};
	bool all = plan->root_propagation == (MS_PRIVATE | MS_REC);
	if (mnt < 0 || newmount_setattr(mnt, true, all ? &own : &slave) < 0)
		return -1;
	if (!(plan->root_propagation & MS_SLAVE) && newmount_setattr(mnt, false, &own) < 0)
		return -1;
	return steal_fd(&mnt);
}

static int prepare_bind(const struct plan *plan, bool *late, struct err **err)
{
	int mnt = clone_root(plan);
	if (mnt >= 0)
		return mnt;
	if (errno == EPERM) {
		*late = true;
		return -1;
	}
	return err_sysk(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
		"root file system %s", plan->root_path);
}

int root_prepare(const struct plan *plan, bool *late, struct err **err)
{
	if (plan->root_kind == PLAN_ROOT_BIND)
		return prepare_bind(plan, late, err);
	struct overlay_spec spec = {
		.lower = plan->lower,
		.upper = plan->upper,
		.work = plan->work,
		.dir = AT_FDCWD,
		.no_sync = plan->root_volatile,
	};
	return overlay_mount(&spec, err);
}

/*
 * A bind root goes to its own place, because hooks look for the container's tree there; an overlay
 * has no place on the host and goes on top of "/", which only this namespace sees.
 */
void root_attach(struct setup *s)
{
	const struct plan *plan = s->plan;
	if (s->late) {
		s->root = clone_root(plan);
		if (s->root < 0)
			report_sys(&s->report, "root file system %s", plan->root_path);
		binds_prepare_late(s);
	}
	auto_fd int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct newmount_attr private = {.propagation = MS_PRIVATE};
	if (top < 0 || (!root_is_shared(s) && newmount_setattr(top, true, &private) < 0))
		report_sys(&s->report, "make the mounts of the new namespace private");
	const char *place = plan->root_kind == PLAN_ROOT_BIND ? plan->root_path : "/";
	auto_fd int target = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* root of a user namespace need not be able to reach it; "/" does as well */
	if (target < 0 && errno == EACCES)
		target = openat(top, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0 || newmount_move(s->root, target) < 0)
		report_sys(&s->report, "attach the root file system at %s", place);
	/* on a mount that is shared it would be so too, and all that is to be mounted in it */
	if (root_is_shared(s) && newmount_setattr(s->root, false, &private) < 0)
		report_sys(&s->report, "make the root file system private");
}

bool root_is_shared(const struct setup *s)
{
	return !(s->plan->ns_new & CLONE_NEWNS) && s->ns[OCI_NS_MOUNT] < 0;
}

static void pivot(struct setup *s)
{
	/* the old root lands on top of the new one, at ".", and is taken off there; see
	 * pivot_root(2), "pivot_root(".", ".")" */
	if (fchdir(s->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		report_sys(&s->report, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		report_sys(&s->report, "detach the host's file systems");
}

/* The mount namespace is somebody else's, and so is its root. */
static void change_root(struct setup *s)
{
	if (fchdir(s->root) < 0 || chroot(".") < 0 || chdir("/") < 0)
		report_sys(&s->report, "chroot");
}

/* Only root_pivot() makes the root read-only; where it stays writable, and for whatever goes wrong,
 * program_enter_folder() is there. */
static void make_working_folder(struct setup *s)
{
	const struct plan_process *p = &s->plan->process;
	if (p->cwd_create)
		fd_close(root_make_dir(s->root, p->cwd, 0755));
}

void root_pivot(struct setup *s)
{
	const struct plan *plan = s->plan;
	struct newmount_attr readonly = {.set = MOUNT_ATTR_RDONLY};
	if (plan->root_readonly)
		make_working_folder(s);
	if (plan->root_readonly && newmount_setattr(s->root, false, &readonly) < 0)
		report_sys(&s->report, "make the root file system read-only");
	if (root_is_shared(s))
		change_root(s);
	else if (plan->no_pivot)
		nopivot_move(s);
	else
		pivot(s);
	/* slave and private are what it was made as; mounts that were asked to be something else stay that */
	if (!(plan->root_propagation & (MS_SHARED | MS_UNBINDABLE)))
		return;
	struct newmount_attr attr = {.propagation = plan->root_propagation & ~(uint64_t)MS_REC};
	if (newmount_setattr(s->root, plan->root_propagation & MS_REC, &attr) < 0)
		report_sys(&s->report, "set the propagation of the root file system");
}
