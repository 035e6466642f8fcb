/* Dates of certificates, without the C library's time zones: a cell with closed doors cannot read them.
 * Pure. */
#ifndef CELL_COMMON_NODE_PKI_DATE_H
#define CELL_COMMON_NODE_PKI_DATE_H

#include <stdint.h>

enum {
    PKI_DATE_SIZE = 15 /* YYYYMMDDhhmmss with its terminator */
};

/* The UTC date of `seconds` since 1970, at most the year 9999, by the Gregorian calendar. */
void pki_date_format(uint64_t seconds, char out[PKI_DATE_SIZE]);

/* Seconds since 1970 of a date from 1970 on; month and day count from 1. */
uint64_t pki_date_seconds(int year, int month, int day, int hour, int minute, int second);

#endif
