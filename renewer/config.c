#include "renewer/config.h"

struct document {
    const char **issuer;
    uint32_t issuer_count;
};

static const cyaml_schema_field_t fields[] = {
    CONF_TEXTS(document, issuer, RENEWER_CONFIG_CONTACTS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, fields)};

static enum err take_all(const struct document *d, struct renewer_config *c, char *why)
{
    for (; c->contacts < d->issuer_count; c->contacts++) {
        const char *text = d->issuer[c->contacts];
        if (address_parse(text, &c->contact[c->contacts]) != ERR_OK) {
            return conf_refuse(why, "issuer", text, "an address in numbers such as 10.0.0.1:7402");
        }
    }
    return ERR_OK;
}

enum err renewer_config_read(const char *text, struct renewer_config *ret, char why[CONF_WHY_SIZE])
{
    struct renewer_config c = {0};
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
