/*
 * Mount options. One table for every word of runtime-spec config.md "Linux mount options" and
 * fstab(5); what is in no table belongs to the file system.
 */
#include "plan_private.h"

#include <sched.h>
#include <sys/mount.h>

#include "base/mem.h"
#include "base/str.h"

#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

struct mount_word {
	const char *name;
	uint64_t set, clear; /* MOUNT_ATTR_* */
	uint32_t sb_set, sb_clear;
};

#define ATIME MOUNT_ATTR__ATIME

/* Each also exists with an "r" in front for the whole tree (mount_setattr(2), Linux 5.12), except
 * for those behind "defaults". */
static const struct mount_word words[] = {
	{"ro", MOUNT_ATTR_RDONLY, 0, 0, 0},
	{"rw", 0, MOUNT_ATTR_RDONLY, 0, 0},
	{"nosuid", MOUNT_ATTR_NOSUID, 0, 0, 0},
	{"suid", 0, MOUNT_ATTR_NOSUID, 0, 0},
	{"nodev", MOUNT_ATTR_NODEV, 0, 0, 0},
	{"dev", 0, MOUNT_ATTR_NODEV, 0, 0},
	{"noexec", MOUNT_ATTR_NOEXEC, 0, 0, 0},
	{"exec", 0, MOUNT_ATTR_NOEXEC, 0, 0},
	{"noatime", MOUNT_ATTR_NOATIME, ATIME, 0, 0},
	{"atime", MOUNT_ATTR_RELATIME, ATIME, 0, 0},
	{"relatime", MOUNT_ATTR_RELATIME, ATIME, 0, 0},
	{"norelatime", MOUNT_ATTR_STRICTATIME, ATIME, 0, 0},
	{"strictatime", MOUNT_ATTR_STRICTATIME, ATIME, 0, 0},
	{"nostrictatime", MOUNT_ATTR_RELATIME, ATIME, 0, 0},
	{"nodiratime", MOUNT_ATTR_NODIRATIME, 0, 0, 0},
	{"diratime", 0, MOUNT_ATTR_NODIRATIME, 0, 0},
	{"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0, 0, 0},
	{"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW, 0, 0},
	{"defaults", 0, 0, 0, 0},
	{"sync", 0, 0, MS_SYNCHRONOUS, 0},
	{"async", 0, 0, 0, MS_SYNCHRONOUS},
	{"dirsync", 0, 0, MS_DIRSYNC, 0},
	{"lazytime", 0, 0, MS_LAZYTIME, 0},
	{"nolazytime", 0, 0, 0, MS_LAZYTIME},
	{"mand", 0, 0, MS_MANDLOCK, 0},
	{"nomand", 0, 0, 0, MS_MANDLOCK},
	{"iversion", 0, 0, MS_I_VERSION, 0},
	{"noiversion", 0, 0, 0, MS_I_VERSION},
	{"silent", 0, 0, MS_SILENT, 0},
	{"loud", 0, 0, 0, MS_SILENT},
	{"remount", 0, 0, MS_REMOUNT, 0},
};

static const struct {
	const char *name;
	uint64_t flag;
} propagations[] = {
	{"private", MS_PRIVATE},
	{"shared", MS_SHARED},
	{"slave", MS_SLAVE},
	{"unbindable", MS_UNBINDABLE},
};

uint64_t plan_propagation(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
		if (str_eq(word, propagations[i].name))
			return propagations[i].flag;
		if (word[0] == 'r' && str_eq(word + 1, propagations[i].name))
			return propagations[i].flag | MS_REC;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **plan_mount_options(void)
{
	/* those of apply_option() */
	static const char *const more[] = {"bind", "rbind", "tmpcopyup", "idmap", "ridmap",
		"src-nofollow", "dest-nofollow", "copy-symlink"};
	char **list = NULL;
	bool both = true;
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		strv_add(&list, more[i]);
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
		auto_free char *tree = xasprintf("r%s", propagations[i].name);
		strv_add(&list, propagations[i].name);
		strv_add(&list, tree);
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		auto_free char *tree = xasprintf("r%s", words[i].name);
		both = both && !str_eq(words[i].name, "defaults");
		strv_add(&list, words[i].name);
		if (both)
			strv_add(&list, tree);
	}
	qsort(list, strv_len(list), sizeof(*list), by_name);
	return list;
}

static const struct mount_word *find_word(const char *name, bool recursive_only)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (str_eq(words[i].name, "defaults") && recursive_only)
			return NULL;
		if (str_eq(words[i].name, name))
			return &words[i];
	}
	return NULL;
}

