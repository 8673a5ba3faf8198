#include "oci/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/auxv.h>

#include "base/mem.h"
#include "base/str.h"

#define OS "linux"

/* Go's name for this machine's architecture, and its variant. */
#if defined(__x86_64__)
#define ARCH "amd64"
#define VARIANT ""
#elif defined(__aarch64__)
#define ARCH "arm64"
#define VARIANT "v8"
#elif defined(__arm__) && __ARM_ARCH >= 7
#define ARCH "arm"
#define VARIANT "v7"
#elif defined(__arm__)
#define ARCH "arm"
#define VARIANT "v6"
#elif defined(__i386__)
#define ARCH "386"
#define VARIANT ""
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH "riscv64"
#define VARIANT ""
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCH "ppc64le"
#define VARIANT ""
#elif defined(__s390x__)
#define ARCH "s390x"
#define VARIANT ""
#elif defined(__loongarch64)
#define ARCH "loong64"
#define VARIANT ""
#else
#error "add Go's name for this machine"
#endif

#define CHOICES_MAX 16
#define SCORE_BEST 1000
#define SCORE_VAGUE 500 /* what a field left empty costs */

/* ---- names ---- */

static void set_part(char to[OCI_PLATFORM_PART_MAX], const char *from)
{
	size_t n = from ? strlen(from) : 0;
	if (n >= OCI_PLATFORM_PART_MAX) {
		strcpy(to, "?"); /* no real name is that long */
		return;
	}
	for (size_t i = 0; i < n; i++)
		to[i] = (char)tolower((unsigned char)from[i]);
	to[n] = '\0';
}

/* containerd's normalizeArch(). */
static void normalize(struct oci_platform *p)
{
	static const struct {
		const char *arch, *variant; /* variant NULL: any */
		const char *to_arch, *to_variant; /* NULL: as it is */
	} table[] = {
		{"i386", NULL, "386", ""},
		{"x86_64", "v1", "amd64", ""},
		{"x86_64", NULL, "amd64", NULL},
		{"x86-64", "v1", "amd64", ""},
		{"x86-64", NULL, "amd64", NULL},
		{"amd64", "v1", "amd64", ""},
		{"aarch64", "8", "arm64", ""},
		{"aarch64", "v8", "arm64", ""},
		{"aarch64", NULL, "arm64", NULL},
		{"arm64", "8", "arm64", ""},
		{"arm64", "v8", "arm64", ""},
		{"armhf", NULL, "arm", "v7"},
		{"armel", NULL, "arm", "v6"},
		{"arm", "", "arm", "v7"},
		{"arm", "7", "arm", "v7"},
		{"arm", "5", "arm", "v5"},
		{"arm", "6", "arm", "v6"},
		{"arm", "8", "arm", "v8"},
	};
	if (str_eq(p->os, "macos"))
		strcpy(p->os, "darwin");
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (!str_eq(p->architecture, table[i].arch) ||
			(table[i].variant && !str_eq(p->variant, table[i].variant)))
			continue;
		strcpy(p->architecture, table[i].to_arch);
		if (table[i].to_variant)
			strcpy(p->variant, table[i].to_variant);
		return;
	}
}

/* A program for v6 runs on newer processors, too, and images for those are better. */
const char *oci_platform_arm(const char *kernels)
{
	if (!kernels || kernels[0] != 'v' || kernels[1] < '5' || kernels[1] > '9')
		return NULL;
	return kernels[1] == '5' ? "v5" : kernels[1] == '6' ? "v6" : "v7";
}

static const char *host_variant(void)
{
	const char *arm =
		str_eq(ARCH, "arm") ? oci_platform_arm((const char *)getauxval(AT_PLATFORM)) : NULL;
	return arm ? arm : VARIANT;
}

void oci_platform_host(struct oci_platform *out)
{
	*out = (struct oci_platform){.os = OS, .architecture = ARCH};
	strcpy(out->variant, host_variant());
}

