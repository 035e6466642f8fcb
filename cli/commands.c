/* The table of commands: the only place where one is described. */
#include <string.h>

#include "cli/call.h"
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/complete.h"
#include "cli/control.h"
#include "cli/dht.h"
#include "cli/doctor.h"
#include "cli/events.h"
#include "cli/health.h"
#include "cli/help.h"
#include "cli/inspect.h"
#include "cli/join.h"
#include "cli/logs.h"
#include "cli/man.h"
#include "cli/new.h"
#include "cli/node.h"
#include "cli/overlay.h"
#include "cli/raft.h"
#include "cli/resolve.h"
#include "cli/status.h"
#include "cli/test.h"
#include "cli/token.h"
#include "cli/top.h"
#include "cli/up.h"
#include "cli/vivaldi.h"

const struct cli_option cli_commands_global[] = {
    {"run", 0, "DIR", "the node's run directory, instead of CELL_RUN or the default", CLI_DIR},
    {"state", 0, "DIR", "the node's state directory, instead of CELL_STATE or the default", CLI_DIR},
    {"json", 0, NULL, "print JSON: one document, or one line for each item of a stream", CLI_ANY},
    {"color", 0, "WHEN", "colours: auto (on a terminal), always, never", CLI_WHEN},
    {"help", 'h', NULL, "explain the command", CLI_ANY},
    {"version", 0, NULL, "print the version", CLI_ANY},
    {0},
};

