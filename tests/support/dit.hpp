// SPDX-License-Identifier: Apache-2.0
#pragma once

// Layers of diffusion transformers (DiT: Peebles and Xie, arXiv 2212.09748), whose rows are modulated by
// conditions such as a timestep: by the papers' text in double precision, and by the library. What attends
// stands between the two halves of a layer.

#include <cmath>
#include <random>
#include <vector>

#include "byteloom/position/sinusoidal.hpp"
#include "support/layers.hpp"
#include "support/rows.hpp"

namespace test {

inline double silu_of(double x) { return x / (1 + std::exp(-x)); }

/// Timesteps on their way to conditions: cosines, then sines; two matrices with SiLU between them.
struct timestep_weights {
  dense first, second;

  timestep_weights(std::mt19937_64& draw, int waves, int width)
      : first(draw, width, waves), second(draw, width, width) {}

  rows conditions(const std::vector<int>& times) const {
    const auto half = static_cast<int>(first.packed.columns) / 2;
    rows waves;
    for (const int t : times) {
      waves.emplace_back();
      for (const bool sine : {false, true})
        for (int i = 0; i < half; ++i) {
          const double angle = t * std::exp(-std::log(10000.0) * i / half);
          waves.back().push_back(sine ? std::sin(angle) : std::cos(angle));
        }
    }
    return linear(second, each(linear(first, waves, true), silu_of), true);
  }

  matrix run(const std::vector<int>& times) const {
    const auto count = static_cast<bl::index>(times.size()), waves = first.packed.columns;
    matrix table(count, waves);
    for (bl::index row = 0; row < count; ++row)
      for (bl::index i = 0; i < waves; ++i)  // the library's sines come first
        table.view()(row, i) = bl::position::sinusoidal<bl::position::pairing::half_split>(
            times[static_cast<std::size_t>(row)], static_cast<int>((i + waves / 2) % waves),
            static_cast<int>(waves));
    const auto hidden = through(table.source(), as_is, first, true, count, bl::activation::silu{});
    return through(hidden.source(), as_is, second, true, count);
  }
};

struct dit_layer : block_weights {
  dense modulation;  ///< shift, scale and gate of the attention, then those of the feed-forward

  dit_layer(std::mt19937_64& draw, int width, int hidden)
      : block_weights(draw, width, hidden), modulation(draw, 6 * width, width) {}
};

/// Row i of x by part `shift` and part `shift` + 1 of its condition's modulation; as it is where that is -1.
inline rows modulated(rows x, const rows& modulation, const std::vector<int>& condition_of, int shift) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (condition_of[i] < 0) continue;
    const vector& own = modulation[static_cast<std::size_t>(condition_of[i])];
    const std::size_t width = x[i].size(), first = static_cast<std::size_t>(shift) * width;
    for (std::size_t c = 0; c < width; ++c) x[i][c] = x[i][c] * (1 + own[first + width + c]) + own[first + c];
  }
  return x;
}

/// Row i of x times part `which` of its condition's modulation.
inline rows gated_by(rows x, const rows& modulation, const std::vector<int>& condition_of, int which) {
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t c = 0; c < x[i].size(); ++c)
      if (condition_of[i] >= 0)
        x[i][c] *= modulation[static_cast<std::size_t>(condition_of[i])]
                             [static_cast<std::size_t>(which) * x[i].size() + c];
  return x;
}

inline constexpr double dit_epsilon = 1e-6;

/// Queries, keys and values of rows by the papers' text. condition_of: which condition modulates each row.
inline rows dit_qkv(const rows& x, const dit_layer& by, const rows& conditions,
                    const std::vector<int>& condition_of) {
  const rows modulation = linear(by.modulation, each(conditions, silu_of), true);
  return linear(
      by.qkv, modulated(rms_normed(x, by.before_attention, dit_epsilon), modulation, condition_of, 0), true);
}

/// The layer behind its attention, which gave `mixed`.
inline rows dit_rest(rows x, const rows& mixed, const dit_layer& by, const rows& conditions,
                     const std::vector<int>& condition_of) {
  const rows modulation = linear(by.modulation, each(conditions, silu_of), true);
  x = added(x, gated_by(linear(by.out, mixed, true), modulation, condition_of, 2));
  const rows hidden = each(
      linear(by.up, modulated(rms_normed(x, by.before_feed, dit_epsilon), modulation, condition_of, 3), true),
      gelu_tanh_of);
  return added(x, gated_by(linear(by.down, hidden, true), modulation, condition_of, 5));
}

/// The modulation of each condition, all parts side by side.
inline matrix run_modulation(const matrix& conditions, const dense& by) {
  return through(bl::source::activated{conditions.source(), bl::activation::silu{}}, as_is, by, true,
                 conditions.rows);
}

/// y(modulated norm(x)): part `shift` and the next one of the modulation.
template <class Activation = bl::activation::identity>
matrix through_modulated(const matrix& x, const norm_weights& by_norm, const matrix& modulation,
                         const std::vector<int>& condition_of, int shift, const dense& by,
                         const Activation& activation = {}) {
  const auto normed =
      kept(x.source(), normed_by(by_norm, bl::norm::rms{float(dit_epsilon)}), x.rows, x.columns);
  return through(
      bl::source::modulated{normed.source(), modulation.columns_at(shift * x.columns, x.columns),
                            modulation.columns_at((shift + 1) * x.columns, x.columns), view_of(condition_of)},
      as_is, by, true, x.rows, activation);
}

/// x += gate * (W source + b): part `which` of the modulation.
template <class Source>
void add_modulated(matrix& x, const Source& source, const matrix& modulation,
                   const std::vector<int>& condition_of, int which, const dense& by) {
  bl::run(bl::host::here(), bl::stage{source, as_is, by.view(true),
                                      bl::epilogue::modulated<bl::activation::identity, here>{
                                          x.view(),
                                          x.view(),
                                          modulation.columns_at(which * x.columns, x.columns),
                                          view_of(condition_of),
                                          {}},
                                      x.rows});
}

/// What dit_rest says, by the library.
template <class Source>
void run_dit_rest(matrix& x, const Source& mixed, const dit_layer& by, const matrix& modulation,
                  const std::vector<int>& condition_of) {
  add_modulated(x, mixed, modulation, condition_of, 2, by.out);
  const auto hidden =
      through_modulated(x, by.before_feed, modulation, condition_of, 3, by.up, bl::activation::gelu_tanh{});
  add_modulated(x, hidden.source(), modulation, condition_of, 5, by.down);
}

}  // namespace test
