#include "bus.h"

#include <stdio.h>
#include <systemd/sd-bus.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "props.h"

#define DESTINATION "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"

struct bus {
	sd_bus *bus;
	bool user;
	int seconds; /* that anything may take */
	uint32_t version; /* systemd's, 0 if it does not say */
	/* the job that is waited for */
	char *job;
	char *result; /* "done", "failed", "timeout"...; NULL: not yet */
	char *provisional; /* a unit that was made, or may have been, and not yet kept */
	/* the call that makes it: NULL once it is answered, by a job or a refusal */
	sd_bus_slot *start;
	char *start_job;
	struct err *refusal;
};

static const struct {
	const char *name;
	enum err_kind kind;
} error_kinds[] = {
	{"org.freedesktop.systemd1.UnitExists", ERR_CONFLICT},
	{"org.freedesktop.systemd1.NoSuchUnit", ERR_NOT_FOUND},
	{SD_BUS_ERROR_ACCESS_DENIED, ERR_FORBIDDEN},
	{SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, ERR_FORBIDDEN},
	{SD_BUS_ERROR_INVALID_ARGS, ERR_INVALID},
	{SD_BUS_ERROR_PROPERTY_READ_ONLY, ERR_INVALID},
	{SD_BUS_ERROR_UNKNOWN_PROPERTY, ERR_INVALID},
};

/* Microseconds, as sd-bus counts. */
static uint64_t call_limit(const struct bus *b)
{
	return (uint64_t)b->seconds * 1000000;
}

static int bus_fail(struct err **err, const sd_bus_error *e, int r, const char *what)
{
	if (!sd_bus_error_is_set(e))
		return err_sys(err, -r, "%s", what);
	enum err_kind kind = ERR_SYSTEM;
	for (size_t i = 0; i < ARRAY_LEN(error_kinds); i++) {
		if (sd_bus_error_has_name(e, error_kinds[i].name))
			kind = error_kinds[i].kind;
	}
	return err_set(err, kind, "%s: %s", what, e->message ? e->message : e->name);
}

/* A string property of @interface at @path. */
static char *get_string(
	struct bus *b, const char *path, const char *interface, const char *name, struct err **err)
{
	__attribute__((cleanup(sd_bus_error_free))) sd_bus_error e = SD_BUS_ERROR_NULL;
	char *value = NULL, *owned;
	int r = sd_bus_get_property_string(b->bus, DESTINATION, path, interface, name, &e, &value);
	if (r < 0) {
		auto_free char *what = xasprintf("ask systemd for %s", name);
		bus_fail(err, &e, r, what);
		return NULL;
	}
	owned = xstrdup(value);
	free(value);
	return owned;
}

static int job_removed(sd_bus_message *m, void *arg, sd_bus_error *e)
{
	struct bus *b = arg;
	const char *job = NULL, *result = NULL;
	if (sd_bus_message_read(m, "uoss", NULL, &job, NULL, &result) < 0)
		return 0;
	if (b->job && str_eq(job, b->job))
		str_replace(&b->result, result);
	return 0;
}

/* The manager's own socket: there is no daemon in between that must have been started, and none that limits. */
static int connect_straight(sd_bus **out, const char *socket)
{
	sd_bus *bus = NULL;
	auto_free char *address = xasprintf("unix:path=%s", socket);
	int r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0)
		sd_bus_unref(bus);
	else
		*out = bus;
	return r;
}

static int connect_manager(sd_bus **out, bool user, struct err **err)
{
	int r = -ENOENT;
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	if (!user)
		r = connect_straight(out, "/run/systemd/private");
	/* the path becomes part of a D-Bus address, in which some characters mean something */
	if (user && runtime && !strpbrk(runtime, ",;%=")) {
		auto_free char *socket = xasprintf("%s/systemd/private", runtime);
		r = connect_straight(out, socket);
	}
	if (r < 0)
		r = user ? sd_bus_open_user(out) : sd_bus_open_system(out);
	if (r >= 0)
		return 0;
	if (user)
		return err_sysk(err, ERR_UNAVAILABLE, -r,
			"connect to the user's systemd (is there a session, with XDG_RUNTIME_DIR "
			"set?)");
	return err_sysk(err, ERR_UNAVAILABLE, -r, "connect to systemd");
}

