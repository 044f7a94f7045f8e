"""More classes of ``IPython.display`` for a Python without IPython: pictures, sound, films, pages and files."""

import os
from binascii import b2a_base64

from worker.display import escaped
from worker.shown import DisplayObject

_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "ogv": "video/ogg",
    "mov": "video/quicktime",
}
_BEGINNINGS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8", "jpeg"), (b"GIF8", "gif"))


def _suffix(name):
    return os.path.splitext(name.partition("?")[0])[1][1:].lower()


def _base64(data):
    return b2a_base64(data, newline=False).decode() if isinstance(data, bytes) else data


def _attributes(**values):
    return "".join(f' {name}="{escaped(str(value))}"' for name, value in values.items() if value is not None)


class Image(DisplayObject):
    """A picture: bytes, a file or a URL; a URL is embedded only if ``embed`` says so."""

    _binary = True
    _PNG, _JPEG, _GIF, _WEBP = "png", "jpeg", "gif", "webp"

    def __init__(
        self,
        data=None,
        url=None,
        filename=None,
        format=None,
        embed=None,
        width=None,
        height=None,
        retina=False,
        unconfined=False,
        metadata=None,
        alt=None,
    ):
        data = os.fspath(data) if hasattr(data, "__fspath__") else data
        if isinstance(data, str) and data.startswith(("http://", "https://")):
            data, url = None, data
        name = filename or url or (data if isinstance(data, str) else "")
        format = format or _suffix(os.fspath(name)) or self._format_of(data)
        self.format = "jpeg" if format.lower() == "jpg" else format.lower()
        self.embed = url is None if embed is None else embed
        if self.embed and self.format not in ("png", "jpeg", "gif", "webp"):
            raise ValueError(f"Cannot embed the '{self.format}' image format")
        self.width, self.height, self.retina, self.unconfined, self.alt = width, height, retina, unconfined, alt
        super().__init__(data, url, filename, metadata)
        if self.width is None and self.metadata.get("width"):
            self.width = metadata["width"]
        if self.height is None and self.metadata.get("height"):
            self.height = metadata["height"]
        if retina and self.data is not None:
            self._halve()

    @staticmethod
    def _format_of(data):
        if isinstance(data, bytes):
            if data[8:12] == b"WEBP":
                return "webp"
            return next((name for start, name in _BEGINNINGS if data.startswith(start)), "png")
        return "png"

    def _halve(self):
        if self.format == "png" and self.width is None and self.height is None:
            self.width = int.from_bytes(self.data[16:20], "big") // 2
            self.height = int.from_bytes(self.data[20:24], "big") // 2

    def reload(self):
        """Read the picture again from its file or URL."""
        if self.embed:
            super().reload()

    def _check_data(self):
        if self.embed and not isinstance(self.data, (bytes, str)):
            raise TypeError(f"Image expects bytes, a file or a URL, not {type(self.data).__name__}")
        if self.embed and isinstance(self.data, str):
            raise FileNotFoundError(f"No such file or directory: '{self.data}'")

    def _repr_html_(self):
        if self.embed:
            return None
        style = _attributes(src=self.url, width=self.width, height=self.height, alt=self.alt)
        return f"<img{style}{' class=unconfined' if self.unconfined else ''}/>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.embed:
            return {"text/html": self._repr_html_()}
        mime, metadata = f"image/{self.format}", dict(self.metadata)
        for name in ("width", "height", "unconfined", "alt"):
            if getattr(self, name):
                metadata[name] = getattr(self, name)
        return {mime: _base64(self.data)}, ({mime: metadata} if metadata else {})

    def _repr_png_(self):
        return self.data if self.embed and self.format == "png" else None

    def _repr_jpeg_(self):
        return self.data if self.embed and self.format == "jpeg" else None


class _Player(DisplayObject):
    """Sound or film, as HTML: embedded, or by its URL or the name of its file."""

    _binary = True

    def reload(self):
        """Read the data again from its file or URL."""
        if self.embed:
            super().reload()

    def _source(self, default):
        kind = self.mimetype or _TYPES.get(_suffix(self.filename or self.url or ""), default)
        if self.embed and self.data is not None:
            return f"data:{kind};base64,{_base64(self.data)}", kind
        return self.url or self.filename, kind


