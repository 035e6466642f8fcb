#include "tests/sim/raft/client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "raft/le.h"
#include "raft/watch.h"
#include "tests/sim/raft/check.h"

enum {
    VALUE_BYTES = 12,
    COMMAND_ROOM = 1024,
    REDIRECT_US = 1000,
    PATIENCE_US = 400000,     /* then a client with a session asks again, and one without gives up */
    TTL_LEAST_MS = 500,
    TTL_MOST_MS = 3000,
    SESSION_MS = 20000,
    WATCH_BYTES = 600,        /* of an answer: a few events */
    KEY_BYTES = 2,
};

/* ---- words ------------------------------------------------------------------------------------------------------- */

static struct raft_bytes key_of(uint32_t key, uint8_t room[KEY_BYTES])
{
    room[0] = 'k';
    room[1] = (uint8_t)('0' + key);
    return (struct raft_bytes){room, KEY_BYTES};
}

static struct raft_bytes value_of(uint32_t value, uint8_t room[VALUE_BYTES])
{
    raft_le_put32(room, value);
    memset(room + 4, (int)(value & 0xff), VALUE_BYTES - 4);
    return (struct raft_bytes){room, 4 + value % (VALUE_BYTES - 4)};
}

static uint32_t number_in(struct raft_bytes value)
{
    return value.size >= 4 ? raft_le_get32(value.at) : 0;
}

static void give_put(struct raft_put *put, uint32_t key, uint32_t value, uint8_t rooms[KEY_BYTES + VALUE_BYTES])
{
    *put = (struct raft_put){.key = key_of(key, rooms), .value = value_of(value, rooms + KEY_BYTES)};
}

static void compare(struct raft_writer *writer, uint32_t key, uint32_t expected)
{
    uint8_t rooms[KEY_BYTES + VALUE_BYTES];
    struct raft_compare one = {.span = {.kind = RAFT_SPAN_ONE, .key = key_of(key, rooms)}, .result = RAFT_COMPARE_EQUAL};

    one.target = expected == 0 ? RAFT_COMPARE_CREATED : RAFT_COMPARE_VALUE;
    one.value = expected == 0 ? (struct raft_bytes){0} : value_of(expected, rooms + KEY_BYTES);
    raft_command_compare(writer, &one);
}

static void put_in_txn(struct raft_writer *writer, uint32_t key, uint32_t value)
{
    uint8_t rooms[KEY_BYTES + VALUE_BYTES];
    struct raft_op op = {.kind = RAFT_OP_PUT};

    give_put(&op.put, key, value, rooms);
    raft_command_op(writer, false, &op);
}

static void get_in_txn(struct raft_writer *writer, uint32_t key)
{
    uint8_t room[KEY_BYTES];
    struct raft_op op = {.kind = RAFT_OP_RANGE, .query = {.span = {.kind = RAFT_SPAN_ONE, .key = key_of(key, room)}}};

    raft_command_op(writer, true, &op);
}

