// The memory cell of mixed memory: an LSTM step before each step of a scan, gates in the order a, i, f, o, one added to f.
#pragma once
#include "products.h"

// One block's memory: [input, former state] of a step in ``fed``, the gates' values, c before each step and after the last
struct MemoryRoom {
    V *fed, *gates, *cells;
};

struct Memory {
    long I = 0, N = 0;
    Product forth, back;

    Memory() = default;

    // weights: (4N, I), bias (4N), (4N, N)
    Memory(long I, long N, const Real* const* weights, bool backward) : I(I), N(N) {
        const Real *input = weights[0], *bias = weights[1], *state = weights[2];
        auto weight = [=](long o, long i) { return i < I ? input[o * I + i] : state[o * N + i - I]; };
        forth = Product(4 * N, I + N, weight, [=](long o) { return bias[o] + (o / N == 2); });
        if (backward) back = Product(I + N, 4 * N, [=](long o, long i) { return weight(i, o); }, [](long) { return Real(0); });
    }

    long width() const { return I + N; }

    // From ``fed`` and c the gates, the next c, and the state h (N)
    void advance(const V* fed, V* gates, const V* c, V* next, V* h) const {
        forth(fed, gates);
        for (long j = 0; j < N; j++) {
            V &a = gates[j], &i = gates[N + j], &f = gates[2 * N + j], &o = gates[3 * N + j];
            a = tanh(a);
            i = sigmoid(i);
            f = sigmoid(f);
            o = sigmoid(o);
            next[j] = c[j] * f + a * i;
            h[j] = tanh(next[j]) * o;
        }
    }

    // From the gradients of h and of the next c those of the product's outputs (4N), of ``fed`` and of c
    void retreat(const V* gates, const V* c, const V* next, const V* dh, V* dc, V* d, V* dfed) const {
        for (long j = 0; j < N; j++) {
            V a = gates[j], i = gates[N + j], f = gates[2 * N + j], o = gates[3 * N + j], squashed = tanh(next[j]);
            V g = dc[j] + dh[j] * o * (1 - squashed * squashed);
            d[j] = g * i * (1 - a * a);
            d[N + j] = g * a * i * (1 - i);
            d[2 * N + j] = g * c[j] * f * (1 - f);
            d[3 * N + j] = dh[j] * squashed * o * (1 - o);
            dc[j] = g * f;
        }
        back(d, dfed);
    }
};
