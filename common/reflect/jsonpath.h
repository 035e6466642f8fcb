/* Where in a message we are, for error lines: "request.items[3].name". */
#ifndef CELL_COMMON_REFLECT_JSONPATH_H
#define CELL_COMMON_REFLECT_JSONPATH_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    JSONPATH_STEPS_MAX = 101, /* one more than messages may be deep */
    JSONPATH_NONE = -1,
};

struct jsonpath_step {
    const char *name; /* borrowed */
    long index;       /* in a list, or JSONPATH_NONE */
};

struct jsonpath {
    struct jsonpath_step steps[JSONPATH_STEPS_MAX];
    size_t depth;
    char *why; /* of the caller */
    size_t why_size;
};

/* Write "path: what" into why and return e. The text is made printable. */
enum err jsonpath_refuse(struct jsonpath *path, enum err e, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
