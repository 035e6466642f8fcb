/* Keys for cells: what each descriptor holds, that nobody can change it, and what is said when it is missing. */
#include "nucleus/keys.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/node/update.h"
#include "common/node/vault.h"
#include "nucleus/manifest.h"
#include "tests/support/scratch.h"

enum {
    ALL = MANIFEST_KEYS_DATAGRAM | MANIFEST_KEYS_TLS | MANIFEST_KEYS_ISSUER |
          MANIFEST_KEYS_RENEW,
};

static char state[PATH_MAX];
static struct identity who = {.name = "db-1", .seed = {1}};

/* A directory as `cell init` leaves it; its PEM files are any text here. */
static void make_member(const char *name, bool is_first)
{
    struct cluster c = {.id = {1}, .issuer = {2}, .keys = 1, .epoch = {5}, .key = {{3}}};
    struct vault v;

    (void)snprintf(state, sizeof state, "%s/%s", scratch_dir, name);
    REQUIRE(vault_open(&v, state, true) == ERR_OK, "%s", v.why);
    REQUIRE(vault_put_identity(&v, &who) == ERR_OK && vault_put_cluster(&v, &c) == ERR_OK, "%s", v.why);
    REQUIRE(vault_write(&v, VAULT_NODE_KEY, "key\n", 4) == ERR_OK, "%s", v.why);
    REQUIRE(vault_write(&v, VAULT_NODE_CRT, "crt\n", 4) == ERR_OK, "%s", v.why);
    REQUIRE(vault_write(&v, VAULT_CA_CRT, "ca\n", 3) == ERR_OK, "%s", v.why);
    if (is_first) {
        REQUIRE(vault_write(&v, VAULT_CA_KEY, "ca-key\n", 7) == ERR_OK, "%s", v.why);
    }
    vault_close(&v);
}

static size_t read_at(int fd, uint8_t *out, size_t size)
{
    ssize_t got = pread(fd, out, size, 0);

    REQUIRE(got >= 0, "read");
    return (size_t)got;
}

static void each_has_what_it_says(void)
{
    struct keys_grant g;
    char why[KEYS_WHY_SIZE];
    struct node_keys k, expected = {0};
    uint8_t bytes[4096];

    make_member("first", true);
    REQUIRE(keys_open(state, ALL, &g, why) == ERR_OK, "%s", why);
    REQUIRE(g.count == 4, "four descriptors");
    CHECK(strcmp(g.name[0], "keys.datagram") == 0 && strcmp(g.name[1], "keys.tls") == 0 &&
              strcmp(g.name[2], "keys.issuer") == 0 && strcmp(g.name[3], "keys.renew") == 0, "under their names");
    keys_derive(who.seed, &expected);
    CHECK(keys_load(g.fd[0], &k) == ERR_OK && strcmp(k.name, "db-1") == 0 && k.cluster_epoch[0] == 5 &&
              memcmp(k.id, expected.id, sizeof k.id) == 0, "packed keys");
    size_t size = read_at(g.fd[0], bytes, sizeof bytes);
    CHECK(memmem(bytes, size, who.seed, sizeof who.seed) == NULL, "without the seed");
    size = read_at(g.fd[1], bytes, sizeof bytes);
    CHECK(size == 11 && memcmp(bytes, "key\ncrt\nca\n", 11) == 0, "three texts");
    size = read_at(g.fd[2], bytes, sizeof bytes);
    size_t at = 0;
    int parts = 0;
    for (; at + 4 <= size; parts++) {
        at += 4 + bytes_get_be32(bytes + at);
    }
    CHECK(at == size && parts == 5 && memcmp(bytes + size - 4, "crt\n", 4) == 0, "five texts with their lengths");
    size = read_at(g.fd[3], bytes, sizeof bytes);
    CHECK(bytes_get_be32(bytes) == NODE_KEYS_PACKED && keys_unpack(bytes + 4, NODE_KEYS_PACKED, &k) == ERR_OK,
          "what asks the issuer has packed keys first");
    CHECK(memmem(bytes, size, "key\n", 4) == NULL && memmem(bytes, size, who.seed, sizeof who.seed) == NULL &&
              memcmp(bytes + size - 4, "crt\n", 4) == 0, "then its certificate, and nothing that signs");
    for (size_t i = 0; i < g.count; i++) {
        CHECK(pwrite(g.fd[i], "x", 1, 0) < 0 && errno == EPERM, "%s cannot be written", g.name[i]);
        CHECK(ftruncate(g.fd[i], 0) < 0 && ftruncate(g.fd[i], 100000) < 0, "nor cut, nor grown");
        CHECK(mmap(NULL, 1, PROT_WRITE, MAP_SHARED, g.fd[i], 0) == MAP_FAILED, "nor mapped for writing");
        CHECK((fcntl(g.fd[i], F_GETFD) & FD_CLOEXEC) != 0, "nor inherited");
    }
    keys_close(&g);
    CHECK(g.count == 0, "closed");
    keys_close(&g);
}

