"""The measured models, each written twice: on flashlight as PyTorch code, and by hand on mlx.nn."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as mnn
import mlx.optimizers as mopt
import numpy as np

import flashlight as torch
import flashlight.nn as nn
import flashlight.nn.functional as F

_rng = np.random.RandomState(0)


def mlx_step(model, loss_fn, optimizer, *data):
    """One hand-written training step."""
    gradients = mnn.value_and_grad(model, loss_fn)

    def step():
        loss, grads = gradients(model, *data)
        optimizer.update(model, grads)
        mx.eval(model.parameters(), optimizer.state)
        return loss

    return step


def torch_step(model, loss_fn, optimizer, *data):
    """One step as PyTorch code writes it."""

    def step():
        optimizer.zero_grad()
        loss = loss_fn(model, *data)
        loss.backward()
        optimizer.step()
        mx.eval([p._a for p in model.parameters()])
        return loss._a

    return step


def mlp():
    """784-256-10 on a batch of 128, Adam."""
    x, y = _rng.rand(128, 784).astype(np.float32), _rng.randint(0, 10, 128)
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    ours = torch_step(model, lambda m, a, b: F.cross_entropy(m(a), b), torch.optim.Adam(model.parameters(), 1e-3),
                      torch.from_numpy(x), torch.from_numpy(y))  # fmt: skip
    hand = mnn.Sequential(mnn.Linear(784, 256), mnn.ReLU(), mnn.Linear(256, 10))
    theirs = mlx_step(hand, lambda m, a, b: mnn.losses.cross_entropy(m(a), b, reduction="mean"), mopt.Adam(1e-3, bias_correction=True),
                      mx.array(x), mx.array(y))  # fmt: skip
    return ours, theirs, 5


class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        B, T, D = x.shape
        q, k, v = self.qkv(self.ln1(x)).split(D, dim=2)
        q, k, v = (t.view(B, T, self.h, D // self.h).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).contiguous().view(B, T, D))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class GPT(nn.Module):
    def __init__(self, vocab=65, d=128, h=4, layers=4, T=64):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(T, d)
        self.blocks = nn.ModuleList([Block(d, h) for _ in range(layers)])
        self.ln, self.head = nn.LayerNorm(d), nn.Linear(d, vocab, bias=False)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x))


class HandBlock(mnn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.ln1, self.ln2 = mnn.LayerNorm(d), mnn.LayerNorm(d)
        self.qkv, self.proj = mnn.Linear(d, 3 * d), mnn.Linear(d, d)
        self.up, self.down = mnn.Linear(d, 4 * d), mnn.Linear(4 * d, d)

    def __call__(self, x):
        B, T, D = x.shape
        q, k, v = mx.split(self.qkv(self.ln1(x)), 3, axis=2)
        q, k, v = (t.reshape(B, T, self.h, D // self.h).transpose(0, 2, 1, 3) for t in (q, k, v))
        y = mx.fast.scaled_dot_product_attention(q, k, v, scale=(D // self.h) ** -0.5, mask="causal")
        x = x + self.proj(y.transpose(0, 2, 1, 3).reshape(B, T, D))
        return x + self.down(mnn.gelu(self.up(self.ln2(x))))


class HandGPT(mnn.Module):
    def __init__(self, vocab=65, d=128, h=4, layers=4, T=64):
        super().__init__()
        self.tok, self.pos = mnn.Embedding(vocab, d), mnn.Embedding(T, d)
        self.blocks = [HandBlock(d, h) for _ in range(layers)]
        self.ln, self.head = mnn.LayerNorm(d), mnn.Linear(d, vocab, bias=False)

    def __call__(self, ids):
        x = self.tok(ids) + self.pos(mx.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x))


def gpt():
    """Four layers of width 128, 4 heads, 64 tokens, batch 16, AdamW."""
    ids, targets = _rng.randint(0, 65, (16, 64)), _rng.randint(0, 65, (16, 64))
    model = GPT()
    ours = torch_step(model, lambda m, a, b: F.cross_entropy(m(a).view(-1, 65), b.view(-1)), torch.optim.AdamW(model.parameters(), 1e-3),
                      torch.from_numpy(ids), torch.from_numpy(targets))  # fmt: skip
    hand = HandGPT()
    theirs = mlx_step(hand, lambda m, a, b: mnn.losses.cross_entropy(m(a), b, reduction="mean"),
                      mopt.AdamW(1e-3, bias_correction=True), mx.array(ids), mx.array(targets))  # fmt: skip
    return ours, theirs, 1


def cnn():
    """Two conv-norm-relu-pool blocks and a linear layer on 32 images of 32x32, SGD with momentum."""
    x, y = _rng.rand(32, 3, 32, 32).astype(np.float32), _rng.randint(0, 10, 32)
    blocks = [
        [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2)] for i, o in ((3, 32), (32, 64))
    ]
    model = nn.Sequential(*blocks[0], *blocks[1], nn.Flatten(), nn.Linear(4096, 10))
    ours = torch_step(model, lambda m, a, b: F.cross_entropy(m(a), b), torch.optim.SGD(model.parameters(), 1e-2, momentum=0.9),
                      torch.from_numpy(x), torch.from_numpy(y))  # fmt: skip
    hand_blocks = [
        [mnn.Conv2d(i, o, 3, padding=1), mnn.BatchNorm(o), mnn.ReLU(), mnn.MaxPool2d(2, 2)]
        for i, o in ((3, 32), (32, 64))
    ]
    hand = mnn.Sequential(*hand_blocks[0], *hand_blocks[1], lambda t: t.reshape(t.shape[0], -1), mnn.Linear(4096, 10))
    theirs = mlx_step(hand, lambda m, a, b: mnn.losses.cross_entropy(m(a), b, reduction="mean"), mopt.SGD(1e-2, momentum=0.9),
                      mx.array(x.transpose(0, 2, 3, 1)), mx.array(y))  # fmt: skip
    return ours, theirs, 1


def lstm():
    """An LSTM classifier: 128 units, 50 steps, batch 32, Adam."""
    x, y = _rng.rand(32, 50, 32).astype(np.float32), _rng.randint(0, 10, 32)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(32, 128, batch_first=True), nn.Linear(128, 10)

        def forward(self, a):
            return self.head(self.lstm(a)[0][:, -1])

    class Hand(mnn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = mnn.LSTM(32, 128), mnn.Linear(128, 10)

        def __call__(self, a):
            return self.head(self.lstm(a)[0][:, -1])

    model, hand = Model(), Hand()
    ours = torch_step(model, lambda m, a, b: F.cross_entropy(m(a), b), torch.optim.Adam(model.parameters(), 1e-3),
                      torch.from_numpy(x), torch.from_numpy(y))  # fmt: skip
    theirs = mlx_step(hand, lambda m, a, b: mnn.losses.cross_entropy(m(a), b, reduction="mean"), mopt.Adam(1e-3, bias_correction=True),
                      mx.array(x), mx.array(y))  # fmt: skip
    return ours, theirs, 1


MODELS = {"mlp": mlp, "gpt": gpt, "cnn": cnn, "lstm": lstm}
