/* Single requests as traces: an event, and the effects in their order. Each trace is one request of
 * a target with two endpoints. */
#include <stdio.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/client/client.h"
#include "tests/support/check.h"

enum { STEPS = 12, TEXT = 64 };

struct step {
    enum client_event_kind kind;
    uint64_t at_ms;
    enum err e;
    uint32_t after_ms;
    int hint;             /* 1 or 2; 0: none */
    const char *effects;  /* G1 give to the first, R1 recall from it, P park, W wait, S1 shut, E:NAME */
};

struct trace {
    const char *why;
    bool is_idempotent, is_hasty, is_empty; /* empty: nobody is listed at first */
    uint64_t deadline_ms;
    struct step step[STEPS];
};

#define ASK {CLIENT_EV_ASKED, 0, ERR_OK, 0, 0, "G1"}
#define SENT {CLIENT_EV_SENT, 0, ERR_OK, 0, 0, ""}
#define DONE {CLIENT_EV_NOBODY, 0, ERR_OK, 0, 0, NULL}

static const struct trace traces[] = {
    {"answered", false, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_ANSWERED, 5, ERR_OK, 0, 0, "E:OK"}, DONE}},
    {"an error of the callee is the answer", true, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_ANSWERED, 5, ERR_ABORTED, 0, 0, "E:ABORTED"}, DONE}},
    {"lost, and it may have been done", false, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_LOST, 5, ERR_OK, 0, 0, "E:PEER_DEAD"}, DONE}},
    {"lost, and it may be done twice: elsewhere, after a wait", true, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_LOST, 5, ERR_OK, 0, 0, "W"}, {CLIENT_EV_DUE, 25, ERR_OK, 0, 0, "G2"}, SENT,
      {CLIENT_EV_ANSWERED, 30, ERR_OK, 0, 0, "E:OK"}, DONE}},
    {"three retries, not four", true, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_LOST, 5, ERR_OK, 0, 0, "W"}, {CLIENT_EV_DUE, 100, ERR_OK, 0, 0, "G2"}, SENT,
      {CLIENT_EV_LOST, 200, ERR_OK, 0, 0, "W"}, {CLIENT_EV_DUE, 300, ERR_OK, 0, 0, "G1"}, SENT,
      {CLIENT_EV_LOST, 400, ERR_OK, 0, 0, "W"}, {CLIENT_EV_DUE, 500, ERR_OK, 0, 0, "G2"}, SENT,
      {CLIENT_EV_LOST, 600, ERR_OK, 0, 0, "E:PEER_DEAD"}}},
    {"half an answer is not begun anew", true, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_PART, 5, ERR_OK, 0, 0, ""}, {CLIENT_EV_LOST, 6, ERR_OK, 0, 0, "E:PEER_DEAD"},
      DONE}},
    {"not sent yet: elsewhere at once, though it may not be done twice", false, false, false, 5000,
     {ASK, {CLIENT_EV_LOST, 5, ERR_OK, 0, 0, "R1 G2"}, SENT,
      {CLIENT_EV_ANSWERED, 9, ERR_OK, 0, 0, "E:OK"}, DONE}},
    {"the batch was refused unread: it was not sent", false, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_UNSENT, 5, ERR_OK, 0, 0, ""}, SENT,
      {CLIENT_EV_ANSWERED, 9, ERR_OK, 0, 0, "E:OK"}, DONE}},
    {"no connection within the patience: elsewhere", false, false, false, 5000,
     {ASK, {CLIENT_EV_DUE, CLIENT_CONNECT_MS, ERR_OK, 0, 0, "R1 G2"}, SENT,
      {CLIENT_EV_ANSWERED, 1100, ERR_OK, 0, 0, "E:OK"}, DONE}},
    {"no answer", true, false, false, 50,
     {ASK, SENT, {CLIENT_EV_DUE, 50, ERR_OK, 0, 0, "R1 E:TIMEOUT"}, DONE}},
    {"no connection before the deadline", true, false, false, 50,
     {ASK, {CLIENT_EV_DUE, 50, ERR_OK, 0, 0, "R1 E:TIMEOUT"}, DONE}},
    {"no time at all", true, false, false, 0, {{CLIENT_EV_ASKED, 0, ERR_OK, 0, 0, "E:TIMEOUT"}, DONE}},
    {"the callee's time to come back is kept", true, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_ANSWERED, 5, ERR_UNAVAILABLE, 300, 0, "W"},
      {CLIENT_EV_DUE, 325, ERR_OK, 0, 0, "G2"}, DONE}},
    {"it is longer than the deadline: the answer is the end", true, false, false, 200,
     {ASK, SENT, {CLIENT_EV_ANSWERED, 5, ERR_UNAVAILABLE, 300, 0, "E:UNAVAILABLE"}, DONE}},
    {"the longest time there is", true, false, false, 200,
     {ASK, SENT, {CLIENT_EV_ANSWERED, 5, ERR_UNAVAILABLE, UINT32_MAX, 0, "E:UNAVAILABLE"}, DONE}},
    {"LIMIT without a time is about the request", true, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_ANSWERED, 5, ERR_LIMIT, 0, 0, "E:LIMIT"}, DONE}},
    {"LIMIT with one is about the callee", true, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_ANSWERED, 5, ERR_LIMIT, 10, 0, "W"}, DONE}},
    {"a hint is followed, whatever the operation: nothing was done", false, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_ANSWERED, 5, ERR_NOT_LEADER, 0, 2, "G2"}, SENT,
      {CLIENT_EV_ANSWERED, 9, ERR_OK, 0, 0, "E:OK"}, DONE}},
    {"but once", false, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_ANSWERED, 5, ERR_NOT_LEADER, 0, 2, "G2"}, SENT,
      {CLIENT_EV_ANSWERED, 9, ERR_NOT_LEADER, 0, 1, "E:NOT_LEADER"}, DONE}},
    {"no hint that is known here", true, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_ANSWERED, 5, ERR_NOT_LEADER, 0, 0, "E:NOT_LEADER"}, DONE}},
    {"what comes back untouched waits for others, and may be sent again", false, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_RETURNED, 5, ERR_OK, 0, 0, "P"}, {CLIENT_EV_ASKED, 9, ERR_OK, 0, 0, "G2"}, SENT,
      {CLIENT_EV_ANSWERED, 12, ERR_OK, 0, 0, "E:OK"}, DONE}},
    {"and ends if there are none", false, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_RETURNED, 5, ERR_OK, 0, 0, "P"}, {CLIENT_EV_NOBODY, 9, ERR_UNAVAILABLE, 0, 0, "E:UNAVAILABLE"},
      DONE}},
    {"cancelled while it waits to be sent", true, false, false, 5000,
     {ASK, {CLIENT_EV_CANCELLED, 5, ERR_OK, 0, 0, "R1 E:CANCELLED"}, DONE}},
    {"cancelled while the callee has it", true, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_CANCELLED, 5, ERR_OK, 0, 0, "R1 E:CANCELLED"}, DONE}},
    {"cancelled between two tries", true, false, false, 5000,
     {ASK, SENT, {CLIENT_EV_LOST, 5, ERR_OK, 0, 0, "W"}, {CLIENT_EV_CANCELLED, 6, ERR_OK, 0, 0, "E:CANCELLED"},
      DONE}},
    {"nobody is known yet", true, false, true, 5000,
     {{CLIENT_EV_ASKED, 0, ERR_OK, 0, 0, "P"}, {CLIENT_EV_NOBODY, 9, ERR_NOT_FOUND, 0, 0, "E:NOT_FOUND"},
      DONE}},
    {"nor in time", true, false, true, 70,
     {{CLIENT_EV_ASKED, 0, ERR_OK, 0, 0, "P"}, {CLIENT_EV_DUE, 70, ERR_OK, 0, 0, "E:TIMEOUT"}, DONE}},
};

