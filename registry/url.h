/* Where a repository may be fetched from: only what git reaches through https or ssh, and only in the form that a person reads.
 *
 *   url  = ("https://" / "ssh://" [user "@"]) host [":" port] 1*("/" segment)     at most REGISTRY_URL_MAX characters
 *   host = label *("." label) / "[" IPv6 "]"     lower case; a label is letters, digits and inner '-'; no punycode
 *   segment = [A-Za-z0-9_~] *[A-Za-z0-9._~+-]    at most 100; none ends in ".lock" or a dot, so none is "." or ".."
 *
 * So there are no other transports (ext::, file:, http:, git:, a path, host:path), no passwords, no queries, no '%', which has many
 * spellings of one thing, and nothing that begins with '-' or '.' where a program could take it for an option or a parent. */
#ifndef CELL_REGISTRY_URL_H
#define CELL_REGISTRY_URL_H

#include <stddef.h>

enum {
    REGISTRY_URL_MAX = 512,
    REGISTRY_URL_SIZE = REGISTRY_URL_MAX + 1,
};

/* NULL: text[0..len) is such a url. Else what is wrong with it, in words that need no more context; never freed. */
const char *registry_url_fault(const char *text, size_t len);

#endif
