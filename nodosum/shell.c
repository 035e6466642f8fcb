#include "nodosum/shell.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/base/bytes.h"
#include "common/node/word.h"
#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "nodosum/measure.h"
#include "nodosum/net.h"
#include "nodosum/service.h"

enum { US = 1000 };

_Static_assert((int)NODOSUM_PACKET_MAX == (int)DATAGRAM_PAYLOAD_MAX, "a packet is a payload");
_Static_assert((int)NODOSUM_ID_SIZE == (int)NODE_ID_LEN, "a member is a node");

/* ---- effects ------------------------------------------------------------------------------------- */

static void send_all(struct nodosum_shell *s)
{
    for (uint32_t i = 0; i < s->fx.sends; i++) {
        const struct nodosum_send *one = &s->fx.send[i];
        struct sealed_address to = nodosum_seeds_to(&one->at);
        /* What is not taken is lost as any datagram may be; the protocol makes up for it. */
        s->untaken += datagram_send(s->datagram, one->has_id ? one->to.byte : NULL, &to, one->packet.bytes,
                                    one->packet.size) != ERR_OK;
    }
}

static void keep_rtts(struct nodosum_shell *s, uint64_t now_ms)
{
    for (uint32_t i = 0; i < s->fx.rtts; i++) {
        s->rtt[s->rtts++ % NODOSUM_SHELL_RTTS_MAX] = (struct nodosum_sample){.rtt = s->fx.rtt[i], .at_ms = now_ms};
    }
    if (s->fx.rtts > 0) {
        nodosum_waiters_wake(&s->waiters, NODOSUM_WAITING_RTTS, s->rtts);
    }
}

static void say(const struct nodosum_shell *s, const struct nodosum_event *event)
{
    static const char *const words[] = {"joined", "failed", "left", "updated"};
    char hex[2 * NODOSUM_ID_SIZE + 1], at[ADDRESS_SIZE] = "-";
    struct nodosum_view view;
    const char *name = "-";

    if (nodosum_core_find(s->core, &event->id, &view)) {
        name = view.about->name;
        nodosum_seeds_format(&view.about->address, at);
    }
    bytes_to_hex(event->id.byte, sizeof event->id.byte, hex);
    if (event->change == NODOSUM_UPDATED) {
        log_debug("NODOSUM-UPDATED", "node=%s at=%s id=%.16s", name, at, hex);
    } else {
        log_info("NODOSUM-MEMBER", "node=%s change=%s at=%s id=%.16s incarnation=%" PRIu64 " living=%" PRIu32, name,
                 words[event->change], at, hex, event->incarnation, nodosum_core_living(s->core));
    }
}

/* The highest of all who live; who waits for more is woken when one rose. */
static void look_for_keys(struct nodosum_shell *s)
{
    uint32_t epoch = 0, crl = 0;

    for (uint32_t i = 0; i < nodosum_core_count(s->core); i++) {
        struct nodosum_view v = nodosum_core_view(s->core, i);
        uint32_t its_epoch, its_crl;
        nodosum_meta_keys(v.about->meta, v.about->meta_size, &its_epoch, &its_crl);
        if (v.state == NODOSUM_ALIVE || v.state == NODOSUM_SUSPECT) {
            epoch = its_epoch > epoch ? its_epoch : epoch;
            crl = its_crl > crl ? its_crl : crl;
        }
    }
    s->keys_seen += epoch > s->epoch || crl > s->crl;
    s->epoch = epoch;
    s->crl = crl;
    nodosum_waiters_wake(&s->waiters, NODOSUM_WAITING_KEYS, s->keys_seen);
}

