#include "cli/vivaldi.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/emit.h"
#include "cli/paint.h"
#include "cli/part.h"
#include "cli/target.h"
#include "cli/view.h"
#include "proto/vivaldi.pb-c.h"

enum {
    TEXT_SIZE = 64,
    US = 1000,
    PER_CENT = 100,
    ROUTE_MAX = 256, /* what the cell orders at once */
};

/* One question to this node's cell. *ret: free with cli_ask_free. Says what went wrong. */
static int ask(struct cli *cli, const char *method, uint32_t number, const ProtobufCMessage *request, ProtobufCMessage **ret)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    int status = cli_target_connect(cli, "vivaldi", &ask);

    if (status == CLI_DONE) {
        status = cli_ask_service_for(cli, &ask, &cell__vivaldi__vivaldi__descriptor, method, number, request, CLI_DEADLINE_MS, ret);
    }
    if (status == CLI_DONE && !cli->json) {
        cli_paint_message(*ret);
    }
    return status;
}

/* "31.2ms (predicted, 93%)", or "-" where nothing is known. */
static void estimate_text(const Cell__Vivaldi__Estimate *e, char out[TEXT_SIZE])
{
    char rtt[TEXT_SIZE / 2];

    if (e == NULL || strcmp(e->source, "unknown") == 0) {
        (void)snprintf(out, TEXT_SIZE, "-");
    } else if (strcmp(e->source, "self") == 0) {
        (void)snprintf(out, TEXT_SIZE, "self");
    } else {
        cli_view_us((uint64_t)(e->rtt_ms * US), rtt, sizeof rtt);
        (void)snprintf(out, TEXT_SIZE, "%s (%.12s, %.0f%%)", rtt, e->source, e->confidence * PER_CENT);
    }
}

/* ---- coord ----------------------------------------------------------------------------------- */

static void print_coord(const char *name, const Cell__Vivaldi__Coordinate *c)
{
    printf("%s:", name);
    for (size_t i = 0; i < c->n_sides_ms; i++) {
        printf(" %.2f", c->sides_ms[i]);
    }
    printf("  height %.2f ms, error %.1f%%\n", c->height_ms, c->error * PER_CENT);
}

static int print_coords(struct cli *cli, const ProtobufCMessage *message)
{
    const Cell__Vivaldi__CoordReply *reply = (const Cell__Vivaldi__CoordReply *)message;

    (void)cli;
    printf("node %s\n", reply->node);
    print_coord("live", reply->live);
    print_coord("stable", reply->stable);
    printf("half of the round trips take less than %.2f ms\n", reply->usual_ms);
    return CLI_DONE;
}

static int coord(struct cli *cli)
{
    Cell__Vivaldi__CoordRequest request = CELL__VIVALDI__COORD_REQUEST__INIT;
    ProtobufCMessage *reply;
    int status = ask(cli, "Coord", CELL__VIVALDI__OP__OP_COORD, &request.base, &reply);

    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_coords) : status;
}

/* ---- rtt ------------------------------------------------------------------------------------- */

static int print_rtt(struct cli *cli, const ProtobufCMessage *message)
{
    char text[TEXT_SIZE];

    (void)cli;
    estimate_text(((const Cell__Vivaldi__RttReply *)message)->estimate, text);
    puts(text);
    return CLI_DONE;
}

static int rtt(struct cli *cli)
{
    Cell__Vivaldi__RttRequest request = CELL__VIVALDI__RTT_REQUEST__INIT;
    const char *from = cli_args_value(cli, "from");
    ProtobufCMessage *reply;

    request.node = (char *)cli->args[1];
    request.from = (char *)(from != NULL ? from : "");
    int status = ask(cli, "Rtt", CELL__VIVALDI__OP__OP_RTT, &request.base, &reply);
    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_rtt) : status;
}

/* ---- route ----------------------------------------------------------------------------------- */

