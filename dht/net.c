#include "dht/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "common/node/seeds.h"
#include "common/run/fd.h"

enum { V4_AT = 12 }; /* bytes of ::ffff: before an IPv4 address (RFC 4291, section 2.5.5.2) */

bool dht_net_is_nowhere(const struct dht_address *at)
{
    const struct sealed_address sealed = dht_net_to(at);

    return seeds_is_nowhere(&sealed);
}

static enum err bind_at(const struct dht_address *at, int *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    const struct sealed_address sealed = dht_net_to(at);
    bool is_four = seeds_is_v4(&sealed);
    int off = 0;
    AUTO_FD int fd = socket(is_four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(&v4.sin_addr, at->ip + V4_AT, 4);
    memcpy(&v6.sin6_addr, at->ip, sizeof at->ip);
    if (fd < 0 || (!is_four && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd, is_four ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, is_four ? sizeof v4 : sizeof v6) != 0) {
        return err_from_errno(errno);
    }
    *ret = fd_take(&fd);
    return ERR_OK;
}

enum err dht_net_open(const struct dht_settings *settings, int *fd, int *ret_fd)
{
    if (*fd >= 0) {
        *ret_fd = fd_take(fd);
        return ERR_OK;
    }
    return bind_at(&settings->listen, ret_fd);
}

struct dht_address dht_net_from(const struct sealed_address *at)
{
    struct dht_address to = {.port = at->port};

    memcpy(to.ip, at->ip, sizeof to.ip);
    return to;
}

struct sealed_address dht_net_to(const struct dht_address *at)
{
    struct sealed_address to = {.port = at->port};

    memcpy(to.ip, at->ip, sizeof to.ip);
    return to;
}

void dht_net_format(const struct dht_address *at, char out[ADDRESS_SIZE])
{
    struct sealed_address sealed = dht_net_to(at);

    address_format(&sealed, out);
}
