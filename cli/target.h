/* From a name a person typed to the socket of one running instance. */
#ifndef CELL_CLI_TARGET_H
#define CELL_CLI_TARGET_H

#include "cli/ask.h"
#include "common/base/name.h"

/* One instance that answers. */
struct cli_target {
    char who[NAME_REF_SIZE];      /* "space/greeter.0", as messages name it   */
    char endpoint[NAME_REF_SIZE]; /* relative to the run directory            */
    char route[NAME_REF_SIZE];    /* of a cell of another node, whose way leads through `endpoint`, the
                                   * gateway's; "": none is needed            */
    bool is_nucleus;
    bool is_found_alone;          /* by its socket file: the nucleus could not be asked */
};

/* Find a live instance for `ref`: the named one, or the best of the cell. Asks the nucleus; without
 * one looks for socket files, so that cells can still be examined when the nucleus is gone. One that starts, or is about to
 * be started again, is waited for, CLI_DEADLINE_MS at most.
 * CLI_FAILED or CLI_USAGE after saying why. */
int cli_target_find(struct cli *cli, const struct name_ref *ref, struct cli_target *ret) MUST_CHECK;

/* The same, for "greeter@db-2" and "greeter@*" too: then the target is this node's gateway, with a route; and so it is for
 * "greeter" when only other nodes have it. What nobody has and starts on demand is started. */
int cli_target_find_anywhere(struct cli *cli, const struct name_ref *ref, struct cli_target *ret) MUST_CHECK;

/* Connect to the cell of this name on this node, which may be "raft.1" or "blue/dht". Close with cli_ask_close also after an
 * error. CLI_FAILED or CLI_USAGE after saying why. */
int cli_target_connect(struct cli *cli, const char *cell, struct cli_ask *ask) MUST_CHECK;

/* Find one by socket files alone: no question to anybody, so for completion too. false: there is none;
 * then *ret is unspecified. */
bool cli_target_socket(struct cli *cli, const struct name_ref *ref, struct cli_target *ret);

/* Split "space/greeter.0.Greet" at the last dot. CLI_USAGE after saying why. */
int cli_target_operation(struct cli *cli, const char *text, struct name_ref *ret_ref,
                         char ret_operation[NAME_SIZE]) MUST_CHECK;

#endif
