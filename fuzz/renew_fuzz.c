/* A question for news whose frames somebody changes on the way, whose sealed contents a dishonest member or issuer writes,
 * and updates that the issuer's own key has signed: no crash, nobody served under another id, nothing that goes back, every
 * side that refused has ended.
 *
 * Input: a byte that says which frame is touched (0 to 3), whether its contents are (bit 2), or 8: the rest is an update; a
 * byte that says what happens (even: bytes are changed; odd: the frame is the rest of the input), then for changes triples:
 * position (2), value. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/node/renew.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    NOW = 1764316800,
    FRAMES = 4,
    IS_UPDATE = 8,
};

static const uint8_t issuer_seed[NODE_SEED_LEN] = {1};
static struct tickets tickets;
static struct node_keys issuer, node;

struct frame {
    uint8_t bytes[RENEW_FRAME_MAX];
    size_t size;
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void prepare(void)
{
    const uint8_t seed[NODE_SEED_LEN] = {2};

    must(sodium_init() >= 0);
    keys_derive(issuer_seed, &issuer);
    keys_derive(seed, &node);
    memset(&tickets, 0, sizeof tickets);
    must(tickets_enter_self(&tickets, "db-1", node.id, NOW) == ERR_OK); /* a member, whichever */
}

static void change(struct frame *f, const uint8_t *data, size_t size, bool is_whole)
{
    if (is_whole) {
        f->size = size < sizeof f->bytes ? size : sizeof f->bytes;
        memcpy(f->bytes, data, f->size);
        return;
    }
    for (; size >= 3 && f->size > 0; data += 3, size -= 3) {
        f->bytes[(data[0] << 8 | data[1]) % f->size] = data[2];
    }
}

/* The same to what is inside of a sealed frame. */
static void change_inside(struct frame *f, const struct noise_cipher *key, const uint8_t *data, size_t size,
                          bool is_whole)
{
    static struct frame inside;
    struct noise_cipher open = *key, seal = *key;

    inside.size = f->size - NOISE_TAG;
    must(noise_open(&open, f->bytes, f->size, inside.bytes) == ERR_OK);
    change(&inside, data, size, is_whole);
    if (inside.size > RENEW_FRAME_MAX - NOISE_TAG) {
        inside.size = RENEW_FRAME_MAX - NOISE_TAG;
    }
    noise_seal(&seal, inside.bytes, inside.size, f->bytes);
    f->size = inside.size + NOISE_TAG;
}

/* Nobody guesses a signature: made right, the fields behind it are reached. */
static void look_at_update(const uint8_t *data, size_t size)
{
    static uint8_t bytes[UPDATE_MAX], again[UPDATE_MAX];
    struct cluster known = {.id = {1}, .issuer = {1}, .keys = 2, .epoch = {5, 4}, .key = {{5}, {4}}, .crl = 3}, before = known;
    uint8_t digest[64], secret[crypto_sign_SECRETKEYBYTES], own[NODE_ID_LEN];
    crypto_generichash_state state;
    struct update u;
    bool is_news;

    if (size > UPDATE_MAX - UPDATE_SIGNATURE) {
        return;
    }
    memcpy(bytes, data, size);
    (void)crypto_generichash_init(&state, NULL, 0, sizeof digest);
    (void)crypto_generichash_update(&state, (const uint8_t *)"cell update 1", sizeof "cell update 1");
    (void)crypto_generichash_update(&state, bytes, size);
    (void)crypto_generichash_final(&state, digest, sizeof digest);
    (void)crypto_sign_seed_keypair(own, secret, issuer_seed);
    (void)crypto_sign_detached(bytes + size, NULL, digest, sizeof digest, secret);
    if (update_read(bytes, size + UPDATE_SIGNATURE, issuer.id, &u) != ERR_OK) {
        return;
    }
    must(update_write(&u, issuer_seed, again) == size + UPDATE_SIGNATURE && memcmp(again, bytes, size) == 0);
    memcpy(u.cluster_id, known.id, sizeof u.cluster_id);
    memcpy(u.node, node.id, sizeof u.node);
    enum err e = update_merge(&u, node.id, &known, &is_news);
    must(cluster_check(&known) == ERR_OK && known.epoch[0] >= before.epoch[0] && known.crl >= before.crl);
    must(e == ERR_OK || memcmp(&known, &before, sizeof known) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t ephemeral[2][NOISE_KEY] = {{3}, {4}};
    static struct renew_client c;
    static struct renew_server s;
    static struct frame f, out;
    struct renew_ask ask = {.epoch = 3, .crl = 2, .certificate = "crt"}, asked;
    bool is_done = false;

    if (size < 2) {
        return 0;
    }
    prepare();
    if (data[0] == IS_UPDATE) {
        look_at_update(data + 2, size - 2);
        return 0;
    }
    int touched = data[0] & 3;
    bool is_inside = (data[0] & 4) != 0 && touched >= 2, is_whole = (data[1] & 1) != 0;
    renew_server_init(&s, &issuer, ephemeral[1]);
    must(renew_client_start(&c, &node, issuer.id, &ask, ephemeral[0], f.bytes, &f.size) == ERR_OK);
    for (int i = 0; i < FRAMES; i++) {
        enum err e;
        if (i == touched && is_inside) {
            change_inside(&f, i == 2 ? &s.receive : &c.receive, data + 2, size - 2, is_whole);
        } else if (i == touched) {
            change(&f, data + 2, size - 2, is_whole);
        }
        out.size = 0;
        if (i == 0) {
            e = renew_server_hello(&s, f.bytes, f.size, &tickets, NOW, out.bytes, &out.size);
            must(out.size > 0 && (e != ERR_OK || memcmp(s.node, node.id, NODE_ID_LEN) == 0));
        } else if (i == 2) {
            e = renew_server_request(&s, f.bytes, f.size, &asked);
            if (e == ERR_OK) {
                must(strlen(asked.certificate) < sizeof asked.certificate);
                renew_server_answer(&s, TOKEN_GRANTED, (const uint8_t *)"update", 6, out.bytes, &out.size);
            }
        } else {
            e = renew_client_step(&c, f.bytes, f.size, out.bytes, &out.size, &is_done);
            must(e != ERR_OK || (out.size > 0 && is_done == (i == 3)));
        }
        must(e == ERR_OK || (i % 2 == 0 ? s.state : c.state) == JOIN_ENDED);
        if (e != ERR_OK) {
            return 0;
        }
        memcpy(f.bytes, out.bytes, out.size);
        f.size = out.size;
    }
    return 0;
}
