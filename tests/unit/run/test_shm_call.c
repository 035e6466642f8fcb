/* Calls over a channel, both ends in one thread or two: payloads at every edge, loans in place, refusals
 * with their own codes, timeouts, reverse and nested calls, slots that run out. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "common/run/shm_core.h"
#include "tests/unit/run/shm_pair.h"

enum {
    ECHO = 1,     /* the same bytes back                              */
    SIZE = 2,     /* the size, as a number; nothing is read           */
    TOO_LARGE = 3, /* an answer that does not fit                     */
    SILENT = 4,   /* the handler forgets to answer                    */
    STATUS = 5,   /* the status is the first byte's error             */
    KEEP = 6,     /* kept, answered when the test says so             */
    ADDRESS = 7,  /* where the request was read, and its answer built */
    REVERSE = 8,  /* calls back before it answers                     */
    STOP = 9,
    PATIENT_MS = 5000,
};

static struct shm_request kept;
static uint8_t large[(1 << 20) + 1];
static uint8_t answer[(1 << 20) + 1];

static enum err echo(const struct shm_request *r)
{
    void *room = shm_answer_room(r, r->size);

    if (room == NULL) {
        return ERR_INTERNAL;
    }
    memcpy(room, r->data, r->size);
    return shm_answer(r, ERR_OK, r->size);
}

static enum err say_address(const struct shm_request *r)
{
    uint64_t *room = shm_answer_room(r, 1 << 20);

    if (room == NULL) {
        return ERR_INTERNAL;
    }
    room[0] = (uint64_t)(uintptr_t)r->data;
    room[1] = (uint64_t)(uintptr_t)room;
    return shm_answer(r, ERR_OK, 1 << 20);
}

/* Calls back with one less, to the bottom. */
static enum err reverse(const struct shm_request *r)
{
    uint32_t depth = 0, below = 0;
    size_t size = sizeof below;
    struct shm *c = r->channel;
    enum err e = shm_request_copy(r, &depth);

    if (e == ERR_OK && depth > 0) {
        depth--;
        e = shm_call(c, REVERSE, &depth, sizeof depth, PATIENT_MS, &below, &size);
    }
    below++;
    return e == ERR_OK ? shm_answer_copy(r, ERR_OK, &below, sizeof below) : e;
}

static enum err handle(void *context, const struct shm_request *r)
{
    uint32_t size = (uint32_t)r->size;
    uint8_t first;

    (void)context;
    switch (r->operation) {
    case ECHO:
        return echo(r);
    case SIZE:
        return shm_answer_copy(r, ERR_OK, &size, sizeof size);
    case TOO_LARGE:
        return shm_answer_copy(r, ERR_OK, large, sizeof large);
    case SILENT:
        return ERR_OK;
    case STATUS:
        first = *(const uint8_t *)r->data;
        return (enum err)first;
    case KEEP:
        kept = *r;
        return ERR_LATER;
    case ADDRESS:
        return say_address(r);
    case REVERSE:
        return reverse(r);
    case STOP:
        shm_stop(r->channel);
        return shm_answer(r, ERR_OK, 0);
    default:
        return ERR_UNIMPLEMENTED;
    }
}

/* ---- one thread: send, let the other end take a turn, poll ---------------------------------------- */

static enum err ask(struct shm *ends[2], struct shm_session *s, uint32_t operation, const void *data,
                    size_t size, struct shm_reply *reply)
{
    void *room = shm_ask_room(s, size);

    REQUIRE(room != NULL, "room for %zu bytes", size);
    if (size > 0) {
        memcpy(room, data, size);
    }
    REQUIRE(shm_ask_send(s, operation, size) == ERR_OK, "sent");
    CHECK(shm_reply_poll(s, reply) == ERR_LATER, "nobody has answered yet");
    CHECK(shm_turn(ends[1]) == 1, "one request is taken");
    return shm_reply_poll(s, reply);
}

