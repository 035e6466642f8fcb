/* Claims about the manifest's `config`: defaults, bounds on both sides, and a reason that names the field. */
#include <string.h>

#include "tests/support/check.h"
#include "vivaldi/settings.h"

static void values_have_bounds(void)
{
    static const struct {
        const char *text;
        uint32_t dims, peers; /* 0, 0: refused */
        bool has_height;
        const char *word;     /* in the reason */
    } rows[] = {
        {"", 7, 1024, true, ""},
        {"# nothing\n", 7, 1024, true, ""},
        {"dimensions: 3\n", 3, 1024, true, ""},
        {"dimensions: 2\n", 0, 0, false, "dimensions"},
        {"dimensions: 8\n", 0, 0, false, "dimensions"},
        {"peers: 1\n", 7, 1, true, ""},
        {"peers: 8191\n", 7, 8191, true, ""},
        {"peers: 0\n", 0, 0, false, "peers"},
        {"peers: 8192\n", 0, 0, false, "peers"},
        {"peers: many\n", 0, 0, false, "peers"},
        {"height: false\n", 7, 1024, false, ""},
        {"height: true\ndimensions: 5\npeers: 10\n", 5, 10, true, ""},
        {"height: maybe\n", 0, 0, false, "height"},
        {"depth: 3\n", 0, 0, false, "depth"},
        {"dimensions: [3]\n", 0, 0, false, "dimensions"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vivaldi_settings s = {.dims = 99};
        char why[CONF_WHY_SIZE] = "";
        enum err e = vivaldi_settings_read(rows[i].text, &s, why);
        if (rows[i].dims == 0) {
            CHECK(e == ERR_INVALID && s.dims == 99, "row %zu: refused and untouched", i);
            CHECK(strstr(why, rows[i].word) != NULL, "row %zu: \"%s\" names %s", i, why, rows[i].word);
        } else {
            CHECK(e == ERR_OK && s.dims == rows[i].dims && s.peers == rows[i].peers && s.has_height == rows[i].has_height,
                  "row %zu: %s", i, why);
        }
    }
}

int main(void)
{
    values_have_bounds();
    return CHECK_RESULT();
}
