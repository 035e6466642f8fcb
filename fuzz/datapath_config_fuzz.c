/* Any text as the overlay's configuration: it is refused with a reason, or every number is within what there may be, every name
 * and text ends, and nothing of it is left behind.
 *
 * Input: the text. */
#include <stdlib.h>
#include <string.h>

#include "datapath/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct datapath_settings s = {0};
    char why[CONF_WHY_SIZE] = "", *text = malloc(size + 1);

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    enum err e = datapath_config_read(text, &s, why);
    if (e == ERR_OK) {
        must(s.peers_max > 0 && s.peers_max <= DATAPATH_PEERS_MAX && s.rekey_s >= 10 && s.rekey_s <= DATAPATH_CONFIG_REKEY_S_MAX);
        must(s.places <= DATAPATH_CONFIG_PLACES_MAX && s.listed <= DATAPATH_CONFIG_LISTED_MAX);
        must(memchr(s.tun.name, 0, sizeof s.tun.name) != NULL && memchr(s.zone, 0, sizeof s.zone) != NULL);
        for (uint32_t i = 0; i < s.listed; i++) {
            must(s.peer[i].prefixes <= DATAPATH_CONFIG_PREFIXES_MAX && s.peer[i].peer.persist_ms <= DATAPATH_PERSIST_MS_MAX);
            must(memchr(s.peer[i].name, 0, sizeof s.peer[i].name) != NULL);
            for (uint32_t k = 0; k < s.peer[i].prefixes; k++) {
                must(s.peer[i].prefix[k].bits <= s.peer[i].prefix[k].size * 8u);
            }
        }
        datapath_config_free(&s);
    } else {
        must(e != ERR_INVALID || (why[0] != '\0' && memchr(why, 0, sizeof why) != NULL));
    }
    free(text);
    return 0;
}
