#include "cli/inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/counters.h"
#include "cli/emit.h"
#include "cli/target.h"
#include "cli/view.h"

enum {
    TEXT_SIZE = 96,
    CAPABILITIES_MAX = 41, /* in Linux 6: bits past this are shown as numbers */
};

/* The answers an instance gives, and what the nucleus knows of it. */
struct report {
    struct cli_target target;
    Cell__Inspect__DescribeReply *describe;
    Cell__Inspect__HealthReply *health;
    Cell__Inspect__MetricsReply *metrics;
    Cell__Nucleus__StatusReply *status; /* NULL: no nucleus, or the nucleus itself is meant */
    const cli_view_instance *instance;  /* in `status`, or NULL                             */
    struct counters_page page;
    bool has_page;
};

static void report_fini(struct report *r)
{
    ProtobufCMessage *all[] = {(ProtobufCMessage *)r->describe, (ProtobufCMessage *)r->health,
                               (ProtobufCMessage *)r->metrics, (ProtobufCMessage *)r->status};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        cli_ask_free(all[i]);
    }
}

/* ---- asking --------------------------------------------------------------------------------- */

static int ask_all(struct cli *cli, struct cli_ask *ask, struct report *r)
{
    Cell__Inspect__DescribeRequest describe = CELL__INSPECT__DESCRIBE_REQUEST__INIT;
    Cell__Inspect__HealthRequest health = CELL__INSPECT__HEALTH_REQUEST__INIT;
    Cell__Inspect__MetricsRequest metrics = CELL__INSPECT__METRICS_REQUEST__INIT;
    ProtobufCMessage *reply;

    int status = cli_ask_cell_for(cli, ask, "Describe", CELL__INSPECT__OP__OP_DESCRIBE,
                                  &describe.base, CLI_DEADLINE_MS, &reply);
    if (status != CLI_DONE) {
        return status;
    }
    r->describe = (Cell__Inspect__DescribeReply *)reply;
    status = cli_ask_cell_for(cli, ask, "Health", CELL__INSPECT__OP__OP_HEALTH, &health.base,
                              CLI_DEADLINE_MS, &reply);
    if (status != CLI_DONE) {
        return status;
    }
    r->health = (Cell__Inspect__HealthReply *)reply;
    status = cli_ask_cell_for(cli, ask, "Metrics", CELL__INSPECT__OP__OP_METRICS, &metrics.base,
                              CLI_DEADLINE_MS, &reply);
    if (status == CLI_DONE) {
        r->metrics = (Cell__Inspect__MetricsReply *)reply;
    }
    return status;
}

/* The nucleus's view is a help, not a condition: a cell can be examined without one. */
static void ask_nucleus(struct cli *cli, struct report *r)
{
    Cell__Nucleus__StatusRequest request = CELL__NUCLEUS__STATUS_REQUEST__INIT;
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    char text[SP_TEXT_SIZE];
    ProtobufCMessage *reply;

    if (r->target.is_nucleus || r->target.is_found_alone ||
        cli_ask_connect(cli, "nucleus", "nucleus.sock", &ask) != ERR_OK ||
        cli_ask_try(&ask, &cell__nucleus__nucleus__descriptor, "Status",
                    CELL__NUCLEUS__OP__OP_STATUS, &request.base, CLI_DEADLINE_MS, &reply,
                    text) != ERR_OK) {
        return;
    }
    r->status = (Cell__Nucleus__StatusReply *)reply;
    for (size_t i = 0; i < r->status->n_cells; i++) {
        const cli_view_instance *c = r->status->cells[i];

        if (strcmp(c->cell, r->describe->cell) == 0 && c->instance == r->describe->instance &&
            strcmp(c->namespace_, r->describe->namespace_) == 0) {
            r->instance = c;
        }
    }
}

/* ---- as JSON -------------------------------------------------------------------------------- */

