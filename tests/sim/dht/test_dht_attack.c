/* What hostile nodes can do to a swarm, and cannot: see scene.h for the usage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "dht/id.h"
#include "dht/limits.h"
#include "tests/sim/dht/drawn.h"
#include "tests/sim/dht/near.h"
#include "tests/sim/dht/scene.h"

enum { VALUE = 64, HOUR_MS = 3600000 };

static struct swarm s;
static uint32_t misled; /* answers of hostile nodes that were no good */

/* ---- answers of hostile nodes ---------------------------------------------------------------------- */

static void answer(uint32_t node, uint32_t to, struct dht_message *m, const struct dht_message *question)
{
    struct dht_packet p;

    m->txn = question->txn;
    (void)dht_packet_write(&p, m, DHT_PACKET_MAX);
    swarm_send(&s, node, to, p.bytes, p.size);
}

/* Hostile nodes know each other: whoever asks is told of those of them that are nearest, and that nobody has it. */
static struct near friends;

static void say_friends(uint32_t node, uint32_t from, const struct dht_message *question)
{
    struct dht_message m = {.kind = DHT_PACKET_NODES, .flags = question->kind == DHT_PACKET_GET ? DHT_FLAG_ABSENT : 0};
    uint32_t near[DHT_K];

    m.count = (uint8_t)near_find(&friends, &question->target, near, DHT_K);
    for (uint32_t i = 0; i < m.count; i++) {
        m.contact[i] = swarm_contact(&s, near[i]);
    }
    misled++;
    answer(node, from, &m, question);
}

static bool read_question(const uint8_t *bytes, size_t size, struct dht_message *m)
{
    return dht_packet_read(bytes, size, m) == ERR_OK;
}

static void lead_astray(struct swarm *w, uint32_t node, uint32_t from, const uint8_t *bytes, size_t size)
{
    struct dht_message m;

    if (!read_question(bytes, size, &m)) {
        return;
    }
    if (w->node[node].is_hostile && (m.kind == DHT_PACKET_FIND || m.kind == DHT_PACKET_GET)) {
        say_friends(node, from, &m);
    } else if (m.kind == DHT_PACKET_STORE) {
        struct dht_message out = {.kind = DHT_PACKET_STORED, .status = DHT_STATUS_OK}; /* a lie */
        answer(node, from, &out, &m);
    } else if (m.kind == DHT_PACKET_PING) {
        struct dht_message out = {.kind = DHT_PACKET_PONG};
        answer(node, from, &out, &m);
    }
}

/* One of them has made so many keys that of these the nearest to any place are nearer to it than anybody: trying them is cheap,
 * and done once for all places. All hostile nodes name it under the nearest. */
struct sybil {
    uint64_t place, key; /* place: how its id begins */
};

static struct {
    uint32_t node, count;
    struct sybil *sybil; /* in the order of places */
} sybils;

enum { SYBILS_EACH = 512, SYBILS_MOST = 1 << 23 }; /* beside each node, and in all */

static int by_place(const void *a, const void *b)
{
    uint64_t x = ((const struct sybil *)a)->place, y = ((const struct sybil *)b)->place;

    return (x > y) - (x < y);
}

static void make_sybils(uint32_t node)
{
    uint64_t key = rng_next(&s.rng) | 1;

    sybils.node = node;
    sybils.count = s.nodes < SYBILS_MOST / SYBILS_EACH ? s.nodes * SYBILS_EACH : SYBILS_MOST;
    sybils.sybil = malloc(sybils.count * sizeof *sybils.sybil);
    if (sybils.sybil == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < sybils.count; i++, key += 2) {
        struct dht_contact c = swarm_sybil(&s, node, key);
        struct dht_id id = dht_core_id(&c.node);
        sybils.sybil[i] = (struct sybil){.place = bytes_get_be64(id.byte), .key = key};
    }
    qsort(sybils.sybil, sybils.count, sizeof *sybils.sybil, by_place);
}

