/* The bytes on the wire: WireGuard's four messages (Donenfeld, NDSS 2017, section 5.4), little-endian, and nothing
 * else. What is our own begins with another byte, and its three bytes after that are never all zero.
 *
 *   initiation  1 000  sender u32  ephemeral 32  static 32+16  time 12+16  mac1 16  mac2 16
 *   response    2 000  sender u32  receiver u32  ephemeral 32  empty 16    mac1 16  mac2 16
 *   cookie      3 000  receiver u32  nonce 24  cookie 16+16
 *   data        4 000  receiver u32  counter u64  packet, padded, +16
 *
 * Ours (PROTOCOL.md in this folder), which no WireGuard takes for one of its own:
 *   signal      5 cel  who u64  nonce 24  what is said, +16
 *   relayed     6 cel  id u32   any of the others */
#ifndef CELL_DATAPATH_MESSAGE_H
#define CELL_DATAPATH_MESSAGE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum datapath_kind {
    DATAPATH_KIND_NONE, /* not one of these, or not of its length */
    DATAPATH_KIND_INITIATION,
    DATAPATH_KIND_RESPONSE,
    DATAPATH_KIND_COOKIE,
    DATAPATH_KIND_DATA,
    DATAPATH_KIND_SIGNAL,  /* ours: signal.h                */
    DATAPATH_KIND_RELAYED, /* ours: 8 bytes before a datagram that goes by way of a relay */
};

enum {
    DATAPATH_MESSAGE_INITIATION = 148,
    DATAPATH_MESSAGE_RESPONSE = 92,
    DATAPATH_MESSAGE_COOKIE = 64,
    DATAPATH_MESSAGE_DATA = 32,     /* at least: a keepalive                    */
    DATAPATH_MESSAGE_HEAD = 16,     /* of data, before what is encrypted        */
    DATAPATH_MESSAGE_TAG = 16,
    DATAPATH_MESSAGE_MACS = 32,     /* mac1 and mac2, at the end of a handshake */
    DATAPATH_MESSAGE_PAD = 16,      /* packets are padded to multiples          */
    /* places */
    DATAPATH_MESSAGE_SENDER = 4,
    DATAPATH_MESSAGE_RECEIVER = 4,  /* of cookie and data … */
    DATAPATH_MESSAGE_ANSWERED = 8,  /* … and of response    */
    DATAPATH_MESSAGE_COUNTER = 8,
    DATAPATH_MESSAGE_NOISE_FIRST = 8,
    DATAPATH_MESSAGE_NOISE_SECOND = 12,
    DATAPATH_MESSAGE_NONCE = 8,
    DATAPATH_MESSAGE_SEALED_COOKIE = 32,
    DATAPATH_MESSAGE_NONCE_SIZE = 24,
    DATAPATH_MESSAGE_TIME = 12,     /* TAI64N */
    DATAPATH_MESSAGE_RELAY = 8,     /* what a relay takes, before the datagram */
    DATAPATH_MESSAGE_RELAY_ID = 4,
    DATAPATH_MESSAGE_V4 = 12,       /* of an address that is IPv4's: where it begins */
};

/* Where a datagram comes from or goes to. IPv4 stands in the IPv6 form ::ffff:a.b.c.d. */
struct datapath_endpoint {
    uint8_t ip[16];
    uint16_t port;  /* host byte order; 0: there is none            */
    uint32_t scope; /* interface of a link-local address, otherwise 0 */
    uint32_t relay; /* it is a relay's, who passes on by this id; 0: it is where he is himself */
};

/* What these bytes claim to be. O(1). */
enum datapath_kind datapath_message_kind(const uint8_t *bytes, size_t size);

/* Whether they claim to be one of ours: SIGNAL, RELAYED or, of what WireGuard has, NONE. O(1). */
enum datapath_kind datapath_message_own(const uint8_t *bytes, size_t size);

/* The first four bytes of a message of this kind. */
void datapath_message_begin(uint8_t *out, enum datapath_kind kind);

/* The length of a packet of `size` bytes on the wire, in an overlay of that mtu: padded, but never beyond the mtu. */
size_t datapath_message_data_size(size_t size, size_t mtu);

/* Whether it means something on one link alone (RFC 4291, 2.5.6): it is told to nobody. */
bool datapath_message_is_of_link(const struct datapath_endpoint *at);

/* Of so many places those where somebody can be, in front and in their order; returns how many. `by` said so, who is there: a
 * loopback address means something to whoever shares his host. What nobody has are addresses of many, of none, and port 0; one of
 * a link (fe80::/10) without its scope is nowhere. */
uint32_t datapath_message_keep_places(struct datapath_endpoint *place, uint32_t places, const struct datapath_endpoint *by);

/* Whether it is one of IPv4, ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), whose four bytes stand at DATAPATH_MESSAGE_V4; and to make it one. */
static inline bool datapath_message_is_v4(const uint8_t ip[16])
{
    static const uint8_t mapped[DATAPATH_MESSAGE_V4] = {[10] = 0xff, [11] = 0xff};

    return memcmp(ip, mapped, sizeof mapped) == 0;
}

static inline void datapath_message_put_v4(uint8_t ip[16], const void *v4)
{
    memset(ip, 0, DATAPATH_MESSAGE_V4);
    ip[10] = ip[11] = 0xff;
    memcpy(ip + DATAPATH_MESSAGE_V4, v4, 16 - DATAPATH_MESSAGE_V4);
}

/* These are on the way of every packet. */
static inline bool datapath_message_is_same(const struct datapath_endpoint *a, const struct datapath_endpoint *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0 && a->port == b->port && a->scope == b->scope && a->relay == b->relay;
}

static inline uint32_t datapath_message_get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static inline uint64_t datapath_message_get64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static inline void datapath_message_put32(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

static inline void datapath_message_put64(uint8_t *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
}

#endif
