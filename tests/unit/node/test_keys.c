/* The packed keys of a node: what is refused, and that every bit counts. */
#include "common/node/keys.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

/* RFC 8032, section 7.1, test 1. */
static const char seed_hex[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
static const char id_hex[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

static struct node_keys good(void)
{
    struct node_keys k = {.name = "db-1", .cluster_epoch = {7, 6}, .cluster_keys = 2};
    uint8_t seed[NODE_SEED_LEN];

    REQUIRE(bytes_from_hex(seed_hex, seed, sizeof seed), "the seed");
    keys_derive(seed, &k);
    memset(k.cluster_id, 0xc1, sizeof k.cluster_id);
    memset(k.cluster_key[0], 0xa7, NODE_KEY_LEN);
    memset(k.cluster_key[1], 0xa6, NODE_KEY_LEN);
    return k;
}

static void the_id_is_ed25519_and_the_key_x25519(void)
{
    struct node_keys a = good(), b = good();
    uint8_t expected[NODE_ID_LEN], seed[NODE_SEED_LEN] = {1}, one[NODE_KEY_LEN], two[NODE_KEY_LEN];

    REQUIRE(bytes_from_hex(id_hex, expected, sizeof expected), "the id");
    CHECK(memcmp(a.id, expected, sizeof expected) == 0, "RFC 8032, test 1");
    keys_derive(seed, &b);
    CHECK(crypto_scalarmult(one, a.dh_secret, b.dh_public) == 0 &&
              crypto_scalarmult(two, b.dh_secret, a.dh_public) == 0 && memcmp(one, two, sizeof one) == 0,
          "both ends of the exchange agree");
    CHECK(keys_dh_of_id(b.id, one) == ERR_OK && memcmp(one, b.dh_public, sizeof one) == 0,
          "the id alone gives the X25519 key");
    memset(seed, 0, sizeof seed);
    CHECK(keys_dh_of_id(seed, one) == ERR_MALFORMED, "a point of small order is nobody");
}

/* Each row breaks a good set of keys. */
static void break_name(struct node_keys *k) { k->name[0] = 0; }
static void break_slash(struct node_keys *k) { k->name[2] = '/'; }
static void break_option(struct node_keys *k) { k->name[0] = '-'; }
static void break_length(struct node_keys *k) { memset(k->name, 'a', sizeof k->name); }
static void break_id(struct node_keys *k) { k->id[0] ^= 1; }
static void break_public(struct node_keys *k) { k->dh_public[3] ^= 1; }
static void break_secret(struct node_keys *k) { k->dh_secret[3] ^= 1; }
static void break_cluster(struct node_keys *k) { memset(k->cluster_id, 0, sizeof k->cluster_id); }
static void break_none(struct node_keys *k) { k->cluster_keys = 0; }
static void break_three(struct node_keys *k) { k->cluster_keys = 3; }
static void break_zero_key(struct node_keys *k) { memset(k->cluster_key[0], 0, NODE_KEY_LEN); }
static void break_epoch_same(struct node_keys *k) { k->cluster_epoch[1] = 7; }
static void break_epoch_rises(struct node_keys *k) { k->cluster_epoch[1] = 8; }
static void break_epoch_zero(struct node_keys *k) { k->cluster_epoch[1] = 0; }
static void break_unused(struct node_keys *k) { k->cluster_keys = 1; }

static const struct {
    void (*breaks)(struct node_keys *k);
    const char *why;
} rows[] = {
    {break_name, "no name"},
    {break_slash, "a name that is a path"},
    {break_option, "a name that is an option"},
    {break_length, "65 characters and no end"},
    {break_id, "an id that is not the key's"},
    {break_public, "a public key that is not the id's"},
    {break_secret, "a secret key that is not the public one's"},
    {break_cluster, "no cluster"},
    {break_none, "no cluster key"},
    {break_three, "one key more than there is room for"},
    {break_zero_key, "a key of zeros"},
    {break_epoch_same, "two keys of one epoch"},
    {break_epoch_rises, "the older key first"},
    {break_epoch_zero, "a key without epoch"},
    {break_unused, "a key where none is said to be"},
};

static void what_does_not_fit_together_is_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct node_keys k = good();
        rows[i].breaks(&k);
        CHECK(keys_check(&k) == ERR_MALFORMED, "row %zu: %s", i, rows[i].why);
    }
    struct node_keys k = good();
    CHECK(keys_check(&k) == ERR_OK, "unbroken");
    memset(k.name, 'a', NODE_NAME_MAX);
    CHECK(keys_check(&k) == ERR_OK, "a name of 64 characters");
    k.cluster_keys = 1;
    k.cluster_epoch[1] = 0;
    memset(k.cluster_key[1], 0, NODE_KEY_LEN);
    CHECK(keys_check(&k) == ERR_OK, "one cluster key");
}

static void seal_again(uint8_t packed[NODE_KEYS_PACKED])
{
    (void)crypto_generichash(packed + NODE_KEYS_PACKED - 32, 32, packed, NODE_KEYS_PACKED - 32, NULL, 0);
}

