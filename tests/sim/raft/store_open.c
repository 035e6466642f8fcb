/* A start, as raft/store_open.c and shell.c have it: whose directory it is, what of it can be believed, and what is written
 * before anything else happens. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "raft/le.h"
#include "tests/sim/raft/tenant.h"

enum { NODE_SIZE = 8 };

/* What a start works with. */
struct opening {
    struct world *w;
    uint32_t node;
    struct quorum_seat *s;
    struct store *t;
    struct world_effects *fx;
    struct store_found *found;
};

static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void sync_now(struct opening *o, uint32_t file)
{
    world_effect(o->w, o->fx, (struct world_effect){.kind = WORLD_FX_SYNC, .file = file}, NULL, 0);
}

static void write_now(struct opening *o, uint32_t file, uint64_t offset, const void *bytes, size_t size)
{
    store_write(o->w, o->fx, file, offset, bytes, size);
}

/* The process would end and say why: it is for a person, and in these worlds nothing that is for a person happens. */
static bool refuse(struct opening *o, const char *why)
{
    world_fail(o->w, "node %" PRIu32 " does not start: %s", o->node, why);
    return false;
}

static size_t read_at(const struct opening *o, uint32_t file, uint64_t offset, void *out, size_t size)
{
    return disk_read(&o->w->node[o->node].disk, file, offset, out, size);
}

/* ---- a fresh directory ------------------------------------------------------------------------------------------ */

/* A segment with its name, and the ballot that knows of it. */
static void make_segment(struct opening *o, uint64_t number)
{
    uint8_t *bytes = must(malloc(o->t->segment_size));
    uint32_t file = store_free(o->t);

    if (file == DISK_FILES) {
        (void)refuse(o, "no file is left");
        free(bytes);
        return;
    }
    store_blank(o->t, number, bytes);
    world_effect(o->w, o->fx, (struct world_effect){.kind = WORLD_FX_RESIZE, .file = file}, NULL, 0);
    write_now(o, file, 0, bytes, o->t->segment_size);
    sync_now(o, file);
    store_set_name(o->w, o->t, o->fx, file, store_name(STORE_SEGMENT, number));
    sync_now(o, DISK_NAMES);
    o->t->ballot.segment = number;
    store_write_ballot(o->w, o->t, o->fx);
    sync_now(o, store_file(o->t, store_name(STORE_BALLOT, 0)));
    o->t->newest = number;
    o->t->oldest = o->t->oldest == 0 ? number : o->t->oldest;
    free(bytes);
}

/* The node file is the last that is made: without it nothing was promised. */
static void create(struct opening *o, uint64_t member)
{
    static const uint8_t zeros[RAFT_BALLOT_FILE];
    uint8_t id[NODE_SIZE];

    for (uint32_t i = 0; i < DISK_FILES; i++) {
        if (o->t->name[i] != 0) {
            store_set_name(o->w, o->t, o->fx, i, 0);
        }
    }
    sync_now(o, DISK_NAMES);
    /* Gone for good, those too whose names a start before this one took: nobody reads them, for there is no node. */
    memset(o->t->freed, 0, sizeof o->t->freed);
    o->t->owner = (struct raft_frame_owner){.cluster = QUORUM_CLUSTER, .member = member};
    write_now(o, 0, 0, zeros, sizeof zeros);
    sync_now(o, 0);
    store_set_name(o->w, o->t, o->fx, 0, store_name(STORE_BALLOT, 0));
    make_segment(o, 1);
    uint32_t file = store_free(o->t);
    raft_le_put64(id, member);
    write_now(o, file, 0, id, sizeof id);
    sync_now(o, file);
    store_set_name(o->w, o->t, o->fx, file, store_name(STORE_NODE, 0));
    sync_now(o, DISK_NAMES);
    raft_wal_init(&o->t->wal, &o->t->owner, o->t->segment_size);
    o->found->member = member;
    o->found->is_fresh = true;
}

