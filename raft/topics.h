/* What the files of the core call of each other: one topic a file. A step is under way (r->fx) in all of them. */
#ifndef CELL_RAFT_TOPICS_H
#define CELL_RAFT_TOPICS_H

#include "raft/state.h"

/* ---- out.c: effects ---------------------------------------------------------------------------------- */

/* A new effect, zero but for its kind. */
struct raft_effect *raft_out(struct raft *r, enum raft_effect_kind kind);
void raft_out_send(struct raft *r, uint64_t to, struct raft_message m);
void raft_out_store_vote(struct raft *r);
void raft_out_became(struct raft *r); /* when role, term or leader are others than told */

/* ---- election.c ---------------------------------------------------------------------------------------- */

void raft_election_draw(struct raft *r);
void raft_election_reset(struct raft *r); /* the deadline, from now */
void raft_election_late(struct raft *r, uint64_t late_us); /* so late was a heartbeat, or its answer */
uint64_t raft_election_patience_us(const struct raft *r);  /* on top of the timeout, because of that */
void raft_election_clock(struct raft *r);
void raft_election_follow(struct raft *r, uint64_t term, uint64_t leader);
void raft_election_campaign(struct raft *r, bool is_transfer);
void raft_election_answered(struct raft *r, const struct raft_message *m);
void raft_election_vote_stored(struct raft *r, const struct raft_vote *vote);
void raft_election_link(struct raft *r, uint64_t peer, bool is_up);
bool raft_election_may(const struct raft *r);         /* campaign */
bool raft_election_is_unlinked(const struct raft *r); /* the link to its leader closed */

/* ---- vote.c -------------------------------------------------------------------------------------------- */

void raft_vote_asked(struct raft *r, const struct raft_message *m);
void raft_vote_pre_asked(struct raft *r, const struct raft_message *m);
void raft_vote_answer_owed(struct raft *r);

/* ---- append.c: of a follower --------------------------------------------------------------------------- */

enum err raft_append_taken(struct raft *r, const struct raft_message *m);
void raft_append_heartbeat(struct raft *r, const struct raft_message *m);
void raft_append_stored(struct raft *r, const struct raft_event *ev);
void raft_append_acknowledge(struct raft *r); /* tell the leader how far the log is, once the term is durable */
void raft_append_commit(struct raft *r, uint64_t to);
void raft_append_repaired(struct raft *r);

/* ---- replicate.c: of a leader -------------------------------------------------------------------------- */

struct raft_peer *raft_replicate_find(struct raft *r, uint64_t id); /* NULL: none */
void raft_replicate_lead(struct raft *r);
uint64_t raft_replicate_add(struct raft *r, uint32_t count, uint32_t size, enum raft_source source);
uint64_t raft_replicate_add_own(struct raft *r, enum raft_entry_kind kind, uint32_t size); /* size bytes are in r->bytes */
void raft_replicate_all(struct raft *r);
void raft_replicate_peer(struct raft *r, struct raft_peer *p);
void raft_replicate_probe(struct raft *r, struct raft_peer *p, uint64_t next);
enum err raft_replicate_answered(struct raft *r, const struct raft_message *m);
void raft_replicate_commit(struct raft *r);
void raft_replicate_heartbeats(struct raft *r);
enum err raft_replicate_heard(struct raft *r, const struct raft_message *m); /* HEARTBEAT_ANSWER */
void raft_replicate_clock(struct raft *r);
/* A leader that was alone is not any more. */
void raft_replicate_wake(struct raft *r);
uint64_t raft_replicate_quorum_us(const struct raft *r); /* a quorum answered what was sent then */
uint64_t raft_replicate_quorum_round(const struct raft *r);

/* ---- read.c -------------------------------------------------------------------------------------------- */

enum err raft_read_wanted(struct raft *r, uint64_t context);
void raft_read_asked(struct raft *r, const struct raft_message *m);
void raft_read_answered(struct raft *r, const struct raft_message *m);
void raft_read_advance(struct raft *r);
void raft_read_fail(struct raft *r);  /* all of them */
void raft_read_clock(struct raft *r);
uint64_t raft_read_due_us(const struct raft *r);

/* ---- member.c ------------------------------------------------------------------------------------------ */

void raft_member_set(struct raft *r, uint64_t index, const struct raft_config *c); /* instead of all */
void raft_member_push(struct raft *r, uint64_t index, const struct raft_config *c);
bool raft_member_can_truncate(const struct raft *r, uint64_t first);
void raft_member_truncate(struct raft *r, uint64_t first);
void raft_member_committed(struct raft *r);
enum err raft_member_change(struct raft *r, const struct raft_config *target);
void raft_member_advance(struct raft *r);
void raft_member_asked(struct raft *r, uint64_t id);   /* by whoever: those that are removed are told */
void raft_member_told(struct raft *r, uint64_t index); /* REMOVED */
enum err raft_member_scan(struct raft *r, const struct raft_run *run, bool is_push);

/* ---- transfer.c ---------------------------------------------------------------------------------------- */

enum err raft_transfer_wanted(struct raft *r, uint64_t peer);
void raft_transfer_advance(struct raft *r);
void raft_transfer_clock(struct raft *r);
void raft_transfer_end(struct raft *r, bool is_ok);
void raft_transfer_asked(struct raft *r, const struct raft_message *m);

/* ---- snapshot.c ---------------------------------------------------------------------------------------- */

void raft_snapshot_send(struct raft *r, struct raft_peer *p);
void raft_snapshot_sent(struct raft *r, const struct raft_event *ev);
void raft_snapshot_answered(struct raft *r, const struct raft_message *m);
void raft_snapshot_chunk(struct raft *r, const struct raft_message *m);
void raft_snapshot_received(struct raft *r, const struct raft_event *ev);
void raft_snapshot_installed(struct raft *r, const struct raft_event *ev);
void raft_snapshot_made(struct raft *r, uint64_t index);
void raft_snapshot_clock(struct raft *r, struct raft_peer *p); /* of a leader: gives up what does not move */
void raft_snapshot_stop(struct raft *r); /* a leader no more: nothing is sent any longer */

#endif
