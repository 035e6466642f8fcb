#include "datapath/device.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/run/cell_tun.h"
#include "common/run/log.h"
#include "datapath/shell.h"

/* What the supervisor says that it gave to the interface, beside what the interface says of itself: its first address of IPv4. Where
 * that is another by now, somebody else has a hand in those of IPv4. */
static void add_addresses(struct datapath_shell *s)
{
    struct tun_address given[TUN_ADDRESSES_MAX], first = s->device.address[0];
    size_t count = cell_tun_addresses(s->cell, "tun.overlay", given);
    bool has_v4 = s->device.address_count > 0, is_ours = false;

    for (size_t i = 0; i < count; i++) {
        is_ours = is_ours || (has_v4 && !given[i].is_v6 && memcmp(given[i].ip, first.ip, DATAPATH_ALLOWED_V4) == 0);
    }
    for (size_t i = 0; i < count && s->device.address_count < TUN_ADDRESSES_MAX; i++) {
        bool is_first = !given[i].is_v6 && memcmp(given[i].ip, first.ip, DATAPATH_ALLOWED_V4) == 0;
        if (given[i].is_v6 || (is_ours && !is_first)) {
            s->device.address[s->device.address_count++] = given[i];
        }
    }
}

/* The interface that the supervisor made, or one of our own. */
enum err datapath_device_open(struct datapath_shell *s)
{
    char why[TUN_WHY_SIZE] = "";
    int given = cell_take_descriptor(s->cell, "tun.overlay");
    enum err e = ERR_OK;

    s->device = s->settings.tun;
    s->tun = given;
    if (given < 0) {
        e = tun_open(&s->settings.tun, &s->tun, why);
    } else {
        e = tun_look(given, s->udp.fd, &s->device);
        e = e == ERR_OK && s->device.is_tap ? ERR_INVALID : e;
        (void)snprintf(why, sizeof why, "as it was handed over");
        uint32_t said = s->device.mtu;
        if (e == ERR_OK && datapath_device_fit(&s->device, s->settings.tun.mtu)) {
            log_warn("DATAPATH-TUN-MTU", "interface=%s mtu=%" PRIu32 " used=%" PRIu32 "%s", s->device.name, said, s->device.mtu,
                     said == 0 ? " why=\"it is in another network\"" : "");
        }
        add_addresses(s);
    }
    if (e != ERR_OK) {
        log_error("DATAPATH-TUN", "interface=%s reason=%s why=\"%s\"", s->device.name, err_name(e), why);
        return e;
    }
    s->device_number = datapath_device_number(s->udp.fd, s->device.name);
    s->flow.is_plain = s->settings.is_plain;
    s->offloads = tun_offload(s->tun, !s->settings.is_plain);
    return ERR_OK;
}

bool datapath_device_fit(struct tun_spec *device, uint32_t usual)
{
    uint32_t said = device->mtu, mtu = said == 0 ? usual : said;

    mtu = mtu < DATAPATH_MTU_MIN ? DATAPATH_MTU_MIN : mtu;
    device->mtu = mtu > DATAPATH_MTU_MAX ? DATAPATH_MTU_MAX : mtu;
    return device->mtu != said;
}

uint32_t datapath_device_number(int socket, const char *name)
{
    struct ifreq asked = {.ifr_ifindex = 0};

    (void)snprintf(asked.ifr_name, sizeof asked.ifr_name, "%s", name);
    return ioctl(socket, SIOCGIFINDEX, &asked) == 0 ? (uint32_t)asked.ifr_ifindex : 0;
}

void datapath_device_name(int socket, uint32_t number, char name[TUN_NAME_SIZE])
{
    struct ifreq asked = {.ifr_ifindex = (int)number};

    if (number != 0 && ioctl(socket, SIOCGIFNAME, &asked) == 0) {
        memcpy(name, asked.ifr_name, TUN_NAME_SIZE);
        name[TUN_NAME_SIZE - 1] = '\0';
    }
}

void datapath_device_look(struct datapath_shell *s)
{
    struct ifreq asked = {.ifr_mtu = 0};
    struct tun_spec now = s->device;

    datapath_device_name(s->udp.fd, s->device_number, s->device.name);
    (void)snprintf(asked.ifr_name, sizeof asked.ifr_name, "%s", s->device.name);
    if (s->device_number == 0 || ioctl(s->udp.fd, SIOCGIFMTU, &asked) != 0) {
        return; /* in another network, or about to go: its descriptor tells that */
    }
    now.mtu = (uint32_t)asked.ifr_mtu;
    (void)datapath_device_fit(&now, now.mtu);
    if (now.mtu != s->device.mtu) {
        log_info("DATAPATH-MTU", "interface=%s mtu=%" PRIu32 " before=%" PRIu32, s->device.name, now.mtu, s->device.mtu);
        s->device.mtu = now.mtu;
        datapath_core_resize(s->core, now.mtu);
        datapath_ways_resize(&s->signals.ways, now.mtu);
    }
}
