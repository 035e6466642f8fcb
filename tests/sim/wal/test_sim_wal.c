/* Losses of power over the world's disk, each at a drawn moment of a drawn life of a log (scenarios 51, 52, 55): what
 * was durable is there afterwards, entry by entry and vote by vote; what rotted is never lost in silence; and the log
 * goes on. Prints the seed that repeats a failure. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"
#include "raft/ballot.h"
#include "raft/le.h"
#include "raft/wal.h"
#include "tests/sim/world/disk.h"
#include "tests/support/check.h"

enum {
    BALLOT = 0,         /* number of its file; segments take turns in the others */
    SEGMENTS = 6,
    SEGMENT_SIZE = 8192,
    ENTRIES = 2048,     /* indices a life goes up to */
    LIVES = 25,         /* losses of power in one world */
};

static const struct raft_frame_owner owner = {.cluster = 77, .member = 4711};

/* What a node has told others: it must hold for ever. */
struct world {
    uint64_t seed;
    struct rng rng;
    struct dice dice;
    struct disk disk;
    struct raft_wal w;
    struct raft_ballot ballot;
    uint64_t oldest, newest;        /* segments that are prepared and not removed            */
    uint64_t term[ENTRIES];         /* of each entry, as written last; 0: none               */
    uint64_t life[ENTRIES];         /* which of the writers of this index wrote it           */
    uint64_t last, durable_last;    /* the last entry written; the last that was told        */
    uint64_t base;                  /* entries up to here are in a snapshot                  */
    uint8_t batch[SEGMENT_SIZE];    /* frames that are planned and not written               */
    uint32_t batch_at, batch_size;
    uint64_t writes, cuts, torn, clean, damaged, rebased;
    uint64_t found_term[ENTRIES], found_life[ENTRIES];
};

static struct world world_;

static uint32_t file_of(uint64_t segment)
{
    return 1 + (uint32_t)(segment % SEGMENTS);
}

/* Fill with zeros, write the head, sync, as the shell does before a segment has its name. */
static void prepare(struct world *w, uint64_t number)
{
    static uint8_t zeros[SEGMENT_SIZE];

    raft_wal_head_write(&owner, number, SEGMENT_SIZE, zeros);
    REQUIRE(disk_write(&w->disk, file_of(number), 0, zeros, SEGMENT_SIZE) == ERR_OK &&
                disk_sync(&w->disk, file_of(number), false) == ERR_OK, "a disk without bound");
    memset(zeros, 0, RAFT_WAL_HEAD);
    w->newest = number;
}

static void save_ballot(struct world *w)
{
    static uint8_t slot[RAFT_BALLOT_SLOT];
    uint32_t at;

    raft_ballot_write(&w->ballot, &owner, slot, &at);
    REQUIRE(disk_write(&w->disk, BALLOT, at, slot, sizeof slot) == ERR_OK, "room");
}

/* What is planned gathers, and a batch is written by one call: bytes that share a sector reach the disk together. */
static void write_piece(struct world *w, const struct raft_wal_piece *p)
{
    uint8_t *at = w->batch + w->batch_size;

    w->batch_at = w->batch_size == 0 ? p->at : w->batch_at;
    REQUIRE(w->batch_at + w->batch_size == p->at && p->at + raft_frame_size(p->frame.size) <= SEGMENT_SIZE,
            "frames follow each other");
    memcpy(at, p->head, RAFT_FRAME_HEAD);
    if (p->frame.size > 0) {
        memcpy(at + RAFT_FRAME_HEAD, p->body, p->frame.size);
    }
    memcpy(at + RAFT_FRAME_HEAD + p->frame.size, p->tail, p->tail_size);
    w->batch_size += raft_frame_size(p->frame.size);
}

static void write_batch(struct world *w)
{
    REQUIRE(disk_write(&w->disk, file_of(w->w.segment), w->batch_at, w->batch, w->batch_size) == ERR_OK, "room");
    w->batch_size = 0;
}

