#include "raft/shell.h"

#include <assert.h>
#include <inttypes.h>
#include <malloc.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "raft/slices.h"

enum { US = 1000 };

void raft_shell_fail(struct raft_shell *s, const char *what)
{
    /* What is on disk is known to a new process only; whatever this one has not answered stays unanswered. */
    log_error("RAFT-FAILED", "why=\"%s: %s\" action=\"this process ends, the next one recovers\"", what, s->store.why);
    _exit(1);
}

/* ---- time ---------------------------------------------------------------------------------------- */

/* A timer that is there already and fires too early looks again then: deadlines go on with every message, and setting it
 * costs more than the step did. */
static void arm(struct raft_shell *s, uint64_t now_us)
{
    uint64_t left_us = s->fx.due_us > now_us ? s->fx.due_us - now_us : 0;

    if (s->armed_us != 0 && s->armed_us <= s->fx.due_us) {
        return;
    }
    s->armed_us = s->fx.due_us;
    loop_timer_again(s->timer, left_us == 0 ? 0 : (left_us + US - 1) / US, 0);
}

void raft_shell_hurry(struct raft_shell *s)
{
    s->armed_us = 1;
    loop_timer_again(s->timer, 0, 0);
}

void raft_shell_return(struct raft_shell *s, uint64_t at_us)
{
    uint64_t now_us = loop_now_us();

    if (s->armed_us == 0 || s->armed_us > at_us) {
        s->armed_us = at_us;
        loop_timer_again(s->timer, at_us > now_us ? (at_us - now_us + US - 1) / US : 0, 0);
    }
}

static void on_due(void *context)
{
    struct raft_shell *s = context;

    s->armed_us = 0;
    if (s->core != NULL) {
        (void)raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_CLOCK});
    }
}

/* ---- effects ------------------------------------------------------------------------------------- */

static struct raft_shell_mark *add_mark(struct raft_shell *s, uint64_t ticket)
{
    assert(s->marks < ARRAY_LEN(s->mark));
    struct raft_shell_mark *m = &s->mark[(s->mark_first + s->marks++) % ARRAY_LEN(s->mark)];

    *m = (struct raft_shell_mark){.ticket = ticket};
    return m;
}

static uint64_t term_before(struct raft_shell *s, uint64_t index)
{
    uint64_t term = 0;

    if (index > 1 && !raft_core_term_of(s->core, index - 1, &term)) {
        raft_shell_fail(s, "the term before an appended entry is not known");
    }
    return term;
}

static void put_item(struct raft_shell *s, const struct raft_syncer_item *item, uint64_t *ret_ticket)
{
    enum err e = raft_syncer_put(s->syncer, item, ret_ticket);

    if (e != ERR_OK || s->marks == ARRAY_LEN(s->mark)) {
        /* Room was made sure of before the core was asked; without it memory and disk would part. */
        raft_shell_fail(s, "no room for what must be written");
    }
}

/* Room in memory for entries. What is applied, and sent to all members that keep up, need not stay there. */
uint8_t *raft_shell_reserve(struct raft_shell *s, uint32_t size)
{
    if (raft_cache_is_long(&s->cache)) {
        uint64_t oldest = raft_cache_oldest(&s->cache), needed = s->applied + 1;
        struct raft_peer_view p;

        for (uint32_t i = 0; s->lead_index != 0 && raft_core_peer(s->core, i, &p); i++) {
            needed = p.next >= oldest && p.next < needed ? p.next : needed;
        }
        raft_cache_need(&s->cache, needed);
    }
    return raft_cache_reserve(&s->cache, size);
}

