/*
 * registry.h on the command line, for tests (try.h of the fixtures, python): one verb, its answer on standard
 * output, errors on standard error with their kind in front.
 *
 *	registry-try [OPTION...] NAME VERB [ARGUMENT...]
 *
 * Options: --program PATH --certs DIR --mirror URL --insecure HOST --user NAME --password TEXT
 *          --identity TOKEN --token TOKEN --server HOST --http-proxy URL --no-proxy LIST
 *          --connect MS --answer MS --stall MS --pause MS --attempts N --quiet --question
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/registry.h"

struct settings {
	struct registry_options options;
	struct registry_limits limits;
	const struct registry_patience *patience; /* --question: of whoever waits for an answer */
	struct registry_auth auth;
	char **mirrors, **insecure;
	bool quiet;
};

static int fail(const struct err *err)
{
	fprintf(stderr, "%s: %s\n", err_kind_name(err ? err->kind : ERR_SYSTEM), err_msg(err));
	return 1;
}

/* ---- verbs ---- */

typedef int verb_fn(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err);

static void show(const struct buf *b)
{
	if (b->len)
		fwrite(b->data, 1, b->len, stdout);
}

static int show_manifest(const struct registry_manifest *m)
{
	fprintf(stderr, "%s %s %lld\n", m->digest.str, m->media_type, (long long)m->size);
	show(&m->bytes);
	return 0;
}

static int verb_manifest(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	auto_registry_manifest m = {0};
	if (registry_manifest_get(s, argv[0], REGISTRY_ANY_MANIFEST, &m, err) < 0)
		return -1;
	return show_manifest(&m);
}

static int verb_head(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	auto_registry_manifest m = {0};
	if (registry_manifest_head(s, argv[0], REGISTRY_ANY_MANIFEST, &m, err) < 0)
		return -1;
	return show_manifest(&m);
}

static int verb_put(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_fd int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, 8 << 20, &text, argv[2], err) < 0)
		return -1;
	const struct registry_put put = {
		.ref = argv[0],
		.media_type = argv[1],
		.p = text.data ? text.data : "",
		.n = text.len,
	};
	return registry_manifest_put(s, &put, NULL, err);
}

static int digest_arg(const char *text, struct digest *out, struct err **err)
{
	return digest_parse(text, out, err);
}

static int verb_document(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	struct digest d;
	auto_buf out = BUF_INIT;
	int64_t size = -1;
	if (argv[1])
		str_to_i64(argv[1], &size);
	if (digest_arg(argv[0], &d, err) < 0 || registry_document(s, &d, size, &out, err) < 0)
		return -1;
	show(&out);
	return 0;
}

static int verb_blob(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	struct digest d;
	int64_t size = -1;
	int found;
	if (digest_arg(argv[0], &d, err) < 0 || (found = registry_blob_head(s, &d, &size, err)) < 0)
		return -1;
	printf("%s %lld\n", found ? "found" : "missing", (long long)size);
	return 0;
}

static int show_list(char **v)
{
	for (char **p = v; *p; p++)
		puts(*p);
	strv_free(v);
	return 0;
}

static int verb_tags(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	char **v;
	return registry_tags(s, &v, err) < 0 ? -1 : show_list(v);
}

static int verb_catalog(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	char **v;
	return registry_catalog(s, &v, err) < 0 ? -1 : show_list(v);
}

static int verb_referrers(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	struct digest d;
	auto_buf out = BUF_INIT;
	if (digest_arg(argv[0], &d, err) < 0 || registry_referrers(s, &d, argv[1], &out, err) < 0)
		return -1;
	show(&out);
	return 0;
}

static void show_event(const struct registry_event *e)
{
	static const char *const outcomes[] = {"transferred", "existed", "mounted"};
	switch (e->kind) {
	case REGISTRY_PROGRESS:
		fprintf(stderr, "%d progress %lld/%lld\n", e->id, (long long)e->bytes,
			(long long)e->total);
		break;
	case REGISTRY_RETRYING:
		fprintf(stderr, "%d retrying at %lld, attempt %u: %s\n", e->id, (long long)e->bytes,
			e->attempt, err_msg(e->err));
		break;
	case REGISTRY_DONE:
		printf("done %s %lld %s %s\n", outcomes[e->outcome], (long long)e->bytes,
			e->digest.str, e->mounted_from);
		break;
	case REGISTRY_FAILED:
		fprintf(stderr, "%d failed: ", e->id);
		fail(e->err);
		break;
	}
}

