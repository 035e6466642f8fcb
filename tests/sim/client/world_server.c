/* The servers. */
#include <stdlib.h>

#include "tests/sim/client/check.h"

static void say(struct world *w, const struct happening *request, uint64_t in_ms, struct happening h)
{
    h.kind = HAPPEN_REPLY;
    h.index = request->index;
    h.serial = request->serial;
    h.value = request->value;
    world_later(w, in_ms, h);
}

static uint64_t draw_latency(struct world *w, const struct server *v)
{
    if (w->is_even) {
        return v->latency_ms;
    }
    if (!world_is_calm(w) && world_chance(w, w->tail_one_in)) {
        return world_draw(w, 3000); /* a long tail: its answer comes when much has happened since */
    }
    return v->latency_ms / 2 + world_draw(w, v->latency_ms + 1);
}

static void carry_out(struct world *w, const struct happening *h)
{
    struct request *r = &w->request[h->index];

    r->done++;
    w->done++;
    check_once_done(w, h->index);
}

/* The connection breaks under the request, which was carried out or was not. */
static void drop(struct world *w, const struct happening *h)
{
    w->faults++;
    w->once_faults += !w->request[h->index].ask.is_idempotent;
    if (world_chance(w, 2)) {
        carry_out(w, h);
    }
    world_shell_break(w, (int)h->value);
}

/* Not carried out, for one of many reasons; false: it is carried out. */
static bool refuse(struct world *w, const struct happening *h, const struct server *v)
{
    uint32_t after_ms = world_chance(w, 4) ? UINT32_MAX : (uint32_t)world_draw(w, 300);
    bool is_calm = world_is_calm(w);

    if (v->trouble == TROUBLE_REFUSES || (!is_calm && world_chance(w, w->refuse_one_in))) {
        w->faults++;
        w->once_faults += !w->request[h->index].ask.is_idempotent;
        say(w, h, world_chance(w, 2) ? 1 : draw_latency(w, v), (struct happening){.e = ERR_UNAVAILABLE, .hint = WORLD_NOBODY,
                                        .retry_after_ms = world_chance(w, 2) ? 0 : after_ms});
        return true;
    }
    if (!is_calm && world_chance(w, w->unread_one_in)) {
        say(w, h, 1, (struct happening){.is_unread = true});
        return true;
    }
    if (v->trouble == TROUBLE_BUSY) {
        say(w, h, 1, (struct happening){.e = ERR_LIMIT, .hint = WORLD_NOBODY,
                                        .retry_after_ms = 1 + after_ms % 50});
        return true;
    }
    if (!is_calm && world_chance(w, w->odd_one_in)) {
        say(w, h, 1, (struct happening){.e = ERR_LIMIT, .hint = WORLD_NOBODY,
                                        .retry_after_ms = world_chance(w, 2) ? 0 : 1 + after_ms % 100});
        return true;
    }
    if (w->has_leader && (int)h->value != w->leader) {
        int hint = w->leader;
        if (!is_calm && world_chance(w, 8)) {
            hint = (int)world_draw(w, (uint64_t)w->servers + 1) - 1; /* wrong, or WORLD_NOBODY */
        }
        say(w, h, 1, (struct happening){.e = ERR_NOT_LEADER, .hint = hint});
        return true;
    }
    return false;
}

void world_server_reach(struct world *w, const struct happening *h)
{
    struct request *r = &w->request[h->index];
    struct server *v = &w->server[h->value];

    /* What was written into a connection that broke is gone; what was taken back, too. */
    if (r->is_ended || r->server != (int)h->value || r->serial != h->serial || r->is_queued) {
        return;
    }
    if (v->trouble == TROUBLE_HANGS) {
        world_later(w, 50, *h); /* it lies there until the server goes on */
        return;
    }
    if (v->trouble == TROUBLE_DROPS || (!world_is_calm(w) && world_chance(w, w->drop_one_in))) {
        drop(w, h);
        return;
    }
    if (refuse(w, h, v)) {
        return;
    }
    carry_out(w, h);
    uint64_t took_ms = draw_latency(w, v);
    for (uint32_t k = 0; k < r->parts; k++) {
        say(w, h, took_ms * (k + 1) / (r->parts + 1), (struct happening){.is_part = true});
    }
    say(w, h, took_ms, (struct happening){
        .e = !world_is_calm(w) && world_chance(w, 20) ? ERR_INVALID : ERR_OK, .hint = WORLD_NOBODY});
}

void world_server_trouble(struct world *w, int server, enum trouble trouble)
{
    struct server *v = &w->server[server];

    if (v->trouble != trouble) {
        world_tell_loud(w, "server %d: trouble %d", server, trouble);
    }
    v->trouble = trouble;
    w->faults += trouble != TROUBLE_NONE;
    if (trouble == TROUBLE_AWAY) {
        world_shell_break(w, server);
    }
}
