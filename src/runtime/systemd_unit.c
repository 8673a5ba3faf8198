/* Names of units and slices: systemd.unit(5), systemd.slice(5). */
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/systemd.h"

#define UNIT_NAME_MAX 255 /* UNIT_NAME_MAX of systemd, with its NUL 256 */
#define SLICE_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\"
#define UNIT_CHARS SLICE_CHARS "@"

static int bad_slice(const char *slice, struct err **err)
{
	return err_set(err, ERR_INVALID, "linux.cgroupsPath: invalid slice name \"%s\"", slice);
}

char *systemd_slice_path(const char *slice, struct err **err)
{
	size_t n = strlen(slice);
	if (str_eq(slice, "-.slice") || str_eq(slice, "-"))
		return xstrdup("");
	if (!str_ends(slice, ".slice") || !str_all_of(slice, SLICE_CHARS, 7, UNIT_NAME_MAX)) {
		bad_slice(slice, err);
		return NULL;
	}
	auto_free char *name = xstrndup(slice, n - strlen(".slice"));
	auto_strv parts = strv_split(name, '-');
	auto_buf path = BUF_INIT, prefix = BUF_INIT;
	for (size_t i = 0; parts[i]; i++) {
		if (!*parts[i]) { /* "-a", "a--b" */
			bad_slice(slice, err);
			return NULL;
		}
		buf_addf(&prefix, "%s%s", i ? "-" : "", parts[i]);
		buf_addf(&path, "/%s.slice", buf_str(&prefix));
	}
	return buf_steal(&path);
}

bool systemd_unit_is_slice(const struct systemd_unit *unit)
{
	return str_ends(unit->name, ".slice");
}

static int check_unit(const struct systemd_unit *unit, struct err **err)
{
	auto_free char *where = systemd_slice_path(unit->slice, err);
	if (!where)
		return -1;
	if (!systemd_unit_is_slice(unit)) {
		if (str_all_of(unit->name, UNIT_CHARS, 1, UNIT_NAME_MAX))
			return 0;
		return err_set(err, ERR_INVALID,
			"linux.cgroupsPath: \"%s\" is not a name for a systemd unit", unit->name);
	}
	auto_free char *own = systemd_slice_path(unit->name, err);
	if (!own)
		return -1;
	if (!*own)
		return bad_slice(unit->name, err);
	return 0;
}

/* An id may hold a character that a unit's name may not: as systemd-escape(1) writes it. */
static char *default_path(const char *id)
{
	auto_buf path = BUF_INIT;
	buf_adds(&path, ":kist:");
	for (; *id; id++) {
		if (*id == '+')
			buf_adds(&path, "\\x2b");
		else
			buf_addc(&path, *id);
	}
	return buf_steal(&path);
}

int systemd_unit_parse(
	struct systemd_unit *out, const char *path, const char *id, bool user, struct err **err)
{
	auto_free char *fallback = str_empty(path) ? default_path(id) : NULL;
	auto_strv parts = strv_split(fallback ? fallback : path, ':');
	if (strv_len(parts) != 3)
		return err_set(err, ERR_INVALID,
			"linux.cgroupsPath: expected \"slice:prefix:name\" for systemd cgroups, "
			"not "
			"\"%s\"",
			path);
	const char *slice = parts[0], *prefix = parts[1], *name = parts[2];
	struct systemd_unit unit = {.user = user};
	if (str_empty(slice))
		unit.slice = xstrdup(user ? "user.slice" : "system.slice");
	else
		unit.slice = xstrdup(str_eq(slice, "-") ? "-.slice" : slice);
	if (str_ends(name, ".slice"))
		unit.name = xstrdup(name);
	else
		unit.name = xasprintf("%s-%s.scope", prefix, name);
	if (check_unit(&unit, err) < 0) {
		systemd_unit_clear(&unit);
		return -1;
	}
	*out = unit;
	return 0;
}

void systemd_unit_clear(struct systemd_unit *unit)
{
	free(unit->helper);
	free(unit->name);
	free(unit->slice);
	*unit = (struct systemd_unit){0};
}

void systemd_unit_copy(struct systemd_unit *to, const struct systemd_unit *from)
{
	*to = (struct systemd_unit){
		.helper = xstrdup_null(from->helper),
		.name = xstrdup_null(from->name),
		.slice = xstrdup_null(from->slice),
		.user = from->user,
	};
}

int systemd_check_booted(struct err **err)
{
	struct stat st;
	if (lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return err_set(err, ERR_UNAVAILABLE,
		"systemd is not running on this machine (no /run/systemd/system): cannot use "
		"systemd cgroups");
}

bool systemd_wants_user(void)
{
	struct stat st;
	if (geteuid() != 0)
		return true;
	/* seen from a user namespace, the files of the host's root belong to nobody */
	return stat("/run/systemd/system", &st) == 0 && st.st_uid != 0;
}