/* Until all of @left transfers are over. */
static int watch(struct registry_session *s, const struct settings *set, int left, struct err **err)
{
	int failed = 0;
	while (left) {
		struct registry_event e;
		int r = registry_event(s, &e, err);
		if (r < 0)
			return -1;
		if (r == 0) {
			struct pollfd fd = {.fd = registry_session_fd(s), .events = POLLIN};
			poll(&fd, 1, -1);
			continue;
		}
		if (e.kind != REGISTRY_PROGRESS || !set->quiet)
			show_event(&e);
		left -= e.kind == REGISTRY_DONE || e.kind == REGISTRY_FAILED;
		failed |= e.kind == REGISTRY_FAILED;
	}
	return failed ? 1 : 0;
}

/* download DIGEST SIZE FILE [URL...]: goes on behind what the file has */
static int verb_download(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	struct registry_download d = {.urls = argv + 3};
	struct stat st;
	auto_fd int fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0 || digest_arg(argv[0], &d.digest, err) < 0 ||
		str_to_i64(argv[1], &d.size) < 0)
		return -1;
	d.fd = fd;
	d.offset = st.st_size;
	return registry_download(s, &d, err) < 0 ? -1 : watch(s, set, 1, err);
}

/* downloads FILE-PREFIX DIGEST...: all at once */
static int verb_downloads(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	int count = 0;
	for (char **v = argv + 1; *v; v++, count++) {
		struct registry_download d = {.size = -1};
		auto_free char *file = xasprintf("%s%d", argv[0], count);
		auto_fd int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		d.fd = fd;
		if (fd < 0 || digest_arg(*v, &d.digest, err) < 0 ||
			registry_download(s, &d, err) < 0)
			return -1;
	}
	return watch(s, set, count, err);
}

/* upload DIGEST|- SIZE FILE|- CHUNK [MOUNT-FROM...] */
static int verb_upload(
	struct registry_session *s, const struct settings *set, char **argv, struct err **err)
{
	struct registry_upload u = {.mount_from = argv + 4};
	auto_fd int fd = str_eq(argv[2], "-") ? dup(0) : open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || str_to_i64(argv[1], &u.size) < 0 || str_to_i64(argv[3], &u.chunk) < 0)
		return -1;
	if (!str_eq(argv[0], "-") && digest_arg(argv[0], &u.digest, err) < 0)
		return -1;
	u.fd = fd;
	return registry_upload(s, &u, err) < 0 ? -1 : watch(s, set, 1, err);
}

static const struct {
	const char *name;
	int args;
	verb_fn *run;
	enum registry_action action;
} verbs[] = {
	{"manifest", 1, verb_manifest, REGISTRY_PULL},
	{"head", 1, verb_head, REGISTRY_PULL},
	{"put", 3, verb_put, REGISTRY_PUSH},
	{"document", 1, verb_document, REGISTRY_PULL},
	{"blob", 1, verb_blob, REGISTRY_PULL},
	{"tags", 0, verb_tags, REGISTRY_PULL},
	{"catalog", 0, verb_catalog, REGISTRY_CATALOG},
	{"referrers", 1, verb_referrers, REGISTRY_PULL},
	{"download", 3, verb_download, REGISTRY_PULL},
	{"downloads", 2, verb_downloads, REGISTRY_PULL},
	{"upload", 4, verb_upload, REGISTRY_PUSH},
};

/* ---- without a session ---- */

static int login(
	struct registry *r, const struct settings *set, const char *server, struct err **err)
{
	struct registry_login l;
	if (registry_login(r, server, &set->auth, set->patience, &l, err) < 0)
		return -1;
	printf("%s\n%s\n", l.status, l.identity_token);
	registry_login_free(&l);
	return 0;
}

