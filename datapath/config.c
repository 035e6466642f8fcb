#include "datapath/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/node/inner.h"
#include "datapath/text.h"

enum {
    MTU_V6_LEAST = 1280,
};

struct listed {
    const char *key, *endpoint, *psk, *rendezvous, *name;
    uint32_t *keepalive;
    const char **allowed;
    uint32_t allowed_count;
};

struct document {
    const char *interface, *listen, *key, *control, *secret, *cluster, *context, *aead, *own, *linger, *offload, *shield, *underlay, *path;
    const char *rendezvous, *relay, *signals, *name, *zone, *dns, *tap, *frames;
    uint32_t *mtu, *room, *rekey, *tap_mtu, *mark;
    const char **address, **places, **tap_address, **membership, **dns_servers;
    struct listed *peers;
    uint32_t address_count, places_count, tap_address_count, membership_count, dns_servers_count, peers_count;
};

static const cyaml_schema_field_t peer_fields[] = {
    CYAML_FIELD_STRING_PTR("key", CYAML_FLAG_POINTER, struct listed, key, 0, CYAML_UNLIMITED),
    CONF_TEXT(listed, endpoint),
    CONF_TEXT(listed, psk),
    CONF_TEXT(listed, rendezvous),
    CONF_TEXT(listed, name),
    CONF_NUMBER(listed, keepalive),
    CONF_TEXTS(listed, allowed, DATAPATH_CONFIG_PREFIXES_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t peer_entry = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct listed, peer_fields)};

static const cyaml_schema_field_t fields[] = {
    CONF_TEXT(document, interface),
    CONF_TEXT(document, listen),
    CONF_TEXT(document, key),
    CONF_TEXT(document, control),
    CONF_TEXT(document, secret),
    CONF_TEXT(document, cluster),
    CONF_TEXT(document, context),
    CONF_TEXT(document, aead),
    CONF_TEXT(document, own),
    CONF_TEXT(document, linger),
    CONF_TEXT(document, offload),
    CONF_TEXT(document, shield),
    CONF_TEXT(document, underlay),
    CONF_TEXT(document, path),
    CONF_TEXT(document, rendezvous),
    CONF_TEXT(document, relay),
    CONF_TEXT(document, signals),
    CONF_TEXT(document, name),
    CONF_TEXT(document, zone),
    CONF_TEXT(document, dns),
    CONF_TEXT(document, tap),
    CONF_TEXT(document, frames),
    CONF_NUMBER(document, tap_mtu),
    CONF_NUMBER(document, mtu),
    CONF_NUMBER(document, room),
    CONF_NUMBER(document, rekey),
    CONF_NUMBER(document, mark),
    CONF_TEXTS(document, address, TUN_ADDRESSES_MAX),
    CONF_TEXTS(document, tap_address, TUN_ADDRESSES_MAX),
    CONF_TEXTS(document, membership, DATAPATH_CONFIG_NETWORKS_MAX),
    CONF_TEXTS(document, places, DATAPATH_CONFIG_PLACES_MAX),
    CONF_TEXTS(document, dns_servers, DNS_SERVERS_MAX),
    CYAML_FIELD_SEQUENCE("peers", CONF_OPTIONAL, struct document, peers, &peer_entry, 0, DATAPATH_CONFIG_LISTED_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, fields)};

/* An absolute path, or nothing. */
static enum err take_path(const char *field, const char *text, char ret[DATAPATH_CONFIG_PATH_SIZE], char *why)
{
    if (text == NULL) {
        return ERR_OK;
    }
    if (text[0] != '/' || strlen(text) >= DATAPATH_CONFIG_PATH_SIZE) {
        return conf_refuse(why, field, text, "an absolute path");
    }
    memcpy(ret, text, strlen(text) + 1);
    return ERR_OK;
}

static enum err take_number(const char *field, const uint32_t *value, uint32_t least, uint32_t most, uint32_t *ret,
                            char *why)
{
    if (value == NULL) {
        return ERR_OK;
    }
    if (*value < least || *value > most) {
        (void)snprintf(why, CONF_WHY_SIZE, "%s: %u is not from %u to %u", field, *value, least, most);
        return ERR_INVALID;
    }
    *ret = *value;
    return ERR_OK;
}

