#include "datapath/shield.h"

#include <stdio.h>
#include <string.h>

#ifdef HAVE_SHIELD

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "datapath/message.h"
#include "datapath/shield.skel.h"
#include "datapath/shield_hash.h"

enum {
    TCX_INGRESS = 46,    /* enum bpf_attach_type of Linux 6.6; headers of Debian 12 are older */
    PRIORITY = 51820,    /* of our clsact filter, by which its successor finds it             */
    HANDLE = 1,
};

_Static_assert((int)DATAPATH_SHIELD_INITIATION_SIZE == (int)DATAPATH_MESSAGE_INITIATION &&
                   (int)DATAPATH_SHIELD_RESPONSE_SIZE == (int)DATAPATH_MESSAGE_RESPONSE &&
                   (int)DATAPATH_SHIELD_COOKIE_SIZE == (int)DATAPATH_MESSAGE_COOKIE &&
                   (int)DATAPATH_SHIELD_DATA_SIZE == (int)DATAPATH_MESSAGE_DATA &&
                   (int)DATAPATH_SHIELD_MACS_SIZE == (int)DATAPATH_MESSAGE_MACS,
               "the protocol's");
_Static_assert(DATAPATH_SHIELD_VERDICTS <= ARRAY_LEN(((struct datapath_shield_counts *)0)->verdict), "all are counted");
_Static_assert(sizeof(struct datapath_shield_set) == 64, "a line of the cache");

struct mapping {
    void *at;
    size_t size;
};

struct datapath_shield {
    struct shield_bpf *skeleton;
    struct mapping config, live, counts;
    struct datapath_live ids;
    uint32_t processors;
    int link[2];                  /* of each hook; -1: it does not hang so            */
    uint32_t clsact;              /* interface at which it hangs without a link; 0: none */
};

static enum err refuse(char *why, const char *what, int error)
{
    (void)snprintf(why, DATAPATH_SHIELD_WHY, "%s: %s", what, strerror(error));
    switch (error) {
    case EPERM:
    case EACCES:
        return ERR_DENIED;
    case ENOSYS:
    case EOPNOTSUPP:
    case EINVAL: /* of a kernel that does not know a thing */
        return ERR_UNSUPPORTED;
    case EBUSY:
    case EEXIST:
        return ERR_EXISTS;
    case ENODEV:
        return ERR_NOT_FOUND;
    default:
        return err_from_errno(error);
    }
}

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
    return 0; /* what is wrong is said by whoever called */
}

static int map_memory(const struct bpf_map *map, struct mapping *ret)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);

    size = (size + page - 1) / page * page;
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    if (at == MAP_FAILED) {
        return errno;
    }
    *ret = (struct mapping){.at = at, .size = size};
    return 0;
}

static void unmap(struct mapping *m)
{
    if (m->at != NULL) {
        (void)munmap(m->at, m->size);
    }
}

/* BLAKE2s when it has taken in a key of 32 bytes. */
static void midstate(const uint8_t key[32], uint32_t ret[8])
{
    uint32_t block[16] = {0};

    memcpy(block, key, 32);
    shield_hash_key(ret, block, 32);
    explicit_bzero(block, sizeof block);
}

static enum err load(struct datapath_shield *s, uint32_t sets, char *why)
{
    int processors = libbpf_num_possible_cpus();

    libbpf_set_print(say_nothing);
    s->skeleton = shield_bpf__open();
    if (s->skeleton == NULL || processors < 1) {
        return refuse(why, "the shield's object does not open", s->skeleton == NULL ? errno : -processors);
    }
    s->processors = (uint32_t)processors;
    s->skeleton->rodata->shield_set_mask = sets - 1;
    if (bpf_map__set_max_entries(s->skeleton->maps.shield_live, sets) != 0 ||
        bpf_map__set_max_entries(s->skeleton->maps.shield_counts, s->processors) != 0) {
        return refuse(why, "the shield's maps", errno);
    }
    int failed = shield_bpf__load(s->skeleton);
    if (failed != 0) {
        return refuse(why, "the kernel does not take the shield (it needs BPF, CAP_BPF and CAP_NET_ADMIN)", -failed);
    }
    if ((failed = map_memory(s->skeleton->maps.shield_config, &s->config)) != 0 ||
        (failed = map_memory(s->skeleton->maps.shield_live, &s->live)) != 0 ||
        (failed = map_memory(s->skeleton->maps.shield_counts, &s->counts)) != 0) {
        return refuse(why, "the shield's maps cannot be mapped", failed);
    }
    return ERR_OK;
}

