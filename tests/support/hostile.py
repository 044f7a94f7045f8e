"""User code that breaks its own Python, and the expected results."""

from typing import Any

from contract import COMPLETED, INTERRUPTED, error
from forging import FIND

OVERFLOW = """
import sys, threading
class C:
    def __repr__(self):
        return repr(self)
sys.setrecursionlimit(1_000_000)
threading.stack_size(32 << 10)
thread = threading.Thread(target=repr, args=[C()])
thread.start()
thread.join()
"""


# Code that ends its Python.
DEATHS = {
    "another program": ("os.execv('/bin/sh', ['sh', '-c', 'exit 3'])", "exit status 3"),
    "another program that stays": (
        "os.execv('/bin/sleep', ['sleep', '1000'])",
        "killed: it broke the protocol (it closed its channel)",
    ),
    "its process group": ("os.killpg(0, signal.SIGKILL)", "killed by SIGKILL"),
    "a timer": ("signal.setitimer(signal.ITIMER_REAL, 0.001)\nwhile True: pass", "killed by SIGALRM"),
    "a thread": ("threading.Thread(target=os._exit, args=[6]).start()\nwhile True: pass", "exit status 6"),
    "a stack overflow": (OVERFLOW, "killed by SIGSEGV"),
    "a child that lives on": (
        "if not os.fork(): os.setsid(), signal.pause()\nos._exit(4)",
        "exit status 4",
    ),
    "every descriptor but three": (
        "os.closerange(3, 1 << 16)",
        "killed: it broke the protocol (it closed its channel)",
    ),
    "every descriptor but three, by C": (  # close_range(2)
        "ctypes.CDLL(None).syscall(436, 3, 1 << 16, 0)\nprint('on')",
        "killed: it broke the protocol (it closed its channel)",
    ),
    "every descriptor": ("os.closerange(0, 1 << 20)", "killed: it broke the protocol (it closed its channel)"),
    "every descriptor, and it goes on": (
        "os.closerange(0, 1 << 20)\nwhile True: pass",
        "killed: it broke the protocol (it closed its channel)",
    ),
    "an audit hook": ("def hook(*args): 1/0\nsys.addaudithook(hook)", "exit status 70"),
    **{
        f"the channel: {how}": (FIND + code, "killed: it broke the protocol (it closed its channel)")
        for how, code in {
            "closed": "for fd in channel: os.close(fd)",
            "closed to read": "os.close(channel[0])",
            "closed to write": "os.close(channel[1])",
            "replaced": "for fd in channel: os.dup2(1, fd)",
            "replaced to read": "os.dup2(os.open('/dev/zero', os.O_RDONLY), channel[0])",
            "replaced to write": "os.dup2(1, channel[1])",
            "shut down": "socket.socket(fileno=channel[0]).shutdown(socket.SHUT_RDWR)",
        }.items()
    },
}


# Code that does not end its Python; the next execution works.
BREAK = """
def broken(*args, **keys):
    raise RuntimeError('broken')
"""


PATCH = """
import importlib
for module in [vars(importlib.import_module(name)) for name in {modules}]:
    for name in [name for name in module if callable(module[name]) and name[:2] != '__']:
        if name not in ('print', 'len'):
            module[name] = broken
"""


PATCHED = (
    *("_io", "_json", "_signal", "_thread", "ast", "atexit", "codecs", "fcntl", "gc", "io", "json", "linecache", "os"),
    *("posix", "signal", "sys", "threading", "time", "tokenize", "traceback", "types"),
)


