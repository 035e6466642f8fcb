/* cell-linear FILE: whether the history in FILE (history.h) is linearizable. Exit status 0: it is; 1: it is not, and one
 * line says which request; 2: the file is none, or the question is too large. */
#include <inttypes.h>

#include "tests/linear/check.h"

static const char *const words[] = {[CHECK_LINEAR] = "linearizable", [CHECK_VIOLATED] = "NOT linearizable",
                                    [CHECK_UNDECIDED] = "undecided: too much is open at a time"};

int main(int argc, char **argv)
{
    FILE *from = argc == 2 ? fopen(argv[1], "re") : NULL;
    struct history h;
    size_t line, worst = 0;

    if (from == NULL) {
        fprintf(stderr, "usage: cell-linear FILE, one request a line as JSON\n");
        return 2;
    }
    history_init(&h);
    bool is_read = history_read(&h, from, &line);
    fclose(from);
    if (!is_read) {
        fprintf(stderr, "%s: line %zu is no request\n", argv[1], line - 1);
        history_fini(&h);
        return 2;
    }
    enum check_verdict verdict = check_linear(&h, &worst);
    printf("%zu requests, %" PRIu32 " keys: %s\n", h.count, h.keys, words[verdict]);
    if (verdict == CHECK_VIOLATED) {
        printf("line %zu could not be placed\n", worst + 1);
    }
    bool are_ordered = check_revisions(&h, &worst);
    if (!are_ordered) {
        printf("line %zu was told a revision that time contradicts\n", worst + 1);
    }
    history_fini(&h);
    if (verdict == CHECK_UNDECIDED) {
        return 2;
    }
    return verdict == CHECK_LINEAR && are_ordered ? 0 : 1;
}