/* The request as a command; sizes are small, so it always is one. */
static uint32_t write_command(const struct client *c, uint64_t time_ms, uint8_t *out)
{
    static const enum raft_command_kind kinds[] = {
        [CLIENT_PUT] = RAFT_COMMAND_PUT, [CLIENT_GET] = RAFT_COMMAND_CLOCK, [CLIENT_DELETE] = RAFT_COMMAND_DELETE,
        [CLIENT_CAS] = RAFT_COMMAND_TXN, [CLIENT_TXN] = RAFT_COMMAND_TXN, [CLIENT_OPEN] = RAFT_COMMAND_SESSION_OPEN};
    struct raft_once once = {.session = c->session, .sequence = c->sequence, .acknowledged = c->sequence - 1};
    uint8_t rooms[KEY_BYTES + VALUE_BYTES];
    struct raft_writer writer;
    struct raft_put put;
    size_t size = 0;

    raft_command_begin(&writer, out, COMMAND_ROOM, kinds[c->kind], time_ms, c->session != 0 ? &once : NULL);
    switch (c->kind) {
    case CLIENT_PUT:
        give_put(&put, c->key, c->value, rooms);
        raft_command_put(&writer, &put);
        break;
    case CLIENT_DELETE:
        raft_command_delete(&writer, &(struct raft_delete){.span = {.kind = RAFT_SPAN_ONE, .key = key_of(c->key, rooms)}});
        break;
    case CLIENT_CAS:
    case CLIENT_TXN:
        raft_command_txn(&writer);
        compare(&writer, c->key, c->expected);
        put_in_txn(&writer, c->key, c->value);
        if (c->kind == CLIENT_TXN) {
            put_in_txn(&writer, 1 - c->key, c->value + 1);
        }
        get_in_txn(&writer, c->key);
        if (c->kind == CLIENT_TXN) {
            get_in_txn(&writer, 1 - c->key);
        }
        break;
    case CLIENT_OPEN:
        raft_command_numbers(&writer, 0, 0, SESSION_MS);
        break;
    case CLIENT_GET:
        break;
    }
    if (raft_command_end(&writer, &size) != ERR_OK) {
        abort();
    }
    return (uint32_t)size;
}

/* ---- what waits -------------------------------------------------------------------------------------------------- */

static bool add_wait(struct quorum_seat *s, struct client_wait wait)
{
    if (s->waits.count == CLIENT_WAITS) {
        return false;
    }
    s->waits.item[s->waits.count++] = wait;
    return true;
}

static struct client_wait take_wait(struct client_waits *q, uint32_t at)
{
    struct client_wait one = q->item[at];

    q->count--;
    memmove(&q->item[at], &q->item[at + 1], (q->count - at) * sizeof one);
    return one;
}

/* ---- a request and its end ----------------------------------------------------------------------------------------- */

static struct history_op *op_of(struct clients *all, const struct client *c)
{
    return c->op == SIZE_MAX ? NULL : &all->history.op[c->op];
}

static void end_op(struct clients *all, struct client *c, enum history_outcome outcome)
{
    struct history_op *op = op_of(all, c);

    c->is_waiting = false;
    c->tries = c->sent = 0;
    if (op != NULL) {
        op->outcome = outcome;
        op->end = ++all->time;
        all->unknown += outcome == HISTORY_UNKNOWN;
        all->done += outcome == HISTORY_OK;
    }
    c->op = SIZE_MAX;
}

static void begin_op(struct world *w, struct clients *all, struct client *c)
{
    static const enum client_kind kinds[] = {CLIENT_PUT, CLIENT_PUT, CLIENT_PUT, CLIENT_GET, CLIENT_GET, CLIENT_GET, CLIENT_DELETE,
                                             CLIENT_CAS, CLIENT_CAS, CLIENT_TXN};
    struct history_op *op = history_add(&all->history);

    c->op = all->history.count - 1;
    c->kind = kinds[dice_below(&w->dice, DICE_ORDER, ARRAY_LEN(kinds))];
    c->key = (uint32_t)dice_below(&w->dice, DICE_ORDER, c->kind == CLIENT_TXN ? 2 : CLIENT_KEYS);
    c->expected = c->seen[c->key];
    c->value = all->values;
    all->values += 2;
    c->sequence += c->session != 0 && c->kind != CLIENT_GET;
    *op = (struct history_op){.call = ++all->time, .outcome = HISTORY_UNKNOWN, .is_write = c->kind != CLIENT_GET};
    if (c->kind == CLIENT_CAS || c->kind == CLIENT_TXN) {
        op->compares = 1;
        op->compare[0] = (struct history_compare){.key = c->key, .value = c->expected};
        op->step[1][op->failure++] = (struct history_step){.kind = HISTORY_GET, .key = c->key};
    }
    if (c->kind == CLIENT_TXN) {
        op->step[1][op->failure++] = (struct history_step){.kind = HISTORY_GET, .key = 1 - c->key};
        op->step[0][1] = (struct history_step){.kind = HISTORY_PUT, .key = 1 - c->key, .value = c->value + 1};
    }
    op->success = c->kind == CLIENT_TXN ? 2 : 1;
    op->step[0][0] = (struct history_step){.kind = c->kind == CLIENT_GET ? HISTORY_GET
                                                   : c->kind == CLIENT_DELETE ? HISTORY_DELETE : HISTORY_PUT,
                                           .key = c->key, .value = c->kind == CLIENT_DELETE || c->kind == CLIENT_GET ? 0 : c->value};
}

