/* A real database behind the doors (NUC-14): LMDB opened, written, grown, copied and checked in a state
 * directory after the process sealed itself, with nothing but the runtime's own list of calls.
 *
 *   test_seal_lmdb root|user PROGRAM */
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/run/seal.h"
#include "tests/unit/run/jailing.h"

enum {
    ENTRIES = 1000, /* some hundred pages: more than one write at a time */
    ROUNDS = 3,
    SMALL_MAP = 8 << 20,
    LARGE_MAP = 32 << 20,
};

static struct jailing host;
static char place[128]; /* a directory for each claim */
static unsigned flags;  /* of mdb_env_open             */

static void must(int rc, const char *what)
{
    jailing_claim(rc == 0, "%s: %s", what, mdb_strerror(rc));
    if (rc != 0) {
        exit(1);
    }
}

static void write_all(MDB_env *env, int round)
{
    MDB_txn *txn;
    MDB_dbi dbi;

    must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    must(mdb_dbi_open(txn, NULL, 0, &dbi), "database");
    for (int i = 0; i < ENTRIES; i++) {
        char text[512];
        memset(text, 'a' + round, sizeof text);
        MDB_val key = {sizeof i, &i}, value = {sizeof text, text};
        must(mdb_put(txn, dbi, &key, &value, 0), "put");
    }
    must(mdb_txn_commit(txn), "commit");
}

static void a_database_is_kept(void)
{
    char copy[160];
    MDB_env *env;
    MDB_stat stat;
    int dead = -1;
    struct seal_spec spec = jailing_seal_spec(&host);

    spec.state_dir = place;
    (void)snprintf(copy, sizeof copy, "%s/copy", place);
    jailing_seal(&spec);
    must(mdb_env_create(&env), "create");
    must(mdb_env_set_mapsize(env, SMALL_MAP), "map");
    must(mdb_env_open(env, place, flags, 0600), "open");
    for (int round = 0; round < ROUNDS; round++) {
        write_all(env, round);
    }
    must(mdb_env_set_mapsize(env, LARGE_MAP), "a larger map");
    write_all(env, ROUNDS);
    must(mdb_env_sync(env, 1), "sync");
    must(mdb_reader_check(env, &dead), "readers");
    must(mkdir(copy, 0700), "mkdir");
    must(mdb_env_copy2(env, copy, MDB_CP_COMPACT), "copy"); /* in a thread of its own */
    must(mdb_env_stat(env, &stat), "stat");
    jailing_claim(stat.ms_entries == ENTRIES, "%zu entries", stat.ms_entries);
    mdb_env_close(env);
}

static const struct {
    unsigned flags;
    const char *name;
} ways[] = {
    {0, "written by calls, read through a map"},
    {MDB_WRITEMAP, "written through the map"},
};

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 64;
    }
    jailing_open(&host, argv[1], &argv[2], 1);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        flags = ways[i].flags;
        (void)snprintf(place, sizeof place, "%s/%zu", host.inside, i);
        jailing_claim(mkdir(place, 0700) == 0, "mkdir %s", place);
        jailing_in_child(a_database_is_kept, ways[i].name);
    }
    jailing_close(&host);
    return jailing_failed() > 0;
}
