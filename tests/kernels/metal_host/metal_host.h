// What a Metal kernel's text needs of Metal's language and library, for a C++ compiler: types, address spaces, mathematics,
// threadgroup memory, barriers and simdgroup operations. Enough to run flashlight's kernels on the host.
//
// A threadgroup's threads are fibers of one operating system thread. A fiber that reaches a barrier or a simdgroup
// operation is parked until the others are there; a barrier that some thread cannot reach any more is an error.
#pragma once
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <ucontext.h>
#include <vector>

#define device
#define constant
#define threadgroup
#define thread
#define METAL_FUNC inline

typedef unsigned int uint;
typedef unsigned short ushort;
typedef unsigned char uchar;
typedef _Float16 half;
typedef half float16_t;
struct uint3 { uint x, y, z; };

// 16 bits of storage; every operation is a float's, and each store rounds to nearest, ties to even
struct bfloat {
  uint16_t bits;
  static uint16_t rounded(float value) {
    uint32_t word;
    std::memcpy(&word, &value, 4);
    if ((word & 0x7fffffffu) > 0x7f800000u) return 0x7fc0;
    return uint16_t((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
  bfloat() = default;
  template <class N, class = typename std::enable_if<std::is_arithmetic<N>::value || std::is_same<N, half>::value>::type>
  bfloat(N value) : bits(rounded(float(value))) {}
  operator float() const {
    uint32_t word = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &word, 4);
    return value;
  }
};
typedef bfloat bfloat16_t;

namespace host {
constexpr uint SIMD = 32;
enum Waiting { RUNNABLE, AT_BARRIER, IN_SIMDGROUP };

struct Fiber {
  ucontext_t context;
  std::vector<char> stack;
  Waiting waiting = RUNNABLE;
  bool done = false;
  uint lane = 0, simdgroup = 0;
};

struct Threads {
  std::vector<Fiber> fibers;
  std::vector<uint64_t> slots;  // what each thread shows to its simdgroup
  ucontext_t scheduler;
  int current = -1;  // -1: threads run one after another, no fibers
};
inline Threads& threads() { static Threads t; return t; }

inline void park(Waiting reason) {
  Threads& t = threads();
  if (t.current < 0) return;
  Fiber& fiber = t.fibers[t.current];
  fiber.waiting = reason;
  swapcontext(&fiber.context, &t.scheduler);
}

// Every live lane shows its value, then each combines those of the lanes `from` picks
template <class V, class Combine> V among_lanes(V value, Combine combine) {
  Threads& t = threads();
  const uint me = uint(t.current), base = t.fibers[me].simdgroup * SIMD;
  std::memcpy(&t.slots[me], &value, sizeof(V));
  park(IN_SIMDGROUP);
  V result = combine(me - base, [&](uint lane, V& out) {
    if (lane >= SIMD || base + lane >= t.fibers.size() || t.fibers[base + lane].done) return false;
    std::memcpy(&out, &t.slots[base + lane], sizeof(V));
    return true;
  });
  park(IN_SIMDGROUP);
  return result;
}

template <class V, class Op> V reduce(V value, Op op) {
  return among_lanes(value, [&](uint, auto read) {
    V total{}, next{};
    bool first = true;
    for (uint lane = 0; lane < SIMD; lane++)
      if (read(lane, next)) { total = first ? next : V(op(total, next)); first = false; }
    return total;
  });
}

template <class V> V pick(V value, uint lane_of(uint lane, uint by), uint by) {
  return among_lanes(value, [&](uint lane, auto read) { V out = value; read(lane_of(lane, by), out); return out; });
}
}  // namespace host

namespace metal {
#define HOST_UNARY(name) inline float name(float x) { return std::name(x); }
HOST_UNARY(exp) HOST_UNARY(log) HOST_UNARY(tanh) HOST_UNARY(sqrt) HOST_UNARY(floor) HOST_UNARY(ceil) HOST_UNARY(fabs)
inline float abs(float x) { return std::fabs(x); }
inline float fma(float a, float b, float c) { return std::fmaf(a, b, c); }
inline float sign(float x) { return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f; }
template <class N> inline N min(N a, N b) { return b < a ? b : a; }
template <class N> inline N max(N a, N b) { return a < b ? b : a; }
namespace precise { using metal::exp; using metal::log; using metal::sqrt; using metal::tanh; }

enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
inline void threadgroup_barrier(mem_flags) { host::park(host::AT_BARRIER); }
inline void simdgroup_barrier(mem_flags) { host::park(host::IN_SIMDGROUP); }
template <class V> V simd_sum(V v) { return host::reduce(v, [](V a, V b) { return a + b; }); }
template <class V> V simd_max(V v) { return host::reduce(v, [](V a, V b) { return a < b ? b : a; }); }
template <class V> V simd_shuffle_down(V v, ushort d) { return host::pick(v, [](uint l, uint by) { return l + by; }, d); }
template <class V> V simd_shuffle_xor(V v, ushort d) { return host::pick(v, [](uint l, uint by) { return l ^ by; }, d); }
template <class V> V simd_broadcast(V v, ushort d) { return host::pick(v, [](uint, uint by) { return by; }, d); }
}  // namespace metal
using namespace metal;

namespace host {
// The values Metal gives a thread under the names of its attributes
struct Place {
  uint3 thread_position_in_grid, thread_position_in_threadgroup, threadgroup_position_in_grid, threads_per_threadgroup;
  uint3 threads_per_grid, threadgroups_per_grid;
  uint thread_index_in_threadgroup, thread_index_in_simdgroup, simdgroup_index_in_threadgroup, simdgroups_per_threadgroup;
};
typedef void (*Body)(const Place&);

struct Group { Body body; std::vector<Place> places; };
inline Group& group() { static Group g; return g; }

inline void enter(int index) {
  Group& g = group();
  g.body(g.places[index]);
  Fiber& fiber = threads().fibers[index];
  fiber.done = true;
  swapcontext(&fiber.context, &threads().scheduler);
}

// 0: as numbered, 1: the last first, other: an interleaving
inline uint nth(uint k, uint count, int order) {
  if (order == 0) return k;
  if (order == 1) return count - 1 - k;
  const uint half_up = (count + 1) / 2;
  return k < half_up ? 2 * k : 2 * (k - half_up) + 1;
}

// Frees the simdgroups, else the threadgroup, whose threads are all parked; false when neither can go on
inline bool release(std::vector<Fiber>& fibers) {
  bool any = false;
  for (size_t first = 0; first < fibers.size(); first += SIMD) {
    const size_t end = std::min(fibers.size(), first + SIMD);
    bool live = false, all = true;
    for (size_t i = first; i < end; i++)
      if (!fibers[i].done) { live = true; all = all && fibers[i].waiting == IN_SIMDGROUP; }
    if (!live || !all) continue;
    for (size_t i = first; i < end; i++) fibers[i].waiting = RUNNABLE;
    any = true;
  }
  if (any) return true;
  for (Fiber& f : fibers) if (f.done || f.waiting != AT_BARRIER) return false;
  for (Fiber& f : fibers) f.waiting = RUNNABLE;
  return true;
}

inline bool run_fibers(int order) {
  Threads& t = threads();
  const uint count = uint(group().places.size());
  t.fibers.resize(count);
  t.slots.assign(count, 0);
  for (uint i = 0; i < count; i++) {
    Fiber& f = t.fibers[i];
    f.stack.resize(32 << 10);
    f.waiting = RUNNABLE;
    f.done = false;
    f.lane = i % SIMD;
    f.simdgroup = i / SIMD;
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.data();
    f.context.uc_stack.ss_size = f.stack.size();
    f.context.uc_link = &t.scheduler;
    makecontext(&f.context, reinterpret_cast<void (*)()>(enter), 1, int(i));
  }
  for (;;) {
    bool live = false, ran = false;
    for (uint k = 0; k < count; k++) {
      const uint i = nth(k, count, order);
      if (t.fibers[i].done) continue;
      live = true;
      if (t.fibers[i].waiting != RUNNABLE) continue;
      t.current = int(i);
      swapcontext(&t.scheduler, &t.fibers[i].context);
      ran = true;
    }
    t.current = -1;
    if (!live) return true;
    if (!ran && !release(t.fibers)) return false;
  }
}

// Runs every thread of the grid, the last threadgroups cut short as Metal's dispatchThreads does; 1: a barrier not all reach
inline int dispatch(Body body, const uint* grid, const uint* wanted, bool fibers, int order) {
  uint size[3], count[3];
  for (int d = 0; d < 3; d++) {
    size[d] = std::min(wanted[d], grid[d]);
    count[d] = (grid[d] + size[d] - 1) / size[d];
  }
  Group& g = group();
  g.body = body;
  const uint groups = count[0] * count[1] * count[2];
  for (uint k = 0; k < groups; k++) {
    const uint which = nth(k, groups, order);
    const uint at[3] = {which % count[0], which / count[0] % count[1], which / count[0] / count[1]};
    uint here[3];
    for (int d = 0; d < 3; d++) here[d] = std::min(size[d], grid[d] - at[d] * size[d]);
    const uint total = here[0] * here[1] * here[2];
    g.places.clear();
    for (uint i = 0; i < total; i++) {
      const uint x = i % here[0], y = i / here[0] % here[1], z = i / here[0] / here[1];
      g.places.push_back(Place{{at[0] * size[0] + x, at[1] * size[1] + y, at[2] * size[2] + z}, {x, y, z},
        {at[0], at[1], at[2]}, {here[0], here[1], here[2]}, {grid[0], grid[1], grid[2]}, {count[0], count[1], count[2]},
        i, i % SIMD, i / SIMD, (total + SIMD - 1) / SIMD});
    }
    if (!fibers) { for (uint i = 0; i < total; i++) body(g.places[nth(i, total, order)]); continue; }
    if (!run_fibers(order)) return 1;
  }
  return 0;
}
}  // namespace host
