/* push */
#include "progress.h"
#include "pull.h"

static const struct flag_spec flags[] = {
	{"all-tags", 'a', FLAG_BOOL, NULL, "Every tag that the repository has here"},
	{"disable-content-trust", 0, FLAG_BOOL, NULL, "Without effect", "true", NULL, true},
	{"platform", 0, FLAG_STRING, NULL,
		"This variant alone of an image that has several, OS[/ARCH[/VARIANT]]"},
	{"quiet", 'q', FLAG_BOOL, NULL, "No progress, only the image's name"},
	{NULL},
};

static int push(struct cli *cli, const struct args *a, const struct reference *ref, FILE *out,
	struct err **err)
{
	auto_buf path = BUF_INIT;
	auto_free char *name = reference_familiar_name(ref);
	struct http conn;
	buf_adds(&path, "/images");
	url_add_segment(&path, name);
	buf_adds(&path, "/push");
	url_add(&path, "tag", ref->tag ? ref->tag : "");
	url_add(&path, "platform", flag_str(a, "platform"));
	use_credentials_for(cli, ref);
	if (api_open(&cli->api, &conn, "POST", path.data, NULL, false, err) < 0)
		return -1;
	int rc = progress_show(&conn, out, err);
	http_close(&conn);
	return rc;
}

static int cmd_push(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_reference ref = {0};
	bool all = flag_bool(a, "all-tags"), quiet = flag_bool(a, "quiet");
	if (reference_parse(a->rest[0], &ref, &err) < 0)
		return cli_error(err);
	if (ref.has_digest) {
		fprintf(stderr, "cannot push a digest reference\n");
		return 1;
	}
	if (all && ref.tag) {
		fprintf(stderr, "tag can't be used with --all-tags/-a\n");
		return 1;
	}
	if (!all && !ref.tag) {
		reference_default_tag(&ref);
		if (!quiet)
			printf("Using default tag: %s\n", ref.tag);
	}
	if (push(cli, a, &ref, quiet ? NULL : stdout, &err) < 0)
		return cli_error(err);
	auto_free char *name = quiet ? reference_string(&ref) : NULL;
	if (name)
		printf("%s\n", name);
	return 0;
}

const struct command command_push = {
	.group = "image",
	.name = "push",
	.top = "push",
	.args = "NAME[:TAG]",
	.summary = "Send an image to a registry",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.common = true,
	.completes = "@images",
	.details = "A name is pushed as the manifest or index that it came with, with the same "
		   "digest; a tag came with what its source did. A platform of an index goes "
		   "alone where the others are not here. An image that was made here, or loaded "
		   "with plain layers, is compressed, and is the same when it is pushed again.",
	.run = cmd_push,
};