/* ---- the log --------------------------------------------------------------------------------------------------- */

static size_t read_segment(void *context, uint64_t segment, uint32_t offset, void *out, size_t size)
{
    struct opening *o = context;

    return read_at(o, store_file(o->t, store_name(STORE_SEGMENT, segment)), offset, out, size);
}

static void take_frame(void *context, const struct raft_frame *f, const uint8_t *bytes, uint64_t segment, uint32_t at)
{
    struct opening *o = context;

    if (raft_places_add(&o->t->places, f, segment, at) != ERR_OK) {
        abort();
    }
    if (f->kind == RAFT_FRAME_BASE) {
        quorum_forget(o->s, f->first - 1);
    } else if (f->kind == RAFT_FRAME_ENTRIES) {
        quorum_recall(o->s, &(struct raft_run){.first = f->first, .term = f->term, .count = f->count, .size = f->size,
                                               .bytes = bytes});
    }
}

/* Segments by their names: those without a gap up to the newest. */
static bool look_at_segments(struct opening *o)
{
    uint64_t newest = 0;

    for (uint32_t i = 0; i < DISK_FILES; i++) {
        uint64_t number = o->t->name[i] - store_name(STORE_SEGMENT, 0);
        newest = o->t->name[i] >= store_name(STORE_SEGMENT, 0) && o->t->name[i] < store_name(STORE_SNAPSHOT, 0) && number > newest
                     ? number : newest;
    }
    if (newest == 0 || newest < o->t->ballot.segment) {
        return refuse(o, "a segment is missing");
    }
    o->t->newest = o->t->oldest = newest;
    while (o->t->oldest > 1 && store_file(o->t, store_name(STORE_SEGMENT, o->t->oldest - 1)) < DISK_FILES) {
        o->t->oldest--;
    }
    for (uint64_t n = o->t->oldest; n <= newest; n++) {
        uint8_t head[RAFT_WAL_HEAD];
        uint32_t file = store_file(o->t, store_name(STORE_SEGMENT, n));
        (void)read_at(o, file, 0, head, sizeof head);
        enum raft_wal_head found = raft_wal_head_look(&o->t->owner, n, o->t->segment_size, head);
        if (found == RAFT_WAL_HEAD_DAMAGED) {
            raft_wal_head_write(&o->t->owner, n, o->t->segment_size, head);
            write_now(o, file, 0, head, sizeof head);
            sync_now(o, file);
        } else if (found != RAFT_WAL_HEAD_OURS) {
            return refuse(o, "a segment is not what its name says");
        }
    }
    return true;
}

/* What the process before wrote last, and may have ended for because its sync failed, once more. */
static void confirm(struct opening *o, const struct raft_wal_found *found, bool heal)
{
    struct store *t = o->t;
    uint32_t file = store_file(t, store_name(STORE_SEGMENT, t->wal.segment));

    if (found->batch_segment == t->wal.segment && t->wal.at > found->batch_at) {
        uint32_t size = t->wal.at - found->batch_at;
        uint8_t *bytes = must(malloc(size));
        size = (uint32_t)read_at(o, file, found->batch_at, bytes, size);
        write_now(o, file, found->batch_at, bytes, size);
        sync_now(o, file);
        free(bytes);
    }
    for (int slot = 0; slot < (heal ? 2 : 1); slot++) {
        store_write_ballot(o->w, t, o->fx);
        sync_now(o, store_file(t, store_name(STORE_BALLOT, 0)));
    }
    sync_now(o, DISK_NAMES);
}

static void write_piece(struct opening *o, struct raft_wal_piece *p)
{
    uint8_t bytes[RAFT_FRAME_HEAD + RAFT_FRAME_TAIL_MAX];
    uint32_t file = store_file(o->t, store_name(STORE_SEGMENT, p->segment));

    write_now(o, file, p->at, bytes, store_piece_bytes(p, bytes));
    sync_now(o, file);
    raft_wal_synced(&o->t->wal);
    if (raft_places_add(&o->t->places, &p->frame, p->segment, p->at) != ERR_OK) {
        abort();
    }
}

