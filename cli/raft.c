#include "cli/raft.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/paint.h"
#include "cli/part.h"
#include "cli/target.h"
#include "common/base/bytes.h"

/* Whoever is there. One that has just ended, or hangs, is no reason to give up, unless this is the last attempt: then
 * r->ask.fd is -1. */
static int connect_to(struct cli_raft *r, const char *who, bool is_last)
{
    struct cli_target target;
    struct name_ref ref;
    int status = cli_ask_reference(r->cli, who, &ref);

    cli_ask_close(&r->ask);
    if (status == CLI_DONE) {
        status = cli_target_find_anywhere(r->cli, &ref, &target);
    }
    if (status != CLI_DONE) {
        return status;
    }
    enum err e = cli_ask_connect_within(r->cli, target.who, target.endpoint, is_last ? CLI_DEADLINE_MS : CLI_RAFT_CONNECT_MS, &r->ask);
    if (!is_last && (e == ERR_NOT_FOUND || e == ERR_UNAVAILABLE || e == ERR_PEER_DEAD || e == ERR_TIMEOUT)) {
        r->ask.fd = -1;
        return CLI_DONE;
    }
    if (e != ERR_OK) {
        return cli_ask_explain_connect(r->cli, &r->ask, e);
    }
    (void)snprintf(r->ask.route, sizeof r->ask.route, "%s", target.route);
    return CLI_DONE;
}

/* The member on this node after the one that was asked last: that one may hang, be none any more, or hear of nobody who leads.
 * false: there is no other; r->ask.fd is -1 when it does not answer either. */
static bool connect_next(struct cli_raft *r)
{
    struct cli_target target;
    struct name_ref asked, ref;
    bool is_there = false;

    if (*r->ask.route != '\0' || name_ref_parse(r->ask.who, &asked) != ERR_OK || asked.instance < 0) {
        return false;
    }
    ref = asked;
    for (int32_t i = 1; i < CLI_RAFT_INSTANCES && !is_there; i++) {
        ref.instance = (asked.instance + i) % CLI_RAFT_INSTANCES;
        is_there = cli_target_socket(r->cli, &ref, &target);
    }
    if (is_there && cli_ask_connect_within(r->cli, target.who, target.endpoint, CLI_RAFT_CONNECT_MS, &r->ask) != ERR_OK) {
        r->ask.fd = -1;
    }
    return is_there;
}

/* Whom the refusal names: "(raft.1)" at its end. */
static bool leader_of(const char *text, char out[NAME_REF_SIZE])
{
    const char *from = strrchr(text, '(');
    const char *to = strrchr(text, ')');
    struct name_ref ref;

    if (from == NULL || to == NULL || to <= from + 1 || to - from > NAME_REF_SIZE) {
        return false;
    }
    (void)snprintf(out, NAME_REF_SIZE, "%.*s", (int)(to - from - 1), from + 1);
    return name_ref_parse(out, &ref) == ERR_OK;
}

/* To whoever is said to lead. It may have ended since: then whoever is there is asked anew, after a while. */
static int follow(struct cli_raft *r, const char *leader)
{
    struct cli_target target;
    struct name_ref ref;

    cli_ask_close(&r->ask);
    if (name_ref_parse(leader, &ref) == ERR_OK && *ref.node != '\0') {
        return connect_to(r, leader, false);
    }
    if (!cli_target_socket(r->cli, &ref, &target) ||
        cli_ask_connect_within(r->cli, target.who, target.endpoint, CLI_RAFT_CONNECT_MS, &r->ask) != ERR_OK) {
        r->ask.fd = -1;
        cli_clock_pause(CLI_RAFT_RETRY_MS);
    }
    return CLI_DONE;
}

/* NOT_LEADER means that nothing was done; a read that is UNAVAILABLE was under way when its leader was deposed, one whose member
 * has ended does nothing either, and a watch says where it goes on. */
static bool is_asked_again(enum err e, uint32_t number)
{
    bool is_read = number == CELL__RAFT__OP__OP_GET || number == CELL__RAFT__OP__OP_RANGE || number == CELL__RAFT__OP__OP_LEASE_INFO ||
                   number == CELL__RAFT__OP__OP_LEASE_LIST || number == CELL__RAFT__OP__OP_WATCH;

    return e == ERR_NOT_LEADER || (is_read && (e == ERR_UNAVAILABLE || e == ERR_PEER_DEAD));
}

