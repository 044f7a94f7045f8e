"""Names after ``import`` and ``from``: modules, which are looked for and not imported, and what is in them."""

import sys

from worker.objects import kind_of, own_attributes
from worker.standard import import_standard

_SOURCE_LIMIT_BYTES = 1 << 20


def importable(words, namespace):
    """Return the names, with their types, that may follow the ``words`` of an unfinished import statement."""
    if words[0] == "from" and "import" in words:
        module = "".join(words[1 : words.index("import")])
        return _members(module) if not module.startswith(".") else {}
    if words[-1] in ("import", "from", ","):
        return dict.fromkeys(_modules(None), "module")
    if words[-1] != ".":
        return {}
    place = len(words) - 1
    while place > 0 and words[place - 1] not in ("import", "from", ","):
        place -= 1
    return dict.fromkeys(_modules("".join(words[place:-1])), "module")


def _modules(package):
    """Return the names of the modules in ``package``, or of those that need none."""
    found = set(sys.builtin_module_names) if package is None else set()
    path = None if package is None else _path(package)
    if package is not None:
        begun = package + "."
        known = [name[len(begun) :] for name in list(sys.modules) if type(name) is str and name.startswith(begun)]
        found.update(name for name in known if "." not in name)
        if not path:
            return found
    import_standard("inspect")  # pkgutil imports it
    return found | {it.name for it in import_standard("pkgutil").iter_modules(path)}


def _path(package):
    """Return the directories of ``package``; empty if it is no package."""
    module = sys.modules.get(package)
    if module is not None:
        return list(own_attributes(module).get("__path__") or ())
    spec = _spec(package)
    return list(spec.submodule_search_locations or ()) if spec is not None else []


def _spec(name):
    """Return the spec of a module without importing its package."""
    parent = name.rpartition(".")[0]
    path = _path(parent) if parent else None
    if parent and not path:
        return None
    return _finder().find_spec(name, path)


def _finder():
    from _frozen_importlib_external import PathFinder

    return PathFinder


def _members(name):
    """Return the names in a module, and its submodules."""
    found = dict.fromkeys(_modules(name), "module")
    module = sys.modules.get(name)
    if module is None and name in _standard():
        module = __import__(name, fromlist=("",))  # it has no effect but to be there
    if module is None:
        return {**_defined(_spec(name)), **found}
    for key, value in list(own_attributes(module).items()):
        if type(key) is str:
            kind = kind_of(value)
            found[key] = "instance" if kind == "value" else kind
    return found


def _standard():
    """Return the names of modules of the standard library that do nothing when they are imported."""
    names = getattr(sys, "stdlib_module_names", sys.builtin_module_names)
    return {name for name in names if name not in ("antigravity", "this", "idlelib", "__main__")}


def _defined(spec):
    """Return the names that a module which is not imported seems to define, by its source."""
    origin = getattr(spec, "origin", None)
    if type(origin) is not str or not origin.endswith(".py"):
        return {}
    ast = import_standard("ast")
    try:
        with open(origin, "rb") as file:
            body = ast.parse(file.read(_SOURCE_LIMIT_BYTES)).body
    except (OSError, SyntaxError, ValueError, RecursionError):
        return {}
    found = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found[node.name] = "function"
        elif isinstance(node, ast.ClassDef):
            found[node.name] = "class"
        elif isinstance(node, ast.Assign):
            found.update({it.id: "instance" for it in node.targets if isinstance(it, ast.Name)})
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update({(it.asname or it.name).partition(".")[0]: "instance" for it in node.names if it.name != "*"})
    return found
