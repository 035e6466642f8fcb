/* Members of a cluster as peers: who comes, who goes, whose an address and a name are. The world of ways_kit.h. */
#include "datapath/kin.h"

#include <string.h>

#include "tests/support/check.h"
#include "tests/unit/datapath/ways_kit.h"

static struct datapath_kin kin;
static struct datapath_effects cfx;
static void *memory;

/* Node n as membership has it at A: its id is `rank` and zeros, its address 10.9.9.`last`. */
static struct datapath_kin_member member(int n, uint8_t rank, uint8_t last, const char *name)
{
    struct datapath_kin_member m = {.id = {rank}, .is_living = true, .at = place(n), .prefixes = 1,
                                    .prefix = {{.ip = {10, 9, 9, last}, .size = 4, .bits = 32}}};

    memcpy(m.key, w.node[n].public, sizeof m.key);
    memcpy(m.name, name, strlen(name) + 1);
    return m;
}

static void begin_kin(void)
{
    make_all();
    memory = malloc(datapath_kin_size(PEERS));
    REQUIRE(memory != NULL, "memory");
    datapath_kin_init(&kin, memory, &w.node[A].ways);
}

static void end_kin(void)
{
    end();
    free(memory);
}

static enum datapath_kin_verdict take(const struct datapath_kin_member *m)
{
    return datapath_kin_take(&kin, w.now, m, &cfx);
}

/* A list of these. */
static void list(const struct datapath_kin_member *m, size_t count)
{
    datapath_kin_begin(&kin);
    for (size_t i = 0; i < count; i++) {
        (void)take(&m[i]);
    }
    datapath_kin_end(&kin, w.now.ms);
}

static bool bury(uint64_t ms)
{
    uint8_t key[DATAPATH_NOISE_KEY];

    return datapath_kin_bury(&kin, w.now.ms + ms, key);
}

/* Whose 10.9.9.`last` is at A; NODES: nobody's. */
static int owner(uint8_t last)
{
    const uint8_t ip[4] = {10, 9, 9, last};
    uint32_t peer;
    int of = 0;

    if (!datapath_core_owner(w.node[A].core, ip, 4, &peer)) {
        return NODES;
    }
    while (of < NODES && number(A, of) != peer) {
        of++;
    }
    return of;
}

static void who_lives_is_a_peer(void)
{
    struct datapath_kin_member b;
    uint32_t peer;

    begin_kin();
    b = member(B, 5, 2, "b");
    b.is_living = false;
    CHECK(take(&b) == DATAPATH_KIN_KNOWN && number(A, B) == UINT32_MAX, "who is dead is none");
    b.is_living = true;
    CHECK(take(&b) == DATAPATH_KIN_CAME && take(&b) == DATAPATH_KIN_KNOWN, "once");
    CHECK(datapath_kin_find(&kin, b.id, &peer) && peer == number(A, B) && datapath_kin_is(&kin, peer), "he is found");
    CHECK(owner(2) == B && datapath_message_is_same(goes_to(A, B), &b.at), "with his address, where he is");
    CHECK(strcmp(datapath_ways_name(&w.node[A].ways, peer), "b") == 0, "and his name");
    b.at = place(S);
    CHECK(take(&b) == DATAPATH_KIN_KNOWN && datapath_message_is_same(goes_to(A, B), &b.at), "somewhere else");
    b.is_living = false;
    b.has_left = true;
    CHECK(take(&b) == DATAPATH_KIN_WENT && number(A, B) == UINT32_MAX && owner(2) == NODES, "he left");
    CHECK(take(&b) == DATAPATH_KIN_KNOWN, "once");
    end_kin();
}

