// SPDX-License-Identifier: Apache-2.0

// Diffusion transformers: blocks of clean and of noised tokens, windows of video with text; from latents to
// predictions, against formulas written from the papers.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <random>
#include <utility>
#include <vector>

#include "byteloom/attend/group/cut_windows.hpp"
#include "byteloom/attend/mask/skip_causal.hpp"
#include "byteloom/attend/mask/windows.hpp"
#include "byteloom/attend/prepare/norm.hpp"
#include "byteloom/host/attend_ragged.hpp"
#include "byteloom/host/prepare.hpp"
#include "byteloom/position/at_coordinates.hpp"
#include "support/dit.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

using test::rows;

template <int Axes>
using coordinate = std::array<int, static_cast<std::size_t>(Axes)>;

/// A head whose equal parts turn by one coordinate each.
template <std::size_t Axes>
test::vector turned_by(const test::vector& x, const std::array<int, Axes>& at, double base,
                       bool interleaved) {
  const std::size_t part = x.size() / Axes;
  test::vector result;
  for (std::size_t a = 0; a < Axes; ++a) {
    const auto first = x.begin() + static_cast<std::ptrdiff_t>(a * part);
    const auto own = test::rotated(test::vector(first, first + static_cast<std::ptrdiff_t>(part)), at[a],
                                   interleaved, base);
    result.insert(result.end(), own.begin(), own.end());
  }
  return result;
}

rows part_of(const rows& x, int first, int count) {
  return rows(x.begin() + first, x.begin() + first + count);
}

/// Rows [first, first + count) of each of `sequences` equal parts.
rows parts_of(const rows& x, int sequences, int first, int count) {
  rows result;
  const int length = static_cast<int>(x.size()) / sequences;
  for (int n = 0; n < sequences; ++n) test::append(result, part_of(x, n * length + first, count));
  return result;
}

/// Two batches of as many sequences as one: the rows of each sequence in x, then those in y.
rows in_turn(const rows& x, const rows& y, int sequences) {
  rows result;
  const int of_x = static_cast<int>(x.size()) / sequences, of_y = static_cast<int>(y.size()) / sequences;
  for (int n = 0; n < sequences; ++n) {
    test::append(result, part_of(x, n * of_x, of_x));
    test::append(result, part_of(y, n * of_y, of_y));
  }
  return result;
}

rows as_floats(const rows& x) {
  return test::each(x, [](double number) { return static_cast<double>(static_cast<float>(number)); });
}

struct acdit {
  static constexpr int h = 2, d = 12, width = h * d, latent = 4, depth = 2, labels = 3;
  static constexpr double base = 100;

  struct layer {
    test::dit_layer own;
    test::norm_weights of_queries, of_keys;
  };
  test::dense embed, label;
  test::timestep_weights times;
  std::vector<layer> layers;
  test::norm_weights last;
  test::dense last_modulation, head;

  explicit acdit(std::mt19937_64& draw)
      : embed(draw, width, latent),
        label(draw, labels, width),
        times(draw, 16, width),
        last(draw, width),
        last_modulation(draw, 2 * width, width),
        head(draw, latent, width) {
    for (int l = 0; l < depth; ++l) layers.push_back({{draw, width, 40}, {draw, d}, {draw, d}});
  }

