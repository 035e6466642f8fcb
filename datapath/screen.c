#include "datapath/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/log.h"
#include "common/run/rights.h"
#include "datapath/cookie.h"
#include "datapath/minder.h"

enum {
    PORT_TEXT = 8,
};
#define LAST_WHY "its keeper, cell-shield, ended, and nobody starts another: start the cell anew"

static const char *hook_text(enum datapath_shield_hook hook)
{
    return hook == DATAPATH_SHIELD_XDP ? "xdp" : "tcx";
}

const char *datapath_screen_choice(const struct datapath_screen *s)
{
    static const char *const text[] = {[DATAPATH_ATTACH_AUTO] = "auto", [DATAPATH_ATTACH_NONE] = "off",
                                       [DATAPATH_ATTACH_ONLY_TC] = "tcx", [DATAPATH_ATTACH_ONLY_XDP] = "xdp"};

    return text[s->choice];
}

const char *datapath_screen_place(const struct datapath_screen *s)
{
    return s->is_judging ? hook_text(s->judge) : "nowhere";
}

const char *datapath_screen_verdict_name(enum datapath_shield_verdict v)
{
#define X(name, text) [DATAPATH_SHIELD_##name] = "SHIELD_" #name,
    static const char *const names[] = {DATAPATH_SHIELD_MAP(X)};
#undef X
    return names[v];
}

const char *datapath_screen_verdict_text(enum datapath_shield_verdict v)
{
#define X(name, text) [DATAPATH_SHIELD_##name] = text,
    static const char *const texts[] = {DATAPATH_SHIELD_MAP(X)};
#undef X
    return texts[v];
}

static void say_none(const struct datapath_screen *s)
{
    log_warn("DATAPATH-SHIELD-NONE", "shield=%s why=\"%s\" effect=\"the cell goes on without, and looks at every datagram itself\"",
             datapath_screen_choice(s), s->why);
}

/* ---- the keeper ------------------------------------------------------------------------------------------- */

static enum err send_ask(struct datapath_screen *s, enum datapath_keeper_kind kind, uint32_t value)
{
    const enum datapath_keeper_frames frames[DATAPATH_CHOICES] = {
        [DATAPATH_CHOICE_AUTO] = s->choice == DATAPATH_ATTACH_ONLY_TC ? DATAPATH_KEEPER_MEASURE : DATAPATH_KEEPER_PAYING,
        [DATAPATH_CHOICE_XDP] = DATAPATH_KEEPER_FRAMES};
    const struct datapath_keeper_ask ask = {.version = DATAPATH_KEEPER_VERSION, .kind = kind, .value = value,
                                            .frames = (uint32_t)frames[s->lane->choice]};

    return rights_send(s->keeper, &ask, sizeof ask, NULL, 0);
}

/* By hand there is no supervisor to start it, and another one when it ended: minder.h. It lies beside this program. */
static int start_minder(const char *interface, uint16_t port)
{
    char path[PATH_MAX], number[PORT_TEXT];
    const char *argv[] = {"cell-shield", "mind", interface, number, NULL};
    char *const nothing[] = {NULL};
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof "cell-shield");
    posix_spawn_file_actions_t actions;
    int pair[2];
    pid_t pid;

    (void)snprintf(number, sizeof number, "%u", port);
    if (len < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    path[len] = '\0';
    memcpy(strrchr(path, '/') + 1, "cell-shield", sizeof "cell-shield");
    int failed = posix_spawn_file_actions_init(&actions);
    failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(&actions, pair[1], DATAPATH_KEEPER_SOCKET);
    failed = failed != 0 ? failed : posix_spawn_file_actions_addclosefrom_np(&actions, DATAPATH_KEEPER_SOCKET + 1);
    failed = failed != 0 ? failed : posix_spawn(&pid, path, &actions, NULL, (char *const *)argv, nothing);
    (void)posix_spawn_file_actions_destroy(&actions);
    fd_close(&pair[1]);
    if (failed != 0) {
        fd_close(&pair[0]);
        errno = failed;
        return -1;
    }
    return pair[0];
}

/* The next keeper, from who starts them. */
static enum err take_keeper(const struct datapath_screen *s, int *ret)
{
    uint32_t says;
    int fds[RIGHTS_MAX];
    size_t count = 0;
    enum err e = rights_recv(s->minder, &says, sizeof says, fds, &count);

