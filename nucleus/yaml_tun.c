#include "nucleus/yaml_tun.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits without sign, space or needless zeros; at most `most`. */
static bool parse_number(const char *text, uint32_t most, uint32_t *ret)
{
    uint32_t value = 0;
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 5 || text[len] != '\0' || (text[0] == '0' && len > 1)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *ret = value;
    return value <= most;
}

bool yaml_tun_parse(const char *text, struct manifest_tun_address *ret)
{
    struct manifest_tun_address a = {.is_v6 = strchr(text, ':') != NULL};
    char host[YAML_TUN_ADDRESS_MAX + 1];
    const char *slash = strchr(text, '/');
    uint32_t bits;

    if (slash == NULL || strlen(text) > YAML_TUN_ADDRESS_MAX || !parse_number(slash + 1, a.is_v6 ? 128 : 32, &bits)) {
        return false;
    }
    memcpy(host, text, (size_t)(slash - text));
    host[slash - text] = '\0';
    if (inet_pton(a.is_v6 ? AF_INET6 : AF_INET, host, a.ip) != 1) {
        return false;
    }
    a.bits = (uint8_t)bits;
    *ret = a;
    return true;
}

static enum err refuse(const struct yaml_marks *m, uint32_t entry, const char *field, const char *text, const char *what,
                       const char *expected)
{
    char quote[YAML_MARKS_QUOTE_SIZE];

    return yaml_marks_fault(m, yaml_marks_find(m, entry, field), ERR_INVALID, "%s %s, expected %s",
                            yaml_marks_quote(text, quote), what, expected);
}

/* As tun_name_valid has it, which is not for pure code: what the kernel and the tools that read such names refuse. */
bool yaml_tun_is_interface(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] == 0x7f || strchr("/:%", text[i]) != NULL) {
            return false;
        }
    }
    return len > 0 && len < MANIFEST_INTERFACE_SIZE && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static enum err read_addresses(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_tun *raw, size_t at,
                               struct manifest_tun *t)
{
    for (; t->address_count < raw->address_count; t->address_count++) {
        if (!yaml_tun_parse(raw->address[t->address_count], &t->address[t->address_count])) {
            char path[64];
            (void)snprintf(path, sizeof path, "sandbox.tun[%zu].address[%u]", at, t->address_count);
            return refuse(m, entry, path, raw->address[t->address_count], "is no address",
                          "e.g. 10.9.0.1/24 or fd09::1/64");
        }
    }
    return ERR_OK;
}

static enum err read_one(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_tun *raw,
                         struct manifest_cell *c, size_t at)
{
    struct manifest_tun *t = &c->sandbox.tun[at];
    char name[64], interface[64], mtu[64];

    (void)snprintf(name, sizeof name, "sandbox.tun[%zu].name", at);
    (void)snprintf(interface, sizeof interface, "sandbox.tun[%zu].interface", at);
    (void)snprintf(mtu, sizeof mtu, "sandbox.tun[%zu].mtu", at);
    t->mtu = MANIFEST_TUN_MTU_DEFAULT;
    if (!name_valid_str(raw->name)) {
        return refuse(m, entry, name, raw->name, "is no name", "1 to 64 of a-z, 0-9, _ and -");
    }
    memcpy(t->name, raw->name, strlen(raw->name) + 1);
    if (!yaml_tun_is_interface(raw->interface)) {
        return refuse(m, entry, interface, raw->interface, "is no interface",
                      "1 to 15 characters without blanks, '/', ':' and '%'");
    }
    memcpy(t->interface, raw->interface, strlen(raw->interface) + 1);
    if (raw->mtu != NULL && (!parse_number(raw->mtu, MANIFEST_TUN_MTU_MAX, &t->mtu) || t->mtu < MANIFEST_TUN_MTU_MIN)) {
        return refuse(m, entry, mtu, raw->mtu, "is no mtu", "576 to 9000");
    }
    if (c->trivial) {
        return refuse(m, entry, name, raw->name, "is handed to nobody with protocol: none",
                      "a program that speaks on descriptor 3");
    }
    if (c->instances > 1) {
        return refuse(m, entry, name, raw->name, "is for one instance", "instances: 1");
    }
    for (size_t i = 0; i < at; i++) {
        if (strcmp(c->sandbox.tun[i].name, t->name) == 0) {
            return refuse(m, entry, name, raw->name, "is given twice", "it once");
        }
        if (strcmp(c->sandbox.tun[i].interface, t->interface) == 0) {
            return refuse(m, entry, interface, raw->interface, "is given twice", "it once");
        }
    }
    return read_addresses(m, entry, raw, at, t);
}

enum err yaml_tun_cell(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_sandbox *raw,
                       struct manifest_cell *c)
{
    enum err e = ERR_OK;

    if (raw->tun_count == 0) {
        return ERR_OK;
    }
    c->sandbox.tun = calloc(raw->tun_count, sizeof *c->sandbox.tun);
    if (c->sandbox.tun == NULL) {
        return yaml_marks_fault(m, entry, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; e == ERR_OK && i < raw->tun_count; i++) {
        e = read_one(m, entry, &raw->tun[i], c, i);
        c->sandbox.tun_count = i + 1;
    }
    return e;
}
