"""A session as an agent has it, over HTTP alone: a file in, tables, a picture, a mistake, and a file out."""

import base64
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import Client
from standing import SharedDaemon

CSV = b"city,people\nUlm,126\nBonn,330\nKiel,247\n"


async def execute(client: Client, context: str, code: str, **keys: Any) -> dict[str, Any]:
    status, answer = await client.request("POST", "/execute", json={"code": code, "contextId": context, **keys})
    assert status == 200, answer
    return dict(answer)


def pictures(answer: dict[str, Any]) -> list[bytes]:
    """Return the PNGs among the results of an execution."""
    return [base64.b64decode(it["data"]["image/png"]) for it in answer["results"] if "image/png" in it["data"]]


def colours(png: bytes) -> int:
    """Return how many different pixels a picture has."""
    from matplotlib import image

    pixels = image.imread(io.BytesIO(png))
    return len({tuple(pixel) for row in pixels for pixel in row.tolist()})


async def test_an_agent_works_with_a_table(standing: Callable[..., SharedDaemon], tmp_path: Path) -> None:
    async with Client(standing("--python", sys.executable).url) as client:  # which has pandas and matplotlib
        await work(client, await client.create(cwd=str(tmp_path)))


async def work(client: Client, context: str) -> None:
    files = f"{client.base}/context/{context}/files"
    async with client.http.put(f"{files}/data/cities.csv", data=CSV) as response:
        assert response.status == 201

    read = await execute(client, context, "import pandas as pd\ndf = pd.read_csv('data/cities.csv')")
    assert (read["error"], read["results"]) == (None, [])

    (table,) = (await execute(client, context, "df.head()"))["results"]
    assert "Bonn" in table["data"]["text/plain"]
    assert "<table" in table["data"]["text/html"]
    resource = table["data"]["application/vnd.dataresource+json"]
    assert [row["city"] for row in resource["data"]] == ["Ulm", "Bonn", "Kiel"]
    assert {"city", "people"} <= {field["name"] for field in resource["schema"]["fields"]}

    (picture,) = pictures(await execute(client, context, "df.plot(x='city', y='people', kind='bar')"))
    assert colours(picture) > 1

    waited = await execute(
        client,
        context,
        "import asyncio\nasync def total():\n    await asyncio.sleep(0)\n    return int(df.people.sum())",
    )
    assert waited["error"] is None
    (result,) = (await execute(client, context, "await total()"))["results"]
    assert result["data"]["text/plain"] == "703"

    error = (await execute(client, context, "cities = df\ncitees.head()"))["error"]
    assert error["name"] == "NameError"
    assert error["suggestion"] == "Did you mean: 'cities'?"

    code = "df.sort_values('people').to_csv('sorted.csv', index=False)"
    made = await execute(client, context, code, files=True)
    assert [(it["path"], it["mimeType"]) for it in made["files"]] == [("sorted.csv", "text/csv")]
    async with client.http.get(f"{files}/sorted.csv") as response:
        assert await response.text() == "city,people\nUlm,126\nKiel,247\nBonn,330\n"
