// SPDX-License-Identifier: Apache-2.0
#pragma once

// Fresh random inputs for every run, reproducible where one fails: the seed is printed with the failure, and
// BYTELOOM_TEST_SEED sets it.

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace test {

inline std::uint64_t seed() {
  if (const char* given = std::getenv("BYTELOOM_TEST_SEED")) return std::stoull(given);
  static const std::uint64_t fresh = std::random_device{}();
  return fresh;
}

/// A generator for one test case.
inline std::mt19937_64 generator() {
  MESSAGE("BYTELOOM_TEST_SEED=" << seed());
  return std::mt19937_64(seed());
}

}  // namespace test
