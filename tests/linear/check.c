#include "tests/linear/check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

bool check_apply(const struct history_op *op, uint32_t *values)
{
    bool holds = true, is_known = op->outcome == HISTORY_OK;

    for (size_t i = 0; i < op->compares; i++) {
        holds = holds && values[op->compare[i].key] == op->compare[i].value;
    }
    if (is_known && holds != op->succeeded) {
        return false;
    }
    for (size_t i = 0; i < (holds ? op->success : op->failure); i++) {
        const struct history_step *s = &op->step[holds ? 0 : 1][i];

        switch (s->kind) {
        case HISTORY_PUT:
            values[s->key] = s->value;
            break;
        case HISTORY_DELETE:
            values[s->key] = 0;
            break;
        case HISTORY_GET:
            if (is_known && values[s->key] != s->value) {
                return false;
            }
            break;
        }
    }
    return true;
}

/* ---- what was tried ------------------------------------------------------------------------- */

/* A set of byte strings of one size. */
struct memory {
    size_t size, count, room;
    uint8_t *at;      /* count strings */
    uint32_t *slot;   /* 1 + place, 0: empty */
};

static uint64_t hash_of(const uint8_t *at, size_t size)
{
    uint64_t h = 1469598103934665603u;

    for (size_t i = 0; i < size; i++) {
        h = (h ^ at[i]) * 1099511628211u;
    }
    return h ^ h >> 29;
}

static size_t find_slot(const struct memory *m, const uint8_t *what)
{
    size_t i = hash_of(what, m->size) & (m->room * 2 - 1);

    while (m->slot[i] != 0 && memcmp(m->at + (size_t)(m->slot[i] - 1) * m->size, what, m->size) != 0) {
        i = (i + 1) & (m->room * 2 - 1);
    }
    return i;
}

static void grow(struct memory *m)
{
    m->room = m->room > 0 ? m->room * 2 : 1024;
    m->at = must(realloc(m->at, m->room * m->size));
    free(m->slot);
    m->slot = must(calloc(m->room * 2, sizeof m->slot[0]));
    for (size_t i = 0; i < m->count; i++) {
        m->slot[find_slot(m, m->at + i * m->size)] = (uint32_t)i + 1;
    }
}

/* True when it is new. */
static bool remember(struct memory *m, const uint8_t *what)
{
    if (m->count == m->room) {
        grow(m);
    }
    size_t slot = find_slot(m, what);
    if (m->slot[slot] != 0) {
        return false;
    }
    memcpy(m->at + m->count * m->size, what, m->size);
    m->slot[slot] = (uint32_t)++m->count;
    return true;
}

/* ---- one part of a history ------------------------------------------------------------------ */

/* Begins and ends of requests in the order of time; one that is done is taken out of the list. */
struct entry {
    struct entry *prev, *next;
    struct entry *end; /* of a begin; NULL: it has none, and may never be done. NULL of an end too */
    size_t op;
    bool is_begin;
};

struct search {
    const struct history *h;
    const size_t *ops; /* of this part */
    size_t count;
    uint32_t keys;
    uint32_t *key;     /* of this part */
    struct entry *entry, head;
    struct memory memory;
    uint8_t *mark;     /* bits of what is done, then the values of this part's keys */
    size_t bits;
    uint32_t *values;  /* of all keys */
    struct undo {
        struct entry *entry;
        uint32_t *values;
    } *done;
    size_t done_count, deepest, worst;
};

struct moment {
    int64_t time;
    bool is_end;
    size_t place;
};

/* A begin comes before an end of the same time: requests that touch overlap. */
static int by_time(const void *a, const void *b)
{
    const struct moment *left = a, *right = b;

    if (left->time != right->time) {
        return left->time < right->time ? -1 : 1;
    }
    return (int)left->is_end - (int)right->is_end;
}

