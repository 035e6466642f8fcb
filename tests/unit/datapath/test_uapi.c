/* What `wg` says: a table of requests and answers, and texts of keys, prefixes and places. */
#include "datapath/uapi.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "datapath/scope.h"
#include "tests/support/check.h"

#define KEY_A "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33"
#define KEY_B "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"

enum { PEERS = 3, ROOM = 8192 };

static char said[ROOM];
static size_t said_size;

static void put(void *context, const char *text, size_t size)
{
    REQUIRE(said_size + size < ROOM, "room");
    memcpy(said + said_size, text, size);
    said[said_size += size] = '\0';
}

/* Rows share a core, top to bottom. */
static const struct {
    const char *request;
    int error;
    const char *why;
} rows[] = {
    {"set=1\npublic_key=" KEY_A "\nendpoint=192.0.2.1:51820\nallowed_ip=10.0.0.1/32\nallowed_ip=fd00::/8\n\n", 0, "a peer"},
    {"set=1\npublic_key=" KEY_A "\npersistent_keepalive_interval=25\npreshared_key=" KEY_B "\n\n", 0, "more of it"},
    {"set=1\npublic_key=" KEY_A "\npersistent_keepalive_interval=65536\n\n", EINVAL, "past the limit"},
    {"set=1\npublic_key=" KEY_A "\npersistent_keepalive_interval=\n\n", EINVAL, "nothing"},
    {"set=1\npublic_key=" KEY_A "\nprotocol_version=1\n\n", 0, "the one version"},
    {"set=1\npublic_key=" KEY_A "\nprotocol_version=2\n\n", EINVAL, "another: as wireguard-go says it"},
    {"set=1\npublic_key=" KEY_A "\nendpoint=example.org:1\n\n", EINVAL, "a name"},
    {"set=1\npublic_key=" KEY_A "\nendpoint=1.2.3.4:0\n\n", EINVAL, "no port"},
    {"set=1\npublic_key=" KEY_A "\nallowed_ip=10.0.0.0/33\n\n", EINVAL, "too many bits"},
    {"set=1\npublic_key=" KEY_A "\nallowed_ip=10.0.0.7/24\n\n", 0, "bits behind are cut, as wg does"},
    {"set=1\npublic_key=" KEY_A "\nallowed_ip=-10.0.0.0/24\n\n", 0, "one is taken back"},
    {"set=1\npublic_key=" KEY_A "\nallowed_ip=-10.0.0.0/24\n\n", 0, "also twice"},
    {"set=1\npublic_key=" KEY_A "\ncolour=red\n\n", EINVAL, "an unknown word"},
    {"set=1\npublic_key=" KEY_A "\nupdate_only=yes\n\n", EINVAL, "not true"},
    {"set=1\npublic_key=" ZERO "\n\n", EINVAL, "a key that nobody has"},
    {"set=1\npublic_key=00\n\n", EINVAL, "no key"},
    {"set=1\npublic_key=" KEY_B "\nupdate_only=true\nendpoint=1.2.3.4:5\n\n", 0, "a peer that is not there is not made"},
    {"set=1\npublic_key=" KEY_B "\nremove=true\nendpoint=1.2.3.4:5\n\n", 0, "and one that is removed is gone"},
    {"set=1\nlisten_port=51820\nfwmark=0\n\n", 0, "what it has"},
    {"set=1\nlisten_port=0\n\n", 0, "any port, as wg setconf says where none is named"},
    {"set=1\nlisten_port=51821\n\n", EOPNOTSUPP, "another port"},
    {"set=1\nlisten_port=70000\n\n", EINVAL, "no port"},
    {"set=1\nfwmark=1\n\n", EOPNOTSUPP, "a mark"},
    {"set=1\nprivate_key=" KEY_A "\n\n", EOPNOTSUPP, "another key"},
    {"set=1\nprivate_key=4\n\n", EINVAL, "no key"},
    {"set=1\nendpoint=1.2.3.4:5\n\n", EINVAL, "of no peer"},
    {"set=1\npublic_key\n\n", EPROTO, "no value"},
    {"set=2\n\n", EPROTO, "another operation"},
    {"get=1\nx=y\n\n", EPROTO, "more than get"},
    {"\n\n", EPROTO, "nothing"},
};

