/* What a cell's shell does around the core, on the world's disk and wires. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "raft/little.h"
#include "tests/sim/raft/check.h"

enum {
    FILE_VOTES = 0,
    FILE_LOG = 1,
    CHUNK = 48,        /* bytes: a snapshot of these worlds has some */
    LATER = 8,         /* events that one step may lead to */
    SEND_ROOM = 900 << 10, /* bytes of a step: beyond, packets are lost */
};

static void *some(size_t size)
{
    void *memory = malloc(size == 0 ? 1 : size);

    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* ---- entries in memory --------------------------------------------------------------------------------- */

static void push(struct tenant_seat *s, uint64_t term, const uint8_t *bytes, uint32_t size)
{
    if (s->items == s->room) {
        s->room = s->room == 0 ? 64 : 2 * s->room;
        s->item = realloc(s->item, s->room * sizeof *s->item);
        if (s->item == NULL) {
            abort();
        }
    }
    struct tenant_item *item = &s->item[s->items++];
    *item = (struct tenant_item){.term = term, .size = size, .bytes = some(size)};
    memcpy(item->bytes, bytes, size);
}

static void drop_from(struct tenant_seat *s, uint64_t first)
{
    while (s->items > 0 && s->base + s->items >= first) {
        free(s->item[--s->items].bytes);
    }
}

void tenant_cut(struct tenant_seat *s, uint64_t base)
{
    uint32_t gone = 0;

    while (gone < s->items && s->base + gone < base) {
        free(s->item[gone++].bytes);
    }
    s->items -= gone;
    s->base = base;
    memmove(s->item, s->item + gone, s->items * sizeof *s->item);
}

static void push_run(struct tenant_seat *s, const struct raft_run *run)
{
    struct raft_entry e;
    uint32_t at = 0;

    assert(run->first == s->base + s->items + 1);
    while (raft_packet_entry(run, &at, &e)) {
        push(s, run->term, e.bytes - RAFT_ENTRY_HEAD, e.size + RAFT_ENTRY_HEAD);
    }
}

/* ---- the disk -------------------------------------------------------------------------------------------- */

static void write_vote(struct world *w, struct tenant_seat *s, struct world_effects *fx)
{
    uint8_t bytes[16];

    little_put_64(bytes, s->vote.term);
    little_put_64(bytes + 8, s->vote.voted_for);
    journal_add(w, fx, &s->votes, JOURNAL_VOTE, bytes, sizeof bytes);
}

static void write_run(struct world *w, struct tenant_seat *s, struct world_effects *fx, const struct raft_run *run)
{
    uint8_t *bytes = some(24 + run->size);

    little_put_64(bytes, run->first);
    little_put_64(bytes + 8, run->term);
    little_put_32(bytes + 16, run->count);
    little_put_32(bytes + 20, run->size);
    memcpy(bytes + 24, run->bytes, run->size);
    journal_add(w, fx, &s->log, JOURNAL_APPEND, bytes, 24 + run->size);
    free(bytes);
}

static void write_snapshot(struct world *w, struct tenant_seat *s, struct world_effects *fx, enum journal_kind kind)
{
    uint8_t bytes[24 + RAFT_CONFIG_BYTES_MAX];

    little_put_64(bytes, s->snapshot.index);
    little_put_64(bytes + 8, s->snapshot.term);
    little_put_64(bytes + 16, s->snapshot.hash);
    size_t size = 24 + raft_config_pack(&s->snapshot.config, bytes + 24);
    journal_add(w, fx, &s->log, kind, bytes, (uint32_t)size);
}

static void sync_file(struct world *w, struct world_effects *fx, struct journal *j)
{
    j->is_dirty = false;
    j->is_flying = true;
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_SYNC_LATER, .file = j->file, .value = j->file}, NULL, 0);
}