static void make_list(struct search *s)
{
    struct moment *m = must(calloc(s->count * 2 + 1, sizeof m[0]));
    struct entry **begin = must(calloc(s->count + 1, sizeof begin[0])), *last = &s->head;
    size_t count = 0;

    for (size_t i = 0; i < s->count; i++) {
        const struct history_op *op = &s->h->op[s->ops[i]];

        m[count++] = (struct moment){op->call, false, i};
        if (op->outcome == HISTORY_OK) {
            m[count++] = (struct moment){op->end, true, i};
        }
    }
    qsort(m, count, sizeof m[0], by_time);
    for (size_t i = 0; i < count; i++) {
        struct entry *e = &s->entry[i];

        *e = (struct entry){.prev = last, .op = m[i].place, .is_begin = !m[i].is_end};
        last->next = e;
        last = e;
        if (m[i].is_end) {
            begin[m[i].place]->end = e;
        } else {
            begin[m[i].place] = e;
        }
    }
    free(m);
    free(begin);
}

static void unlink_entry(struct entry *e)
{
    e->prev->next = e->next;
    if (e->next != NULL) {
        e->next->prev = e->prev;
    }
}

static void relink_entry(struct entry *e)
{
    e->prev->next = e;
    if (e->next != NULL) {
        e->next->prev = e;
    }
}

static void lift(struct entry *e)
{
    unlink_entry(e);
    if (e->end != NULL) {
        unlink_entry(e->end);
    }
}

static void unlift(struct entry *e)
{
    if (e->end != NULL) {
        relink_entry(e->end);
    }
    relink_entry(e);
}

/* Do the request of this begin, if it may be and was not tried from here. */
static bool try_op(struct search *s, struct entry *e)
{
    const struct history_op *op = &s->h->op[s->ops[e->op]];
    uint32_t *before = must(malloc(s->keys * sizeof before[0]));

    for (uint32_t i = 0; i < s->keys; i++) {
        before[i] = s->values[s->key[i]];
    }
    bool may = check_apply(op, s->values);
    if (may) {
        s->mark[e->op / 8] |= (uint8_t)(1u << e->op % 8);
        for (uint32_t i = 0; i < s->keys; i++) {
            memcpy(s->mark + s->bits + i * sizeof(uint32_t), &s->values[s->key[i]], sizeof(uint32_t));
        }
        if (remember(&s->memory, s->mark)) {
            s->done[s->done_count++] = (struct undo){e, before};
            lift(e);
            return true;
        }
        s->mark[e->op / 8] &= (uint8_t)~(1u << e->op % 8);
    }
    for (uint32_t i = 0; i < s->keys; i++) {
        s->values[s->key[i]] = before[i];
    }
    free(before);
    return false;
}

static struct entry *undo(struct search *s)
{
    struct undo *u = &s->done[--s->done_count];

    for (uint32_t i = 0; i < s->keys; i++) {
        s->values[s->key[i]] = u->values[i];
    }
    free(u->values);
    s->mark[u->entry->op / 8] &= (uint8_t)~(1u << u->entry->op % 8);
    unlift(u->entry);
    return u->entry;
}

static enum check_verdict search(struct search *s)
{
    struct entry *e = s->head.next;

    /* At the end of the list no request is left that was answered and not done. */
    while (e != NULL) {
        if (s->memory.count > CHECK_REMEMBERED_MAX) {
            return CHECK_UNDECIDED;
        }
        if (e->is_begin) {
            e = try_op(s, e) ? s->head.next : e->next;
            continue;
        }
        /* Something ended that was not done: what was done before was done in the wrong order. */
        if (s->done_count >= s->deepest) {
            s->deepest = s->done_count;
            s->worst = s->ops[e->op];
        }
        if (s->done_count == 0) {
            return CHECK_VIOLATED;
        }
        e = undo(s)->next;
    }
    return CHECK_LINEAR;
}

