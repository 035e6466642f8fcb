/* What the service wants of the shell: commands agreed upon, reads made safe, the members, and to be told when
 * something was applied. The service answers callers and knows messages; the shell knows consensus, disk and peers. */
#ifndef CELL_RAFT_SHELL_ASK_H
#define CELL_RAFT_SHELL_ASK_H

#include "raft/config.h"
#include "raft/kv.h"
#include "raft/lessor.h"

struct raft_shell;
struct raft_service;
struct cell;

enum { RAFT_HINT_SIZE = RAFT_CONTACT_MAX + RAFT_NAME_MAX };

/* One thing that is waited for, in memory of the caller until `done` is called: once, from the loop, never from within
 * the function that took it. e ERR_OK: `answer` is what the store said (of a command), else NULL. ERR_NOT_LEADER,
 * ERR_LIMIT, ERR_PRECONDITION, ERR_INVALID: certainly not done. ERR_ABORTED: not known (another leader; stopping). */
struct raft_pending {
    void (*done)(struct raft_pending *p, enum err e, const struct raft_answer *answer);
    struct raft_pending *next; /* the shell's, while it waits */
    uint64_t index;            /* the shell's: of its entry, or of what a read needs to be applied */
};

/* The parts of the shell that the service works with; all borrowed for as long as the shell lives. */
struct raft_kv *raft_shell_kv(struct raft_shell *s);
struct raft_service *raft_shell_service(struct raft_shell *s);
struct cell *raft_shell_cell(struct raft_shell *s);

/* The cluster's clock, for the commands that are written now (lessor.h). */
uint64_t raft_shell_time_ms(struct raft_shell *s);

/* Propose bytes[0..size), a command; they are copied. Errors are those of `done` and then it is not called:
 * ERR_NOT_LEADER, ERR_LIMIT (too much is not committed yet), ERR_UNAVAILABLE. */
enum err raft_shell_propose(struct raft_shell *s, const uint8_t *bytes, size_t size, struct raft_pending *p) MUST_CHECK;

/* Wait until the store has everything that was acknowledged before now (thesis, 6.4); also on a follower. Many share a
 * round. ERR_NOT_LEADER when no leader is known, ERR_LIMIT, ERR_UNAVAILABLE. */
enum err raft_shell_read(struct raft_shell *s, struct raft_pending *p) MUST_CHECK;

/* Whom to ask instead: an instance or node as `cell` names it; "" when nobody is known. Who was removed names one member after
 * the other: it hears of no leader any more. */
void raft_shell_hint(struct raft_shell *s, char out[RAFT_HINT_SIZE]);
bool raft_shell_is_removed(const struct raft_shell *s);

/* What is so now, and of a leader its followers. */
enum raft_peer_state { RAFT_PEER_PROBE, RAFT_PEER_REPLICATE, RAFT_PEER_SNAPSHOT };
struct raft_shell_peer {
    uint64_t id, matched;
    uint32_t heard_ms; /* ago */
    enum raft_peer_state state;
    bool is_linked;
};
struct raft_shell_status {
    uint64_t cluster, self, leader, term;
    uint64_t first, last, durable, committed, snapshot_index, log_bytes;
    const char *role, *trouble; /* trouble: "" none */
    bool is_changing;           /* the newest configuration is not committed yet, or joint */
    uint64_t config_index;
    const struct raft_config *config; /* borrowed until the next step */
    uint32_t peer_count;
    struct raft_shell_peer peers[RAFT_MEMBERS_MAX];
};
void raft_shell_status(struct raft_shell *s, struct raft_shell_status *ret);

/* Want another configuration; `done` when it is committed. With `promotes` the learner becomes a voter by itself once it
 * has caught up. */
enum err raft_shell_change(struct raft_shell *s, const struct raft_config *wanted, struct raft_pending *p) MUST_CHECK;

/* Give leadership to a member, 0: whom it suits; `done` when somebody else leads, ERR_TIMEOUT when it came to nothing. */
enum err raft_shell_transfer(struct raft_shell *s, uint64_t to, struct raft_pending *p) MUST_CHECK;

/* Write a snapshot of this node now; `done` with its index in p->index. ERR_PRECONDITION: one is being written. */
enum err raft_shell_snapshot(struct raft_shell *s, struct raft_pending *p) MUST_CHECK;

#endif
