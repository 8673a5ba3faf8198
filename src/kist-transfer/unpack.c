#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "base/str.h"
#include "place.h"
#include "record.h"

#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define XATTR_VALUE_MAX 65536
#define XATTRS_MAX 128
/* From here on a file is handed to the disk at once, so that less is left for the syncfs() at the end. For small ones, each of
 * which would be a request of its own, that takes longer than it gives. Whether it works is of no account. */
#define WRITE_EARLY (256 << 10)

struct unpacker {
	struct archive *a;
	const struct unpack_input *input;
	struct place place;
	enum unpack_how how;
	struct recorder *recorder; /* NULL unless how is KEEP */
	struct err *failed; /* to record */
	uint64_t recorded, counted; /* bytes of the recipe; of them within the limits already */
	struct unpack_limits *limits;
	struct unpack_result *result;
};

/* ---- limits ---- */

/* The entry, and what the last one took besides: a long name is that of hundreds of folders. */
static int count_entry(struct unpacker *u, struct err **err)
{
	u->limits->entries += 1 + u->place.implied;
	u->place.implied = 0;
	if (u->limits->entries > u->limits->max_entries)
		return err_set(err, ERR_TOO_LARGE, "archive has more than %llu files",
			(unsigned long long)u->limits->max_entries);
	return 0;
}

static int count_bytes(struct unpacker *u, size_t n, struct err **err)
{
	u->limits->bytes += n;
	if (u->limits->bytes > u->limits->max_bytes)
		return err_set(err, ERR_TOO_LARGE,
			"archive unpacks to more than the %llu bytes that there is room for",
			(unsigned long long)u->limits->max_bytes);
	return 0;
}

/* What the recipe has grown by: content that it keeps itself is as good as a file. */
static int count_recorded(struct unpacker *u, struct err **err)
{
	uint64_t n = u->recorded - u->counted;
	u->counted = u->recorded;
	return count_bytes(u, n, err);
}

/* ---- the stream ---- */

/* How much of the stream libarchive has done with. */
static uint64_t passed(struct archive *a)
{
	la_int64_t n = archive_filter_bytes(a, -1);
	return n < 0 ? 0 : (uint64_t)n;
}

/* The next bytes; the last ones are overwritten. */
static long take(struct unpacker *u, const void **out)
{
	if (u->recorder)
		recorder_keep(u->recorder);
	return u->input->take(u->input->arg, out);
}

static la_ssize_t tar_source(struct archive *a, void *data, const void **out)
{
	struct unpacker *u = data;
	int r = u->recorder ? recorder_passed(u->recorder, passed(a), &u->failed) : 0;
	if (r == 0)
		r = count_recorded(u, &u->failed);
	long n = r < 0 ? -1 : take(u, out);
	if (n > 0 && u->recorder)
		r = recorder_feed(u->recorder, *out, (size_t)n, &u->failed);
	if (n < 0 || r < 0) {
		archive_set_error(a, EIO, "the stream broke off");
		return ARCHIVE_FATAL;
	}
	return n;
}

static int bad_tar(struct unpacker *u, struct err **err)
{
	const char *why = archive_error_string(u->a);
	if (u->failed)
		return err_move(err, &u->failed);
	return err_set(err, ERR_INVALID, "damaged tar: %s", why ? why : "unknown");
}

/* ---- what an entry says ---- */

static int get_meta(
	struct archive_entry *e, const char *name, struct place_meta *m, struct err **err)
{
	int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);
	/* -1 means "leave as it is" to chown(2), and what is above would wrap (CVE-2024-40635) */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_set(err, ERR_INVALID, "\"%.256s\" has an owner out of range (%lld:%lld)",
			name, (long long)uid, (long long)gid);
	*m = (struct place_meta){
		.uid = (uid_t)uid,
		.gid = (gid_t)gid,
		.mode = archive_entry_perm(e) & 07777,
		.mtime = {.tv_sec = archive_entry_mtime(e), .tv_nsec = archive_entry_mtime_nsec(e)},
	};
	if (m->mtime.tv_nsec < 0 || m->mtime.tv_nsec > 999999999)
		m->mtime.tv_nsec = 0;
	return 0;
}

/* Only what means something inside a container. trusted.overlay.* would let a layer steer the
 * overlay itself; LSM labels belong to the host. */
static bool xattr_allowed(const char *name)
{
	return str_eq(name, "security.capability") ||
	       (str_starts(name, "user.") && !str_starts(name, "user.overlay."));
}

static int set_xattrs(int fd, struct archive_entry *e, const char *name, struct err **err)
{
	if (archive_entry_xattr_reset(e) > XATTRS_MAX)
		return err_set(err, ERR_INVALID, "\"%.256s\" has more than %d extended attributes",
			name, XATTRS_MAX);
	const char *key;
	const void *value;
	size_t n;
	while (archive_entry_xattr_next(e, &key, &value, &n) == ARCHIVE_OK) {
		if (!key || !xattr_allowed(key))
			continue;
		if (n > XATTR_VALUE_MAX)
			return err_set(err, ERR_INVALID,
				"\"%.256s\" has an extended attribute larger than %d bytes", name,
				XATTR_VALUE_MAX);
		if (fsetxattr(fd, key, value, n, 0) == 0)
			continue;
		/* user attributes are a courtesy: some file systems have none, as for Docker */
		if (errno == EOPNOTSUPP && str_starts(key, "user."))
			continue;
		return err_sys(
			err, errno, "set extended attribute %.256s of \"%.256s\"", key, name);
	}
	return 0;
}

