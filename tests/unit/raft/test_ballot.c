/* Term and vote: written in turns, found again after any crash of a write, and after any bit of it rots. */
#include <string.h>

#include "raft/ballot.h"
#include "tests/unit/raft/wal_kit.h"

static uint8_t file[RAFT_BALLOT_FILE];

static void save(struct raft_ballot *b)
{
    static uint8_t slot[RAFT_BALLOT_SLOT];
    uint32_t at;

    raft_ballot_write(b, &kit_owner, slot, &at);
    memcpy(file + at, slot, sizeof slot);
}

static void the_last_write_is_found(void)
{
    struct raft_ballot b = {0}, read;
    bool heal;

    memset(file, 0, sizeof file);
    CHECK(raft_ballot_read(&kit_owner, file, 0, &read, &heal) == ERR_NOT_FOUND, "an empty file");
    CHECK(raft_ballot_read(&kit_owner, file, sizeof file, &read, &heal) == ERR_NOT_FOUND, "zeros");
    for (uint64_t term = 1; term < 10; term++) {
        b.vote = (struct raft_vote){term, term % 3};
        b.segment = 3 * term;
        b.repair_to = term % 2;
        save(&b);
        CHECK(raft_ballot_read(&kit_owner, file, sizeof file, &read, &heal) == ERR_OK && !heal &&
                  memcmp(&b, &read, sizeof b) == 0, "term %llu", (unsigned long long)term);
    }
    CHECK(raft_ballot_read(&(struct raft_frame_owner){1, kit_owner.member}, file, sizeof file, &read, &heal) == ERR_DENIED &&
              raft_ballot_read(&(struct raft_frame_owner){kit_owner.cluster, 1}, file, sizeof file, &read, &heal) ==
                  ERR_DENIED, "others' ballots are not ours");
}

/* Each of the two sectors of the write arrives or does not: the vote before it or the new one is found. */
static void a_write_that_is_cut_off_loses_nothing(void)
{
    static uint8_t old[RAFT_BALLOT_FILE], new[RAFT_BALLOT_FILE];

    for (uint64_t writes = 1; writes < 5; writes++) {
        struct raft_ballot b = {0}, before, read;
        bool heal;
        memset(file, 0, sizeof file);
        for (uint64_t i = 0; i < writes; i++) {
            b.vote.term = i + 1;
            save(&b);
        }
        before = b;
        memcpy(old, file, sizeof file);
        b.vote.term = 99;
        save(&b);
        memcpy(new, file, sizeof file);
        for (unsigned arrived = 0; arrived < 4; arrived++) {
            for (uint32_t at = 0; at < RAFT_BALLOT_FILE; at += RAFT_BALLOT_BLOCK) {
                bool has = (arrived >> (at / RAFT_BALLOT_BLOCK % 2) & 1) != 0;
                memcpy(file + at, (has ? new : old) + at, RAFT_BALLOT_BLOCK);
            }
            CHECK(raft_ballot_read(&kit_owner, file, sizeof file, &read, &heal) == ERR_OK &&
                      read.vote.term == (arrived == 0 ? before.vote.term : 99),
                  "%llu writes, then sectors %u: term %llu", (unsigned long long)writes, arrived,
                  (unsigned long long)read.vote.term);
        }
    }
}

static void a_flipped_bit_is_no_forgotten_vote(void)
{
    struct raft_ballot b = {.vote = {1, 1}}, read;
    bool heal;

    memset(file, 0, sizeof file);
    save(&b);
    b.vote = (struct raft_vote){2, 5};
    save(&b);
    for (uint32_t copy = 0; copy < 4; copy++) {
        for (uint32_t bit = 0; bit < 8 * RAFT_BALLOT_COPY; bit++) {
            uint8_t *at = file + copy * RAFT_BALLOT_BLOCK + bit / 8;
            *at ^= (uint8_t)(1u << bit % 8);
            CHECK(raft_ballot_read(&kit_owner, file, sizeof file, &read, &heal) == ERR_OK && heal && read.vote.term == 2 &&
                      read.vote.voted_for == 5, "copy %u bit %u", copy, bit);
            *at ^= (uint8_t)(1u << bit % 8);
        }
    }
    /* With both copies of the last vote gone, the one before it is no answer. */
    file[20] ^= 1;
    file[RAFT_BALLOT_BLOCK + 20] ^= 1;
    CHECK(raft_ballot_read(&kit_owner, file, sizeof file, &read, &heal) == ERR_DATA_LOSS, "both copies of the last");
    file[20] ^= 1;
    file[RAFT_BALLOT_BLOCK + 20] ^= 1;
    /* A copy in another slot's place would take the place of a newer one. */
    memcpy(file, file + RAFT_BALLOT_SLOT, RAFT_BALLOT_COPY);
    CHECK(raft_ballot_read(&kit_owner, file, sizeof file, &read, &heal) == ERR_OK && heal && read.vote.term == 2,
          "a copy in the wrong place counts for nothing");
}

/* The slot that was not used yet has no vote to lose: a bit of it that flips makes nothing of nothing. */
static void a_flipped_bit_in_a_young_file_is_nothing(void)
{
    struct raft_ballot b = {.vote = {1, 1}}, read;
    bool heal;

    memset(file, 0, sizeof file);
    save(&b);
    for (uint32_t copy = 0; copy < 2; copy++) {
        for (uint32_t bit = 0; bit < 8 * RAFT_BALLOT_COPY; bit++) {
            uint8_t *at = file + copy * RAFT_BALLOT_BLOCK + bit / 8;
            *at ^= (uint8_t)(1u << bit % 8);
            CHECK(raft_ballot_read(&kit_owner, file, sizeof file, &read, &heal) == ERR_OK && heal && read.vote.term == 1,
                  "copy %u bit %u", copy, bit);
            *at ^= (uint8_t)(1u << bit % 8);
        }
    }
    file[20] ^= 1;
    file[RAFT_BALLOT_BLOCK + 20] ^= 1;
    CHECK(raft_ballot_read(&kit_owner, file, sizeof file, &read, &heal) == ERR_DATA_LOSS, "two that say something are no blank slot");
}

int main(void)
{
    the_last_write_is_found();
    a_write_that_is_cut_off_loses_nothing();
    a_flipped_bit_is_no_forgotten_vote();
    a_flipped_bit_in_a_young_file_is_nothing();
    return CHECK_RESULT();
}
