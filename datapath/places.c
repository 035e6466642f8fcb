#include "datapath/places.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/run/fd.h"
#include "datapath/scope.h"

enum {
    INTERFACES = 64,  /* addresses of IPv4 that are looked at                        */
    FOUND_MAX = 32,   /* … of IPv6                                                   */
    ANSWER = 16384,   /* bytes of one part of the kernel's list                      */
    PARTS_MAX = 64,   /* … of these: 10,000 addresses                                */
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

/* One that others can use, and none of its network is there yet. */
static void take(const struct datapath_places *p, const struct nlmsghdr *h, struct found *f)
{
    const struct ifaddrmsg *m = NLMSG_DATA(h);
    size_t left = h->nlmsg_len >= NLMSG_LENGTH(sizeof *m) ? IFA_PAYLOAD(h) : 0;
    struct datapath_endpoint at = {.port = p->port};
    uint32_t flags = left == 0 ? 0 : m->ifa_flags;
    bool is_there = false;

    if (left == 0 || m->ifa_family != AF_INET6 || m->ifa_scope != RT_SCOPE_UNIVERSE || m->ifa_index == p->own[0] || m->ifa_index == p->own[1]) {
        return;
    }
    for (const struct rtattr *a = IFA_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == IFA_FLAGS && RTA_PAYLOAD(a) == sizeof flags) {
            memcpy(&flags, RTA_DATA(a), sizeof flags);
        } else if (RTA_PAYLOAD(a) == sizeof at.ip && (a->rta_type == IFA_LOCAL || (a->rta_type == IFA_ADDRESS && !is_there))) {
            is_there = true; /* of a link between two the first is ours, the other the other end's */
            memcpy(at.ip, RTA_DATA(a), sizeof at.ip);
        }
    }
    for (uint32_t i = 0; i < f->count; i++) {
        is_there = is_there && memcmp(f->at[i].ip, at.ip, NETWORK) != 0;
    }
    if (is_there && (flags & FLEETING) == 0 && !datapath_message_is_of_link(&at) && f->count < FOUND_MAX) {
        f->at[f->count++] = at;
    }
}

/* One part of the list; false: it was the last, or there is none. */
static bool read_part(const struct datapath_places *p, struct found *f)
{
    union {
        struct nlmsghdr head;
        uint8_t bytes[ANSWER];
    } part;
    ssize_t got;

    do {
        got = recv(p->addresses, part.bytes, sizeof part.bytes, 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return false;
    }
    size_t left = (size_t)got;
    for (const struct nlmsghdr *h = &part.head; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
        if (h->nlmsg_seq == p->turn && (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)) {
            return false;
        }
        if (h->nlmsg_seq == p->turn && h->nlmsg_type == RTM_NEWADDR) {
            take(p, h, f);
        }
    }
    return true;
}

static void find_v6(struct datapath_places *p, struct found *f)
{
    struct {
        struct nlmsghdr head;
        struct ifaddrmsg body;
    } ask = {.head = {.nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = ++p->turn},
             .body = {.ifa_family = AF_INET6}};

    if (send(p->addresses, &ask, sizeof ask, 0) == (ssize_t)sizeof ask) {
        for (int i = 0; i < PARTS_MAX && read_part(p, f); i++) {
        }
    }
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
