/* The store as a whole: snapshots, compaction, backups, restores, hashes. */
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/run/cell_call.h"
#include "raft/image.h"
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

/* A backup that is being sent: parts as fast as the caller takes them, one image meanwhile. In memory of the call but for
 * the part. */
struct backup {
    struct cell_call *call;
    struct raft_image image;
    uint8_t *part;  /* RAFT_IMAGE_ROOM */
    size_t size;    /* of the part that waits to be sent */
    uint32_t number;
    uint64_t revision;
};

static void backup_free(struct backup *b)
{
    raft_image_end(&b->image);
    free(b->part);
    b->part = NULL;
}

static void on_backup_cancel(void *context, enum err e)
{
    struct backup *b = context;

    backup_free(b);
    cell_reply_error(b->call, e, NULL, NULL);
}

static void backup_fail(struct backup *b, enum err e)
{
    backup_free(b);
    cell_reply_error(b->call, e, e == ERR_ABORTED ? "a restore has begun" : NULL, NULL);
}

/* Send parts until the caller has enough for now. The last one is the answer itself. */
static void backup_go(void *context)
{
    struct backup *b = context;
    Cell__Raft__BackupReply part = CELL__RAFT__BACKUP_REPLY__INIT;

    for (;;) {
        if (b->size == 0) {
            enum err e = raft_image_next(&b->image, b->part, RAFT_IMAGE_ROOM, RAFT_SERVICE_BACKUP_BYTES, &b->size);
            if (e != ERR_OK) {
                backup_fail(b, e);
                return;
            }
        }
        part.number = b->number;
        part.items = (ProtobufCBinaryData){b->size, b->part};
        part.checksum = bytes_crc32c(0, b->part, b->size);
        part.is_last = b->image.is_ended;
        part.revision = b->revision;
        if (part.is_last) {
            struct cell_call *call = b->call;

            raft_image_end(&b->image);
            uint8_t *bytes = b->part;
            raft_service_reply(call, &part); /* `b` is gone with the call */
            free(bytes);
            return;
        }
        enum err e = cell_reply_part(b->call, &part);
        if (e == ERR_UNAVAILABLE) {
            return; /* when the caller wants more: cell_call_on_credit */
        }
        if (e != ERR_OK) {
            backup_fail(b, e);
            return;
        }
        b->number++;
        b->size = 0;
    }
}

static void respond_backup(struct raft_service *v, struct cell_call *call, const void *request)
{
    struct raft_kv *kv = raft_shell_kv(v->shell);
    struct backup *b = cell_call_alloc(call, sizeof *b);

    (void)request;
    if (b == NULL) {
        cell_reply_error(call, ERR_NOMEM, NULL, NULL);
        return;
    }
    *b = (struct backup){.call = call, .part = malloc(RAFT_IMAGE_ROOM), .revision = kv->revision};
    enum err e = raft_image_begin(&b->image, kv);
    if (e != ERR_OK || b->part == NULL) {
        backup_fail(b, e != ERR_OK ? e : ERR_NOMEM);
        return;
    }
    cell_call_on_cancel(call, on_backup_cancel, b);
    cell_call_on_credit(call, backup_go, b);
    backup_go(b);
}

enum err raft_service_backup(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__BackupRequest *ask = request;

    if (ask->freshness == CELL__RAFT__FRESHNESS__NOT_OLDER) {
        cell_call_explain(call, "a backup is linearizable or stale");
        return ERR_INVALID;
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

static void respond_hash(struct raft_service *v, struct cell_call *call, const void *request)
{
    struct raft_kv *kv = raft_shell_kv(v->shell);
    Cell__Raft__HashReply reply = CELL__RAFT__HASH_REPLY__INIT;
    enum err e = raft_image_hash(kv, &reply.hash);

    (void)request;
    reply.revision = kv->revision;
    reply.index = kv->applied;
    if (e != ERR_OK) {
        cell_reply_error(call, e, NULL, NULL);
    } else {
        raft_service_reply(call, &reply);
    }
}

enum err raft_service_hash(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__HashRequest *ask = request;

    return raft_service_read(service_of(state), call, request, ask->freshness, 0, respond_hash);
}
