#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

void terminal_raw(struct terminal *t, int fd)
{
	t->fd = -1;
	if (tcgetattr(fd, &t->saved) < 0)
		return;
	struct termios raw = t->saved;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(fd, TCSADRAIN, &raw) == 0)
		t->fd = fd;
}

void terminal_restore(struct terminal *t)
{
	if (t->fd >= 0)
		tcsetattr(t->fd, TCSADRAIN, &t->saved);
	t->fd = -1;
}

bool terminal_size(unsigned *rows, unsigned *columns)
{
	struct winsize size;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || (!size.ws_row && !size.ws_col))
		return false;
	*rows = size.ws_row;
	*columns = size.ws_col;
	return true;
}
