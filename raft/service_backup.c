/* The store as a whole: snapshots, compaction, backups, restores, hashes. */
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/run/cell_call.h"
#include "common/run/log.h"
#include "raft/service_wait.h"

static struct raft_service *service_of(void *state)
{
    return raft_shell_service(state);
}

/* ---- snapshots and compaction ---------------------------------------------------------------- */

static void on_snapshot(struct raft_pending *p, enum err e, const struct raft_answer *answer)
{
    struct raft_service_wait *w = (struct raft_service_wait *)p;
    Cell__Raft__SnapshotReply reply = CELL__RAFT__SNAPSHOT_REPLY__INIT;

    if (e != ERR_OK) {
        raft_service_refuse(w->v, w->call, e);
        return;
    }
    reply.index = p->index;
    reply.bytes = answer != NULL ? answer->number : 0;
    raft_service_reply(w->call, &reply);
}

enum err raft_service_snapshot(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    struct raft_service_wait *w = raft_service_wait_new(v, call, request);

    if (w == NULL) {
        return ERR_NOMEM;
    }
    w->pending.done = on_snapshot;
    enum err e = raft_shell_snapshot(v->shell, &w->pending);
    if (e != ERR_OK) {
        cell_call_explain(call, "a snapshot is being written, or there is nothing new to write");
        raft_service_refuse(v, call, e);
    }
    return ERR_LATER;
}

static void answer_compact(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__CompactReply reply = CELL__RAFT__COMPACT_REPLY__INIT;

    (void)request;
    reply.revision = a->revision;
    reply.compacted = a->number;
    raft_service_reply(call, &reply);
}

enum err raft_service_compact(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    const Cell__Raft__CompactRequest *ask = request;
    struct raft_writer w;

    raft_service_begin(v, &w, RAFT_COMMAND_COMPACT, NULL);
    raft_command_numbers(&w, ask->revision, 0, 0);
    return raft_service_propose(v, call, request, &w, answer_compact);
}

/* ---- backups -------------------------------------------------------------------------------- */

static void backup_end(struct raft_service_backup *b)
{
    if (b->part != NULL) {
        raft_image_end(&b->image);
    }
    free(b->part);
    *b = (struct raft_service_backup){0};
}

void raft_service_backup_clock(struct raft_service *v, uint64_t now_ms)
{
    for (size_t i = 0; i < RAFT_SERVICE_BACKUPS_MAX; i++) {
        struct raft_service_backup *b = &v->backups[i];

        if (b->part != NULL && now_ms >= b->used_ms + RAFT_SERVICE_BACKUP_MS) {
            log_warn("RAFT-BACKUP-LOST", "number=%llu parts=%u action=ended", (unsigned long long)b->id, b->number);
            backup_end(b);
        }
    }
}

void raft_service_backup_stop(struct raft_service *v)
{
    for (size_t i = 0; i < RAFT_SERVICE_BACKUPS_MAX; i++) {
        backup_end(&v->backups[i]);
    }
}

static enum err next_part(struct raft_service_backup *b)
{
    enum err e = raft_image_next(&b->image, b->part, RAFT_IMAGE_ROOM, RAFT_SERVICE_BACKUP_BYTES, &b->size);

    b->number++;
    return e;
}

static void reply_part(struct cell_call *call, struct raft_service_backup *b)
{
    Cell__Raft__BackupReply reply = CELL__RAFT__BACKUP_REPLY__INIT;

    b->used_ms = cell_call_now_ms(call);
    reply.backup = b->id;
    reply.number = b->number - 1;
    reply.items = (ProtobufCBinaryData){b->size, b->part};
    reply.checksum = bytes_crc32c(0, b->part, b->size);
    reply.is_last = b->image.is_ended;
    reply.revision = b->image.revision;
    raft_service_reply(call, &reply);
}

/* A free place; else that of the one that was read to its end before the others, whose last part is kept only so that it may be
 * asked for again. NULL: all are being read. */
