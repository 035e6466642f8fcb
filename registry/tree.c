#include "registry/tree.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

const char registry_tree_head[] = "cell-registry-tree-1\n";

/* Octal, as stat(2) and git have them. */
enum { TYPE = 0170000, REGULAR = 0100000, SYMLINK = 0120000, FOLDER = 0040000, SUBMODULE = 0160000, SET_ID = 07000, OWNER_RUNS = 0100 };

/* Git's folder by its name and by the one that FAT gives it; files with which git would fetch something else. */
static const char *const gits_own[] = {".git", "git~1", ".gitmodules", "gitmod~1"};
static const char *const devices[] = {"con", "prn", "aux", "nul"};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_word(char c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_folded(struct registry_slice s, const char *word)
{
    if (s.len != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (lower(s.at[i]) != word[i]) {
            return false;
        }
    }
    return true;
}

/* Before the first dot: "aux.c" opens the device, too. */
static bool is_device(struct registry_slice s)
{
    const char *dot = memchr(s.at, '.', s.len);
    struct registry_slice stem = {.at = s.at, .len = dot == NULL ? s.len : (size_t)(dot - s.at)}, kind = {.at = s.at, .len = 3};

    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        if (is_folded(stem, devices[i])) {
            return true;
        }
    }
    return stem.len == 4 && (is_folded(kind, "com") || is_folded(kind, "lpt")) && s.at[3] >= '0' && s.at[3] <= '9';
}

static const char *component_fault(struct registry_slice s)
{
    if (s.len == 0) {
        return "a component of the path is empty";
    }
    if (s.len > REGISTRY_TREE_COMPONENT_MAX) {
        return "a component of the path has more than 100 characters";
    }
    if (is_folded(s, ".") || is_folded(s, "..")) {
        return "a component of the path is . or ..";
    }
    for (size_t i = 0; i < ARRAY_LEN(gits_own); i++) {
        if (is_folded(s, gits_own[i])) {
            return "a component of the path is git's own";
        }
    }
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.at[i] >= 0x80) {
            return "the path has characters beyond ASCII, of which others have other spellings";
        }
        if (!is_word(s.at[i]) && (s.at[i] == '\0' || strchr(".+@=,-", s.at[i]) == NULL)) {
            return "the path has a character other than letters, digits and . _ + @ = , -";
        }
    }
    if (!is_word(s.at[0]) && !(s.at[0] == '.' && is_word(s.at[1]))) {
        return "a component of the path does not begin with a letter, a digit, '_' or one '.' before such";
    }
    if (s.at[s.len - 1] == '.') {
        return "a component of the path ends with a dot, which other hosts drop";
    }
    return is_device(s) ? "a component of the path is a device on other hosts" : NULL;
}

/* The first component; *rest goes on behind its '/', its at is NULL behind the last. */
static struct registry_slice take_component(struct registry_slice *rest)
{
    const char *slash = rest->len == 0 ? NULL : memchr(rest->at, '/', rest->len);
    struct registry_slice s = {.at = rest->at, .len = slash == NULL ? rest->len : (size_t)(slash - rest->at)};

    *rest = slash == NULL ? (struct registry_slice){.at = NULL, .len = 0} : (struct registry_slice){.at = slash + 1, .len = rest->len - s.len - 1};
    return s;
}

const char *registry_tree_path_fault(struct registry_slice path)
{
    struct registry_slice rest = path;
    unsigned depth = 0;

    if (path.len > REGISTRY_TREE_PATH_MAX) {
        return "the path has more than 400 characters";
    }
    do {
        const char *fault = component_fault(take_component(&rest));

        if (fault != NULL) {
            return fault;
        }
        if (++depth > REGISTRY_TREE_DEPTH_MAX) {
            return "the path has more than 32 components";
        }
    } while (rest.at != NULL);
    return NULL;
}

const char *registry_tree_link_fault(struct registry_slice path, struct registry_slice target)
{
    struct registry_slice rest = path;
    unsigned depth = 0;

    for (; (void)take_component(&rest), rest.at != NULL; depth++) {
    }
    if (target.len == 0 || target.at[0] == '/') {
        return "a link leads nowhere or to an absolute path";
    }
    /* Upwards at the begin alone: there the folders are real ones, not links of the same tree that lead elsewhere. */
    for (rest = target; rest.len >= 2 && memcmp(rest.at, "..", 2) == 0 && (rest.len == 2 || rest.at[2] == '/');) {
        if (depth-- == 0) {
            return "a link leads out of the tree";
        }
        if (rest.len == 2) {
            return NULL;
        }
        rest = (struct registry_slice){.at = rest.at + 3, .len = rest.len - 3};
    }
    const char *fault = registry_tree_path_fault(rest);
    return fault == NULL ? NULL : "a link leads to something that is no path of a tree";
}

