/* Small words used everywhere: scope cleanup, must-check, array length. */
#ifndef CELL_COMMON_BASE_MACROS_H
#define CELL_COMMON_BASE_MACROS_H

#include <stddef.h>
#include <stdlib.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

static inline void macros_free_cleanup(void *slot)
{
    free(*(void **)slot);
}

/* Free the pointed-to memory when the variable leaves its scope; initialise it (NULL is fine). */
#define AUTO_FREE __attribute__((cleanup(macros_free_cleanup)))

/* Move a pointer out of a variable that owns it: the variable is NULL afterwards. */
#define take_ptr(slot)                                                                             \
    ({                                                                                             \
        __typeof__(slot) take_slot_ = (slot);                                                      \
        __typeof__(*take_slot_) taken_ = *take_slot_;                                              \
        *take_slot_ = NULL;                                                                        \
        taken_;                                                                                    \
    })

#endif
