#include "datapath/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "datapath/device.h"
#include "datapath/keep.h"
#include "datapath/scope.h"
#include "datapath/secrets.h"

struct datapath_time datapath_shell_now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (struct datapath_time){.ms = loop_now_ms(), .wall_ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec};
}

/* ---- effects ---------------------------------------------------------------------------------------- */

static void say(const struct datapath_shell *s, const struct datapath_note *note)
{
    char key[DATAPATH_TEXT_KEY_SIZE], place[DATAPATH_TEXT_PLACE_SIZE] = "-";
    struct datapath_view v;

    if (!datapath_core_view(s->core, note->peer, &v)) {
        return;
    }
    datapath_text_write_key(v.config.public, key);
    if (v.config.endpoint.port != 0) {
        datapath_scope_write_place(s->udp.fd, &v.config.endpoint, place);
    }
    sodium_memzero(v.config.psk, sizeof v.config.psk);
    switch (note->kind) {
    case DATAPATH_NOTE_SESSION:
        log_info("DATAPATH-SESSION", "peer=%.12s at=%s", key, place);
        break;
    case DATAPATH_NOTE_GIVEN_UP:
        log_warn("DATAPATH-GIVEN-UP", "peer=%.12s at=%s effect=\"its packets were dropped; the next one asks again\"", key,
                 place);
        break;
    case DATAPATH_NOTE_MOVED:
        log_info("DATAPATH-MOVED", "peer=%.12s at=%s", key, place);
        break;
    case DATAPATH_NOTE_ERASED:
        log_debug("DATAPATH-ERASED", "peer=%.12s", key);
        break;
    }
}

/* What was heard is kept before anybody hears of it. */
static void keep(struct datapath_shell *s, const struct datapath_effects *fx)
{
    struct datapath_view v;

    if (!fx->has_heard || !datapath_core_view(s->core, fx->heard, &v)) {
        return;
    }
    enum err e = datapath_store_keep(&s->store, datapath_core_stamp_ns(s->core), &v.config);
    if (e != ERR_OK) {
        log_warn("DATAPATH-STAMPS", "reason=%s effect=\"after a restart recorded initiations may be answered\"", err_name(e));
    }
    sodium_memzero(v.config.psk, sizeof v.config.psk);
}

void datapath_shell_carry_out(struct datapath_shell *s, const struct datapath_effects *fx)
{
    keep(s, fx);
    for (uint32_t i = 0; i < fx->sends; i++) {
        const struct datapath_send *one = &fx->send[i];
        memcpy(datapath_udp_room(&s->udp), fx->bytes + one->at, one->size);
        datapath_udp_put(&s->udp, &one->to, one->size);
    }
    for (uint32_t i = 0; i < fx->notes; i++) {
        say(s, &fx->note[i]);
        if (fx->note[i].kind == DATAPATH_NOTE_MOVED) {
            datapath_signals_moved(s, datapath_shell_now(), fx->note[i].peer);
        }
    }
}

void datapath_shell_perform(struct datapath_shell *s)
{
    datapath_shell_carry_out(s, &s->fx);
}

