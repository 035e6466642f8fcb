#include "raft/idmap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_LEAST = 16 };

static uint64_t id_of(const void *thing)
{
    uint64_t id;

    memcpy(&id, thing, sizeof id);
    return id;
}

/* Ids come in order or are drawn by clients: multiplication spreads both (Knuth, section 6.4, "Fibonacci hashing"). */
static uint32_t home(const struct raft_idmap *m, uint64_t id)
{
    return (uint32_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (m->room - 1);
}

static uint32_t place(const struct raft_idmap *m, uint64_t id)
{
    uint32_t i = home(m, id);

    while (m->slot[i] != NULL && id_of(m->slot[i]) != id) {
        i = (i + 1) & (m->room - 1);
    }
    return i;
}

void *raft_idmap_find(const struct raft_idmap *m, uint64_t id)
{
    return m->room > 0 ? m->slot[place(m, id)] : NULL;
}

static enum err grow(struct raft_idmap *m)
{
    struct raft_idmap wide = {.room = m->room > 0 ? m->room * 2 : ROOM_LEAST, .count = m->count};

    wide.slot = calloc(wide.room, sizeof wide.slot[0]);
    if (wide.slot == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < m->room; i++) {
        if (m->slot[i] != NULL) {
            wide.slot[place(&wide, id_of(m->slot[i]))] = m->slot[i];
        }
    }
    free(m->slot);
    *m = wide;
    return ERR_OK;
}

enum err raft_idmap_add(struct raft_idmap *m, void *thing)
{
    if (m->count >= m->room - m->room / 4 && grow(m) != ERR_OK) {
        return ERR_NOMEM;
    }
    uint32_t i = place(m, id_of(thing));
    assert(m->slot[i] == NULL);
    m->slot[i] = thing;
    m->count++;
    return ERR_OK;
}

void *raft_idmap_remove(struct raft_idmap *m, uint64_t id)
{
    uint32_t hole = m->room > 0 ? place(m, id) : 0;

    if (m->room == 0 || m->slot[hole] == NULL) {
        return NULL;
    }
    void *thing = m->slot[hole];
    m->slot[hole] = NULL;
    m->count--;
    /* What stands behind the hole, and would be sought through it, moves into it (algorithm R). */
    for (uint32_t i = (hole + 1) & (m->room - 1); m->slot[i] != NULL; i = (i + 1) & (m->room - 1)) {
        uint32_t from = home(m, id_of(m->slot[i]));

        if (((i - from) & (m->room - 1)) >= ((i - hole) & (m->room - 1))) {
            m->slot[hole] = m->slot[i];
            m->slot[i] = NULL;
            hole = i;
        }
    }
    return thing;
}

void raft_idmap_clear(struct raft_idmap *m)
{
    free(m->slot);
    *m = (struct raft_idmap){0};
}

static int by_id(const void *a, const void *b)
{
    uint64_t left = id_of(*(void *const *)a), right = id_of(*(void *const *)b);

    return (left > right) - (left < right);
}

void raft_idmap_sorted(const struct raft_idmap *m, void **out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->room; i++) {
        if (m->slot[i] != NULL) {
            out[count++] = m->slot[i];
        }
    }
    assert(count == m->count);
    if (count > 0) {
        qsort(out, count, sizeof out[0], by_id);
    }
}
