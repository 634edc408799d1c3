// Liquid time-constant networks: synapses between inputs or units and units, and the whole scan over time and unfolds.
//
// A synapse from i to j with weight P, reversal E, slope s and centre m contributes S = P * gate(s * (v_i - m)) to j's
// denominator and S * E to its numerator. Synapses are a table of (sources, targets), or with SPARSE a list: by target
// (start of each target's synapses, source of each) where sums go to targets, by source (start, target) where they go to
// sources. Tables that are summed to sources come transposed, so that neighbouring threads read neighbouring synapses.

inline float gate(float x) { return 1.0f / (1.0f + metal::precise::exp(-x)); }

// kernel ltc_synapses: from, weight, reversal, slope, centre, start, source, sizes -> numerator, denominator
    uint units = threads_per_grid.x, to = thread_position_in_grid.x, inputs = sizes[0];
    size_t row = thread_position_in_grid.y;
    float top = 0.0f, bottom = 0.0f;
    uint end = SPARSE ? uint(start[to + 1]) : inputs * units;
    uint i = 0;
    for (uint e = SPARSE ? uint(start[to]) : to; e < end; e += SPARSE ? 1u : units, i++) {
        float v = float(from[row * inputs + (SPARSE ? uint(source[e]) : i)]);
        float s = float(weight[e]) * gate(float(slope[e]) * (v - float(centre[e])));
        top += s * float(reversal[e]);
        bottom += s;
    }
    numerator[row * units + to] = T(top);
    denominator[row * units + to] = T(bottom);

// kernel ltc_synapses_weights: from, d_numerator, d_denominator, weight, reversal, slope, centre, source, target, sizes -> d_weight, d_reversal, d_slope, d_centre
    uint synapses = threads_per_grid.x, e = thread_position_in_grid.x, part = thread_position_in_grid.y;
    uint inputs = sizes[0], units = sizes[1], rows = sizes[2], share = sizes[3];
    uint i = SPARSE ? uint(source[e]) : e / units;
    uint j = SPARSE ? uint(target[e]) : e % units;
    float p = float(weight[e]), r = float(reversal[e]), k = float(slope[e]), m = float(centre[e]);
    float to_weight = 0.0f, to_reversal = 0.0f, to_slope = 0.0f, to_centre = 0.0f;
    uint last = metal::min(rows, (part + 1) * share);
    for (size_t row = size_t(part) * share; row < last; row++) {
        float v = float(from[row * inputs + i]) - m;
        float s = gate(k * v);
        float g = float(d_numerator[row * units + j]);
        float q = g * r + float(d_denominator[row * units + j]);
        float z = q * s * (1.0f - s);
        to_weight += s * q;
        to_reversal += s * g;
        to_slope += z * v;
        to_centre += z;
    }
    d_weight[part * synapses + e] = to_weight;
    d_reversal[part * synapses + e] = p * to_reversal;
    d_slope[part * synapses + e] = p * to_slope;
    d_centre[part * synapses + e] = -p * k * to_centre;

// kernel ltc_synapses_inputs: from, d_numerator, d_denominator, weight, reversal, slope, centre, start, target, sizes -> d_from
    uint inputs = threads_per_grid.x, i = thread_position_in_grid.x, units = sizes[1];
    size_t row = thread_position_in_grid.y;
    float v = float(from[row * inputs + i]), total = 0.0f;
    uint end = SPARSE ? uint(start[i + 1]) : inputs * units;
    uint j = 0;
    for (uint e = SPARSE ? uint(start[i]) : i; e < end; e += SPARSE ? 1u : inputs, j++) {
        size_t at = row * units + (SPARSE ? uint(target[e]) : j);
        float k = float(slope[e]);
        float s = gate(k * (v - float(centre[e])));
        float q = float(d_numerator[at]) * float(reversal[e]) + float(d_denominator[at]);
        total += float(weight[e]) * q * s * (1.0f - s) * k;
    }
    d_from[row * inputs + i] = T(total);

// The scan's inputs and states are (steps, sequences, units); trace, totals and d_quotient have a sequence's unfolds together:
// v before each and after the last, the denominator without the capacitance, the gradient of v over the denominator.

