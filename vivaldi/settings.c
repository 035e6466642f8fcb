#include "vivaldi/settings.h"

#include <stdio.h>
#include <string.h>

#include "vivaldi/peers.h"

struct document {
    uint32_t *dimensions, *peers;
    const char *height;
};

static const cyaml_schema_field_t fields[] = {
    CONF_NUMBER(document, dimensions),
    CONF_TEXT(document, height),
    CONF_NUMBER(document, peers),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, fields)};

static enum err take(const struct document *d, struct vivaldi_settings *s, char *why)
{
    s->dims = d->dimensions != NULL ? *d->dimensions : s->dims;
    s->peers = d->peers != NULL ? *d->peers : s->peers;
    if (s->dims < VIVALDI_DIMS || s->dims > VIVALDI_DIMS_MAX) {
        (void)snprintf(why, CONF_WHY_SIZE, "dimensions: %u is not %d to %d", s->dims, VIVALDI_DIMS, VIVALDI_DIMS_MAX);
        return ERR_INVALID;
    }
    if (s->peers < 1 || s->peers > VIVALDI_PEERS_MAX) {
        (void)snprintf(why, CONF_WHY_SIZE, "peers: %u is not 1 to %d", s->peers, VIVALDI_PEERS_MAX);
        return ERR_INVALID;
    }
    if (d->height != NULL && strcmp(d->height, "true") != 0 && strcmp(d->height, "false") != 0) {
        return conf_refuse(why, "height", d->height, "true or false");
    }
    s->has_height = d->height == NULL || strcmp(d->height, "true") == 0;
    return ERR_OK;
}

enum err vivaldi_settings_read(const char *text, struct vivaldi_settings *ret, char why[CONF_WHY_SIZE])
{
    struct vivaldi_settings s = {.dims = VIVALDI_DIMS_MAX, .peers = VIVALDI_SETTINGS_PEERS, .has_height = true};
    void *loaded;
    enum err e = conf_load(text, &schema, &loaded, why);

    if (e == ERR_OK && loaded != NULL) {
        e = take(loaded, &s, why);
        conf_free(&schema, loaded);
    }
    if (e == ERR_OK) {
        *ret = s;
    }
    return e;
}
