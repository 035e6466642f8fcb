/* REG-4: the answer that is documented where there is one, and in words why there is none. */
#include "registry/resolve.h"

#include <inttypes.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/drawn.h"
#include "tests/unit/registry/kit.h"
#include "tests/unit/registry/universe.h"

enum { ARENA_MOST = 256 << 20 };

static struct universe u;
static struct arena a;
static char why_text[REGISTRY_RESOLVE_WHY_MAX];
static uint32_t choice[UNIVERSE_PACKAGES], again[UNIVERSE_PACKAGES];

static enum err run(void)
{
    struct bytes_text why;

    arena_reset(&a);
    bytes_text_init(&why, why_text, sizeof why_text);
    enum err e = registry_resolve_run(&u.q, &a, choice, &why);
    CHECK((why.len == 0) == (e != ERR_NOT_FOUND && e != ERR_MALFORMED), "there is a reason if there is no answer: %s: %s", err_name(e), why_text);
    return e;
}

/* "a 1.0.0, b 2.0.0" in the order of the packages. */
static const char *answer(void)
{
    static char text[1024];
    struct bytes_text t;

    bytes_text_init(&t, text, sizeof text);
    for (uint32_t i = 0; i < u.q.packages; i++) {
        char version[REGISTRY_VERSION_SIZE];

        if (choice[i] != REGISTRY_RESOLVE_NONE) {
            (void)registry_version_print(&u.package[i].version[choice[i]].version, version);
            bytes_text_add(&t, "%s%s %s", t.len == 0 ? "" : ", ", u.name[i], version);
        }
    }
    return text;
}

static const struct {
    const char *universe, *answer; /* or: why there is none */
    const char *why;
} scenes[] = {
    {"project: a *\na 1.0.0\na 1.2.0\na 2.0.0-rc.1\n", "a 1.2.0", "the newest that is not a pre-release"},
    {"project: a >=2.0.0-rc.1\na 1.0.0\na 2.0.0-rc.1\n", "a 2.0.0-rc.1", "a pre-release that is asked for"},
    {"project: a *\na 1.0.0\na 1.1.0 yanked\n", "a 1.0.0", "a yanked one is for nobody new"},
    {"project: a *\na 1.0.0\na 1.1.0 yanked\na 1.2.0\nlock a 1.1.0\n", "a 1.1.0", "… but for who has it"},
    {"project: a *\na 1.0.0: b ^1\na 1.1.0: b ^2\nb 1.0.0\nb 1.5.0\n", "a 1.0.0, b 1.5.0", "the newest needs what there is not: the next"},
    {"project: a *; b *\na 1.0.0: c ^1\nb 1.0.0: c >=1.1 <2\nc 1.0.0\nc 1.1.0\nc 1.2.0\nc 2.0.0\n", "a 1.0.0, b 1.0.0, c 1.2.0", "a diamond"},
    {"project: a *; b *\na 1.0.0: c ^1\na 2.0.0: c ^2\nb 1.0.0: c ^1\nc 1.0.0\nc 2.0.0\n", "a 1.0.0, b 1.0.0, c 1.0.0", "a diamond that takes a back"},
    {"project: a ^1\na 1.0.0: b ^1\nb 1.0.0: a ^1\n", "a 1.0.0, b 1.0.0", "a cycle"},
    {"project: a *\na 1.0.0: b *\na 2.0.0: b *\nb 1.0.0: a ^1\n", "a 1.0.0, b 1.0.0", "a cycle that asks for an older one"},
    {"project: a *\na 1.0.0\na 2.0.0\nlock a 1.0.0\n", "a 1.0.0", "what is locked stays"},
    {"project: a ^2\na 1.0.0\na 2.0.0\nlock a 1.0.0\n", "a 2.0.0", "unless that will not do"},
    {"project: a *; b ^2\na 1.0.0: c ^1\na 2.0.0: c ^1\nb 1.0.0: c ^1\nb 2.0.0: c ^1\nc 1.0.0\nc 1.1.0\nlock a 1.0.0\nlock b 1.0.0\nlock c 1.0.0\n",
     "a 1.0.0, b 2.0.0, c 1.0.0", "a lock is left where it must be, and nowhere else"},
    {"project: a *\na 1.0.0\nb 1.0.0: a ^9\n", "a 1.0.0", "what nobody needs is not looked at"},
    {"project: a *; b *\na 1.0.0\na 2.0.0: c ^1\nb 1.0.0\nb 2.0.0: c ^2\nc 1.0.0\nc 2.0.0\n", "a 2.0.0, b 1.0.0, c 1.0.0", "who is named first is newer"},
    {"project: b *; a *\na 1.0.0\na 2.0.0: c ^1\nb 1.0.0\nb 2.0.0: c ^2\nc 1.0.0\nc 2.0.0\n", "b 2.0.0, a 1.0.0, c 2.0.0", "… whoever it is"},
    {"", "", "nothing is needed"},
    {"project: a *; b *\na 1.0.0: a ^1\na 2.0.0: a ^1\nb 1.0.0\n", "a 1.0.0, b 1.0.0", "who needs himself in another version cannot be"},

    {"project: a ^2\na 1.0.0\n", "Because the project needs a ^2, of which there is no version, there is no answer", "no version"},
    {"project: a *\na\n", "Because the project needs a *, which is not in the registry, there is no answer", "no package"},
    {"project: a ^1\na 1.0.0 yanked\n", "Because the project needs a ^1, of which there is no version that was not yanked, there is no answer", "all yanked"},
    {"project: a *\na 1.0.0: b ^9\nb 1.0.0\n",
     "Because a 1.0.0 needs b ^9, of which there is no version, and the project needs a *, there is no answer", "what a needs is not there"},
    {"project: a ^1; b ^1\na 1.0.0: c ^1\nb 1.0.0: c ^2\nc 1.0.0\nc 2.0.0\n",
     "Because a 1.0.0 needs c ^1 and b 1.0.0 needs c ^2, a 1.0.0 and b 1.0.0 do not go together\n"
     "And because the project needs a ^1 and the project needs b ^1, there is no answer",
     "a conflict: who needs what of c"},
    {"project: a ^1; c ^2\na 1.0.0: b ^1\na 1.1.0: b ^1\nb 1.0.0: c ^1\nb 1.3.0: c ^1\nc 1.0.0\nc 2.0.0\n",
     "Because a (any version) needs b ^1 and b (any version) needs c ^1, a (any version) needs c 1.0.0\n"
     "And because the project needs a ^1 and the project needs c ^2, there is no answer",
     "a chain"},
};

