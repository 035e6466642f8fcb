/* What a leader sends to a member that is slow to get it, or loses it, or whose answers overtake each other: entries go to it
 * again when they are lost, and not when they are late. Heartbeats and their answers pass by the entries. */
#include <string.h>

#include "tests/unit/raft/kit.h"

enum {
    ENTRIES = 8,
    ENTRY_SIZE = 400 << 10,
    MS = 1000,
    SECOND = 1000 * MS,
    SLOW_US = 400 * MS,   /* of an entry, to member 2 */
    FAST_US = 1 * MS,
    QUEUE = 4096,
};

static struct kit k;

/* The way from member 1 to member 2: in order, each entry takes its time. */
static struct {
    struct raft_message m;
    uint64_t due_us;
} queue[QUEUE];
static uint32_t queue_first, queue_end;
static uint64_t free_us, entry_us;
static uint64_t copies[64], sent_us[64], again_soon, lose; /* by index: how often it was sent, when last; lose: this one, once */

static void make_way(uint64_t us)
{
    memset(copies, 0, sizeof copies);
    memset(sent_us, 0, sizeof sent_us);
    queue_first = queue_end = 0;
    free_us = again_soon = lose = 0;
    entry_us = us;
}

static void send_slowly(const struct raft_message *m)
{
    for (uint32_t i = 0; i < m->run.count; i++) {
        uint64_t at = m->run.first + i;

        REQUIRE(at < 64, "a short log");
        again_soon += copies[at] > 0 && k.now_us - sent_us[at] < SECOND / 2;
        copies[at]++;
        sent_us[at] = k.now_us;
    }
    if (lose != 0 && m->run.count > 0 && m->run.first == lose) {
        lose = 0;
        return;
    }
    free_us = (free_us > k.now_us ? free_us : k.now_us) + 100 + m->run.count * entry_us;
    REQUIRE(queue_end - queue_first < QUEUE, "room on the way");
    queue[queue_end % QUEUE].m = *m;
    queue[queue_end++ % QUEUE].due_us = free_us;
}

/* Entries of nothing, as many as there are. */
static void hear(uint64_t id, struct raft_message m)
{
    uint8_t bytes[13 * ENTRIES] = {0};

    for (uint32_t i = 0; i < m.run.count; i++) {
        bytes[(size_t)13 * i] = 8;
        bytes[(size_t)13 * i + 4] = RAFT_ENTRY_COMMAND;
    }
    m.run.bytes = bytes;
    m.run.size = 13 * m.run.count;
    (void)kit_hear(&k, id, &m);
}

static void deliver(void)
{
    while (k.first < k.end) {
        struct raft_message m = k.wire[k.first++ % KIT_WIRE];

        if (m.to == 2 && !raft_packet_is_urgent(m.kind)) {
            send_slowly(&m);
        } else if (k.member[m.to].core != NULL) {
            hear(m.to, m);
        }
    }
    while (queue_first < queue_end && queue[queue_first % QUEUE].due_us <= k.now_us) {
        hear(2, queue[queue_first++ % QUEUE].m);
    }
}

static void run(uint64_t us)
{
    for (uint64_t until = k.now_us + us; k.now_us < until;) {
        for (uint64_t id = 1; id <= 3; id++) {
            if (k.member[id].core != NULL) {
                (void)kit_step(&k, id, &(struct raft_event){.kind = RAFT_EV_CLOCK});
            }
        }
        deliver();
        k.now_us += MS;
    }
}

static void begin(uint64_t us)
{
    make_way(us);
    for (uint64_t id = 1; id <= 3; id++) {
        kit_make(&k, id, 3, NULL, 0, 0);
    }
    kit_lead(&k, 1);
    run(200 * MS);
    REQUIRE(kit_view(&k, 2).last == 1 && kit_view(&k, 2).leader == 1, "member 2 has what there is");
}

static void propose(void)
{
    CHECK(kit_step(&k, 1, &(struct raft_event){.kind = RAFT_EV_PROPOSE, .count = 1, .size = ENTRY_SIZE}) == ERR_OK, "an entry");
    deliver();
}

static uint64_t most_copies(void)
{
    uint64_t most = 0;

    for (int i = 2; i < 64; i++) {
        most = copies[i] > most ? copies[i] : most;
    }
    return most;
}

/* Eight entries take three seconds. */
static void what_is_late_is_not_sent_again(void)
{
    begin(SLOW_US);
    for (int i = 0; i < ENTRIES; i++) {
        propose();
    }
    run(ENTRIES * SLOW_US + 300 * MS);
    CHECK(kit_view(&k, 1).commit == ENTRIES + 1 && kit_view(&k, 2).last == ENTRIES + 1, "it has all: %lu",
          (unsigned long)kit_view(&k, 2).last);
    CHECK(most_copies() <= 2 && again_soon == 0, "sent %lu times, %lu of them soon after", (unsigned long)most_copies(),
          (unsigned long)again_soon);
    CHECK(kit_view(&k, 1).role == RAFT_LEADER && kit_view(&k, 2).leader == 1, "and nobody else was asked");
    kit_free(&k);
}

