/* Requests to other cells (ask.c) and channels (channel.c) as the frame of a process uses them. Apart, so
 * that a program which calls nobody links without them and without nng. */
#include "common/run/ask_core.h"
#include "common/run/channel.h"
#include "common/run/door.h"

static void close_all(struct cell *cell)
{
    asks_close(cell);
    door_channels_close(cell);
    channels_close(cell);
}

static void hear_channel(struct cell *cell, const Cell__Gap__Channel *channel, int *fd)
{
    int none = -1;

    if (channel->id != 0) {
        ask_channel_hear(cell, channel, fd);
    } else if (cell->door != NULL) {
        door_channel_offer(cell, channel->namespace_, channel->cell, fd != NULL ? fd : &none,
                           channel->key.data, channel->key.len);
    }
}

static void count(struct cell *cell, struct counters_page *page)
{
    struct door_numbers door;
    struct asks_numbers asks;
    uint64_t *v = page->value;

    door_glance(cell, &door);
    asks_read(cell, &asks);
    counters_set(&v[COUNTERS_REQUESTS], door.requests);
    counters_set(&v[COUNTERS_ERRORS], door.errors);
    counters_set(&v[COUNTERS_DENIED], door.denied);
    counters_set(&v[COUNTERS_SHED], door.shed);
    counters_set(&v[COUNTERS_MALFORMED], door.malformed);
    counters_set(&v[COUNTERS_DROPPED], door.dropped);
    counters_set(&v[COUNTERS_IN_FLIGHT], door_calls_in_flight(cell));
    counters_set(&v[COUNTERS_CONNECTIONS], door.connections);
    counters_set(&v[COUNTERS_SENT], asks.sent);
    counters_set(&v[COUNTERS_ANSWERED], asks.answered);
    counters_set(&v[COUNTERS_FAILED], asks.failed);
    counters_set(&v[COUNTERS_RETRIED], asks.retried);
    counters_set(&v[COUNTERS_OUTSTANDING], asks.outstanding);
    counters_set(&v[COUNTERS_TURNS], v[COUNTERS_TURNS] + 1);
    counters_set(&page->updated_ms, loop_now_ms());
    channels_count(cell);
}

const struct host_outlet outlet_asks = {
    .open = asks_open,
    .cancel = asks_cancel,
    .close = close_all,
    .flush = asks_flush,
    .linger = channels_linger,
    .count = count,
    .hear_channel = hear_channel,
    .describe = ask_endpoint_describe,
    .read = asks_read,
};
