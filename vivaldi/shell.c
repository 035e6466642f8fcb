#include "vivaldi/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/run/fd.h"
#include "common/run/log.h"
#include "proto/nodosum.ops.h"
#include "vivaldi/store.h"
#include "vivaldi/wire.h"

enum { MS = 1000 };

#define TELL_MOVED 0.02f   /* of the usual round trip: others need not know of less               */
#define SAY_MOVED 0.002f   /* … but those that it measures fit to where it is, and a ping costs the same either way */
#define TELL_SURER 0.2f    /* of the error                                                        */

uint32_t vivaldi_shell_now_s(const struct vivaldi_shell *s)
{
    return (uint32_t)(cell_now_ms(s->cell) / MS);
}

static void show(const struct vivaldi_shell *s)
{
    const struct vivaldi_counters *c = &s->core.counters;

    cell_metric_set(s->metric_error, s->core.live.error);
    cell_metric_set(s->metric_peers, s->core.peers.count);
    cell_metric_set(s->metric_samples, (double)c->samples);
    cell_metric_set(s->metric_refused, (double)(c->bad_rtt + c->bad_coord + s->unread));
}

/* ---- round trips in ------------------------------------------------------------------------------ */

static void set_from(struct ProtobufCMessage *request, uint64_t revision)
{
    ((Cell__Nodosum__RttsRequest *)request)->after = revision;
}

static uint64_t get_last(const struct ProtobufCMessage *reply)
{
    return ((const Cell__Nodosum__RttsReply *)reply)->last;
}

static void take(struct vivaldi_shell *s, const Cell__Nodosum__Rtt *one)
{
    const ProtobufCBinaryData *to_all = one->is_fresh ? &one->told : &one->place;
    struct vivaldi_coord c, told;
    uint64_t id;
    uint32_t now_s = vivaldi_shell_now_s(s);
    bool has_place = false, has_told = false;
    enum err e = ERR_OK;

    if (vivaldi_wire_id(&one->id, &id) != ERR_OK || vivaldi_wire_place(&one->place, &has_place, &c) != ERR_OK) {
        s->unread++;
        return;
    }
    s->unread += vivaldi_wire_place(to_all, &has_told, &told) != ERR_OK; /* then it has told nothing */
    has_place = has_place && (one->is_fresh || vivaldi_core_is_news(&s->core, now_s, id, &c));
    if (one->rtt_us > 0) {
        e = vivaldi_core_sample(&s->core, now_s, id, one->rtt_us, has_place ? &c : NULL);
    } else if (has_place) {
        e = vivaldi_core_heard(&s->core, now_s, id, &c);
    }
    if (e == ERR_OK) {
        vivaldi_core_told(&s->core, now_s, id, has_told ? &told : NULL);
    }
    if (e != ERR_OK) {
        log_debug("VIVALDI-SAMPLE", "rtt_us=%u reason=%s", one->rtt_us, err_name(e)); /* the core has counted it */
    }
}

static void on_rtts(void *context, const struct ProtobufCMessage *message, uint64_t last)
{
    struct vivaldi_shell *s = context;
    const Cell__Nodosum__RttsReply *reply = (const Cell__Nodosum__RttsReply *)message;

    (void)last;
    s->lost += reply->lost;
    for (size_t i = 0; i < reply->n_samples; i++) {
        take(s, reply->samples[i]);
    }
    vivaldi_verify_heard(s);
    show(s);
}

static void on_trouble(void *context, enum err e, const char *text)
{
    (void)context;
    log_debug("VIVALDI-UNMEASURED", "error=%s why=\"%.96s\" effect=\"no new round trips\"", err_name(e), text);
}

/* ---- where the others are, in -------------------------------------------------------------------- */

/* Whom it measured long ago, and has not heard since: it moves as all do. And whether they tell all what they tell this node. */
static void hear(struct vivaldi_shell *s, const Cell__Nodosum__Located *one)
{
    struct vivaldi_coord c;
    uint64_t id;
    bool has_place = false;

    if (vivaldi_wire_id(&one->id, &id) != ERR_OK || vivaldi_wire_place(&one->place, &has_place, &c) != ERR_OK) {
        s->unread++;
    } else {
        vivaldi_core_told(&s->core, vivaldi_shell_now_s(s), id, has_place ? &c : NULL);
    }
}

static void look(struct vivaldi_shell *s, const ProtobufCBinaryData *after);

static void on_places(void *context, enum err e, const struct ProtobufCMessage *message, const char *text)
{
    struct vivaldi_shell *s = context;
    const Cell__Nodosum__PlacesReply *reply = (const Cell__Nodosum__PlacesReply *)message;

    s->is_looking = false;
    if (e != ERR_OK) {
        log_debug("VIVALDI-PLACES", "error=%s why=\"%.96s\" effect=\"places are as old as they were\"", err_name(e), text);
        return;
    }
    for (size_t i = 0; i < reply->n_located; i++) {
        hear(s, reply->located[i]);
    }
    if (reply->has_more && reply->n_located > 0) {
        look(s, &reply->located[reply->n_located - 1]->id);
    }
}

