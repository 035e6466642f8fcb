#include "common/base/unit.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

#define YEAR_US (UINT64_C(366) * 86400 * 1000000)

struct row {
    const char *text;
    enum err e;
    uint64_t value;
    const char *why;
};

static const struct row durations[] = {
    {"100ms", ERR_OK, 100000, "as in a manifest"},
    {"10s", ERR_OK, 10000000, "seconds"},
    {"7us", ERR_OK, 7, "the smallest unit"},
    {"2m", ERR_OK, 120000000, "minutes"},
    {"3h", ERR_OK, UINT64_C(10800000000), "hours"},
    {"1d", ERR_OK, UINT64_C(86400000000), "days"},
    {"0", ERR_OK, 0, "zero needs no unit"},
    {"0s", ERR_OK, 0, "but may have one"},
    {"007s", ERR_OK, 7000000, "leading zeros are digits"},
    {"366d", ERR_OK, YEAR_US, "the longest"},
    {"367d", ERR_RANGE, 0, "one day more"},
    {"31622400000000us", ERR_OK, YEAR_US, "the longest in the smallest unit"},
    {"31622400000001us", ERR_RANGE, 0, "one microsecond more"},
    {"18446744073709551615us", ERR_RANGE, 0, "all of 64 bits"},
    {"18446744073709551616us", ERR_RANGE, 0, "one more must not wrap to 0"},
    {"18446744073709551617us", ERR_RANGE, 0, "nor to 1"},
    {"213503982334602d", ERR_RANGE, 0, "the product must not wrap"},
    {"999999999999999999999999999999us", ERR_RANGE, 0, "UNIT_TEXT_MAX characters"},
    {"0000000000000000000000000000001s", ERR_OK, 1000000, "UNIT_TEXT_MAX characters"},
    {"00000000000000000000000000000001s", ERR_MALFORMED, 0, "one more"},
    {"", ERR_MALFORMED, 0, "nothing"},
    {NULL, ERR_MALFORMED, 0, "no text"},
    {"5", ERR_MALFORMED, 0, "five what?"},
    {"00", ERR_MALFORMED, 0, "only \"0\" goes without"},
    {"s", ERR_MALFORMED, 0, "no digits"},
    {"-1s", ERR_MALFORMED, 0, "a sign"},
    {"+1s", ERR_MALFORMED, 0, "a sign"},
    {" 1s", ERR_MALFORMED, 0, "a blank before"},
    {"1 s", ERR_MALFORMED, 0, "a blank between"},
    {"1s ", ERR_MALFORMED, 0, "a blank after"},
    {"1s\n", ERR_MALFORMED, 0, "a line end after"},
    {"1.5s", ERR_MALFORMED, 0, "a fraction"},
    {"1e3s", ERR_MALFORMED, 0, "an exponent"},
    {"0x1s", ERR_MALFORMED, 0, "hexadecimal"},
    {"1S", ERR_MALFORMED, 0, "upper case"},
    {"1sec", ERR_MALFORMED, 0, "another word"},
    {"1ss", ERR_MALFORMED, 0, "the unit twice"},
    {"1m30s", ERR_MALFORMED, 0, "two quantities"},
    {"1\xc2\xb5s", ERR_MALFORMED, 0, "the sign for micro"},
    {"1M", ERR_MALFORMED, 0, "a size"},
};

static const struct row sizes[] = {
    {"0", ERR_OK, 0, "zero"},
    {"512", ERR_OK, 512, "bytes"},
    {"1K", ERR_OK, 1024, "kibi"},
    {"256M", ERR_OK, UINT64_C(256) << 20, "as in a manifest"},
    {"256MiB", ERR_OK, UINT64_C(256) << 20, "the same in full"},
    {"1KiB", ERR_OK, 1024, "in full"},
    {"2G", ERR_OK, UINT64_C(2) << 30, "gibi"},
    {"2GiB", ERR_OK, UINT64_C(2) << 30, "in full"},
    {"3T", ERR_OK, UINT64_C(3) << 40, "tebi"},
    {"3TiB", ERR_OK, UINT64_C(3) << 40, "in full"},
    {"1024T", ERR_OK, UINT64_C(1) << 50, "the largest"},
    {"1025T", ERR_RANGE, 0, "one tebibyte more"},
    {"1125899906842624", ERR_OK, UINT64_C(1) << 50, "the largest in bytes"},
    {"1125899906842625", ERR_RANGE, 0, "one byte more"},
    {"18446744073709551616", ERR_RANGE, 0, "must not wrap"},
    {"16777216T", ERR_RANGE, 0, "the product must not wrap to 0"},
    {"1B", ERR_MALFORMED, 0, "no suffix means bytes"},
    {"1k", ERR_MALFORMED, 0, "lower case"},
    {"1KB", ERR_MALFORMED, 0, "1000 or 1024? refused"},
    {"1Ki", ERR_MALFORMED, 0, "cut short"},
    {"1KiBx", ERR_MALFORMED, 0, "too long"},
    {"K", ERR_MALFORMED, 0, "no digits"},
    {"-1", ERR_MALFORMED, 0, "a sign"},
    {"1.5M", ERR_MALFORMED, 0, "a fraction"},
    {"1 M", ERR_MALFORMED, 0, "a blank"},
    {"1P", ERR_MALFORMED, 0, "no such unit here"},
    {"", ERR_MALFORMED, 0, "nothing"},
    {NULL, ERR_MALFORMED, 0, "no text"},
};

