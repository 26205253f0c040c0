// SPDX-License-Identifier: Apache-2.0

// Diffusion transformers: blocks of clean and of noised tokens, windows of video with text; from latents to
// predictions, against formulas written from the papers.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "byteloom/attend/mask/skip_causal.hpp"
#include "byteloom/attend/prepare/norm.hpp"
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

rows rows_of(const test::matrix& x) {
  rows result;
  for (bl::index r = 0; r < x.rows; ++r)
    result.emplace_back(x.data.begin() + r * x.columns, x.data.begin() + (r + 1) * x.columns);
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

  /// attend(layer number, spec's policies, qkv, mixed) stands between the halves of each layer.
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
                            const auto spec = spec_of(by.layers[l], twice, {{block}, blocks * block});
                            bl::attend(bl::host::here(), spec, qkv.heads(0, h, d, sequences()),
                                       qkv.heads(width, h, d, sequences()),
                                       qkv.heads(2 * width, h, d, sequences()),
                                       mixed.heads(0, h, d, sequences()));
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
    CHECK(loss(rows_of(found)) == doctest::Approx(loss(wanted)).epsilon(1e-4));

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
        found_block = denoised(found_block, rows_of(predicted), t, next);
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
