/* The supervisor's memory across its own death. Whatever happens to a write, what was known before
 * it is known after it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/rng.h"
#include "common/run/fd.h"
#include "nucleus/ledger.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

enum {
    /* Where things are in the file, written down a second time. */
    HEAD_SIZE = 64,
    HEAD_VERSION_AT = 4,
    HEAD_RECORD_AT = 8,
    HEAD_CRC_AT = 12,
    HEAD_BOOT_AT = 16,
    PLACES_AT = 4096,
    PLACE_BYTES = 2048,
    SLOTS = 24,       /* used by the model */
    OPERATIONS = 20000,
    FLIPS = 3000,
    KILLS = 50, /* more by hand: test_ledger 1000 */
};

/* ---- helpers ----------------------------------------------------------------------------------- */

/* A record that tells which one it is, in every part of it. */
static struct ledger_record record_of(uint32_t slot, uint64_t mark)
{
    struct ledger_record r;

    memset(&r, 0, sizeof r);
    r.instance.state = NODE_READY;
    r.instance.generation = mark;
    r.instance.instance = slot;
    (void)snprintf(r.instance.name, sizeof r.instance.name, "cell-%" PRIu64, mark % 100000);
    (void)snprintf(r.instance.reason, sizeof r.instance.reason, "mark %" PRIu64, mark);
    r.process.pid = (int32_t)(mark % 30000 + 2);
    r.process.start_ticks = mark * 3;
    memset(r.process.token, (int)(mark % 251), sizeof r.process.token);
    r.process.log_sequence = mark ^ slot;
    return r;
}

static bool is_record(const struct ledger_record *r, uint32_t slot, uint64_t mark)
{
    struct ledger_record right = record_of(slot, mark);

    return memcmp(r, &right, sizeof right) == 0;
}

/* What a reading found: the mark of each slot, 0: none. */
struct found {
    uint64_t mark[NODE_INSTANCES_MAX];
    size_t count;
    size_t wrong;
    uint32_t last_slot;
};

static void note(void *context, uint32_t slot, const struct ledger_record *record)
{
    struct found *f = context;

    if (slot >= NODE_INSTANCES_MAX || !is_record(record, slot, record->instance.generation) ||
        (f->count > 0 && slot <= f->last_slot)) {
        f->wrong++;
        return;
    }
    f->last_slot = slot;
    f->mark[slot] = record->instance.generation;
    f->count++;
}

static void open_ledger(struct ledger *l, bool fresh, const char *why)
{
    const char *reason = NULL;
    enum err e = ledger_open(l, scratch_path("l"), fresh, &reason);

    REQUIRE(e == ERR_OK, "the ledger opens: %s", err_name(e));
    CHECK(strcmp(reason, why) == 0, "opened with \"%s\", not \"%s\"", reason, why);
}

static struct found *read_ledger(struct ledger *l, uint32_t *ret_damaged)
{
    static struct found f;

    memset(&f, 0, sizeof f);
    enum err e = ledger_read(l, note, &f, ret_damaged);
    REQUIRE(e == ERR_OK, "the ledger is read: %s", err_name(e));
    CHECK(f.wrong == 0, "%zu records are not what was put", f.wrong);
    return &f;
}

static struct found *reopen(struct ledger *l, uint32_t *ret_damaged)
{
    open_ledger(l, false, "");
    return read_ledger(l, ret_damaged);
}

static uint8_t *read_image(size_t *ret_size)
{
    char *data = NULL;
    enum err e = fd_read_file(AT_FDCWD, scratch_path("l/ledger"), 64 << 20, &data, ret_size);

    REQUIRE(e == ERR_OK, "the file: %s", err_name(e));
    return (uint8_t *)data;
}

