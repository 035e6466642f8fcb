#include "nodosum/waiters.h"

/* Nobody waits for the answer any more: the call ends, and its place is free. */
static void on_cancel(void *context, enum err e)
{
    struct nodosum_waiter *one = context;
    struct cell_call *call = one->call;

    *one = (struct nodosum_waiter){.kind = NODOSUM_WAITING_NONE};
    cell_reply_error(call, e, NULL, NULL);
}

/* The place is free before the answer: answering may run other code. */
static void end(struct nodosum_waiters *w, struct nodosum_waiter *one)
{
    struct nodosum_waiter taken = *one;

    *one = (struct nodosum_waiter){.kind = NODOSUM_WAITING_NONE};
    w->answer(w->context, &taken);
}

enum err nodosum_waiters_add(struct nodosum_waiters *w, enum nodosum_waiting kind, struct cell_call *call,
                             uint64_t after, uint32_t wait_ms)
{
    uint64_t due_ms = cell_call_now_ms(call) + wait_ms, void_ms = cell_call_deadline_ms(call);

    if (wait_ms > NODOSUM_WAITERS_MS_MAX) {
        cell_call_explain(call, "wait_ms is %u, at most %d", wait_ms, NODOSUM_WAITERS_MS_MAX);
        return ERR_INVALID;
    }
    if (due_ms + NODOSUM_WAITERS_SLACK_MS > void_ms) {
        due_ms = void_ms > NODOSUM_WAITERS_SLACK_MS ? void_ms - NODOSUM_WAITERS_SLACK_MS : 0;
    }
    for (size_t i = 0; i < NODOSUM_WAITERS_MAX; i++) {
        if (w->all[i].kind == NODOSUM_WAITING_NONE) {
            w->all[i] = (struct nodosum_waiter){.kind = kind, .call = call, .after = after, .due_ms = due_ms};
            cell_call_on_cancel(call, on_cancel, &w->all[i]);
            return ERR_LATER;
        }
    }
    cell_call_explain(call, "%d requests wait already", NODOSUM_WAITERS_MAX);
    return ERR_LIMIT;
}

void nodosum_waiters_wake(struct nodosum_waiters *w, enum nodosum_waiting kind, uint64_t last)
{
    for (size_t i = 0; i < NODOSUM_WAITERS_MAX; i++) {
        if (w->all[i].kind == kind && w->all[i].after < last) {
            end(w, &w->all[i]);
        }
    }
}

uint64_t nodosum_waiters_clock(struct nodosum_waiters *w, uint64_t now_ms)
{
    uint64_t next_ms = UINT64_MAX;

    for (size_t i = 0; i < NODOSUM_WAITERS_MAX; i++) {
        struct nodosum_waiter *one = &w->all[i];
        if (one->kind != NODOSUM_WAITING_NONE && one->due_ms <= now_ms) {
            end(w, one);
        }
        next_ms = one->kind != NODOSUM_WAITING_NONE && one->due_ms < next_ms ? one->due_ms : next_ms;
    }
    return next_ms;
}
