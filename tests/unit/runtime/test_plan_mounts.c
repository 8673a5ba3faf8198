/* The mount option table: every word, every refusal. No privilege needed. */
#include "../cmocka_all.h"

#include <sys/mount.h>

#include "base/mem.h"
#include "base/str.h"
#include "plan_private.h"

static struct arena *arena;
static const struct plan_options in_bundle = {.bundle = "/b"};

static int setup(void **state)
{
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	arena_free(arena);
	return 0;
}

static struct plan_mount compile(const char *type, const char *options)
{
	auto_strv v = strv_split(options, ',');
	struct oci_mount m = {.destination = (char *)"/m",
		.type = (char *)type,
		.source = (char *)"src",
		.options = v};
	struct plan_mount out;
	auto_err *err = NULL;
	if (plan_mount_compile(&out, arena, &m, &in_bundle, &err) < 0)
		fail_msg("%s: %s", options, err_msg(err));
	return out;
}

static void refuse(const char *type, const char *source, const char *options, enum err_kind kind,
	const char *word)
{
	auto_strv v = strv_split(options, ',');
	struct oci_mount m = {.destination = (char *)"/m",
		.type = (char *)type,
		.source = (char *)source,
		.options = v};
	struct plan_mount out;
	auto_err *err = NULL;
	assert_int_equal(plan_mount_compile(&out, arena, &m, &in_bundle, &err), -1);
	assert_int_equal(err->kind, kind);
	assert_non_null(strstr(err->msg, word));
}

