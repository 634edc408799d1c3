// The LTC scan: the mathematics of ltc.py, one visit per synapse, unfold and block of sequences.
#include "memory.h"

namespace {

struct Synapse {
    Real current, conductance;  // P E and P, what an open synapse adds to the two sums
    Real slope, mu;             // -sig log2(e), and the potential at which it is half open
    Real sig;
    int source;
};

// Synapses in the order of their destinations; those of neuron j are [first[j], first[j + 1]).
struct Synapses {
    const int32_t* first;
    std::vector<Synapse> all;

    Synapses(const int32_t* first, const int32_t* source, long count, const Real* const* weights) : first(first), all(count) {
        const Real *P = weights[0], *E = weights[1], *sig = weights[2], *mu = weights[3];
        for (long e = 0; e < count; e++) {
            all[e] = {P[e] * E[e], P[e], sig[e] * -LOG2E, mu[e], sig[e], source[e]};
        }
    }

    // sums (N, 2) of current and conductance, added to what is there
    void fan_in(const V* v, V* sums, long n) const {
        for (long j = 0; j < n; j++) {
            V current = sums[2 * j], conductance = sums[2 * j + 1];
            for (long e = first[j]; e < first[j + 1]; e++) {
                const Synapse& synapse = all[e];
                V s = opening((v[synapse.source] - synapse.mu) * synapse.slope);
                current += synapse.current * s;
                conductance += synapse.conductance * s;
            }
            sums[2 * j] = current;
            sums[2 * j + 1] = conductance;
        }
    }

    // From the gradients of the two sums (N, 2) that of v, added to what is there; what each synapse's P, E (``met``: s times
    // either) and mu, sig (``moved``: that of sig (v - mu), and it times v) get is added up over visits.
    void fan_out(const V* v, const V* g, V* dv, V* totals, long n) const {
        for (long j = 0; j < n; j++) {
            V current = g[2 * j], conductance = g[2 * j + 1];
            for (long e = first[j]; e < first[j + 1]; e++) {
                const Synapse& synapse = all[e];
                V at = v[synapse.source];
                V s = opening((at - synapse.mu) * synapse.slope);
                V z = (synapse.current * current + synapse.conductance * conductance) * (s - s * s);
                V* sum = totals + 4 * e;
                sum[0] += s * current;
                sum[1] += s * conductance;
                sum[2] += z;
                sum[3] += z * at;
                dv[synapse.source] += synapse.sig * z;
            }
        }
    }
};

// T steps, B sequences, I features, J inputs mapped from them, N neurons, K unfolds; ``keep``: values of all steps are kept
struct Sizes {
    long T, B, I, J, N, K, own, sensory, timed, mixed, span_step, span_sequence, span_neuron, workers, keep, wants_input;
    long blocks() const { return blocks_of(B); }
    Spans spans(const Real* at) const { return {at, B, span_step, span_sequence, span_neuron}; }
};

// Where a block has its values of step t, and of unfold k of it; what is not kept shares two places, or one
struct Room {
    const Sizes& z;
    V* const* kept;
    long block;

    V* step(V* array, long size, long t, bool fed) const {
        return array + (block * ((z.keep ? z.T : 1) + fed) + (z.keep ? t : fed ? t % 2 : 0)) * size;
    }
    V* inputs(long t) const { return step(kept[0], z.J, t, false); }
    V* path(long t, long k) const {
        return kept[1] + (z.keep ? (block * z.T + t) * (z.K + 1) + k : block * 2 + k % 2) * z.N;
    }
    V* sums(long t, long k) const { return kept[2] + (z.keep ? (block * z.T + t) * z.K + k : block) * 2 * z.N; }
    MemoryRoom memory(long t) const {
        return {step(kept[3], z.I + z.N, t, true), step(kept[4], 4 * z.N, t, false), step(kept[5], z.N, t, true)};
    }
};

}  // namespace