/* "252.39-1~deb12u2", "v245" */
static uint32_t parse_version(const char *text)
{
	text += *text == 'v';
	return (uint32_t)strtoul(text, NULL, 10);
}

int bus_open(struct bus **out, bool user, int seconds, struct err **err)
{
	sd_bus *bus = NULL;
	if (connect_manager(&bus, user, err) < 0)
		return -1;
	struct bus *b = xcalloc(1, sizeof(*b));
	b->bus = bus;
	b->user = user;
	b->seconds = seconds;
	int r = sd_bus_match_signal(
		bus, NULL, DESTINATION, MANAGER_PATH, MANAGER, "JobRemoved", job_removed, b);
	auto_free char *version =
		r < 0 ? NULL : get_string(b, MANAGER_PATH, MANAGER, "Version", err);
	if (!version) {
		if (r < 0)
			err_sys(err, -r, "listen to systemd");
		bus_close(b);
		return -1;
	}
	b->version = parse_version(version);
	/* over the bus daemon signals come to those only that ask for them */
	sd_bus_call_method(bus, DESTINATION, MANAGER_PATH, MANAGER, "Subscribe", NULL, NULL, NULL);
	*out = b;
	return 0;
}

static bool job_ended(const struct bus *b)
{
	return b->result;
}

static bool start_answered(const struct bus *b)
{
	return !b->start;
}

static int wait_for(
	struct bus *b, bool (*done)(const struct bus *), const char *what, struct err **err)
{
	int64_t end = time_mono() + b->seconds * TIME_NS_PER_SEC;
	while (!done(b)) {
		int r = sd_bus_process(b->bus, NULL);
		if (r > 0)
			continue;
		int64_t left = end - time_mono();
		if (r == 0 && left > 0)
			r = sd_bus_wait(b->bus, (uint64_t)left / 1000 + 1);
		if (r < 0 && r != -EINTR)
			return err_sys(err, -r, "%s: wait for systemd", what);
		if (left <= 0)
			return err_set(err, ERR_SYSTEM, "%s: systemd has not done it in %d seconds",
				what, b->seconds);
	}
	return 0;
}

static int wait_job(struct bus *b, const char *job, const char *what, struct err **err)
{
	str_replace(&b->job, job);
	str_replace(&b->result, NULL);
	if (wait_for(b, job_ended, what, err) < 0)
		return -1;
	if (str_eq(b->result, "done"))
		return 0;
	return err_set(err, ERR_SYSTEM, "%s: systemd's answer is \"%s\"", what, b->result);
}

static sd_bus_message *method(struct bus *b, const char *name, struct err **err)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(
		b->bus, &m, DESTINATION, MANAGER_PATH, MANAGER, name);
	if (r < 0)
		err_sys(err, -r, "prepare a call of systemd");
	return m;
}

/* Sends @m, whose answer is a job, and waits for that. Takes @m. */
static int run_job(struct bus *b, sd_bus_message *m, const char *what, struct err **err)
{
	__attribute__((cleanup(sd_bus_error_free))) sd_bus_error e = SD_BUS_ERROR_NULL;
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *call = m, *reply = NULL;
	const char *job = NULL;
	int r = sd_bus_call(b->bus, call, call_limit(b), &e, &reply);
	if (r < 0)
		return bus_fail(err, &e, r, what);
	r = sd_bus_message_read(reply, "o", &job);
	if (r < 0)
		return err_sys(err, -r, "%s: read systemd's answer", what);
	return wait_job(b, job, what, err);
}

static void reset_failed(struct bus *b, const char *unit)
{
	sd_bus_call_method(b->bus, DESTINATION, MANAGER_PATH, MANAGER, "ResetFailedUnit", NULL,
		NULL, "s", unit);
}

