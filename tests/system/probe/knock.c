#include "knock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/run/fd.h"
#include "common/run/gap.h"

enum {
    KNOCK_FIRST_ID = 1u << 30, /* the runtime counts from 1 */
    KNOCK_WAIT_MS = 5000,
};

/* One message from the supervisor; false: none came. What is not about our knocks is lost with it. */
static bool hear(Cell__Probe__KnockReply *reply, char why[KNOCK_WHY_SIZE])
{
    static uint8_t data[GAP_MESSAGE_MAX];
    struct pollfd p = {.fd = GAP_FD, .events = POLLIN};
    int fds[GAP_DESCRIPTORS_MAX];
    size_t size, count = 0;

    if (poll(&p, 1, KNOCK_WAIT_MS) != 1 || gap_recv(GAP_FD, data, &size, fds, &count) != ERR_OK) {
        return false;
    }
    Cell__Gap__ToCell *m = cell__gap__to_cell__unpack(NULL, size, data);
    if (m != NULL && m->what_case == CELL__GAP__TO_CELL__WHAT_CHANNEL && m->channel->id >= KNOCK_FIRST_ID) {
        enum err e = err_from_wire(m->channel->status);
        reply->answers++;
        reply->channels += count;
        reply->denied += e == ERR_DENIED;
        reply->invalid += e == ERR_INVALID;
        reply->limited += e == ERR_LIMIT;
        (void)snprintf(why, KNOCK_WHY_SIZE, "%s", m->channel->why);
    }
    cell__gap__to_cell__free_unpacked(m, NULL);
    for (size_t i = 0; i < count; i++) {
        fd_close(&fds[i]);
    }
    return true;
}

enum err knock(const Cell__Probe__KnockRequest *ask, Cell__Probe__KnockReply *reply, char why[KNOCK_WHY_SIZE])
{
    why[0] = '\0';
    for (uint32_t i = 0; i < ask->times; i++) {
        Cell__Gap__ToNucleus message = CELL__GAP__TO_NUCLEUS__INIT;
        Cell__Gap__Connect connect = CELL__GAP__CONNECT__INIT;
        connect.id = KNOCK_FIRST_ID + i;
        connect.endpoint = ask->endpoint;
        message.what_case = CELL__GAP__TO_NUCLEUS__WHAT_CONNECT;
        message.connect = &connect;
        enum err e = gap_send(GAP_FD, &message.base, NULL, 0);
        if (e != ERR_OK) {
            return e;
        }
        for (uint32_t had = reply->answers; reply->answers == had;) { /* one at a time: the junction is not to fill up */
            if (!hear(reply, why)) {
                return ERR_TIMEOUT;
            }
        }
    }
    return ERR_OK;
}
