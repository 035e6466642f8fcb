/* What lookups cost and reach in swarms: see scene.h for the usage. Bounds are goals; where a table of measurements is, is
 * docs/TESTING.md. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dht/compare.h"
#include "tests/sim/dht/near.h"
#include "tests/sim/dht/scene.h"

enum { VALUE = 64, HOUR_MS = 3600000, PERCENT = 100 };

static struct swarm s;

/* ---- everybody known ------------------------------------------------------------------------------- */

static void play_whole(const struct scene_options *o)
{
    struct measured m;

    scene_whole(&s, o, o->nodes);
    scene_measure(&s, o->ops, o->together, &m);
    scene_print("all known", &m, o->ops);
    scene_claim(m.puts == o->ops && m.gets == o->ops, "every put and get succeeds");
    scene_claim(sample_at(&m.get_ms, 0.5) <= 52 && sample_at(&m.get_ms, 0.99) <= 105, "a get takes one round trip");
    scene_claim(m.asked_get <= 3 && m.asked_put <= 9, "a get has 3 requests at most, a put 9");
    scene_claim(sample_at(&m.put_ms, 0.99) <= 105, "a put takes one round trip");
    scene_free(&m);
    swarm_fini(&s);
}

static void play_loss(const struct scene_options *o)
{
    struct measured m;

    scene_whole(&s, o, o->nodes);
    s.loss_ppm = 50000;
    scene_measure(&s, o->ops, o->together, &m);
    scene_print("5 % of packets lost", &m, o->ops);
    scene_claim(m.puts == o->ops && m.gets == o->ops, "every put and get succeeds");
    scene_claim(sample_at(&m.put_ms, 0.5) <= 110 && sample_at(&m.put_ms, 0.99) <= 300, "loss costs a put little");
    scene_claim(sample_at(&m.get_ms, 0.99) <= 250, "loss costs a get little");
    scene_free(&m);
    swarm_fini(&s);
}

static void play_silent(const struct scene_options *o)
{
    struct measured warm, m;

    scene_whole(&s, o, o->nodes);
    scene_measure(&s, o->ops / 4, 1, &warm);
    for (uint32_t i = 0; i < o->nodes / 5; i++) {
        swarm_stop(&s, i * 5 + 1, SWARM_SILENT); /* and membership does not know yet */
    }
    scene_measure(&s, o->ops, o->together, &m);
    scene_print("a fifth is silent", &m, o->ops);
    scene_claim(m.puts == o->ops && m.gets == o->ops, "every put and get succeeds");
    scene_claim(sample_at(&m.put_ms, 0.5) <= 110 && sample_at(&m.put_ms, 0.99) <= 250, "the silent cost a put little");
    scene_claim(sample_at(&m.end_ms, 0.5) <= 110 && sample_at(&m.end_ms, 0.99) <= 250, "… and a search to its end");
    scene_free(&warm);
    scene_free(&m);
    swarm_fini(&s);
}

static struct near everybody;

static void list_everybody(void)
{
    for (uint32_t i = 0; i < s.nodes; i++) {
        struct dht_contact c = swarm_contact(&s, i);
        struct dht_id id = dht_core_id(&c.node);
        near_add(&everybody, &id, i);
    }
}

/* The way to the nearest in time of the holders: no get without a copy at home is faster. */
static double floor_ms(const struct dht_id *key, uint32_t from)
{
    double best = 1e9;
    uint32_t holder[DHT_REPLICAS];

    (void)near_find(&everybody, key, holder, DHT_REPLICAS);
    for (uint32_t i = 0; i < DHT_REPLICAS; i++) {
        double ms = holder[i] == from ? 0 : (double)distance_one_way_us(&s.distance, from, holder[i]) * 2 / SWARM_MS;
        best = ms < best ? ms : best;
    }
    return best;
}

/* Round trips as coordinates predict them, off by up to a fifth. */
static void hint_all(void)
{
    for (uint32_t i = 0; i < s.nodes; i++) {
        for (uint32_t k = 0; k < s.nodes; k++) {
            struct dht_contact who = swarm_contact(&s, k);
            double off = 0.8 + 0.4 * rng_unit(&s.rng);
            dht_core_rtt(s.node[i].core, &who.node, (uint32_t)(off * 2 * (double)distance_one_way_us(&s.distance, i, k)));
        }
    }
}

