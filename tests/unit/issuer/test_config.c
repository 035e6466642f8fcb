/* The issuer's config: what is taken, and what is said of the rest. */
#include "issuer/config.h"

#include <string.h>

#include "tests/support/check.h"

static const struct {
    const char *text;
    const char *listen;  /* NULL: refused   */
    uint32_t contacts;
    const char *words;   /* of the refusal  */
    const char *why;
} rows[] = {
    {"", "[::]:7402", 0, NULL, "nothing: both families"},
    {"# later\n", "[::]:7402", 0, NULL, "a comment"},
    {"listen: 10.0.0.1:80\n", "10.0.0.1:80", 0, NULL, "an address"},
    {"listen: \"[fd00::1]:80\"\nadvertise:\n- a:1\n- b:2\n", "[fd00::1]:80", 2, NULL, "both"},
    {"advertise: [a:1, b:1, c:1, d:1]\n", "[::]:7402", 4, NULL, "four contacts"},
    {"advertise: [a:1, b:1, c:1, d:1, e:1]\n", NULL, 0, "advertise", "five"},
    {"advertise: []\n", "[::]:7402", 0, NULL, "none: the machine's own"},
    {"listen: 10.0.0.1\n", NULL, 0, "listen: \"10.0.0.1\" is not HOST:PORT", "no port"},
    {"listen: 7402\n", NULL, 0, "listen", "no host"},
    {"listen: [a:1]\n", NULL, 0, "listen", "a list"},
    {"listen:\n", NULL, 0, "listen", "nothing behind the colon"},
    {"advertise: a:1\n", NULL, 0, "advertise", "no list"},
    {"advertise: [a]\n", NULL, 0, "advertise", "no port in a list"},
    {"advertise: [{a: 1}]\n", NULL, 0, "advertise", "a mapping in a list"},
    {"port: 7402\n", NULL, 0, "port", "an unknown field"},
    {"7402\n", NULL, 0, "", "no mapping"},
    {"listen: [\n", NULL, 0, "", "no YAML"},
    {"? [a]\n: b\n", NULL, 0, "", "a key that is no text"},
};

int main(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct issuer_config c = {.listen = "untouched"};
        char why[CONF_WHY_SIZE];
        enum err e = issuer_config_read(rows[i].text, &c, why);
        CHECK((e == ERR_OK) == (rows[i].listen != NULL), "row %zu: %s: %s", i, rows[i].why, why);
        CHECK(strcmp(c.listen, e == ERR_OK && rows[i].listen != NULL ? rows[i].listen : "untouched") == 0,
              "row %zu: %s: %s", i, rows[i].why, c.listen);
        CHECK(c.contacts == rows[i].contacts, "row %zu: %s: %u contacts", i, rows[i].why, c.contacts);
        CHECK(rows[i].words == NULL || strstr(why, rows[i].words) != NULL, "row %zu: %s: %s", i, rows[i].why, why);
    }
    return CHECK_RESULT();
}
