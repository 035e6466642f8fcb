/* NUC-4, NOD-8: what a manifest may not say, the line that is blamed and the advice that is given.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/nucleus/yaml_kit.h"

/* An entry whose further fields begin in line 3. */
#define A "cells:\n  - name: a\n"
#define N64 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff0123"

struct row {
    const char *text;
    enum err e;
    uint32_t line;
    const char *word;
    const char *expected;
    const char *why;
};

static const struct row shapes[] = {
    {"", ERR_MALFORMED, 1, "nothing", "expected", "an empty file"},
    {"# only\n# comments\n", ERR_MALFORMED, 1, "nothing", "expected", "only comments"},
    {"---\n...\n", ERR_MALFORMED, 2, "nothing", "mapping", "an empty document"},
    {"7", ERR_MALFORMED, 1, "single value", "mapping", "a number as the whole"},
    {"- a\n- b\n", ERR_MALFORMED, 1, "a list", "mapping", "a list as the whole"},
    {"node: n\n", ERR_MALFORMED, 1, "\"cells\"", "expected", "cells cannot be left out"},
    {"cells:\n", ERR_MALFORMED, 1, "cells: nothing", "a list", "cells without a value"},
    {"cells: {}\n", ERR_MALFORMED, 1, "cells: a mapping", "a list", "cells as a mapping"},
    {"cells: yes\n", ERR_MALFORMED, 1, "cells: a single value", "a list", "cells as a word"},
    {"\ncells:\n- a\n", ERR_MALFORMED, 3, "cells[0]: a single", "a mapping", "an entry as a word"},
    {"cells:\n- [name]\n", ERR_MALFORMED, 2, "cells[0]: a list", "a mapping", "an entry as a list"},
    {"cells:\n- {exec: x}\n", ERR_MALFORMED, 2, "cells[0]: no field \"name\"", "expected",
     "an entry without a name"},
    {A "    name: b\n", ERR_MALFORMED, 3, "cells[0].name: given twice", "line 2", "a key twice"},
    {"cells: []\ncells: []\n", ERR_MALFORMED, 2, "cells: given twice", "once", "twice at the top"},
    {A "    limits: {files: 20, \"files\": 30}\n", ERR_MALFORMED, 3, "limits.files: given twice",
     "once", "quotes do not make another key"},
    {A "    config:\n      x: 1\n      y: 2\n      x: 3\n", ERR_MALFORMED, 6, "config.x", "line 4",
     "a key twice where no schema looks"},
    {"cels: []\n", ERR_MALFORMED, 1, "cels: an unknown field", "node or cells",
     "unknown at the top"},
    {A "    instnces: 2\n", ERR_MALFORMED, 3, "cells[0].instnces: an unknown", "instances,",
     "in a cell"},
    {A "    sandbox: {net: true}\n", ERR_MALFORMED, 3, "sandbox.net:", "network, read, write, keys, listen, tun or tap",
     "in sandbox"},
    {A "    limits:\n      cpu: 1\n      ram: 1\n", ERR_MALFORMED, 5, "limits.ram:", "memory, cpu",
     "in limits"},
    {A "    heartbeat: {evry: 1s}\n", ERR_MALFORMED, 3, "heartbeat.evry:", "every or dead_after",
     "in heartbeat"},
    {A "    restart: {giveup: 1 in 1s}\n", ERR_MALFORMED, 3, "restart.giveup:", "give_up",
     "in restart"},
    {A "    deadlines: {stop: 1s}\n", ERR_MALFORMED, 3, "deadlines.stop:", "ready, drain or term",
     "in deadlines"},
    {A "    placement: {label: {a: b}}\n", ERR_MALFORMED, 3, "placement.label:", "labels",
     "in placement"},
    {A "    Name: b\n", ERR_MALFORMED, 3, "cells[0].Name:", "name", "case matters"},
    {A "    exec: [a]\n", ERR_MALFORMED, 3, "exec: a list", "a single value", "a list for a text"},
    {A "    root: {a: b}\n", ERR_MALFORMED, 3, "root: a mapping", "a single",
     "a mapping for a text"},
    {A "    requires: b\n", ERR_MALFORMED, 3, "requires: a single value", "a list",
     "a word for a list"},
    {A "    requires:\n", ERR_MALFORMED, 3, "requires: nothing", "a list", "nothing for a list"},
    {A "    requires: [[b]]\n", ERR_MALFORMED, 3, "requires[0]: a list", "a single",
     "a list in a list"},
    {A "    limits: 256M\n", ERR_MALFORMED, 3, "limits: a single", "a mapping",
     "a size for limits"},
    {A "    limits: []\n", ERR_MALFORMED, 3, "limits: a list", "a mapping", "a list for limits"},
    {A "    sandbox: off\n", ERR_MALFORMED, 3, "sandbox: a single", "a mapping",
     "no word but none"},
    {A "    sandbox:\n", ERR_MALFORMED, 3, "sandbox: nothing", "a mapping", "a forgotten sandbox"},
    {A "    sandbox: [none]\n", ERR_MALFORMED, 3, "sandbox: a list", "a mapping", "none in a list"},
    {A "    placement: {labels: [a]}\n", ERR_MALFORMED, 3, "labels: not a mapping", "{zone: a}",
     "labels as a list"},
    {A "    placement: {labels: {a: [b]}}\n", ERR_MALFORMED, 3, "labels.a: a list", "a single",
     "a label's value as a list"},
};

