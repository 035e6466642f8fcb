/* REG-2: the attacks that TUF lists (section 1.5.2, "Goals to protect against specific attacks"), each refused under a name of its own;
 * and what is trusted only grows, through restarts too. */
#include <string.h>

#include "common/base/rng.h"
#include "registry/fetch.h"
#include "tests/support/check.h"
#include "tests/unit/registry/kit.h"

static const enum registry_trust_stage ROOT = REGISTRY_TRUST_ROOT, TIMESTAMP = REGISTRY_TRUST_TIMESTAMP, SNAPSHOT = REGISTRY_TRUST_SNAPSHOT,
                                       SPACES = REGISTRY_TRUST_SPACES, CATALOGUE = REGISTRY_TRUST_CATALOGUE;

#define IS(fault, name, ...)                                                                          \
    do {                                                                                              \
        enum registry_fault is_ = (fault);                                                            \
        CHECK(is_ == REGISTRY_FAULT_##name, "%s, not " #name ": ", registry_fault_name(is_));         \
        if (is_ != REGISTRY_FAULT_##name) {                                                           \
            fprintf(stderr, "  " __VA_ARGS__);                                                        \
            fputc('\n', stderr);                                                                      \
        }                                                                                             \
    } while (0)

static struct kit k, other;
static struct registry_trust t, before;

/* A repository, and a client that believes it. */
static void begin(void)
{
    kit_init(&k);
    kit_make(&k);
    REQUIRE(registry_trust_init(&t, k.doc[ROOT].at, k.doc[ROOT].size) == REGISTRY_FAULT_NONE, "the first root");
}

static void believe(void)
{
    begin();
    REQUIRE(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S) == REGISTRY_FAULT_NONE, "all of it");
    before = t;
}

/* The next day, all of it one newer. */
static void renew(void)
{
    k.timestamp.version++;
    k.timestamp.snapshot.version++;
    k.snapshot.version++;
    k.snapshot.spaces.version++;
    k.spaces.version++;
    k.snapshot.log.size++;
    k.snapshot.log.hash[0]++;
    k.timestamp.made_s += KIT_DAY_S;
    k.timestamp.expires_s += KIT_DAY_S;
    kit_make(&k);
}

static void a_repository_is_believed(void)
{
    believe();
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S), NONE, "its record");
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "the same again");
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S + KIT_DAY_S), NONE, "the next day");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S + KIT_DAY_S), NONE, "its record, then");
    k.is_yanked = true;
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S + 2 * KIT_DAY_S), NONE, "yanked");
    struct registry_record r;
    bool is_yanked = false;
    IS(registry_trust_record(&t, k.record.name, &k.record.version, k.record_doc.at, k.record_doc.size, KIT_NOW_S + 2 * KIT_DAY_S, &r, &is_yanked), NONE,
       "a yanked record is still there");
    CHECK(is_yanked && r.depends == 1 && registry_text_same(r.depend[0].range, "^1.2"), "and says so");
}

/* ---- arbitrary installation ---------------------------------------------------------------------------- */

static void arbitrary_bytes_are_refused(void)
{
    char noise[512];
    struct rng r;

    rng_init(&r, 5);
    for (unsigned kind = ROOT; kind <= CATALOGUE; kind++) {
        begin();
        IS(kind > TIMESTAMP ? kit_feed(&t, &k, TIMESTAMP, (enum registry_trust_stage)(kind - 1), KIT_NOW_S) : REGISTRY_FAULT_NONE, NONE, "what is above");
        before = t;
        for (unsigned i = 0; i < 1000; i++) {
            size_t size = rng_below(&r, sizeof noise);

            for (size_t at = 0; at < size; at++) {
                noise[at] = (char)rng_next(&r);
            }
            enum registry_fault f = registry_trust_step(&t, (enum registry_trust_stage)kind, noise, size, KIT_NOW_S);
            CHECK(f != REGISTRY_FAULT_NONE && memcmp(&t, &before, sizeof t) == 0, "noise of kind %u: %s", kind, registry_fault_name(f));
        }
    }
}

