#include "nodosum/neighbours.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "common/run/fd.h"
#include "common/run/log.h"
#include "nodosum/lan_wire.h"
#include "nodosum/seeds.h"

enum { US = 1000 };

/* Organisation-local (RFC 2365, section 6.2): no group of anybody else's, unlike mDNS's. */
static const char group_address[] = "239.192.67.76";

static void to_v4(const struct nodosum_address *a, struct sockaddr_in *ret)
{
    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(a->port)};
    memcpy(&ret->sin_addr, a->ip + 12, sizeof ret->sin_addr);
}

static struct sockaddr_in group_place(void)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(NODOSUM_LAN_PORT)};

    (void)inet_pton(AF_INET, group_address, &place.sin_addr); /* a literal */
    return place;
}

/* Also of a second interface, when the machine has moved to it. */
static int join_group(int fd, const struct sockaddr_in *self)
{
    struct ip_mreqn join = {.imr_multiaddr = group_place().sin_addr, .imr_address = self->sin_addr};

    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join);
}

/* The kernel takes the source of what goes to the group from here, whatever addresses the machine has later. */
static int speak_from(int fd, const struct sockaddr_in *self)
{
    struct ip_mreqn from = {.imr_address = self->sin_addr};

    return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from);
}

/* Bound to the group's address, so that nothing else is heard there, and shared with whoever else listens. */
static enum err open_group(const struct sockaddr_in *self, int *ret)
{
    struct sockaddr_in place = group_place();
    int on = 1, off = 0;
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&place, sizeof place) != 0 ||
        join_group(fd, self) != 0 || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off) != 0) {
        return err_from_errno(errno);
    }
    *ret = fd_take(&fd);
    return ERR_OK;
}

/* Heard on this machine too: there may be other nodes on it. */
static enum err open_own(const struct sockaddr_in *self, int *ret)
{
    struct sockaddr_in place = {.sin_family = AF_INET};
    int on = 1, hops = NODOSUM_NEIGHBOURS_HOPS;
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&place, sizeof place) != 0 ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops) != 0 || speak_from(fd, self) != 0) {
        return err_from_errno(errno);
    }
    *ret = fd_take(&fd);
    return ERR_OK;
}

enum err nodosum_neighbours_open(struct nodosum_neighbours *n, const struct nodosum_address *self)
{
    struct sockaddr_in at = {0};

    *n = (struct nodosum_neighbours){.group = -1, .own = -1};
    if (nodosum_seeds_is_v4(self)) {
        to_v4(self, &at);
    }
    enum err e = open_group(&at, &n->group);
    if (e == ERR_OK) {
        e = open_own(&at, &n->own);
    }
    if (e != ERR_OK) {
        log_error("NODOSUM-LAN-OPEN", "group=%s port=%d reason=%s advice=set lan: false", group_address,
                  NODOSUM_LAN_PORT, err_name(e));
        nodosum_neighbours_close(n);
    }
    return e;
}

static void perform(struct nodosum_neighbours *n, uint64_t now_us)
{
    for (uint32_t i = 0; i < n->fx.sends; i++) {
        const struct nodosum_lan_send *s = &n->fx.send[i];
        struct sockaddr_in to = group_place();
        if (!s->is_group) {
            to_v4(&s->to, &to);
        }
        /* Nobody may be reachable just now (a cable is out): the next one may be. */
        (void)!sendto(n->own, s->bytes, s->size, 0, (const struct sockaddr *)&to, sizeof to);
    }
    uint64_t due_us = n->fx.due_us;
    loop_timer_again(n->timer, due_us > now_us ? (due_us - now_us + US - 1) / US : 0, 0);
    if (n->fx.has_changed) {
        n->changed(n->context);
    }
}

void nodosum_neighbours_move(struct nodosum_neighbours *n, const struct nodosum_address *self)
{
    struct sockaddr_in at = {0};

    if (n->lan == NULL || !nodosum_seeds_is_v4(self)) {
        return;
    }
    to_v4(self, &at);
    /* On the interface where it was, it is a member already. */
    if (speak_from(n->own, &at) != 0 || (join_group(n->group, &at) != 0 && errno != EADDRINUSE)) {
        log_warn("NODOSUM-LAN-MOVE", "reason=%s", err_name(err_from_errno(errno)));
    }
    nodosum_lan_move(n->lan, loop_now_us(), &n->fx);
    perform(n, loop_now_us());
}

static void on_due(void *context)
{
    struct nodosum_neighbours *n = context;
    uint64_t now_us = loop_now_us();

    nodosum_lan_clock(n->lan, now_us, &n->fx);
    perform(n, now_us);
}

