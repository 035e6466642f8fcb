#include "nucleus/ledger.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"

enum {
    LEDGER_MAGIC = 0x43454c4c, /* "CELL" */
    LEDGER_BLOCK = 2048,       /* bytes of one place: a record fits, checked below */
    LEDGER_HEAD = 4096,        /* bytes before the first place                     */
    LEDGER_SCALES_BYTES = 256 * 1024,
};

struct ledger_head {
    uint32_t magic;
    uint32_t version;
    uint32_t record_size;
    uint32_t crc; /* of what follows */
    char boot_id[LEDGER_BOOT_ID_LEN + 1];
    uint64_t starts;
};

struct ledger_place {
    uint32_t magic;
    uint32_t crc; /* of what follows */
    uint64_t sequence;
    uint64_t generation; /* highest used on this node by then: outlives records that are forgotten */
    uint32_t slot;
    uint32_t is_used;
    struct ledger_record record;
    uint32_t end; /* the magic again, last and not zero: a record that was cut at the end of the file
                   * does not become whole when the file grows */
};

_Static_assert(sizeof(struct ledger_place) <= LEDGER_BLOCK, "a record outgrew its place");
_Static_assert(sizeof(struct ledger_head) <= LEDGER_HEAD, "the head outgrew its place");

static uint32_t head_crc(const struct ledger_head *head)
{
    size_t from = offsetof(struct ledger_head, crc) + sizeof head->crc;

    return bytes_crc32c(0, (const char *)head + from, sizeof *head - from);
}

static uint32_t place_crc(const struct ledger_place *place)
{
    size_t from = offsetof(struct ledger_place, crc) + sizeof place->crc;

    return bytes_crc32c(0, (const char *)place + from, sizeof *place - from);
}

static enum err read_boot_id(char out[LEDGER_BOOT_ID_LEN + 1])
{
    AUTO_FREE char *text = NULL;
    size_t len;
    enum err e = fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, &len);

    if (e != ERR_OK) {
        return e;
    }
    if (len < LEDGER_BOOT_ID_LEN) {
        return ERR_IO;
    }
    memcpy(out, text, LEDGER_BOOT_ID_LEN);
    out[LEDGER_BOOT_ID_LEN] = '\0';
    return ERR_OK;
}

/* Why the head cannot be continued; "" when it can. */
static const char *judge_head(const struct ledger_head *head, ssize_t len, const char *boot_id)
{
    if (len == 0) {
        return "";
    }
    if (len != (ssize_t)sizeof *head || head->magic != LEDGER_MAGIC || head->crc != head_crc(head)) {
        return "the ledger's head is damaged";
    }
    if (head->version != LEDGER_VERSION || head->record_size != sizeof(struct ledger_place)) {
        return "the ledger was written by another version";
    }
    if (strcmp(head->boot_id, boot_id) != 0) {
        return "the ledger is of an earlier boot";
    }
    return "";
}

static enum err write_head(struct ledger *l, const char *boot_id)
{
    struct ledger_head head;

    memset(&head, 0, sizeof head); /* padding too: the CRC covers it */
    head.magic = LEDGER_MAGIC;
    head.version = LEDGER_VERSION;
    head.record_size = sizeof(struct ledger_place);
    head.starts = l->starts;
    memcpy(head.boot_id, boot_id, LEDGER_BOOT_ID_LEN + 1);
    head.crc = head_crc(&head);
    return pwrite(l->fd, &head, sizeof head, 0) == (ssize_t)sizeof head ? ERR_OK
                                                                        : err_from_errno(errno);
}

static enum err forget_everything(struct ledger *l)
{
    static const char *const file[] = {"manifest", "scales", "down"};

    for (size_t i = 0; i < ARRAY_LEN(file); i++) {
        if (unlinkat(l->dir_fd, file[i], 0) != 0 && errno != ENOENT) {
            return err_from_errno(errno);
        }
    }
    return ftruncate(l->fd, 0) == 0 ? ERR_OK : err_from_errno(errno);
}

enum err ledger_open(struct ledger *l, const char *dir, bool fresh, const char **ret_why)
{
    char boot_id[LEDGER_BOOT_ID_LEN + 1];
    struct ledger_head head;
    enum err e;

    *l = (struct ledger){.fd = -1, .dir_fd = -1, .sequence = 1};
    *ret_why = "";
    e = fd_make_dirs(dir, 0700);
    if (e != ERR_OK) {
        return e;
    }
    l->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (l->dir_fd < 0) {
        return err_from_errno(errno);
    }
    l->fd = openat(l->dir_fd, "ledger", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->fd < 0) {
        e = err_from_errno(errno);
        goto fail;
    }
    e = read_boot_id(boot_id);
    if (e != ERR_OK) {
        goto fail;
    }
    ssize_t len = pread(l->fd, &head, sizeof head, 0);
    *ret_why = judge_head(&head, len, boot_id);
    if (fresh || len == 0 || (*ret_why)[0] != '\0') {
        e = forget_everything(l);
        head.starts = 0;
        l->is_read = true; /* there is nothing to know */
    }
    l->starts = head.starts + 1;
    if (e == ERR_OK) {
        e = write_head(l, boot_id);
    }
    if (e == ERR_OK) {
        return ERR_OK;
    }

fail:
    ledger_close(l);
    return e;
}

