/* The run directory: which sockets are reachable, and by whom.
 *
 *   $RUN/nucleus.sock                      the operator's door to the supervisor
 *   $RUN/<namespace>/<cell>.<i>.sock       the operator's door to an instance
 *   $RUN/bind/<namespace>.<cell>/          where a cell creates its sockets (it sees nothing else)
 *   $RUN/doors/<namespace>.<cell>/         what a cell may call: its own door to each callee,
 *                                          mounted as its whole run directory
 *
 * A door appears by hard link and rename, so that a name leads to the old process or to the new
 * one, never to nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/door.h"
#include "common/run/fd.h"
#include "nucleus/doors.h"
#include "nucleus/pages.h"
#include "nucleus/publish.h"

enum {
    PUBLISH_PATH = SHELL_PATH_SIZE + 4 * NAME_SIZE + 64
};

/* Make a directory that belongs to the cells' user. By descriptor, and never through a link: a twin of
 * a cell may write where the states of all its instances are, and what it puts there in place of one
 * would be given to its user, whatever it names. */
static enum err make_owned(const struct shell *s, const char *path, mode_t mode)
{
    enum err e = fd_make_dirs(path, mode);

    if (e != ERR_OK) {
        return e;
    }
    AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOTDIR || errno == ELOOP ? ERR_EXISTS : err_from_errno(errno);
    }
    if (getuid() == 0 && s->uid != 0 && fchown(fd, s->uid, s->gid) != 0) {
        return err_from_errno(errno);
    }
    return ERR_OK;
}

/* Open what `path` names without following it, and only if it is a socket: a cell may put anything
 * into the directory it binds in, and what is linked from there others connect to. */
static enum err open_socket_file(const char *path, int *ret_fd)
{
    struct stat facts;
    AUTO_FD int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &facts) != 0) {
        return err_from_errno(errno);
    }
    if (!S_ISSOCK(facts.st_mode)) {
        return ERR_DENIED;
    }
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

/* Let `to` name the socket `from`, replacing what it named, in one step. */
static enum err link_over(const char *from, const char *to)
{
    char fresh[2 * PUBLISH_PATH + 8];
    char held[64];
    struct stat source, target;
    AUTO_FD int fd = -1;
    enum err e = open_socket_file(from, &fd);

    if (e != ERR_OK) {
        return e;
    }
    if (fstat(fd, &source) == 0 && lstat(to, &target) == 0 && source.st_ino == target.st_ino &&
        source.st_dev == target.st_dev) {
        return ERR_OK; /* it does already: a cell that rejoined is where it was */
    }
    /* By descriptor: it is the very file that was looked at, whatever has its name by now. */
    (void)snprintf(held, sizeof held, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, held, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0) {
        return ERR_OK; /* it named nothing */
    }
    (void)snprintf(fresh, sizeof fresh, "%s.new", to);
    (void)unlink(fresh); /* of a nucleus that died right here */
    if (linkat(AT_FDCWD, held, AT_FDCWD, fresh, AT_SYMLINK_FOLLOW) != 0 ||
        rename(fresh, to) != 0) {
        return err_from_errno(errno);
    }
    (void)unlink(fresh); /* rename does nothing when both already name one socket */
    return ERR_OK;
}

/* The supervisor's own sockets in a cell's view. */
static enum err link_nucleus(const struct shell *s, const char *doors)
{
    static const char *const file[] = {"nucleus.sock", "gap.sock"};
    static const char *const source[] = {"cells.sock", "gap.sock"};

