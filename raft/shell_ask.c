/* What the operations ask of the shell: gathered in a turn, waited for in order. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/run/log.h"
#include "raft/le.h"
#include "raft/shell.h"

/* ---- lists --------------------------------------------------------------------------------------- */

static void add(struct raft_shell_list *l, struct raft_pending *p)
{
    p->next = NULL;
    if (l->last != NULL) {
        l->last->next = p;
    } else {
        l->first = p;
    }
    l->last = p;
    l->count++;
}

static struct raft_pending *take(struct raft_shell_list *l)
{
    struct raft_pending *p = l->first;

    if (p != NULL) {
        l->first = p->next;
        l->last = l->first == NULL ? NULL : l->last;
        l->count--;
    }
    return p;
}

/* All of them are done, with what they may ask next in a new list. */
static void end_all(struct raft_shell_list *l, enum err e)
{
    struct raft_shell_list ended = *l;
    struct raft_pending *p;

    *l = (struct raft_shell_list){0};
    while ((p = take(&ended)) != NULL) {
        p->done(p, e, NULL);
    }
}

static void join(struct raft_shell_list *to, struct raft_shell_list *from)
{
    struct raft_pending *p;

    while ((p = take(from)) != NULL) {
        add(to, p);
    }
}

/* ---- the parts ----------------------------------------------------------------------------------- */

struct raft_kv *raft_shell_kv(struct raft_shell *s)
{
    return &s->kv;
}

struct raft_service *raft_shell_service(struct raft_shell *s)
{
    return &s->service;
}

struct cell *raft_shell_cell(struct raft_shell *s)
{
    return s->cell;
}

uint64_t raft_shell_time_ms(struct raft_shell *s)
{
    return raft_lessor_time_ms(&s->service.lessor, loop_now_us(), s->kv.time_ms);
}

void raft_shell_hint(struct raft_shell *s, char out[RAFT_HINT_SIZE])
{
    out[0] = '\0';
    if (s->core == NULL) {
        return;
    }
    struct raft_view v = raft_core_view(s->core);
    uint32_t at = v.leader == 0 ? RAFT_MEMBERS_MAX : raft_config_find(v.config, v.leader);
    if (v.is_removed && v.config->count > 0) {
        at = ++s->hint_turn % v.config->count;
        at = v.config->member[at].id == s->member ? (at + 1) % v.config->count : at;
        (void)snprintf(out, RAFT_HINT_SIZE, "%s", v.config->member[at].id != s->member ? v.config->member[at].contact : "");
    } else if (at < RAFT_MEMBERS_MAX && v.leader != s->member) {
        (void)snprintf(out, RAFT_HINT_SIZE, "%s", v.config->member[at].contact);
    }
}

bool raft_shell_is_removed(const struct raft_shell *s)
{
    return s->core != NULL && raft_core_is_removed(s->core);
}

/* ---- commands ------------------------------------------------------------------------------------ */

/* All that gathered is one proposal. */
static void propose_gathered(struct raft_shell *s)
{
    uint32_t count = (uint32_t)s->gathered.count;

    if (count == 0) {
        return;
    }
    enum err e = raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_PROPOSE, .count = count, .size = s->gather_size});
    if (e != ERR_OK) {
        raft_shell_ask_drop_gathered(s, e);
        return;
    }
    uint64_t index = s->fx.first;
    for (struct raft_pending *p = s->gathered.first; p != NULL; p = p->next) {
        p->index = index++;
    }
    join(&s->waiting, &s->gathered);
    cell_metric_add(s->metric_puts, count);
}

void raft_shell_ask_drop_gathered(struct raft_shell *s, enum err e)
{
    s->gather = NULL;
    s->gather_size = 0;
    end_all(&s->gathered, e);
}

enum err raft_shell_propose(struct raft_shell *s, const uint8_t *bytes, size_t size, struct raft_pending *p)
{
    uint32_t whole = RAFT_ENTRY_HEAD + (uint32_t)size;