static void check_rows(const struct row *rows, size_t count,
                       enum err (*parse)(const char *, uint64_t *))
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 4711;
        enum err e = parse(rows[i].text, &value);
        CHECK(e == rows[i].e, "<%s>: %s: got %s", rows[i].text, rows[i].why, err_name(e));
        CHECK(value == (rows[i].e == ERR_OK ? rows[i].value : 4711), "<%s>: %s: got %" PRIu64,
              rows[i].text, rows[i].why, value);
    }
}

static void a_rate_is_a_count_in_a_time(void)
{
    static const struct {
        const char *text;
        enum err e;
        uint32_t count;
        uint64_t us;
        const char *why;
    } rows[] = {
        {"5 in 60s", ERR_OK, 5, 60000000, "as in a manifest"},
        {"1 in 1us", ERR_OK, 1, 1, "the smallest"},
        {"1000 in 366d", ERR_OK, 1000, YEAR_US, "the largest"},
        {"0 in 60s", ERR_RANGE, 0, 0, "no events"},
        {"1001 in 60s", ERR_RANGE, 0, 0, "one event more"},
        {"4294967297 in 1s", ERR_RANGE, 0, 0, "must not wrap to 1"},
        {"1 in 0", ERR_RANGE, 0, 0, "no time"},
        {"1 in 0s", ERR_RANGE, 0, 0, "no time"},
        {"1 in 367d", ERR_RANGE, 0, 0, "too much time"},
        {"5 in 60", ERR_MALFORMED, 0, 0, "sixty what?"},
        {"5 in", ERR_MALFORMED, 0, 0, "no time"},
        {"5 in ", ERR_MALFORMED, 0, 0, "no time"},
        {"5in60s", ERR_MALFORMED, 0, 0, "blanks are part of it"},
        {"5  in 60s", ERR_MALFORMED, 0, 0, "one blank each"},
        {"5 in  60s", ERR_MALFORMED, 0, 0, "one blank each"},
        {"5 IN 60s", ERR_MALFORMED, 0, 0, "lower case"},
        {"in 60s", ERR_MALFORMED, 0, 0, "no count"},
        {"-5 in 60s", ERR_MALFORMED, 0, 0, "a sign"},
        {"5 in 60s 5", ERR_MALFORMED, 0, 0, "something after"},
        {"0000000000000000000000001 in 60s", ERR_OK, 1, 60000000, "UNIT_TEXT_MAX characters"},
        {"00000000000000000000000001 in 60s", ERR_MALFORMED, 0, 0, "one more"},
        {"", ERR_MALFORMED, 0, 0, "nothing"},
        {NULL, ERR_MALFORMED, 0, 0, "no text"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t count = 7;
        uint64_t us = 9;
        enum err e = unit_rate_parse(rows[i].text, &count, &us);
        CHECK(e == rows[i].e, "<%s>: %s: got %s", rows[i].text, rows[i].why, err_name(e));
        bool is_ok = rows[i].e == ERR_OK;
        CHECK(count == (is_ok ? rows[i].count : 7), "<%s>: count %u", rows[i].text, count);
        CHECK(us == (is_ok ? rows[i].us : 9), "<%s>: %" PRIu64 " us", rows[i].text, us);
    }
}

static void formats_are_short_and_never_round_up(void)
{
    static const struct {
        uint64_t value;
        const char *size, *duration;
    } rows[] = {
        {0, "0", "0us"},
        {999, "999", "999us"},
        {1000, "1000", "1ms"},
        {1023, "1023", "1ms"},
        {1024, "1K", "1ms"},
        {1536, "1.5K", "1.5ms"},
        {9999, "9.7K", "9.9ms"},
        {12000, "11.7K", "12ms"},
        {102399, "99.9K", "102ms"},
        {102400, "100K", "102ms"},
        {999999, "976K", "999ms"},
        {1000000, "976K", "1s"},
        {1048575, "1023K", "1s"},
        {1048576, "1M", "1s"},
        {1572864, "1.5M", "1.5s"},
        {59999999, "57.2M", "59s"},
        {60000000, "57.2M", "1m"},
        {200000000, "190M", "3m20s"},
        {UINT64_C(3599999999), "3.3G", "59m59s"},
        {UINT64_C(3600000000), "3.3G", "1h"},
        {UINT64_C(7500000000), "6.9G", "2h5m"},
        {UINT64_C(86399999999), "80.4G", "23h59m"},
        {UINT64_C(86400000000), "80.4G", "1d"},
        {UINT64_C(273600000000), "254G", "3d4h"},
        {UINT64_C(1) << 40, "1T", "12d17h"},
        {UINT64_C(1) << 50, "1024T", "13031d5h"},
        {UINT64_MAX, "16777215T", "213503982d8h"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[UNIT_TEXT_MAX];
        unit_size_format(rows[i].value, text);
        CHECK(strcmp(text, rows[i].size) == 0, "%" PRIu64 " bytes: %s", rows[i].value, text);
        unit_duration_format(rows[i].value, text);
        CHECK(strcmp(text, rows[i].duration) == 0, "%" PRIu64 " us: %s", rows[i].value, text);
    }
}

/* ---- a naive model: spell out every suffix, compute with 128 bits ------------------------------- */

struct scale {
    const char *suffix;
    uint64_t factor;
};

static const struct scale us_of[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}, {"m", 60000000},
                                     {"h", 3600000000}, {"d", 86400000000}};
static const struct scale bytes_of[] = {
    {"", 1}, {"K", 1024}, {"KiB", 1024}, {"M", 1048576}, {"MiB", 1048576}, {"G", 1073741824},
    {"GiB", 1073741824}, {"T", 1099511627776}, {"TiB", 1099511627776}};

static enum err model(const char *text, const struct scale *table, size_t count, uint64_t most,
                      uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    unsigned __int128 value = 0;

    if (strlen(text) > UNIT_TEXT_MAX || digits == 0) {
        return ERR_MALFORMED;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text + digits, table[i].suffix) == 0) {
            for (size_t d = 0; d < digits && value < ((unsigned __int128)1 << 70); d++) {
                value = value * 10 + (unsigned)(text[d] - '0');
            }
            value *= table[i].factor;
            if (value > most) {
                return ERR_RANGE;
            }
            *ret = (uint64_t)value;
            return ERR_OK;
        }
    }
    return ERR_MALFORMED;
}

