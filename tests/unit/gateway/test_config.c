/* The gateway's `config`: taken whole or refused with the field's name. */
#include <string.h>

#include "gateway/config.h"
#include "tests/support/check.h"

static struct gateway_config c;

static void all_of_it_is_read(void)
{
    char why[CONF_WHY_SIZE];
    struct name_ref ref;

    enum err e = gateway_config_read("exports:\n  - {cell: greeter, nodes: [db-2, db-3]}\n  - cell: lab/raft\n"
                                     "    nodes: ['*']\nnodes: [db-2=10.0.0.2:7401, 'db-3=[fd00::3]:17401']\nport: 17401\n",
                                     &c, why);
    REQUIRE(e == ERR_OK, "%s: %s", err_name(e), why);
    CHECK(c.exports.count == 2 && c.port == 17401 && c.places == 2, "everything");
    CHECK(strcmp(c.place[1].node, "db-3") == 0 && strcmp(c.place[1].contact, "[fd00::3]:17401") == 0, "places");
    REQUIRE(name_ref_parse("greeter@here", &ref) == ERR_OK, "a name");
    CHECK(gateway_exports_allow(&c.exports, &ref, "default", "db-3", "default/any") &&
              !gateway_exports_allow(&c.exports, &ref, "default", "db-4", "default/any"), "exports are in force");
}

static void nothing_is_a_config(void)
{
    static const char *const texts[] = {"", "\n", "# nothing\n", "  # more\n\n"};
    char why[CONF_WHY_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CHECK(gateway_config_read(texts[i], &c, why) == ERR_OK && c.exports.count == 0 && c.places == 0 &&
                  c.port == GATEWAY_CONFIG_PORT, "row %zu: nobody may do anything", i);
    }
}

static void faults_are_named(void)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"exports: greeter\n", "exports"},
        {"exports: [{cell: greeter}]\n", "nodes"},
        {"exports: [{nodes: [a]}]\n", "cell"},
        {"exports: [{cell: greeter, nodes: []}]\n", "nodes"},
        {"exports: [{cell: greeter.0, nodes: [a]}]\n", "greeter.0"},
        {"exports: [{cell: greeter, nodes: [A]}]\n", "greeter"},
        {"exports: [{cell: greeter, nodes: [a], callers: [shop.1]}]\n", "callers"},
        {"exports: [{cell: greeter, nodes: [a], callers: []}]\n", "callers"},
        {"exports: [{cell: greeter, node: [a]}]\n", "node"},
        {"export: []\n", "export"},
        {"nodes: [db-2]\n", "db-2"},
        {"nodes: [db-2=10.0.0.2]\n", "db-2=10.0.0.2"},
        {"nodes: [-x=10.0.0.2:1]\n", "-x"},
        {"nodes: [db-2=10.0.0.2:0]\n", ":0"},
        {"port: 0\n", "port"},
        {"port: 65536\n", "port"},
        {"port: many\n", "port"},
        {"[]\n", ""},
        {"{\n", ""},
    };
    struct gateway_config before;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char why[CONF_WHY_SIZE];
        before = c;
        enum err e = gateway_config_read(rows[i].text, &c, why);
        CHECK(e == ERR_INVALID, "row %zu: %s", i, err_name(e));
        CHECK(why[0] != '\0' && strstr(why, rows[i].word) != NULL && strchr(why, '\n') == NULL,
              "row %zu: names the fault: %s", i, why);
        CHECK(memcmp(&before, &c, sizeof c) == 0, "row %zu: the output is untouched", i);
    }
}

int main(void)
{
    all_of_it_is_read();
    nothing_is_a_config();
    faults_are_named();
    return CHECK_RESULT();
}
