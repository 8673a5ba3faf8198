#include "../cmocka_all.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "relay.h"

/* Standard output and error of the code under test, kept in pipes. */
struct capture {
	int out[2], errors[2], old_out, old_errors;
};

static void capture_begin(struct capture *c)
{
	assert_int_equal(pipe2(c->out, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipe2(c->errors, O_CLOEXEC | O_NONBLOCK), 0);
	c->old_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	c->old_errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	dup2(c->out[1], STDOUT_FILENO);
	dup2(c->errors[1], STDERR_FILENO);
}

static void drain(int pipe_ends[2], char *text, size_t n)
{
	ssize_t got = read(pipe_ends[0], text, n - 1);
	text[got > 0 ? got : 0] = 0;
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

static void capture_end(struct capture *c, char *out, char *errors, size_t n)
{
	dup2(c->old_out, STDOUT_FILENO);
	dup2(c->old_errors, STDERR_FILENO);
	close(c->old_out);
	close(c->old_errors);
	drain(c->out, out, n);
	drain(c->errors, errors, n);
}

static const char frames[] =
	"\1\0\0\0\0\0\0\3out\2\0\0\0\0\0\0\3err\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\2!\n";

static void frames_in_pieces(void **state)
{
	for (size_t step = 1; step < sizeof(frames); step++) {
		struct demux d = {0};
		int out[2], errors[2];
		char text[64], text2[64];
		assert_int_equal(pipe2(out, O_NONBLOCK | O_CLOEXEC), 0);
		assert_int_equal(pipe2(errors, O_NONBLOCK | O_CLOEXEC), 0);
		for (size_t i = 0; i < sizeof(frames) - 1; i += step) {
			size_t left = sizeof(frames) - 1 - i;
			assert_int_equal(demux_feed(&d, frames + i, left < step ? left : step,
						 out[1], errors[1], NULL),
				0);
		}
		assert_int_equal(demux_end(&d, NULL), 0);
		drain(out, text, sizeof(text));
		drain(errors, text2, sizeof(text2));
		assert_string_equal(text, "out!\n");
		assert_string_equal(text2, "err");
	}
}

static void bad_frames(void **state)
{
	struct demux d = {0}, system = {0};
	auto_err *err = NULL;
	assert_int_equal(demux_feed(&d, "HTTP/1.1", 8, -1, -1, &err), -1);
	assert_int_equal(demux_feed(&system, "\3\0\0\0\0\0\0\5oops\33", 13, -1, -1, NULL), 0);
	assert_int_equal(demux_end(&system, &err), -1);
	assert_string_equal(err_msg(err), "error from daemon in stream: oops?");
}

static void both_directions(void **state)
{
	int sock[2], in[2];
	char out[64], errors[64];
	struct capture c;
	auto_buf first = BUF_INIT;
	buf_add(&first, frames, 11);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(fd_write_all(in[1], "typed", 5), 0);
	close(in[1]);
	/* the other side: reads to the end of what is sent, then answers and closes */
	pid_t child = fork();
	if (child == 0) {
		close(sock[0]);
		char got[16];
		ssize_t n = fd_read_full(sock[1], got, 5) < 0 ? 0 : 5;
		bool ended = read(sock[1], got + 5, 1) == 0;
		fd_write_all(sock[1], frames + 11, sizeof(frames) - 12);
		_exit(n == 5 && ended ? 0 : 1);
	}
	close(sock[1]);
	struct relay r = {
		.sock = sock[0], .first = &first, .in = in[0], .half_close = true, .signals = -1};
	capture_begin(&c);
	enum relay_end end = relay_run(&r, NULL);
	capture_end(&c, out, errors, sizeof(out));
	assert_int_equal(end, RELAY_END);
	assert_string_equal(out, "out!\n");
	assert_string_equal(errors, "err");
	close(sock[0]);
	close(in[0]);
}

static void detaches(void **state)
{
	int sock[2], in[2];
	char out[64], errors[64], sent[64] = "";
	struct capture c;
	struct detach keys;
	auto_buf first = BUF_INIT;
	assert_int_equal(detach_parse(&keys, DETACH_DEFAULT, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(fd_write_all(in[1], "\x10\x11", 2), 0);
	struct relay r = {.sock = sock[0],
		.first = &first,
		.tty = true,
		.in = in[0],
		.detach = &keys,
		.signals = -1};
	capture_begin(&c);
	enum relay_end end = relay_run(&r, NULL);
	capture_end(&c, out, errors, sizeof(out));
	assert_int_equal(end, RELAY_DETACHED);
	assert_int_equal(recv(sock[1], sent, sizeof(sent), MSG_DONTWAIT), -1);
	close(sock[0]);
	close(sock[1]);
	close(in[0]);
	close(in[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_in_pieces),
		cmocka_unit_test(bad_frames),
		cmocka_unit_test(both_directions),
		cmocka_unit_test(detaches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