void datapath_shell_changed(void *state)
{
    struct datapath_shell *s = state;
    uint64_t due_ms = datapath_core_due_ms(s->core), ways_ms = datapath_signals_due_ms(s), now_ms;

    datapath_udp_flush(&s->udp);
    due_ms = ways_ms < due_ms ? ways_ms : due_ms;
    /* One that fires too early finds nothing and is set again: most times move with every packet. */
    if (due_ms < s->armed_ms) {
        now_ms = loop_now_ms();
        s->armed_ms = due_ms;
        loop_timer_again(s->timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
    }
}

/* ---- events ----------------------------------------------------------------------------------------- */

static void on_due(void *context)
{
    struct datapath_shell *s = context;
    struct datapath_time now = datapath_shell_now();

    s->armed_ms = UINT64_MAX;
    do {
        datapath_core_clock(s->core, now, &s->fx);
        datapath_shell_perform(s);
    } while (s->fx.due_ms <= now.ms);
    datapath_signals_clock(s, now);
    datapath_shell_changed(s);
}

static void on_stir(void *context)
{
    struct datapath_shell *s = context;
    uint8_t seed[DATAPATH_RANDOM_SEED];

    if (getrandom(seed, sizeof seed, GRND_NONBLOCK) == sizeof seed) {
        datapath_core_stir(s->core, seed);
    }
    sodium_memzero(seed, sizeof seed);
    datapath_engine_forget(&s->engine);
}

/* Somebody removed the interface: making another takes privilege that is gone. */
static void gone(struct datapath_shell *s)
{
    log_error("DATAPATH-TUN-GONE", "interface=%s reason=\"%s\" effect=\"the cell ends\"", s->device.name,
              strerror(errno));
    loop_watch_want(s->tun_watch, 0);
    cell_stop(s->cell, "its interface is gone");
}

/* Packets came and went: the next may be on its way already. */
static void linger(struct datapath_shell *s, uint64_t packets)
{
    struct loop *loop = host_loop(s->cell);

    if (s->settings.has_linger) {
        loop_linger(loop, datapath_linger_end(&s->linger, loop_now_us(), packets, loop_crowded_us(loop)));
    }
}

static void on_tun(void *context, unsigned bits)
{
    struct datapath_shell *s = context;
    uint64_t before = s->flow.numbers.read;

    datapath_linger_begin(&s->linger, loop_now_us());
    if (!datapath_flow_from_tun(s, datapath_shell_now())) {
        gone(s);
    }
    datapath_shell_changed(s);
    linger(s, s->flow.numbers.read - before);
}

static void on_udp(void *context, unsigned bits)
{
    struct datapath_shell *s = context;
    uint64_t before = s->udp.numbers.received;

    datapath_linger_begin(&s->linger, loop_now_us());
    datapath_flow_from_udp(s, datapath_shell_now());
    datapath_shell_changed(s);
    linger(s, s->udp.numbers.received - before);
}

static void on_lane(void *context, uint32_t queue)
{
    struct datapath_shell *s = context;
    uint64_t before = s->udp.numbers.received;

    datapath_linger_begin(&s->linger, loop_now_us());
    datapath_flow_from_lane(s, datapath_shell_now(), queue);
    datapath_shell_changed(s);
    linger(s, s->udp.numbers.received - before);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static enum err open_descriptors(struct datapath_shell *s)
{
    const struct datapath_settings *set = &s->settings;
    char place[DATAPATH_TEXT_PLACE_SIZE];
    int given = cell_take_descriptor(s->cell, "listen.overlay");
    uint32_t mark = given >= 0 ? 0 : set->mark; /* the supervisor's has the manifest's */

    enum err e = datapath_udp_open(&s->udp, &set->listen, set->is_plain || set->path == DATAPATH_CHOICE_PLAIN, &given);
    if (e != ERR_OK) {
        datapath_text_write_place(&set->listen, place);
        log_error("DATAPATH-LISTEN", "at=%s reason=%s why=\"%s\"", place, err_name(e), datapath_udp_bind_why(e));
        return e;
    }
    e = datapath_udp_mark(&s->udp, mark);
    if (e != ERR_OK) {
        log_error("DATAPATH-MARK", "mark=%" PRIu32 " reason=%s why=\"mark: it takes CAP_NET_ADMIN\"", mark, err_name(e));
        return e;
    }
    e = datapath_device_open(s);
    e = e == ERR_OK ? datapath_frames_open(s) : e;
    if (e != ERR_OK) {
        return e;
    }
    given = cell_take_descriptor(s->cell, "addresses");
    datapath_places_open(&s->signals.places, set, s->udp.fd, &given, &s->udp.at, s->device.name, s->frames.device.name);
    s->control.fd = cell_take_descriptor(s->cell, "listen.control");
    e = set->control[0] == '\0' || s->control.fd >= 0 ? ERR_OK : datapath_control_open(&s->control, set->control);
    if (e != ERR_OK) {
        log_error("DATAPATH-CONTROL-OPEN", "socket=%s reason=%s", set->control, err_name(e));
        return e;
    }
    given = cell_take_descriptor(s->cell, "listen.dns");
    e = datapath_namer_open(&s->namer, &set->dns, &given);
    if (e != ERR_OK) {
        datapath_text_write_place(&set->dns, place);
        log_error("DATAPATH-DNS", "at=%s reason=%s why=\"%s\"", place, err_name(e), datapath_udp_bind_why(e));
    }
    return e;
}

static void open_screen(struct datapath_shell *s)
{
    struct datapath_noise_self self;
    struct datapath_screen_setup setup = {.choice = s->settings.shield, .interface = s->settings.underlay,
                                          .port = s->udp.at.port, .peers = s->settings.peers_max, .public = self.public,
                                          .takes_own = !s->settings.is_silent, .lane = &s->lane, .at = s->udp.at.ip};

    s->lane.choice = s->settings.path;
    s->udp.lane = &s->lane;
    memcpy(self.secret, s->secret, sizeof self.secret);
    setup.keeper = cell_take_descriptor(s->cell, "shield.overlay");
    if (datapath_noise_public(&self) == ERR_OK) { /* else the core refuses the key, and says so */
        datapath_screen_open(&s->screen, &setup);
    }
    datapath_udp_trains(&s->udp, s->lane.made.has_trains);
    sodium_memzero(&self, sizeof self);
}

static enum err open_engine(struct datapath_shell *s)
{
    struct datapath_engine *g = &s->engine;
    enum err e = sodium_init() < 0 ? ERR_FAULT : datapath_engine_open(g, s->settings.aead, s->settings.has_own);

    if (e != ERR_OK) {
        log_error("DATAPATH-AEAD", "aead=%s reason=%s", s->settings.aead, err_name(e));
        return e;
    }
    if (g->faulty > 0) {
        log_warn("DATAPATH-AEAD-FAULTY", "libraries=%" PRIu32 " effect=\"another is used: they do not seal as libsodium does\"",
                 g->faulty);
    }
    log_info("DATAPATH-AEAD-CHOSEN", "aead=%s packet_ns=%" PRIu64 " own=%s own_ns=%" PRIu64, g->usual.chosen->name,
             g->usual.chosen_ns, g->own.chosen == NULL ? "none" : g->own.chosen->name, g->own.chosen_ns);
    return ERR_OK;
}

static enum err open_store(struct datapath_shell *s)
{
    enum err e = datapath_store_open(&s->store, cell_state_dir(s->cell));

    if (e != ERR_OK) {
        log_error("DATAPATH-STAMPS-OPEN", "file=%s/stamps reason=%s why=\"%s\"", cell_state_dir(s->cell), err_name(e),
                  datapath_store_why(cell_state_dir(s->cell), e));
        return e;
    }
    enum err begun = datapath_store_begin(&s->store, datapath_shell_now().wall_ns);
    if (begun != ERR_OK) {
        log_warn("DATAPATH-LIFE", "reason=%s effect=\"after a restart with a clock that was set back nobody hears signals of this node\"",
                 err_name(begun));
    }
    return ERR_OK;
}

enum err datapath_shell_open(struct cell *cell, void *state)
{
    struct datapath_shell *s = state;
    char why[CONF_WHY_SIZE];

    s->cell = cell;
    s->tun = s->udp.fd = s->store.dir = s->store.fd = s->control.fd = s->screen.keeper = s->screen.minder = s->namer.fd = s->signals.places.addresses = -1;
    s->armed_ms = UINT64_MAX;
    enum err e = datapath_config_read(cell_config(cell), &s->settings, why);
    if (e != ERR_OK) {
        log_error("DATAPATH-CONFIG", "reason=%s", e == ERR_INVALID ? why : err_name(e));
        return e;
    }
    s->metric_sessions = cell_metric_counter(cell, "cell_datapath_sessions_total", "sessions that came into use");
    s->metric_refused = cell_metric_counter(cell, "cell_datapath_refused_total", "datagrams and packets that went no further");
    s->metric_lost = cell_metric_counter(cell, "cell_datapath_lost_total", "datagrams and packets that the kernel did not take");
    s->metric_alone = cell_metric_gauge(cell, "cell_datapath_alone_ns", "a small datagram alone through the host's stack, as it was measured at the interface");
    s->metric_train = cell_metric_gauge(cell, "cell_datapath_train_ns", "each of a train of them");
    s->metric_past = cell_metric_gauge(cell, "cell_datapath_past_ns", "a small frame past the host's stack");
    s->metric_is_past = cell_metric_gauge(cell, "cell_datapath_past", "1: what goes alone goes past the host's stack");
    s->metric_shield = cell_metric_gauge(cell, "cell_datapath_shield", "1: the kernel judges what comes before this cell does");
    e = open_engine(s);
    e = e == ERR_OK ? datapath_service_members_open(s) : e;
    e = e == ERR_OK ? datapath_secrets_load(&s->settings, cell_state_dir(cell), s->secret) : e;
    e = e == ERR_OK ? open_store(s) : e;
    e = e == ERR_OK ? datapath_hosts_open(s) : e;
    e = e == ERR_OK ? open_descriptors(s) : e;
    if (e == ERR_OK) {
        datapath_service_members_own(s);
        open_screen(s);
    }
    return e;
}

enum err datapath_shell_keep(struct datapath_shell *s)
{
    enum err e = datapath_keep_save(&s->store, s->core, s->udp.fd, s->settings.peers_max, &s->settings, &s->members.kin, &s->signals.ways);

    datapath_shell_changed(s);
    if (e != ERR_OK) {
        log_warn("DATAPATH-PEERS", "reason=%s effect=\"peers that were changed are as they were after a restart\"",
                 err_name(e));
    }
    return e;
}

static void on_control(void *state, bool is_set)
{
    enum err e = is_set ? datapath_shell_keep(state) : ERR_OK;

    (void)e; /* it is logged: `wg` has no word for "until a restart" */
    datapath_shell_changed(state);
}

/* `wg` says what an errno means, and not of what: that stands in the log. */
static void refused(void *state, const char *name, int errno_value)
{
    static const char *const of_start[][2] = {{"private_key", "key"}, {"listen_port", "listen"}, {"fwmark", "mark"}};

    for (size_t i = 0; i < ARRAY_LEN(of_start); i++) {
        if (errno_value == EOPNOTSUPP && strcmp(name, of_start[i][0]) == 0) {
            log_warn("DATAPATH-CONTROL-FIXED", "line=%s effect=\"it is as it was at the start\" advice=\"say it as `%s` of the configuration (a "
                     "socket's port and mark: of the manifest, where a supervisor made it), and start the cell anew\"", of_start[i][0], of_start[i][1]);
            return;
        }
    }
    log_warn("DATAPATH-CONTROL-REFUSED", "line=\"%.32s\" reason=\"%s\" effect=\"what stood before it was done\"", name, strerror(errno_value));
}

static enum err add_peer(struct datapath_shell *s, struct datapath_config_peer *p)
{
    char key[DATAPATH_TEXT_KEY_SIZE];
    uint32_t peer;

    datapath_text_write_key(p->peer.public, key);
    if (!datapath_scope_find(s->udp.fd, p->scope, &p->peer.endpoint)) {
        log_warn("DATAPATH-SCOPE", "peer=%.12s interface=%s effect=\"there is none: nobody knows where he is until he speaks\"", key, p->scope);
        p->peer.endpoint = (struct datapath_endpoint){.port = 0};
    }
    const char *why = p->peer.endpoint.port != 0 ? datapath_udp_unreachable(&s->udp, &p->peer.endpoint) : NULL;
    if (why != NULL) {
        log_warn("DATAPATH-UNREACHABLE", "peer=%.12s why=\"endpoint: %s\" effect=\"nobody knows where he is until he speaks\"", key, why);
        p->peer.endpoint = (struct datapath_endpoint){.port = 0};
    }
    datapath_store_heard(&s->store, p->peer.public, &p->peer.heard);
    enum err e = datapath_core_add(s->core, &p->peer, datapath_shell_now(), &peer);
    if (e == ERR_EXISTS) { /* made at run time once, and in the configuration since then, which has the last word */
        e = datapath_core_change(s->core, peer, &p->peer, datapath_shell_now());
    }
    for (uint32_t i = 0; e == ERR_OK && i < p->prefixes; i++) {
        e = datapath_core_allow(s->core, peer, &p->prefix[i]);
    }
    if (e != ERR_OK) {
        log_error("DATAPATH-PEER", "peer=%.12s reason=%s%s", key, err_name(e),
                  e == ERR_FORGED ? " why=\"peers.key: this node's own, or one that nobody has a private key for\"" : "");
    }
    return e == ERR_FORGED ? ERR_INVALID : e;
}

static enum err make_core(struct datapath_shell *s)
{
    const struct datapath_settings *set = &s->settings;
    struct datapath_config c = {.peers_max = set->peers_max, .prefixes_max = 4 * set->peers_max, .mtu = DATAPATH_MTU_MAX,
                                .pace = datapath_pace_usual(), .aead = s->engine.usual.chosen,
                                .own = s->engine.own.chosen, .has_frames = s->frames.is_on, .has_sums = !set->is_plain,
                                .stamp_ns = s->store.stamp_ns, .live = datapath_screen_live(&s->screen),
                                .callers = datapath_screen_callers(&s->screen)};

    c.prefixes_max = c.prefixes_max < DATAPATH_CONFIG_PREFIXES_MAX ? DATAPATH_CONFIG_PREFIXES_MAX : c.prefixes_max;
    if (set->rekey_s != DATAPATH_CONFIG_REKEY_S_MAX) {
        c.pace.rekey_ms = set->rekey_s * 1000;
        c.pace.reject_ms = c.pace.rekey_ms * 3 / 2 + c.pace.keepalive_ms;
    }
    memcpy(c.secret, s->secret, sizeof c.secret);
    s->memory = malloc(datapath_core_size(c.peers_max, c.prefixes_max, c.mtu));
    enum err e = s->memory == NULL ? ERR_NOMEM : ERR_OK;
    if (e == ERR_OK && getrandom(c.seed, sizeof c.seed, 0) != sizeof c.seed) {
        e = ERR_IO;
    }
    e = e == ERR_OK ? datapath_core_init(s->memory, &c, datapath_shell_now(), &s->core) : e;
    sodium_memzero(&c, sizeof c);
    if (e == ERR_OK) {
        datapath_core_resize(s->core, s->device.mtu);
        e = datapath_keep_load(&s->store, s->core, s->udp.fd, datapath_shell_now());
        if (e != ERR_OK) {
            log_error("DATAPATH-PEERS-LOAD", "file=%s/peers reason=%s advice=\"mend or remove it, and add its peers again\"",
                      cell_state_dir(s->cell), err_name(e));
        }
    }
    for (uint32_t i = 0; e == ERR_OK && i < set->listed; i++) {
        e = add_peer(s, &s->settings.peer[i]);
        sodium_memzero(s->settings.peer[i].peer.psk, DATAPATH_NOISE_KEY);
    }
    return e;
}

enum err datapath_shell_start(struct cell *cell, void *state)
{
    struct datapath_shell *s = state;
    struct loop *loop = host_loop(cell);
    char place[DATAPATH_TEXT_PLACE_SIZE];
    enum err e = make_core(s);

    e = e == ERR_OK ? datapath_signals_start(s) : e;
    e = e == ERR_OK ? datapath_service_members_start(s) : e;
    e = e == ERR_OK ? datapath_frames_start(s) : e;
    if (e != ERR_OK) {
        log_error("DATAPATH-START", "reason=%s", err_name(e));
        return e;
    }
    s->timer = loop_timer_new(loop, DATAPATH_SHELL_STIR_MS, 0, on_due, s);
    s->stir = loop_timer_new(loop, DATAPATH_SHELL_STIR_MS, DATAPATH_SHELL_STIR_MS, on_stir, s);
    s->tun_watch = loop_watch_new(loop, s->tun, LOOP_READ, on_tun, s);
    s->udp_watch = loop_watch_new(loop, s->udp.fd, LOOP_READ, on_udp, s);
    s->control.uapi = (struct datapath_uapi){.core = s->core, .peers_max = s->settings.peers_max, .secret = s->secret, .socket = s->udp.fd,
                                             .port = s->udp.at.port, .mark = s->udp.mark, .recall = datapath_keep_recall,
                                             .memory = &s->store, .claim = datapath_signals_claim, .refuse = refused, .owner = s};
    s->control.changed = on_control;
    s->control.context = s;
    e = datapath_control_start(&s->control, loop);
    e = e == ERR_OK ? datapath_lane_start(&s->lane, loop, on_lane, s) : e;
    e = e == ERR_OK ? datapath_screen_start(&s->screen, loop, s->core) : e;
    e = e == ERR_OK ? datapath_hosts_start(s) : e;
    e = e == ERR_OK ? datapath_namer_start(&s->namer, loop, &s->signals.ways, &s->settings, &s->device) : e;
    if (e != ERR_OK || s->timer == NULL || s->stir == NULL || s->tun_watch == NULL || s->udp_watch == NULL) {
        log_error("DATAPATH-WATCH", "reason=%s", err_name(ERR_NOMEM));
        return ERR_NOMEM;
    }
    datapath_shell_changed(s);
    datapath_scope_write_place(s->udp.fd, &s->udp.at, place);
    log_info("DATAPATH-UP", "interface=%s at=%s peers=%" PRIu32 " trains=%d offloads=%s", s->device.name, place,
             s->settings.listed, s->udp.has_trains, tun_offload_text(s->offloads));
    return ERR_OK;
}

static void tell(struct cell_metric *m, uint64_t *told, uint64_t value)
{
    if (value != *told) {
        cell_metric_add(m, (double)(value - *told));
        *told = value;
    }
}

/* By which way datagrams go from now on, and what was measured for that. */
static void tell_way(struct datapath_shell *s)
{
    const struct datapath_choice_facts *f = &s->lane.facts;

    cell_metric_set(s->metric_is_past, s->lane.is_on);
    cell_metric_set(s->metric_shield, s->screen.is_judging);
    if (s->told_turn == s->lane.turn) {
        return;
    }
    s->told_turn = s->lane.turn;
    datapath_udp_trains(&s->udp, s->lane.made.has_trains);
    cell_metric_set(s->metric_alone, f->alone_ns);
    cell_metric_set(s->metric_train, f->train_ns);
    cell_metric_set(s->metric_past, f->past_ns);
}

/* What this host's packet filter does not let out. Whom no route leads to is his affair, and many a place is tried that has none. */
static void tell_held(struct datapath_shell *s, uint64_t now_ms)
{
    struct datapath_udp_numbers *n = &s->udp.numbers;

    if (n->is_held && (s->told_held_ms == 0 || now_ms - s->told_held_ms >= DATAPATH_SHELL_HELD_MS)) {
        log_warn("DATAPATH-UNSENT", "reason=\"%s\" unsent=%" PRIu64 " effect=\"datagrams do not leave this host\" advice=\"look at its packet filter: nft list ruleset\"",
                 strerror(EPERM), n->unsent);
        s->told_held_ms = now_ms;
    }
    n->is_held = false;
}

/* Its keeper ended, and its supervisor has started another. */
void datapath_shell_granted(void *state, const char *name)
{
    struct datapath_shell *s = state;

    if (s->core != NULL && strcmp(name, "shield.overlay") == 0) {
        datapath_screen_again(&s->screen, cell_take_descriptor(s->cell, name));
    }
}

void datapath_shell_tick(void *state, uint64_t now_ms)
{
    struct datapath_shell *s = state;
    uint64_t refused = 0;

    if (s->core == NULL) {
        return;
    }
    datapath_device_look(s);
    datapath_frames_tick(s, now_ms);
    datapath_signals_tick(s, now_ms);
    tell_way(s);
    tell_held(s, now_ms);
    const struct datapath_numbers *n = datapath_core_numbers(s->core);
    for (int i = DATAPATH_WAITING + 1; i < DATAPATH_VERDICTS; i++) {
        refused += n->verdict[i];
    }
    tell(s->metric_sessions, &s->told_sessions, n->sessions);
    tell(s->metric_refused, &s->told_refused, refused);
    tell(s->metric_lost, &s->told_lost, s->udp.numbers.unsent + s->flow.numbers.unwritten + s->frames.numbers.unwritten);
}

/* Packets go on; whoever waits to see one would keep the cell from its end. */
void datapath_shell_drain(void *state)
{
    datapath_service_capture_stop(state);
}

void datapath_shell_stop(void *state)
{
    struct datapath_shell *s = state;

    datapath_service_members_stop(s);
    datapath_signals_stop(s);
    datapath_service_capture_stop(s);
    datapath_frames_stop(s);
    datapath_control_close(&s->control);
    datapath_namer_close(&s->namer);
    datapath_hosts_close(&s->hosts);
    loop_watch_free(s->tun_watch);
    loop_watch_free(s->udp_watch);
    loop_timer_free(s->timer);
    loop_timer_free(s->stir);
    s->tun_watch = s->udp_watch = NULL;
    s->timer = s->stir = NULL;
    datapath_udp_close(&s->udp);
    if (s->tun > 0) {
        fd_close(&s->tun);
    }
    datapath_store_close(&s->store);
    datapath_config_free(&s->settings);
    datapath_engine_close(&s->engine);
    if (s->core != NULL) {
        datapath_core_fini(s->core);
    }
    sodium_memzero(s->secret, sizeof s->secret);
    free(s->memory);
    s->core = s->memory = NULL;
    datapath_lane_close(&s->lane);
    datapath_screen_close(&s->screen); /* the core told it of each of its ids */
}
