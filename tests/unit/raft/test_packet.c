/* Claims about packets: what is written is read, anything else is refused, each for its own reason. */
#include <string.h>

#include "raft/le.h"
#include "raft/packet.h"
#include "tests/support/check.h"

enum { CLUSTER = 7, SELF = 3, FROM = 2, FLAGS = 6, KIND = 5, ZERO = 7 };

static uint8_t packet[RAFT_PACKET_MAX + 1];

static size_t write(const struct raft_message *m)
{
    size_t at = raft_packet_front(m, CLUSTER, packet);

    if (m->run.size > 0) {
        memcpy(packet + at, m->run.bytes, m->run.size);
    }
    return at + m->run.size;
}

static const uint8_t two[] = {0, 0, 0, 0, RAFT_ENTRY_NOOP, 3, 0, 0, 0, RAFT_ENTRY_COMMAND, 'a', 'b', 'c'};

static struct raft_message append(void)
{
    return (struct raft_message){.kind = RAFT_MESSAGE_APPEND, .from = FROM, .to = SELF, .term = 9, .index = 40, .index_term = 8,
                                 .commit = 39, .run = {.first = 41, .term = 9, .count = 2, .size = sizeof two, .bytes = two}};
}

/* Every kind, every field that it has. */
static void all_kinds_come_back(void)
{
    for (int kind = RAFT_MESSAGE_PREVOTE_ASK; kind <= RAFT_MESSAGE_SNAPSHOT_ANSWER; kind++) {
        struct raft_message m = {.kind = kind, .from = FROM, .to = SELF, .term = 9, .is_ok = true, .is_transfer = true,
                                 .index = 5, .index_term = 4, .commit = 100, .match = 11, .received = 12, .round = 13,
                                 .sent_us = 14};
        struct raft_message back;
        if (kind == RAFT_MESSAGE_APPEND || kind == RAFT_MESSAGE_SNAPSHOT) {
            m.run = append().run;
            m.run.first = 6;
            m.run.count = kind == RAFT_MESSAGE_SNAPSHOT ? 0 : 2;
            m.run.term = kind == RAFT_MESSAGE_SNAPSHOT ? 0 : 9;
        }
        size_t size = write(&m);
        REQUIRE(raft_packet_read(packet, size, CLUSTER, SELF, &back) == ERR_OK, "kind %d", kind);
        CHECK(back.kind == m.kind && back.from == FROM && back.to == SELF && back.term == 9, "kind %d: its head", kind);
        CHECK(back.is_ok && back.is_transfer && back.run.count == m.run.count && back.run.size == m.run.size, "kind %d", kind);
        CHECK(raft_packet_front(&back, CLUSTER, packet) + back.run.size == size, "kind %d: as long again", kind);
        for (size_t cut = 0; cut < size; cut++) {
            CHECK(raft_packet_read(packet, cut, CLUSTER, SELF, &back) == ERR_MALFORMED, "kind %d cut at %zu", kind, cut);
        }
        CHECK(raft_packet_read(packet, size + 1, CLUSTER, SELF, &back) == ERR_MALFORMED, "kind %d: a byte too many", kind);
    }
}

static void each_fault_has_its_word(void)
{
    struct raft_message m = append(), back;
    size_t size = write(&m);

    CHECK(raft_packet_read(packet, size, CLUSTER + 1, SELF, &back) == ERR_DENIED, "another cluster");
    CHECK(raft_packet_read(packet, size, CLUSTER, SELF + 1, &back) == ERR_NOT_FOUND, "for one that is no more");
    CHECK(raft_packet_read(packet, RAFT_PACKET_MAX + 1, CLUSTER, SELF, &back) == ERR_LIMIT, "too long");
    static const struct {
        size_t at;
        uint8_t value;
        enum err e;
        const char *why;
    } row[] = {
        {0, 'X', ERR_MALFORMED, "not of this kind at all"}, {4, 2, ERR_INCOMPATIBLE, "another version"},
        {KIND, 0, ERR_MALFORMED, "no kind"},                {KIND, 14, ERR_MALFORMED, "an unknown kind"},
        {FLAGS, 4, ERR_MALFORMED, "an unknown flag"},       {ZERO, 1, ERR_MALFORMED, "not zero"},
        {16, SELF, ERR_MALFORMED, "of itself"},             {16, 0, ERR_MALFORMED, "of nobody"},
        {32, 0, ERR_MALFORMED, "in no term"},               {32, 8, ERR_MALFORMED, "entries of a later term than its own"},
        {RAFT_PACKET_HEAD + 8, 0, ERR_MALFORMED, "what is before has no term"},
        {RAFT_PACKET_HEAD + 24, 7, ERR_MALFORMED, "entries of an earlier term than what is before"},
        {RAFT_PACKET_HEAD + 32, 3, ERR_MALFORMED, "an entry too many"},
        {RAFT_PACKET_HEAD + 36, 12, ERR_MALFORMED, "a byte too few"},
        {RAFT_PACKET_HEAD + 40 + 4, 4, ERR_MALFORMED, "an unknown kind of entry"},
        {RAFT_PACKET_HEAD + 40 + 5, 4, ERR_MALFORMED, "an entry that is longer than there is"},
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        size = write(&m);
        packet[row[i].at] = row[i].value;
        CHECK(raft_packet_read(packet, size, CLUSTER, SELF, &back) == row[i].e, "%s", row[i].why);
    }
}

/* The largest entry goes into the largest packet. */
static void largest(void)
{
    static uint8_t entry[RAFT_RUN_MAX + 1];
    struct raft_message m = append(), back;

    raft_le_put32(entry, RAFT_ENTRY_MAX);
    entry[4] = RAFT_ENTRY_COMMAND;
    m.run = (struct raft_run){.first = 41, .term = 9, .count = 1, .size = RAFT_RUN_MAX, .bytes = entry};
    size_t size = write(&m);
    CHECK(size == RAFT_PACKET_MAX - 8, "as long as a packet may be, but for a number that it does not have");
    CHECK(raft_packet_read(packet, size, CLUSTER, SELF, &back) == ERR_OK && back.run.size == RAFT_RUN_MAX, "it is read");
    raft_le_put32(entry, RAFT_ENTRY_MAX + 1);
    m.run.size++;
    CHECK(!raft_packet_run_ok(&m.run), "one byte more");
}

int main(void)
{
    all_kinds_come_back();
    each_fault_has_its_word();
    largest();
    return CHECK_RESULT();
}