/* What was read where the comparison did not hold. */
static void read_failure(struct client *c, struct history_op *op, const struct raft_answer *a)
{
    struct raft_bytes body = a->body;
    struct raft_result result;
    struct raft_pair pair;

    for (uint32_t i = 0; i < op->failure && raft_answer_next(&body, &result); i++) {
        struct raft_list pairs = result.pairs;
        op->step[1][i].value = raft_answer_next_pair(&pairs, &pair) ? number_in(pair.value) : 0;
        c->seen[op->step[1][i].key] = op->step[1][i].value;
    }
}

static void answered(struct clients *all, struct client *c, const struct raft_answer *a)
{
    struct history_op *op = op_of(all, c);

    all->repeats += a->is_repeat;
    if (a->error != ERR_OK) {
        /* Of the store: this try was not carried out. An earlier one may have been, in a session that ended since. */
        c->session = a->error == ERR_NOT_FOUND ? 0 : c->session;
        end_op(all, c, c->sent > 1 ? HISTORY_UNKNOWN : HISTORY_FAIL);
        return;
    }
    if (c->kind == CLIENT_OPEN) {
        c->session = a->number;
        c->sequence = c->done_sequence = 0;
    } else {
        bool is_txn = c->kind == CLIENT_CAS || c->kind == CLIENT_TXN;
        op->succeeded = !is_txn || a->succeeded;
        op->revision = a->revision;
        op->is_write = c->kind == CLIENT_DELETE ? a->number > 0 : op->succeeded;
        if (is_txn && !a->succeeded) {
            read_failure(c, op, a);
        } else {
            c->seen[c->key] = c->kind == CLIENT_DELETE ? 0 : c->value;
        }
    }
    end_op(all, c, HISTORY_OK);
}

/* A try came to nothing, or nobody knows to what. */
static void failed(struct clients *all, struct client *c)
{
    c->is_waiting = false;
    if (c->kind == CLIENT_OPEN || c->kind == CLIENT_GET) {
        end_op(all, c, HISTORY_FAIL); /* a read changed nothing, and nobody heard what it saw */
    } else if (c->session == 0 || ++c->tries > CLIENT_TRIES) {
        end_op(all, c, c->sent == 0 ? HISTORY_FAIL : HISTORY_UNKNOWN);
    }
}

static void end_wait(struct world *w, struct clients *all, const struct client_wait *one, const struct raft_answer *a)
{
    (void)w;
    if (one->who == CLIENT_IS_HOLDER) {
        struct client_holder *h = &all->holder[one->number];
        if (h->attempt == one->attempt && h->is_waiting) {
            h->is_waiting = false;
            h->lease = a == NULL ? h->lease : a->error == ERR_NOT_FOUND ? 0 : h->lease == 0 && a->error == ERR_OK ? a->number : h->lease;
        }
        return;
    }
    struct client *c = &all->client[one->number];
    if (c->attempt != one->attempt || !c->is_waiting) {
        return; /* it did not wait so long */
    }
    if (a != NULL) {
        answered(all, c, a);
    } else {
        failed(all, c);
    }
}