static void sync_log(struct world *w)
{
    write_batch(w);
    REQUIRE(disk_sync(&w->disk, file_of(w->w.segment), false) == ERR_OK, "it syncs");
    raft_wal_synced(&w->w);
    w->durable_last = w->last;
}

/* Each entry says who wrote it, so that an older writing of the same index is told from the newer. */
static uint32_t fill(struct world *w, uint8_t *out, uint64_t first, uint64_t term, uint32_t count)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = 16 + (uint32_t)rng_below(&w->rng, rng_below(&w->rng, 4) == 0 ? 900 : 60);
        raft_le_put32(out + used, size);
        out[used + 4] = RAFT_ENTRY_COMMAND;
        memset(out + used + 5, rng_below(&w->rng, 3) == 0 ? 0 : (int)(first + i) & 255, size);
        raft_le_put64(out + used + 5, ++w->writes);
        raft_le_put64(out + used + 13, first + i);
        w->term[first + i] = term;
        w->life[first + i] = w->writes;
        used += 5 + size;
    }
    return used;
}

static void put(struct world *w, uint64_t first, uint64_t term, uint32_t count)
{
    static uint8_t bytes[SEGMENT_SIZE];
    struct raft_wal_piece piece;
    uint64_t prev = first - 1 == w->w.base ? w->w.base_term : w->term[first - 1];
    struct raft_run run = {.first = first, .term = term, .count = count, .bytes = bytes};

    run.size = fill(w, bytes, first, term, count);
    for (uint64_t i = first + count; i < ENTRIES && w->term[i] != 0; i++) {
        w->term[i] = w->life[i] = 0;
    }
    enum err e = raft_wal_append(&w->w, &run, prev, &piece);
    if (e == ERR_UNAVAILABLE) {
        sync_log(w);
        w->durable_last = first - 1 < w->durable_last ? first - 1 : w->durable_last;
        e = raft_wal_append(&w->w, &run, prev, &piece);
    }
    REQUIRE(e == ERR_OK, "seed %" PRIu64 ": %s", w->seed, err_name(e));
    w->last = first + count - 1;
    write_piece(w, &piece);
}

/* A snapshot from elsewhere takes the log's place. */
static void rebase(struct world *w)
{
    struct raft_wal_piece piece;
    uint64_t base = w->last + 1 + rng_below(&w->rng, 5);

    sync_log(w);
    REQUIRE(raft_wal_rebase(&w->w, base, w->ballot.vote.term, &piece) == ERR_OK, "nothing is unsynced");
    write_piece(w, &piece);
    memset(w->term, 0, sizeof w->term);
    memset(w->life, 0, sizeof w->life);
    w->last = base;
    w->base = base;
    sync_log(w); /* the shell goes on when it is durable */
    w->rebased++;
}

/* One batch, or part of one. */
static void step(struct world *w)
{
    uint64_t dice = rng_below(&w->rng, 100);
    uint64_t term = w->ballot.vote.term;

    while (w->newest < w->w.segment + 2) {
        prepare(w, w->newest + 1);
    }
    if (dice < 8) {
        w->ballot.vote = (struct raft_vote){term + 1, 1 + rng_below(&w->rng, 3)};
        save_ballot(w);
        REQUIRE(disk_sync(&w->disk, BALLOT, false) == ERR_OK, "it syncs");
    } else if (dice < 14 && w->last > w->base) {
        uint64_t first = w->base + 1 + rng_below(&w->rng, w->last - w->base);
        w->durable_last = first - 1 < w->durable_last ? first - 1 : w->durable_last; /* a leader took them back */
        w->ballot.vote.term++;
        save_ballot(w);
        REQUIRE(disk_sync(&w->disk, BALLOT, false) == ERR_OK, "it syncs");
        put(w, first, w->ballot.vote.term, 1 + (uint32_t)rng_below(&w->rng, 3));
    } else if (dice < 15) {
        rebase(w);
    } else if (dice < 55) {
        sync_log(w);
    } else {
        put(w, w->last + 1, term, 1 + (uint32_t)rng_below(&w->rng, 4));
    }
    /* Old segments go when a snapshot has their entries. */
    if (rng_below(&w->rng, 20) == 0 && w->w.segment > w->oldest + 1 && w->w.durable == w->w.sequence) {
        w->base = w->durable_last;
        w->oldest = w->w.segment;
    }
    while (w->w.segment - w->oldest >= SEGMENTS - 2) {
        sync_log(w);
        w->base = w->durable_last;
        w->oldest = w->w.segment - 1;
    }
}

