// The gated CfC scan: the mathematics of cfc.py. A matrix product of a step has a weight in every lane of a register, times
// an input of as many sequences; weights lie in panels of ROWS outputs in the order they are read.
#include "lanes.h"

namespace {

#if defined(__AVX__) && !defined(__AVX512F__)
constexpr int ROWS = 8, TALL = 4, WIDE = 2;
#else
constexpr int ROWS = 16, TALL = 8, WIDE = 2;
#endif
// steps whose gradients are kept until the weights take them
constexpr long CHUNK = 16;

// How many registers hold n columns
inline long registers(long n) { return (n + LANES - 1) / LANES; }

// out = bias + weight in, over ``rows`` outputs and ``cols`` inputs
struct Product {
    long rows = 0, cols = 0;
    std::vector<Real> panels, bias;

    // weight(row, col) and bias(row) are functions
    template <typename Weight, typename Bias>
    Product(long rows, long cols, Weight weight, Bias start) : rows(rows), cols(cols) {
        long count = (rows + ROWS - 1) / ROWS;
        panels.resize(count * cols * ROWS);
        bias.resize(count * ROWS);
        for (long o = 0; o < rows; o++) {
            bias[o] = start(o);
            Real* panel = &panels[o / ROWS * cols * ROWS + o % ROWS];
            for (long i = 0; i < cols; i++) panel[i * ROWS] = weight(o, i);
        }
    }

