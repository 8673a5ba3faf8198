/* load and import: from an archive to images. */
#include "store_private.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "oci/platform.h"
#include "sys/tmpfile.h"

static void say(store_progress_fn *progress, void *arg, char *text)
{
	struct store_progress p = {.kind = STORE_PROGRESS_TEXT, .text = text};
	if (progress)
		progress(arg, &p); /* the images are there: too late to cancel */
	free(text);
}

static char *familiar(const char *name)
{
	auto_reference ref = {0};
	return reference_parse(name, &ref, NULL) < 0 ? xstrdup(name)
						     : reference_familiar_string(&ref);
}

static void tell_loaded(const struct new_image *images, size_t n, const struct moved_names *moved,
	store_progress_fn *progress, void *arg)
{
	for (size_t i = 0; i < moved->count; i++) {
		auto_free char *name = familiar(moved->v[i].name);
		say(progress, arg,
			xasprintf("The image %s already exists, renaming the old one with ID %s "
				  "to empty string\n",
				name, moved->v[i].from.str));
	}
	for (size_t i = 0; i < n; i++) {
		char *const *names = images[i].names;
		for (size_t k = 0; names && names[k]; k++) {
			auto_free char *name = familiar(names[k]);
			say(progress, arg, xasprintf("Loaded image: %s\n", name));
		}
		if (!names)
			say(progress, arg, xasprintf("Loaded image ID: %s\n", images[i].id.str));
	}
}

static void give_ids(const struct new_image *images, size_t n, struct store_loaded *out)
{
	out->v = xcalloc(n + 1, sizeof(*out->v));
	out->count = n;
	for (size_t i = 0; i < n; i++)
		out->v[i] = images[i].id;
}

int store_load(struct store *s, int fd, const struct oci_platform *want,
	store_progress_fn *progress, void *arg, struct store_loaded *out, struct err **err)
{
	struct transfer t;
	struct new_image *images = NULL;
	size_t n = 0;
	struct moved_names moved = {0};
	int r = transfer_run(s, TRANSFER_LOAD, fd, progress, arg, &t, err);
	if (r == 0)
		r = archive_images(&t, want, &images, &n, err);
	if (r == 0)
		r = commit_images(s, t.dir, images, n, &moved, err);
	transfer_end(&t);
	if (r == 0) {
		tell_loaded(images, n, &moved, progress, arg);
		give_ids(images, n, out);
	}
	for (size_t i = 0; i < n; i++)
		new_image_free(&images[i]);
	free(images);
	moved_names_free(&moved);
	return r;
}

/* ---- import ---- */

static void fill_config(
	struct oci_image *to, const struct store_import *spec, const struct digest *diff_id)
{
	const char *message = str_empty(spec->message) ? "Imported from -" : spec->message;
	to->created = time_now();
	to->comment = xstrdup(message);
	to->docker_version = xstrdup_null(spec->docker_version);
	to->os = xstrdup(str_empty(spec->os) ? "linux" : spec->os);
	struct oci_platform host;
	oci_platform_host(&host);
	bool here = str_empty(spec->architecture);
	to->architecture = xstrdup(here ? host.architecture : spec->architecture);
	const char *variant = here ? host.variant : spec->variant;
	to->variant = str_empty(variant) ? NULL : xstrdup(variant);
	if (spec->config)
		oci_image_config_copy(&to->config, spec->config);
	to->diff_ids = xmemdup(diff_id, sizeof(*diff_id));
	to->diff_id_count = 1;
	to->history = xcalloc(1, sizeof(*to->history));
	to->history_count = 1;
	to->history[0].created = to->created;
	to->history[0].comment = xstrdup(message);
}

static int import_name(const struct store_import *spec, char **out, struct err **err)
{
	auto_reference ref = {0};
	if (str_empty(spec->repo))
		return 0;
	if (reference_parse(spec->repo, &ref, err) < 0)
		return -1;
	if (ref.has_digest)
		return err_set(err, ERR_INVALID, "cannot import digest reference");
	if (!str_empty(spec->tag)) {
		if (!reference_tag_valid(spec->tag))
			return err_set(err, ERR_INVALID, "invalid tag format");
		str_replace(&ref.tag, spec->tag);
	}
	reference_default_tag(&ref);
	*out = reference_string(&ref);
	return 0;
}

int store_import_check(const struct store_import *spec, struct err **err)
{
	auto_free char *name = NULL;
	return import_name(spec, &name, err);
}

int store_spool(struct store *s, uint64_t *room, struct err **err)
{
	auto_fd int fd = tmpfile_open(s->staging, O_APPEND);
	if (fd < 0)
		return err_sys(err, errno, "make a temporary file");
	return transfer_room(fd, room, err) < 0 ? -1 : steal_fd(&fd);
}

static int import_layer(struct transfer *t, struct new_image *image,
	const struct store_import *spec, struct err **err)
{
	if (t->count != 1 || t->items[0].kind != ITEM_LAYER || !t->items[0].staged)
		return err_set(err, ERR_SYSTEM, "kist-transfer gave no layer");
	const struct item *it = &t->items[0];
	image->config = oci_image_new();
	fill_config(image->config, spec, &it->diff_id);
	oci_image_emit(image->config, &image->json);
	digest_of(image->json.data, image->json.len, &image->id);
	image->layers = xcalloc(1, sizeof(*image->layers));
	staged_layer_take(&image->layers[0], it);
	return 0;
}

int store_import(struct store *s, const struct store_import *spec, store_progress_fn *progress,
	void *arg, struct digest *id, struct err **err)
{
	struct transfer t;
	struct new_image image = {0};
	struct moved_names moved = {0};
	auto_free char *name = NULL;
	if (import_name(spec, &name, err) < 0)
		return -1;
	int r = transfer_run(s, TRANSFER_IMPORT, spec->fd, progress, arg, &t, err);
	if (r == 0)
		r = import_layer(&t, &image, spec, err);
	if (r == 0) {
		if (name)
			strv_add(&image.names, name);
		r = commit_images(s, t.dir, &image, 1, &moved, err);
	}
	transfer_end(&t);
	if (r == 0)
		*id = image.id;
	new_image_free(&image);
	moved_names_free(&moved);
	return r;
}
