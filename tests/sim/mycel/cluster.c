#include "tests/sim/mycel/cluster.h"

#include <inttypes.h>
#include <string.h>

#include "tests/support/check.h"

const struct mycel_replica_name cluster_names[1] = {{"bucket", 6}};

static void say(const struct cluster *w, const char *what, uint32_t a, uint64_t b)
{
    if (w->is_loud) {
        printf("%9.3f %s %" PRIu32 " %" PRIx64 "\n", (double)w->now_ms / 1000, what, a, b);
    }
}

static uint64_t draw(struct cluster *w, uint64_t bound)
{
    return rng_below(&w->rng, bound);
}

static uint64_t id_of(uint8_t n)
{
    return 1000 + n * UINT64_C(7919);
}

static uint8_t node_of(uint64_t id)
{
    return (uint8_t)((id - 1000) / 7919);
}

uint64_t cluster_wall_ms(const struct cluster *w, uint8_t n)
{
    return CLUSTER_WALL_MS * UINT64_C(1000) + w->now_ms + (uint64_t)w->node[n].skew_ms;
}

struct mycel_store_key cluster_key_of(uint32_t key, char text[16])
{
    return (struct mycel_store_key){.bucket = 0, .bytes = text, .size = (uint32_t)snprintf(text, 16, "key%" PRIu32, key)};
}

static uint32_t number_of(const struct mycel_store_key *k)
{
    char text[16] = "";

    REQUIRE(k->size > 3 && k->size < 16, "keys are those of this world");
    memcpy(text, k->bytes, k->size);
    return (uint32_t)strtoul(text + 3, NULL, 10);
}

/* ---- wires ------------------------------------------------------------------------------------------ */

static bool is_before(const struct cluster_packet *a, const struct cluster_packet *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void put_on(struct cluster *w, const struct cluster_packet *p)
{
    struct cluster_packet *copy = malloc(sizeof *copy);

    if (w->on_wire == w->wire_max) {
        w->wire_max = w->wire_max * 2 + 64;
        w->wire = realloc(w->wire, w->wire_max * sizeof *w->wire);
    }
    REQUIRE(copy != NULL && w->wire != NULL && w->on_wire < 200000, "seed %" PRIu64 ": traffic is bounded", w->seed);
    *copy = *p;
    copy->copy.bytes = copy->bytes;
    if (p->sums != NULL) {
        copy->sums = malloc(MYCEL_REPLICA_RANGES * sizeof(uint64_t));
        REQUIRE(copy->sums != NULL, "memory");
        memcpy(copy->sums, p->sums, MYCEL_REPLICA_RANGES * sizeof(uint64_t));
    }
    copy->order = ++w->order;
    uint32_t at = w->on_wire++;
    for (; at > 0 && is_before(copy, w->wire[(at - 1) / 2]); at = (at - 1) / 2) {
        w->wire[at] = w->wire[(at - 1) / 2];
    }
    w->wire[at] = copy;
}

static struct cluster_packet *take_off(struct cluster *w)
{
    struct cluster_packet *p = w->wire[0], *last = w->wire[--w->on_wire];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= w->on_wire) {
            break;
        }
        child += child + 1 < w->on_wire && is_before(w->wire[child + 1], w->wire[child]);
        if (!is_before(w->wire[child], last)) {
            break;
        }
        w->wire[at] = w->wire[child];
        at = child;
    }
    w->wire[at] = last;
    return p;
}

static void send(struct cluster *w, struct cluster_packet *p)
{
    w->count.packets++;
    p->from_life = w->node[p->from].life;
    p->to_life = w->node[p->to].life;
    if (p->copy.size > 0) {
        memcpy(p->bytes, p->copy.bytes, p->copy.size);
    }
    if (p->from != p->to && w->now_ms < w->faults_end_ms && w->lose_one_in > 0 && draw(w, w->lose_one_in) == 0) {
        w->count.lost++;
        return;
    }
    p->at_ms = w->now_ms + (p->from == p->to ? 0 : 1 + draw(w, w->late_ms));
    put_on(w, p);
    if (p->from != p->to && w->now_ms < w->faults_end_ms && w->double_one_in > 0 && draw(w, w->double_one_in) == 0) {
        p->at_ms += draw(w, 4 * w->late_ms);
        put_on(w, p);
    }
}

