/* Claims about the cell's configuration and the incarnation it keeps. */
#include <string.h>

#include "common/run/fd.h"
#include "nodosum/config.h"
#include "nodosum/store.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static void the_usual_and_all_of_it(void)
{
    struct nodosum_settings s;
    char why[CONF_WHY_SIZE], text[ADDRESS_SIZE];

    CHECK(nodosum_config_read("", "", &s, why) == ERR_OK && s.members == NODOSUM_CONFIG_MEMBERS && !s.lan && s.seeds == 0 &&
              s.dns[0] == '\0', "nothing said: the defaults");
    nodosum_seeds_format(&s.listen, text);
    CHECK(strcmp(text, "0.0.0.0:7402") == 0, "listens at %s", text);
    CHECK(nodosum_config_read("listen: 127.0.0.1:9\nadvertise: 10.0.0.1\nmembers: 8192\nlan: true\n"
                              "seeds:\n- 10.0.0.2\n- db.example:99\ndns: _cell._udp.example.org\ndns_servers:\n- 10.0.0.53\n"
                              "keys: /k\n", "disk=nvme,zone=eu-1", &s, why) == ERR_OK,
          "everything: %s", why);
    CHECK(s.seeds == 2 && s.seed[1].is_name && s.servers == 1 && s.server[0].port == 53 && s.lan && s.members == 8192,
          "lists and numbers");
    CHECK(s.has_advertise && s.advertise.port == 0, "the socket's port is advertised");
    CHECK(s.labels == 2 && strcmp(s.label[0].name, "disk") == 0 && strcmp(s.label[0].value, "nvme") == 0 &&
              strcmp(s.label[1].name, "zone") == 0 && strcmp(s.label[1].value, "eu-1") == 0, "labels");
    CHECK(strcmp(s.keys, "/k") == 0, "keys");
}

static void what_is_wrong_is_named(void)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"seeds:\n- a b\n", "seeds"}, {"listen: name\n", "listen"}, {"advertise: 0.0.0.0\n", "advertise"},
        {"members: 1\n", "members: 1 is not"}, {"members: 8193\n", "members: 8193 is not"}, {"members: x\n", "x"},
        {"dns: a..b\n", "dns"}, {"dns_servers:\n- name\n", "dns_servers"}, {"offers:\n- x\n", "offers"},
        {"labels:\n- zone=a\n", "labels"},
        {"keys: relative\n", "keys"}, {"unknown: 1\n", "unknown"}, {"- a\n", ""}, {"lan: perhaps\n", "perhaps"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_settings s = {.members = 77};
        char why[CONF_WHY_SIZE];
        CHECK(nodosum_config_read(rows[i].text, "", &s, why) == ERR_INVALID && s.members == 77, "row %zu", i);
        CHECK(strstr(why, rows[i].why) != NULL && *why != '\0', "row %zu: \"%s\"", i, why);
    }
}

static void labels_are_names_with_values(void)
{
    static const char *const rows[] = {"zone", "a=b c", "-a=b", "a=", "=b", "a=b,c", "a=b,,c=d", ","};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_settings s = {.members = 77};
        char why[CONF_WHY_SIZE];
        CHECK(nodosum_config_read("", rows[i], &s, why) == ERR_INVALID && s.members == 77, "row %zu", i);
        CHECK(strstr(why, "placement.labels") != NULL, "row %zu: \"%s\"", i, why);
    }
}

