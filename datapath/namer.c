#include "datapath/namer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/run/fd.h"
#include "datapath/udp.h"

enum err datapath_namer_open(struct datapath_namer *n, const struct datapath_endpoint *at, int *given)
{
    n->fd = fd_take(given);
    return n->fd >= 0 || at->port == 0 ? ERR_OK : datapath_udp_bind(at, &n->fd);
}

/* False: there is no other question. */
static bool answer_one(struct datapath_namer *n)
{
    uint8_t question[DATAPATH_NAMER_QUESTION_MAX], out[DNS_SERVE_MOST];
    union datapath_udp_place from;
    socklen_t size = sizeof from;
    ssize_t got = recvfrom(n->fd, question, sizeof question, MSG_DONTWAIT | MSG_TRUNC, &from.any, &size);

    if (got < 0) {
        return errno == EINTR || errno == ECONNREFUSED; /* whoever asked before is gone */
    }
    size_t said = (size_t)got <= sizeof question ? datapath_names_answer(&n->names, question, (size_t)got, out) : 0;
    bool is_said = said > 0 && sendto(n->fd, out, said, MSG_DONTWAIT, &from.any, size) == (ssize_t)said;
    n->answered += is_said;
    n->dropped += !is_said;
    return true;
}

static void on_question(void *context, unsigned bits)
{
    for (int i = 0; i < DATAPATH_NAMER_TURN && answer_one(context); i++) {
    }
}

static bool has_family(const struct tun_spec *spec, bool is_v6)
{
    for (size_t i = 0; i < spec->address_count; i++) {
        if (spec->address[i].is_v6 == is_v6) {
            return true;
        }
    }
    return false;
}

static void add_own(struct datapath_names *n, const struct tun_address *a)
{
    if (n->own_count < DATAPATH_NAMES_ADDRESSES) {
        struct datapath_prefix *p = &n->own_at[n->own_count++];
        *p = (struct datapath_prefix){.size = a->is_v6 ? DATAPATH_ALLOWED_V6 : DATAPATH_ALLOWED_V4, .bits = a->bits};
        memcpy(p->ip, a->ip, sizeof p->ip);
    }
}

/* Of a family of which neither an interface that was handed over nor who did so says anything, the configuration's count. */
static void take_own(struct datapath_names *n, const struct datapath_settings *s, const struct tun_spec *device)
{
    memcpy(n->zone, s->zone, sizeof n->zone);
    memcpy(n->own, s->name, sizeof n->own);
    for (size_t i = 0; i < device->address_count; i++) {
        add_own(n, &device->address[i]);
    }
    for (size_t i = 0; i < s->tun.address_count; i++) {
        if (!has_family(device, s->tun.address[i].is_v6)) {
            add_own(n, &s->tun.address[i]);
        }
    }
}

enum err datapath_namer_start(struct datapath_namer *n, struct loop *loop, const struct datapath_ways *ways,
                              const struct datapath_settings *settings, const struct tun_spec *device)
{
    enum err e = ERR_OK;

    n->names.core = ways->core;
    n->names.ways = ways;
    n->names.room = settings->listed;
    n->names.entry = calloc(settings->listed + 1, sizeof *n->names.entry);
    if (n->names.entry == NULL) {
        return ERR_NOMEM;
    }
    take_own(&n->names, settings, device);
    for (uint32_t i = 0; e == ERR_OK && i < settings->listed; i++) {
        const struct datapath_config_peer *p = &settings->peer[i];
        e = p->name[0] == '\0' ? ERR_OK : datapath_names_set(&n->names, p->peer.public, p->name);
    }
    if (e == ERR_OK && n->fd >= 0) {
        n->watch = loop_watch_new(loop, n->fd, LOOP_READ, on_question, n);
        e = n->watch == NULL ? ERR_NOMEM : ERR_OK;
    }
    return e;
}

void datapath_namer_close(struct datapath_namer *n)
{
    loop_watch_free(n->watch);
    n->watch = NULL;
    if (n->fd > 0) {
        fd_close(&n->fd);
    }
    n->fd = -1;
    free(n->names.entry);
    n->names.entry = NULL;
    n->names.count = n->names.room = 0;
}