static const struct row yamls[] = {
    {A "\tinstances: 2\n", ERR_MALFORMED, 3, "a tab", "spaces", "a tab as indentation"},
    {A "    \tinstances: 2\n", ERR_MALFORMED, 3, "a tab", "spaces", "a tab after spaces"},
    {"cells: [\n", ERR_MALFORMED, 2, "not YAML", "expected", "an open bracket"},
    {"cells: ]\n", ERR_MALFORMED, 1, "not YAML", "expected", "a stray bracket"},
    {"cells: \"\n\n", ERR_MALFORMED, 3, "not YAML", "line 1", "an open quote"},
    {"cells:\n  - name: a\n   exec: b\n", ERR_MALFORMED, 3, "not YAML", "expected", "crooked"},
    {"a: b: c\n", ERR_MALFORMED, 1, "not YAML", "expected", "two colons"},
    {"@\n", ERR_MALFORMED, 1, "not YAML", "expected", "a reserved sign"},
    {"cells: []\n---\ncells: []\n", ERR_MALFORMED, 2, "second document", "one", "two documents"},
    {"cells: []\n---\n", ERR_MALFORMED, 2, "second document", "one", "an empty second document"},
    {"%YAML 1.1\n---\ncells: []\n", ERR_MALFORMED, 1, "directive", "none", "a version"},
    {"%TAG ! tag:x,2000:\n---\ncells: []\n", ERR_MALFORMED, 1, "directive", "none", "a tag prefix"},
    {A "    config: &x 1\n", ERR_MALFORMED, 3, "config: an anchor", "none",
     "an anchor on a scalar"},
    {A "    config: &x [1]\n", ERR_MALFORMED, 3, "config: an anchor", "none", "on a list"},
    {A "    config: &x {a: 1}\n", ERR_MALFORMED, 3, "config: an anchor", "none", "on a mapping"},
    {A "    &x exec: b\n", ERR_MALFORMED, 3, "anchor", "none", "on a key"},
    {A "    config: *x\n", ERR_MALFORMED, 3, "config: an alias", "itself", "an alias"},
    {A "    config: {<<: *x}\n", ERR_MALFORMED, 3, "config.<<: an alias", "itself", "a merge"},
    {A "    config: !!int 3\n", ERR_MALFORMED, 3, "config: a tag", "none", "a tag on a scalar"},
    {A "    config: ! 3\n", ERR_MALFORMED, 3, "config: a tag", "none", "the tag without a name"},
    {A "    config: !<tag:yaml.org,2002:map> {}\n", ERR_MALFORMED, 3, "a tag", "none",
     "on a mapping"},
    {A "    config: !!seq []\n", ERR_MALFORMED, 3, "config: a tag", "none", "on a list"},
    {A "    ? [x]\n    : 1\n", ERR_MALFORMED, 3, "a list as a key", "plain text",
     "a list as a key"},
    {A "    ? {x: y}\n    : 1\n", ERR_MALFORMED, 3, "a mapping as a key", "plain",
     "a mapping as a key"},
    {A "    config: {[x]: 1}\n", ERR_MALFORMED, 3, "a list as a key", "plain",
     "where no schema looks"},
    {A "    ?\n    : 1\n", ERR_MALFORMED, 3, "an empty key", "name", "an empty key"},
    {A "    \"\": 1\n", ERR_MALFORMED, 3, "an empty key", "name", "an empty key in quotes"},
    {A "    exec: \"a\\0b\"\n", ERR_MALFORMED, 3, "cells[0].exec: a NUL", "none", "an escaped NUL"},
    {A "    config: \"\\0\"\n", ERR_MALFORMED, 3, "config: a NUL", "none", "where no schema looks"},
    {A "    \"na\\0me\": b\n", ERR_MALFORMED, 3, "a NUL", "none", "in a key"},
    {A "    exec: \"\\x1b[2J\\r\\n\"\n", ERR_INVALID, 3, "\\x1b[2J\\x0d\\x0a", "expected",
     "a terminal's commands do not reach the terminal"},
    {"\"\\x1b[2J\\n\": 1\n", ERR_MALFORMED, 1, "\\x1b[2J\\x0a:", "node or cells", "nor as a key"},
};

static const struct row names[] = {
    {"node: UP\ncells: []\n", ERR_INVALID, 1, "node: \"UP\"", "a-z", "upper case"},
    {"node:\ncells: []\n", ERR_INVALID, 1, "node: \"\"", "a-z", "an empty node name"},
    {"node: " N64 "4\ncells: []\n", ERR_INVALID, 1, "node: \"aaaa", "64", "65 characters"},
    {"cells: [{name: \"\"}]\n", ERR_INVALID, 1, "cells[0].name: \"\"", "a-z", "an empty name"},
    {"cells: [{name: " N64 "4}]\n", ERR_INVALID, 1, "cells[0].name: \"aaaa", "64", "65 characters"},
    {"cells: [{name: -a}]\n", ERR_INVALID, 1, "\"-a\"", "not -", "an option's first letter"},
    {"cells: [{name: ../a}]\n", ERR_INVALID, 1, "\"../a\"", "a-z", "a path"},
    {"cells: [{name: a/b}]\n", ERR_INVALID, 1, "\"a/b\"", "a-z", "a slash"},
    {"cells: [{name: a.1}]\n", ERR_INVALID, 1, "\"a.1\"", "a-z", "an instance is no name"},
    {"cells: [{name: \"a\\nb\"}]\n", ERR_INVALID, 1, "\"a\\x0ab\"", "a-z", "a line break"},
    {"cells: [{name: a b}]\n", ERR_INVALID, 1, "\"a b\"", "a-z", "a space"},
    {"cells: [{name: \xc3\xa4}]\n", ERR_INVALID, 1, "\"\xc3\xa4\"", "a-z",
     "a letter outside ASCII"},
    {"cells: [{name: nucleus}]\n", ERR_INVALID, 1, "name: \"nucleus\" is the supervisor", "another",
     "callers mean the supervisor by it"},
    {A "    namespace: ..\n", ERR_INVALID, 3, "namespace: \"..\"", "a-z", "a path"},
    {A "    namespace: " N64 "4\n", ERR_INVALID, 3, "namespace: \"aa", "64", "65 characters"},
    {A "    namespace:\n", ERR_INVALID, 3, "namespace: \"\"", "a-z", "an empty namespace"},
    {A "    namespace: nucleus\n", ERR_INVALID, 3, "\"nucleus\" is a file", "another",
     "its folder"},
    {A "    namespace: lock\n", ERR_INVALID, 3, "\"lock\" is a file", "another", "its lock"},
    {A "    namespace: doors\n", ERR_INVALID, 3, "\"doors\" is a file", "another", "its doors"},
    {A "    namespace: bind\n", ERR_INVALID, 3, "\"bind\" is a file", "another", "its sockets"},
    {A "    namespace: root\n", ERR_INVALID, 3, "\"root\" is a file", "another", "its mount point"},
    {A "  - name: b\n  - name: a\n", ERR_INVALID, 4,
     "cells[2].name: \"a\" is the name of cells[0] (line 2)", "one entry", "a name twice"},
    {A "    namespace: x\n  - {name: a, namespace: x}\n", ERR_INVALID, 4, "cells[1].name", "\"x\"",
     "twice in a namespace of its own"},
    {A "    namespace: default\n  - name: a\n", ERR_INVALID, 4, "cells[1].name: \"a\"",
     "\"default\"", "said once, meant once"},
};

