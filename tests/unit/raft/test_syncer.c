/* The writing thread: what it says is on disk is there after a restart, in the order in which it was put; a full list and a
 * full disk are answers. All of it beside a wall clock that jumps by hours (tests/support/wall.c). */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/run/fd.h"
#include "raft/cache.h"
#include "raft/le.h"
#include "raft/syncer.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "tests/support/wall.h"

enum { SEGMENT = 1 << 16, ENTRIES = 6000 };

static const struct raft_frame_owner owner = {5, 6};
static const uint8_t founders[] = "founders";
static uint64_t term_of[ENTRIES], found_term[ENTRIES];
static uint8_t bytes[64][4096];
static atomic_bool is_full;

/* In the place of libc's: a disk that is full when the test says so. */
ssize_t pwrite(int fd, const void *from, size_t size, off_t offset)
{
    if (atomic_load(&is_full)) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, from, size, offset);
}

/* A file system that takes its time to remove a file, once. */
static atomic_bool removes_slowly;
static sem_t removes, goes_on;

int unlinkat(int dir_fd, const char *name, int flags)
{
    if (atomic_exchange(&removes_slowly, false)) {
        (void)sem_post(&removes);
        while (sem_wait(&goes_on) != 0) {
        }
    }
    return (int)syscall(SYS_unlinkat, dir_fd, name, flags);
}

/* How often the maker rested. */
static atomic_uint rests;

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict lock, const struct timespec *restrict until)
{
    int (*libc)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) = dlsym(RTLD_NEXT, "pthread_cond_timedwait");

    atomic_fetch_add(&rests, 1);
    return libc(cond, lock, until);
}

static void take(void *context, const struct raft_frame *f, const uint8_t *body, uint64_t segment, uint32_t at)
{
    (void)context;
    (void)body;
    (void)segment;
    (void)at;
    for (uint64_t i = f->first; i < ENTRIES; i++) {
        found_term[i] = i < f->first + f->count ? f->term : 0;
    }
}

static void reopen(struct raft_store *s, struct raft_wal *w, struct raft_places *p)
{
    struct raft_wal_found found;
    bool fresh;

    raft_places_fini(p);
    memset(found_term, 0, sizeof found_term);
    REQUIRE(raft_store_open(s, scratch_dir, &fresh) == ERR_OK && !fresh, "%s", s->why);
    REQUIRE(raft_store_recover(s, 0, w, p, take, NULL, &found) == ERR_OK && found.verdict == RAFT_WAL_CLEAN, "%s %s", s->why,
            found.reason);
}

/* Wait until ticket is written; adds what is done to the places. */
static void wait_for(struct raft_syncer *y, struct raft_store *s, struct raft_places *p, uint64_t ticket)
{
    for (uint64_t written = 0; written < ticket;) {
        const struct raft_syncer_done *done;
        uint32_t count;
        struct pollfd fd = {.fd = raft_syncer_fd(y), .events = POLLIN};
        REQUIRE(poll(&fd, 1, 20000) == 1, "it says when it is done");
        REQUIRE(raft_syncer_take(y, &done, &count, &written) == ERR_OK, "%s", s->why);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(done[i].kind != RAFT_SYNCER_RUN ||
                      raft_places_add(p, &done[i].frame, done[i].segment, done[i].at) == ERR_OK, "memory");
        }
    }
}

static uint32_t make(uint8_t *out, uint32_t count, uint32_t size)
{
    for (uint32_t i = 0; i < count; i++) {
        raft_le_put32(out + i * (5 + size), size);
        out[i * (5 + size) + 4] = RAFT_ENTRY_COMMAND;
        memset(out + i * (5 + size) + 5, (int)i + 1, size);
    }
    return count * (5 + size);
}