/* A page of them; after NULL: the first. */
static void look(struct vivaldi_shell *s, const ProtobufCBinaryData *after)
{
    Cell__Nodosum__PlacesRequest request = CELL__NODOSUM__PLACES_REQUEST__INIT;

    if (after != NULL) {
        request.after = *after;
    }
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_PLACES, .request = &request.base,
        .reply = &cell__nodosum__places_reply__descriptor, .deadline_ms = VIVALDI_SHELL_ASK_MS, .done = on_places, .context = s,
        .is_idempotent = CELL__NODOSUM__PLACES__IS_IDEMPOTENT};
    s->is_looking = cell_ask(s->cell, &out) == ERR_OK;
}

/* ---- where this node is, out --------------------------------------------------------------------- */

static void on_told(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct vivaldi_shell *s = context;

    (void)reply;
    s->is_asking = false;
    if (e != ERR_OK) {
        s->untold++;
        s->told_ms = 0; /* again at the next turn */
        log_debug("VIVALDI-UNTOLD", "error=%s why=\"%.96s\"", err_name(e), text);
    }
}

static bool is_other(const struct vivaldi_shell *s, const struct vivaldi_coord *before, float moved)
{
    const struct vivaldi_coord *live = vivaldi_core_live(&s->core);
    float surer = live->error > before->error ? live->error - before->error : before->error - live->error;

    return vivaldi_coord_moved_ms(live, before) > moved * s->core.usual_ms || surer > TELL_SURER * before->error;
}

static void tell(struct vivaldi_shell *s, uint64_t now_ms)
{
    Cell__Nodosum__PlaceRequest request = CELL__NODOSUM__PLACE_REQUEST__INIT;
    uint8_t bytes[VIVALDI_COORD_BYTES];
    bool is_news = s->told_ms == 0 || is_other(s, &s->told, TELL_MOVED), is_due = now_ms >= s->told_ms + VIVALDI_SHELL_AGAIN_MS;

    /* Also the middle, by who knows nothing yet: somebody has to be the first to say where he is. */
    if (s->is_asking || (!is_news && !is_due && !is_other(s, &s->said, SAY_MOVED))) {
        return;
    }
    s->said = *vivaldi_core_live(&s->core);
    request.is_for_pings = !is_news && !is_due;
    if (!request.is_for_pings) {
        s->told_ms = now_ms;
        s->told = is_news ? s->said : s->told;
        s->said = s->told;
    } /* when it is due it is the same again, which membership does not tell anybody when it knows it */
    request.place.len = vivaldi_coord_pack(&s->said, s->settings.dims, bytes);
    request.place.data = bytes;
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_PLACE, .request = &request.base,
        .reply = &cell__nodosum__place_reply__descriptor, .deadline_ms = VIVALDI_SHELL_ASK_MS, .done = on_told, .context = s,
        .is_idempotent = CELL__NODOSUM__PLACE__IS_IDEMPOTENT, .is_hasty = true};
    enum err e = cell_ask(s->cell, &out);
    s->is_asking = e == ERR_OK;
    s->untold += e != ERR_OK;
}

static void keep(struct vivaldi_shell *s)
{
    s->kept_ms = cell_now_ms(s->cell);
    if (s->dir < 0 || !s->is_known || s->core.usual_ms <= 0) {
        return;
    }
    enum err e = vivaldi_store_save(s->dir, &s->core, vivaldi_shell_now_s(s), (uint64_t)time(NULL));
    if (e != ERR_OK) {
        log_warn("VIVALDI-KEEP", "reason=%s effect=\"a restart begins with what was kept before\"", err_name(e));
    }
}

/* ---- who this node is ---------------------------------------------------------------------------- */

static void remember(struct vivaldi_shell *s)
{
    enum err e = s->dir < 0 ? ERR_NOT_FOUND : vivaldi_store_load(s->dir, &s->core, vivaldi_shell_now_s(s), (uint64_t)time(NULL));

    if (e == ERR_OK) {
        log_info("VIVALDI-RESTORED", "peers=%u error=%.3f", s->core.peers.count, (double)s->core.live.error);
    } else if (e != ERR_NOT_FOUND) {
        log_warn("VIVALDI-RESTORE", "reason=%s action=\"begin anew\"", err_name(e));
    }
}

static enum err begin(struct vivaldi_shell *s, const Cell__Nodosum__TopologyReply *reply)
{
    struct vivaldi_config config = {.dims = s->settings.dims, .has_height = s->settings.has_height, .peers_max = s->settings.peers};

