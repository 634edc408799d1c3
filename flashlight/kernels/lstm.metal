// One step of an LSTM after its matrix products, for gates in torch's order (i f g o) or, with NCPS, in that of ncps'
// mixed memory (g i f o, and 1 added to the forget gate). One thread for each unit and sequence; computed in float.

inline float gate(float x) { return 1.0f / (1.0f + metal::precise::exp(-x)); }

// kernel lstm_step: pre, cell -> hidden, new_cell, activated
    constexpr uint AT_I = NCPS ? 1 : 0, AT_F = NCPS ? 2 : 1, AT_G = NCPS ? 0 : 2, AT_O = 3;
    uint units = threads_per_grid.x;
    uint unit = thread_position_in_grid.x + thread_position_in_grid.y * units;
    uint first = thread_position_in_grid.x + thread_position_in_grid.y * units * 4;
    float i = gate(float(pre[first + AT_I * units]));
    float f = gate(float(pre[first + AT_F * units]) + (NCPS ? 1.0f : 0.0f));
    float g = metal::precise::tanh(float(pre[first + AT_G * units]));
    float o = gate(float(pre[first + AT_O * units]));
    float c = f * float(cell[unit]) + i * g;
    new_cell[unit] = T(c);
    hidden[unit] = T(o * metal::precise::tanh(c));
    activated[first + AT_I * units] = T(i);
    activated[first + AT_F * units] = T(f);
    activated[first + AT_G * units] = T(g);
    activated[first + AT_O * units] = T(o);

// kernel lstm_step_backward: d_hidden, d_new_cell, activated, cell, new_cell -> d_pre, d_cell
    constexpr uint AT_I = NCPS ? 1 : 0, AT_F = NCPS ? 2 : 1, AT_G = NCPS ? 0 : 2, AT_O = 3;
    uint units = threads_per_grid.x;
    uint unit = thread_position_in_grid.x + thread_position_in_grid.y * units;
    uint first = thread_position_in_grid.x + thread_position_in_grid.y * units * 4;
    float i = float(activated[first + AT_I * units]);
    float f = float(activated[first + AT_F * units]);
    float g = float(activated[first + AT_G * units]);
    float o = float(activated[first + AT_O * units]);
    float squashed = metal::precise::tanh(float(new_cell[unit]));
    float dh = float(d_hidden[unit]);
    float dc = float(d_new_cell[unit]) + dh * o * (1.0f - squashed * squashed);
    d_pre[first + AT_I * units] = T(dc * g * i * (1.0f - i));
    d_pre[first + AT_F * units] = T(dc * float(cell[unit]) * f * (1.0f - f));
    d_pre[first + AT_G * units] = T(dc * i * (1.0f - g * g));
    d_pre[first + AT_O * units] = T(dh * squashed * o * (1.0f - o));
    d_cell[unit] = T(dc * f);
