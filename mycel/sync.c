#include "mycel/sync.h"

#include <assert.h>
#include <string.h>

#include "mycel/sync_inside.h"

enum { WORDS = MYCEL_REPLICA_RANGES / 64 };

static bool has_any(const uint64_t bits[WORDS])
{
    uint64_t any = 0;

    for (uint32_t i = 0; i < WORDS; i++) {
        any |= bits[i];
    }
    return any != 0;
}

static uint32_t members(const struct mycel_sync *s)
{
    return s->r->place == NULL ? 0 : s->r->place->count;
}

static uint32_t place_of(const struct mycel_place *p, uint64_t id)
{
    for (uint32_t i = 0; p != NULL && i < p->count; i++) {
        if (p->id[i] == id) {
            return i;
        }
    }
    return MYCEL_REPLICA_NOBODY;
}

bool mycel_sync_say(struct mycel_sync_turn *t, uint32_t to, struct mycel_sync_message m)
{
    if (t->fx->count == MYCEL_SYNC_EFFECTS_MAX) {
        return false;
    }
    m.view = t->s->r->view;
    t->fx->item[t->fx->count++] = (struct mycel_sync_effect){.to = t->s->r->place->id[to], .message = m};
    return true;
}

/* ---- who is sure of what ---------------------------------------------------------------------------- */

/* How many are away of those among whom this member was sure last. */
static uint32_t missing(const struct mycel_sync *s)
{
    uint32_t away = 0;

    for (uint32_t i = 0; i < s->before[0].count; i++) {
        away += place_of(s->r->place, s->before[0].id[i]) == MYCEL_REPLICA_NOBODY;
    }
    return away;
}

static bool is_majority(const struct mycel_sync *s)
{
    return !s->has_base || 2 * missing(s) < s->before[0].count;
}

bool mycel_sync_is_whole(const struct mycel_sync *s, uint64_t now_ms)
{
    /* What a quorum acknowledged one of the others has, unless all of the quorum are away. */
    uint32_t quorum = s->r->replicas / 2 + 1;

    return is_majority(s) && (!s->has_base || missing(s) < quorum || now_ms >= s->view_ms + MYCEL_SYNC_WAIT_MS);
}

bool mycel_sync_has_say(const struct mycel_sync *s, uint64_t hash)
{
    if (s->is_blind || !s->has_base || s->r->self == MYCEL_REPLICA_NOBODY) {
        return false;
    }
    /* Who held it all the time since has heard of every write to it, as far as a replica does. */
    for (uint32_t i = 0; i < s->views; i++) {
        if (!mycel_place_is_holder(&s->before[i], hash, s->r->replicas, s->self)) {
            return false;
        }
    }
    return true;
}

static void settle(struct mycel_sync *s, uint64_t now_ms)
{
    for (uint32_t i = 0; i < members(s); i++) {
        if (i != s->r->self && !s->peer[i].is_done) {
            return;
        }
    }
    if (!s->is_sure && (members(s) > 1 || (s->has_base && !s->is_blind)) && mycel_sync_is_whole(s, now_ms)) {
        s->is_sure = s->has_base = true;
        s->is_blind = false;
        s->before[0] = *s->r->place;
        s->views = 1;
    }
}

static void moved(struct mycel_sync_turn *t, const struct mycel_place *place)
{
    struct mycel_sync *s = t->s;
    uint64_t view = s->r->view;
    bool is_new = s->r->place == NULL;

    mycel_replica_place(s->r, place, s->self);
    memset(s->peer, 0, s->r->nodes_max * sizeof *s->peer);
    for (uint32_t i = 0; i < place->count; i++) {
        s->peer[i].round_ms = t->now_ms + 1;
    }
    s->is_passing = false;
    s->is_again = true;
    s->pass_ms = t->now_ms;
    s->slow = 1;
    s->nonce++;
    s->view_ms = t->now_ms;
    if (s->is_first && is_new) {
        s->is_sure = s->has_base = true;
        s->before[0] = *place;
        s->views = 1;
    } else if (view != s->r->view) {
        s->is_sure = false;
        if (s->has_base && (s->views == MYCEL_SYNC_VIEWS_MAX || !is_majority(s))) {
            s->is_blind = true;
        }
        if (s->has_base && !s->is_blind) {
            s->before[s->views++] = *place;
        }
        settle(s, t->now_ms);
    }
}

