/*
 * Parked monitors: started ahead of time, for the 3 ms that forking the daemon and starting a program take
 * on the way of a start. They are the same program on the same way; without them everything works the same.
 *
 *   parking_take()    the first one, adopted by the container, or NULL: start one then
 *   parking_refill()  soon, and in the background: after an exit, or a while after a start, so that it does
 *                     not take the processors from the container that has just been started
 *
 * Each has a folder <exec-root>/parked/<n> for its socket until it is adopted. One whose daemon dies finds
 * its connections closed and ends; the folder is emptied by the next daemon.
 */
#include "core.h"

#include <fcntl.h>

#include "sys/sealed_self.h"

#define FOLDER "parked"
#define AFTER_START (50 * TIME_NS_PER_SEC / 1000)
/* argv[1], which ps shows: as long as the id that is written over it */
#define TITLE "parked----------------------------------------------------------"
/* Above every descriptor that a child gets (base/proc.h puts them at their numbers first). */
#define PROGRAM_FD_MIN 64

struct parked {
	struct monitor_client *client;
	char name[24];
	struct parked *next;
};

struct parking {
	pthread_mutex_t lock;
	struct parked *first;
	uint32_t count, wanted;
	uint64_t serial;
	bool filling;
	int program; /* kist-monitor, sealed (sys/sealed_self.h) */
	int folder; /* exec-root/parked */
	char path[32]; /* of the program */
	struct loop_timer *timer; /* the loop's thread only */
};

static void parked_free(struct parking *p, struct parked *one)
{
	if (!one)
		return;
	monitor_client_unref(one->client);
	tree_remove(p->folder, one->name, NULL);
	free(one);
}

const char *parking_program(const struct parking *p)
{
	return p->path;
}

static int open_program(struct parking *p, const char *path, struct err **err)
{
	auto_fd int low = sealed_self_open(path, err);
	if (low < 0)
		return -1;
	p->program = fcntl(low, F_DUPFD_CLOEXEC, PROGRAM_FD_MIN);
	if (p->program < 0)
		return err_sys(err, errno, "keep %s open", path);
	snprintf(p->path, sizeof(p->path), "/proc/self/fd/%d", p->program);
	return 0;
}

static int open_folder(struct engine *e, struct parking *p, struct err **err)
{
	auto_fd int root = dir_open(AT_FDCWD, e->exec_root, err);
	if (root < 0 || tree_remove(root, FOLDER, err) || dir_make(root, FOLDER, 0700, err))
		return -1;
	p->folder = dir_open(root, FOLDER, err);
	return p->folder < 0 ? -1 : 0;
}

struct parking *parking_new(struct engine *e, uint32_t wanted, struct err **err)
{
	struct parking *p = xcalloc(1, sizeof(*p));

	pthread_mutex_init(&p->lock, NULL);
	p->wanted = wanted;
	p->program = p->folder = -1;
	if (!open_program(p, e->monitor_path, err) && !open_folder(e, p, err))
		return p;
	parking_free(p);
	return NULL;
}

void parking_free(struct parking *p)
{
	if (!p)
		return;
	loop_timer_del(p->timer);
	while (p->first) {
		struct parked *next = p->first->next;
		parked_free(p, p->first);
		p->first = next;
	}
	fd_close(p->program);
	fd_close(p->folder);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* ---- filling ---- */

static struct parked *park_one(struct engine *e, uint64_t serial, struct err **err)
{
	struct parking *p = e->parking;
	auto_free struct parked *one = xcalloc(1, sizeof(*one));
	int pidfd = -1;
	pid_t pid;

	snprintf(one->name, sizeof(one->name), "%llu", (unsigned long long)serial);
	if (dir_make(p->folder, one->name, 0700, err))
		return NULL;
	auto_fd int dir = dir_open(p->folder, one->name, err);
	const struct monitor_spawn spec = {.program = p->path,
		.id = TITLE,
		.disk_dir = dir,
		.run_dir = dir,
		.log_fd = STDERR_FILENO,
		.nofile_soft = e->nofile_soft};
	if (dir < 0 || monitor_spawn(&one->client, &spec, &pid, &pidfd, err)) {
		tree_remove(p->folder, one->name, NULL);
		return NULL;
	}
	child_watch(e, pidfd);
	return steal_ptr(one);
}

/* One at a time, and only one filler. False when there are enough. */
static bool begin_one(struct parking *p, uint64_t *serial)
{
	pthread_mutex_lock(&p->lock);
	bool more = p->count < p->wanted;
	*serial = ++p->serial;
	p->filling = more;
	pthread_mutex_unlock(&p->lock);
	return more;
}

static void fill_work(void *engine)
{
	struct engine *e = engine;
	struct parking *p = e->parking;
	auto_err *err = NULL;
	uint64_t serial;

	while (begin_one(p, &serial)) {
		struct parked *one = park_one(e, serial, &err);
		pthread_mutex_lock(&p->lock);
		if (one) {
			one->next = p->first;
			p->first = one;
			p->count++;
		} else {
			p->filling = false;
		}
		pthread_mutex_unlock(&p->lock);
		if (!one) { /* the next start tries again, and says why if it must */
			log_warn("park a monitor: %s", err_msg(err));
			break;
		}
	}
	engine_unref(e);
}

void parking_refill(struct engine *e)
{
	struct parking *p = e->parking;

	pthread_mutex_lock(&p->lock);
	bool begin = !p->filling && p->count < p->wanted;
	if (begin)
		p->filling = true;
	pthread_mutex_unlock(&p->lock);
	if (begin)
		work_submit(e->work, fill_work, engine_ref(e));
}

static void timer_fired(struct loop_timer *timer, void *engine)
{
	struct engine *e = engine;
	if (!e->closed)
		parking_refill(e);
}

static void set_timer(void *engine)
{
	struct engine *e = engine;
	if (!e->closed) {
		if (!e->parking->timer)
			e->parking->timer = loop_timer_add(e->loop, -1, timer_fired, e);
		loop_timer_set(e->parking->timer, time_mono() + AFTER_START);
	}
	engine_unref(e);
}

void parking_refill_later(struct engine *e)
{
	if (e->parking->wanted)
		loop_post(e->loop, set_timer, engine_ref(e));
}

/* ---- taking ---- */

static struct parked *pop(struct parking *p)
{
	pthread_mutex_lock(&p->lock);
	struct parked *one = p->first;
	if (one) {
		p->first = one->next;
		p->count--;
	}
	pthread_mutex_unlock(&p->lock);
	return one;
}

struct monitor_client *parking_take(struct engine *e, const char *id, int disk, int run)
{
	struct parking *p = e->parking;
	struct parked *one;

	while ((one = pop(p))) {
		struct monitor_client *m = NULL;
		auto_err *err = NULL;
		auto_fd int dir = dir_open(p->folder, one->name, &err);
		if (dir >= 0 && !monitor_adopt(one->client, id, dir, disk, run, &err))
			m = steal_ptr(one->client);
		else
			log_warn("a parked monitor is of no use: %s", err_msg(err));
		parked_free(p, one);
		if (m)
			return m;
	}
	return NULL;
}
