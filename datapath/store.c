#include "datapath/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"

enum {
    RECORD = sizeof(struct datapath_store_record),
    CHECKED = RECORD - 4,
};

_Static_assert(RECORD == 48, "bytes, without gaps");

/* The head is a record: its key says what the file is, its stamp is ours. */
static const uint8_t head_key[DATAPATH_NOISE_KEY] = "cell overlay stamps 1";

static bool is_whole(const struct datapath_store_record *r)
{
    return bytes_get_be32(r->check) == bytes_crc32c(0, r, CHECKED);
}

static enum err write_at(struct datapath_store *s, uint32_t place, const uint8_t public[DATAPATH_NOISE_KEY],
                         const uint8_t heard[DATAPATH_MESSAGE_TIME])
{
    struct datapath_store_record r;

    memcpy(r.public, public, sizeof r.public);
    memcpy(r.heard, heard, sizeof r.heard);
    bytes_put_be32(r.check, bytes_crc32c(0, &r, CHECKED));
    return pwrite(s->fd, &r, sizeof r, (off_t)place * RECORD) == RECORD ? ERR_OK : ERR_IO;
}

static enum err read_all(struct datapath_store *s)
{
    struct datapath_store_record r;
    off_t size = lseek(s->fd, 0, SEEK_END);
    uint32_t count = size > 0 ? (uint32_t)(size / RECORD) : 0;

    s->record = calloc(count + 1, RECORD);
    if (s->record == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < count && i <= DATAPATH_PEERS_MAX; i++) {
        if (pread(s->fd, &r, sizeof r, (off_t)i * RECORD) != RECORD) {
            return err_from_errno(errno);
        }
        if (!is_whole(&r)) {
            continue;
        }
        if (memcmp(r.public, head_key, sizeof head_key) == 0) {
            uint64_t stamp_ns = bytes_get_be64(r.heard);
            s->stamp_ns = stamp_ns > s->stamp_ns ? stamp_ns : s->stamp_ns;
        } else {
            s->record[s->records++] = r;
        }
    }
    return ERR_OK;
}

enum err datapath_store_open(struct datapath_store *s, const char *directory)
{
    *s = (struct datapath_store){.fd = -1};
    if (directory[0] == '\0') {
        return ERR_OK;
    }
    AUTO_FD int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->fd = dir < 0 ? -1 : openat(dir, "stamps", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->fd < 0) {
        return err_from_errno(errno);
    }
    enum err e = read_all(s);
    if (e != ERR_OK) {
        datapath_store_close(s);
    }
    return e;
}

void datapath_store_close(struct datapath_store *s)
{
    if (s->fd > 0) {
        fd_close(&s->fd);
    }
    s->fd = -1;
    free(s->record);
    s->record = NULL;
    s->records = 0;
}

void datapath_store_heard(const struct datapath_store *s, const uint8_t public[DATAPATH_NOISE_KEY],
                          uint8_t ret[DATAPATH_MESSAGE_TIME])
{
    memset(ret, 0, DATAPATH_MESSAGE_TIME);
    for (uint32_t i = 0; i < s->records; i++) {
        const struct datapath_store_record *r = &s->record[i];
        /* A peer may stand in two places, one of an earlier numbering: the newest holds. */
        if (memcmp(r->public, public, sizeof r->public) == 0 && memcmp(r->heard, ret, sizeof r->heard) > 0) {
            memcpy(ret, r->heard, sizeof r->heard);
        }
    }
}

enum err datapath_store_keep(struct datapath_store *s, uint64_t stamp_ns, uint32_t peer,
                             const struct datapath_peer_config *config)
{
    uint8_t stamp[DATAPATH_MESSAGE_TIME] = {0};

    if (s->fd < 0) {
        return ERR_OK;
    }
    bytes_put_be64(stamp, stamp_ns);
    enum err e = write_at(s, 0, head_key, stamp);
    return e == ERR_OK ? write_at(s, peer + 1, config->public, config->heard) : e;
}