static void no_byte_of_a_document_can_be_other(void)
{
    for (unsigned kind = ROOT; kind <= CATALOGUE; kind++) {
        begin();
        if (kind == ROOT) {
            k.root.version++;
            kit_make_from(&k, ROOT);
        }
        IS(kind > TIMESTAMP ? kit_feed(&t, &k, TIMESTAMP, (enum registry_trust_stage)(kind - 1), KIT_NOW_S) : REGISTRY_FAULT_NONE, NONE, "what is above");
        struct kit_doc *d = &k.doc[kind];
        before = t;
        for (size_t at = 0; at < d->size; at++) {
            d->at[at] ^= 1;
            enum registry_fault f = registry_trust_step(&t, (enum registry_trust_stage)kind, d->at, d->size, KIT_NOW_S);
            CHECK(f != REGISTRY_FAULT_NONE && memcmp(&t, &before, sizeof t) == 0, "byte %zu of kind %u: %s", at, kind, registry_fault_name(f));
            CHECK(registry_trust_step(&t, (enum registry_trust_stage)kind, d->at, at, KIT_NOW_S) != REGISTRY_FAULT_NONE, "kind %u cut at %zu", kind, at);
            d->at[at] ^= 1;
        }
    }
    believe();
    for (size_t at = 0; at < k.record_doc.size; at++) {
        k.record_doc.at[at] ^= 1;
        CHECK(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S) != REGISTRY_FAULT_NONE, "byte %zu of the record", at);
        k.record_doc.at[at] ^= 1;
    }
}

static void a_wrong_key_signs_nothing(void)
{
    static const enum registry_role role[] = {REGISTRY_ROLE_TIMESTAMP, REGISTRY_ROLE_SNAPSHOT, REGISTRY_ROLE_SPACES};

    for (unsigned i = 0; i < ARRAY_LEN(role); i++) {
        begin();
        k.signer[role[i]][0] = KIT_FOE;
        kit_make(&k);
        IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), UNSIGNED, "role %u by a stranger", i);
        begin();
        k.signer[role[i]][0] = KIT_ANY;
        kit_make(&k);
        IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), UNSIGNED, "role %u by a publisher", i);
        for (unsigned by = 0; by < ARRAY_LEN(role); by++) {
            begin();
            k.signer[role[i]][0] = KIT_TIMESTAMP + (int)by;
            kit_make(&k);
            enum registry_fault f = kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S);
            CHECK((f == REGISTRY_FAULT_NONE) == (by == i), "role %u by that of role %u", i, by);
        }
    }
}

static void a_signature_cannot_be_moved(void)
{
    begin();
    kit_init(&other);
    other.timestamp.expires_s++;
    kit_make(&other);
    /* The body of one, the signature of the other. */
    size_t tail = REGISTRY_SIGNATURE_LINE;
    memcpy(k.doc[TIMESTAMP].at + k.doc[TIMESTAMP].size - tail, other.doc[TIMESTAMP].at + other.doc[TIMESTAMP].size - tail, tail);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), FORGED, "another body's signature");
    begin();
    IS(registry_trust_step(&t, REGISTRY_TRUST_TIMESTAMP, k.doc[SNAPSHOT].at, k.doc[SNAPSHOT].size, KIT_NOW_S), UNSIGNED, "a snapshot is no timestamp");
    k.root.role[REGISTRY_ROLE_TIMESTAMP] = kit_keys(1, KIT_SNAPSHOT, 1);
    k.signer[REGISTRY_ROLE_TIMESTAMP][0] = KIT_SNAPSHOT;
    kit_make(&k);
    REQUIRE(registry_trust_init(&t, k.doc[ROOT].at, k.doc[ROOT].size) == REGISTRY_FAULT_NONE, "one key has two roles");
    IS(registry_trust_step(&t, REGISTRY_TRUST_TIMESTAMP, k.doc[SNAPSHOT].at, k.doc[SNAPSHOT].size, KIT_NOW_S), MALFORMED, "nor where one key has both roles");
}

static void fewer_than_the_threshold_do_not_do(void)
{
    begin();
    k.record_signer[1] = -1;
    kit_make(&k);
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "the rest");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S), UNSIGNED, "one of two");
    k.record_signer[1] = KIT_ANY;
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "the rest");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S), UNSIGNED, "one of two and another space's");
    believe();
    k.root.version++;
    k.signer[REGISTRY_ROLE_ROOT][1] = KIT_FOE;
    kit_make_from(&k, ROOT);
    IS(kit_feed(&t, &k, ROOT, ROOT, KIT_NOW_S), UNSIGNED, "a root of one of two");
    k.signer[REGISTRY_ROLE_ROOT][1] = -1;
    kit_make_from(&k, ROOT);
    IS(registry_trust_init(&t, k.doc[ROOT].at, k.doc[ROOT].size), UNSIGNED, "the first root, too");
}

static void one_key_does_not_sign_twice(void)
{
    begin();
    k.record_signer[1] = -1;
    kit_make(&k);
    struct kit_doc *d = &k.record_doc;
    memcpy(d->at + d->size, d->at + d->size - REGISTRY_SIGNATURE_LINE, REGISTRY_SIGNATURE_LINE);
    d->size += REGISTRY_SIGNATURE_LINE;
    kit_make_from(&k, REGISTRY_TRUST_CATALOGUE);
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "the rest");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S), MALFORMED, "the same signature twice");
}

