/* A step of a tenant and the performing of its effects: the only place where a core meets the world. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/inside.h"
#include "tests/sim/world/script.h"

enum { FILE_BITS = 7, SYNC_FAILED_BIT = 32 };

/* How far the performing of a list came. */
enum outcome {
    DONE,
    WAITING, /* for the disk: the rest is kept */
    CRASHED,
    FAILED,  /* the rest is dropped, and the tenant hears of it */
};

void world_effect(struct world *w, struct world_effects *fx, struct world_effect item, const void *bytes,
                  size_t size)
{
    if (fx->count == WORLD_EFFECTS_MAX || size > WORLD_BYTES_MAX - fx->used) {
        world_fail(w, "a step has more than %d effects or %d bytes", WORLD_EFFECTS_MAX, WORLD_BYTES_MAX);
        return;
    }
    item.at = fx->used;
    item.size = size;
    if (size > 0) {
        memcpy(fx->bytes + fx->used, bytes, size);
    }
    fx->used += size;
    fx->item[fx->count++] = item;
}

static void put_packet(struct world *w, uint32_t from, uint8_t tenant, const struct world_effect *e,
                       struct queue_packet *p)
{
    bool was_clogged = false;
    uint64_t at_us = net_arrival_us(&w->net, &w->dice, from, e->to, w->now_us, p->is_stream);

    for (uint32_t i = 0; i < NET_CLOGS; i++) {
        const struct net_clog *c = &w->net.clog[i];
        was_clogged |= c->from == from && c->to == e->to && c->until_us > w->now_us;
    }
    w->count.of[COUNT_CLOGGED] += was_clogged;
    p->references++;
    world_put(w, at_us, HAPPEN_EVENT_PACKET, e->to, tenant, 0, p);
}

static void send(struct world *w, uint32_t from, uint8_t tenant, const struct world_effect *e,
                 const uint8_t *bytes)
{
    bool is_stream = e->kind == WORLD_FX_STREAM;

    if (e->to >= w->set.nodes || (!is_stream && e->size > w->set.net.size_max)) {
        world_fail(w, "node %" PRIu32 " sends %zu bytes to %" PRIu32 ": a packet has at most %zu", from,
                   e->size, e->to, w->set.net.size_max);
        return;
    }
    w->count.of[COUNT_SENT]++;
    if (net_is_cut(&w->net, from, e->to)) {
        w->count.of[COUNT_CUT_OFF]++;
        return;
    }
    if (!is_stream && !world_is_calm(w) && dice_chance(&w->dice, DICE_LOSS, w->set.net.loss_ppm)) {
        w->count.of[COUNT_LOST]++;
        return;
    }
    struct queue_packet *p = malloc(sizeof *p + e->size);
    if (p == NULL) {
        abort();
    }
    *p = (struct queue_packet){.from = from, .serial = ++w->net.serial, .is_stream = is_stream,
                               .size = e->size};
    if (e->size > 0) {
        memcpy(p->bytes, bytes, e->size);
    }
    put_packet(w, from, tenant, e, p);
    if (!is_stream && !world_is_calm(w) && dice_chance(&w->dice, DICE_DUPLICATE, w->set.net.duplicate_ppm)) {
        w->count.of[COUNT_DUPLICATED]++;
        put_packet(w, from, tenant, e, p);
    }
}

static uint64_t sync_ends_us(struct world *w)
{
    return w->now_us + 1 + dice_after(&w->dice, DICE_DISK, w->set.sync_us);
}

static bool sync_fails(struct world *w)
{
    bool fails = !world_is_calm(w) && dice_chance(&w->dice, DICE_DISK, w->set.sync_fails_ppm);

    w->count.of[COUNT_SYNCS]++;
    w->count.of[COUNT_SYNCS_FAILED] += fails;
    return fails;
}

static void set_timer(struct world *w, uint32_t node, uint8_t tenant, uint64_t at_us)
{
    struct world_node *n = &w->node[node];

    if (n->timer_us[tenant] == at_us) {
        return;
    }
    n->timer_us[tenant] = at_us;
    world_put(w, clock_true_us(&n->clock, at_us, w->now_us), HAPPEN_EVENT_TIMER, node, tenant, at_us, NULL);
}

/* False: it failed, and what follows in the list is not performed. */
static bool touch_disk(struct world *w, uint32_t node, const struct world_effect *e, const uint8_t *bytes)
{
    struct disk *d = &w->node[node].disk;
    enum err err = e->kind == WORLD_FX_WRITE ? disk_write(d, e->file, e->offset, bytes, e->size)
                                             : disk_resize(d, e->file, e->offset);

    w->count.of[COUNT_WRITES]++;
    w->count.of[COUNT_DISKS_FULL] += err != ERR_OK;
    return err == ERR_OK;
}

static bool crashes_here(struct world *w)
{
    return !world_is_calm(w) && dice_chance(&w->dice, DICE_CRASH, w->set.crash_step_ppm);
}

static void start_later(struct world *w, uint32_t node)
{
    world_put(w, w->now_us + 1 + dice_after(&w->dice, DICE_CRASH, w->set.down_us), HAPPEN_RESTART, node, 0, 0,
              NULL);
}

static void crash_here(struct world *w, uint32_t node, bool is_inside)
{
    w->count.of[COUNT_CRASHES_INSIDE] += is_inside;
    script_crash(w, node, !dice_chance(&w->dice, DICE_CRASH, w->set.power_ppm));
    start_later(w, node);
}

