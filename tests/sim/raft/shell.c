/* What a cell's shell does around the core, on the world's disk and wires: raft/shell.c, shell_snapshot.c. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/raft/check.h"

enum {
    CHUNK = 1500,          /* bytes of a snapshot in one message */
    LATER = 16,            /* events that one step may lead to */
    SEND_ROOM = 700 << 10, /* bytes of a step: beyond, packets are lost */
    STALL_US = 30000,      /* RAFT_SHELL_STALL_US */
    SEGMENTS_MANY = 10,    /* then a snapshot is made unasked */
    OWN = 0,
    RECEIVED = 1,
};

static void *some(size_t size)
{
    void *memory = malloc(size == 0 ? 1 : size);

    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* ---- packets --------------------------------------------------------------------------------------------- */

/* The bytes of an APPEND are those of the log. false: it does not have them. */
static bool fill_run(struct world *w, uint32_t node, struct quorum_seat *s, struct raft_run *run)
{
    run->size = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        const struct quorum_item *item = quorum_item(s, run->first + i);
        if (item == NULL || item->term != run->term) {
            world_fail(w, "node %" PRIu32 " sends entry %" PRIu64 ", which it does not have", node, run->first + i);
            return false;
        }
        run->size += item->size;
    }
    return true;
}

static uint8_t *make_packet(struct quorum_seat *s, const struct raft_message *m, size_t *ret_size)
{
    uint8_t *packet = some(RAFT_PACKET_FRONT_MAX + m->run.size);
    size_t at = raft_packet_front(m, QUORUM_CLUSTER, packet);

    if (m->kind == RAFT_MESSAGE_SNAPSHOT) {
        memcpy(packet + at, m->run.bytes, m->run.size);
        at += m->run.size;
    } else {
        for (uint32_t i = 0; i < m->run.count; i++) {
            const struct quorum_item *item = quorum_item(s, m->run.first + i);
            memcpy(packet + at, item->bytes, item->size);
            at += item->size;
        }
    }
    *ret_size = at;
    return packet;
}

static void send(struct world *w, uint32_t node, struct quorum_seat *s, struct raft_message m, struct world_effects *fx)
{
    const struct quorum_truth *t = quorum_truth(w);
    uint32_t to = quorum_of(w, m.to);
    size_t size;

    check_said(w, node, s, &m);
    if (m.kind == RAFT_MESSAGE_APPEND && !fill_run(w, node, s, &m.run)) {
        return;
    }
    uint8_t *packet = make_packet(s, &m, &size);
    if (t->sent != NULL) {
        t->sent(w, node, &m);
    }
    bool is_held = t->holds != NULL && t->holds(w, node, &m);
    bool is_stream = t->is_stream && !raft_packet_is_urgent(m.kind);
    if (!is_held && to < w->set.nodes && fx->used + size < SEND_ROOM && fx->count < WORLD_EFFECTS_MAX - 24) {
        world_effect(w, fx, (struct world_effect){.kind = is_stream ? WORLD_FX_STREAM : WORLD_FX_SEND, .to = to}, packet, size);
    }
    free(packet);
}

/* ---- snapshots ------------------------------------------------------------------------------------------- */

/* What goes to a member, or a free place; NULL: there is neither. */
static struct quorum_sending *sending_to(struct quorum_seat *s, uint64_t peer)
{
    struct quorum_sending *free_one = NULL;

    for (size_t i = 0; i < ARRAY_LEN(s->sending); i++) {
        if (s->sending[i].peer == peer) {
            return &s->sending[i];
        }
        free_one = s->sending[i].peer == 0 ? &s->sending[i] : free_one;
    }
    return free_one;
}

static void send_chunk(struct world *w, uint32_t node, struct quorum_seat *s, struct quorum_sending *sending, struct world_effects *fx)
{
    if (sending->index != s->snapshot_index) { /* a newer one was made: from the beginning */
        sending->index = s->snapshot_index;
        sending->offset = 0;
    }
    uint64_t left = s->blob_size - sending->offset;
    send(w, node, s, (struct raft_message){
        .kind = RAFT_MESSAGE_SNAPSHOT, .from = s->id, .to = sending->peer, .term = raft_core_view(s->core).term,
        .index = s->snapshot_index, .index_term = s->snapshot_term, .round = sending->offset, .commit = s->blob_size,
        .run = {.bytes = s->blob + sending->offset, .size = (uint32_t)(left < CHUNK ? left : CHUNK)}}, fx);
}

