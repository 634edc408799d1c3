// The CfC scan: the mathematics of cfc.py.
#include "memory.h"

namespace {

enum Mode { DEFAULT, NO_GATE, PURE };
enum Activation { LECUN_TANH, TANH, RELU, SILU, GELU };
constexpr Real SCALE = Real(0.666), AMPLITUDE = Real(1.7159), ROOT_HALF = Real(0.7071067811865476),
               NORMAL = Real(0.3989422804014327);

// T steps, B sequences, I inputs, N neurons in layers whose backbones are ``depth`` deep; ``slots`` is how many steps' values are
// kept (T), or 0. ``aside``: a derivative reads something else than what the next product reads.
struct Sizes {
    long T, B, I, N, layers, depth, mode, timed, activation, mixed, held, dropping, span_step, span_sequence, span_neuron, workers,
        slots, wants_input;
    long products() const { return depth + 1; }
    long blocks() const { return blocks_of(B); }
    long drops() const { return std::max(depth - 1, 0L); }
    bool aside() const { return dropping || activation == SILU || activation == GELU; }
    Spans spans(const Real* at) const { return {at, B, span_step, span_sequence, span_neuron}; }
};

// out from z, which stays where the derivative reads it: out itself but for the last two
void activate(long kind, const V* z, V* out, long n) {
    for (long i = 0; i < n; i++) {
        V a = z[i];
        switch (kind) {
            case LECUN_TANH: out[i] = AMPLITUDE * tanh(SCALE * a); break;
            case TANH: out[i] = tanh(a); break;
            case RELU: out[i] = a < 0 ? V{} : a; break;
            case SILU: out[i] = a * sigmoid(a); break;
            default: out[i] = a * Real(0.5) * (1 + error_function(a * ROOT_HALF));
        }
    }
}

// d times the activation's derivative, from its output; for the last two from its input
void deactivate(long kind, const V* read, V* d, long n) {
    for (long i = 0; i < n; i++) {
        V a = read[i];
        switch (kind) {
            case LECUN_TANH: d[i] *= SCALE / AMPLITUDE * (AMPLITUDE * AMPLITUDE - a * a); break;
            case TANH: d[i] *= 1 - a * a; break;
            case RELU: d[i] = a > 0 ? d[i] : V{}; break;
            case SILU: {
                V s = sigmoid(a);
                d[i] *= s * (1 + a * (1 - s));
                break;
            }
            default:
                d[i] *= Real(0.5) * (1 + error_function(a * ROOT_HALF)) + a * NORMAL * exponential(Real(-0.5) * a * a);
        }
    }
}

// n neurons with ``width`` inputs. Among the kept arrays a layer has ``fed`` [input, former state], what each product gives (the
// last one's become the gates' values), and what its derivative reads besides.
struct Layer {
    long n, width, start;
    std::vector<Product> forth, back;
    const Real *w_tau, *a;
    const Real* const* drops;
};

std::vector<Layer> layers_of(const Sizes& z, const long* shapes, const Real* const* tensors, bool backward) {
    std::vector<Layer> made;
    long start = 0;
    for (long l = 0; l < z.layers; l++, shapes += 2 + z.products()) {
        Layer layer{shapes[0], shapes[1], start, {}, {}, nullptr, nullptr, nullptr};
        long cols = layer.width + layer.n;
        for (long k = 0; k < z.products(); k++) {
            long rows = shapes[2 + k];
            const Real *weight = *tensors++, *bias = *tensors++;
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
        layer.w_tau = *tensors++;
        layer.a = *tensors++;
        layer.drops = tensors;
        tensors += z.drops();
        start += layer.n;
        made.push_back(std::move(layer));
    }
    return made;
}

// The most that a product of these layers reads or gives
long widest(const std::vector<Layer>& layers) {
    long most = 0;
    for (const Layer& layer : layers)
        for (const Product& product : layer.forth) most = std::max({most, product.rows, product.cols});
    return most;
}

// Where a block has its values of step t; without slots all steps share two places of what is fed, and one of the others
struct Room {
    const Sizes& z;
    const std::vector<Layer>& layers;
    V* const* kept;
    long block;

    V* step(V* array, long size, long t, bool fed) const {
        long steps = (z.slots ? z.slots : 1) + fed;
        return array + (block * steps + (z.slots ? t : fed ? t % 2 : 0)) * size;
    }
    V* const* of(long l) const { return kept + 3 + l * (2 + 2 * z.depth); }
    V* fed(long l, long t) const { return step(of(l)[0], layers[l].width + layers[l].n, t, true); }
    V* made(long l, long k, long t) const { return step(of(l)[1 + k], layers[l].forth[k].rows, t, false); }
    // what the derivative of backbone layer k reads
    V* read(long l, long k, long t) const {
        return z.aside() ? step(of(l)[2 + z.depth + k], layers[l].forth[k].rows, t, false) : made(l, k, t);
    }
    MemoryRoom memory(long t) const {
        return {step(kept[0], z.I + z.N, t, true), step(kept[1], 4 * z.N, t, false), step(kept[2], z.N, t, true)};
    }
};

// Values of backbone layer k times its mask of step t
void drop(const Sizes& z, const Layer& layer, long k, long t, long first, V* mask, V* values) {
    const long rows = layer.forth[k].rows;
    gather(layer.drops[k - 1] + t * z.B * rows, z.B, first, rows, mask);
    for (long i = 0; i < rows; i++) values[i] *= mask[i];
}

// The gates' values in place of z, and the new state
void open(const Sizes& z, const Layer& layer, V* gates, const V* ts, V* next) {
    long n = layer.n;
    if (z.mode == PURE) {
        for (long i = 0; i < n; i++) {
            V rate = std::abs(layer.w_tau[i]) + magnitude(gates[i]);
            next[i] = layer.a[i] - layer.a[i] * exponential(-ts[i] * rate) * gates[i];
        }
        return;
    }
    V *f1 = gates, *f2 = f1 + n, *slope = f2 + n, *gate = slope + z.timed * n;
    for (long i = 0; i < n; i++) {
        f1[i] = tanh(f1[i]);
        f2[i] = tanh(f2[i]);
        gate[i] = sigmoid(z.timed ? gate[i] + ts[i] * slope[i] : gate[i]);
        next[i] = f1[i] + gate[i] * (z.mode == NO_GATE ? f2[i] : f2[i] - f1[i]);
    }
}

// From the gradient of the new state those of z, of the timespans, and of (w_tau, A), the last added to ``decay``
void close(const Sizes& z, const Layer& layer, const V* gates, const V* ts, const V* g, V* d, V* spent, V* decay) {
    long n = layer.n;
    if (z.mode == PURE) {
        for (long i = 0; i < n; i++) {
            Real w = layer.w_tau[i], sign_w = (w > 0) - (w < 0);
            V rate = std::abs(w) + magnitude(gates[i]), e = exponential(-ts[i] * rate);
            V gae = g[i] * layer.a[i] * e, size = gae * gates[i];
            d[i] = size * ts[i] * sign(gates[i]) - gae;
            spent[i] = size * rate;
            decay[2 * i] += size * ts[i] * sign_w;
            decay[2 * i + 1] += g[i] * (1 - e * gates[i]);
        }
        return;
    }
    const V *f1 = gates, *f2 = f1 + n, *slope = f2 + n, *gate = slope + z.timed * n;
    for (long i = 0; i < n; i++) {
        V s = gate[i], d2 = g[i] * s, d1 = z.mode == NO_GATE ? g[i] : g[i] - d2;
        V moved = d2 * (1 - s) * (z.mode == NO_GATE ? f2[i] : f2[i] - f1[i]);
        d[i] = d1 * (1 - f1[i] * f1[i]);
        d[n + i] = d2 * (1 - f2[i] * f2[i]);
        if (z.timed) {
            d[2 * n + i] = moved * ts[i];
            spent[i] = moved * slope[i];
        }
        d[(2 + z.timed) * n + i] = moved;
    }
}

}  // namespace

// in: x (T, B, I), h (B, N), c (B, N), timespans, hold (T, N), the memory's three, then of each layer the products' weights and
// biases, w_tau, A, dropout's masks (T, B, units) of the backbone's layers but the first
// out: states (T, B, N), the last c (B, N), then what is kept: the memory's three, and of each layer those of Layer
// Whatever a scan has not is null, here and below.
extern "C" bool forward(const Sizes& z, const long* shapes, const Real* const* in, Real* const* out) {
    const std::vector<Layer> layers = layers_of(z, shapes, in + 8, false);
    const Memory memory = z.mixed ? Memory(z.I, z.N, in + 5, NCPS, false) : Memory();
    const Spans spans = z.spans(in[3]);
    const Real* hold = in[4];
    return share(z.blocks(), z.workers, [&](long, long begin, long end) {
        Store<V> h(z.N), before(z.N), ts(z.N), mask(widest(layers));
        for (long block = begin; block < end; block++) {
            const long first = block * LANES, live = live_of(z.B, first);
            const Room room{z, layers, (V* const*)out + 2, block};
            gather(in[1], z.B, first, z.N, h.at);
            if (z.mixed) gather(in[2], z.B, first, z.N, room.memory(0).cells);
            for (long t = 0; t < z.T; t++) {
                gather(in[0] + t * z.B * z.I, z.B, first, z.I, room.fed(0, t));
                if (z.mixed) {
                    MemoryRoom now = room.memory(t);
                    std::copy_n(room.fed(0, t), z.I, now.fed);
                    std::copy_n(h.at, z.N, now.fed + z.I);
                    memory.advance(now.fed, now.gates, now.cells, room.memory(t + 1).cells, h.at, live);
                }
                if (spans.at && (t == 0 || !spans.constant())) spans.of(t, first, 0, z.N, ts.at);
                for (long l = 0; l < z.layers; l++) {
                    const Layer& layer = layers[l];
                    V *state = h.at + layer.start, *value = room.fed(l, t);
                    if (l) std::copy_n(state - layer.width, layer.width, value);
                    std::copy_n(state, layer.n, value + layer.width);
                    for (long k = 0; k < z.products(); k++) {
                        V* inner = room.made(l, k, t);
                        long rows = layer.forth[k].rows;
                        layer.forth[k](value, inner, live);
                        value = inner;
                        if (k == z.depth) break;
                        V* read = room.read(l, k, t);
                        if (z.activation >= SILU) std::copy_n(inner, rows, read);
                        activate(z.activation, inner, inner, rows);
                        if (z.dropping && z.activation < SILU) std::copy_n(inner, rows, read);
                        if (z.dropping && k) drop(z, layer, k, t, first, mask.at, inner);
                    }
                    if (z.held) std::copy_n(state, layer.n, before.at);
                    open(z, layer, value, ts.at + layer.start, state);
                    for (long i = 0; z.held && i < layer.n; i++)
                        if (!(hold[t * z.N + layer.start + i] > 0)) state[i] = before[i];
                }
                scatter(h.at, z.B, first, z.N, out[0] + t * z.B * z.N, z.N);
            }
            if (z.mixed) scatter(room.memory(z.T).cells, z.B, first, z.N, out[1], z.N);
        }
    });
}

// in: g (T, B, N), that of the last c (B, N), timespans, hold, the memory's three and the layers' as in forward(); kept by it
// out: dx (T, B, I), dh (B, N), dc (B, N), that of the timespans (T, B, N), the memory's weight (4N, I + N) and bias, then of each
// layer those of the products' weights and biases, w_tau, A
extern "C" bool backward(const Sizes& z, const long* shapes, const Real* const* in, V* const* kept, Real* const* out) {
    const std::vector<Layer> layers = layers_of(z, shapes, in + 7, true);
    const Memory memory = z.mixed ? Memory(z.I, z.N, in + 4, NCPS, true) : Memory();
    const Spans spans = z.spans(in[2]);
    const Real* hold = in[3];
    const long per_layer = 2 * z.products() + 2;
    // where the sums of each worker go: the memory's product, then the layers'
    std::vector<std::vector<Gradient>> found(z.workers);
    std::vector<std::vector<V>> decays(z.workers);
    bool fine = share(z.blocks(), z.workers, [&](long worker, long begin, long end) {
        std::vector<Gradient>& weights = found[worker];
        weights.emplace_back(memory.forth);
        for (const Layer& layer : layers)
            for (const Product& product : layer.forth) weights.emplace_back(product);
        decays[worker].resize(2 * z.N);
        Store<V> g(z.N), dc(z.N), both(std::max(z.I + z.N, widest(layers))), spent(z.N), ts(z.N), passed(z.N), dx(z.I), mask(widest(layers));
        for (long block = begin; block < end; block++) {
            const long first = block * LANES, live = live_of(z.B, first);
            const Room room{z, layers, kept, block};
            std::fill_n(g.at, z.N, V{});
            std::fill_n(dc.at, z.N, V{});
            if (z.mixed && in[1]) gather_added(in[1], z.B, first, z.N, dc.at);
            for (long hi = z.T; hi > 0; hi -= CHUNK) {
                const long lo = std::max(hi - CHUNK, 0L);
                for (long t = hi - 1; t >= lo; t--) {
                    gather_added(in[0] + t * z.B * z.N, z.B, first, z.N, g.at);
                    if (spans.at && (t == z.T - 1 || !spans.constant())) spans.of(t, first, 0, z.N, ts.at);
                    for (long l = z.layers - 1; l >= 0; l--) {
                        const Layer& layer = layers[l];
                        Gradient* mine = &weights[1 + l * z.products()];
                        V *state = g.at + layer.start, *d = mine[z.depth].step(t - lo);
                        for (long i = 0; z.held && i < layer.n; i++) {
                            bool still = !(hold[t * z.N + layer.start + i] > 0);
                            passed[i] = still ? state[i] : V{};
                            if (still) state[i] = V{};
                        }
                        close(z, layer, room.made(l, z.depth, t), ts.at + layer.start, state, d, spent.at + layer.start,
                              &decays[worker][2 * layer.start]);
                        for (long k = z.depth; k > 0; k--) {
                            const long rows = layer.forth[k - 1].rows;
                            V* below = mine[k - 1].step(t - lo);
                            layer.back[k].pull(d, below, live);
                            if (z.dropping && k > 1) drop(z, layer, k - 1, t, first, mask.at, below);
                            deactivate(z.activation, room.read(l, k - 1, t), below, rows);
                            d = below;
                        }
                        layer.back[0].pull(d, both.at, live);
                        const bool whole = l || z.wants_input;
                        std::copy_n(both.at + (whole ? layer.width : 0), layer.n, state);
                        for (long i = 0; z.held && i < layer.n; i++) state[i] += passed[i];
                        if (l)
                            for (long i = 0; i < layer.width; i++) state[i - layer.width] += both[i];
                        else if (whole)
                            std::copy_n(both.at, z.I, dx.at);
                    }
                    if (z.timed) scatter(spent.at, z.B, first, z.N, out[3] + t * z.B * z.N, z.N);
                    if (z.mixed) {
                        MemoryRoom now = room.memory(t);
                        memory.retreat(now.gates, now.cells, room.memory(t + 1).cells, g.at, dc.at, weights[0].step(t - lo), both.at, live);
                        for (long i = 0; i < z.I; i++) dx[i] += both[i];
                        std::copy_n(both.at + z.I, z.N, g.at);
                    }
                    if (z.wants_input) scatter(dx.at, z.B, first, z.I, out[0] + t * z.B * z.I, z.I);
                }
                if (z.mixed) weights[0].take(room.memory(lo).fed, hi - lo, live);
                for (long l = 0; l < z.layers; l++)
                    for (long k = 0; k < z.products(); k++)
                        weights[1 + l * z.products() + k].take(k ? room.made(l, k - 1, lo) : room.fed(l, lo), hi - lo, live);
            }
            scatter(g.at, z.B, first, z.N, out[1], z.N);
            if (z.mixed) scatter(dc.at, z.B, first, z.N, out[2], z.N);
        }
    });
    for (long worker = 0; fine && worker < z.workers; worker++) {
        const std::vector<Gradient>& weights = found[worker];
        if (z.mixed) weights[0].add_to(out[4], out[5]);
        for (long l = 0; l < z.layers; l++) {
            Real* const* to = out + 6 + l * per_layer;
            for (long k = 0; k < z.products(); k++) weights[1 + l * z.products() + k].add_to(to[2 * k], to[2 * k + 1]);
            const V* decay = &decays[worker][2 * layers[l].start];
            for (long i = 0; z.mode == PURE && i < layers[l].n; i++)
                for (long k = 0; k < 2; k++) to[2 * z.products() + k][i] += total(decay[2 * i + k]);
        }
    }
    return fine;
}
