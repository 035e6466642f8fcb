#include "tests/unit/raft/wal_kit.h"

#include <string.h>

#include "raft/le.h"

const struct raft_frame_owner kit_owner = {.cluster = 0xc1c1c1c1c1c1c1c1, .member = 0x3e3e3e3e3e3e3e3e};
uint64_t kit_has[KIT_ENTRIES], kit_frames;

void kit_init(struct kit_log *k)
{
    memset(k, 0, sizeof *k);
    raft_wal_init(&k->w, &kit_owner, KIT_SEGMENT_SIZE);
    k->oldest = 1;
    k->newest = KIT_SEGMENTS;
    for (uint64_t s = 1; s <= KIT_SEGMENTS; s++) {
        raft_wal_head_write(&kit_owner, s, KIT_SEGMENT_SIZE, k->segment[s]);
    }
}

static uint8_t byte_of(uint64_t index, uint64_t term, uint32_t at)
{
    return (uint8_t)(index * 7 + term * 31 + at * 13 + 1);
}

void kit_write(struct kit_log *k, const struct raft_wal_piece *piece)
{
    REQUIRE(piece->segment <= KIT_SEGMENTS, "the kit has a segment %llu", (unsigned long long)piece->segment);
    uint8_t *at = k->segment[piece->segment] + piece->at;
    memcpy(at, piece->head, RAFT_FRAME_HEAD);
    if (piece->frame.size > 0) {
        memcpy(at + RAFT_FRAME_HEAD, piece->body, piece->frame.size);
    }
    memcpy(at + RAFT_FRAME_HEAD + piece->frame.size, piece->tail, piece->tail_size);
}

static void append(struct kit_log *k, uint64_t first, uint64_t term, uint32_t count, uint32_t size, int zeros)
{
    static uint8_t bytes[KIT_SEGMENT_SIZE];
    struct raft_wal_piece piece;
    uint32_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        REQUIRE(first + i < KIT_ENTRIES, "the kit remembers it");
        raft_le_put32(bytes + used, size);
        bytes[used + 4] = RAFT_ENTRY_COMMAND;
        for (uint32_t b = 0; b < size; b++) {
            bytes[used + 5 + b] = zeros ? 0 : byte_of(first + i, term, b);
        }
        used += 5 + size;
    }
    struct raft_run run = {.first = first, .term = term, .count = count, .size = used, .bytes = bytes};
    uint64_t prev_term = first == 1 ? 0 : first - 1 == k->w.base ? k->w.base_term : k->term_of[first - 1];
    enum err e = raft_wal_append(&k->w, &run, prev_term, &piece);
    if (e == ERR_UNAVAILABLE) {
        kit_sync(k);
        e = raft_wal_append(&k->w, &run, prev_term, &piece);
    }
    REQUIRE(e == ERR_OK, "append %llu: %s", (unsigned long long)first, err_name(e));
    kit_write(k, &piece);
    for (uint64_t i = first; i < KIT_ENTRIES; i++) {
        k->term_of[i] = i < first + count ? term : 0;
    }
}

void kit_append(struct kit_log *k, uint64_t first, uint64_t term, uint32_t count, uint32_t size)
{
    append(k, first, term, count, size, 0);
}

void kit_append_zeros(struct kit_log *k, uint64_t first, uint64_t term, uint32_t count, uint32_t size)
{
    append(k, first, term, count, size, 1);
}

void kit_sync(struct kit_log *k)
{
    raft_wal_synced(&k->w);
    k->syncs++;
}

static size_t read_segment(void *context, uint64_t segment, uint32_t offset, void *out, size_t size)
{
    struct kit_log *k = context;

    if (segment > KIT_SEGMENTS || offset >= KIT_SEGMENT_SIZE) {
        return 0;
    }
    size = size < KIT_SEGMENT_SIZE - offset ? size : KIT_SEGMENT_SIZE - offset;
    memcpy(out, k->segment[segment] + offset, size);
    return size;
}

static void take(void *context, const struct raft_frame *f, const uint8_t *bytes, uint64_t segment, uint32_t at)
{
    uint32_t used = 0;

    (void)context;
    (void)segment;
    (void)at;
    kit_frames++;
    for (uint64_t i = f->kind == RAFT_FRAME_BASE ? 0 : f->first; i < KIT_ENTRIES; i++) {
        kit_has[i] = 0;
    }
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t size = raft_le_get32(bytes + used);
        int is_right = 1, is_zero = 1;
        for (uint32_t b = 0; b < size; b++) {
            is_right = is_right && bytes[used + 5 + b] == byte_of(f->first + i, f->term, b);
            is_zero = is_zero && bytes[used + 5 + b] == 0;
        }
        CHECK(is_right || is_zero, "entry %llu has its bytes", (unsigned long long)(f->first + i));
        kit_has[f->first + i < KIT_ENTRIES ? f->first + i : 0] = f->term;
        used += 5 + size;
    }
}

struct raft_wal kit_recover(struct kit_log *k, struct raft_wal_found *ret)
{
    static uint8_t scratch[RAFT_FRAME_MAX];
    struct raft_wal w;

    memset(kit_has, 0, sizeof kit_has);
    kit_frames = 0;
    raft_wal_init(&w, &kit_owner, KIT_SEGMENT_SIZE);
    raft_wal_recover(&w,
                     &(struct raft_wal_reader){.context = k, .read = read_segment, .oldest = k->oldest,
                                               .newest = k->newest, .take = take, .scratch = scratch},
                     ret);
    return w;
}

void kit_clear(struct kit_log *k, const struct raft_wal_found *found)
{
    memset(k->segment[found->segment] + found->void_from, 0, found->void_to - found->void_from);
}

int kit_is(const struct kit_log *k, const struct raft_wal *w, uint64_t first, uint64_t last)
{
    if (w->base + 1 != first || w->last != last) {
        return 0;
    }
    for (uint64_t i = 1; i < KIT_ENTRIES; i++) {
        if (kit_has[i] != (i >= first && i <= last ? k->term_of[i] : 0) && (i >= first || i == 0)) {
            return 0;
        }
    }
    return 1;
}
