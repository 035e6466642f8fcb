/* The texts of identity and cluster: vectors made elsewhere, every bit, every cut, and edits with a right
 * hash. */
#include <sodium.h>
#include <string.h>

#include "common/node/cluster.h"
#include "common/node/identity.h"
#include "common/node/lines.h"
#include "tests/unit/node/vectors.h"

static enum err parse_identity(const char *text, size_t size)
{
    struct identity i;
    return identity_parse(text, size, &i);
}

static enum err parse_cluster(const char *text, size_t size)
{
    struct cluster c;
    return cluster_parse(text, size, &c);
}

static void vectors_read_and_write_the_same(void)
{
    char text[VECTOR_MAX], again[CLUSTER_TEXT_MAX], hex[2 * NODE_KEYS_PACKED + 1];
    struct identity i;
    struct cluster c;
    struct node_keys k;
    uint8_t packed[NODE_KEYS_PACKED];

    size_t len = vector_read("identity-renewed", text);
    REQUIRE(identity_parse(text, len, &i) == ERR_OK, "identity-renewed");
    CHECK(i.has_previous && i.seed[0] == 0x4c && i.previous[0] == 0x9d, "both seeds");
    CHECK(identity_format(&i, again) == len && memcmp(again, text, len) == 0, "the same bytes");
    len = vector_read("identity", text);
    REQUIRE(identity_parse(text, len, &i) == ERR_OK, "identity");
    CHECK(!i.has_previous && strcmp(i.name, "db-1") == 0 && i.created_s == 1764316800, "its fields");
    CHECK(identity_format(&i, again) == len && memcmp(again, text, len) == 0, "the same bytes");
    len = vector_read("cluster", text);
    REQUIRE(cluster_parse(text, len, &c) == ERR_OK, "cluster");
    CHECK(c.keys == 2 && c.epoch[0] == 7 && c.seeds == 2 && strcmp(c.seed[1], "[fd00::1]:7402") == 0,
          "its fields");
    CHECK(cluster_format(&c, again) == len && memcmp(again, text, len) == 0, "the same bytes");
    cluster_keys(&c, i.name, i.seed, &k);
    REQUIRE(keys_check(&k) == ERR_OK, "the keys that follow");
    keys_pack(&k, packed);
    bytes_to_hex(packed, sizeof packed, hex);
    (void)vector_read("keys.hex", text);
    CHECK(strncmp(hex, text, strlen(hex)) == 0, "packed as the vector");
}

static void every_bit_counts(const char *name, enum err (*parse)(const char *, size_t))
{
    char text[VECTOR_MAX];
    size_t len = vector_read(name, text);

    for (size_t bit = 0; bit < 8 * len; bit++) {
        text[bit / 8] ^= (char)(1 << bit % 8);
        enum err e = parse(text, len);
        /* Behind the first line it is damage, whatever else it would be, and is called so. */
        bool is_first = bit / 8 <= strcspn(text, "\n");
        CHECK(is_first ? e != ERR_OK : e == ERR_DATA_LOSS, "%s: bit %zu: %s", name, bit, err_name(e));
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t size = 0; size < len; size++) {
        CHECK(parse(text, size) != ERR_OK, "%s: cut at %zu", name, size);
    }
    text[len] = '\n';
    CHECK(parse(text, len + 1) != ERR_OK, "%s: a line more", name);
}

