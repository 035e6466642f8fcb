/* Between an endpoint's queue and its connection: requests go into envelopes, answers come out.
 *
 * What waits in one turn of the loop travels in one envelope: a message costs nng 5 to 12 us, a
 * request inside it a tenth of one. Nothing is handed over before somebody is connected: in a
 * transport's buffer a request would outlive its deadline and be carried out long after its caller
 * gave up. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/run/ask_search.h"
#include "common/run/unpack.h"

/* ---- messages on their way --------------------------------------------------------------------- */

static struct ask_message **find_message(struct ask_endpoint *e, uint32_t id)
{
    struct ask_message **at = &e->sent[id % ASK_BUCKETS];

    while (*at != NULL && (*at)->id != id) {
        at = &(*at)->next;
    }
    return at;
}

/* Most messages carry one request: their memory goes round. */
static struct ask_message *message_new(struct asks *asks, uint32_t count)
{
    struct ask_message *m = asks->spare_message;

    if (count > 1 || m == NULL) {
        return calloc(1, sizeof *m + (count > 1 ? count : 1) * sizeof m->request[0]);
    }
    asks->spare_message = m->next;
    asks->spare_messages--;
    return m;
}

static void message_free(struct ask_message *m)
{
    struct asks *asks = m->endpoint->cell->asks;

    if (m->count > 1 || asks->spare_messages == ASK_SPARES_MAX) {
        free(m);
        return;
    }
    m->next = asks->spare_message;
    asks->spare_message = m;
    asks->spare_messages++;
}

void ask_link_detach(struct ask_request *r)
{
    struct ask_message *m = r->message;

    assert(m != NULL && m->left > 0 && m->request[r->index] == r);
    m->request[r->index] = NULL;
    r->message = NULL;
    if (--m->left == 0) {
        *find_message(m->endpoint, m->id) = m->next;
        m->endpoint->line[m->way].out--;
        message_free(m);
    }
}

/* Move what is left of a message to `list`, in order; the message is gone. */
static void take_message(struct ask_message *m, struct ask_list *list)
{
    uint32_t count = m->count;

    for (uint32_t i = 0, left = m->left; i < count && left > 0; i++) {
        struct ask_request *r = m->request[i];
        if (r != NULL) {
            left--;
            ask_link_detach(r); /* the last one frees m */
            ask_list_add(list, r);
        }
    }
}

/* ---- words about sent requests ----------------------------------------------------------------- */

void ask_link_note(struct ask_endpoint *e, const struct ask_request *r, uint32_t credit)
{
    assert(r->message != NULL);
    struct ask_line *line = &e->line[r->message->way]; /* the callee knows it from there */

    if (line->note_count == line->note_room) {
        size_t room = line->note_room == 0 ? 16 : 2 * line->note_room;
        struct ask_note *more = realloc(line->notes, room * sizeof *more);
        if (more == NULL) {
            log_error("ASK-NOTE-NOMEM", "path=%s action=dropped", e->path);
            return; /* the callee's own deadline ends it */
        }
        line->notes = more;
        line->note_room = room;
    }
    line->notes[line->note_count++] = (struct ask_note){.message = r->message->id, .id = r->index + 1,
                                                  .credit = credit};
}

/* ---- sending ----------------------------------------------------------------------------------- */

/* How many of those that wait fit into one message. */
static uint32_t count_batch(const struct ask_endpoint *e, size_t *ret_bytes)
{
    uint32_t count = 0;
    size_t bytes = 0;

    for (const struct ask_request *r = e->waiting.first; r != NULL && count < HOST_BATCH_MAX;
         r = r->next) {
        size_t size = r->body_size + ASK_REQUEST_OVERHEAD + (r->packed != NULL ? ASK_PACKED_OVERHEAD : 0);
        if (count > 0 && bytes + size > e->batch_bytes) {
            break;
        }
        bytes += size;
        count++;
    }
    *ret_bytes = bytes;
    return count;
}