/* One of two words; without one *ret stays as it is. */
static enum err take_word(const char *field, const char *text, const char *yes, const char *no, bool *ret, char *why)
{
    char expected[64];

    if (text == NULL) {
        return ERR_OK;
    }
    (void)snprintf(expected, sizeof expected, "%s or %s", yes, no);
    if (strcmp(text, yes) != 0 && strcmp(text, no) != 0) {
        return conf_refuse(why, field, text, expected);
    }
    *ret = strcmp(text, yes) == 0;
    return ERR_OK;
}

/* Whether others, who drop what is nobody's, can be told of it. */
static bool can_be_told(struct datapath_endpoint at)
{
    const struct datapath_endpoint by = at;

    return datapath_message_keep_places(&at, 1, &by) == 1 && !datapath_message_is_of_link(&by);
}

/* Whether a socket can be bound there: anywhere, or at one host's address, which one of a link without its interface is not. */
static bool can_listen(const struct datapath_endpoint *at)
{
    static const uint8_t nobody[16], nobody4[16] = {[10] = 0xff, [11] = 0xff};

    return memcmp(at->ip, nobody, sizeof nobody) == 0 || memcmp(at->ip, nobody4, sizeof nobody4) == 0 || can_be_told(*at);
}

static enum err take_ways(const struct document *d, struct datapath_settings *s, char *why)
{
    enum err e = take_word("rendezvous", d->rendezvous, "on", "off", &s->is_rendezvous, why);

    e = e == ERR_OK ? take_word("relay", d->relay, "on", "off", &s->is_relay, why) : e;
    e = e == ERR_OK ? take_word("signals", d->signals, "off", "auto", &s->is_silent, why) : e;
    if (e == ERR_OK && ((s->is_relay && !s->is_rendezvous) || (s->is_silent && s->is_rendezvous))) {
        return conf_refuse(why, s->is_silent ? "signals" : "relay", s->is_silent ? "off" : "on",
                           s->is_silent ? "auto with `rendezvous: on`" : "off, or `rendezvous: on` with it");
    }
    for (; e == ERR_OK && s->places < d->places_count; s->places++) {
        if (!datapath_text_read_place(d->places[s->places], &s->place[s->places], NULL)) {
            e = conf_refuse(why, "places", d->places[s->places], "an address in numbers and a port");
        } else if (!can_be_told(s->place[s->places])) {
            e = conf_refuse(why, "places", d->places[s->places], "an address where others reach this node: not of many, of nobody or of a link");
        }
        for (uint32_t i = 0; e == ERR_OK && i < s->places; i++) {
            if (datapath_message_is_same(&s->place[i], &s->place[s->places])) {
                e = conf_refuse(why, "places", d->places[s->places], "each place once");
            }
        }
    }
    return e;
}

/* Whether it can be a host's: not nobody's, many's or this host's own, in a network that is not all there is (a route into the interface for
 * all addresses is `allowed`'s and the host's affair). */
static bool is_host(const struct tun_address *a)
{
    const struct datapath_endpoint other = {.ip = {[0] = 1}};
    struct datapath_endpoint at = {.port = 1, .scope = 1};

    if (a->is_v6) {
        memcpy(at.ip, a->ip, sizeof at.ip);
    } else {
        datapath_message_put_v4(at.ip, a->ip);
    }
    return a->bits > 0 && !(a->is_v6 && datapath_message_is_v4(at.ip)) && datapath_message_keep_places(&at, 1, &other) == 1;
}

static enum err take_addresses(const char *field, const char **text, uint32_t count, struct tun_spec *spec, char *why)
{
    for (; spec->address_count < count; spec->address_count++) {
        struct tun_address *a = &spec->address[spec->address_count];
        struct datapath_prefix p;
        if (!datapath_text_read_prefix(text[spec->address_count], &p, a->ip)) {
            return conf_refuse(why, field, text[spec->address_count], "an address such as 10.9.0.1/24");
        }
        a->is_v6 = p.size == DATAPATH_ALLOWED_V6;
        a->bits = p.bits;
        if (!is_host(a)) {
            return conf_refuse(why, field, text[spec->address_count], "one host's address and the bits of its network: not of many, of nobody or of this host alone");
        }
        for (size_t i = 0; i < spec->address_count; i++) {
            if (spec->address[i].is_v6 == a->is_v6 && memcmp(spec->address[i].ip, a->ip, p.size) == 0) {
                return conf_refuse(why, field, text[spec->address_count], "each address once");
            }
        }
    }
    return ERR_OK;
}

