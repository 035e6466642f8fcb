/* SHM-11: kill -9 of the process at either end of a byte ring, at any moment. The survivor gets
 * everything that was committed, whole and in order, then the truth, and never waits for the dead.
 *
 *   test_run_shm_ring_crash [SEED [ROUNDS]] */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "tests/support/check.h"
#include "tests/unit/run/ring_kit.h"

enum {
    CAPACITY = 4 * SHM_RING_CAPACITY_MIN,
#ifdef __SANITIZE_THREAD__
    WRITERS = 1, /* what orders two writers' turns goes through the other process, unseen by it */
#else
    WRITERS = 2,
#endif
    SIZE_MAX_DRAWN = 200,
};

/* What a process that will be killed has said about itself, in memory that outlives it. */
struct witness {
    _Atomic uint64_t committed[WRITERS]; /* messages whose commit has returned */
    _Atomic uint64_t taken;
};

static struct witness *witness;
static struct ring_kit kit;

struct writer {
    uint32_t number;
    uint64_t seed;
};

/* Message `n` of a writer: its number, then bytes that tell it is whole. */
static void *write_for_ever(void *arg)
{
    struct writer *w = arg;
    struct shm_ring_room room;
    struct rng r;

    rng_init(&r, w->seed);
    for (uint64_t n = 0;; n++) {
        uint32_t size = (uint32_t)(sizeof n + rng_below(&r, SIZE_MAX_DRAWN));
        while (shm_ring_reserve(&kit.out, size, &room) == ERR_LIMIT) {
            (void)sched_yield();
        }
        memcpy(room.payload, &n, sizeof n);
        ring_kit_fill((uint8_t *)room.payload + sizeof n, size - (uint32_t)sizeof n, n);
        if (rng_below(&r, 10) == 0) {
            shm_ring_abort(&kit.out, &room);
            n--;
            continue;
        }
        shm_ring_commit(&kit.out, &room, size, w->number);
        atomic_store(&witness->committed[w->number], n + 1);
    }
    return NULL;
}

static pid_t start(void (*what)(uint64_t), uint64_t seed)
{
    pid_t parent = getpid(), child = fork();

    REQUIRE(child >= 0, "a process");
    if (child == 0) {
        /* Nothing of it may outlive the test. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent) {
            what(seed);
        }
        _exit(1);
    }
    return child;
}

static void end(pid_t child)
{
    int status;

    REQUIRE(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child, "the child ends");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "by us and by nothing else");
}

static void write_with_threads(uint64_t seed)
{
    struct writer w[WRITERS];
    pthread_t thread;

    for (uint32_t i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.number = i, .seed = seed + i};
        if (i > 0 && pthread_create(&thread, NULL, write_for_ever, &w[i]) != 0) {
            return;
        }
    }
    (void)write_for_ever(&w[0]);
}

/* Take one message, check it and give it back. */
static enum err read_one(uint64_t *expected)
{
    struct shm_ring_loan loan;
    uint64_t n;
    bool wake;
    enum err e = shm_ring_take(kit.in, &loan);

    if (e != ERR_OK) {
        return e;
    }
    REQUIRE(loan.tag < WRITERS && loan.size >= sizeof n, "of one of them");
    memcpy(&n, loan.payload, sizeof n);
    CHECK(n == expected[loan.tag], "%" PRIu64 " of writer %u, not %" PRIu64, n, loan.tag,
          expected[loan.tag]);
    expected[loan.tag]++;
    CHECK(ring_kit_is_filled((const uint8_t *)loan.payload + sizeof n,
                             loan.size - (uint32_t)sizeof n, n), "%" PRIu64 " is whole", n);
    CHECK(shm_ring_release(kit.in, &loan, &wake) == ERR_OK, "goes back");
    return ERR_OK;
}

/* A killed writer. Returns how many reservations it left open. */
static uint64_t kill_a_writer(struct rng *r)
{
    uint64_t expected[WRITERS] = {0}, turns = rng_below(r, 3000), after = 0;
    enum err e = ERR_OK;

    memset(witness, 0, sizeof *witness);
    ring_kit_open(&kit, CAPACITY, true);
    pid_t child = start(write_with_threads, rng_next(r));
    for (uint64_t got = 0; got < turns;) {
        if (read_one(expected) == ERR_OK) {
            got++;
        } else {
            (void)shm_ring_tell(kit.in);
            (void)sched_yield();
        }
    }
    end(child);
    shm_ring_in_dead(kit.in);
    while ((e = read_one(expected)) == ERR_OK) {
        after++;
    }
    CHECK(e == ERR_PEER_DEAD, "in the end: %s", err_name(e));
    for (uint32_t i = 0; i < WRITERS; i++) {
        uint64_t told = atomic_load(&witness->committed[i]);
        CHECK(expected[i] == told || expected[i] == told + 1, "writer %u: %" PRIu64 " of %" PRIu64,
              i, expected[i], told);
    }
    (void)shm_ring_tell(kit.in);
    uint64_t tail = atomic_load(&kit.in->peer->tail);
    CHECK(kit.in->next >= tail, "nothing that was reserved is left");
    ring_kit_close(&kit);
    return after;
}

static void read_for_ever(uint64_t seed)
{
    uint64_t expected[WRITERS] = {0};

    (void)seed;
    for (;;) {
        if (read_one(expected) == ERR_LATER) {
            (void)shm_ring_tell(kit.in);
        } else {
            atomic_fetch_add(&witness->taken, 1);
        }
    }
}

/* A killed reader: the writer fills the ring, waits, and is told. */
static void kill_a_reader(struct rng *r)
{
    uint64_t turns = 500 + rng_below(r, 500), n = 0;
    enum err e;

    memset(witness, 0, sizeof *witness);
    ring_kit_open(&kit, CAPACITY, true);
    pid_t child = start(read_for_ever, 0);
    while (n < turns) {
        struct shm_ring_room room;
        e = shm_ring_reserve(&kit.out, 100, &room);
        if (e == ERR_LIMIT) {
            (void)sched_yield();
            continue;
        }
        REQUIRE(e == ERR_OK, "reserve: %s", err_name(e));
        memcpy(room.payload, &n, sizeof n);
        ring_kit_fill((uint8_t *)room.payload + sizeof n, 100 - (uint32_t)sizeof n, n);
        shm_ring_commit(&kit.out, &room, 100, 0);
        n++;
    }
    end(child);
    CHECK(atomic_load(&witness->taken) > 0, "it was reading");
    while ((e = ring_kit_send(&kit, 100, 0)) == ERR_OK) {
    }
    CHECK(e == ERR_LIMIT && !shm_ring_has_room(&kit.out, 100), "nobody makes room any more");
    shm_ring_out_dead(&kit.out);
    CHECK(shm_ring_has_room(&kit.out, 100), "whoever waits stops waiting");
    CHECK(ring_kit_send(&kit, 100, 0) == ERR_PEER_DEAD, "and hears why");
    ring_kit_close(&kit);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)getpid();
    uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 150;
    uint64_t after = 0;
    struct rng r;

    printf("seed %" PRIu64 "\n", seed);
    rng_init(&r, seed);
    witness = mmap(NULL, sizeof *witness, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(witness != MAP_FAILED, "memory that outlives a child");
    for (uint64_t i = 0; i < rounds; i++) {
        after += kill_a_writer(&r);
        if (i % 10 == 0) {
            kill_a_reader(&r);
        }
    }
    printf("%" PRIu64 " messages were read from the dead\n", after);
    CHECK(after > rounds, "the killed had something in the ring");
    return CHECK_RESULT();
}
