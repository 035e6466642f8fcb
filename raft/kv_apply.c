/* Commands, one at a time, in the order of the log; and what the leader is to propose because time went by. */
#include <assert.h>
#include <stdlib.h>

#include "raft/kv.h"
#include "raft/span.h"

static enum err refuse(struct raft_answer *ret, enum err e, const char *text)
{
    ret->error = e;
    ret->text = text;
    return ERR_OK;
}

static int by_key(const void *a, const void *b)
{
    return raft_span_order(raft_record_key(*(struct raft_record *const *)a),
                           raft_record_key(*(struct raft_record *const *)b));
}

/* End a lease and its keys: in the order of keys, for the ring's own order is not the same on a member that was made
 * from an image. */
static enum err end_lease(struct raft_kv *kv, struct raft_lease *lease, uint64_t *ret_deleted)
{
    AUTO_FREE struct raft_record **keys = calloc(lease->key_count + 1, sizeof keys[0]);
    uint64_t count = 0;

    if (keys == NULL) {
        return ERR_NOMEM;
    }
    for (struct raft_tether *t = lease->keys.next; t != &lease->keys; t = t->next) {
        keys[count++] = &t->record;
    }
    assert(count == lease->key_count);
    qsort(keys, count, sizeof keys[0], by_key);
    for (uint64_t i = 0; i < count; i++) {
        enum err e = raft_kv_end_key(kv, raft_tree_slot(&kv->tree, raft_record_key(keys[i])));
        if (e != ERR_OK) {
            return e;
        }
    }
    raft_lease_end(&kv->leases, lease);
    *ret_deleted = count;
    return ERR_OK;
}

static enum err apply_put(struct raft_kv *kv, const struct raft_put *put, struct raft_answer *ret)
{
    struct raft_record **slot = raft_tree_slot(&kv->tree, put->key);
    const struct raft_record *previous;
    const char *text = "";
    enum err e = raft_kv_may_put(kv, put, slot, (struct raft_kv_more){0}, &text);

    if (e != ERR_OK) {
        return refuse(ret, e, text);
    }
    e = raft_kv_put(kv, put, slot, &previous);
    if (e == ERR_OK && put->with_previous && previous != NULL) {
        size_t begin = raft_answer_begin(&kv->body, RAFT_OP_PUT);

        raft_answer_pair(&kv->body, begin, previous, false);
    }
    return e;
}

static enum err apply_delete(struct raft_kv *kv, const struct raft_delete *del, struct raft_answer *ret)
{
    size_t begin = 0;

    if (raft_kv_count(kv, &del->span, RAFT_DELETE_MAX + 1) > RAFT_DELETE_MAX) {
        return refuse(ret, ERR_LIMIT, "more keys than one command may end: delete them in parts");
    }
    if (del->with_previous) {
        begin = raft_answer_begin(&kv->body, RAFT_OP_DELETE);
    }
    enum err e = raft_kv_delete(kv, &del->span, del->with_previous ? &kv->body : NULL, begin, &ret->number);
    if (del->with_previous) {
        raft_answer_end(&kv->body, begin, ret->number, false);
    }
    return e;
}

static uint32_t bounded_ttl(uint32_t ttl_ms)
{
    if (ttl_ms < RAFT_TTL_LEAST_MS) {
        return RAFT_TTL_LEAST_MS;
    }
    return ttl_ms > RAFT_TTL_MOST_MS ? RAFT_TTL_MOST_MS : ttl_ms;
}

/* An index is given to nobody twice, but a client may have chosen the number before, or a restore have brought it. */
static uint64_t next_id(const struct raft_kv *kv, const struct raft_idmap *taken)
{
    uint64_t id = kv->applied;

    while (raft_idmap_find(taken, id) != NULL) {
        id += UINT64_C(1) << 48;
    }
    return id;
}

static enum err apply_grant(struct raft_kv *kv, const struct raft_command *c, struct raft_answer *ret)
{
    uint64_t id = c->id != 0 ? c->id : next_id(kv, &kv->leases.map);

    ret->ttl_ms = bounded_ttl(c->ttl_ms);
    ret->number = id;
    enum err e = raft_lease_grant(&kv->leases, id, ret->ttl_ms, kv->time_ms);
    if (e == ERR_EXISTS) {
        return refuse(ret, e, "a lease of this number exists");
    }
    if (e == ERR_LIMIT) {
        return refuse(ret, e, "there are as many leases as may be");
    }
    raft_kv_watch_deadline(kv, kv->time_ms + ret->ttl_ms);
    return e;
}

