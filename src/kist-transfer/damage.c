#include "damage.h"

#include <stdarg.h>

#include "base/buf.h"
#include "base/mem.h"
#include "report.h"

#define PATH_SHOWN 1024
#define TEXT_SHOWN 1024

/* People will read it on a terminal, which takes the two bytes of U+0080 to U+009F for commands, too. */
static void add_plain(struct buf *out, const char *text, size_t max)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p, next = (unsigned char)p[1];
		if (out->len >= max) {
			buf_adds(out, "...");
			return;
		}
		if (c == 0xc2 && next >= 0x80 && next < 0xa0)
			buf_addf(out, "\\x%02x\\x%02x", c, (unsigned char)*++p);
		else if (c < 0x20 || c == 0x7f || c == '\\')
			buf_addf(out, "\\x%02x", c);
		else
			buf_addc(out, *p);
	}
}

void damage_tell(struct damages *d, const char *path, const char *fmt, ...)
{
	if (++d->count > TRANSFER_DAMAGES_MAX)
		return;
	va_list ap;
	auto_buf name = BUF_INIT, text = BUF_INIT;
	va_start(ap, fmt);
	auto_free char *said = xvasprintf(fmt, ap);
	va_end(ap);
	add_plain(&name, path, PATH_SHOWN);
	add_plain(&text, said, TEXT_SHOWN);
	struct transfer_message m = {
		.kind = TRANSFER_DAMAGE, .name = buf_str(&name), .text = buf_str(&text)};
	report_send(&m);
}
