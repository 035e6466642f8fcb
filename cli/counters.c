#include "cli/counters.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/emit.h"
#include "cli/paint.h"
#include "cli/place.h"
#include "common/run/fd.h"

enum {
    AGE_SIZE = 32,
    RATES_MIN_MS = 50, /* two looks closer than this say nothing about a second */
};

/* One instance as top follows it. */
struct cli_counters_sample {
    char space[COUNTERS_NAME], cell[COUNTERS_NAME];
    uint32_t instance, channels;
    uint64_t generation, taken_ms, updated_ms;
    uint64_t requests, errors, sent, messages, wakes; /* so far */
    uint64_t in_flight, outstanding;
    double per_s[5]; /* of the five above; 0 at the first look */
};

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int open_dir(struct cli *cli)
{
    char path[CLI_PATH_SIZE];

    return cli_place_join(path, cli->run_dir, COUNTERS_DIR)
               ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
               : -1;
}

/* ---- one page ----------------------------------------------------------------------------------- */

/* Lowest instance of the cell that has a page. */
static int32_t lowest(int dir_fd, const char *space, const char *cell)
{
    int copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    char begin[2 * COUNTERS_NAME + 2];
    long found = -1;

    if (dir == NULL) {
        fd_close(&copy);
        return -1;
    }
    int len = snprintf(begin, sizeof begin, "%s.%s.", space, cell);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char *rest;
        if (strncmp(e->d_name, begin, (size_t)len) != 0) {
            continue;
        }
        long number = strtol(e->d_name + len, &rest, 10);
        if (*rest == '\0' && number >= 0 && (found < 0 || number < found)) {
            found = number;
        }
    }
    (void)closedir(dir);
    return (int32_t)found;
}

bool cli_counters_find(struct cli *cli, const struct name_ref *ref, struct counters_page *ret)
{
    AUTO_FD int dir = open_dir(cli);
    const char *space = *ref->space != '\0' ? ref->space : "default";
    char name[3 * COUNTERS_NAME];

    if (dir < 0) {
        return false;
    }
    int32_t instance = ref->instance >= 0 ? ref->instance : lowest(dir, space, ref->cell);
    if (instance < 0) {
        return false;
    }
    counters_file(name, sizeof name, space, ref->cell, (uint32_t)instance);
    return counters_read(dir, name, ret) == ERR_OK;
}

static const char *state_name(uint32_t state)
{
    return state == 1 ? "up" : "ended";
}

static const char *role_name(uint32_t role)
{
    return role == 1 ? "caller" : "callee";
}

static void age_of(const struct counters_page *page, char out[AGE_SIZE])
{
    uint64_t now = now_ms();

    if (page->updated_ms == 0 || page->updated_ms > now) {
        (void)snprintf(out, AGE_SIZE, "never");
    } else {
        (void)snprintf(out, AGE_SIZE, "%.1f s ago", (double)(now - page->updated_ms) / 1000);
    }
}

static int print_channels(struct cli *cli, const struct counters_page *page)
{
    static const char *const heads[] = {"CHANNEL", "WE ARE", "STATE", ">IN", ">OUT", ">WAKES",
                                        ">WITHOUT", ">SPINS", ">HELD"};
    struct cli_paint_table t;
    size_t count = 0;

    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < COUNTERS_ROWS; i++) {
        const struct counters_row *row = &page->row[i];
        if (row->state == 0) {
            continue;
        }
        count++;
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, row->peer);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, role_name(row->role));
        cli_paint_table_add(&t, row->state == 1 ? CLI_PAINT_PLAIN : CLI_PAINT_DIM, state_name(row->state));
        const uint64_t numbers[] = {row->in, row->out, row->wakes, row->elided, row->spins, row->held};
        for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
            cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu64, numbers[k]);
        }
    }
    bool printed = count == 0 || cli_paint_table_print(&t, cli->is_colored);
    cli_paint_table_fini(&t);
    return printed ? CLI_DONE : cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
}

