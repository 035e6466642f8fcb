/* The files of tests/vectors. Tests run in the build's root: the tree is found by the way from there. */
#ifndef CELL_TESTS_UNIT_NODE_VECTORS_H
#define CELL_TESTS_UNIT_NODE_VECTORS_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/check.h"

#ifndef KIT_TREE
#define KIT_TREE "." /* the build says where the tree is */
#endif

enum {
    VECTOR_MAX = 4096
};

/* The whole file, terminated; its size. */
static inline size_t vector_read(const char *name, char out[VECTOR_MAX])
{
    char path[256];

    (void)snprintf(path, sizeof path, KIT_TREE "/tests/vectors/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0, "%s", path);
    ssize_t len = read(fd, out, VECTOR_MAX - 1);
    close(fd);
    REQUIRE(len > 0 && len < VECTOR_MAX - 1, "%s", path);
    out[len] = '\0';
    return (size_t)len;
}

#endif