static void payloads_of_every_size_come_back(void)
{
    static const size_t sizes[] = {0,   1,   47,  48,   49,   63,        64,           65,     239,
                                   240, 241, 242, 4095, 4096, (1 << 20) - 1, 1 << 20};
    struct shm *ends[2];
    struct shm_session s;
    struct shm_reply reply;

    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[1], handle, NULL);
    REQUIRE(shm_session_open(ends[0], &s) == ERR_OK, "a slot");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        memset(large, (int)i + 1, sizes[i]);
        enum err e = ask(ends, &s, ECHO, large, sizes[i], &reply);
        CHECK(e == ERR_OK && reply.is_answered && reply.size == sizes[i], "%zu bytes: %s", sizes[i], err_name(e));
        CHECK(shm_reply_copy(&s, &reply, answer) == ERR_OK && memcmp(answer, large, sizes[i]) == 0,
              "%zu bytes are the same", sizes[i]);
    }
    CHECK(shm_payload_max(ends[0]) == 1 << 20, "the largest is a loan");
    CHECK(shm_ask_room(&s, (1 << 20) + 1) == NULL, "one more has no room");
    CHECK(shm_ask(&s, ECHO, large, sizeof large, 0, &reply) == ERR_LIMIT &&
              reply.fault == SHM_FAULT_OVERSIZE_REQUEST && !reply.is_answered, "and says so");
    shm_session_close(&s);
    shm_pair_close(ends);
}

static void every_refusal_has_its_own_code(void)
{
    static const uint8_t statuses[] = {ERR_DENIED, ERR_TIMEOUT, ERR_LIMIT, ERR_INTERNAL};
    static const struct {
        uint32_t operation;
        enum err e;
        enum shm_fault fault;
        const char *why;
    } rows[] = {
        {99, ERR_UNIMPLEMENTED, SHM_FAULT_UNKNOWN_TYPE, "an operation nobody serves"},
        {TOO_LARGE, ERR_LIMIT, SHM_FAULT_OVERSIZE_RESPONSE, "an answer without room"},
        {SILENT, ERR_INTERNAL, SHM_FAULT_HANDLER, "a handler that says nothing"},
    };
    struct shm *ends[2];
    struct shm_session s;
    struct shm_reply reply;
    struct shm_counters mine, theirs;

    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[1], handle, NULL);
    REQUIRE(shm_session_open(ends[0], &s) == ERR_OK, "a slot");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err e = ask(ends, &s, rows[i].operation, NULL, 0, &reply);
        CHECK(e == rows[i].e && reply.fault == rows[i].fault && !reply.is_answered && reply.size == 0,
              "%s: %s", rows[i].why, err_name(e));
        shm_chan_counters(ends[0], &mine, &theirs);
        CHECK(theirs.refused[rows[i].fault] == 1, "%s: counted", rows[i].why);
    }
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        enum err e = ask(ends, &s, STATUS, &statuses[i], 1, &reply);
        CHECK(e == (enum err)statuses[i] && reply.is_answered && reply.fault == SHM_FAULT_NONE,
              "the handler's own error is an answer: %s", err_name(e));
    }
    shm_handler(ends[1], NULL, NULL);
    CHECK(ask(ends, &s, ECHO, NULL, 0, &reply) == ERR_UNIMPLEMENTED, "nobody serves at all");
    shm_session_close(&s);
    shm_pair_close(ends);
}