/* ---- kinds of entries ---- */

static int write_at(
	int fd, const char *p, size_t n, int64_t offset, const char *name, struct err **err)
{
	while (n) {
		ssize_t w = pwrite(fd, p, n, offset);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_sys(err, errno, "write \"%.256s\"", name);
		p += w;
		n -= (size_t)w;
		offset += w;
	}
	return 0;
}

static int write_block(struct unpacker *u, int fd, const void *p, size_t n, int64_t offset,
	const char *name, struct err **err)
{
	u->result->content += n;
	if (u->how == UNPACK_HOLLOW)
		return 0;
	if (count_bytes(u, n, err) < 0 || write_at(fd, p, n, offset, name, err) < 0)
		return -1;
	/* a block is passed when the next one is asked for: this is where it begins */
	return u->recorder
		       ? recorder_content(u->recorder, passed(u->a), p, n, (uint64_t)offset, err)
		       : 0;
}

/* Copies the data blocks; holes between and after them stay holes. */
static int write_data(struct unpacker *u, int fd, int64_t size, const char *name, struct err **err)
{
	const void *p;
	size_t n;
	la_int64_t offset;
	int64_t end = 0, written = 0;
	for (;;) {
		int r = archive_read_data_block(u->a, &p, &n, &offset);
		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return bad_tar(u, err);
		if (offset < 0 || offset > INT64_MAX - (int64_t)n)
			return bad_tar(u, err);
		if (write_block(u, fd, p, n, offset, name, err) < 0)
			return -1;
		end = offset + (int64_t)n;
		written += (int64_t)n;
	}
	int64_t whole = end < size ? size : end;
	u->result->holes = u->result->holes || written != whole;
	if ((end < size || u->how == UNPACK_HOLLOW) && ftruncate(fd, whole) < 0)
		return err_sys(err, errno, "set the size of \"%.256s\"", name);
	return 0;
}

static int unpack_file(struct unpacker *u, struct archive_entry *e, const char *name,
	const struct place_meta *meta, struct err **err)
{
	int64_t size = archive_entry_size(e);
	if (size < 0)
		return err_set(err, ERR_INVALID, "\"%.256s\" has a negative size", name);
	struct stat made;
	auto_fd int fd = place_file(&u->place, name, meta, &made, err);
	if (fd < 0 || (u->recorder && recorder_file(u->recorder, made.st_ino, name, err) < 0))
		return -1;
	if (write_data(u, fd, size, name, err) < 0 || place_owner(fd, name, meta, &made, err) < 0 ||
		set_xattrs(fd, e, name, err) < 0 || place_keep_indirect(&u->place, name, err) < 0)
		return -1;
	u->result->size += (uint64_t)size;
	if (place_finish(fd, name, meta, &made, err) < 0)
		return -1;
	if (size >= WRITE_EARLY)
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static int unpack_folder(struct unpacker *u, struct archive_entry *e, const char *name,
	const struct place_meta *meta, struct err **err)
{
	/* its name and time wait on the disk for the end */
	if (count_bytes(u, strlen(name) + sizeof(meta->mtime), err) < 0)
		return -1;
	auto_fd int fd = place_folder(&u->place, name, meta, err);
	return fd < 0 ? -1 : set_xattrs(fd, e, name, err);
}

static int unpack_hardlink(struct unpacker *u, const char *name, const char *to, struct err **err)
{
	char target[NAME_ROOM];
	if (name_clean(to, target, err) < 0)
		return err_wrap(err, "hard link \"%.256s\"", name);
	if (!*target)
		return err_set(err, ERR_INVALID, "hard link \"%.256s\" points to the root", name);
	return place_hardlink(&u->place, name, target, err);
}

static int unpack_symlink(struct unpacker *u, struct archive_entry *e, const char *name,
	const struct place_meta *meta, struct err **err)
{
	const char *target = archive_entry_symlink(e);
	if (str_empty(target))
		return err_set(err, ERR_INVALID, "symbolic link \"%.256s\" points nowhere", name);
	return place_symlink(&u->place, name, target, meta, err);
}

static int unpack_node(struct unpacker *u, struct archive_entry *e, const char *name,
	const struct place_meta *meta, struct err **err)
{
	mode_t type = archive_entry_filetype(e);
	dev_t dev = 0;
	if (type != S_IFIFO)
		dev = makedev((unsigned int)archive_entry_rdevmajor(e),
			(unsigned int)archive_entry_rdevminor(e));
	return place_node(&u->place, name, type, dev, meta, err);
}

/* 1: it was a whiteout; 0: it was not. */
static int unpack_whiteout(struct unpacker *u, const char *name, struct err **err)
{
	const char *base = name_base(name);
	if (!str_starts(base, WHITEOUT))
		return 0;
	char hidden[NAME_ROOM];
	size_t folder = (size_t)(base - name);
	memcpy(hidden, name, folder);
	if (str_eq(base, WHITEOUT_OPAQUE)) {
		hidden[folder ? folder - 1 : 0] = '\0';
		if (!folder)
			u->result->opaque = true;
		return place_opaque(&u->place, hidden, err) < 0 ? -1 : 1;
	}
	if (str_starts(base, WHITEOUT_META)) /* aufs' own files */
		return 1;
	const char *rest = base + strlen(WHITEOUT);
	if (!*rest || str_eq(rest, ".") || str_eq(rest, ".."))
		return err_set(err, ERR_INVALID, "\"%.256s\" hides no name", name);
	memcpy(hidden + folder, rest, strlen(rest) + 1);
	return place_whiteout(&u->place, hidden, err) < 0 ? -1 : 1;
}

/* Below ".wh..wh.plnk/" and the like lies what aufs kept for itself. */
static bool below_aufs_meta(const char *name)
{
	return str_starts(name, WHITEOUT_META) && strchr(name, '/');
}

static int unpack_entry(struct unpacker *u, struct archive_entry *e, struct err **err)
{
	char name[NAME_ROOM];
	struct place_meta meta;
	const char *raw = archive_entry_pathname(e);
	if (!raw)
		return err_set(err, ERR_INVALID, "an entry of the tar has no name");
	if (count_entry(u, err) < 0 || name_clean(raw, name, err) < 0 ||
		get_meta(e, name, &meta, err) < 0)
		return -1;
	/* The root's own entry is left out, as Docker does: a container's root folder is 0755. */
	if (!*name || below_aufs_meta(name))
		return 0;
	int r = unpack_whiteout(u, name, err);
	if (r)
		return r < 0 ? -1 : 0;
	const char *link = archive_entry_hardlink(e);
	if (link)
		return unpack_hardlink(u, name, link, err);
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return unpack_file(u, e, name, &meta, err);
	case AE_IFDIR:
		return unpack_folder(u, e, name, &meta, err);
	case AE_IFLNK:
		return unpack_symlink(u, e, name, &meta, err);
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFIFO:
		return unpack_node(u, e, name, &meta, err);
	default:
		return err_set(err, ERR_INVALID, "\"%.256s\" is of an unknown kind", name);
	}
}