static const struct row quantities[] = {
    {A "    limits:\n      memory: 10 parsecs\n", ERR_INVALID, 4,
     "cells[0].limits.memory: \"10 parsecs\" is not a size", "expected e.g. 256M", "not a unit"},
    {A "    limits: {memory: -1M}\n", ERR_INVALID, 3, "\"-1M\" is not a size", "256M", "negative"},
    {A "    limits: {memory: 1.5G}\n", ERR_INVALID, 3, "\"1.5G\" is not a size", "256M",
     "a fraction"},
    {A "    limits: {memory: 256MB}\n", ERR_INVALID, 3, "\"256MB\"", "256M",
     "a unit of disk makers"},
    {A "    limits: {memory: }\n", ERR_INVALID, 3, "\"\" is not a size", "256M", "nothing"},
    {A "    limits: {memory: 1048575}\n", ERR_INVALID, 3, "out of range", "1M to 16T",
     "one too few"},
    {A "    limits: {memory: 17592186044417}\n", ERR_INVALID, 3, "out of range", "16T",
     "one too many"},
    {A "    limits: {memory: 99999999999999999999999T}\n", ERR_INVALID, 3, "limits.memory",
     "1M to 16T", "past 64 bits"},
    {A "    limits: {memory: 0}\n", ERR_INVALID, 3, "limits.memory: \"0\"", "1M to 16T",
     "no limit is no zero"},
    {A "    limits: {cpu: 0}\n", ERR_INVALID, 3, "limits.cpu: \"0\"", "0.01 to 1024",
     "no CPU at all"},
    {A "    limits: {cpu: 0.009}\n", ERR_INVALID, 3, "\"0.009\"", "0.01 to 1024",
     "one step too few"},
    {A "    limits: {cpu: 1024.001}\n", ERR_INVALID, 3, "\"1024.001\"", "1024",
     "one step too many"},
    {A "    limits: {cpu: 1.2345}\n", ERR_INVALID, 3, "\"1.2345\"", "three decimals",
     "four decimals"},
    {A "    limits: {cpu: .5}\n", ERR_INVALID, 3, "\".5\"", "cores", "no whole part"},
    {A "    limits: {cpu: 1.}\n", ERR_INVALID, 3, "\"1.\"", "cores", "no decimals"},
    {A "    limits: {cpu: 01}\n", ERR_INVALID, 3, "\"01\"", "cores", "a leading zero"},
    {A "    limits: {cpu: 1e3}\n", ERR_INVALID, 3, "\"1e3\"", "cores", "an exponent"},
    {A "    limits: {cpu: -1}\n", ERR_INVALID, 3, "\"-1\"", "cores", "negative"},
    {A "    limits: {cpu: nan}\n", ERR_INVALID, 3, "\"nan\"", "cores", "no number"},
    {A "    limits: {cpu: 99999999999999999999}\n", ERR_INVALID, 3, "limits.cpu", "1024",
     "past 64 bits"},
    {A "    limits: {cpu: 1000000}\n", ERR_INVALID, 3, "limits.cpu", "1024", "seven digits"},
    {A "    limits: {cpu: 18446744073709552}\n", ERR_INVALID, 3, "limits.cpu", "1024",
     "times a thousand it would be 0.384 again"},
    {A "    limits:\n      log_files: 5\n      log: 1\n", ERR_INVALID, 5, "limits.log:", "64K",
     "the line of the field, not of one whose name begins alike"},
    {A "    limits: {files: 15}\n", ERR_INVALID, 3, "files: \"15\" is out", "16 to 65536",
     "one too few"},
    {A "    limits: {files: 65537}\n", ERR_INVALID, 3, "files: \"65537\"", "65536", "one too many"},
    {A "    limits: {files: 0x100}\n", ERR_INVALID, 3, "\"0x100\" is not a whole number", "3",
     "base 16"},
    {A "    limits: {files: 0256}\n", ERR_INVALID, 3, "\"0256\" is not a whole", "3", "base 8"},
    {A "    limits: {files: 2_56}\n", ERR_INVALID, 3, "\"2_56\" is not", "3", "an underscore"},
    {A "    limits: {files: +256}\n", ERR_INVALID, 3, "\"+256\" is not", "3", "a sign"},
    {A "    limits: {files: 256.0}\n", ERR_INVALID, 3, "\"256.0\" is not", "3", "a fraction"},
    {A "    limits: {message: 1023}\n", ERR_INVALID, 3, "message: \"1023\"", "1K to 16M",
     "one too few"},
    {A "    limits: {message: 16777217}\n", ERR_INVALID, 3, "message:", "1K to 16M",
     "one too many"},
    {A "    limits: {calls_waiting: 0}\n", ERR_INVALID, 3, "calls_waiting:", "1 to 65536", "none"},
    {A "    limits: {calls_waiting: 65537}\n", ERR_INVALID, 3, "calls_waiting:", "65536",
     "too many"},
    {A "    limits: {log: 65535}\n", ERR_INVALID, 3, "limits.log:", "64K to 1G", "one too few"},
    {A "    limits: {log: 1073741825}\n", ERR_INVALID, 3, "limits.log:", "1G", "one too many"},
    {A "    limits: {log_files: 0}\n", ERR_INVALID, 3, "log_files:", "1 to 64", "none"},
    {A "    limits: {log_files: 65}\n", ERR_INVALID, 3, "log_files:", "1 to 64", "one too many"},
    {A "    instances: -1\n", ERR_INVALID, 3, "instances: \"-1\" is not a whole number", "3",
     "negative"},
    {A "    instances: 1001\n", ERR_INVALID, 3, "\"1001\" is out of range", "0 to 1000",
     "one too many"},
    {A "    instances: 4294967297\n", ERR_INVALID, 3, "out of range", "1000", "one past 32 bits"},
    {A "    instances: 18446744073709551617\n", ERR_INVALID, 3, "out of range", "1000",
     "past 64 bits"},
    {A "    instances: many\n", ERR_INVALID, 3, "\"many\" is not a whole number", "3", "a word"},
    {A "    heartbeat: {every: 9ms}\n", ERR_INVALID, 3, "every: \"9ms\"", "10ms to 1m",
     "too often"},
    {A "    heartbeat: {every: 60001ms}\n", ERR_INVALID, 3, "every:", "10ms to 1m", "too seldom"},
    {A "    heartbeat: {every: 10500us}\n", ERR_INVALID, 3, "\"10500us\"", "whole milliseconds",
     "finer"},
    {A "    heartbeat: {every: 1000}\n", ERR_INVALID, 3, "\"1000\" is not a duration", "10s",
     "no unit"},
    {A "    heartbeat: {every: 1 s}\n", ERR_INVALID, 3, "\"1 s\" is not a duration", "10s",
     "a space"},
    {A "    heartbeat: {every: 400d}\n", ERR_INVALID, 3, "every: \"400d\"", "10ms to 1m", "a year"},
    {A "    heartbeat: {dead_after: 0}\n", ERR_INVALID, 3, "dead_after:", "1 to 100", "none"},
    {A "    heartbeat: {dead_after: 101}\n", ERR_INVALID, 3, "dead_after:", "1 to 100", "too many"},
    {A "    restart: {first: 3600001ms}\n", ERR_INVALID, 3, "restart.first:", "to 1h", "too long"},
    {A "    restart: {max: 0}\n", ERR_INVALID, 3, "restart.max:", "1ms to 1h", "none"},
    {A "    restart: {max: 3600001ms}\n", ERR_INVALID, 3, "restart.max:", "1ms to 1h", "too long"},
    {A "    restart: {first: 10001ms}\n", ERR_INVALID, 3,
     "restart.first: 10001 ms is longer than "
     "restart.max",
     "10000 ms", "beyond the default cap"},
    {A "    restart: {first: 2s, max: 1s}\n", ERR_INVALID, 3, "restart.first: 2000 ms", "1000 ms",
     "beyond its own cap"},
    {A "    restart: {stable: 0}\n", ERR_INVALID, 3, "restart.stable:", "1ms to 1d", "none"},
    {A "    restart: {stable: 86400001ms}\n", ERR_INVALID, 3, "restart.stable:", "1d", "too long"},
    {A "    restart: {give_up: 5}\n", ERR_INVALID, 3, "give_up: \"5\" is not", "5 in 60s",
     "no time"},
    {A "    restart: {give_up: 5 in 60}\n", ERR_INVALID, 3, "\"5 in 60\" is not", "5 in 60s",
     "no unit"},
    {A "    restart: {give_up: 5 per 60s}\n", ERR_INVALID, 3, "give_up:", "5 in 60s",
     "another word"},
    {A "    restart: {give_up: 0 in 60s}\n", ERR_INVALID, 3, "give_up:", "1 to 16 crashes",
     "never"},
    {A "    restart: {give_up: 17 in 60s}\n", ERR_INVALID, 3, "\"17 in 60s\"",
     "1 to 16 crashes in 10ms", "more than are remembered"},
    {A "    restart: {give_up: 5 in 9ms}\n", ERR_INVALID, 3, "give_up:", "10ms to 1d", "too short"},
    {A "    restart: {give_up: 5 in 86400001ms}\n", ERR_INVALID, 3, "give_up:", "1d", "too long"},
    {A "    restart: {give_up: 5 in 100500us}\n", ERR_INVALID, 3, "give_up:", "5 in 60s", "finer"},
    {A "    deadlines: {ready: 9ms}\n", ERR_INVALID, 3, "deadlines.ready:", "10ms to 1h",
     "too short"},
    {A "    deadlines: {ready: 3600001ms}\n", ERR_INVALID, 3, "deadlines.ready:", "1h", "too long"},
    {A "    deadlines: {drain: 3600001ms}\n", ERR_INVALID, 3, "deadlines.drain:", "1h", "too long"},
    {A "    deadlines: {term: 3600001ms}\n", ERR_INVALID, 3, "deadlines.term:", "1h", "too long"},
    {A "    deadlines: {term: -2s}\n", ERR_INVALID, 3, "deadlines.term: \"-2s\"", "10s",
     "negative"},
};