static struct raft_service_backup *place_of_new(struct raft_service *v)
{
    struct raft_service_backup *ended = NULL;

    for (size_t i = 0; i < RAFT_SERVICE_BACKUPS_MAX; i++) {
        struct raft_service_backup *b = &v->backups[i];

        if (b->part == NULL) {
            return b;
        }
        if (b->image.is_ended && (ended == NULL || b->used_ms < ended->used_ms)) {
            ended = b;
        }
    }
    if (ended != NULL) {
        backup_end(ended);
    }
    return ended;
}

/* Begin one, and answer with its first part. */
static void respond_backup(struct raft_service *v, struct cell_call *call, const void *request)
{
    struct raft_service_backup *b = place_of_new(v);

    (void)request;
    if (b == NULL) {
        cell_reply_error(call, ERR_LIMIT, "as many backups as may be are being read", NULL);
        return;
    }
    *b = (struct raft_service_backup){.id = ++v->backup_count, .part = malloc(RAFT_IMAGE_ROOM)};
    enum err e = b->part != NULL ? raft_image_begin(&b->image, raft_shell_kv(v->shell)) : ERR_NOMEM;
    if (e == ERR_OK) {
        e = next_part(b);
    }
    if (e != ERR_OK) {
        backup_end(b);
        raft_service_past_refuse(call, e);
        return;
    }
    reply_part(call, b);
}

/* The last part may be asked for again as well: its backup ends by the clock. */
static enum err go_on(struct raft_service *v, struct cell_call *call, const Cell__Raft__BackupRequest *ask)
{
    struct raft_service_backup *b = NULL;
    enum err e = ERR_OK;

    for (size_t i = 0; i < RAFT_SERVICE_BACKUPS_MAX; i++) {
        b = v->backups[i].part != NULL && v->backups[i].id == ask->backup ? &v->backups[i] : b;
    }
    if (b == NULL || ask->number > b->number || ask->number + 1 < b->number || (b->image.is_ended && ask->number == b->number)) {
        cell_call_explain(call, "no such backup is being read here, or not that part: begin another");
        return ERR_NOT_FOUND;
    }
    if (ask->number == b->number) {
        e = next_part(b);
    }
    if (e != ERR_OK) {
        backup_end(b);
        if (e == ERR_ABORTED) {
            cell_call_explain(call, "a restore has begun");
            return e;
        }
        raft_service_past_refuse(call, e);
        return ERR_LATER;
    }
    reply_part(call, b);
    return ERR_LATER;
}

enum err raft_service_backup(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__BackupRequest *ask = request;

    if (ask->freshness == CELL__RAFT__FRESHNESS__NOT_OLDER) {
        cell_call_explain(call, "a backup is linearizable or stale");
        return ERR_INVALID;
    }
    if (ask->backup != 0) {
        return go_on(service_of(state), call, ask);
    }
    return raft_service_read(service_of(state), call, request, ask->freshness, 0, respond_backup);
}

static void answer_restore(struct cell_call *call, const void *request, const struct raft_answer *a)
{
    Cell__Raft__RestoreReply reply = CELL__RAFT__RESTORE_REPLY__INIT;

    (void)request;
    reply.revision = a->revision;
    reply.keys = a->number;
    raft_service_reply(call, &reply);
}

enum err raft_service_restore(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    const Cell__Raft__RestoreRequest *ask = request;
    struct raft_writer w;

    if (ask->items.len == 0 || ask->items.len > RAFT_IMAGE_ROOM) {
        cell_call_explain(call, "a part has 1 to %d bytes", RAFT_IMAGE_ROOM);
        return ERR_INVALID;
    }
    if (bytes_crc32c(0, ask->items.data, ask->items.len) != ask->checksum) {
        cell_call_explain(call, "the part's checksum does not fit its bytes");
        return ERR_DATA_LOSS;
    }
    raft_service_begin(v, &w, RAFT_COMMAND_RESTORE, NULL);
    raft_command_restore(&w, ask->number, (struct raft_bytes){ask->items.data, (uint32_t)ask->items.len});
    return raft_service_propose(v, call, request, &w, answer_restore);
}

