#include "cli/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/place.h"
#include "common/run/fd.h"

static const char nucleus_endpoint[] = "nucleus.sock";

enum err cli_ask_connect(struct cli *cli, const char *who, const char *endpoint,
                         struct cli_ask *ask)
{
    return cli_ask_connect_within(cli, who, endpoint, CLI_DEADLINE_MS, ask);
}

enum err cli_ask_connect_within(struct cli *cli, const char *who, const char *endpoint, uint32_t timeout_ms,
                                struct cli_ask *ask)
{
    ask->fd = -1;
    snprintf(ask->who, sizeof ask->who, "%s", who);
    ask->path[0] = ask->route[0] = '\0';
    /* The endpoint comes from another process: it names a socket below the run directory or
     * nothing. */
    if (*endpoint == '/' || strstr(endpoint, "..") != NULL ||
        !cli_place_join(ask->path, cli->run_dir, endpoint)) {
        return ERR_MALFORMED;
    }
    return sp_connect(ask->path, timeout_ms, &ask->fd);
}

void cli_ask_close(struct cli_ask *ask)
{
    fd_close(&ask->fd);
}

/* Who may use the socket, so that "permission denied" says what to do. */
static void owner_hint(const char *path, char *out, size_t size)
{
    struct stat st;

    if (stat(path, &st) == 0) {
        snprintf(out, size, "it belongs to user %u: run this as that user or as root, or choose "
                 "another node with --run", (unsigned)st.st_uid);
    } else {
        snprintf(out, size, "run this as the user whose node it is, or choose another node with "
                 "--run");
    }
}

int cli_ask_explain_connect(struct cli *cli, const struct cli_ask *ask, enum err e)
{
    bool is_nucleus = strcmp(ask->who, "nucleus") == 0;
    char hint[CLI_HINT_SIZE];

    if (e == ERR_NOT_FOUND && is_nucleus) {
        return cli_fail(cli, ERR_UNAVAILABLE,
                        "start one with `cell up`, or name its run directory with --run",
                        "no node runs in %s", cli->run_dir);
    }
    if ((e == ERR_UNAVAILABLE || e == ERR_PEER_DEAD) && is_nucleus) {
        return cli_fail(cli, ERR_UNAVAILABLE,
                        "its supervisor has ended or is just being restarted: try again, then "
                        "`cell doctor` and `cell logs nucleus`",
                        "the node in %s does not answer", cli->run_dir);
    }
    if (e == ERR_TIMEOUT && is_nucleus) {
        return cli_fail(cli, e, "see `cell logs nucleus`; when it hangs, end its process: its guard starts another, and no cell is "
                        "restarted", "the supervisor of the node in %s gives no answer for %d s", cli->run_dir, CLI_DEADLINE_MS / 1000);
    }
    if (e == ERR_DENIED) {
        owner_hint(ask->path, hint, sizeof hint);
        return cli_fail(cli, e, hint, "no right to open %s", ask->path);
    }
    if (e == ERR_MALFORMED && strlen(ask->path) > SP_PATH_MAX) {
        return cli_fail(cli, ERR_LIMIT, "choose a shorter --run directory",
                        "%s: the path of a socket has at most %d characters", ask->path,
                        SP_PATH_MAX);
    }
    if (is_nucleus) {
        snprintf(hint, sizeof hint, "see `cell logs nucleus`");
    } else {
        snprintf(hint, sizeof hint, "see `cell status %s` and `cell logs %s`", ask->who, ask->who);
    }
    if (e == ERR_NOT_FOUND || e == ERR_UNAVAILABLE || e == ERR_PEER_DEAD) {
        /* The nucleus takes the socket of an instance away while it is not to be called. */
        return cli_fail(cli, ERR_UNAVAILABLE, hint, "%s is not ready, or does not answer its heartbeat",
                        ask->who);
    }
    return cli_fail(cli, e, hint, "%s: cannot connect to %s: %s", ask->who, ask->path, err_text(e));
}

static const char *advice(enum err e, const struct cli_ask *ask, char *out, size_t size)
{
    bool is_nucleus = strcmp(ask->who, "nucleus") == 0;
    bool is_away = e == ERR_TIMEOUT || e == ERR_PEER_DEAD || e == ERR_UNAVAILABLE;

    if (ask->route[0] != '\0' && is_away) { /* its logs are on another node */
        snprintf(out, size, "see `cell members` and `cell call gateway.Links`");
    } else if (e == ERR_TIMEOUT) {
        snprintf(out, size, "it may be busy or hung: see `cell health` and `cell logs %s`",
                 ask->who);
    } else if (is_away) {
        snprintf(out, size, "see `cell status` and `cell logs %s`", ask->who);
    } else if (e == ERR_INCOMPATIBLE) {
        snprintf(out, size, "this `cell` and the running %s come from different versions: %s",
                 ask->who, is_nucleus ? "restart the node" : "restart the cell");
    } else if (e == ERR_NOT_FOUND && is_nucleus) {
        snprintf(out, size, "`cell status` lists what there is");
    } else {
        return NULL;
    }
    return out;
}

