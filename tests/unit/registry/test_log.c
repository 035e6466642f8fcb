/* REG-7: the log's roots and proofs are those of RFC 6962, whatever its size; a fork is seen. */
#include "registry/log.h"

#include <sodium.h>
#include <string.h>

#include "common/base/rng.h"
#include "registry/note.h"
#include "tests/support/check.h"
#include "tests/unit/registry/kit.h"

enum { LEAVES = 300, ROW = 2 * LEAVES + 16 };

typedef uint8_t hash32[REGISTRY_HASH_SIZE];

/* A log in memory. */
static struct row {
    hash32 at[ROW];
    uint64_t count, reads;
} row;

static bool get(void *context, uint64_t place, uint8_t ret[REGISTRY_HASH_SIZE])
{
    struct row *r = context;

    r->reads++;
    if (place >= r->count) {
        return false;
    }
    memcpy(ret, r->at[place], REGISTRY_HASH_SIZE);
    return true;
}

static struct registry_log tree = {.get = get, .context = &row};

static void add(const void *bytes, size_t size)
{
    hash32 leaf, more[REGISTRY_LOG_APPEND_MAX];
    unsigned count = 0;

    registry_log_leaf(bytes, size, leaf);
    REQUIRE(registry_log_append(&tree, leaf, more, &count) == ERR_OK && row.count + count <= ROW, "a leaf");
    memcpy(row.at[row.count], more, count * sizeof more[0]);
    row.count += count;
    tree.size++;
}

static void empty(void)
{
    row.count = tree.size = 0;
}

/* ---- what Certificate Transparency's own tests have ------------------------------------------------------- */

