/* Envelopes through shared memory: a second way to an endpoint that was asked more than a few times. The
 * supervisor is asked for a channel; while there is none, or no more, everything goes over the socket. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/run/ask_core.h"
#include "common/run/channel.h"
#include "common/run/fd.h"

struct ask_wire {
    struct ask_endpoint *endpoint;
    struct channel *channel;
    uint64_t up_ms; /* since when; 0: not yet */
};

/* ---- the transport ------------------------------------------------------------------------------ */

static bool shm_is_ready(struct ask_wire *w)
{
    return channel_is_clear(w->channel);
}

static uint32_t channel_epoch(const struct ask_wire *w)
{
    return w->endpoint->upgrade.epoch;
}

/* The number travels with the message, so it must be known first: see ask_link.c. */
static uint8_t *shm_reserve(struct ask_wire *w, uint32_t id, size_t size)
{
    return channel_room(w->channel, id, size);
}

static bool shm_commit(struct ask_wire *w, uint32_t id)
{
    (void)id;
    channel_send(w->channel);
    return true;
}

static bool shm_is_up(const struct ask_wire *w)
{
    return channel_is_up(w->channel);
}

static void shm_wire_close(struct ask_wire *w)
{
    channel_free(w->channel);
    free(w);
}

const struct ask_transport ask_shm_transport = {
    .kind = "shm",
    .close = shm_wire_close,
    .is_up = shm_is_up,
    .is_ready = shm_is_ready,
    .reserve = shm_reserve,
    .commit = shm_commit,
    .epoch = channel_epoch,
};

/* ---- what happens to the channel ---------------------------------------------------------------- */

static void say_why(struct ask_endpoint *e, const char *why)
{
    (void)snprintf(e->upgrade.why, sizeof e->upgrade.why, "%s", why);
}

/* Later, and later still if it goes on like that. */
static void try_later(struct ask_endpoint *e)
{
    struct ask_upgrade *u = &e->upgrade;

    u->next_ms = loop_now_ms() + u->wait_ms;
    u->wait_ms = 2 * u->wait_ms < ASK_CHANNEL_WAIT_MAX_MS ? 2 * u->wait_ms : ASK_CHANNEL_WAIT_MAX_MS;
}

static void on_up(void *context)
{
    struct ask_wire *w = context;

    w->up_ms = loop_now_ms();
    w->endpoint->uses++; /* callbacks run, and must not make room here */
    say_why(w->endpoint, "");
    log_debug("ASK-CHANNEL", "path=%s", w->endpoint->path);
    ask_link_up(w->endpoint, ASK_SHM);
    w->endpoint->uses--;
}

static void on_message(void *context, uint32_t number, const uint8_t *data, size_t size)
{
    struct ask_wire *w = context;

    w->endpoint->uses++; /* as above */
    ask_link_take(w->endpoint, number, data, size);
    w->endpoint->uses--;
}

static void on_end(void *context, enum err why, bool is_dead)
{
    struct ask_wire *w = context;
    struct ask_endpoint *e = w->endpoint;
    char text[sizeof e->upgrade.why];
    bool was_up = w->up_ms != 0;

    (void)snprintf(text, sizeof text, "the channel ended: %s", err_text(why));
    say_why(e, text);
    log_debug("ASK-CHANNEL-END", "path=%s why=%s dead=%d", e->path, err_name(why), is_dead);
    if (was_up && loop_now_ms() - w->up_ms >= ASK_CHANNEL_WAIT_MAX_MS) {
        e->upgrade.wait_ms = ASK_CHANNEL_WAIT_MS; /* it has held: what came before does not count */
    }
    try_later(e);
    e->line[ASK_SHM].wire = NULL;
    shm_wire_close(w);
    if (was_up) {
        e->uses++;
        ask_link_lost(e, ASK_SHM, e->upgrade.epoch, is_dead);
        e->uses--;
    }
}

static const struct channel_hooks hooks = {.up = on_up, .take = on_message, .end = on_end};

/* ---- asking for one ----------------------------------------------------------------------------- */

