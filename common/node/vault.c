#include "common/node/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"

enum {
    VAULT_DIR_MODE = 0700,
    VAULT_FILE_MODE = 0600,
    VAULT_OTHERS = 0077,
};

PRINTF_LIKE(3, 4)
static enum err refuse(struct vault *v, enum err e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(v->why, sizeof v->why, format, args);
    va_end(args);
    return e;
}

static enum err refuse_errno(struct vault *v, const char *name, int number)
{
    return refuse(v, err_from_errno(number), "%.200s/%s: %s", v->path, name, strerror(number));
}

/* What must hold of a directory or file for its contents to be believed and kept secret. */
static enum err check_owner(struct vault *v, const char *name, const struct stat *st)
{
    if (st->st_uid != geteuid() && st->st_uid != 0) {
        return refuse(v, ERR_DENIED, "%.200s%s is owned by user %u, not by this one", v->path, name,
                      (unsigned)st->st_uid);
    }
    if ((st->st_mode & VAULT_OTHERS) != 0) {
        return refuse(v, ERR_DENIED, "%.200s%s has mode %04o: others may have read it; chmod go= it, and "
                      "rotate what it holds if they could", v->path, name, st->st_mode & 07777);
    }
    return ERR_OK;
}

enum err vault_open(struct vault *v, const char *state_dir, bool makes)
{
    struct stat st;

    *v = (struct vault){.fd = -1};
    int len = snprintf(v->path, sizeof v->path, "%s/node", state_dir);
    if (len < 0 || (size_t)len >= sizeof v->path) {
        return refuse(v, ERR_LIMIT, "the state directory's path is too long");
    }
    enum err e = makes ? fd_make_dirs(v->path, VAULT_DIR_MODE) : ERR_OK;
    if (e != ERR_OK) {
        return refuse(v, e, "%.200s cannot be made: %s", v->path, err_text(e));
    }
    v->fd = open(v->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (v->fd < 0 && (errno == ELOOP || errno == ENOTDIR)) {
        return refuse(v, ERR_DENIED, "%.200s is no directory", v->path);
    }
    if (v->fd < 0 || fstat(v->fd, &st) != 0) {
        return refuse(v, err_from_errno(errno), "%.200s: %s", v->path, strerror(errno));
    }
    return check_owner(v, "", &st);
}

void vault_close(struct vault *v)
{
    fd_close(&v->fd);
}

enum err vault_lock(struct vault *v)
{
    if (flock(v->fd, LOCK_EX | LOCK_NB) == 0) {
        return ERR_OK;
    }
    return errno == EWOULDBLOCK
               ? refuse(v, ERR_UNAVAILABLE, "%.200s is being changed by another command", v->path)
               : refuse_errno(v, "", errno);
}

enum err vault_read(struct vault *v, const char *name, size_t max, char **ret, size_t *ret_len)
{
    struct stat st;
    char shown[80];
    size_t len = 0;
    /* O_NONBLOCK: opening a pipe that somebody put there must not hang. */
    AUTO_FD int fd = openat(v->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 && errno == ELOOP) {
        return refuse(v, ERR_DENIED, "%.200s/%s is a symbolic link", v->path, name);
    }
    if (fd < 0 || fstat(fd, &st) != 0) {
        return refuse_errno(v, name, errno);
    }
    (void)snprintf(shown, sizeof shown, "/%s", name);
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        return refuse(v, ERR_DENIED, "%.200s%s is no regular file with one name", v->path, shown);
    }
    enum err e = check_owner(v, shown, &st);
    if (e != ERR_OK) {
        return e;
    }
    char *text = malloc(max + 2);
    if (text == NULL) {
        return refuse(v, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    e = fd_read_all(fd, text, max + 1, &len); /* + 1: a longer file is seen, whatever size it claims */
    if (e != ERR_OK || len > max) {
        vault_free(&text, len);
        return refuse(v, e != ERR_OK ? e : ERR_LIMIT, "%.200s%s %s", v->path, shown,
                      e != ERR_OK ? "cannot be read" : "is longer than any such file");
    }
    text[len] = '\0';
    *ret = text;
    *ret_len = len;
    return ERR_OK;
}

void vault_free(char **text, size_t len)
{
    if (*text != NULL) {
        sodium_memzero(*text, len);
    }
    free(take_ptr(text));
}

enum err vault_write(struct vault *v, const char *name, const void *data, size_t size)
{
    enum err e = fd_replace_file(v->fd, name, data, size, VAULT_FILE_MODE);

    return e == ERR_OK ? ERR_OK
                       : refuse(v, e, "%.200s/%s cannot be written: %s", v->path, name, err_text(e));
}

bool vault_has(const struct vault *v, const char *name)
{
    return faccessat(v->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

enum err vault_remove(struct vault *v, const char *name)
{
    static const char nothing[VAULT_PEM_MAX];
    struct stat st;
    AUTO_FD int fd = openat(v->fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1) {
        size_t size = (size_t)st.st_size < sizeof nothing ? (size_t)st.st_size : sizeof nothing;
        /* Best effort: what matters is that the name goes. */
        (void)(pwrite(fd, nothing, size, 0) == (ssize_t)size && fsync(fd) == 0);
    }
    if (unlinkat(v->fd, name, 0) != 0 && errno != ENOENT) {
        return refuse_errno(v, name, errno);
    }
    return fsync(v->fd) == 0 ? ERR_OK : refuse_errno(v, "", errno);
}

/* ---- the two files as structures ------------------------------------------------------------------- */

static enum err explain(struct vault *v, const char *name, enum err e)
{
    const char *what = e == ERR_INCOMPATIBLE ? "is of another version"
                       : e == ERR_DATA_LOSS  ? "is damaged: its hash differs"
                                             : "is no such file, or was edited";

    return e == ERR_OK ? ERR_OK : refuse(v, e, "%.200s/%s %s; restore it from a backup", v->path, name, what);
}

enum err vault_identity(struct vault *v, struct identity *ret)
{
    char *text = NULL;
    size_t len = 0;
    enum err e = vault_read(v, VAULT_IDENTITY, IDENTITY_TEXT_MAX, &text, &len);

    if (e == ERR_OK) {
        e = explain(v, VAULT_IDENTITY, identity_parse(text, len, ret));
    }
    vault_free(&text, len);
    return e;
}

enum err vault_cluster(struct vault *v, struct cluster *ret)
{
    char *text = NULL;
    size_t len = 0;
    enum err e = vault_read(v, VAULT_CLUSTER, CLUSTER_TEXT_MAX, &text, &len);

    if (e == ERR_OK) {
        e = explain(v, VAULT_CLUSTER, cluster_parse(text, len, ret));
    }
    vault_free(&text, len);
    return e;
}

enum err vault_put_identity(struct vault *v, const struct identity *i)
{
    char text[IDENTITY_TEXT_MAX];
    size_t len = identity_format(i, text);
    enum err e = vault_write(v, VAULT_IDENTITY, text, len);

    sodium_memzero(text, sizeof text);
    return e;
}

enum err vault_put_cluster(struct vault *v, const struct cluster *c)
{
    char text[CLUSTER_TEXT_MAX];
    size_t len = cluster_format(c, text);
    enum err e = vault_write(v, VAULT_CLUSTER, text, len);

    sodium_memzero(text, sizeof text);
    return e;
}
