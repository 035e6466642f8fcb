#include "datapath/keeper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/narrow.h"
#include "common/run/rights.h"
#include "datapath/types.h"

enum {
    V4_AT = 12,         /* of ::ffff:a.b.c.d                    */
    NEWS_SIZE = 8192,   /* of one message about addresses       */
    AGAIN_MS = 1000,    /* after they could not be listed       */
    DONE = 0,
    FAILED = 1,
    MISUSED = 2,
};

struct keeper {
    const char *interface;
    struct datapath_shield_setup setup;
    bool is_anywhere;             /* our addresses are those that this host has */
    int news;                     /* tells when they change; -1: nobody does    */
    bool is_behind;               /* they could not be listed: asked for again  */
    struct datapath_shield *shield;
    struct datapath_xsk frames;   /* while they are on their way to the cell    */
};

/* What loading takes: without CAP_PERFMON the verifier suspects programs of this size of too much. The last two are for
 * sockets past the host's stack and their memory. */
static const int loading[] = {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK};
/* … and what hanging programs and asking for addresses do; loading is over when this is all there is. */
static const int hanging[] = {CAP_NET_ADMIN};
/* setsockopt: what libbpf asks a filter of clsact for with. */
static const char *const calls[] = {
    "bpf", "poll", "ppoll", "recvmsg", "recvfrom", "sendmsg", "sendto", "socket", "bind", "getsockname", "setsockopt", "ioctl",
};

_Static_assert((int)DATAPATH_KEEPER_GIVEN <= (int)RIGHTS_MAX, "one packet carries them");

/* ---- addresses ---------------------------------------------------------------------------------------- */

static bool read_address(const struct sockaddr *at, uint8_t ret[16])
{
    memset(ret, 0, 16);
    if (at != NULL && at->sa_family == AF_INET) {
        ret[V4_AT - 2] = ret[V4_AT - 1] = 0xff;
        memcpy(ret + V4_AT, &((const struct sockaddr_in *)at)->sin_addr, 4);
        return true;
    }
    if (at != NULL && at->sa_family == AF_INET6) {
        memcpy(ret, &((const struct sockaddr_in6 *)at)->sin6_addr, 16);
        return true;
    }
    return false;
}

static void add_own(struct datapath_shield_setup *s, const uint8_t ip[16])
{
    for (uint32_t i = 0; i < s->own_count; i++) {
        if (memcmp(s->own[i], ip, 16) == 0) {
            return;
        }
    }
    if (s->own_count < DATAPATH_SHIELD_OWN_MAX) {
        memcpy(s->own[s->own_count++], ip, 16);
    }
}

/* Those of the interface come first: where a host has more than there is room for, what comes to the others passes
 * unjudged, as everything that is not ours does. Never all addresses there are: this host may pass on what is for others. */
static void list_own(struct keeper *k)
{
    const uint8_t always[16] = {[15] = 1}; /* so that there is one: none would mean all */
    struct datapath_shield_setup *s = &k->setup;
    struct ifaddrs *all = NULL;
    uint8_t ip[16];

    k->is_behind = getifaddrs(&all) != 0;
    if (k->is_behind) {
        add_own(s, always); /* those that it had are a better guess than none */
        return;
    }
    s->own_count = 0;
    for (int is_other = 0; is_other < 2; is_other++) {
        for (const struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
            if ((strcmp(a->ifa_name, k->interface) != 0) == is_other && read_address(a->ifa_addr, ip)) {
                add_own(s, ip);
            }
        }
    }
    freeifaddrs(all);
    add_own(s, always);
}

static void watch_own(struct keeper *k)
{
    struct sockaddr_nl at = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};

    k->news = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (k->news >= 0 && bind(k->news, (const struct sockaddr *)&at, sizeof at) != 0) {
        fd_close(&k->news);
    }
}

/* Addresses came or went, whichever: what there are now is asked for. */
static void list_again(struct keeper *k)
{
    char why[DATAPATH_SHIELD_WHY];

    list_own(k);
    if (k->shield != NULL && datapath_shield_own(k->shield, k->setup.own_count, (const uint8_t (*)[16])k->setup.own, why) != ERR_OK) {
        (void)fprintf(stderr, "cell-shield: %s\n", why);
    }
}

