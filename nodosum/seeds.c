#include "nodosum/seeds.h"

#include <string.h>

_Static_assert((int)NODOSUM_SEEDS_MAX == (int)SEEDS_MAX, "what is configured has room in the core");

struct nodosum_address nodosum_seeds_from(const struct sealed_address *at)
{
    struct nodosum_address to = {.port = at->port};

    memcpy(to.ip, at->ip, sizeof to.ip);
    return to;
}

struct sealed_address nodosum_seeds_to(const struct nodosum_address *at)
{
    struct sealed_address to = {.port = at->port};

    memcpy(to.ip, at->ip, sizeof to.ip);
    return to;
}

void nodosum_seeds_format(const struct nodosum_address *a, char out[ADDRESS_SIZE])
{
    struct sealed_address at = nodosum_seeds_to(a);

    address_format(&at, out);
}

enum err nodosum_seeds_parse_address(const char *text, uint16_t port, struct nodosum_address *ret)
{
    struct sealed_address at;
    enum err e = seeds_parse_address(text, port, &at);

    if (e == ERR_OK) {
        *ret = nodosum_seeds_from(&at);
    }
    return e;
}

bool nodosum_seeds_is_loopback(const struct nodosum_address *a)
{
    struct sealed_address at = nodosum_seeds_to(a);

    return seeds_is_loopback(&at);
}

bool nodosum_seeds_is_nowhere(const struct nodosum_address *a)
{
    struct sealed_address at = nodosum_seeds_to(a);

    return seeds_is_nowhere(&at);
}

bool nodosum_seeds_is_v4(const struct nodosum_address *a)
{
    struct sealed_address at = nodosum_seeds_to(a);

    return seeds_is_v4(&at);
}
