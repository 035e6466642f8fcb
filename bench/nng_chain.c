/* One hop of requests that are passed on unread, by nng's own means: what a gateway does at least.
 *
 *   nng_chain LISTEN-URL DIAL-URL KEYS   passes requests and answers on; KEYS: the directory with node.key, node.crt and
 *                                        ca.crt, for whichever of both is tls+tcp */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/transport/tls/tls.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PEM_MAX = 16384,
};

static void must(int fault, const char *what)
{
    if (fault != 0) {
        (void)fprintf(stderr, "nng_chain: %s: %s\n", what, nng_strerror(fault));
        exit(1);
    }
}

static void read_pem(const char *directory, const char *name, char text[PEM_MAX])
{
    char path[1024];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "r");
    size_t size = f == NULL ? 0 : fread(text, 1, PEM_MAX - 1, f);
    must(size == 0 ? NNG_ENOENT : 0, path);
    text[size] = '\0';
    (void)fclose(f);
}

/* Both sides show a certificate, as gateways do. */
static nng_tls_config *identity(const char *directory, bool is_server)
{
    static char key[PEM_MAX], certificate[PEM_MAX], authority[PEM_MAX];
    nng_tls_config *config;

    read_pem(directory, "node.key", key);
    read_pem(directory, "node.crt", certificate);
    read_pem(directory, "ca.crt", authority);
    must(nng_tls_config_alloc(&config, is_server ? NNG_TLS_MODE_SERVER : NNG_TLS_MODE_CLIENT), "tls");
    must(nng_tls_config_own_cert(config, certificate, key, NULL), "certificate");
    must(nng_tls_config_ca_chain(config, authority, NULL), "authority");
    must(nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED), "tls");
    return config;
}

int main(int argc, char **argv)
{
    nng_socket in, out;
    nng_listener listener;
    nng_dialer dialer;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: nng_chain LISTEN-URL DIAL-URL KEYS\n");
        return 64;
    }
    must(nng_rep0_open_raw(&in), "open");
    must(nng_req0_open_raw(&out), "open");
    must(nng_listener_create(&listener, in, argv[1]), argv[1]);
    must(nng_dialer_create(&dialer, out, argv[2]), argv[2]);
    if (strncmp(argv[1], "tls", 3) == 0) {
        must(nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, identity(argv[3], true)), "tls");
    }
    if (strncmp(argv[2], "tls", 3) == 0) {
        nng_tls_config *config = identity(argv[3], false);
        must(nng_tls_config_server_name(config, "b"), "name"); /* the other node's */
        must(nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config), "tls");
    }
    must(nng_listener_start(listener, 0), argv[1]);
    must(nng_dialer_start(dialer, NNG_FLAG_NONBLOCK), argv[2]);
    must(nng_device(in, out), "device");
    return 0;
}
