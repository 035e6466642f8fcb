/* Claims about probes (SWIM, section 3.1) and about this node's own health (Lifeguard, IV-A). */
#include "nodosum/health.h"
#include "nodosum/probe.h"
#include "tests/unit/nodosum/kit.h"

enum { OTHERS = 8, MS = 1000 };

/* Wait for the next probe; whom it is of. */
static uint32_t next_probe(struct kit *k, struct nodosum_message *ret_ping)
{
    for (int i = 0; i < 1000; i++) {
        kit_due(k);
        for (uint32_t who = 0; who < OTHERS; who++) {
            if (kit_sent(k, NODOSUM_PACKET_PING, who, ret_ping) > 0 && ret_ping->attempt == 0) {
                return who;
            }
        }
    }
    REQUIRE(false, "there is a probe within a thousand steps");
    return 0;
}

/* Step until it asks helpers. */
static void wait_for_helpers(struct kit *k)
{
    for (int i = 0; i < 1000; i++) {
        kit_due(k);
        if (kit_sent(k, NODOSUM_PACKET_PING_REQ, UINT32_MAX, NULL) > 0) {
            return;
        }
    }
    REQUIRE(false, "helpers are asked within a thousand steps");
}

/* Step until this member is a suspect. */
static void wait_for_suspicion(struct kit *k, uint32_t who)
{
    for (int i = 0; i < 1000 && kit_member(k, who)->state == NODOSUM_ALIVE; i++) {
        kit_due(k);
    }
    REQUIRE(kit_member(k, who)->state == NODOSUM_SUSPECT, "it is suspected within a thousand steps");
}

static enum err ack(struct kit *k, uint32_t from, uint32_t seq, uint8_t attempt)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_ACK, .seq = seq, .attempt = attempt};

    return kit_hear(k, from, &m);
}

static const struct nodosum_slot *slot_of(const struct kit *k, uint32_t seq)
{
    return &k->n->slot[seq % NODOSUM_SLOTS];
}

/* A ping, after its timeout a second one and three helpers, after three timeouts a suspicion. */
static void a_probe_takes_its_course(void)
{
    struct nodosum_message ping, m;
    struct kit k;
    uint32_t asked = 0;

    kit_open(&k, OTHERS + 1, OTHERS);
    uint32_t who = next_probe(&k, &ping);
    uint64_t began_us = k.now_us;
    wait_for_helpers(&k);
    CHECK(k.now_us - began_us == NODOSUM_TIMEOUT_FIRST_MS * MS, "after the first timeout");
    asked = kit_sent(&k, NODOSUM_PACKET_PING_REQ, UINT32_MAX, &m);
    CHECK(asked == NODOSUM_HELPERS && kit_sent(&k, NODOSUM_PACKET_PING_REQ, who, NULL) == 0, "%u helpers", asked);
    CHECK(kit_sent(&k, NODOSUM_PACKET_PING, who, &m) == 1 && m.attempt == 1 && m.seq == ping.seq, "again itself");
    CHECK(kit_member(&k, who)->state == NODOSUM_ALIVE, "not suspected yet");
    wait_for_suspicion(&k, who);
    CHECK(k.now_us - began_us == NODOSUM_END_TIMES * NODOSUM_TIMEOUT_FIRST_MS * MS, "after three timeouts");
    CHECK(kit_member(&k, who)->accusers == 1, "by itself");
    CHECK(nodosum_core_health(k.n) == 1, "no helper said that it had no answer either");
    kit_close(&k);
}

