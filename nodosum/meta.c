#include "nodosum/meta.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    AT_EPOCH = 1 + 1 + 2 + 4 * 4,
    FIXED = AT_EPOCH + 4 + 4,
};

/* Bits are part of the wire: names are only added, at the end. What software chooses its code by. */
static const char *const x86_64[] = {
    "sse4_2", "popcnt", "aes", "pclmulqdq", "avx", "f16c", "fma", "bmi1", "bmi2", "avx2", "rdrand", "rdseed", "adx",
    "sha_ni", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "vaes", "vpclmulqdq", "gfni",
};
static const char *const aarch64[] = {
    "asimd", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "sha3", "sha512", "asimddp", "sve", "sve2", "i8mm", "bf16",
};

const char *nodosum_meta_feature(enum nodosum_arch arch, uint32_t bit)
{
    switch (arch) {
    case NODOSUM_ARCH_X86_64:
        return bit < ARRAY_LEN(x86_64) ? x86_64[bit] : NULL;
    case NODOSUM_ARCH_AARCH64:
        return bit < ARRAY_LEN(aarch64) ? aarch64[bit] : NULL;
    case NODOSUM_ARCH_OTHER:
        break;
    }
    return NULL;
}

const char *nodosum_meta_arch_name(enum nodosum_arch arch)
{
    static const char *const names[] = {"other", "x86_64", "aarch64"};

    return names[arch];
}

bool nodosum_meta_value_valid(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-')) {
            return false;
        }
    }
    return len > 0 && len <= NODOSUM_META_VALUE_MAX;
}

/* ---- writing --------------------------------------------------------------------------------------- */

/* Past the end nothing is written and is_full stays true. */
struct writer {
    uint8_t *at;
    size_t size;
    bool is_full;
};

static void put(struct writer *w, const void *from, size_t size)
{
    if (w->is_full || size > NODOSUM_META_MAX - w->size) {
        w->is_full = true;
        return;
    }
    memcpy(w->at + w->size, from, size);
    w->size += size;
}

static void put_32(struct writer *w, uint32_t value)
{
    uint8_t bytes[4];

    bytes_put_be32(bytes, value);
    put(w, bytes, sizeof bytes);
}

static void put_8(struct writer *w, uint8_t value)
{
    put(w, &value, 1);
}

static void put_text(struct writer *w, const char *text)
{
    size_t len = strlen(text);

    assert(len > 0 && len <= NODOSUM_META_VALUE_MAX);
    put_8(w, (uint8_t)len);
    put(w, text, len);
}

enum err nodosum_meta_pack(const struct nodosum_meta *m, uint8_t out[NODOSUM_META_MAX], uint16_t *ret_size)
{
    struct writer w = {.at = out};

    assert(m->labels <= NODOSUM_META_LABELS_MAX);
    put_8(&w, NODOSUM_META_VERSION);
    put_8(&w, (uint8_t)m->arch);
    put_8(&w, (uint8_t)(m->cores >> 8));
    put_8(&w, (uint8_t)m->cores);
    put_32(&w, m->features);
    put_32(&w, m->memory_mib);
    put_32(&w, m->free_mib);
    put_32(&w, m->load_hundredths);
    put_32(&w, m->epoch);
    put_32(&w, m->crl);
    assert(w.size == FIXED);
    put_8(&w, (uint8_t)m->labels);
    for (uint32_t i = 0; i < m->labels; i++) {
        put_text(&w, m->label[i].name);
        put_text(&w, m->label[i].value);
    }
    assert(m->place_size <= NODOSUM_META_PLACE_MAX);
    put_8(&w, m->place_size);
    put(&w, m->place, m->place_size);
    if (w.is_full) {
        return ERR_LIMIT;
    }
    *ret_size = (uint16_t)w.size;
    return ERR_OK;
}

/* ---- reading --------------------------------------------------------------------------------------- */

