#include "common/run/shm_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    TABLE_FIRST = 8, /* streams; the table doubles */
};

_Static_assert(sizeof(struct shm_stream_frame) == 32, "the frame is a wire format");
_Static_assert(sizeof(struct shm_stream_in) == 56, "what SHM_STREAM_OPEN_MAX says about memory");

/* ---- sending ---------------------------------------------------------------------------------------- */

enum err shm_stream_open(struct shm_stream_out *s, uint64_t number, uint64_t bytes, uint32_t chunks,
                         uint32_t tag, struct shm_stream_frame *ret)
{
    assert(number > 0);
    if (bytes > SHM_STREAM_BYTES_MAX || chunks > SHM_STREAM_CHUNKS_MAX) {
        return ERR_LIMIT;
    }
    *s = (struct shm_stream_out){.number = number, .bytes = bytes, .chunks = chunks, .fault = ERR_OK};
    *ret = (struct shm_stream_frame){.kind = SHM_STREAM_OPEN, .index = chunks, .number = number,
                                     .bytes = bytes, .tag = tag};
    return ERR_OK;
}

enum err shm_stream_chunk(struct shm_stream_out *s, uint64_t size, struct shm_stream_frame *ret)
{
    if (s->fault != ERR_OK) {
        return s->fault;
    }
    assert(s->sent <= s->bytes && s->index <= s->chunks);
    if (size > s->bytes - s->sent || s->index == s->chunks) {
        return ERR_RANGE;
    }
    *ret = (struct shm_stream_frame){.kind = SHM_STREAM_CHUNK, .index = s->index, .number = s->number,
                                     .bytes = s->sent};
    s->sent += size;
    s->index++;
    return ERR_OK;
}

enum err shm_stream_end(struct shm_stream_out *s, struct shm_stream_frame *ret)
{
    if (s->fault != ERR_OK) {
        return s->fault;
    }
    if (s->sent != s->bytes) {
        return ERR_PRECONDITION;
    }
    *ret = (struct shm_stream_frame){.kind = SHM_STREAM_END, .index = s->index, .number = s->number,
                                     .bytes = s->sent};
    s->fault = ERR_PRECONDITION;
    return ERR_OK;
}

enum err shm_stream_abort(struct shm_stream_out *s, enum err why, struct shm_stream_frame *ret)
{
    if (s->fault != ERR_OK) {
        return s->fault;
    }
    *ret = (struct shm_stream_frame){.kind = SHM_STREAM_ABORT, .number = s->number,
                                     .tag = err_to_wire(why)};
    s->fault = ERR_CANCELLED;
    return ERR_OK;
}

void shm_stream_refused(struct shm_stream_out *s, const struct shm_stream_frame *frame)
{
    assert(frame->kind == SHM_STREAM_REFUSE && frame->number == s->number);
    if (s->fault == ERR_OK) {
        enum err why = err_from_wire(frame->tag);
        s->fault = why == ERR_OK ? ERR_CANCELLED : why; /* a refusal that says "ok" is still one */
    }
}

/* ---- the table of open streams -------------------------------------------------------------------- */

/* Where `number` stands or would stand. */
static size_t place_of(const struct shm_streams *s, uint64_t number)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->slot[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct shm_stream_in *find(const struct shm_streams *s, uint64_t number)
{
    size_t at = place_of(s, number);

    return at < s->count && s->slot[at]->number == number ? s->slot[at] : NULL;
}

/* Room for one more at the end of the table. */
static enum err grow(struct shm_streams *s)
{
    size_t room = s->room == 0 ? TABLE_FIRST : 2 * s->room;

    if (s->count < s->room) {
        return ERR_OK;
    }
    struct shm_stream_in **slot = reallocarray(s->slot, room, sizeof *slot);
    if (slot == NULL) {
        return ERR_NOMEM;
    }
    s->slot = slot;
    s->room = room;
    return ERR_OK;
}

void shm_streams_fini(struct shm_streams *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->slot[i]);
    }
    free(s->slot);
    *s = (struct shm_streams){0};
}

void shm_stream_close(struct shm_streams *s, struct shm_stream_in *stream)
{
    size_t at = place_of(s, stream->number);

    assert(at < s->count && s->slot[at] == stream);
    free(stream);
    s->count--;
    memmove(&s->slot[at], &s->slot[at + 1], (s->count - at) * sizeof s->slot[0]);
}

struct shm_stream_in *shm_streams_stale(const struct shm_streams *s, uint64_t now_ms,
                                        uint64_t idle_ms)
{
    struct shm_stream_in *oldest = NULL;

    for (size_t i = 0; i < s->count; i++) {
        struct shm_stream_in *one = s->slot[i];
        /* heard_ms may be later than a now_ms read earlier: not stale then. */
        if (now_ms >= one->heard_ms && now_ms - one->heard_ms >= idle_ms &&
            (oldest == NULL || one->heard_ms < oldest->heard_ms)) {
            oldest = one;
        }
    }
    return oldest;
}

/* ---- receiving -------------------------------------------------------------------------------------- */