static void emit_message(struct jsonout *out, const char *name, const void *message)
{
    jsonout_name(out, name);
    if (message == NULL) {
        jsonout_null(out);
        return;
    }
    jsonout_object(out);
    cli_emit_members(out, message);
    jsonout_object_end(out);
}

static void emit_list(struct jsonout *out, const char *name, void *items, size_t count)
{
    ProtobufCMessage *const *list = items;

    jsonout_name(out, name);
    jsonout_array(out);
    for (size_t i = 0; i < count; i++) {
        jsonout_object(out);
        cli_emit_members(out, list[i]);
        jsonout_object_end(out);
    }
    jsonout_array_end(out);
}

/* The members of `status` first, so that one program reads both. */
static int print_json(struct cli *cli, const struct report *r)
{
    const Cell__Inspect__DescribeReply *d = r->describe;
    cli_view_instance own = CELL__NUCLEUS__INSTANCE_STATUS__INIT;
    struct jsonout out;

    own.cell = d->cell;
    own.namespace_ = d->namespace_;
    own.instance = d->instance;
    own.state = d->state;
    own.uptime_s = (double)d->uptime_ms / 1000;
    own.endpoint = (char *)r->target.endpoint;
    own.healthy = r->health->healthy;
    own.reason = r->health->reason;
    own.generation = d->generation;
    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_string(&out, "node", d->node);
    cli_emit_members(&out, r->instance != NULL ? &r->instance->base : &own.base);
    cli_emit_string(&out, "source_version", d->version);
    emit_list(&out, "operations", d->operations, d->n_operations);
    emit_message(&out, "sandbox", d->sandbox);
    emit_list(&out, "callers", d->callers, d->n_callers);
    emit_list(&out, "connections", d->connections, d->n_connections);
    emit_list(&out, "metrics", r->metrics->metrics, r->metrics->n_metrics);
    emit_message(&out, "health", r->health);
    cli_counters_emit(&out, r->has_page ? &r->page : NULL);
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

/* ---- for a person --------------------------------------------------------------------------- */

static void line(struct cli *cli, const char *label, const char *text)
{
    printf("  %-14s", label);
    cli_paint_put(cli->is_colored, CLI_PAINT_PLAIN, text);
    putchar('\n');
}

static void head(struct cli *cli, const char *text)
{
    putchar('\n');
    cli_paint_put(cli->is_colored, CLI_PAINT_BOLD, text);
    putchar('\n');
}

static void print_identity(struct cli *cli, const struct report *r)
{
    const Cell__Inspect__DescribeReply *d = r->describe;
    char text[CLI_PATH_SIZE + NAME_REF_SIZE], number[TEXT_SIZE];

    cli_paint_put(cli->is_colored, CLI_PAINT_BOLD, r->target.who);
    printf(": ");
    cli_paint_put(cli->is_colored, r->health->healthy ? CLI_PAINT_GOOD : CLI_PAINT_BAD,
                  r->health->healthy ? d->state : "unhealthy");
    if (*r->health->reason != '\0') {
        printf(": ");
        cli_paint_put(cli->is_colored, CLI_PAINT_PLAIN, r->health->reason);
    }
    putchar('\n');
    snprintf(text, sizeof text, "%s, namespace %s", d->node, d->namespace_);
    line(cli, "node", text);
    cli_view_uptime((double)d->uptime_ms / 1000, number, sizeof number);
    line(cli, "uptime", number);
    line(cli, "version", d->version);
    snprintf(text, sizeof text, "%s/%s", cli->run_dir, r->target.endpoint);
    line(cli, "endpoint", text);
    if (r->instance != NULL) {
        snprintf(number, sizeof number, "%" PRIu32 ", restarted %" PRIu32 " times",
                 r->instance->pid, r->instance->restarts);
        line(cli, "pid", number);
        cli_view_size(r->instance->rss_bytes, number, sizeof number);
        line(cli, "memory", number);
        line(cli, "log", r->instance->log_path);
    }
    snprintf(number, sizeof number, "%" PRIu32 " waiting of %" PRIu32, r->health->calls_waiting,
             r->health->calls_waiting_max);
    line(cli, "calls", number);
    cli_view_us(r->health->loop_lag_us_p99, number, sizeof number);
    line(cli, "loop lag p99", number);
}

static int print_operations(struct cli *cli, const Cell__Inspect__DescribeReply *d)
{
    static const char *const heads[] = {"OPERATION", ">NUMBER", "REQUEST", "REPLY"};
    struct cli_paint_table t;

    head(cli, "operations");
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < d->n_operations; i++) {
        const Cell__Inspect__Operation *op = d->operations[i];

        cli_paint_table_add(&t, CLI_PAINT_PLAIN, op->name);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu32, op->number);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, op->request);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, op->reply);
    }
    return cli_emit_table(cli, &t);
}

