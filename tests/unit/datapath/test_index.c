/* Ids: found, forgotten, never alike a type, never twice; ten million of them by hand: test_datapath_index 10000000. */
#include "datapath/index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "datapath/message.h"
#include "tests/support/check.h"

enum {
    PEERS = 100,
    HELD = PEERS * DATAPATH_INDEX_EACH,
    USUAL = 100000, /* ids of the suite's run */
};

static struct datapath_index_slot *make(struct datapath_index *x, uint32_t peers)
{
    struct datapath_index_slot *memory = calloc(datapath_index_slots(peers), sizeof *memory);

    REQUIRE(memory != NULL, "memory");
    datapath_index_init(x, memory, peers);
    return memory;
}

/* A full table against a list, ids coming and going. */
static void agrees_with_a_list(uint64_t ids)
{
    struct datapath_index x;
    struct datapath_index_slot *memory = make(&x, PEERS);
    struct datapath_random r;
    struct rng rng;
    uint32_t id[HELD] = {0}, first_bytes[256] = {0}, bits[32] = {0};

    datapath_random_init(&r, (const uint8_t[DATAPATH_RANDOM_SEED]){1});
    rng_init(&rng, 4);
    for (uint64_t i = 0; i < ids; i++) {
        uint32_t at = (uint32_t)rng_below(&rng, HELD), peer;
        datapath_index_drop(&x, id[at]);
        CHECK(id[at] == 0 || !datapath_index_find(&x, id[at], &peer), "forgotten");
        id[at] = datapath_index_add(&x, &r, at);
        first_bytes[id[at] & 0xff]++;
        for (int b = 0; b < 32; b++) {
            bits[b] += id[at] >> b & 1;
        }
        uint32_t other = (uint32_t)rng_below(&rng, HELD);
        bool found = datapath_index_find(&x, id[other], &peer);
        CHECK(found == (id[other] != 0) && (!found || peer == other), "id %" PRIu64, i);
    }
    for (uint32_t at = 0; at < HELD; at++) {
        uint32_t peer;
        CHECK(datapath_index_find(&x, id[at], &peer) && peer == at, "still there: %" PRIu32, at);
        datapath_index_drop(&x, id[at]);
    }
    CHECK(x.used == 0, "empty again");
    for (int type = 0; type < DATAPATH_INDEX_TYPES; type++) {
        CHECK(first_bytes[type] == 0, "an id that begins as message type %d", type);
    }
    for (int b = 0; b < 32; b++) {
        /* The upper half of the first byte leans towards 1: sixteen of its values are left out. */
        CHECK(bits[b] > ids * 45 / 100 && bits[b] < ids * 56 / 100, "bit %d: %" PRIu32, b, bits[b]);
    }
    free(memory);
}

/* No message of one kind is read as another, whatever the id in it. */
static void kinds_are_told_apart(uint64_t ids)
{
    static const size_t sizes[] = {0, DATAPATH_MESSAGE_INITIATION, DATAPATH_MESSAGE_RESPONSE, DATAPATH_MESSAGE_COOKIE,
                                   DATAPATH_MESSAGE_DATA};
    struct datapath_random r;
    uint8_t message[DATAPATH_MESSAGE_INITIATION] = {0};

    datapath_random_init(&r, (const uint8_t[DATAPATH_RANDOM_SEED]){2});
    for (uint64_t i = 0; i < ids; i++) {
        uint32_t id;
        datapath_random_draw(&r, &id, sizeof id);
        enum datapath_kind kind = (enum datapath_kind)(1 + i % 4);
        datapath_message_begin(message, kind);
        datapath_message_put32(message + DATAPATH_MESSAGE_SENDER, id);
        CHECK(datapath_message_kind(message, sizes[kind]) == kind, "id %" PRIx32, id);
        if (datapath_index_is_possible(id)) {
            /* The id where a type should be, as in a message of ours that lost its head. */
            CHECK(datapath_message_kind(message + DATAPATH_MESSAGE_SENDER, sizes[kind]) == DATAPATH_KIND_NONE,
                  "id %" PRIx32, id);
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t ids = argc > 1 ? strtoull(argv[1], NULL, 10) : USUAL;
    struct datapath_index x;
    uint32_t peer;

    agrees_with_a_list(ids);
    kinds_are_told_apart(ids);
    struct datapath_index_slot *memory = make(&x, 1);
    for (uint32_t id = 0; id < DATAPATH_INDEX_TYPES; id++) {
        CHECK(!datapath_index_find(&x, id, &peer), "an empty table has none");
    }
    datapath_index_drop(&x, DATAPATH_INDEX_NONE);
    free(memory);
    return CHECK_RESULT();
}
