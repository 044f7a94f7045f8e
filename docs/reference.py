"""The generated parts of the reference: routes from openapi.json, commands from their own help."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click

ROOT: Final = Path(__file__).parent.parent
WIDTH: Final = 100
METHODS: Final = ("get", "post", "put", "patch", "delete")
Json = dict[str, Any]


def http_api() -> str:
    """Return openapi.json as Markdown: a section a route, then one a type of JSON."""
    document: Json = json.loads((ROOT / "interpreterd/dialects/native/openapi.json").read_text("utf-8"))
    return "\n".join(_Api(document).lines())


class _Api:
    """An OpenAPI document whose ``$ref`` are all of the form ``#/components/KIND/NAME``."""

    def __init__(self, document: Json) -> None:
        self._document = document

    def lines(self) -> Iterator[str]:
        """Yield the Markdown."""
        for tag in self._document["tags"]:
            yield from ("", f"## {tag['name'].capitalize()}", "", tag.get("description", ""))
            for path, routes in self._document["paths"].items():
                for method in METHODS:
                    if tag["name"] in routes.get(method, {}).get("tags", ()):
                        yield from self._operation(method, path, routes)
        yield from ("", "## Types", "", "The JSON of requests and answers. A key in bold is always there.")
        for name, schema in self._document["components"]["schemas"].items():
            yield from ("", f"({_anchor(name)})=", f"### {name}", "", schema.get("description", ""), "")
            yield from self._keys(schema)

    def _operation(self, method: str, path: str, routes: Json) -> Iterator[str]:
        operation = routes[method]
        yield from ("", f"({operation['operationId']})=", f"### `{method.upper()} {path}`", "")
        yield from (operation["summary"] + ".", "", operation.get("description", ""))
        parameters = [
            self._resolved(item) for item in (*routes.get("parameters", ()), *operation.get("parameters", ()))
        ]
        yield from _table(
            ("Parameter", "in", "Type", ""),
            [(f"`{it['name']}`", it["in"], self._type(it["schema"]), it.get("description", "")) for it in parameters],
        )
        if body := operation.get("requestBody"):
            schemas = {self._type(content["schema"]) for content in body["content"].values()}
            yield from ("", f"Body: {', '.join(sorted(schemas))}. {body.get('description', '')}")
        yield from _table(
            ("Status", "When", "Body"),
            [(status, *self._answer(self._resolved(it))) for status, it in operation["responses"].items()],
        )

    def _answer(self, response: Json) -> tuple[str, str]:
        forms = {kind: self._type(content["schema"]) for kind, content in response.get("content", {}).items()}
        shown = [form if kind == "application/json" else f"`{kind}`: {form}" for kind, form in forms.items()]
        return response["description"], "<br>".join(shown)

    def _keys(self, schema: Json) -> Iterator[str]:
        if "properties" not in schema and "allOf" not in schema:
            yield self._type(schema)
        for part in schema.get("allOf", ()):
            if "$ref" in part:
                yield f"All of {self._type(part)}, and:"
            elif "oneOf" in part:
                yield from ("", "One of " + ", ".join(self._type(it) for it in part["oneOf"]) + ", and:")
        own = [schema, *(part for part in schema.get("allOf", ()) if "properties" in part)]
        required = {key for part in own for key in part.get("required", ())}
        rows: list[tuple[str, ...]] = []
        for part in own:
            for key, value in part.get("properties", {}).items():
                name = f"**`{key}`**" if key in required else f"`{key}`"
                rows.append((name, self._type(value), value.get("description", "")))
                rows += [
                    (f"`{key}.{inner}`", self._type(it), it.get("description", ""))
                    for inner, it in value.get("properties", {}).items()
                ]
        yield from _table(("Key", "Type", ""), rows)

    def _type(self, schema: Json) -> str:
        """Name the type of a value, with its bounds."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            codes = schema.get("properties", {}).get("code", {}).get("enum", ())
            return f"[{name}](#{_anchor(name)})" + "".join(f" `{code}`" for code in codes)
        for union in ("oneOf", "anyOf"):
            if union in schema:
                return " or ".join(self._type(it) for it in schema[union])
        if "const" in schema:
            return f"`{json.dumps(schema['const'])}`"
        if "enum" in schema:
            return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
        kinds = schema.get("type", "any")
        text = " or ".join(self._kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))
        bounds = [form.format(schema[key]) for key, form in BOUNDS.items() if schema.get(key, MUCH) != MUCH]
        if "default" in schema:
            bounds.append(f"default `{json.dumps(schema['default'])}`")
        return ", ".join([text, *bounds])

    def _kind(self, kind: str, schema: Json) -> str:
        if kind == "array" and "items" in schema:
            return f"array of {self._type(schema['items'])}"
        values = schema.get("additionalProperties")
        if kind == "object" and isinstance(values, dict) and values.get("type") == "string":
            return "object of strings"
        return kind

    def _resolved(self, item: Json) -> Json:
        if "$ref" not in item:
            return item
        _, components, kind, name = item["$ref"].split("/")
        found: Json = self._document[components][kind][name]
        return found


MUCH: Final = 2**53  # not a bound of ours, but of JSON's numbers
BOUNDS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "minLength": "not shorter than {}",
    "maxLength": "not longer than {}",
    "maxItems": "at most {}",
    "maxProperties": "at most {}",
}


def _anchor(name: str) -> str:
    return f"type-{name.lower()}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield ""
        for row in (head, ("---",) * len(head), *rows):
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def command_line() -> str:
    """Return the help of every command, as a terminal of ``WIDTH`` columns shows it, as Markdown."""
    from interpreterd.cli.main import PROGRAM, cli

    return "\n".join(_help(click.Context(cli, info_name=PROGRAM, terminal_width=WIDTH, max_content_width=WIDTH)))


def _help(context: click.Context) -> Iterator[str]:
    yield from ("", f"## {context.command_path}", "", "```text", context.get_help(), "```")
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            if not command.hidden:
                yield from _help(
                    click.Context(
                        command,
                        info_name=name,
                        parent=context,
                        terminal_width=WIDTH,
                        max_content_width=WIDTH,
                        # As the command sets them: a context that is made by hand does not take them over.
                        **command.context_settings,
                    )
                )


PAGES: Final[dict[str, Callable[[], str]]] = {"http": http_api, "cli": command_line}


def mark_code(lines: list[str]) -> None:
    """Mark the indented code of a docstring as code, in place: docstrings here are prose, not reStructuredText."""
    marked: list[str] = []
    in_section = False  # of attributes, arguments, exceptions: indented, too, but right below its heading
    for before, line in zip(["", *lines], lines, strict=False):
        if line and not line.startswith(" "):
            in_section = line.endswith(":")
        elif line and not before and not in_section:
            marked += ["::", ""]
            in_section = True
        marked.append(line)
    lines[:] = marked