static void scenes_have_their_answers(void)
{
    for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
        universe_read(&u, scenes[i].universe);
        enum err e = run();
        const char *said = e == ERR_OK ? answer() : why_text;

        CHECK(e == ERR_OK || e == ERR_NOT_FOUND, "row %zu: %s: %s", i, scenes[i].why, err_name(e));
        CHECK(strcmp(said, scenes[i].answer) == 0, "row %zu: %s: \"%s\"", i, scenes[i].why, said);
    }
}

/* The example of solver.md: what branches is told in lines with numbers. */
static void a_branching_conflict_is_told_in_lines(void)
{
    universe_read(&u, "project: foo ^1\nfoo 1.0.0: a ^1; b ^1\nfoo 1.1.0: x ^1; y ^1\na 1.0.0: b ^2\nb 1.0.0\nb 2.0.0\nx 1.0.0: y ^2\ny 1.0.0\ny 2.0.0\n");
    CHECK(run() == ERR_NOT_FOUND, "there is none");
    CHECK(strstr(why_text, "foo 1.0.0 needs") != NULL && strstr(why_text, "foo 1.1.0 needs") != NULL && strstr(why_text, "a 1.0.0 needs b ^2") != NULL &&
              strstr(why_text, "x 1.0.0 needs y ^2") != NULL && strstr(why_text, "the project needs foo ^1") != NULL,
          "everybody who has a part in it is named: %s", why_text);
    CHECK(strlen(why_text) > 20 && strcmp(why_text + strlen(why_text) - 18, "there is no answer") == 0, "%s", why_text);
}

static void what_is_no_range_is_named(void)
{
    universe_read(&u, "project: a ^1\na 1.0.0: b latest\nb 1.0.0\n");
    CHECK(run() == ERR_MALFORMED && strcmp(why_text, "a needs b latest, which is no range of versions") == 0, "%s", why_text);
    universe_read(&u, "project: b latest\nb 1.0.0\n");
    CHECK(run() == ERR_MALFORMED && strcmp(why_text, "the project needs b latest, which is no range of versions") == 0, "%s", why_text);
}

