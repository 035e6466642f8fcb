#include "datapath/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/log.h"
#include "datapath/psk.h"
#include "datapath/store.h"
#include "datapath/text.h"

enum {
    SECRET_MAX = 1024, /* bytes of the cluster's secret */
};

/* A small file that nobody else may read or write: what is looked at is what is opened. */
static enum err read_secret(const char *path, void *ret, size_t room, size_t *ret_size)
{
    struct stat st;
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe there must not hang */

    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_from_errno(errno);
    }
    if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0 || (st.st_uid != geteuid() && st.st_uid != 0)) {
        log_error("DATAPATH-SECRET-OPEN", "file=%s mode=%04o user=%u reason=\"not a file of this user that nobody else may read: "
                  "chmod go= it, and make another key if others could\"", path, st.st_mode & 07777u, (unsigned)st.st_uid);
        return ERR_DENIED;
    }
    return fd_read_all(fd, ret, room, ret_size);
}

static enum err load_key(const char *path, uint8_t ret[32])
{
    char text[DATAPATH_TEXT_KEY + 8] = "";
    size_t size;
    enum err e = read_secret(path, text, sizeof text - 1, &size);

    if (e == ERR_OK && !datapath_text_read_key(text, ret)) {
        e = ERR_MALFORMED;
    }
    sodium_memzero(text, sizeof text);
    if (e != ERR_OK) {
        log_error("DATAPATH-KEY", "file=%s reason=%s advice=\"a key as wg genkey writes it\"", path, err_name(e));
    }
    return e;
}

/* Pre-shared keys of the peers that have no file of their own, from what the cluster has in common. */
static enum err derive_psks(struct datapath_settings *s, const uint8_t secret[DATAPATH_NOISE_KEY])
{
    uint8_t text[SECRET_MAX + 1], cluster[DATAPATH_PSK_SIZE];
    struct datapath_noise_self self;
    size_t size;
    enum err e = read_secret(s->secret, text, sizeof text, &size);
    const struct datapath_psk_field fields[] = {{s->cluster, strlen(s->cluster)}, {text, e == ERR_OK ? size : 0},
                                                {s->context, strlen(s->context)}};

    e = e == ERR_OK ? datapath_psk_cluster(&fields[0], &fields[1], &fields[2], cluster) : e;
    memcpy(self.secret, secret, sizeof self.secret);
    e = e == ERR_OK ? datapath_noise_public(&self) : e;
    for (uint32_t i = 0; e == ERR_OK && i < s->listed; i++) {
        if (s->peer[i].psk[0] == '\0') {
            datapath_psk_pair(cluster, self.public, s->peer[i].peer.public, s->peer[i].peer.psk);
        }
    }
    s->has_shared = e == ERR_OK;
    memcpy(s->shared, cluster, e == ERR_OK ? sizeof s->shared : 0); /* for peers that come later */
    sodium_memzero(text, sizeof text);
    sodium_memzero(cluster, sizeof cluster);
    sodium_memzero(&self, sizeof self);
    if (e != ERR_OK) {
        log_error("DATAPATH-SECRET", "file=%s reason=%s", s->secret, err_name(e));
    }
    return e;
}

/* The key of the state directory, made when there is none: in one step, for a node that dies in between must not come
 * back with half a key, or as somebody else. */
static enum err load_own(const char *directory, uint8_t ret[DATAPATH_NOISE_KEY])
{
    char path[DATAPATH_CONFIG_PATH_SIZE], text[DATAPATH_TEXT_KEY_SIZE + 1];
    uint8_t key[DATAPATH_NOISE_KEY];

    if (directory[0] == '\0') {
        log_error("DATAPATH-KEY-NOWHERE", "reason=\"neither `key` nor a state directory: give it sandbox.write: [state]\"");
        return ERR_PRECONDITION;
    }
    (void)snprintf(path, sizeof path, "%s/key", directory);
    if (access(path, F_OK) == 0 || errno != ENOENT) {
        return load_key(path, ret);
    }
    AUTO_FD int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || getrandom(key, sizeof key, 0) != sizeof key) {
        enum err failed = err_from_errno(errno);
        log_error("DATAPATH-KEY-OPEN", "directory=%s reason=%s why=\"%s\"", directory, err_name(failed), datapath_store_why(directory, failed));
        return failed;
    }
    key[0] &= 0xf8; /* as `wg genkey` does: RFC 7748, section 5 */
    key[31] = (uint8_t)((key[31] & 0x7f) | 0x40);
    datapath_text_write_key(key, text);
    text[DATAPATH_TEXT_KEY] = '\n';
    enum err e = fd_replace_file(dir, "key", text, DATAPATH_TEXT_KEY + 1, S_IRUSR | S_IWUSR);
    if (e == ERR_OK) {
        memcpy(ret, key, sizeof key);
        log_info("DATAPATH-KEY-MADE", "file=%s", path);
    } else {
        log_error("DATAPATH-KEY-WRITE", "file=%s reason=%s why=\"%s\"", path, err_name(e), datapath_store_why(directory, e));
    }
    sodium_memzero(text, sizeof text);
    sodium_memzero(key, sizeof key);
    return e;
}

enum err datapath_secrets_load(struct datapath_settings *s, const char *directory, uint8_t ret[DATAPATH_NOISE_KEY])
{
    enum err e = s->networks > 0 ? ERR_OK : s->key[0] == '\0' ? load_own(directory, ret) : load_key(s->key, ret);

    if (e == ERR_OK && s->secret[0] != '\0') {
        e = derive_psks(s, ret);
    }
    for (uint32_t i = 0; e == ERR_OK && i < s->listed; i++) {
        struct datapath_config_peer *p = &s->peer[i];
        e = p->psk[0] != '\0' ? load_key(p->psk, p->peer.psk) : ERR_OK;
    }
    return e;
}
