/* The store's own index against LMDB that never syncs (the log is what is durable): processor time of a put of 256 bytes, of
 * a read, of reading all in order as a snapshot does, and memory. Prints one JSON line a measurement.
 *
 *   raft_index own|lmdb [KEYS] [DIRECTORY] */
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "raft/image.h"

enum { VALUE = 256, BATCH = 64 };

static uint8_t value[VALUE];

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Resident now, without what is only a file's page: */
static long rss_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) {
            break;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return kib;
}

static int make_key(char out[32], uint32_t i)
{
    return snprintf(out, 32, "key/%09" PRIu32, i);
}

static uint32_t spread(uint32_t i, uint32_t keys)
{
    return (uint32_t)((uint64_t)i * 7919 % keys);
}

static void report(const char *who, const char *what, double seconds, uint32_t count)
{
    printf("{\"who\":\"%s\",\"what\":\"%s\",\"us\":%.3f,\"rss_kib\":%ld}\n", who, what, seconds * 1e6 / count, rss_kib());
}

static void must(bool is_good, const char *what)
{
    if (!is_good) {
        fprintf(stderr, "raft_index: %s failed\n", what);
        exit(1);
    }
}

/* ---- our own --------------------------------------------------------------------------------- */

static void own_puts(struct raft_kv *kv, uint32_t keys, bool is_spread)
{
    uint8_t bytes[1024];

    for (uint32_t i = 0; i < keys; i++) {
        struct raft_writer w;
        struct raft_answer answer;
        size_t size;
        char key[32];
        int length = make_key(key, is_spread ? spread(i, keys) : i);

        raft_command_begin(&w, bytes, sizeof bytes, RAFT_COMMAND_PUT, i, NULL);
        raft_command_put(&w, &(struct raft_put){.key = {(const uint8_t *)key, (uint32_t)length}, .value = {value, VALUE}});
        must(raft_command_end(&w, &size) == ERR_OK, "write");
        must(raft_kv_apply(kv, kv->applied + 1, bytes, size, &answer) == ERR_OK && answer.error == ERR_OK, "put");
    }
}

static void run_own(uint32_t keys)
{
    static uint8_t part[RAFT_IMAGE_ROOM];
    static struct raft_kv kv;
    struct raft_image image;
    size_t size = 1;

    raft_kv_init(&kv);
    double begun = cpu_s();
    own_puts(&kv, keys, false);
    report("own", "first puts", cpu_s() - begun, keys);
    begun = cpu_s();
    own_puts(&kv, keys, true);
    report("own", "puts over them", cpu_s() - begun, keys);
    begun = cpu_s();
    for (uint32_t i = 0; i < keys; i++) {
        const struct raft_record *r;
        char key[32];
        int length = make_key(key, spread(i, keys));
        must(raft_kv_get(&kv, (struct raft_bytes){(const uint8_t *)key, (uint32_t)length}, 0, &r) == ERR_OK, "get");
    }
    report("own", "gets", cpu_s() - begun, keys);
    begun = cpu_s();
    must(raft_image_begin(&image, &kv) == ERR_OK, "image");
    while (size > 0) {
        must(raft_image_next(&image, part, sizeof part, 65536, &size) == ERR_OK, "image");
    }
    raft_image_end(&image);
    report("own", "snapshot", cpu_s() - begun, keys);
    raft_kv_fini(&kv);
}

/* ---- LMDB ------------------------------------------------------------------------------------ */

static void lmdb_puts(MDB_env *env, MDB_dbi dbi, uint32_t keys, bool is_spread)
{
    MDB_txn *txn = NULL;

    for (uint32_t i = 0; i < keys; i++) {
        char key[32];
        MDB_val k = {(size_t)make_key(key, is_spread ? spread(i, keys) : i), key}, v = {VALUE, value};

        must(txn != NULL || mdb_txn_begin(env, NULL, 0, &txn) == 0, "begin");
        must(mdb_put(txn, dbi, &k, &v, 0) == 0, "put");
        if (i % BATCH == BATCH - 1 || i == keys - 1) {
            must(mdb_txn_commit(txn) == 0, "commit");
            txn = NULL;
        }
    }
}

static void run_lmdb(uint32_t keys, const char *directory)
{
    static uint8_t part[65536 + 1024];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi = 0;
    MDB_cursor *cursor;
    MDB_val k, v;
    size_t size = 0;

    (void)mkdir(directory, 0700);
    must(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, (size_t)4 << 30) == 0, "create");
    must(mdb_env_open(env, directory, MDB_NOSYNC | MDB_WRITEMAP | MDB_NOTLS, 0600) == 0, "open");
    must(mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, &dbi) == 0 && mdb_txn_commit(txn) == 0, "table");
    double begun = cpu_s();
    lmdb_puts(env, dbi, keys, false);
    report("lmdb", "first puts", cpu_s() - begun, keys);
    begun = cpu_s();
    lmdb_puts(env, dbi, keys, true);
    report("lmdb", "puts over them", cpu_s() - begun, keys);
    begun = cpu_s();
    must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0, "begin");
    for (uint32_t i = 0; i < keys; i++) {
        char key[32];
        k = (MDB_val){(size_t)make_key(key, spread(i, keys)), key};
        must(mdb_get(txn, dbi, &k, &v) == 0, "get");
    }
    report("lmdb", "gets", cpu_s() - begun, keys);
    begun = cpu_s();
    must(mdb_cursor_open(txn, dbi, &cursor) == 0, "cursor");
    while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0) {
        memcpy(part + size, v.mv_data, v.mv_size);
        size = size + v.mv_size > 65536 ? 0 : size + v.mv_size;
    }
    report("lmdb", "snapshot", cpu_s() - begun, keys);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_close(env);
}

int main(int argc, char **argv)
{
    uint32_t keys = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 200000;

    memset(value, 'x', sizeof value);
    if (argc > 1 && strcmp(argv[1], "lmdb") == 0) {
        run_lmdb(keys, argc > 3 ? argv[3] : "raft_index.lmdb");
    } else {
        run_own(keys);
    }
    return 0;
}
