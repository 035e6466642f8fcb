#include "raft/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_LEAST = 4 };

struct raft_session *raft_session_find(const struct raft_sessions *s, uint64_t id)
{
    return raft_idmap_find(&s->map, id);
}

enum err raft_session_open(struct raft_sessions *s, uint64_t id, uint32_t ttl_ms, uint64_t now_ms)
{
    if (s->map.count >= RAFT_SESSIONS_MAX) {
        return ERR_LIMIT;
    }
    struct raft_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return ERR_NOMEM;
    }
    session->id = id;
    session->ttl_ms = ttl_ms;
    session->used_ms = now_ms;
    enum err e = raft_idmap_add(&s->map, session);
    if (e != ERR_OK) {
        free(session);
    }
    return e;
}

static void session_free(struct raft_session *session)
{
    for (uint32_t i = 0; i < session->count; i++) {
        free(session->kept[i]);
    }
    free(session->kept);
    free(session);
}

static uint64_t kept_bytes(const struct raft_kept *k)
{
    return sizeof *k + k->size;
}

void raft_session_close(struct raft_sessions *s, struct raft_session *session)
{
    void *same = raft_idmap_remove(&s->map, session->id);

    for (uint32_t i = 0; i < session->count; i++) {
        s->bytes -= kept_bytes(session->kept[i]);
    }

    assert(same == session);
    session_free(same);
}

static void forget_below(struct raft_sessions *all, struct raft_session *s, uint64_t sequence)
{
    uint32_t gone = 0;

    while (gone < s->count && s->kept[gone]->sequence < sequence) {
        all->bytes -= kept_bytes(s->kept[gone]);
        free(s->kept[gone++]);
    }
    s->count -= gone;
    if (gone > 0) {
        memmove(s->kept, s->kept + gone, s->count * sizeof s->kept[0]);
    }
    s->acknowledged = sequence;
}

/* Place of a sequence among those kept; from the end, where new ones belong. */
static uint32_t place(const struct raft_session *s, uint64_t sequence)
{
    uint32_t i = s->count;

    while (i > 0 && s->kept[i - 1]->sequence >= sequence) {
        i--;
    }
    return i;
}

static void answer_again(const struct raft_kept *k, struct raft_answer *ret)
{
    *ret = (struct raft_answer){.error = err_from_wire(k->error), .text = "", .revision = k->revision,
                                .number = k->number, .ttl_ms = k->ttl_ms, .succeeded = k->succeeded,
                                .is_repeat = true, .is_cut = k->is_cut, .body = {k->body, k->size}};
    if (ret->error != ERR_OK) {
        ret->text = err_text(ret->error);
    }
}

enum err raft_session_begin(struct raft_sessions *all, struct raft_session *s, const struct raft_once *once,
                            uint64_t now_ms, struct raft_answer *ret)
{
    s->used_ms = now_ms;
    s->stamp++;
    if (once->sequence < once->acknowledged) {
        return ERR_INVALID;
    }
    if (once->acknowledged > s->acknowledged) {
        forget_below(all, s, once->acknowledged);
    }
    if (once->sequence < s->acknowledged) {
        return ERR_INVALID;
    }
    uint32_t at = place(s, once->sequence);
    if (at < s->count && s->kept[at]->sequence == once->sequence) {
        answer_again(s->kept[at], ret);
        return ERR_EXISTS;
    }
    return once->sequence - s->acknowledged < RAFT_SESSION_WINDOW && all->bytes < RAFT_SESSIONS_BYTES ? ERR_OK : ERR_LIMIT;
}

enum err raft_session_keep(struct raft_sessions *all, struct raft_session *s, uint64_t sequence,
                           const struct raft_answer *answer)
{
    bool is_cut = answer->body.size > RAFT_SESSION_ANSWER_MAX || answer->is_cut;
    uint32_t size = is_cut ? 0 : answer->body.size;
    uint32_t at = place(s, sequence);

    assert(at == s->count || s->kept[at]->sequence != sequence);
    if (s->count == s->room) {
        uint32_t room = s->room > 0 ? s->room * 2 : ROOM_LEAST;
        struct raft_kept **kept = realloc(s->kept, room * sizeof kept[0]);

        if (kept == NULL) {
            return ERR_NOMEM;
        }
        s->kept = kept;
        s->room = room;
    }
    struct raft_kept *k = malloc(sizeof *k + size);
    if (k == NULL) {
        return ERR_NOMEM;
    }
    *k = (struct raft_kept){.sequence = sequence, .revision = answer->revision, .number = answer->number,
                            .error = err_to_wire(answer->error), .ttl_ms = answer->ttl_ms, .size = size,
                            .succeeded = answer->succeeded, .is_cut = is_cut};
    if (size > 0) {
        memcpy(k->body, answer->body.at, size);
    }
    memmove(s->kept + at + 1, s->kept + at, (s->count - at) * sizeof s->kept[0]);
    s->kept[at] = k;
    s->count++;
    all->bytes += kept_bytes(k);
    return ERR_OK;
}

uint64_t raft_session_deadline_ms(const struct raft_session *s)
{
    return s->used_ms + s->ttl_ms;
}

void raft_session_clear(struct raft_sessions *s)
{
    for (uint32_t i = 0; i < s->map.room; i++) {
        if (s->map.slot[i] != NULL) {
            session_free(s->map.slot[i]);
        }
    }
    raft_idmap_clear(&s->map);
    s->bytes = 0;
}
