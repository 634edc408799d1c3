// Matrix products of a step: a weight in every lane of a register, times an input of as many sequences. Weights lie in panels
// of ROWS outputs in the order they are read.
#pragma once
#include "lanes.h"

#if defined(__AVX__) && !defined(__AVX512F__)
constexpr int ROWS = 8, TALL = 4, WIDE = 2;
#else
constexpr int ROWS = 16, TALL = 8, WIDE = 2;
#endif
// steps whose gradients are kept until the weights take them
constexpr long CHUNK = 16;

// sequences that are better taken one by one than in lanes most of which are empty
constexpr long FEW = LANES / 4;

// How many registers hold n columns
inline long registers(long n) { return (n + LANES - 1) / LANES; }

// out = bias + weight in, over ``rows`` outputs and ``cols`` inputs
struct Product {
    long rows = 0, cols = 0;
    std::vector<Real, Aligned<Real>> panels;
    std::vector<Real> bias;

    Product() = default;

    // weight(row, col) and start(row) are functions
    template <typename Weight, typename Bias>
    Product(long rows, long cols, Weight weight, Bias start) : rows(rows), cols(cols) {
        long count = (rows + ROWS - 1) / ROWS;
        panels.resize(count * cols * ROWS);
        bias.resize(count * ROWS);
        for (long o = 0; o < rows; o++) bias[o] = start(o);
        Real* to = panels.data();
        for (long o = 0; o < rows; o += ROWS) {
            const long stop = std::min<long>(ROWS, rows - o);
            for (long i = 0; i < cols; i++, to += ROWS)
                for (long r = 0; r < stop; r++) to[r] = weight(o + r, i);
        }
    }

    // of the first ``live`` lanes; the others repeat the last of them, or of gradients they are zero
    void operator()(const V* in, V* out, long live) const {
        if (live > FEW) return all(in, out);
        few(in, out, live);
        for (long o = 0; o < rows; o++)
            for (int l = live; l < LANES; l++) out[o][l] = out[o][live - 1];
    }

    void pull(const V* in, V* out, long live) const {
        if (live > FEW) return all(in, out);
        std::fill_n(out, rows, V{});
        few(in, out, live);
    }

  private:
    // A sequence at a time, its inputs in all lanes and the outputs in one each: panels are registers
    void few(const V* in, V* out, long live) const {
        constexpr int WIDTH = ROWS / LANES, PANELS = WIDTH > 2 ? 1 : 4 / WIDTH;
        const V* weights = (const V*)panels.data();
        for (long s = 0; s < live; s++)
            for (long o = 0; o < rows; o += PANELS * ROWS) {
                const long panel = o / ROWS, count = std::min<long>(PANELS, (long)(bias.size() / ROWS) - panel);
                V sums[PANELS][WIDTH] = {};
                for (long i = 0; i < cols; i++) {
                    const Real a = in[i][s];
                    for (int p = 0; p < PANELS; p++)
                        for (int w = 0; w < WIDTH; w++)
                            if (p < count) sums[p][w] += weights[((panel + p) * cols + i) * WIDTH + w] * a;
                }
                const long stop = std::min<long>(count * ROWS, rows - o);
                for (long r = 0; r < stop; r++) out[o + r][s] = sums[r / ROWS][r % ROWS / LANES][r % LANES] + bias[o + r];
            }
    }

    void all(const V* in, V* out) const {
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
// (steps * live, stride) with the columns in the lanes
template <int R, int C>
inline void corner(
    const V* d, long rows, const V* in, long stride, long steps, long live, double* out, long cols, long left) {
    V sums[R][C] = {};
    for (long t = 0; t < steps; t++, d += rows)
        for (long l = 0; l < live; l++, in += stride)
            for (int r = 0; r < R; r++) {
                Real each = ((const Real*)(d + r))[l];
                for (int c = 0; c < C; c++) sums[r][c] += each * in[c];
            }
    for (int r = 0; r < R; r++, out += cols)
        for (int c = 0; c < C; c++)
            for (long l = 0; l < std::min<long>(LANES, left - c * LANES); l++) out[c * LANES + l] += sums[r][c][l];
}

template <int R>
inline void rows_of(const V* d, long rows, const V* in, long stride, long steps, long live, double* out, long cols) {
    long c = 0;
    for (; c + WIDE <= stride; c += WIDE)
        corner<R, WIDE>(d, rows, in + c, stride, steps, live, out + c * LANES, cols, cols - c * LANES);
    for (; c < stride; c++) corner<R, 1>(d, rows, in + c, stride, steps, live, out + c * LANES, cols, cols - c * LANES);
}

// Adds to a weight's (rows, cols) and a bias's gradient what d (steps, rows) and ``read`` (steps, cols) give them
inline void weigh(
    const V* d, long rows, const V* read, long read_step, long cols, long steps, long live, double* weight, double* bias, V* scratch) {
    long stride = registers(cols), r = 0;
    for (long t = 0; t < steps; t++)
        scatter(read + t * read_step, live, 0, cols, (Real*)(scratch + t * live * stride), stride * LANES);
    for (; r + TALL <= rows; r += TALL) rows_of<TALL>(d + r, rows, scratch, stride, steps, live, weight + r * cols, cols);
    for (; r < rows; r++) rows_of<1>(d + r, rows, scratch, stride, steps, live, weight + r * cols, cols);
    for (r = 0; r < rows; r++) {
        V sum{};
        for (long t = 0; t < steps; t++) sum += d[t * rows + r];
        for (long l = 0; l < live; l++) bias[r] += sum[l];
    }
}

// The gradient of a product's weight (rows, cols) and bias, given a chunk of steps at a time
class Gradient {
    const Product* of;
    Store<V> d, scratch;

  public:
    // sums over many chunks keep their digits
    std::vector<double> weight, bias;

    explicit Gradient(const Product& product)
        : of(&product),
          d(CHUNK * product.rows),
          scratch(CHUNK * LANES * registers(product.cols)),
          weight(product.rows * product.cols),
          bias(product.rows) {}

    // where the gradients of a chunk's step at the product's outputs are put
    V* step(long t) const { return d.at + t * of->rows; }

    // the chunk is there: ``read`` (steps, cols) is what the product read; a step's values may be apart by more than cols
    void take(const V* read, long steps, long live, long apart = 0) {
        weigh(d.at, of->rows, read, apart ? apart : of->cols, of->cols, steps, live, weight.data(), bias.data(), scratch.at);
    }

    void add_to(Real* weights, Real* biases) const {
        for (size_t i = 0; i < weight.size(); i++) weights[i] += weight[i];
        for (size_t i = 0; i < bias.size(); i++) biases[i] += bias[i];
    }
};
