/* File descriptors with an owner. */
#ifndef CELL_COMMON_RUN_FD_H
#define CELL_COMMON_RUN_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/macros.h"

/* Close *fd if it is open and set it to -1. Keeps errno. */
void fd_close(int *fd);

/* Close the descriptor when the variable leaves its scope; initialise it with -1. */
#define AUTO_FD __attribute__((cleanup(fd_close)))

/* Move a descriptor out of a variable that owns it. */
static inline int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* Read until end of file or `size` bytes. *ret_len says how many; errors as errno says. */
enum err fd_read_all(int fd, void *out, size_t size, size_t *ret_len) MUST_CHECK;

/* Write everything, also after short writes and EINTR. */
enum err fd_write_all(int fd, const void *data, size_t size) MUST_CHECK;

/* Read a whole file of at most `max` bytes into fresh, terminated memory (free it). ERR_LIMIT when
 * it is longer; ERR_DENIED when the last component is a symbolic link, ERR_INVALID when it is no
 * regular file. dir_fd may be AT_FDCWD. */
enum err fd_read_file(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_len)
    MUST_CHECK;

/* Replace `name` in dir_fd in one step that survives a power cut: write a temporary file, fsync,
 * rename, fsync the directory. `mode` as in open(2). After an error the old content is in place,
 * unless only the last fsync failed. ERR_INVALID: `name` is not one path component; ERR_LIMIT: it
 * is too long. System calls: openat, unlinkat, write, fsync, close, renameat, gettid. */
enum err fd_replace_file(int dir_fd, const char *name, const void *data, size_t size, mode_t mode)
    MUST_CHECK;

/* mkdir -p with `mode` for what is missing; existing directories are left as they are.
 * ERR_MALFORMED when path is not absolute; ERR_EXISTS when a component is no directory. */
enum err fd_make_dirs(const char *path, mode_t mode) MUST_CHECK;

/* Listen at the Unix socket `path`, mode 0600 from the first instant on, close-on-exec and
 * non-blocking. type: SOCK_STREAM or SOCK_SEQPACKET. ERR_LIMIT: the path is longer than sun_path;
 * ERR_EXISTS: the name is taken; ERR_DENIED, ERR_IO … */
enum err fd_listen_unix(const char *path, int type, int backlog, int *ret_fd) MUST_CHECK;

/* The same for a stream socket whose name may still be there from a process that was killed: it is taken over if nobody
 * listens at it. ERR_EXISTS: somebody does, or it is no socket. Two who do this at one moment may both believe that they have
 * the name. */
enum err fd_relisten_unix(const char *path, int backlog, int *ret_fd) MUST_CHECK;

#endif
