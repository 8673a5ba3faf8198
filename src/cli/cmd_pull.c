/* pull */
#include "pull.h"

#include "credentials.h"
#include "progress.h"

static const struct flag_spec flags[] = {
	{"all-tags", 'a', FLAG_BOOL, NULL, "Every tag of the repository"},
	{"disable-content-trust", 0, FLAG_BOOL, NULL, "Without effect", "true", NULL, true},
	{"platform", 0, FLAG_STRING, NULL,
		"Variant to take, OS[/ARCH[/VARIANT]] (unset: the daemon's own)"},
	{"quiet", 'q', FLAG_BOOL, NULL, "No progress, only the image's name"},
	{NULL},
};

void use_credentials_for(struct cli *cli, const struct reference *ref)
{
	auto_free char *server = credentials_server_of(ref);
	free(cli->api.registry_auth);
	cli->api.registry_auth = credentials_header(server);
}

/* @ref without tag and digest: all tags. */
static int pull(struct cli *cli, const struct reference *ref, const char *platform, FILE *out,
	struct err **err)
{
	auto_buf path = BUF_INIT;
	auto_free char *name = reference_familiar_name(ref);
	struct http conn;
	buf_adds(&path, "/images/create");
	url_add(&path, "fromImage", name);
	url_add(&path, "tag", ref->has_digest ? ref->digest.str : ref->tag);
	url_add(&path, "platform", platform);
	use_credentials_for(cli, ref);
	if (api_open(&cli->api, &conn, "POST", path.data, NULL, false, err) < 0)
		return -1;
	int rc = progress_show(&conn, out, err);
	http_close(&conn);
	return rc;
}

int pull_image(
	struct cli *cli, const char *image, const char *platform, FILE *out, struct err **err)
{
	auto_reference ref = {0};
	if (reference_parse(image, &ref, err) < 0)
		return -1;
	reference_default_tag(&ref);
	return pull(cli, &ref, platform, out, err);
}

static int cmd_pull(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_reference ref = {0};
	bool all = flag_bool(a, "all-tags"), quiet = flag_bool(a, "quiet");
	if (reference_parse(a->rest[0], &ref, &err) < 0)
		return cli_error(err);
	if (all && (ref.tag || ref.has_digest)) {
		fprintf(stderr, "tag can't be used with --all-tags/-a\n");
		return 1;
	}
	if (!all && !ref.tag && !ref.has_digest) {
		reference_default_tag(&ref);
		if (!quiet)
			printf("Using default tag: %s\n", ref.tag);
	}
	if (pull(cli, &ref, flag_str(a, "platform"), quiet ? NULL : stdout, &err) < 0)
		return cli_error(err);
	auto_free char *name = reference_string(&ref);
	printf("%s\n", name);
	return 0;
}

const struct command command_pull = {
	.group = "image",
	.name = "pull",
	.top = "pull",
	.args = "NAME[:TAG|@DIGEST]",
	.summary = "Fetch an image from a registry",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.common = true,
	.completes = "@images",
	.details = "On a terminal each layer has a line with how much of it is there, how fast it "
		   "comes and how long it will take; elsewhere a line is printed for each step. A "
		   "download that was interrupted goes on where it stopped.",
	.run = cmd_pull,
};
