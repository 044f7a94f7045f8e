"""The place of late dialects among the routes."""

from aiohttp import web

from interpreterd.dialects.latecomers import Latecomers


def test_aiohttp_asks_it_last_and_lists_no_routes_of_it() -> None:
    resource = Latecomers([], list, "", {}, web.UrlDispatcher())  # type: ignore[arg-type]
    assert resource.canonical == "/{late}"
    assert (list(resource), len(resource), resource.raw_match("/{late}")) == ([], 0, True)
    assert resource.get_info() == {"formatter": "/{late}"}


async def test_without_a_request_nothing_has_to_end() -> None:
    await Latecomers(["e2b"], list, "", {}, web.UrlDispatcher()).close(web.Application())  # type: ignore[arg-type]