static void lists_have_limits(void)
{
    for (uint32_t count = NODOSUM_SEEDS_MAX; count <= NODOSUM_SEEDS_MAX + 1; count++) {
        struct nodosum_settings s;
        char text[1024] = "seeds:\n", why[CONF_WHY_SIZE];
        for (uint32_t i = 0; i < count; i++) {
            (void)snprintf(strchr(text, '\0'), 32, "- 10.0.0.%u\n", i + 1);
        }
        enum err e = nodosum_config_read(text, "", &s, why);
        CHECK(e == (count <= NODOSUM_SEEDS_MAX ? ERR_OK : ERR_INVALID), "%u seeds: %s", count, why);
    }
    struct nodosum_settings s;
    char text[1024] = "", why[CONF_WHY_SIZE];
    for (int i = 0; i < 4; i++) {
        (void)snprintf(strchr(text, '\0'), 80, "%s%c=%060d", i == 0 ? "" : ",", 'a' + i, 0);
    }
    CHECK(nodosum_config_read("", text, &s, why) == ERR_INVALID && strstr(why, "longer together") != NULL, "%s", why);
    text[0] = '\0';
    for (int i = 0; i <= NODOSUM_META_LABELS_MAX; i++) {
        CHECK(nodosum_config_read("", text, &s, why) == ERR_OK && s.labels == (uint32_t)i, "%d labels: %s", i, why);
        (void)snprintf(strchr(text, '\0'), 80, "%s%c=x", i == 0 ? "" : ",", 'a' + i);
    }
    CHECK(nodosum_config_read("", text, &s, why) == ERR_INVALID && strstr(why, "more than") != NULL, "one more: %s", why);
}

/* Each row: what is on disk before, what an opening gives. */
static void an_incarnation_outlives_the_process(void)
{
    enum { NOW_S = 1000 };
    struct nodosum_store s;
    uint64_t first, second, third;

    AUTO_FD int dir = scratch_open();
    (void)dir; /* only its path is needed */
    CHECK(nodosum_store_open(&s, scratch_dir, NOW_S, &first) == ERR_OK && first == NOW_S, "the first life: the clock");
    CHECK(nodosum_store_use(&s, first + NODOSUM_STORE_AHEAD - 1) == ERR_OK, "refuted up to what is on disk");
    nodosum_store_close(&s);
    CHECK(nodosum_store_open(&s, scratch_dir, 5, &second) == ERR_OK && second > first + NODOSUM_STORE_AHEAD - 1,
          "more than ever before, whatever the clock says: %llu", (unsigned long long)second);
    uint64_t used = second + NODOSUM_STORE_AHEAD;
    CHECK(nodosum_store_use(&s, used) == ERR_OK, "past what is on disk: written first");
    nodosum_store_close(&s);
    CHECK(nodosum_store_open(&s, scratch_dir, 5, &third) == ERR_OK && third > used, "and still more");
    nodosum_store_close(&s);
    CHECK(nodosum_store_open(&s, "", 0, &third) == ERR_OK && third == 1, "no directory, no clock: 1");
    CHECK(nodosum_store_use(&s, 1 << 20) == ERR_OK, "nothing is kept, which is no error");
    CHECK(nodosum_store_open(&s, "/nowhere/at/all", 7, &third) != ERR_OK && third == 7, "a directory that is gone");
}

static void a_damaged_file_is_none(void)
{
    struct nodosum_store s;
    uint64_t incarnation;
    const char *path = scratch_path("incarnation");

    for (size_t at = 0; at <= 20; at++) {
        FILE *f;
        REQUIRE(nodosum_store_open(&s, scratch_dir, 9, &incarnation) == ERR_OK, "written");
        nodosum_store_close(&s);
        REQUIRE((f = fopen(path, "r+")) != NULL && fseek(f, (long)at, SEEK_SET) == 0, "opened");
        int byte = at < 20 ? fgetc(f) : 0;
        REQUIRE(fseek(f, (long)at, SEEK_SET) == 0 && fputc(byte ^ 0x40, f) != EOF && fclose(f) == 0, "damaged");
        CHECK(nodosum_store_open(&s, scratch_dir, 9, &incarnation) == ERR_OK && incarnation == 9, "byte %zu: %llu", at,
              (unsigned long long)incarnation);
        nodosum_store_close(&s);
    }
}

int main(void)
{
    the_usual_and_all_of_it();
    what_is_wrong_is_named();
    labels_are_names_with_values();
    lists_have_limits();
    an_incarnation_outlives_the_process();
    a_damaged_file_is_none();
    return CHECK_RESULT();
}