static struct datapath_uapi make(void)
{
    static uint8_t secret[32] = {1};
    struct datapath_config c = {.peers_max = PEERS, .prefixes_max = 8, .mtu = 1420, .pace = datapath_pace_usual(),
                                .aead = &datapath_aead_sodium, .secret = {1}, .seed = {2}};
    struct datapath_uapi u = {.peers_max = PEERS, .secret = secret, .port = 51820, .socket = -1, .put = put};
    void *memory = malloc(datapath_core_size(PEERS, 8, 1420));

    REQUIRE(memory != NULL, "memory");
    REQUIRE(datapath_core_init(memory, &c, (struct datapath_time){.ms = 1}, &u.core) == ERR_OK, "core");
    return u;
}

static const char *ask(const struct datapath_uapi *u, const char *request)
{
    char text[1024];
    size_t size = strlen(request);

    memcpy(text, request, size + 1);
    said_size = 0;
    REQUIRE(datapath_uapi_first(text, size) == size, "%s", request);
    datapath_uapi_answer(u, (struct datapath_time){.ms = 5, .wall_ns = 5}, text, size);
    return said;
}

static void rows_hold(void)
{
    struct datapath_uapi u = make();
    char expected[32];
    uint32_t peer;
    uint8_t key[32];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(expected, sizeof expected, "errno=%d\n\n", -rows[i].error);
        CHECK(strcmp(ask(&u, rows[i].request), expected) == 0, "row %zu: %s: %s", i, rows[i].why, said);
    }
    const char *all = ask(&u, "get=1\n\n");
    CHECK(strstr(all, "listen_port=51820\npublic_key=" KEY_A "\npreshared_key=" KEY_B "\nprotocol_version=1\n"
                      "endpoint=192.0.2.1:51820\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\n"
                      "rx_bytes=0\npersistent_keepalive_interval=25\nallowed_ip=10.0.0.1/32\nallowed_ip=fd00::/8\n"
                      "errno=0\n\n") != NULL, "%s", all);
    CHECK(strncmp(all, "private_key=0100", 16) == 0, "the key is told: %s", all);
    char before[sizeof said];
    (void)snprintf(before, sizeof before, "%s", ask(&u, "get=1\n\n"));
    CHECK(strcmp(ask(&u, "set=1\npublic_key=" KEY_A "\nreplace_allowed_ips=false\n\n"), "errno=-22\n\n") == 0 &&
              strcmp(ask(&u, "get=1\n\n"), before) == 0 && strstr(before, "allowed_ip=") != NULL, "what is refused takes nothing away");
    (void)ask(&u, "set=1\npublic_key=" KEY_A "\nreplace_allowed_ips=true\nallowed_ip=10.1.0.0/16\n\n");
    all = ask(&u, "get=1\n\n");
    CHECK(strstr(all, "allowed_ip=10.1.0.0/16\nerrno") != NULL && strstr(all, "fd00") == NULL, "replaced: %s", all);
    (void)ask(&u, "set=1\nreplace_peers=true\npublic_key=" KEY_B "\n\n");
    all = ask(&u, "get=1\n\n");
    CHECK(strstr(all, KEY_B) != NULL && strstr(all, KEY_A) == NULL, "all peers replaced: %s", all);
    (void)ask(&u, "set=1\npublic_key=" KEY_B "\nremove=true\n\n");
    REQUIRE(bytes_from_hex(KEY_B, key, 32), "key");
    CHECK(!datapath_core_find(u.core, key, &peer), "removed");
    char zero[] = "get=1\n\0\n\n";
    said_size = 0;
    datapath_uapi_answer(&u, (struct datapath_time){.ms = 5}, zero, sizeof zero - 1);
    CHECK(strcmp(said, "errno=-71\n\n") == 0, "a zero in it: %s", said);
    CHECK(datapath_uapi_first("get=1\n", 6) == 0 && datapath_uapi_first("\n", 1) == 0 && datapath_uapi_first("", 0) == 0, "not whole yet");
    CHECK(datapath_uapi_first("get=1\n\nget=1\n\n", 14) == 7 && datapath_uapi_first("\n\n\n", 3) == 2, "an empty line ends the first");
    free(u.core);
}

