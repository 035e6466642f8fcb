/* Counters, gauges and histograms of one process, and how Inspect.Metrics reports them. */
#include <assert.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/run/call.h"
#include "common/run/door.h"

enum {
    METRICS_STEP = 16, /* a usual cell has no more */
};

enum metric_kind {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
};

struct cell_metric {
    const char *name;
    const char *help;
    enum metric_kind kind;
    double value;
    struct hist *hist;
};

/* For one more in the list. Each is a piece of its own, since its owner holds on to it. False: no memory. */
static bool make_room(struct cell *cell)
{
    if (cell->metric_count % METRICS_STEP != 0) {
        return true;
    }
    struct cell_metric **more = reallocarray(cell->metrics, cell->metric_count + METRICS_STEP, sizeof(struct cell_metric *));
    if (more != NULL) {
        cell->metrics = more;
    }
    return more != NULL;
}

static struct cell_metric *add(struct cell *cell, enum metric_kind kind, const char *name,
                               const char *help)
{
    if (cell->metric_count == HOST_METRICS_MAX) {
        log_error("METRIC-LIMIT", "name=%s limit=%d action=exit", name, HOST_METRICS_MAX);
        _exit(1);
    }
    struct cell_metric *m = calloc(1, sizeof *m);
    struct hist *hist = kind == METRIC_HISTOGRAM ? calloc(1, sizeof *hist) : NULL;
    if (m == NULL || (kind == METRIC_HISTOGRAM && hist == NULL) || !make_room(cell)) {
        log_error("METRIC-NOMEM", "name=%s action=exit", name);
        _exit(1);
    }
    *m = (struct cell_metric){.name = name, .help = help, .kind = kind, .hist = hist};
    if (hist != NULL) {
        hist_init(hist);
    }
    cell->metrics[cell->metric_count++] = m;
    return m;
}

struct cell_metric *cell_metric_counter(struct cell *cell, const char *name, const char *help)
{
    return add(cell, METRIC_COUNTER, name, help);
}

struct cell_metric *cell_metric_gauge(struct cell *cell, const char *name, const char *help)
{
    return add(cell, METRIC_GAUGE, name, help);
}

struct cell_metric *cell_metric_histogram(struct cell *cell, const char *name, const char *help)
{
    return add(cell, METRIC_HISTOGRAM, name, help);
}

void cell_metric_add(struct cell_metric *m, double by)
{
    assert(m->kind == METRIC_COUNTER && by >= 0);
    m->value += by;
}

void cell_metric_set(struct cell_metric *m, double value)
{
    assert(m->kind == METRIC_GAUGE);
    m->value = value;
}

void cell_metric_record_us(struct cell_metric *m, uint64_t us)
{
    assert(m->kind == METRIC_HISTOGRAM);
    hist_record(m->hist, us);
}

void host_metrics_free(struct cell *cell)
{
    for (size_t i = 0; i < cell->metric_count; i++) {
        free(cell->metrics[i]->hist);
        free(cell->metrics[i]);
    }
    free(cell->metrics);
    cell->metrics = NULL;
    cell->metric_count = 0;
}

/* ---- the report -------------------------------------------------------------------------------- */

/* A growing list in the arena of the call that asks. */
struct report {
    struct cell_call *call;
    Cell__Inspect__Metric **slot;
    size_t count;
    size_t room;
};

static Cell__Inspect__Metric *next(struct report *r, const char *name, const char *help,
                                   const char *kind)
{
    Cell__Inspect__Metric *m = cell_call_alloc(r->call, sizeof *m);

    if (m == NULL || r->count == r->room) {
        return NULL;
    }
    *m = (Cell__Inspect__Metric)CELL__INSPECT__METRIC__INIT;
    m->name = (char *)name;
    m->help = (char *)help;
    m->kind = (char *)kind;
    r->slot[r->count++] = m;
    return m;
}

static void number(struct report *r, const char *name, const char *help, const char *kind,
                   double value)
{
    Cell__Inspect__Metric *m = next(r, name, help, kind);

    if (m != NULL) {
        m->value = value;
    }
}

static void label(struct report *r, Cell__Inspect__Metric *m, const char *name, const char *value)
{
    Cell__Inspect__Label **list = cell_call_alloc(r->call, (m->n_labels + 1) * sizeof *list);
    Cell__Inspect__Label *one = cell_call_alloc(r->call, sizeof *one);

    if (list == NULL || one == NULL) {
        return;
    }
    if (m->n_labels > 0) {
        memcpy(list, m->labels, m->n_labels * sizeof *list);
    }
    *one = (Cell__Inspect__Label)CELL__INSPECT__LABEL__INIT;
    one->name = (char *)name;
    one->value = (char *)value;
    list[m->n_labels++] = one;
    m->labels = list;
}

