#include "registry/signed.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const char domain[] = "cell-registry-signature-1\n";

enum { MESSAGE_SIZE = sizeof domain - 1 + REGISTRY_HASH_SIZE };

static void message(struct registry_slice body, uint8_t to[MESSAGE_SIZE])
{
    memcpy(to, domain, sizeof domain - 1);
    registry_text_hash(body.at, body.len, to + sizeof domain - 1);
}

bool registry_signed_split(const void *bytes, size_t size, struct registry_signed *ret)
{
    const char *gap = memmem(bytes, size, "\n\n", 2);
    struct registry_text rest;

    if (gap == NULL) {
        return false;
    }
    *ret = (struct registry_signed){.body = {.at = bytes, .len = (size_t)(gap + 1 - (const char *)bytes)}};
    registry_text_begin(&rest, gap + 2, size - ret->body.len - 1);
    while (rest.is_good && rest.at < rest.end) {
        struct registry_slice line = registry_text_take(&rest, "signature"), key;
        bool is_good = ret->count < REGISTRY_SIGNATURES_MAX && registry_text_word(&line, &key) &&
                       registry_text_hex(key, ret->by[ret->count].key, REGISTRY_KEY_SIZE) &&
                       registry_text_hex(line, ret->by[ret->count].signature, REGISTRY_SIGNATURE_SIZE);

        if (!is_good || (ret->count > 0 && memcmp(ret->by[ret->count - 1].key, ret->by[ret->count].key, REGISTRY_KEY_SIZE) >= 0)) {
            return false;
        }
        ret->count++;
    }
    return rest.is_good && ret->count > 0;
}

bool registry_signed_has_key(const uint8_t (*keys)[REGISTRY_KEY_SIZE], size_t count, const uint8_t key[REGISTRY_KEY_SIZE])
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(keys[i], key, REGISTRY_KEY_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

enum registry_fault registry_signed_judge(const struct registry_signed *s, const struct registry_keys *keys, const struct registry_revoked *revoked)
{
    uint8_t signed_bytes[MESSAGE_SIZE];
    unsigned good = 0, gone = 0;

    assert(keys->threshold >= 1 && keys->threshold <= keys->count && keys->count <= REGISTRY_KEYS_MAX);
    message(s->body, signed_bytes);
    for (unsigned i = 0; i < s->count; i++) {
        if (!registry_signed_has_key(keys->key, keys->count, s->by[i].key)) {
            continue;
        }
        if (crypto_sign_verify_detached(s->by[i].signature, signed_bytes, sizeof signed_bytes, s->by[i].key) != 0) {
            return REGISTRY_FAULT_FORGED;
        }
        bool is_gone = revoked != NULL && registry_signed_has_key(revoked->key, revoked->count, s->by[i].key);
        good += !is_gone;
        gone += is_gone;
    }
    if (good >= keys->threshold) {
        return REGISTRY_FAULT_NONE;
    }
    return good + gone >= keys->threshold ? REGISTRY_FAULT_REVOKED : REGISTRY_FAULT_UNSIGNED;
}

size_t registry_signed_write(struct registry_slice body, const uint8_t (*secret)[REGISTRY_SECRET_SIZE], size_t signers, char *to, size_t room)
{
    uint8_t signed_bytes[MESSAGE_SIZE], signature[REGISTRY_SIGNATURE_SIZE];
    const uint8_t *last = NULL;
    struct bytes_text text;

    if (body.len + 1 + signers * REGISTRY_SIGNATURE_LINE + 1 > room) {
        return 0;
    }
    message(body, signed_bytes);
    bytes_text_init(&text, to, room);
    bytes_text_add(&text, "%.*s\n", (int)body.len, body.at);
    for (size_t n = 0; n < signers; n++) {
        const uint8_t *next = NULL; /* the least key that is above the last */

        for (size_t i = 0; i < signers; i++) {
            const uint8_t *key = secret[i] + crypto_sign_SEEDBYTES; /* where libsodium keeps it */
            bool is_above = last == NULL || memcmp(key, last, REGISTRY_KEY_SIZE) > 0;

            if (is_above && (next == NULL || memcmp(key, next, REGISTRY_KEY_SIZE) < 0)) {
                next = key;
            }
        }
        assert(next != NULL);
        (void)crypto_sign_detached(signature, NULL, signed_bytes, sizeof signed_bytes, next - crypto_sign_SEEDBYTES);
        bytes_text_add(&text, "signature ");
        registry_text_add_hex(&text, next, REGISTRY_KEY_SIZE);
        bytes_text_add(&text, " ");
        registry_text_add_hex(&text, signature, sizeof signature);
        bytes_text_add(&text, "\n");
        last = next;
    }
    assert(!text.cut);
    return text.len;
}

bool registry_signed_read_keys(struct registry_slice line, struct registry_keys *ret)
{
    struct registry_keys keys = {0};
    struct registry_slice word;
    uint64_t threshold;

    if (!registry_text_word(&line, &word) || !registry_text_number(word, &threshold)) {
        return false;
    }
    while (line.len > 0) {
        if (keys.count == REGISTRY_KEYS_MAX || !registry_text_word(&line, &word) || !registry_text_hex(word, keys.key[keys.count], REGISTRY_KEY_SIZE) ||
            (keys.count > 0 && memcmp(keys.key[keys.count - 1], keys.key[keys.count], REGISTRY_KEY_SIZE) >= 0)) {
            return false;
        }
        keys.count++;
    }
    if (threshold < 1 || threshold > keys.count) {
        return false;
    }
    keys.threshold = (uint8_t)threshold;
    *ret = keys;
    return true;
}

void registry_signed_add_keys(struct bytes_text *t, const struct registry_keys *keys)
{
    bytes_text_add(t, "%u", keys->threshold);
    for (unsigned i = 0; i < keys->count; i++) {
        bytes_text_add(t, " ");
        registry_text_add_hex(t, keys->key[i], REGISTRY_KEY_SIZE);
    }
}
