"""The worker sends output data by the display pipe, in the program's order, within bounds."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from publishing import FOUND, bundles
from worker_driver import DrivenWorker, find_pythons

from interpreterd.model.displays import Json
from interpreterd.pipe.bundles import Bundle, BundleDecoder
from interpreterd.pipe.turns import DISPLAY

NOTE = "[output data is larger than 16 MiB, the limit; left out: %s]"
OLDEST, *_, NEWEST = find_pythons()


@pytest.fixture(params=[OLDEST, NEWEST])
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DrivenWorker]:
    """Yield a worker that has the publisher."""
    with DrivenWorker(find_pythons()[request.param], tmp_path) as worker:
        assert worker.printed(FOUND) == ""
        yield worker


def shown(worker: DrivenWorker, code: str) -> Bundle:
    """Run ``code``, which publishes once; return the bundle."""
    ran = worker.run(code)
    assert (ran.error, ran.stderr) == (None, "")
    (bundle,) = bundles(ran)
    return bundle


def test_each_representation_has_the_form_of_its_type(worker: DrivenWorker) -> None:
    code = (
        "publish('display', {'text/plain': 'é\\ud800', 'image/png': b'\\x89PNG', 'image/svg+xml': b'<svg/>',"
        " 'application/json': {'a': [1, None, float('nan'), '\\ud800']}, 'application/x+json': 'text'},"
        " {'image/png': {'width': 1.5}}, {'display_id': 'd'}, unknown=1)"
    )
    bundle = shown(worker, code)
    assert (bundle.kind, bundle.display_id, bundle.metadata) == ("display", "d", Json('{"image/png":{"width":1.5}}'))
    value = bundle.data["application/json"]
    assert isinstance(value, Json)
    assert json.loads(value.text) == {"a": [1, None, None, "?"]}
    png = base64.b64encode(b"\x89PNG").decode()
    assert {mime: bundle.data[mime] for mime in bundle.data if mime != "application/json"} == {
        "text/plain": "é\\ud800",
        "image/png": png,
        "image/svg+xml": "<svg/>",
        "application/x+json": Json('"text"'),
    }


def test_a_large_picture_comes_whole(worker: DrivenWorker) -> None:
    bundle = shown(worker, "publish('result', {'image/png': bytes(range(256)) * 20_000})")
    assert base64.b64decode(str(bundle.data["image/png"])) == bytes(range(256)) * 20_000


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("{'text/plain': 'p', 'image/png': bytes((16 << 20) - 1)}", "p"),
        ("{'text/plain': 'p', 'image/png': bytes(16 << 20)}", "p\n" + NOTE % "image/png"),
        ("{'text/html': 'x' * (17 << 20)}", NOTE % "text/html"),
        ("{'text/plain': 'p' * (17 << 20)}", "p" * 65536 + "\n" + NOTE % "the rest of the text"),
        ("{'text/plain': 'p', 'a/b+json': [[]] * 400_000}", "p\n[a/b+json is left out: it has too many elements]"),
    ],
    ids=["fits", "picture", "html", "text", "json"],
)
def test_what_is_too_large_is_replaced_by_its_text_and_a_note(worker: DrivenWorker, data: str, text: str) -> None:
    bundle = shown(worker, f"publish('display', {data})")
    assert bundle.data["text/plain"] == text
    assert ("image/png" in bundle.data) is (text == "p")


def texts(data: bytes) -> list[str]:
    """Return the texts of whole bundles."""
    return [str(bundle.data["text/plain"]) for bundle in BundleDecoder().feed(data)]


def test_the_order_is_that_of_the_program(worker: DrivenWorker) -> None:
    code = (
        "import os, sys\n"
        "def show(text): publish('display', {'text/plain': text})\n"
        "print('a', end='')\nshow('b')\n"
        "print('c', end='', file=sys.stderr)\nshow('d')\nprint('e', end='', flush=True)\n"
        "os.system('printf f')\nshow('g')\nshow('h')\nprint('i', end='')"
    )
    ran = worker.run(code)
    order = ""
    for name, data in ran.pieces:  # one read may return two bundles
        order += "".join(texts(data)) if name == DISPLAY else data.decode()
    assert order == "abcdefghi", ran.pieces


def test_an_interrupted_bundle_is_given_up_and_the_next_one_comes(worker: DrivenWorker) -> None:
    """The pipe is full, as no one reads it: publishing waits."""
    worker.start(
        "import os, _signal, _thread, time\n"
        "def interrupt():\n    time.sleep(0.1); os.kill(os.getpid(), _signal.SIGINT)\n"
        "_thread.start_new_thread(interrupt, ())\n"
        "import select\n"
        "try:\n    while True: publish('display', {'text/plain': 'x' * 3_000_000})\n"
        "except KeyboardInterrupt: pass\n"
        "publish('display', {'text/plain': 'after'})"
    )
    ran = worker.finish()
    assert ran.error is None
    *whole, last = bundles(ran)
    assert last.data == {"text/plain": "after"}
    assert all(bundle.data == {"text/plain": "x" * 3_000_000} for bundle in whole)


def test_a_forked_child_may_publish_too(worker: DrivenWorker) -> None:
    code = (
        "import os\npids = []\n"
        "for number in range(3):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        for _ in range(5): publish('display', {'text/plain': str(number) * 20_000})\n"
        "        os._exit(0)\n"
        "    pids.append(pid)\n"
        "for _ in range(5): publish('display', {'text/plain': '3' * 200_000})\n"
        "for pid in pids: os.waitpid(pid, 0)"
    )
    texts = [str(bundle.data["text/plain"]) for bundle in bundles(worker.run(code))]
    expected = [str(number) * 20_000 for number in range(3)] + ["3" * 200_000]
    assert sorted(texts) == sorted(expected * 5)


def test_threads_publish_whole_bundles(worker: DrivenWorker) -> None:
    code = (
        "import threading\n"
        "def show(text):\n    for _ in range(5): publish('display', {'text/plain': text * 100_000})\n"
        "threads = [threading.Thread(target=show, args=(text,)) for text in 'abc']\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: print('x'); thread.join()"
    )
    texts = [str(bundle.data["text/plain"]) for bundle in bundles(worker.run(code))]
    assert sorted(texts) == sorted([text * 100_000 for text in "abc"] * 5)


@pytest.mark.parametrize("broken", ["os.close(fd)", "os.dup2(os.open('/dev/null', os.O_WRONLY), fd)"])
def test_without_its_pipe_the_text_is_printed(worker: DrivenWorker, broken: str) -> None:
    streams = 'type(exit).__call__.__globals__["__builtins__"]["__import__"]("worker.streams").streams.current'
    code = (
        f"import os\nfd = {streams}.display_fd\n{broken}\npublish('result', {{'text/plain': '2', 'image/png': b'x'}})"
    )
    ran = worker.run(code)
    assert (ran.stdout, bundles(ran), ran.error) == ("2\n", [], None)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("publish('show', {})", "ValueError"),
        ("publish('display', {'text/plain': 7})", "TypeError"),
        ("publish('display', {'a/b+json': object()})", "TypeError"),
        ("publish('display', {'x' * 50_000: ''})", "ValueError"),
    ],
)
def test_what_cannot_be_sent_is_an_error_of_the_caller(worker: DrivenWorker, call: str, name: str) -> None:
    error = worker.run(call).error
    assert error is not None
    assert error["name"] == name
    assert shown(worker, "publish('clear', wait=True)") == Bundle(kind="clear", wait=True)
