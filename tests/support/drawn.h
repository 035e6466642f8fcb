/* The command line of a program that judges drawn worlds: [--seed N [--loud]] [--from N] [--worlds N]. */
#ifndef CELL_TESTS_SUPPORT_DRAWN_H
#define CELL_TESTS_SUPPORT_DRAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWN_USAGE = 64 /* exit status */ };

struct drawn {
    uint64_t from, worlds; /* the first seed, and how many */
    bool is_loud;
};

/* What was asked for, over what *d says already. false after saying how it is used. */
static inline bool drawn_args(int argc, char **argv, struct drawn *d)
{
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--loud") == 0) {
            d->is_loud = true;
        } else if (strcmp(argv[i], "--seed") == 0 && has_value) {
            d->from = strtoull(argv[++i], NULL, 10);
            d->worlds = 1;
        } else if (strcmp(argv[i], "--from") == 0 && has_value) {
            d->from = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--worlds") == 0 && has_value) {
            d->worlds = strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: %s [--seed N [--loud]] [--from N] [--worlds N]\n", argv[0]);
            return false;
        }
    }
    return true;
}

#endif