static bool apply_flag(struct plan_mount *m, const char *option)
{
	const struct mount_word *w = find_word(option, false);
	if (w) {
		m->attr_set = (m->attr_set & ~w->clear) | w->set;
		m->attr_clear = (m->attr_clear & ~w->set) | w->clear;
		m->sb_flags = (m->sb_flags & ~w->sb_clear) | w->sb_set;
		return true;
	}
	w = option[0] == 'r' ? find_word(option + 1, true) : NULL;
	if (!w)
		return false;
	m->rec_attr_set = (m->rec_attr_set & ~w->clear) | w->set;
	m->rec_attr_clear = (m->rec_attr_clear & ~w->set) | w->clear;
	return true;
}

static uint32_t link_word(const char *option)
{
	return str_eq(option, "src-nofollow")	 ? PLAN_LINK_SOURCE
	       : str_eq(option, "dest-nofollow") ? PLAN_LINK_TARGET
	       : str_eq(option, "copy-symlink")	 ? PLAN_LINK_COPY
						 : 0;
}

static int apply_option(struct plan_mount *m, const char *option, bool *bind)
{
	if (str_eq(option, "bind") || str_eq(option, "rbind")) {
		*bind = true;
		m->recursive = m->recursive || option[0] == 'r';
	} else if (str_eq(option, "tmpcopyup")) {
		m->copy_up = true;
	} else if (str_eq(option, "idmap") || str_eq(option, "ridmap")) {
		m->idmap = option[0] == 'r' ? PLAN_IDMAP_TREE : PLAN_IDMAP_TOP;
	} else if (link_word(option)) {
		m->links |= link_word(option);
	} else if (!apply_flag(m, option)) {
		return -1;
	}
	return 0;
}

/* Each takes effect, one after the other: "slave", "shared" is both (mount_namespaces(7)). */
static bool add_propagation(struct plan_mount *m, uint32_t *list, const char *option)
{
	uint64_t word = plan_propagation(option);
	if (word)
		list[m->propagation_count++] = (uint32_t)word;
	return word;
}

static const char *absolute(struct arena *arena, const char *base, const char *path)
{
	while (path[0] == '.' && path[1] == '/')
		path += 1 + strspn(path + 1, "/");
	return path[0] == '/' ? path : arena_printf(arena, "%s/%s", base ? base : "", path);
}

static int finish_bind(struct plan_mount *out, struct arena *arena, const struct oci_mount *m,
	const struct plan_options *options, struct err **err)
{
	out->kind = STEP_BIND;
	if (str_empty(m->source) && !(out->sb_flags & MS_REMOUNT))
		return err_set(
			err, ERR_INVALID, "mount %s: a bind mount needs a source", m->destination);
	out->data =
		NULL; /* the kernel ignores a bind mount's, so runc, crun and their callers do */
	if (!str_empty(m->source))
		out->source = absolute(arena, options ? options->bundle : NULL, m->source);
	return 0;
}

static int finish_file_system(struct plan_mount *out, const struct oci_mount *m, struct err **err)
{
	if (str_empty(m->type))
		return err_set(err, ERR_INVALID, "mount %s: neither a type nor bind is given",
			m->destination);
	out->kind = str_eq(m->type, "cgroup") ? STEP_CGROUP : STEP_MOUNT;
	out->fstype = m->type;
	out->source = m->source;
	out->is_dir_hint = true;
	if (out->copy_up && !str_eq(m->type, "tmpfs"))
		return err_set(
			err, ERR_INVALID, "mount %s: tmpcopyup is for tmpfs only", m->destination);
	return 0;
}

