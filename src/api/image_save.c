/*
 * GET /images/get and /images/{name}/get. format=oci is kist's own: an OCI image layout with manifests and compressed
 * layers as they came.
 */
#include "engine/archive.h"

#include "base/mem.h"
#include "base/str.h"
#include "image_platform.h"
#include "outflow.h"
#include "request.h"

static int archive_fd(const void *a)
{
	return engine_archive_fd(a);
}

static bool archive_wait(const void *a)
{
	return engine_archive_wait(a);
}

static int archive_result(void *a, struct err **err)
{
	return engine_archive_result(a, err);
}

static void archive_close(void *a)
{
	engine_archive_close(a);
}

static const struct outflow_source archive_ops = {
	archive_fd, archive_wait, archive_result, archive_close};

static int read_form(struct request *req, enum store_save_form *out, struct err **err)
{
	const char *text = req_query(req, "format");
	if (!str_empty(text) && !str_eq(text, "docker") && !str_eq(text, "oci"))
		return err_set(err, ERR_INVALID,
			"invalid format \"%.64s\": docker and oci are known", text);
	*out = str_eq(text, "oci") ? STORE_SAVE_OCI : STORE_SAVE_DOCKER;
	return 0;
}

static int save(struct request *req, char *const *names, struct err **err)
{
	enum store_save_form form = STORE_SAVE_DOCKER;
	struct oci_platform platform = {0};
	int asked = platform_param(req_query(req, "platform"), &platform, err);
	if (asked < 0 || read_form(req, &form, err) < 0)
		return -1;
	struct engine_archive *a =
		engine_archive_open(req_engine(req), names, form, asked ? &platform : NULL, err);
	return a ? outflow_send(req, &archive_ops, a, "application/x-tar", err) : -1;
}

int api_image_save(struct request *req, struct err **err)
{
	char *const names[] = {(char *)req_var(req, "name"), NULL};
	return save(req, names, err);
}

int api_image_save_all(struct request *req, struct err **err)
{
	auto_strv names = req_query_all(req, "names");
	if (!names || !names[0])
		return err_set(err, ERR_INVALID, "no image is given: the query lacks names");
	return save(req, names, err);
}
