/* What the kernel offers and the headers of Debian 12 (Linux 6.1) may not know yet. Numbers are the
 * kernel's, stable for ever; whether the running kernel has the thing is found out by asking it. */
#ifndef CELL_COMMON_RUN_KERNEL_H
#define CELL_COMMON_RUN_KERNEL_H

#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/syscall.h>

/* Landlock: access rights by ABI version (1: Linux 5.13, 2: 5.19, 3: 6.2, 4: 6.7, 5: 6.10,
 * 6: 6.12). */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1)
#endif

/* struct landlock_ruleset_attr as of ABI 6. Older kernels take it as long as what they do not know
 * is zero. */
struct kernel_landlock_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

enum {
    KERNEL_LANDLOCK_FS_BITS_1 = 13, /* access rights of ABI 1: bits 0 to 12 */
    KERNEL_LANDLOCK_ABI_REFER = 2,
    KERNEL_LANDLOCK_ABI_TRUNCATE = 3,
    KERNEL_LANDLOCK_ABI_NET = 4,
    KERNEL_LANDLOCK_ABI_IOCTL = 5,
    KERNEL_LANDLOCK_ABI_SCOPE = 6,
};

/* Every file system right a ruleset of this ABI can handle. */
static inline uint64_t kernel_landlock_fs_all(int abi)
{
    uint64_t rights = (1ULL << KERNEL_LANDLOCK_FS_BITS_1) - 1;
    if (abi >= KERNEL_LANDLOCK_ABI_REFER) {
        rights |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (abi >= KERNEL_LANDLOCK_ABI_TRUNCATE) {
        rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    if (abi >= KERNEL_LANDLOCK_ABI_IOCTL) {
        rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    }
    return rights;
}

/* Those of them that make sense for something that is not a directory; more is EINVAL. */
static inline uint64_t kernel_landlock_fs_file(void)
{
    return LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
           LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
           LANDLOCK_ACCESS_FS_IOCTL_DEV;
}

/* What a granted path is good for, in the jail and behind the inner doors alike. Reading does not mean
 * executing: what a program may start is the jail's list alone. */
static inline uint64_t kernel_landlock_fs_read(void)
{
    return LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
}

/* Everything that changes files, devices excepted: no cell makes device nodes. */
static inline uint64_t kernel_landlock_fs_write(void)
{
    return LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
           LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
           LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
           LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER |
           LANDLOCK_ACCESS_FS_TRUNCATE;
}

/* What a new domain handles: everything of the file system, and what else this ABI can shut. */
static inline struct kernel_landlock_attr kernel_landlock_all(int abi, int has_network)
{
    struct kernel_landlock_attr attr = {.handled_access_fs = kernel_landlock_fs_all(abi)};
    if (abi >= KERNEL_LANDLOCK_ABI_NET && !has_network) {
        attr.handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
    }
    if (abi >= KERNEL_LANDLOCK_ABI_SCOPE) {
        attr.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
    }
    return attr;
}

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* Sanitizer builds reserve terabytes of address space and read /proc/self/maps for a report: that much
 * is open in them and in no other. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KERNEL_IS_SANITIZED 1
#else
#define KERNEL_IS_SANITIZED 0
#endif

#endif
