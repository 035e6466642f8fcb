#include "cli/dht.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/clock.h"
#include "cli/emit.h"
#include "cli/file.h"
#include "cli/paint.h"
#include "cli/part.h"
#include "cli/target.h"
#include "cli/view.h"
#include "common/base/bytes.h"
#include "proto/dht.pb-c.h"

enum {
    KEY_SIZE = 20,          /* bytes of a key                                       */
    OWNER_SIZE = 32,
    VALUE_MAX = 1000,       /* of a value; the cell says how much of it a name takes  */
    HEX_SIZE = 2 * OWNER_SIZE + 1,
    TIMEOUT_MS = 15000,     /* a lookup ends within 10 s                            */
    READS_MAX = 8,
    TEXT_SIZE = 32,
    US = 1000,
    REQUEST_SIZE = 16,      /* bytes of a drawn name of a request                   */
    REQUEST_MAX = 32,       /* … of one that is given                               */
    TRIES_MAX = 20,         /* of a put whose cell ended meanwhile                  */
    PAUSE_MS = 100,
};

/* One question to this node's cell. *ret: free with cli_ask_free. Says what went wrong. */
static int ask(struct cli *cli, const char *method, uint32_t number, const ProtobufCMessage *request, ProtobufCMessage **ret)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    int status = cli_target_connect(cli, "dht", &ask);

    return status == CLI_DONE
               ? cli_ask_service_for(cli, &ask, &cell__dht__dht__descriptor, method, number, request, TIMEOUT_MS, ret) : status;
}

static const char *hex(const ProtobufCBinaryData *b, char out[HEX_SIZE])
{
    bytes_to_hex(b->data, b->len < OWNER_SIZE ? b->len : OWNER_SIZE, out);
    return out;
}

/* A key in hex digits, or a name of this node's values, or with --owner of another's. */
static int place_of(struct cli *cli, uint8_t key[KEY_SIZE], uint8_t owner[OWNER_SIZE], Cell__Dht__Place *ret)
{
    const char *text = cli->args[1], *who = cli_args_value(cli, "owner");

    if (who != NULL && !bytes_from_hex(who, owner, OWNER_SIZE)) {
        return cli_fail_usage(cli, "`cell dht stats` on that node shows it", "\"%s\" is no owner: 64 hex digits", who);
    }
    if (who == NULL && bytes_from_hex(text, key, KEY_SIZE)) {
        ret->key = (ProtobufCBinaryData){KEY_SIZE, key};
    } else {
        ret->name = (char *)text;
        ret->owner = (ProtobufCBinaryData){who == NULL ? 0 : OWNER_SIZE, owner};
    }
    return CLI_DONE;
}

/* ---- put, get, rm ------------------------------------------------------------------------------ */

static int print_put(struct cli *cli, const ProtobufCMessage *message)
{
    const Cell__Dht__PutReply *reply = (const Cell__Dht__PutReply *)message;
    char key[HEX_SIZE];

    (void)cli;
    printf("%s  (%" PRIu32 " of %" PRIu32 " holders have it", hex(&reply->key, key), reply->acked, reply->holders);
    if (reply->seq != 0) {
        printf(", sequence %" PRIu64, reply->seq);
    }
    puts(")");
    return CLI_DONE;
}

/* The argument itself, or what is in a file; as an argument, too, "-" is the standard input. *ret_read: free it. */
static int value_of(struct cli *cli, ProtobufCBinaryData *ret, char **ret_read)
{
    const char *path = cli_args_value(cli, "file");
    size_t size;

    if ((path != NULL) == (cli->arg_count == 2)) {
        return cli_fail_usage(cli, "see `cell dht --help`", "usage: cell dht put VALUE, or put --file PATH");
    }
    if (path == NULL && strcmp(cli->args[1], "-") != 0) {
        *ret = (ProtobufCBinaryData){strlen(cli->args[1]), (uint8_t *)cli->args[1]};
        return CLI_DONE;
    }
    int status = cli_file_read(cli, path == NULL ? "-" : path, VALUE_MAX, ret_read, &size);
    if (status == CLI_DONE) {
        *ret = (ProtobufCBinaryData){size, (uint8_t *)*ret_read};
    }
    return status;
}

