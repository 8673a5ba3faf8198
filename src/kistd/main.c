/* kistd: settings, engine, server, signals; and the way out, which leaves containers running. */
#include <arpa/inet.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "api/server.h"
#include "base/fdio.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "engine/transfer.h"
#include "listen.h"
#include "options.h"
#include "programs.h"
#include "registry/registry.h"
#include "service.h"
#include "tls.h"

#define DEFAULT_HOST "unix:///run/kist/kist.sock"
#define STOP_PATIENCE (10 * TIME_NS_PER_SEC)
enum { FRONTS_MAX = 16 };

struct daemon {
	struct options options;
	char **argv;
	struct loop *loop;
	int signals;
	struct loop_source *on_signal;
	bool stopping;
	bool pidfile_ours;
	unsigned long nofile;
	char *monitor, *init, *transfer, *registry_program, *seccomp, *tls;
	struct registry *registry;
	struct registry_limits limits;
	struct net_options net;
	struct engine *engine;
	struct server *server;
	struct listenings listenings;
	struct tls_front *fronts[FRONTS_MAX];
	size_t front_count;
};

/* ---- signals ---- */

static void stopped(void *arg)
{
	struct daemon *d = arg;
	loop_stop(d->loop);
}

static void set_log_level(const struct options *o)
{
	enum log_level level = LOG_LEVEL_INFO;
	log_level_parse(o->log_level, &level);
	log_set_level(o->debug ? LOG_LEVEL_DEBUG : level);
}

/* Borrowed from the daemon. */
static struct registry_options registry_settings(struct daemon *d)
{
	const struct options *o = &d->options;
	uint32_t ms = (uint32_t)o->registry_timeout * 1000;
	d->limits = (struct registry_limits){
		.connect_ms = ms < 30000 ? ms : 0,
		.answer_ms = ms,
		.stall_ms = ms,
		.attempts = (uint32_t)o->attempts,
	};
	return (struct registry_options){
		.program = d->registry_program,
		.certs_dir = o->certs_dir,
		.mirrors = o->registry_mirrors,
		.insecure = o->insecure_registries,
		.http_proxy = o->http_proxy,
		.https_proxy = o->https_proxy,
		.no_proxy = o->no_proxy,
		.user_agent = "kist/" KIST_VERSION,
		.limits = &d->limits,
	};
}

static char *json_of(char *const *list)
{
	static char *const none[] = {NULL};
	struct buf text = BUF_INIT;
	struct jsonw w = jsonw_to(&text);
	jw_strv(&w, NULL, list ? list : none);
	return buf_steal(&text);
}

/* What dockerd's event has, as far as it is a setting here. */
static void tell_reloaded(struct daemon *d)
{
	const struct options *o = &d->options;
	auto_free char *insecure = json_of(o->insecure_registries);
	auto_free char *mirrors = json_of(o->registry_mirrors);
	auto_free char *downloads = xasprintf("%lld", (long long)o->max_downloads);
	auto_free char *uploads = xasprintf("%lld", (long long)o->max_uploads);
	auto_free char *attempts = xasprintf("%lld", (long long)o->attempts);
	const char *const attributes[] = {"debug", o->debug ? "true" : "false",
		"insecure-registries", insecure, "live-restore", "true", "max-concurrent-downloads",
		downloads, "max-concurrent-uploads", uploads, "max-download-attempts", attempts,
		"registry-mirrors", mirrors, NULL};
	engine_reloaded(d->engine, attributes);
}

/* All of the new settings, or none. */
static int take_settings(struct daemon *d, struct err **err)
{
	struct options fresh;
	int rc = options_load(&fresh, d->argv, err);
	if (rc == 0) {
		options_exchange(&d->options, &fresh);
		const struct registry_options r = registry_settings(d);
		rc = registry_reconfigure(d->registry, &r, err);
		if (rc < 0)
			options_exchange(&d->options, &fresh);
	}
	options_free(&fresh);
	return rc;
}

static void reload(struct daemon *d)
{
	auto_err *e = NULL;
	if (take_settings(d, &e) < 0) {
		log_error("settings not reloaded: %s", err_msg(e));
		return;
	}
	set_log_level(&d->options);
	engine_set_transfers(
		d->engine, (uint32_t)d->options.max_downloads, (uint32_t)d->options.max_uploads);
	log_info("settings reloaded (debug, log-level, registries, transfers)");
	tell_reloaded(d);
}