static void hear_news(struct keeper *k)
{
    char bytes[NEWS_SIZE];

    while (recv(k->news, bytes, sizeof bytes, 0) > 0 || errno == ENOBUFS) {
        errno = 0;
    }
    list_again(k);
}

/* ---- what the cell asks for ------------------------------------------------------------------------------ */

/* Sockets past the host's stack: without them all goes through it, as it did. */
static void open_frames(struct keeper *k, enum datapath_keeper_frames wanted, struct datapath_keeper_answer *a, int fds[DATAPATH_KEEPER_GIVEN])
{
    struct datapath_xsk *x = &k->frames;
    enum err e = datapath_xsk_look(k->interface, &a->link, a->frames_why);

    if (e != ERR_OK || wanted != DATAPATH_KEEPER_FRAMES) {
        return;
    }
    e = datapath_xsk_open(x, k->interface, a->frames_why);
    for (uint32_t i = 0; e == ERR_OK && i < x->queues; i++) {
        fds[DATAPATH_KEEPER_QUEUES + i] = x->socket[i];
        e = datapath_shield_socket(k->shield, i, x->socket[i], a->frames_why);
    }
    if (e != ERR_OK) {
        datapath_xsk_close(x);
        return;
    }
    fds[DATAPATH_KEEPER_MEMORY] = x->memory;
    fds[DATAPATH_KEEPER_ROUTES] = x->routes;
    a->queues = x->queues;
    a->is_direct = x->is_direct;
}

static enum err load(struct keeper *k, const struct datapath_keeper_ask *ask, struct datapath_keeper_answer *a,
                     int fds[DATAPATH_KEEPER_GIVEN])
{
    uint32_t peers = ask->value;
    char why[NARROW_WHY_SIZE];

    if (peers == 0 || peers > DATAPATH_PEERS_MAX || ask->frames > DATAPATH_KEEPER_FRAMES) {
        return ERR_INVALID;
    }
    k->setup.peers = peers;
    enum err e = datapath_shield_open(&k->setup, &k->shield, a->why);
    if (e != ERR_OK) {
        return e;
    }
    a->processors = datapath_shield_descriptors(k->shield, fds);
    if (ask->frames != DATAPATH_KEEPER_NO_FRAMES) {
        open_frames(k, (enum datapath_keeper_frames)ask->frames, a, fds);
    }
    e = narrow_capabilities(hanging, ARRAY_LEN(hanging), why);
    e = e == ERR_OK ? narrow_calls(calls, ARRAY_LEN(calls), why) : e;
    if (e != ERR_OK) {
        (void)snprintf(a->why, sizeof a->why, "%s", why);
        datapath_xsk_close(&k->frames);
        datapath_shield_close(k->shield);
        k->shield = NULL;
    }
    return e;
}

static enum err perform(struct keeper *k, const struct datapath_keeper_ask *ask, struct datapath_keeper_answer *a,
                        int fds[DATAPATH_KEEPER_GIVEN])
{
    if (ask->version != DATAPATH_KEEPER_VERSION) {
        return ERR_INCOMPATIBLE;
    }
    if (ask->kind == DATAPATH_KEEPER_LOAD) {
        return k->shield == NULL ? load(k, ask, a, fds) : ERR_PRECONDITION;
    }
    if (ask->value != DATAPATH_SHIELD_TC && ask->value != DATAPATH_SHIELD_XDP) {
        return ERR_INVALID;
    }
    if (k->shield == NULL) {
        return ERR_PRECONDITION;
    }
    enum datapath_shield_hook hook = (enum datapath_shield_hook)ask->value;
    switch (ask->kind) {
    case DATAPATH_KEEPER_HANG:
        return datapath_shield_attach(k->shield, hook, if_nametoindex(k->interface), a->why);
    case DATAPATH_KEEPER_TAKE_OFF:
        datapath_shield_detach(k->shield, hook);
        return ERR_OK;
    default:
        return ERR_INVALID; /* a peer's number, not one of ours */
    }
}