/* A number of drawn length and, mostly, one of the suffixes; sometimes a character is spoilt. */
static void draw_text(struct rng *r, char *out)
{
    static const char *const suffix[] = {"", "us", "ms", "s", "m", "h", "d", "K", "M", "G", "T",
                                         "KiB", "MiB", "GiB", "TiB", "B", "i", " s", "mm"};
    static const char spoil[] = "0159umshdKMGTiB +-.\n\xc2";
    size_t len = rng_below(r, 4) == 0 ? rng_below(r, 33) : 1 + rng_below(r, 15);

    for (size_t i = 0; i < len; i++) {
        out[i] = (char)('0' + rng_below(r, 10));
    }
    strcpy(out + len, suffix[rng_below(r, ARRAY_LEN(suffix))]);
    len = strlen(out);
    if (len > 0 && rng_below(r, 4) == 0) {
        out[rng_below(r, len)] = spoil[rng_below(r, sizeof spoil - 1)];
    }
}

static void drawn_texts_are_read_as_by_the_model(void)
{
    struct rng r;
    size_t seen[ERR_COUNT] = {0};

    rng_init(&r, 9);
    for (size_t i = 0; i < 300000; i++) {
        char text[64];
        uint64_t mine = 1, models = 1;
        draw_text(&r, text);
        enum err e = unit_size_parse(text, &mine);
        CHECK(e == model(text, bytes_of, ARRAY_LEN(bytes_of), UINT64_C(1) << 50, &models) &&
                  mine == models, "draw %zu: <%s>", i, text);
        seen[e]++;
        mine = models = 1;
        if (strcmp(text, "0") != 0) {
            e = unit_duration_parse(text, &mine);
            CHECK(e == model(text, us_of, ARRAY_LEN(us_of), YEAR_US, &models) && mine == models,
                  "draw %zu: <%s>", i, text);
            seen[e]++;
        }
    }
    CHECK(seen[ERR_OK] > 10000 && seen[ERR_RANGE] > 10000 && seen[ERR_MALFORMED] > 10000,
          "the draw covers all answers");
}

int main(void)
{
    check_rows(durations, ARRAY_LEN(durations), unit_duration_parse);
    check_rows(sizes, ARRAY_LEN(sizes), unit_size_parse);
    a_rate_is_a_count_in_a_time();
    formats_are_short_and_never_round_up();
    drawn_texts_are_read_as_by_the_model();
    return CHECK_RESULT();
}
