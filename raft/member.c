/* Configurations: the newest in the log is in force, committed or not (thesis, 4.1 and 4.3). */
#include <assert.h>
#include <string.h>

#include "raft/topics.h"

/* ---- what is in the log ---------------------------------------------------------------------------- */

static bool is_wanted(const struct raft *r, uint64_t id)
{
    /* Until the newest is committed those that it takes out are told of it too. */
    uint32_t first = raft_config_index(r) > r->commit && r->slots > 1 ? r->slots - 2 : r->slots - 1;

    for (uint32_t i = first; i < r->slots; i++) {
        if (raft_config_find(&r->slot[i].config, id) != RAFT_MEMBERS_MAX) {
            return true;
        }
    }
    return false;
}

static void add_peers(struct raft *r, const struct raft_config *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        uint64_t id = c->member[i].id;
        if (id == r->self || raft_replicate_find(r, id) != NULL || r->peers == RAFT_PEERS_MAX) {
            continue;
        }
        struct raft_peer *p = &r->peer[r->peers++];
        *p = (struct raft_peer){.id = id, .is_linked = true, .moved_us = r->now_us};
        if (r->role == RAFT_LEADER) {
            raft_replicate_probe(r, p, r->log.last + 1);
        }
    }
}

static void refresh_peers(struct raft *r)
{
    uint32_t kept = 0;
    bool was_alone = r->peers == 0;

    for (uint32_t i = 0; i < r->peers; i++) {
        if (is_wanted(r, r->peer[i].id)) {
            r->peer[kept++] = r->peer[i];
        } else if (r->role == RAFT_LEADER && r->peer[i].progress == RAFT_IN_SNAPSHOT) {
            raft_out(r, RAFT_FX_SNAPSHOT_ABORT)->peer = r->peer[i].id;
        }
    }
    r->peers = kept;
    add_peers(r, raft_newest(r));
    if (was_alone && r->peers > 0 && r->role == RAFT_LEADER) {
        raft_replicate_wake(r);
    }
    r->was_member |= raft_config_find(raft_newest(r), r->self) != RAFT_MEMBERS_MAX;
}

static void tell(struct raft *r, bool is_committed)
{
    if (r->fx == NULL) {
        return; /* while the log is read at the start */
    }
    struct raft_effect *e = raft_out(r, RAFT_FX_CHANGED);
    e->config = raft_newest(r);
    e->index = raft_config_index(r);
    e->is_ok = is_committed;
}

void raft_member_set(struct raft *r, uint64_t index, const struct raft_config *c)
{
    r->slot[0] = (struct raft_slot){.index = index, .config = *c};
    r->slots = 1;
    refresh_peers(r);
}

void raft_member_push(struct raft *r, uint64_t index, const struct raft_config *c)
{
    assert(index > raft_config_index(r));
    if (r->slots == RAFT_CONFIGS) {
        r->slots--;
        memmove(&r->slot[0], &r->slot[1], r->slots * sizeof r->slot[0]);
    }
    r->slot[r->slots++] = (struct raft_slot){.index = index, .config = *c};
    refresh_peers(r);
    if (index > r->removed_at && raft_config_find(c, r->self) != RAFT_MEMBERS_MAX) {
        r->removed_at = 0; /* it is added again */
    }
    tell(r, false);
}

bool raft_member_can_truncate(const struct raft *r, uint64_t first)
{
    return r->slot[0].index < first;
}

/* Section 4.1: a configuration that is taken back is no more in force; the one before is again. */
void raft_member_truncate(struct raft *r, uint64_t first)
{
    bool was_newer = raft_config_index(r) >= first;

    while (r->slots > 1 && raft_config_index(r) >= first) {
        r->slots--;
    }
    if (was_newer) {
        refresh_peers(r);
        tell(r, raft_config_index(r) <= r->commit);
    }
}

enum err raft_member_scan(struct raft *r, const struct raft_run *run, bool is_push)
{
    struct raft_config c;
    struct raft_entry e;
    uint32_t at = 0;