static void the_dead_stay_for_a_while(void)
{
    struct datapath_kin_member b, both[2];

    begin_kin();
    b = member(B, 5, 2, "b");
    both[0] = b;
    both[1] = member(S, 6, 3, "s");
    list(both, 2);
    CHECK(kin.count == 2, "two");
    both[0].is_living = false;
    list(both, 1); /* B is dead, S is forgotten */
    CHECK(!bury(DATAPATH_KIN_DEAD_MS - 1) && number(A, B) != UINT32_MAX && owner(2) == B, "he may be who is cut off");
    list(&b, 1);
    CHECK(bury(DATAPATH_KIN_DEAD_MS) && number(A, S) == UINT32_MAX, "who is on no list is as dead");
    CHECK(!bury(DATAPATH_KIN_DEAD_MS) && number(A, B) != UINT32_MAX, "who lives again stays");
    list(both, 1);
    CHECK(bury(DATAPATH_KIN_DEAD_MS) && number(A, B) == UINT32_MAX && owner(2) == NODES, "or is none any more");
    CHECK(take(&b) == DATAPATH_KIN_CAME, "until he comes back");
    list(both, 1);
    w.now.ms += DATAPATH_KIN_DEAD_MS / 2;
    list(both, 1);
    w.now.ms += DATAPATH_KIN_DEAD_MS / 2;
    datapath_kin_begin(&kin);
    CHECK(bury(0) && number(A, B) == UINT32_MAX, "his minute began when it was heard first");
    (void)take(&b);
    datapath_kin_end(&kin, w.now.ms);
    datapath_kin_begin(&kin); /* of which nothing comes */
    w.now.ms += 2 * DATAPATH_KIN_DEAD_MS;
    CHECK(!bury(0) && number(A, B) != UINT32_MAX, "a list that is not whole buries nobody");
    end_kin();
}

static void the_operator_has_the_last_word(void)
{
    const struct datapath_prefix his = {.ip = {10, 9, 9, 2}, .size = 4, .bits = 32};
    struct datapath_kin_member b, s;

    begin_kin();
    uint32_t plain = add(A, PLAIN), by_hand = add(A, S);
    CHECK(datapath_core_allow(w.node[A].core, plain, &his) == ERR_OK, "10.9.9.2 is PLAIN's");
    b = member(B, 5, 2, "b");
    s = member(S, 6, 3, "s");
    CHECK(take(&b) == DATAPATH_KIN_COLLIDES && owner(2) == PLAIN && number(A, B) != UINT32_MAX, "a peer without that address");
    CHECK(take(&b) == DATAPATH_KIN_KNOWN && kin.collisions == 1, "which is said once");
    CHECK(take(&s) == DATAPATH_KIN_OTHERS && !datapath_kin_is(&kin, by_hand) && owner(3) == NODES, "whom he named is his");
    s.has_left = true;
    s.is_living = false;
    CHECK(take(&s) == DATAPATH_KIN_OTHERS && number(A, S) == by_hand, "also when he leaves");
    CHECK(datapath_core_disallow(w.node[A].core, plain, &his) == ERR_OK && take(&b) == DATAPATH_KIN_KNOWN && owner(2) == B, "when it is free it is his");
    datapath_kin_claim(&kin, number(A, B));
    b.has_left = true;
    b.is_living = false;
    CHECK(take(&b) == DATAPATH_KIN_OTHERS && number(A, B) != UINT32_MAX, "who is named by hand later is the operator's from then on");
    end_kin();
}

/* Of two who are new to a list, whatever the order: everywhere the same one has it. */
static void of_two_who_are_new_the_lower_id_has_an_address(void)
{
    for (int first = 0; first < 2; first++) {
        begin_kin();
        const struct datapath_kin_member m[2] = {member(B, 5, 2, "b"), member(S, 6, 2, "s")};
        (void)take(&m[first]);
        (void)take(&m[1 - first]);
        CHECK(owner(2) == B, "the lower one, came %d", first);
        list(m, 2);
        CHECK(owner(2) == B && kin.collisions == 1, "and it stays so: %d", (int)kin.collisions);
        kin.own_prefixes = 1;
        kin.own[0] = m[0].prefix[0];
        end_kin();
    }
    begin_kin();
    struct datapath_kin_member b = member(B, 5, 2, "b");
    kin.own_prefixes = 1;
    kin.own[0] = b.prefix[0];
    CHECK(take(&b) == DATAPATH_KIN_COLLIDES && owner(2) == NODES, "ours is nobody else's");
    end_kin();
}