void oci_platform_make(
	struct oci_platform *out, const char *os, const char *architecture, const char *variant)
{
	set_part(out->os, os);
	set_part(out->architecture, architecture);
	set_part(out->variant, variant);
	normalize(out);
}

static bool known_os(const char *os)
{
	static const char *const known[] = {"aix", "android", "darwin", "dragonfly", "freebsd",
		"hurd", "illumos", "ios", "js", "linux", "nacl", "netbsd", "openbsd", "plan9",
		"solaris", "windows", "zos"};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(os, known[i]))
			return true;
	return false;
}

static bool known_arch(const char *arch)
{
	static const char *const known[] = {"386", "amd64", "amd64p32", "arm", "armbe", "arm64",
		"arm64be", "ppc64", "ppc64le", "loong64", "mips", "mipsle", "mips64", "mips64le",
		"mips64p32", "mips64p32le", "ppc", "riscv", "riscv64", "s390", "s390x", "sparc",
		"sparc64", "wasm"};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(arch, known[i]))
			return true;
	return false;
}

/* The usual variants are not written. */
static void drop_usual(struct oci_platform *p)
{
	if (str_eq(p->architecture, "arm") && str_eq(p->variant, "v7"))
		p->variant[0] = '\0';
}

static int parse_one(const char *text, struct oci_platform *out, struct err **err)
{
	oci_platform_make(out, text, NULL, NULL);
	if (known_os(out->os)) {
		strcpy(out->architecture, ARCH);
		strcpy(out->variant, str_eq(ARCH, "arm") ? host_variant() : "");
		drop_usual(out);
		return 0;
	}
	oci_platform_make(out, OS, text, NULL);
	drop_usual(out);
	if (known_arch(out->architecture))
		return 0;
	return err_set(err, ERR_INVALID,
		"\"%.64s\": unknown operating system or architecture: invalid argument", text);
}

int oci_platform_parse(const char *text, struct oci_platform *out, struct err **err)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	if (strchr(text, '*'))
		return err_set(err, ERR_INVALID,
			"\"%.64s\": wildcards not yet supported: invalid argument", text);
	auto_strv parts = strv_split(text, '/');
	for (size_t i = 0; parts[i]; i++)
		if (!str_all_of(parts[i], set, 1, OCI_PLATFORM_PART_MAX - 1))
			return err_set(err, ERR_INVALID,
				"\"%.64s\" is an invalid component of \"%.256s\": platform "
				"specifier component must match \"^[A-Za-z0-9_-]+$\": invalid "
				"argument",
				parts[i], text);
	switch (strv_len(parts)) {
	case 1:
		return parse_one(parts[0], out, err);
	case 2:
		oci_platform_make(out, parts[0], parts[1], NULL);
		drop_usual(out);
		return 0;
	case 3:
		oci_platform_make(out, parts[0], parts[1], parts[2]);
		if (str_eq(out->architecture, "arm64") && !*out->variant)
			strcpy(out->variant, "v8");
		return 0;
	default:
		return err_set(err, ERR_INVALID,
			"\"%.256s\": cannot parse platform specifier: invalid argument", text);
	}
}

char *oci_platform_format(const struct oci_platform *p)
{
	if (!*p->os)
		return xstrdup("unknown");
	return xasprintf("%s%s%s%s%s", p->os, *p->architecture ? "/" : "", p->architecture,
		*p->variant ? "/" : "", p->variant);
}

/* ---- what runs where ---- */

/** What is taken, the best first. */
struct choices {
	struct oci_platform v[CHOICES_MAX];
	size_t count;
};

static void add(struct choices *c, const char *os, const char *arch, const char *variant)
{
	if (c->count < CHOICES_MAX)
		oci_platform_make(&c->v[c->count++], os, arch, variant);
}

/* The number in "v3"; 0 for everything else. */
static int level_of(const char *variant)
{
	return variant[0] == 'v' && isdigit((unsigned char)variant[1]) && !variant[2]
		       ? variant[1] - '0'
		       : 0;
}

