/* What a sealed process can still do (NUC-4, NUC-14): each call by each kind of grant, the files that
 * were granted and those beside them, and what keeping data needs after the doors closed.
 *
 *   test_seal_calls root|user PROGRAM */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/kernel.h"
#include "common/run/seal_room.h"
#include "tests/unit/run/jailing.h"

static struct jailing host;
static int gate_fd = -1; /* opened before the doors close */

/* ---- what the filter does --------------------------------------------------------------------- */

static long call_futex(void)
{
    int word = 1;
    return syscall(SYS_futex, &word, 1 /* FUTEX_WAKE */, 1);
}
static long call_unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}
static long call_inet_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}
static long call_netlink_audit(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 9);
}
static long call_getpgid(void)
{
    return syscall(SYS_getpgid, 0);
}
static long call_fork(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    return pid;
}
static long call_exec(void)
{
    return execl("/usr/bin/true", "true", (char *)NULL);
}
static long call_mmap_exec(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1 : 0;
}
static long call_mmap(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1 : 0;
}
static long call_mprotect_exec(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(at, 4096, PROT_READ | PROT_EXEC);
}
static long call_open_outside(void)
{
    return open("/etc/passwd", O_RDONLY);
}
static long call_open_state(void)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/kept", host.inside);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    return fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) != 0 || ftruncate(fd, 0) != 0 ||
                   unlink(path) != 0 ? -1 : 0;
}
static long call_kill_own(void)
{
    return kill(getpid(), 0);
}
static long call_tgkill_own(void)
{
    return syscall(SYS_tgkill, getpid(), gettid(), 0);
}
static long call_tgkill_other(void)
{
    return syscall(SYS_tgkill, getppid(), getppid(), 0);
}
static long call_set_limit(void)
{
    return setrlimit(RLIMIT_NOFILE, &(struct rlimit){10, 10});
}
static long call_get_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit);
}
static long call_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 1);
}
static long call_name(void)
{
    return prctl(PR_SET_NAME, "renamed");
}
static long call_filter_socket(void)
{
    return setsockopt(0, SOL_SOCKET, SO_ATTACH_FILTER, NULL, 0);
}
static long call_open_owner(void)
{
    return fcntl(0, F_SETOWN, getpid());
}
static long call_chmod(void)
{
    return chmod(host.inside, 0777);
}
static long call_console(void)
{
    return syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x");
}

