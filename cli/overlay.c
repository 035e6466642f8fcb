#include "cli/overlay.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/ask.h"
#include "cli/capture.h"
#include "cli/control.h"
#include "cli/emit.h"
#include "cli/paint.h"
#include "cli/part.h"
#include "cli/target.h"
#include "cli/view.h"
#include "proto/datapath.pb-c.h"

enum {
    PAGES_MAX = 64,      /* of peers: 16,384 of 256 a page */
    KEEPALIVE_S_MAX = 65535,
    PINGS_USUAL = 3,
    PING_S = 2,          /* for an echo */
    PINGS_MAX = 1000,
    TEXT_SIZE = 64,
    ALLOWED_SIZE = 256,  /* characters of a peer's prefixes in the table; all of them are in --json */
    PLACE_SIZE = NI_MAXHOST + 8, /* an endpoint with its port */
    KEY_SHOWN = 12,      /* characters of a key that tell peers apart, as the log has them */
};

static int ask_for(struct cli *cli, struct cli_ask *ask, const char *method, uint32_t number,
                   const ProtobufCMessage *request, ProtobufCMessage **ret)
{
    int status = cli_ask_service_for(cli, ask, &cell__datapath__datapath__descriptor, method, number, request, CLI_DEADLINE_MS, ret);

    if (status == CLI_DONE && !cli->json) {
        cli_paint_message(*ret);
    }
    return status;
}

/* ---- status ----------------------------------------------------------------------------------------- */

static int show_status(struct cli *cli, struct cli_ask *ask)
{
    static const char *const heads[] = {"COUNT", ">VALUE", "WHAT"};
    Cell__Datapath__StatusRequest request = CELL__DATAPATH__STATUS_REQUEST__INIT;
    struct cli_paint_table t;
    ProtobufCMessage *reply;
    int status = ask_for(cli, ask, "Status", CELL__DATAPATH__OP__OP_STATUS, &request.base, &reply);

    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Datapath__StatusReply *s = (const Cell__Datapath__StatusReply *)reply;
    if (cli->json) {
        status = cli_emit_message(cli, reply);
    } else {
        printf("%s at %s, key %s, mtu %" PRIu32 ", %" PRIu32 " peers, sealed by %s\n", s->interface, s->listen,
               s->public_key, s->mtu, s->peers, s->aead);
        if (*s->name != '\0' || s->answers_dns) {
            printf("called %s, names end in .%s and are %s\n", *s->name != '\0' ? s->name : "nothing", s->zone,
                   s->answers_dns ? "answered for" : "not answered for");
        }
        printf("shield %s, judges %s%s%s\n", s->shield, s->shield_at, *s->shield_reason != '\0' ? ": " : "", s->shield_reason);
        if (s->path != NULL) {
            printf("datagrams by %s (%s)%s%s\n", s->path->at, s->path->wanted, *s->path->reason != '\0' ? ": " : "", s->path->reason);
        }
        if (s->path != NULL && s->path->measured) {
            printf("measured there in %" PRIu32 " us: alone %" PRIu32 " ns, in a train %" PRIu32 ", past the host's stack %" PRIu32 "\n", s->path->took_us,
                   s->path->alone_ns, s->path->train_ns, s->path->past_ns);
        }
        if (s->frames != NULL) {
            printf("frames by %s, mtu %" PRIu32 ": %" PRIu32 " peers take them, %" PRIu32 " addresses\n", s->frames->interface,
                   s->frames->mtu, s->frames->peers, s->frames->addresses);
        }
        cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
        for (size_t i = 0; i < s->n_counts; i++) {
            if (s->counts[i]->value > 0) {
                cli_paint_table_add(&t, CLI_PAINT_PLAIN, s->counts[i]->name);
                cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu64, s->counts[i]->value);
                cli_paint_table_add(&t, CLI_PAINT_DIM, s->counts[i]->text);
            }
        }
        status = cli_emit_table(cli, &t);
    }
    cli_ask_free(reply);
    return status;
}

/* ---- the way ---------------------------------------------------------------------------------------- */

