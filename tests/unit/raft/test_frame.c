/* Frames: what a header says is read as it was written, at any offset and size; the numbers of blank parts are counted
 * the same way when a frame is sealed and when it is read. */
#include <string.h>

#include "common/base/rng.h"
#include "raft/le.h"
#include "tests/unit/raft/wal_kit.h"

static uint8_t bytes[1 << 16], body[1 << 16];

static uint32_t put(const struct raft_frame *shape, uint32_t offset, struct raft_frame *ret)
{
    uint8_t tail[RAFT_FRAME_TAIL_MAX];
    uint32_t tail_size;

    *ret = *shape;
    raft_frame_seal(ret, &kit_owner, body, offset, bytes, tail, &tail_size);
    memcpy(bytes + RAFT_FRAME_HEAD, body, ret->size);
    memcpy(bytes + RAFT_FRAME_HEAD + ret->size, tail, tail_size);
    CHECK(RAFT_FRAME_HEAD + ret->size + tail_size == raft_frame_size(ret->size), "the size is the size");
    return raft_frame_size(ret->size);
}

static bool is_same(const struct raft_frame *a, const struct raft_frame *b)
{
    return a->kind == b->kind && a->sequence == b->sequence && a->first == b->first && a->term == b->term &&
           a->prev_term == b->prev_term && a->count == b->count && a->size == b->size && a->ahead == b->ahead &&
           a->chain == b->chain && a->check == b->check && a->body_check == b->body_check && a->blank == b->blank;
}

static void every_size_at_every_offset_is_read_back(void)
{
    for (uint32_t size = 6; size < 1100; size += 1) {
        memset(body, 0, size);
        raft_le_put32(body, size - 5);
        body[4] = RAFT_ENTRY_COMMAND;
        for (uint32_t offset = 0; offset < 1024; offset += 8) {
            struct raft_frame f, read;
            uint32_t whole = put(&(struct raft_frame){.kind = RAFT_FRAME_ENTRIES, .sequence = 9, .first = 7, .term = 4,
                                                      .prev_term = 3, .count = 1, .size = size, .ahead = 2, .chain = 5},
                                 offset, &f);
            CHECK(raft_frame_look(&kit_owner, bytes, whole, offset, &read) == RAFT_FRAME_WHOLE &&
                      is_same(&f, &read), "size %u at %u", size, offset);
            /* Of zeros, one is changed: not one part more is blank than was, so it has rotted. */
            bytes[RAFT_FRAME_HEAD + size - 1] ^= 0x10;
            CHECK(raft_frame_look(&kit_owner, bytes, whole, offset, &read) == RAFT_FRAME_ROTTEN, "size %u at %u rots",
                  size, offset);
        }
    }
}

static void what_headers_may_not_say(void)
{
    static const struct {
        struct raft_frame f;
        enum raft_frame_found found;
        const char *why;
    } rows[] = {
        {{.kind = RAFT_FRAME_ENTRIES, .sequence = 1, .first = 1, .term = 1}, RAFT_FRAME_WHOLE, "no entries"},
        {{.kind = RAFT_FRAME_BASE, .sequence = 1, .first = 5, .term = 2, .prev_term = 2}, RAFT_FRAME_WHOLE, "a base"},
        {{.kind = 4, .sequence = 1, .first = 1, .term = 1}, RAFT_FRAME_ROTTEN, "no such kind"},
        {{.kind = RAFT_FRAME_ENTRIES, .sequence = 0, .first = 1, .term = 1}, RAFT_FRAME_ROTTEN, "sequence 0"},
        {{.kind = RAFT_FRAME_ENTRIES, .sequence = 1, .first = 0, .term = 1}, RAFT_FRAME_ROTTEN, "index 0"},
        {{.kind = RAFT_FRAME_ENTRIES, .sequence = 1, .first = 2, .term = 1, .prev_term = 2}, RAFT_FRAME_ROTTEN,
         "a term falls"},
        {{.kind = RAFT_FRAME_ENTRIES, .sequence = 1, .first = 1, .term = 1, .prev_term = 1}, RAFT_FRAME_ROTTEN,
         "a term before the first entry"},
        {{.kind = RAFT_FRAME_ENTRIES, .sequence = 3, .first = 1, .term = 1, .ahead = 3}, RAFT_FRAME_ROTTEN,
         "more frames ahead than there are"},
        {{.kind = RAFT_FRAME_BASE, .sequence = 1, .first = 1, .term = 1, .count = 1, .size = 6}, RAFT_FRAME_ROTTEN,
         "a base with entries"},
    };

    memset(body, 0, sizeof body);
    raft_le_put32(body, 1);
    body[4] = RAFT_ENTRY_COMMAND;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct raft_frame f;
        uint32_t size = put(&rows[i].f, 0, &f);
        CHECK(raft_frame_look(&kit_owner, bytes, size, 0, &f) == rows[i].found, "%s", rows[i].why);
    }
    struct raft_frame f;
    uint32_t size = put(&rows[0].f, 0, &f);
    CHECK(raft_frame_look(&(struct raft_frame_owner){1, kit_owner.member}, bytes, size, 0, &f) == RAFT_FRAME_FOREIGN &&
              raft_frame_look(&(struct raft_frame_owner){kit_owner.cluster, 1}, bytes, size, 0, &f) == RAFT_FRAME_FOREIGN,
          "others' frames are not ours");
}

static void entries_fit_or_do_not(void)
{
    static const struct {
        uint32_t size, entry, count;
        uint8_t kind;
        bool fits;
        const char *why;
    } rows[] = {
        {0, 0, 0, 0, true, "none"},
        {5, 0, 1, RAFT_ENTRY_NOOP, true, "an empty one"},
        {5, 0, 2, RAFT_ENTRY_NOOP, false, "one is missing"},
        {6, 0, 1, RAFT_ENTRY_NOOP, false, "a byte too many"},
        {6, 1, 1, RAFT_ENTRY_COMMAND, true, "one byte"},
        {6, 2, 1, RAFT_ENTRY_COMMAND, false, "it reaches past the end"},
        {6, UINT32_MAX, 1, RAFT_ENTRY_COMMAND, false, "far past the end"},
        {4, 0, 1, RAFT_ENTRY_COMMAND, false, "half a head"},
        {5, 0, 1, 0, false, "kind 0"},
        {5, 0, 1, RAFT_ENTRY_COMMAND + 1, false, "a kind too many"},
    };
    static uint8_t large[5 + RAFT_ENTRY_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        memset(body, 0, 64);
        raft_le_put32(body, rows[i].entry);
        body[4] = rows[i].kind;
        CHECK(raft_frame_entries_fit(body, rows[i].size, rows[i].count) == rows[i].fits, "%s", rows[i].why);
    }
    large[4] = RAFT_ENTRY_COMMAND;
    raft_le_put32(large, RAFT_ENTRY_MAX);
    CHECK(raft_frame_entries_fit(large, 5 + RAFT_ENTRY_MAX, 1), "the largest");
    raft_le_put32(large, RAFT_ENTRY_MAX + 1);
    CHECK(!raft_frame_entries_fit(large, 5 + RAFT_ENTRY_MAX + 1, 1), "a byte more");
}

int main(void)
{
    every_size_at_every_offset_is_read_back();
    what_headers_may_not_say();
    entries_fit_or_do_not();
    return CHECK_RESULT();
}
