#include "runtime/monitor.h"

#include <string.h>

#include "base/mem.h"

void monitor_config_encode(const struct monitor_config *c, struct buf *out)
{
	wire_put_bool(out, c->tty);
	wire_put_bool(out, c->open_stdin);
	wire_put_bool(out, c->stdin_once);
	wire_put_bool(out, c->log_enabled);
	wire_put_str(out, c->log_name);
	wire_put_i64(out, c->log_max_size);
	wire_put_u32(out, c->log_max_file);
	wire_put_str(out, c->log_attrs);
}

/* The log's name is opened below the container's folder: one component, nothing that leads elsewhere. */
static bool file_name_sound(const char *name)
{
	return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/') &&
	       strlen(name) <= 200;
}

int monitor_config_decode(struct monitor_config *c, struct wire *w, struct err **err)
{
	*c = (struct monitor_config){
		.tty = wire_bool(w),
		.open_stdin = wire_bool(w),
		.stdin_once = wire_bool(w),
		.log_enabled = wire_bool(w),
		.log_name = wire_str(w),
		.log_max_size = wire_i64(w),
		.log_max_file = wire_u32(w),
		.log_attrs = wire_str(w),
	};
	if (w->bad)
		return err_set(err, ERR_INVALID, "monitor configuration is malformed");
	if (c->log_enabled && (!c->log_name || !file_name_sound(c->log_name)))
		return err_set(err, ERR_INVALID, "log file name \"%s\" is not a plain file name",
			c->log_name ? c->log_name : "");
	return 0;
}

void monitor_attach_encode(const struct monitor_attach *a, struct buf *out)
{
	wire_put_str(out, a->exec_id);
	wire_put_bool(out, a->in);
	wire_put_bool(out, a->out);
	wire_put_bool(out, a->err);
	wire_put_bool(out, a->raw);
	wire_put_str(out, a->keys);
	wire_put_blob(out, a->early, a->early_len);
	wire_put_blob(out, a->head, a->head_len);
}

int monitor_attach_decode(struct monitor_attach *a, struct wire *w, struct err **err)
{
	*a = (struct monitor_attach){
		.exec_id = wire_str(w),
		.in = wire_bool(w),
		.out = wire_bool(w),
		.err = wire_bool(w),
		.raw = wire_bool(w),
		.keys = wire_str(w),
	};
	a->early = wire_blob(w, &a->early_len);
	a->head = wire_blob(w, &a->head_len);
	if (w->bad)
		return err_set(err, ERR_INVALID, "attach request is malformed");
	if (a->exec_id && strlen(a->exec_id) > MONITOR_EXEC_ID_MAX)
		return err_set(err, ERR_INVALID, "exec id is too long");
	return 0;
}

void monitor_exit_encode(const struct monitor_exit *e, struct buf *out)
{
	wire_put_u64(out, e->generation);
	wire_put_u32(out, (uint32_t)e->code);
	wire_put_u32(out, (uint32_t)e->signal);
	wire_put_bool(out, e->oom);
	wire_put_i64(out, e->started_at);
	wire_put_i64(out, e->finished_at);
}

int monitor_exit_decode(struct monitor_exit *e, struct wire *w, struct err **err)
{
	*e = (struct monitor_exit){
		.generation = wire_u64(w),
		.code = (int32_t)wire_u32(w),
		.signal = (int32_t)wire_u32(w),
		.oom = wire_bool(w),
		.started_at = wire_i64(w),
		.finished_at = wire_i64(w),
	};
	if (w->bad)
		return err_set(err, ERR_INVALID, "exit event is malformed");
	return 0;
}
