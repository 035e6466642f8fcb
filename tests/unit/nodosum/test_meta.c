/* Claims about metadata: what is told reads back, what a stranger made up is refused, and what is measured is
 * what /proc shows. */
#include <math.h>
#include <string.h>

#include "common/base/bytes.h"
#include "nodosum/measure.h"
#include "tests/support/check.h"

enum { TEXT_SIZE = 1 << 16, AT_LABELS = 28, AT_PLACE = AT_LABELS + 1 + 5 + 7 };

static struct nodosum_meta example(void)
{
    struct nodosum_meta m = {.arch = NODOSUM_ARCH_X86_64, .cores = 2, .features = 5, .memory_mib = 4096,
                             .free_mib = 1024, .load_hundredths = 150, .epoch = 3, .crl = 9, .labels = 1,
                             .label = {{"zone", "eu-1.B"}}, .place_size = 3, .place = {7, 8, 9}};
    return m;
}

static void what_is_told_reads_back(void)
{
    struct nodosum_meta m = example(), again;
    uint8_t bytes[NODOSUM_META_MAX];
    uint16_t size = 0;

    CHECK(nodosum_meta_pack(&m, bytes, &size) == ERR_OK, "it fits");
    CHECK(nodosum_meta_unpack(bytes, size, &again) == ERR_OK, "and is read");
    CHECK(memcmp(&m, &again, sizeof m) == 0, "as it was");
    for (size_t cut = 1; cut < size; cut++) {
        CHECK(nodosum_meta_unpack(bytes, cut, &again) == ERR_MALFORMED, "cut at %zu", cut);
    }
    CHECK(nodosum_meta_unpack(bytes, 0, &again) == ERR_INCOMPATIBLE, "a member that says nothing");
}