    for (uint64_t index = run->first; raft_packet_entry(run, &at, &e); index++) {
        if (e.kind != RAFT_ENTRY_CONFIG) {
            continue;
        }
        enum err err = raft_config_unpack(e.bytes, e.size, &c);
        if (err != ERR_OK) {
            return err;
        }
        if (is_push) {
            raft_member_push(r, index, &c);
        }
    }
    return ERR_OK;
}

/* Those that the newest configuration has taken out hear once more how far all is committed: that is how
 * they know. */
static void bid_farewell(struct raft *r)
{
    for (uint32_t i = 0; i < r->peers; i++) {
        uint64_t id = r->peer[i].id;
        if (raft_config_find(raft_newest(r), id) == RAFT_MEMBERS_MAX) {
            raft_out_send(r, id, (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT, .commit = r->commit,
                                                       .round = r->round, .sent_us = r->now_us});
        }
    }
}

void raft_member_committed(struct raft *r)
{
    if (raft_config_index(r) > r->commit || raft_config_index(r) <= r->config_told) {
        return;
    }
    r->config_told = raft_config_index(r);
    if (r->role == RAFT_LEADER) {
        bid_farewell(r);
    }
    refresh_peers(r);
    tell(r, true);
    bool is_member = raft_config_find(raft_newest(r), r->self) != RAFT_MEMBERS_MAX;
    if (r->was_member && !is_member && r->removed_at == 0) {
        r->removed_at = raft_config_index(r);
        raft_out(r, RAFT_FX_REMOVED);
    } else if (is_member && raft_config_index(r) > r->removed_at) {
        r->removed_at = 0; /* it is back; or an old configuration was met on the way through the log */
    }
}

/* ---- those who were away --------------------------------------------------------------------------- */

/* Whoever was removed while it was away has a log that ends before it was told, campaigns in vain, and would do so for
 * ever. What it is told is a fact of the log, whoever says it and however late it comes: it is so as of that index. */
void raft_member_asked(struct raft *r, uint64_t id)
{
    for (uint32_t i = r->slots; i > 0; i--) {
        const struct raft_slot *s = &r->slot[i - 1];
        if (raft_config_find(&s->config, id) != RAFT_MEMBERS_MAX || s->config.count == 0) {
            return;
        }
        if (s->index <= r->commit) {
            raft_out_send(r, id, (struct raft_message){.kind = RAFT_MESSAGE_REMOVED, .index = s->index});
            return;
        }
    }
}

void raft_member_told(struct raft *r, uint64_t index)
{
    bool is_in = raft_config_find(raft_newest(r), r->self) != RAFT_MEMBERS_MAX;

    /* Whoever says so may know less than this one: then it is about a time before this one was added. */
    if (!is_in || index <= raft_config_index(r) || index <= r->removed_at || r->role == RAFT_LEADER) {
        return;
    }
    bool is_news = r->removed_at == 0;
    r->removed_at = index;
    if (r->role != RAFT_FOLLOWER) {
        raft_election_follow(r, r->vote.term, 0);
    }
    if (is_news) {
        raft_out(r, RAFT_FX_REMOVED);
    }
}

/* ---- changes ------------------------------------------------------------------------------------------- */

/* Section 4.1 and its amendment (Ongaro, raft-dev 2015): not before the change before and an entry of the own term
 * are committed. */
static bool may_change(const struct raft *r)
{
    return r->role == RAFT_LEADER && r->transfer_to == 0 && r->has_room && raft_config_index(r) <= r->commit &&
           r->commit >= r->term_first;
}

static uint64_t put_config(struct raft *r, const struct raft_config *c)
{
    struct raft_config copy = *c;
    size_t size = raft_config_pack(c, r->bytes + RAFT_ENTRY_HEAD);
    uint64_t index = raft_replicate_add_own(r, RAFT_ENTRY_CONFIG, (uint32_t)size);

    raft_member_push(r, index, &copy); /* section 4.1: in force as soon as it is in the log */
    raft_replicate_all(r);
    raft_replicate_commit(r);
    return index;
}

