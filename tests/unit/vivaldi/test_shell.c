/* Claims about the cell's turns: whoever is in no list of members and answers nothing is forgotten. The runtime, membership and
 * the disk are played here. */
#include <stdlib.h>
#include <string.h>

#include "common/run/fd.h"
#include "common/run/log.h"
#include "proto/nodosum.ops.h"
#include "tests/support/check.h"
#include "vivaldi/shell.h"
#include "vivaldi/store.h"

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS, HERE = 1, GONE = 7, THERE = 8, ASKS = 4 };

static uint64_t clock_ms = UINT64_C(1000) * HOUR_MS;
static void (*turn)(void *context);
static struct cell_watch_def watch;
static struct cell_ask asked[ASKS];
static uint32_t asks, looks;
static bool has_all; /* both others live */
static bool is_contested; /* one of them tells one this and one that */

static ProtobufCBinaryData id_of(uint8_t first)
{
    static uint8_t key[UINT8_MAX][VIVALDI_SHELL_ID_SIZE];

    key[first][7] = first;
    return (ProtobufCBinaryData){.len = VIVALDI_SHELL_ID_SIZE, .data = key[first]};
}

static ProtobufCBinaryData place_at(float ms, uint8_t bytes[VIVALDI_COORD_BYTES])
{
    const struct vivaldi_coord c = {.at = {ms}, .error = 0.1f};

    return (ProtobufCBinaryData){.len = vivaldi_coord_pack(&c, VIVALDI_DIMS_MAX, bytes), .data = bytes};
}

static ProtobufCBinaryData place(void)
{
    static uint8_t bytes[VIVALDI_COORD_BYTES];

    return place_at(20, bytes);
}

static ProtobufCBinaryData far_place(void)
{
    static uint8_t bytes[VIVALDI_COORD_BYTES];

    return place_at(2000, bytes);
}

static void answer_places(const struct cell_ask *ask)
{
    Cell__Nodosum__PlacesReply reply = CELL__NODOSUM__PLACES_REPLY__INIT;
    Cell__Nodosum__Located one = CELL__NODOSUM__LOCATED__INIT, other = one;
    Cell__Nodosum__Located *list[] = {&one, &other};

    one.id = id_of(THERE);
    other.id = id_of(GONE);
    one.place = place();
    other.place = is_contested ? (ProtobufCBinaryData){0} : place();
    reply.located = list;
    reply.n_located = has_all ? 2 : 1;
    looks++;
    ask->done(ask->context, ERR_OK, &reply.base, "");
}

enum err cell_ask(struct cell *cell, const struct cell_ask *ask)
{
    (void)cell;
    REQUIRE(asks < ASKS, "answered before more is asked");
    asked[asks++] = *ask;
    return ERR_OK;
}

/* What was asked meanwhile. */
static void answer(void)
{
    Cell__Nodosum__TopologyReply topology = CELL__NODOSUM__TOPOLOGY_REPLY__INIT;
    Cell__Nodosum__PlaceReply told = CELL__NODOSUM__PLACE_REPLY__INIT;

    topology.id = id_of(HERE);
    topology.name = (char[]){"here"};
    for (uint32_t count = asks, i = asks = 0; i < count; i++) {
        const struct cell_ask ask = asked[i];
        if (ask.operation == CELL__NODOSUM__OP__OP_PLACES) {
            answer_places(&ask);
        } else {
            bool is_topology = ask.operation == CELL__NODOSUM__OP__OP_TOPOLOGY;
            ask.done(ask.context, ERR_OK, is_topology ? &topology.base : &told.base, "");
        }
    }
    CHECK(asks == 0, "an answer asks nothing more here");
}

struct cell_watch *cell_watch_start(struct cell *cell, const struct cell_watch_def *def)
{
    (void)cell;
    watch = *def;
    return (struct cell_watch *)&watch;
}

void cell_watch_stop(struct cell_watch *w)
{
    (void)w;
}

struct cell_timer *cell_timer_start(struct cell *cell, uint64_t delay_ms, uint64_t period_ms, void (*fire)(void *context), void *context)
{
    (void)cell, (void)delay_ms, (void)context;
    CHECK(period_ms == VIVALDI_SHELL_TURN_MS, "turns");
    turn = fire;
    return (struct cell_timer *)&turn;
}

void cell_timer_stop(struct cell_timer *timer)
{
    (void)timer;
}

uint64_t cell_now_ms(const struct cell *cell)
{
    (void)cell;
    return clock_ms;
}

const char *cell_config(const struct cell *cell)
{
    (void)cell;
    return "";
}

const char *cell_state_dir(const struct cell *cell)
{
    (void)cell;
    return "";
}

struct cell_metric *cell_metric_gauge(struct cell *cell, const char *name, const char *help)
{
    (void)cell, (void)name, (void)help;
    return NULL;
}

void cell_metric_set(struct cell_metric *m, double value)
{
    (void)m, (void)value;
}

