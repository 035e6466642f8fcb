/* Sessions: a request that is sent again is answered again and done once (RIFL, SOSP 2015, section 3). A session's
 * answers stay until their client has acknowledged them, and end with it; that too is decided by the log alone. */
#ifndef CELL_RAFT_SESSION_H
#define CELL_RAFT_SESSION_H

#include "raft/answer.h"
#include "raft/idmap.h"

enum {
    RAFT_SESSIONS_MAX = 1 << 14,
    RAFT_SESSION_WINDOW = 128,        /* requests of one client without an acknowledgement         */
    RAFT_SESSION_ANSWER_MAX = 4096,   /* bytes of a body that is kept; a larger one is answered cut */
    RAFT_SESSIONS_BYTES = 64 << 20,   /* of all answers that are kept                               */
};

/* One answer that is kept. */
struct raft_kept {
    uint64_t sequence;
    uint64_t revision, number;
    uint32_t error, ttl_ms; /* error: its number on the wire, which does not change */
    uint32_t size;
    bool succeeded, is_cut;
    uint8_t body[];
};

struct raft_session {
    uint64_t id; /* first: idmap.h */
    uint64_t used_ms;
    uint64_t stamp;        /* one more with each use: an end that was decided before one is void */
    uint64_t acknowledged; /* all answers below have arrived                                     */
    uint32_t ttl_ms;
    uint32_t count, room;
    struct raft_kept **kept; /* ascending */
};

struct raft_sessions {
    struct raft_idmap map;
    uint64_t bytes; /* of all answers that are kept */
};

struct raft_session *raft_session_find(const struct raft_sessions *s, uint64_t id);

/* ERR_NOMEM, ERR_LIMIT (RAFT_SESSIONS_MAX). */
enum err raft_session_open(struct raft_sessions *s, uint64_t id, uint32_t ttl_ms, uint64_t now_ms) MUST_CHECK;
void raft_session_close(struct raft_sessions *s, struct raft_session *session);

/* A request begins. ERR_OK: do it, then raft_session_keep. ERR_EXISTS: it was done, *ret is what was answered.
 * ERR_INVALID: its answer was acknowledged, or it claims to be older than what it acknowledges. ERR_LIMIT: more than
 * RAFT_SESSION_WINDOW from the oldest without acknowledgement, or RAFT_SESSIONS_BYTES are kept. */
enum err raft_session_begin(struct raft_sessions *all, struct raft_session *s, const struct raft_once *once,
                            uint64_t now_ms, struct raft_answer *ret) MUST_CHECK;

/* Keep its answer. ERR_NOMEM. */
enum err raft_session_keep(struct raft_sessions *all, struct raft_session *s, uint64_t sequence,
                           const struct raft_answer *answer) MUST_CHECK;

uint64_t raft_session_deadline_ms(const struct raft_session *s);
void raft_session_clear(struct raft_sessions *s);

#endif