int cli_raft_ask(struct cli_raft *r, const char *method, uint32_t number, const ProtobufCMessage *request,
                 ProtobufCMessage **ret)
{
    const char *at = cli_args_value(r->cli, "at");
    char text[SP_TEXT_SIZE] = "", leader[NAME_REF_SIZE] = "";
    uint64_t end_ms = cli_clock_ms() + r->timeout_ms + r->patience_ms;
    uint64_t gone_ms = (r->patience_ms > 0 ? end_ms - CLI_DEADLINE_MS : cli_clock_ms() + CLI_RAFT_GONE_MS);
    enum err e = ERR_NOT_LEADER;
    int status = CLI_DONE;
    bool is_next = false;

    /* Asked until somebody leads, or the time is over. */
    for (uint64_t now_ms = 0; is_asked_again(e, number) && status == CLI_DONE && now_ms < end_ms; now_ms = cli_clock_ms()) {
        is_next = false;
        if (*leader != '\0') {
            status = follow(r, leader);
        } else if (now_ms != 0) {
            cli_clock_pause(CLI_RAFT_RETRY_MS);
            is_next = at == NULL && now_ms < gone_ms;
        }
        if (is_next || e == ERR_PEER_DEAD) {
            cli_ask_close(&r->ask);
        }
        if (status == CLI_DONE && r->ask.fd < 0 && !(is_next && connect_next(r))) {
            status = connect_to(r, at != NULL ? at : "raft", now_ms >= gone_ms);
        }
        if (status == CLI_DONE && r->ask.fd >= 0) {
            e = cli_ask_try(&r->ask, &cell__raft__raft__descriptor, method, number, request, r->timeout_ms, ret, text);
        }
        if (r->ask.fd < 0 || e != ERR_NOT_LEADER || !leader_of(text, leader)) {
            *leader = '\0';
        }
    }
    if (status == CLI_DONE && e == ERR_OK && !r->cli->json) {
        cli_paint_message(*ret);
    }
    if (status != CLI_DONE || e == ERR_OK) {
        return status;
    }
    if (e == ERR_NOT_LEADER) {
        return cli_fail(r->cli, e, "most of the members must be there: see `cell raft members --at raft.0` and `cell status raft`",
                        "%s.%s: nobody leads, for %" PRIu32 " s", r->ask.who, method, r->timeout_ms / 1000);
    }
    return cli_ask_explain(r->cli, &r->ask, method, e, text);
}

int cli_raft_number(struct cli *cli, const char *text, const char *what, uint64_t *ret)
{
    char *end;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0) {
        return cli_fail_usage(cli, NULL, "\"%s\" is no %s: expected a number from 0 on", text, what);
    }
    *ret = value;
    return CLI_DONE;
}

int cli_raft_option(struct cli *cli, const char *option, uint64_t *ret)
{
    const char *text = cli_args_value(cli, option);

    return text != NULL ? cli_raft_number(cli, text, option, ret) : CLI_DONE;
}

