/* A member's directory after the loss of power at every call by which its process changes files (scenarios 41, 55, 65):
 * all of what was not synced is lost, or some of it. What the process had told, by then, is there. */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/run/fd.h"
#include "raft/le.h"
#include "raft/snapshot_file.h"
#include "raft/syncer.h"
#include "tests/support/check.h"
#include "tests/support/lossy.h"
#include "tests/support/scratch.h"

enum { SEGMENT = 1 << 14, ENTRY = 1500, CALLS_MAX = 3000 };

static const struct raft_frame_owner owner = {5, 6};

/* What the child has told, in one word: it is told only when it is durable. */
static void tell(uint64_t entries, uint64_t term, uint64_t snapshot)
{
    *lossy_word = entries | term << 24 | snapshot << 40;
}

static uint32_t make(uint8_t *out, uint64_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        raft_le_put32(out + i * (5 + ENTRY), ENTRY);
        out[i * (5 + ENTRY) + 4] = RAFT_ENTRY_COMMAND;
        memset(out + i * (5 + ENTRY) + 5, (int)(first + i), ENTRY);
    }
    return count * (5 + ENTRY);
}

static enum err save_snapshot(struct raft_store *s, uint64_t index)
{
    struct raft_snapshot_head head = {.cluster = owner.cluster, .index = index, .term = 1};
    struct raft_snapshot_file f;
    uint8_t chunk[600];

    memset(chunk, (int)index, sizeof chunk);
    enum err e = raft_snapshot_file_begin(&f, s->dir_fd, &head);
    e = e == ERR_OK ? raft_snapshot_file_put(&f, chunk, sizeof chunk) : e;
    return e == ERR_OK ? raft_snapshot_file_end(&f) : e;
}

/* A life: founded or found, batches and votes by way of the writing thread, a snapshot and the log cut behind it. Every
 * step is told when it is durable. */
static void live(const char *path)
{
    static uint8_t bytes[4 * (5 + ENTRY)];
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_wal_found found;
    struct raft_syncer *y;
    const struct raft_syncer_done *done;
    uint64_t ticket = 0, written = 0, term = 0, snapshot = 0;
    uint32_t count;
    bool fresh;

    if (raft_store_open(&s, path, &fresh) != ERR_OK ||
        (fresh && raft_store_create(&s, &owner, NULL, 0, SEGMENT) != ERR_OK) ||
        raft_store_recover(&s, 0, &w, &p, NULL, NULL, &found) != ERR_OK || raft_syncer_open(&s, &w, &y) != ERR_OK) {
        fprintf(stderr, "a life fails: %s\n", s.why);
        _exit(1);
    }
    uint64_t last = w.last;
    for (uint64_t step = 1; step <= 14; step++) {
        struct raft_run run = {.first = last + 1, .term = 1, .count = 1 + (uint32_t)step % 4, .bytes = bytes};
        run.size = make(bytes, run.first, run.count);
        while (!raft_syncer_has_room(y, 2, run.size)) {
            (void)poll(NULL, 0, 1);
        }
        if (raft_syncer_put(y, &(struct raft_syncer_item){.kind = RAFT_SYNCER_RUN, .run = run, .prev_term = last > 0}, &ticket) !=
            ERR_OK) {
            _exit(2);
        }
        if (step % 5 == 0 && raft_syncer_put(y, &(struct raft_syncer_item){.kind = RAFT_SYNCER_VOTE, .vote = {step, 6}},
                                             &ticket) != ERR_OK) {
            _exit(3);
        }
        raft_syncer_go(y);
        while (written < ticket) {
            (void)poll(&(struct pollfd){.fd = raft_syncer_fd(y), .events = POLLIN}, 1, -1);
            if (raft_syncer_take(y, &done, &count, &written) != ERR_OK) {
                _exit(4);
            }
            for (uint32_t i = 0; i < count; i++) {
                if (done[i].kind == RAFT_SYNCER_RUN &&
                    raft_places_add(&p, &done[i].frame, done[i].segment, done[i].at) != ERR_OK) {
                    _exit(5);
                }
            }
        }
        last = run.first + run.count - 1;
        term = step % 5 == 0 ? step : term;
        tell(last, term, snapshot);
        if (step % 6 == 0) {
            if (save_snapshot(&s, last) != ERR_OK) {
                _exit(6);
            }
            snapshot = last;
            tell(last, term, snapshot);
            raft_store_retire(&s, raft_places_cut(&p, last));
        }
    }
    raft_syncer_close(y);
    raft_store_close(&s);
    _exit(0);
}