/* Where the logs agree is not known yet, and the first entries for it take longer than a heartbeat. */
static void what_is_late_after_a_gap_is_not_sent_again(void)
{
    struct raft_event link = {.kind = RAFT_EV_LINK, .peer = 2};

    begin(SLOW_US);
    CHECK(kit_step(&k, 1, &link) == ERR_OK, "it is cut off");
    for (int i = 0; i < ENTRIES; i++) {
        propose();
    }
    link.is_up = true;
    make_way(SLOW_US);
    CHECK(kit_step(&k, 1, &link) == ERR_OK, "and back");
    run(ENTRIES * SLOW_US + 800 * MS);
    CHECK(kit_view(&k, 2).last == ENTRIES + 1, "it has all: %lu", (unsigned long)kit_view(&k, 2).last);
    CHECK(most_copies() <= 2 && again_soon == 0, "sent %lu times, %lu of them soon after", (unsigned long)most_copies(),
          (unsigned long)again_soon);
    kit_free(&k);
}

/* The last of them, of which no refusal of a later one tells, and one in between. */
static void what_is_lost_is_sent_again(void)
{
    static const uint64_t which[] = {ENTRIES + 1, 4, 2};

    for (size_t i = 0; i < ARRAY_LEN(which); i++) {
        begin(FAST_US);
        lose = which[i];
        for (int n = 0; n < ENTRIES; n++) {
            propose();
        }
        run(KIT_ELECTION / 2 + 3 * 30 * MS);
        CHECK(kit_view(&k, 2).last == ENTRIES + 1, "%lu was lost: it has all: %lu", (unsigned long)which[i],
              (unsigned long)kit_view(&k, 2).last);
        CHECK(copies[which[i]] == 2, "sent %lu times", (unsigned long)copies[which[i]]);
        kit_free(&k);
    }
}

static bool is_replicating(uint64_t *ret_next)
{
    struct raft_peer_view p = {0};

    for (uint32_t i = 0; raft_core_peer(k.member[1].core, i, &p) && p.id != 2; i++) {
    }
    *ret_next = p.next;
    return p.is_replicating;
}

/* What member 2 says, by hand. */
static struct raft_message beat_answer(uint64_t round, uint64_t at_us, uint64_t has)
{
    return (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT_ANSWER, .from = 2, .to = 1, .term = kit_view(&k, 1).term,
                                 .round = round, .sent_us = at_us, .match = has, .received = has};
}

static void begin_by_hand(uint64_t *ret_round, uint64_t *ret_sent_us)
{
    begin(FAST_US);
    kit_wait(&k, 1, 40 * MS);
    const struct raft_message *beat = kit_sent(&k, 1, RAFT_MESSAGE_HEARTBEAT);
    REQUIRE(beat != NULL, "a heartbeat");
    *ret_round = beat->round;
    *ret_sent_us = beat->sent_us;
    raft_core_fini(k.member[2].core);
    k.member[2].core = NULL;
}

/* By two lanes, what was said about entries comes before what was said earlier about a heartbeat. */
static void an_overtaken_answer_is_no_new_life(void)
{
    uint64_t round, at_us, next, before;

    begin_by_hand(&round, &at_us);
    struct raft_message late = beat_answer(round, at_us, 1);
    for (int i = 0; i < 4; i++) {
        propose();
    }
    struct raft_message has = {.kind = RAFT_MESSAGE_APPEND_ANSWER, .from = 2, .to = 1, .term = late.term, .is_ok = true,
                               .match = 3, .received = 3};
    k.now_us += MS;
    CHECK(kit_hear(&k, 1, &has) == ERR_OK && is_replicating(&before) && before == 6, "more is under way to it");
    k.now_us += MS;
    CHECK(kit_hear(&k, 1, &late) == ERR_OK && is_replicating(&next) && next == before, "what it had before it had that is old news");
    kit_wait(&k, 1, 40 * MS);
    const struct raft_message *beat = kit_sent(&k, 1, RAFT_MESSAGE_HEARTBEAT);
    REQUIRE(beat != NULL && beat->round > round, "another heartbeat");
    late = beat_answer(beat->round, beat->sent_us, 0);
    CHECK(kit_hear(&k, 1, &late) == ERR_OK && !is_replicating(&next), "whoever has less later has lost it");
    kit_free(&k);
}

/* Answers to heartbeats that overtake each other are no progress. */
static void an_overtaken_answer_hides_no_loss(void)
{
    uint64_t round, at_us;
    bool is_asked = false;

    begin_by_hand(&round, &at_us);
    propose();
    propose();
    for (int i = 0; i < 8 && !is_asked; i++) {
        struct raft_message older = beat_answer(round, at_us, 1);

        kit_wait(&k, 1, 40 * MS);
        const struct raft_message *beat = kit_sent(&k, 1, RAFT_MESSAGE_HEARTBEAT);
        REQUIRE(beat != NULL, "a heartbeat");
        struct raft_message newer = beat_answer(beat->round, beat->sent_us, 1);
        newer.received = 2; /* it has the second, and not on disk */
        round = beat->round;
        at_us = beat->sent_us;
        (void)kit_hear(&k, 1, &newer);
        is_asked = kit_sent(&k, 1, RAFT_MESSAGE_APPEND) != NULL;
        (void)kit_hear(&k, 1, &older);
    }
    CHECK(is_asked, "half an election time after the last entry came the member is asked about the other");
    kit_free(&k);
}

int main(void)
{
    what_is_late_is_not_sent_again();
    what_is_late_after_a_gap_is_not_sent_again();
    what_is_lost_is_sent_again();
    an_overtaken_answer_is_no_new_life();
    an_overtaken_answer_hides_no_loss();
    return CHECK_RESULT();
}