static const struct row words[] = {
    {A "    root: yes\n", ERR_INVALID, 3, "root: \"yes\"", "false or true", "one spelling of true"},
    {A "    root: 1\n", ERR_INVALID, 3, "root: \"1\"", "false or true", "no number"},
    {A "    root: True\n", ERR_INVALID, 3, "root: \"True\"", "false or true", "no upper case"},
    {A "    root:\n", ERR_INVALID, 3, "root: \"\"", "false or true", "nothing"},
    {A "    spare: on\n", ERR_INVALID, 3, "spare: \"on\"", "false or true", "likewise"},
    {A "    sandbox: {network: maybe}\n", ERR_INVALID, 3, "sandbox.network: \"maybe\"",
     "false or true", "fail closed"},
    {A "    protocol: http\n", ERR_INVALID, 3, "protocol: \"http\"", "gap or none", "unknown"},
    {A "    restart: {strategy: all}\n", ERR_INVALID, 3, "strategy: \"all\"",
     "one-for-one, one-for-all or rest-for-one", "unknown"},
    {A "    protocol: none\n    spare: true\n", ERR_INVALID, 4, "spare: true with protocol: none",
     "protocol: gap", "a twin must be told when to begin"},
    {A "    start: never\n", ERR_INVALID, 3, "start: \"never\"", "always or on-demand", "unknown"},
    {A "    start:\n", ERR_INVALID, 3, "start: \"\"", "always or on-demand", "nothing"},
    {A "    requires: [b]\n  - {name: b, start: on-demand}\n", ERR_INVALID, 3, "requires[0]: \"b\" starts on demand",
     "a cell that is started", "it would wait for ever"},
    {A "    exec: ./a\n", ERR_INVALID, 3, "exec: \"./a\"", "file name", "relative"},
    {A "    exec: bin/a\n", ERR_INVALID, 3, "exec: \"bin/a\"", "file name", "a slash"},
    {A "    exec: -rf\n", ERR_INVALID, 3, "exec: \"-rf\"", "file name", "an option"},
    {A "    exec: .hidden\n", ERR_INVALID, 3, "exec: \".hidden\"", "file name", "a hidden file"},
    {A "    exec: ..\n", ERR_INVALID, 3, "exec: \"..\"", "file name", "the parent"},
    {A "    exec: \"\"\n", ERR_INVALID, 3, "exec: \"\"", "file name", "empty"},
    {A "    exec: a b\n", ERR_INVALID, 3, "exec: \"a b\"", "file name", "a command line"},
    {A "    exec: \"a;b\"\n", ERR_INVALID, 3, "exec: \"a;b\"", "file name", "a shell's sign"},
    {A "    exec: /bin/../bin/sh\n", ERR_INVALID, 3, "has a part . or ..", "absolute",
     "not normalised"},
    {A "    exec: /bin/\n", ERR_INVALID, 3, "has an empty part", "absolute", "a directory"},
    {A "    exec: /\n", ERR_INVALID, 3, "exec: \"/\"", "absolute", "the root"},
    {A "    exec: /proc/self/exe\n", ERR_INVALID, 3, "is of the kernel", "absolute",
     "the supervisor itself"},
    {A "    exec: /var/lib/cell/x\n", ERR_INVALID, 3, "state directory", "absolute",
     "a cell's own data"},
};

