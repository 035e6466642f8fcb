#!/usr/bin/env python3
"""Planted bugs outside the pure cores, which have lists of their own beside their simulations: readers, shells, the runtime's
doors, the command line. Each is built into a copy of the program that has it, and the test that claims otherwise must fail. By
hand: a second or two for a unit test, half a minute for one with real nodes. A bug whose place is no longer in the source counts
as escaped.

Usage: shell_plants.py --build DIR [NAME ...]
"""
import argparse
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from support.variant import judge_pytest, plant, run_pytest, try_all # pylint: disable=wrong-import-position
from support.verdict import CAUGHT, ESCAPED # pylint: disable=wrong-import-position

CELL_LIFE = ("tests/cell/testcell", "unit:cell_life")
OPTIONS = ("cell", "system:test_raft_store.py -k bad_input")
YAML_BAD = ("tests/test_yaml_bad", "unit:yaml_bad")
YAML_GOOD = ("tests/test_yaml_good", "unit:yaml_good")
YAML_LIMITS = ("tests/test_yaml_limits", "unit:yaml_limits")
STORE = ("tests/test_datapath_store", "unit:datapath_store")
SIX = ("cell-nodosum", "system:test_overlay_members.py -k ipv6_alone")
LIARS = ("cell-nodosum", "system:test_nodosum.py -k made_to_leave")
UAPI = ("tests/test_datapath_uapi", "unit:datapath_uapi")
SCOPES = ("cell-datapath", "system:test_overlay_node.py -k of_the_host")
NAMES = ("tests/test_datapath_names", "unit:datapath_names")
OVERLAY = ("cell-datapath", "system:test_overlay_node.py -k last_word")
CAPTURE = ("cell-datapath", "system:test_overlay_node.py -k hold_up")
ANSWERS = ("cell-datapath", "system:test_overlay_node.py -k answer_is")
FILES = ("cell", "system:test_overlay_node.py -k none_for_packets")
SLOWLY = ("cell", "system:test_overlay_node.py -k slowly")
RIGHTS = ("tests/test_run_rights", "unit:run_rights")
POWER = ("tests/test_raft_power", "unit:raft_power")
PACKET = ("tests/test_raft_packet", "unit:raft_packet")
NARROW = ("tests/test_run_narrow", "unit:run_narrow")
SHIELD = ("tests/test_datapath_shield_own", "unit:datapath_shield_own")
KEEPER = ("tests/test_datapath_keeper", "unit:datapath_keeper")
RINGS = ("tests/test_datapath_rings", "unit:datapath_rings")
LANE = ("tests/test_datapath_lane", "unit:datapath_lane")
PATH = ("cell-datapath", "system:test_overlay_path.py -k both_directions")
FRAMES = ("cell-datapath", "system:test_overlay_frames.py -k uncut")
DEATHS = ("cell-datapath", "system:test_overlay_path.py -k processes_die")
BOTH = ("cell-nucleus", "system:test_shield.py -k with_the_supervisor")
NEXT = ("cell-nucleus", "system:test_overlay_path.py -k processes_die")
IDS = ("cell-datapath", "system:test_overlay_path.py -k outlive_the_keeper")
HAND = ("cell-shield", "system:test_shield.py -k by_hand_keepers")
UNMINDED = ("cell-datapath", "system:test_shield.py -k by_hand_keepers")
BACK = ("cell-shield", "system:test_overlay_path.py -k comes_back_with")
MEASURES = ("cell-shield", "system:test_overlay_path.py -k auto_measures")
PAYS = ("cell-shield", "system:test_overlay_path.py -k that_pays")
PLAIN = ("cell-datapath", "system:test_overlay_path.py -k one_by_one")
TOLD = ("cell-datapath", "system:test_overlay_path.py -k auto_measures")
COORDS = ("tests/test_vivaldi_shell", "unit:vivaldi_shell")
LIES = ("cell-nodosum", "system:test_vivaldi.py -k something_else")
ROOM = ("cell-dht", "system:test_dht.py -k more_members")
WAY_IN = ("cell-dht", "system:test_dht.py -k may_be_a_name")
UNPACK = ("tests/test_run_unpack", "unit:run_unpack")
WORDS = ("cell-nucleus", "system:test_words.py -k whole_and_named")
ANSWERED = ("tests/cell/testcell", "unit:cell_client")
NETLINK = ("tests/test_run_netlink", "unit:run_netlink")
SHOWN = ("cell-datapath", "system:test_shield.py -k signal_that_opens")
ADDRESSES = ("cell-nucleus", "system:test_overlay_node.py -k ipv4_is_cut")
PLACES = ("cell-datapath", "system:test_overlay_node.py -k ipv4_is_cut")
TUNS = ("cell-nucleus", "system:test_overlay_node.py -k down_up")
ROUND = ("cell-datapath", "system:test_overlay_node.py -k come_round")
NOWHERE = ("cell-datapath", "system:test_overlay_node.py -k nobody_can_be")
DEVICE = ("cell-datapath", "system:test_overlay_node.py -k is_what_it_is")
ELSEWHERE = ("cell-datapath", "system:test_overlay_node.py -k another_network")
MENDED = ("cell-nucleus", "system:test_overlay_node.py -k took_away")

