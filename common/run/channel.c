#include "common/run/channel.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/shm_bell.h"
#include "common/run/shm_chan.h"
#include "common/run/shm_meet.h"

enum {
    LOOK_EVERY = 64, /* turns of a spin between two looks at the clock; a power of two */
    PS_PER_NS = 1000,
    ROW_FREE = 0, /* counters_row.state */
    ROW_USED = 1,
    ROW_ENDED = 2,
};

struct channel {
    struct cell *cell;
    const struct channel_hooks *hooks;
    void *context;
    struct shm_meet *meet; /* until it is up                          */
    struct loop_timer *meet_timer;
    struct shm *shm;       /* from then on                            */
    struct shm_mail *mail;
    struct loop_watch *watch; /* of the handshake's socket            */
    struct loop_watch *death_watch; /* of the peer's pidfd; NULL: none */
    enum err broken;       /* why it is to end                        */
    uint64_t in, out;
    uint64_t spins;        /* waits that ended with its message, while looking */
    uint64_t counted;      /* in + out when its row was written               */
    struct counters_row *row; /* NULL: it has none                            */
    bool is_armed;
};

/* All that a cell has. */
struct channels {
    struct channel *at[CHANNEL_MAX];
    size_t count;
    struct channel *last; /* that a message went through                  */
    struct shm_wait wait;
    uint64_t slice_us;    /* when this turn's began; 0: not read yet      */
    uint64_t armed_us;    /* when the loop last went to sleep; 0: it took
                           * something since                              */
    bool is_warm;         /* messages went through since it last slept    */
};

static void on_sign(void *context, unsigned bits);
static void on_death(void *context, unsigned bits);

/* ---- the set ------------------------------------------------------------------------------------ */

static struct channels *set_of(struct cell *cell)
{
    if (cell->channels == NULL) {
        cell->channels = calloc(1, sizeof *cell->channels);
        if (cell->channels != NULL) {
            shm_wait_init(&cell->channels->wait, shm_bell_turn_ps());
        }
    }
    return cell->channels;
}

static void leave_set(struct channel *ch)
{
    struct channels *set = ch->cell->channels;

    for (size_t i = 0; i < set->count; i++) {
        if (set->at[i] == ch) {
            set->at[i] = set->at[--set->count];
            break;
        }
    }
    if (set->last == ch) {
        set->last = NULL;
    }
}

void channels_close(struct cell *cell)
{
    assert(cell->channels == NULL || cell->channels->count == 0);
    free(cell->channels);
    cell->channels = NULL;
}

/* ---- coming up and ending ----------------------------------------------------------------------- */

static void end(struct channel *ch, enum err why)
{
    bool is_dead = ch->shm != NULL && shm_chan_peer_has_ended(ch->shm);

    ch->hooks->end(ch->context, why, is_dead); /* frees it */
}

static enum err open_mail(struct channel *ch)
{
    size_t message = (size_t)ch->cell->birth.message_bytes;
    size_t held = message * CHANNEL_HELD_MESSAGES;
    const struct shm_mail_limits limits = {
        .size = 2 * message + 4096, /* as of sockets: a little too large gets an answer that says so */
        .held = held < CHANNEL_HELD_BYTES ? CHANNEL_HELD_BYTES : held,
        .held_count = CHANNEL_HELD_MAX,
    };
    enum err e = shm_mail_open(ch->shm, &limits, &ch->mail);

    if (e != ERR_OK) {
        return e;
    }
    loop_watch_free(ch->watch);
    ch->watch = loop_watch_new(ch->cell->loop, shm_chan_socket(ch->shm), LOOP_READ, on_sign, ch);
    if (shm_chan_pidfd(ch->shm) >= 0) {
        ch->death_watch = loop_watch_new(ch->cell->loop, shm_chan_pidfd(ch->shm), LOOP_READ, on_death, ch);
    }
    bool has_both = ch->watch != NULL && (ch->death_watch != NULL || shm_chan_pidfd(ch->shm) < 0);
    return has_both ? ERR_OK : ERR_NOMEM;
}

