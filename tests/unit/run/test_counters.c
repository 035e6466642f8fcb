/* Pages of counters: what the supervisor makes is what a cell maps and anybody reads; what a cell may
 * write into its page, or put in its place, harms no reader. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/counters.h"
#include "common/run/fd.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static int dir_fd;

static struct counters_page *make(void)
{
    AUTO_FD int fd = -1;

    REQUIRE(counters_make(dir_fd, "default", "greeter", 3, 77, &fd) == ERR_OK, "made");
    return counters_map(fd);
}

static void what_is_counted_is_read(void)
{
    struct counters_page *page = make(), got;

    REQUIRE(page != NULL, "mapped");
    counters_set(&page->value[COUNTERS_REQUESTS], 12);
    page->row[5] = (struct counters_row){.state = 1, .role = 2, .peer = "default/load", .in = 9};
    CHECK(counters_read(dir_fd, "default.greeter.3", &got) == ERR_OK, "read while it is written");
    CHECK(strcmp(got.space, "default") == 0 && strcmp(got.cell, "greeter") == 0 && got.instance == 3 &&
              got.generation == 77, "whose it is");
    CHECK(got.value[COUNTERS_REQUESTS] == 12 && got.row[5].in == 9 &&
              strcmp(got.row[5].peer, "default/load") == 0, "what was counted");
    counters_unmap(page);
    CHECK(counters_read(dir_fd, "default.greeter.3", &got) == ERR_OK && got.value[0] == 12, "after its end");
    struct stat facts;
    CHECK(fstatat(dir_fd, "default.greeter.3", &facts, 0) == 0 && (facts.st_mode & 07777) == 0600,
          "nobody else's to read");
}

static void a_new_process_begins_at_nothing(void)
{
    struct counters_page *old = make(), got;
    struct stat before, after;

    REQUIRE(old != NULL, "a process");
    counters_set(&old->value[COUNTERS_REQUESTS], 5);
    old->row[3].state = 1;
    counters_unmap(old);
    REQUIRE(fstatat(dir_fd, "default.greeter.3", &before, 0) == 0, "its page");
    counters_unmap(make());
    CHECK(counters_read(dir_fd, "default.greeter.3", &got) == ERR_OK && got.value[COUNTERS_REQUESTS] == 0 &&
              got.row[3].state == 0, "nothing is left of the one before");
    CHECK(fstatat(dir_fd, "default.greeter.3", &after, 0) == 0 && after.st_ino == before.st_ino,
          "in the same file");
}

static void what_has_its_name_and_is_no_page_stays(void)
{
    AUTO_FD int fd = -1;

    REQUIRE(mkfifoat(dir_fd, "default.pipe.0", 0600) == 0 && symlinkat("x", dir_fd, "default.link.0") == 0, "others");
    CHECK(counters_make(dir_fd, "default", "pipe", 0, 1, &fd) != ERR_OK, "a pipe, and nobody waits for a reader");
    CHECK(counters_make(dir_fd, "default", "link", 0, 1, &fd) != ERR_OK, "a link");
    int longer = openat(dir_fd, "default.longer.0", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(longer >= 0 && ftruncate(longer, 3 * COUNTERS_BYTES) == 0, "a longer file");
    fd_close(&longer);
    CHECK(counters_make(dir_fd, "default", "longer", 0, 1, &fd) == ERR_MALFORMED && fd < 0, "a longer file");
}

static void texts_of_a_page_are_harmless(void)
{
    struct counters_page *page = make(), got;

    REQUIRE(page != NULL, "mapped");
    memset(page->cell, 'x', sizeof page->cell);
    memcpy(page->space, "a\x1b[31m\n", 8);
    memset(page->row[0].peer, 0xff, sizeof page->row[0].peer);
    CHECK(counters_read(dir_fd, "default.greeter.3", &got) == ERR_OK, "read");
    CHECK(strlen(got.cell) == COUNTERS_NAME - 1, "terminated");
    CHECK(strcmp(got.space, "a??31m?") == 0, "nothing acts on a terminal: %s", got.space);
    CHECK(strspn(got.row[0].peer, "?") == COUNTERS_PEER - 1, "nor here");
    counters_unmap(page);
}

static void what_is_no_page_is_refused(void)
{
    struct counters_page got = {.generation = 1};
    struct counters_page *page = make();

    REQUIRE(page != NULL, "mapped");
    CHECK(counters_read(dir_fd, "default.greeter.4", &got) == ERR_NOT_FOUND, "nothing there");
    page->version++;
    CHECK(counters_read(dir_fd, "default.greeter.3", &got) == ERR_INCOMPATIBLE, "a later version");
    page->magic++;
    CHECK(counters_read(dir_fd, "default.greeter.3", &got) == ERR_MALFORMED, "not ours");
    counters_unmap(page);
    REQUIRE(symlinkat("default.greeter.3", dir_fd, "link") == 0 && mkfifoat(dir_fd, "fifo", 0600) == 0 &&
                mkdirat(dir_fd, "dir", 0700) == 0, "others");
    CHECK(counters_read(dir_fd, "link", &got) == ERR_DENIED, "a link");
    CHECK(counters_read(dir_fd, "fifo", &got) == ERR_MALFORMED, "a pipe: and nobody waits for a writer");
    CHECK(counters_read(dir_fd, "dir", &got) == ERR_MALFORMED, "a directory");
    AUTO_FD int fd = openat(dir_fd, "default.greeter.3", O_WRONLY);
    REQUIRE(ftruncate(fd, 4096) == 0, "cut");
    CHECK(counters_read(dir_fd, "default.greeter.3", &got) == ERR_MALFORMED, "half a page");
    AUTO_FD int half = openat(dir_fd, "default.greeter.3", O_RDWR);
    CHECK(counters_map(half) == NULL, "and none is mapped");
    CHECK(got.generation == 1, "on errors the copy is untouched");
}

static void names_are_all_there(void)
{
    for (int i = 0; i < COUNTERS_COUNT; i++) {
        CHECK(counters_name((enum counters_value)i)[0] != '\0' && counters_help((enum counters_value)i)[0] != '\0',
              "value %d", i);
    }
}

int main(void)
{
    dir_fd = scratch_open();
    what_is_counted_is_read();
    a_new_process_begins_at_nothing();
    what_has_its_name_and_is_no_page_stays();
    texts_of_a_page_are_harmless();
    what_is_no_page_is_refused();
    names_are_all_there();
    return CHECK_RESULT();
}
