/* NUC-4, NUC-12, NUC-13, NUC-14: what a manifest says, what it leaves unsaid, and when two say the
 * same. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/nucleus/yaml_kit.h"

#define A "cells:\n- name: a\n"
#define N64 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff0123"

#define NUMBER(field, value)                                                                       \
    KIT_CHECK((field) == (value), "%s is %g, not %g", #field, (double)(field), (double)(value))
#define STRING(field, value)                                                                       \
    KIT_CHECK(strcmp(field, value) == 0, "%s is %s, not %s", #field, field, value)

static void what_is_not_said_has_a_default(void)
{
    struct manifest m = kit_good("cells: [{name: a}]\n");
    const struct manifest_cell *c = &m.cells[0];

    NUMBER(m.cell_count, 1);
    STRING(c->name, "a");
    STRING(c->space, "default");
    STRING(c->exec, "cell-a");
    NUMBER(c->line, 1);
    NUMBER(c->instances, 1);
    NUMBER(c->is_root, 0);
    NUMBER(c->requires_count + c->serves_count + c->may_call_count, 0);
    NUMBER(c->sandbox.none + c->sandbox.network, 0);
    NUMBER(c->sandbox.read_count + c->sandbox.write_count, 0);
    NUMBER(c->limits.memory_bytes, 0);
    NUMBER(c->limits.cpu, 0);
    NUMBER(c->limits.files, 256);
    NUMBER(c->limits.message_bytes, 1 << 20);
    NUMBER(c->limits.calls_waiting, 1024);
    NUMBER(c->limits.log_bytes, 8 << 20);
    NUMBER(c->limits.log_files, 4);
    NUMBER(c->heartbeat.every_ms, 1000);
    NUMBER(c->heartbeat.dead_after, 3);
    NUMBER(c->restart.first_ms, 0);
    NUMBER(c->restart.max_ms, 10000);
    NUMBER(c->restart.give_up_count, 5);
    NUMBER(c->restart.give_up_ms, 60000);
    NUMBER(c->restart.stable_ms, 10000);
    NUMBER(c->restart.strategy, MANIFEST_ONE_FOR_ONE);
    NUMBER(c->deadlines.ready_ms, 10000);
    NUMBER(c->deadlines.drain_ms, 5000);
    NUMBER(c->deadlines.term_ms, 2000);
    NUMBER(c->spare + c->trivial + c->on_demand, 0);
    KIT_CHECK(c->labels == NULL && c->config == NULL, "something of nothing");
    manifest_fini(&m);
}

static void check_lists(const struct manifest_cell *c)
{
    char ref[NAME_REF_SIZE];

    NUMBER(c->requires_count, 2);
    name_ref_format(&c->requires[0], ref);
    STRING(ref, "nodosum");
    name_ref_format(&c->requires[1], ref);
    STRING(ref, "global/raft");
    NUMBER(c->serves_count, 2);
    STRING(c->serves[1].cell, "everything");
    STRING(c->serves[1].operation, "Get");
    NUMBER(c->may_call_count, 3);
    STRING(c->may_call[1].operation, "*");
    STRING(c->may_call[2].cell, "*");
    NUMBER(c->sandbox.read_count, 2);
    STRING(c->sandbox.read[1].path, "/usr/share/zoneinfo");
    NUMBER(c->sandbox.read[1].is_state, 0);
    NUMBER(c->sandbox.write_count, 2);
    NUMBER(c->sandbox.write[0].is_state, 1);
    STRING(c->sandbox.write[1].path, "/srv/blue");
    NUMBER(c->sandbox.write[1].is_state, 0);
}

static void what_is_said_is_meant(void)
{
    size_t size;
    char *text = kit_file("tests/unit/nucleus/manifests/good-full.yaml", &size);
    struct manifest m = kit_good(text);
    const struct manifest_cell *c = &m.cells[0];

    STRING(m.node, "node-7");
    NUMBER(m.cell_count, 3);
    STRING(c->name, "everything");
    STRING(c->space, "blue");
    STRING(c->exec, "/opt/blue/bin/everything");
    NUMBER(c->line, 4);
    NUMBER(c->instances, 3);
    NUMBER(c->is_root, 1);
    check_lists(c);
    NUMBER(c->sandbox.none, 0);
    NUMBER(c->sandbox.network, 1);
    NUMBER(c->limits.memory_bytes, 256 << 20);
    NUMBER(c->limits.cpu, 1.5);
    NUMBER(c->limits.files, 512);
    NUMBER(c->limits.message_bytes, 2 << 20);
    NUMBER(c->limits.calls_waiting, 2048);
    NUMBER(c->limits.log_bytes, 16 << 20);
    NUMBER(c->limits.log_files, 8);
    NUMBER(c->heartbeat.every_ms, 500);
    NUMBER(c->heartbeat.dead_after, 5);
    NUMBER(c->restart.first_ms, 100);
    NUMBER(c->restart.max_ms, 30000);
    NUMBER(c->restart.give_up_count, 3);
    NUMBER(c->restart.give_up_ms, 120000);
    NUMBER(c->restart.stable_ms, 20000);
    NUMBER(c->restart.strategy, MANIFEST_REST_FOR_ONE);
    NUMBER(c->deadlines.ready_ms, 60000);
    NUMBER(c->deadlines.drain_ms, 15000);
    NUMBER(c->deadlines.term_ms, 3000);
    NUMBER(c->spare, 1);
    NUMBER(c->on_demand, 1);
    NUMBER(c->trivial, 0);
    STRING(c->labels, "disk=nvme,zone=a");
    STRING(c->config, "listen: \"0.0.0.0:7404\"\npeers:\n- a\n- b\n");
    NUMBER(m.cells[2].sandbox.none, 1);
    NUMBER(m.cells[2].trivial, 1);
    NUMBER(m.cells[1].line, 35);
    manifest_fini(&m);
    free(text);
}

/* The other side of the edges that test_yaml_bad.c refuses, and unusual ways to write. */
static void these_are_accepted(void)
{
    static const char *const texts[] = {
        "cells: []\n",
        "node: " N64 "\ncells: [{name: " N64 ", namespace: " N64 ", exec: " N64 "}]\n",
        "node: a\ncells: []\n...\n",
        "\xef\xbb\xbf"
        "cells: []\n",
        "cells:\r\n- name: a\r\n  instances: 2\r\n",
        "{\"node\": \"n\", \"cells\": [{\"name\": \"a\", \"instances\": 2, \"root\": true}]}",
        "cells:\n-\n  name: a\n",
        "? cells\n: - name: a\n",
        "cells: [{name: 'a', root: \"true\", instances: '0'}]\n",
        "cells: [{name: _1-x}, {name: a, namespace: x}, {name: a}, {name: a, namespace: y}]\n",
        A "  requires: [b, x/b, global/c]\n- name: b\n- {name: b, namespace: x}\n"
          "- {name: c, namespace: global}\n",
        A "  namespace: x\n  requires: [c]\n- {name: c, namespace: global}\n",
        A "  limits: {memory: 1M, cpu: 0.01, files: 16, message: 1K, calls_waiting: 1, log: 64K, "
          "log_files: 1}\n",
        A "  limits: {memory: 16T, cpu: 1024, files: 65536, message: 16M, calls_waiting: 65536, "
          "log: 1G, "
          "log_files: 64}\n",
        A "  instances: 1000\n  heartbeat: {every: 10ms, dead_after: 1}\n",
        A "  heartbeat: {every: 60s, dead_after: 100}\n",
        A "  restart: {first: 0, max: 1ms, give_up: 1 in 10ms, stable: 1ms}\n",
        A "  restart: {first: 1h, max: 1h, give_up: 16 in 1d, stable: 24h}\n",
        A "  deadlines: {ready: 10ms, drain: 0, term: 0}\n",
        A "  deadlines: {ready: 1h, drain: 60m, term: 3600s}\n",
        A "  sandbox: {}\n  limits: {}\n  placement: {}\n  restart: {}\n  config: {}\n",
        A "  sandbox: {read: [/a b/..c/.d, /runx, /var/lib/cellar, /devices], write: [/process]}\n",
        A "  sandbox: 'none'\n  protocol: 'none'\n",
        A "  placement: {labels: {a: A.b-C_1, b: 7}}\n",
        A "  exec: /usr/bin/python3.11\n- {name: b, exec: g++-12_x}\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct manifest m = kit_good(texts[i]);
        manifest_fini(&m);
    }
}

