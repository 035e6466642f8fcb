#include "datapath/places.h"

#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    INTERFACES = 64, /* that are looked at */
};

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_nowhere(const struct datapath_endpoint *at)
{
    static const uint8_t zeros[16];

    return memcmp(at->ip, zeros, sizeof zeros) == 0 || (memcmp(at->ip, mapped, sizeof mapped) == 0 && memcmp(at->ip + 12, zeros, 4) == 0);
}

static bool is_for_others(int socket, const struct ifreq *r, const char *device, const char *tap)
{
    struct ifreq asked = *r;

    return strncmp(r->ifr_name, device, IFNAMSIZ) != 0 && strncmp(r->ifr_name, tap, IFNAMSIZ) != 0 && r->ifr_addr.sa_family == AF_INET &&
           ioctl(socket, SIOCGIFFLAGS, &asked) == 0 && (asked.ifr_flags & IFF_UP) != 0 && (asked.ifr_flags & IFF_LOOPBACK) == 0;
}

uint32_t datapath_places_own(const struct datapath_settings *s, int socket, const struct datapath_endpoint *at, const char *device,
                             const char *tap, struct datapath_endpoint ret[DATAPATH_CONFIG_PLACES_MAX])
{
    struct ifreq all[INTERFACES];
    struct ifconf list = {.ifc_len = sizeof all, .ifc_req = all};
    struct sockaddr_in address;
    uint32_t count = 0;

    if (s->places > 0 || !is_nowhere(at)) {
        memcpy(ret, s->place, sizeof s->place);
        ret[0] = s->places > 0 ? ret[0] : *at;
        return s->places > 0 ? s->places : 1;
    }
    if (ioctl(socket, SIOCGIFCONF, &list) != 0) {
        return 0;
    }
    for (size_t i = 0; i < (size_t)list.ifc_len / sizeof *all && count < DATAPATH_CONFIG_PLACES_MAX; i++) {
        if (is_for_others(socket, &all[i], device, tap)) {
            memcpy(&address, &all[i].ifr_addr, sizeof address);
            ret[count] = (struct datapath_endpoint){.port = at->port};
            memcpy(ret[count].ip, mapped, sizeof mapped);
            memcpy(ret[count++].ip + sizeof mapped, &address.sin_addr, sizeof address.sin_addr);
        }
    }
    return count;
}
