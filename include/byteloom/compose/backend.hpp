// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/backend: what a backend offers to whole models beside its operations: memory, copies between it and
// the host, and replay. Specialised in host/backend.hpp and cuda/backend.cuh; nothing here names a backend.

#include "byteloom/core/executor.hpp"

namespace byteloom::inline v0 {

/// A specialisation for an executor offers
///
/// - `buffer<T>(on, count)`: owns `count` elements, with data(); throws out_of_memory.
/// - `upload(on, T* to, from, count)`: copies from host memory; `from` may be reused when it returns.
/// - `download(on, T* to, from, count)`: copies to host memory; complete when it returns.
/// - `mailbox<T>(on)`: one T that operations write by post(on, const T*) and the host reads by take(on),
/// which
///   waits for everything before it.
/// - `replay<Key>`: replay(on, key, f) runs f, or repeats what f did last time for an equal key.
/// - `name(on)`: the device, for people.
///
/// Beside it a backend overloads the operations for its executor: run(on, stage), gather, attend_cached, draw
/// and advance.
template <class Executor>
struct backend;

}  // namespace byteloom::inline v0
