#include "dht/record.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/cursor.h"

static const char sign_domain[] = "cell-dht-record-1", service_domain[] = "cell-dht-service-1",
                  owner_domain[] = "cell-dht-mutable-1", value_domain[] = "cell-dht-value-1",
                  tag_domain[] = "cell-dht-tag-1", name_domain[] = "cell-dht-name-1";

static_assert(sizeof sign_domain - 1 == DHT_RECORD_MESSAGE_MAX - DHT_RECORD_MAX, "the domain is the message's head");

/* Domains differ, so that no value of one kind has the key of another kind. */
static void hash(const char *domain, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *ret,
                 size_t size)
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, size); /* fails for sizes alone */
    (void)crypto_generichash_update(&state, (const uint8_t *)domain, strlen(domain));
    (void)crypto_generichash_update(&state, a, a_size);
    (void)crypto_generichash_update(&state, b, b_size);
    (void)crypto_generichash_final(&state, ret, size);
}

size_t dht_record_service_salt(const char *name, uint8_t to[DHT_SALT_MAX])
{
    uint8_t digest[(DHT_SALT_MAX - 1) / 2];
    char hex[2 * sizeof digest + 1];
    size_t size = strlen(name);

    if (size <= DHT_SALT_MAX) {
        memcpy(to, name, size);
        return size;
    }
    hash(name_domain, (const uint8_t *)name, size, NULL, 0, digest, sizeof digest);
    to[0] = '#';
    bytes_to_hex(digest, sizeof digest, hex);
    memcpy(to + 1, hex, sizeof hex - 1);
    return sizeof hex;
}

void dht_record_service_key(const uint8_t *name, size_t size, struct dht_id *ret)
{
    hash(service_domain, name, size, NULL, 0, ret->byte, DHT_ID_SIZE);
}

void dht_record_owner_key(const uint8_t owner[DHT_OWNER_SIZE], const uint8_t *salt, size_t size, struct dht_id *ret)
{
    hash(owner_domain, owner, DHT_OWNER_SIZE, salt, size, ret->byte, DHT_ID_SIZE);
}

void dht_record_place(struct dht_record *r)
{
    switch (r->kind) {
    case DHT_IMMUTABLE:
        hash(value_domain, r->value, r->value_size, NULL, 0, r->key.byte, DHT_ID_SIZE);
        break;
    case DHT_MUTABLE:
        dht_record_owner_key(r->owner, r->salt, r->salt_size, &r->key);
        break;
    case DHT_SERVICE:
        dht_record_service_key(r->salt, r->salt_size, &r->key);
        break;
    }
}

uint64_t dht_record_tag(const struct dht_record *r)
{
    uint8_t tag[crypto_generichash_BYTES_MIN];
    uint64_t value;

    if (r->kind != DHT_SERVICE) {
        return 0; /* there is one of the key */
    }
    hash(tag_domain, r->owner, DHT_OWNER_SIZE, NULL, 0, tag, sizeof tag);
    memcpy(&value, tag, sizeof value);
    return value == 0 ? 1 : value; /* 0 stands before all */
}

enum err dht_record_check(const struct dht_record *r)
{
    if (r->value_size > DHT_VALUE_MAX || r->salt_size > DHT_SALT_MAX || r->value_size + r->salt_size > DHT_VALUE_MAX) {
        return ERR_LIMIT;
    }
    switch (r->kind) {
    case DHT_IMMUTABLE:
        return r->value_size > 0 && r->salt_size == 0 && r->seq == 0 && r->until_s == 0 ? ERR_OK : ERR_INVALID;
    case DHT_MUTABLE:
    case DHT_SERVICE:
        return r->seq > 0 && r->seq <= DHT_SEQ_MAX && r->until_s > 0 && r->until_s <= DHT_SEQ_MAX &&
                       (r->kind == DHT_MUTABLE || r->salt_size > 0)
                   ? ERR_OK
                   : ERR_INVALID;
    }
    return ERR_INVALID;
}

/* Everything before the signature. */
static void put_body(struct cursor_writer *w, const struct dht_record *r)
{
    cursor_put_le(w, r->kind, 1);
    if (r->kind != DHT_IMMUTABLE) {
        cursor_put(w, r->owner, DHT_OWNER_SIZE);
        cursor_put_le(w, r->seq, 8);
        cursor_put_le(w, r->until_s, 8);
        cursor_put_le(w, r->salt_size, 1);
        cursor_put(w, r->salt, r->salt_size);
    }
    cursor_put_le(w, r->value_size, 2);
    cursor_put(w, r->value, r->value_size);
}

size_t dht_record_write(const struct dht_record *r, uint8_t to[DHT_RECORD_MAX])
{
    struct cursor_writer w = {.at = to, .room = DHT_RECORD_MAX};

    put_body(&w, r);
    if (r->kind != DHT_IMMUTABLE) {
        cursor_put(&w, r->signature, DHT_SIGNATURE_SIZE);
    }
    assert(w.used <= w.room);
    return w.used;
}

enum err dht_record_read(const uint8_t *bytes, size_t size, struct dht_record *ret)
{
    struct cursor_reader in = {.at = bytes, .left = size, .is_good = true};
    struct dht_record r = {.kind = (enum dht_record_kind)cursor_get_le(&in, 1)};

    if (r.kind < DHT_IMMUTABLE || r.kind > DHT_SERVICE) {
        return ERR_MALFORMED;
    }
    if (r.kind != DHT_IMMUTABLE) {
        r.owner = cursor_take(&in, DHT_OWNER_SIZE);
        r.seq = cursor_get_le(&in, 8);
        r.until_s = cursor_get_le(&in, 8);
        r.salt_size = (uint8_t)cursor_get_le(&in, 1);
        r.salt = cursor_take(&in, r.salt_size);
    }
    r.value_size = (uint16_t)cursor_get_le(&in, 2);
    r.value = cursor_take(&in, r.value_size);
    if (r.kind != DHT_IMMUTABLE) {
        r.signature = cursor_take(&in, DHT_SIGNATURE_SIZE);
    }
    if (!in.is_good || in.left > 0) {
        return ERR_MALFORMED;
    }
    enum err e = dht_record_check(&r);
    if (e == ERR_OK) {
        dht_record_place(&r);
        *ret = r;
    }
    return e;
}

size_t dht_record_message(const struct dht_record *r, uint8_t to[DHT_RECORD_MESSAGE_MAX])
{
    struct cursor_writer w = {.at = to, .room = DHT_RECORD_MESSAGE_MAX};

    assert(r->kind != DHT_IMMUTABLE);
    cursor_put(&w, sign_domain, sizeof sign_domain - 1);
    put_body(&w, r);
    assert(w.used <= w.room);
    return w.used;
}

bool dht_record_is_genuine(const struct dht_record *r, dht_verify *verify, void *context)
{
    uint8_t message[DHT_RECORD_MESSAGE_MAX];

    return r->kind == DHT_IMMUTABLE ||
           verify(context, r->owner, message, dht_record_message(r, message), r->signature);
}