# name: (file, (program, who sees it), what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    # The end of a cell.
    "draining-takes-all": ("common/run/door.c", CELL_LIFE, "who drains takes requests as before", [
        ("    if (cell->is_draining && !op->is_inspect && !op->is_vital) {", "    if (false) {")]),
    "vital-refused": ("common/run/door.c", CELL_LIFE, "who drains refuses what others may wait for", [
        ("    if (cell->is_draining && !op->is_inspect && !op->is_vital) {", "    if (cell->is_draining && !op->is_inspect) {")]),
    "draining-is-blind": ("common/run/door.c", CELL_LIFE, "who drains cannot be looked at", [
        ("    if (cell->is_draining && !op->is_inspect && !op->is_vital) {", "    if (cell->is_draining && !op->is_vital) {")]),
    "envelope-goes": ("common/run/door.c", ("tests/cell/testcell", "unit:cell_forward"), "what is passed on is lent until the next message", [
        ("    batch->keeps_envelope |= is_passed_on || request->route[0] != '\\0';", "    (void)is_passed_on;")]),
    "drains-twice": ("common/run/life.c", CELL_LIFE, "each word to drain drains once more", [
        ("    if (cell->is_draining) {\n        return;", "    if (false) {\n        return;")]),
    "drains-in-silence": ("common/run/life.c", CELL_LIFE, "the supervisor is not told that a cell drains", [
        ("    life_say_draining(cell);\n    if (cell->def->drain", "    if (cell->def->drain")]),

    # What a part of `cell raft` takes.
    "read-ends": ("cli/raft.c", ("cell", "system:test_raft.py -k reads_on_when"), "a read fails when its leader is deposed meanwhile", [
        ("(is_read && (e == ERR_UNAVAILABLE ||", "(is_read && (false ||")]),
    "strange-options": ("cli/part.c", OPTIONS, "an option that means nothing to a part is swallowed", [
        ("!cli_args_has(cli, o->name) || has_word", "!cli_args_has(cli, o->name) || true || has_word")]),
    "get-has-a-limit": ("cli/raft.c", OPTIONS, "one key is got with the options of a range", [
        ('cli_args_has(cli, "prefix") ? RANGE_OPTIONS', "true ? RANGE_OPTIONS")]),
    "part-of-a-word": ("cli/part.c", OPTIONS, "an option passes for one that begins as it does", [
        ("        if (strlen(wanted) == len && memcmp(word, wanted, len) == 0) {", "        if (memcmp(word, wanted, 1) == 0) {")]),

    "replies-are-printed-raw": ("cli/paint.c", ("tests/test_cli_paint", "unit:cli_paint"), "texts of a reply reach the terminal as they are", [
        ("            *text = '?';\n", "")]),
    "lists-are-printed-raw": ("cli/paint.c", ("tests/test_cli_paint", "unit:cli_paint"), "texts of lists in a reply reach the terminal as they are", [
        ("k < *(const size_t *)quantifier; k++", "k < 0; k++")]),

    "hung-is-waited-for": ("cli/raft.c", ("cell", "system:test_raft_members.py -k that_hangs"), "a member that hangs is asked again and again", [
        ("            is_next = at == NULL && now_ms < gone_ms;", "            is_next = false;")]),
    "watch-ends": ("cli/raft.c", ("cell", "system:test_raft_members.py -k watches_on"), "a watch ends with its member", [
        (" || number == CELL__RAFT__OP__OP_WATCH;", ";")]),
    "watch-from-its-end": ("cli/raft_keys.c", ("cell", "system:test_raft_members.py -k watches_on"), "a watch that goes on begins with what comes then", [
        ("        ask.from = reply->next;", "        ask.from = reply->n_events > 0 ? 0 : reply->next;")]),

    # What a member of the store has on its disk before it says so, and whom it hears.
    "votes-unsynced": ("raft/store.c", POWER, "a vote is told before it is on the disk", [
        ("    if (e == ERR_OK && fdatasync(s->ballot_fd) != 0) {", "    if (false) {")]),
    "names-unsynced": ("raft/store.c", POWER, "a file is counted on whose name is not on the disk", [
        ("    return fsync(s->dir_fd) == 0 ? ERR_OK", "    return true ? ERR_OK")]),
    "segments-unsynced": ("raft/store_make.c", POWER, "a segment is used before it is on the disk", [
        ("    if (e == ERR_OK && fsync(fd) != 0) {", "    if (false) {")]),
    "snapshots-unsynced": ("raft/snapshot_file.c", POWER, "the log goes behind a snapshot that is not on the disk", [
        ("    if (fsync(f->fd) != 0) {", "    if (false) {")]),
    "snapshots-unnamed": ("raft/snapshot_file.c", POWER, "the log goes behind a snapshot whose name is not on the disk", [
        (" || fsync(f->dir_fd) != 0) {", ") {")]),
    "any-cluster-heard": ("raft/packet.c", PACKET, "packets of another cluster are heard", [
        ("    if (raft_le_get64(bytes + 8) != cluster) {", "    if (false) {")]),
    "any-member-heard": ("raft/packet.c", PACKET, "packets for another member are heard", [
        ("    if (m.to != self) {", "    if (false) {")]),

    # Whom a dht knows.
    "beyond-untold": ("dht/shell.c", ROOM, "what there is room for passes for everybody", [
        ("        dht_core_beyond(s->core);\n", "")]),
    "alone-as-told": ("dht/shell.c", WAY_IN, "who has a way in and knows nobody says that there is none", [
        ("    dht_core_company(s->core, dht_shell_has_way_in(s));\n", "")]),

    # Interfaces in manifests.
    "tun-any-bits": ("nucleus/yaml_tun.c", YAML_BAD, "an IPv4 network has 128 bits", [
        ("a.is_v6 ? 128 : 32", "128")]),
    "tun-needless-zero": ("nucleus/yaml_tun.c", YAML_BAD, "01400 is a number", [
        (" || (text[0] == '0' && len > 1)) {", ") {")]),
    "tun-least-mtu": ("nucleus/yaml_tun.c", YAML_BAD, "an mtu is one too small", [
        ("t->mtu < MANIFEST_TUN_MTU_MIN", "t->mtu + 1 < MANIFEST_TUN_MTU_MIN")]),
    "tun-most-mtu": ("nucleus/yaml_tun.c", YAML_BAD, "an mtu is one too large", [
        ("MANIFEST_TUN_MTU_MAX, &t->mtu)", "MANIFEST_TUN_MTU_MAX + 1, &t->mtu)")]),
    "tun-percent": ("nucleus/yaml_tun.c", YAML_BAD, "the kernel may choose a name", [
        ('strchr("/:%", text[i])', 'strchr("/:", text[i])')]),
    "tun-control": ("nucleus/yaml_tun.c", YAML_BAD, "a name has what no terminal shows", [
        ("text[i] <= ' '", "text[i] == ' '")]),
    "tun-long-name": ("nucleus/yaml_tun.c", YAML_BAD, "a name is one too long", [
        ("len < MANIFEST_INTERFACE_SIZE", "len <= MANIFEST_INTERFACE_SIZE"),
        ("    memcpy(t->interface, raw->interface, strlen(raw->interface) + 1);", "    memcpy(t->interface, raw->interface, strnlen(raw->interface, MANIFEST_INTERFACE_SIZE - 1) + 1);")]),
    "tun-dots": ("nucleus/yaml_tun.c", YAML_BAD, "an interface is called ..", [
        (' && strcmp(text, "..") != 0;', ";")]),
    "tun-twice": ("nucleus/yaml_tun.c", YAML_BAD, "two have one interface", [
        ("if (strcmp(c->sandbox.tun[i].interface, t->interface) == 0) {", "if (false) {")]),
    "tun-for-two": ("nucleus/yaml_tun.c", YAML_BAD, "two instances share one", [
        ("    if (c->instances > 1) {", "    if (c->instances > 2) {")]),
    "tun-for-nobody": ("nucleus/yaml_tun.c", YAML_BAD, "one is handed to a program that takes no descriptors", [
        ("    if (c->trivial) {", "    if (false) {")]),
    "tun-no-mtu": ("nucleus/yaml_tun.c", YAML_GOOD, "the usual mtu is none", [
        ("is_tap ? MANIFEST_TAP_MTU_DEFAULT : MANIFEST_TUN_MTU_DEFAULT;", "is_tap ? MANIFEST_TAP_MTU_DEFAULT : 0;")]),
    "tap-no-mtu": ("nucleus/yaml_tun.c", YAML_GOOD, "… of a TAP", [
        ("is_tap ? MANIFEST_TAP_MTU_DEFAULT : MANIFEST_TUN_MTU_DEFAULT;", "MANIFEST_TUN_MTU_DEFAULT;")]),
    "tap-is-tun": ("nucleus/yaml_tun.c", YAML_GOOD, "a TAP is a TUN", [
        ("        t->is_tap = is_tap;\n", "")]),
    "tap-beside-too-many": ("nucleus/yaml_tun.c", YAML_LIMITS, "both lists may be as long as one", [
        ("    if (count > MANIFEST_TUN_MAX) {", "    if (count > 2 * MANIFEST_TUN_MAX) {")]),
    "tap-same-entry": ("nucleus/yaml_hash.c", YAML_GOOD, "a TUN that becomes a TAP is no change", [
        ('put_text(s, t->is_tap ? "tap" : "tun");', 'put_text(s, "tun");')]),

    # Interfaces that a supervisor keeps.
    "tun-stays": ("nucleus/tuns.c", TUNS, "a cell that is stopped has its interface still", [
        ("node_at(s->node, (uint32_t)slot)->state == NODE_STOPPED) {", "false) {")]),

    # Where members are.
    "six-is-connected": ("nodosum/net.c", SIX, "a socket of IPv6 that was connected once hears one member alone", [
        ("    if (!(is_v6 ? routes_from(net->routes, target, &seen) : connects_from(net->fd, target, &seen)) ||",
         "    union place p;\n    bool ignored;\n    if (connect(net->fd, &p.any, to_place(target, is_v6, &p)) != 0 || where(net->fd, &seen, &ignored) != ERR_OK ||"
         " (connect(net->fd, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof p.any), false) ||")]),
    "six-asks-nobody": ("nodosum/net.c", SIX, "a member with a socket of IPv6 tells others that it is at its loopback", [
        ("routes < 0 || netlink_ask(", "true || netlink_ask(")]),

    # Members that lie.
    "liars-are-believed": ("nodosum/word.c", LIARS, "what a member says of another in its last incarnation is believed", [
        ("    if (from == index || m->incarnation <= k->incarnation ||", "    if (true || m->incarnation <= k->incarnation ||")]),
    "words-say-nothing": ("nodosum/shell.c", LIARS, "words of members are not looked at", [
        ("    return word_is_said(own->cluster_id, id->byte, lives ? WORD_LIVES : WORD_LEFT, incarnation, word);", "    return true;")]),

    # Where a node says that it is.
    "no-v6-of-the-host": ("nucleus/sockets.c", ADDRESSES, "a cell that is kept tells others its addresses of IPv4 alone", [
        ("    return !is_anywhere ? -1", "    return true || !is_anywhere ? -1")]),
    "places-of-its-own": ("datapath/places.c", PLACES, "addresses inside of the overlay are told as places", [
        (" || m->ifa_index == l->p->own[0] || m->ifa_index == l->p->own[1]) {", ") {")]),
    "places-that-end": ("datapath/places.c", PLACES, "addresses that are to go are told", [
        ("(flags & FLEETING) == 0 && ", "")]),
    "places-of-one-network": ("datapath/places.c", PLACES, "two addresses of one network use up the room", [
        ("        is_there = is_there && memcmp(f->at[i].ip, at.ip, NETWORK) != 0;", "        is_there = is_there && memcmp(f->at[i].ip, at.ip, 16) != 0;")]),
    "places-once": ("datapath/signals.c", PLACES, "places are those of the beginning", [
        ("    if (datapath_places_look(p)) {", "    if (false) {")]),

    # What stands in messages of others.
    "texts-end-at-nul": ("common/run/unpack.c", UNPACK, "a text of a message ends at its first NUL", [
        ("!bytes_is_utf8(at, (size_t)length)", "!bytes_is_utf8(at, strnlen((const char *)at, (size_t)length))")]),
    "texts-are-any-bytes": ("common/run/unpack.c", UNPACK, "a text of a message is not UTF-8", [
        ("!bytes_is_utf8(at, (size_t)length)", "memchr(at, '\\0', (size_t)length) != NULL")]),
    "texts-of-the-top": ("common/run/unpack.c", UNPACK, "texts of inner messages are not looked at", [
        ("    if (l->field != NULL && l->field->type == PROTOBUF_C_TYPE_MESSAGE) {", "    if (false) {")]),
    "deeper-than-the-stack": ("common/run/unpack.c", UNPACK, "a message is one deeper than can be", [
        ("l == &level[UNPACK_DEPTH_MAX - 1]", "l == &level[UNPACK_DEPTH_MAX - 2]")]),
    "the-first-is-named": ("common/run/unpack.c", UNPACK, "the first of a list is named for all", [
        ("        index += f.number == l->field->id;", "        index += 0;")]),
    "any-eight-bytes": ("common/base/bytes.c", UNPACK, "a NUL among eight plain bytes is not seen", [
        ("    return ((word - UINT64_C(0x0101010101010101)) | word) &", "    return word &")]),
    "bodies-unlooked-at": ("common/run/door.c", WORDS, "texts of requests are not looked at", [
        ("    e = unpack_message(op->op->request, &allocator, request->body.data, request->body.len, &message, why);",
         "    message = protobuf_c_message_unpack(op->op->request, &allocator, request->body.len, request->body.data);\n    e = message != NULL ? ERR_OK : ERR_MALFORMED;")]),
    "envelopes-unlooked-at": ("common/run/call.c", ("cell-gateway", "system:test_words.py -k of_the_envelope"), "texts of envelopes are not looked at", [
        ("    enum err e = unpack_message(&cell__envelope__requests__descriptor, &allocator, data, size, &message, why);",
         "    message = protobuf_c_message_unpack(&cell__envelope__requests__descriptor, &allocator, size, data);\n    enum err e = message != NULL ? ERR_OK : ERR_MALFORMED;")]),
    "answers-unlooked-at": ("common/run/ask_link.c", ANSWERED, "texts of answers are not looked at", [
        ("    if (unpack_message(r->reply, NULL, reply->body.data, reply->body.len, &r->answer, why) == ERR_OK) {",
         "    r->answer = protobuf_c_message_unpack(r->reply, NULL, reply->body.len, reply->body.data);\n    if (r->answer != NULL) {")]),
    "any-freshness": ("raft/service_wait.c", ("cell-raft", "system:test_words.py -k kinds_that"), "a freshness that nobody knows is one", [
        ("    if ((unsigned)freshness > CELL__RAFT__FRESHNESS__NOT_OLDER) {", "    if (false) {")]),

    # What the kernel says.
    "netlink-of-anybody": ("common/run/netlink.c", NETLINK, "what was said to an earlier question answers this one", [
        ("        if (!r->is_news && head.nlmsg_seq != r->sequence) {", "        if (false) {")]),
    "netlink-no-news": ("common/run/netlink.c", NETLINK, "what nobody asked for is not heard", [
        ("        if (!r->is_news && head.nlmsg_seq != r->sequence) {", "        if (head.nlmsg_seq != r->sequence) {")]),
    "netlink-cut": ("common/run/netlink.c", NETLINK, "a message is longer than what was received", [
        (" || head.nlmsg_len > r->left) {", ") {")]),
    "netlink-zero-step": ("common/run/netlink.c", NETLINK, "an attribute of no length is stepped over", [
        ("        if (head.nla_len < NLA_HDRLEN || head.nla_len > m->size - at) {\n            break;", "        if (head.nla_len > m->size - at || at > 4096) {\n            break;"),
        ("at += NLA_ALIGN((size_t)head.nla_len)) {", "at += head.nla_len < NLA_HDRLEN ? NLA_HDRLEN : NLA_ALIGN((size_t)head.nla_len)) {")]),
    "netlink-long-attribute": ("common/run/netlink.c", NETLINK, "an attribute ends behind its message", [
        ("        if (head.nla_len < NLA_HDRLEN || head.nla_len > m->size - at) {", "        if (head.nla_len < NLA_HDRLEN) {")]),
    "netlink-any-size": ("common/run/netlink.c", NETLINK, "an attribute of another size is taken", [
        ("    if (at == NULL || found != size) {", "    if (at == NULL) {")]),
    "netlink-no-error": ("common/run/netlink.c", NETLINK, "a refusal is a word that it is done", [
        (" ? EPROTO : -word);", " ? EPROTO : 0);")]),
    "netlink-half": ("common/run/netlink_ask.c", NETLINK, "a list that changed while it was told is whole", [
        ("    return error == 0 && is_interrupted ? EINTR : error;", "    return error;")]),
    "netlink-lost": ("common/run/netlink_ask.c", NETLINK, "an answer that was lost is waited for among others", [
        ("        return errno == EAGAIN ? EPROTO : errno;", "        *ret = (struct netlink_reader){.error = NETLINK_MORE};\n        return errno == EAGAIN ? EPROTO : errno == ENOBUFS ? 0 : errno;")]),
    "netlink-too-long": ("common/run/netlink_ask.c", NETLINK, "an answer that was cut for want of room is one", [
        ("    return (size_t)got > sizeof n->answer ? EMSGSIZE : 0;", "    return 0;")]),

    # Who was killed only just.
    "lock-at-once": ("nucleus/guard.c", ("cell-guard", "system:test_recovery.py -k let_go"), "a node does not start while the last thread of the one before ends", [
        ("    GUARD_LOCK_TRIES = 50, ", "    GUARD_LOCK_TRIES = 0, ")]),

    # Whom people mean.
    "unknown-is-nonsense": ("datapath/names.c", NAMES, "a name that nobody has passes for none at all", [
        ("    return ERR_NOT_FOUND;", "    return ERR_INVALID;")]),

    "scope-has-no-name": ("datapath/scope.c", UAPI, "an interface is known by its number alone", [
        ("    if (socket >= 0 && ioctl(socket, SIOCGIFINDEX", "    if (false && ioctl(socket, SIOCGIFINDEX")]),
    "scope-of-the-world": ("datapath/text.c", UAPI, "the interface of an address of no link is looked for", [
        ("    at->scope = is_of_link ? (uint32_t)number : 0;", "    at->scope = (uint32_t)number;")]),
    "scope-unforgiven": ("datapath/uapi.c", UAPI, "a kept place at an interface that is gone keeps the cell from starting", [
        ("        return u->is_recalled;", "        return false;")]),
    "scope-is-sealed": ("common/run/seal_calls.c", SCOPES, "the filter keeps from a cell what interfaces are called", [
        ('"SIOCGIFINDEX", 1, false, EQUALS(1, SIOCGIFINDEX)', '"SIOCGIFINDEX", 1, false, EQUALS(1, 0)')]),
    "scope-of-its-own": ("datapath/shell.c", SCOPES, "interfaces are those where the cell is", [
        ("    if (!datapath_scope_find(s->udp.fd, p->scope,", "    if (!datapath_scope_find(s->tun, p->scope,")]),
    "no-v4-of-both": ("common/run/tun.c", SCOPES, "a socket of both families hides the interface's address of IPv4", [
        ("    if (ioctl(socket, SIOCGIFCONF, &list) != 0) {", "    if (true) {")]),

    # Captures of the overlay.
    "capture-holds-up": ("datapath/main.c", CAPTURE, "who waits for a packet keeps the cell from its end", [
        ("    .drain = datapath_shell_drain,\n", "")]),
    "capture-without-room": ("datapath/service_capture.c", ANSWERS, "an answer is larger than it may be", [
        (" && p.kept + DATAPATH_CAPTURE_EACH <= room; i++)", "; i++)")]),
    "capture-skips": ("datapath/service_capture.c", ANSWERS, "the packet that had no room is dropped", [
        ("    *ret_place = place;", "    *ret_place = next;")]),
    "capture-empties-first": ("cli/capture.c", FILES, "a file is emptied for a capture that is refused", [
        ("        fd = open(c->path, O_WRONLY | O_CLOEXEC);", "        fd = open(c->path, O_WRONLY | O_TRUNC | O_CLOEXEC);")]),
    "capture-leaves-empty": ("cli/capture.c", FILES, "a capture that is refused leaves a file", [
        ("    if (c.is_fresh) {", "    if (false) {")]),
    "capture-for-all": ("cli/capture.c", FILES, "packets go to a file that others may read", [
        ("    if ((st.st_mode & 077) != 0) {", "    if ((st.st_mode & 022) != 0) {")]),
    "capture-for-others": ("cli/capture.c", FILES, "packets go to another user's file", [
        ("    if (st.st_uid != geteuid()) {", "    if (false) {")]),
    "capture-torn": ("cli/capture.c", SLOWLY, "Ctrl-C tears what is being written", [
        (".sa_flags = SA_RESTART | (int)SA_RESETHAND}", ".sa_flags = (int)SA_RESETHAND}")]),

    # What helper processes send each other, and what they keep.
    "rights-in-one-place": ("common/run/rights.c", RIGHTS, "each descriptor is the first", [
        ("CMSG_DATA(rights) + i * sizeof one", "CMSG_DATA(rights) + 0 * i * sizeof one")]),
    "rights-cut-off": ("common/run/rights.c", RIGHTS, "a packet with too many descriptors is taken for one with some", [
        ("                                  .is_crowded = (packet.msg_flags & MSG_CTRUNC) != 0};", "                                  .is_crowded = false};")]),
    "rights-inherited": ("common/run/rights.c", RIGHTS, "other programs get what came", [
        ("MSG_CMSG_CLOEXEC", "0")]),
    "rights-left-open": ("common/run/rights.c", RIGHTS, "what came with a packet that is refused stays open", [
        ("    while (count > 0) {\n        fd_close(&fds[--count]);", "    while (count > 1) {\n        fd_close(&fds[--count]);")]),
    "narrow-permits-alone": ("common/run/narrow.c", NARROW, "what is kept is not in effect", [
        ("        keep[i].effective = keep[i].permitted;", "        keep[i].effective = 0;")]),
    "narrow-skips-the-unknown": ("common/run/narrow.c", NARROW, "a name that is misspelled is left out in silence", [
        ("        if (number == __NR_SCMP_ERROR) {", "        if (false) {")]),
    "narrow-leaves-bounds": ("common/run/narrow.c", NARROW, "what it executes may have the last capability", [
        ("for (unsigned long cap = 0; cap < CAPS_MAX; cap++)", "for (unsigned long cap = 0; cap < CAP_LAST_CAP; cap++)")]),
    "narrow-dumpable": ("common/run/narrow.c", NARROW, "others may look into it", [
        ("prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)", "prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)")]),

    # The keeper of the shield.
    "keeper-killed-by-clsact": ("datapath/keeper.c", KEEPER, "the filter ends it where there is no tcx", [
        (', "setsockopt", "ioctl"', ', "ioctl"')]),
    "keeper-forgets-addresses": ("datapath/keeper.c", KEEPER, "addresses that cannot be listed are none", [
        ("        add_own(s, always); /* those", "        s->own_count = 0;\n        add_own(s, always); /* those")]),
    "keeper-stays-behind": ("datapath/keeper.c", KEEPER, "addresses that could not be listed are not asked for again", [
        ("k->is_behind ? AGAIN_MS : k->is_loaded", "k->is_loaded")]),

    # … by hand.
    "nobody-minds": ("datapath/minder.c", HAND, "by hand a keeper that ended is followed by none", [
        ("        if (!is_there || status == DONE ||", "        if (true ||")]),
    "minder-keeps-nothing": ("datapath/minder.c", HAND, "the next keeper has not what the first had", [
        ("narrow_capabilities(keepers, ARRAY_LEN(keepers), why)", "narrow_capabilities(keepers, 1, why)")]),
    "unminded-in-silence": ("datapath/screen.c", UNMINDED, "that no keeper follows is not said", [
        ("lose(s, s->is_by_hand && s->minder < 0 ?", "lose(s, false ?")]),
    "unshielded-in-numbers": ("datapath/shell.c", UNMINDED, "the metric has a shield that is not there", [
        ("cell_metric_set(s->metric_shield, s->screen.is_judging);", "cell_metric_set(s->metric_shield, s->screen.is_loaded);")]),

    # Past the host's stack.
    "ring-runs-over": ("datapath/rings.c", RINGS, "a full ring takes one more", [
        ("used < r->size ? r->size - used : 0", "used <= r->size ? r->size - used + 1 : 0")]),
    "ring-twice": ("datapath/rings.c", RINGS, "what was taken out is taken again", [
        ("    *ret = ((const struct datapath_rings_frame *)rx->entry)[slot(rx, rx->consumer)];\n    advance(rx->consumer);",
         "    *ret = ((const struct datapath_rings_frame *)rx->entry)[slot(rx, rx->consumer)];")]),
    "ring-sleeps-never": ("datapath/rings.c", RINGS, "the kernel is not woken", [
        ("& NEED_WAKEUP) != 0", "& NEED_WAKEUP) > 1")]),
    "past-with-pieces": ("datapath/shield.bpf.c", LANE, "fragments are led past the stack", [
        ("!p->is_fragment && !p->is_behind &&", "!p->is_behind &&")]),
    "past-with-heads": ("datapath/shield.bpf.c", LANE, "what is behind further heads is led past the stack", [
        ("!p->is_fragment && !p->is_behind &&", "!p->is_fragment &&")]),
    "past-with-others": ("datapath/shield.bpf.c", LANE, "what is not ours is led past the stack", [
        ("v > DATAPATH_SHIELD_UNREAD &&", "v >= DATAPATH_SHIELD_FOREIGN &&")]),
    "past-and-dropped": ("datapath/shield.bpf.c", LANE, "what is to be dropped is led past the stack", [
        ("v < DATAPATH_SHIELD_MALFORMED && !p->is_fragment", "!p->is_fragment")]),
    "past-too-long": ("datapath/shield.bpf.c", LANE, "what no frame holds is led past the stack", [
        ("           size <= DATAPATH_SHIELD_FRAME;", "           size <= DATAPATH_SHIELD_FRAME + 64;")]),
    "past-without-a-way-back": ("datapath/shield.bpf.c", LANE, "without a socket it is lost", [
        ("ctx->rx_queue_index, XDP_PASS)", "ctx->rx_queue_index, XDP_DROP)")]),
    "past-unasked": ("datapath/shield.bpf.c", LANE, "it is led past the stack before anybody said so", [
        ("c->takes_frames != 0 && ", "")]),
    "frames-are-lost": ("datapath/lane.c", LANE, "a frame that was broken is not given back", [
        ("        q->taken[q->taken_count++] = f.at / DATAPATH_XSK_FRAME * DATAPATH_XSK_FRAME;\n",
         "        if (l->numbers.broken < 1) {\n            q->taken[q->taken_count++] = f.at / DATAPATH_XSK_FRAME * DATAPATH_XSK_FRAME;\n        }\n")]),
    "frames-never-sent": ("datapath/lane.c", LANE, "what was sent is not free again", [
        ("q->free_count < DATAPATH_XSK_TX && datapath_rings_sent(", "q->free_count > DATAPATH_XSK_TX && datapath_rings_sent(")]),
    "large-ones-leave": ("datapath/lane.c", LANE, "a large datagram leaves past the stack", [
        ("    if (!l->is_on || size > DATAPATH_LANE_SMALL) {", "    if (!l->is_on || size > DATAPATH_LANE_SMALL + 1) {")]),
    "stale-neighbours": ("datapath/nearby.c", LANE, "the kernel is never made to ask again", [
        ("HEARD = NUD_REACHABLE |", "HEARD = NUD_STALE | NUD_REACHABLE |")]),
    "another-cable": ("datapath/nearby.c", LANE, "what goes by another interface leaves by this one", [
        ("    return interface == n->interface && (!netlink_has", "    return (!netlink_has")]),
    "former-address": ("datapath/lane.c", LANE, "frames leave with the address that the interface had", [
        ("memcpy(link.from, p->own_mac, sizeof link.from);", "memcpy(link.from, l->link.mac, sizeof link.from);")]),
    "small-mtu": ("datapath/nearby.c", LANE, "an interface whose mtu became small is sent to", [
        (" && mtu >= DATAPATH_NEARBY_MTU_MIN;", " && mtu > 0;")]),
    "no-router": ("datapath/nearby.c", LANE, "the router's address is not looked for", [
        ("(!netlink_has(&q.said, sizeof *said, RTA_GATEWAY) || take_address(&q.said, RTA_GATEWAY, to, ret_hop))", "true")]),
    "holds-for-ever": ("datapath/nearby.c", LANE, "an answer is never asked for again", [
        ("    if (now_ms < p->until_ms &&", "    if (p->until_ms != 0 &&")]),
    "keeps-its-queues": ("datapath/keeper.c", KEEPER, "the keeper has the sockets, too, and the next one finds no queue", [
        ("    datapath_xsk_close(&k->frames); /* the cell's alone", "    /* the cell's alone")]),
    "only-one-way": ("datapath/udp.c", PATH, "nothing leaves past the stack", [
        ("    if (t->count == 1 && u->lane != NULL && u->lane->is_on &&", "    if (false && u->lane != NULL && u->lane->is_on &&")]),
    "told-no-program": ("datapath/screen.c", PATH, "the program is not told, and nothing comes past the stack", [
        ("    datapath_shield_maps_frames(&s->maps, l->is_on);", "    datapath_shield_maps_frames(&s->maps, false);")]),
    "on-without-a-keeper": ("datapath/screen.c", DEATHS, "it still says so when its keeper is dead", [
        ("    if (s->lane->is_open) {\n        datapath_lane_close(s->lane);", "    if (false) {\n        datapath_lane_close(s->lane);")]),
    "nobody-follows": ("nucleus/shields.c", NEXT, "a keeper that was killed is not followed by another", [
        ("    if (info.si_status == 0 || is_useless || !settle(k) || slot_of(k) == NULL) {", "    if (true) {")]),
    "comes-round": ("datapath/flow.c", ROUND, "a datagram that is led into the overlay is sealed again, for ever", [
        ("        if (datapath_loop_take(s, f->packet, size)) {", "        if (false && datapath_loop_take(s, f->packet, size)) {")]),
    "others-come-round": ("datapath/loop.c", ROUND, "what others with our port say to a peer's host does not pass", [
        (" || !is_ours(s, f.from.ip)) {", " || (false && !is_ours(s, f.from.ip))) {")]),
    "every-port-is-ours": ("datapath/loop.c", ROUND, "signals of others do not pass", [
        (" || datapath_heads_get16(packet + at) != port) {", ") {")]),
    "six-comes-round": ("datapath/loop.c", ROUND, "those of IPv6 are not known", [
        ("    return packet[DATAPATH_HEADS_V6_NEXT] == DATAPATH_HEADS_IS_UDP ?", "    return false ?")]),
    "places-of-nobody": ("datapath/udp.c", NOWHERE, "a peer may be at an address of many", [
        ("    if (datapath_message_keep_places(&kept, 1, &here) == 0) {", "    if (false && datapath_message_keep_places(&kept, 1, &here) == 0) {")]),
    "six-by-four": ("datapath/udp.c", NOWHERE, "a peer may be where the socket does not reach", [
        ("    return !u->is_v6 && !datapath_message_is_v4(at->ip) ?", "    return u == NULL ?")]),
    "places-unsaid": ("datapath/shell.c", NOWHERE, "of a peer of the manifest it is not said", [
        ("    const char *why = p->peer.endpoint.port != 0 ?", "    const char *why = false ?")]),
    "no-place-is-none": ("cli/overlay.c", ("cell", "system:test_overlay_node.py -k nobody_can_be"), "--endpoint with nothing is taken, and changes nothing", [
        ("    if (endpoint != NULL && *endpoint == '\\0') {", "    if (false) {")]),
    "no-peer-is-all": ("cli/capture.c", ("cell", "system:test_overlay_node.py -k nobody_can_be"), "--peer with nothing shows what all say", [
        ("    if ((peer != NULL && *peer == '\\0') ||", "    if (false ||")]),
    "name-of-the-beginning": ("datapath/device.c", DEVICE, "an interface is called what it was called", [
        ("    if (number != 0 && ioctl(socket, SIOCGIFNAME,", "    if (false && ioctl(socket, SIOCGIFNAME,")]),
    "mtu-of-the-beginning": ("datapath/device.c", DEVICE, "packets are as long as they might be once", [
        ("        datapath_core_resize(s->core, now.mtu);\n", "")]),
    "mtu-unfit": ("datapath/device.c", DEVICE, "an mtu that no overlay has is taken", [
        ("    device->mtu = mtu > DATAPATH_MTU_MAX ? DATAPATH_MTU_MAX : mtu;", "    device->mtu = mtu;")]),
    "mtu-unasked": ("common/run/seal_calls.c", DEVICE, "who is behind closed doors may not ask for it", [
        ('"SIOCGIFMTU", 1, false, EQUALS(1, SIOCGIFMTU)', '"SIOCGIFMTU", 1, false, EQUALS(1, 0)')]),
    "elsewhere-is-nowhere": ("datapath/device.c", ELSEWHERE, "a cell whose interface is in another network does not start again", [
        ("    uint32_t said = device->mtu, mtu = said == 0 ? usual : said;", "    uint32_t said = device->mtu, mtu = said;\n    if (mtu == 0) __builtin_trap();")]),
    "one-of-each-family": ("common/run/tun.c", ("cell-nucleus", "system:test_overlay_node.py -k all_its"), "an interface has one address of each family", [
        ("        e = tun_address_add(if_nametoindex(spec->name),", "        e = i > 0 && spec->address[i].is_v6 == spec->address[i - 1].is_v6 ? ERR_OK : tun_address_add(if_nametoindex(spec->name),")]),
    "addresses-gone": ("nucleus/tuns.c", MENDED, "an interface that lost its addresses has none until its cell was stopped", [
        ("        if (k->is_due && now_ms >= k->mend_ms) {", "        if (false) {")]),
    "addresses-of-the-dead": ("nucleus/shell.c", MENDED, "a supervisor's successor does not look after the interfaces of cells that live", [
        ("        tuns_adopt(s);\n", "")]),
    "addresses-by-name": ("common/run/tun_address.c", MENDED, "one that is called something else is not known any more", [
        ("ioctl(socket_here, SIOCGIFNAME, &r) != 0 ||", "ioctl(socket_here, SIOCGIFNAME, &r) != 0 || strncmp(r.ifr_name, \"cell\", 4) != 0 ||")]),
    "flags-forgotten": ("nucleus/tuns.c", MENDED, "what the kernel takes when an interface goes down is not given again when it is up", [
        ("m->type == RTM_NEWLINK ? netlink_body", "false ? netlink_body")]),
    "nobody-follows-after-both": ("nucleus/junction.c", BOTH, "a keeper that ended with the supervisor is not followed by another", [
        ("    shields_rejoined(slot);\n", "")]),
    "one-too-many": ("nucleus/shields.c", ("cell-nucleus", "system:test_shield.py -k rubbish"), "a successor starts a second keeper beside the one that lives", [
        ("    if (l == NULL || has_keeper(s, slot)) {", "    if (l == NULL) {")]),
    "follows-for-nobody": ("nucleus/shields.c", NEXT, "the next keeper's socket is given to nobody", [
        ("junction_replace(slot, k->name, fd) : ERR_UNAVAILABLE", "ERR_OK : ERR_UNAVAILABLE")]),
    "follows-at-once": ("nucleus/shields.c", NEXT, "one that ends at once is followed without end", [
        ("SHIELDS_AGAIN_MS : 2 * k->again_ms;", "SHIELDS_AGAIN_MS : 1;")]),
    "next-one-unheard": ("datapath/shell.c", DEATHS, "the cell does not hear of its next keeper", [
        ("    if (s->core != NULL && strcmp(name, \"shield.overlay\") == 0) {", "    if (false) {")]),
    "next-one-unwatched": ("datapath/lane.c", DEATHS, "frames of the next keeper's sockets are not waited for", [
        ("enum err datapath_lane_watch(struct datapath_lane *l)\n{\n    for (uint32_t i = 0; i < l->queues; i++) {",
         "enum err datapath_lane_watch(struct datapath_lane *l)\n{\n    for (uint32_t i = 0; i < l->queues && l->turn < 3; i++) {")]),
    "ids-forgotten": ("datapath/shield_maps.c", IDS, "the next keeper's program lets through no session that is there", [
        ("        memcpy(now.map[i].at, m->map[i].at, m->map[i].size);", "        if (i != DATAPATH_SHIELD_LIVE) memcpy(now.map[i].at, m->map[i].at, m->map[i].size);")]),
    "counts-forgotten": ("datapath/shield_maps.c", IDS, "the next keeper's program counts from nothing", [
        ("        memcpy(now.map[i].at, m->map[i].at, m->map[i].size);", "        if (i != DATAPATH_SHIELD_COUNTS) memcpy(now.map[i].at, m->map[i].at, m->map[i].size);")]),
    "another-by-that-name": ("datapath/keeper.c", BACK, "an interface that goes and comes is the same", [
        ("    if (k->link.interface != now.interface) {", "    if (false) {")]),
    "narrow-is-wide": ("datapath/keeper.c", BACK, "a smaller mtu changes nothing", [
        ("(now.mtu >= DATAPATH_XSK_MTU_MIN) == (k->link.mtu >= DATAPATH_XSK_MTU_MIN)", "true")]),
    "queues-as-they-were": ("datapath/keeper.c", BACK, "a queue that came has no socket for ever", [
        ("(now.queues == k->link.queues && ", "(")]),
    "measured-by-all": ("datapath/probe.c", MEASURES, "datagrams of measuring go out on the cable", [
        ("IP_MULTICAST_TTL, &none,", "IP_MULTICAST_TTL, &(const int){1},")]),
    "measured-by-a-group": ("datapath/probe.c", MEASURES, "… since the group is one of which nobody here is a member", [
        ("GROUP = 0xe0000001,", "GROUP = 0xefff00fe,")]),
    "frames-for-all": ("datapath/probe.c", MEASURES, "frames of measuring go to everybody", [
        ("        memcpy(frame, x->link.mac, sizeof x->link.mac);\n", "        memset(frame, 0xff, sizeof x->link.mac);\n")]),
    "unmeasured-past": ("datapath/probe.c", MEASURES, "frames past the stack are not sent, and cost nothing", [
        ("f->past_error == 0 && sent < DATAPATH_PROBE_ROUNDS &&", "f->past_error == 0 && sent < 1 &&")]),
    "auto-takes-all": ("datapath/keeper.c", MEASURES, "`auto` has sockets wherever they can be had", [
        ("    bool is_past = wanted == DATAPATH_KEEPER_FRAMES ||", "    bool is_past = wanted != DATAPATH_KEEPER_MEASURE ||"),
        (" || (wanted == DATAPATH_KEEPER_PAYING && !datapath_choice_may(&a->facts))) {", ") {")]),
    "auto-never": ("datapath/keeper.c", PAYS, "`auto` has no sockets where they pay", [
        ("    bool is_past = wanted == DATAPATH_KEEPER_FRAMES || datapath_choice_make(DATAPATH_CHOICE_AUTO, &a->facts).is_past;", "    bool is_past = wanted == DATAPATH_KEEPER_FRAMES;")]),
    "hung-twice": ("datapath/keeper.c", PAYS, "XDP that hangs since it was tried is refused when it is asked for", [
        ("        if (hook == DATAPATH_SHIELD_XDP && k->is_tried) {", "        if (false) {")]),
    "pairs-untold": ("datapath/probe.c", MEASURES, "a veth passes for a card", [
        ("    return other != 0 && (other != interface ||", "    return false && (other != interface ||")]),
    "plain-in-trains": ("datapath/shell.c", PLAIN, "`plain` goes in trains", [
        ("set->is_plain || set->path == DATAPATH_CHOICE_PLAIN, &given)", "set->is_plain, &given)"),
        ("    datapath_udp_trains(&s->udp, s->lane.made.has_trains);\n    sodium", "    sodium"),
        ("    datapath_udp_trains(&s->udp, s->lane.made.has_trains);\n    cell_metric", "    cell_metric")]),
    "measured-untold": ("datapath/lane.c", TOLD, "what was measured is told nobody", [
        ("    l->facts = *facts;\n", "")]),

    # Large frames.
    "frames-singly": ("datapath/frames.c", FRAMES, "frames of one flow go to the interface one by one", [
        ("    } else if (f->device.has_head && !f->is_plain &&", "    } else if (false &&")]),
    "frames-left-over": ("datapath/flow.c", FRAMES, "what is held for the interface is overwritten by what comes next", [
        ("            write_group(s, 0);\n        }\n        datapath_frames_flush(s);\n", "            write_group(s, 0);\n        }\n")]),

    # Messages of our own kinds at the shield.
    "strangers-pass": ("datapath/shield.bpf.c", SHIELD, "a number that nobody has passes", [
        ("    if (m->word[0] == DATAPATH_SHIELD_SIGNAL && !is_known) {", "    if (false) {")]),
    "unwanted-pass": ("datapath/shield.bpf.c", SHIELD, "our own kinds pass where nobody wants any", [
        ("    if (!c->takes_own) {", "    if (false) {")]),
    "zero-is-somebody": ("datapath/shield.bpf.c", SHIELD, "a free place is a number", [
        ("is_in(&shield_callers, datapath_shield_caller(first))", "is_in(&shield_callers, first)")]),
    "short-signals": ("datapath/shield.bpf.c", SHIELD, "what is too short for a message passes", [
        ("    enum datapath_shield_verdict kind = shield_parse_kind(p->type, size, p->is_fragment);",
         "    enum datapath_shield_verdict kind = shield_parse_kind(p->type, size > 32 ? size + 8 : size, p->is_fragment);"),
        ("    if (shield_parse_kind(m->word[0], m->size, p->is_fragment) != DATAPATH_SHIELD_OWN) {", "    if (false) {")]),
    "places-without-budget": ("datapath/shield.bpf.c", SHIELD, "who says a number from where its peer is says it as often as he likes", [
        ("        return take(DATAPATH_SHIELD_AT_PLACE + (__u32)place % half, now_ns, DATAPATH_SHIELD_PLACE_RATE, DATAPATH_SHIELD_PLACE_BURST, n)",
         "        return true")]),
    "one-budget-for-both": ("datapath/shield.bpf.c", SHIELD, "who says a number from elsewhere takes what its peer has where he is", [
        ("    if (is_there) {\n        return take(", "    if (false) {\n        return take(")]),
    "numbers-without-budget": ("datapath/shield.bpf.c", SHIELD, "a number is said from all addresses as often as each may", [
        ("        !take(DATAPATH_SHIELD_AT_PEER + peer, now_ns, DATAPATH_SHIELD_PEER_RATE, DATAPATH_SHIELD_PEER_BURST, n)) {", "        peer == ~0u) {")]),
    "houses-without-budget": ("datapath/shield.bpf.c", SHIELD, "an address says all numbers as often as each may be said", [
        ("!take(DATAPATH_SHIELD_AT_HOUSE + house, now_ns, DATAPATH_SHIELD_HOUSE_RATE, DATAPATH_SHIELD_HOUSE_BURST, n) ||", "house == ~0u ||")]),
    "signals-without-budget": ("datapath/shield.bpf.c", SHIELD, "all addresses together have no end", [
        ("    return take(DATAPATH_SHIELD_AT_SIGNALS, now_ns, DATAPATH_SHIELD_SIGNALS_RATE, DATAPATH_SHIELD_SIGNALS_BURST, n)", "    return true")]),
    "ports-are-one": ("datapath/shield.bpf.c", SHIELD, "a place is an address with all its ports", [
        ("shield_hash_place(c->source_key, p->from[0], p->from[1], p->from_port)", "shield_hash_place(c->source_key, p->from[0], p->from[1], 1000)")]),
    "relayed-from-anywhere": ("datapath/shield.bpf.c", SHIELD, "who relays need not have shown himself", [
        ("    if (!is_there) {", "    if (false) {")]),
    "relayed-unread": ("datapath/shield.bpf.c", SHIELD, "what a relay passes on is not looked at", [
        ("    return is_known ? DATAPATH_SHIELD_OWN : relayed_of(", "    return true ? DATAPATH_SHIELD_OWN : relayed_of(")]),
    "relayed-to-nobody": ("datapath/shield.bpf.c", SHIELD, "a relay's ids are not known", [
        ("    return is_known ? DATAPATH_SHIELD_OWN : relayed_of(", "    return false ? DATAPATH_SHIELD_OWN : relayed_of(")]),
    "relayed-twice": ("datapath/shield.bpf.c", SHIELD, "a relayed message may be in a relayed one", [
        ("    if (kind != DATAPATH_SHIELD_OWN || m->word[2] != DATAPATH_SHIELD_SIGNAL) {", "    if (kind != DATAPATH_SHIELD_OWN) {")]),
    "relayed-response-by-the-sender": ("datapath/shield.bpf.c", SHIELD, "a relayed response is known by its sender's id", [
        ("        id = m->word[4];", "        id = m->word[3];")]),
    "relayed-handshakes": ("datapath/shield.bpf.c", SHIELD, "relayed initiations have no budget", [
        ("        return take(DATAPATH_SHIELD_AT_HOUSE + slot, now_ns, DATAPATH_SHIELD_HOUSE_RATE, DATAPATH_SHIELD_HOUSE_BURST, n)", "        return true")]),
    "relayed-signals": ("datapath/shield.bpf.c", SHIELD, "relayed signals have no budget", [
        ("    return take(DATAPATH_SHIELD_AT_PLACE + slot, now_ns, DATAPATH_SHIELD_PLACE_RATE, DATAPATH_SHIELD_PLACE_BURST, n)", "    return true")]),
    "one-of-many": ("datapath/shield.bpf.c", SHIELD, "a buffer of many takes from a budget as one does", [
        ("p, &m, f->segments) : DATAPATH_SHIELD_MALFORMED", "p, &m, 1) : DATAPATH_SHIELD_MALFORMED"),
        ("shield_signal(p, &m, f->segments) == DATAPATH_SHIELD_OWN", "shield_signal(p, &m, 1) == DATAPATH_SHIELD_OWN")]),
    "taken-along": ("datapath/shield.bpf.c", SHIELD, "nobody's signals take a peer's with them", [
        ("        if (c->takes_own && m.word[0] > 4 &&", "        if (false &&")]),
    "places-stay-full": ("datapath/shield_maps.c", SHIELD, "where a set is full nobody is known any more", [
        ("(uint32_t)place[i] < (uint32_t)*at ? &place[i] : at", "place[i] == 0 ? &place[i] : at"),
        ("    __atomic_store_n(at, (hash", "    if (*at == 0 || *at >> 32 == hash >> 32) __atomic_store_n(at, (hash")]),

    "shown-by-anything": ("datapath/signals.c", SHOWN, "a place is shown by a signal that is false, or was recorded", [
        ("        if (v != DATAPATH_WAYS_STRANGER && v != DATAPATH_WAYS_FALSE) {", "        if (v != DATAPATH_WAYS_STRANGER) {")]),
    "shown-by-nothing": ("datapath/signals.c", SHOWN, "no place is ever shown", [
        ("            datapath_screen_heard(&s->screen, from, now.ms);\n", "")]),

    # Where members say that they are, to one and to all.
    "told-without-an-answer": ("vivaldi/shell.c", COORDS, "what was told to all is not looked at with a round trip alone", [
        ("one->is_fresh ? &one->told : &one->place;", "&one->told;")]),
    "told-never-looked-at": ("vivaldi/shell.c", COORDS, "what members tell all later is not looked at", [
        ("        vivaldi_core_told(&s->core, vivaldi_shell_now_s(s), id, has_place ? &c : NULL);", "        (void)has_place;")]),
    "told-is-not-passed-on": ("nodosum/wire.c", LIES, "membership says what a member told all in place of what it says here", [
        ("told_of(call, view, to->is_fresh ? &to->told : &to->place)", "told_of(call, view, &to->place)")]),

    # What the overlay keeps.
    "stamps-unchecked": ("datapath/store.c", STORE, "a damaged record is believed", [
        ("s->record[s->records++] = is_whole(&r) ? r :", "s->record[s->records++] = true ? r :")]),
    "stamp-unchecked": ("datapath/store.c", STORE, "a damaged head is believed", [
        ("            bool is_ours = is_whole(&r) && memcmp", "            bool is_ours = memcmp")]),
    "stamps-elsewhere": ("datapath/store.c", STORE, "a peer is kept in a new place each time", [
        ("        if (memcmp(s->record[i].public, public, DATAPATH_NOISE_KEY) == 0) {", "        if (false) {")]),
    "stamps-without-end": ("datapath/store.c", STORE, "one record more than the most is kept", [
        ("    if (free_place == DATAPATH_STORE_RECORDS_MAX) {", "    if (free_place == DATAPATH_STORE_RECORDS_MAX + 1) {")]),
    "peers-without-end": ("datapath/store.c", STORE, "one byte more than the most is kept", [
        ("    return size > DATAPATH_STORE_PEERS_MAX ?", "    return size > DATAPATH_STORE_PEERS_MAX + (size_t)1 ?")]),
    "stamp-forgotten": ("datapath/store.c", STORE, "what stamp comes next is not kept", [
        ("    bytes_put_be64(stamp.said, stamp_ns);", "    bytes_put_be64(stamp.said, 0 * stamp_ns);")]),
    "damage-left": ("datapath/store.c", STORE, "the place of a damaged record is not used again", [
        ("        if (free_place == s->records && memcmp(s->record[i].public, nobody, sizeof nobody) == 0) {", "        if (false) {")]),
    "peers-of-the-manifest-kept": ("datapath/keep.c", OVERLAY, "what was changed of a peer of the configuration outlives a start", [
        ("        if (memcmp(s->peer[i].peer.public, public, DATAPATH_NOISE_KEY) == 0) {\n            return true;", "        if (memcmp(s->peer[i].peer.public, public, DATAPATH_NOISE_KEY) == 0) {\n            return false;")]),
    "peers-not-kept": ("datapath/keep.c", OVERLAY, "peers that stand nowhere else are not kept", [
        ("        e = is_same ? ERR_OK : datapath_store_put_peers(store, p.text, p.size);", "        e = is_same || true ? ERR_OK : ERR_IO;")]),
}


