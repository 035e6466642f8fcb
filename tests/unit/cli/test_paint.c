/* What may reach a terminal, and tables that never cut a name. */
#include "cli/paint.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/macros.h"
#include "proto/raft.pb-c.h"

static int failed;

static void fault(const char *why, const char *wanted, const char *got)
{
    fprintf(stderr, "claim fails: %s\n  wanted %s\n  got    %s\n", why, wanted, got);
    failed = 1;
}

static const struct {
    const char *text;
    size_t len;
    const char *shown;
    const char *why;
} rows[] = {
    {"plain ~", 7, "plain ~", "printable ASCII"},
    {"\"\\", 2, "\"\\", "quotes and backslashes are harmless here"},
    {"\x1b[2J", 4, "\\x1b[2J", "an escape sequence"},
    {"a\nb\rc\td", 7, "a\\x0ab\\x0dc\\x09d", "line ends and tabs"},
    {"\x7f\x00", 2, "\\x7f\\x00", "delete and NUL"},
    {"\xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80", "UTF-8"},
    {"\xc2\x9b" "2J", 4, "\\xc2\\x9b2J", "a C1 control, another way to write ESC ["},
    {"\xc2\x9f\xc2\xa0", 4, "\\xc2\\x9f\xc2\xa0", "the last C1 control and the first that is none"},
    {"\xe2\x80\xa7\xe2\x80\xa8", 6, "\xe2\x80\xa7\\xe2\\x80\\xa8", "before and at the line separator"},
    {"\xe2\x80\xae\xe2\x80\xaf", 6, "\\xe2\\x80\\xae\xe2\x80\xaf", "the last override and after it"},
    {"\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa", 9, "\\xe2\\x81\\xa6\\xe2\\x81\\xa9\xe2\x81\xaa", "isolates"},
    {"\xff\xc3", 2, "\\xff\\xc3", "bytes that are no character"},
    {"\xed\xa0\x80", 3, "\\xed\\xa0\\x80", "half a surrogate pair"},
    {"\xc0\x8a", 2, "\\xc0\\x8a", "a newline in two bytes"},
};

static void only_harmless_text_is_shown(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *shown = cli_paint_text(rows[i].text, rows[i].len);

        if (shown == NULL || strcmp(shown, rows[i].shown) != 0) {
            fault(rows[i].why, rows[i].shown, shown);
        }
    }
}

/* What printing to standard output left there. */
static void table_text(struct cli_paint_table *t, bool is_colored, char *out, size_t size)
{
    int kept = dup(1), memory = memfd_create("table", 0);

    fflush(stdout);
    dup2(memory, 1);
    cli_paint_table_print(t, is_colored);
    fflush(stdout);
    dup2(kept, 1);
    ssize_t len = pread(memory, out, size - 1, 0);
    out[len > 0 ? len : 0] = '\0';
    close(kept);
    close(memory);
}

static void tables_are_as_wide_as_their_names(void)
{
    static const char *const heads[] = {"NAME", ">N", "WHAT"};
    static const char wanted[] = "NAME               N  WHAT\n"
                                 "a                 10\n"
                                 "\xc3\xa9                  7  \\x1b[2J\n"
                                 "a-very-long-name   1  x\n";
    char long_name[201], text[1024];
    struct cli_paint_table t;

    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    cli_paint_table_add(&t, CLI_PAINT_PLAIN, "a");
    cli_paint_table_add(&t, CLI_PAINT_PLAIN, "10");
    cli_paint_table_add(&t, CLI_PAINT_PLAIN, "");
    cli_paint_table_add(&t, CLI_PAINT_PLAIN, "\xc3\xa9");
    cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%d", 7);
    cli_paint_table_add(&t, CLI_PAINT_BAD, "\x1b[2J");
    cli_paint_table_add(&t, CLI_PAINT_PLAIN, "a-very-long-name");
    cli_paint_table_add(&t, CLI_PAINT_PLAIN, "1");
    cli_paint_table_add(&t, CLI_PAINT_PLAIN, "x");
    table_text(&t, false, text, sizeof text);
    if (strcmp(text, wanted) != 0) {
        fault("columns line up by characters, no line ends in blanks", wanted, text);
    }
    table_text(&t, true, text, sizeof text);
    if (strstr(text, "\x1b[31m\\x1b[2J\x1b[0m\n") == NULL) {
        fault("colours stand around the text and not in its width", "red", text);
    }
    cli_paint_table_fini(&t);

    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    cli_paint_table_init(&t, heads, 1);
    cli_paint_table_add(&t, CLI_PAINT_PLAIN, long_name);
    table_text(&t, false, text, sizeof text);
    if (strstr(text, long_name) == NULL) {
        fault("a name is never cut", long_name, text);
    }
    cli_paint_table_fini(&t);
}

/* Replies that commands print by printf. */
static void replies_do_nothing_to_a_terminal(void)
{
    char name[] = "n\x1b[2J\xc3\xa9\n", role[] = "leader", trouble[] = "\xc2\x9b" "2J\xe2\x80\xae", state[] = "\x7f", other[] = "\x07";
    Cell__Raft__Follower one = CELL__RAFT__FOLLOWER__INIT, two = CELL__RAFT__FOLLOWER__INIT, *both[] = {&one, &two};
    Cell__Raft__StatusReply r = CELL__RAFT__STATUS_REPLY__INIT;

    one.state = state;
    two.name = other;
    r.name = name;
    r.role = role;
    r.trouble = trouble;
    r.followers = both;
    r.n_followers = ARRAY_LEN(both);
    cli_paint_message(&r.base);
    const char *const texts[][2] = {{name, "n?[2J\xc3\xa9?"}, {role, "leader"}, {trouble, "??2J???"}, {state, "?"}, {other, "?"}, {r.leader_name, ""}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (strcmp(texts[i][0], texts[i][1]) != 0) {
            fault("what acts on a terminal becomes a question mark", texts[i][1], texts[i][0]);
        }
    }
}

int main(void)
{
    replies_do_nothing_to_a_terminal();
    only_harmless_text_is_shown();
    tables_are_as_wide_as_their_names();
    return failed;
}
