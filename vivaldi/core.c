#include "vivaldi/core.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "vivaldi/lanes.h"

enum {
    US = 1000,
    OTHER_SAMPLES = 2, /* of a member, before one can be another: of one nobody knows how much they differ anyway */
    STEPS_COLD = 2,   /* Gauss-Newton steps after a round trip while the place is far from right */
    TURNS_RESTORED = 400, /* calm, and the first curvature counts whole: no more than FRESH_TURNS */
};

#define SHARE_COLD 0.2f       /* of the way that a refit goes: all move at once, and whoever goes all of it overshoots */
#define SHARE_CALM 0.04f      /* … when nothing has changed for long: it averages over a thousand round trips */
#define SHARE_TURNS 8.0f      /* round trips after which it has sunk to that over their number */
#define SHARE_STEPS 0.1f      /* with less, one step is as good as two */
#define FRESH_CALM 0.2f       /* what a step counts in the curvature when nothing has changed for long */
#define FRESH_TURNS 400.0f    /* round trips until which it counts all: as long as all move, so do the directions to neighbours,
                               * and whole sites kept by what these were got nowhere */
#define NEAR 0.03f            /* of the usual round trip, when calm: pairs of one site, a thousand times nearer than others and so
                               * a million times as heavy, kept each other where they were; at first they find each other */
#define ERROR_SLOW 0.01f      /* how fast the usual error follows the error */
#define ERROR_RISEN 1.5f      /* times the usual error: the network is another now */
#define ERROR_LOST 1.0f       /* what all in one point would have: who is further off has nothing to lose. Where half of a cluster
                               * began anew amid round trips of seconds, that error was the usual one, and none of them moved */
#define CLAIM_FLOOR 0.1f      /* added to errors before they divide: who claims none is ten times as good, not more */
#define AGE_ERRORS 0.3f       /* seconds, over the share that others go as this node does, by which a place with relative error 1 is
                               * half forgotten: it moves fast */
#define ERROR_RATE 0.25f      /* how fast the error follows what is seen */
#define ERROR_LEAST 0.001f    /* of itself: below, it could not rise again in time */
#define SCALE_OF_ERROR 1.5f   /* a normal distribution's deviation over its median size */
#define SCALE_LEAST 0.02f     /* no network is so still that 2 % is an outlier */
#define SCALE_MOST 0.15f      /* so that liars never become usual */
#define USUAL_RATE 0.05f
#define STABLE_LEAST 0.05f    /* of the usual round trip: nobody acts on less */
#define GRAVITY 1e-5f         /* of how far the others' middle is from the origin, with each refit: what all have in common fades
                               * (Ledlie, V-A) */
#define PREDICTED_LEAST 0.05f /* relative error of predictions that nothing removes: the Internet is no metric space */
#define TOLD_ERRORS 1.5f      /* times as unsure a node may have been when it told all where it is as when it was heard */
#define DOUBT_TIMES 3.0f      /* what is usual of ways between what one is told and what all are, and a member is half believed */
#define DOUBT_LEAST 0.1f      /* … of the round trip: what others are told is old in a large cluster, and honest ones move */
#define OTHER_TIMES 1.5f      /* as long as the longest of a member or as short as the shortest, and a round trip is another one */
#define OTHER_RATE 0.1f       /* how fast the share of these follows */
#define OTHER_MOST 0.5f       /* of them: the network is another, or this node is elsewhere */
#define OTHER_AGREES 0.5f     /* as far off the prediction as what was usual, by their ratios, and it is no spike: the member moved */
#define BEFORE 0.01f          /* of their weight is left to round trips of another network */
#define HIGH_LEAST 0.1f       /* of the usual round trip: neighbours may be so much higher up than this node, and their round trip */
#define ONCE 0.25f            /* relative error of one round trip */

size_t vivaldi_core_size(uint32_t peers_max)
{
    return vivaldi_peers_size(peers_max);
}

