/* Opening a data directory: whose it is, what it has, what of that can be believed. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"
#include "raft/le.h"
#include "raft/store.h"
#include "raft/store_room.h"

enum {
    NODE_AT_VERSION = 8,
    NODE_AT_CLUSTER = 16,
    NODE_AT_MEMBER = 24,
    NODE_AT_SEGMENT_SIZE = 32,
    NODE_AT_FOUNDERS = 36,
    NODE_HEAD = 40, /* then the founders, then a check */
    NODE_MAX = NODE_HEAD + RAFT_CONFIG_BYTES_MAX + 4,
};

static const char node_magic[8] = "CELLRAFT";

/* What a directory has, by name. */
struct listing {
    bool has_node, has_ballot, has_snapshot;
    uint64_t lowest, newest; /* segments; 0: none           */
    uint64_t oldest;         /* of those that end at newest */
    uint64_t *segment;       /* owned, in no order          */
    size_t count;
};

static void free_listing(struct listing *l)
{
    free(l->segment);
}

static enum err list_segment(struct listing *l, const char *name)
{
    char again[RAFT_STORE_NAME];
    uint64_t number = strtoull(name + 4, NULL, 16);

    raft_store_name(number, again);
    if (number == 0 || strcmp(again, name) != 0) {
        return ERR_OK; /* not named by us */
    }
    if (l->count == RAFT_STORE_SEGMENTS_MAX) {
        return ERR_LIMIT;
    }
    l->segment[l->count++] = number;
    l->lowest = l->lowest == 0 || number < l->lowest ? number : l->lowest;
    l->newest = number > l->newest ? number : l->newest;
    return ERR_OK;
}

/* Those without a gap up to the newest. What is behind a gap was retired, or the log will not reach its snapshot. */
static void find_oldest(struct listing *l)
{
    bool goes_on = l->count > 0;

    l->oldest = l->newest;
    while (goes_on) {
        goes_on = false;
        for (size_t i = 0; i < l->count; i++) {
            goes_on |= l->segment[i] + 1 == l->oldest;
        }
        l->oldest -= goes_on;
    }
}

static enum err list(struct raft_store *s, struct listing *l)
{
    int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    enum err e = ERR_OK;

    l->segment = calloc(RAFT_STORE_SEGMENTS_MAX, sizeof *l->segment);
    if (dir == NULL || l->segment == NULL) {
        fd_close(&fd);
        return raft_store_explain(s, dir == NULL ? ERR_IO : ERR_NOMEM, "the directory cannot be listed");
    }
    for (struct dirent *d = readdir(dir); d != NULL && e == ERR_OK; d = readdir(dir)) {
        size_t len = strlen(d->d_name);
        if (len > 4 && strcmp(d->d_name + len - 4, ".tmp") == 0) {
            (void)unlinkat(s->dir_fd, d->d_name, 0); /* half made */
        } else if (strncmp(d->d_name, "wal-", 4) == 0) {
            e = list_segment(l, d->d_name);
        }
        l->has_node |= strcmp(d->d_name, "node") == 0;
        l->has_ballot |= strcmp(d->d_name, "ballot") == 0;
        l->has_snapshot |= strncmp(d->d_name, "snapshot-", 9) == 0;
    }
    (void)closedir(dir);
    find_oldest(l);
    return e == ERR_OK ? e : raft_store_explain(s, e, "there are more than %d segments", RAFT_STORE_SEGMENTS_MAX);
}

static enum err look_at_directory(struct raft_store *s, const char *path)
{
    struct stat st;

    if (fstat(s->dir_fd, &st) != 0) {
        return raft_store_explain(s, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (st.st_uid != geteuid()) {
        return raft_store_explain(s, ERR_DENIED, "%s belongs to user %u, not to %u, who runs this", path, st.st_uid, geteuid());
    }
    if ((st.st_mode & 077) != 0) {
        return raft_store_explain(s, ERR_DENIED, "%s can be entered by others (mode %03o): chmod 700", path,
                                  st.st_mode & 0777);
    }
    return ERR_OK;
}

static enum err lock(struct raft_store *s, const char *path)
{
    s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0) {
        return raft_store_explain(s, err_from_errno(errno), "%s/lock: %s", path, strerror(errno));
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return raft_store_explain(s, ERR_EXISTS, "another process uses %s", path);
    }
    return ERR_OK;
}

static enum err read_node(struct raft_store *s)
{
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    enum err e = fd_read_file(s->dir_fd, "node", NODE_MAX, &text, &size);