static void write_image(const void *data, size_t size)
{
    AUTO_FD int fd = open(scratch_path("l/ledger"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    /* Not O_TRUNC: a file system may then write it all to the disk on close. */
    REQUIRE(fd >= 0 && fd_write_all(fd, data, size) == ERR_OK && ftruncate(fd, (off_t)size) == 0,
            "the file is written");
}

static void put(struct ledger *l, uint32_t slot, uint64_t mark)
{
    struct ledger_record r = record_of(slot, mark);
    enum err e = ledger_put(l, slot, &r);

    REQUIRE(e == ERR_OK, "slot %u takes mark %" PRIu64 ": %s", slot, mark, err_name(e));
}

/* ---- opening ----------------------------------------------------------------------------------- */

static void a_new_ledger_is_empty_and_private(void)
{
    struct ledger l;
    struct stat st;
    uint32_t damaged = 9;

    open_ledger(&l, false, "");
    CHECK(l.starts == 1, "the first start: %" PRIu64, l.starts);
    CHECK(read_ledger(&l, &damaged)->count == 0 && damaged == 0, "nothing is in it");
    CHECK(stat(scratch_path("l"), &st) == 0 && (st.st_mode & 07777) == 0700, "its folder is private");
    CHECK(stat(scratch_path("l/ledger"), &st) == 0 && (st.st_mode & 07777) == 0600, "and its file");
    ledger_close(&l);
    ledger_close(&l); /* closing twice does no harm */
    for (uint64_t n = 2; n < 5; n++) {
        open_ledger(&l, false, "");
        CHECK(l.starts == n, "start %" PRIu64 " is counted: %" PRIu64, n, l.starts);
        ledger_close(&l);
    }
}

/* Rows change the head of a ledger with one record. */
static void a_head_that_does_not_fit_starts_anew(void)
{
    static const struct {
        size_t at;
        size_t size;
        const char *bytes;
        bool is_signed; /* make the checksum right again */
        const char *reason;
        const char *why;
    } rows[] = {
        {0, 0, "", true, "", "an unchanged head is continued"},
        {HEAD_BOOT_AT, 4, "ffff", true, "the ledger is of an earlier boot", "another boot"},
        {HEAD_BOOT_AT, 4, "ffff", false, "the ledger's head is damaged", "a damaged boot id"},
        {HEAD_VERSION_AT, 1, "\x01", true, "the ledger was written by another version",
         "version 1: its records do not say when a restart has its turn"},
        {HEAD_VERSION_AT, 1, "\x03", true, "the ledger was written by another version",
         "a version that is not yet"},
        {HEAD_RECORD_AT, 1, "\x01", true, "the ledger was written by another version",
         "records of another size"},
        {0, 4, "XXXX", true, "the ledger's head is damaged", "no ledger at all"},
        {HEAD_CRC_AT, 4, "\0\0\0\0", false, "the ledger's head is damaged", "a lost checksum"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ledger l;
        uint32_t damaged;
        size_t size;
        open_ledger(&l, true, "");
        put(&l, 3, 77);
        REQUIRE(ledger_put_down(&l) == ERR_OK && ledger_put_manifest(&l, "/p", "x", 1) == ERR_OK,
                "more is in it");
        ledger_close(&l);
        AUTO_FREE uint8_t *image = read_image(&size);
        memcpy(image + rows[i].at, rows[i].bytes, rows[i].size);
        if (rows[i].is_signed) {
            uint32_t crc = bytes_crc32c(0, image + HEAD_BOOT_AT, HEAD_SIZE - HEAD_BOOT_AT);
            memcpy(image + HEAD_CRC_AT, &crc, sizeof crc);
        }
        write_image(image, size);
        open_ledger(&l, false, rows[i].reason);
        bool is_kept = rows[i].reason[0] == '\0';
        const struct found *f = read_ledger(&l, &damaged);
        CHECK((f->count == 1) == is_kept && f->mark[3] == (is_kept ? 77 : 0), "row %zu: %s", i,
              rows[i].why);
        CHECK(ledger_is_down(&l) == is_kept, "row %zu: what went with it goes too", i);
        CHECK(l.starts == (is_kept ? 2 : 1), "row %zu: starts %" PRIu64, i, l.starts);
        ledger_close(&l);
    }
}

/* Every flipped bit of the head, and every cut of it, is noticed. */
static void no_bit_of_the_head_may_change(void)
{
    struct ledger l;
    size_t size;

    open_ledger(&l, true, "");
    put(&l, 0, 5);
    ledger_close(&l);
    AUTO_FREE uint8_t *image = read_image(&size);
    for (size_t bit = 0; bit < HEAD_SIZE * 8; bit++) {
        const char *reason;
        uint32_t damaged;
        image[bit / 8] ^= (uint8_t)(1u << bit % 8);
        write_image(image, size);
        image[bit / 8] ^= (uint8_t)(1u << bit % 8);
        REQUIRE(ledger_open(&l, scratch_path("l"), false, &reason) == ERR_OK, "it opens");
        CHECK(reason[0] != '\0' && read_ledger(&l, &damaged)->count == 0,
              "bit %zu of the head: started anew", bit);
        ledger_close(&l);
    }
    for (size_t cut = 0; cut < HEAD_SIZE; cut++) {
        const char *reason;
        write_image(image, cut);
        REQUIRE(ledger_open(&l, scratch_path("l"), false, &reason) == ERR_OK, "it opens");
        CHECK((reason[0] == '\0') == (cut == 0), "a head of %zu bytes: \"%s\"", cut, reason);
        ledger_close(&l);
    }
}

static void what_cannot_be_opened_is_an_error(void)
{
    struct ledger l;
    const char *reason;

    CHECK(ledger_open(&l, "relative/dir", false, &reason) == ERR_MALFORMED, "a relative directory");
    CHECK(l.fd == -1 && l.dir_fd == -1, "leaves nothing open");
    int fd = open(scratch_path("file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    fd_close(&fd);
    CHECK(ledger_open(&l, scratch_path("file"), false, &reason) != ERR_OK, "a file in its place");
    REQUIRE(mkdir(scratch_path("m"), 0700) == 0 && symlink("/etc/passwd", scratch_path("m/ledger")) == 0,
            "a link");
    CHECK(ledger_open(&l, scratch_path("m"), false, &reason) != ERR_OK, "a link is not followed");
    CHECK(l.fd == -1 && l.dir_fd == -1, "nothing is open");
}

/* ---- records ----------------------------------------------------------------------------------- */

/* Puts, forgets and reopenings in any order, against a plain array. */
static void it_is_an_array_that_survives(void)
{
    uint64_t model[SLOTS] = {0};
    struct ledger l;
    struct rng rng;
    uint64_t highest = 0;
    uint32_t damaged;

    rng_init(&rng, 4);
    open_ledger(&l, true, "");
    for (uint64_t i = 1; i <= OPERATIONS; i++) {
        uint32_t slot = (uint32_t)rng_below(&rng, SLOTS);
        uint64_t what = rng_below(&rng, 100);
        if (what < 70) {
            put(&l, slot, i);
            model[slot] = i;
            highest = i;
        } else if (what < 98) {
            REQUIRE(ledger_forget(&l, slot) == ERR_OK, "slot %u is forgotten", slot);
            model[slot] = 0;
        } else {
            ledger_close(&l);
            const struct found *f = reopen(&l, &damaged);
            CHECK(memcmp(f->mark, model, sizeof model) == 0 && damaged == 0,
                  "operation %" PRIu64 ": the same after reopening", i);
            CHECK(l.generation >= highest || f->count == 0,
                  "generations go on: %" PRIu64 " after %" PRIu64, l.generation, highest);
        }
    }
    ledger_close(&l);
}

static void slots_have_an_end(void)
{
    struct ledger l;
    uint32_t damaged;
    struct ledger_record r = record_of(NODE_INSTANCES_MAX, 9);

    open_ledger(&l, true, "");
    put(&l, NODE_INSTANCES_MAX - 1, 8);
    CHECK(ledger_put(&l, NODE_INSTANCES_MAX, &r) == ERR_LIMIT, "one slot more");
    CHECK(ledger_forget(&l, NODE_INSTANCES_MAX) == ERR_LIMIT, "is none to forget either");
    CHECK(ledger_put(&l, UINT32_MAX, &r) == ERR_LIMIT, "nor the last number");
    ledger_close(&l);
    const struct found *f = reopen(&l, &damaged);
    CHECK(f->count == 1 && f->mark[NODE_INSTANCES_MAX - 1] == 8, "the last slot is kept");
    ledger_close(&l);
}

/* ---- torn writes ------------------------------------------------------------------------------- */

/* `after` is `before` and one write more; cut that write at every byte. */
static void check_torn(const uint8_t *before, size_t before_size, const uint8_t *after,
                       size_t after_size, uint32_t slot, uint64_t old_mark, uint64_t new_mark)
{
    size_t from = 0, to = after_size;
    AUTO_FREE uint8_t *image = calloc(1, after_size);

    REQUIRE(image != NULL, "memory");
    memcpy(image, before, before_size);
    while (from < after_size && image[from] == after[from]) {
        from++; /* where the write begins to differ */
    }
    while (to > from && image[to - 1] == after[to - 1]) {
        to--;
    }
    REQUIRE(from < to, "a write changes something");
    for (size_t cut = from; cut <= to; cut++) {
        struct ledger l;
        uint32_t damaged;
        memcpy(image + from, after + from, cut - from);
        write_image(image, cut > before_size ? cut : before_size);
        const struct found *f = reopen(&l, &damaged);
        uint64_t mark = f->mark[slot];
        CHECK(mark == old_mark || mark == new_mark, "cut at %zu: mark %" PRIu64, cut, mark);
        CHECK(cut > from + 4 || mark == old_mark, "cut at %zu, before its checksum: the old one", cut);
        /* Whatever was found, the next write is safe again. */
        put(&l, slot, 999);
        ledger_close(&l);
        f = reopen(&l, &damaged);
        CHECK(f->mark[slot] == 999, "cut at %zu: the next one is kept", cut);
        ledger_close(&l);
    }
    write_image(after, after_size);
    struct ledger l;
    uint32_t damaged;
    CHECK(reopen(&l, &damaged)->mark[slot] == new_mark, "a whole write is the new record");
    ledger_close(&l);
}

static void a_torn_write_keeps_what_was_there(void)
{
    enum { WRITES = 5, SLOT = 2 };
    struct ledger l;
    uint32_t damaged;
    size_t sizes[WRITES + 1];
    uint8_t *images[WRITES + 1];

    open_ledger(&l, true, "");
    put(&l, SLOT + 1, 50); /* a neighbour */
    images[0] = read_image(&sizes[0]);
    for (uint64_t i = 1; i <= WRITES; i++) { /* into a hole, into another, over each, after a restart */
        if (i == WRITES) {
            ledger_close(&l);
            (void)reopen(&l, &damaged);
        }
        put(&l, SLOT, i);
        images[i] = read_image(&sizes[i]);
    }
    ledger_close(&l);
    for (uint64_t i = 1; i <= WRITES; i++) {
        /* The head differs after the restart: one write is under test here. */
        memcpy(images[i - 1], images[i], PLACES_AT);
        check_torn(images[i - 1], sizes[i - 1], images[i], sizes[i], SLOT, i - 1, i);
    }
    for (size_t i = 0; i <= WRITES; i++) {
        free(images[i]);
    }
}

/* A record that was cut at the end of the file stays cut when another makes the file longer, though
 * the missing end was all zeros and zeros fill the gap. */
static void a_cut_record_does_not_come_back(void)
{
    struct ledger l;
    uint32_t damaged;
    size_t size;

    open_ledger(&l, true, "");
    put(&l, 0, 1);
    put(&l, 0, 2);
    size_t end = PLACES_AT + PLACE_BYTES;
    REQUIRE(ledger_forget(&l, 0) == ERR_OK, "its record is zeros"); /* into the place of mark 1 */
    ledger_close(&l);
    AUTO_FREE uint8_t *image = read_image(&size);
    for (size_t cut = 16; cut < 300; cut += 4) { /* off the end of whichever place comes last */
        write_image(image, size);
        REQUIRE(truncate(scratch_path("l/ledger"), (off_t)(size - cut)) == 0, "cut");
        uint64_t before = reopen(&l, &damaged)->mark[0];
        put(&l, 5, 9); /* the file grows */
        ledger_close(&l);
        const struct found *f = reopen(&l, &damaged);
        CHECK(f->mark[0] == before && f->mark[5] == 9, "cut by %zu: %" PRIu64 " becomes %" PRIu64, cut,
              before, f->mark[0]);
        ledger_close(&l);
    }
    CHECK(size > end, "both places were in the file");
}

/* A write that the kernel refused half-way, and then one that is cut: still nothing is lost. */
static void a_failed_write_costs_nothing(void)
{
    struct ledger l;
    struct rlimit before;
    uint64_t mark = 100;
    size_t failed = 0;

    open_ledger(&l, true, "");
    put(&l, 0, mark);
    (void)signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0, "a limit");
    for (size_t i = 0; i < 8; i++) { /* whichever of the two places is next, and where it is cut */
        AUTO_FREE uint8_t *image = NULL;
        AUTO_FREE uint8_t *after = NULL;
        size_t image_size, after_size;
        struct ledger_record lost = record_of(0, mark + 1);
        struct rlimit full = before;
        full.rlim_cur = PLACES_AT + (i & 1) * PLACE_BYTES + (i & 2 ? 100 : 0);
        put(&l, 0, ++mark);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0, "the disk is full");
        enum err e = ledger_put(&l, 0, &lost);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0, "there is space again");
        if (e == ERR_OK) {
            continue; /* it went to the place before the end of the disk */
        }
        failed++;
        CHECK(e == ERR_LIMIT, "a full disk is LIMIT: %s", err_name(e));
        image = read_image(&image_size);
        put(&l, 0, mark + 2);
        after = read_image(&after_size);
        ledger_close(&l);
        check_torn(image, image_size, after, after_size, 0, mark, mark + 2);
        uint32_t damaged;
        (void)reopen(&l, &damaged);
        mark += 10;
    }
    CHECK(failed >= 4, "the disk was full often enough: %zu", failed);
    ledger_close(&l);
}

/* ---- flipped bits ------------------------------------------------------------------------------ */

static void flipped_bits_never_make_a_record(void)
{
    static uint64_t put_marks[SLOTS][4];
    struct ledger l;
    struct rng rng;
    size_t size, lost = 0;

    rng_init(&rng, 8);
    open_ledger(&l, true, "");
    for (uint64_t round = 0; round < 4; round++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            put_marks[slot][round] = 1 + slot * 10 + round;
            put(&l, slot, put_marks[slot][round]);
        }
    }
    ledger_close(&l);
    AUTO_FREE uint8_t *image = read_image(&size);
    AUTO_FREE uint8_t *bad = malloc(size);
    REQUIRE(bad != NULL, "memory");
    for (int i = 0; i < FLIPS; i++) {
        uint64_t flips = 1 + rng_below(&rng, i % 3 == 0 ? 200 : 3);
        uint32_t damaged;
        memcpy(bad, image, size);
        for (uint64_t k = 0; k < flips; k++) {
            uint64_t bit = rng_below(&rng, (size - PLACES_AT) * 8);
            bad[PLACES_AT + bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        write_image(bad, size);
        const struct found *f = reopen(&l, &damaged); /* claims that no record is wrong */
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            /* The newest, or when that was hit the one before. */
            uint64_t mark = f->mark[slot];
            bool is_known = mark == put_marks[slot][3] || mark == put_marks[slot][2];
            CHECK(is_known || mark == 0, "flip %d: slot %u has mark %" PRIu64, i, slot, mark);
            lost += mark == 0;
        }
        CHECK(f->count + damaged == SLOTS, "what is lost is reported: %zu and %u", f->count, damaged);
        ledger_close(&l);
    }
    CHECK(lost > 0, "some flips hit both copies, so that the report was needed");
}

/* ---- the files beside it ----------------------------------------------------------------------- */

static void the_manifest_is_kept(void)
{
    static const struct {
        const char *path;
        const char *text;
        size_t size;
        enum err status;
    } rows[] = {
        {"/etc/cell/node.yaml", "cells: []\n", 10, ERR_OK},
        {"", "", 0, ERR_OK},
        {"/a", "first\nsecond\n", 13, ERR_OK},
        {"/a", "nul \0 inside", 12, ERR_OK},
        {"two\nlines", "x", 1, ERR_INVALID},
    };
    struct ledger l;
    char *path = NULL, *text = NULL;
    size_t size;

    open_ledger(&l, true, "");
    CHECK(ledger_get_manifest(&l, &path, &text, &size) == ERR_NOT_FOUND, "none yet");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err e = ledger_put_manifest(&l, rows[i].path, rows[i].text, rows[i].size);
        CHECK(e == rows[i].status, "row %zu: %s", i, err_name(e));
        if (e != ERR_OK) {
            continue;
        }
        ledger_close(&l);
        open_ledger(&l, false, "");
        e = ledger_get_manifest(&l, &path, &text, &size);
        REQUIRE(e == ERR_OK, "row %zu comes back: %s", i, err_name(e));
        CHECK(strcmp(path, rows[i].path) == 0 && size == rows[i].size &&
              memcmp(text, rows[i].text, size) == 0 && text[size] == '\0', "row %zu is the same", i);
        free(path);
        free(text);
    }
    AUTO_FREE char *large = calloc(1, MANIFEST_BYTES_MAX);
    memset(large, 'x', MANIFEST_BYTES_MAX);
    REQUIRE(ledger_put_manifest(&l, "/large", large, MANIFEST_BYTES_MAX) == ERR_OK, "the largest");
    CHECK(ledger_get_manifest(&l, &path, &text, &size) == ERR_OK && size == MANIFEST_BYTES_MAX &&
          memcmp(text, large, size) == 0, "comes back");
    free(path);
    free(text);
    ledger_close(&l);
}

static size_t count_scales(struct ledger *l, const char *name, uint32_t *ret_count)
{
    struct node_scale *list = NULL;
    size_t count = 0;
    enum err e = ledger_get_scales(l, &list, &count);

    REQUIRE(e == ERR_OK, "scales are read: %s", err_name(e));
    *ret_count = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            *ret_count = list[i].count;
        }
    }
    free(list);
    return count;
}