// in: x (T, B, I), u (T, B, J), h (B, N), c (B, N), the memory's three, time of an unfold, capacity (N), resting (N, 2), own P E
// sig mu, sensory P E sig mu
// out: states (T, B, N), the last c (B, N), then what is kept: inputs (blocks, T, J), path (blocks, T, K + 1, N), sums (blocks, T,
// K, N, 2), the memory's three. Whatever a scan has not is null, here and below.
extern "C" bool forward(const Sizes& z, const int32_t* const* places, const Real* const* in, Real* const* out) {
    const Real *capacity = in[8], *resting = in[9];
    const Synapses own(places[0], places[1], z.own, in + 10), sensory(places[2], places[3], z.sensory, in + 14);
    const Memory memory = z.mixed ? Memory(z.I, z.N, in + 4, NCPS, false) : Memory();
    const Spans spans = z.spans(in[7]);
    return share(z.blocks(), z.workers, [&](long, long begin, long end) {
        Store<V> inputs(2 * z.N), delta(z.N), h(z.N);
        for (long block = begin; block < end; block++) {
            const long first = block * LANES, live = live_of(z.B, first);
            const Room room{z, (V* const*)out + 2, block};
            gather(in[2], z.B, first, z.N, h.at);
            if (z.mixed) gather(in[3], z.B, first, z.N, room.memory(0).cells);
            for (long t = 0; t < z.T; t++) {
                if (z.mixed) {
                    MemoryRoom now = room.memory(t);
                    gather(in[0] + t * z.B * z.I, z.B, first, z.I, now.fed);
                    std::copy_n(h.at, z.N, now.fed + z.I);
                    memory.advance(now.fed, now.gates, now.cells, room.memory(t + 1).cells, h.at, live);
                }
                gather(in[1] + t * z.B * z.J, z.B, first, z.J, room.inputs(t));
                for (long j = 0; j < 2 * z.N; j++) inputs[j] = fill(resting[j]);
                sensory.fan_in(room.inputs(t), inputs.at, z.N);
                if (t == 0 || !spans.constant()) spans.of(t, first, 0, z.N, delta.at);
                std::copy_n(h.at, z.N, room.path(t, 0));
                for (long k = 0; k < z.K; k++) {
                    V *v = room.path(t, k), *next = room.path(t, k + 1), *sums = room.sums(t, k);
                    std::copy_n(inputs.at, 2 * z.N, sums);
                    own.fan_in(v, sums, z.N);
                    for (long j = 0; j < z.N; j++)
                        next[j] = (capacity[j] * v[j] + delta[j] * sums[2 * j]) / (capacity[j] + delta[j] * sums[2 * j + 1]);
                }
                std::copy_n(room.path(t, z.K), z.N, h.at);
                scatter(h.at, z.B, first, z.N, out[0] + t * z.B * z.N, z.N);
            }
            if (z.mixed) scatter(room.memory(z.T).cells, z.B, first, z.N, out[1], z.N);
        }
    });
}

