#include "tests/sim/raft/machine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "raft/image.h"
#include "raft/le.h"
#include "tests/sim/raft/check.h"

enum { US = 1000, IMAGE_PIECE = 2000 };

void machine_init(struct machine *m, uint32_t node)
{
    struct raft_past_tuning small = past_disk_small(node % 2 == 0 ? MACHINE_WARM : 0);
    struct raft_past_disk disk = past_disk_of(&m->past);

    raft_kv_init(&m->kv);
    if (raft_kv_keep_past(&m->kv, &disk, &small) != ERR_OK) {
        abort();
    }
    m->is_on = true;
}

void machine_fini(struct machine *m)
{
    if (m->is_on) {
        raft_kv_fini(&m->kv);
        past_disk_fini(&m->past);
    }
    memset(m, 0, sizeof *m);
}

/* ---- applying ---------------------------------------------------------------------------------------------- */

static uint64_t fold(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

/* All of an answer, but whether it is kept for somebody else. */
static uint64_t hash_answer(const struct raft_answer *a)
{
    uint64_t hash = fold(fold(fold(1, (uint64_t)a->error), a->revision), a->number);

    hash = fold(fold(fold(hash, a->ttl_ms), a->succeeded), a->is_repeat);
    return fold(hash, quorum_value(a->body.at, a->body.size)) | 1;
}

/* An image that lacks what has rotted is none. */
static bool is_rot(const struct machine *m, enum err e)
{
    return m->past.rot != 0 && e == ERR_DATA_LOSS;
}

/* Of a whole image; raft_image_sum would ask for much memory each time. 0: there is none. */
static uint64_t hash_store(struct machine *m)
{
    static uint8_t piece[RAFT_IMAGE_ROOM];
    struct raft_image image;
    uint32_t check = 0;
    size_t size = 1;

    if (raft_image_begin(&image, &m->kv) != ERR_OK) {
        abort();
    }
    while (size > 0) {
        enum err e = raft_image_next(&image, piece, sizeof piece, IMAGE_PIECE, &size);
        if (e != ERR_OK && !is_rot(m, e)) {
            abort();
        }
        if (e != ERR_OK) {
            raft_image_end(&image);
            return 0;
        }
        check = bytes_crc32c(check, piece, size);
    }
    raft_image_end(&image);
    return (uint64_t)check << 1 | 1;
}

static void compare_stores(struct world *w, uint32_t node, struct quorum_seat *s)
{
    struct quorum_agreed *agreed = &quorum_truth(w)->agreed[s->machine.applied];
    uint64_t hash = hash_store(&s->machine);

    quorum_truth(w)->past_lost += hash == 0;
    if (agreed->image == 0) {
        agreed->image = hash;
    } else if (hash != 0 && agreed->image != hash) {
        world_fail(w, "node %" PRIu32 " has another store than the others after entry %" PRIu64, node, s->machine.applied);
    }
}

static void apply_command(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t index, const uint8_t *bytes, uint32_t size)
{
    struct quorum_agreed *agreed = &quorum_truth(w)->agreed[index];
    struct raft_command c;
    struct raft_answer answer;
    enum err e = raft_kv_apply(&s->machine.kv, index, bytes, size, &answer);

    if (e != ERR_OK || raft_command_read(bytes, size, &c) != ERR_OK) {
        world_fail(w, "node %" PRIu32 " cannot apply entry %" PRIu64 ": %s", node, index, err_name(e));
        return;
    }
    uint64_t hash = hash_answer(&answer);
    if (agreed->answer == 0) {
        agreed->answer = hash;
        check_answer(w, s, index, &c, &answer);
    } else if (agreed->answer != hash) {
        world_fail(w, "node %" PRIu32 " answers entry %" PRIu64 " otherwise than the others", node, index);
    }
    clients_applied(w, node, s, index, &answer);
}

void machine_apply(struct world *w, uint32_t node, struct quorum_seat *s, const uint8_t *bytes, uint32_t size, uint64_t now_us)
{
    struct machine *m = &s->machine;
    uint64_t index = ++m->applied;

    bool rots = quorum_truth(w)->past_rots && w->now_us < w->set.calm_us;
    m->past.rot = rots && (index / MACHINE_ROT_ENTRIES + node) % 5 == 0 ? index : 0;
    m->past.is_full = (index / MACHINE_FULL_ENTRIES + node) % 5 == 0;
    if (bytes[4] == RAFT_ENTRY_COMMAND) {
        apply_command(w, node, s, index, bytes + RAFT_ENTRY_HEAD, size - RAFT_ENTRY_HEAD);
    } else {
        raft_kv_skip(&m->kv, index);
        clients_applied(w, node, s, index, NULL);
    }
    if (bytes[4] == RAFT_ENTRY_CONFIG &&
        raft_config_unpack(bytes + RAFT_ENTRY_HEAD, size - RAFT_ENTRY_HEAD, &m->applied_config) != ERR_OK) {
        world_fail(w, "node %" PRIu32 ": a committed configuration does not parse", node);
    }
    m->mark_index = m->mark_index <= index ? 0 : m->mark_index;
    if (index % MACHINE_HASH_EVERY == 0 && !w->has_failed) {
        compare_stores(w, node, s);
    }
    if (m->lead_index != 0 && !m->lessor.is_leading && index >= m->lead_index) {
        raft_lessor_lead(&m->lessor, now_us, m->kv.time_ms);
    }
}

/* ---- snapshots ---------------------------------------------------------------------------------------------- */

static void add(uint8_t **bytes, size_t *size, const void *more, size_t count)
{
    *bytes = realloc(*bytes, *size + count);
    if (*bytes == NULL) {
        abort();
    }
    memcpy(*bytes + *size, more, count);
    *size += count;
}

bool machine_image(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t term, uint8_t **ret_bytes, size_t *ret_size)
{
    static uint8_t piece[RAFT_IMAGE_ROOM];
    static struct raft_snapshot_head head;
    uint8_t front[RAFT_SNAPSHOT_HEAD_MAX];
    struct raft_snapshot_form form;
    struct raft_image image;
    size_t size = 1;

    compare_stores(w, node, s);
    head.cluster = QUORUM_CLUSTER;
    head.index = s->machine.applied;
    head.term = term;
    head.config_size = (uint32_t)raft_config_pack(&s->machine.applied_config, head.config);
    *ret_bytes = NULL;
    *ret_size = 0;
    add(ret_bytes, ret_size, front, raft_snapshot_form_begin(&form, &head, front));
    if (raft_image_begin(&image, &s->machine.kv) != ERR_OK) {
        abort();
    }
    while (size > 0) {
        enum err e = raft_image_next(&image, piece, sizeof piece, IMAGE_PIECE, &size);
        if (e != ERR_OK && !is_rot(&s->machine, e)) {
            abort();
        }
        if (e != ERR_OK) {
            raft_image_end(&image);
            free(*ret_bytes);
            return false;
        }
        if (size > 0) {
            raft_snapshot_form_chunk(&form, piece, size, front);
            add(ret_bytes, ret_size, front, RAFT_SNAPSHOT_CHUNK_HEAD);
            add(ret_bytes, ret_size, piece, size);
        }
    }
    raft_image_end(&image);
    raft_snapshot_form_end(&form, front);
    add(ret_bytes, ret_size, front, RAFT_SNAPSHOT_END);
    return true;
}

/* Chunk by chunk; kv NULL: only looked at. */
static bool read_image(const uint8_t *bytes, size_t size, struct raft_snapshot_head *ret, struct raft_kv *kv)
{
    struct raft_snapshot_form form;
    uint32_t at = 0, chunk = 0;
    bool is_done = false;

    if (raft_snapshot_form_read(&form, bytes, size, ret, &at) != ERR_OK) {
        return false;
    }
    for (;;) {
        if (size - at < RAFT_SNAPSHOT_CHUNK_HEAD || raft_snapshot_form_size(bytes + at, &chunk) != ERR_OK) {
            return false;
        }
        if (chunk == 0) {
            return size - at == RAFT_SNAPSHOT_END && raft_snapshot_form_is_end(&form, bytes + at) && (kv == NULL || is_done);
        }
        const uint8_t *body = bytes + at + RAFT_SNAPSHOT_CHUNK_HEAD;
        if (size - at - RAFT_SNAPSHOT_CHUNK_HEAD < chunk || !raft_snapshot_form_is_chunk(&form, bytes + at, body, chunk) ||
            (kv != NULL && raft_image_load(kv, body, chunk, &is_done) != ERR_OK)) {
            return false;
        }
        at += RAFT_SNAPSHOT_CHUNK_HEAD + chunk;
    }
}

bool machine_is_whole(const uint8_t *bytes, size_t size, struct raft_snapshot_head *ret)
{
    return read_image(bytes, size, ret, NULL) && ret->cluster == QUORUM_CLUSTER;
}

bool machine_load(struct world *w, uint32_t node, struct quorum_seat *s, const uint8_t *bytes, size_t size)
{
    static struct raft_snapshot_head head;
    struct machine *m = &s->machine;

    raft_kv_replace(&m->kv);
    raft_image_expect(&m->kv);
    if (!read_image(bytes, size, &head, &m->kv) ||
        raft_config_unpack(head.config, head.config_size, &m->applied_config) != ERR_OK) {
        return false;
    }
    m->applied = head.index;
    if (head.index > quorum_truth(w)->agreed_last || m->kv.applied != head.index) {
        world_fail(w, "node %" PRIu32 " has a snapshot of entry %" PRIu64 ", which nobody committed, or of another", node, head.index);
    } else {
        compare_stores(w, node, s);
    }
    return true;
}

/* ---- the cluster's clock -------------------------------------------------------------------------------------- */

void machine_lead(struct quorum_seat *s, bool leads)
{
    uint64_t term_before = 0;

    s->machine.lead_index = leads ? raft_core_view(s->core).last : 0;
    s->machine.mark_index = 0;
    if (!leads) {
        raft_lessor_leave(&s->machine.lessor);
        return;
    }
    if (s->machine.lead_index > 1 && !raft_core_term_of(s->core, s->machine.lead_index - 1, &term_before)) {
        abort();
    }
    raft_lessor_elect(&s->machine.lessor, s->machine.kv.time_ms, term_before);
}

uint64_t machine_time_ms(struct quorum_seat *s, uint64_t now_us)
{
    return raft_lessor_time_ms(&s->machine.lessor, now_us, s->machine.kv.time_ms);
}

static void propose_numbers(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, const struct raft_due *due,
                            struct world_effects *fx)
{
    struct raft_writer writer;
    uint64_t first = 0, leader;
    size_t size = 0;

    free(s->proposal);
    s->proposal = malloc(RAFT_ENTRY_HEAD + RAFT_COMMAND_ROOM);
    if (s->proposal == NULL) {
        abort();
    }
    raft_command_begin(&writer, s->proposal + RAFT_ENTRY_HEAD, RAFT_COMMAND_ROOM, due->kind, machine_time_ms(s, now_us), NULL);
    raft_command_numbers(&writer, due->id, due->stamp, 0);
    if (raft_command_end(&writer, &size) != ERR_OK) {
        abort();
    }
    raft_le_put32(s->proposal, (uint32_t)size);
    s->proposal[4] = RAFT_ENTRY_COMMAND;
    if (quorum_propose(w, node, s, now_us, 1, RAFT_ENTRY_HEAD + (uint32_t)size, fx, &first, &leader) != ERR_OK) {
        raft_kv_watch_deadline(&s->machine.kv, machine_time_ms(s, now_us)); /* at the next look again */
    } else if (due->kind == RAFT_COMMAND_CLOCK) {
        s->machine.mark_index = first > s->machine.applied ? first : 0;
    }
}

void machine_tick(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, struct world_effects *fx)
{
    struct machine *m = &s->machine;
    struct raft_due due[MACHINE_DUE_MAX];

    m->tick_us = now_us + (uint64_t)RAFT_LESSOR_TICK_MS * US;
    if (!m->lessor.is_leading) {
        return;
    }
    size_t count = raft_kv_due(&m->kv, machine_time_ms(s, now_us), due, MACHINE_DUE_MAX);
    bool has_any = m->kv.leases.map.count > 0 || m->kv.sessions.map.count > 0;
    for (size_t i = 0; i < count && !w->has_failed; i++) {
        propose_numbers(w, node, s, now_us, &due[i], fx);
    }
    if (m->mark_index == 0 && m->lessor.is_leading && raft_lessor_must_mark(&m->lessor, m->kv.time_ms, has_any)) {
        propose_numbers(w, node, s, now_us, &(struct raft_due){.kind = RAFT_COMMAND_CLOCK}, fx);
    }
}