// kernel ltc_scan: initial, numerator, denominator, weight, reversal, slope, centre, leak_drive, leak, capacitance, delta, steps, epsilon, start, source, sizes -> states, trace, totals
    // a threadgroup owns ROWS sequences; v is read in one half and written in the other, one barrier for each unfold
    threadgroup float v[2][ROWS][UNITS];
    uint lane = thread_position_in_threadgroup.x, lanes = threads_per_threadgroup.x;
    uint slot = thread_position_in_threadgroup.y, length = sizes[0], batch = threads_per_grid.y;
    size_t row = thread_position_in_grid.y;
    size_t traced = row * (size_t(length) * UNFOLDS + 1) * UNITS, noted = row * length * UNFOLDS * UNITS;
    for (uint j = lane; j < UNITS; j += lanes) {
        v[0][slot][j] = float(initial[row * UNITS + j]);
        if (TRACE) {
            trace[traced + j] = v[0][slot][j];
        }
    }
    if (!TRACE && row == 0 && lane == 0) {
        trace[0] = 0.0f;
        totals[0] = 0.0f;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    uint now = 0;
    for (uint t = 0; t < length; t++) {
        for (uint k = 0; k < UNFOLDS; k++) {
            for (uint j = lane; j < UNITS; j += lanes) {
                float top = 0.0f, bottom = 0.0f;
                uint end = SPARSE ? uint(start[j + 1]) : uint(UNITS) * UNITS;
                uint i = 0;
                for (uint e = SPARSE ? uint(start[j]) : j; e < end; e += SPARSE ? 1u : uint(UNITS), i++) {
                    float x = v[now][slot][SPARSE ? uint(source[e]) : i];
                    float s = float(weight[e]) * gate(float(slope[e]) * (x - float(centre[e])));
                    top += s * float(reversal[e]);
                    bottom += s;
                }
                size_t at = (size_t(t) * batch + row) * UNITS + j;
                float d = float(delta[t * steps[0] + row * steps[1] + j * steps[2]]);
                float c = float(capacitance[j]);
                float total = float(leak[j]) + bottom + float(denominator[at]) + epsilon[0];
                float drive = float(leak_drive[j]) + top + float(numerator[at]);
                float next = (c * v[now][slot][j] + d * drive) / (c + d * total);
                v[1 - now][slot][j] = next;
                if (TRACE) {
                    size_t unfold = size_t(t) * UNFOLDS + k;
                    trace[traced + (unfold + 1) * UNITS + j] = next;
                    totals[noted + unfold * UNITS + j] = total;
                }
                if (k == UNFOLDS - 1) {
                    states[at] = T(next);
                }
            }
            threadgroup_barrier(mem_flags::mem_threadgroup);
            now = 1 - now;
        }
    }

// kernel ltc_scan_backward: d_states, trace, totals, weight, reversal, slope, centre, capacitance, delta, steps, start, target, sizes -> d_quotient, d_initial
    // carry is the gradient of v and a thread's own; the gradients of numerator and denominator are everybody's
    threadgroup float top[ROWS][UNITS];
    threadgroup float bottom[ROWS][UNITS];
    threadgroup float carry[ROWS][UNITS];
    uint lane = thread_position_in_threadgroup.x, lanes = threads_per_threadgroup.x;
    uint slot = thread_position_in_threadgroup.y, length = sizes[0], batch = threads_per_grid.y;
    size_t row = thread_position_in_grid.y;
    size_t traced = row * (size_t(length) * UNFOLDS + 1) * UNITS, noted = row * length * UNFOLDS * UNITS;
    for (uint j = lane; j < UNITS; j += lanes) {
        carry[slot][j] = 0.0f;
    }
    for (uint step = length * UNFOLDS; step > 0; step--) {
        uint unfold = step - 1, t = unfold / UNFOLDS;
        for (uint j = lane; j < UNITS; j += lanes) {
            float g = carry[slot][j];
            if (unfold % UNFOLDS == UNFOLDS - 1) {
                g += float(d_states[(size_t(t) * batch + row) * UNITS + j]);
            }
            float d = float(delta[t * steps[0] + row * steps[1] + j * steps[2]]);
            float c = float(capacitance[j]);
            g /= c + d * totals[noted + size_t(unfold) * UNITS + j];
            d_quotient[noted + size_t(unfold) * UNITS + j] = g;
            top[slot][j] = d * g;
            bottom[slot][j] = -d * g * trace[traced + size_t(step) * UNITS + j];
            carry[slot][j] = g * c;
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
        for (uint i = lane; i < UNITS; i += lanes) {
            float x = trace[traced + size_t(unfold) * UNITS + i], sum = 0.0f;
            uint end = SPARSE ? uint(start[i + 1]) : uint(UNITS) * UNITS;
            uint j = 0;
            for (uint e = SPARSE ? uint(start[i]) : i; e < end; e += SPARSE ? 1u : uint(UNITS), j++) {
                uint to = SPARSE ? uint(target[e]) : j;
                float k = float(slope[e]);
                float s = gate(k * (x - float(centre[e])));
                sum += float(weight[e]) * (top[slot][to] * float(reversal[e]) + bottom[slot][to]) * s * (1.0f - s) * k;
            }
            carry[slot][i] += sum;
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    for (uint j = lane; j < UNITS; j += lanes) {
        d_initial[row * UNITS + j] = carry[slot][j];
    }
