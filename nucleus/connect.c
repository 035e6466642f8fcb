/* Who may call whom was decided when the doors were published: a caller without a door gets no channel. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/run/fd.h"
#include "common/run/shm.h"
#include "nucleus/connect.h"
#include "nucleus/junction.h"

/* A refusal, or the caller's end and the key. */
static enum err answer(struct shell_slot *slot, uint32_t id, enum err e, const char *why, const int *fd,
                       const uint8_t *key)
{
    Cell__Gap__Channel channel = CELL__GAP__CHANNEL__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;

    channel.id = id;
    channel.status = err_to_wire(e);
    channel.why = (char *)why;
    channel.key.data = (uint8_t *)key;
    channel.key.len = key == NULL ? 0 : SHM_KEY_LEN;
    message.what_case = CELL__GAP__TO_CELL__WHAT_CHANNEL;
    message.channel = &channel;
    return junction_say(slot, &message, fd, fd == NULL ? 0 : 1);
}

static enum err offer(struct shell_slot *callee, const struct node_instance *caller, const int *fd,
                      const uint8_t *key)
{
    Cell__Gap__Channel channel = CELL__GAP__CHANNEL__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;

    channel.namespace_ = (char *)caller->space;
    channel.cell = (char *)caller->name;
    channel.status = err_to_wire(ERR_OK);
    channel.key.data = (uint8_t *)key;
    channel.key.len = SHM_KEY_LEN;
    message.what_case = CELL__GAP__TO_CELL__WHAT_CHANNEL;
    message.channel = &channel;
    return junction_say(callee, &message, fd, 1);
}

static bool has_door(const struct shell_slot *callee, const struct node_instance *caller)
{
    for (size_t i = 0; i < callee->endpoint_count; i++) {
        const struct shell_endpoint *door = &callee->endpoints[i];
        if (strcmp(door->cell, caller->name) == 0 && strcmp(door->space, caller->space) == 0) {
            return true;
        }
    }
    return false;
}

/* The slot behind "default/greeter.0.sock" if `caller` has a door to it; NULL and a reason. */
static struct shell_slot *find_callee(struct shell *s, const struct node_instance *caller,
                                      const char *endpoint, enum err *ret_error, const char **ret_why)
{
    static const char suffix[] = ".sock";
    char text[NAME_REF_SIZE];
    size_t len = strlen(endpoint), tail = sizeof suffix - 1;
    struct name_ref ref;

    *ret_error = ERR_INVALID;
    *ret_why = "this names no instance";
    if (len <= tail || len - tail >= sizeof text || strcmp(endpoint + len - tail, suffix) != 0) {
        return NULL;
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)(len - tail), endpoint);
    if (name_ref_parse(text, &ref) != ERR_OK || ref.node[0] != '\0' || ref.instance < 0 ||
        ref.space[0] == '\0') {
        return NULL;
    }
    int32_t index = node_find(s->node, ref.space, ref.cell, (uint32_t)ref.instance);
    struct shell_slot *callee = index < 0 ? NULL : s->slots[index];
    /* One answer for what is not there and what is not to be called: names are not to be guessed. */
    if (callee == NULL || !has_door(callee, caller)) {
        *ret_error = ERR_DENIED;
        *ret_why = "there is no such door for this cell";
        return NULL;
    }
    const struct node_instance *i = node_at(s->node, (uint32_t)index);
    if (i->state != NODE_READY || callee->gap_fd < 0) {
        *ret_error = ERR_UNAVAILABLE;
        *ret_why = "the instance is not ready";
        return NULL;
    }
    return callee;
}

static bool is_too_often(struct shell_slot *slot)
{
    uint64_t now_ms = loop_now_ms();

    if (now_ms - slot->connect_ms >= CONNECT_BURST_MS) {
        slot->connect_ms = now_ms;
        slot->connect_count = 0;
    }
    return slot->connect_count++ >= CONNECT_BURST;
}

/* The callee first: a caller that is told has somebody at the other end. */
static enum err bring_together(struct shell_slot *slot, struct shell_slot *callee, uint32_t id,
                               const struct node_instance *caller)
{
    uint8_t key[SHM_KEY_LEN];
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
        return err_from_errno(errno);
    }
    randombytes_buf(key, sizeof key);
    enum err e = offer(callee, caller, &ends[0], key);
    if (e == ERR_OK) {
        e = answer(slot, id, ERR_OK, "", &ends[1], key);
    }
    sodium_memzero(key, sizeof key);
    fd_close(&ends[0]); /* theirs are copies; an end nobody got is closed with this */
    fd_close(&ends[1]);
    return e;
}

void connect_ask(struct shell_slot *slot, const Cell__Gap__Connect *connect)
{
    struct shell *s = slot->shell;
    const struct node_instance *caller = node_at(s->node, slot->slot);
    const char *why = "too many channels in too short a time";
    enum err e = is_too_often(slot) ? ERR_LIMIT : ERR_OK;
    struct shell_slot *callee = NULL;

    if (caller == NULL) {
        return; /* its record is gone, and so will it be */
    }
    if (e == ERR_OK) {
        callee = find_callee(s, caller, connect->endpoint, &e, &why);
    }
    if (callee != NULL) {
        e = bring_together(slot, callee, connect->id, caller);
        why = "the supervisor could not reach both sides";
    }
    if (callee == NULL || e != ERR_OK) {
        log_debug("NUCLEUS-CONNECT", "slot=%" PRIu32 " error=%s why=\"%s\"", slot->slot, err_name(e), why);
        e = answer(slot, connect->id, e == ERR_OK ? ERR_UNAVAILABLE : e, why, NULL, NULL);
        if (e != ERR_OK) { /* it asks again when its patience is over */
            log_debug("NUCLEUS-CONNECT-UNSAID", "slot=%" PRIu32 " error=%s", slot->slot, err_name(e));
        }
    }
}
