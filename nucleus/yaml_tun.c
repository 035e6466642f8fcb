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

/* at: in its list, tun or tap. */
static const char *path_of(const struct manifest_tun *t, size_t at, const char *field, char ret[64])
{
    (void)snprintf(ret, 64, "sandbox.%s[%zu].%s", t->is_tap ? "tap" : "tun", at, field);
    return ret;
}

static enum err read_addresses(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_tun *raw, size_t at,
                               struct manifest_tun *t)
{
    char path[64], field[16];

    for (; t->address_count < raw->address_count; t->address_count++) {
        if (!yaml_tun_parse(raw->address[t->address_count], &t->address[t->address_count])) {
            (void)snprintf(field, sizeof field, "address[%u]", t->address_count);
            return refuse(m, entry, path_of(t, at, field, path), raw->address[t->address_count], "is no address",
                          "e.g. 10.9.0.1/24 or fd09::1/64");
        }
    }
    return ERR_OK;
}

/* A name is there once in its list, an interface once in both. before: those that were read. */
static enum err read_names(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_tun *raw,
                           const struct manifest_cell *c, size_t before, size_t at, struct manifest_tun *t)
{
    char name[64], interface[64];

    (void)path_of(t, at, "name", name);
    (void)path_of(t, at, "interface", interface);
    if (!name_valid_str(raw->name)) {
        return refuse(m, entry, name, raw->name, "is no name", "1 to 64 of a-z, 0-9, _ and -");
    }
    memcpy(t->name, raw->name, strlen(raw->name) + 1);
    if (!yaml_tun_is_interface(raw->interface)) {
        return refuse(m, entry, interface, raw->interface, "is no interface",
                      "1 to 15 characters without blanks, '/', ':' and '%'");
    }
    memcpy(t->interface, raw->interface, strlen(raw->interface) + 1);
    if (c->trivial) {
        return refuse(m, entry, name, raw->name, "is handed to nobody with protocol: none",
                      "a program that speaks on descriptor 3");
    }
    if (c->instances > 1) {
        return refuse(m, entry, name, raw->name, "is for one instance", "instances: 1");
    }
    for (size_t i = 0; i < before; i++) {
        if (c->sandbox.tun[i].is_tap == t->is_tap && strcmp(c->sandbox.tun[i].name, t->name) == 0) {
            return refuse(m, entry, name, raw->name, "is given twice", "it once");
        }
        if (strcmp(c->sandbox.tun[i].interface, t->interface) == 0) {
            return refuse(m, entry, interface, raw->interface, "is given twice", "it once");
        }
    }
    return ERR_OK;
}

static enum err read_list(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_tun *raw, size_t count,
                          bool is_tap, struct manifest_cell *c)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        struct manifest_tun *t = &c->sandbox.tun[c->sandbox.tun_count];
        char mtu[64];
        t->is_tap = is_tap;
        t->mtu = is_tap ? MANIFEST_TAP_MTU_DEFAULT : MANIFEST_TUN_MTU_DEFAULT;
        e = read_names(m, entry, &raw[i], c, c->sandbox.tun_count, i, t);
        if (e == ERR_OK && raw[i].mtu != NULL &&
            (!parse_number(raw[i].mtu, MANIFEST_TUN_MTU_MAX, &t->mtu) || t->mtu < MANIFEST_TUN_MTU_MIN)) {
            e = refuse(m, entry, path_of(t, i, "mtu", mtu), raw[i].mtu, "is no mtu", "576 to 9000");
        }
        e = e == ERR_OK ? read_addresses(m, entry, &raw[i], i, t) : e;
        c->sandbox.tun_count++;
    }
    return e;
}

enum err yaml_tun_cell(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_sandbox *raw,
                       struct manifest_cell *c)
{
    size_t count = (size_t)raw->tun_count + raw->tap_count;

    if (count == 0) {
        return ERR_OK;
    }
    if (count > MANIFEST_TUN_MAX) { /* of one list: cyaml says so */
        return yaml_marks_fault(m, yaml_marks_find(m, entry, "sandbox.tap"), ERR_LIMIT,
                                "%zu interfaces with those of tun, expected at most %d", count, MANIFEST_TUN_MAX);
    }
    c->sandbox.tun = calloc(count, sizeof *c->sandbox.tun);
    if (c->sandbox.tun == NULL) {
        return yaml_marks_fault(m, entry, ERR_NOMEM, "out of memory");
    }
    enum err e = read_list(m, entry, raw->tun, raw->tun_count, false, c);
    return e == ERR_OK ? read_list(m, entry, raw->tap, raw->tap_count, true, c) : e;
}
