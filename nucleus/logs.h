/* Log files of instances: opened here, written by the cells themselves, rotated over the junction. */
#ifndef CELL_NUCLEUS_LOGS_H
#define CELL_NUCLEUS_LOGS_H

#include "nucleus/shell.h"

enum {
    LOGS_PATH = SHELL_PATH_SIZE + 2 * NAME_SIZE + 64
};

/* $STATE/logs/<namespace>.<cell>.<instance>.log; older ones have .1 (newest) to .N after it. */
void logs_path(const struct shell *s, const struct node_instance *i, char out[LOGS_PATH]);

/* Open (or create, 0640) an instance's file for appending. The caller owns *ret_fd. */
enum err logs_open_file(struct shell *s, const char *space, const char *cell, uint32_t instance,
                        int *ret_fd) MUST_CHECK;

/* Have the kernel note which files are written. Where it does not (its limit of watches), every file is
 * looked at each time. */
void logs_open(struct shell *s);
void logs_close(struct shell *s);

/* Rotate every file that has outgrown limits.log, of those that were written since the last call. Returns
 * whether any may have been. */
bool logs_check(struct shell *s);

/* Look again a quarter of a second after the next line is written. False: nobody will say when. */
bool logs_wait(struct shell *s);

/* The cell writes to the file offered as `sequence` from now on. */
void logs_taken(struct shell_slot *slot, uint64_t sequence);

/* The last `lines` lines without the final newline, at most 8 KiB; free *ret. */
enum err logs_tail(const struct shell *s, const struct node_instance *i, size_t lines, char **ret)
    MUST_CHECK;

#endif
