#include "datapath/nearby.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

enum {
    V4_BITS = 32,
    V6_BITS = 128,
    QUESTION = 128,      /* bytes, at most                               */
    ANSWER = 8192,       /* what there is to say of an interface is more than half of that */
    STALE = 8,           /* answers to questions of which nobody waits   */
    /* Heard of lately, or told by an operator. Not NUD_STALE: what goes through the host's stack makes it ask. */
    HEARD = NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT,
};

struct question {
    union {
        struct nlmsghdr head;
        uint8_t bytes[QUESTION];
    };
};

struct answer {
    union {
        struct nlmsghdr head;
        uint8_t bytes[ANSWER];
    };
};

/* What an attribute has, and how long it is. */
struct attribute {
    const void *at;
    size_t size;
};

static bool is_anywhere(const uint8_t ip[16])
{
    static const uint8_t none[16];

    return memcmp(ip + (datapath_message_is_v4(ip) ? DATAPATH_MESSAGE_V4 : 0), none, datapath_message_is_v4(ip) ? 16 - DATAPATH_MESSAGE_V4 : 16) == 0;
}

static void add_attribute(struct question *q, uint16_t kind, const void *value, size_t size)
{
    struct rtattr *a = (struct rtattr *)(q->bytes + NLMSG_ALIGN(q->head.nlmsg_len));

    a->rta_type = kind;
    a->rta_len = (uint16_t)RTA_LENGTH(size);
    memcpy(RTA_DATA(a), value, size);
    q->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->head.nlmsg_len) + RTA_SPACE(size));
}

static void add_address(struct question *q, uint16_t kind, const uint8_t ip[16])
{
    add_attribute(q, kind, ip + (datapath_message_is_v4(ip) ? DATAPATH_MESSAGE_V4 : 0), datapath_message_is_v4(ip) ? 16 - DATAPATH_MESSAGE_V4 : 16);
}

/* Say it, and have what the kernel says to that; false: nothing, or an error. Answers that nobody took are passed over. */
static bool ask(struct datapath_nearby *n, struct question *q, uint16_t expected, struct answer *ret)
{
    q->head.nlmsg_flags = NLM_F_REQUEST;
    q->head.nlmsg_seq = ++n->turn;
    if (send(n->fd, q->bytes, q->head.nlmsg_len, 0) < 0) {
        return false;
    }
    for (int i = 0; i < STALE; i++) {
        ssize_t got = recv(n->fd, ret->bytes, sizeof ret->bytes, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < (ssize_t)sizeof ret->head || !NLMSG_OK(&ret->head, (uint32_t)got)) {
            return false;
        }
        if (ret->head.nlmsg_seq == n->turn) {
            return ret->head.nlmsg_type == expected;
        }
    }
    return false;
}

static struct attribute find(const struct answer *a, size_t head, uint16_t kind)
{
    size_t left = a->head.nlmsg_len > NLMSG_SPACE(head) ? a->head.nlmsg_len - NLMSG_SPACE(head) : 0;

    for (const struct rtattr *r = (const struct rtattr *)(a->bytes + NLMSG_SPACE(head)); RTA_OK(r, left); r = RTA_NEXT(r, left)) {
        if (r->rta_type == kind) {
            return (struct attribute){.at = RTA_DATA(r), .size = RTA_PAYLOAD(r)};
        }
    }
    return (struct attribute){.at = NULL};
}

/* An address of the family of `like`; false: it is none. */
static bool take_address(struct attribute a, const uint8_t like[16], uint8_t ret[16])
{
    size_t size = datapath_message_is_v4(like) ? 16 - DATAPATH_MESSAGE_V4 : 16;

    if (a.at == NULL || a.size != size) {
        return false;
    }
    if (datapath_message_is_v4(like)) {
        datapath_message_put_v4(ret, a.at);
    } else {
        memcpy(ret, a.at, size);
    }
    return true;
}

