/* The sandbox as the kernel reports it. What can only be read through /proc is read through
 * descriptors that were opened before the doors closed. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/run/jail_child.h"
#include "common/run/seal_room.h"

enum {
    STATUS_MAX = 8192,   /* /proc/self/status is about 1.5 KiB; masks of 8192 processors 4 KiB */
    CALLS_KNOWN_END = 1024, /* no call number is higher; the last one is 470                   */
};

/* The namespaces in proto order, and the numbers the first ones of a machine have
 * (include/linux/proc_ns.h of the kernel; 0: it has no fixed number). */
static const struct {
    const char *kind;
    uint64_t first;
} kinds[] = {
    {"user", 0xEFFFFFFDU}, {"pid", 0xEFFFFFFCU},    {"mnt", 0},           {"net", 0},
    {"ipc", 0xEFFFFFFFU},  {"uts", 0xEFFFFFFEU},    {"cgroup", 0xEFFFFFFBU}, {"time", 0xEFFFFFFAU},
};

static const struct {
    const char *name;
    __rlimit_resource_t resource;
} limits[] = {
    {"files", RLIMIT_NOFILE}, {"data", RLIMIT_DATA},   {"address space", RLIMIT_AS},
    {"file size", RLIMIT_FSIZE}, {"processes", RLIMIT_NPROC}, {"core", RLIMIT_CORE},
    {"stack", RLIMIT_STACK},
};

static int status_fd = -1;
static Cell__Inspect__Namespace spaces[ARRAY_LEN(kinds)];

/* ---- before the doors close ------------------------------------------------------------------- */

static uint64_t space_inode(const char *process, const char *kind)
{
    struct stat st;
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%s/ns/%s", process, kind);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* The host's namespace of this kind: what the jail says it was; without a jail, that of process 1
 * where that may be seen, else the machine's first. 0: unknown. */
static uint64_t host_inode(const char *note, size_t kind)
{
    char key[16];

    (void)snprintf(key, sizeof key, "%s:", kinds[kind].kind);
    const char *at = strstr(note, key);
    if (at != NULL) {
        return strtoull(at + strlen(key), NULL, 10);
    }
    uint64_t first = note[0] == '\0' ? space_inode("1", kinds[kind].kind) : 0;
    return first != 0 ? first : kinds[kind].first;
}

enum err seal_look_prepare(void)
{
    char note[JAIL_HOST_NOTE_SIZE];

    if (status_fd >= 0) {
        return ERR_OK;
    }
    status_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (status_fd < 0) {
        return err_from_errno(errno);
    }
    ssize_t len = readlink(JAIL_HOST_NOTE, note, sizeof note - 1);
    note[len > 0 ? len : 0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        uint64_t host = host_inode(note, i);
        cell__inspect__namespace__init(&spaces[i]);
        spaces[i].kind = (char *)(uintptr_t)kinds[i].kind;
        spaces[i].inode = space_inode("self", kinds[i].kind);
        /* Not knowing is not a claim. */
        spaces[i].own = host != 0 && spaces[i].inode != 0 && spaces[i].inode != host;
    }
    return ERR_OK;
}

enum err seal_look_open(void)
{
    return seal_look_prepare();
}

/* ---- now -------------------------------------------------------------------------------------- */

/* The value of "Key:\t…" in the text of a status file, in base 10 or 16; 0 when it is not there. */
static uint64_t status_value(const char *status, const char *key, int base)
{
    size_t len = strlen(key);

    for (const char *line = status; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) == 0 && line[len] == ':') {
            return strtoull(line + len + 1, NULL, base);
        }
    }
    return 0;
}

static void look_status(Cell__Inspect__Sandbox *ret, uint32_t *ret_table)
{
    char status[STATUS_MAX];
    ssize_t len = pread(status_fd, status, sizeof status - 1, 0);

    status[len > 0 ? len : 0] = '\0';
    ret->seccomp_mode = (uint32_t)status_value(status, "Seccomp", 10);
    ret->seccomp_filters = (uint32_t)status_value(status, "Seccomp_filters", 10);
    ret->no_new_privs = status_value(status, "NoNewPrivs", 10) == 1;
    ret->capabilities_effective = status_value(status, "CapEff", 16);
    ret->capabilities_permitted = status_value(status, "CapPrm", 16);
    ret->capabilities_bounding = status_value(status, "CapBnd", 16);
    ret->capabilities_ambient = status_value(status, "CapAmb", 16);
    *ret_table = (uint32_t)status_value(status, "FDSize", 10);
}