static enum err apply_lease(struct raft_kv *kv, const struct raft_command *c, struct raft_answer *ret)
{
    struct raft_lease *lease = raft_lease_find(&kv->leases, c->id);

    if (lease == NULL) {
        return refuse(ret, ERR_NOT_FOUND, "there is no such lease: it has ended, or never was");
    }
    if (c->kind == RAFT_COMMAND_LEASE_KEEP) {
        lease->renewed_ms = kv->time_ms;
        lease->stamp++;
        ret->ttl_ms = lease->ttl_ms;
        return ERR_OK;
    }
    if (c->kind == RAFT_COMMAND_LEASE_EXPIRE && lease->stamp != c->stamp) {
        raft_kv_watch_deadline(kv, raft_lease_deadline_ms(lease));
        return refuse(ret, ERR_ABORTED, "it was renewed meanwhile");
    }
    return end_lease(kv, lease, &ret->number);
}

static enum err apply_session(struct raft_kv *kv, const struct raft_command *c, struct raft_answer *ret)
{
    if (c->kind == RAFT_COMMAND_SESSION_OPEN) {
        ret->ttl_ms = bounded_ttl(c->ttl_ms);
        ret->number = next_id(kv, &kv->sessions.map);
        enum err e = raft_session_open(&kv->sessions, ret->number, ret->ttl_ms, kv->time_ms);
        if (e == ERR_LIMIT) {
            return refuse(ret, e, "there are as many sessions as may be");
        }
        raft_kv_watch_deadline(kv, kv->time_ms + ret->ttl_ms);
        return e;
    }
    struct raft_session *session = raft_session_find(&kv->sessions, c->id);
    if (session == NULL) {
        return refuse(ret, ERR_NOT_FOUND, "there is no such session: it has ended, or never was");
    }
    if (c->kind == RAFT_COMMAND_SESSION_EXPIRE && session->stamp != c->stamp) {
        raft_kv_watch_deadline(kv, raft_session_deadline_ms(session));
        return refuse(ret, ERR_ABORTED, "it was used meanwhile");
    }
    raft_session_close(&kv->sessions, session);
    return ERR_OK;
}

static enum err apply_compact(struct raft_kv *kv, uint64_t revision, struct raft_answer *ret)
{
    if (revision > kv->revision) {
        return refuse(ret, ERR_RANGE, "that revision is still to come");
    }
    if (revision < kv->journal.compacted) {
        return refuse(ret, ERR_RANGE, "that revision is compacted already");
    }
    raft_journal_compact(&kv->journal, revision);
    ret->number = revision;
    return ERR_OK;
}

static enum err apply_command(struct raft_kv *kv, const struct raft_command *c, struct raft_answer *ret)
{
    switch (c->kind) {
    case RAFT_COMMAND_PUT:
        return apply_put(kv, &c->put, ret);
    case RAFT_COMMAND_DELETE:
        return apply_delete(kv, &c->del, ret);
    case RAFT_COMMAND_TXN:
        return raft_kv_txn(kv, &c->txn, ret);
    case RAFT_COMMAND_LEASE_GRANT:
        return apply_grant(kv, c, ret);
    case RAFT_COMMAND_LEASE_KEEP:
    case RAFT_COMMAND_LEASE_REVOKE:
    case RAFT_COMMAND_LEASE_EXPIRE:
        return apply_lease(kv, c, ret);
    case RAFT_COMMAND_SESSION_OPEN:
    case RAFT_COMMAND_SESSION_CLOSE:
    case RAFT_COMMAND_SESSION_EXPIRE:
        return apply_session(kv, c, ret);
    case RAFT_COMMAND_COMPACT:
        return apply_compact(kv, c->id, ret);
    case RAFT_COMMAND_LIMITS:
        kv->quota_bytes = c->id;
        return ERR_OK;
    case RAFT_COMMAND_CLOCK:
        return ERR_OK;
    case RAFT_COMMAND_RESTORE:
        return raft_kv_restore(kv, c, ret);
    }
    return ERR_OK;
}