const char *registry_tree_mode_fault(uint32_t mode, enum registry_tree_kind *ret_kind)
{
    uint32_t type = mode & TYPE;

    if ((mode & SET_ID) != 0 && type != FOLDER) {
        return "a file would run as somebody else";
    }
    if (type == REGULAR) {
        *ret_kind = (mode & OWNER_RUNS) != 0 ? REGISTRY_TREE_EXEC : REGISTRY_TREE_FILE;
        return NULL;
    }
    if (type == SYMLINK) {
        *ret_kind = REGISTRY_TREE_LINK;
        return NULL;
    }
    return type == SUBMODULE ? "a submodule: what it is comes from elsewhere"
           : type == FOLDER  ? "a folder is no file"
                             : "a device, pipe or socket is no file";
}

/* ---- hashes of one ------------------------------------------------------------------------------------ */

enum { STATE_ALIGN = 64 };

static_assert(sizeof(crypto_generichash_state) + STATE_ALIGN - 1 <= sizeof((struct registry_tree_hashing *)0)->blake2b &&
                  sizeof(crypto_hash_sha256_state) <= sizeof((struct registry_tree_hashing *)0)->sha256,
              "libsodium's states have room");

static crypto_generichash_state *blake2b_of(struct registry_tree_hashing *h)
{
    return (crypto_generichash_state *)(((uintptr_t)h->blake2b + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN);
}

static crypto_hash_sha256_state *sha256_of(struct registry_tree_hashing *h)
{
    return (crypto_hash_sha256_state *)(void *)h->sha256;
}

void registry_tree_file_begin(struct registry_tree_hashing *h, uint64_t size)
{
    char head[32];
    struct bytes_text text;

    *h = (struct registry_tree_hashing){.size = size};
    bytes_text_init(&text, head, sizeof head);
    bytes_text_add(&text, "blob %llu", (unsigned long long)size);
    (void)crypto_generichash_init(blake2b_of(h), NULL, 0, REGISTRY_HASH_SIZE); /* fails for sizes alone */
    (void)crypto_hash_sha256_init(sha256_of(h));
    sha1_init(&h->sha1);
    (void)crypto_hash_sha256_update(sha256_of(h), (const uint8_t *)head, text.len + 1); /* the terminator is hashed, too */
    sha1_add(&h->sha1, head, text.len + 1);
}

void registry_tree_file_add(struct registry_tree_hashing *h, const void *bytes, size_t size)
{
    if (size > 0) {
        (void)crypto_generichash_update(blake2b_of(h), bytes, size);
        (void)crypto_hash_sha256_update(sha256_of(h), bytes, size);
        sha1_add(&h->sha1, bytes, size);
    }
    h->done += size;
}

enum err registry_tree_file_end(struct registry_tree_hashing *h, struct registry_tree_entry *ret)
{
    if (h->done != h->size) {
        return ERR_MALFORMED;
    }
    ret->size = h->size;
    (void)crypto_generichash_final(blake2b_of(h), ret->hash, sizeof ret->hash);
    (void)crypto_hash_sha256_final(sha256_of(h), ret->sha256);
    sha1_end(&h->sha1, ret->sha1);
    return ERR_OK;
}

/* ---- all of them -------------------------------------------------------------------------------------- */

/* Component by component without regard to case: what shares a folder on some host stands together, a folder before what is in it. */
static int compare_folded(struct registry_slice a, struct registry_slice b)
{
    size_t both = a.len < b.len ? a.len : b.len;

    for (size_t i = 0; i < both; i++) {
        unsigned char x = a.at[i] == '/' ? 0 : (unsigned char)lower(a.at[i]), y = b.at[i] == '/' ? 0 : (unsigned char)lower(b.at[i]);

        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* A heap: the same time whatever is in it, and nothing but the scratch. */
static void sift(const struct registry_tree_entry *entry, uint32_t *heap, size_t at, size_t count)
{
    for (;;) {
        size_t most = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (compare_folded(entry[heap[child]].path, entry[heap[most]].path) > 0) {
                most = child;
            }
        }
        if (most == at) {
            return;
        }
        uint32_t swap = heap[at];
        heap[at] = heap[most];
        heap[most] = swap;
        at = most;
    }
}

static void sort(const struct registry_tree_entry *entry, uint32_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
    for (size_t i = count / 2; i > 0; i--) {
        sift(entry, order, i - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        uint32_t swap = order[0];

        order[0] = order[end - 1];
        order[end - 1] = swap;
        sift(entry, order, 0, end - 1);
    }
}

/* Of two neighbours in that order. */
static const char *pair_fault(struct registry_slice a, struct registry_slice b)
{
    do {
        struct registry_slice x = take_component(&a), y = take_component(&b);

        if (registry_text_compare(x, y) != 0) {
            bool is_one = x.len == y.len;

            for (size_t i = 0; i < x.len && is_one; i++) {
                is_one = lower(x.at[i]) == lower(y.at[i]);
            }
            return is_one ? "two paths differ in upper and lower case alone" : NULL;
        }
    } while (a.at != NULL && b.at != NULL);
    return a.at == NULL && b.at == NULL ? "a path is there twice" : "a file is the folder of another, too";
}

static const char *entry_fault(const struct registry_tree_entry *e)
{
    const char *fault = registry_tree_path_fault(e->path);

    if (fault == NULL && e->kind == REGISTRY_TREE_LINK) {
        return registry_tree_link_fault(e->path, e->target);
    }
    if (fault == NULL && e->size > REGISTRY_TREE_FILE_MAX) {
        return "a file has more than 256 MiB";
    }
    return fault;
}

const char *registry_tree_fault(const struct registry_tree_entry *entry, size_t count, uint32_t *scratch, size_t *ret_at)
{
    uint64_t total = 0;

    *ret_at = 0;
    if (count == 0 || count > REGISTRY_TREE_FILES_MAX) {
        return "there are no files, or more than 100,000";
    }
    for (size_t i = 0; i < count; i++) {
        const char *fault = entry_fault(&entry[i]);

        *ret_at = i;
        if (fault != NULL) {
            return fault;
        }
        total += entry[i].size;
        if (total > REGISTRY_TREE_TOTAL_MAX) {
            return "all files together have more than 1 GiB";
        }
        if (i > 0 && registry_text_compare(entry[i - 1].path, entry[i].path) >= 0) {
            return "paths do not ascend";
        }
    }
    sort(entry, scratch, count);
    for (size_t i = 1; i < count; i++) {
        const char *fault = pair_fault(entry[scratch[i - 1]].path, entry[scratch[i]].path);

        *ret_at = scratch[i];
        if (fault != NULL) {
            return fault;
        }
    }
    return NULL;
}

size_t registry_tree_line(const struct registry_tree_entry *e, char to[REGISTRY_TREE_LINE_MAX])
{
    struct bytes_text t;

    bytes_text_init(&t, to, REGISTRY_TREE_LINE_MAX);
    if (e->kind == REGISTRY_TREE_LINK) {
        bytes_text_add(&t, "link %.*s %.*s\n", (int)e->path.len, e->path.at, (int)e->target.len, e->target.at);
    } else {
        bytes_text_add(&t, "%s %llu ", e->kind == REGISTRY_TREE_EXEC ? "exec" : "file", (unsigned long long)e->size);
        registry_text_add_hex(&t, e->hash, sizeof e->hash);
        bytes_text_add(&t, " %.*s\n", (int)e->path.len, e->path.at);
    }
    assert(!t.cut);
    return t.len;
}

void registry_tree_hash(const struct registry_tree_entry *entry, size_t count, uint8_t ret[REGISTRY_HASH_SIZE])
{
    crypto_generichash_state state;
    char line[REGISTRY_TREE_LINE_MAX];

    (void)crypto_generichash_init(&state, NULL, 0, REGISTRY_HASH_SIZE); /* fails for sizes alone */
    (void)crypto_generichash_update(&state, (const uint8_t *)registry_tree_head, strlen(registry_tree_head));
    for (size_t i = 0; i < count; i++) {
        (void)crypto_generichash_update(&state, (const uint8_t *)line, registry_tree_line(&entry[i], line));
    }
    (void)crypto_generichash_final(&state, ret, REGISTRY_HASH_SIZE);
}

bool registry_tree_next(struct registry_slice *lines, struct registry_tree_entry *ret)
{
    struct registry_tree_entry e = {.target = {.at = ""}};
    struct registry_slice line, kind, size, hash;
    struct registry_text t;

    registry_text_begin(&t, lines->at, lines->len);
    line = registry_text_take_rest(&t);
    if (!t.is_good || !registry_text_word(&line, &kind)) {
        return false;
    }
    if (registry_text_same(kind, "link")) {
        e.kind = REGISTRY_TREE_LINK;
        if (!registry_text_word(&line, &e.path) || !registry_text_word(&line, &e.target)) {
            return false;
        }
    } else {
        e.kind = registry_text_same(kind, "exec") ? REGISTRY_TREE_EXEC : REGISTRY_TREE_FILE;
        if ((e.kind == REGISTRY_TREE_FILE && !registry_text_same(kind, "file")) || !registry_text_word(&line, &size) || !registry_text_word(&line, &hash) ||
            !registry_text_word(&line, &e.path) || !registry_text_number(size, &e.size) || !registry_text_hex(hash, e.hash, sizeof e.hash)) {
            return false;
        }
    }
    if (line.len > 0 || entry_fault(&e) != NULL) {
        return false;
    }
    *lines = (struct registry_slice){.at = t.at, .len = (size_t)(t.end - t.at)};
    *ret = e;
    return true;
}