/* Past the end everything reads as 0 and is_good is false for good. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool is_good;
};

static const uint8_t *take(struct reader *r, size_t size)
{
    static const uint8_t zeros[4];
    const uint8_t *at = r->at;

    if (!r->is_good || size > r->left) {
        r->is_good = false;
        return zeros;
    }
    r->at += size;
    r->left -= size;
    return at;
}

static uint32_t get_count(struct reader *r, uint32_t most)
{
    uint32_t count = *take(r, 1);

    r->is_good = r->is_good && count <= most;
    return r->is_good ? count : 0;
}

/* A text of at most NODOSUM_META_VALUE_MAX characters, which is what a name may have too. */
static void get_text(struct reader *r, char *to, bool (*is_valid)(const char *text, size_t len))
{
    size_t len = get_count(r, NODOSUM_META_VALUE_MAX);
    const char *text = (const char *)r->at;

    (void)take(r, len);
    r->is_good = r->is_good && is_valid(text, len);
    if (r->is_good) {
        memcpy(to, text, len);
        to[len] = '\0';
    }
}

enum err nodosum_meta_unpack(const uint8_t *bytes, size_t size, struct nodosum_meta *ret)
{
    struct reader r = {.at = bytes, .left = size, .is_good = true};
    struct nodosum_meta m = {0};

    _Static_assert((int)NODOSUM_META_VALUE_MAX == (int)NAME_MAX_LEN, "names and values fit the same room");
    if (size == 0 || bytes[0] != NODOSUM_META_VERSION) {
        return ERR_INCOMPATIBLE;
    }
    (void)take(&r, 1);
    uint8_t arch = *take(&r, 1);
    /* A later architecture is none that is known here; its features mean nothing. */
    m.arch = arch <= NODOSUM_ARCH_AARCH64 ? (enum nodosum_arch)arch : NODOSUM_ARCH_OTHER;
    const uint8_t *cores = take(&r, 2);
    m.cores = (uint16_t)(cores[0] << 8 | cores[1]);
    m.features = bytes_get_be32(take(&r, 4));
    m.memory_mib = bytes_get_be32(take(&r, 4));
    m.free_mib = bytes_get_be32(take(&r, 4));
    m.load_hundredths = bytes_get_be32(take(&r, 4));
    m.epoch = bytes_get_be32(take(&r, 4));
    m.crl = bytes_get_be32(take(&r, 4));
    m.labels = get_count(&r, NODOSUM_META_LABELS_MAX);
    for (uint32_t i = 0; i < m.labels && r.is_good; i++) {
        get_text(&r, m.label[i].name, name_valid);
        get_text(&r, m.label[i].value, nodosum_meta_value_valid);
    }
    m.place_size = (uint8_t)get_count(&r, NODOSUM_META_PLACE_MAX);
    const uint8_t *place = r.at;
    (void)take(&r, m.place_size);
    if (!r.is_good || r.left > 0) {
        return ERR_MALFORMED;
    }
    memcpy(m.place, place, m.place_size);
    *ret = m;
    return ERR_OK;
}

void nodosum_meta_keys(const uint8_t *bytes, size_t size, uint32_t *ret_epoch, uint32_t *ret_crl)
{
    bool is_ours = size >= FIXED && bytes[0] == NODOSUM_META_VERSION;

    *ret_epoch = is_ours ? bytes_get_be32(bytes + AT_EPOCH) : 0;
    *ret_crl = is_ours ? bytes_get_be32(bytes + AT_EPOCH + 4) : 0;
}

static uint32_t apart(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

bool nodosum_meta_is_stale(const struct nodosum_meta *told, const struct nodosum_meta *true_now)
{
    return told->cores != true_now->cores || told->memory_mib != true_now->memory_mib ||
           told->features != true_now->features || told->epoch != true_now->epoch || told->crl != true_now->crl ||
           apart(told->free_mib, true_now->free_mib) > true_now->memory_mib / NODOSUM_META_STALE_PARTS ||
           apart(told->load_hundredths, true_now->load_hundredths) >
               (uint32_t)NODOSUM_META_STALE_LOAD * true_now->cores;
}

uint64_t nodosum_meta_gap_ms(uint32_t living, uint32_t least_ms)
{
    return least_ms + (uint64_t)living * NODOSUM_META_EACH_MS;
}
