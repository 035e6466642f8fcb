/* Claims about one call, and three replicas by chance: what was acknowledged by a quorum is what a quorum finds, whatever is lost or late,
 * while one of them at most is dead or has not everything back. */
#include <inttypes.h>
#include <string.h>

#include "common/base/rng.h"
#include "mycel/call.h"
#include "tests/support/check.h"

static struct mycel_version_copy copy_of(uint64_t stamp)
{
    return (struct mycel_version_copy){.version = {.stamp = stamp, .writer = 1}};
}

/* ---- claims: what is said, and what must come of it; A0 asks 0, D done, R0 repair, H0 hint, O over ------------------ */

struct said {
    enum mycel_call_event_kind kind;
    uint8_t from;
    uint64_t now_ms, stamp;
};

#define ANSWER(from, stamp) {MYCEL_CALL_EV_ANSWER, from, 1, stamp}
#define UNSURE(from) {MYCEL_CALL_EV_UNSURE, from, 1, 0}
#define FAILED(from) {MYCEL_CALL_EV_FAILED, from, 1, 0}
#define CLOCK(at) {MYCEL_CALL_EV_CLOCK, 0, at, 0}
#define NOTHING {MYCEL_CALL_EV_CLOCK, 0, 0, 0}

static const struct {
    bool is_write;
    enum mycel_call_need need;
    struct said said[4];
    const char *want;
} rows[] = {
    {true, MYCEL_CALL_QUORUM, {ANSWER(0, 0), ANSWER(1, 0), ANSWER(2, 0)}, "A0A1A2 . DOK O"},
    {true, MYCEL_CALL_ONE, {ANSWER(2, 0), ANSWER(2, 0), ANSWER(1, 0), FAILED(0)}, "A0A1A2 DOK . . H0O"},
    {true, MYCEL_CALL_ALL, {ANSWER(0, 0), ANSWER(1, 0), FAILED(2)}, "A0A1A2 . . H2DUNAVAILABLEO"},
    {true, MYCEL_CALL_QUORUM, {ANSWER(0, 0), FAILED(0), ANSWER(1, 0), ANSWER(2, 0)}, "A0A1A2 . H0 . DOKO"},
    {true, MYCEL_CALL_QUORUM, {ANSWER(0, 0), CLOCK(999), CLOCK(1000), ANSWER(1, 0)}, "A0A1A2 . . DTIMEOUTH1H2O ."},
    {true, MYCEL_CALL_QUORUM, {FAILED(0), FAILED(1), ANSWER(2, 0)}, "A0A1A2 H0 H1DUNAVAILABLE O"},
    {true, MYCEL_CALL_QUORUM, {UNSURE(0), ANSWER(1, 0), ANSWER(2, 0)}, "A0A1A2 . . DOKO"},
    {true, MYCEL_CALL_QUORUM, {UNSURE(0), FAILED(1), ANSWER(2, 0)}, "A0A1A2 . H1DUNAVAILABLE O"},
    {false, MYCEL_CALL_ONE, {ANSWER(0, 5), ANSWER(1, 9)}, "A0 DOK5O ."},
    {false, MYCEL_CALL_ONE, {FAILED(0), ANSWER(1, 5)}, "A0 A1 DOK5O"},
    {false, MYCEL_CALL_ONE, {CLOCK(29), CLOCK(30), ANSWER(1, 5), ANSWER(0, 4)}, "A0 . A1 DOK5 R0O"},
    {false, MYCEL_CALL_ONE, {ANSWER(0, 0), ANSWER(1, 5)}, "A0 A1 DOK5R0O"},
    {false, MYCEL_CALL_ONE, {ANSWER(0, 0), ANSWER(1, 0), FAILED(2)}, "A0 A1 A2 DNOT_FOUNDO"},
    {false, MYCEL_CALL_QUORUM, {ANSWER(0, 3), ANSWER(1, 5)}, "A0A1 . DOK5R0O"},
    {false, MYCEL_CALL_QUORUM, {ANSWER(0, 5), CLOCK(30), ANSWER(2, 5), ANSWER(1, 7)}, "A0A1 . A2 DOK5 R0R2O"},
    {false, MYCEL_CALL_QUORUM, {ANSWER(0, 5), UNSURE(1), UNSURE(2)}, "A0A1 . A2 DUNAVAILABLEO"},
    {false, MYCEL_CALL_QUORUM, {ANSWER(0, 0), ANSWER(1, 0)}, "A0A1 . DNOT_FOUNDO"},
    {false, MYCEL_CALL_ALL, {ANSWER(0, 5), ANSWER(1, 5), ANSWER(2, 5), ANSWER(3, 9)}, "A0A1A2 . . DOK5O ."},
};

