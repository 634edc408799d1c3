// LSTM, GRU and Elman scans: the mathematics of ops/recurrent.py. Steps are numbered in the order in which they are taken.
#include "memory.h"

namespace {

enum Kind { LSTM, GRU, RNN_TANH, RNN_RELU };

// T steps, B sequences, I inputs, H units; ``ragged``: sequences have lengths; ``slots``: how many steps' values are kept (T), or 0
struct Sizes {
    long T, B, I, H, kind, reverse, ragged, workers, slots, wants_input;
    long blocks() const { return blocks_of(B); }
    long gates() const { return kind == LSTM ? 4 : kind == GRU ? 3 : 1; }
    long time(long step) const { return reverse ? T - 1 - step : step; }
    long skip() const { return wants_input ? 0 : I; }
};

struct Weights {
    const Real *input, *state, *input_bias, *state_bias;
};

// The products of a step. ``mixed`` reads [input, former state]: all of an Elman network, the first two gates of a GRU, whose
// third has its input's and its state's shares apart. An LSTM is a Memory.
struct Cell {
    const Sizes& z;
    Memory memory;
    Product mixed, fresh, inner;                  // fresh: of the input, inner: of the state
    Product mixed_back, fresh_back, inner_back;

    Cell(const Sizes& z, Weights w, const Real* bias, bool backward) : z(z) {
        const long I = z.I, H = z.H;
        auto zero = [](long) { return Real(0); };
        if (z.kind == LSTM) {
            const Real* weights[] = {w.input, bias, w.state};
            memory = Memory(I, H, weights, TORCH, backward, z.skip());
            return;
        }
        const long rows = z.kind == GRU ? 2 * H : H;
        auto weight = [=](long o, long i) { return i < I ? w.input[o * I + i] : w.state[o * H + i - I]; };
        mixed = Product(rows, I + H, weight, [=](long o) { return bias ? bias[o] : 0; });
        auto input = [=](long o, long i) { return w.input[(2 * H + o) * I + i]; };
        auto state = [=](long o, long i) { return w.state[(2 * H + o) * H + i]; };
        if (z.kind == GRU) {
            fresh = Product(H, I, input, [=](long o) { return w.input_bias ? w.input_bias[2 * H + o] : 0; });
            inner = Product(H, H, state, [=](long o) { return w.state_bias ? w.state_bias[2 * H + o] : 0; });
        }
        if (!backward) return;
        const long skip = z.skip();
        mixed_back = Product(I + H - skip, rows, [=](long o, long i) { return weight(i, o + skip); }, zero);
        if (z.kind != GRU) return;
        fresh_back = Product(I - skip, H, [=](long o, long i) { return input(i, o); }, zero);
        inner_back = Product(H, H, [=](long o, long i) { return state(i, o); }, zero);
    }

    // how many values a step keeps besides ``fed``: the gates; a GRU's r, z, n and the state's share of n
    long kept() const { return z.kind == LSTM || z.kind == GRU ? 4 * z.H : z.H; }

    // the new state (and cell) from ``fed``
    void advance(const MemoryRoom& now, V* next, V* h, long live) const {
        const long H = z.H;
        if (z.kind == LSTM) return memory.advance(now.fed, now.gates, now.cells, next, h, live);
        V* gates = now.gates;
        mixed(now.fed, gates, live);
        if (z.kind == GRU) {
            const V* former = now.fed + z.I;
            V *n = gates + 2 * H, *share = gates + 3 * H;
            fresh(now.fed, n, live);
            inner(former, share, live);
            for (long j = 0; j < H; j++) {
                gates[j] = sigmoid(gates[j]);
                gates[H + j] = sigmoid(gates[H + j]);
                n[j] = tanh(n[j] + gates[j] * share[j]);
                h[j] = n[j] + gates[H + j] * (former[j] - n[j]);
            }
            return;
        }
        for (long j = 0; j < H; j++) {
            gates[j] = z.kind == RNN_TANH ? tanh(gates[j]) : gates[j] < 0 ? V{} : gates[j];
            h[j] = gates[j];
        }
    }
};

// The gradients of a cell's weights
struct Sums {
    Gradient memory, mixed, fresh, inner;
    explicit Sums(const Cell& cell) : memory(cell.memory.forth), mixed(cell.mixed), fresh(cell.fresh), inner(cell.inner) {}
};

struct Room {
    const Sizes& z;
    long kept;
    V* const* arrays;
    long block;

