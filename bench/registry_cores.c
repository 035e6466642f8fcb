/* What the registry's cores cost, of which no cell is made yet. Prints a number a line.
 *
 *   registry_cores resolve RUNS         us of each answer for a thousand packages of twenty versions
 *   registry_cores records COUNT        us a record: read, its signature verified
 *   registry_cores proofs LEAVES        us of a proof that a record is in a log of so many, and the bytes of the longest
 *   registry_cores index COUNT FILE     write an index of so many packages
 *   registry_cores search FILE WORD     look for a word in it: what a command would do, from start to end */
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/macros.h"
#include "registry/log.h"
#include "registry/record.h"
#include "registry/search.h"
#include "registry/signed.h"
#include "tests/unit/registry/universe.h"

enum { ARENA = 256 << 20, INDEX_ROOM = 64 << 20, TOLD = 20 };

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int fail(const char *what)
{
    (void)fprintf(stderr, "registry_cores: %s\n", what);
    return 1;
}

static int resolve(long runs)
{
    static struct universe u;
    static uint32_t choice[UNIVERSE_PACKAGES];
    static char why_text[REGISTRY_RESOLVE_WHY_MAX];
    struct bytes_text why;
    struct arena a;

    universe_large(&u);
    arena_init(&a, ARENA);
    for (long i = 0; i < runs; i++) {
        double begin = now_us();
        arena_reset(&a);
        bytes_text_init(&why, why_text, sizeof why_text);
        if (registry_resolve_run(&u.q, &a, choice, &why) != ERR_OK || choice[999] != 19) {
            return fail("no answer");
        }
        printf("%.1f\n", now_us() - begin);
    }
    arena_fini(&a);
    return 0;
}

static int records(long count)
{
    static char body[REGISTRY_RECORD_MAX], document[REGISTRY_RECORD_MAX];
    static uint8_t secret[1][REGISTRY_SECRET_SIZE];
    struct registry_keys keys = {.threshold = 1, .count = 1};
    struct registry_record r;
    struct registry_signed s;
    struct bytes_text t;

    crypto_sign_keypair(keys.key[0], secret[0]);
    bytes_text_init(&t, body, sizeof body);
    bytes_text_add(&t, "cell-registry-record-1\norigin example.org/cells\nname acme/greeter\nversion 1.2.3\nmade 1790000000\nsummary Says hello.\n"
                       "repository https://example.org/acme/greeter.git\ncommit %040d\ntree %064d\ndepends acme/log ^1.2\ndepends b *\n", 1, 7);
    size_t size = registry_signed_write((struct registry_slice){.at = body, .len = t.len}, secret, 1, document, sizeof document);
    double begin = now_us();
    for (long i = 0; i < count; i++) {
        if (size == 0 || !registry_signed_split(document, size, &s) || registry_signed_judge(&s, &keys, NULL) != REGISTRY_FAULT_NONE ||
            !registry_record_read(s.body, &r)) {
            return fail("no record");
        }
    }
    printf("%.3f\n", (now_us() - begin) / (double)count);
    return 0;
}

static uint8_t (*row)[REGISTRY_HASH_SIZE];

static bool get(void *context, uint64_t place, uint8_t ret[REGISTRY_HASH_SIZE])
{
    (void)context;
    memcpy(ret, row[place], REGISTRY_HASH_SIZE);
    return true;
}

