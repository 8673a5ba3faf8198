/*
 * Compiled filters on disk. Compiling Docker's profile takes 3 to 19 ms, reading this a few hundredths.
 *
 * A file is named after everything that its bytes depend on, and holds
 *	"KISTBPF1"  sha256 of the filter, 64 hex digits  the filter
 * It is trusted only if folder and file belong to root or to us and nobody else may write them; the digest is
 * there for torn disks, not against people.
 */
#include <fcntl.h>
#include <seccomp.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/wire.h"
#include "seccomp_private.h"

#define MAGIC "KISTBPF1"
#define MAGIC_LEN 8
#define HEAD_LEN (MAGIC_LEN + DIGEST_HEX_LEN)
#define FILE_MAX (HEAD_LEN + 4096 * 8)

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

void seccomp_cache_key(const struct oci_seccomp *profile, struct digest *key)
{
	auto_buf b = BUF_INIT;
	const struct scmp_version *v = seccomp_version();
	wire_put_str(&b, MAGIC);
	wire_put_u32(&b, seccomp_arch_native());
	wire_put_u32(&b, v->major);
	wire_put_u32(&b, v->minor);
	wire_put_u32(&b, v->micro);
	wire_put_u32(&b, seccomp_api_get());
	wire_put_str(&b, profile->default_action);
	wire_put_bool(&b, profile->default_errno_ret.set);
	wire_put_u32(&b, profile->default_errno_ret.v);
	wire_put_strv(&b, profile->architectures);
	wire_put_u32(&b, (uint32_t)profile->rule_count);
	for (size_t i = 0; i < profile->rule_count; i++)
		put_rule(&b, &profile->rules[i]);
	digest_of(b.data, b.len, key);
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

int seccomp_cache_load(const char *cache, const struct digest *key, struct buf *bpf)
{
	auto_fd int dir = open_cache(cache);
	auto_fd int fd = dir < 0 ? -1
				 : openat(dir, digest_hex(key),
					   O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	auto_buf text = BUF_INIT;
	if (fd < 0 || !ours_alone(fd, S_IFREG) ||
		fd_read_all(fd, FILE_MAX, &text, "seccomp cache", NULL) < 0)
		return -1;
	if (text.len <= HEAD_LEN || (text.len - HEAD_LEN) % 8 ||
		memcmp(text.data, MAGIC, MAGIC_LEN) != 0)
		return -1;
	struct digest found;
	digest_of(text.data + HEAD_LEN, text.len - HEAD_LEN, &found);
	if (memcmp(digest_hex(&found), text.data + MAGIC_LEN, DIGEST_HEX_LEN) != 0)
		return -1;
	buf_add(bpf, text.data + HEAD_LEN, text.len - HEAD_LEN);
	return 0;
}

void seccomp_cache_store(const char *cache, const struct digest *key, const struct buf *bpf)
{
	auto_err *err = NULL;
	if (dir_make(AT_FDCWD, cache, 0700, &err) < 0) {
		log_debug("seccomp cache: %s", err_msg(err));
		return;
	}
	auto_fd int dir = open_cache(cache);
	if (dir < 0)
		return;
	struct digest sum;
	auto_buf text = BUF_INIT;
	digest_of(bpf->data, bpf->len, &sum);
	buf_add(&text, MAGIC, MAGIC_LEN);
	buf_add(&text, digest_hex(&sum), DIGEST_HEX_LEN);
	buf_add(&text, bpf->data, bpf->len);
	if (file_replace(dir, digest_hex(key), text.data, text.len, 0600, false, &err) < 0)
		log_debug("seccomp cache: %s", err_msg(err));
}
