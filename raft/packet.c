#include "raft/packet.h"

#include <assert.h>
#include <string.h>

#include "raft/le.h"

enum {
    MAGIC = 0x31465243, /* "CRF1" */
    FLAG_OK = 1,
    FLAG_TRANSFER = 2,
    RUN_FRONT = 8,
    NUMBERS_MAX = 5,
};

bool raft_packet_is_urgent(enum raft_message_kind kind)
{
    return kind != RAFT_MESSAGE_APPEND && kind != RAFT_MESSAGE_APPEND_ANSWER && kind != RAFT_MESSAGE_SNAPSHOT &&
           kind != RAFT_MESSAGE_SNAPSHOT_ANSWER;
}

static uint32_t numbers_of(uint8_t kind)
{
    switch (kind) {
#define X(name, number, numbers)                                                                   \
    case number:                                                                                   \
        return numbers;
        RAFT_MESSAGE_MAP(X)
#undef X
    }
    return UINT32_MAX;
}

static bool has_run(enum raft_message_kind kind)
{
    return kind == RAFT_MESSAGE_APPEND || kind == RAFT_MESSAGE_SNAPSHOT;
}

/* The numbers of a kind, in their order on the wire. */
static void fields_of(struct raft_message *m, uint64_t *field[NUMBERS_MAX])
{
    const struct {
        enum raft_message_kind kind;
        uint64_t *field[NUMBERS_MAX];
    } row[] = {
        {RAFT_MESSAGE_PREVOTE_ASK, {&m->index, &m->index_term, &m->round}},
        {RAFT_MESSAGE_PREVOTE_ANSWER, {&m->round}},
        {RAFT_MESSAGE_VOTE_ASK, {&m->index, &m->index_term}},
        {RAFT_MESSAGE_VOTE_ANSWER, {NULL}},
        {RAFT_MESSAGE_APPEND, {&m->index, &m->index_term, &m->commit, &m->run.term}},
        {RAFT_MESSAGE_APPEND_ANSWER, {&m->match, &m->received, &m->index, &m->index_term, &m->round}},
        {RAFT_MESSAGE_HEARTBEAT, {&m->commit, &m->round, &m->sent_us}},
        {RAFT_MESSAGE_HEARTBEAT_ANSWER, {&m->match, &m->received, &m->round, &m->sent_us}},
        {RAFT_MESSAGE_READ_ASK, {&m->round}},
        {RAFT_MESSAGE_READ_ANSWER, {&m->index, &m->round}},
        {RAFT_MESSAGE_TRANSFER, {NULL}},
        {RAFT_MESSAGE_SNAPSHOT, {&m->index, &m->index_term, &m->round, &m->commit}},
        {RAFT_MESSAGE_SNAPSHOT_ANSWER, {&m->index, &m->round}},
        {RAFT_MESSAGE_CLOCK, {&m->round}},
        {RAFT_MESSAGE_REMOVED, {&m->index}},
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        if (row[i].kind == m->kind) {
            memcpy(field, row[i].field, sizeof row[i].field);
        }
    }
}

size_t raft_packet_front(const struct raft_message *m, uint64_t cluster, uint8_t to[RAFT_PACKET_FRONT_MAX])
{
    struct raft_message copy = *m;
    uint64_t *field[NUMBERS_MAX] = {NULL};
    uint32_t numbers = numbers_of((uint8_t)m->kind);
    size_t at = RAFT_PACKET_HEAD;

    assert(numbers <= NUMBERS_MAX);
    raft_le_put32(to, MAGIC);
    to[4] = RAFT_PACKET_VERSION;
    to[5] = (uint8_t)m->kind;
    to[6] = (uint8_t)((m->is_ok ? FLAG_OK : 0) | (m->is_transfer ? FLAG_TRANSFER : 0));
    to[7] = 0;
    raft_le_put64(to + 8, cluster);
    raft_le_put64(to + 16, m->from);
    raft_le_put64(to + 24, m->to);
    raft_le_put64(to + 32, m->term);
    fields_of(&copy, field);
    for (uint32_t i = 0; i < numbers; i++, at += 8) {
        raft_le_put64(to + at, *field[i]);
    }
    if (has_run(m->kind)) {
        raft_le_put32(to + at, m->run.count);
        raft_le_put32(to + at + 4, m->run.size);
        at += RUN_FRONT;
    }
    return at;
}