static void befriend(uint32_t node)
{
    struct dht_contact c = swarm_contact(&s, node);
    struct dht_id id = dht_core_id(&c.node);

    s.node[node].is_hostile = true;
    near_add(&friends, &id, node);
    if (sybils.sybil == NULL) {
        make_sybils(node);
    }
}

/* DHT_K whose ids have as much in common with the target as any; in no order. */
static void name_sybils(const struct dht_id *target, struct dht_contact *ret)
{
    uint64_t place = bytes_get_be64(target->byte);
    uint32_t first = 0, end = sybils.count;

    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (sybils.sybil[middle].place < place) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    for (uint32_t i = 0; i < DHT_K; i++) { /* `first` to `end` are named; which of both sides is nearer? */
        bool is_left = end == sybils.count ||
                       (first > 0 && (sybils.sybil[first - 1].place ^ place) < (sybils.sybil[end].place ^ place));
        ret[i] = swarm_sybil(&s, sybils.node, sybils.sybil[is_left ? --first : end++].key);
    }
}

/* Nodes that are nowhere, under those keys: others in each answer, and nearer than most that are there. */
static void invent(struct swarm *w, uint32_t node, uint32_t from, const uint8_t *bytes, size_t size)
{
    struct dht_message m, out = {.kind = DHT_PACKET_NODES, .count = DHT_K};

    if (!read_question(bytes, size, &m) || (m.kind != DHT_PACKET_FIND && m.kind != DHT_PACKET_GET)) {
        lead_astray(w, node, from, bytes, size);
        return;
    }
    uint64_t mask = UINT64_MAX, place = bytes_get_be64(m.target.byte);
    for (uint32_t nodes = w->nodes; nodes > 4; nodes /= 2) {
        mask >>= 1;
    }
    bytes_put_be64(m.target.byte, place ^ (rng_next(&w->rng) & mask));
    name_sybils(&m.target, out.contact);
    for (uint32_t i = 0; i < DHT_K; i++) {
        out.contact[i].at.ip[13] ^= (uint8_t)(i + 1); /* where it is itself it could answer for each of them */
    }
    misled++;
    answer(node, from, &out, &m);
}

static void surround(struct swarm *w, uint32_t node, uint32_t from, const uint8_t *bytes, size_t size)
{
    struct dht_message m, out = {.kind = DHT_PACKET_NODES, .count = DHT_K};

    if (!read_question(bytes, size, &m) || m.kind != DHT_PACKET_GET) {
        lead_astray(w, node, from, bytes, size);
        return;
    }
    out.flags = DHT_FLAG_ABSENT;
    name_sybils(&m.target, out.contact);
    misled++;
    answer(node, from, &out, &m);
}

/* ---- scenes ---------------------------------------------------------------------------------------- */

static void close_hostile(const struct scene_options *o)
{
    scene_claim(misled >= o->ops, "hostile nodes are asked: %u answers of theirs to %u wishes", misled, o->ops);
    misled = 0;
    near_free(&friends);
    free(sybils.sybil);
    sybils.sybil = NULL;
    swarm_fini(&s);
}

static uint32_t fifths = 1; /* of all nodes that are hostile */
static bool is_half;        /* … or half a fifth             */
static uint32_t besieged = UINT32_MAX;

static bool is_fifth(uint32_t node)
{
    return (node % 5 == 3 && (!is_half || node % 2 == 1)) || (fifths > 1 && node % 5 == 1);
}

/* Who is hostile among a new node and some of those that are there already tells the others that it is there. */
static void knock(uint32_t node)
{
    enum { DOORS = 40 };
    const struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};
    struct dht_packet p;

    (void)dht_packet_write(&p, &ping, DHT_PACKET_MAX);
    for (uint32_t i = 0; i < DOORS && node > 0; i++) {
        uint32_t other = (uint32_t)rng_below(&s.rng, node);
        if (s.node[node].is_hostile != s.node[other].is_hostile) {
            swarm_send(&s, s.node[node].is_hostile ? node : other, s.node[node].is_hostile ? other : node, p.bytes, p.size);
        }
    }
}