/* One sync at a time for each file; what is written meanwhile waits for the next (group commit). */
static void sync_both(struct world *w, struct tenant_seat *s, struct world_effects *fx)
{
    if (s->votes.is_dirty && !s->votes.is_flying) {
        s->vote_flying = s->vote;
        sync_file(w, fx, &s->votes);
    }
    if (s->log.is_dirty && !s->log.is_flying) {
        s->flying = s->end;
        s->install_flying = s->install;
        s->install = (struct tenant_mark){0};
        sync_file(w, fx, &s->log);
    }
}

/* ---- packets --------------------------------------------------------------------------------------------- */

static void send(struct world *w, uint32_t node, struct tenant_seat *s, struct raft_message m,
                 struct world_effects *fx)
{
    const struct tenant_truth *t = tenant_truth(w);
    uint8_t *packet;
    size_t size = 0;

    check_said(w, node, s, &m);
    if (m.kind == RAFT_MESSAGE_APPEND) {
        for (uint32_t i = 0; i < m.run.count; i++) {
            const struct tenant_item *item = tenant_item(s, m.run.first + i);
            if (item == NULL || item->term != m.run.term) {
                world_fail(w, "node %" PRIu32 " sends entry %" PRIu64 ", which it does not have", node,
                           m.run.first + i);
                return;
            }
            size += item->size;
        }
        m.run.size = (uint32_t)size;
    }
    packet = some(RAFT_PACKET_FRONT_MAX + m.run.size);
    size_t at = raft_packet_front(&m, TENANT_CLUSTER, packet);
    if (m.kind == RAFT_MESSAGE_SNAPSHOT) {
        memcpy(packet + at, m.run.bytes, m.run.size);
    } else {
        size_t to = at;
        for (uint32_t i = 0; i < m.run.count; i++) {
            const struct tenant_item *item = tenant_item(s, m.run.first + i);
            memcpy(packet + to, item->bytes, item->size);
            to += item->size;
        }
    }
    if (t->sent != NULL) {
        t->sent(w, node, &m);
    }
    bool is_held = t->holds != NULL && t->holds(w, node, &m);
    bool is_stream = t->is_stream && !raft_packet_is_urgent(m.kind);
    uint32_t to = tenant_of(m.to);
    if (!is_held && to < w->set.nodes && fx->used + at + m.run.size < SEND_ROOM && fx->count < WORLD_EFFECTS_MAX - 24) {
        world_effect(w, fx, (struct world_effect){.kind = is_stream ? WORLD_FX_STREAM : WORLD_FX_SEND, .to = to},
                     packet, at + m.run.size);
    }
    free(packet);
}

static void send_chunk(struct world *w, uint32_t node, struct tenant_seat *s, uint32_t to, struct world_effects *fx)
{
    struct tenant_sending *sending = &s->sending[to];
    uint64_t left = s->blob_size - sending->offset;
    struct raft_message m = {
        .kind = RAFT_MESSAGE_SNAPSHOT, .from = s->id, .to = tenant_id(to), .term = raft_core_view(s->core).term,
        .index = s->snapshot.index, .index_term = s->snapshot.term, .round = sending->offset, .commit = s->blob_size,
        .run = {.bytes = s->blob + sending->offset, .size = (uint32_t)(left < CHUNK ? left : CHUNK)}};

    if (sending->index != s->snapshot.index) { /* a newer one was made: from the beginning */
        sending->index = s->snapshot.index;
        sending->offset = m.round = 0;
        m.run = (struct raft_run){.bytes = s->blob, .size = s->blob_size < CHUNK ? (uint32_t)s->blob_size : CHUNK};
    }
    send(w, node, s, m, fx);
}

void tenant_send_chunks(struct world *w, uint32_t node, struct tenant_seat *s, struct world_effects *fx)
{
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        if (s->sending[i].is_on) {
            send_chunk(w, node, s, i, fx);
        }
    }
}

