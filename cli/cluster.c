#include "cli/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/emit.h"
#include "cli/paint.h"
#include "cli/target.h"
#include "cli/view.h"
#include "cli/vivaldi.h"
#include "proto/nodosum.pb-c.h"

enum {
    POLL_MS = CLI_LISTEN_MS, /* one long poll; nodosum answers earlier when something changes */
    SLACK_MS = 2000,         /* for the answer to a poll in which nothing changed                */
    RETRY_MS = 200,
    TEXT_SIZE = 64,
    LABELS_SIZE = 1024, /* of all labels of a member: its metadata has 255 bytes */
    PAGES_MAX = 64,   /* of members: 8,192 of 512 a page, and as many again for those that come meanwhile */
};

static int ask_for(struct cli *cli, struct cli_ask *ask, const char *method, uint32_t number,
                   const ProtobufCMessage *request, ProtobufCMessage **ret)
{
    return cli_ask_service_for(cli, ask, &cell__nodosum__nodosum__descriptor, method, number, request, CLI_DEADLINE_MS, ret);
}

static enum cli_paint_style state_style(const char *state)
{
    return strcmp(state, "alive") == 0     ? CLI_PAINT_GOOD
           : strcmp(state, "suspect") == 0 ? CLI_PAINT_WARN
           : strcmp(state, "dead") == 0    ? CLI_PAINT_BAD
                                           : CLI_PAINT_DIM;
}

static void add_rtt(struct cli_paint_table *t, uint32_t rtt_us, bool is_self)
{
    char text[TEXT_SIZE];

    cli_view_us(rtt_us, text, sizeof text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, is_self ? "self" : text);
}

/* ---- members --------------------------------------------------------------------------------------- */

static void add_labels(struct cli_paint_table *t, const Cell__Nodosum__Machine *m)
{
    char text[LABELS_SIZE] = "";
    size_t len = 0;

    for (size_t i = 0; m != NULL && i < m->n_labels && len < sizeof text; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s=%s", i == 0 ? "" : " ", m->labels[i]->name,
                                m->labels[i]->value);
    }
    cli_paint_table_add(t, CLI_PAINT_DIM, *text == '\0' ? "-" : text);
}

static void add_member(struct cli_paint_table *t, const Cell__Nodosum__Member *m)
{
    const Cell__Nodosum__Machine *machine = m->machine;
    char text[TEXT_SIZE] = "-";

    cli_paint_table_add(t, m->is_self ? CLI_PAINT_BOLD : CLI_PAINT_PLAIN, m->name);
    cli_paint_table_add(t, state_style(m->state), m->state);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, m->address);
    add_rtt(t, m->rtt_us, m->is_self);
    if (machine == NULL) {
        for (int i = 0; i < 4; i++) {
            cli_paint_table_add(t, CLI_PAINT_DIM, "-");
        }
    } else {
        cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%" PRIu32, machine->cores);
        cli_view_size(machine->memory_bytes, text, sizeof text);
        cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
        cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%.2f", machine->load);
        cli_paint_table_add(t, CLI_PAINT_PLAIN, machine->arch);
    }
    add_labels(t, machine);
}

/* Where a page of members goes: a table or a document. */
struct listing {
    struct cli *cli;
    struct cli_paint_table table;
    struct jsonout out;
};

static void list_page(struct listing *l, const Cell__Nodosum__MembersReply *page)
{
    for (size_t i = 0; i < page->n_members; i++) {
        if (l->cli->json) {
            jsonout_object(&l->out);
            cli_emit_members(&l->out, &page->members[i]->base);
            jsonout_object_end(&l->out);
        } else {
            add_member(&l->table, page->members[i]);
        }
    }
}

