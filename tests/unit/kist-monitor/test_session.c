/* Sessions with the process's ends in the test's hands and clients over socket pairs. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <cmocka.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "session.h"

#define MS 1000000LL
#define PATIENCE (30000 * MS) /* for what must happen */

struct fixture {
	struct loop *loop;
	struct session *session;
	int in, out, err; /* the process's */
	int client; /* the client's end */
	int drained, deserted, detached, left;
	bool (*until)(struct fixture *f);
	int64_t deadline;
	bool late;
	int rounds;
	struct buf got; /* what the client has read */
	bool client_eof;
	struct buf stdin_got;
	bool stdin_eof;
};

static void on_drained(void *arg)
{
	struct fixture *f = arg;
	f->drained++;
	session_detach_all(f->session);
}

static void on_deserted(void *arg)
{
	((struct fixture *)arg)->deserted++;
}

static void on_detached(void *arg)
{
	((struct fixture *)arg)->detached++;
}

static void on_left(void *arg)
{
	((struct fixture *)arg)->left++;
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	signal(SIGPIPE, SIG_IGN);
	f->loop = loop_new(NULL);
	struct session_owner owner = {on_drained, on_deserted, on_detached, on_left, f};
	f->session = session_new(f->loop, &owner);
	f->in = f->out = f->err = f->client = -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	session_free(f->session);
	loop_free(f->loop);
	fd_close(f->in);
	fd_close(f->out);
	fd_close(f->err);
	fd_close(f->client);
	buf_free(&f->got);
	buf_free(&f->stdin_got);
	free(f);
	return 0;
}

static void tick(struct loop_timer *timer, void *arg)
{
	struct fixture *f = arg;
	f->late = time_mono() > f->deadline;
	if (f->late || f->until(f))
		loop_stop(f->loop);
	else
		loop_timer_set(timer, time_mono() + MS);
}

static bool run_until(struct fixture *f, bool (*until)(struct fixture *f), int64_t limit)
{
	f->until = until;
	f->deadline = time_mono() + limit;
	struct loop_timer *timer = loop_timer_add(f->loop, 0, tick, f);
	loop_run(f->loop, NULL);
	loop_timer_del(timer);
	return !f->late;
}

static bool often_enough(struct fixture *f)
{
	return --f->rounds <= 0;
}

/* That many rounds of the loop, a millisecond each: not a time, in which a busy machine may do nothing. */
static void run_for(struct fixture *f, int rounds)
{
	f->rounds = rounds;
	assert_true(run_until(f, often_enough, PATIENCE));
}

static void configure(struct fixture *f, bool open_stdin, bool stdin_once)
{
	session_configure(f->session, false, open_stdin, stdin_once, NULL);
}

static void start(struct fixture *f)
{
	struct run_io io;
	assert_int_equal(session_open(f->session, &io, NULL), 0);
	f->in = fcntl(io.in, F_DUPFD_CLOEXEC, 3);
	f->out = fcntl(io.out, F_DUPFD_CLOEXEC, 3);
	f->err = fcntl(io.err, F_DUPFD_CLOEXEC, 3);
	session_run(f->session, -1);
	fd_set_blocking(f->in, false);
	fd_set_blocking(f->out, false);
}

static void attach_with(struct fixture *f, struct monitor_attach a)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(session_attach(f->session, &a, pair[0], NULL), 0);
	f->client = pair[1];
	fd_set_blocking(f->client, false);
}

static void attach(struct fixture *f, bool raw)
{
	attach_with(f, (struct monitor_attach){.in = true, .out = true, .err = true, .raw = raw});
}

static void read_client(struct fixture *f)
{
	char chunk[65536];
	ssize_t n;
	while ((n = fd_read(f->client, chunk, sizeof(chunk))) > 0)
		buf_add(&f->got, chunk, (size_t)n);
	if (n == 0)
		f->client_eof = true;
}

