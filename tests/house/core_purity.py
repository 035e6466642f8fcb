#!/usr/bin/env python3
"""Cores stay pure: the undefined symbols of every core object are memory, strings, mathematics,
assertions and deterministic cryptography; nothing that does I/O, reads a clock or draws randomness.

With --build the objects of the build are read; without, the core sources are compiled here.
"""
import os
import re
import subprocess
import tempfile

import house

ALLOWED = re.compile("^(" + "|".join([
    # assertions, stack protector, compiler support
    r"__assert_fail", r"__stack_chk_fail", r"_GLOBAL_OFFSET_TABLE_", r"__(u?div|u?mod|mul|pop|clz|ctz|cpu_)\w*",
    # memory
    r"malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign|(__)?explicit_bzero(_chk)?",
    r"(__)?(mem(cpy|move|set|cmp|chr|rchr|mem|pcpy))(_chk)?", r"qsort|bsearch|abort",
    # strings and text in memory; errno is how strtoul and friends report a range error
    r"(__)?(str(len|nlen|cmp|ncmp|chr|rchr|str|dup|ndup|spn|cspn|pbrk|tok_r|sep|cpy|ncpy|cat|ncat"
    r"|chrnul|casecmp|ncasecmp))(_chk)?", r"(__)?v?snprintf(_chk)?",
    r"(__isoc(99|23)_)?(strto(u?ll?|d|f|ull?|umax|imax)|sscanf)", r"__errno_location",
    r"__ctype_(b|tolower|toupper)_loc|tolower|toupper|is(alpha|digit|alnum|xdigit|space|print|upper|lower)",
    # mathematics
    r"(sqrt|cbrt|hypot|pow|exp|exp2|expm1|log|log2|log10|log1p|floor|ceil|round|l?lround|l?lrint|rint"
    r"|nearbyint|trunc|fabs|fmin|fmax|fmod|fma|sin|cos|tan|asin|acos|atan|atan2|ldexp|frexp|scalbn"
    r"|sinh|cosh|tanh|erf|erfc|lgamma|tgamma|modf)f?", r"__(isnan|isinf|finite)f?",
    # cryptography that is a function of its arguments; keys come in, nothing is drawn
    r"crypto_(?!.*(_keygen|_keypair)$)\w+", r"crypto_\w+_seed_keypair", r"sodium_(memcmp|memzero|is_zero|increment|compare)",
    r"blake2[sb]p?(_\w+)?",
    # what a sanitizer or the coverage build puts in
    r"__(asan|ubsan|tsan|msan|sanitizer|gcov)_\w+", r"__(func_|)entry|_Unwind_Resume",
]) + ")$")


def objects(tree, pure, scratch):
    """[(source, object)] of every core source."""
    if tree.build:
        built = {}
        for source, output, _ in house.compile_commands(tree):
            if source in pure and "/tests/" not in output:
                built.setdefault(source, output)
        return sorted(built.items())
    made = []
    for index, source in enumerate(sorted(pure)):
        output = os.path.join(scratch, f"{index}.o")
        subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-I", tree.root, "-c", "-o",
                        output, os.path.join(tree.root, source)], check=True)
        made.append((source, output))
    return made


def main():
    tree = house.House("cores stay pure")
    pure = house.cores(tree)
    with tempfile.TemporaryDirectory() as scratch:
        made = objects(tree, pure, scratch)
        missing = sorted(set(pure) - {source for source, _ in made})
        for source in missing:
            tree.fault(source, 0, "is a core but is not built")
        made = [(s, o) for s, o in made if os.path.exists(o) or tree.fault(s, 0, "not built yet")]
        # A core may use any pure file of its own room and of common/base, nothing else of ours.
        own = {}
        defined = house.symbols([o for _, o in made], "--defined-only", "-g")
        undefined = house.symbols([o for _, o in made], "-u")
        for source, output in made:
            own.setdefault(pure[source], set()).update(defined[output])
        for source, output in made:
            tree.saw()
            known = own.get("common/base", set()) | own[pure[source]]
            for name in sorted(set(undefined[output]) - known):
                if not ALLOWED.match(name):
                    tree.fault(source, 0, f"uses {name}, which a core may not")
    tree.finish("core objects")


if __name__ == "__main__":
    main()
