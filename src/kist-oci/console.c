#include "console.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci.h"

int console_check(bool terminal, bool detach, const char *socket, struct err **err)
{
	bool given = !str_empty(socket);
	if (detach && terminal && !given)
		return err_set(err, ERR_INVALID,
			"cannot allocate tty if " PROGRAM
			" will detach without setting console socket");
	if (given && (!detach || !terminal))
		return err_set(err, ERR_INVALID,
			"cannot use console socket if " PROGRAM " will not detach or allocate tty");
	/* nobody could end what waits for keys that never come */
	if (!terminal || detach)
		return 0;
	auto_fd int ours = foreground_terminal();
	return ours >= 0 ? 0
			 : err_set(err, ERR_INVALID,
				   "cannot relay a terminal: none of the standard streams is one");
}

int console_send(const char *path, int master, struct err **err)
{
	static const char name[] = "/dev/ptmx";
	auto_fd int sock = unix_connect(AT_FDCWD, path, SOCK_STREAM, err);
	if (sock < 0)
		return -1;
	if (fd_send(sock, name, sizeof(name) - 1, &master, 1) < 0)
		return err_sys(err, errno, "send the terminal to %s", path);
	return 0;
}
