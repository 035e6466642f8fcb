/* Log files of instances and their rotation. */
#ifndef CELL_NUCLEUS_LOGS_H
#define CELL_NUCLEUS_LOGS_H

#include "nucleus/shell.h"

enum {
    LOGS_PATH = SHELL_PATH_SIZE + 2 * NAME_SIZE + 64
};
void logs_path(const struct shell *s, const struct node_instance *i, char out[LOGS_PATH]);
enum err logs_open_file(struct shell *s, const char *space, const char *cell, uint32_t instance,
                        int *ret_fd) MUST_CHECK;
void logs_check(struct shell *s); /* rotate what has grown too large */
void logs_taken(struct shell_slot *slot, uint64_t sequence);
/* The last `lines` lines, newest last; free *ret. */
enum err logs_tail(const struct shell *s, const struct node_instance *i, size_t lines, char **ret)
    MUST_CHECK;

#endif