ProtobufCBinaryData cli_raft_bytes(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

/* Text where it is some, hex digits under another name where it is not. */
void cli_raft_text(struct jsonout *out, const char *name, const ProtobufCBinaryData *b)
{
    char other[64];
    AUTO_FREE char *hex = NULL;

    if (bytes_is_utf8(b->data, b->len)) {
        jsonout_name(out, name);
        jsonout_string_n(out, b->len > 0 ? (const char *)b->data : "", b->len);
        return;
    }
    hex = malloc(2 * b->len + 1);
    if (hex != NULL) {
        bytes_to_hex(b->data, b->len, hex);
    }
    (void)snprintf(other, sizeof other, "%s_hex", name);
    cli_emit_string(out, other, hex);
}

void cli_raft_pair(struct jsonout *out, const Cell__Raft__Pair *p)
{
    jsonout_object(out);
    cli_raft_text(out, "key", &p->key);
    cli_raft_text(out, "value", &p->value);
    cli_emit_u64(out, "created", p->created);
    cli_emit_u64(out, "modified", p->modified);
    cli_emit_u64(out, "version", p->version);
    cli_emit_u64(out, "lease", p->lease);
    jsonout_object_end(out);
}

/* A value alone goes out as it is, for a pipe; on a terminal and beside its key it may not steer anything. */
void cli_raft_print(struct cli *cli, const Cell__Raft__Pair *p, bool with_key)
{
    if (!with_key) {
        cli_emit_value(cli, p->value.data, p->value.len);
        return;
    }
    size_t room = 4 * (p->key.len + p->value.len) + 8;
    AUTO_FREE char *line = malloc(room);
    struct bytes_text t;
    if (line == NULL) {
        return;
    }
    bytes_text_init(&t, line, room);
    bytes_text_add_printable(&t, (const char *)p->key.data, p->key.len);
    bytes_text_add(&t, "\t");
    bytes_text_add_printable(&t, (const char *)p->value.data, p->value.len);
    puts(line);
}

#define RANGE_OPTIONS "prefix revision stale limit keys-only at"

static const struct {
    struct cli_part part;
    int (*run)(struct cli_raft *r);
} parts[] = {
    {{"put", 1, 2, "previous lease file at", "put KEY VALUE, or put KEY --file PATH"}, cli_raft_put},
    {{"get", 1, 1, NULL, "get KEY"}, cli_raft_get},
    {{"del", 1, 2, "prefix previous at", "del KEY [END]"}, cli_raft_del},
    {{"range", 1, 2, RANGE_OPTIONS, "range KEY [END]"}, cli_raft_range},
    {{"cas", 2, 3, "revision lease at", "cas KEY EXPECTED VALUE, or cas KEY VALUE --revision N"}, cli_raft_cas},
    {{"txn", 0, 0, "if then else at", "txn --if CONDITION --then OPERATION --else OPERATION"}, cli_raft_txn},
    {{"watch", 1, 2, "prefix revision previous limit at", "watch KEY [END]"}, cli_raft_watch},
    {{"lease", 1, 2, NULL, "lease grant|keep|revoke|info|list [ID]"}, cli_raft_lease},
    {{"status", 0, 0, "at", "status"}, cli_raft_status},
    {{"members", 0, 0, "at", "members"}, cli_raft_members},
    {{"add", 3, 3, "promote at", "add ID NAME CONTACT"}, cli_raft_add},
    {{"remove", 1, 1, "at", "remove MEMBER"}, cli_raft_remove},
    {{"promote", 1, 1, "at", "promote MEMBER"}, cli_raft_promote},
    {{"transfer", 0, 1, "at", "transfer [MEMBER]"}, cli_raft_transfer},
    {{"snapshot", 0, 0, "at", "snapshot"}, cli_raft_snapshot},
    {{"compact", 1, 1, "at", "compact REVISION"}, cli_raft_compact},
    {{"hash", 0, 0, "stale at", "hash"}, cli_raft_hash},
    {{"backup", 1, 1, "stale at", "backup FILE"}, cli_raft_backup},
    {{"restore", 1, 1, "at", "restore FILE"}, cli_raft_restore},
};

/* Two of them take what depends on what else was said. */
static int refuse_strange_options(struct cli *cli, const char *what)
{
    if (strcmp(what, "get") == 0) { /* with --prefix a range by another name */
        return cli_part_refuse_others(cli, what, cli_args_has(cli, "prefix") ? RANGE_OPTIONS : "revision stale raw at");
    }
    if (strcmp(what, "lease") == 0) {
        return cli_part_refuse_others(cli, what, strcmp(cli->args[1], "grant") == 0 ? "ttl at" : "at");
    }
    return CLI_DONE;
}

int cli_raft_run(struct cli *cli)
{
    struct cli_raft r = {.cli = cli, .ask = {.fd = -1}, .timeout_ms = CLI_DEADLINE_MS * 2};
    int at = CLI_PART_FIND(cli, parts);

    if (at < 0) {
        return CLI_USAGE;
    }
    int status = refuse_strange_options(cli, parts[at].part.name);
    status = status == CLI_DONE ? parts[at].run(&r) : status;
    cli_ask_close(&r.ask);
    return status;
}