  /// What the noised blocks of one sequence are predicted to be, by the paper: `clean` are the blocks 0, 1,
  /// ... and `noised` the blocks first_noised, ..., each with a timestep. `at`: where the sequence's tokens
  /// stand.
  template <int Axes>
  rows predicted(const rows& clean, const rows& noised, int first_noised, int block,
                 const std::vector<int>& timesteps, int of_class,
                 const std::vector<coordinate<Axes>>& at) const {
    const auto half = static_cast<int>(clean.size());
    rows conditions = times.conditions(timesteps);
    for (auto& own : conditions)
      for (std::size_t c = 0; c < width; ++c)
        own[c] += static_cast<double>(label.dense[static_cast<std::size_t>(of_class * width) + c]);
    rows x = clean;
    x.insert(x.end(), noised.begin(), noised.end());
    x = test::linear(embed, x, false);
    std::vector<int> condition_of, place;
    for (int i = 0; i < static_cast<int>(x.size()); ++i) {
      condition_of.push_back(i < half ? -1 : (i - half) / block);
      place.push_back(i < half ? i : first_noised * block + i - half);
    }
    const auto block_of = [&](int i) { return place[static_cast<std::size_t>(i)] / block; };
    const auto sees = [&](int i, int j) {
      if (i < half) return j < half && block_of(j) <= block_of(i);
      return j < half ? block_of(j) < block_of(i) : block_of(j) == block_of(i);
    };
    for (const layer& by : layers) {
      const rows qkv = test::dit_qkv(x, by.own, conditions, condition_of);
      const auto ready = [&](int first, const test::norm_weights& norm) {
        return test::turned_heads(
            test::columns_of(qkv, first, width), h, [&](const test::vector& part, int i) {
              return turned_by(test::rms_normed(part, norm.weight, test::dit_epsilon),
                               at[static_cast<std::size_t>(place[static_cast<std::size_t>(i)])], base, false);
            });
      };
      const rows mixed = test::attended(
          ready(0, by.of_queries), ready(width, by.of_keys), test::columns_of(qkv, 2 * width, width), h, h,
          [&](double dot, int, int i, int j) { return sees(i, j) ? dot / std::sqrt(d) : test::unseen; });
      x = test::dit_rest(x, mixed, by.own, conditions, condition_of);
    }
    const rows tail(x.begin() + half, x.end());
    const std::vector<int> of_tail(condition_of.begin() + half, condition_of.end());
    return test::linear(
        head,
        test::modulated(test::rms_normed(tail, last, test::dit_epsilon),
                        test::linear(last_modulation, test::each(conditions, test::silu_of), true), of_tail,
                        0),
        true);
  }
};

/// The same by the library, for several sequences at once.
template <int Axes>
struct acdit_runner {
  static constexpr int h = acdit::h, d = acdit::d, width = acdit::width;
  using prepare = bl::prepare::norm<bl::norm::rms>;
  using position = bl::position::at_coordinates<Axes>;
  using attention = bl::attention<bl::heads<h, h, d>, prepare, position, bl::mask::skip_causal<>>;

  const acdit& by;
  std::vector<int> classes;
  int block, blocks;
  std::vector<int> once, twice;  ///< coordinates of [sequence, token], and of clean and noised ones
  std::vector<test::tensor<float>> keys, values;
  int rows_fed = 0;

  acdit_runner(const acdit& model, const std::vector<int>& of_sequences, int of_block,
               const std::vector<coordinate<Axes>>& at)
      : by(model), classes(of_sequences), block(of_block), blocks(static_cast<int>(at.size()) / of_block) {
    for (int n = 0; n < sequences(); ++n)
      for (const bool again : {false, true})
        for (const auto& own : at) {
          twice.insert(twice.end(), own.begin(), own.end());
          if (!again) once.insert(once.end(), own.begin(), own.end());
        }
    for (int l = 0; l < acdit::depth; ++l)
      for (auto* cache : {&keys, &values})
        cache->push_back(test::poisoned_tensor<float>(sequences(), blocks * block, h, d));
  }

  int sequences() const { return static_cast<int>(classes.size()); }

  attention spec_of(const acdit::layer& own, const std::vector<int>& at,
                    const bl::mask::skip_causal<>& mask) const {
    const auto view = [](const test::norm_weights& of) {
      return bl::host_view<const float, 1>(of.weight.data(), of.weight.size());
    };
    return {
        prepare{bl::norm::rms{float(test::dit_epsilon)}, view(own.of_queries), view(own.of_keys)},
        position{bl::host_view<const int, 3>(at.data(), sequences(),
                                             static_cast<bl::index>(at.size()) / sequences() / Axes, Axes),
                 bl::position::rope<>{acdit::base}},
        mask};
  }

  /// A condition for each timestep; they are those of the sequences one after the other.
  test::matrix conditions(const std::vector<int>& timesteps) const {
    std::vector<int> labels;
    for (std::size_t i = 0; i < timesteps.size(); ++i)
      labels.push_back(classes[i * classes.size() / timesteps.size()]);
    const auto of_times = by.times.run(timesteps);
    const bl::host_view<const float, 2> table(by.label.dense.data(), acdit::labels, width);
    return test::kept(
        bl::source::sum{of_times.source(),
                        bl::source::picked{bl::source::rows<test::here>{table}, test::view_of(labels)}},
        test::as_is, of_times.rows, width);
  }