static enum check_verdict check_part(const struct history *h, const size_t *ops, size_t count, uint32_t *key,
                                     uint32_t keys, size_t *ret_worst)
{
    struct search s = {.h = h, .ops = ops, .count = count, .key = key, .keys = keys, .bits = (count + 7) / 8};

    s.memory.size = s.bits + keys * sizeof(uint32_t);
    s.mark = must(calloc(s.memory.size + 1, 1));
    s.entry = must(calloc(count * 2 + 1, sizeof s.entry[0]));
    s.values = must(calloc(HISTORY_KEYS_MAX, sizeof s.values[0]));
    s.done = must(calloc(count + 1, sizeof s.done[0]));
    make_list(&s);
    enum check_verdict verdict = search(&s);
    *ret_worst = s.worst;
    while (s.done_count > 0) {
        (void)undo(&s);
    }
    free(s.mark);
    free(s.entry);
    free(s.values);
    free(s.done);
    free(s.memory.at);
    free(s.memory.slot);
    return verdict;
}

/* ---- parts ---------------------------------------------------------------------------------- */

static uint32_t root(uint32_t *of, uint32_t key)
{
    while (of[key] != key) {
        key = of[key] = of[of[key]];
    }
    return key;
}

static uint32_t first_key(const struct history_op *op)
{
    return op->compares > 0 ? op->compare[0].key : op->step[op->success > 0 ? 0 : 1][0].key;
}

/* Keys of one request belong together. */
static void unite(uint32_t *of, const struct history_op *op)
{
    uint32_t first = root(of, first_key(op));

    for (size_t i = 0; i < op->compares; i++) {
        of[root(of, op->compare[i].key)] = first;
    }
    for (size_t b = 0; b < 2; b++) {
        for (size_t i = 0; i < (b == 0 ? op->success : op->failure); i++) {
            of[root(of, op->step[b][i].key)] = first;
        }
    }
}

static bool has_effect(const struct history_op *op)
{
    return op->outcome == HISTORY_OK || (op->outcome == HISTORY_UNKNOWN && op->is_write) ||
           (op->outcome == HISTORY_UNKNOWN && op->compares > 0);
}

enum check_verdict check_linear(const struct history *h, size_t *ret_worst)
{
    enum check_verdict verdict = CHECK_LINEAR;
    size_t *ops = must(calloc(h->count + 1, sizeof ops[0]));
    bool *idle = must(calloc(h->count + 1, sizeof idle[0]));
    uint32_t of[HISTORY_KEYS_MAX], key[HISTORY_KEYS_MAX];

    for (uint32_t i = 0; i < HISTORY_KEYS_MAX; i++) {
        of[i] = i;
    }
    check_idle(h, idle);
    for (size_t i = 0; i < h->count; i++) {
        if (!idle[i]) {
            unite(of, &h->op[i]);
        }
    }
    for (uint32_t part = 0; part < HISTORY_KEYS_MAX && verdict == CHECK_LINEAR; part++) {
        uint32_t keys = 0;
        size_t count = 0;

        for (uint32_t i = 0; of[part] == part && i < HISTORY_KEYS_MAX; i++) {
            if (root(of, i) == part) {
                key[keys++] = i;
            }
        }
        for (size_t i = 0; keys > 0 && i < h->count; i++) {
            if (has_effect(&h->op[i]) && !idle[i] && root(of, first_key(&h->op[i])) == part) {
                ops[count++] = i;
            }
        }
        if (count > 0) {
            verdict = check_part(h, ops, count, key, keys, ret_worst);
        }
    }
    free(ops);
    free(idle);
    return verdict;
}

/* ---- revisions ------------------------------------------------------------------------------ */

struct told {
    int64_t time;
    bool is_end;
    const struct history_op *op;
};

static int by_told(const void *a, const void *b)
{
    const struct told *left = a, *right = b;

    if (left->time != right->time) {
        return left->time < right->time ? -1 : 1;
    }
    return (int)left->is_end - (int)right->is_end;
}