/* Entries that the core has in its log: into memory and to the disk. */
static void append(struct raft_shell *s, const struct raft_effect *fx)
{
    struct raft_syncer_item item = {.kind = RAFT_SYNCER_RUN, .run = fx->run, .prev_term = term_before(s, fx->run.first)};
    uint8_t *loose = NULL;
    uint64_t ticket;

    if (fx->source == RAFT_SOURCE_PROPOSAL) {
        assert(fx->run.size == s->gather_size && s->gather != NULL);
        item.run.bytes = s->gather;
        s->gather = NULL;
        s->gather_size = 0;
    } else {
        if (s->gather != NULL) {
            raft_shell_ask_drop_gathered(s, ERR_UNAVAILABLE); /* it stood where this goes now */
        }
        uint8_t *at = raft_shell_reserve(s, fx->run.size);
        if (at == NULL) {
            at = loose = malloc(fx->run.size);
        }
        if (at == NULL) {
            raft_shell_fail(s, "no memory for entries");
        }
        memcpy(at, fx->run.bytes, fx->run.size);
        item.run.bytes = at;
    }
    put_item(s, &item, &ticket);
    if (loose == NULL) {
        raft_cache_put(&s->cache, fx->run.first, fx->run.term, fx->run.count, fx->run.size, ticket);
    } else {
        raft_cache_truncate(&s->cache, fx->run.first);
    }
    struct raft_shell_mark *m = add_mark(s, ticket);
    m->index = fx->run.first + fx->run.count - 1;
    m->term = fx->run.term;
    m->epoch = fx->epoch;
    m->loose = loose;
}

/* Entries from `at` on: from memory, or from disk; good until the next ones. */
static bool find_part(struct raft_shell *s, uint64_t at, struct raft_run *ret)
{
    if (raft_cache_find(&s->cache, at, RAFT_RUN_MAX, ret)) {
        return true;
    }
    enum err e = raft_store_read(&s->store, &s->places, &s->send_cursor, at, ret);
    if (e == ERR_DATA_LOSS) {
        raft_shell_fail(s, "the log cannot be read back");
    }
    return e == ERR_OK;
}

static void cut_to(struct raft_run *run, uint32_t count)
{
    if (run->count > count) {
        run->size = raft_cache_bytes(run, count);
        run->count = count;
    }
}

/* The bytes of a message's run: mostly one batch as it is in memory, for a member that lags several or some of the
 * disk's. */
static bool fill_run(struct raft_shell *s, struct raft_run *run, uint8_t **ret_owned)
{
    uint32_t want = run->count, count = 0, size = 0;
    uint8_t *bytes = NULL;

    while (count < want) {
        struct raft_run part;
        if (!find_part(s, run->first + count, &part) || part.term != run->term) {
            return false;
        }
        cut_to(&part, want - count);
        if (part.count == want) {
            *run = part;
            return true;
        }
        if (size + part.size > RAFT_RUN_MAX) {
            return false;
        }
        bytes = bytes != NULL ? bytes : (*ret_owned = malloc(RAFT_RUN_MAX));
        if (bytes == NULL) {
            return false;
        }
        memcpy(bytes + size, part.bytes, part.size);
        size += part.size;
        count += part.count;
    }
    run->bytes = bytes;
    run->size = size;
    return true;
}

/* With a heartbeat goes what the log does not have yet: the time, by which leases and sessions end. */
static void send_clock(struct raft_shell *s, const struct raft_message *heartbeat)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_CLOCK, .from = s->member, .to = heartbeat->to, .term = heartbeat->term};

    if (s->is_leading && raft_service_clock(&s->service, &m.round)) {
        raft_peers_send(s, &m);
    }
}

static void send_message(struct raft_shell *s, const struct raft_effect *fx)
{
    AUTO_FREE uint8_t *owned = NULL;
    struct raft_message m = fx->message;

    if (m.kind != RAFT_MESSAGE_APPEND || m.run.count == 0 || fill_run(s, &m.run, &owned)) {
        raft_peers_send(s, &m);
    }
    if (m.kind == RAFT_MESSAGE_HEARTBEAT) {
        send_clock(s, &m);
    }
}