  /// attend(layer number, qkv, mixed) stands between the halves of each layer.
  template <class Attend>
  test::matrix through_layers(const rows& latents, const test::matrix& of_times,
                              const std::vector<int>& condition_of, const Attend& attend) const {
    const auto tokens = test::floats(latents);
    auto x = test::through(tokens.source(), test::as_is, by.embed, false, tokens.rows);
    for (std::size_t l = 0; l < acdit::depth; ++l) {
      const test::dit_layer& own = by.layers[l].own;
      const auto modulation = test::run_modulation(of_times, own.modulation);
      auto qkv = test::through_modulated(x, own.before_attention, modulation, condition_of, 0, own.qkv);
      test::matrix mixed(x.rows, width);
      attend(l, qkv, mixed);
      test::run_dit_rest(x, mixed.source(), own, modulation, condition_of);
    }
    std::vector<int> noised, of_noised;
    for (int i = 0; i < static_cast<int>(condition_of.size()); ++i)
      if (const int own = condition_of[static_cast<std::size_t>(i)]; own >= 0) {
        noised.push_back(i);
        of_noised.push_back(own);
      }
    const auto tail = test::kept(bl::source::picked{x.source(), test::view_of(noised)}, test::as_is,
                                 static_cast<bl::index>(noised.size()), width);
    return test::through_modulated(tail, by.last, test::run_modulation(of_times, by.last_modulation),
                                   of_noised, 0, by.head);
  }

  /// Predictions for the noised half of [sequence, clean tokens and noised tokens].
  test::matrix train(const rows& latents, const std::vector<int>& timesteps) const {
    std::vector<int> condition_of;
    for (int n = 0; n < sequences(); ++n)
      for (int i = 0; i < 2 * blocks * block; ++i)
        condition_of.push_back(i < blocks * block ? -1 : n * blocks + (i - blocks * block) / block);
    return through_layers(latents, conditions(timesteps), condition_of,
                          [&](std::size_t l, test::matrix& qkv, test::matrix& mixed) {
                            mixed =
                                test::self_attended(spec_of(by.layers[l], twice, {{block}, blocks * block}),
                                                    std::move(qkv), sequences());
                          });
  }

  /// One denoising step of block b of each sequence. `latents`: its noised tokens, and at its first step the
  /// clean block before it ahead of them.
  test::matrix denoise(const rows& latents, int b, const std::vector<int>& timesteps) {
    const int count = static_cast<int>(latents.size()) / sequences(), clean = count - block;
    rows_fed += static_cast<int>(latents.size());
    std::vector<int> condition_of;
    for (int n = 0; n < sequences(); ++n)
      for (int i = 0; i < count; ++i) condition_of.push_back(i < clean ? -1 : n);
    const std::vector<int> first(classes.size(), b * block - clean), lengths(classes.size(), (b + 1) * block);
    return through_layers(latents, conditions(timesteps), condition_of,
                          [&](std::size_t l, test::matrix& qkv, test::matrix& mixed) {
                            const auto spec = spec_of(by.layers[l], once, {{block}, b * block, b});
                            const auto behind = [&](test::tensor<float>& cache) {
                              auto view = cache.view();
                              view.data += first[0] * view.stride[1];
                              view.extent[1] = count;
                              return view;
                            };
                            test::matrix q(qkv.rows, width);
                            const auto of_queries = q.heads(0, h, d, sequences());
                            bl::prepare_queries(bl::host::here(), spec, qkv.heads(0, h, d, sequences()),
                                                test::view_of(first), test::view_of(lengths), of_queries);
                            bl::prepare_keys(bl::host::here(), spec, qkv.heads(width, h, d, sequences()),
                                             test::view_of(first), test::view_of(lengths), behind(keys[l]));
                            const auto own_values = qkv.heads(2 * width, h, d, sequences());
                            const auto into = behind(values[l]);
                            for (int n = 0; n < sequences(); ++n)
                              for (int i = 0; i < count; ++i)
                                for (int head = 0; head < h; ++head)
                                  for (int c = 0; c < d; ++c) into(n, i, head, c) = own_values(n, i, head, c);
                            bl::attend_cached(bl::host::here(), spec, of_queries, keys[l].view(),
                                              values[l].view(), test::view_of(lengths),
                                              mixed.heads(0, h, d, sequences()));
                          });
  }
};

/// How much of a number survives at a timestep, squared.
double kept_at(int t) { return std::pow(std::cos(t / 1000.0 * std::acos(-1.0) / 2 * 0.98), 2); }