static void an_edited_field_is_refused(void)
{
    believe();
    other = k;
    char *commit = memmem(other.record_doc.at, other.record_doc.size, "commit 0123", 11);
    REQUIRE(commit != NULL, "the commit");
    commit[7] = 'f';
    IS(kit_record(&t, &other, "acme/greeter", "1.2.3", KIT_NOW_S), MIXED, "a swapped commit");
    /* With a catalogue that names it, by whoever has the keys of catalogue, snapshot and timestamp: still not its publisher. */
    k.record_doc = other.record_doc;
    k.timestamp.version = k.timestamp.snapshot.version = k.snapshot.version = 2;
    kit_make_from(&k, REGISTRY_TRUST_CATALOGUE);
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "keys that are online");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S), FORGED, "are not enough");
}

/* ---- rollback, freeze, mix-and-match, fast-forward ------------------------------------------------------- */

static void what_is_older_is_refused(void)
{
    believe();
    other = k;
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "the newer ones");
    before = t;
    IS(kit_feed(&t, &other, TIMESTAMP, TIMESTAMP, KIT_NOW_S), ROLLBACK, "the older timestamp");
    CHECK(memcmp(&t, &before, sizeof t) == 0, "changes nothing");
    /* A newer timestamp that names the older snapshot, whoever signed it. */
    other.timestamp.version = 3;
    other.timestamp.made_s = k.timestamp.made_s;
    kit_make_from(&other, REGISTRY_TRUST_TIMESTAMP);
    IS(kit_feed(&t, &other, TIMESTAMP, TIMESTAMP, KIT_NOW_S), ROLLBACK, "names an older snapshot");
    /* A newer snapshot that names the older spaces. */
    other.timestamp.snapshot.version = other.snapshot.version = 3;
    other.snapshot.log = k.snapshot.log;
    kit_make_from(&other, REGISTRY_TRUST_SNAPSHOT);
    IS(kit_feed(&t, &other, TIMESTAMP, SNAPSHOT, KIT_NOW_S), ROLLBACK, "names older spaces");
    /* … or a log that has become shorter. */
    t = before;
    other.snapshot.spaces.version = other.spaces.version = 2;
    other.snapshot.log.size = 1;
    other.spaces = k.spaces;
    other.doc[SPACES] = k.doc[SPACES];
    kit_make_from(&other, REGISTRY_TRUST_SNAPSHOT);
    IS(kit_feed(&t, &other, TIMESTAMP, SNAPSHOT, KIT_NOW_S), ROLLBACK, "a shorter log");
    /* A timestamp whose number is higher and whose date is lower. */
    t = before;
    k.timestamp.version++;
    k.timestamp.made_s--;
    kit_make_from(&k, REGISTRY_TRUST_TIMESTAMP);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), ROLLBACK, "an older date");
}

static void other_content_under_a_known_number_is_a_fork(void)
{
    believe();
    k.timestamp.expires_s--;
    kit_make_from(&k, REGISTRY_TRUST_TIMESTAMP);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), FORK, "two timestamps");
    k.timestamp.version++;
    k.snapshot.expires_s--;
    kit_make_from(&k, REGISTRY_TRUST_SNAPSHOT);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), FORK, "two snapshots");
    k.snapshot.version++;
    k.timestamp.snapshot.version++;
    k.spaces.expires_s--;
    kit_make_from(&k, REGISTRY_TRUST_SPACES);
    IS(kit_feed(&t, &k, TIMESTAMP, SNAPSHOT, KIT_NOW_S), FORK, "two of spaces");
    k.spaces.expires_s++;
    k.snapshot.log.hash[5]++;
    kit_make_from(&k, REGISTRY_TRUST_SPACES);
    t = before;
    IS(kit_feed(&t, &k, TIMESTAMP, SNAPSHOT, KIT_NOW_S), FORK, "two logs of one length");
}