static void read_stdin(struct fixture *f)
{
	char chunk[65536];
	ssize_t n;
	while ((n = fd_read(f->in, chunk, sizeof(chunk))) > 0)
		buf_add(&f->stdin_got, chunk, (size_t)n);
	if (n == 0)
		f->stdin_eof = true;
}

static bool client_ended(struct fixture *f)
{
	read_client(f);
	return f->client_eof;
}

static bool stdin_ended(struct fixture *f)
{
	read_stdin(f);
	return f->stdin_eof;
}

static void end_process_with(struct fixture *f, int64_t grace)
{
	fd_closep(&f->in);
	fd_closep(&f->out);
	fd_closep(&f->err);
	session_end(f->session, grace);
}

static void end_process(struct fixture *f)
{
	end_process_with(f, 100 * MS);
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void frames_and_end(void **state)
{
	struct fixture *f = *state;
	configure(f, false, false);
	attach(f, false); /* before there is a process */
	start(f);
	say(f->out, "hello\n");
	run_for(f, 20);
	say(f->err, "oh\n");
	end_process(f);
	assert_true(run_until(f, client_ended, PATIENCE));
	assert_int_equal(f->got.len, 8 + 6 + 8 + 3);
	assert_memory_equal(f->got.data, "\1\0\0\0\0\0\0\6hello\n\2\0\0\0\0\0\0\3oh\n", 25);
	fd_closep(&f->client);
	run_for(f, 20);
	assert_int_equal(f->drained, 1);
	assert_int_equal(f->deserted, 1);
}

static void raw_with_head(void **state)
{
	struct fixture *f = *state;
	configure(f, true, true);
	attach_with(f, (struct monitor_attach){.in = true,
			       .out = true,
			       .raw = true,
			       .head = "HEAD",
			       .head_len = 4,
			       .early = "early ",
			       .early_len = 6});
	read_client(f);
	assert_string_equal(buf_str(&f->got), "HEAD"); /* at once: the peer waits for it */
	say(f->client, "late");
	start(f);
	say(f->out, "x");
	say(f->err, "not asked for");
	run_for(f, 20);
	shutdown(f->client, SHUT_WR);
	assert_true(run_until(f, stdin_ended, PATIENCE));
	assert_string_equal(buf_str(&f->stdin_got), "early late");
	end_process(f);
	assert_true(run_until(f, client_ended, PATIENCE));
	assert_string_equal(buf_str(&f->got), "HEADx");
}

static void a_read_of_the_head_gives_nothing_of_the_stream(void **state)
{
	struct fixture *f = *state;
	char room[100];
	configure(f, false, false);
	attach_with(f,
		(struct monitor_attach){.out = true, .raw = true, .head = "HEAD", .head_len = 4});
	start(f);
	say(f->out, "x");
	end_process(f);
	run_for(f, 20);
	/* all of it is there; a client with a buffer of its own for the head leaves it the stream */
	assert_int_equal(read(f->client, room, sizeof(room)), 4);
	assert_int_equal(read(f->client, room, sizeof(room)), 1);
	assert_int_equal(read(f->client, room, sizeof(room)), 0);
}

static size_t fill(int fd)
{
	static char chunk[65536];
	size_t total = 0;
	ssize_t n;
	while ((n = write(fd, chunk, sizeof(chunk))) > 0)
		total += (size_t)n;
	return total;
}

/* Until nothing goes in any more, however often the loop runs; or @enough is in. */
static size_t pour(struct fixture *f, int fd, size_t enough)
{
	size_t total = 0;
	for (int idle = 0; idle < 20 && total < enough;) {
		size_t n = fill(fd);
		total += n;
		idle = n ? 0 : idle + 1;
		run_for(f, 2);
	}
	return total;
}

static void slow_client_is_waited_for(void **state)
{
	struct fixture *f = *state;
	configure(f, false, false);
	attach(f, true);
	start(f);
	/* until queue, socket and pipe are full */
	size_t total = pour(f, f->out, 4 * 1024 * 1024);
	assert_true(total > SESSION_QUEUE_MAX && total < 4 * 1024 * 1024);
	fd_closep(&f->out);
	fd_closep(&f->err);
	fd_closep(&f->in);
	session_end(f->session, 100 * MS);
	assert_true(run_until(f, client_ended, PATIENCE));
	assert_int_equal(f->got.len, total); /* to the last byte, although the process has ended */
}

static void gone_client_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	configure(f, false, false);
	attach(f, true);
	start(f);
	assert_true(pour(f, f->out, 4 * 1024 * 1024) < 4 * 1024 * 1024);
	fd_closep(&f->client);
	run_for(f, 20);
	assert_true(pour(f, f->out, 4 * 1024 * 1024) >= 4 * 1024 * 1024);
	assert_int_equal(session_clients(f->session), 0);
}

