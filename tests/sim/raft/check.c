#include "tests/sim/raft/check.h"

#include <inttypes.h>
#include <string.h>


/* ---- leaders ----------------------------------------------------------------------------------------- */

void check_became(struct world *w, uint32_t node, const struct raft_effect *e)
{
    struct quorum_truth *t = quorum_truth(w);
    const struct quorum_seat *s = quorum_seat(w, node);

    world_say(w, "node %" PRIu32 " is %s of term %" PRIu64 ", leader %" PRIu64, node,
              (const char *[]){"follower", "pre-candidate", "candidate", "LEADER"}[e->role], e->term, e->leader);
    if (e->role != RAFT_LEADER) {
        return;
    }
    if (e->term >= t->terms) {
        world_fail(w, "term %" PRIu64 ": more elections than there is room for", e->term);
        return;
    }
    t->elections++;
    if (t->leader_of[e->term] != 0) {
        world_fail(w, "two leaders in term %" PRIu64 ": %" PRIu64 " and %" PRIu64, e->term, t->leader_of[e->term],
                   s->id);
    }
    t->leader_of[e->term] = s->id;
    for (uint64_t i = s->base + 1; i <= t->agreed_last && !w->has_failed; i++) {
        const struct quorum_item *item = quorum_item(s, i);
        /* An election of an earlier term may come to its end later. */
        if (t->agreed[i].in < e->term && (item == NULL || item->term != t->agreed[i].term)) {
            world_fail(w, "node %" PRIu32 " leads in term %" PRIu64 " without entry %" PRIu64
                       ", which is committed", node, e->term, i);
        }
    }
}

/* ---- logs -------------------------------------------------------------------------------------------- */

static uint64_t term_before(const struct quorum_seat *s, uint64_t index)
{
    const struct quorum_item *before = quorum_item(s, index - 1);
    uint64_t term = 0;

    if (before != NULL) {
        return before->term;
    }
    return raft_core_term_of(s->core, index - 1, &term) ? term : 0;
}

void check_born(struct world *w, uint32_t node, const struct quorum_seat *s, uint64_t index)
{
    struct quorum_truth *t = quorum_truth(w);
    const struct quorum_item *item = quorum_item(s, index);

    if (index >= t->indexes || t->born[index].count == QUORUM_BORN_MAX) {
        world_fail(w, "entry %" PRIu64 ": more than there is room for", index);
        return;
    }
    struct quorum_born *b = &t->born[index];
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->of[i].term == item->term) {
            world_fail(w, "node %" PRIu32 " makes entry %" PRIu64 " of term %" PRIu64 " a second time", node, index,
                       item->term);
        }
    }
    b->of[b->count].term = item->term;
    b->of[b->count].at_us = w->now_us;
    b->of[b->count].before = term_before(s, index);
    b->of[b->count++].value = quorum_value(item->bytes, item->size);
}

void check_appended(struct world *w, uint32_t node, const struct quorum_seat *s, uint64_t index)
{
    const struct quorum_truth *t = quorum_truth(w);
    const struct quorum_item *item = quorum_item(s, index);
    const struct quorum_born *b = &t->born[index < t->indexes ? index : 0];

    for (uint32_t i = 0; i < b->count; i++) {
        if (b->of[i].term == item->term) {
            if (b->of[i].value != quorum_value(item->bytes, item->size) || b->of[i].before != term_before(s, index)) {
                world_fail(w, "node %" PRIu32 ": entry %" PRIu64 " of term %" PRIu64 " is not what its leader made",
                           node, index, item->term);
            }
            return;
        }
    }
    world_fail(w, "node %" PRIu32 " has entry %" PRIu64 " of term %" PRIu64 ", which nobody made", node, index,
               item->term);
}

/* ---- commits ----------------------------------------------------------------------------------------- */

void check_committed(struct world *w, uint32_t node, const struct quorum_seat *s, uint64_t index)
{
    struct quorum_truth *t = quorum_truth(w);
    const struct quorum_item *item = quorum_item(s, index);

    if (item == NULL) {
        world_fail(w, "node %" PRIu32 " commits entry %" PRIu64 ", which it does not have", node, index);
        return;
    }
    uint64_t value = quorum_value(item->bytes, item->size);
    if (index > t->agreed_last + 1) {
        world_fail(w, "node %" PRIu32 " applies entry %" PRIu64 " before %" PRIu64, node, index, t->agreed_last + 1);
    } else if (index == t->agreed_last + 1) {
        t->agreed[index].term = item->term;
        t->agreed[index].value = value;
        t->agreed[index].in = raft_core_view(s->core).term;
        for (uint32_t i = 0; i < t->born[index].count; i++) {
            t->agreed[index].at_us = t->born[index].of[i].term == item->term ? t->born[index].of[i].at_us : t->agreed[index].at_us;
        }
        t->agreed_last = index;
        check_durable(w, node, s, index);
    } else if (t->agreed[index].term != item->term || t->agreed[index].value != value) {
        world_fail(w, "node %" PRIu32 " commits entry %" PRIu64 " of term %" PRIu64 ", others did of term %" PRIu64,
                   node, index, item->term, t->agreed[index].term);
    }
}