/* All pages. *ret_last: the newest page, whose counts stand for all; free it. */
static int list_all(struct listing *l, struct cli_ask *ask, Cell__Nodosum__MembersReply **ret_last)
{
    Cell__Nodosum__MembersRequest request = CELL__NODOSUM__MEMBERS_REQUEST__INIT;
    Cell__Nodosum__MembersReply *page = NULL;
    int status = CLI_DONE;

    request.with_gone = cli_args_has(l->cli, "all");
    for (int pages = 0; pages < PAGES_MAX && (page == NULL || page->has_more); pages++) {
        ProtobufCMessage *reply;
        if (page != NULL && page->n_members > 0) {
            request.after = page->members[page->n_members - 1]->id;
        }
        status = ask_for(l->cli, ask, "Members", CELL__NODOSUM__OP__OP_MEMBERS, &request.base, &reply);
        if (page != NULL) {
            cli_ask_free(&page->base);
        }
        if (status != CLI_DONE) {
            return status;
        }
        page = (Cell__Nodosum__MembersReply *)reply;
        list_page(l, page);
    }
    *ret_last = page;
    return CLI_DONE;
}

static int show_members(struct cli *cli, struct cli_ask *ask, uint64_t *ret_revision)
{
    static const char *const heads[] = {"NODE", "STATE", "ADDRESS", ">RTT", ">CORES", ">MEMORY", ">LOAD", "ARCH",
                                        "LABELS"};
    struct listing l = {.cli = cli};
    Cell__Nodosum__MembersReply *last = NULL;

    cli_paint_table_init(&l.table, heads, ARRAY_LEN(heads));
    cli_emit_begin(&l.out);
    jsonout_object(&l.out);
    jsonout_name(&l.out, "members");
    jsonout_array(&l.out);
    int status = list_all(&l, ask, &last);
    if (status != CLI_DONE) {
        jsonout_fini(&l.out);
        cli_paint_table_fini(&l.table);
        return status;
    }
    *ret_revision = last->revision;
    jsonout_array_end(&l.out);
    cli_emit_u64(&l.out, "living", last->living);
    cli_emit_u64(&l.out, "revision", last->revision);
    jsonout_object_end(&l.out);
    cli_ask_free(&last->base);
    if (cli->json) {
        cli_paint_table_fini(&l.table);
        return cli_emit_end(cli, &l.out);
    }
    jsonout_fini(&l.out);
    return cli_emit_table(cli, &l.table);
}

static int print_change(struct cli *cli, const Cell__Nodosum__Event *e)
{
    struct jsonout out;

    if (cli->json) {
        cli_emit_begin_line(&out);
        jsonout_object(&out);
        cli_emit_members(&out, &e->base);
        jsonout_object_end(&out);
        return cli_emit_end(cli, &out);
    }
    cli_paint_put(cli->is_colored, CLI_PAINT_BOLD, *e->name != '\0' ? e->name : "?");
    printf("  ");
    cli_paint_put(cli->is_colored, strcmp(e->change, "failed") == 0 ? CLI_PAINT_BAD : CLI_PAINT_PLAIN, e->change);
    printf("  ");
    cli_paint_put(cli->is_colored, CLI_PAINT_DIM, e->address);
    putchar('\n');
    return CLI_DONE;
}

/* What changes from `after` on, until the node goes. Another process of nodosum has other revisions: it says so,
 * and the list before no longer tells what is missing. */
static int follow(struct cli *cli, struct cli_ask *ask, uint64_t after)
{
    Cell__Nodosum__WatchRequest request = CELL__NODOSUM__WATCH_REQUEST__INIT;
    int status = CLI_DONE;

    request.wait_ms = POLL_MS;
    while (status == CLI_DONE && cli_emit_is_heard()) {
        char text[SP_TEXT_SIZE] = "";
        ProtobufCMessage *reply;
        request.after = after;
        enum err e = cli_ask_try(ask, &cell__nodosum__nodosum__descriptor, "Watch", CELL__NODOSUM__OP__OP_WATCH,
                                 &request.base, POLL_MS + SLACK_MS, &reply, text);
        if (e != ERR_OK && e != ERR_TIMEOUT) {
            return cli_ask_explain(cli, ask, "Watch", e, text);
        }
        if (e == ERR_TIMEOUT) {
            cli_clock_pause(RETRY_MS);
            continue;
        }
        const Cell__Nodosum__WatchReply *news = (const Cell__Nodosum__WatchReply *)reply;
        if (news->is_lost) {
            cli_fail_note(cli, "changes were lost; what follows is newer than they are");
        }
        for (size_t i = 0; i < news->n_events && status == CLI_DONE; i++) {
            status = print_change(cli, news->events[i]);
        }
        after = news->last;
        cli_ask_free(reply);
    }
    return status;
}

