/* Every bit of a log that was durable, flipped: never is an entry lost in silence (scenario 52). */
#include <string.h>

#include "tests/unit/raft/wal_kit.h"

static struct kit_log log_;

/* Two segments; values with runs of zeros longer than a sector, an overwriting, a frame without entries. */
static void make_log(void)
{
    kit_init(&log_);
    log_.newest = 2;
    kit_append(&log_, 1, 1, 3, 20);
    kit_append_zeros(&log_, 4, 1, 1, 1400);
    kit_sync(&log_);
    kit_append(&log_, 3, 2, 4, 60);
    kit_sync(&log_);
    kit_append(&log_, 5, 0, 0, 0);
    kit_append(&log_, 5, 3, 1, 900);
    kit_sync(&log_);
    kit_append(&log_, 6, 3, 2, 400);
    kit_sync(&log_);
    kit_append_zeros(&log_, 8, 3, 1, 700);
    kit_sync(&log_);
    REQUIRE(log_.w.segment == 2, "two segments");
}

int main(void)
{
    struct raft_wal_found found;
    uint64_t last, flipped = 0;

    make_log();
    last = kit_recover(&log_, &found).last;
    REQUIRE(found.verdict == RAFT_WAL_CLEAN && last == 8, "it is fine as it is");
    for (uint64_t s = 1; s <= 2; s++) {
        uint32_t end = s == 1 ? KIT_SEGMENT_SIZE : log_.w.at;
        /* What is behind the last frame of a segment says nothing as long as it is blank. */
        while (s == 1 && log_.segment[1][end - 1] == 0) {
            end--;
        }
        for (uint32_t bit = 8 * RAFT_WAL_HEAD; bit < 8 * end; bit++, flipped++) {
            log_.segment[s][bit / 8] ^= (uint8_t)(1u << bit % 8);
            struct raft_wal w = kit_recover(&log_, &found);
            CHECK(found.verdict == RAFT_WAL_DAMAGED && w.last <= 8, "segment %llu bit %u: verdict %d, last %llu",
                  (unsigned long long)s, bit, (int)found.verdict, (unsigned long long)w.last);
            log_.segment[s][bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    /* Behind the end: no entry is lost, and what it looks like does no harm. */
    for (uint32_t bit = 8 * log_.w.at; bit < 8 * KIT_SEGMENT_SIZE; bit += 37, flipped++) {
        log_.segment[2][bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct raft_wal w = kit_recover(&log_, &found);
        CHECK(found.verdict == RAFT_WAL_TORN && kit_is(&log_, &w, 1, 8), "bit %u behind the end: %s", bit, found.reason);
        log_.segment[2][bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    printf("%llu bits\n", (unsigned long long)flipped);
    return CHECK_RESULT();
}