/* Numbers on the wire that no honest peer writes: each is an error, and none an empty success. */
static void a_status_that_nobody_set_is_a_fault(void)
{
    static const struct {
        uint32_t tag, size;
        enum err e;
        const char *why;
    } rows[] = {
        {0, 0, ERR_FAULT, "the status was forgotten"},
        {12345, 0, ERR_FAULT, "a status of the future"},
        {11, 0, ERR_FAULT, "LATER is never sent"},
        {1, 0x80000000u, ERR_MALFORMED, "INT_MIN bytes"},
        {1, 241, ERR_MALFORMED, "one byte more than the slot has"},
        {1, 0x80100001u, ERR_LIMIT, "one byte more than the loan has"},
        {1, 0x80100000u, ERR_OK, "all of the loan"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct shm *ends[2];
        struct shm_session s;
        struct shm_reply reply;
        shm_pair_open(ends, &shm_pair_shape);
        shm_handler(ends[1], handle, NULL);
        REQUIRE(shm_session_open(ends[0], &s) == ERR_OK && shm_ask_room(&s, 0) != NULL &&
                    shm_ask_send(&s, ECHO, 0) == ERR_OK && shm_turn(ends[1]) == 1, "asked and answered");
        shm_core_response(ends[1], s.slot)->tag = rows[i].tag;
        shm_core_response(ends[1], s.slot)->size = rows[i].size;
        enum err e = shm_reply_poll(&s, &reply);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        shm_session_close(&s);
        shm_pair_close(ends);
    }
}

/* SHM-14: what is built is what is read: the other process's address differs, the bytes do not move. */
static void loans_are_built_and_read_in_place(void)
{
    struct shm *ends[2];
    struct shm_session s;
    struct shm_reply reply;

    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[1], handle, NULL);
    REQUIRE(shm_session_open(ends[0], &s) == ERR_OK, "a slot");
    uint8_t *room = shm_ask_room(&s, 1 << 20);
    REQUIRE(room != NULL, "a loan");
    room[0] = 1;
    REQUIRE(shm_ask_send(&s, ADDRESS, 1 << 20) == ERR_OK && shm_turn(ends[1]) == 1, "asked");
    REQUIRE(shm_reply_poll(&s, &reply) == ERR_OK && reply.size == 1 << 20, "answered");
    uint64_t at[2];
    memcpy(at, reply.data, sizeof at);
    const uint8_t *read_there = (const uint8_t *)(uintptr_t)at[0];
    uint8_t *built_there = (uint8_t *)(uintptr_t)at[1];
    room[12345] = 77; /* one memory under two addresses: what is written here is there */
    CHECK(read_there[12345] == 77, "the request was read where it was built");
    built_there[54321] = 88;
    CHECK(((const uint8_t *)reply.data)[54321] == 88, "the answer is read where it was built");
    shm_session_close(&s);
    shm_pair_close(ends);
}

static void use_after_release_is_refused(void)
{
    struct shm *ends[2];
    struct shm_session s;
    struct shm_reply first, second;
    char out[8];

    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[1], handle, NULL);
    REQUIRE(shm_session_open(ends[0], &s) == ERR_OK, "a slot");
    CHECK(shm_ask_send(&s, ECHO, 0) == ERR_PRECONDITION, "no room was taken");
    CHECK(shm_reply_poll(&s, &first) == ERR_PRECONDITION, "nothing was asked");
    CHECK(shm_reply_wait(&s, 0, &first) == ERR_PRECONDITION, "nor waited for");
    REQUIRE(ask(ends, &s, ECHO, "abc", 4, &first) == ERR_OK, "asked");
    CHECK(shm_reply_copy(&s, &first, out) == ERR_OK, "still ours");
    CHECK(shm_ask_send(&s, ECHO, 0) == ERR_PRECONDITION, "a room serves once");
    REQUIRE(ask(ends, &s, KEEP, "abc", 4, &second) == ERR_LATER, "asked again, kept");
    CHECK(shm_reply_copy(&s, &first, out) == ERR_PRECONDITION, "the first answer is given back");
    CHECK(shm_ask_room(&s, 4) == NULL, "a request is out");
    CHECK(shm_answer_copy(&kept, ERR_OK, "x", 1) == ERR_OK, "answered later");
    CHECK(shm_answer_copy(&kept, ERR_OK, "x", 1) == ERR_PRECONDITION, "but not twice");
    CHECK(shm_answer_room(&kept, 1) == NULL, "nor built again");
    CHECK(shm_request_copy(&kept, out) == ERR_PRECONDITION, "nor read");
    CHECK(shm_reply_poll(&s, &second) == ERR_OK && second.size == 1, "the answer came");
    shm_session_close(&s);
    CHECK(shm_reply_copy(&s, &second, out) == ERR_PRECONDITION, "after the session");
    shm_pair_close(ends);
}

