/* What the engine knows of itself and its machine. */
#include "engine/info.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "core.h"

static void count_containers(struct engine *e, struct engine_info *i)
{
	size_t n;
	struct container **all = roster_all(&e->roster, &n);
	for (size_t k = 0; k < n; k++) {
		pthread_mutex_lock(&all[k]->lock);
		enum container_status s = all[k]->state.status;
		pthread_mutex_unlock(&all[k]->lock);
		i->containers++;
		i->running += s == CONTAINER_RUNNING;
		i->paused += s == CONTAINER_PAUSED;
		i->stopped += s != CONTAINER_RUNNING && s != CONTAINER_PAUSED;
		container_unref(all[k]);
	}
	free(all);
}

static char *read_text(const char *path)
{
	auto_buf text = BUF_INIT;
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, 64 << 10, &text, path, NULL))
		return NULL;
	return buf_steal(&text);
}

/* A value of os-release(5), without its quotes. */
static char *os_release(const char *key)
{
	auto_free char *text = read_text("/etc/os-release");
	auto_strv lines = strv_split(text ? text : "", '\n');
	size_t n = strlen(key);

	for (size_t i = 0; lines[i]; i++) {
		if (strncmp(lines[i], key, n) != 0 || lines[i][n] != '=')
			continue;
		char *value = lines[i] + n + 1;
		size_t len = strlen(value);
		if (len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value)
			return xstrndup(value + 1, len - 2);
		return xstrdup(value);
	}
	return NULL;
}

static const char *fs_name(int fd)
{
	static const struct {
		long magic;
		const char *name;
	} known[] = {{0xef53, "extfs"}, {0x58465342, "xfs"}, {0x9123683e, "btrfs"},
		{0x01021994, "tmpfs"}, {0x2fc12fc1, "zfs"}, {0xf2f52010, "f2fs"},
		{0x794c7630, "overlayfs"}};
	struct statfs fs;
	if (fstatfs(fd, &fs))
		return "<unknown>";
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if ((long)(uint32_t)fs.f_type == known[i].magic)
			return known[i].name;
	return "<unknown>";
}

static uint32_t count_entries(const char *path)
{
	uint32_t n = 0;
	DIR *d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n > 2 ? n - 2 : 0;
}

static bool file_says_1(const char *path)
{
	auto_free char *text = read_text(path);
	return text && text[0] == '1';
}

static void controllers(struct engine_info *i)
{
	auto_strv c = cgroup_controllers();
	enum cgroup_mode mode = cgroup_mode();
	bool cpu = strv_index(c, "cpu") >= 0, memory = strv_index(c, "memory") >= 0;

	i->cgroup_version = mode == CGROUP_V2 ? "2" : "1";
	i->cgroup_driver = "cgroupfs";
	i->memory_limit = memory;
	i->swap_limit = memory &&
			(mode == CGROUP_V2 ||
				!access("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", F_OK));
	i->cpu_period = i->cpu_quota = i->cpu_shares = cpu;
	i->cpuset = strv_index(c, "cpuset") >= 0;
	i->pids_limit = strv_index(c, "pids") >= 0;
	i->blkio = strv_index(c, "blkio") >= 0 || strv_index(c, "io") >= 0;
	i->oom_kill_disable = memory && mode != CGROUP_V2;
}

static void warn_missing(struct engine_info *i)
{
	const struct {
		bool there;
		const char *text;
	} all[] = {{i->memory_limit, "WARNING: No memory limit support"},
		{i->swap_limit, "WARNING: No swap limit support"},
		{i->cpu_period, "WARNING: No cpu cfs period support"},
		{i->cpu_quota, "WARNING: No cpu cfs quota support"},
		{i->cpu_shares, "WARNING: No cpu shares support"},
		{i->cpuset, "WARNING: No cpuset support"},
		{i->pids_limit, "WARNING: No pids limit support"},
		{i->ipv4_forwarding, "WARNING: IPv4 forwarding is disabled"}};
	for (size_t k = 0; k < ARRAY_LEN(all); k++)
		if (!all[k].there)
			strv_add(&i->warnings, all[k].text);
}

int engine_info(struct engine *e, struct engine_info **out, struct err **err)
{
	struct engine_info *i = xcalloc(1, sizeof(*i));
	struct utsname uts;
	struct sysinfo mem;

	uname(&uts);
	sysinfo(&mem);
	count_containers(e, i);
	i->id = xstrdup(e->id);
	i->images = (uint32_t)store_image_count(e->store);
	i->storage_driver = xstrdup(store_driver_name(e->store));
	i->backing_fs = xstrdup(fs_name(store_root_fd(e->store)));
	i->data_root = xstrdup(e->data_root);
	i->kernel = xstrdup(uts.release);
	i->architecture = xstrdup(uts.machine);
	i->hostname = xstrdup(uts.nodename);
	i->operating_system = os_release("PRETTY_NAME");
	if (!i->operating_system)
		i->operating_system = xstrdup("Linux");
	i->os_version = os_release("VERSION_ID");
	i->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	i->memory = (int64_t)mem.totalram * mem.mem_unit;
	i->system_time = time_now();
	i->events_listeners = ring_listeners(e->ring);
	i->descriptors = count_entries("/proc/self/fd");
	i->threads = count_entries("/proc/self/task");
	controllers(i);
	i->ipv4_forwarding = file_says_1("/proc/sys/net/ipv4/ip_forward");
	i->bridge_nf_iptables = file_says_1("/proc/sys/net/bridge/bridge-nf-call-iptables");
	i->bridge_nf_ip6tables = file_says_1("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
	i->seccomp = true;
	warn_missing(i);
	*out = i;
	return 0;
}

void engine_info_free(struct engine_info *i)
{
	if (!i)
		return;
	free(i->id);
	free(i->storage_driver);
	free(i->backing_fs);
	free(i->data_root);
	free(i->kernel);
	free(i->operating_system);
	free(i->os_version);
	free(i->architecture);
	free(i->hostname);
	strv_free(i->warnings);
	free(i);
}
