/* export and diff: what the store reads of a container, as a stream. */
#include "engine/files.h"

#include <poll.h>

#include "core.h"
#include "store/pack.h"

struct engine_files {
	struct container *container;
	struct store_pack *pack;
};

static struct engine_files *open_files(
	struct engine *e, const char *ref, enum store_pack_kind kind, struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	auto_store_pack *pack = c ? store_pack_start(e->store, container_id(c), kind, err) : NULL;
	if (!pack)
		return NULL;
	if (fd_set_blocking(store_pack_fd(pack), false) < 0) {
		err_sys(err, errno, "prepare a pipe");
		return NULL;
	}
	struct engine_files *f = xcalloc(1, sizeof(*f));
	f->container = steal_ptr(c);
	f->pack = steal_ptr(pack);
	return f;
}

struct engine_files *engine_files_export(struct engine *e, const char *ref, struct err **err)
{
	struct engine_files *f = open_files(e, ref, STORE_PACK_WHOLE, err);
	if (f)
		event_container(f->container, "export", NULL, 0);
	return f;
}

struct engine_files *engine_files_changes(struct engine *e, const char *ref, struct err **err)
{
	return open_files(e, ref, STORE_PACK_CHANGES, err);
}

int engine_files_fd(const struct engine_files *f)
{
	return store_pack_fd(f->pack);
}

bool engine_files_wait(const struct engine_files *f)
{
	struct pollfd p = {.fd = store_pack_fd(f->pack), .events = POLLIN};
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	return p.revents & POLLIN;
}

int engine_files_result(struct engine_files *f, struct err **err)
{
	struct container *c = f->container;
	if (store_pack_result(f->pack, err))
		return -1;
	/* what goes while it is read is left out: so must not be all of it */
	pthread_mutex_lock(&c->lock);
	bool gone = c->gone || c->state.status == CONTAINER_REMOVING;
	pthread_mutex_unlock(&c->lock);
	return gone ? err_set(err, ERR_CONFLICT, "container %s was removed meanwhile",
			      container_id(c))
		    : 0;
}

void engine_files_close(struct engine_files *f)
{
	store_pack_free(f->pack);
	container_unref(f->container);
	free(f);
}