static void make_blob(struct tenant_seat *s)
{
    little_put_64(s->blob, s->snapshot.hash);
    s->blob_size = 8 + raft_config_pack(&s->snapshot.config, s->blob + 8);
}

void tenant_save_snapshot(struct world *w, struct tenant_seat *s, struct world_effects *fx)
{
    make_blob(s);
    write_snapshot(w, s, fx, JOURNAL_SNAPSHOT);
}

/* ---- effects --------------------------------------------------------------------------------------------- */

static void append(struct world *w, uint32_t node, struct tenant_seat *s, const struct raft_effect *e,
                   struct world_effects *fx)
{
    struct raft_run run = e->run;

    run.bytes = e->source == RAFT_SOURCE_PROPOSAL ? s->proposal : run.bytes;
    push_run(s, &run);
    write_run(w, s, fx, &run);
    s->end = (struct tenant_mark){.index = run.first + run.count - 1, .term = run.term, .epoch = e->epoch};
    for (uint64_t i = run.first; i < run.first + run.count && !w->has_failed; i++) {
        (e->source == RAFT_SOURCE_MESSAGE ? check_appended : check_born)(w, node, s, i);
    }
}

static void apply(struct world *w, uint32_t node, struct tenant_seat *s, uint64_t to)
{
    for (; s->applied < to && !w->has_failed; s->applied++) {
        check_committed(w, node, s, s->applied + 1);
        const struct tenant_item *item = tenant_item(s, s->applied + 1);
        if (item != NULL) {
            s->hash = tenant_fold(s->hash, tenant_value(item->bytes, item->size));
        }
    }
    if (!w->has_failed && to > 0) {
        check_state(w, node, to, s->hash);
    }
    if (tenant_truth(w)->committed != NULL) {
        tenant_truth(w)->committed(w, node, to);
    }
}

static void install(struct world *w, uint32_t node, struct tenant_seat *s, const struct raft_effect *e,
                    struct world_effects *fx)
{
    s->snapshot = s->receiving;
    make_blob(s);
    write_snapshot(w, s, fx, e->is_ok ? JOURNAL_SNAPSHOT : JOURNAL_RESET);
    if (e->is_ok) {
        tenant_cut(s, e->index);
    } else {
        drop_from(s, 0);
        s->base = e->index;
        s->end = (struct tenant_mark){.index = e->index, .term = e->term, .epoch = e->epoch};
    }
    s->install = (struct tenant_mark){.index = e->index, .term = e->term, .epoch = e->epoch};
    s->applied = e->index;
    s->hash = s->snapshot.hash;
    tenant_truth(w)->installs++;
    check_state(w, node, s->applied, s->hash);
    world_say(w, "node %" PRIu32 " installs a snapshot at %" PRIu64, node, e->index);
}

static void take_chunk(struct tenant_seat *s, const struct raft_message *m, struct raft_event *ret)
{
    if (s->taken_index != m->index) {
        s->taken_index = m->index;
        s->taken_size = 0;
    }
    if (m->round == s->taken_size && m->commit <= sizeof s->taken) {
        memcpy(s->taken + s->taken_size, m->run.bytes, m->run.size);
        s->taken_size += m->run.size;
    }
    if (s->taken_size == m->commit) {
        s->receiving = (struct tenant_snapshot){.index = m->index, .term = m->index_term,
                                                .hash = little_get_64(s->taken)};
        if (raft_config_unpack(s->taken + 8, s->taken_size - 8, &s->receiving.config) == ERR_OK) {
            *ret = (struct raft_event){.kind = RAFT_EV_SNAPSHOT_RECEIVED, .index = m->index, .term = m->index_term,
                                       .config = &s->receiving.config};
        }
    }
}

static void more(struct world *w, uint32_t node, struct tenant_seat *s, const struct raft_effect *e,
                 struct world_effects *fx, struct raft_event *ret)
{
    uint32_t to = tenant_of(e->peer);
    struct tenant_sending *sending = &s->sending[to];