static const struct row lists[] = {
    {A "    requires: [../b]\n", ERR_INVALID, 3, "requires[0]: \"../b\"", "name", "a path"},
    {A "    requires: [b.0]\n  - name: b\n", ERR_INVALID, 3,
     "requires[0]: \"b.0\" is not a cell of this node", "name", "an instance"},
    {"node: n\n" A "    requires: [b@n]\n  - name: b\n", ERR_INVALID, 4,
     "requires[0]: \"b@n\" is not a cell of this node", "name", "a node, even this one"},
    {A "    requires: [\"\"]\n", ERR_INVALID, 3, "requires[0]: \"\"", "name", "empty"},
    {A "    requires: [-b]\n", ERR_INVALID, 3, "requires[0]: \"-b\"", "name", "an option"},
    {A "    requires: [" N64 "4]\n", ERR_INVALID, 3, "requires[0]: \"aa", "name", "65 characters"},
    {A "    requires:\n      - b\n      - c\n      - b\n  - name: b\n  - name: c\n", ERR_INVALID, 6,
     "requires[2]: \"b\" is given twice", "once", "twice"},
    {A "    requires: [b]\n", ERR_INVALID, 3, "requires[0]: \"b\" is not a cell of this manifest",
     "\"default\" or \"global\"", "no such cell"},
    {A "    requires:\n      - b\n      - c\n  - name: b\n", ERR_INVALID, 5, "requires[1]: \"c\"",
     "expected", "the line of the very requirement"},
    {A "    requires: [x/b]\n  - name: b\n", ERR_INVALID, 3, "\"x/b\" is not a cell", "namespace",
     "in another namespace there is none"},
    {A "    requires: [b]\n  - {name: b, namespace: x}\n", ERR_INVALID, 3, "\"b\" is not a cell",
     "namespace", "another namespace is not looked into"},
    {A "    requires: [a]\n", ERR_INVALID, 3, "\"a\" is the cell itself", "another", "itself"},
    {A "    requires: [default/a]\n", ERR_INVALID, 3, "\"default/a\" is the cell itself", "another",
     "itself by its full name"},
    {A "    requires: [b]\n  - {name: b, requires: [a]}\n", ERR_INVALID, 3,
     "cells[0].requires: a cycle: a -> b -> a,", "expected an order", "a cycle of two"},
    {"cells:\n- name: z\n- {name: b, requires: [c]}\n- {name: c, requires: [z, d]}\n"
     "- {name: d, requires: [z, b]}\n- {name: e, requires: [d]}\n",
     ERR_INVALID, 3, "cells[1].requires: a cycle: b -> c -> d -> b,", "order",
     "a cycle among others, named in full"},
    {A "    namespace: x\n    requires: [y/b]\n  - {name: b, namespace: y, requires: [x/a]}\n",
     ERR_INVALID, 4, "x/a -> y/b -> x/a", "order", "a cycle across namespaces"},
    {A "    serves: [Put]\n", ERR_INVALID, 3, "serves[0]: \"Put\"", "raft.Put", "no cell"},
    {A "    serves: [a.put]\n", ERR_INVALID, 3, "serves[0]: \"a.put\"", "raft.Put", "lower case"},
    {A "    serves: ['*.Put']\n", ERR_INVALID, 3, "serves[0]: \"*.Put\"", "raft.*",
     "in any cell's name"},
    {A "    serves: ['*.*']\n", ERR_INVALID, 3, "serves[0]: \"*.*\"", "raft.*", "everything"},
    {A "    serves: [a.Put, a.Get, a.Put]\n", ERR_INVALID, 3, "serves[2]: \"a.Put\"", "once",
     "twice"},
    {A "    serves: [" N64 "4.Put]\n", ERR_INVALID, 3, "serves[0]:", "raft.Put", "65 characters"},
    {A "    may_call: ['*.*']\n", ERR_INVALID, 3, "may_call[0]: \"*.*\"", "*.Get", "everything"},
    {A "    may_call: [../b.Put]\n", ERR_INVALID, 3, "may_call[0]: \"../b.Put\"", "raft.Put",
     "a path"},
    {A "    may_call:\n    - b.Put\n    - b\n", ERR_INVALID, 5, "may_call[1]: \"b\"", "raft.Put",
     "a cell"},
    {A "    may_call: [b.Put, b.Put]\n", ERR_INVALID, 3, "may_call[1]", "once", "twice"},
    {A "    sandbox: {read: [etc]}\n", ERR_INVALID, 3, "sandbox.read[0]: \"etc\" is not absolute",
     "/etc/hosts", "relative"},
    {A "    sandbox: {read: [\"\"]}\n", ERR_INVALID, 3, "read[0]: \"\" is not absolute", "/",
     "empty"},
    {A "    sandbox: {read: [/]}\n", ERR_INVALID, 3, "is the whole file system", "/etc",
     "everything"},
    {A "    sandbox: {read: [/etc/../root]}\n", ERR_INVALID, 3, "a part . or ..", "/etc",
     "upwards"},
    {A "    sandbox: {read: [/..]}\n", ERR_INVALID, 3, "a part . or ..", "/etc", "above the top"},
    {A "    sandbox: {read: [/./etc]}\n", ERR_INVALID, 3, "a part . or ..", "/etc", "a dot"},
    {A "    sandbox: {read: [//etc]}\n", ERR_INVALID, 3, "an empty part", "/etc", "two slashes"},
    {A "    sandbox: {read: [/etc/]}\n", ERR_INVALID, 3, "an empty part", "/etc",
     "a slash at the end"},
    {A "    sandbox: {read: [\"/etc\\nx\"]}\n", ERR_INVALID, 3, "control character", "/etc",
     "a line break"},
    {A "    sandbox: {read: [/proc]}\n", ERR_INVALID, 3, "is of the kernel", "/etc", "processes"},
    {A "    sandbox: {read: [/proc/1/mem]}\n", ERR_INVALID, 3, "is of the kernel", "/etc",
     "below it"},
    {A "    sandbox: {write: [/sys/fs/cgroup]}\n", ERR_INVALID, 3, "is of the kernel", "/srv",
     "sysfs"},
    {A "    sandbox: {write: [/dev/mem]}\n", ERR_INVALID, 3, "is of the kernel", "/srv", "devices"},
    {A "    sandbox: {write: [/run/cell]}\n", ERR_INVALID, 3, "run or state", "/srv",
     "all sockets"},
    {A "    sandbox: {read: [/run]}\n", ERR_INVALID, 3, "run or state", "/etc", "what holds them"},
    {A "    sandbox: {read: [/var/run/cell/x]}\n", ERR_INVALID, 3, "run or state", "/etc",
     "by its link"},
    {A "    sandbox: {write: [/var/lib/cell/b]}\n", ERR_INVALID, 3, "run or state", "/srv",
     "another cell's state"},
    {A "    sandbox: {write: [/var]}\n", ERR_INVALID, 3, "run or state", "/srv", "all states"},
    {A "    sandbox: {write: [State]}\n", ERR_INVALID, 3, "write[0]: \"State\"", "state or an",
     "case"},
    {A "    sandbox: {write: [state/../..]}\n", ERR_INVALID, 3, "not absolute", "state or an",
     "beyond it"},
    {A "    sandbox: {read: [state]}\n", ERR_INVALID, 3, "read[0]: \"state\"", "sandbox.write",
     "said in write"},
    {A "    sandbox:\n      read:\n      - /a\n      - /b\n      - /a\n", ERR_INVALID, 7,
     "read[2]: \"/a\"", "once", "twice"},
    {A "    sandbox: {keys: [password]}\n", ERR_INVALID, 3, "sandbox.keys[0]: \"password\" is no key",
     "datagram, tls, issuer or renew", "a word that stands for no key"},
    {A "    sandbox: {keys: [Datagram]}\n", ERR_INVALID, 3, "keys[0]: \"Datagram\"", "datagram, tls, issuer or renew",
     "upper case"},
    {A "    sandbox: {keys: [\"\"]}\n", ERR_INVALID, 3, "keys[0]: \"\"", "datagram, tls, issuer or renew", "nothing"},
    {A "    sandbox: {keys: [tls, datagram, tls]}\n", ERR_INVALID, 3, "keys[2]: \"tls\" is given twice", "once",
     "a key twice"},
    {A "    sandbox: {keys: [tls, datagram, issuer, renew, tls]}\n", ERR_LIMIT, 3, "sandbox.keys", "4",
     "more than there are"},
    {A "    sandbox: {keys: tls}\n", ERR_MALFORMED, 3, "sandbox.keys", "a list", "a word instead of a list"},
    {A "    sandbox: {keys: [tls]}\n    protocol: none\n", ERR_INVALID, 3, "keys[0]: \"tls\" is handed to nobody",
     "descriptor 3", "a program that could not take it"},
/* With "/run/" before it 107 bytes. */
#define LONG_PATH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L(item) A "    sandbox:\n      listen:\n      - " item "\n"
    {A "    sandbox: {listen: [gossip]}\n", ERR_MALFORMED, 3, "listen[0]: a single value", "a mapping", "a word"},
    {A "    sandbox: {listen: {name: a}}\n", ERR_MALFORMED, 3, "sandbox.listen: a mapping", "a list", "a mapping"},
    {L("{name: a}"), ERR_MALFORMED, 5, "no field \"at\"", "one", "nowhere"},
    {L("{at: 'udp://0.0.0.0:1'}"), ERR_MALFORMED, 5, "no field \"name\"", "one", "without a name"},
    {L("{name: a, at: 'udp://0.0.0.0:1', to: b}"), ERR_MALFORMED, 5, "listen[0].to:", "name, at, shield or mark", "unknown"},
    {L("{name: a, at: 'udp://0.0.0.0:1', mark: -1}"), ERR_INVALID, 5, "listen[0].mark: \"-1\"", "0xca6c", "a sign"},
    {L("{name: a, at: 'udp://0.0.0.0:1', mark: 4294967296}"), ERR_INVALID, 5, "listen[0].mark", "32 bits", "one past the last"},
    {L("{name: a, at: 'udp://0.0.0.0:1', mark: 0x}"), ERR_INVALID, 5, "listen[0].mark", "32 bits", "no digits"},
    {L("{name: a, at: 'udp://0.0.0.0:1', mark: 0x123456789}"), ERR_INVALID, 5, "listen[0].mark", "32 bits", "nine digits"},
    {L("{name: a, at: 'unix:///run/x.sock', mark: 1}"), ERR_INVALID, 5, "listen[0].mark: \"1\" is for TCP and UDP", "the network", "a socket of a path"},
    {L("{name: A, at: 'udp://0.0.0.0:1'}"), ERR_INVALID, 5, "listen[0].name: \"A\"", "a-z", "no name"},
    {L("{name: a.b, at: 'udp://0.0.0.0:1'}"), ERR_INVALID, 5, "listen[0].name", "a-z", "two names"},
    {L("{name: a, at: '0.0.0.0:1'}"), ERR_INVALID, 5, "listen[0].at", "udp://", "without its kind"},
    {L("{name: a, at: 'sctp://0.0.0.0:1'}"), ERR_INVALID, 5, "listen[0].at", "udp://", "another kind"},
    {L("{name: a, at: 'UDP://0.0.0.0:1'}"), ERR_INVALID, 5, "listen[0].at", "udp://", "case"},
    {L("{name: a, at: 'udp://localhost:1'}"), ERR_INVALID, 5, "listen[0].at", "in numbers", "a host's name"},
    {L("{name: a, at: 'udp://*:1'}"), ERR_INVALID, 5, "listen[0].at", "in numbers", "a star"},
    {L("{name: a, at: 'udp://:1'}"), ERR_INVALID, 5, "listen[0].at", "in numbers", "no address"},
    {L("{name: a, at: 'udp://0.0.0.0'}"), ERR_INVALID, 5, "listen[0].at", "a port", "no port"},
    {L("{name: a, at: 'udp://0.0.0.0:'}"), ERR_INVALID, 5, "listen[0].at", "a port", "an empty port"},
    {L("{name: a, at: 'udp://0.0.0.0:65536'}"), ERR_INVALID, 5, "listen[0].at", "a port", "one past the last port"},
    {L("{name: a, at: 'udp://0.0.0.0:07402'}"), ERR_INVALID, 5, "listen[0].at", "a port", "a needless zero"},
    {L("{name: a, at: 'udp://0.0.0.0:-1'}"), ERR_INVALID, 5, "listen[0].at", "a port", "a sign"},
    {L("{name: a, at: 'udp://0.0.0.0:1/'}"), ERR_INVALID, 5, "listen[0].at", "a port", "a path"},
    {L("{name: a, at: 'udp://1.2.3:1'}"), ERR_INVALID, 5, "listen[0].at", "in numbers", "three bytes"},
    {L("{name: a, at: 'udp://1.2.3.256:1'}"), ERR_INVALID, 5, "listen[0].at", "in numbers", "a byte too large"},
    {L("{name: a, at: 'udp://::1:1'}"), ERR_INVALID, 5, "listen[0].at", "[::]", "IPv6 without brackets"},
    {L("{name: a, at: 'udp://[::1]'}"), ERR_INVALID, 5, "listen[0].at", "a port", "IPv6 without a port"},
    {L("{name: a, at: 'udp://[::1:1'}"), ERR_INVALID, 5, "listen[0].at", "[::]", "half a bracket"},
    {L("{name: a, at: 'udp://[:1'}"), ERR_INVALID, 5, "listen[0].at", "[::]", "a bracket and a port"},
    {L("{name: a, at: 'udp://[1.2.3.4]:1'}"), ERR_INVALID, 5, "listen[0].at", "in numbers", "IPv4 in brackets"},
    {L("{name: a, at: 'udp://[fe80::1%eth0]:1'}"), ERR_INVALID, 5, "listen[0].at", "in numbers", "an interface"},
    {L("{name: a, at: 'udp://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:00]:1'}"), ERR_INVALID, 5,
     "listen[0].at", "in numbers", "longer than any"},
    {L("{name: a, at: 'unix://run/x.sock'}"), ERR_INVALID, 5, "listen[0].at", "unix:///run/x.sock", "a path that is not absolute"},
    {L("{name: a, at: 'unix:///run/../x.sock'}"), ERR_INVALID, 5, "listen[0].at", "unix:///run/x.sock", "a path with dots"},
    {L("{name: a, at: 'unix:///run/cell/x.sock'}"), ERR_INVALID, 5, "listen[0].at", "unix:///run/x.sock", "in a node's own directory"},
    {L("{name: a, at: 'unix:///run/" LONG_PATH "b'}"), ERR_INVALID, 5, "listen[0].at", "unix:///run/x.sock", "108 bytes"},
    {L("{name: a, at: 'unix:///run/x'}\n      - {name: b, at: 'unix:///run/x'}"), ERR_INVALID, 6, "listen[1].at", "once", "a path twice"},
    {L("{name: a, at: 'udp://0.0.0.0:1', shield: a/b}"), ERR_INVALID, 5, "listen[0].shield", "interface", "no interface"},
    {L("{name: a, at: 'udp://0.0.0.0:1', shield: ''}"), ERR_INVALID, 5, "listen[0].shield", "interface", "an empty one"},
    {L("{name: a, at: 'udp://0.0.0.0:1', shield: abcdefghijklmnop}"), ERR_INVALID, 5, "listen[0].shield", "interface", "16 characters"},
    {L("{name: a, at: 'tcp://0.0.0.0:1', shield: eth0}"), ERR_INVALID, 5, "listen[0].shield", "UDP", "of a TCP socket"},
    {L("{name: a, at: 'udp://0.0.0.0:1', shield: eth0}\n      - {name: b, at: 'udp://0.0.0.0:2', shield: eth1}"), ERR_INVALID, 6,
     "listen[1].shield", "once", "two of one cell"},
    {L("{name: a, at: 'udp://0.0.0.0:1'}\n      - {name: a, at: 'udp://0.0.0.0:2'}"), ERR_INVALID, 6,
     "listen[1].name: \"a\" is given twice", "once", "a name twice"},
    {L("{name: a, at: 'udp://0.0.0.0:1'}\n      - {name: b, at: 'udp://0.0.0.0:1'}"), ERR_INVALID, 6,
     "listen[1].at", "once", "a place twice"},
    {L("{name: a, at: 'udp://0.0.0.0:1'}") "    instances: 2\n", ERR_INVALID, 5, "listen[0].name", "instances: 1",
     "for two instances"},
    {L("{name: a, at: 'udp://0.0.0.0:1'}") "    protocol: none\n", ERR_INVALID, 5, "listen[0].name", "descriptor 3",
     "for a program that could not take it"},
#define T(item) A "    sandbox:\n      tun:\n      - " item "\n"
    {A "    sandbox: {tun: cell0}\n", ERR_MALFORMED, 3, "sandbox.tun: a single value", "a list", "a word"},
    {T("{name: a}"), ERR_MALFORMED, 5, "tun[0]", "interface", "no interface"},
    {T("{interface: x}"), ERR_MALFORMED, 5, "tun[0]", "name", "no name"},
    {T("{name: a, interface: x, at: y}"), ERR_MALFORMED, 5, "tun[0].at:", "name, interface, address or mtu", "unknown"},
    {T("{name: A, interface: x}"), ERR_INVALID, 5, "tun[0].name: \"A\"", "a-z", "no name"},
    {T("{name: a, interface: abcdefghijklmnop}"), ERR_INVALID, 5, "tun[0].interface", "1 to 15", "16 characters"},
    {T("{name: a, interface: 'a b'}"), ERR_INVALID, 5, "tun[0].interface", "blanks", "a blank"},
    {T("{name: a, interface: \"a\\x1bb\"}"), ERR_INVALID, 5, "tun[0].interface", "1 to 15", "a control character"},
    {T("{name: a, interface: a/b}"), ERR_INVALID, 5, "tun[0].interface", "'/'", "a slash"},
    {T("{name: a, interface: 'cell%d'}"), ERR_INVALID, 5, "tun[0].interface", "'%'", "a name for the kernel to choose"},
    {T("{name: a, interface: ..}"), ERR_INVALID, 5, "tun[0].interface", "1 to 15", "dots"},
    {T("{name: a, interface: x, mtu: 575}"), ERR_INVALID, 5, "tun[0].mtu", "576 to 9000", "one less than the least"},
    {T("{name: a, interface: x, mtu: 9001}"), ERR_INVALID, 5, "tun[0].mtu", "576 to 9000", "one more than the most"},
    {T("{name: a, interface: x, mtu: 01400}"), ERR_INVALID, 5, "tun[0].mtu", "576 to 9000", "a needless zero"},
    {T("{name: a, interface: x, address: [10.0.0.1]}"), ERR_INVALID, 5, "address[0]", "10.9.0.1/24", "no network"},
    {T("{name: a, interface: x, address: [10.0.0.1/33]}"), ERR_INVALID, 5, "address[0]", "10.9.0.1/24", "33 bits"},
    {T("{name: a, interface: x, address: ['fd00::1/129']}"), ERR_INVALID, 5, "address[0]", "fd09::1/64", "129 bits"},
    {T("{name: a, interface: x, address: [10.0.0.1/8, host/8]}"), ERR_INVALID, 5, "address[1]", "10.9.0.1/24", "a name"},
    {T("{name: a, interface: x}\n      - {name: a, interface: y}"), ERR_INVALID, 6, "tun[1].name", "once", "a name twice"},
    {T("{name: a, interface: x}\n      - {name: b, interface: x}"), ERR_INVALID, 6, "tun[1].interface", "once", "one twice"},
    {T("{name: a, interface: x}") "    instances: 2\n", ERR_INVALID, 5, "tun[0].name", "instances: 1", "for two"},
    {T("{name: a, interface: x}") "    protocol: none\n", ERR_INVALID, 5, "tun[0].name", "descriptor 3", "for nobody"},
    {A "    sandbox:\n      tap:\n      - {name: a, interface: x, mtu: 575}\n", ERR_INVALID, 5, "tap[0].mtu", "576 to 9000", "a TAP"},
    {A "    sandbox:\n      tap:\n      - {name: A, interface: x}\n", ERR_INVALID, 5, "tap[0].name", "a-z", "no name of one"},
    {A "    sandbox:\n      tap:\n      - {name: a, interface: x, address: [b]}\n", ERR_INVALID, 5, "tap[0].address[0]", "10.9.0.1/24",
     "no address of one"},
    {T("{name: a, interface: x}\n      tap:\n      - {name: a, interface: x}"), ERR_INVALID, 7, "tap[0].interface", "once",
     "one that is both"},
#undef T
#undef L
    {A "    sandbox: {read: [/b, /a], write: [/a]}\n", ERR_INVALID, 3,
     "read[1]: \"/a\" is in sandbox.write", "one of the two", "in both"},
    {A "    placement: {labels: {Zone: a}}\n", ERR_INVALID, 3, "labels.Zone: \"Zone\"", "a-z",
     "upper case"},
    {A "    placement: {labels: {" N64 "4: a}}\n", ERR_INVALID, 3, "labels.aa", "64",
     "65 characters"},
    {A "    placement: {labels: {zone: 'a,b=c'}}\n", ERR_INVALID, 3, "labels.zone: \"a,b=c\"",
     "letters", "it would read as two"},
    {A "    placement: {labels: {zone: ''}}\n", ERR_INVALID, 3, "labels.zone: \"\"", "letters",
     "empty"},
    {A "    placement: {labels: {zone: " N64 "4}}\n", ERR_INVALID, 3, "labels.zone: \"aa", "64",
     "65"},
};

