/* More about one question over a link: answers in parts, words about it, questions that nobody wants any more. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/node/nodelink_room.h"
#include "tests/support/check.h"
#include "tests/unit/node/link_kit.h"

static struct loop *loop;
static struct kit_cluster ours;
static struct kit_node a, b;

/* What came for one question: a message that begins with '+' is a part. */
static struct heard {
    uint32_t parts, ends, total;
    enum err e;
    char last;
} heard;

static bool on_part(void *context, const uint8_t *body, size_t size)
{
    struct heard *h = context;

    CHECK(h->ends == 0, "no part after the end");
    h->total++;
    if (size == 0 || body[0] != '+') {
        return false;
    }
    h->parts++;
    return true;
}

static void on_done(void *context, enum err e, const uint8_t *body, size_t size)
{
    struct heard *h = context;

    h->ends++;
    h->total++;
    h->e = e;
    h->last = e == ERR_OK && size > 0 ? (char)body[0] : 0;
}

static struct nodelink_asking asking(void)
{
    heard = (struct heard){0};
    return (struct nodelink_asking){.id = b.who.id, .to = &b.at, .body = (const uint8_t *)"?", .size = 1, .deadline_ms = 9000,
                                    .part = on_part, .done = on_done, .context = &heard};
}

static void open_both(void)
{
    kit_certify(&ours, 1, 0, &a);
    kit_certify(&ours, 2, 0, &b);
    kit_open(&a, loop);
    kit_open(&b, loop);
    b.is_silent = true;
}

static void close_both(void)
{
    kit_close(&a);
    kit_close(&b);
}

/* Ask and wait until the other side has it. */
static uint32_t ask(void)
{
    struct nodelink_asking q = asking();
    uint32_t number = 0, before = b.asked;

    REQUIRE(nodelink_ask_with(a.links, &q, &number) == ERR_OK, "asked");
    kit_run(loop, &b.asked, before + 1, 5000);
    REQUIRE(b.asked == before + 1, "it arrived");
    return number;
}

static void an_answer_may_come_in_parts(void)
{
    struct nodelink_ticket ticket;

    open_both();
    uint32_t number = ask();
    ticket = b.ticket;
    CHECK((uint32_t)((ticket.trace[0] & 0x7f) << 24 | ticket.trace[1] << 16 | ticket.trace[2] << 8 | ticket.trace[3]) == number,
          "both sides have one number for it");
    for (int i = 0; i < 3; i++) {
        CHECK(nodelink_answer_part(b.links, &ticket, (const uint8_t *)"+", 1) == ERR_OK, "part %d", i);
    }
    kit_run(loop, &heard.parts, 3, 5000);
    CHECK(heard.parts == 3 && heard.ends == 0, "each arrives: %u", heard.parts);
    CHECK(nodelink_answer(b.links, &ticket, (const uint8_t *)"!", 1) == ERR_OK, "the end");
    kit_run(loop, &heard.ends, 1, 5000);
    CHECK(heard.e == ERR_OK && heard.last == '!', "arrives as any answer");
    close_both();
}

/* Streams that say nothing for long take nobody's place, and nobody's link is closed under one. */
static void streams_take_no_place(void)
{
    struct nodelink_asking q;
    static struct kit_answer plain;
    uint32_t number;

    open_both();
    for (uint32_t i = 0; i < NODELINK_FLIGHT_MAX + 1; i++) {
        q = asking();
        REQUIRE(nodelink_ask_with(a.links, &q, &number) == ERR_OK, "stream %u", i);
    }
    kit_run(loop, &b.asked, NODELINK_FLIGHT_MAX + 1, 9000);
    CHECK(b.asked == NODELINK_FLIGHT_MAX + 1, "all are sent: %u", b.asked);
    b.is_silent = false;
    CHECK(kit_ask(&a, &b, "x", 1, 5000, &plain) == ERR_OK, "and a question beside them");
    for (struct nodelink *k = a.links->links; k != NULL; k = k->next) {
        k->used_ms -= NODELINK_IDLE_MS;
    }
    nodelink_soon(a.links, 0);
    CHECK(kit_ask(&a, &b, "x", 1, 5000, &plain) == ERR_OK, "the link stays");
    CHECK(heard.ends == 0, "and the streams with it");
    close_both();
}

