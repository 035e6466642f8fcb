#include "raft/peers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/name.h"
#include "common/run/cell_ask.h"
#include "common/run/cell_call.h"
#include "common/run/log.h"
#include "proto/raft.pb-c.h"
#include "raft/le.h"
#include "raft/shell.h"

/* ---- who there is, and who is no more ------------------------------------------------------------ */

static struct raft_peer *find(struct raft_peers *p, uint64_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(p->peer); i++) {
        if (p->peer[i].id == id && !p->peer[i].is_gone) {
            return &p->peer[i];
        }
    }
    return NULL;
}

/* None of the member's requests waits any longer. */
static void let_go(struct raft_peer *peer, enum err e)
{
    for (size_t i = 0; i < RAFT_PEERS_LANES; i++) {
        raft_lane_let_go(&peer->lane[i], e);
    }
}

static void fini_lanes(struct raft_peer *peer)
{
    for (size_t i = 0; i < RAFT_PEERS_LANES; i++) {
        raft_lane_fini(&peer->lane[i]);
    }
}

static void release(struct raft_peer *peer)
{
    if (peer->is_gone && peer->lane[0].flight + peer->lane[1].flight == 0 && !peer->is_waiting) {
        fini_lanes(peer);
        *peer = (struct raft_peer){0};
    }
}

static struct raft_peer *add(struct raft_shell *s, const struct raft_member *m)
{
    for (size_t i = 0; i < ARRAY_LEN(s->peers.peer); i++) {
        struct raft_peer *peer = &s->peers.peer[i];
        if (peer->id == 0) {
            *peer = (struct raft_peer){.shell = s, .id = m->id};
            memcpy(peer->contact, m->contact, sizeof peer->contact);
            for (size_t k = 0; k < RAFT_PEERS_LANES; k++) {
                peer->lane[k].peer = peer;
                peer->lane[k].is_urgent = k > 0;
            }
            return peer;
        }
    }
    log_warn("RAFT-PEERS-FULL", "member=%016" PRIx64 " effect=\"not asked until requests to former members end\"", m->id);
    return NULL;
}

void raft_peers_set(struct raft_shell *s, const struct raft_config *c, uint64_t self)
{
    for (size_t i = 0; i < ARRAY_LEN(s->peers.peer); i++) {
        s->peers.peer[i].is_member = false; /* those that stay so leave when they fall silent: raft_peers_flush */
    }
    for (uint32_t i = 0; i < c->count; i++) {
        struct raft_peer *peer = find(&s->peers, c->member[i].id);
        if (peer == NULL && c->member[i].id != self) {
            peer = add(s, &c->member[i]);
        }
        if (peer != NULL) {
            memcpy(peer->contact, c->member[i].contact, sizeof peer->contact);
            peer->is_member = true;
        }
    }
}

/* ---- links --------------------------------------------------------------------------------------- */

static void set_linked(struct raft_peer *peer, bool is_linked)
{
    if (peer->is_linked == is_linked || peer->is_gone) {
        return;
    }
    peer->is_linked = is_linked;
    if (!is_linked) {
        let_go(peer, ERR_UNAVAILABLE); /* it asked in a life that has ended */
    }
    log_debug("RAFT-LINK", "peer=%s up=%d", peer->contact, is_linked);
    struct raft_shell *s = peer->shell;
    if (s->core != NULL && !s->is_stopping) {
        (void)raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_LINK, .peer = peer->id, .is_up = is_linked});
    }
}

/* The other side ended, or only the time of the request. */
static void on_link(void *context, enum err e, const ProtobufCMessage *reply, const char *text)
{
    struct raft_peer *peer = context;

    (void)reply;
    (void)text;
    peer->is_waiting = false;
    peer->retry_ms = cell_now_ms(peer->shell->cell) + (e == ERR_TIMEOUT ? 0 : RAFT_PEERS_RETRY_MS);
    if (e != ERR_TIMEOUT && e != ERR_CANCELLED) {
        set_linked(peer, false);
    }
    release(peer);
}

