/* The resolver from inside: rules, what is known, and sets. Of resolve.c and resolve_why.c alone. */
#ifndef CELL_REGISTRY_RESOLVE_CORE_H
#define CELL_REGISTRY_RESOLVE_CORE_H

#include <string.h>

#include "registry/resolve.h"

/* "Not all of this at once": a package has one of the values in each term. */
struct registry_resolve_term {
    uint32_t package;
    const uint64_t *set; /* never all of the package's values */
};

struct registry_resolve_rule {
    uint32_t terms;
    struct registry_resolve_term *term;
    /* It follows from two others, … */
    struct registry_resolve_rule *cause[2];
    /* … or is a requirement: of these versions of `by`, or of the project (REGISTRY_RESOLVE_NONE). */
    const struct registry_resolve_need *need;
    uint32_t by;
    bool is_without_version; /* nothing is in the range */
    /* Of the explanation. */
    uint32_t parents, line;
};

/* A package as a variable: value i is usable version i, the last one is "absent". */
struct registry_resolve_variable {
    uint32_t usable, words;
    uint32_t *version;            /* usable[i]: its place in the package's list, ascending */
    uint32_t locked;              /* a value, or REGISTRY_RESOLVE_NONE                      */
    uint64_t *all;                /* every value                                            */
    uint8_t **is_added;           /* of each value and requirement: its rule is there; NULL: none of them */
    struct registry_resolve_rule **rule; /* those that speak of it                          */
    uint32_t rules, rules_room;
    uint32_t last;                /* of what is known: where it was narrowed last, or REGISTRY_RESOLVE_NONE */
    bool is_changed, is_queued;
};

/* One thing that is known: from here on the package has one of the values at `set`. */
struct registry_resolve_known {
    uint32_t package, level, before; /* before: the same package's known before, or REGISTRY_RESOLVE_NONE */
    size_t set;                      /* in the pool                                                       */
    struct registry_resolve_rule *cause; /* NULL: it was decided                                          */
};

struct registry_resolve {
    const struct registry_resolve_question *q;
    struct arena *a;
    enum err e; /* the first one stays */
    struct registry_resolve_variable *variable;
    struct registry_resolve_known *known;
    uint32_t known_count, known_room;
    uint64_t *pool; /* sets of what is known */
    size_t pool_used, pool_room;
    uint32_t *queue, queued;      /* what is required, in the order of becoming so; level i decides queue[i - 1] */
    uint32_t level;
    struct { uint32_t known, queued; } *mark; /* before each level */
    uint32_t *changed, changed_count;
    uint64_t steps;
    struct registry_resolve_rule *failure; /* a rule of no terms */
};

/* Zeroed memory, or NULL and e. */
void *registry_resolve_take(struct registry_resolve *r, size_t size);

/* Write why `failure` holds. */
void registry_resolve_explain(struct registry_resolve *r, struct bytes_text *why);

/* ---- sets ------------------------------------------------------------------------------------------- */

static inline bool registry_resolve_bit(const uint64_t *set, uint32_t bit)
{
    return (set[bit / 64] >> bit % 64 & 1) != 0;
}

static inline void registry_resolve_add(uint64_t *set, uint32_t bit)
{
    set[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* Whether a positive term: the package is there. */
static inline bool registry_resolve_is_present(const struct registry_resolve_variable *v, const uint64_t *set)
{
    return !registry_resolve_bit(set, v->usable);
}

#endif
