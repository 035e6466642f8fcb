/* Claims about words that others pass on. */
#include "common/node/word.h"

#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "tests/support/check.h"

enum { SEEDS = 64 };

static struct node_keys keys_of(uint8_t who)
{
    struct node_keys k = {.name = "n", .cluster_keys = 1, .cluster_epoch = {1}};
    uint8_t seed[NODE_SEED_LEN];

    memset(seed, who, sizeof seed);
    seed[0] ^= 0x5a;
    memset(k.cluster_id, 0xc1, sizeof k.cluster_id);
    memset(k.cluster_key[0], 0xcc, sizeof k.cluster_key[0]);
    keys_derive(seed, &k);
    return k;
}

/* A cell has no seed; what it makes of the X25519 secret is what any Ed25519 takes for the id's. */
static void it_is_a_signature_of_the_id(void)
{
    for (uint8_t i = 0; i < SEEDS; i++) {
        struct node_keys k = keys_of(i);
        uint8_t word[WORD_LEN], again[WORD_LEN], text[12 + NODE_CLUSTER_ID_LEN + NODE_ID_LEN + 8] = "cell left 1";
        uint64_t incarnation = UINT64_C(1) << (i % 53);
        word_say(&k, WORD_LEFT, incarnation, word);
        word_say(&k, WORD_LEFT, incarnation, again);
        CHECK(memcmp(word, again, sizeof word) == 0, "the same each time");
        memcpy(text + 12, k.cluster_id, NODE_CLUSTER_ID_LEN);
        memcpy(text + 28, k.id, NODE_ID_LEN);
        bytes_put_be64(text + 60, incarnation);
        CHECK(crypto_sign_verify_detached(word, text, sizeof text, k.id) == 0, "of the text that PROTOCOL.md has (%u)", i);
        CHECK(word_is_said(k.cluster_id, k.id, WORD_LEFT, incarnation, word), "and so it is taken");
    }
}

static void it_is_of_one_node_cluster_and_incarnation(void)
{
    struct node_keys k = keys_of(1), other = keys_of(2);
    uint8_t word[WORD_LEN], cluster[NODE_CLUSTER_ID_LEN];

    word_say(&k, WORD_LEFT, 7, word);
    memcpy(cluster, k.cluster_id, sizeof cluster);
    CHECK(word_is_said(cluster, k.id, WORD_LEFT, 7, word), "it is that one");
    CHECK(!word_is_said(cluster, k.id, WORD_LIVES, 7, word), "and says nothing else");
    CHECK(!word_is_said(cluster, other.id, WORD_LEFT, 7, word), "not another node's");
    CHECK(!word_is_said(cluster, k.id, WORD_LEFT, 6, word) && !word_is_said(cluster, k.id, WORD_LEFT, 8, word), "not of another life");
    cluster[0] ^= 1;
    CHECK(!word_is_said(cluster, k.id, WORD_LEFT, 7, word), "not in another cluster");
    cluster[0] ^= 1;
    for (size_t bit = 0; bit < 8 * sizeof word; bit++) {
        word[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(!word_is_said(cluster, k.id, WORD_LEFT, 7, word), "bit %zu", bit);
        word[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    memset(word, 0, sizeof word);
    CHECK(!word_is_said(cluster, k.id, WORD_LEFT, 7, word), "nothing is none");
    uint8_t small[NODE_ID_LEN] = {1};
    word[0] = 1; /* R and the id of small order: S = 0 would do for any text */
    CHECK(!word_is_said(cluster, small, WORD_LEFT, 7, word), "an id that no node can have says nothing");
}

/* One nonce for two texts would give the secret away. */
static void nonces_are_of_one_text(void)
{
    struct node_keys k = keys_of(3), other = keys_of(4);
    uint8_t a[WORD_LEN], b[WORD_LEN];

    word_say(&k, WORD_LEFT, 1, a);
    word_say(&k, WORD_LEFT, 2, b);
    CHECK(memcmp(a, b, 32) != 0, "another incarnation");
    memcpy(other.id, k.id, sizeof k.id);
    word_say(&other, WORD_LEFT, 1, b);
    CHECK(memcmp(a, b, 32) != 0, "another key");
    k.cluster_id[0] ^= 1;
    word_say(&k, WORD_LEFT, 1, b);
    CHECK(memcmp(a, b, 32) != 0, "another cluster");
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    it_is_a_signature_of_the_id();
    it_is_of_one_node_cluster_and_incarnation();
    nonces_are_of_one_text();
    return CHECK_RESULT();
}