static int show_stats(struct cli *cli, struct cli_ask *ask)
{
    static const char *const heads[] = {"COUNT", ">VALUE", "WHAT"};
    Cell__Datapath__StatsRequest request = CELL__DATAPATH__STATS_REQUEST__INIT;
    struct cli_paint_table t;
    ProtobufCMessage *reply;
    int status = ask_for(cli, ask, "Stats", CELL__DATAPATH__OP__OP_STATS, &request.base, &reply);

    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Datapath__StatsReply *s = (const Cell__Datapath__StatsReply *)reply;
    if (cli->json) {
        status = cli_emit_message(cli, reply);
    } else {
        printf("datagrams go %s, through the interface in one piece: %s, sealed by %s in %" PRIu64 " ns\n",
               s->trains ? "in trains" : "singly", s->offloads, s->aead, s->packet_ns);
        if (s->own[0] != '\0') {
            printf("with nodes that have AES-256-GCM, too, by %s in %" PRIu64 " ns\n", s->own, s->own_packet_ns);
        }
        cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
        for (size_t i = 0; i < s->n_counts; i++) {
            cli_paint_table_add(&t, CLI_PAINT_PLAIN, s->counts[i]->name);
            cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu64, s->counts[i]->value);
            cli_paint_table_add(&t, CLI_PAINT_DIM, s->counts[i]->text);
        }
        status = cli_emit_table(cli, &t);
    }
    cli_ask_free(reply);
    return status;
}

/* What came of all questions. */
struct pings {
    uint32_t sent, received;
    uint64_t least_us, most_us, sum_us;
};

/* ERR_TIMEOUT is an answer, too: it was asked, and nothing came. */
static int ping_once(struct cli *cli, struct cli_ask *ask, const Cell__Datapath__PingRequest *request, struct pings *p, uint64_t *ret_us)
{
    ProtobufCMessage *reply;
    char text[SP_TEXT_SIZE] = "";
    enum err e = cli_ask_try(ask, &cell__datapath__datapath__descriptor, "Ping", CELL__DATAPATH__OP__OP_PING, &request->base,
                             PING_S * 1000, &reply, text);

    *ret_us = 0;
    if (e == ERR_TIMEOUT) { /* the cell is well: it is the peer who says nothing */
        p->sent++;
        return CLI_DONE;
    }
    if (e != ERR_OK) {
        return cli_ask_explain(cli, ask, "Ping", e, text);
    }
    uint64_t us = ((Cell__Datapath__PingReply *)reply)->rtt_us;
    cli_ask_free(reply);
    p->least_us = p->received == 0 || us < p->least_us ? us : p->least_us;
    p->most_us = us > p->most_us ? us : p->most_us;
    p->sum_us += us;
    p->sent++;
    p->received++;
    *ret_us = us == 0 ? 1 : us;
    return CLI_DONE;
}

static void print_pings(const struct pings *p)
{
    const uint64_t of[] = {p->least_us, p->received > 0 ? p->sum_us / p->received : 0, p->most_us};

    printf("%" PRIu32 " asked, %" PRIu32 " answered, %" PRIu32 " %% lost", p->sent, p->received, (p->sent - p->received) * 100 / p->sent);
    for (size_t i = 0; p->received > 0 && i < ARRAY_LEN(of); i++) {
        printf("%s%" PRIu64 ".%03" PRIu64, i == 0 ? "; least/mean/most " : "/", of[i] / 1000, of[i] % 1000);
    }
    printf("%s\n", p->received > 0 ? " ms" : "");
}

/* One question after the other; who answers none of them is not there. */
static int ping_all(struct cli *cli, struct cli_ask *ask, const Cell__Datapath__PingRequest *request, uint32_t count, struct pings *p,
                    struct jsonout *out)
{
    int status = CLI_DONE;