static void begin(const char *path, struct raft_store *s, struct raft_wal *w, struct raft_places *p)
{
    struct raft_wal_found found;
    bool fresh;

    if (raft_store_open(s, path, &fresh) != ERR_OK || (fresh && raft_store_create(s, &owner, NULL, 0, SEGMENT) != ERR_OK) ||
        raft_store_recover(s, 0, w, p, NULL, NULL, &found) != ERR_OK) {
        fprintf(stderr, "a life fails: %s\n", s->why);
        _exit(1);
    }
}

/* A batch and a vote whose syncs failed: they are written, and in a cache that looks clean. The process ends for it, and
 * the next one finds them there, believes them and says so. */
static void live_twice(const char *path)
{
    static uint8_t bytes[5 + ENTRY], frame[RAFT_FRAME_HEAD + sizeof bytes + RAFT_FRAME_TAIL_MAX], slot[RAFT_BALLOT_SLOT];
    struct raft_run run = {.first = 1, .term = 1, .count = 1, .bytes = bytes};
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_wal_piece piece;
    uint32_t at;
    int fd = -1;

    begin(path, &s, &w, &p);
    run.size = make(bytes, 1, 1);
    if (raft_wal_append(&w, &run, 0, &piece) != ERR_OK || raft_store_segment(&s, piece.segment, &fd) != ERR_OK) {
        _exit(2);
    }
    memcpy(frame, piece.head, RAFT_FRAME_HEAD);
    memcpy(frame + RAFT_FRAME_HEAD, bytes, run.size);
    memcpy(frame + RAFT_FRAME_HEAD + run.size, piece.tail, piece.tail_size);
    s.ballot.vote = (struct raft_vote){5, 6};
    raft_ballot_write(&s.ballot, &owner, slot, &at);
    if (pwrite(fd, frame, RAFT_FRAME_HEAD + run.size + piece.tail_size, piece.at) < 0 ||
        pwrite(s.ballot_fd, slot, sizeof slot, at) < 0) {
        _exit(3);
    }
    fd_close(&fd);
    raft_store_close(&s);
    raft_places_fini(&p);
    begin(path, &s, &w, &p);
    tell(w.last, s.ballot.vote.term, 0);
    raft_store_close(&s);
    _exit(w.last == 1 && s.ballot.vote.term == 5 ? 0 : 4);
}

static uint8_t have[256]; /* entries found, by index */

static enum err take_chunk(void *context, const uint8_t *bytes, size_t size)
{
    const struct raft_snapshot_head *head = context;

    return size == 600 && bytes[0] == (uint8_t)head->index && bytes[599] == (uint8_t)head->index ? ERR_OK : ERR_DATA_LOSS;
}

static void take(void *context, const struct raft_frame *f, const uint8_t *bytes, uint64_t segment, uint32_t at)
{
    (void)context;
    (void)segment;
    (void)at;
    for (uint32_t i = 0; i < f->count && f->first + i < sizeof have; i++) {
        have[f->first + i] = bytes[i * (5 + ENTRY) + 5] == (uint8_t)(f->first + i) ? 1 : 2;
    }
}

