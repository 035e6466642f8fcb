/* Members who say that they are where somebody else is, who never asked for anything: the world of ways_kit.h. */
#include "tests/unit/datapath/ways_kit.h"

#include <string.h>

#include "tests/support/check.h"

enum { CLAIMS = DATAPATH_SIGNAL_PLACES - 1 };

static struct datapath_endpoint victim(int i)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 203, [15] = 7}, .port = (uint16_t)(9 + i)};
}

/* Pings of B to any of the places that are the victim's, which are under way; *ret is one of them. */
static uint32_t at_the_victim(struct datapath_signal *ret)
{
    struct datapath_signal_keys keys;
    uint32_t pings = 0;

    datapath_guide_keys(w.node[B].core, number(B, A), true, &keys);
    for (int i = 0; i < FLYING; i++) {
        const struct datagram *f = &w.flying[i];
        struct datapath_signal_window window = {.life = 0};
        if (f->is_there && f->to.ip[12] == 203) {
            struct datagram d = *f; /* opened in place */
            pings += datapath_signal_open(&keys, &window, d.bytes, d.size, ret) && ret->kind == DATAPATH_SIGNAL_PING;
        }
    }
    return pings;
}

/* A answers a ping of B's, as if it had come to him. */
static enum datapath_ways_verdict answer(const struct datapath_signal *ping, uint64_t word)
{
    static const uint8_t seed[DATAPATH_RANDOM_SEED] = {5};
    static uint64_t counter = 2000000;
    struct datapath_endpoint from = place(A);
    struct datapath_signal pong = {.kind = DATAPATH_SIGNAL_PONG, .use = ping->use, .number = ping->number, .sent_ms = ping->sent_ms,
                                   .epoch = word, .seen = from};
    struct datapath_random random;
    struct datapath_signal_keys keys;
    uint8_t bytes[DATAPATH_SIGNAL_MOST];
    size_t size;

    datapath_random_init(&random, seed);
    datapath_guide_keys(w.node[A].core, number(A, B), true, &keys);
    CHECK(datapath_signal_seal(&keys, w.node[A].life, counter++, &random, &pong, 0, bytes, &size), "it fits");
    return datapath_ways_receive(&w.node[B].ways, w.now, &from, bytes, size, &fx);
}

static void a_claims(uint32_t places)
{
    for (uint32_t i = 0; i < places; i++) {
        w.node[A].ways.config.place[i] = victim((int)i);
    }
    w.node[A].ways.config.own = places;
    run(24000); /* two heartbeats: B has heard of it */
}

/* Numbers of pings, clocks and lives can be guessed, and a word of another ping be known: that is no answer. */
static void who_did_not_get_a_ping_cannot_answer_it(void)
{
    struct datapath_signal ping, earlier = {.number = 0};
    uint32_t tried = 0, taken = 0;

    begin();
    w.is_cut = true; /* where A really is nobody answers */
    a_claims(1);
    for (int ms = 0; ms < 20000 && taken == 0; ms += DELAY_MS) {
        if (ms % 100 == 0 && datapath_ways_used(&w.node[B].ways, w.now, number(B, A), 1400, &fx)) {
            perform(B);
        }
        if (at_the_victim(&ping) > 0) {
            const uint64_t words[] = {0, w.node[B].life, w.node[A].life, earlier.epoch, ping.epoch + 1};
            for (size_t i = 0; i < sizeof words / sizeof words[0]; i++, tried++) {
                taken += answer(&ping, words[i]) == DATAPATH_WAYS_HEARD;
                perform(B);
            }
            earlier = ping;
        }
        run(DELAY_MS);
    }
    CHECK(goes_to(B, A)->ip[12] != 203, "packets for A go to who is none of the overlay");
    CHECK(tried >= 15 && taken == 0, "%u of %u answers were taken", taken, tried);
    end();
}

/* One word of A's to the rendezvous, and one CALL: what whoever has the addresses that he said gets of it. */
static void who_is_claimed_to_be_elsewhere_is_asked_little(void)
{
    struct datapath_signal call = {.kind = DATAPATH_SIGNAL_CALL, .epoch = 0}, ping;
    struct datapath_endpoint here = place(A);
    uint32_t pings = 0;

    begin();
    a_claims(CLAIMS);
    w.is_cut = true;
    call.epoch = w.node[R].ways.roll.epoch;
    memcpy(call.key, w.node[B].public, sizeof call.key);
    CHECK(say(A, &call, &here) == DATAPATH_WAYS_HEARD, "the rendezvous tells B");
    perform(R);
    for (int ms = 0; ms < 2 * DATAPATH_WAYS_IDLE_MS; ms += DELAY_MS) { /* each datagram is under way for so long */
        run(DELAY_MS);
        pings += at_the_victim(&ping);
        CHECK(ms != 4000 || (pings >= CLAIMS && pings <= CLAIMS * DATAPATH_PATH_CLAIMS), "at once: %u pings", pings);
    }
    CHECK(pings <= CLAIMS * (DATAPATH_PATH_CLAIMS + 4), "until it is forgotten: %u pings", pings);
    end();
}

int main(void)
{
    who_did_not_get_a_ping_cannot_answer_it();
    who_is_claimed_to_be_elsewhere_is_asked_little();
    return CHECK_RESULT();
}
