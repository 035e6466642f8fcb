/* Other policies, written plainly and for themselves, on requests for numbers below `ids`: how many were found. Entries of one size. */
#ifndef CELL_TESTS_SIM_MYCEL_REFS_H
#define CELL_TESTS_SIM_MYCEL_REFS_H

#include <stddef.h>
#include <stdint.h>

struct refs_trace {
    const uint32_t *id;
    size_t count;
    uint32_t ids;
};

uint64_t refs_fifo(const struct refs_trace *t, uint32_t capacity);
uint64_t refs_lru(const struct refs_trace *t, uint32_t capacity);

/* Johnson, Shasha, VLDB 1994: a quarter for newcomers, half as many ghosts as entries. */
uint64_t refs_2q(const struct refs_trace *t, uint32_t capacity);

/* Megiddo, Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003, figure 4. */
uint64_t refs_arc(const struct refs_trace *t, uint32_t capacity);

/* Yang and others, SOSP 2023, algorithm 1: a tenth for newcomers, moved up after two uses, as many ghosts as the main queue has room for. */
uint64_t refs_s3fifo(const struct refs_trace *t, uint32_t capacity);

/* Belady, "A study of replacement algorithms", 1966: whoever will be asked for last goes, or does not come at all. */
uint64_t refs_opt(const struct refs_trace *t, uint32_t capacity);

#endif
