#include "datapath/service.h"

#include <sodium.h>
#include <string.h>

#include "common/run/loop.h"
#include "datapath/device.h"
#include "datapath/scope.h"
#include "datapath/shell.h"
#include "proto/datapath.pb-c.h"

enum {
    SENT_COUNTS = 5, /* numbers besides the verdicts */
};

/* ---- status ----------------------------------------------------------------------------------------- */

static Cell__Datapath__Count *count_of(Cell__Datapath__Count *slot, const char *name, uint64_t value, const char *text)
{
    *slot = (Cell__Datapath__Count)CELL__DATAPATH__COUNT__INIT;
    slot->name = (char *)name;
    slot->value = value;
    slot->text = (char *)text;
    return slot;
}

static const char *place_of(const struct datapath_shell *s, struct cell_call *call, const struct datapath_endpoint *at)
{
    char *text = at->port == 0 ? NULL : cell_call_alloc(call, DATAPATH_TEXT_PLACE_SIZE);

    if (text != NULL) {
        datapath_scope_write_place(s->udp.fd, at, text);
    }
    return text == NULL ? "" : text;
}

static enum err fill_believed(const struct datapath_shell *s, struct cell_call *call, Cell__Datapath__StatusReply *reply)
{
    const struct datapath_ways *w = &s->signals.ways;
    Cell__Datapath__Rendezvous *all = cell_call_alloc(call, DATAPATH_WAYS_BELIEVED * sizeof *all);

    reply->rendezvous = cell_call_alloc(call, DATAPATH_WAYS_BELIEVED * sizeof *reply->rendezvous);
    if (all == NULL || reply->rendezvous == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < w->believed; i++) {
        const struct datapath_guest *g = &w->believe[i].guest;
        const uint8_t *public = datapath_guide_key(s->core, w->believe[i].peer);
        Cell__Datapath__Rendezvous *one = &all[reply->n_rendezvous];
        *one = (Cell__Datapath__Rendezvous)CELL__DATAPATH__RENDEZVOUS__INIT;
        one->public_key = cell_call_alloc(call, DATAPATH_TEXT_KEY_SIZE);
        if (public != NULL && one->public_key != NULL) {
            datapath_text_write_key(public, one->public_key);
            one->is_there = datapath_guest_is_there(g, loop_now_ms());
            one->seen = (char *)place_of(s, call, &g->seen);
            one->members = g->count;
            reply->rendezvous[reply->n_rendezvous++] = one;
        }
    }
    reply->is_rendezvous = w->config.is_rendezvous;
    reply->is_relay = w->config.is_relay;
    reply->members = w->roll.here;
    return ERR_OK;
}

/* Ethernet addresses of a place: *ret_all there are, and the newest of them in words. */
static enum err fill_macs(const struct datapath_shell *s, struct cell_call *call, uint32_t place, size_t *ret_count, char ***ret, uint32_t *ret_all)
{
    uint64_t mac[DATAPATH_SERVICE_MACS];
    enum { TEXT = sizeof "00:00:00:00:00:00@4095" };

    if (!s->frames.is_on) {
        return ERR_OK;
    }
    uint32_t all = datapath_bridge_list(&s->frames.bridge, place, mac, DATAPATH_SERVICE_MACS);
    uint32_t count = all < DATAPATH_SERVICE_MACS ? all : DATAPATH_SERVICE_MACS;
    char **list = cell_call_alloc(call, (count + 1) * sizeof *list), *text = cell_call_alloc(call, (count + 1) * TEXT);
    if (list == NULL || text == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t m = mac[i];
        list[i] = text + (size_t)i * TEXT;
        int len = snprintf(list[i], TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(m >> 56), (unsigned)(m >> 48 & 255), (unsigned)(m >> 40 & 255),
                           (unsigned)(m >> 32 & 255), (unsigned)(m >> 24 & 255), (unsigned)(m >> 16 & 255));
        if ((m & 0xfff) != 0) {
            (void)snprintf(list[i] + len, TEXT - (size_t)len, "@%u", (unsigned)(m & 0xfff));
        }
    }
    *ret = list;
    *ret_count = count;
    *ret_all = all;
    return ERR_OK;
}

