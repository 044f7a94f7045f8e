"""Pictures that are saved are shown, if the request wants that."""

from pathlib import Path

import pytest
from worker_driver import DrivenWorker, Ran
from worker_modules import PUBLISHED
from worker_modules import shown as published

pytestmark = pytest.mark.xdist_group("libraries")

PICTURE = "from PIL import Image\npicture = Image.new('RGB', (4, 4))\n"
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\n"


@pytest.fixture
def screen(library_worker: DrivenWorker) -> DrivenWorker:
    """Return the worker with libraries, which keeps what is published; no figure is open."""
    library_worker.run(PUBLISHED)
    library_worker.run(
        "import matplotlib\nimport matplotlib.pyplot as plt\nplt.close('all')\n"
        "matplotlib.use('module://interpreterd_inline')\nfor it in ('display', 'pictures'):\n"
        "    vars(importer.package).get(it) and setattr(importer.package.display, 'publish', _publish)"
    )
    return library_worker


def saving(worker: DrivenWorker, code: str, *, shown: bool = True) -> Ran:
    worker.send({"type": "execute", "id": "0", "envs": {}, "code": code, **({"showSaved": True} if shown else {})})
    return Ran(worker.receive(), worker.output())


def count(worker: DrivenWorker, code: str, *, shown: bool = True) -> int:
    """Return how many pictures ``code`` shows."""
    ran = saving(worker, code, shown=shown)
    assert (ran.error, ran.stderr) == (None, "")
    found = published(worker)
    assert all("image/png" in data for _, data, *_ in found)
    return len(found)


def test_a_picture_that_is_saved_is_shown(screen: DrivenWorker, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    assert count(screen, f"{PICTURE}picture.save({str(path)!r})") == 1
    assert path.exists()
    assert count(screen, f"picture.save(fp={str(path)!r}, format='png')") == 1
    assert count(screen, f"import pathlib\npicture.save(pathlib.Path({str(path)!r}))") == 1


def test_a_picture_within_a_program_is_not_shown(screen: DrivenWorker, tmp_path: Path) -> None:
    assert count(screen, f"{PICTURE}import io\npicture.save(io.BytesIO(), 'png')") == 0
    path = tmp_path / "a.png"
    assert count(screen, f"{PICTURE}picture.save({str(path)!r})", shown=False) == 0
    assert path.exists()


def test_a_figure_that_is_saved_is_shown_once(screen: DrivenWorker, tmp_path: Path) -> None:
    path = str(tmp_path / "a.png")
    assert count(screen, f"{FIGURE}plt.savefig({path!r})\nplt.close()") == 1
    assert count(screen, f"{FIGURE}plt.savefig({path!r})") == 1
    assert count(screen, f"{FIGURE}plt.savefig({path!r})\nplt.show()") == 1
    assert count(screen, f"{FIGURE}plt.savefig(fname={path!r}, dpi=50)") == 1
    assert count(screen, f"{FIGURE}plt.savefig({path!r})\nplt.title('new')") == 2


def test_a_picture_that_cannot_be_saved_is_not_shown(screen: DrivenWorker, tmp_path: Path) -> None:
    ran = saving(screen, f"{PICTURE}picture.save({str(tmp_path / 'no' / 'a.png')!r})")
    assert ran.error is not None
    assert ran.error["name"] == "FileNotFoundError"
    assert "saving" not in ran.error["traceback"]
    assert published(screen) == []
    assert count(screen, f"picture.save({str(tmp_path / 'b.png')!r})") == 1
