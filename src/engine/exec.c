/*
 * Execs: records of programs to be started in running containers, by id, until the container goes. Of those
 * that have ended, or were never started, each container keeps the last few.
 */
#include "engine/exec.h"

#include "attach.h"
#include "base/digest.h"
#include "core.h"
#include "runtime/plan.h"
#include "spec.h"

#define EXEC_ENDED_KEPT 64
#define EXEC_UNSTARTED_KEPT 1024

struct exec {
	char id[65];
	struct container *container; /* counted */
	struct exec_spec spec; /* deep copy */
	enum { EXEC_CREATED, EXEC_STARTING, EXEC_RUNNING, EXEC_ENDED } state;
	int32_t code;
	pid_t pid;
	uint64_t order;
	struct exec *next;
};

struct exec_table {
	pthread_mutex_t lock; /* guards all execs */
	struct exec *first; /* newest first */
	uint64_t count;
};

struct exec_table *exec_table_new(void)
{
	struct exec_table *t = xcalloc(1, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

static void spec_copy(struct exec_spec *to, const struct exec_spec *from)
{
	*to = *from;
	to->detach_keys = xstrdup_null(from->detach_keys);
	to->env = from->env ? strv_copy(from->env) : NULL;
	to->cmd = strv_copy(from->cmd);
	to->working_dir = xstrdup_null(from->working_dir);
	to->user = xstrdup_null(from->user);
}

static void spec_clear(struct exec_spec *s)
{
	free((char *)(uintptr_t)s->detach_keys);
	strv_free((char **)(uintptr_t)s->env);
	strv_free((char **)(uintptr_t)s->cmd);
	free((char *)(uintptr_t)s->working_dir);
	free((char *)(uintptr_t)s->user);
}

static void exec_free(struct exec *x)
{
	spec_clear(&x->spec);
	container_unref(x->container);
	free(x);
}

void exec_table_free(struct exec_table *t)
{
	while (t->first) {
		struct exec *next = t->first->next;
		exec_free(t->first);
		t->first = next;
	}
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* With the lock held. */
static struct exec *exec_find(struct exec_table *t, const char *id)
{
	for (struct exec *x = t->first; x; x = x->next)
		if (str_eq(x->id, id))
			return x;
	return NULL;
}

static int no_exec(const char *id, struct err **err)
{
	return err_set(err, ERR_NOT_FOUND, "No such exec instance: %s", id);
}

/* The oldest beyond the bounds go; @forgotten gets the id of one that had never been started. With the lock
 * held. */
static void exec_prune(struct exec_table *t, const struct container *c, char forgotten[65])
{
	unsigned ended = 0, unstarted = 0;
	struct exec **link = &t->first;
	while (*link) {
		struct exec *x = *link;
		bool waits = x->container == c && x->state == EXEC_CREATED;
		bool over = x->container == c && x->state == EXEC_ENDED;
		if ((over && ++ended > EXEC_ENDED_KEPT) ||
			(waits && ++unstarted > EXEC_UNSTARTED_KEPT)) {
			if (waits)
				memcpy(forgotten, x->id, sizeof(x->id));
			*link = x->next;
			exec_free(x);
		} else {
			link = &x->next;
		}
	}
}

static void note_id(struct container *c, const char *id, bool add)
{
	pthread_mutex_lock(&c->lock);
	int at = strv_index(c->execs, id);
	if (add && at < 0) {
		strv_add(&c->execs, id);
	} else if (!add && at >= 0) {
		free(c->execs[at]);
		for (size_t i = (size_t)at; c->execs[i]; i++)
			c->execs[i] = c->execs[i + 1];
		if (!c->execs[0]) {
			strv_free(c->execs);
			c->execs = NULL;
		}
	}
	pthread_mutex_unlock(&c->lock);
}

static void exec_event(struct container *c, const char *verb, const char *id, char *const *cmd,
	const int32_t *code)
{
	auto_free char *line = cmd ? strv_join(cmd, " ") : NULL;
	auto_free char *action = line ? xasprintf("%s: %s", verb, line) : xstrdup(verb);
	auto_free char *text = code ? xasprintf("%d", *code) : NULL;
	const struct ring_attr attrs[] = {{"execID", id}, {"exitCode", text}};
	event_container(c, action, attrs, code ? 2 : 1);
}

static int is_paused(const struct container *c, struct err **err)
{
	return err_set(err, ERR_CONFLICT,
		"container %s is paused, unpause the container before exec", container_id(c));
}

static int check_running(struct container *c, struct err **err)
{
	pthread_mutex_lock(&c->lock);
	enum container_status status = c->state.status;
	pthread_mutex_unlock(&c->lock);
	if (status == CONTAINER_PAUSED)
		return is_paused(c, err);
	return status == CONTAINER_RUNNING ? 0 : not_running(c, err);
}

int engine_exec_create(struct engine *e, const char *ref, const struct exec_spec *spec, char id[65],
	struct err **err)
{
	struct exec_table *t = e->execs;

	if (!spec->cmd || !spec->cmd[0])
		return err_set(err, ERR_INVALID, "No exec command specified");
	auto_free char *keys = detach_keys(spec->detach_keys, err);
	auto_container *c = keys ? roster_find(&e->roster, ref, err) : NULL;
	if (!c || check_running(c, err))
		return -1;
	if (!str_empty(spec->working_dir) && spec->working_dir[0] != '/')
		return err_set(err, ERR_INVALID,
			"the working directory '%s' is invalid, it needs to be an absolute path",
			spec->working_dir);
	struct exec *x = xcalloc(1, sizeof(*x));
	random_hex(x->id, 32);
	memcpy(id, x->id, sizeof(x->id));
	x->container = container_ref(c);
	spec_copy(&x->spec, spec);
	pthread_mutex_lock(&t->lock);
	x->next = t->first;
	t->first = x;
	char forgotten[65] = "";
	exec_prune(t, c, forgotten);
	pthread_mutex_unlock(&t->lock);
	if (forgotten[0])
		note_id(c, forgotten, false);
	note_id(c, id, true);
	exec_event(c, "exec_create", id, spec->cmd, NULL);
	return 0;
}

/* ---- start ---- */

/* What start works with, copied out of the record, which may change meanwhile. */
struct starting {
	struct container *container;
	struct exec_spec spec;
	char id[65];
};

static void starting_clear(struct starting *s)
{
	spec_clear(&s->spec);
	container_unrefp(&s->container);
}

static int claim(struct engine *e, const char *id, struct starting *s, struct err **err)
{
	struct exec_table *t = e->execs;

	pthread_mutex_lock(&t->lock);
	struct exec *x = exec_find(t, id);
	if (!x) {
		no_exec(id, err);
	} else if (x->state == EXEC_ENDED) {
		err_set(err, ERR_CONFLICT, "exec command %s has already run", id);
	} else if (x->state != EXEC_CREATED) {
		err_set(err, ERR_CONFLICT, "exec command %s is already running", id);
	} else if (check_running(x->container, err) == 0) {
		x->state = EXEC_STARTING;
		s->container = container_ref(x->container);
		spec_copy(&s->spec, &x->spec);
		memcpy(s->id, x->id, sizeof(s->id));
	}
	pthread_mutex_unlock(&t->lock);
	return s->container ? 0 : -1;
}

/* The end may have been heard before the start was noted: then it stays ended. */
static void note_started(struct engine *e, const char *id, pid_t pid)
{
	pthread_mutex_lock(&e->execs->lock);
	struct exec *x = exec_find(e->execs, id);
	if (x) {
		x->pid = pid;
		if (x->state == EXEC_STARTING)
			x->state = EXEC_RUNNING;
	}
	pthread_mutex_unlock(&e->execs->lock);
}

static struct container *note_ended(struct engine *e, const char *id, int32_t code)
{
	struct container *c = NULL;
	pthread_mutex_lock(&e->execs->lock);
	struct exec *x = exec_find(e->execs, id);
	if (x && x->state != EXEC_ENDED) {
		x->state = EXEC_ENDED;
		x->code = code;
		c = container_ref(x->container);
	}
	pthread_mutex_unlock(&e->execs->lock);
	return c;
}

static int fill_process(
	struct starting *s, const struct exec_start *start, struct oci_process *p, struct err **err)
{
	const struct container_doc *doc = &s->container->doc->doc;
	const struct exec_spec *x = &s->spec;
	struct spec_security security;
	uint64_t caps;

	if (spec_caps(&caps, doc->host.cap_add, doc->host.cap_drop,
		    doc->host.privileged || x->privileged, s->container->engine->capabilities,
		    err) ||
		spec_security(&security, &doc->host, err))
		return -1;
	spec_caps_apply(p, caps);
	p->args = strv_copy(x->cmd);
	auto_strv base = spec_env(doc->config.env, doc->config.hostname, x->tty);
	p->env = spec_env_merge(base, x->env);
	const char *cwd = str_empty(x->working_dir) ? doc->config.working_dir : x->working_dir;
	p->cwd = xstrdup(str_empty(cwd) ? "/" : cwd);
	p->terminal = x->tty;
	p->has_oom_score_adj = true;
	p->oom_score_adj = doc->host.oom_score_adj ? (int32_t)doc->host.oom_score_adj
						   : s->container->engine->oom_score_adj;
	p->console_height = start->height ? start->height : x->height;
	p->console_width = start->width ? start->width : x->width;
	p->no_new_privileges = security.no_new_privileges;
	for (size_t i = 0; i < doc->host.res.ulimits.n; i++)
		spec_rlimit(p, &doc->host.res.ulimits.v[i]);
	return 0;
}

static int run_process(struct starting *s, const struct exec_start *start, struct plan_process *p,
	struct err **err)
{
	const struct exec_spec *x = &s->spec;
	auto_free char *keys = detach_keys(x->detach_keys, err);
	const struct monitor_config config = {
		.tty = x->tty, .open_stdin = x->attach_in, .stdin_once = true};
	const struct monitor_attach attach = {.exec_id = s->id,
		.in = x->attach_in,
		.out = x->attach_out,
		.err = x->attach_err,
		.raw = x->tty,
		.keys = keys,
		.early = start->early,
		.early_len = start->early_len,
		.head = start->head,
		.head_len = start->head_len};
	bool attached = !start->detach && start->fd >= 0;
	pid_t pid = 0;

	struct monitor_client *m = keys ? container_monitor(s->container) : NULL;
	if (!m)
		return keys ? not_running(s->container, err) : -1;
	exec_event(s->container, "exec_start", s->id, x->cmd, NULL);
	int r = monitor_exec(m, s->id, &config, p, attached ? &attach : NULL,
		attached ? start->fd : -1, &pid, err);
	monitor_client_unref(m);
	if (!r)
		note_started(s->container->engine, s->id, pid);
	return r;
}

static int start_process(struct starting *s, const struct exec_start *start, struct err **err)
{
	const struct container_doc *doc = &s->container->doc->doc;
	struct engine *e = s->container->engine;
	const struct plan_options options = {.id = container_id(s->container)};
	struct oci_process *process = xcalloc(1, sizeof(*process));
	struct plan_process *p = NULL;
	auto_free void *bpf = NULL;
	uint64_t caps = 0;

	int r = fill_process(s, start, process, err);
	if (!r)
		r = plan_process_compile(&p, process, NULL, &options, err);
	if (!r)
		r = spec_caps(&caps, doc->host.cap_add, doc->host.cap_drop, doc->host.privileged,
			e->capabilities, err);
	if (!r)
		r = filter_get(e, &doc->host, caps, &bpf, &p->bpf_len, &p->bpf_flags, err);
	if (!r) {
		const char *user = str_empty(s->spec.user) ? doc->config.user : s->spec.user;
		p->bpf = bpf;
		p->user_spec = user ? user : "";
		p->group_add = (const char **)doc->host.group_add;
		p->caps_by_user = !s->spec.privileged;
		r = run_process(s, start, p, err);
	}
	plan_process_free(p);
	oci_process_free(process);
	return r;
}

static int32_t failed_code(const struct err *err)
{
	if (err->kind == ERR_NO_EXECUTABLE)
		return 127;
	return 126;
}

/* Against pause: the monitor waits for the new process, and would do so for ever if it froze on its way. */
static int begin_start(struct container *c, struct err **err)
{
	pthread_mutex_lock(&c->lock);
	while (c->pausing)
		pthread_cond_wait(&c->changed, &c->lock);
	bool paused = c->state.status == CONTAINER_PAUSED;
	if (!paused)
		c->exec_starts++;
	pthread_mutex_unlock(&c->lock);
	return paused ? is_paused(c, err) : 0;
}

static void end_start(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	c->exec_starts--;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static int start_unless_paused(struct starting *s, const struct exec_start *start, struct err **err)
{
	if (begin_start(s->container, err))
		return -1;
	int r = start_process(s, start, err);
	end_start(s->container);
	return r;
}

int engine_exec_start(
	struct engine *e, const char *id, const struct exec_start *start, struct err **err)
{
	struct starting s = {0};
	auto_err *why = NULL;

	if (claim(e, id, &s, err))
		return -1;
	int r = start_unless_paused(&s, start, &why);
	if (r) {
		auto_container *c = note_ended(e, id, failed_code(why));
		note_id(s.container, id, false);
		if (why->kind != ERR_CONFLICT && why->kind != ERR_UNAVAILABLE)
			err_set(&why, why->kind,
				"OCI runtime exec failed: exec failed: unable to start container "
				"process: %s: unknown",
				why->msg);
		err_move(err, &why);
	}
	starting_clear(&s);
	return r;
}

/* ---- the end ---- */

void exec_ended(struct container *c, const char *id, int32_t code)
{
	auto_container *mine = note_ended(c->engine, id, code);
	if (!mine)
		return;
	note_id(c, id, false);
	exec_event(c, "exec_die", id, NULL, &code);
}

void exec_container_ended(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	auto_strv ids = c->execs ? strv_copy(c->execs) : NULL;
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; ids && ids[i]; i++)
		exec_ended(c, ids[i], 137);
}

void exec_forget(struct container *c)
{
	struct exec_table *t = c->engine->execs;
	struct exec *dead = NULL;

	pthread_mutex_lock(&t->lock);
	for (struct exec **link = &t->first; *link;) {
		struct exec *x = *link;
		if (x->container == c) {
			*link = x->next;
			x->next = dead;
			dead = x;
		} else {
			link = &x->next;
		}
	}
	pthread_mutex_unlock(&t->lock);
	while (dead) {
		struct exec *next = dead->next;
		exec_free(dead);
		dead = next;
	}
}

/* ---- looking ---- */

int engine_exec_tty(struct engine *e, const char *id, bool *tty, struct err **err)
{
	pthread_mutex_lock(&e->execs->lock);
	struct exec *x = exec_find(e->execs, id);
	if (x)
		*tty = x->spec.tty;
	pthread_mutex_unlock(&e->execs->lock);
	return x ? 0 : no_exec(id, err);
}

int engine_exec_resize(struct engine *e, const char *id, uint32_t h, uint32_t w, struct err **err)
{
	auto_container *c = NULL;
	bool running = false;

	pthread_mutex_lock(&e->execs->lock);
	struct exec *x = exec_find(e->execs, id);
	if (x) {
		c = container_ref(x->container);
		running = x->state == EXEC_RUNNING || x->state == EXEC_STARTING;
	}
	pthread_mutex_unlock(&e->execs->lock);
	if (!c)
		return no_exec(id, err);
	struct monitor_client *m = running ? container_monitor(c) : NULL;
	if (!m)
		return err_set(err, ERR_CONFLICT, "exec %s is not running", id);
	int r = monitor_resize(m, id, h, w, err);
	monitor_client_unref(m);
	return r;
}

/* The monitor tells of an end before it closes the client's stream; the client's question must not
 * overtake that. */
static void catch_up(struct engine *e, const char *id)
{
	auto_container *c = NULL;

	pthread_mutex_lock(&e->execs->lock);
	struct exec *x = exec_find(e->execs, id);
	if (x && (x->state == EXEC_RUNNING || x->state == EXEC_STARTING))
		c = container_ref(x->container);
	pthread_mutex_unlock(&e->execs->lock);
	if (c)
		monitor_catch_up(c);
}

int engine_exec_inspect(struct engine *e, const char *id, struct exec_info **out, struct err **err)
{
	catch_up(e, id);
	pthread_mutex_lock(&e->execs->lock);
	struct exec *x = exec_find(e->execs, id);
	if (!x) {
		pthread_mutex_unlock(&e->execs->lock);
		return no_exec(id, err);
	}
	struct exec_info *i = xcalloc(1, sizeof(*i));
	memcpy(i->id, x->id, sizeof(i->id));
	memcpy(i->container, container_id(x->container), sizeof(i->container));
	i->running = x->state == EXEC_RUNNING || x->state == EXEC_STARTING;
	i->has_exit_code = x->state == EXEC_ENDED;
	i->exit_code = x->code;
	i->pid = (uint32_t)x->pid;
	i->open_stdin = x->spec.attach_in;
	i->open_stdout = x->spec.attach_out;
	i->open_stderr = x->spec.attach_err;
	i->can_remove = x->state == EXEC_ENDED;
	i->tty = x->spec.tty;
	i->privileged = x->spec.privileged;
	i->detach_keys = xstrdup_null(x->spec.detach_keys);
	i->user = xstrdup_null(x->spec.user);
	i->working_dir = xstrdup_null(x->spec.working_dir);
	i->cmd = strv_copy(x->spec.cmd);
	pthread_mutex_unlock(&e->execs->lock);
	*out = i;
	return 0;
}

void exec_info_free(struct exec_info *i)
{
	if (!i)
		return;
	free(i->detach_keys);
	free(i->user);
	free(i->working_dir);
	strv_free(i->cmd);
	free(i);
}

char **engine_exec_ids(struct engine *e, const char *id)
{
	auto_container *c = roster_find(&e->roster, id, NULL);
	if (!c)
		return NULL;
	pthread_mutex_lock(&c->lock);
	char **ids = c->execs ? strv_copy(c->execs) : NULL;
	pthread_mutex_unlock(&c->lock);
	return ids;
}