static enum err opened(struct shm_streams *s, const struct shm_stream_frame *f, uint64_t now_ms,
                       enum shm_stream_event *ret, struct shm_stream_in **ret_stream)
{
    if (f->number <= s->last || f->bytes > SHM_STREAM_BYTES_MAX ||
        f->index > SHM_STREAM_CHUNKS_MAX) {
        return ERR_MALFORMED;
    }
    if (s->count == SHM_STREAM_OPEN_MAX) {
        s->last = f->number; /* what follows of it is late, not foreign */
        *ret = SHM_STREAM_EV_FULL;
        return ERR_OK;
    }
    enum err e = grow(s);
    struct shm_stream_in *made = e == ERR_OK ? calloc(1, sizeof *made) : NULL;
    if (made == NULL) {
        return ERR_NOMEM;
    }
    *made = (struct shm_stream_in){.number = f->number, .bytes = f->bytes, .heard_ms = now_ms,
                                   .chunks = f->index, .tag = f->tag};
    s->slot[s->count++] = made; /* numbers grow: the end is its place */
    s->last = f->number;
    *ret = SHM_STREAM_EV_OPENED;
    *ret_stream = made;
    return ERR_OK;
}

static enum err chunk(struct shm_stream_in *one, const struct shm_stream_frame *f, uint64_t size)
{
    assert(one->received <= one->bytes && one->index <= one->chunks);
    if (f->index != one->index || f->index == one->chunks || f->bytes != one->received ||
        size > one->bytes - one->received) {
        return ERR_MALFORMED;
    }
    one->received += size;
    one->index++;
    return ERR_OK;
}

/* A frame of stream `one`, which is open. */
static enum err continued(struct shm_streams *s, struct shm_stream_in *one,
                          const struct shm_stream_frame *f, uint64_t size,
                          enum shm_stream_event *ret)
{
    enum err e = ERR_OK;

    switch ((enum shm_stream_kind)f->kind) {
    case SHM_STREAM_CHUNK:
        e = chunk(one, f, size);
        *ret = SHM_STREAM_EV_BYTES;
        break;
    case SHM_STREAM_END:
        e = one->received == one->bytes && f->bytes == one->bytes && f->index == one->index
                ? ERR_OK
                : ERR_MALFORMED;
        *ret = SHM_STREAM_EV_ENDED;
        break;
    case SHM_STREAM_ABORT:
        one->tag = f->tag;
        *ret = SHM_STREAM_EV_ABORTED;
        break;
    case SHM_STREAM_OPEN:
    case SHM_STREAM_REFUSE:
        return ERR_MALFORMED; /* not reached by what shm_stream_receive lets through */
    }
    if (e == ERR_OK && one->is_refused) {
        /* Its bounds are still checked: who lies here lies elsewhere. */
        if (f->kind != SHM_STREAM_CHUNK) {
            shm_stream_close(s, one);
        }
        s->late++;
        *ret = SHM_STREAM_EV_NONE;
    }
    return e;
}

enum err shm_stream_receive(struct shm_streams *s, const struct shm_stream_frame *frame,
                            uint64_t payload_size, uint64_t now_ms, enum shm_stream_event *ret,
                            struct shm_stream_in **ret_stream)
{
    struct shm_stream_in *one = NULL;
    enum shm_stream_event event = SHM_STREAM_EV_NONE;
    enum err e = ERR_OK;

    if (frame->number == 0 || frame->zero != 0 || frame->kind < SHM_STREAM_OPEN ||
        frame->kind > SHM_STREAM_REFUSE || (frame->kind != SHM_STREAM_CHUNK && payload_size > 0)) {
        return ERR_MALFORMED;
    }
    if (frame->kind == SHM_STREAM_REFUSE) {
        event = SHM_STREAM_EV_REFUSED;
    } else if (frame->kind == SHM_STREAM_OPEN) {
        e = opened(s, frame, now_ms, &event, &one);
    } else if ((one = find(s, frame->number)) != NULL) {
        one->heard_ms = now_ms;
        e = continued(s, one, frame, payload_size, &event);
    } else if (frame->number <= s->last) {
        s->late++;
    } else {
        e = ERR_MALFORMED; /* of a stream that was never opened */
    }
    if (e != ERR_OK) {
        return e;
    }
    *ret = event;
    *ret_stream = event == SHM_STREAM_EV_NONE ? NULL : one;
    return ERR_OK;
}

struct shm_stream_frame shm_stream_refuse_frame(uint64_t number, enum err why)
{
    assert(number > 0 && why != ERR_OK);
    return (struct shm_stream_frame){.kind = SHM_STREAM_REFUSE, .number = number,
                                     .tag = err_to_wire(why)};
}

void shm_stream_refuse(struct shm_stream_in *stream, enum err why, struct shm_stream_frame *ret)
{
    stream->is_refused = true;
    stream->owner = NULL;
    *ret = shm_stream_refuse_frame(stream->number, why);
}

/* ---- keeping what arrives ------------------------------------------------------------------------- */

enum err shm_stream_keep(struct shm_stream_kept *kept, const struct shm_stream_in *stream,
                         const void *data, uint64_t size)
{
    uint64_t needed = kept->size + size;

    assert(needed == stream->received && needed <= stream->bytes);
    if (needed > kept->room) {
        /* Doubling, and never past what was announced: a lie there costs nothing, the truth at most
         * as much as has arrived. */
        uint64_t room = needed < SHM_STREAM_KEEP_MIN / 2 ? SHM_STREAM_KEEP_MIN : 2 * needed;
        room = room < stream->bytes ? room : stream->bytes;
        uint8_t *bytes = realloc(kept->bytes, room);
        if (bytes == NULL) {
            return ERR_NOMEM;
        }
        kept->bytes = bytes;
        kept->room = room;
    }
    if (size > 0) {
        memcpy(kept->bytes + kept->size, data, size);
    }
    kept->size = needed;
    return ERR_OK;
}

void shm_stream_kept_fini(struct shm_stream_kept *kept)
{
    free(kept->bytes);
    *kept = (struct shm_stream_kept){0};
}