static int finish_idmap(struct plan_mount *out, const struct oci_mount *m, struct err **err)
{
	if (!m->uid_map_count != !m->gid_map_count)
		return err_set(err, ERR_INVALID,
			"mount %s: uidMappings and gidMappings go together", m->destination);
	if (m->uid_map_count && !out->idmap)
		out->idmap = PLAN_IDMAP_TOP;
	if (out->idmap && out->kind != STEP_BIND)
		return err_set(err, ERR_INVALID,
			"mount %s: id-mapped mounts are only supported for bind-mounts",
			m->destination);
	out->uid_map = m->uid_map;
	out->gid_map = m->gid_map;
	out->uid_map_count = m->uid_map_count;
	out->gid_map_count = m->gid_map_count;
	return 0;
}

const char *plan_clean_path(struct arena *arena, const char *path)
{
	size_t n = 0;
	char *out = arena_alloc(arena, strlen(path) + 2, 1);
	for (size_t len; *path; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && memcmp(path, "..", 2) == 0) {
			while (n && out[--n] != '/')
				;
		} else if (len && !(len == 1 && *path == '.')) {
			out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
	}
	if (!n)
		out[n++] = '/';
	out[n] = 0;
	return out;
}

int plan_mount_compile(struct plan_mount *out, struct arena *arena, const struct oci_mount *m,
	const struct plan_options *options, struct err **err)
{
	*out = (struct plan_mount){0};
	bool is_bind = str_eq(m->type, "bind");
	auto_buf data = BUF_INIT;
	if (str_empty(m->destination))
		return err_set(err, ERR_INVALID, "a mount has no destination");
	out->target = plan_clean_path(arena, m->destination);
	uint32_t *propagation =
		arena_alloc(arena, m->options ? strv_len(m->options) : 0, sizeof(*propagation));
	out->propagation = propagation;
	for (size_t i = 0; m->options && m->options[i]; i++)
		if (!add_propagation(out, propagation, m->options[i]) &&
			apply_option(out, m->options[i], &is_bind) < 0)
			buf_addf(&data, "%s%s", data.len ? "," : "", m->options[i]);
	if (data.len)
		out->data = arena_strdup(arena, buf_str(&data));
	if (str_eq(out->target, "/") && !(out->sb_flags & MS_REMOUNT))
		return err_set(err, ERR_INVALID, "mount %s: \"/\" is the root file system's place",
			m->destination);
	if (is_bind) {
		if (finish_bind(out, arena, m, options, err) < 0)
			return -1;
	} else if (finish_file_system(out, m, err) < 0) {
		return -1;
	}
	return finish_idmap(out, m, err);
}

/* A destination that names the place in the root on the host, which runc takes as well. */
static int strip_root(struct plan_mount *m, const char *root, struct err **err)
{
	const char *rest = str_eq(root, "/") ? NULL : str_after(m->target, root);
	if (!rest || (*rest && *rest != '/'))
		return 0;
	m->target = *rest ? rest : "/";
	if (!*rest && !(m->sb_flags & MS_REMOUNT))
		return err_set(
			err, ERR_INVALID, "mount %s: that is the root file system's place", root);
	return 0;
}

/* config.md "Mounts": without mappings of its own it has those of the container, if there are any. */
static int check_idmaps(const struct plan *plan, struct err **err)
{
	bool user = (plan->ns_new & CLONE_NEWUSER) || plan->ns_path[OCI_NS_USER];
	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct plan_mount *m = &plan->mounts[i];
		if (m->idmap && !m->uid_map_count && !user)
			return err_set(err, ERR_INVALID,
				"mount %s: idmap needs mappings of its own or a user namespace",
				m->target);
	}
	return 0;
}

int plan_mounts_compile(struct plan *plan, const struct oci_config *config,
	const struct plan_options *options, struct err **err)
{
	struct plan_mount *mounts = arena_alloc(plan->arena, config->mount_count, sizeof(*mounts));
	for (size_t i = 0; i < config->mount_count; i++)
		if (plan_mount_compile(&mounts[i], plan->arena, &config->mounts[i], options, err) <
				0 ||
			strip_root(&mounts[i], plan->root_path, err) < 0)
			return -1;
	plan->mounts = mounts;
	plan->mount_count = config->mount_count;
	return check_idmaps(plan, err);
}