static const char *below(const char *dir, const char *name)
{
    static char path[2][160];
    static unsigned turn;
    char *out = path[turn++ % 2];
    (void)snprintf(out, sizeof path[0], "%s/%s", dir, name);
    return out;
}
static long call_read_granted(void)
{
    char byte;
    int fd = open(below(host.outside, "secret"), O_RDONLY | O_CLOEXEC);
    return fd < 0 || pread(fd, &byte, 1, 0) != 1 ? -1 : 0;
}
static long call_list_granted(void)
{
    DIR *dir = opendir(host.outside);
    return dir == NULL || readdir(dir) == NULL ? -1 : 0;
}
static long call_look_granted(void)
{
    struct stat st;
    return stat(below(host.outside, "secret"), &st);
}
static long call_write_granted(void)
{
    return open(below(host.outside, "secret"), O_WRONLY | O_CLOEXEC);
}
static long call_cut_granted(void)
{
    return open(below(host.outside, "secret"), O_RDONLY | O_TRUNC | O_CLOEXEC);
}
static long call_truncate_granted(void)
{
    return truncate(below(host.outside, "secret"), 1);
}
static long call_make_granted(void)
{
    return open(below(host.outside, "new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}
static long call_remove_granted(void)
{
    return unlink(below(host.outside, "secret"));
}
static long call_move_granted(void)
{
    return rename(below(host.outside, "secret"), below(host.inside, "moved"));
}
static long call_read_sibling(void)
{
    return open(below(host.bin, "setuid"), O_RDONLY | O_CLOEXEC);
}
static long call_make_sibling(void)
{
    return open(below(host.dir, "new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}
static long call_lock_granted(void)
{
    return flock(gate_fd, LOCK_EX | LOCK_NB);
}
/* Between two directories of what may be written: the right to re-parent. */
static long call_move_between(void)
{
    long rc = mkdir(below(host.inside, "one"), 0700);
    rc = rc != 0 ? rc : mkdir(below(host.inside, "two"), 0700);
    rc = rc != 0 ? rc : symlink("to", below(host.inside, "one/file"));
    rc = rc != 0 ? rc : rename(below(host.inside, "one/file"), below(host.inside, "two/file"));
    rc = rc != 0 ? rc : unlink(below(host.inside, "two/file"));
    rc = rc != 0 ? rc : rmdir(below(host.inside, "one"));
    return rc != 0 ? rc : rmdir(below(host.inside, "two"));
}

/* On a descriptor that is no socket: past the filter it fails in another way. */
static long call_recvmmsg(void)
{
    return recvmmsg(-1, NULL, 0, MSG_DONTWAIT, NULL);
}
static long call_sendmmsg(void)
{
    return sendmmsg(-1, NULL, 0, MSG_DONTWAIT);
}
static long call_widen(void)
{
    int size = 1 << 16;
    return setsockopt(-1, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

/* Columns of the table below. `reads` is granted host.outside to read, `writes` host.inside to write. */
enum column { PLAIN, NETWORK, SOCKETS, STATE, READS, WRITES, COLUMNS };

/* Each row: a call and in which columns it is let through, as a mask. Let through is any outcome but
 * EPERM (a filter's answer), EACCES and EXDEV (landlock's). */
enum {
    NEVER = 0,
    ALWAYS = (1 << COLUMNS) - 1,
    KEEPS = 1 << STATE | 1 << WRITES,
    /* A sanitizer looks at files for its report. */
    LOOKS = KERNEL_IS_SANITIZED ? ALWAYS : KEEPS | 1 << READS,
};

static const struct {
    long (*call)(void);
    const char *name;
    unsigned through;
} call_rows[] = {
    {call_futex, "futex", ALWAYS},
    {call_unix_socket, "unix socket", ALWAYS},
    {call_inet_socket, "internet socket", 1 << NETWORK},
    {call_recvmmsg, "many datagrams in", 1 << NETWORK | 1 << SOCKETS},
    {call_sendmmsg, "many datagrams out", 1 << NETWORK | 1 << SOCKETS},
    {call_widen, "a larger buffer", 1 << NETWORK | 1 << SOCKETS},
    {call_netlink_audit, "audit socket", NEVER},
    {call_getpgid, "a call nobody listed", NEVER},
    {call_fork, "fork", NEVER},
    {call_exec, "exec", NEVER},
    {call_mmap, "memory", ALWAYS},
    {call_mmap_exec, "executable memory", NEVER},
    {call_mprotect_exec, "memory made executable", NEVER},
    {call_open_outside, "a file of the host", NEVER},
    {call_open_state, "a file of its own, or one it may write", KEEPS},
    {call_move_between, "from one of its directories into another", KEEPS},
    {call_read_granted, "a file it may read", 1 << READS},
    {call_list_granted, "a directory it may read", 1 << READS},
    {call_look_granted, "a look at a file: landlock does not hide names, the jail does", LOOKS},
    {call_write_granted, "writing what may be read", NEVER},
    {call_cut_granted, "cutting what may be read, opened for reading", NEVER},
    {call_truncate_granted, "cutting what may be read, by name", NEVER},
    {call_make_granted, "a new file where it may read", NEVER},
    {call_remove_granted, "removing what may be read", NEVER},
    {call_move_granted, "moving what may be read to where it may write", NEVER},
    {call_read_sibling, "a file beside what it may read", NEVER},
    {call_make_sibling, "a new file beside what it may write", NEVER},
    {call_lock_granted, "locking: a reader cannot stop a writer of the host", KEEPS},
    {call_kill_own, "kill", NEVER},
    {call_tgkill_own, "signal to itself, for abort", ALWAYS},
    {call_tgkill_other, "signal to another", NEVER},
    {call_set_limit, "change a limit", NEVER},
    {call_get_limit, "read a limit", ALWAYS},
    {call_dumpable, "become dumpable", NEVER},
    {call_name, "name a thread", ALWAYS},
    {call_filter_socket, "a program on a socket", NEVER},
    {call_open_owner, "signals from a descriptor", NEVER},
    {call_chmod, "open a directory to all", NEVER},
    {call_console, "type into a terminal", NEVER},
};

static void check_calls(const struct seal_spec *spec, enum column column)
{
    gate_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    jailing_seal(spec);
    for (size_t i = 0; i < ARRAY_LEN(call_rows); i++) {
        bool expected = (call_rows[i].through >> column & 1) != 0;
        errno = 0;
        bool is_through = call_rows[i].call() >= 0 ||
                          (errno != EPERM && errno != EACCES && errno != EXDEV);
        jailing_claim(is_through == expected, "%s: %s, column %d: %s", call_rows[i].name,
                      is_through ? "let through" : "refused", column, strerror(errno));
    }
}

static void plain_calls(void)
{
    struct seal_spec spec = jailing_seal_spec(&host);
    check_calls(&spec, PLAIN);
}
static void network_calls(void)
{
    struct seal_spec spec = jailing_seal_spec(&host);
    spec.network = true;
    check_calls(&spec, NETWORK);
}
static void socket_calls(void)
{
    struct seal_spec spec = jailing_seal_spec(&host);
    spec.has_sockets = true;
    check_calls(&spec, SOCKETS);
}
static void state_calls(void)
{
    struct seal_spec spec = jailing_seal_spec(&host);
    spec.state_dir = host.inside;
    check_calls(&spec, STATE);
}
static void reading_calls(void)
{
    struct seal_spec spec = jailing_seal_spec(&host);
    spec.read = (const char *const[]){host.outside};
    spec.read_count = 1;
    check_calls(&spec, READS);
}
static void writing_calls(void)
{
    struct seal_spec spec = jailing_seal_spec(&host);
    spec.write = (const char *const[]){host.inside};
    spec.write_count = 1;
    check_calls(&spec, WRITES);
}

static long call_open_old_writing(void)
{
#ifdef SYS_open
    return syscall(SYS_open, below(host.outside, "secret"), O_RDWR | O_CLOEXEC, 0);
#else
    errno = EPERM; /* this architecture never had it */
    return -1;
#endif
}

/* A process with nothing to write is stopped by its filter, which says EPERM, before landlock is asked:
 * two locks on what may only be read. */
static void a_reader_opens_for_reading_only(void)
{
    static long (*const refused[])(void) = {
        call_write_granted, call_cut_granted, call_make_granted, call_open_old_writing,
    };
    struct seal_spec spec = jailing_seal_spec(&host);

    spec.read = (const char *const[]){host.outside};
    spec.read_count = 1;
    jailing_seal(&spec);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        errno = 0;
        bool is_refused = refused[i]() < 0 && errno == (KERNEL_IS_SANITIZED ? EACCES : EPERM);
        jailing_claim(is_refused, "row %zu: %s", i, strerror(errno));
    }
}

/* With something to write the filter lets opening for writing through: what may only be read is then
 * landlock's to keep. */
static void reading_stays_reading_beside_writing(void)
{
    struct seal_spec spec = jailing_seal_spec(&host);
    static long (*const refused[])(void) = {
        call_write_granted, call_cut_granted, call_truncate_granted, call_make_granted,
        call_remove_granted, call_move_granted, call_read_sibling,
    };

    spec.read = (const char *const[]){host.outside};
    spec.read_count = 1;
    spec.write = (const char *const[]){host.inside};
    spec.write_count = 1;
    jailing_seal(&spec);
    bool is_open = call_read_granted() == 0 && call_open_state() == 0;
    jailing_claim(is_open, "read and write: %s", strerror(errno));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        errno = 0;
        bool is_refused = refused[i]() < 0 && (errno == EACCES || errno == EXDEV || errno == EPERM);
        jailing_claim(is_refused, "row %zu: %s", i, strerror(errno));
    }
}

/* A file alone can be granted: its directory is not. */
static void one_file_is_granted(void)
{
    char secret[160];
    struct seal_spec spec = jailing_seal_spec(&host);
    const char *path = secret;

    (void)snprintf(secret, sizeof secret, "%s/secret", host.outside);
    spec.read = &path;
    spec.read_count = 1;
    jailing_seal(&spec);
    bool is_open = call_read_granted() == 0;
    jailing_claim(is_open, "the file: %s", strerror(errno));
    bool is_refused = call_list_granted() < 0 && errno == EACCES;
    jailing_claim(is_refused, "its directory: %s", strerror(errno));
}

static const Cell__Inspect__Place *place_of(const Cell__Inspect__Sandbox *look, const char *path)
{
    for (size_t i = 0; i < look->n_places; i++) {
        if (strcmp(look->places[i]->path, path) == 0) {
            return look->places[i];
        }
    }
    return NULL;
}

static void places_are_reported(void)
{
    Cell__Inspect__Sandbox look;
    struct seal_spec spec = {.bind_dir = host.root};
    const Cell__Inspect__Place *at;

    spec.read = (const char *const[]){host.outside};
    spec.read_count = 1;
    spec.write = (const char *const[]){host.inside};
    spec.write_count = 1;
    jailing_seal(&spec);
    seal_look(&look);
    jailing_claim(look.n_places == 3 + KERNEL_IS_SANITIZED, "%zu places", look.n_places);
    at = place_of(&look, host.root);
    jailing_claim(at != NULL && !at->read && !at->write && at->bind, "where it binds");
    at = place_of(&look, host.outside);
    jailing_claim(at != NULL && at->read && !at->write && !at->bind, "what it reads");
    at = place_of(&look, host.inside);
    jailing_claim(at != NULL && at->read && at->write && at->bind, "what it writes");
}

/* ---- keeping data behind the doors ------------------------------------------------------------ */

static long keep_direct(void)
{
    int fd = open(below(host.inside, "direct"), O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
    return fd < 0 && errno == EINVAL ? 0 : fd; /* a file system that cannot */
}
static long keep_segment(void)
{
    static char text[] = "entry";
    struct iovec part = {text, sizeof text};
    int fd = open(below(host.inside, "0001.new"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    long rc = fd < 0 ? -1 : fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 65536);
    rc = rc != 0 && errno != EOPNOTSUPP ? rc : 0;
    rc = rc != 0 ? rc : pwritev2(fd, &part, 1, 0, RWF_DSYNC) == sizeof text ? 0 : -1;
    rc = rc != 0 ? rc : fdatasync(fd);
    rc = rc != 0 ? rc : ftruncate(fd, 3);
    rc = rc != 0 ? rc : preadv2(fd, &part, 1, 0, 0) == 3 ? 0 : -1;
    return rc != 0 ? rc : renameat2(AT_FDCWD, below(host.inside, "0001.new"), AT_FDCWD,
                                    below(host.inside, "0001"), RENAME_NOREPLACE);
}
static long keep_rotated(void)
{
    long rc = mkdir(below(host.inside, "old"), 0700);
    return rc != 0 ? rc : rename(below(host.inside, "0001"), below(host.inside, "old/0001"));
}
static long keep_directory(void)
{
    AUTO_FD int fd = open(host.inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}
static long keep_mapped(void)
{
    AUTO_FD int fd = open(below(host.inside, "map"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 8192) != 0) {
        return -1;
    }
    char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        return -1;
    }
    at[4096] = 'x';
    long rc = msync(at, 8192, MS_SYNC);
    rc = rc != 0 ? rc : ftruncate(fd, 16384);
    at = mremap(at, 8192, 16384, MREMAP_MAYMOVE);
    return rc != 0 || at == MAP_FAILED ? -1 : munmap(at, 16384);
}
static long keep_locked(void)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    AUTO_FD int fd = open(below(host.inside, "map"), O_RDWR | O_CLOEXEC);
    long rc = fd < 0 ? -1 : fcntl(fd, F_SETLK, &whole);
    rc = rc != 0 ? rc : fcntl(fd, F_GETLK, &whole);
    whole.l_type = F_WRLCK;
    rc = rc != 0 ? rc : fcntl(fd, F_SETLKW, &whole);
    return rc != 0 ? rc : fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_UNLCK});
}
static long keep_tidy(void)
{
    static const char *const names[] = {"direct", "map", "old/0001"};
    long rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(names); i++) {
        rc = unlink(below(host.inside, names[i]));
    }
    return rc != 0 ? rc : rmdir(below(host.inside, "old"));
}

/* What a write-ahead log and a memory-mapped database do after the doors closed, in this order. A cell
 * may name calls that the table has already: its reason stands beside the table's. */
static void data_is_kept_behind_the_doors(void)
{
    static const struct cell_syscall own[] = {
        {SYS_pwritev2, "append log entries"},
        {SYS_fdatasync, "an entry is on disk before it is acknowledged"},
        {SYS_renameat2, "replace a snapshot in one step"},
    };
    static const struct {
        long (*keep)(void);
        const char *name;
    } rows[] = {
        {keep_direct, "a file past the page cache"}, {keep_segment, "a log segment"},
        {keep_rotated, "a segment moved to another directory"},
        {keep_directory, "a directory's entries on disk"}, {keep_mapped, "a shared map that grows"},
        {keep_locked, "locks"}, {keep_tidy, "all of it removed"},
    };
    struct seal_spec spec = jailing_seal_spec(&host);

    spec.state_dir = host.inside;
    spec.calls = own;
    spec.call_count = ARRAY_LEN(own);
    jailing_seal(&spec);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool is_kept = rows[i].keep() >= 0;
        jailing_claim(is_kept, "%s: %s", rows[i].name, strerror(errno));
    }
}

static const struct {
    void (*claim)(void);
    const char *name;
} claims[] = {
    {plain_calls, "plain_calls"},
    {network_calls, "network_calls"},
    {socket_calls, "socket_calls"},
    {state_calls, "state_calls"},
    {reading_calls, "reading_calls"},
    {writing_calls, "writing_calls"},
    {a_reader_opens_for_reading_only, "a_reader_opens_for_reading_only"},
    {reading_stays_reading_beside_writing, "reading_stays_reading_beside_writing"},
    {one_file_is_granted, "one_file_is_granted"},
    {places_are_reported, "places_are_reported"},
    {data_is_kept_behind_the_doors, "data_is_kept_behind_the_doors"},
};

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 64;
    }
    jailing_open(&host, argv[1], &argv[2], 1);
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        jailing_in_child(claims[i].claim, claims[i].name);
    }
    jailing_close(&host);
    return jailing_failed() > 0;
}