/* Names of the capabilities in a set, by number (linux/capability.h). */
static void capabilities_line(struct cli *cli, const char *label, uint64_t set)
{
    static const char *const names[CAPABILITIES_MAX] = {
        "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid",
        "setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
        "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
        "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod",
        "lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog",
        "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
    };
    bool any = false;

    printf("  %-14s", label);
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((set >> bit & 1) == 0) {
            continue;
        }
        if (bit < CAPABILITIES_MAX) {
            printf("%s%s", any ? " " : "", names[bit]);
        } else {
            printf("%s#%u", any ? " " : "", bit);
        }
        any = true;
    }
    puts(any ? "" : "none");
}

static void namespaces_line(const Cell__Inspect__Sandbox *s, const char *label, bool own)
{
    bool any = false;

    printf("  %-14s", label);
    for (size_t i = 0; i < s->n_namespaces; i++) {
        if ((s->namespaces[i]->own != 0) == own) {
            printf("%s", any ? " " : "");
            cli_paint_put(false, CLI_PAINT_PLAIN, s->namespaces[i]->kind);
            any = true;
        }
    }
    puts(any ? "" : "none");
}

static void print_doors(struct cli *cli, const Cell__Inspect__Sandbox *s)
{
    static const char *const modes[] = {"off", "strict", "filter"};
    char text[TEXT_SIZE];

    snprintf(text, sizeof text, "%s, %" PRIu32 " filters, %" PRIu32 " of %" PRIu32
             " system calls allowed", s->seccomp_mode < ARRAY_LEN(modes) ? modes[s->seccomp_mode]
                                                                         : "unknown",
             s->seccomp_filters, s->syscalls_allowed, s->syscalls_known);
    line(cli, "seccomp", text);
    snprintf(text, sizeof text, "%s, %" PRIu32 " layers, abi %" PRIu32,
             s->landlock_enforced ? "enforced" : "not enforced", s->landlock_layers,
             s->landlock_abi);
    line(cli, "landlock", text);
    line(cli, "no new privs", s->no_new_privs ? "yes" : "no");
    line(cli, "dumpable", s->dumpable ? "yes" : "no");
    snprintf(text, sizeof text, "%" PRIu32 ":%" PRIu32 ", %" PRIu32 " files open", s->uid, s->gid,
             s->open_files);
    line(cli, "user", text);
    capabilities_line(cli, "effective", s->capabilities_effective);
    capabilities_line(cli, "permitted", s->capabilities_permitted);
    capabilities_line(cli, "bounding", s->capabilities_bounding);
    capabilities_line(cli, "ambient", s->capabilities_ambient);
    namespaces_line(s, "own", true);
    namespaces_line(s, "shared", false);
}

/* RLIM_INFINITY comes as the highest number. */
static void add_limit(struct cli_paint_table *t, uint64_t value)
{
    if (value == UINT64_MAX) {
        cli_paint_table_add(t, CLI_PAINT_PLAIN, "unlimited");
    } else {
        cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%" PRIu64, value);
    }
}