static void play_planet(const struct scene_options *o)
{
    struct scene_options far = *o;
    struct sample get = {0}, least = {0}, pair = {0}, put = {0};
    struct dht_record r;
    uint8_t value[VALUE];
    uint32_t good = 0;

    far.rtt = o->rtt != NULL ? o->rtt : "planet";
    scene_whole(&s, &far, o->nodes);
    hint_all();
    list_everybody();
    for (uint32_t i = 0; i < o->ops; i++) {
        swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
        const struct swarm_end *e = swarm_wait(&s, swarm_put(&s, swarm_any(&s), &r, NULL));
        sample_add(&put, (double)(e->ended_us - e->begun_us) / SWARM_MS);
        swarm_until(&s, s.now_us + SWARM_S);
        uint32_t from = swarm_any(&s);
        e = swarm_wait(&s, swarm_get(&s, from, &r.key, 1));
        good += e->done.status == ERR_OK;
        sample_add(&get, (double)(e->first_us - e->begun_us) / SWARM_MS);
        sample_add(&least, floor_ms(&r.key, from));
        sample_add(&pair, (double)distance_one_way_us(&s.distance, from, swarm_any(&s)) * 2 / SWARM_MS);
    }
    printf("  round trips from far: pairs ms %.0f; put ms %.0f %.0f %.0f; get ms %.0f %.0f %.0f; nearest holder ms %.0f %.0f "
           "%.0f\n",
           sample_at(&pair, 0.5), sample_at(&put, 0.5), sample_at(&put, 0.9), sample_at(&put, 0.99), sample_at(&get, 0.5),
           sample_at(&get, 0.9), sample_at(&get, 0.99), sample_at(&least, 0.5), sample_at(&least, 0.9), sample_at(&least, 0.99));
    scene_claim(good == o->ops, "every get succeeds");
    scene_claim(sample_at(&get, 0.5) <= 1.3 * sample_at(&least, 0.5) + 5, "the nearest holder in time is asked");
    scene_claim(sample_at(&get, 0.99) <= 1.5 * sample_at(&least, 0.99) + 20, "… nearly always");
    sample_free(&get);
    sample_free(&least);
    sample_free(&pair);
    sample_free(&put);
    near_free(&everybody);
    swarm_fini(&s);
}

/* ---- step by step ---------------------------------------------------------------------------------- */

static void print_costs(uint64_t packets, uint64_t bytes, double seconds)
{
    uint64_t peers = 0, most = 0;

    for (uint32_t i = 0; i < s.nodes; i++) {
        uint64_t known = dht_core_peers(s.node[i].core);
        peers += known;
        most = known > most ? known : most;
    }
    printf("  table: %.0f peers, at most %u, %.1f KiB; joins and 30 s: %.0f packets, %.1f KiB a node; %.0f s\n",
           (double)peers / s.nodes, (uint32_t)most, (double)peers / s.nodes * DHT_PEER_BYTES / 1024,
           (double)packets / s.nodes, (double)bytes / s.nodes / 1024, seconds);
}

static void play_steps(const struct scene_options *o)
{
    struct measured m;

    scene_steps(&s, o, o->nodes);
    uint64_t packets = s.packets, bytes = s.bytes;
    scene_measure(&s, o->ops, o->together, &m);
    scene_print("step by step", &m, o->ops);
    print_costs(packets, bytes, (double)s.now_us / SWARM_S);
    double hops = 0;
    for (uint32_t i = 0; i < m.hops.count; i++) {
        hops += m.hops.at[i] / m.hops.count;
    }
    scene_claim(m.puts * 1000.0 >= o->ops * 999.0 && m.gets * 1000.0 >= o->ops * 999.0, "99.9 %% succeed");
    scene_claim(hops <= log2(o->nodes) / 2 + 1, "a lookup takes at most log2(n) / 2 + 1 hops");
    uint64_t known = 0;
    for (uint32_t i = 0; i < s.nodes; i++) {
        known += dht_core_peers(s.node[i].core);
    }
    scene_claim(known >= (uint64_t)s.nodes * DHT_K, "whoever joined has found a bucket of peers, %.0f in the mean", (double)known / s.nodes);
    scene_free(&m);
    swarm_fini(&s);
}

/* Two fifths die without anybody noticing: what was put before is found by those who are left, and what they put now, too. */
static void play_dead(const struct scene_options *o)
{
    struct dht_id *key = calloc(o->ops, sizeof *key);
    struct dht_record r;
    uint8_t value[VALUE];
    uint32_t found = 0, lost = 0;
    struct measured m;

    scene_steps(&s, o, o->nodes);
    for (uint32_t i = 0; i < o->ops; i++) {
        swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
        key[i] = r.key;
        (void)swarm_wait(&s, swarm_put(&s, swarm_any(&s), &r, NULL));
    }
    swarm_until(&s, s.now_us + SWARM_S);
    for (uint32_t i = 0; i < o->nodes * 2 / 5; i++) {
        swarm_stop(&s, swarm_any(&s), SWARM_SILENT);
    }
    for (uint32_t i = 0; i < o->ops; i++) {
        bool is_lost = swarm_holders(&s, &key[i]) == 0; /* of 8 holders all by chance in 1 of 1,500 */
        lost += is_lost;
        found += !is_lost && swarm_wait(&s, swarm_get(&s, swarm_any(&s), &key[i], 1))->found > 0;
    }
    printf("  two fifths are dead: of %u values %u died with all their holders, %u are found\n", o->ops, lost, found);
    scene_claim(found * 1000 >= (o->ops - lost) * 999, "99.9 %% of what somebody holds is found");
    scene_measure(&s, o->ops, o->together, &m);
    scene_print("two fifths are dead", &m, o->ops);
    scene_claim(m.puts * 1000.0 >= o->ops * 999.0 && m.gets * 1000.0 >= o->ops * 999.0, "99.9 %% succeed");
    scene_free(&m);
    free(key);
    swarm_fini(&s);
}

