/* What the store says is what a store that does one thing after the other would have said: histories, events, leases,
 * sessions. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "raft/watch.h"
#include "tests/linear/check.h"
#include "tests/sim/raft/check.h"

enum {
    DRIFT_PPM = 1000,   /* of two clocks against each other */
    ROUNDING_US = 3000,
    LATE_MS = 3000,     /* a lease that ran out is gone then: a look, a proposal, and one more when it was lost */
};

/* ---- events --------------------------------------------------------------------------------------------------- */

static void note_event(void *context, const struct raft_record *r, const struct raft_record *previous)
{
    struct clients *all = context;

    (void)previous;
    if (all->events < CLIENT_EVENTS) {
        struct raft_bytes key = raft_record_key(r), value = raft_record_value(r);
        all->event[all->events++] = (struct client_event){
            .revision = r->modified, .part = r->part, .key = (uint32_t)(quorum_value(key.at, key.size) | 1),
            .value = raft_record_is_delete(r) ? 0 : quorum_value(value.at, value.size) | 1};
    }
}

static void note_events(struct world *w, struct quorum_seat *s)
{
    struct clients *all = &quorum_truth(w)->clients;
    struct raft_watch wide = {.span = {.kind = RAFT_SPAN_FROM}, .from = all->revision + 1};
    struct raft_seen seen;

    if (s->machine.kv.revision == all->revision) {
        return;
    }
    uint64_t rot = s->machine.past.rot;
    s->machine.past.rot = 0; /* what happened is known, whatever a disk says */
    enum err e = raft_watch_collect(&s->machine.kv, &wide, SIZE_MAX, note_event, all, &seen);
    s->machine.past.rot = rot;
    if (e != ERR_OK || seen.has_more || all->events == CLIENT_EVENTS) {
        world_fail(w, "revision %" PRIu64 " cannot be looked at: %s", s->machine.kv.revision, err_name(e));
    }
    all->revision = s->machine.kv.revision;
}

/* ---- leases ---------------------------------------------------------------------------------------------------- */

static struct client_lease *find_lease(struct clients *all, uint64_t id)
{
    for (uint32_t i = 0; i < all->leases; i++) {
        if (all->lease[i].id == id) {
            return &all->lease[i];
        }
    }
    return NULL;
}

static void granted(struct clients *all, uint64_t id, uint32_t ttl_ms, uint64_t at_us)
{
    if (all->leases == all->lease_room) {
        all->lease_room = all->lease_room == 0 ? 16 : 2 * all->lease_room;
        all->lease = realloc(all->lease, all->lease_room * sizeof *all->lease);
        if (all->lease == NULL) {
            abort();
        }
    }
    all->lease[all->leases++] = (struct client_lease){.id = id, .ttl_ms = ttl_ms, .renewed_us = at_us};
    all->granted++;
}

/* Whoever held it had it for its whole time, on any clock that is right. */
static void ended(struct world *w, struct clients *all, struct client_lease *l, uint64_t at_us, bool has_run_out)
{
    uint64_t least_us = (uint64_t)l->ttl_ms * 1000 - (uint64_t)l->ttl_ms * DRIFT_PPM / 1000 - ROUNDING_US;

    if (has_run_out && at_us - l->renewed_us < least_us) {
        world_fail(w, "lease %" PRIu64 " of %" PRIu32 " ms ends %" PRIu64 " us after it was renewed", l->id, l->ttl_ms,
                   at_us - l->renewed_us);
    }
    all->ended += has_run_out;
    *l = all->lease[--all->leases];
}

static void check_lease(struct world *w, const struct raft_command *c, const struct raft_answer *a, uint64_t at_us)
{
    struct clients *all = &quorum_truth(w)->clients;
    struct client_lease *l = c->kind == RAFT_COMMAND_LEASE_GRANT ? NULL : find_lease(all, c->id);

    if (c->kind == RAFT_COMMAND_LEASE_GRANT && a->error == ERR_OK) {
        granted(all, a->number, a->ttl_ms, at_us);
    } else if (c->kind == RAFT_COMMAND_LEASE_KEEP || c->kind == RAFT_COMMAND_LEASE_EXPIRE) {
        if ((a->error == ERR_NOT_FOUND) != (l == NULL)) {
            world_fail(w, "lease %" PRIu64 " is %s, and the store says %s", c->id, l == NULL ? "gone" : "there", err_name(a->error));
        } else if (a->error == ERR_OK && c->kind == RAFT_COMMAND_LEASE_KEEP) {
            l->renewed_us = at_us;
            all->renewed++;
        } else if (a->error == ERR_OK) {
            ended(w, all, l, at_us, true);
        }
    }
}