/* What changed becomes a revision, and what is too old is forgotten: never the newest revision, whatever its size. */
static void settle(struct raft_kv *kv)
{
    struct raft_journal *j = &kv->journal;

    kv->revision += kv->part > 0;
    while (raft_journal_is_full(j) && raft_journal_revision(j, j->begin) < kv->revision) {
        raft_journal_compact_oldest(j);
    }
    kv->held_bytes -= raft_journal_free(j, &kv->tree);
    raft_kv_cool(kv);
    kv->part = 0;
}

/* A command of a session; *ret_session is set when it is to be done and its answer to be kept. */
static void begin_once(struct raft_kv *kv, const struct raft_command *c, struct raft_answer *ret,
                       struct raft_session **ret_session)
{
    struct raft_session *s = raft_session_find(&kv->sessions, c->once.session);

    if (s == NULL) {
        (void)refuse(ret, ERR_NOT_FOUND, "the session has ended: whether earlier requests of it were done can be read only");
        return;
    }
    enum err e = raft_session_begin(&kv->sessions, s, &c->once, kv->time_ms, ret);
    if (e == ERR_OK) {
        *ret_session = s;
    } else if (e == ERR_LIMIT) {
        (void)refuse(ret, e, "too many requests of the session are not acknowledged");
    } else if (e == ERR_INVALID) {
        (void)refuse(ret, e, "the answer to this request was acknowledged before");
    }
}

enum err raft_kv_apply(struct raft_kv *kv, uint64_t index, const uint8_t *bytes, size_t size,
                       struct raft_answer *ret)
{
    struct raft_session *session = NULL;
    struct raft_command c;
    enum err e;

    raft_kv_skip(kv, index);
    raft_past_hide(kv->past);
    kv->body.size = 0;
    *ret = (struct raft_answer){.error = ERR_OK, .text = "", .revision = kv->revision};
    e = raft_command_read(bytes, size, &c);
    if (e != ERR_OK) {
        return e;
    }
    kv->time_ms = c.time_ms > kv->time_ms ? c.time_ms : kv->time_ms;
    if (kv->is_loading && c.kind != RAFT_COMMAND_RESTORE && c.kind != RAFT_COMMAND_CLOCK) {
        return refuse(ret, ERR_UNAVAILABLE, "a restore is going on");
    }
    if (c.once.session != 0) {
        begin_once(kv, &c, ret, &session);
        if (session == NULL) {
            return ERR_OK;
        }
    }
    e = apply_command(kv, &c, ret);
    settle(kv);
    ret->revision = kv->revision;
    ret->body = (struct raft_bytes){kv->body.at, (uint32_t)kv->body.size};
    if (e == ERR_OK && session != NULL) {
        e = raft_session_keep(&kv->sessions, session, c.once.sequence, ret);
    }
    return e == ERR_OK && kv->body.is_short ? ERR_NOMEM : e;
}

/* ---- what has run out ----------------------------------------------------------------------- */

static size_t note_due(struct raft_kv *kv, uint64_t now_ms, uint64_t deadline_ms, struct raft_due due,
                       struct raft_due *out, size_t room, size_t count)
{
    if (deadline_ms <= now_ms && count < room) {
        out[count] = due;
        /* What is proposed may be lost with its leader's term: it is looked at again. */
        raft_kv_watch_deadline(kv, now_ms + RAFT_DUE_AGAIN_MS);
        return count + 1;
    }
    raft_kv_watch_deadline(kv, deadline_ms);
    return count;
}

size_t raft_kv_due(struct raft_kv *kv, uint64_t now_ms, struct raft_due *out, size_t room)
{
    size_t count = 0;

    if (now_ms < kv->due_ms) {
        return 0;
    }
    kv->due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < kv->leases.map.room; i++) {
        const struct raft_lease *l = kv->leases.map.slot[i];

        if (l != NULL) {
            count = note_due(kv, now_ms, raft_lease_deadline_ms(l),
                             (struct raft_due){RAFT_COMMAND_LEASE_EXPIRE, l->id, l->stamp}, out, room, count);
        }
    }
    for (uint32_t i = 0; i < kv->sessions.map.room; i++) {
        const struct raft_session *s = kv->sessions.map.slot[i];

        if (s != NULL) {
            count = note_due(kv, now_ms, raft_session_deadline_ms(s),
                             (struct raft_due){RAFT_COMMAND_SESSION_EXPIRE, s->id, s->stamp}, out, room, count);
        }
    }
    return count;
}
