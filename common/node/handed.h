/* What the supervisor hands a cell of its node's keys: a sealed memory file with texts, each after its length in four bytes, the
 * highest first (nucleus/keys.h). */
#ifndef CELL_COMMON_NODE_HANDED_H
#define CELL_COMMON_NODE_HANDED_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

struct handed_part {
    const uint8_t *at; /* borrowed from the whole */
    size_t size;
};

/* All of a file, from its beginning, wherever its offset is. ERR_LIMIT: it fills the room or does not fit; ERR_IO …: it cannot be
 * read. *ret_size is untouched then. */
enum err handed_read(int fd, uint8_t *out, size_t room, size_t *ret_size) MUST_CHECK;

/* The first `count` texts of bytes[0..size); what follows them is not looked at. ERR_MALFORMED: there are fewer, or one is cut;
 * ret is unspecified then. */
enum err handed_split(const uint8_t *bytes, size_t size, struct handed_part ret[], size_t count) MUST_CHECK;

/* One of them as a string. ERR_MALFORMED: it has a zero, or no room for the one at its end; `out` is untouched then. */
enum err handed_text(const uint8_t *at, size_t size, char *out, size_t room) MUST_CHECK;

#endif