/* A millisecond between nodes, a fifth of which is silent: nobody waits for as long as a request takes to be repeated. */
static void play_brief(const struct scene_options *o)
{
    struct scene_options with = *o;
    struct measured warm, m;

    with.paths = o->paths != 0 ? o->paths : 4;
    with.rtt_us = 1000;
    scene_steps(&s, &with, o->nodes);
    scene_measure(&s, o->ops, 1, &warm);
    scene_print("a millisecond between nodes", &warm, o->ops);
    for (uint32_t i = 0; i < o->nodes / 5; i++) {
        swarm_stop(&s, i * 5 + 1, SWARM_SILENT);
    }
    scene_measure(&s, o->ops, 1, &m);
    scene_print("a fifth is silent", &m, o->ops);
    scene_claim(m.puts == o->ops && m.gets == o->ops, "every put and get succeeds");
    scene_claim(sample_at(&m.put_ms, 0.5) <= 10 && sample_at(&m.put_ms, 0.99) <= 20, "a put waits for no silent one's next attempt: %.1f, %.1f ms",
                sample_at(&m.put_ms, 0.5), sample_at(&m.put_ms, 0.99));
    scene_claim(sample_at(&warm.put_ms, 0.99) <= 3.5 && warm.asked_put <= 22, "where all are there two ask at one time on each path: %.1f ms, %.1f requests",
                sample_at(&warm.put_ms, 0.99), warm.asked_put);
    scene_claim(sample_at(&m.end_ms, 0.99) <= 20, "… nor does a get to its end: %.1f ms", sample_at(&m.end_ms, 0.99));
    scene_free(&warm);
    scene_free(&m);
    swarm_fini(&s);
}

/* Somebody who has found its way in: who has not knows hardly anybody, and so no majority. */
static uint32_t anybody_joined(void)
{
    uint32_t node;

    do {
        node = swarm_any(&s);
    } while (dht_core_peers(s.node[node].core) < DHT_K);
    return node;
}

/* A fifth of all packets is lost and nodes come and go: a put that is done is at a majority; whom it goes to stays known. */
static void play_lossy(const struct scene_options *o)
{
    struct scene_options with = *o;
    struct dht_record r;
    uint8_t value[VALUE];
    uint32_t done = 0, found = 0, least = DHT_REPLICAS;

    with.paths = o->paths != 0 ? o->paths : 4;
    scene_steps(&s, &with, o->nodes);
    s.loss_ppm = 200000;
    s.twice_ppm = 100000;
    for (uint32_t i = 0; i < o->ops; i++) {
        uint32_t moved = (uint32_t)rng_below(&s.rng, s.nodes), from = anybody_joined();
        if (i % 2 == 0 && moved != from) {
            swarm_stop(&s, moved, SWARM_SILENT);
            swarm_start(&s, moved);
            swarm_join(&s, moved, from);
        }
        swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
        if (swarm_wait(&s, swarm_put(&s, from, &r, NULL))->done.status == ERR_OK) {
            uint32_t holders = swarm_holders(&s, &r.key);
            done++;
            least = holders < least ? holders : least;
            found += swarm_wait(&s, swarm_get(&s, anybody_joined(), &r.key, 1))->found > 0;
        }
        swarm_until(&s, s.now_us + 3 * SWARM_S);
    }
    printf("  20 %% lost, a node replaced every second put: %u of %u puts done, by %u at the least, %u found\n", done, o->ops, least, found);
    scene_claim(done * 100 >= o->ops * 99 && found * 100 >= done * 99, "99 %% succeed");
    scene_claim(least >= s.config.tuning.quorum, "a majority has what was put, %u", least);
    swarm_fini(&s);
}

/* Of a key that nobody put it is said that there is none, whoever was asked on which path. */
static void look_for_nothing(const struct scene_options *o, uint32_t loss_ppm)
{
    struct sample ms = {0};
    struct dht_record r;
    uint8_t value[VALUE];
    uint32_t absent = 0, late = 0;
    double asked = 0;

    scene_steps(&s, o, o->nodes);
    s.loss_ppm = loss_ppm;
    for (uint32_t i = 0; i < o->ops; i++) {
        swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
        const struct swarm_end *e = swarm_wait(&s, swarm_get(&s, swarm_any(&s), &r.key, 1));
        absent += e->done.status == ERR_NOT_FOUND;
        late += e->done.status == ERR_TIMEOUT;
        sample_add(&ms, (double)(e->ended_us - e->begun_us) / SWARM_MS);
        asked += (double)e->done.asked / o->ops;
    }
    printf("  nobody put it, %u paths, %u %% lost: of %u gets %u are told so, %u end by time; ms %.0f %.0f %.0f, %.1f requests\n", o->paths,
           loss_ppm / 10000, o->ops, absent, late, sample_at(&ms, 0.5), sample_at(&ms, 0.9), sample_at(&ms, 0.99), asked);
    scene_claim(absent == o->ops, "what nobody put is not found, and nothing else");
    sample_free(&ms);
    swarm_fini(&s);
}

