"""What became of a planted bug, and of a list of them."""

CAUGHT, ESCAPED, NO_END = "caught", "ESCAPED", "NO END"


class Tally:
    """Says what becomes of each, and what became of all."""

    def __init__(self):
        self.counts = dict.fromkeys((CAUGHT, ESCAPED, NO_END), 0)

    def add(self, verdict, line):
        self.counts[verdict] += 1
        print(f"{verdict:<7} {line}", flush=True)

    def end(self):
        """Exit status: 0 when all were caught. Who did not end may have escaped on a slow host: that is no catch."""
        print(f"{self.counts[CAUGHT]} of {sum(self.counts.values())} planted bugs caught, {self.counts[ESCAPED]} escaped, "
              f"{self.counts[NO_END]} did not end")
        return 0 if self.counts[CAUGHT] == sum(self.counts.values()) else 1
