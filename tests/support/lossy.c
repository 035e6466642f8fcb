#include "tests/support/lossy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/check.h"

enum note_kind { NOTE_BYTES, NOTE_SIZE, NOTE_MADE, NOTE_MOVED, NOTE_REMOVED };

struct note {
    enum note_kind kind;
    dev_t dev;          /* BYTES, SIZE: of the file; the others: of the directory */
    ino_t ino;
    char path[160];     /* of the file, or the name that is there now             */
    char from[160];     /* MOVED, REMOVED: the name it had, or has while it waits */
    char over[160];     /* MOVED: where what it took the place of waits; "". BYTES, SIZE: the name the file got later */
    uint64_t offset, size, at;
};

struct shared {
    bool is_on;
    uint64_t calls, die_at, word, saved;
    uint32_t notes;
    struct note note[LOSSY_NOTES];
    uint8_t bytes[LOSSY_BYTES];
};

static struct shared *shared;
volatile uint64_t *lossy_word;

void lossy_open(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(shared != MAP_FAILED, "shared memory");
    lossy_word = &shared->word;
}

void lossy_begin(uint64_t at)
{
    shared->calls = shared->notes = 0;
    shared->saved = 0;
    shared->die_at = at;
    shared->is_on = true;
}

uint64_t lossy_calls(void)
{
    return shared->calls;
}

/* A process writes from several threads: a note and what it is about are one, and whoever dies holds the others back. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static bool enter(void)
{
    bool is_on = shared != NULL && shared->is_on;

    if (is_on) {
        (void)pthread_mutex_lock(&turn);
    }
    return is_on;
}

static void leave(const bool *is_noted)
{
    if (*is_noted) {
        (void)pthread_mutex_unlock(&turn);
    }
}

/* Declares is_noted: whether this call is; the turn ends with the scope. */
#define TAKE_TURN bool is_noted __attribute__((cleanup(leave))) = enter()

static void die(void)
{
    (void)raise(SIGKILL);
}

/* One more call; whether it is the last one. */
static bool is_last(void)
{
    return ++shared->calls == shared->die_at;
}

static struct note *add(enum note_kind kind, int fd)
{
    struct stat st;

    REQUIRE(shared->notes < LOSSY_NOTES && fstat(fd, &st) == 0, "room for a note");
    struct note *n = &shared->note[shared->notes++];
    *n = (struct note){.kind = kind, .dev = st.st_dev, .ino = st.st_ino};
    return n;
}

static void path_of(int fd, const char *name, char out[160])
{
    char link[64], at[PATH_MAX];

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = name != NULL && name[0] == '/' ? 0 : readlink(link, at, sizeof at - 1);
    REQUIRE(len >= 0, "a path");
    at[len > 0 ? len : 0] = '\0';
    int size = name == NULL ? snprintf(out, 160, "%s", at) : snprintf(out, 160, "%s%s%s", at, len > 0 ? "/" : "", name);
    REQUIRE(size < 160, "a short path");
}

/* What a write is about to replace. */
static void note_write(int fd, uint64_t offset, uint64_t size)
{
    struct stat st;

    REQUIRE(fstat(fd, &st) == 0, "a file");
    if (!S_ISREG(st.st_mode)) {
        return;
    }
    if (offset + size > (uint64_t)st.st_size) {
        struct note *n = add(NOTE_SIZE, fd);
        n->size = (uint64_t)st.st_size;
        path_of(fd, NULL, n->path);
        size = offset < (uint64_t)st.st_size ? (uint64_t)st.st_size - offset : 0;
    }
    if (size > 0) {
        struct note *n = add(NOTE_BYTES, fd);
        REQUIRE(shared->saved + size <= LOSSY_BYTES, "room for what was there");
        path_of(fd, NULL, n->path);
        n->offset = offset;
        n->size = size;
        n->at = shared->saved;
        REQUIRE(pread(fd, shared->bytes + n->at, size, (off_t)offset) == (ssize_t)size, "what was there");
        shared->saved += size;
    }
}

/* Strike out what is durable now. */
static void synced(int fd)
{
    struct stat st;
    uint32_t left = 0;

    REQUIRE(fstat(fd, &st) == 0, "a file");
    for (uint32_t i = 0; i < shared->notes; i++) {
        struct note *n = &shared->note[i];
        if (n->dev != st.st_dev || n->ino != st.st_ino) {
            shared->note[left++] = *n;
        } else if (n->kind == NOTE_REMOVED) {
            (void)syscall(SYS_unlinkat, AT_FDCWD, n->from, 0);
        } else if (n->kind == NOTE_MOVED && n->over[0] != '\0') {
            (void)syscall(SYS_unlinkat, AT_FDCWD, n->over, 0);
        }
    }
    shared->notes = left;
    shared->saved = left == 0 ? 0 : shared->saved;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    TAKE_TURN;

    if (is_noted) {
        note_write(fd, (uint64_t)offset, size);
        if (is_last()) {
            (void)syscall(SYS_pwrite64, fd, bytes, size / 2, offset);
            die();
        }
    }
    return syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t pwritev(int fd, const struct iovec *part, int count, off_t offset)
{
    TAKE_TURN;
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        size += part[i].iov_len;
    }
    if (is_noted) {
        note_write(fd, (uint64_t)offset, size);
        if (is_last()) {
            (void)syscall(SYS_pwritev, fd, part, count / 2, offset, 0);
            die();
        }
    }
    return syscall(SYS_pwritev, fd, part, count, offset, 0);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    TAKE_TURN;
    struct stat st;

    if (is_noted && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        off_t offset = lseek(fd, 0, SEEK_CUR);
        note_write(fd, (uint64_t)offset, size);
        if (is_last()) {
            (void)syscall(SYS_write, fd, bytes, size / 2);
            die();
        }
    }
    return syscall(SYS_write, fd, bytes, size);
}