/// A step of DDIM from one timestep to an earlier one, by the noise that is predicted.
rows denoised(rows x, const rows& noise, int from, int to) {
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t c = 0; c < x[i].size(); ++c) {
      const double clean = (x[i][c] - std::sqrt(1 - kept_at(from)) * noise[i][c]) / std::sqrt(kept_at(from));
      x[i][c] = std::sqrt(kept_at(to)) * clean + std::sqrt(1 - kept_at(to)) * noise[i][c];
    }
  return x;
}

}  // namespace

TEST_CASE(
    "MSK-15 ACDiT: clean and noised copies under the skip-causal mask, each block at its timestep; denoising "
    "block by block over a cache of clean ones") {
  auto draw = test::generator();
  const acdit by(draw);
  // a map is cut in blocks, whose tokens follow each other
  const auto run = [&]<int Axes>(const coordinate<Axes>& map, const coordinate<Axes>& side) {
    int block = 1, tokens = 1;
    std::vector<coordinate<Axes>> at{coordinate<Axes>{}};
    const auto spread = [&](std::size_t a, int count, int step) {
      std::vector<coordinate<Axes>> next;
      for (const auto& own : at)
        for (int i = 0; i < count; ++i) {
          next.push_back(own);
          next.back()[a] += i * step;
        }
      at = next;
    };
    for (std::size_t a = 0; a < Axes; ++a) {
      block *= side[a];
      tokens *= map[a];
      spread(a, map[a] / side[a], side[a]);
    }
    for (std::size_t a = 0; a < Axes; ++a) spread(a, side[a], 1);
    const int blocks = tokens / block, sequences = 2;
    CAPTURE(block);
    const std::vector<int> classes{2, 0};
    acdit_runner<Axes> library(by, classes, block, at);

    // training: every block is noised by a timestep of its own, and its noise is to be found
    const rows clean = test::random_rows(draw, sequences * tokens, acdit::latent),
               noise = test::random_rows(draw, sequences * tokens, acdit::latent);
    std::vector<int> timesteps;
    for (int i = 0; i < sequences * blocks; ++i)
      timesteps.push_back(std::uniform_int_distribution<int>(0, 999)(draw));
    rows noised = clean;
    for (std::size_t i = 0; i < noised.size(); ++i)
      for (std::size_t c = 0; c < acdit::latent; ++c) {
        const double kept = kept_at(timesteps[i / static_cast<std::size_t>(block)]);
        noised[i][c] = std::sqrt(kept) * clean[i][c] + std::sqrt(1 - kept) * noise[i][c];
      }
    noised = as_floats(noised);
    rows wanted;
    for (int n = 0; n < sequences; ++n) {
      const std::vector<int> own(timesteps.begin() + n * blocks, timesteps.begin() + (n + 1) * blocks);
      test::append(wanted,
                   by.predicted<Axes>(part_of(clean, n * tokens, tokens), part_of(noised, n * tokens, tokens),
                                      0, block, own, classes[static_cast<std::size_t>(n)], at));
    }
    const auto found = library.train(in_turn(clean, noised, sequences), timesteps);
    REQUIRE(found.rows == sequences * tokens);  // the clean half has no output
    CHECK(test::error(found, wanted) < 2e-5);
    const auto loss = [&](const rows& predicted) {
      double sum = 0;
      for (std::size_t i = 0; i < noise.size(); ++i)
        for (std::size_t c = 0; c < acdit::latent; ++c) sum += std::pow(predicted[i][c] - noise[i][c], 2);
      return sum / (sequences * tokens * acdit::latent);
    };
    CHECK(loss(test::rows_of(found)) == doctest::Approx(loss(wanted)).epsilon(1e-4));

    // one step of each block over the clean ones before it is what training computed for all blocks at once
    for (int b = 0; b < blocks; ++b) {
      std::vector<int> own_steps;
      for (int n = 0; n < sequences; ++n)
        own_steps.push_back(timesteps[static_cast<std::size_t>(n * blocks + b)]);
      const rows before = b == 0 ? rows{} : parts_of(clean, sequences, (b - 1) * block, block);
      const auto one = library.denoise(
          in_turn(before, parts_of(noised, sequences, b * block, block), sequences), b, own_steps);
      CHECK(test::error(one, parts_of(wanted, sequences, b * block, block)) < 2e-5);
    }

    // sampling, once with the cache and once from the whole past at every step
    const std::vector<int> schedule{900, 600, 250, 0};
    const int steps = static_cast<int>(schedule.size()) - 1;
    acdit_runner<Axes> sampler(by, classes, block, at);
    std::vector<rows> wanted_past(2);
    rows found_before;
    for (int b = 0; b < blocks; ++b) {
      const rows start = test::random_rows(draw, sequences * block, acdit::latent);
      rows found_block = start, wanted_block = start;
      std::vector<std::vector<float>> cached;
      for (int s = 0; s < steps; ++s) {
        const int t = schedule[static_cast<std::size_t>(s)], next = schedule[static_cast<std::size_t>(s + 1)];
        const auto predicted = sampler.denoise(
            in_turn(s == 0 ? found_before : rows{}, as_floats(found_block), sequences), b, {t, t});
        found_block = denoised(found_block, test::rows_of(predicted), t, next);
        // what the first step appended, later ones do not touch
        const auto clean_keys = static_cast<std::size_t>(b * block * acdit::width);
        cached.emplace_back(sampler.keys[1].data.begin(),
                            sampler.keys[1].data.begin() + static_cast<std::ptrdiff_t>(clean_keys));
        CHECK(cached.back() == cached.front());
        rows wanted_noise;
        for (int n = 0; n < sequences; ++n) {
          const auto own = static_cast<std::size_t>(n);
          test::append(wanted_noise,
                       by.predicted<Axes>(wanted_past[own], part_of(wanted_block, n * block, block), b, block,
                                          {t}, classes[own], at));
        }
        wanted_block = denoised(wanted_block, wanted_noise, t, next);
      }
      CHECK(test::relative_error(test::flat(found_block), test::flat(wanted_block)) < 5e-4);
      found_before = as_floats(found_block);
      for (int n = 0; n < sequences; ++n)
        test::append(wanted_past[static_cast<std::size_t>(n)], part_of(wanted_block, n * block, block));
    }
    // each clean block passes the layers once, the last one not at all
    CHECK(sampler.rows_fed == sequences * block * (blocks * steps + blocks - 1));
  };
  run.operator()<2>({4, 6}, {2, 2});
  run.operator()<2>({2, 3}, {1, 1});  // token by token
  run.operator()<2>({4, 6}, {4, 6});  // one block: diffusion of the whole sequence
  run.operator()<3>({4, 2, 3}, {1, 2, 3});
  run.operator()<3>({4, 4, 2}, {2, 2, 2});
}

