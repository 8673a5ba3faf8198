#include "base/digest.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <string.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

bool digest_valid(const char *text)
{
	const char *hex = text ? str_after(text, "sha256:") : NULL;
	return hex && str_all_of(hex, "0123456789abcdef", DIGEST_HEX_LEN, DIGEST_HEX_LEN);
}

/* Of the other algorithms that the specification has. */
static bool other_digest(const char *text)
{
	const struct {
		const char *name;
		size_t digits;
	} known[] = {{"sha384:", 96}, {"sha512:", 128}};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const char *hex = str_after(text, known[i].name);
		if (hex && str_all_of(hex, "0123456789abcdef", known[i].digits, known[i].digits))
			return true;
	}
	return false;
}

int digest_parse(const char *text, struct digest *out, struct err **err)
{
	if (!text)
		return err_set(err, ERR_INVALID, "digest is missing");
	if (other_digest(text))
		return err_set(err, ERR_NOT_IMPLEMENTED,
			"digest \"%.140s\": only sha256 is implemented", text);
	if (!digest_valid(text))
		return err_set(err, ERR_INVALID, "invalid digest \"%.140s\"", text);
	memcpy(out->str, text, DIGEST_STR_LEN + 1);
	return 0;
}

static void hex_encode(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = 0;
}

void digest_from_raw(const uint8_t raw[32], struct digest *out)
{
	memcpy(out->str, "sha256:", 7);
	hex_encode(raw, 32, out->str + 7);
}

void digest_of(const void *p, size_t n, struct digest *out)
{
	struct sha256_ctx ctx;
	uint8_t raw[SHA256_DIGEST_SIZE];
	sha256_init(&ctx);
	sha256_update(&ctx, n, p);
	sha256_digest(&ctx, sizeof(raw), raw);
	digest_from_raw(raw, out);
}

int digest_of_fd_until(int fd, int (*stop)(void *arg), void *arg, struct digest *out)
{
	struct sha256_ctx ctx;
	uint8_t raw[SHA256_DIGEST_SIZE];
	const size_t room = 256u << 10;
	auto_free char *chunk = xmalloc(room);
	ssize_t n;
	sha256_init(&ctx);
	while ((n = fd_read(fd, chunk, room)) > 0) {
		sha256_update(&ctx, (size_t)n, (const uint8_t *)chunk);
		if (stop && stop(arg) != 0) {
			errno = ECANCELED;
			return -1;
		}
	}
	sha256_digest(&ctx, sizeof(raw), raw);
	digest_from_raw(raw, out);
	return n < 0 ? -1 : 0;
}

int digest_of_fd(int fd, struct digest *out)
{
	return digest_of_fd_until(fd, NULL, NULL, out);
}