/* There were entries up to `index`, and there may have been up to that of a snapshot that is not readable. */
static void owe(struct opening *o, uint64_t index)
{
    index = index > o->found->rotten ? index : o->found->rotten;
    o->t->ballot.repair_to = index > o->t->ballot.repair_to ? index : o->t->ballot.repair_to;
}

/* Without what is behind the damage. The ballot first: whatever happens then, the next start knows. */
static bool cut_damage(struct opening *o, const struct raft_wal_found *found)
{
    struct store *t = o->t;
    struct raft_wal_piece piece;

    world_say(o->w, "node %" PRIu32 " finds its log damaged behind %" PRIu64 ": %s", o->node, t->wal.last, found->reason);
    owe(o, found->later_last > t->wal.last ? found->later_last : t->wal.last + 1);
    t->ballot.segment = t->wal.segment;
    store_write_ballot(o->w, t, o->fx);
    sync_now(o, store_file(t, store_name(STORE_BALLOT, 0)));
    for (; t->newest > t->wal.segment; t->newest--) {
        store_set_name(o->w, t, o->fx, store_file(t, store_name(STORE_SEGMENT, t->newest)), 0);
    }
    sync_now(o, DISK_NAMES);
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        t->freed[i] = 0;
    }
    make_segment(o, t->newest + 1);
    if (o->w->has_failed || raft_wal_repair(&t->wal, &piece) != ERR_OK) {
        return refuse(o, "a damaged log cannot be cut");
    }
    write_piece(o, &piece);
    return true;
}

static bool rebase(struct opening *o, uint64_t base, uint64_t base_term)
{
    struct raft_wal_piece piece;

    while (o->t->newest < o->t->wal.segment + 1 && !o->w->has_failed) {
        make_segment(o, o->t->newest + 1);
    }
    if (o->w->has_failed || raft_wal_rebase(&o->t->wal, base, base_term, &piece) != ERR_OK) {
        return refuse(o, "the log does not begin anew");
    }
    write_piece(o, &piece);
    quorum_forget(o->s, base);
    return true;
}

/* What is before the log is nowhere. The ballot first: whatever happens then, the next start knows what is owed. */
static bool forget(struct opening *o)
{
    struct store *t = o->t;

    owe(o, t->wal.last);
    store_write_ballot(o->w, t, o->fx);
    sync_now(o, store_file(t, store_name(STORE_BALLOT, 0)));
    return rebase(o, 0, 0);
}

static bool mend(struct opening *o, const struct raft_wal_found *found)
{
    static const uint8_t zeros[1 << 17];
    uint32_t file = store_file(o->t, store_name(STORE_SEGMENT, found->segment));

    switch (found->verdict) {
    case RAFT_WAL_CLEAN:
        return true;
    case RAFT_WAL_TORN:
        write_now(o, file, found->void_from, zeros, found->void_to - found->void_from);
        sync_now(o, file);
        return true;
    case RAFT_WAL_DAMAGED:
        return cut_damage(o, found);
    }
    return false;
}

static bool recover_log(struct opening *o, bool heal)
{
    static uint8_t scratch[RAFT_FRAME_MAX];
    struct store *t = o->t;
    struct raft_wal_found found;

    raft_wal_init(&t->wal, &t->owner, t->segment_size);
    raft_wal_recover(&t->wal, &(struct raft_wal_reader){.context = o, .read = read_segment, .take = take_frame, .scratch = scratch,
                                                        .oldest = t->oldest, .newest = t->newest}, &found);
    o->found->verdict = found.verdict;
    if (t->wal.base > o->found->head.index && o->found->rotten == 0 && t->ballot.repair_to == 0) {
        return refuse(o, "the log begins behind the snapshot");
    }
    confirm(o, &found, heal);
    return mend(o, &found) && (t->wal.base <= o->found->head.index || forget(o));
}

