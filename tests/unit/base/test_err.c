/* The wire numbers are a promise to every peer ever built: they are written out here a second time,
 * so that a change of the list in err.h shows as a failure and not as a new promise. */
#include <errno.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "tests/support/check.h"

static const struct {
    enum err e;
    uint32_t wire;
    const char *name;
    uint32_t code;
    const char *canonical;
    bool is_transient;
    const char *why; /* it is transient or not */
} rows[] = {
    {ERR_OK, 1, "OK", 0, "OK", false, "nothing to repeat"},
    {ERR_NOMEM, 2, "NOMEM", 8, "RESOURCE_EXHAUSTED", false, "this process's own memory"},
    {ERR_LIMIT, 3, "LIMIT", 8, "RESOURCE_EXHAUSTED", true, "a queue may have room later"},
    {ERR_MALFORMED, 4, "MALFORMED", 3, "INVALID_ARGUMENT", false, "stays malformed"},
    {ERR_NOT_FOUND, 5, "NOT_FOUND", 5, "NOT_FOUND", false, "an answer, not a fault"},
    {ERR_DENIED, 6, "DENIED", 7, "PERMISSION_DENIED", false, "the manifest decides"},
    {ERR_FORGED, 7, "FORGED", 16, "UNAUTHENTICATED", false, "stays forged"},
    {ERR_NOT_LEADER, 8, "NOT_LEADER", 9, "FAILED_PRECONDITION", false, "another must be asked"},
    {ERR_TIMEOUT, 9, "TIMEOUT", 4, "DEADLINE_EXCEEDED", true, "may be faster next time"},
    {ERR_IO, 10, "IO", 13, "INTERNAL", false, "unknown cause"},
    {ERR_LATER, 11, "LATER", 13, "INTERNAL", false, "never reaches a caller"},
    {ERR_CANCELLED, 12, "CANCELLED", 1, "CANCELLED", false, "the caller's own wish"},
    {ERR_INVALID, 13, "INVALID", 3, "INVALID_ARGUMENT", false, "stays invalid"},
    {ERR_EXISTS, 14, "EXISTS", 6, "ALREADY_EXISTS", false, "an answer"},
    {ERR_PRECONDITION, 15, "PRECONDITION", 9, "FAILED_PRECONDITION", false, "the caller must act"},
    {ERR_ABORTED, 16, "ABORTED", 10, "ABORTED", true, "read again and retry"},
    {ERR_RANGE, 17, "RANGE", 11, "OUT_OF_RANGE", false, "stays out of range"},
    {ERR_UNIMPLEMENTED, 18, "UNIMPLEMENTED", 12, "UNIMPLEMENTED", false, "stays so"},
    {ERR_INTERNAL, 19, "INTERNAL", 13, "INTERNAL", false, "a fault may have had effects"},
    {ERR_UNAVAILABLE, 20, "UNAVAILABLE", 14, "UNAVAILABLE", true, "it says so"},
    {ERR_DATA_LOSS, 21, "DATA_LOSS", 15, "DATA_LOSS", false, "stays lost"},
    {ERR_UNAUTHENTICATED, 22, "UNAUTHENTICATED", 16, "UNAUTHENTICATED", false, "stays unproven"},
    {ERR_PEER_DEAD, 23, "PEER_DEAD", 14, "UNAVAILABLE", true, "a new instance is coming"},
    {ERR_INCOMPATIBLE, 24, "INCOMPATIBLE", 9, "FAILED_PRECONDITION", false, "needs a new build"},
    {ERR_UNSUPPORTED, 25, "UNSUPPORTED", 12, "UNIMPLEMENTED", false, "needs another kernel"},
    {ERR_FAULT, 26, "FAULT", 2, "UNKNOWN", false, "nobody knows what happened"},
};