static int print_limits(struct cli *cli, const Cell__Inspect__Sandbox *s)
{
    static const char *const heads[] = {"LIMIT", ">SOFT", ">HARD"};
    struct cli_paint_table t;

    if (s->n_rlimits == 0) {
        return CLI_DONE;
    }
    putchar('\n');
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < s->n_rlimits; i++) {
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, s->rlimits[i]->name);
        add_limit(&t, s->rlimits[i]->soft);
        add_limit(&t, s->rlimits[i]->hard);
    }
    return cli_emit_table(cli, &t);
}

static int print_places(struct cli *cli, const Cell__Inspect__Sandbox *s)
{
    static const char *const heads[] = {"PATH", "MAY"};
    struct cli_paint_table t;

    if (s->n_places == 0) {
        return CLI_DONE;
    }
    putchar('\n');
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < s->n_places; i++) {
        const Cell__Inspect__Place *p = s->places[i];

        cli_paint_table_add(&t, CLI_PAINT_PLAIN, p->path);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%s%s%s", p->read ? "read " : "",
                             p->write ? "write " : "", p->bind ? "bind" : "");
    }
    return cli_emit_table(cli, &t);
}

static int print_syscalls(struct cli *cli, const Cell__Inspect__Sandbox *s)
{
    static const char *const heads[] = {"SYSTEM CALL", "WHY IT IS ALLOWED", "ONLY WHEN"};
    struct cli_paint_table t;

    if (s->n_calls == 0) {
        return CLI_DONE;
    }
    putchar('\n');
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < s->n_calls; i++) {
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, s->calls[i]->name);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, s->calls[i]->reason);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, s->calls[i]->condition);
    }
    return cli_emit_table(cli, &t);
}

static int print_sandbox(struct cli *cli, const Cell__Inspect__Sandbox *s)
{
    head(cli, "sandbox, as the kernel reports it");
    if (s == NULL) {
        puts("  none: this process is the supervisor");
        return CLI_DONE;
    }
    print_doors(cli, s);
    int status = print_limits(cli, s);
    if (status == CLI_DONE) {
        status = print_places(cli, s);
    }
    return status == CLI_DONE ? print_syscalls(cli, s) : status;
}

static int print_callers(struct cli *cli, const Cell__Inspect__DescribeReply *d)
{
    static const char *const heads[] = {"CALLER", "MAY CALL"};
    struct cli_paint_table t;
    int status = CLI_DONE;

    head(cli, "callers, as granted");
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < d->n_callers; i++) {
        const Cell__Inspect__Caller *c = d->callers[i];

        for (size_t k = 0; k < c->n_operations; k++) {
            cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%s/%s", c->namespace_, c->cell);
            cli_paint_table_add(&t, CLI_PAINT_PLAIN, c->operations[k]);
        }
    }
    if (t.count > 0 || t.failed) {
        status = cli_emit_table(cli, &t);
    } else {
        puts("  the operator only");
    }
    cli_paint_table_fini(&t);
    return status;
}

static int print_connections(struct cli *cli, const Cell__Inspect__DescribeReply *d)
{
    static const char *const heads[] = {"PEER", "KIND", "STATE", ">REQUESTS", ">WAITING", "BREAKER",
                                        "WHY"};
    struct cli_paint_table t;

    head(cli, "connections");
    if (d->n_connections == 0) {
        puts("  none");
        return CLI_DONE;
    }
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < d->n_connections; i++) {
        const Cell__Inspect__Connection *c = d->connections[i];

        cli_paint_table_add(&t, CLI_PAINT_PLAIN, c->peer);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, c->kind);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, c->state);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu64, c->requests);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu32, c->outstanding);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, c->breaker);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, c->reason);
    }
    return cli_emit_table(cli, &t);
}

