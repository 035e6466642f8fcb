#include "common/node/cluster.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "common/node/lines.h"

static const char head[] = "cell-cluster 1";

enum err cluster_check(const struct cluster *c)
{
    char host[CONTACT_SIZE];
    uint16_t port;

    if (sodium_is_zero(c->id, sizeof c->id) || sodium_is_zero(c->issuer, sizeof c->issuer) ||
        c->keys < 1 || c->keys > NODE_CLUSTER_KEYS || c->seeds > CLUSTER_SEEDS_MAX ||
        c->grace_s > (c->keys > 1 ? CLUSTER_GRACE_MAX_S : 0)) {
        return ERR_MALFORMED;
    }
    for (uint32_t i = 0; i < c->keys; i++) {
        if (c->epoch[i] == 0 || sodium_is_zero(c->key[i], NODE_KEY_LEN) ||
            (i > 0 && c->epoch[i] >= c->epoch[i - 1])) {
            return ERR_MALFORMED;
        }
    }
    for (uint32_t i = 0; i < c->seeds; i++) {
        if (contact_parse(c->seed[i], host, &port) != ERR_OK) {
            return ERR_MALFORMED;
        }
    }
    return ERR_OK;
}

size_t cluster_format(const struct cluster *c, char out[CLUSTER_TEXT_MAX])
{
    struct bytes_text t;
    char hex[2 * NODE_KEY_LEN + 1];

    assert(cluster_check(c) == ERR_OK);
    bytes_text_init(&t, out, CLUSTER_TEXT_MAX);
    bytes_to_hex(c->id, sizeof c->id, hex);
    bytes_text_add(&t, "%s\nid %s\n", head, hex);
    bytes_to_hex(c->issuer, sizeof c->issuer, hex);
    bytes_text_add(&t, "issuer %s\n", hex);
    for (uint32_t i = 0; i < c->keys; i++) {
        bytes_to_hex(c->key[i], NODE_KEY_LEN, hex);
        bytes_text_add(&t, "key %" PRIu32 " %s\n", c->epoch[i], hex);
    }
    if (c->grace_s > 0) {
        bytes_text_add(&t, "grace %" PRIu32 "\n", c->grace_s);
    }
    if (c->crl > 0) {
        bytes_text_add(&t, "crl %" PRIu32 "\n", c->crl);
    }
    for (uint32_t i = 0; i < c->seeds; i++) {
        bytes_text_add(&t, "seed %s\n", c->seed[i]);
    }
    sodium_memzero(hex, sizeof hex);
    lines_seal(&t);
    assert(!t.cut);
    return t.len;
}

static enum err take_key(const struct lines *l, struct cluster *c)
{
    uint64_t epoch;
    enum err e = c->keys < NODE_CLUSTER_KEYS ? lines_number(l, 1, UINT32_MAX, &epoch) : ERR_MALFORMED;

    if (e == ERR_OK) {
        e = lines_hex(l, 2, c->key[c->keys], NODE_KEY_LEN);
    }
    if (e == ERR_OK) {
        c->epoch[c->keys++] = (uint32_t)epoch;
    }
    return e;
}

static enum err take_count(const struct lines *l, uint32_t *ret)
{
    uint64_t value = 0;
    enum err e = lines_number(l, 1, UINT32_MAX, &value);

    *ret = (uint32_t)value;
    return e;
}

static enum err take_line(const struct lines *l, struct cluster *c)
{
    if (lines_is(l, "id", 1)) {
        return lines_hex(l, 1, c->id, sizeof c->id);
    }
    if (lines_is(l, "issuer", 1)) {
        return lines_hex(l, 1, c->issuer, sizeof c->issuer);
    }
    if (lines_is(l, "key", 2)) {
        return take_key(l, c);
    }
    if (lines_is(l, "grace", 1) || lines_is(l, "crl", 1)) {
        return take_count(l, l->word[0][0] == 'g' ? &c->grace_s : &c->crl);
    }
    if (lines_is(l, "seed", 1) && c->seeds < CLUSTER_SEEDS_MAX && strlen(l->word[1]) <= CONTACT_MAX) {
        memcpy(c->seed[c->seeds++], l->word[1], strlen(l->word[1]) + 1);
        return ERR_OK;
    }
    return ERR_MALFORMED;
}

enum err cluster_parse(const char *text, size_t size, struct cluster *ret)
{
    struct lines l = {0};
    struct cluster c = {0};
    char again[CLUSTER_TEXT_MAX];
    enum err e = lines_open(&l, text, size, head);

    while (e == ERR_OK && (e = lines_next(&l)) == ERR_OK) {
        e = take_line(&l, &c);
    }
    if (e == ERR_NOT_FOUND) {
        bool is_same = cluster_check(&c) == ERR_OK && cluster_format(&c, again) == size &&
                       sodium_memcmp(again, text, size) == 0;
        e = is_same ? ERR_OK : ERR_MALFORMED;
        sodium_memzero(again, sizeof again);
    }
    if (e == ERR_OK) {
        *ret = c;
    }
    cluster_forget(&c);
    lines_close(&l);
    return e;
}

enum err cluster_rotate(struct cluster *c, const uint8_t key[NODE_KEY_LEN])
{
    assert(cluster_check(c) == ERR_OK);
    if (c->epoch[0] == UINT32_MAX) {
        return ERR_RANGE;
    }
    memcpy(c->key[1], c->key[0], NODE_KEY_LEN);
    c->epoch[1] = c->epoch[0];
    memcpy(c->key[0], key, NODE_KEY_LEN);
    c->epoch[0]++;
    c->keys = NODE_CLUSTER_KEYS;
    c->grace_s = 0;
    return ERR_OK;
}

bool cluster_drop(struct cluster *c)
{
    bool has_second = c->keys > 1;

    sodium_memzero(c->key[1], NODE_KEY_LEN);
    c->epoch[1] = 0;
    c->keys = 1;
    c->grace_s = 0;
    return has_second;
}

void cluster_keys(const struct cluster *c, const char *name, const uint8_t seed[NODE_SEED_LEN],
                  struct node_keys *ret)
{
    assert(name_valid_str(name));
    *ret = (struct node_keys){.cluster_keys = c->keys, .crl = c->crl};
    memcpy(ret->name, name, strlen(name));
    keys_derive(seed, ret);
    memcpy(ret->cluster_id, c->id, sizeof c->id);
    for (uint32_t i = 0; i < c->keys; i++) {
        memcpy(ret->cluster_key[i], c->key[i], NODE_KEY_LEN);
        ret->cluster_epoch[i] = c->epoch[i];
    }
}

void cluster_forget(struct cluster *c)
{
    sodium_memzero(c, sizeof *c);
}
