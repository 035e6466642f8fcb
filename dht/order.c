#include "dht/order.h"

#include <assert.h>

const struct dht_id *dht_order_id(const struct dht_order *o, uint32_t place)
{
    assert(place < o->count);
    return (const struct dht_id *)(o->base + o->stride * o->index[place]);
}

static uint32_t lower_within(const struct dht_order *o, const struct dht_id *id, uint32_t first, uint32_t end)
{
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (memcmp(dht_order_id(o, middle)->byte, id->byte, DHT_ID_SIZE) < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

uint32_t dht_order_lower(const struct dht_order *o, const struct dht_id *id)
{
    return lower_within(o, id, 0, o->count);
}

void dht_order_insert(struct dht_order *o, uint32_t place, uint16_t index)
{
    assert(place <= o->count);
    memmove(o->index + place + 1, o->index + place, (o->count - place) * sizeof *o->index);
    o->index[place] = index;
    o->count++;
}

void dht_order_remove(struct dht_order *o, uint32_t place)
{
    assert(place < o->count);
    o->count--;
    memmove(o->index + place, o->index + place + 1, (o->count - place) * sizeof *o->index);
}

/* Set all bits of id from `bit` on. */
static void fill(struct dht_id *id, uint32_t bit, bool value)
{
    for (; bit < DHT_BITS && bit % 8 != 0; bit++) {
        uint8_t mask = (uint8_t)(1u << (7 - bit % 8));
        id->byte[bit / 8] = (uint8_t)(value ? id->byte[bit / 8] | mask : id->byte[bit / 8] & ~mask);
    }
    if (bit < DHT_BITS) {
        memset(id->byte + bit / 8, value ? 0xff : 0, DHT_ID_SIZE - bit / 8);
    }
}

void dht_order_stretch(const struct dht_order *o, const struct dht_id *id, uint32_t bits, bool is_flipped,
                       uint32_t *first, uint32_t *end)
{
    struct dht_id low = *id, high;

    assert(bits + is_flipped <= DHT_BITS);
    if (is_flipped) {
        low.byte[bits / 8] ^= (uint8_t)(1u << (7 - bits % 8));
        bits++;
    }
    high = low;
    fill(&low, bits, false);
    fill(&high, bits, true);
    *first = lower_within(o, &low, 0, o->count);
    *end = lower_within(o, &high, *first, o->count);
    *end += *end < o->count && dht_id_equal(dht_order_id(o, *end), &high);
}

/* The first place of [first, end) whose id has `bit` set; all of them have the bits before it in common. */
static uint32_t split(const struct dht_order *o, uint32_t first, uint32_t end, uint32_t bit)
{
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (dht_id_bit(dht_order_id(o, middle), bit)) {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

struct part {
    uint32_t first, end, bit;
};

uint32_t dht_order_nearest(const struct dht_order *o, const struct dht_id *target, bool is_farthest,
                           bool (*wants)(const void *context, uint16_t index), const void *context, uint16_t *to,
                           uint32_t most)
{
    struct part stack[DHT_BITS + 2];
    uint32_t depth = 0, found = 0;

    stack[depth++] = (struct part){0, o->count, 0};
    while (depth > 0 && found < most) {
        struct part p = stack[--depth];
        if (p.first == p.end) {
            continue;
        }
        if (p.end - p.first == 1 || p.bit == DHT_BITS) {
            for (uint32_t i = p.first; i < p.end && found < most; i++) {
                if (wants == NULL || wants(context, o->index[i])) {
                    to[found++] = o->index[i];
                }
            }
            continue;
        }
        uint32_t middle = split(o, p.first, p.end, p.bit);
        struct part zeros = {p.first, middle, p.bit + 1}, ones = {middle, p.end, p.bit + 1};
        bool ones_first = dht_id_bit(target, p.bit) != is_farthest;
        assert(depth + 2 <= sizeof stack / sizeof *stack);
        stack[depth++] = ones_first ? zeros : ones;
        stack[depth++] = ones_first ? ones : zeros; /* taken first */
    }
    return found;
}
