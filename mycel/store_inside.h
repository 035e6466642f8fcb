/* What the store's own files share. */
#ifndef CELL_MYCEL_STORE_INSIDE_H
#define CELL_MYCEL_STORE_INSIDE_H

#include "mycel/entry.h"

/* NULL: there is no such bucket. */
struct mycel_store_bucket *mycel_store_bucket_of(const struct mycel_store *s, uint16_t bucket);

uint64_t mycel_store_hash(const struct mycel_store *s, const struct mycel_entry *e);

/* The slot where a key of that hash (its upper half is enough) would like to stand; the slot behind another one. */
uint32_t mycel_store_home(const struct mycel_store *s, uint64_t hash);
uint32_t mycel_store_next(const struct mycel_store *s, uint32_t slot);

/* Forget an entry. */
void mycel_store_take_out(struct mycel_store *s, uint32_t block);

bool mycel_store_is_over(const struct mycel_entry *e, uint64_t now_ms);
void mycel_store_show(const struct mycel_entry *e, uint64_t now_ms, struct mycel_store_view *ret);

#endif
