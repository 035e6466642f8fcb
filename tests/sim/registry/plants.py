#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of one source file, and a unit test must find it. A bug that escapes, or whose place is no
longer in the source, fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, the unit test that finds it, what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    "name-joint-last": ("name.c", "unit:name", "a name may end in a joint", [
        ("is_joint && (i + 1 == len || ", "is_joint && i + 1 < len && (")]),
    "name-digit-first": ("name.c", "unit:name", "a name may begin with a digit", [
        ("    if (!is_lower(text[0])) {", "    if (!is_lower(text[0]) && !is_digit(text[0])) {")]),
    "name-one-more": ("name.c", "unit:name", "a part may have 65 characters", [
        ("    if (len > NAME_MAX_LEN) {", "    if (len > NAME_MAX_LEN + 1) {")]),
    "name-device": ("name.c", "unit:name", "a device in a space is a name", [
        ("return fault != NULL ? fault : part_fault(text + begin, len - begin);",
         "return fault != NULL ? fault : begin > 0 && is_device(text + begin, len - begin) ? NULL : part_fault(text + begin, len - begin);")]),
    "name-swap": ("name.c", "unit:name", "swapped letters are two steps", [
        ("a[i] == b[i + 1] && a[i + 1] == b[i] &&", "a[i] == b[i + 1] && a[i + 1] == b[i + 1] &&")]),
    "name-look-alike": ("name.c", "unit:name", "rn and m are different", [
        ("(next == 'n' && to[len - 1] == 'r')", "(next == 'n' && to[len - 1] == 'x')")]),
    "url-file": ("url.c", "unit:url", "files are a transport", [
        ('!skip(&t, "https://")', '!skip(&t, "https://") && !skip(&t, "file://")')]),
    "url-option": ("url.c", "unit:url", "a host may begin with -", [
        ("bool is_inner = i > 0 && i + 1 < label.len;", "bool is_inner = i + 1 < label.len;")]),
    "url-option-user": ("url.c", "unit:url", "a user may begin with -", [
        ("user.len > USER_MAX || !(is_lower(user.at[0]) || user.at[0] == '_')", "user.len > USER_MAX || user.at[0] == 'x'"),
        ("    for (size_t i = 1; i < user.len; i++) {", "    for (size_t i = 0; i < user.len; i++) {")]),
    "url-parent": ("url.c", "unit:url", "a segment may be the parent", [
        ("if (!is_word && (i == 0 || s.at[i]", "if (!is_word && (s.at[i]"),
        ("if (s.at[s.len - 1] == '.' || ", "if (")]),
    "url-nul": ("url.c", "unit:url", "a NUL is a sign like others", [
        ("(i == 0 || s.at[i] == '\\0' || strchr(\".+-\"", "(i == 0 || strchr(\".+-\"")]),
    "url-punycode": ("url.c", "unit:url", "punycode is a host like others", [
        ('memcmp(label.at, "xn--", 4) == 0', 'memcmp(label.at, "xn--", 5) == 0')]),
    "url-number": ("url.c", "unit:url", "numbers of any spelling are a host", [
        ("return parts == 4 ? NULL : fault;", "return NULL;")]),
    "url-password": ("url.c", "unit:url", "an https url may have a user", [
        ('fault = has_user ? user_fault(user) : "an https url has a user or a password";', "fault = user_fault(user);")]),
    "url-two-gaps": ("url.c", "unit:url", "an address may have several gaps", [
        ("(gaps == 1 && groups < 8)", "(gaps >= 1 && groups < 8)")]),
    "version-zero": ("version.c", "unit:version", "a number may have a leading zero", [
        ("*at == begin || (*begin == '0' && *at - begin > 1)", "*at == begin")]),
    "version-pre-zero": ("version.c", "unit:version", "so may a pre-release's", [
        ("return len > 0 && !(is_numeric_strict && is_number && len > 1 && text[0] == '0');", "return len > 0;")]),
    "version-overflow": ("version.c", "unit:version", "a number that is too large turns into another", [
        ("        if (!is_large) {", "        if (true) {")]),
    "version-pre-after": ("version.c", "unit:version", "a pre-release is behind its release", [
        ("return (*a == '\\0') - (*b == '\\0');", "return (*b == '\\0') - (*a == '\\0');")]),
    "version-as-text": ("version.c", "unit:version", "numbers of pre-releases are compared as text", [
        ("    if (a_is_number && a_len != b_len) {", "    if (a_is_number && a_len != b_len && a_len > 100) {")]),
    "version-number-after": ("version.c", "unit:version", "a number is behind text", [
        ("return a_is_number ? -1 : 1;", "return a_is_number ? 1 : -1;")]),
    "version-fewer": ("version.c", "unit:version", "fewer identifiers are behind more", [
        ("return (*a != '\\0') - (*b != '\\0');", "return (*b != '\\0') - (*a != '\\0');")]),
    "range-caret-zero": ("range.c", "unit:range", "a caret keeps the first number only", [
        ("        if (value[i] != 0) {", "        if (value[i] != 0 || i == 0) {")]),
    "range-tilde": ("range.c", "unit:range", "a tilde on one number keeps two", [
        ("p->given == 1 ? 0 : 1)", "1)")]),
    "range-upper-pre": ("range.c", "unit:range", "pre-releases of what is above are below it", [
        ("if (p->given < 3) {\n        memcpy(bound.pre", "if (p->given < 0) {\n        memcpy(bound.pre")]),
    "range-any-pre": ("range.c", "unit:range", "a set that names one pre-release has those of others", [
        ("bound->minor == v->minor && bound->patch == v->patch", "bound->minor == v->minor")]),
    "range-pre-of-set": ("range.c", "unit:range", "a pre-release that another set names is in this one", [
        ("        bool is_in = true, is_pre_named = v->pre[0] == '\\0';", "        static bool is_pre_named; bool is_in = true; is_pre_named = (set > 0 && is_pre_named) || v->pre[0] == '\\0';")]),
    "range-all-or-any": ("range.c", "unit:range", "one test of a set is enough", [
        ("is_in = is_in && passes(", "is_in = passes(")]),
    "range-hyphen": ("range.c", "unit:range", "the end of a hyphen is not in it", [
        ("add_test(in, LESS_EQUAL, &to)", "add_test(in, LESS, &to)")]),
    "range-number-after-star": ("range.c", "unit:range", "1.x.3 is something", [
        ("} else if (p->is_starred) {", "} else if (p->is_starred && i > 2) {")]),
    "text-upper-hex": ("text.c", "unit:record", "hashes may be in upper case", [
        ("is_letter = s.at[i] >= 'a' && s.at[i] <= 'f';", "is_letter = (s.at[i] >= 'a' && s.at[i] <= 'f') || (s.at[i] >= 'A' && s.at[i] <= 'F');")]),
    "text-control": ("text.c", "unit:record", "a line may have tabs", [
        ("if (((eight - every * ' ') | (eight + every) | eight) & every << 7) {", "if (((eight + every) | eight) & every << 7) {"),
        ("len > 0 && *at >= ' ' && *at <= '~'; at++", "len > 0 && *at <= '~'; at++")]),
    "text-rest": ("text.c", "unit:record", "what follows the last line is passed over", [
        ("return t->is_good && t->at == t->end;", "return t->is_good;")]),
    "signed-body-alone": ("signed.c", "unit:trust", "a signature is of the body's first half", [
        ("registry_text_hash(body.at, body.len, to", "registry_text_hash(body.at, body.len / 2, to")]),
    "signed-twice": ("signed.c", "unit:trust", "a key may sign twice", [
        ("if (!is_good || (ret->count > 0 && memcmp(ret->by[ret->count - 1].key, ret->by[ret->count].key, REGISTRY_KEY_SIZE) >= 0)) {", "if (!is_good) {")]),
    "signed-threshold": ("signed.c", "unit:trust", "one signature is enough", [
        ("    if (good >= keys->threshold) {", "    if (good >= 1) {")]),
    "signed-anybody": ("signed.c", "unit:trust", "whoever signs may sign", [
        ("        if (!registry_signed_has_key(keys->key, keys->count, s->by[i].key)) {", "        if (false) {")]),
    "signed-unverified": ("signed.c", "unit:trust", "a signature need not verify", [
        ("            return REGISTRY_FAULT_FORGED;", "            ;")]),
    "signed-revoked": ("signed.c", "unit:trust", "revoked keys count", [
        ("        good += !is_gone;", "        good++;")]),
    "record-depends-order": ("record.c", "unit:record", "what is needed may come in any order", [
        ("registry_text_compare(r->depend[r->depends - 1].name, name) >= 0", "registry_text_compare(r->depend[r->depends - 1].name, name) == 0")]),
    "record-one-more": ("record.c", "unit:record", "there may be one more of what is needed", [
        ("r->depends == REGISTRY_RECORD_DEPENDS_MAX", "r->depends > REGISTRY_RECORD_DEPENDS_MAX")]),
    "catalogue-twice": ("catalogue.c", "unit:record", "a version may be there twice", [
        ("compare(last.name, &last_version, e.name, &version) >= 0", "compare(last.name, &last_version, e.name, &version) > 0")]),
    "catalogue-name": ("catalogue.c", "unit:record", "the first version of the next name will do", [
        ("|| registry_text_compare(e.name, name) != 0) {\n        return false;", "|| e.name.len == 0) {\n        return false;")]),
    "space-twice": ("roles.c", "unit:record", "a space may be there twice", [
        ("registry_text_compare(last, name) >= 0 ||", "registry_text_compare(last, name) > 0 ||")]),
    "root-revoked-role": ("roles.c", "unit:trust", "a revoked key may have a role", [
        ("            if (registry_signed_has_key(ret->revoked.key,", "            if (k > 99 && registry_signed_has_key(ret->revoked.key,")]),
    "trust-rollback": ("trust.c", "unit:trust", "older ones are believed", [
        ("    if (next->version < last->version) {\n        return REGISTRY_FAULT_ROLLBACK;", "    if (next->version < last->version) {\n        return REGISTRY_FAULT_NONE;")]),
    "trust-fork": ("trust.c", "unit:trust", "two of one number are believed", [
        ("return is_same(last, next) ? REGISTRY_FAULT_NONE : REGISTRY_FAULT_FORK;", "return REGISTRY_FAULT_NONE;")]),
    "trust-jump": ("trust.c", "unit:trust", "numbers may jump to their end", [
        ("next->version - last->version > REGISTRY_TRUST_STEP_MAX ? REGISTRY_FAULT_JUMP :", "next->version - last->version > UINT64_MAX / 2 ? REGISTRY_FAULT_JUMP :")]),
    "trust-log-shorter": ("trust.c", "unit:trust", "a log may become shorter", [
        ("    if (next->size < last->size) {", "    if (next->size > 0 && next->size < last->size / 2) {")]),
    "trust-frozen": ("trust.c", "unit:trust", "a timestamp has no end", [
        ("t->root.expires_s <= time_s || s->expires_s <= time_s ?", "t->root.expires_s <= time_s ?")]),
    "trust-frozen-root": ("trust.c", "unit:trust", "a root has no end", [
        ("t->root.expires_s <= time_s || s->expires_s <= time_s ?", "s->expires_s <= time_s ?")]),
    "trust-frozen-record": ("trust.c", "unit:trust", "what was believed once is believed for ever", [
        ("    if (t->expires_s <= time_of(t, now_s)) {", "    if (t->expires_s == 0) {")]),
    "trust-earliest": ("trust.c", "unit:trust", "of several dates the last counts", [
        ("    return a < b ? a : b;", "    return a > b ? a : b;")]),
    "trust-clock-back": ("trust.c", "unit:trust", "a clock that is set back makes old things valid", [
        ("    return now_s > t->made_s ? now_s : t->made_s;", "    return now_s;")]),
    "trust-future": ("trust.c", "unit:trust", "a timestamp may be of any later day", [
        ("s->made_s - now_s > REGISTRY_TRUST_MARGIN_S", "s->made_s - now_s > UINT64_MAX / 2")]),
    "trust-for-ever": ("trust.c", "unit:trust", "a timestamp may be valid for ever", [
        ("s->expires_s - s->made_s > REGISTRY_TRUST_FRESH_MAX_S", "s->expires_s - s->made_s > UINT64_MAX / 2")]),
    "trust-mixed": ("trust.c", "unit:trust", "what is named by its size is it", [
        ("size == named->size && memcmp(hash, named->hash, sizeof hash) == 0 ?", "size == named->size ?")]),
    "trust-mixed-number": ("trust.c", "unit:trust", "a snapshot of another number is the one that is named", [
        ("    if (s.version != t->snapshot.version) {", "    if (s.version == 0) {")]),
    "trust-endless": ("trust.c", "unit:trust", "a document may be longer than was signed", [
        ("    if (size > size_max) {", "    if (size > size_max + 1000000) {")]),
    "trust-origin": ("trust.c", "unit:trust", "another repository's records are this one's", [
        ("    if (!is_of(t, r.origin)) {", "    if (r.origin.len == 0) {")]),
    "trust-wrong-target": ("trust.c", "unit:trust", "a record is what the catalogue calls it", [
        ("registry_text_compare(r.name, name) != 0 || ", "")]),
    "trust-wrong-version": ("trust.c", "unit:trust", "an older version is what the catalogue calls it", [
        (" || registry_version_compare(&r.version, version) != 0) {", ") {")]),
    "trust-root-skipped": ("trust.c", "unit:trust", "roots may be skipped", [
        ("    if (r->version != t->root.version + 1) {", "    if (r->version <= t->root.version) {")]),
    "trust-root-old-keys": ("trust.c", "unit:trust", "a new root is signed by its own keys alone", [
        ("    enum registry_fault f = registry_signed_judge(s, &t->root.role[REGISTRY_ROLE_ROOT], NULL);\n\n    if (f != REGISTRY_FAULT_NONE) {\n        return f;\n    }\n    if (!registry_roles_read_root(s->body, r)) {",
         "    enum registry_fault f;\n    if (!registry_roles_read_root(s->body, r)) {")]),
    "trust-root-new-keys": ("trust.c", "unit:trust", "… or by the old ones alone", [
        ("    f = registry_signed_judge(s, &r->role[REGISTRY_ROLE_ROOT], NULL);\n    if (f != REGISTRY_FAULT_NONE) {\n        return f;\n    }\n    if (strcmp",
         "    if (strcmp")]),
    "trust-unrevoked": ("trust.c", "unit:trust", "a root may trust a revoked key again", [
        ("return keeps_revoked(&t->root.revoked, &r->revoked) ?", "return keeps_revoked(&r->revoked, &r->revoked) ?")]),
    "trust-numbers-kept": ("trust.c", "unit:trust", "a thief's numbers outlive his keys", [
        ("    if (keeps_timestamp && keeps_snapshot) {", "    if (keeps_snapshot || keeps_timestamp) {")]),
    "trust-numbers-lost": ("trust.c", "unit:trust", "every root takes all numbers back", [
        ("    if (keeps_timestamp && keeps_snapshot) {", "    if (keeps_timestamp && keeps_snapshot && false) {")]),
    "trust-spaces-lost": ("trust.c", "unit:trust", "a timestamp's key takes those of spaces with it", [
        ("    if (keeps_snapshot && keeps_spaces) {", "    if (keeps_snapshot && keeps_spaces && keeps_timestamp) {")]),
    "trust-log-lost": ("trust.c", "unit:trust", "… and the log's length", [
        ("    if (keeps_snapshot) {", "    if (keeps_snapshot && keeps_timestamp) {")]),
    "trust-stage-kept": ("trust.c", "unit:trust", "after a new root the old catalogue is believed", [
        ("struct registry_trust next = {.root = r, .expires_s = r.expires_s};", "struct registry_trust next = *t; next.root = r; next.expires_s = r.expires_s;")]),
    "trust-date-back": ("trust.c", "unit:trust", "a higher number may have an older date", [
        ("    if (s->made_s < t->made_s) {", "    if (s->made_s + REGISTRY_TRUST_FRESH_MAX_S < t->made_s) {")]),
    "trust-image-sum": ("trust_image.c", "unit:trust", "a damaged image is read", [
        ("|| memcmp(sum, real, sizeof sum) != 0) {", ") {")]),
    "trust-image-spaces": ("trust_image.c", "unit:trust", "an image forgets how far spaces are", [
        ('    take(&in, "spaces", &t.spaces);', '    take(&in, "spaces", &t.catalogue);')]),
    "fetch-slow": ("fetch.c", "unit:trust", "a byte now and then is enough", [
        ("f->got * 1000 / REGISTRY_FETCH_RATE", "f->got * 1000")]),
    "fetch-endless": ("fetch.c", "unit:trust", "more than there is wraps round", [
        ("    if (more > f->size_max - f->got) {", "    if (f->got + more > f->size_max) {")]),
    "key-weak": ("key.c", "unit:key", "a file may say that it is quick to guess", [
        ("c->memory_bytes >= REGISTRY_KEY_MEMORY_LEAST &&", "c->memory_bytes > 0 &&")]),
    "key-greedy": ("key.c", "unit:key", "a file may ask for any number of passes", [
        ("&& c->ops <= REGISTRY_KEY_OPS_MOST &&", "&& c->ops <= 40 &&")]),
    "key-head-free": ("key.c", "unit:key", "the public key may be edited", [
        ("(const uint8_t *)head, text.len, hashed,", "(const uint8_t *)head, 4, hashed,"),
        ("bool is_own = memcmp(public, f.public, sizeof public) == 0;", "bool is_own = true;")]),
    "key-empty": ("key.c", "unit:key", "no passphrase is one, too", [
        ("    if (passphrase_len == 0 || passphrase_len > REGISTRY_KEY_PASSPHRASE_MAX || !is_within(cost)) {", "    if (passphrase_len > REGISTRY_KEY_PASSPHRASE_MAX || !is_within(cost)) {")]),
    "lock-two-versions": ("lock.c", "unit:record", "a package may be locked twice", [
        ("registry_text_compare(last, p.name) >= 0", "registry_text_compare(last, p.name) > 0")]),
    "resolve-oldest": ("resolve.c", "unit:resolve", "the oldest version is chosen", [
        ("r->q->is_oldest ? i : v->usable - 1 - i;", "!r->q->is_oldest ? i : v->usable - 1 - i;")]),
    "resolve-lock-lost": ("resolve.c", "unit:resolve", "a lock is passed over", [
        ("if (v->locked != REGISTRY_RESOLVE_NONE && registry_resolve_bit(now, v->locked)) {", "if (v->locked != REGISTRY_RESOLVE_NONE && r->level > 1000) {")]),
    "resolve-yanked": ("resolve.c", "unit:resolve", "yanked versions are chosen", [
        ("return !p->version[version].is_yanked || ", "return true || ")]),
    "resolve-yanked-locked": ("resolve.c", "unit:resolve", "who has a yanked version loses it", [
        ("!p->version[version].is_yanked || (p->locked != NULL && registry", "!p->version[version].is_yanked || (p->locked != NULL && false && registry")]),
    "resolve-absent": ("resolve.c", "unit:resolve", "to be absent is to be in every range", [
        ("        registry_resolve_add(set, v->usable); /* to be absent", "        (void)set; /* to be absent")]),
    "resolve-no-rest": ("resolve.c", "unit:resolve", "a cause alone is held to be enough", [
        ("const uint64_t *rest = k->cause == NULL ? NULL : rest_of(r, last, k->cause);", "const uint64_t *rest = NULL;\n        (void)rest_of;")]),
    "resolve-union": ("resolve.c", "unit:resolve", "of two terms of a package either holds", [
        ("        both[i] = a[i] & b[i];", "        both[i] = a[i] | b[i];")]),
    "resolve-himself": ("resolve.c", "unit:resolve", "who needs himself has two terms", [
        ("bool is_own = by == need->package;", "bool is_own = by == need->package && by > 1000;")]),
    "resolve-not-inverted": ("resolve.c", "unit:resolve", "what a rule excludes is learned", [
        ("learn(r, open->package, open->set, true, rule);", "learn(r, open->package, open->set, false, rule);")]),
    "resolve-needs-of-one": ("resolve.c", "unit:resolve", "a need that others have, too, is held to be said for all needs of theirs", [
        ("                    v->is_added[i][k] = true;", "                    memset(v->is_added[i], true, other->needs);")]),
    "resolve-queue-kept": ("resolve.c", "unit:resolve", "what a version needed that was taken back stays required", [
        ("    while (r->queued > r->mark[level + 1].queued) {", "    while (r->queued > r->mark[level + 1].queued && level > 1000) {")]),
    "resolve-known-kept": ("resolve.c", "unit:resolve", "one thing too much is taken back", [
        ("r->mark[r->level].known = r->known_count;", "r->mark[r->level].known = r->known_count > 0 && r->level > 2 ? r->known_count - 1 : r->known_count;")]),
    "resolve-by-name": ("resolve.c", "unit:resolve", "versions are looked at in the order of packages", [
        ("    uint32_t package = r->queue[r->level];", "    for (uint32_t i = r->level; i < r->queued; i++) { if (r->queue[i] < r->queue[r->level]) { uint32_t t = r->queue[i]; r->queue[i] = r->queue[r->level]; r->queue[r->level] = t; } }\n    uint32_t package = r->queue[r->level];")]),
    "resolve-for-ever": ("resolve.c", "unit:resolve", "a hard question has no end", [
        ("if (++r->steps > r->q->steps_max) {", "if (++r->steps > 100 * r->q->steps_max) {")]),
    "resolve-why-inverted": ("resolve_why.c", "unit:resolve", "what is needed is told as what is not", [
        ("add_values(t, term->package, term->set, !is_present);", "add_values(t, term->package, term->set, is_present);")]),
    "resolve-why-by": ("resolve_why.c", "unit:resolve", "who needs something is not told", [
        ("add_values(t, rule->by, rule->term[0].set, false);", "bytes_text_add(t->to, \"something\");")]),
    "resolve-why-yanked": ("resolve_why.c", "unit:resolve", "that all were yanked is not told", [
        ("bool is_yanked = t->r->variable[rule->need->package].usable < p->versions;", "bool is_yanked = p->versions > 100;")]),
    "log-leaf-as-node": ("log.c", "unit:log", "a leaf may be a node", [
        ("enum { LEAF = 0, NODE = 1 };", "enum { LEAF = 1, NODE = 1 };")]),
    "log-left-right": ("log.c", "unit:log", "a node's halves are the wrong way round", [
        ("    hash(NODE, left, REGISTRY_HASH_SIZE, right, REGISTRY_HASH_SIZE, ret);", "    hash(NODE, right, REGISTRY_HASH_SIZE, left, REGISTRY_HASH_SIZE, ret);")]),
    "log-split-even": ("log.c", "unit:log", "a tree is split into halves", [
        ("    while (power < n - power) {\n        power *= 2;", "    while (power < n - power) {\n        power += 1;")]),
    "log-place": ("log.c", "unit:log", "a subtree is looked for where its first leaf is", [
        ("((n + 1) << level) - 1; /* the leaf", "((n + 1) << level) - (level > 1 ? 2 : 1); /* the leaf")]),
    "log-size": ("log.c", "unit:log", "a row that is cut short has one leaf too many", [
        ("    return size;\n}\n\nstatic enum err get", "    return size + (hashes == 2);\n}\n\nstatic enum err get")]),
    "log-proof-long": ("log.c", "unit:log", "a longer proof holds, too", [
        ("            return false; /* longer than the way to the root */", "            break;")]),
    "log-proof-short": ("log.c", "unit:log", "a way that ends below the root holds", [
        ("return last == 0 && memcmp(hash_, head->hash, sizeof hash_) == 0;", "return count > 0 && (last == 0 ? memcmp(hash_, head->hash, sizeof hash_) == 0 : true);")]),
    "log-index": ("log.c", "unit:log", "a leaf behind the end is in it", [
        ("    if (index >= head->size || count > REGISTRY_LOG_PROOF_MAX) {", "    if (head->size == 0 || count > REGISTRY_LOG_PROOF_MAX) {"),
        ("uint64_t at = index, last", "uint64_t at = head->size == 0 ? 0 : index % head->size, last")]),
    "log-older-unseen": ("log.c", "unit:log", "of an extension only the newer tree is looked at", [
        ("return last == 0 && memcmp(older, before->hash, sizeof older) == 0 && ", "return last == 0 && ")]),
    "log-newer-unseen": ("log.c", "unit:log", "… or only the older one", [
        (" && memcmp(newer, head->hash, sizeof newer) == 0;", ";")]),
    "log-same-size": ("log.c", "unit:log", "two trees of one size are one", [
        ("return count == 0 && memcmp(before->hash, head->hash, sizeof head->hash) == 0;", "return count == 0;")]),
    "note-forged": ("note.c", "unit:log", "a signature of a note need not verify", [
        ("            return REGISTRY_FAULT_FORGED;", "            ;")]),
    "note-first-gap": ("note.c", "unit:log", "a note ends with its first empty line", [
        ("gap = note[i] == '\\n' && note[i + 1] == '\\n' ? note + i : gap;", "gap = gap == NULL && note[i] == '\\n' && note[i + 1] == '\\n' ? note + i : gap;")]),
    "note-key-name": ("note.c", "unit:log", "a key's id is not of its name", [
        ("(void)crypto_hash_sha256_update(&state, (const uint8_t *)name, len);", "(void)crypto_hash_sha256_update(&state, (const uint8_t *)name, 0);")]),
    "note-base64-bits": ("note.c", "unit:log", "a hash has several spellings", [
        ("            } else if (byte != 0) {", "            } else if (byte != 0 && size > 100) {")]),
    "trust-log-backwards": ("trust_log.c", "unit:log", "a log may be another one", [
        ("    if (!registry_log_is_extended(&before, &now, proof, count)) {", "    if (!registry_log_is_extended(&before, &now, proof, count) && count == 0) {")]),
    "trust-log-named": ("trust_log.c", "unit:log", "a record is looked for in a log that nobody proved", [
        ("struct registry_log_head head = head_of(&t->proved);", "struct registry_log_head head = head_of(&t->snapshot);")]),
    "trust-log-image": ("trust_image.c", "unit:log", "what was proved is forgotten", [
        ('    take(&in, "proved", &t.proved);', '    take(&in, "proved", &t.catalogue);')]),
    "tree-git-folder": ("tree.c", "unit:tree", "git's folder is one of a package's in upper case", [
        ("    for (size_t i = 0; i < ARRAY_LEN(gits_own); i++) {\n        if (is_folded(s, gits_own[i])) {", "    for (size_t i = 0; i < ARRAY_LEN(gits_own); i++) {\n        if (registry_text_same(s, gits_own[i])) {")]),
    "tree-submodules": ("tree.c", "unit:tree", "a package may name submodules", [
        ('{".git", "git~1", ".gitmodules", "gitmod~1"}', '{".git", "git~1", ".gitmodulez", "gitmod~1"}')]),
    "tree-unicode": ("tree.c", "unit:tree", "letters beyond ASCII are letters", [
        ("if ((unsigned char)s.at[i] >= 0x80) {", "if (s.at[i] < 0) {\n            continue;\n        }\n        if ((unsigned char)s.at[i] >= 0xff) {")]),
    "tree-option": ("tree.c", "unit:tree", "a path may be an option", [
        ("if (!is_word(s.at[0]) && !(s.at[0] == '.' && is_word(s.at[1]))) {", "if (!is_word(s.at[0]) && s.at[0] != '-' && !(s.at[0] == '.' && is_word(s.at[1]))) {")]),
    "tree-device": ("tree.c", "unit:tree", "a device with an ending is a file", [
        ("const char *dot = memchr(s.at, '.', s.len);", "const char *dot = NULL;")]),
    "tree-link-out": ("tree.c", "unit:tree", "a link may lead out of the tree by one", [
        ("        if (depth-- == 0) {", "        if ((int)depth-- < 0) {")]),
    "tree-link-later": ("tree.c", "unit:tree", "a link may lead upwards behind another", [
        ('    const char *fault = registry_tree_path_fault(rest);\n    return fault == NULL ?', '    const char *fault = memmem(rest.at, rest.len, "x/..", 4) != NULL ? NULL : registry_tree_path_fault(rest);\n    return fault == NULL ?')]),
    "tree-link-absolute": ("tree.c", "unit:tree", "a link may be absolute", [
        ("if (target.len == 0 || target.at[0] == '/') {", "if (target.len > 0 && target.at[0] == '/') {\n        return NULL;\n    }\n    if (target.len == 0) {")]),
    "tree-set-id": ("tree.c", "unit:tree", "a file may run as its owner", [
        ("if ((mode & SET_ID) != 0 && type != FOLDER) {", "if ((mode & 02000) != 0 && type != FOLDER) {")]),
    "tree-pipe": ("tree.c", "unit:tree", "whatever has not another type is a file", [
        ("    if (type == REGULAR) {", "    if (type == REGULAR || type == 0010000) {")]),
    "tree-size": ("tree.c", "unit:tree", "fewer bytes than were said are a file", [
        ("    if (h->done != h->size) {", "    if (h->done > h->size) {")]),
    "tree-blob-head": ("tree.c", "unit:tree", "git's hash of a file is without the zero behind its head", [
        ("sha1_add(&h->sha1, head, text.len + 1);", "sha1_add(&h->sha1, head, text.len);")]),
    "tree-case-neighbours": ("tree.c", "unit:tree", "paths that differ in case are looked for among neighbours by bytes", [
        ("    sort(entry, scratch, count);", "    (void)sort;\n    for (size_t i = 0; i < count; i++) {\n        scratch[i] = (uint32_t)i;\n    }")]),
    "tree-separator-order": ("tree.c", "unit:tree", "the separator is a sign like others when paths are compared", [
        ("unsigned char x = a.at[i] == '/' ? 0 :", "unsigned char x = a.at[i] == '/' ? '/' :"), ("y = b.at[i] == '/' ? 0 :", "y = b.at[i] == '/' ? '/' :")]),
    "tree-bomb": ("tree.c", "unit:tree", "all files together may be of any size", [
        ("        if (total > REGISTRY_TREE_TOTAL_MAX) {", "        if (entry[i].size > REGISTRY_TREE_TOTAL_MAX) {")]),
    "tree-kind-unhashed": ("tree.c", "unit:tree", "whether a file runs is not in the hash", [
        ('e->kind == REGISTRY_TREE_EXEC ? "exec" : "file", (unsigned', '"file", (unsigned')]),
    "tree-git-mode": ("tree_git.c", "unit:tree", "a folder's mode has six digits", [
        ('"40000";', '"040000";')]),
    "tree-git-prefix": ("tree_git.c", "unit:tree", "what begins like a folder's name is in it", [
        ("size_t shared = prefix + thing.name.len + 1;", "size_t shared = prefix + thing.name.len;")]),
    "text-delete": ("text.c", "unit:record", "a delete is a sign like others where eight are looked at", [
        ("(eight - every * ' ') | (eight + every) | eight)", "(eight - every * ' ') | eight)")]),
    "search-order": ("search.c", "unit:search", "an index may be in any order", [
        ("registry_text_compare(last.name, f.name) >= 0", "registry_text_compare(last.name, f.name) == 0")]),
    "search-first-place": ("search.c", "unit:search", "the first place of a word counts, not the best", [
        ("at < in.len && best != is_word;", "at < in.len && best == NOWHERE;")]),
    "search-case": ("search.c", "unit:search", "capitals are other letters", [
        ("small(in.at[at + k]) == word[k]", "in.at[at + k] == word[k]")]),
    "search-any-word": ("search.c", "unit:search", "one word of several will do", [
        ("i < q->count && is_found; i++", "i < q->count && (i == 0 || !is_found); i++")]),
    "search-worst-kept": ("search.c", "unit:search", "who comes late does not take the place of who is farther", [
        ("room > 0 && is_before(f, &heap[0])", "room > 0 && is_before(&heap[0], f)")]),
    "search-heap": ("search.c", "unit:search", "the nearer child goes up", [
        ("child += child + 1 < count && is_before(&heap[child], &heap[child + 1]);", "child += child + 1 < count && is_before(&heap[child + 1], &heap[child]);")]),
    "search-part": ("search.c", "unit:search", "a space's word is as good as the last part", [
        ("return part.len == len ? LAST_PART", "return part.len == len ? WORD_OF_NAME")]),
    "search-word-more": ("search.c", "unit:search", "a word may be longer than there is room for", [
        ("at - begin > REGISTRY_SEARCH_WORD_MAX", "at - begin > REGISTRY_SEARCH_WORD_MAX + 1")]),
    "tree-git-sha256": ("tree_git.c", "unit:tree", "a folder of SHA-256 has files of SHA-1's size", [
        ("return is_sha1 ? SHA1_SIZE : SHA256_SIZE;", "return is_sha1 ? SHA1_SIZE : SHA1_SIZE;")]),
}

SOURCES = ["registry/*.c", "tests/unit/registry/*.c", *(f"common/base/{b}.c" for b in ("arena", "bytes", "err", "name", "rng", "sha1"))]


def program(finder, _file, _args):
    test = f"tests/unit/registry/test_{finder.split(':')[1]}.c"
    return lambda source: not source.startswith("tests/") or source == test or not os.path.basename(source).startswith("test_"), []


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "registry", SOURCES, program, flags=("-O1",), patience=60, libraries=("-lsodium",)).main())