static void only_what_is_granted(void)
{
    struct keys_grant g;
    char why[KEYS_WHY_SIZE] = "";

    make_member("granted", false);
    for (uint32_t kinds = 0; kinds < 4; kinds++) {
        REQUIRE(keys_open(state, kinds, &g, why) == ERR_OK, "%s", why);
        CHECK(g.count == (kinds & 1) + (kinds >> 1), "kinds %u", kinds);
        CHECK(kinds != MANIFEST_KEYS_TLS || strcmp(g.name[0], "keys.tls") == 0, "that one");
        keys_close(&g);
    }
    CHECK(keys_open("/nonexistent", 0, &g, why) == ERR_OK && g.count == 0, "no keys: no file is looked for");
}

/* Each row does something to a member's directory. */
static void damage_nothing(const char *dir) { (void)dir; }
static void damage_gone(const char *dir) { CHECK(rename(dir, scratch_path("gone")) == 0, "moved"); }
static void damage_no_cluster(const char *dir)
{
    (void)dir;
    CHECK(unlink(scratch_path("row/node/cluster")) == 0, "removed");
}
static void damage_open(const char *dir)
{
    (void)dir;
    CHECK(chmod(scratch_path("row/node/node.key"), 0644) == 0, "opened up");
}
static void damage_cluster(const char *dir)
{
    (void)dir;
    CHECK(truncate(scratch_path("row/node/cluster"), 100) == 0, "cut");
}
static void damage_no_key(const char *dir)
{
    (void)dir;
    CHECK(unlink(scratch_path("row/node/node.key")) == 0, "removed");
}

static const struct {
    void (*damage)(const char *dir);
    uint32_t kinds;
    enum err e;
    const char *words;
} rows[] = {
    {damage_nothing, MANIFEST_KEYS_ISSUER, ERR_NOT_FOUND, "on the node of `cell init` alone"},
    {damage_nothing, ALL, ERR_NOT_FOUND, "on the node of `cell init` alone"},
    {damage_gone, MANIFEST_KEYS_DATAGRAM, ERR_NOT_FOUND, "run `cell init` or `cell join`"},
    {damage_no_cluster, MANIFEST_KEYS_TLS, ERR_NOT_FOUND, "run `cell init` or `cell join`"},
    {damage_open, MANIFEST_KEYS_TLS, ERR_DENIED, "node.key has mode 0644"},
    {damage_open, MANIFEST_KEYS_DATAGRAM, ERR_OK, ""},
    {damage_cluster, MANIFEST_KEYS_TLS, ERR_DATA_LOSS, "cluster is damaged"},
    {damage_no_key, MANIFEST_KEYS_TLS, ERR_NOT_FOUND, "node.key"},
};

/* ---- keys that change --------------------------------------------------------------------------------------- */

static const uint8_t issuer_seed[NODE_SEED_LEN] = {8};

/* As it was made, but with an issuer that can sign. */
static void make_of_issuer(const char *name)
{
    struct node_keys issuer;
    struct cluster c = {.id = {1}, .keys = 1, .epoch = {5}, .key = {{3}}};
    struct vault v;

    make_member(name, false);
    keys_derive(issuer_seed, &issuer);
    memcpy(c.issuer, issuer.id, sizeof c.issuer);
    REQUIRE(vault_open(&v, state, false) == ERR_OK && vault_put_cluster(&v, &c) == ERR_OK, "%s", v.why);
    vault_close(&v);
}

static size_t sign(uint32_t epoch, uint32_t keys, uint32_t crl, const char *crt, uint8_t out[UPDATE_MAX])
{
    struct update u = {.cluster_id = {1}, .keys = keys, .epoch = {epoch, epoch - 1}, .key = {{(uint8_t)(epoch - 2)}, {(uint8_t)(epoch - 3)}},
                       .grace_s = keys > 1 ? 20 : 0, .crl = crl, .list = "list\n", .list_size = crl > 0 ? 5 : 0, .certificate = crt,
                       .certificate_size = strlen(crt)};
    struct node_keys k;

    keys_derive(who.seed, &k);
    memcpy(u.node, k.id, sizeof u.node);
    return update_write(&u, issuer_seed, out);
}