/* Each number is asked for: /proc/self/fd cannot be listed behind closed doors. The table's size is
 * the upper bound the kernel gives. */
static uint32_t count_open(uint32_t table)
{
    uint32_t count = 0;

    for (uint32_t fd = 0; fd < table; fd++) {
        count += fcntl((int)fd, F_GETFD) >= 0;
    }
    return count;
}

static void look_limits(Cell__Inspect__Sandbox *ret)
{
    static Cell__Inspect__Rlimit limit[ARRAY_LEN(limits)];
    static Cell__Inspect__Rlimit *slot[ARRAY_LEN(limits)];
    struct rlimit value;

    ret->rlimits = slot;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        if (getrlimit(limits[i].resource, &value) != 0) {
            continue;
        }
        cell__inspect__rlimit__init(&limit[i]);
        limit[i].name = (char *)(uintptr_t)limits[i].name;
        limit[i].soft = value.rlim_cur;
        limit[i].hard = value.rlim_max;
        slot[ret->n_rlimits++] = &limit[i];
    }
}

/* How many calls there are for this architecture, by name. Asked once: it costs half a ms. */
static uint32_t count_known(void)
{
    static uint32_t known;

    if (known > 0) {
        return known;
    }
    for (int number = 0; number < CALLS_KNOWN_END; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        known += name != NULL;
        free(name);
    }
    return known;
}

/* The list as shown: one line a rule; `allowed` counts each call once. */
static void look_calls(Cell__Inspect__Sandbox *ret)
{
    static Cell__Inspect__AllowedCall call[SEAL_CALLS_MAX];
    static Cell__Inspect__AllowedCall *slot[SEAL_CALLS_MAX];
    size_t count;
    const struct seal_call *list = seal_calls_list(&count);

    ret->calls = slot;
    ret->n_calls = count;
    for (size_t i = 0; i < count; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i; k++) {
            is_first = is_first && list[k].number != list[i].number;
        }
        ret->syscalls_allowed += is_first;
        cell__inspect__allowed_call__init(&call[i]);
        call[i].name = (char *)(uintptr_t)list[i].name;
        call[i].reason = (char *)(uintptr_t)list[i].reason;
        call[i].condition = (char *)(uintptr_t)(list[i].condition != NULL ? list[i].condition : "");
        slot[i] = &call[i];
    }
}

static void look_places(Cell__Inspect__Sandbox *ret)
{
    static Cell__Inspect__Place place[SEAL_PLACES_MAX];
    static Cell__Inspect__Place *slot[SEAL_PLACES_MAX];
    const struct seal_facts *facts = seal_facts();

    ret->places = slot;
    for (size_t i = 0; i < facts->place_count; i++) {
        const struct seal_place *from = &facts->place[i];
        cell__inspect__place__init(&place[i]);
        place[i].path = (char *)(uintptr_t)from->path;
        place[i].read = from->can_read;
        place[i].write = from->can_write;
        place[i].bind = from->can_bind;
        slot[ret->n_places++] = &place[i];
    }
}

void seal_look(Cell__Inspect__Sandbox *ret)
{
    static Cell__Inspect__Namespace *slot[ARRAY_LEN(kinds)];
    const struct seal_facts *facts = seal_facts();
    uint32_t table = 0;

    cell__inspect__sandbox__init(ret);
    look_status(ret, &table);
    ret->open_files = count_open(table);
    ret->namespaces = slot;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (spaces[i].inode != 0) {
            slot[ret->n_namespaces++] = &spaces[i];
        }
    }
    ret->landlock_abi = facts->landlock_abi;
    ret->landlock_layers = facts->landlock_layers;
    ret->landlock_enforced = facts->landlock_enforced;
    ret->dumpable = prctl(PR_GET_DUMPABLE) == 1;
    ret->uid = geteuid();
    ret->gid = getegid();
    ret->syscalls_known = count_known();
    look_limits(ret);
    look_calls(ret);
    look_places(ret);
}
