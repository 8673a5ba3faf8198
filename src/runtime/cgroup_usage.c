/* What both versions have in common of runtime/cgroup_usage.h, and putting it together. */
#include "runtime/cgroup_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_usage_private.h"

#define USAGE_FILE_MAX (1u << 20)
#define LIST_MAX 65536 /* CPUs, devices: the kernel has fewer */

uint64_t usage_number(const struct cgroup_dir *d, const char *fmt, ...)
{
	char file[96];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(file, sizeof(file), fmt, ap);
	va_end(ap);
	int64_t value = cgroup_get(d, file);
	if (value == INT64_MAX)
		return UINT64_MAX;
	return value < 0 ? 0 : (uint64_t)value;
}

int usage_text(const struct cgroup_dir *d, const char *file, struct buf *out)
{
	return file_read(d->fd, file, USAGE_FILE_MAX, out, NULL);
}

void usage_add_number(struct cgroup_numbers *list, uint64_t value)
{
	list->v = xreallocarray(list->v, list->count + 1, sizeof(*list->v));
	list->v[list->count++] = value;
}

/* "0-3,7" */
void usage_ranges(const struct cgroup_dir *d, const char *file, struct cgroup_numbers *out)
{
	auto_buf text = BUF_INIT;
	if (usage_text(d, file, &text) < 0)
		return;
	for (const char *at = buf_str(&text); *at >= '0' && *at <= '9';) {
		char *end;
		unsigned long from = strtoul(at, &end, 10), to = from;
		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		for (; from <= to && out->count < LIST_MAX; from++)
			usage_add_number(out, from);
		at = end + (*end == ',');
	}
}

void usage_raw_memory(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	auto_buf text = BUF_INIT;
	if (usage_text(d, "memory.stat", &text) < 0)
		return;
	auto_strv lines = strv_split(buf_str(&text), '\n');
	for (size_t i = 0; lines[i]; i++) {
		char *blank = strchr(lines[i], ' ');
		uint64_t value;
		if (!blank || str_to_u64(blank + 1, &value) < 0)
			continue;
		*blank = 0;
		out->raw = xreallocarray(out->raw, out->raw_count + 1, sizeof(*out->raw));
		out->raw[out->raw_count++] =
			(struct cgroup_counter){.name = xstrdup(lines[i]), .value = value};
	}
}

void usage_add_io(struct cgroup_io_list *list, const struct cgroup_io_entry *entry)
{
	if (list->count >= LIST_MAX)
		return;
	list->v = xreallocarray(list->v, list->count + 1, sizeof(*list->v));
	list->v[list->count++] = *entry;
}

void usage_pids(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	out->pids = usage_number(d, "pids.current");
	out->pids_limit = usage_number(d, "pids.max");
	if (out->pids_limit == UINT64_MAX)
		out->pids_limit = 0;
}

/* @suffix: of the file that every page size has. */
void usage_hugetlb(const struct cgroup_dir *d, const char *suffix,
	void (*read)(const struct cgroup_dir *, struct cgroup_hugetlb_use *),
	struct cgroup_usage *out)
{
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		fd_close(fd);
		return;
	}
	struct dirent *entry;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	while ((entry = readdir(stream))) {
		const char *size = str_after(entry->d_name, "hugetlb.");
		if (!size || !str_ends(size, suffix) || strchr(size, '.') != strstr(size, suffix))
			continue;
		out->hugetlb =
			xreallocarray(out->hugetlb, out->hugetlb_count + 1, sizeof(*out->hugetlb));
		struct cgroup_hugetlb_use *use = &out->hugetlb[out->hugetlb_count++];
		*use = (struct cgroup_hugetlb_use){
			.size = xstrndup(size, strlen(size) - strlen(suffix))};
		read(d, use);
	}
	closedir(stream);
}

int cgroup_usage_read(const struct cgroup *cg, struct cgroup_usage *out, struct err **err)
{
	bool any = false;
	*out = (struct cgroup_usage){0};
	for (size_t i = 0; i < cg->count; i++) {
		const struct cgroup_dir *d = &cg->dirs[i];
		if (d->fd < 0)
			continue;
		any = true;
		if (d->mount->v2)
			cgroup_v2_usage(d, cg->layout.mode == CGROUP_V2, out);
		else
			cgroup_v1_usage(d, out);
	}
	return any ? 0 : err_set(err, ERR_NOT_FOUND, "cgroup %s does not exist", cg->path);
}

void cgroup_usage_clear(struct cgroup_usage *u)
{
	free(u->percpu.v);
	free(u->percpu_kernel.v);
	free(u->percpu_user.v);
	free(u->cpus.v);
	free(u->mems.v);
	for (size_t i = 0; i < u->raw_count; i++)
		free(u->raw[i].name);
	free(u->raw);
	for (int i = 0; i < CGROUP_IO_COUNT; i++)
		free(u->io[i].v);
	for (size_t i = 0; i < u->hugetlb_count; i++)
		free(u->hugetlb[i].size);
	free(u->hugetlb);
	*u = (struct cgroup_usage){0};
}