static void a_frozen_repository_is_seen(void)
{
    believe();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, k.timestamp.expires_s - 1), NONE, "the last second");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", k.timestamp.expires_s - 1), NONE, "of records, too");
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, k.timestamp.expires_s), EXPIRED, "one later");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", k.timestamp.expires_s), EXPIRED, "of records, too");
    IS(registry_trust_step(&t, REGISTRY_TRUST_TIMESTAMP, k.doc[TIMESTAMP].at, k.doc[TIMESTAMP].size, KIT_NOW_S + 3650ull * KIT_DAY_S), EXPIRED, "ten years");
    begin();
    k.snapshot.expires_s = KIT_NOW_S;
    kit_make(&k);
    IS(kit_feed(&t, &k, TIMESTAMP, SNAPSHOT, KIT_NOW_S), EXPIRED, "a snapshot");
    begin();
    k.spaces.expires_s = KIT_NOW_S;
    kit_make(&k);
    IS(kit_feed(&t, &k, TIMESTAMP, SPACES, KIT_NOW_S), EXPIRED, "spaces");
    kit_init(&k);
    k.root.expires_s = KIT_NOW_S;
    kit_make(&k);
    IS(registry_trust_init(&t, k.doc[ROOT].at, k.doc[ROOT].size), NONE, "an expired root leads to its successor");
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), EXPIRED, "and to nothing else");
    begin();
    k.spaces.expires_s = KIT_NOW_S + 3;
    kit_make(&k);
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S + 2), NONE, "the earliest date counts");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S + 3), EXPIRED, "later");
}

static void nobody_says_that_he_is_valid_for_ever(void)
{
    begin();
    k.timestamp.expires_s = k.timestamp.made_s + REGISTRY_TRUST_FRESH_MAX_S;
    kit_make(&k);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), NONE, "a month");
    begin();
    k.timestamp.expires_s = k.timestamp.made_s + REGISTRY_TRUST_FRESH_MAX_S + 1;
    kit_make(&k);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), MALFORMED, "a second more");
    begin();
    k.timestamp.expires_s = k.timestamp.made_s;
    kit_make(&k);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), MALFORMED, "not at all");
}

static void a_clock_that_is_set_back_makes_nothing_valid(void)
{
    believe();
    other = k; /* all that there was on the first day */
    renew();
    k.timestamp.made_s = KIT_NOW_S + 20 * KIT_DAY_S;
    k.timestamp.expires_s = k.timestamp.made_s + KIT_DAY_S;
    k.snapshot.expires_s = KIT_NOW_S + 19 * KIT_DAY_S;
    kit_make(&k);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S + 20 * KIT_DAY_S), NONE, "a later day");
    IS(kit_feed(&t, &k, SNAPSHOT, SNAPSHOT, KIT_NOW_S), EXPIRED, "the clock says an earlier one; the timestamp is signed");
    begin();
    k.timestamp.made_s = KIT_NOW_S + REGISTRY_TRUST_MARGIN_S;
    k.timestamp.expires_s = k.timestamp.made_s + KIT_DAY_S;
    kit_make(&k);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), NONE, "a day ahead");
    begin();
    k.timestamp.made_s++;
    k.timestamp.made_s += REGISTRY_TRUST_MARGIN_S;
    k.timestamp.expires_s = k.timestamp.made_s + KIT_DAY_S;
    kit_make(&k);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), FUTURE, "a second more");
}

static void what_does_not_belong_together_is_refused(void)
{
    believe();
    other = k;
    renew();
    for (unsigned kind = SNAPSHOT; kind <= CATALOGUE; kind++) {
        struct kit mixed = k;

        mixed.doc[kind] = other.doc[kind];
        if (kind == CATALOGUE) {
            mixed.doc[kind].at[mixed.doc[kind].size - 2] ^= 1;
        }
        t = before;
        IS(kit_feed(&t, &mixed, TIMESTAMP, CATALOGUE, KIT_NOW_S), MIXED, "kind %u of the day before", kind);
    }
    /* Names the right bytes under another number. */
    t = before;
    k.timestamp.snapshot.version++;
    kit_make_from(&k, REGISTRY_TRUST_TIMESTAMP);
    IS(kit_feed(&t, &k, TIMESTAMP, SNAPSHOT, KIT_NOW_S), MIXED, "a snapshot that says another number");
    t = before;
    k.timestamp.snapshot.version--;
    k.snapshot.spaces.version++;
    kit_make_from(&k, REGISTRY_TRUST_SNAPSHOT);
    IS(kit_feed(&t, &k, TIMESTAMP, SPACES, KIT_NOW_S), MIXED, "spaces that say another number");
    begin();
    for (unsigned kind = SNAPSHOT; kind <= CATALOGUE; kind++) {
        IS(kit_feed(&t, &k, (enum registry_trust_stage)kind, (enum registry_trust_stage)kind, KIT_NOW_S), ORDER, "kind %u before what names it", kind);
    }
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S), ORDER, "a record before all");
}

static void another_repository_is_not_this_one(void)
{
    kit_init(&other);
    strcpy(other.root.origin, "example.org/other");
    kit_make(&other);
    believe();
    IS(kit_feed(&t, &other, TIMESTAMP, TIMESTAMP, KIT_NOW_S), ORIGIN, "with the same keys");
    other.root.version = 2;
    kit_make(&other);
    IS(kit_feed(&t, &other, ROOT, ROOT, KIT_NOW_S), ORIGIN, "nor its root");
    k.record.origin = kit_slice("example.org/other");
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "the rest");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S), ORIGIN, "nor its records");
}