static void deny(struct swarm *w, uint32_t node, uint32_t from, const uint8_t *bytes, size_t size)
{
    struct dht_message m, out = {.kind = DHT_PACKET_NODES, .flags = DHT_FLAG_ABSENT};
    struct dht_packet p;

    if (dht_packet_read(bytes, size, &m) == ERR_OK && m.kind == DHT_PACKET_GET) {
        out.txn = m.txn;
        (void)dht_packet_write(&p, &out, DHT_PACKET_MAX);
        swarm_send(w, node, from, p.bytes, p.size);
    }
}

/* As many of the holders of a key as a put may be without, the nearest, say that there is none: the others have it. */
static void look_past_deniers(const struct scene_options *o)
{
    struct dht_record r;
    uint8_t value[VALUE];
    uint32_t found = 0, kept = 0;

    scene_steps(&s, o, o->nodes);
    s.hostile = deny;
    list_everybody();
    for (uint32_t i = 0; i < o->ops; i++) {
        uint32_t denier[DHT_REPLICAS] = {0}, deniers = DHT_REPLICAS - s.config.tuning.quorum;
        swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
        (void)swarm_wait(&s, swarm_put(&s, swarm_any(&s), &r, NULL));
        swarm_until(&s, s.now_us + SWARM_S);
        (void)near_find(&everybody, &r.key, denier, DHT_REPLICAS);
        for (uint32_t k = 0; k < DHT_REPLICAS; k++) {
            kept += swarm_holds(&s, denier[k], &r.key);
        }
        for (uint32_t k = 0; k < deniers; k++) {
            s.node[denier[k]].is_hostile = true;
        }
        found += swarm_wait(&s, swarm_get(&s, swarm_any(&s), &r.key, 1))->found > 0;
        for (uint32_t k = 0; k < deniers; k++) {
            s.node[denier[k]].is_hostile = false;
        }
    }
    printf("  the %u nearest of its holders deny it, %u paths: %u of %u found\n", DHT_REPLICAS - s.config.tuning.quorum, o->paths, found,
           o->ops);
    printf("  of the %u nearest hold what was put, in the mean, %.2f\n", DHT_REPLICAS, (double)kept / o->ops);
    scene_claim(kept == DHT_REPLICAS * o->ops, "a put is at all the nearest, whichever paths they lie on");
    scene_claim(found == o->ops, "who denies it is not a majority");
    near_free(&everybody);
    swarm_fini(&s);
}

static void play_absent(const struct scene_options *o)
{
    for (uint32_t paths = 1; paths <= 4; paths += 3) {
        struct scene_options with = *o;
        with.paths = o->paths != 0 ? o->paths : paths;
        look_for_nothing(&with, 0);
        if (with.paths > 1) {
            look_for_nothing(&with, 200000); /* who is late is passed over, on one path too soon now and then */
        }
        look_past_deniers(&with);
    }
}

/* What a node sends a second while nobody asks for anything. */
static void watch_idle(const char *when, uint32_t minutes, double *ret_bytes, double *ret_packets)
{
    uint64_t bytes = s.bytes, packets = s.packets;
    double each = (double)s.nodes * minutes * 60;

    swarm_until(&s, s.now_us + (uint64_t)minutes * 60 * SWARM_S);
    *ret_bytes = (double)(s.bytes - bytes) / each;
    *ret_packets = (double)(s.packets - packets) / each;
    printf("  nobody asks for anything, %s: a node sends %.1f B and %.2f packets a second\n", when, *ret_bytes, *ret_packets);
}

/* A swarm that is old: hardly anybody who is in one's table has one in its own, so most who ask are strangers. */
static void play_idle(const struct scene_options *o)
{
    struct scene_options old = *o;
    double bytes, packets;

    old.is_drawn = true;
    scene_steps(&s, &old, o->nodes);
    watch_idle("all has just changed", 10, &bytes, &packets);
    scene_claim(packets <= 0.5, "questions do not beget questions");
    scene_claim(bytes <= 56, "a bucket is looked through with few answers");
    watch_idle("for an hour and more", 70, &bytes, &packets);
    scene_claim(bytes <= 8, "… and more rarely since nothing changes");
    watch_idle("after that", 60, &bytes, &packets);
    scene_claim(packets <= 0.2, "questions do not beget questions");
    scene_claim(bytes <= 5, "what does not change is looked through once an hour");
    swarm_fini(&s);
}

