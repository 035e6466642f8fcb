/* The log on disk: what was appended is found again, whatever was appended; what a loss of power tears is told from what
 * rotted; a later segment, another base and a repair are found. */
#include <string.h>

#include "common/base/rng.h"
#include "tests/unit/raft/wal_kit.h"

static struct kit_log log_, before;

static void appended_is_found(void)
{
    struct raft_wal_found found;

    kit_init(&log_);
    struct raft_wal w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_CLEAN && w.last == 0 && w.segment == 1 && w.at == RAFT_WAL_HEAD, "an empty log");
    for (uint64_t i = 1; i <= 60; i += 3) {
        kit_append(&log_, i, 1 + i / 20, 3, (uint32_t)(i * 5));
        if (i % 2 == 0) {
            kit_sync(&log_);
        }
        w = kit_recover(&log_, &found);
        CHECK(found.verdict == RAFT_WAL_CLEAN && kit_is(&log_, &w, 1, i + 2), "entries up to %llu, reason %s",
              (unsigned long long)i + 2, found.reason);
        CHECK(w.segment == log_.w.segment && w.at == log_.w.at && w.sequence == log_.w.sequence &&
                  w.chain == log_.w.chain && w.last_term == log_.w.last_term,
              "the writer goes on where it was, entry %llu", (unsigned long long)i);
    }
    CHECK(log_.w.segment > 2, "it went through several segments");
}

static void what_is_overwritten_is_void(void)
{
    struct raft_wal_found found;

    kit_init(&log_);
    kit_append(&log_, 1, 1, 30, 10);
    kit_sync(&log_);
    kit_append(&log_, 15, 2, 2, 10);
    kit_sync(&log_);
    struct raft_wal w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_CLEAN && kit_is(&log_, &w, 1, 16) && w.last_term == 2, "a shorter log of a new term");
    kit_append(&log_, 10, 0, 0, 0);
    w = kit_recover(&log_, &found);
    CHECK(kit_is(&log_, &w, 1, 9) && w.last_term == 1, "void without entries instead");
    kit_append(&log_, 1, 3, 1, 10);
    w = kit_recover(&log_, &found);
    CHECK(kit_is(&log_, &w, 1, 1) && w.last_term == 3, "everything anew");
}

static void a_log_can_begin_anew(void)
{
    struct raft_wal_piece piece;
    struct raft_wal_found found;

    kit_init(&log_);
    kit_append(&log_, 1, 1, 10, 10);
    kit_sync(&log_);
    REQUIRE(raft_wal_rebase(&log_.w, 100, 4, &piece) == ERR_OK, "a snapshot takes the log's place");
    kit_write(&log_, &piece);
    struct raft_wal w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_CLEAN && w.base == 100 && w.base_term == 4 && w.last == 100 && w.last_term == 4,
          "it has no entries and begins after the snapshot");
    kit_append(&log_, 101, 4, 3, 10);
    kit_append(&log_, 104, 5, 3, 10);
    w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_CLEAN && kit_is(&log_, &w, 101, 106), "and goes on from there");
}

static void old_segments_can_go(void)
{
    struct raft_wal_found found;

    kit_init(&log_);
    for (uint64_t i = 1; i <= 160; i += 4) {
        kit_append(&log_, i, 1 + i / 80, 4, 50);
        kit_sync(&log_);
    }
    REQUIRE(log_.w.segment == 4, "segment %llu", (unsigned long long)log_.w.segment);
    for (log_.oldest = 2; log_.oldest <= 4; log_.oldest++) {
        struct raft_wal w = kit_recover(&log_, &found);
        CHECK(found.verdict == RAFT_WAL_CLEAN && w.base > 0 && kit_is(&log_, &w, w.base + 1, 160),
              "without those before %llu: %s", (unsigned long long)log_.oldest, found.reason);
        CHECK(w.base_term == log_.term_of[w.base], "the term before the first entry is known");
    }
    struct raft_wal w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_DAMAGED && w.last == 0, "with none of those that have frames, it is no empty log");
}

