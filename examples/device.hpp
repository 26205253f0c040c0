// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where the examples run: on the GPU where they were built with CUDA and one is there, else on the host; and where
// their models lie.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <byteloom/host/generator.hpp>
#include <byteloom/load/model.hpp>
#ifdef EXAMPLES_WITH_CUDA
#include <byteloom/cuda/generator.hpp>
#endif

namespace examples {

inline std::filesystem::path model_file(const std::string& name) {
  return std::filesystem::path(EXAMPLES_MODELS) / (name + ".safetensors");
}

/// Calls open(executor) with the GPU's executor or the host's, and says why where the GPU is not taken.
template <class Open>
auto on_best_device(bool host_only, const Open& open) {
#ifdef EXAMPLES_WITH_CUDA
  if (!host_only) {
    const std::string reason = byteloom::cuda::why_unusable();
    if (reason.empty()) return open(byteloom::cuda::on());
    std::fprintf(stderr, "[on the host: %s]\n", reason.c_str());
  }
#else
  (void)host_only;
#endif
  return open(byteloom::host::here());
}

}  // namespace examples