static void closed_client_leaves_its_input(void **state)
{
	struct fixture *f = *state;
	configure(f, true, true);
	attach(f, false);
	size_t sent = fill(f->client);
	fd_closep(&f->client);
	start(f);
	assert_true(run_until(f, stdin_ended, PATIENCE));
	assert_int_equal(f->stdin_got.len, sent);
	assert_int_equal(session_clients(f->session), 0);
}

static void client_leaves_before_the_start(void **state)
{
	struct fixture *f = *state;
	configure(f, true, true);
	attach(f, false);
	fd_closep(&f->client);
	run_for(f, 20);
	assert_int_equal(session_clients(f->session), 0);
	assert_int_equal(f->left, 1);
	attach(f, false);
	say(f->client, "for later");
	fd_closep(&f->client);
	run_for(f, 20);
	assert_int_equal(f->left, 1);
	start(f);
	assert_true(run_until(f, stdin_ended, PATIENCE));
	assert_string_equal(buf_str(&f->stdin_got), "for later");
}

static void input_waits_for_the_process(void **state)
{
	struct fixture *f = *state;
	configure(f, true, true);
	attach(f, false);
	start(f);
	size_t sent = pour(f, f->client, 64 * 1024 * 1024);
	assert_true(sent < 64 * 1024 * 1024); /* nobody reads stdin: it stops */
	shutdown(f->client, SHUT_WR);
	assert_true(run_until(f, stdin_ended, PATIENCE));
	assert_int_equal(f->stdin_got.len, sent);
	say(f->out, "still");
	run_for(f, 20);
	read_client(f);
	assert_int_equal(f->got.len, 8 + 5); /* half-closed, and still reading */
}

static void process_closes_stdin(void **state)
{
	struct fixture *f = *state;
	configure(f, true, true);
	attach(f, true);
	start(f);
	fd_closep(&f->in);
	run_for(f, 10);
	say(f->client, "into the void");
	run_for(f, 10);
	say(f->client, "again");
	say(f->out, "output");
	run_for(f, 20);
	read_client(f);
	assert_string_equal(buf_str(&f->got), "output");
	assert_int_equal(fill(f->client) > 0, 1);
	run_for(f, 20);
	assert_true(fill(f->client) > 0); /* swallowed, not stuck */
}

static void end_of_input_lets_go_without_stdin_once(void **state)
{
	struct fixture *f = *state;
	configure(f, true, false);
	attach(f, true);
	start(f);
	say(f->client, "line\n");
	shutdown(f->client, SHUT_WR);
	assert_true(run_until(f, client_ended, PATIENCE));
	read_stdin(f);
	assert_string_equal(buf_str(&f->stdin_got), "line\n");
	assert_false(f->stdin_eof); /* the next client may go on */
}

static void others_keep_the_pipe(void **state)
{
	struct fixture *f = *state;
	configure(f, false, false);
	attach(f, true);
	start(f);
	int child = fcntl(f->out, F_DUPFD_CLOEXEC, 3);
	say(f->out, "last words");
	end_process_with(f, 3000 * MS);
	run_for(f, 20);
	assert_int_equal(f->drained, 0);
	say(child, ", and more");
	assert_true(run_until(f, client_ended, PATIENCE));
	assert_string_equal(buf_str(&f->got), "last words, and more");
	assert_int_equal(f->drained, 1);
	fd_close(child);
}