static void scales_are_kept(void)
{
    struct ledger l;
    struct node_scale s = {.space = "default", .name = "greeter", .count = 5, .of = 3};
    uint32_t count;

    open_ledger(&l, true, "");
    CHECK(count_scales(&l, "greeter", &count) == 0, "none yet");
    REQUIRE(ledger_put_scale(&l, &s) == ERR_OK, "one");
    ledger_close(&l);
    open_ledger(&l, false, "");
    CHECK(count_scales(&l, "greeter", &count) == 1 && count == 5, "is kept");
    s.count = 0;
    REQUIRE(ledger_put_scale(&l, &s) == ERR_OK, "changed");
    CHECK(count_scales(&l, "greeter", &count) == 1 && count == 0, "is replaced");
    struct node_scale other = {.space = "other", .name = "greeter", .count = 9, .of = 3};
    REQUIRE(ledger_put_scale(&l, &other) == ERR_OK, "the same name elsewhere");
    CHECK(count_scales(&l, "greeter", &count) == 2, "is another");
    s.count = s.of;
    REQUIRE(ledger_put_scale(&l, &s) == ERR_OK, "as the manifest says");
    CHECK(count_scales(&l, "greeter", &count) == 1 && count == 9, "is no scale any more");
    ledger_close(&l);
}

