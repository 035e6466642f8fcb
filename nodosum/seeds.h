/* Addresses between the core and whoever has them of people, of DNS and of the socket (common/node). */
#ifndef CELL_NODOSUM_SEEDS_H
#define CELL_NODOSUM_SEEDS_H

#include "common/node/address.h"
#include "common/node/seeds.h"
#include "nodosum/types.h"

struct nodosum_address nodosum_seeds_from(const struct sealed_address *at);
struct sealed_address nodosum_seeds_to(const struct nodosum_address *at);

/* As address_format and seeds_parse_address, of the core's. */
void nodosum_seeds_format(const struct nodosum_address *a, char out[ADDRESS_SIZE]);
enum err nodosum_seeds_parse_address(const char *text, uint16_t port, struct nodosum_address *ret) MUST_CHECK;

/* Whether it is 127.0.0.0/8 or ::1; whether it is 0.0.0.0 or ::. */
bool nodosum_seeds_is_loopback(const struct nodosum_address *a);
bool nodosum_seeds_is_nowhere(const struct nodosum_address *a);
bool nodosum_seeds_is_v4(const struct nodosum_address *a);

#endif
