"""Nodes of one cluster on this machine's loopback, each with membership and a gateway: `a` makes it, the others join."""
from .ports import free_port


class Mesh:
    """cells: what each node has beside membership and gateway, by its name. exports: what it lets the others reach.
    may_call: of its gateway, beyond what every gateway needs."""

    def __init__(self, make_node, cells, exports, may_call=("callee.*", "*.Describe", "*.Schema"), beat="1s"):
        self.beat = beat # of membership
        self.names = list(cells)
        self.ports = {f"{what}-{name}": free_port() for name in cells for what in ("gossip", "mesh")}
        self.ports["issuer"] = free_port()
        issuer = {"name": "issuer", "serves": ["issuer.*"], "config": {"listen": self.at("issuer"), "advertise": [self.at("issuer")]},
                  "sandbox": {"network": True, "write": ["state"], "keys": ["issuer"]}}
        for name, own in cells.items():
            first = name == "a"
            manifest = [*([issuer] if first else []), self.nodosum(name, **({} if first else {"seeds": [self.at("gossip-a")]})),
                        self.gateway(name, list(exports.get(name, [])), may_call), *own]
            setattr(self, name, make_node(manifest, name))
        self.a.cli("init", "--node-id", "a")
        self.a.up()
        token = self.a.cli("token", "create", "--uses", str(len(cells)), json=True)["token"]
        for name in self.names[1:]:
            node = getattr(self, name)
            node.cli("join", "-", "--node-id", name, stdin=token)
            node.up()
        self.meet()

    def meet(self):
        """Wait until the nodes know each other."""
        self.a.wait_until(lambda: len(self.a.cli("members", json=True)["members"]) == len(self.names), 10, "all are members")

    def at(self, word):
        return f"127.0.0.1:{self.ports[word]}"

    def nodosum(self, name, **config):
        return {"name": "nodosum", "serves": ["nodosum.*"], "heartbeat": {"every": self.beat},
                "config": {"listen": self.at("gossip-" + name), "advertise": self.at("gossip-" + name), **config},
                "sandbox": {"network": True, "write": ["state"], "keys": ["datagram"]}}

    def gateway(self, name, exports, may_call):
        others = [f"{other}={self.at('mesh-' + other)}" for other in self.names if other != name]
        return {"name": "gateway", "requires": ["nodosum"],
                "may_call": ["nodosum.Discover", "nodosum.Offer", "nodosum.Watch", "nucleus.Events", *may_call],
                "config": {"nodes": others, **({"exports": exports} if exports else {})},
                "sandbox": {"network": True, "keys": ["tls"], "listen": [{"name": "mesh", "at": "tcp://" + self.at("mesh-" + name)}]}}

    def links(self, node):
        return node.cli("call", "gateway.Links", json=True)

    def found(self, node, cell):
        """{node: what is known of its instances} by the gateway of `node`."""
        reply = node.cli("call", "gateway.Resolve", f'{{"name":"{cell}"}}', json=True)
        return {one["node"]: one for one in reply.get("nodes", [])}