static void scales_are_limited(void)
{
    struct ledger l;
    uint32_t count;
    AUTO_FREE char *text = malloc(LEDGER_SCALES_MAX * 160);
    size_t len = 0;

    open_ledger(&l, true, "");
    for (int i = 0; i < LEDGER_SCALES_MAX - 1; i++) { /* as put_scale writes them, only faster */
        len += (size_t)sprintf(text + len, "default cell-%d 5 3\n", i);
    }
    AUTO_FD int dir = open(scratch_path("l"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd_replace_file(dir, "scales", text, len, 0600) == ERR_OK, "nearly all");
    struct node_scale s = {.space = "default", .name = "last", .count = 2, .of = 1};
    CHECK(ledger_put_scale(&l, &s) == ERR_OK, "the last that fits");
    CHECK(count_scales(&l, "last", &count) == LEDGER_SCALES_MAX && count == 2, "is kept");
    struct node_scale more = {.space = "default", .name = "more", .count = 2, .of = 1};
    CHECK(ledger_put_scale(&l, &more) == ERR_LIMIT, "one more is refused");
    CHECK(count_scales(&l, "last", &count) == LEDGER_SCALES_MAX && count == 2, "and costs nothing");
    s.count = 3;
    CHECK(ledger_put_scale(&l, &s) == ERR_OK && count_scales(&l, "last", &count) > 0 && count == 3,
          "one that is there can change");
    static const char *const damaged[] = {"default greeter 5\n", "default ../x 5 3\n", "garbage\n",
                                          "default Greeter 5 3\n"};
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        struct node_scale *list = NULL;
        size_t n = 0;
        REQUIRE(fd_replace_file(dir, "scales", damaged[i], strlen(damaged[i]), 0600) == ERR_OK, "bad");
        CHECK(ledger_get_scales(&l, &list, &n) == ERR_DATA_LOSS, "row %zu is noticed", i);
        free(list);
    }
    ledger_close(&l);
}

