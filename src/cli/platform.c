#include "platform.h"

#include <sys/utsname.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "http.h"

#define CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

int check_platform(const char *value, struct err **err)
{
	auto_strv parts = strv_split(value, '/');
	bool good = strv_len(parts) <= 3;
	for (size_t i = 0; parts[i]; i++)
		good = good && str_all_of(parts[i], CHARACTERS, 1, 64);
	return good ? 0
		    : err_set(err, ERR_INVALID, "\"%s\" is no platform (OS[/ARCH[/VARIANT]])",
			      value);
}

/* Go's name of this machine. */
static const char *own_architecture(struct utsname *u)
{
	static const struct {
		const char *machine, *name;
	} names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"},
		{"armv6l", "arm"}, {"i686", "386"}};
	uname(u);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(u->machine, names[i].machine))
			return names[i].name;
	return u->machine;
}

void url_add_platform(struct buf *target, const char *name, const char *value)
{
	struct utsname u;
	if (str_empty(value))
		return;
	auto_strv parts = strv_split(value, '/');
	auto_json *j = json_object();
	auto_buf text = BUF_INIT;
	bool os_alone = !parts[1] && (str_eq(parts[0], "linux") || str_eq(parts[0], "windows"));
	json_put_str(j, "architecture",
		os_alone   ? own_architecture(&u)
		: parts[1] ? parts[1]
			   : parts[0]);
	json_put_str(j, "os", parts[1] || os_alone ? parts[0] : "linux");
	if (parts[1] && parts[2])
		json_put_str(j, "variant", parts[2]);
	json_write(j, &text);
	url_add(target, name, buf_str(&text));
}