/* ---- config ---- */

/* What stands in `config`, and the one text a cell gets of it. */
static const struct {
    const char *text;
    const char *config; /* NULL: none */
    const char *why;
} configs[] = {
    {"config:\n", NULL, "nothing"},
    {"config: ~\n", NULL, "a word for nothing"},
    {"config: null\n", NULL, "another"},
    {"config: ''\n", "\"\"\n", "an empty text is something"},
    {"config: 'null'\n", "\"null\"\n", "and so is the text null"},
    {"config: {}\n", "{}\n", "an empty mapping"},
    {"config: []\n", "[]\n", "an empty list"},
    {"config: {b: 1, a: 2}\n", "a: 2\nb: 1\n", "sorted"},
    {"config:\n    a: 2   # two\n\n    'b': 1\n", "a: 2\nb: 1\n", "however it is written"},
    {"config: {b: [2, 1]}\n", "b:\n- 2\n- 1\n", "a list keeps its order"},
    {"config: {a: \"7\", b: 7, c: '0x7', d: 0x7}\n", "a: \"7\"\nb: 7\nc: \"0x7\"\nd: 0x7\n",
     "a quoted number stays a text, and the other stays a number"},
    {"config: {a: 'yes', b: yes, c: \"True\", d: On}\n", "a: \"yes\"\nb: yes\nc: \"True\"\nd: On\n",
     "likewise words for true"},
    {"config: {a: 'abc', b: abc, c: \"abc\"}\n", "a: abc\nb: abc\nc: abc\n",
     "quotes around what is text anyway say nothing"},
    {"config: {a: , b: ~, c: Null}\n", "a: null\nb: null\nc: null\n", "nothing has one spelling"},
    {"config: {a: '-1', b: \".5\", c: '~', d: '2001-01-01'}\n",
     "a: \"-1\"\nb: \".5\"\nc: \"~\"\nd: \"2001-01-01\"\n", "texts that look like something else"},
    {"config: {a: 'x: y', b: 'x #y', c: '[x]', d: '*x'}\n",
     "a: 'x: y'\nb: 'x #y'\nc: \"[x]\"\nd: \"*x\"\n", "texts that need their quotes"},
    {"config:\n    a: |\n      one\n       two\n    b: >\n      one\n      two\n",
     "a: \"one\\n two\\n\"\nb: \"one two\\n\"\n", "block texts become escapes"},
    {"config: {a: \"\\t\\e\\u263a\", b: \xe2\x98\xba}\n",
     "a: \"\\t\\e\xe2\x98\xba\"\nb: \xe2\x98\xba\n",
     "characters as themselves, controls as escapes"},
    {"config: [-, 1, -1, '-1', .5, \"-\", +x, '?']\n",
     "- \"-\"\n- 1\n- -1\n- \"-1\"\n- .5\n- \"-\"\n- \"+x\"\n- \"?\"\n",
     "a sign alone is a text with or without quotes"},
    {"config: [12:30:45, 2001-12-14 21:59:43.10 -5, 1_000, 0o7, <<, =, .inf, -.NaN]\n",
     "- 12:30:45\n- 2001-12-14 21:59:43.10 -5\n- 1_000\n- 0o7\n- <<\n- =\n- .inf\n- \"-.NaN\"\n",
     "what some readers take for a number, a time or a merge keeps its form"},
    {"config: [\"a\\Lb\", \"a\\Nb\", \"a\\tb\"]\n", "- \"a\\Lb\"\n- \"a\\Nb\"\n- \"a\\tb\"\n",
     "unusual line breaks stay escapes"},
    {"config: {1: a, '1x': b, ~: c, true: d}\n", "1: a\n\"1x\": b\ntrue: d\n~: c\n",
     "keys of all kinds"},
    {"config: plain words\n", "plain words\n", "a text alone"},
    {"config: {a: {b: {c: [[], {}, [1, {d: e}]]}}}\n",
     "a:\n  b:\n    c:\n    - []\n    - {}\n    - - 1\n      - d: e\n", "nested"},
};

