#include "dht/say.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/run/log.h"
#include "dht/disk.h"

enum { MS = 1000, MS_NS = 1000000 };

struct saying {
    struct dht_ask ask; /* first */
    struct dht_say what;
    uint64_t expected, seq;
    uint32_t tries;
    uint8_t name[DHT_SALT_MAX], value[DHT_VALUE_MAX], signature[DHT_SIGNATURE_SIZE];
    struct dht_record r;
};

static uint64_t wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* there is one */
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec * MS + (uint64_t)now.tv_nsec / MS_NS : 0;
}

static void finish(struct saying *y, enum err e, const struct dht_done *done)
{
    y->what.said(y->ask.shell, y->what.context, e, &y->r, done);
    free(y);
}

static void on_done(struct dht_ask *ask, const struct dht_done *done)
{
    struct saying *y = (struct saying *)ask;

    /* Another life of this node said more than its clock now tells, or somebody with its key did. */
    if (done->status == ERR_ABORTED && y->what.kind != DHT_IMMUTABLE && y->what.expected == NULL && done->seq < DHT_SEQ_MAX &&
        ++y->tries < DHT_SAY_TRIES) {
        y->seq = done->seq + 1;
        dht_shell_again(ask);
        return;
    }
    finish(y, done->status, done);
}

static enum err begin(struct saying *y)
{
    const struct dht_say *what = &y->what;

    y->r = (struct dht_record){.kind = what->kind, .left_ms = what->ttl_ms, .value = y->value, .value_size = (uint16_t)what->value_size};
    if (what->kind == DHT_IMMUTABLE) {
        dht_record_place(&y->r);
    } else {
        y->r.salt = y->name;
        y->r.salt_size = (uint8_t)what->name_size;
        y->r.seq = y->seq;
        y->r.until_s = dht_shell_wall_s() + (what->ttl_ms + MS - 1) / MS;
        dht_sign_record(&y->ask.shell->signer, &y->r, y->signature);
    }
    return dht_shell_put(y->ask.shell, &y->r, what->expected, &y->ask);
}

static void on_again(struct dht_ask *ask)
{
    struct saying *y = (struct saying *)ask;
    enum err e = begin(y);

    if (e != ERR_OK) {
        finish(y, e, NULL);
    }
}

enum err dht_say(struct dht_shell *s, const struct dht_say *what)
{
    if (what->name_size > DHT_SALT_MAX || what->value_size > DHT_VALUE_MAX) {
        return ERR_LIMIT;
    }
    struct saying *y = calloc(1, sizeof *y);
    if (y == NULL) {
        return ERR_NOMEM;
    }
    y->ask = (struct dht_ask){.shell = s, .done = on_done, .again = on_again};
    y->what = *what;
    if (what->name_size > 0) {
        memcpy(y->name, what->name, what->name_size);
    }
    if (what->value_size > 0) {
        memcpy(y->value, what->value, what->value_size);
    }
    y->seq = what->seq_least > wall_ms() ? what->seq_least : wall_ms();
    if (what->expected != NULL) {
        y->expected = *what->expected;
        y->what.expected = &y->expected;
        y->seq = y->seq > y->expected ? y->seq : y->expected + 1;
    }
    enum err e = begin(y);
    if (e != ERR_OK) {
        free(y);
    }
    return e;
}

/* ---- what is said again ---------------------------------------------------------------------------- */

/* context: the item's serial; the item may be gone meanwhile. */
static void on_own(struct dht_shell *s, void *context, enum err e, const struct dht_record *r, const struct dht_done *done)
{
    struct dht_own_item *item = dht_own_serial(&s->own, (uintptr_t)context);

    if (item == NULL) {
        return;
    }
    if (e != ERR_OK) {
        log_warn("DHT-UNSAID", "name=%.*s error=%s holders=%" PRIu32 " action=again", item->salt_size, (const char *)item->salt, err_name(e),
                 done == NULL ? 0 : done->acked);
    }
    if (dht_own_said(item, loop_now_us(), e == ERR_OK, r->seq)) {
        dht_own_remove(&s->own, item);
    }
}

void dht_say_own(struct dht_shell *s)
{
    struct dht_own_item *item;

    while ((item = dht_own_due(&s->own, loop_now_us())) != NULL) {
        const struct dht_say what = {
            .kind = item->kind, .name = item->salt, .name_size = item->salt_size, .value = item->value,
            .value_size = item->value_size, .ttl_ms = item->ttl_ms, .seq_least = item->seq + 1,
            .said = on_own, .context = (void *)(uintptr_t)item->serial};
        uint64_t serial = item->serial;
        item->is_going = true;
        enum err e = dht_say(s, &what); /* the item may be gone now */
        item = dht_own_serial(&s->own, serial);
        if (e != ERR_OK && item != NULL) {
            (void)dht_own_said(item, loop_now_us(), false, 0);
            return; /* as many lookups as there may be: the rest comes with the next turn */
        }
    }
}

enum err dht_say_keep(struct dht_shell *s)
{
    struct dht_node self;

    memcpy(self.byte, s->keys.id, sizeof self.byte);
    return s->dir < 0 ? ERR_OK : dht_disk_save_own(s->dir, &self, dht_shell_wall_s(), &s->own);
}