/* Membership knows of more nodes than there is room for: each node has some of them, drawn, and no two the same. */
static void play_beyond(const struct scene_options *o)
{
    struct measured m;
    enum { ROOM = 100 };
    uint32_t room = ROOM;

    scene_open(&s, o, o->nodes);
    s.config.peers_max = room;
    s.config.spares_max = 160;
    for (uint32_t i = 0; i < o->nodes; i++) {
        swarm_start(&s, i);
    }
    for (uint32_t i = 0; i < o->nodes; i++) {
        uint32_t first = (uint32_t)rng_below(&s.rng, o->nodes);
        for (uint32_t k = 0; k < o->nodes; k++) {
            uint32_t about = (first + k * 7) % o->nodes; /* nodes has no factor 7 */
            if (k == room) {
                dht_core_beyond(s.node[i].core);
            }
            if (about != i && k < room) {
                swarm_tell(&s, i, about, DHT_MEMBER_HERE);
            }
        }
        swarm_wake(&s, i);
    }
    swarm_until(&s, s.now_us + 60 * SWARM_S);
    scene_measure(&s, o->ops, o->together, &m);
    scene_print("room for 100 members", &m, o->ops);
    scene_claim(m.puts == o->ops && m.gets == o->ops, "every put and get succeeds");
    scene_free(&m);
    swarm_fini(&s);
}

/* Somebody who looks for a value, and may be replaced before it has an answer. */
struct asking {
    uint32_t wish, node, life;
};

static void count_asked(const struct asking *asking, uint32_t asked, uint32_t replaced, uint32_t minutes)
{
    uint32_t found = 0, absent = 0, late = 0, gone = 0;

    for (uint32_t i = 0; i < asked; i++) {
        const struct asking *a = &asking[i];
        const struct swarm_end *e = &s.end[a->wish - 1];
        gone += !e->is_over && s.node[a->node].life != a->life;
        found += e->is_over && e->found > 0;
        absent += e->is_over && e->found == 0 && e->done.status == ERR_NOT_FOUND;
        late += e->is_over && e->found == 0 && e->done.status == ERR_TIMEOUT;
    }
    printf("  %u replaced in %u minutes: %u of %u gets found it, %u were told that there is none, %u ended by time; %u askers were replaced\n",
           replaced, minutes, found, asked - gone, absent, late, gone);
    scene_claim(found + absent + late + gone == asked, "each ends");
    scene_claim(found == asked - gone, "every get succeeds, those of whoever has only just come too");
}

/* Of what all nodes would tell of, how much is not there any more. */
static double dead_share(void)
{
    uint64_t known = 0, dead = 0;

    for (uint32_t i = 0; i < s.nodes; i++) {
        struct dht_contact to[DHT_SAVED_MAX];
        uint32_t count = s.node[i].state == SWARM_UP ? dht_core_save(s.node[i].core, to, DHT_SAVED_MAX) : 0;
        known += count;
        for (uint32_t k = 0; k < count; k++) {
            uint32_t who = swarm_of(&s, &to[k]);
            dead += who >= s.nodes || s.node[who].state != SWARM_UP;
        }
    }
    return known == 0 ? 0 : (double)dead / (double)known;
}

/* 30 % of the nodes are replaced in 10 minutes, for 20 minutes, after so many in which nothing changed and nobody asked. */
static void churn(const struct scene_options *o, uint32_t calm_minutes)
{
    enum { MINUTES = 20, VALUES = 64, LIFE_MS = 4 * HOUR_MS };
    struct dht_id key[VALUES];
    struct dht_record r;
    uint8_t value[VALUE];
    struct asking *asking = calloc(o->ops, sizeof *asking);
    uint32_t asked = 0, minutes = o->minutes != 0 ? o->minutes : MINUTES;

    scene_steps(&s, o, o->nodes);
    for (uint32_t i = 0; i < VALUES; i++) {
        swarm_immutable(&s, value, VALUE, LIFE_MS, &r);
        key[i] = r.key;
        scene_claim(swarm_wait(&s, swarm_put(&s, swarm_any(&s), &r, NULL))->done.status == ERR_OK, "a put succeeds");
    }
    swarm_until(&s, s.now_us + (uint64_t)calm_minutes * 60 * SWARM_S);
    uint32_t turns = (uint32_t)((uint64_t)o->nodes * 3 * minutes / 100);
    uint64_t gap_us = (uint64_t)minutes * 60 * SWARM_S / (turns > 0 ? turns : 1), begun_us = s.now_us, bytes = s.bytes, packets = s.packets;
    for (uint32_t turn = 0; turn < turns; turn++) {
        uint32_t gone = swarm_any(&s);
        swarm_stop(&s, gone, SWARM_SILENT);
        swarm_until(&s, begun_us + turn * gap_us + gap_us / 2);
        swarm_start(&s, gone);
        swarm_join(&s, gone, (gone + 1 + (uint32_t)rng_below(&s.rng, s.nodes - 1)) % s.nodes);
        while ((uint64_t)asked * turns < (uint64_t)(turn + 1) * o->ops && asked < o->ops) {
            uint32_t from = swarm_any(&s); /* who has only just come, too */
            uint32_t wish = swarm_get(&s, from, &key[rng_below(&s.rng, VALUES)], 1);
            asking[asked++] = (struct asking){.wish = wish, .node = from, .life = s.node[from].life};
        }
        swarm_until(&s, begun_us + (turn + 1) * gap_us);
    }
    swarm_until(&s, s.now_us + (uint64_t)s.config.tuning.wish_ms * SWARM_MS + SWARM_S);
    count_asked(asking, asked, turns, minutes);
    double each = (double)s.nodes * (double)(s.now_us - begun_us) / SWARM_S, gone = dead_share();
    printf("  of 64 contacts that a node would save %.1f %% are gone; a node sends %.1f B and %.2f packets a second\n", PERCENT * gone,
           (double)(s.bytes - bytes) / each, (double)(s.packets - packets) / each);
    scene_claim(gone <= 0.25, "the dead are found out");
    free(asking);
    swarm_fini(&s);
}

