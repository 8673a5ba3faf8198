/* What grows old while the daemon runs: downloads that were broken off, and that nobody goes on with. */
#include "core.h"

#include "store/content.h"

struct tidy {
	struct engine *engine;
	struct loop_timer *timer;
	int64_t every;
};

static void tidy_work(void *engine)
{
	struct engine *e = engine;
	int64_t bytes = store_downloads_prune(e->store, time_now() - STORE_DOWNLOAD_KEEP_NS);
	if (bytes)
		log_info("removed %lld bytes of downloads that were broken off long ago",
			(long long)bytes);
	engine_unref(e);
}

static void fired(struct loop_timer *timer, void *arg)
{
	struct tidy *t = arg;
	work_submit(t->engine->work, tidy_work, engine_ref(t->engine));
	loop_timer_set(timer, time_mono() + t->every);
}

struct tidy *tidy_new(struct engine *e, int64_t every)
{
	struct tidy *t = xcalloc(1, sizeof(*t));
	*t = (struct tidy){.engine = e, .every = every};
	t->timer = loop_timer_add(e->loop, time_mono() + every, fired, t);
	return t;
}

void tidy_free(struct tidy *t)
{
	if (!t)
		return;
	loop_timer_del(t->timer);
	free(t);
}