void quorum_send_chunks(struct world *w, uint32_t node, struct quorum_seat *s, struct world_effects *fx)
{
    for (size_t i = 0; i < ARRAY_LEN(s->sending); i++) {
        if (s->sending[i].peer != 0) {
            send_chunk(w, node, s, &s->sending[i], fx);
        }
    }
}

/* Of what is applied: the store as it is, and the configuration that was committed there. */
bool quorum_snapshot(struct world *w, uint32_t node, struct quorum_seat *s)
{
    uint8_t *bytes, *copy;
    uint64_t term;
    size_t size;

    if (s->machine.applied <= s->snapshot_index || s->made.bytes != NULL ||
        !raft_core_term_of(s->core, s->machine.applied, &term)) {
        return false;
    }
    if (!machine_image(w, node, s, term, &bytes, &size)) {
        return false;
    }
    copy = some(size);
    memcpy(copy, bytes, size);
    s->made.bytes = bytes;
    s->made.size = size;
    s->made.index = s->machine.applied;
    (void)store_write_image(&s->store, OWN, s->machine.applied, copy, size);
    return true;
}

/* The bytes of the newest whole snapshot; they are taken. */
static void keep_blob(struct quorum_seat *s, uint8_t *bytes, size_t size)
{
    static struct raft_snapshot_head head;

    if (!machine_is_whole(bytes, size, &head)) {
        abort();
    }
    free(s->blob);
    s->blob = bytes;
    s->blob_size = size;
    s->snapshot_index = head.index;
    s->snapshot_term = head.term;
}

static void install(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_effect *e,
                    struct raft_event *ret)
{
    const struct store_mark mark = {.index = e->index, .term = e->term, .epoch = e->epoch};

    if (e->index != s->taken_index || !machine_load(w, node, s, s->taken, s->taken_size)) {
        world_fail(w, "node %" PRIu32 " installs a snapshot of %" PRIu64 ", which it does not have", node, e->index);
        return;
    }
    keep_blob(s, s->taken, s->taken_size);
    s->taken = NULL;
    s->taken_index = s->taken_size = s->taken_room = 0;
    s->commit = e->index > s->commit ? e->index : s->commit;
    quorum_truth(w)->installs++;
    world_say(w, "node %" PRIu32 " installs a snapshot at %" PRIu64 "%s", node, e->index, e->is_ok ? ", its log goes on" : "");
    if (e->is_ok) {
        *ret = (struct raft_event){.kind = RAFT_EV_SNAPSHOT_INSTALLED, .index = e->index, .term = e->term, .epoch = e->epoch};
    } else {
        quorum_forget(s, e->index);
        store_base(&s->store, &mark);
        quorum_truth(w)->rebased++;
    }
}

/* Chunks in order; when all are there they are written, and only then is the core told. */
static void take_chunk(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_message *m, struct world_effects *fx)
{
    static struct raft_snapshot_head head;
    bool is_ok = true;

    if (s->store.image[RECEIVED].bytes != NULL) {
        return; /* the one before is being written: this comes again */
    }
    if (s->taken_index != m->index) {
        s->taken_index = m->index;
        s->taken_size = 0;
    }
    if (m->round == s->taken_size) {
        s->taken = realloc(s->taken, s->taken_size + m->run.size + 1);
        if (s->taken == NULL) {
            abort();
        }
        memcpy(s->taken + s->taken_size, m->run.bytes, m->run.size);
        s->taken_size += m->run.size;
    }
    send(w, node, s, raft_core_chunk_answer(s->core, s->taken_index, s->taken_size, is_ok), fx);
    if (s->taken_size == m->commit) {
        if (!machine_is_whole(s->taken, s->taken_size, &head) || head.index != m->index) {
            world_fail(w, "node %" PRIu32 " received a snapshot that is not whole", node);
            return;
        }
        uint8_t *copy = some(s->taken_size);
        memcpy(copy, s->taken, s->taken_size);
        (void)store_write_image(&s->store, RECEIVED, m->index, copy, s->taken_size);
    }
}