static void parts_that_wait_have_a_limit(void)
{
    static uint8_t large[KIT_MESSAGE_MAX];
    uint32_t taken = 0;

    open_both();
    (void)ask();
    large[0] = '+';
    while (taken < 1000 && nodelink_answer_part(b.links, &b.ticket, large, sizeof large) == ERR_OK) {
        taken++;
    }
    CHECK(taken >= NODELINK_PARTS_MESSAGES && taken < 200, "the next one is refused after what a socket holds: %u", taken);
    CHECK(nodelink_answer_part(b.links, &b.ticket, large, sizeof large + 1) == ERR_LIMIT, "one that is too large always");
    CHECK(nodelink_answer(b.links, &b.ticket, (const uint8_t *)"!", 1) == ERR_OK, "the end can be told");
    kit_run(loop, &heard.ends, 1, 9000);
    CHECK(heard.parts == taken && heard.last == '!', "nothing that was taken is lost: %u", heard.parts);
    CHECK(nodelink_answer_part(b.links, &(struct nodelink_ticket){.link = 999}, large, 1) == ERR_PEER_DEAD, "no such link");
    close_both();
}

static void a_word_about_a_question_goes_the_same_way(void)
{
    open_both();
    uint32_t number = ask();
    struct nodelink_ticket question = b.ticket;
    CHECK(nodelink_tell(a.links, b.who.id, number, (const uint8_t *)"more", 4) == ERR_OK, "told");
    kit_run(loop, &b.asked, 2, 5000);
    CHECK(b.asked == 2 && b.ticket.link == question.link, "it arrives over the same link");
    CHECK(memcmp(b.ticket.trace, question.trace, sizeof b.ticket.trace) != 0, "as a message of its own");
    nodelink_unasked(b.links, &b.ticket);
    CHECK(nodelink_answer(b.links, &question, (const uint8_t *)"!", 1) == ERR_OK, "the question is answered");
    kit_run(loop, &heard.ends, 1, 5000);
    CHECK(b.links->links->open == 0, "and nothing is open any more");
    CHECK(nodelink_tell(a.links, b.who.id, number, (const uint8_t *)"more", 4) == ERR_NOT_FOUND, "about what has ended: no");
    CHECK(nodelink_tell(a.links, b.who.id, number + 1, (const uint8_t *)"more", 4) == ERR_NOT_FOUND, "nor about nothing");
    close_both();
}

/* A node that has as many questions as it takes is asked one more, past them; what is said about it goes the same way, and
 * when the node is gone both links end. */
static void what_is_urgent_has_a_link_of_its_own(void)
{
    struct kit_answer plain = {0};
    struct nodelink_asking q;
    uint32_t number, never = 0;

    open_both();
    for (uint32_t i = 0; i < NODELINK_FLIGHT_MAX + 5; i++) {
        REQUIRE(nodelink_ask(a.links, b.who.id, &b.at, (const uint8_t *)"x", 1, 9000, kit_done, &plain) == ERR_OK, "%u", i);
    }
    kit_run(loop, &b.asked, NODELINK_FLIGHT_MAX, 9000);
    struct nodelink_ticket bulk = b.ticket;
    q = asking();
    q.is_urgent = true;
    q.part = NULL;
    REQUIRE(nodelink_ask_with(a.links, &q, &number) == ERR_OK, "asked");
    kit_run(loop, &b.asked, NODELINK_FLIGHT_MAX + 1, 9000);
    CHECK(b.asked == NODELINK_FLIGHT_MAX + 1 && b.ticket.link != bulk.link, "it arrives, over another link");
    struct nodelink_ticket urgent = b.ticket;
    CHECK(nodelink_tell(a.links, b.who.id, number, (const uint8_t *)"more", 4) == ERR_OK, "told");
    kit_run(loop, &b.asked, NODELINK_FLIGHT_MAX + 2, 5000);
    CHECK(b.ticket.link == urgent.link, "over the same");
    CHECK(nodelink_answer(b.links, &urgent, (const uint8_t *)"!", 1) == ERR_OK, "answered");
    kit_run(loop, &heard.ends, 1, 5000);
    CHECK(heard.e == ERR_OK && plain.count == 0, "before all others");
    q = asking();
    q.is_urgent = true;
    REQUIRE(nodelink_ask_with(a.links, &q, &number) == ERR_OK, "once more");
    kit_run(loop, &b.asked, NODELINK_FLIGHT_MAX + 3, 5000);
    nodelink_gone(a.links, b.who.id);
    CHECK(heard.e == ERR_PEER_DEAD && plain.count >= NODELINK_FLIGHT_MAX && plain.e == ERR_PEER_DEAD, "who is gone is so on both");
    kit_run(loop, &never, 1, 1);
    close_both();
}

