#include "nodosum/meta.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/cursor.h"

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

static void put_text(struct cursor_writer *w, const char *text)
{
    size_t len = strlen(text);

    assert(len > 0 && len <= NODOSUM_META_VALUE_MAX);
    cursor_put_be(w, (uint8_t)len, 1);
    cursor_put(w, text, len);
}

enum err nodosum_meta_pack(const struct nodosum_meta *m, uint8_t out[NODOSUM_META_MAX], uint16_t *ret_size)
{
    struct cursor_writer w = {.at = out, .room = NODOSUM_META_MAX};

    assert(m->labels <= NODOSUM_META_LABELS_MAX);
    cursor_put_be(&w, NODOSUM_META_VERSION, 1);
    cursor_put_be(&w, (uint8_t)m->arch, 1);
    cursor_put_be(&w, m->cores, 2);
    cursor_put_be(&w, m->features, 4);
    cursor_put_be(&w, m->memory_mib, 4);
    cursor_put_be(&w, m->free_mib, 4);
    cursor_put_be(&w, m->load_hundredths, 4);
    cursor_put_be(&w, m->epoch, 4);
    cursor_put_be(&w, m->crl, 4);
    assert(w.used == FIXED);
    cursor_put_be(&w, (uint8_t)m->labels, 1);
    for (uint32_t i = 0; i < m->labels; i++) {
        put_text(&w, m->label[i].name);
        put_text(&w, m->label[i].value);
    }
    assert(m->place_size <= NODOSUM_META_PLACE_MAX);
    cursor_put_be(&w, m->place_size, 1);
    cursor_put(&w, m->place, m->place_size);
    if (w.used > w.room) {
        return ERR_LIMIT;
    }
    *ret_size = (uint16_t)w.used;
    return ERR_OK;
}

/* ---- reading --------------------------------------------------------------------------------------- */

static uint32_t get_count(struct cursor_reader *r, uint32_t most)
{
    uint32_t count = (uint8_t)cursor_get_be(r, 1);

    r->is_good = r->is_good && count <= most;
    return r->is_good ? count : 0;
}

/* A text of at most NODOSUM_META_VALUE_MAX characters, which is what a name may have too. */
static void get_text(struct cursor_reader *r, char *to, bool (*is_valid)(const char *text, size_t len))
{
    size_t len = get_count(r, NODOSUM_META_VALUE_MAX);
    const char *text = (const char *)r->at;

    (void)cursor_take(r, len);
    r->is_good = r->is_good && is_valid(text, len);
    if (r->is_good) {
        memcpy(to, text, len);
        to[len] = '\0';
    }
}

enum err nodosum_meta_unpack(const uint8_t *bytes, size_t size, struct nodosum_meta *ret)
{
    struct cursor_reader r = {.at = bytes, .left = size, .is_good = true};
    struct nodosum_meta m = {0};

    _Static_assert((int)NODOSUM_META_VALUE_MAX == (int)NAME_MAX_LEN, "names and values fit the same room");
    if (size == 0 || bytes[0] != NODOSUM_META_VERSION) {
        return ERR_INCOMPATIBLE;
    }
    (void)cursor_take(&r, 1);
    uint8_t arch = (uint8_t)cursor_get_be(&r, 1);
    /* A later architecture is none that is known here; its features mean nothing. */
    m.arch = arch <= NODOSUM_ARCH_AARCH64 ? (enum nodosum_arch)arch : NODOSUM_ARCH_OTHER;
    m.cores = (uint16_t)cursor_get_be(&r, 2);
    m.features = (uint32_t)cursor_get_be(&r, 4);
    m.memory_mib = (uint32_t)cursor_get_be(&r, 4);
    m.free_mib = (uint32_t)cursor_get_be(&r, 4);
    m.load_hundredths = (uint32_t)cursor_get_be(&r, 4);
    m.epoch = (uint32_t)cursor_get_be(&r, 4);
    m.crl = (uint32_t)cursor_get_be(&r, 4);
    m.labels = get_count(&r, NODOSUM_META_LABELS_MAX);
    for (uint32_t i = 0; i < m.labels && r.is_good; i++) {
        get_text(&r, m.label[i].name, name_valid);
        get_text(&r, m.label[i].value, nodosum_meta_value_valid);
    }
    m.place_size = (uint8_t)get_count(&r, NODOSUM_META_PLACE_MAX);
    const uint8_t *place = r.at;
    (void)cursor_take(&r, m.place_size);
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