/* An id with a given address in a small network, and lower, is a matter of trying some millions. */
static void who_has_an_address_keeps_it(void)
{
    begin_kin();
    struct datapath_kin_member s = member(S, 6, 2, "s"), both[2] = {member(B, 5, 2, "b"), s};
    (void)take(&s);
    datapath_kin_end(&kin, w.now.ms);
    list(both, 2);
    CHECK(owner(2) == S && number(A, B) != UINT32_MAX && kin.collisions == 1, "a lower id that comes later is a peer without it");
    both[1].is_living = false;
    list(both, 2);
    list(both, 1);
    CHECK(owner(2) == S, "also while he is dead, or on no list");
    CHECK(!bury(DATAPATH_KIN_DEAD_MS - 1), "for a minute");
    both[1] = s;
    list(both, 2);
    CHECK(owner(2) == S && kin.collisions == 1, "he is back and has it");
    list(both, 1);
    CHECK(bury(DATAPATH_KIN_DEAD_MS) && owner(2) == NODES, "his minute is over");
    list(both, 2);
    CHECK(owner(2) == B && kin.collisions == 2, "it is free, of two who are new to it the lower has it: %d", (int)kin.collisions);
    both[0].is_living = false;
    both[0].has_left = true;
    list(both, 2);
    list(both, 2);
    CHECK(owner(2) == S, "and who lacked it, when that one has left");
    end_kin();
}

static void a_list_that_is_torn_settles_nothing(void)
{
    begin_kin();
    const struct datapath_kin_member both[2] = {member(B, 5, 2, "b"), member(S, 6, 2, "s")};
    datapath_kin_begin(&kin);
    (void)take(&both[1]);
    list(both, 2);
    CHECK(owner(2) == B, "whom the first page had has nothing for that");
    end_kin();
}

static void what_the_operator_took_and_gave_back(void)
{
    const struct datapath_prefix his = {.ip = {10, 9, 9, 2}, .size = 4, .bits = 32};
    struct datapath_kin_member b;

    begin_kin();
    uint32_t plain = add(A, PLAIN);
    b = member(B, 5, 2, "b");
    list(&b, 1);
    CHECK(datapath_core_allow(w.node[A].core, plain, &his) == ERR_OK, "10.9.9.2 is PLAIN's");
    list(&b, 1);
    CHECK(owner(2) == PLAIN && kin.collisions == 1, "by hand");
    CHECK(datapath_core_disallow(w.node[A].core, plain, &his) == ERR_OK, "no more");
    list(&b, 1);
    CHECK(owner(2) == B, "it is the member's again");
    end_kin();
}

static void a_name_is_one_members(void)
{
    begin_kin();
    struct datapath_kin_member b = member(B, 5, 2, "b"), s = member(S, 6, 3, "b");
    (void)take(&b);
    (void)take(&s);
    CHECK(strcmp(datapath_ways_name(&w.node[A].ways, number(A, B)), "b") == 0, "the first has it");
    CHECK(datapath_ways_name(&w.node[A].ways, number(A, S))[0] == '\0', "the second none");
    b.is_living = false;
    b.has_left = true;
    (void)take(&b);
    (void)take(&s);
    CHECK(strcmp(datapath_ways_name(&w.node[A].ways, number(A, S)), "b") == 0, "when it is free it is his");
    end_kin();
}

static void more_than_there_is_room_for_are_refused(void)
{
    begin_kin();
    struct datapath_kin_member m = member(B, 1, 1, "");
    for (uint8_t i = 0; i < PEERS; i++) {
        m.id[0] = m.prefix[0].ip[3] = m.key[0] = (uint8_t)(i + 1);
        CHECK(take(&m) == DATAPATH_KIN_CAME, "%u", i);
    }
    m.id[0] = m.key[0] = PEERS + 1;
    CHECK(take(&m) == DATAPATH_KIN_REFUSED && kin.refused == 1, "one more");
    end_kin();
}

int main(void)
{
    who_lives_is_a_peer();
    the_dead_stay_for_a_while();
    the_operator_has_the_last_word();
    of_two_who_are_new_the_lower_id_has_an_address();
    who_has_an_address_keeps_it();
    a_list_that_is_torn_settles_nothing();
    what_the_operator_took_and_gave_back();
    a_name_is_one_members();
    more_than_there_is_room_for_are_refused();
    return CHECK_RESULT();
}
