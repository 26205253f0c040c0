// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sample: draws tokens on the device, a block a row. Nothing is sorted: who belongs to the largest, or
// to the most probable, is decided by a threshold on the logits' ordered bits that is searched bit by bit,
// with ties by id.

#include <cstddef>
#include <cstdint>
#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/buffer.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/warp.cuh"
#include "byteloom/sample/chain.hpp"
#include "byteloom/sample/shapes.hpp"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0 {
namespace cuda::detail {

/// Up to so many candidates are ranked against each other.
inline constexpr int few_limit = 1024;

template <class Chain>
struct draw_call {
  Chain how;
  device_view<const float, 2> logits;
  float* scratch;  ///< as many numbers as logits, or null: then a row fits into shared memory
  std::uint64_t seed;
  device_view<const int, 1> positions;
  device_view<token, 1> out;
};

BYTELOOM_KERNELS_BEGIN

/// Sums over the threads of a block, the same on every thread and in every run: lanes first, then warps in
/// order.
template <int Threads, class T>
__device__ T block_sum(T value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  if constexpr (Threads == 32) {
    return value;
  } else {
    __shared__ T of_warp[Threads / 32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
    __syncthreads();
    T sum = 0;
    for (const T part : of_warp) sum += part;
    return sum;
  }
}

/// The id that wins the draw among a block's candidates, the same on every thread, or -1.
template <int Threads>
__device__ token race_of_block(const float* logits, int count, std::uint64_t seed, std::uint64_t position) {
  __shared__ float best_of[Threads];
  __shared__ int id_of[Threads];
  const int self = static_cast<int>(threadIdx.x);
  float best = -math::infinity<float>;
  int winning = -1;
  for (int id = self; id < count; id += Threads) {
    if (!(logits[id] > -math::infinity<float>)) continue;
    const float raced = sample::race(logits[id], seed, position, id);
    if (winning < 0 || raced > best) {
      best = raced;
      winning = id;
    }
  }
  best_of[self] = best;
  id_of[self] = winning;
  __syncthreads();
  for (int half = Threads / 2; half > 0; half /= 2) {
    if (self < half) {
      const int other = id_of[self + half];
      const bool better = other >= 0 && (id_of[self] < 0 || best_of[self + half] > best_of[self] ||
                                         (best_of[self + half] == best_of[self] && other < id_of[self]));
      if (better) {
        best_of[self] = best_of[self + half];
        id_of[self] = other;
      }
    }
    __syncthreads();
  }
  return id_of[0];
}

/// The candidates of one row in device memory, whose steps all threads of the block take together. A thread
/// owns the ids that leave its number modulo the number of threads, so no step needs a barrier between
/// threads but the sums.
template <int Threads>
class candidates {
 public:
  __device__ candidates(float* logits, int count) : logits_(logits), count_(count) {}

  __device__ void scale(float factor) {
    each([&](int, float& x) { x *= factor; });
  }

  template <class F>
  __device__ void transform(const F& f) {
    each([&](int id, float& x) {
      if (x > -math::infinity<float>) x = f(static_cast<token>(id), x);
    });
  }

  __device__ void keep_largest(int wanted) {
    if (wanted >= count_) return;
    // The largest key that at least `wanted` candidates reach is the key of the last one kept.
    std::uint32_t threshold = 0;
    for (int bit = 31; bit >= 0; --bit) {
      const std::uint32_t tried = threshold | (1u << bit);
      const int reached = number([&](int, float x) { return sample::ordered(x) >= tried; });
      if (reached >= wanted) threshold = tried;
      if (reached == wanted) break;  // no finer threshold keeps others
    }
    keep(threshold, wanted - number([&](int, float x) { return sample::ordered(x) > threshold; }));
  }

  __device__ void keep_mass(float mass) {
    const double total = probability([](int, float) { return true; });
    const double wanted = static_cast<double>(mass) * total;
    std::uint32_t threshold = 0;
    for (int bit = 31; bit >= 0; --bit) {
      const std::uint32_t tried = threshold | (1u << bit);
      if (probability([&](int, float x) { return sample::ordered(x) >= tried; }) >= wanted) threshold = tried;
    }
    // Of those that share the last key, as many as the mass still needs.
    const double above = probability([&](int, float x) { return sample::ordered(x) > threshold; });
    const int equal = number([&](int, float x) { return sample::ordered(x) == threshold; });
    const double each_one =
        probability([&](int, float x) { return sample::ordered(x) == threshold; }) / equal;
    int needed = each_one > 0 ? static_cast<int>(ceil((wanted - above) / each_one)) : equal;
    needed = math::min(math::max(needed, above > 0 ? 0 : 1), equal);
    keep(threshold, needed);
  }

  /// NaN and plus infinity have no softmax.
  __device__ bool any_unusable() {
    return number([](int, float x) { return !(x < math::infinity<float>); }) != 0;
  }

  __device__ token winner(std::uint64_t seed, std::uint64_t position) {
    return race_of_block<Threads>(logits_, count_, seed, position);
  }

  /// How many candidates satisfy f(id, logit).
  template <class F>
  __device__ int number(const F& f) {
    int own = 0;
    each([&](int id, float x) { own += f(id, x) ? 1 : 0; });
    return block_sum<Threads>(own);
  }

 private:
  template <class F>
  __device__ void each(const F& f) {
    for (int id = static_cast<int>(threadIdx.x); id < count_; id += Threads) f(id, logits_[id]);
  }

  /// Sum of exp(logit - largest) where f(id, logit), added in double so that the order does not matter.
  template <class F>
  __device__ double probability(const F& f) {
    if (!known_) {
      float own = -math::infinity<float>;
      each([&](int, float x) { own = math::max(own, x); });
      __shared__ float of_thread[Threads];
      __syncthreads();
      of_thread[threadIdx.x] = own;
      __syncthreads();
      for (const float x : of_thread) own = math::max(own, x);
      largest_ = own;
      known_ = true;
    }
    double sum = 0;
    each([&](int id, float x) {
      if (f(id, x)) sum += static_cast<double>(math::exp(x - largest_));
    });
    return block_sum<Threads>(sum);
  }

  /// Keeps the candidates above a key and the first `ties` of those at it, by id.
  __device__ void keep(std::uint32_t threshold, int ties) {
    int first_dropped =
        count_;  // of the ties, by id: searched bit by bit like the threshold, where some are dropped
    if (number([&](int, float x) { return sample::ordered(x) == threshold; }) > ties) {
      first_dropped = 0;
      for (int bit = 30; bit >= 0; --bit) {
        const int tried = first_dropped | (1 << bit);
        const int below =
            number([&](int id, float x) { return id < tried && sample::ordered(x) == threshold; });
        if (below <= ties) first_dropped = tried;
      }
    }
    each([&](int id, float& x) {
      const std::uint32_t key = sample::ordered(x);
      if (key < threshold || (key == threshold && id >= first_dropped)) x = -math::infinity<float>;
    });
    known_ = false;
  }

  float* logits_;
  int count_;
  float largest_ = 0;
  bool known_ = false;
};

/// The same for few candidates, which lie in shared memory with their weights: each is ranked against all
/// others, so that a step is one pass. `Threads` own the ids as above.
template <int Threads>
class few_candidates {
 public:
  __device__ few_candidates(float* logits, float* weights, int count)
      : logits_(logits), weights_(weights), count_(count) {}

  __device__ void scale(float factor) {
    each([&](int, float& x) { x *= factor; });
  }

  template <class F>
  __device__ void transform(const F& f) {
    each([&](int id, float& x) {
      if (x > -math::infinity<float>) x = f(static_cast<token>(id), x);
    });
  }

  __device__ void keep_largest(int wanted) {
    __syncthreads();
    keep_if([&](int id, float x) {
      int before = 0;
#pragma unroll 8
      for (int other = 0; other < id; ++other) before += logits_[other] >= x ? 1 : 0;
#pragma unroll 8
      for (int other = id + 1; other < count_; ++other) before += logits_[other] > x ? 1 : 0;
      return before < wanted;
    });
  }

  __device__ void keep_mass(float mass) {
    float largest = -math::infinity<float>;
    each([&](int, float& x) { largest = math::max(largest, x); });
    largest = warp_maximum(largest);
    __shared__ float of_warp[Threads / 32];
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = largest;
    __syncthreads();
    for (const float x : of_warp) largest = math::max(largest, x);
    double own = 0;
    each([&](int id, float& x) {
      weights_[id] = x > -math::infinity<float> ? math::exp(x - largest) : 0.0f;
      own += static_cast<double>(weights_[id]);
    });
    const double wanted = static_cast<double>(mass) * block_sum<Threads>(own);
    // Those with a weight, side by side: after other steps they are few.
    __shared__ int ids[few_limit];
    __shared__ int present;
    if (threadIdx.x < 32) {
      int found = 0;
      for (int first = 0; first < count_; first += 32) {
        const int id = first + static_cast<int>(threadIdx.x);
        const bool alive = id < count_ && weights_[id] > 0.0f;
        const unsigned all = __ballot_sync(0xffffffffu, alive);
        if (alive) ids[found + __popc(all & ((1u << threadIdx.x) - 1))] = id;
        found += __popc(all);
      }
      if (threadIdx.x == 0) present = found;
    }
    __syncthreads();
    keep_if([&](int id, float x) {
      if (weights_[id] == 0.0f) return false;
      double before[2] = {};  // two sums, so that one addition need not wait for the other
#pragma unroll 4
      for (int i = 0; i < present; ++i) {
        const int other = ids[i];
        before[i % 2] += precedes(other, id, x) ? static_cast<double>(weights_[other]) : 0.0;
      }
      return before[0] + before[1] < wanted;
    });
  }

  __device__ bool any_unusable() {
    bool own = false;
    each([&](int, float& x) { own = own || !(x < math::infinity<float>); });
    return __syncthreads_or(own ? 1 : 0) != 0;
  }

  __device__ token winner(std::uint64_t seed, std::uint64_t position) {
    return race_of_block<Threads>(logits_, count_, seed, position);
  }

 private:
  template <class F>
  __device__ void each(const F& f) {
    for (int id = static_cast<int>(threadIdx.x); id < count_; id += Threads) f(id, logits_[id]);
  }

  __device__ bool precedes(int other, int id, float x) const {
    return logits_[other] > x || (logits_[other] == x && other < id);
  }

  /// Drops the candidates for which f is false; all are judged before any is dropped.
  template <class F>
  __device__ void keep_if(const F& f) {
    constexpr int own_limit = (few_limit + Threads - 1) / Threads;
    bool kept[own_limit];
#pragma unroll
    for (int i = 0; i < own_limit; ++i) {
      const int id = static_cast<int>(threadIdx.x) + i * Threads;
      kept[i] = id < count_ && f(id, logits_[id]);
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < own_limit; ++i) {
      const int id = static_cast<int>(threadIdx.x) + i * Threads;
      if (id < count_ && !kept[i]) logits_[id] = -math::infinity<float>;
    }
    __syncthreads();
  }

  float* logits_;
  float* weights_;
  int count_;
};

/// Few candidates: `Few` selects the class above, and shared memory holds logits and weights. Else the logits
/// lie in shared memory or, where they do not fit, in call.scratch.
template <int Threads, bool Few, class Chain>
__global__ __launch_bounds__(Threads) void draw_kernel(const __grid_constant__ draw_call<Chain> call) {
  extern __shared__ float shared_logits[];
  wait_for_input();
  const index row = blockIdx.x;
  const int count = static_cast<int>(call.logits.extent[1]);
  float* own_logits = shared_logits;
  if constexpr (!Few) own_logits = call.scratch != nullptr ? call.scratch + row * count : shared_logits;
  for (int id = static_cast<int>(threadIdx.x); id < count; id += Threads)
    own_logits[id] = call.logits(row, id);
  token drawn = -1;
  const auto draw_from = [&](auto candidates) {
    if (candidates.any_unusable()) return;
    call.how(candidates);
    if (candidates.any_unusable()) return;  // a step's doing
    drawn = candidates.winner(call.seed, static_cast<std::uint64_t>(call.positions(row)));
  };
  if constexpr (Few) {
    draw_from(few_candidates<Threads>(own_logits, shared_logits + count, count));
  } else {
    draw_from(candidates<Threads>(own_logits, count));
  }
  if (threadIdx.x == 0) call.out(row) = drawn;
}

BYTELOOM_KERNELS_END

}  // namespace cuda::detail

/// Draws a token for each row of logits [rows, vocabulary] into out[row]: the same for the same logits,
/// sampler, seed and position on every backend, but for ties within rounding. A row with NaN or plus
/// infinity, which has no softmax, or without any candidate gives -1. Throws argument_error where the
/// sampler's settings mean nothing, shape_error where positions or out have not one place a row, and
/// device_error.
template <class... Steps>
void draw(cuda::executor on, const sample::chain<Steps...>& how, device_view<const float, 2> logits,
          std::uint64_t seed, device_view<const int, 1> positions, device_view<token, 1> out) {
  how.validate();
  sample::detail::require_rows(logits.extent[0], positions.extent[0], out.extent[0]);
  if (logits.extent[0] == 0) return;
  if (logits.extent[1] > (index{1} << 30) || logits.extent[0] > 0x7fffffff)
    throw shape_error("draw: " + std::to_string(logits.extent[0]) + " rows of " +
                      std::to_string(logits.extent[1]) + " logits are more than one launch takes.");
  constexpr std::size_t shared_limit = 40 * 1024;  // of the 48 KB that every kernel may use
  const std::size_t row_bytes = static_cast<std::size_t>(logits.extent[1]) * sizeof(float);
  const bool fits = row_bytes <= shared_limit;
  cuda::buffer<float> scratch(on, fits ? 0 : static_cast<std::size_t>(logits.size()));
  const cuda::detail::draw_call<sample::chain<Steps...>> call{how,  logits,    scratch.data(),
                                                              seed, positions, out};
  const dim3 blocks(static_cast<unsigned>(logits.extent[0]));
  using chain = sample::chain<Steps...>;
  if (logits.extent[1] <= cuda::detail::few_limit) {
    cuda::detail::launch(on, "draw_kernel", cuda::detail::draw_kernel<512, true, chain>, blocks, 512,
                         2 * row_bytes, call);
  } else {
    cuda::detail::launch(on, "draw_kernel", cuda::detail::draw_kernel<256, false, chain>, blocks, 256,
                         fits ? row_bytes : 0, call);
  }
}

}  // namespace byteloom::inline v0
