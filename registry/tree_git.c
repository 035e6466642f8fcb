/* Git's ids of folders: the SHA-1 or SHA-256 of "tree SIZE", a zero, and for each thing in it, in the order of names as if folders ended with '/',
 * "MODE NAME", a zero and its id (git, Documentation/gitformat-pack and "Git Internals - Git Objects"). Paths that ascend by bytes are in that
 * order already. */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "registry/tree.h"

enum { SHA256_SIZE = crypto_hash_sha256_BYTES };

static const char *const mode[] = {"100644", "100755", "120000"};
static const char folder_mode[] = "40000";

struct hashing {
    bool is_sha1;
    struct sha1 sha1;
    crypto_hash_sha256_state sha256;
};

static void begin(struct hashing *h)
{
    sha1_init(&h->sha1);
    (void)crypto_hash_sha256_init(&h->sha256); /* neither of these fails */
}

static void add(struct hashing *h, const void *bytes, size_t size)
{
    if (h->is_sha1) {
        sha1_add(&h->sha1, bytes, size);
    } else {
        (void)crypto_hash_sha256_update(&h->sha256, bytes, size);
    }
}

static size_t id_size(bool is_sha1)
{
    return is_sha1 ? SHA1_SIZE : SHA256_SIZE;
}

/* What is at `from` in a folder whose paths begin with `prefix` bytes: a file, or all that is below a folder. */
struct thing {
    struct registry_slice name;
    bool is_folder;
    size_t end; /* of its entries */
};

static struct thing thing_at(const struct registry_tree_entry *entry, size_t from, size_t count, size_t prefix)
{
    struct registry_slice rest = {.at = entry[from].path.at + prefix, .len = entry[from].path.len - prefix};
    const char *slash = memchr(rest.at, '/', rest.len);
    struct thing thing = {.name = {.at = rest.at, .len = slash == NULL ? rest.len : (size_t)(slash - rest.at)}, .is_folder = slash != NULL, .end = from + 1};
    size_t shared = prefix + thing.name.len + 1;

    while (thing.is_folder && thing.end < count && entry[thing.end].path.len > shared && memcmp(entry[thing.end].path.at, entry[from].path.at, shared) == 0) {
        thing.end++;
    }
    return thing;
}

static const char *mode_of(const struct registry_tree_entry *entry, const struct thing *thing)
{
    return thing->is_folder ? folder_mode : mode[entry->kind];
}

/* entry[0..count): all that is in a folder. At most REGISTRY_TREE_DEPTH_MAX deep. */
static void hash_folder(const struct registry_tree_entry *entry, size_t count, size_t prefix, bool is_sha1, uint8_t *ret)
{
    struct hashing h = {.is_sha1 = is_sha1};
    struct thing thing;
    struct bytes_text text;
    uint64_t size = 0;
    char head[32];

    for (size_t i = 0; i < count; i = thing.end) {
        thing = thing_at(entry, i, count, prefix);
        size += strlen(mode_of(&entry[i], &thing)) + 1 + thing.name.len + 1 + id_size(is_sha1);
    }
    begin(&h);
    bytes_text_init(&text, head, sizeof head);
    bytes_text_add(&text, "tree %llu", (unsigned long long)size);
    add(&h, head, text.len + 1); /* with its terminator */
    for (size_t i = 0; i < count; i = thing.end) {
        uint8_t id[SHA256_SIZE];

        thing = thing_at(entry, i, count, prefix);
        if (thing.is_folder) {
            hash_folder(entry + i, thing.end - i, prefix + thing.name.len + 1, is_sha1, id);
        } else {
            memcpy(id, is_sha1 ? entry[i].sha1 : entry[i].sha256, id_size(is_sha1));
        }
        add(&h, mode_of(&entry[i], &thing), strlen(mode_of(&entry[i], &thing)));
        add(&h, " ", 1);
        add(&h, thing.name.at, thing.name.len);
        add(&h, "", 1);
        add(&h, id, id_size(is_sha1));
    }
    if (is_sha1) {
        sha1_end(&h.sha1, ret);
    } else {
        (void)crypto_hash_sha256_final(&h.sha256, ret);
    }
}

void registry_tree_git_sha1(const struct registry_tree_entry *entry, size_t count, uint8_t ret[SHA1_SIZE])
{
    hash_folder(entry, count, 0, true, ret);
}

void registry_tree_git_sha256(const struct registry_tree_entry *entry, size_t count, uint8_t ret[32])
{
    hash_folder(entry, count, 0, false, ret);
}
