/* SHM-11, SHM-12, SHM-13: a peer that holds the key and then writes anything into its half of the rings at any
 * time, or sends frames of streams that no honest sender sends. We send, take, read in place, collect and release
 * meanwhile: nothing outside of the ring is touched (the sanitizers watch), no wait outlasts its deadline, and no
 * stream costs more than has arrived of it. More by hand: test_run_shm_hostile_ring SECONDS SEED. */
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "common/base/rng.h"
#include "common/run/shm_core.h"
#include "common/run/shm_post.h"
#include "common/run/shm_ring_word.h"
#include "common/run/shm_stream.h"
#include "tests/unit/run/shm_pair.h"

enum {
    CAPACITY = 8192,
    TIMEOUT_MS = 2,
    SLACK_MS = 2000, /* what a loaded host takes from anybody */
    PATIENT_MS = 20000,
    TURNS_MAX = 2000, /* on one channel, then a fresh one */
    HELD_MAX = 8,     /* loans that are kept for a while  */
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
    struct shm_post *post;
    struct rng rng;
    uint64_t number; /* of the last stream it has opened */
};

static struct shm_ring_ends *own_ends(const struct attack *a)
{
    return (struct shm_ring_ends *)(a->c->mine + a->c->plan.ring_at);
}

static const struct shm_ring_ends *their_ends(const struct attack *a)
{
    return (const struct shm_ring_ends *)(a->c->theirs + a->c->plan.ring_at);
}

static uint64_t strange(struct rng *rng)
{
    static const uint64_t values[] = {
        0, 1, 7, 8, 9, CAPACITY - 8, CAPACITY, CAPACITY + 8, CAPACITY / 2 - 8, CAPACITY / 2, 0x7fffffff,
        0x80000000, 0xffffffff, UINT64_C(1) << 40, UINT64_MAX - 7, UINT64_MAX};

    return rng_below(rng, 4) != 0 ? values[rng_below(rng, ARRAY_LEN(values))] : rng_next(rng);
}

/* Any word of the region, one bit or all of it. */
static void flip(struct attack *a)
{
    uint64_t *region = (uint64_t *)(a->c->mine + a->c->plan.ring_at);
    uint64_t *at = &region[rng_below(&a->rng, shm_ring_region(CAPACITY) / sizeof *region)];
    uint64_t value = rng_below(&a->rng, 2) == 0 ? *at ^ UINT64_C(1) << rng_below(&a->rng, 64) : strange(&a->rng);

    __atomic_store_n(at, value, __ATOMIC_RELAXED);
}

/* A word of any kind where the victim will look next, or a little behind. */
static void lie_about_records(struct attack *a)
{
    static const uint32_t sizes[] = {0, 8, 16, 32, 40, 100, CAPACITY / 2 - 8, CAPACITY / 2 - 7, CAPACITY - 8, CAPACITY};
    const uint8_t *data = a->c->mine + a->c->plan.ring_at + SHM_RING_ENDS;
    uint64_t head = atomic_load(&their_ends(a)->head) + 8 * rng_below(&a->rng, 16);
    uint32_t size = rng_below(&a->rng, 8) == 0 ? (uint32_t)strange(&a->rng)
                                               : sizes[rng_below(&a->rng, ARRAY_LEN(sizes))];
    enum shm_ring_kind kind = (enum shm_ring_kind)rng_below(&a->rng, 6);

    atomic_store(shm_ring_at(data, CAPACITY, head), shm_ring_word(kind, size, (uint32_t)rng_below(&a->rng, 1 << 24)));
}

/* How far it has read, and what it waits for: what an honest reader might say, for a while, then a lie that stays. */
static void lie_about_room(struct attack *a)
{
    uint64_t tail = atomic_load(&their_ends(a)->tail), head = atomic_load(&own_ends(a)->head);
    uint64_t lies[] = {tail + 8, tail + 1, head - 8, head > 0 ? 0 : UINT64_MAX, strange(&a->rng)};

    if (rng_below(&a->rng, 100000) == 0) {
        atomic_store(&own_ends(a)->wants, strange(&a->rng));
        atomic_store(&own_ends(a)->head, lies[rng_below(&a->rng, ARRAY_LEN(lies))]);
        (void)usleep(20000);
    } else if (head <= tail) {
        atomic_store(&own_ends(a)->head, head + 8 * rng_below(&a->rng, (tail - head) / 8 + 1));
    }
}

