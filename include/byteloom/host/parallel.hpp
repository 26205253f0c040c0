// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/parallel: splits a range of independent items over threads. Threads are made for the call and joined
// before it returns, so nothing outlives it; small work stays on the calling thread.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "byteloom/core/executor.hpp"

namespace byteloom::inline v0::host::detail {

/// Work below this many multiplications a thread costs less than starting the thread.
inline constexpr double work_of_a_thread = 4e6;

/// Calls body(first, last) for disjoint ranges that cover [0, items), in steps of `step` items. `work` is the
/// number of multiplications of the whole. The first exception of a body is thrown again here, after all
/// threads ended.
template <class Body>
void parallel_for(executor on, index items, index step, double work, const Body& body) {
  const unsigned cores =
      on.threads > 0 ? static_cast<unsigned>(on.threads) : std::max(1u, std::thread::hardware_concurrency());
  const auto useful = static_cast<unsigned>(std::clamp(work / work_of_a_thread, 1.0, 1024.0));
  const auto steps = static_cast<unsigned>(std::clamp<index>((items + step - 1) / step, 1, 1024));
  const unsigned threads = std::min({cores, useful, steps});
  if (threads == 1) {
    for (index first = 0; first < items; first += step) body(first, std::min(items, first + step));
    return;
  }
  std::atomic<index> next = 0;
  std::exception_ptr failure;
  std::mutex failing;
  const auto work_off = [&] {
    try {
      for (index first = next.fetch_add(step); first < items; first = next.fetch_add(step))
        body(first, std::min(items, first + step));
    } catch (...) {
      next = items;
      const std::lock_guard lock(failing);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> team;
    team.reserve(threads - 1);
    try {
      for (unsigned i = 1; i < threads; ++i) team.emplace_back(work_off);
    } catch (const std::system_error&) {
      // No more threads to be had: those that started, and this one, do the work.
    }
    work_off();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace byteloom::inline v0::host::detail
