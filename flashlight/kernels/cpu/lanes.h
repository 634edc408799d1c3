// Scans on a CPU: every lane of a vector register holds another sequence, so that a step's arithmetic is the same for all
// lanes, sums over neurons need no shuffling, and a network with few synapses costs as many visits as it has synapses.
//
// LANES sequences are a block; blocks are shared among threads. Arrays of a block are [step][feature], each element a V.

#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#ifndef REAL
#define REAL float
#endif
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

typedef REAL Real;
typedef std::conditional<sizeof(Real) == 4, int32_t, int64_t>::type Bits;
typedef Real V __attribute__((vector_size(VECTOR_BYTES)));
typedef Bits VBits __attribute__((vector_size(VECTOR_BYTES)));

static constexpr int LANES = VECTOR_BYTES / sizeof(Real);
static constexpr bool SINGLE = sizeof(Real) == 4;

static inline V fill(Real a) { return V{} + a; }

// ------------------------------------------------------------------------------------------------- exponential functions
// 2^t = whole (1 + part): t is cut at the nearest integer, and the series of 2^f is short for |f| <= 1/2.
struct Power {
    V whole, part;
};

static inline Power power(V t) {
    constexpr Real edge = SINGLE ? 126 : 1022, round = SINGLE ? 12582912. : 6755399441055744.;
    constexpr int mantissa = SINGLE ? 23 : 52;
    constexpr Bits one = Bits(SINGLE ? 127 : 1023) << mantissa;
    // not a number fails both comparisons and goes through
    t = t < -edge ? fill(-edge) : t;
    t = t > edge ? fill(edge) : t;
    V shifted = t + round;
    V f = t - (shifted - round);
    // ln(2)^k / k!
    constexpr double series[] = {
        0.6931471805599453, 0.2402265069591007, 0.055504108664821576, 0.009618129107628477,
        0.0013333558146428441, 0.00015403530393381606, 1.5252733804059838e-05, 1.3215486790144305e-06,
        1.0178086009239696e-07, 7.054911620801121e-09, 4.44553827187081e-10, 2.5678435993488196e-11,
        1.3691488853904124e-12,
    };
    constexpr int terms = SINGLE ? 7 : 13;
    V sum = fill(Real(series[terms - 1]));
    for (int k = terms - 2; k >= 0; k--) sum = sum * f + Real(series[k]);
    return {(V)(((VBits)shifted << mantissa) + one), sum * f};
}

static constexpr Real LOG2E = Real(1.4426950408889634);

// sigmoid(a) for t = -a log2(e)
static inline V opening(V t) {
    Power p = power(t);
    return Real(1) / (p.whole * p.part + (p.whole + Real(1)));
}

static inline V sigmoid(V a) { return opening(a * -LOG2E); }

// expm1(2a) / (expm1(2a) + 2): small values keep their digits
static inline V tanh(V a) {
    Power p = power(a * (2 * LOG2E));
    V e = p.whole * p.part + (p.whole - Real(1));
    return e / (e + Real(2));
}

static inline V exponential(V a) {
    Power p = power(a * LOG2E);
    return p.whole * p.part + p.whole;
}

static inline V magnitude(V a) { return a < 0 ? -a : a; }

static inline V sign(V a) { return a > 0 ? fill(1) : a < 0 ? fill(-1) : V{}; }

// of each lane by the C library
static inline V error_function(V a) {
    for (int l = 0; l < LANES; l++) a[l] = std::erf(a[l]);
    return a;
}

