#include "cli/top.h"

#include <poll.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/clock.h"
#include "cli/counters.h"
#include "cli/status.h"

enum {
    EVERY_MS = 1000,
    COUNT_MAX = 1000000,
};

static const char home_and_clear[] = "\x1b[H\x1b[J";
static const char other_screen[] = "\x1b[?1049h\x1b[?25l", own_screen[] = "\x1b[?25h\x1b[?1049l";

/* A terminal that gives single keys; its settings come back on every way out of cli_top_run. */
struct screen {
    struct termios before;
    bool is_on;
};

/* ISIG stays: Ctrl-C ends the command, and then nothing restores the screen, so it is read as a
 * key instead, like q. */
static void screen_on(struct screen *s)
{
    struct termios keys;

    if (isatty(STDOUT_FILENO) == 0 || tcgetattr(STDIN_FILENO, &s->before) != 0) {
        return;
    }
    keys = s->before;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0) {
        s->is_on = true;
        fputs(other_screen, stdout);
    }
}

static void screen_off(struct screen *s)
{
    if (s->is_on) {
        fputs(own_screen, stdout);
        fflush(stdout);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &s->before); /* the terminal may be gone */
        s->is_on = false;
    }
}

/* Wait for the next look. false: the person has seen enough. */
static bool wait_or_quit(const struct screen *s, uint32_t every_ms)
{
    struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
    char key;

    if (!s->is_on) {
        cli_clock_pause((int)every_ms);
        return true;
    }
    if (poll(&keys, 1, (int)every_ms) <= 0) {
        return true;
    }
    return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 3 && key != 27;
}

static int look(struct cli *cli, const struct screen *s, const char *target,
                struct cli_counters_rates *rates)
{
    Cell__Nucleus__StatusReply *reply;
    int status = cli_ask_status(cli, target, &reply);

    if (status != CLI_DONE) {
        return status;
    }
    status = cli_counters_look(cli, rates);
    if (status != CLI_DONE) {
        cli_ask_free(&reply->base);
        return status;
    }
    if (s->is_on) {
        fputs(home_and_clear, stdout);
    }
    status = cli->json ? cli_status_emit(cli, reply, true, rates) : cli_status_print(cli, reply);
    if (status == CLI_DONE && !cli->json) {
        status = cli_counters_print_rates(cli, rates);
    }
    cli_ask_free(&reply->base);
    fflush(stdout);
    return status;
}

int cli_top_run(struct cli *cli)
{
    struct screen s = {.is_on = false};
    struct cli_counters_rates rates = {0};
    struct name_ref ref;
    const char *target = cli->arg_count > 0 ? cli->args[0] : "";
    uint32_t count = UINT32_MAX, every_ms = EVERY_MS;
    int status = *target != '\0' ? cli_ask_reference(cli, target, &ref) : CLI_DONE;

    if (status == CLI_DONE) {
        status = cli_args_number(cli, "count", 1, COUNT_MAX, &count);
    }
    if (status == CLI_DONE) {
        status = cli_args_duration_ms(cli, "every", &every_ms);
    }
    if (status == CLI_DONE && !cli->json && count > 1) {
        screen_on(&s);
    }
    while (status == CLI_DONE) {
        status = look(cli, &s, target, &rates);
        if (status != CLI_DONE || --count == 0 || ferror(stdout) != 0 ||
            !wait_or_quit(&s, every_ms)) {
            break;
        }
    }
    screen_off(&s);
    cli_counters_fini(&rates);
    return status;
}
