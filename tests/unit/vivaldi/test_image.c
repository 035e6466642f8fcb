/* Claims about what is kept on disk: it reads back, a restart keeps its error, what is damaged is refused whole. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/rng.h"
#include "tests/support/check.h"
#include "vivaldi/image.h"

enum { PEERS = 32, SELF = 77, NOW_S = 500000, WALL_S = 1700000000 };

static uint64_t memory[2][PEERS * VIVALDI_PEERS_BYTES / 8];

static struct vivaldi make(uint32_t which, uint32_t peers_max)
{
    struct vivaldi_config c = {.self = SELF, .seed = 3, .dims = 7, .has_height = true, .peers_max = peers_max};
    struct vivaldi v;

    REQUIRE(vivaldi_core_init(&v, &c, memory[which]) == ERR_OK, "it begins");
    return v;
}

/* One that knows 20 peers and was told nothing by one more. */
static struct vivaldi make_full(void)
{
    struct vivaldi v = make(0, PEERS);

    for (uint32_t round = 0; round < 30; round++) {
        for (uint64_t id = 1; id <= 20; id++) {
            struct vivaldi_coord c = {.at = {(float)(id * 10), (float)(id % 5) * 20, (float)(id % 3)}, .height = 1, .error = 0.1f};
            REQUIRE(vivaldi_core_sample(&v, NOW_S, id, id * 9000, &c) == ERR_OK, "a sample");
        }
    }
    REQUIRE(vivaldi_core_sample(&v, NOW_S, 21, 9000, NULL) == ERR_OK, "a sample without a place");
    return v;
}

static void a_restart_goes_on(void)
{
    struct vivaldi v = make_full(), again = make(1, PEERS);
    uint8_t bytes[2048];
    size_t size = vivaldi_image_size(&v);

    REQUIRE(size <= sizeof bytes && size == VIVALDI_IMAGE_HEAD + 20 * VIVALDI_IMAGE_PEER + VIVALDI_IMAGE_TAIL, "%zu bytes", size);
    CHECK(vivaldi_image_write(&v, NOW_S + 10, WALL_S, bytes) == size, "as many as said");
    REQUIRE(vivaldi_image_read(&again, 5, WALL_S + 100, bytes, size) == ERR_OK, "it reads back, on a clock that began anew");
    CHECK(fabsf(again.live.error - v.live.error) < 1e-4f && vivaldi_coord_moved_ms(&again.live, &v.live) < 0.01f,
          "where it is and how sure");
    CHECK(again.peers.count == 20 && fabsf(again.usual_ms - v.usual_ms) < 0.01f, "whom it knows");
    struct vivaldi_estimate e = vivaldi_core_estimate(&again, 5, 3, NULL);
    CHECK(e.source == VIVALDI_MEASURED && fabsf(e.rtt_ms - 27) < 0.05f, "what it measured");
    CHECK(vivaldi_core_estimate(&again, 5 + VIVALDI_STALE_S - 110, 3, NULL).source == VIVALDI_MEASURED &&
              vivaldi_core_estimate(&again, 5 + VIVALDI_STALE_S - 109, 3, NULL).source == VIVALDI_PREDICTED,
          "which has aged by the time it was away");
    again = make(1, PEERS);
    REQUIRE(vivaldi_image_read(&again, 5, UINT64_MAX, bytes, size) == ERR_OK, "an age later");
    CHECK(vivaldi_core_estimate(&again, 5, 3, NULL).source == VIVALDI_PREDICTED, "places last longer than round trips");
    again = make(1, 7);
    CHECK(vivaldi_image_read(&again, 5, 0, bytes, size) == ERR_OK && again.peers.count == 7, "into less room");
}

/* Round trips by turns to 20 peers, each a fifth longer or shorter than it should be; the way from `from` to where it is
 * afterwards, at most. */
static float walk(struct vivaldi *v, uint64_t seed, uint32_t count, const struct vivaldi_coord *from)
{
    const struct vivaldi_coord here = {.at = {50, 40}, .height = 2};
    float farthest = 0;
    struct rng rng;

    rng_init(&rng, seed);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = 1 + i % 20;
        struct vivaldi_coord c = {.at = {(float)(id * 10), (float)(id % 5) * 20, (float)(id % 3)}, .height = 1, .error = 0.1f};
        float rtt_ms = vivaldi_coord_rtt_ms(&here, &c) * (0.8f + 0.4f * (float)rng_unit(&rng));
        REQUIRE(vivaldi_core_sample(v, NOW_S, id, (uint64_t)(rtt_ms * 1000), &c) == ERR_OK, "a sample");
        farthest = from == NULL ? 0 : fmaxf(farthest, vivaldi_coord_moved_ms(&v->live, from));
    }
    return farthest;
}

