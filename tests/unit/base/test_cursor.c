/* Claims about cursors: what is written is read, in the order that was asked for; past the end nothing is touched, and it is remembered. */
#include "common/base/cursor.h"

#include <string.h>

#include "tests/support/check.h"

static void numbers_stand_as_they_are_asked_for(void)
{
    static const uint8_t wanted[] = {0x12, 0x34, 0x34, 0x12, 1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1, 'a', 'b'};
    uint8_t room[sizeof wanted] = {0}, back[2];
    struct cursor_writer w = {.at = room, .room = sizeof room};
    struct cursor_reader r = {.at = room, .left = sizeof room, .is_good = true};

    cursor_put_be(&w, 0xff1234, 2); /* the lowest bytes */
    cursor_put_le(&w, 0xff1234, 2);
    cursor_put_be(&w, 0x0102030405060708, 8);
    cursor_put_le(&w, 0x0102030405060708, 8);
    cursor_put(&w, "ab", 2);
    cursor_put(&w, NULL, 0);
    CHECK(w.used == sizeof wanted && memcmp(room, wanted, sizeof wanted) == 0, "%zu bytes", w.used);
    CHECK(cursor_get_be(&r, 2) == 0x1234 && cursor_get_le(&r, 2) == 0x1234, "two bytes");
    CHECK(cursor_get_be(&r, 8) == 0x0102030405060708 && cursor_get_le(&r, 8) == 0x0102030405060708, "eight");
    cursor_get(&r, back, 2);
    CHECK(memcmp(back, "ab", 2) == 0 && r.is_good && r.left == 0, "and all of it was there");
}

static void past_the_end_nothing_is_touched(void)
{
    uint8_t room[4] = {9, 9, 9, 9};
    struct cursor_writer w = {.at = room, .room = 3};

    cursor_put_be(&w, 1, 2);
    cursor_put_le(&w, 0x0202, 2);
    CHECK(w.used == 4 && memcmp(room, (uint8_t[]){0, 1, 9, 9}, 4) == 0, "what does not fit is counted alone");
    cursor_put_be(&w, 3, 1);
    CHECK(w.used == 5 && room[2] == 9, "also what would have fitted before it");
    for (unsigned size = 1; size <= 8; size++) {
        struct cursor_reader r = {.at = room, .left = size - 1, .is_good = true};
        uint8_t to[8] = {7, 7, 7, 7, 7, 7, 7, 7};
        CHECK(size % 2 == 0 ? cursor_get_be(&r, size) == 0 : cursor_get_le(&r, size) == 0, "a number of %u", size);
        cursor_get(&r, to, size);
        CHECK(!r.is_good && to[size - 1] == 0 && cursor_take(&r, 1) == NULL && cursor_get_be(&r, 1) == 0, "and nothing after it, %u", size);
    }
}

int main(void)
{
    numbers_stand_as_they_are_asked_for();
    past_the_end_nothing_is_touched();
    return CHECK_RESULT();
}