void clients_applied(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t index, const struct raft_answer *answer)
{
    (void)node;
    for (uint32_t i = 0; i < s->waits.count;) {
        if (s->waits.item[i].is_read || s->waits.item[i].index > index) {
            i++;
            continue;
        }
        struct client_wait one = take_wait(&s->waits, i);
        end_wait(w, &quorum_truth(w)->clients, &one, one.index == index ? answer : NULL);
    }
}

void clients_lost(struct world *w, uint32_t node, bool has_ended)
{
    struct quorum_seat *s = quorum_seat(w, node);

    for (uint32_t i = 0; s != NULL && i < s->waits.count;) {
        if (s->waits.item[i].is_read && !has_ended) {
            i++;
            continue;
        }
        struct client_wait one = take_wait(&s->waits, i);
        end_wait(w, &quorum_truth(w)->clients, &one, NULL);
    }
}

/* ---- reads ------------------------------------------------------------------------------------------------------- */

static void give_read(struct world *w, struct quorum_seat *s, const struct client_wait *one)
{
    struct clients *all = &quorum_truth(w)->clients;
    struct client *c = &all->client[one->number];
    struct history_op *op = op_of(all, c);
    const struct raft_record *r = NULL;
    uint8_t room[KEY_BYTES];

    if (c->attempt != one->attempt || !c->is_waiting) {
        return;
    }
    enum err e = raft_kv_get(&s->machine.kv, key_of(c->key, room), 0, &r);
    op->step[0][0].value = e == ERR_OK ? number_in(raft_record_value(r)) : 0;
    op->revision = s->machine.kv.revision;
    op->succeeded = true;
    c->seen[c->key] = op->step[0][0].value;
    end_op(all, c, HISTORY_OK);
}

void clients_look(struct world *w, uint32_t node, struct quorum_seat *s)
{
    (void)node;
    for (uint32_t i = 0; i < s->waits.count;) {
        if (!s->waits.item[i].is_read || !s->waits.item[i].is_ready || s->waits.item[i].index > s->machine.applied) {
            i++;
            continue;
        }
        struct client_wait one = take_wait(&s->waits, i);
        give_read(w, s, &one);
    }
}

void clients_read(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_effect *e)
{
    (void)node;
    for (uint32_t i = 0; i < s->waits.count; i++) {
        if (!s->waits.item[i].is_read || s->waits.item[i].context != e->context) {
            continue;
        }
        s->waits.item[i].is_ready = true;
        s->waits.item[i].index = e->index;
        if (e->kind == RAFT_FX_READ_FAILED) {
            struct client_wait one = take_wait(&s->waits, i);
            end_wait(w, &quorum_truth(w)->clients, &one, NULL);
        }
        return;
    }
}

static enum err ask_read(struct world *w, uint32_t node, struct quorum_seat *s, uint32_t number, uint64_t now_us,
                         struct world_effects *fx, uint64_t *ret_leader)
{
    struct quorum_truth *t = quorum_truth(w);
    struct client_wait wait = {.number = number, .attempt = t->clients.client[number].attempt, .is_read = true,
                               .context = ++t->contexts};

    if (s->reads == QUORUM_READS || !add_wait(s, wait)) {
        return ERR_LIMIT;
    }
    s->read_context[s->reads] = wait.context;
    s->read_least[s->reads++] = t->agreed_last;
    enum err e = quorum_feed(w, node, s, now_us, &(struct raft_event){.kind = RAFT_EV_READ, .context = wait.context}, fx, ret_leader);
    for (uint32_t i = 0; e != ERR_OK && i < s->waits.count; i++) {
        if (s->waits.item[i].is_read && s->waits.item[i].context == wait.context) {
            (void)take_wait(&s->waits, i);
            s->reads--;
        }
    }
    return e;
}

/* ---- orders ------------------------------------------------------------------------------------------------------- */

