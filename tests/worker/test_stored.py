"""The content of an archive: pickles and buffers, whatever a descriptor takes at once."""

from worker_driver import DrivenWorker
from worker_modules import told

STORED = """
import os, tempfile, threading
stored = own("stored")
def written(work):
    read, write = os.pipe()
    file = tempfile.TemporaryFile()
    def copy():
        while data := os.read(read, 1000):
            file.write(data)
    thread = threading.Thread(target=copy)
    thread.start()
    writer = stored.Writer(write)
    work(writer)
    os.close(write)
    thread.join()
    os.close(read)
    file.flush()
    return file
def refused(file, *place):
    try:
        stored.Reader(file.fileno(), *place)
    except stored.Broken as error:
        return str(error)
"""


def test_what_was_committed_is_read_as_one_file(worker: DrivenWorker) -> None:
    code = """
large = os.urandom(3 << 20)
def work(writer):
    writer.begin()
    for _ in range(20):
        writer.write(large)
    writer.abort()
    for data in ([b"a"] * 3000, [large, memoryview(large)], []):
        writer.begin()
        for each in data:
            writer.write(each)
        writer.commit()
    work.place = writer.add(memoryview(large)), writer.add(memoryview(b""))
    writer.end({"more": 1})
file = written(work)
reader = stored.Reader(file.fileno())
found = bytearray(len(large))
reader.fill(memoryview(found), work.place[0][0])
it = [reader.pickles().read() == b"a" * 3000 + large * 2, found == large, work.place[0][0] % 64, reader.index["more"]]
"""
    assert told(worker, STORED + code) == [True, True, 0, 1]


def test_a_content_that_is_not_whole_is_refused(worker: DrivenWorker) -> None:
    code = """
file = written(lambda writer: writer.end({}))
size = os.path.getsize(file.fileno())
whole = os.pread(file.fileno(), size, 0)
def changed(data):
    other = tempfile.TemporaryFile()
    other.write(data)
    other.flush()
    return refused(other)
it = [refused(file), refused(file, 0, size - 1), refused(file, 1), changed(b""), changed(whole.replace(b"{", b"[")),
      changed(whole.replace(b'{"pickles":[]}', b'["pickles",1]]'))]
"""
    assert told(worker, STORED + code) == [
        None,
        "its end is missing",
        "it does not begin as an archive of a namespace does",
        "it does not begin as an archive of a namespace does",
        "its index cannot be read",
        "its index cannot be read",
    ]


def test_places_outside_of_the_content_are_refused(worker: DrivenWorker) -> None:
    code = """
file = written(lambda writer: writer.end({}))
reader = stored.Reader(file.fileno())
it = []
for place in (-1, 10, 1 << 62):
    try:
        reader.fill(memoryview(bytearray(100)), place)
    except stored.Broken as error:
        it.append(str(error))
"""
    assert told(worker, STORED + code) == ["it refers to bytes that it does not have"] * 3
