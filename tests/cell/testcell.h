/* The cell under test: serves tests/cell/testcell.proto. */
#ifndef CELL_TESTS_CELL_TESTCELL_H
#define CELL_TESTS_CELL_TESTCELL_H

#include "common/run/cell.h"

struct testcell {
    struct cell *cell;
    struct cell_metric *echoes;
    struct cell_metric *delays;
    struct testcell_later *later; /* calls that a timer will answer */
    struct testcell_stream *streams;
    struct testcell_waiter *waiters; /* long polls */
    struct testcell_follow *follows;
    uint64_t *items;
    size_t item_count;
    int list_fd;  /* items, as they stand in the state directory */
    uint64_t parts, part_us, cancels, cancel_us, expired, echo_count, heard;
    bool has_stopped;
};

enum err testcell_open(struct cell *cell, void *state);
void testcell_drain(void *state);
void testcell_stop(void *state);

enum err testcell_echo(void *state, struct cell_call *call, const void *request);
enum err testcell_slow(void *state, struct cell_call *call, const void *request);
enum err testcell_never(void *state, struct cell_call *call, const void *request);
enum err testcell_fail(void *state, struct cell_call *call, const void *request);
enum err testcell_big(void *state, struct cell_call *call, const void *request);
enum err testcell_forgetful(void *state, struct cell_call *call, const void *request);
enum err testcell_who(void *state, struct cell_call *call, const void *request);

/* ---- testcell_stream.c ---- */
enum err testcell_stream_open(struct testcell *t);
void testcell_stream_stop(struct testcell *t);
enum err testcell_stream(void *state, struct cell_call *call, const void *request);
enum err testcell_counts(void *state, struct cell_call *call, const void *request);
enum err testcell_push(void *state, struct cell_call *call, const void *request);
enum err testcell_watch(void *state, struct cell_call *call, const void *request);

/* ---- testcell_client.c ---- */
void testcell_client_stop(struct testcell *t);
enum err testcell_ask(void *state, struct cell_call *call, const void *request);
enum err testcell_all(void *state, struct cell_call *call, const void *request);
enum err testcell_forward(void *state, struct cell_call *call, const struct cell_forward *request);
enum err testcell_follow(void *state, struct cell_call *call, const void *request);

#endif