static void a_config_has_one_text(void)
{
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        struct kit_text t = {0};
        kit_add(&t, A "  %s", configs[i].text);
        struct manifest m = kit_good(t.at);
        const char *got = m.cells[0].config;
        KIT_CHECK((got == NULL) == (configs[i].config == NULL) &&
                      (got == NULL || strcmp(got, configs[i].config) == 0),
                  "%s: <<%s>> became <<%s>>", configs[i].why, configs[i].text,
                  got ? got : "(none)");
        manifest_fini(&m);
        free(t.at);
    }
}

/* Indented below a key the text means the same again. */
static void a_config_read_again_is_the_same(void)
{
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        struct kit_text t = {0};
        if (configs[i].config == NULL) {
            continue;
        }
        kit_add(&t, A "  config:\n    ");
        for (const char *c = configs[i].config; *c != '\0'; c++) {
            kit_add(&t, "%c%s", *c, *c == '\n' && c[1] != '\0' ? "    " : "");
        }
        struct manifest m = kit_good(t.at);
        KIT_CHECK(m.cells[0].config != NULL && strcmp(m.cells[0].config, configs[i].config) == 0,
                  "%s: <<%s>> became <<%s>>", configs[i].why, configs[i].config, m.cells[0].config);
        manifest_fini(&m);
        free(t.at);
    }
}