/* One of those before, who brings a new node in. */
static uint32_t any_honest(uint32_t before)
{
    uint32_t node;

    do {
        node = (uint32_t)rng_below(&s.rng, before);
    } while (is_fifth(node));
    return node;
}

/* A fifth of all nodes is hostile, from the beginning; ids follow from keys, so they are anywhere. */
static void open_hostile(const struct scene_options *o, uint32_t paths,
                         void (*hostile)(struct swarm *, uint32_t, uint32_t, const uint8_t *, size_t))
{
    enum { WAYS_IN = 3 }; /* nodes of a list that a new one asks */
    struct scene_options with = *o;

    with.paths = paths;
    scene_room(&s, &with, o->nodes);
    s.hostile = hostile;
    for (uint32_t i = 0; i < o->nodes; i++) {
        s.node[i].is_hostile = is_fifth(i);
    }
    if (o->is_drawn) {
        drawn_besiege(&s, besieged);
    }
    for (uint32_t i = 0; i < o->nodes; i++) {
        if (!o->is_drawn) {
            swarm_start(&s, i);
        }
        if (s.node[i].is_hostile) {
            befriend(i);
        }
        for (uint32_t k = 0; k < WAYS_IN && i > 0 && !s.node[i].is_hostile && !o->is_drawn; k++) {
            swarm_join(&s, i, any_honest(i));
        }
        if (!o->is_drawn) {
            knock(i);
        }
        swarm_until(&s, s.now_us + (o->is_drawn ? 0 : 20 * SWARM_MS));
    }
    swarm_until(&s, s.now_us + 20 * SWARM_S);
}

static uint32_t find_all(const struct scene_options *o, uint32_t *ret_put)
{
    struct dht_record r;
    uint8_t value[VALUE];
    uint32_t found = 0;

    *ret_put = 0;
    for (uint32_t i = 0; i < o->ops; i++) {
        swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
        *ret_put += swarm_wait(&s, swarm_put(&s, swarm_any(&s), &r, NULL))->done.status == ERR_OK;
        found += swarm_wait(&s, swarm_get(&s, swarm_any(&s), &r.key, 1))->found > 0;
    }
    return found;
}

static void play_sybil(const struct scene_options *o)
{
    for (uint32_t paths = 1; paths <= 4; paths += 3) {
        uint32_t put;
        open_hostile(o, paths, lead_astray);
        uint32_t found = find_all(o, &put);
        printf("  a fifth names only its friends, %u paths: %u of %u put, %u found\n", paths, put, o->ops, found);
        scene_claim(paths == 1 || (put * 100 >= o->ops * 99 && found * 100 >= o->ops * 99), "99 %% succeed");
        close_hostile(o);
    }
}

/* The same where a lookup takes several steps, and tables are drawn: whoever is on its way is asked as often as is near to it, and a
 * put is led astray as easily as a get, and is told that it was done. */
static void play_wide(const struct scene_options *o)
{
    struct scene_options with = *o;
    uint32_t put;

    with.is_drawn = true;
    open_hostile(&with, o->paths != 0 ? o->paths : 4, lead_astray);
    uint32_t found = find_all(o, &put);
    printf("  a fifth names only its friends, tables drawn: %u of %u put, %u found\n", put, o->ops, found);
    scene_claim(found * 1000 >= o->ops * 997, "99.7 %% succeed");
    close_hostile(o);
}

/* Two fifths: of the four ways that a lookup goes at once all are led astray now and then, and what it does then is all there is. */
static void play_astray(const struct scene_options *o)
{
    struct scene_options with = *o;
    uint32_t put;

    fifths = 2;
    with.is_drawn = true;
    open_hostile(&with, o->paths != 0 ? o->paths : 4, lead_astray);
    uint32_t found = find_all(o, &put);
    printf("  two fifths name only their friends, tables drawn: %u of %u put, %u found\n", put, o->ops, found);
    scene_claim(found * 1000 >= o->ops * 987, "98.7 %% succeed");
    close_hostile(o);
    fifths = 1;
}