/* One byte of the example is another. */
static void what_is_made_up_is_refused(void)
{
    static const struct {
        size_t at;
        uint8_t byte;
        enum err e;
        const char *why;
    } rows[] = {
        {0, NODOSUM_META_VERSION, ERR_OK, "as it is"},
        {0, 1, ERR_INCOMPATIBLE, "another version"},
        {1, 99, ERR_OK, "an architecture of the future"},
        {AT_LABELS, NODOSUM_META_LABELS_MAX + 1, ERR_MALFORMED, "a label too many"},
        {AT_LABELS, 2, ERR_MALFORMED, "more labels than there are"},
        {AT_LABELS, 0, ERR_MALFORMED, "bytes after the end"},
        {AT_LABELS + 1, 0, ERR_MALFORMED, "a name of nothing"},
        {AT_LABELS + 1, NODOSUM_META_VALUE_MAX + 1, ERR_MALFORMED, "a name too long"},
        {AT_LABELS + 2, '-', ERR_MALFORMED, "a name like an option"},
        {AT_LABELS + 2, '/', ERR_MALFORMED, "a name like a path"},
        {AT_LABELS + 2, 0, ERR_MALFORMED, "a name that ends early"},
        {AT_LABELS + 7, '\n', ERR_MALFORMED, "a value of two lines"},
        {AT_PLACE + 1, 255, ERR_OK, "a place is any bytes"},
        {AT_PLACE, 2, ERR_MALFORMED, "a place with a byte after it"},
        {AT_PLACE, 4, ERR_MALFORMED, "a place past the end"},
        {AT_PLACE, NODOSUM_META_PLACE_MAX + 1, ERR_MALFORMED, "a place too long"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nodosum_meta m = example(), ret = {.cores = 7};
        uint8_t bytes[NODOSUM_META_MAX];
        uint16_t size = 0;
        REQUIRE(nodosum_meta_pack(&m, bytes, &size) == ERR_OK, "it fits");
        bytes[rows[i].at] = rows[i].byte;
        CHECK(nodosum_meta_unpack(bytes, size, &ret) == rows[i].e, "row %zu: %s", i, rows[i].why);
        CHECK(rows[i].e == ERR_OK || ret.cores == 7, "row %zu: untouched", i);
    }
}

/* Labels up to the last byte of the metadata, and one character more. */
static void metadata_has_a_limit(void)
{
    struct nodosum_meta m = {.labels = 4, .place_size = NODOSUM_META_PLACE_MAX};
    uint8_t bytes[NODOSUM_META_MAX];
    uint16_t size = 0;
    size_t left = NODOSUM_META_MAX - AT_LABELS - 1 - 2 * 4 - 1 - NODOSUM_META_PLACE_MAX;

    for (uint32_t i = 0; i < m.labels; i++) {
        size_t name = 1, value = i < 3 ? 53 : left - 3 * 54 - 1;
        memset(m.label[i].name, 'a' + (int)i, name);
        memset(m.label[i].value, 'v', value);
    }
    CHECK(nodosum_meta_pack(&m, bytes, &size) == ERR_OK && size == NODOSUM_META_MAX, "full: %u", size);
    m.label[0].value[53] = 'v';
    size = 7;
    CHECK(nodosum_meta_pack(&m, bytes, &size) == ERR_LIMIT && size == 7, "a character more");
}

/* As many labels as there may be, and one more that is there in full. */
static void lists_have_limits(void)
{
    for (uint32_t count = NODOSUM_META_LABELS_MAX; count <= NODOSUM_META_LABELS_MAX + 1; count++) {
        uint8_t bytes[NODOSUM_META_MAX] = {NODOSUM_META_VERSION, [AT_LABELS] = (uint8_t)count};
        struct nodosum_meta m;
        for (uint32_t i = 0; i < count; i++) {
            memcpy(bytes + AT_LABELS + 1 + 4 * i, "\1l\1v", 4);
        }
        enum err e = nodosum_meta_unpack(bytes, AT_LABELS + 1 + 4 * count + 1, &m);
        CHECK(e == (count <= NODOSUM_META_LABELS_MAX ? ERR_OK : ERR_MALFORMED), "%u labels: %s", count, err_name(e));
    }
}

/* The keys are read without the rest, and a member that says nothing has none. */
static void keys_are_read_alone(void)
{
    struct nodosum_meta m = example();
    uint8_t bytes[NODOSUM_META_MAX];
    uint16_t size = 0;
    uint32_t epoch, crl;

    REQUIRE(nodosum_meta_pack(&m, bytes, &size) == ERR_OK, "it fits");
    nodosum_meta_keys(bytes, size, &epoch, &crl);
    CHECK(epoch == 3 && crl == 9, "epoch %u, crl %u", epoch, crl);
    nodosum_meta_keys(bytes, AT_LABELS - 1, &epoch, &crl);
    CHECK(epoch == 0 && crl == 0, "cut short: none");
    nodosum_meta_keys(bytes, 0, &epoch, &crl);
    CHECK(epoch == 0 && crl == 0, "nothing: none");
    bytes[0]++;
    nodosum_meta_keys(bytes, size, &epoch, &crl);
    CHECK(epoch == 0 && crl == 0, "another version: none");
}

static void values_have_a_grammar(void)
{
    static const struct {
        const char *text;
        bool is_valid;
    } rows[] = {{"a", true}, {"Z.9_-", true}, {"", false}, {"a b", false}, {"a/b", false}, {"\xc3\xa4", false}};
    char longest[NODOSUM_META_VALUE_MAX + 2] = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(nodosum_meta_value_valid(rows[i].text, strlen(rows[i].text)) == rows[i].is_valid, "%s", rows[i].text);
    }
    memset(longest, 'x', NODOSUM_META_VALUE_MAX + 1);
    CHECK(nodosum_meta_value_valid(longest, NODOSUM_META_VALUE_MAX), "the longest");
    CHECK(!nodosum_meta_value_valid(longest, NODOSUM_META_VALUE_MAX + 1), "one character more");
}

static void what_changed_enough_is_told(void)
{
    struct nodosum_meta told = example(), now = told;

    CHECK(!nodosum_meta_is_stale(&told, &now), "nothing changed");
    now.free_mib = told.free_mib + told.memory_mib / NODOSUM_META_STALE_PARTS;
    CHECK(!nodosum_meta_is_stale(&told, &now), "a sixteenth of memory");
    now.free_mib++;
    CHECK(nodosum_meta_is_stale(&told, &now), "and a little more");
    now = told;
    now.load_hundredths += NODOSUM_META_STALE_LOAD * 2;
    CHECK(!nodosum_meta_is_stale(&told, &now), "a quarter of two cores");
    now.load_hundredths++;
    CHECK(nodosum_meta_is_stale(&told, &now), "and a little more");
    now = told;
    now.cores++;
    CHECK(nodosum_meta_is_stale(&told, &now), "a core was added");
    now = told;
    now.epoch++;
    CHECK(nodosum_meta_is_stale(&told, &now), "other keys");
    now = told;
    now.crl++;
    CHECK(nodosum_meta_is_stale(&told, &now), "another list of revocations");
}

