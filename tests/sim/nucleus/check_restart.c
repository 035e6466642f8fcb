/* Claims about giving up: a crash-loop only after the drawn number of ends in the drawn time, and
 * no further start after as many certain crashes. */
#include "tests/sim/nucleus/check.h"

void check_restart_ended(struct world *w, int proc, bool is_sure)
{
    const struct proc *p = &w->proc[proc];
    struct seat *s = &w->place[p->cell].seat[p->seat];

    if (!p->is_ended || p->is_blamed || p->ends_itself) { /* else its exit is what was asked for */
        check_cause_crash(w, p->cell);
    }
    s->end_ms[s->ends++ % WORLD_CRASHES] = w->now_ms;
    if (is_sure) {
        s->sure_ms[s->sures++ % WORLD_CRASHES] = w->now_ms;
        bool is_told = p->died_ms != 0 && p->is_end_known && p->signal == 0 &&
                       (p->exit_code == 64 || p->exit_code == 78);
        bool has_served = p->ready_told_ms != 0 && !p->is_trivial;
        s->hopeless_ms = is_told && !has_served ? w->now_ms : s->hopeless_ms;
    }
}

/* How many of the newest `of` times lie at or after since_ms and within period_ms of the newest. */
static uint32_t count_recent(const uint64_t *time_ms, uint32_t count, uint64_t since_ms,
                             uint64_t period_ms)
{
    uint32_t recent = 0;

    for (uint32_t k = 0; k < count && k < WORLD_CRASHES; k++) {
        uint64_t at_ms = time_ms[(count - 1 - k) % WORLD_CRASHES];
        uint64_t newest_ms = time_ms[(count - 1) % WORLD_CRASHES];
        recent += at_ms >= since_ms && newest_ms - at_ms <= period_ms;
    }
    return recent;
}

static void mark(struct world *w, int cell)
{
    for (int s = 0; s < WORLD_SEATS; s++) {
        int live = w->place[cell].seat[s].live;
        if (live != WORLD_NOBODY && world_is_wanted(w, cell, s) &&
            w->proc[live].born_ms < w->now_ms) { /* and not just the one that follows */
            w->proc[live].must_restart = true;
            w->place[cell].seat[s].in_group = true;
        }
    }
}

static void mark_above(struct world *w, int cell)
{
    for (int c = 0; c < WORLD_CELLS; c++) {
        if (w->place[c].is_listed && world_is_above(w, c, cell)) {
            mark(w, c);
        }
    }
}

/* The new ones do not meet the old: all of a group have ended before the first starts. */
static void check_group_ended(struct world *w, int cell, int seat)
{
    bool with_above = w->place[cell].seat[seat].in_group;

    for (int c = cell; c < (with_above ? WORLD_CELLS : cell + 1); c++) {
        for (int s = 0; s < WORLD_SEATS && (c == cell || world_is_above(w, c, cell)); s++) {
            int live = w->place[c].seat[s].live;
            if (live != WORLD_NOBODY && w->proc[live].must_restart && world_is_wanted(w, c, s)) {
                world_fail(w, "c%02d.%d is started before c%02d.%d of its group has ended", cell, seat,
                           c, s);
            }
        }
    }
}

/* Whether the crash is settled: the supervisor that heard of it lives, or left it on record. Else its
 * successor finds it anew. */
static bool is_settled(const struct world *w, const struct proc *p)
{
    const struct record *r = &w->record[p->slot];

    return w->node != NULL ||
           (r->is_kept && r->at.generation == p->generation && r->at.state == NODE_FAILED);
}

static void mark_group(struct world *w, int cell, enum manifest_strategy strategy)
{
    switch (strategy) {
    case MANIFEST_ONE_FOR_ONE:
        return;
    case MANIFEST_ONE_FOR_ALL:
        mark(w, cell);
        return;
    case MANIFEST_REST_FOR_ONE:
        mark_above(w, cell);
        return;
    }
}

/* After a crash that is to be followed by a restart, those who share its fate restart too. */
void check_restart_group(struct world *w, int crashed)
{
    const struct proc *p = &w->proc[crashed];
    struct seat *s = &w->place[p->cell].seat[p->seat];
    enum manifest_strategy strategy = w->place[p->cell].entry.restart.strategy;

    if (s->gave_up_ms == w->now_ms || !is_settled(w, p)) {
        s->in_group = false;
        return;
    }
    mark_group(w, p->cell, strategy);
    s->in_group = strategy != MANIFEST_ONE_FOR_ONE;
    if (s->generation != p->generation) { /* it was started again in the same step */
        check_group_ended(w, p->cell, p->seat);
        s->in_group = false;
    }
}

void check_restart_loop(struct world *w, int cell, int seat)
{
    const struct place *p = &w->place[cell];
    struct seat *s = &w->place[cell].seat[seat];

    s->gave_up_ms = w->now_ms;
    s->in_group = false;
    if (s->hopeless_ms == w->now_ms) {
        return;
    }
    uint32_t recent =
        count_recent(s->end_ms, s->ends, s->surely_anew_ms, p->entry.restart.give_up_ms);

    if (recent < p->entry.restart.give_up_count) {
        world_fail(w, "c%02d.%d is given up after %u of %u ends", cell, seat, recent,
                   p->entry.restart.give_up_count);
    }
}

void check_restart_spawn(struct world *w, int cell, int seat)
{
    const struct place *p = &w->place[cell];
    struct seat *s = &w->place[cell].seat[seat];

    check_group_ended(w, cell, seat);
    s->in_group = false;
    if (s->hopeless_ms > s->maybe_anew_ms) {
        world_fail(w, "c%02d.%d is started again though its end said that it is of no use", cell, seat);
    }
    if (s->sures == 0) {
        return;
    }
    uint64_t last_ms = s->sure_ms[(s->sures - 1) % WORLD_CRASHES];
    uint32_t recent = count_recent(s->sure_ms, s->sures, s->maybe_anew_ms + 1,
                                   p->entry.restart.give_up_ms);
    if (recent >= p->entry.restart.give_up_count) {
        world_fail(w, "c%02d.%d is started again after %u crashes", cell, seat, recent);
    }
    bool is_last = s->ends > 0 && s->end_ms[(s->ends - 1) % WORLD_CRASHES] == last_ms;
    uint32_t first_ms = p->entry.restart.first_ms;
    uint32_t least_ms = first_ms - first_ms / 10;
    if (is_last && last_ms > s->maybe_anew_ms && w->now_ms < last_ms + least_ms &&
        least_ms <= p->entry.restart.max_ms) {
        world_fail(w, "c%02d.%d is started %lu ms after its crash, not %u", cell, seat,
                   (unsigned long)(w->now_ms - last_ms), least_ms);
    }
}
