/* The small rooms of the core: heads of packets, who is due, what waits. */
#include <inttypes.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "datapath/agenda.h"
#include "datapath/inner.h"
#include "datapath/wait.h"
#include "tests/support/check.h"

/* ---- inner ------------------------------------------------------------------------------------------ */

static const struct {
    uint8_t head[6];
    size_t given, size; /* size 0: refused */
    const char *why;
} packets[] = {
    {{0x45, 0, 0, 20}, 20, 20, "the shortest of IPv4"},
    {{0x45, 0, 0, 20}, 19, 0, "cut"},
    {{0x45, 0, 0, 20}, 32, 20, "padded"},
    {{0x45, 0, 0, 33}, 32, 0, "longer than it is"},
    {{0x45, 0, 0, 19}, 32, 0, "shorter than its head"},
    {{0x46, 0, 0, 24}, 24, 24, "with options"},
    {{0x46, 0, 0, 23}, 24, 0, "of which some are missing"},
    {{0x44, 0, 0, 20}, 20, 0, "a head of 16 bytes"},
    {{0x60, 0, 0, 0, 0, 0}, 40, 40, "the shortest of IPv6"},
    {{0x60, 0, 0, 0, 0, 0}, 39, 0, "cut"},
    {{0x60, 0, 0, 0, 0, 9}, 64, 49, "padded"},
    {{0x60, 0, 0, 0, 0, 9}, 48, 0, "longer than it is"},
    {{0x50, 0, 0, 40}, 64, 0, "no version of ours"},
    {{0}, 0, 0, "nothing"},
};

static void heads_are_read(void)
{
    for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
        uint8_t bytes[64] = {0};
        struct datapath_inner head = {.size = 0};
        memcpy(bytes, packets[i].head, sizeof packets[i].head);
        bool is_one = datapath_inner_read(bytes, packets[i].given, &head);
        CHECK(is_one == (packets[i].size > 0) && head.size == packets[i].size, "row %zu: %s", i, packets[i].why);
        if (is_one && head.address_size == 4) {
            CHECK(head.source == bytes + 12 && head.destination == bytes + 16, "row %zu", i);
        } else if (is_one) {
            CHECK(head.address_size == 16 && head.source == bytes + 8 && head.destination == bytes + 24, "row %zu", i);
        }
    }
}

/* ---- agenda ----------------------------------------------------------------------------------------- */

static void the_first_is_first(void)
{
    enum { PEERS = 50, STEPS = 50000 };
    struct datapath_agenda_item memory[PEERS];
    struct datapath_agenda a;
    uint64_t at_ms[PEERS];
    uint32_t who;
    struct rng r;

    rng_init(&r, 3);
    datapath_agenda_init(&a, memory, PEERS);
    memset(at_ms, 0xff, sizeof at_ms);
    CHECK(datapath_agenda_first(&a, &who) == UINT64_MAX, "nobody");
    for (int i = 0; i < STEPS; i++) {
        uint32_t peer = (uint32_t)rng_below(&r, PEERS);
        at_ms[peer] = rng_below(&r, 3) == 0 ? UINT64_MAX : rng_below(&r, 1000);
        datapath_agenda_set(&a, peer, at_ms[peer]);
        uint64_t least = UINT64_MAX;
        for (uint32_t p = 0; p < PEERS; p++) {
            least = at_ms[p] < least ? at_ms[p] : least;
            CHECK(datapath_agenda_of(&a, p) == at_ms[p], "peer %" PRIu32, p);
        }
        CHECK(datapath_agenda_first(&a, &who) == least && (least == UINT64_MAX || at_ms[who] == least), "step %d", i);
    }
}

/* ---- wait ------------------------------------------------------------------------------------------- */

static void the_oldest_goes_first(void)
{
    enum { ROOM = 32, QUEUES = DATAPATH_WAIT_MAX / DATAPATH_WAIT_EACH + 2 };
    static uint8_t memory[DATAPATH_WAIT_MAX * ROOM];
    struct datapath_wait w;
    struct datapath_wait_queue q[QUEUES] = {{0}};
    const uint8_t *bytes;
    size_t size;

    datapath_wait_init(&w, memory, ROOM);
    CHECK(!datapath_wait_take(&w, &q[0], &bytes, &size), "empty");
    for (uint8_t i = 0; i <= DATAPATH_WAIT_EACH; i++) {
        CHECK(datapath_wait_put(&w, &q[0], &i, 1) == (i == DATAPATH_WAIT_EACH), "packet %d", i);
    }
    for (uint8_t i = 1; i <= DATAPATH_WAIT_EACH; i++) {
        CHECK(datapath_wait_take(&w, &q[0], &bytes, &size) && size == 1 && *bytes == i, "packet %d", i);
    }
    CHECK(!datapath_wait_take(&w, &q[0], &bytes, &size) && q[0].count == 0, "all are taken");
    for (int k = 0; k < DATAPATH_WAIT_MAX / DATAPATH_WAIT_EACH; k++) {
        for (uint8_t i = 0; i < DATAPATH_WAIT_EACH; i++) {
            CHECK(datapath_wait_put(&w, &q[k], &i, 1) == 0, "queue %d", k);
        }
    }
    uint8_t more = 99;
    CHECK(datapath_wait_put(&w, &q[QUEUES - 1], &more, 1) == 1 && q[QUEUES - 1].count == 0, "no room for another");
    CHECK(datapath_wait_put(&w, &q[0], &more, 1) == 1 && q[0].count == DATAPATH_WAIT_EACH, "his own oldest makes room");
    CHECK(datapath_wait_take(&w, &q[1], &bytes, &size), "one is taken");
    CHECK(datapath_wait_put(&w, &q[QUEUES - 1], memory, ROOM) == 0, "and another has room, to the last byte");
    CHECK(datapath_wait_take(&w, &q[QUEUES - 1], &bytes, &size) && size == ROOM, "it is whole");
}

int main(void)
{
    heads_are_read();
    the_first_is_first();
    the_oldest_goes_first();
    return CHECK_RESULT();
}
