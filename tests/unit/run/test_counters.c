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

static void a_new_process_has_a_new_page(void)
{
    struct counters_page *old = make(), *fresh = make(), got;

    REQUIRE(old != NULL && fresh != NULL, "two processes of one instance");
    counters_set(&old->value[COUNTERS_REQUESTS], 5);
    CHECK(counters_read(dir_fd, "default.greeter.3", &got) == ERR_OK && got.value[0] == 0,
          "the older one counts where nobody looks");
    counters_unmap(old);
    counters_unmap(fresh);
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
    a_new_process_has_a_new_page();
    texts_of_a_page_are_harmless();
    what_is_no_page_is_refused();
    names_are_all_there();
    return CHECK_RESULT();
}