/* A telling costs every member some packets: of restless machines there are few a second, however many they are. */
static void what_may_wait_is_told_at_leisure(void)
{
    CHECK(nodosum_meta_gap_ms(1, NODOSUM_META_LOAD_MS) >= 10000, "a mean of a minute is not told more often than every ten seconds");
    for (uint32_t living = 1; living <= 16384; living *= 2) {
        CHECK(living * 1000 <= 4 * nodosum_meta_gap_ms(living, NODOSUM_META_PLACE_MS), "%u members tell no more than four a second",
              living);
    }
}

/* ---- against /proc ------------------------------------------------------------------------------- */

static bool read_proc(const char *path, char *text)
{
    FILE *f = fopen(path, "r");
    size_t size = f == NULL ? 0 : fread(text, 1, TEXT_SIZE - 1, f);

    if (f != NULL) {
        fclose(f);
    }
    text[size] = '\0';
    return size > 0;
}

static uint64_t number_after(const char *text, const char *word)
{
    const char *at = strstr(text, word);

    return at == NULL ? UINT64_MAX : strtoull(at + strlen(word), NULL, 10);
}

/* "flags : fpu vme …" of the first processor: whether a word is there. */
static bool is_flag(const char *flags, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = strstr(flags, name); at != NULL && *at != '\n'; at = strstr(at + 1, name)) {
        if (at[-1] == ' ' && (at[len] == ' ' || at[len] == '\n')) {
            const char *end = strchr(flags, '\n');
            return end == NULL || at < end;
        }
    }
    return false;
}

/* "Cpus_allowed:\t3" or "…\tff,ffffffff". */
static uint32_t count_bits(const char *line)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t bits = 0;

    for (const char *at = line == NULL ? "" : strchr(line, ':'); *at != '\n' && *at != '\0'; at++) {
        const char *digit = strchr(digits, *at);
        bits += digit == NULL ? 0 : (uint32_t)__builtin_popcount((unsigned)(digit - digits));
    }
    return bits;
}

static void it_is_what_proc_shows(void)
{
    static char text[TEXT_SIZE];
    struct nodosum_meta m = {0};

    REQUIRE(nodosum_measure_now(&m) == ERR_OK, "measured");
    REQUIRE(read_proc("/proc/meminfo", text), "/proc/meminfo");
    CHECK(m.memory_mib == number_after(text, "MemTotal:") >> 10, "memory: %u", m.memory_mib);
    double free_mib = (double)number_after(text, "MemFree:") / 1024;
    CHECK(fabs(free_mib - m.free_mib) < 64 + m.memory_mib / 20.0, "free: %u, %f", m.free_mib, free_mib);
    REQUIRE(read_proc("/proc/loadavg", text), "/proc/loadavg");
    CHECK(fabs(strtod(text, NULL) * 100 - m.load_hundredths) <= 10, "load: %u, %s", m.load_hundredths, text);
    REQUIRE(read_proc("/proc/self/status", text), "/proc/self/status");
    CHECK(m.cores == count_bits(strstr(text, "Cpus_allowed:")), "cores: %u", m.cores);
    REQUIRE(read_proc("/proc/cpuinfo", text), "/proc/cpuinfo");
    const char *flags = strstr(text, m.arch == NODOSUM_ARCH_X86_64 ? "flags" : "Features");
    for (uint32_t bit = 0; flags != NULL && nodosum_meta_feature(m.arch, bit) != NULL; bit++) {
        const char *name = nodosum_meta_feature(m.arch, bit);
        CHECK(is_flag(flags, name) == ((m.features >> bit & 1) != 0), "feature %s", name);
    }
}

int main(void)
{
    what_is_told_reads_back();
    what_is_made_up_is_refused();
    metadata_has_a_limit();
    lists_have_limits();
    keys_are_read_alone();
    values_have_a_grammar();
    what_changed_enough_is_told();
    what_may_wait_is_told_at_leisure();
    it_is_what_proc_shows();
    return CHECK_RESULT();
}
