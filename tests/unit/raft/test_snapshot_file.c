/* Snapshots on disk: whole or none; every bit and every length counts. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/run/fd.h"
#include "raft/snapshot_file.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static int dir;
static struct raft_snapshot_head head, found;
static uint64_t bytes_read;

static enum err take(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    for (size_t i = 0; i < size; i++) {
        CHECK(bytes[i] == (uint8_t)(bytes_read + i), "byte %zu of the image", (size_t)bytes_read + i);
    }
    bytes_read += size;
    return ERR_OK;
}

static enum err write_one(uint64_t index, uint32_t chunks, uint32_t size)
{
    static uint8_t bytes[100000];
    struct raft_snapshot_file f;
    uint8_t next = 0;

    head = (struct raft_snapshot_head){.cluster = 7, .index = index, .term = 3, .config_size = 5, .config = "abcd"};
    enum err e = raft_snapshot_file_begin(&f, dir, &head);
    for (uint32_t i = 0; i < chunks && e == ERR_OK; i++) {
        for (uint32_t b = 0; b < size; b++) {
            bytes[b] = next++;
        }
        e = raft_snapshot_file_put(&f, bytes, size);
    }
    return e == ERR_OK ? raft_snapshot_file_end(&f) : e;
}

static enum err read_back(void)
{
    uint64_t size;
    AUTO_FD int fd = -1;
    enum err e = raft_snapshot_file_find(dir, 7, &fd, &found, &size);

    bytes_read = 0;
    return e == ERR_OK ? raft_snapshot_file_read(fd, take, NULL) : e;
}

static void the_newest_is_read_back(void)
{
    static const uint32_t sizes[] = {1, 100, 5000};

    CHECK(read_back() == ERR_NOT_FOUND, "none");
    for (uint64_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CHECK(write_one(10 + i, 20, sizes[i]) == ERR_OK && read_back() == ERR_OK && bytes_read == 20 * (uint64_t)sizes[i],
              "chunks of %u bytes", sizes[i]);
        CHECK(found.index == 10 + i && found.term == 3 && found.config_size == 5 && strcmp((char *)found.config, "abcd") == 0,
              "with its head");
        CHECK(access(scratch_path("snapshot-000000000000000a"), F_OK) != 0 || i == 0, "older ones are removed");
    }
    CHECK(write_one(20, 0, 0) == ERR_OK && read_back() == ERR_OK && bytes_read == 0, "an empty image");
    AUTO_FD int fd = -1;
    uint64_t size;
    CHECK(raft_snapshot_file_find(dir, 8, &fd, &found, &size) == ERR_DENIED, "another cluster's is not ours");
}

/* One is written for long; meanwhile a newer one comes from the leader, and the log begins behind that. */
static void a_newer_one_stays(void)
{
    CHECK(write_one(25, 2, 30) == ERR_OK && write_one(22, 2, 50) == ERR_OK, "a newer one, and one that was begun before");
    CHECK(read_back() == ERR_OK && found.index == 25 && bytes_read == 60, "the newer one is there: %llu", (unsigned long long)found.index);
    CHECK(write_one(26, 2, 30) == ERR_OK && access(scratch_path("snapshot-0000000000000016"), F_OK) != 0 &&
              access(scratch_path("snapshot-0000000000000019"), F_OK) != 0, "and the next one removes both");
}

static void every_bit_and_length_counts(void)
{
    struct stat st;

    REQUIRE(write_one(30, 3, 40) == ERR_OK, "a snapshot");
    AUTO_FD int fd = open(scratch_path("snapshot-000000000000001e"), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0 && fstat(fd, &st) == 0, "it is there");
    for (off_t bit = 0; bit < 8 * st.st_size; bit++) {
        uint8_t byte;
        REQUIRE(pread(fd, &byte, 1, bit / 8) == 1, "read");
        byte ^= (uint8_t)(1u << bit % 8);
        REQUIRE(pwrite(fd, &byte, 1, bit / 8) == 1, "write");
        CHECK(read_back() != ERR_OK, "bit %lld", (long long)bit);
        byte ^= (uint8_t)(1u << bit % 8);
        REQUIRE(pwrite(fd, &byte, 1, bit / 8) == 1, "write back");
    }
    CHECK(read_back() == ERR_OK, "it is whole again");
    for (off_t size = st.st_size - 1; size >= 0; size--) {
        REQUIRE(ftruncate(fd, size) == 0, "cut");
        CHECK(read_back() != ERR_OK, "cut to %lld bytes", (long long)size);
    }
}

static bool is_there(const char *name)
{
    return access(scratch_path(name), F_OK) == 0;
}

static void flip(const char *name, off_t at)
{
    AUTO_FD int fd = open(scratch_path(name), O_RDWR | O_CLOEXEC);
    uint8_t byte;

    REQUIRE(fd >= 0 && pread(fd, &byte, 1, at) == 1, "%s", name);
    byte ^= 4;
    REQUIRE(pwrite(fd, &byte, 1, at) == 1, "%s", name);
}