static Cell__Datapath__Path path_of(const struct datapath_shell *s)
{
    const struct datapath_lane *l = &s->lane;
    bool is_told = l->why[0] != '\0' || s->udp.has_trains || l->choice == DATAPATH_CHOICE_PLAIN;
    Cell__Datapath__Path p = CELL__DATAPATH__PATH__INIT;

    p.wanted = (char *)datapath_choice_name(l->choice);
    p.at = (char *)(l->is_on ? "xdp" : s->udp.has_trains ? "udp" : "plain");
    p.reason = (char *)(is_told ? l->why : s->settings.is_plain ? "`offload: off`" : "the kernel does not cut trains of datagrams there");
    p.trains = s->udp.has_trains;
    p.measured = l->facts.took_us > 0;
    p.alone_ns = l->facts.alone_ns;
    p.train_ns = l->facts.train_ns;
    p.past_ns = l->facts.past_ns;
    p.took_us = l->facts.took_us;
    p.queues = l->queues;
    p.copies = l->is_open && !l->is_direct;
    p.sent = l->numbers.sent;
    p.received = l->numbers.received;
    p.far = l->numbers.far;
    p.full = l->numbers.full;
    p.broken = l->numbers.broken;
    p.foreign = l->numbers.foreign;
    return p;
}

static enum err fill_places(const struct datapath_shell *s, struct cell_call *call, Cell__Datapath__StatusReply *reply)
{
    reply->places = cell_call_alloc(call, (s->signals.places.count + 1) * sizeof *reply->places);
    if (reply->places == NULL) {
        return ERR_NOMEM;
    }
    for (; reply->n_places < s->signals.places.count; reply->n_places++) {
        char *text = cell_call_alloc(call, DATAPATH_TEXT_PLACE_SIZE);
        if (text == NULL) {
            return ERR_NOMEM;
        }
        datapath_text_write_place(&s->signals.places.place[reply->n_places], text);
        reply->places[reply->n_places] = text;
    }
    return ERR_OK;
}

enum err datapath_service_status(void *state, struct cell_call *call, const void *request)
{
    struct datapath_shell *s = state;
    const struct datapath_numbers *n = datapath_core_numbers(s->core);
    Cell__Datapath__StatusReply reply = CELL__DATAPATH__STATUS_REPLY__INIT;
    Cell__Datapath__Count count[DATAPATH_VERDICTS + SENT_COUNTS], *slot[DATAPATH_VERDICTS + SENT_COUNTS];
    char key[DATAPATH_TEXT_KEY_SIZE], place[DATAPATH_TEXT_PLACE_SIZE];
    struct datapath_view v;
    size_t counts = 0;

    datapath_device_look(s);
    datapath_device_name(s->udp.fd, s->frames.number, s->frames.device.name);
    for (int i = 0; i < DATAPATH_VERDICTS; i++, counts++) {
        enum datapath_verdict verdict = (enum datapath_verdict)i;
        slot[counts] = count_of(&count[counts], datapath_core_verdict_name(verdict), n->verdict[i],
                                datapath_core_verdict_text(verdict));
    }
    const struct {
        const char *name, *text;
        uint64_t value;
    } sent[SENT_COUNTS] = {
        {"SESSIONS", "that came into use", n->sessions},
        {"INITIATIONS", "handshakes that we began", n->initiations},
        {"RESPONSES", "handshakes that we answered", n->responses},
        {"COOKIES", "strangers that we asked where they are", n->cookies},
        {"LOST", "what the kernel did not take", s->udp.numbers.unsent + s->flow.numbers.unwritten},
    };
    for (size_t i = 0; i < SENT_COUNTS; i++, counts++) {
        slot[counts] = count_of(&count[counts], sent[i].name, sent[i].value, sent[i].text);
    }
    Cell__Datapath__Frames frames = CELL__DATAPATH__FRAMES__INIT;
    for (uint32_t i = 0; i < s->settings.peers_max; i++) {
        bool is_peer = datapath_core_view(s->core, i, &v);
        reply.peers += is_peer;
        frames.peers += is_peer && v.takes_frames;
    }
    uint32_t own;
    if (fill_macs(s, call, s->settings.peers_max, &frames.n_own, &frames.own, &own) != ERR_OK) {
        return ERR_NOMEM;
    }
    frames.interface = s->frames.device.name;
    frames.mtu = s->frames.device.mtu;
    frames.addresses = s->frames.bridge.count;
    frames.unfinished = s->frames.pieces.count;
    reply.frames = s->frames.is_on ? &frames : NULL;
    Cell__Datapath__Path path = path_of(s);
    reply.path = &path;
    sodium_memzero(v.config.psk, sizeof v.config.psk);
    datapath_text_write_key(datapath_core_public(s->core), key);
    datapath_scope_write_place(s->udp.fd, &s->udp.at, place);
    reply.interface = s->device.name;
    reply.public_key = key;
    reply.listen = place;
    reply.mtu = s->device.mtu;
    reply.aead = (char *)s->engine.usual.chosen->name;
    reply.shield = (char *)datapath_screen_choice(&s->screen);
    reply.shield_at = (char *)datapath_screen_place(&s->screen);
    reply.shield_reason = s->screen.why;
    reply.name = (char *)s->namer.names.own;
    reply.zone = (char *)s->namer.names.zone;
    reply.answers_dns = s->namer.fd >= 0;
    reply.counts = slot;
    reply.n_counts = counts;
    enum err e = fill_believed(s, call, &reply);
    e = e == ERR_OK ? fill_places(s, call, &reply) : e;
    return e == ERR_OK ? cell_reply(call, &reply) : e;
}