static void fill_requests(struct ask_endpoint *e, uint32_t count, uint64_t now_ms,
                          Cell__Envelope__Request *item, Cell__Envelope__Request **slot)
{
    struct ask_request *r = e->waiting.first;

    for (uint32_t i = 0; i < count; i++, r = r->next) {
        uint64_t deadline_ms = r->core.deadline_ms;
        item[i] = (Cell__Envelope__Request)CELL__ENVELOPE__REQUEST__INIT;
        item[i].id = i + 1;
        item[i].operation = r->operation;
        item[i].deadline_ms = deadline_ms > now_ms ? (uint32_t)(deadline_ms - now_ms) : 1;
        item[i].body.data = r->body;
        item[i].body.len = r->body_size;
        item[i].trace.data = r->trace;
        item[i].trace.len = r->has_trace ? CALL_TRACE_LEN : 0;
        item[i].credit = r->credit;
        item[i].route = e->route;
        item[i].repeatable = r->core.is_idempotent;
        item[i].urgent = e->is_urgent;
        if (r->packed != NULL) {
            item[i].schema = r->packed->schema;
            item[i].idempotency_key.data = r->packed->key;
            item[i].idempotency_key.len = r->packed->key_size;
            item[i].from_cell = r->packed->from_cell;
            item[i].from_node = r->packed->from_node;
        }
        slot[i] = &item[i];
    }
}

static size_t fill_notes(const struct ask_line *line, Cell__Envelope__Note *item,
                         Cell__Envelope__Note **slot)
{
    size_t count = line->note_count < ASK_NOTES_MAX ? line->note_count : ASK_NOTES_MAX;

    for (size_t i = 0; i < count; i++) {
        const struct ask_note *n = &line->notes[i];
        item[i] = (Cell__Envelope__Note)CELL__ENVELOPE__NOTE__INIT;
        item[i].message = n->message;
        item[i].id = n->id;
        if (n->credit == 0) {
            item[i].what_case = CELL__ENVELOPE__NOTE__WHAT_CANCEL;
            item[i].cancel = true;
        } else {
            item[i].what_case = CELL__ENVELOPE__NOTE__WHAT_CREDIT;
            item[i].credit = n->credit;
        }
        slot[i] = &item[i];
    }
    return count;
}

/* Pack and hand over; false: not now. */
static bool transmit(struct ask_endpoint *e, struct ask_line *line, uint32_t id, uint32_t count,
                     uint64_t now_ms)
{
    static Cell__Envelope__Request item[HOST_BATCH_MAX]; /* one thread, one message at a time */
    static Cell__Envelope__Request *slot[HOST_BATCH_MAX];
    static Cell__Envelope__Note note[ASK_NOTES_MAX], *note_slot[ASK_NOTES_MAX];
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;

    fill_requests(e, count, now_ms, item, slot);
    size_t notes = fill_notes(line, note, note_slot);
    requests.version = CALL_ENVELOPE_VERSION;
    requests.requests = slot;
    requests.n_requests = count;
    requests.notes = note_slot;
    requests.n_notes = notes;
    requests.apart = true; /* a slow answer must not hold up those that travelled with it */
    uint8_t *room = line->transport->reserve(line->wire, id,
                                             cell__envelope__requests__get_packed_size(&requests));
    if (room == NULL) {
        return false;
    }
    (void)cell__envelope__requests__pack(&requests, room);
    if (!line->transport->commit(line->wire, id)) {
        return false;
    }
    line->note_count -= notes;
    if (line->note_count > 0) {
        memmove(line->notes, line->notes + notes, line->note_count * sizeof *line->notes);
    }
    return true;
}