/* Log what is new and wake who watches. */
static void tell_events(struct nodosum_shell *s)
{
    struct nodosum_event event[NODOSUM_SENDS_MAX];
    uint32_t count = 1;

    while (s->revision < s->fx.revision && count > 0) {
        if (nodosum_core_events(s->core, s->revision, event, ARRAY_LEN(event), &count) != ERR_OK) {
            s->revision = s->fx.revision; /* more at once than are kept: the list has them all */
            break;
        }
        for (uint32_t i = 0; i < count; i++) {
            say(s, &event[i]);
            s->revision = event[i].revision;
            cell_metric_add(s->metric_events, 1);
        }
    }
    cell_metric_set(s->metric_living, nodosum_core_living(s->core));
    look_for_keys(s);
    nodosum_waiters_wake(&s->waiters, NODOSUM_WAITING_WATCH, s->revision);
}

/* A refutation begins a new incarnation, which is on disk before it is told. */
static void keep_incarnation(struct nodosum_shell *s)
{
    struct nodosum_id self;
    struct nodosum_view view;

    memcpy(self.byte, s->keys.id, sizeof self.byte);
    bool is_known = nodosum_core_find(s->core, &self, &view);
    assert(is_known);
    (void)is_known;
    enum err e = nodosum_store_use(&s->store, view.incarnation);
    if (e != ERR_OK) {
        log_warn("NODOSUM-INCARNATION-KEEP", "reason=%s action=a restart begins with the clock", err_name(e));
        nodosum_store_close(&s->store);
    }
}

static uint64_t place_due_ms(const struct nodosum_shell *s)
{
    uint64_t gap_ms = nodosum_meta_gap_ms(nodosum_core_living(s->core), NODOSUM_META_PLACE_MS);

    return s->placed_ms == 0 ? 0 : s->placed_ms + gap_ms;
}

