/* Claims about who has to go, on a bucket of ten entries of one size; tests/sim/mycel has all of them on real requests. */
#include <string.h>

#include "common/base/macros.h"
#include "mycel/shadow.h"
#include "tests/support/check.h"

enum { PLACES = 10, KEYS = 1000 };

struct bucket {
    struct mycel_policy policy;
    struct mycel_ghost ghost;
    struct mycel_policy_node node[PLACES + 1];
    uint32_t ghost_memory[1024];
    uint32_t key[PLACES + 1], place[KEYS], used;
};

static uint64_t hash_of(uint32_t key)
{
    return (key + 1) * 0x9e3779b97f4a7c15u;
}

static struct bucket *begin(enum mycel_policy_kind kind)
{
    static struct bucket b;

    memset(&b, 0, sizeof b);
    REQUIRE(mycel_ghost_bytes(PLACES) <= sizeof b.ghost_memory, "ten are remembered in 4 KB");
    mycel_ghost_init(&b.ghost, b.ghost_memory, PLACES);
    mycel_policy_init(&b.policy, b.node, sizeof b.node[0], &b.ghost, PLACES);
    mycel_policy_rule(&b.policy, kind);
    return &b;
}

static bool ask(struct bucket *b, uint32_t key)
{
    if (b->place[key] != 0) {
        mycel_policy_read(&b->policy, b->place[key]);
        return true;
    }
    uint32_t place = b->used < PLACES ? ++b->used : 0;
    if (place == 0) {
        bool is_ghost;
        place = mycel_policy_victim(&b->policy, &is_ghost);
        b->place[b->key[place]] = 0;
        if (is_ghost) {
            mycel_policy_haunt(&b->policy, hash_of(b->key[place]));
        }
    }
    b->node[place] = (struct mycel_policy_node){.size = 1};
    b->key[place] = key;
    b->place[key] = place;
    mycel_policy_add(&b->policy, place, hash_of(key));
    return false;
}

static void ask_all(struct bucket *b, uint32_t from, uint32_t to)
{
    for (uint32_t key = from; key < to; key++) {
        (void)ask(b, key);
    }
}

/* Each row: keys 0 to 9 come, key 0 is read `reads` times, then keys 100 to 100 + scan come once. Is key 0 still there? */
static const struct {
    enum mycel_policy_kind kind;
    uint32_t reads, scan;
    bool is_there;
    const char *why;
} scans[] = {
    {MYCEL_POLICY_S3FIFO, 2, 100, true, "used twice, it moved up; a scan passes it by"},
    {MYCEL_POLICY_S3FIFO, 1, 100, false, "once is not enough"},
    {MYCEL_POLICY_LRU, 2, 9, true, "the most recently used one is the last to go"},
    {MYCEL_POLICY_LRU, 2, 10, false, "… and goes"},
    {MYCEL_POLICY_2Q, 2, 9, false, "who is new goes by his turn, however much he is used"},
};

static void scans_pass(void)
{
    for (size_t i = 0; i < ARRAY_LEN(scans); i++) {
        struct bucket *b = begin(scans[i].kind);
        ask_all(b, 0, PLACES);
        for (uint32_t n = 0; n < scans[i].reads; n++) {
            CHECK(ask(b, 0), "row %zu: it is there", i);
        }
        ask_all(b, 100, 100 + scans[i].scan);
        CHECK((b->place[0] != 0) == scans[i].is_there, "row %zu: %s", i, scans[i].why);
    }
}

static void who_comes_back_stays(void)
{
    static const enum mycel_policy_kind kinds[] = {MYCEL_POLICY_S3FIFO, MYCEL_POLICY_2Q};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct bucket *b = begin(kinds[i]);
        ask_all(b, 0, PLACES + 1);
        CHECK(!ask(b, 0), "the first one had to go");
        ask_all(b, 100, 200);
        CHECK(b->place[0] != 0, "kind %d: he came back at once, and stays", (int)kinds[i]);
        b = begin(kinds[i]);
        ask_all(b, 0, 3 * PLACES);
        CHECK(!ask(b, 0), "the first one had to go");
        ask_all(b, 100, 200);
        CHECK(b->place[0] == 0, "kind %d: he came back late", (int)kinds[i]);
    }
}

static void a_write_after_a_read_is_one_use(void)
{
    struct bucket *b = begin(MYCEL_POLICY_S3FIFO);

    ask_all(b, 0, PLACES);
    (void)ask(b, 0);
    mycel_policy_written(&b->policy, b->place[0]);
    ask_all(b, 100, 200);
    CHECK(b->place[0] == 0, "a value that was read and written again was used once");
    b = begin(MYCEL_POLICY_S3FIFO);
    ask_all(b, 0, PLACES);
    mycel_policy_written(&b->policy, b->place[0]);
    mycel_policy_written(&b->policy, b->place[0]);
    ask_all(b, 100, 200);
    CHECK(b->place[0] != 0, "two writes are two");
}

static void one_rule_follows_another(void)
{
    struct bucket *b = begin(MYCEL_POLICY_S3FIFO);

    ask_all(b, 0, PLACES);
    (void)ask(b, 0);
    (void)ask(b, 0);
    ask_all(b, 100, 150);
    mycel_policy_rule(&b->policy, MYCEL_POLICY_LRU);
    ask_all(b, 200, 200 + 2 * PLACES);
    uint32_t there = 0;
    for (uint32_t key = 200 + PLACES; key < 200 + 2 * PLACES; key++) {
        there += b->place[key] != 0;
    }
    CHECK(there == PLACES, "after as many as fit twice, LRU has what it would always have had: %u", there);
    CHECK(b->policy.small.count == 0 && b->policy.main.count == PLACES, "in one queue");
}

/* The bucket has a key that a policy here lacks: nobody will write it now. */
static void a_sample_learns_of_what_is_found(void)
{
    struct mycel_shadow s;
    AUTO_FREE void *memory = aligned_alloc(64, (mycel_shadow_bytes(1000) + 63) / 64 * 64);

    mycel_shadow_init(&s, memory, 1000);
    mycel_shadow_fit(&s, 100, 100);
    mycel_shadow_read(&s, hash_of(1), 5, true);
    mycel_shadow_read(&s, hash_of(2), 0, true);
    for (uint32_t k = 0; k < MYCEL_POLICY_KINDS; k++) {
        struct mycel_policy *p = &s.life[k].policy;
        CHECK(p->small.size + p->main.size == 5, "policy %u knows the one that is there", k);
    }
    mycel_shadow_fit(&s, 100000, 100000);
    mycel_shadow_fit(&s, 100000, 100000);
    CHECK(s.halvings == 2 && s.limit == 25000, "a key in four, a quarter of the size");
    mycel_shadow_removed(&s, hash_of(1));
    for (uint32_t k = 0; k < MYCEL_POLICY_KINDS; k++) {
        CHECK(s.life[k].policy.small.count + s.life[k].policy.main.count == 0, "policy %u forgets it", k);
    }
}

int main(void)
{
    scans_pass();
    who_comes_back_stays();
    a_write_after_a_read_is_one_use();
    one_rule_follows_another();
    a_sample_learns_of_what_is_found();
    return CHECK_RESULT();
}