/* ---- effects ---------------------------------------------------------------------------------------- */

static void perform_hints(struct cluster *w, uint8_t n, const struct mycel_hint_effects *fx)
{
    for (uint8_t i = 0; i < fx->count; i++) {
        const struct mycel_hint_effect *e = &fx->item[i];
        struct cluster_packet p = {.kind = CLUSTER_HINT, .from = n, .to = (uint8_t)e->to, .number = e->number, .left_ms = e->left_ms, .copy = e->copy,
                                   .key = number_of(&e->key)};
        send(w, &p);
    }
}

static void hint(struct cluster *w, uint8_t n, struct mycel_hint_event ev)
{
    struct mycel_hint_effects fx;

    ev.now_ms = w->now_ms;
    mycel_hint_step(&w->node[n].hint, &ev, &fx);
    perform_hints(w, n, &fx);
}

static void perform_sync(struct cluster *w, uint8_t n, const struct mycel_sync_effects *fx)
{
    for (uint32_t i = 0; i < fx->count; i++) {
        const struct mycel_sync_effect *e = &fx->item[i];
        struct cluster_packet p = {.kind = CLUSTER_SYNC, .from = n, .to = node_of(e->to), .copy = e->message.copy, .sync = e->message,
                                   .left_ms = e->message.left_ms};
        if (e->message.kind == MYCEL_SYNC_OFFER || e->message.kind == MYCEL_SYNC_COPY) {
            p.key = number_of(&e->message.key);
        }
        if (e->message.kind != MYCEL_SYNC_COPY) {
            p.copy = (struct mycel_version_copy){0};
        }
        w->count.copies_late += e->message.kind == MYCEL_SYNC_COPY && w->now_ms > w->faults_end_ms + 600000;
        p.sums = (uint64_t *)(uintptr_t)e->message.sums;
        send(w, &p);
    }
}

static void sync_step(struct cluster *w, uint8_t n, struct mycel_sync_event ev)
{
    static struct mycel_sync_effects fx;

    ev.now_ms = w->now_ms;
    ev.wall_ms = cluster_wall_ms(w, n);
    mycel_sync_step(&w->node[n].sync, &ev, &fx);
    perform_sync(w, n, &fx);
}

static void perform_call(struct cluster *w, uint8_t n, uint8_t task, const struct mycel_call_effects *fx)
{
    struct cluster_task *t = &w->node[n].task[task];

    for (uint8_t i = 0; i < fx->count; i++) {
        const struct mycel_call_effect *e = &fx->item[i];
        struct cluster_packet p = {.kind = CLUSTER_ASK, .from = n, .to = t->target[e->to], .task = task, .target = e->to, .serial = t->serial,
                                   .is_write = t->is_write, .left_ms = t->left_ms, .key = t->key, .copy = t->copy};
        switch (e->kind) {
        case MYCEL_CALL_FX_ASK:
            send(w, &p);
            break;
        case MYCEL_CALL_FX_DONE:
            if (t->is_write) {
                check_wrote(w, t, e->error);
            } else {
                check_read(w, t, e->error, &e->copy);
            }
            break;
        case MYCEL_CALL_FX_REPAIR:
            p.kind = CLUSTER_REPAIR;
            p.copy = e->copy;
            p.left_ms = e->left_ms;
            w->count.repairs++;
            send(w, &p);
            break;
        case MYCEL_CALL_FX_HINT: {
            char text[16];
            if (t->target[e->to] == n) { /* there was no room here, and is not going to be */
                break;
            }
            struct mycel_hint_event ev = {.kind = MYCEL_HINT_EV_KEEP, .to = t->target[e->to], .key = cluster_key_of(t->key, text), .copy = t->copy};
            ev.left_ms = t->left_ms == MYCEL_STORE_FOR_EVER ? t->left_ms : t->left_ms > w->now_ms - t->began_ms ? t->left_ms - (w->now_ms - t->began_ms) : 1;
            hint(w, n, ev);
            break;
        }
        case MYCEL_CALL_FX_OVER:
            t->is_open = false;
            break;
        }
    }
}

