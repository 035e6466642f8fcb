/* The frame of a process, shared by cell.c (cells) and supervisor.c. Not installed. */
#ifndef CELL_COMMON_RUN_FRAME_H
#define CELL_COMMON_RUN_FRAME_H

#include "common/run/host.h"

/* Log that `phase` failed, unless e is ERR_OK. Returns e. */
enum err frame_refuse(const char *phase, enum err e) MUST_CHECK;

/* Loop, state, table of operations and the `open` hook. */
enum err frame_open(struct cell *cell) MUST_CHECK;

/* SIGTERM and SIGINT end this process in order. ERR_LIMIT. */
enum err frame_catch_signals(struct cell *cell) MUST_CHECK;

/* Run the loop until told to stop. Returns the exit status. */
int frame_serve(struct cell *cell);

/* The last word on the junction, if there is one. */
void frame_say_stopped(struct cell *cell, const char *reason);

/* Cancel, `stop`, and free everything; accepts a half-made process. */
void frame_close(struct cell *cell);

#endif