    if (!sending->is_on) {
        return;
    }
    sending->offset = e->is_ok && e->index <= s->blob_size ? e->index : 0;
    if (sending->offset == s->blob_size) {
        sending->is_on = false;
        *ret = (struct raft_event){.kind = RAFT_EV_SNAPSHOT_SENT, .peer = e->peer, .is_up = true};
    } else {
        send_chunk(w, node, s, to, fx);
    }
}

/* One effect; *ret: an event that follows from it, kind STALL and size 0 when none does. */
static void perform(struct world *w, uint32_t node, struct tenant_seat *s, const struct raft_effect *e,
                    const struct raft_event *cause, struct world_effects *fx, struct raft_event *ret)
{
    uint8_t first[8];

    if (tenant_truth(w)->fx != NULL) {
        tenant_truth(w)->fx(w, node, e);
    }
    switch (e->kind) {
    case RAFT_FX_STORE_VOTE:
        s->vote = e->vote;
        write_vote(w, s, fx);
        break;
    case RAFT_FX_TRUNCATE:
        drop_from(s, e->index);
        little_put_64(first, e->index);
        journal_add(w, fx, &s->log, JOURNAL_TRUNCATE, first, sizeof first);
        break;
    case RAFT_FX_APPEND:
        append(w, node, s, e, fx);
        break;
    case RAFT_FX_SEND:
        send(w, node, s, e->message, fx);
        break;
    case RAFT_FX_COMMIT:
        apply(w, node, s, e->index);
        *ret = (struct raft_event){.kind = RAFT_EV_APPLIED, .index = e->index};
        break;
    case RAFT_FX_CUT:
        tenant_cut(s, e->index);
        break;
    case RAFT_FX_READ_READY:
    case RAFT_FX_READ_FAILED:
        tenant_truth(w)->read_ready += e->kind == RAFT_FX_READ_READY;
        check_read(w, node, s, e);
        break;
    case RAFT_FX_BECAME:
        check_became(w, node, e);
        if (tenant_truth(w)->became != NULL) {
            tenant_truth(w)->became(w, node, e);
        }
        break;
    case RAFT_FX_CHANGED:
        tenant_truth(w)->changes += e->is_ok;
        world_say(w, "node %" PRIu32 ": configuration of %" PRIu64 "%s, %" PRIu32 " members%s", node, e->index,
                  e->is_ok ? " committed" : "", e->config->count, raft_config_is_joint(e->config) ? ", joint" : "");
        break;
    case RAFT_FX_SNAPSHOT_SEND:
        s->sending[tenant_of(e->peer)] = (struct tenant_sending){.is_on = true, .index = s->snapshot.index};
        send_chunk(w, node, s, tenant_of(e->peer), fx);
        break;
    case RAFT_FX_SNAPSHOT_CHUNK:
        take_chunk(s, cause->message, ret);
        send(w, node, s, raft_core_chunk_answer(s->core, s->taken_index, s->taken_size, true), fx);
        break;
    case RAFT_FX_SNAPSHOT_MORE:
        more(w, node, s, e, fx, ret);
        break;
    case RAFT_FX_SNAPSHOT_INSTALL:
        install(w, node, s, e, fx);
        break;
    case RAFT_FX_SNAPSHOT_ABORT:
        if (e->peer != 0) {
            s->sending[tenant_of(e->peer)].is_on = false;
        }
        break;
    case RAFT_FX_TRANSFERRED:
        tenant_truth(w)->transfers += e->is_ok;
        break;
    case RAFT_FX_REPAIRED:
    case RAFT_FX_REMOVED:
        world_say(w, "node %" PRIu32 " is %s", node, e->kind == RAFT_FX_REMOVED ? "removed" : "repaired");
        break;
    }
}