static int unpack_all(struct unpacker *u, struct err **err)
{
	struct archive_entry *e;
	for (;;) {
		int r = archive_read_next_header(u->a, &e);
		if (r == ARCHIVE_EOF)
			return place_times(&u->place, err);
		/* ARCHIVE_RETRY means a damaged header that could be skipped: not here */
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return bad_tar(u, err);
		if (unpack_entry(u, e, err) < 0)
			return -1;
	}
}

/* What follows the tar's end belongs to the layer's digest too. */
static int record_rest(struct unpacker *u, struct err **err)
{
	const void *p;
	for (;;) {
		long n = take(u, &p);
		if (n < 0)
			return err_set(err, ERR_INVALID, "damaged tar: the stream broke off");
		if (count_recorded(u, err) < 0)
			return -1;
		if (n == 0)
			return u->recorder ? recorder_end(u->recorder, &u->result->tar_size, err)
					   : 0;
		if (u->recorder && (recorder_feed(u->recorder, p, (size_t)n, err) < 0 ||
					   recorder_passed(u->recorder, UINT64_MAX, err) < 0))
			return -1;
	}
}

static int run(struct unpacker *u, struct err **err)
{
	if (archive_read_open2(u->a, u, NULL, tar_source, NULL, NULL) != ARCHIVE_OK)
		return bad_tar(u, err);
	if (unpack_all(u, err) < 0 || record_rest(u, err) < 0)
		return -1;
	u->result->recipe_size = u->recorded + u->place.kept;
	return 0;
}

int unpack_layer(int root, int side, const struct unpack_input *input, enum unpack_how how,
	struct unpack_limits *limits, struct unpack_result *out, struct err **err)
{
	*out = (struct unpack_result){0};
	struct unpacker u = {.input = input, .how = how, .limits = limits, .result = out};
	if (place_open(&u.place, root, side, err) < 0)
		return -1;
	u.place.mark = how != UNPACK_KEEP;
	u.recorder = how == UNPACK_KEEP ? recorder_new(side, &u.recorded, err) : NULL;
	u.a = archive_read_new();
	archive_read_support_format_tar(u.a);
	archive_read_support_format_empty(u.a);
	int r = u.recorder || how != UNPACK_KEEP ? run(&u, err) : -1;
	archive_read_free(u.a);
	recorder_free(u.recorder);
	place_close(&u.place);
	err_freep(&u.failed);
	return r;
}

int unpack_folder_make(int root, const char *kind, uint32_t index, mode_t mode, struct err **err)
{
	char name[32];
	snprintf(name, sizeof(name), "%s.%u", kind, index);
	if (mkdirat(root, name, mode) < 0)
		return err_sys(err, errno, "make folder %s", name);
	int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open folder %s", name);
	return fd;
}