/* ---- the hash ---- */

/* Pairs that say the same. */
static const struct {
    const char *one;
    const char *other;
    const char *why;
} same[] = {
    {"cells: [{name: a}]\n", "# x\ncells:\n\n  - # y\n    name: 'a'\n",
     "comments, quotes and layout"},
    {"cells: [{name: a, exec: x, root: true}]\n", "cells: [{root: true, exec: x, name: a}]\n",
     "order"},
    {A "  limits: {memory: 1M}\n", A "  limits: {memory: 1024K}\n", "units of size"},
    {A "  limits: {memory: 1M}\n", A "  limits: {memory: 1048576}\n", "bytes"},
    {A "  limits: {memory: 1M}\n", A "  limits: {memory: 1MiB}\n", "the unit's long name"},
    {A "  limits: {cpu: 1.5}\n", A "  limits: {cpu: 1.500}\n", "zeros"},
    {A "  limits: {cpu: 2}\n", A "  limits: {cpu: 2.0}\n", "a decimal"},
    {A "  heartbeat: {every: 1s}\n", A "  heartbeat: {every: 1000ms}\n", "units of time"},
    {A "  restart: {give_up: 3 in 60s}\n", A "  restart: {give_up: 3 in 1m}\n", "in a rate"},
    {A "  requires: [b, x/c]\n- name: b\n- {name: c, namespace: x}\n",
     A "  requires: [x/c, b]\n- name: b\n- {name: c, namespace: x}\n", "a list that is a set"},
    {A "  serves: [a.X, a.Y]\n", A "  serves:\n  - a.Y\n  - a.X\n", "likewise"},
    {A "  may_call: [b.X, b.Y]\n", A "  may_call: [b.Y, b.X]\n", "likewise"},
    {A "  sandbox: {read: [/a, /b]}\n", A "  sandbox: {read: [/b, /a]}\n", "likewise"},
    {A "  placement: {labels: {a: x, b: y}}\n", A "  placement: {labels: {b: y, a: x}}\n",
     "labels"},
    {A "  config: {a: 1, b: [x, y]}\n", A "  config:\n    b:\n    - 'x'\n    - y # z\n    a: 1\n",
     "config"},
    {A "  config: {a: ~}\n", A "  config: {a: null}\n", "words for nothing"},
    {A, A "  config: null\n", "no config"},
    {A, A "  instances: 7\n", "the number of instances is not part of it"},
    {"node: x\n" A, "node: y\n\n\n" A, "neither are node and line"},
    /* Every default, said. */
    {A, A "  namespace: default\n", "default"},
    {A, A "  exec: cell-a\n", "default"},
    {A, A "  instances: 1\n", "default"},
    {A, A "  root: false\n", "default"},
    {A, A "  requires: []\n", "default"},
    {A, A "  serves: []\n", "default"},
    {A, A "  may_call: []\n", "default"},
    {A, A "  sandbox: {network: false}\n", "default"},
    {A, A "  sandbox: {read: [], write: []}\n", "default"},
    {A, A "  sandbox: {}\n", "default"},
    {A, A "  limits: {files: 256}\n", "default"},
    {A, A "  limits: {message: 1M}\n", "default"},
    {A, A "  limits: {calls_waiting: 1024}\n", "default"},
    {A, A "  limits: {log: 8M}\n", "default"},
    {A, A "  limits: {log_files: 4}\n", "default"},
    {A, A "  heartbeat: {every: 1s}\n", "default"},
    {A, A "  heartbeat: {dead_after: 3}\n", "default"},
    {A, A "  restart: {first: 0}\n", "default"},
    {A, A "  restart: {max: 10s}\n", "default"},
    {A, A "  restart: {give_up: 5 in 60s}\n", "default"},
    {A, A "  restart: {stable: 10s}\n", "default"},
    {A, A "  deadlines: {ready: 10s}\n", "default"},
    {A, A "  restart: {strategy: one-for-one}\n", "default"},
    {A, A "  deadlines: {drain: 5s}\n", "default"},
    {A, A "  deadlines: {term: 2s}\n", "default"},
    {A, A "  placement: {labels: {}}\n", "default"},
    {A, A "  spare: false\n", "default"},
    {A, A "  start: always\n", "default"},
    {A, A "  protocol: gap\n", "default"},
};

