#include "raft/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/name.h"

struct document {
    const char **peers;
    const char *self, *name, *lease_reads, *engine;
    const char **endpoints, *ca, *certificate, *key, *host;
    uint32_t *heartbeat_ms, *election_ms, *cache_mib, *log_mib, *segment_mib, *tail;
    uint32_t peers_count, endpoints_count;
};

static const cyaml_schema_field_t fields[] = {
    CONF_TEXTS(document, peers, RAFT_MEMBERS_MAX),
    CONF_TEXT(document, self),
    CONF_TEXT(document, name),
    CONF_TEXT(document, lease_reads),
    CONF_TEXT(document, engine),
    CONF_TEXTS(document, endpoints, RAFT_ENGINE_LINK_ENDPOINTS_MAX),
    CONF_TEXT(document, ca),
    CONF_TEXT(document, certificate),
    CONF_TEXT(document, key),
    CONF_TEXT(document, host),
    CONF_NUMBER(document, heartbeat_ms),
    CONF_NUMBER(document, election_ms),
    CONF_NUMBER(document, cache_mib),
    CONF_NUMBER(document, log_mib),
    CONF_NUMBER(document, segment_mib),
    CONF_NUMBER(document, tail),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, fields)};

static bool is_contact(const char *text)
{
    struct name_ref ref;

    return strlen(text) < RAFT_CONTACT_MAX && name_ref_parse(text, &ref) == ERR_OK && (ref.instance >= 0 || ref.node[0] != '\0');
}

static enum err take_peers(const struct document *d, struct raft_settings *s, const char *node, char *why)
{
    bool is_here = false;

    for (uint32_t i = 0; i < d->peers_count; i++) {
        if (!is_contact(d->peers[i])) {
            return conf_refuse(why, "peers", d->peers[i], "an instance here, raft.1, or a cell of another node, raft@db-2");
        }
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(s->peer[k], d->peers[i]) == 0) {
                return conf_refuse(why, "peers", d->peers[i], "named once");
            }
        }
        const char *at = strchr(d->peers[i], '@');
        bool is_us = strcmp(d->peers[i], s->self) == 0 || (d->self == NULL && at != NULL && strcmp(at + 1, node) == 0);
        if (is_us && !is_here) {
            (void)snprintf(s->self, sizeof s->self, "%s", d->peers[i]);
            is_here = true;
        }
        (void)snprintf(s->peer[s->peers++], sizeof s->peer[0], "%s", d->peers[i]);
    }
    return s->peers == 0 || is_here ? ERR_OK : conf_refuse(why, "peers", s->self, "among them: say which is this one with self");
}

static enum err take_number(const uint32_t *given, const char *field, uint32_t least, uint32_t most, uint32_t *ret, char *why)
{
    char text[16], expected[64];

    if (given == NULL) {
        return ERR_OK;
    }
    if (*given < least || *given > most) {
        (void)snprintf(text, sizeof text, "%" PRIu32, *given);
        (void)snprintf(expected, sizeof expected, "%" PRIu32 " to %" PRIu32, least, most);
        return conf_refuse(why, field, text, expected);
    }
    *ret = *given;
    return ERR_OK;
}

static enum err take_numbers(const struct document *d, struct raft_settings *s, char *why)
{
    enum err e = take_number(d->election_ms, "election_ms", 50, RAFT_SETTINGS_ELECTION_MAX_MS, &s->election_ms, why);

    if (d->election_ms != NULL && d->heartbeat_ms == NULL) {
        s->heartbeat_ms = s->election_ms / 6;
    }
    e = e == ERR_OK ? take_number(d->heartbeat_ms, "heartbeat_ms", s->election_ms / 100 + 1, s->election_ms / 5,
                                  &s->heartbeat_ms, why) : e;
    e = e == ERR_OK ? take_number(d->cache_mib, "cache_mib", RAFT_SETTINGS_CACHE_MIB, RAFT_SETTINGS_CACHE_MAX_MIB,
                                  &s->cache_mib, why) : e;
    e = e == ERR_OK ? take_number(d->log_mib, "log_mib", 1, RAFT_SETTINGS_LOG_MAX_MIB, &s->log_mib, why) : e;
    e = e == ERR_OK ? take_number(d->segment_mib, "segment_mib", 4, 1024, &s->segment_mib, why) : e;
    return e == ERR_OK ? take_number(d->tail, "tail", 1, UINT32_MAX, &s->tail, why) : e;
}

static enum err take_texts(const struct document *d, struct raft_settings *s, char *why)
{
    if (d->self != NULL) {
        if (!is_contact(d->self)) {
            return conf_refuse(why, "self", d->self, "one of peers");
        }
        (void)snprintf(s->self, sizeof s->self, "%s", d->self);
    }
    if (d->name != NULL && !name_valid(d->name, strlen(d->name))) {
        return conf_refuse(why, "name", d->name, "a name");
    }
    if (d->lease_reads != NULL && strcmp(d->lease_reads, "yes") != 0 && strcmp(d->lease_reads, "no") != 0) {
        return conf_refuse(why, "lease_reads", d->lease_reads, "yes or no");
    }
    s->lease_reads = d->lease_reads != NULL && strcmp(d->lease_reads, "yes") == 0;
    return ERR_OK;
}

/* ---- the engine etcd ------------------------------------------------------------------------------- */