/* The last batch has two frames, the second in several sectors. */
static void make_batches(int zeros)
{
    kit_init(&log_);
    kit_append(&log_, 1, 1, 5, 40);
    kit_sync(&log_);
    kit_append(&log_, 6, 2, 5, 40);
    kit_sync(&log_);
    before = log_;
    kit_append(&log_, 11, 2, 2, 30);
    if (zeros) {
        kit_append_zeros(&log_, 13, 3, 4, 300);
    } else {
        kit_append(&log_, 13, 3, 4, 300);
    }
}

/* `cut` is a log that has lost some of its last batch. */
static void must_be_torn(struct kit_log *cut, const char *how, uint32_t where, int zeros)
{
    struct raft_wal_found found;
    struct raft_wal w = kit_recover(cut, &found);

    /* A first frame that is whole may stay: it was written, though nobody was told. */
    CHECK(found.verdict != RAFT_WAL_DAMAGED && (w.last == 10 || w.last == 12 || w.last == 16),
          "%s %u: verdict %d, last %llu, %s", how, where, (int)found.verdict, (unsigned long long)w.last, found.reason);
    CHECK(kit_is(cut, &w, 1, w.last), "%s %u: what was acknowledged is there", how, where);
    if (found.verdict == RAFT_WAL_TORN) {
        kit_clear(cut, &found);
    }
    cut->w = w;
    kit_append(cut, w.last + 1, 9, 3, 20);
    uint64_t last = w.last + 3;
    w = kit_recover(cut, &found);
    CHECK(found.verdict == RAFT_WAL_CLEAN && kit_is(cut, &w, 1, last), "%s %u: it goes on, zeros %d: %s", how, where,
          zeros, found.reason);
}

static void every_torn_length_is_no_loss(int zeros)
{
    static struct kit_log cut;

    make_batches(zeros);
    for (uint32_t at = before.w.at; at <= log_.w.at; at++) {
        cut = log_;
        memset(cut.segment[1] + at, 0, KIT_SEGMENT_SIZE - at);
        must_be_torn(&cut, "cut at", at, zeros);
    }
}

static void every_set_of_lost_sectors_is_no_loss(int zeros)
{
    static struct kit_log cut;
    uint32_t from = before.w.at / RAFT_FRAME_SECTOR, to = (log_.w.at - 1) / RAFT_FRAME_SECTOR;

    make_batches(zeros);
    REQUIRE(to - from >= 3, "the batch is in several sectors");
    for (uint32_t lost = 0; lost < 1u << (to - from + 1); lost++) {
        cut = log_;
        for (uint32_t s = from; s <= to; s++) {
            if ((lost >> (s - from) & 1) != 0) {
                memcpy(cut.segment[1] + s * RAFT_FRAME_SECTOR, before.segment[1] + s * RAFT_FRAME_SECTOR, RAFT_FRAME_SECTOR);
            }
        }
        must_be_torn(&cut, "lost sectors", lost, zeros);
    }
}

static void a_hole_before_the_last_batch_is_damage(void)
{
    static struct kit_log cut;
    struct raft_wal_found found;

    make_batches(0);
    kit_sync(&log_);
    kit_append(&log_, 17, 3, 1, 1);
    kit_sync(&log_);
    for (uint32_t s = RAFT_WAL_HEAD / RAFT_FRAME_SECTOR; s <= before.w.at / RAFT_FRAME_SECTOR; s++) {
        cut = log_;
        memset(cut.segment[1] + s * RAFT_FRAME_SECTOR, 0, RAFT_FRAME_SECTOR);
        struct raft_wal w = kit_recover(&cut, &found);
        CHECK(found.verdict == RAFT_WAL_DAMAGED && found.later_last == 17 && w.last < 17, "sector %u: verdict %d, %s", s,
              (int)found.verdict, found.reason);
    }
}