enum err vivaldi_core_init(struct vivaldi *v, const struct vivaldi_config *config, void *memory)
{
    if (config->dims < VIVALDI_DIMS || config->dims > VIVALDI_DIMS_MAX || config->peers_max < 1 ||
        config->peers_max > VIVALDI_PEERS_MAX) {
        return ERR_INVALID;
    }
    *v = (struct vivaldi){.config = *config, .live.error = VIVALDI_COORD_ERROR_MAX, .stable.error = VIVALDI_COORD_ERROR_MAX,
                          .usual_apart = VIVALDI_COORD_ERROR_MAX};
    rng_init(&v->rng, config->seed);
    vivaldi_peers_init(&v->peers, memory, config->peers_max);
    return ERR_OK;
}

/* ---- fitting ------------------------------------------------------------------------------------- */

static float within(float value, float least, float most)
{
    return value < least ? least : value > most ? most : value;
}

/* Of the whole way, how much a refit goes by now. */
static float share(const struct vivaldi *v)
{
    return within(SHARE_TURNS / (float)v->turns, SHARE_CALM, SHARE_COLD);
}

/* How much more what it says here and what it tells all are apart than honest ones are; 1: it is half believed. */
static float doubt_of(const struct vivaldi *v, const struct vivaldi_peer *peer)
{
    return vivaldi_peers_doubted(peer) / (DOUBT_TIMES * (v->usual_apart > DOUBT_LEAST ? v->usual_apart : DOUBT_LEAST));
}

/* What a peer's place is worth. Its claim counts only against it: nobody is believed to be surer than this node is, for
 * all that a liar needs is to be believed (VIV-4). Nor is who tells this node another place than all: liars who tell each one
 * where it pulls most made the median error 1.6 times as large, and no weight of errors alone sees that. */
static float weigh(const struct vivaldi *v, const struct vivaldi_peer *peer, uint32_t now_s, float forgetting)
{
    float claimed = vivaldi_peers_error(peer);
    float error = claimed > v->live.error ? claimed : v->live.error;
    float age_s = (float)vivaldi_peers_age_s(peer, now_s);

    float doubt = doubt_of(v, peer);

    float before = v->has_changed && peer->measured_s - v->changed_s > INT32_MAX ? BEFORE : 1; /* clocks begin anywhere */

    doubt *= doubt; /* and again below: nothing is lost by moving as others do, nearly all by what only liars do */
    return before / ((CLAIM_FLOOR + error) * (1 + age_s * error * forgetting) * (1 + doubt * doubt));
}

/* How high up it is believed to be: no round trip to it is shorter than its way to the first router, but that of a neighbour, who is about as
 * high as this node. Liars that are 1,000 ms high up, so that only who is beside them could be as near as they are, gathered the
 * others around them. */
static float height_of(const struct vivaldi *v, const struct vivaldi_peer *peer)
{
    float rtt_ms = vivaldi_peers_usual(peer), least = HIGH_LEAST * v->usual_ms;
    float most = v->live.height + (rtt_ms > least ? rtt_ms : least);

    return peer->height < most ? peer->height : most;
}

static void put(const struct vivaldi *v, const struct vivaldi_peer *peer, uint32_t now_s, float forgetting, struct vivaldi_refit *r)
{
    uint32_t i = r->count++;
    float height = height_of(v, peer);

    for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
        r->at[k][i] = peer->at[k];
    }
    r->at[VIVALDI_DIMS_MAX][i] = height;
    r->rtt_ms[i] = vivaldi_peers_usual(peer);
    r->weight[i] = weigh(v, peer, now_s, forgetting);
    if (peer->height > height) {
        r->weight[i] *= (height / peer->height) * (height / peer->height); /* more cannot be, and who says so is not to be believed */
    }
}