static size_t put_down(const struct mycel_call_effects *fx, char *text)
{
    size_t len = 0;

    for (uint8_t i = 0; i < fx->count; i++) {
        const struct mycel_call_effect *e = &fx->item[i];
        switch (e->kind) {
        case MYCEL_CALL_FX_ASK:
            len += (size_t)sprintf(text + len, "A%d", e->to);
            break;
        case MYCEL_CALL_FX_DONE:
            len += (size_t)sprintf(text + len, "D%s", err_name(e->error));
            len += e->error == ERR_OK && e->copy.version.stamp != 0 ? (size_t)sprintf(text + len, "%" PRIu64, e->copy.version.stamp) : 0;
            break;
        case MYCEL_CALL_FX_REPAIR:
            len += (size_t)sprintf(text + len, "R%d", e->to);
            break;
        case MYCEL_CALL_FX_HINT:
            len += (size_t)sprintf(text + len, "H%d", e->to);
            break;
        case MYCEL_CALL_FX_OVER:
            len += (size_t)sprintf(text + len, "O");
            break;
        }
    }
    return len + (len == 0 ? (size_t)sprintf(text, ".") : 0);
}

static void calls_go_as_they_should(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mycel_call c;
        struct mycel_call_effects fx;
        char got[512];
        mycel_call_start(&c, rows[i].is_write, rows[i].need, 3, 0, 1000, &fx);
        size_t len = put_down(&fx, got);
        for (size_t n = 0; n < ARRAY_LEN(rows[i].said) && rows[i].said[n].now_ms > 0; n++) {
            const struct said *s = &rows[i].said[n];
            struct mycel_call_event ev = {.kind = s->kind, .from = s->from, .now_ms = s->now_ms, .copy = copy_of(s->stamp)};
            got[len++] = ' ';
            mycel_call_step(&c, &ev, &fx);
            len += put_down(&fx, got + len);
        }
        CHECK(strcmp(got, rows[i].want) == 0, "row %zu: %s, and should be %s", i, got, rows[i].want);
    }
    struct mycel_call c;
    struct mycel_call_effects fx;
    mycel_call_start(&c, false, MYCEL_CALL_ALL, 3, 100, 1000, &fx);
    for (uint8_t i = 0; i < 3; i++) {
        mycel_call_step(&c, &(struct mycel_call_event){.kind = MYCEL_CALL_EV_ANSWER, .now_ms = 100 + 50 * i, .from = i, .copy = copy_of(i == 1 ? 9 : 5),
                                                       .left_ms = i == 1 ? 70 : UINT64_MAX}, &fx);
    }
    CHECK(fx.count == 4 && fx.item[0].left_ms == 20 && fx.item[1].kind == MYCEL_CALL_FX_REPAIR && fx.item[1].left_ms == 20 && fx.item[2].left_ms == 20,
          "a copy goes with what is left of its life, whomever it goes to");
    mycel_call_start(&c, false, MYCEL_CALL_ONE, 3, 100, 1000, &fx);
    CHECK(mycel_call_due_ms(&c) == 100 + MYCEL_CALL_HEDGE_MS, "a reader looks for another one soon");
    mycel_call_start(&c, true, MYCEL_CALL_ONE, 3, 100, 1000, &fx);
    CHECK(mycel_call_due_ms(&c) == 1100, "a writer has asked all");
}

/* ---- worlds ------------------------------------------------------------------------------------------- */

enum { NODES = 3, CALLS = 6, WIRE = 4096, TIMEOUT = 200, SYNC = 400 };

struct packet {
    bool is_used, is_answer, is_write;
    uint8_t call, node;
    uint32_t number;   /* of the call: an answer to a former one is nothing */
    uint32_t life;     /* of the node that answers */
    uint64_t at_ms, stamp;
    bool is_unsure;
};

struct node {
    uint64_t stamp;    /* of what it holds */
    uint32_t life;
    uint64_t back_ms, sure_ms; /* dead until, unsure until */
};

