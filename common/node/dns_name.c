#include "common/node/dns_name.h"

#include <string.h>

enum { POINTER = 0xc0 };

void dns_put_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

size_t dns_name_write(const char *name, uint8_t out[DNS_NAME_WIRE_MAX])
{
    size_t at = 0, len = strlen(name);

    if (len == 0 || len > DNS_NAME_MAX) {
        return 0;
    }
    for (const char *label = name; *label != '\0'; ) {
        size_t size = strcspn(label, ".");
        if (size == 0 || size > DNS_LABEL_MAX) {
            return 0;
        }
        out[at++] = (uint8_t)size;
        memcpy(out + at, label, size);
        at += size;
        label += size;
        if (*label == '.' && *++label == '\0') {
            return 0; /* a dot at the end: callers leave it out */
        }
    }
    out[at++] = 0;
    return at;
}

uint32_t dns_reader_get(struct dns_reader *r, size_t width)
{
    uint32_t value = 0;

    if (!r->is_good || width > r->size - r->at) {
        r->is_good = false;
        return 0;
    }
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | r->bytes[r->at++];
    }
    return value;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Letters in lower case. *is_odd: it has what no host or service has in its name. False: it does not fit. */
static bool take_label(const struct dns_reader *r, size_t from, size_t len, char *out, size_t *out_len, bool *is_odd)
{
    if (from > r->size || len > r->size - from || *out_len + len + 1 > DNS_NAME_MAX + 1) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = lower((char)r->bytes[from + i]);
        *is_odd |= !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
        out[(*out_len)++] = c;
    }
    out[(*out_len)++] = '.';
    return true;
}

void dns_reader_name(struct dns_reader *r, char out[DNS_NAME_MAX + 1])
{
    size_t at = r->at, bound = r->at, len = 0;
    bool has_jumped = false, is_odd = false;

    while (r->is_good) {
        uint8_t first = at < r->size ? r->bytes[at] : DNS_LABEL_MAX + 1; /* past the end: of no kind */
        if ((first & POINTER) == POINTER && at + 1 < r->size) {
            size_t target = (size_t)(first & ~POINTER) << 8 | r->bytes[at + 1];
            r->at = has_jumped ? r->at : at + 2;
            has_jumped = true;
            r->is_good = target < bound && target >= DNS_HEADER;
            at = bound = target;
        } else if (first == 0) {
            r->at = has_jumped ? r->at : at + 1;
            out[is_odd || len == 0 ? 0 : len - 1] = '\0'; /* in place of the last dot */
            return;
        } else {
            r->is_good = first <= DNS_LABEL_MAX && take_label(r, at + 1, first, out, &len, &is_odd);
            at += 1 + (size_t)first;
        }
    }
}

bool dns_name_same(const char *name, const char *other)
{
    size_t i = 0;

    while (name[i] != '\0' && lower(name[i]) == other[i]) {
        i++;
    }
    return name[i] == other[i];
}
