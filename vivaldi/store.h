/* The file in the cell's state directory: image.h's bytes. */
#ifndef CELL_VIVALDI_STORE_H
#define CELL_VIVALDI_STORE_H

#include "vivaldi/image.h"

/* Take what was kept in the directory dir_fd into a fresh `v`. ERR_NOT_FOUND: nothing was; the rest as
 * vivaldi_image_read, and ERR_IO: it cannot be read. */
enum err vivaldi_store_load(int dir_fd, struct vivaldi *v, uint32_t now_s, uint64_t wall_s) MUST_CHECK;

/* Keep it, whole or not at all. */
enum err vivaldi_store_save(int dir_fd, const struct vivaldi *v, uint32_t now_s, uint64_t wall_s) MUST_CHECK;

#endif
