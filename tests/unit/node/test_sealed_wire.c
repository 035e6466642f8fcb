/* The bytes are those of tests/vectors/sealed.txt, which other code made; and what fits is what is stated. */
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/sealed_key.h"
#include "tests/support/check.h"

enum { LINE_MAX_LEN = 4096, VALUE_MAX = 1200 };

static const char *vectors;

/* The value that the file has for `name`; its length. */
static size_t value_of(const char *name, uint8_t ret[VALUE_MAX])
{
    char line[LINE_MAX_LEN];
    size_t len = strlen(name), size = 0;
    FILE *file = fopen(vectors, "r");

    REQUIRE(file != NULL, "%s", vectors);
    while (size == 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, len) == 0 && line[len] == ':') {
            line[strcspn(line, "\n")] = 0;
            size = strlen(line + len + 2) / 2;
            REQUIRE(size <= VALUE_MAX && bytes_from_hex(line + len + 2, ret, size), "%s", line);
        }
    }
    (void)fclose(file);
    REQUIRE(size > 0, "no value for %s", name);
    return size;
}

static void is_value(const char *name, const uint8_t *bytes, size_t size)
{
    uint8_t value[VALUE_MAX];

    CHECK(value_of(name, value) == size && memcmp(value, bytes, size) == 0, "%s", name);
}

static const uint8_t id_i[NODE_ID_LEN] = {[0 ... 31] = 0x11}, id_r[NODE_ID_LEN] = {[0 ... 31] = 0x22};
static const uint8_t cluster_id[NODE_CLUSTER_ID_LEN] = {[0 ... 15] = 0xc1};
static const uint8_t token[SEALED_TOKEN_LEN] = {[0 ... 15] = 0x33};
static uint8_t salt_i[SEALED_SALT_LEN], salt_r[SEALED_SALT_LEN];
static struct sealed_epoch epoch;
static struct sealed_session_keys keys;
enum { EPOCH = 7, COUNTER = 258 };
#define INDEX_I 0xabcd0000u
#define INDEX_R 0x12340005u

static void keys_are_those_of_the_vectors(void)
{
    uint8_t cluster_key[NODE_KEY_LEN], shared[NODE_KEY_LEN], seed[NODE_SEED_LEN];
    struct node_keys i, r;

    memset(seed, 1, sizeof seed);
    keys_derive(seed, &i);
    memset(seed, 2, sizeof seed);
    keys_derive(seed, &r);
    is_value("dh public initiator", i.dh_public, NODE_KEY_LEN);
    is_value("dh public responder", r.dh_public, NODE_KEY_LEN);
    REQUIRE(sealed_key_shared(i.dh_secret, r.id, shared) == ERR_OK, "a secret in common");
    is_value("shared", shared, sizeof shared);
    REQUIRE(sealed_key_shared(r.dh_secret, i.id, shared) == ERR_OK, "from the other side");
    is_value("shared", shared, sizeof shared);

    memset(cluster_key, 0xa7, sizeof cluster_key);
    sealed_key_epoch(EPOCH, cluster_key, cluster_id, &epoch);
    is_value("hello key", epoch.hello_key, NODE_KEY_LEN);
    is_value("answer key", epoch.answer_key, NODE_KEY_LEN);
    is_value("notice key", epoch.notice_key, NODE_KEY_LEN);
    for (uint8_t k = 0; k < SEALED_SALT_LEN; k++) {
        salt_i[k] = k;
        salt_r[k] = (uint8_t)(16 + k);
    }
    sealed_key_session(&epoch, shared, &(struct sealed_side){id_i, salt_i, INDEX_I},
                       &(struct sealed_side){id_r, salt_r, INDEX_R}, &keys);
    is_value("to responder", keys.to_responder, NODE_KEY_LEN);
    is_value("to initiator", keys.to_initiator, NODE_KEY_LEN);
    is_value("tag", keys.tag, SEALED_MAC_LEN);
}

