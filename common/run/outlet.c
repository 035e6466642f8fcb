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

const struct host_outlet outlet_asks = {
    .open = asks_open,
    .cancel = asks_cancel,
    .close = close_all,
    .flush = asks_flush,
    .linger = channels_linger,
    .hear_channel = hear_channel,
    .describe = ask_endpoint_describe,
    .read = asks_read,
};
