#include "tests/sim/joint/coords.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "tests/sim/nodosum/tenant.h"
#include "vivaldi/image.h"

enum {
    SECOND = 1000000,
    HEARD_US = 100,      /* from one cell of a node to the other */
    TURN_US = SECOND,    /* vivaldi/shell.h's turn               */
    KEEP_TURNS = 5,
    SETTLED_S = 65,      /* a minute of looking at one a second, and a little */
    ORDER_TAKE = 1,
};

#define SIDE_MS 120.0f     /* of the square that nodes of a geography are in */
#define ACCESS_MS 8.0f
#define FASTEST 0.98f      /* of the wires' time: clocks differ, and round trips are kept in 16 bits */
#define ERROR_MOST 0.2     /* that half of the predictions are below where there is a geography */
#define MEASURED_LEAST 0.75 /* of those who live are measured by each */
#define SAY_MOVED 0.002f

struct seat {
    void *memory;
    struct vivaldi *core; /* NULL: not yet */
    uint32_t turns;
};

struct coords_truth *coords_truth(const struct world *w)
{
    return w->aim[world_place(w, tenant_coords.name)];
}

static uint64_t id_of(uint32_t node)
{
    struct nodosum_id id = tenant_id(node);

    return bytes_get_be64(id.byte); /* vivaldi/wire.c */
}

static struct vivaldi *core_of(const struct world *w, uint32_t node)
{
    const struct seat *s = w->node[node].state[world_place(w, tenant_coords.name)];

    return s == NULL ? NULL : s->core;
}

void coords_draw(struct world *w)
{
    struct coords_truth *t = calloc(1, sizeof *t);
    uint32_t n = w->set.nodes;
    float x[WORLD_NODES_MAX], y[WORLD_NODES_MAX], access[WORLD_NODES_MAX];

    if (t == NULL) {
        abort();
    }
    w->aim[world_place(w, tenant_coords.name)] = t;
    if (dice_below(&w->dice, DICE_SHAPE, 2) == 0) {
        return;
    }
    float scale = 1.0f / (float)dice_between(&w->dice, DICE_SHAPE, 1, 8);
    t->rtt_ms = calloc((size_t)n * n, sizeof *t->rtt_ms);
    if (t->rtt_ms == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < n; i++) {
        x[i] = scale * SIDE_MS * (float)dice_below(&w->dice, DICE_SHAPE, 1000) / 1000;
        y[i] = scale * SIDE_MS * (float)dice_below(&w->dice, DICE_SHAPE, 1000) / 1000;
        access[i] = scale * ACCESS_MS * (float)dice_below(&w->dice, DICE_SHAPE, 1000) / 1000;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < n; j++) {
            t->rtt_ms[(size_t)i * n + j] = i == j ? 0 : hypotf(x[i] - x[j], y[i] - y[j]) + access[i] + access[j] + 1;
        }
    }
    w->set.net.rtt_ms = t->rtt_ms;
    w->set.net.delay_least_us = (uint64_t)(scale * SIDE_MS * 1000); /* what others take for the time of a message */
    uint64_t most_us = w->set.net.delay_least_us / 50; /* it is the wires that are to be found again */
    w->set.net.delay_mean_us = w->set.net.delay_mean_us < most_us ? w->set.net.delay_mean_us : most_us;
    w->set.net.spread_us = 0;
}

/* ---- between the cells of a node ------------------------------------------------------------------------------- */

size_t coords_place(struct world *w, uint32_t node, uint8_t out[NODOSUM_META_PLACE_MAX])
{
    const struct coords_node *c = &coords_truth(w)->node[node];
    const struct nodosum_place *p = c->saids > 0 ? &c->said[c->saids - 1] : &(struct nodosum_place){0};

    memcpy(out, p->bytes, sizeof p->bytes);
    return p->size;
}

/* Whoever is heard to be somewhere has said that. */
static void check_said(struct world *w, uint32_t node, uint32_t of, const struct nodosum_place *place)
{
    const struct coords_node *c = &coords_truth(w)->node[of];

    for (uint32_t i = c->saids; i-- > 0;) {
        if (c->said[i].size == place->size && memcmp(c->said[i].bytes, place->bytes, place->size) == 0) {
            return;
        }
    }
    world_fail(w, "node %" PRIu32 " hears that %" PRIu32 " is where it never said", node, of);
}

void coords_learned(struct world *w, uint32_t node, const struct nodosum_rtt *rtt)
{
    struct coords_truth *t = coords_truth(w);
    struct coords_node *c = &t->node[node];

    if (rtt->place.size > 0) {
        check_said(w, node, tenant_of(&rtt->id), &rtt->place);
    }
    if (c->queued == COORDS_QUEUE) {
        t->lost++; /* its cell is down or busy for long */
        return;
    }
    c->queue[c->queued++] = *rtt;
    world_order(w, world_place(w, tenant_coords.name), node, HEARD_US, ORDER_TAKE);
}