/* Entries no two of which say the same: each field changed, some of them in several ways. */
static const char *const different[] = {
    A,
    "cells: [{name: b, exec: cell-a}]\n",
    A "  namespace: x\n",
    A "  exec: x\n",
    A "  root: true\n",
    A "  requires: [b]\n",
    A "  requires: [c]\n",
    A "  requires: [default/b]\n",
    A "  requires: [b, c]\n",
    A "  sandbox: {keys: [datagram]}\n",
    A "  sandbox: {keys: [tls]}\n",
    A "  sandbox: {keys: [tls, datagram]}\n",
    A "  sandbox: {listen: [{name: a, at: 'udp://0.0.0.0:1'}]}\n",
    A "  sandbox: {listen: [{name: a, at: 'udp://0.0.0.0:1', mark: 1}]}\n",
    A "  sandbox: {listen: [{name: b, at: 'udp://0.0.0.0:1'}]}\n",
    A "  sandbox: {listen: [{name: a, at: 'tcp://0.0.0.0:1'}]}\n",
    A "  sandbox: {listen: [{name: a, at: 'udp://0.0.0.0:2'}]}\n",
    A "  sandbox: {listen: [{name: a, at: 'udp://1.0.0.0:1'}]}\n",
    A "  sandbox: {listen: [{name: a, at: 'udp://[::]:1'}]}\n",
    A "  sandbox: {listen: [{name: a, at: 'udp://0.0.0.0:1'}, {name: b, at: 'udp://0.0.0.0:0'}]}\n",
    A "  sandbox: {tun: [{name: a, interface: x}]}\n",
    A "  sandbox: {tun: [{name: b, interface: x}]}\n",
    A "  sandbox: {tun: [{name: a, interface: y}]}\n",
    A "  sandbox: {tun: [{name: a, interface: x, mtu: 1421}]}\n",
    A "  sandbox: {tun: [{name: a, interface: x, address: [10.0.0.1/24]}]}\n",
    A "  sandbox: {tun: [{name: a, interface: x, address: [10.0.0.1/25]}]}\n",
    A "  sandbox: {tun: [{name: a, interface: x, address: ['fd00::1/24']}]}\n",
    A "  sandbox: {tun: [{name: a, interface: x}, {name: b, interface: y}]}\n",
    A "  sandbox: {tap: [{name: a, interface: x, mtu: 1420}]}\n",
    A "  sandbox: {tun: [{name: a, interface: x}], tap: [{name: b, interface: y, mtu: 1420}]}\n",
    A "  serves: [a.X]\n",
    A "  serves: [a.X, a.Y]\n",
    A "  serves: [a.XY]\n",
    A "  serves: [a.*]\n",
    A "  may_call: [a.X]\n",
    A "  may_call: ['*.X']\n",
    A "  serves: [a.X]\n  may_call: [a.Y]\n",
    A "  sandbox: none\n",
    A "  sandbox: {network: true}\n",
    A "  sandbox: {read: [/a]}\n",
    A "  sandbox: {read: [/a/b]}\n",
    A "  sandbox: {read: [/a, /b]}\n",
    A "  sandbox: {write: [/a]}\n",
    A "  sandbox: {write: [state]}\n",
    A "  sandbox: {write: [/state]}\n",
    A "  limits: {memory: 256M}\n",
    A "  limits: {memory: 268435457}\n",
    A "  limits: {cpu: 1}\n",
    A "  limits: {cpu: 1.001}\n",
    A "  limits: {files: 257}\n",
    A "  limits: {message: 1048577}\n",
    A "  limits: {calls_waiting: 1025}\n",
    A "  limits: {log: 8388609}\n",
    A "  limits: {log_files: 5}\n",
    A "  heartbeat: {every: 1001ms}\n",
    A "  heartbeat: {dead_after: 4}\n",
    A "  restart: {first: 1ms}\n",
    A "  restart: {max: 10001ms}\n",
    A "  restart: {give_up: 6 in 60s}\n",
    A "  restart: {give_up: 5 in 60001ms}\n",
    A "  restart: {stable: 10001ms}\n",
    A "  restart: {strategy: one-for-all}\n",
    A "  restart: {strategy: rest-for-one}\n",
    A "  deadlines: {ready: 10001ms}\n",
    A "  deadlines: {drain: 5001ms}\n",
    A "  deadlines: {term: 2001ms}\n",
    A "  placement: {labels: {a: b}}\n",
    A "  placement: {labels: {a: c}}\n",
    A "  spare: true\n",
    A "  start: on-demand\n",
    A "  config: 'on-demand'\n",
    A "  protocol: none\n",
    A "  config: {}\n",
    A "  config: ''\n",
    A "  config: 7\n",
    A "  config: '7'\n",
    A "  config: [a, b]\n",
    A "  config: [b, a]\n",
    A "  config: 'a=b'\n",
};

