#include "tests/sim/world/world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/inside.h"

static void *some(size_t count, size_t size)
{
    void *memory = calloc(count, size == 0 ? 1 : size);

    if (memory == NULL) {
        abort(); /* a world without memory proves nothing */
    }
    return memory;
}

uint8_t world_place(const struct world *w, const char *name)
{
    for (uint8_t i = 0; i < w->tenants; i++) {
        if (w->tenant[i]->name == name) {
            return i;
        }
    }
    return 0;
}

bool world_is_calm(const struct world *w)
{
    return w->now_us >= w->set.calm_us;
}

void world_fail(struct world *w, const char *format, ...)
{
    va_list args;

    if (!w->has_failed) {
        va_start(args, format);
        (void)vsnprintf(w->why, sizeof w->why, format, args);
        va_end(args);
        w->has_failed = true;
        w->failed_us = w->now_us;
        world_say(w, "FAILED %s", w->why);
    }
}

void world_say(struct world *w, const char *format, ...)
{
    va_list args;

    if (w->is_loud) {
        printf("%12.6f ", (double)w->now_us / 1e6);
        va_start(args, format);
        (void)vprintf(format, args);
        va_end(args);
        putchar('\n');
    }
}

/* FNV-1a, word by word: two runs of one seed must do the same things at the same times. */
void world_digest(struct world *w, uint64_t value)
{
    w->digest = (w->digest ^ value) * UINT64_C(0x100000001b3);
}

void world_put(struct world *w, uint64_t at_us, uint8_t kind, uint32_t node, uint8_t tenant, uint64_t value,
               struct queue_packet *packet)
{
    assert(at_us >= w->now_us && node < w->set.nodes);
    queue_put(&w->queue, &(struct queue_item){.at_us = at_us, .kind = kind, .node = node, .tenant = tenant,
                                              .epoch = w->node[node].epoch, .value = value,
                                              /* Nothing reaches a process before its own start. */
                                              .is_urgent = kind == HAPPEN_EVENT_START, .packet = packet});
}

void world_order(struct world *w, uint8_t tenant, uint32_t node, uint64_t in_us, uint64_t value)
{
    world_put(w, w->now_us + in_us, HAPPEN_EVENT_ORDER, node, tenant, value, NULL);
}

static void release(struct queue_item *item)
{
    if (item->packet != NULL && --item->packet->references == 0) {
        free(item->packet);
    }
    item->packet = NULL;
}

/* A packet is at the node's door. Where it came from may be cut off since it was sent: what is under way is
 * stopped too. */
static bool has_arrived(struct world *w, const struct queue_item *item)
{
    const struct queue_packet *p = item->packet;

    if (net_is_cut(&w->net, p->from, item->node)) {
        w->count.of[COUNT_CUT_OFF]++;
        return false;
    }
    if (!w->node[item->node].is_up || (p->is_stream && item->epoch != w->node[item->node].epoch)) {
        w->count.of[COUNT_LOST]++;
        return false;
    }
    w->count.of[COUNT_DELIVERED]++;
    w->count.of[COUNT_OVERTAKEN] += net_is_overtaken(&w->net, p->from, item->node, p->serial);
    return true;
}

/* A node that is paused or waits for its disk takes nothing; what comes waits in front of it, packets in a
 * bounded inbox. False: there was no room. */
static bool put_off(struct world *w, struct queue_item *item)
{
    struct world_node *n = &w->node[item->node];

    if (item->packet != NULL && !item->packet->is_stream && n->inbox >= WORLD_INBOX_MAX) {
        w->count.of[COUNT_OVERFLOWN]++;
        return false;
    }
    if (item->packet != NULL) {
        item->is_waiting = true;
        n->inbox++;
    }
    item->at_us = n->busy_until_us;
    /* An event loop that wakes late runs its timers before it reads (libuv's uv_run); the rest of another tenant's step
     * comes before both, at the same time. */
    item->is_urgent = (item->kind == HAPPEN_EVENT_START || item->kind == HAPPEN_EVENT_TIMER) && n->rest == NULL;
    queue_put(&w->queue, item);
    return true;
}

/* What the item means to its tenant; false: nothing any more. */
static bool event_of(struct world *w, const struct queue_item *item, struct world_event *ev)
{
    struct world_node *n = &w->node[item->node];

    switch (item->kind) {
    case HAPPEN_EVENT_START:
        ev->kind = WORLD_EV_START;
        return true;
    case HAPPEN_EVENT_PACKET:
        ev->kind = WORLD_EV_PACKET;
        ev->from = item->packet->from;
        ev->bytes = item->packet->bytes;
        ev->size = item->packet->size;
        return true;
    case HAPPEN_EVENT_TIMER:
        if (n->timer_us[item->tenant] != item->value) {
            return false; /* another was set since */
        }
        n->timer_us[item->tenant] = 0;
        ev->kind = WORLD_EV_TIMER;
        return true;
    case HAPPEN_EVENT_SYNCED:
        ev->kind = WORLD_EV_SYNCED;
        ev->value = item->value >> 8;
        ev->is_ok = disk_sync(&n->disk, (uint32_t)(item->value >> 1 & 0x7f), (item->value & 1) != 0) == ERR_OK;
        return true;
    case HAPPEN_EVENT_ORDER:
        ev->kind = WORLD_EV_ORDER;
        w->count.of[COUNT_ORDERS]++;
        return true;
    }
    assert(false);
    return false;
}

