#include "tests/sim/mycel/refs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"

/* Lists of numbers; a number is in one of them or in none. */
enum { LISTS = 5, NOWHERE = 0 };

struct lists {
    uint32_t *next, *prev; /* of each number; its own list's head is ids + list */
    uint8_t *in, *uses;
    uint32_t count[LISTS];
    uint32_t ids;
};

static struct lists *lists_new(uint32_t ids)
{
    struct lists *l = calloc(1, sizeof *l);

    if (l == NULL || (l->next = calloc(ids + LISTS, sizeof *l->next)) == NULL || (l->prev = calloc(ids + LISTS, sizeof *l->prev)) == NULL ||
        (l->in = calloc(ids, 1)) == NULL || (l->uses = calloc(ids, 1)) == NULL) {
        abort();
    }
    l->ids = ids;
    for (uint32_t i = 0; i < LISTS; i++) {
        l->next[ids + i] = l->prev[ids + i] = ids + i;
    }
    return l;
}

static uint64_t lists_free(struct lists *l, uint64_t found)
{
    free(l->next);
    free(l->prev);
    free(l->in);
    free(l->uses);
    free(l);
    return found;
}

/* To the front of a list, out of the one it is in; NOWHERE: out of all. */
static void move(struct lists *l, uint32_t id, uint8_t list)
{
    if (l->in[id] != NOWHERE) {
        l->next[l->prev[id]] = l->next[id];
        l->prev[l->next[id]] = l->prev[id];
        l->count[l->in[id]]--;
    }
    l->in[id] = list;
    if (list != NOWHERE) {
        uint32_t head = l->ids + list;
        l->next[id] = l->next[head];
        l->prev[id] = head;
        l->prev[l->next[head]] = id;
        l->next[head] = id;
        l->count[list]++;
    }
}

static uint32_t last(const struct lists *l, uint8_t list)
{
    return l->prev[l->ids + list];
}

static uint64_t one_list(const struct refs_trace *t, uint32_t capacity, bool is_lru)
{
    struct lists *l = lists_new(t->ids);
    uint64_t found = 0;

    for (size_t i = 0; i < t->count; i++) {
        bool is_here = l->in[t->id[i]] != NOWHERE;
        found += is_here;
        if (!is_here && l->count[1] == capacity) {
            move(l, last(l, 1), NOWHERE);
        }
        if (!is_here || is_lru) {
            move(l, t->id[i], 1);
        }
    }
    return lists_free(l, found);
}

uint64_t refs_fifo(const struct refs_trace *t, uint32_t capacity)
{
    return one_list(t, capacity, false);
}

uint64_t refs_lru(const struct refs_trace *t, uint32_t capacity)
{
    return one_list(t, capacity, true);
}

uint64_t refs_2q(const struct refs_trace *t, uint32_t capacity)
{
    enum { IN = 1, MAIN, OUT };
    struct lists *l = lists_new(t->ids);
    uint64_t found = 0;

    for (size_t i = 0; i < t->count; i++) {
        uint32_t id = t->id[i];
        uint8_t was = l->in[id];
        found += was == IN || was == MAIN;
        if (was == IN || was == MAIN) {
            move(l, id, was == MAIN ? MAIN : was);
            continue;
        }
        if (l->count[IN] + l->count[MAIN] == capacity) {
            if (l->count[IN] * 4 > capacity || l->count[MAIN] == 0) {
                move(l, last(l, IN), OUT);
                if (l->count[OUT] > capacity / 2) {
                    move(l, last(l, OUT), NOWHERE);
                }
            } else {
                move(l, last(l, MAIN), NOWHERE);
            }
        }
        move(l, id, l->in[id] == OUT ? MAIN : IN);
    }
    return lists_free(l, found);
}

