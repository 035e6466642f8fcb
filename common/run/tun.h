/* A TUN interface: packets of this host, by way of a descriptor; or a TAP one: Ethernet frames. */
#ifndef CELL_COMMON_RUN_TUN_H
#define CELL_COMMON_RUN_TUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    TUN_NAME_SIZE = 16, /* IFNAMSIZ */
    TUN_WHY_SIZE = 128,
    TUN_ADDRESSES_MAX = 8,
};

/* An address of the interface, and how many bits its network has. */
struct tun_address {
    uint8_t ip[16]; /* of IPv4 the first four */
    bool is_v6;
    uint8_t bits;
};

struct tun_spec {
    char name[TUN_NAME_SIZE];
    bool is_tap, has_head; /* has_head: what tun_look says and tun_open makes; below */
    uint32_t mtu; /* bytes of a packet: a frame has 14 more, and 4 for each tag */
    size_t address_count;
    struct tun_address address[TUN_ADDRESSES_MAX];
};

/* Whether text[0..len) may be an interface's name: 1 to 15 characters, no blanks, '/', ':' nor '%', and not "." or "..". */
bool tun_name_valid(const char *text, size_t len);

/* What goes through a descriptor in one piece. */
enum tun_offloads {
    TUN_OFFLOADS_NONE, /* each packet is whole, and its checksum finished            */
    TUN_OFFLOADS_TCP,  /* packets of up to 64 KiB with unfinished checksums, of TCP  */
    TUN_OFFLOADS_ALL,  /* … and of UDP (Linux 6.2)                                   */
};

/* Before each packet, and each frame of a TAP that has_head, there is a struct virtio_net_hdr, 10 bytes in the machine's order
 * (IFF_VNET_HDR), both ways, whatever the offloads are. Frames of another TAP, which somebody else made, come and go whole and
 * finished, with nothing before them. */

/* Make the interface (or take it, if it is there and nobody has it), give it its mtu and addresses (beside those that it has), and bring it up.
 * Needs CAP_NET_ADMIN in this network namespace and /dev/net/tun: ERR_DENIED, ERR_NOT_FOUND; ERR_EXISTS: another process
 * has it. `why` says which step failed, and what is missing. *ret does not block; the interface goes with its last
 * descriptor. */
enum err tun_open(const struct tun_spec *spec, int *ret, char why[TUN_WHY_SIZE]) MUST_CHECK;

/* Give the interface of that number, of this network namespace, one address more; one that it has is no error. Needs CAP_NET_ADMIN:
 * ERR_DENIED; others as errno says, and `why` as above. */
enum err tun_address_add(uint32_t interface, const struct tun_address *address, bool is_tap, char why[TUN_WHY_SIZE]) MUST_CHECK;

/* Give it again what it lacks of the addresses in `spec`: whoever may can take them away, and the kernel itself takes those of IPv6
 * when the interface goes down. fd: its descriptor, -1: another process has it. *ret: how many it got; none, if it is down, or in
 * another network namespace. Errors as of tun_address_add. */
enum err tun_mend(int fd, uint32_t interface, const struct tun_spec *spec, size_t *ret, char why[TUN_WHY_SIZE]) MUST_CHECK;

/* Whether the descriptor still has its interface, which whoever may can remove: nothing comes by it then, for ever. */
bool tun_is_there(int fd);

/* What a descriptor of one says of itself; socket: of the interface's network namespace (the descriptor may come from
 * another), which knows the mtu and the IPv4 address. Somebody may have moved it to one that the socket is not of: then its mtu is 0, and
 * it has no address. ERR_INVALID: it is neither a TUN nor a TAP device as they are made here. */
enum err tun_look(int fd, int socket, struct tun_spec *ret) MUST_CHECK;

/* From now on the kernel hands over packets with as much as it can leave to us, or (is_on false) with nothing. Needs no
 * privilege. */
enum tun_offloads tun_offload(int fd, bool is_on);
const char *tun_offload_text(enum tun_offloads offloads);

#endif
