// One step of a closed-form continuous-time cell after its matrix product. One thread for each unit and sequence, in float.
//
// cfc_step: gates (B, COLUMNS * H) hold z1, z2, time_a, time_b before their activations (COLUMNS 4), or z1, z2 and the
// time gate with the elapsed time merged into its weights (COLUMNS 3). NO_GATE leaves f1 whole.
// cfc_pure: gates (B, H) hold z1; decay is |w_tau|'s w_tau and amplitude is A, both (H).
// elapsed is broadcast: steps are its distances in memory between sequences and between units, 0 where it is shared.

inline float gate(float x) { return 1.0f / (1.0f + metal::precise::exp(-x)); }

// kernel cfc_step: gates, elapsed, steps -> hidden
    uint units = threads_per_grid.x, column = thread_position_in_grid.x, row = thread_position_in_grid.y;
    uint first = row * units * COLUMNS + column;
    float f1 = metal::precise::tanh(float(gates[first]));
    float f2 = metal::precise::tanh(float(gates[first + units]));
    float time = float(gates[first + 2 * units]);
    if (COLUMNS == 4) {
        time = time * float(elapsed[row * steps[0] + column * steps[1]]) + float(gates[first + (COLUMNS - 1) * units]);
    }
    float s = gate(time);
    hidden[row * units + column] = T((NO_GATE ? f1 : f1 * (1.0f - s)) + s * f2);

// kernel cfc_step_backward: d_hidden, gates, elapsed, steps -> d_gates, d_elapsed
    uint units = threads_per_grid.x, column = thread_position_in_grid.x, row = thread_position_in_grid.y;
    uint first = row * units * COLUMNS + column;
    float f1 = metal::precise::tanh(float(gates[first]));
    float f2 = metal::precise::tanh(float(gates[first + units]));
    float rate = float(gates[first + 2 * units]), time = rate, ts = 1.0f;
    if (COLUMNS == 4) {
        ts = float(elapsed[row * steps[0] + column * steps[1]]);
        time = rate * ts + float(gates[first + (COLUMNS - 1) * units]);
    }
    float s = gate(time);
    float g = float(d_hidden[row * units + column]);
    float q = g * (NO_GATE ? f2 : f2 - f1) * s * (1.0f - s);
    d_gates[first] = T((NO_GATE ? g : g * (1.0f - s)) * (1.0f - f1 * f1));
    d_gates[first + units] = T(g * s * (1.0f - f2 * f2));
    d_gates[first + 2 * units] = T(q * ts);
    if (COLUMNS == 4) {
        d_gates[first + (COLUMNS - 1) * units] = T(q);
    }
    d_elapsed[row * units + column] = COLUMNS == 4 ? q * rate : 0.0f;

// kernel cfc_pure: gates, elapsed, steps, decay, amplitude -> hidden
    uint units = threads_per_grid.x, column = thread_position_in_grid.x, row = thread_position_in_grid.y;
    float z = float(gates[row * units + column]);
    float ts = float(elapsed[row * steps[0] + column * steps[1]]);
    float e = metal::precise::exp(-ts * (metal::fabs(float(decay[column])) + metal::fabs(z)));
    float a = float(amplitude[column]);
    hidden[row * units + column] = T(a - a * e * z);

// kernel cfc_pure_backward: d_hidden, gates, elapsed, steps, decay, amplitude -> d_gates, d_elapsed, d_decay, d_amplitude
    uint units = threads_per_grid.x, column = thread_position_in_grid.x, row = thread_position_in_grid.y;
    uint unit = row * units + column;
    float z = float(gates[unit]), tau = float(decay[column]), a = float(amplitude[column]);
    float ts = float(elapsed[row * steps[0] + column * steps[1]]);
    float speed = metal::fabs(tau) + metal::fabs(z);
    float e = metal::precise::exp(-ts * speed);
    float g = float(d_hidden[unit]);
    d_amplitude[unit] = g * (1.0f - e * z);
    d_gates[unit] = T(-g * a * e * (1.0f - ts * metal::fabs(z)));
    d_decay[unit] = g * a * z * e * ts * metal::sign(tau);
    d_elapsed[unit] = g * a * z * e * speed;
