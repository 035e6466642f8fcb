/* A fuzz target with a known crash, to see that the driver reports one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 3 && memcmp(data, "BAD", 3) == 0) {
        abort();
    }
    return 0;
}
