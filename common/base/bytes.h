/* Little helpers on byte ranges: fixed-endian integers, checksums, bounded text. */
#ifndef CELL_COMMON_BASE_BYTES_H
#define CELL_COMMON_BASE_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

void bytes_put_be32(uint8_t out[4], uint32_t value);
void bytes_put_be64(uint8_t out[8], uint64_t value);
uint32_t bytes_get_be32(const uint8_t in[4]);
uint64_t bytes_get_be64(const uint8_t in[8]);

/* CRC-32C (Castagnoli, as in RFC 3720 appendix B.4) of data[0..size), continuing from `crc`
 * (0 to begin). */
uint32_t bytes_crc32c(uint32_t crc, const void *data, size_t size);

/* A bounded, always terminated text under construction in memory of the caller. Text that does
 * not fit is cut and `cut` set; never an overflow. */
struct bytes_text {
    char *at;
    size_t size; /* bytes of `at`, > 0 */
    size_t len;  /* characters so far  */
    bool cut;
};

void bytes_text_init(struct bytes_text *t, char *at, size_t size);
void bytes_text_add(struct bytes_text *t, const char *format, ...) PRINTF_LIKE(2, 3);
void bytes_text_addv(struct bytes_text *t, const char *format, va_list args);

/* Append text[0..len) with everything that could break a one-line key=value record escaped:
 * control characters, '"', '\\' and bytes that are not UTF-8 become \xNN. */
void bytes_text_add_escaped(struct bytes_text *t, const char *text, size_t len);

/* The same for text that brings its own quotes, or for a person: '"' and '\\' stay as they are. */
void bytes_text_add_printable(struct bytes_text *t, const char *text, size_t len);

/* Whether data[0..size) is well-formed UTF-8 (RFC 3629) without NUL. */
bool bytes_is_utf8(const uint8_t *data, size_t size);

/* Lower-case hex of data into out[2 * size + 1], and back. from_hex: exactly 2 * size digits or
 * false, and then `out` is untouched. */
void bytes_to_hex(const uint8_t *data, size_t size, char *out);
bool bytes_from_hex(const char *text, uint8_t *out, size_t size);

#endif
