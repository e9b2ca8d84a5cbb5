"""Runs a program as if somebody sat at it: python3 pseudo-terminal.py COLUMNS PROGRAM [ARGUMENT...]

The program has a terminal of its own, which Ctrl-C on our stdin reaches. What it writes to stdout comes out of our
stdout, what it writes to stderr out of our stderr: each is a terminal to the program, and they are kept apart. We end
with its exit code.
"""

import fcntl
import os
import select
import struct
import sys
import termios


def open_terminal(columns):
    ours, its = os.openpty()
    settings = termios.tcgetattr(its)
    # A line ends as the program wrote it, and what is typed is not repeated.
    settings[1] &= ~termios.OPOST
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(its, termios.TCSANOW, settings)
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    return ours, its


def start(out, err, words):
    pid = os.fork()
    if pid != 0:
        return pid
    os.setsid()
    fcntl.ioctl(out, termios.TIOCSCTTY, 0)
    for its, number in ((out, 0), (out, 1), (err, 2)):
        os.dup2(its, number)
    os.closerange(3, 256)
    os.execvp(words[0], words)


def write_all(to, data):
    while data:
        data = data[os.write(to, data) :]


def carry(pid, out, err):
    """Hands everything on until the program has ended and its terminals are empty."""
    open_ends = {out: 1, err: 2, 0: out}
    while out in open_ends or err in open_ends:
        for source in select.select(list(open_ends), [], [])[0]:
            try:
                data = os.read(source, 65536)
            except OSError:  # EIO: nobody holds the other end of a terminal any more.
                data = b""
            if data:
                write_all(open_ends[source], data)
            elif source == 0:
                # Whoever sat here is gone. As we go too, the program is hung up on.
                sys.exit(129)
            else:
                del open_ends[source]
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main():
    columns, words = int(sys.argv[1]), sys.argv[2:]
    out, its_out = open_terminal(columns)
    err, its_err = open_terminal(columns)
    pid = start(its_out, its_err, words)
    os.close(its_out)
    os.close(its_err)
    code = carry(pid, out, err)
    # As a shell tells of a program that a signal ended.
    sys.exit(code if code >= 0 else 128 - code)


main()
