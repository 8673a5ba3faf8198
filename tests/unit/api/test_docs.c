/* docs/api.md ends with the table of routes as the program has it. KIST_WRITE_DOCS=1 writes it. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/server.h"
#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"

static const char marker[] =
	"<!-- The table below is written by tests/unit/api/test_docs.c -->\n\n";

static void test_table_in_the_docs(void **state)
{
	auto_buf text = BUF_INIT;
	auto_free char *table = server_routes_text();
	assert_int_equal(file_read(AT_FDCWD, KIST_API_DOC, 1 << 20, &text, NULL), 0);
	char *at = strstr(text.data, marker);
	assert_non_null(at);
	at += strlen(marker);
	if (strcmp(at, table) == 0)
		return;
	if (!getenv("KIST_WRITE_DOCS"))
		fail_msg("docs/api.md is out of date: run this test with KIST_WRITE_DOCS=1");
	text.len = (size_t)(at - text.data);
	buf_adds(&text, table);
	assert_int_equal(
		file_replace(AT_FDCWD, KIST_API_DOC, text.data, text.len, 0644, false, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table_in_the_docs)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
