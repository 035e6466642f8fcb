#include "raft/past.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "raft/le.h"

/* u32 check of all that follows, u32 value size, u16 key size, u8 flags, u8 0, u32 version, u64 created, modified, lease,
 * before and the own place, u32 part; key, value. */
enum {
    AT_VALUE_SIZE = 4,
    AT_KEY_SIZE = 8,
    AT_FLAGS = 10,
    AT_VERSION = 12,
    AT_CREATED = 16,
    AT_MODIFIED = 24,
    AT_LEASE = 32,
    AT_BEFORE = 40,
    AT_PLACE = 48,
    AT_PART = 56,
    CHUNKS_SPARE = 4, /* of the file's end that are not worth cutting off */
};

static uint64_t ref_of(uint64_t place)
{
    return place << 1 | RAFT_RECORD_PAST;
}

static uint64_t place_of(uint64_t ref)
{
    assert((ref & RAFT_RECORD_PAST) != 0);
    return ref >> 1;
}

struct raft_past *raft_past_new(const struct raft_past_disk *disk, const struct raft_past_tuning *tuning)
{
    struct raft_past *p = calloc(1, sizeof *p);

    if (p == NULL) {
        return NULL;
    }
    p->buffer = malloc(tuning->batch);
    p->buffer_room = tuning->batch;
    if (p->buffer == NULL) {
        free(p);
        return NULL;
    }
    p->disk = *disk;
    p->tuning = *tuning;
    return p;
}

void raft_past_free(struct raft_past *p)
{
    if (p == NULL) {
        return;
    }
    raft_past_hide(p);
    p->disk.close(p->disk.context);
    free(p->shown);
    free(p->chunk);
    free(p->buffer);
    free(p);
}

void raft_past_clear(struct raft_past *p)
{
    raft_past_hide(p);
    p->disk.cut(p->disk.context, 0);
    p->chunks = p->slots = p->patience = 0;
    /* Places of before mean nothing any more, and none is given twice. */
    p->first_chunk = p->end / p->tuning.chunk + 1;
    p->end = p->written = p->first_chunk * p->tuning.chunk;
}

/* ---- room -------------------------------------------------------------------------------------------------- */

/* There are fewer chunks than slots may be. */
static uint32_t lowest_slot(const struct raft_past *p)
{
    bool is_taken[RAFT_PAST_CHUNKS] = {false};
    uint32_t slot = 0;

    for (uint32_t i = 0; i < p->chunks; i++) {
        is_taken[p->chunk[i].slot] = true;
    }
    while (is_taken[slot]) {
        slot++;
    }
    return slot;
}

static bool add_chunk(struct raft_past *p)
{
    if (p->chunks == RAFT_PAST_CHUNKS) {
        return false;
    }
    if (p->chunks == p->chunk_room) {
        uint32_t room = p->chunk_room > 0 ? p->chunk_room * 2 : 16;
        struct raft_past_chunk *wide = realloc(p->chunk, room * sizeof wide[0]);

        if (wide == NULL) {
            return false;
        }
        p->chunk = wide;
        p->chunk_room = room;
    }
    uint32_t slot = lowest_slot(p);
    p->chunk[p->chunks++] = (struct raft_past_chunk){.slot = slot};
    p->slots = slot >= p->slots ? slot + 1 : p->slots;
    return true;
}

static struct raft_past_chunk *chunk_of(const struct raft_past *p, uint64_t place)
{
    uint64_t number = place / p->tuning.chunk;

    return number >= p->first_chunk && number - p->first_chunk < p->chunks ? &p->chunk[number - p->first_chunk] : NULL;
}

static uint64_t offset_of(const struct raft_past *p, uint64_t place)
{
    return (uint64_t)chunk_of(p, place)->slot * p->tuning.chunk + place % p->tuning.chunk;
}

static bool flush(struct raft_past *p)
{
    size_t size = (size_t)(p->end - p->written);

    if (size == 0) {
        return true;
    }
    if (p->disk.write(p->disk.context, offset_of(p, p->written), p->buffer, size) != ERR_OK) {
        p->failed_writes++;
        p->patience = RAFT_PAST_PATIENCE;
        return false;
    }
    p->written = p->end;
    return true;
}

