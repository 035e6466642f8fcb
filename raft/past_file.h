/* The file of old records (past.h) in the data directory. It has no name: who opens it anew begins with an empty one, and
 * what a process leaves the kernel takes. */
#ifndef CELL_RAFT_PAST_FILE_H
#define CELL_RAFT_PAST_FILE_H

#include "raft/past.h"

/* ERR_NOMEM, ERR_LIMIT: there is no room, ERR_IO. */
enum err raft_past_file_open(int dir_fd, struct raft_past_disk *ret) MUST_CHECK;

#endif
