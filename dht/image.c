#include "dht/image.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/cursor.h"
#include "dht/id.h"

enum { MAGIC = 8, CRC = 4, S_MS = 1000 };

static const char peers_magic[] = "CELLDHP1", records_magic[] = "CELLDHR1", own_magic[] = "CELLDHO1";

/* ---- writing --------------------------------------------------------------------------------------- */

static struct cursor_writer begin(const char *magic, const struct dht_node *self, uint64_t wall_s, uint32_t count, uint8_t *to)
{
    struct cursor_writer w = {.at = to, .room = SIZE_MAX / 2}; /* the caller's word */

    cursor_put(&w, magic, MAGIC);
    cursor_put(&w, self->byte, sizeof self->byte);
    cursor_put_le(&w, wall_s, 8);
    cursor_put_le(&w, count, 4);
    return w;
}

static size_t end(struct cursor_writer *w)
{
    bytes_put_be32(w->at + w->used, bytes_crc32c(0, w->at, w->used));
    return w->used + CRC;
}

size_t dht_image_write_peers(const struct dht_node *self, uint64_t wall_s, const struct dht_contact *peer, uint32_t count,
                             uint8_t *to)
{
    struct cursor_writer w = begin(peers_magic, self, wall_s, count, to);

    for (uint32_t i = 0; i < count; i++) {
        cursor_put(&w, peer[i].node.byte, DHT_NODE_SIZE);
        cursor_put(&w, peer[i].at.ip, sizeof peer[i].at.ip);
        cursor_put_le(&w, peer[i].at.port, 2);
    }
    return end(&w);
}

size_t dht_image_write_records(const struct dht_node *self, uint64_t wall_s, const struct dht *core, uint8_t *to)
{
    struct cursor_writer w = begin(records_magic, self, wall_s, dht_core_records(core), to);
    uint8_t bytes[DHT_RECORD_MAX];
    struct dht_record r;

    for (uint32_t i = 0; i < dht_core_records(core); i++) {
        dht_core_look(core, i, bytes, &r);
        uint8_t again[DHT_RECORD_MAX];
        size_t size = dht_record_write(&r, again);
        cursor_put_le(&w, r.left_ms, 4);
        cursor_put_le(&w, size, 2);
        cursor_put(&w, again, size);
    }
    return end(&w);
}

size_t dht_image_write_own(const struct dht_node *self, uint64_t wall_s, const struct dht_own *own, uint8_t *to)
{
    uint32_t count = 0;

    for (const struct dht_own_item *i = own->first; i != NULL; i = i->next) {
        count += i->kind != DHT_SERVICE && i->value_size > 0;
    }
    struct cursor_writer w = begin(own_magic, self, wall_s, count, to);
    for (const struct dht_own_item *i = own->first; i != NULL; i = i->next) {
        if (i->kind != DHT_SERVICE && i->value_size > 0) {
            cursor_put_le(&w, i->kind, 1);
            cursor_put_le(&w, i->ttl_ms, 4);
            cursor_put_le(&w, i->seq, 8);
            cursor_put_le(&w, i->salt_size, 1);
            cursor_put(&w, i->salt, i->salt_size);
            cursor_put_le(&w, i->value_size, 2);
            cursor_put(&w, i->value, i->value_size);
        }
    }
    return end(&w);
}

/* ---- reading --------------------------------------------------------------------------------------- */

/* ERR_OK: it is whole and this node's; the reader then stands before the first thing. */
static enum err open_image(const char *magic, const struct dht_node *self, const uint8_t *bytes, size_t size, struct cursor_reader *r,
                       uint64_t *ret_wall_s, uint32_t *ret_count)
{
    if (size < DHT_IMAGE_FRAME || memcmp(bytes, magic, MAGIC) != 0 ||
        bytes_get_be32(bytes + size - CRC) != bytes_crc32c(0, bytes, size - CRC)) {
        return ERR_MALFORMED;
    }
    if (memcmp(bytes + MAGIC, self->byte, sizeof self->byte) != 0) {
        return ERR_INCOMPATIBLE;
    }
    *r = (struct cursor_reader){.at = bytes + MAGIC + DHT_NODE_SIZE, .left = size - CRC - MAGIC - DHT_NODE_SIZE, .is_good = true};
    *ret_wall_s = cursor_get_le(r, 8);
    *ret_count = (uint32_t)cursor_get_le(r, 4);
    return r->is_good ? ERR_OK : ERR_MALFORMED;
}

enum err dht_image_read_peers(const struct dht_node *self, const uint8_t *bytes, size_t size,
                              struct dht_contact peer[DHT_SAVED_MAX], uint32_t *ret_count)
{
    struct cursor_reader r;
    uint64_t wall_s;
    uint32_t count;

