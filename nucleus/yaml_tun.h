/* Interfaces that a cell is handed: `sandbox.tun` and `sandbox.tap`. */
#ifndef CELL_NUCLEUS_YAML_TUN_H
#define CELL_NUCLEUS_YAML_TUN_H

#include "nucleus/manifest.h"
#include "nucleus/yaml_schema.h"

enum {
    YAML_TUN_ADDRESS_MAX = 49, /* characters: an IPv6 address of 45, a slash and 128 */
};

/* An address and the bits of its network, "10.9.0.1/24" or "fd09::1/64". False: it says nothing of the kind, and *ret is
 * untouched. */
bool yaml_tun_parse(const char *text, struct manifest_tun_address *ret);

/* Whether an interface may be called so: 1 to 15 characters without blanks, '/', ':' and '%', and no dots alone. */
bool yaml_tun_is_interface(const char *text);

/* Read a cell's lists. On a fault the message points at the item's line; the caller frees. */
enum err yaml_tun_cell(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_sandbox *raw,
                       struct manifest_cell *c) MUST_CHECK;

#endif
