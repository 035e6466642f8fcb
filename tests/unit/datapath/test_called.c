/* What nodes are called by what a rendezvous tells: the world of ways_kit.h. */
#include <string.h>

#include "tests/support/check.h"
#include "tests/unit/datapath/ways_kit.h"

/* What the operator of a node named: these keys, and no others so. */
struct operator {
    int of;
    const char *name;
};

static const char *settle(const void *names, const uint8_t public[DATAPATH_NOISE_KEY], const char *wish)
{
    const struct operator *o = names;

    if (memcmp(public, w.node[o->of].public, DATAPATH_NOISE_KEY) == 0) {
        return o->name;
    }
    return strcmp(wish, o->name) == 0 ? NULL : wish;
}

static void wants(int n, const char *name)
{
    memcpy(w.node[n].ways.config.name, name, strlen(name) + 1);
}

static void names(int n, const struct operator *o)
{
    w.node[n].ways.config.settle = settle;
    w.node[n].ways.config.names = o;
}

/* Whose this name is at n, by what it was told; NODES: nobody's. */
static int who(int n, const char *name)
{
    uint32_t peer;
    int of = 0;

    if (!datapath_ways_named(&w.node[n].ways, name, &peer)) {
        return NODES;
    }
    while (of < NODES && number(n, of) != peer) {
        of++;
    }
    return of;
}

static const char *called(int n, int of)
{
    return datapath_ways_name(&w.node[n].ways, number(n, of));
}

/* A third member, which is a rendezvous itself that nobody believes. */
static void begin_three(void)
{
    begin();
    (void)add(R, S);
    CHECK(datapath_ways_believe(&w.node[S].ways, add(S, R), w.now.ms) == ERR_OK, "it believes the rendezvous");
    run(12000);
    REQUIRE(number(A, B) != UINT32_MAX && number(A, S) != UINT32_MAX, "all know of all");
}

static void leave(int n)
{
    datapath_ways_leave(&w.node[n].ways, w.now, &fx);
    perform(n);
    w.node[n].ways.believe[0].guest.due_ms = UINT64_MAX; /* it says nothing more */
}

static void members_are_told_of_by_name(void)
{
    begin_three();
    CHECK(called(A, B)[0] == '\0', "he wants none");
    wants(B, "b");
    wants(S, "s-2");
    run(24000);
    CHECK(who(A, "b") == B && who(A, "s-2") == S && who(B, "s-2") == S && who(S, "b") == B, "all know of all");
    CHECK(who(R, "b") == B && who(R, "s-2") == S, "the rendezvous, too");
    CHECK(who(A, "r") == NODES && who(A, "a") == NODES, "and of nobody else");
    wants(B, "c");
    run(24000);
    CHECK(who(A, "c") == B && who(A, "b") == NODES, "another name in place of it");
    wants(B, "");
    run(24000);
    CHECK(who(A, "c") == NODES && who(R, "c") == NODES && called(A, B)[0] == '\0', "or none");
    end();
}

static void who_came_first_keeps_a_name(void)
{
    begin_three();
    wants(B, "b");
    wants(S, "s");
    run(24000);
    wants(S, "b");
    run(24000);
    CHECK(who(A, "b") == B && who(R, "b") == B && called(A, S)[0] == '\0', "another key wants it in vain");
    CHECK(w.node[R].ways.numbers.names_refused >= 2, "which is counted: %d", (int)w.node[R].ways.numbers.names_refused);
    CHECK(w.node[S].ways.believe[0].is_unnamed && !w.node[B].ways.believe[0].is_unnamed, "and it is told so");
    leave(B);
    run(24000);
    CHECK(who(A, "b") == S && who(R, "b") == S && called(A, B)[0] == '\0', "when he went it is free");
    CHECK(!w.node[S].ways.believe[0].is_unnamed, "and it is told that, too");
    end();
}