/* Everything that was put into the message is on its way. */
static void put_out(struct ask_endpoint *e, struct ask_message *m)
{
    struct ask_message **bucket = &e->sent[m->id % ASK_BUCKETS];

    m->next = *bucket;
    *bucket = m;
    e->line[m->way].out++;
    e->cell->asks->numbers.sent += m->count;
    e->requests += m->count;
    for (uint32_t i = 0, count = m->count; i < count; i++) { /* the last step may free m */
        struct ask_request *r = e->waiting.first;
        ask_list_remove(r);
        m->request[i] = r;
        r->message = m;
        r->index = i;
        ask_step_kind(e->cell, r, CLIENT_EV_SENT);
    }
}

/* Send one message this way, with what waits if has_requests; false: not now. */
static bool send_one(struct ask_endpoint *e, enum ask_way way, bool has_requests, uint64_t now_ms)
{
    struct asks *asks = e->cell->asks;
    struct ask_line *line = &e->line[way];
    size_t bytes = 0;
    uint32_t count = has_requests ? count_batch(e, &bytes) : 0;
    struct ask_message *m = message_new(asks, count);

    if (m == NULL) {
        log_error("ASK-NOMEM", "path=%s action=later", e->path);
        return false;
    }
    asks->next_message_id = (asks->next_message_id + 1) & ASK_MESSAGE_ID_MAX;
    *m = (struct ask_message){.endpoint = e, .id = asks->next_message_id, .way = way, .count = count,
                              .left = count, .bytes = bytes,
                              .epoch = line->transport->epoch(line->wire)};
    if (!transmit(e, line, m->id, count, now_ms) || count == 0) {
        message_free(m);
        return count == 0 && line->note_count == 0;
    }
    put_out(e, m);
    return true;
}

/* Which way requests go now. When a channel comes up, those that went over the socket get a start: what
 * was asked first begins first. */
static enum ask_way choose(struct ask_endpoint *e, uint64_t now_ms)
{
    const struct ask_line *shm = &e->line[ASK_SHM];

    if (shm->wire == NULL || !shm->transport->is_up(shm->wire)) {
        return ASK_IPC;
    }
    if (e->upgrade.move_ms != 0 && e->line[ASK_IPC].out > 0 && now_ms < e->upgrade.move_ms) {
        ask_arm(e->cell->asks, e->upgrade.move_ms);
        return ASK_NOWAY;
    }
    e->upgrade.move_ms = 0;
    return ASK_SHM;
}

void ask_link_flush(struct ask_endpoint *e, uint64_t now_ms)
{
    if (e->waiting.first != NULL) {
        ask_channel_consider(e, now_ms);
    }
    enum ask_way chosen = choose(e, now_ms);
    for (enum ask_way way = ASK_IPC; way < ASK_WAYS; way++) {
        struct ask_line *line = &e->line[way];
        bool has_requests = way == chosen;
        while (line->wire != NULL &&
               ((has_requests && e->waiting.first != NULL) || line->note_count > 0) &&
               line->transport->is_ready(line->wire)) {
            e->used_ms = now_ms;
            if (!send_one(e, way, has_requests, now_ms)) {
                break; /* the next turn goes on */
            }
        }
    }
}

/* ---- answers ----------------------------------------------------------------------------------- */

/* *ret_text: why not, as long as what arrived is looked at. */
static enum err take_answer(struct asks *asks, struct ask_request *r, const Cell__Envelope__Reply *reply, const char **ret_text)
{
    char why[UNPACK_WHY_SIZE];

    if (unpack_message(r->reply, NULL, reply->body.data, reply->body.len, &r->answer, why) == ERR_OK) {
        return ERR_OK;
    }
    *ret_text = call_text_dup(&asks->arena, why);
    return ERR_INCOMPATIBLE;
}

