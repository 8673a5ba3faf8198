/*
 * The addresses of one subnet: which are taken. Pure; the caller locks. Addresses are in host byte
 * order here.
 */
#ifndef KIST_NET_POOL_H
#define KIST_NET_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct pool {
	uint32_t subnet; /* network address */
	uint8_t prefix; /* 8..30 */
	uint32_t first; /* what may be handed out without being asked for by name: */
	uint32_t last; /* --fixed-cidr, or the whole subnet */
	uint32_t hint; /* no free address lies below */
	uint64_t
		*bits; /* one per address of the subnet; calloc'd: only touched pages cost memory */
};

/** The subnet of @address/@prefix; network and broadcast address are taken from the start. */
void pool_init(struct pool *pool, uint32_t address, uint8_t prefix);
/** Hands out only addresses of @address/@prefix from now on: false if that is not inside the subnet. */
bool pool_restrict(struct pool *pool, uint32_t address, uint8_t prefix);
void pool_free(struct pool *pool);
bool pool_contains(const struct pool *pool, uint32_t address);
/** False if it is taken already (or not of this subnet). */
bool pool_take(struct pool *pool, uint32_t address);
/** The lowest free address, 0 if there is none. */
uint32_t pool_take_any(struct pool *pool);
void pool_give(struct pool *pool, uint32_t address);

/** "172.18.0.1/16" to host order; false unless strict and 8 <= prefix <= 30. */
bool pool_parse_cidr(const char *text, uint32_t *address, uint8_t *prefix);
static inline uint32_t pool_mask(uint8_t prefix)
{
	return prefix ? ~0U << (32 - prefix) : 0;
}

#endif
