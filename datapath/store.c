#include "datapath/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"

enum {
    RECORD = sizeof(struct datapath_store_record),
    CHECKED = RECORD - 4,
};

_Static_assert(RECORD == 60, "bytes, without gaps");

/* The head is a record: its key says what the file is, its stamp is ours. */
static const uint8_t head_key[DATAPATH_NOISE_KEY] = "cell overlay stamps 2";

const char *datapath_store_why(const char *directory, enum err e)
{
    struct statvfs at;

    if (statvfs(directory, &at) == 0 && (at.f_flag & ST_RDONLY) != 0) {
        return "the state directory is read-only";
    }
    return e == ERR_DENIED ? "the state directory, or what is in it, is another user's" : err_text(e);
}

static bool is_whole(const struct datapath_store_record *r)
{
    return bytes_get_be32(r->check) == bytes_crc32c(0, r, CHECKED);
}

static enum err write_at(struct datapath_store *s, uint32_t place, const struct datapath_store_record *r)
{
    return pwrite(s->fd, r, sizeof *r, (off_t)place * RECORD) == RECORD ? ERR_OK : ERR_IO;
}

static void fill(struct datapath_store_record *r, const uint8_t public[DATAPATH_NOISE_KEY],
                 const struct datapath_heard *heard)
{
    memcpy(r->public, public, sizeof r->public);
    r->heard = *heard;
    bytes_put_be32(r->check, bytes_crc32c(0, r, CHECKED));
}

static enum err read_all(struct datapath_store *s)
{
    struct datapath_store_record r;
    off_t size = lseek(s->fd, 0, SEEK_END);
    uint32_t count = size > 0 ? (uint32_t)(size / RECORD) : 0;

    count = count > DATAPATH_STORE_RECORDS_MAX + 1 ? DATAPATH_STORE_RECORDS_MAX + 1 : count;
    s->room = count + 1;
    s->record = calloc(s->room, RECORD);
    if (s->record == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (pread(s->fd, &r, sizeof r, (off_t)i * RECORD) != RECORD) {
            return err_from_errno(errno);
        }
        if (i == 0) {
            bool is_ours = is_whole(&r) && memcmp(r.public, head_key, sizeof head_key) == 0;
            s->stamp_ns = is_ours ? bytes_get_be64(r.heard.said) : 0;
        } else {
            s->record[s->records++] = is_whole(&r) ? r : (struct datapath_store_record){{0}, {{0}, {0}}, {0}};
        }
    }
    return ERR_OK;
}

enum err datapath_store_open(struct datapath_store *s, const char *directory)
{
    *s = (struct datapath_store){.dir = -1, .fd = -1};
    if (directory[0] == '\0') {
        return ERR_OK;
    }
    s->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->fd = s->dir < 0 ? -1 : openat(s->dir, "stamps", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err e = s->fd < 0 ? err_from_errno(errno) : read_all(s);
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
    if (s->dir > 0) {
        fd_close(&s->dir);
    }
    s->dir = s->fd = -1;
    free(s->record);
    s->record = NULL;
    s->records = 0;
}

void datapath_store_heard(const struct datapath_store *s, const uint8_t public[DATAPATH_NOISE_KEY], struct datapath_heard *ret)
{
    *ret = (struct datapath_heard){{0}, {0}};
    for (uint32_t i = 0; i < s->records; i++) {
        const struct datapath_store_record *r = &s->record[i];
        if (memcmp(r->public, public, sizeof r->public) == 0) {
            datapath_stamp_join(ret, &r->heard);
        }
    }
}

/* Where `public` is kept, or may be: its own place, a free one, a new one, and last anybody's. */
static enum err find_place(struct datapath_store *s, const uint8_t public[DATAPATH_NOISE_KEY], uint32_t *ret)
{
    static const uint8_t nobody[DATAPATH_NOISE_KEY];
    uint32_t free_place = s->records;

    for (uint32_t i = 0; i < s->records; i++) {
        if (memcmp(s->record[i].public, public, DATAPATH_NOISE_KEY) == 0) {
            *ret = i;
            return ERR_OK;
        }
        if (free_place == s->records && memcmp(s->record[i].public, nobody, sizeof nobody) == 0) {
            free_place = i;
        }
    }
    if (free_place == DATAPATH_STORE_RECORDS_MAX) {
        free_place = s->replaced++ % DATAPATH_STORE_RECORDS_MAX;
    } else if (free_place == s->room) {
        struct datapath_store_record *more = reallocarray(s->record, 2 * (size_t)s->room, RECORD);
        if (more == NULL) {
            return ERR_NOMEM;
        }
        s->record = more;
        s->room *= 2;
    }
    s->records = free_place == s->records ? s->records + 1 : s->records;
    *ret = free_place;
    return ERR_OK;
}

static enum err write_head(struct datapath_store *s, uint64_t stamp_ns)
{
    struct datapath_heard stamp = {{0}, {0}};
    struct datapath_store_record head;

    bytes_put_be64(stamp.said, stamp_ns);
    fill(&head, head_key, &stamp);
    return write_at(s, 0, &head);
}

enum err datapath_store_begin(struct datapath_store *s, uint64_t wall_ns)
{
    s->stamp_ns = wall_ns > s->stamp_ns ? wall_ns : s->stamp_ns + 1;
    return s->fd < 0 ? ERR_OK : write_head(s, s->stamp_ns);
}

enum err datapath_store_keep(struct datapath_store *s, uint64_t stamp_ns, const struct datapath_peer_config *config)
{
    uint32_t place;

    if (s->fd < 0) {
        return ERR_OK;
    }
    enum err e = write_head(s, stamp_ns);
    e = e == ERR_OK ? find_place(s, config->public, &place) : e;
    if (e != ERR_OK) {
        return e;
    }
    fill(&s->record[place], config->public, &config->heard);
    return write_at(s, place + 1, &s->record[place]);
}

enum err datapath_store_put_peers(struct datapath_store *s, const char *text, size_t size)
{
    if (s->dir < 0) {
        return ERR_OK;
    }
    return size > DATAPATH_STORE_PEERS_MAX ? ERR_LIMIT
                                           : fd_replace_file(s->dir, "peers", text, size, S_IRUSR | S_IWUSR);
}

enum err datapath_store_get_peers(struct datapath_store *s, char **ret, size_t *ret_size)
{
    return s->dir < 0 ? ERR_NOT_FOUND : fd_read_file(s->dir, "peers", DATAPATH_STORE_PEERS_MAX, ret, ret_size);
}