    if (e == ERR_OK && (says != DATAPATH_MINDER_SAYS || count != 1)) {
        rights_drop(fds, count);
        e = ERR_MALFORMED;
    }
    *ret = e == ERR_OK ? fds[0] : -1;
    return e;
}

static enum err map(struct datapath_screen *s, const struct datapath_screen_setup *setup,
                    const struct datapath_keeper_answer *a, const int fds[DATAPATH_SHIELD_MAPS])
{
    struct datapath_cookie_keys keys;
    uint8_t fresh[sizeof ((struct datapath_shield_config *)NULL)->source_key];

    if (getrandom(fresh, sizeof fresh, 0) != sizeof fresh) {
        return ERR_IO;
    }
    datapath_cookie_keys(setup->public, &keys);
    enum err e = datapath_shield_maps_open(&s->maps, fds, datapath_live_sets(setup->peers), a->processors, keys.mac1, fresh);
    sodium_memzero(fresh, sizeof fresh);
    if (e != ERR_OK) {
        (void)snprintf(s->why, sizeof s->why, "the shield's maps cannot be mapped: %s", err_text(e));
        return e;
    }
    datapath_shield_maps_own(&s->maps, setup->takes_own);
    return e;
}

/* What was measured, and the sockets, or why there are none. */
static void open_lane(struct datapath_screen *s, struct datapath_keeper_answer *a, int fds[RIGHTS_MAX])
{
    struct datapath_lane *l = s->lane;
    const struct datapath_choice_facts *f = &l->facts;

    a->frames_why[sizeof a->frames_why - 1] = '\0';
    datapath_lane_decide(l, &a->facts, a->frames_why[0] != '\0' ? a->frames_why : s->choice == DATAPATH_ATTACH_ONLY_TC ?
                         "the shield is to hang at tcx alone" : "");
    if (a->queues > 0 && datapath_lane_open(l, a, s->at, fds) == ERR_OK) {
        (void)snprintf(l->why, sizeof l->why, "XDP does not hang yet");
    }
    if (f->took_us > 0) {
        log_info("DATAPATH-MEASURED", "path=%s alone_ns=%u train_ns=%u past_ns=%u copies=%d took_us=%u past=%d trains=%d why=\"%s\"",
                 datapath_choice_name(l->choice), f->alone_ns, f->train_ns, f->past_ns, f->is_direct == 0, f->took_us, l->made.is_past,
                 l->made.has_trains, l->why);
    }
}

/* What LOAD was answered with. setup: of the first one; NULL: it is another. Descriptors are closed. */
static enum err take_load(struct datapath_screen *s, const struct datapath_screen_setup *setup, struct datapath_keeper_answer *answer,
                          int fds[RIGHTS_MAX], size_t count)
{
    answer->why[sizeof answer->why - 1] = '\0';
    enum err e = err_from_wire(answer->result);
    if (e != ERR_OK) {
        (void)snprintf(s->why, sizeof s->why, "%s", answer->why[0] != '\0' ? answer->why : err_text(e));
    } else if (answer->queues > DATAPATH_SHIELD_QUEUES ||
               count != (answer->queues > 0 ? DATAPATH_KEEPER_QUEUES + answer->queues : DATAPATH_SHIELD_MAPS)) {
        e = ERR_MALFORMED;
    } else if (setup != NULL) {
        e = map(s, setup, answer, fds);
    } else {
        e = datapath_shield_maps_again(&s->maps, fds, datapath_live_sets(s->peers), answer->processors);
    }
    if (e == ERR_OK) {
        open_lane(s, answer, fds);
    }
    while (count > 0) {
        fd_close(&fds[--count]); /* what is mapped stays so, and nobody else gets at the descriptors */
    }
    return e;
}

static enum err load(struct datapath_screen *s, const struct datapath_screen_setup *setup)
{
    const struct timeval limit = {.tv_sec = DATAPATH_KEEPER_WAIT_MS / 1000};
    enum err e = ERR_OK;
    struct datapath_keeper_answer answer;
    int fds[RIGHTS_MAX];
    size_t count = 0;

