// The LTC scan: the mathematics of ltc.py, one visit per synapse, unfold and block of sequences.
#include "lanes.h"

namespace {

struct Synapse {
    Real current, conductance;  // P E and P, what an open synapse adds to the two sums
    Real slope, shift;          // -sig log2(e), sig mu log2(e)
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
            Real slope = sig[e] * LOG2E;
            all[e] = {P[e] * E[e], P[e], -slope, slope * mu[e], sig[e], source[e]};
        }
    }

    // sums (N, 2) of current and conductance, added to what is there
    void fan_in(const V* v, V* sums, long n) const {
        for (long j = 0; j < n; j++) {
            V current = sums[2 * j], conductance = sums[2 * j + 1];
            for (long e = first[j]; e < first[j + 1]; e++) {
                const Synapse& synapse = all[e];
                V s = opening(v[synapse.source] * synapse.slope + synapse.shift);
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
                V s = opening(at * synapse.slope + synapse.shift);
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

// The sizes of a scan: T steps, B sequences, I inputs, N neurons, K unfolds
struct Sizes {
    long T, B, I, N, K, own, sensory, span_step, span_sequence, span_neuron, workers, keep;
    long blocks() const { return blocks_of(B); }
    long visits() const { return T * K; }
};

// The time of an unfold, its strides zero where it is the same for all
struct Spans {
    const Real* at;
    const Sizes& z;
    void of(long t, long first, V* delta) const {
        for (int l = 0; l < LANES; l++) {
            const Real* row = at + t * z.span_step + std::min(first + l, z.B - 1) * z.span_sequence;
            for (long j = 0; j < z.N; j++) delta[j][l] = row[j * z.span_neuron];
        }
    }
    bool constant() const { return !(z.span_step | z.span_sequence | z.span_neuron); }
};

}  // namespace

// in: u (T, B, I), h (B, N), delta, capacity (N), resting (N, 2), own P E sig mu, sensory P E sig mu
// out: states (T, B, N); kept: inputs (blocks, T, I), path (blocks, T K + 1, N), sums (blocks, T K, N, 2)
extern "C" bool forward(const Sizes& z, const int32_t* const* places, const Real* const* in, Real* const* out) {
    const Real *u = in[0], *h = in[1], *capacity = in[3], *resting = in[4];
    const Synapses own(places[0], places[1], z.own, in + 5), sensory(places[2], places[3], z.sensory, in + 9);
    const Spans spans{in[2], z};
    V *seen = (V*)out[1], *paths = (V*)out[2], *flows = (V*)out[3];
    return share(z.blocks(), z.workers, [&, z](long, long begin, long end) {
        Store<V> inputs(2 * z.N), scratch(2 * z.N), delta(z.N), inside(z.I), state(2 * z.N);
        for (long block = begin; block < end; block++) {
            long first = block * LANES;
            V* v = z.keep ? paths + block * (z.visits() + 1) * z.N : state.at;
            V* sums = z.keep ? flows + block * z.visits() * 2 * z.N : scratch.at;
            gather(h, z.B, first, z.N, v);
            spans.of(0, first, delta.at);
            for (long t = 0; t < z.T; t++) {
                V* now = z.keep ? seen + (block * z.T + t) * z.I : inside.at;
                gather(u + t * z.B * z.I, z.B, first, z.I, now);
                for (long j = 0; j < 2 * z.N; j++) inputs[j] = fill(resting[j]);
                sensory.fan_in(now, inputs.at, z.N);
                if (t && !spans.constant()) spans.of(t, first, delta.at);
                for (long k = 0; k < z.K; k++) {
                    V* next = z.keep ? v + z.N : v == state.at ? state.at + z.N : state.at;
                    std::copy_n(inputs.at, 2 * z.N, sums);
                    own.fan_in(v, sums, z.N);
                    for (long j = 0; j < z.N; j++)
                        next[j] = (capacity[j] * v[j] + delta[j] * sums[2 * j]) / (capacity[j] + delta[j] * sums[2 * j + 1]);
                    v = next;
                    if (z.keep) sums += 2 * z.N;
                }
                scatter(v, z.B, first, z.N, out[0] + t * z.B * z.N, z.N);
            }
        }
    });
}

// in: g (T, B, N), delta, capacity (N), own P E sig mu, sensory P E sig mu; kept as forward() has it
// out: du (T, B, I), dh (B, N), that of delta (T, B, N) or null, totals of own and sensory (synapses, 4), and of capacity,
// current and conductance (N, 3)
extern "C" bool backward(
    const Sizes& z, const int32_t* const* places, const Real* const* in, const V* const* kept, Real* const* out) {
    const Real *gs = in[0], *capacity = in[2];
    const Synapses own(places[0], places[1], z.own, in + 3), sensory(places[2], places[3], z.sensory, in + 7);
    const Spans spans{in[1], z};
    Real* spent = out[2];
    struct Totals {
        Store<V> own, sensory, neurons;
    };
    std::vector<Totals> found;
    for (long k = 0; k < z.workers; k++)
        found.push_back({Store<V>(4 * z.own), Store<V>(4 * z.sensory), Store<V>(3 * z.N)});
    bool fine = share(z.blocks(), z.workers, [&, z](long worker, long begin, long end) {
        const Totals& totals = found[worker];
        Store<V> g(z.N), passed(z.N), both(2 * z.N), step(2 * z.N), delta(z.N), time(z.N), du(z.I);
        for (long block = begin; block < end; block++) {
            long first = block * LANES;
            const V* path = kept[1] + block * (z.visits() + 1) * z.N;
            const V* flows = kept[2] + block * z.visits() * 2 * z.N;
            std::fill_n(g.at, z.N, V{});
            spans.of(z.T - 1, first, delta.at);
            for (long t = z.T - 1; t >= 0; t--) {
                if (t < z.T - 1 && !spans.constant()) spans.of(t, first, delta.at);
                gather_added(gs + t * z.B * z.N, z.B, first, z.N, g.at);
                std::fill_n(step.at, 2 * z.N, V{});
                std::fill_n(time.at, z.N, V{});
                for (long at = (t + 1) * z.K - 1; at >= t * z.K; at--) {
                    const V *v = path + at * z.N, *next = v + z.N, *sums = flows + at * 2 * z.N;
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
                std::fill_n(du.at, z.I, V{});
                sensory.fan_out(kept[0] + (block * z.T + t) * z.I, step.at, du.at, totals.sensory.at, z.N);
                scatter(du.at, z.B, first, z.I, out[0] + t * z.B * z.I, z.I);
                if (spent) scatter(time.at, z.B, first, z.N, spent + t * z.B * z.N, z.N);
            }
            scatter(g.at, z.B, first, z.N, out[1], z.N);
        }
    });
    for (const Totals& totals : found) {
        for (long k = 0; k < 4 * z.own; k++) out[3][k] += total(totals.own[k]);
        for (long k = 0; k < 4 * z.sensory; k++) out[4][k] += total(totals.sensory[k]);
        for (long k = 0; k < 3 * z.N; k++) out[5][k] += total(totals.neurons[k]);
    }
    return fine;
}
