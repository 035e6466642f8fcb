/* A cell that sends a numbered sealed datagram to another node every few milliseconds and counts what it gets: whether
 * any is lost while keys change. config: {peer: ID, at: ADDRESS, every_ms: N}. */
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/address.h"
#include "common/node/datagram.h"
#include "common/run/cell.h"
#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"

struct talker {
    struct cell *cell;
    struct node_keys keys;
    uint8_t peer[NODE_ID_LEN];
    struct sealed_address at;
    unsigned every_ms;
    int fd;
    struct datagram *datagram;
    uint64_t sent, got, highest;
    struct cell_metric *metric_sent, *metric_got, *metric_missing, *metric_unsent, *metric_rekeyed;
};

static enum err load(struct talker *t)
{
    AUTO_FD int fd = cell_take_descriptor(t->cell, "keys.datagram");

    return fd < 0 ? ERR_NOT_FOUND : keys_load(fd, &t->keys);
}

static enum err talker_open(struct cell *cell, void *state)
{
    struct talker *t = state;
    char peer[2 * NODE_ID_LEN + 1] = "", at[ADDRESS_SIZE] = "";

    t->cell = cell;
    t->fd = cell_take_descriptor(cell, "listen.talk");
    t->metric_sent = cell_metric_counter(cell, "cell_talker_sent_total", "datagrams sent");
    t->metric_got = cell_metric_counter(cell, "cell_talker_received_total", "datagrams of the peer received");
    t->metric_missing = cell_metric_gauge(cell, "cell_talker_missing", "of those up to the highest number, not received");
    t->metric_unsent = cell_metric_counter(cell, "cell_talker_unsent_total", "datagrams that could not be handed over");
    t->metric_rekeyed = cell_metric_counter(cell, "cell_talker_rekeyed_total", "keys that came while it ran");
    /* As the manifest's reader writes it: keys in their order, in quotes what reads like a number. */
    const char *format = strstr(cell_config(cell), "peer: \"") != NULL ? "at: \"%55[^\"]\"\nevery_ms: %u\npeer: \"%64[0-9a-f]"
                                                                       : "at: \"%55[^\"]\"\nevery_ms: %u\npeer: %64[0-9a-f]";
    if (sscanf(cell_config(cell), format, at, &t->every_ms, peer) != 3 ||
        !bytes_from_hex(peer, t->peer, sizeof t->peer) || address_parse(at, &t->at) != ERR_OK) {
        log_error("TALKER-CONFIG", "config=\"%s\"", cell_config(cell));
        return ERR_INVALID;
    }
    return load(t);
}

static void on_receive(void *context, const struct datagram_from *from, const uint8_t *bytes, size_t size)
{
    struct talker *t = context;

    if (size != 8 || memcmp(from->id, t->peer, sizeof t->peer) != 0) {
        return;
    }
    uint64_t number = bytes_get_be64(bytes);
    t->highest = number > t->highest ? number : t->highest;
    t->got++;
    cell_metric_add(t->metric_got, 1);
    cell_metric_set(t->metric_missing, (double)(t->highest - t->got));
}

static void on_turn(void *context)
{
    struct talker *t = context;
    uint8_t bytes[8];

    bytes_put_be64(bytes, t->sent + 1);
    if (datagram_send(t->datagram, t->peer, &t->at, bytes, sizeof bytes) == ERR_OK) {
        t->sent++;
        cell_metric_add(t->metric_sent, 1);
    } else {
        cell_metric_add(t->metric_unsent, 1);
    }
}

static enum err talker_start(struct cell *cell, void *state)
{
    struct talker *t = state;
    const struct datagram_config config = {.peers_max = 16, .receive = on_receive, .context = t};
    enum err e = datagram_open(host_loop(cell), &t->fd, &t->keys, &config, &t->datagram);

    if (e == ERR_OK && cell_timer_start(cell, t->every_ms, t->every_ms, on_turn, t) == NULL) {
        e = ERR_NOMEM;
    }
    return e;
}

static void talker_granted(void *state, const char *name)
{
    struct talker *t = state;

    if (strcmp(name, "keys.datagram") == 0 && load(t) == ERR_OK && datagram_rekey(t->datagram, &t->keys) == ERR_OK) {
        cell_metric_add(t->metric_rekeyed, 1);
    }
}

static void talker_stop(void *state)
{
    struct talker *t = state;

    datagram_close(t->datagram);
    fd_close(&t->fd);
}

static const struct cell_def talker = {
    .name = "talker",
    .state_size = sizeof(struct talker),
    .open = talker_open,
    .start = talker_start,
    .granted = talker_granted,
    .stop = talker_stop,
};

int main(int argc, char **argv)
{
    return cell_main(&talker, argc, argv);
}