/* What is at the end of a segment has a neighbour in the next one. */
static void a_lost_end_of_a_segment_is_damage(void)
{
    struct raft_wal_found found;
    uint32_t end = 0;
    uint64_t i = 1;

    kit_init(&log_);
    for (; log_.w.segment == 1; i++) {
        end = log_.w.at;
        before = log_;
        kit_append(&log_, i, 1, 1, 500);
        kit_sync(&log_);
    }
    /* The last frame of segment 1 is gone without a trace. */
    memcpy(log_.segment[1], before.segment[1], KIT_SEGMENT_SIZE);
    memset(log_.segment[1] + end - raft_frame_size(505), 0, raft_frame_size(505));
    (void)kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_DAMAGED && found.later_last == i - 1, "verdict %d, %s", (int)found.verdict,
          found.reason);
}

static void a_torn_first_frame_of_a_segment_is_no_loss(void)
{
    struct raft_wal_found found;
    uint64_t i = 1;

    kit_init(&log_);
    for (; log_.w.segment == 1; i++) {
        before = log_;
        kit_append(&log_, i, 1, 1, 500);
        kit_sync(&log_);
    }
    memset(log_.segment[2] + 2 * RAFT_FRAME_SECTOR, 0, RAFT_FRAME_SECTOR);
    struct raft_wal w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_TORN && found.segment == 2 && w.segment == 1 && w.last == i - 2, "%s", found.reason);
    kit_clear(&log_, &found);
    log_.w = w;
    kit_append(&log_, w.last + 1, 2, 1, 600);
    w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_CLEAN && kit_is(&log_, &w, 1, i - 1), "%s", found.reason);
}

/* Segment 2 of a copy of the directory that went another way: whole, of the right owner and number (scenario 57). */
static void a_segment_of_another_life_is_damage(void)
{
    static struct kit_log copy;
    struct raft_wal_found found;

    for (uint64_t life = 0; life < 2; life++) {
        kit_init(&log_);
        for (uint64_t i = 1; i <= 12; i++) {
            kit_append(&log_, i, i == 3 ? 1 + life : i < 3 ? 1 : 2, 1, 500);
            kit_sync(&log_);
        }
        copy = life == 0 ? log_ : copy;
    }
    REQUIRE(log_.w.segment >= 2, "two segments");
    memcpy(log_.segment[2], copy.segment[2], KIT_SEGMENT_SIZE);
    struct raft_wal w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_DAMAGED && w.last < 12, "a copied segment: %s", found.reason);
    /* A frame written twice: once where it belongs, once over a later one of the same size. */
    kit_init(&log_);
    kit_append(&log_, 1, 1, 1, 100);
    kit_sync(&log_);
    uint32_t first = log_.w.at - RAFT_WAL_HEAD;
    kit_append(&log_, 2, 1, 1, 100);
    kit_sync(&log_);
    memcpy(log_.segment[1] + RAFT_WAL_HEAD + first, log_.segment[1] + RAFT_WAL_HEAD, first);
    w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_DAMAGED && w.last == 1, "a misdirected write: %s", found.reason);
}

static void a_damaged_log_can_go_on(void)
{
    struct raft_wal_found found;
    struct raft_wal_piece piece;

    make_batches(0);
    kit_sync(&log_);
    log_.segment[1][before.w.at - 20] ^= 1; /* in the last but one batch: entries 6 to 10 */
    log_.w = kit_recover(&log_, &found);
    REQUIRE(found.verdict == RAFT_WAL_DAMAGED && log_.w.last == 5, "%s", found.reason);
    REQUIRE(raft_wal_repair(&log_.w, &piece) == ERR_OK && piece.segment == 2 && piece.at == RAFT_WAL_HEAD, "a new segment");
    kit_write(&log_, &piece);
    struct raft_wal w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_CLEAN && kit_is(&log_, &w, 1, 5), "what is damaged is void: %s", found.reason);
    kit_append(&log_, 6, 4, 7, 30);
    w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_CLEAN && kit_is(&log_, &w, 1, 12) && w.segment == 2, "%s", found.reason);
    log_.oldest = 2;
    w = kit_recover(&log_, &found);
    CHECK(found.verdict == RAFT_WAL_CLEAN && kit_is(&log_, &w, 6, 12), "also alone: %s", found.reason);
}

