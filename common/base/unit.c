#include "common/base/unit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define US_PER_MS UINT64_C(1000)
#define US_PER_S (1000 * US_PER_MS)
#define US_PER_MIN (60 * US_PER_S)
#define US_PER_H (60 * US_PER_MIN)
#define US_PER_D (24 * US_PER_H)

#define DURATION_MAX_US (366 * US_PER_D)   /* a leap year: longer is surely a slip of the pen */
#define SIZE_MAX_BYTES (UINT64_C(1) << 50) /* no node has more, and products still fit 64 bits */

struct scale {
    const char *suffix;
    uint64_t factor;
};

static const struct scale durations[] = {
    {"us", 1}, {"ms", US_PER_MS}, {"s", US_PER_S}, {"m", US_PER_MIN}, {"h", US_PER_H}, {"d", US_PER_D},
};

static const struct scale sizes[] = {
    {"", 1},
    {"K", UINT64_C(1) << 10},   {"M", UINT64_C(1) << 20},
    {"G", UINT64_C(1) << 30},   {"T", UINT64_C(1) << 40},
    {"KiB", UINT64_C(1) << 10}, {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30}, {"TiB", UINT64_C(1) << 40},
};

/* Read the digits at text[0..len), as many as there are. At most UNIT_TEXT_MAX of them, so a value
 * past 64 bits is possible: it sticks at UINT64_MAX, which is past every limit here. */
static size_t read_digits(const char *text, size_t len, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i;

    for (i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value)) {
            value = UINT64_MAX;
        }
    }
    *ret = value;
    return i;
}

/* Find the scale whose suffix is text[0..len) exactly; NULL when there is none. */
static const struct scale *find_scale(const struct scale *table, size_t count, const char *text,
                                      size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(table[i].suffix) == len && memcmp(table[i].suffix, text, len) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static enum err parse_scaled(const char *text, const struct scale *table, size_t count,
                             uint64_t most, uint64_t *ret)
{
    uint64_t value;

    if (text == NULL) {
        return ERR_MALFORMED;
    }
    size_t len = strnlen(text, UNIT_TEXT_MAX + 1);
    size_t digits = read_digits(text, len, &value);
    if (len > UNIT_TEXT_MAX || digits == 0) {
        return ERR_MALFORMED;
    }
    const struct scale *scale = find_scale(table, count, text + digits, len - digits);
    if (scale == NULL) {
        return ERR_MALFORMED;
    }
    if (value > most / scale->factor) {
        return ERR_RANGE;
    }
    *ret = value * scale->factor;
    return ERR_OK;
}

enum err unit_duration_parse(const char *text, uint64_t *ret_us)
{
    if (text != NULL && strcmp(text, "0") == 0) {
        *ret_us = 0;
        return ERR_OK;
    }
    return parse_scaled(text, durations, ARRAY_LEN(durations), DURATION_MAX_US, ret_us);
}

enum err unit_size_parse(const char *text, uint64_t *ret_bytes)
{
    return parse_scaled(text, sizes, ARRAY_LEN(sizes), SIZE_MAX_BYTES, ret_bytes);
}

enum err unit_rate_parse(const char *text, uint32_t *ret_count, uint64_t *ret_us)
{
    static const char between[] = " in ";
    uint64_t count, us;

    if (text == NULL) {
        return ERR_MALFORMED;
    }
    size_t len = strnlen(text, UNIT_TEXT_MAX + 1);
    size_t digits = read_digits(text, len, &count);
    if (len > UNIT_TEXT_MAX || digits == 0 ||
        strncmp(text + digits, between, sizeof between - 1) != 0) {
        return ERR_MALFORMED;
    }
    enum err e = unit_duration_parse(text + digits + sizeof between - 1, &us);
    if (e != ERR_OK) {
        return e;
    }
    /* No events or no time would mean "never" or "always"; the manifest has plainer words. */
    if (count < 1 || count > UNIT_RATE_MAX || us == 0) {
        return ERR_RANGE;
    }
    *ret_count = (uint32_t)count;
    *ret_us = us;
    return ERR_OK;
}

void unit_size_format(uint64_t bytes, char out[UNIT_TEXT_MAX])
{
    static const char suffix[] = "KMGT";
    unsigned step = 0;

    if (bytes < 1024) {
        snprintf(out, UNIT_TEXT_MAX, "%" PRIu64, bytes);
        return;
    }
    /* Tenths in whole numbers, cut and not rounded: "1024.0K" cannot appear, and what is shown is
     * never more than there is. */
    while (step < 3 && (bytes >> (10 * (step + 2))) != 0) {
        step++;
    }
    unsigned shift = 10 * (step + 1);
    uint64_t whole = bytes >> shift;
    uint64_t tenth = ((bytes & ((UINT64_C(1) << shift) - 1)) * 10) >> shift;
    if (tenth != 0 && whole < 100) {
        snprintf(out, UNIT_TEXT_MAX, "%" PRIu64 ".%" PRIu64 "%c", whole, tenth, suffix[step]);
    } else {
        snprintf(out, UNIT_TEXT_MAX, "%" PRIu64 "%c", whole, suffix[step]);
    }
}

/* "1.5ms": one decimal below ten, where it still says something. */
static void format_decimal(uint64_t us, uint64_t factor, const char *suffix, char *out)
{
    uint64_t whole = us / factor;
    uint64_t tenth = us % factor / (factor / 10);

    if (whole < 10 && tenth != 0) {
        snprintf(out, UNIT_TEXT_MAX, "%" PRIu64 ".%" PRIu64 "%s", whole, tenth, suffix);
    } else {
        snprintf(out, UNIT_TEXT_MAX, "%" PRIu64 "%s", whole, suffix);
    }
}

/* "3m20s", or "3m" when the smaller part is zero. */
static void format_pair(uint64_t us, const struct scale *big, const struct scale *small, char *out)
{
    uint64_t whole = us / big->factor;
    uint64_t rest = us % big->factor / small->factor;

    if (rest != 0) {
        snprintf(out, UNIT_TEXT_MAX, "%" PRIu64 "%s%" PRIu64 "%s", whole, big->suffix, rest,
                 small->suffix);
    } else {
        snprintf(out, UNIT_TEXT_MAX, "%" PRIu64 "%s", whole, big->suffix);
    }
}

void unit_duration_format(uint64_t us, char out[UNIT_TEXT_MAX])
{
    if (us < US_PER_MS) {
        snprintf(out, UNIT_TEXT_MAX, "%" PRIu64 "us", us);
    } else if (us < US_PER_S) {
        format_decimal(us, US_PER_MS, "ms", out);
    } else if (us < US_PER_MIN) {
        format_decimal(us, US_PER_S, "s", out);
    } else {
        size_t big = us < US_PER_H ? 3 : us < US_PER_D ? 4 : 5;
        assert(big < ARRAY_LEN(durations));
        format_pair(us, &durations[big], &durations[big - 1], out);
    }
}