namespace {

/// A video, its text, and a timestep.
struct clip {
  std::array<int, 3> extent;
  int text, timestep;

  int cells() const { return extent[0] * extent[1] * extent[2]; }
};

/// How a network cuts its maps: windows of a fixed size, or as many as SeedVR2 wants of a map of 45 x 80.
struct window_rule {
  bool counted;
  std::array<int, 3> sides_or_counts;

  std::array<int, 3> sides(const std::array<int, 3>& extent) const {
    if (!counted) return sides_or_counts;
    const double kappa = std::sqrt(45.0 * 80.0 / (extent[1] * extent[2]));
    const auto parts = [&](double cells, std::size_t a) {
      return static_cast<int>(std::ceil(cells / sides_or_counts[a]));
    };
    return {parts(std::min(extent[0], 30), 0), parts(std::round(extent[1] * kappa), 1),
            parts(std::round(extent[2] * kappa), 2)};
  }

  /// The slices of one axis.
  static std::vector<std::array<int, 2>> slices(int length, int side, bool shifted) {
    std::vector<std::array<int, 2>> result;
    const double back = shifted && side < length ? 0.5 : 0;
    for (int n = 0; n <= length / side + 1; ++n) {
      const int first = std::max(static_cast<int>((n - back) * side), 0),
                end = std::min(static_cast<int>((n - back + 1) * side), length);
      if (first < end) result.push_back({first, end});
    }
    return result;
  }
};

struct seedvr {
  static constexpr int h = 2, d = 12, width = h * d, latent = 4, word = 6;
  static constexpr int layers = 2;  // windows of the second are shifted

  struct branch {
    std::vector<test::dit_layer> own;
    std::vector<test::norm_weights> of_queries, of_keys;

    explicit branch(std::mt19937_64& draw) {
      for (int l = 0; l < layers; ++l) {
        own.emplace_back(draw, width, 40);
        of_queries.emplace_back(draw, d);
        of_keys.emplace_back(draw, d);
      }
    }
  };
  branch video, text;
  test::dense video_in, text_in, last_modulation, head;
  test::timestep_weights times;
  test::norm_weights last;