static void down_is_kept_until_a_fresh_start(void)
{
    struct ledger l;

    open_ledger(&l, true, "");
    CHECK(!ledger_is_down(&l), "not going down");
    REQUIRE(ledger_put_down(&l) == ERR_OK && ledger_put_down(&l) == ERR_OK, "twice is as once");
    ledger_close(&l);
    open_ledger(&l, false, "");
    CHECK(ledger_is_down(&l), "still going down");
    ledger_close(&l);
    open_ledger(&l, true, "");
    CHECK(!ledger_is_down(&l), "a fresh start forgets it");
    ledger_close(&l);
}

/* ---- kill -9 ----------------------------------------------------------------------------------- */

struct ack {
    uint32_t slot;
    uint64_t mark; /* 0: forgotten */
};

/* Write until killed; say what is done only after it is. */
static _Noreturn void write_for_ever(int acks, uint64_t first_mark, uint64_t seed)
{
    struct ledger l;
    struct rng rng;
    const char *reason;
    uint32_t damaged;
    static struct found f;

    rng_init(&rng, seed);
    if (ledger_open(&l, scratch_path("l"), false, &reason) != ERR_OK || reason[0] != '\0' ||
        ledger_read(&l, note, &f, &damaged) != ERR_OK) {
        _exit(3);
    }
    for (uint64_t mark = first_mark;; mark++) {
        struct ack ack = {.slot = (uint32_t)rng_below(&rng, SLOTS), .mark = mark};
        struct ledger_record r = record_of(ack.slot, mark);
        bool is_put = rng_below(&rng, 10) > 0;
        enum err e = is_put ? ledger_put(&l, ack.slot, &r) : ledger_forget(&l, ack.slot);
        ack.mark = is_put ? mark : 0;
        if (e != ERR_OK || write(acks, &ack, sizeof ack) != sizeof ack) {
            _exit(4);
        }
    }
}

