/* Claims about the manifest's `config`: defaults, bounds on both sides, and a reason that names the field. */
#include <stdio.h>
#include <string.h>

#include "dht/settings.h"
#include "tests/support/check.h"

static void values_have_bounds(void)
{
    static const struct {
        const char *text, *refused; /* NULL: taken; else a word of the reason */
    } rows[] = {
        {"", NULL}, {"# nothing\n", NULL},
        {"port: 1\n", NULL}, {"port: 65535\n", NULL}, {"port: 0\n", "port"}, {"port: 65536\n", "port"}, {"port: x\n", "port"},
        {"peers: 1\n", NULL}, {"peers: 16384\n", NULL}, {"peers: 0\n", "peers"}, {"peers: 16385\n", "peers"},
        {"records: 1\n", NULL}, {"records: 65000\n", NULL}, {"records: 0\n", "records"}, {"records: 65001\n", "records"},
        {"store: 64K\n", NULL}, {"store: 64M\n", NULL}, {"store: 65535\n", "store"}, {"store: 67108865\n", "store"}, {"store: much\n", "store"},
        {"listen: 127.0.0.1:1\n", NULL}, {"listen: \"[::]:7403\"\n", NULL}, {"listen: somewhere\n", "listen"},
        {"advertise: 192.0.2.1:7403\n", NULL}, {"advertise: 0.0.0.0:7403\n", "advertise"}, {"advertise: 224.0.0.1:7403\n", "advertise"},
        {"bootstrap: [10.0.0.1, \"10.0.0.2:1\", \"fd00::1\", \"[fd00::1]:9\"]\n", NULL}, {"bootstrap: []\n", NULL},
        {"bootstrap: [db-1.example.org, \"db-2.example.org:1\"]\n", NULL}, {"bootstrap: [\"a b\"]\n", "bootstrap"}, {"bootstrap: [10.0.0.300]\n", "bootstrap"},
        {"dns: _cell-dht._udp.example.org\n", NULL}, {"dns: a..b\n", "dns"}, {"dns: \"\"\n", "dns"},
        {"dns_servers: [10.0.0.53, \"[fd00::1]:5353\", 10.0.0.54]\n", NULL}, {"dns_servers: [1.0.0.1, 1.0.0.2, 1.0.0.3, 1.0.0.4]\n", "dns_servers"},
        {"dns_servers: [name]\n", "dns_servers"}, {"dns_servers: [0.0.0.0]\n", "dns_servers"},
        {"bootstrap: [\"10.0.0.1:0\"]\n", "bootstrap"}, {"bootstrap: [\"0.0.0.0:1\"]\n", "bootstrap"}, {"bootstrap: 10.0.0.1\n", "bootstrap"},
        {"nodes: [\"db-2=10.0.0.1:7403\"]\n", NULL}, {"nodes: [\"db-2=10.0.0.1\"]\n", "nodes"}, {"nodes: [\"10.0.0.1:7403\"]\n", "nodes"},
        {"nodes: [\"a b=10.0.0.1:1\"]\n", "nodes"},
        {"host: 0\n", NULL}, {"host: 16384\n", NULL}, {"host: 16385\n", "host"}, {"site: 0\n", NULL}, {"site: 16385\n", "site"},
        {"lan: 0\n", NULL}, {"lan: 16385\n", "lan"}, {"lan: x\n", "lan"},
        {"keys: /run/keys\n", NULL}, {"keys: keys\n", "keys"},
        {"members: true\n", NULL}, {"members: false\n", NULL}, {"members: some\n", "members"},
        {"depth: 3\n", "depth"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dht_settings s = {.peers = 99999};
        char why[CONF_WHY_SIZE] = "";
        enum err e = dht_settings_read(rows[i].text, &s, why);
        if (rows[i].refused == NULL) {
            CHECK(e == ERR_OK && s.peers != 99999, "row %zu: %s: %s", i, rows[i].text, why);
        } else {
            CHECK(e == ERR_INVALID && s.peers == 99999, "row %zu: refused and untouched", i);
            CHECK(strstr(why, rows[i].refused) != NULL, "row %zu: \"%s\" names %s", i, why, rows[i].refused);
        }
    }
}

static void what_is_said_is_taken(void)
{
    struct dht_settings s;
    char why[CONF_WHY_SIZE];

    REQUIRE(dht_settings_read("", &s, why) == ERR_OK, "defaults");
    CHECK(s.port == 7403 && s.listen.port == 7403 && s.peers == 1024 && s.records == 8192 && s.store_bytes == 4 << 20 && !s.has_advertise && s.has_members, "defaults");
    CHECK(s.host == 16 && s.site == 64 && s.lan == 256, "strangers of one host, site, link");
    REQUIRE(dht_settings_read("{host: 3, site: 9, lan: 27}", &s, why) == ERR_OK && s.host == 3 && s.site == 9 && s.lan == 27, "others");
    REQUIRE(dht_settings_read("{peers: 400}", &s, why) == ERR_OK && s.lan == 100, "a quarter of the table");
    REQUIRE(dht_settings_read("{port: 9, bootstrap: [10.0.0.1, \"10.0.0.2:1\"], nodes: [\"db-2=10.0.0.3:4\"], store: 1M}\n", &s, why) == ERR_OK, "%s", why);
    CHECK(s.bootstraps == 2 && s.bootstrap[0].address.port == 9 && s.bootstrap[1].address.port == 1 &&
              s.bootstrap[1].address.ip[15] == 2 && !s.bootstrap[0].is_name && s.dns[0] == '\0' && s.servers == 0, "others' port is theirs");
    REQUIRE(dht_settings_read("{port: 9, bootstrap: [Db.example], dns: _s._udp.example, dns_servers: [10.0.0.53]}\n", &s, why) == ERR_OK, "%s", why);
    CHECK(s.bootstrap[0].is_name && strcmp(s.bootstrap[0].host, "db.example") == 0 && s.bootstrap[0].address.port == 9, "a name");
    CHECK(strcmp(s.dns, "_s._udp.example") == 0 && s.servers == 1 && s.server[0].port == 53, "a service, and whom to ask for it");
    REQUIRE(dht_settings_read("{port: 9, bootstrap: [10.0.0.1, \"10.0.0.2:1\"], nodes: [\"db-2=10.0.0.3:4\"], store: 1M}\n", &s, why) == ERR_OK, "%s", why);
    CHECK(s.places == 1 && strcmp(s.place[0].node, "db-2") == 0 && s.place[0].at.port == 4 && s.store_bytes == 1 << 20, "a node's place");
}

/* A list of n addresses, at the limit and one past it. */
static void lists_have_limits(void)
{
    for (int n = DHT_BOOTSTRAP_MAX; n <= DHT_BOOTSTRAP_MAX + 1; n++) {
        char text[1024] = "bootstrap: [10.0.0.1", why[CONF_WHY_SIZE];
        struct dht_settings s;
        for (int i = 1; i < n; i++) {
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), ", 10.0.0.%d", i + 1);
        }
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "]\n");
        CHECK((dht_settings_read(text, &s, why) == ERR_OK) == (n == DHT_BOOTSTRAP_MAX), "%d addresses: %s", n, why);
    }
}

int main(void)
{
    values_have_bounds();
    what_is_said_is_taken();
    lists_have_limits();
    return CHECK_RESULT();
}