const struct cli_command cli_commands[] = {
    {
        .name = "up",
        .summary = "start a node",
        .about = "Starts the guard and the nucleus, which starts every cell of the manifest. In the "
                 "foreground the node lives until Ctrl-C and its supervisor's log goes to the "
                 "terminal. With --detach it lives on its own; the command returns when every "
                 "wanted instance is ready, or says which is not, why, and with which last "
                 "words.\nThe default manifest is deploy/node.yaml of the source tree when run "
                 "from a build directory, /etc/cell/node.yaml when installed. One node has one run "
                 "directory: a second start in it is refused.",
        .params = {{"MANIFEST", "what to run: a YAML file", CLI_FILE, true, false}},
        .options = {{"detach", 'd', NULL, "return when every instance is ready", CLI_ANY},
                    {"cells", 0, "DIR", "look for cell binaries here first; may be repeated", CLI_DIR},
                    {"deadline", 0, "DURATION", "with --detach: wait this long, default 30s", CLI_ANY}},
        .examples = "start the default node and wait until it is ready\ncell up --detach\n"
                    "a second node beside it\n"
                    "cell --run /tmp/n2/run --state /tmp/n2/state up my-node.yaml --detach",
        .prints_json = true,
        .run = cli_up_run,
    },
    {
        .name = "down",
        .summary = "stop the node and everything on it",
        .about = "Drains and stops the cells in reverse order of their requirements, then the "
                 "nucleus and its guard, and returns when the last process is gone. Without a "
                 "running node there is nothing to do, which is no error.",
        .options = {{"deadline", 0, "DURATION", "wait this long, default 60s", CLI_ANY}},
        .examples = "stop the node\ncell down",
        .prints_json = true,
        .run = cli_up_down,
    },
    {
        .name = "apply",
        .summary = "change the running node to a manifest",
        .about = "Sends the manifest to the nucleus, which checks it as a whole, adds, removes, "
                 "scales and replaces cells, and refuses it with file, line and reason otherwise: "
                 "then nothing changes. Returns when every added or changed cell is ready.",
        .params = {{"FILE", "the manifest, or - for standard input", CLI_FILE, false, false}},
        .options = {{"dry-run", 'n', NULL, "only show what would change", CLI_ANY},
                    {"no-wait", 0, NULL, "return at once", CLI_ANY},
                    {"deadline", 0, "DURATION", "wait this long, default 30s", CLI_ANY}},
        .examples = "what would change\ncell apply node.yaml --dry-run\n"
                    "change it\ncell apply node.yaml",
        .prints_json = true,
        .run = cli_control_apply,
    },
    {
        .name = "status",
        .summary = "what runs on this node and how it is",
        .about = "Shows every instance, worst first: state, process, restarts, CPU and memory in "
                 "use, calls a second, 99th percentile latency and the age of the last heartbeat. "
                 "Below the table stands, for each instance that is not simply ready, the reason, "
                 "the last lines of its log and what to do next.",
        .params = {{"TARGET", "a cell or instance: [NAMESPACE/]CELL[.INSTANCE]", CLI_CELL, true,
                    false}},
        .examples = "everything on this node\ncell status\n"
                    "one cell\ncell status greeter\n"
                    "the states, for a program\ncell status --json | jq -r '.cells[].state'",
        .prints_json = true,
        .run = cli_status_run,
    },
    {
        .name = "top",
        .summary = "the status, refreshed",
        .about = "Shows what `cell status` shows, once a second, until q or Ctrl-C, and below it what "
                 "each instance counted since the last look: requests, errors, messages through "
                 "shared memory and the wakes they cost. With --json one document a line; "
                 "`rates` has the latter.",
        .params = {{"TARGET", "a cell or instance: [NAMESPACE/]CELL[.INSTANCE]", CLI_CELL, true,
                    false}},
        .options = {{"count", 'n', "N", "look N times, then end", CLI_ANY},
                    {"every", 0, "DURATION", "time between two looks, default 1s", CLI_ANY}},
        .examples = "watch the node\ncell top\n"
                    "ten samples of a cell, for a program\ncell top greeter -n 10 --json",
        .prints_json = true,
        .run = cli_top_run,
    },
    {
        .name = "start",
        .summary = "start a cell or an instance",
        .about = "Starts what was stopped or gave up (crash-loop) and returns when it is ready.",
        .params = {{"TARGET", "[NAMESPACE/]CELL[.INSTANCE]", CLI_CELL, false, false}},
        .options = {{"no-wait", 0, NULL, "return at once", CLI_ANY},
                    {"deadline", 0, "DURATION", "wait this long, default 30s", CLI_ANY}},
        .examples = "start all instances of a cell\ncell start greeter",
        .prints_json = true,
        .run = cli_control_start,
    },
    {
        .name = "stop",
        .summary = "stop a cell or an instance",
        .about = "Drains it, then ends it; returns when it is stopped. It stays stopped until it is "
                 "started again.",
        .params = {{"TARGET", "[NAMESPACE/]CELL[.INSTANCE]", CLI_CELL, false, false}},
        .options = {{"no-wait", 0, NULL, "return at once", CLI_ANY},
                    {"deadline", 0, "DURATION", "wait this long, default 30s", CLI_ANY}},
        .examples = "stop one instance\ncell stop greeter.2",
        .prints_json = true,
        .run = cli_control_stop,
    },
    {
        .name = "restart",
        .summary = "restart a cell or an instance, and nothing else",
        .about = "Replaces the processes and returns when their successors are ready. Calls of "
                 "other cells are retried meanwhile.",
        .params = {{"TARGET", "[NAMESPACE/]CELL[.INSTANCE]", CLI_CELL, false, false}},
        .options = {{"no-wait", 0, NULL, "return at once", CLI_ANY},
                    {"deadline", 0, "DURATION", "wait this long, default 30s", CLI_ANY}},
        .examples = "restart a cell\ncell restart dht",
        .prints_json = true,
        .run = cli_control_restart,
    },
    {
        .name = "scale",
        .summary = "set how many instances of a cell run",
        .about = "Starts or drains instances until there are as many as asked for and returns when "
                 "they are ready. Kept until the next apply.",
        .params = {{"TARGET", "a cell: [NAMESPACE/]CELL", CLI_CELL, false, false},
                   {"INSTANCES", "how many, from 0 to 1000", CLI_ANY, false, false}},
        .options = {{"no-wait", 0, NULL, "return at once", CLI_ANY},
                    {"deadline", 0, "DURATION", "wait this long, default 30s", CLI_ANY}},
        .examples = "three instances\ncell scale greeter 3",
        .prints_json = true,
        .run = cli_control_scale,
    },
    {
        .name = "inspect",
        .summary = "everything one cell says about itself",
        .about = "Shows the operations a running instance serves, its sandbox as the kernel "
                 "reports it (not as the manifest asks for it), who may call it, its connections "
                 "(kind shm or ipc, and why), its counters and its metrics. Works without a nucleus "
                 "too. Of an instance that hangs or has ended it shows the counters it left.",
        .params = {{"NAME", "a cell or instance; of a cell the healthiest instance answers",
                    CLI_CELL, false, false}},
        .examples = "the first healthy instance of a cell\ncell inspect greeter\n"
                    "one instance\ncell inspect greeter.1\n"
                    "how many system calls it may make\n"
                    "cell inspect greeter --json | jq .sandbox.syscalls_allowed",
        .prints_json = true,
        .run = cli_inspect_run,
    },
    {
        .name = "call",
        .summary = "call an operation of a cell",
        .about = "Sends one request, given as JSON, and prints the reply as JSON. The types come "
                 "from the running cell: no compiled stub is needed. Fields are written as in the "
                 ".proto file or in lowerCamelCase; 64-bit integers are text, bytes are base64, "
                 "enum values are names or numbers. Every cell also answers Describe, Health, "
                 "Metrics, Schema, Log, Drain and Shutdown.",
        .params = {{"OPERATION", "[NAMESPACE/]CELL[.INSTANCE].Operation", CLI_OPERATION, false,
                    false},
                   {"JSON", "the request: an object, @FILE, or - for standard input; default {}",
                    CLI_ANY, true, false}},
        .options = {{"deadline", 0, "DURATION", "give up after this time, default 5s", CLI_ANY}},
        .examples = "greet\ncell call greeter.Greet '{\"name\":\"World\"}'\n"
                    "one instance, a request from a file\ncell call greeter.1.Greet @request.json\n"
                    "raise the log level of a running cell\ncell call greeter.Log '{\"level\":\"debug\"}'",
        .prints_json = true,
        .run = cli_call_run,
    },
    {
        .name = "logs",
        .summary = "show and follow logs",
        .about = "Prints the kept log of every instance that TARGET means, merged by time, each "
                 "line with its instance in front when there are several. Reads the log files "
                 "themselves: works without a running node.\nWith --follow goes on as lines are "
                 "written, across rotations and new instances, and ends with the reason when every "
                 "followed instance has ended for good.",
        .params = {{"TARGET", "[NAMESPACE/]CELL[.INSTANCE], nucleus, or a pattern like 'dht*'; "
                    "none: all", CLI_LOG, true, true}},
        .options = {{"follow", 'f', NULL, "go on with what is written from now on", CLI_ANY},
                    {"lines", 'n', "N", "only the last N lines; default all, with --follow 10",
                     CLI_ANY},
                    {"since", 0, "DURATION", "only lines at most this old, e.g. 5m", CLI_ANY},
                    {"grep", 0, "REGEX", "only lines that match this extended regular expression",
                     CLI_ANY}},
        .examples = "what a cell said last\ncell logs greeter -n 20\n"
                    "follow several cells\ncell logs -f greeter 'dht*'\n"
                    "errors of the last five minutes\ncell logs --since 5m --grep ' error '",
        .prints_json = true,
        .run = cli_logs_run,
    },
    {
        .name = "events",
        .summary = "what happened on the node",
        .about = "Prints starts, state changes, exits, orders and refusals in the order they "
                 "happened. With --follow goes on; a crash of the nucleus is survived, and events "
                 "that were lost with it are counted.",
        .options = {{"follow", 'f', NULL, "go on with what happens from now on", CLI_ANY},
                    {"lines", 'n', "N", "only the last N of those kept", CLI_ANY}},
        .examples = "the last ten events\ncell events -n 10\n"
                    "follow, for a program\ncell events -f --json",
        .prints_json = true,
        .run = cli_events_run,
    },
    {
        .name = "health",
        .summary = "whether every instance is healthy, as itself and the nucleus see it",
        .about = "Asks each running instance how it is and puts the nucleus's view beside it: "
                 "process, socket, answer and heartbeat are four different things. Exit status 1 "
                 "when something is unhealthy.",
        .params = {{"TARGET", "a cell or instance: [NAMESPACE/]CELL[.INSTANCE]", CLI_CELL, true,
                    false}},
        .examples = "all\ncell health\nin a script\ncell health greeter >/dev/null || echo sick",
        .prints_json = true,
        .run = cli_health_run,
    },
    {
        .name = "members",
        .summary = "the nodes of the cluster",
        .about = "Shows every node that this one holds for alive: state, address, round trip from here, and "
                 "what it says of its machine. A suspect did not answer and may still. With --all those that "
                 "died or left within a day too. With --follow goes on with what changes.",
        .options = {{"all", 'a', NULL, "dead nodes and those that left, too", CLI_ANY},
                    {"follow", 'f', NULL, "go on with what changes from now on", CLI_ANY}},
        .examples = "who is there\ncell members\n"
                    "the addresses, for a program\ncell members --json | jq -r '.members[].address'",
        .prints_json = true,
        .run = cli_cluster_members,
    },
    {
        .name = "topology",
        .summary = "how this node sees the cluster around it",
        .about = "Shows this node's own address and health, the nearest nodes by measured round trip, and the "
                 "seeds it looks for others at: from the manifest, from DNS, from the local network. With "
                 "--json also the counts of packets sent, received and refused.",
        .examples = "the neighbourhood\ncell topology\n"
                    "the nearest node\ncell topology --json | jq -r '.near[0].name'",
        .prints_json = true,
        .run = cli_cluster_topology,
    },
    {
        .name = "resolve",
        .summary = "who has a cell, here and on other nodes",
        .about = "Shows this node's ready instances of CELL, and the other nodes that have it: how many are ready, "
                 "how well calls go (100: none fails), how long half of them take. Here that is the time inside the "
                 "cell; elsewhere the whole call as this node's gateway measured it, or what the node says and the "
                 "round trip to it. Exit status 1 when nobody has it.",
        .params = {{"CELL", "a cell or instance: [NAMESPACE/]CELL[.INSTANCE]", CLI_CELL, false, false}},
        .examples = "where calls of greeter go\ncell resolve greeter\n"
                    "the fastest, for a program\n"
                    "cell resolve greeter --json | jq -r '.endpoints | min_by(.latency_us).node'",
        .prints_json = true,
        .run = cli_resolve_run,
    },
    {
        .name = "discover",
        .summary = "on which nodes a name is found",
        .about = "Shows the living nodes that are called NAME or offer a cell of this name to others, the "
                 "best first. With --nearest those that were never measured are ordered by their network "
                 "coordinates (vivaldi), and the first three of them measured, unless that is --hasty. Exit "
                 "status 1 when there is none.",
        .params = {{"NAME", "of a node, or [NAMESPACE/]CELL", CLI_ANY, false, false}},
        .options = {{"nearest", 0, NULL, "by measured or predicted round trip, and say which", CLI_ANY},
                    {"hasty", 0, NULL, "with --nearest: by what is known, measuring nobody", CLI_ANY}},
        .examples = "where a greeter is\ncell discover greeter\n"
                    "the address of the nearest, for a program\n"
                    "cell discover greeter --json | jq -r '.found[0].address'",
        .prints_json = true,
        .run = cli_cluster_discover,
    },
    {
        .name = "overlay",
        .summary = "the encrypted overlay: its state, its peers",
        .about = "up, down: its cell runs or does not, and its interface with it; status; peers; add KEY [PREFIX ...], or "
                 "change a peer of that key; rm KEY; ping ADDRESS or NAME, through the overlay to whoever has it; stats: packets, "
                 "and the calls that they took. Keys are in base64, as `wg` writes them; a PREFIX is the peer's alone "
                 "from then on. What is added or removed here outlives restarts, but peers of the manifest are as they "
                 "stand there after each.\n"
                 "capture: the packets inside, of both directions, until Ctrl-C: to a file or a pipe as tcpdump and "
                 "wireshark read it, to a terminal one line each, with --json one object each. What goes out is seen "
                 "before it is cut and sealed, so one packet may be as large as 64 KiB. At most four captures at a time; "
                 "what comes faster than it is taken is dropped and counted. A file is emptied once the capture is on, and must "
                 "be for its owner's eyes alone (chmod 600).",
        .params = {{"WHAT", "up, down, status, peers, add, rm, ping, stats, capture", CLI_ANY, false, false},
                   {"ARG", "what it needs", CLI_ANY, true, true}},
        .options = {{"endpoint", 0, "HOST:PORT", "add: where the peer is, in numbers or by a name that is asked for once; without, it calls", CLI_ANY},
                    {"keepalive", 0, "SECONDS", "add: keep the way to it open; 0: no more; without, as it is", CLI_ANY},
                    {"count", 0, "N", "ping: so many times, 3 without; capture: so many packets", CLI_ANY},
                    {"peer", 0, "KEY", "capture: this peer's packets alone", CLI_ANY},
                    {"duration", 0, "DURATION", "capture: for so long, e.g. 10s", CLI_ANY},
                    {"snap", 0, "BYTES", "capture: of each packet, 256 without, 65535 at most", CLI_ANY},
                    {"frames", 0, NULL, "capture: Ethernet frames of the interface for them instead of packets", CLI_ANY},
                    {"out", 0, "FILE", "capture: a file for the packets; -: standard output, if it is no terminal", CLI_FILE}},
        .examples = "who is in it\ncell overlay peers\n"
                    "what goes through it\ncell overlay capture --duration 10s --out overlay.pcap\n"
                    "another peer\ncell overlay add xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= 10.9.0.7/32 "
                    "--endpoint 192.0.2.7:51820",
        .prints_json = true,
        .run = cli_overlay_run,
    },
    {
        .name = "raft",
        .summary = "the replicated store: keys, watches, leases, members, backups",
        .about = "put KEY VALUE, or put KEY --file PATH; get KEY; del KEY [END]; range KEY [END]; cas KEY EXPECTED VALUE, or cas KEY VALUE "
                 "--revision N; txn --if \"KEY = VALUE\" --then \"put KEY VALUE\" --else \"get KEY\", each as often as "
                 "needed; watch KEY [END]; lease grant|keep|revoke|info|list [ID].\n"
                 "status; members; add ID NAME CONTACT; remove, promote or transfer MEMBER; snapshot; compact "
                 "REVISION; hash; backup FILE; restore FILE, into a store that has never been used.\n"
                 "A range is [KEY, END), or with --prefix all keys that begin with KEY. Answers are linearizable unless "
                 "--stale is given. Requests go to the leader, whoever is asked first.",
        .params = {{"WHAT", "put, get, del, range, cas, txn, watch, lease, status, members, add, remove, promote, "
                    "transfer, snapshot, compact, hash, backup, restore", CLI_ANY, false, false},
                   {"ARG", "what it needs", CLI_ANY, true, true}},
        .options = {{"prefix", 0, NULL, "all keys that begin with KEY", CLI_ANY},
                    {"revision", 0, "N", "as it was then; watch: from then on; cas: expected, 0 for a missing key", CLI_ANY},
                    {"stale", 0, NULL, "what the asked node has, at once, and though nobody leads", CLI_ANY},
                    {"file", 0, "PATH", "put: the value is in it, as it is; - is the standard input", CLI_FILE},
                    {"limit", 'n', "N", "pairs of a range; events of a watch", CLI_ANY},
                    {"raw", 0, NULL, "get: the value's bytes and nothing else", CLI_ANY},
                    {"keys-only", 0, NULL, "no values", CLI_ANY},
                    {"previous", 0, NULL, "show what was there before", CLI_ANY},
                    {"lease", 0, "ID", "the key ends with it", CLI_ANY},
                    {"ttl", 0, "DURATION", "of a lease, default 60s", CLI_ANY},
                    {"if", 0, "CONDITION", "\"KEY = VALUE\" (!=, <, >), \"KEY exists\", \"KEY missing\", \"KEY version = N\" (created, modified, lease)", CLI_ANY},
                    {"then", 0, "OPERATION", "\"put KEY VALUE\", \"del KEY\", \"get KEY\"", CLI_ANY},
                    {"else", 0, "OPERATION", "when a condition does not hold", CLI_ANY},
                    {"promote", 0, NULL, "add: it votes as soon as it has caught up", CLI_ANY},
                    {"at", 0, "TARGET", "ask this instance first: raft.1, raft@db-2", CLI_CELL}},
        .examples = "a key\ncell raft put config/color blue\n"
                    "all under a name\ncell raft range config/ --prefix\n"
                    "what changes there\ncell raft watch config/ --prefix\n"
                    "a key that ends with its owner\ncell raft put owner me --lease $(cell raft lease grant --ttl 10s)\n"
                    "a backup\ncell raft backup store.bak",
        .prints_json = true,
        .run = cli_raft_run,
    },
    {
        .name = "dht",
        .summary = "values that are found among many nodes: immutable, named, services",
        .about = "put VALUE, or put --file PATH: under its hash, which it prints; with --name under a name of this node, signed, in place of what "
                 "was there. get KEY or NAME; rm NAME, or KEY that was kept; find CELL: who says that it has that cell; lookup KEY or NAME: the nodes "
                 "nearest to it, and how they were come across; stats; bootstrap ADDRESS …: ask there for the way in.\n"
                 "A value has up to 1,000 bytes with its name, and a life: an hour, if nothing is said. With --keep this node "
                 "says it again for as long as it lives, also after a restart.",
        .params = {{"WHAT", "put, get, rm, find, lookup, stats, bootstrap", CLI_ANY, false, false},
                   {"ARG", "what it needs", CLI_ANY, true, true}},
        .options = {{"name", 0, "NAME", "put: of this node's own values, up to 64 bytes", CLI_ANY},
                    {"ttl", 0, "DURATION", "put: its life, 1s to 7d, default 1h", CLI_ANY},
                    {"keep", 0, NULL, "put: say it again until it is removed", CLI_ANY},
                    {"file", 0, "PATH", "put: the value is in it, as it is; - is the standard input", CLI_FILE},
                    {"raw", 0, NULL, "get: the value's bytes and nothing else", CLI_ANY},
                    {"if-seq", 0, "N", "put: only if this sequence is held; 0: none", CLI_ANY},
                    {"request", 0, "ID", "put: who repeats that with the same ID is answered as the first time", CLI_ANY},
                    {"owner", 0, "OWNER", "get, lookup: whose name it is, 64 hex digits", CLI_ANY},
                    {"reads", 0, "N", "get, find: holders that must have answered, 1 to 8", CLI_ANY}},
        .examples = "something that never changes\nkey=$(cell dht put 'hello' | cut -d' ' -f1) && cell dht get $key\n"
                    "something that does\ncell dht put blue --name color --keep && cell dht get color\n"
                    "who has a cell\ncell dht find greeter",
        .prints_json = true,
        .run = cli_dht_run,
    },
    {
        .name = "vivaldi",
        .summary = "how far nodes are from each other, measured or predicted",
        .about = "coord: where this node is among the others, in milliseconds; rtt NODE: the round trip there, as measured "
                 "or as the coordinates of both predict it, and how sure that is; route NAME: who has a cell or is called "
                 "so, the nearest first (the first three are measured when they never were); stats: what was measured "
                 "and refused.\n"
                 "With --from both are asked as another node would see it.",
        .params = {{"WHAT", "coord, rtt, route, stats", CLI_ANY, false, false},
                   {"ARG", "what it needs", CLI_ANY, true, true}},
        .options = {{"from", 0, "NODE", "as this node sees it", CLI_ANY},
                    {"most", 'n', "N", "route: no more than N", CLI_ANY},
                    {"hasty", 0, NULL, "route: by what is known, measuring nobody", CLI_ANY}},
        .examples = "how far is db-2\ncell vivaldi rtt db-2\n"
                    "how far are two others from each other\ncell vivaldi rtt db-2 --from db-3\n"
                    "the nearest greeter\ncell vivaldi route greeter -n 1",
        .prints_json = true,
        .run = cli_vivaldi_run,
    },
    {
        .name = "doctor",
        .summary = "whether this host can run a node, and what to mend",
        .about = "Checks the kernel's features, directories, sockets, limits, disk and clock. Each "
                 "finding says what is wrong, why it matters and how to fix it. Exit status 1 when "
                 "a check fails; a warning is no failure.",
        .examples = "check this host\ncell doctor\n"
                    "only what is wrong\ncell doctor --json | jq '.checks[] | select(.result != \"ok\")'",
        .prints_json = true,
        .run = cli_doctor_run,
    },
    {
        .name = "new",
        .summary = "make the folder of a new cell",
        .about = "Writes a cell that builds, runs and passes its own test: schema, handlers, "
                 "manifest, cases, meson.build. It is built against the installed SDK (pkg-config "
                 "cell), or against a source tree of Cell. No existing file is touched.",
        .params = {{"NAME", "of the cell: a-z, 0-9, _ and -", CLI_ANY, false, false},
                   {"DIR", "where; default NAME", CLI_DIR, true, false}},
        .options = {{"cell-source", 0, "DIR", "build against this source tree of Cell", CLI_DIR},
                    {"cell-build", 0, "DIR", "its build directory; default this program's, or build below it", CLI_DIR}},
        .examples = "from nothing to a tested cell\ncell new counter && cell test counter",
        .prints_json = true,
        .run = cli_new_run,
    },
    {
        .name = "test",
        .summary = "build a cell and run its cases on a private node",
        .about = "Builds the folder when it has a meson project of its own, starts a node of its "
                 "own in fresh directories and a random namespace with the cells of cell.yaml, and "
                 "runs tests/cases.yaml: each case calls one operation (call, with) and says what "
                 "must come back (expect, the members that matter, or expect_error, an error's "
                 "name) within deadline. Results are printed as they come, a failing case with "
                 "what the cell logged meanwhile. Nothing is left behind.",
        .params = {{"CELL", "the folder of a cell, or a cell of this source tree; default here",
                    CLI_DIR, true, false}},
        .examples = "the cell in this folder\ncell test\nanother one, for a program\n"
                    "cell test ./counter --json",
        .prints_json = true,
        .run = cli_test_run,
    },
    {
        .name = "help",
        .summary = "explain a command",
        .about = "Without COMMAND lists all commands.",
        .params = {{"COMMAND", "the command to explain", CLI_COMMAND, true, false}},
        .examples = "all commands\ncell help\none command\ncell help logs",
        .run = cli_help_run,
    },
    {
        .name = "version",
        .summary = "print the version",
        .about = "Prints the version of this command.",
        .examples = "the version\ncell version",
        .prints_json = true,
        .run = cli_help_version,
    },
    {
        .name = "init",
        .summary = "make a cluster with this node as its first",
        .about = "Makes the node's identity (an Ed25519 key), the cluster's key, the cluster's certificate "
                 "authority and this node's certificate, in the state directory's `node`, readable by nobody "
                 "else. The authority's key never leaves this node: back the directory up. Other nodes "
                 "come in by `cell token create` here, while the cell issuer runs, and `cell join` there.",
        .options = {{"node-id", 0, "NAME", "how the cluster calls this node; default: the host's name", CLI_ANY}},
        .examples = "the first node of a cluster\ncell init --node-id db-1",
        .prints_json = true,
        .run = cli_node_init,
    },
    {
        .name = "token",
        .summary = "join tokens: create, list, revoke",
        .about = "`create` makes a token that lets so many nodes join until it expires, and prints it: this is the "
                 "only time, nothing keeps it. It is a secret. `list` shows what there is, `revoke` ends one. "
                 "Runs on the node of `cell init`, whose cell issuer answers.",
        .params = {{"ACTION", "create, list or revoke", CLI_ANY, false, false},
                   {"ID", "of the token, for revoke", CLI_ANY, true, false}},
        .options = {{"uses", 'n', "N", "nodes it lets in, default 1, at most 1000", CLI_ANY},
                    {"valid", 0, "DURATION", "how long it is valid, default 1h, at most 24d", CLI_ANY},
                    {"address", 0, "HOST:PORT", "where nodes reach the issuer, instead of its own addresses; may be "
                     "repeated", CLI_ANY}},
        .examples = "a token for one node within the hour\ncell token create\n"
                    "for ten nodes, today\ncell token create --uses 10 --valid 8h\n"
                    "end one\ncell token revoke 3f0c9a1b22d4e5f6",
        .prints_json = true,
        .run = cli_token_run,
    },
    {
        .name = "join",
        .summary = "join a cluster with a token",
        .about = "Makes this node's identity when it has none, proves to the issuer to know the token and gets the "
                 "cluster's keys and a certificate. Neither the token nor anything that could be used again crosses "
                 "the wire. Given as `-` the token is read from standard input and so is seen by no other "
                 "process. A node that is in the cluster may join again with a fresh token: it gets fresh keys and "
                 "a fresh certificate. An answer that was lost is no loss: the same token works again "
                 "for the same node.",
        .params = {{"TOKEN", "from `cell token create`, or - to read it from standard input", CLI_ANY, false, false}},
        .options = {{"node-id", 0, "NAME", "how the cluster calls this node; default: the host's name", CLI_ANY},
                    {"new-identity", 0, NULL, "take a new identity; the old one vouches for it", CLI_ANY},
                    {"deadline", 0, "DURATION", "give up after this time, default 30s", CLI_ANY}},
        .examples = "with a token in a file\ncell join - < token\n"
                    "under a name\ncell join cell1-aeaq… --node-id db-2",
        .prints_json = true,
        .run = cli_join_run,
    },
    {
        .name = "leave",
        .summary = "leave the cluster",
        .about = "Removes the cluster's keys and the node's certificate from this node; its identity stays, for "
                 "joining again. Refused while the node runs, because its cells keep the keys they were handed, "
                 "and on the node of `cell init`, which has the only key that lets others in. With --force while it "
                 "runs, the others are told at once.",
        .options = {{"force", 0, NULL, "leave all the same", CLI_ANY}},
        .examples = "leave\ncell leave",
        .prints_json = true,
        .run = cli_node_leave,
    },
    {
        .name = "identity",
        .summary = "who this node is in its cluster",
        .about = "Shows the node's name and id, its cluster, the epoch of the cluster's key and until when its "
                 "certificate is valid. Shows no secret.",
        .examples = "who am I\ncell identity\n"
                    "the id, for a program\ncell identity --json | jq -r .id",
        .prints_json = true,
        .run = cli_node_identity,
    },
    {
        .name = "member",
        .summary = "who has joined: list, remove",
        .about = "`list` shows the nodes that were let in. `remove` shuts a node out: its certificate is revoked, the "
                 "cluster's key changes without it, and its name is free. Others hear of it within seconds. "
                 "Runs on the node of `cell init`, whose cell issuer answers.",
        .params = {{"ACTION", "list or remove", CLI_ANY, false, false},
                   {"NAME", "of the node, for remove", CLI_ANY, true, false}},
        .examples = "who is in\ncell member list\na node that is no more\ncell member remove db-7",
        .prints_json = true,
        .run = cli_token_member,
    },
    {
        .name = "rotate",
        .summary = "replace the cluster's key or this node's certificate",
        .about = "`cluster-key` draws a new one, which every node fetches within seconds (cell renewer); the one before "
                 "stays valid for the time of grace. `certificate` makes a new one for this node. Both on the node of "
                 "`cell init`. Cells that run get what is new without a restart.",
        .params = {{"WHAT", "cluster-key or certificate", CLI_ANY, false, false}},
        .options = {{"grace", 0, "DURATION", "how long the key before stays, default 5m", CLI_ANY}},
        .examples = "a new cluster key\ncell rotate cluster-key",
        .prints_json = true,
        .run = cli_node_rotate,
    },
    {
        .name = "completion",
        .summary = "print the completion script of a shell",
        .about = "Packages install these scripts; print one to load it by hand. Names of cells are "
                 "completed from the run directory, operations from the running cell.",
        .params = {{"SHELL", "bash, zsh or fish", CLI_SHELL, false, false}},
        .examples = "in this bash\nsource <(cell completion bash)\n"
                    "for every fish\ncell completion fish > ~/.config/fish/completions/cell.fish",
        .run = cli_complete_script,
    },
    {
        .name = "man",
        .summary = "write the manual pages",
        .about = "Writes cell.1 and a page for each command into DIR. Packages install them.",
        .params = {{"DIR", "where; made when it is missing", CLI_DIR, false, false}},
        .examples = "read a page without installing it\ncell man /tmp && man /tmp/cell-logs.1",
        .run = cli_man_run,
    },
    {
        .name = "__complete",
        .summary = "candidates for the last of these words",
        .about = "For completion scripts.",
        .params = {{"WORD", "the words after `cell`", CLI_ANY, true, true}},
        .examples = "commands that begin with st\ncell __complete st",
        .is_hidden = true,
        .run = cli_complete_run,
    },
    {0},
};

const struct cli_command *cli_commands_find(const char *name)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}
