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
# Can `say` any message of the execution `mine`, which it is itself.
FORGE = (
    FIND
    + """
import gc, json, sys, uuid
channel = channel[-1]
def running():
    for it in gc.get_objects():
        if type(it) is dict and it.get('type') == 'execute' and it.get('id'):
            return it['id']
mine = running()
def say(kind, **keys):
    os.write(channel, json.dumps({'type': kind, **keys}).encode() + b'\\n')
"""
)
