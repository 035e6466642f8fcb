#include "raft/frame.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "raft/le.h"

enum {
    MAGIC = 0x6c676643, /* "Cfgl" */
    /* No byte of it is 0, so that whatever is cut off behind some byte cuts this off as well. */
    END_MARK = 0x3b646e45,  /* "End;" */
    HEAD_MARK = 0x3a646548, /* "Hed:" */
    END_SIZE = 4,

    AT_MAGIC = 0,
    AT_SIZE = 4,
    AT_SEQUENCE = 8,
    AT_FIRST = 16,
    AT_TERM = 24,
    AT_PREV_TERM = 32,
    AT_CLUSTER = 40,
    AT_MEMBER = 48,
    AT_COUNT = 56,
    AT_AHEAD = 60,
    AT_CHAIN = 64,
    AT_BODY_CHECK = 68,
    AT_BLANK = 72,
    AT_KIND = 76,
    AT_CHECK = 80,
    AT_MARK = 84,
};

_Static_assert((int)AT_MARK + 4 == (int)RAFT_FRAME_HEAD, "the header's mark is its last field");
_Static_assert((int)RAFT_FRAME_BODY_MAX >= (int)RAFT_ENTRY_MAX + (int)RAFT_ENTRY_HEAD, "any entry has a frame");

uint32_t raft_frame_size(uint32_t size)
{
    assert(size <= RAFT_FRAME_BODY_MAX);
    return (RAFT_FRAME_HEAD + size + END_SIZE + 7u) & ~7u;
}