    void operator()(const V* in, V* out) const {
        const Real* weight = panels.data();
        for (long o = 0; o < rows; o += ROWS) {
            V sums[ROWS];
            for (int r = 0; r < ROWS; r++) sums[r] = fill(bias[o + r]);
            for (long i = 0; i < cols; i++, weight += ROWS) {
                V a = in[i];
                for (int r = 0; r < ROWS; r++) sums[r] += weight[r] * a;
            }
            long stop = std::min<long>(ROWS, rows - o);
            if (stop == ROWS)
                for (int r = 0; r < ROWS; r++) out[o + r] = sums[r];
            else
                for (int r = 0; r < stop; r++) out[o + r] = sums[r];
        }
    }
};

// Adds to a weight's gradient, R rows by C registers of columns, what ``steps`` steps give it: d (steps, rows) of a block, ``in``
// (steps * LANES, stride) with the columns in the lanes
template <int R, int C>
inline void corner(const V* d, long rows, const V* in, long stride, long steps, Real* out, long cols, long left) {
    V sums[R][C] = {};
    for (long t = 0; t < steps; t++, d += rows)
        for (int l = 0; l < LANES; l++, in += stride)
            for (int r = 0; r < R; r++) {
                Real each = ((const Real*)(d + r))[l];
                for (int c = 0; c < C; c++) sums[r][c] += each * in[c];
            }
    for (int r = 0; r < R; r++, out += cols)
        for (int c = 0; c < C; c++)
            for (long l = 0; l < std::min<long>(LANES, left - c * LANES); l++) out[c * LANES + l] += sums[r][c][l];
}

template <int R>
inline void rows_of(const V* d, long rows, const V* in, long stride, long steps, Real* out, long cols) {
    long c = 0;
    for (; c + WIDE <= stride; c += WIDE)
        corner<R, WIDE>(d, rows, in + c, stride, steps, out + c * LANES, cols, cols - c * LANES);
    for (; c < stride; c++) corner<R, 1>(d, rows, in + c, stride, steps, out + c * LANES, cols, cols - c * LANES);
}

// Adds to a weight's (rows, cols) and a bias's gradient what d (steps, rows) and ``read`` (steps, cols) give them
void weigh(const V* d, long rows, const V* read, long cols, long steps, Real* weight, Real* bias, V* scratch) {
    long stride = registers(cols), r = 0;
    for (long t = 0; t < steps; t++)
        scatter(read + t * cols, LANES, 0, cols, (Real*)(scratch + t * LANES * stride), stride * LANES);
    for (; r + TALL <= rows; r += TALL) rows_of<TALL>(d + r, rows, scratch, stride, steps, weight + r * cols, cols);
    for (; r < rows; r++) rows_of<1>(d + r, rows, scratch, stride, steps, weight + r * cols, cols);
    for (r = 0; r < rows; r++) {
        V sum{};
        for (long t = 0; t < steps; t++) sum += d[t * rows + r];
        bias[r] += total(sum);
    }
}

enum Activation { LECUN_TANH, TANH, RELU };
constexpr Real SCALE = Real(0.666), AMPLITUDE = Real(1.7159);

void activate(long kind, V* a, long n) {
    if (kind == LECUN_TANH)
        for (long i = 0; i < n; i++) a[i] = AMPLITUDE * tanh(SCALE * a[i]);
    else if (kind == TANH)
        for (long i = 0; i < n; i++) a[i] = tanh(a[i]);
    else
        for (long i = 0; i < n; i++) a[i] = a[i] < 0 ? V{} : a[i];
}

// d times the activation's derivative, from its output
void deactivate(long kind, const V* out, V* d, long n) {
    if (kind == LECUN_TANH)
        for (long i = 0; i < n; i++) d[i] *= SCALE / AMPLITUDE * (AMPLITUDE * AMPLITUDE - out[i] * out[i]);
    else if (kind == TANH)
        for (long i = 0; i < n; i++) d[i] *= 1 - out[i] * out[i];
    else
        for (long i = 0; i < n; i++) d[i] = out[i] > 0 ? d[i] : V{};
}

// T steps, B sequences, N neurons in layers; ``slots`` is how many steps' values are kept (T), or 0
struct Sizes {
    long T, B, N, layers, depth, no_gate, timed, activation, span_step, span_sequence, span_neuron, workers, slots, wants_input;
    long blocks() const { return blocks_of(B); }
    long keeps() const { return slots ? slots : 1; }
};

// A layer of n neurons with ``width`` inputs: its products, and where a block's values are. ``fed`` has [input, former state]
// of every step and one more, ``hidden`` what the backbone gives, ``gates`` f1, f2, (the timespan's slope,) s.
struct Layer {
    long n, width, start;
    std::vector<Product> forth, back;
    const Real* const* kept;
    long place(const Sizes& z) const { return width + n; }
    long rows(size_t k) const { return forth[k].rows; }
};

std::vector<Layer> layers_of(const Sizes& z, const long* shapes, const Real* const* weights, bool backward) {
    std::vector<Layer> made;
    long start = 0;
    for (long l = 0; l < z.layers; l++) {
        Layer layer{shapes[0], shapes[1], start, {}, {}, nullptr};
        long cols = layer.width + layer.n;
        for (long k = 0; k <= z.depth; k++, weights += 2) {
            long rows = shapes[2 + k];
            const Real *weight = weights[0], *bias = weights[1];
            layer.forth.emplace_back(
                rows, cols, [=](long o, long i) { return weight[o * cols + i]; }, [=](long o) { return bias[o]; });
            if (backward) {
                // of the first product of all, the inputs' gradients may not be wanted
                long skip = l == 0 && k == 0 && !z.wants_input ? layer.width : 0;
                layer.back.emplace_back(
                    cols - skip, rows, [=](long o, long i) { return weight[i * cols + o + skip]; }, [](long) { return Real(0); });
            }
            cols = rows;
        }
        shapes += 3 + z.depth;
        start += layer.n;
        made.push_back(std::move(layer));
    }
    return made;
}

struct Spans {
    const Real* at;
    const Sizes& z;
    V of(long t, long first, long neuron) const {
        V made;
        const Real* row = at + t * z.span_step + neuron * z.span_neuron;
        for (int l = 0; l < LANES; l++) made[l] = row[std::min(first + l, z.B - 1) * z.span_sequence];
        return made;
    }
};

}  // namespace