static void tell_call(struct cluster *w, uint8_t n, uint8_t task, struct mycel_call_event ev)
{
    struct mycel_call_effects fx;

    ev.now_ms = w->now_ms;
    mycel_call_step(&w->node[n].task[task].call, &ev, &fx);
    perform_call(w, n, task, &fx);
}

/* ---- who is there ----------------------------------------------------------------------------------- */

static bool can_talk(const struct cluster *w, uint8_t a, uint8_t b)
{
    return w->node[a].is_up && w->node[b].is_up && !w->cut[a][b] && !w->cut[b][a];
}

static void fail_calls(struct cluster *w, uint8_t n, uint8_t lost)
{
    for (uint8_t i = 0; i < CLUSTER_TASKS; i++) {
        struct cluster_task *t = &w->node[n].task[i];
        for (uint8_t k = 0; k < t->targets && t->is_open; k++) {
            if (t->target[k] == lost) {
                tell_call(w, n, i, (struct mycel_call_event){.kind = MYCEL_CALL_EV_FAILED, .from = k});
            }
        }
    }
}

/* It sees who is there now. */
static void see(struct cluster *w, uint8_t n)
{
    struct cluster_node *d = &w->node[n];
    struct mycel_place_node list[CLUSTER_NODES_MAX];
    uint32_t count = 0;

    d->view_ms = UINT64_MAX;
    for (uint8_t i = 0; i < w->nodes; i++) {
        bool is_there = i == n || can_talk(w, n, i);
        if (is_there) {
            list[count++] = (struct mycel_place_node){.id = id_of(i), .weight = 1};
        }
        if (is_there != d->sees[i] && i != n) {
            hint(w, n, (struct mycel_hint_event){.kind = is_there ? MYCEL_HINT_EV_BACK : MYCEL_HINT_EV_LOST, .to = i});
            if (!is_there) {
                fail_calls(w, n, i);
            }
        }
        d->sees[i] = is_there;
    }
    REQUIRE(mycel_place_set(&d->place, list, count) == ERR_OK, "members can be placed");
    w->count.views++;
    sync_step(w, n, (struct mycel_sync_event){.kind = MYCEL_SYNC_EV_PLACE, .place = &d->place});
    uint64_t seen = 0;
    for (uint8_t i = 0; i < w->nodes; i++) {
        seen |= (uint64_t)d->sees[i] << 4 * i;
    }
    say(w, "sees", n, seen);
}

void cluster_look(struct cluster *w)
{
    for (uint8_t i = 0; i < w->nodes; i++) {
        if (w->node[i].is_up) {
            w->node[i].view_ms = w->now_ms + 1 + draw(w, w->detect_ms);
        }
    }
}

bool cluster_is_settled(const struct cluster *w)
{
    for (uint8_t i = 0; i < w->nodes; i++) {
        for (uint8_t j = 0; j < w->nodes && w->node[i].is_up; j++) {
            if (w->node[i].sees[j] != (i == j || can_talk(w, i, j))) {
                return false;
            }
        }
        if (w->node[i].is_up && (!w->node[i].sync.is_sure || w->node[i].view_ms != UINT64_MAX)) {
            return false;
        }
    }
    return true;
}