static void became(struct raft_shell *s, const struct raft_effect *fx)
{
    static const char *const words[] = {"follower", "precandidate", "candidate", "leader"};
    bool leads = fx->role == RAFT_LEADER;

    log_info("RAFT-ROLE", "role=%s term=%" PRIu64 " leader=%016" PRIx64, words[fx->role], fx->term, fx->leader);
    cell_metric_set(s->metric_term, (double)fx->term);
    cell_metric_set(s->metric_leader, leads);
    cell_metric_add(s->metric_elections, leads);
    if (leads && s->lead_index == 0) {
        s->lead_index = raft_core_view(s->core).last; /* its own first entry: effects come before anything proposed */
        raft_service_elect(&s->service, term_before(s, s->lead_index));
    } else if (!leads && s->lead_index != 0) {
        s->lead_index = 0;
        if (s->is_leading) {
            s->is_leading = false;
            raft_service_leave(&s->service);
        }
        raft_shell_ask_lost(s, ERR_ABORTED);
    }
}

static void changed(struct raft_shell *s, const struct raft_effect *fx)
{
    raft_peers_set(s, fx->config, s->member);
    log_info("RAFT-CONFIG", "index=%" PRIu64 " members=%" PRIu32 " committed=%d", fx->index, fx->config->count, fx->is_ok);
    if (fx->is_ok && s->change != NULL && fx->index >= s->change_index && !raft_config_is_joint(fx->config)) {
        struct raft_pending *p = s->change;
        s->change = NULL;
        p->index = fx->index;
        p->done(p, ERR_OK, NULL);
    }
}

void raft_shell_install_log(struct raft_shell *s, const struct raft_effect *fx)
{
    struct raft_event installed = {
        .kind = RAFT_EV_SNAPSHOT_INSTALLED, .index = fx->index, .term = fx->term, .epoch = fx->epoch};
    uint64_t ticket;

    if (fx->is_ok) {
        s->installed = installed; /* the log has what comes after it already */
        return;
    }
    raft_cache_truncate(&s->cache, 1);
    put_item(s, &(struct raft_syncer_item){.kind = RAFT_SYNCER_BASE, .run = {.first = fx->index + 1}, .prev_term = fx->term},
             &ticket);
    struct raft_shell_mark *m = add_mark(s, ticket);
    m->index = fx->index;
    m->term = fx->term;
    m->epoch = fx->epoch;
    m->is_install = true;
}

static void transferred(struct raft_shell *s, bool is_ok)
{
    struct raft_pending *p = s->transfer;

    log_info("RAFT-TRANSFERRED", "ok=%d", is_ok);
    s->transfer = NULL;
    if (p != NULL) { /* somebody asked for it */
        p->done(p, is_ok ? ERR_OK : ERR_TIMEOUT, NULL);
    }
}

static void perform_one(struct raft_shell *s, const struct raft_effect *fx)
{
    uint64_t ticket;

    switch (fx->kind) {
    case RAFT_FX_STORE_VOTE:
        put_item(s, &(struct raft_syncer_item){.kind = RAFT_SYNCER_VOTE, .vote = fx->vote}, &ticket);
        break;
    case RAFT_FX_TRUNCATE:
        raft_cache_truncate(&s->cache, fx->index);
        break;
    case RAFT_FX_APPEND:
        append(s, fx);
        break;
    case RAFT_FX_SEND:
        send_message(s, fx);
        break;
    case RAFT_FX_COMMIT:
        s->commit = fx->index > s->commit ? fx->index : s->commit;
        break;
    case RAFT_FX_CUT:
        raft_syncer_retire(s->syncer, raft_places_cut(&s->places, fx->index));
        break;
    case RAFT_FX_READ_READY:
        raft_shell_ask_ready(s, fx->context, fx->index, true);
        break;
    case RAFT_FX_READ_FAILED:
        raft_shell_ask_ready(s, fx->context, 0, false);
        break;
    case RAFT_FX_CHANGED:
        changed(s, fx);
        break;
    case RAFT_FX_BECAME:
        became(s, fx);
        break;
    case RAFT_FX_SNAPSHOT_SEND:
        raft_shell_snapshot_send(s, fx->peer);
        break;
    case RAFT_FX_SNAPSHOT_CHUNK:
        raft_shell_install_chunk(s, s->event->message);
        break;
    case RAFT_FX_SNAPSHOT_MORE:
        raft_shell_snapshot_more(s, fx);
        break;
    case RAFT_FX_SNAPSHOT_INSTALL:
        raft_shell_install_begin(s, fx);
        break;
    case RAFT_FX_SNAPSHOT_ABORT:
        raft_shell_snapshot_abort(s, fx->peer);
        break;
    case RAFT_FX_TRANSFERRED:
        transferred(s, fx->is_ok);
        break;
    case RAFT_FX_REPAIRED:
        log_info("RAFT-REPAIRED", "effect=\"this member votes again\"");
        put_item(s, &(struct raft_syncer_item){.kind = RAFT_SYNCER_REPAIRED}, &ticket);
        break;
    case RAFT_FX_REMOVED:
        log_warn("RAFT-REMOVED", "member=%016" PRIx64 " effect=\"it is in no configuration any more, and asks nobody for anything\""
                 " action=\"stop it; or empty its directory, and it comes back as another member\"", s->member);
        break;
    case RAFT_FX_CLOCK:
        raft_lessor_hear(&s->service.lessor, fx->term, fx->context);
        break;
    }
}