static enum err propose(struct world *w, uint32_t node, struct quorum_seat *s, struct client_wait wait, uint32_t size, uint64_t now_us,
                        struct world_effects *fx, uint64_t *ret_leader)
{
    if (s->machine.lead_index == 0 || s->waits.count == CLIENT_WAITS) {
        *ret_leader = raft_core_view(s->core).leader;
        return s->machine.lead_index == 0 ? ERR_NOT_LEADER : ERR_LIMIT;
    }
    raft_le_put32(s->proposal, size);
    s->proposal[4] = RAFT_ENTRY_COMMAND;
    /* A member alone commits within the step: whoever waits is there before. */
    wait.index = raft_core_view(s->core).last + 1;
    (void)add_wait(s, wait);
    uint64_t first = 0;
    enum err e = quorum_propose(w, node, s, now_us, 1, RAFT_ENTRY_HEAD + size, fx, &first, ret_leader);
    for (uint32_t i = 0; e != ERR_OK && i < s->waits.count; i++) {
        if (!s->waits.item[i].is_read && s->waits.item[i].attempt == wait.attempt && s->waits.item[i].who == wait.who) {
            (void)take_wait(&s->waits, i);
        }
    }
    return e;
}

static void redirect(struct world *w, uint64_t leader, enum quorum_order what, uint32_t number)
{
    uint32_t to = quorum_of(w, leader);

    if (to < w->set.nodes) {
        world_order(w, quorum_place(w), to, REDIRECT_US, what | (uint64_t)number << QUORUM_SHIFT);
    }
}

static void room_for_proposal(struct quorum_seat *s)
{
    free(s->proposal);
    s->proposal = malloc(RAFT_ENTRY_HEAD + COMMAND_ROOM);
    if (s->proposal == NULL) {
        abort();
    }
}

/* It has waited for long: with a session the same once more, without the next one. */
static bool gives_up(struct world *w, struct clients *all, struct client *c)
{
    (void)w;
    if (dice_below(&w->dice, DICE_ORDER, 4) != 0) {
        return false;
    }
    failed(all, c);
    return true;
}

void client_goes_on(struct world *w, uint32_t node, struct quorum_seat *s, uint32_t number, uint64_t now_us, struct world_effects *fx)
{
    struct clients *all = &quorum_truth(w)->clients;
    struct client *c = &all->client[number];
    uint64_t leader = 0;
    enum err e;

    if (c->is_waiting && !gives_up(w, all, c)) {
        return;
    }
    if (c->op == SIZE_MAX) {
        c->kind = CLIENT_OPEN;
        if (!c->wants_session || c->session != 0) {
            begin_op(w, all, c);
        }
    }
    c->is_waiting = true;
    c->attempt = ++all->attempts;
    if (c->kind == CLIENT_GET) {
        e = ask_read(w, node, s, number, now_us, fx, &leader);
    } else {
        room_for_proposal(s);
        uint32_t size = write_command(c, machine_time_ms(s, now_us), s->proposal + RAFT_ENTRY_HEAD);
        c->sent++;
        e = propose(w, node, s, (struct client_wait){.number = number, .attempt = c->attempt}, size, now_us, fx, &leader);
        c->sent -= e != ERR_OK;
    }
    if (e != ERR_OK) {
        failed(all, c);
        if (e == ERR_NOT_LEADER) {
            redirect(w, leader, QUORUM_CLIENT, number);
        }
    }
}

