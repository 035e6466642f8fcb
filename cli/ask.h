/* One request to the nucleus or to a cell, and what to tell a person when it fails. */
#ifndef CELL_CLI_ASK_H
#define CELL_CLI_ASK_H

#include <protobuf-c/protobuf-c.h>

#include "cli/cli.h"
#include "common/base/name.h"
#include "common/run/sp.h"
#include "proto/inspect.pb-c.h"
#include "proto/nucleus.pb-c.h"

/* A connection and the name of who is at its other end. */
struct cli_ask {
    int fd; /* -1: none */
    char who[NAME_REF_SIZE];
    char path[CLI_PATH_SIZE];
    char route[NAME_REF_SIZE]; /* "": who is there; else the cell of another node behind it */
};

/* Connect to the nucleus, or to the cell whose socket file `endpoint` is relative to the run
 * directory; the cell itself is meant until a route is set. quiet: says nothing on failure. Close with cli_ask_close also after an error. */
int cli_ask_nucleus(struct cli *cli, struct cli_ask *ask) MUST_CHECK;
int cli_ask_cell(struct cli *cli, const char *who, const char *endpoint, struct cli_ask *ask)
    MUST_CHECK;
enum err cli_ask_connect(struct cli *cli, const char *who, const char *endpoint,
                         struct cli_ask *ask) MUST_CHECK;
enum err cli_ask_connect_within(struct cli *cli, const char *who, const char *endpoint, uint32_t timeout_ms,
                                struct cli_ask *ask) MUST_CHECK;
void cli_ask_close(struct cli_ask *ask);

#define AUTO_ASK __attribute__((cleanup(cli_ask_close)))

/* Say why a connection could not be made. Returns CLI_FAILED. */
int cli_ask_explain_connect(struct cli *cli, const struct cli_ask *ask, enum err e);

/* Say why an operation failed. `text` is what the callee said; may be empty. */
int cli_ask_explain(struct cli *cli, const struct cli_ask *ask, const char *operation, enum err e,
                    const char *text);

/* Ask for one operation. method: "Status" of the nucleus's service, "Health" of every cell's, or one of `service`.
 * *ret is of the method's reply type: free with protobuf_c_message_free_unpacked. On an error the
 * reason was said (…_for) or is in text (cli_ask_try). */
int cli_ask_nucleus_for(struct cli *cli, struct cli_ask *ask, const char *method, uint32_t number,
                        const ProtobufCMessage *request, uint32_t timeout_ms,
                        ProtobufCMessage **ret) MUST_CHECK;
int cli_ask_cell_for(struct cli *cli, struct cli_ask *ask, const char *method, uint32_t number,
                     const ProtobufCMessage *request, uint32_t timeout_ms,
                     ProtobufCMessage **ret) MUST_CHECK;
int cli_ask_service_for(struct cli *cli, struct cli_ask *ask, const ProtobufCServiceDescriptor *service,
                        const char *method, uint32_t number, const ProtobufCMessage *request,
                        uint32_t timeout_ms, ProtobufCMessage **ret) MUST_CHECK;
enum err cli_ask_try(struct cli_ask *ask, const ProtobufCServiceDescriptor *service,
                     const char *method, uint32_t number, const ProtobufCMessage *request,
                     uint32_t timeout_ms, ProtobufCMessage **ret, char text[SP_TEXT_SIZE])
    MUST_CHECK;

/* Free a reply; NULL is fine. */
void cli_ask_free(ProtobufCMessage *message);

/* Status of `target` ("": all) by a connection of its own; *ret: free with cli_ask_free. */
int cli_ask_status(struct cli *cli, const char *target, Cell__Nucleus__StatusReply **ret) MUST_CHECK;

/* Check that `text` is a reference, for commands that take one. CLI_USAGE after saying why. */
int cli_ask_reference(struct cli *cli, const char *text, struct name_ref *ret) MUST_CHECK;

#endif