/* ---- peers ------------------------------------------------------------------------------------------ */

/* A peer's prefixes as texts that live until the call is answered. */
struct listing {
    struct cell_call *call;
    char **text;
    size_t count, room;
    bool is_full;
};

static void count_prefix(void *context, uint32_t peer, const struct datapath_prefix *prefix)
{
    ((struct listing *)context)->room++;
}

static void list_prefix(void *context, uint32_t peer, const struct datapath_prefix *prefix)
{
    struct listing *l = context;
    char *text = cell_call_alloc(l->call, DATAPATH_TEXT_PLACE_SIZE);

    if (text == NULL) {
        l->is_full = true;
        return;
    }
    datapath_text_write_prefix(prefix, text);
    l->text[l->count++] = text;
}

static enum err fill_refused(struct cell_call *call, const struct datapath_view *v, Cell__Datapath__Peer *p)
{
    Cell__Datapath__Count *count = cell_call_alloc(call, DATAPATH_VERDICTS * sizeof *count);

    p->refused = cell_call_alloc(call, DATAPATH_VERDICTS * sizeof(Cell__Datapath__Count *));
    if (count == NULL || p->refused == NULL) {
        return ERR_NOMEM;
    }
    for (int i = DATAPATH_WAITING + 1; i < DATAPATH_VERDICTS; i++) {
        if (v->verdict[i] > 0) {
            enum datapath_verdict verdict = (enum datapath_verdict)i;
            p->refused[p->n_refused++] = count_of(count++, datapath_core_verdict_name(verdict), v->verdict[i],
                                                  datapath_core_verdict_text(verdict));
        }
    }
    return ERR_OK;
}

static void fill_way(const struct datapath_shell *s, uint32_t peer, Cell__Datapath__Peer *p)
{
    const struct datapath_way *way = datapath_ways_of(&s->signals.ways, peer);

    if (way == NULL) {
        return;
    }
    p->is_brought = way->introduced != 0 || datapath_kin_is(&s->members.kin, peer);
    p->carries = way->limit;
    if (way->is_active && way->path.used != DATAPATH_PATH_NONE) {
        const struct datapath_path_place *place = &way->path.place[way->path.used];
        p->way = (char *)(place->kind == DATAPATH_PATH_RELAY ? "relay" : "itself");
        p->rtt_ms = place->rtt_8ths / 8;
    }
}

