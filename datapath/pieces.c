#include "datapath/pieces.h"

#include <assert.h>
#include <string.h>

#include "datapath/message.h"

/* What no packet begins with, for its first half byte is neither 4 nor 6: own.h has the other. */
static const uint8_t word[4] = {0xce, 'l', 'l', 2};

enum { /* places of a message */
    FLAGS = 4,
    INDEX = 5,
    SIZE = 6,
    ID = 8,
    EACH = 12,
    IS_PIECE = 1,
};

_Static_assert((DATAPATH_PIECES_FRAME_MAX + DATAPATH_PIECES_LEAST - 1) / DATAPATH_PIECES_LEAST == DATAPATH_PIECES_MOST &&
                   DATAPATH_PIECES_MOST < 64,
               "a bit for each piece");

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t parts(uint32_t size, uint32_t each)
{
    return (size + each - 1) / each;
}

/* ---- out ------------------------------------------------------------------------------------------------ */

bool datapath_pieces_plan(size_t size, size_t room, uint32_t id, struct datapath_pieces_cut *ret)
{
    struct datapath_pieces_cut c = {.size = (uint32_t)size, .each = (uint32_t)size, .count = 1, .id = id};

    if (size < DATAPATH_PIECES_FRAME_MIN || size > DATAPATH_PIECES_FRAME_MAX) {
        return false;
    }
    if (size + DATAPATH_PIECES_HEAD > room) {
        if (room < DATAPATH_PIECES_HEAD_PIECE + DATAPATH_PIECES_LEAST) {
            return false;
        }
        /* Of one length: they leave in one train, and the last is not a scrap that costs as much as the first. */
        uint32_t most = (uint32_t)room - DATAPATH_PIECES_HEAD_PIECE;
        c.each = parts(c.size, parts(c.size, most));
        c.each = c.each < DATAPATH_PIECES_LEAST ? DATAPATH_PIECES_LEAST : c.each;
        c.count = parts(c.size, c.each);
    }
    *ret = c;
    return true;
}

void datapath_pieces_head(size_t size, uint8_t out[DATAPATH_PIECES_HEAD])
{
    memset(out, 0, DATAPATH_PIECES_HEAD);
    memcpy(out, word, sizeof word);
    put16(out + SIZE, (uint32_t)size);
}

size_t datapath_pieces_write(const struct datapath_pieces_cut *cut, const uint8_t *frame, uint32_t index, uint8_t *out)
{
    size_t head = cut->count == 1 ? DATAPATH_PIECES_HEAD : DATAPATH_PIECES_HEAD_PIECE;
    size_t at = (size_t)index * cut->each, size = index + 1 < cut->count ? cut->each : cut->size - at;

    assert(index < cut->count);
    datapath_pieces_head(cut->size, out);
    if (cut->count > 1) {
        memset(out + DATAPATH_PIECES_HEAD, 0, DATAPATH_PIECES_HEAD_PIECE - DATAPATH_PIECES_HEAD);
        out[FLAGS] = IS_PIECE;
        out[INDEX] = (uint8_t)index;
        datapath_message_put32(out + ID, cut->id);
        put16(out + EACH, cut->each);
    }
    memcpy(out + head, frame + at, size);
    return head + size;
}

/* ---- memory --------------------------------------------------------------------------------------------- */

size_t datapath_pieces_size(uint32_t mtu)
{
    return (size_t)DATAPATH_PIECES_FRAMES * (mtu + DATAPATH_PIECES_OVER);
}

void datapath_pieces_init(struct datapath_pieces *p, void *memory, uint32_t mtu)
{
    assert(mtu + DATAPATH_PIECES_OVER <= DATAPATH_PIECES_FRAME_MAX);
    *p = (struct datapath_pieces){.most = mtu + DATAPATH_PIECES_OVER, .memory = memory};
    for (uint32_t i = 0; i < DATAPATH_PIECES_FRAMES; i++) {
        p->frame[i].place = i;
    }
}

/* Its place is the first of the free ones then. */
static void drop(struct datapath_pieces *p, uint32_t at)
{
    struct datapath_pieces_frame gone = p->frame[at];

    p->count--;
    memmove(&p->frame[at], &p->frame[at + 1], (p->count - at) * sizeof gone);
    p->frame[p->count] = gone;
}

void datapath_pieces_forget(struct datapath_pieces *p, uint32_t peer)
{
    for (uint32_t i = p->count; i > 0; i--) {
        if (p->frame[i - 1].peer == peer) {
            drop(p, i - 1);
        }
    }
}

void datapath_pieces_clock(struct datapath_pieces *p, uint64_t now_ms)
{
    while (p->count > 0 && now_ms - p->frame[0].begun_ms >= DATAPATH_PIECES_WAIT_MS) {
        drop(p, 0);
        p->late++;
    }
}

static uint32_t count_of(const struct datapath_pieces *p, uint32_t peer)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < p->count; i++) {
        count += p->frame[i].peer == peer;
    }
    return count;
}

