#include "tests/sim/raft/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/raft/tenant.h"

enum {
    RETRY_US = 500000, /* after a full disk: raft/syncer.h */
    KIND_SHIFT = 56,
};

static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

uint64_t store_name(enum store_kind kind, uint64_t number)
{
    return (uint64_t)kind << KIND_SHIFT | number;
}

uint32_t store_file(const struct store *t, uint64_t name)
{
    uint32_t file = 0;

    while (file < DISK_FILES && t->name[file] != name) {
        file++;
    }
    return file;
}

uint32_t store_free(const struct store *t)
{
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        bool is_used = t->name[i] != 0 || t->freed[i] != 0 || (t->is_making && t->making_file == i);
        for (uint32_t k = 0; k < STORE_IMAGES; k++) {
            is_used |= t->image[k].bytes != NULL && !t->image[k].is_waiting && t->image[k].file == i;
        }
        if (!is_used) {
            return i;
        }
    }
    return DISK_FILES;
}

void store_write(struct world *w, struct world_effects *fx, uint32_t file, uint64_t offset, const void *bytes, size_t size)
{
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_WRITE, .file = file, .offset = offset}, bytes, size);
}

void store_set_name(struct world *w, struct store *t, struct world_effects *fx, uint32_t file, uint64_t name)
{
    t->freed[file] = t->name[file] != 0 && name == 0 ? 1 : t->freed[file];
    t->name[file] = name;
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_NAME, .file = file, .value = name}, NULL, 0);
}

static void sync_later(struct world *w, struct world_effects *fx, uint32_t file, uint64_t what)
{
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_SYNC_LATER, .file = file, .value = what}, NULL, 0);
}

static void sync_names(struct world *w, struct store *t, struct world_effects *fx, uint64_t what)
{
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        t->freed[i] = t->freed[i] != 0 ? 2 : 0;
    }
    sync_later(w, fx, DISK_NAMES, what);
}

void store_fini(struct store *t)
{
    for (uint32_t i = 0; i < t->items; i++) {
        free((void *)(uintptr_t)t->item[i].run.bytes);
    }
    for (uint32_t i = 0; i < STORE_IMAGES; i++) {
        free(t->image[i].bytes);
    }
    free(t->item);
    free(t->piece);
    raft_places_fini(&t->places);
    memset(t, 0, sizeof *t);
}

/* ---- votes ------------------------------------------------------------------------------------------------ */

void store_vote(struct store *t, const struct raft_vote *vote)
{
    t->ballot.vote = *vote;
    t->is_ballot_dirty = true;
}

void store_repaired(struct store *t)
{
    t->ballot.repair_to = 0;
    t->is_ballot_dirty = true;
}

void store_write_ballot(struct world *w, struct store *t, struct world_effects *fx)
{
    uint8_t slot[RAFT_BALLOT_SLOT];
    uint32_t at;

    raft_ballot_write(&t->ballot, &t->owner, slot, &at);
    store_write(w, fx, store_file(t, store_name(STORE_BALLOT, 0)), at, slot, sizeof slot);
}

static void turn_ballot(struct world *w, struct store *t, struct world_effects *fx)
{
    if (t->is_ballot_dirty && !t->is_ballot_flying) {
        t->is_ballot_dirty = false;
        t->is_ballot_flying = true;
        store_write_ballot(w, t, fx);
        t->ballot_flying = t->ballot;
        sync_later(w, fx, store_file(t, store_name(STORE_BALLOT, 0)), STORE_SYNC_BALLOT);
    }
}

/* ---- the log ------------------------------------------------------------------------------------------------ */

static struct store_item *add_item(struct store *t)
{
    if (t->items == t->room) {
        t->room = t->room == 0 ? 16 : 2 * t->room;
        t->item = must(realloc(t->item, t->room * sizeof *t->item));
    }
    t->item[t->items] = (struct store_item){0};
    return &t->item[t->items++];
}

