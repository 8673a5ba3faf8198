#include "lsm.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/fdio.h"
#include "base/str.h"

/* The module may be compiled in and off; on a kernel booted without it there is no such file. */
static bool apparmor_on(void)
{
	auto_buf text = BUF_INIT;
	return file_read(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &text, NULL) ==
		       0 &&
	       str_starts(buf_str(&text), "Y");
}

/* As libselinux asks: its file system is mounted by whoever has loaded a policy. */
static bool selinux_on(void)
{
	struct statfs fs;
	return statfs("/sys/fs/selinux", &fs) == 0 && (uint32_t)fs.f_type == SELINUX_MAGIC;
}

int lsm_check(const struct plan_process *p, const char *mount_label, struct err **err)
{
	if (p->apparmor && !apparmor_on())
		return err_set(err, ERR_UNAVAILABLE,
			"process.apparmorProfile: AppArmor is not enabled on this machine");
	if ((p->selinux || !str_empty(mount_label)) && !selinux_on())
		return err_set(err, ERR_UNAVAILABLE, "%s: SELinux is not enabled on this machine",
			p->selinux ? "process.selinuxLabel" : "linux.mountLabel");
	return 0;
}
