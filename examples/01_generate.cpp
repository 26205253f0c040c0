// SPDX-License-Identifier: Apache-2.0

// A prompt in, text out, byte by byte; 01_generate --help names the options.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <byteloom/core/describe.hpp>
#include <byteloom/sample/utf8.hpp>

#include "device.hpp"
#include "english.hpp"
#include "usage.hpp"

namespace {

constexpr auto usage = "usage: 01_generate [--bytes N] [--seed S] [--temperature T] [--host] [--] PROMPT";

struct settings {
  long bytes = 1000;
  unsigned long long seed = 1;
  float temperature = 0.7f;
  bool host_only = false;
  std::string prompt;
};

template <class T>
T number(std::string_view option, std::string_view text, T least, T most) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !(value >= least && value <= most))
    throw bl::argument_error(std::string(option) + " takes a number from " + std::to_string(least) + " to " +
                             std::to_string(most) + ", not '" + std::string(text) + "'.");
  return value;
}

settings read_arguments(int count, char** arguments) {
  settings result;
  bool prompt_only = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view option = arguments[i];
    const auto value = [&] {
      if (++i == count) throw bl::argument_error(std::string(option) + " needs a value after it.");
      return arguments[i];
    };
    if (prompt_only || !option.starts_with("-")) {
      result.prompt += (result.prompt.empty() ? "" : " ") + std::string(option);
    } else if (option == "--bytes") {
      result.bytes = number(option, value(), 1L, 1L << 30);
    } else if (option == "--seed") {
      result.seed = number(option, value(), 0ull, ~0ull);
    } else if (option == "--temperature") {
      result.temperature = number(option, value(), 0.01f, 100.0f);
    } else if (option == "--host" || option == "--") {
      (option == "--" ? prompt_only : result.host_only) = true;
    } else {
      throw bl::argument_error("unknown option " + std::string(option) + ".");
    }
  }
  if (result.prompt.empty()) throw bl::argument_error(usage);
  return result;
}

void show(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void generate(const settings& given) {
  // [readme:open]
  const auto loaded = bl::load_model(examples::model_file("english"), make_english());
  const auto& tokenizer = loaded.model.tokenizer;
  const bl::token begin = tokenizer.special("<|begin|>");
  std::vector<bl::token> prompt = tokenizer.encode(given.prompt);
  prompt.insert(prompt.begin(), begin);
  const auto context = static_cast<bl::index>(prompt.size()) + given.bytes;
  const auto open = [&](auto executor) {  // bl::host::here() or bl::cuda::on()
    return bl::open_generator<english_sampler>(executor, loaded, {.context = context});
  };
  // [readme:open]
  const auto generator = examples::on_best_device(given.host_only, open);
  std::fprintf(stderr, "[%s]\n[%s]\n", bl::describe<english>().c_str(), generator->device().c_str());

  show(given.prompt);
  generator->read(prompt);
  const auto start = std::chrono::steady_clock::now();
  long written = 0;
  // [readme:write]
  const english_sampler how{bl::sample::temperature{given.temperature}, bl::sample::top_k{64},
                            bl::sample::top_p{0.95f}};
  bl::utf8_stream stream;  // holds back the bytes of a character that is not whole yet
  for (; written < given.bytes; ++written) {
    const bl::token id = generator->next(how, given.seed);
    if (id >= begin) break;  // the model ends its text
    show(stream.push(tokenizer.decode(std::span(&id, 1))));
  }
  // [readme:write]
  show(stream.flush() + "\n");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::fprintf(stderr, "[%ld bytes, %.0f bytes per second]\n", written,
               static_cast<double>(written) / std::max(seconds.count(), 1e-9));
}

}  // namespace

int main(int count, char** arguments) try {
  if (!examples::asked_for_help(count, arguments, usage)) generate(read_arguments(count, arguments));
} catch (const std::exception& failure) {
  std::fprintf(stderr, "01_generate: %s\n", failure.what());
  return 1;
}