HARMLESS = {
    "fork": "child = os.fork()\nif child: os.waitpid(child, 0)",
    "a fork without a wait": "os.fork()",
    "fork by C": "child = ctypes.CDLL(None).fork()\nif child: os.waitpid(child, 0)",
    "fds 0 to 20": "os.closerange(0, 21)",
    "fds 0 to 900": "os.closerange(0, 901)",
    "fds that do not block": FIND + "for fd in (0, 1, 2, *channel): os.set_blocking(fd, False)",
    "a copy of the channel": FIND + "copies = [os.dup(fd) for fd in channel]",
    "stdout with an evil closed": "class S:\n  closed = property(lambda self: sys.exit())\nsys.stdout = S()",
    "stdout with an evil flush": (
        "import time\nflushed = []\ndef flush():\n  flushed.append(1)\n  1/0\n"
        "sys.stdout.flush = flush\nprint('.', end='')\n"
        "while not flushed: time.sleep(0.001)\nif not os.fork(): os._exit(0)\ndel sys.stdout.flush"
    ),
    "an audit hook against threads": (
        "def hook(event, args):\n  if event.startswith('_thread.start'): 1/0\n"
        "sys.addaudithook(hook)\nprint('.', end='')\nif not os.fork(): os._exit(0)"
    ),
    "settrace": "sys.settrace(broken)",
    "a callback on every call": (
        "if sys.version_info >= (3, 12):\n  watch = sys.monitoring\n  watch.use_tool_id(3, 'evil')\n"
        "  watch.register_callback(3, watch.events.CALL, broken)\n  watch.set_events(3, watch.events.CALL)"
    ),
    "monitoring": (
        "if sys.version_info >= (3, 12):\n  watch = sys.monitoring\n  watch.use_tool_id(3, 'evil')\n"
        "  watch.register_callback(3, watch.events.PY_START, broken)\n  watch.set_events(3, watch.events.PY_START)"
    ),
    "functions of modules replaced": PATCH.format(modules=PATCHED),
    "functions of modules replaced, streams closed": PATCH.format(modules=PATCHED) + "import sys; sys.stdout.close()",
    "linecache": "import linecache; linecache.cache = None",
    "no module traceback": "sys.modules['traceback'] = None",
    "no modules": "modules = dict(sys.modules); sys.modules.clear(); sys.modules['sys'] = sys",
    "sys.modules": "sys.modules = None",
    "sys.path": "sys.path = None",
    "sys.meta_path": "sys.meta_path[:] = [broken]",
    "__main__": (
        "for name in ('name', 'file', 'spec', 'loader', 'doc', 'package', 'annotations'): "
        "globals()[f'__{name}__'] = 5\nglobals()[5] = 6"
    ),
    "__builtins__": "__builtins__ = 5",
    "raising finalizers": "class C:\n  def __del__(self): raise SystemExit\nevil = C(); evil.evil = evil; del evil",
    "a raising gc callback": "gc.callbacks.append(broken); gc.collect()",
    "hooks": "sys.unraisablehook = sys.excepthook = sys.breakpointhook = threading.excepthook = broken; del broken",
    "signals blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
    "SIGINT ignored": "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "SIGINT handled": "signal.signal(signal.SIGINT, broken)",
    "signals handled": (
        "for number in signal.valid_signals() - {9, 19, 18}:\n  try: signal.signal(number, broken)\n"
        "  except OSError: pass"
    ),
    "a closed wakeup fd": (
        "ends = os.pipe(); os.set_blocking(ends[1], False)\nsignal.set_wakeup_fd(ends[1]); os.close(ends[1])"
    ),
    "a timer that ticks": (
        "signal.signal(signal.SIGALRM, lambda *args: None); signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)"
    ),
    "no open files": "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))",
    "no new files": "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
    "no core": "resource.setrlimit(resource.RLIMIT_STACK, (1 << 16, 1 << 16))",
    "no directory": "folder = tempfile.mkdtemp(); os.chdir(folder); os.rmdir(folder)",
    "process group": "for call in (os.setsid, os.setpgrp):\n  try: call()\n  except PermissionError: pass",
    "a thread that exits": "thread = threading.Thread(target=sys.exit, args=[3]); thread.start(); thread.join()",
    "a thread that stays": "threading.Thread(target=threading.Event().wait).start()",
    "greedy threads": "sys.setswitchinterval(1000)",
    "every interrupt of its own": "for _ in range(100):\n  try: _thread.interrupt_main()\n  except BaseException: pass",
    "recursion": "sys.setrecursionlimit(10**6)",
}


