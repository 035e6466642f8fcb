/* The sequence that is hashed is the meaning of an entry, not its text: numbers after their units
 * are resolved, defaults filled in, lists sorted. A change of this file that changes any hash makes
 * every running cell look outdated once; the leading text then counts up, and the_hash_is_stable in
 * the tests says so. */
#include "nucleus/yaml_hash.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    ITEM_SIZE = NAME_REF_SIZE, /* the longest item of a list but a path, formatted */
    MILLI = 1000,
};

_Static_assert(ITEM_SIZE >= 2 * NAME_SIZE, "an operation must fit");

/* All numbers have one width, so none needs its length. */
static void put_number(crypto_generichash_state *s, uint64_t value)
{
    uint8_t bytes[8];

    bytes_put_be64(bytes, value);
    /* Fails only on a finished state. */
    (void)crypto_generichash_update(s, bytes, sizeof bytes);
}

/* Length first, so that no two sequences of texts run together alike. */
static void put_text(crypto_generichash_state *s, const char *text)
{
    size_t len = strlen(text);

    put_number(s, len);
    (void)crypto_generichash_update(s, (const uint8_t *)text, len);
}

/* Text that may be missing, which is not the same as empty. */
static void put_optional(crypto_generichash_state *s, const char *text)
{
    put_number(s, text != NULL);
    if (text != NULL) {
        put_text(s, text);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts item[] in place. */
static void put_set(crypto_generichash_state *s, const char **item, size_t count)
{
    assert(count <= MANIFEST_LIST_MAX);
    qsort(item, count, sizeof *item, by_text);
    put_number(s, count);
    for (size_t i = 0; i < count; i++) {
        put_text(s, item[i]);
    }
}

/* As written: "raft" and "default/raft" are different entries, though they may mean the same cell
 * today; which one is meant depends on the other entries, and those are not part of this one. */
static void put_requires(crypto_generichash_state *s, const struct manifest_cell *c)
{
    char text[MANIFEST_LIST_MAX][ITEM_SIZE];
    const char *item[MANIFEST_LIST_MAX];

    assert(c->requires_count <= MANIFEST_LIST_MAX);
    for (size_t i = 0; i < c->requires_count; i++) {
        name_ref_format(&c->requires[i], text[i]);
        item[i] = text[i];
    }
    put_set(s, item, c->requires_count);
}

static void put_operations(crypto_generichash_state *s, const struct name_op *op, size_t count)
{
    char text[MANIFEST_LIST_MAX][ITEM_SIZE];
    const char *item[MANIFEST_LIST_MAX];

    assert(count <= MANIFEST_LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        name_op_format(&op[i], text[i]);
        item[i] = text[i];
    }
    put_set(s, item, count);
}

/* "state" cannot be mistaken for a path: a path begins with a slash. */
static void put_paths(crypto_generichash_state *s, const struct manifest_path *path, size_t count)
{
    const char *item[MANIFEST_LIST_MAX];

    assert(count <= MANIFEST_LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        assert(path[i].is_state == (strcmp(path[i].path, "state") == 0));
        item[i] = path[i].path;
    }
    put_set(s, item, count);
}

/* In the order in which they stand: one that moves is bound again. */
static void put_listen(crypto_generichash_state *s, const struct manifest_cell *c)
{
    for (size_t i = 0; i < c->sandbox.listen_count; i++) {
        const struct manifest_listen *l = &c->sandbox.listen[i];
        put_text(s, "listen");
        put_text(s, l->name);
        put_number(s, l->is_udp);
        put_number(s, l->is_v6);
        put_number(s, l->port);
        if (l->is_unix) { /* these under names of their own, as keys below */
            put_text(s, "unix");
            put_text(s, l->path);
        }
        if (l->shield[0] != '\0') {
            put_text(s, "shield");
            put_text(s, l->shield);
        }
        if (l->mark != 0) {
            put_text(s, "mark");
            put_number(s, l->mark);
        }
        for (size_t k = 0; k < sizeof l->ip; k += 8) {
            put_number(s, bytes_get_be64(l->ip + k));
        }
    }
}

static void put_tun(crypto_generichash_state *s, const struct manifest_cell *c)
{
    for (size_t i = 0; i < c->sandbox.tun_count; i++) {
        const struct manifest_tun *t = &c->sandbox.tun[i];
        put_text(s, t->is_tap ? "tap" : "tun");
        put_text(s, t->name);
        put_text(s, t->interface);
        put_number(s, t->mtu);
        put_number(s, t->address_count);
        for (uint32_t k = 0; k < t->address_count; k++) {
            const struct manifest_tun_address *a = &t->address[k];
            put_number(s, a->is_v6);
            put_number(s, a->bits);
            put_number(s, bytes_get_be64(a->ip));
            put_number(s, bytes_get_be64(a->ip + 8));
        }
    }
}

static void put_rights(crypto_generichash_state *s, const struct manifest_cell *c)
{
    put_requires(s, c);
    put_operations(s, c->serves, c->serves_count);
    put_operations(s, c->may_call, c->may_call_count);
    put_number(s, c->sandbox.none);
    put_number(s, c->sandbox.network);
    put_paths(s, c->sandbox.read, c->sandbox.read_count);
    put_paths(s, c->sandbox.write, c->sandbox.write_count);
    if (c->sandbox.keys != 0) {
        /* Under a name of its own: entries without keep the hash they had before there were any. */
        put_text(s, "keys");
        put_number(s, c->sandbox.keys);
    }
    put_listen(s, c);
    put_tun(s, c);
}

/* Enumerations and booleans by their value: their order in the headers is part of the format. */
static void put_numbers(crypto_generichash_state *s, const struct manifest_cell *c)
{
    put_number(s, c->limits.memory_bytes);
    /* Read with three decimals at most, so thousandths are exact whatever the double does. */
    put_number(s, (uint64_t)(c->limits.cpu * MILLI + 0.5));
    put_number(s, c->limits.files);
    put_number(s, c->limits.message_bytes);
    put_number(s, c->limits.calls_waiting);
    put_number(s, c->limits.log_bytes);
    put_number(s, c->limits.log_files);
    put_number(s, c->heartbeat.every_ms);
    put_number(s, c->heartbeat.dead_after);
    put_number(s, c->restart.first_ms);
    put_number(s, c->restart.max_ms);
    put_number(s, c->restart.give_up_count);
    put_number(s, c->restart.give_up_ms);
    put_number(s, c->restart.stable_ms);
    put_number(s, c->restart.strategy);
    put_number(s, c->deadlines.ready_ms);
    put_number(s, c->deadlines.drain_ms);
    put_number(s, c->deadlines.term_ms);
    put_number(s, c->spare);
    put_number(s, c->trivial);
}

uint64_t yaml_hash_cell(const struct manifest_cell *c)
{
    crypto_generichash_state s;
    uint8_t digest[crypto_generichash_BYTES];

    /* Both fail only on lengths out of range. */
    (void)crypto_generichash_init(&s, NULL, 0, sizeof digest);
    put_text(&s, "cell manifest entry 1"); /* counts up when the sequence below changes */
    put_text(&s, c->name);
    put_text(&s, c->space);
    put_text(&s, c->exec);
    put_number(&s, c->is_root);
    put_rights(&s, c);
    put_numbers(&s, c);
    put_optional(&s, c->labels);
    put_optional(&s, c->config);
    if (c->on_demand) {
        put_text(&s, "on-demand"); /* last and not always: other entries keep the hash they have */
    }
    (void)crypto_generichash_final(&s, digest, sizeof digest);
    return bytes_get_be64(digest);
}
