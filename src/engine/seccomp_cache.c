/*
 * Compiled system call filters, by profile and capabilities. A daemon sees one or two profiles and a
 * handful of capability sets in its life, so what is compiled stays; on disk runtime/seccomp.h keeps it
 * over restarts.
 */
#include <linux/seccomp.h>

#include "core.h"
#include "runtime/seccomp.h"
#include "spec.h"

struct compiled {
	struct digest profile;
	uint64_t caps;
	void *bpf;
	size_t len;
	uint32_t flags;
	struct compiled *next;
};

#define FILTERS_KEPT 16

struct filter_cache {
	pthread_mutex_t lock;
	struct compiled *first;
};

struct filter_cache *filter_cache_new(void)
{
	struct filter_cache *f = xcalloc(1, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

void filter_cache_free(struct filter_cache *f)
{
	while (f->first) {
		struct compiled *next = f->first->next;
		free(f->first->bpf);
		free(f->first);
		f->first = next;
	}
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static struct compiled *find(struct filter_cache *f, const struct digest *profile, uint64_t caps)
{
	for (struct compiled *i = f->first; i; i = i->next)
		if (i->caps == caps && str_eq(i->profile.str, profile->str))
			return i;
	return NULL;
}

/* Compiling takes milliseconds and is done without the lock; two threads may do it twice. */
static struct compiled *compile(
	struct engine *e, const char *text, size_t len, uint64_t caps, struct err **err)
{
	struct oci_seccomp *profile;
	auto_buf bpf = BUF_INIT;
	uint32_t flags = 0;

	if (oci_seccomp_parse(&profile, text, len, caps, err)) {
		err_wrap(err, "Decoding seccomp profile failed");
		return NULL;
	}
	int r = seccomp_compile(profile, e->seccomp_folder, &bpf, &flags, err);
	if (!r && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		r = err_set(err, ERR_NOT_IMPLEMENTED,
			"seccomp profile: SCMP_ACT_NOTIFY is not implemented");
	oci_seccomp_free(profile);
	if (r)
		return NULL;
	struct compiled *f = xcalloc(1, sizeof(*f));
	f->caps = caps;
	f->flags = flags;
	f->len = bpf.len;
	f->bpf = buf_steal(&bpf);
	return f;
}

/* Keeps @f as the newest; the oldest beyond the bound goes. With the lock held. */
static void keep(struct filter_cache *cache, struct compiled *f)
{
	size_t n = 1;
	f->next = cache->first;
	cache->first = f;
	for (struct compiled *i = f; i->next; i = i->next) {
		if (++n <= FILTERS_KEPT)
			continue;
		free(i->next->bpf);
		free(i->next);
		i->next = NULL;
		break;
	}
}

/* The text of the profile that applies; NULL: none. */
static const char *profile_text(
	struct engine *e, const struct host_config *host, size_t *n, struct err **err)
{
	struct spec_security security;

	if (spec_security(&security, host, err) || security.seccomp_unconfined)
		return NULL;
	*n = security.seccomp ? strlen(security.seccomp) : e->seccomp_len;
	return security.seccomp ? security.seccomp : e->seccomp_text;
}

int filter_get(struct engine *e, const struct host_config *host, uint64_t caps, void **bpf,
	size_t *len, uint32_t *flags, struct err **err)
{
	auto_err *why = NULL;
	struct digest key;
	size_t n = 0;

	*bpf = NULL;
	*len = 0;
	*flags = 0;
	const char *text = profile_text(e, host, &n, &why);
	if (!text)
		return why ? err_move(err, &why) : 0;
	digest_of(text, n, &key);
	pthread_mutex_lock(&e->filters->lock);
	struct compiled *f = find(e->filters, &key, caps);
	if (!f) {
		pthread_mutex_unlock(&e->filters->lock);
		f = compile(e, text, n, caps, err);
		if (!f)
			return -1;
		f->profile = key;
		pthread_mutex_lock(&e->filters->lock);
		keep(e->filters, f);
	}
	*bpf = xmemdup(f->bpf, f->len);
	*len = f->len;
	*flags = f->flags;
	pthread_mutex_unlock(&e->filters->lock);
	return 0;
}
