"""Tensors of PyTorch in archives: those that share memory, with each other or with numpy's arrays, go on doing so."""

import sys

from worker.rebuilding import attribute, attribute_of
from worker.unsaveable import GRADIENT, Unsaveable, refuse


def reducer_of(kind, names):
    """Return the reducer for tensors, if ``kind`` is their class or that of parameters."""
    if names[0] in ("torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"):
        return reduce_tensor
    if names[0] == "torch._C.Generator":
        return reduce_generator
    return None


def reduce_tensor(pickler, tensor):
    """A tensor of the processor's memory is a view of bytes; the others are as PyTorch has them."""
    torch = sys.modules["torch"]
    if tensor.grad_fn is not None:
        refuse(tensor, GRADIENT)
    if tensor.device.type != "cpu":
        raise Unsaveable(f"its data are in the memory of {tensor.device}: keep .cpu() of it", tensor)
    if tensor.layout is not torch.strided or tensor.is_quantized or "numpy" not in sys.modules:
        return NotImplemented
    storage = tensor.untyped_storage()
    flat = torch.empty(0, dtype=torch.uint8).set_(storage)
    address, size = storage.data_ptr(), storage.nbytes()
    holder, start = pickler.memory.holder(address, size)
    if holder is None:
        holder, start = flat.numpy(), address
        pickler.memory.add(holder, address, size)
    place = address - start, size, tensor.storage_offset(), tuple(tensor.size()), tensor.stride()
    bits = tensor.is_conj(), tensor.is_neg()
    kind = type(tensor) if type(tensor) is not torch.Tensor else None
    dtype = str(tensor.dtype).rpartition(".")[2]
    arguments = holder, dtype, place, bits, tensor.requires_grad, kind
    state = {"variables": dict(vars(tensor)), "grad": tensor.grad}
    if tensor._backward_hooks:
        state["hooks"] = tensor._backward_hooks
    return made_tensor, arguments, state, None, None, fill_tensor


def made_tensor(holder, dtype, place, bits, requires_grad, kind):
    """Return a tensor that sees the bytes of ``holder``, an array."""
    torch = sys.modules.get("torch") or __import__("torch")
    start, size, offset, shape, strides = place
    dtype = attribute_of(torch, dtype)
    memory = holder.reshape(-1, order="C" if holder.flags.c_contiguous else "F").view("u1")[start : start + size]
    storage = torch.from_numpy(memory).untyped_storage() if size else torch.UntypedStorage(0)
    tensor = torch.empty(0, dtype=dtype)
    skipped = memory.__array_interface__["data"][0] - storage.data_ptr() if size else 0
    tensor.set_(storage, offset + skipped // tensor.element_size(), shape, strides)
    if bits[0]:
        tensor = tensor.conj()
    if bits[1]:
        tensor = torch._neg_view(tensor)
    if kind is not None and issubclass(kind, torch.nn.Parameter):
        return kind(tensor, requires_grad)
    if kind is not None:
        return kind(tensor)
    return tensor.requires_grad_(requires_grad) if requires_grad else tensor


def fill_tensor(tensor, state):
    """Give a tensor its gradient and its attributes."""
    vars(tensor).update(state["variables"])
    if state["grad"] is not None:
        tensor.grad = state["grad"]
    if "hooks" in state:
        tensor._backward_hooks = state["hooks"]


def reduce_generator(pickler, generator):
    """A generator of random numbers, with its state."""
    return made_generator, (str(generator.device), generator.get_state())


def made_generator(device, state):
    """Return a generator of random numbers that goes on from ``state``."""
    generator = attribute("torch", "Generator")(device)
    generator.set_state(state)
    return generator