static void perform(struct raft_shell *s)
{
    for (uint32_t i = 0; i < s->fx.count; i++) {
        perform_one(s, &s->fx.item[i]);
    }
}

/* Time that this process did not run is nobody's silence. */
static void tell_stall(struct raft_shell *s, uint64_t now_us)
{
    uint64_t due_us = s->fx.due_us;

    if (due_us != 0 && now_us > due_us + RAFT_SHELL_STALL_US) {
        (void)raft_core_step(s->core, now_us, &(struct raft_event){.kind = RAFT_EV_STALL, .size = now_us - due_us}, &s->fx);
        perform(s);
        log_debug("RAFT-STALL", "ms=%" PRIu64, (now_us - due_us) / US);
    }
}

enum err raft_shell_step(struct raft_shell *s, const struct raft_event *ev)
{
    uint64_t now_us = loop_now_us();

    assert(!s->is_stepping); /* what effects lead to is done when all of them are */
    s->is_stepping = true;
    s->event = ev;
    tell_stall(s, now_us);
    enum err e = raft_core_step(s->core, now_us, ev, &s->fx);
    perform(s);
    s->is_stepping = false;
    arm(s, now_us);
    return e;
}

/* What is committed is applied, what that makes possible follows, until nothing is left that goes on by itself, or others are
 * to have their turn: a leader's messages come in by pieces of 64 KiB, one a turn, and heartbeats stand behind entries, so
 * long turns would be taken for its silence. */
static void settle(struct raft_shell *s)
{
    if (s->installed.index != 0) {
        struct raft_event installed = s->installed;
        s->installed.index = 0;
        (void)raft_shell_step(s, &installed);
    }
    bool goes_on = !raft_shell_install_is_loading(s);
    uint64_t until_us = loop_now_us() + RAFT_SHELL_SLICE_US;
    while (goes_on && s->applied < s->commit && loop_now_us() < until_us) {
        goes_on = raft_shell_apply(s); /* not: what comes next is not durable here */
        (void)raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_APPLIED, .index = s->applied});
    }
    if (s->lead_index != 0 && !s->is_leading && s->applied >= s->lead_index) {
        s->is_leading = true;
        raft_service_lead(&s->service);
    }
    raft_shell_ask_reads(s);
    if (goes_on && s->applied < s->commit) {
        raft_shell_hurry(s); /* more, when others had their turn */
    }
}

/* ---- what is on disk ----------------------------------------------------------------------------- */

static void take_done(struct raft_shell *s, const struct raft_syncer_done *done)
{
    switch (done->kind) {
    case RAFT_SYNCER_RUN:
    case RAFT_SYNCER_BASE:
        if (raft_places_add(&s->places, &done->frame, done->segment, done->at) != ERR_OK) {
            raft_shell_fail(s, "no memory for where entries stand");
        }
        break;
    case RAFT_SYNCER_VOTE:
        (void)raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_VOTE_STORED, .vote = done->vote});
        break;
    case RAFT_SYNCER_REPAIRED:
        s->trouble = "";
        break;
    }
}

static void tell_stored(struct raft_shell *s, const struct raft_shell_mark *m)
{
    (void)raft_shell_step(s, &(struct raft_event){.kind = m->is_install ? RAFT_EV_SNAPSHOT_INSTALLED : RAFT_EV_STORED,
                                                  .index = m->index, .term = m->term, .epoch = m->epoch});
}

