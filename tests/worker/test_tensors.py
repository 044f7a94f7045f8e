"""Tensors of PyTorch; ``libraries/torch.toml`` has what is true of them after an archive."""

from worker_driver import DrivenWorker
from worker_modules import told


def test_only_classes_of_tensors_have_reducers(worker: DrivenWorker) -> None:
    code = """
tensors = own("tensors")
names = ("torch.Tensor", "torch.nn.parameter.Parameter", "torch._C.Generator", "builtins.int")
it = [getattr(tensors.reducer_of(None, [name]), "__name__", None) for name in names]
"""
    assert told(worker, code) == ["reduce_tensor", "reduce_tensor", "reduce_generator", None]
