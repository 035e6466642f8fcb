#include "registry/trust.h"

#include <assert.h>
#include <string.h>

static bool is_same(const struct registry_named *a, const struct registry_named *b)
{
    return a->version == b->version && a->size == b->size && memcmp(a->hash, b->hash, sizeof a->hash) == 0;
}

/* Whether `next` may follow what was believed last; version counts. */
static enum registry_fault follows(const struct registry_named *last, const struct registry_named *next)
{
    if (next->version < last->version) {
        return REGISTRY_FAULT_ROLLBACK;
    }
    if (next->version == last->version) {
        return is_same(last, next) ? REGISTRY_FAULT_NONE : REGISTRY_FAULT_FORK;
    }
    return next->version - last->version > REGISTRY_TRUST_STEP_MAX ? REGISTRY_FAULT_JUMP : REGISTRY_FAULT_NONE;
}

/* The log has no version: it grows. */
static enum registry_fault grows(const struct registry_named *last, const struct registry_named *next)
{
    if (next->size < last->size) {
        return REGISTRY_FAULT_ROLLBACK;
    }
    return next->size == last->size && last->size > 0 && !is_same(last, next) ? REGISTRY_FAULT_FORK : REGISTRY_FAULT_NONE;
}

static enum registry_fault is_named(const struct registry_named *named, const void *bytes, size_t size)
{
    uint8_t hash[REGISTRY_HASH_SIZE];

    if (size > named->size) {
        return REGISTRY_FAULT_TOO_LARGE;
    }
    registry_text_hash(bytes, size, hash);
    return size == named->size && memcmp(hash, named->hash, sizeof hash) == 0 ? REGISTRY_FAULT_NONE : REGISTRY_FAULT_MIXED;
}

