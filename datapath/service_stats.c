/* What the overlay and its shield counted since the start of the process. */
#include "datapath/service.h"

#include <assert.h>
#include <string.h>

#include "datapath/shell.h"
#include "proto/datapath.pb-c.h"

enum {
    SHELL_COUNTS = 32, /* at most, of what is counted here and not in a core of its own */
    COUNTS_MAX = SHELL_COUNTS + DATAPATH_FRAMES_COUNTS + DATAPATH_SHIELD_VERDICTS,
};

struct list {
    Cell__Datapath__Count count[COUNTS_MAX], *slot[COUNTS_MAX];
    size_t len;
};

struct said {
    const char *name, *text;
    uint64_t value;
};

static void add(struct list *l, const struct said *said, size_t count)
{
    assert(l->len + count <= COUNTS_MAX);
    for (size_t i = 0; i < count; i++, l->len++) {
        Cell__Datapath__Count *c = &l->count[l->len];
        *c = (Cell__Datapath__Count)CELL__DATAPATH__COUNT__INIT;
        c->name = (char *)said[i].name;
        c->text = (char *)said[i].text;
        c->value = said[i].value;
        l->slot[l->len] = c;
    }
}

static void add_packets(struct list *l, const struct datapath_shell *s)
{
    const struct datapath_flow_numbers *f = &s->flow.numbers;
    const struct datapath_udp_numbers *u = &s->udp.numbers;
    const struct said said[] = {
        {"READ", "packets from the interface", f->read},
        {"READ_CALLS", "… and calls that they took", f->reads},
        {"SENT", "datagrams", u->sent},
        {"SENT_CALLS", "… and calls that they took", u->sends},
        {"RECEIVED", "datagrams", u->received},
        {"RECEIVED_BUFFERS", "… and buffers that they came in", u->receives},
        {"WRITTEN", "packets to the interface", f->written},
        {"WRITTEN_CALLS", "… and calls that they took", f->writes},
        {"SINGLY", "trains that the kernel took only one datagram at a time", u->singly},
        {"LINGERED", "times that the next packet was waited for awake", s->linger.waited},
        {"MISFITS", "packets of the interface that are longer than its mtu, or contradict themselves", f->misfits},
        {"LOOPED", "datagrams of ours that a route led into the overlay, dropped", f->looped},
        {"UNSENT", "datagrams that the kernel did not take", u->unsent},
        {"UNWRITTEN", "packets that the interface did not take", f->unwritten},
    };

    add(l, said, ARRAY_LEN(said));
}

static void add_ways(struct list *l, const struct datapath_shell *s)
{
    const struct datapath_ways *w = &s->signals.ways;
    const uint64_t *passed = w->relay.verdict;
    const struct said said[] = {
        {"UNREACHED", "packets for an address that no peer has, or one of whom nobody can know where he is; their senders were told, a hundred a second at most", s->flow.numbers.unreached},
        {"TOO_LARGE", "packets that were larger than their way; their senders were told", s->signals.numbers.too_large},
        {"SIGNALS", "of peers, taken", w->numbers.verdict[DATAPATH_WAYS_HEARD]},
        {"SIGNALS_STRANGER", "of nobody that we know", w->numbers.verdict[DATAPATH_WAYS_STRANGER]},
        {"SIGNALS_FALSE", "that do not open, came before, or say nothing", w->numbers.verdict[DATAPATH_WAYS_FALSE]},
        {"SIGNALS_UNASKED", "that answer nothing, or ask for what this node does not do", w->numbers.verdict[DATAPATH_WAYS_UNASKED]},
        {"SIGNALS_MUCH", "that ask to meet, or for a relay, more often than a peer may", w->numbers.verdict[DATAPATH_WAYS_MUCH]},
        {"NAMES_REFUSED", "names that members wanted and that are others', at each heartbeat", w->numbers.names_refused},
        {"MEMBERS", "of the cluster that are peers, when they were listed last", s->members.kin.count},
        {"MEMBERS_REFUSED", "… that are none, at each list: there is no room, or nobody has such a key", s->members.kin.refused},
        {"MEMBER_COLLISIONS", "addresses of members that were another's", s->members.kin.collisions},
        {"RELAYED", "datagrams that were passed on", passed[DATAPATH_RELAY_PASSED]},
        {"RELAY_REFUSED", "… or not: of nobody who asked, or not from where he asked", passed[DATAPATH_RELAY_STRANGER] +
         passed[DATAPATH_RELAY_ELSEWHERE] + passed[DATAPATH_RELAY_HALF]},
        {"RELAY_MUCH", "… or more than a pair may", passed[DATAPATH_RELAY_MUCH]},
        {"RELAY_UNKNOWN", "that came as if from a relay of ours", s->signals.numbers.unknown},
        {"CAPTURES", "that are on: somebody looks at packets", s->captures.on},
    };

    add(l, said, ARRAY_LEN(said));
}

static void add_frames(struct list *l, const struct datapath_shell *s)
{
    struct datapath_frames_count frames[DATAPATH_FRAMES_COUNTS];
    size_t count = s->frames.is_on ? datapath_frames_counts(&s->frames, frames) : 0;

    for (size_t i = 0; i < count; i++) {
        add(l, &(struct said){frames[i].name, frames[i].text, frames[i].value}, 1);
    }
}

static void add_shield(struct list *l, const struct datapath_shell *s)
{
    uint64_t shield[DATAPATH_SHIELD_VERDICTS];

    if (!s->screen.is_loaded) {
        return;
    }
    datapath_shield_maps_count(&s->screen.maps, shield);
    for (int i = 0; i < DATAPATH_SHIELD_VERDICTS; i++) {
        enum datapath_shield_verdict v = (enum datapath_shield_verdict)i;
        add(l, &(struct said){datapath_screen_verdict_name(v), datapath_screen_verdict_text(v), shield[i]}, 1);
    }
}

enum err datapath_service_stats(void *state, struct cell_call *call, const void *request)
{
    struct datapath_shell *s = state;
    Cell__Datapath__StatsReply reply = CELL__DATAPATH__STATS_REPLY__INIT;
    struct list l = {.len = 0};

    add_packets(&l, s);
    add_ways(&l, s);
    add_frames(&l, s);
    add_shield(&l, s);
    reply.trains = s->udp.has_trains;
    reply.offloads = (char *)tun_offload_text(s->offloads);
    reply.aead = (char *)s->engine.usual.chosen->name;
    reply.packet_ns = s->engine.usual.chosen_ns;
    reply.own = (char *)(s->engine.own.chosen == NULL ? "" : s->engine.own.chosen->name);
    reply.own_packet_ns = s->engine.own.chosen == NULL ? 0 : s->engine.own.chosen_ns;
    reply.counts = l.slot;
    reply.n_counts = l.len;
    return cell_reply(call, &reply);
}