    if (e != ERR_OK && e != ERR_LIMIT) {
        return raft_store_explain(s, e, "the file node, which says whose this is, cannot be read: %s", err_text(e));
    }
    const uint8_t *in = (const uint8_t *)text;
    size_t founders = e == ERR_OK && size >= NODE_HEAD + 4 ? size - NODE_HEAD - 4 : 0; /* fits: NODE_MAX */
    if (e != ERR_OK || size < NODE_HEAD + 4 || memcmp(in, node_magic, sizeof node_magic) != 0 ||
        raft_le_get32(in + NODE_AT_FOUNDERS) != founders ||
        raft_le_get32(in + size - 4) != bytes_crc32c(0, in, size - 4)) {
        return raft_store_explain(s, ERR_DATA_LOSS, "the file node, which says whose this is, is damaged");
    }
    if (raft_le_get32(in + NODE_AT_VERSION) != RAFT_WAL_VERSION) {
        return raft_store_explain(s, ERR_INCOMPATIBLE, "the directory has version %" PRIu32 ", this program knows %d",
                                  raft_le_get32(in + NODE_AT_VERSION), RAFT_WAL_VERSION);
    }
    s->owner = (struct raft_frame_owner){raft_le_get64(in + NODE_AT_CLUSTER), raft_le_get64(in + NODE_AT_MEMBER)};
    s->segment_size = raft_le_get32(in + NODE_AT_SEGMENT_SIZE);
    s->founders_size = (uint32_t)founders;
    memcpy(s->founders, in + NODE_HEAD, founders);
    return ERR_OK;
}

enum err raft_store_open(struct raft_store *s, const char *path, bool *ret_fresh)
{
    __attribute__((cleanup(free_listing))) struct listing l = {0};

    *s = (struct raft_store){.dir_fd = -1, .lock_fd = -1, .ballot_fd = -1, .read_fd = -1,
                             .lock = PTHREAD_MUTEX_INITIALIZER};
    s->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    enum err e = s->dir_fd >= 0 ? look_at_directory(s, path)
                                : raft_store_explain(s, err_from_errno(errno), "%s: %s", path, strerror(errno));
    e = e == ERR_OK ? lock(s, path) : e;
    e = e == ERR_OK ? list(s, &l) : e;
    if (e == ERR_OK && !l.has_node && (l.count > 0 || l.has_ballot || l.has_snapshot)) {
        /* The node file is the last that is made: without it nothing was promised, unless it was taken away. */
        e = l.lowest > 1 || l.count > 1 || l.has_snapshot
                ? raft_store_explain(s, ERR_DATA_LOSS, "%s has a log, but the file node, which says whose, is missing", path)
                : ERR_OK;
    }
    e = e == ERR_OK && l.has_node ? read_node(s) : e;
    if (e != ERR_OK) {
        raft_store_close(s);
        return e;
    }
    *ret_fresh = !l.has_node;
    return ERR_OK;
}

static enum err open_ballot(struct raft_store *s, int flags)
{
    s->ballot_fd = openat(s->dir_fd, "ballot", O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    return s->ballot_fd >= 0 ? ERR_OK
                             : raft_store_explain(s, err_from_errno(errno), "the file of votes: %s", strerror(errno));
}

/* Whose it is: the last that is made. */
static enum err write_node(struct raft_store *s)
{
    uint8_t node[NODE_MAX] = {0};
    size_t size = NODE_HEAD + s->founders_size;

    memcpy(node, node_magic, sizeof node_magic);
    raft_le_put32(node + NODE_AT_VERSION, RAFT_WAL_VERSION);
    raft_le_put64(node + NODE_AT_CLUSTER, s->owner.cluster);
    raft_le_put64(node + NODE_AT_MEMBER, s->owner.member);
    raft_le_put32(node + NODE_AT_SEGMENT_SIZE, s->segment_size);
    raft_le_put32(node + NODE_AT_FOUNDERS, s->founders_size);
    memcpy(node + NODE_HEAD, s->founders, s->founders_size);
    raft_le_put32(node + size, bytes_crc32c(0, node, size));
    return fd_replace_file(s->dir_fd, "node", node, size + 4, 0600);
}

enum err raft_store_create(struct raft_store *s, const struct raft_frame_owner *owner, const uint8_t *founders,
                           uint32_t founders_size, uint32_t segment_size)
{
    static const uint8_t zeros[RAFT_BALLOT_FILE];

    s->owner = *owner;
    assert(founders_size <= RAFT_CONFIG_BYTES_MAX);
    s->founders_size = founders_size;
    if (founders_size > 0) {
        memcpy(s->founders, founders, founders_size);
    }
    s->segment_size = segment_size;
    s->oldest = s->newest = 0;
    s->ballot = (struct raft_ballot){0};
    enum err e = open_ballot(s, O_CREAT | O_TRUNC);
    e = e == ERR_OK ? raft_store_write(s->ballot_fd, zeros, sizeof zeros, 0) : e;
    if (e == ERR_OK && fsync(s->ballot_fd) != 0) {
        e = ERR_IO;
    }
    e = e == ERR_OK ? raft_store_make(s, NULL, NULL) : e;
    e = e == ERR_OK ? write_node(s) : e;
    fd_close(&s->ballot_fd); /* raft_store_recover opens it again */
    return e == ERR_OK || s->why[0] != '\0' ? e : raft_store_explain(s, e, "the log cannot be made: %s", err_text(e));
}

static enum err read_ballot(struct raft_store *s, bool *ret_heal)
{
    static uint8_t bytes[RAFT_BALLOT_FILE];
    size_t size = 0;
    enum err e = open_ballot(s, 0);

