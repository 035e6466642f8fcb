#include "tests/sim/world/count.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const names[] = {
#define X(name, text) text,
    COUNT_MAP(X)
#undef X
};

const char *count_name(enum count_kind kind)
{
    return names[kind];
}

void count_add(struct count *to, const struct count *from)
{
    for (uint32_t k = 0; k < COUNT_KINDS; k++) {
        to->of[k] += from->of[k];
    }
}

void count_print(const struct count *c)
{
    const char *before = "";

    for (uint32_t k = 0; k < COUNT_KINDS; k++) {
        if (c->of[k] != 0) {
            printf("%s%" PRIu64 " %s", before, c->of[k], names[k]);
            before = ", ";
        }
    }
    putchar('\n');
}
