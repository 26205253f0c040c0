// SPDX-License-Identifier: Apache-2.0
#pragma once

// sample/chain: steps joined into a sampler. They act left to right; then one of the kept tokens is drawn
// with the probability that softmax gives it. The draw is the Gumbel-max rule: the largest logit - log(e)
// wins, e being an exponential number of its own for each token. It needs no sum, so both backends draw the
// same token.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "byteloom/core/bits.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/slots.hpp"
#include "byteloom/sample/philox.hpp"
#include "byteloom/sample/steps.hpp"
#include "byteloom/tokenize/token.hpp"

#if defined(__CUDACC__)
#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015
#endif

namespace byteloom::inline v0::sample {

template <class... Steps>
struct chain {
  static_assert((byteloom::detail::on_axis<Steps, axis::sampler> && ...),
                "byteloom: every argument of sample::chain<...> is a step; add using axis = "
                "byteloom::axis::sampler; to your own.");
  static_assert(
      (std::is_trivially_copyable_v<Steps> && ...),
      "byteloom: a step of sample::chain<...> travels by value into kernels, so it must be trivially "
      "copyable; keep data behind a view.");

  slots<Steps...> steps;

  /// States in any order, as for attention<...>.
  template <class... Given>
  requires(!std::is_base_of_v<chain, Given> && ...) constexpr chain(const Given&... given)
      : steps(byteloom::fill(std::type_identity<slots<Steps...>>{}, given...)) {}

  bool operator==(const chain&) const = default;

  /// Throws argument_error where a step's settings mean nothing.
  void validate() const { steps.validate(); }

  /// Applies all steps.
  BYTELOOM_EITHER
  template <class Candidates>
  BYTELOOM_HD void operator()(Candidates& candidates) const {
    apply<0>(candidates);
  }

 private:
  BYTELOOM_EITHER
  template <std::size_t Index, class Candidates>
  BYTELOOM_HD void apply(Candidates& candidates) const {
    if constexpr (Index < sizeof...(Steps)) {
      steps.template get<Index>()(candidates);
      apply<Index + 1>(candidates);
    }
  }
};

/// What a kept token races with: the largest of these is drawn. -log1p(-u) is as exponential as -log(u), and
/// keeps its digits where it is small, which is where tokens win: down to a probability near 2^-33 of the
/// likeliest one's, they are drawn as often as softmax says.
BYTELOOM_HD float race(float logit, std::uint64_t seed, std::uint64_t position, token id) {
  const float u = uniform(seed, position, static_cast<std::uint32_t>(id));
  return logit - math::log(-math::log1p(-u));
}

/// A float's bits as an integer of the same order: larger floats, larger integers, and one integer for both
/// zeros, which are equals.
BYTELOOM_HD constexpr std::uint32_t ordered(float x) {
  const auto bits = bit_cast<std::uint32_t>(x);
  return (bits & 0x80000000u) != 0 ? 0u - bits : bits | 0x80000000u;
}

}  // namespace byteloom::inline v0::sample

#if defined(__CUDACC__)
#pragma nv_diagnostic pop
#endif