    V* step(V* array, long size, long k, bool one_more) const {
        return array + (block * ((z.slots ? z.slots : 1) + one_more) + (z.slots ? k : one_more ? k % 2 : 0)) * size;
    }
    MemoryRoom at(long k) const {
        return {step(arrays[0], z.I + z.H, k, true), step(arrays[1], kept, k, false), z.kind == LSTM ? step(arrays[2], z.H, k, true) : nullptr};
    }
};

// Which of a block's sequences have a step at a time
VBits present(const Real* lengths, long B, long first, long time) {
    VBits made;
    for (int l = 0; l < LANES; l++) made[l] = time < long(lengths[std::min(first + l, B - 1)]) ? -1 : 0;
    return made;
}

void choose(const VBits& which, const V* yes, const V* no, V* to, long n) {
    for (long j = 0; j < n; j++) to[j] = which ? yes[j] : no ? no[j] : V{};
}

}  // namespace

// in: x (T, B, I), h (B, H), c (B, H), w_ih, w_hh, b_ih, b_hh, the biases' sum, lengths (B)
// out: outputs (T, B, H), the last h and c (B, H), then what is kept: fed (blocks, T + 1, I + H), gates (blocks, T, ...), cells
// (blocks, T + 1, H). Whatever a scan has not is null, here and below.
extern "C" bool forward(const Sizes& z, const Real* const* in, Real* const* out) {
    const Cell cell(z, {in[3], in[4], in[5], in[6]}, in[7], false);
    return share(z.blocks(), z.workers, [&](long, long begin, long end) {
        Store<V> h(z.H), next(z.H), shown(z.H);
        for (long block = begin; block < end; block++) {
            const long first = block * LANES, live = live_of(z.B, first);
            const Room room{z, cell.kept(), (V* const*)out + 3, block};
            gather(in[1], z.B, first, z.H, h.at);
            if (z.kind == LSTM) gather(in[2], z.B, first, z.H, room.at(0).cells);
            for (long k = 0; k < z.T; k++) {
                const long t = z.time(k);
                const MemoryRoom now = room.at(k), then = room.at(k + 1);
                gather(in[0] + t * z.B * z.I, z.B, first, z.I, now.fed);
                std::copy_n(h.at, z.H, now.fed + z.I);
                cell.advance(now, then.cells, next.at, live);
                const V* y = next.at;
                if (z.ragged) {
                    const VBits there = present(in[8], z.B, first, t);
                    if (z.kind == LSTM) choose(there, then.cells, now.cells, then.cells, z.H);
                    choose(there, next.at, nullptr, shown.at, z.H);
                    choose(there, next.at, h.at, h.at, z.H);
                    y = shown.at;
                } else
                    std::swap(h.at, next.at), y = h.at;
                scatter(y, z.B, first, z.H, out[0] + t * z.B * z.H, z.H);
            }
            scatter(h.at, z.B, first, z.H, out[1], z.H);
            if (z.kind == LSTM) scatter(room.at(z.T).cells, z.B, first, z.H, out[2], z.H);
        }
    });
}