/* A message that the ring carries as it should, with a frame that may be one of a stream. */
static void send_frame(struct attack *a)
{
    uint8_t bytes[sizeof(struct shm_stream_frame) + 64] = {0};
    struct shm_stream_frame f = {.kind = 1 + (uint32_t)rng_below(&a->rng, 5), .number = a->number, .bytes = 0};
    size_t size = sizeof f;

    if (f.kind == SHM_STREAM_OPEN) {
        f.number = ++a->number;
        f.bytes = rng_below(&a->rng, 4) == 0 ? SHM_STREAM_BYTES_MAX : rng_below(&a->rng, 200);
        f.index = SHM_STREAM_CHUNKS_MAX;
    } else if (f.kind == SHM_STREAM_CHUNK) {
        size += rng_below(&a->rng, 65);
    } else if (f.kind == SHM_STREAM_REFUSE) {
        f.number = 1 + rng_below(&a->rng, 3);
    }
    if (rng_below(&a->rng, 64) == 0) {
        ((uint32_t *)&f)[rng_below(&a->rng, sizeof f / 4)] = (uint32_t)strange(&a->rng);
    }
    memcpy(bytes, &f, sizeof f);
    size = rng_below(&a->rng, 64) == 0 ? rng_below(&a->rng, size) : size; /* even less than a frame */
    (void)!shm_post_send(a->post, 0, bytes, (uint32_t)size, 0);
}

static void take_all(struct attack *a)
{
    struct shm_ring_loan loan;

    while (shm_post_take(a->post, 0, &loan) == ERR_OK) {
        (void)!shm_post_release(a->post, &loan);
    }
}

static void be_hostile(int socket, const struct shm_meet_config *config, uint64_t seed)
{
    struct attack a = {.number = 0};

    rng_init(&a.rng, seed);
    if (shm_meet_accept(&socket, config, PATIENT_MS, &a.c) != ERR_OK || shm_post_open(a.c, &a.post) != ERR_OK) {
        _exit(1);
    }
    /* Each way to lie has channels of its own: the coarser ones end what the finer ones live on. */
    switch (seed % 4) {
    case 0:
        for (;;) {
            send_frame(&a);
            take_all(&a);
        }
    case 1:
        for (;;) {
            lie_about_room(&a);
        }
    case 2:
        for (;;) {
            lie_about_records(&a);
            take_all(&a);
        }
    default:
        for (;;) {
            lie_about_room(&a);
            send_frame(&a);
            flip(&a);
        }
    }
}

/* ---- we ------------------------------------------------------------------------------------------- */

static uint64_t taken, sent, frames, kept_bytes, seen[ERR_COUNT];
static volatile uint64_t sum;

struct victim {
    struct shm *c;
    struct shm_post *post;
    struct rng rng;
    struct shm_streams streams;
    struct shm_ring_loan held[HELD_MAX];
    uint32_t held_count;
    uint64_t clock_ms; /* of the streams: runs as it is drawn */
};

static void let_go(struct victim *v, struct shm_stream_in *stream)
{
    struct shm_stream_kept *kept = stream->owner;

    if (kept != NULL) {
        shm_stream_kept_fini(kept);
        free(kept);
    }
    shm_stream_close(&v->streams, stream);
}

/* What a cell would do with a stream: collect it, refuse some, forget what is over. */
static void on_event(struct victim *v, enum shm_stream_event event, struct shm_stream_in *stream, const uint8_t *bytes,
                     uint64_t size)
{
    struct shm_stream_frame answer;
    struct shm_stream_kept *kept = stream != NULL ? stream->owner : NULL;

    switch (event) {
    case SHM_STREAM_EV_OPENED:
        stream->owner = calloc(1, sizeof *kept);
        if (rng_below(&v->rng, 4) == 0) {
            free(stream->owner);
            shm_stream_refuse(stream, ERR_DENIED, &answer);
            (void)!shm_post_send(v->post, 0, &answer, sizeof answer, 0);
        }
        break;
    case SHM_STREAM_EV_BYTES:
        REQUIRE(kept != NULL && shm_stream_keep(kept, stream, bytes, size) == ERR_OK, "kept");
        CHECK(kept->room <= SHM_STREAM_KEEP_MIN || kept->room <= 2 * kept->size, "%" PRIu64 " for %" PRIu64, kept->room,
              kept->size);
        kept_bytes += size;
        break;
    case SHM_STREAM_EV_ENDED:
    case SHM_STREAM_EV_ABORTED:
        CHECK(event == SHM_STREAM_EV_ABORTED || kept->size == stream->bytes, "whole");
        let_go(v, stream);
        break;
    case SHM_STREAM_EV_NONE:
    case SHM_STREAM_EV_REFUSED:
    case SHM_STREAM_EV_FULL:
        break;
    }
}

static enum err on_message(struct victim *v, const struct shm_ring_loan *loan)
{
    enum shm_stream_event event;
    struct shm_stream_in *stream;
    struct shm_stream_frame f;
    const uint8_t *at = loan->payload, *ring = v->c->theirs + v->c->plan.ring_at + SHM_RING_ENDS;

    REQUIRE(at >= ring && at + loan->size <= ring + CAPACITY && loan->size <= shm_post_max(v->post) &&
                (uintptr_t)at % SHM_RING_WORD == 0, "inside the ring, and where a record may lie");
    for (size_t i = 0; i < loan->size; i++) {
        sum += at[i];
    }
    if (loan->size < sizeof f) {
        return ERR_MALFORMED;
    }
    memcpy(&f, at, sizeof f);
    enum err e = shm_stream_receive(&v->streams, &f, loan->size - sizeof f, ++v->clock_ms, &event, &stream);
    if (e == ERR_OK) {
        frames++;
        on_event(v, event, stream, at + sizeof f, loan->size - sizeof f);
    }
    return e;
}