void ask_channel_consider(struct ask_endpoint *e, uint64_t now_ms)
{
    struct cell *cell = e->cell;
    struct ask_upgrade *u = &e->upgrade;
    Cell__Gap__Connect connect = CELL__GAP__CONNECT__INIT;
    Cell__Gap__ToNucleus message = CELL__GAP__TO_NUCLEUS__INIT;

    if (e->line[ASK_SHM].wire != NULL || now_ms < u->next_ms || e->requests < ASK_CHANNEL_AFTER) {
        return;
    }
    const char *endpoint = ask_name_endpoint(cell, e->path);
    if (endpoint == NULL || e->route[0] != '\0') {
        u->next_ms = UINT64_MAX;
        return;
    }
    if (!cell->is_supervised || cell->lost_ms != 0) {
        say_why(e, "there is no supervisor to ask");
        u->next_ms = now_ms + ASK_CHANNEL_WAIT_MS;
        return;
    }
    u->id = ++cell->asks->next_connect_id;
    u->next_ms = now_ms + ASK_CHANNEL_PATIENCE_MS;
    connect.id = u->id;
    connect.endpoint = (char *)endpoint;
    message.what_case = CELL__GAP__TO_NUCLEUS__WHAT_CONNECT;
    message.connect = &connect;
    life_tell(cell, &message); /* unheard: again when patience is over */
}

static struct ask_endpoint *find_asker(struct cell *cell, uint32_t id)
{
    for (size_t i = 0; id != 0 && i < ASK_ENDPOINTS_MAX; i++) {
        struct ask_endpoint *e = cell->asks->endpoints[i];
        if (e != NULL && e->upgrade.id == id) {
            return e;
        }
    }
    return NULL;
}

static enum err begin(struct ask_endpoint *e, const Cell__Gap__Channel *channel, int *fd)
{
    struct ask_wire *w = calloc(1, sizeof *w);

    if (w == NULL) {
        return ERR_NOMEM;
    }
    w->endpoint = e;
    enum err err = channel_new(e->cell, SHM_CONNECTOR, fd, channel->key.data,
                               ask_name_endpoint(e->cell, e->path), &hooks, w, &w->channel);
    if (err != ERR_OK) {
        free(w);
        return err;
    }
    e->upgrade.epoch++;
    e->line[ASK_SHM].wire = w;
    return ERR_OK;
}

void ask_channel_hear(struct cell *cell, const Cell__Gap__Channel *channel, int *fd)
{
    struct ask_endpoint *e = cell->asks == NULL ? NULL : find_asker(cell, channel->id);

    if (e == NULL || e->line[ASK_SHM].wire != NULL) {
        return; /* nobody waits for it any more */
    }
    e->upgrade.id = 0;
    enum err status = err_from_wire(channel->status);
    if (status == ERR_OK && (fd == NULL || channel->key.len != SHM_KEY_LEN)) {
        status = ERR_MALFORMED;
    }
    if (status != ERR_OK) {
        say_why(e, channel->why[0] != '\0' ? channel->why : err_text(status));
        try_later(e);
        return;
    }
    status = begin(e, channel, fd);
    if (status != ERR_OK) {
        say_why(e, status == ERR_LIMIT ? "this cell has as many channels as it may have" : err_text(status));
        try_later(e);
    }
}

void ask_channel_describe(const struct ask_endpoint *e, struct cell_call *call,
                          Cell__Inspect__Connection *one)
{
    const struct ask_wire *w = e->line[ASK_SHM].wire;
    char text[160];

    if (w != NULL && channel_is_up(w->channel)) {
        struct channel_numbers n;
        channel_read(w->channel, &n);
        (void)snprintf(text, sizeof text, "shared memory: %" PRIu64 " messages out, %" PRIu64 " in, %"
                       PRIu64 " wakes, %" PRIu64 " sends without", n.out, n.in, n.wakes, n.elided);
    } else if (w != NULL) {
        (void)snprintf(text, sizeof text, "a channel is being made");
    } else if (e->route[0] != '\0') {
        (void)snprintf(text, sizeof text, "what goes to other nodes takes longer than the socket adds");
    } else if (ask_name_endpoint(e->cell, e->path) == NULL) {
        (void)snprintf(text, sizeof text, "the supervisor has no channels");
    } else if (e->requests < ASK_CHANNEL_AFTER && e->upgrade.why[0] == '\0') {
        (void)snprintf(text, sizeof text, "a channel is made after %d requests", ASK_CHANNEL_AFTER);
    } else {
        (void)snprintf(text, sizeof text, "%s",
                       e->upgrade.why[0] != '\0' ? e->upgrade.why : "the supervisor is asked for a channel");
    }
    bool is_shm = w != NULL && channel_is_up(w->channel);
    one->kind = (char *)e->line[is_shm ? ASK_SHM : ASK_IPC].transport->kind;
    one->reason = (char *)call_text_dup(&call->arena, text);
}