/* At the end: what ran out is gone. */
void check_leases(struct world *w)
{
    for (uint32_t i = 0; i < w->set.nodes && !w->has_failed; i++) {
        struct quorum_seat *s = quorum_seat(w, i);
        if (s == NULL || !s->machine.lessor.is_leading) {
            continue;
        }
        uint64_t time_ms = machine_time_ms(s, clock_mono_us(&w->node[i].clock, w->now_us));
        for (uint32_t k = 0; k < s->machine.kv.leases.map.room; k++) {
            const struct raft_lease *l = s->machine.kv.leases.map.slot[k];
            if (l != NULL && raft_lease_deadline_ms(l) + LATE_MS < time_ms) {
                world_fail(w, "lease %" PRIu64 " ran out %" PRIu64 " ms ago", l->id, time_ms - raft_lease_deadline_ms(l));
            }
        }
    }
}

/* ---- sessions -------------------------------------------------------------------------------------------------- */

static void check_once(struct world *w, const struct raft_command *c, const struct raft_answer *a)
{
    struct clients *all = &quorum_truth(w)->clients;

    for (uint32_t i = 0; i < all->clients && c->once.session != 0; i++) {
        struct client *one = &all->client[i];
        if (one->session != c->once.session || a->is_repeat || a->error != ERR_OK) {
            continue;
        }
        if (c->once.sequence <= one->done_sequence) {
            world_fail(w, "request %" PRIu64 " of session %" PRIu64 " is carried out twice", c->once.sequence, c->once.session);
        }
        one->done_sequence = c->once.sequence;
    }
}

void check_answer(struct world *w, struct quorum_seat *s, uint64_t index, const struct raft_command *c, const struct raft_answer *a)
{
    note_events(w, s);
    check_lease(w, c, a, quorum_truth(w)->agreed[index].at_us);
    check_once(w, c, a);
}

/* ---- histories ------------------------------------------------------------------------------------------------- */

/* For whoever looks for the reason. */
static void say_history(struct world *w, const struct history *h)
{
    static const char *const outcomes[] = {"ok", "fail", "unknown"};

    for (size_t i = 0; i < h->count && w->is_loud; i++) {
        const struct history_op *op = &h->op[i];
        world_say(w, "request %zu: %" PRId64 " to %" PRId64 ", %s%s, %s key %" PRIu32 " value %" PRIu32 ", expected %" PRIu32 " of %d, else %" PRIu32
                  " and %" PRIu32 ", revision %" PRIu64, i, op->call, op->end, outcomes[op->outcome], op->succeeded ? ", holds" : "",
                  (const char *[]){"put", "delete", "get"}[op->step[0][0].kind], op->step[0][0].key, op->step[0][0].value,
                  op->compare[0].value, op->compares, op->step[1][0].value, op->step[1][1].value, op->revision);
    }
}

void check_history(struct world *w)
{
    struct clients *all = &quorum_truth(w)->clients;
    size_t worst = 0;

    all->history.keys = CLIENT_KEYS;
    all->history.values = all->values;
    if (!check_revisions(&all->history, &worst)) {
        world_fail(w, "request %zu was told revision %" PRIu64 ", which is not its", worst, all->history.op[worst].revision);
        return;
    }
    switch (check_linear(&all->history, &worst)) {
    case CHECK_LINEAR:
        break;
    case CHECK_VIOLATED:
        say_history(w, &all->history);
        world_fail(w, "%zu requests are not linearizable: the %zuth, of key %" PRIu32, all->history.count, worst,
                   all->history.op[worst].step[0][0].key);
        break;
    case CHECK_UNDECIDED:
        all->undecided++;
        break;
    }
}