/* Who asks is told apart from whoever else expects the same, and is the same when it asks once more. */
static int name_request(struct cli *cli, uint8_t room[REQUEST_SIZE], ProtobufCBinaryData *ret)
{
    const char *given = cli_args_value(cli, "request");

    if (given != NULL && strlen(given) > REQUEST_MAX) {
        return cli_fail_usage(cli, NULL, "a request's name has at most %d bytes", REQUEST_MAX);
    }
    if (given == NULL && getrandom(room, REQUEST_SIZE, 0) != REQUEST_SIZE) {
        return cli_fail(cli, ERR_IO, NULL, "no randomness");
    }
    *ret = given != NULL ? (ProtobufCBinaryData){strlen(given), (uint8_t *)given} : (ProtobufCBinaryData){REQUEST_SIZE, room};
    return CLI_DONE;
}

/* A cell that ends meanwhile is started again: whether it did what was asked is not known, and it is asked once more. */
static int ask_put(struct cli *cli, const Cell__Dht__PutRequest *request, ProtobufCMessage **ret)
{
    const struct name_ref ref = {.cell = "dht", .instance = -1};

    for (unsigned tries = 1;; tries++) {
        AUTO_ASK struct cli_ask ask = {.fd = -1};
        struct cli_target target;
        char text[SP_TEXT_SIZE] = "";
        int status = cli_target_find(cli, &ref, &target); /* waits for it */
        if (status != CLI_DONE) {
            return status;
        }
        bool is_last = tries == TRIES_MAX;
        enum err e = cli_ask_connect(cli, target.who, target.endpoint, &ask);
        if (e != ERR_OK && (is_last || (e != ERR_NOT_FOUND && e != ERR_UNAVAILABLE && e != ERR_PEER_DEAD))) {
            return cli_ask_explain_connect(cli, &ask, e);
        }
        e = e == ERR_OK ? cli_ask_try(&ask, &cell__dht__dht__descriptor, "Put", CELL__DHT__OP__OP_PUT, &request->base, TIMEOUT_MS, ret, text)
                        : ERR_PEER_DEAD;
        if (e == ERR_OK) {
            return CLI_DONE;
        }
        if (is_last || (e != ERR_PEER_DEAD && e != ERR_CANCELLED)) {
            return cli_ask_explain(cli, &ask, "Put", e, text);
        }
        cli_clock_pause(PAUSE_MS);
    }
}

/* What get and rm would take for a key could not be asked for, nor removed. */
static int check_name(struct cli *cli, const char *name)
{
    uint8_t key[KEY_SIZE];

    if (name != NULL && name[0] == '\0') {
        return cli_fail_usage(cli, "without --name a value has no owner", "--name: a name has at least one character");
    }
    if (name != NULL && bytes_from_hex(name, key, KEY_SIZE)) {
        return cli_fail_usage(cli, "put something before it, such as commit/", "--name: %d hex digits are a key", 2 * KEY_SIZE);
    }
    return CLI_DONE;
}

static int put(struct cli *cli)
{
    Cell__Dht__PutRequest request = CELL__DHT__PUT_REQUEST__INIT;
    uint8_t drawn[REQUEST_SIZE];
    const char *name = cli_args_value(cli, "name"), *expected = cli_args_value(cli, "if-seq");
    AUTO_FREE char *read = NULL;
    ProtobufCMessage *reply;
    uint32_t ttl_ms = 0;
    int end = 0, status = cli_args_duration_ms(cli, "ttl", &ttl_ms);

    if (status == CLI_DONE) {
        status = check_name(cli, name);
    }
    if (status == CLI_DONE && expected != NULL &&
        (!isdigit((unsigned char)expected[0]) || sscanf(expected, "%" SCNu64 "%n", &request.expected, &end) != 1 || expected[end] != '\0')) {
        status = cli_fail_usage(cli, "`cell dht get` shows it; 0: there is none", "\"%s\" is no sequence", expected);
    }
    if (status == CLI_DONE) {
        status = value_of(cli, &request.value, &read);
    }
    if (status == CLI_DONE && expected == NULL && cli_args_has(cli, "request")) {
        status = cli_fail_usage(cli, NULL, "--request belongs to --if-seq");
    }
    if (status == CLI_DONE && expected != NULL) {
        status = name_request(cli, drawn, &request.request);
    }
    if (status != CLI_DONE) {
        return status;
    }
    request.name = (char *)(name != NULL ? name : "");
    request.ttl_ms = ttl_ms;
    request.keep = cli_args_has(cli, "keep");
    request.has_expected = expected != NULL;
    status = ask_put(cli, &request, &reply);
    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_put) : status;
}

