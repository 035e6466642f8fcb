#include "nucleus/tuns.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/node/inner.h"
#include "common/run/fd.h"
#include "common/run/log.h"
#include "common/run/netlink.h"
#include "common/run/tun.h"
#include "nucleus/keys.h"

struct shell_tun {
    struct shell_tun *next;
    char space[NAME_SIZE];
    char cell[NAME_SIZE];
    struct manifest_tun at;
    struct tun_spec made; /* … with this node's own addresses */
    int fd;               /* -1: its cell alone has it, of an earlier supervisor's making */
    uint32_t number;      /* of the interface, whatever it is called by now               */
    bool is_due;          /* somebody touched it: looked at when its time has come        */
    uint64_t mend_ms, wait_ms; /* not before; and how long after the next time            */
};

/* What the kernel says of interfaces, while there is a watch. One supervisor is a process. */
static struct {
    int fd;
    struct loop_watch *watch;
    struct loop_timer *timer;
} news;

_Static_assert((int)MANIFEST_INTERFACE_SIZE == (int)TUN_NAME_SIZE &&
                   (int)MANIFEST_TUN_ADDRESSES_MAX <= (int)TUN_ADDRESSES_MAX,
               "what a manifest says of an interface can be made");

static bool is_same(const struct manifest_tun *a, const struct manifest_tun *b)
{
    bool is_same = a->is_tap == b->is_tap && strcmp(a->name, b->name) == 0 && strcmp(a->interface, b->interface) == 0 && a->mtu == b->mtu &&
                   a->address_count == b->address_count;

    for (uint32_t i = 0; is_same && i < a->address_count; i++) {
        const struct manifest_tun_address *x = &a->address[i], *y = &b->address[i];
        is_same = x->is_v6 == y->is_v6 && x->bits == y->bits && memcmp(x->ip, y->ip, sizeof x->ip) == 0;
    }
    return is_same;
}

static bool is_of(const struct shell_tun *k, const struct manifest_cell *c)
{
    return strcmp(k->space, c->space) == 0 && strcmp(k->cell, c->name) == 0;
}

/* A network in place of an address is the node's own address in it. */
static enum err settle(const char *state_dir, const struct manifest_tun *t, struct tun_spec *spec, char why[JAIL_WHY_SIZE])
{
    uint8_t id[NODE_ID_LEN], ip[sizeof spec->address->ip];
    bool has_id = false;

    for (size_t i = 0; i < spec->address_count; i++) {
        struct tun_address *a = &spec->address[i];
        size_t size = a->is_v6 ? 16 : 4;
        if (!inner_is_network(a->ip, size, a->bits)) {
            continue;
        }
        enum err e = has_id ? ERR_OK : keys_node_id(state_dir, id);
        if (e != ERR_OK) {
            (void)snprintf(why, JAIL_WHY_SIZE, "%s.%.32s: %s: address by id: `cell init` first, or join",
                           t->is_tap ? "tap" : "tun", t->name, t->interface);
            return e;
        }
        has_id = true;
        inner_derive(id, a->ip, size, a->bits, ip);
        memcpy(a->ip, ip, size);
    }
    return ERR_OK;
}

static enum err describe(const char *state_dir, const struct manifest_tun *t, struct tun_spec *ret, char why[JAIL_WHY_SIZE])
{
    struct tun_spec spec = {.is_tap = t->is_tap, .mtu = t->mtu, .address_count = t->address_count};

    memcpy(spec.name, t->interface, sizeof spec.name);
    for (uint32_t i = 0; i < t->address_count; i++) {
        spec.address[i] = (struct tun_address){.is_v6 = t->address[i].is_v6, .bits = t->address[i].bits};
        memcpy(spec.address[i].ip, t->address[i].ip, sizeof spec.address[i].ip);
    }
    enum err e = settle(state_dir, t, &spec, why);
    if (e == ERR_OK) {
        *ret = spec;
    }
    return e;
}

static enum err make(const char *state_dir, const struct manifest_tun *t, struct tun_spec *ret_spec, int *ret, char why[JAIL_WHY_SIZE])
{
    struct tun_spec spec;
    char reason[TUN_WHY_SIZE] = "";
    enum err e = describe(state_dir, t, &spec, why);

    if (e != ERR_OK) {
        return e;
    }
    e = tun_open(&spec, ret, reason);
    if (e != ERR_OK) {
        (void)snprintf(why, JAIL_WHY_SIZE, "%s.%.32s: %s: %.60s", t->is_tap ? "tap" : "tun", t->name, t->interface, reason);
        return e;
    }
    *ret_spec = spec;
    return ERR_OK;
}

/* ---- mending ------------------------------------------------------------------------------------ */