  explicit seedvr(std::mt19937_64& draw)
      : video(draw),
        text(draw),
        video_in(draw, width, latent),
        text_in(draw, width, word),
        last_modulation(draw, 2 * width, width),
        head(draw, latent, width),
        times(draw, 16, width),
        last(draw, width) {}

  /// The restored latents of one clip by the papers. turns_text: its words have positions, too, and frames
  /// count on behind them; else text does not turn.
  rows restored(const clip& of, const rows& latents, const rows& words, const window_rule& cut,
                bool turns_text) const {
    const rows conditions = times.conditions({of.timestep});
    const std::vector<int> of_cells(latents.size(), 0), of_words(words.size(), 0);
    rows x = test::linear(video_in, latents, true), y = test::linear(text_in, words, true);
    const auto side = cut.sides(of.extent);
    for (std::size_t l = 0; l < layers; ++l) {
      const rows of_video = test::dit_qkv(x, video.own[l], conditions, of_cells),
                 of_text = test::dit_qkv(y, text.own[l], conditions, of_words);
      rows mixed(x.size()), mixed_text(y.size(), test::vector(width));
      const auto slices = [&](std::size_t a) {
        return window_rule::slices(of.extent[a], side[a], l % 2 != 0);
      };
      const double windows = static_cast<double>(slices(0).size() * slices(1).size() * slices(2).size());
      for (const auto& [t0, t1] : slices(0))
        for (const auto& [y0, y1] : slices(1))
          for (const auto& [x0, x1] : slices(2)) {
            std::vector<int> tokens;
            std::vector<std::array<int, 3>> at;
            for (int t = t0; t < t1; ++t)
              for (int row = y0; row < y1; ++row)
                for (int column = x0; column < x1; ++column) {
                  tokens.push_back((t * of.extent[1] + row) * of.extent[2] + column);
                  at.push_back({t - t0 + (turns_text ? of.text : 0), row - y0, column - x0});
                }
            for (int i = 0; i < of.text; ++i)
              at.push_back(turns_text ? std::array{i, i, i} : std::array{0, 0, 0});
            rows part = test::picked(of_video, tokens);
            test::append(part, of_text);
            const auto ready = [&](int first, const std::vector<test::norm_weights> branch::*norms) {
              return test::turned_heads(
                  test::columns_of(part, first, width), h, [&](const test::vector& own, int i) {
                    const branch& from = i < static_cast<int>(tokens.size()) ? video : text;
                    return turned_by(test::rms_normed(own, (from.*norms)[l].weight, test::dit_epsilon),
                                     at[static_cast<std::size_t>(i)], 10000, true);
                  });
            };
            const rows out = test::attended(ready(0, &branch::of_queries), ready(width, &branch::of_keys),
                                            test::columns_of(part, 2 * width, width), h, h,
                                            [](double dot, int, int, int) { return dot / std::sqrt(d); });
            for (std::size_t i = 0; i < tokens.size(); ++i)
              mixed[static_cast<std::size_t>(tokens[i])] = out[i];
            for (std::size_t i = 0; i < y.size(); ++i)  // text is pooled over windows
              for (std::size_t c = 0; c < width; ++c) mixed_text[i][c] += out[tokens.size() + i][c] / windows;
          }
      x = test::dit_rest(x, mixed, video.own[l], conditions, of_cells);
      y = test::dit_rest(y, mixed_text, text.own[l], conditions, of_words);
    }
    return test::linear(
        head,
        test::modulated(test::rms_normed(x, last, test::dit_epsilon),
                        test::linear(last_modulation, test::each(conditions, test::silu_of), true), of_cells,
                        0),
        true);
  }

  /// The windows of all clips, each followed by its clip's text, packed end to end.
  struct packing {
    std::vector<int> from;                  ///< rows of all cells and then all words
    std::vector<int> offsets{0};            ///< of windows
    std::vector<int> coordinates;           ///< [window, place, axis]
    std::vector<int> back;                  ///< where each cell went
    std::vector<std::vector<int>> of_text;  ///< where the words of a clip went, word by word
    int longest = 0;