static size_t read_segment(void *context, uint64_t segment, uint32_t offset, void *out, size_t size)
{
    struct world *w = context;

    return disk_read(&w->disk, file_of(segment), offset, out, size);
}

static void take(void *context, const struct raft_frame *f, const uint8_t *bytes, uint64_t segment, uint32_t at)
{
    struct world *w = context;
    uint32_t used = 0;

    (void)segment;
    (void)at;
    for (uint64_t i = f->kind == RAFT_FRAME_BASE ? 0 : f->first; i < ENTRIES; i++) {
        w->found_term[i] = w->found_life[i] = 0;
    }
    for (uint32_t i = 0; i < f->count; i++) {
        uint64_t index = f->first + i;
        CHECK(index < ENTRIES && raft_le_get64(bytes + used + 13) == index, "seed %" PRIu64 ": another index", w->seed);
        w->found_term[index] = f->term;
        w->found_life[index] = raft_le_get64(bytes + used + 5);
        used += 5 + raft_le_get32(bytes + used);
    }
}

static void check_log(struct world *w, const struct raft_wal *found, bool is_rotten)
{
    for (uint64_t i = w->base + 1; i <= w->durable_last; i++) {
        CHECK(w->found_term[i] == w->term[i] && w->found_life[i] == w->life[i],
              "seed %" PRIu64 ", cut %" PRIu64 "%s: entry %" PRIu64 " of %" PRIu64 " was durable in term %" PRIu64
              ", found is %" PRIu64, w->seed, w->cuts, is_rotten ? ", rotten" : "", i, w->durable_last, w->term[i],
              w->found_term[i]);
    }
    CHECK(found->last >= w->durable_last, "seed %" PRIu64 ": the log ends at %" PRIu64, w->seed, found->last);
}

static void check_ballot(struct world *w)
{
    static uint8_t bytes[RAFT_BALLOT_FILE];
    struct raft_ballot read = {0};
    bool heal;
    enum err e = raft_ballot_read(&owner, bytes, disk_read(&w->disk, BALLOT, 0, bytes, sizeof bytes), &read, &heal);

    CHECK(e == ERR_OK && read.vote.term == w->ballot.vote.term && read.vote.voted_for == w->ballot.vote.voted_for,
          "seed %" PRIu64 ": the vote in term %" PRIu64 " is forgotten: %s, %" PRIu64, w->seed, w->ballot.vote.term,
          err_name(e), read.vote.term);
}

