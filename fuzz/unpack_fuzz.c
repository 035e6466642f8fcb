/* Any bytes as messages of several types: what is taken has only texts that are whole and UTF-8, as protobuf-c unpacked
 * them; what is refused is refused in one printable line. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/run/unpack.h"
#include "proto/descriptor.pb-c.h"
#include "proto/dht.pb-c.h"
#include "proto/envelope.pb-c.h"
#include "proto/gap.pb-c.h"
#include "proto/raft.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory that knows its size: a text shorter than what it was given was cut by a NUL. */
union head {
    size_t size;
    max_align_t align;
};

static void *remember(void *context, size_t size)
{
    union head *head = malloc(sizeof *head + size);

    (void)context;
    if (head == NULL) {
        return NULL;
    }
    head->size = size;
    return head + 1;
}

static void forget(void *context, void *pointer)
{
    (void)context;
    free(pointer == NULL ? NULL : (union head *)pointer - 1);
}

static void check_text(const char *text, const ProtobufCFieldDescriptor *f)
{
    if (text == NULL || text == f->default_value || text == protobuf_c_empty_string) {
        return; /* was not in the message */
    }
    assert(((const union head *)text - 1)->size == strlen(text) + 1);
    assert(bytes_is_utf8((const uint8_t *)text, strlen(text)));
}

static void check_message(const ProtobufCMessage *m);

static void check_value(const ProtobufCFieldDescriptor *f, const void *at)
{
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        check_text(*(char *const *)at, f);
    } else if (f->type == PROTOBUF_C_TYPE_MESSAGE && *(ProtobufCMessage *const *)at != NULL) {
        check_message(*(ProtobufCMessage *const *)at);
    }
}

static void check_message(const ProtobufCMessage *m)
{
    const uint8_t *base = (const uint8_t *)m;

    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        bool is_held = f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE;

        if (is_held && f->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(const size_t *)(base + f->quantifier_offset);
            void *const *list = *(void *const *const *)(base + f->offset);
            for (size_t k = 0; k < count; k++) {
                check_value(f, &list[k]);
            }
        } else if (is_held && ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 ||
                               *(const uint32_t *)(base + f->quantifier_offset) == f->id)) {
            check_value(f, base + f->offset);
        }
    }
}

static void must_be_line(const char *why)
{
    assert(*why != '\0' && strlen(why) < UNPACK_WHY_SIZE);
    for (; *why != '\0'; why++) {
        assert((uint8_t)*why >= 0x20 && (uint8_t)*why < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &cell__envelope__requests__descriptor, &cell__envelope__replies__descriptor, &cell__descriptor__file_descriptor_set__descriptor,
        &cell__gap__to_cell__descriptor, &cell__gap__to_nucleus__descriptor, &cell__raft__txn_request__descriptor,
        &cell__dht__endpoint__descriptor,
    };
    ProtobufCAllocator allocator = {remember, forget, NULL};

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        char why[UNPACK_WHY_SIZE] = "";
        ProtobufCMessage *message = NULL;
        enum err e = unpack_message(types[i], &allocator, data, size, &message, why);

        if (e == ERR_OK) {
            assert(*why == '\0');
            check_message(message);
            protobuf_c_message_free_unpacked(message, &allocator);
        } else {
            assert(message == NULL && (e == ERR_MALFORMED || e == ERR_LIMIT));
            must_be_line(why);
        }
    }
    return 0;
}
