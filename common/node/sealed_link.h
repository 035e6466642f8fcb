/* Rings of things that are in several at once. */
#ifndef CELL_COMMON_NODE_SEALED_LINK_H
#define CELL_COMMON_NODE_SEALED_LINK_H

#include <stdbool.h>

/* A place in a ring that begins and ends at its head; alone, it points to itself. */
struct sealed_link {
    struct sealed_link *next;
    struct sealed_link *prev;
};

static inline void sealed_link_init(struct sealed_link *l)
{
    l->next = l->prev = l;
}

static inline bool sealed_link_is_alone(const struct sealed_link *l)
{
    return l->next == l;
}

static inline void sealed_link_out(struct sealed_link *l)
{
    l->next->prev = l->prev;
    l->prev->next = l->next;
    sealed_link_init(l);
}

/* Before `head`: as the last of its ring. */
static inline void sealed_link_in(struct sealed_link *head, struct sealed_link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

#endif
