"""What no archive can have: kinds of objects whose other half is outside of Python, and the way out for each."""

from worker.closed_files import closed_form
from worker.report import cut

REASON_LIMIT_CHARS = 300

_FILE = "an open file", "open it again from its path"
_SOCKET = "a network connection", "connect again"
_DATABASE = "a connection to a database", "connect again"
_LOCK = "a lock", "make a new one"
_THREAD = "a thread", "start it again"
_POOL = "an executor or a pool of workers", "make a new one"
_PROCESS = "another process", "start it again"
_LOOP = "an event loop", "make a new one; asyncio.run() does"
_TASK = "work that an event loop has begun", "await its result, and keep that"
_GENERATOR = "a generator, which stands in the middle of its code", "make it again, or keep list() of it"
_SHARED = "memory that is shared with other processes", "keep a copy of its content"
_MAPPED = "the content of a file, mapped into memory", "map it again from its path, or keep a copy"
_WEAK = "a weak proxy of another object", "keep the object, and make a proxy of it"
_FRAME = "a frame or a traceback of running code", "keep its text"
_CONTEXT = "context variables of running code", "make a new one"
_LIBRARY = "a library of C code", "load it again"
_POINTER = "an address in this process's memory", "make it again"
_VIEW = "an iterator over the data of another object", "make it again"
_GRADIENT = "a tensor with the history of its calculation", "keep .detach() of it, or its leaves"