static enum err take_path(const char *given, const char *field, char out[RAFT_SETTINGS_PATH_MAX + 1], char *why)
{
    if (given == NULL) {
        return ERR_OK;
    }
    if (given[0] != '/' || strlen(given) > RAFT_SETTINGS_PATH_MAX) {
        return conf_refuse(why, field, given, "the path of a file, from /, that sandbox.read grants");
    }
    (void)snprintf(out, RAFT_SETTINGS_PATH_MAX + 1, "%s", given);
    return ERR_OK;
}

static enum err take_endpoints(const struct document *d, struct raft_settings_etcd *t, char *why)
{
    bool has_tls = false;

    if (d->endpoints_count == 0) {
        return conf_refuse(why, "endpoints", "nothing", "where etcd is, [http://10.0.0.1:2379, ...]");
    }
    for (uint32_t i = 0; i < d->endpoints_count; i++) {
        if (raft_engine_link_parse(d->endpoints[i], &t->endpoint[i]) != ERR_OK) {
            return conf_refuse(why, "endpoints", d->endpoints[i], "an address in numbers: http://10.0.0.1:2379, https://[fd00::1]:2379");
        }
        has_tls |= t->endpoint[i].is_tls;
    }
    if (has_tls && d->ca == NULL) {
        return conf_refuse(why, "ca", "nothing", "the file with the authority of https endpoints");
    }
    if ((d->certificate == NULL) != (d->key == NULL)) {
        return conf_refuse(why, d->key == NULL ? "key" : "certificate", "nothing", "both, or neither");
    }
    if (d->host != NULL && (d->host[0] == '\0' || strlen(d->host) > RAFT_SETTINGS_HOST_MAX)) {
        return conf_refuse(why, "host", d->host, "the name in the servers' certificates");
    }
    t->endpoints = d->endpoints_count;
    return ERR_OK;
}

/* What is of one engine alone is refused with the other: it would be believed to have an effect. */
static enum err take_engine(const struct document *d, struct raft_settings *s, char *why)
{
    struct raft_settings_etcd *t = &s->etcd;
    bool is_etcd = d->engine != NULL && strcmp(d->engine, "etcd") == 0;

    if (d->engine != NULL && !is_etcd && strcmp(d->engine, "embedded") != 0) {
        return conf_refuse(why, "engine", d->engine, "embedded or etcd");
    }
    if (!is_etcd) {
        const char *field = d->endpoints_count > 0 ? "endpoints" : d->ca != NULL ? "ca" : d->certificate != NULL ? "certificate"
                            : d->key != NULL ? "key" : d->host != NULL ? "host" : NULL;
        return field == NULL ? ERR_OK : conf_refuse(why, field, "it", "only with engine: etcd");
    }
    if (d->peers_count > 0 || d->self != NULL || d->lease_reads != NULL || d->heartbeat_ms != NULL || d->election_ms != NULL ||
        d->cache_mib != NULL || d->log_mib != NULL || d->segment_mib != NULL || d->tail != NULL) {
        return conf_refuse(why, "engine", "etcd", "nothing beside endpoints, ca, certificate, key, host and name");
    }
    enum err e = take_endpoints(d, t, why);
    e = e == ERR_OK ? take_path(d->ca, "ca", t->ca, why) : e;
    e = e == ERR_OK ? take_path(d->certificate, "certificate", t->certificate, why) : e;
    e = e == ERR_OK ? take_path(d->key, "key", t->key, why) : e;
    (void)snprintf(t->host, sizeof t->host, "%s", d->host != NULL ? d->host : "");
    return e;
}

enum err raft_settings_read(const char *text, const char *cell, uint32_t instance, const char *node,
                            struct raft_settings *ret, char why[CONF_WHY_SIZE])
{
    AUTO_FREE struct raft_settings *s = calloc(1, sizeof *s);
    void *loaded = NULL;

    if (s == NULL) {
        return ERR_NOMEM;
    }
    *s = (struct raft_settings){.heartbeat_ms = RAFT_SETTINGS_HEARTBEAT_MS,
                                .election_ms = RAFT_SETTINGS_ELECTION_MS,
                                .cache_mib = RAFT_SETTINGS_CACHE_MIB,
                                .log_mib = RAFT_SETTINGS_LOG_MIB,
                                .segment_mib = RAFT_SETTINGS_SEGMENT_MIB,
                                .tail = RAFT_SETTINGS_TAIL};
    (void)snprintf(s->self, sizeof s->self, "%.60s.%" PRIu32, cell, instance);
    enum err e = conf_load(text, &schema, &loaded, why);
    const struct document *d = loaded;
    if (e == ERR_OK && d != NULL) {
        e = take_texts(d, s, why);
        e = e == ERR_OK ? take_engine(d, s, why) : e;
        e = e == ERR_OK ? take_peers(d, s, node, why) : e;
        e = e == ERR_OK ? take_numbers(d, s, why) : e;
        (void)snprintf(s->name, sizeof s->name, "%s", d->name != NULL ? d->name : "");
    }
    conf_free(&schema, loaded);
    if (e != ERR_OK) {
        return e;
    }
    if (s->name[0] == '\0') {
        (void)snprintf(s->name, sizeof s->name, "%.63s", s->self);
    }
    *ret = *s;
    return ERR_OK;
}
