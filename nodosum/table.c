#include "nodosum/table.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "nodosum/gossip.h"
#include "nodosum/push.h"

enum { DRAWS_EACH = 8 /* vain draws for each one wanted: then it is a walk */ };

bool nodosum_table_is_living(const struct nodosum_member *m)
{
    return m->state == NODOSUM_ALIVE || m->state == NODOSUM_SUSPECT;
}

/* The first place of a list ordered by id whose id is not less. */
static uint32_t place_in(const struct nodosum *n, const uint16_t *list, uint32_t count, const struct nodosum_id *id)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (memcmp(n->member[list[middle]].id.byte, id->byte, NODOSUM_ID_SIZE) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint32_t place_of(const struct nodosum *n, const struct nodosum_id *id)
{
    return place_in(n, n->sorted, n->count, id);
}

static bool is_at(const struct nodosum *n, uint32_t place, const struct nodosum_id *id)
{
    return place < n->count && memcmp(n->member[n->sorted[place]].id.byte, id->byte, NODOSUM_ID_SIZE) == 0;
}

uint32_t nodosum_table_lower(const struct nodosum *n, uint64_t short_id)
{
    uint32_t low = 0, high = n->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (n->member[n->sorted[middle]].short_id < short_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint16_t nodosum_table_find(const struct nodosum *n, const struct nodosum_id *id)
{
    uint32_t place = place_of(n, id);

    return is_at(n, place, id) ? n->sorted[place] : NODOSUM_NOBODY;
}

static uint16_t longest_dead(const struct nodosum *n)
{
    uint16_t found = NODOSUM_NOBODY;

    for (uint32_t i = 0; i < n->count; i++) {
        uint16_t index = n->sorted[i];
        const struct nodosum_member *m = &n->member[index];
        if (index != NODOSUM_SELF && !nodosum_table_is_living(m) &&
            (found == NODOSUM_NOBODY || m->changed_us < n->member[found].changed_us)) {
            found = index;
        }
    }
    return found;
}

/* At a random place of the turn, so that no order of joining is an order of probing (SWIM, 4.3). */
static void put_in_order(struct nodosum *n, uint16_t index)
{
    uint32_t at = (uint32_t)rng_below(&n->rng, n->ordered + 1);

    n->order[n->ordered++] = n->order[at];
    n->order[at] = index;
}

/* Among the living, in the order of ids. */
static void ring_in(struct nodosum *n, uint16_t index)
{
    uint32_t place = place_in(n, n->ring, n->living, &n->member[index].id);

    memmove(n->ring + place + 1, n->ring + place, (n->living - place) * sizeof *n->ring);
    n->ring[place] = index;
    n->living++;
    n->ring_self += index != NODOSUM_SELF && place <= n->ring_self;
}

static void ring_out(struct nodosum *n, uint16_t index)
{
    uint32_t place = place_in(n, n->ring, n->living, &n->member[index].id);

    assert(place < n->living && n->ring[place] == index);
    n->living--;
    memmove(n->ring + place, n->ring + place + 1, (n->living - place) * sizeof *n->ring);
    n->ring_self -= place < n->ring_self;
}

uint16_t nodosum_table_add(struct nodosum *n, const struct nodosum_id *id, uint64_t incarnation,
                           const struct nodosum_about *about)
{
    if (n->count == n->members_max) {
        uint16_t old = longest_dead(n);
        if (old == NODOSUM_NOBODY) {
            return NODOSUM_NOBODY;
        }
        nodosum_table_remove(n, old);
    }
    uint16_t index = n->vacant[n->members_max - n->count - 1];
    uint32_t place = place_of(n, id);
    assert(!is_at(n, place, id));
    memmove(n->sorted + place + 1, n->sorted + place, (n->count - place) * sizeof *n->sorted);
    n->sorted[place] = index;
    n->count++;
    n->member[index] = (struct nodosum_member){.id = *id, .short_id = nodosum_packet_short(id),
                                               .incarnation = incarnation, .changed_us = n->now_us,
                                               .level = NODOSUM_LEVELS, .state = NODOSUM_ALIVE};
    ring_in(n, index);
    nodosum_table_describe(n, index, about);
    if (index != NODOSUM_SELF) {
        put_in_order(n, index);
    }
    assert(n->count <= n->members_max && n->ordered + 1 == n->count);
    return index;
}

void nodosum_table_remove(struct nodosum *n, uint16_t index)
{
    uint32_t place = place_of(n, &n->member[index].id);

    assert(index != NODOSUM_SELF && !nodosum_table_is_living(&n->member[index]));
    assert(n->sorted[place] == index);
    nodosum_gossip_drop(n, index);
    nodosum_push_drop(n, index);
    memmove(n->sorted + place, n->sorted + place + 1, (n->count - place - 1) * sizeof *n->sorted);
    for (uint32_t i = 0; i < n->ordered; i++) {
        if (n->order[i] == index) {
            n->order[i] = n->order[--n->ordered];
            break;
        }
    }
    n->vacant[n->members_max - n->count] = index;
    n->count--;
    assert(n->ordered + 1 == n->count);
}

void nodosum_table_describe(struct nodosum *n, uint16_t index, const struct nodosum_about *about)
{
    struct nodosum_member *m = &n->member[index];
    uint32_t crc = bytes_crc32c(0, about->address.ip, sizeof about->address.ip);

    crc = bytes_crc32c(crc, (uint8_t[]){(uint8_t)(about->address.port >> 8), (uint8_t)about->address.port}, 2);
    crc = bytes_crc32c(crc, about->name, about->name_len);
    crc = bytes_crc32c(crc, about->meta, about->meta_size);
    crc = bytes_crc32c(crc, about->offers, about->offers_size);
    m->about = *about;
    m->check = (uint16_t)(crc ^ crc >> 16);
}

void nodosum_table_set(struct nodosum *n, uint16_t index, enum nodosum_state state)
{
    struct nodosum_member *m = &n->member[index];
    bool was_living = nodosum_table_is_living(m);

    if (m->state == NODOSUM_SUSPECT && state != NODOSUM_SUSPECT) {
        uint32_t at = 0;
        while (n->suspect[at] != index) {
            at++;
            assert(at < n->suspects);
        }
        n->suspect[at] = n->suspect[--n->suspects];
        m->accusers = 0;
    } else if (m->state != NODOSUM_SUSPECT && state == NODOSUM_SUSPECT) {
        n->suspect[n->suspects++] = index;
    }
    m->changed_us = m->state != state ? n->now_us : m->changed_us;
    m->state = (uint8_t)state;
    if (was_living && !nodosum_table_is_living(m)) {
        ring_out(n, index);
    } else if (!was_living && nodosum_table_is_living(m)) {
        ring_in(n, index);
    }
    assert(n->living <= n->count && n->suspects <= n->living);
}

static void shuffle(struct nodosum *n)
{
    for (uint32_t i = n->ordered; i > 1; i--) {
        uint32_t other = (uint32_t)rng_below(&n->rng, i);
        uint16_t held = n->order[i - 1];
        n->order[i - 1] = n->order[other];
        n->order[other] = held;
    }
}

uint16_t nodosum_table_next(struct nodosum *n)
{
    for (uint32_t i = 0; i < n->ordered; i++) {
        if (n->next_probe >= n->ordered) {
            shuffle(n);
            n->next_probe = 0;
        }
        uint16_t index = n->order[n->next_probe++];
        if (nodosum_table_is_living(&n->member[index])) {
            return index;
        }
    }
    return NODOSUM_NOBODY;
}

uint16_t nodosum_table_ring(const struct nodosum *n, uint16_t index, int steps)
{
    uint32_t place = index == NODOSUM_SELF ? n->ring_self : place_in(n, n->ring, n->living, &n->member[index].id);
    bool is_there = place < n->living && n->ring[place] == index;
    uint32_t others = n->living - is_there, far = (uint32_t)(steps < 0 ? -steps : steps);

    if (far > others) {
        return NODOSUM_NOBODY;
    }
    /* Without it the one behind it stands at its place. */
    place += steps < 0 ? n->living - far : far - !is_there;
    return n->ring[place % n->living];
}

uint32_t nodosum_table_apart(const struct nodosum *n, uint16_t from, uint16_t to)
{
    uint32_t a = from == NODOSUM_SELF ? n->ring_self : place_in(n, n->ring, n->living, &n->member[from].id);
    uint32_t b = place_in(n, n->ring, n->living, &n->member[to].id);

    return a <= b ? b - a : b + n->living - a;
}

static bool is_among(uint16_t index, const uint16_t *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == index) {
            return true;
        }
    }
    return false;
}

uint32_t nodosum_table_draw(struct nodosum *n, uint32_t most, uint16_t but, uint16_t *to)
{
    uint32_t found = 0;

    if (n->ordered == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < most * DRAWS_EACH && found < most; i++) {
        uint16_t index = n->order[rng_below(&n->rng, n->ordered)];
        if (index != but && nodosum_table_is_living(&n->member[index]) && !is_among(index, to, found)) {
            to[found++] = index;
        }
    }
    /* Few live, or few are left: look at each once, from anywhere. */
    uint32_t from = (uint32_t)rng_below(&n->rng, n->ordered);
    for (uint32_t i = 0; i < n->ordered && found < most; i++) {
        uint16_t index = n->order[(from + i) % n->ordered];
        if (index != but && nodosum_table_is_living(&n->member[index]) && !is_among(index, to, found)) {
            to[found++] = index;
        }
    }
    return found;
}

void nodosum_table_reap(struct nodosum *n)
{
    uint64_t keep_us = (uint64_t)n->tuning.keep_ms * NODOSUM_MS;

    for (uint32_t i = n->count; i > 0; i--) {
        uint16_t index = n->sorted[i - 1];
        const struct nodosum_member *m = &n->member[index];
        if (index != NODOSUM_SELF && !nodosum_table_is_living(m) && n->now_us - m->changed_us >= keep_us) {
            nodosum_table_remove(n, index);
        }
    }
}
