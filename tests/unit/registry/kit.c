#include "tests/unit/registry/kit.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static uint8_t secret[KIT_KEYS][REGISTRY_SECRET_SIZE];

static void make_keys(void)
{
    if (secret[0][32] != 0) {
        return;
    }
    for (unsigned i = 0; i < KIT_KEYS; i++) {
        uint8_t seed[32] = {(uint8_t)(i + 1)}, public[32];

        (void)crypto_sign_seed_keypair(public, secret[i], seed);
    }
}

const uint8_t *kit_public(unsigned key)
{
    make_keys();
    return secret[key] + 32;
}

struct registry_slice kit_slice(const char *text)
{
    return (struct registry_slice){.at = text, .len = strlen(text)};
}

static void insert(uint8_t (*keys)[REGISTRY_KEY_SIZE], unsigned count, const uint8_t *key)
{
    unsigned at = count;

    for (; at > 0 && memcmp(keys[at - 1], key, REGISTRY_KEY_SIZE) > 0; at--) {
        memcpy(keys[at], keys[at - 1], REGISTRY_KEY_SIZE);
    }
    memcpy(keys[at], key, REGISTRY_KEY_SIZE);
}

struct registry_keys kit_keys(unsigned threshold, unsigned first, unsigned count)
{
    struct registry_keys keys = {.threshold = (uint8_t)threshold};

    for (unsigned i = 0; i < count; i++) {
        insert(keys.key, keys.count++, kit_public(first + i));
    }
    return keys;
}

void kit_revoke(struct kit *k, unsigned key)
{
    insert(k->root.revoked.key, k->root.revoked.count++, kit_public(key));
}

void kit_sign(struct kit_doc *d, const char *body, size_t len, const int signer[KIT_SIGNERS])
{
    uint8_t by[KIT_SIGNERS][REGISTRY_SECRET_SIZE];
    size_t count = 0;

    make_keys();
    for (unsigned i = 0; i < KIT_SIGNERS; i++) {
        if (signer[i] >= 0) {
            memcpy(by[count++], secret[signer[i]], REGISTRY_SECRET_SIZE);
        }
    }
    d->size = registry_signed_write((struct registry_slice){.at = body, .len = len}, by, count, d->at, sizeof d->at);
    REQUIRE(d->size > 0, "a document has room");
}

static void space_line(struct bytes_text *t, const char *name, struct registry_keys keys)
{
    bytes_text_add(t, "space %s ", name);
    registry_signed_add_keys(t, &keys);
    bytes_text_add(t, "\n");
}

void kit_init(struct kit *k)
{
    struct bytes_text lines;

    *k = (struct kit){.root = {.origin = "example.org/cells", .version = 1, .expires_s = KIT_NOW_S + 365 * KIT_DAY_S}};
    memset(k->signer, -1, sizeof k->signer);
    memset(k->record_signer, -1, sizeof k->record_signer);
    k->root.role[REGISTRY_ROLE_ROOT] = kit_keys(2, KIT_ROOT, 3);
    k->root.role[REGISTRY_ROLE_TIMESTAMP] = kit_keys(1, KIT_TIMESTAMP, 1);
    k->root.role[REGISTRY_ROLE_SNAPSHOT] = kit_keys(1, KIT_SNAPSHOT, 1);
    k->root.role[REGISTRY_ROLE_SPACES] = kit_keys(1, KIT_SPACES, 1);
    k->signer[REGISTRY_ROLE_ROOT][0] = KIT_ROOT;
    k->signer[REGISTRY_ROLE_ROOT][1] = KIT_ROOT + 1;
    k->signer[REGISTRY_ROLE_TIMESTAMP][0] = KIT_TIMESTAMP;
    k->signer[REGISTRY_ROLE_SNAPSHOT][0] = KIT_SNAPSHOT;
    k->signer[REGISTRY_ROLE_SPACES][0] = KIT_SPACES;
    k->record_signer[0] = KIT_ACME;
    k->record_signer[1] = KIT_ACME + 1;
    bytes_text_init(&lines, k->space_lines, sizeof k->space_lines);
    space_line(&lines, "-", kit_keys(1, KIT_ANY, 1));
    space_line(&lines, "acme", kit_keys(2, KIT_ACME, 2));
    k->timestamp = (struct registry_timestamp){.version = 1, .made_s = KIT_NOW_S, .expires_s = KIT_NOW_S + 7 * KIT_DAY_S, .snapshot.version = 1};
    k->snapshot = (struct registry_snapshot){.version = 1, .expires_s = KIT_NOW_S + 30 * KIT_DAY_S, .spaces.version = 1, .log = {.size = 1, .hash = {1}}};
    k->spaces = (struct registry_spaces){.version = 1, .expires_s = KIT_NOW_S + 90 * KIT_DAY_S};
    k->record = (struct registry_record){.origin = kit_slice("example.org/cells"), .name = kit_slice("acme/greeter"), .version = {.major = 1, .minor = 2, .patch = 3},
                                         .made_s = KIT_NOW_S, .summary = kit_slice("Says hello."), .repository = kit_slice("https://example.org/acme/greeter.git"),
                                         .commit = kit_slice("0123456789abcdef0123456789abcdef01234567"), .tree = {7}, .builds = 1, .depends = 1};
    k->record.build[0].target = kit_slice("x86_64-linux-gnu");
    k->record.depend[0].name = kit_slice("acme/log");
    k->record.depend[0].range = kit_slice("^1.2");
    k->listed_name = "acme/greeter";
    k->listed_version = "1.2.3";
}

