/* The thread that writes a snapshot: what was given is there, in its order and whole, or nothing is; whoever gives waits for
 * no disk. */
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "common/run/fd.h"
#include "raft/snapshot_writer.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

enum { PIECES = 40, PIECE = 3000, SOON_MS = 20000 };

static int dir, event;
static atomic_int stalled, writes_left = -1; /* until the disk is full; below 0: it never is */
static sem_t goes_on, has_stalled;

static void disk(void)
{
    if (atomic_load(&stalled) > 0) {
        atomic_fetch_sub(&stalled, 1);
        (void)sem_post(&has_stalled);
        while (sem_wait(&goes_on) != 0) {
        }
    }
}

/* In the place of libc's: a disk that stalls, or is full, when the test says so. */
ssize_t pwrite(int fd, const void *from, size_t size, off_t offset)
{
    disk();
    if (atomic_load(&writes_left) == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (atomic_load(&writes_left) > 0) {
        atomic_fetch_sub(&writes_left, 1);
    }
    return syscall(SYS_pwrite64, fd, from, size, offset);
}

int fsync(int fd)
{
    disk();
    return (int)syscall(SYS_fsync, fd);
}

static void await_told(void)
{
    struct pollfd p = {.fd = event, .events = POLLIN};
    uint64_t count;

    REQUIRE(poll(&p, 1, SOON_MS) == 1 && read(event, &count, sizeof count) == sizeof count, "it says something");
}

static void await_room(struct raft_snapshot_writer *w)
{
    while (!raft_snapshot_writer_has_room(w)) {
        await_told();
    }
}

static enum err await_end(struct raft_snapshot_writer *w)
{
    enum err e = ERR_INTERNAL;

    while (!raft_snapshot_writer_take(w, &e)) {
        await_told();
    }
    CHECK(!w->has_thread && !raft_snapshot_writer_take(w, &e), "once");
    return e;
}

static void begin(struct raft_snapshot_writer *w, uint64_t index)
{
    static struct raft_snapshot_head head;

    head = (struct raft_snapshot_head){.cluster = 7, .index = index, .term = 3, .config_size = 5, .config = "abcd"};
    REQUIRE(raft_snapshot_writer_begin(w, dir, &head, event) == ERR_OK, "a thread");
    memset(&head, 0xaa, sizeof head); /* it is the caller's again */
}

static const uint8_t *piece(uint32_t number)
{
    static uint8_t bytes[PIECE];

    memset(bytes, (int)number + 1, sizeof bytes);
    return bytes;
}

static uint64_t pieces_read;

static enum err take(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    CHECK(size == PIECE && bytes[0] == pieces_read + 1 && bytes[PIECE - 1] == pieces_read + 1, "piece %d", (int)pieces_read);
    pieces_read++;
    return ERR_OK;
}

/* Index of what is there; 0: nothing. */
static uint64_t index_there(void)
{
    static struct raft_snapshot_head found;
    uint64_t size;
    AUTO_FD int fd = -1;

    pieces_read = 0;
    if (raft_snapshot_file_find(dir, 7, &fd, &found, &size) != ERR_OK) {
        return 0;
    }
    CHECK(raft_snapshot_file_read(fd, take, NULL) == ERR_OK && found.term == 3 && strcmp((char *)found.config, "abcd") == 0, "whole");
    return found.index;
}

static bool is_half_there(void)
{
    return access(scratch_path("snapshot.tmp"), F_OK) == 0;
}

static void all_of_it_in_order(void)
{
    struct raft_snapshot_writer w = {0};

    begin(&w, 10);
    for (uint32_t i = 0; i < PIECES; i++) {
        await_room(&w);
        raft_snapshot_writer_give(&w, piece(i), PIECE);
    }
    await_room(&w);
    CHECK(index_there() == 0, "it has no name before its end");
    raft_snapshot_writer_end(&w);
    CHECK(await_end(&w) == ERR_OK && index_there() == 10 && pieces_read == PIECES, "%d pieces", (int)pieces_read);
    CHECK(w.file.head.index == 10 && w.file.at > PIECES * PIECE && !is_half_there(), "its index and size: %llu", (unsigned long long)w.file.at);
}

/* The loop gives, asks, ends, and goes on with its own work, whatever the disk does. */
static void nobody_waits_for_the_disk(void)
{
    struct raft_snapshot_writer w = {0};
    enum err e;

    (void)alarm(60); /* who waits does so for ever */
    atomic_store(&stalled, 2);
    begin(&w, 20); /* its head */
    CHECK(raft_snapshot_writer_has_room(&w), "the first piece need not wait for the file");
    raft_snapshot_writer_give(&w, piece(0), PIECE);
    while (sem_wait(&has_stalled) != 0) {
    }
    CHECK(!raft_snapshot_writer_has_room(&w) && !raft_snapshot_writer_take(&w, &e), "it has one");
    (void)sem_post(&goes_on);
    while (sem_wait(&has_stalled) != 0) { /* the piece */
    }
    CHECK(!raft_snapshot_writer_has_room(&w) && !raft_snapshot_writer_take(&w, &e), "it has it still");
    struct pollfd p = {.fd = event, .events = POLLIN};
    CHECK(poll(&p, 1, 0) == 0, "nothing is told before there is room");
    (void)sem_post(&goes_on);
    await_told();
    CHECK(raft_snapshot_writer_has_room(&w), "there is, and it was told");
    atomic_store(&stalled, 1);
    raft_snapshot_writer_end(&w);
    while (sem_wait(&has_stalled) != 0) {
    }
    CHECK(!raft_snapshot_writer_take(&w, &e), "it is not on the disk yet");
    (void)sem_post(&goes_on);
    CHECK(await_end(&w) == ERR_OK && index_there() == 20 && pieces_read == 1, "then it is");
    (void)alarm(0);
}

static void one_that_is_given_up_leaves_nothing(void)
{
    struct raft_snapshot_writer w = {0};

    for (uint32_t i = 0; i < 5; i++) { /* before its file, with it, with a piece */
        begin(&w, 30);
        if (i % 2 == 1) {
            await_room(&w);
            raft_snapshot_writer_give(&w, piece(0), PIECE);
        }
        if (i > 2) {
            await_room(&w);
        }
        raft_snapshot_writer_stop(&w);
        CHECK(!w.has_thread && !is_half_there() && index_there() == 20, "%u: the one before is there", i);
    }
    raft_snapshot_writer_stop(&w); /* again */
    begin(&w, 31);
    await_room(&w);
    raft_snapshot_writer_give(&w, piece(0), PIECE);
    await_room(&w);
    raft_snapshot_writer_end(&w);
    raft_snapshot_writer_stop(&w);
    CHECK(index_there() == 31 && pieces_read == 1, "one that is whole is not given up");
}

static void a_full_disk_is_said(void)
{
    for (int at = 0; at < 2 * PIECES; at += 7) { /* two writes a piece, and the head's before */
        struct raft_snapshot_writer w = {0};

        atomic_store(&writes_left, at);
        begin(&w, 40);
        uint32_t given = 0;
        enum err e = ERR_OK;
        while (given < PIECES && !raft_snapshot_writer_take(&w, &e)) {
            if (raft_snapshot_writer_has_room(&w)) {
                raft_snapshot_writer_give(&w, piece(given++), PIECE); /* also when it has failed since */
            } else {
                await_told();
            }
        }
        e = w.has_thread ? await_end(&w) : e;
        CHECK(e == ERR_LIMIT && !is_half_there() && index_there() == 31, "full after %d writes: %s", at, err_name(e));
        atomic_store(&writes_left, -1);
    }
}

int main(void)
{
    dir = scratch_open();
    event = eventfd(0, EFD_CLOEXEC);
    REQUIRE(event >= 0 && sem_init(&goes_on, 0, 0) == 0 && sem_init(&has_stalled, 0, 0) == 0, "what it waits with");
    all_of_it_in_order();
    nobody_waits_for_the_disk();
    one_that_is_given_up_leaves_nothing();
    a_full_disk_is_said();
    return CHECK_RESULT();
}