static void arm(struct nodosum_shell *s, uint64_t now_us)
{
    uint64_t now_ms = now_us / US, due_us = s->fx.due_us;
    uint64_t due_ms = due_us == UINT64_MAX ? UINT64_MAX : (due_us + US - 1) / US;
    uint64_t polls_ms = nodosum_waiters_clock(&s->waiters, now_ms);

    due_ms = polls_ms < due_ms ? polls_ms : due_ms;
    uint64_t offers_ms = nodosum_catalogue_due_ms(&s->catalogue, nodosum_core_living(s->core));
    due_ms = s->measure_ms < due_ms ? s->measure_ms : due_ms;
    due_ms = s->look_ms < due_ms ? s->look_ms : due_ms;
    due_ms = offers_ms < due_ms ? offers_ms : due_ms;
    if (s->is_placed) {
        uint64_t place_ms = place_due_ms(s);
        due_ms = place_ms < due_ms ? place_ms : due_ms;
    }
    loop_timer_again(s->timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* What follows a step, in this order: what is to be remembered, what is said, who waits. */
static void perform(struct nodosum_shell *s, uint64_t now_us)
{
    keep_incarnation(s);
    send_all(s);
    keep_rtts(s, now_us / US);
    if (s->fx.revision > s->revision) {
        tell_events(s);
    }
    if (s->fx.has_left) {
        nodosum_waiters_wake(&s->waiters, NODOSUM_WAITING_LEAVE, 1);
    }
    arm(s, now_us);
}

/* ---- events -------------------------------------------------------------------------------------- */

static void tell_meta(struct nodosum_shell *s, uint64_t now_us, const struct nodosum_meta *now)
{
    uint8_t bytes[NODOSUM_META_MAX];
    uint16_t size;
    enum err e = nodosum_meta_pack(now, bytes, &size);

    assert(e == ERR_OK); /* labels fitted when they were read, and the rest has one size */
    e = nodosum_core_update(s->core, now_us, bytes, size, &s->fx);
    if (e == ERR_OK) {
        s->meta = *now;
    } /* otherwise it is leaving: nobody needs to know any more */
    perform(s, now_us);
}

static void look_at_machine(struct nodosum_shell *s, uint64_t now_us)
{
    struct nodosum_meta now = s->meta;

    s->measure_ms = now_us / US + NODOSUM_SHELL_MEASURE_MS;
    if (nodosum_measure_now(&now) == ERR_OK && nodosum_meta_is_stale(&s->meta, &now)) {
        tell_meta(s, now_us, &now);
        s->measure_ms = now_us / US + nodosum_meta_gap_ms(nodosum_core_living(s->core), NODOSUM_META_LOAD_MS);
    }
}

/* A place where somebody was found; NULL: nobody was. */
static const struct nodosum_address *found_address(const struct nodosum_shell *s)
{
    for (uint32_t i = 0; i < s->founds; i++) {
        if (s->found[i].has_address && s->found[i].source != NODOSUM_SOURCE_STATIC) {
            return &s->found[i].address;
        }
    }
    return NULL;
}

/* A lease ended, a cable was moved, a machine was carried elsewhere: nobody needs to restart anything. */
static void look_for_address(struct nodosum_shell *s, uint64_t now_us)
{
    char text[ADDRESS_SIZE], old[ADDRESS_SIZE];
    struct nodosum_address now;

    s->look_ms = now_us / US + NODOSUM_SHELL_LOOK_MS;
    if (!nodosum_net_look(&s->looking, &s->settings, found_address(s), &now) ||
        (now.port == s->self.port && memcmp(now.ip, s->self.ip, sizeof now.ip) == 0) ||
        nodosum_core_move(s->core, now_us, &now, &s->fx) != ERR_OK) {
        return;
    }
    nodosum_seeds_format(&s->self, old);
    nodosum_seeds_format(&now, text);
    log_info("NODOSUM-MOVED", "from=%s to=%s", old, text);
    s->self = now;
    nodosum_neighbours_move(&s->neighbours, &now);
    perform(s, now_us);
}

static void tell_offers(struct nodosum_shell *s, uint64_t now_us)
{
    uint8_t bytes[NODOSUM_OFFERS_BYTES];
    uint16_t size;

    if (!nodosum_catalogue_clock(&s->catalogue, now_us / US, nodosum_core_living(s->core))) {
        return;
    }
    enum err e = nodosum_offers_pack(&s->catalogue.told, bytes, &size);
    assert(e == ERR_OK); /* they fitted when they were said */
    e = nodosum_core_offer(s->core, now_us, bytes, size, &s->fx);
    if (e != ERR_OK) {
        log_debug("NODOSUM-OFFER-UNTOLD", "reason=%s", err_name(e)); /* it is leaving */
    }
    perform(s, now_us);
}

enum err nodosum_shell_offer(struct nodosum_shell *s, const struct nodosum_offers *offers, uint32_t valid_ms)
{
    uint64_t now_us = loop_now_us();
    enum err e = nodosum_catalogue_say(&s->catalogue, now_us / US, offers, valid_ms);

    if (e == ERR_OK) {
        tell_offers(s, now_us);
        arm(s, now_us);
    }
    return e;
}

void nodosum_shell_keys(struct nodosum_shell *s, uint32_t epoch, uint32_t crl)
{
    struct nodosum_meta now = s->meta;

    now.epoch = epoch;
    now.crl = crl;
    if (nodosum_meta_is_stale(&s->meta, &now)) {
        tell_meta(s, loop_now_us(), &now);
    }
    look_for_keys(s);
}

static void tell_place(struct nodosum_shell *s, uint64_t now_us)
{
    struct nodosum_meta now = s->meta;

    if (!s->is_placed || now_us / US < place_due_ms(s)) {
        return;
    }
    now.place_size = s->place_size;
    memcpy(now.place, s->place, sizeof now.place);
    s->is_placed = false;
    s->placed_ms = now_us / US;
    tell_meta(s, now_us, &now);
}

enum err nodosum_shell_look(struct nodosum_shell *s, const struct nodosum_id *id)
{
    uint64_t now_us = loop_now_us();
    enum err e = nodosum_core_look(s->core, now_us, id, &s->fx);

    perform(s, now_us);
    return e;
}

void nodosum_shell_place(struct nodosum_shell *s, const uint8_t *place, size_t size, bool is_for_pings)
{
    uint64_t now_us = loop_now_us();
    enum err e = nodosum_core_place(s->core, now_us, place, size);

    assert(e == ERR_OK && size <= sizeof s->place);
    (void)e;
    if (is_for_pings) {
        return;
    }
    s->place_size = (uint8_t)size;
    memset(s->place, 0, sizeof s->place);
    memcpy(s->place, place, size);
    s->is_placed = s->meta.place_size != size || memcmp(s->meta.place, s->place, size) != 0;
    tell_place(s, now_us);
    arm(s, now_us);
}

static void on_due(void *context)
{
    struct nodosum_shell *s = context;
    uint64_t now_us = loop_now_us();

    if (now_us / US >= s->measure_ms) {
        look_at_machine(s, now_us);
    }
    if (now_us / US >= s->look_ms) {
        look_for_address(s, now_us);
    }
    tell_offers(s, now_us);
    tell_place(s, now_us);
    if (now_us >= s->fx.due_us) {
        nodosum_core_clock(s->core, now_us, &s->fx);
        cell_metric_set(s->metric_health, nodosum_core_health(s->core));
        perform(s, now_us);
    } else {
        arm(s, now_us);
    }
}

static void on_packet(void *context, const struct datagram_from *from, const uint8_t *bytes, size_t size)
{
    struct nodosum_shell *s = context;
    struct nodosum_address at = {.port = from->address.port};
    struct nodosum_id id;
    uint64_t now_us = loop_now_us();

    memcpy(id.byte, from->id, sizeof id.byte);
    memcpy(at.ip, from->address.ip, sizeof at.ip);
    if (nodosum_core_packet(s->core, now_us, &id, &at, bytes, size, &s->fx) != ERR_OK) {
        cell_metric_add(s->metric_refused, 1); /* of a member of the cluster: another version, or broken */
    }
    perform(s, now_us);
}

bool nodosum_shell_leave(struct nodosum_shell *s)
{
    uint64_t now_us = loop_now_us();

    nodosum_core_leave(s->core, now_us, &s->fx);
    bool is_over = s->fx.has_left;
    perform(s, now_us);
    return is_over;
}

void nodosum_shell_seeds(struct nodosum_shell *s, enum nodosum_source source, const struct nodosum_found *found,
                         uint32_t count)
{
    struct nodosum_address at[NODOSUM_SEEDS_MAX];
    uint32_t kept = 0, seeds = 0;

    for (uint32_t i = 0; i < s->founds; i++) {
        if (s->found[i].source != source) {
            s->found[kept++] = s->found[i];
        }
    }
    for (uint32_t i = 0; i < count && kept < NODOSUM_SHELL_FOUND_MAX; i++) {
        s->found[kept++] = found[i];
    }
    s->founds = kept;
    for (uint32_t i = 0; i < kept && seeds < NODOSUM_SEEDS_MAX; i++) {
        bool is_self = s->found[i].address.port == s->self.port &&
                       memcmp(s->found[i].address.ip, s->self.ip, sizeof s->self.ip) == 0;
        if (s->found[i].has_address && !is_self) {
            at[seeds++] = s->found[i].address;
        }
    }
    if (s->core != NULL) {
        uint64_t now_us = loop_now_us();
        enum err e = nodosum_core_seeds(s->core, now_us, at, seeds, &s->fx);
        assert(e == ERR_OK); /* every source checks what it finds */
        (void)e;
        perform(s, now_us);
    }
}

/* ---- life ---------------------------------------------------------------------------------------- */

static enum err load_keys(struct nodosum_shell *s)
{
    const char *why;
    enum err e = keys_take(cell_take_descriptor(s->cell, "keys.datagram"), s->settings.keys, &s->keys, &why);

    if (e != ERR_OK) {
        log_error("NODOSUM-NO-KEYS", "reason=%s file=%s why=\"%s\"", err_name(e), s->settings.keys, why);
    }
    return e;
}

static enum err open_socket(struct nodosum_shell *s)
{
    int given = cell_take_descriptor(s->cell, "listen.gossip"), routes = cell_take_descriptor(s->cell, "addresses");
    char text[ADDRESS_SIZE];
    enum err e = nodosum_net_open(&s->settings, &given, &routes, &s->socket, &s->looking.routes, &s->self);

    if (e != ERR_OK) {
        nodosum_seeds_format(&s->settings.listen, text);
        log_error("NODOSUM-LISTEN", "at=%s reason=%s", text, err_name(e));
        return e;
    }
    nodosum_seeds_format(&s->self, text);
    log_info("NODOSUM-SELF", "node=%s at=%s", s->keys.name, text);
    if (nodosum_seeds_is_loopback(&s->self)) {
        log_warn("NODOSUM-LOOPBACK", "at=%s effect=other machines cannot reach it advice=set advertise", text);
    }
    return ERR_OK;
}

static struct resolver_config names_of(const struct nodosum_settings *s)
{
    return (struct resolver_config){.seed = s->seed, .seeds = s->seeds, .service = s->dns, .server = s->server, .servers = s->servers};
}

enum err nodosum_shell_open(struct cell *cell, void *state)
{
    struct nodosum_shell *s = state;
    char why[CONF_WHY_SIZE];

    s->cell = cell;
    s->socket = s->store.dir_fd = -1;
    enum err e = nodosum_config_read(cell_config(cell), cell_labels(cell), &s->settings, why);
    if (e != ERR_OK) {
        log_error("NODOSUM-CONFIG", "reason=%s", e == ERR_INVALID ? why : err_name(e));
        return e;
    }
    s->metric_living = cell_metric_gauge(cell, "cell_nodosum_living", "members that live, this one included");
    s->metric_events = cell_metric_counter(cell, "cell_nodosum_events_total", "changes of membership seen");
    s->metric_refused = cell_metric_counter(cell, "cell_nodosum_refused_total", "sealed packets that were no packets");
    s->metric_health = cell_metric_gauge(cell, "cell_nodosum_health", "local health multiplier, 0 is well");
    s->neighbours.group = s->neighbours.own = s->looking.fd = s->looking.routes = -1;
    e = load_keys(s);
    e = e == ERR_OK ? open_socket(s) : e;
    const struct resolver_config names = names_of(&s->settings);
    if (e == ERR_OK && resolver_is_wanted(&names)) {
        e = resolver_open(&s->resolver, &names);
    }
    return e == ERR_OK && s->settings.lan ? nodosum_neighbours_open(&s->neighbours, &s->self) : e;
}

static void say_word(const void *keys, bool lives, uint64_t incarnation, uint8_t ret[NODOSUM_WORD_SIZE])
{
    word_say(keys, lives ? WORD_LIVES : WORD_LEFT, incarnation, ret);
}

static bool is_word(const void *keys, const struct nodosum_id *id, bool lives, uint64_t incarnation, const uint8_t word[NODOSUM_WORD_SIZE])
{
    const struct node_keys *own = keys;

    return word_is_said(own->cluster_id, id->byte, lives ? WORD_LIVES : WORD_LEFT, incarnation, word);
}

static enum err make_core(struct nodosum_shell *s, uint64_t incarnation)
{
    struct nodosum_config config = {.incarnation = incarnation, .members_max = s->settings.members,
                                    .tuning = nodosum_core_usual(), .about = {.address = s->self},
                                    .words = {.keys = &s->keys, .say = say_word, .is_said = is_word}};
    size_t len = strlen(s->keys.name);

    memcpy(config.id.byte, s->keys.id, sizeof config.id.byte);
    memcpy(config.about.name, s->keys.name, len + 1);
    config.about.name_len = (uint8_t)len;
    s->meta.epoch = s->keys.cluster_epoch[0];
    s->meta.crl = s->keys.crl;
    s->meta.labels = s->settings.labels;
    memcpy(s->meta.label, s->settings.label, sizeof s->meta.label);
    enum err e = nodosum_measure_now(&s->meta);
    if (e == ERR_OK) {
        e = nodosum_meta_pack(&s->meta, config.about.meta, &config.about.meta_size);
    }
    if (e != ERR_OK || getrandom(&config.seed, sizeof config.seed, 0) != sizeof config.seed) {
        return e != ERR_OK ? e : ERR_IO;
    }
    s->memory = malloc(nodosum_core_size(s->settings.members));
    return s->memory == NULL ? ERR_NOMEM : nodosum_core_init(s->memory, &config, loop_now_us(), &s->core);
}

static enum err open_datagrams(struct nodosum_shell *s)
{
    struct datagram_config config = {.peers_max = s->settings.members, .receive = on_packet, .context = s};

    s->looking.fd = fcntl(s->socket, F_DUPFD_CLOEXEC, 0);
    if (s->looking.fd < 0) {
        return err_from_errno(errno);
    }
    return datagram_open(host_loop(s->cell), &s->socket, &s->keys, &config, &s->datagram);
}

static void seed_with_config(struct nodosum_shell *s)
{
    struct nodosum_found found[NODOSUM_SEEDS_MAX];

    for (uint32_t i = 0; i < s->settings.seeds; i++) {
        const struct seed *seed = &s->settings.seed[i];
        found[i] = (struct nodosum_found){.source = NODOSUM_SOURCE_STATIC, .has_address = !seed->is_name,
                                          .address = nodosum_seeds_from(&seed->address)};
        if (seed->is_name) {
            (void)snprintf(found[i].text, sizeof found[i].text, "%s:%u", seed->host, seed->address.port);
        } else {
            address_format(&seed->address, found[i].text);
        }
    }
    nodosum_shell_seeds(s, NODOSUM_SOURCE_STATIC, found, s->settings.seeds);
}

/* A configured name that is among what was found stands there with its address from now on. */
static void drop_resolved(struct nodosum_shell *s, const struct nodosum_found *found, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->founds; i++) {
        bool is_resolved = false;
        for (uint32_t k = 0; k < count && !s->found[i].has_address; k++) {
            is_resolved |= strcmp(s->found[i].text, found[k].text) == 0;
        }
        if (!is_resolved) {
            s->found[kept++] = s->found[i];
        }
    }
    s->founds = kept;
}

static uint32_t resolved(const struct nodosum_shell *s)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->founds; i++) {
        count += s->found[i].source == NODOSUM_SOURCE_DNS;
    }
    return count;
}

