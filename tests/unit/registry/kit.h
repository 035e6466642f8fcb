/* A small repository in memory, every document of which can be made wrong in one way. */
#ifndef CELL_TESTS_UNIT_REGISTRY_KIT_H
#define CELL_TESTS_UNIT_REGISTRY_KIT_H

#include "registry/trust.h"

enum { KIT_NOW_S = 1790000000, KIT_DAY_S = 24 * 3600, KIT_SIGNERS = 4, KIT_KEYS = 16 };

/* Who signs: keys by their number, below 0: nobody. */
enum { KIT_ROOT = 0 /* 0, 1, 2: two of them */, KIT_TIMESTAMP = 3, KIT_SNAPSHOT = 4, KIT_SPACES = 5, KIT_ACME = 6 /* 6, 7: both */, KIT_ANY = 8, KIT_FOE = 9 };

struct kit_doc {
    char at[16 * 1024];
    size_t size;
};

struct kit {
    struct registry_root root;
    struct registry_timestamp timestamp;
    struct registry_snapshot snapshot;
    struct registry_spaces spaces;
    char space_lines[4096];
    int signer[REGISTRY_ROLES][KIT_SIGNERS], record_signer[KIT_SIGNERS];
    struct registry_record record;
    const char *listed_name, *listed_version; /* what the catalogue calls the record */
    bool is_yanked;
    struct kit_doc doc[REGISTRY_TRUST_CATALOGUE + 1], record_doc;
};

const uint8_t *kit_public(unsigned key);

/* Keys `first` to `first` + count - 1, in order. */
struct registry_keys kit_keys(unsigned threshold, unsigned first, unsigned count);
void kit_revoke(struct kit *k, unsigned key);

void kit_init(struct kit *k);

/* Every document anew, each naming the next as it is; or from one kind upwards, so that what is below stays as a foe left it. */
void kit_make(struct kit *k);
void kit_make_from(struct kit *k, enum registry_trust_stage lowest);

/* Sign a body. */
void kit_sign(struct kit_doc *d, const char *body, size_t len, const int signer[KIT_SIGNERS]);

/* Trust the root and step through the rest; the first fault. */
enum registry_fault kit_feed(struct registry_trust *t, const struct kit *k, enum registry_trust_stage from, enum registry_trust_stage to, uint64_t now_s);
enum registry_fault kit_record(const struct registry_trust *t, const struct kit *k, const char *name, const char *version, uint64_t now_s);

struct registry_slice kit_slice(const char *text);

#endif
