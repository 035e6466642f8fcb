"""Supervision: how fast, how small, and what survives."""
from bench.topics import endurance, restart, scale

PARTS = {
    "restart": restart.restart,
    "spare": restart.spare,
    "memory": scale.memory,
    "launch": scale.launch,
    "nucleus": endurance.nucleus,
    "hang": endurance.hang,
    "calm": endurance.calm,
    "greeter": endurance.greeter,
}