static void limits_hold(void)
{
    static uint8_t bytes[KIT_SEGMENT_SIZE];
    struct raft_wal_piece piece;
    uint32_t most = raft_wal_body_max(KIT_SEGMENT_SIZE);

    kit_init(&log_);
    CHECK(raft_frame_size(most) <= KIT_SEGMENT_SIZE - RAFT_WAL_HEAD && most > KIT_SEGMENT_SIZE - RAFT_WAL_HEAD - 104,
          "the largest body fills a segment");
    CHECK(raft_wal_body_max(RAFT_WAL_SEGMENT_ANY) == RAFT_FRAME_BODY_MAX, "and in large ones the largest frame fits");
    struct raft_run run = {.first = 1, .term = 1, .count = 1, .size = most + 1, .bytes = bytes};
    CHECK(raft_wal_append(&log_.w, &run, 0, &piece) == ERR_LIMIT && log_.w.last == 0, "one more byte fits nowhere");
    kit_append(&log_, 1, 1, 1, most - 5);
    CHECK(log_.w.at <= KIT_SEGMENT_SIZE && log_.w.segment == 1, "the largest fits");
    run.first = 2;
    run.size = 20;
    CHECK(raft_wal_append(&log_.w, &run, 1, &piece) == ERR_UNAVAILABLE && log_.w.last == 1 && log_.w.segment == 1,
          "a batch stays in its segment");
    kit_sync(&log_);
    CHECK(raft_wal_append(&log_.w, &run, 1, &piece) == ERR_OK && piece.segment == 2 && piece.frame.ahead == 0,
          "the next batch begins another");
}

static void heads_say_whose_a_segment_is(void)
{
    static const struct {
        uint64_t cluster, member, number;
        uint32_t size;
        enum raft_wal_head head;
        const char *why;
    } rows[] = {
        {1, 2, 3, 8192, RAFT_WAL_HEAD_OURS, "as written"},
        {9, 2, 3, 8192, RAFT_WAL_HEAD_OTHER_CLUSTER, "another cluster's"},
        {1, 9, 3, 8192, RAFT_WAL_HEAD_OTHER_MEMBER, "another node's"},
        {1, 2, 9, 8192, RAFT_WAL_HEAD_OTHER_NUMBER, "files were swapped"},
        {1, 2, 3, 4096, RAFT_WAL_HEAD_OTHER_SIZE, "another size was configured"},
    };
    uint8_t head[RAFT_WAL_HEAD];

    raft_wal_head_write(&(struct raft_frame_owner){1, 2}, 3, 8192, head);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(raft_wal_head_look(&(struct raft_frame_owner){rows[i].cluster, rows[i].member}, rows[i].number, rows[i].size,
                                 head) == rows[i].head, "%s", rows[i].why);
    }
    for (size_t bit = 0; bit < 8 * sizeof head; bit++) {
        head[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(raft_wal_head_look(&(struct raft_frame_owner){1, 2}, 3, 8192, head) == RAFT_WAL_HEAD_DAMAGED, "bit %zu", bit);
        head[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    appended_is_found();
    what_is_overwritten_is_void();
    a_log_can_begin_anew();
    old_segments_can_go();
    for (int zeros = 0; zeros < 2; zeros++) {
        every_torn_length_is_no_loss(zeros);
        every_set_of_lost_sectors_is_no_loss(zeros);
    }
    a_hole_before_the_last_batch_is_damage();
    a_lost_end_of_a_segment_is_damage();
    a_torn_first_frame_of_a_segment_is_no_loss();
    a_segment_of_another_life_is_damage();
    a_damaged_log_can_go_on();
    limits_hold();
    heads_say_whose_a_segment_is();
    return CHECK_RESULT();
}