static void perform_all(struct world *w, uint32_t node, struct tenant_seat *s, const struct raft_event *cause,
                        const struct raft_effects *n, struct world_effects *fx, struct raft_event *later,
                        uint32_t *count)
{
    for (uint32_t i = 0; i < n->count && !w->has_failed; i++) {
        struct raft_event next = {.kind = RAFT_EV_STALL};
        perform(w, node, s, &n->item[i], cause, fx, &next);
        if (next.kind != RAFT_EV_STALL && *count < LATER) {
            later[(*count)++] = next;
        }
    }
}

enum err tenant_feed(struct world *w, uint32_t node, struct tenant_seat *s, uint64_t now_us,
                     const struct raft_event *e, struct world_effects *fx, uint64_t *ret_leader)
{
    static struct raft_effects n;
    struct raft_event later[LATER];
    uint32_t count = 0;

    enum err err = raft_core_step(s->core, now_us, e, &n);
    *ret_leader = n.leader;
    perform_all(w, node, s, e, &n, fx, later, &count);
    for (uint32_t i = 0; i < count && !w->has_failed; i++) {
        (void)raft_core_step(s->core, now_us, &later[i], &n);
        perform_all(w, node, s, &later[i], &n, fx, later, &count);
    }
    sync_both(w, s, fx);
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TIMER, .value = n.due_us > now_us ? n.due_us : now_us + 1},
                 NULL, 0);
    return err;
}

void tenant_synced(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                   struct world_effects *fx)
{
    uint64_t leader;

    if (!ev->is_ok) { /* nothing can be known about the disk any more: the process ends */
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_DIE}, NULL, 0);
        return;
    }
    if (ev->value == FILE_VOTES) {
        s->votes.is_flying = false;
        (void)tenant_feed(w, node, s, ev->now_us, &(struct raft_event){.kind = RAFT_EV_VOTE_STORED, .vote = s->vote_flying},
                          fx, &leader);
        return;
    }
    s->log.is_flying = false;
    struct tenant_mark flying = s->flying, install = s->install_flying;
    if (install.index != 0) {
        (void)tenant_feed(w, node, s, ev->now_us,
                          &(struct raft_event){.kind = RAFT_EV_SNAPSHOT_INSTALLED, .index = install.index,
                                               .term = install.term, .epoch = install.epoch}, fx, &leader);
    }
    (void)tenant_feed(w, node, s, ev->now_us, &(struct raft_event){.kind = RAFT_EV_STORED, .index = flying.index,
                                                                   .term = flying.term, .epoch = flying.epoch},
                      fx, &leader);
}

/* ---- a life begins --------------------------------------------------------------------------------------- */

static uint8_t *read_file(const struct world *w, uint32_t node, uint32_t file, size_t *ret_size)
{
    const struct disk *d = &w->node[node].disk;
    size_t size = disk_size(d, file);
    uint8_t *bytes = some(size);

    *ret_size = disk_read(d, file, 0, bytes, size);
    return bytes;
}

static void read_record(struct tenant_seat *s, const struct journal_record *r)
{
    uint64_t first = little_get_64(r->bytes);

    if (r->kind == JOURNAL_APPEND) {
        struct raft_run run = {.first = first, .term = little_get_64(r->bytes + 8), .count = little_get_32(r->bytes + 16),
                               .size = little_get_32(r->bytes + 20), .bytes = r->bytes + 24};
        push_run(s, &run);
    } else if (r->kind == JOURNAL_TRUNCATE) {
        drop_from(s, first);
    } else {
        s->snapshot = (struct tenant_snapshot){.index = first, .term = little_get_64(r->bytes + 8),
                                               .hash = little_get_64(r->bytes + 16)};
        if (raft_config_unpack(r->bytes + 24, r->size - 24, &s->snapshot.config) != ERR_OK) {
            abort(); /* it was written so, and its checksum is right */
        }
        if (r->kind == JOURNAL_RESET) {
            drop_from(s, 0);
            s->base = first;
        }
    }
}