static void hear(struct nodosum_neighbours *n, int fd)
{
    uint8_t bytes[NODOSUM_LAN_QUESTION + 1]; /* a byte more: what is longer is seen to be */

    for (int i = 0; i < NODOSUM_NEIGHBOURS_TURN_MAX; i++) {
        struct sockaddr_in at = {0};
        socklen_t at_size = sizeof at;
        struct nodosum_address from = {.ip = {[10] = 0xff, [11] = 0xff}};
        ssize_t size = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&at, &at_size);
        if (size < 0) {
            return; /* nothing more, or an ICMP error of somebody who has gone */
        }
        memcpy(from.ip + 12, &at.sin_addr, sizeof at.sin_addr);
        from.port = ntohs(at.sin_port);
        uint64_t now_us = loop_now_us();
        (void)!nodosum_lan_packet(n->lan, now_us, &from, bytes, (size_t)size, &n->fx); /* counted there, by reason */
        perform(n, now_us);
    }
}

static void on_group(void *context, unsigned bits)
{
    struct nodosum_neighbours *n = context;

    (void)bits;
    hear(n, n->group);
}

static void on_own(void *context, unsigned bits)
{
    struct nodosum_neighbours *n = context;

    (void)bits;
    hear(n, n->own);
}

static void derive(const struct node_keys *keys, struct nodosum_lan_key out[NODOSUM_LAN_KEYS_MAX])
{
    for (uint32_t i = 0; i < keys->cluster_keys; i++) {
        out[i].epoch = keys->cluster_epoch[i];
        nodosum_lan_wire_derive(keys->cluster_key[i], keys->cluster_id, out[i].key);
    }
}

void nodosum_neighbours_rekey(struct nodosum_neighbours *n, const struct node_keys *keys)
{
    struct nodosum_lan_key key[NODOSUM_LAN_KEYS_MAX] = {0};

    if (n->lan != NULL) {
        derive(keys, key);
        nodosum_lan_rekey(n->lan, key, keys->cluster_keys);
        explicit_bzero(key, sizeof key);
    }
}

static enum err make_lan(struct nodosum_neighbours *n, const struct node_keys *keys, uint16_t port, uint64_t life)
{
    struct nodosum_lan_config c = {.port = port, .life = life, .peers_max = NODOSUM_NEIGHBOURS_PEERS,
                                   .keys = keys->cluster_keys};

    _Static_assert((int)NODOSUM_LAN_KEYS_MAX == (int)NODE_CLUSTER_KEYS, "every key of the cluster has room");
    memcpy(c.id.byte, keys->id, sizeof c.id.byte);
    memcpy(c.name, keys->name, sizeof c.name);
    derive(keys, c.key);
    if (getrandom(&c.seed, sizeof c.seed, 0) != sizeof c.seed) {
        return ERR_IO;
    }
    n->memory = malloc(nodosum_lan_size(c.peers_max));
    enum err e = n->memory == NULL ? ERR_NOMEM : nodosum_lan_init(n->memory, &c, loop_now_us(), &n->lan);
    explicit_bzero(&c, sizeof c);
    return e;
}

enum err nodosum_neighbours_start(struct nodosum_neighbours *n, struct loop *loop, const struct node_keys *keys,
                                  uint16_t port, uint64_t life, void (*changed)(void *context), void *context)
{
    enum err e = make_lan(n, keys, port, life);

    n->changed = changed;
    n->context = context;
    n->timer = e == ERR_OK ? loop_timer_new(loop, 0, 0, on_due, n) : NULL; /* at once: the first question */
    n->group_watch = e == ERR_OK ? loop_watch_new(loop, n->group, LOOP_READ, on_group, n) : NULL;
    n->own_watch = e == ERR_OK ? loop_watch_new(loop, n->own, LOOP_READ, on_own, n) : NULL;
    if (e == ERR_OK && (n->timer == NULL || n->group_watch == NULL || n->own_watch == NULL)) {
        e = ERR_NOMEM;
    }
    return e;
}

void nodosum_neighbours_close(struct nodosum_neighbours *n)
{
    if (n->lan != NULL && n->timer != NULL) {
        nodosum_lan_bye(n->lan, loop_now_us(), &n->fx);
        perform(n, loop_now_us());
    }
    loop_watch_free(n->group_watch);
    loop_watch_free(n->own_watch);
    loop_timer_free(n->timer);
    if (n->memory != NULL) {
        explicit_bzero(n->memory, nodosum_lan_size(NODOSUM_NEIGHBOURS_PEERS)); /* the key is in it */
    }
    free(n->memory);
    if (n->group > 0) {
        fd_close(&n->group);
    }
    if (n->own > 0) {
        fd_close(&n->own);
    }
    *n = (struct nodosum_neighbours){.group = -1, .own = -1};
}