    for (size_t i = 0; i < ARRAY_LEN(file); i++) {
        char from[PUBLISH_PATH], to[2 * PUBLISH_PATH];
        (void)snprintf(from, sizeof from, "%s/nucleus/%s", s->run_dir, source[i]);
        (void)snprintf(to, sizeof to, "%s/%s", doors, file[i]);
        enum err e = link_over(from, to);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

enum err publish_prepare(struct shell *s, const struct manifest_cell *c)
{
    char path[PUBLISH_PATH];

    (void)snprintf(path, sizeof path, "%s/%s", s->run_dir, c->space);
    enum err e = fd_make_dirs(path, 0711);
    if (e == ERR_OK) {
        (void)snprintf(path, sizeof path, "%s/bind/%s.%s", s->run_dir, c->space, c->name);
        e = make_owned(s, path, 0700);
    }
    if (e == ERR_OK) {
        (void)snprintf(path, sizeof path, "%s/doors/%s.%s", s->run_dir, c->space, c->name);
        e = make_owned(s, path, 0700);
    }
    return e == ERR_OK ? link_nucleus(s, path) : e;
}

enum err publish_prepare_state(struct shell *s, const struct manifest_cell *c, uint32_t instance)
{
    char path[PUBLISH_PATH];

    (void)snprintf(path, sizeof path, "%s/cells/%s.%s", s->state_dir, c->space, c->name);
    enum err e = make_owned(s, path, 0700);
    if (e == ERR_OK) {
        (void)snprintf(path, sizeof path, "%s/cells/%s.%s/%" PRIu32, s->state_dir, c->space,
                       c->name, instance);
        e = make_owned(s, path, 0700);
    }
    return e;
}

enum err publish_open(struct shell *s)
{
    char path[PUBLISH_PATH];
    static const char *const for_cells[] = {
        "nucleus.Resolve", "nucleus.Rekey", "nucleus.Heartbeat", "nucleus.Status",  "nucleus.Scale", "nucleus.Events",
        "nucleus.Start",   "nucleus.Stop",      "nucleus.Restart", "nucleus.Apply",
    };

    (void)snprintf(path, sizeof path, "%s/logs", s->state_dir);
    enum err e = fd_make_dirs(path, 0750);
    if (e == ERR_OK && chmod(s->run_dir, 0711) != 0) {
        e = err_from_errno(errno); /* the cells' user must pass through, not list */
    }
    if (e != ERR_OK) {
        (void)fprintf(stderr, "cell-nucleus: %s: %s\n", path, err_text(e));
        return e;
    }
    e = doors_open(s);
    if (e != ERR_OK) {
        return e;
    }
    doors_path(s, GUARD_DOOR_OPERATOR, path);
    e = door_listen_on(s->cell, s->door_fd[GUARD_DOOR_OPERATOR], path, "", "", NULL, 0);
    if (e != ERR_OK) {
        return e;
    }
    /* Cells come through a door of their own; which of them it is, the kernel says by pid. What
     * each may call beyond Resolve and Heartbeat is checked per request against its may_call. */
    doors_path(s, GUARD_DOOR_CELLS, path);
    return door_listen_on(s->cell, s->door_fd[GUARD_DOOR_CELLS], path, "cell", "any",
                          (char *const *)for_cells, ARRAY_LEN(for_cells));
}

/* Where `endpoint` of this instance is reachable. */
static void place(const struct shell *s, const struct node_instance *i,
                  const struct shell_endpoint *endpoint, char out[PUBLISH_PATH])
{
    if (endpoint->cell[0] == '\0') {
        (void)snprintf(out, PUBLISH_PATH, "%s/%s/%s.%" PRIu32 ".sock", s->run_dir, i->space,
                       i->name, i->instance);
    } else {
        (void)snprintf(out, PUBLISH_PATH, "%s/doors/%s.%s/%s/%s.%" PRIu32 ".sock", s->run_dir,
                       endpoint->space, endpoint->cell, i->space, i->name, i->instance);
    }
}

/* The directory of `path` exists (a caller sees a folder per namespace). */
static enum err make_parent(const struct shell *s, const char *path)
{
    char parent[PUBLISH_PATH];

    (void)snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        return ERR_INVALID;
    }
    *slash = '\0';
    if (access(parent, F_OK) == 0) {
        return ERR_OK;
    }
    return make_owned(s, parent, 0700);
}

void publish_slot(struct shell_slot *slot)
{
    struct shell *s = slot == NULL ? NULL : slot->shell;
    const struct node_instance *i = slot == NULL ? NULL : node_at(s->node, slot->slot);

    if (i == NULL) {
        return;
    }
    slot->is_published = true;
    for (size_t k = 0; k < slot->endpoint_count; k++) {
        char from[PUBLISH_PATH + SP_PATH_MAX], to[PUBLISH_PATH];
        (void)snprintf(from, sizeof from, "%s/bind/%s.%s/%s", s->run_dir, i->space, i->name,
                       slot->endpoints[k].file);
        place(s, i, &slot->endpoints[k], to);
        enum err e = make_parent(s, to);
        if (e == ERR_OK) {
            e = link_over(from, to);
        }
        if (e != ERR_OK) {
            log_error("NUCLEUS-PUBLISH", "cell=%s/%s.%" PRIu32 " door=%s error=%s action=unreachable",
                      i->space, i->name, i->instance, slot->endpoints[k].file, err_name(e));
        }
    }
}

void publish_undo(struct shell_slot *slot)
{
    struct shell *s = slot == NULL ? NULL : slot->shell;
    const struct node_instance *i =
        slot == NULL || s->node == NULL ? NULL : node_at(s->node, slot->slot);

    if (slot == NULL) {
        return;
    }
    for (size_t k = 0; i != NULL && slot->is_published && k < slot->endpoint_count; k++) {
        char path[PUBLISH_PATH];
        place(s, i, &slot->endpoints[k], path);
        if (unlink(path) != 0 && errno != ENOENT) {
            log_error("NUCLEUS-UNPUBLISH", "path=%s errno=%d", path, errno);
        }
    }
    slot->is_published = false;
}

/* ---- leaving nothing behind -------------------------------------------------------------------- */

/* Remove a directory tree of sockets and directories; anything else stays and keeps its parents. */
static void remove_sockets(int dir_fd, const char *name, int depth)
{
    int fd = depth > 4 ? -1 : openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL) {
        fd_close(&fd);
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        struct stat facts;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        if (S_ISSOCK(facts.st_mode)) {
            (void)unlinkat(fd, entry->d_name, 0);
        } else if (S_ISDIR(facts.st_mode)) {
            remove_sockets(fd, entry->d_name, depth + 1);
        }
    }
    (void)closedir(dir);
    (void)unlinkat(dir_fd, name, AT_REMOVEDIR); /* stays when something of somebody else is in it */
}

void publish_sweep(struct shell *s)
{
    AUTO_FD int run = open(s->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (run < 0) {
        return;
    }
    remove_sockets(run, "doors", 0);
    remove_sockets(run, "bind", 0);
    for (size_t i = 0; i < s->manifest.cell_count; i++) {
        remove_sockets(run, s->manifest.cells[i].space, 0);
    }
    pages_remove(s);
    (void)unlinkat(run, "nucleus.sock", 0);
    (void)unlinkat(run, "nucleus/cells.sock", 0);
    (void)unlinkat(run, "nucleus/gap.sock", 0);
    (void)unlinkat(run, "root", AT_REMOVEDIR);
}
