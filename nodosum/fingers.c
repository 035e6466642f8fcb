#include "nodosum/fingers.h"

#include <assert.h>

#include "nodosum/table.h"

static bool is_power(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* Other living members; itself may have left and count no more. */
static uint32_t others(const struct nodosum *n)
{
    return n->living - nodosum_table_is_living(&n->member[NODOSUM_SELF]);
}

/* Whether two members of the ring are so many places apart, in one direction or the other, as fingers are. */
static bool are_fingers(const struct nodosum *n, uint16_t a, uint16_t b)
{
    uint32_t apart = nodosum_table_apart(n, a, b);

    return is_power(apart) || is_power(n->living - apart);
}

uint16_t nodosum_fingers_after(const struct nodosum *n, uint32_t i)
{
    return i < NODOSUM_FINGERS_MAX && UINT32_C(1) << i <= others(n) ? nodosum_table_ring(n, NODOSUM_SELF, 1 << i)
                                                                      : NODOSUM_NOBODY;
}

/* All of them, each once. */
static uint32_t list(const struct nodosum *n, uint16_t to[2 * NODOSUM_FINGERS_MAX])
{
    uint32_t count = 0, most = others(n);

    for (uint32_t far = 1; far <= most; far *= 2) {
        to[count++] = nodosum_table_ring(n, NODOSUM_SELF, (int)far);
        if (!is_power(most + 1 - far)) { /* otherwise it is one of those after this member, too */
            to[count++] = nodosum_table_ring(n, NODOSUM_SELF, -(int)far);
        }
    }
    assert(count <= 2 * NODOSUM_FINGERS_MAX);
    return count;
}

bool nodosum_fingers_has(const struct nodosum *n, uint16_t index)
{
    uint16_t finger[2 * NODOSUM_FINGERS_MAX];
    uint32_t count = list(n, finger);

    for (uint32_t i = 0; i < count; i++) {
        if (finger[i] == index) {
            return true;
        }
    }
    return false;
}

uint16_t nodosum_fingers_next(struct nodosum *n)
{
    uint16_t finger[2 * NODOSUM_FINGERS_MAX];
    uint32_t count = list(n, finger);

    return count == 0 ? NODOSUM_NOBODY : finger[n->next_finger++ % count];
}

/* Go on from `found` to `most` in all with those of a list, drawn at random; which is used up. */
static uint32_t draw(struct nodosum *n, uint16_t *from, uint32_t count, uint32_t most, uint16_t *to, uint32_t found)
{
    while (count > 0 && found < most) {
        uint32_t at = (uint32_t)rng_below(&n->rng, count);
        to[found++] = from[at];
        from[at] = from[--count];
    }
    return found;
}

uint32_t nodosum_fingers_draw(struct nodosum *n, uint32_t most, uint16_t but, uint16_t *to)
{
    uint16_t finger[2 * NODOSUM_FINGERS_MAX];
    uint32_t count = list(n, finger), left = 0;

    for (uint32_t i = 0; i < count; i++) {
        finger[left] = finger[i];
        left += finger[i] != but;
    }
    return draw(n, finger, left, most, to, 0);
}

uint32_t nodosum_fingers_draw_near(struct nodosum *n, uint32_t most, uint16_t target, uint16_t *to)
{
    uint16_t finger[2 * NODOSUM_FINGERS_MAX], far[2 * NODOSUM_FINGERS_MAX];
    uint32_t count = list(n, finger), near = 0, fars = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint16_t index = finger[i];
        if (index == target) {
            continue;
        } else if (nodosum_table_is_living(&n->member[target]) && are_fingers(n, index, target)) {
            finger[near++] = index;
        } else {
            far[fars++] = index;
        }
    }
    return draw(n, far, fars, most, to, draw(n, finger, near, most, to, 0));
}