static void on_signal(struct loop_source *source, uint32_t events, void *arg)
{
	struct daemon *d = arg;
	struct signalfd_siginfo info;
	(void)source;
	(void)events;
	if (fd_read(d->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		reload(d);
		return;
	}
	if (d->stopping) {
		log_warn("second signal: not waiting for requests any longer");
		loop_stop(d->loop);
		return;
	}
	d->stopping = true;
	log_info("stopping; containers go on running");
	service_notify("STOPPING=1");
	engine_questions_stop(d->engine);
	server_stop(d->server, STOP_PATIENCE, stopped, d);
}

/* Before any thread exists, so that all inherit the mask. */
static int watch_signals(struct daemon *d, struct err **err)
{
	sigset_t set;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signals < 0)
		return err_sys(err, errno, "make a signal descriptor");
	d->on_signal = loop_add(d->loop, d->signals, 0, on_signal, d, err);
	return d->on_signal ? 0 : -1;
}

/* ---- engine ---- */

static int find_programs(struct daemon *d, struct err **err)
{
	const struct options *o = &d->options;
	d->monitor = program_find("kist-monitor", err);
	if (!d->monitor)
		return -1;
	d->init = o->init_path ? xstrdup(o->init_path) : program_find("kist-init", err);
	if (!d->init)
		return -1;
	d->transfer = program_find("kist-transfer", err);
	if (!d->transfer)
		return -1;
	d->registry_program = program_find("kist-registry", err);
	if (!d->registry_program)
		return -1;
	d->seccomp =
		o->seccomp_profile ? xstrdup(o->seccomp_profile) : data_find("seccomp.json", err);
	return d->seccomp ? 0 : -1;
}

static const struct net_options *network(struct daemon *d)
{
	const struct options *o = &d->options;
	struct net_options *n = &d->net;
	if (str_eq(o->bridge, "none"))
		return NULL;
	net_options_init(n);
	n->bridge = o->bridge;
	n->bridge_given = o->bridge != NULL;
	n->bip = o->bip;
	n->fixed_cidr = o->fixed_cidr;
	n->default_gateway = o->default_gateway;
	n->mtu = (uint32_t)o->mtu;
	n->ip_forward = o->ip_forward;
	n->icc = o->icc;
	n->ip_masq = o->ip_masq;
	n->firewall = o->iptables;
	if (o->ip)
		inet_pton(AF_INET, o->ip, &n->host_ip);
	return n;
}

static int open_registry(struct daemon *d, struct err **err)
{
	const struct registry_options r = registry_settings(d);
	d->registry = registry_open(&r, err);
	return d->registry ? 0 : -1;
}

static int open_engine(struct daemon *d, struct err **err)
{
	const struct options *o = &d->options;
	/* Unix sockets may lie in it: passable, not listable. */
	if (dir_make(AT_FDCWD, o->exec_root, 0711, err) < 0 || find_programs(d, err) < 0 ||
		open_registry(d, err) < 0)
		return -1;
	struct engine_options e = {
		.data_root = o->data_root,
		.exec_root = o->exec_root,
		.storage_driver = o->storage_driver,
		.net = network(d),
		.cgroup_parent = o->cgroup_parent,
		.monitor_path = d->monitor,
		.init_path = d->init,
		.transfer_path = d->transfer,
		.seccomp_path = d->seccomp,
		.registry = d->registry,
		.max_downloads = (uint32_t)o->max_downloads,
		.max_uploads = (uint32_t)o->max_uploads,
		.pool = (uint32_t)o->parked_monitors,
		.nofile_soft = d->nofile,
		.loop = d->loop,
	};
	d->engine = engine_open(&e, err);
	return d->engine ? 0 : -1;
}

/* ---- server ---- */

static bool uses_tls(const struct options *o)
{
	return o->tls || o->tlsverify;
}

static int check_tls(const struct options *o, struct err **err)
{
	if (!uses_tls(o))
		return 0;
	if (!o->tlscert || !o->tlskey)
		return err_set(err, ERR_INVALID, "TLS needs --tlscert and --tlskey");
	if (o->tlsverify && !o->tlscacert)
		return err_set(err, ERR_INVALID, "--tlsverify needs --tlscacert");
	return 0;
}

/* The descriptor of @l is the server's, or kist-tls's, afterwards. */
static int serve(struct daemon *d, struct listening *l, struct err **err)
{
	const struct options *o = &d->options;
	if (!l->tcp || !uses_tls(o)) {
		if (l->tcp)
			log_warn("serving TCP without TLS (--insecure-tcp): whoever can connect is "
				 "root");
		return server_listen(d->server, steal_fd(&l->fd), err);
	}
	if (d->front_count == FRONTS_MAX)
		return err_set(err, ERR_INVALID, "more than %d tcp:// hosts", FRONTS_MAX);
	if (!d->tls && !(d->tls = program_find("kist-tls", err)))
		return -1;
	struct tls_options t = {
		.program = d->tls,
		.ca = o->tlscacert,
		.cert = o->tlscert,
		.key = o->tlskey,
		.verify = o->tlsverify,
	};
	struct tls_front *front = tls_start(d->loop, d->server, &t, steal_fd(&l->fd), err);
	if (!front)
		return -1;
	d->fronts[d->front_count++] = front;
	return 0;
}