void cluster_start(struct cluster *w, uint8_t n, bool is_first)
{
    struct cluster_node *d = &w->node[n];
    uint8_t hash_key[MYCEL_STORE_HASH_KEY] = {n, (uint8_t)d->life};
    struct mycel_hint_limits l = {200000, 100000, w->hint_entries * 2, w->hint_entries, MYCEL_HINT_AGE_MS, CLUSTER_NODES_MAX};
    struct mycel_store_limits limits = {.bytes_max = w->bytes_max, .entries_max = w->entries_max, .rule = MYCEL_STORE_S3FIFO};
    uint16_t bucket;
    size_t size = mycel_store_bytes(1, w->entries_max, w->bytes_max);

    d->is_up = true;
    d->life++;
    d->back_ms = UINT64_MAX;
    d->store_memory = aligned_alloc(64, size);
    d->hint_memory = malloc(mycel_hint_bytes(&l));
    REQUIRE(d->store_memory != NULL && d->hint_memory != NULL && mycel_store_init(&d->store, d->store_memory, 1, w->entries_max, w->bytes_max, hash_key, w->now_ms) == ERR_OK &&
            mycel_store_open(&d->store, &limits, &bucket) == ERR_OK && mycel_hint_init(&d->hint, d->hint_memory, &l, hash_key) == ERR_OK, "a member starts");
    mycel_replica_init(&d->replica, &d->store, cluster_names, n + 1, CLUSTER_REPLICAS, d->sum, CLUSTER_NODES_MAX);
    mycel_sync_init(&d->sync, &d->replica, d->peer, id_of(n), w->bytes_per_s, is_first, d->life, w->now_ms);
    memset(d->task, 0, sizeof d->task);
    memset(d->sees, 0, sizeof d->sees);
    cluster_look(w);
    d->view_ms = w->now_ms + 1;
}

static void let_go(struct cluster *w, uint8_t n)
{
    struct cluster_node *d = &w->node[n];

    w->count.offers += d->sync.counts.offers;
    w->count.copies += d->sync.counts.copies;
    w->count.left += d->sync.counts.left;
    w->count.taken += d->sync.counts.taken;
    w->count.passes += d->sync.counts.passes;
    w->count.forgotten += d->sync.counts.forgotten;
    w->count.hinted += d->hint.counts.kept;
    w->count.handed += d->hint.counts.handed;
    w->count.dropped += d->hint.counts.full + d->hint.counts.old;
    free(d->store_memory);
    free(d->hint_memory);
    d->store_memory = d->hint_memory = NULL;
    d->is_up = false;
}

void cluster_crash(struct cluster *w, uint8_t n)
{
    say(w, "crashes", n, 0);
    w->count.crashes++;
    let_go(w, n);
    w->node[n].life++;
    for (uint8_t i = 0; i < w->nodes; i++) { /* connections break */
        if (w->node[i].is_up) {
            fail_calls(w, i, n);
        }
    }
    cluster_look(w);
}

/* ---- calls ------------------------------------------------------------------------------------------ */

static void find_holders(const struct cluster_node *d, uint32_t key, uint32_t holder[MYCEL_PLACE_REPLICAS_MAX], uint32_t *ret_count, bool *is_mine, uint64_t *ret_hash)
{
    char text[16];
    struct mycel_store_key k = cluster_key_of(key, text);

    *ret_hash = mycel_replica_hash(&d->replica, 0, k.bytes, k.size);
    *ret_count = mycel_replica_holders(&d->replica, *ret_hash, holder, is_mine);
}