/* ---- sums ------------------------------------------------------------------------------------------- */

static void heard_sums(struct mycel_sync_turn *t, uint32_t from, const struct mycel_sync_message *m)
{
    struct mycel_sync *s = t->s;
    struct mycel_sync_peer *p = &s->peer[from];
    uint64_t differs[WORDS] = {0};

    if (!mycel_replica_is_counted(s->r)) {
        return; /* he asks again */
    }
    for (uint32_t i = 0; i < MYCEL_REPLICA_RANGES; i++) {
        differs[i / 64] |= (uint64_t)(m->sums[i] != s->r->sum[from][i]) << i % 64;
    }
    for (uint32_t i = 0; i < WORDS; i++) {
        p->wanted[i] |= m->nonce != 0 ? differs[i] : differs[i] & p->doubt[i];
        p->doubt[i] = differs[i];
    }
    if (m->nonce != 0 && m->nonce == p->served && !has_any(differs)) {
        (void)mycel_sync_say(t, from, (struct mycel_sync_message){.kind = MYCEL_SYNC_DONE, .nonce = m->nonce});
    } else if (m->nonce != 0) {
        p->asks = m->nonce;
    }
    if (has_any(differs) && p->round_ms > t->now_ms + MYCEL_SYNC_SETTLE_MS && s->slow < MYCEL_SYNC_SLOW) {
        p->round_ms = t->now_ms + MYCEL_SYNC_SETTLE_MS;
    }
    if (!m->is_answer) {
        s->counts.sums += mycel_sync_say(t, from, (struct mycel_sync_message){.kind = MYCEL_SYNC_SUMS, .is_answer = true, .sums = s->r->sum[from]});
    }
}

/* Compare with those whose turn it is; of two the one with the lower id begins, unless the other one is not sure. */
static void compare(struct mycel_sync_turn *t)
{
    struct mycel_sync *s = t->s;

    for (uint32_t i = 0; i < members(s) && t->fx->count < MYCEL_SYNC_EFFECTS_MAX / 2; i++) {
        struct mycel_sync_peer *p = &s->peer[i];
        if (i == s->r->self || p->round_ms > t->now_ms) {
            continue;
        }
        bool asks = !s->is_sure && !p->is_done;
        if (asks || has_any(p->doubt) || s->self < s->r->place->id[i]) {
            s->counts.sums += mycel_sync_say(t, i, (struct mycel_sync_message){.kind = MYCEL_SYNC_SUMS, .nonce = asks ? s->nonce : 0, .sums = s->r->sum[i]});
        }
        p->round_ms = t->now_ms + (asks ? MYCEL_SYNC_ASK_MS : MYCEL_SYNC_ROUND_MS * s->slow);
    }
}

/* ---- events ----------------------------------------------------------------------------------------- */

void mycel_sync_init(struct mycel_sync *s, struct mycel_replica *r, struct mycel_sync_peer *peer, uint64_t self, uint64_t bytes_per_s, bool is_first,
                     uint64_t seed, uint64_t now_ms)
{
    assert(bytes_per_s > 0);
    memset(s, 0, sizeof *s);
    s->r = r;
    s->peer = peer;
    s->self = self;
    s->bytes_per_s = bytes_per_s;
    s->is_first = is_first;
    s->nonce = (seed << 16) | 1;
    s->page = seed << 32;
    s->slow = 1;
    s->credit_ms = now_ms;
}