int cli_cluster_members(struct cli *cli)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    uint64_t revision = 0;
    int status = cli_target_connect(cli, "nodosum", &ask);

    if (status == CLI_DONE) {
        status = show_members(cli, &ask, &revision);
    }
    return status == CLI_DONE && cli_args_has(cli, "follow") ? follow(cli, &ask, revision) : status;
}

/* ---- topology -------------------------------------------------------------------------------------- */

static int print_topology(struct cli *cli, const Cell__Nodosum__TopologyReply *t)
{
    static const char *const near_heads[] = {"NODE", "STATE", "ADDRESS", ">RTT"};
    static const char *const seed_heads[] = {"SEED", "SOURCE", "ADDRESS"};
    struct cli_paint_table table;

    printf("node ");
    cli_paint_put(cli->is_colored, CLI_PAINT_BOLD, t->name);
    printf(" at ");
    cli_paint_put(cli->is_colored, CLI_PAINT_PLAIN, t->address);
    printf(": %" PRIu32 " of %" PRIu32 " members live", t->living, t->known);
    printf(t->health == 0 ? ", it does well itself\n" : ", it does badly itself (%" PRIu32 " of 8)\n", t->health);
    if (t->n_near > 0) {
        putchar('\n');
        cli_paint_table_init(&table, near_heads, ARRAY_LEN(near_heads));
        for (size_t i = 0; i < t->n_near; i++) {
            cli_paint_table_add(&table, CLI_PAINT_PLAIN, t->near[i]->name);
            cli_paint_table_add(&table, state_style(t->near[i]->state), t->near[i]->state);
            cli_paint_table_add(&table, CLI_PAINT_PLAIN, t->near[i]->address);
            add_rtt(&table, t->near[i]->rtt_us, false);
        }
        int status = cli_emit_table(cli, &table);
        if (status != CLI_DONE) {
            return status;
        }
    }
    if (t->n_seeds == 0) {
        return CLI_DONE;
    }
    putchar('\n');
    cli_paint_table_init(&table, seed_heads, ARRAY_LEN(seed_heads));
    for (size_t i = 0; i < t->n_seeds; i++) {
        bool is_resolved = *t->seeds[i]->address != '\0';
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, t->seeds[i]->text);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, t->seeds[i]->source);
        cli_paint_table_add(&table, is_resolved ? CLI_PAINT_PLAIN : CLI_PAINT_WARN,
                            is_resolved ? t->seeds[i]->address : "not resolved");
    }
    return cli_emit_table(cli, &table);
}

int cli_cluster_topology(struct cli *cli)
{
    Cell__Nodosum__TopologyRequest request = CELL__NODOSUM__TOPOLOGY_REQUEST__INIT;
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    ProtobufCMessage *reply;
    int status = cli_target_connect(cli, "nodosum", &ask);

    if (status == CLI_DONE) {
        status = ask_for(cli, &ask, "Topology", CELL__NODOSUM__OP__OP_TOPOLOGY, &request.base, &reply);
    }
    if (status != CLI_DONE) {
        return status;
    }
    status = cli->json ? cli_emit_message(cli, reply) : print_topology(cli, (const Cell__Nodosum__TopologyReply *)reply);
    cli_ask_free(reply);
    return status;
}

/* ---- discover -------------------------------------------------------------------------------------- */