int cli_ask_explain(struct cli *cli, const struct cli_ask *ask, const char *operation, enum err e,
                    const char *text)
{
    char hint[CLI_HINT_SIZE];
    const char *what = *text != '\0' ? text : err_text(e);

    return cli_fail(cli, e, advice(e, ask, hint, sizeof hint), "%s.%s: %s: %s", ask->who, operation,
                    err_name(e), what);
}

int cli_ask_nucleus(struct cli *cli, struct cli_ask *ask)
{
    ask->fd = -1;
    int status = cli_place_need_run(cli);
    if (status != CLI_DONE) {
        return status;
    }
    enum err e = cli_ask_connect(cli, "nucleus", nucleus_endpoint, ask);
    return e == ERR_OK ? CLI_DONE : cli_ask_explain_connect(cli, ask, e);
}

int cli_ask_cell(struct cli *cli, const char *who, const char *endpoint, struct cli_ask *ask)
{
    enum err e = cli_ask_connect(cli, who, endpoint, ask);

    return e == ERR_OK ? CLI_DONE : cli_ask_explain_connect(cli, ask, e);
}

enum err cli_ask_try(struct cli_ask *ask, const ProtobufCServiceDescriptor *service,
                     const char *method, uint32_t number, const ProtobufCMessage *request,
                     uint32_t timeout_ms, ProtobufCMessage **ret, char text[SP_TEXT_SIZE])
{
    const ProtobufCMethodDescriptor *m =
        protobuf_c_service_descriptor_get_method_by_name(service, method);

    if (m == NULL) {
        snprintf(text, SP_TEXT_SIZE, "no such operation");
        return ERR_UNIMPLEMENTED;
    }
    uint64_t schema =
        sp_fingerprint(service->name, m->name, number, m->input->name, m->output->name);
    return sp_ask_routed(ask->fd, ask->route, number, schema, request, m->output, timeout_ms, ret, text);
}

int cli_ask_service_for(struct cli *cli, struct cli_ask *ask, const ProtobufCServiceDescriptor *service,
                        const char *method, uint32_t number, const ProtobufCMessage *request,
                        uint32_t timeout_ms, ProtobufCMessage **ret)
{
    char text[SP_TEXT_SIZE] = "";
    enum err e = cli_ask_try(ask, service, method, number, request, timeout_ms, ret, text);

    return e == ERR_OK ? CLI_DONE : cli_ask_explain(cli, ask, method, e, text);
}

int cli_ask_nucleus_for(struct cli *cli, struct cli_ask *ask, const char *method, uint32_t number,
                        const ProtobufCMessage *request, uint32_t timeout_ms,
                        ProtobufCMessage **ret)
{
    return cli_ask_service_for(cli, ask, &cell__nucleus__nucleus__descriptor, method, number, request,
                               timeout_ms, ret);
}

int cli_ask_cell_for(struct cli *cli, struct cli_ask *ask, const char *method, uint32_t number,
                     const ProtobufCMessage *request, uint32_t timeout_ms, ProtobufCMessage **ret)
{
    return cli_ask_service_for(cli, ask, &cell__inspect__inspect__descriptor, method, number, request,
                               timeout_ms, ret);
}

void cli_ask_free(ProtobufCMessage *message)
{
    if (message != NULL) {
        protobuf_c_message_free_unpacked(message, NULL);
    }
}

int cli_ask_status(struct cli *cli, const char *target, Cell__Nucleus__StatusReply **ret)
{
    Cell__Nucleus__StatusRequest request = CELL__NUCLEUS__STATUS_REQUEST__INIT;
    AUTO_ASK struct cli_ask ask;
    ProtobufCMessage *reply;

    request.target = (char *)target;
    int status = cli_ask_nucleus(cli, &ask);
    if (status == CLI_DONE) {
        status = cli_ask_nucleus_for(cli, &ask, "Status", CELL__NUCLEUS__OP__OP_STATUS,
                                     &request.base, CLI_DEADLINE_MS, &reply);
    }
    if (status == CLI_DONE) {
        *ret = (Cell__Nucleus__StatusReply *)reply;
    }
    return status;
}

int cli_ask_reference(struct cli *cli, const char *text, struct name_ref *ret)
{
    if (name_ref_parse(text, ret) == ERR_OK) {
        return CLI_DONE;
    }
    return cli_fail_usage(cli, "write [NAMESPACE/]CELL[.INSTANCE] in a-z, 0-9, _ and -",
                          "\"%s\" is no name of a cell", text);
}
