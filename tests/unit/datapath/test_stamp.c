/* Stamps: as they are written, and which of them are new. */
#include "datapath/stamp.h"

#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

#define S UINT64_C(1000000000)
#define NOW (UINT64_C(1800000000) * S)
#define DAY (UINT64_C(86400) * S)
#define HOUR (UINT64_C(3600) * S)
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
    uint8_t stamp[DATAPATH_MESSAGE_TIME];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        datapath_stamp_write(rows[i].ns, stamp);
        CHECK(memcmp(stamp, rows[i].stamp, sizeof stamp) == 0, "row %zu", i);
    }
}

/* What is said one after another, by which clock of ours it comes, and whether it is heard. */
static void only_what_is_new_is_heard(void)
{
    static const struct {
        const char *why;
        struct {
            uint64_t said, wall;
            bool is_heard;
        } step[6];
    } rows[] = {
        {"as a clock goes", {{NOW, NOW, true}, {NOW, NOW, false}, {NOW - 1, NOW, false}, {NOW + 1, NOW, true}}},
        {"a clock far behind", {{NOW - 30 * YEAR, NOW, true}, {NOW - 30 * YEAR, NOW, false}, {NOW, NOW, true}, {NOW - 30 * YEAR + S, NOW, false}}},
        {"a day ahead, as of another time zone", {{NOW + DAY, NOW, true}, {NOW + DAY, NOW, false}, {NOW + DAY + S, NOW + S, true}, {NOW, NOW, false}}},
        {"far ahead it is heard as well, once", {{NOW + 40 * DAY, NOW, true}, {NOW + 40 * DAY, NOW, false}, {NOW + 40 * DAY + S, NOW + S, true}}},
        {"and when it is right again", {{NOW + 40 * DAY, NOW, true}, {NOW + S, NOW + S, true}, {NOW + S, NOW + S, false}, {NOW + 40 * DAY, NOW + S, false}}},
        {"nor when that comes nearer", {{NOW + 40 * DAY, NOW, true}, {NOW + 39 * DAY, NOW + 39 * DAY, true}, {NOW + 40 * DAY, NOW + 39 * DAY, false},
                                        {NOW + 39 * DAY + HOUR, NOW + 39 * DAY + HOUR, true}, {NOW + 40 * DAY, NOW + 40 * DAY - 2 * HOUR, false}}},
        {"one that was not the newest, once", {{NOW + 40 * DAY, NOW, true}, {NOW + 41 * DAY, NOW, true}, {NOW + 40 * DAY, NOW + 40 * DAY - 2 * HOUR, false},
                                              {NOW + 40 * DAY, NOW + 40 * DAY - HOUR, true}, {NOW + 40 * DAY, NOW + 40 * DAY, false}}},
        {"nor when it has come", {{NOW + 40 * DAY, NOW, true}, {NOW + 40 * DAY, NOW + 40 * DAY, false}, {NOW + 40 * DAY, NOW + 50 * DAY, false},
                                  {NOW + 50 * DAY, NOW + 50 * DAY, true}}},
        {"the end of time", {{UINT64_MAX, NOW, true}, {UINT64_MAX, NOW, false}, {NOW, NOW, true}, {UINT64_MAX, NOW + YEAR, false}}},
        {"our clock was set back", {{NOW, NOW, true}, {NOW + S, NOW - 40 * DAY, true}, {NOW, NOW - 40 * DAY, false}, {NOW + S, NOW - 40 * DAY, false}, {NOW + S, NOW, false},
                                    {NOW + 2 * S, NOW + 2 * S, true}}},
        {"… what was recorded is not new by it", {{NOW, NOW, true}, {NOW - 20 * DAY, NOW - 40 * DAY, false}, {NOW - 40 * DAY, NOW - 40 * DAY, false}}},
        {"our clock is not set", {{NOW, 5 * S, true}, {NOW, 6 * S, false}, {NOW + S, 6 * S, true}, {NOW + S, NOW + S, false}, {NOW, NOW + S, false}, {NOW + 2 * S, NOW + 2 * S, true}}},
        {"our clock was far ahead", {{NOW, NOW + 40 * DAY, true}, {NOW, NOW, false}, {NOW + S, NOW, true}}},
    };
    uint8_t said[DATAPATH_MESSAGE_TIME];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct datapath_heard heard = {{0}, {0}};
        for (size_t k = 0; k < ARRAY_LEN(rows[i].step) && rows[i].step[k].wall > 0; k++) {
            datapath_stamp_write(rows[i].step[k].said, said);
            CHECK(datapath_stamp_take(&heard, said, rows[i].step[k].wall) == rows[i].step[k].is_heard, "%s: step %zu", rows[i].why, k);
        }
    }
}

/* Not by any order of clocks: whatever a peer says after all that it said before is heard, as WireGuard has it. */
static void who_goes_on_is_heard(void)
{
    struct rng rng;
    uint8_t said[DATAPATH_MESSAGE_TIME];

    rng_init(&rng, 7);
    for (int life = 0; life < 2000; life++) {
        struct datapath_heard heard = {{0}, {0}};
        uint64_t last = 0;
        for (int i = 0; i < 20; i++) {
            uint64_t wall = NOW - 50 * DAY + rng_below(&rng, 100 * DAY);
            last += 1 + rng_below(&rng, i == 0 ? NOW + 50 * DAY : 10 * DAY);
            datapath_stamp_write(last, said);
            CHECK(datapath_stamp_take(&heard, said, wall), "life %d, step %d", life, i);
            CHECK(!datapath_stamp_take(&heard, said, wall), "once: life %d, step %d", life, i);
        }
    }
}

static void the_last_is_heard_once(void)
{
    struct datapath_heard heard = {{0}, {0}}, other = {{0}, {0}};

    CHECK(datapath_stamp_take(&heard, end_of_time, NOW) && !datapath_stamp_take(&heard, end_of_time, NOW) &&
          !datapath_stamp_take(&heard, end_of_time, UINT64_MAX), "beyond what our clock can show");
    other.said[0] = 1;
    datapath_stamp_join(&other, &heard);
    CHECK(other.said[0] == 1 && memcmp(other.ahead, end_of_time, sizeof other.ahead) == 0, "the newest of both");
}

int main(void)
{
    stamps_are_times();
    only_what_is_new_is_heard();
    who_goes_on_is_heard();
    the_last_is_heard_once();
    return CHECK_RESULT();
}
