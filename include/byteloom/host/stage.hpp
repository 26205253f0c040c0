// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/stage: runs a stage on the host. Few rows (decoding) read each weight once and decode it in registers;
// many rows decode a panel of weights and leave the product to Eigen.

#include <Eigen/Core>
#include <algorithm>
#include <type_traits>
#include <vector>

#include "byteloom/compose/stage.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/host/parallel.hpp"

namespace byteloom::inline v0 {
namespace host::detail {

using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// One normed row of a stage's source.
template <class Stage>
void load_row(const Stage& stage, index row, float* x) {
  const index columns = stage.weights.columns;
  typename Stage::norm_type::template state<float> state{};
  for (index c = 0; c < columns; ++c) {
    x[c] = stage.source.load(row, c);
    stage.norm.norm.add(state, x[c]);
  }
  const auto affine = stage.norm.norm.finish(state);
  for (index c = 0; c < columns; ++c) x[c] = stage.norm.apply(affine, x[c], c);
}

/// Calls body(column, values) for runs of decoded weights of one row: long runs where the columns allow,
/// since the compiler turns those into vector code, single columns where nothing else fits.
template <class Weights, class Body>
void for_each_run(const Weights& weights, index row, const Body& body) {
  const auto walk = [&]<int Run>(std::integral_constant<int, Run>) {
    float values[Run];
    for (index c = 0; c < weights.columns; c += Run) {
      weights.decode(row, c, values);
      body(c, values);
    }
  };
  constexpr int multiple = Weights::format::columns_multiple;
  if constexpr (multiple % 64 == 0) {
    walk(std::integral_constant<int, 64>{});
  } else if constexpr (multiple % 32 == 0) {
    walk(std::integral_constant<int, 32>{});
  } else if constexpr (multiple % 8 == 0) {
    walk(std::integral_constant<int, 8>{});
  } else if (weights.columns % 64 == 0) {
    walk(std::integral_constant<int, 64>{});
  } else {
    walk(std::integral_constant<int, 1>{});
  }
}

/// The product of one row of weights with x.
template <class Weights>
float dot(const Weights& weights, index row, const float* x) {
  float partial[8] = {};  // eight sums, so that the compiler may use vectors without reordering one sum
  for_each_run(weights, row, [&]<int Run>(index c, const float(&values)[Run]) {
    if constexpr (Run % 8 == 0) {
      const float* own = x + c;
      for (int i = 0; i < Run; i += 8)
        for (int j = 0; j < 8; ++j) partial[j] += values[i + j] * own[i + j];
    } else {
      partial[0] += values[0] * x[c];
    }
  });
  float sum = 0;
  for (float part : partial) sum += part;
  return sum;
}

/// Decodes one row of weights.
template <class Weights>
void decode_row(const Weights& weights, index row, float* out) {
  for_each_run(weights, row, [&]<int Run>(index c, const float(&values)[Run]) {
    for (int i = 0; i < Run; ++i) out[c + i] = values[i];
  });
}

}  // namespace host::detail

/// Runs one stage (compose/stage.hpp). Throws nothing but std::bad_alloc; shapes are the caller's promise.
template <class Source, class Norm, class Format, class Epilogue>
void run(host::executor on, const stage<Source, Norm, Format, memory::host, Epilogue>& stage) {
  namespace detail = host::detail;
  constexpr index few_rows = 4;
  constexpr index panel = 32;   // pairs of columns decoded together
  constexpr index block = 256;  // rows normed together
  const index columns = stage.weights.columns;
  const index pairs = stage.pairs();
  for (index first_row = 0; first_row < stage.rows; first_row += block) {
    const index rows = std::min(block, stage.rows - first_row);
    detail::matrix x(rows, columns);
    const double row_work = static_cast<double>(columns) * 4;
    detail::parallel_for(on, rows, 8, static_cast<double>(rows) * row_work, [&](index begin, index end) {
      for (index r = begin; r < end; ++r) detail::load_row(stage, first_row + r, x.row(r).data());
    });
    const double work =
        static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(2 * pairs);
    detail::parallel_for(on, pairs, panel, work, [&](index begin, index end) {
      if (rows <= few_rows) {
        for (index pair = begin; pair < end; ++pair) {
          const column_pair at = stage.epilogue.columns(pair, stage.weights.rows);
          for (index r = 0; r < rows; ++r) {
            const float* row = x.row(r).data();
            stage.finish(first_row + r, pair, at, detail::dot(stage.weights, at.first, row),
                         at.second < 0 ? 0.0f : detail::dot(stage.weights, at.second, row));
          }
        }
        return;
      }
      detail::matrix w = detail::matrix::Zero(2 * (end - begin), columns);
      for (index pair = begin; pair < end; ++pair) {
        const column_pair at = stage.epilogue.columns(pair, stage.weights.rows);
        detail::decode_row(stage.weights, at.first, w.row(2 * (pair - begin)).data());
        if (at.second >= 0)
          detail::decode_row(stage.weights, at.second, w.row(2 * (pair - begin) + 1).data());
      }
      const detail::matrix y = x * w.transpose();
      for (index pair = begin; pair < end; ++pair) {
        const column_pair at = stage.epilogue.columns(pair, stage.weights.rows);
        for (index r = 0; r < rows; ++r)
          stage.finish(first_row + r, pair, at, y(r, 2 * (pair - begin)), y(r, 2 * (pair - begin) + 1));
      }
    });
  }
}

}  // namespace byteloom::inline v0
