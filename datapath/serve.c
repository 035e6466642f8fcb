/* The side of a rendezvous and of a relay: what members say, and what they are told. */
#include <string.h>

#include "datapath/meet.h"

enum {
    THOUSAND = 1000,
    MEET = DATAPATH_SIGNAL_OVER + 2 + 8 + 2 + DATAPATH_SIGNAL_MEMBER_MOST, /* bytes, at most */
};

_Static_assert((int)MEET <= (int)DATAPATH_WAYS_CALL_SIZE, "the answer to a call is not longer");

/* What our table has of their inner addresses; more than others are told are left out. */
static void list_one(void *context, uint32_t peer, const struct datapath_prefix *prefix)
{
    struct datapath_way *way = &((struct datapath_ways *)context)->way[peer];

    if (way->is_listing && way->listed < DATAPATH_SIGNAL_PREFIXES) {
        way->list[way->listed++] = *prefix;
    }
}

/* His are to be looked for anew. False: they are as they were. */
static bool forget_list(struct datapath_ways *w, uint32_t peer)
{
    struct datapath_way *way = datapath_ways_touch(w, peer);
    uint32_t changes = datapath_guide_changes(w->core, peer);

    way->is_listing = way->listed_changes != changes;
    way->listed_changes = changes;
    way->listed = way->is_listing ? 0 : way->listed;
    return way->is_listing;
}

/* A look at all prefixes: only when his changed, and this says so. */
static bool refresh(struct datapath_ways *w, uint32_t peer)
{
    if (!forget_list(w, peer)) {
        return false;
    }
    datapath_core_each_prefix(w->core, peer, list_one, w);
    w->way[peer].is_listing = false;
    return true;
}

void datapath_serve_describe(const void *ways, uint32_t peer, struct datapath_signal_member *m)
{
    const struct datapath_way *way = datapath_ways_of(ways, peer);
    const char *name = datapath_ways_name(ways, peer);

    if (way != NULL) {
        memcpy(m->name, name, strlen(name) + 1);
        m->prefixes = way->listed;
        memcpy(m->prefix, way->list, way->listed * sizeof *way->list);
    }
}

/* Who comes first has a name until he goes. False: it is another's. */
static bool name(struct datapath_ways *w, uint32_t peer, const struct datapath_signal *s)
{
    const char *wish = (s->flags & DATAPATH_SIGNAL_LEAVES) != 0 ? "" : s->name, *his = w->labels.of[peer].text;
    char former[DATAPATH_LABEL_SIZE];

    if (w->way[peer].named_by != 0 && wish[0] == '\0') {
        return true; /* another rendezvous' word stands */
    }
    memcpy(former, his, sizeof former);
    bool is_his = datapath_ways_call(w, peer, wish, 0);
    if (!is_his && w->way[peer].named_by == 0) {
        (void)datapath_ways_call(w, peer, "", 0); /* nor does he want the one that he had */
    }
    if (strcmp(former, his) != 0) {
        datapath_roll_changed(&w->roll, peer);
    }
    return is_his;
}

/* Where he is is for us to know as well: nobody else tells a rendezvous, and the NAT before him lets in whom he speaks to. */
static void remember(struct datapath_ways *w, struct datapath_time now, uint32_t peer)
{
    const struct datapath_roll_entry *e = &w->roll.entry[peer];
    struct datapath_way *way = &w->way[peer];
    size_t size = e->places * sizeof *e->place;

    if (e->state != DATAPATH_SIGNAL_HERE || (way->places == e->places && memcmp(way->place, e->place, size) == 0)) {
        return;
    }
    way->places = e->places;
    memcpy(way->place, e->place, size);
    if (way->is_active) {
        (void)datapath_ways_seek(w, now, peer); /* asks the new ones */
    }
}

enum datapath_ways_verdict datapath_serve_roll(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                               const struct datapath_endpoint *from, const struct datapath_signal *s,
                                               size_t size, struct datapath_ways_effects *fx)
{
    uint8_t text[DATAPATH_ROLL_TEXT];
    struct datapath_signal news;
    bool is_named = s->epoch != w->roll.epoch || name(w, peer, s);

    if (refresh(w, peer)) {
        datapath_roll_changed(&w->roll, peer);
    }
    datapath_roll_answer(&w->roll, now.ms, peer, datapath_guide_key(w->core, peer), from, s, size, &news, text);
    news.flags |= is_named ? 0 : DATAPATH_SIGNAL_REFUSED;
    remember(w, now, peer);
    w->numbers.names_refused += !is_named;
    datapath_ways_say(w, peer, from, &news, 0, false, fx);
    return DATAPATH_WAYS_HEARD;
}

/* The newest life of his that spoke to us: what names it is no use to the next one. */
static uint64_t life_of(const struct datapath_ways *w, uint32_t peer)
{
    return w->way[peer].window.life;
}

/* Tell `to` of `about`. */
static void introduce(struct datapath_ways *w, uint32_t to, const struct datapath_endpoint *at, uint32_t about,
                      struct datapath_ways_effects *fx)
{
    uint8_t bytes[DATAPATH_SIGNAL_MEMBER_MOST];
    struct datapath_signal s = {.kind = DATAPATH_SIGNAL_MEET, .life = life_of(w, to), .members = bytes};
    struct datapath_signal_member m;

