/* Claims about names of peers: each is one's, and is found; against a list. */
#include "datapath/label.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum { NUMBERS = 37, LABELS = 50, STEPS = 20000 };

static void agrees_with_a_list(void)
{
    static char list[NUMBERS][DATAPATH_LABEL_SIZE];
    struct datapath_labels l;
    void *memory = malloc(datapath_label_size(NUMBERS));
    struct rng rng;

    REQUIRE(memory != NULL, "memory");
    datapath_label_init(&l, memory, NUMBERS, (const uint8_t[DATAPATH_LABEL_KEY]){3});
    rng_init(&rng, 8);
    for (int i = 0; i < STEPS; i++) {
        uint32_t number = (uint32_t)rng_below(&rng, NUMBERS), found = 0, holder = NUMBERS;
        char text[DATAPATH_LABEL_SIZE] = "";
        if (rng_below(&rng, 4) > 0) {
            (void)snprintf(text, sizeof text, "n%u", (unsigned)rng_below(&rng, LABELS));
        }
        for (uint32_t n = 0; n < NUMBERS && text[0] != '\0'; n++) {
            holder = strcmp(list[n], text) == 0 ? n : holder;
        }
        CHECK(datapath_label_find(&l, text, &found) == (holder != NUMBERS) && (holder == NUMBERS || found == holder), "%s is found", text);
        bool may = holder == NUMBERS || holder == number;
        CHECK(datapath_label_give(&l, number, text) == may, "%s to %u", text, number);
        if (may) {
            memcpy(list[number], text, sizeof text);
        }
        CHECK(strcmp(l.of[number].text, list[number]) == 0, "what he has");
    }
    free(memory);
}

static void one_number_is_enough(void)
{
    struct datapath_labels l;
    void *memory = malloc(datapath_label_size(1));
    char longest[DATAPATH_LABEL_SIZE];
    uint32_t found;

    REQUIRE(memory != NULL, "memory");
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    datapath_label_init(&l, memory, 1, (const uint8_t[DATAPATH_LABEL_KEY]){4});
    CHECK(datapath_label_give(&l, 0, longest) && datapath_label_find(&l, longest, &found) && found == 0, "63 characters");
    CHECK(datapath_label_give(&l, 0, "b") && !datapath_label_find(&l, longest, &found), "another in place of it");
    CHECK(!datapath_label_find(&l, "", &found), "none is nobody's");
    free(memory);
}

int main(void)
{
    agrees_with_a_list();
    one_number_is_enough();
    return CHECK_RESULT();
}