struct task {
    struct mycel_call call;
    bool is_open, is_write;
    uint32_t number;
    uint64_t stamp, floor; /* of a write; what a read must find at least */
};

struct world {
    struct rng rng;
    uint64_t seed, now_ms, acked, last_stamp;
    uint32_t lose_one_in, late_ms, crash_one_in, calls, done_reads, done_writes;
    struct node node[NODES];
    struct task task[CALLS];
    struct packet wire[WIRE];
    struct packet hint[WIRE];
    uint32_t hints;
};

static void send(struct world *w, struct packet p)
{
    if (w->lose_one_in > 0 && rng_below(&w->rng, w->lose_one_in) == 0) {
        return;
    }
    p.is_used = true;
    p.at_ms = w->now_ms + 1 + rng_below(&w->rng, w->late_ms);
    for (uint32_t i = 0; i < WIRE; i++) {
        if (!w->wire[i].is_used) {
            w->wire[i] = p;
            return;
        }
    }
    REQUIRE(false, "seed %" PRIu64 ": traffic is bounded", w->seed);
}

static void perform(struct world *w, uint8_t n, const struct mycel_call_effects *fx)
{
    struct task *t = &w->task[n];

    for (uint8_t i = 0; i < fx->count; i++) {
        const struct mycel_call_effect *e = &fx->item[i];
        switch (e->kind) {
        case MYCEL_CALL_FX_ASK:
            send(w, (struct packet){.call = n, .node = e->to, .number = t->number, .is_write = t->is_write, .stamp = t->stamp});
            break;
        case MYCEL_CALL_FX_DONE:
            if (t->is_write && e->error == ERR_OK) {
                w->acked = t->stamp > w->acked ? t->stamp : w->acked;
                w->done_writes++;
            }
            if (!t->is_write && (e->error == ERR_OK || e->error == ERR_NOT_FOUND)) {
                CHECK(e->copy.version.stamp >= t->floor, "seed %" PRIu64 ": %" PRIu64 " was acknowledged, and %" PRIu64 " is found at %" PRIu64,
                      w->seed, t->floor, e->copy.version.stamp, w->now_ms);
                w->done_reads++;
            }
            break;
        case MYCEL_CALL_FX_REPAIR:
            send(w, (struct packet){.call = CALLS, .node = e->to, .is_write = true, .stamp = e->copy.version.stamp});
            break;
        case MYCEL_CALL_FX_HINT:
            REQUIRE(w->hints < WIRE, "hints are bounded");
            w->hint[w->hints++] = (struct packet){.node = e->to, .stamp = t->stamp};
            break;
        case MYCEL_CALL_FX_OVER:
            t->is_open = false;
            break;
        }
    }
}

static void tell(struct world *w, uint8_t n, struct mycel_call_event ev)
{
    struct mycel_call_effects fx;

    ev.now_ms = w->now_ms;
    mycel_call_step(&w->task[n].call, &ev, &fx);
    perform(w, n, &fx);
}

static void arrive(struct world *w, struct packet p)
{
    struct node *d = &w->node[p.node];

    if (p.is_answer) {
        if (p.life == d->life && w->task[p.call].is_open && w->task[p.call].number == p.number) {
            tell(w, p.call, (struct mycel_call_event){.kind = p.is_unsure ? MYCEL_CALL_EV_UNSURE : MYCEL_CALL_EV_ANSWER, .from = p.node,
                                                      .copy = copy_of(p.stamp)});
        }
        return;
    }
    if (d->back_ms > w->now_ms) {
        return;
    }
    d->stamp = p.is_write && p.stamp > d->stamp ? p.stamp : d->stamp;
    if (p.call < CALLS) {
        send(w, (struct packet){.is_answer = true, .call = p.call, .node = p.node, .number = p.number, .life = d->life, .stamp = d->stamp,
                                .is_unsure = !p.is_write && d->sure_ms > w->now_ms});
    }
}

static bool all_are_sure(const struct world *w)
{
    for (uint32_t i = 0; i < NODES; i++) {
        if (w->node[i].sure_ms >= w->now_ms && w->node[i].sure_ms > 0) {
            return false;
        }
    }
    return true;
}

