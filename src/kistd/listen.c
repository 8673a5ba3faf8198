#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define DEFAULT_GROUP "kist"
enum { FIRST_PASSED_FD = 3, GROUP_BUFFER_MAX = 1 << 20 };

static struct listening *add(struct listenings *l, int fd)
{
	l->v = xreallocarray(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n] = (struct listening){.fd = fd};
	return &l->v[l->n++];
}

/* ---- unix ---- */

/* A number or a name. -1 without an error: there is no such group. */
static int find_group(const char *name, gid_t *gid)
{
	uint32_t number;
	if (str_to_u32(name, &number) == 0) {
		*gid = number;
		return 0;
	}
	struct group entry, *found = NULL;
	for (size_t room = 1024; room <= GROUP_BUFFER_MAX; room *= 4) {
		auto_free char *text = xmalloc(room);
		int rc = getgrnam_r(name, &entry, text, room, &found);
		if (rc == ERANGE)
			continue;
		if (rc == 0 && found)
			*gid = entry.gr_gid;
		return rc == 0 && found ? 0 : -1;
	}
	return -1;
}

static int set_group(int dir, const char *name, const char *group, struct err **err)
{
	gid_t gid;
	if (find_group(group ? group : DEFAULT_GROUP, &gid) < 0) {
		if (group)
			return err_set(err, ERR_INVALID, "group %s not found", group);
		log_warn("the socket belongs to root alone: group " DEFAULT_GROUP " not found");
		return 0;
	}
	if (fchownat(dir, name, (uid_t)-1, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(
			err, errno, "give the socket to group %s", group ? group : DEFAULT_GROUP);
	return 0;
}

static int open_unix(struct listenings *l, const char *path, const char *group, struct err **err)
{
	if (path[0] != '/' || !path[1])
		return err_set(err, ERR_INVALID, "host unix://%s: not an absolute path", path);
	auto_free char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	const char *name = strrchr(path, '/') + 1;
	/* Passable for the group, not listable. */
	if (*folder && dir_make(AT_FDCWD, folder, 0711, err) < 0)
		return -1;
	auto_fd int dir = dir_open(AT_FDCWD, *folder ? folder : "/", err);
	if (dir < 0)
		return -1;
	/* Nobody but root until the group is set. */
	int fd = unix_listen(dir, name, SOCK_STREAM, 0600, err);
	if (fd < 0)
		return -1;
	add(l, fd)->path = xstrdup(path);
	if (set_group(dir, name, group, err) < 0)
		return -1;
	if (fchmodat(dir, name, 0660, 0) < 0)
		return err_sys(err, errno, "set the mode of %s", path);
	return 0;
}

/* ---- tcp ---- */

/* Splits "address:port", "[v6]:port", ":port", "address"; the default port is Docker's. */
static int split(const char *text, bool tls, char **address, char **port, struct err **err)
{
	const char *end, *rest;
	if (*text == '[') {
		end = strchr(++text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return err_set(
				err, ERR_INVALID, "host tcp://%s: malformed address", text - 1);
		rest = end + 1;
	} else {
		end = text + strcspn(text, ":");
		rest = end;
	}
	*address = end > text ? xstrndup(text, (size_t)(end - text)) : NULL;
	*port = xstrdup(*rest && rest[1] ? rest + 1 : tls ? "2376" : "2375");
	return 0;
}

static int bind_tcp(const struct addrinfo *a, const char *host, struct err **err)
{
	auto_fd int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 1024) < 0)
		return err_sys(err, errno, "listen on tcp://%s", host);
	return steal_fd(&fd);
}

static int open_tcp(struct listenings *l, const char *host, bool tls, struct err **err)
{
	auto_free char *address = NULL;
	auto_free char *port = NULL;
	if (split(host, tls, &address, &port, err) < 0)
		return -1;
	struct addrinfo *list;
	/* Without an address: this machine only, as dockerd; 0.0.0.0 has to be said. */
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	int rc = getaddrinfo(address ? address : "127.0.0.1", port, &hints, &list);
	if (rc != 0)
		return err_set(err, ERR_INVALID, "host tcp://%s: %s", host, gai_strerror(rc));
	int fd = bind_tcp(list, host, err);
	freeaddrinfo(list);
	if (fd < 0)
		return -1;
	add(l, fd)->tcp = true;
	return 0;
}

/* ---- sockets of the service manager (sd_listen_fds(3)) ------------------------------------------
 * */

static int passed_count(void)
{
	int64_t pid, count;
	const char *pid_text = getenv("LISTEN_PID");
	const char *count_text = getenv("LISTEN_FDS");
	if (!pid_text || !count_text || str_to_i64(pid_text, &pid) < 0 ||
		str_to_i64(count_text, &count) < 0 || pid != getpid() || count < 0 || count > 1000)
		return 0;
	return (int)count;
}

static int add_passed(struct listenings *l, int fd, struct err **err)
{
	int listening = 0;
	socklen_t size = sizeof(listening);
	struct sockaddr_storage address = {0};
	socklen_t address_size = sizeof(address);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening ||
		getsockname(fd, (struct sockaddr *)&address, &address_size) < 0)
		return err_set(
			err, ERR_INVALID, "host fd://: descriptor %d is no listening socket", fd);
	fd_set_cloexec(fd, true);
	add(l, fd)->tcp = address.ss_family != AF_UNIX;
	return 0;
}

static int open_passed(struct listenings *l, const char *which, struct err **err)
{
	int count = passed_count();
	if (count == 0)
		return err_set(err, ERR_INVALID,
			"host fd://%s: no sockets found: the service manager "
			"has handed none over",
			which);
	if (*which && !str_eq(which, "*")) {
		int fd;
		if (str_to_int(which, &fd) < 0 || fd < FIRST_PASSED_FD ||
			fd >= FIRST_PASSED_FD + count)
			return err_set(err, ERR_INVALID, "host fd://%s: no such socket", which);
		return add_passed(l, fd, err);
	}
	for (int i = 0; i < count; i++)
		if (add_passed(l, FIRST_PASSED_FD + i, err) < 0)
			return -1;
	return 0;
}

/* ---- all ---- */

int listen_open(
	struct listenings *out, char *const *hosts, const char *group, bool tls, struct err **err)
{
	*out = (struct listenings){0};
	for (; *hosts; hosts++) {
		const char *rest;
		int rc;
		if ((rest = str_after(*hosts, "unix://")))
			rc = open_unix(out, rest, group, err);
		else if ((rest = str_after(*hosts, "tcp://")))
			rc = open_tcp(out, rest, tls, err);
		else if ((rest = str_after(*hosts, "fd://")))
			rc = open_passed(out, rest, err);
		else
			rc = err_set(err, ERR_INVALID,
				"host \"%s\": must begin with unix://, tcp:// or fd://", *hosts);
		if (rc < 0) {
			listen_close(out);
			return -1;
		}
	}
	return 0;
}

void listen_close(struct listenings *l)
{
	for (size_t i = 0; i < l->n; i++) {
		fd_close(l->v[i].fd);
		if (l->v[i].path)
			unlink(l->v[i].path);
		free(l->v[i].path);
	}
	free(l->v);
	*l = (struct listenings){0};
}
