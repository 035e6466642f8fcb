#include "datapath/lane.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/run/fd.h"

_Static_assert(sizeof(struct datapath_rings_frame) == sizeof(struct xdp_desc) &&
                   offsetof(struct datapath_rings_frame, size) == offsetof(struct xdp_desc, len), "the kernel's");
_Static_assert(DATAPATH_LANE_SMALL + DATAPATH_UNDERLAY_HEAD_MAX <= DATAPATH_XSK_FRAME, "a frame holds it");

void datapath_lane_decide(struct datapath_lane *l, const struct datapath_choice_facts *facts, const char *detail)
{
    const char *more = detail;
    uint32_t error = 0;

    l->turn++;
    l->facts = *facts;
    l->facts.joins[sizeof l->facts.joins - 1] = l->facts.lost[sizeof l->facts.lost - 1] = '\0';
    l->made = datapath_choice_make(l->choice, &l->facts);
    l->why[0] = '\0';
    switch (l->made.reason) {
    case DATAPATH_CHOICE_WANTED:
    case DATAPATH_CHOICE_PAYS:
        if (l->made.is_past) {
            (void)snprintf(l->why, sizeof l->why, "%s", detail);
        }
        return;
    case DATAPATH_CHOICE_UNMEASURED:
        error = l->facts.alone_error;
        break;
    case DATAPATH_CHOICE_NONE_PAST:
        error = l->facts.past_error;
        break;
    case DATAPATH_CHOICE_JOINS:
        more = l->facts.joins;
        break;
    case DATAPATH_CHOICE_LOST:
        more = l->facts.lost;
        break;
    case DATAPATH_CHOICE_NO_XDP:
    case DATAPATH_CHOICE_PAIR:
    case DATAPATH_CHOICE_LITTLE:
        more = "";
        break;
    }
    more = error != 0 ? strerror((int)error) : more;
    (void)snprintf(l->why, sizeof l->why, "%s%s%s", datapath_choice_text(l->made.reason), more[0] != '\0' ? ": " : "", more);
}

/* ---- life --------------------------------------------------------------------------------------------- */

static enum err map_ring(struct datapath_lane_queue *q, int index, off_t at, const struct xdp_ring_offset *o, uint32_t entries,
                         size_t each, struct datapath_ring *ret)
{
    size_t size = (size_t)o->desc + entries * each;
    uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, q->fd, at);

    if (p == MAP_FAILED) {
        return err_from_errno(errno);
    }
    q->map[index].at = p;
    q->map[index].size = size;
    *ret = (struct datapath_ring){.producer = (uint32_t *)(p + o->producer), .consumer = (uint32_t *)(p + o->consumer),
                                  .flags = (const uint32_t *)(p + o->flags), .entry = p + o->desc, .size = entries};
    return ERR_OK;
}

static enum err open_queue(struct datapath_lane_queue *q)
{
    struct xdp_mmap_offsets o;
    socklen_t size = sizeof o;

    if (getsockopt(q->fd, SOL_XDP, XDP_MMAP_OFFSETS, &o, &size) != 0 || size != sizeof o) {
        return ERR_UNSUPPORTED;
    }
    enum err e = map_ring(q, 0, XDP_PGOFF_RX_RING, &o.rx, DATAPATH_XSK_RX, sizeof(struct xdp_desc), &q->rx);
    e = e == ERR_OK ? map_ring(q, 1, XDP_PGOFF_TX_RING, &o.tx, DATAPATH_XSK_TX, sizeof(struct xdp_desc), &q->tx) : e;
    e = e == ERR_OK ? map_ring(q, 2, (off_t)XDP_UMEM_PGOFF_FILL_RING, &o.fr, DATAPATH_XSK_RX, sizeof(uint64_t), &q->fill) : e;
    e = e == ERR_OK ? map_ring(q, 3, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, &o.cr, DATAPATH_XSK_TX, sizeof(uint64_t), &q->done) : e;
    for (uint32_t i = 0; e == ERR_OK && i < DATAPATH_XSK_RX; i++) {
        (void)datapath_rings_give(&q->fill, (uint64_t)i * DATAPATH_XSK_FRAME); /* it has room for all of them */
    }
    for (uint32_t i = 0; i < DATAPATH_XSK_TX; i++) {
        q->free[q->free_count++] = (uint64_t)(DATAPATH_XSK_RX + i) * DATAPATH_XSK_FRAME;
    }
    return e;
}