static void numbers_do_not_come_to_their_end(void)
{
    believe();
    k.timestamp.version = 1 + REGISTRY_TRUST_STEP_MAX;
    kit_make_from(&k, REGISTRY_TRUST_TIMESTAMP);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), NONE, "the largest step");
    t = before;
    k.timestamp.version++;
    kit_make_from(&k, REGISTRY_TRUST_TIMESTAMP);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), JUMP, "one more");
    k.timestamp.version = 2;
    k.timestamp.snapshot.version = REGISTRY_VERSION_NUMBER_MAX;
    kit_make_from(&k, REGISTRY_TRUST_TIMESTAMP);
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), JUMP, "of a snapshot");
    k.timestamp.snapshot.version = k.snapshot.version = 2;
    k.snapshot.spaces.version = REGISTRY_VERSION_NUMBER_MAX;
    kit_make_from(&k, REGISTRY_TRUST_SNAPSHOT);
    IS(kit_feed(&t, &k, TIMESTAMP, SNAPSHOT, KIT_NOW_S), JUMP, "of spaces");
}

/* Fast-forward: whoever stole keys leaves high numbers; a root that changes those keys takes them back, and only those. */
static void high_numbers_go_with_the_keys_that_signed_them(void)
{
    believe();
    other = k;
    k.timestamp.version = k.timestamp.snapshot.version = k.snapshot.version = 900000;
    kit_make_from(&k, REGISTRY_TRUST_SNAPSHOT);
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "the thief's");
    IS(kit_feed(&t, &other, TIMESTAMP, TIMESTAMP, KIT_NOW_S), ROLLBACK, "the owner's is older");
    other.root.version = 2;
    other.root.role[REGISTRY_ROLE_TIMESTAMP] = kit_keys(1, 10, 1);
    other.signer[REGISTRY_ROLE_TIMESTAMP][0] = 10;
    kit_revoke(&other, KIT_TIMESTAMP);
    other.timestamp.version = 2;
    kit_make_from(&other, REGISTRY_TRUST_SPACES);
    IS(kit_feed(&t, &other, ROOT, CATALOGUE, KIT_NOW_S), NONE, "after a new root it counts from its own");
    IS(kit_feed(&t, &k, TIMESTAMP, TIMESTAMP, KIT_NOW_S), UNSIGNED, "the thief's is nobody's");
    IS(kit_record(&t, &other, "acme/greeter", "1.2.3", KIT_NOW_S), NONE, "records are as they were");

    /* A root that leaves a role's keys as they are leaves its numbers, too. */
    believe();
    other = k;
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "newer ones");
    other.root.version = 2;
    other.root.expires_s++;
    kit_make_from(&other, ROOT);
    IS(kit_feed(&t, &other, ROOT, ROOT, KIT_NOW_S), NONE, "a root of the same keys");
    IS(kit_feed(&t, &other, TIMESTAMP, TIMESTAMP, KIT_NOW_S), ROLLBACK, "takes nothing back");
    other.root.version = 3;
    other.root.role[REGISTRY_ROLE_TIMESTAMP] = kit_keys(1, 10, 1);
    other.signer[REGISTRY_ROLE_TIMESTAMP][0] = 10;
    other.timestamp.version = other.timestamp.snapshot.version = other.snapshot.version = 3;
    other.snapshot.log = k.snapshot.log;
    kit_make_from(&other, REGISTRY_TRUST_SNAPSHOT);
    before = t;
    IS(kit_feed(&t, &other, ROOT, SNAPSHOT, KIT_NOW_S), ROLLBACK, "spaces are counted by the snapshot's key, which stayed");
    other.spaces = k.spaces;
    other.snapshot.spaces.version = k.snapshot.spaces.version;
    other.snapshot.log.size--;
    kit_make_from(&other, REGISTRY_TRUST_SPACES);
    t = before;
    IS(kit_feed(&t, &other, ROOT, SNAPSHOT, KIT_NOW_S), ROLLBACK, "so is the log");
    other.snapshot.log.size++;
    kit_make_from(&other, REGISTRY_TRUST_SPACES);
    t = before;
    IS(kit_feed(&t, &other, ROOT, SPACES, KIT_NOW_S), NONE, "else it goes on");
}

/* ---- roots and revocation ------------------------------------------------------------------------------ */

