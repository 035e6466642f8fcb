/* Which pair of keys is in use: tables of what happens and what stands then, and the edges of age. */
#include "datapath/session.h"

#include <string.h>

#include "datapath/own.h"
#include "tests/support/check.h"

enum { START = 1000 };

static const struct datapath_pace *pace(void)
{
    static struct datapath_pace usual;

    usual = datapath_pace_usual();
    return &usual;
}

/* A letter a step: lower case, a handshake that we began; upper case, one that we answered; 1 to 9, a packet came
 * under the pair that the so-manieth handshake made. Then: which are current, previous, next ('-': none). */
static const struct {
    const char *steps, *stands, *why;
} rows[] = {
    {"i", "1--", "who began may send"},
    {"R", "--1", "who answered waits"},
    {"R1", "1--", "until a packet came"},
    {"R11", "1--", "a second one changes nothing"},
    {"ii", "21-", "the one before is kept"},
    {"iii", "32-", "and no more than that"},
    {"iR", "1-2", "the old one is used until the new one is confirmed"},
    {"iR2", "21-", "then it is previous"},
    {"iR1", "1-2", "a packet under the old one confirms nothing"},
    {"RR", "--2", "answered again: the first will not come any more"},
    {"RR2", "2--", "and is gone"},
    {"iiR", "2-3", "answering makes room for what may come under it: the oldest goes"},
    {"Ri", "21-", "both began at once: what the peer sends under his is still read"},
    {"Ri1", "21-", "without changing which one is used"},
    {"iRi", "32-", "the same, later"},
    {"R1Ri", "32-", "the same on the other side"},
};

static uint32_t id_of(const struct datapath_pair *p)
{
    return p->local;
}

static char shown(const struct datapath_pair *p)
{
    return id_of(p) == 0 ? '-' : (char)('0' + id_of(p));
}

static void rows_hold(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct datapath_session s = {0};
        struct datapath_freed freed;
        uint32_t made = 0, gone = 0;
        for (const char *step = rows[i].steps; *step != '\0'; step++) {
            if (*step == 'i' || *step == 'R') {
                struct datapath_pair pair = {.local = ++made, .is_initiator = *step == 'i', .born_ms = START};
                datapath_session_add(&s, &pair, &freed);
                CHECK(pair.local == 0, "moved");
            } else {
                struct datapath_pair *pair = datapath_session_find(&s, (uint32_t)(*step - '0'));
                REQUIRE(pair != NULL, "row %zu: %s", i, rows[i].why);
                (void)datapath_session_confirm(&s, pair, &freed);
            }
            gone += freed.count;
        }
        const char *want = rows[i].stands;
        CHECK(shown(&s.current) == want[0] && shown(&s.previous) == want[1] && shown(&s.next) == want[2],
              "row %zu: %s: %c%c%c: %s", i, rows[i].steps, shown(&s.current), shown(&s.previous), shown(&s.next),
              rows[i].why);
        datapath_session_erase(&s, &freed);
        CHECK(made == gone + freed.count, "row %zu: every id is free once", i);
        struct datapath_session nothing = {0};
        CHECK(memcmp(&s, &nothing, sizeof s) == 0, "and no key is left");
    }
}

static void ages_have_edges(void)
{
    struct datapath_pair ours = {.local = 1, .is_initiator = true, .born_ms = START}, theirs = ours;
    struct datapath_session s = {0};

    theirs.is_initiator = false;
    CHECK(datapath_session_may_send(&ours, pace(), START + 179999), "young enough");
    CHECK(!datapath_session_may_send(&ours, pace(), START + 180000), "too old");
    CHECK(datapath_session_may_receive(&ours, pace(), START + 179999), "young enough to receive");
    CHECK(!datapath_session_may_receive(&ours, pace(), START + 180000), "too old to receive");
    CHECK(!datapath_session_is_old_to_send(&ours, pace(), START + 119999), "no need yet");
    CHECK(datapath_session_is_old_to_send(&ours, pace(), START + 120000), "to be renewed");
    CHECK(!datapath_session_is_old_to_send(&theirs, pace(), START + 179999), "not by who answered");
    CHECK(!datapath_session_is_old_to_receive(&ours, pace(), START + 164999), "receiving: no need yet");
    CHECK(datapath_session_is_old_to_receive(&ours, pace(), START + 165000), "receiving: its end is near");
    CHECK(!datapath_session_is_old_to_receive(&theirs, pace(), START + 179999), "not by who answered");
    ours.counter = DATAPATH_PACE_REKEY_MESSAGES;
    CHECK(!datapath_session_is_old_to_send(&ours, pace(), START), "so many messages");
    theirs.counter = ours.counter = DATAPATH_PACE_REKEY_MESSAGES + 1;
    CHECK(datapath_session_is_old_to_send(&ours, pace(), START), "one more");
    CHECK(datapath_session_is_old_to_send(&theirs, pace(), START), "that counts for both");
    theirs.opens_aes = ours.opens_aes = true;
    theirs.counter = ours.counter = DATAPATH_PACE_OWN_MESSAGES / 2;
    CHECK(!datapath_session_is_old_to_send(&ours, pace(), START), "half of what AES may seal");
    theirs.counter = ours.counter = DATAPATH_PACE_OWN_MESSAGES / 2 + 1;
    CHECK(datapath_session_is_old_to_send(&ours, pace(), START) && datapath_session_is_old_to_send(&theirs, pace(), START),
          "one more: for both");
    ours.opens_aes = false;
    CHECK(!datapath_session_is_old_to_send(&ours, pace(), START), "no matter without AES");
    ours.counter = DATAPATH_REPLAY_LIMIT - 1;
    CHECK(datapath_session_may_send(&ours, pace(), START), "the last nonce");
    ours.counter = DATAPATH_REPLAY_LIMIT;
    CHECK(!datapath_session_may_send(&ours, pace(), START), "none is left");
    ours.has_offer = true;
    ours.counter = DATAPATH_OWN_UNFINISHED - 1;
    CHECK(datapath_session_may_send(&ours, pace(), START), "the last below marks");
    ours.counter = DATAPATH_OWN_UNFINISHED;
    CHECK(!datapath_session_may_send(&ours, pace(), START), "a mark is no counter");
    CHECK(!datapath_session_may_send(&s.current, pace(), 0), "there is no pair");
    CHECK(datapath_session_find(&s, DATAPATH_INDEX_NONE) == NULL, "and none is found");
}

int main(void)
{
    rows_hold();
    ages_have_edges();
    return CHECK_RESULT();
}
