/* A nucleus for one test: starts the cell under test with a gap junction on fd 3, tells it who it
 * is, hears what it says, and serves nucleus.sock. Every wait has a deadline; a step that the rest
 * depends on ends the test (REQUIRE). */
#ifndef CELL_TESTS_CELL_FAKE_H
#define CELL_TESTS_CELL_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/run/gap.h"
#include "common/run/sp.h"
#include "proto/envelope.pb-c.h"
#include "proto/inspect.pb-c.h"
#include "testcell.pb-c.h"

enum {
    FAKE_PATH_SIZE = 128,
    FAKE_TOKEN_LEN = 32,
    FAKE_PATIENCE_MS = 20000, /* for what must happen, on a loaded machine with sanitizers */
    FAKE_CALLERS_MAX = 8,
    FAKE_OPERATIONS_MAX = 4,
};

struct fake_caller {
    const char *space;
    const char *cell;
    const char *operations[FAKE_OPERATIONS_MAX];
};

/* What Genesis says; zero means the usual. */
struct fake_spec {
    uint32_t instance;
    uint32_t calls_waiting;   /* 1024 */
    uint32_t message_bytes;   /* 1 MiB */
    uint32_t heartbeat_ms;    /* 1000 */
    uint32_t rejoin_grace_ms; /* 60000 */
    const char *log_level;    /* "debug" */
    const char *config;
    const struct fake_caller *callers;
    size_t caller_count;
    const char *const *descriptors; /* names */
    const int *fds;
    size_t fd_count;
};

struct fake {
    pid_t pid;
    int pidfd;
    int gap;
    uint32_t instance;
    uint8_t token[FAKE_TOKEN_LEN];
    char run_dir[FAKE_PATH_SIZE];
    char bind_dir[FAKE_PATH_SIZE];
    char state_dir[FAKE_PATH_SIZE];
    char log_path[FAKE_PATH_SIZE];
};

/* argv of the test: [1] is the cell under test. Makes the scratch directory. */
void fake_init(int argc, char **argv);
const char *fake_program(void);
const char *fake_run_dir(void);

/* Start the process and say nothing yet. argv: NULL, or its arguments after its name. */
void fake_spawn(struct fake *f, const struct fake_spec *spec, const char *const *argv);
/* Send Genesis as `spec` has it. */
void fake_say_genesis(struct fake *f, const struct fake_spec *spec);
/* Both, and wait until it is ready: the usual beginning. */
void fake_start(struct fake *f, const struct fake_spec *spec);
/* End it with SIGKILL and forget it; fine on one that ended. */
void fake_end(struct fake *f);
/* Terminate it in order and claim that it ends with status 0. */
void fake_finish(struct fake *f);

/* Exit status, or minus the signal; -1000: it still runs after timeout_ms. */
int fake_exit_status(struct fake *f, uint32_t timeout_ms);

void fake_say(int gap, const Cell__Gap__ToCell *message);
void fake_say_drain(int gap);
/* Next message; NULL at the end of the junction. Free it with fake_heard_free. */
Cell__Gap__ToNucleus *fake_hear(int gap, uint32_t timeout_ms);
void fake_heard_free(Cell__Gap__ToNucleus *message);
/* The next message is this one. */
void fake_expect(int gap, Cell__Gap__ToNucleus__WhatCase what);

/* Grant one caller these operations on a living junction; none: take them back. */
void fake_say_grant(int gap, const struct fake_caller *caller);

/* Path of a door's socket; empty names: the operator's. Valid until the next call but three. */
const char *fake_door(const struct fake *f, const char *space, const char *cell);
/* Make the door of `cell` at f visible where callers look: run_dir/default/testcell.N.sock. */
void fake_publish(const struct fake *f, const char *space, const char *cell);

/* One call over a connection of its own. *ret may be NULL when the answer does not matter. */
enum err fake_call(const char *path, uint32_t operation, const ProtobufCMessage *request,
                   const ProtobufCMessageDescriptor *reply_type, uint32_t timeout_ms,
                   ProtobufCMessage **ret, char text[SP_TEXT_SIZE]);
enum err fake_echo(const char *path, const char *text);

/* Value of a metric, of a label too when label is not NULL ("operation=Echo" is any label of that
 * value); -1 when it is not reported. Asked over the operator's door. */
double fake_metric(const struct fake *f, const char *name, const char *label_1,
                   const char *label_2);
/* Wait until it has the value (a metric may lag behind what a client saw). */
bool fake_metric_becomes(const struct fake *f, const char *name, double value);

/* The log so far, fresh memory. */
char *fake_log(const struct fake *f);
/* Lines with this id, and this text after it when it is not NULL. */
size_t fake_log_lines(const struct fake *f, const char *id, const char *text);
bool fake_log_waits(const struct fake *f, const char *id, const char *text); /* for the first */
size_t fake_log_count(const struct fake *f, const char *text);

/* Open descriptors of the process. */
size_t fake_fd_count(const struct fake *f);
/* Wait until the process's first thread sleeps in this system call. */
bool fake_sleeps_in(const struct fake *f, long number);
uint64_t fake_now_us(void);

/* A pause while waiting for a state, never a claim by itself. */
void fake_nap_ms(uint32_t ms);

#endif