/* A run that no frame holds is written as several. */
void store_append(struct store *t, const struct raft_run *run, uint64_t prev_term, const struct store_mark *mark)
{
    uint32_t most = raft_wal_body_max(t->segment_size), at = 0, begin = 0, count = 0;
    struct raft_entry e;
    uint64_t first = run->first;

    while (begin < run->size) {
        uint32_t next = at;
        bool is_more = raft_packet_entry(run, &next, &e);
        if (is_more && next - begin <= most) {
            at = next;
            count++;
            continue;
        }
        assert(count > 0);
        struct store_item *item = add_item(t);
        uint8_t *bytes = must(malloc(at - begin));
        memcpy(bytes, run->bytes + begin, at - begin);
        *item = (struct store_item){.run = {.first = first, .term = run->term, .count = count, .size = at - begin, .bytes = bytes},
                                    .prev_term = first == run->first ? prev_term : run->term, .mark = *mark,
                                    .is_last = !is_more};
        first += count;
        begin = at;
        count = 0;
    }
}

void store_base(struct store *t, const struct store_mark *mark)
{
    *add_item(t) = (struct store_item){.run = {.first = mark->index + 1}, .prev_term = mark->term, .mark = *mark,
                                       .is_base = true, .is_last = true};
}

size_t store_piece_bytes(const struct raft_wal_piece *p, uint8_t *out)
{
    memcpy(out, p->head, RAFT_FRAME_HEAD);
    if (p->frame.size > 0) {
        memcpy(out + RAFT_FRAME_HEAD, p->body, p->frame.size);
    }
    memcpy(out + RAFT_FRAME_HEAD + p->frame.size, p->tail, p->tail_size);
    return RAFT_FRAME_HEAD + p->frame.size + p->tail_size;
}

static struct raft_wal_piece *add_piece(struct store *t)
{
    if (t->pieces == t->piece_room) {
        t->piece_room = t->piece_room == 0 ? 16 : 2 * t->piece_room;
        t->piece = must(realloc(t->piece, t->piece_room * sizeof *t->piece));
    }
    return &t->piece[t->pieces++];
}

/* Whether the item may join the batch: a batch stays in one segment, and that must be there. */
static bool may_join(const struct store *t, const struct store_item *item)
{
    bool turns = raft_wal_turns(&t->wal, item->run.size);

    return (!turns || (t->pieces == 0 && t->wal.segment < t->newest)) && (!item->is_base || t->installs < STORE_INSTALLS);
}

/* All that gathered, as far as it goes into one segment, by one write: what shares a sector reaches the disk together. */
static void turn_log(struct world *w, struct store *t, struct world_effects *fx)
{
    if (t->is_log_flying || t->items == 0) {
        return;
    }
    uint8_t *batch = must(malloc(t->segment_size));
    size_t size = 0;
    t->pieces = t->installs = t->taken = 0;
    t->last = (struct store_mark){0};
    for (; t->taken < t->items && may_join(t, &t->item[t->taken]); t->taken++) {
        struct store_item *item = &t->item[t->taken];
        struct raft_wal_piece *p = add_piece(t);
        enum err e = item->is_base ? raft_wal_rebase(&t->wal, item->run.first - 1, item->prev_term, p)
                                   : raft_wal_append(&t->wal, &item->run, item->prev_term, p);
        if (e != ERR_OK) {
            world_fail(w, "entries from %llu on have no place in the log: %s", (unsigned long long)item->run.first, err_name(e));
            break;
        }
        size += store_piece_bytes(p, batch + size);
        if (item->is_base) {
            t->install[t->installs++] = item->mark;
            t->last = (struct store_mark){0}; /* what was before it is void */
        } else if (item->is_last) {
            t->last = item->mark;
        }
    }
    if (t->pieces > 0) {
        uint32_t file = store_file(t, store_name(STORE_SEGMENT, t->wal.segment));
        t->is_log_flying = true;
        store_write(w, fx, file, t->piece[0].at, batch, size);
        sync_later(w, fx, file, STORE_SYNC_LOG);
    }
    free(batch);
}

