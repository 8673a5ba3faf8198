#include "name.h"

#include <limits.h>
#include <string.h>

#include "base/mem.h"

const char *name_base(const char *name)
{
	const char *slash = strrchr(name, '/');
	return slash ? slash + 1 : name;
}

static int leads_out(const char *name, struct err **err)
{
	return err_set(err, ERR_INVALID, "name \"%.256s\" leads out of the archive", name);
}

int name_clean(const char *name, char out[NAME_ROOM], struct err **err)
{
	size_t len = 0;
	if (strlen(name) >= NAME_ROOM)
		return err_set(err, ERR_INVALID, "name \"%.64s...\" is longer than %d bytes", name,
			NAME_ROOM - 1);
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (len == 0)
				return leads_out(name, err);
			while (len && out[len - 1] != '/')
				len--;
			if (len)
				len--;
		} else if (n && !(n == 1 && p[0] == '.')) {
			/* a layer's mark for the longest name is longer by its ".wh." */
			if (n > (strncmp(p, ".wh.", 4) == 0 ? NAME_MAX + 4 : NAME_MAX))
				return err_set(err, ERR_INVALID,
					"name \"%.64s...\" has a component longer than %d bytes",
					name, NAME_MAX);
			if (len)
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
		}
		p += n;
		p += strspn(p, "/");
	}
	out[len] = '\0';
	return 0;
}

int name_clean_from(const char *from, const char *target, char out[NAME_ROOM], struct err **err)
{
	const char *base = name_base(from);
	auto_free char *joined = target[0] == '/'
					 ? xstrdup(target)
					 : xasprintf("%.*s%s", (int)(base - from), from, target);
	return name_clean(joined, out, err);
}