    if (vivaldi_wire_id(&reply->id, &config.self) != ERR_OK || !name_valid_str(reply->name)) {
        return ERR_MALFORMED;
    }
    if (getrandom(&config.seed, sizeof config.seed, 0) != sizeof config.seed) {
        return ERR_IO;
    }
    memcpy(s->id, reply->id.data, sizeof s->id);
    memcpy(s->node, reply->name, strlen(reply->name) + 1);
    enum err e = vivaldi_core_init(&s->core, &config, s->memory);
    if (e != ERR_OK) {
        return e;
    }
    s->is_known = true;
    s->told_ms = 0;
    remember(s);
    s->poll = (Cell__Nodosum__RttsRequest)CELL__NODOSUM__RTTS_REQUEST__INIT;
    s->poll.wait_ms = VIVALDI_SHELL_POLL_MS;
    s->watch = cell_watch_start(s->cell, &(struct cell_watch_def){
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_RTTS, .request = &s->poll.base,
        .reply = &cell__nodosum__rtts_reply__descriptor, .poll_ms = VIVALDI_SHELL_POLL_MS + VIVALDI_SHELL_ASK_MS,
        .set_from = set_from, .get_last = get_last, .news = on_rtts, .trouble = on_trouble, .context = s});
    return s->watch == NULL ? ERR_NOMEM : ERR_OK;
}

static void on_topology(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct vivaldi_shell *s = context;

    s->is_asking = false;
    if (e == ERR_OK) {
        e = begin(s, (const Cell__Nodosum__TopologyReply *)reply);
        text = "what membership says of this node cannot be used";
    }
    if (e != ERR_OK) {
        log_debug("VIVALDI-UNNAMED", "error=%s why=\"%.96s\"", err_name(e), text);
    }
}

static void ask_who(struct vivaldi_shell *s)
{
    Cell__Nodosum__TopologyRequest request = CELL__NODOSUM__TOPOLOGY_REQUEST__INIT;
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_TOPOLOGY, .request = &request.base,
        .reply = &cell__nodosum__topology_reply__descriptor, .deadline_ms = VIVALDI_SHELL_ASK_MS, .done = on_topology,
        .context = s, .is_idempotent = CELL__NODOSUM__TOPOLOGY__IS_IDEMPOTENT};

    s->is_asking = cell_ask(s->cell, &out) == ERR_OK;
}

/* ---- life ---------------------------------------------------------------------------------------- */

static void on_turn(void *context)
{
    struct vivaldi_shell *s = context;
    uint64_t now_ms = cell_now_ms(s->cell);

    if (!s->is_known) {
        if (!s->is_asking) {
            ask_who(s);
        }
        return;
    }
    tell(s, now_ms);
    if (!s->is_looking && now_ms >= s->looked_ms + VIVALDI_SHELL_PLACES_MS) {
        s->looked_ms = now_ms;
        vivaldi_core_forget(&s->core, vivaldi_shell_now_s(s));
        look(s, NULL);
    }
    if (now_ms >= s->kept_ms + VIVALDI_SHELL_KEEP_MS) {
        keep(s);
    }
}

enum err vivaldi_shell_open(struct cell *cell, void *state)
{
    struct vivaldi_shell *s = state;
    char why[CONF_WHY_SIZE];

    s->cell = cell;
    s->dir = -1;
    enum err e = vivaldi_settings_read(cell_config(cell), &s->settings, why);
    if (e != ERR_OK) {
        log_error("VIVALDI-CONFIG", "reason=%s", e == ERR_INVALID ? why : err_name(e));
        return e;
    }
    s->metric_error = cell_metric_gauge(cell, "cell_vivaldi_error", "relative error that half of the predictions are below");
    s->metric_peers = cell_metric_gauge(cell, "cell_vivaldi_peers", "nodes that were measured and are remembered");
    s->metric_samples = cell_metric_gauge(cell, "cell_vivaldi_samples", "round trips taken by this process");
    s->metric_refused = cell_metric_gauge(cell, "cell_vivaldi_refused", "round trips and places that were none");
    s->memory = malloc(vivaldi_core_size(s->settings.peers));
    return s->memory == NULL ? ERR_NOMEM : ERR_OK;
}

enum err vivaldi_shell_start(struct cell *cell, void *state)
{
    struct vivaldi_shell *s = state;
    const char *path = cell_state_dir(cell);

    if (*path != '\0') {
        s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->dir < 0) {
            log_warn("VIVALDI-STATE", "reason=%s effect=\"nothing outlives this process\"", err_name(err_from_errno(errno)));
        }
    }
    s->kept_ms = cell_now_ms(cell);
    s->timer = cell_timer_start(cell, 0, VIVALDI_SHELL_TURN_MS, on_turn, s);
    return s->timer == NULL ? ERR_NOMEM : ERR_OK;
}

void vivaldi_shell_stop(void *state)
{
    struct vivaldi_shell *s = state;

    vivaldi_verify_stop(s);
    cell_timer_stop(s->timer);
    cell_watch_stop(s->watch);
    s->timer = NULL;
    s->watch = NULL;
    if (s->is_known) {
        keep(s);
    }
    if (s->dir >= 0) {
        fd_close(&s->dir);
    }
    free(s->memory);
    s->memory = NULL;
    s->is_known = false;
}
