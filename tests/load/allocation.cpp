// SPDX-License-Identifier: Apache-2.0

#include "allocation.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> peak{0};

void* try_obtain(std::size_t size) noexcept {
  std::size_t seen = peak.load();
  while (seen < size && !peak.compare_exchange_weak(seen, size)) {
  }
  return std::malloc(size == 0 ? 1 : size);
}

void* obtain(std::size_t size) {
  if (void* const memory = try_obtain(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void allocation::forget() { peak = 0; }
std::size_t allocation::largest() { return peak; }

void* operator new(std::size_t size) { return obtain(size); }
void* operator new[](std::size_t size) { return obtain(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return try_obtain(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return try_obtain(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