    datapath_roll_member(&w->roll, about, datapath_guide_key(w->core, about), &m);
    s.members_size = datapath_signal_put_member(&m, bytes, sizeof bytes);
    datapath_ways_say(w, to, at, &s, 0, false, fx);
    w->numbers.meets++;
}

/* Take one from what he may ask for. */
static bool may_ask(struct datapath_way *way, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms - way->asks_ms, most = (uint64_t)DATAPATH_WAYS_ASK_BURST * THOUSAND;
    uint64_t asks = way->asks_ms == 0 || passed_ms >= most ? most : way->asks + passed_ms * DATAPATH_WAYS_ASK_RATE;

    asks = asks > most ? most : asks;
    way->asks_ms = now_ms;
    way->asks = (uint32_t)(asks < THOUSAND ? asks : asks - THOUSAND);
    return asks >= THOUSAND;
}

/* Only who is here, from where he is: nobody else's word moves anybody. Whom he asks for is *ret. */
static bool may_name(const struct datapath_ways *w, uint32_t peer, const struct datapath_endpoint *from,
                     const struct datapath_signal *s, uint32_t *ret)
{
    struct datapath_endpoint mine;

    return s->epoch == w->roll.epoch && datapath_roll_is_here(&w->roll, peer, &mine) && datapath_message_is_same(&mine, from) &&
           datapath_core_find(w->core, s->key, ret) && *ret != peer;
}

enum datapath_ways_verdict datapath_serve_call(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                               const struct datapath_endpoint *from, const struct datapath_signal *s,
                                               size_t size, struct datapath_ways_effects *fx)
{
    struct datapath_endpoint his;
    uint32_t other;

    if (size < DATAPATH_WAYS_CALL_SIZE) {
        return DATAPATH_WAYS_FALSE; /* the answer would be longer */
    }
    if (!may_name(w, peer, from, s, &other)) {
        return DATAPATH_WAYS_UNASKED;
    }
    if (!may_ask(&w->way[peer], now.ms)) {
        return DATAPATH_WAYS_MUCH;
    }
    introduce(w, peer, from, other, fx);
    if (datapath_roll_is_here(&w->roll, other, &his)) {
        introduce(w, other, &his, peer, fx);
    }
    return DATAPATH_WAYS_HEARD;
}

static void tell_relaying(struct datapath_ways *w, uint32_t to, const struct datapath_endpoint *at, uint32_t about, uint32_t id,
                          uint8_t flags, struct datapath_ways_effects *fx)
{
    struct datapath_signal s = {.kind = DATAPATH_SIGNAL_RELAYING, .life = life_of(w, to), .id = id, .flags = flags,
                                .epoch = w->roll.epoch};

    memcpy(s.key, datapath_guide_key(w->core, about), sizeof s.key);
    datapath_ways_say(w, to, at, &s, 0, false, fx);
}

enum datapath_ways_verdict datapath_serve_relay(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                                const struct datapath_endpoint *from, const struct datapath_signal *s,
                                                struct datapath_ways_effects *fx)
{
    struct datapath_relay_told told = {.id = 0};
    uint32_t other;

    if (!may_name(w, peer, from, s, &other)) {
        return DATAPATH_WAYS_UNASKED;
    }
    if (!may_ask(&w->way[peer], now.ms)) {
        return DATAPATH_WAYS_MUCH;
    }
    if (!w->config.is_relay || datapath_relay_ask(&w->relay, now.ms, peer, other, from, &w->random, &told) != ERR_OK) {
        tell_relaying(w, peer, from, other, 0, DATAPATH_SIGNAL_REFUSED, fx);
        return DATAPATH_WAYS_HEARD;
    }
    uint8_t flags = told.is_whole ? DATAPATH_SIGNAL_WHOLE : 0;
    tell_relaying(w, peer, from, other, told.id, flags, fx);
    if (told.is_whole) {
        tell_relaying(w, other, &told.other, peer, told.other_id, flags, fx);
    }
    return DATAPATH_WAYS_HEARD;
}

void datapath_serve_scan(struct datapath_ways *w, uint64_t now_ms)
{
    bool is_any = false;

    for (uint32_t peer = 0; peer < w->config.peers_max; peer++) {
        /* Who is no peer any more is taken off the roll. */
        if (datapath_ways_touch(w, peer)->serial != 0) {
            datapath_roll_enter(&w->roll, peer, datapath_guide_key(w->core, peer));
            is_any = forget_list(w, peer) || is_any;
        }
    }
    if (is_any) { /* one look for all of them: when a life begins they are all */
        datapath_core_each_prefix(w->core, DATAPATH_ALLOWED_NOBODY, list_one, w);
    }
    for (uint32_t peer = 0; is_any && peer < w->config.peers_max; peer++) {
        if (w->way[peer].is_listing) {
            w->way[peer].is_listing = false;
            datapath_roll_changed(&w->roll, peer);
        }
    }
    w->scan_ms = datapath_roll_clock(&w->roll, now_ms);
    for (uint32_t peer = 0; peer < w->config.peers_max; peer++) {
        struct datapath_endpoint at;
        if (w->labels.of[peer].text[0] != '\0' && w->way[peer].named_by == 0 && !datapath_roll_is_here(&w->roll, peer, &at)) {
            (void)datapath_label_give(&w->labels, peer, ""); /* who is silent is told of as away, and has no name */
        }
    }
}
