#include "raft/service_wait.h"

#include <stdlib.h>

#include "common/run/cell_call.h"
#include "common/run/log.h"

/* ---- commands ------------------------------------------------------------------------------- */

static uint64_t now_us(const struct raft_service *v)
{
    return cell_now_ms(raft_shell_cell(v->shell)) * 1000;
}

static uint64_t time_ms(struct raft_service *v)
{
    return raft_lessor_time_ms(&v->lessor, now_us(v), raft_shell_kv(v->shell)->time_ms);
}

void raft_service_begin(struct raft_service *v, struct raft_writer *w, enum raft_command_kind kind,
                        const struct raft_once *once)
{
    raft_command_begin(w, v->scratch, sizeof v->scratch, kind, time_ms(v), once);
}

void raft_service_refuse(struct raft_service *v, struct cell_call *call, enum err e)
{
    char hint[RAFT_HINT_SIZE] = "";

    if (e == ERR_NOT_LEADER) {
        raft_shell_hint(v->shell, hint);
    }
    /* A leader that is no longer one does not know what became of what it proposed: no error that means "not done". */
    cell_reply_error(call, e, e == ERR_ABORTED ? "another leader: whether it was done is not known" : NULL,
                     hint[0] != '\0' ? hint : NULL);
}

void raft_service_reply(struct cell_call *call, const void *message)
{
    enum err e = cell_reply(call, message);

    (void)e;
}

struct raft_service_wait *raft_service_wait_new(struct raft_service *v, struct cell_call *call, const void *request)
{
    struct raft_service_wait *w = cell_call_alloc(call, sizeof *w);

    if (w != NULL) {
        *w = (struct raft_service_wait){.v = v, .call = call, .request = request};
    }
    return w;
}

static void on_applied(struct raft_pending *p, enum err e, const struct raft_answer *answer)
{
    struct raft_service_wait *w = (struct raft_service_wait *)p;

    if (e != ERR_OK) {
        raft_service_refuse(w->v, w->call, e);
    } else if (answer->error != ERR_OK) {
        cell_reply_error(w->call, answer->error, answer->text, NULL);
    } else {
        w->answer(w->call, w->request, answer);
    }
}

enum err raft_service_propose(struct raft_service *v, struct cell_call *call, const void *request,
                              const struct raft_writer *w, raft_service_answer answer)
{
    struct raft_service_wait *wait = raft_service_wait_new(v, call, request);
    size_t size;
    enum err e = raft_command_end(w, &size);

    if (wait == NULL) {
        return ERR_NOMEM;
    }
    if (e != ERR_OK) {
        cell_call_explain(call, "a request has at most %d bytes", RAFT_COMMAND_MAX);
        return e;
    }
    wait->pending.done = on_applied;
    wait->answer = answer;
    e = raft_shell_propose(v->shell, v->scratch, size, &wait->pending);
    if (e != ERR_OK) {
        raft_service_refuse(v, call, e);
    }
    return ERR_LATER;
}

/* ---- reads ---------------------------------------------------------------------------------- */

static void on_readable(struct raft_pending *p, enum err e, const struct raft_answer *answer)
{
    struct raft_service_wait *w = (struct raft_service_wait *)p;

    (void)answer;
    if (e != ERR_OK) {
        raft_service_refuse(w->v, w->call, e);
    } else {
        w->respond(w->v, w->call, w->request);
    }
}

static bool look_revision(struct raft_service_waiter *w, bool is_over)
{
    if (raft_shell_kv(w->v->shell)->revision >= w->not_older_than) {
        w->respond(w->v, w->call, w->request);
        return true;
    }
    if (is_over) {
        cell_reply_error(w->call, ERR_TIMEOUT, "this node has not got that revision yet", NULL);
    }
    return is_over;
}

static enum err read_not_older(struct raft_service *v, struct cell_call *call, const void *request, uint64_t revision,
                               raft_service_respond respond)
{
    struct raft_service_waiter *w = cell_call_alloc(call, sizeof *w);

    if (w == NULL) {
        return ERR_NOMEM;
    }
    *w = (struct raft_service_waiter){.v = v, .call = call, .request = request, .respond = respond,
                                      .not_older_than = revision, .look = look_revision};
    return raft_service_wait(w, RAFT_SERVICE_WAIT_MAX_MS);
}

