#include "common/node/pki_date.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    DAY_S = 86400,
    DAYS_OF_400 = 146097, /* the calendar repeats after 400 years */
};
#define LAST_S UINT64_C(253402300799) /* 9999-12-31 23:59:59 */

/* Days from 1970-01-01 to a date. Years begin in March here, so that the leap day is the last. Source:
 * Hinnant, "chrono-compatible low-level date algorithms", 2013. */
static int64_t days_to(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * DAYS_OF_400 + day_of_era - 719468; /* days from 0000-03-01 to 1970-01-01 */
}

uint64_t pki_date_seconds(int year, int month, int day, int hour, int minute, int second)
{
    int64_t s = days_to(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second;

    return s > 0 ? (uint64_t)s : 0;
}

void pki_date_format(uint64_t seconds, char out[PKI_DATE_SIZE])
{
    uint64_t s = seconds > LAST_S ? LAST_S : seconds;
    int64_t days = (int64_t)(s / DAY_S), rest = (int64_t)(s % DAY_S);
    int year = (int)(1970 + days / 366), month = 1;

    /* At most 22 years too early and then 12 months: simpler than turning days_to round. */
    while (days_to(year + 1, 1, 1) <= days) {
        year++;
    }
    while (month < 12 && days_to(year, month + 1, 1) <= days) {
        month++;
    }
    (void)snprintf(out, PKI_DATE_SIZE, "%04u%02u%02u%02u%02u%02u", (unsigned)year % 10000, (unsigned)month % 100,
                   (unsigned)(days - days_to(year, month, 1) + 1) % 100, (unsigned)(rest / 3600) % 100,
                   (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
}
