"""The keys of the application's state."""

from fake_worker import FakeLauncher

from interpreterd.app import make_app
from interpreterd.http.keys import SETTINGS
from interpreterd.settings import Settings


async def test_code_that_answers_a_request_sees_only_the_settings_of_http() -> None:
    settings = Settings.of(cwd="/")
    assert make_app(settings=settings, launcher=FakeLauncher())[SETTINGS] is settings.http
