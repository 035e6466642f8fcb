/* Answers to clients of redis, in the version of the protocol that they asked for: what RESP2 lacks is said as redis says it there. Into
 * memory of the caller; what does not fit is left out and `is_cut` set, never half of one thing. */
#ifndef CELL_MYCEL_RESP_WRITE_H
#define CELL_MYCEL_RESP_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mycel_resp_write {
    uint8_t *bytes;   /* borrowed */
    size_t size, len;
    uint8_t protocol; /* 2 or 3 */
    bool is_cut;
};

/* A line; without line breaks, which become spaces. An error begins with its kind: "ERR …". */
void mycel_resp_write_simple(struct mycel_resp_write *w, const char *text);
void mycel_resp_write_error(struct mycel_resp_write *w, const char *text);

void mycel_resp_write_integer(struct mycel_resp_write *w, int64_t value);
void mycel_resp_write_bulk(struct mycel_resp_write *w, const void *bytes, size_t size);
void mycel_resp_write_text(struct mycel_resp_write *w, const char *text);
void mycel_resp_write_null(struct mycel_resp_write *w);
void mycel_resp_write_null_array(struct mycel_resp_write *w);
void mycel_resp_write_boolean(struct mycel_resp_write *w, bool value);

/* Finite, or one of the infinities; RESP2: as a bulk string. */
void mycel_resp_write_double(struct mycel_resp_write *w, double value);

/* So many things follow; of a map twice as many. A push is what nobody asked for: a message, an invalidation. */
void mycel_resp_write_array(struct mycel_resp_write *w, uint32_t count);
void mycel_resp_write_set(struct mycel_resp_write *w, uint32_t count);
void mycel_resp_write_map(struct mycel_resp_write *w, uint32_t count);
void mycel_resp_write_push(struct mycel_resp_write *w, uint32_t count);

#endif
