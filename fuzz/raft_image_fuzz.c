/* Images as a disk, another member or a person's file could give them: what is taken whole can be used, and gives an image
 * that is taken as well. */
#include <stdint.h>
#include <stdlib.h>

#include "raft/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t part[RAFT_IMAGE_ROOM];

static void use(struct raft_kv *kv)
{
    struct raft_kv again;
    struct raft_image image;
    bool is_done = false;
    size_t size = 1;

    raft_kv_init(&again);
    raft_image_expect(&again);
    if (raft_image_begin(&image, kv) == ERR_OK) {
        while (size > 0 && raft_image_next(&image, part, sizeof part, 4096, &size) == ERR_OK && size > 0) {
            if (raft_image_load(&again, part, size, &is_done) != ERR_OK) {
                abort();
            }
        }
        if (!is_done) {
            abort();
        }
    }
    raft_image_end(&image);
    raft_kv_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct raft_kv kv;
    bool is_done;

    raft_kv_init(&kv);
    raft_image_expect(&kv);
    if (raft_image_load(&kv, data, size, &is_done) == ERR_OK && is_done) {
        use(&kv);
    }
    raft_kv_fini(&kv);
    return 0;
}
