// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a step of sample::chain<...> travels by value into kernels, so it must be trivially
#include <vector>

#include "byteloom/sample/chain.hpp"

struct owns_a_table {
  using axis = byteloom::axis::sampler;
  std::vector<float> table{};
  template <class Candidates>
  void operator()(Candidates&) const {}
};

byteloom::sample::chain<owns_a_table> chain{owns_a_table{}};
