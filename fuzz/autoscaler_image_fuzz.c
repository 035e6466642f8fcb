/* Any bytes as a decision's state: refused, or taken, and then it decides within its bounds and gives back what it took.
 *
 * Input: edits of a good state, each four bytes: what to do, where (two bytes), and with what; a first byte that is odd mends the
 * checksum afterwards, so that what lies behind it is reached. */
#include <stdlib.h>
#include <string.h>

#include "autoscaler/decide.h"
#include "common/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE = AUTOSCALER_DECIDE_IMAGE_SIZE };

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct autoscaler_policy policy(void)
{
    struct autoscaler_policy p = autoscaler_policy_usual(2, 50);

    p.signals = 2;
    p.signal[0] = (struct autoscaler_policy_signal){AUTOSCALER_POLICY_ARRIVALS, "", 10};
    p.signal[1] = (struct autoscaler_policy_signal){AUTOSCALER_POLICY_CPU_SHARE, "", .7};
    return p;
}

static void run(struct autoscaler_decide *d, uint64_t wall_s, uint32_t seconds)
{
    struct autoscaler_decide_seen seen = {.passed_s = 1, .wall_s = wall_s, .serving = 5};

    for (uint32_t i = 0; i < seconds; i++) {
        seen.heard[0] = (struct autoscaler_heard){100 + i % 9 * 10, 0, 5, true};
        seen.heard[1] = (struct autoscaler_heard){.5 + i % 3 * .01, 0, 5, true};
        struct autoscaler_decision decision = autoscaler_decide_step(d, &seen);
        must(decision.wanted >= 2 && decision.wanted <= 50 && (decision.start == 0 || decision.drain == 0));
        seen.wall_s++;
    }
}

static size_t edit(uint8_t *state, size_t size, const uint8_t *step)
{
    size_t at = ((size_t)step[1] << 8 | step[2]) % (size > 0 ? size : 1);

    switch (step[0] / 2 % 4) {
    case 0:
        state[at] ^= step[3];
        break;
    case 1:
        state[at % 52] = step[3]; /* where the numbers are */
        break;
    case 2:
        return at;
    case 3:
        memset(state + at, step[3], size - at < 64 ? size - at : 64);
        break;
    }
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct autoscaler_decide d;
    static uint8_t good[SIZE], state[SIZE], again[SIZE];
    struct autoscaler_policy p = policy();
    size_t length = SIZE;

    must(autoscaler_decide_init(&d, &p) == ERR_OK);
    if (good[0] == 0) {
        run(&d, 1000000, 400);
        autoscaler_decide_write(&d, good);
        must(autoscaler_decide_init(&d, &p) == ERR_OK);
    }
    memcpy(state, good, SIZE);
    bool is_mended = size > 0 && data[0] % 2 == 1;
    for (; size >= 4; data += 4, size -= 4) {
        length = edit(state, length, data);
    }
    if (is_mended) {
        bytes_put_be32(state + SIZE - 4, bytes_crc32c(0, state, SIZE - 4));
    }
    uint8_t *exact = malloc(length > 0 ? length : 1);
    must(exact != NULL);
    memcpy(exact, state, length);
    if (autoscaler_decide_read(&d, exact, length) == ERR_OK) {
        must(length == SIZE && bytes_get_be32(state) == bytes_get_be32(good));
        autoscaler_decide_write(&d, again);
        must(memcmp(again, state, 52) == 0);
    }
    free(exact);
    run(&d, 1000400, 50);
    return 0;
}