# Code that raises an exception that is hard to show, with the error's name and value.
ERRORS = {
    "no Exception": ("class E(BaseException): pass\nraise E('x')", "E", "x"),
    "GeneratorExit": ("raise GeneratorExit('x')", "GeneratorExit", "x"),
    "a tracer": ("sys.settrace(broken)\n(lambda: 0)()", "RuntimeError", "broken"),
    "a tracer of the worker": (
        "frame = sys._getframe(1)\nframe.f_trace = broken\nsys.settrace(broken)",
        "ValueError",
        "call stack is not deep enough",
    ),
    "a profiler": ("sys.setprofile(broken)", "RuntimeError", "broken"),
    "__str__ raises": ("class E(Exception):\n  __str__ = broken\nraise E", "E", "<exception str() failed>"),
    "__str__ exits": (
        "class E(Exception):\n  def __str__(self): exit()\nraise E",
        "E",
        "<the exception could not be shown>",
    ),
    "__str__ is no text": ("class E(Exception):\n  __str__ = int\nraise E", "E", "<exception str() failed>"),
    "__str__ recurses": ("class E(Exception):\n  __str__ = __repr__ = lambda self: str(self)\nraise E", "E", "..."),
    "__str__ is huge": (
        "class E(Exception):\n  def __str__(self): return 'x' * 10_000_000\nraise E",
        "E",
        "xxx...xxx",
    ),
    "a file too large": (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\nwith open('file', 'w') as file: print('x', file=file)",
        "OSError",
        "[Errno 27] File too large",
    ),
    "no directory": (
        "folder = tempfile.mkdtemp(); os.chdir(folder); os.rmdir(folder); os.getcwd()",
        "FileNotFoundError",
        "[Errno 2] No such file or directory",
    ),
    "no modules": ("sys.modules.clear(); sys.modules['sys'] = sys; 1/0", "ZeroDivisionError", "division by zero"),
    "no path": ("sys.path = None; 1/0", "ZeroDivisionError", "division by zero"),
}


# Code that prints "on" and does not end; the messages after an interrupt; whether the worker survives.
KILLED = "interrupted; its worker was killed by SIGKILL, and its variables are lost"


ENDLESS: dict[str, tuple[str, list[dict[str, Any]], bool]] = {
    "signals blocked": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); print('on')\nwhile True: pass",
        [error("KeyboardInterrupt", KILLED), INTERRUPTED],
        False,
    ),
    "every exception swallowed": (
        "while True:\n  try:\n    print('on')\n    while True: pass\n  except BaseException: pass",
        [error("KeyboardInterrupt", KILLED), INTERRUPTED],
        False,
    ),
    "a thread that keeps the lock": (
        (
            "import ctypes\ndef run():\n  ctypes.PyDLL(None).write(1, b'on', 2)\n  while True: pass\n"
            "sys.setswitchinterval(1000); threading.Thread(target=run).start(); threading.Event().wait()"
        ),
        [error("KeyboardInterrupt", KILLED), INTERRUPTED],
        False,
    ),
    "a flush": (
        "class S:\n  def flush(self):\n    os.write(1, b'on')\n    while True: pass\nsys.stdout = S()",
        [error("KeyboardInterrupt", KILLED), INTERRUPTED],
        False,
    ),
    "__str__": (
        "class E(Exception):\n  def __str__(self):\n    print('on')\n    while True: pass\nraise E",
        [error("E", "<the exception could not be shown>"), COMPLETED],
        True,
    ),
    "its process stopped": (
        "print('on', flush=True); os.kill(os.getpid(), signal.SIGSTOP)\nwhile True: pass",
        [error("KeyboardInterrupt", ""), INTERRUPTED],
        True,
    ),
    "an interrupt that it takes well": (
        "try:\n  print('on')\n  while True: pass\nexcept KeyboardInterrupt: pass",
        [COMPLETED],
        True,
    ),
}


# Code that keeps its Python from ending by itself.
EXITS = {
    "a thread that stays": "threading.Thread(target=threading.Event().wait).start()",
    "an exit handler that does not end": "atexit.register(threading.Event().wait)",
    "an exit handler that dies": "atexit.register(os._exit, 7)",
    "an exit handler that raises": "atexit.register(broken)",
    "an exit handler that forks": "atexit.register(os.fork)",
}


def whole(code: str) -> str:
    """Return ``code`` with its imports and with ``broken``, a function that raises."""
    modules = (
        "_thread",
        "atexit",
        "ctypes",
        "gc",
        "os",
        "resource",
        "signal",
        "socket",
        "sys",
        "tempfile",
        "threading",
    )
    return "\n".join([*(f"import {name}" for name in modules if f"{name}." in code), BREAK, code])
