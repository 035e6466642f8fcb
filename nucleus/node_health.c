#include "nucleus/node_health.h"

#include <assert.h>

static uint64_t less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t half_period(const struct node_health_policy *p)
{
    return p->every_ms / 2 + p->every_ms % 2; /* rounded up: never 0 */
}

static uint64_t misses_ms(const struct node_health_policy *p, uint32_t misses)
{
    return (uint64_t)misses * p->every_ms;
}

/* Dead after so long; unhealthy a little before. */
static uint64_t dead_after_ms(const struct node_health_policy *p)
{
    return misses_ms(p, p->dead_after > NODE_HEALTH_MISSES_MIN ? p->dead_after
                                                                : NODE_HEALTH_MISSES_MIN);
}

/* The shortest silence that is called unhealthy. */
static uint64_t silence_ms(const struct node_health_policy *p)
{
    return misses_ms(p, NODE_HEALTH_MISSES_MIN) - p->every_ms / NODE_HEALTH_EARLY;
}

/* A first look half a period before leaves half a period to see what the process does: a sleeping
 * hang is found within two periods of the last beat. */
static uint64_t first_look(const struct node_health *h, const struct node_health_policy *p)
{
    return h->since_ms + silence_ms(p) - half_period(p);
}

void node_health_begin(struct node_health *h, const struct node_health_policy *p, uint64_t now_ms,
                       uint64_t pass_ms)
{
    assert(p->every_ms > 0 && p->dead_after > 0);
    *h = (struct node_health){.since_ms = now_ms + pass_ms};
    h->look_ms = first_look(h, p);
}

void node_health_beat(struct node_health *h, const struct node_health_policy *p, uint64_t now_ms)
{
    node_health_begin(h, p, now_ms, 0); /* a beat also ends a free pass */
}

void node_health_excuse(struct node_health *h, uint64_t ms)
{
    h->since_ms += ms; /* without limit: our absence says nothing, however long it was */
    h->asleep_ms += ms;
}

/* What the process did between two samples elapsed_us apart. */
static enum node_health_view view_of(const struct node_event *ev, uint64_t elapsed_us,
                                     uint64_t cpu_us, uint64_t delay_us, uint64_t own_us)
{
    if (ev->is_stopped) {
        return NODE_HEALTH_STOPPED;
    }
    if (ev->is_blocked || delay_us >= elapsed_us / 2 || own_us >= elapsed_us / 2) {
        return NODE_HEALTH_STARVED;
    }
    if (cpu_us >= elapsed_us / 2) {
        return NODE_HEALTH_BUSY;
    }
    /* Runnable and hardly run: it waits now, or its control group has used up its share. */
    return ev->is_runnable ? NODE_HEALTH_STARVED : NODE_HEALTH_SLEPT;
}

/* Counters of a process only grow; one that shrank (a thread ended between two reads) reads as 0. */
static uint64_t growth(uint64_t before, uint64_t after)
{
    return after > before ? after - before : 0;
}

/* What a view says about the elapsed_ms before it. Being stopped or computing is held against a process
 * as long as it lasts, else neither would ever end it; afterwards it could not help that silence, and
 * one look that finds it waiting for a CPU must not end it for all of it. */
static void account(struct node_health *h, enum node_health_view view, uint64_t elapsed_ms,
                    uint64_t waited_ms)
{
    switch (view) {
    case NODE_HEALTH_STARVED:
        h->excused_ms += elapsed_ms;
        return;
    case NODE_HEALTH_STOPPED:
        h->held_ms += h->view == NODE_HEALTH_STOPPED ? elapsed_ms : 0; /* else: not all that time */
        return;
    case NODE_HEALTH_BUSY:
        h->held_ms += elapsed_ms - waited_ms;
        h->excused_ms += waited_ms;
        return;
    case NODE_HEALTH_UNKNOWN: /* continued since the last look, which found it stopped */
        h->excused_ms += h->held_ms + elapsed_ms;
        h->held_ms = 0;
        return;
    case NODE_HEALTH_SLEPT:
        h->excused_ms += h->held_ms + waited_ms;
        h->held_ms = 0;
        return;
    }
}

void node_health_sample(struct node_health *h, uint64_t now_ms, const struct node_event *ev)
{
    uint64_t elapsed_ms = now_ms - h->sample_ms;
    uint64_t delay_us = growth(h->delay_us, ev->delay_us);
    uint64_t own_us = growth(h->own_us, ev->own_delay_us);
    bool is_first = h->sample_ms == 0;
    enum node_health_view view = h->view;

    assert(now_ms >= h->sample_ms);
    if (is_first || h->view == NODE_HEALTH_STOPPED) { /* without a past, or continued just now */
        view = ev->is_stopped ? NODE_HEALTH_STOPPED : NODE_HEALTH_UNKNOWN;
    } else if (elapsed_ms > 0) {
        view = view_of(ev, elapsed_ms * 1000, growth(h->cpu_us, ev->cpu_us), delay_us, own_us);
    }
    if (!is_first && elapsed_ms > 0) {
        account(h, view, elapsed_ms, less(elapsed_ms, (delay_us > own_us ? delay_us : own_us) / 1000));
    }
    h->view = view;
    if (h->view != NODE_HEALTH_SLEPT) {
        h->asleep_ms = now_ms;
        h->had_reason = h->had_reason || h->view != NODE_HEALTH_UNKNOWN;
    }
    h->sample_ms = now_ms;
    h->cpu_us = ev->cpu_us;
    h->delay_us = ev->delay_us;
    h->own_us = ev->own_delay_us;
}