/* Section 4.2.1: not a voter before it is as far as the others were a heartbeat ago, or the cluster waits for it. */
static bool has_caught_up(struct raft *r, uint64_t id)
{
    const struct raft_peer *p = raft_replicate_find(r, id);

    return id == r->self ||
           (p != NULL && p->progress == RAFT_REPLICATE && p->is_linked && p->match >= r->commit_marks[1]);
}

static enum err check_target(struct raft *r, const struct raft_config *target)
{
    if (!raft_config_is_target(target)) {
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < target->count; i++) {
        const struct raft_member *m = &target->member[i];
        if ((m->flags & RAFT_VOTER) != 0 && !raft_config_votes(raft_newest(r), m->id) && !has_caught_up(r, m->id)) {
            return ERR_PRECONDITION;
        }
    }
    return ERR_OK;
}

enum err raft_member_change(struct raft *r, const struct raft_config *target)
{
    struct raft_config joint;

    if (r->role != RAFT_LEADER) {
        return ERR_NOT_LEADER;
    }
    if (r->transfer_to != 0) {
        return ERR_UNAVAILABLE;
    }
    if (!r->has_room) {
        return ERR_NOMEM;
    }
    if (!may_change(r) || raft_config_is_joint(raft_newest(r))) {
        return ERR_PRECONDITION;
    }
    enum err e = check_target(r, target);
    if (e != ERR_OK) {
        return e;
    }
    /* Section 4.3: other voters only by way of a configuration in which both majorities must agree. */
    if (raft_config_voters_differ(raft_newest(r), target)) {
        e = raft_config_join(raft_newest(r), target, &joint);
        if (e != ERR_OK) {
            return e;
        }
        target = &joint;
    }
    r->fx->first = put_config(r, target);
    return ERR_OK;
}

/* Whether a member that is to be retired has its successor among the voters, or nobody is to come any more. */
static bool is_replaced(const struct raft_config *c, const struct raft_member *leaving)
{
    bool is_waited_for = false;

    for (uint32_t i = 0; i < c->count; i++) {
        const struct raft_member *m = &c->member[i];
        if (m->id != leaving->id && (m->flags & RAFT_VOTER) != 0 && *m->contact != '\0' &&
            strcmp(m->contact, leaving->contact) == 0) {
            return true;
        }
        is_waited_for |= (m->flags & RAFT_PROMOTE) != 0;
    }
    return !is_waited_for;
}

/* What those to be promoted, and to be retired with them, make of the configuration; false: nothing yet. Who has caught up does
 * not wait for others, which may never come. */
static bool promoted(struct raft *r, struct raft_config *ret)
{
    struct raft_config c = *raft_newest(r);
    uint32_t changes = 0;

    for (uint32_t i = 0; i < c.count; i++) {
        if ((c.member[i].flags & RAFT_PROMOTE) != 0 && has_caught_up(r, c.member[i].id)) {
            c.member[i].flags = RAFT_VOTER;
            changes++;
        }
    }
    *ret = (struct raft_config){0};
    for (uint32_t i = 0; i < c.count; i++) {
        if ((c.member[i].flags & RAFT_RETIRE) != 0 && is_replaced(&c, &c.member[i])) {
            changes++;
        } else {
            ret->member[ret->count++] = c.member[i];
        }
    }
    return changes > 0 && raft_config_is_target(ret);
}

/* What follows from the newest configuration once it is committed. */
void raft_member_advance(struct raft *r)
{
    struct raft_config next, joint;

    if (!may_change(r)) {
        return;
    }
    if (raft_config_is_joint(raft_newest(r))) {
        raft_config_leave(raft_newest(r), &next); /* section 4.3: C_new */
        put_config(r, &next);
    } else if (!raft_config_votes(raft_newest(r), r->self)) {
        /* Section 4.2.2: a leader that is not a voter any more leads until that is committed. */
        raft_replicate_heartbeats(r);
        raft_election_follow(r, r->vote.term, 0);
    } else if (promoted(r, &next) && raft_config_join(raft_newest(r), &next, &joint) == ERR_OK) {
        put_config(r, &joint);
    }
}
