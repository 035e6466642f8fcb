/* The key of a handshake in a file, for processes outside the supervisor's reach. */
#ifndef CELL_COMMON_RUN_SHM_TOKEN_H
#define CELL_COMMON_RUN_SHM_TOKEN_H

#include <sys/types.h>

#include "common/run/shm.h"

/* Read the 32 bytes of a token file. All is asked of the descriptor that is read, nothing of the path:
 * what the name means a moment later has no influence. ERR_DENIED: a symbolic link, no regular file,
 * another owner than `owner`, a mode that is not 0600, or a second name; ERR_MALFORMED: not 32 bytes;
 * or as errno says. On error `key` is untouched. dir_fd may be AT_FDCWD. */
enum err shm_token_read(int dir_fd, const char *path, uid_t owner, uint8_t key[SHM_KEY_LEN]) MUST_CHECK;

/* Write a fresh random token to `name` in dir_fd, mode 0600, in one step. Errors of fd_replace_file. */
enum err shm_token_make(int dir_fd, const char *name) MUST_CHECK;

#endif