static bool has_plain_tcp(const struct daemon *d)
{
	for (size_t i = 0; i < d->listenings.n; i++)
		if (d->listenings.v[i].tcp && !uses_tls(&d->options))
			return true;
	return false;
}

static int open_server(struct daemon *d, struct err **err)
{
	static char *const default_hosts[] = {(char *)(uintptr_t)DEFAULT_HOST, NULL};
	const struct options *o = &d->options;
	struct server_options s = {
		.loop = d->loop,
		.engine = d->engine,
		.version = KIST_VERSION,
		.default_runtime = "kist",
		.debug = o->debug,
	};
	if (listen_open(&d->listenings, o->hosts ? o->hosts : default_hosts, o->group, uses_tls(o),
		    err) < 0)
		return -1;
	if (has_plain_tcp(d) && !o->insecure_tcp)
		return err_set(err, ERR_INVALID,
			"tcp:// needs --tlsverify (or --insecure-tcp, which lets everybody who can "
			"connect be root on this machine)");
	d->server = server_new(&s, err);
	if (!d->server)
		return -1;
	for (size_t i = 0; i < d->listenings.n; i++)
		if (serve(d, &d->listenings.v[i], err) < 0)
			return -1;
	return 0;
}

/* Said before anything is opened: a typo must not cost a half-made start. */
static int check_hosts(const struct options *o, struct err **err)
{
	for (char *const *h = o->hosts; h && *h; h++) {
		bool tcp = str_starts(*h, "tcp://");
		if (!tcp && !str_starts(*h, "unix://") && !str_starts(*h, "fd://"))
			return err_set(err, ERR_INVALID,
				"host \"%s\": must begin with unix://, tcp:// or fd://", *h);
		if (tcp && !uses_tls(o) && !o->insecure_tcp)
			return err_set(err, ERR_INVALID,
				"host %s needs --tlsverify (or --insecure-tcp, which lets "
				"everybody who "
				"can connect be root on this machine)",
				*h);
	}
	return check_tls(o, err);
}

/* ---- life ---- */

static int run(struct daemon *d, struct err **err)
{
	const struct options *o = &d->options;
	if (geteuid() != 0)
		return err_set(
			err, ERR_FORBIDDEN, "kistd needs to be started with root privileges");
	if (check_hosts(o, err) < 0)
		return -1;
	/* Few threads allocate at the same time; an arena for each would cost more than it gives. */
	mallopt(M_ARENA_MAX, 2);
	umask(022);
	d->nofile = service_raise_nofile();
	d->loop = loop_new(err);
	if (!d->loop || watch_signals(d, err) < 0 || pidfile_write(o->pidfile, err) < 0)
		return -1;
	d->pidfile_ours = true;
	if (open_engine(d, err) < 0 || open_server(d, err) < 0)
		return -1;
	loop_mod(d->on_signal, EPOLLIN);
	service_notify("READY=1");
	log_info("kistd " KIST_VERSION " is ready");
	return loop_run(d->loop, err);
}

static void finish(struct daemon *d)
{
	for (size_t i = 0; i < d->front_count; i++)
		tls_stop(d->fronts[i]);
	if (d->server)
		server_join(d->server);
	if (d->engine)
		engine_close(d->engine);
	if (d->registry)
		registry_close(d->registry);
	if (d->server)
		server_free(d->server);
	listen_close(&d->listenings);
	loop_free(d->loop);
	fd_close(d->signals);
	if (d->pidfile_ours)
		unlink(d->options.pidfile);
	free(d->monitor);
	free(d->init);
	free(d->transfer);
	free(d->registry_program);
	free(d->seccomp);
	free(d->tls);
	options_free(&d->options);
}

int main(int argc, char **argv)
{
	struct daemon d = {.argv = argv, .signals = -1};
	auto_err *e = NULL;
	(void)argc;
	int rc = options_load(&d.options, argv, &e);
	if (rc == 0 && d.options.help) {
		options_help(stdout);
	} else if (rc == 0 && d.options.list_settings) {
		options_keys(stdout);
	} else if (rc == 0 && d.options.version) {
		printf("kistd version %s\n", KIST_VERSION);
	} else if (rc == 0) {
		set_log_level(&d.options);
		rc = run(&d, &e);
	}
	if (rc < 0)
		fprintf(stderr, "failed to start daemon: %s\n", err_msg(e));
	finish(&d);
	return rc < 0;
}
