/* Reading the log after a start: every frame checked, and the end judged. */
#include <assert.h>
#include <string.h>

#include "raft/wal.h"

enum {
    /* How far behind the end anything is looked for: a torn batch reaches no further, and a frame that was durable
     * begins no later than the largest frame ends. */
    SCAN = RAFT_WAL_BATCH_MAX + RAFT_FRAME_MAX,
};

/* A part of a segment in the caller's scratch memory, and where the walk is. */
struct walk {
    struct raft_wal *w;
    const struct raft_wal_reader *r;
    uint64_t segment; /* of which scratch[0..held) are the bytes from `start` on */
    uint32_t start, held;
    bool has_begun;   /* a frame was accepted */
    uint64_t batch_segment; /* first frame of the last batch */
    uint32_t batch_at;
};

/* Up to `want` bytes (at most RAFT_FRAME_MAX) of a segment from `at` on; *ret_size of them, fewer at its end. Reads
 * ahead as far as the memory goes: frames are small, and a read is a system call. */
static const uint8_t *view(struct walk *k, uint64_t segment, uint32_t at, uint32_t want, uint32_t *ret_size)
{
    uint32_t left = at < k->w->segment_size ? k->w->segment_size - at : 0;

    want = want < left ? want : left;
    if (segment != k->segment || at < k->start || at - k->start > k->held || want > k->held - (at - k->start)) {
        uint32_t most = left < RAFT_FRAME_MAX ? left : RAFT_FRAME_MAX;
        k->held = segment > k->r->newest ? 0 : (uint32_t)k->r->read(k->r->context, segment, at, k->r->scratch, most);
        k->segment = segment;
        k->start = at;
    }
    uint32_t there = k->held - (at - k->start);
    *ret_size = want < there ? want : there;
    return k->r->scratch + (at - k->start);
}

/* What stands there; *ret_body its entries when WHOLE, good until the next view. */
static enum raft_frame_found look(struct walk *k, uint64_t segment, uint32_t at, struct raft_frame *ret,
                                  const uint8_t **ret_body)
{
    uint32_t size;
    const uint8_t *bytes = view(k, segment, at, RAFT_FRAME_HEAD, &size);
    enum raft_frame_found found = raft_frame_look(&k->w->owner, bytes, size, at, ret);

    if (found != RAFT_FRAME_WHOLE) {
        return found;
    }
    uint32_t whole = raft_frame_size(ret->size);
    if (whole > k->w->segment_size - at) {
        return RAFT_FRAME_ROTTEN; /* no writer of ours would have begun it here */
    }
    bytes = view(k, segment, at, whole, &size);
    found = raft_frame_look(&k->w->owner, bytes, size, at, ret);
    /* The head alone is no frame: raft_frame_look took it for one because nothing else was there. */
    found = found == RAFT_FRAME_WHOLE && size < whole ? RAFT_FRAME_TORN : found;
    *ret_body = bytes + RAFT_FRAME_HEAD;
    return found;
}

/* Whether `f` is what must follow. The oldest segment's first frame follows what was removed. */
static bool fits(const struct walk *k, const struct raft_frame *f)
{
    const struct raft_wal *w = k->w;

    if (!k->has_begun) {
        return f->ahead == 0 && (k->r->oldest > 1 || f->sequence == 1);
    }
    if (f->sequence != w->sequence + 1 || f->chain != w->chain) {
        return false;
    }
    switch (f->kind) {
    case RAFT_FRAME_ENTRIES:
        return f->first <= w->last + 1 && (f->first <= w->last || f->prev_term == w->last_term);
    case RAFT_FRAME_BASE:
        return true;
    case RAFT_FRAME_REPAIR:
        return f->first == w->last + 1 && f->prev_term == w->last_term;
    }
    return false;
}

static void accept(struct walk *k, const struct raft_frame *f, const uint8_t *body, uint64_t segment, uint32_t at)
{
    struct raft_wal *w = k->w;

    /* What is removed from the front may be what a frame that made more void was written after. */
    if (!k->has_begun || f->kind == RAFT_FRAME_BASE || f->first <= w->base) {
        w->base = f->first - 1;
        w->base_term = f->prev_term;
    }
    k->has_begun = true;
    if (f->ahead == 0) {
        k->batch_segment = segment;
        k->batch_at = at;
    }
    w->sequence = f->sequence;
    w->chain = f->check;
    w->last = f->first + f->count - 1;
    w->last_term = f->term;
    w->segment = segment;
    w->at = at + raft_frame_size(f->size);
    if (k->r->take != NULL) {
        k->r->take(k->r->context, f, body, segment, at);
    }
}

/* The last byte, and one more, that is not zero in [from, to); `from`: none. */
static uint32_t end_of_traces(struct walk *k, uint64_t segment, uint32_t from, uint32_t to)
{
    uint32_t end = from;

    for (uint32_t at = from; at < to;) {
        uint32_t size;
        const uint8_t *bytes = view(k, segment, at, to - at < RAFT_FRAME_SECTOR ? to - at : RAFT_FRAME_SECTOR, &size);
        if (size == 0) {
            break;
        }
        for (uint32_t i = size; !raft_frame_is_blank(bytes, size) && i > 0; i--) {
            if (bytes[i - 1] != 0) {
                end = at + i;
                break;
            }
        }
        at += size;
    }
    return end;
}

/* Frames in [from, to) of a segment: whether one of them was written after frame `sequence` had been durable. Raises
 * *last to the highest index they have. */