static void heard(struct mycel_sync_turn *t, uint64_t id, const struct mycel_sync_message *m)
{
    struct mycel_sync *s = t->s;
    uint32_t from = place_of(s->r->place, id);

    if (from == MYCEL_REPLICA_NOBODY || from == s->r->self || m->view != s->r->view) {
        return; /* another membership: whoever is behind hears of it, and is spoken to again */
    }
    switch (m->kind) {
    case MYCEL_SYNC_SUMS:
        heard_sums(t, from, m);
        break;
    case MYCEL_SYNC_OFFER:
        mycel_sync_offered(t, from, m);
        break;
    case MYCEL_SYNC_ANSWER:
        mycel_sync_pass_answered(t, from, m);
        break;
    case MYCEL_SYNC_COPY:
        mycel_sync_copied(t, from, m);
        break;
    case MYCEL_SYNC_DONE:
        s->peer[from].is_done |= m->nonce == s->nonce;
        settle(s, t->now_ms);
        break;
    }
}

static bool is_asked_for(const struct mycel_sync *s)
{
    for (uint32_t i = 0; i < members(s); i++) {
        if (i != s->r->self && (s->peer[i].asks != 0 || has_any(s->peer[i].wanted))) {
            return true;
        }
    }
    return false;
}

static void clock(struct mycel_sync_turn *t)
{
    struct mycel_sync *s = t->s;
    uint64_t most = s->bytes_per_s, past_ms = t->now_ms - s->credit_ms < 1000 ? t->now_ms - s->credit_ms : 1000;

    s->credit += (int64_t)(s->bytes_per_s * past_ms / 1000);
    s->credit = s->credit > (int64_t)most ? (int64_t)most : s->credit;
    s->credit_ms = t->now_ms;
    if (!mycel_replica_count(s->r, MYCEL_SYNC_STEPS)) {
        return;
    }
    settle(s, t->now_ms);
    compare(t);
    if (!s->is_passing && (t->now_ms >= s->pass_ms || is_asked_for(s)) && (!s->is_again || t->now_ms >= s->pass_ms)) {
        mycel_sync_pass_begin(t);
    }
    if (s->is_passing) {
        mycel_sync_pass_step(t);
    }
}

void mycel_sync_step(struct mycel_sync *s, const struct mycel_sync_event *ev, struct mycel_sync_effects *fx)
{
    struct mycel_sync_turn t = {.s = s, .now_ms = ev->now_ms, .wall_ms = ev->wall_ms, .fx = fx};

    fx->count = 0;
    switch (ev->kind) {
    case MYCEL_SYNC_EV_HEARD:
        heard(&t, ev->from, ev->message);
        break;
    case MYCEL_SYNC_EV_PLACE:
        moved(&t, ev->place);
        break;
    case MYCEL_SYNC_EV_CLOCK:
        if (s->r->place != NULL) {
            clock(&t);
        }
        break;
    }
}

uint64_t mycel_sync_due_ms(const struct mycel_sync *s)
{
    uint64_t due = s->pass_ms;

    if (s->r->place == NULL) {
        return UINT64_MAX;
    }
    if (!mycel_replica_is_counted(s->r) || (s->is_passing && s->items == 0) || (!s->is_passing && !s->is_again && is_asked_for(s))) {
        return 0;
    }
    if (s->is_passing) {
        due = s->retry_ms;
        for (uint32_t i = 0; i < s->items; i++) {
            due = s->item[i].wants != 0 && s->credit_ms + 10 < due ? s->credit_ms + 10 : due; /* for credit */
        }
    }
    due = !s->is_sure && s->view_ms + MYCEL_SYNC_WAIT_MS < due && s->credit_ms < s->view_ms + MYCEL_SYNC_WAIT_MS ? s->view_ms + MYCEL_SYNC_WAIT_MS : due;
    for (uint32_t i = 0; i < members(s); i++) {
        due = i != s->r->self && s->peer[i].round_ms < due ? s->peer[i].round_ms : due;
    }
    return due;
}