static void roots_follow_one_another(void)
{
    believe();
    k.root.version = 3;
    kit_make_from(&k, ROOT);
    IS(kit_feed(&t, &k, ROOT, ROOT, KIT_NOW_S), SKIPPED, "one is missing");
    k.root.version = 1;
    kit_make_from(&k, ROOT);
    IS(kit_feed(&t, &k, ROOT, ROOT, KIT_NOW_S), ROLLBACK, "the same number");
    /* New keys: both the old and the new sign. */
    k.root.version = 2;
    k.root.role[REGISTRY_ROLE_ROOT] = kit_keys(2, 10, 3);
    kit_make_from(&k, ROOT);
    IS(kit_feed(&t, &k, ROOT, ROOT, KIT_NOW_S), UNSIGNED, "only the old ones");
    k.signer[ROOT][0] = 10;
    k.signer[ROOT][1] = 11;
    kit_make_from(&k, ROOT);
    IS(kit_feed(&t, &k, ROOT, ROOT, KIT_NOW_S), UNSIGNED, "only the new ones");
    k.signer[ROOT][2] = KIT_ROOT + 1;
    kit_make_from(&k, ROOT);
    IS(kit_feed(&t, &k, ROOT, ROOT, KIT_NOW_S), UNSIGNED, "the new ones and one of two old ones");
    k.signer[ROOT][3] = KIT_ROOT + 2;
    kit_make_from(&k, ROOT);
    CHECK(memcmp(&t, &before, sizeof t) == 0, "nothing of that changed anything");
    IS(kit_feed(&t, &k, ROOT, ROOT, KIT_NOW_S), NONE, "all of them");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S), ORDER, "what is below is judged anew");
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "by the new root");
    kit_init(&other);
    other.root.version = 3;
    kit_make(&other);
    IS(kit_feed(&t, &other, ROOT, ROOT, KIT_NOW_S), UNSIGNED, "the old keys sign no root any more");
}

static void a_revoked_key_signs_nothing(void)
{
    believe();
    k.root.version = 2;
    kit_revoke(&k, KIT_ACME + 1);
    kit_make_from(&k, ROOT);
    IS(kit_feed(&t, &k, ROOT, CATALOGUE, KIT_NOW_S), NONE, "a publisher's key is revoked by the root, though spaces have it still");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.3", KIT_NOW_S), REVOKED, "what it signed");
    k.root.version = 3;
    k.root.revoked.count = 0;
    kit_make_from(&k, ROOT);
    IS(kit_feed(&t, &k, ROOT, ROOT, KIT_NOW_S), UNREVOKED, "it stays so");
    k.root.revoked = t.root.revoked;
    kit_revoke(&k, KIT_SPACES);
    kit_make_from(&k, ROOT);
    IS(kit_feed(&t, &k, ROOT, ROOT, KIT_NOW_S), MALFORMED, "of a role it is taken out first");
    k.root.role[REGISTRY_ROLE_SPACES] = kit_keys(1, 10, 1);
    kit_make_from(&k, ROOT);
    IS(kit_feed(&t, &k, ROOT, SNAPSHOT, KIT_NOW_S), NONE, "now it is");
    IS(kit_feed(&t, &k, SPACES, SPACES, KIT_NOW_S), UNSIGNED, "spaces that it signed");
}

/* ---- wrong target, endless data, slow retrieval ---------------------------------------------------------- */

static void only_what_was_asked_for_is_taken(void)
{
    believe();
    IS(kit_record(&t, &k, "acme/other", "1.2.3", KIT_NOW_S), NOT_LISTED, "another name");
    IS(kit_record(&t, &k, "acme/greeter", "1.2.4", KIT_NOW_S), NOT_LISTED, "another version");
    IS(kit_record(&t, &k, "greeter", "1.2.3", KIT_NOW_S), NOT_LISTED, "without its space");
    k.listed_version = "9.9.9";
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, k.timestamp.made_s), NONE, "a catalogue that calls it newer than it is");
    IS(kit_record(&t, &k, "acme/greeter", "9.9.9", k.timestamp.made_s), WRONG_TARGET, "is not believed");
    k.listed_version = "1.2.3";
    k.listed_name = "acme/wallet";
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, k.timestamp.made_s), NONE, "a catalogue that gives it another name");
    IS(kit_record(&t, &k, "acme/wallet", "1.2.3", k.timestamp.made_s), WRONG_TARGET, "nor that");
    k.listed_name = "wallet";
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, k.timestamp.made_s), NONE, "… in another space");
    IS(kit_record(&t, &k, "wallet", "1.2.3", k.timestamp.made_s), UNSIGNED, "whose keys are others");
    k.listed_name = "foe/wallet";
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, k.timestamp.made_s), NONE, "… in one that there is not");
    IS(kit_record(&t, &k, "foe/wallet", "1.2.3", k.timestamp.made_s), NO_SPACE, "nobody signs there");
}

