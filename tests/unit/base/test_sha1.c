/* SHA-1 has its vectors, in whatever pieces it gets them. */
#include "common/base/sha1.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

/* RFC 3174, section 7.3, and both sides of the edges where a block is full and where the length needs one of its own. */
static const struct {
    const char *text;
    uint32_t times;
    const char *hex;
} rows[] = {
    {"abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    {"0123456701234567012345670123456701234567012345670123456701234567", 10, "dea356a2cddd90c7a7ecedc5ebb563934f460452"},
    {"", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {"a", 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
    {"a", 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
    {"a", 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
};

static void it_has_its_vectors(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char hex[2 * SHA1_SIZE + 1];
        uint8_t out[SHA1_SIZE];
        struct sha1 s;

        sha1_init(&s);
        for (uint32_t k = 0; k < rows[i].times; k++) {
            sha1_add(&s, rows[i].text, strlen(rows[i].text));
        }
        sha1_end(&s, out);
        bytes_to_hex(out, sizeof out, hex);
        CHECK(strcmp(hex, rows[i].hex) == 0, "row %zu: %s", i, hex);
    }
}

static void pieces_make_no_difference(void)
{
    uint8_t bytes[400], whole[SHA1_SIZE], parts[SHA1_SIZE];
    struct rng r;

    rng_init(&r, 1);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)rng_next(&r);
    }
    for (unsigned n = 0; n < 5000; n++) {
        size_t size = rng_below(&r, sizeof bytes), done = 0;
        struct sha1 s;

        sha1_init(&s);
        sha1_add(&s, bytes, size);
        sha1_end(&s, whole);
        sha1_init(&s);
        while (done < size) {
            size_t more = rng_below(&r, rng_below(&r, 2) == 0 ? 4 : size - done + 1);

            more = more > size - done ? size - done : more;
            sha1_add(&s, bytes + done, more);
            done += more;
        }
        sha1_end(&s, parts);
        CHECK(memcmp(whole, parts, sizeof whole) == 0, "%zu bytes", size);
    }
}

int main(void)
{
    it_has_its_vectors();
    pieces_make_no_difference();
    return CHECK_RESULT();
}
