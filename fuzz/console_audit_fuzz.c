/* Any bytes as an audit log: taken or refused, at the place that is told; what one reads without the key one with it refuses at a seal at the latest.
 * A log of ours with edits: input is a byte for the length of the log, then edits of three bytes: where (two), and what. */
#include <stdlib.h>
#include <string.h>

#include "console/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 16 * 1024 };

static const uint8_t key[CONSOLE_AUDIT_KEY_SIZE] = {1};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static enum console_audit_fault verify(const char *bytes, size_t size, const uint8_t *with)
{
    struct console_audit_check c;

    console_audit_check_init(&c, with);
    enum console_audit_fault fault = console_audit_check(&c, bytes, size);
    must(c.bytes <= size && (fault != CONSOLE_AUDIT_NONE || c.bytes == size) && (c.bytes == 0 || bytes[c.bytes - 1] == '\n'));
    console_audit_check_fini(&c);
    return fault;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[ROOM], whole[ROOM];
    struct console_audit a;
    struct bytes_text t;

    (void)verify((const char *)data, size, key);
    if (size == 0) {
        return 0;
    }
    console_audit_init(&a, key);
    bytes_text_init(&t, text, sizeof text);
    console_audit_add_head(&a, "node-1", &t);
    for (unsigned i = 0; i < data[0] % 32; i++) {
        console_audit_add(&a, &(struct console_audit_record){.wall_ms = i, .actor = "uid:0", .act = "stop", .object = "a b"}, &t);
        if (i % 4 == 3) {
            console_audit_add_seal(&a, i, &t);
        }
    }
    memcpy(whole, text, t.len);
    for (size_t i = 1; i + 3 <= size; i += 3) {
        text[(data[i] << 8 | data[i + 1]) % (int)t.len] = (char)data[i + 2];
    }
    bool is_whole = memcmp(whole, text, t.len) == 0;
    bool is_head = memcmp(whole, text, (size_t)((const char *)memchr(whole, '\n', t.len) - whole) + 1) == 0;
    enum console_audit_fault with = verify(text, t.len, key), without = verify(text, t.len, NULL);
    /* A head alone can be another's: nothing stands behind it. */
    must(is_whole ? with == CONSOLE_AUDIT_NONE && without == CONSOLE_AUDIT_NONE
                  : (with != CONSOLE_AUDIT_NONE && without != CONSOLE_AUDIT_NONE) || (!is_head && data[0] % 32 == 0));
    console_audit_fini(&a);
    return 0;
}