/* The addresses that the manifest gives it, where they are not there. Who takes them away again and again has them for longer and longer. */
static void mend(struct shell_tun *k, uint64_t now_ms)
{
    char why[TUN_WHY_SIZE] = "";
    size_t given = 0;

    k->is_due = false;
    enum err e = tun_mend(k->fd, k->number, &k->made, &given, why);
    if (e == ERR_OK && given == 0) {
        return;
    }
    bool is_quiet = k->wait_ms == 0 || now_ms - k->mend_ms >= TUNS_MEND_MS_MAX;
    k->wait_ms = is_quiet ? TUNS_MEND_MS : 2 * k->wait_ms < TUNS_MEND_MS_MAX ? 2 * k->wait_ms : TUNS_MEND_MS_MAX;
    k->mend_ms = now_ms + k->wait_ms;
    if (e == ERR_OK) {
        log_warn("NUCLEUS-TUN-MENDED", "cell=%s/%s interface=%s addresses=%zu why=\"it had lost them\"", k->space, k->cell, k->at.interface, given);
    } else {
        log_warn("NUCLEUS-TUN-UNMENDED", "cell=%s/%s interface=%s reason=%s why=\"%s\" effect=\"it lacks addresses until somebody changes it\"",
                 k->space, k->cell, k->at.interface, err_name(e), why);
    }
}

static void on_mend(void *context)
{
    struct shell *s = context;
    uint64_t now_ms = loop_now_ms(), next_ms = UINT64_MAX;

    for (struct shell_tun *k = s->tuns; k != NULL; k = k->next) {
        if (k->is_due && now_ms >= k->mend_ms) {
            mend(k, now_ms);
        } else if (k->is_due && k->mend_ms < next_ms) {
            next_ms = k->mend_ms;
        }
    }
    if (next_ms != UINT64_MAX) {
        loop_timer_again(news.timer, next_ms - now_ms, 0);
    }
}

/* The number of an interface that may lack something now; 0: none, or one that is gone. */
static uint32_t touched(const struct netlink_message *m)
{
    const struct ifaddrmsg *address = m->type == RTM_DELADDR ? netlink_body(m, sizeof *address) : NULL;
    const struct ifinfomsg *link = m->type == RTM_NEWLINK ? netlink_body(m, sizeof *link) : NULL;

    return address != NULL ? address->ifa_index : link != NULL ? (uint32_t)link->ifi_index : 0;
}

/* number: 0 is all of them. */
static void look_at(struct shell *s, uint32_t number)
{
    for (struct shell_tun *k = s->tuns; k != NULL; k = k->next) {
        if ((number == 0 || k->number == number) && !k->is_due) {
            k->is_due = true;
            loop_timer_again(news.timer, TUNS_MEND_MS, 0);
        }
    }
}

static void on_news(void *context, unsigned bits)
{
    struct shell *s = context;
    union {
        struct nlmsghdr align;
        uint8_t bytes[NETLINK_ANSWER];
    } said;
    ssize_t got;

    (void)bits;
    while ((got = recv(news.fd, said.bytes, sizeof said.bytes, MSG_TRUNC)) > 0 || errno == ENOBUFS) {
        bool is_whole = got > 0 && got <= (ssize_t)sizeof said.bytes;
        struct netlink_reader r = {.at = said.bytes, .left = is_whole ? (size_t)got : 0, .is_news = true};
        struct netlink_message m;
        if (!is_whole) {
            look_at(s, 0); /* what was lost may have been about any */
        }
        while (netlink_next(&r, &m)) {
            uint32_t number = touched(&m);
            if (number != 0) {
                look_at(s, number);
            }
        }
        errno = 0;
    }
}

/* From the first interface on it is heard what becomes of them. Without memory or a descriptor for it nobody mends them: no more is lost. */
static void watch(struct shell *s)
{
    const struct sockaddr_nl at = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};

    if (news.watch != NULL) {
        return;
    }
    AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0) {
        news.fd = fd;
        news.timer = loop_timer_new(host_loop(s->cell), UINT32_MAX, 0, on_mend, s);
        news.watch = news.timer == NULL ? NULL : loop_watch_new(host_loop(s->cell), fd, LOOP_READ, on_news, s);
    }
    if (news.watch == NULL) {
        loop_timer_free(news.timer);
        news.timer = NULL;
        log_warn("NUCLEUS-TUN-UNWATCHED", "effect=\"interfaces that lose their addresses lack them until their cell was stopped\"");
        return;
    }
    (void)fd_take(&fd);
}

/* ---- keeping ------------------------------------------------------------------------------------ */

static void drop(struct shell_tun **at)
{
    struct shell_tun *k = *at;

    *at = k->next;
    fd_close(&k->fd);
    free(k);
}

/* The interface that is kept for `t`; NULL: none yet. One of its name that is another now, or that somebody removed, goes. */
static struct shell_tun *kept_for(struct shell *s, const struct manifest_cell *c, const struct manifest_tun *t)
{
    for (struct shell_tun **at = &s->tuns; *at != NULL;) {
        if (is_of(*at, c) && (*at)->at.is_tap == t->is_tap && strcmp((*at)->at.name, t->name) == 0) {
            if (is_same(&(*at)->at, t) && tun_is_there((*at)->fd)) {
                return *at;
            }
            drop(at);
        } else {
            at = &(*at)->next;
        }
    }
    return NULL;
}