static int print_hops(struct cli *cli, const ProtobufCMessage *message)
{
    static const char *const heads[] = {"NODE", "KIND", "STATE", "ADDRESS", ">RTT", ">READY", ">SCORE", ">LATENCY"};
    const Cell__Vivaldi__RouteReply *reply = (const Cell__Vivaldi__RouteReply *)message;
    struct cli_paint_table table;
    char text[TEXT_SIZE];

    cli_paint_table_init(&table, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < reply->n_hops; i++) {
        const Cell__Vivaldi__Hop *h = reply->hops[i];
        bool is_alive = strcmp(h->state, "alive") == 0;
        cli_paint_table_add(&table, h->is_self ? CLI_PAINT_BOLD : CLI_PAINT_PLAIN, h->node);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, h->kind);
        cli_paint_table_add(&table, is_alive ? CLI_PAINT_GOOD : CLI_PAINT_WARN, h->state);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, h->address);
        estimate_text(h->estimate, text);
        cli_paint_table_add(&table, h->is_doubted ? CLI_PAINT_DIM : CLI_PAINT_PLAIN, text);
        if (h->ready == 0) { /* a node */
            for (int k = 0; k < 3; k++) {
                cli_paint_table_add(&table, CLI_PAINT_DIM, "-");
            }
            continue;
        }
        cli_paint_table_addf(&table, CLI_PAINT_PLAIN, "%" PRIu32, h->ready);
        cli_paint_table_addf(&table, CLI_PAINT_PLAIN, "%" PRIu32, h->score);
        cli_view_us(h->latency_us, text, sizeof text);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, text);
    }
    return cli_emit_table(cli, &table);
}

/* The same, in the form of `cell discover`. */
static int print_found(struct cli *cli, const Cell__Vivaldi__RouteReply *reply)
{
    struct jsonout out;

    cli_emit_begin(&out);
    jsonout_object(&out);
    jsonout_name(&out, "found");
    jsonout_array(&out);
    for (size_t i = 0; i < reply->n_hops; i++) {
        jsonout_object(&out);
        cli_emit_members(&out, &reply->hops[i]->base);
        jsonout_object_end(&out);
    }
    jsonout_array_end(&out);
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

static int ask_route(struct cli *cli, const char *name, const char *from, uint32_t most, bool is_hasty, ProtobufCMessage **ret)
{
    Cell__Vivaldi__RouteRequest request = CELL__VIVALDI__ROUTE_REQUEST__INIT;

    request.name = (char *)name;
    request.from = (char *)(from != NULL ? from : "");
    request.most = most;
    request.is_hasty = is_hasty;
    return ask(cli, "Route", CELL__VIVALDI__OP__OP_ROUTE, &request.base, ret);
}

int cli_vivaldi_nearest(struct cli *cli, const char *name, bool is_hasty)
{
    ProtobufCMessage *reply;
    int status = ask_route(cli, name, NULL, 0, is_hasty, &reply);

    if (status != CLI_DONE || !cli->json) {
        return status == CLI_DONE ? cli_emit_reply(cli, reply, print_hops) : status;
    }
    status = print_found(cli, (const Cell__Vivaldi__RouteReply *)reply);
    cli_ask_free(reply);
    return status;
}

static int route(struct cli *cli)
{
    ProtobufCMessage *reply;
    uint32_t most = 0; /* all */
    int status = cli_args_number(cli, "most", 1, ROUTE_MAX, &most);

    if (status == CLI_DONE) {
        status = ask_route(cli, cli->args[1], cli_args_value(cli, "from"), most, cli_args_has(cli, "hasty"), &reply);
    }
    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_hops) : status;
}

/* ---- stats ----------------------------------------------------------------------------------- */

static int print_stats(struct cli *cli, const ProtobufCMessage *message)
{
    const Cell__Vivaldi__StatsReply *reply = (const Cell__Vivaldi__StatsReply *)message;

    (void)cli;
    if (reply->is_placed) {
        printf("half of the predictions are less than %.1f%% off; %" PRIu32 " of %" PRIu32 " peers, half of them nearer than %.2f ms\n",
               reply->error * PER_CENT, reply->peers, reply->peers_max, reply->usual_ms);
    } else {
        puts("nothing was measured yet");
    }
    for (size_t i = 0; i < reply->n_counts; i++) {
        printf("%-10s %" PRIu64 "\n", reply->counts[i]->name, reply->counts[i]->value);
    }
    return CLI_DONE;
}

static int stats(struct cli *cli)
{
    Cell__Vivaldi__StatsRequest request = CELL__VIVALDI__STATS_REQUEST__INIT;
    ProtobufCMessage *reply;
    int status = ask(cli, "Stats", CELL__VIVALDI__OP__OP_STATS, &request.base, &reply);

    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_stats) : status;
}

static const struct {
    struct cli_part part;
    int (*run)(struct cli *cli);
} parts[] = {
    {{"coord", 0, 0, "", "coord"}, coord},
    {{"rtt", 1, 1, "from", "rtt NODE [--from NODE]"}, rtt},
    {{"route", 1, 1, "from most hasty", "route NAME [--from NODE] [--most N] [--hasty]"}, route},
    {{"stats", 0, 0, "", "stats"}, stats},
};

int cli_vivaldi_run(struct cli *cli)
{
    int at = CLI_PART_FIND(cli, parts);

    return at < 0 ? CLI_USAGE : parts[at].run(cli);
}