static void more(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_effect *e, struct world_effects *fx,
                 struct raft_event *ret)
{
    struct quorum_sending *sending = sending_to(s, e->peer);

    if (sending == NULL || sending->peer != e->peer) {
        return;
    }
    /* An answer that is there twice brings nothing new: with a chunk for each there would be ever more of them. */
    bool is_further = e->is_ok && e->index > sending->offset;
    sending->offset = e->is_ok && e->index <= s->blob_size ? e->index : 0;
    if (!is_further) {
        return; /* sent again when time has passed */
    }
    if (sending->offset == s->blob_size) {
        sending->peer = 0;
        *ret = (struct raft_event){.kind = RAFT_EV_SNAPSHOT_SENT, .peer = e->peer, .is_up = true};
    } else {
        send_chunk(w, node, s, sending, fx);
    }
}

/* ---- effects --------------------------------------------------------------------------------------------- */

static uint64_t term_before(struct world *w, uint32_t node, const struct quorum_seat *s, uint64_t index)
{
    uint64_t term = 0;

    if (index > 1 && !raft_core_term_of(s->core, index - 1, &term)) {
        world_fail(w, "node %" PRIu32 ": the term before entry %" PRIu64 " is not known", node, index);
    }
    return term;
}

static void append(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_effect *e)
{
    struct raft_run run = e->run;
    const struct store_mark mark = {.index = run.first + run.count - 1, .term = run.term, .epoch = e->epoch};

    run.bytes = e->source == RAFT_SOURCE_PROPOSAL ? s->proposal : run.bytes;
    quorum_push(s, &run);
    store_append(&s->store, &run, term_before(w, node, s, run.first), &mark);
    for (uint64_t i = run.first; i < run.first + run.count && !w->has_failed; i++) {
        (e->source == RAFT_SOURCE_MESSAGE ? check_appended : check_born)(w, node, s, i);
    }
}

static void apply(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us)
{
    while (s->machine.applied < s->commit && !w->has_failed) {
        const struct quorum_item *item = quorum_item(s, s->machine.applied + 1);
        check_committed(w, node, s, s->machine.applied + 1);
        if (!w->has_failed) {
            machine_apply(w, node, s, item->bytes, item->size, now_us);
        }
    }
    clients_look(w, node, s);
    if (quorum_truth(w)->committed != NULL) {
        quorum_truth(w)->committed(w, node, s->commit);
    }
}

static void became(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_effect *e)
{
    bool leads = e->role == RAFT_LEADER;

    check_became(w, node, e);
    if (leads != (s->machine.lead_index != 0)) {
        machine_lead(s, leads);
        if (!leads) {
            clients_lost(w, node, false);
        }
    }
    if (quorum_truth(w)->became != NULL) {
        quorum_truth(w)->became(w, node, e);
    }
}

static void begin_sending(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t peer, struct world_effects *fx)
{
    struct quorum_sending *sending = sending_to(s, peer);

    if (sending != NULL) {
        *sending = (struct quorum_sending){.peer = peer, .index = s->snapshot_index};
        send_chunk(w, node, s, sending, fx);
    }
}

static void abort_snapshot(struct quorum_seat *s, uint64_t peer)
{
    struct quorum_sending *sending = peer == 0 ? NULL : sending_to(s, peer);

    if (sending != NULL) {
        sending->peer = 0;
    } else if (peer == 0) {
        s->taken_index = s->taken_size = 0;
    }
}