static int proofs(long leaves)
{
    enum { ASKED = 1000 };
    struct registry_log log = {.get = get};
    struct registry_log_head head;
    uint8_t leaf[REGISTRY_HASH_SIZE], proof[REGISTRY_LOG_PROOF_MAX][REGISTRY_HASH_SIZE], added[REGISTRY_LOG_APPEND_MAX][REGISTRY_HASH_SIZE];
    unsigned count, most = 0;
    double spent = 0;

    row = malloc(2 * (size_t)leaves * REGISTRY_HASH_SIZE);
    if (row == NULL) {
        return fail("no memory");
    }
    for (long i = 0; i < leaves; i++) {
        registry_log_leaf(&i, sizeof i, leaf);
        if (registry_log_append(&log, leaf, added, &count) != ERR_OK) {
            return fail("no append");
        }
        memcpy(row[registry_log_hashes(log.size)], added, count * REGISTRY_HASH_SIZE);
        log.size++;
    }
    if (registry_log_root(&log, log.size, &head) != ERR_OK) {
        return fail("no root");
    }
    for (long i = 0; i < ASKED; i++) {
        long at = i * 7919 % leaves;
        registry_log_leaf(&at, sizeof at, leaf);
        if (registry_log_include(&log, (uint64_t)at, log.size, proof, &count) != ERR_OK) {
            return fail("no proof");
        }
        most = count > most ? count : most;
        double begin = now_us();
        if (!registry_log_is_included(&head, (uint64_t)at, leaf, proof, count)) {
            return fail("a proof does not hold");
        }
        spent += now_us() - begin;
    }
    printf("%.3f\n%u\n", spent / ASKED, most * REGISTRY_HASH_SIZE);
    free(row);
    return 0;
}

static int make_index(long count, const char *path)
{
    static const char *const words[] = {"log", "http", "cache", "queue", "mail", "store", "proxy", "clock", "trace", "auth"};
    char name[64], summary[128];
    char *text = malloc(INDEX_ROOM);
    struct bytes_text t;
    FILE *f = fopen(path, "we");

    if (text == NULL || f == NULL) {
        return fail(path);
    }
    bytes_text_init(&t, text, INDEX_ROOM);
    registry_search_add_head(&t, (struct registry_slice){.at = "example.org/cells", .len = 17});
    for (long i = 0; i < count; i++) {
        int n = snprintf(name, sizeof name, "space%04ld/%s-%s", i, words[i % 10], words[i / 10 % 10]);
        int s = snprintf(summary, sizeof summary, "A %s for each %s that goes by way of a %s.", words[i / 7 % 10], words[i / 3 % 10], words[i / 11 % 10]);
        registry_search_add(&t, &(struct registry_search_found){.name = {.at = name, .len = (size_t)n}, .version = {.at = "1.2.3", .len = 5},
                                                                .summary = {.at = summary, .len = (size_t)s}});
    }
    bool is_written = !t.cut && fwrite(text, 1, t.len, f) == t.len;
    free(text);
    return fclose(f) == 0 && is_written ? 0 : fail(path);
}

static int search(const char *path, const char *words)
{
    static struct registry_search_found found[TOLD];
    struct registry_search_question q;
    struct registry_search s;
    struct stat at;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &at) != 0 || at.st_size == 0) {
        return fail(path);
    }
    void *bytes = mmap(NULL, (size_t)at.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED || !registry_search_read(bytes, (size_t)at.st_size, &s) || registry_search_parse(words, strlen(words), &q) != ERR_OK) {
        return fail(path);
    }
    size_t all = registry_search_ask(&s, &q, found, TOLD);
    for (size_t i = 0; i < all && i < TOLD; i++) {
        printf("%.*s\n", (int)found[i].name.len, found[i].name.at);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : 0;

    if (argc == 4 && strcmp(what, "search") == 0) {
        return search(argv[2], argv[3]);
    }
    if (sodium_init() < 0 || count < 1) {
        return fail("resolve RUNS | records COUNT | proofs LEAVES | index COUNT FILE | search FILE WORD");
    }
    return argc == 4 && strcmp(what, "index") == 0 ? make_index(count, argv[3])
           : strcmp(what, "resolve") == 0          ? resolve(count)
           : strcmp(what, "records") == 0          ? records(count)
           : strcmp(what, "proofs") == 0           ? proofs(count)
                                                   : fail("resolve, records, proofs, index or search");
}
