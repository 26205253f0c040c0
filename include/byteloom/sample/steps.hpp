// SPDX-License-Identifier: Apache-2.0
#pragma once

// sample/steps: what happens to the candidates for the next token before one is drawn. A step is called with
// the candidates of a backend, which offer
//   scale(factor)        multiplies every logit
//   keep_largest(count)  drops all but the `count` largest (the lowest ids among equals); all for count < 1
//   keep_mass(mass)      drops all but the fewest, most probable ones that have `mass` together
//   transform(f)         logit = f(id, logit); minus infinity drops a candidate
// and says with validate() whether its settings mean anything.

#include <cmath>
#include <string>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/config.hpp"
#include "byteloom/core/error.hpp"

namespace byteloom::inline v0::sample {

/// Divides logits by a temperature: below 1 the likely becomes likelier. The lowest is 1e-30, so that no
/// logit below 1e8 overflows to infinity, where different logits would become equals.
struct temperature {
  using axis = axis::sampler;
  float value;

  BYTELOOM_EITHER
  template <class Candidates>
  BYTELOOM_HD void operator()(Candidates& candidates) const {
    candidates.scale(1.0f / value);
  }
  void validate() const {
    if (!(value >= 1e-30f) || std::isinf(value))
      throw argument_error(
          "sample::temperature: " + std::to_string(value) +
          " is no temperature; give a finite number above 0 (1e-30 at least), or use sample::greedy to take "
          "the most likely token.");
  }
};

/// Keeps the `count` most likely tokens (Fan et al., arXiv 1805.04833).
struct top_k {
  using axis = axis::sampler;
  int count;

  BYTELOOM_EITHER
  template <class Candidates>
  BYTELOOM_HD void operator()(Candidates& candidates) const {
    candidates.keep_largest(count);
  }
  void validate() const {
    if (count < 1)
      throw argument_error("sample::top_k: " + std::to_string(count) +
                           " tokens cannot be kept; give 1 or more.");
  }
};

/// Keeps the most likely tokens that have the probability `mass` together (Holtzman et al., arXiv
/// 1904.09751).
struct top_p {
  using axis = axis::sampler;
  float mass;

  BYTELOOM_EITHER
  template <class Candidates>
  BYTELOOM_HD void operator()(Candidates& candidates) const {
    candidates.keep_mass(mass);
  }
  void validate() const {
    if (!(mass > 0 && mass <= 1))
      throw argument_error("sample::top_p: " + std::to_string(mass) +
                           " is no share of the probability; give a number above 0 and at most 1.");
  }
};

/// Keeps the most likely token alone.
struct greedy {
  using axis = axis::sampler;

  BYTELOOM_EITHER
  template <class Candidates>
  BYTELOOM_HD void operator()(Candidates& candidates) const {
    candidates.keep_largest(1);
  }
  void validate() const {}
};

}  // namespace byteloom::inline v0::sample
