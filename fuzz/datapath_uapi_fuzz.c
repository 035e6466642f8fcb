/* What anybody with the control socket may write: every request gets one answer that ends with an errno, and the core is
 * whole afterwards. The same bytes are a place, a prefix, a key and a number: what is read is written, and reads as the
 * same again.
 *
 * Input: the lines of a request, without the empty one at its end. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/text.h"
#include "datapath/uapi.h"

enum { PEERS = 4, PREFIXES = 8, MTU = 1420, LAST = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char last[LAST + 1]; /* the end of what was said */
static size_t last_size;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void put(void *context, const char *text, size_t size)
{
    (void)context;
    last_size = size < LAST ? size : LAST;
    memcpy(last, text + size - last_size, last_size);
    last[last_size] = '\0';
}

static void texts(const char *text)
{
    struct datapath_endpoint at, at_again;
    struct datapath_prefix prefix, prefix_again;
    char out[DATAPATH_TEXT_PLACE_SIZE], scope[DATAPATH_TEXT_SCOPE_SIZE], key_text[DATAPATH_TEXT_KEY_SIZE];
    uint8_t key[32], key_again[32], host[16];
    uint64_t number;

    if (datapath_text_read_place(text, &at, scope)) {
        datapath_text_write_place(&at, out);
        must(datapath_text_read_place(out, &at_again, NULL) && datapath_message_is_same(&at, &at_again) && strlen(scope) < sizeof scope);
    }
    if (datapath_text_read_prefix(text, &prefix, host)) {
        datapath_text_write_prefix(&prefix, out);
        must(datapath_text_read_prefix(out, &prefix_again, NULL) && memcmp(&prefix, &prefix_again, sizeof prefix) == 0);
    }
    if (datapath_text_read_key(text, key)) {
        datapath_text_write_key(key, key_text);
        must(datapath_text_read_key(key_text, key_again) && memcmp(key, key_again, 32) == 0);
    }
    must(!datapath_text_read_number(text, 65535, &number) || number <= 65535);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct datapath_config c = {.peers_max = PEERS, .prefixes_max = PREFIXES, .mtu = MTU, .pace = datapath_pace_usual(),
                                .aead = &datapath_aead_sodium, .secret = {1}, .seed = {2}};
    struct datapath_uapi u = {.peers_max = PEERS, .secret = c.secret, .port = 51820, .socket = -1, .put = put};
    struct datapath_time now = {.ms = 1000, .wall_ns = 1000};
    static struct datapath_effects fx;
    void *memory = malloc(datapath_core_size(PEERS, PREFIXES, MTU));
    char *text = malloc(size + 3);

    must(memory != NULL && text != NULL && datapath_core_init(memory, &c, now, &u.core) == ERR_OK);
    memcpy(text, data, size);
    text[size] = '\0';
    texts(text);
    memcpy(text + size, "\n\n", 3);
    size_t left = size + 2, first;
    for (char *at = text; left > 1; at += first, left -= first) {
        first = datapath_uapi_first(at, left);
        must(first >= 2 && first <= left);
        datapath_uapi_answer(&u, now, at, first);
    }
    must(last_size > 8 && strncmp(last, "errno=", 6) == 0 && strcmp(last + last_size - 2, "\n\n") == 0);
    now.ms += 100000;
    datapath_core_clock(u.core, now, &fx);
    free(text);
    free(memory);
    return 0;
}