static void play_churn(const struct scene_options *o)
{
    churn(o, 0);
}

/* Buckets are looked through once an hour when it begins. */
static void play_roused(const struct scene_options *o)
{
    churn(o, 170);
}

/* ---- keeping --------------------------------------------------------------------------------------- */

/* A share of all dies at once, and membership knows a second later. */
static void die(const struct scene_options *o, uint32_t percent)
{
    uint32_t deaths = o->nodes * percent / PERCENT;
    uint32_t *dead = calloc(deaths, sizeof *dead);

    for (uint32_t i = 0; i < deaths; i++) {
        dead[i] = swarm_any(&s);
        swarm_stop(&s, dead[i], SWARM_SILENT);
    }
    swarm_until(&s, s.now_us + SWARM_S);
    for (uint32_t node = 0; node < s.nodes; node++) {
        for (uint32_t i = 0; i < deaths; i++) {
            swarm_tell(&s, node, dead[i], DHT_MEMBER_GONE);
        }
    }
    free(dead);
}

static void play_deaths(const struct scene_options *o)
{
    struct dht_id *key = calloc(o->ops, sizeof *key);
    struct dht_record r;
    uint8_t value[VALUE];
    uint32_t survived = 0, least = DHT_REPLICAS;

    scene_whole(&s, o, o->nodes);
    for (uint32_t i = 0; i < o->ops; i++) {
        swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
        key[i] = r.key;
        (void)swarm_wait(&s, swarm_put(&s, swarm_any(&s), &r, NULL));
    }
    swarm_until(&s, s.now_us + SWARM_S);
    for (uint32_t wave = 0; wave < 2; wave++) {
        die(o, 30);
        swarm_until(&s, s.now_us + 10 * SWARM_S); /* so long a repair may take */
        for (uint32_t i = 0; i < o->ops; i++) {
            uint32_t holders = swarm_holders(&s, &key[i]);
            least = holders < least ? holders : least;
        }
    }
    for (uint32_t i = 0; i < o->ops; i++) {
        survived += swarm_wait(&s, swarm_get(&s, swarm_any(&s), &key[i], 1))->found > 0;
    }
    printf("  30 %% die at once, and 30 %% of all again: %u of %u are found, fewest holders %u\n", survived, o->ops, least);
    scene_claim(survived == o->ops, "no record is lost");
    scene_claim(least >= DHT_REPLICAS, "10 s after a death each record has all its holders again");
    free(key);
    swarm_fini(&s);
}

/* A record is there until its end and nowhere after it, whoever came, went and repaired meanwhile. */
static void play_ttl(const struct scene_options *o)
{
    enum { LIFE_S = 30 };
    struct dht_record r;
    uint8_t value[VALUE];

    for (uint32_t kind = 0; kind < 2; kind++) {
        if (kind == 0) {
            scene_whole(&s, o, o->nodes);
        } else {
            scene_steps(&s, o, o->nodes);
        }
        swarm_immutable(&s, value, VALUE, LIFE_S * 1000, &r);
        uint64_t begun_us = s.now_us;
        (void)swarm_wait(&s, swarm_put(&s, swarm_any(&s), &r, NULL));
        swarm_until(&s, begun_us + 2 * SWARM_S);
        if (kind == 0) {
            die(o, 20);
        }
        (void)swarm_wait(&s, swarm_get(&s, swarm_any(&s), &r.key, 1));
        swarm_until(&s, begun_us + (LIFE_S - 1) * SWARM_S);
        uint32_t before = swarm_holders(&s, &r.key);
        swarm_until(&s, begun_us + (LIFE_S + 1) * SWARM_S);
        uint32_t after = swarm_holders(&s, &r.key);
        printf("  %s: a second before its end %u hold it, a second after it %u\n", kind == 0 ? "all known" : "step by step",
               before, after);
        scene_claim(before >= DHT_REPLICAS, "it is there until its end");
        scene_claim(after == 0, "it is nowhere after its end");
        const struct swarm_end *e = swarm_wait(&s, swarm_get(&s, swarm_any(&s), &r.key, 1));
        scene_claim(e->done.status == ERR_NOT_FOUND && e->found == 0, "and nobody finds it: %s", err_name(e->done.status));
        swarm_fini(&s);
    }
}

/* Most holders die again and again, so that who holds it in the end has it from somebody who had it from somebody, over
 * long ways: none of them adds to its life. */
