/* Who takes part: a configuration, its packed form, and changes to it.
 *
 * Ongaro, "Consensus: Bridging Theory and Practice" (2014), chapter 4; learners: its section 4.2.1. */
#ifndef CELL_RAFT_CONFIG_H
#define CELL_RAFT_CONFIG_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "raft/types.h"

enum {
    RAFT_VOTER = 1,    /* votes and counts: in the configuration, or in the new half of a joint one       */
    RAFT_OUTGOING = 2, /* … in the old half of a joint one. A joint configuration has at least one        */
    RAFT_LEARNER = 4,  /* gets entries, counts nowhere                                                    */
    RAFT_PROMOTE = 8,  /* of a learner: becomes a voter as soon as it has caught up                       */
    RAFT_RETIRE = 16,  /* of a voter: leaves when those that are to be promoted are                       */
    RAFT_CONFIG_BYTES_MAX = 2 + RAFT_MEMBERS_MAX * (8 + 1 + 1 + RAFT_NAME_MAX + 1 + RAFT_CONTACT_MAX),
};

/* A member's id was drawn when its data directory was made and is never 0: a node that lost its disk is
 * another member. */
struct raft_member {
    uint64_t id;
    uint8_t flags;
    char name[RAFT_NAME_MAX];       /* terminated */
    char contact[RAFT_CONTACT_MAX]; /* terminated: where it listens, as the shell understands it */
};

struct raft_config {
    uint32_t count;
    struct raft_member member[RAFT_MEMBERS_MAX]; /* ascending ids */
};

bool raft_config_is_joint(const struct raft_config *c);

/* Place of a member, or RAFT_MEMBERS_MAX. */
uint32_t raft_config_find(const struct raft_config *c, uint64_t id);

/* Whether `id` votes in it, in either half. */
bool raft_config_votes(const struct raft_config *c, uint64_t id);

/* Whether the members of `set` (a bit each, by place) are a majority, of both halves when it is joint (section
 * 4.3). A configuration without voters has none. */
bool raft_config_is_quorum(const struct raft_config *c, uint32_t set);

/* The largest value that a majority (of both halves) has at least; value[] by place. 0 without voters. */
uint64_t raft_config_quorum_value(const struct raft_config *c, const uint64_t value[RAFT_MEMBERS_MAX]);

/* Whether `id` may be deaf for a while, say as long as its disk takes, and a leader is heard all the same: when all who may are,
 * whoever else is in `set` (those that are there, a bit each, by place) and the leader are a majority. Who counts nowhere may, and
 * anybody when nobody leads (0); nobody while it is joint. */
bool raft_config_may_rest(const struct raft_config *c, uint32_t set, uint64_t leader, uint64_t id);

/* Put a member in, or change it. ERR_LIMIT: there are RAFT_MEMBERS_MAX; ERR_INVALID: id 0. */
enum err raft_config_put(struct raft_config *c, const struct raft_member *m) MUST_CHECK;

/* Somebody comes in the place of this member, which is in it: one that votes leaves with the next that is promoted; one that
 * does not, as when the successor itself is replaced before it has caught up, leaves at once. */
void raft_config_retire(struct raft_config *c, uint64_t id);

/* Take a member out. ERR_NOT_FOUND: it is not in it. */
enum err raft_config_remove(struct raft_config *c, uint64_t id) MUST_CHECK;

/* Whether the voters differ: then the change must go through a joint configuration. */
bool raft_config_voters_differ(const struct raft_config *a, const struct raft_config *b);

/* The joint configuration between two that are not: ERR_LIMIT: together they have too many members. */
enum err raft_config_join(const struct raft_config *from, const struct raft_config *to,
                          struct raft_config *ret) MUST_CHECK;

/* What a joint configuration leads to (section 4.3: C_new). */
void raft_config_leave(const struct raft_config *joint, struct raft_config *ret);

/* Whether it can be asked for: no outgoing members, at least one voter, each of one kind. */
bool raft_config_is_target(const struct raft_config *c);

/* Pack into bytes[RAFT_CONFIG_BYTES_MAX]; returns the size. u8 version 1, u8 members, each u64 id, u8 flags,
 * u8 length and name, u8 length and contact. The same configuration always gives the same bytes. */
size_t raft_config_pack(const struct raft_config *c, uint8_t bytes[RAFT_CONFIG_BYTES_MAX]);

/* ERR_INCOMPATIBLE: another version. ERR_MALFORMED: not what pack makes; *ret is then undefined. */
enum err raft_config_unpack(const uint8_t *bytes, size_t size, struct raft_config *ret) MUST_CHECK;

#endif
