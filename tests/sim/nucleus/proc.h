/* A process of the drawn world: its character, its life, and what was heard of it. */
#ifndef CELL_TESTS_SIM_NUCLEUS_PROC_H
#define CELL_TESTS_SIM_NUCLEUS_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include "nucleus/node.h"

enum mood { MOOD_WELL, MOOD_ASLEEP, MOOD_BUSY, MOOD_STOPPED, MOOD_STARVED };

/* A process. What it will do is drawn when it is born. */
struct proc {
    bool lives;
    int cell, seat;
    uint32_t slot;
    uint64_t generation, hash;
    uint32_t every_ms, dead_after, ready_limit_ms;
    bool is_trivial;
    /* its character */
    uint64_t stage_ms[3];    /* Booting, Listening, Ready; UINT64_MAX: never */
    uint64_t crash_ms;       /* UINT64_MAX: never */
    int exit_code, signal;
    bool obeys_drain, obeys_term, hangs_after_beat;
    uint64_t drain_takes_ms, term_takes_ms, mood_ms, mood_lasts_ms;
    uint64_t slice_ms;       /* starved, it gets the CPU so seldom: waits count when they end */
    enum mood mood_drawn;
    /* its life */
    uint64_t born_ms, died_ms;
    enum node_state said;    /* EMPTY: nothing yet */
    uint32_t heard_by;       /* incarnation of the supervisor its junction leads to */
    enum mood mood;
    uint64_t mood_since_ms, mood_until_ms;
    uint64_t counted_ms, waited_ms, cpu_us, delay_us;
    bool drains, ends_itself; /* as told; without being told */
    bool is_published;
    uint64_t unpublished_ms;
    bool is_ended, is_blamed; /* the machine told it to end; for a fault of its own */
    bool is_decided;         /* the machine wants it to end, told or not yet */
    bool is_involved;        /* a crash it shares the fate of was heard: a cause to end it … */
    bool must_restart;       /* … and the machine surely has to */
    bool is_child;           /* of the present supervisor */
    uint32_t reaped_by;      /* else: the guard that is its parent; 0: init */
    bool is_end_known;       /* somebody could tell how it ended */
    bool is_posthumous;      /* adopted though dead: its end is told in a moment */
    bool is_found_dead;      /* recovery was told that it does not live, and it surely crashed */
    bool is_doubted;         /* found unhealthy, rightly or for a beat that was lost */
    uint32_t lost_beats;     /* in a row */
    uint64_t joined_ms;      /* the present supervisor heard of it */
    uint64_t spawned_ms;     /* its start is confirmed: nothing is heard before */
    uint64_t told_ms;        /* its last message arrives: later ones not before */
    uint64_t next_beat_ms, beats; /* when its timer is due; counts what set the timer */
    uint64_t heard_ms;       /* the last sign of life that reached the present supervisor */
    uint64_t ready_told_ms;  /* Ready was delivered; 0: no */
};

#endif