static void on_handshake(void *context, unsigned bits)
{
    struct channel *ch = context;

    (void)bits;
    enum err e = shm_meet_step(ch->meet, &ch->shm);
    if (e == ERR_LATER) {
        return;
    }
    if (e == ERR_OK) {
        e = open_mail(ch);
    }
    if (e != ERR_OK) {
        end(ch, e);
        return;
    }
    shm_meet_end(ch->meet);
    ch->meet = NULL;
    loop_timer_free(ch->meet_timer);
    ch->meet_timer = NULL;
    ch->hooks->up(ch->context);
}

static void on_meet_late(void *context)
{
    end(context, ERR_TIMEOUT);
}

static void end_after_the_rest(struct channel *ch, enum err why)
{
    if (shm_mail_has(ch->mail)) {
        channel_break(ch, why); /* after what it had sent */
    } else {
        end(ch, why);
    }
}

/* The peer made a sign, which has done its work by waking us; or it is over. */
static void on_sign(void *context, unsigned bits)
{
    struct channel *ch = context;

    (void)bits;
    ch->is_armed = false;
    enum err e = shm_hear(ch->shm);
    if (e != ERR_OK) {
        loop_watch_want(ch->watch, 0); /* a hang-up stays readable */
        end_after_the_rest(ch, e);
    }
}

static void on_death(void *context, unsigned bits)
{
    struct channel *ch = context;

    (void)bits;
    ch->is_armed = false;
    enum err e = shm_disarm(ch->shm);
    if (e != ERR_OK) {
        loop_watch_want(ch->death_watch, 0);
        end_after_the_rest(ch, e);
    }
}

/* ---- the page of counters ----------------------------------------------------------------------- */

/* A row nobody uses; else that of a channel that has ended. */
static struct counters_row *find_row(struct counters_page *page)
{
    struct counters_row *ended = NULL;

    for (size_t i = 0; i < COUNTERS_ROWS; i++) {
        if (page->row[i].state == ROW_FREE) {
            return &page->row[i];
        }
        if (page->row[i].state == ROW_ENDED && ended == NULL) {
            ended = &page->row[i];
        }
    }
    return ended;
}

static void take_row(struct channel *ch, enum shm_role role, const char *peer)
{
    struct counters_row *row = ch->cell->page == NULL ? NULL : find_row(ch->cell->page);

    if (row != NULL) {
        __atomic_store_n(&row->state, ROW_FREE, __ATOMIC_RELAXED);
        *row = (struct counters_row){.role = role};
        (void)snprintf(row->peer, sizeof row->peer, "%s", peer);
        __atomic_store_n(&row->state, ROW_USED, __ATOMIC_RELEASE);
    }
    ch->row = row;
}

static void count_one(struct channel *ch)
{
    struct channel_numbers n;

    channel_read(ch, &n);
    counters_set(&ch->row->in, n.in);
    counters_set(&ch->row->out, n.out);
    counters_set(&ch->row->wakes, n.wakes);
    counters_set(&ch->row->elided, n.elided);
    counters_set(&ch->row->spins, ch->spins);
    counters_set(&ch->row->held, n.held);
    ch->counted = ch->in + ch->out;
}

void channels_count(struct cell *cell)
{
    struct channels *set = cell->channels;

    for (size_t i = 0; set != NULL && i < set->count; i++) {
        struct channel *ch = set->at[i];
        if (ch->row != NULL && ch->counted != ch->in + ch->out) {
            count_one(ch);
        }
    }
}

static struct shm_meet_config config_of(const uint8_t key[SHM_KEY_LEN])
{
    /* Slots and loans are for those who use channels by hand: messages need rings only. */
    struct shm_meet_config config = {
        .shape = {.slots = 1, .stride = SHM_SHAPE_STRIDE_MIN,
                  .ring_bytes = shm_post_ring_bytes(CHANNEL_RING_BYTES)},
        .peer_uid = geteuid(), /* all cells of a node run as one user */
    };

    memcpy(config.key, key, sizeof config.key);
    return config;
}

