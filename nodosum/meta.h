/* What a member says about its machine, in the bytes that go with it through the cluster: cores, memory, load,
 * instruction set, keys, labels. Pure: it is measured elsewhere (measure.h).
 *
 * Layout, integers big-endian: version 1 | architecture 1 | cores 2 | features 4 | memory MiB 4 | free MiB 4 |
 * load in hundredths 4 | epoch 4 | crl 4 | labels: count 1, (1 + n name, 1 + n value) each | place 1 + n. */
#ifndef CELL_NODOSUM_META_H
#define CELL_NODOSUM_META_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nodosum/types.h"

enum {
    NODOSUM_META_VERSION = 3,
    NODOSUM_META_LABELS_MAX = 16,  /* what people write; the bytes of the metadata are the true limit */
    NODOSUM_META_PLACE_MAX = 28,   /* bytes of its network coordinate; labels leave room for them     */
    NODOSUM_META_VALUE_MAX = 64,   /* characters of a label's value                                   */
    NODOSUM_META_STALE_PARTS = 16, /* a change of memory by a sixteenth of all, or …                  */
    NODOSUM_META_STALE_LOAD = 25,  /* … of load by a quarter of a core, in hundredths, is worth telling */
    NODOSUM_META_LOAD_MS = 10000,  /* between two tellings of load and memory: a mean of a minute, …    */
    NODOSUM_META_PLACE_MS = 1000,  /* … of where it is, …                                               */
    NODOSUM_META_EACH_MS = 250,    /* … and for each living member on top: however many they are, and
                                    * however restless, four of these a second                          */
};

enum nodosum_arch {
    NODOSUM_ARCH_OTHER,
    NODOSUM_ARCH_X86_64,
    NODOSUM_ARCH_AARCH64,
};

struct nodosum_label {
    char name[NAME_SIZE];
    char value[NODOSUM_META_VALUE_MAX + 1]; /* letters, digits, '.', '_' and '-': as in a manifest */
};

struct nodosum_meta {
    enum nodosum_arch arch;
    uint16_t cores;            /* that its processes may run on              */
    uint32_t features;         /* bit i: nodosum_meta_feature(arch, i)       */
    uint32_t memory_mib;
    uint32_t free_mib;         /* unused by anything, not even as cache      */
    uint32_t load_hundredths;  /* runnable processes, mean of a minute       */
    uint32_t epoch, crl;       /* of its cluster keys, of its list of revoked certificates */
    uint32_t labels;
    struct nodosum_label label[NODOSUM_META_LABELS_MAX];
    uint8_t place_size;        /* 0: it does not say where it is */
    uint8_t place[NODOSUM_META_PLACE_MAX]; /* as who makes coordinates packs it: nothing is looked at here */
};

/* Name of feature `bit` as /proc/cpuinfo writes it; NULL: there is no such bit. */
const char *nodosum_meta_feature(enum nodosum_arch arch, uint32_t bit);

/* "x86_64", "aarch64", "other". */
const char *nodosum_meta_arch_name(enum nodosum_arch arch);

/* Whether text[0..len) may be a label's value. */
bool nodosum_meta_value_valid(const char *text, size_t len);

/* Write `m`, whose names and values are valid. ERR_LIMIT: its labels are longer than the metadata may be;
 * *ret_size is untouched. */
enum err nodosum_meta_pack(const struct nodosum_meta *m, uint8_t out[NODOSUM_META_MAX], uint16_t *ret_size) MUST_CHECK;

/* Read what another member sent: any bytes. ERR_INCOMPATIBLE: another version (also: none at all);
 * ERR_MALFORMED: not in this form to the last byte. *ret is untouched on error. */
enum err nodosum_meta_unpack(const uint8_t *bytes, size_t size, struct nodosum_meta *ret) MUST_CHECK;

/* The keys alone, of what another member sent; 0 and 0 when that is no metadata of this version. */
void nodosum_meta_keys(const uint8_t *bytes, size_t size, uint32_t *ret_epoch, uint32_t *ret_crl);

/* Whether what was `told` is too far from what is `true_now` to be left so. */
bool nodosum_meta_is_stale(const struct nodosum_meta *told, const struct nodosum_meta *true_now);

/* How long after what may wait was told it is not told again, in a cluster of `living` members, in ms. least_ms:
 * NODOSUM_META_LOAD_MS or NODOSUM_META_PLACE_MS. A telling costs every member about four packets. */
uint64_t nodosum_meta_gap_ms(uint32_t living, uint32_t least_ms);

#endif
