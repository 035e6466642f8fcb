/* The cell under test: serves tests/cell/testcell.proto. */
#ifndef CELL_TESTS_CELL_TESTCELL_H
#define CELL_TESTS_CELL_TESTCELL_H

#include "common/run/cell.h"

struct testcell {
    struct cell *cell;
    struct cell_metric *echoes;
    struct cell_metric *delays;
    struct testcell_later *later; /* calls that a timer will answer */
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
enum err testcell_ask(void *state, struct cell_call *call, const void *request);
enum err testcell_who(void *state, struct cell_call *call, const void *request);

#endif