static bool is_of(const struct registry_trust *t, struct registry_slice origin)
{
    return registry_text_same(origin, t->root.origin);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- root ------------------------------------------------------------------------------------------- */

enum registry_fault registry_trust_init(struct registry_trust *t, const void *root, size_t size)
{
    struct registry_signed s;
    struct registry_root r;

    if (size > REGISTRY_ROOT_MAX) {
        return REGISTRY_FAULT_TOO_LARGE;
    }
    if (!registry_signed_split(root, size, &s) || !registry_roles_read_root(s.body, &r)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    enum registry_fault f = registry_signed_judge(&s, &r.role[REGISTRY_ROLE_ROOT], NULL);
    if (f == REGISTRY_FAULT_NONE) {
        *t = (struct registry_trust){.root = r, .expires_s = r.expires_s};
    }
    return f;
}

static bool keeps_revoked(const struct registry_revoked *before, const struct registry_revoked *after)
{
    for (unsigned i = 0; i < before->count; i++) {
        if (!registry_signed_has_key(after->key, after->count, before->key[i])) {
            return false;
        }
    }
    return true;
}

static bool has_same_keys(const struct registry_trust *t, const struct registry_root *r, enum registry_role role)
{
    const struct registry_keys *a = &t->root.role[role], *b = &r->role[role];

    return a->threshold == b->threshold && a->count == b->count && memcmp(a->key, b->key, a->count * sizeof a->key[0]) == 0;
}

static enum registry_fault judge_root(const struct registry_trust *t, const struct registry_signed *s, struct registry_root *r)
{
    /* Signed by those who are trusted before anything in it is read. */
    enum registry_fault f = registry_signed_judge(s, &t->root.role[REGISTRY_ROLE_ROOT], NULL);

    if (f != REGISTRY_FAULT_NONE) {
        return f;
    }
    if (!registry_roles_read_root(s->body, r)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    f = registry_signed_judge(s, &r->role[REGISTRY_ROLE_ROOT], NULL);
    if (f != REGISTRY_FAULT_NONE) {
        return f;
    }
    if (strcmp(r->origin, t->root.origin) != 0) {
        return REGISTRY_FAULT_ORIGIN;
    }
    if (r->version != t->root.version + 1) {
        return r->version <= t->root.version ? REGISTRY_FAULT_ROLLBACK : REGISTRY_FAULT_SKIPPED;
    }
    return keeps_revoked(&t->root.revoked, &r->revoked) ? REGISTRY_FAULT_NONE : REGISTRY_FAULT_UNREVOKED;
}

static enum registry_fault step_root(struct registry_trust *t, const void *bytes, size_t size)
{
    struct registry_signed s;
    struct registry_root r;

    if (!registry_signed_split(bytes, size, &s)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    enum registry_fault f = judge_root(t, &s, &r);
    if (f != REGISTRY_FAULT_NONE) {
        return f;
    }
    /* TUF, section 5.3.11: with a role's keys goes what was signed by them. The timestamp says how far snapshots are, the snapshot how
     * far spaces and log are. */
    bool keeps_timestamp = has_same_keys(t, &r, REGISTRY_ROLE_TIMESTAMP), keeps_snapshot = has_same_keys(t, &r, REGISTRY_ROLE_SNAPSHOT);
    bool keeps_spaces = has_same_keys(t, &r, REGISTRY_ROLE_SPACES);
    struct registry_trust next = {.root = r, .expires_s = r.expires_s};
    if (keeps_timestamp && keeps_snapshot) {
        next.made_s = t->made_s;
        next.timestamp = t->timestamp;
        next.snapshot = t->snapshot;
    }
    if (keeps_snapshot) {
        next.log = t->log;
        next.proved = t->proved;
    }
    if (keeps_snapshot && keeps_spaces) {
        next.spaces = t->spaces;
    }
    *t = next;
    return REGISTRY_FAULT_NONE;
}

/* ---- what changes daily ------------------------------------------------------------------------------- */

static enum registry_fault judge_timestamp(const struct registry_trust *t, const struct registry_timestamp *s, const struct registry_named *self, uint64_t now_s)
{
    if (!is_of(t, s->origin)) {
        return REGISTRY_FAULT_ORIGIN;
    }
    if (s->expires_s <= s->made_s || s->expires_s - s->made_s > REGISTRY_TRUST_FRESH_MAX_S || s->snapshot.size > REGISTRY_SNAPSHOT_MAX) {
        return REGISTRY_FAULT_MALFORMED;
    }
    enum registry_fault f = follows(&t->timestamp, self);
    if (f == REGISTRY_FAULT_NONE) {
        f = follows(&t->snapshot, &s->snapshot);
    }
    if (f != REGISTRY_FAULT_NONE) {
        return f;
    }
    if (s->made_s < t->made_s) {
        return REGISTRY_FAULT_ROLLBACK;
    }
    if (s->made_s > now_s && s->made_s - now_s > REGISTRY_TRUST_MARGIN_S) {
        return REGISTRY_FAULT_FUTURE;
    }
    uint64_t time_s = now_s > s->made_s ? now_s : s->made_s;
    return t->root.expires_s <= time_s || s->expires_s <= time_s ? REGISTRY_FAULT_EXPIRED : REGISTRY_FAULT_NONE;
}

static enum registry_fault step_timestamp(struct registry_trust *t, const struct registry_signed *signed_, uint64_t now_s)
{
    struct registry_timestamp s;
    struct registry_named self = {0};

    if (!registry_roles_read_timestamp(signed_->body, &s)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    self.version = s.version;
    registry_text_hash(signed_->body.at, signed_->body.len, self.hash);
    enum registry_fault f = judge_timestamp(t, &s, &self, now_s);
    if (f != REGISTRY_FAULT_NONE) {
        return f;
    }
    t->timestamp = self;
    t->snapshot = s.snapshot;
    t->made_s = s.made_s;
    t->expires_s = least(t->root.expires_s, s.expires_s);
    t->stage = REGISTRY_TRUST_TIMESTAMP; /* a snapshot is due again: all of it is at hand and costs nothing */
    return REGISTRY_FAULT_NONE;
}

static uint64_t time_of(const struct registry_trust *t, uint64_t now_s)
{
    return now_s > t->made_s ? now_s : t->made_s;
}

static enum registry_fault step_snapshot(struct registry_trust *t, const struct registry_signed *signed_, uint64_t now_s)
{
    struct registry_snapshot s;

    if (!registry_roles_read_snapshot(signed_->body, &s)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    if (!is_of(t, s.origin)) {
        return REGISTRY_FAULT_ORIGIN;
    }
    if (s.version != t->snapshot.version) {
        return REGISTRY_FAULT_MIXED;
    }
    if (s.spaces.size > REGISTRY_SPACES_MAX || s.catalogue.size > REGISTRY_CATALOGUE_MAX) {
        return REGISTRY_FAULT_TOO_LARGE;
    }
    enum registry_fault f = follows(&t->spaces, &s.spaces);
    if (f == REGISTRY_FAULT_NONE) {
        f = grows(&t->log, &s.log);
    }
    if (f != REGISTRY_FAULT_NONE) {
        return f;
    }
    if (s.expires_s <= time_of(t, now_s)) {
        return REGISTRY_FAULT_EXPIRED;
    }
    t->spaces = s.spaces;
    t->log = s.log;
    t->catalogue = s.catalogue;
    t->expires_s = least(t->expires_s, s.expires_s);
    t->stage = REGISTRY_TRUST_SNAPSHOT;
    return REGISTRY_FAULT_NONE;
}

static enum registry_fault step_spaces(struct registry_trust *t, const struct registry_signed *signed_, uint64_t now_s)
{
    struct registry_spaces s;

    if (!registry_roles_read_spaces(signed_->body, &s)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    if (!is_of(t, s.origin)) {
        return REGISTRY_FAULT_ORIGIN;
    }
    if (s.version != t->spaces.version) {
        return REGISTRY_FAULT_MIXED;
    }
    if (s.expires_s <= time_of(t, now_s)) {
        return REGISTRY_FAULT_EXPIRED;
    }
    t->space = s;
    t->expires_s = least(t->expires_s, s.expires_s);
    t->stage = REGISTRY_TRUST_SPACES;
    return REGISTRY_FAULT_NONE;
}

static enum registry_fault step_catalogue(struct registry_trust *t, const void *bytes, size_t size)
{
    struct registry_catalogue c;

    if (!registry_catalogue_read(bytes, size, &c)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    if (!is_of(t, c.origin)) {
        return REGISTRY_FAULT_ORIGIN;
    }
    t->list = c;
    t->stage = REGISTRY_TRUST_CATALOGUE;
    return REGISTRY_FAULT_NONE;
}

/* ---- steps ------------------------------------------------------------------------------------------ */

uint64_t registry_trust_size(const struct registry_trust *t, enum registry_trust_stage kind)
{
    if (kind != REGISTRY_TRUST_ROOT && t->stage + 1 < kind) {
        return 0;
    }
    switch (kind) {
    case REGISTRY_TRUST_ROOT:
        return REGISTRY_ROOT_MAX;
    case REGISTRY_TRUST_TIMESTAMP:
        return REGISTRY_TIMESTAMP_MAX;
    case REGISTRY_TRUST_SNAPSHOT:
        return t->snapshot.size;
    case REGISTRY_TRUST_SPACES:
        return t->spaces.size;
    case REGISTRY_TRUST_CATALOGUE:
        return t->catalogue.size;
    }
    return 0;
}

/* Whether the bytes are those that what is above names: there is nothing above the first two. */
static enum registry_fault is_what_is_named(const struct registry_trust *t, enum registry_trust_stage kind, const void *bytes, size_t size)
{
    switch (kind) {
    case REGISTRY_TRUST_ROOT:
    case REGISTRY_TRUST_TIMESTAMP:
        return REGISTRY_FAULT_NONE;
    case REGISTRY_TRUST_SNAPSHOT:
        return is_named(&t->snapshot, bytes, size);
    case REGISTRY_TRUST_SPACES:
        return is_named(&t->spaces, bytes, size);
    case REGISTRY_TRUST_CATALOGUE:
        return is_named(&t->catalogue, bytes, size);
    }
    return REGISTRY_FAULT_MALFORMED;
}

static enum registry_fault step_signed(struct registry_trust *t, enum registry_trust_stage kind, const void *bytes, size_t size, uint64_t now_s)
{
    static const enum registry_role role[] = {REGISTRY_ROLE_ROOT, REGISTRY_ROLE_TIMESTAMP, REGISTRY_ROLE_SNAPSHOT, REGISTRY_ROLE_SPACES};
    struct registry_signed s;

    if (!registry_signed_split(bytes, size, &s)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    enum registry_fault f = registry_signed_judge(&s, &t->root.role[role[kind]], &t->root.revoked);
    if (f != REGISTRY_FAULT_NONE) {
        return f;
    }
    return kind == REGISTRY_TRUST_TIMESTAMP ? step_timestamp(t, &s, now_s)
           : kind == REGISTRY_TRUST_SNAPSHOT ? step_snapshot(t, &s, now_s)
                                             : step_spaces(t, &s, now_s);
}

enum registry_fault registry_trust_step(struct registry_trust *t, enum registry_trust_stage kind, const void *bytes, size_t size, uint64_t now_s)
{
    uint64_t size_max = registry_trust_size(t, kind);

    if (size_max == 0) {
        return REGISTRY_FAULT_ORDER;
    }
    if (size > size_max) {
        return REGISTRY_FAULT_TOO_LARGE;
    }
    enum registry_fault f = is_what_is_named(t, kind, bytes, size);
    if (f != REGISTRY_FAULT_NONE) {
        return f;
    }
    switch (kind) {
    case REGISTRY_TRUST_ROOT:
        return step_root(t, bytes, size);
    case REGISTRY_TRUST_TIMESTAMP:
    case REGISTRY_TRUST_SNAPSHOT:
    case REGISTRY_TRUST_SPACES:
        return step_signed(t, kind, bytes, size, now_s);
    case REGISTRY_TRUST_CATALOGUE:
        return step_catalogue(t, bytes, size);
    }
    return REGISTRY_FAULT_MALFORMED;
}

enum registry_fault registry_trust_record(const struct registry_trust *t, struct registry_slice name, const struct registry_version *version,
                                          const void *bytes, size_t size, uint64_t now_s, struct registry_record *ret, bool *ret_is_yanked)
{
    struct registry_entry entry;
    struct registry_named named = {.size = size};
    struct registry_keys keys;
    struct registry_record r;
    struct registry_signed s;

    if (t->stage != REGISTRY_TRUST_CATALOGUE) {
        return REGISTRY_FAULT_ORDER;
    }
    if (t->expires_s <= time_of(t, now_s)) {
        return REGISTRY_FAULT_EXPIRED;
    }
    if (size > REGISTRY_RECORD_MAX) {
        return REGISTRY_FAULT_TOO_LARGE;
    }
    if (!registry_catalogue_find(&t->list, name, version, &entry)) {
        return REGISTRY_FAULT_NOT_LISTED;
    }
    memcpy(named.hash, entry.hash, sizeof named.hash);
    enum registry_fault f = is_named(&named, bytes, size);
    if (f != REGISTRY_FAULT_NONE) {
        return f;
    }
    if (!registry_signed_split(bytes, size, &s)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    if (!registry_roles_find_space(&t->space, name, &keys)) {
        return REGISTRY_FAULT_NO_SPACE;
    }
    f = registry_signed_judge(&s, &keys, &t->root.revoked);
    if (f != REGISTRY_FAULT_NONE) {
        return f;
    }
    if (!registry_record_read(s.body, &r)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    if (!is_of(t, r.origin)) {
        return REGISTRY_FAULT_ORIGIN;
    }
    if (registry_text_compare(r.name, name) != 0 || registry_version_compare(&r.version, version) != 0) {
        return REGISTRY_FAULT_WRONG_TARGET;
    }
    *ret = r;
    *ret_is_yanked = entry.is_yanked;
    return REGISTRY_FAULT_NONE;
}
