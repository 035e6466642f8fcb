#include "dht/settings.h"

#include <stdio.h>
#include <string.h>

#include "common/base/unit.h"

struct document {
    const char *listen, *advertise, *keys, *store, *members, *dns; /* members: libcyaml takes any text for true */
    const char **bootstrap, **nodes, **dns_servers;
    uint32_t *port, *peers, *records, *host, *site, *lan;
    uint32_t bootstrap_count, nodes_count, dns_servers_count;
};

static const cyaml_schema_field_t fields[] = {
    CONF_TEXT(document, listen),
    CONF_TEXT(document, advertise),
    CONF_TEXT(document, keys),
    CONF_TEXT(document, store),
    CONF_TEXT(document, members),
    CONF_TEXT(document, dns),
    CONF_TEXTS(document, bootstrap, DHT_BOOTSTRAP_MAX),
    CONF_TEXTS(document, nodes, DHT_SETTINGS_NODES_MAX),
    CONF_TEXTS(document, dns_servers, DNS_SERVERS_MAX),
    CONF_NUMBER(document, port),
    CONF_NUMBER(document, peers),
    CONF_NUMBER(document, records),
    CONF_NUMBER(document, host),
    CONF_NUMBER(document, site),
    CONF_NUMBER(document, lan),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, fields)};

enum err dht_settings_address(const char *text, uint16_t port, struct dht_address *ret)
{
    struct sealed_address at;
    enum err e = seeds_parse_address(text, port, &at);

    if (e == ERR_OK) {
        ret->port = at.port;
        memcpy(ret->ip, at.ip, sizeof ret->ip);
    }
    return e;
}

/* One where somebody can be. */
static bool is_place(const char *text, uint16_t port, struct dht_address *ret)
{
    return dht_settings_address(text, port, ret) == ERR_OK && dht_packet_is_address(ret);
}

static enum err take_place(const char *text, struct dht_settings_place *ret, char *why)
{
    const char *equal = strchr(text, '=');

    if (equal == NULL || !name_valid(text, (size_t)(equal - text)) || !is_place(equal + 1, 0, &ret->at)) {
        return conf_refuse(why, "nodes", text, "NODE=ADDRESS:PORT such as db-2=10.0.0.2:7403");
    }
    (void)snprintf(ret->node, sizeof ret->node, "%.*s", (int)(equal - text), text);
    return ERR_OK;
}

/* The way in: addresses, names, a service. */
static enum err take_bootstrap(const struct document *d, struct dht_settings *s, char *why)
{
    _Static_assert((int)DHT_BOOTSTRAP_MAX <= (int)SEEDS_MAX, "all of them can be resolved");
    for (; s->bootstraps < d->bootstrap_count; s->bootstraps++) {
        if (seeds_parse(d->bootstrap[s->bootstraps], s->port, &s->bootstrap[s->bootstraps]) != ERR_OK) {
            return conf_refuse(why, "bootstrap", d->bootstrap[s->bootstraps], "an address or name such as db-1.example.org:7403");
        }
    }
    for (; s->servers < d->dns_servers_count; s->servers++) {
        struct sealed_address *at = &s->server[s->servers];
        if (seeds_parse_address(d->dns_servers[s->servers], DNS_PORT, at) != ERR_OK || seeds_is_nowhere(at)) {
            return conf_refuse(why, "dns_servers", d->dns_servers[s->servers], "an address such as 10.0.0.53");
        }
    }
    if (d->dns != NULL && !seeds_is_host(d->dns)) {
        return conf_refuse(why, "dns", d->dns, "a name such as _cell-dht._udp.example.org");
    }
    (void)snprintf(s->dns, sizeof s->dns, "%s", d->dns != NULL ? d->dns : "");
    return ERR_OK;
}

static enum err take_addresses(const struct document *d, struct dht_settings *s, char *why)
{
    enum err e = ERR_OK;