static void tell_speed(struct raft_shell *s)
{
    struct raft_syncer_numbers n;

    raft_syncer_count(s->syncer, &n);
    cell_metric_set(s->metric_sync, n.batches > 0 ? (double)n.sync_us / (double)n.batches : 0);
}

static void on_synced(void *context, unsigned bits)
{
    struct raft_shell *s = context;
    const struct raft_syncer_done *done;
    struct raft_shell_mark last = {0};
    uint64_t ticket;
    uint32_t count;

    (void)bits;
    if (raft_syncer_take(s->syncer, &done, &count, &ticket) != ERR_OK) {
        raft_shell_fail(s, "writing failed");
    }
    for (uint32_t i = 0; i < count; i++) {
        take_done(s, &done[i]);
    }
    raft_cache_written(&s->cache, ticket);
    tell_speed(s);
    while (s->marks > 0 && s->mark[s->mark_first].ticket <= ticket) {
        last = s->mark[s->mark_first];
        free(last.loose);
        s->mark_first = (s->mark_first + 1) % ARRAY_LEN(s->mark);
        s->marks--;
        /* The last one says it for those before it, but for a new base. */
        if (last.is_install) {
            tell_stored(s, &last);
        }
    }
    if (last.ticket != 0 && !last.is_install) {
        tell_stored(s, &last);
    }
    bool is_full = raft_syncer_is_full(s->syncer);
    if (is_full != (strcmp(s->trouble, "the disk is full") == 0) && s->trouble[0] != 'd') {
        log_warn("RAFT-DISK-FULL", "full=%d effect=\"nothing new is taken until there is room for a segment\"", is_full);
        s->trouble = is_full ? "the disk is full" : "";
    }
}

/* Whoever follows has to say that entries are on its disk before it has anything else to do. But a leader has heartbeats to
 * send, and a majority to answer them, however slow their disks are. */
static void write_here(struct raft_shell *s)
{
    for (int round = 0; round < 4 && raft_core_may_rest(s->core) && raft_syncer_write_here(s->syncer); round++) {
        on_synced(s, 0);
    }
}

/* First what others wait for: members for entries and for word that they are durable, the disk for work. Then there is
 * time to apply what is committed, and to answer. Whether that led to something to propose or to read. */
static bool turn(struct raft_shell *s, uint64_t now_ms)
{
    raft_shell_ask_flush(s);
    raft_peers_take_kept(s);
    raft_shell_snapshot_turn(s);
    write_here(s);
    raft_peers_flush(s, now_ms);
    raft_syncer_go(s->syncer);
    settle(s);
    return s->gathered.count + s->reads.count > 0;
}

/* Whoever takes over needs two of three votes, and this member's disk has nothing else to do: not without that answer. */
static void end_hand_over(struct raft_shell *s)
{
    struct raft_view v = raft_core_view(s->core);

    if (s->hands_over && !v.is_transferring && !v.is_asked) {
        s->hands_over = false;
        raft_peers_end(s);
    }
}

void raft_shell_tick(void *state, uint64_t now_ms)
{
    struct raft_shell *s = state;

    if (!s->is_open) {
        return;
    }
    if (s->core == NULL) {
        raft_found_turn(s, now_ms);
        return;
    }
    raft_found_join(s, now_ms);
    bool has_more = turn(s, now_ms) && turn(s, now_ms);
    has_more = raft_service_hash_turn(&s->service) || has_more;
    raft_peers_flush(s, now_ms);
    end_hand_over(s);
    raft_shell_trim(s, now_ms);
    raft_shell_tell_past(s);
    cell_metric_set(s->metric_late, (double)raft_core_view(s->core).late_us);
    const char *trouble = raft_shell_trouble(s);
    cell_set_trouble(s->cell, trouble[0] != '\0' ? trouble : NULL);
    if (has_more) {
        raft_shell_hurry(s);
    }
}

/* ---- life ---------------------------------------------------------------------------------------- */

