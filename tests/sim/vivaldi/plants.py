#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of the coordinates' core, and the worlds or a unit test must find it. A bug that
escapes, or whose place is no longer in the source, fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER --data DIR [--jobs N] [NAME ...]
data: where the unpacked matrices are (tests/sim of a build directory).
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, who finds it: worlds with this in their name or a unit test, what goes wrong,
#        [(text that is there once, what the bug makes of it)])
PLANTS = {
    "all-the-way": ("core.c", "noise", "a refit goes the whole way at once", [
        ("#define SHARE_COLD 0.2f", "#define SHARE_COLD 1.0f")]),
    "never-calm": ("core.c", "noise", "it goes as far as in the beginning for ever", [
        ("within(SHARE_TURNS / (float)v->turns, SHARE_CALM, SHARE_COLD)", "SHARE_COLD")]),
    "no-begin": ("core.c", "3-d and", "all begin at one point", [
        ("        v->live.at[k] = rtt_ms * to[k] / length;", "        v->live.at[k] = 0 * to[k];")]),
    "claims-believed": ("core.c", "10 % liars", "whoever claims to be sure is believed", [
        ("float error = claimed > v->live.error ? claimed : v->live.error;", "float error = claimed;"),
        ("#define CLAIM_FLOOR 0.1f", "#define CLAIM_FLOOR 0.0001f")]),
    "least-squares": ("refit.c", "10 % liars", "outliers count like all others", [
        ("weight / ((1 + doubt * doubt) * share_of * share_of)", "weight / ((1 + 0 * doubt) * share_of * share_of)")]),
    "crowds-believed": ("refit.c", "crowd", "… also a tenth that all say to be at one place", [
        ("weight / ((1 + doubt * doubt) * share_of * share_of)", "weight / ((1 + 0 * doubt) * share_of * share_of)")]),
    "mirrors-believed": ("refit.c", "the mirror", "… also a tenth that tells of a world in the mirror", [
        ("weight / ((1 + doubt * doubt) * share_of * share_of)", "weight / ((1 + 0 * doubt) * share_of * share_of)")]),
    "two-faced-believed": ("core.c", "liars pull", "who tells this node another place than all counts like all others", [
        ("    doubt *= doubt; /*", "    doubt = 0; /*")]),
    "silent-believed": ("core.c", "unheard by all", "… and who tells all nothing", [
        ("    float apart = VIVALDI_COORD_ERROR_MAX, rtt_ms", "    float apart = 0, rtt_ms")]),
    "nobody-is-usual": ("core.c", "unit:core", "what is far from what is told is far, however far all are from it", [
        ("v->usual_apart > DOUBT_LEAST ? v->usual_apart : DOUBT_LEAST", "DOUBT_LEAST")]),
    "doubt-outlives": ("peers.c", "unit:peers", "who was doubted once is for ever", [
        ("#define FORGIVEN 0.25f", "#define FORGIVEN 1.0f")]),
    "doubt-forgotten": ("peers.c", "unit:peers", "who tells all what it says to one, just then, was never doubted", [
        ("#define FORGIVEN 0.25f", "#define FORGIVEN 0.0f")]),
    "own-curvature": ("refit.c", "unit:refit", "each step goes by its own curvature alone", [
        ("curve->of[k][l] + way->share * (h[k][l] - curve->of[k][l])", "h[k][l]")]),
    "stiff-at-once": ("core.c", "sites", "curvature is averaged while all still move, and neighbours keep each other", [
        ("#define FRESH_TURNS 400.0f", "#define FRESH_TURNS 8.0f")]),
    "own-gravity": ("core.c", "two sites", "each falls towards the origin by itself, and far sites with it", [
        ("        self[k] -= share * middle[k];", "        self[k] -= GRAVITY * self[k] + 0 * share * middle[k];")]),
    "neighbours-doubted": ("refit.c", "sites", "a neighbour further off than its own round trip is an outlier", [
        ("doubt = p->off_ms[g] / share_of * tolerance", "doubt = ratio * tolerance")]),
    "absolute-errors": ("refit.c", "noise", "milliseconds are fitted, not shares", [
        ("weight / ((1 + doubt * doubt) * share_of * share_of)", "weight / (1 + doubt * doubt)")]),
    "far-end-ignored": ("refit.c", "3-d and", "the other's height is left out", [
        ("vivaldi_lanes h = self[HEIGHT] + vivaldi_lanes_load(&r->at[HEIGHT][group * LANES]);",
         "vivaldi_lanes h = self[HEIGHT] + vivaldi_lanes_all(0);")]),
    "height-cut-off": ("refit.c", "3-d and", "a height below 0 is cut off after all else is solved", [
        ("        g[HEIGHT] = g[HEIGHT] < -height ? -height : g[HEIGHT];\n", "        (void)height;\n")]),
    "height-below-0": ("refit.c", "unit:refit", "heights may be negative", [
        ("        g[HEIGHT] = g[HEIGHT] < -height ? -height : g[HEIGHT];\n", "        (void)height;\n"),
        ("    self[HEIGHT] = self[HEIGHT] < 0 ? 0 : self[HEIGHT];\n", "")]),
    "wrong-way": ("refit.c", "3-d and", "it goes away from where it should", [
        ("self[k] += share * g[k];", "self[k] -= share * g[k];")]),
    "one-lane-lost": ("refit.c", "unit:refit", "the last of four is not looked at", [
        ("weights += weight;", "weight[3] = 0;\n        weights += weight;")]),
    "plain-heights": ("coord.c", "unit:coord", "neighbours are as far apart as their heights", [
        ("return d > 0 ? d + h * d * d / (d * d + fade * fade + LEAST_SQUARE) : 0;", "return d + h;")]),
    "half-way-down": ("refit.c", "homes", "it is fitted as if heights faded for those who are no further apart than they are high", [
        ("square / (square + VIVALDI_COORD_FADE * VIVALDI_COORD_FADE * h * h)", "square / (square + h * h)")]),
    "change-hidden": ("core.c", "all ways get longer", "what was measured before a change hides it from the filter", [
        ("    if (is_change) {", "    if (is_change && false) {")]),
    "before-counts": ("core.c", "all ways get longer", "round trips of before a change count as those of after it", [
        ("#define BEFORE 0.01f", "#define BEFORE 1.0f")]),
    "towers-believed": ("core.c", "very high up", "who says to be so high up that only those beside it could be near is looked for there", [
        ("    return peer->height < most ? peer->height : most;", "    return peer->height + 0 * most;")]),
    "batch-differs": ("coord.c", "unit:coord", "four at once leave out the height of this end", [
        ("vivaldi_lanes h = from->height + (", "vivaldi_lanes h = 0 * from->height + (")]),
    "no-filter": ("peers.c", "unit:peers", "the newest round trip counts alone", [
        ("    return sorted[count > 2];", "    return rtt[0];"),
        ("return high > 1.5f * low ? sorted[0] : code_of((low + high) / 2);", "return low > high ? sorted[0] : rtt[0];")]),
    "larger-of-two": ("peers.c", "unit:peers", "of two the larger one counts, as in serf", [
        ("return high > 1.5f * low ? sorted[0]", "return high > 1.5f * low ? sorted[1]")]),
    "lost-in-the-chain": ("peers.c", ["unit:peers", "24 peers"], "who moves into a gap keeps its old place in its chain", [
        ("        repoint(p, vivaldi_peers_id(&p->peer[last]), last + 1, index + 1);\n", "")]),
    "one-too-many": ("peers.c", ["24 peers", "unit:peers"], "one more than there is room for", [
        ("    if (p->count == p->max) {", "    if (p->count > p->max) {")]),
    "young-make-room": ("peers.c", "unit:peers", "the newest makes room", [
        ("now_s - p->peer[at].measured_s > now_s", "now_s - p->peer[at].measured_s < now_s")]),
    "nan-taken": ("coord.c", ["noise", "unit:coord"], "what is no number is a coordinate", [
        ("return part >= least && part <= VIVALDI_COORD_SIDE_MAX;", "return !(part < least) && !(part > VIVALDI_COORD_SIDE_MAX);")]),
    "zero-taken": ("core.c", ["noise", "unit:core"], "a round trip may take no time", [
        ("if (rtt_us == 0 || rtt_us >", "if (rtt_us >")]),
    "hour-taken": ("core.c", ["noise", "unit:core"], "a round trip may take an hour", [
        ("if (rtt_us == 0 || rtt_us > (uint64_t)VIVALDI_RTT_MAX_MS * US) {", "if (rtt_us == 0) {")]),
    "lost-is-usual": ("core.c", "unit:core", "who has been far off for long, or remembers that it was, moves like who is right", [
        ("v->live.error > ERROR_LOST || v->live.error", "v->live.error")]),
    "stable-follows": ("core.c", "noise", "the stable coordinate moves with every step", [
        ("    if (vivaldi_coord_moved_ms(&v->live, &v->stable) > uncertain * v->usual_ms) {",
         "    if (uncertain > 0) {")]),
    "error-of-one": ("core.c", "10 % liars", "the error follows the newest round trip alone, up and down", [
        ("#define ERROR_RATE 0.25f", "#define ERROR_RATE 8.0f")]),
    "old-for-ever": ("core.c", "unit:core", "what was measured once holds for ever", [
        ("now_s - peer->measured_s <= VIVALDI_STALE_S", "now_s - peer->measured_s <= UINT32_MAX")]),
    "told-over-said": ("core.c", ["cluster", "unit:core"], "what was told to all minutes ago replaces what was just said", [
        ("(vivaldi_peers_age_s(peer, now_s) > VIVALDI_OLD_S &&", "(vivaldi_peers_age_s(peer, now_s) <= VIVALDI_OLD_S &&")]),
    "told-by-novices": ("core.c", "unit:core", "what was told by who knew nothing yet counts as much as what is known", [
        ("c->error <= TOLD_ERRORS * vivaldi_peers_error(peer) + STABLE_LEAST", "c->error <= VIVALDI_COORD_ERROR_MAX")]),
    "dead-for-ever": ("core.c", "unit:core", "who is neither measured nor heard any more stays", [
        ("if (!vivaldi_peers_is_placed(peer) && now_s - peer->measured_s > VIVALDI_STALE_S) {", "if (false) {")]),
    "old-is-fresh": ("core.c", "unit:core", "a place of which nothing is heard is as good as new after 18 hours", [
        ("            vivaldi_peers_displace(peer);\n", "")]),
    "nobody-restored": ("core.c", "unit:image", "a restart begins somewhere else than where it ended", [
        ("    v->live = *c;\n", "    v->live.error = c->error;\n")]),
    "restart-is-new": ("core.c", "unit:image", "who restarts is thrown about as if it were new", [
        ("    v->turns = TURNS_RESTORED;\n", "    v->turns = 1;\n"), ("    v->usual_error = c->error;\n", "")]),
    "unseen-damage": ("image.c", "unit:image", "a damaged file is believed", [
        ("bytes_get_be32(bytes + size - VIVALDI_IMAGE_TAIL) != bytes_crc32c(0, bytes, size - VIVALDI_IMAGE_TAIL)", "false")]),
    "novices-in-the-middle": ("core.c", "unit:route", "who has just begun is where all begin, 0 ms from each other", [
        ("    if (error >= VIVALDI_COORD_ERROR_MAX) {", "    if (error > VIVALDI_COORD_ERROR_MAX) {")]),
    "suspects-first": ("route.c", "unit:route", "who is suspected comes before who is alive", [
        ("return a_lives != b_lives ? a_lives :", "return a_lives != b_lives ? b_lives :")]),
    "claims-before-measure": ("route.c", "unit:route", "where somebody says it is counts more than what was measured", [
        ("return vivaldi_core_estimate(v, now_s, c->id, c->has_coord ? &c->coord : NULL);",
         "return c->has_coord ? vivaldi_core_predict(&v->live, &c->coord) : vivaldi_core_estimate(v, now_s, c->id, NULL);")]),
}

CORE = ("coord", "core", "image", "peers", "refit", "route")
SOURCES = [*(f"vivaldi/{c}.c" for c in CORE), "tests/sim/vivaldi/*.c", *(f"tests/unit/vivaldi/test_{u}.c" for u in CORE),
           "nodosum/meta.c", *(f"common/base/{b}.c" for b in ("bytes", "cursor", "err", "name", "rng"))]


def program(finder, _file, args):
    unit = finder.removeprefix("unit:") if finder.startswith("unit:") else None
    main = f"tests/unit/vivaldi/test_{unit}.c" if unit else "tests/sim/vivaldi/test_sim_vivaldi.c"

    def belongs(source):
        if os.path.basename(source).startswith("test_"):
            return source == main
        return not unit or os.path.dirname(source) != "tests/sim/vivaldi"
    return belongs, [] if unit else ["--data", DATA, "--only", finder]


if __name__ == "__main__":
    at = sys.argv.index("--data")
    DATA = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    sys.exit(plants.Garden(PLANTS, "vivaldi", SOURCES, program, flags=("-O2",), patience=60, hangs=("lost-in-the-chain",)).main())