static void data_comes_to_an_end(void)
{
    static char endless[REGISTRY_ROOT_MAX + 1];
    struct registry_record r;
    bool is_yanked;

    memset(endless, 'a', sizeof endless);
    begin();
    IS(registry_trust_step(&t, REGISTRY_TRUST_ROOT, endless, REGISTRY_ROOT_MAX + 1, KIT_NOW_S), TOO_LARGE, "a root");
    IS(registry_trust_step(&t, REGISTRY_TRUST_ROOT, endless, REGISTRY_ROOT_MAX, KIT_NOW_S), MALFORMED, "the largest");
    IS(registry_trust_init(&before, endless, REGISTRY_ROOT_MAX + 1), TOO_LARGE, "the first one, too");
    IS(registry_trust_step(&t, REGISTRY_TRUST_TIMESTAMP, endless, REGISTRY_TIMESTAMP_MAX + 1, KIT_NOW_S), TOO_LARGE, "a timestamp");
    for (unsigned kind = SNAPSHOT; kind <= CATALOGUE; kind++) {
        CHECK(registry_trust_size(&t, (enum registry_trust_stage)kind) == 0, "it is not the turn of kind %u", kind);
        IS(kit_feed(&t, &k, (enum registry_trust_stage)(kind - 1), (enum registry_trust_stage)(kind - 1), KIT_NOW_S), NONE, "what is above");
        CHECK(registry_trust_size(&t, (enum registry_trust_stage)kind) == k.doc[kind].size, "its size is signed");
        struct kit_doc longer = k.doc[kind];
        longer.at[longer.size++] = 'a';
        IS(registry_trust_step(&t, (enum registry_trust_stage)kind, longer.at, longer.size, KIT_NOW_S), TOO_LARGE, "one byte more of kind %u", kind);
    }
    believe();
    memset(endless, 'a', sizeof endless);
    IS(registry_trust_record(&t, k.record.name, &k.record.version, endless, REGISTRY_RECORD_MAX + 1, KIT_NOW_S, &r, &is_yanked), TOO_LARGE, "a record");
    /* Signed sizes have an end, too. */
    k.snapshot.version = k.timestamp.snapshot.version = k.timestamp.version = 2;
    struct bytes_text text;
    char body[4096];
    bytes_text_init(&text, body, sizeof body);
    k.snapshot.catalogue.size = REGISTRY_CATALOGUE_MAX + 1;
    registry_roles_add_snapshot(&text, &k.snapshot);
    kit_sign(&k.doc[SNAPSHOT], body, text.len, k.signer[REGISTRY_ROLE_SNAPSHOT]);
    kit_make_from(&k, REGISTRY_TRUST_TIMESTAMP);
    IS(kit_feed(&t, &k, TIMESTAMP, SNAPSHOT, KIT_NOW_S), TOO_LARGE, "a catalogue beyond what there may be");
}

static void slow_retrieval_comes_to_an_end(void)
{
    struct registry_fetch f;

    registry_fetch_init(&f, 100000, 500);
    IS(registry_fetch_step(&f, 0, 500 + REGISTRY_FETCH_GRACE_MS), NONE, "nothing in the grace");
    IS(registry_fetch_step(&f, 0, 501 + REGISTRY_FETCH_GRACE_MS), TOO_SLOW, "and a moment longer");
    registry_fetch_init(&f, 100000, 0);
    IS(registry_fetch_step(&f, 100001, 0), TOO_LARGE, "more than there is");
    IS(registry_fetch_step(&f, 100000, 0), NONE, "all of it");
    IS(registry_fetch_step(&f, 1, 0), TOO_LARGE, "one more");
    IS(registry_fetch_step(&f, UINT64_MAX, 0), TOO_LARGE, "past all numbers");
    /* A byte now and then, for ever. */
    registry_fetch_init(&f, UINT64_MAX / 2000, 0);
    enum registry_fault fault = REGISTRY_FAULT_NONE;
    uint64_t now_ms = 0;
    for (; fault == REGISTRY_FAULT_NONE && now_ms < 1000000000; now_ms += 1000) {
        fault = registry_fetch_step(&f, 1, now_ms);
    }
    IS(fault, TOO_SLOW, "a byte a second");
    CHECK(now_ms < 2 * REGISTRY_FETCH_GRACE_MS, "is given up soon: %llu ms", (unsigned long long)now_ms);
    /* As slow as may be: it ends with the document. */
    registry_fetch_init(&f, 1 << 20, 0);
    for (now_ms = 1000, fault = REGISTRY_FAULT_NONE; fault == REGISTRY_FAULT_NONE && f.got < 1 << 20; now_ms += 1000) {
        fault = registry_fetch_step(&f, REGISTRY_FETCH_RATE, now_ms);
    }
    IS(fault, NONE, "as fast as is asked for");
}