static void begin_call(struct cluster *w, uint8_t n, uint32_t key, bool is_write, bool is_delete)
{
    struct cluster_node *d = &w->node[n];
    struct mycel_call_effects fx;
    uint32_t holder[MYCEL_PLACE_REPLICAS_MAX], count;
    bool is_mine;
    uint64_t hash;
    uint8_t task = 0;

    while (task < CLUSTER_TASKS && d->task[task].is_open) {
        task++;
    }
    if (task == CLUSTER_TASKS || d->replica.place == NULL) {
        return;
    }
    struct cluster_task *t = &d->task[task];
    *t = (struct cluster_task){.is_open = true, .is_write = is_write, .serial = (uint32_t)++w->serial, .key = key, .began_ms = w->now_ms,
                               .floor = w->key[key].acked};
    find_holders(d, key, holder, &count, &is_mine, &hash);
    if (2 * count <= CLUSTER_REPLICAS) { /* not even all of them would be a quorum */
        t->is_open = false;
        w->count.unavailable++;
        return;
    }
    t->targets = (uint8_t)count;
    for (uint32_t i = 0; i < count; i++) {
        t->target[i] = node_of(d->place.id[holder[i]]);
        t->life[i] = w->node[t->target[i]].life;
    }
    t->left_ms = w->key[key].has_lives && !is_delete ? 60000 : MYCEL_STORE_FOR_EVER;
    if (is_write) {
        t->copy = (struct mycel_version_copy){.version = mycel_version_next(&d->replica.clock, cluster_wall_ms(w, n)), .is_tombstone = is_delete, .bytes = t->bytes};
        t->copy.size = is_delete ? 0 : 24 + key % 40;
        memcpy(t->bytes, &t->copy.version.stamp, 8);
        memcpy(t->bytes + 8, &key, 4);
        uint64_t end = t->left_ms == MYCEL_STORE_FOR_EVER ? UINT64_MAX : w->now_ms + t->left_ms;
        memcpy(t->bytes + 16, &end, 8);
        w->count.writes++;
        struct cluster_key *k = &w->key[key];
        if (!is_delete) {
            k->value[k->values % CLUSTER_VALUES].version = t->copy.version;
            k->value[k->values++ % CLUSTER_VALUES].end_ms = end;
        }
    } else {
        w->count.reads++;
    }
    mycel_call_start(&t->call, is_write, MYCEL_CALL_QUORUM, t->targets, w->now_ms, CLUSTER_TIMEOUT_MS, &fx);
    perform_call(w, n, task, &fx);
    for (uint8_t i = 0; i < t->targets && t->is_open; i++) { /* who is known to be away fails at once */
        if (!w->node[t->target[i]].is_up) {
            tell_call(w, n, task, (struct mycel_call_event){.kind = MYCEL_CALL_EV_FAILED, .from = i});
        }
    }
}

void cluster_write(struct cluster *w, uint8_t n, uint32_t key, bool is_delete)
{
    begin_call(w, n, key, true, is_delete);
}

void cluster_read(struct cluster *w, uint8_t n, uint32_t key)
{
    begin_call(w, n, key, false, false);
}

static uint64_t left_at(struct cluster_node *d, const struct mycel_store_key *k, uint64_t now_ms)
{
    struct mycel_store_view v;

    return mycel_store_peek(&d->store, k, now_ms, &v) == ERR_OK ? v.left_ms : MYCEL_STORE_FOR_EVER;
}

/* A replica is asked. */
static void asked(struct cluster *w, const struct cluster_packet *p)
{
    struct cluster_node *d = &w->node[p->to];
    struct cluster_packet a = {.kind = CLUSTER_ANSWER, .from = p->to, .to = p->from, .task = p->task, .target = p->target, .serial = p->serial, .key = p->key,
                               .said = MYCEL_CALL_EV_FAILED, .left_ms = MYCEL_STORE_FOR_EVER};
    uint32_t holder[MYCEL_PLACE_REPLICAS_MAX], count;
    bool is_mine;
    uint64_t hash;
    char text[16];
    struct mycel_store_key k = cluster_key_of(p->key, text);

    find_holders(d, p->key, holder, &count, &is_mine, &hash);
    bool has_say = mycel_sync_has_say(&d->sync, hash);
    if (is_mine && p->is_write) {
        enum err e = mycel_replica_take(&d->replica, &k, &p->copy, p->left_ms, cluster_wall_ms(w, p->to), w->now_ms);
        a.said = e != ERR_OK && e != ERR_EXISTS ? MYCEL_CALL_EV_FAILED : has_say ? MYCEL_CALL_EV_ANSWER : MYCEL_CALL_EV_UNSURE;
    } else if (is_mine) {
        a.said = has_say ? MYCEL_CALL_EV_ANSWER : MYCEL_CALL_EV_UNSURE;
        a.copy = has_say ? mycel_replica_find(&d->replica, &k, w->now_ms) : (struct mycel_version_copy){0};
        a.left_ms = left_at(d, &k, w->now_ms);
    }
    send(w, &a);
}