/* A tenth, but one honest node knows of no others in the buckets that they fill: whatever it looks for there, all of its ways begin
 * with them, and they keep what it puts to themselves. */
static void play_siege(const struct scene_options *o)
{
    struct scene_options with = *o;
    uint32_t put = 0, found[2] = {0};
    struct dht_record r;
    uint8_t value[VALUE];

    with.is_drawn = is_half = true;
    besieged = 0;
    open_hostile(&with, o->paths != 0 ? o->paths : 4, lead_astray);
    for (uint32_t i = 0; i < o->ops; i++) {
        swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
        put += swarm_wait(&s, swarm_put(&s, besieged, &r, NULL))->done.status == ERR_OK;
        found[0] += swarm_wait(&s, swarm_get(&s, swarm_any(&s), &r.key, 1))->found > 0;
        swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
        (void)swarm_wait(&s, swarm_put(&s, swarm_any(&s), &r, NULL));
        found[1] += swarm_wait(&s, swarm_get(&s, besieged, &r.key, 1))->found > 0;
    }
    printf("  all known in some buckets are hostile: %u of %u put, others find %u; what others put it finds %u times\n", put, o->ops, found[0], found[1]);
    scene_claim(found[0] * 100 >= o->ops * 98, "what it puts is kept by others than those");
    scene_claim(found[1] * 100 >= o->ops * 98, "what others put it finds");
    close_hostile(o);
    besieged = UINT32_MAX;
    is_half = false;
}

/* What was put by and by, looked for when a fifth of all has turned: whoever one of them gets to is told of keys around the
 * one that is looked for. One path is led there by the first of them, of four most must be. */
static void play_surround(const struct scene_options *o)
{
    struct dht_id *key = calloc(o->ops, sizeof *key);
    uint32_t found[2];

    for (uint32_t turn = 0; turn < 2; turn++) {
        struct scene_options with = *o;
        struct dht_record r;
        uint8_t value[VALUE];
        with.paths = turn == 0 ? 1 : 4;
        scene_steps(&s, &with, o->nodes);
        for (uint32_t i = 0; i < o->ops; i++) {
            swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
            key[i] = r.key;
            (void)swarm_wait(&s, swarm_put(&s, swarm_any(&s), &r, NULL));
        }
        s.hostile = surround;
            for (uint32_t i = 0; i < o->nodes; i++) {
            if (is_fifth(i)) {
                befriend(i);
            }
        }
        found[turn] = 0;
        for (uint32_t i = 0; i < o->ops; i++) {
            found[turn] += swarm_wait(&s, swarm_get(&s, swarm_any(&s), &key[i], 1))->found > 0;
        }
        printf("  a fifth turns and surrounds every key, %u paths: %u of %u found\n", with.paths, found[turn], o->ops);
        close_hostile(o);
    }
    free(key);
    scene_claim(found[1] > found[0] && found[1] * 100 >= o->ops * 97, "disjoint paths are worth their while");
}

static void play_poison(const struct scene_options *o)
{
    struct dht_contact known[DHT_SAVED_MAX];
    uint32_t put, poisoned = 0;

    open_hostile(o, o->paths != 0 ? o->paths : 4, invent);
    uint32_t found = find_all(o, &put);
    for (uint32_t i = 0; i < s.nodes; i++) {
        uint32_t count = s.node[i].is_hostile ? 0 : dht_core_save(s.node[i].core, known, DHT_SAVED_MAX);
        for (uint32_t k = 0; k < count; k++) {
            struct dht_contact real = swarm_contact(&s, swarm_at(&known[k].at) % s.nodes);
            poisoned += !dht_id_same_node(&real.node, &known[k].node);
        }
    }
    printf("  a fifth names nodes that are nowhere: %u of %u put, %u found, %u such nodes in tables\n", put, o->ops, found,
           poisoned);
    scene_claim(poisoned == 0, "nobody is in a table who did not answer");
    scene_claim(put * 100 >= o->ops * 99 && found * 100 >= o->ops * 99, "99 %% succeed");
    close_hostile(o);
}

