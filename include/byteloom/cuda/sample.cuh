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
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/kernels.hpp"
#include "byteloom/sample/chain.hpp"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0 {
namespace cuda::detail {

inline constexpr int draw_threads = 256;

BYTELOOM_KERNELS_BEGIN

/// Sums over the threads of a block, the same on every thread and in every run: lanes first, then warps in
/// order.
template <class T>
__device__ T block_sum(T value) {
  __shared__ T of_warp[draw_threads / 32];
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  __syncthreads();
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  T sum = 0;
  for (const T part : of_warp) sum += part;
  return sum;
}

/// The candidates of one row in device memory, whose steps all threads of the block take together. A thread
/// owns the ids that leave its number modulo the number of threads, so no step needs a barrier between
/// threads but the sums.
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

  /// The id that wins the draw, or -1.
  __device__ token winner(std::uint64_t seed, std::uint64_t position) {
    __shared__ float best_of[draw_threads];
    __shared__ int id_of[draw_threads];
    const int self = static_cast<int>(threadIdx.x);
    float best = -math::infinity<float>;
    int winning = -1;
    each([&](int id, float x) {
      if (!(x > -math::infinity<float>)) return;
      const float raced = sample::race(x, seed, position, id);
      if (winning < 0 || raced > best) {
        best = raced;
        winning = id;
      }
    });
    best_of[self] = best;
    id_of[self] = winning;
    __syncthreads();
    for (int half = draw_threads / 2; half > 0; half /= 2) {
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

  /// How many candidates satisfy f(id, logit).
  template <class F>
  __device__ int number(const F& f) {
    int own = 0;
    each([&](int id, float x) { own += f(id, x) ? 1 : 0; });
    return block_sum(own);
  }

 private:
  template <class F>
  __device__ void each(const F& f) {
    for (int id = static_cast<int>(threadIdx.x); id < count_; id += draw_threads) f(id, logits_[id]);
  }

  /// Sum of exp(logit - largest) where f(id, logit), in double so that the order of adding does not matter.
  template <class F>
  __device__ double probability(const F& f) {
    if (!known_) {
      float own = -math::infinity<float>;
      each([&](int, float x) { own = math::max(own, x); });
      __shared__ float of_thread[draw_threads];
      __syncthreads();
      of_thread[threadIdx.x] = own;
      __syncthreads();
      for (const float x : of_thread) own = math::max(own, x);
      largest_ = own;
      known_ = true;
    }
    double sum = 0;
    each([&](int id, float x) {
      if (f(id, x)) sum += math::exp(static_cast<double>(x) - static_cast<double>(largest_));
    });
    return block_sum(sum);
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

/// `scratch` holds as many numbers as `logits`, or nothing: then they fit into shared memory.
template <class Chain>
__global__ __launch_bounds__(draw_threads) void draw_kernel(const __grid_constant__ Chain how,
                                                            device_view<const float, 2> logits,
                                                            float* scratch, std::uint64_t seed,
                                                            device_view<const int, 1> positions,
                                                            device_view<token, 1> out) {
  extern __shared__ float shared_logits[];
  const index row = blockIdx.x;
  const int count = static_cast<int>(logits.extent[1]);
  float* own_logits = scratch != nullptr ? scratch + row * count : shared_logits;
  for (int id = static_cast<int>(threadIdx.x); id < count; id += draw_threads)
    own_logits[id] = logits(row, id);
  candidates own(own_logits, count);
  token drawn = -1;
  if (own.number([](int, float x) { return x != x; }) == 0) {
    how(own);
    drawn = own.winner(seed, static_cast<std::uint64_t>(positions(row)));
  }
  if (threadIdx.x == 0) out(row) = drawn;
}

BYTELOOM_KERNELS_END

}  // namespace cuda::detail

/// Draws a token for each row of logits [rows, vocabulary] into out[row]: the same for the same logits,
/// sampler, seed and position on every backend, but for ties within rounding. A row with NaN, or without any
/// candidate, gives -1. Throws argument_error where the sampler's settings mean nothing, and device_error.
template <class... Steps>
void draw(cuda::executor on, const sample::chain<Steps...>& how, device_view<const float, 2> logits,
          std::uint64_t seed, device_view<const int, 1> positions, device_view<token, 1> out) {
  how.validate();
  if (logits.extent[0] == 0) return;
  if (logits.extent[1] > (index{1} << 30) || logits.extent[0] > 0x7fffffff)
    throw shape_error("draw: " + std::to_string(logits.extent[0]) + " rows of " +
                      std::to_string(logits.extent[1]) + " logits are more than one launch takes.");
  constexpr std::size_t shared_limit = 40 * 1024;  // of the 48 KB that every kernel may use
  const std::size_t row_bytes = static_cast<std::size_t>(logits.extent[1]) * sizeof(float);
  const bool fits = row_bytes <= shared_limit;
  cuda::buffer<float> scratch(on, fits ? 0 : static_cast<std::size_t>(logits.size()));
  cuda::detail::draw_kernel<<<static_cast<unsigned>(logits.extent[0]), cuda::detail::draw_threads,
                              fits ? row_bytes : 0, on.stream>>>(how, logits, scratch.data(), seed, positions,
                                                                 out);
  cuda::detail::check_launch("draw_kernel");
}

}  // namespace byteloom::inline v0
