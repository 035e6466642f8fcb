/* What nodes are called: labels of DNS (RFC 1123, 2.1), of which each is one peer's at most, by his number. Who has one keeps
 * it until it is taken from him. Pure, in memory of the caller. */
#ifndef CELL_DATAPATH_LABEL_H
#define CELL_DATAPATH_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DATAPATH_LABEL_SIZE = 64, /* bytes, with a zero at the end (RFC 1035, 2.3.4) */
    DATAPATH_LABEL_KEY = 16,
};

struct datapath_label {
    char text[DATAPATH_LABEL_SIZE]; /* "": he has none     */
    uint32_t next;                  /* of the same hash, + 1 */
};

struct datapath_labels {
    struct datapath_label *of; /* by number              */
    uint32_t *bucket, mask;    /* the first of a hash, + 1 */
    uint8_t key[DATAPATH_LABEL_KEY];
};

/* Whether text[0..len) may be a label: 1 to 63 of a to z, 0 to 9 and '-', that neither begins nor ends with '-'. */
bool datapath_label_valid(const char *text, size_t len);

/* Bytes for so many numbers, 1 at least, aligned as malloc does. */
size_t datapath_label_size(uint32_t numbers);
/* memory: of that size, borrowed. key: drawn, so that nobody chooses labels of one hash. */
void datapath_label_init(struct datapath_labels *l, void *memory, uint32_t numbers, const uint8_t key[DATAPATH_LABEL_KEY]);

/* Give him this label in place of the one that he had, or none (""). False: another has it, and nothing changed. O(1). */
bool datapath_label_give(struct datapath_labels *l, uint32_t number, const char *text);
/* Who has it; false: nobody. O(1). */
bool datapath_label_find(const struct datapath_labels *l, const char *text, uint32_t *ret);

#endif