/* The hash of the entry `a`, with entries that others require. */
static uint64_t hash_of(const char *text)
{
    struct kit_text t = {0};

    kit_add(&t, "%s%s", text, strstr(text, "requires: [") ? "- name: b\n- name: c\n" : "");
    struct manifest m = kit_good(t.at);
    uint64_t hash = m.cells[0].hash;
    manifest_fini(&m);
    free(t.at);
    return hash;
}

static void equal_entries_have_equal_hashes(void)
{
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        struct manifest one = kit_good(same[i].one), other = kit_good(same[i].other);
        KIT_CHECK(one.cells[0].hash == other.cells[0].hash, "%s: %s", same[i].why, same[i].other);
        manifest_fini(&one);
        manifest_fini(&other);
    }
}

static void different_entries_have_different_hashes(void)
{
    uint64_t hash[ARRAY_LEN(different)];

    for (size_t i = 0; i < ARRAY_LEN(different); i++) {
        hash[i] = hash_of(different[i]);
        for (size_t k = 0; k < i; k++) {
            KIT_CHECK(hash[i] != hash[k], "%s%s", different[i], different[k]);
        }
    }
}

/* A record of the supervisor outlives its binary: the same entry keeps its hash from build to
 * build. Computed apart from this code, with Python's hashlib.blake2b(digest_size=32). */