int cli_counters_print(struct cli *cli, const struct counters_page *page)
{
    char age[AGE_SIZE];

    age_of(page, age);
    putchar('\n');
    cli_paint_put(cli->is_colored, CLI_PAINT_BOLD, "counters");
    printf(" (written %s, generation %" PRIu64 ")\n", age, page->generation);
    for (size_t i = 0; i < COUNTERS_COUNT; i++) {
        if (page->value[i] > 0) {
            printf("  %-12s %12" PRIu64 "  %s\n", counters_name((enum counters_value)i), page->value[i],
                   counters_help((enum counters_value)i));
        }
    }
    return print_channels(cli, page);
}

static void emit_channel(struct jsonout *out, const struct counters_row *row)
{
    jsonout_object(out);
    cli_emit_string(out, "peer", row->peer);
    cli_emit_string(out, "role", role_name(row->role));
    cli_emit_string(out, "state", state_name(row->state));
    cli_emit_u64(out, "in", row->in);
    cli_emit_u64(out, "out", row->out);
    cli_emit_u64(out, "wakes", row->wakes);
    cli_emit_u64(out, "elided", row->elided);
    cli_emit_u64(out, "spins", row->spins);
    cli_emit_u64(out, "held", row->held);
    jsonout_object_end(out);
}

void cli_counters_emit(struct jsonout *out, const struct counters_page *page)
{
    jsonout_name(out, "counters");
    if (page == NULL) {
        jsonout_null(out);
        return;
    }
    uint64_t now = now_ms();
    jsonout_object(out);
    cli_emit_string(out, "namespace", page->space);
    cli_emit_string(out, "cell", page->cell);
    cli_emit_u64(out, "instance", page->instance);
    cli_emit_u64(out, "generation", page->generation);
    cli_emit_u64(out, "age_ms", page->updated_ms == 0 || page->updated_ms > now ? 0 : now - page->updated_ms);
    for (size_t i = 0; i < COUNTERS_COUNT; i++) {
        cli_emit_u64(out, counters_name((enum counters_value)i), page->value[i]);
    }
    jsonout_name(out, "channels");
    jsonout_array(out);
    for (size_t i = 0; i < COUNTERS_ROWS; i++) {
        if (page->row[i].state != 0) {
            emit_channel(out, &page->row[i]);
        }
    }
    jsonout_array_end(out);
    jsonout_object_end(out);
}

/* ---- rates -------------------------------------------------------------------------------------- */

static struct cli_counters_sample sample_of(const struct counters_page *page)
{
    struct cli_counters_sample s = {
        .instance = page->instance, .generation = page->generation, .taken_ms = now_ms(),
        .updated_ms = page->updated_ms,
        .requests = page->value[COUNTERS_REQUESTS], .errors = page->value[COUNTERS_ERRORS],
        .sent = page->value[COUNTERS_SENT], .in_flight = page->value[COUNTERS_IN_FLIGHT],
        .outstanding = page->value[COUNTERS_OUTSTANDING],
    };

    memcpy(s.space, page->space, sizeof s.space);
    memcpy(s.cell, page->cell, sizeof s.cell);
    for (size_t i = 0; i < COUNTERS_ROWS; i++) {
        s.channels += page->row[i].state == 1;
        s.messages += page->row[i].state == 0 ? 0 : page->row[i].in + page->row[i].out;
        s.wakes += page->row[i].state == 0 ? 0 : page->row[i].wakes;
    }
    return s;
}

/* What an ended channel had counted may leave its row: no rate is below nothing. */
static double rate(uint64_t now, uint64_t before, uint64_t ms)
{
    return now <= before ? 0 : (double)(now - before) * 1000 / (double)ms;
}

static void compare(struct cli_counters_sample *s, const struct cli_counters_rates *before)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct cli_counters_sample *b = &before->sample[i];
        uint64_t ms = s->taken_ms - b->taken_ms;
        if (b->instance == s->instance && b->generation == s->generation && ms >= RATES_MIN_MS &&
            strcmp(b->cell, s->cell) == 0 && strcmp(b->space, s->space) == 0) {
            s->per_s[0] = rate(s->requests, b->requests, ms);
            s->per_s[1] = rate(s->errors, b->errors, ms);
            s->per_s[2] = rate(s->sent, b->sent, ms);
            s->per_s[3] = rate(s->messages, b->messages, ms);
            s->per_s[4] = rate(s->wakes, b->wakes, ms);
            return;
        }
    }
}

