#include "datapath/signals.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>

#include "common/run/log.h"
#include "datapath/keep.h"
#include "datapath/scope.h"
#include "datapath/shell.h"
#include "datapath/toolarge.h"

_Static_assert((int)DATAPATH_WAYS_OWN == (int)DATAPATH_CONFIG_PLACES_MAX, "all that a configuration may say is said");

/* ---- effects ---------------------------------------------------------------------------------------- */

static void say(const struct datapath_shell *s, const struct datapath_ways_note *note)
{
    char key[DATAPATH_TEXT_KEY_SIZE] = "-", place[DATAPATH_TEXT_PLACE_SIZE] = "-";
    const uint8_t *public = datapath_guide_key(s->core, note->peer);
    const struct datapath_endpoint *at = datapath_guide_endpoint(s->core, note->peer);

    if (note->kind == DATAPATH_WAYS_WENT || note->kind == DATAPATH_WAYS_REFUSED) {
        public = note->key;
    }
    if (public != NULL) {
        datapath_text_write_key(public, key);
    }
    if (at != NULL && at->port != 0) {
        datapath_scope_write_place(s->udp.fd, at, place);
    }
    switch (note->kind) {
    case DATAPATH_WAYS_USE:
        log_info("DATAPATH-WAY", "peer=%.12s at=%s by=%s", key, place, at != NULL && at->relay != 0 ? "relay" : "itself");
        break;
    case DATAPATH_WAYS_LOST:
        log_warn("DATAPATH-WAY-LOST", "peer=%.12s effect=\"packets go where they went last; others are tried\"", key);
        break;
    case DATAPATH_WAYS_SIZE:
        log_info("DATAPATH-WAY-SIZE", "peer=%.12s datagrams=%" PRIu32, key, note->size);
        break;
    case DATAPATH_WAYS_CAME:
        log_info("DATAPATH-CAME", "peer=%.12s at=%s", key, place);
        break;
    case DATAPATH_WAYS_WENT:
        log_info("DATAPATH-WENT", "peer=%.12s", key);
        break;
    case DATAPATH_WAYS_REFUSED:
        log_warn("DATAPATH-REFUSED", "peer=%.12s reason=\"no room, no key, or an address or a name that the configuration gives to another\"", key);
        break;
    case DATAPATH_WAYS_UNNAMED:
        log_warn("DATAPATH-UNNAMED", "rendezvous=%.12s name=%s effect=\"others are not told of the name: somebody has it already\"", key,
                 s->settings.name);
        break;
    }
}

/* In the order of the effects: what the core has to send went to the new place already. */
static void perform(struct datapath_shell *s)
{
    struct datapath_ways_effects *fx = &s->signals.fx;

    for (uint32_t i = 0; i < fx->sends; i++) {
        const struct datapath_send *one = &fx->send[i];
        if ((fx->whole >> i & 1) != 0) {
            datapath_udp_send_whole(&s->udp, &one->to, fx->bytes + one->at, one->size);
        } else {
            memcpy(datapath_udp_room(&s->udp), fx->bytes + one->at, one->size);
            datapath_udp_put(&s->udp, &one->to, one->size);
        }
    }
    datapath_shell_carry_out(s, &fx->core);
    for (uint32_t i = 0; i < fx->notes; i++) {
        say(s, &fx->note[i]);
    }
}

/* ---- life ------------------------------------------------------------------------------------------- */

enum err datapath_signals_start(struct datapath_shell *s)
{
    const struct datapath_settings *set = &s->settings;
    struct datapath_time now = datapath_shell_now();
    struct datapath_ways_config c = {.peers_max = set->peers_max, .mtu = s->device.mtu, .life = s->store.stamp_ns,
                                     .is_rendezvous = set->is_rendezvous, .is_relay = set->is_relay, .is_silent = set->is_silent,
                                     .own = s->signals.places.count, .has_secret = set->has_shared, .recall = datapath_keep_recall, .memory = &s->store,
                                     .settle = datapath_names_settle, .names = &s->namer.names};
    enum err e = ERR_OK;

    memcpy(c.name, set->name, sizeof c.name);
    memcpy(c.place, s->signals.places.place, sizeof c.place);
    memcpy(c.secret, set->shared, sizeof c.secret);
    s->signals.memory = malloc(datapath_ways_size(c.peers_max, c.is_rendezvous, c.is_relay));
    if (s->signals.memory == NULL || getrandom(c.seed, sizeof c.seed, 0) != sizeof c.seed) {
        e = s->signals.memory == NULL ? ERR_NOMEM : ERR_IO;
    } else {
        datapath_ways_init(&s->signals.ways, s->signals.memory, s->core, &c, now.ms);
        s->signals.ways.relay.index.live = datapath_screen_callers(&s->screen);
    }
    sodium_memzero(&c, sizeof c);
    for (uint32_t i = 0, peer; e == ERR_OK && i < set->listed; i++) {
        if (set->peer[i].is_rendezvous && datapath_core_find(s->core, set->peer[i].peer.public, &peer)) {
            e = datapath_ways_believe(&s->signals.ways, peer, now.ms);
        }
    }
    if (e != ERR_OK) {
        log_error("DATAPATH-SIGNALS", "reason=%s advice=\"at most %d peers with `rendezvous: on`\"", err_name(e), DATAPATH_WAYS_BELIEVED);
    }
    return e;
}

void datapath_signals_tick(struct datapath_shell *s, uint64_t now_ms)
{
    struct datapath_places *p = &s->signals.places;

    if (now_ms - s->signals.looked_ms < DATAPATH_PLACES_LOOK_MS) {
        return;
    }
    s->signals.looked_ms = now_ms;
    if (datapath_places_look(p)) {
        log_info("DATAPATH-PLACES", "places=%" PRIu32 " effect=\"peers are told of others than before\"", p->count);
        datapath_ways_own(&s->signals.ways, p->place, p->count);
    }
}

