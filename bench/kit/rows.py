"""Figures: medians, their spread, what they are compared with."""
import json
import os
import statistics


class Sample:
    """One subject's figure: a list of repetitions, each a list of single measurements (or one)."""

    def __init__(self, name):
        self.name = name
        self.repetitions = []

    def add(self, values):
        """One repetition; its figure is the median of `values`."""
        self.repetitions.append(list(values))

    def __bool__(self):
        return bool(self.repetitions)

    @property
    def medians(self):
        return [statistics.median(r) for r in self.repetitions]

    @property
    def median(self):
        return statistics.median(self.medians)

    @property
    def spread(self):
        return [min(self.medians), max(self.medians)]

    @property
    def count(self):
        return sum(map(len, self.repetitions))

    def quantile(self, q):
        every = sorted(v for r in self.repetitions for v in r)
        return every[min(len(every) - 1, int(len(every) * q))]


def sample(name, values):
    """A Sample of which every value is a repetition."""
    s = Sample(name)
    for value in values:
        s.add([value])
    return s


def rounded(value):
    if value is None or isinstance(value, (str, int)):
        return value
    return float(f"{value:.4g}")


def ratio(ours, other):
    return None if other is None or other.median == 0 else ours.median / other.median


def row(name, ours, unit, floor=None, peer=None, goal="", met=None, note=""):
    """One figure. `goal` says what was aimed for, `met` whether it was reached (None: no goal)."""
    def spread(s):
        return None if s is None else [rounded(v) for v in s.spread]
    return {
        "name": name,
        "ours": rounded(ours.median),
        "floor": rounded(floor.median) if floor else None,
        "peer": rounded(peer.median) if peer else None,
        "peer_name": peer.name if peer else None,
        "ratio_floor": rounded(ratio(ours, floor)),
        "ratio_peer": rounded(ratio(ours, peer)),
        "unit": unit,
        "runs": len(ours.repetitions),
        "spread": spread(ours),
        "spread_floor": spread(floor),
        "spread_peer": spread(peer),
        "samples": ours.count,
        "goal": goal,
        "met": met,
        "note": note,
        "load": round(os.getloadavg()[0], 1),
    }


class Printer:
    """JSON: one row a line. Else a table for people."""

    def __init__(self, is_json):
        self.is_json = is_json
        self.is_begun = False

    def print(self, r):
        if self.is_json:
            print(json.dumps(r), flush=True)
            return
        if not self.is_begun:
            print(f"{'name':34} {'ours':>9} {'floor':>9} {'peer':>9} {'/floor':>7} {'/peer':>7} unit")
            self.is_begun = True
        cell = [r["ours"], r["floor"], r["peer"]]
        text = ["-" if v is None else f"{v:.4g}" for v in cell]
        text += ["-" if r[k] is None else f"{r[k]:.3g}" for k in ("ratio_floor", "ratio_peer")]
        print(f"{r['name']:34} {text[0]:>9} {text[1]:>9} {text[2]:>9} {text[3]:>7} {text[4]:>7} "
              f"{r['unit']}  [{r['spread'][0]:.4g}-{r['spread'][1]:.4g}] runs {r['runs']} load {r['load']}"
              + (f"  vs {r['peer_name']}" if r["peer_name"] else "")
              + (f"  goal {r['goal']}: {'met' if r['met'] else 'MISSED'}" if r["met"] is not None else "")
              + (f"  {r['note']}" if r["note"] else ""), flush=True)

    def unmeasured(self, name, fault):
        if self.is_json:
            print(json.dumps({"name": name, "unmeasured": str(fault)}), flush=True)
        else:
            print(f"{name:34} UNMEASURED: {fault}", flush=True)

    def end(self):
        """Everything was printed as it came."""