static void every_code_keeps_its_numbers_and_names(void)
{
    CHECK(ARRAY_LEN(rows) == ERR_COUNT, "a new code needs a row here");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err e = rows[i].e;
        CHECK(err_to_wire(e) == rows[i].wire, "%s: a wire number never changes", rows[i].name);
        CHECK(err_from_wire(rows[i].wire) == e, "%s: there and back", rows[i].name);
        CHECK(strcmp(err_name(e), rows[i].name) == 0, "%s: names are in logs", rows[i].name);
        CHECK(err_canonical_code(e) == rows[i].code, "%s: gRPC number", rows[i].name);
        CHECK(strcmp(err_canonical_name(e), rows[i].canonical) == 0, "%s: gRPC name", rows[i].name);
        CHECK(err_text(e)[0] != '\0', "%s: an operator needs a sentence", rows[i].name);
        CHECK(err_is_transient(e) == rows[i].is_transient, "%s: %s", rows[i].name, rows[i].why);
    }
}

static void no_two_codes_share_a_number_or_text(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t j = 0; j < i; j++) {
            CHECK(err_to_wire(rows[i].e) != err_to_wire(rows[j].e), "%s and %s", rows[i].name,
                  rows[j].name);
            CHECK(strcmp(err_text(rows[i].e), err_text(rows[j].e)) != 0, "%s and %s", rows[i].name,
                  rows[j].name);
        }
    }
}

static void a_number_nobody_gave_is_a_fault(void)
{
    static const struct {
        uint32_t wire;
        const char *why;
    } unknown[] = {
        {0, "a reply whose author forgot the status"},
        {27, "one past the last: a newer peer"},
        {UINT32_MAX, "as large as it gets"},
        {0x80000001, "the top bit must not be cut off"},
        {257, "nor the upper bytes: low byte 1 is not ok"},
    };

    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        CHECK(err_from_wire(unknown[i].wire) == ERR_FAULT, "%s", unknown[i].why);
    }
    for (size_t i = 0; i < ERR_COUNT; i++) {
        CHECK(err_to_wire((enum err)i) != 0, "0 is never sent");
    }
}

static void errno_is_translated(void)
{
    static const struct {
        int number;
        enum err e;
    } map[] = {
        {0, ERR_OK},
        {ENOMEM, ERR_NOMEM},
        {EMFILE, ERR_LIMIT},
        {ENOSPC, ERR_LIMIT},
        {EFBIG, ERR_LIMIT},
        {ENAMETOOLONG, ERR_LIMIT},
        {EACCES, ERR_DENIED},
        {EPERM, ERR_DENIED},
        {ENOENT, ERR_NOT_FOUND},
        {ESRCH, ERR_NOT_FOUND},
        {EEXIST, ERR_EXISTS},
        {EADDRINUSE, ERR_EXISTS},
        {EINVAL, ERR_INVALID},
        {ERANGE, ERR_RANGE},
        {ETIMEDOUT, ERR_TIMEOUT},
        {EAGAIN, ERR_UNAVAILABLE},
        {ECONNREFUSED, ERR_UNAVAILABLE},
        {EPIPE, ERR_PEER_DEAD},
        {ECONNRESET, ERR_PEER_DEAD},
        {ECANCELED, ERR_CANCELLED},
        {ENOSYS, ERR_UNSUPPORTED},
        {EIO, ERR_IO},
        {EXDEV, ERR_IO},      /* unlisted                          */
        {1000000, ERR_IO},    /* no errno at all                   */
        {-EAGAIN, ERR_IO},    /* a kernel-style number is a mistake */
    };

    for (size_t i = 0; i < ARRAY_LEN(map); i++) {
        CHECK(err_from_errno(map[i].number) == map[i].e, "errno %d gives %s", map[i].number,
              err_name(err_from_errno(map[i].number)));
    }
}

int main(void)
{
    every_code_keeps_its_numbers_and_names();
    no_two_codes_share_a_number_or_text();
    a_number_nobody_gave_is_a_fault();
    errno_is_translated();
    return CHECK_RESULT();
}
