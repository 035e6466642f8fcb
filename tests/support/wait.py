"""Waiting for a state, never for a time."""
import os
import time

# Seconds by which every look and every command of a test comes later than it would, as on a host that has something else to do:
# whoever fails with it has missed a state that was over before the first look, or takes for done what is only begun.
LAG = float(os.environ.get("CELL_TEST_LAG", "0"))


def lag():
    if LAG:
        time.sleep(LAG)


def until(predicate, deadline, why, poll=0.01):
    """Call `predicate` until it returns something true and return that; after `deadline` seconds fail
    with `why` and what the last attempt gave. An exception of the predicate counts as "not yet"."""
    lag()
    end = time.monotonic() + deadline
    last = None
    while True:
        try:
            value = predicate()
            if value:
                return value
            last = f"last value: {value!r}"
        except Exception as fault: # pylint: disable=broad-except
            last = f"last error: {type(fault).__name__}: {fault}"
        if time.monotonic() >= end:
            raise AssertionError(f"not within {deadline} s: {why} ({last})")
        time.sleep(poll)