static void wait_for_end(struct raft_peer *peer)
{
    Cell__Raft__LinkRequest request = CELL__RAFT__LINK_REQUEST__INIT;

    request.id = peer->shell->member;
    struct cell_ask ask = {.target = peer->contact,
                           .operation = CELL__RAFT__OP__OP_LINK,
                           .request = &request.base,
                           .reply = &cell__raft__link_reply__descriptor,
                           .deadline_ms = RAFT_PEERS_LINK_MS,
                           .is_hasty = true,
                           .is_steady = true,
                           .done = on_link,
                           .context = peer};
    peer->is_waiting = cell_ask(peer->shell->cell, &ask) == ERR_OK;
    peer->retry_ms = cell_now_ms(peer->shell->cell) + RAFT_PEERS_RETRY_MS;
}

/* ---- who asks ------------------------------------------------------------------------------------ */

static bool has_members_elsewhere(const struct raft_shell *s)
{
    for (uint32_t i = 0; i < s->settings.peers; i++) {
        if (strchr(s->settings.peer[i], '@') != NULL) {
            return true;
        }
    }
    return false;
}

enum err raft_peers_check(const struct raft_shell *s, struct cell_call *call)
{
    struct cell_caller caller;
    char own[2 * NAME_SIZE];

    cell_call_caller(call, &caller);
    (void)snprintf(own, sizeof own, "%.*s/%.*s", NAME_MAX_LEN, cell_space(s->cell), NAME_MAX_LEN, cell_name(s->cell));
    bool is_here = strcmp(caller.cell, cell_name(s->cell)) == 0 && strcmp(caller.space, cell_space(s->cell)) == 0;
    bool is_there = caller.from_node[0] != '\0' && strcmp(caller.from_cell, own) == 0;
    if (!caller.is_operator && (is_here || (is_there && has_members_elsewhere(s)))) {
        return ERR_OK;
    }
    cell_call_explain(call, "only members ask this of each other");
    return ERR_DENIED;
}

/* Nothing that waits for this process is taken any more. */
static bool is_leaving(const struct raft_shell *s)
{
    return s->is_stopping || (s->is_draining && !s->hands_over);
}

/* Whoever waited waits no more. */
static void on_link_cancel(void *context, enum err e)
{
    struct cell_call **slot = context;
    struct cell_call *call = *slot;

    *slot = NULL;
    cell_reply_error(call, e, NULL, NULL);
}

enum err raft_peers_take_link(void *state, struct cell_call *call, const void *request)
{
    struct raft_shell *s = state;
    enum err e = raft_peers_check(s, call);

    (void)request;
    if (e != ERR_OK) {
        return e;
    }
    if (is_leaving(s)) {
        return ERR_UNAVAILABLE; /* that is what is asked */
    }
    for (size_t i = 0; i < ARRAY_LEN(s->peers.link); i++) {
        if (s->peers.link[i] == NULL) {
            s->peers.link[i] = call;
            cell_call_on_cancel(call, on_link_cancel, &s->peers.link[i]);
            return ERR_LATER;
        }
    }
    return ERR_LIMIT;
}

/* ---- packets out --------------------------------------------------------------------------------- */

void raft_peers_drop(struct raft_shell *s)
{
    s->peers.dropped++;
    cell_metric_add(s->metric_dropped, 1);
}

void raft_peers_send(struct raft_shell *s, const struct raft_message *m)
{
    struct raft_peer *peer = find(&s->peers, m->to);

    if (peer == NULL || !raft_lane_put(&peer->lane[raft_packet_is_urgent(m->kind)], m)) {
        raft_peers_drop(s); /* as any message may be */
        return;
    }
    s->peers.sent++;
}

void raft_peers_greet(struct raft_shell *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->peers.peer); i++) {
        if (s->peers.peer[i].id != 0) {
            raft_lane_greet(&s->peers.peer[i].lane[0]);
        }
    }
}

/* ---- packets in ---------------------------------------------------------------------------------- */

static bool has_room(const struct raft_shell *s, const struct raft_message *m)
{
    return raft_syncer_has_room(s->syncer, 1, m->run.size + RAFT_SHELL_MARGIN);
}

/* Entries that come faster than segments are made wait for those: were they dropped, their leader would find out after half
 * an election timeout. false: too many do, or the disk is full; it is as good as lost on the way, and comes again. */