static void play_chain(const struct scene_options *o)
{
    enum { LIFE_S = 60, WAVES = 8, WAVE_S = 6, LEFT = 2, RTT_US = 800000 };
    struct dht_record r;
    uint8_t value[VALUE];

    scene_whole(&s, o, o->nodes);
    s.distance.rtt_us = RTT_US;
    swarm_immutable(&s, value, VALUE, LIFE_S * 1000, &r);
    uint64_t begun_us = s.now_us;
    scene_claim(swarm_wait(&s, swarm_put(&s, 0, &r, NULL))->done.status == ERR_OK, "a put succeeds");
    for (uint32_t wave = 1; wave <= WAVES; wave++) {
        swarm_until(&s, begun_us + (uint64_t)wave * WAVE_S * SWARM_S);
        for (uint32_t i = 0, left = 0; i < s.nodes; i++) {
            bool is_holder = s.node[i].state == SWARM_UP && swarm_holds(&s, i, &r.key);
            left += is_holder;
            if (is_holder && left > LEFT) {
                swarm_stop(&s, i, SWARM_SILENT);
                for (uint32_t node = 0; node < s.nodes; node++) {
                    swarm_tell(&s, node, i, DHT_MEMBER_GONE);
                }
            }
        }
    }
    swarm_until(&s, begun_us + (LIFE_S - 1) * SWARM_S);
    uint32_t before = swarm_holders(&s, &r.key);
    swarm_until(&s, begun_us + (LIFE_S + 1) * SWARM_S);
    uint32_t after = swarm_holders(&s, &r.key);
    printf("  %d times all but %d holders die, %d ms between nodes: a second before its end %u hold it, a second after it %u\n", WAVES,
           LEFT, RTT_US / SWARM_MS, before, after);
    scene_claim(before >= DHT_REPLICAS, "it is there until its end");
    scene_claim(after == 0, "it is nowhere after its end");
    swarm_fini(&s);
}

/* Whoever knew the way in is gone, and what was saved of the last life suffices. */
static void play_rejoin(const struct scene_options *o)
{
    struct dht_contact saved[DHT_SAVED_MAX];
    bool has_node[DHT_BOOTSTRAP_MAX];
    struct dht_record r;
    uint8_t value[VALUE];
    uint32_t back = o->nodes - 1;

    scene_steps(&s, o, o->nodes);
    swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
    (void)swarm_wait(&s, swarm_put(&s, 1, &r, NULL));
    uint32_t count = dht_core_save(s.node[back].core, saved, DHT_SAVED_MAX);
    scene_claim(count > DHT_K, "peers are saved");
    swarm_stop(&s, back, SWARM_DOWN);
    swarm_stop(&s, 0, SWARM_SILENT);
    swarm_until(&s, s.now_us + SWARM_S);
    swarm_start(&s, back);
    count = count < DHT_BOOTSTRAP_MAX ? count : DHT_BOOTSTRAP_MAX;
    memset(has_node, true, sizeof has_node);
    scene_claim(dht_core_bootstrap(s.node[back].core, s.now_us, saved, has_node, count, &s.fx) == ERR_OK, "it may ask");
    for (uint32_t i = 0; i < s.fx.sends; i++) {
        struct dht_contact to = {.node = s.fx.send[i].to, .at = s.fx.send[i].at};
        swarm_send(&s, back, swarm_of(&s, &to), s.fx.send[i].packet.bytes, s.fx.send[i].packet.size);
    }
    uint64_t begun_us = s.now_us;
    while (dht_core_peers(s.node[back].core) < DHT_K && s.now_us < begun_us + 5 * SWARM_S) {
        swarm_until(&s, s.now_us + 10 * SWARM_MS);
    }
    printf("  %u peers %.0f ms after a restart\n", dht_core_peers(s.node[back].core), (double)(s.now_us - begun_us) / SWARM_MS);
    scene_claim(dht_core_peers(s.node[back].core) >= DHT_K, "it is back within 5 s");
    scene_claim(swarm_wait(&s, swarm_get(&s, back, &r.key, 1))->found > 0, "and finds what there is");
    swarm_fini(&s);
}

/* ---- comparing ------------------------------------------------------------------------------------- */

/* Somebody who puts a value if one sequence is held, as dht/say.c does. */
struct asker {
    const char *request;
    struct dht_compare compare;
    uint64_t last;  /* sequence that the node said */
    enum err told;  /* LATER: not yet, or too few answered */
    uint64_t seq;   /* … of OK */
};

