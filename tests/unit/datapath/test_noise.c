/* The handshake against the published vector, then against everything that somebody between the two could do.
 * Usage: test_noise VECTORS.json */
#include "datapath/noise.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "datapath/aead.h"
#include "tests/support/check.h"

enum {
    ROUNDS = 12,      /* pairs of drawn keys */
    PAYLOAD = 12,     /* WireGuard's first    */
    FIRST = DATAPATH_NOISE_FIRST + PAYLOAD,
    SECOND = DATAPATH_NOISE_SECOND,
};

/* ---- the vector ------------------------------------------------------------------------------------- */

static size_t field(const json_t *vector, const char *name, uint8_t *out, size_t room)
{
    const json_t *value = json_object_get(vector, name);
    const char *hex = json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);

    REQUIRE(hex != NULL && strlen(hex) / 2 <= room, "%s", name);
    REQUIRE(bytes_from_hex(hex, out, strlen(hex) / 2), "%s", name);
    return strlen(hex) / 2;
}

static void keys_of(const json_t *vector, const char *name, struct datapath_noise_self *ret)
{
    field(vector, name, ret->secret, sizeof ret->secret);
    REQUIRE(datapath_noise_public(ret) == ERR_OK, "%s", name);
}

static void transport_holds(const json_t *messages, struct datapath_noise *i, struct datapath_noise *r)
{
    uint8_t send[2][32], receive[2][32], text[64], sealed[96], out[96];
    uint64_t counter[2] = {0, 0};

    datapath_noise_split(i, true, send[0], receive[0]);
    datapath_noise_split(r, false, send[1], receive[1]);
    CHECK(memcmp(send[0], receive[1], 32) == 0 && memcmp(send[1], receive[0], 32) == 0, "each sends what is read");
    CHECK(sodium_is_zero(i->chain, sizeof i->chain) && sodium_is_zero(i->ephemeral, sizeof i->ephemeral), "wiped");
    for (size_t k = 2; k < json_array_size(messages); k++) {
        size_t size = field(json_array_get(messages, k), "payload", text, sizeof text);
        size_t sealed_size = field(json_array_get(messages, k), "ciphertext", sealed, sizeof sealed);
        datapath_aead_sodium.seal(NULL, send[k % 2], counter[k % 2]++, text, size, out);
        CHECK(sealed_size == size + DATAPATH_AEAD_TAG && memcmp(out, sealed, sealed_size) == 0, "message %zu", k);
    }
}

static void vector_holds(const json_t *vector)
{
    struct datapath_noise_self a, b;
    struct datapath_noise i, r;
    uint8_t prologue[32], psk[32], e[2][32], remote[32], shared[2][32], text[64], expected[160], out[160], back[64];
    uint8_t hash[32];
    const json_t *messages = json_object_get(vector, "messages");
    size_t prologue_size = field(vector, "init_prologue", prologue, sizeof prologue);

    keys_of(vector, "init_static", &a);
    keys_of(vector, "resp_static", &b);
    field(vector, "init_psks", psk, sizeof psk);
    field(vector, "init_ephemeral", e[0], 32);
    field(vector, "resp_ephemeral", e[1], 32);
    field(vector, "init_remote_static", remote, 32);
    CHECK(memcmp(remote, b.public, 32) == 0, "public keys");
    REQUIRE(datapath_noise_shared(&a, b.public, shared[0]) == ERR_OK, "shared");
    REQUIRE(datapath_noise_shared(&b, a.public, shared[1]) == ERR_OK, "shared");
    datapath_noise_begin(&i, prologue, prologue_size, b.public);
    datapath_noise_begin(&r, prologue, prologue_size, b.public);
    size_t size = field(json_array_get(messages, 0), "payload", text, sizeof text);
    size_t total = field(json_array_get(messages, 0), "ciphertext", expected, sizeof expected);
    REQUIRE(datapath_noise_write_first(&i, &a, b.public, shared[0], e[0], text, size, out) == ERR_OK, "first");
    CHECK(total == size + DATAPATH_NOISE_FIRST && memcmp(out, expected, total) == 0, "the first message");
    REQUIRE(datapath_noise_read_who(&r, &b, out, total) == ERR_OK, "who");
    CHECK(memcmp(r.peer, a.public, 32) == 0, "it is the initiator");
    REQUIRE(datapath_noise_read_first(&r, shared[1], out, total, back) == ERR_OK, "the rest");
    CHECK(memcmp(back, text, size) == 0, "with its payload");
    size = field(json_array_get(messages, 1), "payload", text, sizeof text);
    total = field(json_array_get(messages, 1), "ciphertext", expected, sizeof expected);
    REQUIRE(datapath_noise_write_second(&r, psk, e[1], text, size, out) == ERR_OK, "second");
    CHECK(total == size + DATAPATH_NOISE_SECOND && memcmp(out, expected, total) == 0, "the second message");
    REQUIRE(datapath_noise_read_second(&i, &a, psk, out, total, back) == ERR_OK, "is read");
    CHECK(memcmp(back, text, size) == 0, "with its payload");
    field(vector, "handshake_hash", hash, sizeof hash);
    CHECK(memcmp(i.hash, hash, 32) == 0 && memcmp(r.hash, hash, 32) == 0, "both hashed the same");
    transport_holds(messages, &i, &r);
}