/* One question; false: the other end is gone, or speaks something else. */
static bool serve(struct keeper *k)
{
    struct datapath_keeper_ask ask;
    struct datapath_keeper_answer answer = {.version = DATAPATH_KEEPER_VERSION};
    int fds[RIGHTS_MAX], given[DATAPATH_KEEPER_GIVEN];
    size_t count = 0;
    enum err e = rights_recv(DATAPATH_KEEPER_SOCKET, &ask, sizeof ask, fds, &count);

    while (count > 0) {
        fd_close(&fds[--count]); /* nobody was asked for any */
    }
    if (e != ERR_OK) {
        return false;
    }
    e = perform(k, &ask, &answer, given);
    if (ask.kind == DATAPATH_KEEPER_TAKE_OFF) {
        return true;
    }
    answer.kind = ask.kind;
    answer.value = ask.value;
    answer.result = err_to_wire(e);
    bool has_maps = ask.kind == DATAPATH_KEEPER_LOAD && e == ERR_OK;
    size_t all = answer.queues > 0 ? DATAPATH_KEEPER_QUEUES + answer.queues : DATAPATH_SHIELD_MAPS;
    e = rights_send(DATAPATH_KEEPER_SOCKET, &answer, sizeof answer, given, has_maps ? all : 0);
    datapath_xsk_close(&k->frames); /* the cell's alone: its queues are free when it ends */
    return e == ERR_OK;
}

/* ---- life ----------------------------------------------------------------------------------------------- */

static bool take_words(struct keeper *k, int argc, char **argv)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    uint8_t ip[16];

    if (argc < 3 || argc > 4 || strlen(argv[1]) >= IFNAMSIZ) {
        return false;
    }
    char *end;
    unsigned long port = strtoul(argv[2], &end, 10);
    if (*end != '\0' || port == 0 || port > UINT16_MAX) {
        return false;
    }
    k->interface = argv[1];
    k->setup.port = (uint16_t)port;
    k->is_anywhere = argc == 3;
    if (k->is_anywhere) {
        return true;
    }
    bool is_v6 = inet_pton(AF_INET, argv[3], &v4.sin_addr) != 1;
    if (is_v6 && inet_pton(AF_INET6, argv[3], &v6.sin6_addr) != 1) {
        return false;
    }
    (void)read_address(is_v6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4, ip);
    add_own(&k->setup, ip);
    return true;
}

int datapath_keeper_run(int argc, char **argv)
{
    struct keeper k = {.news = -1};
    char why[NARROW_WHY_SIZE];

    if (!take_words(&k, argc, argv)) {
        (void)fprintf(stderr, "usage: cell-shield INTERFACE PORT [ADDRESS], with a socket on descriptor %d\n", DATAPATH_KEEPER_SOCKET);
        return MISUSED;
    }
    /* It ends when its cell does: a signal to all of a terminal's processes, or of a unit's, comes before that. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    if (narrow_capabilities(loading, ARRAY_LEN(loading), why) != ERR_OK) {
        (void)fprintf(stderr, "cell-shield: %s\n", why);
        return FAILED;
    }
    if (k.is_anywhere) {
        watch_own(&k);
        list_own(&k);
    }
    struct pollfd wait[] = {{.fd = DATAPATH_KEEPER_SOCKET, .events = POLLIN}, {.fd = k.news, .events = POLLIN}};
    bool goes_on = true;
    while (goes_on) {
        int came = poll(wait, ARRAY_LEN(wait), k.is_behind ? AGAIN_MS : -1);
        if (came < 0) {
            goes_on = errno == EINTR;
            continue;
        }
        if (came == 0) {
            list_again(&k);
            continue;
        }
        if (wait[1].revents != 0) {
            hear_news(&k);
        }
        if (wait[0].revents != 0) {
            goes_on = serve(&k);
        }
    }
    datapath_shield_close(k.shield);
    fd_close(&k.news);
    return DONE;
}
