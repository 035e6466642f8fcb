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
#include "datapath/probe.h"
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
    int news;                     /* tells when they change, or interfaces do; -1: nobody does */
    bool is_behind;               /* they could not be listed: asked for again  */
    struct datapath_shield *shield;
    struct datapath_xsk frames;   /* while they are on their way to the cell    */
    enum datapath_keeper_frames wanted;
    bool is_loaded;
    struct datapath_xsk_link link; /* the interface when it was loaded …         */
    bool is_measured;              /* … and measured                             */
    bool is_tried;                /* XDP hangs already, since it was tried whether it pays */
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
    struct sockaddr_nl at = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | (k->is_anywhere ? RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR : 0)};

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

/* Whether the interface is what it was as far as it matters to what was loaded, hung and measured. */
static bool is_same(const struct keeper *k)
{
    struct datapath_xsk_link now;
    char why[DATAPATH_XSK_WHY];
    enum err e = datapath_xsk_look(k->interface, &now, why);

    if (!k->is_loaded || (now.interface == 0 && e != ERR_NOT_FOUND)) {
        return true; /* nobody knows at this moment */
    }
    if (k->link.interface != now.interface) {
        return false;
    }
    return e != ERR_OK || k->wanted == DATAPATH_KEEPER_NO_FRAMES ||
           (now.queues == k->link.queues && (now.mtu >= DATAPATH_XSK_MTU_MIN) == (k->link.mtu >= DATAPATH_XSK_MTU_MIN) &&
            (k->is_measured || !now.is_up || k->link.is_up));
}

/* False: it is another interface, for which another keeper is to begin. */
static bool hear_news(struct keeper *k)
{
    char bytes[NEWS_SIZE];

    while (recv(k->news, bytes, sizeof bytes, 0) > 0 || errno == ENOBUFS) {
        errno = 0;
    }
    if (k->is_anywhere) {
        list_again(k);
    }
    return is_same(k);
}

/* ---- what the cell asks for ------------------------------------------------------------------------------ */

/* What a frame past the stack costs, by one socket that goes again: whatever comes of it, it changes nothing here. */
static void try_past(const struct keeper *k, struct datapath_keeper_answer *a)
{
    struct datapath_xsk x;
    bool is_whole;

    if (datapath_xsk_try(&x, k->interface, a->frames_why) == ERR_OK) {
        datapath_probe_past(&x, &a->facts, &is_whole);
        datapath_xsk_close(&x);
    }
}

/* XDP, as far as is known for nothing: it is hung, and looked whether anything of the interface went for it. */
static enum err hang_to_try(struct keeper *k, struct datapath_keeper_answer *a)
{
    struct datapath_probe_features before, now;
    char why[DATAPATH_SHIELD_WHY] = "";

    datapath_probe_look(k->interface, &before);
    enum err e = datapath_shield_attach(k->shield, DATAPATH_SHIELD_XDP, a->link.interface, why);
    if (e != ERR_OK) {
        (void)snprintf(a->frames_why, sizeof a->frames_why, "%s", why);
        return e;
    }
    k->is_tried = true;
    datapath_probe_look(k->interface, &now);
    datapath_probe_compare(&before, &now, &a->facts);
    return ERR_OK;
}

/* All sockets, measured. A driver that keeps a frame of these for itself would give it back when nobody expects it. */
static enum err open_and_try(struct keeper *k, struct datapath_keeper_answer *a)
{
    bool is_whole = true;
    enum err e = datapath_xsk_open(&k->frames, k->interface, a->frames_why);

    if (e == ERR_OK) {
        datapath_probe_past(&k->frames, &a->facts, &is_whole);
    }
    if (e == ERR_OK && !is_whole) {
        datapath_xsk_close(&k->frames);
        e = datapath_xsk_open(&k->frames, k->interface, a->frames_why);
    }
    return e;
}

/* Sockets past the host's stack: without them all goes through it, as it did. */
static void open_frames(struct keeper *k, enum datapath_keeper_frames wanted, struct datapath_keeper_answer *a, int fds[DATAPATH_KEEPER_GIVEN])
{
    struct datapath_xsk *x = &k->frames;
    enum err e = datapath_xsk_look(k->interface, &a->link, a->frames_why);

    if (e != ERR_OK) {
        return;
    }
    datapath_probe_stack(k->interface, &a->link, &a->facts);
    k->is_measured = a->facts.alone_ns > 0;
    if (wanted == DATAPATH_KEEPER_MEASURE || (wanted == DATAPATH_KEEPER_PAYING && !datapath_choice_may(&a->facts))) {
        try_past(k, a);
        return;
    }
    e = wanted == DATAPATH_KEEPER_PAYING ? hang_to_try(k, a) : ERR_OK;
    e = e == ERR_OK ? open_and_try(k, a) : e;
    bool is_past = wanted == DATAPATH_KEEPER_FRAMES || datapath_choice_make(DATAPATH_CHOICE_AUTO, &a->facts).is_past;
    for (uint32_t i = 0; e == ERR_OK && is_past && i < x->queues; i++) {
        fds[DATAPATH_KEEPER_QUEUES + i] = x->socket[i];
        e = datapath_shield_socket(k->shield, i, x->socket[i], a->frames_why);
    }
    if (e != ERR_OK || !is_past) {
        datapath_xsk_close(x);
        datapath_shield_detach(k->shield, DATAPATH_SHIELD_XDP);
        k->is_tried = false;
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
    k->wanted = (enum datapath_keeper_frames)ask->frames;
    k->is_loaded = true;
    if (datapath_xsk_look(k->interface, &k->link, why) != ERR_OK) {
        k->link.queues = 0; /* what is asked for of it says why it cannot be had */
    }
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
        if (hook == DATAPATH_SHIELD_XDP && k->is_tried) {
            k->is_tried = false; /* it hangs */
            return ERR_OK;
        }
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

/* Until the other end is closed; false: until the interface is another. */
static bool serve_all(struct keeper *k)
{
    struct pollfd wait[] = {{.fd = DATAPATH_KEEPER_SOCKET, .events = POLLIN}, {.fd = k->news, .events = POLLIN}};

    for (;;) {
        int came = poll(wait, ARRAY_LEN(wait), k->is_behind ? AGAIN_MS : k->is_loaded && k->wanted != DATAPATH_KEEPER_NO_FRAMES ? DATAPATH_KEEPER_LOOK_MS : -1);
        if (came < 0 && errno != EINTR) {
            return true;
        }
        if (came <= 0) {
            if (k->is_behind) {
                list_again(k);
            }
            if (!is_same(k)) {
                return false;
            }
            continue;
        }
        if (wait[1].revents != 0 && !hear_news(k)) {
            return false;
        }
        if (wait[0].revents != 0 && !serve(k)) {
            return true;
        }
    }
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
    watch_own(&k);
    if (k.is_anywhere) {
        list_own(&k);
    }
    bool is_same_interface = serve_all(&k);
    datapath_shield_close(k.shield);
    fd_close(&k.news);
    return is_same_interface ? DONE : DATAPATH_KEEPER_CHANGED;
}
