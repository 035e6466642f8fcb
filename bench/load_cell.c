/* The bench's own cell. With `callers: N` in its config it keeps N calls to the greeter going and asks
 * again when one fails, as long as a caller's patience lasts; `pause_ms: M` lets each caller rest between
 * two calls. Told to, it hangs in a handler. */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "common/base/hist.h"
#include "common/run/cell.h"
#include "greeter.pb-c.h"
#include "load.pb-c.h"

enum {
    CALLERS_MAX = 256,
    ATTEMPT_MS = 1000,    /* of one attempt                                               */
    PATIENCE_MS = 10000,  /* of a call with all its attempts: then it has failed          */
    RETRY_MS = 5,
    GREET = 10000,
    NS_PER_S = 1000000000,
    NS_PER_MS = 1000000,
};

struct load;

/* One caller: always one call in flight. */
struct caller {
    struct load *load;
    uint64_t since_ms; /* of the call, not of the attempt */
    uint64_t since_ns;
};

struct load {
    struct cell *cell;
    struct caller caller[CALLERS_MAX];
    int callers;
    int pause_ms;
    uint64_t calls, failed, retries, slowest_us;
    char last_error[128];
    struct hist took_ns;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void attempt(struct caller *c);

static void begin(struct caller *c)
{
    c->since_ns = now_ns();
    c->since_ms = c->since_ns / NS_PER_MS;
    attempt(c);
}

static void on_retry(void *context)
{
    attempt(context);
}

static void on_rested(void *context)
{
    begin(context);
}

/* A failed attempt: try again in a moment, or give the call up and begin the next. */
static void again(struct caller *c, enum err e, const char *text)
{
    struct load *l = c->load;

    (void)snprintf(l->last_error, sizeof l->last_error, "%s: %s", err_name(e), text);
    if (now_ns() / NS_PER_MS - c->since_ms >= PATIENCE_MS) {
        l->failed++;
        c->since_ns = now_ns();
        c->since_ms = c->since_ns / NS_PER_MS;
    } else {
        l->retries++;
    }
    if (cell_timer_start(l->cell, RETRY_MS, 0, on_retry, c) == NULL) {
        l->failed++; /* this caller has ended: seen in the count of calls too */
    }
}

static void on_answer(void *context, enum err e, const struct ProtobufCMessage *reply,
                      const char *text)
{
    struct caller *c = context;

    (void)reply;
    if (e != ERR_OK) {
        again(c, e, text);
        return;
    }
    uint64_t took_ns = now_ns() - c->since_ns;
    c->load->calls++;
    hist_record(&c->load->took_ns, took_ns);
    if (took_ns / 1000u > c->load->slowest_us) {
        c->load->slowest_us = took_ns / 1000u;
    }
    if (c->load->pause_ms == 0) {
        begin(c);
    } else if (cell_timer_start(c->load->cell, (uint64_t)c->load->pause_ms, 0, on_rested, c) == NULL) {
        c->load->failed++; /* this caller has ended */
    }
}

static void attempt(struct caller *c)
{
    Cell__Greeter__GreetRequest request = CELL__GREETER__GREET_REQUEST__INIT;

    request.name = (char *)"World";
    enum err e = cell_ask(c->load->cell, &(struct cell_ask){
        .target = "greeter", .operation = GREET, .request = &request.base,
        .reply = &cell__greeter__greet_reply__descriptor, .deadline_ms = ATTEMPT_MS,
        .done = on_answer, .context = c});
    if (e != ERR_OK) {
        again(c, e, "not sent");
    }
}

static enum err load_open(struct cell *cell, void *state)
{
    struct load *l = state;

    l->cell = cell;
    hist_init(&l->took_ns);
    const char *callers = strstr(cell_config(cell), "callers:");
    const char *pause = strstr(cell_config(cell), "pause_ms:");
    bool is_good = (callers == NULL || sscanf(callers, "callers: %d", &l->callers) == 1) &&
                   (pause == NULL || sscanf(pause, "pause_ms: %d", &l->pause_ms) == 1);
    return is_good && l->callers >= 0 && l->callers <= CALLERS_MAX && l->pause_ms >= 0 ? ERR_OK
                                                                                     : ERR_INVALID;
}

static enum err load_start(struct cell *cell, void *state)
{
    struct load *l = state;

    (void)cell;
    for (int i = 0; i < l->callers; i++) {
        l->caller[i].load = l;
        begin(&l->caller[i]);
    }
    return ERR_OK;
}

static enum err load_stats(void *state, struct cell_call *call, const void *request)
{
    struct load *l = state;
    Cell__Load__StatsReply reply = CELL__LOAD__STATS_REPLY__INIT;

    const Cell__Load__StatsRequest *ask = request;
    if (ask->begin) {
        hist_init(&l->took_ns);
    }
    reply.p50_ns = hist_permille(&l->took_ns, 500);
    reply.p99_ns = hist_permille(&l->took_ns, 990);
    reply.count = l->took_ns.count;
    reply.calls = l->calls;
    reply.failed = l->failed;
    reply.retries = l->retries;
    reply.slowest_us = l->slowest_us;
    reply.last_error = l->last_error;
    return cell_reply(call, &reply);
}

/* What a handler must never do. */
static enum err load_hang(void *state, struct cell_call *call, const void *request)
{
    const Cell__Load__HangRequest *ask = request;
    const struct timespec long_time = {.tv_sec = 1000};
    volatile bool is_hanging = true;

    (void)state;
    (void)call;
    while (is_hanging) {
        if (ask->how == CELL__LOAD__HOW__HOW_SLEEP) {
            (void)nanosleep(&long_time, NULL);
        }
    }
    return ERR_OK;
}

static const struct cell_op ops[] = {
    {CELL__LOAD__OP__OP_STATS, &cell__load__stats_request__descriptor, load_stats},
    {CELL__LOAD__OP__OP_HANG, &cell__load__hang_request__descriptor, load_hang},
};

static const struct cell_syscall syscalls[] = {
    {SYS_clock_nanosleep, "the handler that sleeps"},
};

static const struct cell_def load_cell = {
    .name = "load",
    .state_size = sizeof(struct load),
    .open = load_open,
    .start = load_start,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__load__load__descriptor,
    .syscalls = syscalls,
    .syscall_count = ARRAY_LEN(syscalls),
};

int main(int argc, char **argv)
{
    return cell_main(&load_cell, argc, argv);
}