enum err datapath_lane_open(struct datapath_lane *l, const struct datapath_keeper_answer *a, const uint8_t own[16],
                            int fds[DATAPATH_KEEPER_GIVEN])
{
    size_t size = (size_t)a->queues * DATAPATH_XSK_QUEUE;
    AUTO_FD int memory = fd_take(&fds[DATAPATH_KEEPER_MEMORY]);
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    enum err e = at == MAP_FAILED ? err_from_errno(errno) : ERR_OK;

    l->routes = fd_take(&fds[DATAPATH_KEEPER_ROUTES]);
    l->is_open = true;
    l->is_direct = a->is_direct != 0;
    l->link = a->link;
    l->memory = at == MAP_FAILED ? NULL : at;
    l->memory_size = size;
    datapath_nearby_init(&l->nearby, l->routes, l->link.interface, own);
    for (; l->queues < a->queues; l->queues++) {
        l->queue[l->queues] = (struct datapath_lane_queue){.lane = l, .fd = fd_take(&fds[DATAPATH_KEEPER_QUEUES + l->queues]),
                                                           .frames = e == ERR_OK ? l->memory + (size_t)l->queues * DATAPATH_XSK_QUEUE : NULL};
        e = e == ERR_OK ? open_queue(&l->queue[l->queues]) : e;
    }
    if (e != ERR_OK) {
        datapath_lane_close(l);
        (void)snprintf(l->why, sizeof l->why, "the frames' memory cannot be mapped: %s", err_text(e));
    }
    return e;
}

void datapath_lane_close(struct datapath_lane *l)
{
    if (!l->is_open) {
        return;
    }
    for (uint32_t i = 0; i < l->queues; i++) {
        struct datapath_lane_queue *q = &l->queue[i];
        loop_watch_free(q->watch);
        q->watch = NULL;
        for (int m = 0; m < DATAPATH_LANE_MAPS; m++) {
            if (q->map[m].at != NULL) {
                (void)munmap(q->map[m].at, q->map[m].size);
            }
        }
        fd_close(&q->fd);
    }
    if (l->memory != NULL) {
        (void)munmap(l->memory, l->memory_size);
    }
    fd_close(&l->routes);
    l->memory = NULL;
    l->queues = 0;
    l->is_open = l->is_on = false;
}

static void on_ready(void *context, unsigned bits)
{
    struct datapath_lane_queue *q = context;

    q->lane->ready(q->lane->context, (uint32_t)(q - q->lane->queue));
}

enum err datapath_lane_start(struct datapath_lane *l, struct loop *loop, void (*ready)(void *context, uint32_t queue), void *context)
{
    l->loop = loop;
    l->ready = ready;
    l->context = context;
    return datapath_lane_watch(l);
}