// ------------------------------------------------------------------------------------------------------------------- memory
// Zeros, aligned for vectors
template <typename T>
struct Store {
    T* at;
    explicit Store(size_t n) {
        size_t bytes = (n * sizeof(T) + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES;
        at = static_cast<T*>(std::aligned_alloc(VECTOR_BYTES, std::max<size_t>(bytes, VECTOR_BYTES)));
        if (!at) throw std::bad_alloc();
        std::fill_n(reinterpret_cast<char*>(at), bytes, 0);
    }
    Store(const Store&) = delete;
    Store(Store&& other) : at(other.at) { other.at = nullptr; }
    ~Store() { std::free(at); }
    T& operator[](size_t i) const { return at[i]; }
};

// the same for a std::vector
template <typename T>
struct Aligned {
    typedef T value_type;
    Aligned() = default;
    template <typename U>
    Aligned(const Aligned<U>&) {}
    T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(VECTOR_BYTES))); }
    void deallocate(T* at, size_t) { ::operator delete(at, std::align_val_t(VECTOR_BYTES)); }
    bool operator==(const Aligned&) const { return true; }
    bool operator!=(const Aligned&) const { return false; }
};

static inline Real total(V a) {
    Real parts[LANES];
    std::memcpy(parts, &a, sizeof a);
    for (int half = LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++) parts[l] += parts[l + half];
    return parts[0];
}

// A block's sequences of an array (batch, features), from sequence ``first`` on. Lanes beyond the batch repeat its last
// sequence, so that nothing is computed there that is not computed elsewhere.
static inline void gather(const Real* from, long batch, long first, long features, long stride, V* to) {
    for (int l = 0; l < LANES; l++) {
        const Real* row = from + std::min(first + l, batch - 1) * stride;
        for (long i = 0; i < features; i++) to[i][l] = row[i];
    }
}

static inline void gather(const Real* from, long batch, long first, long features, V* to) {
    gather(from, batch, first, features, features, to);
}

// The same for gradients, which are zero beyond the batch, added to what is there
static inline void gather_added(const Real* from, long batch, long first, long features, V* to) {
    for (int l = 0; l < LANES && first + l < batch; l++) {
        const Real* row = from + (first + l) * features;
        for (long i = 0; i < features; i++) to[i][l] += row[i];
    }
}

static inline void scatter(const V* from, long batch, long first, long features, Real* to, long stride) {
    for (int l = 0; l < LANES && first + l < batch; l++) {
        Real* row = to + (first + l) * stride;
        for (long i = 0; i < features; i++) row[i] = from[i][l];
    }
}

// Timespans (steps, sequences, neurons), with strides of zero where they are the same for all
struct Spans {
    const Real* at;
    long batch, step, sequence, neuron;

    V of(long t, long first, long i) const {
        V made;
        const Real* row = at + t * step + i * neuron;
        for (int l = 0; l < LANES; l++) made[l] = row[std::min(first + l, batch - 1) * sequence];
        return made;
    }

    // of neurons start, start + 1, ...
    void of(long t, long first, long start, long n, V* to) const {
        if (neuron)
            for (long i = 0; i < n; i++) to[i] = of(t, first, start + i);
        else
            std::fill_n(to, n, of(t, first, start));
    }

    bool constant() const { return !(step | sequence | neuron); }
};

// ------------------------------------------------------------------------------------------------------------------ threads
// How many of a block's lanes hold sequences of their own
static inline long live_of(long batch, long first) { return std::min<long>(LANES, batch - first); }

static inline long blocks_of(long batch) { return (batch + LANES - 1) / LANES; }

// work(worker, begin, end) on each worker's share of n blocks; false if there was no memory for it
template <typename Work>
static bool share(long n, long workers, Work work) {
    std::atomic<bool> fine{true};
    auto run = [&](long k) {
        try {
            work(k, k * n / workers, (k + 1) * n / workers);
        } catch (const std::bad_alloc&) {
            fine = false;
        }
    };
    std::vector<std::thread> others;
    for (long k = 1; k < workers; k++) {
        try {
            others.emplace_back(run, k);
        } catch (const std::system_error&) {
            run(k);  // no thread to be had
        }
    }
    run(0);
    for (std::thread& other : others) other.join();
    return fine;
}

extern "C" long lanes() { return LANES; }