// in: those of the outputs (T, B, H), of the last h and c (B, H), then w_ih, w_hh, b_ih, b_hh, the biases' sum, lengths; kept by
// forward()
// out: dx (T, B, I), dh, dc (B, H), dw_ih, dw_hh, db_ih, db_hh
extern "C" bool backward(const Sizes& z, const Real* const* in, V* const* kept, Real* const* out) {
    const Cell cell(z, {in[3], in[4], in[5], in[6]}, in[7], true);
    const long I = z.I, H = z.H, skip = z.skip();
    std::vector<std::vector<Sums>> found(z.workers);
    bool fine = share(z.blocks(), z.workers, [&](long worker, long begin, long end) {
        found[worker].emplace_back(cell);
        Sums& sums = found[worker][0];
        Store<V> dh(H), dc(H), passed(H), passed_c(H), dfed(I + H), more(I + H), nothing(H);
        for (long block = begin; block < end; block++) {
            const long first = block * LANES, live = live_of(z.B, first);
            const Room room{z, cell.kept(), kept, block};
            std::fill_n(dh.at, H, V{});
            std::fill_n(dc.at, H, V{});
            gather_added(in[1], z.B, first, H, dh.at);
            if (z.kind == LSTM) gather_added(in[2], z.B, first, H, dc.at);
            for (long k = z.T - 1; k >= 0; k--) {
                const long t = z.time(k);
                const MemoryRoom now = room.at(k);
                const V *gates = now.gates, *former = now.fed + I;
                if (z.ragged) {
                    const VBits there = present(in[8], z.B, first, t);
                    choose(there, nothing.at, dh.at, passed.at, H);
                    choose(there, nothing.at, dc.at, passed_c.at, H);
                    gather_added(in[0] + t * z.B * H, z.B, first, H, dh.at);
                    choose(there, dh.at, nullptr, dh.at, H);
                    choose(there, dc.at, nullptr, dc.at, H);
                } else
                    gather_added(in[0] + t * z.B * H, z.B, first, H, dh.at);
                // the gradients of ``fed`` less what is skipped
                if (z.kind == LSTM) {
                    V* d = sums.memory.step(k % CHUNK);
                    cell.memory.retreat(gates, now.cells, room.at(k + 1).cells, dh.at, dc.at, d, dfed.at, live);
                    std::copy_n(dfed.at + I - skip, H, dh.at);
                } else if (z.kind == GRU) {
                    V *d = sums.mixed.step(k % CHUNK), *dn = sums.fresh.step(k % CHUNK), *ds = sums.inner.step(k % CHUNK);
                    for (long j = 0; j < H; j++) {
                        V r = gates[j], update = gates[H + j], n = gates[2 * H + j], g = dh[j];
                        dn[j] = g * (1 - update) * (1 - n * n);
                        ds[j] = dn[j] * r;
                        d[j] = dn[j] * gates[3 * H + j] * r * (1 - r);
                        d[H + j] = g * (former[j] - n) * update * (1 - update);
                        dh[j] = g * update;
                    }
                    cell.mixed_back.pull(d, dfed.at, live);
                    cell.inner_back.pull(ds, more.at, live);
                    for (long j = 0; j < H; j++) dh[j] += dfed[I - skip + j] + more[j];
                    if (z.wants_input) {
                        cell.fresh_back.pull(dn, more.at, live);
                        for (long i = 0; i < I; i++) dfed[i] += more[i];
                    }
                } else {
                    V* d = sums.mixed.step(k % CHUNK);
                    for (long j = 0; j < H; j++)
                        d[j] = z.kind == RNN_TANH ? dh[j] * (1 - gates[j] * gates[j]) : gates[j] > 0 ? dh[j] : V{};
                    cell.mixed_back.pull(d, dfed.at, live);
                    std::copy_n(dfed.at + I - skip, H, dh.at);
                }
                if (z.ragged)
                    for (long j = 0; j < H; j++) {
                        dh[j] += passed[j];
                        dc[j] += passed_c[j];
                    }
                if (z.wants_input) scatter(dfed.at, z.B, first, I, out[0] + t * z.B * I, I);
                // a chunk begins at a multiple of its length
                if (k % CHUNK) continue;
                const long steps = std::min(CHUNK, z.T - k);
                if (z.kind == LSTM) {
                    sums.memory.take(now.fed, steps, live, I + H);
                    continue;
                }
                sums.mixed.take(now.fed, steps, live, I + H);
                if (z.kind != GRU) continue;
                sums.fresh.take(now.fed, steps, live, I + H);
                sums.inner.take(now.fed + I, steps, live, I + H);
            }
            scatter(dh.at, z.B, first, H, out[1], H);
            if (z.kind == LSTM) scatter(dc.at, z.B, first, H, out[2], H);
        }
    });
    // a product's rows begin at ``row`` of the gates, its columns at ``col`` of [input, state]
    auto add = [&](const Gradient& from, long rows, long cols, long row, long col, bool input_bias, bool state_bias) {
        for (long o = 0; o < rows; o++) {
            for (long i = 0; i < cols; i++) {
                const long at = col + i;
                (at < I ? out[3][(row + o) * I + at] : out[4][(row + o) * H + at - I]) += from.weight[o * cols + i];
            }
            if (input_bias) out[5][row + o] += from.bias[o];
            if (state_bias) out[6][row + o] += from.bias[o];
        }
    };
    for (const auto& sums : found) {
        if (!fine) break;
        if (z.kind == LSTM) {
            add(sums[0].memory, 4 * H, I + H, 0, 0, true, true);
            continue;
        }
        add(sums[0].mixed, cell.mixed.rows, I + H, 0, 0, true, true);
        if (z.kind != GRU) continue;
        add(sums[0].fresh, H, I, 2 * H, 0, true, false);
        add(sums[0].inner, H, H, 2 * H, I, false, true);
    }
    return fine;
}
