/* REG-2: a private key at rest opens with its passphrase, whole, and in no other way. */
#include "registry/key.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/check.h"

static const uint8_t seed[REGISTRY_KEY_SEED_SIZE] = {1, 2, 3}, salt[REGISTRY_KEY_SALT_SIZE] = {4}, nonce[REGISTRY_KEY_NONCE_SIZE] = {5};
static const struct registry_key_cost least = {.ops = REGISTRY_KEY_OPS_LEAST, .memory_bytes = REGISTRY_KEY_MEMORY_LEAST};
static char file[REGISTRY_KEY_FILE_MAX];
static size_t file_size;

static enum err open_it(const char *bytes, size_t size, const char *passphrase)
{
    uint8_t secret[REGISTRY_SECRET_SIZE] = {0};
    enum err e = registry_key_open(bytes, size, passphrase, strlen(passphrase), secret);

    CHECK(e == ERR_OK || sodium_is_zero(secret, sizeof secret), "nothing is given of a file that does not open");
    return e;
}

static void it_opens_with_its_passphrase(void)
{
    uint8_t public[REGISTRY_KEY_SIZE], named[REGISTRY_KEY_SIZE], real[REGISTRY_SECRET_SIZE], secret[REGISTRY_SECRET_SIZE];

    file_size = registry_key_seal(seed, "correct horse", 13, &least, salt, nonce, file);
    REQUIRE(file_size > 0, "it is written");
    (void)crypto_sign_seed_keypair(public, real, seed);
    CHECK(registry_key_open(file, file_size, "correct horse", 13, secret) == ERR_OK && memcmp(secret, real, sizeof real) == 0, "it is the same");
    CHECK(registry_key_public(file, file_size, named) == ERR_OK && memcmp(named, public, sizeof named) == 0, "its public key is told without");
    CHECK(memmem(file, file_size, seed, sizeof seed) == NULL && strstr(file, "010203") == NULL, "the seed is not in it");
    CHECK(open_it(file, file_size, "correct hors") == ERR_FORGED, "another passphrase");
    CHECK(open_it(file, file_size, "correct horse ") == ERR_FORGED, "a longer one");
    CHECK(open_it(file, file_size, "") == ERR_INVALID, "none");
    CHECK(registry_key_open(file, file_size, file, REGISTRY_KEY_PASSPHRASE_MAX + 1, secret) == ERR_INVALID, "one that is too long");
}

/* Without the cost: what does not get as far as the passphrase. */
static void what_is_no_such_file_is_refused(void)
{
    char edited[REGISTRY_KEY_FILE_MAX + 1];

    for (size_t size = 0; size < file_size; size++) {
        CHECK(open_it(file, size, "correct horse") == ERR_MALFORMED, "cut at %zu", size);
    }
    memcpy(edited, file, file_size);
    edited[file_size] = '\n';
    CHECK(open_it(edited, file_size + 1, "correct horse") == ERR_MALFORMED, "a byte more");
    memset(edited, 'a', sizeof edited);
    CHECK(open_it(edited, sizeof edited, "correct horse") == ERR_MALFORMED, "longer than any");
    for (size_t at = 0; at < file_size; at++) {
        memcpy(edited, file, file_size);
        edited[at] = (char)(edited[at] == 'A' ? 'B' : 'A'); /* upper case is nowhere in it */
        CHECK(open_it(edited, file_size, "correct horse") == ERR_MALFORMED, "another byte at %zu", at);
    }
}

static const struct {
    const char *cost;
    enum err e;
    const char *why;
} costs[] = {
    {"1 67108864", ERR_LIMIT, "fewer passes: quicker to guess"},
    {"0 67108864", ERR_LIMIT, "none"},
    {"2 67108863", ERR_LIMIT, "less memory"},
    {"2 8192", ERR_LIMIT, "hardly any"},
    {"17 67108864", ERR_LIMIT, "more passes than anybody waits for"},
    {"2 1073741825", ERR_LIMIT, "more memory than there may be"},
    {"9007199254740991 9007199254740991", ERR_LIMIT, "both without an end"},
    {"9007199254740992 67108864", ERR_MALFORMED, "past all numbers"},
    {"3 67108864", ERR_FORGED, "within the limits, but not what it was sealed with"},
    {"02 67108864", ERR_MALFORMED, "a second spelling"},
    {"2  67108864", ERR_MALFORMED, "two blanks"},
    {"-2 67108864", ERR_MALFORMED, "a sign"},
};

static void the_cost_is_bounded_and_bound(void)
{
    static const char usual[] = "argon2id 2 67108864 ";
    const char *at = strstr(file, usual);

    REQUIRE(at != NULL, "its cost");
    for (size_t i = 0; i < ARRAY_LEN(costs); i++) {
        char edited[REGISTRY_KEY_FILE_MAX];
        int size = snprintf(edited, sizeof edited, "%.*sargon2id %s %s", (int)(at - file), file, costs[i].cost, at + sizeof usual - 1);

        enum err e = open_it(edited, (size_t)size, "correct horse");
        CHECK(e == costs[i].e, "row %zu: %s: %s", i, costs[i].why, err_name(e));
    }
    struct registry_key_cost cost = least;
    cost.ops--;
    CHECK(registry_key_seal(seed, "a", 1, &cost, salt, nonce, (char[REGISTRY_KEY_FILE_MAX]){0}) == 0, "nobody writes such a file either");
    CHECK(registry_key_seal(seed, "", 0, &least, salt, nonce, (char[REGISTRY_KEY_FILE_MAX]){0}) == 0, "nor one without a passphrase");
}

/* One digit of each hash, key or nonce is another: it opens for nobody. */
static void an_edited_file_does_not_open(void)
{
    static const char *const field[] = {"public ", "67108864 ", "box "};

    for (size_t i = 0; i < ARRAY_LEN(field) + 1; i++) {
        char edited[REGISTRY_KEY_FILE_MAX];

        memcpy(edited, file, sizeof edited);
        char *at = i < ARRAY_LEN(field) ? strstr(edited, field[i]) + strlen(field[i]) : edited + file_size - 2;
        *at = *at == '7' ? '8' : '7';
        enum err e = open_it(edited, file_size, "correct horse");
        CHECK(e == ERR_FORGED, "field %zu: %s", i, err_name(e));
    }
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    it_opens_with_its_passphrase();
    what_is_no_such_file_is_refused();
    the_cost_is_bounded_and_bound();
    an_edited_file_does_not_open();
    return CHECK_RESULT();
}