    e = e == ERR_OK ? raft_store_pread(s->ballot_fd, bytes, sizeof bytes, 0, &size) : e;
    if (e != ERR_OK) {
        return e == ERR_NOT_FOUND ? raft_store_explain(s, ERR_DATA_LOSS, "the file of votes is missing") : e;
    }
    e = raft_ballot_read(&s->owner, bytes, size, &s->ballot, ret_heal);
    if (e == ERR_NOT_FOUND || e == ERR_DATA_LOSS) {
        return raft_store_explain(s, ERR_DATA_LOSS, "what was voted last is not readable in the file of votes");
    }
    return e != ERR_DENIED ? e : raft_store_explain(s, e, "the file of votes is another node's");
}

/* One segment's size and head. */
static enum err look_at_segment(struct raft_store *s, uint64_t number)
{
    static const char *const words[] = {
        [RAFT_WAL_HEAD_OTHER_CLUSTER] = "is of another cluster",
        [RAFT_WAL_HEAD_OTHER_MEMBER] = "is another node's",
        [RAFT_WAL_HEAD_OTHER_NUMBER] = "holds another segment: files were swapped or copied",
        [RAFT_WAL_HEAD_OTHER_SIZE] = "was made with another size of segments",
        [RAFT_WAL_HEAD_OTHER_VERSION] = "has another version",
    };
    uint8_t head[RAFT_WAL_HEAD];
    char name[RAFT_STORE_NAME];
    struct stat st;
    size_t got = 0;
    AUTO_FD int fd = -1;
    enum err e = raft_store_segment(s, number, &fd);

    raft_store_name(number, name);
    e = e == ERR_OK ? raft_store_pread(fd, head, sizeof head, 0, &got) : e;
    if (e != ERR_OK || fstat(fd, &st) != 0) {
        return e != ERR_OK ? e : ERR_IO;
    }
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
        return raft_store_explain(s, ERR_DENIED, "%s is no file of ours alone (owner %u, mode %03o)", name, st.st_uid,
                                  st.st_mode & 0777);
    }
    if (st.st_size != (off_t)s->segment_size || got != sizeof head) {
        return raft_store_explain(s, ERR_DATA_LOSS, "%s has %lld bytes, not %" PRIu32, name, (long long)st.st_size,
                                  s->segment_size);
    }
    enum raft_wal_head found = raft_wal_head_look(&s->owner, number, s->segment_size, head);
    if (found == RAFT_WAL_HEAD_OURS) {
        return ERR_OK;
    }
    if (found == RAFT_WAL_HEAD_DAMAGED) {
        /* Its frames say whose they are: a head alone is written again. */
        raft_wal_head_write(&s->owner, number, s->segment_size, head);
        e = raft_store_write(fd, head, sizeof head, 0);
        return e == ERR_OK && fdatasync(fd) == 0 ? ERR_OK : ERR_IO;
    }
    return raft_store_explain(s, found == RAFT_WAL_HEAD_OTHER_CLUSTER || found == RAFT_WAL_HEAD_OTHER_MEMBER
                                     ? ERR_DENIED : ERR_DATA_LOSS, "%s %s", name, words[found]);
}

/* What raft_wal_recover reads and tells by. */
struct recovery {
    struct raft_store *s;
    struct raft_places *p;
    void (*take)(void *context, const struct raft_frame *frame, const uint8_t *bytes, uint64_t segment, uint32_t at);
    void *context;
    enum err e;
};

static size_t read_segment(void *context, uint64_t segment, uint32_t offset, void *out, size_t size)
{
    struct recovery *r = context;

    return raft_store_read_at(r->s, segment, offset, out, size);
}

static void take_frame(void *context, const struct raft_frame *f, const uint8_t *bytes, uint64_t segment, uint32_t at)
{
    struct recovery *r = context;
    enum err e = raft_places_add(r->p, f, segment, at);

    r->e = r->e == ERR_OK ? e : r->e;
    if (r->take != NULL) {
        r->take(r->context, f, bytes, segment, at);
    }
}

static enum err look_at_files(struct raft_store *s)
{
    __attribute__((cleanup(free_listing))) struct listing l = {0};
    enum err e = list(s, &l);

