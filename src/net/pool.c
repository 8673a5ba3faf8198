#include "pool.h"

#include <arpa/inet.h>

#include "base/mem.h"
#include "base/str.h"

static uint32_t size_of(const struct pool *pool)
{
	return ~pool_mask(pool->prefix) + 1U;
}

void pool_init(struct pool *pool, uint32_t address, uint8_t prefix)
{
	*pool = (struct pool){.subnet = address & pool_mask(prefix), .prefix = prefix};
	uint32_t size = size_of(pool);
	pool->bits = xcalloc((size + 63) / 64, sizeof(*pool->bits));
	pool->first = pool->subnet;
	pool->last = pool->subnet + (size - 1);
	pool->hint = pool->first;
	pool_take(pool, pool->first);
	pool_take(pool, pool->last);
}

bool pool_restrict(struct pool *pool, uint32_t address, uint8_t prefix)
{
	if (prefix < pool->prefix || !pool_contains(pool, address))
		return false;
	pool->first = address & pool_mask(prefix);
	pool->last = pool->first | ~pool_mask(prefix);
	pool->hint = pool->first;
	return true;
}

void pool_free(struct pool *pool)
{
	free(pool->bits);
	pool->bits = NULL;
}

bool pool_contains(const struct pool *pool, uint32_t address)
{
	return (address & pool_mask(pool->prefix)) == pool->subnet;
}

bool pool_take(struct pool *pool, uint32_t address)
{
	uint32_t i = address - pool->subnet;
	uint64_t bit = 1ULL << (i % 64);
	if (!pool_contains(pool, address) || (pool->bits[i / 64] & bit))
		return false;
	pool->bits[i / 64] |= bit;
	return true;
}

uint32_t pool_take_any(struct pool *pool)
{
	uint32_t end = pool->last - pool->subnet;
	for (uint32_t i = pool->hint - pool->subnet; i <= end;) {
		uint64_t word = pool->bits[i / 64];
		if (i % 64 == 0 && word == ~0ULL) {
			i += 64;
			continue;
		}
		if (!(word & 1ULL << (i % 64))) {
			pool->bits[i / 64] |= 1ULL << (i % 64);
			pool->hint = pool->subnet + i;
			return pool->subnet + i;
		}
		i++;
	}
	return 0;
}

void pool_give(struct pool *pool, uint32_t address)
{
	uint32_t i = address - pool->subnet;
	/* Network and broadcast address stay taken, whatever a damaged record says. */
	if (!pool_contains(pool, address) || i == 0 || i == size_of(pool) - 1)
		return;
	pool->bits[i / 64] &= ~(1ULL << (i % 64));
	if (address >= pool->first && address < pool->hint)
		pool->hint = address;
}

bool pool_parse_cidr(const char *text, uint32_t *address, uint8_t *prefix)
{
	const char *slash = strchr(text, '/');
	struct in_addr addr;
	uint32_t bits;
	if (!slash || slash - text >= INET_ADDRSTRLEN)
		return false;
	auto_free char *head = xstrndup(text, (size_t)(slash - text));
	if (inet_pton(AF_INET, head, &addr) != 1 || str_to_u32(slash + 1, &bits) < 0)
		return false;
	if (bits < 8 || bits > 30)
		return false;
	*address = ntohl(addr.s_addr);
	*prefix = (uint8_t)bits;
	return true;
}