    if (s->is_stopping) {
        return ERR_UNAVAILABLE;
    }
    if (size > RAFT_ENTRY_MAX) {
        return ERR_LIMIT;
    }
    if (s->core == NULL || s->lead_index == 0) {
        return ERR_NOT_LEADER; /* who is no member yet knows of nobody who leads: it was certainly not done */
    }
    if (s->gather != NULL && s->gather_size + whole > RAFT_RUN_MAX && !s->is_stepping) {
        propose_gathered(s);
    }
    if (s->lead_index == 0 || s->is_stepping) {
        return s->is_stepping ? ERR_UNAVAILABLE : ERR_NOT_LEADER;
    }
    if (!raft_syncer_has_room(s->syncer, 1, s->gather_size + whole + RAFT_SHELL_MARGIN) || s->marks > RAFT_SYNCER_ITEMS / 2) {
        return raft_syncer_is_full(s->syncer) ? ERR_UNAVAILABLE : ERR_LIMIT;
    }
    if (s->gather == NULL) {
        s->gather = raft_shell_reserve(s, RAFT_RUN_MAX);
        s->gather_size = 0;
    }
    if (s->gather == NULL) {
        return ERR_LIMIT; /* the disk is behind */
    }
    uint8_t *at = s->gather + s->gather_size;
    raft_le_put32(at, (uint32_t)size);
    at[4] = RAFT_ENTRY_COMMAND;
    memcpy(at + RAFT_ENTRY_HEAD, bytes, size);
    s->gather_size += whole;
    add(&s->gathered, p);
    return ERR_OK;
}

void raft_shell_ask_applied(struct raft_shell *s, uint64_t index, const struct raft_answer *answer)
{
    while (s->waiting.first != NULL && s->waiting.first->index <= index) {
        struct raft_pending *p = take(&s->waiting);
        bool is_it = p->index == index && answer != NULL;
        p->done(p, is_it ? ERR_OK : ERR_ABORTED, is_it ? answer : NULL);
    }
}

/* What is committed stays: it waits only to be applied here. */
static void end_uncommitted(struct raft_shell *s, enum err e)
{
    struct raft_shell_list kept = {0};

    while (!s->is_stopping && s->waiting.first != NULL && s->waiting.first->index <= s->commit) {
        add(&kept, take(&s->waiting));
    }
    struct raft_shell_list lost = s->waiting;
    s->waiting = kept;
    end_all(&lost, e);
}

void raft_shell_ask_lost(struct raft_shell *s, enum err e)
{
    raft_shell_ask_drop_gathered(s, s->is_stopping ? ERR_UNAVAILABLE : ERR_NOT_LEADER);
    end_uncommitted(s, e);
    if (s->change != NULL) {
        struct raft_pending *p = s->change;
        s->change = NULL;
        p->done(p, e, NULL);
    }
    if (s->is_stopping) {
        end_all(&s->reads, ERR_UNAVAILABLE);
        end_all(&s->asked, ERR_UNAVAILABLE);
        end_all(&s->ready, ERR_UNAVAILABLE);
        end_all(&s->snapshots.waiting, ERR_UNAVAILABLE);
        if (s->transfer != NULL) {
            struct raft_pending *p = s->transfer;
            s->transfer = NULL;
            p->done(p, e, NULL);
        }
    }
}

/* ---- reads --------------------------------------------------------------------------------------- */

enum err raft_shell_read(struct raft_shell *s, struct raft_pending *p)
{
    if (s->is_stopping) {
        return ERR_UNAVAILABLE;
    }
    if (s->core == NULL || raft_core_view(s->core).leader == 0) {
        return ERR_NOT_LEADER;
    }
    add(&s->reads, p);
    return ERR_OK;
}

/* All reads of this turn share a round, which begins after they came (thesis, section 6.4). While it runs, p->index is
 * the round's number. */
static void ask_reads(struct raft_shell *s)
{
    if (s->reads.count == 0) {
        return;
    }
    /* The effects may have the answer at once: then it must find them. */
    struct raft_shell_list asked = s->reads;
    s->reads = (struct raft_shell_list){0};
    s->last_context++;
    for (struct raft_pending *p = asked.first; p != NULL; p = p->next) {
        p->index = s->last_context;
    }
    join(&s->asked, &asked);
    enum err e = raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_READ, .context = s->last_context});
    if (e != ERR_OK) {
        raft_shell_ask_ready(s, s->last_context, e == ERR_NOT_LEADER ? 1 : 0, false);
    }
}

void raft_shell_ask_ready(struct raft_shell *s, uint64_t context, uint64_t index, bool is_ok)
{
    struct raft_shell_list left = {0};
    struct raft_pending *p;

    while ((p = take(&s->asked)) != NULL) {
        if (p->index != context) {
            add(&left, p);
        } else if (is_ok) {
            p->index = index;
            add(&s->ready, p);
        } else {
            p->done(p, index == 1 ? ERR_NOT_LEADER : ERR_UNAVAILABLE, NULL);
        }
    }
    s->asked = left;
}

void raft_shell_ask_reads(struct raft_shell *s)
{
    struct raft_shell_list left = {0};
    struct raft_pending *p;

    while ((p = take(&s->ready)) != NULL) {
        if (p->index > s->applied) {
            add(&left, p);
        } else {
            p->done(p, ERR_OK, NULL);
        }
    }
    join(&left, &s->ready); /* what was asked by those that are done */
    s->ready = left;
}

