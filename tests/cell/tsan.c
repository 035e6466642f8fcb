/* tests/support/tsan.supp, compiled in: a cell has no environment that could name the file. */
#include <string.h>

#include "tsan_supp.h"

const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    static char text[sizeof tsan_supp + 1];

    memcpy(text, tsan_supp, sizeof tsan_supp);
    return text;
}