static int by_name(const void *a, const void *b)
{
    const struct cli_counters_sample *x = a, *y = b;
    int order = strcmp(x->space, y->space);

    order = order != 0 ? order : strcmp(x->cell, y->cell);
    return order != 0 ? order : x->instance < y->instance ? -1 : x->instance > y->instance;
}

static bool add(struct cli_counters_rates *to, const struct cli_counters_sample *sample)
{
    struct cli_counters_sample *more = reallocarray(to->sample, to->count + 1, sizeof *more);

    if (more == NULL) {
        return false;
    }
    more[to->count++] = *sample;
    to->sample = more;
    return true;
}

int cli_counters_look(struct cli *cli, struct cli_counters_rates *rates)
{
    struct cli_counters_rates fresh = {0};
    struct counters_page page;
    int fd = open_dir(cli);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    bool is_complete = true;

    if (dir == NULL) {
        fd_close(&fd);
    }
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL && is_complete; e = readdir(dir)) {
        if (e->d_name[0] != '.' && counters_read(dirfd(dir), e->d_name, &page) == ERR_OK) {
            struct cli_counters_sample s = sample_of(&page);
            compare(&s, rates);
            is_complete = add(&fresh, &s);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    cli_counters_fini(rates);
    *rates = fresh;
    if (fresh.count > 0) {
        qsort(fresh.sample, fresh.count, sizeof *fresh.sample, by_name);
    }
    return is_complete ? CLI_DONE : cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
}

int cli_counters_print_rates(struct cli *cli, const struct cli_counters_rates *rates)
{
    static const char *const heads[] = {"COUNTED", ">REQ/S", ">ERR/S", ">SENT/S", ">MSG/S", ">WAKES/S",
                                        ">SERVING", ">WAITING", ">CHANNELS"};
    struct cli_paint_table t;

    if (rates->count == 0) {
        return CLI_DONE;
    }
    putchar('\n');
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < rates->count; i++) {
        const struct cli_counters_sample *s = &rates->sample[i];
        bool is_default = strcmp(s->space, "default") == 0;
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%s%s%s.%" PRIu32, is_default ? "" : s->space,
                             is_default ? "" : "/", s->cell, s->instance);
        for (size_t k = 0; k < ARRAY_LEN(s->per_s); k++) {
            cli_paint_table_addf(&t, k == 1 && s->per_s[k] > 0 ? CLI_PAINT_WARN : CLI_PAINT_PLAIN, "%.0f",
                                 s->per_s[k]);
        }
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu64, s->in_flight);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu64, s->outstanding);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu32, s->channels);
    }
    bool printed = cli_paint_table_print(&t, cli->is_colored);
    cli_paint_table_fini(&t);
    return printed ? CLI_DONE : cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
}

void cli_counters_emit_rates(struct jsonout *out, const struct cli_counters_rates *rates)
{
    static const char *const names[] = {"requests_per_s", "errors_per_s", "sent_per_s", "messages_per_s",
                                        "wakes_per_s"};

    jsonout_name(out, "rates");
    jsonout_array(out);
    for (size_t i = 0; i < rates->count; i++) {
        const struct cli_counters_sample *s = &rates->sample[i];
        jsonout_object(out);
        cli_emit_string(out, "cell", s->cell);
        cli_emit_string(out, "namespace", s->space);
        cli_emit_u64(out, "instance", s->instance);
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            cli_emit_double(out, names[k], s->per_s[k]);
        }
        cli_emit_u64(out, "in_flight", s->in_flight);
        cli_emit_u64(out, "outstanding", s->outstanding);
        cli_emit_u64(out, "channels", s->channels);
        jsonout_object_end(out);
    }
    jsonout_array_end(out);
}

void cli_counters_fini(struct cli_counters_rates *rates)
{
    free(rates->sample);
    *rates = (struct cli_counters_rates){0};
}
