"""Run one command and stay its descendants' ancestor: keeper.py STATUS_FD COMMAND…

Every process that a command leaves behind (a detached node, an orphan of a killed supervisor) becomes
a child of this one, so a test finds all of them below one pid. Writes the command's exit status to
STATUS_FD, then reaps until no child is left."""
import ctypes
import os
import sys

PR_SET_CHILD_SUBREAPER = 36


def main():
    status_fd, command = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit("keeper: cannot become a subreaper")
    os.set_inheritable(status_fd, False)
    first = os.spawnv(os.P_NOWAIT, command[0], command)
    # The pipes of the test belong to the command alone: end of file must not wait for the keeper.
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            return
        if pid == first:
            os.write(status_fd, f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os.close(status_fd)


if __name__ == "__main__":
    main()