void ledger_close(struct ledger *l)
{
    fd_close(&l->fd);
    fd_close(&l->dir_fd);
}

/* ---- records ----------------------------------------------------------------------------------- */

static off_t place_of(uint32_t slot, uint64_t sequence)
{
    return LEDGER_HEAD + ((off_t)slot * 2 + (off_t)(sequence & 1)) * LEDGER_BLOCK;
}

static void fill_place(const struct ledger *l, uint32_t slot, const struct ledger_record *record,
                       struct ledger_place *place)
{
    memset(place, 0, sizeof *place); /* padding too: the CRC covers it */
    place->magic = LEDGER_MAGIC;
    place->sequence = l->sequence + ((l->sequence & 1) == l->parity[slot] ? 1 : 2);
    place->generation = l->generation;
    place->slot = slot;
    place->is_used = record != NULL;
    place->end = LEDGER_MAGIC;
    if (record != NULL) {
        place->record = *record;
        if (record->instance.generation > l->generation) {
            place->generation = record->instance.generation;
        }
    }
    place->crc = place_crc(place);
}

/* The newest record of a slot is never overwritten: sequence numbers of one slot alternate in
 * parity, and the parity chooses the place. After a write that failed the newest is where it was. */
static enum err put_place(struct ledger *l, uint32_t slot, const struct ledger_record *record)
{
    static struct ledger_place place; /* static: 2 KiB, one thread */

    assert(l->is_read); /* else nobody knows which place holds the newest */
    if (slot >= NODE_INSTANCES_MAX) {
        return ERR_LIMIT;
    }
    fill_place(l, slot, record, &place);
    assert((place.sequence & 1) != l->parity[slot]);
    ssize_t put = pwrite(l->fd, &place, sizeof place, place_of(slot, place.sequence));
    explicit_bzero(place.record.process.token, LEDGER_TOKEN_LEN);
    if (put != (ssize_t)sizeof place) {
        return err_from_errno(put < 0 ? errno : ENOSPC);
    }
    l->sequence = place.sequence;
    l->generation = place.generation;
    l->parity[slot] = place.sequence & 1;
    return ERR_OK;
}

enum err ledger_put(struct ledger *l, uint32_t slot, const struct ledger_record *record)
{
    return put_place(l, slot, record);
}

enum err ledger_forget(struct ledger *l, uint32_t slot)
{
    return put_place(l, slot, NULL);
}

/* Look at one place, of which `size` bytes could be read; false when nothing valid is there.
 * *ret_is_damaged: there was something. */
static bool judge_place(const struct ledger_place *place, size_t size, uint32_t slot,
                        bool *ret_is_damaged)
{
    if (size == 0 || (size >= sizeof place->magic && place->magic == 0)) {
        return false; /* never written: a hole */
    }
    if (size < sizeof *place || place->magic != LEDGER_MAGIC || place->end != LEDGER_MAGIC ||
        place->slot != slot || place->crc != place_crc(place)) {
        *ret_is_damaged = true;
        return false;
    }
    return true;
}

/* Both places of a slot as they stand in the file, `size` bytes from the first one on. */
static void take_slot(struct ledger *l, uint32_t slot, const uint8_t *block, size_t size,
                      void (*each)(void *context, uint32_t slot, const struct ledger_record *record),
                      void *context, uint32_t *ret_damaged)
{
    struct ledger_place place[2] = {0};
    bool has[2], is_damaged = false;

    for (size_t i = 0; i < 2; i++) {
        size_t at = i * LEDGER_BLOCK;
        size_t here = size <= at ? 0 : size - at < sizeof place[i] ? size - at : sizeof place[i];
        memcpy(&place[i], block + (here == 0 ? 0 : at), here);
        has[i] = judge_place(&place[i], here, slot, &is_damaged);
    }
    const struct ledger_place *newest =
        !has[1] || (has[0] && place[0].sequence > place[1].sequence) ? &place[0] : &place[1];
    if (!has[0] && !has[1]) {
        *ret_damaged += is_damaged;
        return;
    }
    l->parity[slot] = newest->sequence & 1;
    if (newest->sequence >= l->sequence) {
        l->sequence = newest->sequence + 1;
    }
    if (newest->generation > l->generation) {
        l->generation = newest->generation;
    }
    if (newest->is_used != 0) {
        each(context, slot, &newest->record);
    }
    explicit_bzero(place, sizeof place);
}