void *cell_call_alloc(struct cell_call *call, size_t size)
{
    (void)call, (void)size;
    return NULL;
}

enum err vivaldi_store_load(int dir_fd, struct vivaldi *v, uint32_t now_s, uint64_t wall_s)
{
    (void)dir_fd, (void)v, (void)now_s, (void)wall_s;
    return ERR_NOT_FOUND;
}

enum err vivaldi_store_save(int dir_fd, const struct vivaldi *v, uint32_t now_s, uint64_t wall_s)
{
    (void)dir_fd, (void)v, (void)now_s, (void)wall_s;
    return ERR_OK;
}

/* It says here where it is, with its answer or not, and tells all what is told (of no bytes: nothing). */
static void measure_told(uint8_t who, bool is_fresh, ProtobufCBinaryData told)
{
    Cell__Nodosum__RttsReply reply = CELL__NODOSUM__RTTS_REPLY__INIT;
    Cell__Nodosum__Rtt one = CELL__NODOSUM__RTT__INIT, *list[] = {&one};

    one.id = id_of(who);
    one.rtt_us = 20000;
    one.place = is_fresh ? place() : told;
    one.is_fresh = is_fresh;
    one.told = is_fresh ? told : (ProtobufCBinaryData){0};
    reply.samples = list;
    reply.n_samples = 1;
    watch.news(watch.context, &reply.base, 1);
}

static void measure(uint8_t who)
{
    measure_told(who, true, place());
}

static void turns(struct vivaldi_shell *s, uint64_t for_ms)
{
    for (uint64_t end_ms = clock_ms + for_ms; clock_ms < end_ms; clock_ms += VIVALDI_SHELL_TURN_MS) {
        turn(s);
        answer();
    }
}

static void who_has_left_is_forgotten(void)
{
    struct vivaldi_shell s = {0};

    REQUIRE(vivaldi_shell_open(NULL, &s) == ERR_OK && vivaldi_shell_start(NULL, &s) == ERR_OK, "it begins");
    turns(&s, MINUTE_MS);
    REQUIRE(s.is_known, "membership said who it is");
    measure(GONE);
    measure(THERE);
    has_all = true;
    turns(&s, 3 * HOUR_MS);
    CHECK(s.core.peers.count == 2 && looks > 3 * 60 - 2, "both are members, and are not measured for three hours: %u", s.core.peers.count);
    has_all = false;
    turns(&s, HOUR_MS - 2 * MINUTE_MS);
    CHECK(s.core.peers.count == 2, "one is gone, as all are when the network is cut apart");
    turns(&s, 4 * MINUTE_MS);
    CHECK(s.core.peers.count == 1 && vivaldi_peers_find(&s.core.peers, THERE) != NULL, "it does not come back");
    vivaldi_shell_stop(&s);
}

static void who_tells_all_something_else_is_doubted(void)
{
    enum { MANY = 120, FEW = 5 };
    static const uint8_t garbage[] = {1, 7, 1};
    struct vivaldi_shell s = {0};

    REQUIRE(vivaldi_shell_open(NULL, &s) == ERR_OK && vivaldi_shell_start(NULL, &s) == ERR_OK, "it begins");
    has_all = true;
    turns(&s, MINUTE_MS / 2);
    measure(GONE);
    for (int i = 0; i < MANY; i++) {
        measure(THERE);
    }
    CHECK(vivaldi_core_doubted(&s.core) == 0, "both tell all what they say here");
    measure_told(GONE, true, far_place());
    CHECK(vivaldi_core_doubted(&s.core) == 1, "one tells all something else");
    turns(&s, 5 * MINUTE_MS);
    CHECK(vivaldi_core_doubted(&s.core) == 0, "what it tells all is looked at each minute");
    is_contested = true;
    turns(&s, 2 * MINUTE_MS);
    CHECK(vivaldi_core_doubted(&s.core) == 1, "it tells one this and one that");
    is_contested = false;
    turns(&s, 5 * MINUTE_MS);
    measure_told(GONE, false, (ProtobufCBinaryData){0});
    CHECK(vivaldi_core_doubted(&s.core) == 1, "the same, with a round trip");
    for (int i = 0; i < FEW; i++) {
        measure_told(GONE, false, place());
    }
    CHECK(vivaldi_core_doubted(&s.core) == 0, "it tells all the same again, and here nothing");
    measure_told(GONE, true, (ProtobufCBinaryData){.len = sizeof garbage, .data = (uint8_t *)garbage});
    CHECK(vivaldi_core_doubted(&s.core) == 1 && s.unread == 1 && s.core.counters.samples == MANY + FEW + 4, "nonsense tells nothing, and the round trip counts");
    vivaldi_shell_stop(&s);
    is_contested = has_all = false;
}

int main(void)
{
    who_tells_all_something_else_is_doubted();
    who_has_left_is_forgotten();
    return CHECK_RESULT();
}
