// SPDX-License-Identifier: Apache-2.0
#pragma once

// Rows of floats that pass the library's stages and attentions on the host, as tests of whole blocks write
// them.

#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "byteloom/compose/epilogue.hpp"
#include "byteloom/compose/source.hpp"
#include "byteloom/compose/stage.hpp"
#include "byteloom/host/attend.hpp"
#include "byteloom/host/normalize.hpp"
#include "byteloom/host/stage.hpp"
#include "support/rows.hpp"
#include "support/tensor.hpp"

namespace test {

inline constexpr auto here = bl::memory::host;

/// [row, column], poisoned until a stage writes it.
template <class T = float>
struct matrix_of {
  bl::index rows = 0, columns = 0;
  std::vector<T> data;

  matrix_of() = default;
  matrix_of(bl::index of_rows, bl::index of_columns)
      : rows(of_rows),
        columns(of_columns),
        data(static_cast<std::size_t>(of_rows * of_columns),
             static_cast<T>(std::numeric_limits<float>::quiet_NaN())) {}

  bl::host_view<T, 2> view() { return {data.data(), rows, columns}; }
  bl::host_view<const T, 2> view() const { return {data.data(), rows, columns}; }
  bl::source::rows<bl::memory::host, T> source() const { return {view()}; }

  /// Columns from `first` on.
  bl::host_view<const T, 2> columns_at(bl::index first, bl::index count) const {
    bl::host_view<const T, 2> result = view();
    result.data += first;
    result.extent[1] = count;
    return result;
  }

  /// Columns from `first` on as [batch, rows of each, heads, size].
  bl::host_view<T, 4> heads(bl::index first, bl::index count, bl::index size, bl::index batch = 1) {
    bl::host_view<T, 4> result(data.data() + first, batch, rows / batch, count, size);
    result.stride[1] = columns;
    result.stride[0] = rows / batch * columns;
    return result;
  }
  /// The same as [rows, heads, size], for ragged sequences.
  bl::host_view<T, 3> ragged_heads(bl::index first, bl::index count, bl::index size) {
    bl::host_view<T, 3> result(data.data() + first, rows, count, size);
    result.stride[0] = columns;
    return result;
  }
};
using matrix = matrix_of<float>;

inline matrix floats(const rows& x) {
  matrix result(static_cast<bl::index>(x.size()), x.empty() ? 0 : static_cast<bl::index>(x[0].size()));
  std::size_t at = 0;
  for (const auto& row : x)
    for (const double number : row) result.data[at++] = static_cast<float>(number);
  return result;
}

template <class T>
rows rows_of(const matrix_of<T>& x) {
  rows result;
  for (bl::index r = 0; r < x.rows; ++r) {
    result.emplace_back();
    for (bl::index c = 0; c < x.columns; ++c)
      result.back().push_back(static_cast<double>(static_cast<float>(x.view()(r, c))));
  }
  return result;
}

template <class T>
double error(const matrix_of<T>& found, const rows& wanted) {
  return relative_error(found.data, flat(wanted));
}

inline bl::host_view<const int, 1> view_of(const std::vector<int>& x) { return {x.data(), x.size()}; }

template <class Norm>
bl::normed<Norm> normed_by(const norm_weights& by, Norm norm = {}) {
  return {norm, by.weight.data(), by.bias.data()};
}
inline constexpr bl::normed<bl::norm::none> as_is{};

/// The weights of a batch norm with its statistics in them.
inline norm_weights folded(norm_weights by, const batch_statistics& of, float epsilon) {
  const auto size = by.weight.size();
  bl::norm::fold_batch({of.mean.data(), size}, {of.variance.data(), size}, epsilon, {by.weight.data(), size},
                       {by.bias.data(), size});
  return by;
}

/// activation(W norm(source) + b).
template <class Out = float, class Source, class Norm, class Format,
          class Activation = bl::activation::identity>
matrix_of<Out> through(const Source& source, const bl::normed<Norm>& norm, const random_weights<Format>& by,
                       bool biased, bl::index count, const Activation& activation = {}) {
  matrix_of<Out> out(count, by.packed.rows);
  bl::run(bl::host::here(),
          bl::stage{source, norm, by.view(biased),
                    bl::epilogue::plain<Activation, here, Out>{out.view(), {}, activation}, count});
  return out;
}

/// x += W norm(source) + b.
template <class Source, class Norm, class Format>
void add_through(matrix& x, const Source& source, const bl::normed<Norm>& norm,
                 const random_weights<Format>& by, bool biased) {
  bl::run(bl::host::here(),
          bl::stage{source, norm, by.view(biased),
                    bl::epilogue::plain<bl::activation::identity, here>{x.view(), x.view(), {}}, x.rows});
}

/// activation(gates) * what they gate, of norm(source).
template <class Activation, class Source, class Norm, class Format>
matrix gated_through(const Source& source, const bl::normed<Norm>& norm, const random_weights<Format>& by,
                     bool biased, bl::index count) {
  matrix out(count, by.packed.rows / 2);
  bl::run(bl::host::here(), bl::stage{source, norm, by.view(biased),
                                      bl::epilogue::gated<Activation, here>{out.view(), {}}, count});
  return out;
}

/// Attention of sequences among themselves, `batch` of them; a row is its queries, its keys and its values.
template <class Spec>
matrix self_attended(const Spec& spec, matrix qkv, bl::index batch) {
  const bl::index heads = spec.heads().query, size = spec.heads().size;
  matrix out(qkv.rows, heads * size);
  bl::attend(bl::host::here(), spec, qkv.heads(0, heads, size, batch),
             qkv.heads(heads * size, heads, size, batch), qkv.heads(2 * heads * size, heads, size, batch),
             out.heads(0, heads, size, batch));
  return out;
}

/// A pre-norm block; attend(source, norm) makes the rows that its output matrix reads.
template <class Norm, class Attend, class Activation>
void run_block(matrix& x, const block_weights& by, const Norm& norm, const Attend& attend,
               const Activation& activation) {
  const matrix mixed = attend(x.source(), normed_by(by.before_attention, norm));
  add_through(x, mixed.source(), as_is, by.out, true);
  const auto hidden = through(x.source(), normed_by(by.before_feed, norm), by.up, true, x.rows, activation);
  add_through(x, hidden.source(), as_is, by.down, true);
}

/// A post-norm block; attend(source, as_is) makes the rows that its output matrix reads.
template <class Norm, class Attend, class Activation>
void run_post_norm_block(matrix& x, const block_weights& by, const Norm& norm, const Attend& attend,
                         const Activation& activation) {
  const matrix mixed = attend(x.source(), as_is);
  add_through(x, mixed.source(), as_is, by.out, true);
  bl::normalize(bl::host::here(), x.source(), normed_by(by.before_attention, norm), x.view());
  const auto hidden = through(x.source(), as_is, by.up, true, x.rows, activation);
  add_through(x, hidden.source(), as_is, by.down, true);
  bl::normalize(bl::host::here(), x.source(), normed_by(by.before_feed, norm), x.view());
}

/// norm(source), kept.
template <class T = float, class Source, class Norm>
matrix_of<T> kept(const Source& source, const bl::normed<Norm>& norm, bl::index count, bl::index columns) {
  matrix_of<T> out(count, columns);
  bl::normalize(bl::host::here(), source, norm, out.view());
  return out;
}

}  // namespace test