enum err raft_shell_open(struct cell *cell, void *state)
{
    struct raft_shell *s = state;
    char why[CONF_WHY_SIZE];

    /* A store that one thread loaded is changed by the other: what one frees must be there for the other. */
    (void)mallopt(M_ARENA_MAX, 1);
    raft_slices_shorten(); /* before the doors close: they do not let this call through */
    s->cell = cell;
    s->trouble = "";
    s->store = (struct raft_store){.dir_fd = -1, .lock_fd = -1, .ballot_fd = -1, .read_fd = -1};
    s->snapshots.event_fd = -1;
    s->installing.event_fd = s->installing.receiving.fd = s->installing.fd = -1;
    for (size_t i = 0; i < ARRAY_LEN(s->snapshots.sending); i++) {
        s->snapshots.sending[i].fd = -1;
    }
    raft_kv_init(&s->kv);
    enum err e = raft_settings_read(cell_config(cell), cell_name(cell), cell_instance(cell), cell->birth.node, &s->settings, why);
    if (e != ERR_OK) {
        log_error("RAFT-CONFIG-REFUSED", "why=\"%s\"", e == ERR_INVALID ? why : err_text(e));
        return e;
    }
    s->metric_puts = cell_metric_counter(cell, "cell_raft_proposed_total", "commands proposed here");
    s->metric_applied = cell_metric_counter(cell, "cell_raft_applied_total", "entries applied");
    s->metric_term = cell_metric_gauge(cell, "cell_raft_term", "term");
    s->metric_leader = cell_metric_gauge(cell, "cell_raft_leads", "1: this member leads");
    s->metric_sync = cell_metric_gauge(cell, "cell_raft_sync_us", "microseconds that a batch took to reach the disk, mean");
    s->metric_late = cell_metric_gauge(cell, "cell_raft_late_us", "microseconds that heartbeats, or their answers, were late lately");
    s->metric_refused = cell_metric_counter(cell, "cell_raft_refused_total", "packets of other members that could not be read or were not for this one");
    s->metric_rotten = cell_metric_counter(cell, "cell_raft_rotten_total", "logs and snapshots found damaged on this member's disk");
    s->metric_dropped = cell_metric_counter(cell, "cell_raft_dropped_total", "messages to and from members that found no room: they come again");
    s->metric_past = cell_metric_gauge(cell, "cell_raft_past_bytes", "bytes of old values on disk");
    s->metric_past_rotten = cell_metric_counter(cell, "cell_raft_past_rotten_total", "old values that could not be read back from the disk");
    s->metric_past_unwritten = cell_metric_counter(cell, "cell_raft_past_unwritten_total", "writes of old values that failed: they stayed in memory");
    s->metric_unmade = cell_metric_counter(cell, "cell_raft_snapshots_failed_total", "snapshots that could not be made");
    s->metric_elections = cell_metric_counter(cell, "cell_raft_elected_total", "elections won");
    if (cell_state_dir(cell)[0] == '\0') {
        log_error("RAFT-NO-STATE", "why=\"sandbox.write of this cell does not grant state\" effect=\"nothing would be durable\"");
        return ERR_PRECONDITION;
    }
    return ERR_OK;
}

/* The log once more, in the order that counts: into the core's index, and its newest part into memory. */
static enum err recover_core(struct raft_shell *s, const struct raft_wal *w)
{
    struct raft_store_cursor c = {0};
    enum err e = ERR_OK;

    for (uint64_t index = w->base + 1; index <= w->last && e == ERR_OK;) {
        struct raft_run run;
        e = raft_store_read(&s->store, &s->places, &c, index, &run);
        e = e == ERR_OK ? raft_core_recover(s->core, &run) : e;
        if (e == ERR_OK) {
            uint8_t *at = raft_cache_reserve(&s->cache, run.size);
            memcpy(at, run.bytes, run.size); /* there is room: nothing is being written */
            raft_cache_put(&s->cache, run.first, run.term, run.count, run.size, 0);
            index += run.count;
        }
    }
    raft_store_cursor_fini(&c);
    return e;
}