    packing(const std::vector<clip>& clips, const window_rule& cut, bool shifted, bool turns_text) {
      int cells = 0;
      for (const clip& own : clips) cells += own.cells();
      back.resize(static_cast<std::size_t>(cells));
      int words = std::exchange(cells, 0);  // the words' rows come behind all cells
      std::vector<std::vector<std::array<int, 3>>> at;
      for (const clip& own : clips) {
        const auto side =
            cut.counted ? bl::mask::seedvr2_sides(own.extent, cut.sides_or_counts) : cut.sides_or_counts;
        const bl::group::cut_windows<3, 5 * 64 * 64> windows(own.extent, side, shifted);
        windows.validate();
        of_text.emplace_back(static_cast<std::size_t>(own.text * windows.groups()));
        for (int g = 0; g < windows.groups(); ++g) {
          at.emplace_back();
          const auto cell_of = [&](int slot) {
            const int token = windows.token(g, slot), plane = own.extent[1] * own.extent[2];
            return std::array{token / plane, token % plane / own.extent[2], token % own.extent[2]};
          };
          for (int slot = 0; slot < windows.size(g); ++slot) {
            back[static_cast<std::size_t>(cells + windows.token(g, slot))] = static_cast<int>(from.size());
            from.push_back(cells + windows.token(g, slot));
            auto place = cell_of(slot);
            for (std::size_t a = 0; a < 3; ++a) place[a] -= cell_of(0)[a];  // the window's own origin
            if (turns_text) place[0] += own.text;
            at.back().push_back(place);
          }
          for (int i = 0; i < own.text; ++i) {
            of_text.back()[static_cast<std::size_t>(i * windows.groups() + g)] =
                static_cast<int>(from.size());
            from.push_back(words + i);
            at.back().push_back(turns_text ? std::array{i, i, i} : std::array{0, 0, 0});
          }
          offsets.push_back(static_cast<int>(from.size()));
          longest = std::max(longest, static_cast<int>(at.back().size()));
        }
        cells += own.cells();
        words += own.text;
      }
      for (auto& own : at) {
        own.resize(static_cast<std::size_t>(longest));
        for (const auto& place : own) coordinates.insert(coordinates.end(), place.begin(), place.end());
      }
    }
  };