    enum err e = open_image(peers_magic, self, bytes, size, &r, &wall_s, &count);
    if (e != ERR_OK || count > DHT_SAVED_MAX) {
        return e != ERR_OK ? e : ERR_MALFORMED;
    }
    for (uint32_t i = 0; i < count; i++) {
        cursor_get(&r, peer[i].node.byte, DHT_NODE_SIZE);
        cursor_get(&r, peer[i].at.ip, sizeof peer[i].at.ip);
        peer[i].at.port = (uint16_t)cursor_get_le(&r, 2);
        if (!r.is_good || !dht_packet_is_address(&peer[i].at)) {
            return ERR_MALFORMED;
        }
    }
    if (r.left > 0) {
        return ERR_MALFORMED;
    }
    *ret_count = count;
    return ERR_OK;
}

/* One record that was held; its bytes are the image's. False: the image ends before it does. */
static bool read_held(struct cursor_reader *r, uint32_t *ret_left_ms, const uint8_t **ret_bytes, size_t *ret_size)
{
    *ret_left_ms = (uint32_t)cursor_get_le(r, 4);
    *ret_size = cursor_get_le(r, 2);
    *ret_bytes = cursor_take(r, *ret_size);
    return r->is_good;
}

/* Whether there are as many as it says, and nothing behind them. */
static bool is_whole(struct cursor_reader r, uint32_t count)
{
    const uint8_t *bytes;
    uint32_t left_ms;
    size_t size;

    while (count > 0 && read_held(&r, &left_ms, &bytes, &size)) {
        count--;
    }
    return count == 0 && r.left == 0;
}

enum err dht_image_read_records(const struct dht_node *self, uint64_t wall_s, struct dht *core, const uint8_t *bytes,
                                size_t size, uint32_t *ret_held)
{
    struct cursor_reader r;
    uint64_t then_s;
    uint32_t count, held = 0;

    enum err e = open_image(records_magic, self, bytes, size, &r, &then_s, &count);
    if (e != ERR_OK || !is_whole(r, count)) {
        return e != ERR_OK ? e : ERR_MALFORMED;
    }
    uint64_t away_ms = wall_s > then_s ? (wall_s - then_s) * S_MS : 0; /* a clock that went back tells nothing */
    uint32_t left_ms;
    const uint8_t *record;
    size_t one;
    while (count > 0 && read_held(&r, &left_ms, &record, &one)) {
        count--;
        held += left_ms > away_ms && dht_core_hold(core, wall_s, record, one, (uint32_t)(left_ms - away_ms));
    }
    *ret_held = held;
    return ERR_OK;
}

static enum err read_item(struct cursor_reader *r, struct dht_own *own)
{
    enum dht_record_kind kind = (enum dht_record_kind)cursor_get_le(r, 1);
    uint32_t ttl_ms = (uint32_t)cursor_get_le(r, 4);
    uint64_t seq = cursor_get_le(r, 8);
    size_t salt_size = cursor_get_le(r, 1);
    const uint8_t *salt = cursor_take(r, salt_size);
    size_t value_size = cursor_get_le(r, 2);
    const uint8_t *value = cursor_take(r, value_size);
    struct dht_own_item *item;

    if (!r->is_good || (kind != DHT_IMMUTABLE && kind != DHT_MUTABLE) || salt_size > DHT_SALT_MAX || value_size == 0 ||
        value_size + salt_size > DHT_VALUE_MAX || (kind == DHT_IMMUTABLE) != (salt_size == 0) || seq > DHT_SEQ_MAX ||
        ttl_ms < DHT_TTL_LEAST_MS || ttl_ms > DHT_TTL_MOST_MS) {
        return ERR_MALFORMED;
    }
    if (dht_own_find(own, kind, kind == DHT_IMMUTABLE ? value : salt, kind == DHT_IMMUTABLE ? value_size : salt_size) != NULL) {
        return ERR_MALFORMED; /* one name twice: the second would be said beside the first for ever */
    }
    enum err e = dht_own_add(own, kind, salt, salt_size, &item);
    if (e == ERR_OK) {
        dht_own_set(item, value, value_size);
        item->ttl_ms = ttl_ms;
        item->seq = seq;
    }
    return e;
}

enum err dht_image_read_own(const struct dht_node *self, struct dht_own *own, const uint8_t *bytes, size_t size)
{
    struct cursor_reader r;
    uint64_t wall_s;
    uint32_t count;
    enum err e = open_image(own_magic, self, bytes, size, &r, &wall_s, &count);

    for (uint32_t i = 0; e == ERR_OK && i < count; i++) {
        e = read_item(&r, own);
    }
    e = e == ERR_OK && r.left > 0 ? ERR_MALFORMED : e;
    if (e != ERR_OK) {
        dht_own_free(own);
    }
    return e;
}