    for (uint32_t i = 0; i < count && status == CLI_DONE; i++) {
        uint64_t rtt_us;
        status = ping_once(cli, ask, request, p, &rtt_us);
        if (status == CLI_DONE && rtt_us > 0) {
            jsonout_u64(out, rtt_us);
        }
        if (status == CLI_DONE && !cli->json && rtt_us > 0) {
            printf("%s: %" PRIu64 ".%03" PRIu64 " ms\n", request->address, rtt_us / 1000, rtt_us % 1000);
        } else if (status == CLI_DONE && !cli->json && count > 1) {
            printf("%s: no echo within %d s\n", request->address, PING_S);
        }
        (void)fflush(stdout); /* whoever looks on sees each as it comes; what goes wrong is told at the end */
    }
    if (status == CLI_DONE && !cli->json && count > 1) {
        print_pings(p);
    }
    if (status == CLI_DONE && p->received == 0) {
        return cli_fail(cli, ERR_TIMEOUT, "is it up, and does it allow this node's inner address? see `cell overlay peers`",
                        "no echo of %s came within %d s", request->address, PING_S);
    }
    return status;
}

static int ping(struct cli *cli, struct cli_ask *ask)
{
    Cell__Datapath__PingRequest request = CELL__DATAPATH__PING_REQUEST__INIT;
    struct pings p = {.sent = 0};
    uint32_t count = PINGS_USUAL;
    struct jsonout out;
    int status = cli_args_number(cli, "count", 1, PINGS_MAX, &count);

    if (status != CLI_DONE) {
        return status;
    }
    request.address = (char *)cli->args[1];
    cli_emit_begin(&out);
    jsonout_object(&out);
    jsonout_name(&out, "rtt_us");
    jsonout_array(&out);
    status = ping_all(cli, ask, &request, count, &p, &out);
    jsonout_array_end(&out);
    jsonout_name(&out, "sent");
    jsonout_u64(&out, p.sent);
    jsonout_name(&out, "received");
    jsonout_u64(&out, p.received);
    jsonout_object_end(&out);
    if (status == CLI_DONE && cli->json) {
        return cli_emit_end(cli, &out);
    }
    jsonout_fini(&out);
    return status;
}

/* ---- peers ------------------------------------------------------------------------------------------ */