static int search(struct registry *r, const struct settings *set, const char *term, char **argv,
	struct err **err)
{
	struct registry_search found;
	int limit = 25;
	if (argv[0])
		str_to_int(argv[0], &limit);
	if (registry_search(r, term, limit, &set->auth, set->patience, &found, err) < 0)
		return -1;
	for (size_t i = 0; i < found.count; i++)
		printf("%s|%s|%lld|%d\n", found.v[i].name, found.v[i].description,
			(long long)found.v[i].stars, found.v[i].official);
	registry_search_free(&found);
	return 0;
}

static int run(struct registry *r, const struct settings *set, const char *name, char **argv,
	struct err **err)
{
	auto_reference ref = {0};
	if (str_eq(argv[0], "login"))
		return login(r, set, name, err);
	if (str_eq(argv[0], "search"))
		return search(r, set, name, argv + 1, err);
	if (reference_parse(name, &ref, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (!str_eq(argv[0], verbs[i].name) || (int)strv_len(argv + 1) < verbs[i].args)
			continue;
		struct registry_session_spec spec = {.name = &ref,
			.action = verbs[i].action,
			.auth = &set->auth,
			.patience = set->patience};
		auto_registry_session *s = registry_session_open(r, &spec, err);
		return s ? verbs[i].run(s, set, argv + 1, err) : -1;
	}
	return err_set(err, ERR_INVALID, "unknown verb %s", argv[0]);
}

/* ---- options ---- */

static int option(struct settings *s, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **text;
		uint32_t *number;
		char ***list;
	} known[] = {
		{"--program", &s->options.program, NULL, NULL},
		{"--certs", &s->options.certs_dir, NULL, NULL},
		{"--user", &s->auth.username, NULL, NULL},
		{"--password", &s->auth.password, NULL, NULL},
		{"--identity", &s->auth.identity_token, NULL, NULL},
		{"--token", &s->auth.registry_token, NULL, NULL},
		{"--server", &s->auth.server_address, NULL, NULL},
		{"--http-proxy", &s->options.http_proxy, NULL, NULL},
		{"--https-proxy", &s->options.https_proxy, NULL, NULL},
		{"--no-proxy", &s->options.no_proxy, NULL, NULL},
		{"--connect", NULL, &s->limits.connect_ms, NULL},
		{"--answer", NULL, &s->limits.answer_ms, NULL},
		{"--stall", NULL, &s->limits.stall_ms, NULL},
		{"--pause", NULL, &s->limits.pause_ms, NULL},
		{"--attempts", NULL, &s->limits.attempts, NULL},
		{"--mirror", NULL, NULL, &s->mirrors},
		{"--insecure", NULL, NULL, &s->insecure},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!str_eq(name, known[i].name))
			continue;
		if (known[i].text)
			*known[i].text = value;
		else if (known[i].list)
			strv_add(known[i].list, value);
		else
			return str_to_u32(value, known[i].number);
		return 0;
	}
	return -1;
}

int main(int argc, char **argv)
{
	static const struct registry_patience patience = {-1};
	struct settings s = {
		.options = {.program = KIST_REGISTRY, .certs_dir = "/nonexistent"},
		.limits = {30000, 60000, 60000, 500, 6},
	};
	auto_err *err = NULL;
	for (argv++; *argv && str_starts(*argv, "--"); argv++) {
		if (str_eq(*argv, "--quiet"))
			s.quiet = true;
		else if (str_eq(*argv, "--question"))
			s.patience = &patience;
		else if (!argv[1] || option(&s, argv[0], argv[1]) < 0)
			return 2;
		else
			argv++;
	}
	if (!argv[0] || !argv[1])
		return 2;
	s.options.mirrors = s.mirrors;
	s.options.insecure = s.insecure;
	s.options.limits = &s.limits;
	struct registry *r = registry_open(&s.options, &err);
	if (!r)
		return fail(err);
	int code = run(r, &s, argv[0], argv + 1, &err);
	registry_close(r);
	strv_free(s.mirrors);
	strv_free(s.insecure);
	return code < 0 ? fail(err) : code;
}