/* One effect; *ret: an event that follows from it, kind STALL and size 0 when none does. */
static void perform(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_effect *e,
                    const struct raft_event *cause, uint64_t now_us, struct world_effects *fx, struct raft_event *ret)
{
    struct quorum_truth *t = quorum_truth(w);

    if (t->fx != NULL) {
        t->fx(w, node, e);
    }
    switch (e->kind) {
    case RAFT_FX_STORE_VOTE:
        store_vote(&s->store, &e->vote);
        break;
    case RAFT_FX_TRUNCATE:
        quorum_drop_from(s, e->index); /* on disk by what is appended in its place */
        break;
    case RAFT_FX_APPEND:
        append(w, node, s, e);
        break;
    case RAFT_FX_SEND:
        send(w, node, s, e->message, fx);
        if (e->message.kind == RAFT_MESSAGE_HEARTBEAT && s->machine.lessor.is_leading) {
            send(w, node, s, (struct raft_message){.kind = RAFT_MESSAGE_CLOCK, .from = s->id, .to = e->message.to,
                                                   .term = e->message.term, .round = machine_time_ms(s, now_us)}, fx);
        }
        break;
    case RAFT_FX_COMMIT:
        s->commit = e->index > s->commit ? e->index : s->commit;
        apply(w, node, s, now_us);
        *ret = (struct raft_event){.kind = RAFT_EV_APPLIED, .index = s->machine.applied};
        break;
    case RAFT_FX_CUT:
        quorum_cut(s, e->index);
        store_cut(w, &s->store, e->index, fx);
        break;
    case RAFT_FX_READ_READY:
    case RAFT_FX_READ_FAILED:
        t->read_ready += e->kind == RAFT_FX_READ_READY;
        check_read(w, node, s, e);
        clients_read(w, node, s, e);
        clients_look(w, node, s);
        break;
    case RAFT_FX_BECAME:
        became(w, node, s, e);
        break;
    case RAFT_FX_CHANGED:
        t->changes += e->is_ok;
        world_say(w, "node %" PRIu32 ": configuration of %" PRIu64 "%s, %" PRIu32 " members%s", node, e->index,
                  e->is_ok ? " committed" : "", e->config->count, raft_config_is_joint(e->config) ? ", joint" : "");
        break;
    case RAFT_FX_SNAPSHOT_SEND:
        begin_sending(w, node, s, e->peer, fx);
        break;
    case RAFT_FX_SNAPSHOT_CHUNK:
        take_chunk(w, node, s, cause->message, fx);
        break;
    case RAFT_FX_SNAPSHOT_MORE:
        more(w, node, s, e, fx, ret);
        break;
    case RAFT_FX_SNAPSHOT_INSTALL:
        install(w, node, s, e, ret);
        break;
    case RAFT_FX_SNAPSHOT_ABORT:
        abort_snapshot(s, e->peer);
        break;
    case RAFT_FX_TRANSFERRED:
        t->transfers += e->is_ok;
        break;
    case RAFT_FX_REPAIRED:
        t->repaired++;
        store_repaired(&s->store);
        world_say(w, "node %" PRIu32 " is repaired", node);
        break;
    case RAFT_FX_REMOVED:
        t->removed++;
        world_say(w, "node %" PRIu32 " is removed", node);
        break;
    case RAFT_FX_CLOCK:
        raft_lessor_hear(&s->machine.lessor, e->term, e->context);
        break;
    }
}

static void perform_all(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_event *cause,
                        const struct raft_effects *n, uint64_t now_us, struct world_effects *fx, struct raft_event *later,
                        uint32_t *count)
{
    for (uint32_t i = 0; i < n->count && !w->has_failed; i++) {
        struct raft_event next = {.kind = RAFT_EV_STALL};
        perform(w, node, s, &n->item[i], cause, now_us, fx, &next);
        if (next.kind != RAFT_EV_STALL && *count < LATER) {
            later[(*count)++] = next;
        }
    }
    s->due_us = n->due_us;
}

/* Time that this process did not run is nobody's silence. */
static void tell_stall(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, struct world_effects *fx,
                       struct raft_event *later, uint32_t *count)
{
    static struct raft_effects n;

    if (s->due_us != 0 && now_us > s->due_us + STALL_US) {
        const struct raft_event stall = {.kind = RAFT_EV_STALL, .size = now_us - s->due_us};
        (void)raft_core_step(s->core, now_us, &stall, &n);
        perform_all(w, node, s, &stall, &n, now_us, fx, later, count);
    }
}