static char refused[64];
static int refused_as;

static void refuse(void *owner, const char *name, int errno_value)
{
    CHECK(owner == refused, "whose it is");
    (void)snprintf(refused, sizeof refused, "%s", name);
    refused_as = errno_value;
}

/* The mark is what the socket has, and whoever wants to know is told at which line a request ended, and not what it said. */
static void marks_and_refusals_are_told(void)
{
    struct datapath_uapi u = make();

    CHECK(strstr(ask(&u, "get=1\n\n"), "fwmark") == NULL, "none: %s", said);
    u.mark = 51820;
    u.refuse = refuse;
    u.owner = refused;
    CHECK(strstr(ask(&u, "get=1\n\n"), "listen_port=51820\nfwmark=51820\n") != NULL, "it has one: %s", said);
    CHECK(strcmp(ask(&u, "set=1\nfwmark=51820\n\n"), "errno=0\n\n") == 0 && refused_as == 0, "the one that it has: %s", said);
    /* A key in a place where none belongs, as somebody pastes it: the log would have it. */
    CHECK(strcmp(ask(&u, "set=1\nyAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n\n"), "errno=-22\n\n") == 0 && strcmp(refused, "?") == 0, "%s", refused);
    CHECK(strcmp(ask(&u, "set=1\n" KEY_A "=1\n\n"), "errno=-22\n\n") == 0 && strcmp(refused, "?") == 0, "%s", refused);
    CHECK(strcmp(ask(&u, "set=1\n=1\n\n"), "errno=-22\n\n") == 0 && strcmp(refused, "?") == 0, "%s", refused);
    static const struct {
        const char *request, *name;
        int error;
    } told[] = {{"set=1\nfwmark=0\npublic_key=" KEY_A "\n\n", "fwmark", EOPNOTSUPP}, {"set=1\nprivate_key=" KEY_A "\n\n", "private_key", EOPNOTSUPP},
                {"set=1\nlisten_port=9\n\n", "listen_port", EOPNOTSUPP}, {"set=1\npublic_key=" KEY_A "\nendpoint=9\n\n", "endpoint", EINVAL}};
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        (void)ask(&u, told[i].request);
        CHECK(strcmp(refused, told[i].name) == 0 && refused_as == told[i].error, "row %zu: %s %d", i, refused, refused_as);
    }
    free(u.core);
}

static uint32_t claims, claimed;

static void claim(void *owner, uint32_t peer)
{
    CHECK(owner == &claims, "whose it is");
    claims++;
    claimed = peer;
}

/* Whoever is named is told of, new or not; who is not made is not. */
static void named_peers_are_claimed(void)
{
    struct datapath_uapi u = make();
    uint8_t key[32];
    uint32_t peer;

    u.claim = claim;
    u.owner = &claims;
    claims = 0;
    (void)ask(&u, "set=1\npublic_key=" KEY_A "\nallowed_ip=10.1.0.0/16\n\n");
    REQUIRE(bytes_from_hex(KEY_A, key, 32) && datapath_core_find(u.core, key, &peer), "made");
    CHECK(claims == 2 && claimed == peer, "a new one: when he is named, and when he has his address: %u", claims);
    (void)ask(&u, "set=1\npublic_key=" KEY_A "\nupdate_only=true\npersistent_keepalive_interval=5\n\n");
    CHECK(claims == 4 && claimed == peer, "one that is there: %u", claims);
    (void)ask(&u, "get=1\n\n");
    (void)ask(&u, "set=1\npublic_key=" ZERO "\n\n");
    (void)ask(&u, "set=1\npublic_key=" KEY_A "\nremove=true\nallowed_ip=10.1.0.0/16\n\n");
    CHECK(claims == 5, "a look, nobody, and what follows on his removal: %u", claims);
    free(u.core);
}