/* The newest, and the next ones of all by turns: a refit costs the same whoever many are known, and over time all count. */
static void gather(struct vivaldi *v, const struct vivaldi_peer *newest, uint32_t now_s, struct vivaldi_refit *r)
{
    uint32_t most = v->peers.count < VIVALDI_REFIT_MAX ? v->peers.count : VIVALDI_REFIT_MAX;
    float forgetting = share(v) / AGE_ERRORS; /* a second, with an error of 1 */

    r->count = 0;
    put(v, newest, now_s, forgetting, r);
    for (uint32_t i = 1; i < most; i++) {
        v->cursor = v->cursor + 1 < v->peers.count ? v->cursor + 1 : 0;
        const struct vivaldi_peer *peer = &v->peers.peer[v->cursor];
        if (peer != newest && vivaldi_peers_is_placed(peer)) {
            put(v, peer, now_s, forgetting, r);
        }
    }
    for (uint32_t i = r->count; i % 4 != 0; i++) {
        for (uint32_t k = 0; k < VIVALDI_REFIT_PARTS; k++) {
            r->at[k][i] = 0;
        }
        r->rtt_ms[i] = 1;
        r->weight[i] = 0;
    }
}

/* As far from the middle as the first round trip is long, in any direction: all begin in the middle, and whoever begins
 * there at the scale of what is measured is soon where it belongs. */
static void begin(struct vivaldi *v, float rtt_ms)
{
    float to[VIVALDI_DIMS_MAX], square = 0;

    for (uint32_t k = 0; k < v->config.dims; k++) {
        /* the sum of three is as good as normal: no direction is more likely than another */
        to[k] = (float)(rng_unit(&v->rng) + rng_unit(&v->rng) + rng_unit(&v->rng) - 1.5);
        square += to[k] * to[k];
    }
    float length = sqrtf(square) + 1e-6f;
    rtt_ms = rtt_ms < VIVALDI_COORD_SIDE_MAX ? rtt_ms : VIVALDI_COORD_SIDE_MAX;
    for (uint32_t k = 0; k < v->config.dims; k++) {
        v->live.at[k] = rtt_ms * to[k] / length;
    }
    v->stable = v->live;
    v->usual_ms = rtt_ms;
    v->usual_error = v->live.error;
    v->turns = 1;
}

/* The error is the median of what is seen, by turns: with fewer than half of them liars it is the others' error. */
static void learn(struct vivaldi *v, float rtt_ms, float above)
{
    v->live.error = within(v->live.error * expf(ERROR_RATE * (above - 0.5f)), ERROR_LEAST, VIVALDI_COORD_ERROR_MAX);
    v->usual_error += ERROR_SLOW * (v->live.error - v->usual_error);
    bool is_lost = v->live.error > ERROR_LOST || v->live.error > ERROR_RISEN * v->usual_error;
    v->turns = is_lost ? 1 : v->turns + (v->turns < UINT32_MAX);
    v->usual_ms *= rtt_ms > v->usual_ms ? 1 + USUAL_RATE : 1 - USUAL_RATE;
    v->usual_ms = within(v->usual_ms, VIVALDI_RTT_MIN_MS, VIVALDI_RTT_MAX_MS);
}

/* The stable coordinate stands for as long as the live one is no further away than it is uncertain. */
static void settle(struct vivaldi *v)
{
    float uncertain = v->live.error > STABLE_LEAST ? v->live.error : STABLE_LEAST;

    if (vivaldi_coord_moved_ms(&v->live, &v->stable) > uncertain * v->usual_ms) {
        v->stable = v->live;
        v->counters.moves++;
    }
    v->stable.error = v->live.error;
}

/* What all have in common fades. Each by a share of where the others' middle is: by a share of where it is itself (as Ledlie, and
 * as it was), worlds of a few sites, which round trips between them move slowly, shrank by 4 % in some hours. Never by more than
 * that, whatever is said. */