/* One machine with many keys wants to be all that a node knows. */
static void play_eclipse(const struct scene_options *o)
{
    enum { KEYS = 3000, GROUP = 10 };
    struct dht_contact known[DHT_SAVED_MAX];
    struct dht_packet p;
    const struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};

    scene_steps(&s, o, o->nodes);
    swarm_stop(&s, 1, SWARM_DOWN);
    s.config.tuning.group_bucket = 2;
    s.config.tuning.group_table = GROUP;
    s.config.tuning.rate = 0;
    swarm_start(&s, 1); /* it has only just begun: nobody is in its table yet */
    (void)dht_packet_write(&p, &ping, DHT_PACKET_MAX);
    for (uint32_t i = 0; i < KEYS; i++) {
        struct dht_contact c = {.at = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}, .port = 1024}};
        bytes_put_be64(c.node.byte, rng_next(&s.rng));
        c.at.port = (uint16_t)(c.at.port + i);
        c.at.ip[15] = (uint8_t)i;
        scene_claim(dht_core_packet(s.node[1].core, s.now_us, 0, &c, true, p.bytes, p.size, &s.fx) == ERR_OK, "a ping is one");
    }
    uint32_t hostile = dht_core_peers(s.node[1].core);
    swarm_join(&s, 1, 2);
    swarm_until(&s, s.now_us + 20 * SWARM_S);
    uint32_t count = dht_core_save(s.node[1].core, known, DHT_SAVED_MAX), good = 0;
    for (uint32_t i = 0; i < count; i++) {
        good += known[i].at.ip[12] == 10;
    }
    printf("  %u keys of one /24: %u in the table, %u others after a join\n", KEYS, hostile, good);
    scene_claim(hostile <= GROUP, "a group has its share of a table at most");
    scene_claim(good >= DHT_K, "others have their places");
    swarm_fini(&s);
}

/* Whoever heard an old record plays it again: while a newer one is held, and after its end. */
static void play_replay(const struct scene_options *o)
{
    enum { LIFE_MS = 100000 };
    uint8_t old_key[DHT_OWNER_SIZE + DHT_SIGNATURE_SIZE], key[DHT_OWNER_SIZE + DHT_SIGNATURE_SIZE], bytes[DHT_RECORD_MAX];
    struct dht_record old, r;
    struct dht_packet p;

    scene_whole(&s, o, o->nodes);
    swarm_signed(&s, old_key, DHT_MUTABLE, 7, "where", "old", 1, LIFE_MS, &old);
    scene_claim(swarm_wait(&s, swarm_put(&s, 2, &old, NULL))->done.status == ERR_OK, "a put succeeds");
    swarm_signed(&s, key, DHT_MUTABLE, 7, "where", "new", 2, LIFE_MS, &r);
    scene_claim(swarm_wait(&s, swarm_put(&s, 3, &r, NULL))->done.status == ERR_OK, "a newer one replaces it");
    struct dht_message m = {.kind = DHT_PACKET_STORE, .txn = 77, .count = 1};
    m.record[0] = (struct dht_packet_record){.left_ms = HOUR_MS, .size = (uint16_t)dht_record_write(&old, bytes), .bytes = bytes};
    (void)dht_packet_write(&p, &m, DHT_PACKET_MAX);
    for (uint32_t turn = 0; turn < 2; turn++) {
        for (uint32_t i = 1; i < s.nodes; i++) {
            swarm_send(&s, 0, i, p.bytes, p.size);
        }
        swarm_until(&s, s.now_us + SWARM_S);
        const struct swarm_end *e = swarm_wait(&s, swarm_get(&s, 5, &old.key, 4));
        if (turn == 0) {
            scene_claim(e->seq == 2, "the newer one holds: %llu", (unsigned long long)e->seq);
            swarm_until(&s, s.now_us + (LIFE_MS + 61000) * (uint64_t)SWARM_MS);
            scene_claim(swarm_holders(&s, &old.key) == 0, "both are over");
        } else {
            scene_claim(e->found == 0 && swarm_holders(&s, &old.key) == 0, "the dead stay dead");
        }
    }
    /* A newer one that its owner did not sign. */
    swarm_signed(&s, key, DHT_MUTABLE, 7, "where", "new", 3, LIFE_MS, &r);
    key[DHT_OWNER_SIZE] ^= 1;
    m.record[0].size = (uint16_t)dht_record_write(&r, bytes);
    (void)dht_packet_write(&p, &m, DHT_PACKET_MAX);
    for (uint32_t i = 1; i < s.nodes; i++) {
        swarm_send(&s, 0, i, p.bytes, p.size);
    }
    swarm_until(&s, s.now_us + SWARM_S);
    scene_claim(swarm_holders(&s, &r.key) == 0, "nothing forged is held");
    printf("  an old record comes back neither beside a newer one nor after its end\n");
    swarm_fini(&s);
}

