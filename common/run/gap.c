#include "common/run/gap.h"

#include <assert.h>
#include <string.h>

#include "common/run/rights.h"

static_assert((int)GAP_DESCRIPTORS_MAX == (int)RIGHTS_MAX, "what goes with a message is what a packet takes");

enum err gap_send(int fd, const struct ProtobufCMessage *message, const int *fds, size_t fd_count)
{
    uint8_t data[GAP_MESSAGE_MAX];
    size_t size = protobuf_c_message_get_packed_size(message);

    if (size > sizeof data) {
        return ERR_LIMIT;
    }
    (void)protobuf_c_message_pack(message, data);
    enum err e = rights_put(fd, data, size, fds, fd_count, 0);
    explicit_bzero(data, size); /* a Genesis holds the instance token */
    return e;
}

enum err gap_recv(int fd, uint8_t *data, size_t *ret_len, int *fds, size_t *ret_fd_count)
{
    struct rights_packet packet;
    enum err e = rights_take(fd, data, GAP_MESSAGE_MAX, fds, 0, &packet);

    if (e != ERR_OK) {
        return e;
    }
    if (packet.is_crowded) {
        e = ERR_MALFORMED;
    } else if (packet.is_cut) {
        e = ERR_LIMIT;
    } else if (packet.size == 0) {
        e = ERR_PEER_DEAD; /* no valid message is empty: every one sets its oneof */
    }
    if (e != ERR_OK) {
        rights_drop(fds, packet.count);
        return e;
    }
    *ret_len = packet.size;
    *ret_fd_count = packet.count;
    return ERR_OK;
}
