#include "datapath/scope.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

_Static_assert((int)DATAPATH_TEXT_SCOPE_SIZE == (int)IFNAMSIZ, "a name of an interface");

/* libc's if_nametoindex makes a socket, which a cell may not, and which would be of another network. */
bool datapath_scope_find(int socket, const char *scope, struct datapath_endpoint *at)
{
    struct ifreq asked = {.ifr_ifindex = 0};
    uint64_t number;

    if (*scope == '\0') {
        return true;
    }
    (void)snprintf(asked.ifr_name, sizeof asked.ifr_name, "%s", scope);
    if (socket >= 0 && ioctl(socket, SIOCGIFINDEX, &asked) == 0 && asked.ifr_ifindex > 0) {
        at->scope = (uint32_t)asked.ifr_ifindex;
        return true;
    }
    if (!datapath_text_read_number(scope, UINT32_MAX, &number)) {
        return false;
    }
    at->scope = (uint32_t)number;
    return true;
}

bool datapath_scope_read_place(int socket, const char *text, struct datapath_endpoint *ret)
{
    char scope[DATAPATH_TEXT_SCOPE_SIZE];
    struct datapath_endpoint at;

    if (!datapath_text_read_place(text, &at, scope) || !datapath_scope_find(socket, scope, &at)) {
        return false;
    }
    *ret = at;
    return true;
}

void datapath_scope_write_place(int socket, const struct datapath_endpoint *at, char ret[DATAPATH_TEXT_PLACE_SIZE])
{
    struct ifreq asked = {.ifr_ifindex = (int)at->scope};
    char ip[INET6_ADDRSTRLEN];

    if (socket < 0 || at->scope == 0 || ioctl(socket, SIOCGIFNAME, &asked) != 0) {
        datapath_text_write_place(at, ret);
        return;
    }
    (void)inet_ntop(AF_INET6, at->ip, ip, sizeof ip);
    (void)snprintf(ret, DATAPATH_TEXT_PLACE_SIZE, "[%s%%%s]:%u", ip, asked.ifr_name, at->port);
}