/* From an address that proved nothing: no answer is three times as long as its question, and nothing is stored. */
static void play_amplify(const struct scene_options *o)
{
    struct dht_packet p;
    struct dht_record r;
    uint8_t value[DHT_VALUE_MAX], bytes[DHT_RECORD_MAX];
    double most = 0;

    scene_whole(&s, o, o->nodes);
    swarm_immutable(&s, value, sizeof value, HOUR_MS, &r);
    (void)swarm_wait(&s, swarm_put(&s, 2, &r, NULL));
    swarm_until(&s, s.now_us + SWARM_S);
    struct dht_contact victim = {.node = {.byte = {9}}, .at = {.ip = {[15] = 1}, .port = 9}};
    struct dht_message question[] = {{.kind = DHT_PACKET_PING, .txn = 1},
                                     {.kind = DHT_PACKET_FIND, .txn = 2, .target = r.key, .most = DHT_K},
                                     {.kind = DHT_PACKET_GET, .txn = 3, .target = r.key, .most = DHT_K},
                                     {.kind = DHT_PACKET_STORE, .txn = 4, .count = 1},
                                     {.kind = DHT_PACKET_OFFER, .flags = DHT_FLAG_BACK, .count = 1},
                                     {.kind = DHT_PACKET_WANT, .txn = 5, .count = 1},
                                     {.kind = DHT_PACKET_SUM}};
    question[3].record[0] = (struct dht_packet_record){.left_ms = HOUR_MS, .size = (uint16_t)dht_record_write(&r, bytes), .bytes = bytes};
    question[4].item[0] = question[5].item[0] = (struct dht_item){.key = r.key};
    uint64_t stored = 0;
    for (uint32_t node = 0; node < s.nodes; node++) {
        for (size_t i = 0; i < ARRAY_LEN(question); i++) {
            (void)dht_packet_write(&p, &question[i], DHT_PACKET_MAX);
            scene_claim(dht_core_packet(s.node[node].core, s.now_us, 0, &victim, false, p.bytes, p.size, &s.fx) == ERR_OK, "it is read");
            size_t out = 0;
            for (uint32_t k = 0; k < s.fx.sends; k++) {
                out += s.fx.send[k].packet.size;
            }
            double over = (double)out / p.size;
            most = over > most ? over : most;
        }
        stored += dht_core_counters(s.node[node].core)->no_token;
    }
    printf("  an unproved address is sent at most %.2f times what it sent; %llu stores without a token refused\n", most,
           (unsigned long long)stored);
    scene_claim(most <= 3 && stored == s.nodes, "no reflection is worth its while");
    swarm_fini(&s);
}

/* Nodes that are told of each other; one source has `source` bytes of a store at most. */
static void open_small(const struct scene_options *o, uint32_t source)
{
    scene_open(&s, o, o->nodes);
    s.config.source_bytes = source;
    s.config.owner_bytes = source / 2;
    for (uint32_t i = 0; i < o->nodes; i++) {
        swarm_start(&s, i);
        for (uint32_t k = 0; k < i; k++) {
            swarm_tell(&s, i, k, DHT_MEMBER_HERE);
            swarm_tell(&s, k, i, DHT_MEMBER_HERE);
        }
    }
}