static void name_doc(struct registry_named *named, const struct kit_doc *d)
{
    named->size = d->size;
    registry_text_hash(d->at, d->size, named->hash);
}

static void make_record(struct kit *k)
{
    struct bytes_text text;
    char body[8192];

    bytes_text_init(&text, body, sizeof body);
    bool is_good = registry_record_write(&k->record, &text);
    REQUIRE(is_good, "the record is one");
    kit_sign(&k->record_doc, body, text.len, k->record_signer);
}

static void make_catalogue(struct kit *k)
{
    struct registry_entry e = {.name = kit_slice(k->listed_name), .version = kit_slice(k->listed_version), .is_yanked = k->is_yanked};
    struct kit_doc *d = &k->doc[REGISTRY_TRUST_CATALOGUE];
    struct bytes_text text;

    registry_text_hash(k->record_doc.at, k->record_doc.size, e.hash);
    bytes_text_init(&text, d->at, sizeof d->at);
    registry_catalogue_add_head(&text, kit_slice(k->root.origin));
    registry_catalogue_add(&text, &e);
    d->size = text.len;
}

static void make_signed(struct kit *k, enum registry_trust_stage kind)
{
    struct registry_slice origin = kit_slice(k->root.origin);
    struct bytes_text text;
    char body[8192];

    bytes_text_init(&text, body, sizeof body);
    if (kind == REGISTRY_TRUST_SPACES) {
        k->spaces.origin = origin;
        k->spaces.list = kit_slice(k->space_lines);
        registry_roles_add_spaces(&text, &k->spaces);
    } else if (kind == REGISTRY_TRUST_SNAPSHOT) {
        k->snapshot.origin = origin;
        name_doc(&k->snapshot.spaces, &k->doc[REGISTRY_TRUST_SPACES]);
        name_doc(&k->snapshot.catalogue, &k->doc[REGISTRY_TRUST_CATALOGUE]);
        registry_roles_add_snapshot(&text, &k->snapshot);
    } else if (kind == REGISTRY_TRUST_TIMESTAMP) {
        k->timestamp.origin = origin;
        name_doc(&k->timestamp.snapshot, &k->doc[REGISTRY_TRUST_SNAPSHOT]);
        registry_roles_add_timestamp(&text, &k->timestamp);
    } else {
        registry_roles_add_root(&text, &k->root);
    }
    kit_sign(&k->doc[kind], body, text.len, k->signer[kind]);
}

void kit_make_from(struct kit *k, enum registry_trust_stage lowest)
{
    if (lowest == REGISTRY_TRUST_CATALOGUE) {
        make_catalogue(k);
    }
    for (int kind = REGISTRY_TRUST_SPACES; kind >= 0; kind--) {
        if (kind <= (int)lowest) {
            make_signed(k, (enum registry_trust_stage)kind);
        }
    }
}

void kit_make(struct kit *k)
{
    make_record(k);
    kit_make_from(k, REGISTRY_TRUST_CATALOGUE);
}

enum registry_fault kit_feed(struct registry_trust *t, const struct kit *k, enum registry_trust_stage from, enum registry_trust_stage to, uint64_t now_s)
{
    enum registry_fault f = REGISTRY_FAULT_NONE;

    for (unsigned kind = from; kind <= to && f == REGISTRY_FAULT_NONE; kind++) {
        f = registry_trust_step(t, (enum registry_trust_stage)kind, k->doc[kind].at, k->doc[kind].size, now_s);
    }
    return f;
}

enum registry_fault kit_record(const struct registry_trust *t, const struct kit *k, const char *name, const char *version, uint64_t now_s)
{
    struct registry_version v;
    struct registry_record r;
    bool is_yanked;

    REQUIRE(registry_version_parse(version, strlen(version), &v) == ERR_OK, "%s", version);
    return registry_trust_record(t, kit_slice(name), &v, k->record_doc.at, k->record_doc.size, now_s, &r, &is_yanked);
}