/* Everybody excludes everybody else's neighbour: n + 1 of them in n places. No clever rule is short. */
static void pigeons(unsigned n)
{
    static char text[200000];
    struct bytes_text t;

    bytes_text_init(&t, text, sizeof text);
    bytes_text_add(&t, "project:");
    for (unsigned p = 0; p <= n; p++) {
        bytes_text_add(&t, "%s p%u *", p == 0 ? "" : ";", p);
    }
    bytes_text_add(&t, "\n");
    for (unsigned p = 0; p <= n; p++) {
        for (unsigned hole = 0; hole < n; hole++) { /* who sits in a hole needs its owner's mark to be his */
            bytes_text_add(&t, "p%u %u.0.0: h%u =%u.0.0\n", p, hole + 1, hole, p + 1);
        }
    }
    for (unsigned hole = 0; hole < n; hole++) {
        for (unsigned p = 0; p <= n; p++) {
            bytes_text_add(&t, "h%u %u.0.0\n", hole, p + 1);
        }
    }
    REQUIRE(!t.cut, "room");
    universe_read(&u, text);
}

static void a_hard_question_ends(void)
{
    pigeons(5);
    CHECK(run() == ERR_NOT_FOUND, "six in five places");
    pigeons(9);
    u.q.steps_max = 100000;
    CHECK(run() == ERR_LIMIT, "ten in nine, in so many steps");
    struct arena small;
    struct bytes_text why;
    arena_init(&small, 1 << 20);
    u.q.steps_max = REGISTRY_RESOLVE_STEPS_USUAL;
    bytes_text_init(&why, why_text, sizeof why_text);
    CHECK(registry_resolve_run(&u.q, &small, choice, &why) == ERR_NOMEM && why.len == 0, "… in so much memory");
    arena_fini(&small);
    static struct registry_resolve_version many[REGISTRY_RESOLVE_VERSIONS_MAX + 1];
    struct registry_resolve_package p = {.name = kit_slice("a"), .versions = REGISTRY_RESOLVE_VERSIONS_MAX, .version = many};
    struct registry_resolve_need need = {.package = 0, .range = kit_slice("*")};
    for (uint32_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i].version.major = i;
    }
    u.q = (struct registry_resolve_question){.packages = 1, .needs = 1, .package = &p, .need = &need, .steps_max = 1000};
    CHECK(run() == ERR_OK && choice[0] == REGISTRY_RESOLVE_VERSIONS_MAX - 1, "as many versions as there may be");
    p.versions++;
    CHECK(run() == ERR_LIMIT, "one more");
}

/* A thousand packages that live together since long: found without much ado. */
static void a_large_universe_is_quick(void)
{
    universe_large(&u);
    CHECK(run() == ERR_OK && universe_is_answer(&u, choice) && choice[999] == 19, "%s", answer());
}

/* Small universes: the answer is what trying everything finds, the same one, in both directions. */
static void drawn_universes_have_the_documented_answer(uint64_t from, uint64_t worlds, bool is_loud)
{
    unsigned answers = 0, reasons = 0;

    for (uint64_t seed = from; seed < from + worlds; seed++) {
        struct rng r;

        rng_init(&r, seed);
        universe_draw(&u, &r, 7, 5);
        bool is_there = universe_try_all(&u, again);
        enum err e = run();
        CHECK(e == (is_there ? ERR_OK : ERR_NOT_FOUND), "seed %" PRIu64 ": %s, and by trying there is %s", seed, err_name(e), is_there ? "one" : "none");
        if (is_loud) {
            printf("%s\n", e == ERR_OK ? answer() : why_text);
        }
        if (e == ERR_OK) {
            answers++;
            CHECK(universe_is_answer(&u, choice), "seed %" PRIu64 ": every requirement is kept", seed);
            CHECK(memcmp(choice, again, u.q.packages * sizeof choice[0]) == 0, "seed %" PRIu64 ": it is the documented one", seed);
        } else {
            reasons++;
            size_t len = strlen(why_text);
            CHECK(len >= 18 && strcmp(why_text + len - 18, "there is no answer") == 0, "seed %" PRIu64 ": %s", seed, why_text);
        }
    }
    CHECK(worlds < 1000 || (answers > worlds / 5 && reasons > worlds / 10), "both were drawn: %u and %u", answers, reasons);
}

int main(int argc, char **argv)
{
    struct drawn d = {.from = 1, .worlds = 10000};

    if (!drawn_args(argc, argv, &d)) {
        return DRAWN_USAGE;
    }
    arena_init(&a, ARENA_MOST);
    scenes_have_their_answers();
    a_branching_conflict_is_told_in_lines();
    what_is_no_range_is_named();
    a_hard_question_ends();
    a_large_universe_is_quick();
    drawn_universes_have_the_documented_answer(d.from, d.worlds, d.is_loud);
    arena_fini(&a);
    return CHECK_RESULT();
}
