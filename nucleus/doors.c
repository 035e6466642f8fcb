#include "nucleus/doors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/run/fd.h"

static const struct {
    const char *file; /* in the run directory */
    int type;
    bool is_cells;    /* owned by the cells' user: they connect to it */
} known[GUARD_DOORS] = {
    [GUARD_DOOR_OPERATOR] = {"nucleus.sock", SOCK_STREAM, false},
    [GUARD_DOOR_CELLS] = {"nucleus/cells.sock", SOCK_STREAM, true},
    [GUARD_DOOR_GAP] = {"nucleus/gap.sock", SOCK_SEQPACKET, true},
};

void doors_path(const struct shell *s, enum guard_door door, char out[DOORS_PATH])
{
    (void)snprintf(out, DOORS_PATH, "%s/%s", s->run_dir, known[door].file);
}

/* Whether descriptor `fd` is the socket that listens at `path`, and its name still leads to a socket:
 * one whose file was removed is reachable for nobody new. */
static bool is_inherited(int fd, const char *path)
{
    struct sockaddr_un address = {0};
    socklen_t size = sizeof address;
    struct stat facts;
    int is_listening = 0;
    socklen_t flag_size = sizeof is_listening;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &flag_size) == 0 &&
           is_listening != 0 && getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
           strncmp(address.sun_path, path, sizeof address.sun_path) == 0 &&
           lstat(path, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

/* All of them or none: they are made together. */
static bool inherit(struct shell *s)
{
    char path[DOORS_PATH];
    bool is_whole = s->is_recovery;

    for (int i = 0; i < GUARD_DOORS && s->is_recovery; i++) {
        int given = GUARD_DOORS_FD + i;
        doors_path(s, (enum guard_door)i, path);
        /* Without a predecessor's sockets something of our own may have these numbers. */
        if (!is_inherited(given, path)) {
            is_whole = false;
            continue;
        }
        /* Close-on-exec, which it could not have when we were started. */
        s->door_fd[i] = fcntl(given, F_DUPFD_CLOEXEC, GUARD_LAST_FD + 1);
        is_whole = is_whole && s->door_fd[i] >= 0;
        fd_close(&given);
    }
    return is_whole;
}

static enum err make(struct shell *s, enum guard_door door)
{
    char path[DOORS_PATH];

    doors_path(s, door, path);
    (void)unlink(path); /* an earlier nucleus's: the lock says that it is gone */
    enum err e = fd_listen_unix(path, known[door].type, SOMAXCONN, &s->door_fd[door]);
    if (e == ERR_OK && known[door].is_cells && getuid() == 0 && chown(path, s->uid, s->gid) != 0) {
        e = err_from_errno(errno);
    }
    if (e != ERR_OK) {
        (void)fprintf(stderr, "cell-nucleus: %s: cannot listen: %s\n", path, err_text(e));
    }
    return e;
}

enum err doors_open(struct shell *s)
{
    enum err e = ERR_OK;

    s->has_doors = inherit(s);
    if (s->has_doors) {
        return ERR_OK;
    }
    for (int i = 0; i < GUARD_DOORS; i++) {
        fd_close(&s->door_fd[i]);
    }
    for (int i = 0; e == ERR_OK && i < GUARD_DOORS; i++) {
        e = make(s, (enum guard_door)i);
    }
    return e;
}
