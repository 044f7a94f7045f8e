"""User code that finds its worker's channel and writes forged messages to it."""

# Sets `channel` to the channel's descriptors: first for reading, last for writing.
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
# Makes the daemon kill the worker, which writes a line to the log.
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
# Defines `say`, which sends any message, and `mine`, the id of the running execution.
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
