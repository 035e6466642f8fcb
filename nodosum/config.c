#include "nodosum/config.h"

#include <stdio.h>
#include <string.h>

struct document {
    const char *listen, *advertise, *dns, *keys, *lan; /* lan: libcyaml takes any text for true */
    uint32_t *members;
    const char **seeds, **dns_servers;
    uint32_t seeds_count, dns_servers_count;
};

static const cyaml_schema_field_t fields[] = {
    CONF_TEXT(document, listen),
    CONF_TEXT(document, advertise),
    CONF_TEXT(document, dns),
    CONF_TEXT(document, keys),
    CONF_TEXT(document, lan),
    CONF_NUMBER(document, members),
    CONF_TEXTS(document, seeds, SEEDS_MAX),
    CONF_TEXTS(document, dns_servers, DNS_SERVERS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, fields)};

static enum err take_addresses(const struct document *d, struct nodosum_settings *s, char *why)
{
    if (d->listen != NULL && nodosum_seeds_parse_address(d->listen, NODOSUM_CONFIG_PORT, &s->listen) != ERR_OK) {
        return conf_refuse(why, "listen", d->listen, "an address such as 0.0.0.0:7402 or [::]:7402");
    }
    if (d->advertise != NULL) {
        s->has_advertise = true;
        if (nodosum_seeds_parse_address(d->advertise, 0, &s->advertise) != ERR_OK ||
            nodosum_seeds_is_nowhere(&s->advertise)) {
            return conf_refuse(why, "advertise", d->advertise, "an address where others reach this node");
        }
    }
    for (; s->seeds < d->seeds_count; s->seeds++) {
        if (seeds_parse(d->seeds[s->seeds], NODOSUM_CONFIG_PORT, &s->seed[s->seeds]) != ERR_OK) {
            return conf_refuse(why, "seeds", d->seeds[s->seeds], "an address or name such as node-1.example.org:7402");
        }
    }
    for (; s->servers < d->dns_servers_count; s->servers++) {
        struct sealed_address *at = &s->server[s->servers];
        if (seeds_parse_address(d->dns_servers[s->servers], DNS_PORT, at) != ERR_OK || seeds_is_nowhere(at)) {
            return conf_refuse(why, "dns_servers", d->dns_servers[s->servers], "an address such as 10.0.0.53");
        }
    }
    return ERR_OK;
}

static enum err take_names(const struct document *d, struct nodosum_settings *s, char *why)
{
    if (d->dns != NULL && !seeds_is_host(d->dns)) {
        return conf_refuse(why, "dns", d->dns, "a name such as _cell._udp.example.org");
    }
    if (d->keys != NULL && (d->keys[0] != '/' || strlen(d->keys) >= sizeof s->keys)) {
        return conf_refuse(why, "keys", d->keys, "an absolute path");
    }
    (void)snprintf(s->dns, sizeof s->dns, "%s", d->dns != NULL ? d->dns : "");
    (void)snprintf(s->keys, sizeof s->keys, "%s", d->keys != NULL ? d->keys : "");
    return ERR_OK;
}

/* The supervisor has checked them; how many a packet has room for is ours to say. */
static enum err take_labels(const char *text, struct nodosum_settings *s, char *why)
{
    while (*text != '\0') {
        size_t len = strcspn(text, ","), name_len = strcspn(text, "=,");
        struct nodosum_label *label = &s->label[s->labels];
        if (s->labels == NODOSUM_META_LABELS_MAX) {
            (void)snprintf(why, CONF_WHY_SIZE, "placement.labels: more than %d", NODOSUM_META_LABELS_MAX);
            return ERR_INVALID;
        }
        if (name_len == len || !name_valid(text, name_len) ||
            !nodosum_meta_value_valid(text + name_len + 1, len - name_len - 1)) {
            return conf_refuse(why, "placement.labels", text, "labels such as {zone: eu-1}");
        }
        memcpy(label->name, text, name_len);
        memcpy(label->value, text + name_len + 1, len - name_len - 1);
        s->labels++;
        text += len + (text[len] == ',');
    }
    return ERR_OK;
}

static enum err take_numbers(const struct document *d, struct nodosum_settings *s, char *why)
{
    if (d->members != NULL) {
        s->members = *d->members;
        if (s->members < 2 || s->members > NODOSUM_MEMBERS_MAX) {
            (void)snprintf(why, CONF_WHY_SIZE, "members: %u is not 2 to %d", s->members,
                           NODOSUM_MEMBERS_MAX);
            return ERR_INVALID;
        }
    }
    if (d->lan != NULL && strcmp(d->lan, "true") != 0 && strcmp(d->lan, "false") != 0) {
        return conf_refuse(why, "lan", d->lan, "true or false");
    }
    s->lan = d->lan != NULL && strcmp(d->lan, "true") == 0;
    return ERR_OK;
}

/* Labels that no packet would have room for are refused now, not when somebody joins. */
static enum err check_room(const struct nodosum_settings *s, char *why)
{
    struct nodosum_meta m = {.labels = s->labels, .place_size = NODOSUM_META_PLACE_MAX};
    uint8_t bytes[NODOSUM_META_MAX];
    uint16_t size;

    memcpy(m.label, s->label, sizeof m.label);
    if (nodosum_meta_pack(&m, bytes, &size) != ERR_OK) {
        (void)snprintf(why, CONF_WHY_SIZE, "placement.labels are longer together than %d bytes with the rest", NODOSUM_META_MAX);
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err nodosum_config_read(const char *text, const char *labels, struct nodosum_settings *ret,
                             char why[CONF_WHY_SIZE])
{
    struct nodosum_settings s = {.members = NODOSUM_CONFIG_MEMBERS};
    void *loaded;
    enum err e = nodosum_seeds_parse_address("0.0.0.0", NODOSUM_CONFIG_PORT, &s.listen);

    e = e == ERR_OK ? take_labels(labels, &s, why) : e;
    e = e == ERR_OK ? check_room(&s, why) : e;
    e = e == ERR_OK ? conf_load(text, &schema, &loaded, why) : e;
    if (e != ERR_OK) {
        return e;
    }
    if (loaded == NULL) {
        *ret = s;
        return ERR_OK;
    }
    e = take_addresses(loaded, &s, why);
    e = e == ERR_OK ? take_names(loaded, &s, why) : e;
    e = e == ERR_OK ? take_numbers(loaded, &s, why) : e;
    conf_free(&schema, loaded);
    if (e == ERR_OK) {
        *ret = s;
    }
    return e;
}
