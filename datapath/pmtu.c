#include "datapath/pmtu.h"

#include <assert.h>

void datapath_pmtu_init(struct datapath_pmtu *p, uint32_t most)
{
    assert(most >= DATAPATH_PMTU_BASE);
    *p = (struct datapath_pmtu){.most = most, .size = DATAPATH_PMTU_BASE};
}

static void probe(struct datapath_pmtu *p, bool is_beside, struct datapath_pmtu_effects *fx)
{
    uint32_t at = p->next - p->first;

    /* Two at each try, at most: the number says which is which. */
    assert(at < 2 * DATAPATH_PMTU_TRIES);
    p->is_beside |= is_beside ? 1u << at : 0;
    assert(fx->count < DATAPATH_PMTU_EFFECTS);
    fx->probe[fx->count++] = (struct datapath_pmtu_probe){.size = is_beside ? p->beside : p->asked, .number = p->next++};
}

/* One more try of the size that is asked about, and one beside it that says whether the path is there at all. */
static void try_again(struct datapath_pmtu *p, uint64_t now_ms, struct datapath_pmtu_effects *fx)
{
    uint32_t wait_ms = p->rtt_ms + p->rtt_ms / 2 + DATAPATH_PMTU_WAIT_MS / 5;

    wait_ms = wait_ms < DATAPATH_PMTU_WAIT_MS ? DATAPATH_PMTU_WAIT_MS : wait_ms;
    p->deadline_ms = now_ms + (wait_ms > DATAPATH_PMTU_WAIT_MS_MAX ? DATAPATH_PMTU_WAIT_MS_MAX : wait_ms);
    p->tries++;
    if (p->asked != p->beside) {
        probe(p, true, fx);
    }
    probe(p, false, fx);
}

/* What goes beside it: while more is looked for, the size in use, which may have become too large meanwhile. */
static void ask(struct datapath_pmtu *p, uint32_t size, uint64_t now_ms, struct datapath_pmtu_effects *fx)
{
    p->is_open = true;
    p->asked = size;
    p->beside = size > p->size ? p->size : DATAPATH_PMTU_BASE;
    p->tries = p->alive = p->is_beside = 0;
    p->first = p->next;
    try_again(p, now_ms, fx);
}

/* The next size to ask about: the largest, then the usual, then halves. */
static void search(struct datapath_pmtu *p, uint64_t now_ms, struct datapath_pmtu_effects *fx)
{
    uint32_t size = p->bad - (p->bad - p->good) / 2;

    if (p->bad - p->good <= DATAPATH_PMTU_STEP) {
        p->is_searching = p->is_open = false;
        p->confirmed_ms = now_ms;
        p->raise_ms = now_ms + DATAPATH_PMTU_RAISE_MS;
        return;
    }
    if (p->bad > p->most) {
        size = p->most;
    } else if (p->good < DATAPATH_PMTU_USUAL && DATAPATH_PMTU_USUAL < p->bad) {
        size = DATAPATH_PMTU_USUAL;
    }
    ask(p, size, now_ms, fx);
}

/* From the bottom: nothing is known of this path. */
static void begin(struct datapath_pmtu *p, uint64_t now_ms, struct datapath_pmtu_effects *fx)
{
    p->is_searching = true;
    p->is_doubting = false;
    p->good = DATAPATH_PMTU_BASE;
    p->bad = p->most + DATAPATH_PMTU_STEP;
    p->failed = p->rtt_ms = 0;
    p->size = DATAPATH_PMTU_BASE;
    ask(p, DATAPATH_PMTU_BASE, now_ms, fx);
}

static void succeed(struct datapath_pmtu *p, uint64_t now_ms, struct datapath_pmtu_effects *fx)
{
    p->is_open = false;
    if (!p->is_searching) {
        p->confirmed_ms = now_ms;
        return;
    }
    p->is_doubting = false;
    p->good = p->asked;
    p->size = p->good > p->size ? p->good : p->size;
    search(p, now_ms, fx);
}

/* What went beside the tries was lost as well: not the size that was asked about is to blame. */
static void doubt(struct datapath_pmtu *p, uint64_t now_ms, struct datapath_pmtu_effects *fx)
{
    if (p->beside > DATAPATH_PMTU_BASE) {
        p->is_doubting = true;
        ask(p, p->size, now_ms, fx);
        return;
    }
    /* Small ones are lost: that says nothing of sizes. Whoever chooses among paths knows what to do. */
    p->is_open = false;
    p->deadline_ms = now_ms + DATAPATH_PMTU_PAUSE_MS;
}

