"""Tensors of PyTorch, if it is there: the tests of all libraries run this with it."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from archived import carried, reasons
from worker_driver import DrivenWorker
from worker_modules import told

MADE = """
import torch, numpy as np
a = np.arange(10.0)
t = torch.from_numpy(a)
u = t[2:5]
square = torch.arange(100.0).reshape(10, 10)
part, turned, back = square.T[3:5], square.t(), square.numpy()
leaf = torch.nn.Parameter(torch.ones(3))
(leaf * 2).sum().backward()
history = leaf * 2
one, two = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
two.weight = one.weight
optimizer = torch.optim.Adam(one.parameters(), lr=0.1)
state = one.state_dict()
generator = torch.Generator().manual_seed(3)
"""
CHECKS = """
a[2], square[0, 3] = -1, 99
it = [t[2].item() == u[0].item() == -1, part[0, 0].item() == turned[3, 0].item() == back[0, 3] == 99,
      leaf.grad.tolist() == [2, 2, 2], two.weight is one.weight, optimizer.param_groups[0]["params"][0] is one.weight,
      state["bias"].data_ptr() == one.bias.data_ptr(), generator.initial_seed() == 3 or generator.get_state().sum() > 0]
"""


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_tensors_share_what_they_shared(tmp_path: Path) -> None:
    with DrivenWorker(sys.executable, tmp_path) as worker:
        saved, _, it = carried(worker, MADE, CHECKS)
    assert (it, list(reasons(saved))) == ([True] * 7, ["history"])


def test_only_classes_of_tensors_have_reducers(worker: DrivenWorker) -> None:
    code = """
tensors = own("tensors")
names = ("torch.Tensor", "torch.nn.parameter.Parameter", "torch._C.Generator", "builtins.int")
it = [getattr(tensors.reducer_of(None, [name]), "__name__", None) for name in names]
"""
    assert told(worker, code) == ["reduce_tensor", "reduce_tensor", "reduce_generator", None]
