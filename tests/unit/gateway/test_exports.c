/* Which node may reach which cell: GW-2. What is not said is denied. */
#include <stdio.h>
#include <string.h>

#include "gateway/exports.h"
#include "tests/support/check.h"

static struct gateway_exports x;

static void what_is_not_exported_is_denied(void)
{
    static const struct {
        const char *route, *node;
        bool is_allowed;
        const char *why;
    } rows[] = {
        {"greeter@here", "n2", true, "named"},
        {"greeter.3@here", "n2", true, "one of its instances"},
        {"home/greeter@here", "n2", true, "with the gateway's own namespace"},
        {"greeter@here", "n3", true, "the second node named"},
        {"greeter@here", "n4", false, "another node"},
        {"greeter@here", "n", false, "a node whose name begins like one"},
        {"greeter@here", "n22", false, "and one that goes on"},
        {"lab/greeter@here", "n2", false, "the same name in another namespace"},
        {"greeter2@here", "n2", false, "another cell"},
        {"lab/raft@here", "n4", true, "for every node"},
        {"raft@here", "n4", false, "but not in the gateway's namespace"},
        {"dht@here", "n2", false, "never said"},
        {"nucleus@here", "n2", false, "least of all the supervisor"},
    };
    static const char *const two[] = {"n2", "n3"}, *const every[] = {"*"};

    REQUIRE(gateway_exports_add(&x, "greeter", two, 2) == ERR_OK, "greeter");
    REQUIRE(gateway_exports_add(&x, "lab/raft", every, 1) == ERR_OK, "lab/raft");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct name_ref ref;
        REQUIRE(name_ref_parse(rows[i].route, &ref) == ERR_OK, "row %zu", i);
        CHECK(gateway_exports_allow(&x, &ref, "home", rows[i].node, "home/any") == rows[i].is_allowed, "row %zu: %s", i,
              rows[i].why);
    }
}

/* GW-1: of a node's cells those that are named. */
static void callers_are_named(void)
{
    static const struct {
        const char *node, *caller;
        bool is_allowed;
        const char *why;
    } rows[] = {
        {"n2", "home/shop", true, "named, in the gateway's own namespace"},
        {"n2", "lab/raft", true, "named with its namespace"},
        {"n2", "lab/shop", false, "the name in another namespace"},
        {"n2", "home/raft", false, "and the other way about"},
        {"n2", "home/shop2", false, "another cell"},
        {"n2", "", false, "an operator"},
        {"n3", "home/shop", false, "a cell of another node"},
        {"n2", "shop", false, "no namespace is no caller's name"},
    };
    static const char *const nodes[] = {"n2"}, *const callers[] = {"shop", "lab/raft"};
    static const char *const bad[][1] = {{""}, {"shop.1"}, {"shop@n2"}, {"*"}};
    static struct gateway_exports named;
    const char *many[GATEWAY_EXPORTS_CALLERS_MAX + 1];
    struct name_ref ref;

    REQUIRE(gateway_exports_add(&named, "greeter", nodes, 1) == ERR_OK && name_ref_parse("greeter@here", &ref) == ERR_OK, "greeter");
    CHECK(gateway_exports_allow(&named, &ref, "home", "n2", ""), "all, before some are named");
    REQUIRE(gateway_exports_narrow(&named, callers, 2) == ERR_OK, "two callers");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(gateway_exports_allow(&named, &ref, "home", rows[i].node, rows[i].caller) == rows[i].is_allowed, "row %zu: %s", i,
              rows[i].why);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK(gateway_exports_narrow(&named, bad[i], 1) == ERR_INVALID, "<%s> is no caller", bad[i][0]);
    }
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = "shop";
    }
    CHECK(gateway_exports_narrow(&named, many, ARRAY_LEN(many)) == ERR_LIMIT, "one caller too many");
    CHECK(gateway_exports_narrow(&named, many, ARRAY_LEN(many) - 1) == ERR_OK, "and as many as may be");
}

static void nothing_is_exported_to_begin_with(void)
{
    static const struct gateway_exports none;
    struct name_ref ref;

    REQUIRE(name_ref_parse("greeter@here", &ref) == ERR_OK, "a name");
    CHECK(!gateway_exports_allow(&none, &ref, "home", "n2", "home/any"), "nobody may");
}

static void only_cells_and_nodes_are_taken(void)
{
    static const char *const good[] = {"n2"}, *const bad[] = {"n2", "n 3"}, *const stars[] = {"n*"};
    static const char *const cells[] = {"", "greeter.0", "greeter@n1", "../greeter", "*", "Greeter", "a/b/c"};
    static struct gateway_exports none;

    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        CHECK(gateway_exports_add(&none, cells[i], good, 1) == ERR_INVALID, "cell <%s>", cells[i]);
    }
    CHECK(gateway_exports_add(&none, "greeter", bad, 2) == ERR_INVALID, "a node that is no name");
    CHECK(gateway_exports_add(&none, "greeter", stars, 1) == ERR_INVALID, "a star stands alone");
    CHECK(gateway_exports_add(&none, "greeter", NULL, 0) == ERR_INVALID, "for nobody");
    CHECK(none.count == 0, "and nothing was added");
}

static void there_are_limits(void)
{
    static struct gateway_exports many;
    const char *nodes[GATEWAY_EXPORTS_NODES_MAX + 1];
    char cell[16];

    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        nodes[i] = "n2";
    }
    CHECK(gateway_exports_add(&many, "a", nodes, GATEWAY_EXPORTS_NODES_MAX + 1) == ERR_LIMIT, "one node too many");
    for (int i = 0; i < GATEWAY_EXPORTS_MAX; i++) {
        (void)snprintf(cell, sizeof cell, "c%d", i);
        REQUIRE(gateway_exports_add(&many, cell, nodes, i == 0 ? GATEWAY_EXPORTS_NODES_MAX : 1) == ERR_OK, "%s", cell);
    }
    CHECK(gateway_exports_add(&many, "one-more", nodes, 1) == ERR_LIMIT, "one cell too many");
}

int main(void)
{
    what_is_not_exported_is_denied();
    callers_are_named();
    nothing_is_exported_to_begin_with();
    only_cells_and_nodes_are_taken();
    there_are_limits();
    return CHECK_RESULT();
}