static void histogram(struct report *r, Cell__Inspect__Metric *m, const struct hist *h)
{
    Cell__Inspect__Histogram *out = cell_call_alloc(r->call, sizeof *out);
    size_t used = 0;

    if (out == NULL) {
        return;
    }
    *out = (Cell__Inspect__Histogram)CELL__INSPECT__HISTOGRAM__INIT;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        used += h->bucket[i] != 0;
    }
    out->count = h->count;
    out->sum_us = h->sum;
    out->min_us = h->count == 0 ? 0 : h->min;
    out->max_us = h->max;
    out->p50_us = hist_permille(h, 500);
    out->p90_us = hist_permille(h, 900);
    out->p99_us = hist_permille(h, 990);
    out->p999_us = hist_permille(h, 999);
    out->bucket_top_us = cell_call_alloc(r->call, (used + 1) * sizeof(uint64_t));
    out->bucket_count = cell_call_alloc(r->call, (used + 1) * sizeof(uint64_t));
    if (out->bucket_top_us != NULL && out->bucket_count != NULL) {
        for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
            if (h->bucket[i] != 0) {
                out->bucket_top_us[out->n_bucket_top_us++] = hist_bucket_top(i);
                out->bucket_count[out->n_bucket_count++] = h->bucket[i];
            }
        }
    }
    m->histogram = out;
}

static void report_operations(struct report *r, const struct cell *cell)
{
    for (size_t i = 0; i < host_ops_counted(cell); i++) {
        const struct host_op *op = &cell->ops[i];
        for (unsigned e = 0; e < ERR_COUNT; e++) {
            if (op->count[e] == 0) {
                continue;
            }
            Cell__Inspect__Metric *m = next(r, "cell_requests_total",
                                            "requests answered, by operation and status", "counter");
            if (m != NULL) {
                m->value = (double)op->count[e];
                label(r, m, "operation", op->name);
                label(r, m, "status", err_name((enum err)e));
            }
        }
        if (op->duration_us != NULL) {
            Cell__Inspect__Metric *m = next(r, "cell_request_duration_seconds",
                                            "arrival to answer (values here in microseconds)",
                                            "histogram");
            if (m != NULL) {
                label(r, m, "operation", op->name);
                histogram(r, m, op->duration_us);
            }
        }
    }
}

static void report_process(struct report *r, const struct cell *cell)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage); /* cannot fail for SELF */
    number(r, "process_cpu_seconds_total", "user and system CPU time", "counter",
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    number(r, "process_resident_memory_max_bytes", "highest resident size so far", "gauge",
           (double)usage.ru_maxrss * 1024);
    number(r, "process_uptime_seconds", "since the runtime started", "gauge",
           (double)(loop_now_ms() - cell->started_ms) / 1000);
    number(r, "cell_loop_lag_seconds_p99", "how late the loop notices what is due", "gauge",
           (double)loop_lag_us_p99(cell->loop) / 1e6);
    number(r, "cell_log_suppressed_total", "lines held back by the rate limit", "counter",
           (double)log_suppressed_count());
    number(r, "cell_log_failed_total", "lines that could not be written", "counter",
           (double)log_failed_count());
}

static void report_doors(struct report *r, struct cell *cell)
{
    struct door_numbers in;
    struct asks_numbers out = {0};

    door_read(cell, &in, false);
    if (cell->outlet != NULL) {
        cell->outlet->read(cell, &out);
    }
    number(r, "cell_inflight_requests", "calls that wait for their answer", "gauge",
           door_calls_in_flight(cell));
    number(r, "cell_queue_capacity", "limits.calls_waiting", "gauge", cell->birth.calls_waiting);
    number(r, "cell_connections", "open connections to the doors", "gauge", in.connections);
    number(r, "cell_connections_refused_total", "connections past the limit", "counter",
           (double)in.refused_connections);
    number(r, "cell_requests_denied_total", "calls the manifest does not allow", "counter",
           (double)in.denied);
    number(r, "cell_requests_shed_total", "calls refused because too many waited", "counter",
           (double)in.shed);
    number(r, "cell_requests_malformed_total", "messages that did not parse", "counter",
           (double)in.malformed);
    number(r, "cell_replies_dropped_total", "answers that could not be sent", "counter",
           (double)in.dropped);
    number(r, "cell_calls_sent_total", "requests to other cells", "counter", (double)out.sent);
    number(r, "cell_calls_retried_total", "of these, tries after the first", "counter",
           (double)out.retried);
    number(r, "cell_calls_failed_total", "of these, ended with an error", "counter",
           (double)out.failed);
    number(r, "cell_calls_outstanding", "requests to other cells without answer yet", "gauge",
           out.outstanding);
}

static void report_own(struct report *r, const struct cell *cell)
{
    static const char *const kind[] = {"counter", "gauge", "histogram"};

    for (size_t i = 0; i < cell->metric_count; i++) {
        const struct cell_metric *own = cell->metrics[i];
        Cell__Inspect__Metric *m = next(r, own->name, own->help, kind[own->kind]);
        if (m == NULL) {
            return;
        }
        if (own->kind == METRIC_HISTOGRAM) {
            histogram(r, m, own->hist);
        } else {
            m->value = own->value;
        }
    }
}

void host_metrics_fill(struct cell *cell, Cell__Inspect__MetricsReply *reply,
                       struct cell_call *call)
{
    struct report r = {.call = call};

    r.room = HOST_METRICS_MAX + cell->op_count * (ERR_COUNT + 1) + 32;
    r.slot = cell_call_alloc(call, r.room * sizeof *r.slot);
    if (r.slot == NULL) {
        return;
    }
    report_process(&r, cell);
    report_doors(&r, cell);
    report_operations(&r, cell);
    report_own(&r, cell);
    reply->metrics = r.slot;
    reply->n_metrics = r.count;
}
