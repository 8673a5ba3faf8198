/*
 * The exit record: what a monitor leaves on disk so that a daemon that was away learns how its container
 * ended. Text, so that a person can read it; unknown lines are skipped, so that a newer monitor's
 * record can be read.
 */
#include "runtime/monitor.h"

#include <inttypes.h>
#include <string.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

#define EXIT_FILE "exit"
#define EXIT_MAX 4096

/*
 * Not synced: rename makes it atomic against kill -9 of anything, and after a power cut the container is gone
 * whatever the record says. A sync would wait for everybody's dirty data in the journal.
 */
int monitor_exit_write(int dir, const struct monitor_exit *e, struct err **err)
{
	auto_buf text = BUF_INIT;
	buf_addf(&text, "generation %" PRIu64 "\ncode %" PRId32 "\nsignal %" PRId32 "\noom %d\n",
		e->generation, e->code, e->signal, e->oom);
	buf_addf(&text, "started %" PRId64 "\nfinished %" PRId64 "\n", e->started_at,
		e->finished_at);
	return file_replace(dir, EXIT_FILE, text.data, text.len, 0600, false, err);
}

static int read_field(struct monitor_exit *e, unsigned int *seen, char *line)
{
	static const char *const names[] = {
		"generation", "code", "signal", "oom", "started", "finished"};
	char *space = strchr(line, ' ');
	if (!space)
		return -1;
	*space = 0;
	size_t i = 0;
	while (i < ARRAY_LEN(names) && strcmp(line, names[i]) != 0)
		i++;
	if (i == ARRAY_LEN(names))
		return 0;
	int64_t v = 0;
	if ((i == 0 ? str_to_u64(space + 1, &e->generation) : str_to_i64(space + 1, &v)) < 0)
		return -1;
	if ((i == 1 || i == 2) && (v < INT32_MIN || v > INT32_MAX))
		return -1;
	switch (i) {
	case 1:
		e->code = (int32_t)v;
		break;
	case 2:
		e->signal = (int32_t)v;
		break;
	case 3:
		e->oom = v != 0;
		break;
	case 4:
		e->started_at = v;
		break;
	case 5:
		e->finished_at = v;
		break;
	}
	*seen |= 1u << i;
	return 0;
}

int monitor_exit_read(int dir, struct monitor_exit *e, struct err **err)
{
	auto_buf text = BUF_INIT;
	if (file_read(dir, EXIT_FILE, EXIT_MAX, &text, err) < 0)
		return -1;
	*e = (struct monitor_exit){0};
	unsigned int seen = 0;
	char *save = NULL;
	for (char *line = strtok_r(text.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		if (read_field(e, &seen, line) < 0)
			return err_set(
				err, ERR_INVALID, "exit record has a malformed line \"%s\"", line);
	if ((seen & 0x3f) != 0x3f)
		return err_set(err, ERR_INVALID, "exit record is incomplete");
	return 0;
}