/* All tries are lost, and what went beside them was not. */
static void fail(struct datapath_pmtu *p, uint64_t now_ms, struct datapath_pmtu_effects *fx)
{
    p->is_open = false;
    p->bad = p->asked;
    p->failed++;
    if (!p->is_searching || p->is_doubting) {
        p->is_searching = true;
        p->is_doubting = false;
        p->good = DATAPATH_PMTU_BASE;
        p->size = DATAPATH_PMTU_BASE; /* at once: what more there may be is found out while packets go through */
    }
    search(p, now_ms, fx);
}

/* Nobody answered in time. Of the size in use it is known early, for packets are lost meanwhile. */
static void miss(struct datapath_pmtu *p, uint64_t now_ms, struct datapath_pmtu_effects *fx)
{
    bool is_over = p->tries == DATAPATH_PMTU_TRIES;
    bool is_lost = p->asked != p->beside && p->tries - p->alive >= DATAPATH_PMTU_TRIES - DATAPATH_PMTU_ALIVE;

    if (is_lost && p->beside > DATAPATH_PMTU_BASE) {
        doubt(p, now_ms, fx);
    } else if (!is_over) {
        try_again(p, now_ms, fx);
    } else if (p->asked == p->beside || p->alive < DATAPATH_PMTU_ALIVE) {
        doubt(p, now_ms, fx);
    } else {
        fail(p, now_ms, fx);
    }
}

static void hear(struct datapath_pmtu *p, const struct datapath_pmtu_event *ev, struct datapath_pmtu_effects *fx)
{
    uint32_t at = ev->number - p->first;

    if (!p->is_open || at >= p->next - p->first) {
        return; /* to an earlier question */
    }
    if (ev->rtt_ms > p->rtt_ms) {
        p->rtt_ms = ev->rtt_ms;
    }
    if ((p->is_beside >> at & 1) != 0) {
        p->alive++;
        return;
    }
    succeed(p, ev->now_ms, fx);
}

/* Whether the size in use is to be looked at: it was used since. */
static bool is_in_doubt(const struct datapath_pmtu *p)
{
    return p->size > DATAPATH_PMTU_BASE && p->used_ms > p->confirmed_ms;
}

static void look(struct datapath_pmtu *p, uint64_t now_ms, struct datapath_pmtu_effects *fx)
{
    if (p->is_open) {
        if (now_ms < p->deadline_ms) {
            return;
        }
        miss(p, now_ms, fx);
    } else if (p->is_searching) {
        if (now_ms >= p->deadline_ms) {
            ask(p, p->asked, now_ms, fx);
        }
    } else if (is_in_doubt(p) && now_ms >= p->confirmed_ms + DATAPATH_PMTU_CONFIRM_MS && now_ms >= p->deadline_ms) {
        ask(p, p->size, now_ms, fx);
    } else if (now_ms >= p->raise_ms && p->size < p->most) {
        p->is_searching = true;
        p->good = p->size;
        p->bad = p->most + DATAPATH_PMTU_STEP;
        search(p, now_ms, fx);
    }
}

void datapath_pmtu_step(struct datapath_pmtu *p, const struct datapath_pmtu_event *ev, struct datapath_pmtu_effects *fx)
{
    fx->count = 0;
    switch (ev->kind) {
    case DATAPATH_PMTU_EV_BEGIN:
        begin(p, ev->now_ms, fx);
        break;
    case DATAPATH_PMTU_EV_CLOCK:
        look(p, ev->now_ms, fx);
        break;
    case DATAPATH_PMTU_EV_ANSWERED:
        hear(p, ev, fx);
        break;
    case DATAPATH_PMTU_EV_USED:
        /* A small one says nothing of the size that is in use. */
        if (ev->size > DATAPATH_PMTU_BASE) {
            p->used_ms = ev->now_ms;
        }
        break;
    }
    assert(p->size >= DATAPATH_PMTU_BASE && p->size <= p->most);
}

bool datapath_pmtu_is_measured(const struct datapath_pmtu *p)
{
    return !p->is_searching || p->failed > 1 || (p->failed == 1 && p->tries > 1);
}

uint64_t datapath_pmtu_due_ms(const struct datapath_pmtu *p)
{
    if (p->is_open || p->is_searching) {
        return p->deadline_ms;
    }
    uint64_t due = p->size < p->most ? p->raise_ms : UINT64_MAX;
    if (is_in_doubt(p)) {
        uint64_t confirm = p->confirmed_ms + DATAPATH_PMTU_CONFIRM_MS;
        confirm = confirm < p->deadline_ms ? p->deadline_ms : confirm;
        due = confirm < due ? confirm : due;
    }
    return due;
}