static void sink(const struct vivaldi_refit *r, float self[VIVALDI_REFIT_PARTS])
{
    float middle[VIVALDI_DIMS_MAX], own = 0, far = 0;
    vivaldi_lanes weights = vivaldi_lanes_all(0), sum[VIVALDI_DIMS_MAX];

    memset(sum, 0, sizeof sum);
    for (uint32_t i = 0; i < r->count; i += VIVALDI_LANES) { /* what is past them has no weight */
        vivaldi_lanes weight = vivaldi_lanes_load(&r->weight[i]);
        weights += weight;
        for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
            sum[k] += weight * vivaldi_lanes_load(&r->at[k][i]);
        }
    }
    for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
        middle[k] = vivaldi_lanes_sum(sum[k]) / vivaldi_lanes_sum(weights);
        far += middle[k] * middle[k];
        own += self[k] * self[k];
    }
    float share = far > own ? GRAVITY * sqrtf(own / far) : GRAVITY;
    for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
        self[k] -= share * middle[k];
    }
}

static void fit(struct vivaldi *v, const struct vivaldi_peer *newest, uint32_t now_s)
{
    struct vivaldi_refit r;
    float self[VIVALDI_REFIT_PARTS], above = 0, rtt_ms = vivaldi_peers_usual(newest);

    if (v->usual_ms <= 0) {
        begin(v, rtt_ms);
    }
    gather(v, newest, now_s, &r);
    memcpy(self, v->live.at, sizeof v->live.at);
    self[VIVALDI_DIMS_MAX] = v->live.height;
    struct vivaldi_refit_way way = {
        .dims = v->config.dims, .has_height = v->config.has_height, .error = v->live.error,
        .scale = within(SCALE_OF_ERROR * v->live.error, SCALE_LEAST, SCALE_MOST),
        .share = share(v),
        .fresh = within(FRESH_TURNS / (float)v->turns, FRESH_CALM, 1)};
    way.near_ms = NEAR * (1 - way.share / SHARE_COLD) * v->usual_ms;
    for (uint32_t i = 0; i < (way.share > SHARE_STEPS ? STEPS_COLD : 1); i++) {
        float seen = vivaldi_refit_step(&r, &way, &v->curve, self);
        above = i == 0 ? seen : above;
    }
    sink(&r, self);
    for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
        v->live.at[k] = within(self[k], -VIVALDI_COORD_SIDE_MAX, VIVALDI_COORD_SIDE_MAX);
    }
    v->live.height = within(self[VIVALDI_DIMS_MAX], 0, VIVALDI_COORD_SIDE_MAX);
    learn(v, rtt_ms, above);
    settle(v);
    assert(vivaldi_coord_is_valid(&v->live) && vivaldi_coord_is_valid(&v->stable));
}

/* ---- events -------------------------------------------------------------------------------------- */

/* Whether a round trip of a member that was measured before is another one because something changed, and not a spike: then what
 * was measured before must not hide it, for where many are known each is measured seldom. Where all round trips became three times
 * as long, two of four that were old kept all where they were for half an hour. */
static void compare(struct vivaldi *v, struct vivaldi_peer *peer, float rtt_ms, uint32_t now_s)
{
    if (vivaldi_peers_samples(peer) < OTHER_SAMPLES) {
        return;
    }
    bool is_other = vivaldi_peers_other(peer, rtt_ms) > OTHER_TIMES, was_most = v->others > OTHER_MOST;
    float usual_ms = vivaldi_peers_usual(peer);

    v->others += OTHER_RATE * ((is_other ? 1.0f : 0.0f) - v->others);
    if (v->others > OTHER_MOST && !was_most) {
        v->has_changed = true;
        v->changed_s = now_s;
    }
    if (!is_other) {
        return;
    }
    bool is_change = v->others > OTHER_MOST;
    if (!is_change && vivaldi_peers_is_placed(peer) && v->usual_ms > 0) {
        struct vivaldi_coord c = vivaldi_peers_coord(peer);
        float predicted_ms = within(vivaldi_coord_rtt_ms(&v->live, &c), VIVALDI_RTT_MIN_MS, VIVALDI_RTT_MAX_MS);
        is_change = fabsf(logf(rtt_ms / predicted_ms)) < OTHER_AGREES * fabsf(logf(usual_ms / predicted_ms));
    }
    if (is_change) {
        vivaldi_peers_again(peer);
    }
}