/* Runs and votes, some overwriting others, put in bursts. */
static void what_is_written_is_found(void)
{
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_syncer *y;
    struct rng r;
    uint64_t last = 0, term = 1, ticket = 0;

    rng_init(&r, 3);
    reopen(&s, &w, &p);
    REQUIRE(raft_syncer_open(&s, &w, &y) == ERR_OK, "threads");
    while (last < ENTRIES - 200) {
        uint32_t burst = 1 + (uint32_t)rng_below(&r, ARRAY_LEN(bytes));
        for (uint32_t i = 0; i < burst; i++) {
            uint64_t first = last + 1;
            if (last > 0 && rng_below(&r, 20) == 0) {
                first = last - rng_below(&r, last < 9 ? last : 9);
                term++;
            }
            struct raft_run run = {.first = first, .term = term, .count = 1 + (uint32_t)rng_below(&r, 5), .bytes = bytes[i]};
            run.size = make(bytes[i], run.count, 10 + (uint32_t)rng_below(&r, 700));
            while (!raft_syncer_has_room(y, 1, run.size)) {
                raft_syncer_go(y);
                wait_for(y, &s, &p, ticket); /* a segment is being made */
            }
            REQUIRE(raft_syncer_put(y, &(struct raft_syncer_item){.kind = RAFT_SYNCER_RUN, .run = run,
                                                                  .prev_term = term_of[first - 1]}, &ticket) == ERR_OK, "taken");
            last = first + run.count - 1;
            for (uint64_t k = first; k < ENTRIES; k++) {
                term_of[k] = k <= last ? term : 0;
            }
        }
        if (rng_below(&r, 4) == 0) {
            REQUIRE(raft_syncer_put(y, &(struct raft_syncer_item){.kind = RAFT_SYNCER_VOTE, .vote = {term, 3}}, &ticket) ==
                        ERR_OK, "a vote is taken");
        }
        raft_syncer_go(y);
        wait_for(y, &s, &p, ticket);
    }
    struct raft_syncer_numbers numbers;
    raft_syncer_count(y, &numbers);
    CHECK(numbers.segments > 3 && numbers.batches < numbers.frames, "segments are made, frames share syncs");
    struct raft_store_cursor c = {0};
    for (uint64_t i = 1; i <= last;) {
        struct raft_run run;
        REQUIRE(raft_store_read(&s, &p, &c, i, &run) == ERR_OK, "entry %llu: %s", (unsigned long long)i, s.why);
        CHECK(run.first == i && run.count > 0 && run.term == term_of[i] && run.term == term_of[i + run.count - 1],
              "entry %llu is read back", (unsigned long long)i);
        i += run.count;
    }
    for (int k = 0; k < 300; k++) { /* forth and back, and into the middle of what it holds */
        uint64_t i = 1 + rng_below(&r, last);
        struct raft_run run;
        REQUIRE(raft_store_read(&s, &p, &c, i, &run) == ERR_OK, "entry %llu: %s", (unsigned long long)i, s.why);
        CHECK(run.first == i && run.count > 0 && run.term == term_of[i] && run.term == term_of[i + run.count - 1] &&
              raft_cache_bytes(&run, run.count) == run.size, "entry %llu, wherever it read before", (unsigned long long)i);
    }
    raft_store_cursor_fini(&c);
    raft_syncer_close(y);
    uint64_t voted = s.ballot.vote.term;
    raft_store_close(&s);
    reopen(&s, &w, &p);
    CHECK(memcmp(term_of, found_term, sizeof term_of) == 0 && w.last == last, "all of it is there after a restart");
    CHECK(s.ballot.vote.term == voted && voted > 0, "the vote, too");
    raft_store_close(&s);
    raft_places_fini(&p);
}

