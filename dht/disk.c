#include "dht/disk.h"

#include <stdlib.h>

#include "common/run/fd.h"

static const char peers_name[] = "peers", records_name[] = "records", own_name[] = "own";

enum err dht_disk_save_peers(int dir_fd, const struct dht_node *self, uint64_t wall_s, const struct dht *core)
{
    struct dht_contact peer[DHT_SAVED_MAX];
    uint8_t bytes[DHT_IMAGE_PEERS_MAX];
    uint32_t count = dht_core_save(core, peer, DHT_SAVED_MAX);

    return fd_replace_file(dir_fd, peers_name, bytes, dht_image_write_peers(self, wall_s, peer, count, bytes), 0600);
}

enum err dht_disk_save_records(int dir_fd, const struct dht_node *self, uint64_t wall_s, const struct dht *core)
{
    AUTO_FREE uint8_t *bytes = malloc(DHT_IMAGE_FRAME + (size_t)dht_core_records(core) * DHT_IMAGE_RECORD_MAX);

    return bytes == NULL ? ERR_NOMEM
                         : fd_replace_file(dir_fd, records_name, bytes, dht_image_write_records(self, wall_s, core, bytes), 0600);
}

enum err dht_disk_save_own(int dir_fd, const struct dht_node *self, uint64_t wall_s, const struct dht_own *own)
{
    AUTO_FREE uint8_t *bytes = malloc(DHT_IMAGE_OWN_MAX);

    return bytes == NULL ? ERR_NOMEM : fd_replace_file(dir_fd, own_name, bytes, dht_image_write_own(self, wall_s, own, bytes), 0600);
}

enum err dht_disk_load_peers(int dir_fd, const struct dht_node *self, struct dht_contact peer[DHT_SAVED_MAX], uint32_t *ret_count)
{
    AUTO_FREE char *bytes = NULL;
    size_t size;
    enum err e = fd_read_file(dir_fd, peers_name, DHT_IMAGE_PEERS_MAX, &bytes, &size);

    return e == ERR_OK ? dht_image_read_peers(self, (const uint8_t *)bytes, size, peer, ret_count) : e;
}

enum err dht_disk_load_records(int dir_fd, const struct dht_node *self, uint64_t wall_s, struct dht *core, uint32_t *ret_held)
{
    AUTO_FREE char *bytes = NULL;
    size_t size, most = DHT_IMAGE_FRAME + (size_t)DHT_RECORDS_MAX * DHT_IMAGE_RECORD_MAX;
    enum err e = fd_read_file(dir_fd, records_name, most, &bytes, &size);

    return e == ERR_OK ? dht_image_read_records(self, wall_s, core, (const uint8_t *)bytes, size, ret_held) : e;
}

enum err dht_disk_load_own(int dir_fd, const struct dht_node *self, struct dht_own *own)
{
    AUTO_FREE char *bytes = NULL;
    size_t size;
    enum err e = fd_read_file(dir_fd, own_name, DHT_IMAGE_OWN_MAX, &bytes, &size);

    return e == ERR_OK ? dht_image_read_own(self, own, (const uint8_t *)bytes, size) : e;
}