    if (d->listen != NULL && dht_settings_address(d->listen, DHT_SETTINGS_PORT, &s->listen) != ERR_OK) {
        return conf_refuse(why, "listen", d->listen, "an address such as 0.0.0.0:7403 or [::]:7403");
    }
    s->has_advertise = d->advertise != NULL;
    if (s->has_advertise && !is_place(d->advertise, s->listen.port, &s->advertise)) {
        return conf_refuse(why, "advertise", d->advertise, "an address where others reach this node");
    }
    for (; e == ERR_OK && s->places < d->nodes_count; s->places++) {
        e = take_place(d->nodes[s->places], &s->place[s->places], why);
    }
    return e;
}

static enum err take_number(const uint32_t *in, uint32_t least, uint32_t most, const char *name, uint32_t *ret, char *why)
{
    if (in != NULL && (*in < least || *in > most)) {
        (void)snprintf(why, CONF_WHY_SIZE, "%s: %u is not %u to %u", name, *in, least, most);
        return ERR_INVALID;
    }
    *ret = in != NULL ? *in : *ret;
    return ERR_OK;
}

static enum err take_room(const struct document *d, struct dht_settings *s, char *why)
{
    uint32_t port = s->port;
    uint64_t bytes = s->store_bytes;
    enum err e = take_number(d->port, 1, UINT16_MAX, "port", &port, why);

    s->port = (uint16_t)port;
    s->has_members = d->members == NULL || strcmp(d->members, "true") == 0;
    if (e == ERR_OK && !s->has_members && strcmp(d->members, "false") != 0) {
        return conf_refuse(why, "members", d->members, "true or false");
    }
    e = e == ERR_OK ? take_number(d->peers, 1, DHT_PEERS_MAX, "peers", &s->peers, why) : e;
    s->lan = s->peers / DHT_SETTINGS_LAN_SHARE > s->host ? s->peers / DHT_SETTINGS_LAN_SHARE : s->host;
    e = e == ERR_OK ? take_number(d->host, 0, DHT_PEERS_MAX, "host", &s->host, why) : e;
    e = e == ERR_OK ? take_number(d->site, 0, DHT_PEERS_MAX, "site", &s->site, why) : e;
    e = e == ERR_OK ? take_number(d->lan, 0, DHT_PEERS_MAX, "lan", &s->lan, why) : e;
    e = e == ERR_OK ? take_number(d->records, 1, DHT_RECORDS_MAX, "records", &s->records, why) : e;
    if (e == ERR_OK && d->store != NULL &&
        (unit_size_parse(d->store, &bytes) != ERR_OK || bytes < DHT_SETTINGS_STORE_LEAST || bytes > DHT_SETTINGS_STORE_MOST)) {
        return conf_refuse(why, "store", d->store, "a size of 64K to 64M");
    }
    s->store_bytes = (uint32_t)bytes;
    if (e == ERR_OK && d->keys != NULL && (d->keys[0] != '/' || strlen(d->keys) >= sizeof s->keys)) {
        return conf_refuse(why, "keys", d->keys, "an absolute path");
    }
    (void)snprintf(s->keys, sizeof s->keys, "%s", d->keys != NULL ? d->keys : "");
    return e;
}

enum err dht_settings_read(const char *text, struct dht_settings *ret, char why[CONF_WHY_SIZE])
{
    struct dht_settings s = {.port = DHT_SETTINGS_PORT, .has_members = true, .peers = DHT_SETTINGS_PEERS, .host = DHT_SETTINGS_HOST,
                             .site = DHT_SETTINGS_SITE, .lan = DHT_SETTINGS_PEERS / DHT_SETTINGS_LAN_SHARE, .records = DHT_SETTINGS_RECORDS,
                             .store_bytes = DHT_SETTINGS_STORE, .listen = {.ip = {[10] = 0xff, [11] = 0xff}, .port = DHT_SETTINGS_PORT}};
    void *loaded;
    enum err e = conf_load(text, &schema, &loaded, why);

    if (e == ERR_OK && loaded != NULL) {
        e = take_room(loaded, &s, why);
        e = e == ERR_OK ? take_addresses(loaded, &s, why) : e;
        e = e == ERR_OK ? take_bootstrap(loaded, &s, why) : e;
        conf_free(&schema, loaded);
    }
    if (e == ERR_OK) {
        *ret = s;
    }
    return e;
}