/* On the caller's own thread, by turns with the other one. */
static void what_is_written_here_is_durable_at_once(void)
{
    enum { ROUNDS = 300 };
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_syncer *y;
    uint64_t ticket = 0, last = 0;
    uint32_t here = 0;

    reopen(&s, &w, &p);
    last = w.last;
    REQUIRE(raft_syncer_open(&s, &w, &y) == ERR_OK, "threads");
    CHECK(!raft_syncer_write_here(y), "nothing was put");
    for (uint32_t i = 0; i < ROUNDS; i++) {
        const struct raft_syncer_done *done;
        uint64_t written = 0, term = last == 0 ? 1 : w.last_term;
        uint32_t count;
        struct raft_run run = {.first = last + 1, .term = term, .count = 2, .bytes = bytes[0]};
        run.size = make(bytes[0], 2, 100);
        while (!raft_syncer_has_room(y, 1, run.size)) {
            wait_for(y, &s, &p, ticket); /* a segment is being made */
        }
        REQUIRE(raft_syncer_put(y, &(struct raft_syncer_item){.kind = RAFT_SYNCER_RUN, .run = run,
                                                              .prev_term = last == 0 ? 0 : term}, &ticket) == ERR_OK, "taken");
        last += 2;
        bool is_here = i % 3 != 1 && raft_syncer_write_here(y);
        while (i == 0 && !is_here) { /* nothing was slow yet: as soon as the other thread has come to its sleep */
            (void)poll(NULL, 0, 1);
            is_here = raft_syncer_write_here(y);
        }
        if (is_here) {
            here++;
            REQUIRE(raft_syncer_take(y, &done, &count, &written) == ERR_OK && written == ticket && count == 1, "%s", s.why);
            CHECK(raft_places_add(&p, &done->frame, done->segment, done->at) == ERR_OK, "memory");
        } else {
            raft_syncer_go(y);
            wait_for(y, &s, &p, ticket);
        }
    }
    printf("written here: %u of %d; fewer where a sync takes longer than %d us\n", here, ROUNDS, RAFT_SYNCER_SLOW_US);
    raft_syncer_close(y);
    raft_store_close(&s);
    reopen(&s, &w, &p);
    CHECK(w.last == last, "all of it is there after a restart: %llu of %llu", (unsigned long long)w.last,
          (unsigned long long)last);
    raft_store_close(&s);
    raft_places_fini(&p);
}

/* A vote that a slow disk takes its time for: whoever has entries to put, and heartbeats to send, goes on meanwhile. */
static void nobody_waits_for_a_vote(void)
{
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_syncer *y;
    uint64_t ticket = 0;

    reopen(&s, &w, &p);
    REQUIRE(raft_syncer_open(&s, &w, &y) == ERR_OK, "threads");
    struct raft_run run = {.first = w.last + 1, .term = w.last_term, .count = 1, .bytes = bytes[0]};
    run.size = make(bytes[0], 1, 100);
    while (!raft_syncer_has_room(y, 1, run.size)) {
        wait_for(y, &s, &p, ticket); /* a segment is being made */
    }
    (void)alarm(30); /* who waits does so for ever */
    (void)pthread_mutex_lock(&s.ballot_lock);
    REQUIRE(raft_syncer_put(y, &(struct raft_syncer_item){.kind = RAFT_SYNCER_VOTE, .vote = {w.last_term + 1, 3}}, &ticket) ==
                ERR_OK, "a vote is taken");
    raft_syncer_go(y);
    CHECK(raft_syncer_has_room(y, 1, run.size), "there is room");
    REQUIRE(raft_syncer_put(y, &(struct raft_syncer_item){.kind = RAFT_SYNCER_RUN, .run = run, .prev_term = w.last_term}, &ticket) ==
                ERR_OK, "entries are taken");
    raft_store_retire(&s, 0);
    (void)poll(NULL, 0, 100); /* it had time to be written all the same */
    CHECK(s.ballot.vote.term <= w.last_term, "whoever writes a vote has the ballot for as long, and nothing else");
    (void)pthread_mutex_unlock(&s.ballot_lock);
    raft_syncer_go(y);
    wait_for(y, &s, &p, ticket);
    (void)alarm(0);
    raft_syncer_close(y);
    raft_store_close(&s);
    raft_places_fini(&p);
}

static void a_full_list_is_an_answer(void)
{
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_syncer *y;
    uint64_t ticket = 0;
    uint32_t taken = 0;

    reopen(&s, &w, &p);
    REQUIRE(raft_syncer_open(&s, &w, &y) == ERR_OK, "threads");
    struct raft_syncer_item vote = {.kind = RAFT_SYNCER_VOTE, .vote = {s.ballot.vote.term + 1, 1}};
    while (raft_syncer_put(y, &vote, &ticket) == ERR_OK && taken < 2 * RAFT_SYNCER_ITEMS) {
        taken++;
    }
    CHECK(taken == RAFT_SYNCER_ITEMS, "%u things gather", taken);
    uint64_t bytes_left = 4 * (uint64_t)SEGMENT;
    CHECK(!raft_syncer_has_room(y, 1, bytes_left), "there is no room for more than the spares have");
    raft_syncer_close(y); /* without a go: nothing of it is written */
    raft_store_close(&s);
    raft_places_fini(&p);
}

