#include "nodosum/fingers.h"

#include <assert.h>

#include "nodosum/table.h"

static bool is_among(uint16_t index, const uint16_t *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == index) {
            return true;
        }
    }
    return false;
}

/* One walk around the ring for all of them, when somebody came or went. */
static void look(struct nodosum *n)
{
    uint32_t place = nodosum_table_place(n, NODOSUM_SELF), at = 0, others = n->living;

    /* Itself may have left and count no more. */
    others -= nodosum_table_is_living(&n->member[NODOSUM_SELF]);
    n->fingers = n->fingers_after = 0;
    n->are_fingers_known = true;
    if (others == 0) {
        return;
    }
    uint16_t before[NODOSUM_FINGERS_MAX], before_at[NODOSUM_FINGERS_MAX];
    uint32_t befores = 0;
    for (uint32_t i = 1; i < n->count; i++) {
        uint16_t index = n->sorted[(place + i) % n->count];
        if (!nodosum_table_is_living(&n->member[index])) {
            continue;
        }
        at++; /* places after this one; others + 1 - at before it */
        uint32_t back = others + 1 - at;
        if ((at & (at - 1)) == 0) {
            n->finger_at[n->fingers_after] = (uint16_t)at;
            n->finger[n->fingers_after++] = index;
        } else if ((back & (back - 1)) == 0) {
            before_at[befores] = (uint16_t)at;
            before[befores++] = index;
        }
    }
    assert(at == others && n->fingers_after <= NODOSUM_FINGERS_MAX && befores <= NODOSUM_FINGERS_MAX);
    n->fingers = n->fingers_after;
    for (uint32_t i = 0; i < befores; i++) {
        n->finger_at[n->fingers] = before_at[i];
        n->finger[n->fingers++] = before[i];
    }
    n->ring = others + 1;
}

static void know(struct nodosum *n)
{
    if (!n->are_fingers_known) {
        look(n);
    }
}

uint16_t nodosum_fingers_after(struct nodosum *n, uint32_t i)
{
    know(n);
    return i < n->fingers_after ? n->finger[i] : NODOSUM_NOBODY;
}

bool nodosum_fingers_has(struct nodosum *n, uint16_t index)
{
    know(n);
    return is_among(index, n->finger, n->fingers);
}

uint16_t nodosum_fingers_next(struct nodosum *n)
{
    know(n);
    return n->fingers == 0 ? NODOSUM_NOBODY : n->finger[n->next_finger++ % n->fingers];
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
    uint16_t left[2 * NODOSUM_FINGERS_MAX];
    uint32_t count = 0;

    know(n);
    for (uint32_t i = 0; i < n->fingers; i++) {
        left[count] = n->finger[i];
        count += n->finger[i] != but;
    }
    return draw(n, left, count, most, to, 0);
}

/* Whether two places of the ring are a power of two apart, in one direction or the other. */
static bool are_fingers(const struct nodosum *n, uint32_t a, uint32_t b)
{
    uint32_t apart = a < b ? b - a : a - b, rest = n->ring - apart;

    return (apart & (apart - 1)) == 0 || (rest & (rest - 1)) == 0;
}

uint32_t nodosum_fingers_draw_near(struct nodosum *n, uint32_t most, uint16_t target, uint16_t *to)
{
    uint16_t near[2 * NODOSUM_FINGERS_MAX], far[2 * NODOSUM_FINGERS_MAX];
    uint32_t nears = 0, fars = 0, target_at = 0;

    know(n);
    for (uint32_t i = 0; i < n->fingers; i++) {
        target_at = n->finger[i] == target ? n->finger_at[i] : target_at;
    }
    for (uint32_t i = 0; i < n->fingers; i++) {
        if (n->finger[i] == target) {
            continue;
        }
        if (target_at != 0 && are_fingers(n, n->finger_at[i], target_at)) {
            near[nears++] = n->finger[i];
        } else {
            far[fars++] = n->finger[i];
        }
    }
    return draw(n, far, fars, most, to, draw(n, near, nears, most, to, 0));
}
