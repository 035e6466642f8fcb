/* Shapes at and past every limit, and headers that differ in any one byte. */
#include "common/run/shm_shape.h"

#include <stdbool.h>
#include <string.h>

#include "tests/support/check.h"

static const struct shm_shape usual = {8, 2048, 1 << 20, 1 << 20};
static const uint8_t session[SHM_SHAPE_SESSION] = "a handshake's 16";

static void shapes_are_judged_at_every_limit(void)
{
    static const struct {
        struct shm_shape shape;
        enum err e;
        const char *why;
    } rows[] = {
        {{8, 2048, 1 << 20, 1 << 20}, ERR_OK, "usual"},
        {{1, 128, 0, 0}, ERR_OK, "the smallest"},
        {{0, 128, 0, 0}, ERR_INVALID, "no slot"},
        {{64, 65536, 64 << 20, SHM_SHAPE_RING_MAX}, ERR_OK, "the largest"},
        {{65, 128, 0, 0}, ERR_INVALID, "one slot more"},
        {{UINT32_MAX, 128, 0, 0}, ERR_INVALID, "absurdly many"},
        {{1, 0, 0, 0}, ERR_INVALID, "no room for the head"},
        {{1, 64, 0, 0}, ERR_INVALID, "half a pair of lines"},
        {{1, 192, 0, 0}, ERR_INVALID, "slots would share a pair of lines"},
        {{1, 65536 + 128, 0, 0}, ERR_INVALID, "past the largest slot"},
        {{1, 128, 4095, 0}, ERR_INVALID, "a loan that is no page"},
        {{1, 128, (64 << 20) + 4096, 0}, ERR_INVALID, "past the largest loan"},
        {{1, 128, 0xfffff000u, 0}, ERR_INVALID, "absurd loan"},
        {{1, 128, 0, 1}, ERR_INVALID, "a ring that is no page"},
        {{1, 128, 0, SHM_SHAPE_RING_MAX + 4096}, ERR_INVALID, "past the largest ring"},
        {{1, 128, 0, UINT64_MAX - 4095}, ERR_INVALID, "absurd ring"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(shm_shape_check(&rows[i].shape) == rows[i].e, "row %zu: %s", i, rows[i].why);
    }
}

static void regions_follow_one_another(void)
{
    static const struct shm_shape shapes[] = {
        {8, 2048, 1 << 20, 1 << 20}, {1, 128, 0, 0}, {64, 65536, 64 << 20, SHM_SHAPE_RING_MAX},
        {3, 1280, 4096, 8192}};

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        const struct shm_shape *s = &shapes[i];
        struct shm_plan p = shm_shape_plan(s);
        uint64_t at[] = {0, p.doorbell_at, p.counters_at, p.requests_at, p.responses_at,
                         p.request_loans_at, p.response_loans_at, p.ring_at, p.half_bytes};
        uint64_t need[] = {sizeof(struct shm_shape_header), sizeof(struct shm_doorbell),
                           sizeof(struct shm_counters), (uint64_t)s->slots * s->stride,
                           (uint64_t)s->slots * s->stride, (uint64_t)s->slots * s->loan_bytes,
                           (uint64_t)s->slots * s->loan_bytes, s->ring_bytes};
        for (size_t k = 0; k < ARRAY_LEN(need); k++) {
            CHECK(at[k] % SHM_SHAPE_PAGE == 0, "shape %zu: region %zu begins on a page", i, k);
            CHECK(at[k + 1] - at[k] >= need[k] && at[k + 1] - at[k] < need[k] + SHM_SHAPE_PAGE,
                  "shape %zu: region %zu has its room and no more", i, k);
        }
    }
}

static void a_header_with_any_other_byte_is_refused(void)
{
    struct shm_shape_header wanted = shm_shape_header(&usual, session, SHM_ACCEPTOR);
    struct shm_shape read = {0};
    uint64_t size = wanted.half_bytes;

    CHECK(shm_shape_match(&wanted, &wanted) == ERR_OK, "itself");
    CHECK(shm_shape_read(&wanted, size, &read) == ERR_OK && read.slots == usual.slots &&
              read.stride == usual.stride && read.loan_bytes == usual.loan_bytes &&
              read.ring_bytes == usual.ring_bytes,
          "a tool finds the shape");
    for (size_t i = 0; i < sizeof wanted; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct shm_shape_header other = wanted;
            ((uint8_t *)&other)[i] ^= (uint8_t)(1 << bit);
            enum err e = i < 8 ? ERR_MALFORMED : i < 12 ? ERR_INCOMPATIBLE : ERR_INVALID;
            CHECK(shm_shape_match(&other, &wanted) == e, "byte %zu bit %d", i, bit);
            /* A tool knows neither the handshake nor which side this is. */
            bool is_free = i >= 24 && i < 40;
            if (!is_free && other.role != SHM_CONNECTOR) {
                CHECK(shm_shape_read(&other, size, &read) == e, "tool: byte %zu bit %d", i, bit);
            }
        }
    }
}

static void headers_of_others_are_named(void)
{
    struct shm_shape_header wanted = shm_shape_header(&usual, session, SHM_ACCEPTOR);
    struct shm_shape_header other = wanted;
    struct shm_shape read = {0};

    other.version++;
    CHECK(shm_shape_match(&other, &wanted) == ERR_INCOMPATIBLE, "the next version");
    CHECK(shm_shape_read(&other, wanted.half_bytes, &read) == ERR_INCOMPATIBLE, "to a tool too");
    other = shm_shape_header(&usual, session, SHM_CONNECTOR);
    CHECK(shm_shape_match(&other, &wanted) == ERR_INVALID, "our own half, reflected");
    other = shm_shape_header(&usual, (const uint8_t *)"another shake 16", SHM_ACCEPTOR);
    CHECK(shm_shape_match(&other, &wanted) == ERR_INVALID, "a half of another handshake");
    CHECK(shm_shape_read(&wanted, wanted.half_bytes - 1, &read) == ERR_INVALID, "a file cut short");
    CHECK(shm_shape_read(&wanted, wanted.half_bytes + 1, &read) == ERR_INVALID, "a file too long");
    memset(&other, 0, sizeof other);
    CHECK(shm_shape_read(&other, 0, &read) == ERR_MALFORMED && read.slots == 0, "zeros");
}

int main(void)
{
    shapes_are_judged_at_every_limit();
    regions_follow_one_another();
    a_header_with_any_other_byte_is_refused();
    headers_of_others_are_named();
    return CHECK_RESULT();
}
