/* Memory that only a moment needed: how much of it a process still has afterwards, as the kernel counts it. Each claim has a
 * process of its own, built without a sanitizer, whose allocator is another. */
#include <alloca.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/macros.h"
#include "common/run/tidy.h"
#include "tests/support/check.h"

enum {
    PIECES = 4000,
    PIECE_MAX = 1000,
    DEPTH = 256 * 1024,
    LITTLE_KB = 20, /* what a call may leave: pages of libc that were written for the first time */
    MUCH_KB = 48,
};

/* Pages that are this process's own and not of any file. */
static long anonymous_kb(void)
{
    static char text[4096]; /* stdio would take memory for itself */
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    size_t size = f == NULL ? 0 : fread(text, 1, sizeof text - 1, f);

    REQUIRE(size > 0, "the kernel tells what a process has");
    (void)fclose(f);
    text[size] = '\0';
    const char *line = strstr(text, "\nAnonymous:");
    REQUIRE(line != NULL, "anonymous memory is a line of it");
    return strtol(line + strlen("\nAnonymous:"), NULL, 10);
}

static void *piece[PIECES];

/* Many small pieces of all sizes, and a deep stack. */
static void work(void *context)
{
    uint32_t x = 1;

    (void)context;
    for (size_t i = 0; i < PIECES; i++) {
        x = x * 1664525 + 1013904223;
        piece[i] = malloc(x % PIECE_MAX + 1);
        REQUIRE(piece[i] != NULL, "a piece");
        memset(piece[i], 1, x % PIECE_MAX + 1);
    }
    for (size_t i = 0; i < PIECES; i++) {
        free(piece[i]);
    }
    volatile char *deep = alloca(DEPTH);
    for (size_t i = 0; i < DEPTH; i += 1024) {
        deep[i] = 1;
    }
}

static void tell_who(void *context)
{
    *(pthread_t *)context = pthread_self();
}

/* What `begin` costs for good. */
static long left_kb(void (*begin)(void (*)(void *), void *))
{
    memset(piece, 1, sizeof piece); /* these are no part of it */
    tidy_started();
    (void)anonymous_kb();
    long before = anonymous_kb();
    begin(work, NULL);
    tidy_started();
    return anonymous_kb() - before;
}

static void directly(void (*it)(void *), void *context)
{
    it(context);
}

static void what_is_done_apart_leaves_nothing(void)
{
    long left = left_kb(tidy_apart);

    CHECK(left <= LITTLE_KB, "%ld KiB are left", left);
}

/* Else the claim above would say nothing. */
static void what_is_not_does(void)
{
    long left = left_kb(directly);

    CHECK(left >= MUCH_KB, "%ld KiB are left", left);
}

static void it_is_done_by_a_thread(void)
{
    pthread_t who = pthread_self();

    tidy_apart(tell_who, &who);
    CHECK(!pthread_equal(who, pthread_self()), "the caller did it");
}

static void it_is_done_where_no_thread_is_to_be_had(void)
{
    struct rlimit none = {0};
    pthread_t who = 0;

    REQUIRE(setrlimit(RLIMIT_AS, &none) == 0, "no more memory");
    tidy_apart(tell_who, &who);
    CHECK(pthread_equal(who, pthread_self()), "nobody did it");
}

static void deep_stack_goes(void)
{
    work(NULL);
    (void)malloc_trim(0);
    long before = anonymous_kb();
    tidy_started();
    long gone = before - anonymous_kb();
    CHECK(gone >= DEPTH / 1024 - LITTLE_KB, "%ld KiB went", gone);
}

static void in_a_process(void (*claim)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        check_failures = 0; /* of earlier ones */
        claim();
        _exit(CHECK_RESULT());
    }
    REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid, "a process of its own");
    CHECK(status == 0, "it ended with %d", status);
}

int main(void)
{
    static void (*const claims[])(void) = {
        what_is_done_apart_leaves_nothing, what_is_not_does, it_is_done_by_a_thread, it_is_done_where_no_thread_is_to_be_had,
        deep_stack_goes,
    };

    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        in_a_process(claims[i]);
    }
    return CHECK_RESULT();
}