static void abort_lets_clients_go(void **state)
{
	struct fixture *f = *state;
	configure(f, false, false);
	attach(f, true);
	struct run_io io;
	assert_int_equal(session_open(f->session, &io, NULL), 0);
	session_abort(f->session);
	assert_true(run_until(f, client_ended, PATIENCE));
	assert_int_equal(f->drained, 0);
	fd_closep(&f->client);
	run_for(f, 10);
	attach(f, true); /* and once more */
	start(f);
	say(f->out, "x");
	end_process(f);
	f->client_eof = false;
	assert_true(run_until(f, client_ended, PATIENCE));
	assert_string_equal(buf_str(&f->got), "x");
}

static int terminal(struct fixture *f)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	f->out = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	assert_true(f->out >= 0);
	struct termios raw;
	tcgetattr(f->out, &raw);
	cfmakeraw(&raw);
	tcsetattr(f->out, TCSANOW, &raw);
	return master;
}

static bool client_has_prompt(struct fixture *f)
{
	read_client(f);
	return strcmp(buf_str(&f->got), "prompt") == 0;
}

static void terminal_and_detach_keys(void **state)
{
	struct fixture *f = *state;
	session_configure(f->session, true, true, false, NULL);
	attach_with(f,
		(struct monitor_attach){.in = true, .out = true, .raw = true, .keys = "\x10\x11"});
	struct run_io io;
	assert_int_equal(session_open(f->session, &io, NULL), 0);
	session_run(f->session, terminal(f));
	assert_int_equal(session_resize(f->session, 33, 77, NULL), 0);
	struct winsize size;
	assert_int_equal(ioctl(f->out, TIOCGWINSZ, &size), 0);
	assert_int_equal(size.ws_row, 33);
	assert_int_equal(size.ws_col, 77);
	/* handed on by a worker of the kernel's, which may come after the keys */
	say(f->out, "prompt");
	assert_true(run_until(f, client_has_prompt, PATIENCE));
	say(f->client, "ls\x10\x11");
	assert_true(run_until(f, client_ended, PATIENCE));
	assert_int_equal(f->detached, 1);
	assert_string_equal(buf_str(&f->got), "prompt");
	char typed[8] = "";
	assert_int_equal(fd_read(f->out, typed, sizeof(typed)), 2);
	assert_string_equal(typed, "ls");
	/* nobody has the terminal open for a moment: that is not its end */
	char name[64];
	assert_int_equal(ttyname_r(f->out, name, sizeof(name)), 0);
	fd_closep(&f->out);
	run_for(f, 20);
	f->out = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	fd_closep(&f->client);
	attach(f, true);
	say(f->out, " back");
	fd_closep(&f->out);
	session_end(f->session, 100 * MS);
	f->client_eof = false;
	assert_true(run_until(f, client_ended, PATIENCE));
	assert_string_equal(buf_str(&f->got), "prompt back");
	assert_int_equal(f->drained, 1);
}

static void refuses_other_descriptors(void **state)
{
	struct fixture *f = *state;
	int pipes[2];
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	struct monitor_attach a = {.out = true};
	auto_err *err = NULL;
	assert_int_equal(session_attach(f->session, &a, pipes[1], &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	fd_close(pipes[0]);
	fd_close(pipes[1]);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(frames_and_end),
		WITH(raw_with_head),
		WITH(a_read_of_the_head_gives_nothing_of_the_stream),
		WITH(slow_client_is_waited_for),
		WITH(gone_client_is_not_waited_for),
		WITH(closed_client_leaves_its_input),
		WITH(client_leaves_before_the_start),
		WITH(input_waits_for_the_process),
		WITH(process_closes_stdin),
		WITH(end_of_input_lets_go_without_stdin_once),
		WITH(others_keep_the_pipe),
		WITH(abort_lets_clients_go),
		WITH(terminal_and_detach_keys),
		WITH(refuses_other_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
