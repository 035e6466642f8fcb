/* Stamps: as they are written, and which of them are too far ahead of a clock to be remembered. */
#include "datapath/stamp.h"

#include <string.h>

#include "common/base/macros.h"
#include "tests/support/check.h"

#define S UINT64_C(1000000000)
#define NOW (UINT64_C(1800000000) * S)
#define DAY (UINT64_C(86400) * S)
#define YEAR (365 * DAY)

static const uint8_t end_of_time[DATAPATH_MESSAGE_TIME] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void stamps_are_times(void)
{
    static const struct {
        uint64_t ns;
        uint8_t stamp[DATAPATH_MESSAGE_TIME];
    } rows[] = {
        {0, {0x40, 0, 0, 0, 0, 0, 0, 0x0a}}, /* 1970 began 10 s later by TAI */
        {S + 1, {0x40, 0, 0, 0, 0, 0, 0, 0x0b, 0, 0, 0, 1}},
        {2 * S - 1, {0x40, 0, 0, 0, 0, 0, 0, 0x0b, 0x3b, 0x9a, 0xc9, 0xff}},
        {UINT64_C(0x12345678) * S, {0x40, 0, 0, 0, 0x12, 0x34, 0x56, 0x82}},
    };
    uint8_t stamp[DATAPATH_MESSAGE_TIME], early[DATAPATH_MESSAGE_TIME] = {0x40, 0, 0, 0, 0, 0, 0, 9}, none[DATAPATH_MESSAGE_TIME] = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        datapath_stamp_write(rows[i].ns, stamp);
        CHECK(memcmp(stamp, rows[i].stamp, sizeof stamp) == 0 && datapath_stamp_read(stamp) == rows[i].ns, "row %zu", i);
    }
    CHECK(datapath_stamp_read(early) == 0 && datapath_stamp_read(none) == 0, "before 1970");
    CHECK(datapath_stamp_read(end_of_time) == UINT64_MAX, "beyond what is counted");
    datapath_stamp_write(UINT64_MAX, stamp);
    CHECK(datapath_stamp_read(stamp) == UINT64_MAX, "the last");
}

static void what_no_clock_says_is_refused(void)
{
    static const struct {
        uint64_t said, heard, wall;
        bool is_refused;
        const char *why;
    } rows[] = {
        {NOW, 0, NOW, false, "as our clock"},
        {NOW + DAY, 0, NOW, false, "a day ahead: of another time zone, or badly kept"},
        {NOW + DAY + S, 0, NOW, true, "more"},
        {NOW + DAY + S, NOW, NOW, true, "whoever it is"},
        {NOW + 40 * DAY, NOW + 39 * DAY, NOW, false, "who was there already goes on: our clock was set back"},
        {NOW + 40 * DAY, NOW + 39 * DAY - S, NOW, true, "… but does not leap"},
        {UINT64_MAX, NOW, NOW, true, "the end of time"},
        {NOW - 30 * YEAR, 0, NOW, false, "long ago: what was heard before says whether it is new"},
        {NOW, 0, 5 * S, false, "a clock that was never set knows nothing"},
        {NOW + 30 * YEAR, 0, 5 * S, false, "… of what may be"},
        {NOW + 100 * YEAR, 0, 5 * S, true, "… but nobody is there"},
        {UINT64_MAX, 0, 5 * S, true, "… nor there"},
    };
    uint8_t said[DATAPATH_MESSAGE_TIME], heard[DATAPATH_MESSAGE_TIME];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        datapath_stamp_write(rows[i].said, said);
        datapath_stamp_write(rows[i].heard, heard);
        CHECK(datapath_stamp_is_refused(said, heard, rows[i].wall) == rows[i].is_refused, "row %zu: %s", i, rows[i].why);
    }
    CHECK(datapath_stamp_is_refused(end_of_time, heard, NOW) && datapath_stamp_is_refused(end_of_time, heard, 0), "the last that can be said");
}

/* What was remembered once and nobody can mean; all that was recorded by now stays refused. */
static void the_absurd_is_forgotten(void)
{
    static const struct {
        uint64_t heard, wall;
        bool is_forgotten;
    } rows[] = {
        {NOW + 10 * YEAR, NOW, false},
        {NOW + 10 * YEAR + S, NOW, true},
        {NOW - DAY, NOW, false},
        {NOW + 50 * YEAR, 5 * S, false}, /* by a clock that was never set nothing is forgotten */
    };
    uint8_t heard[DATAPATH_MESSAGE_TIME];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        datapath_stamp_write(rows[i].heard, heard);
        datapath_stamp_settle(heard, rows[i].wall);
        CHECK(datapath_stamp_read(heard) == (rows[i].is_forgotten ? rows[i].wall : rows[i].heard), "row %zu", i);
    }
    memcpy(heard, end_of_time, sizeof heard);
    datapath_stamp_settle(heard, NOW);
    CHECK(datapath_stamp_read(heard) == NOW, "the end of time");
}

int main(void)
{
    stamps_are_times();
    what_no_clock_says_is_refused();
    the_absurd_is_forgotten();
    return CHECK_RESULT();
}
