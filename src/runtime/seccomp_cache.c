/*
 * Compiled filters on disk. Compiling Docker's profile takes 3 to 19 ms, reading this a few hundredths.
 *
 * A file is named after a sum of its key, everything that the filter depends on, and holds
 *	"KISTBPF2"  sum of the rest  length of the key  the key  the filter
 * It is trusted only if folder and file belong to root or to us and nobody else may write them, and used only if the key is
 * the same, byte by byte: two that have one name take turns. The sums are for telling files apart and for torn
 * disks, not against people. A digest would take a library that looks at the processor before main().
 *
 * Who adds a file clears the folder up: beyond CACHE_MAX the oldest go, and so do files of the form before this one, whose
 * names were digests, and what a store that was killed has left.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/wire.h"
#include "seccomp_private.h"

#define MAGIC "KISTBPF2"
#define MAGIC_LEN 8
#define SUM_LEN 8
#define HEAD_LEN (MAGIC_LEN + SUM_LEN)
#define KEY_MAX (1u << 20) /* Docker's profile: 15 KiB */
#define CACHE_MAX 256 /* files: of 20 KiB for Docker's profile */
#define OLD_NAME_LEN 64 /* of a SHA-256 */
#define STORE_SECONDS 3600 /* no store takes that long */
#define FILE_MAX (HEAD_LEN + 4 + KEY_MAX + 4096 * 8)

/* Of which no change within eight bytes goes unseen. */
static uint64_t sum(const char *p, size_t n)
{
	uint64_t h = n, word;
	for (size_t len; n; p += len, n -= len) {
		len = n < sizeof(word) ? n : sizeof(word);
		word = 0;
		memcpy(&word, p, len);
		h = (h ^ word) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	return h;
}

static void put_rule(struct buf *b, const struct oci_seccomp_rule *rule)
{
	wire_put_strv(b, rule->names);
	wire_put_str(b, rule->action);
	wire_put_bool(b, rule->errno_ret.set);
	wire_put_u32(b, rule->errno_ret.v);
	wire_put_u32(b, (uint32_t)rule->arg_count);
	for (size_t i = 0; i < rule->arg_count; i++) {
		wire_put_u32(b, rule->args[i].index);
		wire_put_u64(b, rule->args[i].value);
		wire_put_u64(b, rule->args[i].value_two);
		wire_put_str(b, rule->args[i].op);
	}
}

void seccomp_cache_key(const struct oci_seccomp *profile, struct buf *key)
{
	const struct scmp_version *v = seccomp_version();
	wire_put_u32(key, seccomp_arch_native());
	wire_put_u32(key, v->major);
	wire_put_u32(key, v->minor);
	wire_put_u32(key, v->micro);
	wire_put_u32(key, seccomp_api_get());
	wire_put_str(key, profile->default_action);
	wire_put_bool(key, profile->default_errno_ret.set);
	wire_put_u32(key, profile->default_errno_ret.v);
	wire_put_strv(key, profile->architectures);
	wire_put_u32(key, (uint32_t)profile->rule_count);
	for (size_t i = 0; i < profile->rule_count; i++)
		put_rule(key, &profile->rules[i]);
}

void seccomp_cache_name(const struct buf *key, char name[SECCOMP_CACHE_NAME])
{
	snprintf(name, SECCOMP_CACHE_NAME, "%016" PRIx64, sum(key->data, key->len));
}

static bool ours_alone(int fd, mode_t type)
{
	struct stat st;
	return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type &&
	       (st.st_uid == 0 || st.st_uid == geteuid()) && (st.st_mode & 022) == 0;
}

/* The folder, if it can be trusted; -1 if not. */
static int open_cache(const char *cache)
{
	int fd = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	if (ours_alone(fd, S_IFDIR))
		return fd;
	log_warn("seccomp cache %s is not used: others may write to it", cache);
	close(fd);
	return -1;
}

int seccomp_cache_load(const char *cache, const struct buf *key, struct buf *bpf)
{
	char name[SECCOMP_CACHE_NAME];
	seccomp_cache_name(key, name);
	auto_fd int dir = open_cache(cache);
	auto_fd int fd =
		dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	auto_buf text = BUF_INIT;
	if (fd < 0 || !ours_alone(fd, S_IFREG) ||
		fd_read_all(fd, FILE_MAX, &text, "seccomp cache", NULL) < 0)
		return -1;
	if (text.len <= HEAD_LEN || memcmp(text.data, MAGIC, MAGIC_LEN) != 0)
		return -1;
	struct wire w = wire_from(text.data + MAGIC_LEN, text.len - MAGIC_LEN);
	if (wire_u64(&w) != sum(text.data + HEAD_LEN, text.len - HEAD_LEN))
		return -1;
	size_t n = 0;
	const char *same = wire_blob(&w, &n);
	if (!same || n != key->len || memcmp(same, key->data, n) != 0)
		return -1;
	size_t len = (size_t)(w.end - w.p);
	if (!len || len % 8)
		return -1;
	buf_add(bpf, w.p, len);
	return 0;
}

static bool is_number(const char *name, size_t len)
{
	return str_all_of(name, "0123456789abcdef", len, len);
}

static bool is_left_over(const char *name, const struct stat *st)
{
	if (is_number(name, OLD_NAME_LEN))
		return true;
	return str_starts(name, ".tmp-") && st->st_mtime < time(NULL) - STORE_SECONDS;
}

/* One look at the folder: removes what is left over, and the oldest file if there are too many. True if it did that. */
static bool sweep_once(int dir)
{
	char oldest[SECCOMP_CACHE_NAME] = "";
	time_t since = 0;
	size_t kept = 0;
	int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own < 0 ? NULL : fdopendir(own);
	if (!d) {
		fd_close(own);
		return false;
	}
	for (struct dirent *e; (e = readdir(d));) {
		struct stat st;
		if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (is_left_over(e->d_name, &st)) {
			unlinkat(dir, e->d_name, 0);
		} else if (is_number(e->d_name, sizeof(oldest) - 1)) {
			if (!kept++ || st.st_mtime < since) {
				since = st.st_mtime;
				strcpy(oldest, e->d_name);
			}
		}
	}
	closedir(d);
	return kept > CACHE_MAX && unlinkat(dir, oldest, 0) == 0;
}

void seccomp_cache_store(const char *cache, const struct buf *key, const struct buf *bpf)
{
	auto_err *err = NULL;
	if (key->len > KEY_MAX)
		return;
	if (dir_make(AT_FDCWD, cache, 0700, &err) < 0) {
		log_debug("seccomp cache: %s", err_msg(err));
		return;
	}
	auto_fd int dir = open_cache(cache);
	if (dir < 0)
		return;
	char name[SECCOMP_CACHE_NAME];
	auto_buf rest = BUF_INIT, text = BUF_INIT;
	seccomp_cache_name(key, name);
	wire_put_blob(&rest, key->data, key->len);
	buf_add(&rest, bpf->data, bpf->len);
	buf_add(&text, MAGIC, MAGIC_LEN);
	wire_put_u64(&text, sum(rest.data, rest.len));
	buf_add(&text, rest.data, rest.len);
	if (file_replace(dir, name, text.data, text.len, 0600, false, &err) < 0)
		log_debug("seccomp cache: %s", err_msg(err));
	while (sweep_once(dir))
		;
}