/* Keep the list for when the disk is done; the node is deaf until then. */
static void wait_for_disk(struct world *w, uint32_t node, uint8_t tenant, const struct world_effects *fx,
                          uint32_t at)
{
    struct world_node *n = &w->node[node];
    uint64_t until_us = sync_ends_us(w);
    uint64_t value = fx->item[at].file | (uint64_t)sync_fails(w) << SYNC_FAILED_BIT;
    struct world_effects *rest = n->rest;

    if (rest == NULL) { /* not the rest of a list that waited before */
        rest = malloc(sizeof *rest);
        uint8_t *bytes = malloc(fx->used == 0 ? 1 : fx->used);
        if (rest == NULL || bytes == NULL) {
            abort();
        }
        memcpy(bytes, fx->bytes, fx->used);
        *rest = *fx;
        rest->bytes = bytes;
        n->rest = rest;
    }
    n->rest_at = at;
    n->rest_tenant = tenant;
    n->busy_until_us = n->busy_until_us > until_us ? n->busy_until_us : until_us;
    world_put(w, n->busy_until_us, HAPPEN_REST, node, tenant, value, NULL);
}

/* From item `at` on, until the end, a crash, a failure (*ret_failed) or a sync. */
static enum outcome perform(struct world *w, uint32_t node, uint8_t tenant, struct world_effects *fx,
                            uint32_t at, uint32_t *ret_failed)
{
    for (uint32_t i = at; i <= fx->count && !w->has_failed; i++) {
        if (crashes_here(w)) {
            crash_here(w, node, i > 0 && i < fx->count);
            return CRASHED;
        }
        if (i == fx->count) {
            break;
        }
        const struct world_effect *e = &fx->item[i];
        const uint8_t *bytes = fx->bytes + e->at;
        world_digest(w, (uint64_t)e->kind << 56 ^ (uint64_t)e->size << 32 ^ e->to ^ e->value);
        switch (e->kind) {
        case WORLD_FX_SEND:
        case WORLD_FX_STREAM:
            send(w, node, tenant, e, bytes);
            break;
        case WORLD_FX_WRITE:
        case WORLD_FX_RESIZE:
            if (!touch_disk(w, node, e, bytes)) {
                *ret_failed = i;
                return FAILED;
            }
            break;
        case WORLD_FX_NAME:
            disk_name(&w->node[node].disk, e->file, e->value);
            break;
        case WORLD_FX_SYNC:
            wait_for_disk(w, node, tenant, fx, i);
            return WAITING;
        case WORLD_FX_SYNC_LATER:
            world_put(w, sync_ends_us(w), HAPPEN_EVENT_SYNCED, node, tenant,
                      e->value << (FILE_BITS + 1) | (uint64_t)e->file << 1 | sync_fails(w), NULL);
            break;
        case WORLD_FX_TIMER:
            set_timer(w, node, tenant, e->value);
            break;
        case WORLD_FX_TELL:
            w->count.of[COUNT_TOLD]++;
            if (w->tenant[tenant]->told != NULL) {
                w->tenant[tenant]->told(w, node, e);
            }
            break;
        case WORLD_FX_DIE:
            script_crash(w, node, true);
            start_later(w, node);
            return CRASHED;
        }
    }
    return DONE;
}

void world_forget_rest(struct world_node *n)
{
    if (n->rest != NULL) {
        free(n->rest->bytes);
        free(n->rest);
        n->rest = NULL;
    }
}

static void tell_failed(struct world *w, uint32_t node, uint8_t tenant, uint32_t at)
{
    world_step(w, node, tenant, &(struct world_event){.kind = WORLD_EV_FAILED, .value = at});
}

void world_rest(struct world *w, uint32_t node, uint64_t value)
{
    struct world_node *n = &w->node[node];
    uint8_t tenant = n->rest_tenant;
    uint32_t failed = n->rest_at;
    enum outcome outcome = FAILED;

    if (disk_sync(&n->disk, (uint32_t)value, (value >> SYNC_FAILED_BIT) != 0) == ERR_OK) {
        outcome = perform(w, node, tenant, n->rest, n->rest_at + 1, &failed);
    }
    if (outcome == DONE || outcome == FAILED) {
        world_forget_rest(n);
    }
    if (outcome == FAILED) {
        tell_failed(w, node, tenant, failed);
    }
}

/* A core that wants its next step at once, for ever, would be a world without an end: it is a failure. */
static void count_step(struct world *w, uint32_t node)
{
    w->count.of[COUNT_STEPS]++;
    if (w->now_us >= w->second_us + 1000000) {
        w->second_us = w->now_us;
        w->second_steps = 0;
    }
    if (++w->second_steps > (uint64_t)WORLD_STORM_STEPS * w->set.nodes) {
        world_fail(w, "node %" PRIu32 " and others take %" PRIu64 " steps within a second", node, w->second_steps);
    }
}

void world_step(struct world *w, uint32_t node, uint8_t tenant, struct world_event *ev)
{
    struct world_node *n = &w->node[node];
    uint32_t failed = 0;

    assert(n->is_up && n->rest == NULL);
    ev->now_us = clock_mono_us(&n->clock, w->now_us);
    ev->wall_us = clock_wall_us(&n->clock, w->now_us);
    count_step(w, node);
    world_digest(w, w->now_us ^ (uint64_t)node << 48 ^ (uint64_t)ev->kind << 60);
    w->fx->count = 0;
    w->fx->used = 0;
    w->tenant[tenant]->step(w, node, n->state[tenant], ev, w->fx);
    if (perform(w, node, tenant, w->fx, 0, &failed) == FAILED) {
        tell_failed(w, node, tenant, failed);
    }
}