static int sync_with(long call, int fd)
{
    TAKE_TURN;

    if (is_noted && is_last()) {
        die();
    }
    if (shared == NULL) {
        return (int)syscall(call, fd);
    }
    if (is_noted) {
        synced(fd); /* the notes are the disk: the real one need not wait */
    }
    return 0;
}

int fdatasync(int fd)
{
    return sync_with(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_with(SYS_fsync, fd);
}

/* A name for what was moved or removed, beside it: nobody's. */
static void aside(int dir_fd, char out[160])
{
    static uint32_t next;
    char name[48];

    (void)snprintf(name, sizeof name, ".lossy-%d-%u", (int)getpid(), next++);
    path_of(dir_fd, name, out);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    TAKE_TURN;

    if (is_noted) {
        struct note *n = add(NOTE_MOVED, to_fd);
        path_of(from_fd, from, n->from);
        path_of(to_fd, to, n->path);
        for (struct note *b = shared->note; b < n; b++) {
            if (b->kind <= NOTE_SIZE && strcmp(b->path, n->from) == 0) {
                memcpy(b->over, n->path, sizeof b->over);
            }
        }
        aside(to_fd, n->over);
        if (syscall(SYS_linkat, to_fd, to, AT_FDCWD, n->over, 0) != 0) {
            n->over[0] = '\0';
        }
        if (is_last()) {
            shared->notes--;
            die();
        }
    }
    return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int unlinkat(int dir_fd, const char *name, int flags)
{
    TAKE_TURN;

    if (!is_noted) {
        return (int)syscall(SYS_unlinkat, dir_fd, name, flags);
    }
    struct note *n = add(NOTE_REMOVED, dir_fd);
    path_of(dir_fd, name, n->path);
    aside(dir_fd, n->from);
    if (is_last()) {
        shared->notes--;
        die();
    }
    int rc = (int)syscall(SYS_renameat2, dir_fd, name, AT_FDCWD, n->from, 0);
    shared->notes -= rc != 0;
    return rc;
}

int openat(int dir_fd, const char *name, int flags, ...)
{
    TAKE_TURN;
    va_list args;

    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (is_noted && (flags & O_CREAT) != 0 && syscall(SYS_faccessat, dir_fd, name, F_OK) != 0) {
        struct note *n = add(NOTE_MADE, dir_fd);
        path_of(dir_fd, name, n->path);
        if (is_last()) {
            shared->notes--;
            die();
        }
    }
    return (int)syscall(SYS_openat, dir_fd, name, flags, mode);
}

/* ---- the loss ------------------------------------------------------------------------------------ */

/* The file may have been moved since, and moved back by now. */
static const char *name_now(const struct note *n)
{
    return n->over[0] != '\0' && access(n->path, F_OK) != 0 ? n->over : n->path;
}

static void undo_bytes(const struct note *n, enum lossy_fate fate, struct rng *rng)
{
    int fd = open(name_now(n), O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        return; /* its name went before it */
    }
    for (uint64_t done = 0; done < n->size;) {
        uint64_t piece = LOSSY_SECTOR - (n->offset + done) % LOSSY_SECTOR;
        piece = piece < n->size - done ? piece : n->size - done;
        if (fate == LOSSY_ALL || rng_below(rng, 2) == 0) {
            REQUIRE(pwrite(fd, shared->bytes + n->at + done, piece, (off_t)(n->offset + done)) == (ssize_t)piece, "undo");
        }
        done += piece;
    }
    (void)close(fd);
}

static void undo(const struct note *n, enum lossy_fate fate, struct rng *rng)
{
    bool is_lost = fate == LOSSY_ALL || rng_below(rng, 2) == 0;

    switch (n->kind) {
    case NOTE_BYTES:
        undo_bytes(n, fate, rng);
        break;
    case NOTE_SIZE:
        if (is_lost) {
            (void)!truncate(name_now(n), (off_t)n->size);
        }
        break;
    case NOTE_MADE:
        if (is_lost) {
            (void)unlink(n->path);
        }
        break;
    case NOTE_MOVED:
        if (is_lost) {
            (void)rename(n->path, n->from);
            if (n->over[0] != '\0') {
                (void)rename(n->over, n->path);
            }
        }
        break;
    case NOTE_REMOVED:
        (void)(is_lost ? rename(n->from, n->path) : unlink(n->from));
        break;
    }
}

void lossy_lose(enum lossy_fate fate, struct rng *rng)
{
    shared->is_on = false;
    for (uint32_t i = shared->notes; i > 0; i--) {
        undo(&shared->note[i - 1], fate, rng);
    }
    shared->notes = 0;
}
