#include "nodosum/measure.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/sysinfo.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum {
    MIB_SHIFT = 20,
    LOAD_SHIFT = 16, /* SI_LOAD_SHIFT of the kernel */
    CORES_MAX = 8192,
    CPU_WORDS = CORES_MAX / (8 * (int)sizeof(unsigned long)),
};

/* Where a feature's bit is; the name says the rest. */
struct place {
    const char *name;
    uint8_t leaf, word, bit; /* x86: CPUID leaf, register a to d; others: word of the auxiliary vector */
};

#if defined(__x86_64__)
enum { EBX = 1, ECX, EDX };

/* Intel SDM volume 2A, CPUID, leaves 1 and 7. */
static const struct place places[] = {
    {"sse4_2", 1, ECX, 20}, {"popcnt", 1, ECX, 23}, {"aes", 1, ECX, 25}, {"pclmulqdq", 1, ECX, 1},
    {"avx", 1, ECX, 28}, {"f16c", 1, ECX, 29}, {"fma", 1, ECX, 12}, {"bmi1", 7, EBX, 3}, {"bmi2", 7, EBX, 8},
    {"avx2", 7, EBX, 5}, {"rdrand", 1, ECX, 30}, {"rdseed", 7, EBX, 18}, {"adx", 7, EBX, 19}, {"sha_ni", 7, EBX, 29},
    {"avx512f", 7, EBX, 16}, {"avx512bw", 7, EBX, 30}, {"avx512dq", 7, EBX, 17}, {"avx512vl", 7, EBX, 31},
    {"avx512_vnni", 7, ECX, 11}, {"vaes", 7, ECX, 9}, {"vpclmulqdq", 7, ECX, 10}, {"gfni", 7, ECX, 8},
};
static const enum nodosum_arch arch = NODOSUM_ARCH_X86_64;

/* The registers that the kernel saves, XCR0: what needs wider ones is of no use without (SDM 1, 13.3). */
static uint32_t saved_registers(void)
{
    uint32_t a, b, c, d, low, high;

    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) {
        return 0;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    (void)high;
    return low;
}

static bool has(const struct place *p)
{
    enum { YMM = 0x6, ZMM = 0xe6 };
    static const char *const wide[] = {"avx", "f16c", "fma", "avx2", "vaes", "vpclmulqdq"};
    uint32_t word[4], need = strncmp(p->name, "avx512", strlen("avx512")) == 0 ? ZMM : 0;

    for (size_t i = 0; i < ARRAY_LEN(wide); i++) {
        need = strcmp(p->name, wide[i]) == 0 ? YMM : need;
    }
    return __get_cpuid_count(p->leaf, 0, &word[0], &word[1], &word[2], &word[3]) != 0 &&
           (word[p->word] >> p->bit & 1) != 0 && (saved_registers() & need) == need;
}
#elif defined(__aarch64__)
/* HWCAP and HWCAP2 of Linux, Documentation/arch/arm64/elf_hwcaps.rst. */
static const struct place places[] = {
    {"asimd", 1, 0, 1}, {"aes", 1, 0, 3}, {"pmull", 1, 0, 4}, {"sha1", 1, 0, 5}, {"sha2", 1, 0, 6},
    {"crc32", 1, 0, 7}, {"atomics", 1, 0, 8}, {"sha3", 1, 0, 17}, {"sha512", 1, 0, 21}, {"asimddp", 1, 0, 20},
    {"sve", 1, 0, 22}, {"sve2", 2, 0, 1}, {"i8mm", 2, 0, 13}, {"bf16", 2, 0, 14},
};
static const enum nodosum_arch arch = NODOSUM_ARCH_AARCH64;

static bool has(const struct place *p)
{
    return (getauxval(p->leaf == 1 ? AT_HWCAP : AT_HWCAP2) >> p->bit & 1) != 0;
}
#else
static const struct place places[] = {{"", 0, 0, 0}};
static const enum nodosum_arch arch = NODOSUM_ARCH_OTHER;

static bool has(const struct place *p)
{
    (void)p;
    return false;
}
#endif

static uint32_t find_features(void)
{
    uint32_t features = 0;

    for (uint32_t bit = 0; nodosum_meta_feature(arch, bit) != NULL; bit++) {
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
            if (strcmp(places[i].name, nodosum_meta_feature(arch, bit)) == 0 && has(&places[i])) {
                features |= UINT32_C(1) << bit;
            }
        }
    }
    return features;
}

enum err nodosum_measure_now(struct nodosum_meta *m)
{
    unsigned long cores[CPU_WORDS] = {0};
    struct sysinfo info;

    if (sysinfo(&info) != 0 || sched_getaffinity(0, sizeof cores, (cpu_set_t *)cores) != 0) {
        return ERR_IO;
    }
    uint64_t unit = info.mem_unit == 0 ? 1 : info.mem_unit;
    m->arch = arch;
    m->cores = (uint16_t)CPU_COUNT_S(sizeof cores, (cpu_set_t *)cores);
    m->features = find_features();
    m->memory_mib = (uint32_t)(info.totalram * unit >> MIB_SHIFT);
    m->free_mib = (uint32_t)(info.freeram * unit >> MIB_SHIFT);
    m->load_hundredths = (uint32_t)((uint64_t)info.loads[0] * 100 >> LOAD_SHIFT);
    return ERR_OK;
}