/* One life of a writer; *next_mark goes past what it may have used. */
static void kill_one(struct rng *rng, uint64_t model[SLOTS], uint64_t *next_mark, int round)
{
    int acks[2];
    uint64_t after = rng_below(rng, 60);
    struct ack ack;

    REQUIRE(pipe2(acks, O_CLOEXEC) == 0, "a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        write_for_ever(acks[1], *next_mark, *next_mark);
    }
    REQUIRE(pid > 0, "a writer");
    (void)close(acks[1]);
    for (uint64_t i = 0; i < after && read(acks[0], &ack, sizeof ack) == sizeof ack; i++) {
        model[ack.slot] = ack.mark;
        *next_mark += 1;
    }
    (void)kill(pid, SIGKILL);
    while (read(acks[0], &ack, sizeof ack) == sizeof ack) { /* said before it died */
        model[ack.slot] = ack.mark;
        *next_mark += 1;
    }
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "it was killed: %d", status);
    (void)close(acks[0]);
    *next_mark += 1; /* one more may have been written and not said */

    struct ledger l;
    uint32_t damaged;
    const struct found *f = reopen(&l, &damaged);
    size_t differ = 0;
    CHECK(damaged == 0, "round %d: no slot is lost: %u", round, damaged);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (f->mark[slot] != model[slot]) {
            differ++;
            CHECK(f->mark[slot] == 0 || f->mark[slot] == *next_mark - 1,
                  "round %d: slot %u has %" PRIu64 ", said was %" PRIu64, round, slot,
                  f->mark[slot], model[slot]);
        }
        model[slot] = f->mark[slot];
    }
    CHECK(differ <= 1, "round %d: only the write that was under way may differ: %zu", round, differ);
    ledger_close(&l);
}

static void what_was_said_survives_kill_9(int kills)
{
    uint64_t model[SLOTS] = {0}, next_mark = 1;
    struct ledger l;
    struct rng rng;

    rng_init(&rng, 31);
    open_ledger(&l, true, "");
    ledger_close(&l);
    for (int round = 0; round < kills && check_failures == 0; round++) {
        kill_one(&rng, model, &next_mark, round);
    }
    printf("killed %d writers within %" PRIu64 " writes\n", kills, next_mark);
}

int main(int argc, char **argv)
{
    int fd = scratch_open();
    (void)close(fd);
    a_new_ledger_is_empty_and_private();
    a_head_that_does_not_fit_starts_anew();
    no_bit_of_the_head_may_change();
    what_cannot_be_opened_is_an_error();
    it_is_an_array_that_survives();
    slots_have_an_end();
    a_torn_write_keeps_what_was_there();
    a_cut_record_does_not_come_back();
    a_failed_write_costs_nothing();
    flipped_bits_never_make_a_record();
    the_manifest_is_kept();
    scales_are_kept();
    scales_are_limited();
    down_is_kept_until_a_fresh_start();
    what_was_said_survives_kill_9(argc > 1 ? atoi(argv[1]) : KILLS);
    return CHECK_RESULT();
}