static void a_name_goes_with_who_is_silent(void)
{
    begin_three();
    wants(B, "b");
    run(24000);
    w.is_lonely = true;
    run(DATAPATH_ROLL_KEEP_MS / 2);
    CHECK(who(A, "b") == B && who(R, "b") == B, "not at once");
    run(DATAPATH_ROLL_KEEP_MS / 2 + 12000);
    CHECK(who(A, "b") == NODES && who(R, "b") == NODES && number(A, B) != UINT32_MAX, "he is away, and has none");
    w.is_lonely = false;
    run(24000);
    CHECK(who(A, "b") == B, "he is there again");
    datapath_core_remove(w.node[R].core, number(R, B));
    run(24000);
    CHECK(number(A, B) == UINT32_MAX && who(A, "b") == NODES && who(R, "b") == NODES, "and removed");
    end();
}

/* Whom our operator has himself stays when the rendezvous has him no more; the name was its word. */
static void a_name_goes_with_the_word_that_brought_it(void)
{
    begin_three();
    wants(B, "b");
    run(24000);
    datapath_ways_claim(&w.node[A].ways, w.now, number(A, B));
    run(12000);
    CHECK(who(A, "b") == B, "the operator says nothing of his name");
    datapath_core_remove(w.node[R].core, number(R, B));
    run(24000);
    CHECK(number(A, B) != UINT32_MAX && who(A, "b") == NODES, "it goes alone");
    end();
}

static void another_life_of_the_rendezvous_takes_no_name(void)
{
    bool is_kept = true;

    begin_three();
    wants(B, "b");
    run(24000);
    w.is_lonely = true; /* that life does not hear him at once */
    make_ways(R);
    for (int i = 0; i < 300; i++) {
        w.is_lonely = i < 150;
        run(100);
        is_kept = is_kept && who(A, "b") == B;
    }
    CHECK(is_kept && who(R, "b") == B, "he has it all the time");
    end();
}

static void what_an_operator_named_stands(void)
{
    const struct operator at_a = {.of = S, .name = "b"}, at_r = {.of = B, .name = "web"};

    begin_three();
    wants(B, "b");
    wants(S, "s");
    names(A, &at_a);
    uint64_t lists = w.node[A].ways.numbers.rolls;
    run(60000);
    CHECK(who(A, "b") == NODES && called(A, B)[0] == '\0', "a name that is another's is not his");
    CHECK(strcmp(called(A, S), "b") == 0 && who(A, "s") == NODES, "who is named is called nothing else");
    CHECK(w.node[A].ways.numbers.rolls - lists <= 12, "and nothing is asked for again: %d", (int)(w.node[A].ways.numbers.rolls - lists));
    CHECK(who(S, "b") == B, "elsewhere it is");
    names(R, &at_r);
    wants(S, "web");
    datapath_roll_changed(&w.node[R].ways.roll, number(R, B)); /* as a configuration is: from the beginning on */
    run(24000);
    CHECK(who(A, "web") == B && strcmp(called(R, B), "web") == 0, "what the rendezvous' operator named is told");
    CHECK(called(R, S)[0] == '\0' && w.node[R].ways.numbers.names_refused >= 2, "and nobody else has it");
    uint64_t change = w.node[R].ways.roll.change;
    run(60000);
    CHECK(w.node[R].ways.roll.change == change, "a heartbeat is no change");
    end();
}

/* A name that a second rendezvous tells, too, is his of whom the first did, until he has it no more. */
static void of_two_rendezvous_the_first_word_counts(void)
{
    const struct operator at_s = {.of = PLAIN, .name = "b"};

    begin();
    (void)add(S, PLAIN);
    (void)add(S, A);
    (void)add(A, PLAIN);
    names(S, &at_s);
    wants(B, "b");
    run(24000);
    CHECK(who(A, "b") == B, "the first");
    CHECK(datapath_ways_believe(&w.node[A].ways, add(A, S), w.now.ms) == ERR_OK, "a second");
    run(24000);
    CHECK(who(A, "b") == B && called(A, PLAIN)[0] == '\0', "says so in vain");
    leave(B);
    run(48000);
    CHECK(who(A, "b") == PLAIN, "until the name is free");
    end();
}

int main(void)
{
    members_are_told_of_by_name();
    who_came_first_keeps_a_name();
    a_name_goes_with_who_is_silent();
    a_name_goes_with_the_word_that_brought_it();
    another_life_of_the_rendezvous_takes_no_name();
    what_an_operator_named_stands();
    of_two_rendezvous_the_first_word_counts();
    return CHECK_RESULT();
}
