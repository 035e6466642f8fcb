/* What lasts of a registry_trust, as bytes: its lines, the trusted root's, and a hash of it all. */
#include <assert.h>
#include <string.h>

#include "registry/trust.h"

static const char head[] = "cell-registry-trust-1";

enum { SUM_LINE = 4 + 2 * REGISTRY_HASH_SIZE + 1 };

static void add(struct bytes_text *t, const char *word, const struct registry_named *named)
{
    bytes_text_add(t, "%s %llu %llu ", word, (unsigned long long)named->version, (unsigned long long)named->size);
    registry_text_add_hex(t, named->hash, sizeof named->hash);
    bytes_text_add(t, "\n");
}

static void take(struct registry_text *t, const char *word, struct registry_named *ret)
{
    struct registry_slice line = registry_text_take(t, word), number[2];

    t->is_good = t->is_good && registry_text_word(&line, &number[0]) && registry_text_word(&line, &number[1]) &&
                 registry_text_number(number[0], &ret->version) && registry_text_number(number[1], &ret->size) &&
                 registry_text_hex(line, ret->hash, REGISTRY_HASH_SIZE);
}

size_t registry_trust_write(const struct registry_trust *t, char to[REGISTRY_TRUST_IMAGE_MAX])
{
    uint8_t sum[REGISTRY_HASH_SIZE];
    struct bytes_text text;

    bytes_text_init(&text, to, REGISTRY_TRUST_IMAGE_MAX);
    bytes_text_add(&text, "%s\nmade %llu\n", head, (unsigned long long)t->made_s);
    add(&text, "timestamp", &t->timestamp);
    add(&text, "snapshot", &t->snapshot);
    add(&text, "spaces", &t->spaces);
    add(&text, "log", &t->log);
    add(&text, "proved", &t->proved);
    registry_roles_add_root(&text, &t->root);
    registry_text_hash(to, text.len, sum);
    bytes_text_add(&text, "sum ");
    registry_text_add_hex(&text, sum, sizeof sum);
    bytes_text_add(&text, "\n");
    assert(!text.cut);
    return text.len;
}

bool registry_trust_read(const void *bytes, size_t size, struct registry_trust *ret)
{
    uint8_t sum[REGISTRY_HASH_SIZE], real[REGISTRY_HASH_SIZE];
    struct registry_trust t = {.stage = REGISTRY_TRUST_ROOT};
    struct registry_text in, end;

    if (size < SUM_LINE || size >= REGISTRY_TRUST_IMAGE_MAX) {
        return false;
    }
    registry_text_begin(&end, (const char *)bytes + size - SUM_LINE, SUM_LINE);
    registry_text_take_hex(&end, "sum", sum, sizeof sum);
    registry_text_hash(bytes, size - SUM_LINE, real);
    if (!registry_text_is_over(&end) || memcmp(sum, real, sizeof sum) != 0) {
        return false;
    }
    registry_text_begin(&in, bytes, size - SUM_LINE);
    registry_text_take_line(&in, head);
    t.made_s = registry_text_take_number(&in, "made");
    take(&in, "timestamp", &t.timestamp);
    take(&in, "snapshot", &t.snapshot);
    take(&in, "spaces", &t.spaces);
    take(&in, "log", &t.log);
    take(&in, "proved", &t.proved);
    if (!in.is_good || !registry_roles_read_root((struct registry_slice){.at = in.at, .len = (size_t)(in.end - in.at)}, &t.root)) {
        return false;
    }
    t.expires_s = t.root.expires_s;
    *ret = t;
    return true;
}
