#include "datapath/nearby.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "common/run/netlink.h"

enum {
    V4_BITS = 32,
    V6_BITS = 128,
    /* Heard of lately, or told by an operator. Not NUD_STALE: what goes through the host's stack makes it ask. */
    HEARD = NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT,
};

static bool is_anywhere(const uint8_t ip[16])
{
    static const uint8_t none[16];

    return memcmp(ip + (datapath_message_is_v4(ip) ? DATAPATH_MESSAGE_V4 : 0), none, datapath_message_is_v4(ip) ? 16 - DATAPATH_MESSAGE_V4 : 16) == 0;
}

static void add_address(struct netlink *q, uint16_t kind, const uint8_t ip[16])
{
    netlink_add(q, kind, ip + (datapath_message_is_v4(ip) ? DATAPATH_MESSAGE_V4 : 0), datapath_message_is_v4(ip) ? 16 - DATAPATH_MESSAGE_V4 : 16);
}

/* An address of the family of `like`; false: it is none. */
static bool take_address(const struct netlink_message *m, uint16_t kind, const uint8_t like[16], uint8_t ret[16])
{
    uint8_t v4[16 - DATAPATH_MESSAGE_V4];

    if (!datapath_message_is_v4(like)) {
        return netlink_take(m, sizeof(struct rtmsg), kind, ret, 16);
    }
    if (!netlink_take(m, sizeof(struct rtmsg), kind, v4, sizeof v4)) {
        return false;
    }
    datapath_message_put_v4(ret, v4);
    return true;
}

/* By this interface, and straight or by whom: *ret_hop. */
static bool find_route(struct datapath_nearby *n, const uint8_t to[16], uint8_t ret_from[16], uint8_t ret_hop[16])
{
    bool has_own = !is_anywhere(n->own), is_v4 = datapath_message_is_v4(to);
    const uint8_t bits = is_v4 ? V4_BITS : V6_BITS;
    const struct rtmsg way = {.rtm_family = is_v4 ? AF_INET : AF_INET6, .rtm_dst_len = bits, .rtm_src_len = has_own ? bits : 0};
    struct netlink q;
    uint32_t interface;

    netlink_begin(&q, RTM_GETROUTE, 0, &way, sizeof way);
    add_address(&q, RTA_DST, to);
    if (has_own && datapath_message_is_v4(n->own) != is_v4) {
        return false;
    }
    if (has_own) {
        add_address(&q, RTA_SRC, n->own);
    }
    const struct rtmsg *said = netlink_ask(&q, n->fd, &n->turn, RTM_NEWROUTE) != 0 ? NULL : netlink_body(&q.said, sizeof *said);
    if (said == NULL || said->rtm_type != RTN_UNICAST || !netlink_take(&q.said, sizeof *said, RTA_OIF, &interface, sizeof interface) ||
        netlink_has(&q.said, sizeof *said, RTA_VIA) || netlink_has(&q.said, sizeof *said, RTA_ENCAP)) {
        return false;
    }
    memcpy(ret_from, n->own, 16);
    memcpy(ret_hop, to, 16);
    return interface == n->interface && (!netlink_has(&q.said, sizeof *said, RTA_GATEWAY) || take_address(&q.said, RTA_GATEWAY, to, ret_hop)) &&
           (has_own || take_address(&q.said, RTA_PREFSRC, to, ret_from));
}

static bool find_neighbour(struct datapath_nearby *n, const uint8_t hop[16], uint8_t ret[DATAPATH_NEARBY_MAC])
{
    const struct ndmsg who = {.ndm_family = datapath_message_is_v4(hop) ? AF_INET : AF_INET6, .ndm_ifindex = (int)n->interface};
    struct netlink q;

    netlink_begin(&q, RTM_GETNEIGH, 0, &who, sizeof who);
    add_address(&q, NDA_DST, hop);
    const struct ndmsg *said = netlink_ask(&q, n->fd, &n->turn, RTM_NEWNEIGH) != 0 ? NULL : netlink_body(&q.said, sizeof *said);
    return said != NULL && (said->ndm_state & HEARD) != 0 && netlink_take(&q.said, sizeof *said, NDA_LLADDR, ret, DATAPATH_NEARBY_MAC);
}

/* Our own end, as it is now. */
static bool find_own(struct datapath_nearby *n, uint8_t ret[DATAPATH_NEARBY_MAC])
{
    const struct ifinfomsg who = {.ifi_index = (int)n->interface};
    struct netlink q;
    uint32_t mtu = 0;

    netlink_begin(&q, RTM_GETLINK, 0, &who, sizeof who);
    return netlink_ask(&q, n->fd, &n->turn, RTM_NEWLINK) == 0 && netlink_take(&q.said, sizeof who, IFLA_ADDRESS, ret, DATAPATH_NEARBY_MAC) &&
           netlink_take(&q.said, sizeof who, IFLA_MTU, &mtu, sizeof mtu) && mtu >= DATAPATH_NEARBY_MTU_MIN;
}

void datapath_nearby_init(struct datapath_nearby *n, int fd, uint32_t interface, const uint8_t own[16])
{
    *n = (struct datapath_nearby){.fd = fd, .interface = interface};
    memcpy(n->own, own, sizeof n->own);
}

const struct datapath_nearby_place *datapath_nearby_find(struct datapath_nearby *n, uint64_t now_ms, const struct datapath_endpoint *to)
{
    uint32_t hash = 0;
    uint8_t hop[16];

    for (size_t i = 0; i < sizeof to->ip; i++) {
        hash = hash * 31 + to->ip[i];
    }
    struct datapath_nearby_place *p = &n->place[hash % DATAPATH_NEARBY_PLACES];
    if (now_ms < p->until_ms && memcmp(p->to, to->ip, sizeof p->to) == 0) {
        return p;
    }
    memcpy(p->to, to->ip, sizeof p->to);
    bool is_scoped = to->scope != 0 || datapath_message_is_of_link(to);
    p->is_near = !is_scoped && find_route(n, to->ip, p->from, hop) && find_neighbour(n, hop, p->mac) && find_own(n, p->own_mac);
    p->until_ms = now_ms + (uint64_t)(p->is_near ? DATAPATH_NEARBY_LOOK_MS : DATAPATH_NEARBY_AGAIN_MS);
    return p;
}
