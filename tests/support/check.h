/* Claims in unit tests: every failing one is printed, and the test goes on to the next. */
#ifndef CELL_TESTS_SUPPORT_CHECK_H
#define CELL_TESTS_SUPPORT_CHECK_H

#include <stdio.h>
#include <stdlib.h>

enum {
    CHECK_SKIPPED = 77 /* exit status that meson shows as "skipped" */
};

int check_failures __attribute__((weak)); /* one for all files of a program: what a kit finds counts, too */

/* CHECK(condition, "why it must hold, row %zu", row) */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            check_failures++;                                                                      \
        }                                                                                          \
    } while (0)

/* For set-up without which the rest means nothing. */
#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        int before_ = check_failures;                                                              \
        CHECK(condition, __VA_ARGS__);                                                             \
        if (check_failures != before_) {                                                           \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* What main returns. */
#define CHECK_RESULT() (check_failures == 0 ? 0 : 1)

#endif