// in: x (T, B, I), h (B, N), timespans or null, then weight and bias of each layer's products
// out: states (T, B, N), then of each layer fed (blocks, steps + 1, ...), hidden (blocks, steps, ...) of its backbone, gates
extern "C" bool forward(const Sizes& z, const long* shapes, const Real* const* in, Real* const* out) {
    const std::vector<Layer> layers = layers_of(z, shapes, in + 3, false);
    const Spans spans{in[2], z};
    return share(z.blocks(), z.workers, [&, z](long, long begin, long end) {
        for (long block = begin; block < end; block++) {
            long first = block * LANES;
            // where layer l has its values of step t: fed, hidden..., gates
            auto at = [&](size_t l, long k, long t) {
                const Layer& layer = layers[l];
                bool fed = k == 0;
                long size = fed ? layer.width + layer.n : layer.rows(k - 1), steps = z.keeps() + fed;
                long slot = z.slots ? t : fed ? t % 2 : 0;
                return (V*)out[1 + l * (z.depth + 2) + k] + (block * steps + slot) * size;
            };
            for (size_t l = 0; l < layers.size(); l++) {
                V* to = at(l, 0, 0) + layers[l].width;
                for (int lane = 0; lane < LANES; lane++) {
                    const Real* row = in[1] + std::min(first + lane, z.B - 1) * z.N + layers[l].start;
                    for (long i = 0; i < layers[l].n; i++) to[i][lane] = row[i];
                }
            }
            for (long t = 0; t < z.T; t++) {
                gather(in[0] + t * z.B * layers[0].width, z.B, first, layers[0].width, at(0, 0, t));
                for (size_t l = 0; l < layers.size(); l++) {
                    const Layer& layer = layers[l];
                    const V* value = at(l, 0, t);
                    for (long k = 0; k <= z.depth; k++) {
                        V* inner = at(l, k + 1, t);
                        layer.forth[k](value, inner);
                        if (k < z.depth) activate(z.activation, inner, layer.rows(k));
                        value = inner;
                    }
                    long n = layer.n;
                    V *f1 = at(l, z.depth + 1, t), *f2 = f1 + n, *slope = f2 + n, *gate = slope + z.timed * n;
                    V *next = at(l, 0, t + 1) + layer.width, *above = l + 1 < layers.size() ? at(l + 1, 0, t) : nullptr;
                    V span = z.timed ? spans.of(t, first, layer.start) : V{};
                    for (long i = 0; i < n; i++) {
                        if (z.timed) {
                            if (z.span_neuron && i) span = spans.of(t, first, layer.start + i);
                            gate[i] += span * slope[i];
                        }
                        f1[i] = tanh(f1[i]);
                        f2[i] = tanh(f2[i]);
                        gate[i] = sigmoid(gate[i]);
                        next[i] = f1[i] + gate[i] * (z.no_gate ? f2[i] : f2[i] - f1[i]);
                        if (above) above[i] = next[i];
                    }
                    scatter(next, z.B, first, n, out[0] + t * z.B * z.N + layer.start, z.N);
                }
            }
        }
    });
}

