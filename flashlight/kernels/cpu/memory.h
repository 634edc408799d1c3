// An LSTM's step, as the memory cell of mixed memory (gates in the order a, i, f, o, one added to f) and as torch's LSTM
// (i, f, g, o; what is a there is g here).
#pragma once
#include "products.h"

// One block's values of a step: [input, former state] in ``fed``, the gates, the cells before it
struct MemoryRoom {
    V *fed, *gates, *cells;
};

// Where a gate is among the four, and what is added to f
struct Order {
    long a, i, f, o;
    Real forget;
};
constexpr Order NCPS{0, 1, 2, 3, 1}, TORCH{2, 0, 1, 3, 0};

struct Memory {
    long I = 0, N = 0;
    Order order = NCPS;
    Product forth, back;

    Memory() = default;

    // weights: (4N, I), bias (4N) or null, (4N, N). ``skip``: inputs whose gradients are not wanted
    Memory(long I, long N, const Real* const* weights, Order order, bool backward, long skip = 0) : I(I), N(N), order(order) {
        const Real *input = weights[0], *bias = weights[1], *state = weights[2];
        auto weight = [=](long o, long i) { return i < I ? input[o * I + i] : state[o * N + i - I]; };
        forth = Product(4 * N, I + N, weight, [=](long o) { return (bias ? bias[o] : 0) + (o / N == order.f) * order.forget; });
        if (backward)
            back = Product(I + N - skip, 4 * N, [=](long o, long i) { return weight(i, o + skip); }, [](long) { return Real(0); });
    }

    // From ``fed`` and c the gates, the next c, and the state h (N)
    void advance(const V* fed, V* gates, const V* c, V* next, V* h, long live) const {
        forth(fed, gates, live);
        for (long j = 0; j < N; j++) {
            V &a = gates[order.a * N + j], &i = gates[order.i * N + j], &f = gates[order.f * N + j], &o = gates[order.o * N + j];
            a = tanh(a);
            i = sigmoid(i);
            f = sigmoid(f);
            o = sigmoid(o);
            next[j] = c[j] * f + a * i;
            h[j] = tanh(next[j]) * o;
        }
    }

    // From the gradients of h and of the next c those of the product's outputs (4N), of ``fed`` (less what is skipped) and of c
    void retreat(const V* gates, const V* c, const V* next, const V* dh, V* dc, V* d, V* dfed, long live) const {
        for (long j = 0; j < N; j++) {
            const long at_a = order.a * N + j, at_i = order.i * N + j, at_f = order.f * N + j, at_o = order.o * N + j;
            V a = gates[at_a], i = gates[at_i], f = gates[at_f], o = gates[at_o], squashed = tanh(next[j]);
            V g = dc[j] + dh[j] * o * (1 - squashed * squashed);
            d[at_a] = g * i * (1 - a * a);
            d[at_i] = g * a * i * (1 - i);
            d[at_f] = g * c[j] * f * (1 - f);
            d[at_o] = dh[j] * squashed * o * (1 - o);
            dc[j] = g * f;
        }
        back.pull(d, dfed, live);
    }
};