static void add_peer(struct cli_paint_table *t, const Cell__Datapath__Peer *p)
{
    char text[TEXT_SIZE], allowed[ALLOWED_SIZE] = "";
    size_t len = 0;
    uint64_t refused = 0;

    for (size_t i = 0; i < p->n_allowed && len < sizeof allowed; i++) {
        len += (size_t)snprintf(allowed + len, sizeof allowed - len, "%s%s", i == 0 ? "" : " ", p->allowed[i]);
    }
    for (size_t i = 0; i < p->n_refused; i++) {
        refused += p->refused[i]->value;
    }
    cli_paint_table_addf(t, CLI_PAINT_BOLD, "%.*s", KEY_SHOWN, p->public_key);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, *p->name != '\0' ? p->name : "-");
    cli_paint_table_add(t, p->has_session ? CLI_PAINT_GOOD : CLI_PAINT_DIM, p->has_session ? "session" : "none");
    cli_paint_table_add(t, CLI_PAINT_PLAIN, *p->endpoint != '\0' ? p->endpoint : "-");
    cli_paint_table_add(t, *p->way != '\0' ? CLI_PAINT_PLAIN : CLI_PAINT_DIM, *p->way != '\0' ? p->way : "-");
    if (p->handshake_age_ms > 0) {
        cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%" PRIu64 " s", p->handshake_age_ms / 1000);
    } else {
        cli_paint_table_add(t, CLI_PAINT_DIM, "-");
    }
    cli_view_size(p->sent_bytes, text, sizeof text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
    cli_view_size(p->received_bytes, text, sizeof text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
    cli_paint_table_addf(t, refused > 0 ? CLI_PAINT_WARN : CLI_PAINT_DIM, "%" PRIu64, refused + p->lost);
    cli_paint_table_add(t, CLI_PAINT_DIM, *allowed != '\0' ? allowed : "-");
}

static int show_peers(struct cli *cli, struct cli_ask *ask)
{
    static const char *const heads[] = {"PEER", "NAME", "STATE", "ENDPOINT", "WAY", ">HANDSHAKE", ">SENT", ">RECEIVED", ">LOST", "ALLOWED"};
    Cell__Datapath__PeersRequest request = CELL__DATAPATH__PEERS_REQUEST__INIT;
    struct cli_paint_table t;
    struct jsonout out;
    int status = CLI_DONE;

    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    cli_emit_begin(&out);
    jsonout_object(&out);
    jsonout_name(&out, "peers");
    jsonout_array(&out);
    for (int pages = 0; status == CLI_DONE && pages < PAGES_MAX && (pages == 0 || request.after != 0); pages++) {
        ProtobufCMessage *reply;
        status = ask_for(cli, ask, "Peers", CELL__DATAPATH__OP__OP_PEERS, &request.base, &reply);
        if (status != CLI_DONE) {
            break;
        }
        const Cell__Datapath__PeersReply *page = (const Cell__Datapath__PeersReply *)reply;
        for (size_t i = 0; i < page->n_peers; i++) {
            add_peer(&t, page->peers[i]);
            jsonout_object(&out);
            cli_emit_members(&out, &page->peers[i]->base);
            jsonout_object_end(&out);
        }
        request.after = page->next;
        cli_ask_free(reply);
    }
    jsonout_array_end(&out);
    jsonout_object_end(&out);
    if (status == CLI_DONE && cli->json) {
        cli_paint_table_fini(&t);
        return cli_emit_end(cli, &out);
    }
    jsonout_fini(&out);
    if (status == CLI_DONE) {
        return cli_emit_table(cli, &t);
    }
    cli_paint_table_fini(&t);
    return status;
}

/* ---- changes ---------------------------------------------------------------------------------------- */

/* A host's name is asked for here, once, as `wg` does: the cell has no sockets for that. Its address of IPv4 comes first, as cells
 * listen there when nothing else is said. Anything else is the cell's to judge. */
static int find_host(struct cli *cli, const char *endpoint, char ret[PLACE_SIZE])
{
    struct addrinfo want = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV}, *all = NULL;
    const char *colon = strrchr(endpoint, ':');
    char host[NI_MAXHOST], ip[INET6_ADDRSTRLEN];
    const struct addrinfo *found = NULL;

    if (colon == NULL || endpoint[0] == '[' || strchr(endpoint, ':') != colon || colon == endpoint || (size_t)(colon - endpoint) >= sizeof host ||
        strspn(endpoint, "0123456789.:") == strlen(endpoint)) {
        (void)snprintf(ret, PLACE_SIZE, "%s", endpoint);
        return CLI_DONE;
    }
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - endpoint), endpoint);
    int failed = getaddrinfo(host, colon + 1, &want, &all);
    if (failed != 0) {
        return cli_fail(cli, ERR_NOT_FOUND, "an address in numbers needs nobody to be asked", "--endpoint: \"%s\": %s", host, gai_strerror(failed));
    }
    for (const struct addrinfo *a = all; a != NULL; a = a->ai_next) {
        if (found == NULL || (found->ai_family != AF_INET && a->ai_family == AF_INET)) {
            found = a;
        }
    }
    bool is_v4 = found->ai_family == AF_INET;
    const void *at = is_v4 ? (const void *)&((const struct sockaddr_in *)found->ai_addr)->sin_addr : &((const struct sockaddr_in6 *)found->ai_addr)->sin6_addr;
    (void)inet_ntop(found->ai_family, at, ip, sizeof ip);
    (void)snprintf(ret, PLACE_SIZE, is_v4 ? "%s:%s" : "[%s]:%s", ip, colon + 1);
    freeaddrinfo(all);
    return CLI_DONE;
}