/* SHM-8, in slow motion. */
static void a_late_answer_completes_nothing(void)
{
    struct shm *ends[2];
    struct shm_session s, other;
    struct shm_reply reply;
    struct shm_counters mine, theirs;
    char out[8];

    shm_pair_open(ends, &(struct shm_shape){1, 256, 4096, 0});
    shm_handler(ends[1], handle, NULL);
    REQUIRE(shm_session_open(ends[0], &s) == ERR_OK, "the slot");
    REQUIRE(ask(ends, &s, KEEP, "old", 4, &reply) == ERR_LATER, "asked");
    CHECK(shm_reply_wait(&s, 0, &reply) == ERR_TIMEOUT && !reply.is_answered, "the time is over");
    CHECK(shm_ask_room(&s, 4) == NULL, "the memory may still be read: no room");
    shm_session_close(&s);
    CHECK(shm_session_open(ends[0], &other) == ERR_LIMIT, "nor a slot");
    CHECK(shm_request_copy(&kept, out) == ERR_CANCELLED, "the handler can see it");
    CHECK(shm_answer_copy(&kept, ERR_OK, "late", 5) == ERR_CANCELLED, "the answer is dropped");
    REQUIRE(shm_session_open(ends[0], &other) == ERR_OK, "the slot is back");
    REQUIRE(ask(ends, &other, ECHO, "new", 4, &reply) == ERR_OK, "asked");
    CHECK(shm_reply_copy(&other, &reply, out) == ERR_OK && strcmp(out, "new") == 0, "its own answer");
    shm_chan_counters(ends[1], &mine, &theirs);
    CHECK(mine.late == 1 && theirs.timeouts == 1, "both sides count it");
    shm_session_close(&other);
    shm_pair_close(ends);
}

static void a_closed_session_takes_its_request_back(void)
{
    struct shm *ends[2];
    struct shm_session s[4], more;
    struct shm_reply reply;

    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[1], handle, NULL);
    for (int i = 0; i < 4; i++) {
        REQUIRE(shm_session_open(ends[0], &s[i]) == ERR_OK, "slot %d", i);
    }
    CHECK(shm_session_open(ends[0], &more) == ERR_LIMIT, "one more than there are");
    for (int i = 0; i < 4; i++) {
        void *room = shm_ask_room(&s[i], 4096);
        REQUIRE(room != NULL, "room");
        shm_ask_filling(&s[i]);
        if (i % 2 == 0) {
            REQUIRE(shm_ask_send(&s[i], ECHO, 4096) == ERR_OK, "sent");
        }
        shm_session_close(&s[i]);
    }
    CHECK(shm_session_open(ends[0], &more) == ERR_LIMIT, "not released yet");
    CHECK(shm_turn(ends[1]) == 0, "nothing is left to serve");
    for (int i = 0; i < 4; i++) {
        REQUIRE(shm_session_open(ends[0], &s[i]) == ERR_OK, "slot %d is back", i);
        CHECK(ask(ends, &s[i], ECHO, "x", 1, &reply) == ERR_OK, "and works");
        shm_session_close(&s[i]);
    }
    shm_pair_close(ends);
}

/* ---- two threads ---------------------------------------------------------------------------------- */

static void *server(void *end)
{
    enum err e = shm_serve(end, PATIENT_MS);

    CHECK(e == ERR_OK, "the server was stopped: %s", err_name(e));
    return NULL;
}

static void calls_reach_into_one_another(void)
{
    struct shm *ends[2];
    pthread_t thread;
    uint32_t depth, got = 0;
    size_t size = sizeof got;

    shm_pair_open(ends, &(struct shm_shape){16, 256, 4096, 0});
    shm_handler(ends[0], handle, NULL);
    shm_handler(ends[1], handle, NULL);
    REQUIRE(pthread_create(&thread, NULL, server, ends[1]) == 0, "a thread");
    for (depth = 0; depth < 2 * SHM_DEPTH_MAX; depth++) {
        enum err e = shm_call(ends[0], REVERSE, &depth, sizeof depth, PATIENT_MS, &got, &size);
        CHECK(e == ERR_OK && got == depth + 1, "%u calls inside one another: %s %u", depth + 1, err_name(e), got);
    }
    depth = 2 * SHM_DEPTH_MAX;
    CHECK(shm_call(ends[0], REVERSE, &depth, sizeof depth, PATIENT_MS, &got, &size) == ERR_LIMIT,
          "one deeper is refused, not deadlocked");
    CHECK(shm_call(ends[0], STOP, NULL, 0, PATIENT_MS, &got, &size) == ERR_OK, "and all goes on");
    pthread_join(thread, NULL);
    shm_pair_close(ends);
}