static void run(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kit_bad(rows[i].text, strlen(rows[i].text), rows[i].e, rows[i].line, rows[i].word,
                rows[i].expected, rows[i].why);
    }
}

/* Bytes that no string literal's strlen shows. */
static void bytes_that_are_no_text_are_refused(void)
{
    static const struct {
        const char *text;
        size_t size;
        const char *word;
        const char *why;
    } rows[] = {
        {"cells:\n# \0\n", 11, "a NUL byte", "a NUL, even in a comment"},
        {"cells:\n- \xff\n", 10, "not UTF-8", "a byte no UTF-8 has"},
        {"cells:\n- \xc3\n", 10, "not UTF-8", "a cut character"},
        {"cells:\n- \xc0\xaf\n", 11, "not UTF-8", "a slash in two bytes"},
        {"cells:\n- \xed\xa0\x80\n", 12, "not UTF-8", "half a character of UTF-16"},
        {"cells:\n- \x01\n", 10, "not YAML: control characters", "a control character"},
        {"cells:\n- \xef\xbf\xbe\n", 12, "not YAML: control characters",
         "no character by definition"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        kit_bad(rows[i].text, rows[i].size, ERR_MALFORMED, 2, rows[i].word, "expected",
                rows[i].why);
    }
    kit_bad("\xff\xfe"
            "c\0",
            4, ERR_MALFORMED, 1, "NUL", "UTF-8", "UTF-16, little end first");
}

/* Files as people would write them; each says in its first line which line is wrong and how. */
static void files_are_refused_where_they_say(void)
{
    static const char *const files[] = {
        "bad-aliases.yaml",     "bad-cycle.yaml", "bad-duplicate.yaml", "bad-indent.yaml",
        "bad-requirement.yaml", "bad-tabs.yaml",  "bad-typo.yaml",      "bad-unit.yaml",
    };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[256], word[256];
        unsigned line = 0;
        size_t size;
        (void)snprintf(path, sizeof path, "tests/unit/nucleus/manifests/%s", files[i]);
        char *text = kit_file(path, &size);
        int found = sscanf(text, "# refused: line %u: %255[^\n]", &line, word);
        KIT_CHECK(found == 2, "%s does not say why", path);
        char why[MANIFEST_WHY_SIZE], place[32];
        struct manifest m;
        enum err e = kit_parse(text, size, &m, why);
        (void)snprintf(place, sizeof place, "t.yaml:%u: ", line);
        KIT_CHECK(e != ERR_OK && strncmp(why, place, strlen(place)) == 0 &&
                      strstr(why, word) != NULL,
                  "%s: %s", path, e != ERR_OK ? why : "accepted");
        free(text);
    }
}