static int add(struct cli *cli, struct cli_ask *ask)
{
    char place[PLACE_SIZE] = "";
    Cell__Datapath__AddPeerRequest request = CELL__DATAPATH__ADD_PEER_REQUEST__INIT;
    const char *endpoint = cli_args_value(cli, "endpoint");
    ProtobufCMessage *reply;
    uint32_t keepalive_s = 0;
    int status = CLI_DONE;

    if (endpoint != NULL && *endpoint == '\0') {
        return cli_fail_usage(cli, "leave it out to change none", "--endpoint: \"\" is none");
    }
    if (cli_args_value(cli, "keepalive") != NULL) {
        status = cli_args_number(cli, "keepalive", 0, KEEPALIVE_S_MAX, &keepalive_s);
    }
    if (status != CLI_DONE) {
        return status;
    }
    status = endpoint != NULL ? find_host(cli, endpoint, place) : CLI_DONE;
    if (status != CLI_DONE) {
        return status;
    }
    request.public_key = (char *)cli->args[1];
    request.endpoint = place;
    request.allowed = (char **)&cli->args[2];
    request.n_allowed = cli->arg_count - 2;
    request.keepalive_s = keepalive_s;
    request.keeps_keepalive = cli_args_value(cli, "keepalive") == NULL;
    status = ask_for(cli, ask, "AddPeer", CELL__DATAPATH__OP__OP_ADD_PEER, &request.base, &reply);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli->json) {
        status = cli_emit_message(cli, reply);
    } else {
        printf("%s %.*s\n", ((Cell__Datapath__AddPeerReply *)reply)->is_new ? "added" : "changed", KEY_SHOWN, cli->args[1]);
    }
    cli_ask_free(reply);
    return status;
}

static int rm(struct cli *cli, struct cli_ask *ask)
{
    Cell__Datapath__RemovePeerRequest request = CELL__DATAPATH__REMOVE_PEER_REQUEST__INIT;
    ProtobufCMessage *reply;

    request.public_key = (char *)cli->args[1];
    int status = ask_for(cli, ask, "RemovePeer", CELL__DATAPATH__OP__OP_REMOVE_PEER, &request.base, &reply);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli->json) {
        status = cli_emit_message(cli, reply);
    } else {
        printf("removed %.*s\n", KEY_SHOWN, cli->args[1]);
    }
    cli_ask_free(reply);
    return status;
}

/* ---- on and off --------------------------------------------------------------------------------------- */

/* The overlay is up while its cell runs: its interface comes and goes with it. */
static int turn(struct cli *cli, int (*order)(struct cli *cli))
{
    struct cli one = *cli;

    one.args[0] = "datapath";
    one.arg_count = 1;
    return order(&one);
}

static int up(struct cli *cli, struct cli_ask *ask)
{
    return turn(cli, cli_control_start);
}

static int down(struct cli *cli, struct cli_ask *ask)
{
    return turn(cli, cli_control_stop);
}

static const struct {
    struct cli_part part;
    int (*run)(struct cli *cli, struct cli_ask *ask);
    bool is_of_node; /* the cell need not run */
} parts[] = {
    {{"up", 0, 0, "", "up"}, up, true},
    {{"down", 0, 0, "", "down"}, down, true},
    {{"status", 0, 0, "", "status"}, show_status, false},
    {{"peers", 0, 0, "", "peers"}, show_peers, false},
    {{"add", 1, 33, "endpoint keepalive", "add KEY [PREFIX …] [--endpoint HOST:PORT] [--keepalive SECONDS]"}, add, false},
    {{"rm", 1, 1, "", "rm KEY"}, rm, false},
    {{"ping", 1, 1, "count", "ping ADDRESS|NAME [--count N]"}, ping, false},
    {{"stats", 0, 0, "", "stats"}, show_stats, false},
    {{"capture", 0, 0, "peer count duration snap frames out",
      "capture [--peer KEY] [--count N] [--duration 10s] [--snap BYTES] [--frames] [--out FILE|-]"}, cli_capture_run, false},
};

int cli_overlay_run(struct cli *cli)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    int at = CLI_PART_FIND(cli, parts);

    if (at < 0) {
        return CLI_USAGE;
    }
    int status = parts[at].is_of_node ? CLI_DONE : cli_target_connect(cli, "datapath", &ask);
    return status == CLI_DONE ? parts[at].run(cli, &ask) : status;
}
