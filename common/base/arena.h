/* A bump allocator for what lives exactly as long as one request. */
#ifndef CELL_COMMON_BASE_ARENA_H
#define CELL_COMMON_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;

/* Zero-initialised is ready for use after arena_init. */
struct arena {
    struct arena_block *first; /* kept across resets        */
    struct arena_block *last;
    size_t used_bytes;         /* handed out since reset    */
    size_t limit_bytes;        /* arena_alloc fails beyond  */
};

/* limit_bytes: most bytes handed out between two resets; each allocation counts rounded up to the
 * alignment (16). Allocates nothing yet. */
void arena_init(struct arena *a, size_t limit_bytes);

/* `size` bytes, aligned for any type, uninitialised; NULL at the limit or without memory.
 * Valid until the next reset. */
void *arena_alloc(struct arena *a, size_t size);

/* Forget everything handed out; keeps one block of usual size for the next request. O(blocks). */
void arena_reset(struct arena *a);

/* Give all memory back; `a` may be initialised again. */
void arena_fini(struct arena *a);

#endif