void check_durable(struct world *w, uint32_t node, const struct quorum_seat *s, uint64_t index)
{
    struct raft_view v = raft_core_view(s->core);
    uint32_t set = 0;

    /* Of some: it takes time. And not of a configuration that the entry brought into force. */
    if (v.role != RAFT_LEADER || index % 8 != 0 || v.config_index > index) {
        return;
    }
    for (uint32_t i = 0; i < v.config->count; i++) {
        uint32_t n = quorum_of(w, v.config->member[i].id);
        bool was_there = n < 32 && ((quorum_truth(w)->rotten | quorum_truth(w)->liars) >> n & 1) != 0;
        set |= (uint32_t)(was_there || n == WORLD_NODES_MAX || store_medium_has(w, n, index, quorum_truth(w)->agreed[index].term)) << i;
    }
    if (!raft_config_is_quorum(v.config, set)) {
        world_fail(w, "node %" PRIu32 " commits entry %" PRIu64 ", which is not on the disks of a quorum", node, index);
    }
}

/* ---- reads ------------------------------------------------------------------------------------------- */

void check_read(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_effect *e)
{
    for (uint32_t i = 0; i < s->reads; i++) {
        if (s->read_context[i] != e->context) {
            continue;
        }
        if (e->kind == RAFT_FX_READ_READY && e->index < s->read_least[i]) {
            world_fail(w, "node %" PRIu32 " answers a read as of %" PRIu64 ", when it began %" PRIu64
                       " was committed", node, e->index, s->read_least[i]);
        }
        s->reads--;
        s->read_context[i] = s->read_context[s->reads];
        s->read_least[i] = s->read_least[s->reads];
        return;
    }
    world_fail(w, "node %" PRIu32 " answers a read that nobody waits for", node);
}

/* ---- what is said ------------------------------------------------------------------------------------- */

void check_said(struct world *w, uint32_t node, const struct quorum_seat *s, const struct raft_message *m)
{
    struct quorum_truth *t = quorum_truth(w);
    bool is_vote = m->kind == RAFT_MESSAGE_VOTE_ASK || (m->kind == RAFT_MESSAGE_VOTE_ANSWER && m->is_ok);

    (void)s;
    if (node < 32 && (t->liars >> node & 1) != 0) {
        return; /* it can do nothing against that */
    }
    if (m->kind == RAFT_MESSAGE_PREVOTE_ASK || m->kind == RAFT_MESSAGE_PREVOTE_ANSWER ||
        m->kind == RAFT_MESSAGE_READ_ASK || m->kind == RAFT_MESSAGE_READ_ANSWER || m->kind == RAFT_MESSAGE_REMOVED) {
        return;
    }
    if (m->term < t->term_most[node]) {
        world_fail(w, "node %" PRIu32 " is in term %" PRIu64 ", it has been in %" PRIu64, node, m->term,
                   t->term_most[node]);
    }
    if (m->term > t->term_most[node]) {
        t->term_most[node] = m->term;
        t->voted[node] = 0;
        if (store_medium_vote(w, node).term < m->term) {
            world_fail(w, "node %" PRIu32 " speaks in term %" PRIu64 ", which is not on its disk", node, m->term);
        }
    }
    uint64_t whom = m->kind == RAFT_MESSAGE_VOTE_ASK ? m->from : m->to;
    if (is_vote && t->voted[node] != 0 && t->voted[node] != whom) {
        world_fail(w, "node %" PRIu32 " votes twice in term %" PRIu64, node, m->term);
    }
    if (is_vote && t->voted[node] == 0) {
        struct raft_vote v = store_medium_vote(w, node);
        t->voted[node] = whom;
        if (v.term != m->term || v.voted_for != whom) {
            world_fail(w, "node %" PRIu32 " votes in term %" PRIu64 " before that is on its disk", node, m->term);
        }
    }
}

/* ---- the end ------------------------------------------------------------------------------------------ */

void check_quorum(struct world *w)
{
    const struct quorum_truth *t = quorum_truth(w);
    const struct raft_config *c = NULL;
    uint64_t term = 0, commit = 0;
    uint32_t leaders = 0;

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        const struct quorum_seat *s = quorum_seat(w, i);
        struct raft_view v = s == NULL ? (struct raft_view){0} : raft_core_view(s->core);
        if (v.role == RAFT_LEADER) {
            leaders++;
            term = v.term;
            commit = v.commit;
            c = v.config;
        }
    }
    if (leaders != 1) {
        world_fail(w, "%" PRIu32 " leaders at the end", leaders);
        return;
    }
    if (raft_config_is_joint(c) || commit != t->agreed_last || t->agreed[commit].term != term) {
        world_fail(w, "the leader's commit is %" PRIu64 ", the last %" PRIu64 "; %s", commit, t->agreed_last,
                   raft_config_is_joint(c) ? "a configuration is under way" : "nothing new");
    }
    for (uint32_t i = 0; i < c->count && !w->has_failed; i++) {
        const struct quorum_seat *s = quorum_seat(w, quorum_of(w, c->member[i].id));
        if (s == NULL) {
            continue; /* its disk is lost, and nobody has asked for its successor */
        }
        struct raft_view v = raft_core_view(s->core);
        if (v.term != term || v.commit + 64 < commit || v.leader == 0 || v.is_damaged || v.is_removed) {
            world_fail(w, "node %" PRIu32 " is in term %" PRIu64 " at %" PRIu64 ", the leader in %" PRIu64
                       " at %" PRIu64, quorum_of(w, c->member[i].id), v.term, v.commit, term, commit);
        }
    }
}