static void end_turn(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, struct world_effects *fx)
{
    uint64_t due_us = s->due_us;

    if (s->store.newest - s->store.oldest > SEGMENTS_MANY && s->made.bytes == NULL) {
        (void)quorum_snapshot(w, node, s);
    }
    store_turn(w, &s->store, now_us, fx);
    if (s->machine.lead_index != 0) {
        s->machine.tick_us = s->machine.tick_us == 0 ? now_us : s->machine.tick_us;
        due_us = s->machine.tick_us < due_us ? s->machine.tick_us : due_us;
    }
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TIMER, .value = due_us > now_us ? due_us : now_us + 1}, NULL, 0);
}

/* `first` of the event itself is kept: what follows from it has its own. */
static enum err feed(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, const struct raft_event *e,
                     struct world_effects *fx, uint64_t *ret_first, uint64_t *ret_leader)
{
    static struct raft_effects n;
    struct raft_event later[LATER];
    uint32_t count = 0;

    tell_stall(w, node, s, now_us, fx, later, &count);
    enum err err = raft_core_step(s->core, now_us, e, &n);
    *ret_leader = n.leader;
    *ret_first = n.first;
    perform_all(w, node, s, e, &n, now_us, fx, later, &count);
    for (uint32_t i = 0; i < count && !w->has_failed; i++) {
        (void)raft_core_step(s->core, now_us, &later[i], &n);
        perform_all(w, node, s, &later[i], &n, now_us, fx, later, &count);
    }
    end_turn(w, node, s, now_us, fx);
    return err;
}

enum err quorum_feed(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, const struct raft_event *e,
                     struct world_effects *fx, uint64_t *ret_leader)
{
    uint64_t first;

    return feed(w, node, s, now_us, e, fx, &first, ret_leader);
}

enum err quorum_propose(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, uint32_t count, uint32_t size,
                        struct world_effects *fx, uint64_t *ret_first, uint64_t *ret_leader)
{
    *ret_leader = raft_core_view(s->core).leader;
    if (s->machine.lead_index == 0) {
        return ERR_NOT_LEADER;
    }
    if (!store_has_room(&s->store, size)) {
        return ERR_LIMIT;
    }
    return feed(w, node, s, now_us, &(struct raft_event){.kind = RAFT_EV_PROPOSE, .count = count, .size = size}, fx, ret_first,
                ret_leader);
}

/* ---- what is on disk ------------------------------------------------------------------------------------- */

static void image_is_there(struct world *w, uint32_t node, struct quorum_seat *s, const struct store_told *told, uint64_t now_us,
                           struct world_effects *fx)
{
    static struct raft_snapshot_head head;
    static struct raft_config config;
    struct raft_event e = {.kind = RAFT_EV_SNAPSHOT_MADE, .index = told->image_index};
    uint64_t leader;

    if (told->image == OWN) {
        if (s->made.index > s->snapshot_index) { /* nothing newer was installed meanwhile */
            keep_blob(s, s->made.bytes, s->made.size);
        } else {
            free(s->made.bytes);
        }
        s->made.bytes = NULL;
    } else {
        if (s->taken_index != told->image_index || !machine_is_whole(s->taken, s->taken_size, &head) ||
            raft_config_unpack(head.config, head.config_size, &config) != ERR_OK) {
            return; /* given up meanwhile: the file is there, and a start may use it */
        }
        e = (struct raft_event){.kind = RAFT_EV_SNAPSHOT_RECEIVED, .index = head.index, .term = head.term, .config = &config};
    }
    (void)quorum_feed(w, node, s, now_us, &e, fx, &leader);
}

static void tell(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, enum raft_event_kind kind,
                 const struct store_mark *mark, struct world_effects *fx)
{
    uint64_t leader;

    if (mark->index != 0 && !w->has_failed) {
        (void)quorum_feed(w, node, s, now_us, &(struct raft_event){.kind = kind, .index = mark->index, .term = mark->term,
                                                                   .epoch = mark->epoch}, fx, &leader);
    }
}

void quorum_synced(struct world *w, uint32_t node, struct quorum_seat *s, const struct world_event *ev,
                   struct world_effects *fx)
{
    struct store_told told;
    uint64_t leader;