/* Loans go back in a drawn order. */
static void give_back(struct victim *v)
{
    while (v->held_count > 0) {
        uint32_t i = (uint32_t)rng_below(&v->rng, v->held_count);
        CHECK(shm_post_release(v->post, &v->held[i]) == ERR_OK, "goes back, whatever the peer wrote");
        CHECK(shm_post_release(v->post, &v->held[i]) == ERR_INVALID, "once");
        v->held[i] = v->held[--v->held_count];
    }
}

static bool turn(struct victim *v)
{
    static const uint8_t data[CAPACITY];
    struct shm_ring_loan loan;
    uint64_t begun_ms = now_ms();
    enum err e = ERR_OK;

    for (uint64_t more = rng_below(&v->rng, 64); more > 0 && e == ERR_OK; more--) {
        e = shm_post_send(v->post, 1, data, (uint32_t)rng_below(&v->rng, 400), 0); /* soon it is full */
    }
    e = shm_post_send(v->post, 1, data, (uint32_t)rng_below(&v->rng, 400), (uint32_t)rng_below(&v->rng, TIMEOUT_MS));
    CHECK(now_ms() - begun_ms < TIMEOUT_MS + SLACK_MS, "sending outlasts its deadline: %s", err_name(e));
    seen[e]++;
    sent += e == ERR_OK;
    bool is_good = e == ERR_OK || e == ERR_LIMIT || e == ERR_TIMEOUT;
    begun_ms = now_ms();
    e = shm_post_take(v->post, (uint32_t)rng_below(&v->rng, TIMEOUT_MS), &loan);
    CHECK(now_ms() - begun_ms < TIMEOUT_MS + SLACK_MS, "taking outlasts its deadline: %s", err_name(e));
    seen[e]++;
    if (e == ERR_OK) {
        taken++;
        v->held[v->held_count++] = loan;
        /* A cell would leave such a peer at once; look on for a while. */
        is_good = on_message(v, &loan) == ERR_OK || rng_below(&v->rng, 4) != 0;
    }
    if (v->held_count == HELD_MAX || rng_below(&v->rng, 3) == 0) {
        give_back(v);
    }
    if (rng_below(&v->rng, 64) == 0 && shm_post_arm(v->post)) {
        (void)!shm_disarm(v->c);
    }
    return is_good && (e == ERR_OK || e == ERR_LATER || e == ERR_TIMEOUT);
}

static void one_channel(struct rng *rng)
{
    struct shm_shape shape = shm_pair_shape;
    struct victim v = {.clock_ms = 1};
    int at[2];

    shape.ring_bytes = shm_post_ring_bytes(CAPACITY);
    struct shm_meet_config config = shm_pair_config(&shape);
    shm_pair_sockets(at);
    uint64_t seed = rng_next(rng);
    rng_init(&v.rng, rng_next(rng));
    pid_t child = shm_pair_fork();
    if (child == 0) {
        fd_close(&at[0]);
        be_hostile(at[1], &config, seed);
    }
    fd_close(&at[1]);
    enum err met = shm_meet_connect(&at[0], &config, PATIENT_MS, &v.c);
    if (met != ERR_OK) { /* it was quick, and wrote into its header before we looked at that */
        CHECK(met == ERR_MALFORMED || met == ERR_INVALID || met == ERR_INCOMPATIBLE, "refused for another reason: %s", err_name(met));
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        return;
    }
    REQUIRE(shm_post_open(v.c, &v.post) == ERR_OK, "met");
    for (int i = 0; i < TURNS_MAX && turn(&v); i++) {
        struct shm_stream_in *stale = shm_streams_stale(&v.streams, v.clock_ms, 500);
        if (stale != NULL) {
            let_go(&v, stale);
        }
    }
    give_back(&v);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    while (v.streams.count > 0) {
        let_go(&v, v.streams.slot[0]);
    }
    shm_streams_fini(&v.streams);
    shm_post_close(v.post);
    shm_close(v.c);
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
    printf("seed %" PRIu64 ": %" PRIu64 " channels, %" PRIu64 " sent, %" PRIu64 " taken, %" PRIu64 " frames believed, %"
           PRIu64 " bytes kept;", seed, channels, sent, taken, frames, kept_bytes);
    for (int e = 0; e < ERR_COUNT; e++) {
        if (seen[e] > 0) {
            printf(" %s %" PRIu64, err_name((enum err)e), seen[e]);
        }
    }
    printf("\n");
    CHECK(sent > 0 && taken > 0 && frames > 0 && kept_bytes > 0 && seen[ERR_MALFORMED] > 0,
          "every kind was under attack");
    return CHECK_RESULT();
}
