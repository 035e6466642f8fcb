"""Waiting for a state, never for a time."""
import time


def until(predicate, deadline, why, poll=0.01):
    """Call `predicate` until it returns something true and return that; after `deadline` seconds fail
    with `why` and what the last attempt gave. An exception of the predicate counts as "not yet"."""
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
