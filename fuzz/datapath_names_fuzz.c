/* Any bytes as a question for names of the overlay: the answer fits, is to this question, and comes again; any text as a name.
 *
 * Input: the question. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/label.h"
#include "datapath/names.h"

enum { PEERS = 4, PREFIXES = 16, MTU = 1420 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct datapath_names names;
static struct datapath_names_entry entry[PEERS];

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void begin(void)
{
    struct datapath_config c = {.peers_max = PEERS, .prefixes_max = PREFIXES, .mtu = MTU, .pace = datapath_pace_usual(),
                                .aead = &datapath_aead_sodium, .secret = {9}, .seed = {1}};
    struct datapath_time now = {.ms = 1000, .wall_ns = UINT64_C(1800000000000000000)};
    struct datapath *core = NULL;
    void *memory = malloc(datapath_core_size(PEERS, PREFIXES, MTU)); /* for as long as the process */

    must(memory != NULL && sodium_init() >= 0 && datapath_core_init(memory, &c, now, &core) == ERR_OK);
    names = (struct datapath_names){.core = core, .zone = "cell.internal", .own = "a", .own_count = 2,
                                    .own_at = {{.ip = {10, 0, 0, 1}, .size = 4, .bits = 24}, {.ip = {0xfd, [15] = 1}, .size = 16, .bits = 64}},
                                    .room = PEERS, .entry = entry};
    for (uint8_t i = 1; i <= 3; i++) {
        struct datapath_peer_config p = {.endpoint = {.port = 0}};
        struct datapath_prefix v4 = {.ip = {10, 0, 0, (uint8_t)(i + 1)}, .size = 4, .bits = 32}, v6 = {.ip = {0xfd, [15] = (uint8_t)(i + 1)}, .size = 16, .bits = 128};
        uint8_t secret[32] = {8, i}; /* the first has bits that do not count */
        uint32_t peer = 0;
        must(crypto_scalarmult_base(p.public, secret) == 0 && datapath_core_add(core, &p, now, &peer) == ERR_OK);
        must(datapath_core_allow(core, peer, &v4) == ERR_OK && datapath_core_allow(core, peer, &v6) == ERR_OK);
        must(datapath_names_set(&names, p.public, (const char[]){(char)('a' + i), '\0'}) == ERR_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t out[DNS_SERVE_MOST], again[DNS_SERVE_MOST];
    struct datapath_prefix at;

    if (names.core == NULL) {
        begin();
    }
    uint8_t *exact = malloc(size > 0 ? size : 1);
    char *text = malloc(size + 1);
    must(exact != NULL && text != NULL);
    memcpy(exact, data, size);
    memcpy(text, data, size);
    text[size] = '\0';
    size_t said = datapath_names_answer(&names, exact, size, out);
    must(said <= sizeof out && (said == 0 || (said >= DNS_HEADER && memcmp(out, exact, 2) == 0 && (out[2] & DNS_FLAG_ANSWER) != 0)));
    must(datapath_names_answer(&names, exact, size, again) == said && memcmp(out, again, said) == 0);
    (void)datapath_names_zone_valid(text);
    must(datapath_names_place(&names, text, &at) != ERR_OK || at.bits == at.size * 8u);
    must(!datapath_label_valid(text, size) || (size > 0 && size < DATAPATH_NAME_SIZE));
    free(exact);
    free(text);
    return 0;
}
