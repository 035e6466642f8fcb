#include "datapath/places.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/run/fd.h"
#include "common/run/netlink.h"
#include "datapath/scope.h"

enum {
    INTERFACES = 64,  /* addresses of IPv4 that are looked at                        */
    FOUND_MAX = 32,   /* … of IPv6                                                   */
    TRIES = 3,        /* times that the list is asked for, if it changes meanwhile   */
    NETWORK = 8,      /* bytes of an address that say its network (RFC 4291, 2.5.4)  */
    ULA = 0xfc,       /* fc00::/7: unique local (RFC 4193) …                         */
    ULA_MASK = 0xfe,
    FLEETING = IFA_F_TEMPORARY | IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_DADFAILED,
};

static bool is_nowhere(const struct datapath_endpoint *at)
{
    static const uint8_t zeros[16];

    return memcmp(at->ip, zeros, sizeof zeros) == 0 || (datapath_message_is_v4(at->ip) && memcmp(at->ip + DATAPATH_MESSAGE_V4, zeros, 4) == 0);
}

/* ---- of IPv4 ---------------------------------------------------------------------------------------- */

static bool is_for_others(int socket, const struct ifreq *r, const char *device, const char *tap)
{
    struct ifreq asked = *r;

    return strncmp(r->ifr_name, device, IFNAMSIZ) != 0 && strncmp(r->ifr_name, tap, IFNAMSIZ) != 0 && r->ifr_addr.sa_family == AF_INET &&
           ioctl(socket, SIOCGIFFLAGS, &asked) == 0 && (asked.ifr_flags & IFF_UP) != 0 && (asked.ifr_flags & IFF_LOOPBACK) == 0;
}

static void find_v4(struct datapath_places *p, int socket, const char *device, const char *tap)
{
    struct ifreq all[INTERFACES];
    struct ifconf list = {.ifc_len = sizeof all, .ifc_req = all};
    struct sockaddr_in address;

    if (ioctl(socket, SIOCGIFCONF, &list) != 0) {
        list.ifc_len = 0;
    }
    for (size_t i = 0; i < (size_t)list.ifc_len / sizeof *all && p->v4 < DATAPATH_CONFIG_PLACES_MAX; i++) {
        if (is_for_others(socket, &all[i], device, tap)) {
            struct datapath_endpoint *at = &p->at_v4[p->v4++];
            memcpy(&address, &all[i].ifr_addr, sizeof address);
            *at = (struct datapath_endpoint){.port = p->port};
            datapath_message_put_v4(at->ip, &address.sin_addr);
        }
    }
}

/* ---- of IPv6 ---------------------------------------------------------------------------------------- */

struct found {
    uint32_t count;
    struct datapath_endpoint at[FOUND_MAX];
};

static bool is_unique_local(const struct datapath_endpoint *at)
{
    return (at->ip[0] & ULA_MASK) == ULA;
}

struct look {
    const struct datapath_places *p;
    struct found f;
};

/* One that others can use, and none of its network is there yet. */
static void take(void *context, const struct netlink_message *answer)
{
    struct look *l = context;
    const struct ifaddrmsg *m = netlink_body(answer, sizeof *m);
    struct datapath_endpoint at = {.port = l->p->port};

    if (m == NULL || m->ifa_family != AF_INET6 || m->ifa_scope != RT_SCOPE_UNIVERSE || m->ifa_index == l->p->own[0] || m->ifa_index == l->p->own[1]) {
        return;
    }
    uint32_t flags = m->ifa_flags;
    (void)netlink_take(answer, sizeof *m, IFA_FLAGS, &flags, sizeof flags);
    /* Of a link between two the first is ours, the other the other end's. */
    bool is_there = netlink_take(answer, sizeof *m, IFA_LOCAL, at.ip, sizeof at.ip) || netlink_take(answer, sizeof *m, IFA_ADDRESS, at.ip, sizeof at.ip);
    struct found *f = &l->f;
    for (uint32_t i = 0; i < f->count; i++) {
        is_there = is_there && memcmp(f->at[i].ip, at.ip, NETWORK) != 0;
    }
    if (is_there && (flags & FLEETING) == 0 && !datapath_message_is_of_link(&at) && f->count < FOUND_MAX) {
        f->at[f->count++] = at;
    }
}