# By the names of classes: none of their modules is imported here. A class below one of these is of the same kind.
KINDS = {
    "_io.TextIOWrapper": _FILE,
    "_io.FileIO": _FILE,
    "_io.BufferedReader": _FILE,
    "_io.BufferedWriter": _FILE,
    "_io.BufferedRandom": _FILE,
    "_io.BufferedRWPair": _FILE,
    "tempfile._TemporaryFileWrapper": _FILE,
    "tempfile.SpooledTemporaryFile": _FILE,
    "tempfile.TemporaryDirectory": ("a temporary directory", "make a new one"),
    "zipfile.ZipFile": _FILE,
    "tarfile.TarFile": _FILE,
    "gzip.GzipFile": _FILE,
    "bz2.BZ2File": _FILE,
    "lzma.LZMAFile": _FILE,
    "shelve.Shelf": _FILE,
    "_gdbm.gdbm": _FILE,
    "_dbm.dbm": _FILE,
    "h5py._hl.base.HLObject": _FILE,
    "h5py.h5.ObjectID": _FILE,
    "tables.file.File": _FILE,
    "netCDF4._netCDF4.Dataset": _FILE,
    "pyarrow.lib.NativeFile": _FILE,
    "pandas.io.parsers.readers.TextFileReader": _FILE,
    "pandas.io.excel._base.ExcelFile": _FILE,
    "pandas.io.excel._base.ExcelWriter": _FILE,
    "pandas.io.pytables.HDFStore": _FILE,
    "_csv.reader": ("a reader of an open file", "open the file again"),
    "_csv.writer": ("a writer to an open file", "open the file again"),
    "csv.DictReader": ("a reader of an open file", "open the file again"),
    "csv.DictWriter": ("a writer to an open file", "open the file again"),
    "os.DirEntry": ("an entry of a directory that is being read", "keep its path"),
    "posix.DirEntry": ("an entry of a directory that is being read", "keep its path"),
    "posix.ScandirIterator": _VIEW,
    "_socket.socket": _SOCKET,
    "_ssl._SSLSocket": _SOCKET,
    "_ssl._SSLContext": ("settings of TLS, perhaps with keys", "make them again"),
    "select.epoll": _SOCKET,
    "select.poll": _SOCKET,
    "selectors.BaseSelector": _SOCKET,
    "socketserver.BaseServer": ("a server", "start it again"),
    "http.client.HTTPConnection": _SOCKET,
    "http.client.HTTPResponse": _SOCKET,
    "smtplib.SMTP": _SOCKET,
    "ftplib.FTP": _SOCKET,
    "imaplib.IMAP4": _SOCKET,
    "urllib3.connectionpool.ConnectionPool": _SOCKET,
    "httpx.Client": _SOCKET,
    "httpx.AsyncClient": _SOCKET,
    "aiohttp.client.ClientSession": _SOCKET,
    "sqlite3.Connection": _DATABASE,
    "sqlite3.Cursor": _DATABASE,
    "psycopg2.extensions.connection": _DATABASE,
    "psycopg.Connection": _DATABASE,
    "pymysql.connections.Connection": _DATABASE,
    "sqlalchemy.engine.base.Engine": _DATABASE,
    "sqlalchemy.engine.base.Connection": _DATABASE,
    "sqlalchemy.orm.session.Session": _DATABASE,
    "duckdb.duckdb.DuckDBPyConnection": _DATABASE,
    "_duckdb.DuckDBPyConnection": _DATABASE,
    "redis.client.Redis": _DATABASE,
    "pymongo.mongo_client.MongoClient": _DATABASE,
    "pyspark.context.SparkContext": ("a session of Spark", "make a new one"),
    "pyspark.sql.session.SparkSession": ("a session of Spark", "make a new one"),
    "_thread.lock": _LOCK,
    "_thread.RLock": _LOCK,
    "threading.Condition": _LOCK,
    "threading.Event": _LOCK,
    "threading.Semaphore": _LOCK,
    "threading.Barrier": _LOCK,
    "threading.Thread": _THREAD,
    "_thread._local": ("variables of threads", "make new ones"),
    "_threading_local.local": ("variables of threads", "make new ones"),
    "_thread._ThreadHandle": _THREAD,
    "queue.Queue": ("a queue with locks", "make a new one, of its items"),
    "_queue.SimpleQueue": ("a queue with locks", "make a new one, of its items"),
    "concurrent.futures._base.Executor": _POOL,
    "concurrent.futures._base.Future": _TASK,
    "multiprocessing.pool.Pool": _POOL,
    "joblib.parallel.Parallel": _POOL,
    "multiprocessing.process.BaseProcess": _PROCESS,
    "multiprocessing.managers.BaseManager": _PROCESS,
    "multiprocessing.managers.BaseProxy": _PROCESS,
    "multiprocessing.queues.Queue": _SHARED,
    "multiprocessing.queues.SimpleQueue": _SHARED,
    "multiprocessing.connection._ConnectionBase": ("a connection to another process", "make a new one"),
    "multiprocessing.synchronize.SemLock": _LOCK,
    "multiprocessing.synchronize.Condition": _LOCK,
    "multiprocessing.synchronize.Event": _LOCK,
    "multiprocessing.sharedctypes.SynchronizedBase": _SHARED,
    "multiprocessing.shared_memory.SharedMemory": _SHARED,
    "multiprocessing.shared_memory.ShareableList": _SHARED,
    "subprocess.Popen": _PROCESS,
    "asyncio.subprocess.Process": _PROCESS,
    "asyncio.events.AbstractEventLoop": _LOOP,
    "asyncio.events.AbstractServer": ("a server", "start it again"),
    "asyncio.runners.Runner": _LOOP,
    "_asyncio.Future": _TASK,
    "_asyncio.Task": _TASK,
    "asyncio.futures.Future": _TASK,
    "asyncio.streams.StreamReader": _SOCKET,
    "asyncio.streams.StreamWriter": _SOCKET,
    "builtins.generator": _GENERATOR,
    "builtins.coroutine": ("a coroutine that has not ended", "await it, and keep its result"),
    "builtins.coroutine_wrapper": ("a coroutine that has not ended", "await it, and keep its result"),
    "builtins.async_generator": _GENERATOR,
    "builtins.async_generator_asend": _GENERATOR,
    "builtins.frame": _FRAME,
    "builtins.traceback": _FRAME,
    "builtins.weakproxy": _WEAK,
    "builtins.weakcallableproxy": _WEAK,
    "weakref.ProxyType": _WEAK,
    "weakref.CallableProxyType": _WEAK,
    "weakref.finalize": ("a finalizer", "register it again"),
    "builtins.PyCapsule": _POINTER,
    "_pickle.PickleBuffer": _POINTER,
    "builtins.PickleBuffer": _POINTER,
    "pickle.PickleBuffer": _POINTER,
    "mmap.mmap": _MAPPED,
    "numpy.memmap": _MAPPED,
    "numpy.lib.npyio.NpzFile": _FILE,
    "numpy.lib._npyio_impl.NpzFile": _FILE,
    "numpy.flatiter": _VIEW,
    "numpy.nditer": _VIEW,
    "_ctypes._Pointer": _POINTER,
    "_ctypes.CFuncPtr": _POINTER,
    "ctypes.CDLL": _LIBRARY,
    "ctypes.LibraryLoader": _LIBRARY,
    "_cffi_backend.Lib": _LIBRARY,
    "_cffi_backend._CDataBase": _POINTER,
    "contextvars.ContextVar": _CONTEXT,
    "_contextvars.ContextVar": _CONTEXT,
    "builtins.ContextVar": _CONTEXT,
    "builtins.Context": _CONTEXT,
    "builtins.Token": _CONTEXT,
    "contextvars.Context": _CONTEXT,
    "_contextvars.Context": _CONTEXT,
    "contextvars.Token": _CONTEXT,
    "_contextvars.Token": _CONTEXT,
    "re.Match": ("a match of a regular expression", "keep its groups()"),
    "_hashlib.HASH": ("a hash that is being calculated", "keep its digest(), or calculate it again"),
    "_hashlib.HMAC": ("a hash that is being calculated", "keep its digest(), or calculate it again"),
    "_md5.md5": ("a hash that is being calculated", "keep its digest(), or calculate it again"),
    "zlib.Compress": ("a compression that has begun", "make it again"),
    "zlib.Decompress": ("a decompression that has begun", "make it again"),
    "xml.etree.ElementTree.XMLParser": ("a parser that has begun", "make it again"),
    "xml.dom.expatbuilder.ExpatBuilder": ("a parser that has begun", "make it again"),
    "pyexpat.xmlparser": ("a parser that has begun", "make it again"),
    "ipywidgets.widgets.widget.Widget": ("a widget, whose other half is in a client", "make it again"),
    "tkinter.Misc": ("a window", "make it again"),
    "IPython.core.interactiveshell.InteractiveShell": ("a shell", "get it again from get_ipython()"),
}