    if (!ev->is_ok) { /* nothing can be known about the disk any more: the process ends */
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_DIE}, NULL, 0);
        return;
    }
    store_synced(w, &s->store, ev, fx, &told);
    if (told.is_vote) {
        (void)quorum_feed(w, node, s, ev->now_us, &(struct raft_event){.kind = RAFT_EV_VOTE_STORED, .vote = told.vote}, fx, &leader);
    }
    for (uint32_t i = 0; i < told.installs; i++) {
        tell(w, node, s, ev->now_us, RAFT_EV_SNAPSHOT_INSTALLED, &told.install[i], fx);
    }
    tell(w, node, s, ev->now_us, RAFT_EV_STORED, &told.last, fx);
    if (told.is_image) {
        image_is_there(w, node, s, &told, ev->now_us, fx);
    }
    if (!w->has_failed) {
        end_turn(w, node, s, ev->now_us, fx);
    }
}

/* ---- a life begins --------------------------------------------------------------------------------------- */

static void recover(struct world *w, uint32_t node, struct quorum_seat *s)
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

/* The core as its disk has it. */
static bool make_core(struct world *w, uint32_t node, struct quorum_seat *s, const struct store_found *found)
{
    static struct raft_setup setup;
    const struct quorum_truth *t = quorum_truth(w);

    setup = (struct raft_setup){.cluster = QUORUM_CLUSTER, .self = s->id, .tuning = t->tuning, .vote = s->store.ballot.vote,
                                .seed = dice_below(&w->dice, DICE_TENANT, UINT64_MAX), .damaged_to = s->store.ballot.repair_to,
                                .snapshot = found->head.index, .snapshot_term = found->head.term};
    setup.tuning.has_no_prevote = node < t->old;
    if (found->head.index > 0 && raft_config_unpack(found->head.config, found->head.config_size, &setup.config) != ERR_OK) {
        world_fail(w, "node %" PRIu32 " has a snapshot without a configuration", node);
        return false;
    }
    for (uint32_t i = 0; i < t->founders && found->head.index == 0 && node < t->founders && t->incarnation[node] == 0; i++) {
        setup.config.member[i] = (struct raft_member){.id = quorum_founder(i), .flags = RAFT_VOTER};
        setup.config.count = i + 1;
    }
    s->machine.applied_config = setup.config;
    s->memory = some(raft_core_size());
    enum err e = raft_core_init(s->memory, &setup, &s->core);
    if (e != ERR_OK) {
        world_fail(w, "node %" PRIu32 " cannot start: %s", node, err_name(e));
        return false;
    }
    recover(w, node, s);
    return !w->has_failed;
}

void quorum_start(struct world *w, uint32_t node, struct quorum_seat *s, const struct world_event *ev,
                  struct world_effects *fx)
{
    static struct raft_effects n;
    static struct store_found found;
    struct quorum_truth *t = quorum_truth(w);
    struct raft_event later[LATER];
    uint32_t count = 0;

    if (!store_open(w, node, s, quorum_id(w, node), fx, &found)) {
        free(found.snapshot);
        return;
    }
    s->id = found.member;
    t->torn += found.verdict == RAFT_WAL_TORN;
    t->damaged += found.verdict == RAFT_WAL_DAMAGED;
    t->rotten_snapshots += found.rotten != 0;
    if ((found.verdict == RAFT_WAL_DAMAGED || found.rotten != 0) && (node >= 32 || ((t->rotten | t->liars) >> node & 1) == 0)) {
        world_fail(w, "node %" PRIu32 " takes its log or snapshot for damaged, and nothing rotted", node);
    }
    machine_init(&s->machine, node);
    if (found.head.index > 0) {
        if (!machine_load(w, node, s, found.snapshot, found.snapshot_size)) {
            world_fail(w, "node %" PRIu32 " has a snapshot that is not whole", node);
            free(found.snapshot);
            return;
        }
        keep_blob(s, found.snapshot, found.snapshot_size);
    }
    s->commit = s->machine.applied;
    if (!make_core(w, node, s, &found)) {
        return;
    }
    raft_core_start(s->core, ev->now_us, &n);
    perform_all(w, node, s, &(struct raft_event){.kind = RAFT_EV_CLOCK}, &n, ev->now_us, fx, later, &count);
    end_turn(w, node, s, ev->now_us, fx);
}
