#include "issuer/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/run/fd.h"
#include "common/run/log.h"

enum {
    BACKLOG = 64
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

/* Numbers only: names are looked up by who connects. */
static enum err to_address(const char *contact, union address *ret, socklen_t *ret_size)
{
    char host[CONTACT_SIZE];
    uint16_t port;

    *ret = (union address){0};
    enum err e = contact_parse(contact, host, &port);
    if (e != ERR_OK) {
        return e;
    }
    if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        *ret_size = sizeof ret->v6;
        return ERR_OK;
    }
    if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(port);
        *ret_size = sizeof ret->v4;
        return ERR_OK;
    }
    return ERR_INVALID;
}

static enum err listen_at(const char *contact, int *ret)
{
    union address a;
    socklen_t size = 0;
    int on = 1, off = 0;
    enum err e = to_address(contact, &a, &size);

    if (e != ERR_OK) {
        return e;
    }
    AUTO_FD int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (a.any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd, &a.any, size) != 0 || listen(fd, BACKLOG) != 0) {
        return err_from_errno(errno);
    }
    *ret = fd_take(&fd);
    return ERR_OK;
}

/* ---- where others reach it -------------------------------------------------------------------------------- */

static uint16_t port_of(int fd)
{
    union address a = {0};
    socklen_t size = sizeof a.room;

    if (getsockname(fd, &a.any, &size) != 0) {
        return 0;
    }
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static void add_contact(struct issuer_shell *s, const union address *a, uint16_t port)
{
    char host[INET6_ADDRSTRLEN];
    bool is_v6 = a->any.sa_family == AF_INET6;
    const void *from = is_v6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr;

    if (s->contacts < TOKEN_CONTACTS_MAX && inet_ntop(a->any.sa_family, from, host, sizeof host) != NULL) {
        (void)snprintf(s->contact[s->contacts++], CONTACT_SIZE, is_v6 ? "[%s]:%u" : "%s:%u", host, port);
    }
}

/* Neither loopback nor what is valid on one wire alone. */
static bool is_useful(const struct ifaddrs *i, int family, union address *ret)
{
    if (i->ifa_addr == NULL || i->ifa_addr->sa_family != family || (i->ifa_flags & IFF_LOOPBACK) != 0 ||
        (i->ifa_flags & IFF_UP) == 0) {
        return false;
    }
    *ret = (union address){0};
    memcpy(ret, i->ifa_addr, family == AF_INET ? sizeof ret->v4 : sizeof ret->v6);
    return family == AF_INET || !IN6_IS_ADDR_LINKLOCAL(&ret->v6.sin6_addr);
}

static void find_contacts(struct issuer_shell *s, uint16_t port)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct ifaddrs *all = NULL;
    union address a;

    if (getifaddrs(&all) == 0) {
        for (size_t f = 0; f < ARRAY_LEN(families); f++) {
            for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
                if (is_useful(i, families[f], &a)) {
                    add_contact(s, &a, port);
                }
            }
        }
        freeifaddrs(all);
    }
    if (s->contacts == 0) { /* no network: whoever joins is on this machine */
        (void)snprintf(s->contact[s->contacts++], CONTACT_SIZE, "127.0.0.1:%u", port);
    }
}

/* A socket bound to one address is reached there and nowhere else. */
static bool is_bound(int fd, union address *ret)
{
    socklen_t size = sizeof ret->room;

    if (getsockname(fd, &ret->any, &size) != 0) {
        return false;
    }
    return ret->any.sa_family == AF_INET6 ? !IN6_IS_ADDR_UNSPECIFIED(&ret->v6.sin6_addr)
                                          : ret->v4.sin_addr.s_addr != htonl(INADDR_ANY);
}

enum err issuer_listen_open(struct issuer_shell *s)
{
    union address a = {0};
    enum err e = ERR_OK;

    s->listen_fd = cell_take_descriptor(s->cell, "listen.join");
    if (s->listen_fd < 0) {
        e = listen_at(s->config.listen, &s->listen_fd);
        if (e != ERR_OK && s->config.is_default) {
            e = listen_at("0.0.0.0:7402", &s->listen_fd); /* a machine without IPv6 */
        }
    }
    if (e != ERR_OK) {
        log_error("ISSUER-NO-SOCKET", "at=%s error=%s", s->config.listen, err_name(e));
        return e;
    }
    for (uint32_t i = 0; i < s->config.contacts; i++) {
        memcpy(s->contact[s->contacts++], s->config.contact[i], CONTACT_SIZE);
    }
    if (s->contacts == 0 && is_bound(s->listen_fd, &a)) {
        add_contact(s, &a, port_of(s->listen_fd));
    } else if (s->contacts == 0) {
        find_contacts(s, port_of(s->listen_fd));
    }
    log_info("ISSUER-LISTEN", "at=%s contact=%s", s->config.listen, s->contact[0]);
    return ERR_OK;
}