/* By this interface, and straight or by whom: *ret_hop. */
static bool find_route(struct datapath_nearby *n, const uint8_t to[16], uint8_t ret_from[16], uint8_t ret_hop[16])
{
    struct question q = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)), .nlmsg_type = RTM_GETROUTE}};
    struct rtmsg *ask_for = NLMSG_DATA(&q.head);
    struct answer a;
    uint32_t interface;

    ask_for->rtm_family = datapath_message_is_v4(to) ? AF_INET : AF_INET6;
    ask_for->rtm_dst_len = datapath_message_is_v4(to) ? V4_BITS : V6_BITS;
    add_address(&q, RTA_DST, to);
    bool has_own = !is_anywhere(n->own);
    if (has_own && datapath_message_is_v4(n->own) != datapath_message_is_v4(to)) {
        return false;
    }
    if (has_own) {
        ask_for->rtm_src_len = ask_for->rtm_dst_len;
        add_address(&q, RTA_SRC, n->own);
    }
    if (!ask(n, &q, RTM_NEWROUTE, &a) || a.head.nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg))) {
        return false;
    }
    const struct rtmsg *said = NLMSG_DATA(&a.head);
    struct attribute out = find(&a, sizeof *said, RTA_OIF), hop = find(&a, sizeof *said, RTA_GATEWAY);
    if (said->rtm_type != RTN_UNICAST || out.size != sizeof interface || find(&a, sizeof *said, RTA_VIA).at != NULL ||
        find(&a, sizeof *said, RTA_ENCAP).at != NULL) {
        return false;
    }
    memcpy(&interface, out.at, sizeof interface);
    memcpy(ret_from, n->own, 16);
    memcpy(ret_hop, to, 16);
    return interface == n->interface && (hop.at == NULL || take_address(hop, to, ret_hop)) &&
           (has_own || take_address(find(&a, sizeof *said, RTA_PREFSRC), to, ret_from));
}

static bool find_neighbour(struct datapath_nearby *n, const uint8_t hop[16], uint8_t ret[DATAPATH_NEARBY_MAC])
{
    struct question q = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ndmsg)), .nlmsg_type = RTM_GETNEIGH}};
    struct ndmsg *ask_for = NLMSG_DATA(&q.head);
    struct answer a;

    ask_for->ndm_family = datapath_message_is_v4(hop) ? AF_INET : AF_INET6;
    ask_for->ndm_ifindex = (int)n->interface;
    add_address(&q, NDA_DST, hop);
    if (!ask(n, &q, RTM_NEWNEIGH, &a) || a.head.nlmsg_len < NLMSG_LENGTH(sizeof(struct ndmsg))) {
        return false;
    }
    const struct ndmsg *said = NLMSG_DATA(&a.head);
    struct attribute mac = find(&a, sizeof *said, NDA_LLADDR);
    if ((said->ndm_state & HEARD) == 0 || mac.size != DATAPATH_NEARBY_MAC) {
        return false;
    }
    memcpy(ret, mac.at, DATAPATH_NEARBY_MAC);
    return true;
}

/* Our own end, as it is now. */
static bool find_own(struct datapath_nearby *n, uint8_t ret[DATAPATH_NEARBY_MAC])
{
    struct question q = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_GETLINK}};
    struct ifinfomsg *ask_for = NLMSG_DATA(&q.head);
    struct answer a;
    uint32_t mtu = 0;

    ask_for->ifi_index = (int)n->interface;
    if (!ask(n, &q, RTM_NEWLINK, &a) || a.head.nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg))) {
        return false;
    }
    struct attribute mac = find(&a, sizeof(struct ifinfomsg), IFLA_ADDRESS), said = find(&a, sizeof(struct ifinfomsg), IFLA_MTU);
    if (mac.size != DATAPATH_NEARBY_MAC || said.size != sizeof mtu) {
        return false;
    }
    memcpy(ret, mac.at, DATAPATH_NEARBY_MAC);
    memcpy(&mtu, said.at, sizeof mtu);
    return mtu >= DATAPATH_NEARBY_MTU_MIN;
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
