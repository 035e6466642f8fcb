/* The table of commands: the only place where one is described. */
#include <string.h>

#include "cli/call.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/inspect.h"
#include "cli/man.h"
#include "cli/status.h"

const struct cli_option cli_commands_global[] = {
    {"run", 0, "DIR", "the node's run directory, instead of CELL_RUN or the default", CLI_DIR},
    {"state", 0, "DIR", "the node's state directory, instead of CELL_STATE or the default", CLI_DIR},
    {"json", 0, NULL, "print JSON: one document, or one line for each item of a stream", CLI_ANY},
    {"color", 0, "WHEN", "colours: auto (on a terminal), always, never", CLI_WHEN},
    {"help", 'h', NULL, "explain the command", CLI_ANY},
    {"version", 0, NULL, "print the version", CLI_ANY},
    {0},
};

const struct cli_command cli_commands[] = {
    {
        .name = "status",
        .summary = "what runs on this node and how it is",
        .about = "Shows every instance, worst first: state, process, restarts, CPU and memory in "
                 "use, calls a second, 99th percentile latency and the age of the last heartbeat. "
                 "Below the table stands, for each instance that is not simply ready, the reason, "
                 "the last lines of its log and what to do next.",
        .params = {{"TARGET", "a cell or instance: [NAMESPACE/]CELL[.INSTANCE]", CLI_CELL, true,
                    false}},
        .examples = "everything on this node\ncell status\n"
                    "one cell\ncell status greeter\n"
                    "the states, for a program\ncell status --json | jq -r '.cells[].state'",
        .prints_json = true,
        .run = cli_status_run,
    },
    {
        .name = "inspect",
        .summary = "everything one cell says about itself",
        .about = "Shows the operations a running instance serves, its sandbox as the kernel "
                 "reports it (not as the manifest asks for it), who may call it, its connections "
                 "and its metrics. Works without a nucleus too.",
        .params = {{"NAME", "a cell or instance; of a cell the healthiest instance answers",
                    CLI_CELL, false, false}},
        .examples = "the first healthy instance of a cell\ncell inspect greeter\n"
                    "one instance\ncell inspect greeter.1\n"
                    "how many system calls it may make\n"
                    "cell inspect greeter --json | jq .sandbox.syscalls_allowed",
        .prints_json = true,
        .run = cli_inspect_run,
    },
    {
        .name = "call",
        .summary = "call an operation of a cell",
        .about = "Sends one request, given as JSON, and prints the reply as JSON. The types come "
                 "from the running cell: no compiled stub is needed. Fields are written as in the "
                 ".proto file or in lowerCamelCase; 64-bit integers are text, bytes are base64, "
                 "enum values are names or numbers. Every cell also answers Describe, Health, "
                 "Metrics, Schema, Log, Drain and Shutdown.",
        .params = {{"OPERATION", "[NAMESPACE/]CELL[.INSTANCE].Operation", CLI_OPERATION, false,
                    false},
                   {"JSON", "the request: an object, @FILE, or - for standard input; default {}",
                    CLI_ANY, true, false}},
        .options = {{"deadline", 0, "DURATION", "give up after this time, default 5s", CLI_ANY}},
        .examples = "greet\ncell call greeter.Greet '{\"name\":\"World\"}'\n"
                    "one instance, a request from a file\ncell call greeter.1.Greet @request.json\n"
                    "raise the log level of a running cell\ncell call greeter.Log '{\"level\":\"debug\"}'",
        .prints_json = true,
        .run = cli_call_run,
    },
    {
        .name = "help",
        .summary = "explain a command",
        .about = "Without COMMAND lists all commands.",
        .params = {{"COMMAND", "the command to explain", CLI_COMMAND, true, false}},
        .examples = "all commands\ncell help\none command\ncell help logs",
        .run = cli_help_run,
    },
    {
        .name = "version",
        .summary = "print the version",
        .about = "Prints the version of this command.",
        .examples = "the version\ncell version",
        .prints_json = true,
        .run = cli_help_version,
    },
    {
        .name = "completion",
        .summary = "print the completion script of a shell",
        .about = "Packages install these scripts; print one to load it by hand. Names of cells are "
                 "completed from the run directory, operations from the running cell.",
        .params = {{"SHELL", "bash, zsh or fish", CLI_SHELL, false, false}},
        .examples = "in this bash\nsource <(cell completion bash)\n"
                    "for every fish\ncell completion fish > ~/.config/fish/completions/cell.fish",
        .run = cli_complete_script,
    },
    {
        .name = "man",
        .summary = "write the manual pages",
        .about = "Writes cell.1 and a page for each command into DIR. Packages install them.",
        .params = {{"DIR", "an existing directory", CLI_DIR, false, false}},
        .examples = "read a page without installing it\ncell man /tmp && man /tmp/cell-logs.1",
        .run = cli_man_run,
    },
    {
        .name = "__complete",
        .summary = "candidates for the last of these words",
        .about = "For completion scripts.",
        .params = {{"WORD", "the words after `cell`", CLI_ANY, true, true}},
        .examples = "commands that begin with st\ncell __complete st",
        .is_hidden = true,
        .run = cli_complete_run,
    },
    {0},
};

const struct cli_command *cli_commands_find(const char *name)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}