static int print_value(struct cli *cli, const ProtobufCMessage *message)
{
    const Cell__Dht__Value *value = ((const Cell__Dht__GetReply *)message)->value;

    cli_emit_value(cli, value->value.data, value->value.len);
    return CLI_DONE;
}

/* The reply's members, and the value as text where it is one. */
static int emit_value(struct cli *cli, const Cell__Dht__GetReply *reply)
{
    struct jsonout out;
    char text[VALUE_MAX + 1];
    const Cell__Dht__Value *value = reply->value;

    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_members(&out, &reply->base);
    if (value->value.len < sizeof text && bytes_is_utf8(value->value.data, value->value.len)) {
        memcpy(text, value->value.data, value->value.len);
        text[value->value.len] = '\0';
        cli_emit_string(&out, "text", text);
    }
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

/* A name without an owner is one of this node's own: whoever looks for another's hears so. */
static int ask_get(struct cli *cli, const Cell__Dht__GetRequest *request, ProtobufCMessage **ret)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    char text[SP_TEXT_SIZE] = "", more[SP_TEXT_SIZE];
    int status = cli_target_connect(cli, "dht", &ask);

    if (status != CLI_DONE) {
        return status;
    }
    enum err e = cli_ask_try(&ask, &cell__dht__dht__descriptor, "Get", CELL__DHT__OP__OP_GET, &request->base, TIMEOUT_MS, ret, text);
    if (e == ERR_NOT_FOUND && request->place->key.len == 0 && request->place->owner.len == 0) {
        (void)snprintf(more, sizeof more, "%.*s; names are each node's own: --owner tells another's, as `cell dht stats` there shows it",
                       SP_TEXT_SIZE - 128, text);
        return cli_ask_explain(cli, &ask, "Get", e, more);
    }
    return e == ERR_OK ? CLI_DONE : cli_ask_explain(cli, &ask, "Get", e, text);
}

static int get(struct cli *cli)
{
    Cell__Dht__GetRequest request = CELL__DHT__GET_REQUEST__INIT;
    Cell__Dht__Place place = CELL__DHT__PLACE__INIT;
    uint8_t key[KEY_SIZE], owner[OWNER_SIZE];
    ProtobufCMessage *reply;
    int status = cli_emit_raw_check(cli);

    if (status == CLI_DONE) {
        status = place_of(cli, key, owner, &place);
    }
    if (status == CLI_DONE) {
        status = cli_args_number(cli, "reads", 1, READS_MAX, &request.reads);
    }
    request.place = &place;
    if (status == CLI_DONE) {
        status = ask_get(cli, &request, &reply);
    }
    if (status != CLI_DONE) {
        return status;
    }
    if (((Cell__Dht__GetReply *)reply)->value == NULL) {
        status = cli_fail(cli, ERR_INTERNAL, NULL, "the cell answered without a value");
    } else {
        status = cli->json ? emit_value(cli, (const Cell__Dht__GetReply *)reply) : print_value(cli, reply);
    }
    cli_ask_free(reply);
    return status;
}

static int print_removed(struct cli *cli, const ProtobufCMessage *message)
{
    const Cell__Dht__RemoveReply *reply = (const Cell__Dht__RemoveReply *)message;
    char key[HEX_SIZE];

    (void)cli;
    if (reply->seq == 0) {
        printf("%s  (not said again; it ends with the life that it has)\n", hex(&reply->key, key));
    } else {
        printf("%s  (%" PRIu32 " holders have forgotten it)\n", hex(&reply->key, key), reply->acked);
    }
    return CLI_DONE;
}

static int rm(struct cli *cli)
{
    Cell__Dht__RemoveRequest request = CELL__DHT__REMOVE_REQUEST__INIT;
    ProtobufCMessage *reply;
    uint8_t key[KEY_SIZE];

    if (bytes_from_hex(cli->args[1], key, KEY_SIZE)) {
        request.key = (ProtobufCBinaryData){KEY_SIZE, key};
    } else {
        request.name = (char *)cli->args[1];
    }
    int status = ask(cli, "Remove", CELL__DHT__OP__OP_REMOVE, &request.base, &reply);
    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_removed) : status;
}

