/* state: the specification's state document. */
#include <stdio.h>

#include "state.h"

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	auto_state *s = NULL;
	auto_buf text = BUF_INIT;
	if (state_open(&s, g, argv[0], LOCK_NONE, err) < 0)
		return 1;
	state_document(s, true, NULL, &text);
	puts(buf_str(&text));
	return 0;
}

const struct verb verb_state = {
	.name = "state",
	.usage = "<container-id>",
	.help = "print a container's state as JSON",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
