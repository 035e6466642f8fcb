/* When the issuer is asked: after what, and how soon. */
#include "renewer/plan.h"

#include "tests/support/check.h"

enum {
    START = 1000000, /* ms */
};

static struct renewer_plan p;
static uint64_t now_ms;

static void begin(uint64_t seed)
{
    now_ms = START;
    renewer_plan_init(&p, 5, 2, now_ms, seed);
}

/* Ask and be answered so, at once. */
static void ask(enum renewer_plan_end end, uint32_t epoch, uint32_t crl)
{
    renewer_plan_begin(&p);
    CHECK(renewer_plan_due_ms(&p) == UINT64_MAX, "one question at a time");
    renewer_plan_end(&p, now_ms, end, epoch, crl);
}

static bool is_about(uint64_t wait_ms, uint64_t ms)
{
    return wait_ms >= ms * 3 / 4 && wait_ms <= ms * 5 / 4 + 1;
}

static uint64_t wait_of(void)
{
    return renewer_plan_due_ms(&p) - now_ms;
}

static void it_asks_at_the_start_and_every_minute(void)
{
    uint64_t least = UINT64_MAX, most = 0;

    for (uint64_t seed = 0; seed < 100; seed++) {
        begin(seed);
        CHECK(wait_of() == 0, "at once");
        ask(RENEWER_PLAN_ANSWERED, 5, 2);
        CHECK(is_about(wait_of(), RENEWER_PLAN_POLL_MS), "then every minute: %llu", (unsigned long long)wait_of());
        least = wait_of() < least ? wait_of() : least;
        most = wait_of() > most ? wait_of() : most;
    }
    CHECK(most - least > RENEWER_PLAN_POLL_MS / 4, "not all nodes at one time");
}

static void a_claim_is_followed_soon(void)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        begin(seed);
        ask(RENEWER_PLAN_ANSWERED, 5, 2);
        renewer_plan_claim(&p, now_ms, 5, 2);
        renewer_plan_claim(&p, now_ms, 4, 1);
        renewer_plan_claim(&p, now_ms, 0, 0);
        CHECK(is_about(wait_of(), RENEWER_PLAN_POLL_MS), "what is known is no news");
        renewer_plan_claim(&p, now_ms, seed % 2 == 0 ? 6 : 5, seed % 2 == 0 ? 2 : 3);
        CHECK(wait_of() <= RENEWER_PLAN_SPREAD_MS, "either number is");
        uint64_t due_ms = renewer_plan_due_ms(&p);
        renewer_plan_claim(&p, now_ms + 100, 6, 3);
        CHECK(renewer_plan_due_ms(&p) <= due_ms || due_ms < now_ms + 100, "more claims do not put it off");
        now_ms += 1000;
        ask(RENEWER_PLAN_ANSWERED, 6, 3);
        CHECK(is_about(wait_of(), RENEWER_PLAN_POLL_MS), "it was true, and is done with");
        renewer_plan_claim(&p, now_ms, 7, 3);
        CHECK(wait_of() <= RENEWER_PLAN_SPREAD_MS, "the next one is followed as soon");
    }
}

static void who_lies_is_heard_later_and_later(void)
{
    uint64_t asked = 0, last_ms = START;

    begin(7);
    ask(RENEWER_PLAN_ANSWERED, 5, 2);
    /* A member claims a higher epoch every 100 ms, for an hour. */
    for (uint32_t epoch = 6; now_ms < START + 3600000; now_ms += 100) {
        renewer_plan_claim(&p, now_ms, ++epoch, 2);
        if (renewer_plan_due_ms(&p) <= now_ms) {
            asked++;
            last_ms = now_ms;
            ask(RENEWER_PLAN_ANSWERED, 5, 2);
        }
    }
    CHECK(asked >= 55 && asked <= 110, "about once a minute, as without any claim: %llu", (unsigned long long)asked);
    CHECK(now_ms - last_ms <= RENEWER_PLAN_POLL_MS * 5 / 4, "and still then");
    renewer_plan_claim(&p, now_ms, UINT32_MAX, 2);
    while (renewer_plan_due_ms(&p) > now_ms) {
        now_ms += 100;
    }
    ask(RENEWER_PLAN_ANSWERED, 6, 2);
    CHECK(p.lie_ms > RENEWER_PLAN_LIE_MS, "a true epoch among lies does not make them true");
    now_ms += 200000;
    renewer_plan_claim(&p, now_ms, 7, 2);
    ask(RENEWER_PLAN_ANSWERED, 7, 2);
    CHECK(p.lie_ms == RENEWER_PLAN_LIE_MS, "one that is confirmed does");
}

static void a_claim_during_a_question_is_not_lost(void)
{
    begin(3);
    renewer_plan_begin(&p);
    renewer_plan_claim(&p, now_ms, 6, 2);
    renewer_plan_end(&p, now_ms, RENEWER_PLAN_ANSWERED, 5, 2);
    CHECK(wait_of() <= RENEWER_PLAN_SPREAD_MS, "the answer may be older than the claim");
    ask(RENEWER_PLAN_ANSWERED, 5, 2);
    CHECK(is_about(wait_of(), RENEWER_PLAN_POLL_MS), "now it is not");
    begin(3);
    renewer_plan_begin(&p);
    renewer_plan_claim(&p, now_ms, 6, 2);
    renewer_plan_end(&p, now_ms, RENEWER_PLAN_ANSWERED, 6, 2);
    CHECK(is_about(wait_of(), RENEWER_PLAN_POLL_MS), "the answer had it");
}

static void failures_wait_longer_and_longer(void)
{
    uint64_t expected = RENEWER_PLAN_AGAIN_MS;

    begin(9);
    for (int i = 0; i < 20; i++) {
        ask(RENEWER_PLAN_FAILED, 5, 2);
        CHECK(is_about(wait_of(), expected), "failure %d: %llu", i, (unsigned long long)wait_of());
        now_ms += wait_of();
        expected = 2 * expected < RENEWER_PLAN_POLL_MS ? 2 * expected : RENEWER_PLAN_POLL_MS;
    }
    CHECK(expected == RENEWER_PLAN_POLL_MS, "up to a minute");
    renewer_plan_claim(&p, now_ms, 6, 2);
    CHECK(wait_of() <= RENEWER_PLAN_SPREAD_MS, "a claim is a reason to try now");
    ask(RENEWER_PLAN_ANSWERED, 6, 2);
    ask(RENEWER_PLAN_FAILED, 6, 2);
    CHECK(is_about(wait_of(), RENEWER_PLAN_AGAIN_MS), "after an answer it begins anew");
    ask(RENEWER_PLAN_STRANGER, 6, 2);
    CHECK(is_about(wait_of(), RENEWER_PLAN_REMOVED_MS), "who is no member asks rarely");
}

int main(void)
{
    it_asks_at_the_start_and_every_minute();
    a_claim_is_followed_soon();
    who_lies_is_heard_later_and_later();
    a_claim_during_a_question_is_not_lost();
    failures_wait_longer_and_longer();
    return CHECK_RESULT();
}