static void answer_one(struct cell *cell, struct ask_request *r, const Cell__Envelope__Reply *reply)
{
    const struct ask_endpoint *from = r->message->endpoint;
    struct client_event ev = {.e = err_from_wire(reply->status),
                              .retry_after_ms = reply->retry_after_ms};
    uint64_t id = r->id;
    const char *text = reply->message;

    if (r->packed != NULL) {
        r->packed->body = reply->body.data;
        r->packed->size = reply->body.len;
        r->packed->hint = reply->hint;
        r->packed->retry_after_ms = reply->retry_after_ms;
        r->packed->is_unread = reply->unread;
    } else if (ev.e == ERR_OK) {
        ev.e = take_answer(cell->asks, r, reply, &text);
    } else if (ev.e == ERR_NOT_LEADER) {
        ev.hint = (struct balance_endpoint *)ask_name_hint(cell, r, reply->hint);
    }
    ask_link_detach(r);
    r->text = text;
    ev.kind = ask_search_is_over(r, from, reply) ? CLIENT_EV_RETURNED : CLIENT_EV_ANSWERED;
    ask_step(cell, r, ev);
    r = ask_find(cell, id);
    if (r != NULL) {
        r->text = NULL; /* it is tried again; the text goes with this message */
        if (r->packed != NULL) {
            r->packed->body = NULL;
            r->packed->size = 0;
            r->packed->hint = NULL;
            r->packed->retry_after_ms = 0;
            r->packed->is_unread = false;
        }
    }
}

/* Give a part to its reader. False: it was not asked for, or does not parse. */
static bool hand_on(struct ask_endpoint *e, struct ask_request *r, const Cell__Envelope__Reply *reply)
{
    if (r->credit == 0 || reply->status != err_to_wire(ERR_OK)) {
        return false;
    }
    if (r->packed != NULL) {
        ask_step_kind(e->cell, r, CLIENT_EV_PART);
        r->packed->part(r->context, reply->body.data, reply->body.len);
        return true;
    }
    ProtobufCMessage *part;
    if (unpack_message(r->reply, NULL, reply->body.data, reply->body.len, &part, NULL) != ERR_OK) {
        return false;
    }
    ask_step_kind(e->cell, r, CLIENT_EV_PART);
    r->part(r->context, part);
    protobuf_c_message_free_unpacked(part, NULL);
    return true;
}

/* A part of an answer goes straight to its reader, who may cancel; what the reader has taken, the
 * callee may send anew. */
static void take_part(struct ask_endpoint *e, struct ask_request *r, const Cell__Envelope__Reply *reply)
{
    uint64_t id = r->id;

    if (!hand_on(e, r, reply)) {
        log_warn("ASK-PART", "path=%s action=dropped", e->path);
        return;
    }
    r = ask_find(e->cell, id);
    if (r == NULL || r->holds_credit || ++r->taken < (r->credit + 1) / 2) {
        return;
    }
    ask_link_note(e, r, r->taken); /* in halves: a note per part would cost as much as the part */
    r->taken = 0;
}

/* The callee refused the message before it looked at the requests. */
static void refused_whole(struct ask_endpoint *e, struct ask_message *m,
                          const Cell__Envelope__Reply *reply)
{
    enum err why = err_from_wire(reply->status);
    struct ask_list list = {0};
    bool is_unread = why == ERR_LIMIT && m->count > 1;
    size_t bytes = m->bytes;

    if (!is_unread) {
        for (uint32_t i = 0, left = m->left, count = m->count; i < count && left > 0; i++) {
            if (m->request[i] != NULL) {
                left--;
                answer_one(e->cell, m->request[i], reply);
            }
        }
        return;
    }
    /* It takes less than we put together: none of them was carried out, send smaller ones. */
    e->batch_bytes = bytes / 2;
    log_info("ASK-BATCH", "path=%s bytes=%zu action=smaller", e->path, bytes);
    take_message(m, &list);
    struct ask_list others = e->waiting;
    e->waiting = (struct ask_list){0};
    for (int k = 0; k < 2; k++) { /* those that were first stay first */
        struct ask_list *from = k == 0 ? &list : &others;
        while (from->first != NULL) {
            struct ask_request *r = from->first;
            r->list = from;
            ask_list_remove(r);
            ask_list_add(&e->waiting, r);
            if (k == 0) {
                ask_step_kind(e->cell, r, CLIENT_EV_UNSENT);
            }
        }
    }
}

