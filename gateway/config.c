#include "gateway/config.h"

#include <stdio.h>
#include <string.h>

struct export_entry {
    const char *cell;
    const char **nodes, **callers;
    uint32_t nodes_count, callers_count;
};

struct document {
    struct export_entry *exports;
    const char **nodes;
    uint32_t *port;
    uint32_t exports_count, nodes_count;
};

static const cyaml_schema_field_t export_fields[] = {
    CYAML_FIELD_STRING_PTR("cell", CYAML_FLAG_POINTER, struct export_entry, cell, 0, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("nodes", CYAML_FLAG_POINTER, struct export_entry, nodes, &conf_text, 1,
                         GATEWAY_EXPORTS_NODES_MAX),
    CYAML_FIELD_SEQUENCE("callers", CONF_OPTIONAL, struct export_entry, callers, &conf_text, 1, GATEWAY_EXPORTS_CALLERS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t export_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct export_entry, export_fields)};

static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_SEQUENCE("exports", CONF_OPTIONAL, struct document, exports, &export_entry, 0, GATEWAY_EXPORTS_MAX),
    CONF_TEXTS(document, nodes, GATEWAY_CONFIG_NODES_MAX),
    CONF_NUMBER(document, port),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, fields)};

static enum err take_exports(const struct document *d, struct gateway_config *c, char *why)
{
    for (uint32_t i = 0; i < d->exports_count; i++) {
        const struct export_entry *one = &d->exports[i];
        if (gateway_exports_add(&c->exports, one->cell, one->nodes, one->nodes_count) != ERR_OK) {
            return conf_refuse(why, "exports", one->cell,
                               "a cell of this node with the nodes that may reach it: {cell: greeter, nodes: [db-2]}");
        }
        if (gateway_exports_narrow(&c->exports, one->callers, one->callers_count) != ERR_OK) {
            return conf_refuse(why, "callers", one->cell, "the cells of those nodes that may reach it: [shop, lab/raft]");
        }
    }
    return ERR_OK;
}

static enum err take_place(const char *text, struct gateway_place *ret, char *why)
{
    char host[CONTACT_SIZE];
    uint16_t port;
    const char *equal = strchr(text, '=');

    if (equal == NULL || !name_valid(text, (size_t)(equal - text)) || strlen(equal + 1) > CONTACT_MAX ||
        contact_parse(equal + 1, host, &port) != ERR_OK) {
        return conf_refuse(why, "nodes", text, "NODE=HOST:PORT such as db-2=10.0.0.2:7401");
    }
    (void)snprintf(ret->node, sizeof ret->node, "%.*s", (int)(equal - text), text);
    (void)snprintf(ret->contact, sizeof ret->contact, "%s", equal + 1);
    return ERR_OK;
}

static enum err take_all(const struct document *d, struct gateway_config *c, char *why)
{
    enum err e = take_exports(d, c, why);

    for (; e == ERR_OK && c->places < d->nodes_count; c->places++) {
        e = take_place(d->nodes[c->places], &c->place[c->places], why);
    }
    if (e == ERR_OK && d->port != NULL) {
        if (*d->port == 0 || *d->port > UINT16_MAX) {
            return conf_refuse(why, "port", *d->port == 0 ? "0" : "it", "a port, 1 to 65535");
        }
        c->port = (uint16_t)*d->port;
    }
    return e;
}

enum err gateway_config_read(const char *text, struct gateway_config *ret, char why[CONF_WHY_SIZE])
{
    AUTO_FREE struct gateway_config *c = calloc(1, sizeof *c); /* too large for a stack */
    void *document;

    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->port = GATEWAY_CONFIG_PORT;
    enum err e = conf_load(text, &schema, &document, why);
    if (e == ERR_OK && document != NULL) {
        e = take_all(document, c, why);
        conf_free(&schema, document);
    }
    if (e == ERR_OK) {
        *ret = *c;
    }
    return e;
}