static bool keep(struct raft_shell *s, uint64_t from, const uint8_t *bytes, uint32_t size)
{
    struct raft_peers *p = &s->peers;
    uint8_t *copy = p->kept_count < RAFT_PEERS_KEPT && !raft_syncer_is_full(s->syncer) ? malloc(size) : NULL;

    if (copy == NULL) {
        return false;
    }
    memcpy(copy, bytes, size);
    p->kept[p->kept_count++] = (struct raft_peers_kept){.from = from, .bytes = copy, .size = size};
    return true;
}

static void take_one(struct raft_shell *s, uint64_t from, const uint8_t *bytes, uint32_t size, bool was_kept)
{
    struct raft_message m;
    enum err e = raft_packet_read(bytes, size, s->cluster, s->member, &m);

    if (e != ERR_OK) {
        s->peers.refused++;
        cell_metric_add(s->metric_refused, 1);
        if (e == ERR_INCOMPATIBLE) {
            log_warn("RAFT-PACKET-VERSION", "from=%016" PRIx64 " version=%d ours=%d effect=\"neither hears the other\"", from, bytes[4],
                     RAFT_PACKET_VERSION);
        } else {
            log_debug("RAFT-PACKET-REFUSED", "reason=%s", err_name(e));
        }
        if (e == ERR_NOT_FOUND) { /* for who was here before: the sender was away since, and may be out itself */
            (void)raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_STRANGER, .peer = from});
        }
        return;
    }
    s->peers.received += !was_kept;
    if (m.kind == RAFT_MESSAGE_APPEND && m.run.count == 0 && s->peers.kept_count > 0) {
        return; /* whether they came: answered before they are taken, it would have them sent once more. It is asked again */
    }
    if (m.kind == RAFT_MESSAGE_APPEND && m.run.count > 0 && !was_kept && (s->peers.kept_count > 0 || !has_room(s, &m))) {
        if (!keep(s, from, bytes, size)) {
            s->trouble = raft_syncer_is_full(s->syncer) ? "the disk is full" : s->trouble;
            raft_peers_drop(s);
        }
        return;
    }
    e = raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_MESSAGE, .message = &m});
    if (e == ERR_MALFORMED || e == ERR_FAULT) {
        s->peers.refused++;
        log_warn("RAFT-MESSAGE-REFUSED", "from=%016" PRIx64 " reason=%s", m.from, err_name(e));
    }
}

void raft_peers_take_kept(struct raft_shell *s)
{
    struct raft_peers *p = &s->peers;

    while (p->kept_count > 0 && raft_syncer_has_room(s->syncer, 1, p->kept[0].size + RAFT_SHELL_MARGIN)) {
        struct raft_peers_kept first = p->kept[0];
        memmove(&p->kept[0], &p->kept[1], --p->kept_count * sizeof p->kept[0]);
        take_one(s, first.from, first.bytes, first.size, true);
        free(first.bytes);
    }
}

/* All packets of one message; false: they do not end where it does. */
static bool take_all(struct raft_shell *s, uint64_t from, const ProtobufCBinaryData *packets)
{
    for (size_t at = 0; at < packets->len;) {
        size_t left = packets->len - at;
        uint32_t size = left < 4 ? UINT32_MAX : raft_le_get32(packets->data + at);
        if (left < 4 || size > left - 4) {
            return false;
        }
        take_one(s, from, packets->data + at + 4, size, false);
        at += 4 + size;
    }
    return true;
}

void raft_peers_answered(void *context, enum err e, const ProtobufCMessage *reply, const char *text)
{
    struct raft_lane *lane = context;
    struct raft_peer *peer = lane->peer;
    struct raft_shell *s = peer->shell;

    (void)text;
    lane->flight--;
    /* Who found no connection asked a while ago, perhaps before the member came back and spoke by another one. */
    if (e == ERR_PEER_DEAD || (e == ERR_UNAVAILABLE && cell_now_ms(s->cell) > peer->heard_ms + RAFT_PEERS_HASTY_MS)) {
        set_linked(peer, false);
    } else if (e == ERR_OK) {
        peer->heard_ms = cell_now_ms(s->cell);
        set_linked(peer, true);
        if (s->core != NULL && !s->is_stopping && !take_all(s, peer->id, &((const Cell__Raft__PeerReply *)reply)->packets)) {
            s->peers.refused++;
            log_debug("RAFT-ANSWER-REFUSED", "reason=MALFORMED");
        }
    }
    release(peer);
}