static void answered(struct cluster *w, const struct cluster_packet *p)
{
    struct cluster_task *t = &w->node[p->to].task[p->task];
    struct mycel_call_event ev = {.kind = p->said, .from = p->target, .copy = p->copy, .left_ms = p->left_ms};

    if (!t->is_open || t->serial != p->serial || t->call.state[p->target] != MYCEL_CALL_ASKED) {
        return;
    }
    memcpy(t->got[p->target], p->bytes, CLUSTER_VALUE_MAX);
    ev.copy.bytes = t->got[p->target];
    tell_call(w, p->to, p->task, ev);
}

static void take(struct cluster *w, const struct cluster_packet *p)
{
    struct cluster_node *d = &w->node[p->to];
    uint32_t holder[MYCEL_PLACE_REPLICAS_MAX], count;
    bool is_mine;
    uint64_t hash;
    char text[16];
    struct mycel_store_key k = cluster_key_of(p->key, text);

    find_holders(d, p->key, holder, &count, &is_mine, &hash);
    if (is_mine) {
        (void)!mycel_replica_take(&d->replica, &k, &p->copy, p->left_ms, cluster_wall_ms(w, p->to), w->now_ms); /* or something later is there */
    }
    if (p->kind == CLUSTER_HINT) {
        struct cluster_packet a = {.kind = CLUSTER_TAKEN, .from = p->to, .to = p->from, .number = p->number};
        send(w, &a);
    }
}

static void arrive(struct cluster *w, struct cluster_packet *p)
{
    struct cluster_node *d = &w->node[p->to];
    char text[16];

    if (!d->is_up || p->to_life != d->life || p->from_life != w->node[p->from].life || w->cut[p->from][p->to]) {
        return;
    }
    switch (p->kind) {
    case CLUSTER_ASK:
        asked(w, p);
        break;
    case CLUSTER_ANSWER:
        answered(w, p);
        break;
    case CLUSTER_REPAIR:
    case CLUSTER_HINT:
        take(w, p);
        break;
    case CLUSTER_TAKEN:
        hint(w, p->to, (struct mycel_hint_event){.kind = MYCEL_HINT_EV_TAKEN, .to = p->from, .number = p->number});
        break;
    case CLUSTER_SYNC:
        p->sync.sums = p->sums;
        if (p->sync.kind == MYCEL_SYNC_OFFER || p->sync.kind == MYCEL_SYNC_COPY) {
            p->sync.key = cluster_key_of(p->key, text);
            p->sync.copy.bytes = p->sync.kind == MYCEL_SYNC_COPY ? p->bytes : NULL;
        }
        sync_step(w, p->to, (struct mycel_sync_event){.kind = MYCEL_SYNC_EV_HEARD, .from = id_of(p->from), .message = &p->sync});
        break;
    }
}

/* ---- time ------------------------------------------------------------------------------------------- */

/* How many of those whom a node can reach have what was acknowledged of a key. */
static uint32_t who_knows(const struct cluster *w, uint8_t n, uint32_t key)
{
    char text[16];
    struct mycel_store_key k = cluster_key_of(key, text);
    uint32_t know = 0;

    for (uint8_t i = 0; i < w->nodes; i++) {
        know += (i == n || can_talk(w, n, i)) && w->node[i].is_up && mycel_replica_find(&w->node[i].replica, &k, w->now_ms).version.stamp >= w->key[key].acked.stamp;
    }
    return know;
}

/* Somebody whose death leaves one who knows of a key, if there is such a one. */
static uint8_t worst_node(struct cluster *w)
{
    for (uint32_t i = 0; i < 40; i++) {
        uint8_t n = (uint8_t)draw(w, w->nodes);
        uint32_t key = (uint32_t)draw(w, w->keys);
        char text[16];
        struct mycel_store_key k = cluster_key_of(key, text);
        if (w->node[n].is_up && w->key[key].acked.stamp != 0 && who_knows(w, n, key) == 2 &&
            mycel_replica_find(&w->node[n].replica, &k, w->now_ms).version.stamp >= w->key[key].acked.stamp) {
            return n;
        }
    }
    return (uint8_t)draw(w, w->nodes);
}

