#include "registry/note.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char dash[] = "\xe2\x80\x94 "; /* U+2014 */

enum {
    ED25519 = 1, /* the algorithm's number */
    ID_SIZE = 4,
    SIGNED_SIZE = ID_SIZE + REGISTRY_SIGNATURE_SIZE,
};

/* ---- base64: RFC 4648, section 4 ------------------------------------------------------------------------ */

static void add_base64(struct bytes_text *t, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 3) {
        uint32_t left = (uint32_t)(size - i < 3 ? size - i : 3);
        uint32_t word = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0u);

        bytes_text_add(t, "%c%c%c%c", alphabet[word >> 18], alphabet[word >> 12 & 63], left > 1 ? alphabet[word >> 6 & 63] : '=',
                       left > 2 ? alphabet[word & 63] : '=');
    }
}

/* Exactly `size` bytes in their one spelling: padded, and nothing in the bits that are left over (section 3.5). */
static bool read_base64(struct registry_slice s, uint8_t *to, size_t size)
{
    size_t padding = (3 - size % 3) % 3, done = 0;
    uint32_t word = 0;

    if (s.len != (size + 2) / 3 * 4) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        bool is_padding = i >= s.len - padding;
        const char *at = s.at[i] == '\0' ? NULL : strchr(alphabet, s.at[i]);

        if (is_padding ? s.at[i] != '=' : at == NULL) {
            return false;
        }
        word = word << 6 | (is_padding ? 0u : (uint32_t)(at - alphabet));
        if (i % 4 != 3) {
            continue;
        }
        for (int shift = 16; shift >= 0; shift -= 8) {
            uint8_t byte = (uint8_t)(word >> shift);

            if (done < size) {
                to[done++] = byte;
            } else if (byte != 0) {
                return false;
            }
        }
        word = 0;
    }
    return done == size;
}

/* ---- keys --------------------------------------------------------------------------------------------- */

static bool is_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '+') {
            return false;
        }
    }
    return len > 0 && len <= REGISTRY_NOTE_NAME_MAX;
}

static bool make_key(const char *name, size_t len, const uint8_t *public, struct registry_note_key *ret)
{
    static const uint8_t between[] = {'\n', ED25519};
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;

    if (!is_name(name, len)) {
        return false;
    }
    (void)crypto_hash_sha256_init(&state); /* none of these fails */
    (void)crypto_hash_sha256_update(&state, (const uint8_t *)name, len);
    (void)crypto_hash_sha256_update(&state, between, sizeof between);
    (void)crypto_hash_sha256_update(&state, public, REGISTRY_KEY_SIZE);
    (void)crypto_hash_sha256_final(&state, digest);
    *ret = (struct registry_note_key){.id = {digest[0], digest[1], digest[2], digest[3]}};
    memcpy(ret->name, name, len);
    memcpy(ret->public, public, REGISTRY_KEY_SIZE);
    return true;
}

bool registry_note_make_key(const char *name, const uint8_t public[REGISTRY_KEY_SIZE], struct registry_note_key *ret)
{
    return make_key(name, strlen(name), public, ret);
}

bool registry_note_read_key(const char *text, size_t len, struct registry_note_key *ret)
{
    const char *first = memchr(text, '+', len);
    size_t name = first == NULL ? 0 : (size_t)(first - text);
    uint8_t key[1 + REGISTRY_KEY_SIZE], id[ID_SIZE];
    struct registry_note_key made;

    /* name '+' eight digits '+' 44 characters */
    if (first == NULL || len != name + 1 + 2 * ID_SIZE + 1 + 44 || first[1 + 2 * ID_SIZE] != '+') {
        return false;
    }
    if (!registry_text_hex((struct registry_slice){.at = first + 1, .len = 2 * ID_SIZE}, id, sizeof id) ||
        !read_base64((struct registry_slice){.at = first + 2 + 2 * ID_SIZE, .len = 44}, key, sizeof key) || key[0] != ED25519 ||
        !make_key(text, name, key + 1, &made) || memcmp(made.id, id, sizeof id) != 0) {
        return false;
    }
    *ret = made;
    return true;
}

void registry_note_add_key(struct bytes_text *t, const struct registry_note_key *key)
{
    uint8_t bytes[1 + REGISTRY_KEY_SIZE] = {ED25519};

    memcpy(bytes + 1, key->public, REGISTRY_KEY_SIZE);
    bytes_text_add(t, "%s+", key->name);
    registry_text_add_hex(t, key->id, sizeof key->id);
    bytes_text_add(t, "+");
    add_base64(t, bytes, sizeof bytes);
}

/* ---- notes -------------------------------------------------------------------------------------------- */