class Video(_Player):
    """A film: a URL, or a file, which is embedded if ``embed`` says so; bytes always are."""

    def __init__(
        self,
        data=None,
        url=None,
        filename=None,
        embed=False,
        mimetype=None,
        width=None,
        height=None,
        html_attributes="controls",
    ):
        data = os.fspath(data) if hasattr(data, "__fspath__") else data
        if isinstance(data, bytes):
            embed, mimetype = True, mimetype or "video/mp4"
        elif isinstance(data, str) and url is None and filename is None:
            url, filename, data = (data, None, None) if "://" in data else (None, data, None)
        self.embed, self.mimetype, self.html_attributes = embed, mimetype, html_attributes
        self.width, self.height = width, height
        super().__init__(data, url, filename)

    def _repr_html_(self):
        source, kind = self._source("video/mp4")
        size = _attributes(width=self.width, height=self.height)
        return (
            f'<video {self.html_attributes}{size}><source src="{escaped(source)}" type="{kind}">'
            "Your browser does not support the video element.</video>"
        )


class Audio(_Player):
    """Sound: a file, a URL, bytes of a file, or samples together with their ``rate`` per second."""

    def __init__(
        self,
        data=None,
        filename=None,
        url=None,
        embed=None,
        rate=None,
        autoplay=False,
        normalize=True,
        *,
        element_id=None,
    ):
        if filename is None and url is None and data is None:
            raise ValueError("No audio data found. Expecting filename, url, or data.")
        self.embed = url is None if embed is None else embed
        self.autoplay, self.element_id, self.mimetype = autoplay, element_id, None
        if data is not None and not isinstance(data, (bytes, str)) and not hasattr(data, "__fspath__"):
            if rate is None:
                raise ValueError("rate must be specified when data is a numpy array or list of audio samples.")
            data, self.mimetype = _wav(data, rate, normalize), "audio/wav"
        super().__init__(data, url, filename)

    def _repr_html_(self):
        source, kind = self._source("audio/wav")
        autoplay = ' autoplay="autoplay"' if self.autoplay else ""
        return (
            f'<audio{_attributes(id=self.element_id)} controls="controls"{autoplay}>'
            f'<source src="{escaped(source)}" type="{kind}" />Your browser does not support the audio element.</audio>'
        )


def _wav(samples, rate, normalize):
    """Return samples, one sequence or one for each channel, as a file with 16 bits a sample."""
    import io
    import wave
    from array import array

    rows = samples.tolist() if hasattr(samples, "tolist") else list(samples)
    rows = rows if rows and isinstance(rows[0], (list, tuple)) else [rows]
    loudest = max((abs(value) for row in rows for value in row), default=0)
    if not normalize and loudest > 1:
        raise ValueError("Audio data must be between -1 and 1 when normalize=False.")
    scale = 32767 / ((loudest or 1) if normalize else 1)
    frames = array("h", (int(value * scale) for frame in zip(*rows) for value in frame))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(len(rows))
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(frames.tobytes())
    return file.getvalue()


class IFrame:
    """Another page; ``extras`` are attributes of the element, further options go into the query."""

    def __init__(self, src, width, height, extras=None, **options):
        self.src, self.width, self.height = src, width, height
        self.extras, self.params = list(extras or ()), options

    def _repr_html_(self):
        source = self.src
        if self.params:
            from urllib.parse import urlencode

            source += ("&" if "?" in source else "?") + urlencode(self.params)
        style = _attributes(width=self.width, height=self.height, src=source, frameborder=0)
        return f"<iframe{style} allowfullscreen {' '.join(self.extras)}></iframe>"


class YouTubeVideo(IFrame):
    """A film of YouTube, by its id."""

    def __init__(self, id, width=400, height=300, allow_autoplay=False, **options):
        self.id = id
        super().__init__(f"https://www.youtube.com/embed/{id}", width, height, **options)


class FileLink:
    """A link to a file of the context."""

    def __init__(self, path, url_prefix="", result_html_prefix="", result_html_suffix="<br>"):
        self.path, self.url_prefix = os.fspath(path), url_prefix
        self.result_html_prefix, self.result_html_suffix = result_html_prefix, result_html_suffix

    def __repr__(self):
        return os.path.abspath(self.path)

    def _repr_html_(self):
        link = f"<a{_attributes(href=self.url_prefix + self.path)} target='_blank'>{escaped(self.path)}</a>"
        return f"{self.result_html_prefix}{link}{self.result_html_suffix}"