/* What is not readable gets out of the way, for a person, and only the newest of such. */
static void rotten_ones_are_put_aside(void)
{
    uint64_t newest = 1, size;

    REQUIRE(write_one(70, 3, 40) == ERR_OK && rename(scratch_path("snapshot-0000000000000046"), scratch_path("kept")) == 0 &&
                write_one(80, 3, 40) == ERR_OK && rename(scratch_path("kept"), scratch_path("snapshot-0000000000000046")) == 0,
            "two, as if the older one had not been removed yet");
    CHECK(raft_snapshot_file_newest(dir, &newest) == ERR_OK && newest == 80, "the newest by its name: %llu", (unsigned long long)newest);
    flip("snapshot-0000000000000050", 100);
    AUTO_FD int fd = -1;
    CHECK(raft_snapshot_file_find(dir, 7, &fd, &found, &size) == ERR_OK && found.index == 80 &&
              raft_snapshot_file_check(fd) == ERR_DATA_LOSS, "its head and end are whole, what is between is not");
    fd_close(&fd);
    CHECK(raft_snapshot_file_find_before(dir, 7, 80, &fd, &found, &size) == ERR_OK && found.index == 70 &&
              raft_snapshot_file_check(fd) == ERR_OK, "the one before is");
    CHECK(raft_snapshot_file_put_aside(dir, 80) == ERR_OK && is_there("snapshot-0000000000000050"), "nothing above 80");
    CHECK(raft_snapshot_file_put_aside(dir, 70) == ERR_OK && is_there("damaged-snapshot-0000000000000050") &&
              is_there("snapshot-0000000000000046"), "the rotten one goes aside, the whole one stays");
    CHECK(raft_snapshot_file_newest(dir, &newest) == ERR_OK && newest == 70, "and is the newest now");
    CHECK(raft_snapshot_file_put_aside(dir, 0) == ERR_OK && is_there("damaged-snapshot-0000000000000046") &&
              !is_there("damaged-snapshot-0000000000000050"), "of two that are aside the one of before goes");
    CHECK(raft_snapshot_file_newest(dir, &newest) == ERR_OK && newest == 0 && read_back() == ERR_NOT_FOUND, "none is left");
    REQUIRE(unlink(scratch_path("damaged-snapshot-0000000000000046")) == 0, "clean");
}

/* A member that lags gets the bytes of the file, in pieces. */
static void received_is_whole_or_none(void)
{
    static uint8_t bytes[8192];
    struct raft_snapshot_file f;
    struct stat st;

    REQUIRE(write_one(40, 10, 300) == ERR_OK, "a snapshot");
    AUTO_FD int fd = open(scratch_path("snapshot-0000000000000028"), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0 && fstat(fd, &st) == 0 && pread(fd, bytes, sizeof bytes, 0) == st.st_size, "its bytes");
    REQUIRE(unlink(scratch_path("snapshot-0000000000000028")) == 0, "elsewhere");
    for (int flaw = 0; flaw < 4; flaw++) {
        REQUIRE(raft_snapshot_file_receive(&f, dir) == ERR_OK, "begin");
        for (off_t at = 0; at < st.st_size; at += 1000) {
            size_t size = (size_t)(st.st_size - at < 1000 ? st.st_size - at : 1000);
            CHECK(raft_snapshot_file_more(&f, (uint64_t)at + 1, bytes + at, size) == ERR_PRECONDITION, "out of order");
            CHECK(raft_snapshot_file_more(&f, (uint64_t)at, bytes + at, size - (flaw == 1 && at >= st.st_size - 1000)) ==
                      ERR_OK, "in order");
        }
        bytes[2000] ^= flaw == 2;
        REQUIRE(flaw != 2 || pwrite(f.fd, bytes + 2000, 1, 2000) == 1, "a flaw");
        bytes[2000] ^= flaw == 2;
        enum err e = raft_snapshot_file_received(&f, flaw == 3 ? 8 : 7);
        CHECK(e == (flaw == 0 ? ERR_OK : flaw == 3 ? ERR_DENIED : ERR_DATA_LOSS), "flaw %d: %s", flaw, err_name(e));
        CHECK((read_back() == ERR_OK) == (flaw == 0), "flaw %d", flaw);
        if (flaw == 0) {
            CHECK(found.index == 40 && bytes_read == 3000, "it is what was sent");
            REQUIRE(unlink(scratch_path("snapshot-0000000000000028")) == 0, "again");
        }
    }
}

int main(void)
{
    dir = scratch_open();
    the_newest_is_read_back();
    a_newer_one_stays();
    every_bit_and_length_counts();
    rotten_ones_are_put_aside();
    received_is_whole_or_none();
    return CHECK_RESULT();
}
