/* The cell's configuration: what is taken, and what is refused by the name of its field. */
#include "datapath/config.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/check.h"

#define KEY "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define OTHER "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="

static const struct {
    const char *text, *field; /* field NULL: taken */
    const char *why;
} rows[] = {
    {"key: /k", NULL, "a key is enough"},
    {"interface: cell0", NULL, "the state directory has one"},
    {"key: k", "key", "no absolute path"},
    {"key: /k\nsecret: /s\ncluster: a\ncontext: b", NULL, "pre-shared keys of a secret"},
    {"key: /k\nsecret: /s", NULL, "… of no cluster in particular"},
    {"key: /k\ncluster: a", "cluster", "of a cluster, and no secret"},
    {"key: /k\ncontext: b", "context", "nor here"},
    {"key: /k\ninterface: abcdefghijklmno", NULL, "15 characters"},
    {"key: /k\ninterface: abcdefghijklmnop", "interface", "16"},
    {"key: /k\ninterface: a/b", "interface", "a slash"},
    {"key: /k\nlisten: localhost:1", "listen", "a name"},
    {"key: /k\nlisten: \"[::]:51820\"", NULL, "both families"},
    {"key: /k\nlisten: \"0.0.0.0:51820\"\nmark: 4294967295", NULL, "all of this host, and a mark"},
    {"key: /k\nlisten: \"127.0.0.1:51820\"", NULL, "this host alone"},
    {"key: /k\nlisten: \"224.0.0.1:51820\"", "listen", "many's"},
    {"key: /k\nlisten: \"255.255.255.255:51820\"", "listen", "everybody's"},
    {"key: /k\nlisten: \"[ff02::1]:51820\"", "listen", "many's, of IPv6"},
    {"key: /k\nlisten: \"[fe80::1]:51820\"", "listen", "a link's, and nobody knows which"},
    {"key: /k\nlisten: \"0.0.0.1:51820\"", "listen", "nobody's"},
    {"key: /k\nlisten: \"0.0.0.0:0\"", "listen", "no port"},
    {"key: /k\nmark: 4294967296", "mark", "more bits than a mark has"},
    {"key: /k\nmark: 0x10", "mark", "which is no whole number here"},
    {"key: /k\ninterface: \"a\\0b\"", "interface", "a zero, behind which nobody would look"},
    {"key: /k\nmtu: 576", NULL, "the least"},
    {"key: /k\nmtu: 575", "mtu", "less"},
    {"key: /k\nmtu: 9000", NULL, "the most"},
    {"key: /k\nmtu: 9001", "mtu", "more"},
    {"key: /k\nmtu: 1420x", "mtu", "a number, and more behind it"},
    {"key: /k\nmtu: 1500.7", "mtu", "none that is whole"},
    {"key: /k\nmtu: 02000", "mtu", "which is 2,000 to who writes it, and 1,024 to who reads octal"},
    {"key: /k\nroom: \"8 \"", "room", "a blank"},
    {"key: /k\nroom: 16384", NULL, "the most"},
    {"key: /k\nroom: 16385", "room", "more"},
    {"key: /k\nroom: 0", "room", "none"},
    {"key: /k\nrekey: 10", NULL, "the least"},
    {"key: /k\nrekey: 9", "rekey", "less"},
    {"key: /k\nrekey: 121", "rekey", "more than the protocol has"},
    {"key: /k\naddress: [10.9.0.1/24, \"fd09::1/64\"]", NULL, "two addresses"},
    {"key: /k\naddress: [10.9.0.1/33]", "address", "too many bits"},
    {"key: /k\nmtu: 1280\naddress: [\"fd09::1/64\"]", NULL, "the least of IPv6"},
    {"key: /k\nmtu: 1279\naddress: [\"fd09::1/64\"]", "mtu", "less than IPv6 takes"},
    {"key: /k\nmtu: 576\naddress: [10.9.0.1/24]", NULL, "which IPv4 does"},
    {"key: /k\ntap: x\ntap_mtu: 1279\ntap_address: [\"fd09::1/64\"]", "tap_mtu", "nor here"},
    {"key: /k\naddress: [10.9.0.1/0]", "address", "a network of all addresses"},
    {"key: /k\naddress: [0.0.0.0/32]", "address", "nobody's"},
    {"key: /k\naddress: [127.0.0.1/8]", "address", "this host's own"},
    {"key: /k\naddress: [224.0.0.1/4]", "address", "many's"},
    {"key: /k\naddress: [255.255.255.255/32]", "address", "everybody's"},
    {"key: /k\naddress: [\"::/64\"]", "address", "nobody's, of IPv6"},
    {"key: /k\naddress: [\"::1/128\"]", "address", "this host's own"},
    {"key: /k\naddress: [\"ff02::1/16\"]", "address", "many's"},
    {"key: /k\naddress: [\"::ffff:1.2.3.4/96\"]", "address", "one of IPv4, as sockets of both families write it"},
    {"key: /k\naddress: [\"fe80::1/64\"]", NULL, "one of the link, which an interface may have"},
    {"key: /k\naddress: [10.9.0.1/24, 10.9.0.1/25]", "address", "one address twice"},
    {"key: /k\naddress: [\"fd09::1/64\", \"fd09:0::1/64\"]", "address", "… written in two ways"},
    {"key: /k\naead: openssl", NULL, "a library"},
    {"key: /k\naead: own", "aead", "another"},
    {"key: /k\nlinger: auto", NULL, "answers are waited for awake"},
    {"key: /k\nlinger: \"off\"", NULL, "nothing is"},
    {"key: /k\nlinger: 50", "linger", "for how long is learned, not said"},
    {"key: /k\nown: auto", NULL, "AES with those that have it"},
    {"key: /k\nown: \"off\"", NULL, "with nobody"},
    {"key: /k\nown: aes", "own", "with everybody"},
    {"key: /k\noffload: auto", NULL, "what there is"},
    {"key: /k\noffload: \"off\"", NULL, "nothing of it"},
    {"key: /k\noffload: tso", "offload", "a part of it"},
    {"key: /k\nshield: auto", NULL, "where it has to"},
    {"key: /k\nshield: tcx", NULL, "one place"},
    {"key: /k\nshield: xdp", NULL, "the other"},
    {"key: /k\nshield: \"off\"", NULL, "nowhere"},
    {"key: /k\nshield: tc", "shield", "no place"},
    {"key: /k\npath: auto", NULL, "as it is without"},
    {"key: /k\npath: udp\nshield: tcx", NULL, "by the socket"},
    {"key: /k\npath: xdp", NULL, "past the host's stack"},
    {"key: /k\npath: xdp\nshield: xdp", NULL, "as the shield"},
    {"key: /k\npath: plain\nshield: \"off\"", NULL, "one by one"},
    {"key: /k\npath: plainly", "path", "nothing that there is"},
    {"key: /k\npath: xdp\nshield: tcx", "path", "where no program leads there"},
    {"key: /k\npath: xdp\nshield: \"off\"", "path", "nor here"},
    {"key: /k\npath: xsk", "path", "no way"},
    {"key: /k\nunderlay: eth0", NULL, "an interface"},
    {"key: /k\nunderlay: a/b", "underlay", "none"},
    {"key: /k\nrendezvous: \"on\"\nrelay: \"on\"", NULL, "for others"},
    {"key: /k\nrendezvous: perhaps", "rendezvous", "neither"},
    {"key: /k\nrelay: \"on\"", "relay", "a relay that is no rendezvous"},
    {"key: /k\nsignals: \"off\"", NULL, "nothing but WireGuard"},
    {"key: /k\nsignals: \"off\"\nrendezvous: \"on\"", "signals", "a rendezvous that says nothing"},
    {"key: /k\nplaces: [192.0.2.1:1, 192.0.2.2:1, 192.0.2.3:1, 192.0.2.4:1, \"[fd00::1]:1\"]", NULL, "as many as there may be"},
    {"key: /k\nplaces: [192.0.2.1:1, 192.0.2.2:1, 192.0.2.3:1, 192.0.2.4:1, 192.0.2.5:1, 192.0.2.6:1]", "places", "one more"},
    {"key: /k\nplaces: [a.example:1]", "places", "a name"},
    {"key: /k\nplaces: [192.0.2.1:1, 192.0.2.1:2]", NULL, "two of one host"},
    {"key: /k\nplaces: [192.0.2.1:1, 192.0.2.2:1, 192.0.2.1:1]", "places", "one twice"},
    {"key: /k\nplaces: [127.0.0.1:1]", NULL, "one for nodes of the same host"},
    {"key: /k\nplaces: [0.0.0.0:1]", "places", "nobody's, which nobody would ask"},
    {"key: /k\nplaces: [255.255.255.255:1]", "places", "everybody's"},
    {"key: /k\nplaces: [\"[ff02::1]:1\"]", "places", "many's"},
    {"key: /k\nplaces: [\"[fe80::1%2]:1\"]", "places", "a link's"},
    {"key: /k\npeers: [{key: " KEY ", rendezvous: \"on\"}]", NULL, "he is believed"},
    {"key: /k\npeers: [{key: " KEY ", rendezvous: once}]", "peers.rendezvous", "neither"},
    {"key: /k\nname: a-2\nzone: x.example\ndns: 127.0.0.1:7453", NULL, "names are answered for"},
    {"key: /k\nname: A", "name", "no label of a host"},
    {"key: /k\nzone: x.", "zone", "a dot at its end"},
    {"membership: [10.64.0.0/10, \"fd09::/64\", 10.128.0.0/10, \"fd09:0:0:1::/64\"]", NULL, "members are peers"},
    {"key: /k\nmembership: [10.64.0.0/10]", "key", "the key is the node's"},
    {"membership: [10.64.0.1/10]", "membership", "no network"},
    {"membership: [10.64.0.0/25]", "membership", "too small for members"},
    {"membership: [10.64.0.0/10, 10.127.255.0/24]", "membership", "an address would be in both"},
    {"membership: [\"fd09::/64\", \"fd00::/8\"]", "membership", "… the other way round"},
    {"key: /k\ndns: localhost:53", "dns", "a name"},
    {"key: /k\nname: a\npeers: [{key: " KEY ", name: b}]", NULL, "two names"},
    {"key: /k\nname: a\npeers: [{key: " KEY ", name: a}]", "peers.name", "his is ours"},
    {"key: /k\npeers: [{key: " KEY ", name: b}, {key: " OTHER ", name: b}]", "peers.name", "two have one"},
    {"key: /k\npeers: [{key: " KEY ", name: b_c}]", "peers.name", "no label of a host"},
    {"key: /k\ntap: cell-l2-0\ntap_mtu: 9000\ntap_address: [10.8.0.1/24]\nframes: auto", NULL, "frames"},
    {"key: /k\nframes: \"off\"", NULL, "none"},
    {"key: /k\nframes: all", "frames", "neither"},
    {"key: /k\ntap: cell0", "tap", "the other interface"},
    {"key: /k\ntap: a/b", "tap", "no name"},
    {"key: /k\ntap_mtu: 9001", "tap_mtu", "more"},
    {"key: /k\ntap_address: [10.8.0.1/33]", "tap_address", "too many bits"},
    {"key: /k\ncontrol: x", "control", "no absolute path"},
    {"key: /k\nsecret: x", "secret", "no absolute path"},
    {"key: /k\ncolour: red", "colour", "an unknown field"},
    {"key: /k\npeers: [{key: " KEY "}]", NULL, "a peer"},
    {"key: /k\npeers: [{endpoint: 1.2.3.4:5}]", "key", "without key"},
    {"key: /k\npeers: [{key: abc}]", "peers.key", "no key"},
    {"key: /k\npeers: [{key: " KEY ", endpoint: a.example:5}]\ndns_servers: [192.0.2.53, \"[fd00::53]:5353\"]", NULL, "a name"},
    {"key: /k\npeers: [{key: " KEY ", endpoint: a.example}]", "peers.endpoint", "a name without a port"},
    {"key: /k\npeers: [{key: " KEY ", endpoint: a.example:0}]", "peers.endpoint", "… with none"},
    {"key: /k\npeers: [{key: " KEY ", endpoint: \"a b:5\"}]", "peers.endpoint", "no name"},
    {"key: /k\npeers: [{key: " KEY ", endpoint: 1.2.3:5}]", "peers.endpoint", "three bytes, which are no name"},
    {"key: /k\ndns_servers: [0.0.0.0]", "dns_servers", "nobody"},
    {"key: /k\ndns_servers: [a.example]", "dns_servers", "a name, for which one would have to be asked"},
    {"key: /k\npeers: [{key: " KEY ", allowed: [10.0.0.0/8, x]}]", "peers.allowed", "no prefix"},
    {"key: /k\npeers: [{key: " KEY ", keepalive: 65535}]", NULL, "the most"},
    {"key: /k\npeers: [{key: " KEY ", keepalive: 65536}]", "peers.keepalive", "more"},
    {"key: /k\npeers: [{key: " KEY ", psk: x}]", "peers.psk", "no absolute path"},
    {"key: /k\npeers: [{key: " KEY ", keepalive: 25s}]", "keepalive", "a number, and more"},
    {"key: /k\npeers: [{key: " KEY ", allowed: [10.0.0.1/32]}, {key: " OTHER ", allowed: [10.0.0.0/8]}]", NULL, "a part of another's"},
    {"key: /k\npeers: [{key: " KEY ", allowed: [10.0.0.1/8]}, {key: " OTHER ", allowed: [10.0.0.0/8]}]", "peers.allowed", "one for two"},
    {"key: /k\npeers: [{key: " KEY "}, {key: " KEY "}]", "peers.key", "one twice"},
    {"key: /k\nroom: 1\npeers: [{key: " KEY "}, {key: " KEY "}]", "peers", "more than there is room for"},
};

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct datapath_settings s = {.listed = 0};
        char why[CONF_WHY_SIZE] = "";
        enum err e = datapath_config_read(rows[i].text, &s, why);
        CHECK((e == ERR_OK) == (rows[i].field == NULL), "row %zu: %s: %s", i, rows[i].why, why);
        CHECK(rows[i].field == NULL || strstr(why, rows[i].field) != NULL, "row %zu: it names the field: %s", i, why);
        CHECK(e == ERR_OK || s.peer == NULL, "row %zu: nothing is owned", i);
        datapath_config_free(&s);
    }
    struct datapath_settings s;
    char why[CONF_WHY_SIZE];
    REQUIRE(datapath_config_read("key: /k\naddress: [10.9.0.1/24]\npeers: [{key: " KEY ", endpoint: 1.2.3.4:5, allowed: "
                                 "[10.9.0.2], keepalive: 25}]", &s, why) == ERR_OK, "%s", why);
    CHECK(s.tun.mtu == DATAPATH_CONFIG_MTU && s.peers_max == DATAPATH_CONFIG_PEERS && s.listen.port == DATAPATH_CONFIG_PORT &&
              strcmp(s.tun.name, "cell0") == 0 && s.tap.name[0] == '\0' && s.tap.is_tap && s.tap.mtu == DATAPATH_CONFIG_TAP_MTU && s.has_frames,
          "the defaults");
    CHECK(s.tun.address_count == 1 && s.tun.address[0].ip[3] == 1 && s.tun.address[0].bits == 24, "an address keeps its host");
    CHECK(s.listed == 1 && s.peer[0].peer.persist_ms == 25000 && s.peer[0].peer.endpoint.port == 5 &&
              s.peer[0].prefixes == 1 && s.peer[0].prefix[0].bits == 32, "and the peer");
    datapath_config_free(&s);
    return CHECK_RESULT();
}