/* A buffer for `size` more bytes, which are in one chunk. */
static bool make_room(struct raft_past *p, size_t size)
{
    size_t in_chunk = (size_t)(p->end % p->tuning.chunk);
    bool is_next = in_chunk == 0 || in_chunk + size > p->tuning.chunk; /* what is written at once is in one chunk, too */
    size_t want = size > p->tuning.batch ? size : p->tuning.batch;

    if ((is_next || p->end - p->written + size > p->buffer_room) && !flush(p)) {
        return false;
    }
    if (p->end == p->written && p->buffer_room != want) {
        uint8_t *other = realloc(p->buffer, want);

        if (other == NULL) {
            return false;
        }
        p->buffer = other;
        p->buffer_room = want;
    }
    if (is_next && in_chunk > 0) {
        p->end = p->written = (p->end / p->tuning.chunk + 1) * p->tuning.chunk;
    }
    return chunk_of(p, p->end) != NULL || add_chunk(p);
}

/* ---- putting ----------------------------------------------------------------------------------------------- */

static void write_record(uint8_t *at, const struct raft_record *r, uint64_t place)
{
    size_t size = (size_t)RAFT_PAST_HEAD + r->key_size + r->value_size;

    raft_le_put32(at + AT_VALUE_SIZE, r->value_size);
    raft_le_put16(at + AT_KEY_SIZE, r->key_size);
    at[AT_FLAGS] = r->flags & RAFT_RECORD_DELETE;
    at[AT_FLAGS + 1] = 0;
    raft_le_put32(at + AT_VERSION, r->version);
    raft_le_put64(at + AT_CREATED, r->created);
    raft_le_put64(at + AT_MODIFIED, r->modified);
    raft_le_put64(at + AT_LEASE, raft_record_lease(r));
    raft_le_put64(at + AT_BEFORE, r->before);
    raft_le_put64(at + AT_PLACE, place);
    raft_le_put32(at + AT_PART, r->part);
    memcpy(at + RAFT_PAST_HEAD, r->bytes, (size_t)r->key_size + r->value_size);
    raft_le_put32(at, bytes_crc32c(0, at + AT_VALUE_SIZE, size - AT_VALUE_SIZE));
}

bool raft_past_put(struct raft_past *p, const struct raft_record *r, uint64_t event, uint64_t *ret)
{
    size_t size = (size_t)RAFT_PAST_HEAD + r->key_size + r->value_size;

    assert(r->before == 0 || (r->before & RAFT_RECORD_PAST) != 0);
    if (p->patience > 0) {
        p->patience--;
        return false;
    }
    if (size > p->tuning.chunk || !make_room(p, size)) {
        return false;
    }
    struct raft_past_chunk *c = chunk_of(p, p->end);
    assert(c->last <= event && p->end - p->written + size <= p->buffer_room);
    write_record(p->buffer + (p->end - p->written), r, p->end);
    *ret = ref_of(p->end);
    c->last = event;
    p->end += size;
    return true;
}

void raft_past_release(struct raft_past *p, uint64_t freed)
{
    uint32_t gone = 0, needed = 0;

    /* Not the one that is being filled: its end is where the next record goes. */
    while (gone + 1 < p->chunks && p->chunk[gone].last < freed) {
        gone++;
    }
    if (gone == 0) {
        return;
    }
    p->chunks -= gone;
    p->first_chunk += gone;
    memmove(p->chunk, p->chunk + gone, p->chunks * sizeof p->chunk[0]);
    for (uint32_t i = 0; i < p->chunks; i++) {
        needed = p->chunk[i].slot >= needed ? p->chunk[i].slot + 1 : needed;
    }
    if (needed + CHUNKS_SPARE <= p->slots) {
        p->disk.cut(p->disk.context, (uint64_t)needed * p->tuning.chunk);
        p->slots = needed;
    }
}

uint64_t raft_past_bytes(const struct raft_past *p)
{
    return p != NULL ? (uint64_t)p->chunks * p->tuning.chunk : 0;
}

/* ---- getting ----------------------------------------------------------------------------------------------- */