/* Somebody listens there and never speaks: no link comes up. */
static void patience_ends_before_the_deadline(void)
{
    struct nodelink_asking q;
    uint32_t number;

    open_both();
    kit_close(&b);
    kit_certify(&ours, 2, 0, &b);
    int mute = kit_listen(&b.at);
    q = asking();
    q.patience_ms = 200;
    uint64_t begin_ms = loop_now_ms();
    REQUIRE(nodelink_ask_with(a.links, &q, &number) == ERR_OK, "asked");
    kit_run(loop, &heard.ends, 1, 5000);
    CHECK(heard.e == ERR_UNAVAILABLE && loop_now_ms() - begin_ms < 3000, "not sent: %s", err_name(heard.e));
    q = asking();
    q.deadline_ms = 200;
    q.patience_ms = 5000;
    REQUIRE(nodelink_ask_with(a.links, &q, &number) == ERR_OK, "asked");
    kit_run(loop, &heard.ends, 1, 5000);
    CHECK(heard.e == ERR_TIMEOUT, "patience is no longer than the deadline: %s", err_name(heard.e));
    q = asking();
    REQUIRE(nodelink_ask_with(a.links, &q, &number) == ERR_OK, "asked");
    nodelink_withdraw(a.links, b.who.id, number);
    kit_run(loop, &heard.ends, 1, 1000);
    CHECK(heard.ends == 1 && heard.e == ERR_TIMEOUT, "nobody wants it: it ends, unsent");
    (void)close(mute);
    close_both();
}

static void patience_does_not_end_what_was_sent(void)
{
    struct nodelink_asking q;
    uint32_t number, never = 0;

    open_both();
    (void)ask();
    q = asking();
    q.patience_ms = 50;
    REQUIRE(nodelink_ask_with(a.links, &q, &number) == ERR_OK, "asked");
    kit_run(loop, &b.asked, 2, 5000);
    nodelink_withdraw(a.links, b.who.id, number);
    kit_run(loop, &never, 1, 200);
    CHECK(heard.ends == 0, "it was sent: it waits");
    close_both();
}

static void who_is_known_to_be_dead_ends_at_once(void)
{
    open_both();
    (void)ask();
    nodelink_gone(a.links, b.who.id);
    CHECK(heard.ends == 1 && heard.e == ERR_PEER_DEAD, "what was asked has ended");
    nodelink_gone(a.links, a.who.id);
    nodelink_gone(a.links, b.who.id);
    (void)ask();
    CHECK(heard.ends == 0, "who comes back is asked again");
    close_both();
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    loop = loop_new();
    ours = kit_cluster(0xc1);
    an_answer_may_come_in_parts();
    streams_take_no_place();
    parts_that_wait_have_a_limit();
    a_word_about_a_question_goes_the_same_way();
    what_is_urgent_has_a_link_of_its_own();
    patience_ends_before_the_deadline();
    patience_does_not_end_what_was_sent();
    who_is_known_to_be_dead_ends_at_once();
    loop_free(loop);
    return CHECK_RESULT();
}