/* ---- lookup, find ------------------------------------------------------------------------------ */

static bool is_same(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    return a->len == b->len && a->len > 0 && memcmp(a->data, b->data, a->len) == 0;
}

/* Bits that the id shares with the key: how near it is. */
static uint32_t common_bits(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    uint32_t bits = 0;

    while (a->len == b->len && bits < 8 * a->len &&
           ((a->data[bits / 8] ^ b->data[bits / 8]) >> (7 - bits % 8) & 1) == 0) {
        bits++;
    }
    return bits;
}

/* The nearest, and how each was come across; then those on the way that are not among them. */
static int print_lookup(struct cli *cli, const ProtobufCMessage *message)
{
    static const char *const heads[] = {"ID", "ADDRESS", ">BITS", ">HOP", "ANSWER"};
    const Cell__Dht__LookupReply *reply = (const Cell__Dht__LookupReply *)message;
    struct cli_paint_table table;
    char text[HEX_SIZE];

    printf("key %s: %" PRIu32 " asked, %" PRIu32 " hops\n", hex(&reply->key, text), reply->asked, reply->hops);
    cli_paint_table_init(&table, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < reply->n_peers + reply->n_path; i++) {
        const Cell__Dht__Step *step = i < reply->n_peers ? NULL : reply->path[i - reply->n_peers];
        const Cell__Dht__Peer *peer = i < reply->n_peers ? reply->peers[i] : step->peer;
        bool is_told = false;
        for (size_t k = 0; peer != NULL && step == NULL && k < reply->n_path; k++) {
            bool is_it = reply->path[k]->peer != NULL && is_same(&reply->path[k]->peer->id, &peer->id);
            step = is_it ? reply->path[k] : step;
        }
        for (size_t k = 0; peer != NULL && i >= reply->n_peers && k < reply->n_peers; k++) {
            is_told |= is_same(&reply->peers[k]->id, &peer->id);
        }
        if (peer == NULL || is_told) {
            continue;
        }
        cli_paint_table_add(&table, i < reply->n_peers ? CLI_PAINT_PLAIN : CLI_PAINT_DIM, hex(&peer->id, text));
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, peer->address);
        cli_paint_table_addf(&table, CLI_PAINT_PLAIN, "%" PRIu32, common_bits(&reply->key, &peer->id));
        cli_paint_table_addf(&table, CLI_PAINT_PLAIN, "%" PRIu32, step == NULL ? 0 : step->hop);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, peer->is_self ? "self" : step == NULL ? "-" : step->state);
    }
    return cli_emit_table(cli, &table);
}

static int lookup(struct cli *cli)
{
    Cell__Dht__LookupRequest request = CELL__DHT__LOOKUP_REQUEST__INIT;
    Cell__Dht__Place place = CELL__DHT__PLACE__INIT;
    uint8_t key[KEY_SIZE], owner[OWNER_SIZE];
    ProtobufCMessage *reply;
    int status = place_of(cli, key, owner, &place);

    request.place = &place;
    if (status == CLI_DONE) {
        status = ask(cli, "Lookup", CELL__DHT__OP__OP_LOOKUP, &request.base, &reply);
    }
    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_lookup) : status;
}

static int print_found(struct cli *cli, const ProtobufCMessage *message)
{
    static const char *const heads[] = {"NODE", "ADDRESS", ">READY", ">SCORE", ">LATENCY", ">LEFT"};
    const Cell__Dht__FindReply *reply = (const Cell__Dht__FindReply *)message;
    struct cli_paint_table table;
    char text[TEXT_SIZE];

    cli_paint_table_init(&table, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < reply->n_found; i++) {
        const Cell__Dht__Found *f = reply->found[i];
        cli_paint_table_add(&table, f->is_self ? CLI_PAINT_BOLD : CLI_PAINT_PLAIN, f->node);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, f->address);
        cli_paint_table_addf(&table, CLI_PAINT_PLAIN, "%" PRIu32, f->ready);
        cli_paint_table_addf(&table, CLI_PAINT_PLAIN, "%" PRIu32, f->score);
        cli_view_us(f->latency_us, text, sizeof text);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, text);
        cli_view_us((uint64_t)f->left_ms * US, text, sizeof text);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, text);
    }
    return cli_emit_table(cli, &table);
}