    if (s->minder >= 0) {
        (void)setsockopt(s->minder, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        e = take_keeper(s, &s->keeper);
    }
    (void)setsockopt(s->keeper, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    e = e == ERR_OK ? send_ask(s, DATAPATH_KEEPER_LOAD, setup->peers) : e;
    e = e == ERR_OK ? rights_recv(s->keeper, &answer, sizeof answer, fds, &count) : e;
    if (e != ERR_OK) {
        (void)snprintf(s->why, sizeof s->why, "cell-shield %s", e == ERR_PEER_DEAD ?
                       "did not start, or ended at once: standard error and log of whoever starts it say why" : "does not answer");
        return e;
    }
    return take_load(s, setup, &answer, fds, count);
}

static void open_shield(struct datapath_screen *s, const struct datapath_screen_setup *setup)
{
    *s = (struct datapath_screen){.choice = setup->choice, .keeper = setup->keeper, .minder = -1, .lane = setup->lane, .peers = setup->peers, .at = setup->at};
    if (s->choice == DATAPATH_ATTACH_NONE || (s->keeper < 0 && setup->interface[0] == '\0')) {
        fd_close(&s->keeper);
        if (s->choice == DATAPATH_ATTACH_ONLY_TC || s->choice == DATAPATH_ATTACH_ONLY_XDP) {
            (void)snprintf(s->why, sizeof s->why, "no interface was given to it: `shield` of its socket in sandbox.listen");
            say_none(s);
        }
        return;
    }
    if (s->keeper < 0) {
        s->minder = start_minder(setup->interface, setup->port);
        s->is_by_hand = true;
    }
    if (s->keeper < 0 && s->minder < 0) {
        (void)snprintf(s->why, sizeof s->why, "cell-shield does not start: %s", strerror(errno));
    } else {
        s->is_loaded = load(s, setup) == ERR_OK;
    }
    if (!s->is_loaded || fcntl(s->keeper, F_SETFL, O_NONBLOCK) != 0 || (s->minder >= 0 && fcntl(s->minder, F_SETFL, O_NONBLOCK) != 0)) {
        s->is_loaded = false;
        fd_close(&s->keeper);
        fd_close(&s->minder);
        say_none(s);
    }
}

void datapath_screen_open(struct datapath_screen *s, const struct datapath_screen_setup *setup)
{
    const struct datapath_choice_facts none = {.took_us = 0};

    datapath_lane_decide(setup->lane, &none, "");
    open_shield(s, setup);
    if (!s->is_loaded && (s->lane->choice == DATAPATH_CHOICE_AUTO || s->lane->choice == DATAPATH_CHOICE_XDP)) {
        (void)snprintf(s->lane->why, sizeof s->lane->why, "%s", s->why[0] != '\0' ? s->why : "no interface was given to the shield");
    }
}

/* ---- where it hangs ------------------------------------------------------------------------------------------ */

static void step(struct datapath_screen *s, const struct datapath_attach_event *ev);

/* Nobody keeps it any more: what hung is gone with him. */
static void lose(struct datapath_screen *s, const char *why)
{
    char said[DATAPATH_SHIELD_WHY];

    (void)snprintf(said, sizeof said, "%s", why);
    memcpy(s->why, said, sizeof s->why);
    loop_watch_free(s->watch);
    loop_timer_free(s->timer);
    s->watch = NULL;
    s->timer = NULL;
    s->is_judging = s->is_loading = false;
    s->again_ms = 0;
    datapath_shield_maps_set(&s->maps, DATAPATH_SHIELD_OFF, DATAPATH_SHIELD_TC);
    datapath_shield_maps_frames(&s->maps, false);
    if (s->lane->is_open) {
        datapath_lane_close(s->lane);
        (void)snprintf(s->lane->why, sizeof s->lane->why, "%s", s->why);
    }
    fd_close(&s->keeper);
    say_none(s);
}

/* Frames come to the lane while XDP judges. */
static void lead(struct datapath_screen *s, bool is_xdp)
{
    struct datapath_lane *l = s->lane;

    l->is_on = l->is_open && is_xdp;
    datapath_shield_maps_frames(&s->maps, l->is_on);
    if (l->is_open) {
        (void)snprintf(l->why, sizeof l->why, "%s", is_xdp ? "" : "XDP does not hang at the interface");
        log_info("DATAPATH-PATH", "path=%s at=%s queues=%u copies=%d", datapath_choice_name(l->choice), l->is_on ? "xdp" : "udp", l->queues, !l->is_direct);
    }
}

static void perform(struct datapath_screen *s, const struct datapath_attach_effect *e)
{
    switch (e->kind) {
    case DATAPATH_ATTACH_FX_HANG:
        (void)send_ask(s, DATAPATH_KEEPER_HANG, e->hook); /* who does not hear it ended, and that is told */
        break;
    case DATAPATH_ATTACH_FX_JUDGE:
        datapath_shield_maps_set(&s->maps, DATAPATH_SHIELD_GUARD, e->hook);
        s->is_judging = true;
        s->judge = e->hook;
        lead(s, e->hook == DATAPATH_SHIELD_XDP);
        s->why[0] = '\0';
        log_info("DATAPATH-SHIELD", "at=%s shield=%s", hook_text(e->hook), datapath_screen_choice(s));
        break;
    case DATAPATH_ATTACH_FX_TAKE_OFF:
        (void)send_ask(s, DATAPATH_KEEPER_TAKE_OFF, e->hook);
        break;
    case DATAPATH_ATTACH_FX_REFUSED:
        s->again_ms = loop_now_ms() + DATAPATH_ATTACH_AGAIN_MS;
        say_none(s);
        break;
    }
}

static void step(struct datapath_screen *s, const struct datapath_attach_event *ev)
{
    struct datapath_attach_effects fx;

    datapath_attach_step(&s->attach, ev, &fx);
    for (uint32_t i = 0; i < fx.count; i++) {
        perform(s, &fx.effect[i]);
    }
}

static enum err begin(struct datapath_screen *s);

static void on_keeper(void *context, unsigned bits)
{
    struct datapath_screen *s = context;
    struct datapath_keeper_answer answer;
    int fds[RIGHTS_MAX];
    size_t count = 0;
    enum err e = rights_recv(s->keeper, &answer, sizeof answer, fds, &count);

    if (e == ERR_OK && s->is_loading && answer.kind == DATAPATH_KEEPER_LOAD) {
        s->is_loading = false;
        e = take_load(s, NULL, &answer, fds, count);
        e = e == ERR_OK ? datapath_lane_watch(s->lane) : e;
        e = e == ERR_OK ? begin(s) : e;
        if (e != ERR_OK) {
            lose(s, s->why[0] != '\0' ? s->why : err_text(e));
        }
        return;
    }
    while (count > 0) {
        fd_close(&fds[--count]);
    }
    if (e == ERR_UNAVAILABLE) {
        return;
    }
    if (e != ERR_OK || !s->attach.is_asked || answer.kind != DATAPATH_KEEPER_HANG) {
        lose(s, s->is_by_hand && s->minder < 0 ? LAST_WHY : "its keeper, cell-shield, ended");
        return;
    }
    answer.why[sizeof answer.why - 1] = '\0';
    enum datapath_shield_hook hook = answer.value == DATAPATH_SHIELD_XDP ? DATAPATH_SHIELD_XDP : DATAPATH_SHIELD_TC;
    e = err_from_wire(answer.result);
    if (e != ERR_OK) {
        (void)snprintf(s->why, sizeof s->why, "%s", answer.why[0] != '\0' ? answer.why : err_text(e));
        log_info("DATAPATH-SHIELD-REFUSED", "at=%s reason=%s why=\"%s\"", hook_text(hook), err_name(e), s->why);
    }
    step(s, &(struct datapath_attach_event){.kind = DATAPATH_ATTACH_EV_HUNG, .now_ms = loop_now_ms(), .hook = hook, .result = e});
}

/* Another keeper, or nobody is there any more who would start one. */
static void on_minder(void *context, unsigned bits)
{
    struct datapath_screen *s = context;
    int keeper;
    enum err e = take_keeper(s, &keeper);

    if (e == ERR_OK) {
        datapath_screen_again(s, keeper);
    } else if (e != ERR_UNAVAILABLE) {
        loop_watch_free(s->minder_watch);
        s->minder_watch = NULL;
        fd_close(&s->minder);
        log_warn("DATAPATH-SHIELD-UNMINDED", "shield=%s effect=\"a keeper that ends is followed by none: start the cell anew\"", datapath_screen_choice(s));
        if (s->keeper < 0) {
            (void)snprintf(s->why, sizeof s->why, LAST_WHY);
        }
    }
}

/* Secrets of cookies change every two minutes, and only while somebody asks for some. Who shows one that the shield does
 * not know yet is one of many for a moment, no worse. */
static void tell_cookies(struct datapath_screen *s)
{
    uint8_t secret[2][DATAPATH_HASH_SIZE];
    uint32_t count;
    uint64_t born_ms = datapath_core_cookies(s->core, secret, &count);

    if (born_ms != s->cookies_ms) {
        datapath_shield_maps_cookies(&s->maps, (const uint8_t (*)[32])secret, count);
        s->cookies_ms = born_ms;
    }
    sodium_memzero(secret, sizeof secret);
}

static void on_look(void *context)
{
    struct datapath_screen *s = context;
    struct datapath_attach_event ev = {.kind = DATAPATH_ATTACH_EV_LOOK, .now_ms = loop_now_ms()};
    uint64_t count[DATAPATH_SHIELD_VERDICTS], look_ms = s->attach.look_ms;

    tell_cookies(s);
    datapath_shield_maps_count(&s->maps, count);
    ev.dropped = datapath_attach_dropped(count);
    if (s->again_ms != 0 && ev.now_ms >= s->again_ms) {
        s->again_ms = 0;
        ev.kind = DATAPATH_ATTACH_EV_BEGIN;
    }
    step(s, &ev);
    if (s->timer != NULL && s->attach.look_ms != look_ms) { /* it is not there any more when the keeper is lost */
        loop_timer_again(s->timer, s->attach.look_ms, s->attach.look_ms);
    }
}

/* What was loaded is hung. */
static enum err begin(struct datapath_screen *s)
{
    s->cookies_ms = UINT64_MAX;
    s->timer = loop_timer_new(s->loop, DATAPATH_ATTACH_LOOK_MS, DATAPATH_ATTACH_LOOK_MS, on_look, s);
    if (s->timer == NULL) {
        return ERR_NOMEM;
    }
    tell_cookies(s);
    /* Of no driver is known that XDP costs it nothing: it hangs in peace only where frames are to go past the host's stack. */
    datapath_attach_init(&s->attach, s->choice, s->lane->is_open);
    step(s, &(struct datapath_attach_event){.kind = DATAPATH_ATTACH_EV_BEGIN, .now_ms = loop_now_ms()});
    return ERR_OK;
}

enum err datapath_screen_start(struct datapath_screen *s, struct loop *loop, const struct datapath *core)
{
    s->loop = loop;
    s->core = core;
    if (!s->is_loaded) {
        return ERR_OK;
    }
    s->watch = loop_watch_new(loop, s->keeper, LOOP_READ, on_keeper, s);
    s->minder_watch = s->minder < 0 ? NULL : loop_watch_new(loop, s->minder, LOOP_READ, on_minder, s);
    return s->watch == NULL || (s->minder >= 0 && s->minder_watch == NULL) ? ERR_NOMEM : begin(s);
}

void datapath_screen_again(struct datapath_screen *s, int keeper)
{
    AUTO_FD int given = keeper;

    if (!s->is_loaded || given < 0 || fcntl(given, F_SETFL, O_NONBLOCK) != 0) {
        return; /* the core has no ids in a shield: that is so from its beginning on */
    }
    if (s->keeper >= 0) {
        lose(s, "its keeper, cell-shield, is another");
    }
    s->keeper = fd_take(&given);
    s->is_loading = true;
    s->watch = loop_watch_new(s->loop, s->keeper, LOOP_READ, on_keeper, s);
    if (s->watch == NULL || send_ask(s, DATAPATH_KEEPER_LOAD, s->peers) != ERR_OK) {
        lose(s, "its next keeper, cell-shield, ended at once");
    }
}

struct datapath_live *datapath_screen_live(struct datapath_screen *s)
{
    return s->is_loaded ? &s->maps.ids : NULL;
}

struct datapath_live *datapath_screen_callers(struct datapath_screen *s)
{
    return s->is_loaded ? &s->maps.callers : NULL;
}

void datapath_screen_heard(struct datapath_screen *s, const struct datapath_endpoint *from, uint64_t now_ms)
{
    if (s->is_loaded) {
        datapath_shield_maps_shown(&s->maps, from, now_ms);
    }
}

void datapath_screen_close(struct datapath_screen *s)
{
    loop_watch_free(s->watch);
    loop_watch_free(s->minder_watch);
    loop_timer_free(s->timer);
    s->watch = s->minder_watch = NULL;
    s->timer = NULL;
    fd_close(&s->minder);
    fd_close(&s->keeper);
    datapath_shield_maps_close(&s->maps);
    s->is_loaded = s->is_judging = false;
}