enum err channel_new(struct cell *cell, enum shm_role role, int *socket,
                     const uint8_t key[SHM_KEY_LEN], const char *peer,
                     const struct channel_hooks *hooks, void *context, struct channel **ret)
{
    AUTO_FD int taken = fd_take(socket);
    struct channels *set = set_of(cell);

    if (set == NULL) {
        return ERR_NOMEM;
    }
    if (set->count == CHANNEL_MAX) {
        return ERR_LIMIT;
    }
    struct channel *ch = calloc(1, sizeof *ch);
    if (ch == NULL) {
        return ERR_NOMEM;
    }
    *ch = (struct channel){.cell = cell, .hooks = hooks, .context = context, .broken = ERR_OK};
    set->at[set->count++] = ch;
    take_row(ch, role, peer);
    struct shm_meet_config config = config_of(key);
    enum err e = shm_meet_begin(role, &taken, &config, &ch->meet);
    explicit_bzero(&config, sizeof config);
    if (e == ERR_OK) {
        ch->watch = loop_watch_new(cell->loop, shm_meet_socket(ch->meet), LOOP_READ, on_handshake, ch);
        ch->meet_timer = loop_timer_new(cell->loop, CHANNEL_MEET_MS, 0, on_meet_late, ch);
        e = ch->watch == NULL || ch->meet_timer == NULL ? ERR_NOMEM : ERR_OK;
    }
    if (e != ERR_OK) {
        channel_free(ch);
        return e;
    }
    *ret = ch;
    return ERR_OK;
}

void channel_free(struct channel *ch)
{
    if (ch == NULL) {
        return;
    }
    leave_set(ch);
    if (ch->row != NULL) {
        count_one(ch);
        __atomic_store_n(&ch->row->state, ROW_ENDED, __ATOMIC_RELEASE);
    }
    loop_watch_free(ch->watch);
    loop_watch_free(ch->death_watch);
    loop_timer_free(ch->meet_timer);
    shm_meet_end(ch->meet);
    shm_mail_close(ch->mail);
    shm_close(ch->shm);
    free(ch);
}

bool channel_is_up(const struct channel *ch)
{
    return ch->mail != NULL && ch->meet == NULL && ch->broken == ERR_OK;
}

bool channel_is_clear(const struct channel *ch)
{
    return channel_is_up(ch) && shm_mail_is_clear(ch->mail);
}

int32_t channel_peer_pid(const struct channel *ch)
{
    return ch->shm == NULL ? 0 : shm_chan_peer_pid(ch->shm);
}

void channel_break(struct channel *ch, enum err why)
{
    if (ch->broken == ERR_OK) {
        ch->broken = why;
        loop_hot(ch->cell->loop, true); /* the next turn comes at once */
    }
}

void channel_read(const struct channel *ch, struct channel_numbers *ret)
{
    size_t bytes;

    *ret = (struct channel_numbers){.in = ch->in, .out = ch->out};
    if (ch->shm != NULL && ch->mail != NULL) {
        shm_chan_wakes(ch->shm, &ret->wakes, &ret->elided);
        ret->held = shm_mail_held(ch->mail, &bytes);
    }
}

/* ---- messages ----------------------------------------------------------------------------------- */

uint8_t *channel_room(struct channel *ch, uint32_t number, size_t size)
{
    return shm_mail_room(ch->mail, number, size);
}

static void touch(struct channel *ch)
{
    struct channels *set = ch->cell->channels;

    set->last = ch;
    set->is_warm = true;
}

void channel_send(struct channel *ch)
{
    ch->out++;
    touch(ch);
    shm_mail_send(ch->mail);
}

/* Take what is there. False: the channel has ended, and is no more. */
static bool take_from(struct channel *ch, bool *ret_is_taken)
{
    struct shm_mail_message message;
    enum err e = shm_mail_is_clear(ch->mail) ? ERR_OK : shm_mail_flush(ch->mail);

    for (int i = 0; e == ERR_OK && i < CHANNEL_PER_TURN && shm_mail_has(ch->mail); i++) {
        e = shm_mail_take(ch->mail, &message);
        if (e == ERR_OK) {
            ch->in++;
            touch(ch);
            *ret_is_taken = true;
            ch->hooks->take(ch->context, message.number, message.data, message.size);
        }
    }
    e = e == ERR_LATER ? ERR_OK : e;
    if (e == ERR_OK && ch->broken != ERR_OK && !shm_mail_has(ch->mail)) {
        e = ch->broken;
    }
    if (e != ERR_OK) {
        *ret_is_taken = true;
        end(ch, e);
        return false;
    }
    return true;
}