/* An interface that carries less than every path of IPv6 has none of its addresses: RFC 8200, section 5. */
static enum err check_mtu(const char *field, const struct tun_spec *spec, char *why)
{
    for (size_t i = 0; i < spec->address_count; i++) {
        if (spec->address[i].is_v6 && spec->mtu < MTU_V6_LEAST) {
            (void)snprintf(why, CONF_WHY_SIZE, "%s: %u is less than the 1280 that an address of IPv6 takes", field, spec->mtu);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

static enum err take_frames(const struct document *d, struct datapath_settings *s, char *why)
{
    enum err e = take_word("frames", d->frames, "auto", "off", &s->has_frames, why);

    if (e == ERR_OK && d->tap != NULL && (!tun_name_valid(d->tap, strlen(d->tap)) || strcmp(d->tap, s->tun.name) == 0)) {
        return conf_refuse(why, "tap", d->tap, "the name of an interface that is not `interface`");
    }
    (void)snprintf(s->tap.name, sizeof s->tap.name, "%s", d->tap != NULL ? d->tap : "");
    e = e == ERR_OK ? take_number("tap_mtu", d->tap_mtu, DATAPATH_MTU_MIN, DATAPATH_MTU_MAX, &s->tap.mtu, why) : e;
    e = e == ERR_OK ? take_addresses("tap_address", d->tap_address, d->tap_address_count, &s->tap, why) : e;
    return e == ERR_OK ? check_mtu("tap_mtu", &s->tap, why) : e;
}

static enum err take_device(const struct document *d, struct datapath_settings *s, char *why)
{
    const char *name = d->interface != NULL ? d->interface : "cell0";

    if (!tun_name_valid(name, strlen(name))) {
        return conf_refuse(why, "interface", name, "a name of 1 to 15 characters, without blanks, '/', ':' and '%'");
    }
    memcpy(s->tun.name, name, strlen(name) + 1);
    const char *aead = d->aead != NULL ? d->aead : "auto";
    if (strcmp(aead, "auto") != 0 && strcmp(aead, "libsodium") != 0 && strcmp(aead, "openssl") != 0 &&
        strcmp(aead, "ipsec-mb") != 0) {
        return conf_refuse(why, "aead", aead, "auto, libsodium, openssl or ipsec-mb");
    }
    memcpy(s->aead, aead, strlen(aead) + 1);
    enum err e = take_word("own", d->own, "auto", "off", &s->has_own, why);
    e = e == ERR_OK ? take_word("linger", d->linger, "auto", "off", &s->has_linger, why) : e;
    e = e == ERR_OK ? take_word("offload", d->offload, "off", "auto", &s->is_plain, why) : e;
    if (e != ERR_OK) {
        return e;
    }
    if (!datapath_text_read_place(d->listen != NULL ? d->listen : "0.0.0.0:51820", &s->listen, NULL)) {
        return conf_refuse(why, "listen", d->listen, "an address such as 0.0.0.0:51820 or [::]:51820");
    }
    if (!can_listen(&s->listen)) {
        return conf_refuse(why, "listen", d->listen, "an address of this host: not of many, and not of a link");
    }
    s->mark = d->mark != NULL ? *d->mark : 0;
    e = take_addresses("address", d->address, d->address_count, &s->tun, why);
    e = e == ERR_OK ? take_number("mtu", d->mtu, DATAPATH_MTU_MIN, DATAPATH_MTU_MAX, &s->tun.mtu, why) : e;
    e = e == ERR_OK ? check_mtu("mtu", &s->tun, why) : e;
    e = e == ERR_OK ? take_number("room", d->room, 1, DATAPATH_PEERS_MAX, &s->peers_max, why) : e;
    return e == ERR_OK ? take_number("rekey", d->rekey, DATAPATH_CONFIG_REKEY_S_MIN, DATAPATH_CONFIG_REKEY_S_MAX,
                                     &s->rekey_s, why) : e;
}

static enum err take_shield(const struct document *d, struct datapath_settings *s, char *why)
{
    static const char *const choices[] = {[DATAPATH_ATTACH_AUTO] = "auto", [DATAPATH_ATTACH_NONE] = "off",
                                          [DATAPATH_ATTACH_ONLY_TC] = "tcx", [DATAPATH_ATTACH_ONLY_XDP] = "xdp"};
    size_t at = 0;

    while (d->shield != NULL && at < ARRAY_LEN(choices) && strcmp(d->shield, choices[at]) != 0) {
        at++;
    }
    if (at == ARRAY_LEN(choices)) {
        return conf_refuse(why, "shield", d->shield, "auto, tcx, xdp or off");
    }
    s->shield = (enum datapath_attach_choice)at;
    if (d->underlay != NULL && !tun_name_valid(d->underlay, strlen(d->underlay))) {
        return conf_refuse(why, "underlay", d->underlay, "the name of an interface");
    }
    (void)snprintf(s->underlay, sizeof s->underlay, "%s", d->underlay != NULL ? d->underlay : "");
    return ERR_OK;
}

static enum err take_datagrams(const struct document *d, struct datapath_settings *s, char *why)
{
    size_t at = 0;

    while (d->path != NULL && at < DATAPATH_CHOICES && strcmp(d->path, datapath_choice_name((enum datapath_choice)at)) != 0) {
        at++;
    }
    if (at == DATAPATH_CHOICES) {
        return conf_refuse(why, "path", d->path, "auto, udp, plain or xdp");
    }
    s->path = (enum datapath_choice)at;
    if (s->path == DATAPATH_CHOICE_XDP && (s->shield == DATAPATH_ATTACH_NONE || s->shield == DATAPATH_ATTACH_ONLY_TC)) {
        return conf_refuse(why, "path", d->path, "auto, udp or plain, or `shield: xdp` or auto with it, whose program leads there");
    }
    return ERR_OK;
}

static enum err take_secrets(const struct document *d, struct datapath_settings *s, char *why)
{
    enum err e = take_path("key", d->key, s->key, why);

    e = e == ERR_OK ? take_path("control", d->control, s->control, why) : e;
    e = e == ERR_OK ? take_path("secret", d->secret, s->secret, why) : e;
    if (e != ERR_OK) {
        return e;
    }
    const char *words[] = {d->cluster, d->context};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (words[i] != NULL && d->secret == NULL) { /* whoever writes one means pre-shared keys, and there would be none */
            return conf_refuse(why, i == 0 ? "cluster" : "context", words[i], "with a secret");
        }
        if (words[i] != NULL && strlen(words[i]) >= DATAPATH_CONFIG_PATH_SIZE) {
            return conf_refuse(why, i == 0 ? "cluster" : "context", words[i], "at most 511 bytes");
        }
    }
    (void)snprintf(s->cluster, sizeof s->cluster, "%s", d->cluster != NULL ? d->cluster : "");
    (void)snprintf(s->context, sizeof s->context, "%s", d->context != NULL ? d->context : "");
    return ERR_OK;
}

static enum err take_name(const char *field, const char *text, char ret[DATAPATH_NAME_SIZE], char *why)
{
    if (text == NULL) {
        return ERR_OK;
    }
    if (!datapath_label_valid(text, strlen(text))) {
        return conf_refuse(why, field, text, "1 to 63 of a to z, 0 to 9 and '-', not at its ends");
    }
    memcpy(ret, text, strlen(text) + 1);
    return ERR_OK;
}

static enum err take_names(const struct document *d, struct datapath_settings *s, char *why)
{
    const char *zone = d->zone != NULL ? d->zone : "cell.internal";
    enum err e = take_name("name", d->name, s->name, why);

    if (e != ERR_OK) {
        return e;
    }
    if (!datapath_names_zone_valid(zone)) {
        return conf_refuse(why, "zone", zone, "names with dots between them, such as cell.internal");
    }
    memcpy(s->zone, zone, strlen(zone) + 1);
    if (d->dns != NULL && !datapath_text_read_place(d->dns, &s->dns, NULL)) {
        return conf_refuse(why, "dns", d->dns, "an address such as 127.0.0.1:7453");
    }
    if (d->dns != NULL && !can_listen(&s->dns)) {
        return conf_refuse(why, "dns", d->dns, "an address of this host: not of many, and not of a link");
    }
    return ERR_OK;
}

/* One network in the other, or the same: a member's addresses would be in both. */
static bool do_overlap(const struct datapath_prefix *a, const struct datapath_prefix *b)
{
    unsigned bits = a->bits < b->bits ? a->bits : b->bits, rest = bits % 8;

    return a->size == b->size && memcmp(a->ip, b->ip, bits / 8) == 0 &&
           (rest == 0 || ((a->ip[bits / 8] ^ b->ip[bits / 8]) >> (8 - rest)) == 0);
}

static enum err take_membership(const struct document *d, struct datapath_settings *s, char *why)
{
    for (; s->networks < d->membership_count; s->networks++) {
        struct datapath_prefix *p = &s->network[s->networks];
        uint8_t host[DATAPATH_ALLOWED_V6];
        if (!datapath_text_read_prefix(d->membership[s->networks], p, host) || !inner_is_network(host, p->size, p->bits)) {
            return conf_refuse(why, "membership", d->membership[s->networks], "a network such as 10.64.0.0/10 or fd09::/64, of 256 addresses at least");
        }
        for (uint32_t i = 0; i < s->networks; i++) {
            if (do_overlap(&s->network[i], p)) {
                return conf_refuse(why, "membership", d->membership[s->networks], "networks that have no address in common");
            }
        }
    }
    return s->networks > 0 && s->key[0] != '\0' ? conf_refuse(why, "key", s->key, "none with `membership`: it is the node's own") : ERR_OK;
}

/* Whether a name before this one is the same. */
static bool is_taken(const struct datapath_settings *s, const char *name)
{
    bool is_taken = strcmp(s->name, name) == 0;

    for (uint32_t i = 0; i < s->listed; i++) {
        is_taken = is_taken || strcmp(s->peer[i].name, name) == 0;
    }
    return is_taken;
}

/* A name and a port, which is not left out: no port is everybody's. */
static bool take_host(const char *text, struct datapath_config_peer *p)
{
    struct seed seed;

    if (seeds_parse(text, 0, &seed) != ERR_OK || !seed.is_name || seed.address.port == 0) {
        return false;
    }
    memcpy(p->host, seed.host, sizeof p->host);
    p->host_port = seed.address.port;
    return true;
}

static enum err take_servers(const struct document *d, struct datapath_settings *s, char *why)
{
    for (; s->servers < d->dns_servers_count; s->servers++) {
        struct sealed_address *at = &s->server[s->servers];
        if (seeds_parse_address(d->dns_servers[s->servers], DNS_PORT, at) != ERR_OK || seeds_is_nowhere(at)) {
            return conf_refuse(why, "dns_servers", d->dns_servers[s->servers], "an address such as 10.0.0.53");
        }
    }
    return ERR_OK;
}

static enum err take_peer(const struct listed *l, struct datapath_config_peer *p, char *why)
{
    uint32_t keepalive_s = 0;

    if (!datapath_text_read_key(l->key, p->peer.public)) {
        return conf_refuse(why, "peers.key", l->key, "a public key in base64, as `wg pubkey` writes it");
    }
    if (l->endpoint != NULL && !datapath_text_read_place(l->endpoint, &p->peer.endpoint, p->scope) && !take_host(l->endpoint, p)) {
        return conf_refuse(why, "peers.endpoint", l->endpoint, "an address in numbers, or a host's name, and a port");
    }
    for (; p->prefixes < l->allowed_count; p->prefixes++) {
        if (!datapath_text_read_prefix(l->allowed[p->prefixes], &p->prefix[p->prefixes], NULL)) {
            return conf_refuse(why, "peers.allowed", l->allowed[p->prefixes], "a prefix such as 10.9.0.2/32");
        }
    }
    enum err e = take_number("peers.keepalive", l->keepalive, 0, DATAPATH_PERSIST_MS_MAX / 1000, &keepalive_s, why);
    p->peer.persist_ms = keepalive_s * 1000;
    e = e == ERR_OK ? take_word("peers.rendezvous", l->rendezvous, "on", "off", &p->is_rendezvous, why) : e;
    e = e == ERR_OK ? take_name("peers.name", l->name, p->name, why) : e;
    return e == ERR_OK ? take_path("peers.psk", l->psk, p->psk, why) : e;
}

/* Each key and each prefix is one peer's: of two that have it the last would, and the other be nobody's way. */
static enum err take_once(const struct datapath_settings *s, const struct listed *l, const struct datapath_config_peer *p, char *why)
{
    for (uint32_t i = 0; i < s->listed; i++) {
        const struct datapath_config_peer *q = &s->peer[i];
        if (memcmp(q->peer.public, p->peer.public, sizeof p->peer.public) == 0) {
            return conf_refuse(why, "peers.key", l->key, "each key once");
        }
        for (uint32_t a = 0; a < p->prefixes; a++) {
            for (uint32_t b = 0; b < q->prefixes; b++) {
                if (memcmp(&p->prefix[a], &q->prefix[b], sizeof p->prefix[a]) == 0) {
                    return conf_refuse(why, "peers.allowed", l->allowed[a], "each prefix of one peer");
                }
            }
        }
    }
    return ERR_OK;
}

static enum err take_peers(const struct document *d, struct datapath_settings *s, char *why)
{
    enum err e = ERR_OK;

    if (d->peers_count > s->peers_max) {
        (void)snprintf(why, CONF_WHY_SIZE, "peers: %u, and room for %u", d->peers_count, s->peers_max);
        return ERR_INVALID;
    }
    s->peer = calloc(d->peers_count + 1, sizeof *s->peer);
    if (s->peer == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t hosts = 0; e == ERR_OK && s->listed < d->peers_count; s->listed++) {
        struct datapath_config_peer *p = &s->peer[s->listed];
        e = take_peer(&d->peers[s->listed], p, why);
        hosts += p->host[0] != '\0';
        if (e == ERR_OK && hosts > DATAPATH_CONFIG_HOSTS_MAX) {
            e = conf_refuse(why, "peers.endpoint", p->host, "one of 16 names at most: others in numbers");
        }
        e = e == ERR_OK ? take_once(s, &d->peers[s->listed], p, why) : e;
        if (e == ERR_OK && p->name[0] != '\0' && is_taken(s, p->name)) {
            e = conf_refuse(why, "peers.name", p->name, "each name once, and not this node's");
        }
    }
    return e;
}

enum err datapath_config_read(const char *text, struct datapath_settings *ret, char why[CONF_WHY_SIZE])
{
    struct datapath_settings s = {.tun = {.mtu = DATAPATH_CONFIG_MTU}, .tap = {.is_tap = true, .mtu = DATAPATH_CONFIG_TAP_MTU},
                                  .peers_max = DATAPATH_CONFIG_PEERS, .rekey_s = DATAPATH_CONFIG_REKEY_S_MAX, .has_own = true,
                                  .has_linger = true, .has_frames = true};
    static const struct document nothing;
    void *document;
    enum err e = conf_load(text, &schema, &document, why);

    if (e != ERR_OK) {
        return e;
    }
    const struct document *d = document != NULL ? document : &nothing;
    e = take_device(d, &s, why);
    e = e == ERR_OK ? take_frames(d, &s, why) : e;
    e = e == ERR_OK ? take_shield(d, &s, why) : e;
    e = e == ERR_OK ? take_datagrams(d, &s, why) : e;
    e = e == ERR_OK ? take_ways(d, &s, why) : e;
    e = e == ERR_OK ? take_secrets(d, &s, why) : e;
    e = e == ERR_OK ? take_membership(d, &s, why) : e;
    e = e == ERR_OK ? take_names(d, &s, why) : e;
    e = e == ERR_OK ? take_servers(d, &s, why) : e;
    e = e == ERR_OK ? take_peers(d, &s, why) : e;
    conf_free(&schema, document);
    if (e != ERR_OK) {
        datapath_config_free(&s);
        return e;
    }
    *ret = s;
    return ERR_OK;
}

void datapath_config_free(struct datapath_settings *s)
{
    free(s->peer);
    explicit_bzero(s->shared, sizeof s->shared);
    s->has_shared = false;
    s->peer = NULL;
    s->listed = 0;
}