static void too_few_slots_are_an_error_not_a_deadlock(void)
{
    struct shm *ends[2];
    pthread_t thread;
    uint32_t depth = 5, got = 0;
    size_t size = sizeof got;

    shm_pair_open(ends, &(struct shm_shape){2, 256, 4096, 0});
    shm_handler(ends[0], handle, NULL);
    shm_handler(ends[1], handle, NULL);
    REQUIRE(pthread_create(&thread, NULL, server, ends[1]) == 0, "a thread");
    CHECK(shm_call(ends[0], REVERSE, &depth, sizeof depth, PATIENT_MS, &got, &size) == ERR_LIMIT,
          "the slots run out");
    depth = 3; /* two of ours, two of theirs */
    CHECK(shm_call(ends[0], REVERSE, &depth, sizeof depth, PATIENT_MS, &got, &size) == ERR_OK && got == 4,
          "as deep as the slots reach");
    CHECK(shm_call(ends[0], STOP, NULL, 0, PATIENT_MS, &got, &size) == ERR_OK, "and all goes on");
    pthread_join(thread, NULL);
    shm_pair_close(ends);
}

static void *ask_in_vain(void *context)
{
    struct shm_session s;
    struct shm_reply reply;
    enum { SHORT_MS = 30 };

    REQUIRE(shm_session_open(context, &s) == ERR_OK, "a slot");
    CHECK(shm_ask(&s, ECHO, NULL, 0, SHORT_MS, &reply) == ERR_TIMEOUT, "nobody serves there");
    shm_session_close(&s);
    return NULL;
}

/* Whoever waits for an answer has the right to serve, and gives it back. */
static void a_server_starts_beside_a_waiting_caller(void)
{
    struct shm *ends[2];
    pthread_t thread;
    char none;
    size_t size = 0;

    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[0], handle, NULL);
    REQUIRE(pthread_create(&thread, NULL, ask_in_vain, ends[0]) == 0, "a caller");
    struct shm_counters mine = {0}, theirs;
    while (mine.calls == 0) { /* it ends by itself after SHORT_MS at the latest */
        (void)sched_yield();
        shm_chan_counters(ends[0], &mine, &theirs);
    }
    CHECK(shm_serve(ends[0], 60) == ERR_TIMEOUT, "the server waits its turn, then serves");
    pthread_join(thread, NULL);
    REQUIRE(pthread_create(&thread, NULL, server, ends[0]) == 0, "a server");
    enum err e = shm_call(ends[1], STOP, NULL, 0, PATIENT_MS, &none, &size);
    CHECK(e == ERR_OK, "and answers: %s", err_name(e));
    pthread_join(thread, NULL);
    shm_pair_close(ends);
}

struct caller {
    struct shm *c;
    uint32_t first;
};

static void *call_often(void *context)
{
    const struct caller *caller = context;
    enum { CALLS = 300 };

    for (uint32_t i = 0; i < CALLS; i++) {
        uint32_t number = caller->first + i, got = 0;
        size_t size = sizeof got;
        enum err e = shm_call(caller->c, ECHO, &number, sizeof number, PATIENT_MS, &got, &size);
        CHECK(e == ERR_OK && got == number, "call %u: %s, answer %u", number, err_name(e), got);
    }
    return NULL;
}

static void threads_get_their_own_answers(void)
{
    struct shm *ends[2];
    pthread_t thread, callers[4];
    struct caller caller[4];
    char none;
    size_t size = 0;

    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[1], handle, NULL);
    REQUIRE(pthread_create(&thread, NULL, server, ends[1]) == 0, "a server");
    for (uint32_t i = 0; i < 4; i++) {
        caller[i] = (struct caller){ends[0], 1000000 * i};
        REQUIRE(pthread_create(&callers[i], NULL, call_often, &caller[i]) == 0, "caller %u", i);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(callers[i], NULL);
    }
    CHECK(shm_call(ends[0], STOP, NULL, 0, PATIENT_MS, &none, &size) == ERR_OK, "stopped");
    pthread_join(thread, NULL);
    shm_pair_close(ends);
}

static void busy_rounds_make_no_system_call(void)
{
    struct shm *ends[2];
    pthread_t thread;
    struct shm_counters mine, theirs;
    char out[64] = {0};
    size_t size = sizeof out;
    enum { ROUNDS = 2000 };

    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[1], handle, NULL);
    REQUIRE(pthread_create(&thread, NULL, server, ends[1]) == 0, "a thread");
    for (int i = 0; i < ROUNDS; i++) {
        REQUIRE(shm_call(ends[0], ECHO, out, sizeof out, PATIENT_MS, out, &size) == ERR_OK, "round %d", i);
    }
    CHECK(shm_call(ends[0], STOP, NULL, 0, PATIENT_MS, out, &size) == ERR_OK, "stopped");
    pthread_join(thread, NULL);
    shm_chan_counters(ends[0], &mine, &theirs);
    CHECK(mine.calls == ROUNDS + 1 && theirs.answers == ROUNDS + 1, "all counted");
    CHECK(mine.wakes <= theirs.sleeps && theirs.wakes <= mine.sleeps,
          "a wake only for a sleeper: %lu of %lu, %lu of %lu", (unsigned long)mine.wakes,
          (unsigned long)theirs.sleeps, (unsigned long)theirs.wakes, (unsigned long)mine.sleeps);
    CHECK(mine.wakes + mine.elided >= mine.calls, "each call woke or did not need to");
    shm_pair_close(ends);
}

