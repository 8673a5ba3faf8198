/* /_ping, /version, /info. */
#include <sys/utsname.h>

#include "api/server.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/info.h"
#include "engine/transfer.h"
#include "request.h"
#include "server.h"

int api_system_ping(struct request *req, struct err **err)
{
	(void)err;
	res_text(req, 200, str_eq(req->method, "HEAD") ? "" : "OK");
	/* 1: the builder is the classic one; clients ask for BuildKit otherwise. */
	res_header(req, "Builder-Version", "1");
	res_header(req, "Cache-Control", "no-cache, no-store, must-revalidate");
	res_header(req, "Pragma", "no-cache");
	res_header(req, "Swarm", "inactive");
	return 0;
}

/* Architectures by Go's names, as clients compare them. */
static const char *go_arch(const char *machine)
{
	static const struct {
		const char *machine, *go;
	} names[] = {
		{"x86_64", "amd64"},
		{"aarch64", "arm64"},
		{"armv7l", "arm"},
		{"armv6l", "arm"},
		{"i686", "386"},
		{"ppc64le", "ppc64le"},
		{"s390x", "s390x"},
		{"riscv64", "riscv64"},
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(machine, names[i].machine))
			return names[i].go;
	return machine;
}

static void write_engine(struct jsonw *w, const struct server_options *o, const struct utsname *u)
{
	jw_object(w, NULL);
	jw_str(w, "Name", "Engine");
	jw_str(w, "Version", o->version);
	jw_object(w, "Details");
	jw_str(w, "ApiVersion", API_MAX_TEXT);
	jw_str(w, "Arch", go_arch(u->machine));
	jw_str(w, "BuildTime", o->build_time);
	jw_str(w, "Experimental", "false");
	jw_str(w, "GitCommit", o->git_commit);
	jw_str(w, "KernelVersion", u->release);
	jw_str(w, "MinAPIVersion", API_MIN_TEXT);
	jw_str(w, "Os", "linux");
	jw_end_object(w);
	jw_end_object(w);
}

int api_system_version(struct request *req, struct err **err)
{
	(void)err;
	const struct server_options *o = server_opts(req->server);
	struct utsname u;
	uname(&u);
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_object(&w, "Platform");
	jw_str(&w, "Name", "kist");
	jw_end_object(&w);
	jw_array(&w, "Components");
	write_engine(&w, o, &u);
	jw_end_array(&w);
	jw_str(&w, "Version", o->version);
	jw_str(&w, "ApiVersion", API_MAX_TEXT);
	jw_str(&w, "MinAPIVersion", API_MIN_TEXT);
	jw_str(&w, "GitCommit", o->git_commit);
	jw_str(&w, "GoVersion", "");
	jw_str(&w, "Os", "linux");
	jw_str(&w, "Arch", go_arch(u.machine));
	jw_str(&w, "KernelVersion", u.release);
	if (!str_empty(o->build_time))
		jw_str(&w, "BuildTime", o->build_time);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	return 0;
}

/* ---- /info ---- */

static void pair(struct jsonw *w, const char *key, const char *value)
{
	jw_array(w, NULL);
	jw_str(w, NULL, key);
	jw_str(w, NULL, value);
	jw_end_array(w);
}

/* Docker's vfs has none. */
static void write_driver_status(struct jsonw *w, const struct engine_info *i)
{
	if (!str_eq(i->storage_driver, "overlay2")) {
		jw_null(w, "DriverStatus");
		return;
	}
	jw_array(w, "DriverStatus");
	pair(w, "Backing Filesystem", i->backing_fs);
	pair(w, "Supports d_type", "true");
	jw_end_array(w);
}

static void write_storage(struct jsonw *w, const struct engine_info *i)
{
	jw_i64(w, "Containers", i->containers);
	jw_i64(w, "ContainersRunning", i->running);
	jw_i64(w, "ContainersPaused", i->paused);
	jw_i64(w, "ContainersStopped", i->stopped);
	jw_i64(w, "Images", i->images);
	jw_str(w, "Driver", i->storage_driver);
	write_driver_status(w, i);
	jw_object(w, "Plugins");
	jw_raw(w, "Volume", "[\"local\"]");
	jw_raw(w, "Network", "[\"bridge\",\"host\",\"null\"]");
	jw_null(w, "Authorization");
	jw_raw(w, "Log", "[\"json-file\"]");
	jw_end_object(w);
}

static void write_abilities(struct jsonw *w, const struct request *req, const struct engine_info *i)
{
	jw_bool(w, "MemoryLimit", i->memory_limit);
	jw_bool(w, "SwapLimit", i->swap_limit);
	if (req->api < 142) {
		jw_bool(w, "KernelMemory", false);
		jw_bool(w, "KernelMemoryTCP", false);
	}
	jw_bool(w, "CpuCfsPeriod", i->cpu_period);
	jw_bool(w, "CpuCfsQuota", i->cpu_quota);
	jw_bool(w, "CPUShares", i->cpu_shares);
	jw_bool(w, "CPUSet", i->cpuset);
	jw_bool(w, "PidsLimit", i->pids_limit);
	jw_bool(w, "IPv4Forwarding", i->ipv4_forwarding);
	if (req->api < 150) {
		jw_bool(w, "BridgeNfIptables", i->bridge_nf_iptables);
		jw_bool(w, "BridgeNfIp6tables", i->bridge_nf_ip6tables);
	}
	jw_bool(w, "Debug", server_opts(req->server)->debug);
	jw_i64(w, "NFd", i->descriptors);
	jw_bool(w, "OomKillDisable", i->oom_kill_disable);
	jw_i64(w, "NGoroutines", i->threads);
}