// in: g (T, B, N), timespans or null, then weight and bias of each layer's products; kept as forward() has it
// out: dx (T, B, I) or null, dh (B, N), that of the timespans (T, B, N) or null, then those of the weights and biases
extern "C" bool backward(
    const Sizes& z, const long* shapes, const Real* const* in, const V* const* kept, Real* const* out) {
    const std::vector<Layer> layers = layers_of(z, shapes, in + 2, true);
    const Spans spans{in[1], z};
    const long products = z.depth + 1;
    // each worker's gradients of all weights and biases
    std::vector<std::vector<Real>> found(z.workers);
    std::vector<long> offsets{0};
    for (const Layer& layer : layers)
        for (const Product& product : layer.forth) {
            offsets.push_back(offsets.back() + product.rows * product.cols);
            offsets.push_back(offsets.back() + product.rows);
        }
    bool fine = share(z.blocks(), z.workers, [&, z](long worker, long begin, long end) {
        std::vector<Real>& weights = found[worker];
        weights.resize(offsets.back());
        // the gradients of a chunk of steps at the outputs of each product, of the states, and of [input, state]
        std::vector<Store<V>> ds;
        long widest = 0, broadest = 0;
        for (const Layer& layer : layers) {
            for (const Product& product : layer.forth) {
                ds.emplace_back(CHUNK * product.rows);
                broadest = std::max(broadest, registers(product.cols));
            }
            widest = std::max(widest, layer.width + layer.n);
        }
        Store<V> dh(z.N), both(widest), spent(z.timed ? z.N : 0), scratch(CHUNK * LANES * broadest);
        for (long block = begin; block < end; block++) {
            long first = block * LANES;
            std::fill_n(dh.at, z.N, V{});
            for (long hi = z.T; hi > 0; hi -= CHUNK) {
                long lo = std::max(hi - CHUNK, 0L);
                for (long t = hi - 1; t >= lo; t--) {
                    gather_added(in[0] + t * z.B * z.N, z.B, first, z.N, dh.at);
                    for (long l = z.layers - 1; l >= 0; l--) {
                        const Layer& layer = layers[l];
                        const V* const* mine = kept + l * (z.depth + 2);
                        const long n = layer.n, rows = layer.rows(z.depth), skip = layer.width + n - layer.back[0].rows;
                        const V *f1 = mine[products] + (block * z.T + t) * rows, *f2 = f1 + n, *slope = f2 + n;
                        const V* gate = slope + z.timed * n;
                        V *g = dh.at + layer.start, *d = ds[l * products + z.depth].at + (t - lo) * rows;
                        V span = z.timed ? spans.of(t, first, layer.start) : V{};
                        for (long i = 0; i < n; i++) {
                            V s = gate[i], d2 = g[i] * s, d1 = z.no_gate ? g[i] : g[i] - d2;
                            V da = d2 * (1 - s) * (z.no_gate ? f2[i] : f2[i] - f1[i]);
                            d[i] = d1 * (1 - f1[i] * f1[i]);
                            d[n + i] = d2 * (1 - f2[i] * f2[i]);
                            if (z.timed) {
                                if (z.span_neuron && i) span = spans.of(t, first, layer.start + i);
                                d[2 * n + i] = da * span;
                                spent[layer.start + i] = da * slope[i];
                            }
                            d[(2 + z.timed) * n + i] = da;
                        }
                        for (long k = z.depth; k > 0; k--) {
                            long width = layer.rows(k - 1);
                            V* below = ds[l * products + k - 1].at + (t - lo) * width;
                            layer.back[k](d, below);
                            deactivate(z.activation, mine[k] + (block * z.T + t) * width, below, width);
                            d = below;
                        }
                        layer.back[0](d, both.at);
                        std::copy_n(both.at + layer.width - skip, n, g);
                        if (l)
                            for (long i = 0; i < layer.width; i++) g[i - layer.width] += both[i];
                        else if (z.wants_input)
                            scatter(both.at, z.B, first, layer.width, out[0] + t * z.B * layer.width, layer.width);
                    }
                    if (z.timed) scatter(spent.at, z.B, first, z.N, out[2] + t * z.B * z.N, z.N);
                }
                for (long l = 0, at = 0; l < z.layers; l++)
                    for (long k = 0; k <= z.depth; k++, at++) {
                        const Product& product = layers[l].forth[k];
                        const V* read = kept[l * (z.depth + 2) + k] + (block * (z.T + (k == 0)) + lo) * product.cols;
                        Real *weight = &weights[offsets[2 * at]], *bias = &weights[offsets[2 * at + 1]];
                        weigh(ds[at].at, product.rows, read, product.cols, hi - lo, weight, bias, scratch.at);
                    }
            }
            scatter(dh.at, z.B, first, z.N, out[1], z.N);
        }
    });
    for (const std::vector<Real>& weights : found)
        for (size_t k = 0; fine && k + 1 < offsets.size(); k++)
            for (long i = 0; i < offsets[k + 1] - offsets[k]; i++) out[3 + k][i] += weights[offsets[k] + i];
    return fine;
}
