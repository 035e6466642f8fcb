#include "nucleus/rekey.h"

#include <inttypes.h>
#include <string.h>

#include "common/run/call.h"
#include "nucleus/events.h"
#include "nucleus/junction.h"
#include "nucleus/keys.h"
#include "nucleus/service.h"

enum {
    SECOND_MS = 1000,
    AGAIN_MS = 1000, /* while a command changes the files */
};

void rekey_hand(struct shell_slot *slot)
{
    struct shell *s = slot->shell;
    const struct node_instance *i = node_at(s->node, slot->slot);
    Cell__Gap__Grant grant = CELL__GAP__GRANT__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    struct keys_grant keys;
    char why[KEYS_WHY_SIZE] = "";

    if (i == NULL || i->cell >= s->manifest.cell_count || s->manifest.cells[i->cell].sandbox.keys == 0) {
        return;
    }
    enum err e = keys_open(s->state_dir, s->manifest.cells[i->cell].sandbox.keys, &keys, why);
    if (e == ERR_OK) {
        grant.descriptors = (char **)keys.name;
        grant.n_descriptors = keys.count;
        message.what_case = CELL__GAP__TO_CELL__WHAT_GRANT;
        message.grant = &grant;
        e = junction_say(slot, &message, keys.fd, keys.count);
        keys_close(&keys);
    }
    if (e != ERR_OK) { /* it has the old ones until it is started anew */
        log_warn("NUCLEUS-KEYS-UNSAID", "cell=%s/%s.%" PRIu32 " error=%s why=\"%s\"", i->space, i->name, i->instance,
                 err_name(e), why);
    }
}

static void hand_out(struct shell *s)
{
    for (uint32_t i = 0; i < node_slots(s->node); i++) {
        if (s->slots[i] != NULL && s->slots[i]->gap_fd >= 0 && s->slots[i]->gap_state >= GAP_GENESIS) {
            rekey_hand(s->slots[i]);
        }
    }
}

/* ---- the key before ---------------------------------------------------------------------------- */

static void on_grace(void *context);

static void arm(struct shell *s, uint64_t delay_ms)
{
    loop_timer_free(s->grace_timer);
    s->grace_timer = delay_ms == 0 ? NULL : loop_timer_new(host_loop(s->cell), delay_ms, 0, on_grace, s);
}

static void on_grace(void *context)
{
    struct shell *s = context;
    struct keys_change now;
    char why[KEYS_WHY_SIZE] = "";
    enum err e = keys_look(s->state_dir, true, &now, why);

    arm(s, e == ERR_OK || e == ERR_NOT_FOUND ? 0 : AGAIN_MS);
    if (e == ERR_OK && now.is_news) {
        log_info("NUCLEUS-KEY-DROPPED", "epoch=%" PRIu32, now.epoch);
        hand_out(s);
    } else if (e != ERR_OK) {
        log_warn("NUCLEUS-KEY-KEPT", "error=%s why=\"%s\" action=tried-again", err_name(e), why);
    }
}

void rekey_begin(struct shell *s)
{
    struct keys_change now;
    char why[KEYS_WHY_SIZE];

    if (keys_look(s->state_dir, false, &now, why) == ERR_OK) { /* otherwise the cells that want keys say why */
        arm(s, (uint64_t)now.grace_s * SECOND_MS);
    }
}

void rekey_end(struct shell *s)
{
    loop_timer_free(s->grace_timer);
    s->grace_timer = NULL;
}

/* ---- news -------------------------------------------------------------------------------------- */

static enum err take(struct shell *s, struct cell_call *call, const ProtobufCBinaryData *update, struct keys_change *ret)
{
    char why[KEYS_WHY_SIZE] = "";
    enum err e = update->len == 0 ? keys_look(s->state_dir, false, ret, why)
                                  : keys_update(s->state_dir, update->data, update->len, ret, why);

    if (update->len == 0) {
        ret->is_news = e == ERR_OK; /* whoever asks has changed the files */
    }
    if (e != ERR_OK) {
        log_warn("NUCLEUS-REKEY", "error=%s why=\"%s\" action=refused", err_name(e), why);
        cell_call_explain(call, "%s", why);
    }
    return e;
}

enum err rekey_serve(void *state, struct cell_call *call, const void *request)
{
    struct shell *s = state;
    const Cell__Nucleus__RekeyRequest *ask = request;
    Cell__Nucleus__RekeyReply reply = CELL__NUCLEUS__REKEY_REPLY__INIT;
    struct keys_change now = {0};
    enum err e = service_check_right(s, call, "Rekey");

    if (e == ERR_OK) {
        e = take(s, call, &ask->update, &now);
    }
    if (ask->update.len > 0) {
        explicit_bzero(ask->update.data, ask->update.len);
    }
    if (e != ERR_OK) {
        return e;
    }
    if (now.is_news) {
        log_info("NUCLEUS-KEYS", "epoch=%" PRIu32 " crl=%" PRIu32 " grace_s=%" PRIu32, now.epoch, now.crl, now.grace_s);
        events_add(s, "", "", 0, "keys", "epoch %" PRIu32 ", revocation list %" PRIu32, now.epoch, now.crl);
        arm(s, (uint64_t)now.grace_s * SECOND_MS);
        hand_out(s);
    }
    reply.epoch = now.epoch;
    reply.crl = now.crl;
    reply.is_news = now.is_news;
    return cell_reply(call, &reply);
}
