#include "dht/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "dht/clock.h"
#include "dht/disk.h"
#include "dht/say.h"

enum {
    MS_US = 1000,
    SPARES = 160,             /* DHT_SPARES_BUCKET of each of the first 20 buckets */
    OWNER_SHARE = 4,          /* of the store that one owner may use               */
    SOURCE_SHARE = 2,         /* … that one node may fill                          */
    SESSIONS_LEAST = 64,
};

_Static_assert((int)DHT_PACKET_MAX == (int)DATAGRAM_PAYLOAD_MAX, "a packet is a payload");
_Static_assert((int)DHT_NODE_SIZE == (int)NODE_ID_LEN, "a peer is a node");

uint64_t dht_shell_wall_s(void)
{
    time_t now = time(NULL);

    return now > 0 ? (uint64_t)now : 0;
}

static struct dht_node self_of(const struct dht_shell *s)
{
    struct dht_node self;

    memcpy(self.byte, s->keys.id, sizeof self.byte);
    return self;
}

/* ---- effects --------------------------------------------------------------------------------------- */

static void send_all(struct dht_shell *s)
{
    for (uint32_t i = 0; i < s->fx.sends; i++) {
        const struct dht_send *one = &s->fx.send[i];
        struct sealed_address to = dht_net_to(&one->at);
        /* What is not taken is lost as any datagram may be; the core asks again. */
        s->untaken += datagram_send(s->datagram, one->has_node ? one->to.byte : NULL, &to, one->packet.bytes,
                                    one->packet.size) != ERR_OK;
    }
}

static struct dht_ask **ask_of(struct dht_shell *s, uint64_t wish)
{
    struct dht_ask **at = &s->asks;

    while (*at != NULL && (*at)->wish != wish) {
        at = &(*at)->next;
    }
    return at;
}

/* Who waits is told; nobody of them steps the core meanwhile. */
static void tell_all(struct dht_shell *s)
{
    for (uint32_t i = 0; i < s->fx.found_count; i++) {
        struct dht_ask *ask = *ask_of(s, s->fx.found[i].wish);
        if (ask != NULL && ask->found != NULL) {
            ask->found(ask, &s->fx.found[i]);
        }
    }
    for (uint32_t i = 0; i < s->fx.done_count; i++) {
        struct dht_ask **at = ask_of(s, s->fx.done[i].wish), *ask = *at;
        cell_metric_add(s->metric_failed, s->fx.done[i].status != ERR_OK && s->fx.done[i].status != ERR_NOT_FOUND);
        dht_clock_look(&s->fx.done[i]);
        if (ask != NULL) {
            *at = ask->next;
            ask->done(ask, &s->fx.done[i]);
        }
    }
}

static void show(struct dht_shell *s)
{
    const struct dht_counters *c = dht_core_counters(s->core);

    cell_metric_set(s->metric_peers, dht_core_peers(s->core));
    cell_metric_set(s->metric_members, s->circle.in);
    cell_metric_set(s->metric_records, dht_core_records(s->core));
    cell_metric_set(s->metric_bytes, dht_core_store_bytes(s->core));
    cell_metric_set(s->metric_kept, s->own.count);
    cell_metric_set(s->metric_twins, (double)c->twins);
    cell_metric_set(s->metric_refused, (double)(c->malformed + c->flooded + c->unasked + c->no_token + c->forged + c->quota + c->full + c->refused));
}