static void ask_compared(struct asker *a, uint32_t node, const char *salt, const char *value, uint64_t expected)
{
    uint8_t key[DHT_OWNER_SIZE + DHT_SIGNATURE_SIZE];
    struct dht_record r = {0};
    enum dht_compare_next next = DHT_COMPARE_LOOK;
    size_t size = strlen(value);

    dht_compare_init(&a->compare, expected, a->request, strlen(a->request), (const uint8_t *)value, size);
    swarm_signed(&s, key, DHT_MUTABLE, 7, salt, value, 1, HOUR_MS, &r);
    struct dht_id where = r.key;
    r.signature = NULL;
    while (next != DHT_COMPARE_END) {
        if (next == DHT_COMPARE_LOOK) {
            const struct swarm_end *e = swarm_wait(&s, swarm_get(&s, node, &where, dht_compare_look(&a->compare, s.nodes)));
            struct dht_record held;
            if (e->found > 0 && dht_record_read(e->bytes, e->size, &held) == ERR_OK) {
                held.left_ms = e->left_ms;
                dht_compare_found(&a->compare, &held);
            }
            next = dht_compare_looked(&a->compare, e->done.status, e->done.acked, (const uint8_t *)value, size);
        } else {
            if (next == DHT_COMPARE_PUT && r.signature == NULL) {
                uint64_t seq = dht_compare_seq(&a->compare, a->last + 1);
                swarm_signed(&s, key, DHT_MUTABLE, 7, salt, value, seq, HOUR_MS, &r);
                a->last = seq;
            }
            const struct dht_record *put = next == DHT_COMPARE_PUT ? &r : &a->compare.held;
            a->seq = put->seq;
            next = dht_compare_put(&a->compare, swarm_wait(&s, swarm_put(&s, node, put, next == DHT_COMPARE_PUT ? &expected : NULL))->done.status);
        }
    }
    scene_claim(a->told != ERR_OK || a->compare.status != ERR_PRECONDITION, "who was told yes is not told no: %s", salt);
    if (a->compare.status == ERR_OK || a->compare.status == ERR_PRECONDITION) {
        a->told = a->compare.status;
    }
}

/* Two want to put the same value after the same sequence. Most packets are lost, a tenth comes twice and late, and each
 * of them asks again and again by another node that has the key, for its answers were lost: one of them is told so, always. */
static void play_compare(const struct scene_options *o)
{
    uint32_t asked = 0, early = 0, refused = 0;

    scene_whole(&s, o, o->nodes);
    for (uint32_t i = 0; i < o->ops; i++) {
        struct asker a[2] = {{.request = "one", .told = ERR_LATER}, {.request = "another", .told = ERR_LATER}};
        uint64_t expected = 0, last = 1 + rng_below(&s.rng, 1000000);
        char salt[16];
        snprintf(salt, sizeof salt, "name %u", i);
        if (i % 2 == 0) { /* there is one already */
            struct asker first = {.request = "first", .last = last};
            ask_compared(&first, swarm_any(&s), salt, "5", 0);
            scene_claim(first.told == ERR_OK, "the first is put");
            expected = first.seq;
            last = first.last;
        }
        for (uint32_t turn = 0; turn < 8; turn++, asked++) {
            bool is_calm = turn >= 6;
            uint32_t who = turn >= 6 ? turn - 6 : (uint32_t)rng_below(&s.rng, 2);
            s.loss_ppm = is_calm ? 0 : 600000;
            s.twice_ppm = is_calm ? 0 : 100000;
            a[who].last = last;
            ask_compared(&a[who], swarm_any(&s), salt, "6", expected);
            last = a[who].last;
            early += turn == 5 && (a[0].told == ERR_OK || a[1].told == ERR_OK);
            swarm_until(&s, s.now_us + rng_below(&s.rng, 2 * SWARM_S));
        }
        uint32_t winner = a[1].told == ERR_OK;
        refused += a[!winner].told == ERR_PRECONDITION;
        scene_claim((a[0].told == ERR_OK) != (a[1].told == ERR_OK), "one of both is told so: %s, %s", err_name(a[0].told), err_name(a[1].told));
        struct dht_record r;
        uint8_t key[DHT_OWNER_SIZE + DHT_SIGNATURE_SIZE];
        swarm_signed(&s, key, DHT_MUTABLE, 7, salt, "6", 1, HOUR_MS, &r);
        swarm_until(&s, s.now_us + 70 * SWARM_S); /* holders compare */
        const struct swarm_end *e = swarm_wait(&s, swarm_get(&s, swarm_any(&s), &r.key, DHT_REPLICAS));
        scene_claim(e->seq == a[winner].seq, "its value is what stays");
    }
    printf("  two who race for %u names, %u questions: one has it each time, %u before the wire was calm; the other was refused %u times\n",
           o->ops, asked, early, refused);
    swarm_fini(&s);
}

static const struct scene scenes[] = {
    {"whole", 64, 200, play_whole},   {"loss", 64, 200, play_loss},     {"silent", 64, 200, play_silent},
    {"planet", 64, 60, play_planet},  {"steps", 150, 100, play_steps}, {"churn", 60, 150, play_churn},
    {"dead", 150, 100, play_dead},     {"idle", 256, 1, play_idle},       {"beyond", 400, 100, play_beyond},
    {"roused", 150, 150, play_roused}, {"deaths", 64, 100, play_deaths}, {"ttl", 40, 1, play_ttl},         {"chain", 80, 1, play_chain},
    {"rejoin", 60, 1, play_rejoin},   {"brief", 32, 100, play_brief},
    {"lossy", 60, 150, play_lossy},   {"absent", 150, 60, play_absent},
    {"compare", 12, 40, play_compare},
};

int main(int argc, char **argv)
{
    return scene_main(scenes, ARRAY_LEN(scenes), argc, argv);
}
