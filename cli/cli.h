/* One run of the `cell` command: what was asked for, where, and how to answer.
 *
 * A command is a row of the table in commands.c. Usage text, manual pages and completion are made
 * from the same row, so a row is all there is to know about a command. */
#ifndef CELL_CLI_CLI_H
#define CELL_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    CLI_ARGS_MAX = 64,      /* words after the command; a shell's glob over cells gives fewer */
    CLI_OPTIONS_MAX = 16,   /* of one command, and the end of the list                        */
    CLI_PARAMS_MAX = 3,     /* kinds of arguments of one command                              */
    CLI_PATH_SIZE = 4096,
    CLI_HINT_SIZE = 1024,   /* of what to do: a sentence with two names */
    CLI_DEADLINE_MS = 2000, /* for an answer from this node: a person waits no longer         */

    CLI_DONE = 0,   /* exit status: done                        */
    CLI_FAILED = 1, /* refused or failed; one line says why     */
    CLI_USAGE = 2,  /* the command line itself is wrong         */
};

/* What a word of the command line can be, for completion. */
enum cli_kind {
    CLI_ANY,       /* free text: nothing to complete          */
    CLI_CELL,      /* a cell or instance of the run directory */
    CLI_OPERATION, /* CELL.Operation                          */
    CLI_LOG,       /* something with a log                    */
    CLI_FILE,
    CLI_DIR,
    CLI_COMMAND,
    CLI_SHELL,
    CLI_WHEN, /* auto, always, never */
};

struct cli_option {
    const char *name;  /* without dashes; NULL ends a list */
    char letter;       /* 0: none                          */
    const char *value; /* NULL: a switch                   */
    const char *help;
    enum cli_kind kind; /* of the value */
};

struct cli_param {
    const char *name; /* NULL ends a list */
    const char *help;
    enum cli_kind kind;
    bool is_optional;
    bool repeats;
};

struct cli;

struct cli_command {
    const char *name;
    const char *summary; /* one line, no full stop */
    const char *about;   /* paragraphs, each on one line */
    struct cli_param params[CLI_PARAMS_MAX];
    struct cli_option options[CLI_OPTIONS_MAX];
    const char *examples; /* pairs of lines: what it does, the command */
    bool prints_json;     /* --json makes a difference */
    bool is_hidden;       /* for programs, not for people */
    int (*run)(struct cli *cli);
};

struct cli_given {
    const struct cli_option *option;
    const char *value; /* NULL for a switch */
};

struct cli {
    const struct cli_command *command;
    char **argv; /* as the process got it */
    const char *args[CLI_ARGS_MAX]; /* borrowed from argv */
    size_t arg_count;
    struct cli_given given[CLI_ARGS_MAX];
    size_t given_count;
    bool json;
    bool is_colored;     /* of standard output */
    bool is_interactive; /* standard error is a terminal: progress may be shown */
    char run_dir[CLI_PATH_SIZE];
    char state_dir[CLI_PATH_SIZE];
};

/* The table and the options every command has; both end with a NULL name. */
extern const struct cli_command cli_commands[];
extern const struct cli_option cli_commands_global[];

/* The row of that name, or NULL. */
const struct cli_command *cli_commands_find(const char *name);

/* Be the command argv asks for. Returns the exit status. */
int cli_args_main(int argc, char **argv);

/* Whether the option was given, and its last value (NULL: not given). */
bool cli_args_has(const struct cli *cli, const char *option);
const char *cli_args_value(const struct cli *cli, const char *option);

/* The n-th value of an option that may be repeated; NULL past the last. */
const char *cli_args_value_at(const struct cli *cli, const char *option, size_t n);

/* A duration or a number given as option. Untouched when it is not given; CLI_USAGE after saying
 * why when it is no duration, or no number from min to max. */
int cli_args_duration_ms(struct cli *cli, const char *option, uint32_t *ret_ms) MUST_CHECK;
int cli_args_number(struct cli *cli, const char *option, uint32_t min, uint32_t max,
                    uint32_t *ret) MUST_CHECK;

/* One line on standard error: what and why, then what to do (NULL: nothing to add); with --json an
 * object. Returns CLI_FAILED, so that a handler can end with it. */
int cli_fail(struct cli *cli, enum err e, const char *hint, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* The same for a wrong command line. Returns CLI_USAGE. */
int cli_fail_usage(struct cli *cli, const char *hint, const char *format, ...) PRINTF_LIKE(3, 4);

/* A remark on standard error that is no error, "cell: …"; with --json an object. */
void cli_fail_note(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
