#include "tests/sim/dht/scene.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/dht/drawn.h"

enum { VALUE = 64, HOUR_MS = 3600000, RTT_US = 50000, JOIN_GAP_MS = 20, SETTLE_S = 30, IDLE_S = 30, HOST = 16, LAN = 256 };

static uint32_t broken;

void scene_claim(bool holds, const char *format, ...)
{
    va_list args;

    if (holds) {
        return;
    }
    broken++;
    fputs("  does not hold: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* ---- samples --------------------------------------------------------------------------------------- */

void sample_add(struct sample *s, double value)
{
    if (s->count == s->room) {
        s->room = s->room == 0 ? 256 : 2 * s->room;
        s->at = realloc(s->at, s->room * sizeof *s->at);
        if (s->at == NULL) {
            abort();
        }
    }
    s->at[s->count++] = value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double sample_at(struct sample *s, double quantile)
{
    if (s->count == 0) {
        return 0;
    }
    qsort(s->at, s->count, sizeof *s->at, compare);
    uint32_t at = (uint32_t)(quantile * s->count);
    return s->at[at < s->count ? at : s->count - 1];
}

void sample_free(struct sample *s)
{
    free(s->at);
    *s = (struct sample){0};
}

/* ---- swarms ---------------------------------------------------------------------------------------- */

void scene_open(struct swarm *s, const struct scene_options *o, uint32_t nodes)
{
    struct distance d = {.rtt_us = o->rtt_us != 0 ? o->rtt_us : RTT_US};

    if (o->rtt != NULL && strcmp(o->rtt, "planet") == 0) {
        d.is_planet = true;
    } else if (o->rtt != NULL && !distance_load(&d, o->rtt)) {
        fprintf(stderr, "%s cannot be read\n", o->rtt);
        exit(77);
    }
    swarm_init(s, o->seed, nodes, d);
    s->config.tuning.paths = o->paths != 0 ? o->paths : s->config.tuning.paths;
    s->is_link = o->is_link;
    s->config.tuning.host_table = o->is_link ? HOST : 0;
    s->config.tuning.lan_table = o->is_link ? LAN : 0;
}

void scene_whole(struct swarm *s, const struct scene_options *o, uint32_t nodes)
{
    scene_open(s, o, nodes);
    for (uint32_t i = 0; i < nodes; i++) {
        swarm_start(s, i);
    }
    for (uint32_t i = 0; i < nodes; i++) {
        for (uint32_t k = 0; k < nodes; k++) {
            if (i != k) {
                swarm_tell(s, i, k, DHT_MEMBER_HERE);
            }
        }
    }
}

void scene_room(struct swarm *s, const struct scene_options *o, uint32_t nodes)
{
    scene_open(s, o, nodes);
    s->config.peers_max = 400; /* 20 in each of 17 buckets, and some */
    s->config.spares_max = 32;
    if (nodes > 5000) { /* memory for 100,000 of them */
        s->config.records_max = 64;
        s->config.store_bytes = 16384;
        s->config.wishes_max = 2;
    }
}

void scene_steps(struct swarm *s, const struct scene_options *o, uint32_t nodes)
{
    scene_room(s, o, nodes);
    if (o->is_drawn) {
        drawn_start(s);
        swarm_until(s, s->now_us + (uint64_t)IDLE_S * SWARM_S);
        return;
    }
    uint64_t gap_us = (nodes > 5000 ? 4 : JOIN_GAP_MS) * SWARM_MS;
    for (uint32_t i = 0; i < nodes; i++) {
        swarm_start(s, i);
        if (i > 0) {
            swarm_join(s, i, (uint32_t)rng_below(&s->rng, i));
            swarm_until(s, s->now_us + gap_us);
        }
    }
    swarm_until(s, s->now_us + (uint64_t)SETTLE_S * SWARM_S);
}

/* ---- measuring ------------------------------------------------------------------------------------- */

/* Wishes of `together` different nodes at one time, for a core has room for few; *ret_bytes: what they cost. */
static void run_all(struct swarm *s, struct measured *m, uint32_t ops, uint32_t together, struct dht_id *key, bool is_put,
                    double *ret_bytes)
{
    uint64_t bytes = s->bytes, begun_us = s->now_us;
    uint32_t *wish = calloc(together, sizeof *wish);
    uint8_t value[VALUE];
    struct dht_record r;

    for (uint32_t i = 0; i < ops; i += together) {
        uint32_t count = ops - i < together ? ops - i : together, from = swarm_any(s);
        for (uint32_t k = 0; k < count; k++) {
            if (is_put) {
                swarm_immutable(s, value, VALUE, HOUR_MS, &r);
                key[i + k] = r.key;
            }
            for (; k > 0 && (s->node[from].state != SWARM_UP || s->node[from].is_hostile); from = (from + 1) % s->nodes) {
            }
            wish[k] = is_put ? swarm_put(s, from, &r, NULL) : swarm_get(s, from, &key[i + k], 1);
            from = (from + 1) % s->nodes;
        }
        for (uint32_t k = 0; k < count; k++) {
            const struct swarm_end *e = swarm_wait(s, wish[k]);
            if (is_put) {
                m->puts += e->done.status == ERR_OK;
                sample_add(&m->put_ms, (double)(e->ended_us - e->begun_us) / SWARM_MS);
                m->asked_put += (double)e->done.asked / ops;
                continue;
            }
            m->gets += e->done.status == ERR_OK && e->found > 0;
            if (e->found > 0) {
                sample_add(&m->get_ms, (double)(e->first_us - e->begun_us) / SWARM_MS);
            }
            sample_add(&m->end_ms, (double)(e->ended_us - e->begun_us) / SWARM_MS);
            sample_add(&m->hops, e->done.hops);
            m->asked_get += (double)e->done.asked / ops;
        }
    }
    if (is_put) {
        swarm_until(s, s->now_us + SWARM_S); /* those that are still told */
    }
    double idle = m->idle_bytes * s->nodes * (double)(s->now_us - begun_us) / SWARM_S;
    *ret_bytes = ((double)(s->bytes - bytes) - idle) / ops;
    free(wish);
}

void scene_measure(struct swarm *s, uint32_t ops, uint32_t together, struct measured *m)
{
    struct dht_id *key = calloc(ops, sizeof *key);

    *m = (struct measured){0};
    together = together == 0 ? 1 : together;
    if (together > 1) {
        uint64_t bytes = s->bytes, packets = s->packets;
        swarm_until(s, s->now_us + (uint64_t)IDLE_S * SWARM_S);
        m->idle_bytes = (double)(s->bytes - bytes) / s->nodes / IDLE_S;
        m->idle_packets = (double)(s->packets - packets) / s->nodes / IDLE_S;
    }
    run_all(s, m, ops, together, key, true, &m->bytes_put);
    run_all(s, m, ops, together, key, false, &m->bytes_get);
    free(key);
}

static double mean(const struct sample *s)
{
    double sum = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        sum += s->at[i];
    }
    return s->count == 0 ? 0 : sum / s->count;
}

void scene_print(const char *what, struct measured *m, uint32_t ops)
{
    printf("  %s: put %u of %u, ms %.0f %.0f %.0f, %.1f requests, %.0f B; get %u, ms %.0f %.0f %.0f, %.1f requests, "
           "%.0f B, %.2f hops\n",
           what, m->puts, ops, sample_at(&m->put_ms, 0.5), sample_at(&m->put_ms, 0.9), sample_at(&m->put_ms, 0.99),
           m->asked_put, m->bytes_put, m->gets, sample_at(&m->get_ms, 0.5), sample_at(&m->get_ms, 0.9),
           sample_at(&m->get_ms, 0.99), m->asked_get, m->bytes_get, mean(&m->hops));
    if (m->idle_packets > 0) {
        printf("  beside that a node sends %.1f B and %.2f packets a second\n", m->idle_bytes, m->idle_packets);
    }
}

void scene_free(struct measured *m)
{
    sample_free(&m->put_ms);
    sample_free(&m->get_ms);
    sample_free(&m->end_ms);
    sample_free(&m->hops);
}

/* ---- program --------------------------------------------------------------------------------------- */

static int usage(void)
{
    fputs("usage: [--list] [--only NAME] [--nodes N] [--ops N] [--seed N] [--rtt planet|FILE] [--paths N] [--together N] [--minutes N]\n"
          "       [--drawn]\n", stderr);
    return 64;
}

int scene_main(const struct scene *scenes, uint32_t count, int argc, char **argv)
{
    struct scene_options given = {.seed = 1};
    const char *only = NULL;
    uint32_t played = 0;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--list") == 0) {
            for (uint32_t k = 0; k < count; k++) {
                printf("%s (%u nodes)\n", scenes[k].name, scenes[k].nodes);
            }
            return 0;
        } else if (strcmp(argv[i], "--drawn") == 0) {
            given.is_drawn = true;
            continue;
        } else if (value == NULL) {
            return usage();
        } else if (strcmp(argv[i], "--only") == 0) {
            only = value;
        } else if (strcmp(argv[i], "--nodes") == 0) {
            given.nodes = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--ops") == 0) {
            given.ops = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            given.seed = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--paths") == 0) {
            given.paths = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--together") == 0) {
            given.together = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--minutes") == 0) {
            given.minutes = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--rtt") == 0) {
            given.rtt = value;
        } else {
            return usage();
        }
        i++;
    }
    for (uint32_t k = 0; k < count; k++) {
        struct scene_options o = given;
        o.nodes = o.nodes != 0 ? o.nodes : scenes[k].nodes;
        o.ops = o.ops != 0 ? o.ops : scenes[k].ops;
        if (only == NULL || strcmp(only, scenes[k].name) == 0) {
            printf("%s, %u nodes, seed %llu\n", scenes[k].name, o.nodes, (unsigned long long)o.seed);
            fflush(stdout);
            scenes[k].play(&o);
            played++;
        }
    }
    return played == 0 ? usage() : broken > 0 ? 1 : 0;
}
