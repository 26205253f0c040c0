// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/device.hpp: asks about the current GPU, for files that g++ compiles too. Some file of the program that
// nvcc compiles includes cuda/device.cuh (every launcher does).

#include <string>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0::cuda {

namespace detail {

/// What stands against using a GPU, given what the runtime found: empty where nothing does. `failure` is the
/// runtime's own words where it could not even count the devices; the capability is ten times major plus
/// minor.
inline std::string why_unusable(const std::string& failure, int devices, const std::string& name,
                                int capability) {
  if (!failure.empty())
    return "the CUDA runtime finds no usable GPU: " + failure + "; install or update its driver.";
  if (devices == 0) return "the CUDA runtime finds no GPU; install one and its driver, or run on the host.";
  if (capability < 80)
    return "the GPU " + name + " has compute capability " + std::to_string(capability / 10) + "." +
           std::to_string(capability % 10) + ", and byteloom needs 8.0 (Ampere) or newer; run on the host.";
  return {};
}

}  // namespace detail

/// Why the current GPU cannot be used, in a sentence; empty where it can.
std::string why_unusable();

/// The current GPU's name. Throws device_error.
std::string device_name();

}  // namespace byteloom::inline v0::cuda
