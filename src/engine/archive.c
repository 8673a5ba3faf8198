/* save: a thread writes the archive into a pipe, as fast as somebody reads it. */
#include "engine/archive.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "core.h"

#define PIPE_SIZE (1 << 20)
#define STACK (256u << 10)

struct engine_archive {
	struct store_save *save;
	int in, out; /* the pipe: what is read; what the thread writes, and closes */
	pthread_t thread;
	bool joined;
	int result;
	struct err *err;
};

static void *write_archive(void *arg)
{
	struct engine_archive *a = arg;
	a->result = store_save_run(a->save, a->out, &a->err);
	fd_close(a->out);
	return NULL;
}

static int start(struct engine_archive *a, struct err **err)
{
	pthread_attr_t attr;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	a->in = ends[0];
	a->out = ends[1];
	fcntl(a->out, F_SETPIPE_SZ, PIPE_SIZE); /* as much as we may have */
	if (fd_set_blocking(a->in, false) < 0)
		return err_sys(err, errno, "prepare a pipe");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	int r = pthread_create(&a->thread, &attr, write_archive, a);
	pthread_attr_destroy(&attr);
	if (r)
		return err_sys(err, r, "start a thread");
	a->joined = false;
	return 0;
}

struct engine_archive *engine_archive_open(struct engine *e, char *const *refs,
	enum store_save_form form, const struct oci_platform *platform, struct err **err)
{
	struct store_save *save = store_save_new(e->store, refs, form, platform, err);
	if (!save)
		return NULL;
	struct engine_archive *a = xcalloc(1, sizeof(*a));
	*a = (struct engine_archive){.save = save, .in = -1, .out = -1, .joined = true};
	if (start(a, err)) {
		fd_close(a->out);
		engine_archive_close(a);
		return NULL;
	}
	size_t n;
	const struct digest *ids = store_save_images(save, &n);
	for (size_t i = 0; i < n; i++) {
		const struct ring_attr attr = {"name", ids[i].str};
		event_other(e, "image", "save", ids[i].str, &attr, 1);
	}
	return a;
}

int engine_archive_fd(const struct engine_archive *a)
{
	return a->in;
}

bool engine_archive_wait(const struct engine_archive *a)
{
	struct pollfd p = {.fd = a->in, .events = POLLIN};
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	return p.revents & POLLIN;
}

static void join(struct engine_archive *a)
{
	if (!a->joined)
		pthread_join(a->thread, NULL);
	a->joined = true;
}

int engine_archive_result(struct engine_archive *a, struct err **err)
{
	join(a); /* it has closed its end */
	return a->result ? err_move(err, &a->err) : 0;
}

void engine_archive_close(struct engine_archive *a)
{
	/* nobody reads: its next write fails, and kist-transfer's */
	fd_close(a->in);
	join(a);
	err_freep(&a->err);
	store_save_free(a->save);
	free(a);
}
