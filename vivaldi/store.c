#include "vivaldi/store.h"

#include <stdlib.h>

#include "common/run/fd.h"

static const char file_name[] = "coordinates";

enum err vivaldi_store_load(int dir_fd, struct vivaldi *v, uint32_t now_s, uint64_t wall_s)
{
    AUTO_FREE char *bytes = NULL;
    size_t size;
    enum err e = fd_read_file(dir_fd, file_name, VIVALDI_IMAGE_MAX, &bytes, &size);

    return e == ERR_OK ? vivaldi_image_read(v, now_s, wall_s, (const uint8_t *)bytes, size) : e;
}

enum err vivaldi_store_save(int dir_fd, const struct vivaldi *v, uint32_t now_s, uint64_t wall_s)
{
    AUTO_FREE uint8_t *bytes = malloc(vivaldi_image_size(v));

    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    size_t size = vivaldi_image_write(v, now_s, wall_s, bytes);
    return fd_replace_file(dir_fd, file_name, bytes, size, 0600);
}