/* What was read may be in a cache that never reaches the medium: it is written again before it counts. */
static void rewrite(struct world *w, struct world_effects *fx, struct journal *j, const uint8_t *bytes)
{
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_WRITE, .file = j->file}, bytes, j->end);
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_RESIZE, .file = j->file, .offset = j->end}, NULL, 0);
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_SYNC, .file = j->file}, NULL, 0);
}

static void read_disk(struct world *w, uint32_t node, struct tenant_seat *s, struct world_effects *fx)
{
    struct journal_record r;
    size_t size;
    uint8_t *bytes = read_file(w, node, FILE_VOTES, &size);

    s->votes = (struct journal){.file = FILE_VOTES};
    s->log = (struct journal){.file = FILE_LOG};
    while (journal_next(&s->votes, bytes, size, &r)) {
        s->vote = (struct raft_vote){.term = little_get_64(r.bytes), .voted_for = little_get_64(r.bytes + 8)};
    }
    rewrite(w, fx, &s->votes, bytes);
    free(bytes);
    bytes = read_file(w, node, FILE_LOG, &size);
    while (journal_next(&s->log, bytes, size, &r)) {
        read_record(s, &r);
    }
    rewrite(w, fx, &s->log, bytes);
    free(bytes);
}

static void recover(struct world *w, uint32_t node, struct tenant_seat *s)
{
    for (uint32_t i = 0; i < s->items; i++) {
        struct raft_run run = {.first = s->base + i + 1, .term = s->item[i].term, .count = 1, .size = s->item[i].size,
                               .bytes = s->item[i].bytes};
        enum err e = raft_core_recover(s->core, &run);
        if (e != ERR_OK) {
            world_fail(w, "node %" PRIu32 " cannot read its log at %" PRIu64 ": %s", node, run.first, err_name(e));
            return;
        }
    }
}

void tenant_start(struct world *w, uint32_t node, struct tenant_seat *s, const struct world_event *ev,
                  struct world_effects *fx)
{
    static struct raft_effects n;
    const struct tenant_truth *t = tenant_truth(w);
    struct raft_event later[LATER];
    uint32_t count = 0;

    s->id = tenant_id(node);
    read_disk(w, node, s, fx);
    struct raft_setup setup = {.cluster = TENANT_CLUSTER, .self = s->id, .tuning = t->tuning, .vote = s->vote,
                               .seed = dice_below(&w->dice, DICE_TENANT, UINT64_MAX),
                               .snapshot = s->snapshot.index, .snapshot_term = s->snapshot.term,
                               .config = s->snapshot.config};
    setup.tuning.has_no_prevote = node < t->old;
    for (uint32_t i = 0; i < t->founders && s->snapshot.index == 0 && node < t->founders; i++) {
        setup.config.member[i] = (struct raft_member){.id = tenant_id(i), .flags = RAFT_VOTER};
        setup.config.count = i + 1;
    }
    s->memory = some(raft_core_size());
    enum err e = raft_core_init(s->memory, &setup, &s->core);
    if (e != ERR_OK) {
        world_fail(w, "node %" PRIu32 " cannot start: %s", node, err_name(e));
        return;
    }
    recover(w, node, s);
    s->applied = s->snapshot.index;
    s->hash = s->snapshot.hash;
    make_blob(s);
    if (w->has_failed) {
        return;
    }
    raft_core_start(s->core, ev->now_us, &n);
    s->end = (struct tenant_mark){.index = raft_core_view(s->core).last, .term = raft_core_view(s->core).last_term};
    perform_all(w, node, s, &(struct raft_event){.kind = RAFT_EV_CLOCK}, &n, fx, later, &count);
    sync_both(w, s, fx);
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TIMER, .value = n.due_us > ev->now_us ? n.due_us : ev->now_us + 1},
                 NULL, 0);
}
