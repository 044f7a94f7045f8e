"""Printers that code registers for a class are used wherever its objects are shown."""

import sys
from pathlib import Path

import pytest
from publishing import bundles, ran
from worker_driver import DrivenWorker

FORMATTERS = "formatters = get_ipython().display_formatter.formatters\n"


def test_a_printer_is_used_for_its_class_and_those_derived_from_it(worker: DrivenWorker) -> None:
    worker.printed(
        FORMATTERS + "class A: pass\nclass B(A): pass\n"
        "formatters['text/html'].for_type(A, lambda it: '<a>')\n"
        "formatters['text/plain'].for_type(A, lambda it, p, cycle: p.text('an A'))\n"
        "formatters['text/html'].for_type_by_name('fractions', 'Fraction', lambda it: f'<{it.numerator}>')"
    )
    (value,) = bundles(ran(worker, "B()"))
    assert value.data == {"text/html": "<a>", "text/plain": "an A"}
    (value,) = bundles(ran(worker, "import fractions; fractions.Fraction(3, 4)"))
    assert value.data == {"text/html": "<3>", "text/plain": "Fraction(3, 4)"}
    worker.printed("for mime in ('text/html', 'text/plain'): formatters[mime].pop(A)")
    (value,) = bundles(ran(worker, "B.__repr__ = lambda self: 'b'; B()"))
    assert value.data == {"text/plain": "b"}


def test_also_for_numbers(worker: DrivenWorker) -> None:
    worker.printed(FORMATTERS + "formatters['text/plain'].for_type(float, lambda it, p, cycle: p.text(f'{it:.2f}'))")
    assert [it.data for it in bundles(ran(worker, "2 / 3"))] == [{"text/plain": "0.67"}]
    assert [it.data for it in bundles(ran(worker, "2"))] == [{"text/plain": "2"}]


def test_a_printer_that_fails_is_reported(worker: DrivenWorker) -> None:
    worker.printed(
        FORMATTERS
        + "class A:\n    def __repr__(self): return 'a'\nformatters['text/html'].for_type(A, lambda it: 1 / 0)"
    )
    done = ran(worker, "A()")
    assert [it.data for it in bundles(done)] == [{"text/plain": "a"}]
    assert "ZeroDivisionError" in done.stderr


def test_an_object_may_show_itself_or_have_a_whole_bundle(worker: DrivenWorker) -> None:
    worker.printed(
        "class A: pass\nclass B:\n    def __repr__(self): return 'b'\nit = get_ipython().display_formatter\n"
        "it.ipython_display_formatter.for_type(A, lambda a: print('shown'))\n"
        "it.mimebundle_formatter.for_type(B, lambda b: {'text/html': '<b>'})"
    )
    done = ran(worker, "A()")
    assert (done.stdout, bundles(done)) == ("shown\n", [])
    assert [it.data for it in bundles(ran(worker, "B()"))] == [{"text/html": "<b>", "text/plain": "b"}]


@pytest.mark.xdist_group("widgets")
def test_sympy_prints_as_it_is_told(tmp_path: Path) -> None:
    with DrivenWorker(sys.executable, tmp_path) as worker:
        (value,) = bundles(ran(worker, "import sympy\nsympy.init_printing()\nsympy.Symbol('x') ** 2"))
        assert value.data["text/latex"] == "$\\displaystyle x^{2}$"
        assert value.data["text/plain"] == " 2\nx "