static void say(struct world *w, uint32_t node, struct vivaldi *v)
{
    struct coords_node *c = &coords_truth(w)->node[node];
    struct vivaldi_coord said = {0};
    struct nodosum_place p = {0};

    if (c->saids > 0) {
        enum err e = vivaldi_coord_unpack(c->said[c->saids - 1].bytes, c->said[c->saids - 1].size, &said);
        if (e != ERR_OK) {
            world_fail(w, "node %" PRIu32 " said what cannot be read: %s", node, err_name(e));
        }
    }
    bool is_other = c->saids == 0 || vivaldi_coord_moved_ms(&v->live, &said) > SAY_MOVED * v->usual_ms ||
                    fabsf(v->live.error - said.error) > 0.1f * said.error;
    if (is_other && c->saids < COORDS_SAID) {
        p.size = (uint8_t)vivaldi_coord_pack(&v->live, v->config.dims, p.bytes);
        c->said[c->saids++] = p;
        world_order(w, world_place(w, tenant_nodosum.name), node, HEARD_US, TENANT_PLACE);
    }
}

/* ---- a life ------------------------------------------------------------------------------------------------------ */

/* What was kept before is where it begins, as sure as it was (VIV-3). */
static void remember(struct world *w, uint32_t node, struct vivaldi *v, const struct world_event *ev)
{
    struct coords_truth *t = coords_truth(w);
    const struct coords_node *c = &t->node[node];

    if (c->image == NULL) {
        return;
    }
    enum err e = vivaldi_image_read(v, (uint32_t)(ev->now_us / SECOND), ev->wall_us / SECOND, c->image, c->image_size);
    if (e != ERR_OK || vivaldi_coord_moved_ms(&v->live, &c->kept) > 0.1f || fabsf(v->live.error - c->kept.error) > 0.001f) {
        world_fail(w, "node %" PRIu32 " begins elsewhere than it ended: %s", node, err_name(e));
    }
    t->restored++;
}

static void start(struct world *w, uint32_t node, struct seat *s, const struct world_event *ev)
{
    struct coords_node *c = &coords_truth(w)->node[node];
    struct vivaldi_config config = {.self = id_of(node), .seed = dice_below(&w->dice, DICE_TENANT, UINT64_MAX),
                                    .dims = VIVALDI_DIMS_MAX, .has_height = true, .peers_max = w->set.nodes};

    s->memory = malloc(sizeof *s->core + vivaldi_core_size(config.peers_max));
    if (s->memory == NULL) {
        abort();
    }
    s->core = s->memory;
    if (vivaldi_core_init(s->core, &config, s->core + 1) != ERR_OK) {
        world_fail(w, "node %" PRIu32 " has no coordinates", node);
    }
    c->queued = 0;
    c->placed_us = 0;
    remember(w, node, s->core, ev);
    say(w, node, s->core);
}

static void keep(struct world *w, uint32_t node, struct vivaldi *v, const struct world_event *ev)
{
    struct coords_node *c = &coords_truth(w)->node[node];

    if (v->usual_ms <= 0) {
        return;
    }
    free(c->image);
    c->image_size = vivaldi_image_size(v);
    c->image = malloc(c->image_size);
    if (c->image == NULL) {
        abort();
    }
    c->image_size = vivaldi_image_write(v, (uint32_t)(ev->now_us / SECOND), ev->wall_us / SECOND, c->image);
    c->kept = v->live;
}

static void take_one(struct world *w, uint32_t node, struct vivaldi *v, uint32_t now_s, const struct nodosum_rtt *rtt)
{
    struct coords_truth *t = coords_truth(w);
    struct vivaldi_coord at;
    uint64_t id = bytes_get_be64(rtt->id.byte);
    bool has_place = rtt->place.size > 0;
    enum err e = has_place ? vivaldi_coord_unpack(rtt->place.bytes, rtt->place.size, &at) : ERR_OK;

    if (e == ERR_OK && rtt->rtt_us > 0) {
        e = vivaldi_core_sample(v, now_s, id, rtt->rtt_us, has_place ? &at : NULL);
        t->samples++;
    } else if (e == ERR_OK) {
        e = vivaldi_core_heard(v, now_s, id, &at);
        t->heard++;
    }
    if (e != ERR_OK || !vivaldi_coord_is_valid(vivaldi_core_live(v)) || !vivaldi_coord_is_valid(vivaldi_core_stable(v))) {
        world_fail(w, "node %" PRIu32 " after a round trip of %" PRIu32 " us: %s", node, rtt->rtt_us, err_name(e));
    }
}