static enum err make_core(struct raft_shell *s, const struct raft_wal *w)
{
    struct raft_setup setup = {.cluster = s->cluster, .self = s->member, .vote = s->store.ballot.vote,
                               .snapshot = s->snapshots.head.index, .snapshot_term = s->snapshots.head.term,
                               .damaged_to = s->store.ballot.repair_to, .tuning = raft_core_usual()};
    const struct raft_snapshot_head *h = &s->snapshots.head;
    enum err e = ERR_OK;

    if (h->index > 0) {
        e = raft_config_unpack(h->config, h->config_size, &setup.config);
    } else if (s->store.founders_size > 0) {
        e = raft_config_unpack(s->store.founders, s->store.founders_size, &setup.config);
    }
    setup.tuning.heartbeat_us = (uint64_t)s->settings.heartbeat_ms * US;
    setup.tuning.election_us = (uint64_t)s->settings.election_ms * US;
    setup.tuning.tail = s->settings.tail;
    setup.tuning.kept_bytes = (uint64_t)s->settings.log_mib << 20;
    setup.tuning.has_lease = s->settings.lease_reads;
    s->core_memory = calloc(1, raft_core_size());
    if (e != ERR_OK || s->core_memory == NULL || getrandom(&setup.seed, sizeof setup.seed, 0) != sizeof setup.seed) {
        return e != ERR_OK ? e : ERR_NOMEM;
    }
    e = raft_core_init(s->core_memory, &setup, &s->core);
    e = e == ERR_OK ? recover_core(s, w) : e;
    if (e == ERR_OK) {
        s->commit = s->applied = h->index;
        s->applied_config = setup.config;
        raft_core_start(s->core, loop_now_us(), &s->fx);
    }
    return e;
}

/* A snapshot that the log does not reach, or that another leader's log went past: the log begins behind it. */
static enum err match_snapshot(struct raft_shell *s, struct raft_wal *w)
{
    const struct raft_snapshot_head *h = &s->snapshots.head;
    struct raft_store_cursor c = {0};
    struct raft_run run = {.term = w->base_term};

    bool is_in = h->index <= w->last && h->index >= w->base;
    if (is_in && h->index > w->base) {
        enum err e = raft_store_read(&s->store, &s->places, &c, h->index, &run);
        raft_store_cursor_fini(&c); /* its term is what is wanted */
        if (e != ERR_OK) {
            return e;
        }
    }
    if (h->index == 0 || (is_in && run.term == h->term)) {
        return ERR_OK;
    }
    log_warn("RAFT-LOG-REPLACED", "snapshot=%" PRIu64 " last=%" PRIu64 " effect=\"the log begins behind the snapshot\"",
             h->index, w->last);
    return raft_store_rebase(&s->store, w, &s->places, h->index, h->term);
}

static void say_found(struct raft_shell *s, const struct raft_wal *w, const struct raft_wal_found *found)
{
    switch (found->verdict) {
    case RAFT_WAL_CLEAN:
        break;
    case RAFT_WAL_TORN:
        log_info("RAFT-LOG-TORN", "segment=%" PRIu64 " at=%" PRIu32 " effect=\"the last batch, never acknowledged, is dropped\"",
                 found->segment, found->at);
        break;
    case RAFT_WAL_DAMAGED:
        log_error("RAFT-LOG-DAMAGED", "segment=%" PRIu64 " at=%" PRIu32 " why=\"%s\" left=%" PRIu64
                  " effect=\"no vote until other members have repaired it\"", found->segment, found->at, found->reason, w->last);
        cell_metric_add(s->metric_rotten, 1);
        break;
    }
    s->trouble = s->store.ballot.repair_to != 0 ? "damaged: waits for other members to repair the log" : "";
    log_info("RAFT-LOG", "member=%016" PRIx64 " cluster=%016" PRIx64 " first=%" PRIu64 " last=%" PRIu64 " snapshot=%" PRIu64
             " term=%" PRIu64, s->member, s->cluster, w->base + 1, w->last, s->snapshots.head.index, s->store.ballot.vote.term);
}

enum err raft_shell_begin(struct raft_shell *s)
{
    struct raft_wal w;
    struct raft_wal_found found;

