/* The escape suite (NUC-14): every attempt of the hostile program is denied, from a jail, from behind
 * the seal, and from both; and, so that this means something, an unconfined root succeeds.
 *
 *   test_jail_escape root|user ESCAPE ESCAPE_SEALED */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/kernel.h"
#include "tests/unit/run/jailing.h"

enum {
    ATTEMPTS_MIN = 100, /* so many lines the suite prints at least: it cannot shrink unnoticed */
};

static struct jailing host;

static int landlock_abi(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        n++;
    }
    return n;
}

/* Each row: where the program runs, and what must come of its attempts. */
static const struct {
    const char *name;
    bool is_sealed;   /* the program seals itself */
    bool confined;
    bool network;
    const char *mode;
    int signal;       /* the kernel's answer, 0: the program ends by itself */
    const char *beyond; /* the one attempt this sandbox cannot refuse, NULL: none */
} rows[] = {
    /* Landlock (ABI 7) has no right for connecting to a socket by its path: that it is not there to
     * be found is the jail's work. A process sealed by hand, without jail, can be told by its peer's
     * credential check only. */
    {"jail", false, true, false, "all", 0, NULL},
    {"jail with network", false, true, true, "all", 0, NULL},
    {"jail and seal", true, true, false, "all", 0, NULL},
    {"jail and seal with network, state and paths", true, true, true, "all", 0, NULL},
    {"seal alone", true, false, false, "all", 0, "connect-outside"},
    {"seal alone with network, state and paths", true, false, true, "all", 0, "connect-outside"},
#ifdef __x86_64__
    {"jail, i386 calls", false, true, false, "int80", SIGSYS, NULL},
    {"jail, x32 calls", false, true, false, "x32", SIGSYS, NULL},
    {"seal alone, i386 calls", true, false, false, "int80", SIGSYS, NULL},
    {"seal alone, x32 calls", true, false, false, "x32", SIGSYS, NULL},
#endif
};

/* The unconfined program stays root when we are: `seal` must hold even then. */
static void run_row(const char *program, size_t i, struct jailing_end *end)
{
    char victim[16], port[16];
    struct jail_path paths[] = {
        {host.inside, "/state", true, false},
        {host.bin, "/bin-outside", false, true},
    };
    bool confined = rows[i].confined;
    /* Abstract sockets are refused by a network namespace of one's own or by landlock's scopes. */
    bool hides_abstract = landlock_abi() >= KERNEL_LANDLOCK_ABI_SCOPE ||
                          (confined && !rows[i].network);
    (void)snprintf(victim, sizeof victim, "%d", host.victim);
    (void)snprintf(port, sizeof port, "%d", host.port);
    const char *argv[] = {
        program, victim, host.outside, confined ? "/state" : host.inside,
        hides_abstract ? host.abstract : "",
        confined ? "/bin-outside/setuid" : host.setuid, port, rows[i].network ? "1" : "0",
        rows[i].mode, NULL};
    struct jail_spec spec = jailing_spec(&host, argv);
    spec.confined = confined;
    spec.network = rows[i].network;
    spec.paths = paths;
    spec.path_count = ARRAY_LEN(paths);
    if (!confined) {
        spec.uid = geteuid();
        spec.gid = getegid();
    }
    jailing_run(&spec, end);
}

/* A machine without the table of i386 calls (some virtual ones) answers the gate itself with SIGSEGV,
 * jail or not: then there is nothing for a filter to close. */
static bool has_i386_calls(void)
{
    int status = 0;
#ifdef __x86_64__
    pid_t pid = fork();
    if (pid == 0) {
        long rc = 20; /* getpid of i386 */
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would report it */
        __asm__ volatile("int $0x80" : "+a"(rc) : : "memory", "r8", "r9", "r10", "r11");
        _exit(0);
    }
    (void)waitpid(pid, &status, 0);
#endif
    return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void every_attempt_is_denied(size_t i, const char *program)
{
    static struct jailing_end end;

    if (strcmp(rows[i].mode, "int80") == 0 && !has_i386_calls()) {
        fprintf(stderr, "%s: SKIPPED: this machine has none\n", rows[i].name);
        return;
    }
    run_row(program, i, &end);
    jailing_claim(end.e == ERR_OK, "%s: not started: %s", rows[i].name, end.why);
    if (end.e != ERR_OK) {
        return;
    }
    if (rows[i].signal != 0) {
        jailing_claim(end.is_killed && end.status == rows[i].signal, "%s: ended with %d:\n%s",
                      rows[i].name, end.status, end.output);
        return;
    }
    size_t allowed = count(end.output, " ALLOWED "), attempts = count(end.output, " denied ");
    size_t expected = rows[i].beyond != NULL;
    jailing_claim(!end.is_killed && end.status == (int)expected && allowed == expected,
                  "%s: status %d:\n%s", rows[i].name, end.status, end.output);
    if (rows[i].beyond != NULL) {
        char line[64];
        (void)snprintf(line, sizeof line, "\n%s ALLOWED", rows[i].beyond);
        jailing_claim(strstr(end.output, line) != NULL, "%s: %s is refused by now: say so",
                      rows[i].name, rows[i].beyond);
    }
    jailing_claim(attempts >= ATTEMPTS_MIN, "%s: only %zu denied", rows[i].name, attempts);
    fprintf(stderr, "%s: %zu attempts denied, %zu beyond its reach\n", rows[i].name, attempts,
            allowed);
}

/* Root without a jail gets through wherever the table says so: the attempts are real. Not through
 * jail_start: even without confinement it forbids new privileges. */
static void unconfined_root_succeeds(const char *program)
{
    char victim[16], port[16], line[256];
    int pipes[2], status;

    (void)snprintf(victim, sizeof victim, "%d", host.victim);
    (void)snprintf(port, sizeof port, "%d", host.port);
    jailing_claim(pipe(pipes) == 0, "pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        dup2(open("/dev/null", 0), STDIN_FILENO);
        execl(program, program, victim, host.outside, host.inside, host.abstract, host.setuid, port,
              "0", "control", (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    FILE *out = fdopen(pipes[0], "r");
    size_t allowed = 0;
    while (fgets(line, sizeof line, out) != NULL) {
        allowed += strstr(line, " ALLOWED ") != NULL;
        jailing_claim(strstr(line, " denied ") == NULL, "unconfined root: %s", line);
    }
    fclose(out);
    waitpid(pid, &status, 0);
    jailing_claim(allowed >= 60, "unconfined root: only %zu attempts succeed", allowed);
    fprintf(stderr, "unconfined root: %zu attempts succeed\n", allowed);
}

int main(int argc, char **argv)
{
    char plain[160], sealed[160];

    if (argc != 4) {
        return 64;
    }
    jailing_open(&host, argv[1], &argv[2], 2);
    (void)snprintf(plain, sizeof plain, "%s", jailing_bin(&host, argv[2]));
    (void)snprintf(sealed, sizeof sealed, "%s", jailing_bin(&host, argv[3]));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        every_attempt_is_denied(i, rows[i].is_sealed ? sealed : plain);
    }
    if (geteuid() == 0) {
        unconfined_root_succeeds(plain);
    }
    jailing_close(&host);
    return jailing_failed() > 0;
}
