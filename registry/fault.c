#include "registry/fault.h"

#include <assert.h>
#include <stddef.h>

#define X(name, text) {#name, text},
static const struct {
    const char *name, *text;
} faults[] = {REGISTRY_FAULT_MAP(X)};
#undef X

const char *registry_fault_name(enum registry_fault f)
{
    assert((size_t)f < ARRAY_LEN(faults));
    return faults[f].name;
}

const char *registry_fault_text(enum registry_fault f)
{
    assert((size_t)f < ARRAY_LEN(faults));
    return faults[f].text;
}