enum err raft_service_read(struct raft_service *v, struct cell_call *call, const void *request,
                           Cell__Raft__Freshness freshness, uint64_t not_older_than, raft_service_respond respond)
{
    struct raft_service_wait *wait;
    enum err e;

    if (raft_shell_kv(v->shell)->is_loading) {
        cell_call_explain(call, "a restore is going on");
        return ERR_UNAVAILABLE;
    }
    if ((unsigned)freshness > CELL__RAFT__FRESHNESS__NOT_OLDER) { /* protobuf-c lets any number through */
        cell_call_explain(call, "a freshness that this version does not know");
        return ERR_INVALID;
    }
    if (freshness == CELL__RAFT__FRESHNESS__STALE) {
        respond(v, call, request);
        return ERR_LATER;
    }
    if (freshness == CELL__RAFT__FRESHNESS__NOT_OLDER) {
        return read_not_older(v, call, request, not_older_than, respond);
    }
    wait = raft_service_wait_new(v, call, request);
    if (wait == NULL) {
        return ERR_NOMEM;
    }
    wait->pending.done = on_readable;
    wait->respond = respond;
    e = raft_shell_read(v->shell, &wait->pending);
    if (e != ERR_OK) {
        raft_service_refuse(v, call, e);
    }
    return ERR_LATER;
}

/* ---- the line of those who wait for the store ------------------------------------------------ */

static void leave_line(struct raft_service_waiter *w)
{
    if (w->prev != NULL) {
        w->prev->next = w->next;
    } else {
        w->v->waiters = w->next;
    }
    if (w->next != NULL) {
        w->next->prev = w->prev;
    }
    w->v->waiting--;
}

static void on_cancel(void *context, enum err e)
{
    struct raft_service_waiter *w = context;

    leave_line(w);
    cell_reply_error(w->call, e, NULL, NULL);
}

enum err raft_service_wait(struct raft_service_waiter *w, uint32_t wait_ms)
{
    struct raft_service *v = w->v;
    uint64_t due_ms = cell_call_now_ms(w->call) + wait_ms, void_ms = cell_call_deadline_ms(w->call);

    if (wait_ms > RAFT_SERVICE_WAIT_MAX_MS) {
        cell_call_explain(w->call, "wait_ms is %u, at most %d", wait_ms, RAFT_SERVICE_WAIT_MAX_MS);
        return ERR_INVALID;
    }
    if (w->look(w, wait_ms == 0)) {
        return ERR_LATER;
    }
    if (v->waiting >= RAFT_SERVICE_WAITING_MAX) {
        cell_call_explain(w->call, "%d requests wait already", RAFT_SERVICE_WAITING_MAX);
        return ERR_LIMIT;
    }
    if (due_ms + RAFT_SERVICE_SLACK_MS > void_ms) {
        due_ms = void_ms > RAFT_SERVICE_SLACK_MS ? void_ms - RAFT_SERVICE_SLACK_MS : 0;
    }
    w->due_ms = due_ms;
    w->prev = NULL;
    w->next = v->waiters;
    if (w->next != NULL) {
        w->next->prev = w;
    }
    v->waiters = w;
    v->waiting++;
    cell_call_on_cancel(w->call, on_cancel, w);
    return ERR_LATER;
}

/* Answering frees the waiter with its call: its place is left before. */
static void look_at_all(struct raft_service *v, uint64_t now_ms)
{
    struct raft_service_waiter *next;

    for (struct raft_service_waiter *w = v->waiters; w != NULL; w = next) {
        struct raft_service_waiter kept = *w;

        next = w->next;
        if (w->look(w, w->due_ms <= now_ms)) {
            w = NULL;
            if (kept.prev != NULL) {
                kept.prev->next = kept.next;
            } else {
                v->waiters = kept.next;
            }
            if (kept.next != NULL) {
                kept.next->prev = kept.prev;
            }
            v->waiting--;
        }
    }
}

void raft_service_applied(struct raft_service *v)
{
    if (v->waiters != NULL) {
        look_at_all(v, 0);
    }
}

/* ---- the clock ------------------------------------------------------------------------------ */

struct ending {
    struct raft_pending pending;
    struct raft_service *v;
    bool is_mark;
};

