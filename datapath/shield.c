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
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "datapath/shield.skel.h"

enum {
    TCX_INGRESS = 46,    /* enum bpf_attach_type of Linux 6.6; headers of Debian 12 are older */
    PRIORITY = 51820,    /* of our clsact filter, by which its successor finds it             */
    HANDLE = 1,
};

struct datapath_shield {
    struct shield_bpf *skeleton;
    struct datapath_shield_place place;
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
        bpf_map__set_max_entries(s->skeleton->maps.shield_callers, sets) != 0 ||
        bpf_map__set_max_entries(s->skeleton->maps.shield_places, sets) != 0 ||
        bpf_map__set_max_entries(s->skeleton->maps.shield_counts, s->processors) != 0) {
        return refuse(why, "the shield's maps", errno);
    }
    int failed = shield_bpf__load(s->skeleton);
    if (failed != 0) {
        return refuse(why, "the kernel does not take the shield (it needs BPF, CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)", -failed);
    }
    return ERR_OK;
}

enum err datapath_shield_own(struct datapath_shield *s, uint32_t count, const uint8_t own[][16], char why[DATAPATH_SHIELD_WHY])
{
    const uint32_t zero = 0;

    if (count > DATAPATH_SHIELD_OWN_MAX) {
        (void)snprintf(why, DATAPATH_SHIELD_WHY, "the shield takes at most %d addresses", DATAPATH_SHIELD_OWN_MAX);
        return ERR_INVALID;
    }
    s->place.own_count = count;
    memset(s->place.own, 0, sizeof s->place.own);
    memcpy(s->place.own, own, count * sizeof s->place.own[0]);
    int failed = bpf_map_update_elem(bpf_map__fd(s->skeleton->maps.shield_place), &zero, &s->place, BPF_ANY);
    return failed == 0 ? ERR_OK : refuse(why, "the shield's addresses", -failed);
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
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->link[DATAPATH_SHIELD_TC] = s->link[DATAPATH_SHIELD_XDP] = -1;
    s->place.port = setup->port;
    enum err e = load(s, datapath_live_sets(setup->peers), why);
    e = e == ERR_OK ? datapath_shield_own(s, setup->own_count, setup->own, why) : e;
    if (e != ERR_OK) {
        datapath_shield_close(s);
        return e;
    }
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
    shield_bpf__destroy(s->skeleton);
    free(s);
}

uint32_t datapath_shield_descriptors(const struct datapath_shield *s, int ret[DATAPATH_SHIELD_MAPS])
{
    ret[DATAPATH_SHIELD_CONFIG] = bpf_map__fd(s->skeleton->maps.shield_config);
    ret[DATAPATH_SHIELD_LIVE] = bpf_map__fd(s->skeleton->maps.shield_live);
    ret[DATAPATH_SHIELD_COUNTS] = bpf_map__fd(s->skeleton->maps.shield_counts);
    ret[DATAPATH_SHIELD_CALLERS] = bpf_map__fd(s->skeleton->maps.shield_callers);
    ret[DATAPATH_SHIELD_SHOWN] = bpf_map__fd(s->skeleton->maps.shield_places);
    return s->processors;
}

enum err datapath_shield_socket(struct datapath_shield *s, uint32_t queue, int socket, char why[DATAPATH_SHIELD_WHY])
{
    int failed = bpf_map_update_elem(bpf_map__fd(s->skeleton->maps.shield_sockets), &queue, &socket, BPF_ANY);

    return failed == 0 ? ERR_OK : refuse(why, "a socket past the host's stack", -failed);
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

enum err datapath_shield_own(struct datapath_shield *s, uint32_t count, const uint8_t own[][16], char why[DATAPATH_SHIELD_WHY])
{
    return ERR_UNSUPPORTED;
}

uint32_t datapath_shield_descriptors(const struct datapath_shield *s, int ret[DATAPATH_SHIELD_MAPS])
{
    return 0;
}

enum err datapath_shield_socket(struct datapath_shield *s, uint32_t queue, int socket, char why[DATAPATH_SHIELD_WHY])
{
    return ERR_UNSUPPORTED;
}

int datapath_shield_program(const struct datapath_shield *s, enum datapath_shield_hook hook)
{
    return -1;
}

#endif