static void a_closed_end_is_told(void)
{
    struct shm *ends[2];
    struct shm_session s;
    struct shm_reply reply;

    shm_pair_open(ends, &shm_pair_shape);
    REQUIRE(shm_session_open(ends[0], &s) == ERR_OK, "a slot");
    REQUIRE(shm_ask_room(&s, 0) != NULL && shm_ask_send(&s, ECHO, 0) == ERR_OK, "asked");
    shm_close(ends[1]);
    CHECK(shm_reply_wait(&s, PATIENT_MS, &reply) == ERR_UNAVAILABLE, "the peer left in good order");
    CHECK(shm_ask_room(&s, 0) != NULL && shm_ask_send(&s, ECHO, 0) == ERR_UNAVAILABLE, "so it stays");
    CHECK(shm_serve(ends[0], 0) == ERR_UNAVAILABLE, "for a server too");
    shm_session_close(&s);
    shm_close(ends[0]);
}

static void a_loop_is_told_by_a_descriptor(void)
{
    struct shm *ends[2];
    struct shm_session s;
    struct shm_reply reply;
    struct pollfd at = {.events = POLLIN};

    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[1], handle, NULL);
    at.fd = shm_fd(ends[1]);
    REQUIRE(at.fd >= 0 && at.fd == shm_fd(ends[1]), "one descriptor");
    REQUIRE(shm_session_open(ends[0], &s) == ERR_OK, "a slot");
    CHECK(shm_arm(ends[1]), "nothing is there: sleep");
    CHECK(poll(&at, 1, 0) == 0, "and nothing wakes");
    REQUIRE(shm_ask_room(&s, 0) != NULL && shm_ask_send(&s, SIZE, 0) == ERR_OK, "asked");
    CHECK(poll(&at, 1, PATIENT_MS) == 1, "woken");
    CHECK(shm_disarm(ends[1]) == ERR_OK && shm_turn(ends[1]) == 1, "served");
    CHECK(poll(&at, 1, 0) == 0, "the sign is taken");
    CHECK(shm_arm(ends[0]) == false, "the answer is there already: do not sleep");
    CHECK(shm_disarm(ends[0]) == ERR_OK && shm_reply_poll(&s, &reply) == ERR_OK, "taken");
    REQUIRE(shm_ask_room(&s, 0) != NULL && shm_ask_send(&s, SIZE, 0) == ERR_OK, "asked while awake");
    CHECK(poll(&at, 1, 0) == 0, "no sign for who is awake");
    CHECK(shm_arm(ends[1]) == false && shm_turn(ends[1]) == 1, "arming finds it");
    CHECK(shm_disarm(ends[1]) == ERR_OK && shm_arm(ends[1]), "armed again");
    shm_session_close(&s);
    shm_close(ends[0]);
    CHECK(poll(&at, 1, PATIENT_MS) == 1 && shm_disarm(ends[1]) == ERR_UNAVAILABLE, "closed");
    shm_close(ends[1]);
}

int main(void)
{
    payloads_of_every_size_come_back();
    every_refusal_has_its_own_code();
    a_status_that_nobody_set_is_a_fault();
    loans_are_built_and_read_in_place();
    use_after_release_is_refused();
    a_late_answer_completes_nothing();
    a_closed_session_takes_its_request_back();
    calls_reach_into_one_another();
    too_few_slots_are_an_error_not_a_deadlock();
    a_server_starts_beside_a_waiting_caller();
    threads_get_their_own_answers();
    busy_rounds_make_no_system_call();
    a_closed_end_is_told();
    a_loop_is_told_by_a_descriptor();
    return CHECK_RESULT();
}