static void take_reply(struct ask_endpoint *e, uint32_t id, const Cell__Envelope__Reply *reply)
{
    struct ask_message *m = *find_message(e, id);

    if (m == NULL || reply->id > m->count) {
        log_debug("ASK-LATE", "path=%s action=dropped", e->path);
        return; /* its deadline has passed, or nobody ever asked */
    }
    if (reply->id == 0) {
        refused_whole(e, m, reply);
        return;
    }
    struct ask_request *r = m->request[reply->id - 1];
    if (r != NULL && reply->more) {
        take_part(e, r, reply);
    } else if (r != NULL) {
        answer_one(e->cell, r, reply);
    }
}

void ask_link_take(struct ask_endpoint *e, uint32_t id, const uint8_t *data, size_t size)
{
    struct asks *asks = e->cell->asks;
    ProtobufCAllocator allocator = call_allocator(&asks->arena);
    char why[UNPACK_WHY_SIZE] = "another version";
    ProtobufCMessage *message = NULL;
    enum err read = unpack_message(&cell__envelope__replies__descriptor, &allocator, data, size, &message, why);
    const Cell__Envelope__Replies *replies = (const Cell__Envelope__Replies *)message;

    ask_enter(asks);
    e->used_ms = asks->now_ms;
    if (read != ERR_OK || replies->version != CALL_ENVELOPE_VERSION) {
        log_warn("ASK-MALFORMED", "path=%s size=%zu why=\"%s\"", e->path, size, why);
    } else {
        for (size_t i = 0; i < replies->n_replies; i++) {
            take_reply(e, id, replies->replies[i]);
        }
    }
    ask_settle(e->cell); /* while the texts are there */
    arena_reset(&asks->arena);
}

/* ---- connections ------------------------------------------------------------------------------- */

void ask_link_up(struct ask_endpoint *e, enum ask_way way)
{
    if (way == ASK_SHM) {
        e->upgrade.move_ms = loop_now_ms() + ASK_MOVE_MS;
    }
    client_line(&e->core, BALANCE_LINE_UP);
}

static bool is_up(const struct ask_endpoint *e, enum ask_way way)
{
    const struct ask_line *line = &e->line[way];

    return line->wire != NULL && line->transport->is_up(line->wire);
}

static void lose_list(struct ask_endpoint *e, struct ask_list *list)
{
    while (list->first != NULL) {
        struct ask_request *r = list->first;
        ask_list_remove(r);
        ask_step_kind(e->cell, r, CLIENT_EV_LOST);
    }
}

/* What the connection had taken will not be answered. When there is no other way to the callee, or no
 * callee, what waits may go elsewhere. */
void ask_link_lost(struct ask_endpoint *e, enum ask_way way, uint32_t epoch, bool is_dead)
{
    struct ask_list lost = {0};
    struct ask_request *next;
    ask_enter(e->cell->asks);
    bool is_down = is_dead || !is_up(e, way == ASK_IPC ? ASK_SHM : ASK_IPC);

    if (is_down) {
        client_line(&e->core, BALANCE_LINE_DOWN);
    }
    e->line[way].note_count = 0;
    for (size_t i = 0; i < ASK_BUCKETS; i++) {
        struct ask_message *m = e->sent[i], *after;
        for (; m != NULL; m = after) {
            after = m->next;
            if (m->way == way && m->epoch <= epoch) { /* connections of one way follow one another */
                take_message(m, &lost);
            }
        }
    }
    for (struct ask_request *r = is_down ? e->waiting.first : NULL; r != NULL; r = next) {
        next = r->next;
        ask_step_kind(e->cell, r, CLIENT_EV_LOST);
    }
    lose_list(e, &lost);
    ask_settle(e->cell);
}