/* The oldest of `peer` when he has his share, else of who has the most, the older of two that have as many. */
static void make_room(struct datapath_pieces *p, uint32_t peer)
{
    uint32_t most = count_of(p, peer), at = p->count;

    if (most < DATAPATH_PIECES_EACH && p->count < DATAPATH_PIECES_FRAMES) {
        return;
    }
    if (most >= DATAPATH_PIECES_EACH) {
        for (at = 0; p->frame[at].peer != peer; at++) {
        }
    } else {
        most = 0;
        for (uint32_t i = 0; i < p->count; i++) {
            uint32_t count = count_of(p, p->frame[i].peer);
            at = count > most ? i : at;
            most = count > most ? count : most;
        }
    }
    drop(p, at);
    p->pushed++;
}

/* ---- in ------------------------------------------------------------------------------------------------- */

bool datapath_pieces_is(const uint8_t *text, size_t size)
{
    return size >= DATAPATH_PIECES_HEAD && memcmp(text, word, sizeof word) == 0;
}

/* The unfinished frame of this id, or a new one; its number. */
static uint32_t frame_of(struct datapath_pieces *p, uint64_t now_ms, const struct datapath_pieces_frame *said)
{
    for (uint32_t i = p->count; i > 0; i--) { /* what comes belongs to the newest, most times */
        if (p->frame[i - 1].id == said->id && p->frame[i - 1].peer == said->peer) {
            return i - 1;
        }
    }
    make_room(p, said->peer);
    struct datapath_pieces_frame *f = &p->frame[p->count];
    uint32_t place = f->place;
    *f = *said;
    f->place = place;
    f->begun_ms = now_ms;
    return p->count++;
}

static enum datapath_pieces_verdict take_piece(struct datapath_pieces *p, uint64_t now_ms, uint32_t peer, const uint8_t *text,
                                               size_t size, const uint8_t **ret_frame, size_t *ret_size)
{
    if (size < DATAPATH_PIECES_HEAD_PIECE) {
        return DATAPATH_PIECES_FALSE;
    }
    struct datapath_pieces_frame said = {.peer = peer, .id = datapath_message_get32(text + ID), .size = get16(text + SIZE),
                                         .each = get16(text + EACH)};
    uint32_t index = text[INDEX];
    if (said.each < DATAPATH_PIECES_LEAST || said.size <= said.each || index >= parts(said.size, said.each)) {
        return DATAPATH_PIECES_FALSE;
    }
    if (said.size > p->most) {
        return DATAPATH_PIECES_LONG;
    }
    size_t at = (size_t)index * said.each, bytes = said.size - at < said.each ? said.size - at : said.each;
    if (size - DATAPATH_PIECES_HEAD_PIECE < bytes) {
        return DATAPATH_PIECES_FALSE;
    }
    datapath_pieces_clock(p, now_ms);
    uint32_t number = frame_of(p, now_ms, &said);
    struct datapath_pieces_frame *f = &p->frame[number];
    if (f->size != said.size || f->each != said.each || (f->have >> index & 1) != 0) {
        drop(p, number);
        return DATAPATH_PIECES_AGAINST;
    }
    uint8_t *frame = p->memory + (size_t)f->place * p->most;
    memcpy(frame + at, text + DATAPATH_PIECES_HEAD_PIECE, bytes);
    f->have |= UINT64_C(1) << index;
    if (f->have != (UINT64_C(1) << parts(f->size, f->each)) - 1) {
        return DATAPATH_PIECES_KEPT;
    }
    *ret_frame = frame;
    *ret_size = f->size;
    drop(p, number); /* nobody writes there before the next call */
    return DATAPATH_PIECES_WHOLE;
}

static enum datapath_pieces_verdict take_whole(const struct datapath_pieces *p, const uint8_t *text, size_t size,
                                               const uint8_t **ret_frame, size_t *ret_size)
{
    size_t said = get16(text + SIZE);

    if (said < DATAPATH_PIECES_FRAME_MIN || said > size - DATAPATH_PIECES_HEAD) {
        return DATAPATH_PIECES_FALSE;
    }
    if (said > p->most) {
        return DATAPATH_PIECES_LONG;
    }
    *ret_frame = text + DATAPATH_PIECES_HEAD;
    *ret_size = said;
    return DATAPATH_PIECES_WHOLE;
}

enum datapath_pieces_verdict datapath_pieces_take(struct datapath_pieces *p, uint64_t now_ms, uint32_t peer, const uint8_t *text,
                                                  size_t size, const uint8_t **ret_frame, size_t *ret_size)
{
    enum datapath_pieces_verdict v = DATAPATH_PIECES_FALSE; /* with flags that nobody knows */

    assert(datapath_pieces_is(text, size));
    if (text[FLAGS] == 0) {
        v = take_whole(p, text, size, ret_frame, ret_size);
    } else if (text[FLAGS] == IS_PIECE) {
        v = take_piece(p, now_ms, peer, text, size, ret_frame, ret_size);
    }
    p->verdict[v]++;
    return v;
}

/* ---- words ---------------------------------------------------------------------------------------------- */

const char *datapath_pieces_verdict_name(enum datapath_pieces_verdict v)
{
    static const char *const names[] = {
#define X(name, text) "PIECES_" #name,
        DATAPATH_PIECES_MAP(X)
#undef X
    };

    return names[v];
}

const char *datapath_pieces_verdict_text(enum datapath_pieces_verdict v)
{
    static const char *const texts[] = {
#define X(name, text) text,
        DATAPATH_PIECES_MAP(X)
#undef X
    };

    return texts[v];
}
