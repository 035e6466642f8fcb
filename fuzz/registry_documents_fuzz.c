/* Documents of a repository as a stranger writes them: whatever is read is written again to the byte, so each has one form.
 * Input: a byte of the kind, and the bytes. */
#include <stdlib.h>
#include <string.h>

#include "registry/key.h"
#include "registry/lock.h"
#include "registry/search.h"
#include "registry/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char again[2 * 1024 * 1024];

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void must_be(const struct bytes_text *t, struct registry_slice body)
{
    must(t->cut || (t->len == body.len && memcmp(again, body.at, body.len) == 0));
}

static void try_roles(unsigned kind, struct registry_slice body)
{
    struct registry_timestamp timestamp;
    struct registry_snapshot snapshot;
    struct registry_spaces spaces;
    struct registry_keys keys;
    struct registry_root root;
    struct bytes_text t;

    bytes_text_init(&t, again, sizeof again);
    if (kind == 0 && registry_roles_read_root(body, &root)) {
        registry_roles_add_root(&t, &root);
        must_be(&t, body);
    } else if (kind == 1 && registry_roles_read_timestamp(body, &timestamp)) {
        registry_roles_add_timestamp(&t, &timestamp);
        must_be(&t, body);
    } else if (kind == 2 && registry_roles_read_snapshot(body, &snapshot)) {
        registry_roles_add_snapshot(&t, &snapshot);
        must_be(&t, body);
    } else if (kind == 3 && registry_roles_read_spaces(body, &spaces)) {
        registry_roles_add_spaces(&t, &spaces);
        must_be(&t, body);
        must(!registry_roles_find_space(&spaces, (struct registry_slice){.at = "acme/a", .len = 6}, &keys) || keys.threshold <= keys.count);
    }
}

static void try_record(struct registry_slice body)
{
    struct registry_record r;
    struct bytes_text t;

    bytes_text_init(&t, again, sizeof again);
    if (registry_record_read(body, &r)) {
        must(registry_record_write(&r, &t));
        must_be(&t, body);
    }
}

static void try_catalogue(struct registry_slice bytes)
{
    struct registry_catalogue c;
    struct registry_entry e, found;
    struct registry_version v;
    struct bytes_text t;

    if (!registry_catalogue_read(bytes.at, bytes.len, &c)) {
        return;
    }
    bytes_text_init(&t, again, sizeof again);
    registry_catalogue_add_head(&t, c.origin);
    struct registry_slice rest = c.list;
    while (registry_catalogue_next(&rest, &e)) {
        registry_catalogue_add(&t, &e);
        must(registry_version_parse(e.version.at, e.version.len, &v) == ERR_OK);
        must(registry_catalogue_find(&c, e.name, &v, &found) && found.hash[0] == e.hash[0] && found.name.at == e.name.at);
        must(registry_catalogue_of(&c, e.name).len > 0);
    }
    must_be(&t, bytes);
}

static void try_signed(struct registry_slice bytes)
{
    struct registry_keys keys = {.threshold = 1, .count = 1};
    struct registry_signed s;

    if (registry_signed_split(bytes.at, bytes.len, &s)) {
        must(s.body.len + 1 + s.count * REGISTRY_SIGNATURE_LINE == bytes.len && s.body.at[s.body.len - 1] == '\n');
        memcpy(keys.key[0], s.by[0].key, REGISTRY_KEY_SIZE);
        enum registry_fault f = registry_signed_judge(&s, &keys, NULL);
        must(f == REGISTRY_FAULT_FORGED || f == REGISTRY_FAULT_NONE);
    }
}

static void try_lock(struct registry_slice bytes)
{
    struct registry_lock_package p;
    struct registry_lock_need n;
    struct registry_lock l;
    struct bytes_text t;

    if (!registry_lock_read(bytes.at, bytes.len, &l)) {
        return;
    }
    bytes_text_init(&t, again, sizeof again);
    registry_lock_add_head(&t, l.origin);
    while (registry_lock_next_need(&l.needs, &n)) {
        registry_lock_add_need(&t, &n);
    }
    while (registry_lock_next_package(&l.packages, &p)) {
        registry_lock_add_package(&t, &p);
    }
    must_be(&t, bytes);
}

/* A line is a question, what follows an index; whoever is found is found by name, too. */
static void try_search(struct registry_slice bytes)
{
    struct registry_search_question q = {.count = 1, .word = {{.len = 1, .at = "a"}}};
    struct registry_search_found f[4], one;
    struct registry_search s;
    size_t line = 0;

    while (line < bytes.len && bytes.at[line] != '\n') {
        line++;
    }
    (void)!registry_search_parse(bytes.at, line, &q); /* else the one above */
    if (line == bytes.len || !registry_search_read(bytes.at + line + 1, bytes.len - line - 1, &s)) {
        return;
    }
    size_t all = registry_search_ask(&s, &q, f, ARRAY_LEN(f));
    for (size_t i = 0; i < all && i < ARRAY_LEN(f); i++) {
        must(registry_search_find(&s, f[i].name, &one) && one.name.at == f[i].name.at && (i == 0 || f[i - 1].distance <= f[i].distance));
        (void)registry_search_alike(&s, f[i].name, &one, 1);
    }
    must(s.list.len == 0 || (registry_search_find(&s, (struct registry_slice){.at = s.list.at, .len = strcspn(s.list.at, " ")}, &one) && one.name.at == s.list.at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char image[REGISTRY_TRUST_IMAGE_MAX];
    static struct registry_trust trust;
    uint8_t key[REGISTRY_KEY_SIZE];

    if (size == 0) {
        return 0;
    }
    struct registry_slice body = {.at = (const char *)data + 1, .len = size - 1};
    unsigned kind = data[0] % 11;
    if (kind < 4) {
        try_roles(kind, body);
    } else if (kind == 4) {
        try_record(body);
    } else if (kind == 5) {
        try_catalogue(body);
    } else if (kind == 6) {
        try_signed(body);
    } else if (kind == 9) {
        try_lock(body);
    } else if (kind == 10) {
        try_search(body);
    } else if (kind == 7) {
        must(!registry_trust_read(body.at, body.len, &trust) || registry_trust_write(&trust, image) == body.len);
        must(registry_trust_init(&trust, body.at, body.len) != REGISTRY_FAULT_NONE);
    } else {
        must(registry_key_public(body.at, body.len, key) == ERR_MALFORMED || body.len <= REGISTRY_KEY_FILE_MAX); /* opening costs a second */
    }
    return 0;
}
