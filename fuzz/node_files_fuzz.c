/* Texts and packed forms of a node: whatever is taken is written again to the very same bytes.
 *
 * Input: a byte that says which kind, a byte whose lowest bit wants the hash made right, the rest. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/node/cluster.h"
#include "common/node/identity.h"
#include "common/node/lines.h"
#include "common/node/tickets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ROOM = 8192
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Nobody guesses a hash: made right, the words behind it are reached. */
static size_t seal(const uint8_t *data, size_t size, char *text)
{
    struct bytes_text t;

    bytes_text_init(&t, text, ROOM);
    memcpy(text, data, size);
    t.len = size;
    lines_seal(&t);
    return t.len;
}

static void look_at_text(uint8_t kind, const char *text, size_t size)
{
    static struct tickets tickets;
    struct identity identity;
    struct cluster cluster;
    char again[CLUSTER_TEXT_MAX];
    size_t len = 0;

    if (kind == 0 && identity_parse(text, size, &identity) == ERR_OK) {
        len = identity_format(&identity, again);
        must(len == size && memcmp(again, text, len) == 0 && name_valid_str(identity.name));
    } else if (kind == 1 && cluster_parse(text, size, &cluster) == ERR_OK) {
        len = cluster_format(&cluster, again);
        must(len == size && memcmp(again, text, len) == 0 && cluster_check(&cluster) == ERR_OK);
    } else if (kind == 2 && tickets_parse(text, size, &tickets) == ERR_OK) {
        char *whole = NULL;
        must(tickets_format(&tickets, &whole, &len) == ERR_OK && len == size && memcmp(whole, text, len) == 0);
        free(whole);
    }
}

static void look_at_token(const char *text)
{
    struct token token;
    char again[TOKEN_TEXT_SIZE];

    if (token_parse(text, &token) == ERR_OK) {
        token_format(&token, again);
        must(strcmp(text, again) == 0);
    }
}

static void look_at_keys(const uint8_t *data, size_t size)
{
    struct node_keys keys;
    uint8_t again[NODE_KEYS_PACKED];

    if (keys_unpack(data, size, &keys) == ERR_OK) {
        keys_pack(&keys, again);
        must(keys_check(&keys) == ERR_OK && memcmp(again, data, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[ROOM + LINES_HASH_LINE + 1];

    if (sodium_init() < 0 || size < 2 || size > ROOM / 2) {
        return 0;
    }
    uint8_t kind = data[0] % 5;
    bool is_sealed = (data[1] & 1) != 0 && kind < 3;
    size -= 2;
    memcpy(text, data + 2, size);
    size_t len = is_sealed ? seal(data + 2, size, text) : size;
    text[len] = '\0';
    if (kind < 3) {
        look_at_text(kind, text, len);
    } else if (kind == 3) {
        look_at_token(text);
    } else {
        look_at_keys(data + 2, size);
    }
    return 0;
}
