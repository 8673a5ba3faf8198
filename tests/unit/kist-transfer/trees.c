#include "trees.h"

#include "../cmocka_all.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"

int make_trees(void **state)
{
	struct trees *t = xcalloc(1, sizeof(*t));
	strcpy(t->path, "/tmp/kist-pack-XXXXXX");
	if (!mkdtemp(t->path))
		return -1;
	umask(0);
	t->top = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(t->top, "upper", 0755);
	mkdirat(t->top, "lower", 0755);
	t->upper = openat(t->top, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->lower = openat(t->top, "lower", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->spool = openat(t->top, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	*state = t;
	return t->lower < 0 || t->spool < 0 ? -1 : 0;
}

int drop_trees(void **state)
{
	struct trees *t = *state;
	close(t->top);
	close(t->upper);
	close(t->lower);
	close(t->spool);
	int r = tree_remove(AT_FDCWD, t->path, NULL);
	free(t);
	return r;
}

void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

void put_file(int dir, const char *name, const char *text)
{
	auto_fd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

int try_pack(struct trees *t, pack_fn *fn, size_t room, struct buf *out, struct err **err)
{
	auto_fd int fd = openat(t->top, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct pack_spec spec = {.upper = t->upper,
		.below = &t->lower,
		.below_count = 1,
		.spool = t->spool,
		.out = fd,
		.max_entries = 1000000,
		.max_bytes = 1u << 30,
		.listing_room = room,
		.listings_room = room};
	if (fn(&spec, err) < 0)
		return -1;
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd_read_all(fd, 1u << 30, out, "tar", err);
}

void pack_to(struct trees *t, pack_fn *fn, struct buf *out)
{
	struct err *err = NULL;
	if (try_pack(t, fn, 0, out, &err) < 0)
		fail_msg("%s", err_msg(err));
}

/* Its members, as libarchive reads them: "TYPE NAME[ -> LINK]", one a line. */
char *listing(const struct buf *tar)
{
	struct buf text = BUF_INIT;
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	archive_read_support_format_tar(a);
	archive_read_support_format_empty(a);
	assert_int_equal(archive_read_open_memory(a, tar->data, tar->len), ARCHIVE_OK);
	int r;
	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK) {
		const char *hard = archive_entry_hardlink(e), *soft = archive_entry_symlink(e);
		buf_addf(&text, "%o %s%s%s\n", archive_entry_filetype(e) >> 12,
			archive_entry_pathname(e), hard || soft ? " -> " : "",
			hard   ? hard
			: soft ? soft
			       : "");
	}
	assert_int_equal(r, ARCHIVE_EOF);
	archive_read_free(a);
	return buf_steal(&text);
}