enum err datapath_shield_open(const struct datapath_shield_setup *setup, struct datapath_shield **ret,
                              char why[DATAPATH_SHIELD_WHY])
{
    if (setup->peers == 0 || setup->port == 0 || setup->own_count > DATAPATH_SHIELD_OWN_MAX) {
        (void)snprintf(why, DATAPATH_SHIELD_WHY, "the shield needs peers, a port, and at most %d addresses",
                       DATAPATH_SHIELD_OWN_MAX);
        return ERR_INVALID;
    }
    struct datapath_shield *s = calloc(1, sizeof *s);
    uint32_t sets = datapath_live_sets(setup->peers);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->link[DATAPATH_SHIELD_TC] = s->link[DATAPATH_SHIELD_XDP] = -1;
    enum err e = load(s, sets, why);
    if (e != ERR_OK) {
        datapath_shield_close(s);
        return e;
    }
    struct datapath_shield_config *c = s->config.at;
    c->port = setup->port;
    midstate(setup->mac1_key, c->mac1);
    memcpy(c->source_key, setup->source_key, sizeof c->source_key);
    memcpy(c->own, setup->own, sizeof c->own);
    c->own_count = setup->own_count;
    datapath_live_init(&s->ids, s->live.at, sets);
    *ret = s;
    return ERR_OK;
}

void datapath_shield_close(struct datapath_shield *s)
{
    if (s == NULL) {
        return;
    }
    datapath_shield_detach(s, DATAPATH_SHIELD_XDP);
    datapath_shield_detach(s, DATAPATH_SHIELD_TC);
    if (s->config.at != NULL) {
        explicit_bzero(s->config.at, sizeof(struct datapath_shield_config));
    }
    unmap(&s->config);
    unmap(&s->live);
    unmap(&s->counts);
    shield_bpf__destroy(s->skeleton);
    free(s);
}

int datapath_shield_program(const struct datapath_shield *s, enum datapath_shield_hook hook)
{
    return bpf_program__fd(hook == DATAPATH_SHIELD_TC ? s->skeleton->progs.shield_tc : s->skeleton->progs.shield_xdp);
}

/* The programs read an Ethernet header first: of an interface without one they would understand nothing. */
static enum err check_interface(uint32_t interface, char *why)
{
    struct ifreq r = {0};
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return refuse(why, "a socket to ask for interfaces", errno);
    }
    if (if_indextoname(interface, r.ifr_name) == NULL || ioctl(fd, SIOCGIFHWADDR, &r) != 0) {
        return refuse(why, "the interface of the shield", ENODEV);
    }
    if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER && r.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK) {
        (void)snprintf(why, DATAPATH_SHIELD_WHY, "%s is no Ethernet", r.ifr_name);
        return ERR_UNSUPPORTED;
    }
    return ERR_OK;
}

/* Where there is no tcx. The hook itself may be somebody else's, who shares it: it stays. */
static int attach_clsact(struct datapath_shield *s, uint32_t interface)
{
    DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)interface, .attach_point = BPF_TC_INGRESS);
    DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = datapath_shield_program(s, DATAPATH_SHIELD_TC),
                        .handle = HANDLE, .priority = PRIORITY, .flags = BPF_TC_F_REPLACE);
    int failed = bpf_tc_hook_create(&hook);

    if (failed != 0 && failed != -EEXIST) {
        return -failed;
    }
    failed = bpf_tc_attach(&hook, &filter);
    s->clsact = failed == 0 ? interface : 0;
    return -failed;
}

enum err datapath_shield_attach(struct datapath_shield *s, enum datapath_shield_hook hook, uint32_t interface,
                                char why[DATAPATH_SHIELD_WHY])
{
    DECLARE_LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
    bool is_xdp = hook == DATAPATH_SHIELD_XDP;

    if (s->link[hook] >= 0 || (!is_xdp && s->clsact != 0)) {
        return ERR_PRECONDITION;
    }
    enum err e = check_interface(interface, why);
    if (e != ERR_OK) {
        return e;
    }
    int link = bpf_link_create(datapath_shield_program(s, hook), (int)interface, is_xdp ? BPF_XDP : TCX_INGRESS,
                               is_xdp ? &native : NULL);
    if (link >= 0) {
        s->link[hook] = link;
        return ERR_OK;
    }
    int failed = -link;
    if (!is_xdp && failed == EINVAL) {
        failed = attach_clsact(s, interface);
        if (failed == 0) {
            return ERR_OK;
        }
    }
    return refuse(why, is_xdp ? "XDP of the interface" : "tcx or clsact of the interface", failed);
}