bool raft_packet_entry(const struct raft_run *run, uint32_t *at, struct raft_entry *ret)
{
    if (run->size - *at < RAFT_ENTRY_HEAD) {
        return false;
    }
    const uint8_t *head = run->bytes + *at;
    uint32_t size = raft_le_get32(head);
    if (size > run->size - *at - RAFT_ENTRY_HEAD) {
        return false;
    }
    *ret = (struct raft_entry){.size = size, .kind = head[4], .bytes = head + RAFT_ENTRY_HEAD};
    *at += RAFT_ENTRY_HEAD + size;
    return true;
}

bool raft_packet_run_ok(const struct raft_run *run)
{
    struct raft_entry e;
    uint32_t at = 0, count = 0;

    if (run->size > RAFT_RUN_MAX || run->count > run->size / RAFT_ENTRY_HEAD) {
        return false;
    }
    while (count < run->count && raft_packet_entry(run, &at, &e)) {
        if (e.kind < RAFT_ENTRY_NOOP || e.kind > RAFT_ENTRY_COMMAND || e.size > RAFT_ENTRY_MAX ||
            (e.kind == RAFT_ENTRY_NOOP && e.size != 0)) {
            return false;
        }
        count++;
    }
    return count == run->count && at == run->size;
}

/* What a value can be whoever sends it; the rest is the core's to judge. */
static bool is_sane(const struct raft_message *m)
{
    const struct raft_run *run = &m->run;

    if (m->from == 0 || m->from == m->to || m->index > UINT64_MAX / 2 || m->term > UINT64_MAX / 2) {
        return false;
    }
    if (m->kind == RAFT_MESSAGE_APPEND) {
        /* An entry is of no later term than its sender (3.6), and none is of an earlier one than what is before
         * it; a term is 0 only before the first entry. */
        return raft_packet_run_ok(run) && m->term > 0 && (m->index == 0) == (m->index_term == 0) &&
               (run->count == 0 ? run->term == 0 : run->term >= m->index_term && run->term <= m->term && run->term > 0) &&
               m->index_term <= m->term;
    }
    if (m->kind == RAFT_MESSAGE_SNAPSHOT) {
        return run->count == 0 && run->size <= m->commit && m->round <= m->commit - run->size && m->index > 0 &&
               m->index_term > 0 && m->index_term <= m->term;
    }
    return m->kind != RAFT_MESSAGE_CLOCK || m->round <= UINT64_MAX / 2000; /* ms: microseconds are counted, too */
}

enum err raft_packet_read(const uint8_t *bytes, size_t size, uint64_t cluster, uint64_t self,
                          struct raft_message *ret)
{
    struct raft_message m = {0};
    uint64_t *field[NUMBERS_MAX] = {NULL};
    size_t at = RAFT_PACKET_HEAD;

    if (size > RAFT_PACKET_MAX) {
        return ERR_LIMIT;
    }
    if (size < RAFT_PACKET_HEAD || raft_le_get32(bytes) != MAGIC) {
        return ERR_MALFORMED;
    }
    if (bytes[4] != RAFT_PACKET_VERSION) {
        return ERR_INCOMPATIBLE;
    }
    if (raft_le_get64(bytes + 8) != cluster) {
        return ERR_DENIED;
    }
    m = (struct raft_message){.kind = bytes[5], .from = raft_le_get64(bytes + 16), .to = raft_le_get64(bytes + 24),
                              .term = raft_le_get64(bytes + 32), .is_ok = (bytes[6] & FLAG_OK) != 0,
                              .is_transfer = (bytes[6] & FLAG_TRANSFER) != 0};
    if (m.to != self) {
        return ERR_NOT_FOUND;
    }
    uint32_t numbers = numbers_of(bytes[5]);
    if (numbers > NUMBERS_MAX || (bytes[6] & ~(FLAG_OK | FLAG_TRANSFER)) != 0 || bytes[7] != 0 ||
        size - at < (size_t)numbers * 8 + (has_run(m.kind) ? RUN_FRONT : 0)) {
        return ERR_MALFORMED;
    }
    fields_of(&m, field);
    for (uint32_t i = 0; i < numbers; i++, at += 8) {
        *field[i] = raft_le_get64(bytes + at);
    }
    if (has_run(m.kind)) {
        m.run.count = raft_le_get32(bytes + at);
        m.run.size = raft_le_get32(bytes + at + 4);
        at += RUN_FRONT;
        m.run.first = m.index + 1;
        m.run.bytes = bytes + at;
    }
    if (size - at != m.run.size || !is_sane(&m)) {
        return ERR_MALFORMED;
    }
    *ret = m;
    return ERR_OK;
}