static void whose_answer_counts(void)
{
    static const struct {
        bool by_target, by_helper;
        uint32_t seq_off;
        uint8_t attempt;
        bool counts;
        const char *why;
    } rows[] = {
        {true, false, 0, 0, true, "the target's"},
        {true, false, 0, 1, true, "… to the second ping, which crossed the first's"},
        {true, false, 1, 0, false, "another number"},
        {false, false, 0, 0, false, "a stranger to the probe"},
        {false, true, 0, NODOSUM_RELAYED, true, "passed on by a helper"},
        {false, true, 0, 0, false, "a helper that claims to be the target"},
        {false, false, 0, NODOSUM_RELAYED, false, "passed on by somebody else"},
        {true, false, 0, NODOSUM_RELAYED, false, "passed on by the target, which is no helper"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_message ping;
        struct kit k;
        kit_open(&k, OTHERS + 1, OTHERS);
        uint32_t who = next_probe(&k, &ping), helper = 0, other;
        wait_for_helpers(&k);
        while (kit_sent(&k, NODOSUM_PACKET_PING_REQ, helper, NULL) == 0) {
            helper++;
        }
        for (other = 0; other == who || kit_sent(&k, NODOSUM_PACKET_PING_REQ, other, NULL) > 0; other++) {
        }
        uint32_t from = rows[i].by_target ? who : rows[i].by_helper ? helper : other;
        CHECK(ack(&k, from, ping.seq + rows[i].seq_off, rows[i].attempt) == ERR_OK, "a good packet");
        CHECK((slot_of(&k, ping.seq)->kind == NODOSUM_SLOT_ENDED) == rows[i].counts, "%s", rows[i].why);
        kit_close(&k);
    }
}

static void round_trips_are_measured(void)
{
    struct nodosum_message ping;
    struct nodosum_member m = {0};
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    uint32_t who = next_probe(&k, &ping);
    k.now_us += 30 * MS;
    CHECK(ack(&k, who, ping.seq, 0) == ERR_OK && k.fx.rtts == 1 && k.fx.rtt[0].rtt_us == 30 * MS, "once");
    CHECK(ack(&k, who, ping.seq, 0) == ERR_OK && k.fx.rtts == 0, "not twice");
    CHECK(kit_member(&k, who)->srtt_us == 30 * MS && kit_member(&k, who)->rttvar_us == 15 * MS, "RFC 6298 (2.2)");
    CHECK(nodosum_probe_timeout_us(kit_member(&k, who)) == 90 * MS, "srtt + 4 rttvar");
    CHECK(nodosum_probe_timeout_us(&m) == NODOSUM_TIMEOUT_FIRST_MS * MS, "unknown");
    m.srtt_us = 1;
    CHECK(nodosum_probe_timeout_us(&m) == NODOSUM_TIMEOUT_LEAST_MS * MS, "never shorter");
    m.srtt_us = 3000 * MS;
    CHECK(nodosum_probe_timeout_us(&m) == NODOSUM_TIMEOUT_MOST_MS * MS, "never longer");
    kit_close(&k);
}

static void a_late_answer_is_measured_and_counted(void)
{
    struct nodosum_message ping;
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    uint32_t who = next_probe(&k, &ping);
    kit_wait(&k, 400 * MS);
    CHECK(kit_member(&k, who)->state == NODOSUM_SUSPECT, "it was too late");
    CHECK(ack(&k, who, ping.seq, 0) == ERR_OK && k.n->counters.acks_late == 1, "counted");
    CHECK(kit_member(&k, who)->srtt_us == 400 * MS, "and the next timeout is longer");
    kit_close(&k);
}

static void helpers_ping_and_say_when_in_vain(void)
{
    struct nodosum_message ask = {.kind = NODOSUM_PACKET_PING_REQ, .seq = 77, .id = kit_id(2)}, m;
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    CHECK(kit_hear(&k, 1, &ask) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_PING, 2, &m) == 1, "it pings");
    CHECK(ack(&k, 2, m.seq, 0) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_ACK, 1, &m) == 1, "it passes on");
    CHECK(m.seq == 77 && m.attempt == NODOSUM_RELAYED, "the asker's number");
    CHECK(kit_hear(&k, 1, &ask) == ERR_OK, "asked again");
    uint32_t nacks = 0;
    for (uint64_t until_us = k.now_us + 300 * MS; k.fx.due_us <= until_us;) {
        kit_due(&k);
        nacks += kit_sent(&k, NODOSUM_PACKET_NACK, 1, &m);
    }
    CHECK(nacks == 1 && m.seq == 77, "one word of no answer: %u", nacks);
    CHECK(kit_member(&k, 2)->state == NODOSUM_ALIVE, "a helper suspects nobody");
    ask.id = kit_id(55);
    CHECK(kit_hear(&k, 1, &ask) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_NACK, 1, &m) == 1, "unknown: no answer");
    for (uint32_t i = 0; i < NODOSUM_RELAYS_MAX + 1; i++) {
        ask.id = kit_id(3);
        ask.seq = i;
        CHECK(kit_hear(&k, 1, &ask) == ERR_OK, "flooded");
        CHECK((kit_sent(&k, NODOSUM_PACKET_PING, 3, NULL) == 1) == (i < NODOSUM_RELAYS_MAX), "request %u", i);
    }
    CHECK(next_probe(&k, &m) < OTHERS, "and its own probes go on");
    kit_close(&k);
}

