/* Any damage to a ledger's file: it opens, what it gives back is what was once put, and it works on.
 *
 * Input: edits of a good ledger, each four bytes: what to do, where (two bytes), and with what. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "nucleus/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum {
    SLOTS = 4,
    ROUNDS = 3,
    FILE_MAX = 1 << 16,
};

static char dir[64];
static uint8_t good[FILE_MAX];
static size_t good_size;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct ledger_record record_of(uint32_t slot, uint64_t mark)
{
    struct ledger_record r;

    memset(&r, 0, sizeof r);
    r.instance.generation = mark;
    r.instance.instance = slot;
    memset(r.process.token, (int)(mark & 0xff), sizeof r.process.token);
    return r;
}

static void each(void *context, uint32_t slot, const struct ledger_record *record)
{
    size_t *count = context;
    struct ledger_record right = record_of(slot, record->instance.generation);

    must(slot < SLOTS && record->instance.generation <= ROUNDS);
    must(memcmp(&right, record, sizeof right) == 0);
    (*count)++;
}

static void remove_dir(void)
{
    static const char *const files[] = {"ledger", "manifest", "scales", "down"};
    char path[128];

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static void write_file(const uint8_t *data, size_t size)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/ledger", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t)size && ftruncate(fd, (off_t)size) == 0);
    (void)close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct ledger l;
    const char *why;
    char path[128];

    (void)argc;
    (void)argv;
    (void)snprintf(dir, sizeof dir, "/tmp/cell-fuzz-XXXXXX");
    must(mkdtemp(dir) != NULL && atexit(remove_dir) == 0);
    must(ledger_open(&l, dir, true, &why) == ERR_OK);
    for (uint64_t mark = 1; mark <= ROUNDS; mark++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            struct ledger_record r = record_of(slot, mark);
            must(ledger_put(&l, slot, &r) == ERR_OK);
        }
    }
    must(ledger_forget(&l, SLOTS - 1) == ERR_OK);
    ledger_close(&l);
    (void)snprintf(path, sizeof path, "%s/ledger", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    must(fd >= 0 && fd_read_all(fd, good, sizeof good, &good_size) == ERR_OK);
    (void)close(fd);
    return 0;
}

/* What an edit does, by its first byte. */
static size_t edit(uint8_t *file, size_t file_size, const uint8_t *step)
{
    size_t at = ((size_t)step[1] << 8 | step[2]) % (file_size + 1);
    size_t left = file_size - at;

    switch (step[0] % 5) {
    case 0:
        if (left > 0) {
            file[at] ^= step[3];
        }
        break;
    case 1:
        return at; /* cut */
    case 2:
        memset(file + at, step[3], left < 512 ? left : 512);
        break;
    case 3: /* as if a write had gone elsewhere */
        memmove(file + at, file + (size_t)step[3] * 64 % (file_size + 1),
                left < 2048 ? left / 2 : 1024);
        break;
    case 4:
        if (file_size + step[3] <= FILE_MAX) { /* more than was written */
            memset(file + file_size, step[3], step[3]);
            return file_size + step[3];
        }
        break;
    }
    return file_size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[FILE_MAX + 4096];
    struct ledger l;
    const char *why = NULL;
    uint32_t damaged = 0;
    size_t count = 0, file_size = good_size;

    memset(file, 0, sizeof file);
    memcpy(file, good, good_size);
    for (; size >= 4; data += 4, size -= 4) {
        file_size = edit(file, file_size, data);
    }
    write_file(file, file_size);
    must(ledger_open(&l, dir, false, &why) == ERR_OK && why != NULL);
    must(ledger_read(&l, each, &count, &damaged) == ERR_OK);
    must(count <= SLOTS && (why[0] == '\0' || count == 0));
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        struct ledger_record r = record_of(slot, 2);
        must(ledger_put(&l, slot, &r) == ERR_OK);
    }
    count = 0;
    must(ledger_read(&l, each, &count, &damaged) == ERR_OK && count == SLOTS);
    ledger_close(&l);
    return 0;
}
