/* Wait until instances are as wished, woken by the nucleus's events instead of by a clock. */
#ifndef CELL_CLI_WAIT_H
#define CELL_CLI_WAIT_H

#include "cli/ask.h"
#include "cli/view.h"

enum {
    CLI_WAIT_DEADLINE_MS = 30000, /* booting takes milliseconds; this is for a loaded machine */
};

/* What one instance contributes to the wish. */
enum cli_wait_verdict {
    CLI_WAIT_DONE,
    CLI_WAIT_NOT_YET,
    CLI_WAIT_NEVER, /* it will not happen without a person */
};

struct cli_wait {
    struct cli *cli;
    uint32_t deadline_ms; /* from the start of cli_wait_until */
    /* Judge one instance; `context` is the caller's. */
    enum cli_wait_verdict (*judge)(const void *context, const cli_view_instance *i);
    const void *context;
    const char *wish; /* "ready", for messages */
};

/* *ret: the state in which the wish was fulfilled, or NULL when nothing was asked. CLI_FAILED after
 * naming the instances that are not as wished, why, and their last words. */
int cli_wait_until(struct cli_wait *w, Cell__Nucleus__StatusReply **ret) MUST_CHECK;

/* Ready, in this or a newer build; a stopped one is not wanted. */
enum cli_wait_verdict cli_wait_ready(const void *context, const cli_view_instance *i);

/* Print the last lines of an instance's log to standard error, "    | …", from the status or from
 * the file. */
void cli_wait_last_words(struct cli *cli, const cli_view_instance *i);

#endif