static enum err fill_peer(const struct datapath_shell *s, struct cell_call *call, uint32_t peer,
                          const struct datapath_view *v, Cell__Datapath__Peer *p)
{
    struct listing l = {.call = call};

    *p = (Cell__Datapath__Peer)CELL__DATAPATH__PEER__INIT;
    p->public_key = cell_call_alloc(call, DATAPATH_TEXT_KEY_SIZE);
    p->endpoint = cell_call_alloc(call, DATAPATH_TEXT_PLACE_SIZE);
    datapath_core_each_prefix(s->core, peer, count_prefix, &l);
    l.text = cell_call_alloc(call, (l.room + 1) * sizeof *l.text);
    if (p->public_key == NULL || p->endpoint == NULL || l.text == NULL) {
        return ERR_NOMEM;
    }
    datapath_core_each_prefix(s->core, peer, list_prefix, &l);
    datapath_text_write_key(v->config.public, p->public_key);
    p->endpoint[0] = '\0';
    if (v->config.endpoint.port != 0) {
        datapath_scope_write_place(s->udp.fd, &v->config.endpoint, p->endpoint);
    }
    p->allowed = l.text;
    p->n_allowed = l.count;
    p->keepalive_s = v->config.persist_ms / 1000;
    p->has_psk = !sodium_is_zero(v->config.psk, sizeof v->config.psk);
    p->has_session = v->has_session;
    p->own = v->is_own;
    p->frames = v->takes_frames;
    p->handshake_age_ms = v->session_wall_ns == 0 ? 0 : loop_now_ms() - v->session_ms;
    p->sent = v->sent;
    p->received = v->received;
    p->sent_bytes = v->sent_bytes;
    p->received_bytes = v->received_bytes;
    p->lost = v->lost;
    p->waiting = v->waiting;
    p->name = (char *)datapath_names_of(&s->namer.names, v->config.public);
    fill_way(s, peer, p);
    enum err e = l.is_full ? ERR_NOMEM : fill_macs(s, call, peer, &p->n_macs, &p->macs, &p->macs_all);
    return e != ERR_OK ? e : fill_refused(call, v, p);
}

enum err datapath_service_peers(void *state, struct cell_call *call, const void *request)
{
    const Cell__Datapath__PeersRequest *ask = request;
    struct datapath_shell *s = state;
    Cell__Datapath__PeersReply reply = CELL__DATAPATH__PEERS_REPLY__INIT;
    Cell__Datapath__Peer *peer = cell_call_alloc(call, DATAPATH_SERVICE_PAGE * sizeof *peer);
    struct datapath_view v;
    enum err e = ERR_OK;

    reply.peers = cell_call_alloc(call, DATAPATH_SERVICE_PAGE * sizeof *reply.peers);
    if (peer == NULL || reply.peers == NULL) {
        return ERR_NOMEM;
    }
    uint32_t at = ask->after;
    for (; e == ERR_OK && at < s->settings.peers_max && reply.n_peers < DATAPATH_SERVICE_PAGE; at++) {
        if (datapath_core_view(s->core, at, &v)) {
            e = fill_peer(s, call, at, &v, &peer[reply.n_peers]);
            reply.peers[reply.n_peers] = &peer[reply.n_peers];
            reply.n_peers++;
        }
    }
    sodium_memzero(&v.config, sizeof v.config);
    reply.next = at < s->settings.peers_max ? at : 0;
    return e == ERR_OK ? cell_reply(call, &reply) : e;
}

/* ---- changes ---------------------------------------------------------------------------------------- */

/* What a request says, as the core has it. */
static enum err take_peer(struct cell_call *call, const Cell__Datapath__AddPeerRequest *ask, const struct datapath_udp *udp,
                          struct datapath_peer_config *ret, struct datapath_prefix prefix[DATAPATH_SERVICE_ALLOWED_MAX])
{
    struct datapath_peer_config c = {.persist_ms = 0};

    if (!datapath_text_read_key(ask->public_key, c.public)) {
        cell_call_explain(call, "public_key: expected 44 characters of base64, as `wg pubkey` writes them");
        return ERR_INVALID;
    }
    if (ask->endpoint[0] != '\0' && !datapath_scope_read_place(udp->fd, ask->endpoint, &c.endpoint)) {
        cell_call_explain(call, "endpoint: expected an address in numbers and a port; one of a link with an interface that there is");
        return ERR_INVALID;
    }
    const char *why = ask->endpoint[0] != '\0' ? datapath_udp_unreachable(udp, &c.endpoint) : NULL;
    if (why != NULL) {
        cell_call_explain(call, "endpoint: %s", why);
        return ERR_INVALID;
    }
    if (ask->keepalive_s > DATAPATH_PERSIST_MS_MAX / 1000 || ask->n_allowed > DATAPATH_SERVICE_ALLOWED_MAX) {
        cell_call_explain(call, "keepalive_s: at most %d; allowed: at most %d", DATAPATH_PERSIST_MS_MAX / 1000,
                          DATAPATH_SERVICE_ALLOWED_MAX);
        return ERR_LIMIT;
    }
    c.persist_ms = ask->keepalive_s * 1000;
    for (size_t i = 0; i < ask->n_allowed; i++) {
        if (!datapath_text_read_prefix(ask->allowed[i], &prefix[i], NULL)) {
            cell_call_explain(call, "allowed: expected prefixes such as 10.9.0.2/32");
            return ERR_INVALID;
        }
    }
    *ret = c;
    return ERR_OK;
}