// in: g (T, B, N), that of the last c (B, N), the memory's three, time of an unfold, capacity (N), own P E sig mu, sensory P E sig mu;
// kept by forward()
// out: dx (T, B, I), du (T, B, J), dh (B, N), dc (B, N), that of the time (T, B, N), the memory's weight (4N, I + N) and bias, totals
// of own and sensory (synapses, 4), and of capacity, current and conductance (N, 3)
extern "C" bool backward(
    const Sizes& z, const int32_t* const* places, const Real* const* in, V* const* kept, Real* const* out) {
    const Real* capacity = in[6];
    const Synapses own(places[0], places[1], z.own, in + 7), sensory(places[2], places[3], z.sensory, in + 11);
    const Memory memory = z.mixed ? Memory(z.I, z.N, in + 2, NCPS, true) : Memory();
    const Spans spans = z.spans(in[5]);
    struct Totals {
        Store<V> own, sensory, neurons;
        Gradient memory;
    };
    std::vector<Totals> found;
    for (long k = 0; k < z.workers; k++)
        found.push_back({Store<V>(4 * z.own), Store<V>(4 * z.sensory), Store<V>(3 * z.N), Gradient(memory.forth)});
    bool fine = share(z.blocks(), z.workers, [&](long worker, long begin, long end) {
        Totals& totals = found[worker];
        Store<V> g(z.N), passed(z.N), both(2 * z.N), step(2 * z.N), delta(z.N), time(z.N), du(z.J), dc(z.N), dfed(z.I + z.N);
        for (long block = begin; block < end; block++) {
            const long first = block * LANES, live = live_of(z.B, first);
            const Room room{z, kept, block};
            std::fill_n(g.at, z.N, V{});
            std::fill_n(dc.at, z.N, V{});
            if (z.mixed && in[1]) gather_added(in[1], z.B, first, z.N, dc.at);
            for (long t = z.T - 1; t >= 0; t--) {
                if (t == z.T - 1 || !spans.constant()) spans.of(t, first, 0, z.N, delta.at);
                gather_added(in[0] + t * z.B * z.N, z.B, first, z.N, g.at);
                std::fill_n(step.at, 2 * z.N, V{});
                std::fill_n(time.at, z.N, V{});
                for (long k = z.K - 1; k >= 0; k--) {
                    const V *v = room.path(t, k), *next = room.path(t, k + 1), *sums = room.sums(t, k);
                    for (long j = 0; j < z.N; j++) {
                        V num = g[j] / (capacity[j] + delta[j] * sums[2 * j + 1]);
                        V den = -num * next[j];
                        totals.neurons[3 * j] += num * v[j] + den;
                        time[j] += num * sums[2 * j] + den * sums[2 * j + 1];
                        both[2 * j] = num * delta[j];
                        both[2 * j + 1] = den * delta[j];
                        step[2 * j] += both[2 * j];
                        step[2 * j + 1] += both[2 * j + 1];
                        passed[j] = num * capacity[j];
                    }
                    own.fan_out(v, both.at, passed.at, totals.own.at, z.N);
                    std::swap(g.at, passed.at);
                }
                for (long j = 0; j < z.N; j++) {
                    totals.neurons[3 * j + 1] += step[2 * j];
                    totals.neurons[3 * j + 2] += step[2 * j + 1];
                }
                std::fill_n(du.at, z.J, V{});
                sensory.fan_out(room.inputs(t), step.at, du.at, totals.sensory.at, z.N);
                scatter(du.at, z.B, first, z.J, out[1] + t * z.B * z.J, z.J);
                if (z.timed) scatter(time.at, z.B, first, z.N, out[4] + t * z.B * z.N, z.N);
                if (!z.mixed) continue;
                MemoryRoom now = room.memory(t);
                V* d = totals.memory.step(t % CHUNK);
                memory.retreat(now.gates, now.cells, room.memory(t + 1).cells, g.at, dc.at, d, dfed.at, live);
                if (z.wants_input) scatter(dfed.at, z.B, first, z.I, out[0] + t * z.B * z.I, z.I);
                std::copy_n(dfed.at + z.I, z.N, g.at);
                // a chunk begins at a multiple of its length
                if (t % CHUNK == 0) totals.memory.take(now.fed, std::min(CHUNK, z.T - t), live);
            }
            scatter(g.at, z.B, first, z.N, out[2], z.N);
            if (z.mixed) scatter(dc.at, z.B, first, z.N, out[3], z.N);
        }
    });
    for (const Totals& totals : found) {
        if (z.mixed) totals.memory.add_to(out[5], out[6]);
        for (long k = 0; k < 4 * z.own; k++) out[7][k] += total(totals.own[k]);
        for (long k = 0; k < 4 * z.sensory; k++) out[8][k] += total(totals.sensory[k]);
        for (long k = 0; k < 3 * z.N; k++) out[9][k] += total(totals.neurons[k]);
    }
    return fine;
}