static void vectors_hold(const char *path)
{
    json_error_t why;
    json_t *root = json_load_file(path, 0, &why);
    size_t held = 0;

    REQUIRE(root != NULL, "%s: %s", path, why.text);
    const json_t *all = json_object_get(root, "vectors");
    for (size_t k = 0; k < json_array_size(all); k++) {
        const json_t *vector = json_array_get(all, k);
        const char *name = json_string_value(json_object_get(vector, "protocol_name"));
        if (strcmp(name, "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s") == 0) {
            vector_holds(vector);
            held++;
        }
    }
    CHECK(held == 1, "%zu vectors of this protocol", held);
    json_decref(root);
}

/* ---- drawn keys ------------------------------------------------------------------------------------- */

struct pair {
    struct datapath_noise_self a, b;
    uint8_t shared[32], psk[32], e[2][32], time[PAYLOAD];
    struct datapath_noise i, r; /* before the second message */
    uint8_t first[FIRST], second[SECOND];
};

static void draw(struct pair *p)
{
    uint8_t both[2][32];

    randombytes_buf(p, sizeof *p);
    REQUIRE(datapath_noise_public(&p->a) == ERR_OK && datapath_noise_public(&p->b) == ERR_OK, "keys");
    REQUIRE(datapath_noise_shared(&p->a, p->b.public, both[0]) == ERR_OK, "shared");
    REQUIRE(datapath_noise_shared(&p->b, p->a.public, both[1]) == ERR_OK, "shared");
    CHECK(memcmp(both[0], both[1], 32) == 0, "both have one");
    memcpy(p->shared, both[0], 32);
}

static void begin(struct pair *p)
{
    datapath_noise_begin(&p->i, "p", 1, p->b.public);
    datapath_noise_begin(&p->r, "p", 1, p->b.public);
    REQUIRE(datapath_noise_write_first(&p->i, &p->a, p->b.public, p->shared, p->e[0], p->time, PAYLOAD, p->first) ==
                ERR_OK, "first");
}

static enum err read_first(const struct pair *p, struct datapath_noise *r, const uint8_t *message, size_t size,
                           uint8_t time[PAYLOAD])
{
    enum err e = datapath_noise_read_who(r, &p->b, message, size);

    return e != ERR_OK ? e : datapath_noise_read_first(r, p->shared, message, size, time);
}

