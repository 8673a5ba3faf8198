/* What the engine itself puts into a container is no change of it. Needs root. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "pack.h"
#include "trees.h"

static void mount_points_are_no_change(void **state)
{
	struct trees *t = *state;
	need_root();
	mkdirat(t->lower, "etc", 0755);
	put_file(t->lower, "etc/passwd", "");
	mkdirat(t->upper, "etc", 0755);
	put_file(t->upper, "etc/hosts", "");
	put_file(t->upper, "etc/resolv.conf", "");
	put_file(t->upper, ".dockerenv", "");
	fchmodat(t->upper, ".dockerenv", 0755, 0);
	mkdirat(t->upper, "proc", 0755);
	mkdirat(t->upper, "dev", 0755);
	mkdirat(t->upper, "data", 0755);
	auto_buf tar = BUF_INIT;
	auto_buf changes = BUF_INIT;
	pack_to(t, pack_layer, &tar);
	auto_free char *names = listing(&tar);
	assert_string_equal(names, "4 data/\n");
	pack_to(t, pack_changes, &changes);
	assert_string_equal(buf_str(&changes), "[{\"Path\":\"/data\",\"Kind\":1}]\n");
	/* what somebody wrote is one, and so is the folder around it */
	put_file(t->upper, "etc/new", "");
	put_file(t->upper, "dev/new", "");
	put_file(t->upper, ".dockerenv", "mine");
	auto_buf more = BUF_INIT;
	pack_to(t, pack_layer, &more);
	auto_free char *now = listing(&more);
	assert_string_equal(
		now, "10 .dockerenv\n4 data/\n4 dev/\n10 dev/new\n4 etc/\n10 etc/new\n");
}

static void layer_is(struct trees *t, const char *names)
{
	auto_buf tar = BUF_INIT;
	pack_to(t, pack_layer, &tar);
	auto_free char *listed = listing(&tar);
	assert_string_equal(listed, names);
}

/* What somebody did to the folder itself is in the layer, also where all names in it are the engine's. */
static void a_change_of_etc_itself_is_one(void **state)
{
	struct trees *t = *state;
	need_root();
	mkdirat(t->upper, "etc", 0755);
	put_file(t->upper, "etc/hosts", "");
	auto_fd int etc = openat(t->upper, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	layer_is(t, "");
	assert_int_equal(fsetxattr(etc, "user.note", "seen", 4, 0), 0);
	layer_is(t, "4 etc/\n");
	/* the image has it as it is, and as it was */
	mkdirat(t->lower, "etc", 0755);
	auto_fd int lower = openat(t->lower, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fsetxattr(lower, "user.note", "seen", 4, 0), 0);
	layer_is(t, "");
	assert_int_equal(fsetxattr(lower, "user.note", "sown", 4, 0), 0);
	layer_is(t, "4 etc/\n");
	assert_int_equal(fremovexattr(lower, "user.note"), 0);
	assert_int_equal(fremovexattr(etc, "user.note"), 0);
	layer_is(t, "");
	assert_int_equal(fchmod(etc, 0700), 0);
	layer_is(t, "4 etc/\n");
	assert_int_equal(fchmod(etc, 0755), 0);
	assert_int_equal(fchown(etc, 7, 0), 0);
	layer_is(t, "4 etc/\n");
}

/* What the runtime puts in the place of an image's links: files to be mounted on, and /etc/mtab. */
static void what_stands_for_the_images_links_is_no_change(void **state)
{
	struct trees *t = *state;
	need_root();
	mkdirat(t->lower, "etc", 0755);
	symlinkat("/run/stub", t->lower, "etc/resolv.conf");
	put_file(t->lower, "etc/hosts", "the image's");
	put_file(t->lower, "etc/mtab", "the image's");
	mkdirat(t->upper, "etc", 0755);
	put_file(t->upper, "etc/resolv.conf", "");
	fchmodat(t->upper, "etc/resolv.conf", 0755, 0);
	symlinkat("/proc/mounts", t->upper, "etc/mtab");
	auto_buf none = BUF_INIT, some = BUF_INIT, more = BUF_INIT;
	pack_to(t, pack_changes, &none);
	assert_string_equal(buf_str(&none), "null\n");
	/* a file of the image that was emptied is a change, and so is another link */
	put_file(t->upper, "etc/hosts", "");
	pack_to(t, pack_changes, &some);
	assert_string_equal(buf_str(&some),
		"[{\"Path\":\"/etc\",\"Kind\":0},{\"Path\":\"/etc/hosts\",\"Kind\":0}]\n");
	unlinkat(t->upper, "etc/hosts", 0);
	unlinkat(t->upper, "etc/mtab", 0);
	symlinkat("/proc/mountz", t->upper, "etc/mtab");
	pack_to(t, pack_changes, &more);
	assert_string_equal(buf_str(&more),
		"[{\"Path\":\"/etc\",\"Kind\":0},{\"Path\":\"/etc/mtab\",\"Kind\":0}]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACK_TEST(mount_points_are_no_change),
		PACK_TEST(a_change_of_etc_itself_is_one),
		PACK_TEST(what_stands_for_the_images_links_is_no_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