/* Only our own: whoever came after us has put his in its place. */
static void detach_clsact(struct datapath_shield *s)
{
    DECLARE_LIBBPF_OPTS(bpf_tc_hook, at, .ifindex = (int)s->clsact, .attach_point = BPF_TC_INGRESS);
    DECLARE_LIBBPF_OPTS(bpf_tc_opts, there, .handle = HANDLE, .priority = PRIORITY);
    DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = HANDLE, .priority = PRIORITY);
    struct bpf_prog_info own = {0};
    uint32_t size = sizeof own;

    if (bpf_tc_query(&at, &there) == 0 &&
        bpf_obj_get_info_by_fd(datapath_shield_program(s, DATAPATH_SHIELD_TC), &own, &size) == 0 &&
        there.prog_id == own.id) {
        (void)bpf_tc_detach(&at, &filter); /* the interface may be gone, and the filter with it */
    }
    s->clsact = 0;
}

void datapath_shield_detach(struct datapath_shield *s, enum datapath_shield_hook hook)
{
    if (s->link[hook] >= 0) {
        (void)close(s->link[hook]);
        s->link[hook] = -1;
    }
    if (hook == DATAPATH_SHIELD_TC && s->clsact != 0) {
        detach_clsact(s);
    }
}

void datapath_shield_set(struct datapath_shield *s, enum datapath_shield_mode mode, enum datapath_shield_hook hook)
{
    struct datapath_shield_config *c = s->config.at;

    /* Who judges first: for a moment both or neither do, never the wrong way. */
    __atomic_store_n(&c->hook, (uint32_t)hook, __ATOMIC_RELEASE);
    __atomic_store_n(&c->mode, (uint32_t)mode, __ATOMIC_RELEASE);
}

void datapath_shield_cookies(struct datapath_shield *s, const uint8_t secret[][32], uint32_t count)
{
    struct datapath_shield_config *c = s->config.at;

    __atomic_store_n(&c->cookie_count, 0, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < count && i < ARRAY_LEN(c->cookie); i++) {
        midstate(secret[i], c->cookie[i]);
    }
    __atomic_store_n(&c->cookie_count, count, __ATOMIC_RELEASE);
}

struct datapath_live *datapath_shield_live(struct datapath_shield *s)
{
    return &s->ids;
}

void datapath_shield_count(const struct datapath_shield *s, uint64_t ret[DATAPATH_SHIELD_VERDICTS])
{
    const struct datapath_shield_counts *counts = s->counts.at;

    memset(ret, 0, DATAPATH_SHIELD_VERDICTS * sizeof *ret);
    for (uint32_t i = 0; i < s->processors; i++) {
        for (int v = 0; v < DATAPATH_SHIELD_VERDICTS; v++) {
            ret[v] += __atomic_load_n(&counts[i].verdict[v], __ATOMIC_RELAXED);
        }
    }
}

#else

/* Built where clang, bpftool or libbpf is not: there is none, and it says so. */

enum err datapath_shield_open(const struct datapath_shield_setup *setup, struct datapath_shield **ret,
                              char why[DATAPATH_SHIELD_WHY])
{
    (void)snprintf(why, DATAPATH_SHIELD_WHY, "built without the shield: clang, bpftool or libbpf-dev was missing");
    return ERR_UNSUPPORTED;
}

/* Nobody has one, so nobody gets here with one. */

void datapath_shield_close(struct datapath_shield *s)
{
}

enum err datapath_shield_attach(struct datapath_shield *s, enum datapath_shield_hook hook, uint32_t interface,
                                char why[DATAPATH_SHIELD_WHY])
{
    return ERR_UNSUPPORTED;
}

void datapath_shield_detach(struct datapath_shield *s, enum datapath_shield_hook hook)
{
}

void datapath_shield_set(struct datapath_shield *s, enum datapath_shield_mode mode, enum datapath_shield_hook hook)
{
}

void datapath_shield_cookies(struct datapath_shield *s, const uint8_t secret[][32], uint32_t count)
{
}

struct datapath_live *datapath_shield_live(struct datapath_shield *s)
{
    return NULL;
}

void datapath_shield_count(const struct datapath_shield *s, uint64_t ret[DATAPATH_SHIELD_VERDICTS])
{
    memset(ret, 0, DATAPATH_SHIELD_VERDICTS * sizeof *ret);
}

int datapath_shield_program(const struct datapath_shield *s, enum datapath_shield_hook hook)
{
    return -1;
}

#endif
