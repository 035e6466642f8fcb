/* SHM-12: a peer that holds the key and then writes anything anywhere in its half at any time, also while
 * we read it, and sends anything on the socket. We ask, serve, copy and read in place meanwhile: nothing
 * outside the mapping is touched (the sanitizers watch), no call outlasts its deadline, and a channel
 * with an honest peer works as before. More by hand: test_run_shm_hostile SECONDS SEED. */
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "common/base/rng.h"
#include "common/run/shm_core.h"
#include "tests/unit/run/shm_pair.h"

enum {
    TIMEOUT_MS = 2,
    SLACK_MS = 2000, /* what a loaded host takes from anybody */
    PATIENT_MS = 20000,
    ATTACKS = 8, /* one in so many channels each: answers taken back; requests without end */
    ROUNDS_MAX = 200, /* calls on one channel, then a fresh one */
};

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the hostile process -------------------------------------------------------------------------- */

struct attack {
    struct shm *c;
    struct rng rng;
};

static uint64_t strange(struct rng *rng)
{
    static const uint64_t values[] = {0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, UINT64_MAX,
                                      0x800fffff, 0x80100000, 0x80100001, 240, 241};

    return rng_below(rng, 2) == 0 ? values[rng_below(rng, ARRAY_LEN(values))] : rng_next(rng);
}