/* What was told is there. */
static void check(const char *path, uint64_t at, enum lossy_fate fate)
{
    uint64_t entries = *lossy_word & 0xffffff, term = *lossy_word >> 24 & 0xffff, snapshot = *lossy_word >> 40;
    AUTO_FREE struct raft_snapshot_head *head = calloc(1, sizeof *head);
    struct raft_store s;
    struct raft_wal w = {0};
    struct raft_places p = {0};
    struct raft_wal_found found = {.verdict = RAFT_WAL_CLEAN};
    uint64_t size;
    bool fresh = false;
    AUTO_FD int fd = -1;

    memset(have, 0, sizeof have);
    enum err e = raft_store_open(&s, path, &fresh);
    CHECK(e == ERR_OK, "call %" PRIu64 " fate %d: %s", at, (int)fate, s.why);
    if (e != ERR_OK || fresh) {
        CHECK(entries == 0 && term == 0, "call %" PRIu64 " fate %d: it was told of, and is not there", at, (int)fate);
        raft_store_close(&s);
        return;
    }
    e = raft_snapshot_file_find(s.dir_fd, owner.cluster, &fd, head, &size);
    CHECK((e == ERR_OK || snapshot == 0) && head->index >= snapshot, "call %" PRIu64 " fate %d: the snapshot %" PRIu64
          " is gone: %s", at, (int)fate, snapshot, err_name(e));
    uint64_t from = e == ERR_OK ? head->index : 0;
    CHECK(e != ERR_OK || raft_snapshot_file_read(fd, take_chunk, head) == ERR_OK, "call %" PRIu64 " fate %d: a snapshot is half",
          at, (int)fate);
    e = raft_store_recover(&s, from, &w, &p, take, NULL, &found);
    CHECK(e == ERR_OK && found.verdict != RAFT_WAL_DAMAGED, "call %" PRIu64 " fate %d: %s %s", at, (int)fate, s.why, found.reason);
    CHECK(w.last >= entries && s.ballot.vote.term >= term, "call %" PRIu64 " fate %d: entries up to %" PRIu64 " of %" PRIu64
          ", term %" PRIu64 " of %" PRIu64, at, (int)fate, w.last, entries, s.ballot.vote.term, term);
    for (uint64_t i = from + 1; i <= entries; i++) {
        CHECK(have[i] == 1, "call %" PRIu64 " fate %d: entry %" PRIu64, at, (int)fate, i);
    }
    raft_store_close(&s);
    raft_places_fini(&p);
}

/* Returns the calls it made before it died; *ret_ended: it came to its end. */
static uint64_t one_life(void (*life)(const char *path), uint64_t at, enum lossy_fate fate, struct rng *rng, bool *ret_ended)
{
    char path[96];
    int status;

    (void)snprintf(path, sizeof path, "%s/%" PRIu64 "-%d", scratch_dir, at, (int)fate);
    REQUIRE(mkdir(path, 0700) == 0, "a directory");
    *lossy_word = 0;
    pid_t child = fork();
    REQUIRE(child >= 0, "fork");
    if (child == 0) {
        lossy_begin(at);
        life(path);
    }
    REQUIRE(waitpid(child, &status, 0) == child, "it ends");
    *ret_ended = WIFEXITED(status);
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0, "a life without a loss ends well: %d", status);
    uint64_t calls = lossy_calls();
    lossy_lose(fate, rng);
    check(path, at, fate);
    scratch_remove_under(path);
    return calls;
}

int main(int argc, char **argv)
{
    uint64_t step = argc > 1 ? strtoull(argv[1], NULL, 10) : 4; /* every so manieth call; 1 by hand */
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, lives = 0;
    struct rng rng;
    int dir = scratch_open();
    bool has_ended = false;

    rng_init(&rng, seed);
    lossy_open();
    for (uint64_t at = 1; at < CALLS_MAX && !has_ended && check_failures == 0; at += step, lives++) {
        (void)one_life(live, at, LOSSY_ALL, &rng, &has_ended);
        for (int i = 0; i < 2 && !has_ended; i++) {
            (void)one_life(live, at, LOSSY_SOME, &rng, &has_ended);
        }
    }
    bool is_whole = false;
    (void)one_life(live_twice, 0, LOSSY_ALL, &rng, &is_whole);
    CHECK(is_whole, "two lives, and the power goes after them");
    printf("seed %" PRIu64 ": the power went at %" PRIu64 " calls\n", seed, lives);
    CHECK(has_ended && lives > 15, "up to the last call");
    fd_close(&dir);
    return CHECK_RESULT();
}
