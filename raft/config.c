#include "raft/config.h"

#include <assert.h>
#include <string.h>

#include "raft/le.h"

enum {
    VERSION = 1,
    KINDS = RAFT_VOTER | RAFT_OUTGOING | RAFT_LEARNER,
    ALL = KINDS | RAFT_PROMOTE | RAFT_RETIRE,
};

bool raft_config_is_joint(const struct raft_config *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if ((c->member[i].flags & RAFT_OUTGOING) != 0) {
            return true;
        }
    }
    return false;
}

/* The first place whose id is not less. */
static uint32_t place_of(const struct raft_config *c, uint64_t id)
{
    uint32_t i = 0;

    while (i < c->count && c->member[i].id < id) {
        i++;
    }
    return i;
}

uint32_t raft_config_find(const struct raft_config *c, uint64_t id)
{
    uint32_t i = place_of(c, id);

    return i < c->count && c->member[i].id == id ? i : RAFT_MEMBERS_MAX;
}

bool raft_config_votes(const struct raft_config *c, uint64_t id)
{
    uint32_t i = raft_config_find(c, id);

    return i < c->count && (c->member[i].flags & (RAFT_VOTER | RAFT_OUTGOING)) != 0;
}

/* Majority of one half; *ret_voters of it there are. */
static bool has_majority(const struct raft_config *c, uint32_t set, uint8_t half, uint32_t *ret_voters)
{
    uint32_t voters = 0, yes = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        if ((c->member[i].flags & half) != 0) {
            voters++;
            yes += (set >> i) & 1;
        }
    }
    *ret_voters = voters;
    return yes > voters / 2;
}

bool raft_config_is_quorum(const struct raft_config *c, uint32_t set)
{
    uint32_t voters, outgoing;
    bool is_new = has_majority(c, set, RAFT_VOTER, &voters);
    bool is_old = has_majority(c, set, RAFT_OUTGOING, &outgoing);

    /* Section 4.3: agreement needs separate majorities of both. */
    return voters > 0 && is_new && (outgoing == 0 || is_old);
}

uint64_t raft_config_quorum_value(const struct raft_config *c, const uint64_t value[RAFT_MEMBERS_MAX])
{
    uint32_t count = c->count < RAFT_MEMBERS_MAX ? c->count : RAFT_MEMBERS_MAX;
    uint64_t best = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t set = 0;
        if (value[i] <= best) {
            continue;
        }
        for (uint32_t k = 0; k < count; k++) {
            set |= (uint32_t)(value[k] >= value[i]) << k;
        }
        best = raft_config_is_quorum(c, set) ? value[i] : best;
    }
    return best;
}

bool raft_config_may_rest(const struct raft_config *c, uint32_t set, uint64_t leader, uint64_t id)
{
    uint32_t voters = 0, there = 0, before = 0, at = place_of(c, leader);

    if (leader == 0 || !raft_config_votes(c, id)) {
        return true;
    }
    /* Those who may are the first that vote behind the leader, in the order of ids, and round. */
    for (uint32_t i = 0, own = place_of(c, id), is_before = 1; i < c->count; i++) {
        uint32_t k = (at + 1 + i) % c->count, votes = raft_config_votes(c, c->member[k].id);
        voters += votes;
        there += votes & set >> k;
        is_before &= k != own;
        before += votes & set >> k & is_before;
    }
    return !raft_config_is_joint(c) && before + voters / 2 + 1 < there;
}

enum err raft_config_put(struct raft_config *c, const struct raft_member *m)
{
    uint32_t i = place_of(c, m->id);

    if (m->id == 0) {
        return ERR_INVALID;
    }
    if (i == c->count || c->member[i].id != m->id) {
        if (c->count == RAFT_MEMBERS_MAX) {
            return ERR_LIMIT;
        }
        memmove(&c->member[i + 1], &c->member[i], (c->count - i) * sizeof *m);
        c->count++;
    }
    c->member[i] = *m;
    return ERR_OK;
}

enum err raft_config_remove(struct raft_config *c, uint64_t id)
{
    uint32_t i = raft_config_find(c, id);

    if (i == RAFT_MEMBERS_MAX) {
        return ERR_NOT_FOUND;
    }
    c->count--;
    memmove(&c->member[i], &c->member[i + 1], (c->count - i) * sizeof c->member[0]);
    return ERR_OK;
}

void raft_config_retire(struct raft_config *c, uint64_t id)
{
    uint32_t i = raft_config_find(c, id);

    assert(i < c->count);
    if ((c->member[i].flags & RAFT_LEARNER) == 0) {
        c->member[i].flags |= RAFT_RETIRE;
    } else {
        enum err e = raft_config_remove(c, id);
        assert(e == ERR_OK);
        (void)e;
    }
}

static bool all_vote_in(const struct raft_config *a, const struct raft_config *b)
{
    for (uint32_t i = 0; i < a->count; i++) {
        if ((a->member[i].flags & RAFT_VOTER) != 0) {
            uint32_t k = raft_config_find(b, a->member[i].id);
            if (k == RAFT_MEMBERS_MAX || (b->member[k].flags & RAFT_VOTER) == 0) {
                return false;
            }
        }
    }
    return true;
}