static void faults(struct cluster *w)
{
    if (w->now_ms >= w->faults_end_ms || w->faults == CLUSTER_CALM) {
        w->fault_ms = UINT64_MAX;
        return;
    }
    w->fault_ms = w->now_ms + 500 + draw(w, 20000);
    uint8_t n = (uint8_t)draw(w, w->nodes);
    bool is_alone = w->faults != CLUSTER_CUTS;
    if (w->has_jumps && draw(w, 3) == 0) { /* never more apart than clocks may be */
        w->node[n].skew_ms = (int64_t)draw(w, 2 * w->skew_ms + 1) - w->skew_ms;
        w->count.jumps++;
    }
    if (is_alone && !cluster_is_settled(w)) {
        w->fault_ms = w->now_ms + 300;
        return;
    }
    if (w->faults == CLUSTER_CRASHES) {
        n = worst_node(w);
        cluster_crash(w, n);
        w->node[n].back_ms = w->now_ms + 1 + draw(w, 1u << draw(w, 15));
        return;
    }
    n = is_alone ? worst_node(w) : n;
    bool side[CLUSTER_NODES_MAX] = {false};
    for (uint8_t i = 0; i < w->nodes; i++) {
        side[i] = is_alone ? i == n : draw(w, 2) == 0;
    }
    bool is_one_way = !is_alone && draw(w, 4) == 0;
    for (uint8_t i = 0; i < w->nodes; i++) {
        for (uint8_t j = 0; j < w->nodes; j++) {
            w->cut[i][j] |= side[i] && !side[j];
            w->cut[j][i] |= side[i] && !side[j] && !is_one_way;
        }
    }
    w->count.cuts++;
    say(w, "cut", n, is_alone);
    w->heal_ms = w->now_ms + 1 + draw(w, 1u << draw(w, 16));
    cluster_look(w);
}

static void heal(struct cluster *w)
{
    w->heal_ms = UINT64_MAX;
    memset(w->cut, 0, sizeof w->cut);
    say(w, "heals", 0, 0);
    cluster_look(w);
}

/* Some of the reads are of the worst key: of which the fewest know. */
static uint32_t worst_key(struct cluster *w, uint8_t n)
{
    uint32_t worst = (uint32_t)draw(w, w->keys), fewest = UINT32_MAX;

    for (uint32_t i = 0; i < 16; i++) {
        uint32_t key = (uint32_t)draw(w, w->keys), know = w->key[key].acked.stamp == 0 ? UINT32_MAX : who_knows(w, n, key);
        if (know < fewest) {
            worst = key;
            fewest = know;
        }
    }
    return worst;
}

static void operate(struct cluster *w)
{
    uint8_t n = (uint8_t)draw(w, w->nodes);
    uint32_t key = (uint32_t)draw(w, draw(w, 2) == 0 ? w->keys : w->keys / 8 + 1);

    w->op_ms = w->now_ms + 1 + draw(w, 2 * w->ops_one_in_ms / (cluster_is_settled(w) ? 1 : 8));
    if (!w->node[n].is_up) {
        return;
    }
    switch (draw(w, 8)) {
    case 0:
    case 1:
    case 2:
        cluster_write(w, n, key, false);
        break;
    case 3:
        cluster_write(w, n, key, true);
        break;
    case 4:
        cluster_read(w, n, key);
        break;
    default:
        cluster_read(w, n, worst_key(w, n));
    }
}

/* When a member has something to do. */
static uint64_t due_of(const struct cluster *w, uint8_t n)
{
    const struct cluster_node *d = &w->node[n];
    uint64_t due = d->back_ms;

    if (!d->is_up) {
        return due;
    }
    due = d->view_ms < due ? d->view_ms : due;
    uint64_t sync = mycel_sync_due_ms(&d->sync), kept = mycel_hint_due_ms(&d->hint);
    due = sync < due ? sync : due;
    due = kept < due ? kept : due;
    for (uint8_t i = 0; i < CLUSTER_TASKS; i++) {
        if (d->task[i].is_open && mycel_call_due_ms(&d->task[i].call) < due) {
            due = mycel_call_due_ms(&d->task[i].call);
        }
    }
    return due;
}

