/* Segments before their first use: filled with zeros at a limited rate, so that a full disk is met here and not by an
 * append, and so that no append waits for the file system's journal. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "raft/store.h"
#include "raft/store_room.h"

static const char half_made[] = "segment.tmp";

static bool always(void *context, uint32_t made)
{
    (void)context;
    (void)made;
    return true;
}

static void name_retired(uint64_t number, char out[RAFT_STORE_NAME])
{
    (void)snprintf(out, RAFT_STORE_NAME, "retired-%016" PRIx64 ".tmp", number);
}

/* 0: there is none. */
static uint64_t take_retired(struct raft_store *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t number = s->retired_count > 0 ? s->retired[--s->retired_count] : 0;
    pthread_mutex_unlock(&s->lock);
    return number;
}

static enum err open_half_made(struct raft_store *s, int *ret_fd)
{
    char name[RAFT_STORE_NAME];
    uint64_t number = take_retired(s);
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;

    if (number != 0) {
        /* Its blocks are there already: filling it again costs the file system's journal nothing. */
        name_retired(number, name);
        if (renameat(s->dir_fd, name, s->dir_fd, half_made) != 0) {
            return err_from_errno(errno);
        }
        /* Before a byte of it changes: under its old name it would be a log that has rotted. */
        enum err e = raft_store_sync_names(s);
        if (e != ERR_OK) {
            return e;
        }
    } else {
        flags |= O_TRUNC;
    }
    int fd = openat(s->dir_fd, half_made, flags, 0600);
    if (fd < 0) {
        return errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : err_from_errno(errno);
    }
    *ret_fd = fd;
    return ERR_OK;
}

static enum err fill(struct raft_store *s, int fd, uint64_t number, bool (*pace)(void *context, uint32_t made), void *context)
{
    AUTO_FREE uint8_t *zeros = calloc(1, RAFT_STORE_PIECE);
    uint8_t head[RAFT_WAL_HEAD];

    if (zeros == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t at = 0; at < s->segment_size;) {
        uint32_t piece = s->segment_size - at < RAFT_STORE_PIECE ? s->segment_size - at : RAFT_STORE_PIECE;
        enum err e = raft_store_write(fd, zeros, piece, at);
        if (e != ERR_OK) {
            return e;
        }
        /* If the sync at the end were the first to bring it to the disk, the logs of all members there would stand behind
         * a segment at once. */
        e = raft_store_push(fd, at, piece, true);
        if (e != ERR_OK) {
            return e;
        }
        at += piece;
        if (!pace(context, at)) {
            return ERR_CANCELLED;
        }
    }
    raft_wal_head_write(&s->owner, number, s->segment_size, head);
    enum err e = raft_store_write(fd, head, sizeof head, 0);
    /* fsync, not fdatasync: the file's size and blocks are new. */
    if (e == ERR_OK && fsync(fd) != 0) {
        e = errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : ERR_IO;
    }
    return e;
}

enum err raft_store_make(struct raft_store *s, bool (*pace)(void *context, uint32_t made), void *context)
{
    char name[RAFT_STORE_NAME];
    AUTO_FD int fd = -1;

    pthread_mutex_lock(&s->lock);
    uint64_t number = s->newest + 1;
    pthread_mutex_unlock(&s->lock);
    raft_store_name(number, name);
    enum err e = open_half_made(s, &fd);
    e = e == ERR_OK ? fill(s, fd, number, pace != NULL ? pace : always, context) : e;
    /* The name counts when the directory is synced, and that it was there when the ballot says so: a segment that is
     * gone later is missed. */
    if (e == ERR_OK && renameat(s->dir_fd, half_made, s->dir_fd, name) != 0) {
        e = err_from_errno(errno);
    }
    e = e == ERR_OK ? raft_store_sync_names(s) : e;
    if (e != ERR_OK) {
        (void)unlinkat(s->dir_fd, half_made, 0); /* the next start would, too */
        return e;
    }
    pthread_mutex_lock(&s->ballot_lock);
    s->ballot.segment = number;
    e = raft_store_save(s);
    pthread_mutex_unlock(&s->ballot_lock);
    pthread_mutex_lock(&s->lock);
    s->newest = number;
    s->oldest = s->oldest == 0 ? number : s->oldest;
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* The next one before `oldest`, which is nobody's from now on; 0: there is none. */
static uint64_t take_oldest(struct raft_store *s, uint64_t oldest)
{
    pthread_mutex_lock(&s->lock);
    uint64_t number = s->oldest < oldest && s->oldest < s->newest ? s->oldest++ : 0;
    pthread_mutex_unlock(&s->lock);
    return number;
}

/* Without the lock: to remove a segment takes the file system more than 10 ms, and the loop wants the lock for each append. */
static void retire_one(struct raft_store *s, uint64_t number)
{
    char name[RAFT_STORE_NAME], retired[RAFT_STORE_NAME];

    raft_store_name(number, name);
    name_retired(number, retired);
    /* No sync: a start that finds it under its old name reads its entries once more. */
    if (s->retired_count == ARRAY_LEN(s->retired) || renameat(s->dir_fd, name, s->dir_fd, retired) != 0) {
        (void)unlinkat(s->dir_fd, name, 0);
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->retired[s->retired_count++] = number;
    pthread_mutex_unlock(&s->lock);
}

void raft_store_retire(struct raft_store *s, uint64_t oldest)
{
    for (uint64_t number; (number = take_oldest(s, oldest)) != 0;) {
        retire_one(s, number);
    }
}