static void on_ended(struct raft_pending *p, enum err e, const struct raft_answer *answer)
{
    struct ending *one = (struct ending *)p;

    /* One that was renewed meanwhile lives on, one that was lost with a leader is proposed again: kv.h. */
    (void)e;
    (void)answer;
    if (one->is_mark) {
        one->v->is_marking = false;
    } else {
        one->v->ending--;
    }
    free(one);
}

static void propose_end(struct raft_service *v, const struct raft_due *due)
{
    struct ending *one = calloc(1, sizeof *one);
    struct raft_writer w;
    size_t size;

    if (one == NULL) {
        return; /* it is due again in a moment */
    }
    *one = (struct ending){.pending = {.done = on_ended}, .v = v, .is_mark = due->kind == RAFT_COMMAND_CLOCK};
    raft_service_begin(v, &w, due->kind, NULL);
    raft_command_numbers(&w, due->id, due->stamp, 0);
    if (raft_command_end(&w, &size) != ERR_OK || raft_shell_propose(v->shell, w.at, size, &one->pending) != ERR_OK) {
        /* At the next look again: what is asked for once a second may find no room each time, for there is a mark under way. */
        raft_kv_watch_deadline(raft_shell_kv(v->shell), time_ms(v));
        free(one);
        return;
    }
    if (one->is_mark) {
        v->is_marking = true;
    } else {
        v->ending++;
    }
}

static bool has_what_ends(const struct raft_kv *kv)
{
    return kv->leases.map.count > 0 || kv->sessions.map.count > 0;
}

bool raft_service_clock(struct raft_service *v, uint64_t *ret_ms)
{
    if (!v->lessor.is_leading || !has_what_ends(raft_shell_kv(v->shell))) {
        return false;
    }
    *ret_ms = time_ms(v);
    return true;
}

static void end_what_ran_out(struct raft_service *v)
{
    struct raft_kv *kv = raft_shell_kv(v->shell);
    struct raft_due due[RAFT_SERVICE_DUE_MAX];
    bool has_any = has_what_ends(kv);
    size_t count = v->ending < RAFT_SERVICE_DUE_MAX
                       ? raft_kv_due(kv, time_ms(v), due, RAFT_SERVICE_DUE_MAX - v->ending) : 0;

    for (size_t i = 0; i < count; i++) {
        log_info("RAFT-DUE", "what=%s id=%llu", due[i].kind == RAFT_COMMAND_LEASE_EXPIRE ? "lease" : "session",
                 (unsigned long long)due[i].id);
        propose_end(v, &due[i]);
    }
    if (!v->is_marking && raft_lessor_must_mark(&v->lessor, kv->time_ms, has_any)) {
        propose_end(v, &(struct raft_due){.kind = RAFT_COMMAND_CLOCK});
    }
}

static void on_tick(void *context)
{
    struct raft_service *v = context;

    uint64_t now_ms = cell_now_ms(raft_shell_cell(v->shell));

    look_at_all(v, now_ms);
    raft_service_backup_clock(v, now_ms);
    if (v->lessor.is_leading) {
        end_what_ran_out(v);
    }
}

void raft_service_elect(struct raft_service *v, uint64_t term_before)
{
    raft_lessor_elect(&v->lessor, raft_shell_kv(v->shell)->time_ms, term_before);
}

void raft_service_lead(struct raft_service *v)
{
    raft_lessor_lead(&v->lessor, now_us(v), raft_shell_kv(v->shell)->time_ms);
}

void raft_service_leave(struct raft_service *v)
{
    raft_lessor_leave(&v->lessor);
}

enum err raft_service_start(struct raft_service *v, struct raft_shell *s)
{
    v->shell = s;
    v->timer = cell_timer_start(raft_shell_cell(s), RAFT_LESSOR_TICK_MS, RAFT_LESSOR_TICK_MS, on_tick, v);
    return v->timer != NULL ? ERR_OK : ERR_NOMEM;
}

void raft_service_stop(struct raft_service *v)
{
    cell_timer_stop(v->timer);
    v->timer = NULL;
    raft_service_backup_stop(v);
    raft_service_hash_stop(v);
    while (v->waiters != NULL) {
        struct raft_service_waiter *w = v->waiters;

        leave_line(w);
        cell_reply_error(w->call, ERR_UNAVAILABLE, "the cell is stopping", NULL);
    }
}