static void helpers_words_save_the_health(void)
{
    struct nodosum_message ping, nack = {.kind = NODOSUM_PACKET_NACK};

    for (uint32_t words = 0; words <= NODOSUM_HELPERS; words++) {
        struct kit k;
        uint32_t said = 0;
        kit_open(&k, OTHERS + 1, OTHERS);
        uint32_t who = next_probe(&k, &ping);
        wait_for_helpers(&k);
        struct nodosum_slot slot = *slot_of(&k, ping.seq);
        nack.seq = ping.seq;
        for (uint32_t from = 0; from < OTHERS && said < words; from++) {
            for (uint32_t i = 0; i < NODOSUM_HELPERS; i++) {
                if (kit_index(&k, from) == slot.helper[i]) {
                    CHECK(kit_hear(&k, from, &nack) == ERR_OK && kit_hear(&k, from, &nack) == ERR_OK, "twice");
                    said++;
                }
            }
        }
        wait_for_suspicion(&k, who);
        CHECK(nodosum_core_health(k.n) == (words < NODOSUM_HELPERS), "%u of 3 said so", words);
        kit_close(&k);
    }
}

static void health_has_bounds_and_scales(void)
{
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    nodosum_health_better(k.n);
    CHECK(nodosum_core_health(k.n) == 0 && nodosum_health_scaled(k.n, 100) == 100, "well");
    for (int i = 0; i < NODOSUM_HEALTH_MAX + 1; i++) {
        nodosum_health_worse(k.n);
    }
    CHECK(nodosum_core_health(k.n) == NODOSUM_HEALTH_MAX, "no worse than S = 8");
    CHECK(nodosum_health_scaled(k.n, 100) == 900, "times 1 + S");
    kit_close(&k);
}

/* A process that did not run for two seconds holds nobody dead, and says so of itself. */
static void who_wakes_late_accuses_nobody(void)
{
    struct nodosum_message ping;
    struct kit k;

    for (int is_plain = 0; is_plain < 2; is_plain++) {
        kit_open(&k, OTHERS + 1, OTHERS);
        k.n->tuning.is_plain = is_plain != 0;
        uint32_t who = next_probe(&k, &ping);
        kit_suspect(&k, 5, (who + 1) % OTHERS, 1, 1);
        k.now_us += 10000 * MS;
        nodosum_core_clock(k.n, k.now_us, &k.fx);
        CHECK((kit_member(&k, who)->state == NODOSUM_ALIVE) == !is_plain, "the probe gets its time");
        CHECK((kit_member(&k, (who + 1) % OTHERS)->state == NODOSUM_SUSPECT) == !is_plain,
              "the suspect gets its time");
        CHECK(nodosum_core_health(k.n) == !is_plain && k.n->counters.lateness == !is_plain, "noted");
        kit_close(&k);
    }
}

static void a_stranger_is_answered_and_introduced(void)
{
    struct nodosum_message ping = {.kind = NODOSUM_PACKET_PING, .seq = 5}, m;
    struct nodosum_message suspicion = {.kind = NODOSUM_PACKET_DEAD, .id = kit_id(1), .incarnation = 1};
    struct kit k;

    kit_open(&k, OTHERS + 1, OTHERS);
    CHECK(kit_hear(&k, 50, &ping) == ERR_OK && kit_sent(&k, NODOSUM_PACKET_ACK, 50, &m) == 1, "answered");
    CHECK(m.flags == NODOSUM_ACK_STRANGER && k.fx.send[0].packet.size <= 7, "no longer than the ping");
    CHECK(kit_hear(&k, 50, &suspicion) == ERR_OK && kit_member(&k, 1)->state == NODOSUM_ALIVE, "not believed");
    CHECK(k.n->counters.strangers == 1, "counted");
    uint32_t who = next_probe(&k, &ping);
    struct nodosum_message ack_stranger = {.kind = NODOSUM_PACKET_ACK, .seq = ping.seq, .flags = 1};
    CHECK(kit_hear(&k, who, &ack_stranger) == ERR_OK, "it does not know us");
    CHECK(kit_sent(&k, NODOSUM_PACKET_ALIVE, who, &m) == 1 && m.about.address.port == 7402, "so it is told");
    kit_close(&k);
}

int main(void)
{
    a_probe_takes_its_course();
    whose_answer_counts();
    round_trips_are_measured();
    a_late_answer_is_measured_and_counted();
    helpers_ping_and_say_when_in_vain();
    helpers_words_save_the_health();
    health_has_bounds_and_scales();
    who_wakes_late_accuses_nobody();
    a_stranger_is_answered_and_introduced();
    return CHECK_RESULT();
}