/* ---- what lasts ---------------------------------------------------------------------------------------- */

static void trust_lasts_through_a_restart(void)
{
    static char image[REGISTRY_TRUST_IMAGE_MAX], again[REGISTRY_TRUST_IMAGE_MAX];
    struct registry_trust back;

    believe();
    other = k;
    renew();
    IS(kit_feed(&t, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "newer ones");
    size_t size = registry_trust_write(&t, image);
    REQUIRE(registry_trust_read(image, size, &back), "is read");
    CHECK(registry_trust_write(&back, again) == size && memcmp(image, again, size) == 0, "and is the same");
    IS(kit_record(&back, &k, "acme/greeter", "1.2.3", KIT_NOW_S), ORDER, "documents are fed anew");
    IS(kit_feed(&back, &other, TIMESTAMP, TIMESTAMP, KIT_NOW_S), ROLLBACK, "older ones are refused as before");
    IS(kit_feed(&back, &k, TIMESTAMP, CATALOGUE, KIT_NOW_S), NONE, "the present ones are not");
    IS(kit_record(&back, &k, "acme/greeter", "1.2.3", KIT_NOW_S), NONE, "nor their records");
    for (size_t at = 0; at < size; at++) {
        image[at] ^= 1;
        CHECK(!registry_trust_read(image, size, &back) && !registry_trust_read(image, at, &back), "byte %zu is another, or missing", at);
        image[at] ^= 1;
    }
}

/* Documents of many days, right and wrong ones, in any order: numbers never go back, and what is believed has been said. */
static void trust_only_grows(void)
{
    enum { DAYS = 12 };
    static struct kit day[DAYS];
    struct rng r;
    unsigned steps_done = 0;

    begin();
    for (unsigned i = 0; i < DAYS; i++) {
        day[i] = k;
        renew();
    }
    for (unsigned world = 0; world < 60; world++) {
        rng_init(&r, world);
        begin();
        uint64_t now_s = KIT_NOW_S;
        for (unsigned i = 0; i < 200; i++) {
            const struct kit *d = &day[rng_below(&r, DAYS)];
            enum registry_trust_stage kind = (enum registry_trust_stage)(rng_below(&r, CATALOGUE) + 1);
            struct kit_doc doc = d->doc[kind];

            now_s += rng_below(&r, KIT_DAY_S / 10);
            if (rng_below(&r, 4) == 0) {
                doc.at[rng_below(&r, doc.size)] ^= (char)(1 + rng_below(&r, 255));
            }
            before = t;
            enum registry_fault f = registry_trust_step(&t, kind, doc.at, doc.size, now_s);
            CHECK(f == REGISTRY_FAULT_NONE || memcmp(&t, &before, sizeof t) == 0, "a fault changes nothing: world %u, step %u", world, i);
            CHECK(t.timestamp.version >= before.timestamp.version && t.snapshot.version >= before.snapshot.version &&
                      t.spaces.version >= before.spaces.version && t.made_s >= before.made_s && t.log.size >= before.log.size,
                  "world %u, step %u", world, i);
            if (f == REGISTRY_FAULT_NONE) {
                steps_done++;
                CHECK(memcmp(doc.at, d->doc[kind].at, doc.size) == 0, "only what was signed: world %u, step %u", world, i);
                t.space = kind == REGISTRY_TRUST_SPACES ? d->spaces : t.space; /* doc is gone behind this turn */
            }
        }
    }
    CHECK(steps_done > 500, "%u steps were believed", steps_done);
}

int main(void)
{
    a_repository_is_believed();
    arbitrary_bytes_are_refused();
    no_byte_of_a_document_can_be_other();
    a_wrong_key_signs_nothing();
    a_signature_cannot_be_moved();
    fewer_than_the_threshold_do_not_do();
    one_key_does_not_sign_twice();
    an_edited_field_is_refused();
    what_is_older_is_refused();
    other_content_under_a_known_number_is_a_fork();
    a_frozen_repository_is_seen();
    nobody_says_that_he_is_valid_for_ever();
    a_clock_that_is_set_back_makes_nothing_valid();
    what_does_not_belong_together_is_refused();
    another_repository_is_not_this_one();
    numbers_do_not_come_to_their_end();
    high_numbers_go_with_the_keys_that_signed_them();
    roots_follow_one_another();
    a_revoked_key_signs_nothing();
    only_what_was_asked_for_is_taken();
    data_comes_to_an_end();
    slow_retrieval_comes_to_an_end();
    trust_lasts_through_a_restart();
    trust_only_grows();
    return CHECK_RESULT();
}