  /// All clips at once by the library.
  test::matrix run(const std::vector<clip>& clips, const test::matrix& latents, const test::matrix& words,
                   const window_rule& cut, bool turns_text) const {
    std::vector<int> timesteps, of_cells, of_words;
    for (int n = 0; n < static_cast<int>(clips.size()); ++n) {
      const clip& own = clips[static_cast<std::size_t>(n)];
      timesteps.push_back(own.timestep);
      of_cells.insert(of_cells.end(), static_cast<std::size_t>(own.cells()), n);
      of_words.insert(of_words.end(), static_cast<std::size_t>(own.text), n);
    }
    const auto conditions = times.run(timesteps);
    const bl::index cells = latents.rows, all = cells + words.rows;
    auto x = test::through(latents.source(), test::as_is, video_in, true, cells),
         y = test::through(words.source(), test::as_is, text_in, true, words.rows);
    for (std::size_t l = 0; l < layers; ++l) {
      const packing packed(clips, cut, l % 2 != 0, turns_text);
      test::matrix q(all, width), k(all, width), v(all, width), y_mixed(y.rows, width);
      const auto project = [&](const test::matrix& of, const branch& by, const test::matrix& modulation,
                               const std::vector<int>& condition_of, bl::index first) {
        auto qkv = test::through_modulated(of, by.own[l].before_attention, modulation, condition_of, 0,
                                           by.own[l].qkv);
        using prepare = bl::prepare::norm<bl::norm::rms>;
        const bl::attention<bl::heads<h, h, d>, prepare> ready{
            prepare{bl::norm::rms{static_cast<float>(test::dit_epsilon)},
                    {by.of_queries[l].weight.data(), d},
                    {by.of_keys[l].weight.data(), d}}};
        const std::vector<int> start{0}, length{static_cast<int>(of.rows)};
        const auto into = [&](test::matrix& to) {
          return bl::host_view<float, 4>(to.data.data() + first * width, 1, of.rows, h, d);
        };
        bl::prepare_queries(bl::host::here(), ready, qkv.heads(0, h, d), test::view_of(start),
                            test::view_of(length), into(q));
        bl::prepare_keys(bl::host::here(), ready, qkv.heads(width, h, d), test::view_of(start),
                         test::view_of(length), into(k));
        bl::normalize(bl::host::here(), bl::source::rows<test::here>{qkv.columns_at(2 * width, width)},
                      test::as_is, bl::host_view<float, 2>(v.data.data() + first * width, of.rows, width));
      };
      const auto of_video = test::run_modulation(conditions, video.own[l].modulation),
                 of_text = test::run_modulation(conditions, text.own[l].modulation);
      project(x, video, of_video, of_cells, 0);
      project(y, text, of_text, of_words, cells);

      const auto rows_packed = static_cast<bl::index>(packed.from.size());
      const auto gathered = [&](const test::matrix& of) {
        return test::kept(bl::source::picked{of.source(), test::view_of(packed.from)}, test::as_is,
                          rows_packed, width);
      };
      auto own_q = gathered(q), own_k = gathered(k), own_v = gathered(v);
      test::matrix mixed(rows_packed, width);
      using position =
          bl::position::at_coordinates<3, bl::position::rope<bl::position::pairing::interleaved>>;
      const auto windows = static_cast<bl::index>(packed.offsets.size() - 1);
      bl::attend(
          bl::host::here(),
          bl::attention<bl::heads<h, h, d>, position>{
              position{bl::host_view<const int, 3>(packed.coordinates.data(), windows, packed.longest, 3)}},
          own_q.ragged_heads(0, h, d), own_k.ragged_heads(0, h, d), own_v.ragged_heads(0, h, d),
          bl::ragged<test::here>(test::view_of(packed.offsets), packed.longest), mixed.ragged_heads(0, h, d));
      bl::index word_row = 0;
      for (std::size_t n = 0; n < clips.size(); ++n) {
        const bl::index count = clips[n].text;
        const auto of_clip = test::kept(bl::source::picked{mixed.source(), test::view_of(packed.of_text[n])},
                                        test::as_is, static_cast<bl::index>(packed.of_text[n].size()), width);
        bl::normalize(bl::host::here(),
                      bl::source::mean_of_rows<test::here>{of_clip.view(), of_clip.rows / count}, test::as_is,
                      bl::host_view<float, 2>(y_mixed.data.data() + word_row * width, count, width));
        word_row += count;
      }
      test::run_dit_rest(x, bl::source::picked{mixed.source(), test::view_of(packed.back)}, video.own[l],
                         of_video, of_cells);
      test::run_dit_rest(y, y_mixed.source(), text.own[l], of_text, of_words);
    }
    return test::through_modulated(x, last, test::run_modulation(conditions, last_modulation), of_cells, 0,
                                   head);
  }
};

}  // namespace

TEST_CASE(
    "MSK-10 SeedVR: windows of varied size, packed end to end with the text, shifted in every second layer; "
    "positions from each window's origin") {
  auto draw = test::generator();
  const seedvr model(draw);
  const auto run = [&](const std::vector<clip>& clips, const window_rule& cut, bool turns_text) {
    rows latents, words, wanted;
    for (const clip& own : clips) {
      const rows own_latents = test::random_rows(draw, own.cells(), seedvr::latent),
                 own_words = test::random_rows(draw, own.text, seedvr::word);
      test::append(latents, own_latents);
      test::append(words, own_words);
      test::append(wanted, model.restored(own, own_latents, own_words, cut, turns_text));
    }
    CHECK(test::error(model.run(clips, test::floats(latents), test::floats(words), cut, turns_text), wanted) <
          2e-5);
  };
  const auto timestep = [&] { return std::uniform_int_distribution<int>(0, 999)(draw); };
  // fixed windows: cut at the ends, of odd sides, and as large as the paper's, on a map that two sides exceed
  run({{{5, 9, 7}, 4, timestep()}, {{3, 4, 11}, 7, timestep()}}, {false, {2, 5, 4}}, false);
  run({{{5, 9, 7}, 4, timestep()}, {{3, 4, 11}, 7, timestep()}}, {false, {3, 4, 5}}, true);
  run({{{6, 70, 2}, 3, timestep()}, {{3, 5, 7}, 5, timestep()}}, {false, {5, 64, 64}}, false);
  // windows by their number
  run({{{2, 25, 40}, 3, timestep()}, {{1, 21, 12}, 5, timestep()}}, {true, {4, 3, 3}}, true);
  run({{{7, 9, 16}, 4, timestep()}, {{33, 4, 3}, 2, timestep()}}, {true, {4, 9, 16}}, false);
}
