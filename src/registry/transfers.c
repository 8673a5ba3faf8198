/* Blobs that begin and stop; their events are session.c's. */
#include "base/mem.h"
#include "session.h"

/* Room for one more: its id, or -1. */
static int add(struct registry_session *s, bool upload, const char *digest, struct err **err)
{
	if (s->transfer_count >= REGISTRY_TRANSFERS_MAX)
		return err_set(err, ERR_TOO_LARGE, "too many transfers at once");
	struct transfer *t = &s->transfers[s->transfer_count++];
	*t = (struct transfer){.id = (int)s->next_id++, .upload = upload};
	if (*digest)
		memcpy(t->digest.str, digest, DIGEST_STR_LEN + 1);
	return t->id;
}

static int start(struct registry_session *s, const struct record *r, int fd, struct err **err)
{
	if (session_send(s, r, fd, err) == 0)
		return (int)r->id;
	s->transfer_count--;
	return -1;
}

int registry_download(
	struct registry_session *s, const struct registry_download *d, struct err **err)
{
	if (!digest_valid(d->digest.str) || d->offset < 0 || d->size < -1 || d->fd < 0)
		return err_set(err, ERR_INVALID, "a download without digest, sizes or descriptor");
	int id = add(s, false, d->digest.str, err);
	if (id < 0)
		return -1;
	struct record r = {
		.kind = RECORD_DOWNLOAD,
		.id = (uint32_t)id,
		.download = {.digest = d->digest,
			.size = d->size,
			.offset = d->offset,
			.urls = (char **)(uintptr_t)d->urls},
	};
	return start(s, &r, d->fd, err);
}

int registry_download_url(struct registry_session *s, const char *url, int fd, struct err **err)
{
	int id = add(s, false, "", err);
	if (id < 0)
		return -1;
	char *urls[] = {(char *)(uintptr_t)url, NULL};
	struct record r = {
		.kind = RECORD_DOWNLOAD,
		.id = (uint32_t)id,
		.download = {.size = -1, .urls = urls},
	};
	return start(s, &r, fd, err);
}

int registry_upload(struct registry_session *s, const struct registry_upload *u, struct err **err)
{
	bool known = u->digest.str[0];
	if ((known && !digest_valid(u->digest.str)) || u->size < -1 || u->chunk < 0 || u->fd < 0)
		return err_set(err, ERR_INVALID, "an upload without digest, size or descriptor");
	int id = add(s, true, u->digest.str, err);
	if (id < 0)
		return -1;
	struct record r = {
		.kind = RECORD_UPLOAD,
		.id = (uint32_t)id,
		.upload = {.digest = u->digest.str,
			.size = u->size,
			.chunk = u->chunk,
			.mount_from = (char **)(uintptr_t)u->mount_from},
	};
	return start(s, &r, u->fd, err);
}

int registry_transfer_stop(struct registry_session *s, int id, struct err **err)
{
	struct record r = {.kind = RECORD_STOP, .id = (uint32_t)id};
	return session_send(s, &r, -1, err);
}
