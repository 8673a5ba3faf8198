/* Where a registry is: mirrors, plain HTTP, certificates. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

#define HUB "docker.io"
#define HUB_HOST "registry-1.docker.io"
#define EVERYTHING (ENDPOINT_PULL | ENDPOINT_RESOLVE | ENDPOINT_PUSH)

enum { HOSTS_MAX = 1 << 18, FILES_MAX = 256 };

/* ---- lists ---- */

void places_free(struct places *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct place *v = &p->v[i];
		for (size_t k = 0; k < v->client_count; k++)
			buf_free(&v->clients[k]);
		free(v->clients);
		buf_free(&v->ca);
		strv_free(v->headers);
		free(v->url);
	}
	free(p->v);
	*p = (struct places){0};
}

struct place *places_add(struct places *p, char *url, uint32_t flags)
{
	p->v = xreallocarray(p->v, p->count + 1, sizeof(*p->v));
	struct place *v = &p->v[p->count++];
	*v = (struct place){.url = url, .flags = flags};
	return v;
}

void places_only_home(struct places *p)
{
	struct places rest = {0};
	size_t kept = 0;
	for (size_t i = 0; i < p->count; i++)
		kept += (p->v[i].flags & ENDPOINT_CREDENTIALS) != 0;
	if (!kept)
		return;
	kept = 0;
	for (size_t i = 0; i < p->count; i++) {
		if (p->v[i].flags & ENDPOINT_CREDENTIALS)
			p->v[kept++] = p->v[i];
		else
			*places_add(&rest, NULL, 0) = p->v[i];
	}
	p->count = kept;
	places_free(&rest);
}

char *registry_home(const char *domain)
{
	return xasprintf("https://%s", str_eq(domain, HUB) ? HUB_HOST : domain);
}

/* ---- certs.d ---- */

