#include "raft/ballot.h"

#include <string.h>

#include "common/base/bytes.h"
#include "raft/le.h"

enum {
    AT_VERSION = 8,
    AT_SEQUENCE = 16,
    AT_CLUSTER = 24,
    AT_MEMBER = 32,
    AT_TERM = 40,
    AT_VOTED_FOR = 48,
    AT_SEGMENT = 56,
    AT_REPAIR_TO = 64,
    AT_CHECK = 72,
};

static const char magic[8] = "CELLVOTE";

/* Which slot a write goes to. */
static uint32_t slot_at(uint64_t sequence)
{
    return sequence % 2 == 0 ? 0 : RAFT_BALLOT_SLOT;
}

void raft_ballot_write(struct raft_ballot *b, const struct raft_frame_owner *owner, uint8_t *out, uint32_t *ret_at)
{
    b->sequence++;
    memset(out, 0, RAFT_BALLOT_SLOT);
    memcpy(out, magic, sizeof magic);
    raft_le_put32(out + AT_VERSION, RAFT_BALLOT_VERSION);
    raft_le_put64(out + AT_SEQUENCE, b->sequence);
    raft_le_put64(out + AT_CLUSTER, owner->cluster);
    raft_le_put64(out + AT_MEMBER, owner->member);
    raft_le_put64(out + AT_TERM, b->vote.term);
    raft_le_put64(out + AT_VOTED_FOR, b->vote.voted_for);
    raft_le_put64(out + AT_SEGMENT, b->segment);
    raft_le_put64(out + AT_REPAIR_TO, b->repair_to);
    raft_le_put32(out + AT_CHECK, bytes_crc32c(0, out, AT_CHECK));
    memcpy(out + RAFT_BALLOT_BLOCK, out, RAFT_BALLOT_COPY);
    *ret_at = slot_at(b->sequence);
}

enum copy {
    COPY_BLANK,
    COPY_GOOD,
    COPY_FOREIGN,
    COPY_BAD,
};

static enum copy look(const struct raft_frame_owner *owner, const uint8_t *in, struct raft_ballot *ret)
{
    if (raft_frame_is_blank(in, RAFT_BALLOT_COPY)) {
        return COPY_BLANK;
    }
    if (memcmp(in, magic, sizeof magic) != 0 || raft_le_get32(in + AT_CHECK) != bytes_crc32c(0, in, AT_CHECK) ||
        raft_le_get32(in + AT_VERSION) != RAFT_BALLOT_VERSION ||
        !raft_frame_is_blank(in + AT_CHECK + 4, RAFT_BALLOT_COPY - AT_CHECK - 4)) {
        return COPY_BAD;
    }
    if (raft_le_get64(in + AT_CLUSTER) != owner->cluster || raft_le_get64(in + AT_MEMBER) != owner->member) {
        return COPY_FOREIGN;
    }
    *ret = (struct raft_ballot){
        .sequence = raft_le_get64(in + AT_SEQUENCE),
        .vote = {.term = raft_le_get64(in + AT_TERM), .voted_for = raft_le_get64(in + AT_VOTED_FOR)},
        .segment = raft_le_get64(in + AT_SEGMENT),
        .repair_to = raft_le_get64(in + AT_REPAIR_TO),
    };
    return COPY_GOOD;
}

enum err raft_ballot_read(const struct raft_frame_owner *owner, const uint8_t *bytes, size_t size,
                          struct raft_ballot *ret, bool *ret_heal)
{
    struct raft_ballot best = {0};
    uint32_t good = 0, bad = 0, pairs_lost = 0;

    for (uint32_t slot = 0; slot < RAFT_BALLOT_FILE; slot += RAFT_BALLOT_SLOT) {
        uint32_t good_here = 0, bad_here = 0, blank_here = 0;
        for (uint32_t at = slot; at < slot + RAFT_BALLOT_SLOT; at += RAFT_BALLOT_BLOCK) {
            struct raft_ballot one = {0};
            /* A file that is shorter was never written to its end. */
            enum copy copy = at + RAFT_BALLOT_COPY <= size ? look(owner, bytes + at, &one) : COPY_BLANK;
            if (copy == COPY_FOREIGN) {
                return ERR_DENIED;
            }
            /* A good copy where it does not belong was not put there by us. */
            copy = copy == COPY_GOOD && slot_at(one.sequence) != slot ? COPY_BAD : copy;
            good_here += copy == COPY_GOOD;
            bad_here += copy == COPY_BAD;
            blank_here += copy == COPY_BLANK;
            best = copy == COPY_GOOD && one.sequence > best.sequence ? one : best;
        }
        good += good_here;
        bad += bad_here;
        pairs_lost += good_here == 0 && bad_here > 0 && blank_here == 0;
    }
    /* A slot of which nothing is readable may have held the last vote; but not one that never had both its copies. */
    if (pairs_lost > 0) {
        return ERR_DATA_LOSS;
    }
    if (good == 0) {
        return ERR_NOT_FOUND;
    }
    *ret = best;
    *ret_heal = bad > 0;
    return ERR_OK;
}
