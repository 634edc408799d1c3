"""torch.cond and torch.while_loop, run eagerly; small and old names of the torch namespace."""

from __future__ import annotations

import pytest
import torch

import flashlight

BOTH = (flashlight, torch)


def test_cond_runs_one_branch_and_is_differentiable():
    found = []
    for lib in BOTH:
        x = lib.tensor([2.0], requires_grad=True)
        y = lib.cond(x.sum() > 1, lambda x: x * x, lambda x: -x, (x,))
        z = lib.cond(x.sum() > 3, lambda x: x * x, lambda x: -x, (x,))
        (y + 3 * z).sum().backward()
        found.append((y.item(), z.item(), x.grad.item()))
    assert found[0] == found[1] == (4.0, -2.0, 1.0)


def test_cond_refuses_several_truths():
    for lib in BOTH:
        with pytest.raises(RuntimeError, match="single-element tensor"):
            lib.cond(lib.ones(2), lambda: 1, lambda: 2)


def test_while_loop():
    def total(lib):
        return lib.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (lib.tensor(0), lib.tensor([0.5])))

    mine, theirs = total(flashlight), total(torch)
    assert [t.tolist() for t in mine] == [t.tolist() for t in theirs] == [4, [6.5]]


def test_while_loop_refuses_other_numbers_of_values():
    with pytest.raises(RuntimeError, match="same number of elements"):
        flashlight.while_loop(lambda i, s: i < 2, lambda i, s: i + 1, (flashlight.tensor(0), flashlight.tensor(1)))
    with pytest.raises(RuntimeError, match="boolean"):
        flashlight.while_loop(lambda i: flashlight.ones(2), lambda i: i, (flashlight.tensor(0),))


def test_embedding_renorm():
    for lib in BOTH:
        weight = lib.tensor([[3.0, 4.0], [6.0, 8.0], [0.1, 0.1]])
        lib.embedding_renorm_(weight, lib.tensor([0, 2, 0]), 1.0, 2.0)
        assert weight[1].tolist() == [6.0, 8.0] and abs(weight[0].norm().item() - 1) < 1e-5


def test_output_numbers_and_devices():
    for lib in BOTH:
        x = lib.ones(4, requires_grad=True)
        assert [t.output_nr for t in (x, x * 2, *(x * 2).split(2))][:2] == [0, 0]
        assert x.max(0).values.output_nr == 0 and not (x.is_mtia or x.is_maia or x.is_ipu or x.is_vulkan)
        assert lib.GradScaler is lib.amp.GradScaler and lib.norm_except_dim(lib.ones(2, 3), 0).shape == (2, 1)


def test_numbers_of_a_file(tmp_path):
    path = str(tmp_path / "numbers.bin")
    torch.arange(6, dtype=torch.float32).numpy().tofile(path)
    for lib in BOTH:
        assert lib.from_file(path, size=4).tolist() == [0.0, 1.0, 2.0, 3.0]
        assert lib.from_file(path, size=2, dtype=lib.int32).dtype == lib.int32
        with pytest.raises(RuntimeError, match="smaller than the required mapping size <40>"):
            lib.from_file(path, size=10)
        with pytest.raises(RuntimeError, match="unable to open file"):
            lib.from_file(path + "x", size=1)
    with pytest.raises(NotImplementedError, match="tofile"):
        flashlight.from_file(path, shared=True, size=2)


def test_the_linear_algebra_error_has_torchs_name():
    for lib in BOTH:
        assert lib.linalg.LinAlgError is lib._C._LinAlgError
        assert lib.linalg.LinAlgError.__name__ == "_LinAlgError"


def test_deprecated_shapes():
    for lib in BOTH:
        t = lib.arange(4.0)
        with pytest.warns(UserWarning, match="non-inplace resize is deprecated"):
            assert t.resize(2, 2).tolist() == [[0.0, 1.0], [2.0, 3.0]]
        with pytest.warns(UserWarning, match="non-inplace resize_as is deprecated"):
            assert t.resize_as(lib.ones(2, 2)).shape == (2, 2)
        with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="requested resize to 3"):
            t.resize(3)
        assert t.name is None and t.is_distributed() is False
        assert lib.spmm(lib.ones(2, 2), lib.ones(2, 3)).tolist() == [[2.0] * 3] * 2


@pytest.mark.parametrize("name", ["sum", "nansum", "prod", "cumsum"])
def test_reductions_to_integers_have_no_gradient_and_say_so(name):
    for lib in BOTH:
        x, dim = lib.ones(2, 3, requires_grad=True), (0,) if name == "cumsum" else ()
        with pytest.raises(RuntimeError, match="Autograd not support dtype: Long"):
            getattr(x, name)(*dim, dtype=lib.int64)
        assert getattr(x.detach(), name)(*dim, dtype=lib.int64).dtype == lib.int64


@pytest.mark.parametrize("kind", ["float32", "int32", "bool"])
def test_targets_of_another_dtype_are_named(kind):
    words = set()
    for lib in BOTH:
        for loss in (lib.nn.functional.cross_entropy, lib.nn.functional.nll_loss):
            with pytest.raises(RuntimeError, match="expected target dtype") as caught:
                loss(lib.ones(2, 3), lib.ones(2, dtype=getattr(lib, kind)))
            words.add(str(caught.value))
    assert len(words) == 1
