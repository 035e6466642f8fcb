/* Any bytes as a counter: what is read is written to the same bytes, and merging two of them keeps its laws.
 *
 * Input: a byte that says where the second one begins, in slots, and both. */
#include <stdlib.h>
#include <string.h>

#include "mycel/counter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void same(const struct mycel_counter *a, const struct mycel_counter *b)
{
    uint8_t x[MYCEL_COUNTER_BYTES_MAX], y[MYCEL_COUNTER_BYTES_MAX];
    size_t size = mycel_counter_write(a, x);

    must(size == mycel_counter_write(b, y) && memcmp(x, y, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mycel_counter a, b;
    uint8_t bytes[MYCEL_COUNTER_BYTES_MAX];
    size_t first = size > 0 ? MYCEL_COUNTER_HEAD + data[0] % 8 * (size_t)MYCEL_COUNTER_SLOT : 0;

    if (size < 1 + first || mycel_counter_read(&a, data + 1, first) != ERR_OK) {
        return 0;
    }
    must(mycel_counter_write(&a, bytes) == first && memcmp(bytes, data + 1, first) == 0);
    if (mycel_counter_read(&b, data + 1 + first, size - 1 - first) != ERR_OK) {
        return 0;
    }
    struct mycel_counter ab = a, ba = b;
    if (mycel_counter_merge(&ab, &b) == ERR_OK) {
        must(mycel_counter_merge(&ba, &a) == ERR_OK);
        same(&ab, &ba);
        struct mycel_counter again = ab;
        must(mycel_counter_merge(&again, &a) == ERR_OK);
        same(&again, &ab);
    }
    (void)!mycel_counter_add(&ab, 1, mycel_counter_value(&b));
    return 0;
}