static void log_synced(struct world *w, struct store *t, struct store_told *ret)
{
    raft_wal_synced(&t->wal);
    for (uint32_t i = 0; i < t->pieces; i++) {
        if (raft_places_add(&t->places, &t->piece[i].frame, t->piece[i].segment, t->piece[i].at) != ERR_OK) {
            world_fail(w, "no memory for places");
        }
    }
    for (uint32_t i = 0; i < t->taken; i++) {
        free((void *)(uintptr_t)t->item[i].run.bytes);
    }
    t->items -= t->taken;
    memmove(t->item, t->item + t->taken, t->items * sizeof *t->item);
    t->is_log_flying = false;
    t->pieces = t->taken = 0;
    ret->is_log = true;
    ret->last = t->last;
    ret->installs = t->installs;
    memcpy(ret->install, t->install, sizeof t->install);
}

/* As raft_syncer_has_room, of all that waits. A message may have more than these small segments hold, as none of the
 * cell's can: it is taken when nothing else waits, and written as segments are made. */
bool store_has_room(const struct store *t, uint64_t bytes)
{
    uint64_t spares = t->newest - t->wal.segment, whole = t->segment_size - RAFT_WAL_HEAD, waiting = 0;

    for (uint32_t i = t->taken; i < t->items; i++) {
        waiting += raft_frame_size(t->item[i].run.size);
    }
    uint64_t need = waiting + bytes + RAFT_FRAME_HEAD + RAFT_FRAME_TAIL_MAX + STORE_MARGIN;
    if (bytes > whole / 2 && t->items == 0) {
        return !t->is_full;
    }
    return need <= t->segment_size - t->wal.at || (need <= whole && spares > 0) || need <= spares * (whole / 2);
}

void store_cut(struct world *w, struct store *t, uint64_t index, struct world_effects *fx)
{
    uint64_t needed = raft_places_cut(&t->places, index);

    for (; t->oldest < needed && t->oldest < t->newest; t->oldest++) {
        store_set_name(w, t, fx, store_file(t, store_name(STORE_SEGMENT, t->oldest)), 0);
    }
}

/* ---- segments ahead ------------------------------------------------------------------------------------------ */

void store_blank(const struct store *t, uint64_t number, uint8_t *out)
{
    memset(out, 0, t->segment_size);
    raft_wal_head_write(&t->owner, number, t->segment_size, out);
}

static void turn_maker(struct world *w, struct store *t, uint64_t now_us, struct world_effects *fx)
{
    if (t->is_making || t->newest > t->wal.segment || now_us < t->retry_us) {
        return;
    }
    /* Whatever lost its name loses it for good before its blocks are used again. */
    t->is_making = true;
    t->making_file = DISK_FILES;
    sync_names(w, t, fx, STORE_SYNC_FREED);
}

static void sweep(struct world *w, struct store *t, struct world_effects *fx)
{
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        if (t->freed[i] == 2) {
            t->freed[i] = 0;
            world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_RESIZE, .file = i, .offset = 0}, NULL, 0);
        }
    }
}

static void make_failed(struct store *t, uint64_t now_us)
{
    t->is_making = false;
    t->is_full = true;
    t->retry_us = now_us + RETRY_US;
}

static void made(struct store *t)
{
    t->newest++;
    t->is_making = t->is_full = false;
}

/* ---- snapshots ------------------------------------------------------------------------------------------------ */

bool store_write_image(struct store *t, uint32_t which, uint64_t index, uint8_t *bytes, size_t size)
{
    struct store_image *i = &t->image[which];

    if (i->bytes != NULL) {
        free(bytes);
        return false;
    }
    *i = (struct store_image){.bytes = bytes, .size = size, .index = index, .is_waiting = true};
    return true;
}

static void drop_image(struct store *t, uint32_t which)
{
    free(t->image[which].bytes);
    t->image[which] = (struct store_image){0};
}

