#include "common/reflect/near.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

size_t near_distance(const char *a, const char *b)
{
    size_t n = strnlen(a, NEAR_WORD_MAX + 1), m = strnlen(b, NEAR_WORD_MAX + 1);
    size_t row[3][NEAR_WORD_MAX + 1]; /* two back, one back, this one */

    if (n > NEAR_WORD_MAX || m > NEAR_WORD_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= m; j++) {
        row[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3];
        const size_t *back = row[(i + 2) % 3], *back2 = row[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = lower(a[i - 1]) != lower(b[j - 1]);

            now[j] = min3(back[j] + 1, now[j - 1] + 1, back[j - 1] + change);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]) && back2[j - 2] + 1 < now[j]) {
                now[j] = back2[j - 2] + 1;
            }
        }
    }
    return row[n % 3][m];
}

void near_begin(struct near *n, const char *word)
{
    size_t len = strlen(word);

    /* A third of the letters: beyond that a suggestion is a guess. */
    *n = (struct near){.word = word, .distance = (len < 3 ? 1 : len / 3) + 1};
}

void near_try(struct near *n, const char *candidate)
{
    size_t len = strlen(n->word);
    bool is_beginning = len >= 2 && strncmp(n->word, candidate, len) == 0;
    /* An unfinished word is meant more often than any misspelling. */
    size_t distance = is_beginning ? 1 : near_distance(n->word, candidate);

    if (distance < n->distance) {
        n->best = candidate;
        n->distance = distance;
    }
}