static int by_revision(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static bool is_told(const struct history_op *op)
{
    return op->outcome == HISTORY_OK && op->revision != 0;
}

/* Two requests that both claim to have made a revision. Deletes of nothing make none and are no writes to the reader. */
static bool has_twice(const struct history *h)
{
    uint64_t *all = must(calloc(h->count + 1, sizeof all[0]));
    size_t count = 0;
    bool twice = false;

    for (size_t i = 0; i < h->count; i++) {
        const struct history_op *op = &h->op[i];
        if (is_told(op) && op->is_write && op->compares == 0 && op->step[0][0].kind == HISTORY_PUT) {
            all[count++] = op->revision;
        }
    }
    qsort(all, count, sizeof all[0], by_revision);
    for (size_t i = 1; i < count; i++) {
        twice = twice || all[i] == all[i - 1];
    }
    free(all);
    return twice;
}

bool check_revisions(const struct history *h, size_t *ret)
{
    struct told *all = must(calloc(h->count * 2 + 1, sizeof all[0]));
    uint64_t *floor = must(calloc(h->count + 1, sizeof floor[0])), ended = 0;
    size_t count = 0;
    bool is_good = !has_twice(h);

    *ret = 0;
    for (size_t i = 0; i < h->count; i++) {
        if (is_told(&h->op[i])) {
            all[count++] = (struct told){h->op[i].call, false, &h->op[i]};
            all[count++] = (struct told){h->op[i].end, true, &h->op[i]};
        }
    }
    qsort(all, count, sizeof all[0], by_told);
    for (size_t i = 0; i < count && is_good; i++) {
        size_t place = (size_t)(all[i].op - h->op);

        if (!all[i].is_end) {
            floor[place] = ended; /* the greatest revision that anybody had heard of when it began */
        } else {
            is_good = all[i].op->revision >= floor[place];
            *ret = place;
            ended = all[i].op->revision > ended ? all[i].op->revision : ended;
        }
    }
    free(all);
    free(floor);
    return is_good;
}

/* ---- by force ------------------------------------------------------------------------------- */

/* Whether op `later` may be done after `earlier`: it did not end before the other began. */
static bool may_follow(const struct history_op *earlier, const struct history_op *later)
{
    return later->outcome != HISTORY_OK || later->end >= earlier->call;
}

/* Every order of every set that has all answered requests in it. */
static bool try_orders(const struct history *h, size_t *order, size_t placed, unsigned used)
{
    uint32_t values[CHECK_FORCE_KEYS] = {0};
    bool has_all = true;

    for (size_t i = 0; i < placed; i++) {
        if (!check_apply(&h->op[order[i]], values)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (!may_follow(&h->op[order[j]], &h->op[order[i]])) {
                return false;
            }
        }
    }
    for (size_t i = 0; i < h->count; i++) {
        has_all = has_all && ((used & 1u << i) != 0 || h->op[i].outcome != HISTORY_OK);
    }
    if (has_all) {
        return true;
    }
    for (size_t i = 0; i < h->count; i++) {
        if ((used & 1u << i) != 0 || h->op[i].outcome == HISTORY_FAIL) {
            continue;
        }
        order[placed] = i;
        if (try_orders(h, order, placed + 1, used | 1u << i)) {
            return true;
        }
    }
    return false;
}

bool check_by_force(const struct history *h)
{
    size_t order[CHECK_FORCE_OPS];

    assert(h->count <= CHECK_FORCE_OPS);
    for (size_t i = 0; i < h->count; i++) {
        for (size_t step = 0; step < HISTORY_STEPS_MAX; step++) {
            assert(h->op[i].compare[step].key < CHECK_FORCE_KEYS && h->op[i].step[0][step].key < CHECK_FORCE_KEYS &&
                   h->op[i].step[1][step].key < CHECK_FORCE_KEYS);
        }
    }
    return try_orders(h, order, 0, 0);
}