static void every_bit_counts(void)
{
    struct node_keys k = good(), back = {0};
    uint8_t packed[NODE_KEYS_PACKED + 1] = {0};

    keys_pack(&k, packed);
    REQUIRE(keys_unpack(packed, NODE_KEYS_PACKED, &back) == ERR_OK, "what was packed unpacks");
    CHECK(memcmp(&back, &k, sizeof k) == 0, "to the same");
    memset(&back, 0x5a, sizeof back);
    struct node_keys untouched = back;
    for (size_t bit = 0; bit < 8 * NODE_KEYS_PACKED; bit++) {
        packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum err e = keys_unpack(packed, NODE_KEYS_PACKED, &back);
        CHECK(e == (bit < 64 ? ERR_MALFORMED : bit < 96 ? ERR_INCOMPATIBLE : ERR_DATA_LOSS), "bit %zu: %s", bit,
              err_name(e));
        packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size <= NODE_KEYS_PACKED + 1; size++) {
        CHECK((keys_unpack(packed, size, &back) == ERR_OK) == (size == NODE_KEYS_PACKED), "size %zu", size);
        if (size == NODE_KEYS_PACKED) {
            back = untouched;
        }
    }
    CHECK(memcmp(&back, &untouched, sizeof back) == 0, "nothing is written on error");
}

/* With a right hash: what only a wrong writer makes. */
static void one_form_for_one_meaning(void)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum err e;
        const char *why;
    } bytes[] = {
        {11, 2, ERR_INCOMPATIBLE, "the next version"},
        {24 + 5, 'x', ERR_MALFORMED, "text after the name's end"},
        {NODE_KEYS_PACKED - 32 - 1, 1, ERR_MALFORMED, "a reserved byte"},
        {24, '.', ERR_MALFORMED, "a name outside the grammar"},
        {15, 1, ERR_MALFORMED, "fewer keys than there are"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
        struct node_keys k = good(), back;
        uint8_t packed[NODE_KEYS_PACKED];
        keys_pack(&k, packed);
        packed[bytes[i].at] = bytes[i].value;
        seal_again(packed);
        CHECK(keys_unpack(packed, sizeof packed, &back) == bytes[i].e, "row %zu: %s", i, bytes[i].why);
    }
}

static void a_descriptor_is_read_from_its_beginning(void)
{
    struct node_keys k = good(), back;
    uint8_t packed[NODE_KEYS_PACKED];
    int fd = memfd_create("keys", MFD_CLOEXEC);

    keys_pack(&k, packed);
    REQUIRE(fd >= 0 && write(fd, packed, sizeof packed) == sizeof packed, "a memfd");
    CHECK(keys_load(fd, &back) == ERR_OK && memcmp(&back, &k, sizeof k) == 0, "at its end");
    CHECK(write(fd, "", 1) == 1 && keys_load(fd, &back) == ERR_MALFORMED, "a byte more");
    CHECK(ftruncate(fd, sizeof packed - 1) == 0 && keys_load(fd, &back) == ERR_MALFORMED, "a byte less");
    close(fd);
    CHECK(keys_load(-1, &back) != ERR_OK, "no descriptor");
    keys_forget(&k);
    CHECK(sodium_is_zero((const uint8_t *)&k, sizeof k), "forgotten");
}

/* What is handed over counts, else the file; a link may lead anywhere. */
static void keys_come_by_hand_or_from_a_file(void)
{
    struct node_keys k = good(), back;
    uint8_t packed[NODE_KEYS_PACKED];
    const char *why = NULL;
    int given = memfd_create("keys", MFD_CLOEXEC), file;

    int room = scratch_open();
    AUTO_FREE char *path = strdup(scratch_path("keys")), *link = strdup(scratch_path("link"));
    REQUIRE(room >= 0 && path != NULL && link != NULL, "a room");
    keys_pack(&k, packed);
    REQUIRE(given >= 0 && write(given, packed, sizeof packed) == sizeof packed, "a memfd");
    CHECK(keys_take(given, path, &back, &why) == ERR_OK && memcmp(&back, &k, sizeof k) == 0, "handed over, though there is no file");
    CHECK(fcntl(given, F_GETFD) == -1, "and closed");
    CHECK(keys_take(-1, "", &back, &why) == ERR_PRECONDITION && strstr(why, "cell join") != NULL, "neither is there");
    CHECK(keys_take(-1, path, &back, &why) == ERR_NOT_FOUND && strstr(why, "opened") != NULL, "no such file");
    file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(file >= 0 && write(file, packed, sizeof packed) == sizeof packed && symlink(path, link) == 0, "a file and a link");
    CHECK(keys_take(-1, path, &back, &why) == ERR_OK && memcmp(&back, &k, sizeof k) == 0, "from the file");
    CHECK(keys_take(-1, link, &back, &why) != ERR_OK, "not through a link");
    CHECK(write(file, "", 1) == 1 && keys_take(-1, path, &back, &why) == ERR_MALFORMED && strstr(why, "form") != NULL, "of another form");
    close(file);
    close(room);
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    the_id_is_ed25519_and_the_key_x25519();
    what_does_not_fit_together_is_refused();
    every_bit_counts();
    one_form_for_one_meaning();
    a_descriptor_is_read_from_its_beginning();
    keys_come_by_hand_or_from_a_file();
    return CHECK_RESULT();
}