int certs_open(const struct config *c, const char *host, int *dir, struct err **err)
{
	/* "host:port", or as containerd writes it where a name may not have a colon: "host_port_" */
	auto_free char *path = xasprintf("%s/%s", c->certs_dir, host);
	*dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *colon = strrchr(host, ':');
	if (*dir < 0 && errno == ENOENT && colon && host[0] != '[') {
		auto_free char *other = xasprintf(
			"%s/%.*s_%s_", c->certs_dir, (int)(colon - host), host, colon + 1);
		*dir = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (*dir >= 0)
		return 1;
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	return err_sys(err, errno, "open %s", path);
}

int certs_read(int dir, const char *name, struct buf *to, struct err **err)
{
	/* not file_read(): such files often are symbolic links, and the folder is root's */
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	auto_buf text = BUF_INIT;
	if (fd < 0)
		return err_sysk(err, ERR_INVALID, errno, "read certificate %s", name);
	if (fd_read_all(fd, REGISTRY_PEM_MAX - to->len, &text, name, err) < 0)
		return -1;
	buf_add(to, text.data, text.len);
	buf_addc(to, '\n');
	return 0;
}

static int add_client(int dir, const char *cert, struct place *to, struct err **err)
{
	auto_free char *key = xasprintf("%.*s.key", (int)(strlen(cert) - 5), cert);
	if (faccessat(dir, key, F_OK, 0) < 0)
		return err_set(err, ERR_INVALID,
			"missing key %s for client certificate %s. Note that CA certificates "
			"should use "
			"the extension .crt",
			key, cert);
	to->clients = xreallocarray(to->clients, to->client_count + 1, sizeof(*to->clients));
	struct buf *pem = &to->clients[to->client_count++];
	*pem = (struct buf)BUF_INIT;
	return certs_read(dir, cert, pem, err) < 0 ? -1 : certs_read(dir, key, pem, err);
}

static int load_file(int dir, const char *name, struct place *to, struct err **err)
{
	if (str_ends(name, ".crt"))
		return certs_read(dir, name, &to->ca, err);
	if (str_ends(name, ".cert"))
		return add_client(dir, name, to, err);
	if (!str_ends(name, ".key"))
		return 0;
	auto_free char *cert = xasprintf("%.*s.cert", (int)(strlen(name) - 4), name);
	if (faccessat(dir, cert, F_OK, 0) == 0)
		return 0;
	return err_set(err, ERR_INVALID, "missing client certificate %s for key %s", cert, name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **list_folder(int dir)
{
	char **names = NULL;
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;
	while (d && (e = readdir(d)) && strv_len(names) < FILES_MAX)
		if (e->d_name[0] != '.')
			strv_add(&names, e->d_name);
	if (d)
		closedir(d);
	else
		fd_close(copy);
	if (names)
		qsort(names, strv_len(names), sizeof(*names), by_name);
	return names;
}

int certs_load(const struct config *c, const char *host, struct place *to, struct err **err)
{
	auto_fd int dir = -1;
	int there = certs_open(c, host, &dir, err);
	if (there <= 0)
		return there;
	auto_strv names = list_folder(dir);
	for (char **n = names; n && *n; n++)
		if (load_file(dir, *n, to, err) < 0)
			return err_wrap(err, "%s/%s", c->certs_dir, host);
	return 0;
}

/* ---- from the options ---- */

/* "https://host[:port]/": https, then http if nobody minds. */
static int add_host(const struct config *c, const char *scheme, const char *host, uint32_t flags,
	struct places *out, struct err **err)
{
	bool insecure = config_insecure(c, host);
	if (str_eq(scheme, "https")) {
		uint32_t more = insecure ? ENDPOINT_SKIP_VERIFY | ENDPOINT_FALLBACK : 0;
		struct place *p = places_add(out, xasprintf("https://%s/v2", host), flags | more);
		if (certs_load(c, host, p, err) < 0)
			return -1;
	}
	if (insecure || str_eq(scheme, "http"))
		places_add(out, xasprintf("http://%s/v2", host), flags);
	return 0;
}

/* The registry itself. */
static int add_home(
	const struct config *c, const char *domain, struct places *out, struct err **err)
{
	return add_host(c, "https", str_eq(domain, HUB) ? HUB_HOST : domain,
		EVERYTHING | ENDPOINT_CREDENTIALS, out, err);
}

static int from_options(
	const struct config *c, const char *domain, struct places *out, struct err **err)
{
	for (char **m = str_eq(domain, HUB) ? c->mirrors : NULL; m && *m; m++) {
		const char *host = strstr(*m, "://") + 3;
		auto_free char *scheme = xstrndup(*m, (size_t)(host - 3 - *m));
		auto_free char *name = xstrndup(host, strlen(host) - 1);
		if (add_host(c, scheme, name, ENDPOINT_MIRROR | ENDPOINT_PULL | ENDPOINT_RESOLVE,
			    out, err) < 0)
			return -1;
	}
	return add_home(c, domain, out, err);
}

/* ---- from hosts.toml ---- */

/* What hosts.toml says of the registry itself, for each way to it. */
static void describe_home(const struct place *said, struct place *p)
{
	p->flags |= said->flags;
	p->connect_ms = said->connect_ms;
	p->headers = strv_copy(said->headers);
	buf_add(&p->ca, said->ca.data, said->ca.len);
	p->clients = xreallocarray(
		p->clients, p->client_count + said->client_count, sizeof(*p->clients));
	for (size_t i = 0; i < said->client_count; i++) {
		struct buf *pem = &p->clients[p->client_count++];
		*pem = (struct buf)BUF_INIT;
		buf_add(pem, said->clients[i].data, said->clients[i].len);
	}
}

/* 1 if the folder has one, 0 if not. */
static int from_hosts(const struct config *c, const char *folder, const char *domain,
	struct places *out, struct err **err)
{
	auto_fd int dir = -1;
	auto_buf text = BUF_INIT;
	int there = certs_open(c, folder, &dir, err);
	if (there <= 0)
		return there;
	auto_fd int fd = openat(dir, "hosts.toml", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	auto_free char *file = xasprintf("%s/%s/hosts.toml", c->certs_dir, folder);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "open %s", file);
	if (fd_read_all(fd, HOSTS_MAX, &text, file, err) < 0)
		return -1;
	auto_places home = {0};
	if (hosts_parse(buf_str(&text), text.len, file, dir, domain, out, &home, err) < 0)
		return -1;
	size_t mirrors = out->count;
	if (home.count && add_home(c, domain, out, err) < 0)
		return -1;
	for (size_t i = mirrors; home.count && i < out->count; i++)
		describe_home(&home.v[0], &out->v[i]);
	return 1;
}

int places_find(const struct config *c, const char *domain, struct places *out, struct err **err)
{
	int found = from_hosts(c, domain, domain, out, err);
	if (found == 0)
		found = from_hosts(c, "_default", domain, out, err);
	if (found == 0)
		found = from_options(c, domain, out, err);
	if (found < 0)
		return -1;
	if (out->count > REGISTRY_ENDPOINTS_MAX)
		return err_set(err, ERR_INVALID, "%s: more than %d mirrors", domain,
			REGISTRY_ENDPOINTS_MAX);
	return 0;
}
