/* Any text as a quantity: in range or refused, and what is refused leaves the output alone. */
#include <stdlib.h>
#include <string.h>

#include "common/base/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UNTOUCHED UINT64_C(0x5555555555555555)
#define YEAR_US (UINT64_C(366) * 86400 * 1000000)
#define MOST_BYTES (UINT64_C(1) << 50)

static void must_answer(enum err e, uint64_t value, uint64_t most, const char *text)
{
    if (e == ERR_OK) {
        if (value > most || strlen(text) > UNIT_TEXT_MAX) {
            abort();
        }
    } else if (value != UNTOUCHED || (e != ERR_MALFORMED && e != ERR_RANGE)) {
        abort();
    }
}

static void must_be_short(uint64_t value)
{
    char out[UNIT_TEXT_MAX];

    unit_size_format(value, out);
    if (out[0] == '\0' || strlen(out) >= sizeof out) {
        abort();
    }
    unit_duration_format(value, out);
    if (out[0] == '\0' || strlen(out) >= sizeof out) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t us = UNTOUCHED, bytes = UNTOUCHED, period_us = UNTOUCHED, raw = 0;
    uint32_t count = 0;
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    enum err e = unit_duration_parse(text, &us);
    must_answer(e, us, YEAR_US, text);
    e = unit_size_parse(text, &bytes);
    must_answer(e, bytes, MOST_BYTES, text);
    e = unit_rate_parse(text, &count, &period_us);
    must_answer(e, period_us, YEAR_US, text);
    if (e == ERR_OK ? count < 1 || count > UNIT_RATE_MAX || period_us == 0 : count != 0) {
        abort();
    }
    memcpy(&raw, data, size < sizeof raw ? size : sizeof raw);
    must_be_short(us);
    must_be_short(bytes);
    must_be_short(raw);
    free(text);
    return 0;
}
