/* What the manifest may tell the renewer. */
#include "renewer/config.h"

#include <string.h>

#include "tests/support/check.h"

static const struct {
    const char *text;
    enum err e;
    uint32_t contacts;
    const char *why;
} rows[] = {
    {"", ERR_OK, 0, "nothing"},
    {"# a comment\n", ERR_OK, 0, "nothing, at length"},
    {"issuer: [10.0.0.1:7402]\n", ERR_OK, 1, "an address"},
    {"issuer: [10.0.0.1:7402, \"[fd00::1]:7402\", 10.0.0.2:1, 10.0.0.3:65535]\n", ERR_OK, 4, "the most"},
    {"issuer: [10.0.0.1:1, 10.0.0.1:2, 10.0.0.1:3, 10.0.0.1:4, 10.0.0.1:5]\n", ERR_INVALID, 0, "one more"},
    {"issuer: [db-1.example:7402]\n", ERR_INVALID, 0, "a name"},
    {"issuer: [10.0.0.1]\n", ERR_INVALID, 0, "no port"},
    {"issuer: 10.0.0.1:7402\n", ERR_INVALID, 0, "no list"},
    {"isuer: []\n", ERR_INVALID, 0, "a mistyped word"},
    {"- 1\n", ERR_INVALID, 0, "no mapping"},
};

int main(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct renewer_config c = {.contacts = 99};
        char why[CONF_WHY_SIZE] = "";
        enum err e = renewer_config_read(rows[i].text, &c, why);
        CHECK(e == rows[i].e, "row %zu: %s: %s %s", i, rows[i].why, err_name(e), why);
        CHECK(c.contacts == (e == ERR_OK ? rows[i].contacts : 99), "row %zu: %s", i, rows[i].why);
        CHECK(e == ERR_OK || why[0] != '\0', "row %zu: it is said", i);
    }
    return CHECK_RESULT();
}