static void no_bit_may_differ(struct pair *p)
{
    uint8_t time[PAYLOAD], none[1];
    struct datapath_noise before = p->i;

    for (size_t bit = 0; bit < 8 * sizeof p->first; bit += 1 + bit % 3) {
        struct datapath_noise r = p->r;
        p->first[bit / 8] ^= (uint8_t)(1 << bit % 8);
        /* The top bit of an X25519 key is ignored by the multiplication, not by the hash. */
        CHECK(read_first(p, &r, p->first, sizeof p->first, time) == ERR_FORGED, "first, bit %zu", bit);
        p->first[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    REQUIRE(read_first(p, &p->r, p->first, sizeof p->first, time) == ERR_OK, "the true one");
    CHECK(memcmp(time, p->time, PAYLOAD) == 0 && memcmp(p->r.peer, p->a.public, 32) == 0, "says who and when");
    REQUIRE(datapath_noise_write_second(&p->r, p->psk, p->e[1], NULL, 0, p->second) == ERR_OK, "second");
    for (size_t bit = 0; bit < 8 * sizeof p->second; bit++) {
        p->second[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(datapath_noise_read_second(&p->i, &p->a, p->psk, p->second, SECOND, none) == ERR_FORGED, "bit %zu", bit);
        p->second[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK(memcmp(&before, &p->i, sizeof before) == 0, "what was forged left nothing behind");
    struct datapath_noise other = p->i;
    p->psk[31] ^= 1;
    CHECK(datapath_noise_read_second(&other, &p->a, p->psk, p->second, SECOND, none) == ERR_FORGED, "another psk");
    p->psk[31] ^= 1;
    CHECK(datapath_noise_read_second(&p->i, &p->a, p->psk, p->second, SECOND, none) == ERR_OK, "the true one");
}

static void wrong_keys_are_refused(const struct pair *p)
{
    struct datapath_noise r, fresh;
    struct datapath_noise_self other;
    uint8_t time[PAYLOAD], shared[32], out[FIRST];

    randombytes_buf(&other, sizeof other);
    REQUIRE(datapath_noise_public(&other) == ERR_OK, "keys");
    datapath_noise_begin(&fresh, "p", 1, p->b.public);
    r = fresh;
    CHECK(datapath_noise_read_who(&r, &other, p->first, FIRST) == ERR_FORGED, "for another responder");
    datapath_noise_begin(&r, "q", 1, p->b.public);
    CHECK(datapath_noise_read_who(&r, &p->b, p->first, FIRST) == ERR_FORGED, "another prologue");
    /* Who claims to be somebody needs that one's secret for the rest. */
    REQUIRE(datapath_noise_shared(&other, p->b.public, shared) == ERR_OK, "shared");
    r = fresh;
    REQUIRE(datapath_noise_write_first(&r, &p->a, p->b.public, shared, p->e[0], p->time, PAYLOAD, out) == ERR_OK, "a claim");
    r = fresh;
    CHECK(datapath_noise_read_who(&r, &p->b, out, FIRST) == ERR_OK, "anybody can say who he is");
    CHECK(datapath_noise_read_first(&r, p->shared, out, FIRST, time) == ERR_FORGED, "and not prove it");
    for (size_t size = 0; size < DATAPATH_NOISE_FIRST; size++) {
        r = fresh;
        CHECK(datapath_noise_read_who(&r, &p->b, p->first, size) == ERR_MALFORMED, "%zu bytes", size);
        CHECK(datapath_noise_read_first(&r, p->shared, p->first, size, time) == ERR_MALFORMED, "%zu bytes", size);
    }
    for (size_t size = 0; size < SECOND; size++) {
        r = p->i;
        CHECK(datapath_noise_read_second(&r, &p->a, p->psk, p->second, size, time) == ERR_MALFORMED, "%zu", size);
    }
}

/* The points of small order (RFC 7748, section 6.1, and the list of libsodium's tests): multiplied they give zeros. */
static void small_orders_are_refused(const struct pair *p)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    struct datapath_noise_self nobody = {0};

    CHECK(datapath_noise_public(&nobody) == ERR_INVALID, "a secret of zeros");
    for (size_t k = 0; k < ARRAY_LEN(points); k++) {
        uint8_t point[32], shared[32] = {7}, message[FIRST] = {0}, none[1], before[32];
        struct datapath_noise n;
        REQUIRE(bytes_from_hex(points[k], point, 32), "%s", points[k]);
        memcpy(before, shared, 32);
        CHECK(datapath_noise_shared(&p->a, point, shared) == ERR_FORGED, "static key %zu", k);
        CHECK(memcmp(shared, before, 32) == 0, "untouched");
        memcpy(message, point, 32);
        datapath_noise_begin(&n, "p", 1, p->b.public);
        CHECK(datapath_noise_read_who(&n, &p->b, message, FIRST) == ERR_FORGED, "initiator's ephemeral %zu", k);
        n = p->i;
        CHECK(datapath_noise_read_second(&n, &p->a, p->psk, message, SECOND, none) == ERR_FORGED, "responder's %zu", k);
        datapath_noise_begin(&n, "p", 1, point);
        CHECK(datapath_noise_write_first(&n, &p->a, point, p->shared, p->e[0], NULL, 0, message) == ERR_FORGED,
              "to %zu", k);
        n = p->r;
        memcpy(n.remote, point, 32);
        CHECK(datapath_noise_write_second(&n, p->psk, p->e[1], NULL, 0, message) == ERR_FORGED, "to ephemeral %zu", k);
    }
}

int main(int argc, char **argv)
{
    static struct pair p;

    REQUIRE(argc == 2, "usage: test_noise VECTORS.json");
    REQUIRE(sodium_init() >= 0, "libsodium");
    vectors_hold(argv[1]);
    for (int k = 0; k < ROUNDS; k++) {
        draw(&p);
        begin(&p);
        if (k == 0) {
            no_bit_may_differ(&p);
            wrong_keys_are_refused(&p);
            small_orders_are_refused(&p);
        } else {
            uint8_t time[PAYLOAD], none[1], send[2][32], receive[2][32];
            REQUIRE(read_first(&p, &p.r, p.first, FIRST, time) == ERR_OK, "pair %d", k);
            REQUIRE(datapath_noise_write_second(&p.r, p.psk, p.e[1], NULL, 0, p.second) == ERR_OK, "pair %d", k);
            REQUIRE(datapath_noise_read_second(&p.i, &p.a, p.psk, p.second, SECOND, none) == ERR_OK, "pair %d", k);
            datapath_noise_split(&p.i, true, send[0], receive[0]);
            datapath_noise_split(&p.r, false, send[1], receive[1]);
            CHECK(memcmp(send[0], receive[1], 32) == 0 && memcmp(receive[0], send[1], 32) == 0, "pair %d", k);
            CHECK(memcmp(send[0], send[1], 32) != 0, "two directions, two keys");
        }
    }
    return CHECK_RESULT();
}