/* One dies with all it held; its connections break. It is back empty, and sure when it has what the others have. */
static void crash(struct world *w, uint8_t n)
{
    w->node[n] = (struct node){.life = w->node[n].life + 1, .back_ms = w->now_ms + rng_below(&w->rng, 1u << rng_below(&w->rng, 9))};
    w->node[n].sure_ms = w->node[n].back_ms + 1 + rng_below(&w->rng, SYNC);
    for (uint8_t i = 0; i < CALLS; i++) {
        if (w->task[i].is_open) {
            tell(w, i, (struct mycel_call_event){.kind = MYCEL_CALL_EV_FAILED, .from = n});
        }
    }
}

static void begin(struct world *w, uint8_t n)
{
    struct task *t = &w->task[n];
    struct mycel_call_effects fx;

    *t = (struct task){.is_open = true, .is_write = rng_below(&w->rng, 2) == 0, .number = ++w->calls, .floor = w->acked};
    t->stamp = t->is_write ? ++w->last_stamp : 0;
    mycel_call_start(&t->call, t->is_write, MYCEL_CALL_QUORUM, NODES, w->now_ms, TIMEOUT, &fx);
    perform(w, n, &fx);
}

static void live(struct world *w, bool has_calls)
{
    w->now_ms++;
    for (uint8_t i = 0; i < NODES; i++) {
        struct node *d = &w->node[i];
        for (uint8_t j = 0; j < NODES && d->sure_ms == w->now_ms; j++) {
            d->stamp = w->node[j].stamp > d->stamp ? w->node[j].stamp : d->stamp;
        }
    }
    for (uint32_t i = 0; i < WIRE; i++) {
        if (w->wire[i].is_used && w->wire[i].at_ms <= w->now_ms) {
            struct packet p = w->wire[i];
            w->wire[i].is_used = false;
            arrive(w, p);
        }
    }
    for (uint8_t i = 0; i < CALLS; i++) {
        if (w->task[i].is_open && mycel_call_due_ms(&w->task[i].call) <= w->now_ms) {
            tell(w, i, (struct mycel_call_event){.kind = MYCEL_CALL_EV_CLOCK});
        }
        CHECK(!w->task[i].is_open || mycel_call_due_ms(&w->task[i].call) > w->now_ms, "seed %" PRIu64 ": due is to come", w->seed);
        if (!w->task[i].is_open && has_calls && rng_below(&w->rng, 20) == 0) {
            begin(w, i);
        }
    }
    if (w->hints > 0 && rng_below(&w->rng, 20) == 0) {
        arrive(w, (struct packet){.call = CALLS, .node = w->hint[--w->hints].node, .is_write = true, .stamp = w->hint[w->hints].stamp});
    }
    if (has_calls && w->crash_one_in > 0 && all_are_sure(w) && rng_below(&w->rng, w->crash_one_in) == 0) {
        crash(w, (uint8_t)rng_below(&w->rng, NODES));
    }
}

static void quorums_lose_nothing(uint64_t seeds)
{
    static struct world w;
    uint32_t reads = 0, writes = 0;

    for (uint64_t seed = 1; seed <= seeds && check_failures == 0; seed++) {
        memset(&w, 0, sizeof w);
        rng_init(&w.rng, seed);
        w.seed = seed;
        w.lose_one_in = rng_below(&w.rng, 3) == 0 ? 0 : 5u << rng_below(&w.rng, 4);
        w.late_ms = 1u << rng_below(&w.rng, 8);
        w.crash_one_in = rng_below(&w.rng, 3) == 0 ? 0 : 50u << rng_below(&w.rng, 5);
        for (uint32_t i = 0; i < 4000; i++) {
            live(&w, true);
        }
        w.lose_one_in = 0;
        for (uint32_t i = 0; i < 3000; i++) {
            live(&w, false);
        }
        for (uint8_t i = 0; i < CALLS; i++) {
            CHECK(!w.task[i].is_open, "seed %" PRIu64 ": every call comes to an end", seed);
        }
        reads += w.done_reads;
        writes += w.done_writes;
    }
    CHECK(reads > 50 * seeds && writes > 50 * seeds, "calls are done: %" PRIu32 " reads, %" PRIu32 " writes", reads, writes);
}

int main(int argc, char **argv)
{
    calls_go_as_they_should();
    quorums_lose_nothing(argc > 1 ? strtoull(argv[1], NULL, 10) : 150);
    return CHECK_RESULT();
}