/* One node stores as much as it can, and others still have room. */
static void play_fill(const struct scene_options *o)
{
    struct dht_record r;
    uint8_t value[DHT_VALUE_MAX];
    uint32_t most = 0, good = 0;

    open_small(o, 64 << 10);
    for (uint32_t i = 0; i < 3000; i++) {
        swarm_immutable(&s, value, sizeof value, HOUR_MS, &r);
        (void)swarm_wait(&s, swarm_put(&s, 0, &r, NULL));
    }
    for (uint32_t i = 1; i < s.nodes; i++) {
        uint32_t used = dht_core_store_bytes(s.node[i].core);
        most = used > most ? used : most;
    }
    for (uint32_t i = 0; i < o->ops; i++) {
        swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
        uint32_t from = 1 + (uint32_t)rng_below(&s.rng, s.nodes - 1);
        (void)swarm_wait(&s, swarm_put(&s, from, &r, NULL));
        good += swarm_wait(&s, swarm_get(&s, 1 + (uint32_t)rng_below(&s.rng, s.nodes - 1), &r.key, 1))->found > 0;
    }
    printf("  3,000 values of 1,000 bytes of one node: at most %u bytes at another; %u of %u others' are found\n", most, good, o->ops);
    scene_claim(most <= s.config.source_bytes + s.config.store_bytes / 2, "one source has its share of a store at most");
    scene_claim(good == o->ops, "others have room");
    swarm_fini(&s);
}

/* Three nodes, each within its quota, have all of every store, of which each might have half: with values of `size` bytes. */
static void hoard(uint32_t count, uint16_t size)
{
    struct dht_record r;
    uint8_t value[DHT_VALUE_MAX];

    for (uint32_t i = 0; i < count; i++) {
        swarm_immutable(&s, value, size, HOUR_MS, &r);
        (void)swarm_wait(&s, swarm_put(&s, i % 3, &r, NULL));
    }
}

/* What others put before and after that is there, and stays while the three go on. */
static void play_hoard(const struct scene_options *o)
{
    for (uint32_t turn = 0; turn < 2; turn++) {
        struct dht_id *key = calloc(o->ops, sizeof *key);
        uint16_t size = turn == 0 ? 20 : DHT_VALUE_MAX;
        uint32_t put = 0, found = 0, own = 0;
        uint8_t value[VALUE];
        struct dht_record r;
        open_small(o, 128 << 10);
        for (uint32_t i = 0; i < o->ops; i++) {
            if (i == o->ops / 2) {
                hoard(3000, size);
            }
            swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
            key[i] = r.key;
            put += swarm_wait(&s, swarm_put(&s, 3 + i % (s.nodes - 3), &r, NULL))->done.status == ERR_OK;
        }
        hoard(1000, size);
        for (uint32_t i = 0; i < o->ops; i++) {
            found += swarm_wait(&s, swarm_get(&s, 3 + (i + 1) % (s.nodes - 3), &key[i], 1))->found > 0;
            own += swarm_holders(&s, &key[i]);
        }
        printf("  three nodes put 4,000 values of %u bytes: of others' %u of %u are put, %u found, with %.1f holders each\n", size, put, o->ops, found,
               (double)own / o->ops);
        scene_claim(put == o->ops && found == o->ops && own >= DHT_REPLICAS * o->ops, "whoever has little keeps it");
        free(key);
        swarm_fini(&s);
    }
}

