#include "cli/target.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/place.h"
#include "cli/resolve.h"

enum {
    PAUSE_MS = 20,    /* between looks whether it is back */
    START_MS = 30000, /* for a cell that starts on demand to be ready */
};

static void name_instance(struct cli_target *t, const char *space, const char *cell,
                          uint32_t instance)
{
    struct name_ref ref = {.instance = (int32_t)instance};

    if (strcmp(space, "default") != 0) {
        snprintf(ref.space, sizeof ref.space, "%s", space);
    }
    snprintf(ref.cell, sizeof ref.cell, "%s", cell);
    name_ref_format(&ref, t->who);
}

/* ---- without a nucleus ---------------------------------------------------------------------- */

/* The lowest instance of the cell with a socket in one namespace's directory. */
static bool lowest_socket(struct cli *cli, const char *space, const struct name_ref *ref,
                          struct cli_target *ret)
{
    char path[CLI_PATH_SIZE];
    DIR *d = cli_place_join(path, cli->run_dir, space) ? opendir(path) : NULL;
    int32_t lowest = -1;

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        struct name_ref found;
        size_t len = strlen(e->d_name);
        char name[NAME_REF_SIZE];

        if (len <= 5 || len >= sizeof name || strcmp(e->d_name + len - 5, ".sock") != 0) {
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)(len - 5), e->d_name);
        if (name_ref_parse(name, &found) == ERR_OK && strcmp(found.cell, ref->cell) == 0 &&
            found.instance >= 0 && (lowest < 0 || found.instance < lowest) &&
            (ref->instance < 0 || found.instance == ref->instance)) {
            lowest = found.instance;
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    if (lowest < 0) {
        return false;
    }
    snprintf(ret->endpoint, sizeof ret->endpoint, "%s/%s.%d.sock", space, ref->cell, (int)lowest);
    name_instance(ret, space, ref->cell, (uint32_t)lowest);
    return true;
}

static void name_nucleus(struct cli_target *t)
{
    *t = (struct cli_target){.is_nucleus = true};
    snprintf(t->who, sizeof t->who, "nucleus");
    snprintf(t->endpoint, sizeof t->endpoint, "nucleus.sock");
}

bool cli_target_socket(struct cli *cli, const struct name_ref *ref, struct cli_target *ret)
{
    *ret = (struct cli_target){.is_nucleus = false};
    if (strcmp(ref->cell, "nucleus") == 0) {
        name_nucleus(ret);
        return true;
    }
    if (*ref->space != '\0') {
        return lowest_socket(cli, ref->space, ref, ret);
    }
    return lowest_socket(cli, "default", ref, ret) || lowest_socket(cli, "global", ref, ret);
}

/* ---- by the nucleus ------------------------------------------------------------------------- */

static int not_running(struct cli *cli, const char *name)
{
    char hint[CLI_HINT_SIZE];

    snprintf(hint, sizeof hint, "see `cell status %s`, start it with `cell start %s`", name, name);
    return cli_fail(cli, ERR_UNAVAILABLE, hint, "%s: no instance of it is running", name);
}

/* The healthiest, then the least busy. */
static const Cell__Nucleus__Resolved *best(const Cell__Nucleus__ResolveReply *reply)
{
    const Cell__Nucleus__Resolved *found = NULL;

    for (size_t i = 0; i < reply->n_instances; i++) {
        const Cell__Nucleus__Resolved *r = reply->instances[i];

        if (*r->endpoint == '\0') {
            continue;
        }
        if (found == NULL || r->healthy > found->healthy ||
            (r->healthy == found->healthy &&
             (r->score > found->score ||
              (r->score == found->score && r->calls_waiting < found->calls_waiting)))) {
            found = r;
        }
    }
    return found;
}

/* By way of this node's gateway. */
static bool route_to(struct cli *cli, const struct name_ref *ref, struct cli_target *ret)
{
    struct name_ref gateway = {.instance = -1};

    (void)snprintf(gateway.cell, sizeof gateway.cell, NAME_GATEWAY);
    if (!cli_target_socket(cli, &gateway, ret)) {
        return false;
    }
    name_ref_format(ref, ret->route);
    (void)snprintf(ret->who, sizeof ret->who, "%s", ret->route);
    return true;
}

/* Some other node has it. */
static bool is_elsewhere(struct cli *cli, const struct name_ref *ref)
{
    Cell__Gateway__ResolveReply *reply = ref->instance < 0 ? cli_resolve_elsewhere(cli, ref) : NULL;
    bool is_there = reply != NULL && reply->n_nodes > 0;

    cli_ask_free(reply == NULL ? NULL : &reply->base);
    return is_there;
}

