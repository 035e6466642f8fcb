#include "common/run/cell_tun.h"

#include <string.h>

#include "common/run/host.h"

size_t cell_tun_addresses(const struct cell *cell, const char *name, struct tun_address *ret)
{
    for (size_t i = 0; i < cell->birth.tun_count; i++) {
        const struct cell_tun *t = &cell->birth.tun[i];
        if (strcmp(t->descriptor, name) == 0) {
            memcpy(ret, t->address, t->count * sizeof *ret);
            return t->count;
        }
    }
    return 0;
}
