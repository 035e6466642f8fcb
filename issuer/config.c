#include "issuer/config.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define LISTEN_DEFAULT "[::]:7402"

static enum err refuse(char why[ISSUER_CONFIG_WHY_SIZE], const char *field, const char *expected)
{
    (void)snprintf(why, ISSUER_CONFIG_WHY_SIZE, "config.%.40s: expected %s", field, expected);
    return ERR_INVALID;
}

static enum err take_contact(const yaml_node_t *node, const char *field, char out[CONTACT_SIZE],
                             char why[ISSUER_CONFIG_WHY_SIZE])
{
    char host[CONTACT_SIZE];
    uint16_t port;

    if (node == NULL || node->type != YAML_SCALAR_NODE || node->data.scalar.length > CONTACT_MAX) {
        return refuse(why, field, "HOST:PORT such as 10.0.0.1:7402");
    }
    (void)snprintf(out, CONTACT_SIZE, "%s", (const char *)node->data.scalar.value);
    return contact_parse(out, host, &port) == ERR_OK ? ERR_OK
                                                     : refuse(why, field, "HOST:PORT such as 10.0.0.1:7402");
}

static enum err take_advertise(yaml_document_t *doc, const yaml_node_t *node, struct issuer_config *c,
                               char why[ISSUER_CONFIG_WHY_SIZE])
{
    if (node == NULL || node->type != YAML_SEQUENCE_NODE) {
        return refuse(why, "advertise", "a list of HOST:PORT");
    }
    for (const yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++) {
        if (c->contacts == TOKEN_CONTACTS_MAX) {
            return refuse(why, "advertise", "at most 4 of them");
        }
        enum err e = take_contact(yaml_document_get_node(doc, *i), "advertise", c->contact[c->contacts++], why);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err take_fields(yaml_document_t *doc, struct issuer_config *c, char why[ISSUER_CONFIG_WHY_SIZE])
{
    const yaml_node_t *root = yaml_document_get_root_node(doc);
    enum err e = ERR_OK;

    if (root == NULL) {
        return ERR_OK; /* nothing but comments */
    }
    if (root->type != YAML_MAPPING_NODE) {
        return refuse(why, "", "a mapping with listen and advertise");
    }
    for (const yaml_node_pair_t *p = root->data.mapping.pairs.start;
         e == ERR_OK && p < root->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(doc, p->key);
        const yaml_node_t *value = yaml_document_get_node(doc, p->value);
        const char *name = key != NULL && key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "";
        if (strcmp(name, "listen") == 0) {
            c->is_default = false;
            e = take_contact(value, name, c->listen, why);
        } else if (strcmp(name, "advertise") == 0) {
            e = take_advertise(doc, value, c, why);
        } else {
            e = refuse(why, name, "listen or advertise");
        }
    }
    return e;
}

enum err issuer_config_read(const char *text, struct issuer_config *ret, char why[ISSUER_CONFIG_WHY_SIZE])
{
    struct issuer_config c = {.listen = LISTEN_DEFAULT, .is_default = true};
    yaml_parser_t parser;
    yaml_document_t doc;

    why[0] = '\0';
    if (yaml_parser_initialize(&parser) == 0) {
        return ERR_NOMEM;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    enum err e = yaml_parser_load(&parser, &doc) != 0 ? ERR_OK : refuse(why, "", "YAML");
    if (e == ERR_OK) {
        e = take_fields(&doc, &c, why);
        yaml_document_delete(&doc);
    }
    yaml_parser_delete(&parser);
    if (e == ERR_OK) {
        *ret = c;
    }
    return e;
}