bool raft_config_voters_differ(const struct raft_config *a, const struct raft_config *b)
{
    return !all_vote_in(a, b) || !all_vote_in(b, a);
}

enum err raft_config_join(const struct raft_config *from, const struct raft_config *to, struct raft_config *ret)
{
    struct raft_config joint = *to;

    for (uint32_t i = 0; i < from->count; i++) {
        const struct raft_member *old = &from->member[i];
        if ((old->flags & RAFT_VOTER) == 0) {
            continue;
        }
        uint32_t k = raft_config_find(&joint, old->id);
        if (k < joint.count) {
            joint.member[k].flags |= RAFT_OUTGOING;
            continue;
        }
        struct raft_member leaving = *old;
        leaving.flags = RAFT_OUTGOING;
        enum err e = raft_config_put(&joint, &leaving);
        if (e != ERR_OK) {
            return e;
        }
    }
    *ret = joint;
    return ERR_OK;
}

void raft_config_leave(const struct raft_config *joint, struct raft_config *ret)
{
    struct raft_config c = {0};

    for (uint32_t i = 0; i < joint->count; i++) {
        struct raft_member m = joint->member[i];
        m.flags &= (uint8_t)~RAFT_OUTGOING;
        if ((m.flags & KINDS) != 0) {
            c.member[c.count++] = m; /* the order stays */
        }
    }
    *ret = c;
}

static bool is_kind(uint8_t flags)
{
    bool is_voter = (flags & RAFT_VOTER) != 0, is_learner = (flags & RAFT_LEARNER) != 0;

    return (flags & ~ALL) == 0 && (flags & KINDS) != 0 && !(is_voter && is_learner) &&
           ((flags & RAFT_PROMOTE) == 0 || is_learner) && ((flags & RAFT_RETIRE) == 0 || !is_learner);
}

bool raft_config_is_target(const struct raft_config *c)
{
    uint32_t voters = 0;

    if (c->count > RAFT_MEMBERS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        const struct raft_member *m = &c->member[i];
        if (m->id == 0 || (i > 0 && c->member[i - 1].id >= m->id) || !is_kind(m->flags) ||
            (m->flags & RAFT_OUTGOING) != 0) {
            return false;
        }
        voters += (m->flags & RAFT_VOTER) != 0;
    }
    return voters > 0;
}

/* ---- packed ---------------------------------------------------------------------------------------- */

static uint8_t *put_text(uint8_t *to, const char *text, size_t most)
{
    size_t len = strnlen(text, most - 1);

    *to++ = (uint8_t)len;
    memcpy(to, text, len);
    return to + len;
}

size_t raft_config_pack(const struct raft_config *c, uint8_t bytes[RAFT_CONFIG_BYTES_MAX])
{
    uint8_t *to = bytes;

    assert(c->count <= RAFT_MEMBERS_MAX);
    *to++ = VERSION;
    *to++ = (uint8_t)c->count;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct raft_member *m = &c->member[i];
        raft_le_put64(to, m->id);
        to[8] = m->flags;
        to = put_text(to + 9, m->name, RAFT_NAME_MAX);
        to = put_text(to, m->contact, RAFT_CONTACT_MAX);
    }
    return (size_t)(to - bytes);
}

/* The text at *at, which moves behind it; false: it does not fit, or has a NUL in it. */
static bool get_text(const uint8_t **at, const uint8_t *end, char *to, size_t most)
{
    size_t len = *at < end ? **at : most;

    if (len >= most || len > (size_t)(end - *at) - 1 || memchr(*at + 1, 0, len) != NULL) {
        return false;
    }
    memcpy(to, *at + 1, len);
    to[len] = '\0';
    *at += 1 + len;
    return true;
}

static bool get_member(const uint8_t **at, const uint8_t *end, struct raft_member *m)
{
    if (end - *at < 9) {
        return false;
    }
    m->id = raft_le_get64(*at);
    m->flags = (*at)[8];
    *at += 9;
    return m->id != 0 && is_kind(m->flags) && get_text(at, end, m->name, RAFT_NAME_MAX) &&
           get_text(at, end, m->contact, RAFT_CONTACT_MAX);
}

enum err raft_config_unpack(const uint8_t *bytes, size_t size, struct raft_config *ret)
{
    const uint8_t *at = bytes + 2, *end = bytes + size;

    memset(ret, 0, sizeof *ret);
    if (size < 2) {
        return ERR_MALFORMED;
    }
    if (bytes[0] != VERSION) {
        return ERR_INCOMPATIBLE;
    }
    if (bytes[1] > RAFT_MEMBERS_MAX) {
        return ERR_MALFORMED;
    }
    for (uint32_t i = 0; i < bytes[1]; i++) {
        struct raft_member *m = &ret->member[i];
        if (!get_member(&at, end, m) || (i > 0 && ret->member[i - 1].id >= m->id)) {
            return ERR_MALFORMED;
        }
        ret->count++;
    }
    return at == end ? ERR_OK : ERR_MALFORMED;
}