static void work(struct cluster *w, uint8_t n)
{
    struct cluster_node *d = &w->node[n];

    if (!d->is_up) {
        if (d->back_ms <= w->now_ms) {
            cluster_start(w, n, false);
        }
        return;
    }
    if (d->view_ms <= w->now_ms) {
        see(w, n);
    }
    (void)mycel_store_step(&d->store, w->now_ms, 100);
    if (mycel_sync_due_ms(&d->sync) <= w->now_ms) {
        sync_step(w, n, (struct mycel_sync_event){.kind = MYCEL_SYNC_EV_CLOCK});
    }
    if (mycel_hint_due_ms(&d->hint) <= w->now_ms) {
        hint(w, n, (struct mycel_hint_event){.kind = MYCEL_HINT_EV_CLOCK});
    }
    for (uint8_t i = 0; i < CLUSTER_TASKS; i++) {
        if (d->task[i].is_open && mycel_call_due_ms(&d->task[i].call) <= w->now_ms) {
            tell_call(w, n, i, (struct mycel_call_event){.kind = MYCEL_CALL_EV_CLOCK});
        }
    }
    CHECK(d->hint.entries <= w->hint_entries * 2 && d->store.entries <= w->entries_max, "seed %" PRIu64 ": memory is bounded", w->seed);
}

void cluster_live(struct cluster *w, uint64_t until_ms, bool has_ops)
{
    uint64_t same = 0;

    while (check_failures == 0) {
        uint64_t next = until_ms, due[CLUSTER_NODES_MAX];
        for (uint8_t i = 0; i < w->nodes; i++) {
            due[i] = due_of(w, i);
            next = due[i] < next ? due[i] : next;
        }
        next = w->on_wire > 0 && w->wire[0]->at_ms < next ? w->wire[0]->at_ms : next;
        next = has_ops && w->op_ms < next ? w->op_ms : next;
        next = w->fault_ms < next ? w->fault_ms : next;
        next = w->heal_ms < next ? w->heal_ms : next;
        same = next > w->now_ms ? 0 : same + 1;
        REQUIRE(same < 2000000, "seed %" PRIu64 ": nobody goes round in circles", w->seed);
        w->now_ms = next > w->now_ms ? next : w->now_ms;
        if (w->now_ms >= until_ms) {
            return;
        }
        while (w->on_wire > 0 && w->wire[0]->at_ms <= w->now_ms) {
            struct cluster_packet *p = take_off(w);
            arrive(w, p);
            free(p->sums);
            free(p);
        }
        if (w->fault_ms <= w->now_ms) {
            faults(w);
        }
        if (w->heal_ms <= w->now_ms) {
            heal(w);
        }
        if (has_ops && w->op_ms <= w->now_ms) {
            operate(w);
        }
        for (uint8_t i = 0; i < w->nodes; i++) {
            if (due[i] <= w->now_ms) {
                work(w, i);
            }
        }
    }
}

void cluster_begin(struct cluster *w)
{
    w->fault_ms = w->faults == CLUSTER_CALM ? UINT64_MAX : 5000;
    w->heal_ms = UINT64_MAX;
    for (uint8_t i = 0; i < w->nodes; i++) {
        w->node[i].skew_ms = (int64_t)draw(w, 2 * w->skew_ms + 1) - w->skew_ms;
        w->node[i].is_up = true;
    }
    for (uint8_t i = 0; i < w->nodes; i++) {
        cluster_start(w, i, true);
    }
    for (uint8_t i = 0; i < w->nodes; i++) {
        w->node[i].view_ms = UINT64_MAX;
        see(w, i);
    }
}

void cluster_end(struct cluster *w)
{
    for (uint8_t i = 0; i < w->nodes; i++) {
        if (w->node[i].is_up) {
            let_go(w, i);
        }
    }
    while (w->on_wire > 0) {
        struct cluster_packet *p = take_off(w);
        free(p->sums);
        free(p);
    }
    free(w->wire);
    w->wire = NULL;
    w->wire_max = 0;
}