/* ---- hashes --------------------------------------------------------------------------------- */

/* One who asks, in memory of the call. */
struct raft_service_hasher {
    struct raft_service_hasher *next;
    struct raft_service *v;
    struct cell_call *call;
    bool is_in; /* it came before the one that is made was begun */
};

static void leave(struct raft_service_hasher *h)
{
    struct raft_service_hasher **at = &h->v->hash.asking;

    while (*at != h) {
        at = &(*at)->next;
    }
    *at = h->next;
}

static void on_hash_cancel(void *context, enum err e)
{
    struct raft_service_hasher *h = context;

    leave(h);
    cell_reply_error(h->call, e, NULL, NULL);
}

/* The store may go on while it is made: the image is of now. */
static void respond_hash(struct raft_service *v, struct cell_call *call, const void *request)
{
    struct raft_service_hasher *h = cell_call_alloc(call, sizeof *h);

    (void)request;
    if (h == NULL) {
        cell_reply_error(call, ERR_NOMEM, NULL, NULL);
        return;
    }
    *h = (struct raft_service_hasher){.next = v->hash.asking, .v = v, .call = call};
    v->hash.asking = h;
    cell_call_on_cancel(call, on_hash_cancel, h);
}

static void answer_hash(const struct raft_service_hasher *h, enum err e, uint64_t sum)
{
    Cell__Raft__HashReply reply = CELL__RAFT__HASH_REPLY__INIT;

    if (e == ERR_ABORTED) {
        cell_reply_error(h->call, ERR_UNAVAILABLE, "another store has taken this one's place: ask again", NULL);
    } else if (e != ERR_OK) {
        raft_service_past_refuse(h->call, e);
    } else {
        reply.revision = h->v->hash.revision;
        reply.index = h->v->hash.index;
        reply.hash = sum;
        raft_service_reply(h->call, &reply);
    }
}

/* It came to an end: those whom it was made for are answered. */
static void end_hash(struct raft_service *v, enum err e, uint64_t sum)
{
    struct raft_service_hasher *next;

    raft_image_sum_free(v->hash.sum);
    v->hash.sum = NULL;
    for (struct raft_service_hasher *h = v->hash.asking; h != NULL; h = next) {
        next = h->next;
        if (h->is_in) {
            leave(h);
            cell_call_on_cancel(h->call, NULL, NULL);
            answer_hash(h, e, sum);
        }
    }
}

static enum err begin_hash(struct raft_service *v)
{
    struct raft_kv *kv = raft_shell_kv(v->shell);

    for (struct raft_service_hasher *h = v->hash.asking; h != NULL; h = h->next) {
        h->is_in = true;
    }
    v->hash.revision = kv->revision;
    v->hash.index = kv->applied;
    return raft_image_sum_new(kv, &v->hash.sum);
}

bool raft_service_hash_turn(struct raft_service *v)
{
    bool is_done = false;
    uint64_t sum = 0;

    if (v->hash.asking == NULL && v->hash.sum == NULL) {
        return false;
    }
    enum err e = v->hash.sum == NULL ? begin_hash(v) : ERR_OK;
    e = e == ERR_OK ? raft_image_sum_next(v->hash.sum, RAFT_SERVICE_HASH_BYTES, &is_done, &sum) : e;
    if (e != ERR_OK || is_done) {
        end_hash(v, e, sum);
    }
    return v->hash.asking != NULL || v->hash.sum != NULL;
}

void raft_service_hash_stop(struct raft_service *v)
{
    for (struct raft_service_hasher *h = v->hash.asking; h != NULL; h = h->next) {
        h->is_in = true;
    }
    end_hash(v, ERR_UNAVAILABLE, 0);
}

enum err raft_service_hash(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__HashRequest *ask = request;

    return raft_service_read(service_of(state), call, request, ask->freshness, 0, respond_hash);
}