static char *planned_path(struct bus *b, const struct systemd_request *r, struct err **err)
{
	auto_free char *top = get_string(b, MANAGER_PATH, MANAGER, "ControlGroup", err);
	if (!top)
		return NULL;
	const char *base = str_eq(top, "/") ? "" : top;
	bool is_slice = str_ends(r->unit, ".slice");
	auto_free char *slice = systemd_slice_path(is_slice ? r->unit : r->slice, err);
	if (!slice)
		return NULL;
	if (is_slice)
		return xasprintf("%s%s", base, slice);
	/* cg_escape() of systemd, as far as the names of units need it */
	const char *escape = r->unit[0] == '_' || r->unit[0] == '.' ? "_" : "";
	return xasprintf("%s%s/%s%s", base, slice, escape, r->unit);
}

static int check_path(
	struct bus *b, const struct systemd_request *r, const char *planned, struct err **err)
{
	char *object = NULL;
	int n = sd_bus_path_encode("/org/freedesktop/systemd1/unit", r->unit, &object);
	if (n < 0)
		return err_sys(err, -n, "name unit %s", r->unit);
	auto_free char *owned = object;
	bool is_slice = str_ends(r->unit, ".slice");
	auto_free char *real = get_string(b, owned,
		is_slice ? "org.freedesktop.systemd1.Slice" : "org.freedesktop.systemd1.Scope",
		"ControlGroup", err);
	if (!real)
		return -1;
	if (str_eq(real, planned))
		return 0;
	return err_set(err, ERR_SYSTEM, "systemd put unit %s into cgroup \"%s\" instead of \"%s\"",
		r->unit, real, planned);
}

static int take_start_answer(sd_bus_message *m, void *arg, sd_bus_error *ignored)
{
	struct bus *b = arg;
	const char *job = NULL;
	(void)ignored;
	b->start = sd_bus_slot_unref(b->start);
	if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "o", &job) >= 0) {
		str_replace(&b->start_job, job);
		return 0;
	}
	auto_free char *what = xasprintf("start systemd unit %s", b->provisional);
	bus_fail(&b->refusal, sd_bus_message_get_error(m), -EBADMSG, what);
	str_replace(&b->provisional, NULL);
	return 0;
}

/*
 * Sends @m, which makes @unit, and waits for its job. Takes @m. Whoever takes so long that we stop waiting may make it
 * yet: it is provisional from here on, until it is refused.
 */
static int run_start(
	struct bus *b, sd_bus_message *m, const char *unit, const char *what, struct err **err)
{
	if (b->start) {
		sd_bus_message_unref(m);
		return err_set(err, ERR_CONFLICT, "%s: another one is being started", what);
	}
	str_replace(&b->provisional, unit);
	int r = sd_bus_call_async(b->bus, &b->start, m, take_start_answer, b, UINT64_MAX);
	sd_bus_message_unref(m);
	if (r < 0) {
		str_replace(&b->provisional, NULL);
		return err_sys(err, -r, "%s", what);
	}
	if (wait_for(b, start_answered, what, err) < 0)
		return -1;
	if (b->refusal)
		return err_move(err, &b->refusal);
	return wait_job(b, b->start_job, what, err);
}

static int start_once(struct bus *b, const struct systemd_request *r, struct err **err)
{
	auto_free char *what = xasprintf("start systemd unit %s", r->unit);
	sd_bus_message *m = method(b, "StartTransientUnit", err);
	if (!m)
		return -1;
	int n = sd_bus_message_append(m, "ss", r->unit, "replace");
	if (n >= 0)
		n = props_append(m, &r->props, r->pid, b->version);
	if (n >= 0)
		n = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (n < 0) {
		sd_bus_message_unref(m);
		return err_sysk(err, ERR_INVALID, -n, "%s: its properties", what);
	}
	return run_start(b, m, r->unit, what, err);
}

/* A failed unit of that name may be left from before: it is in nobody's use. */
static int start_unit(struct bus *b, const struct systemd_request *r, struct err **err)
{
	auto_err *why = NULL;
	auto_free char *planned = planned_path(b, r, err);
	if (!planned)
		return -1;
	if (start_once(b, r, &why) < 0) {
		if (why && why->kind != ERR_CONFLICT)
			return err_move(err, &why);
		reset_failed(b, r->unit);
		if (start_once(b, r, err) < 0)
			return -1;
	}
	return check_path(b, r, planned, err);
}

