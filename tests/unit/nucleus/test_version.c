/* Versions of programs and entries (NUC-12): the same bytes are the same version wherever they are, and
 * every change is another, however soon it comes. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"
#include "nucleus/version.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

enum {
    SIZE = 20000, /* more than one read of the hash */
    ROUNDS = 500, /* writes in a row: many of them within one tick of the clock of change times */
    PROGRAMS = 100, /* more than are remembered */
    MEMORY_MAX = 1 << 14, /* bytes: more than the file of memories has */
};

static char bytes[SIZE];

static struct manifest_cell cell_of(const char *name, uint64_t hash)
{
    static char path[8][MANIFEST_PATH_MAX]; /* of the last few: a test looks at three at a time */
    static unsigned next;
    char *exec = path[next++ % ARRAY_LEN(path)];

    (void)snprintf(exec, MANIFEST_PATH_MAX, "%s", scratch_path(name));
    return (struct manifest_cell){.hash = hash, .exec = exec};
}

static void write_program(const char *name)
{
    AUTO_FD int fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

    REQUIRE(fd >= 0 && pwrite(fd, bytes, sizeof bytes, 0) == sizeof bytes, "%s is written", name);
}

static uint64_t version_of(const struct manifest_cell *c)
{
    uint64_t version = 0;
    enum err e = version_now(c, NULL, &version);

    REQUIRE(e == ERR_OK, "%s has a version: %s", c->exec, err_name(e));
    return version;
}

static void bytes_and_entry_make_the_version(void)
{
    struct manifest_cell a = cell_of("a", 1), b = cell_of("b", 1), other = cell_of("a", 2);

    write_program("a");
    write_program("b");
    CHECK(version_of(&a) == version_of(&b), "the same bytes elsewhere");
    CHECK(version_of(&a) == version_of(&a), "asked twice");
    CHECK(version_of(&a) != version_of(&other), "another entry");
    bytes[SIZE - 1] ^= 1;
    write_program("b");
    CHECK(version_of(&a) != version_of(&b), "the last byte");
    bytes[SIZE - 1] ^= 1;
    write_program("b");
    CHECK(version_of(&a) == version_of(&b), "changed back");
}

/* In place and of one length, so that only the change time could tell. */
static void a_change_is_seen_however_soon(void)
{
    struct manifest_cell c = cell_of("c", 1);
    uint64_t before = 0;
    int missed = 0;

    for (int i = 0; i < ROUNDS; i++) {
        bytes[0]++;
        write_program("c");
        uint64_t now = version_of(&c);
        missed += now == before;
        before = now;
    }
    CHECK(missed == 0, "%d of %d changes were not seen", missed, ROUNDS);
}

static void a_program_that_is_replaced_is_told(void)
{
    struct manifest_cell c = cell_of("d", 1);
    struct version_file started;
    uint64_t version = 7;

    write_program("d");
    REQUIRE(version_look(&c, &started) == ERR_OK, "it is there");
    CHECK(version_now(&c, &started, &version) == ERR_OK && version != 7, "it is what was started");
    version = 7;
    REQUIRE(rename(scratch_path("d"), scratch_path("e")) == 0, "moved away");
    write_program("d");
    CHECK(version_now(&c, &started, &version) == ERR_ABORTED && version == 7,
          "the same bytes in another file: which one runs is not known");
    CHECK(unlink(scratch_path("d")) == 0 && version_now(&c, &started, &version) == ERR_NOT_FOUND &&
              version_look(&c, &started) == ERR_NOT_FOUND && version == 7, "no file");
}

static void more_programs_than_are_remembered(void)
{
    uint64_t first[PROGRAMS];
    char name[16];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < PROGRAMS; i++) {
            (void)snprintf(name, sizeof name, "p%d", i);
            struct manifest_cell c = cell_of(name, 1);
            if (round == 0) {
                (void)snprintf(bytes, sizeof bytes, "%s", name);
                write_program(name);
                first[i] = version_of(&c);
            } else {
                CHECK(version_of(&c) == first[i], "%s is as it was", name);
            }
        }
    }
    for (int i = 1; i < PROGRAMS; i++) {
        CHECK(first[i] != first[i - 1], "program %d is another", i);
    }
}

/* Where the file of memories in `dir` has `file`, or NULL: not yet. What it holds is in `kept`. */
static char *find_memory(int dir, const struct version_file *file, char kept[MEMORY_MAX], size_t *ret_size)
{
    AUTO_FD int fd = openat(dir, "programs", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, kept, MEMORY_MAX);

    REQUIRE(size >= 0 && size < MEMORY_MAX, "the memories fit: %zd", size);
    *ret_size = (size_t)size;
    return memmem(kept, *ret_size, file, sizeof *file);
}

static void put_memory(int dir, const char *kept, size_t size)
{
    AUTO_FD int fd = openat(dir, "programs", O_WRONLY | O_TRUNC | O_CLOEXEC);

    REQUIRE(fd >= 0 && write(fd, kept, size) == (ssize_t)size, "the memories are put back");
    version_open(dir);
}

/* A hash changed in the file of memories shows who believes it: nothing else could know. */
static void a_successor_knows_what_was_read(int dir)
{
    struct manifest_cell c = cell_of("k", 1);
    char kept[MEMORY_MAX], *at;
    struct version_file file;
    uint32_t crc;
    size_t size;

    version_open(dir);
    write_program("k");
    uint64_t version = version_of(&c);
    REQUIRE(version_look(&c, &file) == ERR_OK, "it is there");
    while ((at = find_memory(dir, &file, kept, &size)) == NULL) {
        CHECK(version_of(&c) == version, "it is read until its change time has settled");
    }
    at[sizeof file] ^= 1;
    put_memory(dir, kept, size);
    CHECK(version_of(&c) == version, "damaged: what was known stays known");
    crc = bytes_crc32c(0, kept + 8, size - 8);
    memcpy(kept + 4, &crc, sizeof crc);
    put_memory(dir, kept, size - 1);
    CHECK(version_of(&c) == version, "cut: likewise");
    put_memory(dir, kept, size);
    CHECK(version_of(&c) != version, "whole: it is believed, and the program is not read");
}

int main(void)
{
    int fd = scratch_open();

    bytes_and_entry_make_the_version();
    a_change_is_seen_however_soon();
    a_program_that_is_replaced_is_told();
    more_programs_than_are_remembered();
    a_successor_knows_what_was_read(fd);
    fd_close(&fd);
    return CHECK_RESULT();
}