void dht_shell_perform(struct dht_shell *s)
{
    send_all(s);
    tell_all(s);
    while (s->agains != NULL) {
        struct dht_ask *ask = s->agains;
        s->agains = ask->next;
        ask->again(ask); /* steps the core, and comes here again */
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void dht_shell_arm(struct dht_shell *s)
{
    uint64_t now_us = loop_now_us(), due_us = least(s->fx.due_us, dht_own_due_us(&s->own));

    due_us = least(due_us, least(s->circle.due_us, dht_shell_boot_due_us(s)));
    due_us = least(due_us, least(s->save_us, s->records_us));
    due_us = least(due_us, dht_shell_early_due_us(s));
    loop_timer_again(s->timer, due_us > now_us ? (due_us - now_us + MS_US - 1) / MS_US : 0, 0);
}

static void settle(struct dht_shell *s)
{
    dht_shell_perform(s);
    dht_shell_arm(s);
}

/* ---- wishes ---------------------------------------------------------------------------------------- */

static uint64_t list(struct dht_shell *s, struct dht_ask *ask)
{
    ask->wish = ++s->wishes;
    ask->next = s->asks;
    s->asks = ask;
    cell_metric_add(s->metric_asked, 1);
    return ask->wish;
}

static enum err go_on(struct dht_shell *s, struct dht_ask *ask, enum err e)
{
    if (e != ERR_OK) {
        s->asks = ask->next; /* it was the first */
    }
    settle(s);
    return e;
}

enum err dht_shell_find(struct dht_shell *s, const struct dht_id *target, struct dht_ask *ask)
{
    uint64_t wish = list(s, ask);

    return go_on(s, ask, dht_core_find(s->core, loop_now_us(), wish, target, &s->fx));
}

enum err dht_shell_get(struct dht_shell *s, const struct dht_id *key, uint32_t reads, struct dht_ask *ask)
{
    uint64_t wish = list(s, ask);

    return go_on(s, ask, dht_core_get(s->core, loop_now_us(), wish, key, reads, &s->fx));
}

enum err dht_shell_put(struct dht_shell *s, const struct dht_record *r, const uint64_t *expected, struct dht_ask *ask)
{
    uint64_t wish = list(s, ask);

    return go_on(s, ask, dht_core_put(s->core, loop_now_us(), wish, r, expected, &s->fx));
}

void dht_shell_again(struct dht_ask *ask)
{
    ask->next = ask->shell->agains;
    ask->shell->agains = ask;
}

/* ---- members --------------------------------------------------------------------------------------- */

void dht_shell_member(struct dht_shell *s, const struct dht_contact *who, uint32_t mark)
{
    if (!dht_circle_say(&s->circle, loop_now_us(), who, mark)) {
        log_warn("DHT-MEMBERS-FULL", "members=%" PRIu32 " effect=\"all are found step by step\" advice=\"raise config.peers\"", s->circle.count);
        dht_core_beyond(s->core);
    }
}

void dht_shell_member_gone(struct dht_shell *s, const struct dht_node *node)
{
    const struct dht_contact who = {.node = *node};

    if (dht_circle_gone(&s->circle, node)) {
        dht_core_member(s->core, loop_now_us(), &who, DHT_MEMBER_GONE, &s->fx);
        settle(s);
    }
}

void dht_shell_members_listed(struct dht_shell *s, uint32_t mark)
{
    struct dht_contact who;

    while (dht_circle_unnamed(&s->circle, mark, &who)) {
        dht_core_member(s->core, loop_now_us(), &who, DHT_MEMBER_GONE, &s->fx);
        dht_shell_perform(s);
    }
    if (s->circle.count == 0 && dht_core_peers(s->core) == 0 && s->settings.bootstraps == 0 && s->settings.dns[0] == '\0') {
        dht_core_company(s->core, false); /* whoever an earlier life knew has left the cluster */
    }
    dht_shell_arm(s);
}

/* ---- events ---------------------------------------------------------------------------------------- */

static void on_packet(void *context, const struct datagram_from *from, const uint8_t *bytes, size_t size)
{
    struct dht_shell *s = context;
    struct dht_contact who = {.at = dht_net_from(&from->address)};

    memcpy(who.node.byte, from->id, sizeof who.node.byte);
    /* Whatever is wrong with it the core has counted; who sends is proved by the seal, and so is where. */
    enum err e = dht_core_packet(s->core, loop_now_us(), dht_shell_wall_s(), &who, from->session, bytes, size, &s->fx);
    if (e == ERR_MALFORMED || e == ERR_LIMIT || e == ERR_INCOMPATIBLE) {
        log_debug("DHT-PACKET", "error=%s size=%zu", err_name(e), size);
    }
    dht_shell_perform(s);
    dht_shell_twins(s);
    if (dht_circle_heard(&s->circle, &who.node)) {
        dht_core_member(s->core, loop_now_us(), &who, DHT_MEMBER_HERE, &s->fx);
        dht_shell_perform(s);
    }
    dht_shell_arm(s);
}

static void save(struct dht_shell *s, uint64_t now_us, bool is_end)
{
    struct dht_node self = self_of(s);
    enum err e = ERR_OK;

    if (now_us >= s->save_us || is_end) {
        s->save_us = now_us + (uint64_t)DHT_SHELL_SAVE_MS * MS_US;
        /* Who knows nobody any more keeps the names of those it knew. */
        e = s->dir < 0 || dht_core_peers(s->core) == 0 ? ERR_OK : dht_disk_save_peers(s->dir, &self, dht_shell_wall_s(), s->core);
    }
    if (e == ERR_OK && (now_us >= s->records_us || is_end)) {
        s->records_us = now_us + (uint64_t)DHT_SHELL_RECORDS_MS * MS_US;
        e = s->dir < 0 ? ERR_OK : dht_disk_save_records(s->dir, &self, dht_shell_wall_s(), s->core);
    }
    if (e != ERR_OK) {
        log_warn("DHT-SAVE", "reason=%s effect=\"a restart begins with what was saved before\"", err_name(e));
    }
}

static void on_due(void *context)
{
    struct dht_shell *s = context;
    uint64_t now_us = loop_now_us();
    struct dht_contact to[DHT_CIRCLE_BATCH];

    if (now_us >= s->fx.due_us) {
        dht_core_clock(s->core, now_us, dht_shell_wall_s(), &s->fx);
        dht_shell_perform(s);
    }
    uint32_t count = dht_circle_ask(&s->circle, now_us, to);
    if (count > 0) {
        dht_shell_enter(s, to, count);
    }
    if (now_us >= dht_shell_boot_due_us(s)) {
        dht_shell_boot(s, now_us);
    }
    dht_shell_early(s);
    dht_say_own(s);
    save(s, now_us, false);
    show(s);
    dht_shell_arm(s);
}

/* ---- life ------------------------------------------------------------------------------------------ */

static enum err load_keys(struct dht_shell *s)
{
    const char *why;
    enum err e = keys_take(cell_take_descriptor(s->cell, "keys.datagram"), s->settings.keys, &s->keys, &why);

    if (e != ERR_OK) {
        log_error("DHT-NO-KEYS", "reason=%s file=%s why=\"%s\"", err_name(e), s->settings.keys, why);
    }
    return e;
}

enum err dht_shell_open(struct cell *cell, void *state)
{
    struct dht_shell *s = state;
    int given = cell_take_descriptor(cell, "listen.dht");
    char why[CONF_WHY_SIZE], at[ADDRESS_SIZE];

    s->cell = cell;
    s->socket = s->dir = -1;
    enum err e = dht_settings_read(cell_config(cell), &s->settings, why);
    if (e != ERR_OK) {
        log_error("DHT-CONFIG", "reason=%s", e == ERR_INVALID ? why : err_name(e));
        fd_close(&given);
        return e;
    }
    s->metric_peers = cell_metric_gauge(cell, "cell_dht_peers", "nodes in the table");
    s->metric_members = cell_metric_gauge(cell, "cell_dht_members", "… of which membership told, and which answered");
    s->metric_records = cell_metric_gauge(cell, "cell_dht_records", "records held for all");
    s->metric_bytes = cell_metric_gauge(cell, "cell_dht_store_bytes", "memory of the records held");
    s->metric_kept = cell_metric_gauge(cell, "cell_dht_kept", "values and offers of this node that are said again");
    s->metric_refused = cell_metric_gauge(cell, "cell_dht_refused", "sealed packets, and records, that were refused");
    s->metric_asked = cell_metric_counter(cell, "cell_dht_wishes_total", "lookups, gets and puts begun");
    s->metric_twins = cell_metric_gauge(cell, "cell_dht_twins", "times that another node's key was heard by turns at two addresses");
    s->metric_twin = cell_metric_gauge(cell, "cell_dht_twin", "1: another node has this node's key, or had it in this life");
    s->metric_failed = cell_metric_counter(cell, "cell_dht_wishes_failed_total", "… that ended without a result");
    e = load_keys(s);
    if (e != ERR_OK) {
        fd_close(&given);
        return e;
    }
    e = dht_net_open(&s->settings, &given, &s->socket);
    if (e != ERR_OK) {
        dht_net_format(&s->settings.listen, at);
        log_error("DHT-LISTEN", "at=%s reason=%s", at, err_name(e));
        return e;
    }
    return dht_shell_boot_open(s);
}

static enum err make_core(struct dht_shell *s)
{
    struct dht_config config = {
        .node = self_of(s), .peers_max = s->settings.peers, .spares_max = SPARES, .records_max = s->settings.records,
        .store_bytes = s->settings.store_bytes, .owner_bytes = s->settings.store_bytes / OWNER_SHARE,
        .source_bytes = s->settings.store_bytes / SOURCE_SHARE, .wishes_max = DHT_SHELL_WISHES,
        .verify = dht_sign_verify, .tuning = dht_core_usual()};
    size_t size = dht_core_size(&config), members = s->settings.peers * sizeof(struct dht_circle_member);

    config.tuning.acquaints = true;
    config.tuning.paths = DHT_SHELL_PATHS;
    config.tuning.host_table = s->settings.host;
    config.tuning.site_table = s->settings.site;
    config.tuning.lan_table = s->settings.lan;
    dht_sign_init(&s->signer, &s->keys);
    /* In one piece: so large a one is the kernel's zeros, while a small one on the heap would be zeroed, page by page. */
    s->memory = calloc(1, size + members);
    dht_circle_init(&s->circle, s->memory == NULL ? NULL : (void *)((uint8_t *)s->memory + size), s->memory == NULL ? 0 : s->settings.peers);
    if (s->memory == NULL) {
        return ERR_NOMEM;
    }
    if (getrandom(config.secret, sizeof config.secret, 0) != sizeof config.secret ||
        getrandom(&config.seed, sizeof config.seed, 0) != sizeof config.seed) {
        return ERR_IO;
    }
    return dht_core_init(s->memory, &config, loop_now_us(), &s->core);
}

/* What an earlier life knew; each of it is worth having alone. */
static void remember(struct dht_shell *s)
{
    struct dht_node self = self_of(s);
    uint32_t held = 0;
    enum err e[] = {dht_disk_load_peers(s->dir, &self, s->save, &s->saved),
                    dht_disk_load_records(s->dir, &self, dht_shell_wall_s(), s->core, &held),
                    dht_disk_load_own(s->dir, &self, &s->own)};

    for (size_t i = 0; i < ARRAY_LEN(e); i++) {
        static const char *const what[] = {"peers", "records", "own"};
        if (e[i] != ERR_OK && e[i] != ERR_NOT_FOUND) {
            const char *why = e[i] == ERR_MALFORMED ? "damaged" : e[i] == ERR_INCOMPATIBLE ? "another node's" : err_name(e[i]);
            log_warn("DHT-RESTORE", "file=%s reason=\"%s\" action=\"begin anew\"", what[i], why);
        }
    }
    if (e[0] == ERR_OK || e[1] == ERR_OK || e[2] == ERR_OK) {
        log_info("DHT-RESTORED", "peers=%" PRIu32 " records=%" PRIu32 " kept=%" PRIu32, s->saved, held, s->own.count);
    }
}

static void open_state(struct dht_shell *s)
{
    const char *path = cell_state_dir(s->cell);

    if (*path == '\0') {
        return;
    }
    s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0) {
        log_warn("DHT-STATE", "reason=%s effect=\"nothing outlives this process\"", err_name(err_from_errno(errno)));
        return;
    }
    remember(s);
}

static void find_address(struct dht_shell *s)
{
    struct sealed_address local;
    char text[ADDRESS_SIZE];

    if (datagram_local(s->datagram, &local) == ERR_OK) {
        s->address = dht_net_from(&local);
    }
    s->has_address = s->settings.has_advertise || !dht_net_is_nowhere(&s->address);
    if (s->settings.has_advertise) {
        s->address = s->settings.advertise;
    }
    dht_net_format(&s->address, text);
    log_info("DHT-SELF", "node=%s at=%s", s->keys.name, text);
}

enum err dht_shell_start(struct cell *cell, void *state)
{
    struct dht_shell *s = state;
    struct datagram_config config = {.receive = on_packet, .twin = dht_shell_on_twin, .context = s};
    uint64_t now_us = loop_now_us();
    enum err e = make_core(s);

    config.peers_max = s->settings.peers < SESSIONS_LEAST ? SESSIONS_LEAST : s->settings.peers;
    e = e == ERR_OK ? datagram_open(host_loop(cell), &s->socket, &s->keys, &config, &s->datagram) : e;
    s->timer = loop_timer_new(host_loop(cell), 0, 0, on_due, s);
    if (e != ERR_OK || s->timer == NULL) {
        e = e != ERR_OK ? e : ERR_NOMEM;
        log_error("DHT-START", "reason=%s", err_name(e));
        return e;
    }
    open_state(s);
    dht_core_company(s->core, dht_shell_has_way_in(s));
    find_address(s);
    s->born_us = now_us;
    s->save_us = now_us + (uint64_t)DHT_SHELL_SAVE_MS * MS_US;
    s->records_us = now_us + (uint64_t)DHT_SHELL_RECORDS_MS * MS_US;
    e = dht_shell_members_start(s);
    return e; /* the timer is due: it asks the first of those who may know others */
}

void dht_shell_granted(void *state, const char *name)
{
    struct dht_shell *s = state;

    if (strcmp(name, "keys.datagram") != 0 || s->datagram == NULL) {
        return;
    }
    struct node_keys before = s->keys;
    enum err e = load_keys(s);
    e = e == ERR_OK ? datagram_rekey(s->datagram, &s->keys) : e;
    if (e == ERR_OK) {
        log_info("DHT-KEYS", "epoch=%" PRIu32 " keys=%" PRIu32, s->keys.cluster_epoch[0], s->keys.cluster_keys);
    } else {
        log_error("DHT-REKEY", "reason=%s effect=the old keys stay advice=cell restart dht", err_name(e));
        s->keys = before;
    }
    keys_forget(&before);
}

/* Who still waits is told that it is over. */
static void end_asks(struct dht_shell *s)
{
    while (s->asks != NULL) {
        struct dht_ask *ask = s->asks;
        const struct dht_done done = {.wish = ask->wish, .status = ERR_CANCELLED};
        s->asks = ask->next;
        ask->done(ask, &done);
    }
    dht_shell_early_stop(s);
    dht_say_stop(s);
    s->agains = NULL;
}

void dht_shell_stop(void *state)
{
    struct dht_shell *s = state;

    dht_shell_boot_close(s);
    dht_shell_members_stop(s);
    end_asks(s);
    if (s->core != NULL && s->datagram != NULL) {
        save(s, loop_now_us(), true);
    }
    loop_timer_free(s->timer);
    datagram_close(s->datagram);
    if (s->socket > 0) {
        fd_close(&s->socket);
    }
    if (s->dir > 0) {
        fd_close(&s->dir);
    }
    dht_own_free(&s->own);
    keys_forget(&s->keys);
    dht_sign_forget(&s->signer);
    free(s->memory);
    s->timer = NULL;
    s->datagram = NULL;
    s->core = s->memory = NULL;
    s->circle.member = NULL;
}
