/* The files of a member are those of tests/vectors/raft.txt, which other code made from docs/PROTOCOL.md: read, they say
 * what they should; written, they are the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "raft/ballot.h"
#include "raft/config.h"
#include "raft/snapshot_form.h"
#include "raft/wal.h"
#include "tests/support/check.h"

enum { LINE_MAX_LEN = 8192, SEGMENT = 4096, ZEROS = 1200 };

static const struct raft_frame_owner owner = {UINT64_C(0x1122334455667788), UINT64_C(0x99aabbccddeeff01)};
static const char *vectors;
static uint8_t file[RAFT_BALLOT_FILE], made[RAFT_BALLOT_FILE];

/* The file of that name; how far it goes. */
static size_t load(const char *name)
{
    static char line[LINE_MAX_LEN];
    size_t len = strlen(name), size = 0;
    FILE *from = fopen(vectors, "r");

    REQUIRE(from != NULL, "%s", vectors);
    memset(file, 0, sizeof file);
    memset(made, 0, sizeof made);
    while (fgets(line, sizeof line, from) != NULL) {
        if (strncmp(line, name, len) != 0 || line[len] != ' ') {
            continue;
        }
        char *hex;
        size_t at = strtoul(line + len, &hex, 10);
        line[strcspn(line, "\n")] = 0;
        size_t bytes = strlen(hex + 2) / 2;
        REQUIRE(at + bytes <= sizeof file && bytes_from_hex(hex + 2, file + at, bytes), "%s", name);
        size = at + bytes > size ? at + bytes : size;
    }
    (void)fclose(from);
    REQUIRE(size > 0, "there is a file %s", name);
    return size;
}

static void votes(void)
{
    static uint8_t slot[RAFT_BALLOT_SLOT];
    struct raft_ballot read, b = {0};
    uint32_t at;
    bool heal = true;

    (void)load("ballot");
    CHECK(raft_ballot_read(&owner, file, sizeof file, &read, &heal) == ERR_OK && !heal, "it is read");
    CHECK(read.sequence == 2 && read.vote.term == 7 && read.vote.voted_for == owner.member && read.segment == 3 &&
              read.repair_to == 500, "the second write counts");
    const struct raft_ballot writes[] = {{.vote = {1, 0}, .segment = 1}, {.vote = {7, owner.member}, .segment = 3, .repair_to = 500}};
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        uint64_t sequence = b.sequence;
        b = writes[i];
        b.sequence = sequence;
        raft_ballot_write(&b, &owner, slot, &at);
        memcpy(made + at, slot, sizeof slot);
    }
    CHECK(memcmp(made, file, sizeof file) == 0, "and written again");
}

/* ---- the log ---------------------------------------------------------------------------------------------------- */

static size_t read_segment(void *context, uint64_t segment, uint32_t offset, void *out, size_t size)
{
    (void)context;
    CHECK(segment == 1 && offset <= SEGMENT, "there is one");
    size = offset + size <= SEGMENT ? size : SEGMENT - offset;
    memcpy(out, file + offset, size);
    return size;
}

static uint32_t taken;

static void take(void *context, const struct raft_frame *f, const uint8_t *bytes, uint64_t segment, uint32_t at)
{
    static const uint8_t hello[] = {0, 0, 0, 0, RAFT_ENTRY_NOOP, 5, 0, 0, 0, RAFT_ENTRY_COMMAND, 'h', 'e', 'l', 'l', 'o'};

    (void)context;
    (void)segment;
    (void)at;
    taken++;
    CHECK(f->sequence == taken && f->kind == (taken == 3 ? RAFT_FRAME_BASE : RAFT_FRAME_ENTRIES), "frame %u", taken);
    CHECK(taken != 1 || (f->size == sizeof hello && memcmp(bytes, hello, sizeof hello) == 0), "two entries");
    CHECK(taken != 2 || (f->first == 2 && f->size == ZEROS + 5 && f->blank == 1), "sectors that are zeros are counted: %u", f->blank);
    CHECK(taken != 3 || f->ahead == 1, "it was written before the one before it was durable");
}

static void put_piece(const struct raft_wal_piece *p)
{
    memcpy(made + p->at, p->head, RAFT_FRAME_HEAD);
    if (p->frame.size > 0) {
        memcpy(made + p->at + RAFT_FRAME_HEAD, p->body, p->frame.size);
    }
    memcpy(made + p->at + RAFT_FRAME_HEAD + p->frame.size, p->tail, p->tail_size);
}

