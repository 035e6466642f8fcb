#include "common/node/identity.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "common/node/lines.h"

static const char head[] = "cell-identity 1";

size_t identity_format(const struct identity *i, char out[IDENTITY_TEXT_MAX])
{
    struct bytes_text t;
    char hex[2 * NODE_SEED_LEN + 1];

    assert(name_valid_str(i->name));
    bytes_text_init(&t, out, IDENTITY_TEXT_MAX);
    bytes_to_hex(i->seed, sizeof i->seed, hex);
    bytes_text_add(&t, "%s\nname %s\ncreated %" PRIu64 "\nseed %s\n", head, i->name, i->created_s, hex);
    if (i->has_previous) {
        bytes_to_hex(i->previous, sizeof i->previous, hex);
        bytes_text_add(&t, "previous %s\n", hex);
    }
    sodium_memzero(hex, sizeof hex);
    lines_seal(&t);
    assert(!t.cut);
    return t.len;
}

static enum err take_line(const struct lines *l, struct identity *i)
{
    if (lines_is(l, "name", 1) && name_valid_str(l->word[1])) {
        memcpy(i->name, l->word[1], strlen(l->word[1]) + 1);
        return ERR_OK;
    }
    if (lines_is(l, "created", 1)) {
        return lines_number(l, 1, UINT64_MAX, &i->created_s);
    }
    if (lines_is(l, "seed", 1)) {
        return lines_hex(l, 1, i->seed, sizeof i->seed);
    }
    if (lines_is(l, "previous", 1)) {
        i->has_previous = true;
        return lines_hex(l, 1, i->previous, sizeof i->previous);
    }
    return ERR_MALFORMED;
}

enum err identity_parse(const char *text, size_t size, struct identity *ret)
{
    struct lines l = {0};
    struct identity i = {0};
    char again[IDENTITY_TEXT_MAX];
    enum err e = lines_open(&l, text, size, head);

    while (e == ERR_OK && (e = lines_next(&l)) == ERR_OK) {
        e = take_line(&l, &i);
    }
    if (e == ERR_NOT_FOUND) {
        /* One form for one meaning: order, repetition and what is missing are all seen here. */
        bool is_same = name_valid_str(i.name) && identity_format(&i, again) == size &&
                       sodium_memcmp(again, text, size) == 0;
        e = is_same ? ERR_OK : ERR_MALFORMED;
        sodium_memzero(again, sizeof again);
    }
    if (e == ERR_OK) {
        *ret = i;
    }
    identity_forget(&i);
    lines_close(&l);
    return e;
}

void identity_forget(struct identity *i)
{
    sodium_memzero(i, sizeof *i);
}