void datapath_signals_stop(struct datapath_shell *s)
{
    if (s->signals.memory != NULL && s->core != NULL && s->udp.fd > 0) {
        datapath_ways_leave(&s->signals.ways, datapath_shell_now(), &s->signals.fx);
        perform(s);
        datapath_udp_flush(&s->udp);
    }
    datapath_places_close(&s->signals.places);
    datapath_ways_fini(&s->signals.ways);
    free(s->signals.memory);
    s->signals.memory = NULL;
}

/* ---- in --------------------------------------------------------------------------------------------- */

/* To one of the two who asked us to pass on; with his id in it. */
static bool pass_on(struct datapath_shell *s, struct datapath_time now, const struct datapath_endpoint *from, uint8_t *bytes, size_t size)
{
    struct datapath_ways *w = &s->signals.ways;
    struct datapath_endpoint to;
    uint32_t id;

    if (!w->config.is_relay) {
        return false;
    }
    enum datapath_relay_verdict v = datapath_relay_pass(&w->relay, now.ms, from, datapath_message_get32(bytes + DATAPATH_MESSAGE_RELAY_ID),
                                                        (uint32_t)size, &to, &id);
    if (v == DATAPATH_RELAY_PASSED && size <= DATAPATH_ROOM) {
        to.relay = id; /* which puts it in front */
        memcpy(datapath_udp_room(&s->udp), bytes + DATAPATH_MESSAGE_RELAY, size - DATAPATH_MESSAGE_RELAY);
        datapath_udp_put(&s->udp, &to, size - DATAPATH_MESSAGE_RELAY);
    }
    return v != DATAPATH_RELAY_STRANGER;
}

uint8_t *datapath_signals_take(struct datapath_shell *s, struct datapath_time now, const struct datapath_endpoint *from,
                               uint8_t *bytes, size_t size, size_t *ret_size, struct datapath_endpoint *ret_from)
{
    enum datapath_kind kind = datapath_message_own(bytes, size);
    struct datapath_endpoint at = *from;

    if (kind == DATAPATH_KIND_RELAYED) {
        if (pass_on(s, now, from, bytes, size)) {
            return NULL;
        }
        if (!datapath_ways_is_relay(&s->signals.ways, from)) {
            s->signals.numbers.unknown++;
            return NULL;
        }
        at.relay = datapath_message_get32(bytes + DATAPATH_MESSAGE_RELAY_ID);
        bytes += DATAPATH_MESSAGE_RELAY;
        size -= DATAPATH_MESSAGE_RELAY;
        kind = datapath_message_own(bytes, size);
        if (kind == DATAPATH_KIND_RELAYED || at.relay == 0) { /* one is enough */
            s->signals.numbers.unknown++;
            return NULL;
        }
    }
    if (kind == DATAPATH_KIND_SIGNAL) {
        enum datapath_ways_verdict v = datapath_ways_receive(&s->signals.ways, now, &at, bytes, size, &s->signals.fx);
        if (v != DATAPATH_WAYS_STRANGER && v != DATAPATH_WAYS_FALSE) { /* else it is nobody's who is known to be there */
            datapath_screen_heard(&s->screen, from, now.ms);
        }
        perform(s);
        return NULL;
    }
    *ret_size = size;
    *ret_from = at;
    return bytes;
}

/* ---- out -------------------------------------------------------------------------------------------- */

void datapath_signals_used(struct datapath_shell *s, struct datapath_time now, uint32_t peer, size_t size)
{
    if (datapath_ways_used(&s->signals.ways, now, peer, (uint32_t)size, &s->signals.fx)) {
        perform(s);
    }
}

bool datapath_signals_refuse(struct datapath_shell *s, const uint8_t *bytes, size_t at_hand, size_t size)
{
    static const uint8_t nothing[DATAPATH_OFFLOAD_SIZE];
    uint8_t answer[DATAPATH_TOOLARGE_MOST];
    uint32_t peer;

    if (s->signals.ways.limited == 0 || !datapath_guide_owner(s->core, bytes, at_hand, &peer)) {
        return false;
    }
    uint32_t most = datapath_ways_limit(&s->signals.ways, peer);
    size_t written = size <= most ? 0 : datapath_toolarge_write(bytes, at_hand, most, answer);
    if (written == 0) {
        return false;
    }
    const struct iovec vector[] = {{(void *)nothing, sizeof nothing}, {answer, written}};
    s->flow.numbers.unwritten += writev(s->tun, vector, 2) < 0;
    s->signals.numbers.too_large++;
    return true;
}

void datapath_signals_moved(struct datapath_shell *s, struct datapath_time now, uint32_t peer)
{
    if (s->signals.memory != NULL) {
        datapath_ways_moved(&s->signals.ways, now, peer, &s->signals.fx);
        perform(s);
    }
}

void datapath_signals_claim(void *state, uint32_t peer)
{
    struct datapath_shell *s = state;

    datapath_kin_claim(&s->members.kin, peer);
    datapath_ways_claim(&s->signals.ways, datapath_shell_now(), peer);
}

void datapath_signals_clock(struct datapath_shell *s, struct datapath_time now)
{
    while (datapath_ways_due_ms(&s->signals.ways) <= now.ms) {
        datapath_ways_clock(&s->signals.ways, now, &s->signals.fx);
        perform(s);
    }
}

uint64_t datapath_signals_due_ms(const struct datapath_shell *s)
{
    return s->signals.memory == NULL ? UINT64_MAX : datapath_ways_due_ms(&s->signals.ways);
}