/* The text ends with the last empty line: it may have empty lines itself. */
static const char *find_gap(const char *note, size_t size)
{
    const char *gap = NULL;

    for (size_t i = 0; i + 1 < size; i++) {
        gap = note[i] == '\n' && note[i + 1] == '\n' ? note + i : gap;
    }
    return gap;
}

static bool take_signature(struct registry_slice *rest, struct registry_slice *ret_name, struct registry_slice *ret_signature)
{
    const char *end = memchr(rest->at, '\n', rest->len);
    size_t len = end == NULL ? 0 : (size_t)(end - rest->at), head = sizeof dash - 1;
    struct registry_slice line = {.at = rest->at + head, .len = len < head ? 0 : len - head};

    if (len < head || memcmp(rest->at, dash, head) != 0 || !registry_text_word(&line, ret_name) || !is_name(ret_name->at, ret_name->len) ||
        !registry_text_word(&line, ret_signature) || line.len != 0) {
        return false;
    }
    *rest = (struct registry_slice){.at = end + 1, .len = rest->len - len - 1};
    return true;
}

enum registry_fault registry_note_open(const void *note, size_t size, const struct registry_note_key *key, struct registry_slice *ret_text)
{
    struct registry_slice text = {.at = note}, rest, name, signature;
    bool is_signed = false;

    if (size > REGISTRY_NOTE_MAX) {
        return REGISTRY_FAULT_TOO_LARGE;
    }
    const char *gap = find_gap(note, size);
    if (gap == NULL || !bytes_is_utf8(note, size)) {
        return REGISTRY_FAULT_MALFORMED;
    }
    text.len = (size_t)(gap + 1 - text.at);
    rest = (struct registry_slice){.at = gap + 2, .len = size - text.len - 1};
    if (rest.len == 0) {
        return REGISTRY_FAULT_MALFORMED;
    }
    for (unsigned i = 0; rest.len > 0; i++) {
        uint8_t bytes[SIGNED_SIZE];

        if (i == REGISTRY_NOTE_SIGNATURES_MAX || !take_signature(&rest, &name, &signature)) {
            return REGISTRY_FAULT_MALFORMED;
        }
        /* Others' signatures may be of other algorithms and lengths; who has this name and id is meant to be this key. */
        if (!registry_text_same(name, key->name) || !read_base64(signature, bytes, sizeof bytes) || memcmp(bytes, key->id, ID_SIZE) != 0) {
            continue;
        }
        if (crypto_sign_verify_detached(bytes + ID_SIZE, (const uint8_t *)text.at, text.len, key->public) != 0) {
            return REGISTRY_FAULT_FORGED;
        }
        is_signed = true;
    }
    if (!is_signed) {
        return REGISTRY_FAULT_UNSIGNED;
    }
    *ret_text = text;
    return REGISTRY_FAULT_NONE;
}

size_t registry_note_write(struct registry_slice text, const struct registry_note_key *key, const uint8_t secret[REGISTRY_SECRET_SIZE], char *to, size_t room)
{
    uint8_t bytes[SIGNED_SIZE];
    struct bytes_text t;

    assert(text.len > 0 && text.at[text.len - 1] == '\n');
    memcpy(bytes, key->id, ID_SIZE);
    (void)crypto_sign_detached(bytes + ID_SIZE, NULL, (const uint8_t *)text.at, text.len, secret);
    bytes_text_init(&t, to, room);
    bytes_text_add(&t, "%.*s\n%s%s ", (int)text.len, text.at, dash, key->name);
    add_base64(&t, bytes, sizeof bytes);
    bytes_text_add(&t, "\n");
    return t.cut ? 0 : t.len;
}

bool registry_note_read_checkpoint(struct registry_slice text, struct registry_checkpoint *ret)
{
    struct registry_checkpoint c;
    struct registry_text t;

    registry_text_begin(&t, text.at, text.len);
    c.origin = registry_text_take_rest(&t);
    struct registry_slice size = registry_text_take_rest(&t), hash = registry_text_take_rest(&t);
    while (t.is_good && t.at < t.end) {
        (void)registry_text_take_rest(&t); /* what others add is signed, and says nothing here */
    }
    if (!registry_text_is_over(&t) || !is_name(c.origin.at, c.origin.len) || !registry_text_number(size, &c.head.size) ||
        !read_base64(hash, c.head.hash, sizeof c.head.hash)) {
        return false;
    }
    *ret = c;
    return true;
}

void registry_note_add_checkpoint(struct bytes_text *t, const struct registry_checkpoint *c)
{
    bytes_text_add(t, "%.*s\n%llu\n", (int)c->origin.len, c->origin.at, (unsigned long long)c->head.size);
    add_base64(t, c->head.hash, sizeof c->head.hash);
    bytes_text_add(t, "\n");
}
