#include "raft/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "raft/cache.h"
#include "raft/store_room.h"

enum err raft_store_explain(struct raft_store *s, enum err e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(s->why, sizeof s->why, format, args);
    va_end(args);
    return e;
}

void raft_store_name(uint64_t number, char out[RAFT_STORE_NAME])
{
    (void)snprintf(out, RAFT_STORE_NAME, "wal-%016" PRIx64, number);
}

enum err raft_store_push(int fd, uint64_t offset, uint64_t size, bool waits)
{
    unsigned how = SYNC_FILE_RANGE_WRITE | (waits ? SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER : 0);

    /* What a file system cannot do piece by piece it does at the end; an error of its disk is told once, so it counts. */
    if (sync_file_range(fd, (off_t)offset, (off_t)size, how) == 0 || errno == ENOSYS || errno == EINVAL || errno == ESPIPE) {
        return ERR_OK;
    }
    return errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : ERR_IO;
}

enum err raft_store_write(int fd, const void *bytes, size_t size, uint64_t offset)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        ssize_t written = pwrite(fd, at, size, (off_t)offset);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : ERR_IO;
        }
        at += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return ERR_OK;
}

enum err raft_store_pread(int fd, void *out, size_t size, uint64_t offset, size_t *ret_size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = pread(fd, (uint8_t *)out + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ERR_IO;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *ret_size = done;
    return ERR_OK;
}

enum err raft_store_sync_names(struct raft_store *s)
{
    return fsync(s->dir_fd) == 0 ? ERR_OK : raft_store_explain(s, ERR_IO, "the directory does not sync: %s", strerror(errno));
}

enum err raft_store_save(struct raft_store *s)
{
    uint8_t slot[RAFT_BALLOT_SLOT];
    uint32_t at;

    raft_ballot_write(&s->ballot, &s->owner, slot, &at);
    enum err e = raft_store_write(s->ballot_fd, slot, sizeof slot, at);
    if (e == ERR_OK && fdatasync(s->ballot_fd) != 0) {
        e = ERR_IO;
    }
    return e == ERR_OK ? e : raft_store_explain(s, ERR_IO, "the file of votes is not written: %s", strerror(errno));
}

enum err raft_store_vote(struct raft_store *s, struct raft_vote vote)
{
    pthread_mutex_lock(&s->ballot_lock);
    assert(vote.term >= s->ballot.vote.term);
    s->ballot.vote = vote;
    enum err e = raft_store_save(s);
    pthread_mutex_unlock(&s->ballot_lock);
    return e;
}

enum err raft_store_repaired(struct raft_store *s)
{
    pthread_mutex_lock(&s->ballot_lock);
    s->ballot.repair_to = 0;
    enum err e = raft_store_save(s);
    pthread_mutex_unlock(&s->ballot_lock);
    return e;
}

enum err raft_store_segment(struct raft_store *s, uint64_t number, int *ret_fd)
{
    char name[RAFT_STORE_NAME];

    raft_store_name(number, name);
    int fd = openat(s->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return raft_store_explain(s, err_from_errno(errno), "%s does not open: %s", name, strerror(errno));
    }
    *ret_fd = fd;
    return ERR_OK;
}

size_t raft_store_read_at(void *store, uint64_t segment, uint32_t offset, void *out, size_t size)
{
    struct raft_store *s = store;
    size_t got;

    if (s->read_fd < 0 || s->read_segment != segment) {
        fd_close(&s->read_fd);
        if (raft_store_segment(s, segment, &s->read_fd) != ERR_OK) {
            return 0;
        }
        s->read_segment = segment;
    }
    return raft_store_pread(s->read_fd, out, size, offset, &got) == ERR_OK ? got : 0;
}

/* The head of the frame at the cursor; where the segment ends, in the next one. */
static enum err head_at(struct raft_store *s, struct raft_store_cursor *c, struct raft_frame *ret)
{
    uint8_t head[RAFT_FRAME_HEAD];
    size_t got = raft_store_read_at(s, c->segment, c->at, head, sizeof head);

    return got == sizeof head && raft_frame_look(&s->owner, head, got, c->at, ret) == RAFT_FRAME_WHOLE
               ? ERR_OK
               : raft_store_explain(s, ERR_DATA_LOSS, "segment %" PRIu64 " has no frame at %" PRIu32, c->segment, c->at);
}

void raft_store_cursor_fini(struct raft_store_cursor *c)
{
    free(c->bytes);
    *c = (struct raft_store_cursor){0};
}

static enum err make_room(struct raft_store_cursor *c, uint32_t size)
{
    if (size > c->room) {
        uint8_t *bytes = malloc(size);
        if (bytes == NULL) {
            return ERR_NOMEM;
        }
        free(c->bytes);
        c->bytes = bytes;
        c->room = size;
    }
    return ERR_OK;
}

/* The frame that has `index`, whole, into the cursor's memory. */
static enum err hold(struct raft_store *s, struct raft_store_cursor *c, uint64_t index)
{
    struct raft_frame f;
    enum err e = head_at(s, c, &f);

    c->held.count = 0; /* whatever fails */
    while (e == ERR_OK && f.first + f.count <= index) {
        c->at += raft_frame_size(f.size);
        e = head_at(s, c, &f);
    }
    e = e == ERR_OK ? make_room(c, raft_frame_size(f.size)) : e;
    if (e != ERR_OK) {
        return e;
    }
    size_t got = raft_store_read_at(s, c->segment, c->at, c->bytes, raft_frame_size(f.size));
    if (raft_frame_look(&s->owner, c->bytes, got, c->at, &f) != RAFT_FRAME_WHOLE || f.first > index) {
        return raft_store_explain(s, ERR_DATA_LOSS, "segment %" PRIu64 " is not readable at %" PRIu32, c->segment, c->at);
    }
    c->held = (struct raft_run){
        .first = f.first, .term = f.term, .count = f.count, .size = f.size, .bytes = c->bytes + RAFT_FRAME_HEAD};
    return ERR_OK;
}

enum err raft_store_read(struct raft_store *s, const struct raft_places *p, struct raft_store_cursor *c, uint64_t index,
                         struct raft_run *ret)
{
    struct raft_place place;
    uint64_t until;

    if (!raft_places_find(p, index, &place, &until)) {
        return ERR_NOT_FOUND;
    }
    /* A cursor that is behind its place, or where something became void since, begins at the place. */
    bool goes_on = c->segment == place.segment && c->at >= place.at && index >= c->held.first && c->held.count > 0;
    bool is_held = goes_on && index < c->held.first + c->held.count;
    if (!goes_on) {
        c->segment = place.segment;
        c->at = place.at;
    } else if (!is_held && index == c->held.first + c->held.count) {
        c->at += raft_frame_size(c->held.size); /* its head need not be looked at again */
    }
    enum err e = is_held ? ERR_OK : hold(s, c, index);
    if (e != ERR_OK) {
        return e;
    }
    *ret = raft_cache_part(&c->held, index, RAFT_FRAME_BODY_MAX);
    if (ret->first + ret->count > until) { /* the rest is void */
        ret->count = (uint32_t)(until - ret->first);
        ret->size = raft_cache_bytes(ret, ret->count);
    }
    return ERR_OK;
}

void raft_store_close(struct raft_store *s)
{
    fd_close(&s->read_fd);
    fd_close(&s->ballot_fd);
    fd_close(&s->dir_fd);
    fd_close(&s->lock_fd); /* last: the lock goes with it */
}