/* What a name means at present; while it means nothing, it is shown as a name. Before the round is over it takes nothing back. */
static void on_names(void *context)
{
    struct nodosum_shell *s = context;
    const struct dns *d = &s->resolver.dns;
    struct nodosum_found found[DNS_SEEDS_MAX];

    if (d->is_asking && d->seeds <= resolved(s)) {
        return;
    }
    for (uint32_t i = 0; i < d->seeds; i++) {
        found[i] = (struct nodosum_found){.source = NODOSUM_SOURCE_DNS, .has_address = true,
                                          .address = nodosum_seeds_from(&d->seed[i].address)};
        (void)snprintf(found[i].text, sizeof found[i].text, "%s:%u", d->seed[i].host, d->seed[i].address.port);
    }
    log_debug("NODOSUM-DNS", "seeds=%" PRIu32 " answered=%" PRIu32 " unanswered=%" PRIu32, d->seeds, d->answered,
              d->unanswered);
    if (d->seeds > 0) { /* a server that fails takes nothing back */
        drop_resolved(s, found, d->seeds);
        nodosum_shell_seeds(s, NODOSUM_SOURCE_DNS, found, d->seeds);
    }
}

/* The neighbours that were heard last are seeds. */
static void on_neighbours(void *context)
{
    struct nodosum_shell *s = context;
    struct nodosum_lan_peer peer[NODOSUM_SEEDS_MAX];
    struct nodosum_found found[NODOSUM_SEEDS_MAX];
    uint32_t count = nodosum_lan_list(s->neighbours.lan, peer, NODOSUM_SEEDS_MAX);

    for (uint32_t i = 0; i < count; i++) {
        found[i] = (struct nodosum_found){.source = NODOSUM_SOURCE_LAN, .has_address = true, .address = peer[i].address};
        (void)snprintf(found[i].text, sizeof found[i].text, "%s", peer[i].name);
    }
    nodosum_shell_seeds(s, NODOSUM_SOURCE_LAN, found, count);
}

