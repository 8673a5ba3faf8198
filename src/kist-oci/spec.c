/* spec: a config.json to start from. Small, and as tight as Docker's containers. */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "base/fdio.h"
#include "base/json.h"
#include "oci.h"
#include "oci/config.h"

struct spec_options {
	const char *bundle;
	bool rootless;
};

static const struct option options[] = {
	{"bundle, b", OPTION_STR, offsetof(struct spec_options, bundle),
		"folder to write config.json to"},
	{"rootless", OPTION_BOOL, offsetof(struct spec_options, rootless),
		"for a user without privilege: a user namespace with one id"},
};

static const char template[] =
	"{'ociVersion':'" OCI_VERSION "','process':{'terminal':true,'user':{'uid':0,'gid':0},"
	"'args':['sh'],'env':['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',"
	"'TERM=xterm'],'cwd':'/','capabilities':{"
	"'bounding':['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE'],"
	"'effective':['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE'],"
	"'permitted':['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE']},"
	"'rlimits':[{'type':'RLIMIT_NOFILE','hard':1024,'soft':1024}],'noNewPrivileges':true},"
	"'root':{'path':'rootfs','readonly':true},'hostname':'" PROGRAM "','mounts':["
	"{'destination':'/proc','type':'proc','source':'proc'},"
	"{'destination':'/dev','type':'tmpfs','source':'tmpfs','options':['nosuid','strictatime',"
	"'mode=755','size=65536k']},"
	"{'destination':'/dev/pts','type':'devpts','source':'devpts','options':['nosuid','noexec',"
	"'newinstance','ptmxmode=0666','mode=0620','gid=5']},"
	"{'destination':'/dev/"
	"shm','type':'tmpfs','source':'shm','options':['nosuid','noexec','nodev',"
	"'mode=1777','size=65536k']},"
	"{'destination':'/dev/"
	"mqueue','type':'mqueue','source':'mqueue','options':['nosuid','noexec',"
	"'nodev']},"
	"{'destination':'/"
	"sys','type':'sysfs','source':'sysfs','options':['nosuid','noexec','nodev','ro']},"
	"{'destination':'/sys/fs/"
	"cgroup','type':'cgroup','source':'cgroup','options':['nosuid','noexec',"
	"'nodev','relatime','ro']}],"
	"'linux':{'resources':{'devices':[{'allow':false,'access':'rwm'}]},"
	"'namespaces':[{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'uts'},{'type':'"
	"mount'}],"
	"'maskedPaths':['/proc/acpi','/proc/asound','/proc/kcore','/proc/keys','/proc/"
	"latency_stats',"
	"'/proc/timer_list','/proc/timer_stats','/proc/sched_debug','/proc/scsi','/sys/firmware'],"
	"'readonlyPaths':['/proc/bus','/proc/fs','/proc/irq','/proc/sys','/proc/sysrq-trigger']}}";

static json_t *parse_template(void)
{
	auto_free char *text = xstrdup(template);
	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	return json_loads(text, 0, NULL);
}

static void add_namespace(json_t *lin, const char *type)
{
	json_t *ns = json_object();
	json_put_str(ns, "type", type);
	json_array_append_new(json_object_get(lin, "namespaces"), ns);
}

/* As runc: only there have engines and programs grown used to a cgroup namespace. */
static bool only_v2(void)
{
	struct statfs st;
	return statfs("/sys/fs/cgroup", &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

static json_t *id_map(uint32_t host)
{
	json_t *list = json_array(), *map = json_object();
	json_put(map, "containerID", json_integer(0));
	json_put(map, "hostID", json_integer(host));
	json_put(map, "size", json_integer(1));
	json_array_append_new(list, map);
	return list;
}

static void replace_mount(json_t *mounts, const char *destination, json_t *other)
{
	for (size_t i = 0; i < json_array_size(mounts); i++) {
		const json_t *m = json_array_get(mounts, i);
		if (str_eq(json_string_value(json_object_get(m, "destination")), destination))
			json_array_set(mounts, i, other);
	}
	json_decref(other);
}

/* Without privilege: no network namespace to have /sys of, no group 5 to give ptys to, no limits. The cgroup mount
 * stays: what comes with the host's /sys would be writable (CVE-2023-25809). */
static void make_rootless(json_t *j)
{
	json_t *lin = json_object_get(j, "linux"), *mounts = json_object_get(j, "mounts");
	json_t *ns = json_object_get(lin, "namespaces");
	for (size_t i = json_array_size(ns); i--;) {
		if (str_eq(json_string_value(json_object_get(json_array_get(ns, i), "type")),
			    "network"))
			json_array_remove(ns, i);
	}
	add_namespace(lin, "user");
	json_put(lin, "uidMappings", id_map(geteuid()));
	json_put(lin, "gidMappings", id_map(getegid()));
	json_object_del(lin, "resources");
	replace_mount(mounts, "/sys",
		json_pack("{s:s,s:s,s:s,s:[s,s,s,s,s]}", "destination", "/sys", "type", "none",
			"source", "/sys", "options", "rbind", "nosuid", "noexec", "nodev", "ro"));
	size_t i;
	json_t *m;
	json_array_foreach(mounts, i, m)
	{
		json_t *opts = json_object_get(m, "options");
		for (size_t k = json_array_size(opts); k--;) {
			if (str_starts(json_string_value(json_array_get(opts, k)), "gid="))
				json_array_remove(opts, k);
		}
	}
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct spec_options *o = opts;
	auto_fd int dir = dir_open(AT_FDCWD, str_empty(o->bundle) ? "." : o->bundle, err);
	if (dir < 0)
		return 1;
	auto_json *j = parse_template();
	if (only_v2())
		add_namespace(json_object_get(j, "linux"), "cgroup");
	if (o->rootless)
		make_rootless(j);
	auto_free char *text = json_dumps(j, JSON_INDENT(8));
	auto_fd int fd = openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		err_set(err, ERR_CONFLICT, "file config.json exists. Remove it first");
	else if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0 ||
		 fd_write_all(fd, "\n", 1) < 0)
		err_sys(err, errno, "write config.json");
	else
		return 0;
	return 1;
}

const struct verb verb_spec = {
	.name = "spec",
	.usage = "",
	.help = "write a config.json to begin with",
	VERB_OPTIONS(options, struct spec_options),
	.max_args = 0,
	.run = run,
};
