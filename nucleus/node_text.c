/* Words for people: names of states and events, how a process ended. */
#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "nucleus/node_rooms.h"

const char *node_state_name(enum node_state state)
{
    static const char *const name[] = {"empty",    "waiting", "booting", "listening", "ready",
                                       "draining", "stopped", "failed",  "crash-loop"};

    assert((size_t)state < ARRAY_LEN(name));
    return name[state];
}

const char *node_event_name(enum node_event_kind kind)
{
    static const char *const name[] = {
        "clock",    "manifest", "adopt",  "adopt-scale", "spawned", "spawn-failed", "booting",
        "listening", "ready",   "draining", "stopped",   "rejoin",  "exited",       "beat",
        "sample",   "start",    "stop",   "restart",     "scale",   "down"};

    assert((size_t)kind < ARRAY_LEN(name));
    return name[kind];
}

/* The signals a crash report names; libc's names are not part of a pure core. */
static const char *signal_name(int32_t number)
{
    static const struct {
        int32_t number;
        const char *name;
    } known[] = {{1, "SIGHUP"},   {2, "SIGINT"},   {3, "SIGQUIT"},  {4, "SIGILL"},
                 {5, "SIGTRAP"},  {6, "SIGABRT"},  {7, "SIGBUS"},   {8, "SIGFPE"},
                 {9, "SIGKILL"},  {11, "SIGSEGV"}, {13, "SIGPIPE"}, {14, "SIGALRM"},
                 {15, "SIGTERM"}, {24, "SIGXCPU"}, {25, "SIGXFSZ"}, {31, "SIGSYS"}};

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].number == number) {
            return known[i].name;
        }
    }
    return "";
}

void node_text_exit(const struct node_event *ev, bool was_ready, char out[NODE_REASON_SIZE])
{
    const char *when = was_ready ? "" : " before it was ready";
    struct bytes_text t;

    bytes_text_init(&t, out, NODE_REASON_SIZE);
    if (ev->signal > 0) {
        const char *name = signal_name(ev->signal);
        bytes_text_add(&t, "killed by signal %d%s%s%s%s", ev->signal, *name ? " (" : "", name,
                       *name ? ")" : "", when);
    } else if (ev->exit_code == 0) {
        bytes_text_add(&t, "ended by itself with exit status 0%s", when);
    } else if (ev->exit_code == NODE_EXIT_USAGE) {
        bytes_text_add(&t, "exit status %d (wrong usage)%s", ev->exit_code, when);
    } else if (ev->exit_code == NODE_EXIT_CONFIG) {
        bytes_text_add(&t, "exit status %d (wrong configuration)%s", ev->exit_code, when);
    } else if (ev->exit_code > 0) {
        bytes_text_add(&t, "exit status %d%s", ev->exit_code, when);
    } else {
        bytes_text_add(&t, "ended, nobody knows how%s", when);
    }
    if (ev->text != NULL && ev->text[0] != '\0') {
        bytes_text_add(&t, ": %s", ev->text);
    }
}

void node_text_printable(const char *text, char out[NODE_REASON_SIZE])
{
    struct bytes_text t;

    bytes_text_init(&t, out, NODE_REASON_SIZE);
    bytes_text_add_printable(&t, text, strnlen(text, NODE_REASON_SIZE));
}
