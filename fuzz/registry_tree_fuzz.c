/* Manifests of files as a stranger writes them: what is read is written the same, and whatever a tree is accepted of leads nowhere else.
 * Input: lines of a manifest, without its first one. */
#include <stdlib.h>
#include <string.h>

#include "registry/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES = 64 };

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Where a link leads, by walking. */
static void must_stay_inside(const struct registry_tree_entry *e)
{
    int depth = 0;

    for (size_t i = 0; i < e->path.len; i++) {
        depth += e->path.at[i] == '/';
    }
    for (size_t i = 0; i < e->target.len;) {
        size_t len = 0;

        while (i + len < e->target.len && e->target.at[i + len] != '/') {
            len++;
        }
        must(len > 0);
        depth += len == 2 && memcmp(e->target.at + i, "..", 2) == 0 ? -1 : 1;
        must(depth >= 0);
        i += len + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct registry_slice lines = {.at = (const char *)data, .len = size}, rest = lines;
    static struct registry_tree_entry entry[ENTRIES];
    uint8_t hash[32], other[32];
    char line[REGISTRY_TREE_LINE_MAX];
    uint32_t scratch[ENTRIES];
    size_t count = 0, at;

    while (count < ENTRIES && registry_tree_next(&rest, &entry[count])) {
        size_t len = registry_tree_line(&entry[count], line);

        must((size_t)(rest.at - lines.at) == len && memcmp(line, lines.at, len) == 0);
        lines = rest;
        if (entry[count].kind == REGISTRY_TREE_LINK) {
            must_stay_inside(&entry[count]);
        }
        count++;
    }
    if (registry_tree_fault(entry, count, scratch, &at) == NULL) {
        registry_tree_hash(entry, count, hash);
        registry_tree_git_sha1(entry, count, other);
        registry_tree_git_sha256(entry, count, other);
        must(memcmp(hash, other, sizeof hash) != 0);
    } else {
        must(count == 0 || at < count);
    }
    return 0;
}
