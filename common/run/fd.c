#include "common/run/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    FD_CHUNK = 4096, /* first guess for files that do not tell their size (/proc) */
};

void fd_close(int *fd)
{
    int kept = errno;

    if (*fd >= 0) {
        (void)close(*fd); /* Linux frees the descriptor whatever it returns; never to be retried */
        *fd = -1;
    }
    errno = kept;
}

enum err fd_read_all(int fd, void *out, size_t size, size_t *ret_len)
{
    size_t len = 0;

    while (len < size) {
        ssize_t got = read(fd, (char *)out + len, size - len);
        if (got == 0) {
            break;
        }
        if (got > 0) {
            len += (size_t)got;
        } else if (errno != EINTR) {
            return err_from_errno(errno);
        }
    }
    *ret_len = len;
    return ERR_OK;
}

enum err fd_write_all(int fd, const void *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t put = write(fd, (const char *)data + done, size - done);
        if (put > 0) {
            done += (size_t)put;
        } else if (put == 0) {
            return ERR_IO; /* no file does this; looping on it would never end */
        } else if (errno != EINTR) {
            return err_from_errno(errno);
        }
    }
    return ERR_OK;
}

/* O_NONBLOCK: opening a pipe somebody left there must not hang; it does nothing to a file. */
static enum err open_regular(int dir_fd, const char *path, int *ret, size_t *ret_size)
{
    struct stat st;
    AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0) {
        return errno == ELOOP ? ERR_DENIED : err_from_errno(errno);
    }
    if (fstat(fd, &st) != 0) {
        return err_from_errno(errno);
    }
    if (!S_ISREG(st.st_mode)) {
        return ERR_INVALID;
    }
    *ret_size = st.st_size > 0 ? (size_t)st.st_size : 0;
    *ret = fd_take(&fd);
    return ERR_OK;
}

enum err fd_read_file(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_len)
{
    AUTO_FD int fd = -1;
    AUTO_FREE char *text = NULL;
    size_t size = 0, len = 0, got;

    if (max > SSIZE_MAX - 2) {
        return ERR_INVALID;
    }
    enum err e = open_regular(dir_fd, path, &fd, &size);
    if (e != ERR_OK) {
        return e;
    }
    /* The size is a hint only: the file may grow meanwhile, and /proc says 0. One byte more than
     * expected is read to meet the end of file, and one more terminates. */
    size_t room = size > max ? max : size < FD_CHUNK ? FD_CHUNK : size;
    for (;;) {
        room = room > max ? max : room;
        char *more = realloc(text, room + 2);
        if (more == NULL) {
            return ERR_NOMEM;
        }
        text = more;
        e = fd_read_all(fd, text + len, room + 1 - len, &got);
        if (e != ERR_OK) {
            return e;
        }
        len += got;
        if (len <= room) {
            break;
        }
        if (room == max) {
            return ERR_LIMIT;
        }
        room = room > max / 2 ? max : 2 * room;
    }
    text[len] = '\0';
    *ret = take_ptr(&text);
    *ret_len = len;
    return ERR_OK;
}

/* Write and sync the file that is to take the name's place. */
static enum err write_fresh(int dir_fd, const char *name, const void *data, size_t size,
                            mode_t mode)
{
    /* The one that has this name now is our own, left behind by a crash: see temporary_name. */
    if (unlinkat(dir_fd, name, 0) != 0 && errno != ENOENT) {
        return err_from_errno(errno);
    }
    AUTO_FD int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err e = fd_write_all(fd, data, size);
    if (e != ERR_OK) {
        return e;
    }
    if (fsync(fd) != 0) {
        return err_from_errno(errno);
    }
    int raw = fd_take(&fd);
    return close(raw) == 0 ? ERR_OK : err_from_errno(errno); /* network disks report here */
}

/* One name a thread, so that two writers never share a file, and the next one to get the thread's
 * number removes what a crash left: leftovers do not pile up. */
static bool temporary_name(const char *name, char out[NAME_MAX + 1])
{
    int len = snprintf(out, NAME_MAX + 1, ".%s.%d.new", name, (int)gettid());

    return len > 0 && len <= NAME_MAX;
}

enum err fd_replace_file(int dir_fd, const char *name, const void *data, size_t size, mode_t mode)
{
    char fresh[NAME_MAX + 1];

    if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0) {
        return ERR_INVALID;
    }
    if (!temporary_name(name, fresh)) {
        return ERR_LIMIT;
    }
    /* Opened first, so that a directory that cannot be synced is refused before anything changes;
     * also makes AT_FDCWD and O_PATH descriptors usable. */
    AUTO_FD int dir = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return err_from_errno(errno);
    }
    enum err e = write_fresh(dir, fresh, data, size, mode);
    if (e == ERR_OK && renameat(dir, fresh, dir, name) != 0) {
        e = err_from_errno(errno);
    }
    if (e != ERR_OK) {
        (void)unlinkat(dir, fresh, 0); /* best effort: the first error is the one to report */
        return e;
    }
    return fsync(dir) == 0 ? ERR_OK : err_from_errno(errno);
}

/* Make one directory unless there is one. */
static enum err make_dir(const char *path, mode_t mode)
{
    struct stat st;

    if (mkdir(path, mode) == 0) {
        return ERR_OK;
    }
    int why = errno;
    /* Asked after mkdir, not before: another process may make it at the same time. */
    if (stat(path, &st) == 0) {
        return S_ISDIR(st.st_mode) ? ERR_OK : ERR_EXISTS;
    }
    return why == ENOTDIR || why == EEXIST ? ERR_EXISTS : err_from_errno(why);
}

enum err fd_make_dirs(const char *path, mode_t mode)
{
    char part[PATH_MAX];

    if (path[0] != '/') {
        return ERR_MALFORMED;
    }
    size_t len = strnlen(path, sizeof part);
    if (len == sizeof part) {
        return ERR_LIMIT;
    }
    /* Mostly all but the last stands already: a node of a hundred cells asks for hundreds. */
    enum err whole = make_dir(path, mode);
    if (whole != ERR_NOT_FOUND) {
        return whole;
    }
    for (size_t i = 1; i <= len; i++) {
        if ((path[i] == '/' || path[i] == '\0') && path[i - 1] != '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            enum err e = make_dir(part, mode);
            if (e != ERR_OK) {
                return e;
            }
        }
    }
    return ERR_OK;
}

enum err fd_listen_unix(const char *path, int type, int backlog, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_FD int fd = -1;

    if (strlen(path) >= sizeof address.sun_path) {
        return ERR_LIMIT;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    mode_t before = umask(S_IRWXG | S_IRWXO | S_IXUSR);
    int failed = bind(fd, (struct sockaddr *)&address, sizeof address);
    int why = errno;
    (void)umask(before);
    if (failed != 0) {
        return why == EADDRINUSE ? ERR_EXISTS : err_from_errno(why);
    }
    if (listen(fd, backlog) != 0) {
        return err_from_errno(errno);
    }
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

/* path: no longer than sun_path has room for. */
static bool is_dead(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;

    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno == ECONNREFUSED;
}

enum err fd_relisten_unix(const char *path, int backlog, int *ret_fd)
{
    enum err e = fd_listen_unix(path, SOCK_STREAM, backlog, ret_fd);

    if (e == ERR_EXISTS && is_dead(path) && unlink(path) == 0) {
        e = fd_listen_unix(path, SOCK_STREAM, backlog, ret_fd);
    }
    return e;
}