/* Mostly where it hurts: words, sizes and the doorbell; sometimes one bit, sometimes a strange value. */
static void flip(struct attack *a)
{
    struct shm *c = a->c;
    uint64_t where = rng_below(&a->rng, 8), slot = rng_below(&a->rng, c->shape.slots);
    uint8_t *at = c->mine;

    if (where < 3) {
        at += c->plan.requests_at + slot * c->shape.stride + 4 * rng_below(&a->rng, 4);
    } else if (where < 5) {
        at += c->plan.responses_at + slot * c->shape.stride + 4 * rng_below(&a->rng, 4);
    } else if (where < 6) {
        at += c->plan.doorbell_at + 4 * rng_below(&a->rng, 16);
    } else {
        at += rng_below(&a->rng, c->plan.half_bytes / 4) * 4;
    }
    uint32_t *word = (uint32_t *)at;
    if (word == &c->bell->closed && rng_below(&a->rng, 64) != 0) {
        return; /* honest or not, that is the end: not at once */
    }
    uint32_t value = rng_below(&a->rng, 2) == 0 ? *word ^ (1u << rng_below(&a->rng, 32))
                                                : (uint32_t)strange(&a->rng);
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* Words that our own honest code would have published next, with a lie beside: a plausible liar. */
static void pretend(struct attack *a)
{
    struct shm *c = a->c;
    uint32_t slot = (uint32_t)rng_below(&a->rng, c->shape.slots);
    struct shm_slot_mem *mine = shm_core_response(c, slot);
    uint64_t theirs = shm_core_word(shm_core_peer_request(c, slot));

    if (rng_below(&a->rng, 2) == 0) {
        mine->size = (uint32_t)strange(&a->rng);
        mine->tag = (uint32_t)rng_below(&a->rng, 30);
        __atomic_store_n(&mine->word, shm_slot_with(theirs, (enum shm_slot_state)rng_below(&a->rng, 8)),
                         __ATOMIC_RELEASE);
        return;
    }
    mine = shm_core_request(c, slot);
    mine->size = (uint32_t)strange(&a->rng);
    mine->tag = (uint32_t)rng_below(&a->rng, 4);
    __atomic_store_n(&mine->word, shm_slot_with(mine->word + (UINT64_C(1) << SHM_SLOT_SEQUENCE_SHIFT),
                                                (enum shm_slot_state)(1 + rng_below(&a->rng, 3))),
                     __ATOMIC_RELEASE);
    __atomic_store_n(&c->bell->used, c->shape.slots, __ATOMIC_RELEASE);
}

/* Answers shown and taken back at once, for as long as the caller looks. */
static void waver(struct shm *c)
{
    for (;;) {
        for (uint32_t slot = 0; slot < c->shape.slots; slot++) {
            uint64_t *word = &shm_core_response(c, slot)->word;
            uint64_t theirs = shm_core_word(shm_core_peer_request(c, slot));
            __atomic_store_n(word, shm_slot_with(theirs, SHM_SLOT_ANSWER), __ATOMIC_RELEASE);
            __atomic_store_n(word, shm_slot_with(theirs, SHM_SLOT_DONE), __ATOMIC_RELEASE);
        }
    }
}

/* Requests without end, and no answer ever. */
static void pester(struct shm *c)
{
    for (;;) {
        struct shm_slot_mem *mine = shm_core_request(c, 1);
        mine->size = 0;
        mine->tag = 2;
        __atomic_store_n(&mine->word, shm_slot_ask(shm_slot_with(mine->word, SHM_SLOT_REST)), __ATOMIC_RELEASE);
        __atomic_store_n(&c->bell->used, 2, __ATOMIC_RELEASE);
    }
}

static void be_hostile(int socket, uint64_t seed)
{
    struct shm_meet_config config = shm_pair_config(&shm_pair_shape);
    struct attack a;

    rng_init(&a.rng, seed);
    if (shm_meet_accept(&socket, &config, PATIENT_MS, &a.c) != ERR_OK) {
        _exit(1);
    }
    switch (seed % ATTACKS) {
    case 0:
        waver(a.c);
        break;
    case 1:
        pester(a.c);
        break;
    default:
        break;
    }
    for (;;) {
        for (uint64_t i = rng_below(&a.rng, 64); i > 0; i--) {
            flip(&a);
            pretend(&a);
        }
        if (rng_below(&a.rng, 64) == 0) {
            char bytes[300] = {0};
            (void)send(a.c->socket, bytes, 1 + rng_below(&a.rng, sizeof bytes - 1), MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    }
}

/* ---- we ------------------------------------------------------------------------------------------- */

static uint64_t calls, served, refused, seen[ERR_COUNT];
static volatile uint64_t sum;

/* Read in place, every byte: an address outside the mapping would fault, one outside the region is
 * wrong. */
static void read_all(const struct shm *c, const void *data, size_t size)
{
    const uint8_t *at = data;

    CHECK(size <= shm_payload_max(c), "%zu bytes", size);
    if (size == 0) {
        return;
    }
    REQUIRE(at >= c->theirs + c->plan.requests_at && at + size <= c->theirs + c->plan.ring_at,
            "outside of where payloads lie");
    for (size_t i = 0; i < size; i += 61) {
        sum += at[i];
    }
}

static enum err handle(void *context, const struct shm_request *r)
{
    static uint8_t out[1 << 20];

    (void)context;
    served++;
    read_all(r->channel, r->data, r->size);
    (void)!shm_request_copy(r, out);
    if (r->operation == 1) {
        struct shm_session s;
        struct shm_reply reply;
        if (shm_session_open(r->channel, &s) == ERR_OK) {
            (void)!shm_ask(&s, 1, "x", 1, 0, &reply); /* nested, under attack */
            shm_session_close(&s);
        }
    }
    return r->operation == 2 ? ERR_LATER : shm_answer_copy(r, ERR_OK, out, r->size);
}

static bool ask_once(struct shm *c, struct rng *rng)
{
    static uint8_t out[1 << 20];
    static const uint8_t in[70000];
    struct shm_session s;
    struct shm_reply reply;

    if (shm_session_open(c, &s) != ERR_OK) {
        return false; /* all disowned, and a liar releases nothing */
    }
    uint64_t begun_ms = now_ms();
    size_t size = rng_below(rng, 8) == 0 ? sizeof in : rng_below(rng, 300);
    enum err e = shm_ask(&s, 3, in, size, (uint32_t)rng_below(rng, TIMEOUT_MS + 1), &reply);
    CHECK(now_ms() - begun_ms < TIMEOUT_MS + SLACK_MS, "a call outlasts its deadline");
    seen[e]++;
    calls++;
    if (reply.is_answered) {
        read_all(c, reply.data, reply.size);
        (void)!shm_reply_copy(&s, &reply, out);
    }
    shm_session_close(&s);
    return e != ERR_PEER_DEAD && e != ERR_UNAVAILABLE;
}

static void one_channel(struct rng *rng)
{
    struct shm_meet_config config = shm_pair_config(&shm_pair_shape);
    struct shm *c = NULL;
    int at[2];

    shm_pair_sockets(at);
    uint64_t seed = rng_next(rng);
    pid_t child = shm_pair_fork();
    if (child == 0) {
        fd_close(&at[0]);
        be_hostile(at[1], seed);
    }
    fd_close(&at[1]);
    enum err met = shm_meet_connect(&at[0], &config, PATIENT_MS, &c);
    if (met != ERR_OK) { /* it was quick, and wrote into its header before we looked at that */
        CHECK(met == ERR_MALFORMED || met == ERR_INVALID || met == ERR_INCOMPATIBLE, "refused for another reason: %s", err_name(met));
        refused++;
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        return;
    }
    shm_handler(c, handle, NULL);
    for (int i = 0; i < ROUNDS_MAX && ask_once(c, rng); i++) {
        (void)shm_turn(c);
        uint64_t begun_ms = now_ms();
        enum err e = shm_serve(c, (uint32_t)rng_below(rng, TIMEOUT_MS + 1));
        CHECK(now_ms() - begun_ms < TIMEOUT_MS + SLACK_MS, "serving outlasts its deadline: %s", err_name(e));
        if (shm_arm(c)) {
            (void)!shm_disarm(c);
        }
    }
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    (void)!shm_serve(c, TIMEOUT_MS);
    shm_close(c);
}

static void honest_peers_are_served_as_before(void)
{
    struct shm *ends[2];
    struct shm_session s;
    struct shm_reply reply;

    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[1], handle, NULL);
    REQUIRE(shm_session_open(ends[0], &s) == ERR_OK && shm_ask_room(&s, 0) != NULL &&
                shm_ask_send(&s, 3, 0) == ERR_OK && shm_turn(ends[1]) == 1, "asked");
    CHECK(shm_reply_poll(&s, &reply) == ERR_OK, "answered");
    shm_session_close(&s);
    shm_pair_close(ends);
}

int main(int argc, char **argv)
{
    uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 5;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    uint64_t end_ms = now_ms() + seconds * 1000, channels = 0;
    struct rng rng;

    rng_init(&rng, seed);
    while (now_ms() < end_ms) {
        one_channel(&rng);
        channels++;
    }
    honest_peers_are_served_as_before();
    printf("seed %" PRIu64 ": %" PRIu64 " channels, %" PRIu64 " calls, %" PRIu64 " served;", seed, channels, calls, served);
    for (int e = 0; e < ERR_COUNT; e++) {
        if (seen[e] > 0) {
            printf(" %s %" PRIu64, err_name((enum err)e), seen[e]);
        }
    }
    printf("\n");
    CHECK(calls > 0 && served > 0, "both ways were under attack");
    CHECK(refused * 4 < channels, "%" PRIu64 " of %" PRIu64 " were refused at the door", refused, channels);
    return CHECK_RESULT();
}
