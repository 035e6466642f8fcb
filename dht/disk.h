/* The files of the state directory: `peers`, `records`, `own`, each replaced in one step (image.h has their bytes). */
#ifndef CELL_DHT_DISK_H
#define CELL_DHT_DISK_H

#include "dht/image.h"

/* dir_fd: of the directory. Blocks as disks do. Errors as fd_replace_file; ERR_NOMEM. */
enum err dht_disk_save_peers(int dir_fd, const struct dht_node *self, uint64_t wall_s, const struct dht *core) MUST_CHECK;
enum err dht_disk_save_records(int dir_fd, const struct dht_node *self, uint64_t wall_s, const struct dht *core) MUST_CHECK;
enum err dht_disk_save_own(int dir_fd, const struct dht_node *self, uint64_t wall_s, const struct dht_own *own) MUST_CHECK;

/* ERR_NOT_FOUND: there is no such file; ERR_MALFORMED: it is damaged or another node's; others as errno says. */
enum err dht_disk_load_peers(int dir_fd, const struct dht_node *self, struct dht_contact peer[DHT_SAVED_MAX], uint32_t *ret_count) MUST_CHECK;
enum err dht_disk_load_records(int dir_fd, const struct dht_node *self, uint64_t wall_s, struct dht *core, uint32_t *ret_held) MUST_CHECK;
enum err dht_disk_load_own(int dir_fd, const struct dht_node *self, struct dht_own *own) MUST_CHECK;

#endif