static bool take_all(struct channels *set)
{
    bool is_taken = false;

    for (size_t i = 0; i < set->count;) {
        struct channel *ch = set->at[i];
        /* Its place may be another's once it has ended. */
        if (ch->mail == NULL || ch->meet != NULL || take_from(ch, &is_taken)) {
            i++;
        }
    }
    return is_taken;
}

/* ---- waiting ------------------------------------------------------------------------------------ */

static struct channel *find_any(const struct channels *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->at[i]->mail != NULL && shm_mail_has(set->at[i]->mail)) {
            return set->at[i];
        }
    }
    return NULL;
}

/* Look for a while. Not when the last peer runs where we do: it cannot speak while we spin. */
static bool spin(struct channels *set)
{
    if (set->last == NULL || shm_chan_is_near(set->last->shm)) {
        return false;
    }
    uint32_t turns = shm_wait_begin(&set->wait, false), made = 0;
    uint64_t most_ns = (uint64_t)turns * set->wait.turn_ps / PS_PER_NS, begun_ns = 0, spun_ns = 0;

    while (made < turns && spun_ns < most_ns) {
        struct channel *found = find_any(set);
        if (found != NULL) {
            found->spins++;
            if (!shm_wait_is_clean(&set->wait)) {
                shm_wait_hit(&set->wait);
            }
            return true;
        }
        __builtin_ia32_pause();
        if (++made % LOOK_EVERY == 0) { /* the quick ones read no clock */
            uint64_t now_ns = shm_bell_now_ns();
            begun_ns = begun_ns == 0 ? now_ns : begun_ns;
            spun_ns = now_ns - begun_ns;
        }
    }
    if (made > LOOK_EVERY) {
        shm_wait_miss(&set->wait, made - LOOK_EVERY, spun_ns);
    }
    return false;
}

static void rouse(struct channels *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct channel *ch = set->at[i];
        if (ch->is_armed) {
            ch->is_armed = false;
            shm_rouse(ch->shm);
        }
    }
}

/* Ask every peer for a sign. False: something has come meanwhile. */
static bool arm(struct channels *set)
{
    bool may_sleep = true;

    for (size_t i = 0; i < set->count; i++) {
        struct channel *ch = set->at[i];
        if (ch->mail != NULL && ch->meet == NULL) {
            ch->is_armed = true;
            if (!shm_mail_arm(ch->mail) || ch->broken != ERR_OK) {
                (void)shm_turn(ch->shm); /* calls by slot, which nobody serves here, are refused */
                may_sleep = false;
            }
        }
    }
    return may_sleep;
}

static bool is_slice_over(struct channels *set)
{
    uint64_t now_us = loop_now_us();

    set->slice_us = set->slice_us == 0 ? now_us : set->slice_us;
    return now_us - set->slice_us >= CHANNEL_SLICE_US;
}

bool channels_linger(struct cell *cell, bool is_first)
{
    struct channels *set = cell->channels;

    if (set == NULL) {
        return false;
    }
    if (set->count == 0) { /* the last one may have gone while the loop was to come back at once */
        loop_hot(cell->loop, false);
        return false;
    }
    if (is_first) {
        set->slice_us = 0;
        rouse(set);
    }
    if (take_all(set) || (set->is_warm && spin(set) && take_all(set))) {
        if (!is_slice_over(set)) {
            return true;
        }
        loop_hot(cell->loop, true); /* look at the rest, and come back */
        return false;
    }
    set->is_warm = false;
    if (!arm(set)) {
        rouse(set);
        if (!is_slice_over(set)) {
            return true;
        }
        loop_hot(cell->loop, true);
        return false;
    }
    loop_hot(cell->loop, false);
    return false;
}