/* This node starts it when somebody asks, and here somebody does. Says why it does not come. */
static int start(struct cli *cli, struct cli_ask *ask, const char *name)
{
    Cell__Nucleus__StartRequest request = CELL__NUCLEUS__START_REQUEST__INIT;
    ProtobufCMessage *reply;

    request.target = (char *)name;
    request.wait = true;
    int status = cli_ask_nucleus_for(cli, ask, "Start", CELL__NUCLEUS__OP__OP_START, &request.base, START_MS, &reply);
    if (status == CLI_DONE) {
        cli_ask_free(reply);
    }
    return status;
}

/* One look at this node. CLI_DONE with ret->endpoint "": no instance is ready. */
static int look_here(struct cli *cli, struct cli_ask *ask, const char *name, bool *ret_on_demand, struct cli_target *ret)
{
    Cell__Nucleus__ResolveRequest request = CELL__NUCLEUS__RESOLVE_REQUEST__INIT;
    char text[SP_TEXT_SIZE] = "";
    ProtobufCMessage *message;

    request.target = (char *)name;
    enum err e = cli_ask_try(ask, &cell__nucleus__nucleus__descriptor, "Resolve", CELL__NUCLEUS__OP__OP_RESOLVE,
                             &request.base, CLI_DEADLINE_MS, &message, text);
    if (e != ERR_OK) {
        return cli_ask_explain(cli, ask, "Resolve", e, text);
    }
    const Cell__Nucleus__ResolveReply *reply = (const Cell__Nucleus__ResolveReply *)message;
    const Cell__Nucleus__Resolved *r = best(reply);
    *ret_on_demand = reply->on_demand;
    if (r != NULL && strlen(r->endpoint) < sizeof ret->endpoint) {
        snprintf(ret->endpoint, sizeof ret->endpoint, "%s", r->endpoint);
        name_instance(ret, r->namespace_, r->cell, r->instance);
    }
    cli_ask_free(message);
    return CLI_DONE;
}

enum standing {
    STANDS_NOWHERE, /* the manifest does not have it                     */
    STANDS_STILL,   /* stopped, or given up: nobody starts it by himself */
    STANDS_SOON,    /* it starts, will be started again, or has been just now */
};

