#include "pack_xattr.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "base/str.h"
#include "tarout.h"

#define FEW 1024 /* bytes of names that are asked for first */
#define LIST_MAX 65536 /* XATTR_LIST_MAX */
#define VALUE_MAX 65536 /* XATTR_SIZE_MAX */
#define XATTRS_MAX 128 /* as unpack.c takes them */

static bool wanted(const char *name)
{
	if (strchr(name, '='))
		return false;
	return str_eq(name, "security.capability") ||
	       (str_starts(name, "user.") && !str_starts(name, "user.overlay."));
}

static bool redirects(const char *name)
{
	return str_eq(name, "trusted.overlay.redirect") || str_eq(name, "trusted.overlay.metacopy");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The wanted names into @out, sorted; they point into @list. */
static int sorted_names(char *list, size_t n, const char *path, bool refuse, const char **out,
	size_t *count, struct err **err)
{
	*count = 0;
	for (char *name = list; name < list + n; name += strlen(name) + 1) {
		if (refuse && redirects(name))
			return err_set(err, ERR_INVALID,
				"\"%.256s\" cannot be put into a layer: it has %s", path, name);
		if (!wanted(name))
			continue;
		if (*count == XATTRS_MAX)
			return err_set(err, ERR_INVALID,
				"\"%.256s\" has more than %d extended attributes", path,
				XATTRS_MAX);
		out[(*count)++] = name;
	}
	qsort(out, *count, sizeof(*out), by_name);
	return 0;
}

static bool no_attributes(int errnum)
{
	return errnum == ENOTSUP || errnum == ENODATA;
}

static int add_value(
	int fd, const char *name, const char *path, char *value, struct buf *pax, struct err **err)
{
	ssize_t n = fgetxattr(fd, name, value, VALUE_MAX);
	if (n < 0)
		return no_attributes(errno)
			       ? 0
			       : err_sys(err, errno, "read attribute %.256s of \"%.256s\"", name,
					 path);
	auto_free char *key = xasprintf("SCHILY.xattr.%s", name);
	tar_pax_add(pax, key, value, (size_t)n);
	return 0;
}

/* The wanted names of the open file, pointing into @few or into *many, which is made if it takes that. */
static int list_names(int fd, const char *path, bool refuse, char few[FEW], char **many,
	const char **names, size_t *count, struct err **err)
{
	*count = 0;
	/* nearly all files have none: ask with little room first */
	ssize_t n = flistxattr(fd, few, FEW);
	*many = n < 0 && errno == ERANGE ? xmalloc(LIST_MAX) : NULL;
	if (*many)
		n = flistxattr(fd, *many, LIST_MAX);
	if (n <= 0)
		return n == 0 || no_attributes(errno)
			       ? 0
			       : err_sys(err, errno, "list attributes of \"%.256s\"", path);
	return sorted_names(*many ? *many : few, (size_t)n, path, refuse, names, count, err);
}

int pack_xattrs(int fd, const char *path, bool refuse_redirects, struct buf *pax, struct err **err)
{
	const char *names[XATTRS_MAX];
	char few[FEW];
	size_t count;
	auto_free char *many = NULL;
	if (list_names(fd, path, refuse_redirects, few, &many, names, &count, err) < 0)
		return -1;
	auto_free char *value = count ? xmalloc(VALUE_MAX) : NULL;
	for (size_t i = 0; i < count; i++)
		if (add_value(fd, names[i], path, value, pax, err) < 0)
			return -1;
	return 0;
}

int pack_xattrs_copy(int from, int to, const char *path, struct err **err)
{
	const char *names[XATTRS_MAX];
	char few[FEW];
	size_t count;
	auto_free char *many = NULL;
	if (list_names(from, path, false, few, &many, names, &count, err) < 0)
		return -1;
	auto_free char *value = count ? xmalloc(VALUE_MAX) : NULL;
	for (size_t i = 0; i < count; i++) {
		ssize_t n = fgetxattr(from, names[i], value, VALUE_MAX);
		if (n < 0 || fsetxattr(to, names[i], value, (size_t)n, 0) < 0)
			return err_sys(
				err, errno, "copy attribute %.256s of \"%.256s\"", names[i], path);
	}
	return 0;
}

int pack_capability(int fd, const char *path, struct buf *out, struct err **err)
{
	char value[64]; /* struct vfs_ns_cap_data has 24 bytes */
	ssize_t n = fgetxattr(fd, "security.capability", value, sizeof(value));
	if (n < 0)
		return no_attributes(errno) || errno == ERANGE
			       ? 0
			       : err_sys(err, errno, "read the capabilities of \"%.256s\"", path);
	buf_add(out, value, (size_t)n);
	return 0;
}