void raft_shell_ask_flush(struct raft_shell *s)
{
    propose_gathered(s);
    ask_reads(s);
}

/* ---- the cluster --------------------------------------------------------------------------------- */

enum err raft_shell_change(struct raft_shell *s, const struct raft_config *wanted, struct raft_pending *p)
{
    if (s->core == NULL || s->is_stopping) {
        return s->core == NULL ? ERR_NOT_LEADER : ERR_UNAVAILABLE;
    }
    if (s->change != NULL || s->is_stepping) {
        return ERR_PRECONDITION;
    }
    propose_gathered(s); /* what came before stands before it */
    s->change = p;
    s->change_index = UINT64_MAX;
    enum err e = raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_CHANGE, .config = wanted});
    if (e != ERR_OK) {
        s->change = s->change == p ? NULL : s->change;
        return e;
    }
    s->change_index = s->fx.first;
    return ERR_OK; /* it is committed by others, later; alone: when it is on disk */
}

enum err raft_shell_transfer(struct raft_shell *s, uint64_t to, struct raft_pending *p)
{
    if (s->core == NULL || s->is_stopping || s->is_stepping) {
        return ERR_UNAVAILABLE;
    }
    if (s->transfer != NULL) {
        return ERR_PRECONDITION;
    }
    enum err e = raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_TRANSFER, .peer = to});
    s->transfer = e == ERR_OK ? p : NULL;
    return e;
}

static const char *role_of(const struct raft_shell *s, const struct raft_view *v)
{
    uint32_t at = raft_config_find(v->config, s->member);

    if (v->is_removed) {
        return "removed";
    }
    if (v->is_damaged) {
        return "damaged";
    }
    if (at < RAFT_MEMBERS_MAX && (v->config->member[at].flags & RAFT_LEARNER) != 0) {
        return "learner";
    }
    return v->role == RAFT_LEADER ? "leader" : v->role == RAFT_FOLLOWER ? "follower" : "candidate";
}

const char *raft_shell_trouble(const struct raft_shell *s)
{
    if (raft_shell_is_removed(s)) {
        return "removed: the others go on without this member; stop it, or empty its directory and it comes back as another";
    }
    return s->trouble[0] == '\0' && s->snapshots.trouble != NULL ? s->snapshots.trouble : s->trouble;
}

void raft_shell_status(struct raft_shell *s, struct raft_shell_status *ret)
{
    static const struct raft_config nobody;
    uint64_t now_us = loop_now_us();
    struct raft_peer_view peer;

    *ret = (struct raft_shell_status){.cluster = s->cluster, .self = s->member, .role = "joining", .trouble = s->trouble,
                                      .config = &nobody};
    if (s->core == NULL) {
        return;
    }
    struct raft_view v = raft_core_view(s->core);
    ret->role = role_of(s, &v);
    ret->trouble = raft_shell_trouble(s);
    ret->leader = v.leader;
    ret->term = v.term;
    ret->first = v.base + 1;
    ret->last = v.last;
    ret->durable = v.stored;
    ret->committed = v.commit;
    ret->snapshot_index = s->snapshots.index;
    ret->config_index = v.config_index;
    ret->config = v.config;
    ret->is_changing = raft_config_is_joint(v.config) || v.config_index > v.commit;
    pthread_mutex_lock(&s->store.lock);
    ret->log_bytes = (s->store.newest - s->store.oldest + 1) * s->store.segment_size;
    pthread_mutex_unlock(&s->store.lock);
    for (uint32_t i = 0; v.role == RAFT_LEADER && i < RAFT_MEMBERS_MAX && raft_core_peer(s->core, i, &peer); i++) {
        ret->peers[ret->peer_count++] = (struct raft_shell_peer){
            .id = peer.id,
            .matched = peer.match,
            .heard_ms = (uint32_t)(peer.heard_us < now_us ? (now_us - peer.heard_us) / 1000 : 0),
            .state = peer.is_in_snapshot ? RAFT_PEER_SNAPSHOT : peer.is_replicating ? RAFT_PEER_REPLICATE : RAFT_PEER_PROBE,
            .is_linked = peer.is_linked};
    }
}

enum err raft_shell_snapshot(struct raft_shell *s, struct raft_pending *p)
{
    if (s->core == NULL || s->is_stopping) {
        return ERR_UNAVAILABLE;
    }
    if (s->snapshots.is_making || s->snapshots.is_wanted) {
        return ERR_PRECONDITION;
    }
    s->snapshots.is_wanted = true;
    add(&s->snapshots.waiting, p);
    return ERR_OK;
}
