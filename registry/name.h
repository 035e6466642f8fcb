/* Names of packages: "greeter" or "acme/greeter". What passes means nothing to a path, a shell, a command line, a terminal or git, on
 * any host, and has one spelling.
 *
 *   name  = [space "/"] part          at most REGISTRY_NAME_MAX characters
 *   part  = word *(("-" / "_") word)  at most NAME_MAX_LEN, so it is a cell's name, too
 *   word  = 1*(a-z / 0-9)             the first of a part begins with a letter
 */
#ifndef CELL_REGISTRY_NAME_H
#define CELL_REGISTRY_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/name.h"

enum {
    REGISTRY_NAME_MAX = 2 * NAME_MAX_LEN + 1,
    REGISTRY_NAME_SIZE = REGISTRY_NAME_MAX + 1, /* bytes with the terminator */
};

/* NULL: text[0..len) is a name. Else what is wrong with it, in words that need no more context; never freed. */
const char *registry_name_fault(const char *text, size_t len);

/* Whether two names, both valid and terminated, are so alike that a person takes one for the other: they differ in separators, in
 * look-alikes (0 o, 1 i l, 5 s, rn m, vv w), or, at 5 characters and more, by one letter that is other, missing, added or swapped
 * with its neighbour. False of equal names. Whoever publishes is told. */
bool registry_name_is_alike(const char *a, const char *b);

#endif
