// One step of a GRU (gates r z n) after its matrix products: from_input and from_hidden are the two halves of the gates,
// kept apart because r multiplies the second one's n. One thread for each unit and sequence; computed in float.

inline float gate(float x) { return 1.0f / (1.0f + metal::precise::exp(-x)); }

// kernel gru_step: from_input, from_hidden, hidden -> new_hidden, activated
    uint units = threads_per_grid.x;
    uint unit = thread_position_in_grid.x + thread_position_in_grid.y * units;
    uint first = thread_position_in_grid.x + thread_position_in_grid.y * units * 3;
    float r = gate(float(from_input[first]) + float(from_hidden[first]));
    float z = gate(float(from_input[first + units]) + float(from_hidden[first + units]));
    float n = metal::precise::tanh(float(from_input[first + 2 * units]) + r * float(from_hidden[first + 2 * units]));
    new_hidden[unit] = T(n + z * (float(hidden[unit]) - n));
    activated[first] = T(r);
    activated[first + units] = T(z);
    activated[first + 2 * units] = T(n);

// kernel gru_step_backward: d_new_hidden, activated, from_hidden, hidden -> d_input, d_hidden_gates, d_hidden
    uint units = threads_per_grid.x;
    uint unit = thread_position_in_grid.x + thread_position_in_grid.y * units;
    uint first = thread_position_in_grid.x + thread_position_in_grid.y * units * 3;
    float r = float(activated[first]), z = float(activated[first + units]), n = float(activated[first + 2 * units]);
    float dh = float(d_new_hidden[unit]);
    float dn = dh * (1.0f - z) * (1.0f - n * n);
    float dr = dn * float(from_hidden[first + 2 * units]) * r * (1.0f - r);
    float dz = dh * (float(hidden[unit]) - n) * z * (1.0f - z);
    d_input[first] = T(dr);
    d_input[first + units] = T(dz);
    d_input[first + 2 * units] = T(dn);
    d_hidden_gates[first] = T(dr);
    d_hidden_gates[first + units] = T(dz);
    d_hidden_gates[first + 2 * units] = T(dn * r);
    d_hidden[unit] = T(dh * z);