enum err vivaldi_core_sample(struct vivaldi *v, uint32_t now_s, uint64_t id, uint64_t rtt_us,
                             const struct vivaldi_coord *c)
{
    if (id == v->config.self) {
        v->counters.own++;
        return ERR_INVALID;
    }
    if (rtt_us == 0 || rtt_us > (uint64_t)VIVALDI_RTT_MAX_MS * US) {
        v->counters.bad_rtt++;
        return ERR_INVALID;
    }
    if (c != NULL && !vivaldi_coord_is_valid(c)) {
        v->counters.bad_coord++;
        return ERR_MALFORMED;
    }
    float rtt_ms = (float)rtt_us / US;
    struct vivaldi_peer *peer = vivaldi_peers_make(&v->peers, id, now_s, rng_next(&v->rng));
    if (c != NULL) {
        vivaldi_peers_place(peer, c, now_s);
    }
    compare(v, peer, within(rtt_ms, VIVALDI_RTT_MIN_MS, VIVALDI_RTT_MAX_MS), now_s);
    vivaldi_peers_sample(peer, within(rtt_ms, VIVALDI_RTT_MIN_MS, VIVALDI_RTT_MAX_MS), now_s);
    v->counters.samples++;
    if (vivaldi_peers_is_placed(peer)) {
        fit(v, peer, now_s);
    }
    return ERR_OK;
}

enum err vivaldi_core_heard(struct vivaldi *v, uint32_t now_s, uint64_t id, const struct vivaldi_coord *c)
{
    if (id == v->config.self) {
        v->counters.own++;
        return ERR_INVALID;
    }
    if (!vivaldi_coord_is_valid(c)) {
        v->counters.bad_coord++;
        return ERR_MALFORMED;
    }
    struct vivaldi_peer *peer = vivaldi_peers_find(&v->peers, id);
    if (peer != NULL) {
        vivaldi_peers_place(peer, c, now_s);
        v->counters.heard++;
    }
    return ERR_OK;
}

/* How far what a member says here is from what it tells all, by the longer of its round trip and the usual one: who is near need
 * not be nearer to what it told. Who tells nothing is as far as can be. What is usual is followed, so that nobody is doubted
 * because all move, or because little is told in a large cluster. */
static void doubt(struct vivaldi *v, struct vivaldi_peer *peer, const struct vivaldi_coord *told)
{
    float apart = VIVALDI_COORD_ERROR_MAX, rtt_ms = vivaldi_peers_usual(peer);

    if (told != NULL) {
        struct vivaldi_coord said = vivaldi_peers_coord(peer);
        apart = vivaldi_coord_moved_ms(&said, told) / (rtt_ms > v->usual_ms ? rtt_ms : v->usual_ms);
    }
    v->usual_apart *= apart > v->usual_apart ? 1 + USUAL_RATE : 1 - USUAL_RATE;
    v->usual_apart = within(v->usual_apart, ERROR_LEAST, VIVALDI_COORD_ERROR_MAX);
    vivaldi_peers_doubt(peer, apart);
}

void vivaldi_core_told(struct vivaldi *v, uint32_t now_s, uint64_t id, const struct vivaldi_coord *told)
{
    struct vivaldi_peer *peer = vivaldi_peers_find(&v->peers, id);

    assert(told == NULL || vivaldi_coord_is_valid(told));
    if (peer == NULL) {
        return;
    }
    if (told != NULL && vivaldi_core_is_news(v, now_s, id, told)) {
        vivaldi_peers_place(peer, told, now_s);
        v->counters.heard++;
    }
    if (vivaldi_peers_is_placed(peer)) {
        doubt(v, peer, told);
    }
}

