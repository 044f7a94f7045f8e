"""Code that finds its worker's channel, and can write there what it should not."""

# Leaves the descriptors of the channel in `channel`, the one that is written to last.
FIND = """
import os, stat
def is_socket(fd):
    try:
        return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError:
        return False
channel = [fd for fd in sorted(map(int, os.listdir('/proc/self/fd'))) if is_socket(fd)]
assert len(channel) == 2, channel
"""
# Loses the worker, and so earns a line in the log.
JUNK = (
    FIND
    + """
for fd in channel:
    try:
        os.write(fd, b"junk\\n")
    except OSError:
        pass
"""
)