    if (e != ERR_OK) {
        return e;
    }
    if (l.count == 0 || l.newest < s->ballot.segment) {
        return raft_store_explain(s, ERR_DATA_LOSS, "segment %" PRIu64 " of the log is missing",
                                  l.count == 0 ? s->ballot.segment : l.newest + 1);
    }
    s->oldest = l.oldest;
    s->newest = l.newest;
    for (uint64_t n = s->oldest; n <= s->newest && e == ERR_OK; n++) {
        e = look_at_segment(s, n);
    }
    return e;
}

/* Nothing was changed so far. */
static enum err look_whether_to_go_on(struct raft_store *s, uint64_t snapshot, const struct raft_wal *w,
                                      const struct raft_wal_found *found)
{
    bool is_lost = w->base > snapshot; /* what is before the log is nowhere */

    /* What is owed already may have been put aside, and where the log began anew may have rotted since. */
    if (is_lost && s->rotten_snapshot == 0 && s->ballot.repair_to == 0) {
        return raft_store_explain(s, ERR_DATA_LOSS, "the log begins after entry %" PRIu64 ", and there is a snapshot up to %"
                                  PRIu64 ": segment %" PRIu64 " is missing", w->base, snapshot, s->oldest - 1);
    }
    if (s->is_alone && is_lost) {
        return raft_store_explain(s, ERR_DATA_LOSS, "the snapshot up to entry %" PRIu64 " is damaged, and `peers` names nobody "
                                  "who has it as well: restore a backup into an empty directory", s->rotten_snapshot);
    }
    if (s->is_alone && found->verdict == RAFT_WAL_DAMAGED) {
        return raft_store_explain(s, ERR_DATA_LOSS, "segment %" PRIu64 " is damaged at %" PRIu32 ", and `peers` names nobody who "
                                  "has it as well: restore a backup into an empty directory", found->segment, found->at);
    }
    return ERR_OK;
}

static enum err mend(struct raft_store *s, struct raft_wal *w, struct raft_places *p, const struct raft_wal_found *found)
{
    switch (found->verdict) {
    case RAFT_WAL_CLEAN:
        return ERR_OK;
    case RAFT_WAL_TORN:
        return raft_store_clear_torn(s, found);
    case RAFT_WAL_DAMAGED:
        return raft_store_cut_damage(s, w, p, found);
    }
    return ERR_INTERNAL;
}

enum err raft_store_recover(struct raft_store *s, uint64_t snapshot, struct raft_wal *w, struct raft_places *p,
                            void (*take)(void *context, const struct raft_frame *frame, const uint8_t *bytes,
                                         uint64_t segment, uint32_t at),
                            void *context, struct raft_wal_found *ret)
{
    struct recovery r = {.s = s, .p = p, .take = take, .context = context, .e = ERR_OK};
    AUTO_FREE uint8_t *scratch = malloc(RAFT_FRAME_MAX);
    bool heal = false;
    enum err e = scratch == NULL ? ERR_NOMEM : read_ballot(s, &heal);

    e = e == ERR_OK ? look_at_files(s) : e;
    if (e != ERR_OK) {
        return e;
    }
    raft_wal_init(w, &s->owner, s->segment_size);
    raft_wal_recover(w,
                     &(struct raft_wal_reader){.context = &r, .read = read_segment, .take = take_frame,
                                               .oldest = s->oldest, .newest = s->newest, .scratch = scratch},
                     ret);
    if (r.e != ERR_OK) {
        return r.e;
    }
    e = look_whether_to_go_on(s, snapshot, w, ret);
    e = e == ERR_OK ? raft_store_confirm(s, w, ret, heal) : e;
    e = e == ERR_OK ? mend(s, w, p, ret) : e;
    return e == ERR_OK && w->base > snapshot ? raft_store_forget(s, w, p) : e;
}