static void deliver(struct world *w, struct queue_item *item)
{
    struct world_node *n = &w->node[item->node];
    struct world_event ev = {.value = item->value, .is_ok = true};
    /* A datagram and a person do not care which life of the node they meet; a stream's piece and what the
     * process itself began do. */
    bool is_for_anyone = item->kind == HAPPEN_EVENT_ORDER ||
                         (item->packet != NULL && !item->packet->is_stream);

    if (item->is_waiting) {
        n->inbox--;
        item->is_waiting = false;
    } else if (item->packet != NULL && !has_arrived(w, item)) {
        release(item);
        return;
    }
    if (!n->is_up || (!is_for_anyone && item->epoch != n->epoch)) {
        release(item);
    } else if (n->busy_until_us > w->now_us || n->rest != NULL) { /* the disk's end comes first */
        if (!put_off(w, item)) {
            release(item);
        }
    } else {
        if (event_of(w, item, &ev)) {
            world_step(w, item->node, item->tenant, &ev);
        }
        release(item);
    }
}

static void check(struct world *w)
{
    for (uint32_t t = 0; t < w->tenants; t++) {
        if (w->tenant[t]->check != NULL) {
            w->tenant[t]->check(w);
        }
    }
    if (w->now_us + w->set.check_us < w->set.end_us) {
        world_put(w, w->now_us + w->set.check_us, HAPPEN_CHECK, 0, 0, 0, NULL);
    }
}

static void happen(struct world *w, struct queue_item *item)
{
    struct world_node *n = &w->node[item->node];

    w->now_us = item->at_us;
    if (item->kind <= HAPPEN_EVENT_ORDER) {
        deliver(w, item);
    } else if (item->kind == HAPPEN_REST) {
        if (n->is_up && item->epoch == n->epoch) {
            if (n->busy_until_us > w->now_us) { /* paused while it waited */
                item->at_us = n->busy_until_us;
                queue_put(&w->queue, item);
            } else {
                world_rest(w, item->node, item->value);
            }
        }
    } else if (item->kind == HAPPEN_CHECK) {
        check(w);
    } else {
        world_fault_happen(w, item);
    }
}

static void begin(struct world *w, const struct world_tenant *const *tenants, uint32_t count, uint64_t seed,
                  uint32_t off, uint32_t nodes, bool is_loud)
{
    assert(count <= WORLD_TENANTS_MAX);
    *w = (struct world){.seed = seed, .tenant = tenants, .tenants = count, .is_loud = is_loud,
                        .digest = UINT64_C(0xcbf29ce484222325)};
    dice_init(&w->dice, seed, off);
    world_draw_settings(w);
    w->fx = some(1, sizeof *w->fx);
    w->fx->bytes = some(WORLD_BYTES_MAX, 1);
    for (uint32_t t = 0; t < count; t++) {
        if (tenants[t]->draw != NULL) {
            tenants[t]->draw(w);
        }
    }
    w->set.nodes = nodes != 0 ? nodes : w->set.nodes;
    assert(w->set.nodes > 0 && w->set.nodes <= WORLD_NODES_MAX);
    net_init(&w->net, &w->set.net, w->set.nodes, seed);
    w->node = some(w->set.nodes, sizeof *w->node);
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        clock_init(&w->node[i].clock, &w->dice, w->set.skew_us);
        w->node[i].disk.room_bytes = w->set.disk_bytes;
    }
}

void world_begin(struct world *w, const struct world_tenant *const *tenants, uint32_t count, uint64_t seed,
                 uint32_t off, uint32_t nodes, bool is_loud)
{
    begin(w, tenants, count, seed, off, nodes, is_loud);
    for (uint32_t t = 0; t < count; t++) {
        if (tenants[t]->begin != NULL) {
            tenants[t]->begin(w);
        }
    }
    world_fault_begin(w);
    if (w->set.check_us != 0) {
        world_put(w, w->set.check_us, HAPPEN_CHECK, 0, 0, 0, NULL);
    }
}

void world_until(struct world *w, uint64_t at_us)
{
    struct queue_item item;

    while (!w->has_failed && w->queue.count > 0 && w->queue.heap[0].at_us <= at_us && queue_take(&w->queue, &item)) {
        happen(w, &item);
    }
    w->now_us = w->has_failed ? w->now_us : at_us;
}

void world_end(struct world *w)
{
    for (uint32_t t = 0; t < w->tenants && !w->has_failed; t++) {
        if (w->tenant[t]->end != NULL) {
            w->tenant[t]->end(w);
        }
    }
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        const struct disk *d = &w->node[i].disk;
        w->count.of[COUNT_WRITES_LOST] += d->lost;
        w->count.of[COUNT_WRITES_TORN] += d->torn;
        w->count.of[COUNT_BITS_ROTTEN] += d->rotten;
    }
}

void world_run(struct world *w, const struct world_tenant *const *tenants, uint32_t count, uint64_t seed,
               uint32_t off, uint32_t nodes, bool is_loud)
{
    world_begin(w, tenants, count, seed, off, nodes, is_loud);
    world_until(w, w->set.end_us);
    world_end(w);
}

void world_fini(struct world *w)
{
    struct queue_item item;

    while (queue_take(&w->queue, &item)) {
        release(&item);
    }
    queue_fini(&w->queue);
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        struct world_node *n = &w->node[i];
        world_forget_rest(n);
        disk_fini(&n->disk);
        for (uint32_t t = 0; t < w->tenants; t++) {
            if (n->state[t] != NULL && w->tenant[t]->stop != NULL) {
                w->tenant[t]->stop(n->state[t]);
            }
            free(n->state[t]);
        }
    }
    for (uint32_t t = 0; t < w->tenants; t++) {
        if (w->tenant[t]->fini != NULL) {
            w->tenant[t]->fini(w);
        }
    }
    net_fini(&w->net);
    free(w->node);
    free(w->fx->bytes);
    free(w->fx);
}
