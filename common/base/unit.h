/* Quantities as people write them in a manifest: "100ms", "10s", "256M", "5 in 60s". */
#ifndef CELL_COMMON_BASE_UNIT_H
#define CELL_COMMON_BASE_UNIT_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    UNIT_TEXT_MAX = 32,   /* characters of a quantity; longer text is refused           */
    UNIT_RATE_MAX = 1000, /* events of a rate: what a list of their times may reasonably hold */
};

/* Parse a duration: digits followed by us, ms, s, m, h or d, no space, no sign, no fraction.
 * *ret_us is microseconds, at most 366 days. ERR_MALFORMED: not a duration; ERR_RANGE: too long.
 * Untouched on error. "0" alone is a duration too. */
enum err unit_duration_parse(const char *text, uint64_t *ret_us) MUST_CHECK;

/* Parse a size: digits followed by nothing (bytes), K, M, G or T (powers of 1024; also KiB, MiB,
 * GiB, TiB). *ret_bytes at most 2^50. Errors as above. */
enum err unit_size_parse(const char *text, uint64_t *ret_bytes) MUST_CHECK;

/* Parse a rate "N in DURATION": at most N events in that time. ERR_RANGE: N is not in
 * 1..UNIT_RATE_MAX, the duration is zero or too long. */
enum err unit_rate_parse(const char *text, uint32_t *ret_count, uint64_t *ret_us) MUST_CHECK;

/* Write a short human form ("1.5M", "12ms", "3m20s") into out; always terminated. */
void unit_size_format(uint64_t bytes, char out[UNIT_TEXT_MAX]);
void unit_duration_format(uint64_t us, char out[UNIT_TEXT_MAX]);

#endif