void vivaldi_core_restore(struct vivaldi *v, const struct vivaldi_coord *c, float usual_ms)
{
    v->live = *c;
    for (uint32_t k = v->config.dims; k < VIVALDI_DIMS_MAX; k++) {
        v->live.at[k] = 0; /* it has fewer dimensions now */
    }
    v->live.height = v->config.has_height ? c->height : 0;
    v->stable = v->live;
    v->usual_ms = usual_ms;
    v->usual_error = c->error;
    v->turns = TURNS_RESTORED;
}

bool vivaldi_core_is_news(const struct vivaldi *v, uint32_t now_s, uint64_t id, const struct vivaldi_coord *c)
{
    const struct vivaldi_peer *peer = vivaldi_peers_find(&v->peers, id);

    return peer == NULL || !vivaldi_peers_is_placed(peer) ||
           (vivaldi_peers_age_s(peer, now_s) > VIVALDI_OLD_S && c->error <= TOLD_ERRORS * vivaldi_peers_error(peer) + STABLE_LEAST);
}

void vivaldi_core_forget(struct vivaldi *v, uint32_t now_s)
{
    for (uint32_t i = v->peers.count; i-- > 0;) { /* the last one, which was looked at, moves into a gap */
        struct vivaldi_peer *peer = &v->peers.peer[i];
        if (vivaldi_peers_is_placed(peer) && vivaldi_peers_age_s(peer, now_s) > VIVALDI_STALE_S) {
            vivaldi_peers_displace(peer);
        }
        if (!vivaldi_peers_is_placed(peer) && now_s - peer->measured_s > VIVALDI_STALE_S) {
            (void)vivaldi_peers_drop(&v->peers, vivaldi_peers_id(peer)); /* it is there */
        }
    }
}

uint32_t vivaldi_core_doubted(const struct vivaldi *v)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < v->peers.count; i++) {
        count += vivaldi_peers_is_placed(&v->peers.peer[i]) && doubt_of(v, &v->peers.peer[i]) >= 1;
    }
    return count;
}

/* ---- asking -------------------------------------------------------------------------------------- */

struct vivaldi_estimate vivaldi_core_predict(const struct vivaldi_coord *a, const struct vivaldi_coord *b)
{
    float error = a->error > b->error ? a->error : b->error;

    if (error >= VIVALDI_COORD_ERROR_MAX) {
        return (struct vivaldi_estimate){.source = VIVALDI_UNKNOWN}; /* all begin in the middle: two of them are not 0 ms apart */
    }
    return (struct vivaldi_estimate){.source = VIVALDI_PREDICTED, .rtt_ms = vivaldi_coord_rtt_ms(a, b),
                                     .confidence = 1 / (1 + PREDICTED_LEAST + error)};
}

struct vivaldi_estimate vivaldi_core_estimate(const struct vivaldi *v, uint32_t now_s, uint64_t id,
                                              const struct vivaldi_coord *c)
{
    const struct vivaldi_peer *peer = vivaldi_peers_find(&v->peers, id);
    struct vivaldi_coord known;

    if (id == v->config.self) {
        return (struct vivaldi_estimate){.source = VIVALDI_SELF, .confidence = 1};
    }
    if (peer != NULL && now_s - peer->measured_s <= VIVALDI_STALE_S) {
        return (struct vivaldi_estimate){.source = VIVALDI_MEASURED, .rtt_ms = vivaldi_peers_usual(peer),
                                         .confidence = 1 / (1 + ONCE / (float)vivaldi_peers_samples(peer))};
    }
    if (c == NULL && peer != NULL && vivaldi_peers_is_placed(peer)) {
        known = vivaldi_peers_coord(peer);
        c = &known;
    }
    return c == NULL || v->usual_ms <= 0 ? (struct vivaldi_estimate){.source = VIVALDI_UNKNOWN}
                                         : vivaldi_core_predict(&v->live, c);
}

const struct vivaldi_coord *vivaldi_core_live(const struct vivaldi *v)
{
    return &v->live;
}

const struct vivaldi_coord *vivaldi_core_stable(const struct vivaldi *v)
{
    return &v->stable;
}
