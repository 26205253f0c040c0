// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/attend.hpp: the declaration of attention on the device, for files that g++ compiles. Some .cu file of
// the same program includes cuda/attend.cuh and instantiates what they call:
//
//   BYTELOOM_INSTANTIATE_ATTEND(my_attention, const float, const byteloom::bf16, const byteloom::bf16, float)

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/ragged.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

/// Which kernels an attention on the device may use; attend<path::sm80>(on, ...) forces one.
namespace path {
/// 16-bit q, k and v of one type: tensor cores, sm90 on Hopper where it has a tile for the composition and
/// sm80 elsewhere; all fp8_e4m3: sm90 on Hopper and simt elsewhere; other elements: simt.
struct best {};
/// wgmma and bulk copies, on Hopper alone; the file is compiled for sm_90a. Rows of q, k, v and out begin at
/// 16 bytes. Of fp8_e4m3 head sizes are multiples of 16, outputs bf16, f16 or float; weights are rounded to
/// e4m3, sums of 128 keys or fewer are joined in float.
struct sm90 {};
/// mma.sync and cp.async, on every GPU from Ampere on. Rows of q, k and v begin at 16 bytes.
struct sm80 {};
/// In float without tensor cores: any element types and sizes, exact to float's rounding, slow.
struct simt {};
}  // namespace path

/// out = attention(q, k, v) as `spec` says, on the executor's stream. q [batch, queries, query heads, size],
/// k [batch, keys, key heads, size] with neighbouring dimensions (stride 1), v [batch, keys, key heads, value
/// size], out as q with the value size; other strides are free. The queries are the last positions of the
/// keys. All views are of device memory. On tensor cores weights and outputs are rounded to the element type,
/// sums are floats. `How` is a path, or a tuning selector (cuda/attend_tuning.hpp) for path::best. Throws
/// shape_error, and device_error where the launch fails.
template <class How = path::best, class Spec, class Q, class K, class V, class O>
void attend(cuda::executor on, const Spec& spec, Q q, K k, V v, O out);

/// The same for sequences of different lengths without padding: q and out [rows of all queries, query heads,
/// size], k and v [rows of all keys, key heads, size]. Rows of an output that belong to no sequence stay as
/// they are.
template <class How = path::best, class Spec, class Q, class K, class V, class O>
void attend(cuda::executor on, const Spec& spec, Q q, K k, V v, const ragged<memory::device>& sequences,
            O out);

}  // namespace byteloom::inline v0

/// Instantiates attend on the device for a composition and the element types of q, k, v and out. For a .cu
/// file.
#define BYTELOOM_INSTANTIATE_ATTEND(Spec, Q, K, V, O)                                                \
  template void byteloom::attend(byteloom::cuda::executor, const Spec&, byteloom::device_view<Q, 4>, \
                                 byteloom::device_view<K, 4>, byteloom::device_view<V, 4>,           \
                                 byteloom::device_view<O, 4>);