static enum err keep(struct shell *s, const struct manifest_cell *c, const struct manifest_tun *t,
                     struct shell_tun **ret, char why[JAIL_WHY_SIZE])
{
    struct shell_tun *k = kept_for(s, c, t);

    if (k == NULL) {
        k = calloc(1, sizeof *k);
        if (k == NULL) {
            (void)snprintf(why, JAIL_WHY_SIZE, "out of memory");
            return ERR_NOMEM;
        }
        enum err e = make(s->state_dir, t, &k->made, &k->fd, why);
        if (e != ERR_OK) {
            free(k);
            return e;
        }
        memcpy(k->space, c->space, sizeof k->space);
        memcpy(k->cell, c->name, sizeof k->cell);
        k->at = *t;
        k->number = if_nametoindex(k->made.name);
        k->next = s->tuns;
        s->tuns = k;
        watch(s);
    }
    *ret = k;
    return ERR_OK;
}

static void tell(const struct shell_tun *k, struct tuns_grant *ret, size_t i)
{
    ret->at[i].count = k->made.address_count;
    for (size_t n = 0; n < k->made.address_count; n++) {
        const struct tun_address *a = &k->made.address[n];
        size_t size = a->is_v6 ? 16 : 4;
        memcpy(ret->at[i].bytes[n], a->ip, size);
        ret->at[i].bytes[n][size] = a->bits;
        ret->at[i].size[n] = size + 1;
    }
}

enum err tuns_open(struct shell *s, const struct manifest_cell *c, uint32_t instance, struct tuns_grant *ret,
                   char why[JAIL_WHY_SIZE])
{
    struct shell_tun *k = NULL;
    enum err e = ERR_OK;

    ret->count = 0;
    if (c->sandbox.tun_count > 0 && instance > 0) {
        (void)snprintf(why, JAIL_WHY_SIZE, "sandbox.%s is for one instance: scale it to 1", c->sandbox.tun[0].is_tap ? "tap" : "tun");
        return ERR_PRECONDITION;
    }
    for (size_t i = 0; e == ERR_OK && i < c->sandbox.tun_count; i++) {
        e = keep(s, c, &c->sandbox.tun[i], &k, why);
        if (e == ERR_OK) {
            ret->fd[i] = k->fd;
            (void)snprintf(ret->name[i], TUNS_NAME_SIZE, "%s.%s", k->at.is_tap ? "tap" : "tun", k->at.name);
            tell(k, ret, i);
            ret->count = i + 1;
        }
    }
    ret->count = e == ERR_OK ? ret->count : 0;
    return e;
}

/* Whether the manifest in force wants it, for an instance that may run. One that a person stopped has no interface: what
 * is sent there is then refused at once instead of being lost. */
static bool is_wanted(const struct shell *s, const struct shell_tun *k)
{
    int index = manifest_find(&s->manifest, k->space, k->cell);
    int slot = node_find(s->node, k->space, k->cell, 0);

    if (index < 0 || slot < 0 || node_at(s->node, (uint32_t)slot)->state == NODE_STOPPED) {
        return false;
    }
    const struct manifest_cell *c = &s->manifest.cells[index];
    for (size_t i = 0; i < c->sandbox.tun_count; i++) {
        if (is_same(&c->sandbox.tun[i], &k->at)) {
            return true;
        }
    }
    return false;
}

void tuns_sweep(struct shell *s)
{
    for (struct shell_tun **at = &s->tuns; *at != NULL;) {
        if (is_wanted(s, *at)) {
            at = &(*at)->next;
        } else {
            drop(at);
        }
    }
}

void tuns_adopt(struct shell *s)
{
    char why[JAIL_WHY_SIZE];

    for (size_t i = 0; i < s->manifest.cell_count; i++) {
        const struct manifest_cell *c = &s->manifest.cells[i];
        int slot = node_find(s->node, c->space, c->name, 0);
        bool is_alive = slot >= 0 && s->slots[slot] != NULL && s->slots[slot]->pidfd >= 0;
        for (size_t t = 0; is_alive && t < c->sandbox.tun_count; t++) {
            struct shell_tun *k = calloc(1, sizeof *k);
            if (k == NULL || describe(s->state_dir, &c->sandbox.tun[t], &k->made, why) != ERR_OK) {
                free(k);
                continue; /* nobody looks after it until its cell's next process has another */
            }
            memcpy(k->space, c->space, sizeof k->space);
            memcpy(k->cell, c->name, sizeof k->cell);
            k->at = c->sandbox.tun[t];
            k->fd = -1;
            k->number = if_nametoindex(k->made.name);
            k->next = s->tuns;
            s->tuns = k;
            watch(s);
            if (news.watch != NULL) {
                look_at(s, k->number);
            }
        }
    }
}

void tuns_close(struct shell *s)
{
    while (s->tuns != NULL) {
        drop(&s->tuns);
    }
    if (news.watch != NULL) {
        loop_watch_free(news.watch);
        loop_timer_free(news.timer);
        fd_close(&news.fd);
        news.watch = NULL;
        news.timer = NULL;
    }
}
