#include "common/reflect/jsonpath.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    SHOWN_STEPS = 8,  /* innermost: a hundred names would push the reason off the line */
    WHAT_SIZE = 384,
};

static void add_path(struct bytes_text *t, const struct jsonpath *path)
{
    size_t first = path->depth > SHOWN_STEPS ? path->depth - SHOWN_STEPS : 0;

    if (first > 0) {
        bytes_text_add(t, "…");
    }
    for (size_t i = first; i < path->depth; i++) {
        const struct jsonpath_step *step = &path->steps[i];

        bytes_text_add(t, "%s", i > 0 ? "." : "");
        bytes_text_add_escaped(t, step->name, strlen(step->name));
        if (step->index != JSONPATH_NONE) {
            bytes_text_add(t, "[%ld]", step->index);
        }
    }
    if (path->depth > 0) {
        bytes_text_add(t, ": ");
    }
}

enum err jsonpath_refuse(struct jsonpath *path, enum err e, const char *format, ...)
{
    struct bytes_text t;
    va_list args;

    bytes_text_init(&t, path->why, path->why_size);
    add_path(&t, path);
    va_start(args, format);
    bytes_text_addv(&t, format, args);
    va_end(args);
    return e;
}
