// SPDX-License-Identifier: Apache-2.0

// The main of device tests: without a usable GPU they are skipped (exit 77), unless BYTELOOM_REQUIRE_GPU says
// that a GPU must be there.

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "byteloom/cuda/device.hpp"

int main(int count, char** arguments) {
  const std::string reason = byteloom::cuda::why_unusable();
  if (!reason.empty()) {
    const bool required = std::getenv("BYTELOOM_REQUIRE_GPU") != nullptr;
    std::printf("%s: %s\n", required ? "failed" : "skipped", reason.c_str());
    return required ? 1 : 77;
  }
  doctest::Context context(count, arguments);
  return context.run();
}