static void add_metric_name(struct cli_paint_table *t, const Cell__Inspect__Metric *m)
{
    char text[TEXT_SIZE * 8];
    int len = snprintf(text, sizeof text, "%s", m->name);

    for (size_t i = 0; i < m->n_labels && len > 0 && (size_t)len < sizeof text; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len, "%s%s=%s", i == 0 ? "{" : ",",
                        m->labels[i]->name, m->labels[i]->value);
    }
    if (m->n_labels > 0 && len > 0 && (size_t)len < sizeof text - 1) {
        snprintf(text + len, sizeof text - (size_t)len, "}");
    }
    cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
}

static void add_metric_value(struct cli_paint_table *t, const Cell__Inspect__Metric *m)
{
    const Cell__Inspect__Histogram *h = m->histogram;
    char p50[TEXT_SIZE], p99[TEXT_SIZE], top[TEXT_SIZE];

    if (h == NULL) {
        cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%.15g", m->value);
        return;
    }
    cli_view_us(h->p50_us, p50, sizeof p50);
    cli_view_us(h->p99_us, p99, sizeof p99);
    cli_view_us(h->max_us, top, sizeof top);
    cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%" PRIu64 " (p50 %s, p99 %s, max %s)", h->count, p50,
                         p99, top);
}

static int print_metrics(struct cli *cli, const Cell__Inspect__MetricsReply *m)
{
    static const char *const heads[] = {"METRIC", "VALUE", "MEANING"};
    struct cli_paint_table t;

    head(cli, "metrics");
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < m->n_metrics; i++) {
        add_metric_name(&t, m->metrics[i]);
        add_metric_value(&t, m->metrics[i]);
        cli_paint_table_add(&t, CLI_PAINT_DIM, m->metrics[i]->help);
    }
    return cli_emit_table(cli, &t);
}

static int print_report(struct cli *cli, const struct report *r)
{
    print_identity(cli, r);
    int status = print_operations(cli, r->describe);
    if (status == CLI_DONE) {
        status = print_sandbox(cli, r->describe->sandbox);
    }
    if (status == CLI_DONE) {
        status = print_callers(cli, r->describe);
    }
    if (status == CLI_DONE) {
        status = print_connections(cli, r->describe);
    }
    if (status == CLI_DONE && r->has_page) {
        status = cli_counters_print(cli, &r->page);
    }
    return status == CLI_DONE ? print_metrics(cli, r->metrics) : status;
}

/* Why there is no answer was said; what the cell counted is there all the same. */
static int print_page(struct cli *cli, const struct counters_page *page)
{
    struct jsonout out;

    if (!cli->json) {
        return cli_counters_print(cli, page);
    }
    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_string(&out, "cell", page->cell);
    cli_emit_string(&out, "namespace", page->space);
    cli_emit_u64(&out, "instance", page->instance);
    cli_counters_emit(&out, page);
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

static int ask_instance(struct cli *cli, const struct name_ref *ref, struct report *r)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    struct name_ref found = *ref;
    int status = cli_target_find(cli, ref, &r->target);

    if (status == CLI_DONE && name_ref_parse(r->target.who, &found) == ERR_OK) {
        r->has_page = cli_counters_find(cli, &found, &r->page); /* of the instance that is asked */
    } else if (status == CLI_FAILED) {
        r->has_page = cli_counters_find(cli, ref, &r->page);
    }
    if (status == CLI_DONE) {
        status = cli_ask_cell(cli, r->target.who, r->target.endpoint, &ask);
    }
    return status == CLI_DONE ? ask_all(cli, &ask, r) : status;
}

int cli_inspect_run(struct cli *cli)
{
    struct report r = {0};
    struct name_ref ref;
    int status = cli_ask_reference(cli, cli->args[0], &ref);

    if (status == CLI_DONE) {
        status = ask_instance(cli, &ref, &r);
    }
    if (status == CLI_DONE) {
        ask_nucleus(cli, &r);
        status = cli->json ? print_json(cli, &r) : print_report(cli, &r);
    } else if (status == CLI_FAILED && r.has_page) {
        status = print_page(cli, &r.page);
    }
    report_fini(&r);
    return status;
}