static size_t record_size(const uint8_t *head)
{
    return (size_t)RAFT_PAST_HEAD + raft_le_get16(head + AT_KEY_SIZE) + raft_le_get32(head + AT_VALUE_SIZE);
}

/* Whether `size` bytes, with a whole head, may be one that was put at `place`; its key and value may be still to come. */
static bool is_head(const uint8_t *at, uint64_t place)
{
    return raft_le_get64(at + AT_PLACE) == place && raft_le_get16(at + AT_KEY_SIZE) <= RAFT_KEY_MAX &&
           raft_le_get32(at + AT_VALUE_SIZE) <= RAFT_VALUE_MAX;
}

/* A copy in memory of what the bytes say, if they say what was put. */
static enum err copy_of(const uint8_t *at, size_t size, uint64_t place, struct raft_record **ret)
{
    if (size < RAFT_PAST_HEAD || !is_head(at, place) || record_size(at) > size ||
        raft_le_get32(at) != bytes_crc32c(0, at + AT_VALUE_SIZE, record_size(at) - AT_VALUE_SIZE)) {
        return ERR_DATA_LOSS;
    }
    struct raft_bytes key = {at + RAFT_PAST_HEAD, raft_le_get16(at + AT_KEY_SIZE)};
    struct raft_bytes value = {key.at + key.size, raft_le_get32(at + AT_VALUE_SIZE)};
    struct raft_record *r = raft_record_new(key, value, raft_le_get64(at + AT_LEASE));

    if (r == NULL) {
        return ERR_NOMEM;
    }
    r->flags |= at[AT_FLAGS] | RAFT_RECORD_OLD;
    r->version = raft_le_get32(at + AT_VERSION);
    r->created = raft_le_get64(at + AT_CREATED);
    r->modified = raft_le_get64(at + AT_MODIFIED);
    r->before = raft_le_get64(at + AT_BEFORE);
    r->part = raft_le_get32(at + AT_PART);
    *ret = r;
    return ERR_OK;
}

/* From the file: what most records take, and the rest when it was not enough. */
static enum err get_written(struct raft_past *p, uint64_t place, struct raft_record **ret)
{
    uint8_t look[RAFT_PAST_LOOK];
    uint64_t at = offset_of(p, place);
    size_t most = p->tuning.chunk - (size_t)(place % p->tuning.chunk), got = 0;
    enum err e = p->disk.read(p->disk.context, at, look, most < sizeof look ? most : sizeof look, &got);

    if (e != ERR_OK) {
        return e;
    }
    if (got < RAFT_PAST_HEAD || !is_head(look, place) || record_size(look) <= got) {
        return copy_of(look, got, place, ret);
    }
    AUTO_FREE uint8_t *all = malloc(record_size(look));
    if (all == NULL) {
        return ERR_NOMEM;
    }
    e = p->disk.read(p->disk.context, at, all, record_size(look), &got);
    return e == ERR_OK ? copy_of(all, got, place, ret) : e;
}

enum err raft_past_get(struct raft_past *p, uint64_t ref, struct raft_record **ret)
{
    uint64_t place = place_of(ref);
    enum err e;

    assert(chunk_of(p, place) != NULL && place < p->end);
    if (place >= p->written) {
        e = copy_of(p->buffer + (place - p->written), (size_t)(p->end - place), place, ret);
    } else {
        e = get_written(p, place, ret);
    }
    p->rotten += e == ERR_DATA_LOSS || e == ERR_IO;
    return e;
}

enum err raft_past_show(struct raft_past *p, struct raft_record *r)
{
    if (p->shown_count == p->shown_room) {
        size_t room = p->shown_room > 0 ? p->shown_room * 2 : 16;
        struct raft_record **wide = realloc(p->shown, room * sizeof wide[0]);

        if (wide == NULL) {
            raft_record_free(r);
            return ERR_NOMEM;
        }
        p->shown = wide;
        p->shown_room = room;
    }
    p->shown[p->shown_count++] = r;
    return ERR_OK;
}

void raft_past_hide(struct raft_past *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->shown_count; i++) {
        raft_record_free(p->shown[i]);
    }
    p->shown_count = 0;
}
