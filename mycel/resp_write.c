#include "mycel/resp_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HEAD = 32 };

/* All of it or nothing. */
static void add(struct mycel_resp_write *w, const char *head, const void *bytes, size_t size, const char *tail)
{
    size_t first = strlen(head), last = strlen(tail);

    if (w->is_cut || first > w->size - w->len || size > w->size - w->len - first || last > w->size - w->len - first - size) {
        w->is_cut = true;
        return;
    }
    memcpy(w->bytes + w->len, head, first);
    if (size > 0) {
        memcpy(w->bytes + w->len + first, bytes, size);
    }
    memcpy(w->bytes + w->len + first + size, tail, last);
    w->len += first + size + last;
}

static void add_number(struct mycel_resp_write *w, char kind, int64_t value)
{
    char head[HEAD];

    snprintf(head, sizeof head, "%c%lld\r\n", kind, (long long)value);
    add(w, head, NULL, 0, "");
}

static void add_line(struct mycel_resp_write *w, const char *kind, const char *text)
{
    size_t from = w->len;

    add(w, kind, text, strlen(text), "\r\n");
    for (size_t i = from; !w->is_cut && i < w->len - 2; i++) {
        w->bytes[i] = w->bytes[i] == '\r' || w->bytes[i] == '\n' ? ' ' : w->bytes[i];
    }
}

void mycel_resp_write_simple(struct mycel_resp_write *w, const char *text)
{
    add_line(w, "+", text);
}

void mycel_resp_write_error(struct mycel_resp_write *w, const char *text)
{
    add_line(w, "-", text);
}

void mycel_resp_write_integer(struct mycel_resp_write *w, int64_t value)
{
    add_number(w, ':', value);
}

void mycel_resp_write_bulk(struct mycel_resp_write *w, const void *bytes, size_t size)
{
    char head[HEAD];

    snprintf(head, sizeof head, "$%zu\r\n", size);
    add(w, head, bytes, size, "\r\n");
}

void mycel_resp_write_text(struct mycel_resp_write *w, const char *text)
{
    mycel_resp_write_bulk(w, text, strlen(text));
}

void mycel_resp_write_null(struct mycel_resp_write *w)
{
    add(w, w->protocol >= 3 ? "_\r\n" : "$-1\r\n", NULL, 0, "");
}

void mycel_resp_write_null_array(struct mycel_resp_write *w)
{
    add(w, w->protocol >= 3 ? "_\r\n" : "*-1\r\n", NULL, 0, "");
}

void mycel_resp_write_boolean(struct mycel_resp_write *w, bool value)
{
    add(w, w->protocol >= 3 ? value ? "#t\r\n" : "#f\r\n" : value ? ":1\r\n" : ":0\r\n", NULL, 0, "");
}

void mycel_resp_write_double(struct mycel_resp_write *w, double value)
{
    char text[HEAD];

    if (isinf(value)) {
        snprintf(text, sizeof text, "%s", value > 0 ? "inf" : "-inf");
    } else {
        snprintf(text, sizeof text, "%.17g", value);
    }
    if (w->protocol >= 3) {
        add_line(w, ",", text);
    } else {
        mycel_resp_write_text(w, text);
    }
}

void mycel_resp_write_array(struct mycel_resp_write *w, uint32_t count)
{
    add_number(w, '*', count);
}

void mycel_resp_write_set(struct mycel_resp_write *w, uint32_t count)
{
    add_number(w, w->protocol >= 3 ? '~' : '*', count);
}

void mycel_resp_write_map(struct mycel_resp_write *w, uint32_t count)
{
    add_number(w, w->protocol >= 3 ? '%' : '*', w->protocol >= 3 ? count : 2 * (int64_t)count);
}

void mycel_resp_write_push(struct mycel_resp_write *w, uint32_t count)
{
    add_number(w, w->protocol >= 3 ? '>' : '*', count);
}