/* VIV-3: who has been calm for long goes on so, and is not thrown about by its first round trips like one that is new. */
static void a_restart_stays_where_it_was(void)
{
    float moved = 0, moved_again = 0, error = 0;

    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct vivaldi v = make(0, PEERS), again = make(1, PEERS);
        uint8_t bytes[2048];
        (void)walk(&v, seed, 2000, NULL);
        size_t size = vivaldi_image_write(&v, NOW_S, WALL_S, bytes);
        REQUIRE(vivaldi_image_read(&again, NOW_S, WALL_S + 5, bytes, size) == ERR_OK, "it reads back");
        const struct vivaldi_coord from = v.live;
        moved += walk(&v, seed + 100, 60, &from);
        moved_again += walk(&again, seed + 100, 60, &from);
        error = fmaxf(error, again.live.error / v.live.error);
    }
    CHECK(moved_again < 2 * moved + 1, "%.2f ms away at most, %.2f ms without a restart", (double)moved_again, (double)moved);
    CHECK(error < 1.2f, "%.2f times as wrong as without a restart", (double)error);
}

static void what_is_damaged_is_refused(void)
{
    struct vivaldi v = make_full(), again = make(1, PEERS), before;
    uint8_t good[2048], bytes[2049];
    size_t size = vivaldi_image_write(&v, NOW_S, WALL_S, good);

    before = again;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memcpy(bytes, good, size);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(vivaldi_image_read(&again, NOW_S, 0, bytes, size) != ERR_OK, "bit %zu", bit);
    }
    for (size_t cut = 0; cut < size; cut++) {
        CHECK(vivaldi_image_read(&again, NOW_S, 0, good, cut) != ERR_OK, "cut at %zu", cut);
    }
    memcpy(bytes, good, size);
    CHECK(vivaldi_image_read(&again, NOW_S, 0, bytes, size + 1) == ERR_DATA_LOSS, "a byte more");
    CHECK(memcmp(&again, &before, sizeof again) == 0, "nothing changed");
    again.config.self++;
    CHECK(vivaldi_image_read(&again, NOW_S, 0, good, size) == ERR_INCOMPATIBLE, "of another node");
}

/* What is written with a right checksum and wrong values is refused all the same. */
static void values_are_looked_at(void)
{
    static const struct {
        size_t at;
        uint32_t value;
        const char *why;
    } rows[] = {
        {16, 21, "one peer more than there are"},
        {16, VIVALDI_PEERS_MAX + 1, "more than there may be"},
        {20, 10, "a usual round trip of 10 us"},
        {20, 60000001, "one of more than a minute"},
        {24, 0x01070000 | 0x7fff, "itself beyond the end of the world"},
        {24, 0x02070000, "in another version"},
        {VIVALDI_IMAGE_HEAD + 8, 49, "a round trip of 49 us"},
        {VIVALDI_IMAGE_HEAD + 8, 60000001, "one of more than a minute"},
        {VIVALDI_IMAGE_HEAD + 16, 0x01030000, "a peer with three dimensions in the room of seven"},
    };
    struct vivaldi v = make_full();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vivaldi again = make(1, PEERS);
        uint8_t bytes[2048];
        size_t size = vivaldi_image_write(&v, NOW_S, WALL_S, bytes);
        bytes_put_be32(bytes + rows[i].at, rows[i].value);
        bytes_put_be32(bytes + size - 4, bytes_crc32c(0, bytes, size - 4));
        CHECK(vivaldi_image_read(&again, NOW_S, 0, bytes, size) == ERR_DATA_LOSS && again.peers.count == 0, "row %zu: %s", i, rows[i].why);
    }
}

int main(void)
{
    a_restart_goes_on();
    a_restart_stays_where_it_was();
    what_is_damaged_is_refused();
    values_are_looked_at();
    return CHECK_RESULT();
}
