#include "tests/sim/dht/near.h"

#include <stdlib.h>
#include <string.h>

#include "dht/id.h"

void near_add(struct near *n, const struct dht_id *id, uint32_t node)
{
    if (n->count == n->room) {
        n->room = n->room == 0 ? 256 : 2 * n->room;
        n->at = realloc(n->at, n->room * sizeof *n->at);
        if (n->at == NULL) {
            abort();
        }
    }
    n->at[n->count++] = (struct near_node){.id = *id, .node = node};
    n->is_sorted = false;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct near_node *)a)->id.byte, ((const struct near_node *)b)->id.byte, DHT_ID_SIZE);
}

/* How many are before an id. */
static uint32_t lower(const struct near *n, const struct dht_id *id)
{
    uint32_t first = 0, end = n->count;

    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (memcmp(n->at[middle].id.byte, id->byte, DHT_ID_SIZE) < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

/* The smallest stretch around `target` in which `most` are and that has all ids with a beginning in common: nobody outside of
 * it is nearer than anybody inside. */
static void stretch(const struct near *n, const struct dht_id *target, uint32_t most, uint32_t *ret_first, uint32_t *ret_end)
{
    uint32_t first = lower(n, target), end = first, least = DHT_BITS;

    while (first > 0 || end < n->count) {
        int left = first > 0 ? (int)dht_id_common(target, &n->at[first - 1].id) : -1;
        int right = end < n->count ? (int)dht_id_common(target, &n->at[end].id) : -1;
        uint32_t bits = (uint32_t)(left > right ? left : right);
        if (end - first >= most && bits < least) {
            break;
        }
        least = bits;
        first -= left > right;
        end += left <= right;
    }
    *ret_first = first;
    *ret_end = end;
}

uint32_t near_find(struct near *n, const struct dht_id *target, uint32_t *ret_node, uint32_t most)
{
    const struct near_node *found[DHT_K];
    uint32_t first, end, count = 0;

    most = most < DHT_K ? most : DHT_K;
    if (!n->is_sorted && n->count > 0) {
        qsort(n->at, n->count, sizeof *n->at, by_id);
        n->is_sorted = true;
    }
    stretch(n, target, most, &first, &end);
    for (uint32_t i = first; i < end; i++) {
        uint32_t at = count;
        while (at > 0 && dht_id_is_nearer(target, &n->at[i].id, &found[at - 1]->id)) {
            at--;
        }
        if (at == most) {
            continue;
        }
        uint32_t moved = count < most ? count - at : most - 1 - at;
        memmove(&found[at + 1], &found[at], moved * sizeof *found);
        found[at] = &n->at[i];
        count += count < most;
    }
    for (uint32_t i = 0; i < count; i++) {
        ret_node[i] = found[i]->node;
    }
    return count;
}

void near_free(struct near *n)
{
    free(n->at);
    *n = (struct near){0};
}
