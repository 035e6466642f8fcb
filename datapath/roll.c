#include "datapath/roll.h"

#include <assert.h>
#include <string.h>

enum { /* names are what is left of a datagram: a byte for each, at least */
    NEWS_HEAD = 2 + 19 + 4 + 2 + 8 + 8 + 8 + 4 + 1, /* of a NEWS, besides members */
};

size_t datapath_roll_size(uint32_t peers)
{
    return ((size_t)peers + DATAPATH_ROLL_TOMBS) * sizeof(struct datapath_roll_entry);
}

void datapath_roll_init(struct datapath_roll *r, void *memory, uint32_t peers, uint64_t epoch, uint64_t now_ms)
{
    assert(epoch != 0);
    memset(memory, 0, datapath_roll_size(peers));
    *r = (struct datapath_roll){.epoch = epoch, .peers_max = peers, .entry = memory, .look_ms = now_ms};
}

/* ---- the list ----------------------------------------------------------------------------------------- */

static void unlink_entry(struct datapath_roll *r, uint32_t at)
{
    struct datapath_roll_entry *e = &r->entry[at];

    *(e->before == 0 ? &r->first : &r->entry[e->before - 1].after) = e->after;
    *(e->after == 0 ? &r->last : &r->entry[e->after - 1].before) = e->before;
    e->before = e->after = 0;
}

/* To the end of the list, as the newest change. */
static void append(struct datapath_roll *r, uint32_t at)
{
    struct datapath_roll_entry *e = &r->entry[at];

    e->change = ++r->change;
    e->before = r->last;
    e->after = 0;
    *(r->last == 0 ? &r->first : &r->entry[r->last - 1].after) = at + 1;
    r->last = at + 1;
}

static void move(struct datapath_roll *r, uint32_t at)
{
    if (r->entry[at].change != 0) {
        unlink_entry(r, at);
    }
    append(r, at);
}

static void set_state(struct datapath_roll *r, uint32_t at, enum datapath_signal_state state)
{
    r->here += state == DATAPATH_SIGNAL_HERE;
    r->here -= r->entry[at].state == DATAPATH_SIGNAL_HERE;
    r->entry[at].state = state;
}

/* ---- members ------------------------------------------------------------------------------------------ */

static bool is_as_known(const struct datapath_roll_entry *e, const struct datapath_signal *said, const struct datapath_endpoint *from)
{
    if (e->state != DATAPATH_SIGNAL_HERE || e->places != said->places + 1 || !datapath_message_is_same(&e->place[0], from)) {
        return false;
    }
    for (uint32_t i = 0; i < said->places; i++) {
        if (!datapath_message_is_same(&e->place[i + 1], &said->place[i])) {
            return false;
        }
    }
    return true;
}

/* He is there, at `from`, and perhaps where he says. */
static void bind(struct datapath_roll *r, uint64_t now_ms, uint32_t peer, const uint8_t key[DATAPATH_NOISE_KEY],
                 const struct datapath_endpoint *from, const struct datapath_signal *said)
{
    struct datapath_roll_entry *e = &r->entry[peer];
    struct datapath_signal cut = *said;

    cut.places = datapath_message_keep_places(cut.place, cut.places, from);
    cut.places = cut.places < DATAPATH_SIGNAL_PLACES ? cut.places : DATAPATH_SIGNAL_PLACES - 1;
    e->heard_ms = now_ms;
    if (is_as_known(e, &cut, from)) {
        return;
    }
    memcpy(e->key, key, sizeof e->key);
    e->place[0] = *from;
    memcpy(&e->place[1], cut.place, cut.places * sizeof *cut.place);
    e->places = cut.places + 1;
    set_state(r, peer, DATAPATH_SIGNAL_HERE);
    move(r, peer);
}

