"""torch.nn.attention: which kernel, causal biases and flex_attention."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.attention.flex_attention as theirs
from torch.nn.attention import bias as their_bias

import flashlight
import flashlight.nn.attention.flex_attention as ours
from flashlight.nn.attention import SDPBackend, bias, sdpa_kernel

from ..oracle import A, check

Q, K, V = (np.random.RandomState(i).randn(2, 4, n, 8).astype(np.float32) for i, n in enumerate((6, 7, 7)))


def causal(b, h, q, k):
    return q >= k


def relative(score, b, h, q, k):
    return score + (q - k) * 0.1 * (h + 1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("score_mod", [None, relative])
@pytest.mark.parametrize("mask_mod", [None, causal, lambda b, h, q, k: (q - k).abs() <= 1])
@pytest.mark.parametrize("gqa", [False, True])
def test_flex_attention(score_mod, mask_mod, gqa):
    results = []
    for lib, flex in ((flashlight, ours), (torch, theirs)):
        q, k, v = lib.tensor(Q), lib.tensor(K[:, ::2] if gqa else K), lib.tensor(V[:, ::2] if gqa else V)
        mask = None if mask_mod is None else flex.create_block_mask(mask_mod, 2, 4, 6, 7, device="cpu", BLOCK_SIZE=4)
        out, lse = flex.flex_attention(q, k, v, score_mod, mask, enable_gqa=gqa, return_lse=True)
        results.append([t.numpy() for t in (out, lse)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5, rtol=1e-4)


def test_scores_that_learn():
    def run(lib, flex):
        slope = lib.tensor([0.1, 0.2, 0.3, 0.4], requires_grad=True)
        out = flex.flex_attention(*(lib.tensor(a) for a in (Q, K, V)), lambda s, b, h, q, k: s * slope[h] + k)
        return lib.autograd.grad(out.pow(2).sum(), slope)[0].numpy()

    wanted = torch.tensor([0.1, 0.2, 0.3, 0.4], requires_grad=True)
    q, k, v = (torch.tensor(a) for a in (Q, K, V))
    scores = q @ k.mT / math.sqrt(8) * wanted.view(1, 4, 1, 1) + torch.arange(7)
    (grad,) = torch.autograd.grad((scores.softmax(-1) @ v).pow(2).sum(), wanted)
    np.testing.assert_allclose(run(flashlight, ours), grad.numpy(), rtol=1e-4)


def test_block_mask():
    made = [flex.create_block_mask(causal, None, None, 10, 12, device="cpu", BLOCK_SIZE=4) for flex in (ours, theirs)]
    a, b = made
    assert a.shape == b.shape and a.BLOCK_SIZE == b.BLOCK_SIZE and a.seq_lengths == b.seq_lengths
    assert a.sparsity() == pytest.approx(b.sparsity())
    for name in ("kv_num_blocks", "full_kv_num_blocks", "q_num_blocks", "full_q_num_blocks"):
        assert getattr(a, name).tolist() == getattr(b, name).tolist()
    assert a.to_dense().tolist() == b.to_dense().tolist()
    assert ours.create_mask(causal, 1, 1, 3, 4).tolist() == theirs.create_mask(causal, 1, 1, 3, 4, "cpu").tolist()
    both = ours.and_masks(causal, lambda b, h, q, k: k > 0)
    either = ours.or_masks(causal, lambda b, h, q, k: k > 2)
    assert ours.create_mask(both, 1, 1, 2, 2)[0, 0].tolist() == [[False, False], [False, True]]
    assert ours.create_mask(either, 1, 1, 1, 4)[0, 0].tolist() == [[True, False, False, True]]


def test_refusals():
    q, k = flashlight.ones(1, 2, 3, 4), flashlight.ones(1, 1, 3, 4)
    with pytest.raises(ValueError, match="same number of heads"):
        ours.flex_attention(q, k, k)
    with pytest.raises(ValueError, match="same dtype"):
        ours.flex_attention(q, q, q.double())
    with pytest.raises(NotImplementedError):
        ours.create_block_mask(causal, 1, 1, 4, 4, compute_dq_write_order=True)


def test_causal_bias():
    for name in ("causal_upper_left", "causal_lower_right"):
        a, b = getattr(bias, name)(3, 5), getattr(their_bias, name)(3, 5)
        assert a.materialize().tolist() == b._materialize("cpu").tolist()
    q, k = flashlight.tensor(Q), flashlight.tensor(K)
    attention = flashlight.nn.functional.scaled_dot_product_attention
    wanted = torch.nn.functional.scaled_dot_product_attention(
        torch.tensor(Q), torch.tensor(K), torch.tensor(V), attn_mask=their_bias.causal_lower_right(6, 7)
    )
    got = attention(q, k, flashlight.tensor(V), attn_mask=bias.causal_lower_right(6, 7))
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), atol=1e-5)
    with pytest.raises(ValueError):
        attention(q, k, k, attn_mask=bias.causal_upper_left(6, 7), is_causal=True)


def test_sdpa_kernel():
    cuda = flashlight.backends.cuda
    with sdpa_kernel(SDPBackend.MATH):
        assert cuda.math_sdp_enabled() and not cuda.flash_sdp_enabled()
        with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]):
            assert cuda.mem_efficient_sdp_enabled() and not cuda.math_sdp_enabled()
    assert cuda.math_sdp_enabled() and cuda.flash_sdp_enabled()
    q = flashlight.tensor(Q)
    with sdpa_kernel([]), pytest.raises(RuntimeError, match="No viable backend"):
        flashlight.nn.functional.scaled_dot_product_attention(q, q, q)
    with pytest.raises(AssertionError):
        sdpa_kernel(3).__enter__()


# ------------------------------------------------------------------------------------------------------------- block masks
def earlier(b, h, q, k):
    return q >= k


def block_mask(lib, B=None, H=None, length=300, size=(128, 64)):
    return lib.nn.attention.flex_attention.create_block_mask(
        earlier, B, H, length, length, device="cpu", BLOCK_SIZE=size
    )


def tables(mask) -> list:
    return [t.tolist() if hasattr(t, "tolist") else t for t in mask.as_tuple()[:-1]]


@pytest.mark.parametrize(
    "of",
    [
        lambda m: m,
        lambda m: m[1:3],
        lambda m: m[-1],
        lambda m: m[:, 1],
        lambda m: m[0, 1, 2],
        lambda m: m._adjust(130, 70),
        lambda m: m.to("cpu"),
    ],
)
def test_parts_of_block_masks(of):
    mine, theirs = (of(block_mask(lib, 4, 2)) for lib in (flashlight, torch))
    assert tables(mine) == tables(theirs)
    assert repr(mine).replace("flashlight.", "torch.") == repr(theirs)
    assert str(mine) == str(theirs)
    assert len(mine.as_tuple(flatten=False)) == len(theirs.as_tuple(flatten=False))
    assert mine.to_string((3, 2), limit=1) == theirs.to_string((3, 2), limit=1)


def test_block_masks_that_do_not_fit():
    for lib in (flashlight, torch):
        flex = lib.nn.attention.flex_attention
        for length in (64, 320):
            x = lib.ones(1, 1, length, 4)
            with pytest.raises(ValueError, match="block_mask was created for"):
                flex.flex_attention(x, x, x, block_mask=block_mask(lib))
        x = lib.ones(1, 1, 300, 4)
        with pytest.raises(RuntimeError, match="Cannot use mask_mod from a sliced BlockMask"):
            flex.flex_attention(x, x, x, block_mask=block_mask(lib)[0])
        with pytest.raises(AssertionError, match="Expected 4 or 5 positional args, got 1"):
            flex.create_mask(lambda q: q, 1, 1, 2, 2, device="cpu")


def test_one_query_against_a_row_of_a_block_mask():
    # decoding with a cache: a row of the mask, with a function that knows the position
    results = []
    for lib in (flashlight, torch):
        row = block_mask(lib, size=64)[:, :, 2]
        row.mask_mod, row.seq_lengths = lambda b, h, q, k: q + 150 >= k, (1, 300)
        q, k = (
            lib.tensor(np.random.RandomState(i).randn(2, 1, n, 4).astype(np.float32)) for i, n in ((0, 1), (1, 300))
        )
        results.append(lib.nn.attention.flex_attention.flex_attention(q, k, k, block_mask=row).numpy())
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


def test_scores_that_are_minus_infinity_are_masked():
    score = lambda lib: lambda s, b, h, q, k: lib.where(q >= k, s, -float("inf"))
    mine, theirs = (
        lib.nn.attention.flex_attention.create_mask(score(lib), 1, 1, 3, 4, device="cpu") for lib in (flashlight, torch)
    )
    assert mine.tolist() == theirs.tolist()


def test_output_projection_of_another_width():
    def pooled(lib, x, weight, out_weight):
        nothing = lib.zeros(12)
        return lib.nn.functional.multi_head_attention_forward(
            x[:1], x, x, 4, 2, None, nothing, None, None, False, 0.0, out_weight, None, need_weights=False,
            use_separate_proj_weight=True, q_proj_weight=weight, k_proj_weight=weight, v_proj_weight=weight,
        )[0]  # fmt: skip

    check(pooled, A(5, 3, 4), A(4, 4), A(7, 4), second=False)
