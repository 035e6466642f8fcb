/* Rings of an AF_XDP socket, with the kernel's side played by another ring over the same memory: what is put in comes out
 * once, in order, also where the numbers and the slots wrap around; full and empty are told apart. */
#include "datapath/rings.h"

#include <stdint.h>

#include "tests/support/check.h"

enum { SIZE = 8, ROUNDS = 1000 };

static uint32_t producer, consumer, flags;
static uint64_t addresses[SIZE];
static struct datapath_rings_frame frames[SIZE];

static struct datapath_ring of_addresses(uint32_t from)
{
    producer = consumer = from;
    return (struct datapath_ring){.producer = &producer, .consumer = &consumer, .flags = &flags, .entry = addresses, .size = SIZE};
}

static struct datapath_ring of_frames(uint32_t from)
{
    producer = consumer = from;
    return (struct datapath_ring){.producer = &producer, .consumer = &consumer, .flags = &flags, .entry = frames, .size = SIZE};
}

/* Some in, some out, of all counts there are, over the wrap of the numbers. */
static void addresses_come_out_in_order(uint32_t from)
{
    struct datapath_ring r = of_addresses(from);
    uint64_t in = 0, out = 0, got;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < round % (SIZE + 3); i++) {
            bool is_full = in - out == SIZE;
            CHECK(datapath_rings_room(&r) == SIZE - (in - out) && datapath_rings_ready(&r) == in - out, "round %u", round);
            bool is_in = datapath_rings_give(&r, 4096 + in);
            CHECK(is_in != is_full, "round %u: put in while full, or refused while not", round);
            in += is_in;
        }
        for (uint32_t i = 0; i < round % 5; i++) {
            bool is_out = datapath_rings_sent(&r, &got);
            CHECK(is_out == (in != out) && (!is_out || got == 4096 + out), "round %u", round);
            out += is_out;
        }
    }
    CHECK(producer == from + (uint32_t)in && consumer == from + (uint32_t)out, "what the other side reads");
}

static void frames_come_out_whole(uint32_t from)
{
    struct datapath_ring r = of_frames(from);
    struct datapath_rings_frame got;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < 1 + round % SIZE; i++) {
            struct datapath_rings_frame f = {.at = (uint64_t)round << 32 | i, .size = round + i, .options = i & 1};
            CHECK(datapath_rings_send(&r, &f), "it finds room");
        }
        for (uint32_t i = 0; i < 1 + round % SIZE; i++) {
            CHECK(datapath_rings_take(&r, &got) && got.at == ((uint64_t)round << 32 | i) && got.size == round + i && got.options == (i & 1),
                  "round %u, frame %u", round, i);
        }
        CHECK(!datapath_rings_take(&r, &got), "and no more");
    }
}

static void full_is_full(void)
{
    struct datapath_ring r = of_frames(UINT32_MAX - 2);
    struct datapath_rings_frame f = {.at = 1}, got;

    for (int i = 0; i < SIZE; i++) {
        CHECK(datapath_rings_send(&r, &f), "%d", i);
    }
    f.at = 2;
    CHECK(!datapath_rings_send(&r, &f) && datapath_rings_take(&r, &got) && got.at == 1, "none is written over");
    producer = consumer + SIZE + 5; /* which no kernel says */
    CHECK(datapath_rings_room(&r) == 0, "no room that is not there");
}

static void the_kernel_says_when_it_sleeps(void)
{
    struct datapath_ring r = of_frames(0);

    flags = 2;
    CHECK(!datapath_rings_sleeps(&r), "another flag");
    flags = 1;
    CHECK(datapath_rings_sleeps(&r), "XDP_RING_NEED_WAKEUP");
}

int main(void)
{
    static const uint32_t from[] = {0, 5, UINT32_MAX - 3, INT32_MAX};

    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        addresses_come_out_in_order(from[i]);
        frames_come_out_whole(from[i]);
    }
    full_is_full();
    the_kernel_says_when_it_sleeps();
    return CHECK_RESULT();
}
