#include "common/node/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/node/contact.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291, section 2.5.5.2 */

enum err address_parse(const char *text, struct sealed_address *ret)
{
    struct sealed_address at = {0};
    char host[CONTACT_SIZE];
    uint16_t port;

    if (contact_parse(text, host, &port) != ERR_OK) {
        return ERR_MALFORMED;
    }
    memcpy(at.ip, mapped, sizeof mapped);
    bool is_v6 = text[0] == '[';
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, host, is_v6 ? at.ip : at.ip + sizeof mapped) != 1) {
        return ERR_MALFORMED;
    }
    at.port = port;
    *ret = at;
    return ERR_OK;
}

void address_format(const struct sealed_address *at, char out[ADDRESS_SIZE])
{
    bool is_v4 = memcmp(at->ip, mapped, sizeof mapped) == 0;
    char host[INET6_ADDRSTRLEN] = "";

    /* Fails only for a family or a size that is not ours. */
    (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? at->ip + sizeof mapped : at->ip, host, sizeof host);
    (void)snprintf(out, ADDRESS_SIZE, is_v4 ? "%s:%u" : "[%s]:%u", host, (unsigned)at->port);
}