/* What waits for room looks again soon, whoever sets the wall clock meanwhile. */
static void a_disk_with_room_again_is_found(void)
{
    enum { PATIENCE_MS = 10000 };
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_syncer *y;
    int waited_ms = 0;

    reopen(&s, &w, &p);
    atomic_store(&is_full, true);
    atomic_store(&wall_ahead_s, 3600);
    REQUIRE(raft_syncer_open(&s, &w, &y) == ERR_OK, "threads");
    for (; !raft_syncer_is_full(y) && waited_ms < PATIENCE_MS; waited_ms++) {
        (void)poll(NULL, 0, 1);
    }
    CHECK(raft_syncer_is_full(y), "it says that there is no room");
    atomic_store(&wall_ahead_s, -3600);
    atomic_store(&is_full, false);
    for (waited_ms = 0; raft_syncer_is_full(y) && waited_ms < PATIENCE_MS; waited_ms++) {
        (void)poll(NULL, 0, 1);
    }
    CHECK(!raft_syncer_is_full(y), "it finds out that there is room");
    raft_syncer_close(y);
    raft_store_close(&s);
    raft_places_fini(&p);
}

/* Of a member that catches up: a third of a segment at once, before there is a spare. */
static void a_log_that_runs_has_its_next_segment_soon(void)
{
    enum { LARGE = 4 << 20, PIECES = LARGE / (256 << 10), RUN = 64 << 10, RUNS = 22 };
    static uint8_t run_bytes[RUN];
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_wal_found found;
    struct raft_syncer *y;
    char place[512];
    uint64_t ticket = 0;
    bool fresh, writes_here = false;

    (void)snprintf(place, sizeof place, "%s/large", scratch_dir);
    REQUIRE(mkdir(place, 0700) == 0 && raft_store_open(&s, place, &fresh) == ERR_OK && fresh, "%s", s.why);
    REQUIRE(raft_store_create(&s, &owner, founders, sizeof founders, LARGE) == ERR_OK, "%s", s.why);
    raft_store_close(&s);
    REQUIRE(raft_store_open(&s, place, &fresh) == ERR_OK, "%s", s.why);
    REQUIRE(raft_store_recover(&s, 0, &w, &p, take, NULL, &found) == ERR_OK, "%s", s.why);
    atomic_store(&is_full, true); /* the maker comes back after half a second */
    REQUIRE(raft_syncer_open(&s, &w, &y) == ERR_OK, "threads");
    for (uint64_t i = 1; i <= RUNS; i++) {
        struct raft_run run = {.first = i, .term = 1, .count = 1, .size = make(run_bytes, 1, RUN - 5), .bytes = run_bytes};
        REQUIRE(raft_syncer_put(y, &(struct raft_syncer_item){.kind = RAFT_SYNCER_RUN, .run = run, .prev_term = i > 1}, &ticket) ==
                    ERR_OK, "run %llu is taken", (unsigned long long)i);
        for (int tries = 0; i == 1 && !writes_here && tries < 100; tries++) { /* not before its writer is there, nor to a slow disk */
            writes_here = raft_syncer_write_here(y);
            (void)poll(NULL, 0, 1);
        }
    }
    CHECK(!writes_here || !raft_syncer_write_here(y), "much is not waited for, where little was");
    raft_syncer_go(y);
    wait_for(y, &s, &p, ticket);
    CHECK(!raft_syncer_has_room(y, 1, LARGE - RUNS * RUN), "no spare yet");
    atomic_store(&rests, 0);
    atomic_store(&is_full, false);
    struct raft_syncer_numbers numbers = {0};
    for (int waited_ms = 0; numbers.segments == 0 && waited_ms < 20000; waited_ms++) {
        (void)poll(NULL, 0, 1);
        raft_syncer_count(y, &numbers);
    }
    struct pollfd fd = {.fd = raft_syncer_fd(y), .events = POLLIN};
    CHECK(poll(&fd, 1, 0) == 1 && raft_syncer_has_room(y, 1, LARGE - RUNS * RUN), "it says when there is a segment");
    CHECK(atomic_load(&rests) <= PIECES - PIECES / 3, "%u rests of %d", atomic_load(&rests), PIECES);
    raft_syncer_close(y);
    raft_store_close(&s);
    raft_places_fini(&p);
}

