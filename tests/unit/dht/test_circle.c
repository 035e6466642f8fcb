/* Claims about members that may take part: who is asked when, and who is in. */
#include <string.h>

#include "common/base/macros.h"
#include "dht/circle.h"
#include "tests/support/check.h"

enum { MOST = 40, START_US = 1000000 };

static struct dht_contact contact(uint8_t who)
{
    return (struct dht_contact){.node = {{who, 1}}, .at = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = who}, .port = 7403}};
}

static struct dht_circle_member room[MOST];

static struct dht_circle make(uint32_t most)
{
    struct dht_circle c;

    dht_circle_init(&c, room, most);
    return c;
}

static void say(struct dht_circle *c, uint64_t now_us, uint8_t who)
{
    struct dht_contact one = contact(who);

    CHECK(dht_circle_say(c, now_us, &one, 1), "there is room for %u", who);
}

static void members_are_asked_ever_less_often(void)
{
    static const uint32_t gaps_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
    struct dht_circle c = make(MOST);
    struct dht_contact to[DHT_CIRCLE_BATCH];
    uint64_t now_us = START_US;

    CHECK(c.due_us == UINT64_MAX && dht_circle_ask(&c, now_us, to) == 0, "nobody");
    say(&c, now_us, 1);
    for (size_t i = 0; i < ARRAY_LEN(gaps_s); i++) {
        CHECK(c.due_us == now_us && dht_circle_ask(&c, now_us - 1, to) == 0, "not before its time, round %zu", i);
        CHECK(dht_circle_ask(&c, now_us, to) == 1 && to[0].node.byte[0] == 1, "round %zu", i);
        now_us += gaps_s[i] * 1000000ull;
    }
    struct dht_contact one = contact(1);
    CHECK(dht_circle_heard(&c, &one.node) && c.in == 1, "it is heard");
    CHECK(!dht_circle_heard(&c, &one.node), "once");
    CHECK(dht_circle_ask(&c, now_us, to) == 0 && c.due_us == UINT64_MAX, "and not asked any more");
    struct dht_contact other = contact(2);
    CHECK(!dht_circle_heard(&c, &other.node), "a stranger is no member");
}

static void who_moves_is_asked_there(void)
{
    struct dht_circle c = make(MOST);
    struct dht_contact to[DHT_CIRCLE_BATCH], one = contact(1);

    say(&c, START_US, 1);
    CHECK(dht_circle_heard(&c, &one.node), "it is in");
    say(&c, START_US + 5, 1);
    CHECK(c.in == 1 && c.due_us == UINT64_MAX, "said again: nothing");
    one.at.port++;
    CHECK(dht_circle_say(&c, START_US + 10, &one, 1) && c.in == 0 && c.due_us == START_US + 10, "said elsewhere");
    CHECK(dht_circle_ask(&c, START_US + 10, to) == 1 && to[0].at.port == one.at.port, "it is asked there");
}

static void many_are_asked_in_batches(void)
{
    struct dht_circle c = make(MOST);
    struct dht_contact to[DHT_CIRCLE_BATCH];
    uint64_t now_us = START_US;

    for (uint8_t i = 1; i <= MOST; i++) {
        say(&c, now_us, i);
    }
    struct dht_contact late = contact(MOST + 1);
    CHECK(!dht_circle_say(&c, now_us, &late, 1), "one more than there is room for");
    CHECK(dht_circle_ask(&c, now_us, to) == DHT_CIRCLE_BATCH && c.due_us == now_us + DHT_CIRCLE_PACE_US, "the first");
    CHECK(dht_circle_ask(&c, now_us, to) == 0, "not at once");
    now_us += DHT_CIRCLE_PACE_US;
    CHECK(dht_circle_ask(&c, now_us, to) == DHT_CIRCLE_BATCH, "the next");
    now_us += DHT_CIRCLE_PACE_US;
    CHECK(dht_circle_ask(&c, now_us, to) == MOST - 2 * DHT_CIRCLE_BATCH, "the rest");
    CHECK(c.due_us == START_US + DHT_CIRCLE_AGAIN_US, "then the first again");
}

static void the_gone_and_the_unnamed_go(void)
{
    struct dht_circle c = make(MOST);
    struct dht_contact one = contact(1), gone;

    for (uint8_t i = 1; i <= 4; i++) {
        say(&c, START_US, i);
    }
    CHECK(dht_circle_heard(&c, &one.node) && dht_circle_gone(&c, &one.node) && c.in == 0 && c.count == 3, "gone");
    CHECK(!dht_circle_gone(&c, &one.node), "once");
    struct dht_contact three = contact(3);
    CHECK(dht_circle_heard(&c, &three.node) && dht_circle_say(&c, START_US, &three, 2), "named by the next listing");
    CHECK(dht_circle_unnamed(&c, 2, &gone) && dht_circle_unnamed(&c, 2, &gone) && !dht_circle_unnamed(&c, 2, &gone), "two others were not");
    CHECK(c.count == 1 && c.in == 1, "who was named stays in");
}

int main(void)
{
    members_are_asked_ever_less_often();
    who_moves_is_asked_there();
    many_are_asked_in_batches();
    the_gone_and_the_unnamed_go();
    return CHECK_RESULT();
}