class Unsaveable(Exception):
    """An object cannot be saved. ``str()`` is the reason, ``thing`` the object."""

    def __init__(self, reason, thing):
        super().__init__(cut(reason, REASON_LIMIT_CHARS))
        self.thing = thing


def refuse(thing, kind):
    """Raise Unsaveable: ``kind`` is what ``thing`` is, and the way out."""
    what, way_out = kind
    raise Unsaveable(f"it is {what}: {way_out}", thing)


def refusal(kind, names):
    """Return a reducer that refuses objects of the class ``kind``; None if they may be saved.

    ``names`` are those of ``kind`` and its bases.
    """
    for name in names:
        found = KINDS.get(name)
        if found is not None:
            return _Refusing(found)
    return None


class _Refusing:
    """A reducer that refuses objects of one kind."""

    refuses = True

    def __init__(self, kind):
        self._kind = kind

    def __call__(self, pickler, thing):
        form = closed_form(thing) if self._kind is _FILE else None
        if form is None:
            refuse(thing, self._kind)
        return form


MAPPED, SHARED, VIEW, GRADIENT, POINTER = _MAPPED, _SHARED, _VIEW, _GRADIENT, _POINTER


def reason_of(error):
    """Return in one sentence why something could not be saved or loaded. Runs no user code but the error's own."""
    if isinstance(error, Unsaveable):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and type(error.name) is str:
        return cut(f"it needs the module {error.name}, which is not there", REASON_LIMIT_CHARS)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    try:
        text = str.__str__(str(error))
    except BaseException:  # of user code
        text = ""
    if type(error) is TypeError and text.startswith("cannot pickle '"):
        return cut(f"objects of {text.split(chr(39))[1]} cannot be saved: make it again", REASON_LIMIT_CHARS)
    name = vars(type)["__name__"].__get__(type(error))
    return cut(f"{name}: {text}" if text else name, REASON_LIMIT_CHARS)
