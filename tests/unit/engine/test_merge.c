/* The image's configuration under the user's, and the document's way through text. */
#include "../cmocka_all.h"

#include "create.h"

static char **vec(const char *a, const char *b)
{
	char **v = NULL;
	if (a)
		strv_add(&v, a);
	if (b)
		strv_add(&v, b);
	return v;
}

struct fixture {
	struct oci_image_config image;
	struct container_doc doc;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->image.user = xstrdup("app");
	f->image.env = vec("PATH=/image", "B=image");
	f->image.entrypoint = vec("/entry", NULL);
	f->image.cmd = vec("default", NULL);
	f->image.volumes = vec("/data", NULL);
	f->image.exposed_ports = vec("80/tcp", NULL);
	f->image.working_dir = xstrdup("/srv");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	oci_image_config_clear(&f->image);
	doc_clear(&f->doc);
	free(f);
	return 0;
}

static void test_everything_from_image(void **state)
{
	struct fixture *f = *state;
	struct container_config *c = &f->doc.config;
	auto_err *err = NULL;

	config_merge(c, &f->image);
	assert_string_equal(c->user, "app");
	assert_string_equal(c->working_dir, "/srv");
	assert_string_equal(c->volumes[0], "/data");
	assert_int_equal(config_command(&f->doc, &err), 0);
	assert_string_equal(f->doc.path, "/entry");
	assert_string_equal(f->doc.args[0], "default");
}

static void test_users_words_first(void **state)
{
	struct fixture *f = *state;
	struct container_config *c = &f->doc.config;
	auto_err *err = NULL;

	c->env = vec("B=mine", "C=mine");
	c->cmd = vec("run", NULL);
	c->exposed_ports = vec("80/tcp", "81/tcp");
	config_merge(c, &f->image);
	assert_int_equal(strv_len(c->env), 3);
	assert_string_equal(c->env[0], "B=mine");
	assert_string_equal(c->env[2], "PATH=/image");
	assert_int_equal(strv_len(c->exposed_ports), 2);
	assert_int_equal(config_command(&f->doc, &err), 0);
	assert_string_equal(f->doc.path, "/entry");
	assert_string_equal(f->doc.args[0], "run");
}

static void test_own_entrypoint_drops_the_images_command(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;

	f->doc.config.entrypoint = vec("/mine", NULL);
	config_merge(&f->doc.config, &f->image);
	assert_int_equal(config_command(&f->doc, &err), 0);
	assert_string_equal(f->doc.path, "/mine");
	assert_null(f->doc.args[0]);
}

static void test_empty_entrypoint_takes_it_away(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;

	f->doc.config.entrypoint = vec("", NULL);
	f->doc.config.cmd = vec("ls", NULL);
	config_merge(&f->doc.config, &f->image);
	assert_int_equal(config_command(&f->doc, &err), 0);
	assert_string_equal(f->doc.path, "ls");
}

static void test_no_command(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;

	f->doc.config.entrypoint = vec("", NULL);
	config_merge(&f->doc.config, &f->image);
	assert_int_equal(config_command(&f->doc, &err), -1);
	assert_string_equal(err->msg, "no command specified");
}

static void test_document_as_text(void **state)
{
	struct fixture *f = *state;
	struct container_doc back = {0};
	auto_err *err = NULL;

	memset(f->doc.id, 'a', 64);
	f->doc.created = 123456789;
	f->doc.image_id = xstrdup("sha256:x");
	f->doc.platform = xstrdup("linux");
	f->doc.host.privileged = true;
	f->doc.host.res.memory = 1 << 30;
	str_map_set(&f->doc.config.labels, "a", "b\"c");
	struct mount_point *m = model_list_add(&f->doc.mounts);
	m->type = xstrdup("volume");
	m->name = xstrdup("v");
	m->destination = xstrdup("/v");
	m->options = vec("rbind", "rprivate");
	m->anonymous = m->copy_up = true;
	config_merge(&f->doc.config, &f->image);
	assert_int_equal(config_command(&f->doc, &err), 0);

	auto_free char *text = doc_to_json(&f->doc);
	assert_int_equal(doc_from_json(&back, text, &err), 0);
	auto_free char *again = doc_to_json(&back);
	assert_string_equal(text, again);
	assert_true(back.mounts.v[0].anonymous && !back.mounts.v[0].rw);
	doc_clear(&back);
	assert_int_equal(doc_from_json(&back, "{\"id\":\"short\"}", &err), -1);
	doc_clear(&back);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_everything_from_image),
		T(test_users_words_first),
		T(test_own_entrypoint_drops_the_images_command),
		T(test_empty_entrypoint_takes_it_away),
		T(test_no_command),
		T(test_document_as_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