static void the_hash_is_stable(void)
{
    uint64_t hash = kit_hash("cells: [{name: a}]\n");

    KIT_CHECK(hash == UINT64_C(0x0caee182c56164d5), "%016" PRIx64, hash);
}

/* ---- the node ---- */

static void a_host_name_becomes_a_node_name(void)
{
    static const struct {
        const char *host;
        const char *node;
        const char *why;
    } rows[] = {
        {"vm", "vm", "as it is"},
        {"DB-1.example.org", "db-1", "lower case, without the domain"},
        {"a b\xc3\xa4", "a-b--", "what a name may not hold"},
        {"--x", "x", "an option's first letter"},
        {"(none)", "none-", "what an unset host is called"},
        {"", "node", "nothing"},
        {".", "node", "nothing before the domain"},
        {"---", "node", "nothing that may begin a name"},
        {N64, N64, "64 characters"},
        {N64 "4", N64, "65 characters"},
        {"-" N64, N64, "the limit counts what is kept"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char node[NAME_SIZE];
        yaml_manifest_node_name(rows[i].host, node);
        KIT_CHECK(strcmp(node, rows[i].node) == 0, "%s: %s", rows[i].why, node);
    }
}

/* With "/run/" before it the longest that there may be, 107 bytes. */
#define LONG_PATH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void sockets_are_read(void)
{
    static const uint8_t any[16] = {0}, one[16] = {[15] = 1}, here[16] = {10, 1, 2, 3};
    static const struct {
        const char *name;
        bool is_udp, is_v6;
        const uint8_t *ip;
        uint16_t port;
        const char *path, *shield;
        uint32_t mark;
    } expected[] = {
        {"gossip", true, false, any, 7402, "", "abcdefghijklmno", UINT32_MAX},
        {"any", false, true, any, 0, "", "", 0xca6c},
        {"local", false, true, one, 65535, "", "", 0},
        {"here", true, false, here, 7402, "", "", 0},
        {"control", false, false, any, 0, "/run/" LONG_PATH, "", 0},
    };
    struct manifest m = kit_good("cells:\n- name: a\n  sandbox:\n    listen:\n"
                                 "    - {name: gossip, at: 'udp://0.0.0.0:7402', shield: abcdefghijklmno, mark: 4294967295}\n"
                                 "    - {at: 'tcp://[::]:0', name: any, mark: 0xca6c}\n"
                                 "    - {name: local, at: 'tcp://[::1]:65535'}\n"
                                 "    - {name: here, at: 'udp://10.1.2.3:7402'}\n"
                                 "    - {name: control, at: 'unix:///run/" LONG_PATH "'}\n");
    const struct manifest_cell *c = &m.cells[0];

    NUMBER(c->sandbox.listen_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const struct manifest_listen *l = &c->sandbox.listen[i];
        STRING(l->name, expected[i].name);
        NUMBER(l->is_udp, expected[i].is_udp);
        NUMBER(l->is_v6, expected[i].is_v6);
        NUMBER(l->port, expected[i].port);
        NUMBER(l->is_unix, *expected[i].path != '\0');
        STRING(l->path, expected[i].path);
        STRING(l->shield, expected[i].shield);
        NUMBER(l->mark, expected[i].mark);
        NUMBER(memcmp(l->ip, expected[i].ip, sizeof l->ip), 0);
    }
    manifest_fini(&m);
}

static void interfaces_are_read(void)
{
    static const uint8_t v4[16] = {10, 9, 0, 1}, v6[16] = {0xfd, 9, [15] = 1};
    struct manifest m = kit_good("cells:\n- name: a\n  sandbox:\n    tun:\n"
                                 "    - {name: overlay, interface: cell0, address: [10.9.0.1/24, 'fd09::1/128'], mtu: 9000}\n"
                                 "    - {interface: abcdefghijklmno, name: other}\n");
    const struct manifest_cell *c = &m.cells[0];

    NUMBER(c->sandbox.tun_count, 2);
    const struct manifest_tun *t = &c->sandbox.tun[0];
    STRING(t->name, "overlay");
    STRING(t->interface, "cell0");
    NUMBER(t->mtu, MANIFEST_TUN_MTU_MAX);
    NUMBER(t->address_count, 2);
    NUMBER(t->address[0].is_v6, false);
    NUMBER(t->address[0].bits, 24);
    NUMBER(memcmp(t->address[0].ip, v4, sizeof v4), 0);
    NUMBER(t->address[1].is_v6, true);
    NUMBER(t->address[1].bits, 128);
    NUMBER(memcmp(t->address[1].ip, v6, sizeof v6), 0);
    STRING(c->sandbox.tun[1].interface, "abcdefghijklmno");
    NUMBER(c->sandbox.tun[1].mtu, MANIFEST_TUN_MTU_DEFAULT);
    NUMBER(c->sandbox.tun[1].address_count, 0);
    manifest_fini(&m);
}

static void interfaces_for_frames_are_read(void)
{
    struct manifest m = kit_good("cells:\n- name: a\n  sandbox:\n    tap: [{name: overlay, interface: cell-l2-0}]\n"
                                 "    tun: [{name: overlay, interface: cell0}]\n");
    const struct manifest_cell *c = &m.cells[0];

    NUMBER(c->sandbox.tun_count, 2);
    NUMBER(c->sandbox.tun[0].is_tap, false);
    NUMBER(c->sandbox.tun[0].mtu, MANIFEST_TUN_MTU_DEFAULT);
    NUMBER(c->sandbox.tun[1].is_tap, true);
    NUMBER(c->sandbox.tun[1].mtu, MANIFEST_TAP_MTU_DEFAULT);
    STRING(c->sandbox.tun[1].name, "overlay");
    STRING(c->sandbox.tun[1].interface, "cell-l2-0");
    manifest_fini(&m);
}

static void a_node_without_a_name_has_its_hosts(void)
{
    char host[HOST_NAME_MAX + 1] = "", node[NAME_SIZE];
    struct manifest m = kit_good("cells: []\n");

    if (gethostname(host, sizeof host - 1) != 0) {
        host[0] = '\0';
    }
    yaml_manifest_node_name(host, node);
    STRING(m.node, node);
    manifest_fini(&m);
}

int main(void)
{
    what_is_not_said_has_a_default();
    what_is_said_is_meant();
    these_are_accepted();
    a_config_has_one_text();
    a_config_read_again_is_the_same();
    equal_entries_have_equal_hashes();
    different_entries_have_different_hashes();
    the_hash_is_stable();
    a_host_name_becomes_a_node_name();
    sockets_are_read();
    interfaces_are_read();
    interfaces_for_frames_are_read();
    a_node_without_a_name_has_its_hosts();
    return kit_failed;
}
