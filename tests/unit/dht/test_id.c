/* Claims about ids: vectors of SHA-1, distances, the order of things with ids against a naive list. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "dht/order.h"
#include "tests/unit/dht/kit.h"

/* RFC 3174, section 7.3, and both sides of the edge where the length needs a block of its own. */
static void sha1_has_its_vectors(void)
{
    static const struct {
        const char *text;
        uint32_t times;
        const char *hex;
    } rows[] = {
        {"abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {"0123456701234567012345670123456701234567012345670123456701234567", 10,
         "dea356a2cddd90c7a7ecedc5ebb563934f460452"},
        {"", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"a", 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
        {"a", 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
        {"a", 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1024] = "", hex[2 * DHT_ID_SIZE + 1];
        uint8_t out[DHT_ID_SIZE];
        for (uint32_t k = 0; k < rows[i].times; k++) {
            strcat(text, rows[i].text);
        }
        dht_id_sha1(text, strlen(text), out);
        bytes_to_hex(out, sizeof out, hex);
        CHECK(strcmp(hex, rows[i].hex) == 0, "row %zu: %s", i, hex);
    }
}

static void distance_is_xor(void)
{
    struct dht_id zero = {{0}}, a = {{0x80}}, b = {{0x40}}, last = {{0}};

    last.byte[DHT_ID_SIZE - 1] = 1;
    CHECK(dht_id_common(&zero, &zero) == DHT_BITS, "the same");
    CHECK(dht_id_common(&zero, &a) == 0 && dht_id_common(&zero, &b) == 1 && dht_id_common(&zero, &last) == 159, "bits");
    CHECK(dht_id_is_nearer(&zero, &last, &b) && dht_id_is_nearer(&zero, &b, &a), "less is nearer");
    CHECK(!dht_id_is_nearer(&zero, &a, &a), "nothing is nearer than itself");
    CHECK(dht_id_is_nearer(&a, &a, &zero) && dht_id_is_nearer(&a, &zero, &b), "seen from elsewhere it is another order");
    CHECK(dht_id_bit(&a, 0) && !dht_id_bit(&a, 1) && dht_id_bit(&last, 159), "the first bit is the highest");
}

enum { THINGS = 200, TURNS = 3000 };

static struct dht_id thing[THINGS], goal;

static int by_distance(const void *a, const void *b)
{
    const struct dht_id *x = &thing[*(const uint16_t *)a], *y = &thing[*(const uint16_t *)b];

    return dht_id_is_nearer(&goal, x, y) ? -1 : dht_id_is_nearer(&goal, y, x);
}

static bool is_even(const void *context, uint16_t index)
{
    (void)context;
    return index % 2 == 0;
}

/* Prefixes are made alike, so that stretches are long and edges are met. */
static void draw(struct rng *r, struct dht_id *id)
{
    for (uint32_t i = 0; i < DHT_ID_SIZE; i++) {
        id->byte[i] = (uint8_t)(i < 2 ? rng_below(r, 4) : i == 19 ? rng_next(r) : 0);
    }
}

static void look(const struct dht_order *o, struct rng *r)
{
    uint16_t naive[THINGS], near[THINGS];
    uint32_t most = 1 + (uint32_t)rng_below(r, 30), first, end, counted = 0, evens = 0;
    uint32_t bits = (uint32_t)rng_below(r, DHT_BITS);
    bool is_flipped = rng_below(r, 2) == 0;

    draw(r, &goal);
    memcpy(naive, o->index, o->count * sizeof *naive);
    qsort(naive, o->count, sizeof *naive, by_distance);
    uint32_t found = dht_order_nearest(o, &goal, false, NULL, NULL, near, most);
    CHECK(found == (most < o->count ? most : o->count) && memcmp(near, naive, found * sizeof *near) == 0, "the nearest");
    found = dht_order_nearest(o, &goal, true, NULL, NULL, near, 1);
    CHECK(found == (o->count > 0) && (found == 0 || near[0] == naive[o->count - 1]), "the farthest");
    found = dht_order_nearest(o, &goal, false, is_even, NULL, near, THINGS);
    for (uint32_t i = 0; i < o->count; i++) {
        if (naive[i] % 2 == 0) {
            CHECK(evens < found && near[evens] == naive[i], "only those that are wanted, at %u", i);
            evens++;
        }
        uint32_t common = dht_id_common(&goal, &thing[naive[i]]);
        counted += is_flipped ? common == bits : common >= bits;
    }
    CHECK(evens == found, "and all of them");
    dht_order_stretch(o, &goal, bits, is_flipped, &first, &end);
    CHECK(end - first == counted, "a stretch of %u bits has %u, not %u", bits, end - first, counted);
}

static void the_order_is_a_sorted_list(void)
{
    uint16_t index[THINGS];
    bool is_in[THINGS] = {false};
    struct dht_order o = {.base = (const uint8_t *)thing, .stride = sizeof *thing, .index = index};
    struct rng r;

    rng_init(&r, 1);
    for (uint32_t i = 0; i < THINGS; i++) {
        bool is_new = false;
        while (!is_new) {
            draw(&r, &thing[i]);
            is_new = true;
            for (uint32_t k = 0; k < i; k++) {
                is_new = is_new && !dht_id_equal(&thing[i], &thing[k]);
            }
        }
    }
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        uint16_t at = (uint16_t)rng_below(&r, THINGS);
        uint32_t place = dht_order_lower(&o, &thing[at]);
        CHECK((place < o.count && o.index[place] == at) == is_in[at], "it is found when it is there");
        if (is_in[at]) {
            dht_order_remove(&o, place);
        } else {
            dht_order_insert(&o, place, at);
        }
        is_in[at] = !is_in[at];
        for (uint32_t i = 1; i < o.count; i++) {
            CHECK(memcmp(dht_order_id(&o, i - 1), dht_order_id(&o, i), DHT_ID_SIZE) < 0, "ascending at %u", i);
        }
        if (turn % 8 == 0) {
            look(&o, &r);
        }
    }
}

/* A cell's name with its namespace is longer than a salt may be; it is found all the same, and is nobody else's. */
static void long_names_have_salts(void)
{
    char name[131], other[131];
    uint8_t salt[DHT_SALT_MAX], same[DHT_SALT_MAX];

    for (size_t size = 1; size < sizeof name; size++) {
        memset(name, 'a', size);
        name[size] = '\0';
        memcpy(other, name, size + 1);
        other[size - 1] = 'b';
        size_t got = dht_record_service_salt(name, salt);
        CHECK(size <= DHT_SALT_MAX ? got == size && memcmp(salt, name, size) == 0 : got == DHT_SALT_MAX - 1 && salt[0] == '#',
              "%zu characters: %zu", size, got);
        CHECK(dht_record_service_salt(name, same) == got && memcmp(salt, same, got) == 0, "the same of %zu every time", size);
        CHECK(dht_record_service_salt(other, same) == got && memcmp(salt, same, got) != 0, "another's of %zu is another", size);
    }
}

int main(void)
{
    long_names_have_salts();
    sha1_has_its_vectors();
    distance_is_xor();
    the_order_is_a_sorted_list();
    return CHECK_RESULT();
}