static void write_index(struct jsonw *w, const char *name, char *const *mirrors, bool hub)
{
	static char *const none[] = {NULL};
	jw_object(w, name);
	jw_str(w, "Name", name);
	jw_strv(w, "Mirrors", mirrors ? mirrors : none);
	jw_bool(w, "Secure", hub);
	jw_bool(w, "Official", hub);
	jw_end_object(w);
}

/* What is in force, also after SIGHUP. */
static void write_registries(struct jsonw *w, const struct registry_info *r)
{
	static char *const none[] = {NULL};
	jw_object(w, "RegistryConfig");
	jw_null(w, "AllowNondistributableArtifactsCIDRs");
	jw_null(w, "AllowNondistributableArtifactsHostnames");
	jw_strv(w, "InsecureRegistryCIDRs", r->insecure_cidrs ? r->insecure_cidrs : none);
	jw_object(w, "IndexConfigs");
	write_index(w, "docker.io", r->mirrors, true);
	for (char **host = r->insecure_hosts; host && *host; host++)
		write_index(w, *host, NULL, false);
	jw_end_object(w);
	if (r->mirrors)
		jw_strv(w, "Mirrors", r->mirrors);
	else
		jw_null(w, "Mirrors");
	jw_end_object(w);
}

static void write_machine(struct jsonw *w, const struct request *req, const struct engine_info *i,
	const struct registry_info *r)
{
	jw_time(w, "SystemTime", i->system_time);
	jw_str(w, "LoggingDriver", "json-file");
	jw_str(w, "CgroupDriver", i->cgroup_driver);
	jw_str(w, "CgroupVersion", i->cgroup_version);
	jw_i64(w, "NEventsListener", i->events_listeners);
	jw_str(w, "KernelVersion", i->kernel);
	jw_str(w, "OperatingSystem", i->operating_system);
	jw_str(w, "OSVersion", i->os_version);
	jw_str(w, "OSType", "linux");
	jw_str(w, "Architecture", i->architecture);
	jw_str(w, "IndexServerAddress", "https://index.docker.io/v1/");
	write_registries(w, r);
	jw_i64(w, "NCPU", i->cpus);
	jw_i64(w, "MemTotal", i->memory);
	jw_null(w, "GenericResources");
	jw_str(w, "DockerRootDir", i->data_root);
	jw_str(w, "HttpProxy", r->http_proxy ? r->http_proxy : "");
	jw_str(w, "HttpsProxy", r->https_proxy ? r->https_proxy : "");
	jw_str(w, "NoProxy", r->no_proxy ? r->no_proxy : "");
	jw_str(w, "Name", i->hostname);
	jw_raw(w, "Labels", "[]");
	jw_bool(w, "ExperimentalBuild", false);
	jw_str(w, "ServerVersion", server_opts(req->server)->version);
}

static void write_security(struct jsonw *w, const struct engine_info *i)
{
	jw_array(w, "SecurityOptions");
	if (i->apparmor)
		jw_str(w, NULL, "name=apparmor");
	if (i->selinux)
		jw_str(w, NULL, "name=selinux");
	if (i->seccomp)
		jw_str(w, NULL, "name=seccomp,profile=builtin");
	if (str_eq(i->cgroup_version, "2"))
		jw_str(w, NULL, "name=cgroupns");
	jw_end_array(w);
}

static void write_programs(struct jsonw *w, const struct request *req)
{
	static const char none[] = "{\"ID\":\"\",\"Expected\":\"\"}";
	const char *runtime = server_opts(req->server)->default_runtime;
	jw_object(w, "Runtimes");
	jw_object(w, runtime);
	jw_str(w, "path", "kist-oci");
	jw_end_object(w);
	jw_end_object(w);
	jw_str(w, "DefaultRuntime", runtime);
	jw_raw(w, "Swarm",
		"{\"NodeID\":\"\",\"NodeAddr\":\"\",\"LocalNodeState\":\"inactive\","
		"\"ControlAvailable\":false,\"Error\":\"\",\"RemoteManagers\":null}");
	/* Containers always outlive the daemon. */
	jw_bool(w, "LiveRestoreEnabled", true);
	jw_str(w, "Isolation", "");
	jw_str(w, "InitBinary", "kist-init");
	jw_raw(w, "ContainerdCommit", none);
	jw_raw(w, "RuncCommit", none);
	jw_raw(w, "InitCommit", none);
}

int api_system_info(struct request *req, struct err **err)
{
	struct registry_info registries;
	struct engine_info *i;
	if (engine_info(req_engine(req), &i, err) < 0)
		return -1;
	engine_registry_info(req_engine(req), &registries);
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_str(&w, "ID", i->id);
	write_storage(&w, i);
	write_abilities(&w, req, i);
	write_machine(&w, req, i, &registries);
	write_programs(&w, req);
	write_security(&w, i);
	jw_strv(&w, "Warnings", i->warnings);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	engine_info_free(i);
	engine_registry_info_free(&registries);
	return 0;
}