static void an_update_is_written_and_handed_out(void)
{
    static uint8_t bytes[UPDATE_MAX], got[4096];
    struct keys_change now = {0};
    struct keys_grant g;
    struct node_keys k;
    char why[KEYS_WHY_SIZE] = "";

    make_of_issuer("update");
    size_t size = sign(6, 2, 4, "crt-2\n", bytes);
    REQUIRE(keys_update(state, bytes, size, &now, why) == ERR_OK, "%s", why);
    CHECK(now.is_news && now.epoch == 6 && now.crl == 4 && now.grace_s == 20, "what the node has now");
    REQUIRE(keys_open(state, MANIFEST_KEYS_DATAGRAM | MANIFEST_KEYS_TLS, &g, why) == ERR_OK, "%s", why);
    CHECK(keys_load(g.fd[0], &k) == ERR_OK && k.cluster_keys == 2 && k.cluster_epoch[0] == 6 && k.crl == 4, "cells get it");
    size = read_at(g.fd[1], got, sizeof got);
    CHECK(size == 18 && memcmp(got, "key\ncrt-2\nca\nlist\n", 18) == 0, "with certificate and list");
    keys_close(&g);
    size = sign(6, 2, 4, "", bytes);
    CHECK(keys_update(state, bytes, size, &now, why) == ERR_OK && !now.is_news, "the same again is no news");
    CHECK(keys_look(state, false, &now, why) == ERR_OK && !now.is_news && now.grace_s == 20, "what it has can be looked at");
    CHECK(keys_look(state, true, &now, why) == ERR_OK && now.is_news && now.grace_s == 0, "the key before is dropped");
    CHECK(keys_look(state, true, &now, why) == ERR_OK && !now.is_news, "once");
    size = sign(6, 2, 4, "", bytes);
    CHECK(keys_update(state, bytes, size, &now, why) == ERR_OK && !now.is_news && now.grace_s == 0, "and does not come back");
}

static void what_is_no_news_of_the_issuer_is_refused(void)
{
    static uint8_t bytes[UPDATE_MAX];
    struct keys_change now = {.epoch = 77};
    struct vault v;
    char why[KEYS_WHY_SIZE] = "";

    make_of_issuer("refused");
    size_t size = sign(6, 1, 0, "", bytes);
    bytes[70] ^= 1;
    CHECK(keys_update(state, bytes, size, &now, why) == ERR_FORGED && strstr(why, "FORGED") != NULL, "%s", why);
    CHECK(keys_update(state, bytes, 0, &now, why) == ERR_MALFORMED, "nothing at all");
    size = sign(4, 1, 0, "", bytes);
    CHECK(keys_update(state, bytes, size, &now, why) == ERR_ABORTED, "what is older");
    size = sign(6, 1, 0, "", bytes);
    REQUIRE(vault_open(&v, state, false) == ERR_OK && vault_lock(&v) == ERR_OK, "a command is at work");
    CHECK(keys_update(state, bytes, size, &now, why) == ERR_UNAVAILABLE && strstr(why, "another command") != NULL, "%s", why);
    CHECK(keys_look(state, true, &now, why) == ERR_UNAVAILABLE, "for dropping, too");
    vault_close(&v);
    CHECK(now.epoch == 77 || now.epoch == 5, "nothing was changed");
    REQUIRE(unlink(scratch_path("refused/node/cluster")) == 0, "in no cluster");
    CHECK(keys_update(state, bytes, size, &now, why) == ERR_NOT_FOUND && keys_look(state, false, &now, why) == ERR_NOT_FOUND, "%s", why);
}

/* A disk that takes nothing: the node keeps what it had, whole. */
static void a_write_that_fails_leaves_what_was(void)
{
    static uint8_t bytes[UPDATE_MAX];
    struct keys_change now = {0};
    char why[KEYS_WHY_SIZE] = "";

    make_of_issuer("full");
    size_t size = sign(6, 1, 4, "crt-2\n", bytes);
    REQUIRE(mkdir(scratch_path("full/node/ca.crl"), 0700) == 0, "a directory where the list would go");
    CHECK(keys_update(state, bytes, size, &now, why) != ERR_OK && strstr(why, "ca.crl") != NULL, "%s", why);
    REQUIRE(rmdir(scratch_path("full/node/ca.crl")) == 0, "gone");
    CHECK(keys_look(state, false, &now, why) == ERR_OK && now.epoch == 5 && now.crl == 0, "what was");
    CHECK(keys_update(state, bytes, size, &now, why) == ERR_OK && now.is_news, "and the same update is news again: %s", why);
}

static void what_is_missing_is_said(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct keys_grant g = {.count = 77};
        char why[KEYS_WHY_SIZE] = "";
        make_member("row", false);
        rows[i].damage(state);
        enum err e = keys_open(state, rows[i].kinds, &g, why);
        CHECK(e == rows[i].e, "row %zu: %s", i, err_name(e));
        CHECK(strstr(why, rows[i].words) != NULL, "row %zu: \"%s\" is not in \"%s\"", i, rows[i].words, why);
        CHECK(e == ERR_OK || g.count == 0, "row %zu: nothing is open", i);
        keys_close(&g);
        CHECK(rename(state, scratch_path("old")) == 0 || rows[i].damage == damage_gone, "row %zu: put away", i);
        (void)nftw(scratch_path("old"), scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

int main(void)
{
    int dir = scratch_open();

    each_has_what_it_says();
    only_what_is_granted();
    what_is_missing_is_said();
    an_update_is_written_and_handed_out();
    what_is_no_news_of_the_issuer_is_refused();
    a_write_that_fails_leaves_what_was();
    close(dir);
    return CHECK_RESULT();
}
