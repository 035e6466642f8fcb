/* A fresh directory for one test, removed with what is in it. */
#ifndef CELL_TESTS_SUPPORT_SCRATCH_H
#define CELL_TESTS_SUPPORT_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/check.h"

static char scratch_dir[64];

static inline int scratch_remove_one(const char *path, const struct stat *st, int kind,
                                     struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void scratch_remove(void)
{
    (void)nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Remove a directory below it. */
static inline void scratch_remove_under(const char *path)
{
    (void)nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Make the directory, scratch_dir, and return a descriptor of it. */
static inline int scratch_open(void)
{
    snprintf(scratch_dir, sizeof scratch_dir, "/tmp/cell-test-XXXXXX");
    REQUIRE(mkdtemp(scratch_dir) != NULL, "a scratch directory");
    atexit(scratch_remove);
    int fd = open(scratch_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0, "the scratch directory opens");
    return fd;
}

/* A path in it; valid until the next call but three. */
static inline const char *scratch_path(const char *name)
{
    static char path[4][PATH_MAX];
    static unsigned next;
    char *out = path[next++ % 4];

    snprintf(out, sizeof path[0], "%s/%s", scratch_dir, name);
    return out;
}

#endif