static void test_attributes(void **state)
{
	static const struct {
		const char *word;
		uint64_t set, clear;
	} table[] = {
		{"ro", MOUNT_ATTR_RDONLY, 0},
		{"rw", 0, MOUNT_ATTR_RDONLY},
		{"ro,rw", 0, MOUNT_ATTR_RDONLY},
		{"rw,ro", MOUNT_ATTR_RDONLY, 0},
		{"nosuid,nodev,noexec", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
			0},
		{"nosuid,suid", 0, MOUNT_ATTR_NOSUID},
		/* mount_setattr(2) wants all access time bits cleared where one is set */
		{"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
		{"noatime,strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
		{"relatime", 0, MOUNT_ATTR__ATIME},
		{"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
		{"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
		{"defaults", 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct plan_mount m = compile("tmpfs", table[i].word);
		if (m.attr_set != table[i].set || m.attr_clear != table[i].clear)
			fail_msg("%s: set %llx clear %llx", table[i].word,
				(unsigned long long)m.attr_set, (unsigned long long)m.attr_clear);
		assert_null(m.data);
	}
}

static void test_recursive_attributes(void **state)
{
	struct plan_mount m = compile("bind", "rbind,rro,rnosuid,rexec");
	assert_int_equal(m.rec_attr_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
	assert_int_equal(m.rec_attr_clear, MOUNT_ATTR_NOEXEC);
	assert_int_equal(m.attr_set, 0);
	m = compile("bind", "bind,rnoatime,rsymfollow");
	assert_int_equal(m.rec_attr_set, MOUNT_ATTR_NOATIME);
	/* a relative atime is a word of its own and not "elatime" for the tree */
	m = compile("tmpfs", "rrelatime");
	assert_int_equal(m.rec_attr_clear, MOUNT_ATTR__ATIME);
}

static void test_superblock_flags(void **state)
{
	assert_int_equal(compile("ext4", "sync,dirsync,mand").sb_flags,
		MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK);
	assert_int_equal(compile("ext4", "sync,async").sb_flags, 0);
}

static void is_propagation(const char *options, size_t count, const uint32_t *words)
{
	struct plan_mount m = compile("bind", options);
	assert_int_equal(m.propagation_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(m.propagation[i], words[i]);
	assert_null(m.data);
}

static void test_propagation(void **state)
{
	static const uint32_t words[] = {
		MS_SLAVE | MS_REC, MS_SHARED, MS_PRIVATE | MS_REC, MS_UNBINDABLE, MS_SLAVE};
	is_propagation("rbind,rslave", 1, words);
	is_propagation("bind,shared", 1, words + 1);
	is_propagation("bind,rprivate", 1, words + 2);
	is_propagation("bind,unbindable", 1, words + 3);
	is_propagation("bind", 0, NULL);
	is_propagation("rslave,rbind,shared,ro,rprivate,unbindable,slave", 5, words);
}

static void test_data(void **state)
{
	struct plan_mount m = compile("tmpfs", "nosuid,size=64k,mode=1777,x");
	assert_string_equal(m.data, "size=64k,mode=1777,x");
	assert_int_equal(m.kind, STEP_MOUNT);
	assert_true(m.is_dir_hint);
	assert_true(compile("tmpfs", "tmpcopyup").copy_up);
	assert_int_equal(compile("cgroup", "ro").kind, STEP_CGROUP);
	assert_int_equal(compile("cgroup2", "ro").kind, STEP_MOUNT);
}

static void test_binds(void **state)
{
	struct plan_mount m = compile("none", "rbind");
	assert_int_equal(m.kind, STEP_BIND);
	assert_true(m.recursive);
	assert_string_equal(m.source, "/b/src");
	m = compile("bind", "ro");
	assert_int_equal(m.kind, STEP_BIND);
	assert_false(m.recursive);
	refuse("bind", NULL, "bind", ERR_INVALID, "source");
	/* what is relative is the bundle's, however it is written */
	static const char *const written[] = {"./src", ".//src", "././src", ".//./src"};
	for (size_t i = 0; i < ARRAY_LEN(written); i++) {
		struct oci_mount relative = {.destination = (char *)"/m",
			.type = (char *)"bind",
			.source = (char *)written[i]};
		assert_int_equal(plan_mount_compile(&m, arena, &relative, &in_bundle, NULL), 0);
		assert_string_equal(m.source, "/b/src");
	}
	m = compile("bind", "bind,size=5");
	assert_null(m.data);
	refuse(NULL, "/x", "ro", ERR_INVALID, "type");
	refuse("ext4", "/x", "tmpcopyup", ERR_INVALID, "tmpcopyup");
	refuse("tmpfs", "/x", "idmap", ERR_INVALID, "only supported for bind-mounts");
	assert_int_equal(compile("bind", "idmap").idmap, PLAN_IDMAP_TOP);
	assert_int_equal(compile("bind", "ridmap").idmap, PLAN_IDMAP_TREE);
	assert_int_equal(compile("bind", "ro").idmap, PLAN_IDMAP_NONE);
	assert_int_equal(
		compile("bind", "src-nofollow,dest-nofollow,copy-symlink").links, PLAN_LINK_ALL);
}

static void test_targets(void **state)
{
	static const struct {
		const char *written, *meant;
	} table[] = {
		{"/a/b", "/a/b"},
		{"a/b", "/a/b"},
		{"//proc//", "/proc"},
		{"/./dev/.", "/dev"},
		{"/a/../proc", "/proc"},
		{"/../../x", "/x"},
		{"/...", "/..."},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct oci_mount m = {
			.destination = (char *)table[i].written, .type = (char *)"tmpfs"};
		struct plan_mount out;
		auto_err *err = NULL;
		assert_int_equal(plan_mount_compile(&out, arena, &m, &in_bundle, &err), 0);
		assert_string_equal(out.target, table[i].meant);
	}
	struct oci_mount top = {.destination = (char *)"..", .type = (char *)"tmpfs"};
	struct plan_mount out;
	auto_err *err = NULL;
	assert_int_equal(plan_mount_compile(&out, arena, &top, &in_bundle, &err), -1);
	assert_non_null(strstr(err->msg, "root file system"));
}

static void test_mappings_go_together(void **state)
{
	struct oci_id_map map = {0, 1000, 1};
	struct oci_mount m = {.destination = (char *)"/m",
		.type = (char *)"bind",
		.source = (char *)"/x",
		.uid_map = &map,
		.uid_map_count = 1};
	struct plan_mount out;
	auto_err *err = NULL;
	assert_int_equal(plan_mount_compile(&out, arena, &m, NULL, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_recursive_attributes),
		cmocka_unit_test(test_superblock_flags),
		cmocka_unit_test(test_propagation),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_binds),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_mappings_go_together),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