uint64_t refs_arc(const struct refs_trace *t, uint32_t capacity)
{
    enum { T1 = 1, T2, B1, B2 };
    struct lists *l = lists_new(t->ids);
    uint64_t found = 0;
    double p = 0, c = capacity;

    for (size_t i = 0; i < t->count; i++) {
        uint32_t id = t->id[i];
        uint8_t was = l->in[id];
        if (was == T1 || was == T2) {
            found++;
            move(l, id, T2);
            continue;
        }
        double b1 = l->count[B1], b2 = l->count[B2];
        if (was == B1) {
            p += b2 > b1 ? b2 / b1 : 1;
            p = p > c ? c : p;
        } else if (was == B2) {
            p -= b1 > b2 ? b1 / b2 : 1;
            p = p < 0 ? 0 : p;
        } else if (l->count[T1] + l->count[B1] == capacity) {
            if (l->count[T1] < capacity) {
                move(l, last(l, B1), NOWHERE);
            } else {
                move(l, last(l, T1), NOWHERE);
            }
        } else if (l->count[T1] + l->count[T2] + l->count[B1] + l->count[B2] == 2 * capacity) {
            move(l, last(l, B2), NOWHERE);
        }
        if (l->count[T1] + l->count[T2] == capacity) {
            double t1 = l->count[T1];
            if (t1 > 0 && (t1 > p || (was == B2 && t1 == p) || l->count[T2] == 0)) {
                move(l, last(l, T1), B1);
            } else {
                move(l, last(l, T2), B2);
            }
        }
        move(l, id, was == B1 || was == B2 ? T2 : T1);
    }
    return lists_free(l, found);
}

uint64_t refs_s3fifo(const struct refs_trace *t, uint32_t capacity)
{
    enum { SMALL = 1, MAIN, GHOST };
    struct lists *l = lists_new(t->ids);
    uint64_t found = 0;

    for (size_t i = 0; i < t->count; i++) {
        uint32_t id = t->id[i];
        if (l->in[id] == SMALL || l->in[id] == MAIN) {
            found++;
            l->uses[id] += l->uses[id] < 3;
            continue;
        }
        while (l->count[SMALL] + l->count[MAIN] == capacity) {
            if (l->count[SMALL] * 10 > capacity || l->count[MAIN] == 0) {
                uint32_t old = last(l, SMALL);
                bool is_used = l->uses[old] >= 2;
                l->uses[old] = 0;
                move(l, old, is_used ? MAIN : GHOST);
                if (l->count[GHOST] > capacity - capacity / 10) {
                    move(l, last(l, GHOST), NOWHERE);
                }
            } else {
                uint32_t old = last(l, MAIN);
                move(l, old, l->uses[old] > 0 ? MAIN : NOWHERE);
                l->uses[old] -= l->uses[old] > 0;
            }
        }
        l->uses[id] = 0;
        move(l, id, l->in[id] == GHOST ? MAIN : SMALL);
    }
    return lists_free(l, found);
}

/* ---- OPT: a heap of whoever is here by when they will be asked for, old claims left in it ------------------ */

struct claim {
    size_t when;
    uint32_t id;
};

static void heap_add(struct claim *heap, size_t *count, struct claim c)
{
    size_t at = (*count)++;

    while (at > 0 && heap[(at - 1) / 2].when < c.when) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = c;
}

static struct claim heap_take(struct claim *heap, size_t *count)
{
    struct claim top = heap[0], c = heap[--*count];
    size_t at = 0;

    for (size_t child = 1; child < *count; child = 2 * at + 1) {
        child += child + 1 < *count && heap[child + 1].when > heap[child].when;
        if (heap[child].when <= c.when) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = c;
    return top;
}

uint64_t refs_opt(const struct refs_trace *t, uint32_t capacity)
{
    AUTO_FREE size_t *next = malloc(t->count * sizeof *next), *when = malloc(t->ids * sizeof *when), *due = calloc(t->ids, sizeof *due);
    AUTO_FREE struct claim *heap = malloc((t->count + 1) * sizeof *heap);
    uint64_t found = 0;
    size_t claims = 0;
    uint32_t here = 0;

    if (next == NULL || when == NULL || due == NULL || heap == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < t->ids; i++) {
        when[i] = SIZE_MAX;
    }
    for (size_t i = t->count; i-- > 0;) {
        next[i] = when[t->id[i]];
        when[t->id[i]] = i;
    }
    for (size_t i = 0; i < t->count; i++) { /* due: when it will be asked for, of those who are here; 0: it is not */
        uint32_t id = t->id[i];
        found += due[id] != 0;
        here += due[id] == 0;
        due[id] = next[i];
        heap_add(heap, &claims, (struct claim){.when = next[i], .id = id});
        while (here > capacity) {
            struct claim c = heap_take(heap, &claims);
            if (due[c.id] == c.when) {
                due[c.id] = 0;
                here--;
            }
        }
    }
    return found;
}