static void step(struct world *w, uint32_t node, void *state, const struct world_event *ev, struct world_effects *fx)
{
    struct coords_node *c = &coords_truth(w)->node[node];
    struct seat *s = state;

    switch (ev->kind) {
    case WORLD_EV_START:
        start(w, node, s, ev);
        break;
    case WORLD_EV_ORDER:
        if (s->core == NULL) {
            return; /* the node's disk is waited for: it has not begun */
        }
        for (uint32_t i = 0; i < c->queued && !w->has_failed; i++) {
            take_one(w, node, s->core, (uint32_t)(ev->now_us / SECOND), &c->queue[i]);
        }
        c->queued = 0;
        c->placed_us = c->placed_us == 0 && s->core->usual_ms > 0 ? w->now_us : c->placed_us;
        return;
    case WORLD_EV_TIMER:
        say(w, node, s->core);
        if (++s->turns % KEEP_TURNS == 0) {
            keep(w, node, s->core, ev);
        }
        break;
    case WORLD_EV_PACKET:
    case WORLD_EV_SYNCED:
    case WORLD_EV_FAILED:
        world_fail(w, "coordinates send nothing and ask for no disk");
        return;
    }
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TIMER, .value = ev->now_us + TURN_US}, NULL, 0);
}

static void stop(void *state)
{
    struct seat *s = state;

    free(s->memory);
    *s = (struct seat){0};
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static bool is_settled(const struct world *w, uint32_t node)
{
    uint64_t placed_us = coords_truth(w)->node[node].placed_us;

    return core_of(w, node) != NULL && tenant_core(w, node) != NULL && placed_us != 0 &&
           w->now_us - placed_us > (uint64_t)SETTLED_S * SECOND;
}

/* Its round trips are none that the wires are too slow for, and it has measured most of those who live. */
static void check_measured(struct world *w, uint32_t i)
{
    const struct coords_truth *t = coords_truth(w);
    uint32_t living = 0, measured = 0;

    for (uint32_t j = 0; j < w->set.nodes; j++) {
        if (j == i || !is_settled(w, j)) {
            continue;
        }
        const struct vivaldi_peer *peer = vivaldi_peers_find(&core_of(w, i)->peers, id_of(j));
        living++;
        measured += peer != NULL && vivaldi_peers_samples(peer) > 0;
        if (t->rtt_ms != NULL && peer != NULL && vivaldi_peers_samples(peer) > 0 &&
            vivaldi_peers_usual(peer) < FASTEST * t->rtt_ms[(size_t)i * w->set.nodes + j]) {
            world_fail(w, "node %" PRIu32 " takes %" PRIu32 " for nearer than it is: %.3f ms", i, j, (double)vivaldi_peers_usual(peer));
        }
    }
    if (measured < MEASURED_LEAST * living) {
        world_fail(w, "node %" PRIu32 " has measured %" PRIu32 " of %" PRIu32 " who live", i, measured, living);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Where there is a geography, half of all predictions are about right. */
static void check_predictions(struct world *w)
{
    const struct coords_truth *t = coords_truth(w);
    uint32_t n = w->set.nodes, count = 0;
    double *error = malloc((size_t)n * n * sizeof *error);

    if (error == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (is_settled(w, i) && is_settled(w, j)) {
                double rtt_ms = (double)t->rtt_ms[(size_t)i * n + j] + 2e-3 * (double)w->set.net.delay_mean_us;
                double predicted = vivaldi_core_predict(&core_of(w, i)->live, &core_of(w, j)->live).rtt_ms;
                error[count++] = fabs(predicted - rtt_ms) / rtt_ms;
            }
        }
    }
    if (count >= 10) {
        qsort(error, count, sizeof *error, compare);
        world_say(w, "half of %" PRIu32 " predictions are no more than %.3f off", count, error[count / 2]);
        if (error[count / 2] > ERROR_MOST) {
            world_fail(w, "half of %" PRIu32 " predictions are more than %.3f off", count, error[count / 2]);
        }
    }
    free(error);
}

static void end(struct world *w)
{
    for (uint32_t i = 0; i < w->set.nodes && !w->has_failed; i++) {
        if (is_settled(w, i)) {
            check_measured(w, i);
        }
    }
    if (coords_truth(w)->rtt_ms != NULL && !w->has_failed) {
        check_predictions(w);
    }
}

static void fini(struct world *w)
{
    struct coords_truth *t = coords_truth(w);

    for (uint32_t i = 0; i < WORLD_NODES_MAX; i++) {
        free(t->node[i].image);
    }
    free(t->rtt_ms);
    free(t);
}

const struct world_tenant tenant_coords = {
    .name = "vivaldi", .state_size = sizeof(struct seat), .step = step, .stop = stop, .end = end, .fini = fini,
};