static const char *const leaves[] = {"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
static const char *const roots[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static void roots_are_those_of_certificate_transparency(void)
{
    empty();
    for (size_t i = 0; i <= ARRAY_LEN(leaves); i++) {
        struct registry_log_head head;
        uint8_t bytes[16];
        char hex[2 * REGISTRY_HASH_SIZE + 1];

        REQUIRE(registry_log_root(&tree, i, &head) == ERR_OK && head.size == i, "of %zu", i);
        bytes_to_hex(head.hash, sizeof head.hash, hex);
        CHECK(strcmp(hex, roots[i]) == 0, "of %zu leaves: %s", i, hex);
        if (i < ARRAY_LEN(leaves)) {
            REQUIRE(bytes_from_hex(leaves[i], bytes, strlen(leaves[i]) / 2), "leaf %zu", i);
            add(bytes, strlen(leaves[i]) / 2);
        }
    }
}

/* ---- by the words of RFC 6962, section 2.1 -------------------------------------------------------------------- */

static hash32 leaf_hash[LEAVES], known[LEAVES + 1][LEAVES + 1];
static bool is_known[LEAVES + 1][LEAVES + 1];

static unsigned k_of(unsigned n)
{
    unsigned k = 1;

    while (k * 2 < n) {
        k *= 2;
    }
    return k;
}

/* MTH(D[a:b]) */
static const uint8_t *mth(unsigned a, unsigned b)
{
    if (!is_known[a][b]) {
        if (b - a == 1) {
            memcpy(known[a][b], leaf_hash[a], sizeof known[a][b]);
        } else {
            unsigned k = k_of(b - a);
            uint8_t bytes[1 + 2 * REGISTRY_HASH_SIZE] = {1};

            memcpy(bytes + 1, mth(a, a + k), REGISTRY_HASH_SIZE);
            memcpy(bytes + 1 + REGISTRY_HASH_SIZE, mth(a + k, b), REGISTRY_HASH_SIZE);
            (void)crypto_hash_sha256(known[a][b], bytes, sizeof bytes);
        }
        is_known[a][b] = true;
    }
    return known[a][b];
}

/* PATH(m, D[a:b]) */
static unsigned path(unsigned m, unsigned a, unsigned b, hash32 *to)
{
    unsigned k = b - a == 1 ? 0 : k_of(b - a), count;

    if (b - a == 1) {
        return 0;
    }
    bool is_left = m < k;
    count = is_left ? path(m, a, a + k, to) : path(m - k, a + k, b, to);
    memcpy(to[count], is_left ? mth(a + k, b) : mth(a, a + k), REGISTRY_HASH_SIZE);
    return count + 1;
}

/* SUBPROOF(m, D[a:b], is_whole) */
static unsigned subproof(unsigned m, unsigned a, unsigned b, bool is_whole, hash32 *to)
{
    unsigned k, count;

    if (m == b - a) {
        if (!is_whole) {
            memcpy(to[0], mth(a, b), REGISTRY_HASH_SIZE);
        }
        return !is_whole;
    }
    k = k_of(b - a);
    if (m <= k) {
        count = subproof(m, a, a + k, is_whole, to);
        memcpy(to[count], mth(a + k, b), REGISTRY_HASH_SIZE);
    } else {
        count = subproof(m - k, a + k, b, false, to);
        memcpy(to[count], mth(a, a + k), REGISTRY_HASH_SIZE);
    }
    return count + 1;
}

static void grow_to_all(void)
{
    empty();
    for (unsigned i = 0; i < LEAVES; i++) {
        uint8_t bytes[2] = {(uint8_t)i, (uint8_t)(i >> 8)};

        registry_log_leaf(bytes, sizeof bytes, leaf_hash[i]);
        add(bytes, sizeof bytes);
        CHECK(registry_log_hashes(i + 1) == row.count && registry_log_size(row.count) == i + 1, "a row of %u leaves", i + 1);
    }
}

static struct registry_log_head head_of(unsigned size)
{
    struct registry_log_head head = {0};

    REQUIRE(registry_log_root(&tree, size, &head) == ERR_OK, "of %u", size);
    return head;
}

static void roots_and_proofs_are_those_of_the_words(void)
{
    hash32 proof[REGISTRY_LOG_PROOF_MAX], said[REGISTRY_LOG_PROOF_MAX];
    unsigned count = 0, longest = 0;

    for (unsigned size = 1; size <= LEAVES && check_failures < 20; size++) {
        struct registry_log_head head = head_of(size);

        CHECK(memcmp(head.hash, mth(0, size), REGISTRY_HASH_SIZE) == 0, "root of %u", size);
        for (unsigned i = 0; i < size; i++) {
            bool is_done = registry_log_include(&tree, i, size, proof, &count) == ERR_OK;

            CHECK(is_done && count == path(i, 0, size, said) && memcmp(proof, said, count * sizeof proof[0]) == 0, "%u in %u", i, size);
            CHECK(registry_log_is_included(&head, i, leaf_hash[i], proof, count), "%u in %u holds", i, size);
            longest = count > longest ? count : longest;
            if (i + 1 < size) {
                CHECK(!registry_log_is_included(&head, i + 1, leaf_hash[i], proof, count), "%u in %u is not %u", i, size, i + 1);
            }
        }
        for (unsigned before = 1; before <= size; before++) {
            struct registry_log_head older = head_of(before);
            bool is_done = registry_log_extend(&tree, before, size, proof, &count) == ERR_OK;

            CHECK(is_done && count == subproof(before, 0, size, true, said) && memcmp(proof, said, count * sizeof proof[0]) == 0, "%u to %u", before, size);
            CHECK(registry_log_is_extended(&older, &head, proof, count), "%u to %u holds", before, size);
            older.hash[size % 32] ^= 1;
            CHECK(!registry_log_is_extended(&older, &head, proof, count), "%u to %u is of that older one alone", before, size);
        }
    }
    CHECK(longest == 9, "of 300 leaves 9 hashes: %u", longest);
}

/* A proof that is one hash shorter, longer, or other, or of another size, does not hold. */
static void a_wrong_proof_does_not_hold(void)
{
    hash32 proof[REGISTRY_LOG_PROOF_MAX + 1] = {{0}};
    struct rng r;

    rng_init(&r, 9);
    for (unsigned n = 0; n < 20000; n++) {
        unsigned size = (unsigned)rng_below(&r, LEAVES) + 1, at = (unsigned)rng_below(&r, size), before = at + 1, count = 0;
        struct registry_log_head head = head_of(size), older = head_of(before), other = head;
        bool is_extension = rng_below(&r, 2) == 0;

        REQUIRE((is_extension ? registry_log_extend(&tree, before, size, proof, &count) : registry_log_include(&tree, at, size, proof, &count)) == ERR_OK, "a proof");
        unsigned how = (unsigned)rng_below(&r, 4);
        unsigned used = count;
        if (how == 0 && count > 0) {
            proof[rng_below(&r, count)][rng_below(&r, 32)] ^= (uint8_t)(1 + rng_below(&r, 255));
        } else if (how == 1 && count > 0) {
            used = (unsigned)rng_below(&r, count);
        } else if (how == 2) {
            used = count + 1 + (unsigned)rng_below(&r, REGISTRY_LOG_PROOF_MAX - count);
        } else {
            other.hash[rng_below(&r, 32)] ^= 1;
        }
        CHECK(!(is_extension ? registry_log_is_extended(&older, &other, proof, used) : registry_log_is_included(&other, at, leaf_hash[at], proof, used)),
              "%u of %u, case %u", at, size, how);
    }
    struct registry_log_head none = {0}, all = head_of(LEAVES);
    CHECK(!registry_log_is_included(&none, 0, leaf_hash[0], proof, 0), "nothing is in none");
    unsigned count = 0;
    REQUIRE(registry_log_include(&tree, 0, LEAVES, proof, &count) == ERR_OK && registry_log_is_included(&all, 0, leaf_hash[0], proof, count), "the first leaf");
    CHECK(!registry_log_is_included(&all, LEAVES, leaf_hash[0], proof, count), "nothing is behind the end");
    CHECK(registry_log_is_extended(&none, &all, proof, 0) && !registry_log_is_extended(&none, &all, proof, 1), "none is the begin of all, without a proof");
    CHECK(!registry_log_is_extended(&all, &none, proof, 0), "all is not the begin of none");
    CHECK(!registry_log_is_extended(&all, &all, proof, REGISTRY_LOG_PROOF_MAX + 1), "longer than any");
}

static void errors_are_told(void)
{
    hash32 proof[REGISTRY_LOG_PROOF_MAX];
    struct registry_log_head head;
    unsigned count;

    CHECK(registry_log_root(&tree, LEAVES + 1, &head) == ERR_RANGE, "a root of more than there is");
    CHECK(registry_log_include(&tree, 5, 5, proof, &count) == ERR_RANGE && registry_log_include(&tree, 5, LEAVES + 1, proof, &count) == ERR_RANGE, "a leaf");
    CHECK(registry_log_extend(&tree, 6, 5, proof, &count) == ERR_RANGE && registry_log_extend(&tree, 5, LEAVES + 1, proof, &count) == ERR_RANGE, "an extension");
    row.count = 3;
    CHECK(registry_log_root(&tree, LEAVES, &head) == ERR_IO && registry_log_include(&tree, 200, LEAVES, proof, &count) == ERR_IO &&
              registry_log_extend(&tree, 200, LEAVES, proof, &count) == ERR_IO,
          "a row that is cut short");
    CHECK(registry_log_size(0) == 0 && registry_log_size(1) == 1 && registry_log_size(2) == 1 && registry_log_size(3) == 2 && registry_log_size(6) == 3, "leaves of a row");
    row.count = registry_log_hashes(LEAVES);
    struct registry_log full = {.size = REGISTRY_VERSION_NUMBER_MAX, .get = get, .context = &row};
    CHECK(registry_log_append(&full, leaf_hash[0], (hash32[REGISTRY_LOG_APPEND_MAX]){{0}}, &count) == ERR_LIMIT, "a full log");
}

static void few_hashes_are_read(void)
{
    hash32 proof[REGISTRY_LOG_PROOF_MAX];
    unsigned count;

    row.reads = 0;
    REQUIRE(registry_log_include(&tree, 123, LEAVES - 1, proof, &count) == ERR_OK, "a proof");
    CHECK(row.reads <= 30, "%llu", (unsigned long long)row.reads);
}

/* ---- notes -------------------------------------------------------------------------------------------- */

#define PETER "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define SAID "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
#define SIGNED "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="

/* The example in the documentation of Go's sumdb/note. */
static const struct {
    const char *note;
    enum registry_fault fault;
    const char *why;
} notes[] = {
    {SAID "\n" SIGNED "\n", REGISTRY_FAULT_NONE, "as it stands there"},
    {SAID "\n\xe2\x80\x94 another AAAAAAAA\n" SIGNED "\n", REGISTRY_FAULT_NONE, "another's before it"},
    {SAID "\n\xe2\x80\x94 PeterNeumann AAAAAAAA\n" SIGNED "\n", REGISTRY_FAULT_NONE, "another key of this name"},
    {SAID "\n\xe2\x80\x94 another AAAAAAAA\n", REGISTRY_FAULT_UNSIGNED, "another's alone"},
    {"if you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" SIGNED "\n", REGISTRY_FAULT_FORGED, "another letter"},
    {"\n" SAID "\n" SIGNED "\n", REGISTRY_FAULT_FORGED, "an empty line before"},
    {SAID "\n" SIGNED, REGISTRY_FAULT_MALFORMED, "no end"},
    {SAID SIGNED "\n", REGISTRY_FAULT_MALFORMED, "no empty line"},
    {SAID "\n", REGISTRY_FAULT_MALFORMED, "no signature"},
    {SAID "\n- PeterNeumann AAAA\n", REGISTRY_FAULT_MALFORMED, "another dash"},
    {SAID "\n" SIGNED " x\n", REGISTRY_FAULT_MALFORMED, "a third word"},
    {SAID "\n\xe2\x80\x94 Peter+Neumann AAAA\n", REGISTRY_FAULT_MALFORMED, "a name with +"},
    {"\xff\n\n" SIGNED "\n", REGISTRY_FAULT_MALFORMED, "not UTF-8"},
};

static void notes_are_those_of_others(void)
{
    struct registry_note_key key, sumdb;
    struct bytes_text t;
    char text[256];

    REQUIRE(registry_note_read_key(PETER, strlen(PETER), &key), "a key");
    bytes_text_init(&t, text, sizeof text);
    registry_note_add_key(&t, &key);
    CHECK(strcmp(text, PETER) == 0, "%s", text);
    static const char sum[] = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    CHECK(registry_note_read_key(sum, sizeof sum - 1, &sumdb) && strcmp(sumdb.name, "sum.golang.org") == 0, "the key of Go's");
    for (size_t i = 0; i < sizeof PETER - 1; i++) {
        char other[] = PETER;

        other[i] ^= 1;
        CHECK(!registry_note_read_key(other, sizeof other - 1, &sumdb) && !registry_note_read_key(PETER, i, &sumdb), "character %zu is another, or missing", i);
    }
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        struct registry_slice said;
        enum registry_fault f = registry_note_open(notes[i].note, strlen(notes[i].note), &key, &said);

        CHECK(f == notes[i].fault, "row %zu: %s: %s", i, notes[i].why, registry_fault_name(f));
        CHECK(f != REGISTRY_FAULT_NONE || registry_text_same(said, SAID), "row %zu: the text", i);
    }
    CHECK(registry_note_open(row.at, REGISTRY_NOTE_MAX + 1, &key, &(struct registry_slice){0}) == REGISTRY_FAULT_TOO_LARGE, "longer than any");
}

#define CP "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

static const struct {
    const char *text;
    bool is_good;
    const char *why;
} checkpoints[] = {
    {CP, true, "the specification's example"},
    {CP "something\n", true, "what others add"},
    {CP "\n", false, "an empty line"},
    {"example.com\n20852163\n", false, "no hash"},
    {"example.com\n020852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", false, "a leading zero"},
    {"example.com\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", false, "a sign"},
    {"example.com\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n", false, "a second spelling of the hash"},
    {"example.com\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n", false, "without padding"},
    {"example.com\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n", false, "another alphabet"},
    {"example.com\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jx\n", false, "a shorter hash"},
    {"exa mple\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", false, "an origin with a blank"},
    {"\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", false, "no origin"},
    {"", false, "nothing"},
};

static void checkpoints_are_those_of_others(void)
{
    for (size_t i = 0; i < ARRAY_LEN(checkpoints); i++) {
        struct registry_checkpoint c;
        struct bytes_text t;
        char text[256];

        CHECK(registry_note_read_checkpoint(kit_slice(checkpoints[i].text), &c) == checkpoints[i].is_good, "row %zu: %s", i, checkpoints[i].why);
        bytes_text_init(&t, text, sizeof text);
        if (i == 0) {
            registry_note_add_checkpoint(&t, &c);
            CHECK(strcmp(text, CP) == 0 && c.head.size == 20852163, "written the same: %s", text);
        }
    }
    /* Signed by this log and read again. */
    struct registry_note_key key;
    struct registry_checkpoint c = {.origin = kit_slice("example.org/cells"), .head = head_of(200)}, back;
    struct registry_slice said;
    uint8_t seed[32] = {3}, secret[REGISTRY_SECRET_SIZE], public[REGISTRY_KEY_SIZE];
    char text[256], note[512];
    struct bytes_text t;
    (void)crypto_sign_seed_keypair(public, secret, seed);
    REQUIRE(registry_note_make_key("example.org/cells", public, &key), "a key");
    CHECK(!registry_note_make_key("a b", public, &(struct registry_note_key){0}) && !registry_note_make_key("", public, &(struct registry_note_key){0}), "no names");
    bytes_text_init(&t, text, sizeof text);
    registry_note_add_checkpoint(&t, &c);
    size_t size = registry_note_write((struct registry_slice){.at = text, .len = t.len}, &key, secret, note, sizeof note);
    CHECK(size > 0 && registry_note_open(note, size, &key, &said) == REGISTRY_FAULT_NONE && registry_note_read_checkpoint(said, &back) &&
              memcmp(&back.head, &c.head, sizeof c.head) == 0,
          "it is itself");
    CHECK(registry_note_write((struct registry_slice){.at = text, .len = t.len}, &key, secret, note, size) == 0, "no room for the end");
    size = registry_note_write(kit_slice("a\n\nb\n"), &key, secret, note, sizeof note);
    CHECK(registry_note_open(note, size, &key, &said) == REGISTRY_FAULT_NONE && registry_text_same(said, "a\n\nb\n"), "a text may have empty lines");
}

/* ---- what is believed ----------------------------------------------------------------------------------- */

static struct kit k;
static struct registry_trust t;

/* A day on which the snapshot names the first `size` leaves. */
static enum registry_fault day(unsigned size)
{
    struct registry_log_head head = head_of(size);

    k.timestamp.version++;
    k.timestamp.snapshot.version++;
    k.snapshot.version++;
    k.snapshot.log.size = head.size;
    memcpy(k.snapshot.log.hash, head.hash, sizeof head.hash);
    kit_make(&k);
    return kit_feed(&t, &k, REGISTRY_TRUST_TIMESTAMP, REGISTRY_TRUST_CATALOGUE, KIT_NOW_S);
}

static enum registry_fault prove(unsigned before, unsigned size)
{
    hash32 proof[REGISTRY_LOG_PROOF_MAX];
    unsigned count = 0;

    REQUIRE(registry_log_extend(&tree, before, size, proof, &count) == ERR_OK, "a proof");
    return registry_trust_log(&t, proof, count);
}

static void a_fork_is_seen(void)
{
    static char image[REGISTRY_TRUST_IMAGE_MAX];
    struct registry_trust back;
    hash32 proof[REGISTRY_LOG_PROOF_MAX];
    unsigned count;

    kit_init(&k);
    kit_make(&k);
    REQUIRE(registry_trust_init(&t, k.doc[0].at, k.doc[0].size) == REGISTRY_FAULT_NONE, "a root");
    CHECK(prove(0, 100) == REGISTRY_FAULT_ORDER, "a proof of nothing that is signed");
    CHECK(day(100) == REGISTRY_FAULT_NONE && prove(0, 100) == REGISTRY_FAULT_NONE, "the first day");
    CHECK(day(250) == REGISTRY_FAULT_NONE, "a later one");
    CHECK(prove(99, 250) == REGISTRY_FAULT_FORK && prove(100, 249) == REGISTRY_FAULT_FORK && prove(250, 250) == REGISTRY_FAULT_FORK, "proofs of something else");
    CHECK(t.proved.size == 100, "prove nothing");
    CHECK(prove(100, 250) == REGISTRY_FAULT_NONE && t.proved.size == 250, "the proof");
    size_t size = registry_trust_write(&t, image);
    REQUIRE(registry_trust_read(image, size, &back), "is read");
    CHECK(back.proved.size == 250 && memcmp(back.proved.hash, t.proved.hash, sizeof t.proved.hash) == 0, "it lasts");

    uint8_t bytes[2] = {123, 0};
    REQUIRE(registry_log_include(&tree, 123, 250, proof, &count) == ERR_OK, "a proof");
    CHECK(registry_trust_logged(&t, bytes, 2, 123, proof, count) == REGISTRY_FAULT_NONE, "a record that is in it");
    CHECK(registry_trust_logged(&t, bytes, 2, 122, proof, count) == REGISTRY_FAULT_NOT_LOGGED, "not there");
    CHECK(registry_trust_logged(&t, bytes, 1, 123, proof, count) == REGISTRY_FAULT_NOT_LOGGED, "another record");
    CHECK(registry_trust_logged(&t, row.at, REGISTRY_RECORD_MAX + 1, 123, proof, count) == REGISTRY_FAULT_TOO_LARGE, "one that is too long");

    /* Somebody is shown another past: leaf 77 was something else. */
    empty();
    for (unsigned i = 0; i < LEAVES; i++) {
        uint8_t leaf[2] = {(uint8_t)(i == 77 ? 0 : i), (uint8_t)(i >> 8)};

        add(leaf, sizeof leaf);
    }
    CHECK(day(300) == REGISTRY_FAULT_NONE, "its head is signed by who has the keys");
    CHECK(prove(250, 300) == REGISTRY_FAULT_FORK, "and has no proof");
    for (unsigned before = 1; before <= 300; before++) {
        CHECK(prove(before, 300) == REGISTRY_FAULT_FORK, "of any size: %u", before);
    }
}

int main(void)
{
    roots_are_those_of_certificate_transparency();
    grow_to_all();
    roots_and_proofs_are_those_of_the_words();
    a_wrong_proof_does_not_hold();
    errors_are_told();
    few_hashes_are_read();
    notes_are_those_of_others();
    checkpoints_are_those_of_others();
    a_fork_is_seen();
    return CHECK_RESULT();
}