/* A lease is asked for, kept, used, or left to run out. */
void client_holds(struct world *w, uint32_t node, struct quorum_seat *s, uint32_t number, uint64_t now_us, struct world_effects *fx)
{
    struct clients *all = &quorum_truth(w)->clients;
    struct client_holder *h = &all->holder[number];
    uint64_t dice = dice_below(&w->dice, DICE_ORDER, 10), leader = 0;
    uint8_t key[] = {'l', (uint8_t)('0' + number)};
    struct raft_writer writer;
    size_t size = 0;

    h->attempt = ++all->attempts;
    if (h->lease != 0 && dice == 9) {
        h->lease = 0; /* forgotten: it runs out */
        h->is_waiting = false;
        return;
    }
    bool is_put = h->lease != 0 && dice < 3;
    room_for_proposal(s);
    raft_command_begin(&writer, s->proposal + RAFT_ENTRY_HEAD, COMMAND_ROOM,
                       h->lease == 0 ? RAFT_COMMAND_LEASE_GRANT : is_put ? RAFT_COMMAND_PUT : RAFT_COMMAND_LEASE_KEEP,
                       machine_time_ms(s, now_us), NULL);
    if (is_put) {
        raft_command_put(&writer, &(struct raft_put){.key = {key, sizeof key}, .value = {key, 1}, .lease = h->lease});
    } else {
        h->ttl_ms = (uint32_t)dice_between(&w->dice, DICE_ORDER, TTL_LEAST_MS, TTL_MOST_MS);
        raft_command_numbers(&writer, h->lease, 0, h->ttl_ms);
    }
    if (raft_command_end(&writer, &size) != ERR_OK) {
        abort();
    }
    h->is_waiting = true;
    enum err e = propose(w, node, s, (struct client_wait){.who = CLIENT_IS_HOLDER, .number = number, .attempt = h->attempt},
                         (uint32_t)size, now_us, fx, &leader);
    h->is_waiting = e == ERR_OK;
    if (e == ERR_NOT_LEADER) {
        redirect(w, leader, QUORUM_LEASE, number);
    }
}

/* ---- watching ------------------------------------------------------------------------------------------------------ */

struct watching {
    struct world *w;
    uint32_t node;
    struct client_watcher *watcher;
};

static uint64_t hash_of(struct raft_bytes bytes)
{
    return quorum_value(bytes.at, bytes.size) | 1;
}

static bool is_wanted(const struct client_watcher *x, const struct client_event *e)
{
    uint8_t room[KEY_BYTES];

    return x->is_wide || e->key == (uint32_t)hash_of(key_of(x->key, room));
}

static const struct client_event *next_event(const struct clients *all, struct client_watcher *x)
{
    while (x->place < all->events && !is_wanted(x, &all->event[x->place])) {
        x->place++;
    }
    return x->place < all->events ? &all->event[x->place] : NULL;
}

static void show(void *context, const struct raft_record *r, const struct raft_record *previous)
{
    struct watching *k = context;
    struct clients *all = &quorum_truth(k->w)->clients;
    const struct client_event *e = next_event(all, k->watcher);
    uint64_t value = raft_record_is_delete(r) ? 0 : hash_of(raft_record_value(r));

    if (e == NULL || e->revision != r->modified || e->part != r->part || e->key != (uint32_t)hash_of(raft_record_key(r)) ||
        e->value != value) {
        world_fail(k->w, "node %" PRIu32 " shows a watcher revision %" PRIu64 "/%" PRIu32 " when %" PRIu64 "/%" PRIu32 " comes next",
                   k->node, r->modified, r->part, e == NULL ? 0 : e->revision, e == NULL ? 0 : e->part);
        return;
    }
    if (previous != NULL && (hash_of(raft_record_key(previous)) != hash_of(raft_record_key(r)) || previous->modified > r->modified ||
                             (!raft_record_is_delete(r) && !raft_record_is_delete(previous) && previous->version + 1 != r->version))) {
        world_fail(k->w, "node %" PRIu32 " shows a watcher of revision %" PRIu64 " what was not before it", k->node, r->modified);
    }
    k->watcher->place++;
    all->watched++;
}