/* What is in memory is gone; what is on disk is read. Returns whether the node may go on. */
static bool recover(struct world *w, bool is_rotten)
{
    static uint8_t scratch[RAFT_FRAME_MAX], zeros[SEGMENT_SIZE];
    struct raft_wal_found found;

    memset(w->found_term, 0, sizeof w->found_term);
    memset(w->found_life, 0, sizeof w->found_life);
    raft_wal_init(&w->w, &owner, SEGMENT_SIZE);
    raft_wal_recover(&w->w, &(struct raft_wal_reader){.context = w, .read = read_segment, .oldest = w->oldest,
                                                      .newest = w->newest, .take = take, .scratch = scratch}, &found);
    CHECK(is_rotten || found.verdict != RAFT_WAL_DAMAGED, "seed %" PRIu64 ", cut %" PRIu64 ": %s, segment %" PRIu64
          " at %u", w->seed, w->cuts, found.reason, found.segment, found.at);
    w->torn += found.verdict == RAFT_WAL_TORN;
    w->clean += found.verdict == RAFT_WAL_CLEAN;
    w->damaged += found.verdict == RAFT_WAL_DAMAGED;
    if (found.verdict == RAFT_WAL_DAMAGED) {
        return false;
    }
    check_log(w, &w->w, is_rotten);
    if (found.verdict == RAFT_WAL_TORN) {
        REQUIRE(disk_write(&w->disk, file_of(found.segment), found.void_from, zeros, found.void_to - found.void_from) ==
                    ERR_OK, "room");
        /* The power may go again before the sync: then it is done again. */
        if (rng_below(&w->rng, 3) == 0) {
            disk_lose_power(&w->disk, &w->dice);
            return recover(w, is_rotten);
        }
        REQUIRE(disk_sync(&w->disk, file_of(found.segment), false) == ERR_OK, "it syncs");
    }
    memcpy(w->term, w->found_term, sizeof w->term);
    memcpy(w->life, w->found_life, sizeof w->life);
    w->last = w->durable_last = w->w.last;
    w->base = w->base > w->w.base ? w->base : w->w.base;
    return true;
}

static void run(struct world *w, uint64_t seed)
{
    disk_fini(&w->disk);
    memset(w, 0, offsetof(struct world, writes));
    w->seed = seed;
    w->cuts = 0;
    rng_init(&w->rng, seed);
    dice_init(&w->dice, seed, 0);
    raft_wal_init(&w->w, &owner, SEGMENT_SIZE);
    w->oldest = 1;
    w->ballot.vote.term = 1;
    save_ballot(w);
    REQUIRE(disk_sync(&w->disk, BALLOT, false) == ERR_OK, "it syncs");
    for (int life = 0; life < LIVES && w->last < ENTRIES - 100; life++) {
        for (uint64_t steps = 1 + rng_below(&w->rng, 30); steps > 0; steps--) {
            step(w);
        }
        w->cuts++;
        if (rng_below(&w->rng, 4) > 0) {
            write_batch(w); /* the power goes while it is synced, or before it was written at all */
        }
        w->batch_size = 0;
        disk_lose_power(&w->disk, &w->dice);
        check_ballot(w);
        bool is_rotten = rng_below(&w->rng, 40) == 0;
        if (is_rotten) {
            uint64_t from = rng_below(&w->rng, w->w.segment - w->oldest + 1) + w->oldest;
            uint32_t bit = (uint32_t)rng_below(&w->rng, 8 * SEGMENT_SIZE);
            w->disk.file[file_of(from)].seen[bit / 8] ^= (uint8_t)(1u << bit % 8);
            w->disk.file[file_of(from)].kept[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        if (!recover(w, is_rotten)) {
            return; /* damaged, as said: repair is for a leader */
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t from = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t worlds = argc > 2 ? strtoull(argv[2], NULL, 10) : 100;
    uint64_t cuts = 0;

    for (uint64_t seed = from; seed < from + worlds && check_failures == 0; seed++) {
        run(&world_, seed);
        cuts += world_.cuts;
    }
    printf("%" PRIu64 " losses of power: %" PRIu64 " clean, %" PRIu64 " torn, %" PRIu64 " damaged logs; %" PRIu64
           " entries, %" PRIu64 " times another base\n", cuts, world_.clean, world_.torn, world_.damaged, world_.writes,
           world_.rebased);
    CHECK(worlds < 100 || (cuts >= 1000 && world_.torn > 50 && world_.clean > 50 && world_.damaged > 5 &&
                           world_.rebased > 10), "all of it happened");
    disk_fini(&world_.disk);
    return CHECK_RESULT();
}