enum err nodosum_shell_start(struct cell *cell, void *state)
{
    struct nodosum_shell *s = state;
    uint64_t incarnation;
    enum err e = nodosum_store_open(&s->store, cell_state_dir(cell), (uint64_t)time(NULL), &incarnation);

    if (e != ERR_OK) {
        log_warn("NODOSUM-INCARNATION-OPEN", "reason=%s action=begin with the clock", err_name(e));
    }
    e = make_core(s, incarnation);
    if (e == ERR_OK) {
        e = open_datagrams(s);
    }
    s->timer = loop_timer_new(host_loop(cell), NODOSUM_SHELL_MEASURE_MS, 0, on_due, s);
    if (e != ERR_OK || s->timer == NULL) {
        e = e != ERR_OK ? e : ERR_NOMEM;
        log_error("NODOSUM-START", "reason=%s", err_name(e));
        return e;
    }
    s->measure_ms = loop_now_ms() + NODOSUM_SHELL_MEASURE_MS;
    s->look_ms = loop_now_ms() + NODOSUM_SHELL_LOOK_MS;
    nodosum_catalogue_init(&s->catalogue);
    s->waiters.answer = nodosum_service_answer;
    s->waiters.context = s;
    seed_with_config(s); /* the first step: it looks for the seeds at once */
    if (s->settings.lan) {
        e = nodosum_neighbours_start(&s->neighbours, host_loop(cell), &s->keys, s->self.port, incarnation,
                                     on_neighbours, s);
    }
    const struct resolver_config names = names_of(&s->settings);
    if (e == ERR_OK && resolver_is_wanted(&names)) {
        e = resolver_start(&s->resolver, host_loop(cell), on_names, s);
    }
    return e;
}