static void questions_are_those_of_the_vectors(void)
{
    uint8_t out[SEALED_HELLO_MAX];
    struct sealed_hello h = {.from = INDEX_I, .keys = 1, .key[0].epoch = EPOCH}, h_back = {.keys = 0};
    struct sealed_cookie c = {.to = INDEX_I, .epoch = EPOCH}, c_back = {.to = 0};
    struct sealed_welcome w = {.to = INDEX_I, .from = INDEX_R, .epoch = EPOCH}, w_back = {.to = 0};

    memcpy(h.salt, salt_i, sizeof h.salt);
    memcpy(h.id, id_i, sizeof h.id);
    memcpy(h.target, id_r, sizeof h.target);
    memcpy(h.cluster, cluster_id, sizeof h.cluster);
    memcpy(h.token, token, sizeof h.token);
    (void)sealed_wire_put_hello(&h, out);
    sealed_key_mac(epoch.hello_key, out, SEALED_HELLO_BODY, NULL, h.key[0].mac);
    is_value("hello", out, sealed_wire_put_hello(&h, out));
    CHECK(sealed_wire_get_hello(out, &h_back) && memcmp(&h, &h_back, sizeof h) == 0, "read back");

    memcpy(c.token, token, sizeof c.token);
    sealed_wire_put_cookie(&c, out);
    sealed_key_mac(epoch.answer_key, out, SEALED_COOKIE_BODY, salt_i, c.mac);
    sealed_wire_put_cookie(&c, out);
    is_value("cookie", out, SEALED_COOKIE_LEN);
    CHECK(sealed_wire_get_cookie(out, &c_back) && memcmp(&c, &c_back, sizeof c) == 0, "read back");

    memcpy(w.salt, salt_r, sizeof w.salt);
    memcpy(w.id, id_r, sizeof w.id);
    memcpy(w.tag, keys.tag, sizeof w.tag);
    sealed_wire_put_welcome(&w, out);
    sealed_key_mac(epoch.answer_key, out, SEALED_WELCOME_BODY, salt_i, w.mac);
    sealed_wire_put_welcome(&w, out);
    is_value("welcome", out, SEALED_WELCOME_LEN);
    CHECK(sealed_wire_get_welcome(out, &w_back) && memcmp(&w, &w_back, sizeof w) == 0, "read back");
}

static void data_is_that_of_the_vectors(void)
{
    static const uint8_t payload[] = "knock, knock";
    const struct sealed_header there = {EPOCH, COUNTER, INDEX_R, INDEX_I}, back = {EPOCH, COUNTER, INDEX_I, INDEX_R};
    struct sealed_header read;
    uint8_t out[SEALED_PACKET_MAX];

    sealed_wire_put_header(SEALED_DATA, &there, out);
    size_t size = sealed_key_seal(keys.to_responder, COUNTER, payload, sizeof payload - 1, out);
    is_value("data", out, size);
    sealed_wire_get_header(out, &read);
    CHECK(read.epoch == EPOCH && read.counter == COUNTER && read.to == INDEX_R && read.from == INDEX_I, "read back");
    CHECK(sealed_key_open(keys.to_responder, COUNTER, out, size) == ERR_OK &&
              memcmp(out + SEALED_HEADER_LEN, payload, sizeof payload - 1) == 0, "opened");
    sealed_wire_put_header(SEALED_NOTICE, &back, out);
    sealed_key_mac(epoch.notice_key, out, SEALED_HEADER_LEN, NULL, out + SEALED_HEADER_LEN);
    is_value("notice", out, SEALED_NOTICE_LEN);
}

static const struct {
    uint8_t head[2];
    size_t size;
    bool fits;
    bool is_type;
    const char *why;
} rows[] = {
    {{SEALED_DATA}, SEALED_DATA_MIN, true, true, "an empty payload"},
    {{SEALED_DATA}, SEALED_DATA_MIN - 1, false, true, "no room for a tag"},
    {{SEALED_DATA}, SEALED_PACKET_MAX, true, true, "the largest"},
    {{SEALED_DATA}, SEALED_PACKET_MAX + 1, false, true, "one byte more"},
    {{SEALED_HELLO, 1}, 144, true, true, "one key"},
    {{SEALED_HELLO, 2}, 160, true, true, "two keys"},
    {{SEALED_HELLO, 2}, 144, false, true, "two were announced"},
    {{SEALED_HELLO, 0}, 128, false, true, "none"},
    {{SEALED_HELLO, 3}, 176, false, true, "three"},
    {{SEALED_COOKIE}, SEALED_COOKIE_LEN, true, true, "a COOKIE"},
    {{SEALED_COOKIE}, SEALED_COOKIE_LEN + 1, false, true, "a longer one"},
    {{SEALED_WELCOME}, SEALED_WELCOME_LEN, true, true, "a WELCOME"},
    {{SEALED_WELCOME}, SEALED_WELCOME_LEN - 1, false, true, "a shorter one"},
    {{SEALED_NOTICE}, SEALED_NOTICE_LEN, true, true, "a NOTICE"},
    {{SEALED_NOTICE}, SEALED_NOTICE_LEN + 1, false, true, "a longer one"},
    {{0x10}, 64, false, false, "no kind"},
    {{0x16}, 64, false, false, "one past the last kind"},
    {{0x24}, 64, false, false, "another version"},
    {{0}, 64, false, false, "zeros"},
};

static void only_what_is_stated_fits(void)
{
    uint8_t bytes[SEALED_PACKET_MAX + 1] = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool is_type = false;
        memcpy(bytes, rows[i].head, sizeof rows[i].head);
        CHECK(sealed_wire_fits(bytes, rows[i].size, &is_type) == rows[i].fits && is_type == rows[i].is_type,
              "row %zu: %s", i, rows[i].why);
    }
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 2, "usage: test_node_sealed_wire FILE");
    vectors = argv[1];
    keys_are_those_of_the_vectors();
    questions_are_those_of_the_vectors();
    data_is_that_of_the_vectors();
    only_what_is_stated_fits();
    return CHECK_RESULT();
}