/* Who drains may be on the way to its restart, and waits then for a moment. */
static bool is_coming(const char *state)
{
    static const char *const coming[] = {"draining", "waiting", "booting", "listening", "failed", "ready"};

    for (size_t i = 0; i < ARRAY_LEN(coming); i++) {
        if (strcmp(state, coming[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* How it stands with what is not ready; an answer that says nothing of that counts as "still". */
static enum standing standing_of(struct cli_ask *ask, const char *name)
{
    Cell__Nucleus__StatusRequest request = CELL__NUCLEUS__STATUS_REQUEST__INIT;
    char text[SP_TEXT_SIZE] = "";
    ProtobufCMessage *message = NULL;
    enum standing standing = STANDS_STILL;

    request.target = (char *)name;
    enum err e = cli_ask_try(ask, &cell__nucleus__nucleus__descriptor, "Status", CELL__NUCLEUS__OP__OP_STATUS,
                             &request.base, CLI_DEADLINE_MS, &message, text);
    if (e != ERR_OK) {
        return e == ERR_NOT_FOUND ? STANDS_NOWHERE : STANDS_STILL;
    }
    const Cell__Nucleus__StatusReply *reply = (const Cell__Nucleus__StatusReply *)message;
    for (size_t i = 0; i < reply->n_cells; i++) {
        standing = is_coming(reply->cells[i]->state) ? STANDS_SOON : standing;
    }
    cli_ask_free(message);
    return standing;
}

/* Who was just killed is back in a moment: a person who asks then need not ask twice. */
static int wait_for(struct cli *cli, struct cli_ask *ask, const char *name, enum standing *ret_standing, struct cli_target *ret)
{
    uint64_t end_ms = cli_clock_ms() + CLI_DEADLINE_MS;
    bool on_demand;
    int status = CLI_DONE;

    *ret_standing = standing_of(ask, name);
    while (*ret_standing == STANDS_SOON && status == CLI_DONE && ret->endpoint[0] == '\0' && cli_clock_ms() < end_ms) {
        cli_clock_pause(PAUSE_MS);
        status = look_here(cli, ask, name, &on_demand, ret);
        *ret_standing = standing_of(ask, name);
    }
    return status;
}

static int unknown(struct cli *cli, const struct name_ref *ref, const char *name)
{
    bool is_fabric = strcmp(ref->cell, NAME_GATEWAY) == 0 || strcmp(ref->cell, "nodosum") == 0;

    return cli_fail(cli, ERR_NOT_FOUND,
                    is_fabric ? "other nodes are reached by nodosum and gateway: add them to the manifest, then `cell apply` it"
                              : "`cell status` lists what there is",
                    "no cell %s in the manifest of this node", name);
}

static int resolve(struct cli *cli, struct cli_ask *ask, const struct name_ref *ref, bool is_anywhere,
                   struct cli_target *ret)
{
    char name[NAME_REF_SIZE];
    bool on_demand = false;

    name_ref_format(ref, name);
    int status = look_here(cli, ask, name, &on_demand, ret);
    if (status == CLI_DONE && ret->endpoint[0] == '\0' && is_anywhere && on_demand) {
        status = start(cli, ask, name);
        if (status == CLI_DONE) {
            status = look_here(cli, ask, name, &on_demand, ret);
        }
    }
    enum standing standing = STANDS_STILL;
    if (status == CLI_DONE && ret->endpoint[0] == '\0') {
        status = wait_for(cli, ask, name, &standing, ret);
    }
    if (status == CLI_DONE && ret->endpoint[0] == '\0') {
        status = standing == STANDS_NOWHERE ? unknown(cli, ref, name) : not_running(cli, name);
    }
    return status;
}

static int find(struct cli *cli, const struct name_ref *ref, bool is_anywhere, struct cli_target *ret)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};

    *ret = (struct cli_target){.is_nucleus = false};
    if (*ref->node != '\0') {
        return cli_fail(cli, ERR_UNSUPPORTED, "leave out \"@NODE\", or log in to that node",
                        "%s@%s: this command reaches cells of its own node", ref->cell, ref->node);
    }
    int status = cli_place_need_run(cli);
    if (status != CLI_DONE) {
        return status;
    }
    if (strcmp(ref->cell, "nucleus") == 0) {
        name_nucleus(ret);
        return CLI_DONE;
    }
    enum err e = cli_ask_connect(cli, "nucleus", "nucleus.sock", &ask);
    if (e == ERR_OK) {
        return resolve(cli, &ask, ref, is_anywhere, ret);
    }
    if (!cli_target_socket(cli, ref, ret)) {
        return cli_ask_explain_connect(cli, &ask, e);
    }
    ret->is_found_alone = true;
    return CLI_DONE;
}

int cli_target_find(struct cli *cli, const struct name_ref *ref, struct cli_target *ret)
{
    return find(cli, ref, false, ret);
}

int cli_target_connect(struct cli *cli, const char *cell, struct cli_ask *ask)
{
    struct cli_target target;
    struct name_ref ref;
    int status = cli_ask_reference(cli, cell, &ref);

    ask->fd = -1;
    status = status == CLI_DONE ? cli_target_find(cli, &ref, &target) : status;
    return status == CLI_DONE ? cli_ask_cell(cli, target.who, target.endpoint, ask) : status;
}

int cli_target_find_anywhere(struct cli *cli, const struct name_ref *ref, struct cli_target *ret)
{
    struct name_ref gateway = {.instance = -1}, any = *ref;

    if (ref->node[0] == '\0') {
        /* As the runtime looks for it: this node, the others, then it is started (NOD-5). */
        if (*cli->run_dir == '\0' || cli_target_socket(cli, ref, ret) || !is_elsewhere(cli, ref)) {
            return find(cli, ref, true, ret);
        }
        (void)snprintf(any.node, sizeof any.node, NAME_ANY);
        return route_to(cli, &any, ret) ? CLI_DONE : find(cli, ref, true, ret);
    }
    (void)snprintf(gateway.cell, sizeof gateway.cell, NAME_GATEWAY);
    int status = find(cli, &gateway, false, ret);
    if (status == CLI_DONE) {
        name_ref_format(ref, ret->route);
        (void)snprintf(ret->who, sizeof ret->who, "%s", ret->route);
    }
    return status;
}

int cli_target_operation(struct cli *cli, const char *text, struct name_ref *ret_ref,
                         char ret_operation[NAME_SIZE])
{
    const char *dot = strrchr(text, '.');
    char cell[NAME_REF_SIZE];

    if (dot == NULL || !name_operation_valid(dot + 1, strlen(dot + 1))) {
        return cli_fail_usage(cli, "write CELL.Operation, e.g. greeter.Greet; `cell inspect CELL` "
                              "lists the operations", "\"%s\" names no operation", text);
    }
    if ((size_t)(dot - text) >= sizeof cell) {
        return cli_fail_usage(cli, NULL, "\"%s\" is too long", text);
    }
    snprintf(cell, sizeof cell, "%.*s", (int)(dot - text), text);
    int status = cli_ask_reference(cli, cell, ret_ref);
    if (status == CLI_DONE) {
        snprintf(ret_operation, NAME_SIZE, "%s", dot + 1);
    }
    return status;
}