/* What a snapshot made needless is removed, which takes long, and the log goes on meanwhile. */
static void nobody_waits_for_what_is_removed(void)
{
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_syncer *y;
    uint64_t ticket = 0, oldest;

    reopen(&s, &w, &p);
    oldest = s.oldest;
    uint64_t needed = raft_places_cut(&p, w.last - 1);
    REQUIRE(needed > oldest + 2 * ARRAY_LEN(s.retired), "segments from %llu to %llu may go", (unsigned long long)oldest, (unsigned long long)needed);
    REQUIRE(raft_syncer_open(&s, &w, &y) == ERR_OK, "threads");
    struct raft_run run = {.first = w.last + 1, .term = w.last_term, .count = 1, .bytes = bytes[0]};
    run.size = make(bytes[0], 1, 100);
    while (!raft_syncer_has_room(y, 1, run.size)) {
        wait_for(y, &s, &p, ticket); /* a segment is being made */
    }
    (void)poll(NULL, 0, 100); /* whoever makes segments sleeps by then */
    (void)alarm(30);          /* who waits does so for ever */
    atomic_store(&removes_slowly, true);
    raft_syncer_retire(y, needed);
    while (sem_wait(&removes) != 0) {
    }
    raft_syncer_retire(y, needed);
    CHECK(raft_syncer_has_room(y, 1, run.size), "there is room");
    REQUIRE(raft_syncer_put(y, &(struct raft_syncer_item){.kind = RAFT_SYNCER_RUN, .run = run, .prev_term = w.last_term}, &ticket) ==
                ERR_OK, "entries are taken");
    raft_syncer_go(y);
    wait_for(y, &s, &p, ticket);
    (void)sem_post(&goes_on);
    char name[64];
    (void)snprintf(name, sizeof name, "wal-%016llx", (unsigned long long)needed - 1);
    while (access(scratch_path(name), F_OK) == 0) {
        (void)poll(NULL, 0, 1);
    }
    (void)alarm(0);
    (void)snprintf(name, sizeof name, "wal-%016llx", (unsigned long long)needed);
    CHECK(access(scratch_path(name), F_OK) == 0, "what is needed stays");
    raft_syncer_close(y);
    CHECK(s.oldest == needed && s.retired_count <= ARRAY_LEN(s.retired), "the others are gone, or wait to be filled anew");
    raft_store_close(&s);
    raft_places_fini(&p);
    struct raft_wal_found found;
    bool fresh;
    REQUIRE(raft_store_open(&s, scratch_dir, &fresh) == ERR_OK && raft_store_recover(&s, run.first - 2, &w, &p, NULL, NULL, &found) ==
                ERR_OK && w.last == run.first, "and what is left is read: %s", s.why);
    raft_store_close(&s);
    raft_places_fini(&p);
}

int main(void)
{
    struct raft_store s;
    bool fresh;
    int dir = scratch_open();

    REQUIRE(sem_init(&removes, 0, 0) == 0 && sem_init(&goes_on, 0, 0) == 0, "what it waits with");
    REQUIRE(fchmod(dir, 0700) == 0 && raft_store_open(&s, scratch_dir, &fresh) == ERR_OK && fresh, "%s", s.why);
    REQUIRE(raft_store_create(&s, &owner, founders, sizeof founders, SEGMENT) == ERR_OK, "%s", s.why);
    raft_store_close(&s);
    a_disk_with_room_again_is_found(); /* before there is a spare */
    atomic_store(&wall_ahead_s, 0);
    what_is_written_is_found();
    what_is_written_here_is_durable_at_once();
    nobody_waits_for_a_vote();
    a_full_list_is_an_answer();
    a_log_that_runs_has_its_next_segment_soon();
    nobody_waits_for_what_is_removed();
    fd_close(&dir);
    return CHECK_RESULT();
}