/* Each row: a body whose hash is right, so that only its words can be wrong. */
static const struct {
    enum err (*parse)(const char *text, size_t size);
    const char *body;
    enum err e;
    const char *why;
} rows[] = {
#define SEED "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
#define SEED_UPPER "4CCD089B28FF96DA9DB6C346EC114E0F5B8A319F35ABA624DA8CF6ED4FB8A6FB"
    {parse_identity, "cell-identity 1\nname a\ncreated 0\nseed " SEED "\n", ERR_OK, "as written"},
    {parse_identity, "cell-identity 2\nname a\ncreated 0\nseed " SEED "\n", ERR_INCOMPATIBLE, "the next version"},
    {parse_identity, "cell-cluster 1\nname a\ncreated 0\nseed " SEED "\n", ERR_MALFORMED, "another file"},
    {parse_identity, "cell-identity 1\nname a\nseed " SEED "\ncreated 0\n", ERR_MALFORMED, "another order"},
    {parse_identity, "cell-identity 1\nname a\ncreated 0\n", ERR_MALFORMED, "no seed: zeros are not taken for one"},
    {parse_identity, "cell-identity 1\ncreated 0\nseed " SEED "\n", ERR_MALFORMED, "no name"},
    {parse_identity, "cell-identity 1\nname a\nname a\ncreated 0\nseed " SEED "\n", ERR_MALFORMED, "a line twice"},
    {parse_identity, "cell-identity 1\nname ../x\ncreated 0\nseed " SEED "\n", ERR_MALFORMED, "a name that is a path"},
    {parse_identity, "cell-identity 1\nname -x\ncreated 0\nseed " SEED "\n", ERR_MALFORMED, "a name that is an option"},
    {parse_identity, "cell-identity 1\nname a\ncreated 00\nseed " SEED "\n", ERR_MALFORMED, "a leading zero"},
    {parse_identity, "cell-identity 1\nname a\ncreated -1\nseed " SEED "\n", ERR_MALFORMED, "a sign"},
    {parse_identity, "cell-identity 1\nname a\ncreated 18446744073709551615\nseed " SEED "\n", ERR_OK, "the last second"},
    {parse_identity, "cell-identity 1\nname a\ncreated 18446744073709551616\nseed " SEED "\n", ERR_MALFORMED, "one more"},
    {parse_identity, "cell-identity 1\nname a\ncreated 0\nseed " SEED_UPPER "\n", ERR_MALFORMED, "upper case"},
    {parse_identity, "cell-identity 1\nname a\ncreated 0\nseed " SEED "00\n", ERR_MALFORMED, "a longer seed"},
    {parse_identity, "cell-identity 1\nname  a\ncreated 0\nseed " SEED "\n", ERR_MALFORMED, "two spaces"},
    {parse_identity, "cell-identity 1\nname a \ncreated 0\nseed " SEED "\n", ERR_MALFORMED, "a space at the end"},
    {parse_identity, "cell-identity 1\n\nname a\ncreated 0\nseed " SEED "\n", ERR_MALFORMED, "an empty line"},
    {parse_identity, "cell-identity 1\nname a\ncreated 0\nseed " SEED "\nextra 1\n", ERR_MALFORMED, "an unknown line"},
#define ID "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1"
#define HEAD "cell-cluster 1\nid " ID "\nissuer " SEED "\n"
    {parse_cluster, HEAD "key 1 " SEED "\n", ERR_OK, "one key, no seed"},
    {parse_cluster, HEAD, ERR_MALFORMED, "no key"},
    {parse_cluster, HEAD "key 0 " SEED "\n", ERR_MALFORMED, "epoch 0"},
    {parse_cluster, HEAD "key 2 " SEED "\nkey 1 " SEED "\n", ERR_OK, "two epochs"},
    {parse_cluster, HEAD "key 1 " SEED "\nkey 2 " SEED "\n", ERR_MALFORMED, "the older first"},
    {parse_cluster, HEAD "key 1 " SEED "\nkey 1 " SEED "\n", ERR_MALFORMED, "one epoch twice"},
    {parse_cluster, HEAD "key 3 " SEED "\nkey 2 " SEED "\nkey 1 " SEED "\n", ERR_MALFORMED, "a third key"},
    {parse_cluster, HEAD "key 4294967296 " SEED "\n", ERR_MALFORMED, "an epoch of 33 bits"},
    {parse_cluster, HEAD "key 1 " SEED "\nseed 10.0.0.1\n", ERR_MALFORMED, "a seed without port"},
    {parse_cluster, HEAD "key 1 " SEED "\nseed a:1\nseed a:2\nseed a:3\nseed a:4\nseed a:5\nseed a:6\nseed a:7\nseed a:8\n",
     ERR_OK, "8 seeds"},
    {parse_cluster, HEAD "key 1 " SEED "\nseed a:1\nseed a:2\nseed a:3\nseed a:4\nseed a:5\nseed a:6\nseed a:7\nseed a:8\n"
     "seed a:9\n", ERR_MALFORMED, "9 seeds"},
    {parse_cluster, "cell-cluster 1\nid 00000000000000000000000000000000\nissuer " SEED "\nkey 1 " SEED "\n", ERR_MALFORMED,
     "no cluster"},
};

static void what_was_edited_is_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[VECTOR_MAX];
        struct bytes_text t;
        bytes_text_init(&t, text, sizeof text);
        bytes_text_add(&t, "%s", rows[i].body);
        lines_seal(&t);
        enum err e = rows[i].parse(text, t.len);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
    }
}