static int call(struct bus *b, sd_bus_message *m, const char *what, struct err **err)
{
	__attribute__((cleanup(sd_bus_error_free))) sd_bus_error e = SD_BUS_ERROR_NULL;
	int r = sd_bus_call(b->bus, m, call_limit(b), &e, NULL);
	sd_bus_message_unref(m);
	return r < 0 ? bus_fail(err, &e, r, what) : 0;
}

static int attach(struct bus *b, const struct systemd_request *r, struct err **err)
{
	auto_free char *what = xasprintf("move process %u to systemd unit %s", r->pid, r->unit);
	sd_bus_message *m = method(b, "AttachProcessesToUnit", err);
	if (!m)
		return -1;
	int n = sd_bus_message_append(m, "ssau", r->unit, "", 1, r->pid);
	if (n < 0) {
		sd_bus_message_unref(m);
		return err_sys(err, -n, "%s", what);
	}
	return call(b, m, what, err);
}

/*
 * systemd answers first and writes the files in the next round of its loop. An answer to a second question says that
 * this round is over, so that nothing overwrites what the caller writes then.
 */
static int set_props(struct bus *b, const struct systemd_request *r, struct err **err)
{
	auto_free char *what = xasprintf("set properties of systemd unit %s", r->unit);
	sd_bus_message *m = method(b, "SetUnitProperties", err);
	if (!m)
		return -1;
	int n = sd_bus_message_append(m, "sb", r->unit, 1);
	if (n >= 0)
		n = props_append(m, &r->props, 0, b->version);
	if (n < 0) {
		sd_bus_message_unref(m);
		return err_sysk(err, ERR_INVALID, -n, "%s", what);
	}
	if (call(b, m, what, err) < 0)
		return -1;
	auto_free char *ignored = get_string(b, MANAGER_PATH, MANAGER, "Version", err);
	return ignored ? 0 : -1;
}

static int stop(struct bus *b, const struct systemd_request *r, struct err **err)
{
	auto_err *why = NULL;
	auto_free char *what = xasprintf("stop systemd unit %s", r->unit);
	sd_bus_message *m = method(b, "StopUnit", err);
	if (!m)
		return -1;
	int n = sd_bus_message_append(m, "ss", r->unit, "replace");
	if (n < 0) {
		sd_bus_message_unref(m);
		return err_sys(err, -n, "%s", what);
	}
	int done = run_job(b, m, what, &why);
	reset_failed(b, r->unit);
	if (done < 0 && why->kind != ERR_NOT_FOUND)
		return err_move(err, &why);
	return 0;
}

int bus_carry_out(struct bus *b, const struct systemd_request *r, char **text, struct err **err)
{
	if (r->user != b->user)
		return err_set(err, ERR_INVALID, "kist-systemd talks to one manager only");
	switch (r->op) {
	case SYSTEMD_OP_PATH:
		*text = planned_path(b, r, err);
		return *text ? 0 : -1;
	case SYSTEMD_OP_START:
		return start_unit(b, r, err);
	case SYSTEMD_OP_ATTACH:
		return attach(b, r, err);
	case SYSTEMD_OP_SET:
		return set_props(b, r, err);
	case SYSTEMD_OP_STOP:
		return stop(b, r, err);
	case SYSTEMD_OP_KEEP:
		str_replace(&b->provisional, NULL);
		return 0;
	case SYSTEMD_OP_COUNT:
		break;
	}
	return err_set(err, ERR_INVALID, "unknown request %d", (int)r->op);
}

/* Who asked for a unit and was killed before it was on record cannot stop it, and nobody else knows that he may:
 * we have seen that it was made. Where nobody has answered yet it may still be. */
static void stop_provisional(struct bus *b)
{
	if (b->start && wait_for(b, start_answered, "start", NULL) < 0)
		return;
	struct systemd_request r = {.op = SYSTEMD_OP_STOP, .unit = b->provisional, .slice = ""};
	if (b->provisional)
		stop(b, &r, NULL);
}

void bus_close(struct bus *b)
{
	if (!b)
		return;
	stop_provisional(b);
	sd_bus_slot_unref(b->start);
	sd_bus_close_unref(b->bus);
	err_free(b->refusal);
	free(b->start_job);
	free(b->provisional);
	free(b->job);
	free(b->result);
	free(b);
}
