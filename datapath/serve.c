/* The side of a rendezvous and of a relay: what members say, and what they are told. */
#include <string.h>

#include "datapath/meet.h"

/* What our table has of his inner addresses; more than others are told are left out. */
struct listing {
    struct datapath_way *way;
};

static void list_one(void *context, const struct datapath_prefix *prefix)
{
    struct datapath_way *way = ((struct listing *)context)->way;

    if (way->listed < DATAPATH_SIGNAL_PREFIXES) {
        way->list[way->listed++] = *prefix;
    }
}

/* A look at all prefixes: only when his changed. True: they did. */
static bool refresh(struct datapath_ways *w, uint32_t peer)
{
    struct datapath_way *way = datapath_ways_touch(w, peer);
    uint32_t changes = datapath_guide_changes(w->core, peer);
    struct listing l = {.way = way};

    if (way->listed_changes == changes) {
        return false;
    }
    way->listed_changes = changes;
    way->listed = 0;
    datapath_core_each_prefix(w->core, peer, list_one, &l);
    return true;
}

void datapath_serve_list(const void *ways, uint32_t peer, struct datapath_signal_member *m)
{
    const struct datapath_way *way = datapath_ways_of(ways, peer);

    if (way != NULL) {
        m->prefixes = way->listed;
        memcpy(m->prefix, way->list, way->listed * sizeof *way->list);
    }
}

enum datapath_ways_verdict datapath_serve_roll(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                               const struct datapath_endpoint *from, const struct datapath_signal *s,
                                               size_t size, struct datapath_ways_effects *fx)
{
    uint8_t members[DATAPATH_SIGNAL_MOST];
    struct datapath_signal news;

    if (refresh(w, peer)) {
        datapath_roll_changed(&w->roll, peer);
    }
    datapath_roll_answer(&w->roll, now.ms, peer, datapath_guide_key(w->core, peer), from, s, size, &news, members);
    datapath_ways_say(w, peer, from, &news, 0, false, fx);
    return DATAPATH_WAYS_HEARD;
}

/* Tell `to` of `about`. */
static void introduce(struct datapath_ways *w, uint32_t to, const struct datapath_endpoint *at, uint32_t about,
                      struct datapath_ways_effects *fx)
{
    uint8_t bytes[DATAPATH_SIGNAL_MEMBER_MOST];
    struct datapath_signal s = {.kind = DATAPATH_SIGNAL_MEET, .members = bytes};
    struct datapath_signal_member m;

    datapath_roll_member(&w->roll, about, datapath_guide_key(w->core, about), &m);
    s.members_size = datapath_signal_put_member(&m, bytes, sizeof bytes);
    datapath_ways_say(w, to, at, &s, 0, false, fx);
    w->numbers.meets++;
}

enum datapath_ways_verdict datapath_serve_call(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                               const struct datapath_endpoint *from, const struct datapath_signal *s,
                                               struct datapath_ways_effects *fx)
{
    struct datapath_endpoint mine, his;
    uint32_t other;

    /* Only who is here, from where he is: nobody else's word moves anybody. */
    if (s->epoch != w->roll.epoch || !datapath_roll_is_here(&w->roll, peer, &mine) || !datapath_message_is_same(&mine, from) ||
        !datapath_core_find(w->core, s->key, &other) || other == peer) {
        return DATAPATH_WAYS_UNASKED;
    }
    introduce(w, peer, from, other, fx);
    if ((s->flags & DATAPATH_SIGNAL_QUERY) == 0 && datapath_roll_is_here(&w->roll, other, &his)) {
        introduce(w, other, &his, peer, fx);
    }
    return DATAPATH_WAYS_HEARD;
}

static void tell_relaying(struct datapath_ways *w, uint32_t to, const struct datapath_endpoint *at, uint32_t about, uint32_t id,
                          uint8_t flags, struct datapath_ways_effects *fx)
{
    struct datapath_signal s = {.kind = DATAPATH_SIGNAL_RELAYING, .id = id, .flags = flags, .epoch = w->roll.epoch};

    memcpy(s.key, datapath_guide_key(w->core, about), sizeof s.key);
    datapath_ways_say(w, to, at, &s, 0, false, fx);
}

enum datapath_ways_verdict datapath_serve_relay(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                                const struct datapath_endpoint *from, const struct datapath_signal *s,
                                                struct datapath_ways_effects *fx)
{
    struct datapath_relay_told told = {.id = 0};
    uint32_t other;

    if (s->epoch != w->roll.epoch || !datapath_core_find(w->core, s->key, &other) || other == peer) {
        return DATAPATH_WAYS_UNASKED;
    }
    if (w->config.is_relay && (s->flags & DATAPATH_SIGNAL_LEAVES) != 0) {
        return datapath_relay_end(&w->relay, peer, other) == ERR_OK ? DATAPATH_WAYS_HEARD : DATAPATH_WAYS_UNASKED;
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
    for (uint32_t peer = 0; peer < w->config.peers_max; peer++) {
        /* Who is no peer any more is taken off the roll. */
        if (w->way[peer].serial != 0 && datapath_ways_touch(w, peer)->serial != 0 && refresh(w, peer)) {
            datapath_roll_changed(&w->roll, peer);
        }
    }
    w->scan_ms = datapath_roll_clock(&w->roll, now_ms);
}