/* It has its name: older ones are not needed. */
static void image_named(struct world *w, struct store *t, uint32_t which, struct world_effects *fx, struct store_told *ret)
{
    uint64_t mine = store_name(STORE_SNAPSHOT, t->image[which].index);

    sweep(w, t, fx);
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        if (t->name[i] >> KIND_SHIFT == STORE_SNAPSHOT && t->name[i] < mine) {
            store_set_name(w, t, fx, i, 0);
        }
    }
    ret->is_image = true;
    ret->image = which;
    ret->image_index = t->image[which].index;
    drop_image(t, which);
}

/* ---- turns ---------------------------------------------------------------------------------------------------- */

void store_turn(struct world *w, struct store *t, uint64_t now_us, struct world_effects *fx)
{
    turn_ballot(w, t, fx);
    turn_log(w, t, fx);
    turn_maker(w, t, now_us, fx);
}

/* A file that somebody left half made begins anew. */
static void write_new(struct world *w, struct world_effects *fx, uint32_t file, const uint8_t *bytes, size_t size)
{
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_RESIZE, .file = file, .offset = 0}, NULL, 0);
    store_write(w, fx, file, 0, bytes, size);
}

static void grow_segment(struct world *w, struct store *t, struct world_effects *fx)
{
    uint8_t *bytes = must(malloc(t->segment_size));

    store_blank(t, t->newest + 1, bytes);
    t->growing = STORE_GROWS_SEGMENT;
    write_new(w, fx, t->making_file, bytes, t->segment_size);
    sync_later(w, fx, t->making_file, STORE_SYNC_FILLED);
    free(bytes);
}

static void grow_image(struct world *w, struct store *t, struct world_effects *fx)
{
    for (uint32_t i = 0; i < STORE_IMAGES && t->growing == STORE_GROWS_NOT; i++) {
        struct store_image *image = &t->image[i];
        if (image->bytes == NULL || !image->is_waiting) {
            continue;
        }
        uint32_t file = store_free(t);
        if (file == DISK_FILES) {
            drop_image(t, i);
            continue;
        }
        image->file = file;
        image->is_waiting = false;
        t->growing = STORE_GROWS_IMAGE;
        t->growing_image = i;
        write_new(w, fx, file, image->bytes, image->size);
        sync_later(w, fx, file, STORE_SYNC_IMAGE + i);
    }
}

void store_grow(struct world *w, struct store *t, struct world_effects *fx)
{
    t->growing = STORE_GROWS_NOT;
    if (t->wants == STORE_GROWS_SEGMENT) {
        t->wants = STORE_GROWS_NOT;
        grow_segment(w, t, fx);
    } else {
        grow_image(w, t, fx);
    }
}

bool store_failed(struct store *t, uint64_t now_us)
{
    if (t->growing == STORE_GROWS_SEGMENT) {
        make_failed(t, now_us);
    } else if (t->growing == STORE_GROWS_IMAGE) {
        drop_image(t, t->growing_image);
    }
    return t->growing != STORE_GROWS_NOT;
}

static void ballot_synced(struct store *t, struct store_told *ret)
{
    t->is_ballot_flying = false;
    ret->is_vote = true;
    ret->vote = t->ballot_flying.vote;
    if (t->is_making && t->ballot_flying.segment == t->newest + 1) {
        made(t);
    }
}

void store_synced(struct world *w, struct store *t, const struct world_event *ev, struct world_effects *fx,
                  struct store_told *ret)
{
    *ret = (struct store_told){0};
    switch (ev->value) {
    case STORE_SYNC_LOG:
        log_synced(w, t, ret);
        break;
    case STORE_SYNC_BALLOT:
        ballot_synced(t, ret);
        break;
    case STORE_SYNC_FREED:
        sweep(w, t, fx);
        t->making_file = store_free(t);
        if (t->making_file == DISK_FILES) {
            make_failed(t, ev->now_us);
        } else {
            t->wants = STORE_GROWS_SEGMENT;
        }
        break;
    case STORE_SYNC_FILLED:
        store_set_name(w, t, fx, t->making_file, store_name(STORE_SEGMENT, t->newest + 1));
        sync_later(w, fx, DISK_NAMES, STORE_SYNC_NAMED);
        break;
    case STORE_SYNC_NAMED:
        t->ballot.segment = t->newest + 1;
        t->is_ballot_dirty = true;
        break;
    case STORE_SYNC_IMAGE:
    case STORE_SYNC_IMAGE + 1:
        store_set_name(w, t, fx, t->image[ev->value - STORE_SYNC_IMAGE].file,
                       store_name(STORE_SNAPSHOT, t->image[ev->value - STORE_SYNC_IMAGE].index));
        sync_names(w, t, fx, STORE_SYNC_IMAGE_NAMED + ev->value - STORE_SYNC_IMAGE);
        break;
    case STORE_SYNC_IMAGE_NAMED:
    case STORE_SYNC_IMAGE_NAMED + 1:
        image_named(w, t, (uint32_t)ev->value - STORE_SYNC_IMAGE_NAMED, fx, ret);
        break;
    }
}