static bool proves_durable(struct walk *k, uint64_t segment, uint32_t from, uint32_t to, uint64_t sequence, uint64_t *last)
{
    bool proves = false;

    for (uint32_t at = from; at + RAFT_FRAME_HEAD <= to; at += 8) {
        struct raft_frame f;
        uint32_t size;
        const uint8_t *bytes = view(k, segment, at, RAFT_FRAME_HEAD, &size);
        if (size < RAFT_FRAME_HEAD) {
            break;
        }
        if (bytes[0] == 0 || raft_frame_look(&k->w->owner, bytes, RAFT_FRAME_HEAD, at, &f) != RAFT_FRAME_WHOLE) {
            continue;
        }
        proves = proves || f.sequence - f.ahead > sequence;
        *last = f.first + f.count - 1 > *last ? f.first + f.count - 1 : *last;
    }
    return proves;
}

static uint32_t scan_end(const struct walk *k, uint32_t at)
{
    return k->w->segment_size - at < SCAN ? k->w->segment_size : at + SCAN;
}

static void damaged(struct walk *k, uint64_t segment, uint32_t at, const char *reason, struct raft_wal_found *ret)
{
    *ret = (struct raft_wal_found){
        .verdict = RAFT_WAL_DAMAGED, .segment = segment, .at = at, .reason = reason};
    for (uint64_t s = segment; s <= k->r->newest; s++) {
        (void)proves_durable(k, s, s == segment ? at : RAFT_WAL_HEAD, k->w->segment_size, UINT64_MAX, &ret->later_last);
    }
}

/* No frame fits at (segment, at), and none goes on in the segment after it: what is there? */
static void judge_end(struct walk *k, uint64_t segment, uint32_t at, enum raft_frame_found found,
                      struct raft_wal_found *ret)
{
    uint64_t ignored = 0;
    uint32_t end = end_of_traces(k, segment, at, scan_end(k, at));
    bool goes_on = segment < k->r->newest &&
                   end_of_traces(k, segment + 1, RAFT_WAL_HEAD, scan_end(k, RAFT_WAL_HEAD)) > RAFT_WAL_HEAD;

    switch (found) {
    case RAFT_FRAME_WHOLE:
        damaged(k, segment, at, "a frame does not follow the one before it", ret);
        return;
    case RAFT_FRAME_FOREIGN:
        damaged(k, segment, at, "a frame of another node or cluster stands in the log", ret);
        return;
    case RAFT_FRAME_ROTTEN:
        damaged(k, segment, at, "a frame was written whole and has changed since", ret);
        return;
    case RAFT_FRAME_EMPTY:
    case RAFT_FRAME_TORN:
        break;
    }
    if (end > at && goes_on) {
        damaged(k, segment, at, "a frame is incomplete, and the log goes on in the next segment", ret);
    } else if (end > at && proves_durable(k, segment, at, scan_end(k, at), k->w->sequence + 1, &ignored)) {
        damaged(k, segment, at, "a frame is incomplete, and a later one says that it had been durable", ret);
    } else if (end > at) {
        *ret = (struct raft_wal_found){.verdict = RAFT_WAL_TORN, .segment = segment, .at = at, .void_from = at,
                                       .void_to = end, .reason = "the last batch was torn"};
    } else {
        *ret = (struct raft_wal_found){.verdict = RAFT_WAL_CLEAN, .segment = segment, .at = at};
    }
}

/* Nothing stands at the end of `segment`: the log may go on in the next one, or was about to. */
static void judge_turn(struct walk *k, uint64_t segment, uint32_t at, struct raft_wal_found *ret)
{
    struct raft_frame f;
    const uint8_t *body;
    enum raft_frame_found found = look(k, segment + 1, RAFT_WAL_HEAD, &f, &body);

    if (found == RAFT_FRAME_WHOLE) {
        damaged(k, segment, at, "the end of a segment is missing, and the log goes on in the next one", ret);
        return;
    }
    judge_end(k, segment + 1, RAFT_WAL_HEAD, found, ret);
    if (ret->verdict == RAFT_WAL_CLEAN) {
        ret->segment = segment;
        ret->at = at;
    }
}

void raft_wal_recover(struct raft_wal *w, const struct raft_wal_reader *r, struct raft_wal_found *ret)
{
    struct walk k = {.w = w, .r = r};
    uint64_t segment = r->oldest;
    uint32_t at = RAFT_WAL_HEAD;

    assert(r->oldest > 0 && r->newest >= r->oldest);
    w->segment = segment;
    w->at = at;
    for (;;) {
        struct raft_frame f, next;
        const uint8_t *body;
        enum raft_frame_found found = look(&k, segment, at, &f, &body);

        if (found == RAFT_FRAME_WHOLE && fits(&k, &f) && (f.kind != RAFT_FRAME_REPAIR || !k.has_begun)) {
            accept(&k, &f, body, segment, at);
            at = w->at;
            continue;
        }
        bool is_end = found == RAFT_FRAME_EMPTY && end_of_traces(&k, segment, at, scan_end(&k, at)) == at;
        /* Frames of the next segment follow if this one ends here, or was given up here. */
        if (segment < r->newest && look(&k, segment + 1, RAFT_WAL_HEAD, &next, &body) == RAFT_FRAME_WHOLE &&
            fits(&k, &next) && ((is_end && k.has_begun) || next.kind == RAFT_FRAME_REPAIR)) {
            segment++;
            at = RAFT_WAL_HEAD;
            accept(&k, &next, body, segment, at);
            at = w->at;
            continue;
        }
        if (is_end && !k.has_begun && r->oldest > 1) {
            damaged(&k, segment, at, "the oldest segment has no frame", ret);
        } else if (is_end && segment < r->newest) {
            judge_turn(&k, segment, at, ret);
        } else {
            judge_end(&k, segment, at, found, ret);
        }
        break;
    }
    ret->batch_segment = k.batch_segment;
    ret->batch_at = k.batch_at;
    raft_wal_synced(w);
    assert(w->last >= w->base && w->at <= w->segment_size);
}
