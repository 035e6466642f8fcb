#include "issuer/config.h"

#include <string.h>

#define LISTEN_DEFAULT "[::]:7402"
#define EXPECTED "HOST:PORT such as 10.0.0.1:7402"

struct document {
    const char *listen;
    const char **advertise;
    uint32_t advertise_count;
};

static const cyaml_schema_field_t fields[] = {
    CONF_TEXT(document, listen),
    CONF_TEXTS(document, advertise, TOKEN_CONTACTS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, fields)};

static enum err take_contact(const char *text, const char *field, char out[CONTACT_SIZE], char *why)
{
    char host[CONTACT_SIZE];
    uint16_t port;

    if (strlen(text) > CONTACT_MAX || contact_parse(text, host, &port) != ERR_OK) {
        return conf_refuse(why, field, text, EXPECTED);
    }
    memcpy(out, text, strlen(text) + 1);
    return ERR_OK;
}

static enum err take_all(const struct document *d, struct issuer_config *c, char *why)
{
    enum err e = ERR_OK;

    if (d->listen != NULL) {
        c->is_default = false;
        e = take_contact(d->listen, "listen", c->listen, why);
    }
    for (; e == ERR_OK && c->contacts < d->advertise_count; c->contacts++) {
        e = take_contact(d->advertise[c->contacts], "advertise", c->contact[c->contacts], why);
    }
    return e;
}

enum err issuer_config_read(const char *text, struct issuer_config *ret, char why[CONF_WHY_SIZE])
{
    struct issuer_config c = {.listen = LISTEN_DEFAULT, .is_default = true};
    void *document;
    enum err e = conf_load(text, &schema, &document, why);

    if (e == ERR_OK && document != NULL) {
        e = take_all(document, &c, why);
        conf_free(&schema, document);
    }
    if (e == ERR_OK) {
        *ret = c;
    }
    return e;
}
