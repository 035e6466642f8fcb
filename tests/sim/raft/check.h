/* What must hold in every world of consensus: the invariants of Ongaro's TLA+ specification (thesis, appendix B)
 * that are cheap, after each step, and progress once nothing goes wrong any more. */
#ifndef CELL_TESTS_SIM_RAFT_CHECK_H
#define CELL_TESTS_SIM_RAFT_CHECK_H

#include "tests/sim/raft/tenant.h"

/* check_leader.c: one leader a term (ElectionSafety); a new one has all that is committed (LeaderCompleteness). */
void check_became(struct world *w, uint32_t node, const struct raft_effect *e);

/* check_log.c: entries of one index and term are the same, and so is all before them (LogMatching). */
void check_born(struct world *w, uint32_t node, const struct quorum_seat *s, uint64_t index);
void check_appended(struct world *w, uint32_t node, const struct quorum_seat *s, uint64_t index);

/* check_commit.c: what is committed is so for good, everywhere (StateMachineSafety), and on the disks of a quorum
 * (CommittedIsDurable). */
void check_committed(struct world *w, uint32_t node, const struct quorum_seat *s, uint64_t index);
void check_durable(struct world *w, uint32_t node, const struct quorum_seat *s, uint64_t index);

/* check_read.c: a read sees all that was committed when it began; numbers only grow. */
void check_read(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_effect *e);

/* check_said.c: terms only grow, one vote a term, and nothing is said that is not on disk. */
void check_said(struct world *w, uint32_t node, const struct quorum_seat *s, const struct raft_message *m);

/* check_quorum.c: after a time of calm there is a leader, all agree, and things get done. */
void check_quorum(struct world *w);

#endif