    s->cluster = s->store.owner.cluster;
    s->member = s->store.owner.member;
    s->store.is_alone = s->settings.peers < 2;
    raft_shell_keep_past(s, &s->kv);
    enum err e = raft_shell_snapshot_open(s);
    e = e == ERR_OK ? raft_store_recover(&s->store, s->snapshots.head.index, &w, &s->places, NULL, NULL, &found) : e;
    if (e != ERR_OK) {
        log_error("RAFT-LOG-REFUSED", "reason=%s why=\"%s\"", err_name(e), s->store.why);
        return e;
    }
    say_found(s, &w, &found);
    e = raft_shell_snapshot_put_aside(s);
    e = e == ERR_OK ? match_snapshot(s, &w) : e;
    e = e == ERR_OK ? raft_cache_open(&s->cache, s->settings.cache_mib << 20) : e;
    e = e == ERR_OK ? raft_syncer_open(&s->store, &w, &s->syncer) : e;
    if (e == ERR_OK) {
        s->syncer_watch = loop_watch_new(host_loop(s->cell), raft_syncer_fd(s->syncer), LOOP_READ, on_synced, s);
        e = s->syncer_watch != NULL ? make_core(s, &w) : ERR_NOMEM;
        e = e == ERR_OK ? raft_found_check(s) : e;
    }
    if (e != ERR_OK) {
        log_error("RAFT-START-FAILED", "reason=%s why=\"%s\"", err_name(e), s->store.why);
        return e;
    }
    raft_peers_set(s, raft_core_view(s->core).config, s->member);
    raft_peers_greet(s);
    perform(s);
    arm(s, loop_now_us());
    raft_shell_hurry(s); /* a turn, for what the first step asks for */
    return ERR_OK;
}

enum err raft_shell_start(struct cell *cell, void *state)
{
    struct raft_shell *s = state;
    bool is_fresh = false;

    s->timer = loop_timer_new(host_loop(cell), 1000, 0, on_due, s);
    if (s->timer == NULL) {
        return ERR_NOMEM;
    }
    enum err e = raft_store_open(&s->store, cell_state_dir(cell), &is_fresh);
    if (e != ERR_OK) {
        log_error("RAFT-STORE-REFUSED", "reason=%s why=\"%s\"", err_name(e), s->store.why);
        return e;
    }
    e = raft_service_start(&s->service, s);
    s->is_open = e == ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    return is_fresh ? raft_found_begin(s) : raft_shell_begin(s);
}

/* Told to end: whoever leads hands over first, so that nobody has to notice that it is gone. Until that has come to an
 * end, well or not, members are spoken with as before: a link that closes is a sign to them to look for a leader by
 * themselves, and the word to lead would be lost among that. */
void raft_shell_drain(void *state)
{
    struct raft_shell *s = state;

    s->is_draining = true;
    if (s->core != NULL && raft_core_view(s->core).role == RAFT_LEADER) {
        (void)raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_TRANSFER});
        s->hands_over = raft_core_view(s->core).is_transferring;
        raft_shell_tick(s, loop_now_ms());
    }
    if (!s->hands_over) {
        raft_peers_end(s);
    }
}

void raft_shell_stop(void *state)
{
    struct raft_shell *s = state;

    s->is_stopping = true;
    raft_shell_ask_lost(s, ERR_ABORTED);
    raft_service_stop(&s->service);
    raft_peers_end(s);
    raft_found_end(s);
    loop_watch_free(s->syncer_watch);
    raft_syncer_close(s->syncer);
    raft_shell_snapshot_close(s);
    loop_timer_free(s->timer);
    if (s->core != NULL) {
        raft_core_fini(s->core);
    }
    free(s->core_memory);
    raft_peers_fini(s);
    raft_store_cursor_fini(&s->apply_cursor);
    raft_store_cursor_fini(&s->send_cursor);
    raft_cache_close(&s->cache);
    raft_places_fini(&s->places);
    raft_kv_fini(&s->kv);
    raft_store_close(&s->store);
    s->core = s->core_memory = NULL;
    s->syncer = NULL;
    s->syncer_watch = NULL;
    s->timer = NULL;
}
