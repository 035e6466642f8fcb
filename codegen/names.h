/* Names in generated programs: each is there once, none is a word of the language or of its runtime. The same schema gives the same names. */
#ifndef CELL_CODEGEN_NAMES_H
#define CELL_CODEGEN_NAMES_H

#include "codegen/schema.h"

/* Names of one scope. */
struct codegen_names {
    struct arena *arena;      /* borrowed */
    const char *const *avoid; /* sorted; names that nothing may have */
    size_t avoid_count;
    const struct codegen_names *outer; /* what is taken there is not taken here; NULL: none. Borrowed */
    const char **taken; /* by hash */
    size_t count, room;
    bool is_capital; /* types begin with one */
    bool failed;     /* no memory */
};

void codegen_names_init(struct codegen_names *n, struct arena *arena, const char *const *avoid, size_t avoid_count);

/* `wanted`, with as many underscores behind it as make it nobody's. In the arena; "" when failed. */
const char *codegen_names_take(struct codegen_names *n, const char *wanted);

/* Which types a service's operations need, and what they are called: arrays beside the schema's own, NULL for those that are not needed. */
struct codegen_used {
    const char **messages, **enums;
};

/* Types are called as in their package, with '_' between a message's name and what is in it, and M before a first '_'; those of other
 * packages give way to the service's own. A map's entries are needed and have no name (""). ERR_NOMEM. O(n). */
enum err codegen_names_of(const struct codegen_schema *s, const struct codegen_service *service, struct codegen_names *names, struct codegen_used *ret)
    MUST_CHECK;

/* The cell that has the service: its package's last word, or the service's name. In out, terminated. */
void codegen_names_cell(const struct codegen_service *service, char out[CODEGEN_SCHEMA_WORD_MAX + 1]);

/* A full name without its package. */
const char *codegen_names_short(const char *name, size_t package_len);

#endif