void client_watches(struct world *w, uint32_t node, struct quorum_seat *s, uint32_t number)
{
    struct clients *all = &quorum_truth(w)->clients;
    struct client_watcher *x = &all->watcher[number];
    struct watching k = {.w = w, .node = node, .watcher = x};
    uint8_t room[KEY_BYTES];
    struct raft_watch watch = {.span = {.kind = x->is_wide ? RAFT_SPAN_FROM : RAFT_SPAN_ONE, .key = key_of(x->key, room)},
                               .from = x->from, .from_part = x->from_part, .with_previous = true};
    struct raft_seen seen;

    watch.span.key.size = x->is_wide ? 0 : watch.span.key.size;
    enum err e = raft_watch_collect(&s->machine.kv, &watch, WATCH_BYTES, show, &k, &seen);
    if (e == ERR_RANGE && s->machine.kv.journal.compacted >= x->from) {
        x->from = s->machine.kv.journal.compacted + 1;
        x->from_part = 0;
        while (x->place < all->events && all->event[x->place].revision < x->from) {
            x->place++;
        }
        all->compacted++;
        return;
    }
    if (e != ERR_OK) {
        world_fail(w, "node %" PRIu32 " refuses a watch from %" PRIu64 ": %s", node, x->from, err_name(e));
        return;
    }
    x->from = seen.next;
    x->from_part = seen.next_part;
    quorum_truth(w)->past_lost += seen.lost != 0;
    const struct client_event *missed = next_event(all, x);
    if (!w->has_failed && missed != NULL && (missed->revision < x->from || (missed->revision == x->from && missed->part < x->from_part))) {
        world_fail(w, "node %" PRIu32 " does not show a watcher revision %" PRIu64 ", and is at %" PRIu64, node, missed->revision,
                   x->from);
    }
}

/* ---- all of them --------------------------------------------------------------------------------------------------- */

static void plan(struct world *w, uint64_t until_us, enum quorum_order what, uint32_t number)
{
    /* Most while things go wrong. */
    until_us = dice_below(&w->dice, DICE_ORDER, 4) == 0 ? until_us : w->set.calm_us;
    world_order(w, quorum_place(w), (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes), dice_below(&w->dice, DICE_ORDER, until_us),
                what | (uint64_t)number << QUORUM_SHIFT);
}

void clients_begin(struct world *w, uint64_t until_us)
{
    struct clients *all = &quorum_truth(w)->clients;
    uint64_t requests = dice_below(&w->dice, DICE_ORDER, 500), looks = dice_below(&w->dice, DICE_ORDER, 200);
    uint64_t holds = dice_below(&w->dice, DICE_ORDER, 150);

    all->clients = (uint32_t)dice_between(&w->dice, DICE_ORDER, 1, CLIENTS_MAX);
    all->watchers = CLIENT_WATCHERS;
    all->holders = (uint32_t)dice_below(&w->dice, DICE_ORDER, CLIENT_HOLDERS + 1);
    for (uint32_t i = 0; i < all->clients; i++) {
        all->client[i] = (struct client){.op = SIZE_MAX, .wants_session = dice_below(&w->dice, DICE_ORDER, 2) == 0};
    }
    for (uint32_t i = 0; i < all->watchers; i++) {
        all->watcher[i] = (struct client_watcher){.from = 1, .is_wide = i % 2 == 0, .key = i / 2};
    }
    for (uint64_t i = 0; i < requests; i++) {
        plan(w, until_us, QUORUM_CLIENT, (uint32_t)dice_below(&w->dice, DICE_ORDER, all->clients));
    }
    for (uint64_t i = 0; i < looks; i++) {
        plan(w, until_us, QUORUM_WATCH, (uint32_t)dice_below(&w->dice, DICE_ORDER, all->watchers));
    }
    for (uint64_t i = 0; all->holders > 0 && i < holds; i++) {
        plan(w, until_us, QUORUM_LEASE, (uint32_t)dice_below(&w->dice, DICE_ORDER, all->holders));
    }
}

void clients_fini(struct clients *c)
{
    history_fini(&c->history);
    free(c->event);
    free(c->lease);
}
