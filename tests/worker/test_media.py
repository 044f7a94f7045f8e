"""The stand-in's pictures, sounds, films and links."""

import base64
import io
import wave

import pytest
from worker_driver import DrivenWorker
from worker_modules import WITHOUT_IPYTHON
from worker_modules import represented as bundle

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8) + (10).to_bytes(4, "big") + (20).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF0000WEBPVP8 ", "image/webp"),
    ],
)
def test_a_picture_is_base64_under_its_type(worker: DrivenWorker, data: bytes, mime: str) -> None:
    found, metadata = bundle(worker, f"Image({data!r}, width=5)")
    assert base64.b64decode(found[mime]) == data
    assert metadata == {mime: {"width": 5}}
    assert set(found) - {"image/png", "image/jpeg"} <= {mime, "text/plain"}


def test_a_picture_of_a_file_or_a_url(worker: DrivenWorker) -> None:
    (worker.cwd / "p.png").write_bytes(PNG)
    for made in ("Image('p.png')", "Image(filename='p.png')"):
        assert base64.b64decode(bundle(worker, made)[0]["image/png"]) == PNG
    found, _ = bundle(worker, "Image(url='http://127.0.0.1/a.png', alt='\"')")
    assert found["text/html"] == '<img src="http://127.0.0.1/a.png" alt="&quot;"/>'
    assert "image/png" not in found
    assert bundle(worker, f"Image({PNG!r}, retina=True)")[1] == {"image/png": {"width": 5, "height": 10}}


@pytest.mark.parametrize(
    ("made", "name"),
    [
        ("Image('none.png')", "FileNotFoundError"),
        ("Image(b'x', format='tiff')", "ValueError"),
        ("Image(5)", "TypeError"),
    ],
)
def test_what_is_no_picture_is_refused(worker: DrivenWorker, made: str, name: str) -> None:
    error = worker.run(f"{WITHOUT_IPYTHON}from IPython.display import Image\n{made}").error
    assert error is not None
    assert error["name"] == name


def test_samples_become_a_file(worker: DrivenWorker) -> None:
    html = bundle(worker, "Audio([[0, 1, -0.5], [0, 0, 0]], rate=8000, autoplay=True)")[0]["text/html"]
    assert 'autoplay="autoplay"' in html
    data = html.partition("data:audio/wav;base64,")[2].partition('"')[0]
    with wave.open(io.BytesIO(base64.b64decode(data))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 3)


def test_films_pages_and_links_are_html(worker: DrivenWorker) -> None:
    assert 'src="http://x/v.webm" type="video/webm"' in bundle(worker, "Video('http://x/v.webm')")[0]["text/html"]
    assert "data:video/mp4;base64,eA==" in bundle(worker, "Video(b'x')")[0]["text/html"]
    assert 'src="http://x?a=1&amp;b=c+d"' in bundle(worker, "IFrame('http://x', 3, 4, a=1, b='c d')")[0]["text/html"]
    assert 'href="a&amp;b.txt"' in bundle(worker, "FileLink('a&b.txt')")[0]["text/html"]
    assert "youtube.com/embed/abc" in bundle(worker, "YouTubeVideo('abc')")[0]["text/html"]