/* ---- snapshots ------------------------------------------------------------------------------------------------- */

/* The newest one that is whole; and of a newer one that is not the index. */
static void find_snapshot(struct opening *o)
{
    static struct raft_snapshot_head head;

    for (uint32_t i = 0; i < DISK_FILES; i++) {
        uint64_t index = o->t->name[i] - store_name(STORE_SNAPSHOT, 0);
        if (o->t->name[i] <= store_name(STORE_SNAPSHOT, 0) || index <= o->found->head.index) {
            continue;
        }
        size_t size = disk_size(&o->w->node[o->node].disk, i);
        uint8_t *bytes = must(malloc(size + 1));
        (void)read_at(o, i, 0, bytes, size);
        if (machine_is_whole(bytes, size, &head) && head.index == index) {
            free(o->found->snapshot);
            o->found->snapshot = bytes;
            o->found->snapshot_size = size;
            o->found->head = head;
        } else {
            o->found->rotten = index > o->found->rotten ? index : o->found->rotten;
            free(bytes);
        }
    }
    o->found->rotten = o->found->rotten > o->found->head.index ? o->found->rotten : 0;
}

/* Out of the way, when the log is mended. */
static void put_aside(struct opening *o)
{
    if (o->found->rotten == 0) {
        return;
    }
    world_say(o->w, "node %" PRIu32 " puts a rotten snapshot of %" PRIu64 " aside", o->node, o->found->rotten);
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        if (o->t->name[i] > store_name(STORE_SNAPSHOT, o->found->head.index)) {
            store_set_name(o->w, o->t, o->fx, i, 0);
        }
    }
    sync_now(o, DISK_NAMES);
}

/* A snapshot that the log does not reach, or that another leader's log went past: the log begins behind it. */
static bool match_snapshot(struct opening *o)
{
    const struct raft_snapshot_head *h = &o->found->head;
    const struct quorum_item *item = quorum_item(o->s, h->index);
    uint64_t term = item != NULL ? item->term : o->t->wal.base_term;

    if (h->index == 0 || (h->index <= o->t->wal.last && h->index >= o->t->wal.base && term == h->term)) {
        return true;
    }
    return rebase(o, h->index, h->term);
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

bool store_open(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t member, struct world_effects *fx,
                struct store_found *ret)
{
    static uint8_t bytes[RAFT_BALLOT_FILE];
    struct opening o = {.w = w, .node = node, .s = s, .t = &s->store, .fx = fx, .found = ret};
    const struct disk *d = &w->node[node].disk;
    uint8_t id[NODE_SIZE];
    bool heal = false;

    *ret = (struct store_found){0};
    o.t->segment_size = quorum_truth(w)->segment_size;
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        o.t->name[i] = disk_name_of(d, i);
        /* A file system gives the blocks of a file to another when its name is gone for good: so do we. */
        o.t->freed[i] = d->name_seen[i] == 0 && d->name_kept[i] != 0;
    }
    uint32_t file = store_file(o.t, store_name(STORE_NODE, 0));
    if (file == DISK_FILES) {
        create(&o, member);
        return !w->has_failed;
    }
    (void)read_at(&o, file, 0, id, sizeof id);
    ret->member = raft_le_get64(id);
    o.t->owner = (struct raft_frame_owner){.cluster = QUORUM_CLUSTER, .member = ret->member};
    size_t size = read_at(&o, store_file(o.t, store_name(STORE_BALLOT, 0)), 0, bytes, sizeof bytes);
    enum err e = raft_ballot_read(&o.t->owner, bytes, size, &o.t->ballot, &heal);
    if (e != ERR_OK) {
        return refuse(&o, "what was voted last is not readable");
    }
    find_snapshot(&o);
    if (!look_at_segments(&o) || !recover_log(&o, heal)) {
        return false;
    }
    put_aside(&o);
    return match_snapshot(&o);
}
