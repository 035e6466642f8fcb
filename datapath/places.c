#include "datapath/places.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/run/fd.h"

enum {
    INTERFACES = 64, /* that are looked at */
};

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_nowhere(const struct datapath_endpoint *at)
{
    static const uint8_t zeros[16];

    return memcmp(at->ip, zeros, sizeof zeros) == 0 || (memcmp(at->ip, mapped, sizeof mapped) == 0 && memcmp(at->ip + 12, zeros, 4) == 0);
}

static bool is_for_others(int socket, const struct ifreq *r, const char *device, const char *tap)
{
    struct ifreq asked = *r;

    return strncmp(r->ifr_name, device, IFNAMSIZ) != 0 && strncmp(r->ifr_name, tap, IFNAMSIZ) != 0 && r->ifr_addr.sa_family == AF_INET &&
           ioctl(socket, SIOCGIFFLAGS, &asked) == 0 && (asked.ifr_flags & IFF_UP) != 0 && (asked.ifr_flags & IFF_LOOPBACK) == 0;
}

/* Whether a socket that this process makes is of the network that `socket` is of, which may have been handed over. */
static bool is_of_network(int probe, int socket)
{
    uint64_t here = 0, there = 0;
    socklen_t size = sizeof here;

    return getsockopt(probe, SOL_SOCKET, SO_NETNS_COOKIE, &here, &size) == 0 &&
           getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &there, &size) == 0 && here == there;
}

/* From where this network sends to `to`; false: it does not. Nothing is sent. By a socket of its own: one of IPv6 that was connected
 * once hears nobody but that one any more, whatever it is connected to afterwards (Linux 6.18). */
static bool source_of(int socket_there, const struct datapath_endpoint *to, struct sockaddr_in6 *ret)
{
    struct sockaddr_in6 peer = {.sin6_family = AF_INET6, .sin6_port = htons(to->port), .sin6_scope_id = to->scope};
    socklen_t size = sizeof *ret;
    AUTO_FD int probe = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(&peer.sin6_addr, to->ip, sizeof peer.sin6_addr);
    return probe >= 0 && is_of_network(probe, socket_there) && connect(probe, (const struct sockaddr *)&peer, sizeof peer) == 0 &&
           getsockname(probe, (struct sockaddr *)ret, &size) == 0;
}

static void add_v6(int socket, const struct datapath_endpoint *to, uint16_t port, uint32_t most,
                   struct datapath_endpoint ret[DATAPATH_CONFIG_PLACES_MAX], uint32_t *count)
{
    struct datapath_endpoint found = {.port = port};
    struct sockaddr_in6 at;

    if (*count == most || to->port == 0 || memcmp(to->ip, mapped, sizeof mapped) == 0 || !source_of(socket, to, &at) ||
        IN6_IS_ADDR_LOOPBACK(&at.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&at.sin6_addr) || IN6_IS_ADDR_V4MAPPED(&at.sin6_addr)) {
        return;
    }
    memcpy(found.ip, &at.sin6_addr, sizeof found.ip);
    for (uint32_t i = 0; i < *count; i++) {
        if (datapath_message_is_same(&ret[i], &found)) {
            return;
        }
    }
    if (!datapath_message_is_of_link(&found)) {
        ret[(*count)++] = found;
    }
}

/* Of IPv6, as many as there is room for. */
static void ask_v6(const struct datapath_settings *s, int socket, uint16_t port, struct datapath_endpoint ret[DATAPATH_CONFIG_PLACES_MAX],
                   uint32_t *count)
{
    static const struct datapath_endpoint world = {.ip = {0x20, 0x01, 0x48, 0x60}, .port = 9}; /* global unicast (RFC 4291, 2.5.4) */
    uint32_t v4 = *count;
    struct sockaddr_in6 self;
    socklen_t size = sizeof self;

    if (getsockname(socket, (struct sockaddr *)&self, &size) != 0 || self.sin6_family != AF_INET6) {
        return;
    }
    *count -= v4 == DATAPATH_CONFIG_PLACES_MAX; /* the last of IPv4 gives way to one of IPv6 */
    struct datapath_endpoint last = ret[DATAPATH_CONFIG_PLACES_MAX - 1];
    for (uint32_t i = 0; i < s->listed; i++) {
        add_v6(socket, &s->peer[i].peer.endpoint, port, DATAPATH_CONFIG_PLACES_MAX, ret, count);
    }
    add_v6(socket, &world, port, DATAPATH_CONFIG_PLACES_MAX, ret, count);
    if (*count < v4) { /* there is none */
        ret[(*count)++] = last;
    }
}

uint32_t datapath_places_own(const struct datapath_settings *s, int socket, const struct datapath_endpoint *at, const char *device,
                             const char *tap, struct datapath_endpoint ret[DATAPATH_CONFIG_PLACES_MAX])
{
    struct ifreq all[INTERFACES];
    struct ifconf list = {.ifc_len = sizeof all, .ifc_req = all};
    struct sockaddr_in address;
    uint32_t count = 0;

    if (s->places > 0 || !is_nowhere(at)) {
        memcpy(ret, s->place, sizeof s->place);
        ret[0] = s->places > 0 ? ret[0] : *at;
        return s->places > 0 ? s->places : 1;
    }
    if (ioctl(socket, SIOCGIFCONF, &list) != 0) {
        list.ifc_len = 0;
    }
    for (size_t i = 0; i < (size_t)list.ifc_len / sizeof *all && count < DATAPATH_CONFIG_PLACES_MAX; i++) {
        if (is_for_others(socket, &all[i], device, tap)) {
            memcpy(&address, &all[i].ifr_addr, sizeof address);
            ret[count] = (struct datapath_endpoint){.port = at->port};
            memcpy(ret[count].ip, mapped, sizeof mapped);
            memcpy(ret[count++].ip + sizeof mapped, &address.sin_addr, sizeof address.sin_addr);
        }
    }
    ask_v6(s, socket, at->port, ret, &count);
    return count;
}
