// SPDX-License-Identifier: Apache-2.0

// Whole small decoders on the host: equal to double precision written out, whatever way the tokens come in.

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "byteloom/host/generator.hpp"
#include "byteloom/sample/chain.hpp"
#include "support/random.hpp"
#include "support/small_model.hpp"

namespace bl = byteloom;
using sampler = bl::sample::chain<bl::sample::top_k, bl::sample::temperature>;
using greedy = bl::sample::chain<bl::sample::greedy>;

namespace {

std::vector<bl::token> random_tokens(std::mt19937_64& draw, std::size_t count) {
  std::vector<bl::token> result(count);
  for (auto& id : result) id = static_cast<bl::token>(draw() % 256);
  return result;
}

std::vector<double> last_row(const std::vector<double>& logits) { return {logits.end() - 256, logits.end()}; }

}  // namespace

TEST_CASE("teacher-forced logits agree with the reference in chunks of any size") {
  auto draw = test::generator();
  test::for_each_small_decoder(draw, [&](const char* name, const auto& small) {
    CAPTURE(std::string(name));
    const auto tokens = random_tokens(draw, 41);
    const auto wanted = small.logits(tokens);
    for (const bl::index chunk : {1, 7, 64}) {
      CAPTURE(chunk);
      const auto generator = bl::open_generator<greedy>(bl::host::here(), small.load(), {64, chunk});
      CHECK(test::relative_error(generator->logits_of(tokens), wanted) < 1e-3);
      CHECK(test::relative_error(generator->logits(), last_row(wanted)) < 1e-3);
    }
  });
}

TEST_CASE("reading in pieces, and drawing one by one, is reading at once") {
  auto draw = test::generator();
  test::for_each_small_decoder(draw, [&](const char* name, const auto& small) {
    CAPTURE(std::string(name));
    const auto generator = bl::open_generator<greedy>(bl::host::here(), small.load(), {64, 16});
    auto tokens = random_tokens(draw, 20);
    generator->read(std::span(tokens).first(3));
    generator->read(std::span(tokens).subspan(3, 1));
    generator->read(std::span(tokens).subspan(4));
    CHECK(generator->position() == 20);
    for (int step = 0; step < 12; ++step) {
      const auto wanted = last_row(small.logits(tokens));
      if (step % 5 == 4) {
        CHECK(test::relative_error(generator->logits(), wanted) < 1e-3);
      }
      const bl::token drawn = generator->next({}, 0);
      const auto best =
          static_cast<bl::token>(std::max_element(wanted.begin(), wanted.end()) - wanted.begin());
      // A tie within rounding may go either way; anything else may not.
      CHECK(wanted[static_cast<std::size_t>(best)] - wanted[static_cast<std::size_t>(drawn)] < 1e-2);
      tokens.push_back(drawn);
      CHECK(generator->position() == static_cast<bl::index>(tokens.size()));
    }
    generator->reset();
    CHECK(generator->position() == 0);
    generator->read(tokens);
    CHECK(test::relative_error(generator->logits(), last_row(small.logits(tokens))) < 1e-3);
  });
}

TEST_CASE("the same seed draws the same tokens, another seed others") {
  auto draw = test::generator();
  test::for_each_small_decoder(draw, [&](const char* name, const auto& small) {
    CAPTURE(std::string(name));
    const auto generator = bl::open_generator<sampler>(bl::host::here(), small.load(), {64, 64});
    const auto prompt = random_tokens(draw, 5);
    const auto write = [&](std::uint64_t seed) {
      generator->reset();
      generator->read(prompt);
      std::vector<bl::token> result;
      for (int i = 0; i < 30; ++i)
        result.push_back(generator->next({bl::sample::top_k{200}, bl::sample::temperature{1.0f}}, seed));
      return result;
    };
    const auto first = write(1);
    CHECK(first == write(1));
    CHECK(first != write(2));
  });
}

TEST_CASE("what does not fit is refused, and the next call works") {
  auto draw = test::generator();
  test::for_each_small_decoder(draw, [&](const char* name, const auto& small) {
    CAPTURE(std::string(name));
    const auto generator = bl::open_generator<greedy>(bl::host::here(), small.load(), {64, 16});
    CHECK_THROWS_AS(generator->next({}, 0), bl::argument_error);
    CHECK_THROWS_AS(generator->logits(), bl::argument_error);
    CHECK_THROWS_AS(generator->read({}), bl::argument_error);
    CHECK_THROWS_AS(generator->logits_of({}), bl::argument_error);
    CHECK_THROWS_WITH_AS(bl::open_generator<greedy>(bl::host::here(), small.load(), {64, 0}),
                         doctest::Contains("a chunk of 0"), bl::argument_error);
    if (!std::string(name).starts_with("two kinds")) {
      CHECK_THROWS_WITH_AS(
          bl::open_generator<greedy>(bl::host::here(), small.load(), {bl::index{1} << 31, 16}),
          doctest::Contains("2147483647"), bl::argument_error);
    }
    const auto tokens = random_tokens(draw, 65);
    CHECK_THROWS_AS(generator->read(tokens), bl::argument_error);
    CHECK_THROWS_AS(generator->read(std::vector<bl::token>{1, 256}), bl::argument_error);
    CHECK_THROWS_AS(generator->read(std::vector<bl::token>{-1}), bl::argument_error);
    CHECK(generator->position() == 0);
    generator->read(std::span(tokens).first(62));
    CHECK_NOTHROW(generator->next({}, 0));
    CHECK_NOTHROW(generator->next({}, 0));
    CHECK(generator->position() == 64);
    CHECK_THROWS_AS(generator->next({}, 0), bl::argument_error);
    CHECK_THROWS_AS(generator->read(std::span(tokens).first(1)), bl::argument_error);
    CHECK(generator->position() == 64);
    CHECK_NOTHROW(generator->logits());
    generator->reset();
    CHECK_NOTHROW(generator->read(std::span(tokens).first(64)));
  });
}

TEST_CASE("a context that nobody sized is refused") {
  auto draw = test::generator();
  test::for_each_small_decoder(draw, [&](const char* name, const auto& small) {
    CAPTURE(std::string(name));
    const bool constant = std::string(name).starts_with("two kinds");
    if (constant) {
      CHECK(bl::open_generator<greedy>(bl::host::here(), small.load(), {})->context() == 64);
      CHECK_THROWS_AS(bl::open_generator<greedy>(bl::host::here(), small.load(), {65, 16}),
                      bl::argument_error);
    } else {
      CHECK_THROWS_AS(bl::open_generator<greedy>(bl::host::here(), small.load(), {}), bl::argument_error);
    }
  });
}
