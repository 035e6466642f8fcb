#include "dht/say.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/run/log.h"
#include "dht/compare.h"
#include "dht/disk.h"

enum { MS = 1000, MS_NS = 1000000 };

struct saying {
    struct dht_ask ask; /* first */
    struct dht_say what;
    struct saying *next;       /* of all that are on their way or wait */
    bool is_waiting;
    uint64_t expected, seq;
    uint32_t tries;
    uint8_t name[DHT_SALT_MAX], value[DHT_VALUE_MAX], signature[DHT_SIGNATURE_SIZE];
    struct dht_record r;
    enum dht_compare_next next_step;
    struct dht_compare compare; /* where something is expected */
};

static uint64_t wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* there is one */
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec * MS + (uint64_t)now.tv_nsec / MS_NS : 0;
}

static enum err begin(struct saying *y);

/* ---- one after another ------------------------------------------------------------------------------ */

static bool is_same_name(const struct saying *a, const struct saying *b)
{
    return a->what.kind == DHT_MUTABLE && b->what.kind == DHT_MUTABLE && a->what.name_size == b->what.name_size &&
           memcmp(a->name, b->name, a->what.name_size) == 0;
}

/* The one of its name that came first. */
static struct saying *first_of(const struct saying *y)
{
    struct saying *at = y->ask.shell->sayings;

    while (at != NULL && !is_same_name(at, y)) {
        at = at->next;
    }
    return at;
}

static void list(struct saying *y)
{
    struct saying **at = &y->ask.shell->sayings;

    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = y;
    y->ask.shell->waiting += y->is_waiting;
}

static void unlist(struct saying *y)
{
    struct saying **at = &y->ask.shell->sayings;

    while (*at != y) {
        at = &(*at)->next;
    }
    *at = y->next;
}

static void finish(struct saying *y, enum err e, const struct dht_done *done)
{
    unlist(y);
    struct saying *after = y->what.kind == DHT_MUTABLE ? first_of(y) : NULL;
    if (after != NULL) {
        after->is_waiting = false;
        y->ask.shell->waiting--;
        dht_shell_again(&after->ask);
    }
    y->what.said(y->ask.shell, y->what.context, e, &y->r, done);
    free(y);
}

/* ---- on its way -------------------------------------------------------------------------------------- */

static void on_found(struct dht_ask *ask, const struct dht_found *found)
{
    struct saying *y = (struct saying *)ask;

    if (y->next_step == DHT_COMPARE_LOOK) {
        dht_compare_found(&y->compare, &found->record);
    }
}

static void on_compared(struct saying *y, const struct dht_done *done)
{
    y->next_step = y->next_step == DHT_COMPARE_LOOK ? dht_compare_looked(&y->compare, done->status, done->acked, y->value, y->what.value_size)
                                                    : dht_compare_put(&y->compare, done->status);
    if (y->next_step != DHT_COMPARE_END) {
        dht_shell_again(&y->ask);
        return;
    }
    if (y->compare.status == ERR_PRECONDITION) {
        y->r.seq = dht_compare_held(&y->compare);
    }
    finish(y, y->compare.status, done);
}

static void on_done(struct dht_ask *ask, const struct dht_done *done)
{
    struct saying *y = (struct saying *)ask;

    if (y->what.expected != NULL) {
        on_compared(y, done);
        return;
    }
    /* Another life of this node said more than its clock now tells, or somebody with its key did. */
    if (done->status == ERR_ABORTED && y->what.kind != DHT_IMMUTABLE && done->seq < DHT_SEQ_MAX && ++y->tries < DHT_SAY_TRIES) {
        y->seq = done->seq + 1;
        y->r.signature = NULL;
        dht_shell_again(ask);
        return;
    }
    finish(y, done->status, done);
}

static uint64_t next_seq(const struct saying *y)
{
    uint64_t least = y->seq > wall_ms() ? y->seq : wall_ms();

    /* Higher than what this life said before, be it held or not: of two that meet the later one stays. */
    least = y->what.kind == DHT_MUTABLE && least <= y->ask.shell->said_seq ? y->ask.shell->said_seq + 1 : least;
    return y->what.expected != NULL ? dht_compare_seq(&y->compare, least) : least;
}

/* Signed once: whoever has it already is glad to hear it again. */
static void sign(struct saying *y)
{
    struct dht_shell *s = y->ask.shell;

    y->r = (struct dht_record){.kind = y->what.kind, .left_ms = y->what.ttl_ms, .value = y->value, .value_size = (uint16_t)y->what.value_size};
    if (y->what.kind == DHT_IMMUTABLE) {
        dht_record_place(&y->r);
        return;
    }
    y->r.salt = y->name;
    y->r.salt_size = (uint8_t)y->what.name_size;
    y->r.seq = next_seq(y);
    y->r.until_s = dht_shell_wall_s() + (y->what.ttl_ms + MS - 1) / MS;
    dht_sign_record(&s->signer, &y->r, y->signature);
    s->said_seq = y->what.kind == DHT_MUTABLE && y->r.seq > s->said_seq && y->r.seq <= DHT_SEQ_MAX ? y->r.seq : s->said_seq;
}

