/* Give a node a certificate that was made some days ago, over the key of the one it has, and have the issuer remember it
 * so: directories of the issuer's and of the node's secrets, the issuer's file, days. As if so much time had passed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/node/pki.h"
#include "common/node/tickets.h"

static bool read_text(const char *directory, const char *name, char out[PKI_PEM_MAX])
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        return false;
    }
    size_t len = fread(out, 1, PKI_PEM_MAX - 1, f);
    out[len] = '\0';
    (void)fclose(f);
    return len > 0;
}

/* In place: owner and mode stay. */
static bool write_text(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "w");

    return f != NULL && fwrite(text, 1, len, f) == len && fclose(f) == 0;
}

static bool remember(const char *path, const struct pki_facts *made)
{
    static struct tickets t;
    static char text[TICKETS_TEXT_MAX];
    FILE *f = fopen(path, "r");
    size_t len = f != NULL ? fread(text, 1, sizeof text, f) : 0;
    char *again = NULL;

    if (f == NULL || fclose(f) != 0 || tickets_parse(text, len, &t) != ERR_OK) {
        return false;
    }
    for (uint32_t i = 0; i < t.members; i++) {
        if (memcmp(t.member[i].id, made->who.id, NODE_ID_LEN) == 0) {
            t.member[i].certificate[0].until_s = made->not_after_s;
            memcpy(t.member[i].certificate[0].serial, made->serial, TICKETS_SERIAL);
        }
    }
    bool is_kept = tickets_format(&t, &again, &len) == ERR_OK && write_text(path, again, len);
    free(again);
    return is_kept;
}

int main(int argc, char **argv)
{
    char key[PKI_PEM_MAX], authority[PKI_PEM_MAX], old[PKI_PEM_MAX], made[PKI_PEM_MAX], path[512];
    struct pki_facts facts;

    if (argc != 5 || !read_text(argv[1], "ca.key", key) || !read_text(argv[1], "ca.crt", authority) ||
        !read_text(argv[2], "node.crt", old) || pki_check(authority, old, NULL, &facts) != ERR_OK ||
        pki_renew(key, authority, old, &facts.who, (uint64_t)time(NULL) - strtoul(argv[4], NULL, 10) * 86400, made) != ERR_OK ||
        pki_check(authority, made, NULL, &facts) != ERR_OK) {
        fprintf(stderr, "recertify ISSUER-DIR NODE-DIR ISSUER-FILE DAYS\n");
        return 1;
    }
    (void)snprintf(path, sizeof path, "%s/node.crt", argv[2]);
    return write_text(path, made, strlen(made)) && remember(argv[3], &facts) ? 0 : 1;
}
