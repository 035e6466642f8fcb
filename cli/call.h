/* cell call: one operation of a running cell, by the schema the cell itself hands out. */
#ifndef CELL_CLI_CALL_H
#define CELL_CLI_CALL_H

#include "cli/ask.h"
#include "common/reflect/jsonpb.h"

int cli_call_run(struct cli *cli);

/* What is needed to call one operation. */
struct cli_call {
    struct schema *schema;
    const struct schema_message *request;
    const struct schema_message *reply;
    uint32_t number;
    uint64_t fingerprint;
};

/* Learn it from the cell at the other end. CLI_FAILED after saying why, with the operations there
 * are. Free with cli_call_fini also after an error. */
int cli_call_learn(struct cli *cli, struct cli_ask *ask, const char *operation,
                   struct cli_call *ret) MUST_CHECK;
void cli_call_fini(struct cli_call *call);

#endif