enum err ledger_read(struct ledger *l,
                     void (*each)(void *context, uint32_t slot, const struct ledger_record *record),
                     void *context, uint32_t *ret_damaged)
{
    enum {
        SLOT = 2 * LEDGER_BLOCK,
        AT_ONCE = 32 /* slots: a read each would be most of what a successor does */
    };
    AUTO_FREE uint8_t *block = malloc(AT_ONCE * SLOT);
    ssize_t got = block == NULL ? 0 : 1;

    *ret_damaged = 0;
    for (uint32_t slot = 0; slot < NODE_INSTANCES_MAX && got > 0; slot += AT_ONCE) {
        got = pread(l->fd, block, AT_ONCE * SLOT, place_of(slot, 0));
        for (uint32_t i = 0; i < AT_ONCE && got > (ssize_t)(i * SLOT); i++) {
            size_t left = (size_t)got - i * SLOT;
            take_slot(l, slot + i, block + i * SLOT, left < SLOT ? left : SLOT, each, context,
                      ret_damaged);
        }
    }
    if (block == NULL || got < 0) {
        return block == NULL ? ERR_NOMEM : err_from_errno(errno);
    }
    explicit_bzero(block, AT_ONCE * SLOT); /* tokens */
    l->is_read = true;
    return ERR_OK;
}

/* ---- manifest, scales, down -------------------------------------------------------------------- */

enum err ledger_put_manifest(struct ledger *l, const char *path, const char *text, size_t size)
{
    size_t path_len = strlen(path);
    AUTO_FREE char *both = malloc(path_len + size + 2);

    if (both == NULL || strchr(path, '\n') != NULL) {
        return both == NULL ? ERR_NOMEM : ERR_INVALID;
    }
    memcpy(both, path, path_len);
    both[path_len] = '\n'; /* first line: where it came from */
    memcpy(both + path_len + 1, text, size);
    return fd_replace_file(l->dir_fd, "manifest", both, path_len + 1 + size, 0600);
}

enum err ledger_get_manifest(struct ledger *l, char **ret_path, char **ret_text, size_t *ret_size)
{
    AUTO_FREE char *both = NULL;
    size_t len;
    enum err e = fd_read_file(l->dir_fd, "manifest", MANIFEST_BYTES_MAX + MANIFEST_PATH_MAX * 4,
                              &both, &len);

    if (e != ERR_OK) {
        return e;
    }
    char *end = memchr(both, '\n', len);
    if (end == NULL) {
        return ERR_DATA_LOSS;
    }
    *end = '\0';
    size_t size = len - (size_t)(end + 1 - both);
    AUTO_FREE char *text = malloc(size + 1);
    AUTO_FREE char *path = strdup(both);
    if (text == NULL || path == NULL) {
        return ERR_NOMEM;
    }
    memcpy(text, end + 1, size);
    text[size] = '\0';
    *ret_path = take_ptr(&path);
    *ret_text = take_ptr(&text);
    *ret_size = size;
    return ERR_OK;
}

enum err ledger_get_scales(struct ledger *l, struct node_scale **ret, size_t *ret_count)
{
    AUTO_FREE char *text = NULL;
    AUTO_FREE struct node_scale *list = calloc(LEDGER_SCALES_MAX, sizeof *list);
    size_t len, count = 0;
    enum err e = fd_read_file(l->dir_fd, "scales", LEDGER_SCALES_BYTES, &text, &len);

    if (list == NULL) {
        return ERR_NOMEM;
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND) {
        return e;
    }
    char *save = NULL;
    for (char *line = e == ERR_OK ? strtok_r(text, "\n", &save) : NULL;
         line != NULL && count < LEDGER_SCALES_MAX; line = strtok_r(NULL, "\n", &save)) {
        struct node_scale *s = &list[count];
        if (sscanf(line, "%64[a-z0-9_-] %64[a-z0-9_-] %u %u", s->space, s->name, &s->count,
                   &s->of) != 4) {
            return ERR_DATA_LOSS;
        }
        count++;
    }
    *ret = take_ptr(&list);
    *ret_count = count;
    return ERR_OK;
}

enum err ledger_put_scale(struct ledger *l, const struct node_scale *scale)
{
    AUTO_FREE struct node_scale *list = NULL;
    AUTO_FREE char *text = malloc(LEDGER_SCALES_BYTES);
    struct bytes_text out;
    size_t count, kept = 0;
    enum err e = ledger_get_scales(l, &list, &count);

    if (e != ERR_OK || text == NULL) {
        return text == NULL ? ERR_NOMEM : e;
    }
    bytes_text_init(&out, text, LEDGER_SCALES_BYTES);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].space, scale->space) != 0 || strcmp(list[i].name, scale->name) != 0) {
            bytes_text_add(&out, "%s %s %u %u\n", list[i].space, list[i].name, list[i].count,
                           list[i].of);
            kept++;
        }
    }
    if (scale->count != scale->of && kept == LEDGER_SCALES_MAX) {
        return ERR_LIMIT; /* what no reader would see is not written */
    }
    if (scale->count != scale->of) {
        bytes_text_add(&out, "%s %s %u %u\n", scale->space, scale->name, scale->count, scale->of);
    }
    return out.cut ? ERR_LIMIT : fd_replace_file(l->dir_fd, "scales", text, out.len, 0600);
}

enum err ledger_put_down(struct ledger *l)
{
    return fd_replace_file(l->dir_fd, "down", "", 0, 0600);
}

bool ledger_is_down(struct ledger *l)
{
    return faccessat(l->dir_fd, "down", F_OK, 0) == 0;
}
