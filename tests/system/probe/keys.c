/* Keys of a node as the supervisor would hand them over, for clusters under test: NAME, CLUSTER, FILE. The same name
 * and cluster give the same keys every time; they are worth nothing. */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/node/keys.h"
#include "common/run/fd.h"

static void derive(const char *what, const char *of, uint8_t *out, size_t size)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, size);
    crypto_generichash_update(&state, (const uint8_t *)what, strlen(what));
    crypto_generichash_update(&state, (const uint8_t *)of, strlen(of));
    crypto_generichash_final(&state, out, size);
}

int main(int argc, char **argv)
{
    struct node_keys keys = {.cluster_epoch = {1}, .cluster_keys = 1};
    uint8_t seed[NODE_SEED_LEN], packed[NODE_KEYS_PACKED];

    if (argc != 4 || sodium_init() < 0 || !name_valid_str(argv[1])) {
        fprintf(stderr, "keys NAME CLUSTER FILE\n");
        return 64;
    }
    strcpy(keys.name, argv[1]);
    derive("node ", argv[1], seed, sizeof seed);
    keys_derive(seed, &keys);
    derive("cluster ", argv[2], keys.cluster_id, sizeof keys.cluster_id);
    derive("key ", argv[2], keys.cluster_key[0], sizeof keys.cluster_key[0]);
    keys_pack(&keys, packed);
    AUTO_FD int fd = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return fd >= 0 && fd_write_all(fd, packed, sizeof packed) == ERR_OK ? 0 : 1;
}