static void say(const struct client_effects *fx, const struct balance_endpoint *e, char out[TEXT])
{
    size_t len = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < fx->count; i++) {
        const struct client_effect *f = &fx->item[i];
        int at = (int)(f->endpoint - e) + 1;
        const char *space = i == 0 ? "" : " ";
        if (f->kind == CLIENT_FX_END) {
            len += (size_t)snprintf(out + len, TEXT - len, "%sE:%s", space, err_name(f->e));
        } else if (f->kind == CLIENT_FX_PARK || f->kind == CLIENT_FX_WAIT) {
            len += (size_t)snprintf(out + len, TEXT - len, "%s%c", space, "PGWRES"[f->kind]);
        } else {
            len += (size_t)snprintf(out + len, TEXT - len, "%s%c%d", space, "PGWRES"[f->kind], at);
        }
    }
}

static void run(const struct trace *trace)
{
    struct balance_endpoint e[2] = {0}, *list[] = {&e[0], &e[1]};
    struct client_target t;
    struct client_ask ask = {.deadline_ms = 1000 + trace->deadline_ms,
                             .is_idempotent = trace->is_idempotent, .is_hasty = trace->is_hasty};
    uint64_t now_ms = 1000;

    client_init(&t, 1);
    balance_set(&t.list, list, trace->is_empty ? 0 : 2);
    for (size_t i = 0; i < STEPS && trace->step[i].effects != NULL; i++) {
        const struct step *s = &trace->step[i];
        struct client_effects fx;
        char got[TEXT];
        now_ms = s->at_ms == 0 ? now_ms : 1000 + s->at_ms;
        client_step(&t, &(struct client_event){.kind = s->kind, .ask = &ask, .now_ms = now_ms, .e = s->e,
                                               .retry_after_ms = s->after_ms,
                                               .hint = s->hint == 0 ? NULL : &e[s->hint - 1]}, &fx);
        say(&fx, e, got);
        CHECK(strcmp(got, s->effects) == 0, "%s: step %zu: \"%s\", not \"%s\"", trace->why, i, got,
              s->effects);
    }
    CHECK(e[0].outstanding + e[1].outstanding == (ask.endpoint != NULL), "%s: counted", trace->why);
}

