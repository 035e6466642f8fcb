/* Keys, prefixes and places as people and `wg` write them. */
#ifndef CELL_DATAPATH_TEXT_H
#define CELL_DATAPATH_TEXT_H

#include <stdbool.h>

#include "common/base/macros.h"
#include "datapath/allowed.h"
#include "datapath/message.h"

enum {
    DATAPATH_TEXT_KEY = 44,          /* characters of a key in base64 */
    DATAPATH_TEXT_KEY_SIZE = DATAPATH_TEXT_KEY + 1,
    DATAPATH_TEXT_PLACE_SIZE = 80,   /* bytes of any text below, with its terminator: "[v6%scope]:port" */
    DATAPATH_TEXT_SCOPE_SIZE = 16,   /* … of an interface's name, with its terminator */
};

/* A key of 32 bytes in base64, padded, as `wg genkey` writes it; blanks and a newline may follow. */
bool datapath_text_read_key(const char *text, uint8_t ret[32]);
void datapath_text_write_key(const uint8_t key[32], char ret[DATAPATH_TEXT_KEY_SIZE]);

/* "10.0.0.0/24", "fd00::/8"; without a length it is one address. host: the bits behind it may be set (an address and
 * its network), *ret_host gets them; NULL: they are cut off, as `wg` does. */
bool datapath_text_read_prefix(const char *text, struct datapath_prefix *ret, uint8_t *ret_host);
void datapath_text_write_prefix(const struct datapath_prefix *prefix, char ret[DATAPATH_TEXT_PLACE_SIZE]);

/* "192.0.2.1:51820", "[2001:db8::1]:51820", "[fe80::1%2]:51820"; never a name of a host. What stands behind '%' is the interface of
 * an address of a link, and a number that means nothing elsewhere. ret_scope: it gets that of a link, which may be a name, for
 * scope.h to find ("": there is none); NULL: names are refused. */
bool datapath_text_read_place(const char *text, struct datapath_endpoint *ret, char ret_scope[DATAPATH_TEXT_SCOPE_SIZE]);
void datapath_text_write_place(const struct datapath_endpoint *at, char ret[DATAPATH_TEXT_PLACE_SIZE]);

/* Digits only, at most `most`. */
bool datapath_text_read_number(const char *text, uint64_t most, uint64_t *ret);

#endif
