#!/usr/bin/python3
"""ProtoJSON against the reference implementation: drawn messages go through both, in both directions,
and must come out the same. jsonpb_python.py TOOL SCHEMA.bin [COUNT [SEED]]

The reference is Debian's python3-protobuf; without it the test is skipped (exit status 77)."""
import json
import math
import random
import subprocess
import sys

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
except ImportError as e:
    print(f"SKIPPED: {e}; install python3-protobuf")
    sys.exit(77)

TYPE = "test.all.All"


def load(path):
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as f:
        files.ParseFromString(f.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    found = pool.FindMessageTypeByName(TYPE)
    return message_factory.MessageFactory(pool).GetPrototype(found)


def draw_integer(rng, bits, signed):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return rng.choice([0, 1, low, high, rng.randint(low, high), rng.randint(max(low, -300), 300)])


def draw_text(rng):
    alphabet = "ab \"\\\n\t/\x7f\x1b\u00e9\u2028\u202e\u4e16\U0001f600"
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 8)))


def draw_scalar(rng, field):
    kind = field.type
    if kind in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        value = rng.choice([0.0, 1.0, -0.5, 1e-3, 1 / 3, 1e30, rng.uniform(-1e6, 1e6), math.inf])
        return value if kind == field.TYPE_DOUBLE or math.isinf(value) else float(f"{value:.3g}")
    if kind == field.TYPE_BOOL:
        return rng.random() < 0.5
    if kind == field.TYPE_STRING:
        return draw_text(rng)
    if kind == field.TYPE_BYTES:
        return rng.randbytes(rng.randint(0, 9))
    if kind == field.TYPE_ENUM:
        return rng.choice([v.number for v in field.enum_type.values] + [99])
    wide = kind in (field.TYPE_INT64, field.TYPE_UINT64, field.TYPE_FIXED64, field.TYPE_SFIXED64,
                    field.TYPE_SINT64)
    unsigned = kind in (field.TYPE_UINT32, field.TYPE_UINT64, field.TYPE_FIXED32, field.TYPE_FIXED64)
    return draw_integer(rng, 64 if wide else 32, not unsigned)


def fill_map(rng, message, field, depth):
    key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
    target = getattr(message, field.name)
    for _ in range(rng.randint(0, 3)):
        if value.message_type:
            fill(rng, target[draw_scalar(rng, key)], depth + 1)
        else:
            target[draw_scalar(rng, key)] = draw_scalar(rng, value)


def fill(rng, message, depth=0):
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.6:
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            fill_map(rng, message, field, depth)
        elif field.label == field.LABEL_REPEATED:
            for _ in range(rng.randint(0, 4)):
                if field.message_type:
                    fill(rng, getattr(message, field.name).add(), depth + 1)
                else:
                    getattr(message, field.name).append(draw_scalar(rng, field))
        elif field.message_type:
            if depth < 3:
                getattr(message, field.name).SetInParent()
                fill(rng, getattr(message, field.name), depth + 1)
        else:
            setattr(message, field.name, draw_scalar(rng, field))


class Tool:
    def __init__(self, path, schema):
        self.process = subprocess.Popen([path, schema, TYPE], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")


def same_value(a, b):
    """Equal, with floats compared as the numbers they stand for."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b))
    return a == b


def check_one(rng, tool, make, faults):
    message = make()
    fill(rng, message)
    names = rng.random() < 0.5
    text = json_format.MessageToJson(message, preserving_proto_field_name=names, indent=None,
                                     use_integers_for_enums=rng.random() < 0.2,
                                     ensure_ascii=rng.random() < 0.5)
    answer = tool.ask("e " + text)
    if not answer.startswith("ok "):
        faults.append(f"refused: {answer}\n  {text}")
        return
    if make.FromString(bytes.fromhex(answer[3:])) != message:
        faults.append(f"encoded otherwise:\n  {text}\n  {answer}")
    answer = tool.ask("d " + message.SerializeToString().hex())
    reference = json_format.MessageToDict(message, preserving_proto_field_name=True,
                                          including_default_value_fields=True)
    if not answer.startswith("ok ") or not same_value(json.loads(answer[3:]), reference):
        faults.append(f"decoded otherwise:\n  {answer}\n  {json.dumps(reference)}")


def check_garbage(rng, tool, make, faults):
    """Drawn and damaged bytes: whatever one side reads, the other reads alike."""
    message = make()
    fill(rng, message)
    data = bytearray(message.SerializeToString())
    for _ in range(rng.randint(1, 3)):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    answer = tool.ask("d " + data.hex())
    try:
        parsed = make.FromString(bytes(data))
    except Exception:  # any refusal will do
        parsed = None
    if parsed is None or not answer.startswith("ok "):
        # The reference checks less inside unknown fields and more in enums; only a clear yes from both
        # sides can be compared.
        return 0
    reference = json_format.MessageToDict(parsed, preserving_proto_field_name=True,
                                          including_default_value_fields=True)
    if not same_value(json.loads(answer[3:]), reference):
        faults.append(f"read otherwise: {data.hex()}\n  {answer}\n  {json.dumps(reference)}")
    return 1


def main():
    tool_path, schema = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1500
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 20240131
    rng, make = random.Random(seed), load(schema)
    tool, faults, compared = Tool(tool_path, schema), [], 0
    for _ in range(count):
        check_one(rng, tool, make, faults)
        compared += check_garbage(rng, tool, make, faults)
        if len(faults) > 5:
            break
    tool.process.stdin.close()
    status = tool.process.wait()
    for fault in faults:
        print(fault)
    print(f"{count} messages, {compared} damaged ones readable to both, {len(faults)} faults, "
          f"seed {seed}, tool exit status {status}")
    # A run in which nearly nothing could be compared proves nothing.
    sys.exit(1 if faults or status != 0 or compared < count // 10 else 0)


if __name__ == "__main__":
    main()