uint64_t node_health_age_ms(const struct node_health *h, const struct node_health_policy *p,
                            uint64_t now_ms)
{
    uint64_t wall = growth(h->since_ms, now_ms);
    uint64_t excused = less(h->excused_ms, (uint64_t)NODE_HEALTH_PATIENCE * p->every_ms);

    return growth(excused, wall);
}

/* Ages from which a process seen like this is unhealthy, and dead.
 *
 * Slept: its timer was due and it did not wake, so two periods are certain and dead_after kill.
 * Stopped: certain as well, but a person did it; systemd's watchdog would end it too, so it gets
 * the misses twice. Busy: perhaps a long computation: twice as well. Starved: only the patience
 * ran out. Unknown: no sample came, so all the patience is given. */
static void limits(const struct node_health *h, const struct node_health_policy *p,
                   uint64_t *ret_unhealthy_ms, uint64_t *ret_dead_ms)
{
    uint64_t dead = dead_after_ms(p);

    switch (h->view) {
    case NODE_HEALTH_SLEPT:
        *ret_unhealthy_ms = silence_ms(p);
        *ret_dead_ms = dead;
        return;
    case NODE_HEALTH_STOPPED:
        *ret_unhealthy_ms = silence_ms(p);
        *ret_dead_ms = 2 * dead;
        return;
    case NODE_HEALTH_BUSY:
    case NODE_HEALTH_STARVED:
        *ret_unhealthy_ms = dead - p->every_ms / NODE_HEALTH_EARLY;
        *ret_dead_ms = 2 * dead;
        return;
    case NODE_HEALTH_UNKNOWN:
        *ret_unhealthy_ms = dead + misses_ms(p, NODE_HEALTH_PATIENCE);
        *ret_dead_ms = *ret_unhealthy_ms;
        return;
    }
}

/* How long it must have been asleep at every look before sleep is death. A period and a half: a beat
 * was due in it, and one that was lost would have had a successor. Who was stopped, busy or starved
 * since its last beat could not help its silence until then: its misses count anew. */
static uint64_t certain_ms(const struct node_health *h, const struct node_health_policy *p)
{
    return h->had_reason ? dead_after_ms(p) : misses_ms(p, 1) + half_period(p);
}

/* What is left until it is unhealthy, and dead, if nothing changes; 0: it is. */
static uint64_t until_unhealthy_ms(const struct node_health *h, const struct node_health_policy *p,
                                   uint64_t now_ms)
{
    uint64_t unhealthy_ms = 0, dead_ms = 0;

    limits(h, p, &unhealthy_ms, &dead_ms);
    assert(unhealthy_ms <= dead_ms && unhealthy_ms > p->every_ms);
    return growth(node_health_age_ms(h, p, now_ms), unhealthy_ms);
}

static uint64_t until_dead_ms(const struct node_health *h, const struct node_health_policy *p,
                              uint64_t now_ms)
{
    uint64_t unhealthy_ms = 0, dead_ms = 0;

    limits(h, p, &unhealthy_ms, &dead_ms);
    uint64_t by_age = growth(node_health_age_ms(h, p, now_ms), dead_ms);
    uint64_t asleep = h->view == NODE_HEALTH_SLEPT ? growth(h->asleep_ms, now_ms) : UINT64_MAX;
    uint64_t by_sleep = growth(asleep, certain_ms(h, p));
    return by_age > by_sleep ? by_age : by_sleep;
}

enum node_health_verdict node_health_clock(struct node_health *h,
                                           const struct node_health_policy *p, uint64_t now_ms)
{
    /* The last sample tells nothing about the time since: a process seen asleep may have starved
     * afterwards. Only when samples do not come does the clock decide, after all patience. */
    if (now_ms >= h->look_ms) {
        if (growth(h->sample_ms, now_ms) > p->every_ms) {
            h->view = NODE_HEALTH_UNKNOWN;
        }
        h->look_ms = now_ms + half_period(p);
        if (h->view != NODE_HEALTH_UNKNOWN ||
            node_health_judge(h, p, now_ms) != NODE_HEALTH_DEAD) {
            return NODE_HEALTH_LOOK;
        }
        return NODE_HEALTH_DEAD;
    }
    return NODE_HEALTH_FINE;
}

enum node_health_verdict node_health_judge(const struct node_health *h,
                                           const struct node_health_policy *p, uint64_t now_ms)
{
    if (until_dead_ms(h, p, now_ms) == 0) {
        return NODE_HEALTH_DEAD;
    }
    return until_unhealthy_ms(h, p, now_ms) == 0 ? NODE_HEALTH_UNHEALTHY : NODE_HEALTH_FINE;
}

void node_health_plan_look(struct node_health *h, const struct node_health_policy *p, uint64_t now_ms)
{
    uint64_t wait = half_period(p);
    uint64_t left = until_unhealthy_ms(h, p, now_ms);

    if (left == 0) {
        left = until_dead_ms(h, p, now_ms);
    }
    if (left > 0 && left < wait) {
        uint64_t least = half_period(p) / NODE_HEALTH_LOOKS + 1;
        wait = left > least ? left : least;
    }
    h->look_ms = now_ms + wait;
}