static void leave(struct datapath_roll *r, uint32_t peer)
{
    if (r->entry[peer].state == DATAPATH_SIGNAL_HERE) {
        set_state(r, peer, DATAPATH_SIGNAL_AWAY);
        r->entry[peer].places = 0;
        move(r, peer);
    }
}

void datapath_roll_enter(struct datapath_roll *r, uint32_t peer, const uint8_t key[DATAPATH_NOISE_KEY])
{
    if (r->entry[peer].state == 0) {
        memcpy(r->entry[peer].key, key, sizeof r->entry[peer].key);
        set_state(r, peer, DATAPATH_SIGNAL_AWAY);
        move(r, peer);
    }
}

void datapath_roll_changed(struct datapath_roll *r, uint32_t peer)
{
    if (r->entry[peer].state != 0) {
        move(r, peer);
    }
}

void datapath_roll_removed(struct datapath_roll *r, uint32_t peer)
{
    struct datapath_roll_entry *e = &r->entry[peer];
    uint32_t at = r->peers_max + r->next_tomb;
    struct datapath_roll_entry *tomb = &r->entry[at];

    if (e->state == 0) {
        return; /* nobody heard of him */
    }
    r->next_tomb = (r->next_tomb + 1) % DATAPATH_ROLL_TOMBS;
    if (tomb->change != 0) { /* the oldest: whoever has not heard of it asks for all */
        r->floor = tomb->change;
        unlink_entry(r, at);
    }
    *tomb = (struct datapath_roll_entry){.state = DATAPATH_SIGNAL_GONE};
    memcpy(tomb->key, e->key, sizeof tomb->key);
    append(r, at);
    unlink_entry(r, peer);
    set_state(r, peer, 0);
    *e = (struct datapath_roll_entry){.state = 0};
}

bool datapath_roll_is_here(const struct datapath_roll *r, uint32_t peer, struct datapath_endpoint *ret)
{
    *ret = r->entry[peer].place[0];
    return r->entry[peer].state == DATAPATH_SIGNAL_HERE;
}

static void describe(const struct datapath_roll *r, uint32_t at, struct datapath_signal_member *ret)
{
    const struct datapath_roll_entry *e = &r->entry[at];

    /* Where a link's address was heard from is a place for us alone. */
    uint32_t first = e->places > 0 && datapath_message_is_of_link(&e->place[0]);

    *ret = (struct datapath_signal_member){.state = e->state, .places = e->places - first};
    memcpy(ret->key, e->key, sizeof ret->key);
    memcpy(ret->place, e->place + first, ret->places * sizeof *e->place);
    if (at < r->peers_max && r->describe != NULL) {
        r->describe(r->context, at, ret);
    }
}

void datapath_roll_member(const struct datapath_roll *r, uint32_t peer, const uint8_t key[DATAPATH_NOISE_KEY],
                          struct datapath_signal_member *ret)
{
    describe(r, peer, ret);
    ret->state = ret->state == 0 ? DATAPATH_SIGNAL_AWAY : ret->state;
    memcpy(ret->key, key, sizeof ret->key);
}

/* ---- answers ------------------------------------------------------------------------------------------ */

/* The first entry whose change is newer than what he has, + 1; 0: there is none. Mostly he has nearly all, or is where the last
 * page ended; or nearly nothing. False: it is far from both ends of the list. */
static bool find_after(struct datapath_roll *r, uint64_t change, uint32_t cursor, uint32_t *ret)
{
    uint32_t late = r->last, early = r->first;

    r->walked = 0;
    *ret = early;
    if (change == 0) {
        return true;
    }
    if (cursor < r->peers_max + DATAPATH_ROLL_TOMBS && r->entry[cursor].change == change) {
        *ret = r->entry[cursor].after;
        return true;
    }
    if (late == 0 || r->entry[late - 1].change <= change) {
        *ret = 0;
        return true;
    }
    for (uint32_t steps = 0; steps < DATAPATH_ROLL_STEPS; steps++, r->walked += 2) {
        uint32_t before = r->entry[late - 1].before;
        if (before == 0 || r->entry[before - 1].change <= change) {
            *ret = late;
            return true;
        }
        if (r->entry[early - 1].change > change) {
            *ret = early;
            return true;
        }
        late = before;
        early = r->entry[early - 1].after; /* the last of all is newer: there is one */
    }
    return false;
}