/* The supervisor has new keys for us: members and neighbours are spoken to under them from now on, and all hear that
 * this node has them. */
void nodosum_shell_granted(void *state, const char *name)
{
    struct nodosum_shell *s = state;

    if (strcmp(name, "keys.datagram") != 0 || s->datagram == NULL) {
        return;
    }
    struct node_keys before = s->keys;
    enum err e = load_keys(s);
    if (e == ERR_OK) {
        e = datagram_rekey(s->datagram, &s->keys);
    }
    if (e == ERR_OK) {
        nodosum_neighbours_rekey(&s->neighbours, &s->keys);
        log_info("NODOSUM-KEYS", "epoch=%" PRIu32 " keys=%" PRIu32 " crl=%" PRIu32, s->keys.cluster_epoch[0],
                 s->keys.cluster_keys, s->keys.crl);
        nodosum_shell_keys(s, s->keys.cluster_epoch[0], s->keys.crl);
    } else {
        log_error("NODOSUM-REKEY", "reason=%s effect=the old keys stay advice=cell restart nodosum", err_name(e));
        s->keys = before;
    }
    keys_forget(&before);
}

void nodosum_shell_stop(void *state)
{
    struct nodosum_shell *s = state;

    nodosum_neighbours_close(&s->neighbours);
    resolver_close(&s->resolver);
    loop_timer_free(s->timer);
    datagram_close(s->datagram);
    nodosum_store_close(&s->store);
    if (s->socket > 0) {
        fd_close(&s->socket);
    }
    if (s->looking.fd > 0) {
        fd_close(&s->looking.fd);
        fd_close(&s->looking.routes);
    }
    keys_forget(&s->keys);
    free(s->memory);
    s->timer = NULL;
    s->datagram = NULL;
    s->core = s->memory = NULL;
}