/* As many have a service as there may be, each with an endpoint of the usual size: whoever looks hears of all of them. */
static void play_service(const struct scene_options *o)
{
    uint8_t key[DHT_OWNER_SIZE + DHT_SIGNATURE_SIZE];
    char endpoint[] = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
    struct dht_record r;
    uint32_t put = 0, least = UINT32_MAX;

    scene_whole(&s, o, o->nodes);
    for (uint32_t i = 0; i < DHT_OWNERS_MAX; i++) {
        swarm_signed(&s, key, DHT_SERVICE, 1 + i, "web", endpoint, 1, HOUR_MS, &r);
        put += swarm_wait(&s, swarm_put(&s, i % s.nodes, &r, NULL))->done.status == ERR_OK;
    }
    swarm_until(&s, s.now_us + SWARM_S);
    for (uint32_t i = 0; i < s.nodes; i++) {
        if (!swarm_holds(&s, i, &r.key)) {
            uint32_t found = swarm_wait(&s, swarm_get(&s, i, &r.key, 1))->found;
            least = found < least ? found : least;
        }
    }
    printf("  a service of %u nodes, %u put: whoever looks finds %u\n", (unsigned)DHT_OWNERS_MAX, put, least);
    scene_claim(put == DHT_OWNERS_MAX && least == DHT_OWNERS_MAX, "all of them");
    swarm_fini(&s);
}

/* What a defence costs those it is not meant for. All on one link of IPv6, where who they are to others is one host: they know each other as if they were not. */
static void play_link(const struct scene_options *o)
{
    struct scene_options with = *o;
    struct measured m[2];
    uint64_t known[2] = {0};

    for (uint32_t turn = 0; turn < 2; turn++) {
        with.is_link = turn == 0;
        scene_steps(&s, &with, o->nodes);
        for (uint32_t i = 0; i < s.nodes; i++) {
            known[turn] += dht_core_peers(s.node[i].core);
        }
        scene_measure(&s, o->ops, o->together, &m[turn]);
        scene_print(turn == 0 ? "on one link" : "all elsewhere", &m[turn], o->ops);
        swarm_fini(&s);
    }
    printf("  a node knows %.0f of one link, %.0f elsewhere\n", (double)known[0] / o->nodes, (double)known[1] / o->nodes);
    scene_claim(m[0].puts == o->ops && m[0].gets == o->ops, "all succeed");
    scene_claim(m[0].asked_get <= 1.1 * m[1].asked_get && sample_at(&m[0].put_ms, 0.99) <= 1.3 * sample_at(&m[1].put_ms, 0.99), "a link costs nothing");
    scene_free(&m[0]);
    scene_free(&m[1]);
}

/* So many packets that nothing else would be done: they are not even read. */
static void play_flood(const struct scene_options *o)
{
    struct dht_packet p;
    struct dht_record r;
    uint8_t value[VALUE];
    const struct dht_message find = {.kind = DHT_PACKET_FIND, .txn = 1, .most = DHT_K};

    scene_whole(&s, o, o->nodes);
    (void)dht_packet_write(&p, &find, DHT_PACKET_MAX);
    struct dht_contact from = swarm_contact(&s, 0);
    uint32_t read = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        read += dht_core_packet(s.node[1].core, s.now_us, 0, &from, true, p.bytes, p.size, &s.fx) == ERR_OK;
    }
    swarm_immutable(&s, value, VALUE, HOUR_MS, &r);
    const struct swarm_end *e = swarm_wait(&s, swarm_put(&s, 1, &r, NULL));
    printf("  20,000 packets at one time: %u read; a put of that node: %s\n", read, err_name(e->done.status));
    scene_claim(read == s.config.tuning.rate, "a source has its share of the time at most");
    scene_claim(e->done.status == ERR_OK, "others are heard");
    swarm_fini(&s);
}

static const struct scene scenes[] = {
    {"sybil", 100, 60, play_sybil},   {"poison", 200, 100, play_poison}, {"eclipse", 40, 1, play_eclipse},
    {"replay", 24, 1, play_replay},   {"amplify", 24, 1, play_amplify}, {"fill", 16, 40, play_fill},
    {"hoard", 16, 160, play_hoard},   {"link", 150, 200, play_link},     {"service", 24, 1, play_service},
    {"flood", 24, 1, play_flood},     {"wide", 1000, 200, play_wide},    {"astray", 500, 300, play_astray},
    {"surround", 200, 200, play_surround}, {"siege", 500, 150, play_siege},
};

int main(int argc, char **argv)
{
    return scene_main(scenes, ARRAY_LEN(scenes), argc, argv);
}