static bool is_b(void *who, const uint8_t public[DATAPATH_NOISE_KEY])
{
    uint8_t key[32];

    return bytes_from_hex(KEY_B, key, 32) && memcmp(key, public, 32) == 0;
}

/* What a file keeps is a request that makes the same peers in another core, but for those of the configuration. */
static void recalled_peers_are_the_same(void)
{
    struct datapath_uapi u = make(), other = make();
    char file[ROOM], all[ROOM];
    uint8_t key[32];
    uint32_t peer;

    (void)ask(&u, "set=1\npublic_key=" KEY_A "\nendpoint=192.0.2.1:51820\nallowed_ip=10.0.0.1/32\nallowed_ip=fd00::/8\n"
                  "preshared_key=" KEY_B "\npersistent_keepalive_interval=25\npublic_key=" KEY_B "\n\n");
    said_size = 0;
    datapath_uapi_recall(&u, is_b, NULL);
    memcpy(file, said, said_size + 1);
    CHECK(strstr(file, KEY_A) != NULL && strstr(file, "public_key=" KEY_B) == NULL, "%s", file);
    CHECK(strcmp(ask(&other, file), "errno=0\n\n") == 0 && datapath_uapi_is_done(said, said_size), "it is taken: %s", said);
    memcpy(all, ask(&other, "get=1\n\n"), ROOM);
    REQUIRE(bytes_from_hex(KEY_B, key, 32) && datapath_core_find(u.core, key, &peer), "b");
    datapath_core_remove(u.core, peer);
    CHECK(strcmp(all, ask(&u, "get=1\n\n")) == 0, "both say the same: %s and %s", all, said);
    CHECK(!datapath_uapi_is_done("errno=-5\n\n", 10) && !datapath_uapi_is_done("0\n\n", 3), "what failed is not done");
    free(u.core);
    free(other.core);
}

/* An interface by its name, as `wg` says it, and by its number; what is shown has the name. The loopback interface is there always. */
static void interfaces_have_names(void)
{
    static const struct {
        const char *place, *shown; /* NULL: refused */
    } scopes[] = {
        {"[fe80::1%lo]:51820", "[fe80::1%lo]:51820"},
        {"[fe80::1%1]:51820", "[fe80::1%lo]:51820"},
        {"[fe80::1%001]:51820", "[fe80::1%lo]:51820"},
        {"[fe80::1%4000000000]:5", "[fe80::1%4000000000]:5"}, /* there is none: it may come, and the number is all that is known */
        {"[fe80::1%nobody]:5", NULL},
        {"[fe80::1%]:5", NULL},
        {"[fe80::1%a-name-too-long1]:5", NULL},
        {"[fe80::1%no%body]:5", NULL},
        {"[2001:db8::1%lo]:5", NULL},             /* it is of no link, as getaddrinfo has it */
        {"[2001:db8::1%1]:5", "[2001:db8::1]:5"}, /* … and a number means nothing there */
        {"127.0.0.1%lo:5", NULL},
    };
    struct datapath_uapi u = make();
    struct datapath_endpoint at;
    char request[256], line[128];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    REQUIRE(fd >= 0, "a socket");
    u.socket = fd;
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        bool fits = scopes[i].shown != NULL;
        (void)snprintf(request, sizeof request, "set=1\nreplace_peers=true\npublic_key=" KEY_A "\nendpoint=%s\n\n", scopes[i].place);
        CHECK(strcmp(ask(&u, request), fits ? "errno=0\n\n" : "errno=-22\n\n") == 0, "%s: %s", scopes[i].place, said);
        (void)snprintf(line, sizeof line, "endpoint=%s\n", fits ? scopes[i].shown : "");
        CHECK((strstr(ask(&u, "get=1\n\n"), fits ? line : "endpoint=") != NULL) == fits, "%s: %s", scopes[i].place, said);
        u.is_recalled = true;
        bool is_gone = strstr(scopes[i].place, "body]") != NULL;
        CHECK(strcmp(ask(&u, request), fits || is_gone ? "errno=0\n\n" : "errno=-22\n\n") == 0, "kept: %s: %s", scopes[i].place, said);
        CHECK(!is_gone || strstr(ask(&u, "get=1\n\n"), "endpoint=") == NULL, "nobody knows where he is: %s", said);
        u.is_recalled = false;
    }
    CHECK(datapath_scope_read_place(fd, "[fe80::1%lo]:5", &at) && at.scope == 1 && !datapath_scope_read_place(-1, "[fe80::1%lo]:5", &at), "the number is the kernel's");
    CHECK(!datapath_text_read_place("[fe80::1%lo]:5", &at, NULL), "no names where nobody could find them");
    close(fd);
    free(u.core);
}

