/* What other nodes have of a cell: membership is asked by name when a request needs it, and believed for a while. */
#ifndef CELL_GATEWAY_NAMES_H
#define CELL_GATEWAY_NAMES_H

#include "gateway/choice.h"
#include "gateway/shell.h"

enum {
    GATEWAY_NAMES_MAX = 64,                    /* cells that are remembered; the one used longest ago makes room */
    GATEWAY_NAMES_SIZE = 2 * NAME_SIZE,        /* "[namespace/]cell"                                             */
};

struct gateway_name;

/* Somebody who wants to know; lives until `found` was called, once, at once or later. name: whom it is about, for this
 * call alone; NULL: there is no room. */
struct gateway_waiter {
    struct gateway_waiter *next;
    void (*found)(void *context, struct gateway_name *name);
    void *context;
};

/* Who has the cell that `ref` means: as members say it now, or, when membership does not answer, said last. */
void gateway_names_find(struct gateway_shell *s, const struct name_ref *ref, struct gateway_waiter *waiter);
struct gateway_choice *gateway_names_choice(struct gateway_name *name);

/* A call of this cell on this node ended: well or not, after so long. */
void gateway_names_saw(struct gateway_shell *s, const struct name_ref *ref, const char *node, bool is_well, uint64_t took_us);

/* What members say may have changed: nothing is believed unasked. */
void gateway_names_doubt(struct gateway_shell *s);

/* "[namespace/]cell" as nodes tell each other: the namespace "default" has none. */
void gateway_names_format(const struct gateway_shell *s, const struct name_ref *ref, char out[GATEWAY_NAMES_SIZE]);

/* The dht did not answer what it was asked or told: e, text. Where there is none it is left alone for a while. */
void gateway_names_unheard(struct gateway_shell *s, enum err e, const char *text);

void gateway_names_free(struct gateway_shell *s);

#endif
