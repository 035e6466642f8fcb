#include "raft/snapshot_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "raft/store_room.h"

enum { PUSH_BYTES = 256 << 10 }; /* written between two pushes: one large sync at the end would hold up the log's */

static const char half_written[] = "snapshot.tmp";
static const char half_received[] = "snapshot-received.tmp";

static void name_of(uint64_t index, char out[RAFT_STORE_NAME])
{
    (void)snprintf(out, RAFT_STORE_NAME, "snapshot-%016" PRIx64, index);
}

/* *ret_size: bytes of the head. */
static enum err get_head(int fd, struct raft_snapshot_form *form, struct raft_snapshot_head *ret, uint32_t *ret_size)
{
    uint8_t in[RAFT_SNAPSHOT_HEAD_MAX];
    size_t got;
    enum err e = raft_store_pread(fd, in, sizeof in, 0, &got);

    return e == ERR_OK ? raft_snapshot_form_read(form, in, got, ret, ret_size) : e;
}

static enum err create(struct raft_snapshot_file *f, int dir_fd, const char *name)
{
    *f = (struct raft_snapshot_file){.dir_fd = dir_fd, .fd = -1};
    f->fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->fd < 0) {
        return errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : err_from_errno(errno);
    }
    return ERR_OK;
}

/* Add bytes at the end, and let the disk begin with them now and then. Who has a thread of its own waits for it, so that no
 * more than that is under way; where it is the loop's time nobody does. */
static enum err add(struct raft_snapshot_file *f, const void *bytes, size_t size)
{
    enum err e = raft_store_write(f->fd, bytes, size, f->at);

    f->at += size;
    if (e == ERR_OK && f->at - f->pushed >= PUSH_BYTES) {
        e = raft_store_push(f->fd, f->pushed, f->at - f->pushed, f->waits);
        f->pushed = f->at;
    }
    return e;
}

enum err raft_snapshot_file_begin(struct raft_snapshot_file *f, int dir_fd, const struct raft_snapshot_head *head)
{
    uint8_t bytes[RAFT_SNAPSHOT_HEAD_MAX];
    enum err e = create(f, dir_fd, half_written);

    f->head = *head;
    uint32_t size = raft_snapshot_form_begin(&f->form, head, bytes);
    e = e == ERR_OK ? add(f, bytes, size) : e;
    if (e != ERR_OK) {
        raft_snapshot_file_drop(f);
    }
    return e;
}

enum err raft_snapshot_file_put(struct raft_snapshot_file *f, const void *bytes, size_t size)
{
    uint8_t head[RAFT_SNAPSHOT_CHUNK_HEAD];

    raft_snapshot_form_chunk(&f->form, bytes, size, head);
    enum err e = add(f, head, sizeof head);
    return e == ERR_OK ? add(f, bytes, size) : e;
}

/* The index that a file's name says; 0: it is not named as a snapshot is. */
static uint64_t index_of(const char *name)
{
    char again[RAFT_STORE_NAME];
    uint64_t index = strncmp(name, "snapshot-", 9) == 0 ? strtoull(name + 9, NULL, 16) : 0;

    name_of(index, again);
    return strcmp(again, name) == 0 ? index : 0;
}

static DIR *list(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL) {
        fd_close(&fd);
    }
    return dir;
}

/* Remove all older snapshots. A newer one may have been received while this one was written: the log may begin behind it.
 * What cannot be removed now is tried again with the next one. */
