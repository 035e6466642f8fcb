#include "datapath/inner.h"

enum {
    V4_HEAD = 20,
    V6_HEAD = 40,
};

bool datapath_inner_read(const uint8_t *bytes, size_t size, struct datapath_inner *ret)
{
    if (size >= V4_HEAD && bytes[0] >> 4 == 4) {
        size_t head = (size_t)(bytes[0] & 15) * 4, total = (size_t)bytes[2] << 8 | bytes[3];
        if (head < V4_HEAD || total < head || total > size) {
            return false;
        }
        *ret = (struct datapath_inner){.address_size = 4, .source = bytes + 12, .destination = bytes + 16, .size = total};
        return true;
    }
    if (size >= V6_HEAD && bytes[0] >> 4 == 6) {
        size_t total = V6_HEAD + ((size_t)bytes[4] << 8 | bytes[5]);
        if (total > size) {
            return false;
        }
        *ret = (struct datapath_inner){.address_size = 16, .source = bytes + 8, .destination = bytes + 24, .size = total};
        return true;
    }
    return false;
}