static enum err begin(struct saying *y)
{
    struct dht_shell *s = y->ask.shell;
    struct dht_id key;

    if (y->what.own == 0 && !dht_shell_is_settled(s)) { /* somebody waits, and who is to hold it is not known */
        dht_shell_when_settled(&y->ask);
        return ERR_OK;
    }
    if (y->what.expected != NULL && y->next_step == DHT_COMPARE_LOOK) {
        dht_record_owner_key(s->signer.owner, y->name, y->what.name_size, &key);
        return dht_shell_get(s, &key, dht_compare_look(&y->compare, dht_core_peers(s->core) + 1), &y->ask);
    }
    if (y->what.expected != NULL && y->next_step == DHT_COMPARE_AGAIN) {
        y->r = y->compare.held;
        return dht_shell_put(s, &y->r, NULL, &y->ask);
    }
    if (y->r.signature == NULL) {
        sign(y);
    }
    return dht_shell_put(s, &y->r, y->what.expected, &y->ask);
}

/* What is said again may have waited for others of its name, who put another value there, or none. */
static enum err look_again(struct saying *y)
{
    const struct dht_own_item *item = dht_own_serial(&y->ask.shell->own, y->what.own);

    if (item == NULL || !item->is_going) {
        return ERR_CANCELLED;
    }
    memcpy(y->value, item->value, item->value_size);
    y->what.value_size = item->value_size;
    y->what.ttl_ms = item->ttl_ms;
    y->seq = y->seq > item->seq ? y->seq : item->seq + 1;
    return ERR_OK;
}

static void on_again(struct dht_ask *ask)
{
    struct saying *y = (struct saying *)ask;
    enum err e = y->what.own != 0 && y->r.signature == NULL ? look_again(y) : ERR_OK;

    e = e == ERR_OK ? begin(y) : e;

    if (e != ERR_OK) {
        finish(y, e, NULL);
    }
}

static void fill(struct saying *y, const struct dht_say *what)
{
    y->what = *what;
    if (what->name_size > 0) {
        memcpy(y->name, what->name, what->name_size);
    }
    if (what->value_size > 0) {
        memcpy(y->value, what->value, what->value_size);
    }
    y->seq = what->seq_least;
    if (what->expected != NULL) {
        y->expected = *what->expected;
        y->what.expected = &y->expected;
        dht_compare_init(&y->compare, y->expected, what->request, what->request_size, y->value, what->value_size);
    }
    y->next_step = DHT_COMPARE_LOOK;
}

enum err dht_say(struct dht_shell *s, const struct dht_say *what)
{
    enum err e = ERR_OK;

    if (what->name_size > DHT_SALT_MAX || what->value_size > DHT_VALUE_MAX || what->request_size > DHT_REQUEST_MAX) {
        return ERR_LIMIT;
    }
    struct saying *y = calloc(1, sizeof *y);
    if (y == NULL) {
        return ERR_NOMEM;
    }
    y->ask = (struct dht_ask){.shell = s, .found = on_found, .done = on_done, .again = on_again};
    fill(y, what);
    y->is_waiting = what->kind == DHT_MUTABLE && first_of(y) != NULL;
    if (y->is_waiting && s->waiting == DHT_SAY_WAITING_MAX) {
        e = ERR_LIMIT;
    }
    if (e == ERR_OK) {
        list(y);
    }
    if (e == ERR_OK && !y->is_waiting) {
        e = begin(y);
        if (e != ERR_OK) {
            unlist(y);
        }
    }
    if (e != ERR_OK) {
        free(y);
    }
    return e;
}

void dht_say_stop(struct dht_shell *s)
{
    while (s->sayings != NULL) {
        const struct dht_done done = {.status = ERR_CANCELLED};
        struct saying *y = s->sayings;
        s->sayings = y->next;
        y->what.said(s, y->what.context, ERR_CANCELLED, &y->r, &done);
        free(y);
    }
    s->waiting = 0;
}

/* ---- what is said again ---------------------------------------------------------------------------- */

/* context: the item's serial; the item may be gone meanwhile. */
static void on_own(struct dht_shell *s, void *context, enum err e, const struct dht_record *r, const struct dht_done *done)
{
    struct dht_own_item *item = dht_own_serial(&s->own, (uintptr_t)context);

    if (item == NULL || !item->is_going) {
        return; /* taken back meanwhile, or said by whoever put another value there */
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
            .own = item->serial, .said = on_own, .context = (void *)(uintptr_t)item->serial};
        uint64_t serial = item->serial;
        dht_own_go(item);
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