static void remove_older(int dir_fd, uint64_t index)
{
    char name[RAFT_STORE_NAME];
    DIR *dir = list(dir_fd);

    name_of(index, name);
    for (struct dirent *d = dir == NULL ? NULL : readdir(dir); d != NULL; d = readdir(dir)) {
        if (strncmp(d->d_name, "snapshot-", 9) == 0 && strcmp(d->d_name, name) < 0) { /* also before one half received */
            (void)unlinkat(dir_fd, d->d_name, 0);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

/* Sync, name, sync the name; then older ones are not needed. */
static enum err publish(struct raft_snapshot_file *f, const char *from)
{
    char name[RAFT_STORE_NAME];

    name_of(f->head.index, name);
    if (fsync(f->fd) != 0) {
        return errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : ERR_IO;
    }
    if (renameat(f->dir_fd, from, f->dir_fd, name) != 0 || fsync(f->dir_fd) != 0) {
        return ERR_IO;
    }
    remove_older(f->dir_fd, f->head.index);
    fd_close(&f->fd);
    return ERR_OK;
}

enum err raft_snapshot_file_end(struct raft_snapshot_file *f)
{
    uint8_t end[RAFT_SNAPSHOT_END];

    raft_snapshot_form_end(&f->form, end);
    enum err e = add(f, end, sizeof end);
    e = e == ERR_OK ? publish(f, half_written) : e;
    if (e != ERR_OK) {
        raft_snapshot_file_drop(f);
    }
    return e;
}

enum err raft_snapshot_file_receive(struct raft_snapshot_file *f, int dir_fd)
{
    enum err e = create(f, dir_fd, half_received);

    f->is_received = true;
    return e;
}

enum err raft_snapshot_file_more(struct raft_snapshot_file *f, uint64_t offset, const void *bytes, size_t size)
{
    return offset != f->at ? ERR_PRECONDITION : add(f, bytes, size);
}

static enum err take_nothing(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    (void)bytes;
    (void)size;
    return ERR_OK;
}

enum err raft_snapshot_file_check(int fd)
{
    return raft_snapshot_file_read(fd, take_nothing, NULL);
}

enum err raft_snapshot_file_received(struct raft_snapshot_file *f, uint64_t cluster)
{
    uint32_t size;
    enum err e = get_head(f->fd, &f->form, &f->head, &size);

    if (e == ERR_OK && f->head.cluster != cluster) {
        e = ERR_DENIED;
    }
    e = e == ERR_OK ? raft_snapshot_file_check(f->fd) : e;
    e = e == ERR_OK ? publish(f, half_received) : e;
    if (e != ERR_OK) {
        raft_snapshot_file_drop(f);
    }
    return e;
}

void raft_snapshot_file_drop(struct raft_snapshot_file *f)
{
    if (f->fd >= 0) {
        (void)unlinkat(f->dir_fd, f->is_received ? half_received : half_written, 0);
        fd_close(&f->fd);
    }
}

/* Whether an end stands where one must: cheap, for a choice between files. */
static bool has_end(int fd, uint64_t size)
{
    uint8_t end[RAFT_SNAPSHOT_END];
    uint32_t zero = 1;
    size_t got;

    return size >= sizeof end && raft_store_pread(fd, end, sizeof end, size - sizeof end, &got) == ERR_OK &&
           got == sizeof end && raft_snapshot_form_size(end, &zero) == ERR_OK && zero == 0;
}

static enum err look(int dir_fd, const char *name, uint64_t cluster, int *ret_fd, struct raft_snapshot_head *ret,
                     uint64_t *ret_size)
{
    struct stat st;
    struct raft_snapshot_form form;
    uint32_t size;
    char again[RAFT_STORE_NAME];
    AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fstat(fd, &st) != 0) {
        return ERR_IO;
    }
    enum err e = get_head(fd, &form, ret, &size);
    if (e != ERR_OK) {
        return e;
    }
    if (ret->cluster != cluster) {
        return ERR_DENIED;
    }
    name_of(ret->index, again);
    if (strcmp(again, name) != 0 || !has_end(fd, (uint64_t)st.st_size)) {
        return ERR_DATA_LOSS;
    }
    *ret_size = (uint64_t)st.st_size;
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

enum err raft_snapshot_file_find(int dir_fd, uint64_t cluster, int *ret_fd, struct raft_snapshot_head *ret,
                                 uint64_t *ret_size)
{
    return raft_snapshot_file_find_before(dir_fd, cluster, UINT64_MAX, ret_fd, ret, ret_size);
}

enum err raft_snapshot_file_newest(int dir_fd, uint64_t *ret)
{
    DIR *dir = list(dir_fd);
    uint64_t newest = 0;

    if (dir == NULL) {
        return ERR_IO;
    }
    for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
        uint64_t index = index_of(d->d_name);
        newest = index > newest ? index : newest;
    }
    (void)closedir(dir);
    *ret = newest;
    return ERR_OK;
}

enum err raft_snapshot_file_put_aside(int dir_fd, uint64_t index)
{
    static const char damaged[] = "damaged-snapshot-";
    char name[RAFT_STORE_NAME], aside[2 * RAFT_STORE_NAME];
    uint64_t newest = 0;
    enum err e = raft_snapshot_file_newest(dir_fd, &newest);

    name_of(newest, name);
    (void)snprintf(aside, sizeof aside, "damaged-%s", name);
    if (e != ERR_OK || newest <= index) {
        return e;
    }
    if (renameat(dir_fd, name, dir_fd, aside) != 0) {
        return ERR_IO;
    }
    DIR *dir = list(dir_fd);
    for (struct dirent *d = dir == NULL ? NULL : readdir(dir); d != NULL; d = readdir(dir)) {
        bool is_older = strncmp(d->d_name, damaged, sizeof damaged - 1) == 0 && strcmp(d->d_name, aside) != 0;
        if (is_older || index_of(d->d_name) > index) {
            (void)unlinkat(dir_fd, d->d_name, 0);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return dir != NULL ? ERR_OK : ERR_IO;
}

enum err raft_snapshot_file_find_before(int dir_fd, uint64_t cluster, uint64_t before, int *ret_fd,
                                        struct raft_snapshot_head *ret, uint64_t *ret_size)
{
    AUTO_FREE struct raft_snapshot_head *one = calloc(1, sizeof *one);
    DIR *dir = one == NULL ? NULL : list(dir_fd);
    AUTO_FD int best = -1;
    enum err worst = ERR_NOT_FOUND;

    if (dir == NULL) {
        return one == NULL ? ERR_NOMEM : ERR_IO;
    }
    for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
        AUTO_FD int fd = -1;
        uint64_t size;
        uint64_t index = index_of(d->d_name);
        if (index == 0 || index >= before) {
            continue;
        }
        enum err e = look(dir_fd, d->d_name, cluster, &fd, one, &size);
        if (e == ERR_OK && (best < 0 || one->index > ret->index)) {
            *ret = *one;
            *ret_size = size;
            fd_close(&best);
            best = fd_take(&fd);
        }
        worst = e == ERR_OK ? worst : e;
    }
    (void)closedir(dir);
    if (best < 0) {
        return worst;
    }
    *ret_fd = fd_take(&best);
    return ERR_OK;
}

enum err raft_snapshot_file_read(int fd, enum err (*take)(void *context, const uint8_t *bytes, size_t size),
                                 void *context)
{
    AUTO_FREE struct raft_snapshot_head *head = malloc(sizeof *head);
    AUTO_FREE uint8_t *bytes = NULL;
    struct raft_snapshot_form form;
    uint32_t room = 0, head_size = 0, size = 0;
    uint8_t chunk[RAFT_SNAPSHOT_CHUNK_HEAD], end[RAFT_SNAPSHOT_END];
    size_t got = 0;
    enum err e = head == NULL ? ERR_NOMEM : get_head(fd, &form, head, &head_size);

    for (uint64_t at = head_size; e == ERR_OK;) {
        e = raft_store_pread(fd, chunk, sizeof chunk, at, &got);
        e = e == ERR_OK && got < sizeof chunk ? ERR_DATA_LOSS : e;
        e = e == ERR_OK ? raft_snapshot_form_size(chunk, &size) : e;
        if (e != ERR_OK) {
            return e;
        }
        if (size == 0) {
            e = raft_store_pread(fd, end, sizeof end, at, &got);
            return e != ERR_OK ? e : got == sizeof end && raft_snapshot_form_is_end(&form, end) ? ERR_OK : ERR_DATA_LOSS;
        }
        if (size > room) {
            free(bytes);
            bytes = malloc(size);
            room = bytes != NULL ? size : 0;
        }
        e = bytes == NULL ? ERR_NOMEM : raft_store_pread(fd, bytes, size, at + sizeof chunk, &got);
        if (e == ERR_OK && (got < size || !raft_snapshot_form_is_chunk(&form, chunk, bytes, size))) {
            e = ERR_DATA_LOSS;
        }
        at += sizeof chunk + size;
        e = e == ERR_OK ? take(context, bytes, size) : e;
    }
    return e;
}