enum err datapath_lane_watch(struct datapath_lane *l)
{
    for (uint32_t i = 0; i < l->queues; i++) {
        l->queue[i].watch = loop_watch_new(l->loop, l->queue[i].fd, LOOP_READ, on_ready, &l->queue[i]);
        if (l->queue[i].watch == NULL) {
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

/* ---- out ---------------------------------------------------------------------------------------------- */

/* Tell the kernel. What it cannot send now goes with what comes next; while the interface is down nothing does. */
static void kick(struct datapath_lane_queue *q)
{
    if (datapath_rings_sleeps(&q->tx)) {
        (void)sendto(q->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
    }
}

bool datapath_lane_send(struct datapath_lane *l, uint64_t now_ms, const struct datapath_endpoint *from, const struct datapath_endpoint *to,
                        const uint8_t *bytes, size_t size)
{
    struct datapath_lane_queue *q = &l->queue[0];
    struct datapath_underlay_link link = {.tags = 0};
    uint64_t frame;

    if (!l->is_on || size > DATAPATH_LANE_SMALL) {
        return false;
    }
    const struct datapath_nearby_place *p = datapath_nearby_find(&l->nearby, now_ms, to);
    if (!p->is_near) {
        l->numbers.far++;
        return false;
    }
    while (q->free_count < DATAPATH_XSK_TX && datapath_rings_sent(&q->done, &frame)) {
        q->free[q->free_count++] = frame / DATAPATH_XSK_FRAME * DATAPATH_XSK_FRAME;
    }
    if (q->free_count == 0 || datapath_rings_room(&q->tx) == 0) {
        l->numbers.full++;
        kick(q);
        return false;
    }
    struct datapath_endpoint own = {.port = from->port};
    memcpy(own.ip, p->from, sizeof own.ip);
    memcpy(link.to, p->mac, sizeof link.to);
    memcpy(link.from, p->own_mac, sizeof link.from);
    frame = q->free[--q->free_count];
    uint8_t *payload = q->frames + frame + DATAPATH_UNDERLAY_HEAD_MAX;
    memcpy(payload, bytes, size);
    size_t head = datapath_underlay_write(&link, &own, to, l->id++, false, payload, size);
    if (head == 0) {
        q->free[q->free_count++] = frame;
        return false;
    }
    const struct datapath_rings_frame f = {.at = frame + DATAPATH_UNDERLAY_HEAD_MAX - head, .size = (uint32_t)(head + size)};
    (void)datapath_rings_send(&q->tx, &f); /* there is room */
    kick(q);
    l->numbers.sent++;
    return true;
}

/* ---- in ----------------------------------------------------------------------------------------------- */

/* What is in a frame that was taken; NULL: nothing for us. */
static uint8_t *read_frame(struct datapath_lane *l, uint8_t *frame, size_t frame_size, uint16_t port, struct datapath_endpoint *ret_from,
                           size_t *ret_size)
{
    struct datapath_underlay d;
    enum datapath_underlay_result r = datapath_underlay_read(frame, frame_size, &d);

    if (r != DATAPATH_UNDERLAY_TAKEN || d.to.port != port) {
        l->numbers.broken += r == DATAPATH_UNDERLAY_CHECKSUM;
        l->numbers.foreign += r != DATAPATH_UNDERLAY_CHECKSUM;
        return NULL;
    }
    l->numbers.received++;
    *ret_from = d.from;
    ret_from->scope = datapath_message_is_of_link(&d.from) ? l->link.interface : 0; /* as the socket would say it */
    *ret_size = d.size;
    return frame + d.at;
}

uint8_t *datapath_lane_take(struct datapath_lane *l, uint32_t queue, uint16_t port, struct datapath_endpoint *ret_from, size_t *ret_size)
{
    struct datapath_lane_queue *q = &l->queue[queue];
    struct datapath_rings_frame f;

    while (queue < l->queues && q->taken_count < DATAPATH_LANE_BATCH && datapath_rings_take(&q->rx, &f)) {
        if (f.at >= DATAPATH_XSK_QUEUE || f.size > DATAPATH_XSK_QUEUE - f.at) {
            l->numbers.foreign++;
            continue; /* no frame of ours: there is nothing to give back */
        }
        q->taken[q->taken_count++] = f.at / DATAPATH_XSK_FRAME * DATAPATH_XSK_FRAME;
        uint8_t *bytes = read_frame(l, q->frames + f.at, f.size, port, ret_from, ret_size);
        if (bytes != NULL) {
            return bytes;
        }
    }
    return NULL;
}

void datapath_lane_done(struct datapath_lane *l, uint32_t queue)
{
    struct datapath_lane_queue *q = &l->queue[queue];

    while (queue < l->queues && q->taken_count > 0) {
        (void)datapath_rings_give(&q->fill, q->taken[--q->taken_count]); /* each has its room there */
    }
    if (queue < l->queues && datapath_rings_sleeps(&q->fill)) {
        (void)recvfrom(q->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL); /* a driver that does without a copy waits for frames */
    }
}