/* What there is of a list that cannot be had whole is better than none. */
static void find_v6(struct datapath_places *p, struct found *f)
{
    const struct ifaddrmsg all = {.ifa_family = AF_INET6};
    struct netlink q;
    struct look l = {.p = p};
    int error = EINTR;

    netlink_begin(&q, RTM_GETADDR, NLM_F_DUMP, &all, sizeof all);
    for (int i = 0; i < TRIES && error != 0; i++) {
        l.f.count = 0;
        error = netlink_list(&q, p->addresses, &p->turn, RTM_NEWADDR, take, &l);
    }
    *f = l.f;
}

/* The first global and the first unique local one before all others: some peers have no way to the one or to the other. */
static void order(struct found *f)
{
    for (uint32_t want = 0, at = 0; want < 2; want++) {
        for (uint32_t i = at; i < f->count; i++) {
            if (is_unique_local(&f->at[i]) == (want == 1)) {
                struct datapath_endpoint first = f->at[i];
                memmove(f->at + at + 1, f->at + at, (i - at) * sizeof first);
                f->at[at++] = first;
                break;
            }
        }
    }
}

/* ---- both ------------------------------------------------------------------------------------------- */

bool datapath_places_look(struct datapath_places *p)
{
    struct datapath_endpoint now[DATAPATH_CONFIG_PLACES_MAX] = {{.port = 0}};
    struct found f = {.count = 0};

    if (p->addresses < 0) {
        return false;
    }
    find_v6(p, &f);
    order(&f);
    uint32_t room = DATAPATH_CONFIG_PLACES_MAX - (f.count < DATAPATH_PLACES_V6 ? f.count : DATAPATH_PLACES_V6);
    uint32_t count = p->v4 < room ? p->v4 : room;
    memcpy(now, p->at_v4, count * sizeof *now);
    for (uint32_t i = 0; i < f.count && count < DATAPATH_CONFIG_PLACES_MAX; i++) {
        now[count++] = f.at[i];
    }
    bool is_same = count == p->count;
    for (uint32_t i = 0; is_same && i < count; i++) {
        is_same = datapath_message_is_same(&now[i], &p->place[i]);
    }
    p->count = count;
    memcpy(p->place, now, sizeof now);
    return !is_same;
}

static bool is_of_v6(int socket)
{
    int family = AF_INET;
    socklen_t size = sizeof family;

    return getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family == AF_INET6;
}

void datapath_places_open(struct datapath_places *p, const struct datapath_settings *s, int socket_there, int *given, const struct datapath_endpoint *at,
                          const char *device, const char *tap)
{
    struct datapath_endpoint number = {.port = 0};

    *p = (struct datapath_places){.addresses = fd_take(given), .port = at->port};
    if (s->places > 0 || !is_nowhere(at)) {
        fd_close(&p->addresses);
        memcpy(p->place, s->place, sizeof p->place);
        p->place[0] = s->places > 0 ? p->place[0] : *at;
        p->count = s->places > 0 ? s->places : 1;
        return;
    }
    const char *const mine[] = {device, tap};
    for (size_t i = 0; i < ARRAY_LEN(mine); i++) {
        p->own[i] = mine[i][0] != '\0' && datapath_scope_find(socket_there, mine[i], &number) ? number.scope : 0;
    }
    find_v4(p, socket_there, device, tap);
    if (!is_of_v6(socket_there)) {
        fd_close(&p->addresses);
    } else if (p->addresses < 0) {
        p->addresses = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    }
    p->count = p->v4;
    memcpy(p->place, p->at_v4, sizeof p->place);
    (void)datapath_places_look(p);
}

void datapath_places_close(struct datapath_places *p)
{
    fd_close(&p->addresses);
}
