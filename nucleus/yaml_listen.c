#include "nucleus/yaml_listen.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nucleus/yaml_path.h"
#include "nucleus/yaml_tun.h"

/* 0 to 65535, without sign, space or needless zeros. */
static bool parse_port(const char *text, uint16_t *ret)
{
    unsigned value = 0;
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 5 || text[len] != '\0' || (text[0] == '0' && len > 1)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *ret = (uint16_t)value;
    return value <= UINT16_MAX;
}

/* A number of 32 bits, decimal or as `ip rule` shows it (0xca6c). */
static bool parse_mark(const char *text, uint32_t *ret)
{
    bool is_hex = strncmp(text, "0x", 2) == 0;
    size_t len = strspn(text + (is_hex ? 2 : 0), is_hex ? "0123456789abcdefABCDEF" : "0123456789");

    if (len == 0 || len > (is_hex ? 8 : 10) || text[(is_hex ? 2 : 0) + len] != '\0') {
        return false;
    }
    unsigned long long value = strtoull(text, NULL, is_hex ? 16 : 10);
    *ret = (uint32_t)value;
    return value <= UINT32_MAX;
}

static bool parse_path(const char *path, struct manifest_listen *ret)
{
    if (strlen(path) >= sizeof ret->path || yaml_path_judge(path) != NULL) {
        return false;
    }
    ret->is_unix = true;
    memcpy(ret->path, path, strlen(path) + 1);
    return true;
}

bool yaml_listen_parse(const char *text, struct manifest_listen *ret)
{
    struct manifest_listen l = *ret;
    char host[YAML_LISTEN_AT_MAX + 1];

    if (strncmp(text, "unix://", 7) == 0) {
        return parse_path(text + 7, ret);
    }
    l.is_udp = strncmp(text, "udp://", 6) == 0;
    if ((!l.is_udp && strncmp(text, "tcp://", 6) != 0) || strlen(text) > YAML_LISTEN_AT_MAX) {
        return false;
    }
    l.is_v6 = text[6] == '[';
    const char *begin = text + (l.is_v6 ? 7 : 6), *colon = strrchr(begin, ':');
    const char *end = l.is_v6 && colon != NULL && colon > begin ? colon - 1 : colon;
    if (colon == NULL || (l.is_v6 && (end < begin || *end != ']')) || !parse_port(colon + 1, &l.port)) {
        return false;
    }
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    memset(l.ip, 0, sizeof l.ip);
    if (inet_pton(l.is_v6 ? AF_INET6 : AF_INET, host, l.ip) != 1) {
        return false;
    }
    *ret = l;
    return true;
}

static enum err refuse(const struct yaml_marks *m, uint32_t entry, size_t at, const char *field, const char *text,
                       const char *what, const char *expected)
{
    char path[64], quote[YAML_MARKS_QUOTE_SIZE];

    (void)snprintf(path, sizeof path, "sandbox.listen[%zu].%s", at, field);
    return yaml_marks_fault(m, yaml_marks_find(m, entry, path), ERR_INVALID, "%s %s, expected %s",
                            yaml_marks_quote(text, quote), what, expected);
}

/* Two of one name could not be told apart, and two at one place cannot both be bound. */
static enum err check_others(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_listen *raw,
                             const struct manifest_cell *c, size_t at)
{
    const struct manifest_listen *l = &c->sandbox.listen[at];

    for (size_t i = 0; i < at; i++) {
        const struct manifest_listen *other = &c->sandbox.listen[i];
        if (strcmp(other->name, l->name) == 0) {
            return refuse(m, entry, at, "name", raw->name, "is given twice", "it once");
        }
        if (l->is_unix && strcmp(other->path, l->path) == 0) {
            return refuse(m, entry, at, "at", raw->at, "is given twice", "it once");
        }
        if (l->shield[0] != '\0' && other->shield[0] != '\0') {
            return refuse(m, entry, at, "shield", raw->shield, "is for one socket of a cell", "it once");
        }
        if (l->port != 0 && other->port == l->port && other->is_udp == l->is_udp && other->is_v6 == l->is_v6 &&
            memcmp(other->ip, l->ip, sizeof l->ip) == 0) {
            return refuse(m, entry, at, "at", raw->at, "is given twice", "it once");
        }
    }
    return ERR_OK;
}

static enum err read_one(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_listen *raw,
                         struct manifest_cell *c, size_t at)
{
    struct manifest_listen *l = &c->sandbox.listen[at];

    if (!name_valid_str(raw->name)) {
        return refuse(m, entry, at, "name", raw->name, "is no name", "1 to 64 of a-z, 0-9, _ and -");
    }
    memcpy(l->name, raw->name, strlen(raw->name) + 1);
    if (!yaml_listen_parse(raw->at, l)) {
        return refuse(m, entry, at, "at", raw->at, "is nowhere to listen",
                      "e.g. udp://0.0.0.0:7402 or tcp://[::]:7401, an address in numbers and a port, or unix:///run/x.sock");
    }
    if (raw->shield != NULL && (!l->is_udp || !yaml_tun_is_interface(raw->shield))) {
        return refuse(m, entry, at, "shield", raw->shield, l->is_udp ? "is no interface" : "is for UDP",
                      "the name of the interface that it is to stand at, of a UDP socket");
    }
    if (raw->shield != NULL) {
        memcpy(l->shield, raw->shield, strlen(raw->shield) + 1);
    }
    if (raw->mark != NULL && (l->is_unix || !parse_mark(raw->mark, &l->mark))) {
        return refuse(m, entry, at, "mark", raw->mark, l->is_unix ? "is for TCP and UDP" : "is no mark",
                      "a number of 32 bits such as 51820 or 0xca6c, of a socket of the network");
    }
    if (c->trivial) {
        return refuse(m, entry, at, "name", raw->name, "is handed to nobody with protocol: none",
                      "a program that speaks on descriptor 3");
    }
    if (c->instances > 1) {
        return refuse(m, entry, at, "name", raw->name, "is for one instance", "instances: 1");
    }
    return check_others(m, entry, raw, c, at);
}

enum err yaml_listen_cell(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_sandbox *raw,
                          struct manifest_cell *c)
{
    enum err e = ERR_OK;

    if (raw->listen_count == 0) {
        return ERR_OK;
    }
    c->sandbox.listen = calloc(raw->listen_count, sizeof *c->sandbox.listen);
    if (c->sandbox.listen == NULL) {
        return yaml_marks_fault(m, entry, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; e == ERR_OK && i < raw->listen_count; i++) {
        e = read_one(m, entry, &raw->listen[i], c, i);
        c->sandbox.listen_count = i + 1;
    }
    return e;
}
