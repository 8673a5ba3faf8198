/* Folders for what is half done: filled, or being thrown away. */
#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"

static void fresh_name(char name[STAGING_NAME])
{
	random_hex(name, 16);
}

int staging_make(struct store *s, char name[STAGING_NAME], struct err **err)
{
	fresh_name(name);
	if (mkdirat(s->staging, name, 0700) < 0)
		return err_sys(err, errno, "make a staging folder");
	auto_fd int dir = dir_open(s->staging, name, err);
	if (dir < 0)
		return -1;
	if (flock(dir, LOCK_SH) < 0)
		return err_sys(err, errno, "lock a staging folder");
	return steal_fd(&dir);
}

void staging_remove(struct store *s, const char *name)
{
	auto_err *err = NULL;
	if (*name && tree_remove(s->staging, name, &err) < 0)
		log_warn("staging folder: %s", err->msg); /* the next start tries again */
}

int staging_move(
	struct store *s, int dir, const char *name, char trash[STAGING_NAME], struct err **err)
{
	fresh_name(trash);
	if (renameat(dir, name, s->staging, trash) == 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(err, errno, "move %s away", name);
	trash[0] = '\0';
	return 0;
}

int staging_trash(struct store *s, int dir, const char *name, struct err **err)
{
	char trash[STAGING_NAME];
	if (staging_move(s, dir, name, trash, err) < 0)
		return -1;
	staging_remove(s, trash);
	return 0;
}