def unit(name, build, place, program):
    """The test as the build has it, with the changed program in the place of its own. subprocess.TimeoutExpired: no end."""
    with open(os.path.join(build, "meson-info/intro-tests.json"), encoding="utf-8") as tests:
        command = next(t["cmd"] for t in json.load(tests) if t["name"] == name)
    own = {program, os.path.join(os.path.realpath(build), program)}
    command = [os.path.join(place, program) if word in own else word for word in command]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=build, timeout=240)


def find(finder, build, place, program):
    """(verdict, how)"""
    kind, _, words = finder.partition(":")
    if kind == "system":
        return judge_pytest(run_pytest(words, place), words)
    ran = unit(words, build, place, program)
    said = [l for l in ran.stderr.splitlines() if re.search(r"\.c:\d+: |claim fails|runtime error|ERROR: \w+Sanitizer|Assertion", l)]
    return (CAUGHT, said[0][-140:]) if ran.returncode != 0 and said else (ESCAPED, f"escaped {finder}, which ends with {ran.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()

    def try_one(name):
        file, (program, finder), _, changes = PLANTS[name]
        return plant(args.build, file, program, changes, lambda place: find(finder, args.build, place, program))
    return try_all(args.names or list(PLANTS), lambda name: PLANTS[name][2], try_one)


if __name__ == "__main__":
    sys.exit(main())