static int find(struct cli *cli)
{
    Cell__Dht__FindRequest request = CELL__DHT__FIND_REQUEST__INIT;
    ProtobufCMessage *reply;
    int status = cli_args_number(cli, "reads", 1, READS_MAX, &request.reads);

    request.name = (char *)cli->args[1];
    if (status == CLI_DONE) {
        status = ask(cli, "Find", CELL__DHT__OP__OP_FIND, &request.base, &reply);
    }
    if (status != CLI_DONE) {
        return status;
    }
    if (((const Cell__Dht__FindReply *)reply)->n_found == 0) {
        cli_ask_free(reply);
        return cli_fail(cli, ERR_NOT_FOUND, NULL, "nobody says that it has \"%s\"", cli->args[1]);
    }
    return cli_emit_reply(cli, reply, print_found);
}

/* ---- stats, bootstrap -------------------------------------------------------------------------- */

static int print_stats(struct cli *cli, const ProtobufCMessage *message)
{
    const Cell__Dht__StatsReply *reply = (const Cell__Dht__StatsReply *)message;
    char text[HEX_SIZE];

    (void)cli;
    printf("id %s\n", hex(&reply->id, text));
    printf("owner %s\n", hex(&reply->owner, text));
    printf("%" PRIu32 " peers, %" PRIu32 " of them members; %" PRIu32 " records in %" PRIu32 " bytes; %" PRIu32 " kept\n", reply->peers,
           reply->members, reply->records, reply->store_bytes, reply->kept);
    for (size_t i = 0; i < reply->n_counts; i++) {
        printf("%-18s %" PRIu64 "\n", reply->counts[i]->name, reply->counts[i]->value);
    }
    return CLI_DONE;
}

static int stats(struct cli *cli)
{
    Cell__Dht__StatsRequest request = CELL__DHT__STATS_REQUEST__INIT;
    ProtobufCMessage *reply;
    int status = ask(cli, "Stats", CELL__DHT__OP__OP_STATS, &request.base, &reply);

    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_stats) : status;
}

static int print_bootstrap(struct cli *cli, const ProtobufCMessage *message)
{
    (void)cli;
    printf("%" PRIu32 " asked; `cell dht stats` shows who is known\n", ((const Cell__Dht__BootstrapReply *)message)->asked);
    return CLI_DONE;
}

static int bootstrap(struct cli *cli)
{
    Cell__Dht__BootstrapRequest request = CELL__DHT__BOOTSTRAP_REQUEST__INIT;
    ProtobufCMessage *reply;

    request.at = (char **)&cli->args[1];
    request.n_at = cli->arg_count - 1;
    int status = ask(cli, "Bootstrap", CELL__DHT__OP__OP_BOOTSTRAP, &request.base, &reply);
    return status == CLI_DONE ? cli_emit_reply(cli, reply, print_bootstrap) : status;
}

static const struct {
    struct cli_part part;
    int (*run)(struct cli *cli);
} parts[] = {
    {{"put", 0, 1, "name ttl keep if-seq request file", "put VALUE|-|--file PATH [--name NAME [--if-seq N [--request ID]]] [--ttl DURATION] [--keep]"},
     put},
    {{"get", 1, 1, "owner reads raw", "get KEY|NAME [--owner OWNER] [--reads N] [--raw]"}, get},
    {{"rm", 1, 1, "", "rm NAME|KEY"}, rm},
    {{"lookup", 1, 1, "owner", "lookup KEY|NAME [--owner OWNER]"}, lookup},
    {{"find", 1, 1, "reads", "find [NAMESPACE/]CELL [--reads N]"}, find},
    {{"stats", 0, 0, "", "stats"}, stats},
    {{"bootstrap", 1, CLI_ARGS_MAX, "", "bootstrap ADDRESS …"}, bootstrap},
};

int cli_dht_run(struct cli *cli)
{
    int at = CLI_PART_FIND(cli, parts);

    return at < 0 ? CLI_USAGE : parts[at].run(cli);
}