static void texts_hold(void)
{
    static const char *const places[] = {"192.0.2.1:51820", "[2001:db8::1]:1", "[fe80::1%2]:65535"};
    static const char *const bad[] = {"", ":1", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:0", "[::1]", "[::1:5", "::1:5",
                                      "1.2.3.4%1:5", "[fe80::1%x]:5", "a:5", "[]:5", "1.2.3.4:5x"};
    static const char *const prefixes[] = {"0.0.0.0/0", "10.0.0.1/32", "fd00::/8", "::/0", "2001:db8::1/128"};
    struct datapath_endpoint at;
    struct datapath_prefix p;
    char out[DATAPATH_TEXT_PLACE_SIZE], key_text[DATAPATH_TEXT_KEY_SIZE];
    uint8_t key[32], back[32], host[16];

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        CHECK(datapath_text_read_place(places[i], &at, NULL), "%s", places[i]);
        datapath_text_write_place(&at, out);
        CHECK(strcmp(out, places[i]) == 0, "%s: %s", places[i], out);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK(!datapath_text_read_place(bad[i], &at, NULL), "%s", bad[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        CHECK(datapath_text_read_prefix(prefixes[i], &p, NULL), "%s", prefixes[i]);
        datapath_text_write_prefix(&p, out);
        CHECK(strcmp(out, prefixes[i]) == 0, "%s: %s", prefixes[i], out);
    }
    CHECK(datapath_text_read_prefix("10.9.0.1/24", &p, host) && host[3] == 1 && p.ip[3] == 0 && p.bits == 24, "with a host");
    CHECK(datapath_text_read_prefix("10.9.0.1", &p, NULL) && p.bits == 32, "an address");
    CHECK(!datapath_text_read_prefix("10.9.0/24", &p, NULL) && !datapath_text_read_prefix("::/129", &p, NULL) &&
              !datapath_text_read_prefix("10.0.0.0/", &p, NULL) && !datapath_text_read_prefix("", &p, NULL), "none");
    randombytes_buf(key, sizeof key);
    datapath_text_write_key(key, key_text);
    CHECK(datapath_text_read_key(key_text, back) && memcmp(key, back, 32) == 0, "a key");
    (void)snprintf(out, sizeof out, "%s\n", key_text);
    CHECK(datapath_text_read_key(out, back), "with a newline");
    (void)snprintf(out, sizeof out, "%sx", key_text);
    CHECK(!datapath_text_read_key(out, back), "with more");
    key_text[43] = 'A';
    CHECK(!datapath_text_read_key(key_text, back), "33 bytes");
    CHECK(!datapath_text_read_key("", back) && !datapath_text_read_key("AAAA", back), "short");
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    rows_hold();
    marks_and_refusals_are_told();
    named_peers_are_claimed();
    recalled_peers_are_the_same();
    interfaces_have_names();
    texts_hold();
    return CHECK_RESULT();
}