/* The reader may be given any name for its file, and any length of text to complain about. */
static void messages_fit_whatever_is_in_them(void)
{
    struct kit_text name = {0}, text = {0};
    char why[MANIFEST_WHY_SIZE];
    struct manifest m;

    kit_fill(&name, "directory\n/", 1000);
    kit_add(&name, "node.yaml");
    kit_add(&text, "cells:\n- name: a\n  config:\n    ");
    kit_fill(&text, "k", 600);
    kit_add(&text, ":\n      ");
    kit_fill(&text, "\"\\n\xe2\x82\xac", 1);
    kit_fill(&text, "\\e", 400);
    kit_add(&text, "\": *x\n");
    enum err e = yaml_manifest_parse(text.at, text.len, name.at, &m, why);
    KIT_CHECK(e == ERR_MALFORMED && strstr(why, "/node.yaml:5: cells[0].config.kkk") != NULL, "%s",
              why);
    KIT_CHECK(strlen(why) < 500 && strpbrk(why, "\n\x1b") == NULL, "%s", why);
    free(name.at);
    free(text.at);
}

int main(void)
{
    run(shapes, ARRAY_LEN(shapes));
    run(yamls, ARRAY_LEN(yamls));
    run(names, ARRAY_LEN(names));
    run(quantities, ARRAY_LEN(quantities));
    run(words, ARRAY_LEN(words));
    run(lists, ARRAY_LEN(lists));
    bytes_that_are_no_text_are_refused();
    files_are_refused_where_they_say();
    messages_fit_whatever_is_in_them();
    return kit_failed;
}