static void lines_have_limits(void)
{
    static const struct {
        size_t words, letters;
        enum err e;
        const char *why;
    } shapes[] = {
        {LINES_WORDS_MAX, 1, ERR_OK, "as many words as there is room for"},
        {LINES_WORDS_MAX + 1, 1, ERR_MALFORMED, "one more"},
        {1, LINES_LINE_MAX, ERR_OK, "as long as there is room for"},
        {1, LINES_LINE_MAX + 1, ERR_MALFORMED, "one more"},
    };

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        char text[2048];
        struct bytes_text t;
        struct lines l;
        bytes_text_init(&t, text, sizeof text);
        bytes_text_add(&t, "x 1\n");
        for (size_t w = 0; w < shapes[i].words; w++) {
            bytes_text_add(&t, "%s%0*d", w > 0 ? " " : "", (int)shapes[i].letters, 0);
        }
        bytes_text_add(&t, "\n");
        lines_seal(&t);
        REQUIRE(lines_open(&l, text, t.len, "x 1") == ERR_OK, "row %zu", i);
        CHECK(lines_next(&l) == shapes[i].e, "row %zu: %s", i, shapes[i].why);
        CHECK(shapes[i].e != ERR_OK || lines_next(&l) == ERR_NOT_FOUND, "row %zu: the end", i);
    }
}

static void a_cluster_key_changes(void)
{
    char text[VECTOR_MAX];
    struct cluster c, before;
    uint8_t fresh[NODE_KEY_LEN];

    REQUIRE(cluster_parse(text, vector_read("cluster", text), &c) == ERR_OK, "the vector");
    before = c;
    memset(fresh, 0xa8, sizeof fresh);
    CHECK(cluster_rotate(&c, fresh) == ERR_OK && cluster_check(&c) == ERR_OK, "it changes");
    CHECK(c.keys == 2 && c.epoch[0] == 8 && c.epoch[1] == 7, "the next epoch, and the one before");
    CHECK(c.key[0][0] == 0xa8 && memcmp(c.key[1], before.key[0], NODE_KEY_LEN) == 0, "keys go with their epochs");
    c.epoch[0] = UINT32_MAX;
    before = c;
    CHECK(cluster_rotate(&c, fresh) == ERR_RANGE && memcmp(&c, &before, sizeof c) == 0, "there is no epoch left");
}

static const struct {
    const char *text;
    const char *host; /* NULL: refused */
    uint16_t port;
    const char *why;
} contacts[] = {
    {"10.0.0.1:7402", "10.0.0.1", 7402, "IPv4"},
    {"[fd00::1]:1", "fd00::1", 1, "IPv6 in brackets"},
    {"[::ffff:10.0.0.1]:65535", "::ffff:10.0.0.1", 65535, "the last port"},
    {"db_1.Example-2:80", "db_1.Example-2", 80, "a name"},
    {"a:65536", NULL, 0, "a port of 17 bits"},
    {"a:0", NULL, 0, "port 0"},
    {"a:080", NULL, 0, "a leading zero"},
    {"a:", NULL, 0, "no port"},
    {"a", NULL, 0, "no colon"},
    {":80", NULL, 0, "no host"},
    {"", NULL, 0, "nothing"},
    {"fd00::1:80", NULL, 0, "IPv6 without brackets"},
    {"[fd00::1:80", NULL, 0, "half a bracket"},
    {"[fd00::1]80", NULL, 0, "no colon behind the bracket"},
    {"[10.0.0.1]:80", NULL, 0, "IPv4 in brackets"},
    {"[]:80", NULL, 0, "empty brackets"},
    {"-a:80", NULL, 0, "a host that is an option"},
    {"a-:80", NULL, 0, "ends with a dash"},
    {".a:80", NULL, 0, "begins with a dot"},
    {"a b:80", NULL, 0, "a blank"},
    {"a\n:80", NULL, 0, "a line's end"},
    {"a/b:80", NULL, 0, "a path"},
    {"a:80 ", NULL, 0, "a blank at the end"},
    {"a:+1", NULL, 0, "a sign"},
};

static void contacts_are_taken_apart(void)
{
    char longest[200], host[CONTACT_SIZE];
    uint16_t port;

    for (size_t i = 0; i < ARRAY_LEN(contacts); i++) {
        enum err e = contact_parse(contacts[i].text, host, &port);
        CHECK((e == ERR_OK) == (contacts[i].host != NULL), "row %zu: %s", i, contacts[i].why);
        CHECK(e != ERR_OK || (strcmp(host, contacts[i].host) == 0 && port == contacts[i].port), "row %zu: %s", i,
              contacts[i].why);
    }
    (void)snprintf(longest, sizeof longest, "%087d:65535", 0);
    CHECK(contact_parse(longest, host, &port) == ERR_OK, "a host of 87");
    (void)snprintf(longest, sizeof longest, "%088d:65535", 0);
    CHECK(contact_parse(longest, host, &port) == ERR_MALFORMED, "a host of 88");
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    vectors_read_and_write_the_same();
    every_bit_counts("identity", parse_identity);
    every_bit_counts("identity-renewed", parse_identity);
    every_bit_counts("cluster", parse_cluster);
    what_was_edited_is_refused();
    lines_have_limits();
    a_cluster_key_changes();
    contacts_are_taken_apart();
    return CHECK_RESULT();
}