bool raft_frame_is_blank(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* Bytes from `offset` to the end of its sector, at most `size`. */
static uint32_t part_size(uint32_t offset, uint32_t size)
{
    uint32_t part = RAFT_FRAME_SECTOR - offset % RAFT_FRAME_SECTOR;

    return part < size ? part : size;
}

/* Parts of sectors among bytes[0..size), which stand at `offset`, that are zeros. `lacking` bytes more that are
 * not there would follow: they count as zeros. */
static uint32_t count_blank(const uint8_t *bytes, uint32_t size, uint32_t lacking, uint32_t offset)
{
    uint32_t blank = 0;

    for (uint32_t at = 0, part; at < size + lacking; at += part) {
        part = part_size(offset + at, size + lacking - at);
        uint32_t there = at >= size ? 0 : part < size - at ? part : size - at;
        blank += there == 0 || raft_frame_is_blank(bytes + at, there);
    }
    return blank;
}

/* As count_blank over body and tail, which need not stand together: the sector that both have a part in is one
 * part. */
static uint32_t count_blank_apart(const uint8_t *body, uint32_t size, uint32_t offset)
{
    uint32_t end = (offset + size) / RAFT_FRAME_SECTOR * RAFT_FRAME_SECTOR; /* of the last whole sector */

    /* The tail is never blank, nor is the last part, which holds its end mark; it may reach one sector further. */
    uint32_t blank = end > offset ? count_blank(body, end - offset, 0, offset) : 0;
    uint32_t last = offset - RAFT_FRAME_HEAD + raft_frame_size(size); /* where the frame ends */
    uint32_t start = end > offset ? end : offset;                    /* of the part after the whole sectors */
    if ((last - 1) / RAFT_FRAME_SECTOR != start / RAFT_FRAME_SECTOR) {
        /* Zeros fill up the sector, and the mark stands in the next one. */
        blank += raft_frame_is_blank(body + (start - offset), size - (start - offset));
    }
    return blank;
}

void raft_frame_seal(struct raft_frame *f, const struct raft_frame_owner *owner, const uint8_t *body, uint32_t offset,
                     uint8_t *head, uint8_t *tail, uint32_t *ret_tail)
{
    assert(offset % 8 == 0 && owner->cluster != 0 && owner->member != 0);
    assert((f->count == 0) == (f->size == 0));
    f->body_check = bytes_crc32c(0, body, f->size);
    f->blank = count_blank_apart(body, f->size, offset + RAFT_FRAME_HEAD);

    raft_le_put32(head + AT_MAGIC, MAGIC);
    raft_le_put32(head + AT_SIZE, f->size);
    raft_le_put64(head + AT_SEQUENCE, f->sequence);
    raft_le_put64(head + AT_FIRST, f->first);
    raft_le_put64(head + AT_TERM, f->term);
    raft_le_put64(head + AT_PREV_TERM, f->prev_term);
    raft_le_put64(head + AT_CLUSTER, owner->cluster);
    raft_le_put64(head + AT_MEMBER, owner->member);
    raft_le_put32(head + AT_COUNT, f->count);
    raft_le_put32(head + AT_AHEAD, f->ahead);
    raft_le_put32(head + AT_CHAIN, f->chain);
    raft_le_put32(head + AT_BODY_CHECK, f->body_check);
    raft_le_put32(head + AT_BLANK, f->blank);
    raft_le_put32(head + AT_KIND, (uint32_t)f->kind);
    f->check = bytes_crc32c(0, head, AT_CHECK);
    raft_le_put32(head + AT_CHECK, f->check);
    raft_le_put32(head + AT_MARK, HEAD_MARK);

    *ret_tail = raft_frame_size(f->size) - RAFT_FRAME_HEAD - f->size;
    assert(*ret_tail >= END_SIZE && *ret_tail <= RAFT_FRAME_TAIL_MAX);
    memset(tail, 0, *ret_tail - END_SIZE);
    raft_le_put32(tail + *ret_tail - END_SIZE, END_MARK);
}

/* A header that fails its checksum: TORN if something of it is missing. */
static enum raft_frame_found judge_head(const uint8_t *head, uint32_t offset)
{
    if (raft_frame_is_blank(head, RAFT_FRAME_HEAD)) {
        return RAFT_FRAME_EMPTY;
    }
    if (raft_frame_is_blank(head, 4) || head[RAFT_FRAME_HEAD - 1] == 0 ||
        count_blank(head, RAFT_FRAME_HEAD, 0, offset) > 0) {
        return RAFT_FRAME_TORN; /* without its beginning or its end */
    }
    return RAFT_FRAME_ROTTEN;
}

static void read_head(const uint8_t *head, struct raft_frame *ret)
{
    *ret = (struct raft_frame){
        .kind = (enum raft_frame_kind)raft_le_get32(head + AT_KIND),
        .sequence = raft_le_get64(head + AT_SEQUENCE),
        .first = raft_le_get64(head + AT_FIRST),
        .term = raft_le_get64(head + AT_TERM),
        .prev_term = raft_le_get64(head + AT_PREV_TERM),
        .count = raft_le_get32(head + AT_COUNT),
        .size = raft_le_get32(head + AT_SIZE),
        .ahead = raft_le_get32(head + AT_AHEAD),
        .chain = raft_le_get32(head + AT_CHAIN),
        .check = raft_le_get32(head + AT_CHECK),
        .body_check = raft_le_get32(head + AT_BODY_CHECK),
        .blank = raft_le_get32(head + AT_BLANK),
    };
}

/* What a header that fits its checksum may not say all the same: the file is not to be believed only because
 * its checksums are right. */
static bool is_possible(const struct raft_frame *f)
{
    switch (f->kind) {
    case RAFT_FRAME_ENTRIES:
        break;
    case RAFT_FRAME_BASE:
    case RAFT_FRAME_REPAIR:
        if (f->count != 0) {
            return false;
        }
        break;
    default:
        return false;
    }
    return f->first > 0 && f->sequence > 0 && f->size <= RAFT_FRAME_BODY_MAX && (f->count == 0) == (f->size == 0) &&
           f->first - 1 <= UINT64_MAX - f->count && f->term >= f->prev_term && f->ahead < f->sequence &&
           (f->first > 1 || f->prev_term == 0);
}

/* The body of a good header: body[0..size) are there, of `want` to the frame's end. */
static enum raft_frame_found judge_body(const struct raft_frame *f, const uint8_t *body, size_t size, uint32_t want,
                                        uint32_t offset)
{
    uint32_t there = size < want ? (uint32_t)size : want;
    bool is_whole = there == want && raft_le_get32(body + want - END_SIZE) == END_MARK &&
                    raft_frame_is_blank(body + f->size, want - END_SIZE - f->size) &&
                    bytes_crc32c(0, body, f->size) == f->body_check;

    if (is_whole) {
        return raft_frame_entries_fit(body, f->size, f->count) ? RAFT_FRAME_WHOLE : RAFT_FRAME_ROTTEN;
    }
    if (there < want || body[want - 1] == 0 || count_blank(body, there, want - there, offset) > f->blank) {
        return RAFT_FRAME_TORN;
    }
    return RAFT_FRAME_ROTTEN;
}

enum raft_frame_found raft_frame_look(const struct raft_frame_owner *owner, const uint8_t *bytes, size_t size,
                                      uint32_t offset, struct raft_frame *ret)
{
    struct raft_frame f;

    if (size < RAFT_FRAME_HEAD) {
        return raft_frame_is_blank(bytes, size) ? RAFT_FRAME_EMPTY : RAFT_FRAME_TORN;
    }
    if (raft_le_get32(bytes + AT_MAGIC) != MAGIC || raft_le_get32(bytes + AT_MARK) != HEAD_MARK ||
        raft_le_get32(bytes + AT_CHECK) != bytes_crc32c(0, bytes, AT_CHECK)) {
        return judge_head(bytes, offset);
    }
    if (raft_le_get64(bytes + AT_CLUSTER) != owner->cluster || raft_le_get64(bytes + AT_MEMBER) != owner->member) {
        return RAFT_FRAME_FOREIGN;
    }
    read_head(bytes, &f);
    if (!is_possible(&f)) {
        return RAFT_FRAME_ROTTEN;
    }
    if (size > RAFT_FRAME_HEAD) {
        enum raft_frame_found found =
            judge_body(&f, bytes + RAFT_FRAME_HEAD, size - RAFT_FRAME_HEAD,
                       raft_frame_size(f.size) - RAFT_FRAME_HEAD, offset + RAFT_FRAME_HEAD);
        if (found != RAFT_FRAME_WHOLE) {
            return found;
        }
    }
    *ret = f;
    return RAFT_FRAME_WHOLE;
}

bool raft_frame_entries_fit(const uint8_t *bytes, uint32_t size, uint32_t count)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (size - at < RAFT_ENTRY_HEAD) {
            return false;
        }
        uint32_t entry = raft_le_get32(bytes + at);
        uint8_t kind = bytes[at + 4];
        if (entry > RAFT_ENTRY_MAX || entry > size - at - RAFT_ENTRY_HEAD || kind < RAFT_ENTRY_NOOP ||
            kind > RAFT_ENTRY_COMMAND) {
            return false;
        }
        at += RAFT_ENTRY_HEAD + entry;
    }
    return at == size;
}
