/* Aeron over aeron:ipc, one exclusive publication each way, polled by both sides, under its media driver: what it
 * recommends for the shortest way. Claims are written in place. */
#include "bench/shm_peers.h"

#include <aeronc.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"

struct side {
    struct peers_setup *setup;
    aeron_exclusive_publication_t *out;
    aeron_subscription_t *in;
    aeron_fragment_assembler_t *whole; /* what is larger than a packet comes in pieces */
    uint64_t number; /* of the round */
    uint64_t got;
};

/* Write what is larger than a claim from here. */
static uint8_t large[PEERS_SIZE_MAX];

static void send_one(struct side *side)
{
    uint64_t number = side->number;
    size_t size = side->setup->size;
    aeron_buffer_claim_t claim;

    if (size <= 1024) {
        while (aeron_exclusive_publication_try_claim(side->out, size, &claim) < 0) {
            __builtin_ia32_pause();
        }
        peers_write(side->setup, claim.data, size, number);
        memcpy(claim.data, &number, sizeof number);
        (void)aeron_buffer_claim_commit(&claim);
        return;
    }
    peers_write(side->setup, large, size, number);
    memcpy(large, &number, sizeof number);
    while (aeron_exclusive_publication_offer(side->out, large, size, NULL, NULL) < 0) {
        __builtin_ia32_pause();
    }
}

static void on_fragment(void *context, const uint8_t *data, size_t size, aeron_header_t *header)
{
    struct side *side = context;

    (void)header;
    peers_read(side->setup, data, size);
    memcpy(&side->got, data, sizeof side->got);
}

static void receive_one(struct side *side)
{
    while (side->got < side->number) {
        if (aeron_subscription_poll(side->in, aeron_fragment_assembler_handler, side->whole, 1) == 0) {
            __builtin_ia32_pause();
        }
    }
}

static struct side *open_side(struct peers_setup *s, int32_t out, int32_t in)
{
    static struct side side;
    aeron_async_add_exclusive_publication_t *adding;
    aeron_async_add_subscription_t *subscribing;
    aeron_context_t *context;
    aeron_t *client;

    side.setup = s;
    peers_must(aeron_context_init(&context) == 0, "aeron: a context");
    peers_must(aeron_context_set_dir(context, getenv("BENCH_AERON_DIR")) == 0, "aeron: a directory");
    peers_must(aeron_init(&client, context) == 0 && aeron_start(client) == 0, "aeron: a driver");
    peers_must(aeron_async_add_exclusive_publication(&adding, client, "aeron:ipc", out) == 0, "aeron: a publication");
    while (side.out == NULL) {
        peers_must(aeron_async_add_exclusive_publication_poll(&side.out, adding) >= 0, "aeron: a publication");
    }
    peers_must(aeron_async_add_subscription(&subscribing, client, "aeron:ipc", in, NULL, NULL, NULL, NULL) == 0,
               "aeron: a subscription");
    while (side.in == NULL) {
        peers_must(aeron_async_add_subscription_poll(&side.in, subscribing) >= 0, "aeron: a subscription");
    }
    peers_must(aeron_fragment_assembler_create(&side.whole, on_fragment, &side) == 0, "aeron: an assembler");
    while (!aeron_exclusive_publication_is_connected(side.out) || !aeron_subscription_is_connected(side.in)) {
    }
    return &side;
}

/* Of this run alone: the driver keeps what a killed process had for a while. */
static int32_t stream(const struct peers_setup *s)
{
    return 2 * (int32_t)s->client;
}

static void prepare(struct peers_setup *s)
{
    (void)s;
}

static void serve(struct peers_setup *s)
{
    struct side *side = open_side(s, stream(s) + 1, stream(s));

    for (side->number = 1;; side->number++) {
        receive_one(side);
        send_one(side);
    }
}

static void *open_client(struct peers_setup *s)
{
    return open_side(s, stream(s), stream(s) + 1);
}

static void call(struct peers_setup *s, void *state, uint64_t number)
{
    struct side *side = state;

    (void)s;
    side->number = number;
    send_one(side);
    receive_one(side);
}

const struct peers_kind peers_kinds[] = {{"aeron", prepare, serve, open_client, call}};
const size_t peers_count = ARRAY_LEN(peers_kinds);