static void add_levels(struct choices *c, const struct oci_platform *p, int from, int to)
{
	for (int i = from; i >= to; i--)
		add(c, p->os, p->architecture, (char[]){'v', (char)('0' + i), '\0'});
}

static void add_arm(struct choices *c, const char *os, const char *variant)
{
	struct oci_platform p;
	oci_platform_make(&p, os, "arm", variant);
	add(c, os, "arm", p.variant);
	add_levels(c, &p, level_of(p.variant) - 1, 5);
}

/* containerd's platformVector(). */
static void choices_for(struct choices *c, const struct oci_platform *want)
{
	struct oci_platform p;
	oci_platform_make(&p, want->os, want->architecture, want->variant);
	if (str_eq(p.architecture, "arm")) {
		add_arm(c, p.os, p.variant);
		return;
	}
	add(c, p.os, p.architecture, p.variant);
	if (str_eq(p.architecture, "amd64")) {
		add_levels(c, &p, level_of(p.variant) - 1, 1);
		add(c, p.os, "386", NULL);
	} else if (str_eq(p.architecture, "arm64")) {
		/* v8.2 and v9 run what v8 runs */
		if (*p.variant)
			add(c, p.os, "arm64", NULL);
		add_arm(c, p.os, "v8");
	}
}

/* 2: the same; 1: @have does not say; 0: another. */
static int compare(const char *have, const char *want)
{
	return str_eq(have, want) ? 2 : !*have;
}

int oci_platform_score(const struct oci_platform *want, const struct oci_platform *have)
{
	struct choices c = {0};
	struct oci_platform host, h;
	oci_platform_host(&host);
	choices_for(&c, want ? want : &host);
	oci_platform_make(&h, have->os, have->architecture, have->variant);
	int best = -1;
	for (size_t i = 0; i < c.count; i++) {
		int os = compare(h.os, c.v[i].os);
		int arch = compare(h.architecture, c.v[i].architecture);
		if (!os || !arch || (*h.architecture && !str_eq(h.variant, c.v[i].variant)))
			continue;
		int score = SCORE_BEST - (int)i - (os == 1 || arch == 1 ? SCORE_VAGUE : 0);
		if (score > best)
			best = score;
	}
	return best;
}

/* Neither text beside the images nor anything else that has a type of its own. */
static bool is_entry(const struct oci_descriptor *d)
{
	return str_empty(d->media_type) || oci_type_is_manifest(d->media_type) ||
	       oci_type_is_index(d->media_type);
}

struct candidate {
	const struct oci_descriptor *entry;
	size_t at;
	int score; /* of no platform: less than any that fits */
};

static int better_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

int oci_descriptor_score(const struct oci_platform *want, const struct oci_descriptor *d)
{
	struct oci_platform have;
	if (!d->has_platform)
		return 0;
	oci_platform_make(&have, d->os, d->architecture, d->variant);
	return oci_platform_score(want, &have);
}

const struct oci_descriptor **oci_index_candidates(
	const struct oci_index *index, const struct oci_platform *want)
{
	auto_free struct candidate *c = xcalloc(index->manifest_count + 1, sizeof(*c));
	size_t n = 0;
	for (size_t i = 0; i < index->manifest_count; i++) {
		const struct oci_descriptor *d = &index->manifests[i];
		int score = is_entry(d) ? oci_descriptor_score(want, d) : -1;
		if (score >= 0)
			c[n++] = (struct candidate){d, i, score};
	}
	qsort(c, n, sizeof(*c), better_first);
	const struct oci_descriptor **out = xcalloc(n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = c[i].entry;
	return out;
}

int oci_index_no_match(const struct oci_platform *want, struct err **err)
{
	struct oci_platform host;
	oci_platform_make(&host, OS, ARCH, host_variant());
	auto_free char *name = oci_platform_format(want ? want : &host);
	return err_set(err, ERR_NOT_FOUND,
		"no matching manifest for %s in the manifest list entries", name);
}