void raft_peers_flush(struct raft_shell *s, uint64_t now_ms)
{
    for (size_t i = 0; i < ARRAY_LEN(s->peers.peer); i++) {
        struct raft_peer *peer = &s->peers.peer[i];
        if (peer->id == 0 || peer->is_gone || s->is_stopping) {
            continue;
        }
        for (size_t k = RAFT_PEERS_LANES; k-- > 0;) { /* what is urgent first */
            raft_lane_speak(&peer->lane[k], now_ms);
        }
        if (!peer->is_member && now_ms > peer->spoke_ms + RAFT_PEERS_GUEST_MS) {
            peer->is_gone = true;
            let_go(peer, ERR_OK);
            release(peer);
            continue;
        }
        /* Only of whoever answers packets: a question that stays open is no way to find out who is there. */
        if (peer->is_linked && !peer->is_waiting && now_ms >= peer->retry_ms) {
            wait_for_end(peer);
        }
    }
}

/* Whoever asks is answered, also if no configuration that is known here has it: the one that it brings may come later
 * than the entries that it brings first. */
static void know_sender(struct raft_shell *s, const Cell__Raft__PeerRequest *ask)
{
    struct raft_member m = {.id = ask->id};
    size_t len = strlen(ask->contact);

    if (m.id == 0 || m.id == s->member || len == 0 || len >= sizeof m.contact) {
        return; /* its packets are refused as well */
    }
    struct raft_peer *peer = find(&s->peers, m.id);
    if (peer == NULL) {
        memcpy(m.contact, ask->contact, len + 1);
        peer = add(s, &m);
    }
    if (peer != NULL) {
        peer->spoke_ms = peer->heard_ms = cell_now_ms(s->cell);
    }
    if (peer != NULL && !peer->is_linked) {
        cell_ask_heard(s->cell, peer->contact); /* it is back: no reason to leave it alone any longer */
    }
}

enum err raft_peers_take_packets(void *state, struct cell_call *call, const void *request)
{
    struct raft_shell *s = state;
    const Cell__Raft__PeerRequest *ask = request;
    Cell__Raft__PeerReply reply = CELL__RAFT__PEER_REPLY__INIT;
    enum err e = raft_peers_check(s, call);

    if (e != ERR_OK) {
        return e;
    }
    if (s->core == NULL) {
        /* They are for whoever had this contact before. Not UNAVAILABLE: the sender's breaker would shut, and who is about
         * to join could not be told so. */
        cell_call_explain(call, "it is no member of a cluster yet");
        return ERR_PRECONDITION;
    }
    know_sender(s, ask);
    struct raft_peer *peer = find(&s->peers, ask->id);
    if (peer != NULL) {
        set_linked(peer, true);
    }
    if (!take_all(s, ask->id, &ask->packets)) {
        cell_call_explain(call, "packets do not end where the request does");
        return ERR_MALFORMED;
    }
    peer = ask->takes_packets && !is_leaving(s) ? find(&s->peers, ask->id) : NULL; /* it may have left by that */
    if (peer == NULL) {
        return cell_reply(call, &reply);
    }
    raft_lane_hold(&peer->lane[ask->urgent ? 1 : 0], call); /* the turn's end knows what the answer is */
    return ERR_LATER;
}

/* ---- the end ------------------------------------------------------------------------------------- */

void raft_peers_end(struct raft_shell *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->peers.link); i++) {
        struct cell_call *call = s->peers.link[i];
        s->peers.link[i] = NULL;
        if (call != NULL) {
            cell_reply_error(call, ERR_UNAVAILABLE, "it ends", NULL);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(s->peers.peer); i++) {
        let_go(&s->peers.peer[i], ERR_UNAVAILABLE);
    }
}

void raft_peers_fini(struct raft_shell *s)
{
    while (s->peers.kept_count > 0) {
        free(s->peers.kept[--s->peers.kept_count].bytes);
    }
    for (size_t i = 0; i < ARRAY_LEN(s->peers.peer); i++) {
        fini_lanes(&s->peers.peer[i]);
        s->peers.peer[i] = (struct raft_peer){0};
    }
}
