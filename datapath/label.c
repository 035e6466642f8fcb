#include "datapath/label.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

_Static_assert((int)DATAPATH_LABEL_KEY == (int)crypto_shorthash_KEYBYTES, "a key of SipHash");

bool datapath_label_valid(const char *text, size_t len)
{
    if (len == 0 || len >= DATAPATH_LABEL_SIZE || text[0] == '-' || text[len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') || text[i] == '-')) {
            return false;
        }
    }
    return true;
}

static uint32_t buckets(uint32_t numbers)
{
    uint32_t n = 1;

    while (n < numbers) {
        n *= 2;
    }
    return n;
}

size_t datapath_label_size(uint32_t numbers)
{
    return numbers * sizeof(struct datapath_label) + buckets(numbers) * sizeof(uint32_t);
}

void datapath_label_init(struct datapath_labels *l, void *memory, uint32_t numbers, const uint8_t key[DATAPATH_LABEL_KEY])
{
    assert(numbers > 0);
    memset(memory, 0, datapath_label_size(numbers));
    *l = (struct datapath_labels){.of = memory, .mask = buckets(numbers) - 1};
    l->bucket = (uint32_t *)(l->of + numbers);
    memcpy(l->key, key, sizeof l->key);
}

static uint32_t *bucket_of(const struct datapath_labels *l, const char *text)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint32_t low;

    (void)crypto_shorthash(hash, (const uint8_t *)text, strlen(text), l->key);
    memcpy(&low, hash, sizeof low);
    return &l->bucket[low & l->mask];
}

bool datapath_label_find(const struct datapath_labels *l, const char *text, uint32_t *ret)
{
    for (uint32_t at = text[0] == '\0' ? 0 : *bucket_of(l, text); at != 0; at = l->of[at - 1].next) {
        if (strcmp(l->of[at - 1].text, text) == 0) {
            *ret = at - 1;
            return true;
        }
    }
    return false;
}

bool datapath_label_give(struct datapath_labels *l, uint32_t number, const char *text)
{
    struct datapath_label *his = &l->of[number];
    uint32_t other;

    assert(text[0] == '\0' || datapath_label_valid(text, strlen(text)));
    if (datapath_label_find(l, text, &other)) {
        return other == number;
    }
    if (his->text[0] != '\0') {
        uint32_t *link = bucket_of(l, his->text);
        while (*link != number + 1) {
            link = &l->of[*link - 1].next;
        }
        *link = his->next;
    }
    *his = (struct datapath_label){.next = 0};
    if (text[0] != '\0') {
        uint32_t *first = bucket_of(l, text);
        memcpy(his->text, text, strlen(text) + 1);
        his->next = *first;
        *first = number + 1;
    }
    return true;
}
