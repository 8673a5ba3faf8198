/* passwd and group files of a hostile image: the input up to the first NUL is one, the rest the
 * other. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "user.h"

static int file_of(const uint8_t *p, size_t n)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd >= 0 && fd_write_all(fd, p, n) < 0)
		return -1;
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const specs[] = {"", "root", "bob", "1000", "bob:adm", "7:8"};
	static const char *const add[] = {"adm", "12", NULL};
	static struct user user;
	struct user_fault fault;
	const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
	size_t n = cut ? (size_t)(cut - data) : size;
	auto_fd int passwd = file_of(data, n);
	auto_fd int group = file_of(data + n, size - n);
	for (size_t i = 0; i < ARRAY_LEN(specs); i++)
		user_resolve(&user, specs[i], add, passwd, group, &fault);
	user_find_home(&user, 1000, passwd, &fault);
	return 0;
}