/* Whoever has a pace of his own is told by each try, holds up nobody else's probe, and an answer closes the breaker for all. */
static void steady_ones_are_tried(void)
{
    struct balance_endpoint e = {0}, other = {0}, *list[] = {&e, &other};
    struct client_target t;
    struct client_effects fx;
    uint64_t now_ms = 1000;

    client_init(&t, 1);
    balance_set(&t.list, list, 1);
    for (int i = 1; i <= 8; i++) {
        struct client_ask ask = {.deadline_ms = now_ms + 5000, .is_hasty = true, .is_steady = true};
        client_step(&t, &(struct client_event){.kind = CLIENT_EV_ASKED, .ask = &ask, .now_ms = now_ms}, &fx);
        CHECK(fx.count == 1 && fx.item[0].kind == CLIENT_FX_GIVE && ask.probe == 0, "request %d is given to it", i);
        now_ms += CLIENT_HASTY_MS;
        client_step(&t, &(struct client_event){.kind = CLIENT_EV_DUE, .ask = &ask, .now_ms = now_ms}, &fx);
        CHECK(fx.count >= 2 && fx.item[1].e == ERR_UNAVAILABLE, "request %d finds out", i);
    }
    struct client_ask plain = {.deadline_ms = now_ms + 50};
    e.breaker.until_ms = now_ms + 1;
    client_step(&t, &(struct client_event){.kind = CLIENT_EV_ASKED, .ask = &plain, .now_ms = now_ms}, &fx);
    CHECK(fx.count == 1 && fx.item[0].kind == CLIENT_FX_END && e.outstanding == 0, "others do not try");
    struct client_ask ask = {.deadline_ms = now_ms + 5000, .is_steady = true};
    client_step(&t, &(struct client_event){.kind = CLIENT_EV_ASKED, .ask = &ask, .now_ms = now_ms}, &fx);
    client_step(&t, &(struct client_event){.kind = CLIENT_EV_SENT, .ask = &ask, .now_ms = now_ms}, &fx);
    client_step(&t, &(struct client_event){.kind = CLIENT_EV_ANSWERED, .ask = &ask, .now_ms = now_ms, .e = ERR_OK}, &fx);
    CHECK(e.breaker.state == BREAKER_CLOSED, "it is back");
    balance_set(&t.list, list, 2);
    e.breaker = other.breaker = (struct breaker){.state = BREAKER_OPEN, .until_ms = UINT64_MAX};
    struct client_ask many = {.deadline_ms = now_ms + 50, .is_steady = true};
    client_step(&t, &(struct client_event){.kind = CLIENT_EV_ASKED, .ask = &many, .now_ms = now_ms}, &fx);
    CHECK(fx.item[0].kind == CLIENT_FX_END, "of several instances none has to be the one");
}

/* One endpoint that nobody listens at: the sixth request is not tried, and one is, later. */
static void the_sixth_fails_fast(void)
{
    struct balance_endpoint e = {0}, *list[] = {&e};
    struct client_target t;
    struct client_effects fx;
    uint64_t now_ms = 1000;

    client_init(&t, 1);
    balance_set(&t.list, list, 1);
    for (int i = 1; i <= 6; i++) {
        struct client_ask ask = {.deadline_ms = now_ms + 50};
        client_step(&t, &(struct client_event){.kind = CLIENT_EV_ASKED, .ask = &ask, .now_ms = now_ms},
                    &fx);
        if (i == 6) {
            CHECK(fx.count == 1 && fx.item[0].kind == CLIENT_FX_END && fx.item[0].e == ERR_UNAVAILABLE,
                  "the sixth ends at once");
            break;
        }
        now_ms += 50;
        client_step(&t, &(struct client_event){.kind = CLIENT_EV_DUE, .ask = &ask, .now_ms = now_ms},
                    &fx);
        CHECK(fx.count == 2 + (i == 5) && fx.item[1].e == ERR_TIMEOUT, "request %d costs its deadline", i);
    }
    now_ms += BREAKER_FIRST_MS;
    for (int i = 0; i < 3; i++) {
        struct client_ask ask = {.deadline_ms = now_ms + 50};
        client_step(&t, &(struct client_event){.kind = CLIENT_EV_ASKED, .ask = &ask, .now_ms = now_ms},
                    &fx);
        CHECK((fx.item[0].kind == CLIENT_FX_GIVE) == (i == 0), "one probe: request %d", i);
    }
}

int main(void)
{
    for (size_t i = 0; i < ARRAY_LEN(traces); i++) {
        run(&traces[i]);
    }
    steady_ones_are_tried();
    the_sixth_fails_fast();
    return CHECK_RESULT();
}