enum err datapath_service_add_peer(void *state, struct cell_call *call, const void *request)
{
    const Cell__Datapath__AddPeerRequest *ask = request;
    struct datapath_shell *s = state;
    Cell__Datapath__AddPeerReply reply = CELL__DATAPATH__ADD_PEER_REPLY__INIT;
    struct datapath_prefix prefix[DATAPATH_SERVICE_ALLOWED_MAX];
    struct datapath_peer_config c;
    struct datapath_view v;
    uint32_t peer;
    enum err e = take_peer(call, ask, &s->udp, &c, prefix);

    if (e != ERR_OK) {
        return e;
    }
    datapath_store_heard(&s->store, c.public, &c.heard);
    e = datapath_core_add(s->core, &c, datapath_shell_now(), &peer);
    reply.is_new = e == ERR_OK;
    if (e == ERR_EXISTS && datapath_core_view(s->core, peer, &v)) {
        memcpy(c.psk, v.config.psk, sizeof c.psk); /* how the two trust each other is not said here */
        c.endpoint = ask->endpoint[0] == '\0' ? v.config.endpoint : c.endpoint;
        c.persist_ms = ask->keeps_keepalive ? v.config.persist_ms : c.persist_ms;
        e = datapath_core_change(s->core, peer, &c, datapath_shell_now());
        sodium_memzero(&v, sizeof v);
    }
    sodium_memzero(c.psk, sizeof c.psk);
    if (e == ERR_FORGED) {
        cell_call_explain(call, "public_key: this node's own, or one that nobody has a private key for");
        return ERR_INVALID;
    }
    for (size_t i = 0; e == ERR_OK && i < ask->n_allowed; i++) {
        e = datapath_core_allow(s->core, peer, &prefix[i]);
    }
    if (e == ERR_OK) {
        datapath_signals_claim(s, peer);
    }
    enum err kept = datapath_shell_keep(s);
    if (e == ERR_OK && kept != ERR_OK) {
        cell_call_explain(call, "it holds until a restart: the state directory takes nothing");
        return kept;
    }
    return e == ERR_OK ? cell_reply(call, &reply) : e;
}

enum err datapath_service_remove_peer(void *state, struct cell_call *call, const void *request)
{
    const Cell__Datapath__RemovePeerRequest *ask = request;
    struct datapath_shell *s = state;
    Cell__Datapath__RemovePeerReply reply = CELL__DATAPATH__REMOVE_PEER_REPLY__INIT;
    uint8_t public[DATAPATH_NOISE_KEY];
    uint32_t peer;

    if (!datapath_text_read_key(ask->public_key, public)) {
        cell_call_explain(call, "public_key: expected 44 characters of base64");
        return ERR_INVALID;
    }
    if (!datapath_core_find(s->core, public, &peer)) {
        cell_call_explain(call, "no peer has this key");
        return ERR_NOT_FOUND;
    }
    datapath_core_remove(s->core, peer);
    enum err e = datapath_shell_keep(s);
    if (e != ERR_OK) {
        cell_call_explain(call, "it is gone until a restart: the state directory takes nothing");
        return e;
    }
    return cell_reply(call, &reply);
}

/* ---- the way -------------------------------------------------------------------------------------------- */

enum err datapath_service_ping(void *state, struct cell_call *call, const void *request)
{
    const Cell__Datapath__PingRequest *ask = request;
    const struct datapath_shell *s = state;
    struct datapath_prefix who;

    bool is_address = datapath_text_read_prefix(ask->address, &who, NULL) && who.bits == 8 * who.size;
    enum err e = is_address ? ERR_OK : datapath_names_place(&s->namer.names, ask->address, &who);
    if (e != ERR_OK) {
        cell_call_explain(call, e == ERR_NOT_FOUND ? "no peer with an address of its own has this name"
                                                   : "address: expected one inner address, in numbers, or the name of a peer");
        return e;
    }
    e = datapath_service_ping_ask(state, call, who.ip, who.size);
    if (e == ERR_NOT_FOUND) {
        cell_call_explain(call, "no peer has this address");
    } else if (e == ERR_UNAVAILABLE) {
        cell_call_explain(call, "nobody knows where the peer with this address is");
    } else if (e == ERR_PRECONDITION) {
        cell_call_explain(call, "the interface has no address of this family that its cell knows: `address` in its config says one");
    }
    return e;
}
