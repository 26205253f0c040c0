// SPDX-License-Identifier: Apache-2.0
#pragma once

// How far attention on the host is from what it should be.

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "byteloom/attend/reference.hpp"
#include "byteloom/host/attend.hpp"
#include "support/brute_force.hpp"
#include "support/tensor.hpp"

namespace test {

/// Relative error of the host's output.
template <class Spec>
double host_error(const Spec& spec, const attend_inputs& in, const std::vector<double>& wanted) {
  auto out = poisoned_tensor<float>(in.q.extent[0], in.q.extent[1], in.q.extent[2] / Spec::map_count,
                                    in.v.extent[3]);
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
  return relative_error(out.data, wanted);
}

/// Checks the host's output of random inputs against the reference, at moderate and at large scores.
template <class Spec>
void check_against_reference(std::mt19937_64& draw, const char* name, const Spec& spec, attend_shape shape) {
  for (const float spread : {1.0f, 4.0f}) {
    CAPTURE(std::string(name));
    CAPTURE(spread);
    const attend_inputs in(draw, spec, shape, spread);
    auto wanted =
        poisoned_tensor<double>(shape.batch, shape.queries, spec.heads().query / Spec::map_count,
                                spec.heads().value_size);
    bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), wanted.view());
    CHECK(host_error(spec, in, wanted.data) < 1e-5 * static_cast<double>(spread));
  }
}

}  // namespace test
