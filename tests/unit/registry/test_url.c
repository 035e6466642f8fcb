/* REG-3: a repository's url leads to git over https or ssh and to nothing else. */
#include "registry/url.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

#define TEN "abcdefghij"
#define FIFTY TEN TEN TEN TEN TEN
#define N63 FIFTY TEN "abc"
#define N100 FIFTY FIFTY

#define BYTES(text) (text), sizeof(text) - 1

static const struct {
    const char *text;
    size_t len;
    bool is_valid;
    const char *why;
} urls[] = {
    {BYTES("https://example.org/acme/greeter.git"), true, "usual"},
    {BYTES("ssh://git@example.org/acme/greeter.git"), true, "usual, with a user"},
    {BYTES("ssh://example.org:2222/~me/a+b_c-1.0"), true, "a port, a home, all signs"},
    {BYTES("https://example.org:1/a"), true, "the lowest port"},
    {BYTES("https://example.org:65535/a"), true, "the highest port"},
    {BYTES("https://example.org:65536/a"), false, "one higher"},
    {BYTES("https://example.org:0/a"), false, "no port"},
    {BYTES("https://example.org:080/a"), false, "a port of two spellings"},
    {BYTES("https://example.org:/a"), false, "an empty port"},
    {BYTES("https://example.org:9999999999999999/a"), false, "a port past all numbers"},
    {BYTES("https://example.org:22x/a"), false, "a port with a letter"},
    {BYTES(""), false, "none"},
    {BYTES("https://"), false, "no host"},
    {BYTES("https:///a"), false, "an empty host"},
    {BYTES("https://example.org"), false, "no path"},
    {BYTES("https://example.org/"), false, "an empty path"},
    {BYTES("https://example.org/a/"), false, "two spellings of one place"},
    {BYTES("https://example.org//a"), false, "an empty segment"},
    {BYTES("/srv/git/a"), false, "a path of this host"},
    {BYTES("../a"), false, "a path from here"},
    {BYTES("file:///srv/git/a"), false, "a file"},
    {BYTES("file://localhost/srv/git/a"), false, "a file of a host"},
    {BYTES("File:///srv/git/a"), false, "a file, loudly"},
    {BYTES("ext::sh -c id"), false, "a helper that runs a command (CVE-2022-24439)"},
    {BYTES("ext::https://example.org/a"), false, "the same before a good url"},
    {BYTES("fd::17/a"), false, "a helper on a descriptor"},
    {BYTES("https::https://example.org/a"), false, "a helper's name before a good url"},
    {BYTES("http://example.org/a"), false, "no TLS"},
    {BYTES("git://example.org/a"), false, "neither secret nor genuine"},
    {BYTES("ftp://example.org/a"), false, "a transport of old"},
    {BYTES("git+ssh://example.org/a"), false, "an old name of ssh"},
    {BYTES("HTTPS://example.org/a"), false, "upper case"},
    {BYTES("git@example.org:a"), false, "ssh in the form that looks like a path"},
    {BYTES("example.org/a"), false, "no scheme"},
    {BYTES(" https://example.org/a"), false, "a blank before"},
    {BYTES("https://example.org/a "), false, "a blank behind"},
    {BYTES("https://example.org/a b"), false, "a blank inside"},
    {BYTES("-x"), false, "an option"},
    {BYTES("--upload-pack=id"), false, "an option of git"},
    {BYTES("ssh://-oProxyCommand=id/a"), false, "an option of ssh as the host (CVE-2017-1000117)"},
    {BYTES("ssh://-x@example.org/a"), false, "an option as the user"},
    {BYTES("ssh://git@-x/a"), false, "an option behind the user"},
    {BYTES("ssh://@example.org/a"), false, "an empty user"},
    {BYTES("ssh://a:b@example.org/a"), false, "a password"},
    {BYTES("https://me@example.org/a"), false, "a user where there is none"},
    {BYTES("https://example.org@evil.example/a"), false, "a host that is a user"},
    {BYTES("ssh://a@b@example.org/a"), false, "two of them"},
    {BYTES("https://example.org/a@b"), false, "an at in the path: read as a host by some"},
    {BYTES("https://example.org\\@evil.example/a"), false, "a backslash that some read as a slash"},
    {BYTES("https://example.org/a?b"), false, "a query"},
    {BYTES("https://example.org/a#b"), false, "a fragment"},
    {BYTES("https://example.org/%2e%2e/a"), false, "the parent in other words"},
    {BYTES("https://example.org/../a"), false, "the parent"},
    {BYTES("https://example.org/a/.."), false, "the parent, behind"},
    {BYTES("https://example.org/./a"), false, "this folder"},
    {BYTES("https://example.org/.git"), false, "git's folder"},
    {BYTES("https://example.org/-x"), false, "an option in the path"},
    {BYTES("ssh://example.org/~me;id"), false, "a shell's separator, there"},
    {BYTES("https://example.org/$(id)"), false, "a shell's substitution"},
    {BYTES("https://example.org/a`id`"), false, "an older one"},
    {BYTES("https://example.org/a'b"), false, "a quote"},
    {BYTES("https://example.org/a.lock"), false, "git's lock"},
    {BYTES("https://example.org/.lock"), false, "nothing but the lock"},
    {BYTES("https://example.org/lock"), true, "no lock"},
    {BYTES("https://example.org/a."), false, "a dot that other hosts drop"},
    {BYTES("https://example.org/a..b"), true, "dots inside"},
    {BYTES("https://example.org/a\n"), false, "a line's end at the end"},
    {BYTES("https://example.org\n/a"), false, "a line's end in the host: a header of its own (CVE-2020-5260)"},
    {BYTES("https://example.org/a\0"), false, "a NUL at the end"},
    {BYTES("https://example.org\0.evil.example/a"), false, "a NUL in the host"},
    {BYTES("https://example.org/\0"), false, "a NUL alone"},
    {BYTES("https://ex\xd0\xb0mple.org/a"), false, "a letter of another alphabet"},
    {BYTES("https://xn--exmple-4nf.org/a"), false, "the same in punycode"},
    {BYTES("https://example.xn--p1ai/a"), false, "behind the first dot, too"},
    {BYTES("https://xn-a.org/a"), true, "no punycode"},
    {BYTES("https://example.org/\xc3\xa9"), false, "a letter with two spellings"},
    {BYTES("https://Example.org/a"), false, "two spellings of a host"},
    {BYTES("https://example.org./a"), false, "a dot at the host's end"},
    {BYTES("https://.example.org/a"), false, "a dot at its begin"},
    {BYTES("https://a..b/a"), false, "an empty label"},
    {BYTES("https://a-.b/a"), false, "a label that ends in -"},
    {BYTES("https://a_b/a"), false, "no host's character"},
    {BYTES("https://" N63 "/a"), true, "the longest label"},
    {BYTES("https://" N63 "d/a"), false, "one more"},
    {BYTES("https://" N63 "." N63 "." N63 "." FIFTY TEN "a/a"), true, "the longest host"},
    {BYTES("https://" N63 "." N63 "." N63 "." FIFTY TEN "ab/a"), false, "one more"},
    {BYTES("https://localhost/a"), true, "a label alone"},
    {BYTES("https://127.0.0.1/a"), true, "an address"},
    {BYTES("https://255.255.255.255:1/a"), true, "the highest"},
    {BYTES("https://256.0.0.1/a"), false, "past it"},
    {BYTES("https://127.1/a"), false, "an address in other words"},
    {BYTES("https://2130706433/a"), false, "in one number"},
    {BYTES("https://0177.0.0.1/a"), false, "in eights"},
    {BYTES("https://0x7f.0.0.1/a"), false, "in sixteens"},
    {BYTES("https://0x7f000001/a"), false, "in one number of sixteens"},
    {BYTES("https://1.2.3.4.5/a"), false, "five numbers"},
    {BYTES("https://a.1/a"), false, "a name that ends in a number"},
    {BYTES("https://1.a/a"), true, "a name that begins with one"},
    {BYTES("https://[::1]/a"), true, "an IPv6 address"},
    {BYTES("https://[2001:db8::1]:443/a"), true, "with a port"},
    {BYTES("https://[1:2:3:4:5:6:7:8]/a"), true, "eight groups"},
    {BYTES("https://[::]/a"), true, "none"},
    {BYTES("https://[1:2:3:4:5:6:7::]/a"), true, "a gap of one"},
    {BYTES("https://[1:2:3:4:5:6:7:8::]/a"), false, "eight and a gap"},
    {BYTES("https://[1:2:3:4:5:6:7]/a"), false, "seven groups"},
    {BYTES("https://[1::2::3]/a"), false, "two gaps"},
    {BYTES("https://[:::]/a"), false, "three colons"},
    {BYTES("https://[1:]/a"), false, "a colon at the end"},
    {BYTES("https://[:1]/a"), false, "a colon at the begin"},
    {BYTES("https://[12345::]/a"), false, "five digits"},
    {BYTES("https://[g::]/a"), false, "no digit"},
    {BYTES("https://[fe80::1%25lo]/a"), false, "a zone"},
    {BYTES("https://[]/a"), false, "nothing inside"},
    {BYTES("https://[::1/a"), false, "no end"},
    {BYTES("https://[::1]a/a"), false, "something behind it"},
    {BYTES("https://a/" N100), true, "the longest segment"},
    {BYTES("https://a/" N100 "a"), false, "one more"},
    {BYTES("https://a/" N100 "/" N100 "/" N100 "/" N100 "/" FIFTY FIFTY "/" "a"), false, "514 characters"},
    {BYTES("https://a/" N100 "/" N100 "/" N100 "/" N100 "/" FIFTY TEN TEN TEN TEN "abcdefgh"), true, "512"},
    {BYTES("https://a/" N100 "/" N100 "/" N100 "/" N100 "/" FIFTY TEN TEN TEN TEN "abcdefghi"), false, "513"},
};

static void a_url_is_what_the_grammar_says(void)
{
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        const char *fault = registry_url_fault(urls[i].text, urls[i].len);

        CHECK((fault == NULL) == urls[i].is_valid, "row %zu: %s (%s)", i, urls[i].why, fault == NULL ? "valid" : fault);
    }
}

/* No single byte makes a good url into one that means more than a url. */
static void of_a_good_url_no_byte_can_be_changed_into_a_sign(void)
{
    static const char good[] = "ssh://git@example.org:22/acme/greeter.git";
    static const char usual[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~+-/:@";

    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (int c = 0; c < 256; c++) {
            char text[sizeof good];

            memcpy(text, good, sizeof good);
            text[at] = (char)c;
            if (registry_url_fault(text, sizeof good - 1) == NULL) {
                CHECK(c != 0 && strchr(usual, c) != NULL, "byte %d at %zu", c, at);
            }
        }
    }
}

int main(void)
{
    a_url_is_what_the_grammar_says();
    of_a_good_url_no_byte_can_be_changed_into_a_sign();
    return CHECK_RESULT();
}