static int print_found(struct cli *cli, const Cell__Nodosum__DiscoverReply *reply)
{
    static const char *const heads[] = {"NODE", "KIND", "STATE", "ADDRESS", ">RTT", ">READY", ">SCORE", ">LATENCY"};
    struct cli_paint_table table;
    char text[TEXT_SIZE];

    cli_paint_table_init(&table, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < reply->n_found; i++) {
        const Cell__Nodosum__Found *f = reply->found[i];
        cli_paint_table_add(&table, f->is_self ? CLI_PAINT_BOLD : CLI_PAINT_PLAIN, f->node);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, f->kind);
        cli_paint_table_add(&table, state_style(f->state), f->state);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, f->address);
        add_rtt(&table, f->rtt_us, f->is_self);
        if (f->ready == 0) { /* a node */
            for (int k = 0; k < 3; k++) {
                cli_paint_table_add(&table, CLI_PAINT_DIM, "-");
            }
            continue;
        }
        cli_paint_table_addf(&table, CLI_PAINT_PLAIN, "%" PRIu32, f->ready);
        cli_paint_table_addf(&table, CLI_PAINT_PLAIN, "%" PRIu32, f->score);
        cli_view_us(f->latency_us, text, sizeof text);
        cli_paint_table_add(&table, CLI_PAINT_PLAIN, text);
    }
    return cli_emit_table(cli, &table);
}

int cli_cluster_discover(struct cli *cli)
{
    Cell__Nodosum__DiscoverRequest request = CELL__NODOSUM__DISCOVER_REQUEST__INIT;
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    struct name_ref ref;
    ProtobufCMessage *reply;

    if (name_ref_parse(cli->args[0], &ref) != ERR_OK || ref.instance >= 0 || ref.node[0] != '\0') {
        return cli_fail_usage(cli, "write a node's name or [NAMESPACE/]CELL in a-z, 0-9, _ and -", "\"%s\" is no name",
                              cli->args[0]);
    }
    if (cli_args_has(cli, "hasty") && !cli_args_has(cli, "nearest")) {
        return cli_fail_usage(cli, NULL, "--hasty means nothing without --nearest");
    }
    if (cli_args_has(cli, "nearest")) {
        return cli_vivaldi_nearest(cli, cli->args[0], cli_args_has(cli, "hasty"));
    }
    request.name = (char *)cli->args[0];
    int status = cli_target_connect(cli, "nodosum", &ask);
    if (status == CLI_DONE) {
        status = ask_for(cli, &ask, "Discover", CELL__NODOSUM__OP__OP_DISCOVER, &request.base, &reply);
    }
    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Nodosum__DiscoverReply *found = (const Cell__Nodosum__DiscoverReply *)reply;
    if (cli->json) {
        status = cli_emit_message(cli, reply);
    } else if (found->n_found > 0) {
        status = print_found(cli, found);
    }
    if (status == CLI_DONE && found->n_found == 0) {
        status = cli_fail(cli, ERR_NOT_FOUND, "`cell members` shows the nodes; a node offers the cells that its "
                          "gateway exports", "no living node is called %s or offers it", request.name);
    }
    cli_ask_free(reply);
    return status;
}

void cli_cluster_farewell(struct cli *cli)
{
    Cell__Nodosum__LeaveRequest request = CELL__NODOSUM__LEAVE_REQUEST__INIT;
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    struct name_ref ref = {.instance = -1};
    struct cli_target target;
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE] = "";

    (void)snprintf(ref.cell, sizeof ref.cell, "nodosum");
    if (*cli->run_dir == '\0' || !cli_target_socket(cli, &ref, &target) ||
        cli_ask_connect(cli, target.who, target.endpoint, &ask) != ERR_OK) {
        return; /* nobody to tell */
    }
    enum err e = cli_ask_try(&ask, &cell__nodosum__nodosum__descriptor, "Leave", CELL__NODOSUM__OP__OP_LEAVE,
                             &request.base, CLI_DEADLINE_MS, &reply, text);
    cli_ask_free(reply);
    if (e != ERR_OK) {
        cli_fail_note(cli, "the others were not told (%s): they will miss this node", err_name(e));
    }
}