/* As many of the members as there is room for. */
static void fill(const struct datapath_roll *r, uint32_t peer, uint32_t at, size_t room, struct datapath_signal *ret, uint8_t *text)
{
    uint8_t *names = text + DATAPATH_SIGNAL_MOST;
    struct datapath_signal_member m;

    for (; at != 0; at = r->entry[at - 1].after) {
        if (at - 1 != peer) { /* he knows where he is */
            describe(r, at - 1, &m);
            size_t left = room - ret->members_size - ret->names_size;
            size_t used = datapath_signal_put_member(&m, text + ret->members_size, left);
            size_t called = used == 0 ? 0 : datapath_signal_put_name(m.name, names + ret->names_size, left - used);
            if (called == 0) {
                ret->flags |= DATAPATH_SIGNAL_MORE;
                return;
            }
            ret->members_size += used;
            ret->names_size += called;
        }
        ret->sequence = r->entry[at - 1].change;
        ret->cursor = at - 1;
    }
    ret->sequence = r->change;
}

void datapath_roll_answer(struct datapath_roll *r, uint64_t now_ms, uint32_t peer, const uint8_t key[DATAPATH_NOISE_KEY],
                          const struct datapath_endpoint *from, const struct datapath_signal *ask, size_t size,
                          struct datapath_signal *ret, uint8_t *text)
{
    bool is_heard = ask->epoch == r->epoch, goes_on = is_heard && (ask->flags & DATAPATH_SIGNAL_FULL) != 0;
    bool is_full = !is_heard || ask->sequence > r->change || (ask->sequence < r->floor && !goes_on);
    size_t most = size < DATAPATH_SIGNAL_MOST ? size : DATAPATH_SIGNAL_MOST;
    uint32_t at;

    assert(size >= DATAPATH_SIGNAL_LEAST && peer < r->peers_max);
    *ret = (struct datapath_signal){.kind = DATAPATH_SIGNAL_NEWS, .seen = *from, .epoch = r->epoch, .question = ask->question,
                                    .members = text, .names = text + DATAPATH_SIGNAL_MOST, .sequence = is_full ? 0 : ask->sequence, .cursor = ask->cursor};
    if (is_heard && (ask->flags & DATAPATH_SIGNAL_LEAVES) != 0) {
        leave(r, peer);
    } else if (is_heard) {
        bind(r, now_ms, peer, key, from, ask);
    }
    if (!find_after(r, ret->sequence, ret->cursor, &at)) {
        ret->sequence = 0; /* he asks for what is long ago: all that there is, instead of a walk along it */
        at = r->first;
    }
    ret->flags = ret->sequence == 0 ? DATAPATH_SIGNAL_FULL : 0;
    ret->count = r->here;
    if (!is_heard) {
        ret->flags |= DATAPATH_SIGNAL_MORE; /* he says it again, and this time it counts */
        return;
    }
    fill(r, peer, at, most - DATAPATH_SIGNAL_OVER - NEWS_HEAD, ret, text);
}

uint64_t datapath_roll_clock(struct datapath_roll *r, uint64_t now_ms)
{
    if (now_ms >= r->look_ms) {
        for (uint32_t i = 0; i < r->peers_max; i++) {
            if (r->entry[i].state == DATAPATH_SIGNAL_HERE && now_ms - r->entry[i].heard_ms >= DATAPATH_ROLL_KEEP_MS) {
                leave(r, i);
            }
        }
        r->look_ms = now_ms + DATAPATH_ROLL_LOOK_MS;
    }
    return r->look_ms;
}