static void log_frames(void)
{
    static uint8_t scratch[RAFT_FRAME_MAX], zeros[ZEROS + 5] = {ZEROS & 0xff, ZEROS >> 8, 0, 0, RAFT_ENTRY_COMMAND};
    static const uint8_t two[] = {0, 0, 0, 0, RAFT_ENTRY_NOOP, 5, 0, 0, 0, RAFT_ENTRY_COMMAND, 'h', 'e', 'l', 'l', 'o'};
    struct raft_wal_piece piece;
    struct raft_wal_found found;
    struct raft_wal w;

    (void)load("segment");
    CHECK(raft_wal_head_look(&owner, 1, SEGMENT, file) == RAFT_WAL_HEAD_OURS, "the head is ours");
    raft_wal_init(&w, &owner, SEGMENT);
    raft_wal_recover(&w, &(struct raft_wal_reader){.read = read_segment, .take = take, .oldest = 1, .newest = 1, .scratch = scratch},
                     &found);
    CHECK(found.verdict == RAFT_WAL_CLEAN && taken == 3 && w.base == 10 && w.last == 10 && w.last_term == 2, "it is read: %s",
          found.reason);
    CHECK(found.batch_segment == 1 && found.batch_at > RAFT_WAL_HEAD, "the last batch has two frames");

    raft_wal_head_write(&owner, 1, SEGMENT, made);
    raft_wal_init(&w, &owner, SEGMENT);
    CHECK(raft_wal_append(&w, &(struct raft_run){.first = 1, .term = 1, .count = 2, .size = sizeof two, .bytes = two}, 0, &piece) ==
              ERR_OK, "two entries");
    put_piece(&piece);
    raft_wal_synced(&w);
    CHECK(raft_wal_append(&w, &(struct raft_run){.first = 2, .term = 2, .count = 1, .size = sizeof zeros, .bytes = zeros}, 1,
                          &piece) == ERR_OK, "one in the place of the second");
    put_piece(&piece);
    CHECK(raft_wal_rebase(&w, 10, 2, &piece) == ERR_OK, "a new beginning");
    put_piece(&piece);
    CHECK(memcmp(made, file, SEGMENT) == 0, "and written again");
}

/* ---- snapshots -------------------------------------------------------------------------------------------------- */

static size_t write_snapshot(const struct raft_snapshot_head *head)
{
    static const char *const chunks[] = {"abc", "defgh"};
    struct raft_snapshot_form form;
    size_t at = raft_snapshot_form_begin(&form, head, made);

    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        raft_snapshot_form_chunk(&form, chunks[i], strlen(chunks[i]), made + at);
        memcpy(made + at + RAFT_SNAPSHOT_CHUNK_HEAD, chunks[i], strlen(chunks[i]));
        at += RAFT_SNAPSHOT_CHUNK_HEAD + strlen(chunks[i]);
    }
    raft_snapshot_form_end(&form, made + at);
    return at + RAFT_SNAPSHOT_END;
}

static void snapshots(void)
{
    static struct raft_snapshot_head head;
    static struct raft_config config;
    struct raft_snapshot_form form;
    uint32_t at = 0, size = 0, chunks = 0;
    size_t whole = load("snapshot");

    REQUIRE(raft_snapshot_form_read(&form, file, whole, &head, &at) == ERR_OK, "the head is read");
    CHECK(head.cluster == owner.cluster && head.index == 10 && head.term == 2, "of entry 10");
    CHECK(raft_config_unpack(head.config, head.config_size, &config) == ERR_OK && config.count == 1 &&
              config.member[0].id == owner.member && strcmp(config.member[0].contact, "raft.0") == 0, "its configuration");
    while (raft_snapshot_form_size(file + at, &size) == ERR_OK && size > 0) {
        CHECK(raft_snapshot_form_is_chunk(&form, file + at, file + at + RAFT_SNAPSHOT_CHUNK_HEAD, size), "chunk %u", chunks);
        at += RAFT_SNAPSHOT_CHUNK_HEAD + size;
        chunks++;
    }
    CHECK(chunks == 2 && at + RAFT_SNAPSHOT_END == whole && raft_snapshot_form_is_end(&form, file + at), "its end");
    CHECK(write_snapshot(&head) == whole && memcmp(made, file, whole) == 0, "and written again");
}

/* Of one that is whole, each bit matters. */
static void a_flipped_bit_of_a_snapshot_is_seen(void)
{
    static struct raft_snapshot_head head;
    size_t whole = load("snapshot");

    for (size_t bit = 0; bit < 8 * whole; bit++) {
        struct raft_snapshot_form form;
        uint32_t at = 0, size = 0;
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool is_good = raft_snapshot_form_read(&form, file, whole, &head, &at) == ERR_OK;
        while (is_good && raft_snapshot_form_size(file + at, &size) == ERR_OK && size > 0) {
            is_good = at + RAFT_SNAPSHOT_CHUNK_HEAD + size + RAFT_SNAPSHOT_END <= whole &&
                      raft_snapshot_form_is_chunk(&form, file + at, file + at + RAFT_SNAPSHOT_CHUNK_HEAD, size);
            at += RAFT_SNAPSHOT_CHUNK_HEAD + size;
        }
        is_good = is_good && at + RAFT_SNAPSHOT_END == whole && raft_snapshot_form_is_end(&form, file + at);
        CHECK(!is_good, "bit %zu", bit);
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 2, "the file of vectors");
    vectors = argv[1];
    votes();
    log_frames();
    snapshots();
    a_flipped_bit_of_a_snapshot_is_seen();
    return CHECK_RESULT();
}