/* ---- what the medium says ----------------------------------------------------------------------------------- */

static const struct disk_file *kept_file(const struct disk *d, uint64_t name)
{
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        if (d->name_kept[i] == name) {
            return &d->file[i];
        }
    }
    return NULL;
}

/* Frames one after the other, as far as they are whole and follow each other; what was cut off and repaired follows in the
 * next segment. */
static void walk(const struct disk_file *f, const struct raft_frame_owner *owner, uint64_t index, uint64_t term, uint64_t *sequence,
                 bool *has)
{
    struct raft_frame r;

    for (uint32_t at = RAFT_WAL_HEAD; at + RAFT_FRAME_HEAD <= f->kept_size; at += raft_frame_size(r.size)) {
        if (raft_frame_look(owner, f->kept + at, RAFT_FRAME_HEAD, at, &r) != RAFT_FRAME_WHOLE ||
            (*sequence != 0 && r.sequence != *sequence + 1) || raft_frame_size(r.size) > f->kept_size - at ||
            raft_frame_look(owner, f->kept + at, raft_frame_size(r.size), at, &r) != RAFT_FRAME_WHOLE) {
            return;
        }
        *sequence = r.sequence;
        *has = (*has && index < r.first) || (index >= r.first && index < r.first + r.count && r.term == term) ||
               (r.kind == RAFT_FRAME_BASE && index < r.first);
    }
}

bool store_medium_has(const struct world *w, uint32_t node, uint64_t index, uint64_t term)
{
    const struct disk *d = &w->node[node].disk;
    const struct raft_frame_owner owner = {.cluster = QUORUM_CLUSTER, .member = quorum_id(w, node)};
    uint64_t sequence = 0, oldest = UINT64_MAX, newest = 0;
    bool has = false;

    for (uint32_t i = 0; i < DISK_FILES; i++) {
        uint64_t number = d->name_kept[i] & ((UINT64_C(1) << KIND_SHIFT) - 1);
        if (d->name_kept[i] >> KIND_SHIFT == STORE_SNAPSHOT && number >= index) {
            return true;
        }
        if (d->name_kept[i] >> KIND_SHIFT == STORE_SEGMENT) {
            oldest = number < oldest ? number : oldest;
            newest = number > newest ? number : newest;
        }
    }
    for (uint64_t n = oldest; n <= newest; n++) {
        const struct disk_file *f = kept_file(d, store_name(STORE_SEGMENT, n));
        if (f == NULL) {
            sequence = 0; /* a name that was given up and not lost yet */
            has = false;
        } else {
            walk(f, &owner, index, term, &sequence, &has);
        }
    }
    return has;
}

struct raft_vote store_medium_vote(const struct world *w, uint32_t node)
{
    const struct disk_file *f = kept_file(&w->node[node].disk, store_name(STORE_BALLOT, 0));
    const struct raft_frame_owner owner = {.cluster = QUORUM_CLUSTER, .member = quorum_id(w, node)};
    struct raft_ballot b = {0};
    bool heal;

    if (f == NULL || raft_ballot_read(&owner, f->kept, f->kept_size, &b, &heal) != ERR_OK) {
        return (struct raft_vote){0};
    }
    return b.vote;
}
